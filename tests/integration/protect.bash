# What as_shipped.bash checks of the files in conf/ that have a web server ask for a token: what the application gets, that a
# client cannot put it there itself, that there is no way round the check, and what a client without a good token gets.

SITE=https://$HOST
REALM='Bearer realm="https://api.example.com/apiops/auth"'
# What is different about a server: what a scope or a client that is not enough gets.
FORBIDDEN=403
# Whether applications get the token, too; empty: they do not.
HANDS_ON=
# The method of the check for a PUT.
ASKED_WITH=PUT

# A file, an application behind a proxy, a program.
FILE=/files/hello.txt
APPLICATION=/api/things
PROGRAM=/cgi-bin/environment

make_site() {
    cover /var/www
    cover /usr/lib/cgi-bin
    mkdir -p /var/www/html/files
    printf 'a file\n' >/var/www/html/files/hello.txt
    printf 'private\n' >/var/www/html/private.txt
    cat >/usr/lib/cgi-bin/environment <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "run" >>/tmp/token-shipped-program.log
env
[ "$REQUEST_METHOD" = GET ] || { printf 'BODY=' && head -c "${CONTENT_LENGTH:-0}" | sha256sum; }
END
    sed -i "s|/tmp/token-shipped-program.log|$FOLDER/program.log|" /usr/lib/cgi-bin/environment
    chmod 0755 /usr/lib/cgi-bin/environment
    ln -s environment /usr/lib/cgi-bin/environment.cgi
    : >"$FOLDER/program.log"
    : >"$FOLDER/application.seen"
    chmod 0666 "$FOLDER/program.log"
    python3 "$REPOSITORY/tests/integration/application.py" 3000 "$FOLDER/application.seen" >"$FOLDER/application.log" 2>&1 &
    tokenctl remove demo
    tokenctl add demo --scope 'read api' <<<demo-secret
    tokenctl add other --scope 'read write' <<<other-secret
    tokenctl add none <<<none-secret
    install -o www-data /dev/null /var/log/token.log
    printf 'log = /var/log/token.log\nlog_level = debug\n' >>/usr/local/etc/token/token.conf
}

# start_site CONF [SED]
start_site() {
    make_site
    start_server "$@"
    wait_until 'the application' listens_on 3000
    TOKEN=$(token_of demo)
    OTHER=$(token_of other)
    NONE=$(token_of none)
    BAD=${TOKEN%.*}.${OTHER##*.}
}

listens_on() {
    [[ -n $(ss -Hltn "sport = :$1") ]]
}

token_of() {
    ask -d grant_type=client_credentials -d "client_id=$1" -d "client_secret=$1-secret" "$URL" | jq -er .access_token
}

# get CURL-ARGUMENT…: sets STATUS; the answer is in $FOLDER/headers and $FOLDER/body.
get() {
    : >"$FOLDER/body"
    STATUS=$(ask --path-as-is -o "$FOLDER/body" -D "$FOLDER/headers" -w '%{http_code}' "$@") || STATUS="curl: $?"
    GOT="$*"
}

get_with() {
    local token=$1
    shift
    get -H "Authorization: Bearer $token" "$@"
}

# A header of the last answer.
header() {
    tr -d '\r' <"$FOLDER/headers" | awk -v name="$1" 'tolower(substr($0, 1, length(name) + 1)) == tolower(name ":") {
        print substr($0, length(name) + 3) }'
}

# is WHAT ACTUAL EXPECTED
is() {
    [[ $2 == "$3" ]] || fail "$GOT: $1 is '$2' instead of '$3' (status $STATUS: $(cat "$FOLDER/headers" "$FOLDER/body"))"
}

# How often the application and the program were reached.
reached() {
    cat "$FOLDER/application.seen" "$FOLDER/program.log" | wc -l
}

# --- What is let through ---------------------------------------------------------------------------------------

# header_at_application NAME: all its values there, one per line. To many applications "_" is "-".
header_at_application() {
    jq -r --arg name "$1" '.headers[] | select((.[0] | gsub("_"; "-")) == $name) | .[1]' "$FOLDER/body"
}

