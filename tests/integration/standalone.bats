# The program without a web server: how it gets its socket, what it refuses to start with, signals. The client is
# cgi-fcgi of libfcgi.

load helper
load standalone
load requests
load load

setup() {
    make_standalone
    add_load_account
    add_slow_account
    own "$DIR/etc"
}

teardown() {
    show_logs
    remove_folder
}

# What the requests of load.bash are here.
load_request() {
    local answer
    answer=$(fastcgi "$SOCKET" "$GRANT&client_id=load&client_secret=$LOAD_SECRET")
    [[ $answer == *access_token* ]] && printf '200\n' || printf '%s\n' "${answer:-nothing}"
}

slow_request() {
    [[ $(fastcgi "$SOCKET" "$GRANT&client_id=slow$1&client_secret=slow") == *access_token* ]] && printf '200\n'
}

lifetime_is() {
    [[ $(fastcgi "$SOCKET" "$GRANT&client_id=demo&client_secret=demo-secret") == *"\"expires_in\":$1,"* ]] ||
        [[ $(fastcgi "$SOCKET" "$GRANT&client_id=demo&client_secret=demo-secret") == *"\"expires_in\":$1}"* ]]
}

@test "-l with a Unix socket: it has its mode, answers, and is removed at the end" {
    start_listening "$SOCKET"
    [[ $(stat -c %a "$SOCKET") == 660 ]]
    kill -TERM "$(pid_of token.fcgi)"
    ends_with 0 token.fcgi
    [[ ! -e $SOCKET ]]
}

@test "-l with host:port answers" {
    local port
    port=$(free_port)
    start_listening 127.0.0.1:"$port"
    kill -INT "$(pid_of token.fcgi)"
    ends_with 0 token.fcgi
}

@test "-l: an address in use, a file that is no socket, and nonsense are refused" {
    start_listening "$SOCKET"
    refuses "$SOCKET" -l "$SOCKET"
    issues "$SOCKET"
    : >"$DIR/run/file"
    refuses "$DIR/run/file" -l "$DIR/run/file"
    [[ -f $DIR/run/file ]]
    refuses /nowhere/token.sock -l /nowhere/token.sock
    refuses nonsense -l nonsense
}

@test "-l: the socket of a process that was killed is replaced" {
    start_listening "$SOCKET"
    kill -KILL "$(pid_of token.fcgi)"
    ends_with 137 token.fcgi 2>/dev/null
    [[ -S $SOCKET ]]
    start_listening "$SOCKET"
}

@test "-l: the next process can start while the one before finishes its requests, and keeps its socket" {
    start_listening "$SOCKET"
    hold_requests token.fcgi
    kill -TERM "$(pid_of token.fcgi)"
    is_free() { [[ ! -e $SOCKET ]]; }
    wait_until 'the socket to be removed' is_free
    start next "$DIR/token.fcgi" -l "$SOCKET"
    wait_until "answers of the next one" issues "$SOCKET"
    held_are_answered
    ends_with 0 token.fcgi
    issues "$SOCKET"
    kill -TERM "$(pid_of next)"
    ends_with 0 next
    [[ ! -e $SOCKET ]]
}

@test "-l: a process that ends leaves the socket of another one, at the same path, where it is" {
    start_listening "$SOCKET"
    rm "$SOCKET"
    start next "$DIR/token.fcgi" -l "$SOCKET"
    wait_until "answers of the next one" issues "$SOCKET"
    kill -TERM "$(pid_of token.fcgi)"
    ends_with 0 token.fcgi
    issues "$SOCKET"
}

@test "spawn-fcgi: it answers" {
    start token.fcgi spawn-fcgi -n -s "$SOCKET" -M 0660 -b 1024 -- "$DIR/token.fcgi"
    wait_until 'answers' issues "$SOCKET"
    kill -USR1 "$(pid_of token.fcgi)"
    ends_with 0 token.fcgi
}

@test "started with descriptor 0 alone, nothing that it opens is used as standard error" {
    configure log stderr
    # shellcheck disable=SC2016
    start token.fcgi spawn-fcgi -n -s "$SOCKET" -M 0660 -b 1024 -- /bin/sh -c 'exec "$0" >&- 2>&-' "$DIR/token.fcgi"
    wait_until 'answers' issues "$SOCKET"
    [[ $(readlink "/proc/$(pid_of token.fcgi)/fd/"{1,2} | sort -u) == /dev/null ]]
    issues "$SOCKET"
    kill -TERM "$(pid_of token.fcgi)"
    ends_with 0 token.fcgi
}

@test "SIGTERM with requests in flight: all are answered, exit status 0" {
    start_listening "$SOCKET"
    check_terminate token.fcgi
    ends_with 0 token.fcgi
}

