export SERVER=apache-mod_proxy_fcgi
load web_server

@test "apache-mod_proxy_fcgi: tokens are issued as the contract says" { check_granted; }
@test "apache-mod_proxy_fcgi: another grant_type is refused" { check_grant_type; }
@test "apache-mod_proxy_fcgi: malformed requests are refused" { check_malformed; }
@test "apache-mod_proxy_fcgi: only granted scopes are issued" { check_scope; }
@test "apache-mod_proxy_fcgi: bad credentials have one answer" { check_unauthorized; }
@test "apache-mod_proxy_fcgi: other paths and methods are refused" { check_paths_and_methods; }
@test "apache-mod_proxy_fcgi: keys and metadata are published" { check_published; }
@test "apache-mod_proxy_fcgi: bodies arrive whole, and large ones are refused" { check_bodies; }
@test "apache-mod_proxy_fcgi: credentials arrive in every encoding" { check_encodings; }
@test "apache-mod_proxy_fcgi: the answer over HTTPS is the same" { check_tls; }
@test "apache-mod_proxy_fcgi: SIGHUP fails no request" { check_reload token.fcgi; }
@test "apache-mod_proxy_fcgi: SIGTERM finishes the requests in flight" { check_terminate_behind_socket; }
@test "apache-mod_proxy_fcgi: a graceful restart fails no request" { check_graceful_restart; }
@test "apache-mod_proxy_fcgi: it ends and leaves nothing behind" { check_end; }
