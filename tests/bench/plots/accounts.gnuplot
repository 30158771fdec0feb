# By number of accounts. accounts.dat: accounts, milliseconds to the first answer, resident MiB, MiB that are allowed.
set terminal svg size 720,420 font 'sans-serif,13' background 'white'
set output 'accounts.svg'
set datafile separator '\t'
set title 'Start and memory by number of accounts'
set xlabel 'accounts'
set logscale xy
set xrange [*:*] noextend
set format x '10^{%L}'
set ylabel 'start to first answer, ms'
set y2label 'resident memory, MiB'
set logscale y2
set ytics nomirror
set y2tics
set grid
set key above horizontal samplen 2
plot 'accounts.dat' using 1:2 with linespoints linewidth 2 linecolor '#1b9e77' title 'start', \
     '' using 1:3 axes x1y2 with linespoints linewidth 2 linecolor '#d95f02' title 'memory', \
     '' using 1:4 axes x1y2 with lines dashtype 2 linecolor '#999999' title 'file + 24 bytes an account + 10 MiB'
