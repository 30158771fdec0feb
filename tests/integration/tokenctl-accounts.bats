# tokenctl: accounts and their secrets.
#
# Hashes have dollars in them, and each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load tokenctl

@test "each command has its --help; wrong usage ends with 2" {
    local command
    exits 0 --help
    for command in init add passwd set retire lock unlock remove list show import authenticate check config 'config set' 'key list' 'key add' 'key rotate' 'key prune' \
        'key remove' 'key export' token inspect revoke revoked hash-cost; do
        [[ $OUT == *"  $command"* ]] || fail "--help has no $command"
        # shellcheck disable=SC2086
        tokenctl $command --help | grep -qF "usage: tokenctl [-c FILE] $command"
    done
    # Of a group, its commands.
    exits 0 key --help
    [[ $OUT == *'key rotate [--alg A] [--now]'*'key export'* ]]
    exits 0 -V
    [[ $OUT == 'tokenctl '* ]]
    says 2 'no command'
    says 2 'no command frobnicate' frobnicate
    says 2 'key rotate' key
    says 2 'key: second word of the command missing' key
    says 2 'there is no command key frobnicate' key frobnicate
    says 2 'add: argument missing' add
    says 2 'more arguments' add one two
    says 2 'more arguments' check one
    says 2 'usage:' add one --public
    says 2 'usage:' check -n
    says 2 'usage:' list --frobnicate
    says 2 'usage:' add one --scope
    says 2 'tokenctl --help' -x
}

@test "add: the options become attributes; a secret is one line of standard input" {
    exits 0 add plain <<<'plain-secret'
    exits 0 add full --scope 'read  write' --lifetime 600 --expires 2099-01-31T12:00:00Z --from 192.0.2.0/24,2001:db8::/32 \
        <<<'full-secret'
    grep -E '^plain:\$y\$[^:]+:created=[0-9-]+T[0-9:]+Z$' "$ACCOUNTS"
    grep -E '^full:[^:]+:scope=read,write lifetime=600 expires=2099-01-31T12:00:00Z from=192.0.2.0/24,2001:db8::/32 created=[0-9-]+T[0-9:]+Z$' "$ACCOUNTS"
    works plain plain-secret
    works full full-secret
    works_not plain full-secret
    # Before a secret is asked for.
    says 1 'exists' add plain </dev/null
    works plain plain-secret
}

@test "add: errors are reported, and the file stays" {
    local before
    exits 0 add there <<<'secret'
    before=$(<"$ACCOUNTS")
    says 2 'empty' add ''
    says 2 "':'" add a:b
    says 2 "'#'" add '#a'
    says 2 'control character' add $'a\nb'
    says 2 'UTF-8' add $'a\xff'
    says 2 '--scope' add a --scope 'a"b'
    says 2 '--scope' add a --scope ''
    says 2 'with blanks between them' add a --scope 'b b'
    says 2 'control character' add a --note $'1\t'
    says 2 '--lifetime' add a --lifetime -1
    says 2 '--lifetime' add a --lifetime 1y
    says 2 '--expires' add a --expires 31.1.2027
    says 2 '--expires' add a --expires 2027-02-29
    says 2 '--from' add a --from 192.0.2.1/24
    says 2 '--from' add a --from 'all introspect'
    says 2 'a blank' add a --from '192.0.2.1 introspect'
    [[ $(<"$ACCOUNTS") == "$before" ]]
}

@test "secrets: unsuitable ones are refused, and others accepted" {
    local before
    printf 'no newline at the end' | tokenctl add a
    works a no+newline+at+the+end
    printf '%s\n' ' +%&=:"\é漢 ' | tokenctl add b
    works b '+%2B%25%26%3D%3A%22%5C%C3%A9%E6%BC%A2+'
    head -c 511 /dev/zero | tr '\0' x | tokenctl add c
    works c "$(head -c 511 /dev/zero | tr '\0' x)"
    before=$(<"$ACCOUNTS")
    says 1 'empty' add d <<<''
    says 1 'empty' add d </dev/null
    says 1 'longer than 511 bytes' add d < <(head -c 512 /dev/zero | tr '\0' x)
    says 1 'longer than 511 bytes' add d < <(head -c 100000 /dev/zero | tr '\0' x)
    says 1 'NUL' add d < <(printf 'a\0b\n')
    says 1 'control character' add d < <(printf 'a\tb\n')
    says 1 'control character' add d < <(printf 'secret\r\n')
    says 1 'UTF-8' add d < <(printf 'caf\xe9\n')
    says 1 'more than one line' add d < <(printf 'one\ntwo\n')
    says 1 'empty' add d <&-
    says 1 'standard input' add d </
    [[ $(<"$ACCOUNTS") == "$before" ]]
    says 0 'blank before or after the client_id' add ' d' <<<'secret'
    says 0 "accounts:$(wc -l <"$ACCOUNTS"): client \" d\": there is a blank before or after" check
    # A byte order mark is no part of it.
    printf '\xef\xbb\xbfmarked\n' | tokenctl add marked
    works marked marked
    says 1 'empty' add e < <(printf '\xef\xbb\xbf\n')
    # The writer keeps the pipe open.
    timeout "$PATIENCE" "$DIR/tokenctl" -c "$CONF" add d < <(printf 'one line\n' && exec tail -f --pid=$$ /dev/null)
    works d one+line
    # Never an argument, where everybody would see it.
    says 2 'more arguments' add d secret
}

