# What the suites of the guides share. A guide is followed as it is installed, in a system that was just booted: real systemd,
# web servers, users and addresses. follow.bash says what of a guide is run, machine.bash on what.

set_up_guides() {
    not_under_valgrind 'the program that is installed is not a script'
    ((EUID == 0)) || skip 'a system is booted by root'
    command -v systemd-nspawn >/dev/null
    FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/token-guides.XXXXXX")
    export FOLDER
    boot true || { (($? == 77)) && skip 'no systemd can be booted here'; }
}

remove_guides() {
    rm -rf "${FOLDER:?}"
}

# boot COMMAND…
boot() {
    "$REPOSITORY/tests/tools/boot.sh" / "$FOLDER" env FCGI="$FCGI" TOKENCTL="$TOKENCTL" TOKENSYNC="$TOKENSYNC" \
        PATIENCE="$PATIENCE" "$@" 3>&- 4>&-
}

# follow WEB-SERVER GUIDE [SECTION…]
follow() {
    boot "$REPOSITORY/tests/guides/machine.bash" "$@"
}

behind_balancer() {
    follow "${1,,}" behind-a-load-balancer.md 'What the program sees' "$1" 'The balancer' 'Look at the result'
}

speaking_proxy() {
    follow "${1,,}" behind-a-load-balancer.md 'What the program sees' "The PROXY protocol and $1" \
        'The PROXY protocol and the balancer' 'Look at the result'
}

# on_three_machines GUIDE
on_three_machines() {
    command -v redis-sentinel >/dev/null || skip 'the package redis-sentinel is not installed'
    "$REPOSITORY/tests/guides/machines.bash" / "$FOLDER" "$1" 3>&- 4>&- || { (($? == 77)) && skip 'no network can be made here'; }
}
