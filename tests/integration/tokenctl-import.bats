# tokenctl: users from the password files of other programs, and whether a secret would be accepted.
#
# Hashes have dollars in them, and each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load tokenctl

teardown() {
    ! mountpoint -q "$DIR/small" || umount "$DIR/small"
    remove_folder
}

sha512() {
    openssl passwd -6 -salt abcdefgh "$1"
}

@test "import: htpasswd; what cannot be taken is told with line and reason, the others are added" {
    exits 0 add there --generate
    printf '%s\n' "good:$(sha512 one)" 'apr:$apr1$salt$abcdefghijklmnopqrstu/' 'sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' \
        'des:rl0uE0JJ0BE.2' '# comment' "there:$(sha512 two)" "good:$(sha512 again)" 'a secret without a colon' >"$DIR/htpasswd"
    exits 1 import "$DIR/htpasswd"
    [[ -z $OUT && $ERR == *'1 added, 0 already there, 6 not imported'* ]] || fail "$ERR"
    [[ $ERR == *"htpasswd:2: apr is not imported: the hash is htpasswd's own \$apr1\$"* ]]
    [[ $ERR == *'htpasswd:3: sha is not imported: the hash has a scheme'* && $ERR == *'htpasswd:4: des is not imported: '* ]]
    [[ $ERR == *'there is not imported: there is an account of that name'* && $ERR == *'htpasswd:7: good is not imported: the user occurs earlier'* ]]
    [[ $ERR == *'htpasswd:8: - is not imported'* && $ERR != *'a secret'* ]]
    works good one
    works_not good again
    grep -E '^good:\$6\$[^:]*:created=' "$ACCOUNTS"
    # Once more: a user who is already there is success.
    sed -n 1p "$DIR/htpasswd" >"$DIR/again"
    says 0 'good is already there' import "$DIR/again"
    [[ $(lines_of good) == 1 ]]
}

@test "import: mosquitto, Dovecot, vsftpd, and an accounts file" {
    printf '%s\n' "m1:\$7\$101\$$(head -c 12 /dev/zero | base64)\$$(head -c 64 /dev/zero | base64 -w 0)" >"$DIR/mosquitto"
    says 1 "m1 is not imported: the hash is mosquitto's own form" import "$DIR/mosquitto"
    printf '%s\n' "joe@example.com:{SHA512-CRYPT}$(sha512 one):1000:1000::/home/joe::" 'plain:{PLAIN}open sesame::::::' \
        "kept:{CRYPT}$(sha512 x)::::::allow_nets=192.0.2.0/24" >"$DIR/dovecot"
    says 1 'kept is not imported: Dovecot' import "$DIR/dovecot"
    works joe@example.com one
    works plain open+sesame
    printf 'tom\nfoo bar\n\nfred\nbaz\n' >"$DIR/vsftpd"
    says 0 'users and passwords are in turn' import "$DIR/vsftpd"
    works tom foo+bar
    works fred baz
    ! grep -E 'foo|baz|sesame' "$ACCOUNTS" || fail 'plain text'
    printf '%s\n' "limited:$(sha512 one):scope=a from=198.51.100.0/24" "locked:!$(sha512 one)" "odd:$(sha512 one):comment" >"$DIR/accounts"
    says 1 'odd is not imported: unknown attribute' import "$DIR/accounts"
    works_not limited one
    works_not locked one
    grep -E '^limited:[^:]*:scope=a from=198.51.100.0/24 created=' "$ACCOUNTS"
    exits 0 list locked --json
    [[ $(jq -r '.[0].state' <<<"$OUT") == locked ]]
}

