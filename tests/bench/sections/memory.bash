# Resident memory: fresh, idle with many accounts, and by how much it grows while there is load.

# Proven clients, and wrong passwords for cheap and for dear hashes, on kept connections and on fresh ones.
mixed_load() {
    launch dear "$BIN/fcgi_load" "$SOCKET" "$1" 40 "$GRANT&client_id=dear-000000000000&client_secret=############"
    launch cheap "$BIN/fcgi_load" -f "$SOCKET" "$1" 8 "$GRANT&client_id=demo&client_secret=############"
    "$BIN/fcgi_load" "$SOCKET" "$1" 8 "$DEMO" >/dev/null
    finish dear
    finish cheap
}

# Verifications that are under way hold 16 MiB each, and what requests have had is given back in about a second.
is_idle() {
    local before
    before=$(cpu_us "$1")
    sleep 2
    [[ $(cpu_us "$1") == "$before" ]]
}

resident_when_idle() {
    wait_until 'the program to be idle' is_idle "$1"
    resident_mib "$1"
}

# No process of fcgi_load keeps more answers than it has room for.
load_for() {
    local left=$1
    while ((left > 0)); do
        mixed_load $((left < 20 ? left : 20))
        ((left -= 20)) || true
    done
}

# Without what asks for huge pages: verifications, whose memory comes and goes.
resident_but_hashes_mib() {
    awk '/^Rss:/ { rss = $2 } /^VmFlags:/ && !/ hg( |$)/ { sum += rss } END { print sum / 1024 }' "/proc/$1/smaps"
}

watch_resident() {
    while sleep 0.25; do resident_but_hashes_mib "$1"; done
}

# resident_under_load NAME PID SECONDS: samples NAME.
resident_under_load() {
    launch "$1" watch_resident "$2"
    load_for "$3"
    is_running "$(pid_of "$1")" || fail "what is resident cannot be watched: $(<"$DIR/log/$1.log")"
    stop "$1"
    sample "$1" "$(paste -s -d ' ' "$DIR/log/$1.log")"
}

# Each thread has its stack and its free memory in its cache when it has once served whatever there is.
section_memory() {
    local pid warm_up=$((BENCH_LOAD_SECONDS < 300 ? 60 : BENCH_LOAD_SECONDS / 5)) part=$(((BENCH_LOAD_SECONDS + 9) / 10))
    make_stand fresh
    serve_socket
    row 'fresh after start' "$(resident_mib "$(program_pid)")" - MiB '<=' 8

    make_stand memory
    add_accounts dear- 10000 "${HASHES[yescrypt]}"
    # The log is not what is measured, and would fill the disk.
    configure log_level error
    serve_socket
    pid=$(program_pid)
    row '10000 accounts, idle' "$(resident_when_idle "$pid")" - MiB '<=' 10
    load_for "$warm_up"
    resident_under_load first "$pid" "$part"
    load_for $((BENCH_LOAD_SECONDS - 2 * part))
    resident_under_load last "$pid" "$part"
    row "$BENCH_LOAD_SECONDS s of load, after $warm_up s: growth from first tenth to last" \
        "$(compute "$(median last) - $(median first)")" - MiB '<=' 0.5
}
