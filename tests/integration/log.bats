# Logs that nobody reads: a request, SIGTERM and a check never wait for them. Syslog's socket /dev/log is one of the
# test's own, in a mount namespace.

bats_require_minimum_version 1.5.0
load helper
load requests
load standalone
load syslog

setup() {
    make_standalone
}

teardown() {
    show_logs
    remove_folder
}

is_refused() {
    [[ $(fastcgi "$SOCKET" "$GRANT&client_id=$1&client_secret=wrong") == *'Bad credentials'* ]]
}

answers_many() {
    local i
    for ((i = 0; i < 40; i++)); do
        issues "$SOCKET" || fail "no answer to request $i"
    done
}

terminates() {
    kill -TERM "$(pid_of token.fcgi)"
    ends_with 0 token.fcgi
}

@test "syslog: a daemon that does not read blocks no request, no SIGTERM, no check and no CGI" {
    needs_mount_namespace
    configure log syslog
    start_syslogd hung
    start token.fcgi with_dev "$DIR/token.fcgi" -l "$SOCKET"
    wait_until "answers" issues "$SOCKET"
    answers_many
    kill -HUP "$(pid_of token.fcgi)"
    answers_many
    run with_dev timeout "$PATIENCE" "$DIR/token.fcgi" -t
    [[ $status -eq 0 && $output != *syslog* ]] || fail "$output"
    run with_dev env REQUEST_METHOD=GET SCRIPT_NAME=/apiops/auth PATH_INFO=/token timeout "$PATIENCE" "$DIR/token.fcgi"
    [[ $output == *'Status: 405'* ]] || fail "$output"
    terminates
}

@test "syslog: messages as syslog(3) sends them; none is missing after the daemon was restarted" {
    needs_mount_namespace
    configure log syslog
    start_syslogd
    start token.fcgi with_dev "$DIR/token.fcgi" -l "$SOCKET"
    wait_until "answers" issues "$SOCKET"
    wait_until 'a message' is_in_messages \
        "^<86>[A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8} token\.fcgi\[$(pid_of token.fcgi)\]: outcome=issued "
    is_refused before
    wait_until 'a message' is_in_messages "^<84>.*: outcome=refused .* client_id=\"before\" "
    stop syslogd
    is_refused meanwhile
    start_syslogd
    is_refused after
    wait_until 'a message' is_in_messages 'client_id="after"'
    is_in_messages 'client_id="meanwhile"'
    run ! is_in_messages 'lost:'
    terminates
    wait_until 'a message' is_in_messages ': stopped$'
}

@test "syslog: without a daemon -t and the start warn, and lines wait for one that starts later" {
    needs_mount_namespace
    configure log syslog
    run with_dev "$DIR/token.fcgi" -t
    [[ $status -eq 0 && $output == *'warning: '*'no syslog daemon listens at /dev/log: No such file or directory'* ]] ||
        fail "$output"
    start token.fcgi with_dev "$DIR/token.fcgi" -l "$SOCKET"
    wait_until "answers" issues "$SOCKET"
    grep -q 'warning: .*no syslog daemon listens at /dev/log' "$DIR/log/token.fcgi.log"
    is_refused before
    start_syslogd
    wait_until 'a message' is_in_messages 'client_id="before"'
    is_in_messages 'no syslog daemon listens at /dev/log'
    terminates
}

# Full already: what the program writes has no room.
make_full_pipe() {
    mkfifo "$DIR/log/pipe"
    own "$DIR/log/pipe"
    exec 7<>"$DIR/log/pipe"
    ! timeout "$PATIENCE" dd if=/dev/zero of="$DIR/log/pipe" bs=4096 oflag=nonblock conv=notrunc 2>/dev/null
}

with_stderr_to_pipe() {
    exec 7>&- 2>"$DIR/log/pipe" "$@"
}

@test "standard error: a pipe that nobody reads blocks neither a request nor SIGTERM" {
    make_full_pipe
    configure log stderr
    # Valgrind can be in no sandbox.
    [[ -n ${UNDER:-} ]] || configure sandbox yes
    start token.fcgi with_stderr_to_pipe "$DIR/token.fcgi" -l "$SOCKET"
    wait_until "answers" issues "$SOCKET"
    answers_many
    kill -HUP "$(pid_of token.fcgi)"
    answers_many
    terminates
    exec 7>&-
}

@test "a log file on a full disk, or a FIFO that nobody reads, blocks no request" {
    local log
    make_full_pipe
    for log in "$DIR/log/pipe" /dev/full; do
        configure log "$log"
        start token.fcgi "$DIR/token.fcgi" -l "$SOCKET"
        wait_until "answers" issues "$SOCKET"
        answers_many
        terminates
    done
    exec 7>&-
}

every_line_is_json() {
    jq -se 'length > 0 and all(.time and .level and (.message or .outcome))' "$DIR/log/token.log" >/dev/null
}

@test "log_format = json: every line is an object, also after SIGHUP and of plain CGI; text comes back" {
    configure log_format json
    start token.fcgi "$DIR/token.fcgi" -l "$SOCKET"
    wait_until "answers" issues "$SOCKET"
    is_refused "x%22%7D"
    is_refused 'x%22%7D%E2%80%AE%FF'
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the reload' grep -q '"message":"reloaded: ' "$DIR/log/token.log"
    env -i REQUEST_METHOD=GET SCRIPT_NAME=/apiops/auth/none UNIQUE_ID='a"b' "TOKEN_CONF=$CONF" "$DIR/token.fcgi" >/dev/null
    wait_until 'the line' grep -q '"request_id":"a\\"b"' "$DIR/log/token.log"
    every_line_is_json
    run jq -se 'map(select(.outcome == "issued")) | first | .jti, .kid, .lifetime, .line, .ms' "$DIR/log/token.log"
    [[ $status -eq 0 ]] || fail "$output"
    configure log_format text
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'text' grep -q ' info reloaded: ' "$DIR/log/token.log"
    terminates
}
