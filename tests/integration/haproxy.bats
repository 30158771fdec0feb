# HAProxy in front of the program, over FastCGI: it takes an answer to HEAD that has a body for a fault of the program.

load helper
load requests

setup_file() {
    make_folder
    add_request_accounts
    own "$DIR/etc"
    PORT=$(free_port)
    export PORT URL=http://127.0.0.1:$PORT/apiops/auth/token
    write_haproxy_conf >"$DIR/haproxy.cfg"
    TOKEN_CONF=$CONF start token.fcgi "$DIR/token.fcgi" -l "$DIR/run/token.sock"
    wait_until 'token.fcgi to listen' is_bound "$DIR/run/token.sock"
    start haproxy haproxy -db -f "$DIR/haproxy.cfg"
    wait_until 'haproxy to listen' is_listening "$PORT"
}

teardown() {
    show_logs
}

teardown_file() {
    remove_folder
}

write_haproxy_conf() {
    cat <<END
defaults
    mode http
    timeout connect ${PATIENCE}s
    timeout client ${PATIENCE}s
    timeout server ${PATIENCE}s
fcgi-app token
    docroot /
    path-info ^(/.+)()$
    pass-header Authorization
frontend clients
    bind 127.0.0.1:$PORT
    default_backend token
backend token
    use-fcgi-app token
    server token unix@$DIR/run/token.sock proto fcgi
END
}

@test "haproxy: tokens are issued as the contract says" { check_granted; }
@test "haproxy: bad credentials have one answer" { check_unauthorized; }
@test "haproxy: of two Authorization headers none is chosen" {
    local good='Authorization: Basic ZGVtbzpkZW1vLXNlY3JldA==' other
    granted 'one' 3600 'read write' -d "$GRANT" -H "$good"
    for other in 'Authorization: Basic eDp5' 'Authorization: Bearer abc' "$good"; do
        malformed "after: $other" -d "$GRANT" -H "$good" -H "$other"
        malformed "before: $other" -d "$GRANT" -H "$other" -H "$good"
    done
}
@test "haproxy: other paths and methods are refused" { check_paths_and_methods; }
@test "haproxy: keys and metadata are published" { check_published; }
