# Latency of proven clients. latency.dat: a line for each tenth of a second: seconds, requests, p50, p99 in microseconds;
# the flood has the middle third.
set terminal svg size 720,420 font 'sans-serif,13' background 'white'
set output 'latency.svg'
set datafile separator '\t'
stats 'latency.dat' using 1 nooutput
third = (STATS_max + 0.1) / 3
set title 'Proven clients before, under and after a flood of wrong passwords'
set xlabel 'seconds'
set ylabel 'latency, ms'
set logscale y
set xrange [0:3 * third]
set grid ytics
set object rectangle from first third, graph 0 to first 2 * third, graph 1 fillcolor '#fbe3d4' fillstyle solid noborder behind
set label '64 connections of wrong passwords' at first 1.5 * third, graph 0.95 center
set key above horizontal samplen 2
plot 'latency.dat' using 1:($4 / 1000) with lines linewidth 2 linecolor '#d95f02' title 'p99', \
     '' using 1:($3 / 1000) with lines linewidth 2 linecolor '#1b9e77' title 'p50', \
     5 with lines dashtype 2 linecolor '#999999' title 'the bound on p99, 5 ms'
