# Several machines on this one: each has a folder with a configuration and a state, and a token-sync; they share keys and
# accounts, and a Redis on a Unix socket.

# make_machines NAME…: after make_folder. The first test that needs it starts the engine.
make_machines() {
    local name
    install_program "$TOKENSYNC" token-sync
    compile_sync_state
    # A socket has a short path.
    REDIS=$DIR/run/redis.sock
    export REDIS
    for name in "$@"; do
        make_machine "$name"
    done
}

# Against the objects that the programs are made of, with the sanitizer that those have.
compile_sync_state() {
    local archive=${TOKENCTL%/*}/libtoken.a sanitizer=()
    ! nm "$archive" 2>/dev/null | grep -q __asan_init || sanitizer=(-fsanitize=address -fsanitize=undefined)
    ! nm "$archive" 2>/dev/null | grep -q __tsan_init || sanitizer=(-fsanitize=thread)
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -O1 "${sanitizer[@]}" -I"$REPOSITORY/src" \
        -o "$DIR/sync_state" "$REPOSITORY/tests/integration/sync_state.c" "$archive" \
        -llmdb -ljson-c -lnettle -linih -lcrypt -lpthread
}

# make_machine NAME: DIR/NAME/token.conf, with a state of its own.
make_machine() {
    local folder=$DIR/$1
    mkdir -p "$folder"
    cp -p "$DIR/etc/keys.jwks" "$DIR/etc/accounts" "$folder/"
    mkdir -m 0700 "$folder/state"
    grep -v '^\(sync[a-z_]*\|log\|throttle_[a-z_]*\) *=' "$CONF" >"$folder/token.conf"
    cat >>"$folder/token.conf" <<END
sync = unix:$REDIS
sync_name = $1
log = $DIR/log/$1.log
throttle_window = 300
END
    own "$folder"
}

# set_key MACHINE KEY VALUE
set_key() {
    CONF=$DIR/$1/token.conf configure "$2" "$3"
}

# ctl MACHINE COMMAND…: tokenctl there.
ctl() {
    local machine=$1
    shift
    "$DIR/tokenctl" -c "$DIR/$machine/token.conf" "$@"
}

# --- The engine ------------------------------------------------------------------------------------------------

redis() {
    redis-cli -s "$REDIS" "$@"
}

redis_answers() {
    [[ $(redis ping 2>&1) == @(PONG|NOAUTH*) ]]
}

# start_redis [OPTION…]: empty, and without a disk.
start_redis() {
    rm -f "$REDIS"
    start redis redis-server --port 0 --unixsocket "$REDIS" --unixsocketperm 777 --save '' --appendonly no \
        --dir "$DIR/run" "$@"
    wait_until 'Redis answers' redis_answers
}

# start_redis_with_user RULES: one user with a password, and no other.
start_redis_with_user() {
    printf 'user default off\nuser token on >a-password ~token-sync:* %s\n' "$1" >"$DIR/run/users"
    printf 'a-password\n' >"$DIR/run/password"
    chmod 0600 "$DIR/run/password"
    own "$DIR/run/password"
    start_redis --aclfile "$DIR/run/users"
}

# make_authority NAME: which signs certificates.
make_authority() {
    mkdir -p "$DIR/tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$DIR/tls/$1.key" -out "$DIR/tls/$1.pem" 2>>"$DIR/log/openssl.log"
}

# make_engine_certificate NAME AUTHORITY DAYS SUBJECT-ALT-NAME: 0 days are over at once.
make_engine_certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=engine -addext "subjectAltName=$4" \
        -keyout "$DIR/tls/$1.key" -out "$DIR/tls/$1.csr" 2>>"$DIR/log/openssl.log"
    openssl x509 -req -in "$DIR/tls/$1.csr" -copy_extensions copy -days "$3" -out "$DIR/tls/$1.pem" \
        -CA "$DIR/tls/$2.pem" -CAkey "$DIR/tls/$2.key" -CAcreateserial 2>>"$DIR/log/openssl.log"
    own "$DIR/tls"
}

# start_redis_with_tls PORT CERTIFICATE [OPTION…]
start_redis_with_tls() {
    local port=$1 certificate=$DIR/tls/$2
    shift 2
    start_redis --bind 127.0.0.1 --tls-port "$port" --tls-cert-file "$certificate.pem" --tls-key-file "$certificate.key" \
        --tls-auth-clients no "$@"
}

# start_sentinel PORT MASTER-PORT [LINE…]: which knows one engine as mymaster.
start_sentinel() {
    local port=$1 master=$2
    shift 2
    printf '%s\n' "port $port" 'bind 127.0.0.1' "dir $DIR/run" "$@" "sentinel monitor mymaster 127.0.0.1 $master 1" \
        >"$DIR/run/sentinel.conf"
    start sentinel redis-server "$DIR/run/sentinel.conf" --sentinel
    ((port == 0)) || wait_until 'the Sentinel answers' sentinel_answers "$port"
}

sentinel_answers() {
    [[ $(redis-cli -p "$1" ping 2>&1) == PONG ]]
}

stream() {
    printf 'token-sync:https://api.example.com/apiops/auth:%s\n' "$1"
}

# --- token-sync ------------------------------------------------------------------------------------------------

# start_sync MACHINE…: an earlier process may have been connected, too.
start_sync() {
    local machine
    local -A before
    for machine in "$@"; do
        before[$machine]=$(connected "$machine")
        start "sync-$machine" "$DIR/token-sync" -c "$DIR/$machine/token.conf"
    done
    for machine in "$@"; do
        wait_until "$machine is connected" is_connected "$machine" "${before[$machine]}"
    done
}

# connected MACHINE: how often, as its log says; nothing if there is none.
connected() {
    grep -cs "sync: connected to .* as $1\$" "$DIR/log/$1.log" || true
}

# is_connected MACHINE [TIMES]: more often than that.
is_connected() {
    local times
    times=$(connected "$1")
    ((${times:-0} > ${2:-0}))
}

logs() {
    grep -q -- "$2" "$DIR/log/$1.log"
}

# forget_logs: what comes is what is looked for.
forget_logs() {
    local log
    for log in "$DIR"/log/*.log; do
        : >"$log"
    done
}

stop_sync() {
    local machine
    for machine in "$@"; do
        stop "sync-$machine"
    done
}

# kill_sync MACHINE: at once.
kill_sync() {
    stop "sync-$1" KILL
}

# lists MACHINE JTI: among the revoked tokens.
lists() {
    ctl "$1" revoked | grep -qw -- "$2"
}

# get MACHINE PATH: as status_from sees it.
get() {
    env -i "PATH=$PATH" REQUEST_METHOD=GET SCRIPT_NAME=/apiops/auth PATH_INFO="$2" REMOTE_ADDR=127.0.0.1 \
        timeout "$PATIENCE" cgi-fcgi -bind -connect "$DIR/run/$1.sock" </dev/null | sed '1,/^\r$/d'
}

# --- What is counted and revoked -------------------------------------------------------------------------------

sync_state() {
    "$DIR/sync_state" "$@"
}

# has_revoked MACHINE NAME COUNT: all of them.
has_revoked() {
    [[ $(sync_state revoked "$DIR/$1/state" "$2" "$3") -eq $3 ]]
}

# has_counted MACHINE SOURCE FAILURES: exactly.
has_counted() {
    [[ $(sync_state count "$DIR/$1/state" "$2") -eq $(($3 * 10)) ]]
}

# all_have COMMAND MACHINE… -- ARGUMENT…
all_have() {
    local command=$1 machine machines=()
    shift
    while [[ $1 != -- ]]; do
        machines+=("$1")
        shift
    done
    shift
    for machine in "${machines[@]}"; do
        wait_until "$command $machine $*" "$command" "$machine" "$@" || return
    done
}
