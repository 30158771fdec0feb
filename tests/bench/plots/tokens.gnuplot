# Tokens a second by hash method. tokens.dat: method, floor, nothing remembered, remembered.
set terminal svg size 720,420 font 'sans-serif,13' background 'white'
set output 'tokens.svg'
set datafile separator '\t'
set title 'Tokens a second by hash method'
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 border -1
set logscale y
set yrange [1:*]
set ylabel 'a second'
set grid ytics
set key above horizontal samplen 2
plot 'tokens.dat' using 2:xtic(1) title 'floor: crypt\_rn() alone' linecolor '#999999', \
     '' using 3 title 'nothing remembered' linecolor '#d95f02', \
     '' using 4 title 'remembered' linecolor '#1b9e77'
