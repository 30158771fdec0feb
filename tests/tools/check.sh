#!/bin/bash
# check.sh FOLDER PROGRAM… -- BATS-FILE…: runs the tests and counts them from their own output, which is kept in FOLDER.
# A program is a unit test or, in a folder named replay, a fuzz target, which is one test, on all of its corpus. The last
# line is the count. FCGI and TOKENCTL name the programs for the bats files; UNDER is put in front of each program, by
# the bats files, too: UNDER='valgrind -q'.
set -u
folder=$1
shift
passed=0 failed=0 skipped=0
mkdir -p "$folder"

# Adds to the three counts. A suite in which nothing was counted has failed.
count() {
    local name=$1 good=$2 bad=$3 left_out=$4
    ((good + bad + left_out > 0)) || bad=1
    printf '%s: %d passed, %d failed, %d skipped\n' "$name" "$good" "$bad" "$left_out"
    ((passed += good, failed += bad, skipped += left_out))
}

# sum PATTERN FILE: adds up what cmocka says of each group: "[==========] 12 test(s) run.", "[  PASSED  ] 12 test(s)."
# From 1.1.8 on a group has its name before the number: "[==========] base64: 12 test(s) run."
sum() {
    awk -v pattern="$1" '
        /^\[/ && $0 ~ pattern && match($0, /[0-9]+ test\(s\)/) { n += substr($0, RSTART) } END { print n + 0 }' "$2"
}

# A test whose setup failed is only run, neither passed nor failed; one that crashes prints no sums at all.
run_unit_test() {
    local name=${1##*/} status=0 good bad left_out output
    output=$folder/$name
    # shellcheck disable=SC2086
    timeout 600 ${UNDER:-} "$1" </dev/null >"$output.out" 2>"$output.err" || status=$?
    good=$(sum '^.  PASSED' "$output.err") left_out=$(sum '^.  SKIPPED' "$output.err")
    bad=$(($(sum ' run[.]$' "$output.out") - good - left_out))
    ((status == 0 || bad > 0)) || bad=1
    ((bad == 0)) || { cat "$output.out" "$output.err"; printf '%s: exit status %d\n' "$1" $status; }
    count "$name" "$good" "$bad" "$left_out"
}

# It fails where a file of the corpus ends it, or where there is none.
replay_corpus() {
    local name=${1##*/} status=0 output
    output=$folder/replay-$name
    # shellcheck disable=SC2086
    timeout 600 ${UNDER:-} "$1" "tests/fuzz/corpus/$name" </dev/null >"$output.out" 2>"$output.err" || status=$?
    ((status == 0)) || { tail -n 2 "$output.out"; cat "$output.err"; printf '%s: exit status %d\n' "$1" $status; }
    count "corpus of $name" $((status == 0)) $((status != 0)) 0
}

# What the plan promised and nobody reported has failed.
run_bats() {
    local output=$folder/bats.tap status good bad left_out planned jobs=()
    parallel --version 2>/dev/null | grep -q '^GNU' && jobs=(--jobs 2 --no-parallelize-within-files)
    bats "${jobs[@]}" --formatter tap --timing "$@" </dev/null 2>&1 | tee "$output"
    status=${PIPESTATUS[0]}
    planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$output")
    left_out=$(grep -cE '^ok .* # skip' "$output")
    good=$(($(grep -c '^ok ' "$output") - left_out))
    bad=$((${planned:-0} - good - left_out))
    ((bad >= 0)) || bad=0
    ((bad > 0)) || bad=$(grep -c '^not ok ' "$output")
    ((status == 0 || bad > 0)) || bad=1
    count integration "$good" "$bad" "$left_out"
}

while (($# > 0)) && [[ $1 != -- ]]; do
    case $1 in
        */replay/*) replay_corpus "$1" ;;
        *) run_unit_test "$1" ;;
    esac
    shift
done
shift
(($# == 0)) || run_bats "$@"

((skipped == 0)) && tail='' || tail=", $skipped skipped"
((passed + failed > 0)) || failed=1
printf '%d passed, %d failed%s\n' $passed $failed "$tail"
((failed == 0))
