/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory type tests need from the selftest library under names that
 * differ between kernels. Each kernel has its own file of this name.
 */
#ifndef SELFTEST_KVM_COMPAT_H
#define SELFTEST_KVM_COMPAT_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm_util.h"
#include "processor.h"
#include "ucall_common.h"

#ifndef KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED
#define KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED 243
#endif

/* MTE VMs of this kernel take no mapping but of pages with tags. */
#define COMPAT_MTE_NC_ERRNO	EINVAL

/* KVM_RUN says which memory it refused. */
#define COMPAT_HAS_MEMORY_FAULT	true

/* Where, if that is why KVM_RUN failed; else @gpa stays as it is. */
static inline void compat_memory_fault(struct kvm_vcpu *vcpu, u64 *gpa)
{
	const struct kvm_run *run = vcpu->run;

	if (run->exit_reason == KVM_EXIT_MEMORY_FAULT &&
	    !run->memory_fault.flags &&
	    run->memory_fault.size == (u64)getpagesize())
		*gpa = run->memory_fault.gpa;
}

/* Whether a guest's stage 2 is the hypervisor's business: not in this kernel. */
static inline bool compat_is_pkvm(void)
{
	return false;
}

/* Create a VM with one vCPU whose guest can use ucall() and take exceptions. */
static inline struct kvm_vm *compat_vm_create(struct kvm_vcpu **vcpu,
					      void *guest_code)
{
	struct kvm_vm *vm = vm_create_with_one_vcpu(vcpu, guest_code);

	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(*vcpu);
	return vm;
}

/* What is left to do for a VM of vm_create() when it has its vCPUs. */
static inline void compat_vm_finish(struct kvm_vm *vm)
{
}

static inline u64 compat_get_reg(struct kvm_vcpu *vcpu, u64 id)
{
	u64 value;

	vcpu_get_reg(vcpu, id, &value);
	return value;
}

static inline void compat_vm_free(struct kvm_vm *vm)
{
	kvm_vm_free(vm);
}

static inline unsigned long long compat_pgd(struct kvm_vm *vm)
{
	return vm->pgd;
}

static inline unsigned int compat_pgtable_levels(struct kvm_vm *vm)
{
	return vm->pgtable_levels;
}

#endif /* SELFTEST_KVM_COMPAT_H */
