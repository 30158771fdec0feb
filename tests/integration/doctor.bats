# tokenctl doctor: slips of configuration, planted on the real web servers, and what it says of each.
#
# SLIPS=FILE keeps what it says. Each test, a subshell, gets variables of its own from setup().
# SC2016: remedies for nginx have a $. SC2153: serve_slip() sets PORT.
# shellcheck disable=SC2016,SC2030,SC2031,SC2153

load doctor
load sync

# --- Nothing is wrong ------------------------------------------------------------------------------------------

# What the doctor must leave as it is. Its requests are counted, as all are.
snapshot() {
    find "$DIR/etc" ! -name metrics.bin -printf '%p %m %U:%G %s %T@\n' | sort
}

all_is_good() {
    local before
    serve_slip "$1"
    wait_until "$1 to answer" curl -sf -o "$DIR/answer" "$ORIGIN/apiops/auth/health"
    before=$(snapshot)
    examine 0 --url "$ORIGIN"
    grep -E '^good +mount +http.*token.fcgi answers behind' <<<"$OUT"
    grep -E '^good +request +method, Content-Type, Authorization and body arrive' <<<"$OUT"
    grep -E '^good +source .*127.0.0.1' <<<"$OUT"
    grep -E '^good +body ' <<<"$OUT"
    [[ $(grep -cE '^good +published ' <<<"$OUT") -eq 3 ]] || fail "$OUT"
    grep -E '^good +clock ' <<<"$OUT"
    examine 0 --url "$TLS_ORIGIN/apiops/auth/token"
    grep -E '^good +tls .* good until 2049-12-31' <<<"$OUT"
    [[ $(snapshot) == "$before" ]] || fail "$(diff <(snapshot) - <<<"$before")"
    # No secret was verified, and no failure counted.
    ! grep -E 'reason=(unknown_client|wrong_secret)' "$DIR/log/token.log" || fail 'a failure was counted'
    ! grep -E 'method=[^-]' "$DIR/log/token.log" || fail 'a hash was computed'
}

@test "all is good behind nginx" { all_is_good nginx; }
@test "all is good behind lighttpd" { all_is_good lighttpd-fastcgi; }
@test "all is good behind lighttpd's CGI" { all_is_good lighttpd-cgi; }
@test "all is good behind Apache and mod_proxy_fcgi" { all_is_good apache-mod_proxy_fcgi; }
@test "all is good behind Apache and mod_fcgid" { all_is_good apache-mod_fcgid; }

@test "with an ID and its secret a token is fetched, and a wrong secret is not sent" {
    serve_slip nginx
    tokenctl doctor demo --url "$ORIGIN" <<<"$SECRET" >"$DIR/out" || fail "$(<"$DIR/out")"
    OUT=$(<"$DIR/out")
    grep -E '^good +token +a token was issued to demo, signed with ' <<<"$OUT"
    ! grep -rE "$SECRET|$JWT" "$DIR/out" "$DIR/log" || fail 'a secret is shown'
    ! tokenctl doctor demo --url "$ORIGIN" <<<'no-such-secret' >"$DIR/out" || fail 'it is good'
    OUT=$(<"$DIR/out") names error token 'no token was fetched for demo: the secret is wrong'
    tokenctl lock demo
    ! tokenctl doctor demo --url "$ORIGIN" <<<"$SECRET" >"$DIR/out" || fail 'it is good'
    grep -E '^error +token +.*demo: it is locked; run: tokenctl unlock' "$DIR/out"
    ! grep 'client_id="demo"' "$DIR/log/token.log" | grep -v outcome=issued || fail 'it was sent'
}

@test "--json: the same for programs" {
    chmod 0646 "$DIR/etc/accounts"
    examine 1 --json --url http://127.0.0.1:1
    [[ $(jq -c '[.good, (.findings[] | select(.severity == "error") | .step)]' <<<"$OUT") == \
        '[false,"files","connection"]' ]] || fail "$OUT"
    jq -e '.findings[] | select(.step == "files" and .severity == "error") | .message | test("lets everybody write it; run: chmod o-w ")' <<<"$OUT"
}

@test "wrong usage" {
    examine 2 --url ftp://127.0.0.1
    examine 2 --url 'http://a b/'
    examine 2 --user no-such-user
    examine 2 one two
}

# --- Files -----------------------------------------------------------------------------------------------------

# The doctor without a web server: nobody listens there, which it says, too. names_file as names().
names_file() {
    examine 1 --url http://127.0.0.1:1
    OUT=$(grep -vE '^error +connection +http://127.0.0.1:1: nobody listens there: ' <<<"$OUT")
    names "$@"
}

@test "slip: a key of token.conf that there is not" {
    printf 'isuer = https://api.example.com\n' >>"$CONF"
    names_file error configuration "$CONF:" "unknown key 'isuer': is 'issuer' meant?"
}

@test "slip: an accounts file that everybody may write" {
    chmod 0666 "$DIR/etc/accounts"
    examine 1 --url http://127.0.0.1:1
    grep -E "^error +files +$DIR/etc/accounts: mode 0666 lets everybody write it; run: chmod o-w '" <<<"$OUT"
    chmod 0646 "$DIR/etc/accounts"
    names_file error files "$DIR/etc/accounts: mode 0646 lets everybody write it; run: chmod o-w '$DIR/etc/accounts'"
}

