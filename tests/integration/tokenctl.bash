# What the tests of tokenctl share: a folder with a configuration, and an answer of the program to a secret.

# shellcheck disable=SC2034 # the tests use them
setup() {
    make_folder
    ACCOUNTS=$DIR/etc/accounts
    KEYS=$DIR/etc/keys.jwks
}

teardown() {
    remove_folder
}

# shellcheck disable=SC2034 # the tests use OUT
# exits STATUS COMMAND…: tokenctl ends with it; what it says is in $OUT and $ERR. An error says something.
exits() {
    local expected=$1 got=0
    shift
    tokenctl "$@" >"$DIR/out" 2>"$DIR/err" || got=$?
    OUT=$(<"$DIR/out") ERR=$(<"$DIR/err")
    ((got == expected)) || fail "tokenctl $*: exit status $got, not $expected: $ERR" || return
    ((got == 0)) || [[ -n $ERR ]] || fail "tokenctl $*: exit status $got without a word"
}

# says STATUS TEXT COMMAND…: TEXT is a part of its message.
says() {
    local status=$1 text=$2
    shift 2
    exits "$status" "$@" || return
    [[ $ERR == *"$text"* ]] || fail "tokenctl $*: $ERR"
}

# The status that token.fcgi, as a CGI program, answers to client_id and secret.
status_of() {
    local body="grant_type=client_credentials&client_id=$1&client_secret=$2"
    env -i TOKEN_CONF="$CONF" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth PATH_INFO=/token \
        CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#body} REMOTE_ADDR=192.0.2.7 \
        "$DIR/token.fcgi" <<<"$body" | sed -n 's/^Status: \([0-9]*\).*/\1/p'
}

works() {
    [[ $(status_of "$1" "$2") == 200 ]] || fail "$1 with $2: $(status_of "$1" "$2")"
}

works_not() {
    [[ $(status_of "$1" "$2") == 401 ]] || fail "$1 with $2: $(status_of "$1" "$2")"
}

lines_of() {
    grep -c "^$1:" "$ACCOUNTS"
}
