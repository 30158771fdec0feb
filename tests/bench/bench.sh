#!/bin/bash
# bench.sh OUT [SECTION…]: how fast the program is, beside what the machine can do, in turn in one run; see sections/.
# Prints one table, and leaves tables, figures and drawings in OUT. It is no test: it fails only where something could
# not be run. FCGI and TOKENCTL name the programs.
#
# BENCH_SECONDS (3): length of a measurement. BENCH_ROUNDS (3): of which the medians are told. BENCH_LOAD_SECONDS (600):
# of load, for memory's growth. BENCH_QUICK: without the ten million accounts.
set -euo pipefail
here=$(cd "${0%/*}" && pwd)
# shellcheck disable=SC2034 # bench.bash uses it
OUT=$(mkdir -p "$1" && cd "$1" && pwd)
shift

# shellcheck disable=SC1091
source "$here/../integration/helper.bash"
# shellcheck disable=SC1091
source "$here/../integration/server.bash"
# shellcheck disable=SC1091
source "$here/bench.bash"
# shellcheck disable=SC1091
source "$here/stands.bash"
# shellcheck disable=SC1091
source "$here/table.bash"
for file in "$here"/sections/*.bash; do
    # shellcheck disable=SC1090
    source "$file"
done

sections=("$@")
[[ $# -gt 0 ]] || sections=(floor proven checks before peers flood once sharing accounts cgi memory)
for section in "${sections[@]}"; do
    declare -F "section_$section" >/dev/null || { printf 'there is no section %s\n' "$section" >&2; exit 2; }
done

trap remove_stands EXIT
trap 'exit 130' INT TERM HUP
for section in "${sections[@]}"; do
    begin_section "$section"
    "section_$section"
    remove_stands
done
draw
print_table "${sections[@]}"
print_machine
