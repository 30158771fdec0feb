# The units in conf/, and how systemd passes a socket.

bats_require_minimum_version 1.5.0
load helper
load standalone
load requests

setup() {
    make_standalone
}

teardown() {
    show_logs
    remove_folder
}

@test "a systemd socket with StandardInput=socket is served" {
    start token.fcgi systemd-socket-activate --inetd -E "TOKEN_CONF=$CONF" -l "$SOCKET" "$DIR/token.fcgi"
    wait_until 'answers' issues "$SOCKET"
    is_program "$(pid_of token.fcgi)"
    kill -TERM "$(pid_of token.fcgi)"
    ends_with 0 token.fcgi
}

@test "systemd accepts the units" {
    local unit
    install_program "$TOKENSYNC" token-sync
    for unit in token.socket token.service token-sync.service; do
        sed "s|/usr/local/libexec|$DIR|" "$REPOSITORY/conf/$unit" >"$DIR/$unit"
    done
    grep -q "^ExecStart=$DIR/token.fcgi$" "$DIR/token.service"
    run systemd-analyze verify --man=no "$DIR/token.socket" "$DIR/token.service" "$DIR/token-sync.service"
    [[ $status -eq 0 ]] || fail "$output"
    # Of other units it may complain.
    [[ $output != *token* ]] || fail "$output"
}

@test "systemd-analyze security finds next to no exposure" {
    local unit
    for unit in token.service token-sync.service; do
        run systemd-analyze security --offline=yes --threshold=15 --no-pager "$REPOSITORY/conf/$unit"
        [[ $status -eq 0 ]] || fail "$output"
        [[ $output == *"Overall exposure level for $unit"* ]] || fail "$output"
    done
}

# pass COUNT [VARIABLE=VALUE…]: becomes token.fcgi, with COUNT descriptors from 3 on passed as systemd does.
# shellcheck disable=SC2317 # start and run call it
pass() {
    local count=$1
    shift
    exec env LISTEN_PID="$BASHPID" LISTEN_FDS="$count" "$@" "$DIR/token.fcgi"
}

@test "LISTEN_FDS: a systemd socket is served" {
    start token.fcgi systemd-socket-activate -E "TOKEN_CONF=$CONF" -l "$SOCKET" "$DIR/token.fcgi"
    wait_until 'answers' issues "$SOCKET"
    is_program "$(pid_of token.fcgi)"
    # Where systemd passed it, a second one would be read by nobody.
    [[ $(readlink "/proc/$(pid_of token.fcgi)/fd/0") == socket:* ]]
    [[ $(readlink "/proc/$(pid_of token.fcgi)/fd/3") != "$(readlink "/proc/$(pid_of token.fcgi)/fd/0")" ]]
    kill -TERM "$(pid_of token.fcgi)"
    ends_with 0 token.fcgi
}

@test "LISTEN_FDS: the address of -l is not opened" {
    start token.fcgi systemd-socket-activate -E "TOKEN_CONF=$CONF" -l "$SOCKET" "$DIR/token.fcgi" -l "$DIR/run/other"
    wait_until 'answers' issues "$SOCKET"
    [[ ! -e $DIR/run/other ]]
}

@test "LISTEN_FDS: two sockets are refused" {
    start token.fcgi systemd-socket-activate -E "TOKEN_CONF=$CONF" -l "$SOCKET" -l "$DIR/run/other" "$DIR/token.fcgi"
    wait_until 'the socket' is_bound "$SOCKET"
    fastcgi "$SOCKET" '' >/dev/null 2>&1 || true
    ends_with 1 token.fcgi
    grep -F 'error: LISTEN_FDS: one socket can be served' "$DIR/log/token.fcgi.log"
}

@test "LISTEN_FDS: a descriptor that is no listening socket is refused" {
    run -1 pass 1 3</dev/null </dev/null
    [[ $output == *'error: LISTEN_FDS: descriptor 3 is not a listening socket'* ]] || fail "$output"
    run -1 pass many </dev/null
    [[ $output == *'error: LISTEN_FDS: one socket can be served'* ]] || fail "$output"
}

@test "LISTEN_FDS is ignored if LISTEN_PID is another process" {
    # It finds no socket then, and no request.
    run -2 pass 1 LISTEN_PID=$$ </dev/null
    run -2 pass 0 </dev/null
    run -2 pass 1 LISTEN_PID=1x </dev/null
    run -2 pass 1 LISTEN_PID= </dev/null
}
