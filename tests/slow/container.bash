#!/bin/bash
# container.bash FOLDER: does what containers.md says, in mount and process namespaces that container.bats makes, and for all
# but the image in a network of its own, with nginx in front.
set -eu
# The package has its own programs.
unset FCGI TOKENCTL
FOLDER=$1
REPOSITORY=$(cd "${0%/*}/../.." && pwd)
GUIDE=$REPOSITORY/src/doc/containers.md
follow() {
    "$REPOSITORY/tests/guides/follow.bash" "$GUIDE" "$@"
}

# podman has its images, containers and secrets in FOLDER. A machine that is itself a container may neither raise limits nor
# use cgroups of two versions, so no container gets limits of those here; the build is a chroot.
set_up_podman() {
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /srv
    ! mountpoint -q /sys/fs/cgroup || umount -R /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mkdir -p "$FOLDER/storage" "$FOLDER/lib" /var/lib/containers
    mount --bind "$FOLDER/lib" /var/lib/containers
    cat >"$FOLDER/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
cgroups = "disabled"
log_driver = "k8s-file"
END
    export CONTAINERS_CONF=$FOLDER/containers.conf BUILDAH_ISOLATION=chroot
}

# The release that this machine is, as in-release.sh makes it.
make_base() {
    local release
    # shellcheck disable=SC1091
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    "$REPOSITORY/tests/tools/in-release.sh" "$release" true
    tar -C "$REPOSITORY/build/release/$release-$(dpkg --print-architecture).minimal" -c . |
        podman import - "$(sed -n 's/^ARG BASE=//p' "$REPOSITORY/conf/Containerfile")"
}

serve() {
    sed "s|/var/log/nginx|$FOLDER|" "$REPOSITORY/conf/nginx-site.conf" >"$FOLDER/nginx-site.conf"
    cat >"$FOLDER/nginx.conf" <<END
user www-data;
pid $FOLDER/nginx.pid;
error_log $FOLDER/nginx.log;
events {}
http {
    include $FOLDER/nginx-site.conf;
}
END
    ip link set lo up
    nginx -c "$FOLDER/nginx.conf"
}

if [[ ${2:-} != offline ]]; then
    set_up_podman
    make_base >"$FOLDER/base.log" 2>&1 || { cat "$FOLDER/base.log"; exit 1; }
    mkdir "$FOLDER/tree"
    (cd "$REPOSITORY" && tar -cf - --exclude=./build --exclude=./run --exclude=./.git .) | tar -xf - -C "$FOLDER/tree"
    (cd "$FOLDER/tree" && PATH=$PATH follow 'The image')
    exec unshare --net bash "$0" "$FOLDER" offline
fi
serve
follow 'The folders of the host' 'The service' 'Secrets of the container runtime'
# Nothing of the installation's own is in the image.
podman run --rm --network=none --entrypoint=ls token.fcgi /etc/token >"$FOLDER/listing"
[[ $(<"$FOLDER/listing") == token.conf ]]
[[ $(podman inspect --format='{{.Config.User}}' token.fcgi) == token ]]
