# Three machines that exchange failures and revocations, while anything is killed, frozen, cut off, filled up or set to another
# time. CHAOS_SECONDS says for how long, CHAOS_SEED which faults: a failed test prints it.

load ../integration/helper
load ../integration/requests
load ../integration/standalone
load ../integration/sync
load chaos

# bats sets a variable of each test's own.
setup() {
    local reason
    reason=$(lacks_namespaces)
    [[ -z $reason ]] || skip "$reason"
    SECONDS_OF_CHAOS=${CHAOS_SECONDS:-600}
    SEED=${CHAOS_SEED:-$((RANDOM * 32768 + RANDOM))}
    printf '# CHAOS_SECONDS=%s CHAOS_SEED=%s\n' "$SECONDS_OF_CHAOS" "$SEED" >&3
    make_chaos
}

teardown() {
    [[ -n ${DIR:-} ]] || return 0
    show_logs
    [[ -n ${BATS_TEST_COMPLETED:-} ]] || show_chaos || true
    rm -f "$DIR/run/load"
    remove_folder
}

# What show_logs does not show.
show_chaos() {
    cut -c 1-200 "$DIR/model/violations" | head -n 100
    tail -n 30 "$DIR/journal/events"
    grep -h 'sync:' "$DIR"/log/{one,two,three}.log | sort | tail -n 60
}

start_load() {
    : >"$DIR/run/load"
    start load "$DIR/chaos_load" load "$DIR" "$SEED" 60
}

# Then it is known which tokens are revoked. One whose revocation had no answer is, or is not.
stop_load() {
    rm "$DIR/run/load"
    ends_with 0 load
    rm "$DIR/pids/load"
    awk '$4 == "revoke" && $8 != 500 { print $8 == 200 ? 401 : 0, $9 } $4 == "live" { print 200, $9 }' \
        "$DIR"/journal/load.* >"$DIR/model/tokens"
}

# counts_of MACHINE: "C MACHINE SOURCE CLIENT_ID TENTHS".
counts_of() {
    on "$1" "$DIR/tokenctl" -c "$DIR/$1/token.conf" throttle list --json |
        jq -r --arg machine "$1" '.[] | select(.source | contains("/") | not) |
            "C \($machine) \(.source) \(.client_id // "-") \(.failures * 10 | round)"'
}

# statuses_of MACHINE: "T MACHINE EXPECTED STATUS TOKEN".
statuses_of() {
    paste -d ' ' <(cut -d ' ' -f 1 "$DIR/model/tokens") \
        <(cut -d ' ' -f 2 "$DIR/model/tokens" | "$DIR/chaos_load" check "$DIR/run/$1.sock") \
        <(cut -d ' ' -f 2 "$DIR/model/tokens") | sed "s/^/T $1 /"
}

revoked_on() {
    on "$1" "$DIR/tokenctl" -c "$DIR/$1/token.conf" revoked | sort
}

# Whether what the machines hold is what the model knows. The violations are in a file.
all_holds() {
    local machine
    for machine in "${MACHINES[@]}"; do
        counts_of "$machine"
        statuses_of "$machine"
        revoked_on "$machine" >"$DIR/model/revoked.$machine"
    done >"$DIR/model/state"
    {
        awk -v LIMIT=150 -v IN_FLIGHT=8 -v TOTALS="$DIR/model/totals" -v LAGS="$DIR/model/lags" \
            -f "$REPOSITORY/tests/slow/chaos.awk" "$DIR/journal/events" "$DIR"/journal/load.* "$DIR/model/state"
        awk '{ print $2 }' "$DIR/model/revoked.one" | grep -vxFf - "$DIR/model/ids" | sed 's/$/ is not revoked/'
        cmp "$DIR/model/revoked.one" "$DIR/model/revoked.two" 2>&1
        cmp "$DIR/model/revoked.one" "$DIR/model/revoked.three" 2>&1
    } >"$DIR/model/violations"
    [[ ! -s $DIR/model/violations ]]
}

