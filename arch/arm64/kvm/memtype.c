// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which memory type a guest gets for a page: the policy, and nothing else.
 */

#include <asm/kvm_memtype.h>
#include <asm/memory.h>
#include <asm/pgtable-hwdef.h>

enum kvm_memtype_host kvm_memtype_host(pgprot_t prot)
{
	switch (pgprot_val(prot) & PTE_ATTRINDX_MASK) {
	case PTE_ATTRINDX(MT_NORMAL):
	case PTE_ATTRINDX(MT_NORMAL_TAGGED):
		return KVM_MEMTYPE_HOST_WB;
	case PTE_ATTRINDX(MT_NORMAL_NC):
		return KVM_MEMTYPE_HOST_NC;
	default:
		return KVM_MEMTYPE_HOST_DEVICE;
	}
}

static enum kvm_memtype_row memtype_row(const struct kvm_memtype_in *in)
{
	switch (in->host) {
	case KVM_MEMTYPE_HOST_WB:
		if (in->kva)
			return KVM_MEMTYPE_MEMORY;
		return in->fwb ? KVM_MEMTYPE_COHERENT : KVM_MEMTYPE_REFUSED;
	case KVM_MEMTYPE_HOST_NC:
		return KVM_MEMTYPE_NONCACHEABLE;
	default:
		return in->any_uncached ? KVM_MEMTYPE_RELAXED :
					  KVM_MEMTYPE_DEVICE;
	}
}

static enum kvm_memtype_exec memtype_exec(enum kvm_memtype_row row, bool dic)
{
	switch (row) {
	case KVM_MEMTYPE_MEMORY:
		return dic ? KVM_MEMTYPE_EXEC_FREE : KVM_MEMTYPE_EXEC_BY_VA;
	case KVM_MEMTYPE_COHERENT:
		return dic ? KVM_MEMTYPE_EXEC_FREE : KVM_MEMTYPE_EXEC_ALL;
	default:
		return KVM_MEMTYPE_EXEC_NEVER;
	}
}

struct kvm_memtype kvm_memtype_decide(const struct kvm_memtype_in *in)
{
	enum kvm_memtype_row row = memtype_row(in);

	return (struct kvm_memtype) {
		.row	= row,
		.exec	= memtype_exec(row, in->dic),
	};
}
