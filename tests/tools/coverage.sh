#!/bin/bash
# coverage.sh LEAST BATS-FILE…: builds with gcc's --coverage into build/coverage, runs the unit tests and these suites,
# and prints for each file of src/ how many of its lines were run, and which were not. Fails where a test did, or where
# fewer than LEAST percent were run in all.
set -u
here=$(dirname "$0")
build=build/coverage
least=$1
shift

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Counts of threads are to be right; a line is to be what was written, not what the optimizer made of it.
build_programs() {
    make --no-print-directory -j2 CC=gcc BUILD="$build" FCGI="$build/token.fcgi" TOKENCTL="$build/tokenctl" \
        CFLAGS='-O0 -g -U_FORTIFY_SOURCE --coverage -fprofile-update=atomic' LDFLAGS=--coverage \
        WERROR=-Werror all unit-programs >"$build/build.log" 2>&1 || {
        tail -n 20 "$build/build.log"
        stop 'It was not built.'
    }
}

# Each process adds its counts to these files when it ends, as any user: what root starts becomes www-data.
empty_counts() {
    local object
    find "$build" -name '*.gcda' -delete
    find "$build" -name '*.gcno' | while read -r object; do
        : >"${object%.gcno}.gcda"
        chmod 0666 "${object%.gcno}.gcda"
    done
    ((EUID != 0)) || setpriv --reuid=www-data --regid=www-data --clear-groups test -w "$PWD/$build/obj/main.gcda" ||
        stop "www-data cannot reach $PWD/$build, where the counts go: move the tree to where it can."
}

run_tests() {
    local units
    mapfile -t units < <(find "$build/unit" -type f -executable | sort)
    FCGI=$PWD/$build/token.fcgi TOKENCTL=$PWD/$build/tokenctl "$here/check.sh" "$build/check" "${units[@]}" -- "$@"
}

# Of a file that several others include, a line was run if it was in any of them.
count_lines() {
    find "$build/obj" -name '*.gcda' -size +0 -print0 | sort -z | xargs -0 -n 1 gcov --stdout 2>/dev/null | awk -F: '
        $3 == "Source" { file = $4; next }
        file !~ /^src\// || $2 + 0 == 0 { next }
        { mark = $1; gsub(/[ *]/, "", mark) }
        mark == "-" { next }
        { line = file " " $2 + 0; if (!(line in run)) run[line] = 0 }
        mark !~ /^[#=]/ { run[line] = 1 }
        END { for (line in run) print line, run[line] }' | sort -k 1,1 -k 2,2n
}

# From "FILE LINE RUN" one row per file, the lines that follow one another as one range, and the total.
print_table() {
    awk -v least="$least" '
        function end_range() {
            if (first) missing[file] = missing[file] " " (first == last ? first : first "-" last)
            first = 0
        }
        $1 != file { end_range(); file = $1; files[++count] = file }
        { all[file]++; total++ }
        $3 { end_range(); good[file]++; total_good++; next }
        { if (!first) first = $2; last = $2 }
        END {
            end_range()
            for (i = 1; i <= count; i++) {
                file = files[i]
                printf "%6.1f %%  %4d of %4d  %s%s\n", 100 * good[file] / all[file], good[file], all[file], file,
                    file in missing ? ", not" missing[file] : ""
            }
            if (total == 0) { print "nothing was counted"; exit 1 }
            printf "%6.1f %%  %4d of %4d  in all\n", 100 * total_good / total, total_good, total
            exit 100 * total_good < least * total
        }'
}

mkdir -p "$build"
build_programs
empty_counts
status=0
run_tests "$@" || status=1
printf '\n'
count_lines | print_table || { printf 'Fewer than %s %% of the lines were run.\n' "$least"; status=1; }
exit $status
