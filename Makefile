# SPDX-License-Identifier: GPL-2.0-only
# The one entry point: see `make help`. The work is done in scripts/ and lab/.

KERNEL ?= 6.1
VARIANT ?= patched
export KERNEL LINUX

.DEFAULT_GOAL := help
.PHONY: help demo compare check check-debug series tree build boot test bench regress vmm mutants bisect report \
	coccicheck debian kselftest-tarball refresh setup
# Each target is a chain of long steps that share folders.
.NOTPARALLEL:

help: ## this list
	@echo 'make TARGET [KERNEL=$(KERNEL)] [LINUX=/path/to/a/kernel/tree]'
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 21
	@echo 'KERNEL is one of: $(sort $(patsubst patches/%/base,%,$(wildcard patches/*/base))). LINUX replaces the download.'
	@echo 'Downloads go to $${XDG_CACHE_HOME:-~/.cache}/memtype, builds to build/, mails for git am to out/.'

demo: tree ## build and boot the patched kernel; a table of what a guest gets from each backing
	@lab/demo $(KERNEL)

compare: tree ## the same table, kernel as shipped and patched side by side, per CPU model
	@lab/compare $(KERNEL)

check: ## every test; the last line is "N passed, N failed, N skipped"; no KERNEL=: all kernels
	@scripts/check $(if $(filter command line environment,$(origin KERNEL)),$(KERNEL))

check-debug: tree ## the lab's tests with KASAN, kmemleak, failing allocations and more; not part of check
	@lab/debug $(KERNEL)

series: setup ## out/KERNEL/*.patch: plain mails for git am
	@scripts/series $(KERNEL)

tree: setup ## build/KERNEL/linux: a git work tree, tag base and one commit per mail
	@scripts/assemble $(KERNEL)

build: tree ## kernel, module and selftests in build/KERNEL/VARIANT (VARIANT=patched or shipped)
	@lab/build $(KERNEL) $(VARIANT)

boot: build ## a shell in the lab (CPU=max MODE=vhe ...)
	@lab/boot $(KERNEL) $(VARIANT) $(or $(CPU),max) $(or $(MODE),vhe)

test: build ## the lab's tests alone: each CPU model and KVM mode
	@lab/check $(KERNEL)

bench: setup ## instructions of faults and munmap, as shipped and patched, into docs/bench; no KERNEL=: all
	@lab/bench $(if $(filter command line environment,$(origin KERNEL)),$(KERNEL))

regress: setup ## the kernel's own KVM selftests, as shipped and patched, into docs/regress; no KERNEL=: all
	@lab/regress $(if $(filter command line environment,$(origin KERNEL)),$(KERNEL))

vmm: tree ## Debian's QEMU and guest with assigned devices, as shipped and patched (VMM=7.2, 10.0 or 11.1)
	@lab/vmm $(KERNEL) $(VMM)

mutants: tree ## does some test notice each deliberate break of the series? into docs/mutants.txt
	@lab/mutants $(KERNEL)

bisect: build ## does each prefix boot and lose nothing; other compilers, options and architectures
	@status=0; lab/bisect $(KERNEL) || status=1; scripts/check-configs $(KERNEL) || status=1; exit $$status

coccicheck: tree ## the kernel's semantic patches on the files that the series touches (Coccinelle)
	@scripts/check-cocci $(KERNEL)

report: ## one HTML page of what was run and what came out: out/report/index.html; runs nothing
	@lab/report

debian: setup ## does the series apply to Debian's source package, as quilt patches without fuzz?
	@scripts/debian $(KERNEL)

kselftest-tarball: build ## out/memtype-selftests-KERNEL.tar.gz: the tests for an arm64 machine
	@scripts/kselftest-tarball $(KERNEL)

refresh: ## write the commits of build/KERNEL/linux back to patches/KERNEL and the whole files
	@scripts/refresh $(KERNEL)

setup: ## install what is missing (Debian 12 and 13, root or sudo)
	@scripts/setup
