# What a failure costs more where other machines count it, too: the entry in the outbox.

SHARING_FAILURES=2000
SHARING_SOURCES=100

section_sharing() {
    local folder line
    folder=$(mktemp -d "${TMPDIR:-/tmp}/token-bench.XXXXXX")
    line=$("$BIN/counted_failure" "$folder" $SHARING_FAILURES $SHARING_SOURCES)
    rm -r "$folder"
    row 'a failure that other machines count, too: CPU time; alone' "$(field with "$line")" "$(field without "$line")" us
    row '  more than alone' "$(field more "$line")" - us '<=' 5
}
