// SPDX-License-Identifier: GPL-2.0-only
/*
 * How large the stage-2 leaves are for memory that the VMM maps by PFN.
 *
 * Scenario: a VMM maps physical memory of each row of the memory type table, with
 * every combination of alignment, with holes, other types, read-only pages and
 * discontinuities in it, and changes it under memslots and running vCPUs.
 * Property: a leaf is the largest aligned block (1 GiB with 4K pages, then PMD size)
 * for which the VMM's own entries are all there, contiguous, and agree, inside one
 * slot and one VMA; stage 2 maps nothing else, and never anything that the host
 * does not map; the guest sees the data that the VMM has there, and the VMM the
 * guest's.
 *
 * Tests keep a model of both page tables, which they compare with the VM's debugfs
 * file stage2_memory_types after each access.
 *
 * Needs that file and the module kvm_memtype_test, and is skipped without.
 * Blocks of 1 GiB need physical memory that the kernel does not use (--phys=) or a
 * large BAR (--vfio=).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "kselftest.h"

#include "memtype_backing.h"
#include "memtype_guest.h"
#include "selftest_compat.h"
#include "stage2_memory_types.h"

#define GIB		0x40000000UL
#define GPA		0x100000000ULL
#define GPA_SIZE	(32 * GIB)
#define FIRST_SLOT	10
#define NR_SLOTS	3
#define PATIENCE	60
#define ROUNDS		6
#define PATTERN		0x626c6f636b000000ULL
/* Where in a page the VMM's and the guest's stamps are; the writer has the start. */
#define STAMP		64

/* Addresses and sizes are in pages: in the VMM's window, and from GPA on. */
static size_t page;
static u32 per_block;
static u32 per_big;
static u32 window;
static char *window_hva;

static struct lab {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	struct kvm_vcpu *other;
	/* Why the test cannot run here. */
	const char *skip;
	/* One complaint for each test is enough: at which step. */
	char step[64];
	bool told;
	u64 stamp;
	/* Of all tests: what stage 2 had that the host had not. */
	u32 looks;
	u32 excesses;
} lab;

/* Physical memory for the tests. */
struct pool {
	u64 pfn;
	u64 nr;
	const char *skip;
};

/* Without a KVA: some blocks, and more. RAM: two blocks of the test module. */
static struct pool small, big, ram[2];

/* As expect(), but once a row, with the step. */
static bool insist(bool ok, const char *what, const char *got)
{
	if (!ok && !lab.told)
		ksft_print_msg("%s: %s: got %s\n", lab.step, what, got);
	lab.told |= !ok;
	return ok;
}

#define step(...)	snprintf(lab.step, sizeof(lab.step), __VA_ARGS__)

static char *hva_of(u32 p)
{
	return window_hva + (size_t)p * page;
}

static u64 gpa_of(u32 gpage)
{
	return GPA + (u64)gpage * page;
}

/* --- The guest ------------------------------------------------------------ */

static void guest_note(u64 addr, enum event event)
{
	judge.probes[judge.at].event = event;
}

/* In guest memory: write to all of @nr pages but one until told to stop. */
static struct {
	u64 gpa;
	u64 step;
	u32 nr;
	u32 skip;
	u32 stop;
	u64 rounds;
	u64 lost;
} writer;

static void guest_write_round(u64 round)
{
	u64 *word;
	u32 i;

	for (i = 0; i < writer.nr; i++) {
		if (i == writer.skip)
			continue;

		word = (u64 *)(writer.gpa + i * writer.step);
		if (round > 1 && READ_ONCE(*word) != round - 1)
			WRITE_ONCE(writer.lost, writer.lost + 1);
		WRITE_ONCE(*word, round);
	}
	WRITE_ONCE(writer.rounds, round);
}

static void guest_writer(void)
{
	u64 round;

	for (;;) {
		for (round = 1; !READ_ONCE(writer.stop); round++)
			guest_write_round(round);
		GUEST_SYNC(0);
	}
}

/* --- What the host maps --------------------------------------------------- */

enum kind {
	LATER,		/* no entry before a fault */
	BY_PFN,
	SINGLE,		/* a page of its own: anonymous, or a private copy */
};

/* Pages of the window whose entries go on from one to the next. */
struct run {
	u32 first;
	u32 nr;
	u32 vma;
	u64 pfn;
	enum kind kind;
	enum truth truth;
	__u32 type;
	__u32 vma_type;
	bool writable;
	/* A write by the VMM makes a copy, or the entry writable. */
	bool is_private;
	bool mkwrite;
	/* Some of the memory is RAM, some is not. */
	bool of_two_kinds;
	bool vfio;
};

#define MAX_RUNS	4096

static struct {
	struct run runs[MAX_RUNS];
	u32 nr;
	u32 vmas;
} host;

static struct run *host_at(u32 p)
{
	u32 i;

	for (i = 0; i < host.nr; i++)
		if (host.runs[i].first <= p &&
		    p - host.runs[i].first < host.runs[i].nr)
			return &host.runs[i];
	return NULL;
}

/* The piece of @run from @first on, with @nr pages at most. */
static struct run piece_of(const struct run *run, u32 first, u32 nr)
{
	struct run piece = *run;
	u32 skip = first - run->first;

	piece.first = first;
	piece.pfn += skip;
	piece.nr = run->nr - skip < nr ? run->nr - skip : nr;
	return piece;
}

static bool goes_on(const struct run *a, const struct run *b)
{
	return a->first + a->nr == b->first && a->pfn + a->nr == b->pfn &&
	       a->vma == b->vma && a->kind == b->kind && a->kind != SINGLE &&
	       a->type == b->type && a->writable == b->writable;
}

static void host_add(const struct run *run)
{
	u32 i;

	if (!run->nr)
		return;

	for (i = 0; i < host.nr; i++) {
		if (goes_on(&host.runs[i], run)) {
			host.runs[i].nr += run->nr;
			return;
		}
	}
	TEST_ASSERT(host.nr < MAX_RUNS, "too many runs");
	host.runs[host.nr++] = *run;
}

static void host_cut(u32 first, u32 nr)
{
	u32 i, end = first + nr;

	for (i = 0; i < host.nr; i++) {
		struct run *run = &host.runs[i], tail = { };

		if (run->first >= end || run->first + run->nr <= first)
			continue;

		if (run->first + run->nr > end)
			tail = piece_of(run, end, -1U);
		if (run->first < first)
			run->nr = first - run->first;
		else
			host.runs[i--] = host.runs[--host.nr];
		if (tail.nr)
			host.runs[host.nr++] = tail;
	}
}

static void host_replace(const struct run *run)
{
	host_cut(run->first, run->nr);
	host_add(run);
}

static bool is_ram(u64 pfn)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ram); i++)
		if (ram[i].pfn <= pfn && pfn < ram[i].pfn + ram[i].nr)
			return true;
	return false;
}

static enum truth truth_of(__u32 type, __u32 flags, u64 pfn)
{
	switch (type) {
	case KVM_MEMTYPE_TEST_WB:
		return is_ram(pfn) ? MEMORY : COHERENT;
	case KVM_MEMTYPE_TEST_NC:
		return NONCACHEABLE;
	default:
		return flags & ANY ? RELAXED : DEVICE;
	}
}

/* --- What stage 2 maps ---------------------------------------------------- */

struct slot {
	u32 gpage;
	u32 first;
	u32 nr;
	u32 flags;
};

struct leaf {
	u32 gpage;
	u32 nr;
	enum truth truth;
	bool writable;
	/* Near to a change of the VMM's mappings. */
	bool may_be_gone;
};

#define MAX_LEAVES	4096

static struct {
	struct slot slots[NR_SLOTS];
	struct leaf leaves[MAX_LEAVES];
	u32 nr;
} guest;

static struct slot *slot_at(u32 gpage)
{
	u32 i;

	for (i = 0; i < NR_SLOTS; i++)
		if (guest.slots[i].gpage <= gpage &&
		    gpage - guest.slots[i].gpage < guest.slots[i].nr)
			return &guest.slots[i];
	return NULL;
}

static u32 page_of(const struct slot *slot, u32 gpage)
{
	return slot->first + gpage - slot->gpage;
}

static struct leaf *leaf_at(u32 gpage)
{
	u32 i;

	for (i = 0; i < guest.nr; i++)
		if (guest.leaves[i].gpage <= gpage &&
		    gpage - guest.leaves[i].gpage < guest.leaves[i].nr)
			return &guest.leaves[i];
	return NULL;
}

/* A leaf of which a part goes is gone. */
static void leaves_cut(u32 gpage, u32 nr)
{
	u32 i;

	for (i = 0; i < guest.nr; i++) {
		struct leaf *leaf = &guest.leaves[i];

		if (leaf->gpage < gpage + nr && gpage < leaf->gpage + leaf->nr)
			guest.leaves[i--] = guest.leaves[--guest.nr];
	}
}

static void leaves_write_protect(const struct slot *slot)
{
	u32 i;

	for (i = 0; i < guest.nr; i++)
		if (slot_at(guest.leaves[i].gpage) == slot)
			guest.leaves[i].writable = false;
}

static bool leaf_is_of(const struct leaf *leaf, u32 first, u32 nr)
{
	const struct slot *slot = slot_at(leaf->gpage);
	u32 p = page_of(slot, leaf->gpage);

	return p < first + nr && first < p + leaf->nr;
}

