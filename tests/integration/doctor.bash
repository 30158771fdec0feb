# What the tests of tokenctl doctor share: a folder with one good account, a web server with a slip in its configuration,
# and what the doctor says of it.

# shellcheck disable=SC2034 # the tests use what is set here

load helper
load server

setup() {
    [[ $EUID -eq 0 ]] || skip 'only root can look as another user'
    not_under_valgrind 'the doctor knows the program by its name'
    make_folder
    SECRET=$(tokenctl add demo --generate)
    own "$DIR/etc"
}

teardown() {
    show_logs
    ! mountpoint -q "$DIR/small" || umount "$DIR/small"
    remove_folder
}

# Expired certificates are made by a command that takes dates.
make_certificate() {
    mkdir "$DIR/tls"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
        -keyout "$DIR/tls/key.pem" -out "$DIR/tls/request.pem" 2>"$DIR/log/openssl.log"
    : >"$DIR/tls/index"
    cat >"$DIR/tls/ca.conf" <<END
[ca]
default_ca = own
[own]
database = $DIR/tls/index
rand_serial = yes
new_certs_dir = $DIR/tls
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = ${CERTIFICATE_NAME:-IP:127.0.0.1}
END
    openssl ca -batch -notext -selfsign -config "$DIR/tls/ca.conf" -keyfile "$DIR/tls/key.pem" \
        -in "$DIR/tls/request.pem" -out "$DIR/tls/cert.pem" -startdate 20200101000000Z \
        -enddate "${CERTIFICATE_END:-20491231000000Z}" 2>>"$DIR/log/openssl.log"
    own "$DIR/tls"
    export SSL_CERT_FILE=$DIR/tls/cert.pem
}

# serve_slip SERVER [SED-EXPRESSION…]: starts the server with its file in conf/, in which each expression changes something.
serve_slip() {
    export SERVER=$1
    shift
    PORT=$(free_port)
    TLS_PORT=$(free_port)
    ORIGIN=http://127.0.0.1:$PORT
    TLS_ORIGIN=https://127.0.0.1:$TLS_PORT
    own "$DIR/etc"
    make_certificate
    write_server_conf
    local expression
    for expression; do
        cp "$DIR/server.conf" "$DIR/server.conf.before"
        sed -i -E "$expression" "$DIR/server.conf"
        ! cmp -s "$DIR/server.conf" "$DIR/server.conf.before" || fail "nothing is changed by $expression"
    done
    case $SERVER in
        nginx | apache-mod_proxy_fcgi) start_spawn_fcgi ;;
    esac
    in_foreground "$DIR/server.conf"
    wait_until "the start of $SERVER" is_listening "$PORT"
    wait_until "the start of $SERVER with TLS" is_listening "$TLS_PORT"
}

# examine STATUS [OPTION…]: the doctor ends with it; what it says is in OUT.
examine() {
    local expected=$1 got=0
    shift
    tokenctl doctor "$@" >"$DIR/out" 2>"$DIR/err" </dev/null || got=$?
    OUT=$(<"$DIR/out")
    ((got == expected)) || fail "exit status $got, not $expected: $OUT $(<"$DIR/err")"
}

# What is wrong, without its step.
wrong_lines() {
    grep -E '^(error|warning) ' <<<"$OUT" || true
}

# names SEVERITY STEP PART…: this alone is wrong, and its one line has all parts.
names() {
    local line part
    line=$(wrong_lines)
    [[ $(wc -l <<<"$line") -eq 1 && $line =~ ^$1\ +$2\  ]] || fail "not one $1 of $2: $OUT"
    shift 2
    for part; do
        [[ $line == *"$part"* ]] || fail "'$part' is not in: $line"
    done
    if [[ -n ${SLIPS:-} ]]; then printf '%s\n    %s\n' "$BATS_TEST_DESCRIPTION" "${line//"$DIR"/\$DIR}" >>"$SLIPS"; fi
}