@test "slip: an accounts file that the user of the service may not read" {
    chown root:root "$DIR/etc/accounts"
    chmod 0600 "$DIR/etc/accounts"
    names_file error files "$DIR/etc/accounts: user www-data may not read it; run: chgrp $(id -g www-data) '$DIR/etc/accounts' && chmod g+r"
}

@test "slip: a folder that the user of the service may not enter" {
    chown root:root "$DIR/etc"
    chmod 0700 "$DIR/etc"
    examine 1 --url http://127.0.0.1:1
    grep -E "^error +files +$CONF: user www-data may not enter its folder; run: chgrp $(id -g www-data) '$DIR/etc' && chmod g\+x" <<<"$OUT"
}

@test "slip: keys that everybody may read" {
    chmod 0644 "$DIR/etc/keys.jwks"
    names_file error files "$DIR/etc/keys.jwks: mode 0644 lets everybody read it; run: chmod o-rwx"
}

@test "slip: keys of another user" {
    chown nobody "$DIR/etc/keys.jwks"
    chmod 0644 "$DIR/etc/keys.jwks"
    chmod 0640 "$DIR/etc/keys.jwks"
    names_file error files "$DIR/etc/keys.jwks: it belongs to user $(id -u nobody), neither to root nor to the user of the program; run: chown"
}

@test "slip: a state folder of root" {
    chown root:root "$DIR/etc/state"
    names_file error files "$DIR/etc/state: user www-data may not write it; run: chown -R www-data"
}

@test "slip: a state folder on a full disk" {
    mkdir "$DIR/small"
    mount -t tmpfs -o size=64k,mode=0700,uid=33 tmpfs "$DIR/small" 2>/dev/null || skip 'mount is not allowed here'
    chown www-data:www-data "$DIR/small"
    configure state "$DIR/small"
    cat /dev/zero >"$DIR/small/filled" 2>/dev/null || true
    names_file error state "$DIR/small: the disk is full: 0 KiB" 'make space there'
}

@test "slip: a damaged file in the state folder" {
    serve_slip nginx
    tokenctl doctor --url "$ORIGIN" >/dev/null
    stop server
    stop token.fcgi
    printf 'not LMDB, and long enough to be read as its first page.%4096s' '' >"$DIR/etc/state/revoked.mdb"
    names_file error state "$DIR/etc/state/revoked.mdb: the state cannot be opened: " 'remove it to start with a new one'
}

# start_stranger: any user of the machine can start a program of that name with that configuration.
start_stranger() {
    mkdir "$DIR/stranger"
    cp "$(command -v sleep)" "$DIR/stranger/token.fcgi"
    chmod -R a+rX "$DIR/stranger"
    TOKEN_CONF=$CONF start stranger setpriv --reuid nobody --regid nogroup --clear-groups "$DIR/stranger/token.fcgi" infinity
    wait_until 'the program' grep -qx token.fcgi "/proc/$(pid_of stranger)/comm"
}

@test "slip: a process of another user has the configuration, and no file is to be given to him" {
    local owner
    for owner in www-data root; do
        unconfigure user
        chown -R "$owner" "$DIR/etc"
        start_stranger
        examine 1 --url http://127.0.0.1:1
        grep -E "^warning +socket +process $(pid_of stranger) runs as nobody" <<<"$OUT" || fail "$OUT"
        ! grep -E 'chgrp|chown|may not' <<<"$OUT" || fail "$OUT"
        configure user www-data
        stop stranger
        rm -r "$DIR/stranger"
    done
}

@test "slip: a log that cannot be written" {
    : >"$DIR/log/token.log"
    chown root:root "$DIR/log/token.log"
    chmod 0644 "$DIR/log/token.log"
    names_file error files "$DIR/log/token.log: user www-data may not write it; run: chown"
    configure log "$DIR/no-such-folder/token.log"
    names_file error log "$DIR/no-such-folder/token.log: the log cannot be opened: No such file or directory; make its folder"
}

@test "slip: a log that nobody reads" {
    configure log stderr
    start_spawn_fcgi() {
        TOKEN_CONF=$CONF start token.fcgi spawn-fcgi -n -s "$DIR/run/token.sock" -M 0660 -u www-data -g www-data -- \
            /bin/sh -c "exec $DIR/token.fcgi 2>/dev/null"
        wait_until 'spawn-fcgi' is_bound "$DIR/run/token.sock"
        wait_until 'token.fcgi' is_program "$(pid_of token.fcgi)"
    }
    serve_slip nginx
    wait_until 'token.fcgi' curl -sf -o "$DIR/answer" "$ORIGIN/apiops/auth/health"
    examine 1 --url "$ORIGIN"
    names warning log 'log = stderr, but that of process ' ' is /dev/null' 'run: tokenctl config set log syslog'
}

