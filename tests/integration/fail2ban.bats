# The filter and the jail for fail2ban in conf/, against lines that the program wrote.

load helper

setup() {
    make_folder
    FILTER=$REPOSITORY/conf/fail2ban-filter.conf
    LOG=$DIR/log/token.log
    add_account demo demo-secret
    configure log_level debug
}

teardown() {
    show_logs
    remove_folder
}

# ask SOURCE BODY [VARIABLE=VALUE…]: a request of plain CGI.
ask() {
    local source=$1 body=$2
    shift 2
    env -i TOKEN_CONF="$CONF" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth PATH_INFO=/token \
        CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#body} REMOTE_ADDR="$source" "$@" \
        "$DIR/token.fcgi" <<<"$body" >/dev/null
}

# ask_with SOURCE CLIENT_ID SECRET, these form-encoded.
ask_with() {
    ask "$1" "grant_type=client_credentials&client_id=$2&client_secret=$3"
}

# The log as syslog(3) sends it, in both of the forms in which it is kept, and as the journal has standard error.
as_syslog() {
    sed -E 's/^[^ ]+Z [a-z]+ /Nov 24 22:03:18 host token.fcgi[4711]: /' "$LOG"
}

as_new_syslog() {
    sed -E 's/^([^ ]+)Z [a-z]+ /\1+00:00 host token.fcgi[4711]: /' "$LOG"
}

as_journal() {
    sed 's/^/Nov 24 22:03:18 host token.fcgi[4711]: /' "$LOG"
}

# finds ADDRESS…: these, in this order, are what the filter finds, whatever the form of the log.
finds() {
    local form found
    for form in cat as_syslog as_new_syslog as_journal; do
        "$form" "$LOG" >"$DIR/log/$form.log"
        found=$(fail2ban-regex -e utf-8 -o ip "$DIR/log/$form.log" "$FILTER" 2>"$DIR/log/fail2ban.err" | tr '\n' ' ')
        [[ $found == "$*${*:+ }" ]] || fail "$form: '$found' instead of '$*': $(<"$DIR/log/fail2ban.err")" || return
    done
}

@test "refused credentials: fail2ban finds the source, IPv4 and IPv6, whatever the reason" {
    add_account elsewhere elsewhere-secret --from 192.0.2.0/24
    add_account locked locked-secret
    tokenctl lock locked
    ask_with 198.51.100.1 demo wrong
    ask_with 2001:db8::2 nobody wrong
    ask_with ::ffff:198.51.100.3 locked locked-secret
    ask_with fe80::77%lo locked locked-secret
    ask_with 198.51.100.4 elsewhere elsewhere-secret
    ask 198.51.100.5 grant_type=client_credentials
    [[ $(grep -c outcome=refused "$LOG") == 6 ]]
    finds 198.51.100.1 2001:db8::2 198.51.100.3 fe80::77 198.51.100.4 198.51.100.5
}

@test "throttled requests are found like refused ones" {
    ask_with 198.51.100.1 demo wrong
    sed -i 's/outcome=refused/outcome=throttled/' "$LOG"
    finds 198.51.100.1
}

@test "neither tokens nor requests that are not well made are found" {
    ask_with 198.51.100.1 demo demo-secret
    ask 198.51.100.2 grant_type=password
    ask 198.51.100.3 '' REQUEST_METHOD=GET
    ask 198.51.100.4 '' PATH_INFO=/elsewhere
    ask_with 198.51.100.5 'a%0Ab' x
    mv "$DIR/etc/keys.jwks" "$DIR/etc/gone"
    ask_with 198.51.100.6 demo demo-secret
    mv "$DIR/etc/gone" "$DIR/etc/keys.jwks"
    grep -q outcome=issued "$LOG"
    [[ $(grep -c outcome=rejected "$LOG") == 4 ]]
    finds
}

# A victim's address in what a client chooses is not found, and its own is.
@test "a client_id cannot forge a source" {
    local forged
    for forged in 'x source=203.0.113.9 line=- ' 'x" source=203.0.113.9 line=- ' 'x\" source=203.0.113.9 line=- ' \
        'outcome=refused reason=x client_id="x" source=203.0.113.9 line=1' '…" source=203.0.113.9 line=-' \
        '2026-11-24T22:03:18Z warn outcome=refused reason=wrong_secret client_id="x" source=203.0.113.9 line=1'; do
        ask_with 198.51.100.1 "$(jq -rn --arg id "$forged" '$id | @uri')" wrong
        finds 198.51.100.1
        rm "$LOG"
    done
    # One that is cut.
    ask_with 198.51.100.2 "$(head -c 126 /dev/zero | tr '\0' x)%22%20source%3D203.0.113.9%20line%3D1" wrong
    finds 198.51.100.2
}

@test "a source that is no address is not found, and no name is looked up" {
    ask_with 'localhost' demo wrong
    ask_with '203.0.113.9 line=' demo wrong
    ask_with 'x" source=203.0.113.9 line=' demo wrong
    ask_with '' demo wrong
    [[ $(grep -c outcome=refused "$LOG") == 4 ]]
    finds
}

@test "fail2ban accepts filter and jail as they stand" {
    cp -r /etc/fail2ban "$DIR/fail2ban"
    rm -f "$DIR"/fail2ban/{jail,filter,fail2ban}.d/*.local "$DIR"/fail2ban/jail.d/* "$DIR"/fail2ban/*.local
    cp "$FILTER" "$DIR/fail2ban/filter.d/token-fcgi.conf"
    cp "$REPOSITORY/conf/fail2ban-jail.conf" "$DIR/fail2ban/jail.d/token-fcgi.conf"
    fail2ban-client -c "$DIR/fail2ban" -d >"$DIR/log/dump"
    ! grep "'token-fcgi'" "$DIR/log/dump" || fail 'it is enabled'
    # As the jail says how, for the journal and for a log file.
    printf '[token-fcgi]\nenabled = true\n' >"$DIR/fail2ban/jail.d/token-fcgi.local"
    fail2ban-client -c "$DIR/fail2ban" -d >"$DIR/log/dump"
    grep -F "['set', 'token-fcgi', 'addjournalmatch', '_SYSTEMD_UNIT=token.service', '_COMM=token.fcgi']" "$DIR/log/dump"
    printf 'backend = auto\nlogpath = %s\n' "$LOG" >>"$DIR/fail2ban/jail.d/token-fcgi.local"
    : >"$LOG"
    run fail2ban-client -c "$DIR/fail2ban" --test
    [[ $status -eq 0 ]] || fail "$output"
    fail2ban-client -c "$DIR/fail2ban" -d >"$DIR/log/dump"
    grep -F "['start', 'token-fcgi']" "$DIR/log/dump"
    grep -F "['set', 'token-fcgi', 'addlogpath', '$LOG', 'head']" "$DIR/log/dump"
    grep -F "['set', 'token-fcgi', 'maxretry', 20]" "$DIR/log/dump"
    # Of the filter all is there.
    grep -F 'outcome=(?:refused|throttled)' "$DIR/log/dump"
}
