# tokenctl: a terminal, two writers at once, kill -9, a full disk, folders and files that refuse.
#
# Hashes have dollars in them, and each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load tokenctl

# --- A terminal ------------------------------------------------------------------------------------------------

# in_terminal COMMAND: on a terminal of its own; what is typed comes from standard input. All that the terminal shows
# goes to $DIR/screen. Ends as the command does.
in_terminal() {
    timeout "$PATIENCE" script -qefc "$1" "$DIR/screen" >/dev/null
}

# type WORD…: each when there is one more prompt on the screen.
prompts_are() {
    (($(grep -o 'New secret for\|Again for' "$DIR/screen" | wc -l) >= $1))
}

type_at_prompts() {
    local number=0 word
    for word in "$@"; do
        ((number += 1))
        wait_until "prompt $number" prompts_are $number >&2
        printf '%b' "$word"
    done
}

@test "a terminal is asked twice, and does not show the secret" {
    : >"$DIR/screen"
    type_at_prompts 'from the keyboard\n' 'from the keyboard\n' | in_terminal "'$DIR/tokenctl' -c '$CONF' add typed"
    works typed from+the+keyboard
    ! grep keyboard "$DIR/screen" || fail 'the secret was shown'
    [[ $(grep -c 'for typed' "$DIR/screen") -ge 2 ]]
}

@test "two different secrets, an empty one and Ctrl-D are refused, and the file stays" {
    local before typed
    before=$(<"$ACCOUNTS")
    for typed in 'one\n two\n' '\n' '\x04'; do
        : >"$DIR/screen"
        # shellcheck disable=SC2086
        ! type_at_prompts $typed | in_terminal "'$DIR/tokenctl' -c '$CONF' add typed" || fail "taken: $typed"
    done
    [[ $(<"$ACCOUNTS") == "$before" ]]
}

@test "Ctrl-C at the prompt restores the echo of the terminal" {
    : >"$DIR/screen"
    type_at_prompts '\x03' | in_terminal "bash -c 'trap : INT; \"$DIR/tokenctl\" -c \"$CONF\" add typed; stty -a'" || true
    grep -E '(^|[ ;])echo( |;|$)' "$DIR/screen"
    ! grep -E -- '-echo( |;|$)' "$DIR/screen" || fail 'no echo'
    ! grep '^typed' "$ACCOUNTS" || fail 'added'
}

# --- Writers at once -------------------------------------------------------------------------------------------

@test "eight writers at once lose nothing" {
    local writer
    write_some() {
        local i
        for ((i = 0; i < 8; i++)); do
            tokenctl add "w$1-$i" --generate >/dev/null && tokenctl passwd "w$1-$i" --generate --keep-old >/dev/null
        done
    }
    for ((writer = 0; writer < 8; writer++)); do
        write_some $writer 3>&- &
    done
    wait
    [[ $(grep -c '^w' "$ACCOUNTS") == 128 && $(cut -d: -f1 "$ACCOUNTS" | grep '^w' | sort -u | wc -l) == 64 ]]
    exits 0 check
    [[ $OUT == *'128 accounts, '*' 0 warnings' ]]
    [[ -z $(find "$DIR/etc" -name '*.new') ]]
}

@test "keys: concurrent rotations lose nothing" {
    local i
    for ((i = 0; i < 6; i++)); do
        tokenctl key rotate >/dev/null 3>&- &
    done
    wait
    [[ $(jq '.keys | length' "$KEYS") == 7 && $(jq '[.keys[] | select(has("exp") | not)] | length' "$KEYS") == 1 ]]
    exits 0 check
}

# --- Killed ----------------------------------------------------------------------------------------------------

@test "killed at any moment, the file is the old one or the new one" {
    not_under_valgrind 'it would be killed while valgrind starts, before the program does'
    local round before after killed=0
    for ((round = 0; round < 400; round++)); do printf 'filler%d:!\n' $round; done >>"$ACCOUNTS"
    exits 0 add target --generate
    takes tokenctl lock target
    for ((round = 0; round < 60; round++)); do
        exits 0 unlock target
        before=$(<"$ACCOUNTS")
        ! is_killed_at $round 60 "$DIR/tokenctl" -c "$CONF" lock target || ((killed += 1))
        after=$(<"$ACCOUNTS")
        [[ $after == "$before" || $after == "${before/target:/target:!}" ]] || fail "$(diff <(echo "$before") - <<<"$after")"
    done
    ((killed > 0)) || fail 'none was killed in time'
    # What the last one left behind goes with the next change.
    exits 0 lock target
    exits 0 unlock target
    exits 0 check
    [[ -z $(find "$DIR/etc" -name '*.new') ]]
}

# holds_lock: in the background, as tokenctl does while it changes a file; its pid is in $HOLDER.
hold_lock() {
    : >"$DIR/etc/.tokenctl.lock"
    python3 -c 'import fcntl, sys, time
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
open(sys.argv[2], "w").close()
time.sleep(1000)' "$DIR/etc/.tokenctl.lock" "$DIR/held" 3>&- &
    HOLDER=$!
    wait_until 'the lock' test -e "$DIR/held"
}

@test "a lock ends with the process that held it" {
    exits 0 add client <<<'secret'
    hold_lock
    "$DIR/tokenctl" -c "$CONF" lock client 3>&- &
    kill -KILL $!
    kill -KILL "$HOLDER"
    exits 0 lock client
}

