# Connections to the program's socket as no well-behaved web server makes them, by fcgi_client.c.

load helper
load requests
load load

setup_file() {
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/fcgi_client" "$REPOSITORY/tests/integration/fcgi_client.c"
}

setup() {
    make_folder
    add_load_account
    own "$DIR/etc"
}

teardown() {
    show_logs
    remove_folder
}

# start_listening [COMMAND…]: by this command, if there is one.
start_listening() {
    TOKEN_CONF=$CONF start token.fcgi "$@" "$DIR/token.fcgi" -l "$DIR/run/token.sock"
    wait_until 'the start' has_started
}

# All that it opens at its start is open then.
has_started() {
    grep -qs ' info started: ' "$DIR/log/token.log"
}

# client ACTION COUNT: prints how many answers had which status, in the order in which each came first.
client() {
    timeout "$PATIENCE" "$BATS_FILE_TMPDIR/fcgi_client" "$DIR/run/token.sock" "$1" "$2" \
        "$GRANT&client_id=load&client_secret=$LOAD_SECRET" | uniq -c | awk '{ printf "%s×%s ", $1, $2 }'
}

# Not those of the state: one is kept for each thread that has used it at the same time as others.
descriptors() {
    find "/proc/$(pid_of token.fcgi)/fd" -mindepth 1 ! -lname '*/throttle.mdb' ! -lname '*/revoked.mdb' | wc -l
}

descriptors_are() {
    [[ $(descriptors) -eq $1 ]]
}

@test "300 idle kept connections and two threads: the next request is served, and they still are" {
    configure threads 2
    start_listening
    [[ $(client idle 300) == '601×200 ' ]]
}

@test "1,000 simultaneous connections are all answered" {
    local answers
    start_listening
    answers=$(client at-once 1000)
    [[ $answers == '1000×200 ' ]] || fail "$answers"
}

@test "requests that stop half-way delay nobody, are dropped in the end, and leave nothing behind" {
    local before answers
    configure request_timeout 2
    start_listening
    before=$(descriptors)
    answers=$(client half 20)
    # Whether there is time left for an answer is luck.
    [[ $answers =~ ^'1×200 '([0-9]+×(400|closed)' ')+$ ]] || fail "$answers"
    wait_until 'the descriptors to be closed' descriptors_are "$before"
}

# dropped_are COUNT: as many connections as the log says were dropped; more than one line may say so.
dropped_are() {
    [[ $(sed -n 's/.* warn dropped: \([0-9]*\) connections, .* request_timeout, 3 s$/\1/p' "$DIR/log/token.log" |
        awk '{ n += $1 } END { print n }') == "$1" ]]
}

@test "requests that arrive byte by byte are dropped after request_timeout, and the log says so" {
    local before answers
    configure request_timeout 3
    start_listening
    before=$(descriptors)
    answers=$(client drip 20)
    [[ $answers == '20×closed ' ]] || fail "$answers"
    wait_until 'the descriptors to be closed' descriptors_are "$before"
    wait_until 'the log to say so' dropped_are 20
}

@test "requests that arrive byte by byte on as many connections as threads delay no other request" {
    local pid
    configure threads 3
    configure request_timeout 3600
    start_listening
    client drip 2 >"$DIR/drip" 3>&- 4>&- &
    pid=$!
    [[ $(client idle 20) == '41×200 ' ]]
    stop token.fcgi KILL
    wait $pid
    [[ $(<"$DIR/drip") == '2×closed ' ]]
}

# Many attempts wait for one verification after the other, and the throttle admits them.
configure_attempts() {
    configure threads 1
    configure verify_concurrency 1
    configure verify_queue 1000
    configure throttle_failures 1000000
    configure throttle_source_failures 1000000
}

@test "one thread, and hundreds of requests wait for verifications: all are answered, and the proven beside them" {
    local answers
    configure_attempts
    start_listening
    answers=$(client attempts 500)
    [[ $answers == '2×200 500×401 ' ]] || fail "$answers"
    # Not behind all of them.
    (($(awk '/outcome=issued/ { n++ } n == 2 { exit } /outcome=refused/ { count++ } END { print count + 0 }' \
        "$DIR/log/token.log") < 500))
}

