/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What memtype_debugfs.c and memtype_kunit.c need of the page-table library,
 * in terms that do not change between kernels.
 */

#ifndef __ARM64_KVM_MEMTYPE_COMPAT_H__
#define __ARM64_KVM_MEMTYPE_COMPAT_H__

#include <linux/kvm_host.h>
#include <asm/kvm_mmu.h>
#include <asm/kvm_pgtable.h>

/* No flag makes a table without FEAT_S2FWB on a CPU that has it */
#define MEMTYPE_S2_NOFWB	0

/* Enabling dirty logging can split blocks */
#define MEMTYPE_HAS_SPLIT	1

/* Normal NC at EL2, for which nothing asks, is mapped cacheable */
#define MEMTYPE_HYP_REFUSES_NC	0

/* Are a guest's stage-2 tables the kernel's own, and not those of pKVM? */
static inline bool memtype_tables_are_here(void)
{
	return !is_protected_kvm_enabled();
}

typedef int (*memtype_leaf_fn)(u64 addr, u64 size, kvm_pte_t pte, void *arg);

struct memtype_leaf_data {
	memtype_leaf_fn fn;
	void *arg;
};

static inline int memtype_leaf_walker(const struct kvm_pgtable_visit_ctx *ctx,
				      enum kvm_pgtable_walk_flags visit)
{
	const struct memtype_leaf_data *data = ctx->arg;

	return data->fn(ctx->addr, kvm_granule_size(ctx->level), ctx->old,
			data->arg);
}

/*
 * Call @fn for each leaf entry, valid or not, from @addr on, until it returns
 * something other than 0, which is returned. The caller holds mmu_lock. For
 * reading is enough: the walk holds RCU against a fault that frees a table.
 */
static inline int memtype_walk_leaves(struct kvm_pgtable *pgt, u64 addr,
				      u64 size, memtype_leaf_fn fn, void *arg)
{
	struct memtype_leaf_data data = { .fn = fn, .arg = arg };
	struct kvm_pgtable_walker walker = {
		.cb	= memtype_leaf_walker,
		.flags	= KVM_PGTABLE_WALK_LEAF | KVM_PGTABLE_WALK_SHARED,
		.arg	= &data,
	};

	return kvm_pgtable_walk(pgt, addr, size, &walker);
}

static inline int memtype_stage2_init(struct kvm_pgtable *pgt, struct kvm *kvm,
				      struct kvm_pgtable_mm_ops *mm_ops,
				      enum kvm_pgtable_stage2_flags flags)
{
	struct kvm_s2_mmu *mmu = &kvm->arch.mmu;
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);
	u64 mmfr1 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR1_EL1);

	mmu->vtcr = kvm_get_vtcr(mmfr0, mmfr1, get_kvm_ipa_limit());
	mmu->arch = &kvm->arch;
	mmu->pgt = pgt;

	return __kvm_pgtable_stage2_init(pgt, mmu, mm_ops, flags, NULL);
}

/*
 * Can EL2 be called with a VM that is none? With nVHE it has KVM's vectors only
 * while there is a VM, and pKVM calls for VMs that it knows.
 */
static inline bool memtype_hyp_is_up(void)
{
	return is_kernel_in_hyp_mode();
}

static inline int memtype_relax_perms(struct kvm_pgtable *pgt, u64 addr,
				      enum kvm_pgtable_prot prot)
{
	return kvm_pgtable_stage2_relax_perms(pgt, addr, prot, 0);
}

/* Map one leaf. The memcache is for the allocator, which may ignore it. */
static inline int memtype_map(struct kvm_pgtable *pgt, u64 addr, u64 size,
			      u64 phys, enum kvm_pgtable_prot prot)
{
	return kvm_pgtable_stage2_map(pgt, addr, size, phys, prot, pgt, 0);
}

/*
 * Split the block at @addr, as eager page splitting does. It goes by the number
 * of pages in the memcache; the allocator decides what it takes.
 */
static inline int memtype_split(struct kvm_pgtable *pgt, u64 addr, u64 size)
{
	struct kvm_mmu_memory_cache *mc = &pgt->mmu->split_page_cache;

	mc->nobjs = 1;
	return kvm_pgtable_stage2_split(pgt, addr, size, mc);
}

static inline kvm_pte_t memtype_leaf(struct kvm_pgtable *pgt, u64 addr)
{
	kvm_pte_t pte = 0;
	s8 level;

	return kvm_pgtable_get_leaf(pgt, addr, &pte, &level) ? 0 : pte;
}

#endif /* __ARM64_KVM_MEMTYPE_COMPAT_H__ */
