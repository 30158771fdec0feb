# token-sync: several machines count failures and end tokens together, through a real Redis; and what happens where that,
# the network between or another machine is not as it should be.

# Each test is a subshell, with variables of its own.
# shellcheck disable=SC2030,SC2031

load helper
load requests
load standalone
load sync

setup_file() {
    make_folder
    add_account demo demo-secret
    sed -i '/^demo:/s/$/ introspect/' "$DIR/etc/accounts"
    make_machines one two three
}

teardown_file() {
    remove_folder
}

# Each test has machines that know nothing.
setup() {
    local machine
    for machine in one two three; do
        rm -rf "${DIR:?}/$machine"
        make_machine "$machine"
    done
    rm -f "$DIR"/log/*.log
}

teardown() {
    local name
    show_logs
    for name in "$DIR"/pids/*; do
        [[ ! -e $name ]] || stop "${name##*/}"
    done
}

# --- What it is for --------------------------------------------------------------------------------------------

@test "a token that is revoked on one machine is revoked on the others" {
    local token jti
    start_redis
    start_sync one two three
    token=$(ctl one token demo)
    jti=$(cut -d. -f2 <<<"$token" | tr _- /+ | base64 -d 2>/dev/null | jq -r .jti)
    ctl one revoke "$token"
    all_have lists two three -- "$jti"
    ctl two revoke --id another --expires +1h
    all_have lists one three -- another
}

# The responder of a machine on a socket of its own.
start_responder() {
    local machine=$1
    start "responder-$machine" "$DIR/token.fcgi" -c "$DIR/$machine/token.conf" -l "$DIR/run/$machine.sock"
    wait_until "$machine answers" is_answering "$machine"
}

is_answering() {
    fastcgi "$DIR/run/$1.sock" "$GRANT&client_id=nobody&client_secret=x" 2>/dev/null | grep -q '^Status:'
}

# status MACHINE CLIENT_ID SECRET
status() {
    fastcgi "$DIR/run/$1.sock" "$GRANT&client_id=$2&client_secret=$3" | sed -n 's/^Status: \([0-9]*\).*/\1/p'
}

is_refused() {
    ctl "$1" throttle list --json | jq -e --arg id "$2" 'any(.[]?; .client_id == $id and .refused_until != null) or (.client_id? == $id and .refused_until? != null)' >/dev/null
}

# failures_of MACHINE COUNT: of demo.
failures_of() {
    [[ $(ctl "$1" throttle list --json |
        jq -s '[.. | objects | select(.client_id? == "demo") | .failures] | add // 0') == "$2" ]]
}

@test "failures are counted together; a success and the administrator clear them everywhere" {
    local machine
    for machine in one two; do
        set_key $machine throttle_failures 4
        set_key $machine throttle_source_failures 1000
    done
    start_redis
    start_sync one two
    [[ $(ctl two throttle clear -n demo 2>&1) == 'tokenctl: there are no failures of demo' ]]
    [[ $(ctl two throttle clear demo 2>&1) == 'tokenctl: there are no failures of demo here; other machines are told' ]]
    start_responder one
    start_responder two
    [[ $(status one demo wrong-1) -eq 401 && $(status two demo wrong-2) -eq 401 ]]
    all_have failures_of one two -- 2
    # The third one, and a match takes all of them back.
    [[ $(status one demo wrong-3) -eq 401 ]]
    all_have failures_of one two -- 3
    [[ $(status two demo demo-secret) -eq 200 ]]
    all_have failures_of one two -- 0
    # Two here, two there: both machines refuse, also the right secret.
    [[ $(status one demo wrong-4) -eq 401 && $(status one demo wrong-5) -eq 401 ]]
    [[ $(status two demo wrong-6) -eq 401 && $(status two demo wrong-7) -eq 401 ]]
    all_have is_refused one two -- demo
    [[ $(status one demo demo-secret) -eq 429 && $(status two demo demo-secret) -eq 429 ]]
    ctl two throttle clear demo
    all_have failures_of one two -- 0
    [[ $(status one demo demo-secret) -eq 200 && $(status two demo demo-secret) -eq 200 ]]
}

@test "an attacker whom a balancer spreads over three machines has one limit" {
    local admitted
    not_under_valgrind 'news takes too long there'
    start_redis
    start_sync one two three
    admitted=$(sync_state attack 10 200 600 "$DIR/one/state" "$DIR/two/state" "$DIR/three/state")
    # A slow machine has more on its way; alone each would have admitted 10.
    ((admitted >= 10 && admitted <= 20)) || fail "$admitted attempts were admitted"
}

# on_three_machines ACTION COUNT SECRET: by fcgi_client, as demo; "wrong" is another secret on each.
on_three_machines() {
    local machine clients=()
    for machine in one two three; do
        "$DIR/fcgi_client" "$DIR/run/$machine.sock" "$1" "$2" "$GRANT&client_id=demo&client_secret=${3/wrong/$machine}" \
            >"$DIR/run/answers-$machine" &
        clients+=($!)
    done
    wait "${clients[@]}"
}

@test "an attacker whom a balancer spreads over three machines has one limit, with hashes that take their time" {
    local machine admitted
    not_under_valgrind 'news takes too long there'
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -o "$DIR/fcgi_client" "$REPOSITORY/tests/integration/fcgi_client.c"
    start_redis
    start_sync one two three
    for machine in one two three; do
        set_key $machine throttle_failures 10
        set_key $machine throttle_source_failures 10000
        start_responder $machine
    done
    # A client that no machine knows yet is in flight on all of them, and is served.
    on_three_machines at-once 20 demo-secret
    [[ $(cat "$DIR"/run/answers-* | grep -c 200) -eq 60 ]]
    all_have failures_of one two three -- 0
    # A thousand attempts a second in all.
    on_three_machines paced 300 wrong
    admitted=$(cat "$DIR"/run/answers-* | grep -c 401)
    [[ $(cat "$DIR"/run/answers-* | grep -cE '^(401|429|503)$') -eq 900 ]]
    # Alone each would have admitted 10.
    ((admitted >= 10 && admitted <= 20)) || fail "$admitted attempts were admitted"
}

