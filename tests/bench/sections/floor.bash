# The floor: what crypt_rn() alone does on this machine, and the program with nothing remembered. Equal credentials that
# arrive at once are verified once, so each request is for another account.

METHODS=(bcrypt-10 yescrypt sha512crypt)
FLOOR_ACCOUNTS=256
FLOOR_CONNECTIONS=$((CPUS * 32))

# By stand, how many verify. The clients would be on other machines: one core is left to them; or, where all cores verify,
# they take little of these. So they look for answers all at once, so often that the queue is never empty.
FLOOR_LOOK_MS=16
declare -A VERIFIERS=([floor]=$((CPUS > 1 ? CPUS - 1 : 1)) [shared]=$CPUS)

# By stand and method, what the loop did last.
declare -A LOOP=()

# floor_turn STAND METHOD: the loop comes before and after, and the ratio is that of one turn, as a machine is not equally
# fast from one moment to the next.
floor_turn() {
    local body="$GRANT&client_id=$2-############&client_secret=$SECRET" before=${LOOP[$1.$2]:-} rate
    use "$1"
    [[ -n $before ]] || before=$(loop_rate "$1" "$2")
    rate=$(field rate "$(nice -n 19 \
        "$BIN/fcgi_load" -w $FLOOR_LOOK_MS -m $FLOOR_ACCOUNTS "$SOCKET" "$BENCH_SECONDS" $FLOOR_CONNECTIONS \
        "$body")")
    # What is left in the queue is worked off when this is answered.
    answers_one
    LOOP[$1.$2]=$(loop_rate "$1" "$2")
    sample "$1.$2.rate" "$rate"
    sample "$1.$2.ratio" "$(compute "2 * $rate / ($before + ${LOOP[$1.$2]})")"
}

# loop_rate STAND METHOD
loop_rate() {
    field rate "$("$BIN/crypt_loop" "${HASHES[$2]}" "$SECRET" "$BENCH_SECONDS" "${VERIFIERS[$1]}")"
}

# loop_beside STAND METHOD: the loop's rate in those turns.
loop_beside() {
    compute "$(median "$1.$2.rate") / $(median "$1.$2.ratio")"
}

# Remembered: every account is asked for once, and then it is measured.
cached_round() {
    local method body
    use cached
    for method in "${METHODS[@]}"; do
        body="$GRANT&client_id=$method-############&client_secret=$SECRET"
        measure "$method.cached" "$BIN/fcgi_load" -m $FLOOR_ACCOUNTS "$SOCKET" "$BENCH_SECONDS" 16 "$body"
    done
}

# floor_stand NAME VERIFIERS TTL
floor_stand() {
    local method
    make_stand "$1"
    for method in "${METHODS[@]}"; do
        add_accounts "$method-" $FLOOR_ACCOUNTS "${HASHES[$method]}"
    done
    configure verify_concurrency "$2"
    configure verify_queue $FLOOR_CONNECTIONS
    configure verify_cache_ttl "$3"
    serve_socket
}

# beside_loop STAND WHAT
beside_loop() {
    local method
    for method in "${METHODS[@]}"; do
        row "$method, $2; a loop of crypt_rn()" \
            "$(median "$1.$method.rate")" "$(loop_beside "$1" "$method")" 1/s '>=' 0.97
    done
}

section_floor() {
    local stand method
    LOOP=()
    for stand in "${!VERIFIERS[@]}"; do
        floor_stand "$stand" "${VERIFIERS[$stand]}" 0
    done
    floor_stand cached "$CPUS" 86400
    for method in "${METHODS[@]}"; do
        "$BIN/fcgi_load" -m $FLOOR_ACCOUNTS -n $((FLOOR_ACCOUNTS * 2)) "$SOCKET" 600 $FLOOR_CONNECTIONS \
            "$GRANT&client_id=$method-############&client_secret=$SECRET" >/dev/null
    done
    for stand in "${!VERIFIERS[@]}"; do
        # A second is too short for the few that these do in it.
        rounds floor_turn "$stand" bcrypt-10
        rounds floor_turn "$stand" yescrypt
        # What it may lose is half of what one turn differs from the next.
        BENCH_ROUNDS=$((BENCH_ROUNDS * 12)) turns floor_turn "$stand" sha512crypt
    done
    rounds cached_round
    beside_loop floor 'clients have a core of their own'
    beside_loop shared 'clients on the same cores, too'
    for method in "${METHODS[@]}"; do
        row "$method, remembered; a loop of crypt_rn()" \
            "$(median "$method.cached.rate")" "$(loop_beside shared "$method")" 1/s
        printf '%s\t%s\t%s\t%s\n' "$method" "$(loop_beside shared "$method")" "$(median "shared.$method.rate")" \
            "$(median "$method.cached.rate")"
    done >"$OUT/tokens.dat"
}
