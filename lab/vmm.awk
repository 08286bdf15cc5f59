# SPDX-License-Identifier: GPL-2.0-only
#
# The table of lab/vmm, from what=cfg lab/vmm.cfg, what=shipped LOG, what=patched LOG; kernel= is the
# version, libvirt=1 if it was there. Exit status: 1 if a result is not what lab/vmm.cfg says.

BEGIN { FS = " *[|] *" }
{ gsub(/\r/, "") }

what == "cfg" && /^\[/ { section = $0; next }
what == "cfg" && (section == "[results]" || libvirt && section == "[results libvirt]") && / = / {
	split($0, part, " = ")
	row[++rows] = part[1]
	want["patched", part[1]] = part[2]
}
what == "cfg" && section == "[shipped " kernel "]" && / = / {
	split($0, part, " = ")
	want["shipped", part[1]] = part[2]
}
what == "cfg" { next }

/^vmm: begin / { begun = substr($0, 12) }
/^vmm[|]/ { got[what, $2] = $3; begun = "" }
/^vmm: the VM dies/ && begun != "" { got[what, begun] = "the VM dies"; begun = "" }

function cell(what, name) { return (what, name) in got ? got[what, name] : "-" }

function judge(what, name)
{
	if (!((what, name) in want) || cell(what, name) == want[what, name])
		return
	printf "lab/vmm: %s, %s: '%s', but '%s' was to be expected\n", what, name, cell(what, name),
	       want[what, name] >"/dev/stderr"
	failed = 1
}

END {
	printf "%-50s  %-14s  %s\n", "", "as shipped", "with the series"
	for (i = 1; i <= rows; i++)
		printf "%-50s  %-14s  %s\n", row[i], cell("shipped", row[i]), cell("patched", row[i])
	for (i = 1; i <= rows; i++) {
		judge("shipped", row[i])
		judge("patched", row[i])
	}
	exit failed
}