@test "without 'sync' nothing is put aside for others" {
    sed -i '/^sync/d' "$DIR/one/token.conf"
    ctl one revoke --id alone --expires +1h
    run "$DIR/token-sync" -c "$DIR/one/token.conf"
    [[ $status -eq 1 && $output == *"'sync' is not set"* ]] || fail "$output"
    set_key one sync "unix:$REDIS"
    set_key one sync_name one
    # What was revoked before is told when it is there.
    start_redis
    start_sync one two
    all_have lists two -- alone
}

@test "a machine that comes later learns all revocations before its endpoint starts" {
    start_redis
    start_sync one three
    sync_state revoke "$DIR/one/state" early 5000 0
    stop_sync one
    start_sync one
    # Then the engine has all of them.
    all_have has_revoked three -- early 5000
    set_key two sync_wait 300
    "$DIR/token-sync" -c "$DIR/two/token.conf" --wait
    has_revoked two early 5000
    logs two 'all revocations are known here: 5000 were new'
    # A second time there is nothing new.
    "$DIR/token-sync" -c "$DIR/two/token.conf" --wait
    logs two 'all revocations are known here: 0 were new'
}

@test "--wait ends after sync_wait where there is no engine" {
    local before=$SECONDS
    set_key two sync_wait 2
    run "$DIR/token-sync" -c "$DIR/two/token.conf" --wait
    [[ $status -eq 1 ]]
    logs two 'not all revocations are known here'
    ((SECONDS - before < PATIENCE))
    set_key two sync_wait 0
    run "$DIR/token-sync" -c "$DIR/two/token.conf" --wait
    [[ $status -eq 1 ]]
}

@test "--wait ends by SIGTERM" {
    set_key two sync_wait 300
    start waiting "$DIR/token-sync" -c "$DIR/two/token.conf" --wait
    wait_until 'its log' test -e "$DIR/log/two.log"
    stop waiting
}

# --- Faults of the engine --------------------------------------------------------------------------------------

@test "the engine is away for a while: all is made up for" {
    start sync-one "$DIR/token-sync" -c "$DIR/one/token.conf"
    start sync-two "$DIR/token-sync" -c "$DIR/two/token.conf"
    wait_until 'it says that the engine is away' logs one 'the engine is away, and this machine counts alone'
    sync_state revoke "$DIR/one/state" away 2000 0
    sync_state fail "$DIR/two/state" 192.0.2.1 500 0
    start_redis
    all_have has_revoked two -- away 2000
    all_have has_counted one two -- 192.0.2.1 500
    # It is said once, not with each attempt.
    [[ $(grep -c 'the engine is away' "$DIR/log/one.log") -le 3 ]] || fail "$(cat "$DIR/log/one.log")"
}

@test "the engine is killed and starts again empty: a machine that comes then learns all, and nothing counts twice" {
    start_redis
    start_sync one two
    sync_state revoke "$DIR/one/state" before 1000 0
    sync_state fail "$DIR/one/state" 192.0.2.1 300 0
    sync_state fail "$DIR/two/state" 192.0.2.1 300 0
    all_have has_revoked two -- before 1000
    all_have has_counted one two -- 192.0.2.1 600
    stop redis KILL
    sync_state revoke "$DIR/two/state" meanwhile 1000 0
    sync_state fail "$DIR/two/state" 192.0.2.1 50 0
    forget_logs
    start_redis
    wait_until 'both are connected again' is_connected one
    wait_until 'both are connected again' is_connected two
    all_have has_revoked one -- meanwhile 1000
    start_sync three
    all_have has_revoked three -- before 1000
    all_have has_revoked three -- meanwhile 1000
    # The failures of the window, too: those of both, once.
    all_have has_counted one two three -- 192.0.2.1 650
    logs one 'all is read and sent again'
}

@test "another machine is quicker to fill the empty engine: the loss is seen all the same" {
    start_redis
    start_sync one two
    sync_state revoke "$DIR/one/state" first 100 0
    all_have has_revoked two -- first 100
    stop_sync one
    stop redis KILL
    start_redis
    sync_state revoke "$DIR/two/state" second 100 0
    wait_until 'two has begun to fill it' stream_is_longer_than 0
    start_sync one
    all_have has_revoked one -- second 100
    start_sync three
    all_have has_revoked three -- first 100
    all_have has_revoked three -- second 100
}

@test "the engine lost its last messages: they are sent again" {
    start_redis
    start_sync one two
    sync_state revoke "$DIR/one/state" kept 10 0
    all_have has_revoked two -- kept 10
    # As a replica that had not got them yet, which then became the master.
    sync_state revoke "$DIR/one/state" lost 10 0
    all_have has_revoked two -- lost 10
    stop_sync one
    redis xrevrange "$(stream revocations)" + - COUNT 1 | head -n 1 >"$DIR/run/last"
    redis xdel "$(stream revocations)" "$(<"$DIR/run/last")"
    start_sync one
    start_sync three
    all_have has_revoked three -- lost 10
    all_have has_revoked three -- kept 10
}

