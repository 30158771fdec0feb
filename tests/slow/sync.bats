# token-sync with much: a million messages to catch up with, and a thousand revocations a second.

load ../integration/helper
load ../integration/requests
load ../integration/standalone
load ../integration/sync

setup() {
    make_folder
    add_account demo demo-secret
    make_machines one two
    COUNT=${COUNT:-1000000}
}

teardown() {
    show_logs
    remove_folder
}

@test "a million messages to catch up with" {
    local began took
    start_redis
    sync_state messages "$DIR/etc/keys.jwks" "$(stream revocations)" m "$COUNT" | redis --pipe
    [[ $(redis xlen "$(stream revocations)") -eq $COUNT ]]
    set_key two sync_wait 300
    began=$EPOCHREALTIME
    "$DIR/token-sync" -c "$DIR/two/token.conf" --wait
    took=$(awk -v began="$began" -v ended="$EPOCHREALTIME" 'BEGIN { printf "%.1f", ended - began }')
    has_revoked two m "$COUNT"
    printf '# %s messages in %s s\n' "$COUNT" "$took" >&3
    jq -ne --argjson took "$took" --argjson count "$COUNT" '$took <= 30 * ([$count / 1000000, 1] | max)'
}

@test "the exchange of a thousand revocations a second is in force elsewhere within a second" {
    local line
    start_redis
    start_sync one two
    line=$(sync_state delay "$DIR/one/state" "$DIR/two/state" 5000 1000)
    printf '# %s\n' "$line" >&3
    # A disk that takes longer for a commit than there is between two revocations is not the exchange's.
    [[ $line =~ p99=([0-9.]+) ]]
    jq -ne --argjson p99 "${BASH_REMATCH[1]}" '$p99 <= 1000'
}