/* What an MMU notifier does. */
static void invalidate(u32 first, u32 nr)
{
	u32 i;

	for (i = 0; i < guest.nr; i++)
		if (leaf_is_of(&guest.leaves[i], first, nr))
			guest.leaves[i--] = guest.leaves[--guest.nr];
}

/*
 * The same, where a VMA may have been split: the kernel then looks for a huge page
 * to split, and tells KVM to forget all that could have been in it. A driver may
 * even clear all of a VMA that is split.
 */
static void invalidate_near(u32 first, u32 nr, bool all)
{
	u32 from = all ? 0 : first & ~(per_block - 1), i;
	u32 end = all ? window : (first + nr + per_block - 1) & ~(per_block - 1);

	invalidate(first, nr);
	for (i = 0; i < guest.nr; i++)
		if (leaf_is_of(&guest.leaves[i], from, end - from))
			guest.leaves[i].may_be_gone = true;
}

/* Accept that leaves are gone that may be. */
static void settle(const char *text)
{
	struct stage2_line l;
	u32 i;

	for (i = 0; i < guest.nr; i++) {
		if (guest.leaves[i].may_be_gone &&
		    !stage2_find(text, gpa_of(guest.leaves[i].gpage), &l))
			guest.leaves[i--] = guest.leaves[--guest.nr];
		else
			guest.leaves[i].may_be_gone = false;
	}
}

/* Can the aligned @nr pages around @gpage be one leaf? */
static bool is_block(const struct slot *slot, u32 gpage, u32 nr)
{
	u32 p = page_of(slot, gpage), start = p & ~(nr - 1), at;
	const struct run *run = host_at(p), *r;
	u64 pfn = run->pfn + start - run->first;

	if (run->kind != BY_PFN || ((p ^ gpage) | pfn) & (nr - 1) ||
	    start < slot->first || start + nr > slot->first + slot->nr)
		return false;

	/* Maintenance by VA is not done for more at once. */
	if (nr > per_block && run->truth == MEMORY &&
	    !(options.fwb && options.dic))
		return false;
	if (nr > per_block && run->of_two_kinds)
		return false;

	for (at = start; at < start + nr; at = r->first + r->nr) {
		r = host_at(at);
		if (!r || r->kind != BY_PFN || r->vma != run->vma ||
		    r->type != run->type || r->writable != run->writable ||
		    r->pfn + at - r->first != pfn + at - start)
			return false;
	}

	return true;
}

static u32 leaf_size(const struct slot *slot, u32 gpage)
{
	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		return 1;
	if (per_big && is_block(slot, gpage, per_big))
		return per_big;
	return is_block(slot, gpage, per_block) ? per_block : 1;
}

static void leaf_add(const struct slot *slot, u32 gpage, bool write)
{
	const struct run *run = host_at(page_of(slot, gpage));
	bool logging = slot->flags & KVM_MEM_LOG_DIRTY_PAGES;
	struct leaf leaf = {
		.nr = leaf_size(slot, gpage),
		.truth = run->truth,
		.writable = run->writable && (write || !logging) &&
			    !(slot->flags & KVM_MEM_READONLY),
	};

	leaf.gpage = gpage & ~(leaf.nr - 1);
	leaves_cut(leaf.gpage, leaf.nr);
	TEST_ASSERT(guest.nr < MAX_LEAVES, "too many leaves");
	guest.leaves[guest.nr++] = leaf;
}

/* The entry for the page comes to be, or becomes what a write needs. */
static void host_fault(u32 p, bool write)
{
	struct run one = piece_of(host_at(p), p, 1);

	if (one.kind != LATER && !(write && one.mkwrite))
		return;
	one.kind = BY_PFN;
	one.writable |= write && one.mkwrite;
	host_replace(&one);
}

/* What must come of an access by the guest. */
static enum event fault(u32 gpage, bool write)
{
	const struct slot *slot = slot_at(gpage);
	const struct leaf *leaf = leaf_at(gpage);
	const struct run *run;

	if (!slot)
		return EV_MMIO;
	if (leaf && (leaf->writable || !write))
		return EV_OK;
	if (write && (slot->flags & KVM_MEM_READONLY))
		return EV_MMIO;

	run = host_at(page_of(slot, gpage));
	if (!run)
		return EV_EFAULT;

	host_fault(page_of(slot, gpage), write);
	run = host_at(page_of(slot, gpage));
	if (!truth_type(run->truth) || (write && !run->writable))
		return EV_EFAULT;

	leaf_add(slot, gpage, write);
	return EV_OK;
}

/* --- Comparing ------------------------------------------------------------ */

static u64 leaves_of(const struct stage2_line *l, u32 nr)
{
	return count_leaves(l, (u64)nr * page);
}

/* Executable or not is no matter of size: the rest in words that compare. */
static void describe(char *text, size_t len, u64 first, u64 last,
		     const char *type, u64 nr_big, u64 nr_block, u64 nr_page,
		     u64 writable)
{
	snprintf(text, len,
		 "0x%llx-0x%llx %s 1G:%llu block:%llu page:%llu writable:%llu",
		 (unsigned long long)first, (unsigned long long)last, type,
		 (unsigned long long)nr_big, (unsigned long long)nr_block,
		 (unsigned long long)nr_page, (unsigned long long)writable);
}

static int compare_leaves(const void *a, const void *b)
{
	return ((struct leaf *)a)->gpage < ((struct leaf *)b)->gpage ? -1 : 1;
}

/* Describe the line that starts with leaf @i. Return: the first leaf behind it. */
static u32 expected_line(u32 i, char *text, size_t len)
{
	const struct leaf *l = guest.leaves, *first = &l[i];
	const char *type = truth_type(first->truth);
	u64 bigs = 0, blocks = 0, pages = 0, writable = 0;

	do {
		bigs += per_big && l[i].nr == per_big;
		blocks += l[i].nr == per_block;
		pages += l[i].nr == 1;
		writable += l[i].writable;
		i++;
	} while (i < guest.nr && l[i].gpage == l[i - 1].gpage + l[i - 1].nr &&
		 !strcmp(truth_type(l[i].truth), type));

	describe(text, len, gpa_of(first->gpage),
		 gpa_of(l[i - 1].gpage + l[i - 1].nr) - 1, type, bigs, blocks,
		 pages, writable);
	return i;
}

/* Parse the next line about the slots of the tests. */
static const char *next_line(const char *text, struct stage2_line *l)
{
	while (*text) {
		text = stage2_parse(text, l);
		TEST_ASSERT(text, "stage2_memory_types: bad format");
		if (l->first >= GPA && l->first < GPA + GPA_SIZE)
			return text;
	}

	return NULL;
}

/* Stage 2 has exactly the leaves of the model. */
static bool same_leaves(const char *text)
{
	char want[256], got[256];
	struct stage2_line l;
	bool ok = true;
	u32 i = 0;

	qsort(guest.leaves, guest.nr, sizeof(guest.leaves[0]), compare_leaves);
	while (ok) {
		snprintf(want, sizeof(want), "nothing more");
		snprintf(got, sizeof(got), "nothing more");
		if (i < guest.nr)
			i = expected_line(i, want, sizeof(want));
		text = text ? next_line(text, &l) : NULL;
		if (text)
			describe(got, sizeof(got), l.first, l.last, l.type,
				 per_big ? leaves_of(&l, per_big) : 0,
				 leaves_of(&l, per_block),
				 leaves_of(&l, 1), stage2_count_perm(&l, 'w'));
		ok = insist(!strcmp(want, got), want, got);
		if (!text && i == guest.nr)
			break;
	}

	return ok;
}

/*
 * All of the line is something that the VMM has mapped. The line does not say where
 * write access is, but whether all of it has that, or nothing.
 */
static bool host_has(const struct stage2_line *l)
{
	u32 at = (l->first - GPA) / page, end = (l->last + 1 - GPA) / page;
	u64 leaves = leaves_of(l, 1) + leaves_of(l, per_block) +
		     (per_big ? leaves_of(l, per_big) : 0);
	bool some = false, every = true, writable;
	u32 left, step;

	for (; at < end; at += step) {
		const struct slot *slot = slot_at(at);
		const struct run *run = slot ? host_at(page_of(slot, at)) : NULL;

		if (!run || run->kind == LATER ||
		    strcmp(truth_type(run->truth) ?: "refused", l->type))
			return false;

		writable = run->writable && !(slot->flags & KVM_MEM_READONLY);
		some |= writable;
		every &= writable;
		step = run->first + run->nr - page_of(slot, at);
		left = slot->gpage + slot->nr - at;
		if (step > left)
			step = left;
	}

	return (some || !stage2_count_perm(l, 'w')) &&
	       (every || stage2_count_perm(l, 'w') < leaves);
}

/* Stage 2 has nothing but what the host has. True while vCPUs run, too. */
static bool no_excess(const char *text)
{
	struct stage2_line l;

	lab.looks++;
	while ((text = next_line(text, &l))) {
		if (!host_has(&l)) {
			ksft_print_msg("%s: more than the host has: 0x%llx-0x%llx %s %s\n",
				       lab.step, l.first, l.last, l.type,
				       l.perm);
			lab.told = true;
			lab.excesses++;
			return false;
		}
	}

	return true;
}

