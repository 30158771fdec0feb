# A signed token for a credential that is remembered, beside an ordinary libfcgi program that answers a constant, and
# beside the same constant through the program's own gateway.

# Behind a web server, whether it and the program find each other awake changes from one second to the next, and with it
# all rates by a third: so these have more looks.
declare -A LOOKS=([socket]=1 [nginx]=3 [lighttpd]=3)
PROGRAMS=(token es256 gateway threads)

proven_turn() {
    local way i
    for way in "${!LOOKS[@]}"; do
        for ((i = 0; i < LOOKS[$way]; i++)); do
            look_at "$way"
        done
    done
}

# look_at WAY: the programs in turn.
look_at() {
    local program
    for program in "${PROGRAMS[@]}"; do
        "$1_once" "$program"
    done
    # The ratios are those of one look, as a machine is not equally fast from one moment to the next.
    for program in gateway threads; do
        sample "$program.$1.ratio" "$(compute "$(last "token.$1.rate") / $(last "$program.$1.rate")")"
    done
    # None is always the first.
    PROGRAMS=("${PROGRAMS[@]:1}" "${PROGRAMS[0]}")
}

socket_once() {
    use "$1"
    measure "$1.socket" "$BIN/fcgi_load" "$SOCKET" "$BENCH_SECONDS" 16 "$DEMO"
}

nginx_once() {
    use "$1"
    measure "$1.nginx" wrk_line -c64 -d"$WHOLE_SECONDS" "$URL" -- "$DEMO"
}

lighttpd_once() {
    use "$1.lighttpd"
    measure "$1.lighttpd" wrk_line -c64 -d"$WHOLE_SECONDS" "$URL" -- "$DEMO"
}

last() {
    local values=${SAMPLES[$1]% }
    printf '%s' "${values##* }"
}

proven_stands() {
    local program
    local -A binary=([token]=$TOKEN_FCGI [es256]=$TOKEN_FCGI [gateway]=$BIN/constant_gateway [threads]=$BIN/constant_threads)
    for program in "${PROGRAMS[@]}"; do
        for server in nginx lighttpd; do
            local stand=$program
            [[ $server == nginx ]] || stand+=.lighttpd
            make_stand "$stand" "${binary[$program]}"
            [[ $program != es256 ]] || tokenctl key rotate --alg ES256 >/dev/null
            [[ $server == nginx ]] || server+=-fastcgi
            serve_web "$stand" "$server"
            measure warm-up wrk_line -c64 -d1 "$URL" -- "$DEMO"
        done
    done
}

# beside WAY OTHER WHAT [RELATION BOUND]
beside() {
    local way=$1 other=$2 what=$3
    shift 3
    row "$what" "$(median "token.$way.rate")" \
        "$(compute "$(median "token.$way.rate") / $(median "$other.$way.ratio")")" 1/s "$@"
}

cpu_beside() {
    row "  CPU time per request" "$(median "token.$1.cpu")" "$(median "$2.$1.cpu")" us
}

# Which connection comes to which worker of the web server and to which thread is chance, and stays so as long as they
# run: each turn has new ones.
fresh_turn() {
    proven_stands
    proven_turn
    remove_stands
}

section_proven() {
    local way
    BENCH_ROUNDS=$((BENCH_ROUNDS * 2)) turns fresh_turn
    beside socket gateway 'on the socket; a constant through our gateway' '>=' 0.60
    cpu_beside socket gateway
    beside socket threads 'on the socket; a constant by a thread a connection'
    cpu_beside socket threads
    beside nginx threads 'behind nginx; a constant by a thread a connection' '>=' 1.0
    cpu_beside nginx threads
    beside lighttpd threads 'behind lighttpd; a constant by a thread a connection' '>=' 0.90
    cpu_beside lighttpd threads
    for way in socket nginx lighttpd; do
        row "ES256, $way; HS256" "$(median "es256.$way.rate")" "$(median "token.$way.rate")" 1/s
        row '  CPU time per request' "$(median "es256.$way.cpu")" "$(median "token.$way.cpu")" us
    done
}
