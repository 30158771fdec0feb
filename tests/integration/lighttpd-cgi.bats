# shellcheck disable=SC2153 # request() sets STATUS
export SERVER=lighttpd-cgi
load web_server

@test "lighttpd-cgi: tokens are issued as the contract says" { check_granted; }
@test "lighttpd-cgi: another grant_type is refused" { check_grant_type; }
@test "lighttpd-cgi: malformed requests are refused" { check_malformed; }
@test "lighttpd-cgi: only granted scopes are issued" { check_scope; }
@test "lighttpd-cgi: bad credentials have one answer" { check_unauthorized; }
@test "lighttpd-cgi: other paths and methods are refused" { check_paths_and_methods; }
@test "lighttpd-cgi: a file beside the program is not served" {
    row 'a copy of the program'
    printf 'a copy\n' >"$DIR/token.fcgi.old"
    request "${URL%/token}.old"
    equal status "$STATUS" 404
}
@test "lighttpd-cgi: keys and metadata are published" { check_published; }
@test "lighttpd-cgi: bodies arrive whole, and large ones are refused" { check_bodies; }
@test "lighttpd-cgi: credentials arrive in every encoding" { check_encodings; }
@test "lighttpd-cgi: the answer over HTTPS is the same" { check_tls; }
@test "lighttpd-cgi: unusable keys are answered 500" { check_keys_unusable; }
@test "lighttpd-cgi: a graceful restart fails no request" {
    not_under_valgrind 'lighttpd waits 8 s for requests in flight, which so many processes of valgrind do not keep'
    check_graceful_restart
}
@test "lighttpd-cgi: it ends and leaves nothing behind" { check_end; }
