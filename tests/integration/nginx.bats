export SERVER=nginx
load web_server

@test "nginx: tokens" { check_granted; }
@test "nginx: grant_type" { check_grant_type; }
@test "nginx: malformed requests" { check_malformed; }
@test "nginx: scope" { check_scope; }
@test "nginx: bad credentials" { check_unauthorized; }
@test "nginx: paths and methods" { check_paths_and_methods; }
@test "nginx: keys and metadata" { check_published; }
@test "nginx: bodies" { check_bodies; }
@test "nginx: encodings of credentials" { check_encodings; }
@test "nginx: HTTPS" { check_tls; }
@test "nginx: the log has nginx's ID of the request" {
    request "${DEMO[@]}" "$URL"
    wait_until 'the line' grep -qE 'outcome=issued .* request_id="[0-9a-f]{32}"$' "$DIR/log/token.log"
}
@test "nginx: kept connections" { check_kept_connections "$(nproc)"; }
@test "nginx: SIGHUP while requests go on" { check_reload token.fcgi; }
@test "nginx: SIGTERM with requests in flight" { check_terminate_behind_socket; }
@test "nginx: graceful restart while requests go on" { check_graceful_restart; }
@test "nginx: ends, and leaves nothing behind" { check_end; }
