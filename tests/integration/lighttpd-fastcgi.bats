export SERVER=lighttpd-fastcgi
load web_server

@test "lighttpd-fastcgi: tokens" { check_granted; }
@test "lighttpd-fastcgi: grant_type" { check_grant_type; }
@test "lighttpd-fastcgi: malformed requests" { check_malformed; }
@test "lighttpd-fastcgi: scope" { check_scope; }
@test "lighttpd-fastcgi: bad credentials" { check_unauthorized; }
@test "lighttpd-fastcgi: paths and methods" { check_paths_and_methods; }
@test "lighttpd-fastcgi: keys and metadata" { check_published; }
@test "lighttpd-fastcgi: bodies" { check_bodies; }
@test "lighttpd-fastcgi: encodings of credentials" { check_encodings; }
@test "lighttpd-fastcgi: HTTPS" { check_tls; }
@test "lighttpd-fastcgi: SIGHUP while requests go on" { check_reload server; }
@test "lighttpd-fastcgi: SIGTERM with requests in flight" { check_terminate server; }
@test "lighttpd-fastcgi: graceful restart while requests go on" { check_graceful_restart; }
@test "lighttpd-fastcgi: kill -9 while requests go on" { check_killed server; }
@test "lighttpd-fastcgi: ends, and leaves nothing behind" { check_end; }
