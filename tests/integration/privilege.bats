# Whom the program runs as, what the kernel still does for it, and what it says of that. Most of it can only be tried by
# root.

load helper
load requests

setup() {
    make_folder
    add_account demo demo-secret
    SOCKET=$DIR/run/token.sock
    export TOKEN_CONF=$CONF
}

teardown() {
    show_logs
    remove_folder
}

only_as_root() {
    [[ $EUID -eq 0 ]] || skip 'only root can become another user'
}

# The folder as `tokenctl init` leaves it to root, and what the README has root do then.
belongs_to_root() {
    chown -R root:root "$DIR/etc" "$DIR/log"
    chmod 0755 "$DIR/run"
    chown root:root "$DIR/run"
}

let_in() {
    chgrp "$1" "$DIR/etc/accounts" "$DIR/etc/keys.jwks"
    chmod 0640 "$DIR/etc/accounts" "$DIR/etc/keys.jwks"
    chown -R www-data "$DIR/etc/state"
}

# In a build with a sanitizer there is no sandbox.
has_sandbox() {
    ! grep -qaE '__(asan|tsan)_init' "$FCGI"
}

fastcgi() {
    env -i "PATH=$PATH" REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth PATH_INFO=/token QUERY_STRING= \
        CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#2} REMOTE_ADDR=127.0.0.1 \
        timeout "$PATIENCE" cgi-fcgi -bind -connect "$1" <<<"$2"
}

issues() {
    [[ $(fastcgi "$SOCKET" "$GRANT&client_id=demo&client_secret=${1:-demo-secret}") == *access_token* ]]
}

start_listening() {
    start token.fcgi "$@" "$DIR/token.fcgi" -l "$SOCKET"
    wait_until "answers on $SOCKET" issues
}

# status FIELD: of the running program, as /proc/PID/status has it.
status() {
    sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid_of token.fcgi)/status" | tr '\t' ' ' | sed 's/ *$//'
}

# is FIELD VALUE
is() {
    [[ $(status "$1") == "$2" ]] || fail "$1 is '$(status "$1")' instead of '$2'"
}

# refuses STATUS WORDS COMMAND…
refuses() {
    local expected=$1 words=$2
    shift 2
    run timeout "$PATIENCE" "$@"
    [[ $status -eq $expected ]] || fail "exit status $status instead of $expected: $output"
    [[ $output == *"$words"* ]] || fail "'$words' is not in: $output"
}

is_in_log() {
    grep -q -- "$1" "$DIR/log/token.log"
}

@test "user: everything of root is gone before the first request" {
    only_as_root
    belongs_to_root
    let_in www-data
    local user group
    user=$(id -u www-data) group=$(id -g www-data)
    start_listening
    is Uid "$user $user $user $user"
    is Gid "$group $group $group $group"
    is Groups "$(id -G www-data)"
    is CapEff 0000000000000000
    is CapPrm 0000000000000000
    [[ $(stat -c '%U %G %a' "$SOCKET") == 'www-data www-data 660' ]]
    [[ $(stat -c '%U %G %a' "$DIR/log/token.log") == 'www-data www-data 640' ]]
    ! is_in_log 'running as root' || fail 'it warns that it is running as root'
}

@test "user and group: the group is that of the socket, too" {
    only_as_root
    belongs_to_root
    let_in daemon
    configure group daemon
    start_listening
    is Gid "$(id -g daemon | awk '{ print $1, $1, $1, $1 }' )"
    [[ $(stat -c '%U %G %a' "$SOCKET") == 'www-data daemon 660' ]]
}

@test "group alone: root stays, and it says so" {
    only_as_root
    unconfigure user
    configure group daemon
    start_listening
    is Uid '0 0 0 0'
    is Groups "$(getent group daemon | cut -d : -f 3)"
    [[ $(stat -c '%U %G %a' "$SOCKET") == 'root daemon 660' ]]
    is_in_log 'warn .*running as root'
}

@test "reloading works when root is gone: SIGHUP, accounts, keys, and the log opened again" {
    only_as_root
    belongs_to_root
    let_in www-data
    chown www-data "$DIR/log"
    start_listening
    configure token_lifetime 77
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the reload' is_in_log reloaded
    tokenctl passwd demo <<<another-secret
    wait_until 'the new secret' issues another-secret
    tokenctl key rotate
    wait_until 'the new keys' is_in_log 'keys.jwks: 1 account, 0 unusable; 2 keys'
    mv "$DIR/log/token.log" "$DIR/log/token.log.1"
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the new log' test -s "$DIR/log/token.log"
    issues another-secret
    wait_until 'the line' is_in_log outcome=issued
}

