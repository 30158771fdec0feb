# Waiting for an event instead of sleeping. PATIENCE is the longest wait in seconds; fail() is the script's own.

# wait_until WHAT COMMAND…: until the command succeeds.
wait_until() {
    local what=$1 end=$((SECONDS + PATIENCE))
    shift
    until "$@"; do
        ((SECONDS < end)) || fail "waited ${PATIENCE} s in vain: $what" || return
        sleep 0.03
    done
}
