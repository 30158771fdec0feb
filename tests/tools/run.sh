#!/bin/bash
# run.sh TOKEN.FCGI TOKENCTL PORT: a demo in run/: an account, a key, and lighttpd on 127.0.0.1:PORT in front of
# token.fcgi, until Ctrl-C. What run/ holds already is kept.
set -u
program=$(realpath "$1") tokenctl=$(realpath "$2") port=$3
conf=$(realpath conf/lighttpd-fastcgi.conf)
url=http://127.0.0.1:$port/apiops/auth
umask 077

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

tokenctl() {
    "$tokenctl" -c token.conf "$@"
}

# The secret is kept, so that the curl line can be printed again; the accounts file has only its hash.
make_account() {
    local command=add options=(--scope 'read write')
    if tokenctl list | grep -q '^demo[[:space:]]'; then
        command=passwd options=()
        [[ ! -s secret ]] || return 0
    fi
    if [[ -s secret ]]; then
        tokenctl "$command" demo "${options[@]}" <secret
    else
        tokenctl "$command" demo --generate "${options[@]}" >secret.new && mv secret.new secret
    fi
}

# The configuration for lighttpd that conf/ has, without TLS, without a user to become, and with the log on the terminal.
# Paths are relative to run/: a socket's has little room, and lighttpd takes a blank in the program's for its end.
write_lighttpd_conf() {
    sed -e "/^\$SERVER\[\"socket\"\]/,\$d" \
        -e '/^accesslog\./d; /^server\.\(username\|groupname\|pid-file\|errorlog\|breakagelog\) /d' \
        -e 's/"mod_accesslog", //; s/, "mod_openssl"//' \
        -e 's|/usr/local/libexec/|./|; s|/usr/local/etc/token/||; s|/run/token/lighttpd/||' \
        -e 's|/var/www/html|www|; s|/var/cache/lighttpd/uploads|.|' \
        -e "s/^server.port = .*/server.port = $port/" "$conf" >lighttpd.conf
}

is_answered() {
    [[ $(curl -s -m 10 --noproxy '*' "$url/token") == *invalid_request* ]]
}

children_of() {
    cat "/proc/$1/task/$1/children" 2>/dev/null
}

# Ends lighttpd, and returns when token.fcgi has ended, too.
end_server() {
    local pid family
    trap '' INT TERM HUP
    family=$(children_of "$server")
    kill -TERM "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    for pid in $family; do
        while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    done
}

start_server() {
    PATH=$PATH:/usr/sbin:/sbin lighttpd -D -f lighttpd.conf &
    server=$!
    trap 'end_server; exit 0' INT TERM HUP
    until is_answered; do
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.05
    done
}

if [[ ! $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65535)); then
    stop "$port is no port: give one from 1 to 65535, as in: make run PORT=8081"
fi
! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null ||
    stop "Port $port is taken: end what listens there, or choose another one, as in: make run PORT=$((port % 65535 + 1))"

mkdir -p run/www && cd run && ln -sf "$program" token.fcgi || exit 1
tokenctl init --issuer "$url" >init.log || exit 1
make_account || exit 1
write_lighttpd_conf
start_server || stop "lighttpd did not start, for the reason above: mend that and run make run again."

printf '\nPaste this into another terminal; Ctrl-C ends the demo.\n\n'
printf "    curl -d grant_type=client_credentials -d client_id=demo -d 'client_secret=%s' %s/token\n\n" "$(<secret)" "$url"
wait "$server"
end_server
stop "lighttpd has ended by itself, for the reason above."
