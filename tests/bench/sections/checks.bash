# The check of a token: on the socket and in the program, behind nginx beside the same with a constant, and beside those
# that check at the web server, all on the same static file and with a token of ES256 that was seen before.
# shellcheck disable=SC2034 # fill() reads what a file needs

CHECK_ALGORITHMS=(HS256 ES256 RS256)
CHECKERS=(ours constant njs mod_auth_openidc mod_oauth2 haproxy)
# Which processes serve the file, whose CPU time is counted.
declare -A CHECKER_PROCESSES=([ours]='ours token.fcgi' [constant]='constant gateway' [njs]=njs
    [mod_auth_openidc]=mod_auth_openidc [mod_oauth2]=mod_oauth2 [haproxy]='haproxy njs')
declare -A CHECKER_PORTS=()
# Tokens that were never seen: more than can be checked in a measurement.
NEVER_SEEN=$((100000 * WHOLE_SECONDS))

# --- Stands ----------------------------------------------------------------------------------------------------

# fill FILE: a file of checks/ with @NAME@ replaced by the variables of that name.
fill() {
    local text name
    text=$(<"$1")
    while [[ $text =~ @([A-Z0-9_]+)@ ]]; do
        name=${BASH_REMATCH[1]}
        text=${text//"@$name@"/"${!name}"}
    done
    printf '%s\n' "$text"
}

# check_stand ALGORITHM: a stand of its own, with its program on the socket, a file of one token, and $BEARER, the token.
check_stand() {
    make_stand "$1"
    tokenctl key rotate --alg "$1" >/dev/null
    "$BIN/issue_tokens" "$CONF" demo 1 >"$DIR/token"
    BEARER=$(<"$DIR/token")
    serve_socket
}

# checker NAME COMMAND…: starts a web server, which then lets the token through to the file, and nothing else.
checker() {
    CHECKER_PORTS[$1]=$PORT
    start "$@"
    wait_until "$1" lets_through 200 "$PORT" "$BEARER" || { cat "$DIR/log/$1"*.log >&2; exit 1; }
    lets_through '40[13]' "$PORT" "${BEARER%?????}AAAAA" || { say "$1 lets a forged token through"; exit 1; }
}

lets_through() {
    # shellcheck disable=SC2053 # it is a pattern
    [[ $(curl -s -o /dev/null -w '%{http_code}' --max-time 10 -H "Authorization: Bearer $3" "http://127.0.0.1:$2/file.txt") == $1 ]]
}

start_nginx_checkers() {
    local NAME SOCKET=$DIR/run/token.sock FILE=$REPOSITORY/tests/bench/checks/nginx.conf
    NAME=ours PORT=$(free_port)
    fill "$FILE" >"$DIR/$NAME.conf"
    checker $NAME nginx -c "$DIR/$NAME.conf"
    NAME=constant PORT=$(free_port) SOCKET=$DIR/run/constant.sock
    fill "$FILE" >"$DIR/$NAME.conf"
    cp "$BIN/constant_gateway" "$DIR/constant_gateway"
    TOKEN_CONF=$CONF start gateway "$DIR/constant_gateway" -l "$SOCKET"
    wait_until 'the constant' is_bound "$SOCKET"
    own "$SOCKET"
    CHECKER_PORTS[$NAME]=$PORT
    start $NAME nginx -c "$DIR/$NAME.conf"
    wait_until $NAME lets_through 200 "$PORT" "$BEARER"
}

start_njs() {
    local NAME=njs REAL_ISSUER=$ISSUER
    mkdir "$DIR/kids"
    cp "$DIR/es256.pem" "$DIR/kids/$KID.pem"
    fill "$REPOSITORY/tests/integration/resource_servers/verify.js" >"$DIR/verify.js"
    PORT=$(free_port)
    FILE_PORT=$(free_port) TLS_PORT=$(free_port)
    make_certificate
    fill "$REPOSITORY/tests/bench/checks/nginx-njs.conf" >"$DIR/$NAME.conf"
    checker $NAME nginx -c "$DIR/$NAME.conf"
}

# start_apache_checker NAME MODULE CLAIM CHECK MORE: MORE is outside of the location.
start_apache_checker() {
    local NAME=$1 MODULE=$2 CLAIM=$3 CHECK=$4 MORE=$5
    PORT=$(free_port)
    fill "$REPOSITORY/tests/bench/checks/apache.conf" >"$DIR/$NAME.conf"
    checker "$NAME" apache2 -D FOREGROUND -f "$DIR/$NAME.conf"
}

start_peers_of_checks() {
    local KID ISSUER JWK FILE_PORT TLS_PORT NAME
    ISSUER=$(sed -n 's/^issuer *= *//p' "$CONF")
    KID=$(jq -r '.keys[0].kid' "$DIR/etc/keys.jwks")
    tokenctl key export --pem "$KID" >"$DIR/es256.pem"
    start_njs
    tokenctl key export >"$DIR/www/jwks.json"
    start_apache_checker mod_auth_openidc 'LoadModule auth_openidc_module modules/mod_auth_openidc.so' claim \
        'AuthType oauth20' "OIDCCryptoPassphrase unused-but-demanded
OIDCCABundlePath $DIR/tls/cert.pem
OIDCOAuthVerifyJwksUri https://127.0.0.1:$TLS_PORT/jwks.json"
    # A jwk in an argument has its quotes escaped.
    JWK=$(jq -c '.keys[0]' "$DIR/www/jwks.json")
    start_apache_checker mod_oauth2 'LoadModule oauth2_module modules/mod_oauth2.so' oauth2_claim \
        "AuthType oauth2
OAuth2TokenVerify jwk \"${JWK//\"/\\\"}\" verify.exp=required&verify.iat=optional" ''
    NAME=haproxy PORT=$(free_port)
    fill "$REPOSITORY/tests/bench/checks/haproxy.cfg" >"$DIR/$NAME.cfg"
    checker $NAME haproxy -db -f "$DIR/$NAME.cfg"
}

# --- Measurements ----------------------------------------------------------------------------------------------

# cpu_of NAME…: of their processes and these ones' children.
cpu_of() {
    local name pid sum=0
    for name in "$@"; do
        for pid in $(pid_of "$name") $(ps -o pid= --ppid "$(pid_of "$name")"); do
            sum=$((sum + $(cpu_us "$pid")))
        done
    done
    printf '%s\n' $sum
}

# check_file NAME: samples NAME.rate and NAME.cpu, of all the processes that serve.
check_file() {
    local before line processes
    read -ra processes <<<"${CHECKER_PROCESSES[$1]}"
    before=$(cpu_of "${processes[@]}")
    line=$(wrk_line -c64 -d"$WHOLE_SECONDS" "http://127.0.0.1:${CHECKER_PORTS[$1]}/file.txt" -- bearer "$BEARER")
    [[ $(field errors "$line") == 0 ]] || say "$1: $line"
    sample "$1.rate" "$(field rate "$line")"
    sample "$1.cpu" "$(compute "($(cpu_of "${processes[@]}") - $before) / $(field requests "$line")")"
}

# The ratios are those of two measurements one after the other, as a machine is not equally fast from one moment to the
# next.
check_files() {
    local name
    for name in constant "${CHECKERS[@]:1}" constant; do
        check_file ours
        check_file "$name"
        sample "$name.ratio" "$(compute "$(last ours.rate) / $(last "$name.rate")")"
        sample "$name.cpu_ratio" "$(compute "$(last ours.cpu) / $(last "$name.cpu")")"
    done
}

check_socket() {
    local algorithm
    for algorithm in "${CHECK_ALGORITHMS[@]}"; do
        use "$algorithm"
        measure "seen.$algorithm" "$BIN/fcgi_load" -a "$SOCKET" "$BENCH_SECONDS" 16 "$DIR/token"
    done
    use HS256
    measure proven "$BIN/fcgi_load" "$SOCKET" "$BENCH_SECONDS" 16 "$DEMO"
    for algorithm in "${CHECK_ALGORITHMS[@]}"; do
        sample "seen.$algorithm.to_hs256" "$(compute "$(last "seen.$algorithm.cpu") / $(last seen.HS256.cpu)")"
        sample "seen.$algorithm.to_proven" "$(compute "$(last "seen.$algorithm.cpu") / $(last proven.cpu)")"
    done
}

check_never_seen() {
    use HS256
    "$BIN/issue_tokens" "$CONF" demo $NEVER_SEEN >"$DIR/tokens"
    measure never.HS256 "$BIN/fcgi_load" -a "$SOCKET" "$BENCH_SECONDS" 16 "$DIR/tokens"
    rm "$DIR/tokens"
}

check_inside() {
    local algorithm line
    for algorithm in "${CHECK_ALGORITHMS[@]}"; do
        use "$algorithm"
        line=$("$BIN/check_cost" "$CONF" demo)
        for what in never seen bare json forged; do
            sample "$algorithm.$what" "$(field $what " $line")"
        done
    done
}

# --- Rows ------------------------------------------------------------------------------------------------------

# beside_ratio WHAT OURS RATIO UNIT [RELATION BOUND]: of the other only its ratio to ours is known.
beside_ratio() {
    local what=$1 ours=$2 ratio=$3
    shift 3
    row "$what" "$ours" "$(compute "$ours / $ratio")" "$@"
}

rows_of_files() {
    local name
    beside_ratio 'a file behind nginx; a constant through our gateway' "$(median ours.rate)" "$(median constant.ratio)" 1/s '>=' 0.90
    beside_ratio '  CPU time per request' "$(median ours.cpu)" "$(median constant.cpu_ratio)" us
    for name in mod_oauth2 mod_auth_openidc njs haproxy; do
        beside_ratio "a file, ES256, seen before; $name" "$(median ours.rate)" "$(median $name.ratio)" 1/s '>=' 1.0
        beside_ratio '  CPU time per request' "$(median ours.cpu)" "$(median $name.cpu_ratio)" us
    done
}

rows_of_socket() {
    local algorithm
    beside_ratio 'on the socket, ES256, seen before, CPU time; a proven token' "$(median seen.ES256.cpu)" \
        "$(median seen.ES256.to_proven)" us '<=' 1.0
    for algorithm in ES256 RS256; do
        beside_ratio "on the socket, $algorithm, seen before, CPU time; HS256" "$(median seen.$algorithm.cpu)" \
            "$(median seen.$algorithm.to_hs256)" us '<=' 1.2
    done
    row 'on the socket, HS256, never seen, CPU time' "$(median never.HS256.cpu)" - us
    row 'on the socket, HS256, seen before' "$(median seen.HS256.rate)" - 1/s
}

rows_inside() {
    local algorithm
    row 'in the program, HS256, never seen' "$(median HS256.never)" - us '<=' 4
    row '  json-c alone reads header and claims in' "$(median HS256.json)" - us
    row 'in the program, HS256, forged' "$(median HS256.forged)" - us
    row 'in the program, ES256, never seen; the bare signature' "$(median ES256.never)" "$(median ES256.bare)" us '<=' 1.3
    row 'in the program, RS256, never seen; the bare signature' "$(median RS256.never)" "$(median RS256.bare)" us
    for algorithm in ES256 RS256; do
        row "in the program, $algorithm, seen before; HS256" "$(median $algorithm.seen)" "$(median HS256.seen)" us
    done
}

section_checks() {
    local algorithm USER
    USER=$([[ $EUID -ne 0 ]] && id -un || echo www-data)
    for algorithm in "${CHECK_ALGORITHMS[@]}"; do
        check_stand "$algorithm"
    done
    use ES256
    BEARER=$(<"$DIR/token")
    mkdir "$DIR/www"
    printf 'the file\n' >"$DIR/www/file.txt"
    start_nginx_checkers
    start_peers_of_checks
    rounds check_files
    rounds check_socket
    check_never_seen
    check_inside
    rows_of_files
    rows_of_socket
    rows_inside
}
