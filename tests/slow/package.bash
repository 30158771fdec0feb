#!/bin/bash
# package.bash: installs, uses, upgrades, removes and purges the Debian package as install-debian.md says, in a release that
# was just made (in-release.sh --fresh). The folder of this script has the package, the guide and wait.bash. systemd is not
# the first process here, so systemctl is a function, which starts what the units name, as the users and with the sockets
# that they name. What it starts ends with the namespaces of in-release.sh. Ends with the number of steps that passed and
# failed.
set -eu
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive
GUIDE=$PWD/install-debian.md
PATIENCE=60
STEP=
PASSED=0

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

finish() {
    local status=$?
    ((status == 0)) || { printf 'not ok %s\n' "$STEP"; tail -n 30 ./*.log /var/log/nginx/*.log || true; }
    printf '%d passed, %d failed\n' "$PASSED" $((status != 0))
}

# step NAME: the one before has passed.
step() {
    [[ -z $STEP ]] || { printf 'ok %s\n' "$STEP"; PASSED=$((PASSED + 1)); }
    STEP=$1
}

# shellcheck source=tests/integration/wait.bash
. ./wait.bash

# --- The guide -------------------------------------------------------------------------------------------------

# guide SECTION [LINES]: its commands, or those of these lines, as sed has them.
guide() {
    local commands
    commands=$(awk -v section="## $1" '/^## / { inside = $0 == section } inside && sub(/^    /, "")' "$GUIDE" | sed -n "${2:-1,$}p")
    [[ -n $commands ]] || fail "no command ${2:-} in '$1' of the guide"
    printf '%s\n' "$commands"
}

# follow SECTION [LINES]
follow() {
    local commands
    commands=$(guide "$@")
    eval "$commands"
}

# shellcheck disable=SC2317 # the guide calls it
sudo() {
    "$@"
}

# --- In place of systemd ---------------------------------------------------------------------------------------

# unit UNIT KEY: the value in the unit's file.
unit() {
    local file
    for file in {/usr,}/lib/systemd/system/"$1"; do
        [[ ! -e $file ]] || { sed -n "s/^$2=//p" "$file"; return; }
    done
    fail "$1 is not installed"
}

process_of() {
    pgrep -x token.fcgi || true
}

is_running() {
    [[ -n $(process_of) ]]
}

is_gone() {
    ! is_running
}

# socket_is_there: systemd makes it with the owner and mode that it is to have.
socket_is_there() {
    [[ -S $(unit token.socket ListenStream) ]]
}

start_token() {
    local socket user group
    socket=$(unit token.socket ListenStream)
    user=$(unit token.service User) group=$(unit token.service Group)
    [[ $(unit token.service NonBlocking) == yes ]] || fail 'another way to pass the socket'
    install -d -o "$user" -g "$group" -m "$(unit token.service StateDirectoryMode)" "/var/lib/$(unit token.service StateDirectory)"
    install -d -o "$user" -g "$group" -m "$(unit token.service LogsDirectoryMode)" "/var/log/$(unit token.service LogsDirectory)"
    rm -f "$socket"
    # It starts the program with the first connection.
    systemd-socket-activate -l "$socket" -E "$(unit token.service Environment)" \
        setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs --bounding-set=-all \
        "$(unit token.service ExecStart)" </dev/null >>token.log 2>&1 &
    wait_until 'the socket' socket_is_there
    chown "$(unit token.socket SocketUser):$(unit token.socket SocketGroup)" "$socket"
    chmod "$(unit token.socket SocketMode)" "$socket"
}

stop_token() {
    ! is_running || kill "$(process_of)"
    wait_until 'the end of token.fcgi' is_gone
}

# shellcheck disable=SC2317 # the guide calls it
systemctl() {
    case $* in
        'reload nginx') nginx -t 2>>nginx.log && nginx -s reload ;;
        'reload token.service') ! is_running || kill -HUP "$(process_of)" ;;
        'restart fail2ban') : ;;
        *) fail "systemctl $*" ;;
    esac
}

# --- What is looked at -----------------------------------------------------------------------------------------

# owners FILE…: "MODE USER:GROUP FILE", a line each.
owners() {
    stat -c '%a %U:%G %n' "$@"
}

# ask SECRET: the guide's curl.
ask() {
    local command
    command=$(guide 'Three commands' 4)
    eval "${command/SECRET/$1} -sS"
}

issues_token() {
    [[ $(ask "$1" 2>&1) == *'"access_token":"ey'* ]]
}

# state_of_files: what an upgrade must not change.
state_of_files() {
    (cd /etc/token && sha256sum accounts keys.jwks token.conf && owners accounts keys.jwks token.conf /var/lib/token)
}

# The same package as a later version, in which a file of /etc is new.
make_later_package() {
    dpkg-deb -R token.fcgi_*.deb later
    sed -i 's/^Version: .*/&+later/' later/DEBIAN/control
    printf '# later\n' >>later/etc/nginx/sites-available/token.fcgi
    mkdir -p newer
    dpkg-deb -b later newer/token.fcgi_later.deb >/dev/null
    rm -r later
}

# --- The steps -------------------------------------------------------------------------------------------------

online() {
    local owners
    printf 'APT::Get::Assume-Yes "true";\n' >/etc/apt/apt.conf.d/assume-yes
    # No package starts its service here, as there is no network of its own yet.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 0755 /usr/sbin/policy-rc.d
    step 'the tools of this test are installed'
    apt-get -qq update
    apt-get -qq install --no-install-recommends curl iproute2 logrotate procps >apt.log 2>&1

    step 'the first command installs it, and nginx, and no compiler'
    follow 'Three commands' 1 >>apt.log 2>&1
    ! command -v gcc || fail 'there is a compiler'
    command -v nginx >/dev/null
    [[ $(getent passwd token) == */nologin ]]
    [[ -L /etc/systemd/system/sockets.target.wants/token.socket ]]
    owners=$(owners /etc/token/{accounts,keys.jwks,token.conf} /var/lib/token /run/token)
    [[ $owners == "640 root:token /etc/token/accounts
640 root:token /etc/token/keys.jwks
644 root:root /etc/token/token.conf
700 token:token /var/lib/token
750 root:www-data /run/token" ]] || fail "$owners"
    tokenctl check

    step 'fail2ban is installed, and does not know the jail until it is enabled'
    follow fail2ban 1 >>apt.log 2>&1
    fail2ban-client -d >fail2ban.log
    ! grep "'add', 'token-fcgi'" fail2ban.log || fail 'the jail is enabled'
}

first_token() {
    local began=$EPOCHREALTIME
    step 'the second and the third command, and a token through nginx'
    ip link set lo up
    # What the packages start where systemd is.
    nginx
    start_token
    SECRET=$(follow 'Three commands' 2)
    follow 'Three commands' 3
    issues_token "$SECRET" || fail "$(ask "$SECRET")"
    awk -v began="$began" -v ended="$EPOCHREALTIME" 'BEGIN { printf "# %.1f s\n", ended - began }'
    ! issues_token wrong || fail 'a wrong secret is accepted'

    step 'the service runs as the user of its unit, and only the web server may connect'
    [[ $(ps -o user=,group= -p "$(process_of)" | tr -s ' ') == 'token token' ]]
    [[ $(owners /run/token/token.sock) == '660 token:www-data /run/token/token.sock' ]]
    [[ $(owners /var/lib/token/throttle.mdb) == *' token:token '* ]]
    if setpriv --reuid=nobody --regid=nogroup --clear-groups cat /etc/token/keys.jwks 2>/dev/null; then
        fail 'others can read the keys'
    fi
}

system_files() {
    step 'systemd accepts the units, and counts next to nothing that the service could do harm by'
    systemd-analyze verify --man=no token.socket token.service >verify.log 2>&1 || fail "$(<verify.log)"
    ! grep token verify.log || fail 'systemd-analyze has something to say'
    systemd-analyze security --offline=yes --threshold=15 --no-pager token.service >security.log || fail "$(<security.log)"

    step 'bash completes what tokenctl takes'
    # shellcheck disable=SC1091
    source /usr/share/bash-completion/completions/tokenctl
    complete_with tokenctl l
    [[ ${COMPREPLY[*]} == 'lock list' ]]
    complete_with tokenctl lock ''
    [[ ${COMPREPLY[*]} == demo ]]

    step 'fail2ban: the jail is enabled, and reads the journal'
    follow fail2ban 2,4 >>fail2ban.log 2>&1
    fail2ban-client -d >fail2ban.log 2>&1
    grep -q "'set', 'token-fcgi', 'addjournalmatch', '_SYSTEMD_UNIT=token.service', '_COMM=token.fcgi'" fail2ban.log
}

# complete_with WORD…: as bash does when TAB is pressed after the last one.
complete_with() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _tokenctl "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
}

in_log() {
    grep -qs outcome=issued "$1"
}

log_rotation() {
    step 'a log file, which logrotate rotates'
    follow 'A log file'
    issues_token "$SECRET"
    wait_until 'the log' in_log /var/log/token/token.log
    # logrotate finds the process by this where systemd is not.
    process_of >/run/token/token.pid
    logrotate -f /etc/logrotate.d/token.fcgi
    in_log /var/log/token/token.log.1
    wait_until 'the new log' test -s /var/log/token/token.log
    issues_token "$SECRET"
    wait_until 'the line in the new log' in_log /var/log/token/token.log
    [[ $(owners /var/log/token/token.log) == '640 token:token '* ]]
    rm /run/token/token.pid
}

issuer_is() {
    ask "$SECRET" 2>/dev/null | grep -o '"access_token":"[^"]*' | cut -d '"' -f 4 | tokenctl inspect 2>/dev/null |
        grep -qF "\"$1\""
}

its_name() {
    step 'another issuer'
    follow 'Its name and TLS'
    wait_until 'the new issuer' issuer_is https://api.example.com/apiops/auth
}

upgrade() {
    local before
    step 'an upgrade: accounts, keys and settings stay, and files that nobody changed are new'
    before=$(state_of_files)
    make_later_package
    (cd newer && follow 'Upgrade, remove, purge' 1 >>../apt.log 2>&1)
    stop_token
    start_token
    [[ $(dpkg-query -W -f '${Version}' token.fcgi) == *+later ]]
    [[ $(state_of_files) == "$before" ]] || fail "$(state_of_files)"
    [[ $(tail -n 1 /etc/nginx/sites-available/token.fcgi) == '# later' ]]
    issues_token "$SECRET"

    step 'what was removed on purpose is not made at an upgrade, and what is there is not made at an installation'
    mv /etc/token/keys.jwks .
    /var/lib/dpkg/info/token.fcgi.postinst configure 0.0.1
    [[ ! -e /etc/token/keys.jwks ]]
    mv keys.jwks /etc/token
    /var/lib/dpkg/info/token.fcgi.postinst configure >>apt.log
    [[ $(state_of_files) == "$before" ]] || fail "$(state_of_files)"

    step 'an installation that was interrupted before the owners were set is completed'
    chown root:root /etc/token/accounts /etc/token/keys.jwks /var/lib/token
    /var/lib/dpkg/info/token.fcgi.postinst configure >>apt.log
    [[ $(state_of_files) == "$before" ]] || fail "$(state_of_files)"

    step 'removed and installed again: the same accounts, keys and settings'
    stop_token
    follow 'Upgrade, remove, purge' 2 >>apt.log 2>&1
    [[ ! -e /usr/bin/tokenctl ]] || fail 'it was not removed'
    [[ ! -e /usr/libexec/token.fcgi ]]
    [[ $(state_of_files) == "$before" ]]
    follow 'Three commands' 1 >>apt.log 2>&1
    start_token
    issues_token "$SECRET"
    [[ $(state_of_files) == "$before" ]]
}

purge() {
    local left
    step 'purged: nothing is left but the user, and nginx still starts'
    stop_token
    rm /etc/fail2ban/jail.d/token-fcgi.local
    follow 'Upgrade, remove, purge' 3 >>apt.log 2>&1
    left=$(find / -xdev \( -path "$PWD" -o -path /proc -o -path /sys -o -path /var/log/nginx -o -path /var/lib/systemd \) -prune -o \
        \( -name '*token.fcgi*' -o -name 'token-fcgi*' -o -name tokenctl -o -path '*/token/*' -o -name token \) \
        ! -path '/run/token*' -print)
    [[ -z $left ]] || fail "$left"
    nginx -t 2>>nginx.log
    getent passwd token
}

trap finish EXIT
if [[ ${1:-} != offline ]]; then
    online
    step ''
    # From here on with ports of its own.
    exec unshare --net bash "${0##*/}" offline $PASSED
fi
PASSED=$2
first_token
system_files
log_rotation
its_name
upgrade
purge
step ''
