// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest has mapped at stage 2, and with which memory types: a debugfs
 * file for each VM, read from the page tables and from nothing else.
 */

#include <linux/bitfield.h>
#include <linux/cpufeature.h>
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include <asm/kvm_mmu.h>
#include <asm/kvm_pgtable.h>
#include <asm/memory.h>

#include "memtype_compat.h"

/* Leaves to look at before mmu_lock is given to someone else */
#define LEAF_BUDGET	4096

#define PERM_R		BIT(0)
#define PERM_W		BIT(1)
#define PERM_X		BIT(2)
#define NR_PERMS	8

/**
 * struct memtype_range - Adjacent leaves of one memory type.
 * @start:	First guest physical address.
 * @end:	First guest physical address behind it. Nothing is in the range
 *		if it equals @start.
 * @memattr:	MemAttr field of the leaves.
 * @leaves:	Number of leaves of size BIT(n), for each n.
 * @perms:	Number of leaves for each combination of PERM_*.
 */
struct memtype_range {
	u64 start;
	u64 end;
	u8 memattr;
	u64 leaves[BITS_PER_TYPE(u64)];
	u64 perms[NR_PERMS];
};

/**
 * struct memtype_iter - A reader's place in the page tables.
 * @kvm:	The VM, on which the open file holds a reference.
 * @range:	The range to show.
 * @pos:	Its number, counted from the lowest address.
 * @next:	Where to look on.
 * @budget:	Leaves to look at before a break.
 */
struct memtype_iter {
	struct kvm *kvm;
	struct memtype_range range;
	loff_t pos;
	u64 next;
	int budget;
};

struct memtype_name {
	u8 memattr;
	bool fwb;
	const char *name;
};

static const struct memtype_name memtype_names[] = {
	{ MT_S2_NORMAL,			false,	"Normal-WB" },
	{ MT_S2_NORMAL_NC,		false,	"Normal-NC" },
	{ MT_S2_DEVICE_nGnRE,		false,	"Device-nGnRE" },
	{ MT_S2_FWB_NORMAL,		true,	"Normal-WB" },
	{ MT_S2_FWB_NORMAL_NC,		true,	"Normal-NC" },
	{ MT_S2_FWB_DEVICE_nGnRE,	true,	"Device-nGnRE" },
};

static unsigned int leaf_perms(kvm_pte_t pte)
{
	return (pte & KVM_PTE_LEAF_ATTR_LO_S2_S2AP_R ? PERM_R : 0) |
	       (pte & KVM_PTE_LEAF_ATTR_LO_S2_S2AP_W ? PERM_W : 0) |
	       (pte & KVM_PTE_LEAF_ATTR_HI_S2_XN ? 0 : PERM_X);
}

static bool range_is_empty(const struct memtype_range *range)
{
	return range->start == range->end;
}

/*
 * Add a leaf to the range, or stop in front of it (1): because it does not
 * belong to the range, or because it is time for a break.
 */
static int memtype_leaf_visitor(u64 addr, u64 size, kvm_pte_t pte, void *arg)
{
	struct memtype_iter *it = arg;
	struct memtype_range *range = &it->range;
	u64 end = ALIGN_DOWN(addr, size) + size;
	u8 memattr = FIELD_GET(KVM_PTE_LEAF_ATTR_LO_S2_MEMATTR, pte);

	if (!it->budget--)
		return 1;

	/* The next leaf will not belong to the range */
	if (!kvm_pte_valid(pte)) {
		it->next = end;
		return 0;
	}

	if (range_is_empty(range)) {
		range->start = addr;
		range->memattr = memattr;
	} else if (range->end != addr || range->memattr != memattr) {
		return 1;
	}

	range->end = end;
	range->leaves[ilog2(size)]++;
	range->perms[leaf_perms(pte)]++;
	it->next = end;
	return 0;
}

/*
 * Look at up to LEAF_BUDGET leaves. Return 1 if there may be more to add to
 * the range, 0 if it is complete, or if there is nothing left to look at.
 *
 * Faults, and an MMU notifier, may come in between. The range then tells of
 * each leaf what was true when it was looked at.
 */
