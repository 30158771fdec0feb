# Revocation over the real program: RFC 7009, tokenctl revoke, and what is left of it after a restart, a full disk and a
# lost folder.

# Each test is a subshell, with a SOCKET of its own.
# shellcheck disable=SC2030,SC2031

load helper
load requests
load standalone

setup_file() {
    make_folder
    export TOKEN_CONF=$CONF
    SOCKET=$DIR/run/token.sock STATE=$DIR/etc/state
    export SOCKET STATE
}

teardown_file() {
    remove_folder
}

setup() {
    configure check_accounts yes
    configure state state
    rm -rf "$STATE"
    mkdir -m 0700 "$STATE"
    : >"$DIR/etc/accounts"
    add_account demo demo-secret
    add_account other other-secret
    add_account api api-secret
    sed -i '/^api:/s/$/ introspect/' "$DIR/etc/accounts"
    own "$DIR/etc/accounts" "$STATE"
    : >"$DIR/log/token.log"
    own "$DIR/log"
    start_listening "$SOCKET"
}

teardown() {
    show_logs
    stop token.fcgi
}

DEMO='client_id=demo&client_secret=demo-secret'
API='client_id=api&client_secret=api-secret'

fetch_token() {
    fastcgi "$SOCKET" "$GRANT&$DEMO" | sed '1,/^\r$/d' | jq -er .access_token
}

# revoke FORM: prints the whole answer.
revoke() {
    fastcgi "$SOCKET" "$1" /revoke
}

DONE=$'Status: 200 OK\r\n\r'

is_revoked() {
    [[ $(fastcgi "$SOCKET" "$API&token=$1" /introspect) == *'{"active":false}' ]]
}

is_active() {
    [[ $(fastcgi "$SOCKET" "$API&token=$1" /introspect) == *'"active":true'* ]]
}

# As a web server asks before it serves a path.
verify_status() {
    env -i "PATH=$PATH" REQUEST_METHOD=GET SCRIPT_NAME=/apiops/auth PATH_INFO=/verify REMOTE_ADDR=127.0.0.1 CONTENT_LENGTH=0 \
        HTTP_AUTHORIZATION="Bearer $1" timeout "$PATIENCE" cgi-fcgi -bind -connect "$SOCKET" | sed -n 's/^Status: \([0-9]*\).*/\1/p'
}

jti_of() {
    cut -d . -f 2 <<<"$1" | basenc --base64url -d 2>/dev/null | jq -r .jti
}

logged() {
    grep -qF "$1" "$DIR/log/token.log"
}

restart() {
    stop token.fcgi
    start_listening "$SOCKET"
}

@test "a client revokes its token: 200 without a body, refused at once, after a restart too; others stay" {
    local token other
    token=$(fetch_token)
    other=$(fetch_token)
    is_active "$token"
    [[ $(revoke "$DEMO&token=$token&token_type_hint=access_token") == "$DONE" ]]
    is_revoked "$token"
    is_active "$other"
    [[ $(verify_status "$token") == 401 && $(verify_status "$other") == 200 ]]
    run tokenctl inspect "$token"
    [[ $status -eq 1 && $output == *'not valid: the token was revoked'* ]]
    wait_until 'the log' logged 'outcome=introspected reason=revoked'
    wait_until 'the log' logged 'outcome=revoked reason=granted client_id="demo"'
    [[ $(revoke "$DEMO&token=$token") == "$DONE" ]]
    restart
    is_revoked "$token"
    is_active "$other"
    [[ $(tokenctl revoked --json | jq -c 'map(.jti)') == "[\"$(jti_of "$token")\"]" ]]
}

@test "what one process revokes, the others of the folder refuse at once; one that is killed loses nothing" {
    local token i
    SOCKET=$DIR/run/second.sock
    start second "$DIR/token.fcgi" -l "$SOCKET"
    wait_until 'the second process' issues "$SOCKET"
    for i in 1 2 3 4 5 6 7 8; do
        token=$(fetch_token)
        is_active "$token"
        SOCKET=$DIR/run/token.sock
        is_active "$token"
        [[ $(revoke "$DEMO&token=$token") == "$DONE" ]]
        SOCKET=$DIR/run/second.sock
        is_revoked "$token"
    done
    stop second KILL
    SOCKET=$DIR/run/token.sock
    is_revoked "$token"
    [[ $(tokenctl revoked --json | jq length) -eq 8 ]]
}

