# SPDX-License-Identifier: GPL-2.0-only
#
# Turn one serial log into flat TAP lines. Input: KTAP of the kernel's KUnit
# suites kvm-arm64-memtype*, and between "lab: begin" and "lab: end" the TAP of each selftest.
# A suite or a test that did not print its whole plan is a failure.

function line(ok, name, rest) { print ok " - " machine ": " name rest }

# "ok 3 what", "ok 3 - what", "ok 3 # SKIP what: reason"
function one(test, text,    ok, what, skip, at)
{
	ok = text ~ /^not ok/ ? "not ok" : "ok"
	what = text
	sub(/^(not )?ok [0-9]+ (- )?/, "", what)
	if (sub(/^# SKIP /, "", what)) {
		skip = " # SKIP"
		if (match(what, /.*: /)) {
			at = RLENGTH
			skip = " # SKIP " substr(what, at + 1)
			what = substr(what, 1, at - 2)
		}
	}
	if (ok == "not ok")
		printf "%s", diagnostics
	diagnostics = ""
	line(ok, test ": " what, skip)
	seen[test]++
	bad[test] += ok == "not ok"
}

function finish(test, status)
{
	if (!plan[test] || seen[test] != plan[test])
		line("not ok", test, ": " seen[test] + 0 " of " plan[test] + 0 " results, see the log")
	else if (status && status != 4 && !bad[test])
		line("not ok", test, ": exit status " status)
}

{ sub(/\r$/, ""); sub(/^\[ *[0-9.]+\] /, "") }

/^ +# Subtest: kvm-arm64-memtype/ { suite = $3; next }
suite && /^ +1\.\.[0-9]+/ { plan[suite] = substr($1, 4) + 0; next }
suite && /^    (not )?ok [0-9]+/ { sub(/^ +/, ""); one(suite, $0); next }
suite && /^(not )?ok [0-9]+/ { finish(suite, 0); done[suite] = 1; suite = "" }

/^lab: begin / { test = $3; diagnostics = ""; next }
/^lab: end / { finish($3, $4); done[$3] = 1; test = ""; next }
test && /^1\.\.0 # SKIP/ { sub(/^1\.\.0 /, ""); line("ok", test, " " $0); plan[test] = seen[test] = 1; next }
test && /^1\.\.[0-9]+/ { plan[test] = substr($1, 4) + 0; next }
test && /^(not )?ok [0-9]+/ { one(test, $0); next }
test && /^#/ { diagnostics = diagnostics $0 "\n" }

END {
	n = split(tests " kvm-arm64-memtype", names, " ")
	for (i = 1; i <= n; i++)
		if (!done[names[i]])
			line("not ok", names[i], ": did not run to its end, see the log")
}
