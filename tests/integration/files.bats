# The operator's files: a limit on their size, one that is half written, modes and owners, the lock of tokenctl.
#
# Hashes have dollars in them, and each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load requests
load standalone
load tokenctl

setup() {
    make_standalone
    ACCOUNTS=$DIR/etc/accounts
    # shellcheck disable=SC2034 # tokenctl.bash has it
    KEYS=$DIR/etc/keys.jwks
}

teardown() {
    show_logs
    remove_folder
}

# --- A limit on the size of a file -----------------------------------------------------------------------------

# limited KIB COMMAND…: no file may grow beyond so many KiB.
limited() (
    ulimit -f "$1"
    shift
    "$@"
)

# fill FILE KIB: comments of that size.
fill() {
    yes "# $(printf '%061d' 0)" | head -c $(($2 * 1024)) >>"$1"
}

@test "tokenctl at the limit of a file's size: an ordinary error, and no file is left behind" {
    local before
    fill "$ACCOUNTS" 4
    before=$(<"$ACCOUNTS")
    limited 2 says 1 "$ACCOUNTS: the file cannot be replaced and is unchanged: File too large" lock demo
    [[ $(<"$ACCOUNTS") == "$before" ]]
    [[ -z $(find "$DIR/etc" -name '.*.new') ]]
    exits 0 lock demo
}

@test "a log at the limit of its size stops neither FastCGI nor CGI" {
    # The state, too, is of a size: the log alone is to be too large.
    fill "$DIR/log/token.log" 4096
    own "$DIR/log"
    limited 4096 start_listening "$SOCKET"
    issues "$SOCKET" demo demo-secret
    [[ $(stat -c %s "$DIR/log/token.log") -eq $((4096 * 1024)) ]]
    stop token.fcgi
    [[ $(limited 4096 status_of demo demo-secret) == 200 ]]
}

# --- Half-written accounts -------------------------------------------------------------------------------------

is_in_log() {
    grep -q -- "$1" "$DIR/log/token.log"
}

# still_half COMMAND…: the file has just been written, however long the commands before have taken.
still_half() {
    touch "$ACCOUNTS"
    "$@"
}

@test "a half-written last line is not in force, neither in FastCGI nor in CGI, until it has its newline" {
    local whole half line
    tokenctl add expired --expires 2020-01-01 <<<expired-secret
    own "$DIR/etc"
    line=$(wc -l <"$ACCOUNTS")
    whole=$(<"$ACCOUNTS")
    # What an upload has written when it pauses behind the hash.
    half=$(tail -n 1 "$ACCOUNTS" | cut -d : -f 1,2)
    start_listening "$SOCKET"
    { sed '$d' <<<"$whole"; printf '%s' "$half"; } >"$DIR/half"
    cat "$DIR/half" >"$ACCOUNTS"
    wait_until 'the report' is_in_log "accounts:$line: client \"expired\": the last line has no newline and may be half"
    ! issues "$SOCKET" expired expired-secret || fail 'in force'
    still_half works_not expired expired-secret
    works demo demo-secret
    still_half says 0 "accounts:$line: client \"expired\": the last line has no newline and may be half written" check
    [[ $ERR == *'end the line with a newline'* ]]
    still_half says 1 'its line in the accounts file is unusable' token expired
    still_half exits 0 list
    [[ $OUT == *unusable*'half written'* ]]
    # In plain CGI by the file's time.
    touch -d '20 seconds ago' "$ACCOUNTS"
    works expired expired-secret
    # With its end the line is what it was meant to be.
    printf ':expires=2020-01-01\n' >>"$ACCOUNTS"
    works_not expired expired-secret
    exits 0 check
    [[ $ERR != *half* ]] || fail "$ERR"
}

@test "a last line without a newline is in force after ten seconds; tokenctl gives it one" {
    own "$DIR/etc"
    start_listening "$SOCKET"
    sed -n 's/^demo:/late:/p' "$ACCOUNTS" | tr -d '\n' >"$DIR/late"
    cat "$DIR/late" >>"$ACCOUNTS"
    wait_until 'the report' is_in_log 'client "late": the last line has no newline and may be half'
    ! issues "$SOCKET" late demo-secret || fail 'in force'
    wait_until 'the account' issues "$SOCKET" late demo-secret
    exits 0 lock demo
    [[ $(tail -c 1 "$ACCOUNTS") == '' ]]
    works late demo-secret
    exits 0 passwd late --generate
    works late "$OUT"
}

# --- Modes and owners ------------------------------------------------------------------------------------------

# refused_with FILE WORDS: neither -t nor a start takes it, and a request of plain CGI is the 500.
refused_with() {
    run "$DIR/token.fcgi" -t
    [[ $status -eq 1 && $output == *"$1: "*"$2"* ]] || fail "-t: $output"
    run timeout "$PATIENCE" "$DIR/token.fcgi" -l "$SOCKET"
    [[ $status -eq 1 && $output == *"$1: "*"$2"* ]] || fail "-l: $output"
    [[ $(status_of demo demo-secret) == 500 ]] || fail "CGI: $(status_of demo demo-secret)"
}

@test "a file that its group can write is refused, with the command that mends it" {
    local file
    for file in "$CONF" "$ACCOUNTS" "$KEYS"; do
        chmod g+w "$file"
        refused_with "$file" "lets its group write it; run: chmod g-w '$file'"
        chmod g-w "$file"
    done
    works demo demo-secret
}

@test "a file of neither root's nor the program's user is refused, with the command that mends it" {
    local file user
    [[ $EUID -eq 0 ]] || skip 'only root gives files away'
    user=$(id -u www-data)
    chgrp www-data "$KEYS" "$ACCOUNTS"
    chmod 0640 "$KEYS"
    for file in "$CONF" "$ACCOUNTS" "$KEYS"; do
        chown daemon "$file"
        refused_with "$file" "it belongs to user $(id -u daemon), neither to root nor"
        [[ $output == *"run: chown $user '$file'"* ]] || fail "$output"
        says 1 "it belongs to user" list || [[ $file == "$KEYS" ]]
        chown root "$file"
        works demo demo-secret
        chown www-data "$file"
    done
    works demo demo-secret
    exits 0 list
    # Where the program has no user, root's tokenctl has to do with whom the state belongs to.
    unconfigure user
    own "$DIR/etc"
    exits 0 list
    exits 0 lock demo
    chown daemon "$ACCOUNTS"
    says 1 "run: chown $user '$ACCOUNTS'" list
}

@test "a file that gets another owner while the program runs is not loaded" {
    [[ $EUID -eq 0 ]] || skip 'only root gives files away'
    start_listening "$SOCKET"
    chown daemon "$ACCOUNTS"
    chmod 0644 "$ACCOUNTS"
    wait_until 'the refusal' is_in_log "accounts: it belongs to user $(id -u daemon)"
    issues "$SOCKET" demo demo-secret
}
