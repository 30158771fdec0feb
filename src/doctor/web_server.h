/* What one writes in the configuration of a web server to mend a fault. */
#ifndef DOCTOR_WEB_SERVER_H
#define DOCTOR_WEB_SERVER_H

enum web_server_kind {
    WEB_SERVER_OTHER,
    WEB_SERVER_NGINX,
    WEB_SERVER_APACHE,
    WEB_SERVER_LIGHTTPD,
    WEB_SERVERS
};

enum web_fault {
    WEB_NOT_MOUNTED, /* the web server itself answers 404 */
    WEB_WRONG_PATH,  /* token.fcgi gets another path than the client asked for */
    WEB_NOT_REACHED, /* the web server answers 502 or 503 */
    WEB_NO_AUTHORIZATION,
    WEB_NO_CONTENT_TYPE,
    WEB_NO_METHOD,
    WEB_NO_BODY,
    WEB_NO_QUERY,
    WEB_NO_SOURCE,
    WEB_BALANCED, /* the source is that of a balancer */
    WEB_NO_HTTPS,
    WEB_BODY_LIMIT,
    WEB_NO_METADATA,
    WEB_FAULTS
};

/* `server` is the value of the header line Server. */
enum web_server_kind web_server_of(const char *server);
/* Returns "nginx", or "the web server" if it is not known. */
const char *web_server_name(enum web_server_kind kind);

enum { WEB_REMEDY_SIZE = 512 };

/* Writes the remedy, and returns `out`. `value` is what it is about: the path below which the endpoints are,
 * or the address of the balancer. */
const char *web_server_remedy(enum web_server_kind kind, enum web_fault fault, const char *value,
                              char out[WEB_REMEDY_SIZE]);

#endif
