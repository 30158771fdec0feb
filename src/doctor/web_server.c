#include "doctor/web_server.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const names[WEB_SERVERS] = {[WEB_SERVER_OTHER] = "the web server",
                                               [WEB_SERVER_NGINX] = "nginx",
                                               [WEB_SERVER_APACHE] = "Apache",
                                               [WEB_SERVER_LIGHTTPD] = "lighttpd"};

/* A server without a remedy of its own has that of the others. A value is put in place of each @. */
static const char *const remedies[WEB_FAULTS][WEB_SERVERS] = {
    [WEB_NOT_MOUNTED] = {"pass this path and all below it to token.fcgi, as the files in conf/ do",
                         "write: location @/ { fastcgi_pass unix:/run/token/token.sock; }",
                         "write: ProxyPass \"unix:/run/token/token.sock|fcgi://token.fcgi@/\" in "
                         "<Location \"@/\">, or "
                         "AliasMatch for mod_fcgid and mod_cgid",
                         "its fastcgi.server or cgi.assign for this path must be there, with \"check-local\" "
                         "=> \"disable\", and "
                         "server.modules must have mod_fastcgi"},
    [WEB_WRONG_PATH] =
        {"SCRIPT_NAME and PATH_INFO together must be the path that the client asked for",
         "write: fastcgi_param SCRIPT_NAME $fastcgi_script_name; and fastcgi_pass without a rewrite",
         "no RewriteRule may change the path, and AliasMatch must name the program without a path behind it",
         "no url.rewrite may change the path, and fastcgi.server must not be for a part of it"},
    [WEB_NOT_REACHED] = {"its configuration must name the socket that token.fcgi listens at",
                         "fastcgi_pass must name that socket, and nginx's error log says what happened",
                         "ProxyPass must name that socket (with mod_fcgid, AliasMatch the program), and "
                         "Apache's error log says what happened",
                         "\"socket\" or \"bin-path\" of fastcgi.server must be right, and lighttpd's error "
                         "log says what happened"},
    [WEB_NO_AUTHORIZATION] =
        {"have it pass this header",
         "take out: fastcgi_pass_request_headers off, and fastcgi_param HTTP_AUTHORIZATION",
         "write: CGIPassAuth On, and with mod_fcgid also: FcgidPassHeader Authorization",
         "have it pass this header: setenv.set-request-header may not empty it"},
    [WEB_NO_CONTENT_TYPE] = {"have it pass CONTENT_TYPE", "write: fastcgi_param CONTENT_TYPE $content_type;"},
    [WEB_NO_METHOD] = {"have it pass REQUEST_METHOD, and let POST through",
                       "write: fastcgi_param REQUEST_METHOD $request_method;"},
    [WEB_NO_BODY] = {"have it pass CONTENT_LENGTH and the body",
                     "write: fastcgi_param CONTENT_LENGTH $content_length; and take out: "
                     "fastcgi_pass_request_body off"},
    [WEB_NO_QUERY] = {"have it pass QUERY_STRING", "write: fastcgi_param QUERY_STRING $query_string;"},
    [WEB_NO_SOURCE] = {"have it pass the client's address in REMOTE_ADDR",
                       "write: fastcgi_param REMOTE_ADDR $remote_addr;"},
    [WEB_BALANCED] =
        {"have the web server take the client's address from what the balancer adds",
         "write: set_real_ip_from @; real_ip_header X-Forwarded-For;",
         "load mod_remoteip, and write: RemoteIPHeader X-Forwarded-For, and RemoteIPInternalProxy "
         "@",
         "load mod_extforward, and write: extforward.forwarder = ( \"@\" => \"trust\" )"},
    [WEB_NO_HTTPS] = {"have it pass HTTPS = on", "write: fastcgi_param HTTPS $https if_not_empty;"},
    [WEB_BODY_LIMIT] = {"raise its limit above max_body of token.conf", "write: client_max_body_size 64k;",
                        "write: LimitRequestBody 65536, and with mod_fcgid: FcgidMaxRequestLen 1048576",
                        "write: server.max-request-size = 64"},
    [WEB_NO_METADATA] =
        {"pass this path to token.fcgi, too, as the files in conf/ do",
         "write: location ~ ^/\\.well-known/(oauth-authorization-server|openid-configuration)@/?$ { "
         "fastcgi_pass …; }",
         "give this path a ProxyPass or AliasMatch of its own", "match this path, too, in $HTTP[\"url\"]"},
};

enum web_server_kind web_server_of(const char *server)
{
    for (int kind = WEB_SERVER_NGINX; kind < WEB_SERVERS; kind++) {
        if (strncasecmp(server, names[kind], strlen(names[kind])) == 0)
            return (enum web_server_kind)kind;
    }
    return WEB_SERVER_OTHER;
}

const char *web_server_name(enum web_server_kind kind)
{
    return names[kind];
}

const char *web_server_remedy(enum web_server_kind kind, enum web_fault fault, const char *value,
                              char out[WEB_REMEDY_SIZE])
{
    const char *own = remedies[fault][kind];
    const char *rest = own != NULL ? own : remedies[fault][WEB_SERVER_OTHER];
    size_t used = 0;
    out[0] = '\0';
    while (*rest != '\0' && used < WEB_REMEDY_SIZE) {
        const int length = (int)strcspn(rest, "@");
        const bool has_value = rest[length] == '@';
        used += (size_t)snprintf(out + used, WEB_REMEDY_SIZE - used, "%.*s%s", length, rest,
                                 has_value ? value : "");
        rest += length + has_value;
    }
    return out;
}
