# tokenctl: accounts without an editor: set, show, several IDs at once, -n, --json; and what goes wrong meanwhile.
#
# Hashes have dollars in them, and each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load tokenctl

# attributes ID: of its lines, but for created=.
attributes() {
    sed -n "s/^$1:[^:]*:\?//p" "$ACCOUNTS" | sed -E 's/ ?created=[^ ]*//'
}

@test "set: each attribute, on all lines; an empty value takes it out; the rest stays as it is" {
    exits 0 add client --scope a --lifetime 10m <<<'old'
    exits 0 passwd client --keep-old <<<'new'
    exits 0 add other --note 'not this' <<<'other'
    exits 0 set client --scope 'b c' --lifetime 50m --expires 2099-01-31 --from 192.0.2.0/24,::1 --typ JWT \
        --audience 'https://a.example.com x,y' --claim tenant=acme\ inc --claim n=1 --introspect yes --note 'jobs, 5%'
    [[ -z $OUT && -z $ERR ]]
    [[ $(attributes client | sort -u) == 'scope=b,c lifetime=3000 expires=2099-01-31 from=192.0.2.0/24,::1'\
' audience=https://a.example.com,x%2Cy typ=JWT note=jobs%2C%205%25 claim.tenant=acme%20inc claim.n=1 introspect' ]] ||
        fail "$(attributes client)"
    [[ $(lines_of client) == 2 && $(grep -c '^client:.* created=' "$ACCOUNTS") == 2 ]]
    [[ $(attributes other) == 'note=not%20this' ]]
    works client old
    works client new
    says 0 'client already has these attributes' set client --scope 'b c' --claim n=1
    exits 0 set client --scope '' --expires '' --from '' --audience '' --claim tenant= --typ '' --introspect no --note two
    [[ $(attributes client | sort -u) == 'lifetime=3000 note=two claim.n=1' ]] || fail "$(attributes client)"
    exits 0 check
    # Under valgrind it warns of what a hash takes.
    [[ -n ${UNDER:-} || $ERR != *warning* ]]
}

