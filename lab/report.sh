# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced by lab/report after scripts/lib.sh: how old a result is, what a log says, pieces of the page.
# shellcheck disable=SC2154 # $top, $tmp and $kernel are from there

# When FILE was made, in seconds: a log's own time. A checked-in result has none but that of its commit.
made()
{
	if [[ $1 != build/* && -n $(git ls-files "$1") ]] && git diff --quiet HEAD -- "$1"; then
		git log -1 --format=%ct -- "$1"
	else
		stat -c %Y "$1"
	fi
}

when() { date -d "@$(made "$1")" '+%Y-%m-%d %H:%M UTC'; }

# Is FILE about the series, and its tests, as they are now?
since() # FILE [KERNEL]
{
	local n

	n=$(git rev-list --count --since="@$(($(made "$1") + 1))" HEAD -- "patches/${2:-}" arch tools)
	case $n in
	0) echo "unchanged" ;;
	1) echo "1 commit" ;;
	*) echo "$n commits" ;;
	esac
}

# A log names the kernel's version. The package is the one that was here by then, if it has that version.
kernel_of() # LOG
{
	local version package

	version=$(sed -n 's/^Linux version \([^ ]*\) .*/\1/p' "$1" | sed -n 1p)
	package=$(base_repo)/.git/memtype-version
	if [ -s "$package" ] && [ "$1" -nt "$package" ] && [[ $(<"$package") == *" ${version%+}"[-~+]* ]]; then
		cat "$package"
	else
		echo "Linux ${version:-?}, package not known"
	fi
}

# What lab/check says of a log. It knows lab/qemu's exit status, here that is read from the log.
check_log() # MACHINE LOG
{
	local name="$kernel $1" says tests

	says=$(value "machine $1" says)
	tap "$name: boot: runs to its end" "$(grep -q '^lab: done' "$2" || echo "ended early, or has not ended yet")"
	tap "$name: boot: KVM runs in $says" "$(grep -q "^lab: mode .*$says" "$2" || echo "it does not say so")"
	tap "$name: boot: the kernel does not complain" "$(
		grep -E -m 1 'WARNING:|BUG:|Oops|Unable to handle kernel|INFO: (task|rcu)' "$2" | tr -d '\r')"
	# A test that the log has no word of is newer than it, or came after what ended the machine: not run.
	tests=$(sed -n 's/^lab: begin \([^ \r]*\).*/\1/p' "$2" | xargs)
	awk -v machine="$name" -v tests="$tests" -f "$top/lab/tap.awk" "$2"
}

each() { for kernel in $(kernels base); do want_kernel "$kernel"; "$1"; done; }

# For @overview what there is of $kernel; if nothing: not run.
note() # ID MAKE-TARGET TEXT
{
	echo "${3:-not run}" >"$tmp/$kernel $1"
	if [ -n "$3" ]; then
		html line "Linux $kernel: $3" </dev/null
	else
		echo "<p class=\"none\">Linux $kernel: not run: <code>make $2 KERNEL=$kernel</code></p>"
	fi
}

# The line that is about $kernel, if there is one. Of several what is "not ok", by the alphabet.
said() { [ ! -s "$1" ] || sed -n "$2" "$1" | sort -r | sed -n 1p; } # FILE SED

html() { awk -v part="$1" -v title="$2" -f "$top/lab/report.awk" "${@:3}"; } # PART CAPTION [FILE...]

results() # FILE...
{
	local file

	for file; do
		[ -s "$file" ] || continue
		echo "<details><summary>$file <small>$(when "$file"), series since then: $(since "$file")</small></summary>"
		html text "" "$file"
		echo "</details>"
	done
}

pictures() # ALTERNATIVE-TEXT CAPTION FILE...
{
	local file

	[ $# -gt 2 ] || echo '<p class="none">No picture: not run.</p>'
	for file in "${@:3}"; do
		echo "<figure><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"$file\"><img alt=\"$1\""
		echo "src=\"data:image/png;base64,$(base64 -w 0 "$file")\"></div>"
		echo "<figcaption>$2 <small>$file, $(when "$file"), series since then: $(since "$file")</small></figcaption></figure>"
	done
}

lab_of()
{
	local machine log

	for machine in $(machines); do
		log=build/$kernel/logs/patched-$machine.log
		[ -s "$log" ] || continue
		printf 'log\t%s\t%s\t%s\t%s\n' "$machine" "$(when "$log")" "$(kernel_of "$log")" "$(since "$log" "$kernel")"
		check_log "$machine" "$log"
	done >"$tmp/lab"
	html lab "Linux $kernel" "kernel=$kernel" what=cfg "$cfg" what=logs "$tmp/lab"
	note lab test "$(html sum "" "kernel=$kernel" what=cfg "$cfg" what=logs "$tmp/lab")"
}
lab() { each lab_of; }
