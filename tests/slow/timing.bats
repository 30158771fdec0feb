# Nothing is told by time: requests refused for different reasons take times that no statistics tell apart. What is
# compared is ranks within one run, never a time with a number, so that a busy machine makes noise and no difference.
#
# Hashes have dollars in them.
# shellcheck disable=SC2016

load ../integration/helper
load ../integration/forge

# The effect size that may be left, and the requests a case: the size that chance gives at most, with as many as these,
# in one of thousands of comparisons.
MOST_EFFECT=0.05
SAMPLES=5000

setup_file() {
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/timing" "$REPOSITORY/tests/slow/timing.c" -lm
}

setup() {
    make_folder
    configure throttle_failures 1000000
    configure throttle_source_failures 1000000
}

teardown() {
    show_logs
    remove_folder
}

# Names of one length, as of all cases. The first is refused for its secret only; nobody is in no file.
REFUSED=(ordinary nobody-1 nobody-2 locked-1 locked-2 expired1 elsewher unusable attribut)

# write_others FIRST REST-OF-LINE: 120 accounts.
write_others() {
    local i
    for ((i = $1; i < $1 + 120; i++)); do
        printf 'more-%d:%s\n' $i "$2"
    done
}

# Attributes that nothing is refused for.
GOOD='expires=2101-01-01 from=127.0.0.0/8'

# write_numbered COUNT LINE…: the lines, COUNT times, with another number in place of NUMBER each time: 00000 …
write_numbered() {
    local count=$1 i number
    shift
    for ((i = 0; i < count; i++)); do
        printf -v number %05d $i
        printf '%s\n' "${@//NUMBER/$number}"
    done
}

# As many as timing asks for. All of them together are fewer than a source has counts of their own for.
NAMES=25

# write_accounts HASH: lines for each case, all of the same method and cost. They differ from the first in nothing but
# what they are refused for; and there are others that nothing is wrong with, so that most decoys are like them.
write_accounts() {
    {
        write_others 100 "$1:$GOOD"
        write_numbered $NAMES "NUMBERordinary:$1:$GOOD" "NUMBERlocked-1:!$1:$GOOD" "NUMBERlocked-2:*:$GOOD" \
            "NUMBERexpired1:$1:expires=2001-01-01 from=127.0.0.0/8" \
            "NUMBERelsewher:$1:expires=2101-01-01 from=192.0.2.0/24" \
            "NUMBERunusable:\$apr1\$TndJGIaZ\$VPTfh0/Di9Tbltd/BG.p.0:$GOOD" "NUMBERattribut:$1:$GOOD lifetime=long"
        write_others 500 "$1:$GOOD"
    } >"$DIR/etc/accounts"
}

start_listening() {
    own "$DIR/etc"
    TOKEN_CONF=$CONF start token.fcgi "$DIR/token.fcgi" -l "$DIR/run/token.sock"
    wait_until 'the socket' is_bound "$DIR/run/token.sock"
}

# The secret is wrong for the first only; the others are refused although it is right.
RIGHT=(ordinary locked-3 expired3 elsewhe3)

# write_right_ones WRONG-HASH RIGHT-HASH
write_right_ones() {
    {
        write_others 100 "$1:$GOOD"
        write_numbered $NAMES "NUMBERordinary:$1:$GOOD" "NUMBERlocked-3:!$2:$GOOD" \
            "NUMBERexpired3:$2:expires=2001-01-01 from=127.0.0.0/8" \
            "NUMBERelsewhe3:$2:expires=2101-01-01 from=192.0.2.0/24"
        write_others 500 "$1:$GOOD"
    } >"$DIR/etc/accounts"
}

# measure SAMPLES fresh|same CLIENT_ID…
measure() {
    "$BATS_FILE_TMPDIR/timing" "$DIR/run/token.sock" "$@" | tee "$DIR/effects"
}

# Whether a case is further from the first than MOST_EFFECT.
is_told_apart() {
    awk -v most=$MOST_EFFECT '$3 > most || $3 < -most { told = 1 } END { exit !(NR > 1 && told) }' "$DIR/effects"
}

