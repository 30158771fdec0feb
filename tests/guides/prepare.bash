# What the guides take for granted, for machine.bash and node.bash. TREE is the repository, FCGI, TOKENCTL and TOKENSYNC are the
# programs that are installed from it, unless the package is.

documents=/usr/share/doc/token.fcgi
issuer=http://127.0.0.1:8080/apiops/auth

# Of the balancer, which this machine trusts.
make_certificate() {
    mkdir -p /etc/haproxy
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=api.example.com \
        -addext subjectAltName=DNS:api.example.com -keyout /etc/ssl/private/api.example.com.key \
        -out /etc/ssl/certs/api.example.com.pem 2>/dev/null
    cat /etc/ssl/certs/api.example.com.pem /etc/ssl/private/api.example.com.key >/etc/haproxy/api.example.com.pem
    cat /etc/ssl/certs/api.example.com.pem >>/etc/ssl/certs/ca-certificates.crt
}

# As README has it.
install_from_source() {
    make --no-print-directory -C "$TREE" -o all install FCGI="$FCGI" TOKENCTL="$TOKENCTL" TOKENSYNC="$TOKENSYNC" >install.log
    systemd-sysusers
    systemctl daemon-reload
    systemd-tmpfiles --create
    tokenctl init --user token >init.log
}

install_program() {
    [[ -e $documents ]] || { install_from_source && documents=/usr/local/share/doc/token.fcgi; }
}

serve_nginx() {
    rm -f /etc/nginx/sites-enabled/default
    cp "$documents/conf/nginx-site.conf" /etc/nginx/sites-available/token.fcgi
    ln -sf ../sites-available/token.fcgi /etc/nginx/sites-enabled/
    systemctl enable --now token.socket
    systemctl restart nginx
}

answers() {
    [[ $(curl -s "$issuer/health") == *'"status":"ok"'* ]]
}

# wait_for COMMAND…
wait_for() {
    until "$@" || ((SECONDS > PATIENCE)); do
        sleep 0.1
    done
}