# put_message NAME [ID]: a revocation, which another machine sends.
put_message() {
    if [[ -n ${2:-} ]]; then
        export STREAM_ID=$2
    fi
    sync_state messages "$DIR/etc/keys.jwks" "$(stream revocations)" "$1" 1 | redis --pipe
    unset STREAM_ID
}

# A divided network may have two masters for a while.
@test "another engine takes over, which got other messages long ago: they are read" {
    local id ms last
    start_redis
    for last in as-read later; do
        put_message "here-$last"
        start_sync three
        all_have has_revoked three -- "here-$last" 1
        stop_sync three
        id=$(redis xrevrange "$(stream revocations)" + - COUNT 1 | head -n 1)
        ms=${id%-*}
        # The stream of the other one; its last message may have the ID that a message here had.
        redis del "$(stream revocations)"
        put_message "there-$last" $((ms - 120000))-0
        [[ $last != later ]] || id=$((ms + 1))-0
        put_message "last-$last" "$id"
        start_sync three
        all_have has_revoked three -- "last-$last" 1
        all_have has_revoked three -- "there-$last" 1
        stop_sync three
    done
}

@test "a stream is removed in which somebody had put a message of the future: what comes then is read" {
    local name
    start_redis
    start_sync one two
    start_responder two
    for name in failures revocations; do
        redis xadd "$(stream $name)" 18446744073709551615-18446744073709551615 of another >/dev/null
    done
    # Both of them, which the log says once.
    all_have metric_is two -- 'token_sync_ignored_total{reason="foreign"}' 2
    redis del "$(stream failures)" "$(stream revocations)"
    sync_state revoke "$DIR/one/state" behind 10 0
    sync_state fail "$DIR/one/state" 192.0.2.1 10 0
    all_have has_revoked two -- behind 10
    all_have has_counted two -- 192.0.2.1 10
}

@test "an engine that takes one connection and not the other is none" {
    local port
    start_redis
    redis config set maxclients 1
    port=$(free_port)
    start other redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$DIR/run"
    set_key one sync "unix:$REDIS 127.0.0.1:$port"
    set_key two sync "127.0.0.1:$port"
    start_sync two
    start sync-one "$DIR/token-sync" -c "$DIR/one/token.conf"
    wait_until 'it says so' logs one 'the engine is away.*its two connections go to two engines'
    sync_state revoke "$DIR/one/state" kept 10 0
    stop redis KILL
    all_have has_revoked two -- kept 10
}

@test "an engine without memory: the endpoint goes on, and all is made up for" {
    start_redis
    start_sync one two
    redis config set maxmemory 1 maxmemory-policy noeviction
    sync_state revoke "$DIR/one/state" full 1000 0
    sync_state fail "$DIR/one/state" 192.0.2.1 100 0
    wait_until 'the log says it' logs one 'the engine does not take what is sent: OOM'
    [[ $(sync_state revoked "$DIR/two/state" full 1000) -eq 0 ]]
    redis config set maxmemory 0
    all_have has_revoked two -- full 1000
    all_have has_counted one two -- 192.0.2.1 100
    [[ $(grep -c OOM "$DIR/log/one.log") -eq 1 ]] || fail "$(cat "$DIR/log/one.log")"
}

@test "a replica is not written: the connection is made to it when it is a master" {
    start_redis
    start_sync one two
    forget_logs
    redis replicaof 127.0.0.1 1
    sync_state revoke "$DIR/one/state" readonly 100 0
    wait_until 'the log says it' logs one 'it is a replica\|READONLY'
    redis replicaof no one
    all_have has_revoked two -- readonly 100
}

@test "an engine that does not answer is left after seconds, and comes back" {
    not_under_valgrind 'it waits for time limits'
    start_redis
    start_sync one two
    kill -STOP "$(pid_of redis)"
    sync_state revoke "$DIR/one/state" slow 100 0
    sync_state fail "$DIR/one/state" 192.0.2.1 100 0
    wait_until 'the log says it' logs one 'no answer in time'
    kill -CONT "$(pid_of redis)"
    all_have has_revoked two -- slow 100
    all_have has_counted one two -- 192.0.2.1 100
}

@test "an address that refuses, a name that nobody has and a folder: the next address is used" {
    local port
    port=$(free_port)
    set_key one sync "127.0.0.1:$port no-such-host.invalid:6379 unix:$DIR/run unix:$REDIS"
    start_redis
    start_sync one two
    sync_state revoke "$DIR/one/state" several 100 0
    all_have has_revoked two -- several 100
}

@test "a TCP port, by a name" {
    local port
    port=$(free_port)
    start_redis --port "$port" --bind 127.0.0.1
    set_key one sync "localhost:$port"
    set_key two sync "127.0.0.1:$port"
    start_sync one two
    sync_state revoke "$DIR/one/state" tcp 100 0
    all_have has_revoked two -- tcp 100
}

@test "Sentinels name the engine" {
    local master sentinel nobody
    master=$(free_port) sentinel=$(free_port) nobody=$(free_port)
    start_redis --port "$master" --bind 127.0.0.1
    start_sentinel "$sentinel" "$master"
    set_key one sync "sentinel:mymaster@127.0.0.1:$nobody 127.0.0.1:$sentinel"
    set_key two sync "sentinel:mymaster@localhost:$sentinel"
    start_sync one two
    logs one "connected to 127.0.0.1 port $master as one"
    sync_state revoke "$DIR/one/state" named 100 0
    all_have has_revoked two -- named 100
    set_key three sync "sentinel:another@127.0.0.1:$sentinel"
    start sync-three "$DIR/token-sync" -c "$DIR/three/token.conf"
    wait_until 'it says so' logs three 'the Sentinel does not know an engine of that name'
}

