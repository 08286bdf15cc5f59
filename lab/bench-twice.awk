# SPDX-License-Identifier: GPL-2.0-only
#
# Compare the CSV of two runs, without a header. Exit status: 1 if a row is in
# one only, or differs by more than 0.1 %.

{ row = $1 " " $2 " on " $3 ": " $4 " " $5 " " $7 " MiB" }
FNR == NR { first[row] = $8; next }
!(row in first) { print row ": in the second run only"; bad = 1; next }
{
	change = first[row] ? 100 * ($8 / first[row] - 1) : $8 ? 100 : 0
	change = change < 0 ? -change : change
	if (change > 0.1) {
		printf "%s: %d, then %d instructions\n", row, first[row], $8
		bad = 1
	}
	if (change > most)
		most = change
	delete first[row]
}
END {
	for (row in first) {
		print row ": in the first run only"
		bad = 1
	}
	printf "two runs differ by at most %.3f %%\n", most
	exit bad
}
