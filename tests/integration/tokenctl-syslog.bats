# Every change by tokenctl leaves a line in syslog's authpriv: who, what, from which to which, never a secret.

bats_require_minimum_version 1.5.0
load helper
load tokenctl
load syslog

setup() {
    make_folder
    export TOKEN_CONF=$CONF
    needs_mount_namespace
    start_syslogd
}

teardown() {
    show_logs
    remove_folder
}

# change COMMAND…: with a secret on standard input.
change() {
    with_dev env SUDO_USER=ann "$DIR/tokenctl" "$@" <<<'open sesame'
}

changes() {
    run change "$@"
    # shellcheck disable=SC2154 # run sets them
    [[ $status -eq 0 ]] || fail "tokenctl $*: $output"
}

# is_told PATTERN: a line of tokenctl has it.
is_told() {
    wait_until "the line $1" is_in_messages "^<86>[A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8} tokenctl\\[[0-9]+\\]: $1 config=\"$CONF\" .*uid=0 sudo=\"ann\"\$"
}

lines() {
    grep -c . "$DIR/log/messages" || true
}

@test "accounts: each change has a line with what was and what is" {
    changes add demo --scope 'a b'
    is_told 'change=add client_id="demo" from="" to="yescrypt scope=a,b [^"]*created=[^"]*"'
    changes set demo --scope a --lifetime 600
    is_told 'change=set client_id="demo" from="yescrypt scope=a,b [^"]*" to="yescrypt scope=a [^"]*lifetime=600[^"]*"'
    changes add other
    changes lock demo other
    is_told 'change=lock client_id="demo" from="yescrypt [^"]*" to="locked yescrypt [^"]*"'
    is_told 'change=lock client_id="other" from="yescrypt [^"]*" to="locked yescrypt [^"]*"'
    changes unlock demo
    is_told 'change=unlock client_id="demo" from="locked yescrypt [^"]*" to="yescrypt [^"]*"'
    changes passwd demo --keep-old
    is_told 'change=passwd client_id="demo" .*'
    changes remove other
    is_told 'change=remove client_id="other" from="locked yescrypt [^"]*" to=""'
}

@test "keys, revocations and refusals: each change has a line" {
    local kid
    kid=$(jq -r '.keys[0].kid' "$DIR/etc/keys.jwks")
    changes add demo
    changes key rotate --alg HS256 --now
    is_told "change=key_rotate from=\"$kid HS256 signing\" to=\"[^ ]* HS256 signing; $kid HS256 retired\""
    changes revoke --client demo
    is_told 'change=revoke client_id="demo"'
    changes token demo
    is_told 'change=token argument="demo"'
}

@test "a command that changes nothing has no line, and no line has a secret" {
    changes add demo
    is_told 'change=add .*'
    changes list
    changes unlock demo
    changes lock -n demo
    run change lock nobody
    [[ $status -eq 1 ]]
    run change passwd demo
    changes revoke "$(tokenctl token demo)"
    is_told 'change=revoke'
    [[ $(lines) == 3 ]] || fail "$(cat "$DIR/log/messages")"
    # shellcheck disable=SC2016 # a hash begins with $y$
    run ! grep -E "sesame|[$]y[$]|$JWT" "$DIR/log/messages"
}

@test "without a daemon a change is made all the same" {
    stop syslogd
    changes add demo
    tokenctl list | grep -q demo
}