@test "slip: several machines, and nobody to exchange with" {
    configure sync_name one
    names_file warning sync "$CONF: sync_name has no effect without 'sync'; run: tokenctl config set sync HOST:PORT"
    configure sync 'unix:/no/such/engine 127.0.0.1:1'
    examine 1 --url http://127.0.0.1:1
    grep -E "^error +sync +/no/such/engine: No such file or directory, so that this machine .* alone; start Redis or" <<<"$OUT" || fail "$OUT"
    grep -E "^error +sync +127.0.0.1 port 1: Connection refused, so that this machine .* alone; start Redis or" <<<"$OUT" || fail "$OUT"
    grep -E "^warning +sync .* but no token-sync has the configuration $CONF, so that this machine" <<<"$OUT" || fail "$OUT"
    # Of several addresses one is enough.
    REDIS=$DIR/run/redis.sock
    start_redis
    configure sync "127.0.0.1:1 unix:$REDIS"
    names_file warning sync "but no token-sync has the configuration $CONF, so that this machine counts and revokes alone; start it"
    grep -E "^good +sync +$REDIS: the user default can log in" "$DIR/out"
    grep -E "^note +sync +127.0.0.1 port 1: Connection refused, so that the next address of 'sync' is used; start Redis" "$DIR/out"
    pretend_token_sync
    examine 1 --url http://127.0.0.1:1
    ! wrong_lines | grep -E ' sync ' || fail "$OUT"
    stop redis
    start_redis --requirepass secret-of-the-engine
    configure sync "unix:$REDIS"
    printf 'secret-of-the-engine\n' >"$DIR/etc/password"
    chmod 0600 "$DIR/etc/password"
    configure sync_password_file password
    names_file error sync "$DIR/etc/password: cannot be read: Permission denied; give this user's group the right to read it"
    ! grep secret-of-the-engine "$DIR/out" || fail 'a secret is shown'
    chown www-data "$DIR/etc/password"
    chmod 0604 "$DIR/etc/password"
    names_file error sync "$DIR/etc/password: mode 0604 lets everybody read it"
    : >"$DIR/etc/password"
    chmod 0600 "$DIR/etc/password"
    names_file error sync "$DIR/etc/password: there is no password in its first line; write it there"
    printf 'secret-of-the-engine\nanother\n' >"$DIR/etc/password"
    names_file warning sync "$DIR/etc/password: it has more than one line"
    grep -E "^good +sync +$REDIS: the user default can log in" "$DIR/out"
}

# A program of that name with this configuration.
pretend_token_sync() {
    cp "$(command -v sleep)" "$DIR/token-sync"
    TOKEN_CONF=$CONF start token-sync "$DIR/token-sync" 1000
    wait_until 'the program' grep -qx token-sync "/proc/$(pid_of token-sync)/comm"
}

# The rights that token-sync(8) says.
RIGHTS='+auth +role +time +xadd +xread +xrange +xinfo|stream +xtrim +xdel +get +set'

# use_engine: the engine with a user, and token-sync as that.
use_engine() {
    REDIS=$DIR/run/redis.sock
    start_redis_with_user "$RIGHTS"
    configure sync "unix:$REDIS"
    configure sync_user token
    configure sync_password_file "$DIR/run/password"
    chgrp www-data "$DIR/run/password"
    pretend_token_sync
}

@test "slip: several machines, and a password or a user that the engine refuses" {
    use_engine
    examine 1 --url http://127.0.0.1:1
    grep -E "^good +sync +$REDIS: the user token can log in, and has all rights that token-sync needs" <<<"$OUT" || fail "$OUT"
    printf 'not-the-password\n' >"$DIR/run/password"
    names_file error sync "$REDIS: the user token is refused: WRONGPASS" 'counts and revokes alone; write the password of this user into the file of sync_password_file'
    ! grep -E 'a-password|not-the-password' "$DIR/out" || fail 'a secret is shown'
    printf 'a-password\n' >"$DIR/run/password"
    configure sync_user nobody-there
    names_file error sync 'the user nobody-there is refused: WRONGPASS' 'or correct sync_user'
    unconfigure sync_user
    unconfigure sync_password_file
    names_file error sync "$REDIS: NOAUTH" 'set sync_user and sync_password_file to a user of the engine'
    stop redis
    start_redis
    configure sync_password_file "$DIR/run/password"
    names_file error sync "$REDIS: the user default is refused: ERR AUTH" 'it asks for no password: remove sync_password_file'
}

@test "slip: several machines, and a user of the engine without a right" {
    local right
    use_engine
    for right in role time xadd xread xrange 'xinfo|stream' xtrim xdel get set; do
        stop redis
        start_redis_with_user "${RIGHTS/ +$right/}"
        names_file error sync "$REDIS: the user token lacks rights, so that" "ACL SETUSER token +$right; and write that into its aclfile"
    done
    stop redis
    start_redis_with_user '+auth +time +get +set'
    names_file error sync "ACL SETUSER token +role +xinfo|stream +xrange +xread +xadd +xtrim +xdel; and"
    stop redis
    printf 'user default off\nuser token on >a-password ~other:* %s\n' "$RIGHTS" >"$DIR/run/users"
    start_redis --aclfile "$DIR/run/users"
    names_file error sync "ACL SETUSER token ~token-sync:*; and"
}

