# tokenctl: init, check, keys, tokens.
#
# Hashes have dollars in them, and each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load tokenctl

# Answers of `key list`, one row per key, without its head.
keys() {
    tokenctl key list | tail -n +2
}

@test "init makes what is missing, with safe modes, and never overwrites" {
    local before
    mkdir "$DIR/new"
    CONF=$DIR/new/etc/token.conf
    exits 0 init --issuer https://api.example.com/oauth --alg ES256
    [[ $OUT == "made $CONF"$'\n'"made $DIR/new/etc/accounts"$'\n'"made $DIR/new/etc/keys.jwks"$'\n'"made $DIR/new/etc/state"$'\n\nnext:\n'* ]]
    [[ $(cd "$DIR/new/etc" && stat -c '%a %n' accounts keys.jwks state token.conf | tr '\n' ' ') == '640 accounts 600 keys.jwks 700 state 644 token.conf ' ]]
    grep -x 'issuer = https://api.example.com/oauth' "$CONF"
    [[ $(keys) == *' ES256 '*signs* ]]
    exits 0 check

    exits 0 add client <<<'secret'
    before=$(cat "$DIR"/new/etc/*.* "$DIR/new/etc/accounts")
    exits 0 init --issuer https://other.example.com --alg RS256
    [[ $OUT != *made* && $(cat "$DIR"/new/etc/*.* "$DIR/new/etc/accounts") == "$before" ]]
    [[ $ERR == *"--issuer has no effect: $CONF is kept, with issuer = https://api.example.com/oauth"* ]]
    [[ $ERR == *"--alg has no effect: $DIR/new/etc/keys.jwks is kept; tokenctl key rotate --alg RS256"* ]]
    rm "$DIR/new/etc/accounts"
    exits 0 init
    [[ -z $ERR && $OUT == *"kept $CONF"*"made $DIR/new/etc/accounts"*"kept $DIR/new/etc/keys.jwks"* ]]
}

@test "init: the issuer is the demo's unless given; a wrong issuer, algorithm or folder is refused" {
    mkdir "$DIR/new"
    CONF=$DIR/new/token.conf
    says 2 '--issuer api.example.com' init --issuer api.example.com
    says 2 '--alg none: it is one of HS256' init --alg none
    [[ -z $(ls "$DIR/new") ]]
    exits 0 init
    grep -x 'issuer = http://127.0.0.1:8080/apiops/auth' "$CONF"
    CONF=$DIR/nowhere/at/all/token.conf
    says 1 "$DIR/nowhere/at/all/: No such file or directory; make the folder above it first" init
    : >"$DIR/a-file"
    CONF=$DIR/a-file/token.conf
    says 1 "$DIR/a-file" init
}

@test "init writes next to the configuration wherever it is named from" {
    cd "$DIR" && mkdir here && cd here
    CONF=token.conf
    exits 0 init
    [[ -e token.conf && -e accounts && -e keys.jwks && -d state ]]
    exits 0 check
}

@test "check and token.fcgi -t say the same: file, line, remedy" {
    local alike
    printf 'ap:$apr1$x$y\n' >>"$ACCOUNTS"
    exits 0 check
    alike=$("$DIR/token.fcgi" -c "$CONF" -t 2>&1)
    [[ $ERR$'\n'$OUT == "$alike" && $ERR == "warning: $ACCOUNTS:2: "*'htpasswd -B'* ]]
    [[ $OUT == *'1 account, 1 unusable; 1 key; 1 warning' ]]
    tokenctl check >/dev/full 2>"$DIR/err" && false
    grep 'standard output' "$DIR/err"
    printf 'token_livetime = 5\n' >>"$CONF"
    says 1 "error: $CONF:" check
    [[ $ERR == *"is 'token_lifetime' meant?"* ]]
    run "$DIR/token.fcgi" -c "$CONF" -t
    [[ $status -eq 1 && $output == "$ERR" ]]
}

@test "each command needs a configuration, and says so" {
    local command
    rm "$CONF"
    for command in 'add x' 'passwd x' 'retire x' 'lock x' 'unlock x' 'remove x' list check 'key list' 'key add' 'key rotate' \
        'key prune' 'key remove x' 'key export' 'token x' 'inspect x' \
        'revoke x' 'revoke --id x' 'revoke --client x' revoked; do
        # shellcheck disable=SC2086
        says 1 "error: $CONF: cannot be read: No such file or directory" $command <<<'secret'
    done
}

@test "key rotate: the new key signs, tokens of the old one verify, prune takes it when they have expired" {
    local algorithm old new before
    exits 0 add client <<<'secret'
    for algorithm in ES256 EdDSA RS256 HS256; do
        old=$(tokenctl token client)
        exits 0 key rotate --now --alg $algorithm
        new=$(tokenctl token client)
        [[ $(tokenctl inspect "$new" | jq -r '.header.alg') == "$algorithm" ]]
        tokenctl inspect "$old" | jq -e .valid
        tokenctl inspect "$new" | jq -e .valid
    done
    [[ $(keys | grep -c signs) == 1 && $(keys | grep -c verifies) == 4 ]]
    # As the one that signs, unless told.
    exits 0 key rotate --now
    [[ $(keys | head -n 1) == *' HS256 '*signs* && $(stat -c %a "$KEYS") == 600 ]]
    exits 0 key prune
    [[ $OUT == '0 removed' ]]
    # Half of them have had their time.
    before=$(jq '(.keys[2].exp, .keys[4].exp) = 1000' "$KEYS")
    printf '%s' "$before" >"$KEYS"
    exits 0 key prune
    [[ $OUT == '2 removed' && $(keys | wc -l) == 4 ]]
    [[ $(jq -c '.keys | map(.alg)' "$KEYS") == '["HS256","HS256","EdDSA","HS256"]' ]]
    says 2 '--alg' key rotate --alg RS512
}

# in_range NUMBER LEAST MOST
in_range() {
    (($1 >= $2 && $1 <= $3)) || fail "$1 is not in $2…$3"
}

@test "key rotate: a key whose tokens never expire is never pruned; a longer lifetime of an account counts" {
    local before
    exits 0 add client --lifetime 864000 <<<'secret'
    before=$(date +%s)
    exits 0 key rotate --now
    # A minute more, as a process that has not seen the new key yet signs with the old one.
    in_range "$(jq '.keys[1].exp' "$KEYS")" $((before + 864060)) $(($(date +%s) + 864060))
    exits 0 add forever --lifetime 0 <<<'secret'
    exits 0 key rotate --now
    [[ $(jq '.keys[1].exp' "$KEYS") == null && $(keys | sed -n 2p) == *'verifies  never'* ]]
}

@test "key rotate makes a file that is missing, and mends a set in which none signs; it touches no broken one" {
    local broken
    rm "$KEYS"
    says 1 'tokenctl key rotate' check
    exits 0 key rotate --now --alg EdDSA
    own "$DIR/etc"
    exits 0 check
    broken=$(jq '.keys[0].exp = 1' "$KEYS")
    printf '%s' "$broken" >"$KEYS"
    says 1 'no key signs' check
    says 1 'no key of it signs' key prune
    exits 0 key rotate --now
    exits 0 check
    printf '{"keys":[' >"$KEYS"
    says 1 "$KEYS:1: not a JWK Set" key rotate
    says 1 "$KEYS:1: not a JWK Set" key list
    [[ $(<"$KEYS") == '{"keys":[' ]]
}

@test "key export: the public parts, and of HS256 the key itself; --public, public parts only" {
    says 1 'key rotate --alg ES256' key export --public
    exits 0 key export
    [[ $(jq -c . <<<"$OUT") == "$(jq -c 'del(.pepper)' "$KEYS")" ]]
    exits 0 key rotate --now --alg ES256
    exits 0 key rotate --now --alg RS256
    exits 0 key rotate --now --alg EdDSA
    exits 0 key export --public
    [[ $(jq -c '.keys | map(.kty)' <<<"$OUT") == '["OKP","RSA","EC"]' ]]
    jq -e '[.keys[] | has("d") or has("p") or has("q") or has("dp") or has("dq") or has("qi") or has("k")] | any | not' <<<"$OUT"
    exits 0 key export
    [[ $(jq -c '.keys | map(.kty)' <<<"$OUT") == '["OKP","RSA","EC","oct"]' ]]
    jq -e '[.keys[] | has("d")] | any | not' <<<"$OUT"
    chmod 0644 "$KEYS"
    says 1 "chmod" key export
    # A new key in such a file would sign nowhere.
    says 1 "chmod" key rotate
}

@test "key export --pem: the public part of one key, that OpenSSL reads" {
    local algorithm kid
    kid=$(jq -r '.keys[0].kid' "$KEYS")
    says 1 'has no public part' key export --pem "$kid"
    says 1 'there is no key other' key export --pem other
    for algorithm in ES256:EC RS256:RSA EdDSA:OKP; do
        exits 0 key rotate --now --alg "${algorithm%:*}"
        exits 0 key export --pem "${OUT%% *}"
        openssl pkey -pubin -noout -text <<<"$OUT" >"$DIR/key.text"
        equal_jwk "${algorithm#*:}"
    done
}

# equal_jwk KTY: the PEM in $OUT is the first JWK of the file.
equal_jwk() {
    local jwk
    jwk=$(/usr/bin/python3 -c '
import jwt, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
algorithm = {"EC": jwt.algorithms.ECAlgorithm, "RSA": jwt.algorithms.RSAAlgorithm, "OKP": jwt.algorithms.OKPAlgorithm}[sys.argv[1]]
print(algorithm.to_jwk(load_pem_public_key(sys.stdin.buffer.read())))' "$1" <<<"$OUT")
    jq -e --argjson jwk "$jwk" '.keys[0] as $key | $key.kty == $jwk.kty and
        all("x", "y", "n", "e"; $key[.] == $jwk[.])' "$KEYS"
}

@test "pepper: init makes it, no rotation changes it, what writes the keys adds it, nothing prints it" {
    local pepper kid
    mkdir "$DIR/new"
    CONF=$DIR/new/token.conf KEYS=$DIR/new/keys.jwks
    exits 0 init
    pepper=$(jq -r .pepper "$KEYS")
    [[ $pepper =~ ^[A-Za-z0-9_-]{43}$ ]]
    exits 0 key rotate --now --alg ES256
    exits 0 key add
    exits 0 key rotate --now
    exits 0 key prune
    [[ $(jq -r .pepper "$KEYS") == "$pepper" ]]
    for command in 'key export' 'key export --public' 'key list' check; do
        # shellcheck disable=SC2086
        exits 0 $command
        [[ $OUT$ERR != *"$pepper"* && $OUT$ERR != *pepper* ]]
    done

    jq 'del(.pepper)' "$KEYS" >"$DIR/bare"
    for command in 'key rotate --now' 'key add' 'key prune'; do
        cat "$DIR/bare" >"$KEYS"
        exits 0 key list
        exits 0 check
        cmp "$DIR/bare" "$KEYS"
        # shellcheck disable=SC2086
        exits 0 $command
        [[ $(jq -r .pepper "$KEYS") =~ ^[A-Za-z0-9_-]{43}$ ]]
    done
    # All of them keep what was derived from the oldest key; with that key it goes.
    pepper=$(jq -r .pepper "$KEYS")
    kid=$(jq -r '.keys[-1].kid' "$KEYS")
    exits 0 key rotate --now
    [[ $(jq -r .pepper "$KEYS") == "$pepper" ]]
    exits 0 key remove "$kid"
    [[ $(jq -r .pepper "$KEYS") != "$pepper" ]]

    jq '.pepper = "short"' "$DIR/bare" >"$KEYS"
    for command in check 'key list' 'key rotate' 'key export'; do
        # shellcheck disable=SC2086
        says 1 "$KEYS: \"pepper\" is not 32 bytes in base64url; remove this member, then run tokenctl key prune" $command
    done
    cat "$DIR/bare" >"$KEYS"
    exits 0 key prune
    exits 0 check
}

@test "key add: a resource server has the key before it signs" {
    local next
    exits 0 add client <<<'secret'
    exits 0 key rotate --now --alg ES256
    exits 0 key add
    next=${OUT%% *}
    [[ $OUT == "$next signs from the next rotation on" ]]
    [[ $(keys | grep -F "$next") == *' ES256 '*next* ]]
    [[ $(tokenctl inspect "$(tokenctl token client)" | jq -r .header.kid) != "$next" ]]
    exits 0 key export --public
    jq -e --arg kid "$next" '[.keys[] | select(.kid == $kid)] | length == 1' <<<"$OUT"
    says 1 'tokenctl key rotate' key add
    exits 0 key rotate --now
    [[ $OUT == "$next signs from now on" ]]
    [[ $(tokenctl inspect "$(tokenctl token client)" | jq -r .header.kid) == "$next" ]]
    [[ $(keys | grep -c next) == 0 ]]
    says 2 '--alg' key add --alg none
}

# made_at SECONDS: when the key that is next was made.
made_at() {
    local made
    made=$(jq --argjson made "$1" '(.keys[] | select(.next)).iat |= $made' "$KEYS")
    printf '%s' "$made" >"$KEYS"
}

@test "key rotate: where keys are published the next one must have been, for keys_max_age; --now does not wait" {
    local before
    # HS256 is never published.
    exits 0 key rotate
    exits 0 key rotate --alg ES256
    before=$(<"$KEYS")
    says 1 'call tokenctl key add, and this 3600 seconds later, or with --now' key rotate
    says 1 'call tokenctl key add' key rotate --alg HS256
    exits 0 key add
    made_at $(($(date +%s) - 3590))
    says 1 'nothing is changed: resource servers may not have the next one before 20' key rotate
    [[ $ERR == *'Z (keys_max_age); --now does not wait'* && $(keys | head -n 1) == *' ES256 '*signs* ]]
    says 1 'call tokenctl key add' key rotate --alg EdDSA
    made_at $(($(date +%s) - 3600))
    exits 0 key rotate
    [[ $OUT == *' signs from now on' ]]

    printf '%s' "$before" >"$KEYS"
    exits 0 key add
    configure keys_max_age 7200
    made_at $(($(date +%s) - 3600))
    says 1 '--now does not wait' key rotate
    made_at null
    exits 0 key rotate

    printf '%s' "$before" >"$KEYS"
    exits 0 key rotate --now
    [[ $(keys | grep -c verifies) == 3 ]]
    configure keys_max_age 0
    exits 0 key rotate
}

@test "key remove: the tokens of a stolen key are refused, and it is not exported; the one that signs stays" {
    local stolen token
    exits 0 add client <<<'secret'
    exits 0 key rotate --now --alg ES256
    token=$(tokenctl token client)
    stolen=$(tokenctl inspect "$token" | jq -r .header.kid)
    says 1 'this key signs' key remove "$stolen"
    exits 0 key rotate --now
    exits 0 key remove "$stolen"
    says 1 'no key of its kid' inspect "$token"
    exits 0 key export
    [[ $(jq --arg kid "$stolen" '[.keys[] | select(.kid == $kid)] | length' <<<"$OUT") == 0 ]]
    tokenctl inspect "$(tokenctl token client)" | jq -e .valid
    says 1 'tokenctl key list' key remove "$stolen"
}

@test "key export: a key without a kid has the one that its tokens name" {
    local bare
    exits 0 add client <<<'secret'
    exits 0 key rotate --now --alg ES256
    bare=$(jq 'del(.keys[].kid)' "$KEYS")
    printf '%s' "$bare" >"$KEYS"
    exits 0 key export
    [[ $(jq -r '.keys[0].kid' <<<"$OUT") == "$(tokenctl inspect "$(tokenctl token client)" | jq -r .header.kid)" ]]
    [[ $(jq -r '.keys | map(.kid) | join(" ")' <<<"$OUT") == "$(keys | awk '{ print $1 }' | paste -sd ' ')" ]]
}

@test "token issues what the endpoint would issue, without a password" {
    local token
    exits 0 add client --scope 'a b' --lifetime 77 <<<'secret'
    token=$(tokenctl token client)
    [[ $(tokenctl inspect "$token" | jq -c '[.claims | .sub, .client_id, .scope, .exp - .iat, .iss]') == \
        '["client","client","a b",77,"https://api.example.com/apiops/auth"]' ]]
    says 1 'tokenctl add' token nobody
    exits 0 lock client
    says 1 'locked (tokenctl unlock)' token client
    exits 0 add gone --expires 2001-01-01 <<<'secret'
    says 1 'expired' token gone
    printf 'plain:text\n' >>"$ACCOUNTS"
    says 1 'unusable' token plain
    # One line that is let in is enough, wherever it is.
    exits 0 add some <<<'secret'
    sed -i 's/^some:.*/some:!\n& scope=x\nsome:text/' "$ACCOUNTS"
    [[ $(tokenctl inspect "$(tokenctl token some)" | jq -r .claims.scope) == x ]]
}

@test "token: audience, claims and typ of the account; a malformed one says how it is written" {
    local token
    exits 0 add client <<<'secret'
    sed -i '/^client:/s|$| audience=https://a.example.com,b claim.tenant=acme%20inc typ=JWT not_before=2027-01-31|' "$ACCOUNTS"
    token=$(tokenctl token client)
    [[ $(cut -d . -f 1 <<<"$token" | basenc --base64url -d 2>/dev/null | jq -r .typ) == JWT ]]
    [[ $(cut -d . -f 2 <<<"$token" | basenc --base64url -d 2>/dev/null | jq -c '[.aud, .tenant]') == \
        '["https://a.example.com","acme inc"]' ]]
    [[ $(tokenctl list --json | jq -c '.[] | [.audience, .claims, .typ, .not_before]') == \
        '[["https://a.example.com","b"],{"tenant":"acme inc"},"JWT","2027-01-31T00:00:00Z"]' ]]
    exits 0 check
    says 1 'not valid: the tokens that the client had until then were revoked' inspect "$token"
    sed -i 's/ not_before=[^ ]*//' "$ACCOUNTS"
    exits 0 inspect "$token"
    exits 0 lock client
    says 1 'not valid: the account of its client is locked' inspect "$token"
    configure check_accounts no
    exits 0 inspect "$token"
    configure check_accounts yes
    exits 0 unlock client
    sed -i 's/ typ=JWT//' "$ACCOUNTS"
    says 1 'not valid: its typ' inspect "$token"
    sed -i 's/claim.tenant/claim.exp/' "$ACCOUNTS"
    says 0 'client "client": claim. names a claim that the program sets' check
    [[ $(tokenctl list --json | jq -c '.[] | [.state, has("claims")]') == '["unusable",false]' ]]
    says 1 'unusable' token client
}

# What a terminal acts upon: control characters, C1 among them, and marks of the direction of writing.
shows_nothing_raw() {
    ! LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xd8\x9c' \
        "$DIR/out" "$DIR/err" || fail "raw: $1"
}

@test "nothing that a terminal acts upon is shown raw: of a token, a key's kid, an argument, an account" {
    local evil head claims decoded
    evil=$'\x7f|\xc2\x9b2J|\xe2\x80\xae|\xe2\x81\xa6|\xd8\x9c|\xe2\x80\xa8|caf\xc3\xa9'
    head=$(jq -cn --arg e "$evil" '{alg: "HS256", kid: $e}' | basenc --base64url -w 0 | tr -d =)
    claims=$(jq -cn --arg e "$evil" --arg c $'\x1b[2J' '{sub: $e, ($e): [$c]}' | basenc --base64url -w 0 | tr -d =)
    exits 1 inspect "$head.$claims.AAAA"
    shows_nothing_raw inspect
    # It is the same JSON, and a letter with an accent stays one.
    decoded=$(jq -r .claims.sub <<<"$OUT")
    [[ $decoded == "$evil" && $OUT == *café* ]] || fail "$OUT"
    # A control character of ASCII makes a kid unusable, and DEL is one.
    evil=${evil#?}
    jq -c --arg e "$evil" '.keys[0].kid = $e' "$KEYS" >"$DIR/keys" && cat "$DIR/keys" >"$KEYS"
    exits 0 key list
    shows_nothing_raw 'key list'
    exits 0 key export
    shows_nothing_raw 'key export'
    [[ $(jq -r '.keys[0].kid' <<<"$OUT") == "$evil" ]]
    exits 1 lock "$evil"
    shows_nothing_raw lock
    exits 2 "$evil"
    shows_nothing_raw 'a command'
    printf '%s:!\n' $'a\xc2\x9b2J\xe2\x80\xae' >>"$ACCOUNTS"
    exits 0 list
    shows_nothing_raw list
    exits 0 list --json
    shows_nothing_raw 'list --json'
    [[ $(jq -r '.[-1].client_id' <<<"$OUT") == $'a\xc2\x9b2J\xe2\x80\xae' ]]
    exits 0 check
    shows_nothing_raw check
}

@test "inspect takes an argument or standard input, and says what is wrong with a token" {
    local token head claims
    exits 0 add client <<<'secret'
    token=$(tokenctl token client)
    tokenctl inspect <<<"  $token  " | jq -e .valid
    tokenctl inspect <<<$'\xef\xbb\xbf'"$token" | jq -e .valid
    exits 0 inspect "$token"
    jq -e '.header.typ == "at+jwt" and .claims.sub == "client"' <<<"$OUT"

    head=${token%%.*} claims=${token#*.} claims=${claims%.*}
    says 1 'not valid: the signature' inspect "$head.$claims.AAAA"
    jq -e '.valid == false' <<<"$OUT"
    says 1 'not valid: the signature' inspect "$head.$(printf '{"sub":"root"}' | basenc --base64url | tr -d =).${token##*.}"
    says 1 'not valid' inspect "$(printf '{"alg":"none"}' | basenc --base64url | tr -d =).$claims."
    says 1 'not valid' inspect garbage
    says 1 'not valid' inspect </dev/null
    says 1 'not valid' inspect < <(printf '%s\0' "$token")
    says 1 'not valid' inspect < <(printf '\0%s' "$token")
    says 1 'too long' inspect < <(head -c 70000 /dev/zero | tr '\0' x)
    configure audience somebody-else
    says 1 'not valid: ' inspect "$token"
    configure audience https://api.example.com/apiops/auth
    exits 0 inspect "$token"
    configure issuer https://other.example.com
    says 1 'not valid: ' inspect "$token"
    configure issuer https://api.example.com/apiops/auth
    rm "$KEYS"
    exits 0 key rotate --now
    says 1 'not valid: ' inspect "$token"
}

@test "key list --json and token --json print JSON" {
    exits 0 key add
    exits 0 key list --json
    jq -e 'map([.alg, .use]) == [["HS256","signs"],["HS256","next"]] and all(.[]; .kid | length == 43)' <<<"$OUT"
    exits 0 key rotate
    exits 0 key list --json
    jq -e 'map(.use) | sort == ["signs", "verifies"]' <<<"$OUT"
    jq -e 'map(select(.use == "verifies") | .expires | fromdate > now) == [true]' <<<"$OUT"
    exits 0 add client --generate
    exits 0 token client --json
    exits 0 inspect "$(jq -r .access_token <<<"$OUT")"
}

@test "key add, rotate, prune, remove: -n changes nothing, --json is for programs" {
    local before kid
    before=$(<"$KEYS")
    kid=$(keys | awk '{ print $1 }')
    exits 0 key add -n --alg ES256
    [[ $OUT == 'a new key for ES256 would sign from the next rotation on' ]] || fail "$OUT"
    exits 0 key add -n --json --alg ES256
    [[ $OUT == '{"alg":"ES256","use":"next"}' ]] || fail "$OUT"
    exits 0 key rotate -n
    [[ $OUT == 'a new key for HS256 would sign from now on' ]] || fail "$OUT"
    exits 0 key prune -n
    [[ $OUT == '0 would be removed' ]] || fail "$OUT"
    says 1 'this key signs' key remove -n "$kid"
    [[ $(<"$KEYS") == "$before" ]]

    exits 0 key add --json --alg ES256
    [[ $(jq -r '[.alg, .use, (.kid | length)] | @text' <<<"$OUT") == '["ES256","next",43]' ]] || fail "$OUT"
    kid=$(jq -r .kid <<<"$OUT")
    before=$(<"$KEYS")
    says 1 'one waits to sign already' key add -n
    exits 0 key rotate -n
    [[ $OUT == "$kid would sign from now on" ]] || fail "$OUT"
    exits 0 key remove -n "$kid"
    [[ $OUT == "$kid would be removed" && $(<"$KEYS") == "$before" ]] || fail "$OUT"
    exits 0 key remove -n --json "$kid"
    [[ $OUT == '{"removed":1}' && $(<"$KEYS") == "$before" ]] || fail "$OUT"
    exits 0 key rotate --json
    [[ $OUT == "{\"kid\":\"$kid\",\"alg\":\"ES256\",\"use\":\"signs\"}" ]] || fail "$OUT"
    jq '.keys[1].exp = 1' "$KEYS" >"$DIR/keys"
    cat "$DIR/keys" >"$KEYS"
    exits 0 key prune --json -n
    [[ $OUT == '{"removed":1}' && $(keys | wc -l) == 2 ]] || fail "$OUT"
    exits 0 key prune --json
    [[ $OUT == '{"removed":1}' && $(keys | wc -l) == 1 ]] || fail "$OUT"
    tokenctl key prune --json >/dev/full 2>"$DIR/err" && false
    grep 'standard output' "$DIR/err"
}

@test "check --json: the same for programs" {
    exits 0 add demo --generate
    printf 'ap:$apr1$x$y\n' >>"$ACCOUNTS"
    exits 0 check --json
    [[ $(jq -c '[.good, .accounts, .keys, (.messages | length), .messages[0].severity]' <<<"$OUT") == '[true,2,1,1,"warning"]' ]] || fail "$OUT"
    jq -e --arg where "$ACCOUNTS:3: " '.messages[0].message | startswith($where) and contains("htpasswd -B")' <<<"$OUT"
    [[ -z $ERR ]]
    printf 'token_livetime = 5\n' >>"$CONF"
    exits 1 check --json
    jq -e '(.good | not) and (has("accounts") | not) and .messages[0].severity == "error"' <<<"$OUT"
}

# complete_with WORD…: as bash does when TAB is pressed after the last one.
complete_with() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _tokenctl "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
}

# Who can write keys or accounts is not always who presses TAB. What is completed stands in the line without quotes.
@test "bash completes key IDs and client IDs, and runs and inserts nothing of theirs" {
    local kid
    for kid in 'x$(touch${IFS}made)' 'x`touch${IFS}made`' 'x;made' "x'made" 'x&made' 'x>made' '~root' 'x{a,b}' 'x*'; do
        jq --arg kid "$kid" '.keys = [.keys[0], (.keys[0] | .kid = $kid)]' "$KEYS" >"$KEYS.new"
        cat "$KEYS.new" >"$KEYS"
        tokenctl key list >/dev/null || fail "$kid is refused, and is no trial"
        (
            cd "$DIR" || exit
            export PATH=$DIR:$PATH
            # shellcheck disable=SC1091 # it is checked by itself
            source "$REPOSITORY/conf/tokenctl.completion"
            complete_with tokenctl -c "$CONF" key export --pem ''
            [[ ${COMPREPLY[*]} == "$(jq -r '.keys[0].kid' "$KEYS")" && ! -e made ]]
        ) || fail "$kid: $(ls "$DIR")"
    done
}
