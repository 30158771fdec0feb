# Debian's Prometheus scrapes …/metrics through nginx, keeps the alert rules of conf/ quiet, and sees what the dashboard shows.
# shellcheck disable=SC2016 # the dashboard has variables of its own

load ../integration/helper
load ../integration/requests
load ../integration/server

setup() {
    make_folder
    add_request_accounts
    export SERVER=nginx
    serve
}

teardown() {
    show_logs
    remove_folder
}

start_prometheus() {
    PROMETHEUS=127.0.0.1:$(free_port)
    mkdir "$DIR/prometheus"
    cat >"$DIR/prometheus/prometheus.yml" <<END
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: ["$REPOSITORY/conf/prometheus-alerts.yml"]
scrape_configs:
  - job_name: token
    metrics_path: /apiops/auth/metrics
    static_configs: [{targets: ["127.0.0.1:$PORT"]}]
END
    start prometheus prometheus --config.file="$DIR/prometheus/prometheus.yml" --web.listen-address="$PROMETHEUS" \
        --storage.tsdb.path="$DIR/prometheus/data"
    wait_until 'Prometheus' curl -sf "http://$PROMETHEUS/-/ready" -o /dev/null
}

# query EXPRESSION: prints the sum of what Prometheus finds, "none" if it finds nothing.
query() {
    curl -sSG --data-urlencode "query=$1" "http://$PROMETHEUS/api/v1/query" |
        jq -er '.data.result | if length == 0 then "none" else map(.value[1] | tonumber) | add end'
}

finds() {
    [[ $(query "$1") == "$2" ]]
}

@test "the alert rules are good, and so is each expression of the dashboard" {
    local expression
    promtool check rules "$REPOSITORY/conf/prometheus-alerts.yml"
    start_prometheus
    while IFS= read -r expression; do
        expression=${expression//'$__rate_interval'/1m}
        expression=${expression//'$instance'/.*}
        query "$expression" >/dev/null || fail "$expression"
    done < <(jq -r '.panels[].targets[].expr' "$REPOSITORY/conf/grafana-dashboard.json")
}

@test "Prometheus sees what is counted, and an alert when a file is refused" {
    local i
    start_prometheus
    wait_until 'a scrape' finds 'up{job="token"}' 1
    for ((i = 0; i < 5; i++)); do
        request "${DEMO[@]}" "$URL"
    done
    wait_until 'the tokens' finds 'token_answers_total{outcome="issued"}' 5
    # A scrape that takes too long leaves nothing to be found until the next one.
    wait_until 'the client' finds 'token_issued_total{client="demo"}' 5
    wait_until 'the process' finds 'token_processes' 1
    wait_until 'the hash' finds 'sum(token_hash_seconds_count)' 1
    finds 'ALERTS{alertname="TokenDown",alertstate="firing"}' none
    printf '{' >"$DIR/etc/keys.jwks"
    wait_until 'the alert' finds 'ALERTS{alertname="TokenReloadRefused",alertstate="firing"}' 1
    stop token.fcgi
    wait_until 'the end of the target' finds 'up{job="token"}' 0
}
