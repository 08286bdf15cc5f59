#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Prints the page to send back, from what run.sh left in tmp/: report.sh [WHY-NOTHING-WAS-RUN]
set -u
# shellcheck source=/dev/null
. ./version

top() # FILE LINES: that many, and how many more there are
{
	head -n "$2" "$1"
	more=$(($(wc -l <"$1") - $2))
	[ "$more" -le 0 ] || echo "    ... and $more lines more, in log.txt"
}

echo "Memory types of KVM guests on arm64: the tests for Linux $KERNEL, packed from $BASE"
echo
echo Machine
sed 's/^/  /' tmp/facts
[ ! -s tmp/module ] || sed 's/^# /  module:       /' tmp/module
echo
if [ -n "${1:-}" ]; then
	echo "Nothing was run: $1"
else
	printf '%-38s %6s %6s %7s\n' Tests passed failed skipped
	cat tmp/table
	awk 'match($0, / +[0-9]+ +[0-9]+ +[0-9]+/) {
			split(substr($0, RSTART, RLENGTH), n, " ")
			p += n[1]
			f += n[2]
			s += n[3]
		}
		/ results|exit status|stopped after/ { cut++ }
		END {
			printf "  %-36s %6d %6d %7d", "all", p, f, s
			print cut ? "  and " cut " that did not end well" : ""
		}' tmp/table
	echo
	echo Failures
	if [ -s tmp/failures ]; then top tmp/failures 40; else echo '  none'; fi
	if [ -s tmp/skips ]; then
		echo
		echo 'Skipped, how often and why'
		sort tmp/skips | uniq -c | sort -rn | sed 's/^ */  /' >tmp/skips.sorted
		top tmp/skips.sorted 15
	fi
fi
grep -iE 'warning|bug:|oops|unable to handle|serror|call trace|kvm|memtype' tmp/dmesg >tmp/dmesg.kvm
if [ -s tmp/dmesg.kvm ]; then
	echo
	echo 'Kernel messages meanwhile'
	sed 's/^/  /' tmp/dmesg.kvm >tmp/dmesg.report
	top tmp/dmesg.report 15
fi
echo
echo 'Please send this page, and log.txt, to whoever gave you these tests. Look through both before: they name your'
echo 'machine, its kernel and its PCI devices.'