@test "slip: several machines, and an engine that cannot be used" {
    local before
    REDIS=$DIR/run/redis.sock
    start_redis
    pretend_token_sync
    configure sync "unix:$REDIS"
    before=$(redis debug digest)
    examine 1 --url http://127.0.0.1:1
    grep -E "^good +sync +$REDIS: the user default can log in" <<<"$OUT" || fail "$OUT"
    # It has changed nothing there.
    [[ $(redis debug digest) == "$before" && $(redis dbsize) -eq 0 ]] || fail "$(redis keys '*')"
    redis set "$(stream failures)" text
    names_file error sync "$REDIS: the key $(stream failures) has another type than token-sync's" "run in redis-cli: DEL $(stream failures)"
    redis del "$(stream failures)"
    redis lpush "$(stream epoch)" text
    names_file error sync "the key $(stream epoch) has another type"
    redis del "$(stream epoch)"
    redis config set maxmemory 1
    names_file error sync "$REDIS: OOM" 'raise its maxmemory'
    redis config set maxmemory 0
    redis replicaof 127.0.0.1 1
    names_file error sync "$REDIS: it is a replica" "name the master in 'sync', or Sentinels that know it"
    # A socket that it may not use, a name that there is not, what is no Redis, and what does not answer.
    chmod 0700 "$REDIS"
    names_file error sync "$REDIS: Permission denied" 'let the user of token-sync use the socket: unixsocketperm 770'
    configure sync 'no-such-name.invalid:6379'
    names_file error sync 'no-such-name.invalid: ' "correct the name in 'sync'"
    start_stalled
    configure sync "127.0.0.1:$STALLED_PORT"
    names_file error sync "127.0.0.1 port $STALLED_PORT: no answer in time" 'it hangs, or is no Redis'
    serve_slip nginx
    configure sync "127.0.0.1:$PORT"
    names_file error sync "127.0.0.1 port $PORT: Protocol error" "it is no Redis: correct the address in 'sync'"
}

@test "slip: several machines, and an engine that wants TLS" {
    local port
    port=$(free_port)
    REDIS=$DIR/run/redis.sock
    make_authority trusted
    make_engine_certificate good trusted 2 IP:127.0.0.1
    start_redis_with_tls "$port" good
    pretend_token_sync
    configure sync "127.0.0.1:$port"
    names_file error sync "127.0.0.1 port $port: " 'if it wants TLS, set sync_tls = yes'
}

@test "slip: several machines, and Sentinels" {
    local master sentinel
    master=$(free_port) sentinel=$(free_port)
    use_engine
    stop redis
    start_redis --bind 127.0.0.1 --port "$master" --aclfile "$DIR/run/users"
    start_sentinel "$sentinel" "$master"
    configure sync "sentinel:mymaster@127.0.0.1:$sentinel localhost:$sentinel"
    examine 1 --url http://127.0.0.1:1
    grep -E "^good +sync +127.0.0.1 port $master: the user token can log in" <<<"$OUT" || fail "$OUT"
    # What both of them lead to is said once.
    printf 'not-the-password\n' >"$DIR/run/password"
    names_file error sync "127.0.0.1 port $master: the user token is refused: WRONGPASS"
    configure sync "sentinel:another@127.0.0.1:$sentinel"
    names_file error sync "127.0.0.1 port $sentinel: the Sentinel does not know an engine of that name" "correct the name in 'sync'"
    configure sync "sentinel:mymaster@127.0.0.1:$master"
    printf 'a-password\n' >"$DIR/run/password"
    names_file error sync "127.0.0.1 port $master: " 'it is no Sentinel'
}

sync_is() {
    [[ $(curl -s "$ORIGIN/apiops/auth/health" | jq -r .sync.state) == "$1" ]]
}

@test "slip: several machines, and a Redis that has gone" {
    REDIS=$DIR/run/redis.sock
    start_redis
    configure sync "unix:$REDIS"
    install_program "$TOKENSYNC" token-sync
    serve_slip nginx
    start token-sync "$DIR/token-sync" -c "$CONF"
    wait_until 'token-sync is connected' sync_is connected
    examine 0 --url "$ORIGIN"
    grep -E "^good +sync +$REDIS: the user default can log in, and has all rights" <<<"$OUT"
    grep -E '^good +sync +token-sync is connected since 20' <<<"$OUT"
    stop redis
    wait_until 'Redis is missed' sync_is engine_away
    examine 1 --url "$ORIGIN"
    wrong_lines | grep -E "^error +sync +$REDIS: (Connection refused|No such file)" || fail "$OUT"
    OUT=$(grep -v '^error *sync' <<<"$OUT") names warning sync 'token-sync is without its engine since 20' 'its log says why'
}

# --- Accounts and keys -----------------------------------------------------------------------------------------

@test "slip: a hash of a method that is not supported" {
    printf '%s\n' 'old:$apr1$c2FsdA$0123456789012345678901' >>"$DIR/etc/accounts"
    names_file warning accounts "$DIR/etc/accounts:" 'client "old"'
}

@test "slip: all accounts are locked" {
    tokenctl lock demo
    names_file error accounts "$DIR/etc/accounts: no account can get a token: 1 locked, 0 expired, 0 unusable; run: tokenctl unlock ID"
}

