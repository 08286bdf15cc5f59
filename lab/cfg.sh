# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced by the lab's scripts: read lab/tests.cfg, or what LAB_CFG names, boot one machine.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cfg=${LAB_CFG:-$top/lab/tests.cfg}

# The value of key $2 in section [$1]; nothing if it is not there.
value()
{
	awk -v section="[$1]" -v key="$2" '
		/^\[/ { here = $0 == section }
		here && $1 == key && $2 == "=" { sub(/^[^=]*= ?/, ""); print; exit }' "$cfg"
}

# Is word $3 among those of key $2 in section [$1], or is there no such key?
allows() { ! sed -n "/^\[$1\]/,/^$/p" "$cfg" | grep -q "^$2 =" || grep -qwF -- "$3" <<<"$(value "$1" "$2")"; }

# The machines for $kernel.
machines()
{
	local machine
	sed -n 's/^\[machine \(.*\)\]$/\1/p' "$cfg" | while read -r machine; do
		# shellcheck disable=SC2154 # whoever sources this has set it
		if allows "machine $machine" kernels "$kernel"; then echo "$machine"; fi
	done
}

# The tests that run on machine $1.
tests_of()
{
	local test
	sed -n 's/^\[\([^ ]*\)\]$/\1/p' "$cfg" | while read -r test; do
		if allows "$test" machines "$1" && allows "machine $1" tests "$test"; then echo "$test"; fi
	done
}

# The options that FILE asks for, and those of the lab's kernel but for what FILE says "is not set".
lab_options() # FILE
{
	# shellcheck disable=SC2154 # as above
	cat "$1" "$top/lab/kernel.config" |
		awk -v kernel=" $kernel " '/^$/ { skip = 0 } /^# only / { skip = !index($0 " ", kernel) }
			/^# CONFIG_.* is not set$/ { off[$2] } { split($0, option, "=") }
			!skip && !(option[1] in off && option[2] == "y")'
}

# Boot variant build directory $1 on machine $2 with log $3 and the tests $4...
# Return: as lab/qemu.
boot()
{
	local build=$1 machine="machine $2" log=$3 timeout=60 key test args=()
	shift 3
	for test; do
		timeout=$((timeout + $(value "$test" timeout)))
	done
	for key in fwb dic mte; do
		args+=("lab.$key=$(value "$machine" $key)")
	done
	mkdir -p "$(dirname "$log")"
	"$top/lab/qemu" "$build" "$(value "$machine" cpu)" "$(value "$machine" mode)" \
		"$log" "$timeout" "${args[@]}" "lab.tests=$(IFS=,; echo "$*")"
}

# What the words in the table mean.
legend()
{
	cat <<-EOF
	ok              the guest can do it
	abort           the guest gets an exception, as on bare metal
	KVM_RUN EFAULT  the VM is dead
	hangs           the vCPU takes the same fault for ever
	refused         KVM does not take the memory: the CPU has no FWB, KVM could not keep it coherent
	Aligned, Unaligned: 8-byte store and load. Page tables: stage-1 tables placed in the memory.
	EOF
}