# Other work on the machine may fall on one case more than on another, and which decoy an account has, and where its count
# stands, is chance. A difference that is real is there again under other keys, and more clearly among four times as many.
#
# nothing_is_told fresh|same CLIENT_ID…
nothing_is_told() {
    measure $SAMPLES "$@"
    is_told_apart || return 0
    printf 'again\n'
    stop token.fcgi
    tokenctl key rotate
    start_listening
    measure $((4 * SAMPLES)) "$@"
    ! is_told_apart || fail 'times tell these apart'
}

BCRYPT='$2y$04$L4pCWfWdMFbq3BNPRUWyCOtb0QVdBV3CEwWgnD7XDPzVYvcgtYSQW'
SHA256='$5$rounds=1000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642'
# Of the secret that timing sends when it is to be always the same.
ALWAYS='$5$rounds=1000$TndJGIaZytTBQZ0f$xkU5ZosWIS0V6DNY3vAmr0F057v2SyzBwtY2o2CS8m6'
DEARER='$5$rounds=1100$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642'

@test "sha256crypt, another secret each time" {
    configure verify_cache_ttl 0
    write_accounts "$SHA256"
    start_listening
    nothing_is_told fresh "${REFUSED[@]}"
}

@test "bcrypt, another secret each time" {
    configure verify_cache_ttl 0
    write_accounts "$BCRYPT"
    start_listening
    nothing_is_told fresh "${REFUSED[@]}"
}

@test "a repeated secret, whose result is cached" {
    configure verify_cache_ttl 86400
    write_accounts "$SHA256"
    start_listening
    nothing_is_told same "${REFUSED[@]}"
}

@test "the right secret of accounts that are refused" {
    configure verify_cache_ttl 86400
    write_right_ones "$SHA256" "$ALWAYS"
    start_listening
    nothing_is_told same "${RIGHT[@]}"
}

# --- What changes, and tells nothing ---

# Each has a salt of its own.
SALTED='$5$rounds=1000$TndJGIaZytTNUMBER$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642':$GOOD

# after EVENT COMMAND…: carries the command out and waits until the log tells that the program has loaded what is new.
after() {
    local event=$1
    shift
    printf '%s\n' "$event"
    : >"$DIR/log/token.log"
    "$@"
    own "$DIR/etc"
    wait_until "$event" grep -qF ' unusable; ' "$DIR/log/token.log"
}

# replace_accounts COMMAND…: the accounts become what the command makes of them.
replace_accounts() {
    "$@" "$DIR/etc/accounts" >"$DIR/etc/accounts.next"
    mv "$DIR/etc/accounts.next" "$DIR/etc/accounts"
}

reload() {
    kill -HUP "$(pid_of token.fcgi)"
}

prepend() {
    printf '%s\n' "a:$SHA256" "b:$SHA256" | cat - "$1"
}

# told_once CLIENT_ID…: whether one request for each name tells the cases apart.
told_once() {
    measure $SAMPLES once "$@"
    is_told_apart
}

# Each name has the same wrong secret refused once, and that is remembered. Then something changes, and each is asked again.
# gone is an account first, and unknown later. A change that does not come about counts as told.
told_by_a_change() {
    write_accounts "$SHA256"
    write_numbered $SAMPLES "NUMBERknown:$SALTED" "NUMBERgone:$SALTED" >>"$DIR/etc/accounts"
    start_listening
    measure $SAMPLES once known nobod gone_ gone
    after 'rotation' tokenctl key rotate || return 0
    told_once known nobod gone_ gone && return
    # The first lines go, too.
    after 'removal' replace_accounts sed -e '/^more-1[0-9][0-9]:/d' -e /gone:/d || return 0
    told_once known nobod gone && return
    after 'addition' replace_accounts prepend || return 0
    told_once known nobod gone && return
    after 'reload' reload || return 0
    told_once known nobod gone
}

@test "cached results are the same for known and unknown names after a rotation, a removal, an addition, a reload" {
    configure verify_cache_ttl 86400
    ! told_by_a_change || {
        printf 'again\n'
        stop token.fcgi
        tokenctl key rotate
        ! told_by_a_change || fail 'times tell these apart'
    }
}

# The cost of unknown names, as the process at a socket has it.
costs() {
    "$BATS_FILE_TMPDIR/timing" "$DIR/run/$1.sock" 0 costs cheap-1 dear-1 nobody-{1..40}
}

