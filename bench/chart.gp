# SPDX-License-Identifier: GPL-2.0
# The chart of Documentation/performance.rst, for gnuplot: -e "run='FOLDER'; out='FILE'"
set terminal svg size 1000,840 font "sans-serif,13" background "white"
set output out
set datafile missing "?"
set multiplot layout 2,2
set logscale xy
set grid
set key top left Left reverse samplen 2 spacing 1.05

set title "Instructions of a call, tables there"
set xlabel "pages"
set xtics (1, 2, 8, 64, 512)
set xrange [0.8:900]
set yrange [40:600000]
plot run."/map.dat" using 1:2 with linespoints lw 2 pt 7 ps 0.5 lc rgb "#1b6ca8" title "ept map", \
     run."/protect.dat" using 1:2 with linespoints lw 2 pt 5 ps 0.5 lc rgb "#5aa9e6" title "ept protect", \
     run."/unmap.dat" using 1:2 with linespoints lw 2 pt 9 ps 0.6 lc rgb "#0b3c5d" title "ept unmap", \
     run."/map.dat" using 1:3 with lines dt 2 lw 2 lc rgb "#c8553d" title "generic\\_pt map", \
     run."/unmap.dat" using 1:3 with lines dt 3 lw 2 lc rgb "#c8553d" title "generic\\_pt unmap", \
     run."/map.dat" using 1:4 with lines dt 2 lw 2 lc rgb "#588157" title "io-pgtable-arm map", \
     run."/unmap.dat" using 1:4 with lines dt 3 lw 2 lc rgb "#588157" title "io-pgtable-arm unmap"

set title "Nanoseconds to unmap and map a random page"
set xlabel "mapped beside it, in 4K leaves"
set xtics ("2M" 2**21, "64M" 2**26, "1G" 2**30, "8G" 2**33, "64G" 2**36)
set xrange [2**20.5:2**36.5]
set yrange [1:4000]
plot run."/beside.dat" using 1:2 with linespoints lw 2 pt 7 ps 0.5 lc rgb "#1b6ca8" title "ept", \
     run."/beside.dat" using 1:3 with lines dt 2 lw 2 lc rgb "#c8553d" title "generic\\_pt", \
     run."/beside.dat" using 1:4 with lines dt 2 lw 2 lc rgb "#588157" title "io-pgtable-arm", \
     run."/beside.dat" using 1:5 with lines dt 4 lw 2 lc rgb "#888888" title "limit"

set title "Maps of a page in a microsecond, all CPUs together"
set xlabel "CPUs"
unset logscale
set xtics (1, 2)
set xrange [0.8:2.2]
set yrange [0:*]
plot run."/fault-own.dat" using 1:2 with linespoints lw 2 pt 7 ps 0.5 lc rgb "#1b6ca8" title "ept, 2M of their own", \
     run."/fault-same.dat" using 1:2 with linespoints lw 2 pt 5 ps 0.5 lc rgb "#5aa9e6" title "ept, the same 2M", \
     run."/fault-own.dat" using 1:3 with lines dt 2 lw 2 lc rgb "#c8553d" title "generic\\_pt, their own", \
     run."/fault-own.dat" using 1:4 with lines dt 2 lw 2 lc rgb "#588157" title "io-pgtable-arm, their own"

set title "Instructions of a call, all CPUs have mapped before"
set xlabel "CPUs"
set logscale x
set xtics (1, 4, 16, 64)
set xrange [0.8:80]
set yrange [0:*]
plot run."/scale.dat" using 1:2 with linespoints lw 2 pt 7 ps 0.5 lc rgb "#1b6ca8" title "ept map", \
     run."/scale.dat" using 1:3 with linespoints lw 2 pt 9 ps 0.6 lc rgb "#0b3c5d" title "ept unmap", \
     run."/scale.dat" using 1:4 with linespoints lw 2 pt 5 ps 0.5 lc rgb "#5aa9e6" title "flush"
unset multiplot
