#!/bin/bash
# machine.bash WEB-SERVER GUIDE [SECTION…]: in a system that was just booted (tests/tools/boot.sh), does what the guides
# take for granted, and then what the guide says (follow.bash). token.fcgi is installed and runs behind nginx, apache or
# lighttpd on 127.0.0.1:8080, as README or install-debian.md have it, and there is an account, demo. The guide is the one
# that was installed, unless it is a path. FCGI, TOKENCTL and TOKENSYNC name the programs that are installed, unless the package is.
set -eu
server=$1 guide=$2
shift 2
here=$(cd "${0%/*}" && pwd)
TREE=$(realpath "$here/../..")
# shellcheck source=tests/guides/prepare.bash
. "$here/prepare.bash"

# The example's network, all on this machine: who connects to the balancer is the client 198.51.100.7, and who connects to
# the machine that has token.fcgi is the balancer.
make_network() {
    local balancer=192.0.2.10 machine=192.0.2.21 client=198.51.100.7 address
    for address in $balancer $machine $client; do
        ip address add "$address/32" dev lo
    done
    ip route change local $balancer dev lo table local src $client
    ip route change local $machine dev lo table local src $balancer
    printf '%s api.example.com\n' $balancer >>/etc/hosts
    make_certificate
}

# b.example.com, by ssh: this machine's files, but for those of token.fcgi.
make_other_machine() {
    local other=192.0.2.22 folder
    ip address add $other/32 dev lo
    printf '%s b.example.com\n' $other >>/etc/hosts
    mkdir -p /srv/b /run/sshd ~/.ssh
    mount --rbind / /srv/b && mount --make-rprivate /srv/b
    for folder in /usr/local/etc /etc /var/lib/token; do
        [[ ! -e $folder ]] || mount -t tmpfs -o mode=0755 tmpfs "/srv/b$folder"
    done
    cp -a /etc/. /srv/b/etc/
    rm -rf /srv/b/etc/token
    mkdir -p /srv/b/etc/token /srv/b/usr/local/etc/token
    ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
    ssh-keygen -q -t ed25519 -N '' -f /run/sshd/key
    cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
    printf 'b.example.com %s\n' "$(cut -d ' ' -f 1,2 /run/sshd/key.pub)" >~/.ssh/known_hosts
    /usr/sbin/sshd -f /dev/null -h /run/sshd/key -o ListenAddress=$other -o ChrootDirectory=/srv/b -o StrictModes=no \
        -o Subsystem='sftp internal-sftp'
}

# Debian's own configuration, and the lines for the issuer's path.
serve_apache() {
    sed -n '/^<Location/,/^<\/Location>/p' "$documents/conf/apache-mod_proxy_fcgi.conf" >/etc/apache2/conf-available/token.conf
    printf 'Listen 127.0.0.1:8080\nServerName api.example.com\n' >/etc/apache2/ports.conf
    a2enmod -q proxy_fcgi
    a2enconf -q token
    systemctl enable --now token.socket
    systemctl restart apache2
}

# lighttpd starts the program, as its own user. The balancer has the port of HTTPS.
serve_lighttpd() {
    # shellcheck disable=SC2016 # the dollar is sed's
    sed '/^\$SERVER\["socket"\]/,/^}/d' "$documents/conf/lighttpd-fastcgi.conf" >/etc/lighttpd/lighttpd.conf
    sed -i 's/^user = .*/user = www-data/' /usr/local/etc/token/token.conf
    tokenctl init --user www-data >>init.log
    systemctl restart lighttpd
}

make_network
install_program
make_other_machine
# Keys are published for two seconds before they sign, not for an hour, as no test waits for that long.
tokenctl config set keys_max_age 2 >/dev/null
# shellcheck disable=SC2094 # the first is no file
tokenctl add demo --generate --scope 'read write' >demo
"serve_$server"
# A guide that builds builds its own.
unset FCGI TOKENCTL TOKENSYNC
ln -s "$TREE" ~/token.fcgi
wait_for answers
[[ $guide == /* ]] || guide=$documents/$guide
"$here/follow.bash" "$guide" "$@" || { journalctl --no-pager --lines=50; exit 1; }