@test "passwords come from a file, and users from the engine's list" {
    start_redis_with_user '+auth +role +time +xadd +xread +xrange +xinfo|stream +xtrim +xdel +get +set'
    for machine in one two; do
        set_key $machine sync_user token
        set_key $machine sync_password_file "$DIR/run/password"
    done
    start_sync one two
    sync_state revoke "$DIR/one/state" user 100 0
    sync_state fail "$DIR/one/state" 192.0.2.1 100 0
    all_have has_revoked two -- user 100
    all_have has_counted two -- 192.0.2.1 100
    ! grep -r 'a-password' "$DIR/log" || fail 'the password is in a log'
    ! logs one NOPERM || fail 'it may not do something'
    # A wrong one, and one that everybody can read.
    printf 'another\n' >"$DIR/run/password"
    kill_sync one
    start sync-one "$DIR/token-sync" -c "$DIR/one/token.conf"
    wait_until 'it says so' logs one WRONGPASS
    chmod 0644 "$DIR/run/password"
    wait_until 'it says so' logs one "$DIR/run/password: mode 0644 lets everybody read it; run: chmod o-rwx"
    chmod 0600 "$DIR/run/password"
    : >"$DIR/run/password"
    wait_until 'it says so' logs one "$DIR/run/password: there is no password in its first line; write it there"
    forget_logs
    printf 'a-password' >"$DIR/run/password"
    own "$DIR/run/password"
    all_have is_connected one --
}

# What is wrong with the file, without its severity.
password_faults() {
    ctl one check 2>&1 >/dev/null | sed -n "s|^[a-z]*: \($DIR/run/password: .*\)|\1|p"
}

@test "what tokenctl check says of the password, token-sync says, too" {
    local fault
    start_redis_with_user '+@all'
    set_key one sync_user token
    set_key one sync_password_file "$DIR/run/password"
    # A fault, mended while it runs.
    : >"$DIR/run/password"
    fault=$(password_faults)
    [[ $fault == *'no password in its first line'* ]] || fail "$fault"
    start sync-one "$DIR/token-sync" -c "$DIR/one/token.conf"
    wait_until 'it says so at the start' logs one "error .* $fault"
    wait_until 'it says so when it connects' logs one "this machine counts alone: $fault"
    printf 'a-password\nold\n' >"$DIR/run/password"
    wait_until 'it is connected' is_connected one
    fault=$(password_faults)
    [[ $fault == *'more than one line'* ]] || fail "$fault"
    # A warning: it takes the first line.
    forget_logs
    kill -HUP "$(pid_of sync-one)"
    wait_until 'it says so at a reload' logs one "$fault"
    wait_until 'it is connected again' is_connected one
}

# Somebody who may change users.
admin() {
    REDISCLI_AUTH='admin' redis --user admin "$@"
}

# As token-sync.md has it. Connections go on while passwords come and go, as the engine asks only when they begin.
@test "another password, without a gap" {
    start_redis_with_user '+auth +role +time +xadd +xread +xrange +xinfo|stream +xtrim +xdel +get +set'
    printf 'user admin on >admin ~* &* +@all\n' >>"$DIR/run/users"
    stop redis
    start_redis --aclfile "$DIR/run/users"
    cp -p "$DIR/run/password" "$DIR/run/password-two"
    local machine
    for machine in one two; do
        set_key $machine sync_user token
    done
    set_key one sync_password_file "$DIR/run/password"
    set_key two sync_password_file "$DIR/run/password-two"
    start_sync one two
    [[ $(printf '>%s' new | admin -x ACL SETUSER token) == OK ]]
    # Each machine on its own: the other one has the old password meanwhile.
    for machine in one two; do
        forget_logs
        sync_state revoke "$DIR/$machine/state" "before-$machine" 100 0
        printf 'new\n' >"$DIR/run/password$([[ $machine == one ]] || echo -two)"
        kill -HUP "$(pid_of sync-$machine)"
        wait_until "$machine is connected again" is_connected $machine
        sync_state revoke "$DIR/$machine/state" "after-$machine" 100 0
        all_have has_revoked one two -- "before-$machine" 100
        all_have has_revoked one two -- "after-$machine" 100
        ! grep -E 'is away|WRONGPASS' "$DIR"/log/{one,two}.log || fail 'there is a gap'
    done
    forget_logs
    [[ $(printf '<%s' a-password | admin -x ACL SETUSER token) == OK ]]
    [[ $(admin ACL SAVE) == OK ]]
    [[ $(REDISCLI_AUTH=a-password redis --user token ping 2>&1) == *WRONGPASS* ]]
    kill_sync one
    start_sync one
    sync_state revoke "$DIR/one/state" new 100 0
    all_have has_revoked two -- new 100
    ! grep -E 'is away|WRONGPASS' "$DIR"/log/{one,two}.log || fail 'there is a gap'
    # What was saved is what the engine starts with.
    stop redis
    start_redis --aclfile "$DIR/run/users"
    wait_until 'two is connected again' is_connected two
}

@test "a user without rights is told which command it may not use" {
    start_redis_with_user '+auth +role +time +xread +xrange +xinfo|stream +get +set'
    set_key one sync_user token
    set_key one sync_password_file "$DIR/run/password"
    start_sync one
    sync_state revoke "$DIR/one/state" user 1 0
    wait_until 'it says so' logs one 'NOPERM.*xadd'
}

# --- Others in the engine --------------------------------------------------------------------------------------

