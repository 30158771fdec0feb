#!/bin/bash
# as_shipped.bash FOLDER CHECK [ARGUMENT…]: a check of files in conf/ exactly as they are shipped, with their own paths and
# ports. It runs in network, mount and process namespaces of its own, which as_shipped.bats makes, as on a machine that was
# just booted after `make install`: nothing outside them changes, and what it started ends with it.
set -eu
FOLDER=$1
shift
PATIENCE=${PATIENCE:-60}
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CONF=/usr/local/share/doc/token.fcgi/conf
HOST=api.example.com
URL=https://$HOST/apiops/auth/token

fail() {
    printf '%s\n' "$*" >&2
    tail -n 20 /var/log/*/*.log "$FOLDER"/*.log >&2 2>/dev/null || true
    exit 1
}

# shellcheck source=tests/integration/wait.bash
. "${BASH_SOURCE[0]%/*}/wait.bash"

# --- The machine -----------------------------------------------------------------------------------------------

# An empty folder in the place of another one, of the same owner and mode.
cover() {
    local attributes
    attributes=$(stat -c 'mode=0%a,uid=%u,gid=%g' "$1")
    mount -t tmpfs -o "$attributes" tmpfs "$1"
}

# The folders in /var/log stay, and what is in them is gone.
empty_logs() {
    local folders
    folders=$(cd /var/log && find . -mindepth 1 -maxdepth 1 -type d -printf '%f %m %u %g\n')
    cover /var/log
    while read -r name mode user group; do
        install -d -m "$mode" -o "$user" -g "$group" "/var/log/$name"
    done <<<"$folders"
}

make_machine() {
    ip link set lo up
    ip address add fe80::77/64 dev lo nodad
    cp "$FCGI" "$TOKENCTL" "$FOLDER"
    cover /run
    cover /usr/local
    cover /etc/ssl/certs
    cover /etc/ssl/private
    empty_logs
}

# What `make install` does, from the programs under test.
install_programs() {
    install -D "$FOLDER/${FCGI##*/}" /usr/local/libexec/token.fcgi
    install -D "$FOLDER/${TOKENCTL##*/}" /usr/local/bin/tokenctl
    install -d $CONF
    find "$REPOSITORY/conf" -maxdepth 1 -type f -exec install -m 0644 -t $CONF {} +
    install -D -m 0644 $CONF/token.tmpfiles /usr/local/lib/tmpfiles.d/token.conf
}

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$HOST" \
        -addext "subjectAltName=DNS:$HOST" -keyout /etc/ssl/private/$HOST.key -out /etc/ssl/certs/$HOST.pem \
        2>"$FOLDER/openssl.log"
}

# As README has it, with conf/token.conf.
make_accounts() {
    install -D -m 0644 $CONF/token.conf /usr/local/etc/token/token.conf
    tokenctl init --issuer https://$HOST/apiops/auth >/dev/null
    chgrp www-data /usr/local/etc/token/accounts /usr/local/etc/token/keys.jwks
    chmod 0640 /usr/local/etc/token/accounts /usr/local/etc/token/keys.jwks
    chown www-data /usr/local/etc/token/state
    tokenctl add demo <<<demo-secret
}

# --- The servers -----------------------------------------------------------------------------------------------

# The commands that stand at the head of a file in conf/, but for those of a package manager.
commands_of() {
    sed '/^#/!q' "$CONF/$1" | sed -n 's/^#     //p' | grep -vE '^(apt|systemctl) '
}

ask() {
    curl -sS --max-time "$PATIENCE" --cacert /etc/ssl/certs/$HOST.pem --resolve "$HOST:443:127.0.0.1" "$@"
}

is_serving() {
    [[ $(ask "$URL" 2>/dev/null) == *invalid_request* ]]
}

start_server() {
    commands_of "$1" >"$FOLDER/commands"
    if [[ $1 == apache-mod_proxy_fcgi.conf ]]; then
        commands_of nginx.conf | sed '/^nginx /d' >>"$FOLDER/commands"
        # shellcheck disable=SC2016 # the dollar is sed's
        sed -i '/^apache2 /{h;d};$G' "$FOLDER/commands" # last
    fi
    [[ -s $FOLDER/commands ]] || fail "no commands in $1"
    sed -i "${2:-}" "$FOLDER/commands"
    sh -e "$FOLDER/commands" </dev/null >"$FOLDER/server.log" 2>&1 &
    wait_until "the start of $1: $(cat "$FOLDER/commands")" is_serving
}

issues_token() {
    local answer
    answer=$(ask -d grant_type=client_credentials -d client_id=demo -d client_secret=demo-secret "$@")
    [[ $answer == *'"access_token":"ey'*'"expires_in":3600'* ]] || fail "no token: $answer"
}

in_log() {
    grep -q -- "$2" "$1" 2>/dev/null
}

# check_server CONF LOG [SED]: tokens over HTTPS and HTTP, and where the program's log is; SED changes the commands.
check_server() {
    start_server "$1" "${3:-}"
    issues_token "$URL"
    issues_token http://127.0.0.1:8080/apiops/auth/token
    [[ -z $2 ]] || wait_until "the program's log in $2" in_log "$2" 'outcome=issued reason=granted client_id="demo"'
}

