# SPDX-License-Identifier: GPL-2.0-only
#
# The table for people, from bench.csv, and the verdict. Exit status: 1 if a patched kernel
# takes more than 1 % more than the same one as shipped for a fault on ordinary memory, or
# more than 10 % more for one on memory that cannot be a block, or a row has no figure on
# one of the two. A row of a few faults is not judged: the clock of neoverse-n1 ticks every 16
# instructions, and a larger row has the same fault. Nor is munmap(): most of it is the
# host's own, and what freeing a page costs depends on which of its neighbours are free.

BEGIN { few = 16 }
/^#/ { print; next }
$1 == "kernel" { next }
{
	row = $4 "," $5 "," $7
	if (!(($1, "") in seen)) { seen[$1, ""]; kernel[++kernels] = $1 }
	if (!(($3, "m") in seen)) { seen[$3, "m"]; machine[++machines] = $3 }
	if (!(($3, row) in seen)) { seen[$3, row]; rows[$3, ++count[$3]] = row }
	ram[row] = $6 == "ram" && $4 != "munmap"
	single[row] = row ~ /^first-touch,nomap.*-(lazy|scattered),/
	sparse = sparse || $7 > 1024
	patched[$1] = patched[$1] || $2 == "patched"
	id = $1 "," $2 "," $3 "," row
	seen[id]
	cost[id] = $8; exits[id] = $9; tables[id] = $10
	if ($11) {
		note = $4 " of " $5 " on " $3 ": " $11
		if (!(note in where)) notes[++noted] = note
		if (index(where[note], $1 " " $2) == 0)
			where[note] = where[note] (where[note] ? ", " : "") $1 " " $2
	}
}

function change(k, m, row,    old, new)
{
	old = cost[k ",shipped," m "," row]
	new = cost[k ",patched," m "," row]
	return old > 0 && new > 0 ? 100 * (new / old - 1) : "-"
}

function judge(k, m, row,    old, new, percent)
{
	old = k ",shipped," m "," row
	new = k ",patched," m "," row
	percent = change(k, m, row)
	if (!(old in seen) || !(new in seen) || (ram[row] && (cost[old] > 0) != (cost[new] > 0)))
		problem(k, m, row, "no figure for one of the two")
	else if (ram[row] && percent != "-" && exits[new] >= few) {
		judged[k]++
		if (percent > 1)
			problem(k, m, row, sprintf("%+.2f %%", percent))
		if (!(k in worst) || percent > worst[k])
			worst[k] = percent
	} else if (single[row] && percent != "-") {
		if (percent > 10)
			problem(k, m, row, sprintf("%+.2f %%", percent))
		if (!(k in dearest) || percent > dearest[k])
			dearest[k] = percent
	}
}

# How many times fewer instructions than as shipped.
function times(k, m, row,    old, new)
{
	old = cost[k ",shipped," m "," row]
	new = cost[k ",patched," m "," row]
	return old > 0 && new > 0 ? sprintf("%.0f", old / new) : "-"
}

function problem(k, m, row, what)
{
	gsub(/,/, " ", row)
	problems = problems sprintf("not ok - %s on %s: %s MiB: %s\n", k, m, row, what)
}

# Thousands, or "-" where there is no figure.
function thousands(id) { return cost[id] > 0 ? sprintf("%.1f", cost[id] / 1000) : "-" }

# The two lines above a table: what it is, then per kernel the names of its columns.
function head(what, width, columns,    j, line)
{
	printf "\n%-43s", what
	for (j = 1; j <= kernels; j++)
		line = line sprintf("| %-" width "s", "Linux " kernel[j])
	sub(/ +$/, "", line)
	printf "%s\n%-18s %-18s %5s", line, "operation", "memory", "MiB"
	for (j = 1; j <= kernels; j++)
		printf "|%s", columns
	print ""
}

function label(row,    word)
{
	split(row, word, ",")
	return sprintf("%-18s %-18s %5d", word[1], word[2], word[3])
}

function table(m,    i, j, id, percent, line)
{
	head("-cpu " m ", thousands of instructions", 31,
	     sprintf("%11s %11s %8s", "shipped", "patched", "change"))
	for (i = 1; i <= count[m]; i++) {
		line = label(rows[m, i])
		for (j = 1; j <= kernels; j++) {
			id = m "," rows[m, i]
			percent = change(kernel[j], m, rows[m, i])
			line = line sprintf("|%11s %11s %8s", thousands(kernel[j] ",shipped," id),
					    thousands(kernel[j] ",patched," id),
					    percent == "-" ? "-" : sprintf("%+.2f %%", percent))
			if (patched[kernel[j]])
				judge(kernel[j], m, rows[m, i])
		}
		print line
	}
}

# What one exit to the host costs, how many there were, and what tables they took.
function faults(m,    i, j, id, line)
{
	head("-cpu " m ", one fault", 27, sprintf("%9s %11s %6s", "faults", "each", "tables"))
	for (i = 1; i <= count[m]; i++) {
		if (rows[m, i] ~ /^munmap/)
			continue
		line = label(rows[m, i])
		for (j = 1; j <= kernels; j++) {
			id = kernel[j] "," (patched[kernel[j]] ? "patched" : "shipped") "," m "," rows[m, i]
			if (exits[id] > 0)
				line = line sprintf("|%9d %11.0f %6d", exits[id], cost[id] / exits[id], tables[id])
			else
				line = line sprintf("|%9s %11s %6s", "-", "-", "-")
		}
		print line
	}
}

END {
	for (n = 1; n <= machines; n++)
		table(machine[n])
	for (n = 1; n <= machines; n++)
		faults(machine[n])
	print "\nfaults: with a timer interrupt now and then. tables: pages of stage-2 tables. Both,"
	print "and each, on the patched kernel, or as shipped where there is no series yet."
	if (sparse)
		print "first-touch of 16384 MiB: a page every 16 MiB."
	printf "\n%-43s", "1 GiB, first touch, times cheaper"
	for (j = 1; j <= kernels; j++)
		printf "|%11s", "Linux " kernel[j]
	print ""
	for (n = 1; n <= machines; n++)
		for (i = 1; i <= count[machine[n]]; i++) {
			row = rows[machine[n], i]
			if (row !~ /^first-touch,(vfio|nomap-(wb|nc)),?.*,1024$/ || single[row])
				continue
			printf "%s", label(row)
			for (j = 1; j <= kernels; j++)
				printf "|%11s", times(kernel[j], machine[n], row)
			print ""
		}
	print ""
	for (j = 1; j <= kernels; j++) {
		id = kernel[j] ",patched,max,first-touch,"
		scan = (cost[id "nomap-wb,64"] - cost[id "vfio-bar,64"]) / 32
		if (scan > 100)
			printf "Linux %s: interrupts off for %.0f instructions at most: what a block of 2 MiB costs more if the " \
			       "host has 512 entries for it instead of one\n", kernel[j], scan
	}
	if (noted)
		print "\nNot measured:"
	for (n = 1; n <= noted; n++)
		printf "  %s (%s)\n", notes[n], where[notes[n]]
	print ""
	for (j = 1; j <= kernels; j++)
		if (patched[kernel[j]])
			printf "Linux %s: faults on ordinary memory, %d rows of " few " faults and more: at most %+.2f %%; on memory that cannot be a block: at most %+.2f %%\n",
			       kernel[j], judged[kernel[j]], worst[kernel[j]], dearest[kernel[j]]
	printf "%s", problems
	exit problems != ""
}
