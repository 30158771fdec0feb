#!/bin/bash
# in-release.sh RELEASE [--arch=ARCH] [--fresh=FOLDER] [COMMAND…]: copies the tree into a Debian release of its own below
# build/release/, without what was built here, and runs COMMAND there, `make check` if none is given. debootstrap makes the
# release once; it and the packages that are installed in it are kept. With --fresh nothing is kept: the release has no
# packages but debootstrap's, and FOLDER is copied in place of the tree. Needs root. The exit status is the command's; 77:
# this machine cannot run programs of ARCH.
#
#     tests/tools/in-release.sh trixie
#     tests/tools/in-release.sh bookworm --arch=i386 make unit
set -u
here=$(cd "${0%/*}/../.." && pwd)

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

[[ ${1:-} == [a-z]* ]] || stop 'usage: in-release.sh RELEASE [--arch=ARCH] [--fresh=FOLDER] [COMMAND…]'
release=$1
shift
arch=$(dpkg --print-architecture)
if [[ ${1:-} == --arch=* ]]; then
    arch=${1#--arch=}
    shift
fi
fresh=
if [[ ${1:-} == --fresh=* ]]; then
    fresh=$(realpath "${1#--fresh=}") || exit 1
    shift
fi
(($# > 0)) || set -- make check
minimal=$here/build/release/$release-$arch.minimal
root=$here/build/release/$release-$arch${fresh:+.fresh}
tree=/srv/token.fcgi

((EUID == 0)) || stop "$0 mounts file systems and changes its root: run it as root."

# The mirror that this machine installs from.
# shellcheck disable=SC2016
find_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1
}

# debootstrap has unpacked /bin/true when it first needs to run something.
cannot_run() {
    [[ -e $minimal.new/bin/true ]] && ! chroot "$minimal.new" /bin/true 2>/dev/null
}

# A release that is complete has its name. The certificates that this machine trusts, as npm may be behind a proxy.
make_minimal() {
    local mirror
    mirror=$(find_mirror)
    [[ -n $mirror ]] || stop 'apt knows no mirror of Debian: run apt-get update.'
    printf 'Installing %s for %s …\n' "$release" "$arch"
    rm -rf --one-file-system "$minimal.new"
    # It mounts /proc there, and does not unmount it where it is ended.
    unshare --mount --pid --fork --kill-child debootstrap --arch="$arch" --variant=minbase \
        --include=ca-certificates,make "$release" "$minimal.new" "$mirror" >"$minimal.log" 2>&1 || {
        ! cannot_run || {
            printf 'The kernel of this machine does not run programs of %s.\n' "$arch"
            exit 77
        }
        stop "debootstrap has failed ($minimal.log): $(tail -n 3 "$minimal.log")"
    }
    cp -r /usr/local/share/ca-certificates/. "$minimal.new/usr/local/share/ca-certificates/" 2>/dev/null
    chroot "$minimal.new" update-ca-certificates >>"$minimal.log" 2>&1
    mv "$minimal.new" "$minimal"
}

# A copy of the minimal release.
make_release() {
    [[ -e $minimal ]] || make_minimal
    rm -rf --one-file-system "$root" "$root.new"
    cp -a "$minimal" "$root.new"
    mv "$root.new" "$root"
}

copy_tree() {
    rm -rf --one-file-system "$root$tree"
    mkdir -p "$root$tree"
    tar -C "${fresh:-$here}" -cf - --exclude=./build --exclude=./run --exclude=./.git --exclude=./cgi-bin/token.fcgi . |
        tar -C "$root$tree" -xf -
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
}

# In namespaces of its own, so that with its first process all others end, and nothing stays mounted. That one stays a
# shell, which waits for orphans. The new root is a mount point, as tests that make a mount namespace need one.
# shellcheck disable=SC2016
inside='
    root=$1
    shift
    mount --bind "$root" "$root" && mount -t proc proc "$root/proc" && mount -t sysfs sysfs "$root/sys" &&
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts" &&
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" && mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" || exit 1
    chroot "$root" "$@"
    exit $?'

mkdir -p "${root%/*}"
exec 8>"$minimal.lock"
flock 8
[[ -e $root && -z $fresh ]] || make_release
copy_tree
# shellcheck disable=SC2016
unshare --mount --pid --fork --kill-child setarch "$([[ $arch == i386 ]] && echo linux32 || echo linux64)" \
    bash -c "$inside" inside "$root" \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    bash -c 'cd "$1" && shift && "$@"' in-release "$tree" "$@" 8>&- </dev/null
