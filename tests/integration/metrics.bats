# …/metrics: a strict parser of OpenMetrics reads it, and all processes of a state folder count together.

# shellcheck disable=SC2153 # request() sets STATUS

load helper
load requests
load server

setup() {
    make_folder
    add_request_accounts
}

teardown() {
    show_logs
    remove_folder
}

serve_with() {
    export SERVER=$1
    serve
    METRICS=${URL%/token}/metrics
}

# Prints each sample as "name{label=value,…} value".
samples() {
    curl -sS --max-time "$PATIENCE" "$METRICS" >"$DIR/metrics.txt"
    /usr/bin/python3 - "$DIR/metrics.txt" <<'END'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(open(sys.argv[1]).read()):
    for sample in family.samples:
        labels = ",".join("%s=%s" % item for item in sorted(sample.labels.items()))
        print("%s{%s} %g" % (sample.name, labels, sample.value))
END
}

# sample NAME: prints its value, 0 if there is none.
sample() {
    local all
    all=$(samples) || return
    awk -v name="$1" '$1 == name { value = $2 } END { print value + 0 }' <<<"$all"
}

GRANTED='token_answers_total{endpoint=token,outcome=issued,reason=granted}'

# grant TIMES: gets tokens.
grant() {
    local i
    for ((i = 0; i < $1; i++)); do
        request "${DEMO[@]}" "$URL"
        [[ $STATUS == 200 ]] || fail "status $STATUS"
    done
}

has_sample() {
    [[ $(sample "$1") == "$2" ]]
}

are_connections() {
    (($(sample 'token_open_connections{}') >= 1))
}

is_answering() {
    request "${DEMO[@]}" "$URL"
    [[ $STATUS == 200 ]]
}

@test "metrics behind nginx count answers, and a killed process loses none" {
    serve_with nginx
    grant 3
    request -d "$GRANT" -d client_id=demo -d client_secret=wrong "$URL"
    request "${URL%/token}/none"
    has_sample "$GRANTED" 3
    has_sample 'token_answers_total{endpoint=token,outcome=refused,reason=wrong_secret}' 1
    has_sample 'token_issued_total{client=demo}' 3
    has_sample 'token_hash_seconds_count{}' 2
    has_sample 'token_credential_lookups_total{result=proven}' 2
    has_sample 'token_accounts{state=expired}' 1
    has_sample 'token_accounts{state=locked}' 1
    has_sample 'token_accounts{state=usable}' $(($(grep -vc '^#' "$DIR/etc/accounts") - 2))
    has_sample 'token_processes{}' 1
    (($(sample 'token_answers_total{endpoint=none,outcome=rejected,reason=path}') >= 1))
    wait_until 'the connections to be counted' are_connections
    stop token.fcgi KILL
    rm -f "$DIR/run/token.sock"
    start_spawn_fcgi
    wait_until 'an answer' is_answering
    has_sample "$GRANTED" 4
    has_sample 'token_processes{}' 1
    kill -HUP "$(responders token.fcgi)"
    wait_until 'the reload' has_sample 'token_reloads_total{result=loaded}' 1
}

@test "metrics are 404 for other addresses" {
    serve_with nginx
    configure status_from 192.0.2.1
    kill -HUP "$(responders token.fcgi)"
    is_hidden() {
        request "$METRICS"
        [[ $STATUS == 404 && $(<"$REPLY_BODY") == *not_found* ]]
    }
    wait_until '404' is_hidden
}

@test "metrics of many processes of mod_fcgid and of plain CGI on one state folder are one sum" {
    local i pids=() form="$GRANT&client_id=demo&client_secret=demo-secret"
    serve_with apache-mod_fcgid
    for ((i = 0; i < 8; i++)); do
        grant 5 &
        pids+=($!)
    done
    wait "${pids[@]}"
    for ((i = 0; i < 3; i++)); do
        env -i REQUEST_METHOD=POST SCRIPT_NAME=/apiops/auth PATH_INFO=/token REMOTE_ADDR=127.0.0.1 \
            CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=${#form} "TOKEN_CONF=$CONF" \
            "$DIR/token.fcgi" <<<"$form" | grep -q access_token
    done
    has_sample "$GRANTED" 43
    (($(sample 'token_processes{}') >= 1))
    stop server
    start_server
    (($(sample "$GRANTED") == 43))
}

@test "metrics: a file that is emptied, cut, overwritten or removed costs counts, and no request" {
    local damage times=0
    serve_with nginx
    is_opened_again() {
        (($(grep -c 'metrics.bin was opened again' "$DIR/log/token.log") > times))
    }
    for damage in ': >' 'truncate -s 5000 ' 'dd if=/dev/urandom bs=1000 count=300 status=none of=' 'rm -f '; do
        grant 2
        eval "$damage$DIR/etc/state/metrics.bin"
        grant 3
        samples >/dev/null
        wait_until "a new file after $damage" is_opened_again
        times=$(grep -c 'metrics.bin was opened again' "$DIR/log/token.log")
        (($(sample "$GRANTED") <= 3))
        is_running "$(responders token.fcgi)"
    done
    chmod 0 "$DIR/etc/state/metrics.bin"
    grant 3
    (($(sample "$GRANTED") <= 8))
    is_running "$(responders token.fcgi)"
}
