/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory type tests need from the selftest library under names that
 * differ between kernels. Each kernel has its own file of this name.
 */
#ifndef SELFTEST_KVM_COMPAT_H
#define SELFTEST_KVM_COMPAT_H

#include "kvm_util.h"
#include "processor.h"
#include "ucall_common.h"

#ifndef KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED
#define KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED 243
#endif

/* Create a VM with one vCPU whose guest can use ucall() and take exceptions. */
static inline struct kvm_vm *compat_vm_create(struct kvm_vcpu **vcpu,
					      void *guest_code)
{
	struct kvm_vm *vm = vm_create_with_one_vcpu(vcpu, guest_code);

	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(*vcpu);
	return vm;
}

static inline void compat_vm_free(struct kvm_vm *vm)
{
	kvm_vm_free(vm);
}

static inline unsigned long long compat_pgd(struct kvm_vm *vm)
{
	return vm->mmu.pgd;
}

static inline unsigned int compat_pgtable_levels(struct kvm_vm *vm)
{
	return vm->mmu.pgtable_levels;
}

#endif /* SELFTEST_KVM_COMPAT_H */
