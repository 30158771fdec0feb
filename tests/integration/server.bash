# A web server in front of the program, started with its file in conf/ as it stands but for paths and ports.

# substitute FROM TO: in $TEXT, in a line that is not a comment, or it fails.
substitute() {
    grep -v '^ *#' <<<"$TEXT" | grep -qF -- "$1" || fail "nothing to substitute in $SERVER.conf: $1" || return
    TEXT=${TEXT//"$1"/"$2"}
}

# What is substituted, a server a function; the rest of the file is what is tested.
paths_of_apache() {
    substitute /run/apache2 "$DIR/run"
    substitute /var/log/apache2/access.log "$DIR/log/access.log"
    substitute /var/log/apache2/error.log "$DIR/log/error.log"
    substitute 'Listen 443' "Listen 127.0.0.1:$TLS_PORT"
    substitute '*:443' "127.0.0.1:$TLS_PORT"
}

paths_of_lighttpd() {
    substitute /run/lighttpd.pid "$DIR/run/lighttpd.pid"
    substitute /var/cache/lighttpd/uploads "$DIR/run"
    substitute /var/log/lighttpd/access.log "$DIR/log/access.log"
    substitute /var/log/lighttpd/error.log "$DIR/log/error.log"
    substitute /var/log/lighttpd/breakage.log "$DIR/log/breakage.log"
    substitute 'server.port = 8080' "server.port = $PORT"
    substitute '":443"' "\"127.0.0.1:$TLS_PORT\""
}

paths_of_nginx() {
    substitute /run/nginx.pid "$DIR/run/nginx.pid"
    substitute /var/log/nginx/access.log "$DIR/log/access.log"
    substitute /var/log/nginx/error.log "$DIR/log/error.log"
    substitute 'listen 443' "listen 127.0.0.1:$TLS_PORT"
}

program_is_started_by_the_server() {
    substitute /usr/local/libexec "$DIR"
    substitute /usr/local/etc/token/token.conf "$CONF"
}

program_is_behind_a_socket() {
    substitute /run/token/token.sock "$DIR/run/token.sock"
}

program_is_behind_its_own_socket() {
    substitute /run/token/lighttpd/token.sock "$DIR/run/token.sock"
}

declare -gA SUBSTITUTIONS=(
    [apache-mod_fcgid]='paths_of_apache program_is_started_by_the_server'
    [apache-mod_proxy_fcgi]='paths_of_apache program_is_behind_a_socket'
    [apache-mod_cgid]='paths_of_apache program_is_started_by_the_server'
    [lighttpd-fastcgi]='paths_of_lighttpd program_is_started_by_the_server program_is_behind_its_own_socket'
    [lighttpd-cgi]='paths_of_lighttpd program_is_started_by_the_server'
    [nginx]='paths_of_nginx program_is_behind_a_socket'
)

in_foreground() {
    case $SERVER in
        apache-*) start server apache2 -D FOREGROUND -f "$1" ;;
        lighttpd-*) start server lighttpd -D -f "$1" ;;
        nginx) start server nginx -g 'daemon off;' -c "$1" ;;
    esac
}

# Writes $DIR/server.conf. Nothing of the machine's own state may be left in it.
write_server_conf() {
    local substitution
    TEXT=$(<"$REPOSITORY/conf/$SERVER.conf")
    for substitution in ${SUBSTITUTIONS[$SERVER]}; do
        $substitution
    done
    [[ $SERVER == lighttpd* ]] || substitute 127.0.0.1:8080 "127.0.0.1:$PORT"
    substitute /etc/ssl/certs/api.example.com.pem "$DIR/tls/cert.pem"
    substitute /etc/ssl/private/api.example.com.key "$DIR/tls/key.pem"
    printf '%s\n' "$TEXT" >"$DIR/server.conf"
    ! grep -vE '^ *#' "$DIR/server.conf" | grep -E '(^|[" :])/(run|var/(log|lib|cache)|usr/local|etc/ssl)/' ||
        fail "a path of the machine is left in $SERVER.conf"
}

make_certificate() {
    mkdir "$DIR/tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$DIR/tls/key.pem" -out "$DIR/tls/cert.pem" 2>"$DIR/log/openssl.log"
    own "$DIR/tls"
}

# As nginx.conf and apache-mod_proxy_fcgi.conf tell it; -n keeps it in the foreground, so that its pid is known.
start_spawn_fcgi() {
    local user=()
    [[ $EUID -ne 0 ]] || user=(-u www-data -g www-data)
    TOKEN_CONF=$CONF start token.fcgi \
        spawn-fcgi -n -s "$DIR/run/token.sock" -M 0660 -b 1024 "${user[@]}" -- "$DIR/token.fcgi"
    wait_until 'spawn-fcgi' is_bound "$DIR/run/token.sock"
    wait_until 'token.fcgi' is_program "$(pid_of token.fcgi)"
}