@test "files that the user cannot read or write are reported at the start and by -t, with the command that mends it" {
    only_as_root
    belongs_to_root
    let_in www-data
    chmod 0600 "$DIR/etc/keys.jwks"
    refuses 1 "keys.jwks: user www-data may not read it; run: chgrp " "$DIR/token.fcgi" -l "$SOCKET"
    refuses 1 "keys.jwks: user www-data may not read it; run: chgrp " "$DIR/token.fcgi" -t
    refuses 1 "keys.jwks: user www-data may not read it; run: chgrp " "$DIR/tokenctl" -c "$CONF" check
    let_in www-data
    chown root "$DIR/etc/state"
    refuses 1 "run: chown -R www-data '$DIR/etc/state'" "$DIR/token.fcgi" -l "$SOCKET"
    let_in www-data
    rm -f "$DIR/log/token.log"
    : >"$DIR/log/token.log"
    refuses 1 "run: chown -R www-data '$DIR/log/token.log'" "$DIR/token.fcgi" -l "$SOCKET"
    rm "$DIR/log/token.log"
    chmod 0700 "$DIR/etc"
    refuses 1 "may not enter its folder; run: chgrp $(id -g www-data) '$DIR/etc' && chmod g+x" "$DIR/token.fcgi" -l "$SOCKET"
    chmod 0755 "$DIR/etc"
    start_listening
}

@test "a log that is missing in a folder of root's is made at the start, and -t reports no error" {
    only_as_root
    belongs_to_root
    let_in www-data
    rm -f "$DIR/log/token.log"
    run "$DIR/token.fcgi" -t
    [[ $status -eq 0 ]] || fail "$output"
    run "$DIR/tokenctl" -c "$CONF" check
    [[ $status -eq 0 ]] || fail "$output"
    [[ ! -e $DIR/log/token.log ]]
    start_listening
    stop token.fcgi
    # Where it is not made, as through a link, or not reached, both say so.
    mv "$DIR/log/token.log" "$DIR/log/moved"
    ln -s later "$DIR/log/token.log"
    refuses 1 'cannot be opened: Permission denied' "$DIR/token.fcgi" -t
    refuses 1 'cannot be opened: Permission denied' "$DIR/token.fcgi" -l "$SOCKET"
    rm "$DIR/log/token.log"
    chmod 0700 "$DIR/log"
    refuses 1 'may not enter its folder' "$DIR/token.fcgi" -t
    refuses 1 'may not enter its folder' "$DIR/token.fcgi" -l "$SOCKET"
}

@test "root without a user: a warning at the start, and by -t" {
    only_as_root
    unconfigure user
    start_listening
    is_in_log 'warn .*token.conf: running as root'
    run "$DIR/token.fcgi" -t
    [[ $status -eq 0 && $output == *"warning: $CONF: running as root"* ]] || fail "$output"
}

@test "another user that cannot be taken on is a warning; the own user is none" {
    only_as_root
    own "$DIR"
    configure user daemon
    start_listening setpriv --reuid www-data --regid www-data --init-groups
    is_in_log 'warn .*token.conf: user = daemon has no effect'
    configure user www-data
    configure group www-data
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the reload' is_in_log reloaded
    run setpriv --reuid www-data --regid www-data --init-groups "$DIR/token.fcgi" -t
    [[ $status -eq 0 && $output != *"warning: $CONF"* ]] || fail "$output"
    [[ $(grep -c 'has no effect' "$DIR/log/token.log") -eq 1 ]]
}

@test "a user or group that does not exist is an error with its line" {
    configure user nobody-knows
    refuses 1 'token.conf:' "$DIR/token.fcgi" -t
    refuses 1 'there is no user nobody-knows' "$DIR/token.fcgi" -l "$SOCKET"
    unconfigure user
    configure group nobody-knows
    refuses 1 'there is no group nobody-knows' "$DIR/token.fcgi" -t
    [[ ! -e $SOCKET ]]
}

# cgi BODY: one request of plain CGI.
cgi() {
    env -i "PATH=$PATH" "TOKEN_CONF=$CONF" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth \
        PATH_INFO=/token CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#1} REMOTE_ADDR=127.0.0.1 \
        timeout "$PATIENCE" "$DIR/token.fcgi" <<<"$1"
}

@test "plain CGI: root becomes the user as well" {
    only_as_root
    belongs_to_root
    let_in www-data
    [[ $(cgi "$GRANT&client_id=demo&client_secret=demo-secret") == *access_token* ]]
    [[ $(stat -c '%U %G %a' "$DIR/log/token.log") == 'www-data www-data 640' ]]
    chmod 0600 "$DIR/etc/keys.jwks"
    run cgi "$GRANT&client_id=demo&client_secret=demo-secret"
    [[ $output == *'Status: 500'* && $output == *'keys.jwks: user www-data may not read it'* ]] || fail "$output"
}

