# conf/Containerfile and containers.md, word for word, with podman. The image is built from the package of `make deb`, on a
# base that debootstrap makes, as no registry is asked here.

load ../integration/helper

setup_file() {
    not_under_valgrind 'the program is the one of the package'
    ((EUID == 0)) || skip 'namespaces and debootstrap take root'
    command -v podman >/dev/null
    # Where the container's user may go.
    FOLDER=$(mktemp -d /tmp/token-container.XXXXXX)
    export FOLDER
    chmod 0755 "$FOLDER"
}

teardown_file() {
    rm -rf --one-file-system "${FOLDER:?}"
}

@test "guide: containers, with podman" {
    PATIENCE=60 unshare --mount --pid --fork --kill-child --mount-proc \
        bash "$REPOSITORY/tests/slow/container.bash" "$FOLDER" 3>&- 4>&-
}