@test "durations and dates from now are accepted" {
    local now value
    now=$(date +%s)
    for value in 1h:3600 30m:1800 45s:45 3600:3600 0:0 1d:86400 2w:1209600; do
        exits 0 add "l${value%:*}" --generate --lifetime "${value%:*}"
        [[ $(attributes "l${value%:*}") == lifetime=${value#*:} ]]
    done
    exits 0 add soon --generate --expires +90d
    value=$(attributes soon)
    value=$(($(date -d "${value#expires=}" +%s) - now - 90 * 86400))
    ((value >= 0 && value < 600))
    exits 0 list --json --expires-before +91d
    [[ $(jq -r '.[].client_id' <<<"$OUT") == soon ]]
    exits 0 list --json --expires-before +89d
    [[ $OUT == '[]' ]]
}

@test "set: errors are reported, and the file stays" {
    local before
    exits 0 add client --generate
    before=$(<"$ACCOUNTS")
    says 2 'argument missing' set
    says 2 'no attribute was given' set client
    says 2 '--scope' set client --scope 'a a'
    says 2 '--lifetime' set client --lifetime 1y
    says 2 '--lifetime' set client --lifetime 315360001
    says 2 '--expires' set client --expires 90d
    says 2 '--expires' set client --expires +9000000000d
    says 2 '--from' set client --from 192.0.2.1/24
    says 2 '--typ' set client --typ 'a b'
    says 2 '--audience' set client --audience 'a a'
    says 2 '--note' set client --note $'a\nb'
    says 2 '--note' set client --note "$(printf '%01025d' 0)"
    says 2 'yes or no' set client --introspect ''
    says 2 'NAME=VALUE' set client --claim tenant
    says 2 '--claim exp=1' set client --claim exp=1
    says 2 'given twice' set client --claim a=1 --claim a=2
    says 2 'a blank' set client --claim 'a b='
    says 1 'no account nobody' set nobody --note x
    [[ $(<"$ACCOUNTS") == "$before" ]]
    # A line that was unusable may be changed; none becomes unusable.
    sed -i 's/^client:.*/& lifetime=nonsense/' "$ACCOUNTS"
    exits 0 set client --lifetime 60
    # shellcheck disable=SC2046
    exits 0 set client $(printf -- '--claim a%d=x ' {1..32})
    before=$(<"$ACCOUNTS")
    says 1 'nothing is changed: a line of "client": more than 32 claim' set client --claim more=1
    [[ $(<"$ACCOUNTS") == "$before" ]]
}

@test "warnings at once: nobody can use it, tokens that outlive the plan" {
    says 0 'warning: nobody can use past: the account has expired' add past --generate --expires 2001-01-01
    says 0 'live for 7200 seconds, longer than token_lifetime = 3600' add long --generate --lifetime 2h
    says 0 'the tokens of ever never expire' add ever --generate --lifetime 0
    exits 0 set long --lifetime 3600
    [[ -z $ERR ]]
    exits 0 lock long
    [[ -z $ERR ]]
    says 0 'warning: nobody can use long: the account is locked' set long --note x
    # One good line is enough.
    exits 0 passwd long --keep-old --generate
    sed -i '0,/^long:!/s/^long:!/long:/' "$ACCOUNTS"
    exits 0 set long --note y
    [[ -z $ERR ]]
    printf 'broken:$apr1$x$y\n' >>"$ACCOUNTS"
    says 0 'warning: nobody can use broken: its line in the accounts file is unusable' set broken --note x
}

@test "several IDs, from arguments and standard input, change at once; exit status 1 is for what was not done" {
    local id
    for id in a b c; do exits 0 add $id --generate; done
    exits 0 lock a b
    says 1 'no account nobody' lock nobody c
    [[ $ERR != *' c '* && $(grep -c '^[abc]:!' "$ACCOUNTS") == 3 ]]
    exits 0 unlock - < <(printf '\xef\xbb\xbfa\r\n\n# not this\nb')
    [[ $(grep -c '^[abc]:!' "$ACCOUNTS") == 1 ]]
    says 0 'a is not locked' unlock a c
    exits 0 set - --note 'of the team' < <(printf 'a\nc\n')
    [[ $(grep -c 'note=of%20the%20team' "$ACCOUNTS") == 2 ]]
    exits 0 remove a - < <(printf 'b\nc\n')
    ! grep '^[abc]:' "$ACCOUNTS" || fail 'left'
    says 1 "standard input" lock - </
    exits 0 lock - </dev/null
}

@test "a hundred thousand IDs take one rewrite" {
    seq 1 100000 | sed 's/.*/c&:!/' >"$ACCOUNTS"
    seq 1 100000 | sed 's/^/c/' >"$DIR/ids"
    exits 0 remove - <"$DIR/ids"
    [[ ! -s $ACCOUNTS ]]
}

@test "-n shows what would change, and changes nothing" {
    local before
    exits 0 add a --generate
    exits 0 passwd a --generate --keep-old
    before=$(stat -c '%i %Y' "$ACCOUNTS")$(<"$ACCOUNTS")
    exits 0 lock a -n
    [[ $OUT == 'a would be locked (2 lines)' ]]
    exits 0 retire -n a
    [[ $OUT == 'a would be left with its newest line (2 lines)' ]]
    exits 0 remove a --dry-run
    [[ $OUT == 'a would be removed (2 lines)' ]]
    says 1 'no account nobody' remove -n a nobody
    exits 0 set a -n --lifetime 1h --note ''
    [[ $OUT == 'a would be set (2 lines): lifetime=3600, without note' ]]
    says 0 'not locked' unlock -n a
    exits 0 add b -n --scope 'x y' </dev/null
    [[ $OUT == 'b would be added: scope=x,y created='* ]]
    says 1 'exists' add a -n
    exits 0 passwd a -n </dev/null
    [[ $OUT == 'a would have one line, with a new secret' ]]
    [[ $(stat -c '%i %Y' "$ACCOUNTS")$(<"$ACCOUNTS") == "$before" ]]
}

@test "--json prints the result of each ID, and what --generate made" {
    exits 0 add a --generate --json --note "it's \"this\""
    [[ $(jq -r .client_id <<<"$OUT") == a ]]
    works a "$(jq -r .client_secret <<<"$OUT")"
    exits 0 passwd a --json <<<'secret'
    [[ $OUT == '{"client_id":"a"}' ]]
    says 1 'no account nobody' lock a nobody --json
    [[ $(jq -c 'map([.client_id, .result, .lines])' <<<"$OUT") == '[["a","changed",1],["nobody","unknown",0]]' ]] || fail "$OUT"
}

@test "show and list print the selected IDs and states" {
    exits 0 add a --generate --scope 'x y' --note 'a job, daily' --lifetime 0 --claim t=u
    exits 0 add b --generate --from ::1
    exits 0 add gone --generate --expires 2001-01-01
    exits 0 show a
    [[ $(head -n 1 <<<"$OUT") =~ ^client_id\ +a$ && $OUT == *'t=u'* ]]
    grep -E '^note +a job, daily$' <<<"$OUT"
    ! grep -F '$6$' <<<"$OUT" || fail 'a hash'
    exits 0 show a --json
    [[ $(jq -r '.[0].note' <<<"$OUT") == 'a job, daily' && $(jq -r '.[0].created' <<<"$OUT") == 20*Z ]]
    says 1 'no account nobody' show nobody
    exits 0 list b gone
    [[ $(awk '{ print $1 }' <<<"$OUT") == $'CLIENT_ID\nb\ngone' ]]
    exits 0 list --state expired
    [[ $(awk '{ print $1 }' <<<"$OUT") == $'CLIENT_ID\ngone' ]]
    printf 'broken:plain\n' >>"$ACCOUNTS"
    exits 0 list - --state unusable --json < <(printf 'a\nbroken\n')
    [[ $(jq -r '.[].client_id' <<<"$OUT") == broken ]]
    exits 0 list a
    grep -E '^a +active +sha512crypt +- +never ends +x,y +- +a job, daily$' <<<"$OUT"
    says 2 'active, locked, expired or unusable' list --state good
    says 2 '--expires-before' list --expires-before soon
    says 1 'no account nobody' list nobody
    ! tokenctl list >/dev/full 2>"$DIR/err" || fail 'exit status 0'
    grep 'standard output' "$DIR/err"
}

# --- Faults ----------------------------------------------------------------------------------------------------

@test "set and lock of several: killed at any moment, the file is the old one or the new one" {
    not_under_valgrind 'it would be killed while valgrind starts, before the program does'
    local round before after killed=0
    for ((round = 0; round < 400; round++)); do printf 'filler%d:!\n' $round; done >>"$ACCOUNTS"
    seq 0 399 | sed 's/^/filler/' >"$DIR/ids"
    takes tokenctl set - --note first <"$DIR/ids"
    for ((round = 0; round < 40; round++)); do
        before=$(<"$ACCOUNTS")
        ! is_killed_at $round 40 "$DIR/tokenctl" -c "$CONF" set - --note "round$round" <"$DIR/ids" || ((killed += 1))
        after=$(<"$ACCOUNTS")
        [[ $after == "$before" || $(grep -c "note=round$round\$" <<<"$after") == 400 ]]
    done
    ((killed > 0)) || fail 'none was killed in time'
    exits 0 set - --note end <"$DIR/ids"
    [[ -z $(find "$DIR/etc" -name '*.new') ]]
}

@test "eight that set at once lose nothing" {
    local i
    exits 0 add a --generate
    for ((i = 0; i < 8; i++)); do
        tokenctl set a --claim "c$i=x" 3>&- &
    done
    wait
    [[ $(attributes a | tr ' ' '\n' | grep -c claim) == 8 ]]
}

@test "a full disk and missing rights: nothing changes, and the reason is reported" {
    exits 0 add a --generate
    [[ $EUID -eq 0 ]] || skip 'only root mounts, and becomes another user'
    chmod 0755 "$DIR/etc"
    run setpriv --reuid=65534 --regid=65534 --clear-groups "$DIR/tokenctl" -c "$CONF" set a --note x
    [[ $status -eq 1 && $output == *"$ACCOUNTS"* && $output == *'Permission denied'* ]] || fail "$output"
    mkdir "$DIR/small"
    mount -t tmpfs -o size=64k tmpfs "$DIR/small" 2>/dev/null || skip 'mount is not allowed here'
    cp -a "$DIR/etc/." "$DIR/small"
    CONF=$DIR/small/token.conf ACCOUNTS=$DIR/small/accounts
    for ((i = 0; i < 200; i++)); do printf 'filler%d:!%0100d\n' $i 0; done >>"$ACCOUNTS"
    before=$(<"$ACCOUNTS")
    cat /dev/zero >"$DIR/small/filler" 2>/dev/null || true
    says 1 "$ACCOUNTS: the file cannot be replaced and is unchanged: No space left on device" set a filler1 --note x
    exits 0 set a -n --note x
    [[ $(<"$ACCOUNTS") == "$before" ]]
    umount "$DIR/small"
}

teardown() {
    ! mountpoint -q "$DIR/small" || umount "$DIR/small"
    remove_folder
}
