#!/bin/bash
# need.sh SET…: installs what these sets of `packages` name and the machine lacks. Where nothing is missing it needs
# neither root nor a network. A failure is one sentence that says what to do.
set -u
here=$(dirname "$0")
log=build/packages.log

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

is_there() {
    local package=$1 witness=$2
    case $witness in
        -) dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ;;
        *.h) gcc -E -include "$witness" -x c /dev/null >/dev/null 2>&1 ;;
        python:*) /usr/bin/python3 -c "import ${witness#python:}" 2>/dev/null ;;
        *) PATH=$PATH:/usr/sbin:/sbin command -v "$witness" >/dev/null ;;
    esac
}

# is_of SETS SET…: whether one of a package's sets, separated by commas, is asked for.
is_of() {
    local sets=,$1, set
    shift
    for set in "$@"; do
        [[ $sets != *",$set,"* ]] || return 0
    done
    return 1
}

list_missing() {
    local package sets witness
    while read -r package sets witness; do
        ! is_of "$sets" "$@" || is_there "$package" "$witness" || printf '%s\n' "$package"
    done < <(grep -v -e '^#' -e '^$' "$here/packages")
}

# Debian starts a server when it is installed; on a machine that has no such policy yet these ones are not to be.
# apt-get's standard input is closed: nobody may be there to answer.
install_as_root() {
    # shellcheck disable=SC2016
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap "rm -f $policy" EXIT
            printf "#!/bin/sh\nexit 101\n" >$policy && chmod 0755 $policy
        fi
        apt-get -o DPkg::Lock::Timeout=300 update
        apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
    ' install_as_root "${missing[@]}" </dev/null >"$log" 2>&1
}

mapfile -t missing < <(list_missing "$@")
((${#missing[@]} > 0)) || exit 0
command="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"

as_root=()
if ! command -v apt-get >/dev/null; then
    stop "There is no apt-get here: install what Debian calls ${missing[*]}, then run make again."
elif ((EUID != 0)); then
    command -v sudo >/dev/null || stop "Packages are missing, and there is no sudo: as root, run: $command"
    as_root=(sudo)
    # Without a terminal it must not wait for a password.
    [[ -t 0 ]] || as_root=(sudo -n)
    "${as_root[@]}" true || stop "Packages are missing, and sudo refuses: as root, run: $command"
fi

mkdir -p "$(dirname "$log")" || exit 1
printf 'Installing %s …\n' "${missing[*]}"
install_as_root || stop "The packages could not be installed ($log says why): see to the network, or as root, run: $command"
mapfile -t missing < <(list_missing "$@")
((${#missing[@]} == 0)) || stop "Still missing after apt-get ($log): install ${missing[*]}, then run make again."
