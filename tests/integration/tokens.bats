# The access token: by each algorithm, issued by the program and verified by others with what `tokenctl key export`
# prints. The `jose` tool of Debian knows no EdDSA; the other three know all four.

load helper
load requests
load clients
load forge

# The program runs here as the user of the tests, so the files are that user's.
own() {
    :
}

setup_file() {
    make_folder
    prepare_clients
}

teardown() {
    show_logs
}

teardown_file() {
    remove_folder
}

setup() {
    rm -rf "${DIR:?}/etc"
    mkdir "$DIR/etc"
    tokenctl init --issuer "$ISSUER" --alg HS256
    add_account client secret --scope 'read write'
}

# fetch [PARAMETERS]: through the program as CGI: the JSON of the answer.
fetch() {
    local body="$GRANT&client_id=client&client_secret=secret${1:-}"
    env -i TOKEN_CONF="$CONF" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth/token \
        CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#body} REMOTE_ADDR=192.0.2.7 \
        "$DIR/token.fcgi" <<<"$body" | sed '1,/^\r$/d'
}

fetch_token() {
    fetch | jq -er .access_token
}

# verify VERIFIER ALGORITHM: the tokens on standard input, one a line; "good" or "refused" for each.
verify() {
    jq -cR --arg alg "$2" --arg iss "$ISSUER" --arg aud "$ISSUER" '{token: ., $alg, $iss, $aud}' |
        run_client "$1" "$DIR/exported.jwks" | jq -r '.answer | if .refused then "refused"
            elif .claims.sub == "client" and .header.typ == "at+jwt" then "good" else "odd" end'
}

# verdict EXPECTED VERIFIER ALGORITHM TOKENS: the verifier must say so of each of them.
verdict() {
    local said
    said=$(verify "$2" "$3" <<<"$4")
    [[ $(sort <<<"$said" | uniq -c | tr -s ' ') == " $(wc -l <<<"$4") $1" ]] ||
        fail "$2, $3, instead of $1: $(paste <(printf '%s' "$said") <(printf '%s' "$4"))"
}

export_keys() {
    tokenctl key export "$@" >"$DIR/exported.jwks"
}

# check_algorithm ALGORITHM VERIFIERS
check_algorithm() {
    local token forged verifier public=()
    [[ $1 == HS256 ]] || public=(--public)
    rm "$DIR/etc/keys.jwks"
    tokenctl key rotate --alg "$1"
    export_keys "${public[@]}"
    token=$(fetch_token)
    decode 1 <<<"$token" | jq -e --arg alg "$1" --slurpfile exported "$DIR/exported.jwks" \
        '. == {$alg, typ: "at+jwt", kid: $exported[0].keys[0].kid}'
    forged=$(forge "$token" "$1")
    (($(grep -cE '^([A-Za-z0-9_-]{20,}\.){2}' <<<"$forged") == FORGED_TOKENS))
    for verifier in $2; do
        verdict good "$verifier" "$1" "$token"
        verdict refused "$verifier" "$1" "$forged"
    done
}

KNOW_EDDSA='verify_pyjwt.py verify-jose.mjs verify_golang_jwt'
ALL="$KNOW_EDDSA verify-jose.sh"

@test "HS256: every verifier accepts the tokens" { check_algorithm HS256 "$ALL"; }
@test "ES256: every verifier accepts the tokens" { check_algorithm ES256 "$ALL"; }
@test "EdDSA: every verifier that knows it accepts the tokens" { check_algorithm EdDSA "$KNOW_EDDSA"; }
@test "RS256: every verifier accepts the tokens" { check_algorithm RS256 "$ALL"; }

@test "a verifier of one algorithm refuses a token of another" {
    local verifier token
    token=$(fetch_token)
    export_keys
    for verifier in $ALL; do
        verdict refused "$verifier" ES256 "$token"
    done
}

