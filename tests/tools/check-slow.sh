#!/bin/bash
# check-slow.sh [NAME…]: all tests again, against builds with other compilers and sanitizers and under valgrind, and what
# is too slow for each change (tests/slow); and in other releases of Debian. Ends with a table, and fails if anything in it
# did.
set -u
here=$(cd "${0%/*}" && pwd)
results=()
failed=0

# A sanitizer's report ends the program, wherever its output goes.
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=1 suppressions=$here/tsan.supp"
# Valgrind says nothing but errors. What threads still have when the program ends is possibly lost, and none.
memcheck='valgrind -q --error-exitcode=99 --vgdb=no --fair-sched=try --leak-check=full'
memcheck+=' --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect'

is_wanted() {
    ((${#wanted[@]} == 0)) || [[ " ${wanted[*]} " == *" $1 "* ]]
}

# run NAME BUILD-VARIABLE… -- TEST-FILE…: builds, runs unit tests, corpora and these files, keeps the last line.
run() {
    local name=$1 variables=() build units status=0
    shift
    is_wanted "$name" || return 0
    while [[ $1 != -- ]]; do
        variables+=("$1")
        shift
    done
    shift
    build=build/slow/$name
    printf '\n%s\n' "=== $name: ${variables[*]}"
    # shellcheck disable=SC2086
    if make --no-print-directory -j2 "${variables[@]}" BUILD="$build" FCGI="$build/token.fcgi" TOKENCTL="$build/tokenctl" \
        WERROR=-Werror all unit-programs replay-programs >"$build.log" 2>&1; then
        mapfile -t units < <(find "$build/unit" "$build/replay" -type f -executable | sort)
        FCGI=$PWD/$build/token.fcgi TOKENCTL=$PWD/$build/tokenctl \
            "$here/check.sh" "$build/check" "${units[@]}" -- "$@" | tee "$build.out"
        status=${PIPESTATUS[0]}
    else
        tail -n 20 "$build.log"
        status=1
        printf 'it was not built\n' >"$build.out"
    fi
    ((status == 0)) || failed=1
    results+=("$(printf '%-16s %s' "$name" "$(tail -n 1 "$build.out")")")
}

# run_as_root NAME COMMAND…: keeps the last line. The table has the reason where it cannot be done here.
run_as_root() {
    local name=$1 status
    shift
    is_wanted "$name" || return 0
    printf '\n%s\n' "=== $name"
    if ((EUID != 0)); then
        results+=("$(printf '%-16s not run: it needs root' "$name")")
        return
    fi
    "$@" 2>&1 | tee "build/slow/$name.out"
    status=${PIPESTATUS[0]}
    ((status == 0 || status == 77)) || failed=1
    results+=("$(printf '%-16s %s' "$name" "$(tail -n 1 "build/slow/$name.out")")")
}

wanted=("$@")
mkdir -p build/slow
suites=(tests/integration/*.bats)
slow=(tests/slow/*.bats)
[[ -e ${slow[0]} ]] || slow=()
# How a copy of the tree is built, what other programs make of a token, and what a guide says, is the same for every build.
programs=()
# Under valgrind everything takes thirty times as long. Behind a web server the programs do the same as without.
alone=()
for suite in "${suites[@]}"; do
    [[ $suite == */@(make|clients|tokens|guides).bats ]] && continue
    programs+=("$suite")
    [[ $suite == */@(apache-*|lighttpd-*|nginx|haproxy|as_shipped|doctor|fail2ban|resource_servers).bats ]] || alone+=("$suite")
done

run gcc CC=gcc -- "${slow[@]}"
run clang CC=clang -- "${programs[@]}"
run asan CC=gcc SANITIZE=address,undefined -- "${programs[@]}"
run tsan CC=gcc SANITIZE=thread -- "${programs[@]}"
UNDER=$memcheck run valgrind CC=gcc -- "${alone[@]}"
run_as_root trixie "$here/in-release.sh" trixie
run_as_root bookworm-i386 "$here/in-release.sh" bookworm --arch=i386
for release in bookworm trixie; do
    run_as_root package-$release "$here/package.sh" $release
done

printf '\n'
printf '%s\n' "${results[@]}"
exit $failed
