# One hash for many: the same credential, unproven, on many connections at once.

ONCE_ACCOUNTS=10

section_once() {
    local connections pid before took i
    make_stand once
    add_accounts once- $((ONCE_ACCOUNTS * 2)) "${HASHES[bcrypt-10]}"
    configure verify_cache_ttl 86400
    serve_socket
    pid=$(program_pid)
    took=$(field cpu_us "$("$BIN/crypt_loop" "${HASHES[bcrypt-10]}" "$SECRET" "$BENCH_SECONDS" 1)")
    i=0
    for connections in 1 64; do
        before=$(cpu_us "$pid")
        for ((; i < ONCE_ACCOUNTS * (connections == 1 ? 1 : 2); i++)); do
            "$BIN/fcgi_load" -n $connections "$SOCKET" 60 $connections \
                "$GRANT&client_id=once-$(printf %012d $i)&client_secret=$SECRET" >/dev/null
        done
        row "$connections requests at once, bcrypt-10: CPU time; one crypt_rn()" \
            "$(compute "($(cpu_us "$pid") - $before) / $ONCE_ACCOUNTS / 1000")" "$(compute "$took / 1000")" ms
    done
}
