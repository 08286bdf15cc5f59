# SPDX-License-Identifier: GPL-2.0-only
#
# Cost of the first touch against the size of the slot, from bench.csv in docs=: a
# panel for each kernel, lines as shipped (dashed) and patched. The row of 16 GiB is left
# out, because few of its pages are touched.

csv = docs.'/bench.csv'
kernels = system("awk -F, '/^[0-9]/ && !seen[$1]++ { print $1 }' ".csv)
memories = "anon-4k thp hugetlb vfio-bar vfio-bar-lazy nomap-wb nomap-nc nomap-wb-lazy nomap-wb-scattered"
about = system("sed -n '/SPDX/d; s/^# //p' ".csv)

# "nan": a kernel need not have each of them, and gnuplot gives up on an empty plot.
row(k, v, m) = k.",".v.",max,first-touch,".m.","
points(k, v, m) = "< awk -F, -v row=".row(k, v, m)." '".\
	"!index($0, row) || !$8 || $7 > 1024 { next } { print $7, $8 } END { print \"nan nan\" }' ".csv

set logscale xy
set format y "10^{%T}"
set xtics (4, 64, 1024)
set xrange [3:1400]
set yrange [1e3:1e10]
set grid
set xlabel "slot, MiB"
set ylabel "instructions, first touch by the guest"
set key outside below maxrows 4 samplen 2

do for [type in "svg pngcairo"] {
	width = 480 * words(kernels) + 120
	set terminal type size width, 640 font "sans,11"
	set output docs.'/bench.'.(type eq "svg" ? "svg" : "png")
	set multiplot layout 1, words(kernels) title about font "sans,9" noenhanced
	do for [k in kernels] {
		set title "Linux ".k.", -cpu max"
		plot for [i = 1:words(memories)] points(k, "shipped", word(memories, i)) using 1:2 \
			with linespoints dashtype 2 linecolor i pointtype 6 notitle, \
			for [i = 1:words(memories)] points(k, "patched", word(memories, i)) using 1:2 \
			with linespoints linecolor i pointtype 7 pointsize 0.6 title word(memories, i)
	}
	unset multiplot
	unset output
}
