export SERVER=nginx
load web_server

@test "nginx: tokens are issued as the contract says" { check_granted; }
@test "nginx: another grant_type is refused" { check_grant_type; }
@test "nginx: malformed requests are refused" { check_malformed; }
@test "nginx: only granted scopes are issued" { check_scope; }
@test "nginx: bad credentials have one answer" { check_unauthorized; }
@test "nginx: other paths and methods are refused" { check_paths_and_methods; }
@test "nginx: keys and metadata are published" { check_published; }
@test "nginx: bodies arrive whole, and large ones are refused" { check_bodies; }
@test "nginx: credentials arrive in every encoding" { check_encodings; }
@test "nginx: the answer over HTTPS is the same" { check_tls; }
@test "nginx: the log has nginx's ID of the request" {
    request "${DEMO[@]}" "$URL"
    wait_until 'the line' grep -qE 'outcome=issued .* request_id="[0-9a-f]{32}"$' "$DIR/log/token.log"
}
# nginx has a worker for each CPU of the machine, whichever of them it may use.
@test "nginx: connections are kept" { check_kept_connections "$(getconf _NPROCESSORS_ONLN)"; }
@test "nginx: SIGHUP fails no request" { check_reload token.fcgi; }
@test "nginx: SIGTERM finishes the requests in flight" { check_terminate_behind_socket; }
@test "nginx: a graceful restart fails no request" { check_graceful_restart; }
@test "nginx: it ends and leaves nothing behind" { check_end; }