variable() {
    sed -n "s/^$1=//p" "$FOLDER/body"
}

claim() {
    cut -d. -f2 <<<"$TOKEN" | tr -- -_ +/ | jq -cR '@base64d | fromjson' | jq -r ".$1"
}

application_gets_the_token() {
    is X-Token-Client "$(header_at_application x-token-client)" demo
    is X-Token-Scope "$(header_at_application x-token-scope)" 'read api'
    is X-Token-Id "$(header_at_application x-token-id)" "$(claim jti)"
    is X-Token-Expires "$(header_at_application x-token-expires)" "$(claim exp)"
    is Authorization "$(header_at_application authorization)" "${HANDS_ON:+Bearer $TOKEN}"
}

# Each proxy adds what it has seen at the end, so that is true.
application_gets_the_source() {
    local seen
    seen=$(header_at_application x-forwarded-for)
    is 'the end of X-Forwarded-For' "${seen##*, }" 127.0.0.1
}

program_gets_the_token() {
    is REMOTE_USER "$(variable REMOTE_USER)" demo
    is TOKEN_CLIENT "$(variable TOKEN_CLIENT)" demo
    is TOKEN_GRANTED "$(variable TOKEN_GRANTED)" 'read api'
    is TOKEN_ID "$(variable TOKEN_ID)" "$(claim jti)"
    is TOKEN_EXPIRES "$(variable TOKEN_EXPIRES)" "$(claim exp)"
    is HTTP_AUTHORIZATION "$(variable HTTP_AUTHORIZATION)" "${HANDS_ON:+Bearer $TOKEN}"
    # A program that makes requests of its own would send them there (httpoxy).
    is HTTP_PROXY "$(variable HTTP_PROXY)" ''
}

# Names that an application could look at, in each way in which they can be written.
FORGED=(-H 'Proxy: http://forged.example' -H 'X-Forwarded-For: 192.0.2.66')
for name in X-Token-Client X-Token-Scope X-Token-Id X-Token-Expires Remote-User Token-Client Token-Granted Token-Scope \
    Variable-Token_Client Variable-REMOTE_USER; do
    FORGED+=(-H "$name: forged" -H "${name//-/_}: forged" -H "${name/-/_}: forged" -H "${name%-*}_${name##*-}: forged")
done

nothing_is_told_to_the_client() {
    ! grep -iE '^(x-token|variable-|x-accel)' "$FOLDER/headers" || fail "$GOT: the client sees what the application is to get"
}

check_what_is_let_through() {
    local options
    for options in --http1.1 "${HTTP2:---http2}"; do
        get_with "$TOKEN" "$options" "$SITE$FILE"
        is status "$STATUS" 200
        is body "$(cat "$FOLDER/body")" 'a file'
        nothing_is_told_to_the_client
        get_with "$TOKEN" "$options" -I "$SITE$FILE"
        is 'status of HEAD' "$STATUS" 200
        get_with "$TOKEN" "$options" "${FORGED[@]}" "$SITE$APPLICATION?a=b"
        is status "$STATUS" 200
        is path "$(jq -r .path "$FOLDER/body")" "$APPLICATION?a=b"
        application_gets_the_token
        application_gets_the_source
        nothing_is_told_to_the_client
        get_with "$TOKEN" "$options" "${FORGED[@]}" "$SITE$PROGRAM"
        is status "$STATUS" 200
        program_gets_the_token
        nothing_is_told_to_the_client
        for method in DELETE PATCH OPTIONS PROPFIND; do
            get_with "$TOKEN" "$options" -X $method "$SITE$APPLICATION"
            is status "$STATUS" 200
            is method "$(jq -r .method "$FOLDER/body")" $method
        done
        get_with "$TOKEN" "$options" -I "$SITE$APPLICATION"
        is 'status of HEAD' "$STATUS" 200
    done
    # The application's own 403 has no challenge of ours.
    get_with "$TOKEN" "$SITE/api/refused"
    is status "$STATUS" 403
    is WWW-Authenticate "$(header WWW-Authenticate)" ''
}

