# No queueing behind the hash: 64 connections send a wrong password after the other for a yescrypt account, without
# pause, beside 8 connections of a client that is proven already.

FLOOD="$GRANT&client_id=victim-000000000000&client_secret=############"

flood_socket() {
    "$BIN/fcgi_load" "$SOCKET" "$BENCH_SECONDS" 64 "$FLOOD"
}

# note_phase PHASE LINE: what the proven got.
note_phase() {
    sample "$1.p50" "$(field p50_us "$2")"
    sample "$1.p99" "$(field p99_us "$2")"
    sample "$1.errors" "$(compute "$(field requests "$2") - $(field status_200 "$2")")"
}

# One process is the proven client from before until after the flood.
flood_socket_round() {
    local line alone phases
    alone=$(flood_socket)
    sample alone "$(compute "$(field status_401 "$alone") / $BENCH_SECONDS")"
    # What the flood left in the queue is worked off.
    sleep 1
    launch proven "$BIN/fcgi_load" -p 3 -t "$OUT/latency.dat" "$SOCKET" "$(compute "$BENCH_SECONDS * 3")" 8 "$DEMO"
    sleep "$BENCH_SECONDS"
    line=$(flood_socket)
    finish proven
    mapfile -t phases <<<"$OUTPUT"
    sample refused "$(compute "$(field status_401 "$line") / $BENCH_SECONDS")"
    sample deferred "$(compute "$(field status_503 "$line") / $BENCH_SECONDS")"
    sample other "$(compute "$(field requests "$line") - $(field status_401 "$line") - $(field status_503 "$line")")"
    note_phase before "${phases[0]}"
    note_phase under "${phases[1]}"
    note_phase after "${phases[2]}"
}

proven_behind_nginx() {
    local line
    line=$(wrk_line --latency -c8 -d"$WHOLE_SECONDS" "$URL" -- "$DEMO")
    sample "$1.p50" "$(field p50_us "$line")"
    sample "$1.p99" "$(field p99_us "$line")"
    sample "$1.errors" "$(field errors "$line")"
}

flood_nginx_round() {
    local line
    line=$(wrk_line -c64 -d"$WHOLE_SECONDS" "$URL" -- "$FLOOD" statuses)
    sample nginx.alone "$(compute "$(field status_401 "$line") / $WHOLE_SECONDS")"
    sleep 1
    proven_behind_nginx nginx.before
    launch flood wrk -t1 -s "$WRK_SCRIPT" -c64 -d$((WHOLE_SECONDS + 1)) "$URL" -- "$FLOOD" statuses
    sleep 0.5
    proven_behind_nginx nginx.under
    finish flood
    line=$(grep '^requests=' <<<"$OUTPUT")
    sample nginx.refused "$(compute "$(field status_401 "$line") / ($WHOLE_SECONDS + 1)")"
    sample nginx.deferred "$(compute "$(field status_503 "$line") / ($WHOLE_SECONDS + 1)")"
    proven_behind_nginx nginx.after
}

# phase_rows WAY PREFIX BOUND
phase_rows() {
    local phase
    for phase in before under after; do
        row "proven clients $phase the flood, $1: p50" "$(median "$2$phase.p50" | in_ms)" - ms
        if [[ $phase == under ]]; then
            row "proven clients $phase the flood, $1: p99" "$(median "$2$phase.p99" | in_ms)" - ms '<=' "$3"
        else
            row "proven clients $phase the flood, $1: p99" "$(median "$2$phase.p99" | in_ms)" - ms
        fi
    done
    row "proven clients under the flood, $1: errors" "$(median "$2under.errors")" - '' '<=' 0
}

in_ms() {
    awk '{ print $1 / 1000 }'
}

section_flood() {
    make_stand flood
    add_accounts victim- 1 "${HASHES[yescrypt]}"
    serve_web flood nginx
    measure warm-up wrk_line -c64 -d1 "$URL" -- "$DEMO"
    rounds flood_socket_round
    rounds flood_nginx_round
    phase_rows 'on the socket' '' 5
    phase_rows 'behind nginx' nginx. 20
    row 'the flood on the socket: 401; the flood alone' "$(median refused)" "$(median alone)" 1/s '>=' 0.5
    row 'the flood on the socket: 503' "$(median deferred)" - 1/s
    row 'the flood on the socket: any other answer' "$(median other)" - '' '<=' 0
    row 'the flood behind nginx: 401; the flood alone' "$(median nginx.refused)" "$(median nginx.alone)" 1/s '>=' 0.5
    row 'the flood behind nginx: 503' "$(median nginx.deferred)" - 1/s
}
