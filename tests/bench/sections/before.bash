# The program beside that of another commit, OLD, in the same run.

before_look() {
    local stand
    for stand in "${BEFORE_STANDS[@]}"; do
        use "$stand"
        case $stand in
            *.nginx | *.lighttpd) measure "$stand" wrk_line -c64 -d"$WHOLE_SECONDS" "$URL" -- "$DEMO" ;;
            *) measure "$stand" "$BIN/fcgi_load" "$SOCKET" "$BENCH_SECONDS" 64 "$DEMO" ;;
        esac
    done
    # None is always the first.
    BEFORE_STANDS=("${BEFORE_STANDS[@]:1}" "${BEFORE_STANDS[0]}")
}

# before_stand NAME PROGRAM [SERVER]
before_stand() {
    make_stand "$1" "$2"
    if [[ $# == 3 ]]; then serve_web "$1" "$3"; else serve_socket; fi
    BEFORE_STANDS+=("$1")
}

before_turn() {
    local old=$OUT/before
    BEFORE_STANDS=()
    before_stand new.socket "$TOKEN_FCGI"
    before_stand old.socket "$old/cgi-bin/token.fcgi"
    before_stand new.constant "$BIN/constant_gateway"
    before_stand old.constant "$old/build/bench/bin/constant_gateway"
    before_stand new.nginx "$TOKEN_FCGI" nginx
    before_stand old.nginx "$old/cgi-bin/token.fcgi" nginx
    before_stand new.lighttpd "$TOKEN_FCGI" lighttpd-fastcgi
    before_stand old.lighttpd "$old/cgi-bin/token.fcgi" lighttpd-fastcgi
    before_look
    before_look
    remove_stands
}

# before_row WHAT WAY FIELD UNIT RELATION BOUND
before_row() {
    row "$1" "$(median "new.$2.$3")" "$(median "old.$2.$3")" "${@:4}"
}

section_before() {
    if [[ ! -x $OUT/before/cgi-bin/token.fcgi ]]; then
        say 'before: left out, as OLD names no commit'
        return
    fi
    turns before_turn
    before_row "proven, on the socket; $OLD: CPU time per request" socket cpu us '<=' 0.80
    before_row 'a constant, on the socket: CPU time per request' constant cpu us '<=' 0.70
    before_row 'proven, behind nginx: CPU time per request' nginx cpu us '<=' 0.90
    before_row '  rate' nginx rate 1/s '>=' 0.95
    before_row 'proven, behind lighttpd: CPU time per request' lighttpd cpu us '<=' 1.05
    before_row '  rate' lighttpd rate 1/s '>=' 0.90
}