static int memtype_walk_some(struct memtype_iter *it)
{
	struct kvm *kvm = it->kvm;
	struct kvm_pgtable *pgt;
	int ret = 0;

	it->budget = LEAF_BUDGET;

	read_lock(&kvm->mmu_lock);
	/* Gone once the VMM's address space is */
	pgt = kvm->arch.mmu.pgt;
	if (pgt && it->next < BIT(pgt->ia_bits))
		ret = memtype_walk_leaves(pgt, it->next,
					  BIT(pgt->ia_bits) - it->next,
					  memtype_leaf_visitor, it);
	read_unlock(&kvm->mmu_lock);

	return ret == 1 && it->budget < 0;
}

static void *memtype_range_or_null(struct memtype_iter *it)
{
	return range_is_empty(&it->range) ? NULL : &it->range;
}

static void *memtype_next_range(struct memtype_iter *it)
{
	memset(&it->range, 0, sizeof(it->range));

	while (memtype_walk_some(it)) {
		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		cond_resched();
	}

	return memtype_range_or_null(it);
}

static void *memtype_seq_start(struct seq_file *m, loff_t *pos)
{
	struct memtype_iter *it = m->private;

	if (!*pos) {
		it->pos = 0;
		it->next = 0;
		return memtype_next_range(it);
	}

	/* Reading goes on where it stopped, and seeking starts at 0 */
	return *pos == it->pos ? memtype_range_or_null(it) : NULL;
}

static void *memtype_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct memtype_iter *it = m->private;

	it->pos = ++*pos;
	return memtype_next_range(it);
}

static void memtype_seq_stop(struct seq_file *m, void *v)
{
}

static void show_memattr(struct seq_file *m, u8 memattr)
{
	bool fwb = cpus_have_final_cap(ARM64_HAS_STAGE2_FWB);
	int i;

	for (i = 0; i < ARRAY_SIZE(memtype_names); i++) {
		if (memtype_names[i].memattr == memattr &&
		    memtype_names[i].fwb == fwb) {
			seq_puts(m, memtype_names[i].name);
			return;
		}
	}

	seq_printf(m, "MemAttr-0x%x", memattr);
}

static void show_leaves(struct seq_file *m, const struct memtype_range *range)
{
	static const char units[] = "KMGT";
	const char *sep = " leaf=";
	int shift;

	for (shift = PAGE_SHIFT; shift < ARRAY_SIZE(range->leaves); shift++) {
		if (!range->leaves[shift])
			continue;

		seq_printf(m, "%s%d%c:%llu", sep, 1 << (shift % 10),
			   units[shift / 10 - 1], range->leaves[shift]);
		sep = ",";
	}
}

static void show_perms(struct seq_file *m, const struct memtype_range *range)
{
	const char *sep = " perm=";
	int perms;

	for (perms = 0; perms < NR_PERMS; perms++) {
		if (!range->perms[perms])
			continue;

		seq_printf(m, "%s%c%c%c:%llu", sep,
			   perms & PERM_R ? 'r' : '-',
			   perms & PERM_W ? 'w' : '-',
			   perms & PERM_X ? 'x' : '-', range->perms[perms]);
		sep = ",";
	}
}

static int memtype_seq_show(struct seq_file *m, void *v)
{
	const struct memtype_range *range = v;

	seq_printf(m, "0x%016llx-0x%016llx ", range->start, range->end - 1);
	show_memattr(m, range->memattr);
	show_leaves(m, range);
	show_perms(m, range);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations memtype_seq_ops = {
	.start	= memtype_seq_start,
	.next	= memtype_seq_next,
	.stop	= memtype_seq_stop,
	.show	= memtype_seq_show,
};

static int memtype_debugfs_open(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	struct memtype_iter *it;

	/* The file may be found while the VM is on its way out */
	if (!kvm_get_kvm_safe(kvm))
		return -ENOENT;

	it = __seq_open_private(file, &memtype_seq_ops, sizeof(*it));
	if (!it) {
		kvm_put_kvm(kvm);
		return -ENOMEM;
	}

	it->kvm = kvm;
	return 0;
}

static int memtype_debugfs_release(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;

	seq_release_private(inode, file);
	kvm_put_kvm(kvm);
	return 0;
}

static const struct file_operations memtype_debugfs_fops = {
	.owner		= THIS_MODULE,
	.open		= memtype_debugfs_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= memtype_debugfs_release,
};

void kvm_memtype_create_debugfs(struct kvm *kvm)
{
	if (memtype_tables_are_here())
		debugfs_create_file("stage2_memory_types", 0400,
				    kvm->debugfs_dentry, kvm,
				    &memtype_debugfs_fops);
}
