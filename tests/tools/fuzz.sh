#!/bin/bash
# fuzz.sh FOLDER SECONDS NAME…: runs each fuzz target of FOLDER/fuzzer for SECONDS, two at a time, from the corpus in
# tests/fuzz/corpus. What is new goes to FOLDER/corpus, what breaks a target to FOLDER/found, where it fails the run.
set -u
folder=$1 seconds=$2
shift 2
corpus=tests/fuzz/corpus
failed=0

# The first report ends a target; a leak, a second of 20, 2 GiB are one as well.
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1

run() {
    local name=$1
    mkdir -p "$folder/corpus/$name"
    "$folder/fuzzer/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=2048 \
        -print_final_stats=1 -dict="tests/fuzz/$name.dict" -artifact_prefix="$folder/found/$name-" \
        "$folder/corpus/$name" "$corpus/$name" >"$folder/$name.log" 2>&1 </dev/null
    printf '%d\n' $? >"$folder/$name.status"
}

# The last number behind WORD in the target's log; - where there is none.
number() {
    local found
    found=$(sed -n "s/.*$2 *\([0-9][0-9]*\).*/\1/p" "$folder/$1.log" | tail -n 1)
    printf '%s\n' "${found:--}"
}

for name in "$@"; do
    [[ -x $folder/fuzzer/$name ]] || { printf 'There is no target %s.\n' "$name"; exit 1; }
done
mkdir -p "$folder/found"
for name in "$@"; do
    ((($(jobs -rp | wc -l)) < 2)) || wait -n
    printf '%s, for %s seconds\n' "$name" "$seconds"
    run "$name" &
done
wait

printf '\n%-10s %12s %9s %10s\n' target executions coverage 'new units'
for name in "$@"; do
    verdict=
    if [[ $(<"$folder/$name.status") != 0 ]]; then
        verdict="  FOUND, see $folder/$name.log"
        failed=1
    fi
    printf '%-10s %12s %9s %10s%s\n' "$name" "$(number "$name" stat::number_of_executed_units:)" \
        "$(number "$name" ' cov:')" "$(number "$name" stat::new_units_added:)" "$verdict"
done
exit $failed
