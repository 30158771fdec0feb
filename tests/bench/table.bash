# The table, the drawings, and the machine.

print_table() {
    (cd "$OUT" && cat "${@/%/.tsv}") | awk -F '\t' '
        function number(x) {
            return x == "-" || x == "" ? x : sprintf(x >= 1000 ? "%.0f" : x >= 10 ? "%.1f" : "%.2f", x)
        }
        function line(a, b, c, d, e, f, g, h) {
            printf "%-8s  %-66s %9s %9s  %-6s %6s  %-7s %s\n", a, b, c, d, e, f, g, h
        }
        BEGIN { line("", "", "ours", "beside", "", "ratio", "asked", "") }
        {
            value = $4 == "-" ? $3 : $4 > 0 ? $3 / $4 : 0
            ratio = $4 == "-" ? "-" : sprintf("%.2f", value)
            reached = $6 == "" ? "" : ($6 == ">=" ? value >= $7 : value <= $7) ? "yes" : "NO"
            line($1 == last ? "" : $1, $2, number($3), number($4), $5, ratio, $6 == "" ? "" : $6 " " $7, reached)
            last = $1
        }' | sed 's/ *$//' | tee "$OUT/table.txt"
}

print_machine() {
    printf '\n%s, %s CPUs, %s, Linux %s, %s\n' "$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" \
        "$CPUS" "$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)" "$(uname -r)" \
        "$(${CC:-gcc} --version | head -n 1)"
    printf '%s rounds of %s s, medians\n' "$BENCH_ROUNDS" "$BENCH_SECONDS"
}

# Draws what there are figures for.
draw() {
    local plot name
    for plot in "$REPOSITORY"/tests/bench/plots/*.gnuplot; do
        name=$(basename "$plot" .gnuplot)
        [[ ! -s $OUT/$name.dat ]] || (cd "$OUT" && gnuplot "$plot")
    done
}
