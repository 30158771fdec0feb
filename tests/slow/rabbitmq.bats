# RabbitMQ's OAuth 2 plugin takes tokens of this program, with the published keys. Its HTTP API is asked with a token as the
# password: the same check as for a connection by AMQP or MQTT, which only needs another scope.
# shellcheck disable=SC2034 # the functions of other files read what is set here

load ../integration/helper
load ../integration/requests
load ../integration/server
load ../integration/forge
load ../integration/resource_servers

export SERVER=nginx

setup() {
    make_folder
    add_account demo demo-secret --scope 'rabbitmq.tag:management,rabbitmq.read:*/*' --audience rabbitmq
    add_account other other-secret --scope 'rabbitmq.read:*/*' --audience rabbitmq --typ JWT
    add_account elsewhere elsewhere-secret --scope 'rabbitmq.tag:management,rabbitmq.read:*/*' --audience mqtt
    serve
    take_own_issuer
    make_all_tokens
    USER=$([[ $EUID -ne 0 ]] && id -un || echo www-data)
    CLIENT=demo
    use_keys before
}

teardown() {
    show_logs
    stop rabbitmq
    stop epmd
    remove_folder
}

# Its node finds itself by a daemon of Erlang's, which is started here so that it ends here.
start_rabbitmq() {
    local home=$DIR/rabbitmq
    PORT=$(free_port)
    mkdir -p "$home"
    cat >"$home/rabbitmq.conf" <<END
listeners.tcp = none
management.tcp.ip = 127.0.0.1
management.tcp.port = $PORT
auth_backends.1 = rabbit_auth_backend_oauth2
auth_oauth2.resource_server_id = rabbitmq
auth_oauth2.jwks_url = $REAL_ISSUER/jwks
auth_oauth2.https.peer_verification = verify_none
auth_oauth2.algorithms.1 = ES256
auth_oauth2.algorithms.2 = RS256
END
    printf '[rabbitmq_management,rabbitmq_auth_backend_oauth2].\n' >"$home/enabled_plugins"
    own "$home"
    local -x HOME=$home ERL_EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf RABBITMQ_CONF_ENV_FILE=/dev/null \
        RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins RABBITMQ_MNESIA_BASE=$home/data RABBITMQ_LOGS=- \
        RABBITMQ_NODENAME=token@localhost RABBITMQ_DIST_PORT RABBITMQ_PID_FILE=$home/pid RABBITMQ_FEATURE_FLAGS_FILE=$home/flags
    ERL_EPMD_PORT=$(free_port) RABBITMQ_DIST_PORT=$(free_port)
    start epmd epmd
    wait_until 'epmd, or the node starts one of its own' is_listening "$ERL_EPMD_PORT"
    start rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
    wait_until RabbitMQ answers_as 401 "$PORT" nothing
}

# by_rabbitmq TOKEN: prints the status of the answer.
by_rabbitmq() {
    curl -sS --max-time "$PATIENCE" -o "$DIR/answer" -w '%{http_code}' -u "demo:$1" "http://127.0.0.1:$PORT/api/whoami"
}

# checks_signatures ALGORITHM: the last two forged tokens have the account's own audience, and another issuer.
checks_signatures() {
    head -n -2 "$DIR/tokens/demo/$1.forged" >"$DIR/tokens/demo/$1.refused"
    verdict 200 "$1.good" by_rabbitmq
    verdict 401 "$1.refused" by_rabbitmq
}

answers_as() {
    [[ $(by_rabbitmq "$3" 2>/dev/null) == "$1" ]]
}

@test "RabbitMQ: ES256 and RS256 by the published keys; its own audience and scopes; no HS256, no EdDSA" {
    start_rabbitmq
    checks_signatures ES256
    use_keys after
    checks_signatures RS256
    verdict 200 ES256.good by_rabbitmq
    # It checks no issuer.
    ! grep -q 'RabbitMQ 3[.]10' "$DIR/log/rabbitmq.log" || [[ $(by_rabbitmq "$(tail -n 1 "$DIR/tokens/demo/RS256.forged")") == 200 ]]
    [[ $(by_rabbitmq "$(tokenctl token elsewhere)") == 401 ]]
    verdict 401 HS256.good by_rabbitmq
    verdict 401 EdDSA.good by_rabbitmq
    # Without the scope for the API.
    CLIENT=other
    verdict 401 ES256.good by_rabbitmq
}
