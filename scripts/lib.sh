# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by every script here: places, names, messages.
#
# Exit statuses, the same in all scripts:
#   1  the work failed, or a check did
#   2  wrong use: unknown KERNEL=, LINUX= is no such tree
#   3  build/KERNEL/linux holds edits that the mails do not have; nothing was touched

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the scripts that source this
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/memtype

# shellcheck disable=SC2034
author_name='Memtype series' author_email=memtype@example.org

# The user's own git configuration must not change what the mails look like; GIT_* variables
# of a surrounding hook must not lead git elsewhere.
# shellcheck disable=SC2046
unset $(git rev-parse --local-env-vars 2>/dev/null || :)
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$top/scripts/gitconfig" LC_ALL=C TZ=UTC0

say() { echo "${0##*/}: $*" >&2; }

die() # [STATUS] MESSAGE...
{
	local status=1

	[[ $1 != [0-9] ]] || { status=$1; shift; }
	say "$*"
	exit "$status"
}

# The kernels that have patches/KERNEL/FILE: base, or series.
kernels() { find "$top/patches" -mindepth 2 -maxdepth 2 -name "$1" -printf '%P\n' | sed 's,/.*,,' | sort -V | xargs; }

# Sets $kernel, $pdir (its mails), $bdir (what is built for it), $odir (mails for git am).
want_kernel() # KERNEL
{
	kernel=${1:-}
	[ -n "$kernel" ] || die 2 "which kernel? KERNEL= is one of: $(kernels base)"
	[[ $kernel =~ ^[0-9.]+$ && -f $top/patches/$kernel/base ]] ||
		die 2 "unknown KERNEL=$kernel: it is one of: $(kernels base)"
	# shellcheck disable=SC2034
	pdir=$top/patches/$kernel bdir=$top/build/$kernel odir=$top/out/$kernel
	# shellcheck disable=SC2034
	tree=$bdir/linux
}

# The git repository that has the pristine source at its tag `base`.
base_repo() { if [ -n "${LINUX:-}" ]; then echo "$bdir/base"; else echo "$CACHE/base/$kernel"; fi; }

# The value(s) of a field in patches/KERNEL/base.
base_field() { sed -n "s/^$1: *//p" "$pdir/base"; }

# One run at a time does what FILE stands for; the other one waits.
lock() # FILE
{
	mkdir -p "$(dirname "$1")"
	exec {lock_fd}>"$1"
	flock -n "$lock_fd" || { say "waiting for another run: $1"; flock "$lock_fd"; }
}

need_space() # FOLDER MIB
{
	local free

	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		die "not enough disk space: $1 has $free MiB free and $2 MiB are needed; free some, or" \
		    "choose another place (XDG_CACHE_HOME= for downloads)"
}

# One line of test result: passed if there are no PROBLEMS. A failure also sets $status.
tap() # NAME [PROBLEMS]
{
	if [ -z "${2:-}" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1: ${2//$'\n'/; }"
		status=1
	fi
}

# What a compiler said in LOG, without line numbers: those move.
warnings() { { grep -E ': (warning|error): ' "$1" || :; } | sed -E 's/:[0-9]+(:[0-9]+)?: /: /' | sort -u; }

# The repository's files, committed or not yet.
repo_files()
{
	git -C "$top" ls-files --cached --others --exclude-standard | while read -r path; do
		[[ ! -e $top/$path && ! -L $top/$path ]] || echo "$path"
	done
}

# The header lines NAME of a mail, without the name.
header() # NAME MAIL
{
	awk -v name="$1: " '/^$/ { exit } index($0, name) == 1 { print substr($0, length(name) + 1) }' "$2"
}

# The mails of $pdir in order.
mails() { [ ! -f "$pdir/series" ] || sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$pdir/series"; }

# Where the whole file of a 7.3 path lies for this kernel, and which path it has in its tree.
source_of() { if [ -e "$pdir/compat/$1" ]; then echo "$pdir/compat/$1"; else echo "$top/$1"; fi; }

# Longest prefix wins; REVERSE maps a path of this kernel's tree to the 7.3 path.
map_path() # PATH [reverse]
{
	local paths=$pdir/paths

	[ -f "$paths" ] || paths=/dev/null
	awk -v path="$1" -v reverse="${2:-}" '
		/^#/ || NF != 2 { next }
		{ from = reverse ? $2 : $1; to = reverse ? $1 : $2 }
		index(path, from) == 1 && length(from) > best { best = length(from); new = to }
		END { print new substr(path, best + 1) }' "$paths"
}