@test "slip: there is no account" {
    : >"$DIR/etc/accounts"
    names_file error accounts "$DIR/etc/accounts: there is no account; run: tokenctl add ID --generate"
}

@test "slip: the key that signs has expired" {
    jq '.keys[0].exp = 1' "$DIR/etc/keys.jwks" >"$DIR/keys"
    cat "$DIR/keys" >"$DIR/etc/keys.jwks"
    names_file error keys "$DIR/etc/keys.jwks: no key signs: each has an \"exp\"" 'make one with: tokenctl key rotate'
}

@test "slip: there are no keys" {
    rm "$DIR/etc/keys.jwks"
    names_file error keys "$DIR/etc/keys.jwks: cannot be read: No such file or directory; make one with: tokenctl key rotate"
}

@test "files that are not what they say" {
    local name
    for name in accounts keys.jwks; do
        mv "$DIR/etc/$name" "$DIR/kept"
        mkfifo "$DIR/etc/$name"
        own "$DIR/etc/$name"
        examine 1 --url http://127.0.0.1:1
        grep -E "^error +(accounts|keys) +$DIR/etc/$name: .*it is not a regular file" <<<"$OUT" || fail "$OUT"
        rm "$DIR/etc/$name"
        mv "$DIR/kept" "$DIR/etc/$name"
    done
    head -c 100000 /dev/urandom >"$DIR/etc/keys.jwks"
    names_file error keys "$DIR/etc/keys.jwks" 'not a JWK Set'
    head -c 100000 /dev/urandom >"$CONF"
    examine 1 --url http://127.0.0.1:1
    grep -E '^error +configuration ' <<<"$OUT"
    rm "$CONF"
    mkdir "$CONF"
    examine 1
    grep -E "^error +configuration +$CONF: cannot be read: it is not a regular file" <<<"$OUT"
}

@test "without rights it says what it could not look at" {
    chmod 0755 "$DIR"
    local got=0
    setpriv --reuid=nobody --regid=nogroup --clear-groups "$DIR/tokenctl" -c "$CONF" doctor --url http://127.0.0.1:1 \
        >"$DIR/out" 2>"$DIR/err" </dev/null || got=$?
    OUT=$(<"$DIR/out")
    ((got == 1)) || fail "$OUT"
    grep -E '^note +files +this is not looked at as the user of the service, www-data; run the doctor as root' <<<"$OUT"
    grep -E "^error +keys +$DIR/etc/keys.jwks: cannot be read: Permission denied" <<<"$OUT"
    grep -E '^note +socket +only root sees who listens where' <<<"$OUT"
}

# A port that takes connections and answers nothing: the program's own, which speaks FastCGI.
start_stalled() {
    STALLED_PORT=$(free_port)
    start stalled python3 -c "import socket, time
s = socket.create_server(('127.0.0.1', $STALLED_PORT))
c = s.accept()
time.sleep(1000)"
    wait_until 'a port that answers nothing' is_listening "$STALLED_PORT"
}

# The process of an earlier step has ended when there is a connection.
has_child() {
    [[ -n $(ss -Htn state established "dport = :$STALLED_PORT") ]] || return
    CHILD=$(ps -o pid= --ppid "$(pid_of doctor)" | tr -d ' ')
    [[ -n $CHILD ]]
}

@test "a step whose process is killed is said to be so, and the others are shown" {
    start_stalled
    start doctor "$DIR/tokenctl" -c "$CONF" doctor --url "http://127.0.0.1:$STALLED_PORT"
    wait_until 'the request' has_child
    kill -KILL "$CHILD"
    ! wait "$(pid_of doctor)" || fail 'all is good'
    OUT=$(<"$DIR/log/doctor.log")
    grep -E "^error +connection +the doctor's process for this step was ended by signal 9; run it again" <<<"$OUT"
    grep -E '^good +keys ' <<<"$OUT"
}

# --- nginx -----------------------------------------------------------------------------------------------------

# slip SERVER STATUS EXPRESSION… is a server with a slip, and what the doctor says of it.
slip() {
    serve_slip "$@"
    examine 1 --url "$ORIGIN"
}

@test "slip: nginx, and a socket that is elsewhere" {
    slip nginx "s|unix:$DIR/run/token.sock|unix:$DIR/run/tokens.sock|"
    names error mount '502 from nginx: it does not reach token.fcgi, which listens at '"$DIR/run/token.sock" 'fastcgi_pass must name that socket'
}

# What is said of nginx and the socket: of the machine's other web servers it is said, too, and of the mount.
without_others() {
    grep -vE '^error +(mount|socket .*(apache2|lighttpd|caddy|haproxy|h2o|httpd))' <<<"$OUT"
}

@test "slip: nginx, and a socket that it may not open" {
    serve_slip nginx
    chown root "$DIR/run/token.sock"
    chmod 0600 "$DIR/run/token.sock"
    examine 1 --url "$ORIGIN"
    grep -E "^error +socket +$DIR/run/token.sock: mode 0600 does not let nginx connect, which runs as www-data; run: chgrp www-data" <<<"$OUT" || fail "$OUT"
    grep -E '^error +mount .*502 from nginx' <<<"$OUT"
    OUT=$(without_others) names error socket 'mode 0600 does not let nginx connect'
}