static bool check(void)
{
	char *text = stage2_read(lab.vm);
	bool ok;

	settle(text);
	ok = no_excess(text) & same_leaves(text);
	free(text);
	return ok;
}

/* --- Data ----------------------------------------------------------------- */

/* Leave nothing in a cache that a mapping of another type does not see. */
static void clean(const void *addr)
{
	asm volatile("dc civac, %0\n"
		     "dsb sy" : : "r" (addr) : "memory");
}

/* Another mapping of the page, of the same type, which changes no entry. */
static char *alias_of(const struct run *run, u32 p)
{
	u64 pfn = run->pfn + p - run->first;
	const struct row row = {
		.source = KVM_MEMTYPE_TEST_PHYS, .type = run->type,
	};
	struct mem mem = { .size = page };
	off_t offset = 0;
	const char *skip;
	char *hva;
	int fd;

	if (run->kind == SINGLE)
		return hva_of(p);

	if (run->vfio) {
		fd = vfio_open(options.vfio);
		offset = vfio_bar2(fd, options.vfio).offset + pfn * page;
	} else {
		skip = open_module_at(&row, pfn * page, &mem, &fd);
		TEST_ASSERT(!skip, "%s", skip);
	}
	hva = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	TEST_ASSERT(hva != MAP_FAILED, "mmap: %s", strerror(errno));
	if (!run->vfio)
		close(fd);
	if (run->type == KVM_MEMTYPE_TEST_WB)
		clean(hva + STAMP);
	return hva;
}

static void put_alias(const struct run *run, char *hva)
{
	if (run->kind == SINGLE)
		return;
	if (run->type == KVM_MEMTYPE_TEST_WB)
		clean(hva + STAMP);
	munmap(hva, page);
}

static u64 load(const struct run *run, u32 p, u32 offset)
{
	char *hva = alias_of(run, p);
	u64 value = READ_ONCE(*(u64 *)(hva + offset));

	put_alias(run, hva);
	return value;
}

static u64 stamp(const struct run *run, u32 p)
{
	char *hva = alias_of(run, p);

	WRITE_ONCE(*(u64 *)(hva + STAMP), PATTERN + ++lab.stamp);
	put_alias(run, hva);
	return PATTERN + lab.stamp;
}

static enum event ask_guest(u32 gpage, bool write, u64 *value)
{
	struct probe *probe = judge_of(lab.vm)->probes;
	u64 gpa = gpa_of(gpage);

	virt_map(lab.vm, gpa, gpa, 1);
	judge_of(lab.vm)->nr = 0;
	judge_ask(lab.vm, write ? OP_STORE64 : OP_LOAD64, gpa + STAMP, *value);
	alarm(PATIENCE);
	judge_run(lab.vm, lab.vcpu);
	alarm(0);
	*value = probe->value;
	return probe->event;
}

/*
 * The guest accesses the page: what comes of it, and the data, must be right. The
 * VMM stores something new there first.
 */
static bool access_page(u32 gpage, bool write)
{
	const struct slot *slot = slot_at(gpage);
	u32 p = slot ? page_of(slot, gpage) : 0;
	const struct run *run = slot ? host_at(p) : NULL;
	u64 before = 0, value = PATTERN + ++lab.stamp, wrote = value;
	enum event want, got;
	bool ok;

	step("%s at page 0x%x", write ? "write" : "read", gpage);
	if (run)
		before = stamp(run, p);
	want = fault(gpage, write);
	got = ask_guest(gpage, write, &value);
	ok = insist(got == want, event_names[want], event_names[got]);

	run = slot ? host_at(p) : NULL;
	if (!ok || !run)
		return ok;
	if (!write)
		return want != EV_OK ||
		       insist(value == before, "the VMM's data", "other data");
	return insist(load(run, p, STAMP) == (want == EV_OK ? wrote : before),
		      want == EV_OK ? "the guest's data" : "no write",
		      "other data");
}

static bool read_at(u32 gpage)
{
	return access_page(gpage, false) & check();
}

static bool write_at(u32 gpage)
{
	return access_page(gpage, true) & check();
}

/* --- The VMM -------------------------------------------------------------- */

static void forget(u32 first, u32 nr)
{
	const struct run *run = host_at(first);
	bool all = run && run->vfio;

	step("change of page 0x%x, %u pages", first, nr);
	host_cut(first, nr);
	invalidate_near(first, nr, all);
}

static void map_at(u32 first, u32 nr, int prot, int flags, int fd, off_t offset)
{
	void *got = mmap(hva_of(first), (size_t)nr * page, prot,
			 flags | MAP_FIXED, fd, offset);

	TEST_ASSERT(got == hva_of(first), "MAP_FIXED: %s", strerror(errno));
	forget(first, nr);
}

static void take(u32 first, u32 nr)
{
	munmap(hva_of(first), (size_t)nr * page);
	forget(first, nr);
}

