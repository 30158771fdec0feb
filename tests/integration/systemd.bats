# The units in conf/, and how systemd passes a socket.

load helper
load standalone
load requests

setup() {
    make_folder
    add_account demo demo-secret
    own "$DIR/etc"
    SOCKET=$DIR/run/token.sock
    export TOKEN_CONF=$CONF
}

teardown() {
    show_logs
    remove_folder
}

@test "a systemd socket with StandardInput=socket" {
    start token.fcgi systemd-socket-activate --inetd -E "TOKEN_CONF=$CONF" -l "$SOCKET" "$DIR/token.fcgi"
    wait_until 'answers' issues "$SOCKET"
    is_program "$(pid_of token.fcgi)"
    kill -TERM "$(pid_of token.fcgi)"
    ends_with 0 token.fcgi
}

@test "systemd accepts the units" {
    local unit
    for unit in token.socket token.service; do
        sed "s|/usr/local/libexec|$DIR|" "$REPOSITORY/conf/$unit" >"$DIR/$unit"
    done
    grep -q "^ExecStart=$DIR/token.fcgi$" "$DIR/token.service"
    run systemd-analyze verify --man=no "$DIR/token.socket" "$DIR/token.service"
    [[ $status -eq 0 ]] || fail "$output"
    # Of other units it may complain.
    [[ $output != *token* ]] || fail "$output"
}

@test "systemd counts next to nothing that the service could do harm by" {
    run systemd-analyze security --offline=yes --threshold=15 --no-pager "$REPOSITORY/conf/token.service"
    [[ $status -eq 0 ]] || fail "$output"
    [[ $output == *'Overall exposure level for token.service'* ]] || fail "$output"
}
