# The programs of clients/: what they need, and what they say.

# In the build's folder, so that it is installed once for all that use it, and again when the list of packages changes.
CACHE=$REPOSITORY/build/clients
# What tokenctl init was told, and so the audience.
export ISSUER=https://api.example.com/apiops/auth

# npm wants a folder for its own cache, and not every user has a home.
npm_ci() {
    [[ -w ${HOME:-/nonexistent} ]] || local -x npm_config_cache=$CACHE/npm
    npm ci --ignore-scripts --no-audit --no-fund --prefer-offline >"$DIR/log/npm.log" 2>&1 3>&- 4>&- ||
        fail "npm ci could not install the client libraries: $(<"$DIR/log/npm.log")"
}

# install_packages SOURCE FOLDER: the folder is there when all is in it.
install_packages() {
    rm -rf "$2.new"
    mkdir "$2.new" && cp "$1"/package*.json "$2.new" && (cd "$2.new" && npm_ci) && mv "$2.new" "$2"
}

# Prints the folder with node_modules for this lock file. Files of tests run at once: the first one installs.
node_packages() {
    local source=$REPOSITORY/tests/integration/clients folder
    folder=$CACHE/node-$(cat "$source"/package*.json | sha256sum | cut -c -16)
    {
        flock 9
        [[ -e $folder ]] || install_packages "$source" "$folder" 9>&-
    } 9>"$CACHE/lock" || return
    printf '%s\n' "$folder"
}

# go_build NAME: of Debian's packages, from nowhere else.
go_build() {
    env -u GOROOT -u GOEXPERIMENT GOENV=off GOFLAGS='' GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$CACHE/go" \
        go build -o "$DIR/clients/$1" "$DIR/clients/$1.go" >>"$DIR/log/go.log" 2>&1 3>&- 4>&- ||
        fail "go build: $(<"$DIR/log/go.log")"
}

# Copies the programs into the folder, as Python and Node look beside a program for what it imports.
prepare_clients() {
    local program packages
    mkdir -p "$CACHE"
    cp -r "$REPOSITORY/tests/integration/clients" "$DIR/clients"
    packages=$(node_packages)
    ln -s "$packages/node_modules" "$DIR/clients/node_modules"
    for program in client_oauth2 verify_golang_jwt; do
        go_build $program
    done
}

declare -gA INTERPRETERS=([sh]=bash [py]=/usr/bin/python3 [mjs]=node)

# Each library has a name of its own for the certificates that it trusts. The servers of these tests are not behind a
# proxy.
client_environment() {
    printf '%s\n' {no_proxy,NO_PROXY}=127.0.0.1 \
        {SSL_CERT_FILE,CURL_CA_BUNDLE,REQUESTS_CA_BUNDLE,NODE_EXTRA_CA_CERTS}="$DIR/tls/cert.pem"
}

with_environment() {
    local settings
    mapfile -t settings < <(client_environment)
    env "${settings[@]}" "$@"
}

# run_client FILE ARGUMENT: one of clients/, or what go_build made of it; JSON lines in and out.
run_client() {
    with_environment timeout 120 "${INTERPRETERS[${1##*.}]:-env}" "$DIR/clients/$1" "$2" 2>>"$DIR/log/$1.log" ||
        fail "$1: exit status $?"
}
