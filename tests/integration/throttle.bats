# Failures are counted, by all processes together, and refused when there are too many. The client is cgi-fcgi of
# libfcgi, which can come from any address, and plain CGI.
#
# Each test, a subshell, has a `status` and an `output` of its own.
# shellcheck disable=SC2030,SC2031

load helper
load requests
load server
load load

# shellcheck disable=SC2034 # server.bash uses SERVER
setup() {
    make_folder
    configure throttle_failures 5
    configure throttle_source_failures 100
    add_account demo demo-secret
    add_account other other-secret
    own "$DIR/etc"
    SERVER=lighttpd-cgi
    SOCKET=$DIR/run/token.sock
    STATE=$DIR/etc/state
    export TOKEN_CONF=$CONF
}

teardown() {
    show_logs
    ! mountpoint -q "$DIR/small" || umount "$DIR/small"
    remove_folder
}

# --- Asking ----------------------------------------------------------------------------------------------------

# by_fcgi SOURCE CLIENT_ID SECRET, by_cgi with the same arguments: prints the answer as CGI has it.
by_fcgi() {
    ask "$@" timeout "$PATIENCE" cgi-fcgi -bind -connect "$SOCKET"
}

by_cgi() {
    ask "$@" env GATEWAY_INTERFACE=CGI/1.1 TOKEN_CONF="$CONF" "$DIR/token.fcgi"
}

ask() {
    local source=$1 body="$GRANT&client_id=$2&client_secret=$3"
    shift 3
    env -i "PATH=$PATH" REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth PATH_INFO=/token \
        CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#body} ${source:+"REMOTE_ADDR=$source"} \
        "$@" <<<"$body"
}

# answered COMMAND…: the status of its answer.
answered() {
    "$@" | tr -d '\r' | sed -n 's/^Status: \([0-9]*\).*/\1/p'
}

