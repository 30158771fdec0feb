# Resident memory: fresh, with every thread started, and what a while of load leaves: not what is held meanwhile.

has_threads() {
    (($(awk '/^Threads:/ { print $2 }' "/proc/$1/status") >= $2))
}

# Holds a request in each of 256 threads, then lets go.
start_all_threads() {
    start half "$BIN/half_requests" "$SOCKET" 256
    wait_until '256 threads' has_threads "$1" 256
    stop half
    wait_until 'an answer' answers_one
}

# Proven clients, and wrong passwords for cheap and for dear hashes, on kept connections and on fresh ones.
mixed_load() {
    launch dear "$BIN/fcgi_load" "$SOCKET" "$1" 40 "$GRANT&client_id=dear-000000000000&client_secret=############"
    launch cheap "$BIN/fcgi_load" -f "$SOCKET" "$1" 8 "$GRANT&client_id=demo&client_secret=############"
    "$BIN/fcgi_load" "$SOCKET" "$1" 8 "$DEMO" >/dev/null
    finish dear
    finish cheap
}

# Verifications that are under way hold 16 MiB each, and what requests have had is given back half a second later.
is_idle() {
    local before
    before=$(cpu_us "$1")
    sleep 1
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

# Each thread has its stack and its free memory in its cache when it has once served whatever there is.
section_memory() {
    local pid before warm_up=$((BENCH_LOAD_SECONDS < 300 ? 60 : BENCH_LOAD_SECONDS / 5))
    make_stand fresh
    serve_socket
    row 'fresh after start' "$(resident_mib "$(program_pid)")" - MiB '<=' 8

    make_stand memory
    add_accounts dear- 10000 "${HASHES[yescrypt]}"
    # The log is not what is measured, and would fill the disk.
    configure log_level error
    serve_socket
    pid=$(program_pid)
    start_all_threads "$pid"
    row '10000 accounts, all 256 threads started, idle' "$(resident_when_idle "$pid")" - MiB '<=' 16
    load_for "$warm_up"
    before=$(resident_when_idle "$pid")
    load_for "$BENCH_LOAD_SECONDS"
    row "more is left by $BENCH_LOAD_SECONDS s of load, after $warm_up s" "$(compute "$(resident_when_idle "$pid") - $before")" - MiB '<=' 0.5
}
