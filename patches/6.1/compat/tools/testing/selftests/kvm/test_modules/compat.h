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

#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)

/* Entries of a VM_MIXEDMAP mapping can have a prot of their own. */
#define MEMTYPE_TEST_HAS_MIXED_PROT	1

/* Before per-VMA locks, vm_flags is an ordinary field under mmap_lock. */
static inline void memtype_test_vm_flags_set(struct vm_area_struct *vma,
					     vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline vm_fault_t memtype_test_insert_mixed(struct vm_area_struct *vma,
						   unsigned long addr,
						   unsigned long pfn,
						   pgprot_t prot)
{
	return vmf_insert_mixed_prot(vma, addr, __pfn_to_pfn_t(pfn, PFN_DEV),
				     prot);
}

#endif /* KVM_MEMTYPE_TEST_COMPAT_H */
