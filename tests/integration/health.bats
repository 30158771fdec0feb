# …/health behind a real web server, and of plain CGI.

# shellcheck disable=SC2153 # request() sets STATUS

load helper
load requests
load server

setup() {
    make_folder
    add_account demo demo-secret
}

teardown() {
    show_logs
    remove_folder
}

# health [OPTION…] [URL]: sets STATUS and REPLY.
health() {
    request "${@:-$HEALTH}"
    REPLY=$(<"$REPLY_BODY")
}

serve_with() {
    export SERVER=$1
    serve
    HEALTH=${URL%/token}/health
}

# detail FILTER: prints what jq finds in the answer.
detail() {
    jq -r "$1" <<<"$REPLY"
}

refused_reason() {
    health
    [[ $(detail .last_refused.reason) == *"$1"* ]]
}

hides_details() {
    health
    [[ $STATUS == 200 && $REPLY == '{"status":"ok"}' ]]
}

@test "health behind nginx: what arrives, what is loaded, what was refused, and who sees it" {
    serve_with nginx
    health
    [[ $STATUS == 200 && $(detail .status) == ok && $(detail .accounts) == 1 && $(detail .state) == on_disk ]]
    [[ $(detail .source) == 127.0.0.1 && $(detail .https) == false && $(detail .last_refused) == null ]]
    health -k "${TLS_URL%/token}/health"
    [[ $STATUS == 200 && $(detail .https) == true ]]
    printf '{' >"$DIR/etc/keys.jwks.new"
    chmod 0600 "$DIR/etc/keys.jwks.new"
    own "$DIR/etc/keys.jwks.new"
    mv "$DIR/etc/keys.jwks.new" "$DIR/etc/keys.jwks"
    wait_until 'the refusal' refused_reason keys.jwks
    [[ $STATUS == 200 && $(detail .keys) == 1 ]]
    configure status_from '192.0.2.0/24, 2001:db8::1'
    rm "$DIR/etc/keys.jwks"
    tokenctl init
    own "$DIR/etc"
    kill -HUP "$(responders token.fcgi)"
    wait_until 'the new status_from' hides_details
}

@test "health behind lighttpd's CGI: 200, and 503 when the keys cannot be loaded" {
    serve_with lighttpd-cgi
    health
    [[ $STATUS == 200 && $(detail .status) == ok && $(detail .source) == 127.0.0.1 ]]
    rm "$DIR/etc/keys.jwks"
    health
    [[ $STATUS == 503 && $REPLY == '{"status":"not_loaded"}' ]]
}

@test "health: 503 while no account is usable" {
    serve_with lighttpd-fastcgi
    printf 'demo:plain\n' >"$DIR/etc/accounts"
    is_unhealthy() {
        health
        [[ $STATUS == 503 && $(detail .status) == no_usable_account && $(detail .unusable_accounts) == 1 ]]
    }
    wait_until '503' is_unhealthy
}
