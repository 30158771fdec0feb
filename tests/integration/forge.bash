# Tokens that a resource server must refuse. The test has fetch_token, which issues one by $CONF and $DIR/etc/keys.jwks.

decode() {
    cut -d. -f"$1" | tr -- -_ +/ | jq -cR '@base64d | fromjson'
}

encode() {
    basenc -w 0 --base64url | tr -d =
}

with_header() {
    printf '%s.%s\n' "$(decode 1 <<<"$1" | jq -cj "$2" | encode)" "${1#*.}"
}

with_claims() {
    printf '%s.%s.%s\n' "${1%%.*}" "$(decode 2 <<<"$1" | jq -cj "$2" | encode)" "${1##*.}"
}

# forge TOKEN ALGORITHM: tokens, one a line, that nobody may accept. All but those that are tampered with have a good
# signature.
forge() {
    local token=$1 ALGORITHM=$2
    with_claims "$token" '.sub = "root"'
    with_claims "$token" '.exp += 3600'
    with_header "$token" '.typ = "other"'
    with_header "$token" '.alg = "none"'
    with_header "${token%.*}." '.alg = "none"'
    printf '%s.\n' "${token%.*}"
    # By a key that is not known, and by one that has the name of a known one.
    issued_by_another_key .
    issued_by_another_key ".keys[0].kid = \"$(jq -r '.keys[0].kid' "$DIR/etc/keys.jwks")\""
    issued_with token_lifetime 1
    issued_with audience https://other.example.com
    issued_with issuer https://other.example.com/apiops/auth
}
# shellcheck disable=SC2034 # the tests use it
FORGED_TOKENS=11

# issued_by_another_key JQ: by the program itself, with a new key set that JQ has changed.
issued_by_another_key() {
    mv "$DIR/etc/keys.jwks" "$DIR/keys.kept"
    tokenctl key rotate --alg "$ALGORITHM" >/dev/null
    jq "$1" "$DIR/etc/keys.jwks" >"$DIR/keys.other"
    cat "$DIR/keys.other" >"$DIR/etc/keys.jwks"
    fetch_token
    mv "$DIR/keys.kept" "$DIR/etc/keys.jwks"
}

has_expired() {
    (($(date +%s) > $1))
}

# issued_with KEY VALUE: of token.conf. One that expires is given out when it has.
issued_with() {
    local token
    cp "$CONF" "$DIR/conf.kept"
    configure "$1" "$2"
    token=$(fetch_token)
    cp "$DIR/conf.kept" "$CONF"
    [[ $1 != token_lifetime ]] || wait_until 'its end' has_expired "$(decode 2 <<<"$token" | jq .exp)"
    printf '%s\n' "$token"
}