@test "import --new-secrets: users whose hash cannot be taken get a secret, which is printed" {
    printf '%s\n' 'apr:$apr1$salt$abcdefghijklmnopqrstu/' "good:$(sha512 one)" 'm:$6$c2FsdA==$aGFzaA==' ':x' >"$DIR/htpasswd"
    exits 1 import "$DIR/htpasswd" --new-secrets
    [[ $ERR == *':4: '*'the client_id is empty'*'3 added'* ]] || fail "$ERR"
    [[ $(cut -f 1 <<<"$OUT") == $'apr\nm' ]]
    works apr "$(sed -n 's/^apr\t//p' <<<"$OUT")"
    works m "$(sed -n 's/^m\t//p' <<<"$OUT")"
    works good one
    printf '%s\n' 'b:$apr1$salt$abcdefghijklmnopqrstu/' >"$DIR/htpasswd"
    exits 0 import "$DIR/htpasswd" --new-secrets --json
    works b "$(jq -r '.[0].client_secret' <<<"$OUT")"
    printf '%s\n' 'c:$apr1$salt$abcdefghijklmnopqrstu/' >"$DIR/htpasswd"
    ! tokenctl import "$DIR/htpasswd" --new-secrets >/dev/full 2>"$DIR/err" || fail 'exit status 0'
    grep 'standard output: No space left.*tokenctl passwd ID --generate' "$DIR/err"
}

@test "import -n and --json; a file that is not what it says" {
    local before
    before=$(stat -c '%i %Y' "$ACCOUNTS")$(<"$ACCOUNTS")
    printf '%s\n' "a:$(sha512 one)" 'b:$apr1$salt$abcdefghijklmnopqrstu/' >"$DIR/htpasswd"
    exits 0 import -n "$DIR/htpasswd" --new-secrets
    [[ $OUT == $'a would be added\nb would be added, with a new secret' ]] || fail "$OUT"
    exits 1 import -n --json "$DIR/htpasswd"
    [[ $(jq -c 'map([.client_id, .line, .result, has("reason")])' <<<"$OUT") == '[["a",1,"added",false],["b",2,"refused",true]]' ]]
    head -c 5000 /dev/urandom >"$DIR/binary"
    says 1 'no password file: it is no text file' import "$DIR/binary"
    printf 'only\nthree\nlines\n' >"$DIR/text"
    says 1 'no password file: there is no line USER:HASH' import "$DIR/text"
    : >"$DIR/empty"
    says 1 'no password file' import "$DIR/empty"
    says 1 'No such file' import "$DIR/nowhere"
    says 1 "$DIR: " import "$DIR"
    says 1 'is not imported' import /etc/passwd
    [[ $(stat -c '%i %Y' "$ACCOUNTS")$(<"$ACCOUNTS") == "$before" ]]
    says 2 'argument missing' import
}

@test "import: killed at any moment, all are added or none; two at once add each once" {
    not_under_valgrind 'it would be killed while valgrind starts, before the program does'
    local round lines killed=0
    for ((round = 0; round < 300; round++)); do printf 'u%d:!\n' $round; done >"$DIR/many"
    takes tokenctl import "$DIR/many"
    for ((round = 0; round < 30; round++)); do
        sed -i '/^u/d' "$ACCOUNTS"
        own "$ACCOUNTS"
        ! is_killed_at $round 30 "$DIR/tokenctl" -c "$CONF" import "$DIR/many" || ((killed += 1))
        lines=$(grep -c '^u' "$ACCOUNTS" || true)
        [[ $lines == 0 || $lines == 300 ]] || fail "$lines lines"
    done
    sed -i '/^u/d' "$ACCOUNTS"
    own "$ACCOUNTS"
    ((killed > 0)) || fail 'none was killed in time'
    for ((round = 0; round < 4; round++)); do
        tokenctl import "$DIR/many" >/dev/null 2>&1 3>&- &
    done
    wait
    [[ $(grep -c '^u' "$ACCOUNTS") == 300 ]]
}

