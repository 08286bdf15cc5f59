# SPDX-License-Identifier: GPL-2.0-only
#
# One test's output into one TAP line, and into tmp/table, tmp/failures and tmp/skips of the report. A pass needs the
# whole plan and exit status 0. Exit status: 1 if the test failed.

/^1\.\.0 # SKIP/ { sub(/^1\.\.0 # SKIP */, ""); whole = $0; next }
/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; next }
/^#/ { if (++notes <= 6) said = said "      " $0 "\n"; next }
/^(not )?ok [0-9]+/ {
	seen++
	if (/^not ok/) {
		bad++
		print "    " $0 >> "tmp/failures.new"
		printf "%s", said >> "tmp/failures.new"
	} else if (/# SKIP/) {
		skipped++
		reason = $0
		sub(/^.*# SKIP /, "", reason)
		sub(/^.*: /, "", reason)
		print reason >> "tmp/skips"
	}
	said = ""
	notes = 0
}
{ if (NF) last = $0 }

END {
	good = seen - bad - skipped
	if (whole != "" && status == 4) {
		print whole >> "tmp/skips"
		printf "  %-36s %6s %6s %7s\n", title, "-", "-", "all" >> "tmp/table"
		print "ok " number " - " title " # SKIP " whole
		exit 0
	}
	if (!plan || seen != plan)
		why = seen + 0 " of " (plan ? plan : "an unknown number of") " results"
	if (status == 124 || status == 137)
		why = (why ? why ", and " : "") "stopped after " limit " s"
	else if (status && !bad)
		why = (why ? why ", and " : "") "exit status " status
	if (why != "")
		print "    " why (last != "" ? "; the last line: " last : "; no output") >> "tmp/failures.new"
	printf "  %-36s %6d %6d %7d%s\n", title, good, bad, skipped, why != "" ? "  " why : "" >> "tmp/table"
	if (bad || why != "") {
		print "not ok " number " - " title ": " (bad ? bad + 0 " failed" : "") (bad && why ? ", " : "") why
		print "  " title >> "tmp/failures"
		close("tmp/failures.new")
		while ((getline line < "tmp/failures.new") > 0)
			print line >> "tmp/failures"
		system("rm -f tmp/failures.new")
		exit 1
	}
	print "ok " number " - " title ": " good " passed, " skipped + 0 " skipped"
}
