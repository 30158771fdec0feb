# Each file of conf/ as it stands, with its own paths and ports and the commands at its head, on Debian's own paths.

load helper

setup() {
    not_under_valgrind 'the program that is installed is not a script'
    ((EUID == 0)) || skip 'namespaces with the users of the machine take root'
    unshare --net --mount true 2>/dev/null || skip 'no namespaces can be made here'
    FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/token-shipped.XXXXXX")
    chmod 0755 "$FOLDER"
}

teardown() {
    [[ -z ${FOLDER:-} ]] || rm -rf "$FOLDER"
}

# All that is started in the namespaces ends with the first process in them.
as_shipped() {
    unshare --net --mount --pid --fork --kill-child --mount-proc \
        bash "$REPOSITORY/tests/integration/as_shipped.bash" "$FOLDER" "$@" 3>&- 4>&-
}

@test "as shipped: nginx.conf" { as_shipped check_server nginx.conf ''; }
@test "as shipped: lighttpd-fastcgi.conf" { as_shipped check_server lighttpd-fastcgi.conf /var/log/lighttpd/breakage.log; }
@test "as shipped: lighttpd-fastcgi.conf, as a daemon" {
    as_shipped check_server lighttpd-fastcgi.conf /var/log/lighttpd/breakage.log 's/^lighttpd -D/lighttpd/'
}
@test "as shipped: lighttpd-cgi.conf" { as_shipped check_server lighttpd-cgi.conf /var/log/lighttpd/breakage.log; }
@test "as shipped: lighttpd-cgi.conf, as a daemon" {
    as_shipped check_server lighttpd-cgi.conf /var/log/lighttpd/breakage.log 's/^lighttpd -D/lighttpd/'
}
@test "as shipped: apache-mod_proxy_fcgi.conf" { as_shipped check_server apache-mod_proxy_fcgi.conf ''; }
@test "as shipped: apache-mod_fcgid.conf" { as_shipped check_server apache-mod_fcgid.conf /var/log/apache2/error.log; }
@test "as shipped: apache-mod_cgid.conf" { as_shipped check_server apache-mod_cgid.conf /var/log/apache2/error.log; }
@test "as shipped: nginx-auth_request.conf" { as_shipped check_nginx_auth_request; }
@test "as shipped: nginx-auth_request.conf with its cache" { as_shipped check_nginx_cache; }
@test "as shipped: lighttpd-authorizer.conf" { as_shipped check_lighttpd_authorizer; }
@test "as shipped: apache-mod_authnz_fcgi.conf" { as_shipped check_apache_mod_authnz_fcgi; }
@test "as shipped: apache-mod_fcgid-access.conf" { as_shipped check_apache_mod_fcgid_access; }
@test "as shipped: Caddyfile" { as_shipped check_caddy; }
@test "as shipped: rewritten URLs and nginx-auth_request.conf" { as_shipped check_nginx_rewriting; }
@test "as shipped: rewritten URLs and lighttpd-authorizer.conf" { as_shipped check_lighttpd_rewriting; }
@test "as shipped: rewritten URLs and Caddyfile" { as_shipped check_caddy_rewriting; }
@test "as shipped: rewritten URLs and apache-mod_authnz_fcgi.conf" { as_shipped check_apache_rewriting apache-mod_authnz_fcgi.conf; }
@test "as shipped: rewritten URLs and apache-mod_fcgid-access.conf" {
    as_shipped check_apache_rewriting apache-mod_fcgid-access.conf
}
@test "as shipped: link-local clients behind Apache" { as_shipped check_link_local; }
@test "as shipped: fail2ban-filter.conf and fail2ban-jail.conf" { as_shipped check_fail2ban; }
@test "as shipped: token.service and token.socket" { as_shipped check_units; }
@test "as shipped: token.tmpfiles and token.conf" { as_shipped check_folders; }
@test "as shipped: /run/token and the web server's user" { as_shipped check_web_server_user; }
@test "as shipped: token.logrotate" { as_shipped check_logrotate; }
