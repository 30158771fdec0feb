#!/bin/bash
# The `jose` tool. It verifies the signature; the claims are looked at here. It does not know EdDSA.
set -eu

# Succeeds where the claims on standard input are those of a token of this issuer, for this audience, in force.
claims_are_good() {
    jq -e --argjson case "$1" '
        .iss == $case.iss and ([.aud] | flatten | index($case.aud) != null) and (.exp == null or .exp > now)' >/dev/null
}

while IFS= read -r case; do
    token=$(jq -r .token <<<"$case")
    # The key that `kid` names, and its `alg`: given all keys, the tool would take any that fits.
    if header=$(jose b64 dec -i - <<<"${token%%.*}" 2>/dev/null) &&
        key=$(jq -ec --argjson header "$header" --argjson case "$case" \
            '.keys[] | select(.kid == $header.kid and .alg == $header.alg and .alg == $case.alg)' "$1") &&
        claims=$(jose jws ver -i <(printf '%s' "$token") -k <(printf '%s' "$key") -O - 2>/dev/null) &&
        claims_are_good "$case" <<<"$claims"; then
        jq -cn --argjson case "$case" --argjson header "$header" --argjson claims "$claims" \
            '{$case, answer: {$header, $claims}}'
    else
        jq -cn --argjson case "$case" '{$case, answer: {refused: "jose"}}'
    fi
done
