# The public keys and the metadata: over the program's own socket and as plain CGI, and behind nginx with clients that find
# everything from the issuer alone. What the answers are is in tests/unit/test_publish.c; each web server passes them on:
# check_published of requests.bash.

load helper
load standalone
load requests
load server
load clients

export SERVER=nginx

setup_file() {
    make_folder
    prepare_clients
    add_account demo demo-secret
    serve
    export SOCKET=$DIR/run/token.sock
    take_own_issuer
}

teardown() {
    show_logs
}

teardown_file() {
    remove_folder
}

jwks() {
    curl -sS --max-time "$PATIENCE" "${URL%/token}/jwks$1"
}

# keys_are KID…: the published ones are these, in this order.
keys_are() {
    [[ $(jwks '' | jq -er '[.keys[].kid] | join(" ")' || printf 'no key set\n') == "$*" ]]
}

# Prints the kid of the key.
change_keys() {
    tokenctl "$@" | cut -d ' ' -f 1
    own "$DIR/etc"
}

new_keys() {
    rm "$DIR/etc/keys.jwks"
    change_keys key rotate --alg "$1"
}

# The answer to a GET, as CGI has it, with more variables.
by_fastcgi() {
    env -i "PATH=$PATH" REQUEST_METHOD=GET SCRIPT_NAME=/apiops/auth PATH_INFO="$1" REMOTE_ADDR=127.0.0.1 "${@:2}" \
        timeout "$PATIENCE" cgi-fcgi -bind -connect "$SOCKET" </dev/null
}

by_cgi() {
    env -i TOKEN_CONF="$CONF" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET SCRIPT_NAME="/apiops/auth$1" REMOTE_ADDR=127.0.0.1 \
        "${@:2}" "$DIR/token.fcgi" </dev/null
}

@test "publish: FastCGI and plain CGI answer the same, with one ETag" {
    local path etag kid
    kid=$(new_keys ES256)
    wait_until 'the new key' keys_are "$kid"
    for path in /jwks /.well-known/oauth-authorization-server; do
        [[ $(by_fastcgi $path) == "$(by_cgi $path)" ]]
        etag=$(by_cgi $path | tr -d '\r' | sed -n 's/^ETag: //p')
        [[ $(by_cgi $path HTTP_IF_NONE_MATCH="$etag") == 'Status: 304 Not Modified'* ]]
        [[ $(by_fastcgi $path HTTP_IF_NONE_MATCH="$etag" REQUEST_METHOD=HEAD) == 'Status: 304 Not Modified'* ]]
        [[ $(by_fastcgi $path HTTP_IF_NONE_MATCH='"other"') == 'Status: 200 OK'* ]]
    done
    [[ $(by_cgi /jwks REQUEST_METHOD=HEAD) == *'Content-Length: '* && $(by_cgi /jwks REQUEST_METHOD=HEAD) != *kty* ]]
}

@test "publish: a key is published a second after it was made, the one that signs is first, and goes when it is pruned" {
    local first second before
    first=$(new_keys ES256)
    wait_until 'the first key' keys_are "$first"
    second=$(change_keys key add --alg RS256)
    wait_until 'the key that is to sign' keys_are "$first" "$second"
    change_keys key rotate --now >/dev/null
    wait_until 'the key that signs' keys_are "$second" "$first"
    [[ $(jwks '?kty=EC' | jq -r '.keys[].kid') == "$first" && $(jwks '?kty=RSA' | jq -r '.keys[].kid') == "$second" ]]
    [[ $(jwks '?kty=oct') == '{"keys":[]}' ]]
    # The last token of the first one has expired.
    before=$(jq '.keys[1].exp = 1000' "$DIR/etc/keys.jwks")
    printf '%s' "$before" >"$DIR/etc/keys.jwks"
    wait_until 'the old key to go' keys_are "$second"
    # No secret part is ever published.
    [[ $(jwks '' | jq -r '.keys[0] | keys | join(" ")') == 'alg e kid kty n use' ]]
    new_keys HS256 >/dev/null
    wait_until 'no public key' keys_are
    [[ $(by_fastcgi /.well-known/openid-configuration) != *jwks_uri* ]]
}

is_signed_by() {
    [[ $(fetch_token | cut -d. -f1 | tr -- -_ +/ | jq -rR '@base64d | fromjson.kid') == "$1" ]]
}

fetch_token() {
    fastcgi "$SOCKET" "$GRANT&client_id=demo&client_secret=demo-secret" | sed '1,/^\r$/d' | jq -er .access_token
}

lines_are() {
    (($(wc -l <"$DIR/answers") == $1))
}

# find_by CLIENT LINE KIDS: the client checks a token before and after a rotation. It has fetched the keys before that, with the
# one that was to sign then. LINE prints what it reads, and KIDS, in jq, is what it makes of one kid.
find_by() {
    local first second
    first=$(new_keys ES256)
    second=$(change_keys key add)
    wait_until 'the keys' keys_are "$first" "$second"
    rm -f "$DIR/questions" && mkfifo "$DIR/questions"
    : >"$DIR/answers"
    run_client "$1" "$REAL_ISSUER" <"$DIR/questions" >"$DIR/answers" 3>&- 4>&- &
    exec 7>"$DIR/questions"
    $2 >&7
    wait_until 'the first answer' lines_are 1
    change_keys key rotate --now >/dev/null
    wait_until 'the rotation' is_signed_by "$second"
    $2 >&7
    exec 7>&-
    wait $! || fail "$1 has failed"
    diff "$DIR/answers" <(jq -ncr --arg kid "$first" "$3"; jq -ncr --arg kid "$second" "$3")
}

@test "publish: openid-client, its version 5, oauth4webapi and jose find endpoints and keys, and go on after a rotation" {
    # shellcheck disable=SC2016 # it is a dollar of jq
    find_by discover.mjs 'echo again' '{"openid-client": $kid, "openid-client oauth2": $kid, "openid-client 5": $kid,
        oauth4webapi: $kid, "oauth4webapi oauth2": $kid}'
}

@test "publish: PyJWT's PyJWKClient finds the keys, and goes on after a rotation" {
    # shellcheck disable=SC2016 # it is a dollar of jq
    find_by discover_pyjwt.py fetch_token '$kid'
}
