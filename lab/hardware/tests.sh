# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # the options of run.sh
#
# Sourced by run.sh: the tests, with the options that are right on hardware (lab/tests.cfg has those for QEMU).
# t SECONDS TEST ARGUMENT... runs one, if the series of this kernel has it.

# Those that want BAR 2 of a device to be memory: without a device, or with one whose memory may be overwritten.
# No --atomics for the stress test: not every platform has an answer to an atomic access to a device's memory.
memory_tests() # [BDF]
{
	t 600 memory_types ${fwb:+"--expect-fwb=$fwb"} ${dic:+"--expect-dic=$dic"} ${1:+"--vfio=$1"} \
		${fsdax:+"--fsdax=$fsdax"} ${devdax:+"--devdax=$devdax"}
	t 600 memory_types_abort ${1:+"$1"}
	t 600 memory_types_blocks ${fwb:+"--expect-fwb=$fwb"} ${dic:+"--expect-dic=$dic"} \
		${phys:+"--phys=$phys,$size"} ${1:+"--vfio=$1"}
	t 300 memory_types_trace ${fwb:+"--expect-fwb=$fwb"} ${1:+"--vfio=$1"}
	t $((stress + 300)) memory_types_stress "--seconds=$stress" ${fwb:+"--expect-fwb=$fwb"} ${1:+"--vfio=$1"}
	t 600 memory_types_nested ${1:+"$1"}
	t 600 memtype_perf ${1:+"--vfio=$1" --write}
}

# BAR 2 is memory, as far as PCI can say: prefetchable, and large enough for the tests.
bar2_is_memory() # BDF
{
	sed -n 3p "$root/sys/bus/pci/devices/$1/resource" | {
		read -r first last flags
		[ $((flags & 0x2200)) = $((0x2200)) ] && [ $((last - first + 1)) -ge 262144 ]
	}
}

device_tests() # BDF
{
	bdf=$1
	driver=$(readlink "$root/sys/bus/pci/devices/$1/driver")
	case ${driver##*/} in
	nvgrace_gpu_vfio_pci)
		if [ -n "$write" ]; then
			t 900 memory_types_nvgrace ${fwb:+"--expect-fwb=$fwb"} "--vfio=$1"
		else
			skip memory_types_nvgrace "the test overwrites the GPU's memory: only with -w"
		fi ;;
	vfio-pci)
		t 900 memory_types_vfio ${write:+--write} "$1"
		if [ -z "$write" ]; then
			skip memory_types "the test overwrites BAR 2: only with -w"
		elif bar2_is_memory "$1"; then
			memory_tests "$1"
		else
			skip memory_types "BAR 2 is no prefetchable memory of 256 KiB or more"
		fi ;;
	*)
		skip memory_types_vfio "the driver is '${driver##*/}', not vfio-pci: README says how to bind it" ;;
	esac
	bdf=''
}

skip() # TEST REASON: for the device $bdf
{
	number=$((number + 1))
	echo "ok $number - $1 $bdf # SKIP $2"
	printf '  %-36s %6s %6s %7s\n' "$1 $bdf" - - - >>tmp/table
	echo "$2" >>tmp/skips
}

all_tests() # [BDF...]
{
	memory_tests
	t 600 memory_types_hostile ${fwb:+"--expect-fwb=$fwb"} ${fsdax:+"--fsdax=$fsdax"}
	t 300 memory_types_debugfs
	for dev; do
		device_tests "$dev"
	done
}
