#!/bin/bash
# package.sh RELEASE: makes the Debian package in this release, has lintian look at it there, and tests it in a fresh
# installation of the release: the guides as the package installs them, where systemd can be booted (tests/guides), and its
# own life (tests/slow/package.bash). Needs root.
set -eu
here=$(cd "${0%/*}/../.." && pwd)
release=$1
folder=$here/build/slow/package-$release
root=$here/build/release/$release-$(dpkg --print-architecture)

in_release() {
    "$here/tests/tools/in-release.sh" "$release" "$@"
}

# What the guides take for granted. No package starts its service while it is installed.
# shellcheck disable=SC2016
prepare='
    export DEBIAN_FRONTEND=noninteractive
    printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d
    chmod 0755 /usr/sbin/policy-rc.d
    apt-get -qq update
    apt-get -qq install ./token.fcgi_*.deb curl dbus haproxy hostname iproute2 jq nginx openssh-server openssl redis-sentinel \
        redis-server redis-tools rsync sudo systemd \
        >apt.log 2>&1 || { tail apt.log; exit 1; }'

# follow GUIDE [SECTION…]
follow() {
    try "$1" "$here/tests/tools/boot.sh" "$root.fresh" "$folder" "$folder/guides/machine.bash" nginx "$@"
}

on_three_machines() {
    try "$1" "$here/tests/guides/machines.bash" "$root.fresh" "$folder" "$1"
}

# try GUIDE COMMAND…
try() {
    local status=0
    "${@:2}" >"$folder/guide.log" 2>&1 || status=$?
    if ((status == 77)); then
        printf '%s: not followed, no systemd can be booted here\n' "$1"
    elif ((status != 0)); then
        tail -n 60 "$folder/guide.log"
        return 1
    else
        tail -n 1 "$folder/guide.log"
    fi
}

in_release sh -ec '
    make --no-print-directory deps SETS=package
    make --no-print-directory deb
    lintian --fail-on error,warning build/package/token.fcgi_*.deb'
rm -rf "$folder"
mkdir -p "$folder"
cp "$root"/srv/token.fcgi/build/package/token.fcgi_*.deb "$here/tests/slow/package.bash" "$here/tests/integration/wait.bash" \
    "$here/src/doc/install-debian.md" "$folder"
cp -r "$here/tests/guides" "$folder"

in_release --fresh="$folder" sh -ec "$prepare"
follow behind-a-load-balancer.md 'What the program sees' nginx 'The balancer' 'Look at the result'
follow rotation.md
follow several-machines.md
on_three_machines token-sync.md
follow backup-and-restore.md
follow upgrade.md 'The package' 'Look at the result'
follow moving-from.md

in_release --fresh="$folder" bash package.bash
