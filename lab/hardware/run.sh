#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the tests on an arm64 machine, as root: ./run.sh [OPTION...] [BDF...]
#   BDF     PCI device bound to vfio-pci that nobody uses, as 0000:01:00.0. It is reset.
#   -w      the memory of these devices (prefetchable BARs, a GPU's memory) may be overwritten
#   -m      build and load the module kvm_memtype_test, for which most tests skip without
#   -p A,S  memory that the kernel does not use, address and bytes, for that module: see README
#   -x FILE a file of 2 MiB on a file system with DAX;  -d DEV  device DAX: both are overwritten
#   -s SEC  how long to change mappings under a running guest (60)
#   -f      run on a kernel of another version, too
# TAP on stdout, what the tests say in log.txt, the page to send back in report.txt.
# Exit status: 0 no test failed; 1 one did; 2 wrong use; 4 the tests cannot run here.
# FAKE_ROOT= and PATH= stand in for a machine where this script itself is tried.
set -u
export LC_ALL=C
root=${FAKE_ROOT:-}
cd "$(dirname "$0")" || exit 1
# shellcheck source=/dev/null
. ./version # KERNEL, BASE: of scripts/kselftest-tarball
. ./module.sh
force='' module='' write='' phys='' size='' fsdax='' devdax='' stress=60 bdf='' number=0 failed=0 none=''

usage() { sed -n 's/^# \{0,1\}//; 4,14p' run.sh >&2; exit 2; }

while getopts fmwp:x:d:s: option; do
	case $option in
	f) force=1 ;;
	m) module=1 ;;
	w) write=1 ;;
	p) module=1 phys=${OPTARG%,*} size=${OPTARG#*,} ;;
	x) fsdax=$OPTARG ;;
	d) devdax=$OPTARG ;;
	s) stress=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
for path in "$fsdax" "$devdax"; do
	case $path in
	'') ;;
	[!/]*) echo "run.sh: $path: an absolute path, please" >&2; exit 2 ;;
	*) [ -e "$path" ] || { echo "run.sh: $path is not there" >&2; exit 2; } ;;
	esac
done
case $stress in '' | *[!0-9]*) usage ;; esac
for dev; do
	[ -d "$root/sys/bus/pci/devices/$dev" ] || { echo "run.sh: $dev: no such PCI device" >&2; exit 2; }
done
[ -z "$phys" ] || check_phys || exit 2

why_not()
{
	if [ "$(uname -m)" != aarch64 ]; then
		echo "not an arm64 machine: $(uname -m)"
	elif [ "$(id -u)" != 0 ]; then
		echo "not root"
	elif [ ! -e "$root/dev/kvm" ]; then
		echo "no /dev/kvm: $(dmesg 2>/dev/null | sed -n 's/.*kvm \[1\]: //p' | tail -n 1 | grep . ||
			echo 'is KVM in this kernel, and was the kernel started at EL2?')"
	elif [ -z "$force" ]; then
		case $(uname -r) in
		"$KERNEL" | "$KERNEL"[!0-9]*) ;;
		*) echo "these tests are for Linux $KERNEL and this is $(uname -r): -f runs them all the same" ;;
		esac
	fi
}

t() # SECONDS NAME ARGUMENT...
{
	limit=$1 name=$2 title=$2${bdf:+ $bdf}
	shift 2
	[ -e "bin/$name" ] || return 0 # of another kernel's series
	number=$((number + 1))
	echo "== $title: $name $*" >>log.txt
	(cd bin && exec ${timeout:+timeout -k 10 "$limit"} "./$name" "$@") >tmp/out 2>&1 </dev/null
	status=$?
	cat tmp/out >>log.txt
	echo "== exit status $status" >>log.txt
	awk -v number="$number" -v title="$title" -v status="$status" -v limit="$limit" -f tally.awk tmp/out || failed=1
}

: >log.txt
rm -rf tmp
mkdir tmp || exit 1
touch tmp/table tmp/failures tmp/skips
sh facts.sh "$@" >tmp/facts
none=$(why_not)
if [ -n "$none" ]; then
	echo "1..0 # SKIP $none"
else
	! command -v timeout >/dev/null || timeout=1
	# Only what the boot messages say for certain: the tests ask KVM for the rest.
	fwb=$(sed -n 's/^FWB: *\([01]\).*/\1/p' tmp/facts) dic=$(sed -n 's/^DIC: *\([01]\).*/\1/p' tmp/facts)
	[ -d "$root/sys/kernel/debug/kvm" ] || mount -t debugfs none "$root/sys/kernel/debug" 2>>log.txt
	echo 'memtype selftests: start' >"$root/dev/kmsg" 2>/dev/null
	trap 'unload_module; exit 1' INT TERM
	[ -z "$module" ] || load_module
	. ./tests.sh
	all_tests "$@"
	unload_module
	echo "1..$number"
fi
# What is new in the kernel log, if it still has the line from above.
dmesg 2>/dev/null | sed -n '/memtype selftests: start/,$p' | sed 1d >tmp/dmesg
cat tmp/dmesg >>log.txt
sh report.sh "$none" >report.txt
rm -rf tmp
echo "# report.txt is the page to send back, log.txt has the details: send both to whoever gave you this"
[ -z "$none" ] || exit 4
exit $failed
