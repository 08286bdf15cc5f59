// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which memory type a guest gets for a page: the policy, and nothing else. The
 * row for ordinary memory is in the header.
 */

#include <asm/kvm_memtype.h>

static struct kvm_memtype cacheable_without_kva(unsigned int flags)
{
	if (!(flags & KVM_MEMTYPE_FWB))
		return (struct kvm_memtype) {
			.row	= KVM_MEMTYPE_REFUSED,
			.exec	= KVM_MEMTYPE_EXEC_NEVER,
		};

	return (struct kvm_memtype) {
		.row	= KVM_MEMTYPE_COHERENT,
		.exec	= flags & KVM_MEMTYPE_DIC ? KVM_MEMTYPE_EXEC_FREE :
						    KVM_MEMTYPE_EXEC_ALL,
	};
}

static struct kvm_memtype uncached(enum kvm_memtype_row row)
{
	return (struct kvm_memtype) {
		.row	= row,
		.exec	= KVM_MEMTYPE_EXEC_NEVER,
	};
}

struct kvm_memtype kvm_memtype_decide_other(enum kvm_memtype_host host,
					    unsigned int flags)
{
	switch (host) {
	case KVM_MEMTYPE_HOST_WB:
		return cacheable_without_kva(flags);
	case KVM_MEMTYPE_HOST_NC:
		return uncached(KVM_MEMTYPE_NONCACHEABLE);
	default:
		return uncached(flags & KVM_MEMTYPE_ANY_UNCACHED ?
				KVM_MEMTYPE_RELAXED : KVM_MEMTYPE_DEVICE);
	}
}