static void put_anon(u32 p)
{
	struct run run = {
		.first = p, .nr = 1, .vma = ++host.vmas, .kind = SINGLE,
		.truth = MEMORY, .writable = true,
	};

	map_at(p, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(hva_of(p), 0, page);
	host_add(&run);
}

static void host_add_part(const struct run *all, u32 at, u32 nr, u64 pfn,
			  __u32 type, __u32 flags)
{
	struct run run = *all;

	run.first += at;
	run.nr = nr;
	run.pfn = pfn;
	run.type = type;
	run.truth = truth_of(type, flags, pfn);
	host_add(&run);
}

/* The entries that the test module makes, page after page or as its flags say. */
static void host_add_row(const struct run *all, const struct row *row)
{
	__u32 flags = row->flags, type = row->type, odd = row->pte_type;
	u32 nr = all->nr, half = nr / 2;
	u64 pfn = all->pfn;

	if (flags & SPLIT) {
		host_add_part(all, 0, half, pfn + nr - half, type, flags);
		host_add_part(all, half, nr - half, pfn, type, flags);
		return;
	}

	if ((flags & KVM_MEMTYPE_TEST_PTE_TYPE) && !(flags & KVM_MEMTYPE_TEST_ODD))
		type = odd;
	host_add_part(all, 0, nr, pfn, type, flags);
	if (flags & KVM_MEMTYPE_TEST_ODD) {
		host_cut(all->first + half, 1);
		host_add_part(all, half, 1, pfn + half, odd, flags);
	} else if (flags & KVM_MEMTYPE_TEST_SWAP) {
		host_cut(all->first + half, 2);
		host_add_part(all, half, 1, pfn + half + 1, type, flags);
		host_add_part(all, half + 1, 1, pfn + half, type, flags);
	}
}

/* Map physical memory into the window. Return: whether this kernel can. */
static bool put_as(u32 first, u32 nr, const struct row *row, u64 pfn, int prot,
		   int flags)
{
	struct mem mem = { .size = (size_t)nr * page };
	struct row phys = *row;
	struct run run = {
		.first = first, .nr = nr, .vma = ++host.vmas, .pfn = pfn,
		.kind = row->flags & LAZY ? LATER : BY_PFN,
		.vma_type = row->type,
		.writable = (prot & PROT_WRITE) && flags == MAP_SHARED &&
			    !(row->flags & KVM_MEMTYPE_TEST_MKWRITE),
		.is_private = flags == MAP_PRIVATE,
		.mkwrite = row->flags & KVM_MEMTYPE_TEST_MKWRITE,
	};
	int fd;

	phys.source = KVM_MEMTYPE_TEST_PHYS;
	lab.skip = open_module_at(&phys, pfn * page, &mem, &fd);
	if (lab.skip)
		return false;

	map_at(first, nr, prot, flags, fd, 0);
	close(fd);
	host_add_row(&run, row);
	return true;
}

static bool put(u32 first, u32 nr, const struct row *row, u64 pfn)
{
	return put_as(first, nr, row, pfn, PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* The VMM touches the pages, so that entries come to be. */
static void populate(u32 first, u32 nr)
{
	u32 p;

	for (p = first; p < first + nr; p++) {
		READ_ONCE(*(u64 *)hva_of(p));
		host_fault(p, false);
	}
}

/* The VMM writes to a page that may be read-only as yet. */
static void write_page(u32 p)
{
	struct run one;

	step("write by the VMM to page 0x%x", p);
	WRITE_ONCE(*(u64 *)(hva_of(p) + STAMP), PATTERN + ++lab.stamp);
	host_fault(p, true);
	one = piece_of(host_at(p), p, 1);
	if (!one.is_private || one.kind == SINGLE)
		return;

	one.kind = SINGLE;
	one.writable = true;
	if (one.truth == COHERENT)
		one.truth = MEMORY;
	host_replace(&one);
	invalidate(p, 1);
}

static void protect(u32 first, u32 nr, int prot)
{
	struct run piece;
	u32 at;

	step("mprotect of page 0x%x, %u pages", first, nr);
	TEST_ASSERT(!mprotect(hva_of(first), (size_t)nr * page, prot),
		    "mprotect: %s", strerror(errno));
	invalidate_near(first, nr, false);
	host.vmas++;
	for (at = first; at < first + nr; at += piece.nr) {
		piece = piece_of(host_at(at), at, first + nr - at);
		piece.vma = host.vmas;
		piece.writable = prot & PROT_WRITE;
		host_replace(&piece);
	}
}

/*
 * Where KVM looks at a cacheable mapping when it gets a slot. The slots of the
 * tests begin with the VMA that matters.
 */
static int slot_error(u32 first)
{
	const struct run *run = host_at(first);

	if (options.fwb || !run || run->kind == SINGLE ||
	    run->vma_type != KVM_MEMTYPE_TEST_WB)
		return 0;

	host_fault(first, false);
	return host_at(first)->truth == COHERENT ? EINVAL : 0;
}

static bool set_slot_to(u32 id, u32 gpage, u32 first, u32 nr, u32 flags)
{
	struct slot *slot = &guest.slots[id];
	int want = nr ? slot_error(first) : 0, got;

	step("slot at page 0x%x, %u pages, flags %u", gpage, nr, flags);
	got = __vm_set_user_memory_region(lab.vm, FIRST_SLOT + id, flags,
					  gpa_of(gpage), (u64)nr * page,
					  hva_of(first)) ? errno : 0;
	if (!got) {
		if (!nr)
			leaves_cut(slot->gpage, slot->nr);
		*slot = (struct slot) {
			.gpage = gpage, .first = first, .nr = nr, .flags = flags,
		};
		if (flags & KVM_MEM_LOG_DIRTY_PAGES)
			leaves_write_protect(slot);
	}

	return insist(got == want, want ? strerror(want) : "a slot",
		      strerror(got)) & check();
}

static bool set_slot(u32 id, u32 gpage, u32 first, u32 nr)
{
	return set_slot_to(id, gpage, first, nr, 0);
}

/* Nothing is left of a test. */
static void clear(void)
{
	u32 i;

	for (i = 0; i < NR_SLOTS; i++)
		if (guest.slots[i].nr)
			set_slot(i, guest.slots[i].gpage, guest.slots[i].first, 0);
	map_at(0, window, PROT_NONE,
	       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	TEST_ASSERT(!host.nr, "something is left");
	check();
}

/* --- Tests ---------------------------------------------------------------- */

struct test {
	const char *shows;
	bool (*run)(const struct test *t);
	const struct row *row;
	/* Where things begin, or which way. */
	u32 hva;
	u32 gpa;
	u32 pfn;
	bool (*change)(u32 p);
};

static const struct row wb = { WB };
static const struct row nc = { NC };
static const struct row nc_mixed = { NC, .flags = MIXED };
static const struct row nc_lazy = { NC, .flags = LAZY };
static const struct row device = { NGNRE };

static bool has(const struct pool *pool, u64 nr)
{
	if (!pool->skip && pool->nr < nr)
		lab.skip = "not enough memory of that kind";
	else
		lab.skip = pool->skip;
	return !lab.skip;
}

/* A block is one leaf, wherever it is touched first, and so is the next one. */
static bool check_row(const struct test *t, u64 pfn, u32 nr)
{
	bool ok;

	if (!put(0, nr, t->row, pfn))
		return false;

	if (t->row->flags & LAZY)
		populate(0, nr);
	ok = set_slot(0, 0, 0, nr);
	if (!guest.slots[0].nr)
		return ok;

	ok &= read_at(nr / 2 + 1);
	ok &= write_at(0);
	ok &= write_at(nr - 1);
	return ok & read_at(nr / 2) & write_at(1);
}

static bool test_region(const struct test *t)
{
	return has(&small, 2 * per_block) &&
	       check_row(t, small.pfn, 2 * per_block);
}

static bool test_ram(const struct test *t)
{
	return has(&ram[0], per_block) && check_row(t, ram[0].pfn, per_block);
}

static bool test_big(const struct test *t)
{
	return has(&big, per_big) && check_row(t, big.pfn, per_big);
}

/* Alignment: each of the three may begin @t->... behind a boundary. */
static bool test_alignment(const struct test *t)
{
	u32 nr = 2 * per_block, end = t->gpa + nr - 1;
	bool ok;

	if (!has(&small, 3 * per_block) || !put(t->hva, nr, &nc, small.pfn + t->pfn))
		return false;

	ok = set_slot(0, t->gpa, t->hva, nr);
	ok &= read_at(t->gpa) & write_at(end);
	ok &= write_at(per_block - 1) & read_at(per_block);
	return ok & write_at(per_block + 1) & read_at(t->gpa + 1);
}

/* The same with 1 GiB, where a block less is left. */
static bool test_big_alignment(const struct test *t)
{
	u32 hva = t->hva * per_block, gpa = t->gpa * per_block;
	u32 pfn = t->pfn * per_block, nr = per_big;
	bool ok;

	if (hva && gpa && pfn)
		nr = 2 * per_big - per_block;
	if (!has(&big, nr + pfn) || !put(hva, nr, &nc, big.pfn + pfn))
		return false;

	ok = set_slot(0, gpa, hva, nr);
	ok &= read_at(gpa) & write_at(gpa + nr - 1);
	return ok & write_at(gpa + nr / 2) & read_at(gpa + per_block);
}

static bool test_shifted_pages(const struct test *t)
{
	bool ok;

	if (!has(&big, per_big + 1) || !put(0, per_big, &nc, big.pfn + 1))
		return false;

	ok = set_slot(0, 0, 0, per_big);
	return ok & read_at(0) & write_at(per_big - 1) & write_at(per_big / 2);
}

/* Holes, and memory that does not agree */

static bool test_hole(const struct test *t)
{
	u32 hole = per_block / 2 + 3;
	bool ok;

	if (!has(&small, 2 * per_block) ||
	    !put(0, 2 * per_block, t->row, small.pfn))
		return false;

	populate(0, hole);
	populate(hole + 1, 2 * per_block - hole - 1);
	ok = set_slot(0, 0, 0, 2 * per_block);
	ok &= read_at(0) & write_at(hole - 1) & write_at(hole + 1);
	ok &= read_at(per_block);
	/* The last entry comes with the guest's access, and the block with it. */
	ok &= read_at(hole);
	return ok & write_at(per_block - 1) & write_at(hole);
}

static bool test_untouched(const struct test *t)
{
	bool ok;

	if (!has(&small, per_block) || !put(0, per_block, t->row, small.pfn))
		return false;

	ok = set_slot(0, 0, 0, per_block);
	ok &= read_at(0) & read_at(per_block - 1) & write_at(5);
	populate(0, per_block);
	return ok & read_at(5) & write_at(6);
}

/* @t->hva says which page is not there, or is another mapping. */
static bool test_gap(const struct test *t)
{
	u32 gap = t->hva ? per_block - 1 : 0;
	bool ok;

	if (!has(&small, 2 * per_block) ||
	    !put(0, 2 * per_block, t->row, small.pfn))
		return false;

	take(gap, 1);
	ok = set_slot(0, 0, 0, 2 * per_block);
	ok &= read_at(1) & write_at(per_block / 2) & read_at(gap);
	return ok & write_at(per_block) & write_at(2 * per_block - 1);
}

static bool test_two_mappings(const struct test *t)
{
	u32 half = per_block / 2;
	bool ok;

	if (!has(&small, 2 * per_block) ||
	    !put(0, half, &nc, small.pfn) ||
	    !put(half, per_block + half, t->row, small.pfn + half))
		return false;

	ok = set_slot(0, 0, 0, 2 * per_block);
	ok &= read_at(0) & write_at(half - 1) & write_at(half);
	return ok & read_at(per_block - 1) & read_at(per_block);
}

/* Something about the row makes that there is no first block, but a second one. */
static bool check_odd(const struct row *row, u64 pfn, u32 nr)
{
	u32 middle = nr / 2;
	bool ok;

	if (!put(0, nr, row, pfn))
		return false;

	if (row->flags & LAZY)
		populate(0, nr);
	ok = set_slot(0, 0, 0, nr);
	ok &= read_at(0) & write_at(middle - 1) & write_at(middle);
	return ok & write_at(middle + 1) & read_at(nr - 1) & read_at(1);
}

static bool test_odd_ram(const struct test *t)
{
	return has(&ram[0], per_block) &&
	       check_odd(t->row, ram[0].pfn, per_block);
}

static bool test_odd_region(const struct test *t)
{
	return has(&small, 2 * per_block) && check_odd(t->row, small.pfn, per_block);
}

/* Halves of two blocks that have changed places: each is a block. */
static bool test_split_blocks(const struct test *t)
{
	bool ok;

	if (!has(&small, 2 * per_block) ||
	    !put(0, 2 * per_block, t->row, small.pfn))
		return false;

	ok = set_slot(0, 0, 0, 2 * per_block);
	return ok & write_at(1) & write_at(per_block) & read_at(per_block - 1);
}

/* Two calls of remap_pfn_range() within a block that begins like a block. */
static bool test_split_inside(const struct test *t)
{
	u32 nr = per_block + 2, skip = per_block - 1 - nr / 2;
	bool ok;

	/* The page at the block's start has an aligned PFN. */
	if (!has(&small, 3 * per_block) ||
	    !put(per_block - 1, nr, t->row, small.pfn + skip))
		return false;

	ok = set_slot(0, per_block - 1, per_block - 1, nr);
	ok &= read_at(per_block) & write_at(per_block + nr / 2);
	return ok & read_at(2 * per_block - 1) & write_at(per_block - 1);
}

static bool test_read_only_page(const struct test *t)
{
	u32 ro = per_block / 2;
	bool ok;

	if (!has(&small, 2 * per_block) ||
	    !put(0, 2 * per_block, t->row, small.pfn))
		return false;

	ok = set_slot(0, 0, 0, 2 * per_block);
	ok &= write_at(0);
	protect(ro, 1, PROT_READ);
	ok &= check();
	ok &= write_at(0) & read_at(ro) & write_at(ro);
	ok &= write_at(ro + 1) & write_at(per_block);

	/* Two VMAs, though they agree again. */
	protect(ro, 1, PROT_READ | PROT_WRITE);
	return ok & check() & write_at(ro) & write_at(1);
}

static bool test_read_only_mapping(const struct test *t)
{
	bool ok;

	if (!has(&small, per_block) ||
	    !put_as(0, per_block, t->row, small.pfn, PROT_READ, MAP_SHARED))
		return false;

	ok = set_slot(0, 0, 0, per_block);
	ok &= read_at(5) & write_at(5);
	protect(0, per_block, PROT_READ | PROT_WRITE);
	return ok & check() & read_at(5) & write_at(6);
}

/* One page of a private mapping is the VMM's copy. */
static bool test_private(const struct test *t)
{
	u32 copy = per_block / 2 + 1;
	bool ok;

	if (!has(&small, per_block) ||
	    !put_as(0, per_block, t->row, small.pfn, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE))
		return false;

	if (t->hva)
		write_page(copy);
	ok = set_slot(0, 0, 0, per_block);
	ok &= read_at(0) & write_at(0);
	if (!t->hva) {
		write_page(copy);
		ok &= check();
	}
	ok &= read_at(copy) & write_at(copy);
	ok &= read_at(copy - 1) & write_at(copy - 1) & read_at(copy + 1);
	write_page(copy + 1);
	return ok & check() & write_at(copy + 1) & read_at(0);
}

/* Permissions that come later */

static bool map_mkwrite(const struct test *t, u64 pfn)
{
	if (!put(0, per_block, t->row, pfn))
		return false;

	populate(0, per_block);
	return set_slot(0, 0, 0, per_block);
}

static bool mkwrite_one(u64 pfn, const struct test *t)
{
	u32 one = per_block / 2 + 5, p;
	bool ok;

	if (!map_mkwrite(t, pfn))
		return false;

	ok = read_at(1) & write_at(1);
	write_page(one);
	ok &= check();
	ok &= read_at(one) & write_at(one);
	/* The others are as they were. */
	ok &= read_at(one + 1) & write_at(one + 1) & write_at(0);
	for (p = 0; p < per_block; p++)
		write_page(p);
	ok &= check();
	/* All agree again: a fault makes it a block. */
	return ok & write_at(one + 2) & write_at(0) & read_at(one);
}

static bool test_mkwrite_one(const struct test *t)
{
	return has(&small, per_block) && mkwrite_one(small.pfn, t);
}

static bool test_mkwrite_one_ram(const struct test *t)
{
	return has(&ram[0], per_block) && mkwrite_one(ram[0].pfn, t);
}

static bool test_mkwrite_all(const struct test *t)
{
	bool ok;
	u32 p;

	if (!has(&small, per_block) || !map_mkwrite(t, small.pfn))
		return false;

	ok = read_at(1);
	for (p = 0; p < per_block; p++)
		write_page(p);
	return ok & check() & write_at(7) & write_at(8);
}

/* Slots and VMAs that end inside of a block */

static bool test_slot_ends(const struct test *t)
{
	u32 nr = 3 * per_block;
	bool ok;

	if (!has(&small, nr) || !put(0, nr, t->row, small.pfn))
		return false;

	ok = set_slot(0, 1, 1, nr - 2);
	ok &= read_at(0) & write_at(1) & write_at(per_block - 1);
	ok &= write_at(per_block) & write_at(2 * per_block);
	return ok & write_at(nr - 2) & read_at(nr - 1);
}

static bool test_slots_meet(const struct test *t)
{
	u32 nr = 2 * per_block, half = per_block / 2;
	bool ok;

	if (!has(&small, nr) || !put(0, nr, t->row, small.pfn))
		return false;

	ok = set_slot(0, 0, 0, half) & set_slot(1, half, half, nr - half);
	ok &= write_at(half - 1) & write_at(half) & write_at(per_block);

	/* One slot goes. */
	ok &= set_slot(1, half, half, 0);
	return ok & read_at(half - 1) & read_at(half);
}

/* One mapping in three slots; what goes, goes from all. */
static bool test_slots_share(const struct test *t)
{
	u32 nr = 2 * per_block, second = 8 * per_block, third = 16 * per_block + 1;
	bool ok;

	if (!has(&small, nr) || !put(0, nr, t->row, small.pfn))
		return false;

	ok = set_slot(0, 0, 0, nr);
	ok &= set_slot_to(1, second, 0, nr, KVM_MEM_READONLY);
	ok &= set_slot(2, third, 0, nr);
	ok &= write_at(0) & write_at(per_block);
	ok &= read_at(second + 1) & write_at(second + 1);
	ok &= read_at(second + per_block) & write_at(third);
	ok &= read_at(third + per_block);
	take(per_block - 1, 1);
	ok &= check();
	ok &= read_at(second) & read_at(per_block - 1) & write_at(third);
	put_anon(per_block - 1);
	ok &= check() & write_at(per_block - 1);
	return ok & read_at(second + per_block - 1) & read_at(second);
}

/* The neighbour goes on with the next PFN, but is another VMA. */
static bool test_vmas_meet(const struct test *t)
{
	u32 nr = 2 * per_block, at = per_block + t->hva;
	bool ok;

	if (!has(&small, nr) || !put(0, at, t->row, small.pfn) ||
	    !put(at, nr - at, t->row, small.pfn + at))
		return false;

	ok = set_slot(0, 0, 0, nr);
	ok &= read_at(0) & write_at(at - 1) & write_at(at);
	return ok & write_at(nr - 1) & read_at(per_block);
}

/* Beside the VMA there is nothing. */
static bool test_vma_ends(const struct test *t)
{
	u32 nr = 3 * per_block;
	bool ok;

	if (!has(&small, nr) || !put(1, nr - 2, t->row, small.pfn + 1))
		return false;

	ok = set_slot(0, 0, 0, nr);
	ok &= read_at(0) & write_at(1) & write_at(per_block);
	return ok & read_at(nr - 1) & write_at(nr - 2);
}

static bool test_read_only_slot(const struct test *t)
{
	u32 nr = 2 * per_block;
	bool ok;

	if (!has(&small, nr) || !put(0, nr, t->row, small.pfn))
		return false;

	ok = set_slot_to(0, 0, 0, nr, KVM_MEM_READONLY);
	ok &= read_at(3) & write_at(3) & write_at(per_block);
	return ok & read_at(per_block) & read_at(4);
}

/* The guest has written to these two pages, or one if they are the same. */
static bool check_dirty(u32 a, u32 b)
{
	static unsigned long bitmap[MAX_LEAVES];
	u32 i, bits = 8 * sizeof(long), nr = guest.slots[0].nr, count = 0;

	memset(bitmap, 0, sizeof(bitmap));
	kvm_vm_get_dirty_log(lab.vm, FIRST_SLOT, bitmap);
	for (i = 0; i < nr; i++)
		count += bitmap[i / bits] >> i % bits & 1;
	/* What has been reported is write-protected again. */
	for (i = 0; i < guest.nr; i++)
		if (bitmap[guest.leaves[i].gpage / bits] >>
		    guest.leaves[i].gpage % bits & 1)
			guest.leaves[i].writable = false;

	return insist(count == 1 + (a != b) && bitmap[a / bits] >> a % bits & 1 &&
		      bitmap[b / bits] >> b % bits & 1,
		      "the pages that were written in the dirty log", "others") &
	       check();
}

/* Only a MIXEDMAP can be logged. */
static bool test_logging(const struct test *t)
{
	u32 nr = 2 * per_block;
	bool ok;

	if (!has(&small, nr) || !put(0, nr, t->row, small.pfn))
		return false;

	ok = set_slot(0, 0, 0, nr);
	ok &= write_at(0) & write_at(per_block);
	ok &= set_slot_to(0, 0, 0, nr, KVM_MEM_LOG_DIRTY_PAGES);
	ok &= read_at(1) & write_at(3) & check_dirty(3, 3);
	ok &= read_at(5) & read_at(per_block + 5);
	ok &= write_at(5) & write_at(nr - 1) & check_dirty(5, nr - 1);
	ok &= write_at(3) & check_dirty(3, 3);
	ok &= set_slot(0, 0, 0, nr);
	ok &= read_at(3) & write_at(3);
	return ok & write_at(per_block) & read_at(nr - 1);
}

/* A PFNMAP that has been put into a slot that is logged. */
static bool test_logging_over(const struct test *t)
{
	bool ok;

	if (!has(&small, per_block) || !put(0, per_block, &nc_mixed, small.pfn))
		return false;

	ok = set_slot_to(0, 0, 0, per_block, KVM_MEM_LOG_DIRTY_PAGES);
	ok &= write_at(0) & check_dirty(0, 0);
	ok &= put(0, per_block, t->row, small.pfn) & check();
	ok &= read_at(1) & write_at(2) & check_dirty(2, 2);
	ok &= write_at(1) & read_at(3) & check_dirty(1, 1);
	ok &= set_slot(0, 0, 0, per_block);
	return ok & write_at(3) & read_at(1);
}

/* Invalidation of one page while another vCPU writes */

static bool change_munmap(u32 p)
{
	take(p, 1);
	return true;
}

static bool change_map_fixed(u32 p)
{
	return put(p, 1, &device, small.pfn + 2 * per_block);
}

static bool change_anon(u32 p)
{
	put_anon(p);
	return true;
}

static bool change_protect(u32 p)
{
	protect(p, 1, PROT_READ);
	return true;
}

static typeof(writer) *writer_of(void)
{
	return addr_gva2hva(lab.vm, (u64)&writer);
}

static void *writer_main(void *arg)
{
	u64 *faults = arg, addr;

	/* Between two mappings there may be none. */
	while (vcpu_run_to_event(lab.other, &addr) != EV_OK)
		++*faults;
	return NULL;
}

/* The writer has written to all of its pages since. */
static void await_writer(void)
{
	u64 rounds = READ_ONCE(writer_of()->rounds);

	alarm(PATIENCE);
	while (READ_ONCE(writer_of()->rounds) < rounds + 2)
		sched_yield();
	alarm(0);
}

/* What is said of @gpage; nothing if it is not mapped. No excess anywhere. */
static bool look_at(u32 gpage, struct stage2_line *l)
{
	char *text = stage2_read(lab.vm);
	bool ok = no_excess(text);

	if (!stage2_find(text, gpa_of(gpage), l))
		*l = (struct stage2_line) { .type = "nothing" };
	free(text);
	return ok;
}

/* A block of what is there now, before one page of it changes. */
static bool writer_has_block(u32 p)
{
	struct stage2_line l;
	bool ok;

	guest.nr = 0;
	ok = access_page(p, false);
	ok &= look_at(p, &l);
	return ok & insist(leaves_of(&l, per_block) && !leaves_of(&l, 1),
			   "blocks", l.leaf);
}

static bool invalidate_one(const struct test *t, u32 p)
{
	struct stage2_line l;
	bool ok;

	ok = t->change(p);
	ok &= look_at(p, &l);
	ok &= insist(!strcmp(l.type, "nothing"), "nothing mapped", l.type);
	await_writer();
	ok &= look_at(p - 1, &l);
	ok &= insist(leaves_of(&l, 1), "pages", l.leaf);
	guest.nr = 0;
	ok &= access_page(p, false) & access_page(p, true);
	await_writer();
	return ok & look_at(p, &l);
}

/* All of the last round is there, and @p has never been written to. */
static bool check_written(u32 nr, u32 p)
{
	const struct run *run = host_at(0);
	bool ok = true;
	u32 i;

	ok &= insist(!writer_of()->lost, "all writes", "lost writes");
	for (i = 0; i < nr && ok; i++)
		ok &= insist(load(run, i, 0) == (i == p ? 0 : writer_of()->rounds),
			     "the last write", "another value");
	return ok;
}

static bool check_invalidation(const struct test *t, u64 pfn, u32 nr)
{
	u32 p = per_block / 2 + 7, i;
	pthread_t thread;
	u64 faults = 0;
	bool ok;

	if (!put(0, nr, t->row, pfn))
		return false;

	for (i = 0; i < nr; i++) {
		char *alias = alias_of(host_at(0), i);

		WRITE_ONCE(*(u64 *)alias, 0);
		put_alias(host_at(0), alias);
	}
	ok = set_slot(0, 0, 0, nr);
	map_host_pages(lab.vm, GPA, GPA, nr);
	*writer_of() = (typeof(writer)) {
		.gpa = GPA, .step = page, .nr = nr, .skip = p,
	};
	pthread_create(&thread, NULL, writer_main, &faults);
	await_writer();
	for (i = 0; i < ROUNDS && ok; i++) {
		ok &= writer_has_block(p);
		ok &= invalidate_one(t, p);
		ok &= put(0, nr, t->row, pfn);
	}
	writer_of()->stop = 1;
	alarm(PATIENCE);
	pthread_join(thread, NULL);
	alarm(0);
	ok &= insist(!faults, "no failure of KVM_RUN", "some");
	return ok & check_written(nr, p);
}

static bool test_invalidation(const struct test *t)
{
	return has(&small, 3 * per_block) &&
	       check_invalidation(t, small.pfn, 2 * per_block);
}

static bool test_invalidation_ram(const struct test *t)
{
	return has(&ram[0], per_block) && has(&small, 3 * per_block) &&
	       check_invalidation(t, ram[0].pfn, per_block);
}

/* Larger things */

/* A page of 1 GiB goes, then a block becomes something else. */
static bool test_big_parts(const struct test *t)
{
	u32 other = per_big / 2;
	bool ok;

	if (!has(&big, per_big) || !put(0, per_big, &nc, big.pfn))
		return false;

	ok = set_slot(0, 0, 0, per_big);
	ok &= write_at(3) & write_at(per_big - 1);
	take(per_block + 1, 1);
	ok &= check();
	ok &= write_at(per_block) & read_at(per_block + 1) & write_at(0);
	ok &= write_at(2 * per_block) & read_at(per_big - 1);
	ok &= put(other, per_block, &device, big.pfn) & check();
	return ok & write_at(other) & write_at(other - 1) & read_at(other + per_block);
}

static bool test_big_slot_ends(const struct test *t)
{
	u32 nr = per_big - 1;
	bool ok;

	if (!has(&big, per_big) || !put(0, per_big, &nc, big.pfn))
		return false;

	ok = set_slot(0, 0, 0, nr);
	ok &= write_at(0) & write_at(nr - per_block) & write_at(nr - 1);

	/* The same mapping where nothing is cut off. */
	ok &= set_slot_to(1, per_big, 0, per_big, KVM_MEM_READONLY);
	ok &= read_at(per_big + 1) & write_at(per_big);
	take(7, 1);
	return ok & check() & read_at(per_big) & read_at(2 * per_big - 1);
}

static bool test_big_vmas_meet(const struct test *t)
{
	u32 half = per_big / 2;
	bool ok;

	if (!has(&big, per_big) || !put(0, half, &nc, big.pfn) ||
	    !put(half, half, &nc, big.pfn + half))
		return false;

	ok = set_slot(0, 0, 0, per_big);
	return ok & read_at(0) & write_at(half) & write_at(half - 1);
}

static bool test_big_read_only_page(const struct test *t)
{
	u32 ro = per_big / 2 + per_block / 2;
	bool ok;

	if (!has(&big, per_big) || !put(0, per_big, &nc, big.pfn))
		return false;

	ok = set_slot(0, 0, 0, per_big);
	ok &= write_at(ro);
	protect(ro, 1, PROT_READ);
	ok &= check() & read_at(ro) & write_at(ro) & write_at(ro - 1);
	return ok & write_at(ro + per_block) & write_at(0);
}

/* Far from where a look at some of the entries would find it. */
static bool test_big_odd(const struct test *t)
{
	return has(&big, per_big) && check_odd(t->row, big.pfn, per_big);
}

/* Is there RAM from @start to @end, and something else, too? */
static bool is_partly_ram(u64 start, u64 end)
{
	FILE *iomem = fopen("/proc/iomem", "r");
	unsigned long long from, to;
	u64 sum = 0;
	char line[256];

	while (iomem && fgets(line, sizeof(line), iomem)) {
		if (!strstr(line, " : System RAM") ||
		    sscanf(line, "%llx-%llx", &from, &to) != 2)
			continue;
		from = from > start ? from : start;
		to = to < end - 1 ? to : end - 1;
		if (from <= to)
			sum += to + 1 - from;
	}
	if (iomem)
		fclose(iomem);
	return sum && sum < end - start;
}

/*
 * RAM beside memory that is none. Nobody but the test may touch what it does not
 * own, not even ahead of time: it is Device, and of it a block of the test is touched.
 */
static bool test_two_kinds(const struct test *t)
{
	u64 start = small.pfn & ~(u64)(per_big - 1);
	u32 at = small.pfn - start;
	bool ok;

	if (!has(&small, per_block))
		return false;
	if (!per_big || !is_partly_ram(start * page, (start + per_big) * page)) {
		lab.skip = "no 1 GiB that is RAM in part";
		return false;
	}

	if (!put(0, per_big, &device, start))
		return false;

	host_at(0)->of_two_kinds = true;
	ok = set_slot(0, 0, 0, per_big);
	return ok & write_at(at) & read_at(at + per_block - 1);
}

/* 1 GiB of RAM is a huge page that the test holds, of which it touches the start. */
static bool test_big_ram(const struct test *t)
{
	struct pool saved = ram[1];
	char *hva = MAP_FAILED;
	bool ok;

	if (per_big)
		hva = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			   MAP_ANONYMOUS | MAP_HUGETLB | 30U << 26, -1, 0);
	if (hva == MAP_FAILED) {
		lab.skip = "no free huge page of 1 GiB";
		return false;
	}

	memset(hva, 0, page);
	ram[1] = (struct pool) { .pfn = phys_of(hva) / page, .nr = per_big };
	ok = put(0, per_big, &wb, ram[1].pfn) && set_slot(0, 0, 0, per_big);
	ok &= read_at(0) & write_at(0);
	clear();
	ram[1] = saved;
	munmap(hva, GIB);
	return ok;
}

#define SMALL_VM_IPA_BITS	34
#define SMALL_VM_CODE		0
#define SMALL_VM_EXIT		0x300000000ULL

/* Without an MMU: load from X1, go to X3, which is to store to X2. */
static const u32 small_vm_start[] = { 0xf9400020, 0xd61f0060 };
static const u32 small_vm_end[] = { 0xf9000040, 0x14000000 };

static void put_code(u32 p, const u32 *code)
{
	memcpy(hva_of(p), code, 2 * sizeof(*code));
	__builtin___clear_cache(hva_of(p), hva_of(p) + 2 * sizeof(*code));
}

/* The library has no mode with so few bits: replace its VM by one that has them. */
static struct kvm_vcpu *create_small_vm(struct kvm_vm *vm)
{
	struct kvm_vcpu_init init;
	struct kvm_vcpu *vcpu;
	int fd;

	fd = ioctl(vm->kvm_fd, KVM_CREATE_VM,
		   KVM_VM_TYPE_ARM_IPA_SIZE(SMALL_VM_IPA_BITS));
	TEST_ASSERT(fd >= 0, "KVM_CREATE_VM: %s", strerror(errno));
	/* Another number: debugfs has it, and the library other files of the old VM. */
	close(vm->fd);
	vm->fd = fd;
	vcpu = __vm_vcpu_add(vm, 0);
	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &init);
	return vcpu;
}

/*
 * A stage 2 for so few bits has no entries of 1 GiB: its tables begin with level 2.
 * Unless it is larger than asked for, as it can be with kvm-arm.mode=protected.
 * Without FEAT_DIC the fetch is a permission fault of the leaf that the load made.
 */
static bool test_small_vm(const struct test *t)
{
	u32 code = per_big, at = per_big / 2;
	struct kvm_vcpu *vcpu;
	struct stage2_line l;
	struct kvm_vm *vm;
	bool ok, mapped;
	char *text;

	if (!options.fwb)
		lab.skip = "refused without FWB";
	if (lab.skip || !has(&big, per_big) || !put(0, per_big, &wb, big.pfn))
		return false;

	put_anon(code);
	put_code(code, small_vm_start);
	put_code(at, small_vm_end);
	vm = vm_create_barebones();
	vcpu = create_small_vm(vm);
	vm_set_user_memory_region(vm, FIRST_SLOT, 0, SMALL_VM_CODE, page, hva_of(code));
	vm_set_user_memory_region(vm, FIRST_SLOT + 1, 0, GPA, GIB, hva_of(0));
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), SMALL_VM_CODE);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.regs[1]), gpa_of(at));
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.regs[2]), SMALL_VM_EXIT);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.regs[3]), gpa_of(at));

	step("load and fetch at page 0x%x", at);
	alarm(PATIENCE);
	ok = insist(!_vcpu_run(vcpu) && vcpu->run->exit_reason == KVM_EXIT_MMIO &&
		    vcpu->run->mmio.phys_addr == SMALL_VM_EXIT, "the guest's store",
		    "something else");
	alarm(0);
	text = stage2_read(vm);
	mapped = stage2_find(text, gpa_of(at), &l);
	ok &= insist(mapped && count_leaves(&l, (u64)per_block * page) +
			       count_leaves(&l, GIB) == 1,
		     "one leaf, of 2M or of 1G", mapped ? l.leaf : "nothing mapped");
	free(text);
	kvm_vm_free(vm);
	return ok;
}

