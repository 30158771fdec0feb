# The requests that every web server must answer alike: CONTRACT "POST …/token", as far as it can be seen from outside.

# Everything that one encoding or another holds special.
SPECIAL='a b+c%41%zz&d=e:f"g\hé漢'
SPECIAL_ID='cliént +%41&='
# Latin-1 has no 漢.
LATIN='l +%e9é&=:"\x'
GRANT=grant_type=client_credentials
DEMO=(-d "$GRANT" -d client_id=demo -d client_secret=demo-secret)

add_request_accounts() {
    add_account demo demo-secret --scope 'read write'
    add_account plain plain-secret --lifetime 600
    add_account "$SPECIAL_ID" "$SPECIAL"
    add_account latin "$LATIN"
    add_account locked locked-secret
    tokenctl lock locked
    add_account expired expired-secret --expires 2020-01-01
    add_account elsewhere elsewhere-secret --from 192.0.2.0/24
}

# What is being looked at, for the message if it fails.
row() {
    ROW=$1
}

# request CURL-ARGUMENT…: sets STATUS; the answer is in $REPLY_BODY and $REPLY_HEADERS.
request() {
    local reply
    reply=$(mktemp "$DIR/replies/XXXXXX")
    REPLY_BODY=$reply.body REPLY_HEADERS=$reply.headers
    : >"$REPLY_BODY"
    STATUS=$(curl -sS --max-time "$PATIENCE" -o "$REPLY_BODY" -D "$REPLY_HEADERS" -w '%{http_code}' "$@")
}

# The value of a header of the final answer; nothing where it is absent.
header() {
    tr -d '\r' <"$REPLY_HEADERS" | awk -v name="$1" '
        /^HTTP\// { value = "" }
        tolower(substr($0, 1, length(name) + 1)) == tolower(name ":") { value = substr($0, length(name) + 3) }
        END { print value }'
}

# equal WHAT ACTUAL EXPECTED
equal() {
    [[ $2 == "$3" ]] || fail "$ROW: $1 is '$2' instead of '$3' (status ${STATUS:-}: $(cat "${REPLY_BODY:-/dev/null}"))"
}

common_headers() {
    equal Content-Type "$(header Content-Type)" 'application/json;charset=UTF-8'
    equal Cache-Control "$(header Cache-Control)" no-store
    equal Pragma "$(header Pragma)" no-cache
}

# granted ROW EXPIRES_IN SCOPE CURL-ARGUMENT…
granted() {
    local expires_in=$2 scope=$3
    row "$1"
    shift 3
    request "$@" "$URL"
    equal status "$STATUS" 200
    common_headers
    equal WWW-Authenticate "$(header WWW-Authenticate)" ''
    equal token_type "$(jq -r .token_type "$REPLY_BODY")" Bearer
    equal expires_in "$(jq -r .expires_in "$REPLY_BODY")" "$expires_in"
    equal scope "$(jq -r .scope "$REPLY_BODY")" "$scope"
    equal 'shape of access_token' \
        "$(jq -r '.access_token | test("^[\\w-]+\\.[\\w-]+\\.[\\w-]+$")' "$REPLY_BODY")" true
}

# refused ROW STATUS ERROR DESCRIPTION CURL-ARGUMENT…; an empty DESCRIPTION: any, as long as there is one.
refused() {
    local status=$2 error=$3 description=$4
    row "$1"
    shift 4
    request "$@"
    equal status "$STATUS" "$status"
    common_headers
    [[ -n $description ]] || description=$(jq -r '.error_description | select(length > 5)' "$REPLY_BODY")
    equal body "$(cat "$REPLY_BODY")" "{\"error\":\"$error\",\"error_description\":\"$description\"}"
}

malformed() {
    local row=$1
    shift
    refused "$row" 400 invalid_request '' "$@" "$URL"
    equal WWW-Authenticate "$(header WWW-Authenticate)" ''
}

unauthorized() {
    local row=$1 challenge=$2
    shift 2
    refused "$row" 401 unauthorized_client 'Bad credentials' "$@" "$URL"
    equal WWW-Authenticate "$(header WWW-Authenticate)" "$challenge"
}

# --- What the contract has -------------------------------------------------------------------------------------

