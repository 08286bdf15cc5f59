# SPDX-License-Identifier: GPL-2.0-only
#
# Align the lines that memory_types --table printed. Input: "KERNEL table| BACKING |
# CELL..." lines; with several kernels, each backing's lines stand together.

BEGIN {
	FS = " *[|] *"
	n = split("Memory of the VMM|Kernel|Aligned|Unaligned|Execute|Page tables|Stage 2", head, "|")
	for (i = 1; i <= n; i++)
		width[i] = length(head[i])
}

{
	split($1, name, " ")
	kernel = name[1]
	if (!(kernel in known)) { known[kernel] = ++kernels; kernel_name[kernels] = kernel }
	if (!($2 in order)) { order[$2] = ++backings; backing_name[backings] = $2 }
	cell[$2, kernel, 1] = known[kernel] > 1 ? "" : $2
	cell[$2, kernel, 2] = kernel
	for (i = 3; i <= n; i++)
		cell[$2, kernel, i] = $i
	for (i = 1; i <= n; i++)
		if (length(i == 1 ? $2 : cell[$2, kernel, i]) > width[i])
			width[i] = length(i == 1 ? $2 : cell[$2, kernel, i])
}

function row(values,    i, text)
{
	text = ""
	for (i = 1; i <= n; i++)
		if (kernels > 1 || i != 2)
			text = text sprintf("%-" width[i] "s  ", values[i])
	sub(/ +$/, "", text)
	print "  " text
}

END {
	if (!backings)
		exit 1
	row(head)
	for (i = 1; i <= n; i++) {
		rule[i] = sprintf("%" width[i] "s", "")
		gsub(/ /, "-", rule[i])
	}
	row(rule)
	for (b = 1; b <= backings; b++)
		for (k = 1; k <= kernels; k++) {
			for (i = 1; i <= n; i++)
				values[i] = cell[backing_name[b], kernel_name[k], i]
			row(values)
		}
}
