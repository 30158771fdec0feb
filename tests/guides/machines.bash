#!/bin/bash
# machines.bash ROOT FOLDER GUIDE: boots four copies of a system, ROOT (tests/tools/boot.sh): the machines a, b and c and a
# balancer, in a network of their own. Does there what GUIDE takes for granted, and then, from the balancer, what it says
# (node.bash). FOLDER has a folder for each of them. FCGI, TOKENCTL, TOKENSYNC and PATIENCE are as for machine.bash. The exit
# status is 77 where no network can be made, or no system be booted.
set -eu
root=$1 folder=$(realpath "$2") guide=$3
here=$(cd "${0%/*}" && pwd)
boot=$here/../tools/boot.sh
bridge=machines

if [[ -z ${IN_NETWORK:-} ]]; then
    unshare --net ip link add $bridge type bridge 2>/dev/null || exit 77
    IN_NETWORK=1 exec unshare --net "$0" "$@"
fi

# start NAME: its folder has what all of them have, as a package's test has no tree.
start() {
    mkdir -p "$folder/$1"
    cp -r "$here" "$folder/keys" "$folder/$1/"
    BRIDGE=$bridge MACHINE=$1 "$boot" "$root" "$folder/$1" env FCGI="${FCGI:-}" TOKENCTL="${TOKENCTL:-}" \
        TOKENSYNC="${TOKENSYNC:-}" TREE="$(realpath "$here/../..")" PATIENCE="${PATIENCE:-60}" \
        "$folder/$1/guides/node.bash" "$1" "$guide"
}

# Each of the others ends when it sees this file.
# shellcheck disable=SC2317 # the trap calls it
end_others() {
    touch "$folder/a/end" "$folder/b/end" "$folder/c/end"
    wait
}

ip link add $bridge type bridge
ip link set $bridge up
mkdir -p "$folder/keys"
ssh-keygen -q -t ed25519 -N '' -f "$folder/keys/id_ed25519"
ssh-keygen -q -t ed25519 -N '' -f "$folder/keys/host"
openssl rand -hex 20 >"$folder/keys/demo"
trap end_others EXIT
for name in a b c; do
    start $name >"$folder/$name.log" 2>&1 </dev/null &
done
status=0
start balancer || status=$?
((status == 0 || status == 77)) || tail -n 30 "$folder"/[abc].log
exit $status