@test "slip: nginx, and a folder of the socket that it may not enter" {
    serve_slip nginx
    chown root:root "$DIR/run"
    examine 1 --url "$ORIGIN"
    OUT=$(without_others) names error socket "nginx, which runs as www-data, may not enter the folder $DIR/run; run: chgrp www-data"
}

@test "slip: nginx, and no token.fcgi that runs" {
    serve_slip nginx
    stop token.fcgi
    examine 1 --url "$ORIGIN"
    names error mount '502 from nginx: it does not reach token.fcgi, and none with this configuration was seen to run; start it' \
        'journalctl -u token.service' 'fastcgi_pass must name that socket'
}

@test "slip: nginx without the location" {
    slip nginx 's|location /apiops/auth/ |location /oauth/ |'
    names error mount '/apiops/auth: 404 from nginx itself: token.fcgi is not mounted there; write: location /apiops/auth/ { fastcgi_pass'
}

@test "slip: nginx without SCRIPT_NAME" {
    slip nginx '/fastcgi_param SCRIPT_NAME/d'
    names error mount 'token.fcgi answers 404, as it gets another path than that' 'write: fastcgi_param SCRIPT_NAME $fastcgi_script_name'
}

@test "slip: an issuer with another path than the mount" {
    configure issuer https://api.example.com/oauth
    serve_slip nginx
    examine 1 --url "$ORIGIN/apiops/auth"
    names error mount 'token.fcgi answers, but serves /oauth, the path of issuer = https://api.example.com/oauth; make both the same'
}

@test "slip: nginx without CONTENT_TYPE" {
    slip nginx '/fastcgi_param CONTENT_TYPE/d'
    grep -qE '^error +request ' <<<"$OUT"
    names error request 'the Content-Type of a request does not arrive; write: fastcgi_param CONTENT_TYPE $content_type;'
}

@test "slip: nginx without QUERY_STRING" {
    slip nginx '/fastcgi_param QUERY_STRING/d'
    names warning request 'the query of a URL does not arrive' 'write: fastcgi_param QUERY_STRING $query_string;'
}

@test "slip: nginx without REMOTE_ADDR" {
    slip nginx '/fastcgi_param REMOTE_ADDR/d'
    names error source "token.fcgi does not see the client's address, 127.0.0.1" 'write: fastcgi_param REMOTE_ADDR $remote_addr;'
}

@test "slip: nginx that clears Authorization" {
    slip nginx 's|(fastcgi_param HTTPS .*)|\1 fastcgi_param HTTP_AUTHORIZATION "";|'
    names error request 'Authorization does not arrive, so that HTTP Basic fails; take out: '
}

@test "slip: nginx without HTTPS" {
    serve_slip nginx '/fastcgi_param HTTPS/d'
    examine 1 --url "$TLS_ORIGIN"
    names warning source 'token.fcgi does not see that the request came by HTTPS; write: fastcgi_param HTTPS $https if_not_empty;'
}

@test "slip: nginx, and a client_max_body_size that is too small" {
    slip nginx 's|client_max_body_size 64k|client_max_body_size 8k|'
    names error body 'a body of 16384 bytes, max_body of token.conf, does not pass nginx: 413' 'write: client_max_body_size 64k;'
}

@test "slip: nginx that does not pass the keys" {
    slip nginx 's|(location /apiops/auth/ .*)|location = /apiops/auth/jwks { return 403; } \1|'
    names error published '/apiops/auth/jwks: 403, and no key set, so that resource servers have no keys'
}

@test "slip: nginx that passes the token endpoint alone" {
    serve_slip nginx 's|location /apiops/auth/ |location = /apiops/auth/token |'
    examine 1 --url "$ORIGIN"
    grep -E '^warning +mount .*/apiops/auth/health: 404 from nginx, which passes /apiops/auth/token to token.fcgi, but not this' <<<"$OUT"
    grep -E '^error +published .*/apiops/auth/jwks: 404' <<<"$OUT"
}

@test "slip: nginx without the location of the metadata" {
    slip nginx 's|location ~ .*known.*|location /elsewhere/ {|'
    names warning published '/.well-known/oauth-authorization-server/apiops/auth: 404, and no metadata' 'write: location ~ '
}

@test "slip: nginx that redirects to HTTPS" {
    slip nginx "s|(location /apiops/auth/ .*)|\\1 return 301 https://127.0.0.1\$request_uri;|"
    names error mount '301 to https://127.0.0.1/apiops/auth/health, which no client follows with its secret'
}

