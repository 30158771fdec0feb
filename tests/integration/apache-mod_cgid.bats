export SERVER=apache-mod_cgid
load web_server

@test "apache-mod_cgid: tokens are issued as the contract says" { check_granted; }
@test "apache-mod_cgid: another grant_type is refused" { check_grant_type; }
@test "apache-mod_cgid: malformed requests are refused" { check_malformed; }
@test "apache-mod_cgid: only granted scopes are issued" { check_scope; }
@test "apache-mod_cgid: bad credentials have one answer" { check_unauthorized; }
@test "apache-mod_cgid: other paths and methods are refused" { check_paths_and_methods; }
@test "apache-mod_cgid: keys and metadata are published" { check_published; }
@test "apache-mod_cgid: bodies arrive whole, and large ones are refused" { check_bodies; }
@test "apache-mod_cgid: credentials arrive in every encoding" { check_encodings; }
@test "apache-mod_cgid: the answer over HTTPS is the same" { check_tls; }
@test "apache-mod_cgid: unusable keys are answered 500" { check_keys_unusable; }
@test "apache-mod_cgid: a graceful restart fails no request" { check_graceful_restart; }
@test "apache-mod_cgid: it ends and leaves nothing behind" { check_end; }
