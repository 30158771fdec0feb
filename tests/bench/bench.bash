# What the sections share: measurements with their medians, and the rows of the table.
# shellcheck disable=SC2034 # the sections use what is set here

BENCH_SECONDS=${BENCH_SECONDS:-3}
BENCH_ROUNDS=${BENCH_ROUNDS:-3}
BENCH_LOAD_SECONDS=${BENCH_LOAD_SECONDS:-600}
# wrk takes whole seconds.
WHOLE_SECONDS=$(awk -v s="$BENCH_SECONDS" 'BEGIN { print (s > int(s) ? int(s) + 1 : s) }')
CPUS=$(nproc)
BIN=$OUT/bin
TOKEN_FCGI=$FCGI
WRK_SCRIPT=$REPOSITORY/tests/bench/token.lua

# A secret as tokenctl makes them, as what $6$ costs grows with its length, and that by each method that is measured.
SECRET=ZCkRcjtjHd36BHRzzYYBozOkGS9FAPTGXkzwkoipHRU
# shellcheck disable=SC2016
declare -A HASHES=(
    [bcrypt-10]='$2b$10$I/6ROtIgVzUU5gbvaouOF.W19caPAiVuyZL3KMQFXkauQZM/ZzEe2'
    [yescrypt]='$y$j9T$.QtP6.1NOToqb46Pn/oKd.$FdALB/8.cF.QOs1r0AJVs1.7PvjVEUFTEdWhWbQt9H.'
    [sha512crypt]='$6$saltsaltsaltsalt$qDe76Tu/EIbrF9T54cyKlip5cMUCtrBPv6H9DUkT8FqfHzh..t3ar5zKRT6XCj..mFgDlDCw4mhp4LrKlHMME/'
    [md5crypt]='$1$saltsalt$m6t7Ae40nn3QS/EGwRMxt1'
)
GRANT=grant_type=client_credentials

say() {
    printf '%s\n' "$*" >&2
}

# --- Measurements ----------------------------------------------------------------------------------------------

declare -A SAMPLES=()

# sample NAME VALUE, and median NAME of all the values.
sample() {
    SAMPLES[$1]+="$2 "
}

median() {
    tr ' ' '\n' <<<"${SAMPLES[$1]% }" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

compute() {
    awk "BEGIN { print $* }"
}

# field NAME TEXT: of "name=value …"; 0 where it is not there.
field() {
    [[ " $2" =~ \ $1=([^ ]+) ]] || { printf '0\n'; return; }
    printf '%s\n' "${BASH_REMATCH[1]}"
}

# CPU time of a process, in microseconds.
cpu_us() {
    awk -v hertz="$(getconf CLK_TCK)" '{ printf "%.0f\n", ($14 + $15) * 1000000 / hertz }' "/proc/$1/stat"
}

resident_mib() {
    awk '/^VmRSS:/ { print $2 / 1024 }' "/proc/$1/status"
}

# The program of the stand in use, started by the web server or on its own.
program_pid() {
    if [[ -e $DIR/pids/token.fcgi ]]; then pid_of token.fcgi; else responders server; fi
}

wrk_line() {
    wrk -t1 -s "$WRK_SCRIPT" "$@" | grep '^requests='
}

# measure NAME COMMAND…: samples NAME.rate, NAME.p99 and NAME.cpu, the program's CPU time a request.
measure() {
    local name=$1 pid before line
    shift
    pid=$(program_pid)
    before=$(cpu_us "$pid")
    line=$("$@")
    [[ $(field errors "$line") == 0 ]] || say "$name: $line"
    sample "$name.rate" "$(field rate "$line")"
    sample "$name.p99" "$(field p99_us "$line")"
    sample "$name.cpu" "$(compute "($(cpu_us "$pid") - $before) / $(field requests "$line")")"
}

rounds() {
    local i
    for ((i = 0; i < BENCH_ROUNDS; i++)); do
        "$@"
    done
}

# As many turns of a second as the rounds would take: a machine is not equally fast from one moment to the next, and what
# is compared by its rate is to meet the same moments.
turns() {
    ((WHOLE_SECONDS > 1)) || { rounds "$@"; return; }
    local BENCH_ROUNDS=$((BENCH_ROUNDS * WHOLE_SECONDS)) BENCH_SECONDS=1 WHOLE_SECONDS=1
    rounds "$@"
}

# --- Rows ------------------------------------------------------------------------------------------------------

begin_section() {
    SECTION=$1
    SAMPLES=()
    : >"$OUT/$SECTION.tsv"
    say "$SECTION …"
}

# row WHAT OURS BESIDE UNIT [RELATION BOUND]: BESIDE may be "-". What is bounded is the ratio, or OURS where there is
# none.
row() {
    local IFS=$'\t'
    printf '%s\n' "$SECTION"$'\t'"$*" >>"$OUT/$SECTION.tsv"
}
