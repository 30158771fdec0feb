# Ten million mutated FastCGI records to the program's socket.

load ../integration/helper
load ../integration/requests
load ../integration/load

RECORDS=${RECORDS:-10000000}

setup() {
    make_folder
    add_load_account
    own "$DIR/etc"
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -o "$DIR/mutate_records" "$REPOSITORY/tests/slow/mutate_records.c"
}

teardown() {
    show_logs
    remove_folder
}


# All connections are closed: one socket is left, which listens.
no_connection_is_left() {
    [[ $(find "/proc/$1/fd" -mindepth 1 -lname 'socket:*' | wc -l) -eq 1 ]]
}

descriptors() {
    find "/proc/$1/fd" -mindepth 1 | wc -l
}

resident() {
    awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

@test "mutated records: the same process, and no descriptor and no memory more than before" {
    local pid before resident answer
    configure log_level error
    TOKEN_CONF=$CONF start token.fcgi "$DIR/token.fcgi" -l "$DIR/run/token.sock"
    wait_until 'the socket' is_bound "$DIR/run/token.sock"
    pid=$(pid_of token.fcgi)
    # malloc() has what it keeps, and the state is open, when a fifth of them was sent.
    nice "$DIR/mutate_records" "$DIR/run/token.sock" $((RECORDS / 5)) 1
    wait_until 'the connections to be closed' no_connection_is_left "$pid"
    before=$(descriptors "$pid")
    resident=$(resident "$pid")
    answer=$(nice "$DIR/mutate_records" "$DIR/run/token.sock" "$RECORDS" 2)
    [[ $answer == 401 ]] || fail "$answer"
    is_running "$pid"
    wait_until 'the connections to be closed' no_connection_is_left "$pid"
    # The state may have been opened again meanwhile, and the old one be closed a moment later.
    (($(descriptors "$pid") <= before + 2))
    printf 'resident: %d KiB before, %d after\n' "$resident" "$(resident "$pid")" >&3
    (($(resident "$pid") < resident + 2048))
}