/* A BAR: where huge_fault() exists, one touch maps a block on the host side. */
static bool put_bar(u32 nr, bool touch)
{
	struct run run = {
		.nr = nr, .vma = ++host.vmas, .kind = BY_PFN,
		.truth = RELAXED, .type = KVM_MEMTYPE_TEST_NGNRNE,
		.vma_type = KVM_MEMTYPE_TEST_NGNRNE, .writable = true,
		.vfio = true,
	};
	struct vfio_region_info info;
	u32 p;
	int fd;

	lab.skip = options.vfio ? NULL : "not named on the command line";
	if (!lab.skip && access("/sys/kernel/mm/transparent_hugepage", F_OK))
		lab.skip = "a BAR may be mapped page by page";
	if (lab.skip)
		return false;

	fd = vfio_open(options.vfio);
	info = vfio_bar2(fd, options.vfio);
	if (info.size < (u64)nr * page) {
		lab.skip = "the BAR is smaller";
		return false;
	}

	map_at(0, nr, PROT_READ | PROT_WRITE, MAP_SHARED, fd, info.offset);
	host_add(&run);
	for (p = 0; touch && p < nr; p += per_block)
		READ_ONCE(*(u64 *)hva_of(p));
	return true;
}

static bool check_bar(u32 nr, bool touch)
{
	bool ok;

	if (!nr || !put_bar(nr, touch)) {
		lab.skip = lab.skip ?: "no blocks of 1 GiB";
		return false;
	}

	ok = set_slot(0, 0, 0, nr);
	/* KVM may have the driver map the rest between the first two faults. */
	ok &= access_page(1, false) && (!touch || check());
	ok &= write_at(nr - 1);
	ok &= write_at(nr / 2) & read_at(per_block);
	take(per_block + 1, 1);
	return ok & check() & write_at(per_block) & write_at(0);
}