@test "a power cut keeps what was answered: it was synced" {
    local token
    token=$(fetch_token)
    rm -f "$STATE"/revoked.mdb
    stop token.fcgi
    start_listening "$SOCKET"
    # A leak checker needs ptrace() for itself.
    ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 \
        strace -f -e trace=fdatasync,fsync -o "$DIR/strace" "$DIR/tokenctl" -c "$CONF" revoke "$token"
    [[ $(grep -cE 'f(data)?sync\(.*= 0' "$DIR/strace") -ge 1 ]]
}

@test "killed at any moment: what was answered as revoked is, and the file can be used" {
    local i revoked
    takes tokenctl revoke --id before
    for i in {10..69}; do
        is_killed_at $((i - 10)) 60 "$DIR/tokenctl" -c "$CONF" revoke --id "killed-$i" || printf 'killed-%s\n' "$i"
    done >"$DIR/done"
    revoked=$(tokenctl revoked --json | jq -r '.[].jti')
    [[ -z $(comm -23 "$DIR/done" <(sort <<<"$revoked")) ]]
    tokenctl revoke --id after
    tokenctl revoked | grep -w after
}

@test "a client cannot revoke another client's token; an account with introspect can revoke any" {
    local token
    token=$(fetch_token)
    [[ $(revoke "client_id=other&client_secret=other-secret&token=$token") == $'Status: 400 Bad Request\r\n'*'"error":"invalid_grant"'* ]]
    is_active "$token"
    [[ $(revoke "$API&token=$token") == "$DONE" ]]
    is_revoked "$token"
    # Afterwards it is no token any more.
    [[ $(revoke "client_id=other&client_secret=other-secret&token=$token") == "$DONE" ]]
}

@test "a foreign token is answered 200, and nothing is stored" {
    local token
    token=$(fetch_token)
    for token in garbage a.b.c "${token%.*}.AAAA" "$token.x"; do
        [[ $(revoke "$DEMO&token=$token") == "$DONE" ]]
    done
    [[ $(tokenctl revoked --json) == '[]' ]]
}

@test "callers without credentials and malformed requests are refused" {
    local token
    token=$(fetch_token)
    [[ $(revoke "client_id=demo&client_secret=wrong&token=$token") == $'Status: 401 Unauthorized\r\n'* ]]
    [[ $(revoke "token=$token") == *$'\nWWW-Authenticate: Basic realm='* ]]
    [[ $(revoke "$DEMO") == $'Status: 400 Bad Request\r\n'*'The parameter token is missing'* ]]
    [[ $(revoke "$DEMO&token=$token&token=$token") == *'The parameter token is given more than once'* ]]
    is_active "$token"
}

@test "a locked account's token can be revoked, and stays so when it is unlocked" {
    local token
    token=$(fetch_token)
    tokenctl lock demo
    own "$DIR/etc/accounts"
    wait_until 'the lock' is_revoked "$token"
    [[ $(revoke "$API&token=$token") == "$DONE" ]]
    tokenctl unlock demo
    own "$DIR/etc/accounts"
    wait_until 'the unlocking' issues_demo
    is_revoked "$token"
}

issues_demo() {
    fetch_token >/dev/null
}