@test "what is in the engine shows no client_id, no address and no token" {
    start_redis
    start_sync one two
    start_responder one
    status one a-client-id-that-is-secret wrong
    ctl one revoke --id a-jti-that-is-secret --expires +1h
    all_have lists two -- a-jti-that-is-secret
    wait_until 'the failure is there' redis_has_failures
    redis --no-raw xrange "$(stream failures)" - + >"$DIR/run/shown"
    redis --no-raw xrange "$(stream revocations)" - + >>"$DIR/run/shown"
    redis keys '*' >>"$DIR/run/shown"
    ! grep -E 'that-is-secret|127\.0\.0\.1|client' "$DIR/run/shown" || fail 'it shows'
}

redis_has_failures() {
    (($(redis xlen "$(stream failures)") > 0))
}

@test "messages of other programs, changed ones and those of the future are ignored and reported once" {
    local i value
    start_redis
    sync_state revoke "$DIR/one/state" good 10 0
    start_sync one
    wait_until 'it was sent' stream_is_longer_than 0
    for i in {1..50}; do
        redis xadd "$(stream revocations)" '*' m "garbage $i"
        redis xadd "$(stream failures)" '*' m "garbage $i"
        redis xadd "$(stream failures)" '*' another field of another program
        head -c 500 /dev/urandom | redis -x xadd "$(stream failures)" '*' m
        printf 'TS\002\003onelater' | redis -x xadd "$(stream failures)" '*' m
        printf 'TS\001\003one%0200d' "$i" | redis -x xadd "$(stream failures)" '*' m
    done >/dev/null
    start_sync two
    all_have has_revoked two -- good 10
    sync_state revoke "$DIR/one/state" more 10 0
    sync_state fail "$DIR/one/state" 192.0.2.1 10 0
    all_have has_revoked two -- more 10
    all_have has_counted two -- 192.0.2.1 10
    logs two 'another program uses the stream'
    logs two 'another version of this program'
    [[ $(grep -c 'another program uses the stream' "$DIR/log/two.log") -eq 1 ]]
    [[ $(wc -l <"$DIR/log/two.log") -lt 15 ]] || fail "$(cat "$DIR/log/two.log")"
}

# copy_stream FROM TO: every message once more, by who has the engine.
copy_stream() {
    python3 - "$REDIS" "$(stream "$1")" "$(stream "$2")" <<'END'
import socket
import sys

def send(stream, *words):
    data = b"*%d\r\n" % len(words)
    for word in words:
        data += b"$%d\r\n%s\r\n" % (len(word), word)
    stream.sendall(data)

def read(lines):
    line = lines.readline()
    if line[:1] == b"*":
        return [read(lines) for _ in range(int(line[1:]))]
    if line[:1] == b"$":
        return lines.read(int(line[1:]) + 2)[:-2]
    return line

stream = socket.socket(socket.AF_UNIX)
stream.connect(sys.argv[1])
lines = stream.makefile("rb")
send(stream, b"XRANGE", sys.argv[2].encode(), b"-", b"+")
for _, fields in read(lines):
    send(stream, b"XADD", sys.argv[3].encode(), b"*", *fields)
    read(lines)
END
}

@test "messages that are replayed, or put into the other stream, have no second effect" {
    start_redis
    start_sync one two
    sync_state fail "$DIR/one/state" 192.0.2.1 500 0
    all_have has_counted two -- 192.0.2.1 500
    copy_stream failures failures
    copy_stream failures revocations
    copy_stream revocations failures
    sync_state revoke "$DIR/one/state" behind 10 0
    sync_state fail "$DIR/one/state" 192.0.2.1 10 0
    all_have has_revoked two -- behind 10
    all_have has_counted one two -- 192.0.2.1 510
    # And all of it to one that comes later.
    start_sync three
    all_have has_counted three -- 192.0.2.1 510
}

# What an earlier process of this machine has sent is no sign of another one that has its name, or its state.
@test "who repeats messages of this machine makes it see no other one of its name" {
    start_redis
    sync_state fail "$DIR/one/state" 192.0.2.1 10 0
    sync_state revoke "$DIR/one/state" earlier 10 0
    start_sync one two
    all_have has_counted two -- 192.0.2.1 10
    all_have has_revoked two -- earlier 10
    stop_sync one
    sync_state fail "$DIR/two/state" 192.0.2.1 1 0
    start_sync one
    # Later than what may have been on its way.
    sleep 6
    copy_stream failures failures
    copy_stream revocations revocations
    sync_state fail "$DIR/two/state" 192.0.2.1 1 0
    all_have has_counted one two -- 192.0.2.1 12
    ! logs one 'another machine has' || fail "$(cat "$DIR/log/one.log")"
}

# memory_of NAME: the most that its process ever had, in MiB.
memory_of() {
    awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$(pid_of "$1")/status"
}

# has_sane_memory NAME: sanitizers have more of their own.
has_sane_memory() {
    local most=64
    ! nm "$TOKENSYNC" | grep -qE '__(asan|tsan)_init' || most=1000
    [[ -n ${UNDER:-} ]] || (($(memory_of "$1") < most)) || fail "$1 has $(memory_of "$1") MiB"
}

@test "large messages of another program are passed over, one after the other" {
    local _
    start_redis
    head -c 2000000 /dev/zero >"$DIR/run/large"
    for _ in {1..60}; do
        redis -x xadd "$(stream revocations)" '*' m <"$DIR/run/large"
        redis -x xadd "$(stream failures)" '*' m <"$DIR/run/large"
    done >/dev/null
    sync_state revoke "$DIR/one/state" behind 10 0
    sync_state fail "$DIR/one/state" 192.0.2.1 10 0
    start_sync one two
    all_have has_revoked two -- behind 10
    all_have has_counted two -- 192.0.2.1 10
    wait_until 'the log says it' logs two 'its answer is too large; is there something in the streams'
    has_sane_memory sync-two
    # One that knows nothing yet reads them, too.
    set_key three sync_wait 60
    "$DIR/token-sync" -c "$DIR/three/token.conf" --wait
    has_revoked three behind 10
}

