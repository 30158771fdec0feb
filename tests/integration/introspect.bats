# Introspection (RFC 7662) over the real program: what a resource server learns of a token, and who may ask.

load helper
load requests
load standalone

setup_file() {
    make_folder
    export TOKEN_CONF=$CONF
}

teardown_file() {
    remove_folder
}

setup() {
    configure throttle_failures 1000000
    configure max_body 16384
    configure check_accounts yes
    : >"$DIR/etc/accounts"
    add_account demo demo-secret --scope 'read write'
    add_account api api-secret
    sed -i '/^api:/s/$/ introspect/' "$DIR/etc/accounts"
    own "$DIR/etc/accounts"
    : >"$DIR/log/token.log"
    own "$DIR/log"
    start_listening "$DIR/run/token.sock"
}

teardown() {
    show_logs
    stop token.fcgi
}

# ask FORM: prints the answer of the endpoint.
ask() {
    fastcgi "$DIR/run/token.sock" "$1" /introspect
}

# body FORM: its JSON.
body() {
    ask "$1" | sed '1,/^\r$/d'
}

fetch_token() {
    fastcgi "$DIR/run/token.sock" "$GRANT&client_id=demo&client_secret=demo-secret" | sed '1,/^\r$/d' | jq -er .access_token
}

API='client_id=api&client_secret=api-secret'

is_inactive() {
    [[ $(body "$API&token=$1") == '{"active":false}' ]]
}

is_active() {
    body "$API&token=$1" | jq -e .active >/dev/null
}

logged() {
    grep -qF "$1" "$DIR/log/token.log"
}

@test "a valid token: its claims; in the metadata; the caller by Basic; the log says so" {
    local token answer
    token=$(fetch_token)
    answer=$(body "$API&token=$token&token_type_hint=access_token")
    jq -e 'del(.iat, .exp, .jti) == {iss: "https://api.example.com/apiops/auth", sub: "demo", client_id: "demo",
        aud: "https://api.example.com/apiops/auth", scope: "read write", active: true, token_type: "Bearer"}' <<<"$answer"
    jq -e '.exp == .iat + 3600 and (.jti | length == 22)' <<<"$answer"
    [[ $(ask "$API&token=$token") == $'Status: 200 OK\r\n'*'Cache-Control: no-store'* ]]
    wait_until 'the log' logged 'outcome=introspected reason=valid client_id="api"'
    ! grep -F "${token##*.}" "$DIR/log/token.log" || fail 'the token is in the log'
}

@test "a token that is not valid is {\"active\":false} alone, and the log has the reason" {
    local token
    token=$(fetch_token)
    for token in garbage a.b.c "${token%.*}.AAAA" "$token." "%00"; do
        is_inactive "$token"
    done
    wait_until 'the log' logged 'outcome=introspected reason=bad_signature'
    wait_until 'the log' logged 'outcome=introspected reason=malformed'
}

@test "a locked account's tokens end within a second, and live again when it is unlocked; not_before ends older ones" {
    local token
    token=$(fetch_token)
    is_active "$token"
    tokenctl lock demo
    own "$DIR/etc"
    wait_until 'the lock' is_inactive "$token"
    wait_until 'the log' logged 'outcome=introspected reason=account_closed'
    tokenctl unlock demo
    own "$DIR/etc"
    wait_until 'the unlocking' is_active "$token"
    sed -i '/^demo:/s/$/ not_before=2100-01-01/' "$DIR/etc/accounts"
    wait_until 'not_before' is_inactive "$token"
    wait_until 'the log' logged 'outcome=introspected reason=client_revoked'
    sed -i '/^demo:/d' "$DIR/etc/accounts"
    wait_until 'the removal' is_inactive_because account_unknown "$token"
}

is_inactive_because() {
    is_inactive "$2" && logged "outcome=introspected reason=$1"
}

@test "callers without introspect, credentials or token, and other methods, are refused" {
    local token
    token=$(fetch_token)
    [[ $(ask "client_id=demo&client_secret=demo-secret&token=$token") == $'Status: 403 Forbidden\r\n'*'"error":"access_denied"'* ]]
    [[ $(ask "client_id=api&client_secret=wrong&token=$token") == $'Status: 401 Unauthorized\r\n'*'"error":"unauthorized_client"'* ]]
    [[ $(ask "token=$token") == *$'\nWWW-Authenticate: Basic realm='* ]]
    [[ $(ask "$API") == $'Status: 400 Bad Request\r\n'*'The parameter token is missing'* ]]
    [[ $(ask "$API&token=$token&token=$token") == *'The parameter token is given more than once'* ]]
}

@test "a token of 64 KiB: over max_body it is 413, within it is not active" {
    local long
    long=$(head -c 65536 /dev/zero | tr '\0' x)
    [[ $(ask "$API&token=$long") == $'Status: 413 '* ]]
    configure max_body 1048576
    stop token.fcgi
    start_listening "$DIR/run/token.sock"
    is_inactive "$long"
    is_inactive "$long.$long.$long"
}

@test "its failures and those of the token endpoint are counted together" {
    local i
    configure throttle_failures 3
    stop token.fcgi
    start_listening "$DIR/run/token.sock"
    for i in 1 2 3; do
        [[ $(ask "client_id=api&client_secret=wrong$i&token=x") == $'Status: 401 '* ]]
    done
    [[ $(ask "$API&token=x") == $'Status: 429 '*'Retry-After: '* ]]
    [[ $(fastcgi "$DIR/run/token.sock" "$GRANT&$API") == $'Status: 429 '* ]]
}