check_granted() {
    granted 'in the body' 3600 'read write' "${DEMO[@]}"
    granted 'a scope' 3600 write "${DEMO[@]}" -d scope=write
    granted 'no scope, a lifetime' 600 null -d "$GRANT" -d client_id=plain -d client_secret=plain-secret
    granted 'Basic' 3600 'read write' -u demo:demo-secret -d "$GRANT"
    granted 'Basic and the same client_id' 3600 'read write' -u demo:demo-secret -d "$GRANT" -d client_id=demo
    granted 'media type with a parameter' 3600 'read write' "${DEMO[@]}" \
        -H 'Content-Type: application/x-www-form-urlencoded; charset=UTF-8'
    granted 'empty and unknown parameters' 3600 'read write' "${DEMO[@]}" -d 'scope=&x=1&x=2'
    granted 'another Authorization scheme' 3600 'read write' "${DEMO[@]}" -H 'Authorization: Bearer abc'
}

check_grant_type() {
    local words='GrantType value must be client_credentials!' credentials='client_id=demo&client_secret=demo-secret' given
    for given in '' 'grant_type=' 'grant_type=password' 'grant_type=CLIENT_CREDENTIALS' 'grant_type=client_credentials%20'; do
        refused "'$given'" 400 unsupported_grant_type "$words" -d "$given&$credentials" "$URL"
    done
    refused 'before the credentials' 400 unsupported_grant_type "$words" -u demo:wrong -d scope=x "$URL"
    refused 'no body' 400 unsupported_grant_type "$words" -d '' "$URL"
}

check_malformed() {
    malformed 'JSON' -H 'Content-Type: application/json' -d '{"grant_type":"client_credentials"}'
    malformed 'no content type' -H 'Content-Type:' "${DEMO[@]}"
    malformed 'multipart' -F "$GRANT" -F client_id=demo
    malformed '% at the end' "${DEMO[@]}" -d 'x=%'
    malformed '% without digits' -d "$GRANT&client_id=demo&client_secret=%zz"
    local parameter
    for parameter in grant_type client_id client_secret scope; do
        malformed "$parameter twice" "${DEMO[@]}" -d scope=read -d $parameter=demo
    done
    malformed 'Basic and body' -u demo:demo-secret "${DEMO[@]}"
    malformed 'Basic and another client_id' -u demo:demo-secret -d "$GRANT" -d client_id=plain
    malformed 'Basic that is not base64' -H 'Authorization: Basic !!!' -d "$GRANT"
    malformed 'Basic without a colon' -H 'Authorization: Basic ZGVtbw==' -d "$GRANT"
    malformed 'a line feed in client_id' -d "$GRANT" -d client_id=de%0Amo -d client_secret=x
    malformed 'a NUL in client_secret' -d "$GRANT" -d client_id=demo -d client_secret=demo-secret%00
    malformed 'DEL in client_secret' -d "$GRANT" -d client_id=demo -d client_secret=demo-secret%7F
    for parameter in grant_type client_id client_secret scope; do
        refused "$parameter in the URL" 400 invalid_request 'Parameters must be in the body, not in the URL' \
            "${DEMO[@]}" "$URL?$parameter=in-the-url"
    done
    refused 'all in the URL' 400 invalid_request 'Parameters must be in the body, not in the URL' -H 'Content-Type:' -d '' \
        "$URL?$GRANT&client_id=demo&client_secret=in-the-url"
}

check_scope() {
    refused 'a scope of others' 400 invalid_scope '' "${DEMO[@]}" -d scope=admin "$URL"
    refused 'one of two' 400 invalid_scope '' "${DEMO[@]}" -d 'scope=read admin' "$URL"
    refused 'malformed' 400 invalid_scope '' "${DEMO[@]}" -d 'scope="read"' "$URL"
    refused 'an account without' 400 invalid_scope '' -d "$GRANT" -d client_id=plain -d client_secret=plain-secret \
        -d scope=read "$URL"
    unauthorized 'credentials come first' '' -d "$GRANT" -d client_id=demo -d client_secret=wrong -d scope=admin
}

