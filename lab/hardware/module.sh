# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # the options of run.sh
#
# Sourced by run.sh: the module kvm_memtype_test, which maps memory of each type, and the memory that it may have.
loaded=''

# $phys, $size: multiples of 64K (of any page size), in no entry of /proc/iomem but one of no-map memory.
check_phys()
{
	for value in "$phys" "$size"; do
		case $value in
		0[xX]*[!0-9a-fA-F]* | [!0-9]* | [1-9]*[!0-9]* | '')
			echo "run.sh: -p: '$value' is not a number: -p ADDRESS,SIZE in bytes, as 0x880000000,0x40000000" >&2
			return 1 ;;
		esac
	done
	if [ $((phys % 65536)) != 0 ] || [ $((size % 65536)) != 0 ] || [ $((size)) -le 0 ]; then
		echo "run.sh: -p: address and size have to be multiples of 65536" >&2
		return 1
	fi
	ram=''
	while IFS= read -r line; do
		range=${line%% *} what=${line#* : }
		case $line in
		' '*) continue ;;
		*'System RAM') [ "${range%-*}" = "${range#*-}" ] || ram=1 ;;
		esac
		from=$((0x${range%-*})) to=$((0x${range#*-})) last=$((phys + size - 1))
		if [ "$last" -lt "$from" ] || [ $((phys)) -gt "$to" ]; then continue; fi
		if [ "$what" = reserved ] && [ $((phys)) -ge "$from" ] && [ "$last" -le "$to" ]; then continue; fi
		echo "run.sh: -p $phys,$size: /proc/iomem has $line there: the kernel or a device uses it" >&2
		return 1
	done <"$root/proc/iomem"
	[ -n "$ram" ] && return 0
	echo "run.sh: -p: /proc/iomem shows no addresses, so nothing says that the memory is free: run this as root" >&2
	return 1
}

# The tests say themselves what they skip without it.
load_module()
{
	headers=/lib/modules/$(uname -r)/build
	if [ -e "$root/sys/module/kvm_memtype_test" ]; then
		echo "# kvm_memtype_test is loaded already: used as it is"
	elif [ ! -d "$root$headers" ]; then
		echo "# no kvm_memtype_test: $headers is missing: install the headers of this kernel, and make and gcc"
	elif ! make -C module KDIR="$headers" >>log.txt 2>&1; then
		echo "# no kvm_memtype_test: it does not build, see log.txt"
	elif ! insmod module/kvm_memtype_test.ko ${phys:+"phys=$phys" "size=$size"} >>log.txt 2>&1; then
		echo "# no kvm_memtype_test: insmod: $(tail -n 1 log.txt) (with Secure Boot a module has to be signed)"
	else
		loaded=1
		echo "# kvm_memtype_test loaded${phys:+ with the memory $phys,$size}"
	fi >tmp/module
	cat tmp/module
}

unload_module() { [ -z "$loaded" ] || rmmod kvm_memtype_test; }
