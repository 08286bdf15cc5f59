# SPDX-License-Identifier: GPL-2.0-only
#
# Turn the lines of memtype_bench in one serial log into CSV; id= is what its first
# columns say. Exit status: 1 if the unit is not instructions, or a row is missing.

BEGIN { FS = " *[|] *"; OFS = "," }
/^bench: unit instructions$/ { counts = 1 }
/^bench: [0-9]+ rows$/ { split($0, word, " "); planned = word[2] }
/^bench\| / {
	rows++
	gsub(/,/, ";", $7)
	if ($6 == "SKIP")
		print id, $2, $3, $4, $5, "", "", "", $7
	else
		print id, $2, $3, $4, $5, $6, $7, $8, ""
}
END { exit !(counts && rows && rows == planned) }
