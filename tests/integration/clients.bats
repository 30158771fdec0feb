# OAuth client libraries, as their users write them, against a web server by HTTPS: each gets its tokens, whatever the
# secret is made of, and shows its user why it got none.

load helper
load requests
load server
load clients

export SERVER=lighttpd-fastcgi

accounts() {
    jq -c '.[]' "$REPOSITORY/tests/integration/clients/accounts.json"
}

add_client_accounts() {
    local account options
    while IFS= read -r account; do
        mapfile -t options < <(jq -r '.options // [] | .[]' <<<"$account")
        add_account "$(jq -r .client_id <<<"$account")" "$(jq -r .client_secret <<<"$account")" "${options[@]}"
    done < <(accounts)
}

# The failures of all these clients come from one address.
setup_file() {
    make_folder
    prepare_clients
    add_client_accounts
    serve
}

teardown() {
    show_logs
}

teardown_file() {
    remove_folder
}

# cases METHOD…: each account by each method.
cases() {
    accounts | jq -c --args '. as {$client_id, $client_secret, $scope} | $ARGS.positional[] as $method
        | {$method, $client_id, $client_secret, $scope}' "$@"
}

# Both in the words of the contract, so that expected and seen can be compared line by line.
SHAPE='
    def shape: walk(if type == "object" then with_entries(select(.value != null and .value != 0)) else . end);'

# tokens_expected METHOD…: a line for each of `cases`. Where $CANNOT, a condition in jq, holds for client_id and
# client_secret, the library sends nothing.
tokens_expected() {
    accounts | jq -c --arg issuer "$ISSUER" --args "$SHAPE"'
        def option(name): .options // [] | (index(name) // infinite) as $i | .[$i + 1];
        (.scope // option("--scope")) as $scope | (option("--lifetime") // 3600 | tonumber) as $lifetime
        | .client_id as $id | (.client_id + .client_secret | '"${CANNOT:-false}"') as $cannot
        | {iss: $issuer, sub: $id, client_id: $id, aud: $issuer, $scope, $lifetime} as $claims
        | $ARGS.positional[] as $method
        | {$method, $id} + if $cannot then {$cannot}
            else {token_type: "bearer", expires_in: $lifetime, $scope, $claims} end
        | shape' "$@"
}

# What another party's verifier makes of the tokens in the answers on standard input, a line for each.
verdicts() {
    tokenctl key export >"$DIR/keys.json"
    jq -c --arg iss "$ISSUER" '{token: (.answer.access_token // "none"), alg: "HS256", $iss, aud: $iss}' |
        run_client verify_pyjwt.py "$DIR/keys.json"
}

# tokens_seen ANSWERS VERDICTS. Some libraries have the scope as a list; one has seconds that are left.
tokens_seen() {
    jq -nc --slurpfile answers "$1" --slurpfile verdicts "$2" "$SHAPE"'
        def scope: if type == "array" then join(" ") else . end;
        def expires_in: if . != null and . > 3400 and . < 3600 then 3600 else . end;
        def claims: . + {lifetime: ((.exp // .iat) - .iat)} | del(.iat, .exp, .jti);
        [$answers, $verdicts] | transpose[] | .[0] as {$case, $answer} | .[1].answer.claims as $claims
        | {method: $case.method, id: $case.client_id} +
            if $answer.cannot then {cannot: ($answer.cannot | length > 0)}
            elif $claims then {token_type: ($answer.token_type | ascii_downcase),
                expires_in: ($answer.expires_in | expires_in), scope: ($answer.scope | scope),
                claims: ($claims | claims)}
            else {$answer, verdict: .[1].answer} end
        | shape'
}

# same_lines EXPECTED SEEN
same_lines() {
    diff "$1" "$2" >&2 || fail 'expected (<) and seen (>)'
    [[ -s $1 ]]
}

# gets_tokens PROGRAM METHOD…: for every account, by every method.
gets_tokens() {
    local program=$1 folder=$DIR/replies/$1
    shift
    mkdir "$folder"
    cases "$@" | run_client "$program" "$TLS_URL" >"$folder/answers"
    verdicts <"$folder/answers" >"$folder/verdicts"
    tokens_expected "$@" >"$folder/expected"
    tokens_seen "$folder/answers" "$folder/verdicts" >"$folder/seen"
    same_lines "$folder/expected" "$folder/seen"
}

# What is refused, each with what the library must tell its user, by each method.
refusals() {
    jq -nc --args '
        {status: 401, error: "unauthorized_client", error_description: "Bad credentials"} as $bad
        | {status: 400, error: "invalid_scope",
            error_description: "The scope holds a value that this client may not have"} as $scope
        | $ARGS.positional[] as $method
        | [["ordinary", "wrong-secret", null, $bad], ["id %41+&=\"\\", "a b+c%42&e=f:g\"h\\", null, $bad],
            ["nobody", "ordinary-secret", null, $bad], ["scoped", "scoped-secret", "admin", $scope]][]
        | {case: {$method, client_id: .[0], client_secret: .[1], scope: .[2]}, answer: .[3]}' "$@"
}

# shows_errors PROGRAM FIELDS METHOD…: FIELDS, as jq has them, are those of the answer that the library hands out.
shows_errors() {
    local program=$1 fields=$2 folder=$DIR/replies/$1.errors
    shift 2
    mkdir "$folder"
    refusals "$@" | jq -c '.case' | run_client "$program" "$TLS_URL" >"$folder/answers"
    refusals "$@" | jq -cS ".answer |= $fields" >"$folder/expected"
    jq -cS ".answer |= $fields" "$folder/answers" >"$folder/seen"
    same_lines "$folder/expected" "$folder/seen"
}

ERROR='{error, error_description}'
STATUS_AND_ERROR='{status, error, error_description}'

# check CLIENT FIELDS METHOD…
check() {
    local client=$1 fields=$2
    shift 2
    gets_tokens "$client" "$@"
    shows_errors "$client" "$fields" "$@"
}

BASIC=client_secret_basic POST=client_secret_post

@test "curl gets a token" {
    check client-curl.sh "$STATUS_AND_ERROR" $BASIC $POST
}

@test "Python: requests-oauthlib" {
    check client_requests_oauthlib.py "$ERROR" $BASIC $POST
}

@test "Python: Authlib" {
    check client_authlib.py "$ERROR" $BASIC $POST
}

@test "Node: openid-client 6" {
    check client-openid-client.mjs "$STATUS_AND_ERROR" $BASIC $POST
}

@test "Node: openid-client 5" {
    check client-openid-client-5.mjs "$STATUS_AND_ERROR" $BASIC $POST
}

@test "Node: oauth4webapi" {
    check client-oauth4webapi.mjs "$STATUS_AND_ERROR" $BASIC $POST
}

# It takes the grammar of RFC 6749, *VSCHAR, at its word.
@test "Node: simple-oauth2" {
    CANNOT='test("[^ -~]")' check client-simple-oauth2.mjs "$STATUS_AND_ERROR" \
        $BASIC client_secret_basic_raw $POST
}

@test "Go: x/oauth2, by Basic, by body, and finding out which" {
    check client_oauth2 "$STATUS_AND_ERROR" $BASIC $POST auto
}

# Whichever reading of Basic was tried last.
@test "the log names the account that a wrong secret was for" {
    grep -qF 'reason=wrong_secret client_id="id %41+&=\x22\x5c"' "$DIR/log/token.log"
    ! grep -F reason=unknown_client "$DIR/log/token.log" | grep -vF 'client_id="nobody"' ||
        fail 'unknown under an encoded name'
}