@test "tokenctl revoke TOKEN, --id and --client are in force in a running process within a second" {
    local token by_id by_client before
    token=$(fetch_token) by_id=$(fetch_token) by_client=$(fetch_token)
    is_active "$token"
    tokenctl revoke "$token"
    is_revoked "$token"
    tokenctl revoke --id "$(jti_of "$by_id")" --expires 2100-01-01
    is_revoked "$by_id"
    is_active "$by_client"
    tokenctl revoke --client demo
    own "$DIR/etc/accounts"
    before=$(date +%s%N)
    wait_until 'not_before=' is_revoked "$by_client"
    # Of a busy machine less can be expected.
    (($(date +%s%N) - before < PATIENCE * 1000000000 / 20))
    # The list has the first two, by jti.
    [[ $(tokenctl revoked --json | jq -c 'map(.jti) | sort') == \
        "$(jq -cn --arg a "$(jti_of "$token")" --arg b "$(jti_of "$by_id")" '[$a, $b] | sort')" ]]
    tokenctl revoked | grep -F "2100-01-01T00:00:00Z  $(jti_of "$by_id")"
    wait_until 'a token of a later second' issues_valid
}

issues_valid() {
    is_active "$(fetch_token)"
}

@test "a lost folder: revoked tokens stay refused, nothing more can be revoked, -t says so, until the folder is back" {
    local token other
    token=$(fetch_token) other=$(fetch_token)
    [[ $(revoke "$DEMO&token=$token") == "$DONE" ]]
    mv "$STATE" "$STATE.gone" # at once, whatever is made in it meanwhile
    rm -r "$STATE.gone"
    [[ $(revoke "$DEMO&token=$other") == $'Status: 500 '*'"error":"server_error"'* ]]
    is_revoked "$token"
    is_active "$other"
    run "$DIR/token.fcgi" -t
    [[ $status -eq 1 && $output == *"$STATE"* ]]
    wait_until 'the log' logged 'revoked.mdb is not there any more'
    wait_until 'the log' logged 'outcome=failed reason=state client_id="demo"'
    mkdir -m 0700 "$STATE"
    own "$STATE"
    wait_until 'the new file' logged 'revoked.mdb is there again'
    [[ $(revoke "$DEMO&token=$other") == "$DONE" ]]
    restart
    is_revoked "$token"
    is_revoked "$other"
}

@test "a damaged file is an error with its remedy, at the start and with -t" {
    stop token.fcgi
    printf 'rubbish%.0s' {1..2000} >"$STATE/revoked.mdb"
    own "$STATE"
    refuses "$STATE/revoked.mdb: the state cannot be opened: " -l "$SOCKET"
    refuses "$STATE/revoked.mdb: the state cannot be opened: " -t
    run tokenctl revoked
    [[ $status -eq 1 && $output == *'revoked.mdb: the state cannot be opened'* ]]
    rm "$STATE/revoked.mdb"
    start_listening "$SOCKET"
}

@test "a full disk: 500, and the token stays valid" {
    [[ $EUID -eq 0 ]] || skip 'it needs root to mount a small file system'
    stop token.fcgi
    mkdir -p "$DIR/small"
    mount -t tmpfs -o size=512k,mode=0700 small "$DIR/small" 2>/dev/null || skip 'nothing can be mounted here'
    own "$DIR/small"
    configure state "$DIR/small"
    start_listening "$SOCKET"
    local token other status=0
    token=$(fetch_token) other=$(fetch_token)
    {
        [[ $(revoke "$DEMO&token=$token") == "$DONE" ]] &&
            { cat /dev/zero >"$DIR/small/filler" 2>/dev/null || true; } &&
            refuses_until_full "$other" && is_revoked "$token" && rm "$DIR/small/filler" &&
            [[ $(revoke "$DEMO&token=$other") == "$DONE" ]] && is_revoked "$other"
    } || status=1
    stop token.fcgi
    umount "$DIR/small"
    [[ $status -eq 0 ]]
}

# Pages that are free in the file take some more; then there is no room for the next, and it stays valid.
refuses_until_full() {
    local i
    for i in {1..200}; do
        tokenctl revoke --id "$(printf '%0200d' "$i")" 2>/dev/null || break
    done
    [[ $i -lt 200 && $(revoke "$DEMO&token=$1") == $'Status: 500 '* ]] && is_active "$1"
}

