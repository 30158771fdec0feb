export SERVER=apache-mod_cgid
load web_server

@test "apache-mod_cgid: tokens" { check_granted; }
@test "apache-mod_cgid: grant_type" { check_grant_type; }
@test "apache-mod_cgid: malformed requests" { check_malformed; }
@test "apache-mod_cgid: scope" { check_scope; }
@test "apache-mod_cgid: bad credentials" { check_unauthorized; }
@test "apache-mod_cgid: paths and methods" { check_paths_and_methods; }
@test "apache-mod_cgid: keys and metadata" { check_published; }
@test "apache-mod_cgid: bodies" { check_bodies; }
@test "apache-mod_cgid: encodings of credentials" { check_encodings; }
@test "apache-mod_cgid: HTTPS" { check_tls; }
@test "apache-mod_cgid: keys that cannot be used" { check_keys_unusable; }
@test "apache-mod_cgid: graceful restart while requests go on" { check_graceful_restart; }
@test "apache-mod_cgid: ends, and leaves nothing behind" { check_end; }