# with_links: as the program's user could put them there, to a file that is missing and to one that is empty.
with_links() {
    rm -rf "${DIR:?}/etc/state/"*
    : >"$DIR/log/empty"
    setpriv --reuid www-data --regid www-data --clear-groups ln -s "$DIR/log/made" "$DIR/etc/state/revoked.mdb"
    setpriv --reuid www-data --regid www-data --clear-groups ln -s "$DIR/log/empty" "$DIR/etc/state/throttle.mdb"
}

@test "tokenctl, run by root, has no root's rights in the state: a link there leads it to nothing" {
    local command token user
    only_as_root
    belongs_to_root
    let_in www-data
    token=$(tokenctl token demo)
    for user in www-data ''; do
        with_links
        [[ -n $user ]] || unconfigure user
        for command in 'revoke --id one' "revoke $token" "inspect $token" revoked 'throttle list' 'throttle clear 192.0.2.1' \
            'authenticate demo --from 192.0.2.1' check doctor; do
            # shellcheck disable=SC2086 # words
            run timeout "$PATIENCE" "$DIR/tokenctl" -c "$CONF" $command <<<demo-secret
            [[ ! -e $DIR/log/made ]] || fail "$command has made a file: $output"
            [[ ! -s $DIR/log/empty ]] || fail "$command has written a file: $output"
        done
        # What it makes there belongs to who uses it.
        rm "$DIR"/etc/state/*.mdb
        tokenctl revoke --id one
        [[ $(stat -c '%U %G %a' "$DIR/etc/state/revoked.mdb") == 'www-data www-data 600' ]]
        [[ $(tokenctl revoked) == *one* ]]
    done
}

@test "who may read the state folder cannot lock it, and stop the program" {
    local folder=$DIR/etc/state
    only_as_root
    belongs_to_root
    let_in www-data
    chmod 0755 "$folder"
    start lock setpriv --reuid nobody --regid nogroup --clear-groups \
        flock -F "$folder" sleep infinity
    is_held() { ! flock -n "$folder" true; }
    wait_until 'the lock' is_held
    [[ $(cgi "$GRANT&client_id=demo&client_secret=demo-secret") == *access_token* ]]
    start_listening
    timeout "$PATIENCE" "$DIR/tokenctl" -c "$CONF" revoke --id one
    [[ $(stat -c '%U %a' "$folder/.lock") == 'www-data 600' ]]
}

@test "the program writes no core file, and only root can debug it" {
    local pid
    start_listening
    pid=$(pid_of token.fcgi)
    # What cannot be dumped is root's in /proc.
    [[ $(stat -c %u "/proc/$pid/mem") -eq 0 ]]
    grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits"
    if [[ $EUID -eq 0 ]]; then
        is Uid "$(id -u www-data | awk '{ print $1, $1, $1, $1 }')"
        ! setpriv --reuid www-data --regid www-data --clear-groups head -c 1 "/proc/$pid/environ" || fail "it can be read"
    fi
}

@test "the sandbox is on unless the configuration says no" {
    has_sandbox || skip 'a build with a sanitizer has none'
    not_under_valgrind 'valgrind writes and executes memory itself, and so cannot be in one'
    start_listening
    is Seccomp 2
    is NoNewPrivs 1
    stop token.fcgi
    configure sandbox no
    start_listening
    is Seccomp 0
}

@test "in the sandbox it removes its socket, logs by syslog, and verifies many passwords at once" {
    local i
    configure log syslog
    start_listening
    for ((i = 0; i < 12; i++)); do
        start "request$i" fastcgi "$SOCKET" "$GRANT&client_id=demo&client_secret=wrong$i"
    done
    for ((i = 0; i < 12; i++)); do
        wait "$(pid_of "request$i")"
        rm "$DIR/pids/request$i"
        grep -q 'Bad credentials' "$DIR/log/request$i.log" || fail "$(cat "$DIR/log/request$i.log")"
    done
    stop token.fcgi
    [[ ! -e $SOCKET ]]
}

@test "a folder that everybody can write is a warning" {
    chmod 0777 "$DIR/etc"
    run "$DIR/token.fcgi" -t
    [[ $status -eq 0 && $output == *"keys.jwks: its folder, mode 0777, lets everybody replace it; run: chmod o-w "* ]] ||
        fail "$output"
}