static bool test_bar(const struct test *t)
{
	return check_bar(2 * per_block, t->hva);
}

static bool test_big_bar(const struct test *t)
{
	return check_bar(per_big, t->hva);
}

#define ROW(...)	(&(const struct row){ __VA_ARGS__ })
#define ALIGNMENT(h, g, p, what) \
	{ "alignment, hva gpa pfn " #h #g #p ": " what, test_alignment, \
	  .hva = h, .gpa = g, .pfn = p }
#define BIG(h, g, p, what) \
	{ "alignment of 1G, hva gpa pfn " #h #g #p ": " what, \
	  test_big_alignment, .hva = h, .gpa = g, .pfn = p }

static const struct test tests[] = {
	{ "row coherent", test_region, &wb },
	{ "row noncacheable", test_region, &nc },
	{ "row relaxed", test_region, ROW(NGNRNE, .flags = ANY) },
	{ "row device", test_region, &device },
	{ "row device, nGnRnE", test_region, ROW(NGNRNE) },
	{ "row memory", test_ram, &wb },
	{ "row noncacheable, RAM", test_ram, &nc },
	{ "row device, RAM", test_ram, &device },
	{ "row coherent, page by page", test_region, ROW(WB, .flags = LAZY) },
	{ "row noncacheable, page by page", test_region, &nc_lazy },
	{ "row memory, page by page", test_ram, ROW(WB, .flags = LAZY) },
	{ "row coherent, MIXEDMAP", test_region, ROW(WB, .flags = MIXED) },
	{ "row noncacheable, MIXEDMAP", test_region, &nc_mixed },
	{ "row relaxed, MIXEDMAP", test_region, ROW(NGNRE, .flags = MIXED | ANY) },
	{ "row device, MIXEDMAP", test_region, ROW(NGNRE, .flags = MIXED) },
	{ "row memory, MIXEDMAP", test_ram, ROW(WB, .flags = MIXED) },
	{ "NC entries in a WB VMA", test_region, ROW(WB, .flags = PTE(NC)) },
	{ "WB entries in an NC VMA", test_region, ROW(NC, .flags = PTE(WB)) },
	{ "Device entries in a WB VMA", test_region, ROW(WB, .flags = PTE(NGNRE)) },
	{ "WB entries in an NC VMA, RAM", test_ram, ROW(NC, .flags = PTE(WB)) },
	{ "NC entries in a WB VMA, MIXEDMAP", test_region,
	  ROW(WB, .flags = MIXED | PTE(NC)) },
	{ "1G of row coherent", test_big, &wb },
	{ "1G of row noncacheable", test_big, &nc },
	{ "1G of row relaxed", test_big, ROW(NGNRE, .flags = ANY) },
	{ "1G of row device", test_big, &device },
	{ "1G of row memory", test_big_ram },

	ALIGNMENT(0, 0, 0, "blocks"),
	ALIGNMENT(0, 0, 1, "pages"),
	ALIGNMENT(0, 1, 0, "pages"),
	ALIGNMENT(0, 1, 1, "pages"),
	ALIGNMENT(1, 0, 0, "pages"),
	ALIGNMENT(1, 0, 1, "pages"),
	ALIGNMENT(1, 1, 0, "pages"),
	ALIGNMENT(1, 1, 1, "the block inside"),
	ALIGNMENT(1, 2, 3, "pages"),
	BIG(0, 0, 1, "2M"),
	BIG(0, 1, 0, "2M"),
	BIG(0, 1, 1, "2M"),
	BIG(1, 0, 0, "2M"),
	BIG(1, 0, 1, "2M"),
	BIG(1, 1, 0, "2M"),
	BIG(1, 1, 1, "the 1G inside"),
	{ "1G of PFNs that are a page off: pages", test_shifted_pages },

	{ "a page without an entry: no block before it has one", test_hole, &nc_lazy },
	{ "the same in a MIXEDMAP", test_hole, ROW(NC, .flags = LAZY | MIXED) },
	{ "no entries but what the guest touches", test_untouched, &nc_lazy },
	{ "the first page is not mapped", test_gap, &nc },
	{ "the last page is not mapped", test_gap, &nc, .hva = 1 },
	{ "half a block of another type", test_two_mappings, &device },
	{ "an NC page among WB ones in one VMA", test_odd_ram,
	  ROW(WB, .flags = ODD(NC)) },
	{ "a Device page among NC ones in one VMA", test_odd_region,
	  ROW(NC, .flags = ODD(NGNRE)) },
	{ "a WB page among NC ones in one VMA", test_odd_ram,
	  ROW(NC, .flags = ODD(WB)) },
	{ "two pages that have changed places", test_odd_region,
	  ROW(NC, .flags = SWAP) },
	{ "two calls of remap_pfn_range(), a block each", test_split_blocks,
	  ROW(NC, .flags = SPLIT) },
	{ "two calls of remap_pfn_range() inside of a block", test_split_inside,
	  ROW(NC, .flags = SPLIT) },
	{ "a read-only page in the middle", test_read_only_page, &nc },
	{ "a read-only mapping: a block without write access",
	  test_read_only_mapping, &nc },
	{ "a private mapping, of which a page is copied later", test_private, &nc },
	{ "a private mapping, of which a page has been copied", test_private, &nc,
	  .hva = 1 },

	/* Not with MIXEDMAP: get_user_pages() makes entries writable there. */
	{ "one page becomes writable: the block does not", test_mkwrite_one,
	  ROW(NC, .flags = MKWRITE) },
	{ "the same with RAM", test_mkwrite_one_ram, ROW(WB, .flags = MKWRITE) },
	{ "all pages become writable, and so does the block", test_mkwrite_all,
	  ROW(NC, .flags = MKWRITE) },

	{ "munmap of a page while a vCPU writes beside it", test_invalidation,
	  &nc, .change = change_munmap },
	{ "MAP_FIXED of Device memory over a page meanwhile", test_invalidation,
	  &nc, .change = change_map_fixed },
	{ "MAP_FIXED of anonymous memory over a page meanwhile",
	  test_invalidation, &device, .change = change_anon },
	{ "mprotect of a page meanwhile", test_invalidation,
	  &nc_mixed, .change = change_protect },
	{ "MAP_FIXED of Device memory over RAM meanwhile",
	  test_invalidation_ram, &wb, .change = change_map_fixed },

	{ "a slot that begins and ends inside of blocks", test_slot_ends, &nc },
	{ "two slots that meet inside of a block", test_slots_meet, &nc },
	{ "three slots over one mapping", test_slots_share, &nc },
	{ "two VMAs that meet inside of a block, contiguous", test_vmas_meet,
	  &nc, .hva = 1 },
	{ "two VMAs that meet between blocks", test_vmas_meet, &nc },
	{ "a VMA that begins and ends inside of blocks", test_vma_ends, &nc },
	{ "a read-only slot: blocks without write access", test_read_only_slot,
	  &nc },
	{ "dirty logging: pages, and blocks again after it", test_logging,
	  &nc_mixed },
	{ "dirty logging of a PFNMAP that comes later", test_logging_over, &nc },

	{ "parts of 1G go or change", test_big_parts },
	{ "1G of which a slot has all but a page", test_big_slot_ends },
	{ "1G of two VMAs that are contiguous: 2M", test_big_vmas_meet },
	{ "1G with a read-only page in it", test_big_read_only_page },
	{ "1G with a Device page among NC ones in it: 2M", test_big_odd,
	  ROW(NC, .flags = ODD(NGNRE)) },
	{ "1G with two pages that have changed places: 2M", test_big_odd,
	  ROW(NC, .flags = SWAP) },
	{ "1G that is RAM in part: 2M", test_two_kinds },
	{ "1G in a VM whose stage 2 may have no 1G: one leaf", test_small_vm },
	{ "blocks of a vfio BAR that the VMM has touched", test_bar, .hva = 1 },
	{ "blocks of a vfio BAR that nobody has touched", test_bar },
	{ "1G of a vfio BAR that the VMM has touched", test_big_bar, .hva = 1 },
	{ "1G of a vfio BAR that nobody has touched", test_big_bar },
};