# All of the verifications that may run at once are, and nobody may wait: what is one more told?
ask_when_busy() {
    hold_requests token.fcgi
    ANSWER=$(fastcgi "$SOCKET" "$GRANT&client_id=demo&client_secret=guess$RANDOM" | tr -d '\r')
    wait "${HELD[@]}"
    [[ $ANSWER == 'Status: 503 '* ]]
}

@test "a full verification queue is answered 503 with Retry-After, and logged as deferred" {
    configure verify_queue 0
    start_listening "$SOCKET"
    wait_until '503' ask_when_busy
    [[ $ANSWER =~ ^'Status: 503 Service Unavailable
Content-Type: application/json;charset=UTF-8
Cache-Control: no-store
Pragma: no-cache
Content-Length: '[0-9]+'
Retry-After: '[1-9][0-9]?'

{"error":"temporarily_unavailable","error_description":"'[^\"]+'"}'$ ]] || fail "$ANSWER"
    grep -q ' warn outcome=deferred reason=busy client_id="demo" ' "$DIR/log/token.log"
}

@test "SIGHUP fails no request" {
    start_listening "$SOCKET"
    check_reload token.fcgi
}

bindings() {
    LD_DEBUG=bindings "$1" -V 2>&1
}

# A hash of yescrypt, which allocates its memory for each call, is a third faster in huge pages.
@test "libcrypt gets huge pages from the programs' own mmap()" {
    [[ ! $(nm "$FCGI" 2>/dev/null) =~ __(a|t)san_init ]] || skip 'a sanitizer has an mmap() of its own'
    bindings "$DIR/token.fcgi" | grep -q "libcrypt.* to .*token.fcgi .* \`mmap'"
    bindings "$TOKENCTL" | grep -q "libcrypt.* to .*tokenctl .* \`mmap'"
}

openssl_while_checking() {
    LD_DEBUG=files "$DIR/token.fcgi" -t 2>&1 | grep libcrypto
}

# To load it is most of what a process of plain CGI would cost.
@test "OpenSSL is loaded only if a key needs it" {
    run openssl_while_checking
    [[ -z $output ]] || fail "with HS256: $output"
    tokenctl key rotate --alg ES256
    run openssl_while_checking
    [[ $output == *libcrypto.so.3* ]] || fail "with ES256: ${output:-not loaded}"
}

# signs_by ALGORITHM: the header's alg, by its base64url.
signs_by() {
    local header
    header=$(printf '{"alg":"%s","typ":' "$1" | base64 -w 0)
    [[ $(fastcgi "$SOCKET" "$GRANT&client_id=demo&client_secret=demo-secret") == *"\"access_token\":\"${header::20}"* ]]
}

loaded() {
    grep -c 'dynamically loaded' "$DIR/log/token.fcgi.log"
}

# As a process that is confined must, which may map no new code.
@test "keys of other algorithms are loaded in the sandbox" {
    start token.fcgi env LD_DEBUG=files "$DIR/token.fcgi" -l "$SOCKET"
    wait_until 'signs by HS256' signs_by HS256
    grep -q 'libcrypto.so.3 .*dynamically loaded' "$DIR/log/token.fcgi.log" || fail 'OpenSSL is not loaded at the start'
    local before algorithm
    before=$(loaded)
    for algorithm in ES256 EdDSA RS256; do
        tokenctl key rotate --now --alg "$algorithm"
        wait_until "signs by $algorithm" signs_by "$algorithm"
    done
    [[ $(loaded) == "$before" ]] || fail "more was loaded: $(grep 'dynamically loaded' "$DIR/log/token.fcgi.log")"
}

@test "SIGHUP with a broken configuration keeps what was loaded, and says why" {
    start_listening "$SOCKET"
    configure nonsense 1
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the reason in the log' grep -q 'token.conf:.*nonsense' "$DIR/log/token.log"
    issues "$SOCKET"
}

@test "SIGHUP opens the log file again after it was moved away" {
    start_listening "$SOCKET"
    mv "$DIR/log/token.log" "$DIR/log/token.log.1"
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the new log' test -s "$DIR/log/token.log"
    issues "$SOCKET"
    wait_until 'the line' grep -q outcome=issued "$DIR/log/token.log"
}

@test "SIGHUP opens the log file again even if the configuration is broken" {
    start_listening "$SOCKET"
    configure nonsense 1
    mv "$DIR/log/token.log" "$DIR/log/token.log.1"
    kill -HUP "$(pid_of token.fcgi)"
    wait_until 'the reason in the new log' grep -qs 'token.conf:.*nonsense' "$DIR/log/token.log"
    issues "$SOCKET"
    wait_until 'the line' grep -q outcome=issued "$DIR/log/token.log"
}

@test "a changed accounts file is in force without a signal" {
    start_listening "$SOCKET"
    tokenctl lock demo
    is_locked() { ! issues "$SOCKET"; }
    wait_until 'the lock' is_locked
    tokenctl unlock demo
    wait_until 'the unlocking' issues "$SOCKET"
}

@test "it does not start without a usable configuration, accounts or keys" {
    local file
    for file in accounts keys.jwks token.conf; do
        mv "$DIR/etc/$file" "$DIR/etc/gone"
        refuses "$file" -l "$SOCKET"
        refuses "$file" -t
        mv "$DIR/etc/gone" "$DIR/etc/$file"
    done
    configure threads 0
    refuses threads -l "$SOCKET"
    [[ ! -e $SOCKET ]]
}

@test "an error at the start is on standard error and in the log, once if these are the same" {
    # shellcheck disable=SC2016
    printf 'ap:$apr1$x$y\n' >>"$DIR/etc/accounts"
    start_listening "$SOCKET"
    [[ $(grep -c 'htpasswd -B' "$DIR/log/token.log") == 1 && $(grep -c 'htpasswd -B' "$DIR/log/token.fcgi.log") == 1 ]]
    stop token.fcgi
    rm "$DIR/etc/keys.jwks"
    refuses keys.jwks -l "$SOCKET"
    grep 'error .*keys.jwks' "$DIR/log/token.log"
    configure log stderr
    refuses keys.jwks -l "$SOCKET"
    [[ $(grep -c 'htpasswd -B' <<<"$output") == 1 ]] || fail "$output"
}

@test "a log that cannot be opened: it does not start, -t says so, and makes no file" {
    configure log "$DIR/log/later"
    "$DIR/token.fcgi" -t
    [[ ! -e $DIR/log/later ]]
    configure log /nowhere/token.log
    refuses '/nowhere/token.log cannot be opened: No such file or directory; make its folder' -l "$SOCKET"
    refuses '/nowhere/token.log cannot be opened: No such file or directory; make its folder' -t
    configure log "$DIR/log"
    refuses 'cannot be opened: Is a directory' -l "$SOCKET"
    refuses 'cannot be opened: Is a directory' -t
}

@test "-c takes precedence over TOKEN_CONF" {
    export TOKEN_CONF=/nowhere/token.conf
    refuses /nowhere/token.conf -t
    run "$DIR/token.fcgi" -c "$CONF" -t
    [[ $status -eq 0 ]] || fail "$output"
}

@test "conf/token.conf is accepted as it stands, and its comments show the defaults" {
    local default
    # tokenctl init writes those of the program itself.
    mkdir "$DIR/new"
    "$DIR/tokenctl" -c "$DIR/new/token.conf" init
    while IFS= read -r default; do
        grep -xF -- "$default" "$REPOSITORY/conf/token.conf" || fail "not in conf/token.conf: $default"
    done < <(grep '^#[a-z_0-9]* = ' "$DIR/new/token.conf")
    cp "$REPOSITORY/conf/token.conf" "$CONF"
    run "$DIR/token.fcgi" -t
    [[ $status -eq 0 ]] || fail "$output"
    (umask 077 && echo secret >"$DIR/etc/sync-password")
    grep -v '^#\(user\|group\) ' "$REPOSITORY/conf/token.conf" | sed 's/^#\([a-z_0-9]* = \)/\1/' >"$CONF"
    run "$DIR/token.fcgi" -t
    [[ $status -eq 0 ]] || fail "$output"
    # Every key of the contract is in it.
    [[ $(grep -cE '^#?[a-z_0-9]+ = ' "$REPOSITORY/conf/token.conf") -eq 39 ]]
}

# option STATUS PATTERN ARGUMENT…
option() {
    local expected=$1 pattern=$2 said code=0
    shift 2
    said=$(env -u REQUEST_METHOD -u GATEWAY_INTERFACE "$DIR/token.fcgi" "$@" </dev/null 2>&1) || code=$?
    # shellcheck disable=SC2053 # a pattern
    [[ $code -eq $expected && $said == $pattern ]] || fail "token.fcgi $*: status $code: $said"
}

@test "each option works, and an unknown one is a usage error" {
    option 0 'token.fcgi [0-9]*' -V
    option 0 'usage: token.fcgi *TOKEN_CONF*' -h
    option 0 'usage: token.fcgi *TOKEN_CONF*' --help
    option 0 '*good: * unusable; * key*' -t
    option 2 '*usage: token.fcgi *' -x
    option 2 '*no argument is expected: more*usage: token.fcgi *' -t more
    option 2 '*no socket was passed in and this is no CGI request; give -l ADDRESS*usage: token.fcgi *'
}

@test "plain CGI: a web server that goes away before the answer makes it fail, and does not kill it" {
    local code=0
    mkfifo "$DIR/gone"
    : <"$DIR/gone" &
    exec 6>"$DIR/gone"
    wait $!
    env -i TOKEN_CONF="$CONF" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET "$DIR/token.fcgi" </dev/null >&6 || code=$?
    exec 6>&-
    [[ $code == 1 ]] || fail "exit status $code"
}