check_unauthorized() {
    local challenge='Basic realm="https://api.example.com/apiops/auth"' id
    unauthorized 'wrong secret' '' -d "$GRANT" -d client_id=demo -d client_secret=wrong
    unauthorized 'unknown' '' -d "$GRANT" -d client_id=nobody -d client_secret=wrong
    unauthorized 'no secret' '' -d "$GRANT" -d client_id=demo
    unauthorized 'no client_id' '' -d "$GRANT" -d client_secret=demo-secret
    unauthorized 'neither' "$challenge" -d "$GRANT"
    for id in locked expired elsewhere; do
        unauthorized "$id" '' -d "$GRANT" -d client_id=$id -d client_secret=$id-secret
    done
    unauthorized 'Basic, wrong secret' "$challenge" -u demo:wrong -d "$GRANT"
    unauthorized 'Basic, unknown' "$challenge" -u nobody:wrong -d "$GRANT"
    unauthorized 'Basic, locked' "$challenge" -u locked:locked-secret -d "$GRANT"
    unauthorized 'another scheme' "$challenge" -H 'Authorization: Bearer abc' -d "$GRANT"
}

# A body that came after the answer to HEAD would be read as the answer to the next request on the connection.
check_head() {
    row 'method HEAD'
    printf 'HEAD %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n' /apiops/auth/token '' /apiops/auth/token $'Connection: close\r\n' |
        send_raw "$PORT" >"$DIR/replies/head"
    equal 'status lines' "$(grep -c '^HTTP/1.1 405 ' "$DIR/replies/head")" 2
    equal Allow "$(grep -ci '^allow: POST' "$DIR/replies/head")" 2
    ! grep -q '{' "$DIR/replies/head" || fail "HEAD is answered with a body: $(cat "$DIR/replies/head")"
}

# send_raw PORT: sends standard input, and prints all that comes back until the other end closes.
send_raw() {
    local connection
    exec {connection}<>"/dev/tcp/127.0.0.1/$1"
    cat >&"$connection"
    timeout "$PATIENCE" cat <&"$connection"
    exec {connection}>&-
}

check_paths_and_methods() {
    local path method query
    for path in /other / /token/x /tokens; do
        refused "path $path" 404 not_found '' "${DEMO[@]}" "${URL%/token}$path"
    done
    for method in GET PUT DELETE PATCH OPTIONS; do
        refused "method $method" 405 invalid_request '' -X $method "$URL"
        equal Allow "$(header Allow)" POST
    done
    URL=$URL/ granted 'a slash at the end of the path' 3600 'read write' "${DEMO[@]}"
    # Apache makes the words of such a query the arguments of a CGI program.
    for query in -c/etc/passwd -l127.0.0.1:1 -t -V -h --help -x more; do
        URL="$URL?$query" granted "query $query" 3600 'read write' "${DEMO[@]}"
    done
    check_head
}

