# Connections to the program's socket as no well-behaved web server makes them, by fcgi_client.c.

load helper
load requests
load load

setup_file() {
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/fcgi_client" "$REPOSITORY/tests/integration/fcgi_client.c"
}

setup() {
    make_folder
    add_load_account
    own "$DIR/etc"
}

teardown() {
    show_logs
    remove_folder
}

start_listening() {
    TOKEN_CONF=$CONF start token.fcgi "$DIR/token.fcgi" -l "$DIR/run/token.sock"
    wait_until 'the socket' is_bound "$DIR/run/token.sock"
}

# client ACTION COUNT: prints how many answers had which status, in the order in which each came first.
client() {
    timeout "$PATIENCE" "$BATS_FILE_TMPDIR/fcgi_client" "$DIR/run/token.sock" "$1" "$2" \
        "$GRANT&client_id=load&client_secret=$LOAD_SECRET" | uniq -c | awk '{ printf "%s×%s ", $1, $2 }'
}

descriptors() {
    find "/proc/$(pid_of token.fcgi)/fd" -mindepth 1 | wc -l
}

descriptors_are() {
    [[ $(descriptors) -eq $1 ]]
}

@test "300 idle kept connections and two threads: the next request is served, and they still are" {
    configure threads 2
    start_listening
    [[ $(client idle 300) == '601×200 ' ]]
}

@test "1,000 connections at once are all answered" {
    local answers
    start_listening
    answers=$(client at-once 1000)
    [[ $answers == '1000×200 ' ]] || fail "$answers"
}

@test "requests that stop half-way hold nobody up, are dropped in the end, and leave nothing behind" {
    local before answers
    configure request_timeout 2
    start_listening
    client at-once 1 # opens the state
    before=$(descriptors)
    answers=$(client half 20)
    # Whether there is time left for an answer is luck.
    [[ $answers =~ ^'1×200 '([0-9]+×(400|closed)' ')+$ ]] || fail "$answers"
    wait_until 'the descriptors to be closed' descriptors_are "$before"
}

@test "requests that arrive byte by byte are dropped after request_timeout, and the log says so" {
    local before
    configure request_timeout 3
    start_listening
    before=$(descriptors)
    [[ $(client drip 20) == '20×closed ' ]]
    wait_until 'the descriptors to be closed' descriptors_are "$before"
    [[ $(sed -n 's/.* warn dropped: \([0-9]*\) connections, .* request_timeout, 3 s$/\1/p' "$DIR/log/token.log" |
        awk '{ n += $1 } END { print n }') == 20 ]]
}

@test "another role than RESPONDER is answered 500, its connection closed, and the log says why" {
    start_listening
    [[ $(client authorizer 2) == $'1×500 1×closed 1×500 1×closed ' ]]
    [[ $(grep -c 'error .* role AUTHORIZER' "$DIR/log/token.log") == 2 ]]
}

@test "a body that looks like FastCGI records is never taken for requests" {
    start_listening
    [[ $(client forged 200) == '1×413 1×400 1×closed ' ]]
    run grep -c outcome= "$DIR/log/token.log"
    [[ $output -eq 2 ]]
}
