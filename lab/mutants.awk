# SPDX-License-Identifier: GPL-2.0-only
#
# Read lab/mutants.cfg for kernel=. Without name=, list its breaks, one a line, separated by tabs: name,
# machine, file, tests, what is wrong, and why it survives if it does. With name=, apply that
# break to the second file and print it; exit status 1 if the file does not have its lines exactly once.

function entry_is_complete(   key)
{
	if (field["kernels"] != "" && !index(" " field["kernels"] " ", " " kernel " "))
		return
	if (name == "")
		print section, field["machine"], field["file"], field["test"], field["shows"], field["survives"]
	if (name == section) {
		n_old = split(old, old_line, "\n") - 1
		replacement = new
	}
}

BEGIN { OFS = "\t" }

FNR == NR && /^\[/ {
	if (section)
		entry_is_complete()
	section = substr($0, 2, length($0) - 2)
	split("", field)
	old = new = ""
	next
}
FNR == NR && /^[a-z]+ = / { field[$1] = substr($0, length($1) + 4); next }
FNR == NR && /^[- ]/ { old = old substr($0, 2) "\n" }
FNR == NR && /^[+ ]/ { new = new substr($0, 2) "\n" }
FNR == NR { next }

FNR == 1 { entry_is_complete(); section = "" }
{ line[FNR] = $0; n = FNR }

function matches(at,   i)
{
	for (i = 1; i <= n_old; i++)
		if (line[at + i - 1] != old_line[i])
			return 0
	return 1
}

END {
	if (section)
		entry_is_complete()
	if (name == "")
		exit
	for (i = 1; i <= n; i++) {
		if (n_old && matches(i)) {
			found++
			printf "%s", replacement
			i += n_old - 1
		} else {
			print line[i]
		}
	}
	exit found != 1
}