@test "plain CGI revokes, and refuses what was revoked" {
    local token
    token=$(fetch_token)
    # The line of this client is as long as that of the token's.
    add_account mode mode-secret
    [[ $(as_cgi /revoke "client_id=mode&client_secret=mode-secret&token=$token") == *'"error":"invalid_grant"'* ]]
    [[ $(as_cgi /revoke "$DEMO&token=$token") == "$DONE" ]]
    [[ $(as_cgi /introspect "$API&token=$token") == *'{"active":false}' ]]
    is_revoked "$token"
}

as_cgi() {
    env -i TOKEN_CONF="$CONF" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST SCRIPT_NAME="/apiops/auth$1" \
        CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#2} REMOTE_ADDR=127.0.0.1 \
        "$DIR/token.fcgi" <<<"$2"
}

@test "tokenctl revoke: wrong usage is 2, done before is 0, not possible is 1" {
    local token
    token=$(fetch_token)
    run tokenctl revoke
    [[ $status -eq 2 && $output == *'one of TOKEN, --id JTI and --client ID'* ]]
    run tokenctl revoke x --id y
    [[ $status -eq 2 ]]
    run tokenctl revoke x --expires 2100-01-01
    [[ $status -eq 2 && $output == *'belongs to --id'* ]]
    run tokenctl revoke --id x --before 2100-01-01
    [[ $status -eq 2 && $output == *'belongs to --client'* ]]
    run tokenctl revoke --id x --expires tomorrow
    [[ $status -eq 2 && $output == *'must be a date'* ]]
    run tokenctl revoke --id ''
    [[ $status -eq 2 && $output == *'empty'* ]]
    run tokenctl revoke garbage
    [[ $status -eq 1 && $output == *'not revoked: it is not a JWT'* ]]
    run tokenctl revoke --client nobody
    [[ $status -eq 1 && $output == *'there is no account nobody'* ]]
    tokenctl revoke "$token"
    run tokenctl revoke "$token"
    [[ $status -eq 0 && $output == *'revoked before'* ]]
    tokenctl revoke --client demo --before 2100-01-01
    run tokenctl revoke --client demo
    [[ $status -eq 0 && $output == *'revoked before'* ]]
    grep '^demo:.* not_before=2100-01-01T00:00:00Z$' "$DIR/etc/accounts"
    tokenctl revoke --id $'a\x1b[2J'
    ! tokenctl revoked | grep -F $'\x1b' || fail 'a terminal acts on it'
    [[ $(tokenctl revoked --json | jq -r 'map(select(.expires == null).jti)[0]') == $'a\x1b[2J' ]]
}

@test "tokenctl revoke -n says what would be done and changes nothing; --json prints the result" {
    local token id
    token=$(fetch_token)
    id=$(jti_of "$token")
    cp -p "$DIR/etc/accounts" "$DIR/before"
    [[ $(tokenctl revoke -n "$token") == 'would be revoked' ]]
    [[ $(tokenctl revoke -n --id "$id") == 'would be revoked' ]]
    [[ $(tokenctl revoke -n --json --client demo) == '{"result":"changed"}' ]]
    cmp "$DIR/before" "$DIR/etc/accounts"
    [[ $(tokenctl revoked --json) == '[]' ]]
    is_active "$token"
    [[ $(tokenctl revoke --json --id "$id") == '{"result":"changed"}' ]]
    run tokenctl revoke --id "$id" --expires 2100-01-01
    [[ $status -eq 0 && $output == 'tokenctl: it was revoked before' ]]
    tokenctl revoked | grep -F "2100-01-01T00:00:00Z  $id" && fail 'what is listed for good got an end'
    run tokenctl revoke -n "$token"
    [[ $status -eq 0 && $output == 'tokenctl: it was revoked before' ]]
    [[ $(tokenctl revoke --json "$token" 2>/dev/null) == '{"result":"unchanged"}' ]]
    run tokenctl revoke -n garbage
    [[ $status -eq 1 && $output == *'not revoked: it is not a JWT'* ]]
    run tokenctl revoke -n --client nobody
    [[ $status -eq 1 && $output == *'there is no account nobody'* ]]
}