# form_of SIZE: a good form, filled up to SIZE bytes with a parameter that is ignored.
form_of() {
    local form="$GRANT&client_id=demo&client_secret=demo-secret&pad="
    printf '%s%*s' "$form" $(($1 - ${#form})) '' | tr ' ' x >"$DIR/form.$1"
    printf '@%s' "$DIR/form.$1"
}

check_bodies() {
    local chunked=(-H 'Transfer-Encoding: chunked') limit=16384
    granted 'exactly max_body' 3600 'read write' --data-binary "$(form_of $limit)"
    refused 'one over' 413 invalid_request '' --data-binary "$(form_of $((limit + 1)))" "$URL"
    refused 'far over' 413 invalid_request '' --data-binary "$(form_of 65536)" "$URL"
    granted 'chunked' 3600 'read write' "${chunked[@]}" "${DEMO[@]}"
    granted 'chunked, exactly max_body' 3600 'read write' "${chunked[@]}" --data-binary "$(form_of $limit)"
    refused 'chunked, one over' 413 invalid_request '' "${chunked[@]}" \
        --data-binary "$(form_of $((limit + 1)))" "$URL"
    # Over the server's own limit its answer is the server's own.
    row 'over what the server lets through'
    request --data-binary "$(form_of 65537)" "$URL"
    equal status "$STATUS" 413
    granted 'and after all that' 3600 'read write' "${DEMO[@]}"
}

form_encoded() {
    jq -rn --arg text "$1" '$text | @uri | gsub("%20"; "+")'
}

basic() {
    printf 'Authorization: Basic %s' "$(base64 -w 0)"
}

check_encodings() {
    local id secret
    id=$(form_encoded "$SPECIAL_ID")
    secret=$(form_encoded "$SPECIAL")
    granted 'body' 3600 null -d "$GRANT" -d "client_id=$id" -d "client_secret=$secret"
    granted 'body, %20' 3600 null -d "$GRANT" -d "client_id=${id//+/%20}" -d "client_secret=${secret//+/%20}"
    granted 'Basic, form-encoded' 3600 null -d "$GRANT" -H "$(printf '%s:%s' "$id" "$secret" | basic)"
    granted 'Basic, raw' 3600 null -d "$GRANT" -H "$(printf '%s:%s' "$SPECIAL_ID" "$SPECIAL" | basic)"
    granted 'Basic, raw in Latin-1' 3600 null -d "$GRANT" \
        -H "$(printf 'latin:%s' "$LATIN" | iconv -f UTF-8 -t ISO-8859-1 | basic)"
    granted 'Basic, even unreserved characters encoded' 3600 'read write' -d "$GRANT" \
        -H "$(printf 'demo:demo%%2Dsecret' | basic)"
    unauthorized 'Basic, encoded twice' 'Basic realm="https://api.example.com/apiops/auth"' -d "$GRANT" \
        -H "$(printf '%s:%s' "$(form_encoded "$id")" "$(form_encoded "$secret")" | basic)"
}

check_tls() {
    local URL=$TLS_URL
    granted 'HTTPS' 3600 'read write' --cacert "$DIR/tls/cert.pem" "${DEMO[@]}"
    granted 'HTTPS, Basic' 3600 'read write' --cacert "$DIR/tls/cert.pem" -u demo:demo-secret -d "$GRANT"
}

check_keys_unusable() {
    mv "$DIR/etc/keys.jwks" "$DIR/etc/keys.gone"
    refused 'no keys' 500 server_error 'An unexpected error occurred' "${DEMO[@]}" "$URL"
    mv "$DIR/etc/keys.gone" "$DIR/etc/keys.jwks"
    granted 'keys again' 3600 'read write' "${DEMO[@]}"
}

is_published() {
    curl -s --max-time "$PATIENCE" "${URL%/token}/jwks" | jq -e '.keys[0].kty == "EC"' >/dev/null
}

# The keys and the metadata, at each place where clients look: CONTRACT §7.
check_published() {
    local root=${URL%/apiops/auth/token} at first='' etag
    tokenctl key list | grep -q ' next ' || tokenctl key add --alg ES256 >/dev/null
    own "$DIR/etc"
    wait_until 'the key' is_published
    for at in /apiops/auth/{jwks,.well-known/{oauth-authorization-server,openid-configuration}} \
        /.well-known/{oauth-authorization-server,openid-configuration}/apiops/auth; do
        row "$at"
        request "$root$at"
        equal status "$STATUS" 200
        equal Content-Type "$(header Content-Type)" 'application/json;charset=UTF-8'
        equal Cache-Control "$(header Cache-Control)" 'public, max-age=3600'
        equal Pragma "$(header Pragma)" ''
        equal Access-Control-Allow-Origin "$(header Access-Control-Allow-Origin)" '*'
        if [[ $at == */jwks ]]; then
            equal 'an EC key' "$(jq -r '.keys[] | keys | join(" ")' "$REPLY_BODY")" 'alg crv kid kty use x y'
        else
            equal issuer "$(jq -r .issuer "$REPLY_BODY")" https://api.example.com/apiops/auth
            first=${first:-$(cat "$REPLY_BODY")}
            equal metadata "$(cat "$REPLY_BODY")" "$first"
        fi
        etag=$(header ETag)
        request -I "$root$at"
        equal 'status of HEAD' "$STATUS" 200
        equal 'ETag of HEAD' "$(header ETag)" "$etag"
        request -H "If-None-Match: $etag" "$root$at"
        equal 'status if it has not changed' "$STATUS" 304
        equal 'body if it has not changed' "$(cat "$REPLY_BODY")" ''
        request -d '' "$root$at"
        equal 'status of POST' "$STATUS" 405
        equal Allow "$(header Allow)" 'GET, HEAD'
    done
}