# What a client names in Connection is for the web server alone, and a proxy drops it: not what the web server itself has added.
check_connection_header() {
    local names FORGED=("${FORGED[@]}")
    for names in 'X-Token-Client, X-Token-Scope, X-Token-Id, X-Token-Expires, Forwarded' \
        'close,x-token-client,x-token-scope,x-token-id,x-token-expires,forwarded' \
        'xx-token-a-token-client, x-token-a-token-id, xx-token-x-token-a-token-scope'; do
        FORGED+=(-H "Connection: keep-alive, $names" -H "Connection: $names")
        get_with "$TOKEN" --http1.1 "${FORGED[@]}" "$SITE$APPLICATION"
        is status "$STATUS" 200
        application_gets_the_token
        get_with "$TOKEN" --http1.1 "${FORGED[@]}" "$SITE$PROGRAM"
        is status "$STATUS" 200
        program_gets_the_token
    done
}

# The body reaches the application whole, and the check not at all.
check_bodies() {
    local sum
    head -c 1048576 /dev/urandom >"$FOLDER/random"
    sum=$(sha256sum <"$FOLDER/random" | cut -d' ' -f1)
    for options in '--http1.1' '--http1.1 -HTransfer-Encoding:chunked' "${HTTP2:---http2}"; do
        # shellcheck disable=SC2086
        get_with "$TOKEN" $options -T "$FOLDER/random" "$SITE$APPLICATION"
        is status "$STATUS" 200
        is length "$(jq -r .length "$FOLDER/body")" 1048576
        is sum "$(jq -r .sha256 "$FOLDER/body")" "$sum"
    done
    get_with "$TOKEN" -X POST -T "$FOLDER/random" "$SITE$PROGRAM"
    is status "$STATUS" 200
    is sum "$(variable BODY)" "$sum  -"
    # A server may refuse before it has read everything, and then close: a client that still sends would see no answer.
    get_with "$BAD" --http1.1 -H 'Expect: 100-continue' --expect100-timeout "$PATIENCE" -X POST -T "$FOLDER/random" "$SITE$APPLICATION"
    is status "$STATUS" 401
    wait_until 'the last check in the log' in_log /var/log/token.log 'reason=bad_signature'
    in_log /var/log/token.log " debug request method=\"$ASKED_WITH\" " || fail 'no check in the log'
    ! grep ' debug request ' /var/log/token.log | grep -v 'path="/apiops/auth/token"' | grep -v ' length=0 ' ||
        fail 'a check has got a body'
}

# upgraded TOKEN HEADER…: what comes back for a request with these headers of an upgrade, and for a line after an agreement.
upgraded() {
    timeout "$PATIENCE" python3 - "$APPLICATION" "$@" <<'END'
import socket
import sys

peer = socket.create_connection(("127.0.0.1", 8080))
head = ["GET %s HTTP/1.1" % sys.argv[1], "Host: api.example.com", "Authorization: Bearer " + sys.argv[2]]
peer.sendall("\r\n".join(head + sys.argv[3:] + ["", ""]).encode())
answer = peer.recv(4096).decode()
if " 101 " in answer:
    peer.sendall(b"hello\n")
    while "upgraded: hello" not in answer:
        answer += peer.recv(4096).decode()
print(answer)
END
}