@test "the soft limit on open files is raised: more connections than it are served" {
    local answers
    not_under_valgrind 'which has a limit of its own'
    configure_attempts
    start_listening prlimit --nofile=64:
    answers=$(client attempts 500)
    [[ $answers == '2×200 500×401 ' ]] || fail "$answers"
}

@test "SIGTERM while hundreds of requests wait for verifications: all are answered" {
    local pid
    configure_attempts
    configure request_timeout 300
    start_listening
    client attempts 500 >"$DIR/answers" 2>"$DIR/sent" 3>&- 4>&- &
    pid=$!
    wait_until 'all to be sent' grep -qx sent "$DIR/sent"
    wait_until 'the first attempt' grep -q outcome=refused "$DIR/log/token.log"
    stop token.fcgi TERM
    wait $pid
    answers_are '2×200 500×401 '
    awk '/ info stopping/ { s = 1 } s && /outcome=refused/ { n++ } END { exit n == 0 }' "$DIR/log/token.log"
}

is_served() {
    [[ $(client idle 1 2>/dev/null) == '3×200 ' ]]
}

# One after the other, each takes about a second. The one that is being computed goes on without its connection.
@test "requests that wait for verifications for longer than request_timeout are dropped" {
    local answers before
    add_slow_account
    configure verify_concurrency 1
    configure request_timeout 1
    start_listening
    before=$(descriptors)
    answers=$(timeout "$PATIENCE" "$BATS_FILE_TMPDIR/fcgi_client" "$DIR/run/token.sock" attempts 5 \
        "$GRANT&client_id=slow0&client_secret=slow")
    [[ $answers == *closed* ]] || fail "$answers"
    wait_until 'the descriptors to be closed' descriptors_are "$before"
    wait_until 'the log to say so' grep -q ' warn dropped: ' "$DIR/log/token.log"
    wait_until 'the next request to be served' is_served
}

too_large_are() {
    [[ $(grep -c 'reason=body_too_large' "$DIR/log/token.log") -eq $1 ]]
}

is_reloaded() {
    grep -q ' info reloaded' "$DIR/log/token.log"
}

answers_are() {
    [[ $(<"$DIR/answers") == "$1" ]] || fail "$(<"$DIR/answers")"
}

@test "SIGHUP: a new request_timeout applies to existing connections" {
    local pid
    configure request_timeout 2
    start_listening
    mkfifo "$DIR/go"
    client pausing 1 <"$DIR/go" >"$DIR/answers" 3>&- 4>&- &
    pid=$!
    exec 5>"$DIR/go"
    wait_until 'the answer' grep -q outcome=issued "$DIR/log/token.log"
    configure request_timeout 3600
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the reload' is_reloaded
    printf 'go\n' >&5
    exec 5>&-
    wait $pid
    answers_are '1×200 1×kept 1×200 '
}

# So many of them that no thread is left; what is over the cap is not read until it ends.
@test "bodies without an end are answered, and their connections are dropped after request_timeout" {
    local pid
    configure threads 2
    configure request_timeout 3600
    start_listening
    client endless 2 >"$DIR/answers" 3>&- 4>&- &
    pid=$!
    wait_until 'the answers' too_large_are 2
    configure request_timeout 1
    kill -HUP "$(pid_of token.fcgi)"
    wait $pid
    answers_are '2×413 '
    [[ $(client idle 1) == '3×200 ' ]]
}

@test "a connection that is half-closed in the middle of a request is closed at once" {
    local before
    configure request_timeout 3600
    start_listening
    before=$(descriptors)
    [[ $(client half-closed 20) =~ ^(20×(400|closed)' ')$ ]]
    wait_until 'the descriptors to be closed' descriptors_are "$before"
}

@test "peers that are gone before the answer: the next request is served, and nothing is left behind" {
    local before
    # Each is hashed, so that the answer comes when its peer is gone.
    configure verify_cache_ttl 0
    start_listening
    before=$(descriptors)
    [[ $(client gone 300) == '1×200 ' ]]
    wait_until 'the descriptors to be closed' descriptors_are "$before"
    is_running "$(pid_of token.fcgi)"
}

cannot_be_accepted() {
    grep -q 'error a connection cannot be accepted: Too many open files' "$DIR/log/token.log"
}

# refusals_between FIRST LAST: how often the log says it between these two of the answers.
refusals_between() {
    awk -v first="$1" -v last="$2" '
        /outcome=issued/ { n++ }
        /a connection cannot be accepted/ && n >= first && n < last { count++ }
        END { print count + 0 }' "$DIR/log/token.log"
}

