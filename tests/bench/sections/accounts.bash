# Many accounts: start, memory, and a file that is replaced while clients are served.

# write_accounts FILE COUNT: a file of COUNT lines, the last one that of "demo".
write_accounts() {
    local last
    last=$(grep '^demo:' "$DIR/etc/accounts")
    awk -v count="$2" -v hash="${HASHES[bcrypt-10]}" -v last="$last" 'BEGIN {
        for (i = 1; i < count; i++) printf "client%09d:%s:scope=read,write lifetime=600\n", i, hash
        print last
    }' >"$1"
    chmod 0600 "$1"
}

# Room for the file, its copy and what the program makes of it.
has_room() {
    local bytes=$(($1 * 110))
    (($(df --output=avail -B1 "$DIR" | tail -n 1) > bytes * 3)) &&
        (($(awk '/^MemAvailable/ { printf "%.0f", $2 * 1024 }' /proc/meminfo) > bytes * 4))
}

start_round() {
    local line
    line=$("$BIN/first_answer" "$DIR/run/first.sock" "$DEMO" "$DIR/token.fcgi" -c "$CONF")
    sample "start.$1" "$(field ms "$line")"
    sample "resident.$1" "$(compute "$(field rss_kib "$line") / 1024")"
}

count_rows() {
    local count=$1 file_mib allowed bound=()
    write_accounts "$DIR/etc/accounts" "$count"
    own "$DIR/etc"
    file_mib=$(compute "$(stat -c %s "$DIR/etc/accounts") / 1048576")
    allowed=$(compute "$file_mib + $count * 24 / 1048576 + 10")
    rounds start_round "$count"
    ((count != 1000000)) || bound=('<=' 500)
    row "$count accounts: start to first answer" "$(median "start.$count")" - ms "${bound[@]}"
    row "$count accounts: memory; file, 24 bytes per account, 10 MiB" "$(median "resident.$count")" "$allowed" MiB '<=' 1
    printf '%s\t%s\t%s\t%s\n' "$count" "$(median "start.$count")" "$(median "resident.$count")" "$allowed" \
        >>"$OUT/accounts.dat"
}

loads() {
    grep -c ' unusable; ' "$DIR/log/token.log" || true
}

loaded_more_often_than() {
    (($(loads) > $1))
}

# Proven clients before, in the time in which the new file is seen and loaded, and after.
reload_round() {
    local before phases
    cp -p "$DIR/etc/accounts" "$DIR/etc/accounts.next"
    before=$(loads)
    launch proven "$BIN/fcgi_load" -p 3 "$SOCKET" 4.5 8 "$DEMO"
    sleep 1.5
    mv "$DIR/etc/accounts.next" "$DIR/etc/accounts"
    wait_until 'the reload' loaded_more_often_than "$before"
    finish proven
    mapfile -t phases <<<"$OUTPUT"
    sample reload.before "$(field p99_us "${phases[0]}")"
    sample reload.during "$(field p99_us "${phases[1]}")"
    sample reload.errors "$(compute "$(field requests "${phases[1]}") - $(field status_200 "${phases[1]}")")"
}

section_accounts() {
    local count
    make_stand accounts
    : >"$OUT/accounts.dat"
    for count in 1000 10000 100000 10000000 1000000; do
        if ((count == 10000000)) && { [[ -n ${BENCH_QUICK:-} ]] || ! has_room $count; }; then
            say "without $count accounts"
            continue
        fi
        count_rows $count
    done
    sort -g -o "$OUT/accounts.dat" "$OUT/accounts.dat"
    serve_socket
    rounds reload_round
    row '1000000 accounts are replaced: p99 of proven clients; before' "$(compute "$(median reload.during) / 1000")" \
        "$(compute "$(median reload.before) / 1000")" ms '<=' 2
    row '1000000 accounts are replaced: failed requests' "$(median reload.errors)" - '' '<=' 0
}