# are EXPECTED COMMAND…: as many statuses as EXPECTED has words, one after the other; "@" becomes the number.
are() {
    local expected=$1 got='' number count
    shift
    count=$(wc -w <<<"$expected")
    for ((number = 1; number <= count; number++)); do
        got+="$(answered "${@//@/$number}") "
    done
    [[ ${got% } == "$expected" ]] || fail "$*: ${got% } instead of $expected"
}

start_program() {
    start "${1:-token.fcgi}" "$DIR/token.fcgi" -l "${2:-$SOCKET}"
    wait_until 'the socket' is_bound "${2:-$SOCKET}"
}

log_has() {
    grep -qF -- "$1" "$DIR/log/token.log"
}

log_has_after_a_request() {
    by_fcgi 192.0.2.$((RANDOM % 200 + 10)) other tick >/dev/null
    log_has "$1"
}

# --- Refused ---------------------------------------------------------------------------------------------------

@test "at the limit a pair is refused 429 with Retry-After, and nobody else is" {
    local answer seconds
    start_program
    are '401 401 401 401 401 429 429' by_fcgi 192.0.2.1 demo wrong@
    answer=$(by_fcgi 192.0.2.1 demo demo-secret | tr -d '\r')
    seconds=$(sed -n 's/^Retry-After: //p' <<<"$answer")
    ((seconds > 200 && seconds <= 300)) || fail "Retry-After: $seconds"
    [[ $answer == 'Status: 429 Too Many Requests'$'\n'* ]]
    [[ ${answer##*$'\n\n'} == "{\"error\":\"rate_limit_exceeded\",\"error_description\":\"Too many failed attempts; try again later\",\"retry_after\":$seconds}" ]]
    grep -q " warn outcome=throttled reason=pair_throttled client_id=\"demo\" source=192.0.2.1 line=- method=-" "$DIR/log/token.log"
    are 200 by_fcgi 192.0.2.1 other other-secret
    are 200 by_fcgi 192.0.2.2 demo demo-secret
    are '200 200' by_fcgi '' demo demo-secret
}

@test "clients behind a web server get the same refusal" {
    serve
    local i
    for i in 1 2 3 4 5; do
        refused "failure $i" 401 unauthorized_client 'Bad credentials' -d "$GRANT" -d client_id=demo -d client_secret=$i "$URL"
    done
    row 'the next one'
    request "${DEMO[@]}" "$URL"
    # shellcheck disable=SC2153 # request sets it
    equal status "$STATUS" 429
    common_headers
    equal 'Retry-After and retry_after' "$(header Retry-After)" "$(jq .retry_after "$REPLY_BODY")"
    equal error "$(jq -r .error "$REPLY_BODY")" rate_limit_exceeded
}

@test "the right secret clears the count" {
    start_program
    are '401 401 401 401' by_fcgi 192.0.2.1 demo first@
    are 200 by_fcgi 192.0.2.1 demo demo-secret
    are '401 401 401 401' by_fcgi 192.0.2.1 demo second@
    are 200 by_fcgi 192.0.2.1 demo demo-secret
    are '401 401 401 401 401 429' by_fcgi 192.0.2.1 demo third@
}

@test "the same wrong secret again and again is refused as well" {
    start_program
    are '401 401 401 401 401 429' by_fcgi 192.0.2.1 demo wrong
    are '401 401 401 401 401 429' by_cgi 192.0.2.2 demo wrong
}

@test "a refusal ends after the seconds of its Retry-After" {
    configure throttle_window $((PATIENCE / 15))
    start_program
    are '401 401 401 401 401 429' by_fcgi 192.0.2.1 demo wrong@
    is_let_in() { [[ $(answered by_fcgi 192.0.2.1 demo demo-secret) == 200 ]]; }
    wait_until 'the end' is_let_in
}

@test "a source that fails on many names is refused, but proven credentials are served" {
    configure throttle_source_failures 8
    start_program
    are 200 by_fcgi 192.0.2.1 demo demo-secret
    are '401 401 401 401 401 401 401 401 429 429' by_fcgi 192.0.2.1 name@ wrong
    grep -q 'outcome=throttled reason=source_throttled client_id="name9"' "$DIR/log/token.log"
    are '200 200' by_fcgi 192.0.2.1 demo demo-secret
    are 429 by_fcgi 192.0.2.1 other other-secret
    are 200 by_fcgi 192.0.2.2 other other-secret
}

# by_basic SOURCE CLIENT_ID SECRET: with HTTP Basic, as they are.
by_basic() {
    local body=$GRANT
    env -i "PATH=$PATH" REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth PATH_INFO=/token REMOTE_ADDR="$1" \
        HTTP_AUTHORIZATION="Basic $(printf '%s:%s' "$2" "$3" | base64 -w0)" CONTENT_LENGTH=${#body} \
        CONTENT_TYPE=application/x-www-form-urlencoded timeout "$PATIENCE" cgi-fcgi -bind -connect "$SOCKET" <<<"$body"
}

# Basic as it is sent and as it is form-decoded are two client_ids: an attacker must not have one limit for each.
@test "a client_id with + or % has one limit, however it is sent" {
    local name answers
    add_account a+b plus-secret
    add_account 'a%62' percent-secret
    start_program
    for name in 'a+b a%2Bb plus-secret' 'a%62 a%2562 percent-secret'; do
        read -r raw encoded right <<<"$name"
        answers=$(for i in 1 2 3 4; do
            answered by_basic 192.0.2.1 "$raw" "raw$i"
            answered by_basic 192.0.2.1 "$encoded" "encoded$i"
            answered by_fcgi 192.0.2.1 "$encoded" "body$i"
        done)
        equal "failures of $raw" "$(grep -c 401 <<<"$answers")" 5
        equal "refusals of $raw" "$(grep -c 429 <<<"$answers")" 7
        are 429 by_basic 192.0.2.1 "$raw" "$right"
        are 429 by_basic 192.0.2.1 "$encoded" "$right"
        are 429 by_fcgi 192.0.2.1 "$encoded" "$right"
        are 200 by_basic 192.0.2.2 "$raw" "$right"
    done
}

@test "a client with an account of its own cannot clear the failures of another client_id" {
    add_account a+b plus-secret
    add_account 'a b' own-secret
    start_program
    are '401 401 401 401' by_fcgi 192.0.2.1 a%2Bb wrong@
    are '200 200' by_basic 192.0.2.1 a+b own-secret
    are '401 429' by_fcgi 192.0.2.1 a%2Bb more@
}

@test "IPv6: a /64 is one source" {
    start_program
    are '401 401 401 401 401 429' by_fcgi 2001:db8:0:1::@ demo wrong@
    are 401 by_fcgi 2001:db8:0:2::1 demo wrong
}

# --- Many at once ----------------------------------------------------------------------------------------------

# at_once EXPECTED COUNT COMMAND…: the statuses of so many, counted; "@" becomes the number.
at_once() {
    row "$*"
    equal statuses "$(statuses_at_once "${@:2}")" "$1"
}

statuses_at_once() {
    local count=$1 i
    shift
    rm -f "$DIR"/replies/*
    for ((i = 0; i < count; i++)); do
        answered "${@//@/$i}" >"$DIR/replies/$i" 3>&- &
    done
    wait
    cat "$DIR"/replies/* | sort | uniq -c | awk '{ printf "%s%s x %s", (NR > 1 ? ", " : ""), $2, $1 }'
}

# One process, the other one or a CGI process, in turns.
by_any() {
    case $(($4 % 3)) in
        0) by_fcgi "$1" "$2" "$3" ;;
        1) SOCKET=$DIR/run/second.sock by_fcgi "$1" "$2" "$3" ;;
        2) by_cgi "$1" "$2" "$3" ;;
    esac
}

is_count_of_replies() {
    (($(cat "$DIR"/replies/* | wc -l) >= $1))
}

@test "attempts in parallel cannot pass the limit" {
    start_program
    at_once '401 x 5, 429 x 35' 40 by_fcgi 192.0.2.1 demo wrong@
    at_once '401 x 5, 429 x 35' 40 by_fcgi 192.0.2.1 other wrong
}

@test "attempts in parallel by many processes cannot pass it either" {
    start_program
    start_program second "$DIR/run/second.sock"
    at_once '401 x 5, 429 x 55' 60 by_any 192.0.2.1 demo wrong@ @
    at_once '401 x 5, 429 x 55' 60 by_any 192.0.2.1 other wrong @
}

@test "the right secret in parallel is never refused" {
    start_program
    start_program second "$DIR/run/second.sock"
    at_once '200 x 40' 40 by_any 192.0.2.1 demo demo-secret @
}

# --- Attempts at a client_id that is proven: whatever is not a token tells ----------------------------------------

# start_with_slow_account CONCURRENCY QUEUE: slow0's hash takes about a second.
start_with_slow_account() {
    printf 'slow0:%s\n' "$SLOW_HASH" >>"$DIR/etc/accounts"
    configure verify_concurrency "$1"
    configure verify_queue "$2"
    configure verify_cost_limit 60000
    configure request_timeout "$PATIENCE"
    start_program
}

# make_pending COUNT CLIENT_ID SECRET SOURCE: so many verifications, for which `wait "${PENDING[@]}"` waits; "@" becomes
# the number.
make_pending() {
    local count=$1 i
    shift
    PENDING=()
    for ((i = 0; i < count; i++)); do
        answered by_fcgi "${3//@/$i}" "$1" "${2//@/$i}" >/dev/null 3>&- 4>&- &
        PENDING+=($!)
    done
}

# attempts_at CLIENT_ID COUNT MOST_401 MOST_503: attempts at once by one address, and then the right secret.
# The client at another address is served before and after.
attempts_at() {
    local statuses
    statuses=$(statuses_at_once "$2" by_fcgi 192.0.2.1 "$1" guess@)
    for word in "401 $3" "503 $4"; do
        [[ ! $statuses =~ ${word% *}\ x\ ([0-9]+) ]] || ((BASH_REMATCH[1] <= ${word#* })) || fail "$statuses"
    done
    [[ $statuses != *200* ]] || fail "$statuses"
    are 429 by_fcgi 192.0.2.1 "$1" "$RIGHT"
    are 200 by_fcgi 198.51.100.7 "$1" "$RIGHT"
}

@test "attempts by a refused source count for their pairs" {
    RIGHT=demo-secret
    configure throttle_source_failures 8
    start_program
    are 200 by_fcgi 198.51.100.7 demo demo-secret
    are '401 401 401 401 401 401 401 401 429' by_fcgi 192.0.2.1 name@ wrong
    are 200 by_fcgi 192.0.2.1 demo demo-secret
    attempts_at demo 40 0 0
    tokenctl throttle list | grep -qE '^192\.0\.2\.1 +5 .* demo$' || fail "$(tokenctl throttle list)"
}

@test "attempts while verifications of the same client_id are pending cannot pass the limit" {
    RIGHT=slow
    start_with_slow_account 1 100
    are 200 by_fcgi 198.51.100.7 slow0 slow
    make_pending 5 slow0 pending@ 192.0.2.1
    attempts_at slow0 60 5 0
    wait "${PENDING[@]}"
    are 429 by_fcgi 192.0.2.1 slow0 slow
}

@test "attempts at a full queue count a tenth; a client that retries is served" {
    RIGHT=demo-secret
    start_with_slow_account 1 3
    are 200 by_fcgi 198.51.100.7 demo demo-secret
    make_pending 4 slow0 pending@ 203.0.113.@
    attempts_at demo 55 5 50
    row 'a client that comes again and again'
    statuses=$(statuses_at_once 20 by_fcgi 198.51.100.8 other other-secret)
    [[ $statuses != *4[0-9][0-9]* ]] || fail "$statuses"
    wait "${PENDING[@]}"
    are 200 by_fcgi 198.51.100.8 other other-secret
}

@test "attempts in flight in several processes count together" {
    local i program
    printf 'slow0:%s\n' "$SLOW_HASH" >>"$DIR/etc/accounts"
    configure verify_concurrency 1
    configure verify_cost_limit 60000
    configure request_timeout "$PATIENCE"
    for program in 0 1 2 3; do
        start_program "program$program" "$DIR/run/$program.sock"
    done
    rm -f "$DIR"/replies/*
    PENDING=()
    for ((i = 0; i < 40; i++)); do
        SOCKET=$DIR/run/$((i % 4)).sock answered by_fcgi 192.0.2.1 slow0 "wrong$i" >"$DIR/replies/$i" 3>&- &
        PENDING+=($!)
    done
    # All but the five that are admitted are refused while those are verified.
    wait_until '35 refusals' is_count_of_replies 35
    [[ $(cat "$DIR"/replies/* | sort -u) == 429 ]] || fail "$(cat "$DIR"/replies/*)"
    wait "${PENDING[@]}"
    equal 'all answers' "$(cat "$DIR"/replies/* | sort | uniq -c | xargs)" '5 401 35 429'
    SOCKET=$DIR/run/0.sock
    are 429 by_fcgi 192.0.2.1 slow0 slow
}

# --- What is shared, and what outlives ----------------------------------------------------------------------------

@test "CGI and FastCGI count together, and a restart forgets nothing" {
    start_program
    are '401 401' by_fcgi 192.0.2.1 demo one@
    are '401 401' by_cgi 192.0.2.1 demo two@
    stop token.fcgi
    start_program
    are '401 429' by_fcgi 192.0.2.1 demo three@
    stop token.fcgi KILL
    start_program
    are 429 by_fcgi 192.0.2.1 demo demo-secret
    are 429 by_cgi 192.0.2.1 demo demo-secret
    [[ $(stat -c '%a' "$STATE"/throttle.mdb) == 600 ]]
}

@test "SIGHUP keeps the counts of the same folder, and another folder has its own" {
    start_program
    are '401 401 401 401 401 429' by_fcgi 192.0.2.1 demo wrong@
    reloads() { (($(grep -c reloaded "$DIR/log/token.log") == $1)); }
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the reload' reloads 1
    are 429 by_fcgi 192.0.2.1 demo demo-secret
    mkdir -m 0700 "$DIR/etc/elsewhere"
    own "$DIR/etc/elsewhere"
    configure state elsewhere
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the reload' reloads 2
    are 401 by_fcgi 192.0.2.1 demo wrong
    [[ -e $DIR/etc/elsewhere/throttle.mdb ]]
    configure state nowhere
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the reason' log_has 'reload failed'
    are '401 401 401 401 429' by_fcgi 192.0.2.1 demo more@
}

# attempts_on NAME: many attempts on names that begin so, one after the other, until the program is gone.
attempts_on() {
    local i
    for ((i = 0; i < 1000; i++)); do
        [[ -n $(SOCKET=$DIR/run/second.sock answered by_fcgi 192.0.2.1 "$1$i" wrong) ]] || return 0
    done
}

are_counted() {
    [[ $(tokenctl throttle list) == *"$1"* ]]
}

@test "processes that are killed again and again do not block the others" {
    local round name attackers
    configure throttle_failures 1000000
    configure throttle_source_failures 1000000
    start_program
    for ((round = 0; round < 8; round++)); do
        start_program second "$DIR/run/second.sock"
        attackers=()
        for name in a b c d; do
            attempts_on "$round$name" 2>/dev/null 3>&- &
            attackers+=($!)
        done
        wait_until 'the first' are_counted "${round}a"
        stop second KILL 2>/dev/null
        wait "${attackers[@]}"
        are '401 401' by_fcgi 192.0.2.1 demo "wrong$round-@"
        are 401 by_cgi 192.0.2.1 demo "more$round"
    done
    are 200 by_fcgi 192.0.2.1 demo demo-secret
    ! log_has 'the state is lost' || fail 'lost'
}

# --- A folder that is broken ---------------------------------------------------------------------------------------

# refuses WORDS: FastCGI does not start, -t and tokenctl check say why, CGI is a 500 and a line in the log.
refuses() {
    run timeout "$PATIENCE" "$DIR/token.fcgi" -l "$SOCKET"
    [[ $status -eq 1 && $output == *"$1"* ]] || fail "$status: $output"
    run "$DIR/token.fcgi" -t
    [[ $status -eq 1 && $output == *"$1"* ]] || fail "-t: $status: $output"
    run tokenctl check
    [[ $status -eq 1 && $output == *"$1"* ]] || fail "check: $status: $output"
    : >"$DIR/log/token.log"
    are 500 by_cgi 192.0.2.1 demo demo-secret
    log_has "error $1" || fail "$(cat "$DIR/log/token.log")"
}

@test "with an unusable folder it does not start, and prints the remedy" {
    mv "$STATE" "$STATE.away"
    refuses "$STATE: the folder of the state is missing; run tokenctl init, or: install -d -m 0700 '$STATE'"
    : >"$STATE"
    refuses "$STATE: the state cannot be kept there: Not a directory"
    rm "$STATE"
    mv "$STATE.away" "$STATE"
    chmod 0777 "$STATE"
    refuses "$STATE: mode 0777 lets everybody write it; run: chmod o-w '$STATE'"
    chmod 0700 "$STATE"
    run "$DIR/token.fcgi" -t
    [[ $status -eq 0 && -z $(ls "$STATE") ]] || fail "$output"
    are 200 by_cgi 192.0.2.1 demo demo-secret
    printf 'rubbish%.0s' {1..2000} >"$STATE/throttle.mdb"
    refuses "$STATE/throttle.mdb: the state cannot be opened: MDB_INVALID: File is not an LMDB file; remove it"
    rm "$STATE/throttle.mdb"
    are 200 by_cgi 192.0.2.1 demo demo-secret
}

@test "a folder that is removed while it runs is logged once; failures count in memory until it is back" {
    start_program
    are '401 401' by_fcgi 192.0.2.1 demo one@
    mv "$STATE" "$STATE.gone" # at once, whatever is made in it meanwhile
    rm -r "$STATE.gone"
    wait_until 'the log' log_has_after_a_request \
        "error $STATE: the state is lost: its file is not there any more; failures are counted in memory meanwhile"
    are '401 401 401 401 401 429' by_fcgi 192.0.2.1 demo two@
    are 200 by_fcgi 192.0.2.1 other other-secret
    mkdir -m 0700 "$STATE"
    own "$STATE"
    wait_until 'the log' log_has_after_a_request 'failures are counted on disk again'
    are '401 401 401 401 401 429' by_fcgi 192.0.2.1 demo three@
    [[ $(grep -c 'the state is lost' "$DIR/log/token.log") == 1 ]]
    stop token.fcgi
    start_program
    are 429 by_fcgi 192.0.2.1 demo demo-secret
}

@test "a full disk is logged once; failures count in memory until there is space" {
    [[ $EUID -eq 0 ]] || skip 'only root mounts'
    mkdir "$DIR/small"
    mount -t tmpfs -o size=400k,mode=0700 tmpfs "$DIR/small" 2>/dev/null || skip 'mount is not allowed here'
    own "$DIR/small"
    configure state "$DIR/small"
    start_program
    wait_until 'the start' log_has ' info started'
    cat /dev/zero >"$DIR/small/filler" 2>/dev/null || true
    are '401 401 401 401 401 429' by_fcgi 192.0.2.1 demo wrong@
    log_has "error $DIR/small: the state is lost: No space left on device; failures are counted in memory meanwhile"
    are 200 by_fcgi 192.0.2.1 other other-secret
    rm "$DIR/small/filler"
    wait_until 'the log' log_has_after_a_request 'failures are counted on disk again'
    are '401 401 401 401 401 429' by_fcgi 192.0.2.3 demo wrong@
    [[ $(grep -c 'the state is lost' "$DIR/log/token.log") == 1 ]]
    stop token.fcgi
    umount "$DIR/small"
}

# --- tokenctl ------------------------------------------------------------------------------------------------------

@test "tokenctl throttle list shows the counts, and clear removes them" {
    [[ $(tokenctl throttle list --json) == '[]' && -z $(ls "$STATE") ]]
    run tokenctl throttle clear demo
    [[ $status -eq 0 && $output == 'tokenctl: there are no failures of demo' ]]
    [[ $(tokenctl throttle clear --json demo) == '{"cleared":0}' && -z $(ls "$STATE") ]]
    start_program
    are '401 401 401 401 401 429' by_fcgi 192.0.2.1 demo wrong@
    are 401 by_fcgi 2001:db8:0:1::7 demo wrong
    are 401 by_fcgi '' caf%C3%A9+%E9 wrong
    [[ $(tokenctl throttle list | tr -s ' ' | cut -d ' ' -f 1,2,5- | sed 's/ 20[^ ]*Z/ TIME/') == 'SOURCE FAILURES CLIENT_ID
192.0.2.1 5 -
192.0.2.1 5 demo
2001:db8:0:1::/64 1 -
2001:db8:0:1::/64 1 demo
unknown 1 -
unknown 1 caf?? ?' ]] || fail "$(tokenctl throttle list)"
    [[ $(tokenctl throttle list --json | jq -c '.[] | select(.client_id == "demo") | [.source, .failures, has("refused_until")]') == \
        '["192.0.2.1",5,true]'$'\n''["2001:db8:0:1::/64",1,false]' ]]
    [[ $(tokenctl throttle list --json | jq -r '.[1] | (.refused_until | fromdate) - (.since | fromdate)') == 300 ]]
    [[ $(tokenctl throttle clear -n demo) == '2 would be cleared' ]]
    [[ $(tokenctl throttle clear -n --json 192.0.2.0/24) == '{"cleared":2}' ]]
    [[ $(tokenctl throttle clear -n other 2>&1) == 'tokenctl: there are no failures of other' ]]
    [[ $(tokenctl throttle list --json | jq length) -eq 6 ]]
    tokenctl throttle clear 192.0.2.1
    are 200 by_fcgi 192.0.2.1 demo demo-secret
    [[ $(tokenctl throttle clear --json demo) == '{"cleared":1}' ]]
    tokenctl throttle clear unknown
    [[ $(tokenctl throttle list --json | jq -c 'map(.source)') == '["2001:db8:0:1::/64"]' ]]
    tokenctl throttle clear 2001:db8::/32
    [[ $(tokenctl throttle list --json) == '[]' ]]
}

@test "tokenctl throttle: help, and wrong usage is refused" {
    local command
    for command in list clear; do
        run tokenctl throttle $command --help
        [[ $status -eq 0 && $output == "usage: tokenctl [-c FILE] throttle $command"* ]]
    done
    run tokenctl throttle
    [[ $status -eq 2 && $output == *'throttle list [--json]'*'throttle clear ID|ADDRESS [--json] [-n]'* ]]
    run tokenctl throttle clear
    [[ $status -eq 2 ]]
    run tokenctl throttle list more
    [[ $status -eq 2 ]]
    rmdir "$STATE"
    for command in list 'clear demo'; do
        # shellcheck disable=SC2086
        run tokenctl throttle $command
        [[ $status -eq 1 && $output == *"$STATE: the folder of the state is missing"* ]]
    done
}

# --- Containers ------------------------------------------------------------------------------------------------

# start_container NAME SOCKET: the program as the first process of a PID namespace, as in a container. The pid of NAME is
# the program's, as this namespace numbers it: unshare passes no signal on, and ends with it.
start_container() {
    local pid
    start "$1" unshare "${containing[@]}" --pid --fork --mount-proc --kill-child "$DIR/token.fcgi" -l "$2"
    wait_until 'the socket' is_bound "$2"
    for pid in $(descendants "$(pid_of "$1")"); do
        ! is_program "$pid" || printf '%s\n' "$pid" >"$DIR/pids/$1"
    done
    [[ $(awk '/^NSpid:/ { print $NF }' "/proc/$(pid_of "$1")/status") == 1 ]]
}

@test "containers with a PID namespace each count together, also when one is killed" {
    local containing=() i
    not_under_valgrind 'valgrind is the first process of the namespace'
    [[ $EUID -eq 0 ]] || containing=(--user --map-current-user)
    unshare "${containing[@]}" --pid --fork --mount-proc true || skip 'no PID namespaces here'
    configure throttle_failures 6
    start_container one "$SOCKET"
    start_container two "$DIR/run/two.sock"
    # Three in each, in turn.
    for i in 1 2 3; do
        are 401 by_fcgi 192.0.2.1 demo one$i
        SOCKET=$DIR/run/two.sock are 401 by_fcgi 192.0.2.1 demo two$i
    done
    are 429 by_fcgi 192.0.2.1 demo demo-secret
    SOCKET=$DIR/run/two.sock are 429 by_fcgi 192.0.2.1 demo demo-secret
    are 429 by_cgi 192.0.2.1 demo demo-secret
    tokenctl check
    tokenctl throttle list | grep -q demo
    # One is killed while both write.
    for i in 1 2 3 4 5 6 7 8; do
        by_fcgi "198.51.100.$i" demo wrong >/dev/null 2>&1 &
        SOCKET=$DIR/run/two.sock by_fcgi "198.51.100.$i" demo wrong >/dev/null &
    done
    kill -KILL "$(pid_of one)"
    wait_until 'the end of the container' is_gone "$(pid_of one)"
    export SOCKET=$DIR/run/two.sock
    are '401 401 401 401 401 401 429' by_fcgi 203.0.113.1 demo @
    start_container one "$DIR/run/one.sock"
    SOCKET=$DIR/run/one.sock are 429 by_fcgi 203.0.113.1 demo demo-secret
    ! log_has 'the state is lost' || fail 'the state is lost'
}