# start_hostile COMMAND WHAT
start_hostile() {
    rm -f "$REDIS"
    start hostile python3 "$REPOSITORY/tests/integration/hostile_engine.py" "$REDIS" "$1" "$2"
    wait_until 'it listens' is_bound "$REDIS"
    chmod 0777 "$REDIS"
}

# says_with COMMAND WHAT TEXT: one says it with such an engine, keeps its memory, and ends when it is told to.
says_with() {
    start_hostile "$1" "$2"
    start sync-one "$DIR/token-sync" -c "$DIR/one/token.conf"
    wait_until "$1 $2: it says so" logs one "$3"
    has_sane_memory sync-one
    stop_sync one
    stop hostile
    forget_logs
}

@test "an engine whose answers are too large, too slow or nonsense" {
    local before command
    for command in ROLE GET XINFO XREAD XADD; do
        sync_state revoke "$DIR/one/state" "to-send-$command" 1 0
        says_with $command large 'its answer is too large'
    done
    says_with TIME slow 'no answer in time'
    says_with XREAD slow 'no answer in time'
    says_with TIME late 'connected to'
    # The endpoint does not wait for it, either.
    start_hostile XREAD slow
    set_key one sync_wait 1
    before=$SECONDS
    run "$DIR/token-sync" -c "$DIR/one/token.conf" --wait
    [[ $status -eq 1 ]]
    ((SECONDS - before < PATIENCE))
}

@test "a machine whose pepper differs is named" {
    start_redis
    jq '.pepper = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"' "$DIR/two/keys.jwks" >"$DIR/two/new"
    cat "$DIR/two/new" >"$DIR/two/keys.jwks"
    start_sync one two
    sync_state revoke "$DIR/two/state" other 10 0
    sync_state revoke "$DIR/one/state" own 10 0
    wait_until 'it is named' logs one 'machine "two": its messages are ignored, because its key set has another pepper'
    wait_until 'it is named' logs two 'machine "one": its messages are ignored, because its key set has another pepper'
    [[ $(sync_state revoked "$DIR/one/state" other 10) -eq 0 ]]
}

# fail_and_look TEXT: one more failure on one, and what two says.
fail_and_look() {
    sync_state fail "$DIR/one/state" 192.0.2.1 1 0 && logs two "$1"
}

@test "two machines with one name are told so, and exchange all the same" {
    start_redis
    set_key two sync_name one
    start sync-two "$DIR/token-sync" -c "$DIR/two/token.conf"
    start_sync one
    wait_until 'two is connected' logs two 'connected to .* as one$'
    sync_state revoke "$DIR/one/state" same 10 0
    all_have has_revoked two -- same 10
    # Messages right behind the start may be those of an earlier process.
    wait_until 'it says so' fail_and_look 'another machine has this name, too'
}

@test "a copy of the state folder on another machine is told" {
    start_redis
    sync_state fail "$DIR/one/state" 192.0.2.1 1 0
    cp "$DIR"/one/state/throttle.* "$DIR/two/state/"
    own "$DIR/two"
    start_sync one two
    wait_until 'it says so' fail_and_look 'another machine has a copy of this state folder'
}

@test "a key of another type in the place of a stream is reported" {
    start_redis
    redis set "$(stream revocations)" text
    start sync-one "$DIR/token-sync" -c "$DIR/one/token.conf"
    wait_until 'it says so' logs one WRONGTYPE
}

# --- Faults of this machine ------------------------------------------------------------------------------------

@test "killed again and again under load: every failure counts once on every machine" {
    local machine _
    start_redis
    start_sync one two three
    # In the background, so that bats does not wait for their descriptors.
    for machine in one two three; do
        start "load-$machine" "$DIR/sync_state" fail "$DIR/$machine/state" 192.0.2.1 1500 400
    done
    for _ in {1..12}; do
        for machine in one two three; do
            ((RANDOM % 2)) || continue
            kill_sync $machine
            start "sync-$machine" "$DIR/token-sync" -c "$DIR/$machine/token.conf"
        done
        sleep "0.$((RANDOM % 4))"
    done
    for machine in one two three; do
        wait_until 'the load is over' is_gone "$(pid_of "load-$machine")"
        rm -f "$DIR/pids/load-$machine"
    done
    all_have has_counted one two three -- 192.0.2.1 4500
}