# Whether the process has the costs that were there first, and one that is started now.
have_costs() {
    diff "$DIR/costs" <(costs token)
    own "$DIR/etc"
    TOKEN_CONF=$CONF start other "$DIR/token.fcgi" -l "$DIR/run/other.sock"
    wait_until 'the socket' is_bound "$DIR/run/other.sock"
    diff "$DIR/costs" <(costs other)
    stop other
}

@test "an unknown name costs the same in every process, after a rotation, a removal, an addition, a reload" {
    local dear='$5$rounds=30000$TndJGIaZytTBQZ0f$VPTfh0/Di9Tbltd/BG.p.JvcHtFLPdTZevWM7jdA642'
    configure verify_cache_ttl 0
    {
        write_others 100 "$SHA256"
        write_others 500 "$dear"
        printf '%s\n' "cheap-1:$SHA256" "dear-1:$dear"
    } >"$DIR/etc/accounts"
    start_listening
    costs token >"$DIR/costs"
    # Both are there.
    [[ $(grep -c ' dear' "$DIR/costs") -ge 8 && $(grep -c ' cheap' "$DIR/costs") -ge 8 ]]
    have_costs
    after 'rotation' tokenctl key rotate
    have_costs
    after 'removal' replace_accounts sed -e '1,60d' -e '130,188d'
    have_costs
    after 'addition' replace_accounts prepend
    have_costs
    after 'reload' reload
    have_costs
}

# --- Forged tokens ---

# flipped TOKEN POSITION: with another character there of its signature. Its last one has two bits that are always 0.
flipped() {
    local signature=${1##*.} other=A
    [[ ${signature:$2:1} != A ]] || other=E
    printf '%s.%s%s%s\n' "${1%.*}" "${signature:0:$2}" $other "${signature:$(($2 + 1))}"
}

# named TOKEN CLIENT_ID
named() {
    with_claims "$1" ".sub = \"$2\" | .client_id = \"$2\""
}

# write_forged: sets FORGED to tokens of one length, none of which is signed. The first differs from the second in its jti.
write_forged() {
    local token revoked
    token=$(tokenctl token 00000ordinary)
    revoked=$(decode 2 <<<"$(tokenctl token 00000ordinary)" | jq -r .jti)
    tokenctl revoke --id "$revoked"
    FORGED=("ordinary:$(with_claims "$token" '.jti = "AAAAAAAAAAAAAAAAAAAAAA"')"
        "revoked:$(with_claims "$token" ".jti = \"$revoked\"")"
        "nobody:$(named "$token" nobody-1)" "locked:$(named "$token" locked-1)" "expired-account:$(named "$token" expired1)"
        "expired:$(with_claims "$token" '.exp -= 100000 | .iat -= 100000')" "other-issuer:$(with_claims "$token" '.iss |= sub("api"; "ipa")')"
        "first-wrong:$(flipped "$token" 0)" "last-wrong:$(flipped "$token" $((${#token} - $(wc -c <<<"${token%.*}") - 1)))")
}

@test "forged tokens: not whom they name, what they say, or how much of the signature is right" {
    write_accounts "$SHA256"
    write_forged
    start_listening
    nothing_is_told verify "${FORGED[@]}"
}

@test "control: a token that names no key is detected" {
    write_accounts "$SHA256"
    write_forged
    start_listening
    measure $SAMPLES verify "${FORGED[0]}" "no-key:$(with_header "${FORGED[0]#*:}" '.kid |= sub("^."; "_")')"
    is_told_apart
}

# The holder of a signed token gets the reason from …/verify.
@test "introspection of forged tokens: not whom they name, what they say, or how much of the signature is right" {
    write_accounts "$SHA256"
    tokenctl add api --introspect yes <<<api-secret
    write_forged
    start_listening
    nothing_is_told introspect "${FORGED[@]}"
}

@test "control: a hash that costs a tenth more is detected" {
    configure verify_cache_ttl 0
    write_numbered $NAMES "NUMBERordinary:$SHA256" "NUMBERdearer-1:$DEARER" >"$DIR/etc/accounts"
    start_listening
    measure $SAMPLES fresh ordinary dearer-1
    is_told_apart
}