@test "--generate prints a secret of 256 bits once, which works; a failed print is reported" {
    exits 0 add made --generate
    [[ $OUT =~ ^[A-Za-z0-9_-]{43}$ && -z $ERR ]]
    works made "$OUT"
    grep '^made:\$6\$rounds=1000\$' "$ACCOUNTS"
    ! grep -qF -- "$OUT" "$ACCOUNTS" || fail "it is in the file"
    exits 0 passwd made --generate
    works made "$OUT"
    # It has been set all the same, and an operator is told what to do.
    tokenctl add full2 --generate >/dev/full 2>"$DIR/err" && false
    grep 'standard output: No space left.*tokenctl passwd full2 --generate' "$DIR/err"
    tokenctl add full3 --generate >&- 2>"$DIR/err" && false
    grep 'standard output: .*tokenctl passwd full3 --generate' "$DIR/err"
    # Ten bytes of it are written, and then the file has reached the limit of its size.
    printf '%01014d' 0 >"$DIR/full"
    (ulimit -f 1 && tokenctl add full4 --generate) >>"$DIR/full" 2>"$DIR/err" && false
    grep 'standard output: not all of it was written; .*tokenctl passwd full4 --generate' "$DIR/err"
    [[ $(stat -c %s "$DIR/full") == 1024 ]]
}

@test "a secret is rotated without an outage: passwd --keep-old, retire" {
    exits 0 add client --scope 'a b' --lifetime 60 <<<'old'
    exits 0 add other <<<'other'
    exits 0 passwd client --keep-old <<<'new'
    works client old
    works client new
    [[ $(lines_of client) == 2 && $(grep -c ':scope=a,b lifetime=60 created=' "$ACCOUNTS") == 2 ]]
    exits 0 retire client
    works_not client old
    works client new
    says 0 'one line only' retire client
    exits 0 passwd client --keep-old <<<'newer'
    exits 0 passwd client <<<'newest'
    [[ $(lines_of client) == 1 ]]
    works client newest
    works_not client new
    works other other
    # Before a secret is asked for.
    says 1 'no account' passwd nobody </dev/null
    says 1 'no account' retire nobody
}

@test "lock, unlock and remove take effect" {
    exits 0 add client --lifetime 60 <<<'secret'
    exits 0 passwd client --keep-old <<<'second'
    exits 0 lock client
    [[ $(grep -c '^client:!' "$ACCOUNTS") == 2 ]]
    works_not client secret
    says 0 'locked already' lock client
    # A new secret does not unlock.
    says 0 'warning: nobody can use client: the account is locked' passwd client <<<'third'
    works_not client third
    exits 0 unlock client
    works client third
    says 0 'not locked' unlock client
    exits 0 remove client
    works_not client third
    says 1 'no account' remove client
    says 1 'no account' lock client
    says 1 'no account' unlock client
    printf 'nohash:!\n' >>"$ACCOUNTS"
    says 1 'no hash' unlock nohash
}

