# The program without a web server: starting it, asking it with cgi-fcgi of libfcgi, what it says when it does not start.

# make_standalone [OPTION…]: a folder for the program, with an account `demo`, and the SOCKET that it is to listen on.
# shellcheck disable=SC2034 # the suites use SOCKET
make_standalone() {
    make_folder
    add_account demo demo-secret "$@"
    own "$DIR/etc"
    SOCKET=$DIR/run/token.sock
    export TOKEN_CONF=$CONF
}

# fastcgi ADDRESS BODY [PATH]: prints the answer as CGI has it.
fastcgi() {
    env -i "PATH=$PATH" REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth PATH_INFO="${3:-/token}" QUERY_STRING= \
        CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#2} REMOTE_ADDR=127.0.0.1 \
        timeout "$PATIENCE" cgi-fcgi -bind -connect "$1" <<<"$2"
}

# issues ADDRESS [ID SECRET]: a token, to `demo` or to this client.
issues() {
    [[ $(fastcgi "$1" "$GRANT&client_id=${2:-demo}&client_secret=${3:-demo-secret}") == *access_token* ]]
}

# start_listening ADDRESS: with -l, and waits until it answers.
start_listening() {
    start token.fcgi "$DIR/token.fcgi" -l "$1"
    wait_until "answers on $1" issues "$1"
}

# ends_with STATUS NAME
ends_with() {
    local status=0
    wait "$(pid_of "$2")" || status=$?
    [[ $status -eq $1 ]] || fail "exit status $status instead of $1"
}

# refuses WORDS ARGUMENT…: does not start, and says why.
# shellcheck disable=SC2154 # bats sets output
refuses() {
    local words=$1
    shift
    run timeout "$PATIENCE" "$DIR/token.fcgi" "$@"
    [[ $status -eq 1 ]] || fail "exit status $status instead of 1: $output"
    [[ $output == *"$words"* ]] || fail "'$words' is not in: $output"
}
