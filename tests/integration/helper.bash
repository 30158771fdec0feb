# What the integration tests share: a folder of their own with accounts and keys, free ports, servers started and
# ended by their own pid, and waiting for events instead of sleeping.
#
# FCGI, TOKENCTL and TOKENSYNC name the programs under test, so that the suite runs against any build. UNDER, if there is one, is
# valgrind with its options, and the programs run under it: UNDER='valgrind -q'.

REPOSITORY=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
export REPOSITORY
export FCGI=${FCGI:-$REPOSITORY/cgi-bin/token.fcgi} TOKENCTL=${TOKENCTL:-$REPOSITORY/build/tokenctl}
export TOKENSYNC=${TOKENSYNC:-${TOKENCTL%/*}/token-sync}
export PATH=$PATH:/usr/sbin:/sbin
# The longest wait for anything: a busy machine and a sanitizer build must get there, a hang must not last.
PATIENCE=60
[[ -z ${UNDER:-} ]] || PATIENCE=360

fail() {
    printf '%s\n' "$*" >&2
    return 1
}

# shellcheck source=tests/integration/wait.bash
. "$REPOSITORY/tests/integration/wait.bash"

# A JWT in a log, for grep -E. The `jti` of a line is random, and may hold eyJ, but no dot follows it.
# shellcheck disable=SC2034 # the suites use it
JWT='eyJ[A-Za-z0-9_-]*[.]'

# --- The folder ------------------------------------------------------------------------------------------------

# Started by root, the servers run as www-data, and so does the program.
own() {
    [[ $EUID -ne 0 ]] || chown -R www-data:www-data "$@"
}

# install_program FILE NAME: a copy in DIR, as a web server's user may not reach the repository.
install_program() {
    if [[ -z ${UNDER:-} ]]; then
        cp "$1" "$DIR/$2"
    else
        cp "$1" "$DIR/originals/$2"
        write_launcher "$DIR/originals/$2" >"$DIR/$2"
        chmod 0755 "$DIR/$2"
    fi
}

# write_launcher PROGRAM: a script that becomes valgrind on the program. What that finds goes to a file in DIR/reports,
# for every user and every end of it; opened by valgrind, the file would be descriptor 1 or 2 where they are closed.
# lighttpd ends a CGI process when it has the answer, in the middle of freeing, which looks like a leak.
write_launcher() {
    cat <<END
#!/bin/sh
[ -z "\$GATEWAY_INTERFACE" ] || trap '' TERM
exec 9>'$DIR/reports/'\$\$
exec $UNDER --log-fd=9 '$1' "\$@"
END
}

# Makes DIR with the programs and a token.conf. What root starts becomes www-data.
make_folder() {
    DIR=$(mktemp -d "${TMPDIR:-/tmp}/token-test.XXXXXX")
    export DIR CONF=$DIR/etc/token.conf
    chmod 0755 "$DIR"
    mkdir "$DIR/log" "$DIR/run" "$DIR/pids" "$DIR/ports" "$DIR/secrets" "$DIR/replies" "$DIR/originals" "$DIR/reports"
    chmod 0700 "$DIR/run"
    chmod 1777 "$DIR/reports"
    install_program "$FCGI" token.fcgi
    install_program "$TOKENCTL" tokenctl
    mkdir "$DIR/etc"
    tokenctl init --issuer https://api.example.com/apiops/auth --alg HS256
    configure log "$DIR/log/token.log"
    [[ $EUID -ne 0 ]] || configure user www-data
    if [[ -n ${UNDER:-} ]]; then
        # Valgrind writes and executes memory itself, and a hash takes ten times as long and more.
        configure sandbox no
        configure request_timeout $PATIENCE
    fi
    # All that the tests get wrong comes from one address.
    configure throttle_failures 1000000
    configure throttle_source_failures 1000000
    own "$DIR/etc" "$DIR/log" "$DIR/run"
}

tokenctl() {
    "$DIR/tokenctl" -c "$CONF" "$@"
}

# configure KEY VALUE: sets a key of token.conf, in one step, as a process may be reading it.
configure() {
    { grep -v "^$1 *=" "$CONF"; printf '%s = %s\n' "$1" "$2"; } >"$CONF.new"
    own "$CONF.new"
    mv "$CONF.new" "$CONF"
}

# unconfigure KEY
unconfigure() {
    sed -i "/^$1 *=/d" "$CONF"
    own "$CONF"
}

# add_account ID SECRET [OPTION…]
add_account() {
    local id=$1 secret=$2
    shift 2
    tokenctl add "$id" "$@" <<<"$secret"
}

# --- Processes -------------------------------------------------------------------------------------------------

# start NAME COMMAND…: in the background, its output in log/NAME.log, its pid in pids/NAME.
start() {
    local name=$1
    shift
    # bats waits for every process that holds its descriptors.
    "$@" >>"$DIR/log/$name.log" 2>&1 3>&- 4>&- &
    printf '%s\n' $! >"$DIR/pids/$name"
}

pid_of() {
    cat "$DIR/pids/$1"
}

is_running() {
    [[ -d /proc/$1 && $(ps -o stat= -p "$1") != Z* ]]
}

is_gone() {
    ! is_running "$1"
}

# Pids of a process and its descendants.
descendants() {
    ps -e -o pid= -o ppid= | awk -v root="$1" '
        { parent[$1] = $2 }
        END {
            for (pid in parent) {
                for (p = pid; p in parent && p != root; p = parent[p]);
                if (p == root) print pid
            }
        }'
}

# Valgrind's processes have a name of their own.
is_program() {
    [[ $(cat "/proc/$1/comm" 2>/dev/null) == @(token.fcgi|memcheck-*) ]]
}

# Pids of token.fcgi: the server NAME itself, or its descendants. One that was just started is not among them, until it
# has threads: before it holds its signals back SIGHUP would end it.
responders() {
    local pid
    for pid in $(descendants "$(pid_of "$1")"); do
        ! is_program "$pid" ||
            grep -qs '^Threads:[[:space:]]*1$' "/proc/$pid/status" || printf '%s\n' "$pid"
    done
}

# stop NAME [SIGNAL]: ends a server and waits for it and all that it started.
stop() {
    local name=$1 signal=${2:-TERM} pid family member
    [[ -e $DIR/pids/$name ]] || return 0
    pid=$(pid_of "$name")
    family=$(descendants "$pid")
    kill -s "$signal" "$pid" 2>/dev/null || true
    rm -f "$DIR/pids/$name"
    for member in $pid $family; do
        wait_until "the end of $name, process $member: $(ps -o args= -p "$member")" is_gone "$member" || return
    done
}

# takes COMMAND…: sets TAKES, the microseconds that it takes.
takes() {
    local began=${EPOCHREALTIME/[.,]/}
    "$@"
    TAKES=$((${EPOCHREALTIME/[.,]/} - began))
}

# is_killed_at PART PARTS COMMAND…: kills it after PART of the PARTS equal parts of TAKES. False if it has ended before.
is_killed_at() {
    local status=0 us=$((TAKES * $1 / $2 + 1))
    shift 2
    timeout --foreground -s KILL "$(printf '%d.%06d' $((us / 1000000)) $((us % 1000000)))" "$@" || status=$?
    ((status == 137))
}

# Processes of this folder: their command lines name it.
left_over() {
    ps -e -o pid= -o args= | awk -v dir="$DIR/" 'index($0, dir) && !/awk -v dir/ { print }'
}

nothing_left_over() {
    [[ -z $(left_over) ]]
}

# Ends everything, whatever became of the tests, and says so if a process outlived its server.
remove_folder() {
    local name failed=0
    [[ -n ${DIR:-} ]] || return 0
    for name in "$DIR"/pids/*; do
        [[ ! -e $name ]] || stop "${name##*/}" || failed=1
    done
    if ! wait_until "the end of all processes" nothing_left_over; then
        left_over >&2
        left_over | awk '{ print $1 }' | xargs -r kill -KILL
        failed=1
    fi
    nothing_is_reported || failed=1
    release_ports
    rm -rf "$DIR"
    return $failed
}

