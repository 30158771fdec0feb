#!/bin/bash
# curl. By Basic it sends what it is given, not encoded.
set -euo pipefail

while IFS= read -r case; do
    field() { jq -r --arg name "$1" '.[$name] // empty' <<<"$case"; }
    arguments=(-d grant_type=client_credentials)
    [[ -z $(field scope) ]] || arguments+=(--data-urlencode "scope=$(field scope)")
    case $(field method) in
        client_secret_basic) arguments+=(-u "$(field client_id):$(field client_secret)") ;;
        client_secret_post) arguments+=(
            --data-urlencode "client_id=$(field client_id)" --data-urlencode "client_secret=$(field client_secret)") ;;
    esac
    curl -sS "${arguments[@]}" -w '{"status": %{http_code}}' "$1" | jq -cs --argjson case "$case" '{$case, answer: add}'
done
