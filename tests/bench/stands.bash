# Stands: a folder with a program that serves, and maybe a web server in front, as the integration tests make them.
# shellcheck disable=SC2034 # the sections use what is set here

declare -A STAND=() PORTS=()

# Any of the programs answers with one of these words.
is_serving() {
    is_running "$(pid_of server)" || fail "$SERVER has ended" || exit 1
    [[ $(curl -s --max-time 10 "$URL") =~ invalid_request|access_token ]]
}

# make_stand NAME [PROGRAM]: a folder of its own with a copy of the program, token.fcgi unless another is named, and an
# account "demo", whose request is $DEMO. `use` is for later.
make_stand() {
    local FCGI=${2:-$TOKEN_FCGI}
    make_folder >/dev/null
    STAND[$1]=$DIR
    # A flood from one address is what is measured, so nothing is to stop it.
    configure throttle_failures 1000000
    configure throttle_source_failures 1000000
    printf '%s&client_id=demo&client_secret=%s' "$GRANT" "$(tokenctl add demo --generate --scope 'read write')" >"$DIR/demo"
    # The program of an older commit knows no created=: it would refuse the account, which is quicker than a token.
    sed -i 's/ *created=[^ ]*//' "$DIR/etc/accounts"
    use "$1"
}

use() {
    DIR=${STAND[$1]}
    CONF=$DIR/etc/token.conf
    SOCKET=$DIR/run/token.sock
    DEMO=$(<"$DIR/demo")
    PORT=${PORTS[$1]:-}
    URL=http://127.0.0.1:$PORT/apiops/auth/token
}

# add_accounts PREFIX COUNT HASH: PREFIX000000000000 and so on.
add_accounts() {
    awk -v prefix="$1" -v count="$2" -v hash="$3" \
        'BEGIN { for (i = 0; i < count; i++) printf "%s%012d:%s:scope=read,write lifetime=600\n", prefix, i, hash }' \
        >>"$DIR/etc/accounts"
}

# The program of the stand in use, on its socket; it has answered when this returns.
serve_socket() {
    own "$DIR/etc" "$DIR/log"
    start_spawn_fcgi
    wait_until 'the first answer' answers_one
}

answers_one() {
    "$BIN/fcgi_load" -n 1 "$SOCKET" "$PATIENCE" 1 "$DEMO" >/dev/null 2>&1
}

# serve_web NAME SERVER: the stand NAME behind a web server, as conf/ has it.
serve_web() {
    use "$1"
    SERVER=$2
    serve
    PORTS[$1]=$PORT
}

remove_stands() {
    local name
    for name in "${!STAND[@]}"; do
        DIR=${STAND[$name]}
        unset "STAND[$name]" "PORTS[$name]"
        remove_folder || say "$name was not left in order"
    done
}

# launch NAME COMMAND…: beside what comes next; finish NAME waits for its end and has what it said in $OUTPUT.
launch() {
    rm -f "$DIR/log/$1.log"
    start "$@"
}

finish() {
    wait "$(pid_of "$1")" || fail "$1 has failed: $(<"$DIR/log/$1.log")"
    rm "$DIR/pids/$1"
    OUTPUT=$(<"$DIR/log/$1.log")
}