@test "list, and list --json: never a hash" {
    local json
    exits 0 add active --scope 'b a' --lifetime 5 --from ::1 <<<'secret'
    says 0 'warning: nobody can use gone: the account has expired' add gone --expires 2001-01-01 <<<'secret'
    exits 0 add held <<<'secret'
    exits 0 lock held
    printf '%s\n' 'apr:$apr1$salt$hashhashhash' 'plain text without a colon' $'evil\x1b[2J:$6$x' >>"$ACCOUNTS"
    exits 0 list
    grep -E '^active +active +yescrypt +- +5s +b,a +::1 +-$' <<<"$OUT"
    grep -E '^gone +expired +yescrypt +2001-01-01T00:00:00Z +- +- +- +-$' <<<"$OUT"
    grep -E '^held +locked +yescrypt ' <<<"$OUT"
    grep -E '^apr +unusable +- .*\(line 5: ' <<<"$OUT"
    grep -E '^- +unusable .*\(line 6: ' <<<"$OUT"
    ! grep -E "\\\$y|\\\$apr1\\\$salt|without a colon"$'|\x1b' <<<"$OUT" || fail "$OUT"
    json=$(tokenctl list --json)
    [[ $(jq -c 'map(.state)' <<<"$json") == '["active","expired","locked","unusable","unusable","unusable"]' ]]
    [[ $(jq -c '.[0] | del(.created)' <<<"$json") == '{"client_id":"active","line":2,"state":"active","method":"yescrypt","scope":["b","a"],"lifetime":5,"from":"::1"}' ]]
    jq -e '.[3].reason | contains("htpasswd -B")' <<<"$json"
    [[ $json != *'$y$'* && $json != *hashhashhash* ]]
    # A long name makes the first column wider, but not without end.
    printf 'x%059d:!\n' 0 >"$ACCOUNTS"
    exits 0 list
    [[ $OUT == "$(printf '%-40s  STATE' CLIENT_ID)"* && $OUT == *$'\n'x00*0'  locked'* ]]
    : >"$ACCOUNTS"
    [[ $(tokenctl list --json) == '[]' ]]
}

@test "comments, order, line ends, mode, owner and a link are kept" {
    local before
    exits 0 add one <<<'1'
    exits 0 add two <<<'2'
    mv "$ACCOUNTS" "$DIR/etc/real"
    ln -s real "$ACCOUNTS"
    { printf '# first\r\n\r\n'; sed 's/$/\r/' "$DIR/etc/real"; printf 'broken line\r\n# last, without a newline'; } >"$DIR/new"
    cat "$DIR/new" >"$DIR/etc/real"
    chmod 0640 "$DIR/etc/real"
    own "$DIR/etc"
    before=$(stat -c '%a %U %G' "$DIR/etc/real")
    exits 0 lock one
    exits 0 passwd two --keep-old <<<'22'
    exits 0 add three <<<'3'
    [[ -L $ACCOUNTS && $(stat -c '%a %U %G' "$DIR/etc/real") == "$before" ]]
    sed -E 's/:.*\r$/\r/' "$ACCOUNTS" >"$DIR/after"
    printf '# first\r\n\r\n# client_id\r\none\r\ntwo\r\ntwo\r\nbroken line\r\n# last, without a newline\r\nthree\r\n' >"$DIR/expected"
    diff "$DIR/expected" "$DIR/after"
    exits 0 unlock one
    exits 0 remove three
    exits 0 retire two
    works one 1
    works two 22
}

# reversed TEXT
reversed() {
    local i
    for ((i = ${#1} - 1; i >= 0; i--)); do
        printf '%s' "${1:i:1}"
    done
}

# ends_without SECRET COMMAND…: nothing of the secret, which is its standard input, is in its memory at the end.
ends_without() {
    local secret=$1
    shift
    LD_PRELOAD=$DIR/left_at_exit.so TEXT_REVERSED=$(reversed "$secret") exits 0 "$@" <<<"$secret"
}

@test "no secret is left in memory when it ends, and there is never a core dump of it" {
    [[ ! $(nm "$TOKENCTL" 2>/dev/null) =~ __(a|t)san_init ]] || skip 'a sanitizer keeps freed memory as it was'
    not_under_valgrind 'which shares the memory'
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -shared -fPIC -o "$DIR/left_at_exit.so" \
        "$REPOSITORY/tests/integration/left_at_exit.c"
    ends_without 'the-secret-of-the-account-ZQ7w8Kx2Lm9Tn4Vb' add client
    ends_without 'another-of-the-account-Pj5Rs1Yc6Hd3Gf0U' passwd client
    ends_without 'a-third-of-the-account-Wd8Uk3Ea5Xo2Bi7N' passwd client --keep-old
    # It is found where it is: the name is no secret.
    TEXT_REVERSED=$(reversed a-name-that-is-no-secret) LD_PRELOAD=$DIR/left_at_exit.so \
        exits 99 add a-name-that-is-no-secret <<<'secret'
}