has_told() {
    grep -q "accounts: process $HOLDER holds the lock of its folder; waiting for it" "$DIR/waiting"
}

@test "waiting for the lock reports its holder and goes on; --timeout ends it" {
    local waiter
    exits 0 add client <<<'secret'
    hold_lock
    "$DIR/tokenctl" -c "$CONF" lock client 2>"$DIR/waiting" 3>&- &
    waiter=$!
    says 1 "process $HOLDER holds the lock" --timeout 0 lock client
    [[ $ERR == *"cannot be locked: the lock was not released in time"* ]]
    says 1 "process $HOLDER holds the lock" lock client --timeout 1
    says 1 'the lock was not released in time' key rotate --timeout 0
    says 2 '0 to 86400 seconds' --timeout soon list
    says 2 '0 to 86400 seconds' list --timeout -1
    wait_until 'who it is' has_told
    kill -KILL "$HOLDER"
    wait $waiter
    says 0 'is locked already' lock client
}

@test "a user who can only read the file cannot hold its lock" {
    [[ $EUID -eq 0 ]] || skip 'only root can become another user'
    exits 0 add client <<<'secret'
    chown root:root "$DIR/etc"
    chmod 0755 "$DIR/etc"
    start flock setpriv --reuid=65534 --regid=65534 --clear-groups \
        flock -F "$DIR/etc" sh -c "touch '$DIR/reports/held'; exec sleep 1000"
    wait_until 'the lock' test -e "$DIR/reports/held"
    exits 0 --timeout 20 lock client
    ! as_nobody cat "$DIR/etc/.tokenctl.lock" || fail 'it can be opened'
}

# --- No room, no right -----------------------------------------------------------------------------------------

# A small file system at $DIR/small, with the configuration and what it names.
mount_small() {
    [[ $EUID -eq 0 ]] || skip 'only root mounts'
    mkdir "$DIR/small"
    mount -t tmpfs -o size=64k tmpfs "$DIR/small" 2>/dev/null || skip 'mount is not allowed here'
    cp -a "$DIR/etc/." "$DIR/small"
    CONF=$DIR/small/token.conf ACCOUNTS=$DIR/small/accounts KEYS=$DIR/small/keys.jwks
}

@test "a full disk: the change is refused, the old file stays, and no other file is left" {
    local accounts keys
    mount_small
    exits 0 add client <<<'secret'
    for ((i = 0; i < 200; i++)); do printf 'filler%d:!%0100d\n' $i 0; done >>"$ACCOUNTS"
    accounts=$(<"$ACCOUNTS") keys=$(<"$KEYS")
    cat /dev/zero >"$DIR/small/filler" 2>/dev/null || true
    says 1 "$ACCOUNTS: the file cannot be replaced and is unchanged: No space left on device" lock client
    says 1 'No space left on device' add other --generate
    [[ -z $OUT ]]
    says 1 "$KEYS: the file cannot be replaced and is unchanged: No space left on device" key rotate
    [[ $(<"$ACCOUNTS") == "$accounts" && $(<"$KEYS") == "$keys" ]]
    [[ -z $(find "$DIR/small" -name '*.new') ]]
    rm "$DIR/small/filler"
    exits 0 lock client
    umount "$DIR/small"
}

teardown() {
    ! mountpoint -q "$DIR/small" || umount "$DIR/small"
    remove_folder
}

# As somebody who is not root.
as_nobody() {
    [[ $EUID -eq 0 ]] || { "$@"; return; }
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

@test "files and folders without rights are reported with their path" {
    run as_nobody "$DIR/tokenctl" -c "$CONF" lock client
    [[ $EUID -ne 0 || ($status -eq 1 && $output == *"$ACCOUNTS: the accounts file cannot be "*"; run tokenctl as root, or as the owner"*) ]]
    [[ $EUID -ne 0 ]] || chown -R nobody "$DIR/etc"
    chmod 0500 "$DIR/etc"
    run as_nobody "$DIR/tokenctl" -c "$CONF" add client --generate
    [[ $status -eq 1 && $output == *"$ACCOUNTS: the file cannot be replaced and is unchanged: Permission denied"* ]]
    chmod 0000 "$ACCOUNTS"
    run as_nobody "$DIR/tokenctl" -c "$CONF" list
    [[ $status -eq 1 && $output == *"$ACCOUNTS: the accounts file cannot be read: Permission denied"* ]]
    chmod 0700 "$DIR/etc"
    chmod 0666 "$ACCOUNTS"
    run as_nobody "$DIR/tokenctl" -c "$CONF" check
    [[ $status -eq 1 && $output == *"$ACCOUNTS"*chmod* ]]
}

# Guessed wrong for once, so that there is a state to open.
@test "started without standard descriptors: nothing is written into the state" {
    local status=0
    exits 0 add client <<<'secret'
    works_not client wrong
    exits 0 throttle list
    [[ $OUT == *client* ]]
    "$DIR/tokenctl" -c "$CONF" throttle clear nobody <&- >&- 2>&-
    "$DIR/tokenctl" -c "$CONF" throttle list <&- >&- 2>&- || status=$?
    [[ $status -eq 1 ]]
    exits 0 throttle list
    [[ $OUT == *client* ]]
}