/* --- Setting up ----------------------------------------------------------- */

static void pool_align(struct pool *pool, u64 nr)
{
	u64 skip = -pool->pfn & (nr - 1);

	pool->nr = pool->nr > skip ? pool->nr - skip : 0;
	pool->pfn += skip;
}

/* The region of the module, or the beginning of a larger piece of memory. */
static void find_region(void)
{
	small.pfn = module_parameter("phys") / page;
	small.nr = module_parameter("size") / page;
	pool_align(&small, per_block);
	if (small.nr < 3 * per_block && big.nr > small.nr)
		small = big;
	if (!small.nr)
		small.skip = "kvm_memtype_test has no memory (phys=, size=)";
}

/* Blocks of RAM, held by a file that stays open. */
static void find_ram(void)
{
	const struct row row = {
		.source = KVM_MEMTYPE_TEST_RAM, .flags = KVM_MEMTYPE_TEST_BLOCKS,
	};
	struct mem mem = { .size = per_block * page };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ram); i++) {
		ram[i].skip = open_module(&row, &mem, &mem.fd);
		if (ram[i].skip)
			continue;
		ram[i].pfn = module_page(mem.fd, 0).phys / page;
		ram[i].nr = per_block;
	}
}

static void check_host(void)
{
	int fd = open("/dev/kvm_memtype_test", O_RDWR | O_CLOEXEC);

	stage2_or_skip();
	if (fd < 0)
		ksft_exit_skip("no module kvm_memtype_test\n");
	close(fd);
}

