#!/bin/bash
# node.bash NAME GUIDE: in a system that was just booted as NAME (machines.bash). a, b and c have token.fcgi behind nginx on
# 127.0.0.1:8080, and end when the file `end` is there; a has the account demo. The balancer, which is also the client, does
# what the guide says.
set -eu
name=$1 guide=$2
here=$(cd "${0%/*}" && pwd)
# shellcheck source=tests/guides/prepare.bash
. "$here/prepare.bash"
declare -A addresses=([balancer]=192.0.2.10 [a]=192.0.2.11 [b]=192.0.2.12 [c]=192.0.2.13)
client=198.51.100.7

make_network() {
    local other
    hostname "$name"
    for other in "${!addresses[@]}"; do
        printf '%s %s.example.com %s\n' "${addresses[$other]}" "$other" "$other"
    done >>/etc/hosts
    ip address add "${addresses[$name]}/24" dev host0
    ip link set host0 up
}

# Each of them may log in to each.
start_sshd() {
    mkdir -p /run/sshd ~/.ssh
    install -m 0600 keys/id_ed25519 ~/.ssh/
    install -m 0600 keys/host /run/sshd/key
    cp keys/id_ed25519.pub ~/.ssh/authorized_keys
    printf '* %s\n' "$(cut -d ' ' -f 1,2 keys/host.pub)" >~/.ssh/known_hosts
    /usr/sbin/sshd -f /dev/null -h /run/sshd/key -o StrictModes=no -o Subsystem='sftp internal-sftp'
}

is_ready() {
    ssh -o ConnectTimeout=1 "$1" true 2>/dev/null
}

# Who connects to the balancer from there is the client.
be_the_client() {
    ip address add "$client/32" dev lo
    ip route replace local "${addresses[balancer]}" dev host0 table local src $client
    printf '%s api.example.com\n' "${addresses[balancer]}" >>/etc/hosts
    cp keys/demo demo
}

be_the_balancer() {
    local other
    make_certificate
    be_the_client
    start_sshd
    # One connection to each is enough.
    printf 'ControlPath ~/.ssh/%%h\n' >~/.ssh/config
    for other in a b c; do
        wait_for is_ready $other
        ssh -fNM "root@$other" >/dev/null 2>&1
    done
    [[ -e $documents ]] || documents=$TREE/src/doc
    "$here/follow.bash" "$documents/$guide" || {
        for other in a b c; do
            printf '%s:\n' $other
            ssh $other "journalctl --no-pager --lines=40 --unit='token*' --unit='redis*' --unit=nginx"
        done
        exit 1
    }
}

# Without an account no token could be issued yet.
serves() {
    [[ $(curl -s "$issuer/health") == *'"status":'* ]]
}

be_a_machine() {
    install_program
    if [[ $name == a ]]; then
        tokenctl config set issuer https://api.example.com/apiops/auth
        tokenctl add demo --scope 'read write' <keys/demo
    fi
    serve_nginx
    wait_for serves
    start_sshd
    until [[ -e end ]]; do
        sleep 0.2
    done
}

make_network
if [[ $name == balancer ]]; then
    be_the_balancer
else
    be_a_machine
fi
