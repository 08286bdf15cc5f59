#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Says what machine this is, a line a fact: facts.sh [BDF...]. "?" is what cannot be read here. FAKE_ROOT= as in run.sh.
set -u
root=${FAKE_ROOT:-}
boot=$(mktemp) || exit 1
trap 'rm -f "$boot"' EXIT

fact() { printf '%-14s%s\n' "$1:" "${2:-?}"; }
one_line() { tr -s '\n\0' '  ' | sed 's/ *$//'; }
first_of() { for file; do [ ! -r "$root$file" ] || one_line <"$root$file"; echo; done | one_line; } # FILE...

# The messages of the boot are in the ring buffer, or in the journal, or gone.
dmesg >"$boot" 2>/dev/null
grep -q 'Booting Linux' "$boot" || journalctl -q -k -b -o cat >>"$boot" 2>/dev/null
# FWB, DIC and IDC are not visible to user space, the kernel's words about them are.
detected() # WORDS
{
	if grep -q "CPU features: detected: $1" "$boot"; then
		echo 1
	elif grep -q 'Booting Linux' "$boot"; then
		echo 0
	else
		echo "? (the boot messages are gone)"
	fi
}

fact date "$(date -u '+%F %H:%M UTC')"
fact machine "$(first_of /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/product_name | grep . ||
	first_of /proc/device-tree/model)"
fact CPUs "$(cat "$root"/sys/devices/system/cpu/cpu[0-9]*/regs/identification/midr_el1 2>/dev/null | sort | uniq -c |
	sed 's/ *\([0-9]*\) \(.*\)/\1 x MIDR_EL1 \2/' | one_line)"
fact 'CPU model' "$(sed -n 's/^CPU \(implementer\|part\|variant\|revision\)[^:]*: /\1 /p' "$root/proc/cpuinfo" 2>/dev/null |
	head -n 4 | one_line) $(lscpu 2>/dev/null | sed -n 's/^Model name: *//p' | one_line)"
fact kernel "$(uname -srvm)"
if grep -q ' kvm_memtype_decide_other$' "$root/proc/kallsyms" 2>/dev/null; then
	fact series 'in this kernel'
elif grep -q ' _text$' "$root/proc/kallsyms" 2>/dev/null; then
	fact series 'NOT in this kernel: what follows is what it does without'
else
	fact series ''
fi
fact 'page size' "$(getconf PAGESIZE 2>/dev/null)"
fact KVM "$(sed -n 's/.*kvm \[1\]: \(.*\(mode initialized\|not available\|HYP\).*\)/\1/p' "$boot" | tail -n 1)"
fact FWB "$(detected 'Stage-2 Force Write-Back')"
fact DIC "$(detected 'Instruction cache invalidation not required for I/D coherence')"
fact IDC "$(detected 'Data cache clean to the PoU not required for I/D coherence')"
fact IOMMU "$(find "$root/sys/class/iommu" -mindepth 1 -maxdepth 1 -exec basename {} \; 2>/dev/null | sort | head -n 4 | one_line)"
# The rest of the command line is nobody's business.
fact arguments "$(tr ' ' '\n' <"$root/proc/cmdline" 2>/dev/null |
	grep -E '^(kvm|id_aa64|arm64\.|mem=|memmap|iommu|arm-smmu|vfio|hugepage|transparent|iomem|lockdown)' | one_line)"
fact lockdown "$(sed -n 's/.*\[\(.*\)\].*/\1/p' "$root/sys/kernel/security/lockdown" 2>/dev/null)"
config=$(cat "$root/boot/config-$(uname -r)" 2>/dev/null || zcat "$root/proc/config.gz" 2>/dev/null)
fact config "$(echo "$config" |
	grep -E '^CONFIG_(DEBUG_FS|STRICT_DEVMEM|KUNIT|UDMABUF|VFIO_PCI|VFIO_CONTAINER|IOMMUFD|TRANSPARENT_HUGEPAGE|NVGRACE_GPU_VFIO_PCI)=' |
	sed 's/^CONFIG_//' | one_line)"
fact 'huge pages' "$(sed -n 's/^HugePages_Free: *//p' "$root/proc/meminfo" 2>/dev/null) free"
for dev; do
	at=$root/sys/bus/pci/devices/$dev
	bars=$(head -n 6 "$at/resource" | { n=0; while read -r first last flags; do
		[ $((last)) = 0 ] || printf ' BAR%d %dK flags %s' $n $(((last - first + 1) / 1024)) "$flags"
		n=$((n + 1))
	done; })
	fact "$dev" "$(cat "$at/vendor"):$(cat "$at/device") class $(cat "$at/class") driver $(
		basename "$(readlink "$at/driver")" 2>/dev/null) group $(
		basename "$(readlink "$at/iommu_group")" 2>/dev/null)$bars"
done