static void reserve_window(void)
{
	size_t align = per_big ? GIB : per_block * page;
	char *hva;

	window = (per_big ? 3 * GIB : 4 * align) / page;
	/* Far from where mmap() places things by itself. */
	hva = mmap((void *)0x1000000000UL, (size_t)window * page + align, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	TEST_ASSERT(hva != MAP_FAILED, "mmap: %s", strerror(errno));
	window_hva = (char *)(((u64)hva + align - 1) & ~(align - 1));
}

static void create_vm(void)
{
	lab.vm = vm_create(2);
	vm_init_descriptor_tables(lab.vm);
	lab.vcpu = vm_vcpu_add(lab.vm, 0, guest_judge);
	vcpu_init_descriptor_tables(lab.vcpu);
	lab.other = vm_vcpu_add(lab.vm, 1, guest_writer);
	vcpu_init_descriptor_tables(lab.other);
	compat_vm_finish(lab.vm);
	guest_install_handlers(lab.vm);
}

static void run_test(const struct test *t)
{
	bool ok;

	lab.told = false;
	lab.skip = NULL;
	ok = t->run(t);
	if (lab.skip)
		ksft_test_result_skip("%s: %s\n", t->shows, lab.skip);
	else
		ksft_test_result(ok, "%s\n", t->shows);
	clear();
}

static void usage(const char *name)
{
	fprintf(stderr, "%s [--expect-fwb=0|1] [--expect-dic=0|1]\n"
		"  [--phys=ADDR,SIZE] [--vfio=BDF]\n"
		"  --expect-fwb  what the CPU has; without it, what KVM says\n"
		"  --expect-dic  what the CPU has; without it, what CTR_EL0 says\n"
		"  --phys        physical memory that the kernel does not use, at\n"
		"                least 1 GiB, and aligned to that\n"
		"  --vfio        PCI device bound to vfio-pci whose BAR 2 is RAM\n",
		name);
	exit(KSFT_FAIL);
}

static bool cpu_has_dic(void)
{
	u64 ctr;

	asm volatile("mrs %0, ctr_el0" : "=r" (ctr));
	return ctr >> 29 & 1;
}

static void parse_phys(const char *name, const char *text)
{
	unsigned long long phys, size;

	if (!*text)
		return;
	if (sscanf(text, "%lli,%lli", (long long *)&phys, (long long *)&size) != 2)
		usage(name);
	big.pfn = phys / page;
	big.nr = size / page;
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "expect-fwb", required_argument, NULL, 'f' },
		{ "expect-dic", required_argument, NULL, 'i' },
		{ "phys", required_argument, NULL, 'p' },
		{ "vfio", required_argument, NULL, 'v' },
		{ }
	};
	int c;

	options.fwb = kvm_has_fwb();
	options.dic = cpu_has_dic();
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'f':
			options.fwb = atoi(optarg);
			break;
		case 'i':
			options.dic = *optarg ? atoi(optarg) : options.dic;
			break;
		case 'p':
			parse_phys(argv[0], optarg);
			break;
		case 'v':
			options.vfio = *optarg ? optarg : NULL;
			break;
		default:
			usage(argv[0]);
		}
	}
}

int main(int argc, char **argv)
{
	u32 i;

	page = getpagesize();
	per_block = page / sizeof(u64);
	per_big = page == 4096 ? GIB / page : 0;
	parse_options(argc, argv);
	pool_align(&big, per_big ?: per_block);
	if (!big.nr)
		big.skip = "no --phys= with 1 GiB";
	if (!per_big)
		big.skip = "no blocks of 1 GiB";
	setbuf(stdout, NULL);
	signal(SIGALRM, bail_out_on_alarm);
	ksft_print_header();
	check_host();
	find_region();
	find_ram();
	ksft_set_plan(ARRAY_SIZE(tests) + 1);

	reserve_window();
	create_vm();
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		run_test(&tests[i]);
	compat_vm_free(lab.vm);

	ksft_print_msg("%u looks at stage 2\n", lab.looks);
	ksft_test_result(lab.looks && !lab.excesses,
			 "never is anything mapped that the host does not map\n");
	ksft_finished();
}