# Started, the server answers with the program's own words.
is_serving() {
    is_running "$(pid_of server)" || fail "$SERVER has ended" || exit 1
    [[ $(curl -s --max-time $((PATIENCE / 6)) "$URL") == *invalid_request* ]]
}

start_server() {
    in_foreground "$DIR/server.conf"
    wait_until "the start of $SERVER" is_serving
}

# serve: the folder is there with its accounts; from here to a server, $SERVER, that answers on $URL and $TLS_URL.
serve() {
    own "$DIR/etc"
    PORT=$(free_port)
    TLS_PORT=$(free_port)
    export PORT TLS_PORT URL=http://127.0.0.1:$PORT/apiops/auth/token
    export TLS_URL=https://127.0.0.1:$TLS_PORT/apiops/auth/token
    make_certificate
    write_server_conf
    case $SERVER in
        nginx | apache-mod_proxy_fcgi) start_spawn_fcgi ;;
    esac
    start_server
}

issuer_is() {
    [[ $(curl -s "${URL%/token}/.well-known/openid-configuration" | jq -r .issuer) == "$1" ]]
}

# The issuer becomes the server's own address.
take_own_issuer() {
    export REAL_ISSUER=https://127.0.0.1:$TLS_PORT/apiops/auth
    configure issuer "$REAL_ISSUER"
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the issuer' issuer_is "$REAL_ISSUER"
}

# What the tests of a web server begin with.
setup_server() {
    make_folder
    add_request_accounts
    add_load_account
    add_slow_account
    serve
}

# The web server itself, gracefully: what its children, or its log, show when it is done.
restart_gracefully() {
    local pid child children
    pid=$(pid_of server)
    mapfile -t children < <(ps -o pid= --ppid "$pid" | tr -d ' ')
    case $SERVER in
        apache-* | lighttpd-*) kill -USR1 "$pid" ;;
        nginx) kill -HUP "$pid" ;;
    esac
    case $SERVER in
        lighttpd-*) wait_until 'lighttpd to start again' has_started_twice ;;
        *) for child in "${children[@]}"; do
            wait_until "the end of $SERVER's child $child" is_gone "$child"
        done ;;
    esac
}

has_started_twice() {
    (($(grep -c 'server started' "$DIR/log/error.log") >= 2))
}

# mod_fcgid starts a process when all others are busy, and sends it a request at once: SIGTERM before its main() loses that
# request. So there are enough processes, and all of them serve, before the load begins.
have_enough_processes() {
    hold_requests server
    held_are_answered
    wait_until 'every process to serve' do_all_serve
}

do_all_serve() {
    local pid programs=0
    for pid in $(descendants "$(pid_of server)"); do
        ! is_program "$pid" || ((++programs))
    done
    (($(responders server | wc -l) == programs))
}

check_graceful_restart() {
    row 'graceful restart'
    [[ $SERVER != apache-mod_fcgid ]] || have_enough_processes
    start_load
    restart_gracefully
    load_goes_on
    # mod_cgid ends its daemon in the middle of whatever that does, and answers 503 then; nothing here can mend that.
    stop_load 503 "$(grep -csE 'failed reading PID from cgi daemon|ScriptSock .* does not exist' \
        "$DIR/log/error.log" || true)"
}

# The program behind a socket ends with 0 when its requests are answered. It is started again here, as only the shell
# that started it learns how it ended.
check_terminate_behind_socket() {
    stop token.fcgi
    start_spawn_fcgi
    wait_until 'token.fcgi to answer' is_serving
    check_terminate token.fcgi
    wait "$(pid_of token.fcgi)" || fail "exit status $?"
    start_spawn_fcgi
    wait_until 'token.fcgi to answer again' is_serving
}

# Connections that are open on the program's side of its socket.
connections() {
    awk -v path="$DIR/run/token.sock" '$8 == path && $6 == "03" { print $7 }' /proc/net/unix
}

# check_kept_connections MOST: many requests one after the other, by few connections to the program.
check_kept_connections() {
    local i seen=''
    row 'kept connections'
    for ((i = 0; i < 60; i++)); do
        equal status "$(load_request)" 200
        seen+=$(connections)$'\n'
    done
    seen=$(sort -u <<<"$seen" | grep -c .)
    ((seen >= 1 && seen <= $1)) || fail "$seen connections for 60 requests"
}

# The last test: everything ends, nothing is left, and no secret is in a log.
check_end() {
    request "${DEMO[@]}" "$URL?client_secret=in-the-url"
    stop server
    stop token.fcgi
    wait_until 'the end of all processes' nothing_left_over || { left_over >&2; return 1; }
    grep -q '/apiops/auth/token' "$DIR/log/access.log"
    ! grep -E "in-the-url|demo-secret|ZGVtbzp|$JWT" "$DIR"/log/{access,token}.log || fail 'a secret is in a log'
    grep -q 'outcome=issued' "$DIR/log/token.log"
}
