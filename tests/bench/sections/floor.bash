# The floor: what crypt_rn() alone does on this machine, and the program with nothing remembered. Equal credentials that
# arrive at once are verified once, so each request is for another account.

METHODS=(bcrypt-10 yescrypt sha512crypt)
FLOOR_ACCOUNTS=256

# The loop comes before and after, as a machine is not equally fast from one moment to the next. The clients would be on
# other machines: they take what they need of this one when nothing else wants it, several answers at a time.
floor_round() {
    local method body
    for method in "${METHODS[@]}"; do
        body="$GRANT&client_id=$method-############&client_secret=secret"
        sample_loop "$method"
        use floor
        measure "$method" nice -n 19 "$BIN/fcgi_load" -m $FLOOR_ACCOUNTS "$SOCKET" "$BENCH_SECONDS" $((CPUS * 4)) "$body"
        sample_loop "$method"
    done
}

sample_loop() {
    sample "$1.floor" "$(field rate "$("$BIN/crypt_loop" "${HASHES[$1]}" secret "$BENCH_SECONDS" "$CPUS")")"
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
    serve_socket
}

section_floor() {
    local method
    floor_stand floor 0
    floor_stand cached 86400
    for method in "${METHODS[@]}"; do
        "$BIN/fcgi_load" -m $FLOOR_ACCOUNTS -n $((FLOOR_ACCOUNTS * 2)) "$SOCKET" 600 $((CPUS * 4)) \
            "$GRANT&client_id=$method-############&client_secret=secret" >/dev/null
    done
    rounds floor_round
    rounds cached_round
    for method in "${METHODS[@]}"; do
        row "$method, nothing remembered; a loop of crypt_rn()" "$(median "$method.rate")" "$(median "$method.floor")" 1/s '>=' 0.97
        printf '%s\t%s\t%s\t%s\n' "$method" "$(median "$method.floor")" "$(median "$method.rate")" "$(median "$method.cached.rate")"
    done >"$OUT/tokens.dat"
    for method in "${METHODS[@]}"; do
        row "$method, remembered; a loop of crypt_rn()" "$(median "$method.cached.rate")" "$(median "$method.floor")" 1/s
    done
}
