# What 10 million revoked tokens take: on disk, and to look one up.

load ../integration/helper

setup() {
    DIR=$(mktemp -d "${TMPDIR:-/tmp}/token-test.XXXXXX")
    mkdir -m 0700 "$DIR/state"
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -O2 -I"$REPOSITORY/src" -o "$DIR/revocations" \
        "$REPOSITORY/tests/slow/revocations.c" "${TOKENCTL%/*}/libtoken.a" -llmdb -ljson-c -lnettle -linih -lcrypt -lpthread
}

teardown() {
    rm -rf "$DIR"
}

@test "10 million revoked tokens: at most 128 bytes each, and 3 µs to find that another is not among them" {
    local bytes absent present
    (($(df --output=avail -k "$DIR" | tail -n 1) > 2000000)) || skip 'there are not 2 GB of disk'
    read -r bytes absent present < <("$DIR/revocations" "$DIR/state" "${ENTRIES:-10000000}")
    printf '%s bytes each; %s µs to find that one is not revoked, %s µs that it is\n' "$bytes" "$absent" "$present" >&3
    jq -ne --argjson bytes "$bytes" --argjson absent "$absent" --argjson present "$present" \
        '$bytes <= 128 and $absent <= 3 and $present <= 10'
}
