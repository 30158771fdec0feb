export SERVER=apache-mod_proxy_fcgi
load web_server

@test "apache-mod_proxy_fcgi: tokens" { check_granted; }
@test "apache-mod_proxy_fcgi: grant_type" { check_grant_type; }
@test "apache-mod_proxy_fcgi: malformed requests" { check_malformed; }
@test "apache-mod_proxy_fcgi: scope" { check_scope; }
@test "apache-mod_proxy_fcgi: bad credentials" { check_unauthorized; }
@test "apache-mod_proxy_fcgi: paths and methods" { check_paths_and_methods; }
@test "apache-mod_proxy_fcgi: keys and metadata" { check_published; }
@test "apache-mod_proxy_fcgi: bodies" { check_bodies; }
@test "apache-mod_proxy_fcgi: encodings of credentials" { check_encodings; }
@test "apache-mod_proxy_fcgi: HTTPS" { check_tls; }
@test "apache-mod_proxy_fcgi: SIGHUP while requests go on" { check_reload token.fcgi; }
@test "apache-mod_proxy_fcgi: SIGTERM with requests in flight" { check_terminate_behind_socket; }
@test "apache-mod_proxy_fcgi: graceful restart while requests go on" { check_graceful_restart; }
@test "apache-mod_proxy_fcgi: ends, and leaves nothing behind" { check_end; }
