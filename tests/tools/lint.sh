#!/bin/bash
# lint.sh COMPILER-FLAG…: format, static analysis, shell, manual, direction of includes, words. All of them run; the first
# line of each says what it is. Silent is good.
set -u
flags=("$@")
failed=0
mapfile -t sources < <(find src tests -name '*.c' | sort)
mapfile -t all < <(find src tests -name '*.[ch]' | sort)
mapfile -t scripts < <(find tests .ci -type f \( -name '*.sh' -o -name '*.bash' -o -name run \) | sort)
mapfile -t suites < <(find tests -name '*.bats' | sort)
mapfile -t pages < <(find src/man -name '*.[0-9]' | sort)

# check NAME COMMAND…: it has passed if it succeeds and says nothing.
check() {
    local name=$1 said
    shift
    printf '%s\n' "$name"
    if ! said=$("$@" 2>&1) || [[ -n $said ]]; then
        printf '%s\n' "$said"
        failed=1
    fi
}

# Two at a time. On standard error it only counts the warnings of system headers, which it does not show.
# shellcheck disable=SC2016,SC2317 # the inner shell expands; check() calls it
tidy() {
    printf '%s\0' "${sources[@]}" |
        xargs -0 -n 4 -P 2 sh -c 'clang-tidy --quiet "$@" -- $FLAGS 2>/dev/null' clang-tidy
}

export FLAGS="${flags[*]} -Itests/unit"
check 'clang-format' clang-format --dry-run -Werror "${all[@]}"
check 'clang-tidy' tidy
check 'cppcheck' cppcheck --quiet --std=c11 -j 2 --enable=warning,style,performance,portability \
    --inline-suppr --error-exitcode=1 \
    -D_GNU_SOURCE '-DSYSCONFDIR="/etc"' -Isrc -Itests/unit src tests
check 'shellcheck' shellcheck "${scripts[@]}"
check 'shellcheck of bats' shellcheck -s bats "${suites[@]}"
((${#pages[@]} > 0)) || { printf 'there are no pages of the manual\n'; failed=1; }
check 'mandoc' mandoc -Tlint -W warning "${pages[@]}"
check 'includes' tests/tools/includes.sh
check 'words' tests/tools/words.sh
exit $failed
