#!/bin/bash
# follow.bash GUIDE [SECTION…]: does what a guide of src/doc says, word for word, or what these sections of it say, in the
# order of the guide. Ends with 1 and the reason at the first thing that is not as the guide has it.
#
# A block of "```sh" is run as it stands, in one shell for all blocks, and every command in it must succeed. One that
# names machines, "```sh a b", is run on each of them in turn, by ssh, as root. If a block
# of "```text" follows, that is what it prints, in which "…" stands for anything: it is run until it prints that, because
# a change takes up to a second. A block of text, json or another kind that has a name, "```json realm.json", is what such
# a file looks like, and is written there. Other blocks are only read.
set -eu
guide=$1
shift
PATIENCE=${PATIENCE:-60}
blocks=$(mktemp -d)

fail() {
    printf '%s: %s\n' "$guide" "$*" >&2
    exit 1
}

# Writes N.sh, N.text and N.line for each block of the wanted sections, and prints how many there are.
split_guide() {
    awk -v blocks="$blocks" -v wanted="$(printf '%s\n' "$@")" '
        BEGIN { split(wanted, names, "\n"); for (i in names) if (names[i] != "") sections[names[i]] = 1 }
        /^## / && !inside { section = substr($0, 4); found[section] = 1 }
        /^```/ && inside { inside = 0; next }
        /^```/ && (wanted == "" || section in sections) {
            split(substr($0, 4), kind, " ")
            file = blocks "/" n "." (kind[1] == "text" ? kind[1] : "other")
            if (kind[2] != "") file = kind[2]
            if (kind[1] == "sh") {
                file = blocks "/" ++n ".sh"
                printf "%d\n", NR > (blocks "/" n ".line")
                printf "%s\n", substr($0, 6) > (blocks "/" n ".machines")
            }
            printf "" > file
            inside = 1
            next
        }
        /^```/ { inside = 1; file = "/dev/null"; next }
        inside { print > file }
        END {
            for (section in sections) if (!(section in found)) { print "no section " section > "/dev/stderr"; exit 1 }
            print n + 0
        }' "$guide"
}

# as_pattern FILE: for [[ ]].
as_pattern() {
    sed -e 's/[][\\*?]/\\&/g' -e 's/…/*/g' "$1"
}

# run_there MACHINE N: block N on this machine.
run_there() {
    # shellcheck disable=SC2029 # the words are quoted for the other shell
    ssh "root@$1" "bash -c $(printf %q "set -eu
$(<"$blocks/$2.sh")")" </dev/null
}

# run_block N MACHINE: here, if no machine is named.
run_block() {
    if [[ -n $2 ]]; then
        run_there "$2" "$1"
    else
        # shellcheck disable=SC1090
        . "$blocks/$1.sh" </dev/null
    fi
}

# look N MACHINE
look() {
    local pattern output end=$((SECONDS + PATIENCE))
    pattern=$(as_pattern "$blocks/$1.text")
    while :; do
        set +e
        output=$(run_block "$1" "$2" 2>&1)
        set -e
        # shellcheck disable=SC2053
        [[ $output != $pattern ]] || return 0
        ((SECONDS < end)) || fail "line $(<"$blocks/$1.line") does not print what follows${2:+ on $2}, but: $output"
        sleep 0.1
    done
}

i=1
trap '[[ $? == 0 ]] || printf "%s: line %s has failed\n" "$guide" "$(cat "$blocks/$i.line")" >&2' EXIT
count=$(split_guide "$@")
((count > 0)) || fail 'no commands'
for ((i = 1; i <= count; i++)); do
    read -ra machines <"$blocks/$i.machines"
    ((${#machines[@]} > 0)) || machines=('')
    for machine in "${machines[@]}"; do
        sed "s/^/$i${machine:+ $machine}> /" "$blocks/$i.sh"
        if [[ -e $blocks/$i.text ]]; then
            look "$i" "$machine"
        else
            run_block "$i" "$machine"
        fi
    done
done
trap - EXIT
rm -r "$blocks"
printf '%s: %d blocks\n' "${guide##*/}" "$count"
