/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How large a stage-2 block can be for memory that the VMM maps by PFN.
 *
 * The host's page tables are the only thing that says which page is mapped
 * where: not the VMA's size, and not vm_pgoff, which a driver may use for
 * something else. A VMA may have been filled by several remap_pfn_range()
 * calls, or have copies of private pages in it.
 */

#ifndef __ARM64_KVM_PFNMAP_H__
#define __ARM64_KVM_PFNMAP_H__

#include <linux/types.h>

struct mm_struct;

/**
 * kvm_pfnmap_has_gap() - Is a page still missing that a block would need?
 * @mm:		The VMM's.
 * @hva:	An address in the VMM that is mapped by PFN.
 * @gap:	An address where kvm_pfnmap_is_block() has found a block impossible,
 *		or 0.
 *
 * To be asked before anything else about a block is: the driver, or the VMM, may
 * go through its mapping page by page, and each of those faults asks. What is true
 * for PMD_SIZE is also true for all that is larger.
 *
 * Arm ARM, "Translation table descriptor formats": a Block descriptor has no room
 * for a page that is not mapped.
 *
 * Context: As kvm_pfnmap_is_block(), or without mmu_lock where the answer is no more
 *	    than a hint. Disables interrupts for one lookup.
 * Return: true if @gap is in the same PMD_SIZE as @hva and not mapped. false says
 *	   nothing about a block.
 */
bool kvm_pfnmap_has_gap(struct mm_struct *mm, unsigned long hva,
			unsigned long gap);

/**
 * kvm_pfnmap_is_block() - Can memory mapped by PFN be one block at stage 2?
 * @mm:		The VMM's.
 * @hva:	An address in the VMM that is mapped by PFN.
 * @pfn:	The PFN that it is mapped to.
 * @size:	Size of the block in bytes: PMD_SIZE or PUD_SIZE. The block is the
 *		aligned one around @hva. That it is inside of the VMA and the
 *		memslot is up to the caller.
 * @gap:	An address where a block has been found impossible before, or 0. It
 *		is looked at early, and updated when there is a new one. Saves
 *		time, does not change the answer.
 *
 * A block is possible if all entries of the host for it are valid, map one
 * contiguous piece of physical memory, aligned to @size, and agree with each other
 * in memory type, in whether the VMM may write, and in whether they have a
 * struct page that counts; and if all of that memory is RAM that the kernel
 * maps, or none is. Entries of any level count alike.
 *
 * Arm ARM, "Translation table descriptor formats": a Block descriptor has one
 * set of attributes for all that it maps, and an output address aligned to its
 * size.
 *
 * Context: mmu_lock held, for reading or writing, and mmu_invalidate_retry()
 *	    passed under it: nothing that needs an MMU notifier can then happen
 *	    to an entry in a memslot. Disables interrupts, which keeps the tables from
 *	    being freed, for PTRS_PER_PTE entries at a time.
 * Return: true if so. false also if the entry for @hva is not, or no longer, @pfn.
 */
bool kvm_pfnmap_is_block(struct mm_struct *mm, unsigned long hva,
			 unsigned long pfn, unsigned long size,
			 unsigned long *gap);

#endif /* __ARM64_KVM_PFNMAP_H__ */