# WebSocket's way, without its frames. After an upgrade to anything else, as to HTTP/2 (h2c), a client could send requests to
# the application that nobody checks.
check_upgrade() {
    local said other
    said=$(upgraded "$TOKEN" 'Connection: Upgrade' 'Upgrade: WebSocket')
    [[ $said == *' 101 '*'upgraded: hello'* ]] || fail "no upgrade: $said"
    said=$(upgraded "$BAD" 'Connection: Upgrade' 'Upgrade: websocket')
    [[ $said == *' 401 '* ]] || fail "an upgrade: $said"
    for other in h2c other 'h2c, websocket' 'websocket, h2c' $'h2c\r\nUpgrade: websocket' $'websocket\r\nUpgrade: h2c'; do
        said=$(upgraded "$TOKEN" 'Connection: Upgrade, HTTP2-Settings' 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA' "Upgrade: $other")
        [[ $said != *' 101 '* || $said == *$'\r\nUpgrade: websocket\r\n'* ]] || fail "an upgrade to $other: $said"
    done
}

# --- What is not -----------------------------------------------------------------------------------------------

# refused STATUS CHALLENGE CURL-ARGUMENT…
refused() {
    local status=$1 challenge=$2
    shift 2
    get "$@"
    is status "$STATUS" "$status"
    is WWW-Authenticate "$(header WWW-Authenticate)" "$challenge"
    nothing_is_told_to_the_client
}

check_refusals() {
    local before at bearer='Authorization: Bearer' invalid="$REALM, error=\"invalid_token\""
    before=$(reached)
    for at in "$FILE|, scope=\"read\"" "$APPLICATION|, scope=\"api\"" "$PROGRAM|"; do
        local scope=${at#*|} url=$SITE${at%|*}
        refused 401 "$REALM$scope" "$url"
        refused 401 "$REALM$scope" -I "$url"
        refused 401 "$REALM$scope" -H 'Authorization: Basic ZGVtbzpkZW1v' "$url"
        refused 401 "$REALM, error=\"invalid_request\"$scope" -H "$bearer" "$url"
        refused 401 "$REALM, error=\"invalid_request\"$scope" -H "$bearer a, Bearer b" "$url"
        refused 401 "$invalid$scope" -H "$bearer $BAD" "$url"
        refused 401 "$REALM$scope" "$url?access_token=$TOKEN"
    done
    local insufficient="$REALM, error=\"insufficient_scope\""
    refused "$FORBIDDEN" "$insufficient, scope=\"read\"" -H "$bearer $NONE" "$SITE$FILE"
    refused "$FORBIDDEN" "$insufficient, scope=\"api\"" -H "$bearer $OTHER" "$SITE$APPLICATION"
    refused "$FORBIDDEN" "$insufficient" -H "$bearer $OTHER" "$SITE$PROGRAM"
    get -H "$bearer $TOKEN" -H "$bearer $TOKEN" "$SITE$APPLICATION"
    [[ $STATUS == 40[01] ]] || fail "two tokens: $STATUS"
    [[ $(reached) == "$before" ]] || fail 'a refused request has reached the application'
}

# Ways to write a URL or a method that could get round the check.
check_ways_round() {
    local before path method
    before=$(reached)
    for path in /api /api/ //api/things /./api/things /x/../api/things /%61pi/things /api%2fthings /API/things '/api;x/things' \
        /api/../api/things /apiops/auth/../../api/things /files/../api/things /files/..%2f..%2fapi/things /api//things \
        /files /files/ //files/hello.txt /files/./hello.txt /%66iles/hello.txt '/files;x/hello.txt' /files/../files/hello.txt \
        /apiops/auth/../../files/hello.txt /files/%2e%2e/files/hello.txt /files/hello.txt/ /files/hello.txt/x /Files/hello.txt \
        /cgi-bin/environment/x //cgi-bin/environment /cgi-bin/../cgi-bin/environment /%63gi-bin/environment /cgi-bin/ \
        /token-verify /apiops/auth/token-verify /private.txt /files/../private.txt /files/..%2fprivate.txt; do
        get "$SITE$path"
        [[ $STATUS == @(301|302|400|401|403|404) ]] || fail "$path: $STATUS"
        ! grep -E 'a file|private|GATEWAY_INTERFACE' "$FOLDER/body" || fail "$path is not protected"
        # With a token for another path.
        get_with "$OTHER" "$SITE${path/files/cgi-bin}"
        ! grep -E 'private|GATEWAY_INTERFACE' "$FOLDER/body" || fail "$path is not protected"
    done
    for path in $FILE $APPLICATION $PROGRAM; do
        for method in POST PUT DELETE PATCH OPTIONS TRACE CONNECT PROPFIND MKCOL X-ANY get; do
            [[ $method != CONNECT ]] || continue
            get -X $method -H 'Content-Length: 0' "$SITE$path"
            [[ $STATUS == @(400|401|405|501) ]] || fail "$method $path: $STATUS"
        done
        get -H 'X-Original-Method: GET' -H 'X-HTTP-Method-Override: OPTIONS' -H 'X-Rewrite-URL: /' -H 'X-Original-URL: /' "$SITE$path"
        is status "$STATUS" 401
        get --request-target "http://$HOST$path" -H "Host: $HOST" "http://127.0.0.1:8080$path"
        is status "$STATUS" 401
        get --http1.0 "http://127.0.0.1:8080$path"
        is status "$STATUS" 401
    done
    [[ $(reached) == "$before" ]] || fail "$(tail -n 3 "$FOLDER/application.seen") has reached the application"
}

# What is checked is what the application gets: it does not see a path that it could take for another one than the web server did.
check_path_of_application() {
    local path
    for path in /x/../api/things /x/%2e%2e/api/things /x/..%2fapi/things '/x;y/../api/things' /x%3f/../api/things /x%23/../api/things \
        /./api/things '/x\..\..\api/things' /x%5c..%5c/../../api/things /api/x/../things /api/x%2f..%2fthings /api/./things; do
        get_with "$TOKEN" "$SITE$path"
        if [[ $STATUS == 200 ]]; then
            is path "$(jq -r .path "$FOLDER/body")" "$APPLICATION"
        else
            [[ $STATUS == @(400|401|403|404) ]] || fail "$path: $STATUS"
        fi
    done
    get_with "$TOKEN" "$SITE/api/a%20b;c=d/e.f..g/%25/..h?i=/../j%2F..%2Fk"
    is status "$STATUS" 200
    is path "$(jq -r .path "$FOLDER/body")" '/api/a%20b;c=d/e.f..g/%25/..h?i=/../j%2F..%2Fk'
}

# What was revoked is refused within a second, and when the program is gone nothing is served.
check_end_of_tokens() {
    tokenctl lock demo
    wait_until 'the locked account to be refused' gets_status 401 "$TOKEN"
    tokenctl unlock demo
    wait_until 'the account' gets_status 200 "$TOKEN"
}

gets_status() {
    get_with "$2" "$SITE$APPLICATION"
    [[ $STATUS == "$1" ]]
}

# check_closed COMMAND…: ends the program.
check_closed() {
    "$@"
    for path in $FILE $APPLICATION $PROGRAM; do
        get_with "$TOKEN" "$SITE$path"
        [[ $STATUS == 50[0-4] ]] || fail "$path without the program: $STATUS"
    done
}

end_spawned() {
    kill "$(cat /run/token/token.pid)"
    wait_until 'the end of the program' is_gone "$(cat /run/token/token.pid)"
}

is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

check_site() {
    check_what_is_let_through
    check_connection_header
    check_bodies
    check_refusals
    check_ways_round
    check_path_of_application
    check_end_of_tokens
}

check_nginx_auth_request() {
    start_site nginx-auth_request.conf
    check_site
    check_upgrade
    check_closed end_spawned
}

is_refused_by_verify() {
    get_with "$TOKEN" "$SITE/apiops/auth/verify"
    [[ $STATUS == 401 ]]
}

# The answer to a good token is kept as long as check_max_age says, whatever becomes of the account; a refusal is not.
check_nginx_cache() {
    sed -i 's/#cache# //' "$CONF/nginx-auth_request.conf"
    printf 'check_max_age = 3600\n' >>/usr/local/etc/token/token.conf
    start_site nginx-auth_request.conf
    check_what_is_let_through
    check_refusals
    tokenctl lock demo
    wait_until 'the locked account to be refused where it is asked for' is_refused_by_verify
    gets_status 200 "$TOKEN" || fail "a kept answer is not used: $STATUS"
    # Not in the key of what is kept: another scope.
    get_with "$OTHER" "$SITE$APPLICATION"
    is status "$STATUS" 403
}

check_lighttpd_authorizer() {
    HANDS_ON=yes
    # lighttpd tells an application behind a proxy no more than this.
    FORGED+=(-H 'Forwarded: remote_user=forged')
    # shellcheck disable=SC2317 # check_what_is_let_through() calls it
    application_gets_the_token() {
        is Forwarded "$(header_at_application forwarded)" 'remote_user="demo"'
        is X-Token-Client "$(header_at_application x-token-client)" ''
    }
    HTTP2=--http1.1
    start_site lighttpd-authorizer.conf
    check_site
    check_upgrade
    check_closed end_spawned
}

check_apache_mod_authnz_fcgi() {
    start_site apache-mod_authnz_fcgi.conf
    check_site
    check_upgrade
    check_closed end_spawned
}

# mod_fcgid makes 401 of every refusal.
check_apache_mod_fcgid_access() {
    FORBIDDEN=401
    start_site apache-mod_fcgid-access.conf
    check_site
    check_upgrade
    check_closed end_of_all_processes
}

# All of this namespace.
end_of_all_processes() {
    local pid
    rm /usr/local/libexec/token.fcgi
    for pid in $(ps -e -o pid= -o comm= | awk '$2 == "token.fcgi" { print $1 }'); do
        kill -KILL "$pid"
        wait_until 'the end of a process' is_gone "$pid"
    done
}

# Caddy knows a program by the end of its name.
check_caddy() {
    PROGRAM=/cgi-bin/environment.cgi ASKED_WITH=GET
    start_site Caddyfile
    check_site
    check_upgrade
    check_closed end_spawned
}

# --- Internal redirects ----------------------------------------------------------------------------------------

# What the files in conf/ do with URLs that the web server itself turns into others: /files/rewritten into a path that wants
# more, and /files/missing into /api/missing. What counts is what the new one wants.
# check_rewriting [CHALLENGE]: of the path that /files/rewritten becomes.
check_rewriting() {
    local before site=http://127.0.0.1:8080
    before=$(reached)
    get_with "$OTHER" "$site/files/rewritten"
    is status "$STATUS" "$FORBIDDEN"
    is WWW-Authenticate "$(header WWW-Authenticate)" "$REALM, error=\"insufficient_scope\"${1-, scope=\"api\"}"
    get_with "$OTHER" "$site/files/missing"
    [[ $STATUS == @(401|403|404) ]] || fail "a missing file: $STATUS"
    get "$site/files/rewritten"
    is status "$STATUS" 401
    [[ $(reached) == "$before" ]] || fail 'the application was reached'
    get_with "$TOKEN" "$site/files/rewritten"
    is status "$STATUS" 200
    [[ $(reached) == $((before + 1)) ]] || fail 'the application was not reached'
}

check_nginx_rewriting() {
    # shellcheck disable=SC2016 # the dollars are nginx's
    sed -i 's|location / {|rewrite ^/files/rewritten$ /api/things last;\n&|; s|root /var/www/html;|&\ntry_files $uri /api/missing;|' \
        "$CONF/nginx-auth_request.conf"
    start_site nginx-auth_request.conf
    check_rewriting
    # Allowed on both ways.
    get_with "$TOKEN" "$SITE/files/missing"
    is path "$(jq -r .path "$FOLDER/body")" /api/missing
}

# check_apache_rewriting CONF
check_apache_rewriting() {
    [[ $1 != apache-mod_fcgid-access.conf ]] || FORBIDDEN=401
    cat >>"$CONF/$1" <<'END'
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
RewriteEngine On
RewriteRule ^/files/rewritten$ /cgi-bin/environment [PT]
ErrorDocument 404 /api/missing
END
    start_site "$1"
    check_rewriting ''
}

check_lighttpd_rewriting() {
    sed -i 's|^server.modules = (|& "mod_rewrite",|' "$CONF/lighttpd-authorizer.conf"
    cat >>"$CONF/lighttpd-authorizer.conf" <<'END'
url.rewrite-once = ( "^/files/rewritten$" => "/api/things" )
END
    start_site lighttpd-authorizer.conf
    check_rewriting
}

check_caddy_rewriting() {
    sed -i 's|^(site) {|&\nrewrite /files/rewritten /api/things|' "$CONF/Caddyfile"
    start_site Caddyfile
    check_rewriting
}