@test "the state folder's files are replaced while it runs: it opens the new ones" {
    start_redis
    start_sync one two
    sync_state revoke "$DIR/one/state" old 10 0
    all_have has_revoked two -- old 10
    rm "$DIR"/one/state/*.mdb
    wait_until 'it says so' logs one 'its files were replaced'
    # The new file learns what the others know.
    all_have has_revoked one -- old 10
    sync_state revoke "$DIR/one/state" new 10 0
    all_have has_revoked two -- new 10
}

# with_little_disk KIB FOLDER: becomes token-sync, whose files may have KIB at most: a write beyond that fails, as on a full
# disk.
# shellcheck disable=SC2317 # start calls it
with_little_disk() {
    ulimit -f "$1"
    exec "$DIR/token-sync" -c "$DIR/$2/token.conf"
}

@test "a full disk: what does not fit is applied when there is place, and the log is not filled either" {
    not_under_valgrind 'it has files of its own'
    start_redis
    start_sync one
    start sync-two with_little_disk 500 two
    all_have is_connected two --
    sync_state revoke "$DIR/one/state" disk 50000 0
    wait_until 'it says so' logs two 'the state folder cannot be written'
    sync_state fail "$DIR/one/state" 192.0.2.1 20 0
    wait_until 'the other store has a place' has_counted two 192.0.2.1 20
    [[ $(wc -l <"$DIR/log/two.log") -lt 10 ]] || fail "$(cat "$DIR/log/two.log")"
    stop_sync two
    start_sync two
    all_have has_revoked two -- disk 50000
    all_have has_counted two -- 192.0.2.1 20
}

@test "one process for each state folder" {
    start_redis
    start_sync one
    run "$DIR/token-sync" -c "$DIR/one/token.conf"
    [[ $status -eq 1 ]]
    logs one 'another token-sync is running for this state folder'
}

@test "SIGHUP loads the configuration again, SIGTERM ends it with 0" {
    start_redis
    set_key one sync "unix:$DIR/run/nowhere.sock"
    start sync-one "$DIR/token-sync" -c "$DIR/one/token.conf"
    wait_until 'it is away' logs one 'the engine is away'
    set_key one sync nonsense
    kill -HUP "$(pid_of sync-one)"
    wait_until 'it keeps the old one' logs one 'the configuration was not loaded'
    set_key one sync "unix:$REDIS"
    mv "$DIR/log/one.log" "$DIR/log/one.old"
    kill -HUP "$(pid_of sync-one)"
    wait_until 'it has the new one, and a new log' is_connected one
    kill -TERM "$(pid_of sync-one)"
    ends_with 0 sync-one
}

@test "options, and configurations that it does not start with" {
    local option
    for option in -h --help; do
        run "$DIR/token-sync" $option
        [[ $status -eq 0 && $output == usage:* ]]
    done
    run "$DIR/token-sync" -V
    [[ $status -eq 0 && $output == 'token-sync '* ]]
    run "$DIR/token-sync" -x
    [[ $status -eq 2 ]]
    run "$DIR/token-sync" more
    [[ $status -eq 2 && $output == *'no argument is expected: more'* ]]
    run "$DIR/token-sync" -c "$DIR/missing"
    [[ $status -eq 1 ]]
    local value
    for value in 'nonsense' 'host' 'host:0' 'host:70000' 'unix:relative' 'sentinel:a' 'sentinel:@host:1' \
        'host:1 sentinel:a@host:1' '2001:db8::1:6379' '[::1]' '[::1]6379'; do
        set_key one sync "$value"
        run "$DIR/token-sync" -c "$DIR/one/token.conf"
        [[ $status -eq 1 && $output == *'token.conf:'*': sync '* ]] || fail "$value: $output"
    done
    set_key one sync "unix:$REDIS"
    printf '{"keys":[]}\n' >"$DIR/one/keys.jwks"
    run "$DIR/token-sync" -c "$DIR/one/token.conf"
    [[ $status -eq 1 ]]
}

# --- TLS -------------------------------------------------------------------------------------------------------

hiredis_has_tls() {
    ldd "$TOKENSYNC" | grep -q hiredis_ssl
}

@test "TLS is refused with a remedy where hiredis has none" {
    ! hiredis_has_tls || skip 'hiredis has TLS here'
    set_key one sync_tls yes
    run "$DIR/token-sync" -c "$DIR/one/token.conf"
    [[ $status -eq 1 ]]
    logs one 'the hiredis library of this build has no TLS'
}

# have_tls PORT: on the machines one and two, to an engine there, by its address and by its name.
have_tls() {
    hiredis_has_tls || skip 'the hiredis library has no TLS here: it has from release 1.0 on'
    make_authority trusted
    export SSL_CERT_FILE=$DIR/tls/trusted.pem
    set_key one sync "127.0.0.1:$1"
    set_key two sync "localhost:$1"
    set_key one sync_tls yes
    set_key two sync_tls yes
}

@test "TLS: an engine whose certificate the system trusts, by address and by name" {
    local port
    port=$(free_port)
    have_tls "$port"
    make_engine_certificate good trusted 2 IP:127.0.0.1,DNS:localhost
    start_redis_with_tls "$port" good
    start_sync one two
    ctl two doctor --url http://127.0.0.1:1 2>&1 | grep -E '^good +sync .* can log in'
    sync_state revoke "$DIR/one/state" tls 5000 0
    sync_state fail "$DIR/two/state" 192.0.2.1 500 0
    all_have has_revoked two -- tls 5000
    all_have has_counted one two -- 192.0.2.1 500
    # A connection that is lost is made again.
    forget_logs
    stop redis KILL
    start_redis_with_tls "$port" good
    all_have is_connected one two --
    sync_state revoke "$DIR/two/state" again 100 0
    all_have has_revoked one -- again 100
}

@test "TLS: Sentinels name the engine" {
    local master sentinel
    master=$(free_port) sentinel=$(free_port)
    have_tls "$master"
    make_engine_certificate good trusted 2 IP:127.0.0.1
    start_redis_with_tls "$master" good
    start_sentinel 0 "$master" "tls-port $sentinel" "tls-cert-file $DIR/tls/good.pem" "tls-key-file $DIR/tls/good.key" \
        "tls-ca-cert-file $SSL_CERT_FILE" 'tls-auth-clients no' 'tls-replication yes'
    set_key one sync "sentinel:mymaster@127.0.0.1:$sentinel"
    start_sync one
    logs one "connected to 127.0.0.1 port $master as one"
}

# doctor_says MACHINE PATTERN: of its engine.
doctor_says() {
    local said
    said=$(ctl "$1" doctor --url http://127.0.0.1:1 2>&1 || true)
    grep -E '^error +sync ' <<<"$said" | grep -q -- "$2" || fail "$said"
}

# refuses_certificate MACHINE PORT CERTIFICATE WHY: and sends nothing.
refuses_certificate() {
    start_redis_with_tls "$2" "$3"
    sync_state revoke "$DIR/$1/state" "$3" 10 0
    start "sync-$1" "$DIR/token-sync" -c "$DIR/$1/token.conf"
    wait_until "it refuses the certificate: $4" logs "$1" "counts alone: TLS: the certificate is refused: $4"
    stop_sync "$1"
    doctor_says "$1" "TLS: the certificate is refused: $4.*; give it a certificate for the name"
    ! logs "$1" 'connected to' || fail 'it is connected'
    [[ $(redis exists "$(stream revocations)") -eq 0 ]] || fail 'it has sent something'
    [[ $(grep -c 'is refused' "$DIR/log/$1.log") -eq 1 ]] || fail "$(cat "$DIR/log/$1.log")"
    stop redis
    forget_logs
}

@test "TLS: a certificate of another authority, for another name, or one that has expired is refused" {
    local port
    port=$(free_port)
    have_tls "$port"
    make_authority another
    make_engine_certificate foreign another 2 IP:127.0.0.1,DNS:localhost
    make_engine_certificate misnamed trusted 2 IP:127.0.0.2,DNS:api.example.com
    make_engine_certificate expired trusted 0 IP:127.0.0.1,DNS:localhost
    refuses_certificate one "$port" foreign 'unable to get local issuer certificate'
    refuses_certificate one "$port" misnamed 'IP address mismatch'
    refuses_certificate two "$port" misnamed 'hostname mismatch'
    refuses_certificate one "$port" expired 'certificate has expired'
}

@test "TLS: an engine that speaks none, and one that demands a certificate, are reported" {
    local port
    port=$(free_port)
    have_tls "$port"
    make_engine_certificate good trusted 2 IP:127.0.0.1
    start_redis --bind 127.0.0.1 --port "$port"
    start sync-one "$DIR/token-sync" -c "$DIR/one/token.conf"
    wait_until 'it says so' logs one 'counts alone: TLS: '
    stop_sync one
    doctor_says one "TLS: .*; have it speak TLS at this port (tls-port), or set sync_tls = no"
    stop redis
    forget_logs
    start_redis_with_tls "$port" good --tls-auth-clients yes --tls-ca-cert-file "$SSL_CERT_FILE"
    start sync-one "$DIR/token-sync" -c "$DIR/one/token.conf"
    wait_until 'it says so' logs one 'counts alone: TLS: the engine demands a certificate'
    doctor_says one 'TLS: the engine demands a certificate.*; run in its redis-cli: CONFIG SET tls-auth-clients optional'
}

# --- What is seen ----------------------------------------------------------------------------------------------

# health_is MACHINE STATE [UNSENT-REVOCATIONS]
health_is() {
    [[ $(get "$1" /health | jq -r '"\(.sync.state) \(.sync.unsent_revocations)"') == "$2 ${3:-0}" ]]
}

# metric_is MACHINE NAME VALUE
metric_is() {
    get "$1" /metrics | grep -qxF "$2 $3"
}

@test "health and metrics say whether the engine is there, and how far behind this machine is" {
    start_responder one
    all_have health_is one -- not_running
    start_redis
    start_sync one two
    all_have health_is one -- connected
    sync_state fail "$DIR/two/state" 192.0.2.1 30 0
    sync_state revoke "$DIR/one/state" seen 20 0
    all_have metric_is one -- 'token_sync_sent_total{kind="revocations"}' 20
    # The begin and the end of each.
    all_have metric_is one -- 'token_sync_received_total{kind="failures"}' 60
    all_have metric_is one -- token_sync_connected 1
    redis xadd "$(stream failures)" '*' m garbage
    all_have metric_is one -- 'token_sync_ignored_total{reason="foreign"}' 1
    stop redis KILL
    sync_state revoke "$DIR/one/state" unseen 7 0
    all_have health_is one -- engine_away 7
    all_have metric_is one -- token_sync_connected 0
    all_have metric_is one -- 'token_sync_unsent{kind="revocations"}' 7
    # A restart goes on counting.
    stop_sync one
    start_redis
    start_sync one
    all_have metric_is one -- 'token_sync_ignored_total{reason="foreign"}' 1
}

# --- Much ------------------------------------------------------------------------------------------------------

@test "100000 revocations to catch up with" {
    not_under_valgrind 'it would take half an hour'
    start_redis
    start_sync one
    sync_state revoke "$DIR/one/state" many 100000 0
    start_sync two
    all_have has_revoked two -- many 100000
}

@test "what is over leaves the engine" {
    not_under_valgrind 'it waits for an end'
    start_redis
    start_sync one
    # A token may be valid an hour longer than it says, on a machine whose clock is behind.
    LIFETIME=-3597 sync_state revoke "$DIR/one/state" short 2000 0
    wait_until 'it was sent' stream_is_longer_than 1
    stop_sync one
    sync_state revoke "$DIR/one/state" long 10 0
    wait_until 'they are over' sweeps_all
    start_sync three
    all_have has_revoked three -- long 10
}

stream_is_longer_than() {
    (($(redis xlen "$(stream revocations)") > $1))
}

# A start sweeps.
sweeps_all() {
    stop_sync one
    start_sync one
    ! stream_is_longer_than 1
}
