export SERVER=apache-mod_fcgid
load web_server

@test "apache-mod_fcgid: tokens are issued as the contract says" { check_granted; }
@test "apache-mod_fcgid: another grant_type is refused" { check_grant_type; }
@test "apache-mod_fcgid: malformed requests are refused" { check_malformed; }
@test "apache-mod_fcgid: only granted scopes are issued" { check_scope; }
@test "apache-mod_fcgid: bad credentials have one answer" { check_unauthorized; }
@test "apache-mod_fcgid: other paths and methods are refused" { check_paths_and_methods; }
@test "apache-mod_fcgid: keys and metadata are published" { check_published; }
@test "apache-mod_fcgid: bodies arrive whole, and large ones are refused" { check_bodies; }
@test "apache-mod_fcgid: credentials arrive in every encoding" { check_encodings; }
@test "apache-mod_fcgid: the answer over HTTPS is the same" { check_tls; }
@test "apache-mod_fcgid: SIGHUP fails no request" { check_reload server; }
@test "apache-mod_fcgid: SIGTERM to the processes finishes the requests in flight" { check_terminate server; }
@test "apache-mod_fcgid: a graceful restart fails no request" { check_graceful_restart; }
@test "apache-mod_fcgid: it ends and leaves nothing behind" { check_end; }
