/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stage-2 memory types of guest memory.
 *
 * A guest gets, through stage 2, the memory type with which the host itself
 * maps a page for the VMM, no more and no less. A driver may relax Device to
 * Normal Non-cacheable. What KVM cannot keep coherent it refuses.
 *
 * What is in here takes plain values, takes no locks and touches no state, so
 * that the whole input space can be tested (memtype_kunit.c). Gathering the
 * values and acting on the answer is up to mmu.c.
 */

#ifndef __ARM64_KVM_MEMTYPE_H__
#define __ARM64_KVM_MEMTYPE_H__

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/memory.h>
#include <asm/pgtable-hwdef.h>
#include <asm/pgtable-types.h>

/**
 * enum kvm_memtype_host - Memory type of a host stage-1 mapping.
 * @KVM_MEMTYPE_HOST_WB:	Normal Write-Back, Tagged or not.
 * @KVM_MEMTYPE_HOST_NC:	Normal Non-cacheable.
 * @KVM_MEMTYPE_HOST_DEVICE:	Device of any kind. Also any MAIR_ELx index that
 *				the kernel does not define, as Device is the
 *				type that promises least.
 */
enum kvm_memtype_host {
	KVM_MEMTYPE_HOST_WB,
	KVM_MEMTYPE_HOST_NC,
	KVM_MEMTYPE_HOST_DEVICE,
};

/**
 * enum kvm_memtype_flags - What else the memory type of a page depends on.
 * @KVM_MEMTYPE_KVA:		The page has a cacheable alias in the linear
 *				map, so that the kernel can do cache maintenance
 *				by VA.
 * @KVM_MEMTYPE_ANY_UNCACHED:	The mapping's VMA has VM_ALLOW_ANY_UNCACHED.
 * @KVM_MEMTYPE_FWB:		All CPUs have FEAT_S2FWB.
 * @KVM_MEMTYPE_DIC:		All CPUs have CTR_EL0.DIC set: instruction caches
 *				need no invalidation for coherency with data.
 */
enum kvm_memtype_flags {
	KVM_MEMTYPE_KVA			= BIT(0),
	KVM_MEMTYPE_ANY_UNCACHED	= BIT(1),
	KVM_MEMTYPE_FWB			= BIT(2),
	KVM_MEMTYPE_DIC			= BIT(3),
};

/**
 * enum kvm_memtype_row - The row of the memory type table that applies.
 * @KVM_MEMTYPE_MEMORY:		Ordinary memory: Normal Write-Back.
 * @KVM_MEMTYPE_COHERENT:	Cacheable memory that the kernel has no alias
 *				of: Normal Write-Back, without maintenance by VA.
 * @KVM_MEMTYPE_REFUSED:	The same where KVM cannot keep the caches
 *				coherent. Not to be mapped with any type: a
 *				weaker one would show the guest what lies behind
 *				the VMM's cache lines, that is another's data.
 * @KVM_MEMTYPE_NONCACHEABLE:	Normal Non-cacheable in the host and the guest.
 * @KVM_MEMTYPE_RELAXED:	Device in the host, Normal Non-cacheable in the
 *				guest, by leave of the driver.
 * @KVM_MEMTYPE_DEVICE:		Device-nGnRE.
 */
enum kvm_memtype_row {
	KVM_MEMTYPE_MEMORY,
	KVM_MEMTYPE_COHERENT,
	KVM_MEMTYPE_REFUSED,
	KVM_MEMTYPE_NONCACHEABLE,
	KVM_MEMTYPE_RELAXED,
	KVM_MEMTYPE_DEVICE,
};

/**
 * enum kvm_memtype_exec - What it takes to let a guest execute from a page.
 * @KVM_MEMTYPE_EXEC_NEVER:	The guest may not.
 * @KVM_MEMTYPE_EXEC_BY_VA:	Invalidation of the instruction cache by VA,
 *				which the page-table code does.
 * @KVM_MEMTYPE_EXEC_ALL:	Invalidation of the whole instruction cache to
 *				the PoU, Inner Shareable (IC IALLUIS), by the
 *				caller, before the guest gets the permission.
 * @KVM_MEMTYPE_EXEC_FREE:	Nothing: the permission may come with the first
 *				mapping.
 */
enum kvm_memtype_exec {
	KVM_MEMTYPE_EXEC_NEVER,
	KVM_MEMTYPE_EXEC_BY_VA,
	KVM_MEMTYPE_EXEC_ALL,
	KVM_MEMTYPE_EXEC_FREE,
};

/**
 * struct kvm_memtype - How a page is to be mapped at stage 2.
 * @row:	The &enum kvm_memtype_row, which fixes the memory type.
 * @exec:	The &enum kvm_memtype_exec.
 */
struct kvm_memtype {
	u8	row;
	u8	exec;
};

/**
 * kvm_memtype_host() - Memory type of a host mapping.
 * @prot:	Attributes of a host leaf entry or of a VMA. Only AttrIndx is
 *		looked at: the rest belongs to user space.
 *
 * Rests on the kernel's MAIR_EL1 layout (MT_* in asm/memory.h).
 *
 * Context: Any.
 * Return: The type. Cannot fail.
 */
static inline enum kvm_memtype_host kvm_memtype_host(pgprot_t prot)
{
	unsigned long type = pgprot_val(prot) & PTE_ATTRINDX_MASK;

	/* One comparison for RAM: faults on it must not become slower. */
	if (likely(type == PTE_ATTRINDX(MT_NORMAL)))
		return KVM_MEMTYPE_HOST_WB;

	switch (type) {
	case PTE_ATTRINDX(MT_NORMAL_TAGGED):
		return KVM_MEMTYPE_HOST_WB;
	case PTE_ATTRINDX(MT_NORMAL_NC):
		return KVM_MEMTYPE_HOST_NC;
	default:
		return KVM_MEMTYPE_HOST_DEVICE;
	}
}

/* kvm_memtype_decide() for what is not ordinary memory. */
struct kvm_memtype kvm_memtype_decide_other(enum kvm_memtype_host host,
					    unsigned int flags);

/**
 * kvm_memtype_decide() - Memory type of a page at stage 2.
 * @host:	Type of the VMM's own mapping of the page.
 * @flags:	Any of &enum kvm_memtype_flags.
 *
 * Arm ARM, "Stage 2 memory region type and Cacheability attributes" and
 * "FEAT_S2FWB": without FWB the result is the stricter one of both stages, so
 * that a guest can always reach memory past the cache and KVM has to clean
 * what the host left there. With FWB, stage 2 can force Normal Write-Back, and
 * IDC is implied, so that no data cache maintenance is due. Instruction fetches
 * from non-cacheable memory may be held in instruction caches, hence no
 * execution from there.
 *
 * Context: Any.
 * Return: The answer, in which row KVM_MEMTYPE_REFUSED stands for an error:
 *	   -EINVAL when a memslot is set up, -EFAULT when a vCPU runs into it.
 */
static inline struct kvm_memtype
kvm_memtype_decide(enum kvm_memtype_host host, unsigned int flags)
{
	/* Not a call: faults on RAM must not become slower. */
	if (likely(host == KVM_MEMTYPE_HOST_WB && (flags & KVM_MEMTYPE_KVA)))
		return (struct kvm_memtype) {
			.row	= KVM_MEMTYPE_MEMORY,
			.exec	= flags & KVM_MEMTYPE_DIC ?
				  KVM_MEMTYPE_EXEC_FREE :
				  KVM_MEMTYPE_EXEC_BY_VA,
		};

	return kvm_memtype_decide_other(host, flags);
}

#endif /* __ARM64_KVM_MEMTYPE_H__ */
