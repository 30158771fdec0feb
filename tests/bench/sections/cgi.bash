# Plain CGI: from the start of the process to its exit, beside a program that answers a constant.

CGI_BODY="$GRANT&client_id=cgi-000000000000&client_secret=$SECRET"

# As the web server's own user, which is no business of token.conf's `user` then.
as_the_server() {
    if [[ $EUID -eq 0 ]]; then
        setpriv --reuid www-data --regid www-data --clear-groups "$@"
    else
        "$@"
    fi
}

# as_cgi COUNT -- COMMAND…: the medians of each command, one a line.
as_cgi() {
    local count=$1
    shift
    as_the_server env -i PATH="$PATH" GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 REQUEST_METHOD=POST \
        SCRIPT_NAME=/apiops/auth/token QUERY_STRING= REMOTE_ADDR=127.0.0.1 SERVER_NAME=api.example.com \
        CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#CGI_BODY} \
        "$BIN/process_times" "$count" "$CGI_BODY" "$@"
}

conf_of() {
    printf '%s/etc/token.conf\n' "${STAND[$1]}"
}

# The hash is a cheap one, and its time is taken off.
cgi_round() {
    local took
    mapfile -t took < <(as_cgi "$(compute "int(100 * $BENCH_SECONDS + 20)")" \
        -- "$DIR/token.fcgi" -c "$(conf_of small)" -- "$BIN/constant_cgi")
    sample cgi "${took[0]}"
    sample constant "${took[1]}"
    sample crypt "$(field cpu_us "$("$BIN/crypt_loop" "${HASHES[md5crypt]}" "$SECRET" 0.2 1)")"
}

# What the last of a million lines takes more than the last of two.
look_up_round() {
    local took
    mapfile -t took < <(as_cgi "$(compute "int(20 * $BENCH_SECONDS + 5)")" \
        -- "$DIR/token.fcgi" -c "$(conf_of small)" -- "$DIR/token.fcgi" -c "$(conf_of million)" \
        -- grep -m1 ^cgi-000000000000: "${STAND[million]}/etc/accounts")
    sample look-up "$(compute "${took[1]} - ${took[0]}")"
    sample grep "${took[2]}"
}

cgi_stand() {
    make_stand "$1"
    sed -i '/^user =/d' "$CONF"
    configure allow_legacy_hashes yes
    add_accounts client- "$2" "${HASHES[bcrypt-10]}"
    add_accounts cgi- 1 "${HASHES[md5crypt]}"
    [[ $(as_cgi 1 -- "$DIR/token.fcgi" -c "$CONF") && $(<"$DIR/log/token.log") == *outcome=issued* ]]
}

section_cgi() {
    cgi_stand million 1000000
    cgi_stand small 0
    rounds cgi_round
    rounds look_up_round
    row 'start to exit, without the hash; a constant' "$(compute "($(median cgi) - $(median crypt)) / 1000")" \
        "$(compute "$(median constant) / 1000")" ms '<=' 2.5
    row 'the last of 1000000 lines; grep -m1 of it' "$(compute "$(median look-up) / 1000")" \
        "$(compute "$(median grep) / 1000")" ms '<=' 1.5
}
