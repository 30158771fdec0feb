# Resource servers as they are run, each with its own verification, before a token of this program: those that read the
# published keys, those that are given keys, and those that ask. src/doc/resource-servers.md says what to set for whom.
# shellcheck disable=SC2034 # fill() reads what a file needs

load helper
load requests
load server
load clients
load forge
load resource_servers

export SERVER=nginx

setup_file() {
    make_folder
    prepare_clients
    # The other one is for a server that knows no at+jwt.
    add_account demo demo-secret --scope read
    add_account other other-secret --scope read --typ JWT
    add_account api api-secret --introspect yes
    serve
    export TOKEN_PORT=$PORT
    # Tokens that have expired a moment ago are refused by introspection, too.
    configure clock_skew 0
    take_own_issuer
    make_all_tokens
}

setup() {
    CLIENT=demo
    USER=$([[ $EUID -ne 0 ]] && id -un || echo www-data)
    use_keys before
}

teardown() {
    local name
    show_logs
    for name in haproxy apache dovecot njs resource; do
        stop $name
    done
}

teardown_file() {
    remove_folder
}

# write_pem: a file for each public key.
write_pem() {
    local algorithm
    mkdir -p "$DIR/pem"
    for algorithm in ES256 RS256; do
        tokenctl key export --pem "$(kid_of $algorithm)" >"$DIR/pem/$algorithm.pem"
    done
}

# start_haproxy SETTING: the rest of a line that sets txn.secret.
start_haproxy() {
    local KID_ES256 KID_RS256 KID_HS256 SECRET
    KID_ES256=$(kid_of ES256) KID_RS256=$(kid_of RS256) KID_HS256=$(kid_of HS256)
    SECRET=$(secret)
    write_pem
    PORT=$(free_port)
    fill haproxy.cfg >"$DIR/resource.cfg"
    start haproxy haproxy -db -f "$DIR/resource.cfg"
    wait_until 'haproxy to listen' is_listening "$PORT"
}

@test "HAProxy's jwt_verify: ES256, RS256 and HS256 with keys that tokenctl key export --pem wrote; no EdDSA" {
    start_haproxy
    checks_both at "$PORT"
    checks HS256 at "$PORT"
    verdict 401 EdDSA.good at "$PORT"
}

make_www() {
    mkdir -p "$DIR/www"
    printf 'the resource\n' >"$DIR/www/index.html"
}

# start_apache FILE
start_apache() {
    local KID_HS256 SECRET SECRET_BASE64
    KID_HS256=$(kid_of HS256)
    SECRET=$(secret)
    SECRET_BASE64=$(secret_in_base64)
    PORT=$(free_port) ASKING_PORT=$(free_port)
    make_www
    fill "$1" >"$DIR/resource.conf"
    start apache apache2 -D FOREGROUND -f "$DIR/resource.conf"
    wait_until 'apache to listen' is_listening "$PORT"
}

@test "mod_auth_openidc as resource server: ES256 and RS256 by the published keys, HS256; no EdDSA" {
    start_apache apache.conf
    checks_both at "$PORT"
    # Debian 13's ignores OIDCOAuthVerifySharedKeys: it verifies against "0 shared keys".
    if grep -q 'mod_auth_openidc-2.4.17 ' "$DIR/log/apache-error.log"; then
        verdict 401 HS256.good at "$PORT"
    else
        checks HS256 at "$PORT"
    fi
    knows_no_eddsa at "$PORT"
}

@test "mod_auth_openidc asks, and learns of a revocation" {
    start_apache apache.conf
    introspects at "$ASKING_PORT"
}

@test "mod_oauth2: ES256 and RS256 by the published keys, HS256; no EdDSA" {
    start_apache apache-oauth2.conf
    checks_both at "$PORT"
    checks HS256 at "$PORT"
    knows_no_eddsa at "$PORT"
}

@test "mod_oauth2 asks, and learns of a revocation" {
    start_apache apache-oauth2.conf
    introspects at "$ASKING_PORT"
}

# start_dovecot MODE
start_dovecot() {
    local algorithm
    write_pem
    for algorithm in ES256 RS256; do
        mkdir -p "$DIR/keys/default/$algorithm"
        cp "$DIR/pem/$algorithm.pem" "$DIR/keys/default/$algorithm/$(kid_of $algorithm)"
    done
    mkdir -p "$DIR/keys/default/HS256"
    secret_in_base64 >"$DIR/keys/default/HS256/$(kid_of HS256)"
    # Its configuration has another form from 2.4 on.
    if [[ $(dovecot --version) == 2.3* ]]; then
        fill "dovecot-2.3-$1.conf.ext" >"$DIR/dovecot-oauth2.conf.ext"
        fill dovecot-2.3.conf >"$DIR/dovecot.conf"
    else
        fill "dovecot-$1.conf" >"$DIR/dovecot-oauth2.conf"
        fill dovecot.conf >"$DIR/dovecot.conf"
    fi
    start dovecot dovecot -F -c "$DIR/dovecot.conf"
    wait_until 'dovecot' is_bound "$DIR/dovecot/auth-client"
}