@test "slip: nginx behind a balancer" {
    local balancer
    serve_slip nginx
    balancer=$(free_port)
    cat >"$DIR/balancer.conf" <<END
pid $DIR/run/balancer.pid;
error_log $DIR/log/balancer-error.log;
user www-data;
events {}
http {
    access_log off;
    client_max_body_size 1m;
    proxy_temp_path $DIR/run/balancer;
    server {
        listen 127.0.0.1:$balancer;
        location / {
            proxy_pass $ORIGIN;
            proxy_bind 127.0.0.2;
            proxy_set_header X-Forwarded-For \$remote_addr;
        }
    }
}
END
    start balancer nginx -g 'daemon off;' -c "$DIR/balancer.conf"
    wait_until 'the balancer' is_listening "$balancer"
    examine 1 --url "http://127.0.0.1:$balancer"
    names error source "the source address is 127.0.0.2, which is a balancer's: X-Forwarded-For has the client's, 127.0.0.1" \
        'write: set_real_ip_from 127.0.0.2; real_ip_header X-Forwarded-For;'
    sed -i '/X-Forwarded-For/d' "$DIR/balancer.conf"
    stop balancer
    start balancer nginx -g 'daemon off;' -c "$DIR/balancer.conf"
    wait_until 'the balancer' is_listening "$balancer"
    examine 1 --url "http://127.0.0.1:$balancer"
    names warning source 'the source address is 127.0.0.2, and this client has 127.0.0.1' 'have it send X-Forwarded-For'
}

@test "slip: a certificate that has expired" {
    CERTIFICATE_END=20200201000000Z serve_slip nginx
    examine 1 --url "$TLS_ORIGIN"
    names error tls "the certificate of $TLS_ORIGIN has expired, on 2020-02-01T00:00:00Z; renew it"
    # No secret is sent there.
    ! tokenctl doctor demo --url "$TLS_ORIGIN" <<<"$SECRET" >"$DIR/out" || fail 'it is good'
    grep -E '^error +token +no token was fetched for demo: the certificate is not good' "$DIR/out"
}

@test "slip: a certificate of another name, of nobody who is known, and one that expires soon" {
    CERTIFICATE_NAME=DNS:api.example.com serve_slip nginx
    examine 1 --url "$TLS_ORIGIN"
    names error tls "the certificate of $TLS_ORIGIN is for DNS:api.example.com; get one for the name in the URL"
    unset SSL_CERT_FILE
    examine 1 --url "$TLS_ORIGIN"
    names error tls "the certificate of $TLS_ORIGIN is not trusted here: "
    stop server
    stop token.fcgi
    rm -r "$DIR/tls"
    CERTIFICATE_END=$(date -u -d '+5 days' +%Y%m%d000000Z) serve_slip nginx
    examine 1 --url "$TLS_ORIGIN"
    names warning tls "the certificate of $TLS_ORIGIN expires in 4 days" 'renew it'
}

@test "slip: a process of another configuration" {
    mkdir "$DIR/other"
    cp -a "$DIR/etc/." "$DIR/other"
    (CONF=$DIR/other/token.conf && configure keys_max_age 60)
    serve_slip nginx
    stop token.fcgi
    (CONF=$DIR/other/token.conf && start_spawn_fcgi)
    wait_until 'token.fcgi' curl -sf -o "$DIR/answer" "$ORIGIN/apiops/auth/health"
    examine 1 --url "$ORIGIN"
    names error mount "the running token.fcgi has another configuration, $DIR/other/token.conf, and not $CONF; start it with TOKEN_CONF=$CONF"
}

@test "slip: keys and an issuer that the process has not loaded" {
    serve_slip nginx
    wait_until 'token.fcgi' curl -sf -o "$DIR/answer" "$ORIGIN/apiops/auth/health"
    configure issuer https://api.example.org/apiops/auth
    examine 1 --url "$ORIGIN"
    wrong_lines | grep -E '^error +published .*the issuer of the running token.fcgi is https://api.example.com/apiops/auth, and that of .*; run: kill -HUP'
    configure issuer https://api.example.com/apiops/auth
    cp -a "$DIR/etc/keys.jwks" "$DIR/kept"
    printf '{' >"$DIR/etc/keys.jwks"
    refuses_keys() {
        [[ $(curl -s "$ORIGIN/apiops/auth/health" | jq -r .last_refused.reason) == *keys.jwks* ]]
    }
    wait_until 'the refusal' refuses_keys
    examine 1 --url "$ORIGIN"
    grep -E '^warning +mount +token.fcgi goes on with what it had, as it refused at .*keys.jwks' <<<"$OUT"
}

# --- Apache ----------------------------------------------------------------------------------------------------

@test "slip: Apache and mod_proxy_fcgi without CGIPassAuth" {
    slip apache-mod_proxy_fcgi '/CGIPassAuth On/d'
    names error request 'Authorization does not arrive, so that HTTP Basic fails; write: CGIPassAuth On'
}

@test "slip: Apache and mod_fcgid without FcgidPassHeader and CGIPassAuth" {
    slip apache-mod_fcgid '/FcgidPassHeader/d' '/CGIPassAuth On/d'
    names error request 'Authorization does not arrive, so that HTTP Basic fails; write: CGIPassAuth On, and with mod_fcgid also: FcgidPassHeader Authorization'
}

@test "slip: Apache, and an AliasMatch to another path" {
    slip apache-mod_fcgid 's#AliasMatch "\^/apiops/auth.*" "(.*)"#AliasMatch "^/apiops/auth/(.*)" "\1/v2/$1"#'
    names error mount 'token.fcgi answers 404, as it gets another path than that' 'AliasMatch must name the program without a path behind it'
}