# Rotates to each algorithm, and to the last one twice: TOKENS, one of each key, in this order.
ROTATIONS='ES256 EdDSA RS256 ES256'
rotate_through() {
    local algorithm
    TOKENS=("$(fetch_token)")
    for algorithm in $ROTATIONS; do
        tokenctl key rotate --now --alg "$algorithm"
        TOKENS+=("$(fetch_token)")
        [[ $(decode 1 <<<"${TOKENS[-1]}" | jq -r .alg) == "$algorithm" ]]
    done
}

@test "after rotations the tokens of all keys verify with what is exported" {
    local verifier
    rotate_through
    export_keys
    for verifier in $ALL; do
        verdict good "$verifier" HS256 "${TOKENS[0]}"
        verdict good "$verifier" ES256 "${TOKENS[1]}"$'\n'"${TOKENS[4]}"
        verdict good "$verifier" RS256 "${TOKENS[3]}"
    done
    for verifier in $KNOW_EDDSA; do
        verdict good "$verifier" EdDSA "${TOKENS[2]}"
    done
    export_keys --public
    for verifier in $ALL; do
        verdict refused "$verifier" HS256 "${TOKENS[0]}"
        verdict good "$verifier" ES256 "${TOKENS[1]}"$'\n'"${TOKENS[4]}"
    done
}

@test "header and claims are those of the contract; no two tokens are the same" {
    local before answer token other
    before=$(date +%s)
    answer=$(fetch)
    token=$(jq -r .access_token <<<"$answer")
    other=$(fetch_token)
    jq -e 'del(.access_token) == {token_type: "Bearer", expires_in: 3600, scope: "read write"}' <<<"$answer"
    decode 2 <<<"$token" | jq -e --arg iss "$ISSUER" --argjson before "$before" --argjson after "$(date +%s)" '
        del(.iat, .exp, .jti) == {$iss, sub: "client", client_id: "client", aud: $iss, scope: "read write"}
        and .iat >= $before and .iat <= $after and .exp == .iat + 3600 and (.jti | test("^[A-Za-z0-9_-]{22}$"))'
    [[ $(decode 2 <<<"$token" | jq .jti) != "$(decode 2 <<<"$other" | jq .jti)" ]]
}

@test "resource asks for an audience of the account, and several become an array" {
    sed -i '/^client:/s|$| audience=https://a.example.com/,b claim.tenant=acme|' "$DIR/etc/accounts"
    fetch_token | decode 2 | jq -e '[.aud, .tenant] == ["https://a.example.com/", "acme"]'
    fetch '&resource=b' | jq -r .access_token | decode 2 | jq -e '.aud == "b"'
    fetch '&resource=b&resource=https%3A%2F%2Fa.example.com%2F' | jq -r .access_token | decode 2 |
        jq -e '.aud == ["b", "https://a.example.com/"]'
    fetch '&resource=b&resource=c' | jq -e '.error == "invalid_target"'
}

@test "without a scope there is none, neither in the answer nor in the token" {
    tokenctl remove client
    add_account client secret
    fetch | jq -e 'has("scope") | not'
    fetch_token | decode 2 | jq -e 'has("scope") | not'
}

@test "a token that never expires has no exp, and its answer no expires_in" {
    local verifier
    configure token_lifetime 0
    fetch | jq -e 'has("expires_in") | not'
    fetch_token | decode 2 | jq -e 'has("exp") | not'
    export_keys
    for verifier in $ALL; do
        verdict good "$verifier" HS256 "$(fetch_token)"
    done
}

@test "audience sets the aud of tokens" {
    configure audience https://resource.example.com
    fetch_token | decode 2 | jq -e --arg iss "$ISSUER" '.aud == "https://resource.example.com" and .iss == $iss'
}

# Good but for its typ, which PyJWT leaves to its user; npm's jose is told to expect at+jwt, and does.
@test "token_typ = JWT sets the typ of tokens" {
    local token
    configure token_typ JWT
    token=$(fetch_token)
    decode 1 <<<"$token" | jq -e 'keys == ["alg", "kid", "typ"] and .typ == "JWT"'
    export_keys
    verdict odd verify_pyjwt.py HS256 "$token"
    verdict refused verify-jose.mjs HS256 "$token"
}