# by_dovecot TOKEN: as if it were an HTTP server. From 2.4 on only the mechanisms for tokens take one, and doveadm calls
# a refusal a temporary failure.
by_dovecot() {
    local status=0 mechanism=()
    [[ $(dovecot --version) == 2.3* ]] || mechanism=(-A oauthbearer)
    doveadm -c "$DIR/dovecot.conf" auth test "${mechanism[@]}" "$CLIENT" "$1" >>"$DIR/log/doveadm.log" 2>&1 </dev/null || status=$?
    case $status in
        0) echo 200 ;;
        77) echo 401 ;;
        75) [[ ${#mechanism[@]} -eq 0 ]] && echo 'exit status 75' || echo 401 ;;
        *) echo "exit status $status" ;;
    esac
}

@test "Dovecot validates ES256, RS256 and HS256 with keys in files; at+jwt from 2.4 on, no EdDSA" {
    start_dovecot local
    if [[ $(dovecot --version) == 2.3* ]]; then
        verdict 401 ES256.good by_dovecot
        CLIENT=other
    fi
    checks_both by_dovecot
    checks HS256 by_dovecot
    verdict 401 EdDSA.good by_dovecot
}

@test "Dovecot asks, and learns of a revocation" {
    start_dovecot introspect
    introspects by_dovecot
}

# write_kids: what verify.js reads.
write_kids() {
    local algorithm
    mkdir -p "$DIR/kids"
    write_pem
    for algorithm in ES256 RS256; do
        cp "$DIR/pem/$algorithm.pem" "$DIR/kids/$(kid_of $algorithm).pem"
    done
    secret | tr -d '\n' >"$DIR/kids/$(kid_of HS256).secret"
}

@test "nginx's njs: ES256, RS256 and HS256 by its WebCrypto; no EdDSA" {
    write_kids
    make_www
    PORT=$(free_port)
    fill verify.js >"$DIR/verify.js"
    fill nginx.conf >"$DIR/resource.conf"
    start njs nginx -c "$DIR/resource.conf"
    wait_until 'nginx to listen' is_listening "$PORT"
    checks_both at "$PORT"
    checks HS256 at "$PORT"
    verdict 401 EdDSA.good at "$PORT"
}

# start_resource PROGRAM [WORD]: one of clients/ as a resource server.
start_resource() {
    local settings
    mapfile -t settings < <(client_environment)
    PORT=$(free_port)
    start resource env "${settings[@]}" "${INTERPRETERS[${1##*.}]:-env}" "$DIR/clients/$1" "$REAL_ISSUER" "$PORT" "${@:2}"
    wait_until "$1 to listen" is_listening "$PORT"
}

@test "Authlib's resource protector: ES256, RS256 and EdDSA by the published keys" {
    start_resource resource_authlib.py
    checks_both at "$PORT"
    knows_eddsa at "$PORT"
}

@test "Authlib's resource protector asks, and learns of a revocation" {
    start_resource resource_authlib.py introspect
    introspects at "$PORT"
}

@test "aws-jwt-verify: ES256, RS256 and EdDSA by the published keys" {
    start_resource resource.mjs aws
    checks_both at "$PORT"
    knows_eddsa at "$PORT"
}

@test "openid-client asks, and revokes" {
    start_resource resource.mjs openid-client
    introspects at "$PORT"
    revokes at "$PORT"
}

@test "openid-client 5 asks, and revokes" {
    start_resource resource.mjs openid-client-5
    introspects at "$PORT"
    revokes at "$PORT"
}

# revokes COMMAND…: DELETE revokes the token, as its client.
revokes() {
    local token
    token=$(fetch_token)
    [[ $("$@" "$token") == 200 ]]
    curl -sS --fail --max-time "$PATIENCE" -X DELETE -H "Authorization: Bearer $token" "http://127.0.0.1:$PORT/"
    [[ $("$@" "$token") == 401 ]]
}

@test "go-oidc: ES256 and RS256 by the published keys; no EdDSA" {
    go_build resource_go_oidc
    start_resource resource_go_oidc
    checks_both at "$PORT"
    knows_no_eddsa at "$PORT"
}
