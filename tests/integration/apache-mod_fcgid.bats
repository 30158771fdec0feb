export SERVER=apache-mod_fcgid
load web_server

@test "apache-mod_fcgid: tokens" { check_granted; }
@test "apache-mod_fcgid: grant_type" { check_grant_type; }
@test "apache-mod_fcgid: malformed requests" { check_malformed; }
@test "apache-mod_fcgid: scope" { check_scope; }
@test "apache-mod_fcgid: bad credentials" { check_unauthorized; }
@test "apache-mod_fcgid: paths and methods" { check_paths_and_methods; }
@test "apache-mod_fcgid: keys and metadata" { check_published; }
@test "apache-mod_fcgid: bodies" { check_bodies; }
@test "apache-mod_fcgid: encodings of credentials" { check_encodings; }
@test "apache-mod_fcgid: HTTPS" { check_tls; }
@test "apache-mod_fcgid: SIGHUP while requests go on" { check_reload server; }
@test "apache-mod_fcgid: SIGTERM to the processes with requests in flight" { check_terminate server; }
@test "apache-mod_fcgid: graceful restart while requests go on" { check_graceful_restart; }
@test "apache-mod_fcgid: ends, and leaves nothing behind" { check_end; }