# By a sanitizer, or by valgrind, whose every word is an error.
nothing_is_reported() {
    ! grep -rE 'ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:' "$DIR/log" >&2 &&
        ! grep -r . "$DIR/reports" >&2
}

# not_under_valgrind WHY
not_under_valgrind() {
    [[ -z ${UNDER:-} ]] || skip "$1"
}

# For a test that failed: what the servers and the program had to say. A log may be a FIFO, which has no end.
show_logs() {
    [[ -n ${BATS_TEST_COMPLETED:-} ]] || find "$DIR/log" -maxdepth 1 -type f -exec tail -v -n 20 {} + || true
}

# Whether somebody listens on the Unix socket. It has its name before, and what is connected to it has that name, too. One of
# datagrams only has a name.
is_bound() {
    awk -v path="$1" '
        $NF == path && ($5 == "0002" || substr($4, 4, 1) == "1") { found = 1 } END { exit !found }' /proc/net/unix
}

# --- Ports -----------------------------------------------------------------------------------------------------

is_listening() {
    [[ -n $(ss -Hltn "sport = :$1") ]]
}

# Prints a port that nobody listens on. A folder claims it among tests that run at once; below the range in
# which the kernel picks ports for clients.
free_port() {
    local port
    while :; do
        port=$((RANDOM % 12000 + 20000))
        mkdir "${TMPDIR:-/tmp}/token-test-port.$port" 2>/dev/null || continue
        : >"$DIR/ports/$port"
        ! is_listening $port || continue
        printf '%s\n' $port
        return
    done
}

release_ports() {
    local claim
    for claim in "$DIR"/ports/*; do
        [[ ! -e $claim ]] || rmdir "${TMPDIR:-/tmp}/token-test-port.${claim##*/}"
    done
}
