/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mm interfaces of kvm_memtype_test.c that differ between kernels. Each
 * kernel has its own file of this name.
 */
#ifndef KVM_MEMTYPE_TEST_COMPAT_H
#define KVM_MEMTYPE_TEST_COMPAT_H

#include <linux/mm.h>
#include <linux/pfn_t.h>
#include <linux/slab.h>

/* Later stable releases of this kernel have it. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)
#endif

/* Entries of a VM_MIXEDMAP mapping always get vma->vm_page_prot. */
#define MEMTYPE_TEST_HAS_MIXED_PROT	0

static inline void memtype_test_vm_flags_set(struct vm_area_struct *vma,
					     vm_flags_t flags)
{
	vm_flags_set(vma, flags);
}

static inline vm_fault_t memtype_test_insert_mixed(struct vm_area_struct *vma,
						   unsigned long addr,
						   unsigned long pfn,
						   pgprot_t prot)
{
	return vmf_insert_mixed(vma, addr, __pfn_to_pfn_t(pfn, PFN_DEV));
}

#endif /* KVM_MEMTYPE_TEST_COMPAT_H */