# Each of the refusals took a thread's tenth of a second once, and the answers waited for these.
@test "no descriptor is left for a connection: the others are served, the log says it, and it recovers" {
    local pid room refusals
    start_listening
    room=$(($(descriptors) + 20))
    stop token.fcgi
    rm "$DIR/log/token.log"
    start_listening prlimit --nofile=$room
    mkfifo "$DIR/go"
    client crowd 100 <"$DIR/go" >"$DIR/answers" 3>&- 4>&- &
    pid=$!
    exec 5>"$DIR/go"
    wait_until 'the log to say it' cannot_be_accepted
    printf 'go\n' >&5
    exec 5>&-
    wait $pid
    answers_are '1×200 1×crowded 101×200 '
    # Far from one an answer, however slow the machine.
    refusals=$(refusals_between 2 101)
    ((refusals < 50)) || fail "refused $refusals times during 99 answers on a kept connection"
}

# More than a pipe takes.
@test "standard error that nobody reads delays neither a request nor SIGTERM" {
    configure log stderr
    mkfifo "$DIR/stderr"
    exec 5<>"$DIR/stderr"
    # shellcheck disable=SC2016
    TOKEN_CONF=$CONF start token.fcgi \
        /bin/sh -c 'exec "$@" 2>"$0" 5>&-' "$DIR/stderr" "$DIR/token.fcgi" -l "$DIR/run/token.sock"
    wait_until 'the start' is_bound "$DIR/run/token.sock"
    [[ $(client idle 500) == '1001×200 ' ]]
    stop token.fcgi
    exec 5<&-
}

# logged COUNT WORDS: that many lines of the log have them.
logged() {
    [[ $(grep -c -- "$2" "$DIR/log/token.log") == "$1" ]]
}

@test "an authorizer is answered when its parameters have arrived; what follows them is no request" {
    start_listening
    [[ $(client authorizer 2) == '1×401 1×200 1×401 1×200 ' ]]
    wait_until 'the log' logged 2 'outcome=denied reason=no_token '
}

@test "a body that looks like FastCGI records is never read as requests" {
    start_listening
    [[ $(client forged 200) == '1×413 1×400 1×closed ' ]]
    wait_until 'the log' logged 2 outcome=
}

@test "many requests at once on one connection, the bodies in another order than the heads: all are answered" {
    start_listening
    [[ $(client multiplexed 200) == '200×200 ' ]]
}

@test "requests with one ID, sent one after the other: all are answered, and the connection is closed after the last" {
    start_listening
    [[ $(client pipelined 50) == '50×200 1×closed ' ]]
}

@test "management records, other roles and aborted requests are answered at once, and nothing else happens" {
    start_listening
    run timeout "$PATIENCE" "$BATS_FILE_TMPDIR/fcgi_client" "$DIR/run/token.sock" replies 2 \
        "$GRANT&client_id=load&client_secret=$LOAD_SECRET"
    [[ $(sort <<<"$output" | uniq -c | tr -s ' \n' ' ') == \
        ' 1 200 2 FCGI_MPXS_CONNS=1 2 end 1 with 0 2 end 7 with 3 2 unknown type 77 ' ]] || fail "$output"
    wait_until 'the log' logged 1 outcome=
}

@test "requests that are aborted while they wait for a verification: none is hashed for nothing" {
    local answers
    configure_attempts
    start_listening
    answers=$(client aborted 200)
    [[ $answers == '200×0 1×200 ' ]] || fail "$answers"
    stop token.fcgi
    # The one that was being computed may be over.
    (($(grep -c outcome=refused "$DIR/log/token.log") < 100))
    (($(grep -c outcome=cancelled "$DIR/log/token.log") > 100))
}

@test "parameters of more than 128 KiB are answered 431, and the connection goes on" {
    start_listening
    [[ $(client large-head 2) == '1×431 1×200 1×431 1×200 ' ]]
}

are_not_fastcgi() {
    [[ $(sed -n 's/.* warn closed: \([0-9]*\) connections, as what came was not FastCGI$/\1/p' "$DIR/log/token.log" |
        awk '{ n += $1 } END { print n }') == "$1" ]]
}

