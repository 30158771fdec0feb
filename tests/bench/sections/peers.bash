# Proven clients beside peers that are idle, that send a byte a second, and that do not read their answers.

IDLE_PEERS=10000 HALF_PEERS=1000 UNREAD_PEERS=200

peers_are_ready() {
    grep -qx ready "$DIR/log/peers.log"
}

section_peers() {
    local before
    make_stand peers
    configure log_level error
    configure request_timeout 3600
    ulimit -n "$(ulimit -Hn)"
    if (($(ulimit -n) < IDLE_PEERS + HALF_PEERS + UNREAD_PEERS + 100)); then
        say "peers: left out, as the limit on open files is $(ulimit -n)"
        return
    fi
    serve_socket
    rounds measure without "$BIN/fcgi_load" "$SOCKET" "$BENCH_SECONDS" 16 "$DEMO"
    before=$(resident_mib "$(program_pid)")
    start peers "$BIN/slow_peers" "$SOCKET" $IDLE_PEERS $HALF_PEERS $UNREAD_PEERS "$DEMO"
    wait_until 'the slow peers' peers_are_ready
    rounds measure with "$BIN/fcgi_load" "$SOCKET" "$BENCH_SECONDS" 16 "$DEMO"
    row "proven, p99, beside $IDLE_PEERS idle, $HALF_PEERS slow and $UNREAD_PEERS deaf peers; without" \
        "$(median with.p99)" "$(median without.p99)" us '<=' 1.5
    row '  CPU time per request' "$(median with.cpu)" "$(median without.cpu)" us
    row '  resident, more than without' "$(compute "$(resident_mib "$(program_pid)") - $before")" - MiB
    stop peers KILL
}
