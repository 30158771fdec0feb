# What the tests of resource servers share: tokens of each algorithm, good and forged, made once; a rotation from ES256 to
# RS256; and how a server is asked. Each server is an HTTP server, or is asked as if it were one.

# By tokenctl, which needs no server.
fetch_token() {
    tokenctl token "$CLIENT"
}

# make_tokens ALGORITHM KEYS: ALGORITHM.good and .forged in the folder of each client, with the key that signs in KEYS. In a
# folder of its own, as token.fcgi must not see what is configured for a forged token.
make_tokens() {
    local file forge=$DIR/forge tokens=$DIR/tokens CLIENT
    mkdir "$forge"
    cp -rp "$DIR/etc" "$forge/etc"
    cp "$DIR/$2" "$forge/etc/keys.jwks"
    ln -s "$DIR/tokenctl" "$forge/tokenctl"
    # shellcheck disable=SC2034 # tokenctl() reads CONF
    local DIR=$forge CONF=$forge/etc/token.conf
    for CLIENT in demo other; do
        file=$tokens/$CLIENT/$1
        fetch_token >"$file.good"
        forge "$(<"$file.good")" "$1" >"$file.forged"
        (($(grep -cE '^([A-Za-z0-9_-]{20,}\.){2}' "$file.forged") == FORGED_TOKENS))
    done
    rm -r "$forge"
}

# use_keys NAME: a file of DIR becomes the key set, in one step.
use_keys() {
    cp "$DIR/$1" "$DIR/etc/keys.new"
    own "$DIR/etc/keys.new"
    mv "$DIR/etc/keys.new" "$DIR/etc/keys.jwks"
    wait_until "the keys of $1" is_published_from "$1"
}

is_published_from() {
    [[ $(curl -sS --max-time "$PATIENCE" "${URL%/token}/jwks" | jq -c '[.keys[].kid]') == \
        "$(jq -c '[.keys[] | select(.kty != "oct") | .kid]' "$DIR/$1")" ]]
}

# new_key_set NAME ALGORITHM
new_key_set() {
    rm "$DIR/etc/keys.jwks"
    tokenctl key rotate --alg "$2" >/dev/null
    cp -p "$DIR/etc/keys.jwks" "$DIR/$1"
}

# One secret in eight has a NUL, at which HAProxy ends it.
has_nul() {
    [[ $(secret_in_base64 | base64 -d | tr -cd '\0' | wc -c) -ne 0 ]]
}

# The sets: before and after the rotation, and others for one algorithm.
make_all_tokens() {
    local algorithm
    mkdir -p "$DIR"/tokens/{demo,other}
    for algorithm in HS256 EdDSA; do
        new_key_set $algorithm $algorithm
        while [[ $algorithm == HS256 ]] && has_nul; do
            new_key_set $algorithm $algorithm
        done
        make_tokens $algorithm $algorithm
    done
    new_key_set before ES256
    tokenctl key add --alg RS256 >/dev/null
    cp -p "$DIR/etc/keys.jwks" "$DIR/before"
    make_tokens ES256 before
    tokenctl key rotate --now >/dev/null
    cp -p "$DIR/etc/keys.jwks" "$DIR/after"
    make_tokens RS256 after
}

kid_of() {
    decode 1 <"$DIR/tokens/demo/$1.good" | jq -r .kid
}

# The secret of HS256, in base64url.
secret() {
    jq -r '.keys[0].k' "$DIR/HS256"
}

# 256 bits, so one character of padding.
secret_in_base64() {
    printf '%s=' "$(secret | tr -- -_ +/)"
}

# fill FILE: a file of resource_servers/ with @NAME@ replaced by the variables of that name.
fill() {
    local text name
    text=$(<"$REPOSITORY/tests/integration/resource_servers/$1")
    while [[ $text =~ @([A-Z0-9_]+)@ ]]; do
        name=${BASH_REMATCH[1]}
        text=${text//"@$name@"/"${!name}"}
    done
    printf '%s\n' "$text"
}

# at PORT TOKEN: prints the status of the answer.
at() {
    curl -sS --max-time "$PATIENCE" -o "$DIR/answer" -w '%{http_code}' -H "Authorization: Bearer $2" "http://127.0.0.1:$1/"
}

# verdict STATUSES FILE COMMAND…: the command, with a token, prints one of them (a pattern) for each token of the file.
verdict() {
    local statuses=$1 file=$DIR/tokens/$CLIENT/$2 token status line=0
    shift 2
    while read -r token; do
        status=$("$@" "$token")
        : $((++line))
        # shellcheck disable=SC2053 # it is a pattern
        [[ $status == $statuses ]] || fail "$*: line $line of $file: $status, not $statuses: $token" || return
    done <"$file"
}

# checks ALGORITHM COMMAND…: takes the good token, and refuses the forged ones and one without a dot.
checks() {
    local algorithm=$1
    shift
    verdict 200 "$algorithm.good" "$@"
    verdict '40[013]' "$algorithm.forged" "$@"
    [[ $("$@" garbage) == 40[013] ]]
}

# checks_both COMMAND…: before and after a rotation.
checks_both() {
    checks ES256 "$@"
    use_keys after
    checks RS256 "$@"
    verdict 200 ES256.good "$@"
}

# introspects COMMAND…: through a server that asks us, which learns of a revocation.
introspects() {
    checks_both "$@"
    fetch_token >"$DIR/tokens/$CLIENT/revoked"
    verdict 200 revoked "$@"
    tokenctl revoke "$(<"$DIR/tokens/$CLIENT/revoked")"
    own "$DIR/etc"
    wait_until 'the revocation' verdict '40[013]' revoked "$@"
    verdict 200 RS256.good "$@"
}

# knows_eddsa COMMAND…: after another rotation. A server that has just seen an unknown kid may not fetch the keys again at once.
knows_eddsa() {
    use_keys EdDSA
    wait_until 'the key of EdDSA' verdict 200 EdDSA.good "$@"
    checks EdDSA "$@"
}

# knows_no_eddsa COMMAND…: although the key is published.
knows_no_eddsa() {
    use_keys EdDSA
    verdict 401 EdDSA.good "$@"
}