@test "a connection that does not speak FastCGI is closed, and the log says so once" {
    local before
    start_listening
    before=$(descriptors)
    [[ $(client not-fastcgi 20) == '20×closed 1×200 ' ]]
    wait_until 'the log to say it' are_not_fastcgi 20
    wait_until 'the descriptors to be closed' descriptors_are "$before"
}

@test "peers that close or reset at every byte of a request and of the answer: nothing is left behind" {
    local before
    start_listening
    client at-once 1 # opens the state
    before=$(descriptors)
    [[ $(client cut 2) == '1×200 ' ]]
    [[ $(client cut-answers 600) == '1×200 ' ]]
    wait_until 'the descriptors to be closed' descriptors_are "$before"
}

more_than_64_mib() {
    grep -q ' warn dropped: [0-9]* connections, .* 64 MiB$' "$DIR/log/token.log"
}

@test "all that is unfinished takes no more than 64 MiB: the oldest is dropped, the log says it, others are served" {
    local pid
    configure request_timeout 3600
    start_listening
    mkfifo "$DIR/go"
    client hoard 700 <"$DIR/go" >"$DIR/answers" 3>&- 4>&- &
    pid=$!
    exec 5>"$DIR/go"
    wait_until 'the log to say it' more_than_64_mib
    printf 'go\n' >&5
    exec 5>&-
    wait $pid
    answers_are '1×200 1×full 1×oldest '
    (($(awk '/^VmHWM/ { print $2 }' "/proc/$(pid_of token.fcgi)/status") < 100 * 1024)) || [[ -n ${UNDER:-} ]] ||
        [[ $(nm "$FCGI" 2>/dev/null) =~ __(a|t)san_init ]]
}

are_dropped() {
    [[ $(sed -n 's/.* warn dropped: \([0-9]*\) connections, .* request_timeout, .*/\1/p' "$DIR/log/token.log" |
        awk '{ n += $1 } END { print n }') == "$1" ]]
}

@test "peers that do not read their answers delay nobody, and are dropped after request_timeout" {
    local pid
    configure request_timeout 3600
    configure threads 2
    start_listening
    mkfifo "$DIR/go"
    client unread 20 <"$DIR/go" >"$DIR/answers" 2>"$DIR/stuck" 3>&- 4>&- &
    pid=$!
    exec 5>"$DIR/go"
    wait_until 'them to be stuck' grep -qs stuck "$DIR/stuck"
    [[ $(client idle 20) == '41×200 ' ]]
    configure request_timeout 1
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'them to be dropped' are_dropped 20
    printf 'go\n' >&5
    exec 5>&-
    wait $pid
    answers_are '1×200 20×closed '
}

@test "kept connections are closed after idle_timeout" {
    configure idle_timeout 1
    start_listening
    [[ $(client lasting 20) == '20×200 20×closed ' ]]
}

# With the default of request_timeout, half a minute.
@test "SIGTERM: connections with an incomplete request are closed soon, and the process ends" {
    local pid began before
    start_listening
    before=$(descriptors)
    client half-at-the-end 20 >"$DIR/answers" 2>"$DIR/half" 3>&- 4>&- &
    pid=$!
    wait_until 'the half of each' grep -qx half "$DIR/half"
    wait_until 'all connections to be accepted' has_descriptors $((before + 20))
    began=$SECONDS
    stop token.fcgi TERM
    ((SECONDS - began < 25))
    wait $pid
    answers_are '20×closed '
}

has_descriptors() {
    (($(descriptors) >= $1))
}

# Each takes about a second, and all of them a minute.
@test "SIGTERM while many wait for a slow hash: it ends within request_timeout and the hash in flight" {
    local pid began
    configure_attempts
    configure request_timeout 2
    add_slow_account
    configure verify_concurrency 1
    start_listening
    timeout "$PATIENCE" "$BATS_FILE_TMPDIR/fcgi_client" "$DIR/run/token.sock" patient 60 \
        "$GRANT&client_id=slow0&client_secret=wrong" >"$DIR/answers" 3>&- 4>&- &
    pid=$!
    wait_until 'them to wait' grep -qx sent "$DIR/answers"
    began=$SECONDS
    stop token.fcgi TERM
    ((SECONDS - began < 30)) || fail "$((SECONDS - began)) s"
    wait $pid
    (($(grep -c outcome=cancelled "$DIR/log/token.log") >= 30))
}