@test "import: no room, no right: nothing changes, and the reason is told" {
    local before entries
    [[ $EUID -eq 0 ]] || skip 'only root mounts, and becomes another user'
    printf 'u%d:$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642\n' {1..400} >"$DIR/many"
    chmod 0755 "$DIR/etc"
    run setpriv --reuid=65534 --regid=65534 --clear-groups "$DIR/tokenctl" -c "$CONF" import "$DIR/many"
    [[ $status -eq 1 && $output == *"$ACCOUNTS"*'Permission denied'* ]] || fail "$output"
    mkdir "$DIR/small"
    mount -t tmpfs -o size=64k tmpfs "$DIR/small" 2>/dev/null || skip 'mount is not allowed here'
    cp -a "$DIR/etc/." "$DIR/small"
    CONF=$DIR/small/token.conf ACCOUNTS=$DIR/small/accounts
    cat /dev/zero >"$DIR/small/filler" 2>/dev/null || true
    before=$(<"$ACCOUNTS")
    entries=$(ls -A "$DIR/small")
    says 1 "$ACCOUNTS: the file cannot be replaced and is unchanged: No space left on device" import "$DIR/many"
    [[ $(<"$ACCOUNTS") == "$before" && $(ls -A "$DIR/small") == "$entries" ]] || fail "$(ls -A "$DIR/small")"
    # A secret that was not kept is not shown.
    sed 's/:.*/:{SHA}x/' "$DIR/many" >"$DIR/new"
    says 1 'No space left on device' import "$DIR/new" --new-secrets
    [[ -z $OUT && $(<"$ACCOUNTS") == "$before" ]] || fail "$OUT"
    rm "$DIR/small/filler"
    exits 0 import "$DIR/many"
    [[ $(grep -c '^u' "$ACCOUNTS") == 400 ]]
}

# --- authenticate ----------------------------------------------------------------------------------------------

@test "authenticate: whether a secret would be accepted now, and why not" {
    exits 0 add a --from 192.0.2.0/24 <<<'secret'
    exits 0 authenticate a <<<'secret'
    [[ $OUT == 'a would be accepted, with line 2, from its addresses only'* ]]
    exits 0 authenticate a --from 192.0.2.9 <<<'secret'
    [[ $OUT == 'a would be accepted, with line 2' ]]
    says 1 'the secret is right, but the account is not accepted from this address' authenticate a --from ::1 <<<'secret'
    says 1 'the secret is wrong' authenticate a <<<'other'
    says 1 'no such account' authenticate nobody <<<'secret'
    exits 0 lock a
    says 1 'the secret is right, but the account is locked' authenticate a <<<'secret'
    says 1 'the secret is wrong; besides, the account is locked' authenticate a <<<'other'
    # One line of several is enough.
    exits 0 passwd a --keep-old <<<'second'
    sed -i '3s/:!/:/' "$ACCOUNTS"
    exits 0 authenticate a --from 192.0.2.9 <<<'second'
    [[ $OUT == *'with line 3' ]]
    says 1 'the secret is right, but the account is locked' authenticate a <<<'secret'
    exits 0 add gone --expires 2001-01-01 <<<'secret'
    says 1 'the account has expired' authenticate gone <<<'secret'
    printf 'plain:text\n' >>"$ACCOUNTS"
    says 1 'unusable' authenticate plain <<<'text'
    says 1 'empty' authenticate a </dev/null
    says 2 '--from' authenticate a --from 192.0.2.0/24 <<<'secret'
    exits 1 authenticate a --json <<<'wrong'
    jq -e '.client_id == "a" and .accepted == false and (.reason | contains("wrong"))' <<<"$OUT"
    exits 0 authenticate a --json <<<'second'
    jq -e '.accepted and .line == 3' <<<"$OUT"
}

@test "authenticate: a client that failed too often is refused, and the trial counts nothing" {
    local i
    exits 0 add a <<<'secret'
    configure throttle_failures 3
    for ((i = 0; i < 5; i++)); do exits 1 authenticate a --from 192.0.2.7 <<<'wrong'; done
    exits 0 authenticate a --from 192.0.2.7 <<<'secret'
    for ((i = 0; i < 3; i++)); do status_of a wrong >/dev/null; done
    says 1 'failed too often and is refused until' authenticate a --from 192.0.2.7 <<<'secret'
    exits 0 authenticate a --from 192.0.2.8 <<<'secret'
    exits 0 throttle clear a
    exits 0 authenticate a --from 192.0.2.7 <<<'secret'
}
