# The check of a token over the program's own socket, without a web server: CONTRACT "…/verify". What the answers are in
# each case is in tests/unit/test_verify.c.

load helper
load standalone
load requests

setup() {
    make_standalone --scope 'read write'
    add_account other other-secret
    own "$DIR/etc"
}

teardown() {
    show_logs
    remove_folder
}

# Started with what token.conf has now. TOKEN is one of `demo`, which the endpoint issued.
start_program() {
    start_listening "$SOCKET"
    fetch_token
}

fetch_token() {
    TOKEN=$(fastcgi "$SOCKET" "$GRANT&client_id=demo&client_secret=demo-secret" | sed '1,/^\r$/d' | jq -er .access_token)
}

# verify [VARIABLE=VALUE…]: the answer to a check of TOKEN.
verify() {
    env -i "PATH=$PATH" REQUEST_METHOD=GET SCRIPT_NAME=/apiops/auth PATH_INFO=/verify REMOTE_ADDR=127.0.0.1 \
        HTTP_AUTHORIZATION="Bearer $TOKEN" "$@" timeout "$PATIENCE" cgi-fcgi -bind -connect "$SOCKET" </dev/null | tr -d '\r'
}

is_let_in() {
    [[ $(verify "$@") == 'Status: 200 OK'* ]]
}

# is_refused STATUS ERROR [VARIABLE=VALUE…]
is_refused() {
    local answer status=$1 error=$2
    shift 2
    answer=$(verify "$@")
    [[ $answer == "Status: $status "* && $answer == *"error=\"$error\""* && $answer == *'X-Accel-Expires: 0'* ]]
}

@test "verify: a token that was issued is let in, by each algorithm, and the headers say whose it is" {
    local algorithm answer expires
    start_program
    for algorithm in HS256 ES256 EdDSA RS256; do
        tokenctl key rotate --now --alg $algorithm
        own "$DIR/etc"
        wait_until "the key of $algorithm" signs_by $algorithm
        answer=$(verify)
        expires=$(cut -d. -f2 <<<"$TOKEN" | tr -- -_ +/ | jq -cR '@base64d | fromjson.exp')
        [[ $answer == 'Status: 200 OK
X-Token-Client: demo
X-Token-Scope: read write
X-Token-Id: '*"
X-Token-Expires: $expires
X-Accel-Expires: 1" ]] || fail "$answer"
    done
}

signs_by() {
    fetch_token
    [[ $(cut -d. -f1 <<<"$TOKEN" | tr -- -_ +/ | jq -rR '@base64d | fromjson.alg') == "$1" ]]
}

@test "verify: the web server says what is required; methods and bodies do not matter" {
    local method
    start_program
    is_let_in TOKEN_SCOPE='write read' TOKEN_CLIENTS=other,demo
    is_refused 403 insufficient_scope TOKEN_SCOPE='read admin'
    is_refused 403 insufficient_scope TOKEN_CLIENTS=other
    is_refused 401 invalid_token TOKEN_AUDIENCE=https://other.example.com
    is_let_in HTTP_TOKEN_SCOPE=admin HTTP_TOKEN_CLIENTS=other
    for method in HEAD POST PUT DELETE OPTIONS PROPFIND BREW; do
        is_let_in REQUEST_METHOD=$method
    done
    # Of a subrequest, which has the length but not the body of the client's request.
    is_let_in REQUEST_METHOD=POST CONTENT_LENGTH=1048576 CONTENT_TYPE=text/plain
    is_let_in REQUEST_METHOD=POST CONTENT_LENGTH=x
    is_refused 401 invalid_request HTTP_AUTHORIZATION="Bearer $TOKEN, Bearer $TOKEN"
    [[ $(verify HTTP_AUTHORIZATION=) == *'WWW-Authenticate: Bearer realm="https://api.example.com/apiops/auth"
X-Accel-Expires: 0'* ]]
}

@test "verify: a token is refused within a second after its account is locked or removed, or its key is" {
    local kid
    start_program
    is_let_in
    tokenctl lock demo
    own "$DIR/etc"
    wait_until 'the locked account to be refused' is_refused 401 invalid_token
    verify | grep 'error_description="The account of its client is locked or has expired"'
    tokenctl unlock demo
    own "$DIR/etc"
    wait_until 'the account' is_let_in
    tokenctl remove demo
    own "$DIR/etc"
    wait_until 'the removed account to be refused' is_refused 401 invalid_token
    configure check_accounts no
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'an account that does not matter' is_let_in
    kid=$(cut -d. -f1 <<<"$TOKEN" | tr -- -_ +/ | jq -rR '@base64d | fromjson.kid')
    tokenctl key rotate
    tokenctl key remove "$kid"
    own "$DIR/etc"
    wait_until 'the removed key' is_refused 401 invalid_token
    # Its signature is no longer known to be right, so nothing is told.
    [[ $(verify) != *description=* ]]
    wait_until 'the reason in the log' grep -q 'outcome=denied reason=unknown_key client_id="" ' "$DIR/log/token.log"
}

@test "verify: plain CGI answers the same, and 500 without keys" {
    start_program
    answer_of_cgi() {
        env -i TOKEN_CONF="$CONF" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET SCRIPT_NAME=/apiops/auth/verify \
            REMOTE_ADDR=127.0.0.1 HTTP_AUTHORIZATION="Bearer $TOKEN" "$@" "$DIR/token.fcgi" </dev/null | tr -d '\r'
    }
    [[ $(answer_of_cgi) == "$(verify)" ]]
    [[ $(answer_of_cgi TOKEN_SCOPE=x) == "$(verify TOKEN_SCOPE=x)" ]]
    rm "$DIR/etc/keys.jwks"
    [[ $(answer_of_cgi) == 'Status: 500 Internal Server Error'* ]]
}

@test "verify: check_max_age is what a cache may keep, but not beyond the end of the token" {
    local left
    configure check_max_age 3600
    configure token_lifetime 100
    start_program
    left=$(verify | sed -n 's/^X-Accel-Expires: //p')
    ((left > 50 && left <= 100)) || fail "$left seconds"
    configure check_max_age 10
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'check_max_age' may_be_kept 10
}

may_be_kept() {
    [[ $(verify | sed -n 's/^X-Accel-Expires: //p') == "$1" ]]
}

# logged COUNT WORDS: that many lines of the log have them.
logged() {
    [[ $(grep -c -- "$2" "$DIR/log/token.log") == "$1" ]]
}

@test "verify: a refusal is no failure of credentials: it is not throttled, and fail2ban does not see it" {
    local i
    configure throttle_source_failures 1
    start_program
    for ((i = 0; i < 5; i++)); do
        is_refused 401 invalid_token HTTP_AUTHORIZATION='Bearer x'
    done
    is_let_in
    issues "$SOCKET"
    wait_until 'the log' logged 5 ' info outcome=denied reason=malformed '
    run grep -E "outcome=(refused|throttled)|$JWT" "$DIR/log/token.log"
    [[ $status -eq 1 ]]
}
