# The operator's files: a limit on their size, one that is half written, modes and owners, the lock of tokenctl.
#
# Hashes have dollars in them, and each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load requests
load tokenctl

setup() {
    make_folder
    ACCOUNTS=$DIR/etc/accounts
    KEYS=$DIR/etc/keys.jwks
    SOCKET=$DIR/run/token.sock
    add_account demo demo-secret
    export TOKEN_CONF=$CONF
}

teardown() {
    show_logs
    remove_folder
}

fastcgi() {
    env -i "PATH=$PATH" REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth PATH_INFO=/token QUERY_STRING= \
        CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#1} REMOTE_ADDR=127.0.0.1 \
        timeout "$PATIENCE" cgi-fcgi -bind -connect "$SOCKET" <<<"$1"
}

# issues ID SECRET: by the process that listens.
issues() {
    [[ $(fastcgi "$GRANT&client_id=$1&client_secret=$2") == *access_token* ]]
}

start_listening() {
    start token.fcgi "$DIR/token.fcgi" -l "$SOCKET"
    wait_until "answers on $SOCKET" issues demo demo-secret
}

# --- A limit on the size of a file -----------------------------------------------------------------------------

# limited KIB COMMAND…: no file may grow beyond so many KiB.
limited() (
    ulimit -f "$1"
    shift
    "$@"
)

# fill FILE KIB: comments of that size.
fill() {
    yes "# $(printf '%061d' 0)" | head -c $(($2 * 1024)) >>"$1"
}

@test "tokenctl at the limit of a file's size: an ordinary error, and nothing is left behind" {
    local before
    fill "$ACCOUNTS" 4
    before=$(<"$ACCOUNTS")
    limited 2 says 1 "$ACCOUNTS: the file cannot be replaced, and is as it was: File too large" lock demo
    [[ $(<"$ACCOUNTS") == "$before" ]]
    [[ -z $(find "$DIR/etc" -name '.*.new') ]]
    exits 0 lock demo
}

@test "a log at the limit of its size stops neither FastCGI nor CGI" {
    # The state, too, is of a size: the log alone is to be too large.
    fill "$DIR/log/token.log" 4096
    own "$DIR/log"
    limited 4096 start_listening
    issues demo demo-secret
    [[ $(stat -c %s "$DIR/log/token.log") -eq $((4096 * 1024)) ]]
    stop token.fcgi
    [[ $(limited 4096 status_of demo demo-secret) == 200 ]]
}
