export SERVER=lighttpd-cgi
load web_server

@test "lighttpd-cgi: tokens" { check_granted; }
@test "lighttpd-cgi: grant_type" { check_grant_type; }
@test "lighttpd-cgi: malformed requests" { check_malformed; }
@test "lighttpd-cgi: scope" { check_scope; }
@test "lighttpd-cgi: bad credentials" { check_unauthorized; }
@test "lighttpd-cgi: paths and methods" { check_paths_and_methods; }
@test "lighttpd-cgi: keys and metadata" { check_published; }
@test "lighttpd-cgi: bodies" { check_bodies; }
@test "lighttpd-cgi: encodings of credentials" { check_encodings; }
@test "lighttpd-cgi: HTTPS" { check_tls; }
@test "lighttpd-cgi: keys that cannot be used" { check_keys_unusable; }
@test "lighttpd-cgi: graceful restart while requests go on" {
    not_under_valgrind 'lighttpd waits 8 s for requests in flight, which so many processes of valgrind do not keep'
    check_graceful_restart
}
@test "lighttpd-cgi: ends, and leaves nothing behind" { check_end; }
