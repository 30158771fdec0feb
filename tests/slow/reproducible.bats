# Two builds of the same tree, in two folders, give the same bytes: the programs, and the Debian package.

load ../integration/helper

setup() {
    make_folder
    export CCACHE_DISABLE=1
    for copy in "$DIR/one" "$DIR/a-longer-name"; do
        mkdir -p "$copy"
        (cd "$REPOSITORY" && git ls-files -z | xargs -0 cp --parents -t "$copy")
    done
}

teardown() {
    remove_folder
}

# build TARGET: in both copies, with the variables of neither this test nor the make that started it.
build() {
    for copy in "$DIR/one" "$DIR/a-longer-name"; do
        env -u FCGI -u TOKENCTL -u BUILD -u SANITIZE -u MAKEFLAGS -u MAKELEVEL make -C "$copy" --no-print-directory "$1" >"$DIR/log/build" 2>&1 3>&- ||
            fail "$(tail -n 20 "$DIR/log/build")"
    done
}

@test "the programs" {
    build all
    local program
    for program in cgi-bin/token.fcgi build/tokenctl; do
        cmp "$DIR/one/$program" "$DIR/a-longer-name/$program"
    done
}

@test "the Debian package" {
    ((EUID == 0)) || skip 'make deps needs root'
    build deb
    cd "$DIR/one"
    local package count=0
    for package in build/package/*.deb; do
        cmp "$package" "$DIR/a-longer-name/$package"
        count=$((count + 1))
    done
    ((count > 0))
}