# A spared process has grown by 8 MB at most, and none that is younger is larger. 4 MB it may need for counts in memory, when
# its disk is full for the first time.
has_not_grown() {
    local kind=$1 machine memory descriptors memory_before descriptors_before
    read -r memory_before descriptors_before <"$DIR/model/$kind"
    for machine in "${MACHINES[@]}"; do
        read -r memory descriptors < <(weigh "$kind-$machine")
        printf '# %s-%s: %d kB, %d descriptors; %d kB, %d descriptors early\n' "$kind" "$machine" "$memory" "$descriptors" \
            "$memory_before" "$descriptors_before" >&3
        ((memory <= memory_before + 8192 && descriptors <= descriptors_before + 8)) ||
            fail "$kind on $machine has grown"
    done
}

print_totals() {
    sort "$DIR/model/totals" | sed 's/^/# /' >&3
    sort -n "$DIR/model/lags" | awk '{ ms[NR] = $1 } END { if (NR > 0) printf "# ms until a revocation is in force: %d times, p50 %d, p99 %d, most %d\n",
        NR, ms[int(NR / 2) + 1], ms[int(NR * 99 / 100) + 1], ms[NR] }' >&3
}

@test "whatever happens to three machines: revocations are in force, good clients are served, counts agree, nothing grows" {
    local healed
    make_plan "$SEED"
    start_load
    carry_out
    recover
    healed=$EPOCHREALTIME
    stop_load
    wait_until 'all holds' all_holds
    awk -v from="$healed" -v to="$EPOCHREALTIME" 'BEGIN { printf "# all holds %.1f s behind the last fault\n", to - from }' >&3
    print_totals
    has_not_grown responder
    has_not_grown sync
}

has_requests() {
    (($(cat "$DIR"/journal/load.* | wc -l) >= $1))
}

# last_of STREAM: the ID of its last message.
last_of() {
    engine red xrevrange "$(stream "$1")" + - COUNT 1 | head -n 1
}

is_newer() {
    [[ $(last_of "$1") != "$2" ]]
}

# revoke_a_live_one: on the machine `one`, and the model knows it. Sets REVOKED.
revoke_a_live_one() {
    REVOKED=$(awk '$1 == 200 { print $2; exit }' "$DIR/model/tokens")
    on one "$DIR/tokenctl" -c "$DIR/one/token.conf" revoke "$REVOKED"
    sed -i "s/^200 $REVOKED\$/401 $REVOKED/" "$DIR/model/tokens"
}

is_refused_on() {
    [[ $("$DIR/chaos_load" check "$DIR/run/$1.sock" <<<"$2") == 401 ]]
}

# finds TEXT…: there are such violations.
finds() {
    local text
    ! all_holds || fail 'all seems to hold'
    for text in "$@"; do
        grep -q -- "$text" "$DIR/model/violations" || fail "the model does not find: $text"
    done
}

# The same wrong secret, on the machine one.
get_it_wrong() {
    fastcgi "$DIR/run/one.sock" "$GRANT&client_id=nobody&client_secret=wrong" >/dev/null
    printf 'R 1 1 wrong one 127.0.0.1 nobody 401 -\n' >>"$DIR/journal/load.0"
}

@test "a revocation and a failure that never come, and good clients who are refused, are found" {
    local revocation failure
    start_load
    wait_until 'requests' has_requests 500
    stop_load
    get_it_wrong
    wait_until 'all holds' all_holds
    # The machine three is to miss what comes now.
    kill_node sync-three
    revocation=$(last_of revocations) failure=$(last_of failures)
    revoke_a_live_one
    # A secret that is known to be wrong is not verified again, so this is one message.
    get_it_wrong
    wait_until 'the revocation in the stream' is_newer revocations "$revocation"
    wait_until 'the failure in the stream' is_newer failures "$failure"
    engine red xdel "$(stream revocations)" "$(last_of revocations)"
    engine red xdel "$(stream failures)" "$(last_of failures)"
    start_node sync-three
    # What comes later comes.
    revoke_a_live_one
    wait_until 'a later revocation on three' is_refused_on three "$REVOKED"
    finds 'that was revoked gets 200 on three' '^three: 127.0.0.1 nobody has 1 failures, not 2 to 2' \
        '^127.0.0.1 nobody has 2 failures on one, 1 on three'
    printf 'R 1 1 %s two 198.51.100.1 good1 %s -\n' grant 429 grant 0 check 401 >>"$DIR/journal/load.0"
    finds 'good1 from 198.51.100.1 got 429 for grant' 'good1 from 198.51.100.1 got 401 for check' 'got no answer, though'
}