# Apache writes the zone of a link-local address. Other clients of the link are not locked out with one.
check_link_local() {
    printf 'throttle_failures = 1\n' >>/usr/local/etc/token/token.conf
    start_server apache-mod_fcgid.conf
    ip address add fe80::78/64 dev lo nodad
    ask_from fe80::77 wrong | grep -q 'Bad credentials' || fail 'fe80::77 is not refused'
    ask_from fe80::77 demo-secret | grep -q rate_limit || fail 'fe80::77 is not throttled'
    ask_from fe80::78 demo-secret | grep -q access_token || fail 'fe80::78 is throttled with fe80::77'
    wait_until 'the log' in_log /var/log/apache2/error.log 'source=fe80::78 line='
}

# A client that connects to an address of this machine has the same address as its source.
ask_from() {
    curl -sS --max-time "$PATIENCE" --cacert /etc/ssl/certs/$HOST.pem --connect-to "$HOST:443:[$1%lo]:443" -d grant_type=client_credentials -d client_id=demo -d "client_secret=$2" "$URL"
}

check_fail2ban() {
    cp -r /etc/fail2ban "$FOLDER/fail2ban"
    mount --bind "$FOLDER/fail2ban" /etc/fail2ban
    rm -f /etc/fail2ban/jail.d/*
    cp $CONF/fail2ban-filter.conf /etc/fail2ban/filter.d/token-fcgi.conf
    cp $CONF/fail2ban-jail.conf /etc/fail2ban/jail.d/token-fcgi.conf
    # As its head says.
    sed -n 's/^#     //p' $CONF/fail2ban-jail.conf >/etc/fail2ban/jail.d/token-fcgi.local
    fail2ban-client --test || fail 'fail2ban refuses the jail'
    fail2ban-client -d | grep -F "['set', 'token-fcgi', 'addjournalmatch', '_SYSTEMD_UNIT=token.service', '_COMM=token.fcgi']"
}

check_units() {
    cp $CONF/token.socket $CONF/token.service "$FOLDER"
    systemd-analyze verify --man=no "$FOLDER/token.socket" "$FOLDER/token.service" >"$FOLDER/verify.log" 2>&1 ||
        fail "$(cat "$FOLDER/verify.log")"
    ! grep . "$FOLDER/verify.log" || fail 'systemd-analyze has something to say'
}

check_folders() {
    systemd-tmpfiles --create /usr/local/lib/tmpfiles.d/token.conf
    [[ $(stat -c '%a %U %G' /run/token /run/apache2 | tr '\n' ' ') == '750 root www-data 755 root root ' ]]
    tokenctl check
}

as_web_server() {
    setpriv --reuid www-data --regid www-data --clear-groups "$@"
}

# What the web server's user puts into /run/token leads root's spawn-fcgi nowhere.
check_web_server_user() {
    printf 'of root\n' >"$FOLDER/file"
    chmod 0600 "$FOLDER/file"
    systemd-tmpfiles --create /usr/local/lib/tmpfiles.d/token.conf
    as_web_server ln -s "$FOLDER/file" /run/token/token.pid 2>/dev/null || true
    as_web_server ln -s "$FOLDER/file" /run/token/token.sock 2>/dev/null || true
    start_server nginx.conf
    [[ $(<"$FOLDER/file") == 'of root' && $(stat -c '%U %a' "$FOLDER/file") == 'root 600' ]] ||
        fail "root's file is now $(stat -c '%U %a %s' "$FOLDER/file")"
    ! as_web_server rm -f /run/token/token.sock || fail 'it can replace the socket before root gives it an owner'
}

log_is_new() {
    grep -q outcome=issued /var/log/token/token.log 2>/dev/null
}

# logrotate, for which a folder of the user that is named there is enough, signals token.fcgi and nobody else.
check_logrotate() {
    local bystander pid
    sed 's/su token token/su www-data www-data/' $CONF/token.logrotate >"$FOLDER/logrotate.conf"
    chmod 0644 "$FOLDER/logrotate.conf"
    install -d -o www-data -g www-data -m 0750 /var/log/token
    printf 'log = /var/log/token/token.log\n' >>/usr/local/etc/token/token.conf
    start_server nginx.conf
    issues_token "$URL"
    wait_until 'the log' log_is_new
    logrotate -f -s "$FOLDER/logrotate.state" "$FOLDER/logrotate.conf"
    grep -q outcome=issued /var/log/token/token.log.1
    wait_until 'the new log' test -s /var/log/token/token.log
    issues_token "$URL"
    wait_until 'the new log' log_is_new
    sleep infinity &
    bystander=$!
    for pid in -1 0 "$bystander" "-$bystander" 1; do
        printf '%s' "$pid" >/run/token/token.pid
        (trap '' HUP && logrotate -f -s "$FOLDER/logrotate.state" "$FOLDER/logrotate.conf")
        kill -0 "$bystander" || fail "with $pid for a process, another one has got the signal"
    done
}

# shellcheck source=tests/integration/protect.bash
. "$REPOSITORY/tests/integration/protect.bash"

make_machine
install_programs
make_certificate
make_accounts
"$@"