@test "slip: Apache, and a socket that is elsewhere" {
    slip apache-mod_proxy_fcgi "s|unix:$DIR/run/token.sock|unix:$DIR/run/tokens.sock|"
    names error mount '503 from Apache: it does not reach token.fcgi, which listens at '"$DIR/run/token.sock" 'ProxyPass must name that socket'
}

@test "slip: Apache and mod_fcgid, and a FcgidMaxRequestLen that is too small" {
    slip apache-mod_fcgid 's|FcgidMaxRequestLen 1048576|FcgidMaxRequestLen 8192|'
    names error body 'a body of 16384 bytes, max_body of token.conf, does not pass Apache: ' 'FcgidMaxRequestLen 1048576'
}

@test "slip: Apache that lets nobody in" {
    slip apache-mod_fcgid 's|Require all granted|Require all denied|'
    names error mount '403 from Apache itself, not from token.fcgi; let everybody in there'
}

@test "slip: Apache and mod_fcgid, and a program that does not start" {
    rm "$DIR/etc/keys.jwks"
    slip apache-mod_fcgid
    grep -E '^error +keys .*keys.jwks: cannot be read: No such file' <<<"$OUT"
    grep -E '^error +mount .*50[03] from Apache: it (cannot start|does not reach) token.fcgi' <<<"$OUT"
}

# --- lighttpd --------------------------------------------------------------------------------------------------

@test "slip: lighttpd without check-local" {
    slip lighttpd-fastcgi '/"check-local"/d'
    names error mount '/apiops/auth: 404 from lighttpd itself: token.fcgi is not mounted there' '"check-local" => "disable"'
}

@test "slip: lighttpd without mod_fastcgi" {
    slip lighttpd-fastcgi 's|"mod_fastcgi", ||'
    names error mount '/apiops/auth: 404 from lighttpd itself: token.fcgi is not mounted there' 'server.modules must have mod_fastcgi'
}

@test "slip: lighttpd, and a limit of the request that is too small" {
    slip lighttpd-fastcgi 's|server.max-request-size = 64|server.max-request-size = 8|'
    names error body 'a body of 16384 bytes, max_body of token.conf, does not pass lighttpd: 413' 'server.max-request-size = 64'
}

@test "slip: a clock that is off" {
    slip lighttpd-fastcgi 's|"mod_openssl"|"mod_openssl", "mod_setenv"|' \
        '$ a\setenv.set-response-header = ( "Date" => "'"$(LC_ALL=C date -u -d '+600 seconds' '+%a, %d %b %Y %T GMT')"'" )'
    names error clock 'seconds ahead of this one, more than the 30 of clock_skew' 'run an NTP client'
}

@test "slip: lighttpd that rewrites the path" {
    slip lighttpd-fastcgi 's|"mod_openssl"|"mod_openssl", "mod_rewrite"|' \
        '$ a\url.rewrite-once = ( "^/apiops/auth/(.*)" => "/apiops/auth/v2/$1" )'
    names error mount 'token.fcgi answers 404, as it gets another path than that' 'no url.rewrite may change the path'
}

# --- What is not to be reached ---------------------------------------------------------------------------------

@test "a URL that cannot be reached: the step that fails" {
    examine 1 --url http://no-such-host.invalid
    names error connection 'http://no-such-host.invalid: the name is not known' 'enter it in DNS'
    examine 1 --url http://127.0.0.1:1
    names error connection 'http://127.0.0.1:1: nobody listens there' 'start the web server'
    serve_slip nginx
    examine 1 --url "https://127.0.0.1:$PORT"
    names error tls "https://127.0.0.1:$PORT: there is no TLS"
    examine 1 --url "http://127.0.0.1:$TLS_PORT"
    names error mount '400 from nginx itself: token.fcgi is not mounted there'
}

@test "answers that are none" {
    local port
    port=$(free_port)
    start strange python3 -c "import socket, time
s = socket.create_server(('127.0.0.1', $port))
while True:
    c = s.accept()[0]
    c.recv(65536)
    c.sendall(b'HTTP/1.1 200 OK\r\nServer: \x1b[31mred\r\nContent-Length: 3000000\r\nConnection: close\r\n\r\n' + b'[' * 3000000)
    c.close()"
    wait_until 'a strange server' is_listening "$port"
    examine 1 --url "http://127.0.0.1:$port"
    names error mount '200 from the web server itself: token.fcgi is not mounted there'
    ! grep -P '\x1b' "$DIR/out" || fail 'a character that a terminal acts upon'
}

@test "without libcurl it says so, and all else is looked at; no other command loads it" {
    unshare --mount true 2>/dev/null || skip 'no namespaces can be made here'
    local library
    library=$(ldconfig -p | awk '$1 == "libcurl.so.4" { print $NF; exit }')
    ! ldd "$TOKENCTL" | grep -F libcurl || fail 'it is linked'
    ! ldd "$FCGI" | grep -F libcurl || fail 'token.fcgi is linked with it'
    run unshare --mount bash -c "mount --bind /dev/null '$library' && '$DIR/tokenctl' -c '$CONF' doctor --url http://127.0.0.1:1"
    ((status == 1)) || fail "$output"
    grep -E '^error +connection +libcurl cannot be loaded: .*; run: apt install libcurl4' <<<"$output"
    grep -E '^good +keys ' <<<"$output"
}
