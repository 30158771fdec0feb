# Requests that go on while something happens to a server, and requests that are in flight at a moment.

# --- Going on --------------------------------------------------------------------------------------------------

add_load_account() {
    LOAD_SECRET=$(tokenctl add load --generate)
    export LOAD_SECRET
}

# What `repeat_requests` repeats: a request on a fresh connection; prints its status.
load_request() {
    curl -s --max-time "$PATIENCE" -o /dev/null -w '%{http_code}\n' \
        -d "$GRANT" -d client_id=load --data-urlencode "client_secret=$LOAD_SECRET" "$URL"
}

repeat_requests() {
    while [[ -e $DIR/load/on ]]; do
        load_request || printf 'curl: %s\n' $?
    done >"$DIR/load/answers.$1"
}

start_load() {
    local i
    rm -rf "$DIR/load" && mkdir "$DIR/load" && : >"$DIR/load/on"
    LOAD=()
    for i in 1 2 3; do
        repeat_requests $i 3>&- 4>&- &
        LOAD+=($!)
    done
    load_goes_on
}

answers() {
    cat "$DIR"/load/answers.* | wc -l
}

more_answers_than() {
    (($(answers) > $1))
}

load_goes_on() {
    wait_until 'more answers' more_answers_than $(($(answers) + 20))
}

# stop_load STATUS COUNT: ends the load; every single answer was good, but for so many of this status at most.
stop_load() {
    local others
    rm "$DIR/load/on"
    wait "${LOAD[@]}"
    others=$(sort "$DIR"/load/answers.* | uniq -c | grep -vE ' 200$' || true)
    [[ -z $others || $others =~ ^\ *([0-9]+)\ "$1"$ && ${BASH_REMATCH[1]} -le $2 ]] ||
        fail "of $(answers) requests: $others"
}

# --- In flight -------------------------------------------------------------------------------------------------

# Accounts whose secret takes about a second to verify, so that requests with it can be found in flight: each has a
# verification of its own, and none is remembered. Valgrind runs one thread at a time, and that thirty times slower.
# shellcheck disable=SC2016 # hashes have dollars in them
if [[ -z ${UNDER:-} ]]; then
    SLOW_ACCOUNTS=3
    SLOW_HASH='$6$rounds=3000000$slowslowslow1234$'
    SLOW_HASH+=V9erDhk975bz7hdm.F1j6uccr38evU.Cqods4rXqRedmZ.HjU3e7xyTbpW10FuOd/im4RNc2iIHog7RmKuE9I1
else
    SLOW_ACCOUNTS=1
    SLOW_HASH='$6$rounds=300000$slowslowslow1234$'
    SLOW_HASH+=H5NvdvNIyfjEfXf8zUcKQzrlOa74yR5c0N0WUCig5t483Mi8LG2H5CcCCUrEQRZ0d2vvYJ6NnnaS6KoA8cCDS.
fi

add_slow_account() {
    local i
    for ((i = 0; i < SLOW_ACCOUNTS; i++)); do
        printf 'slow%d:%s\n' $i "$SLOW_HASH"
    done >>"$DIR/etc/accounts"
    configure verify_concurrency $SLOW_ACCOUNTS
    configure verify_cache_ttl 0
    # A busy machine must not find the slow hash too slow.
    configure verify_cost_limit 60000
}

slow_request() {
    curl -s --max-time "$PATIENCE" -o /dev/null -w '%{http_code}\n' \
        -d "$GRANT" -d client_id="slow$1" -d "client_secret=slow" "$URL"
}

# Threads of these processes that are computing, or would be if there were a processor to spare.
computing() {
    local pid count=0
    for pid in "$@"; do
        ((count += $(cat /proc/"$pid"/task/*/status 2>/dev/null | grep -c '^State:.R'))) || true
    done
    printf '%s\n' $count
}

are_in_flight() {
    # shellcheck disable=SC2046
    (($(computing $(responders "$1")) >= $2))
}

start_slow_requests() {
    local i
    rm -f "$DIR"/held.*
    HELD=()
    for ((i = 0; i < SLOW_ACCOUNTS; i++)); do
        slow_request $i >"$DIR/held.$i" 3>&- 4>&- &
        HELD+=($!)
    done
}

are_in_flight_or_over() {
    are_in_flight "$1" $SLOW_ACCOUNTS || (($(cat "$DIR"/held.* | wc -l) == SLOW_ACCOUNTS))
}

# hold_requests SERVER-NAME: returns while the program computes on one of each. On a machine that is busy enough one may
# be over before the last has begun: then they are sent again.
hold_requests() {
    while
        start_slow_requests
        wait_until 'requests in flight' are_in_flight_or_over "$1" || return
        ! are_in_flight "$1" $SLOW_ACCOUNTS
    do
        wait "${HELD[@]}"
        [[ $(sort -u "$DIR"/held.*) == 200 ]] || fail "slow requests: $(cat "$DIR"/held.*)" || return
    done
}

held_are_answered() {
    wait "${HELD[@]}"
    equal 'answers to the requests in flight' "$(sort "$DIR"/held.* | uniq -c | tr -s ' ')" " ${#HELD[@]} 200"
}

# --- What every server's program must do -----------------------------------------------------------------------

# check_terminate NAME: the program that NAME is or has started gets SIGTERM with requests in flight.
check_terminate() {
    local pids
    row SIGTERM
    hold_requests "$1"
    mapfile -t pids < <(responders "$1")
    kill -TERM "${pids[@]}"
    held_are_answered
    for pid in "${pids[@]}"; do
        wait_until "the end of token.fcgi $pid" is_gone "$pid"
    done
}

lifetime_is() {
    [[ $(curl -s "${DEMO[@]}" "$URL" | jq -r .expires_in) == "$1" ]]
}

# check_reload NAME: SIGHUP while requests go on.
check_reload() {
    local lifetime
    row SIGHUP
    start_load
    for lifetime in 1800 900 3600; do
        configure token_lifetime $lifetime
        # shellcheck disable=SC2046
        kill -HUP $(responders "$1")
        wait_until "expires_in $lifetime" lifetime_is $lifetime
        load_goes_on
    done
    stop_load none 0
}

has_come_back() {
    [[ -n $(responders "$1") && $(responders "$1") != "$2" && $(load_request) == 200 ]]
}

# check_killed NAME: the server starts the program again, and all is as before. The requests in flight are lost.
check_killed() {
    local pids i
    row 'kill -9'
    start_load
    pids=$(responders "$1")
    # shellcheck disable=SC2086
    kill -KILL $pids
    wait_until 'the program to be started again' has_come_back "$1" "$pids"
    for ((i = 0; i < 30; i++)); do
        equal status "$(load_request)" 200
    done
    load_goes_on
    rm "$DIR/load/on"
    wait "${LOAD[@]}"
    [[ $(tail -qn 1 "$DIR"/load/answers.* | sort -u) == 200 ]] || fail "$(sort "$DIR"/load/answers.* | uniq -c)"
}
