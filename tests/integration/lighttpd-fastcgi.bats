export SERVER=lighttpd-fastcgi
load web_server

@test "lighttpd-fastcgi: tokens are issued as the contract says" { check_granted; }
@test "lighttpd-fastcgi: another grant_type is refused" { check_grant_type; }
@test "lighttpd-fastcgi: malformed requests are refused" { check_malformed; }
@test "lighttpd-fastcgi: only granted scopes are issued" { check_scope; }
@test "lighttpd-fastcgi: bad credentials have one answer" { check_unauthorized; }
@test "lighttpd-fastcgi: other paths and methods are refused" { check_paths_and_methods; }
@test "lighttpd-fastcgi: keys and metadata are published" { check_published; }
@test "lighttpd-fastcgi: bodies arrive whole, and large ones are refused" { check_bodies; }
@test "lighttpd-fastcgi: credentials arrive in every encoding" { check_encodings; }
@test "lighttpd-fastcgi: the answer over HTTPS is the same" { check_tls; }
@test "lighttpd-fastcgi: SIGHUP fails no request" { check_reload server; }
@test "lighttpd-fastcgi: SIGTERM finishes the requests in flight" { check_terminate server; }
@test "lighttpd-fastcgi: a graceful restart fails no request" { check_graceful_restart; }
@test "lighttpd-fastcgi: after kill -9 the next process serves" { check_killed server; }
@test "lighttpd-fastcgi: it ends and leaves nothing behind" { check_end; }
