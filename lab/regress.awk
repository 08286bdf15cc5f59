# SPDX-License-Identifier: GPL-2.0-only
#
# The table of lab/regress. Input, in this order: with what=known lab/regress.known, with
# what=list build/KERNEL/regress/list, and for each machine=NAME with what=shipped and with
# what=patched its serial logs.
#
# exit status: 0, or 1 if a test differs, or fails or did not run without a known cause

function trim(s) { gsub(/^ +| +$/, "", s); return s }

# An exit status of a selftest in words, with what tells two failures apart; 4 is KSFT_SKIP.
function word(status,    counts)
{
	counts = (oks ? ", " oks " ok" : "") (skips ? ", " skips " skipped" : "")
	if (status !~ /^[0-9]+$/) return status
	if (status == 0) return "pass" counts
	if (status == 4) return "skip"
	if (status > 128 && status < 160) return "signal " status - 128
	return "fail " (place ? place : status) counts
}

function wider(text, column) { if (length(text) > width[column]) width[column] = length(text) }

function row(name, a, b, note,    text)
{
	text = sprintf("  %-" width[1] "s  %-" width[2] "s  %-" width[3] "s  %s", name, a, b, note)
	sub(/ +$/, "", text)
	print text
}

function result(what, machine, name) { return (what, machine, name) in got ? got[what, machine, name] : "not run" }

function cause_of(machine, name, res,    i)
{
	for (i = 1; i <= causes; i++)
		if ((known_machine[i] == "*" || known_machine[i] == machine) && known_test[i] == name && known_result[i] == res)
			return i
	return 0
}

function runs_on(t, machine) { return where[t] == "*" || index("," where[t] ",", "," machine ",") }

BEGIN { wider("as shipped", 2); wider("patched", 3) }

{ sub(/\r$/, "") }

what == "known" {
	if ($0 !~ /^#/ && split($0, field, "|") == 5 && trim(field[1]) == kernel) {
		known_machine[++causes] = trim(field[2])
		known_test[causes] = trim(field[3])
		known_result[causes] = trim(field[4])
		cause[causes] = trim(field[5])
	}
	next
}

what == "list" && $2 == "-" {
	name = $1 ($3 == "-" ? "" : " except on " $3)
	sub(/^[^ ]+ - [^ ]+ /, "")
	left_out = left_out "not run: " name ": " $0 "\n"
	next
}
what == "list" { test[++tests] = $1; where[tests] = $3; wider($1, 1); next }

what == "shipped" && FNR == 1 { machines[++nmachines] = machine }
/^lab: begin / { now = $3; got[what, machine, now] = "machine died"; complaint = place = ""; oks = skips = 0; next }
/^lab: end / { got[what, machine, now] = word($4) complaint; next }
/^tries: again/ { place = ""; oks = skips = 0; next }
/^dmesg: / { if (/WARNING:|BUG:|Oops|Unable to handle kernel|INFO: (task|rcu)/) complaint = ", kernel complained"; next }
/# SKIP/ { skips++; why = $0; sub(/.*# SKIP[ -]*/, "", why); reason[what, machine, now] = why; next }
/^ok / { oks++ }
/==== Test Assertion Failure ====/ { getline; if (!place) { place = $1; gsub(/.*\/|:$/, "", place) } }

END {
	for (m = 1; m <= nmachines; m++)
		for (t = 1; t <= tests; t++)
			if (runs_on(t, machines[m])) {
				wider(result("shipped", machines[m], test[t]), 2)
				wider(result("patched", machines[m], test[t]), 3)
			}
	for (m = 1; m <= nmachines; m++) {
		print "\n" machines[m] ":"
		row("test", "as shipped", "patched", "")
		for (t = 1; t <= tests; t++) {
			if (!runs_on(t, machines[m]))
				continue
			a = result("shipped", machines[m], test[t])
			b = result("patched", machines[m], test[t])
			note = a == "skip" ? reason["shipped", machines[m], test[t]] : ""
			if (a != b) { differ++; note = "DIFFERS" }
			else if (a ~ /^(pass|skip)/ && a !~ /complained/) same++
			else if ((i = cause_of(machines[m], test[t], a))) { known++; note = "known " i; used[i] = 1 }
			else { unexplained++; note = "UNEXPLAINED" }
			row(test[t], a, b, note)
		}
	}
	print ""
	printf "%s", left_out
	for (i = 1; i <= causes; i++)
		if (i in used)
			print "known " i ": " cause[i]
	printf "%d same, %d differ, %d known failures, %d unexplained\n", same, differ, known, unexplained
	exit !(same && !differ && !unexplained)
}
