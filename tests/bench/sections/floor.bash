# The floor: what crypt_rn() alone does on this machine, and the program with nothing remembered. Equal credentials that
# arrive at once are verified once, so each request is for another account.

METHODS=(bcrypt-10 yescrypt sha512crypt)
FLOOR_ACCOUNTS=256

# Stands of so many verifiers. The clients would be on other machines: with one core less there is one for them, and where
# all cores verify they take what they need when nothing else wants it, several answers at a time.
declare -A VERIFIERS=([floor]=$((CPUS > 1 ? CPUS - 1 : 1)) [floor.shared]=$CPUS)

# The loop comes before and after, as a machine is not equally fast from one moment to the next.
floor_round() {
    local stand method body
    for stand in "${!VERIFIERS[@]}"; do
        use "$stand"
        for method in "${METHODS[@]}"; do
            body="$GRANT&client_id=$method-############&client_secret=secret"
            sample_loop "$stand.$method" "$method" "${VERIFIERS[$stand]}"
            measure "$stand.$method" nice -n 19 "$BIN/fcgi_load" -m $FLOOR_ACCOUNTS "$SOCKET" "$BENCH_SECONDS" $((CPUS * 4)) "$body"
            sample_loop "$stand.$method" "$method" "${VERIFIERS[$stand]}"
        done
    done
}

# sample_loop NAME METHOD THREADS
sample_loop() {
    sample "$1.loop" "$(field rate "$("$BIN/crypt_loop" "${HASHES[$2]}" secret "$BENCH_SECONDS" "$3")")"
}

# Remembered: every account is asked for once, and then it is measured.
cached_round() {
    local method body
    use cached
    for method in "${METHODS[@]}"; do
        body="$GRANT&client_id=$method-############&client_secret=secret"
        measure "$method.cached" "$BIN/fcgi_load" -m $FLOOR_ACCOUNTS "$SOCKET" "$BENCH_SECONDS" 16 "$body"
    done
}

floor_stand() {
    local method
    make_stand "$1"
    for method in "${METHODS[@]}"; do
        add_accounts "$method-" $FLOOR_ACCOUNTS "${HASHES[$method]}"
    done
    configure verify_cache_ttl "$2"
    configure verify_concurrency "$3"
    serve_socket
}

# beside_loop STAND WHAT
beside_loop() {
    local method
    for method in "${METHODS[@]}"; do
        row "$method, $2; a loop of crypt_rn()" "$(median "$1.$method.rate")" "$(median "$1.$method.loop")" 1/s '>=' 0.97
    done
}

section_floor() {
    local stand method
    : >"$OUT/tokens.dat"
    for stand in "${!VERIFIERS[@]}"; do
        floor_stand "$stand" 0 "${VERIFIERS[$stand]}"
    done
    floor_stand cached 86400 "$CPUS"
    for method in "${METHODS[@]}"; do
        "$BIN/fcgi_load" -m $FLOOR_ACCOUNTS -n $((FLOOR_ACCOUNTS * 2)) "$SOCKET" 600 $((CPUS * 4)) \
            "$GRANT&client_id=$method-############&client_secret=secret" >/dev/null
    done
    turns floor_round
    rounds cached_round
    beside_loop floor 'a core left to the clients'
    beside_loop floor.shared 'all cores, with the clients'
    for method in "${METHODS[@]}"; do
        row "$method, remembered; a loop of crypt_rn()" "$(median "$method.cached.rate")" "$(median "floor.shared.$method.loop")" 1/s
        printf '%s\t%s\t%s\t%s\n' "$method" "$(median "floor.shared.$method.loop")" \
            "$(median "floor.shared.$method.rate")" "$(median "$method.cached.rate")" >>"$OUT/tokens.dat"
    done
}
