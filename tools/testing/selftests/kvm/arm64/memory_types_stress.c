// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a guest keep the memory types of its VMM's mappings while these change?
 *
 * Scenario: four vCPUs make all kinds of accesses to a region, while two threads of
 * the VMM map one thing over the other there (memory of every type, by PFN and not,
 * RAM, holes, read-only), move and log memslots, fork, lock, and collapse huge
 * pages. Now and then all stop. Property, at each such point: what is mapped in
 * stage 2 the host maps too, with the type that the table in
 * Documentation/virt/kvm/arm/memory-types.rst gives, and with no more permissions;
 * a guest that touches a page sees the host's data, or gets the exit or the
 * exception that the table gives; and meanwhile no access to what was mapped at
 * all times failed.
 *
 * The test knows what it has mapped where, and reads stage 2 from the VM's
 * debugfs file stage2_memory_types. That one puts adjacent leaves of one type into
 * one line, with numbers of leaves for the permissions. So each page of the
 * region is in a second memslot as well, with a gap behind it, where it has a line
 * of its own. The file does not say which page is mapped: that is left to the data.
 *
 * A failure prints the seed. The threads race, so the same seed makes the same
 * changes, but not at the same moments.
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "kselftest.h"

#include "memtype_backing.h"
#include "memtype_guest.h"
#include "selftest_compat.h"
#include "stage2_memory_types.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define PAGE		0x1000UL
#define NR_VCPUS	4
#define NR_VMMS		2
#define PATIENCE	120
/* A vCPU makes so many accesses while there are so many changes. */
#define BURST		64
#define CHANGES		32
/* What is wrong is soon mapped over: look often, and touch all now and then. */
#define POINTS		2

/* The region: a block for huge pages, behind it small slots without a gap. */
#define SLOT_PAGES	8
#define NR_SMALL	64
#define NR_BLOCK	512
#define NR_PAGES	(NR_SMALL + NR_BLOCK)
#define FIRST_SLOT	10
#define FIRST_ALIAS	100

/* Where the guest has it. */
enum view {
	HOME,	/* the small slots */
	MOVED,	/* where these can move to */
	ALIAS,	/* each small page again, every other page */
	HUGE,	/* the block */
	NR_VIEWS
};

#define REGION_GPA	0x100000000ULL
#define VIEW_SIZE	BLOCK
#define VIEW_GPA(view)	(REGION_GPA + (view) * VIEW_SIZE)
#define REGION_END	VIEW_GPA(NR_VIEWS)

/* Offsets in each page. Below the stamp the guest writes what it likes. */
#define SCRIBBLE	0x400
#define STAMP		0x800
#define CODE		0xf00

/* SplitMix64: any seed will do. */
static inline u64 next_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Return: a number below @nr. */
static inline u32 below(u64 *state, u32 nr)
{
	return next_random(state) % nr;
}

static bool find_page(u64 gpa, enum view *view, u32 *page)
{
	u64 offset = gpa - REGION_GPA;

	*view = HOME;
	*page = 0;
	if (gpa < REGION_GPA || gpa >= REGION_END)
		return false;

	*view = offset / VIEW_SIZE;
	offset %= VIEW_SIZE;
	*page = *view == HUGE ? NR_SMALL + offset / PAGE :
		*view == ALIAS ? offset / PAGE / 2 : offset / PAGE;
	return *view == HUGE || *page < NR_SMALL;
}

static u64 gpa_of(enum view view, u32 page)
{
	if (view == HUGE)
		page -= NR_SMALL;
	if (view == ALIAS)
		page *= 2;
	return VIEW_GPA(view) + page * PAGE;
}

/* --- The guest ------------------------------------------------------------ */

/* In guest memory. */
static struct {
	u64 seed;
	u32 pause;
	bool unaligned;
	/* Exclusives and atomics: not only where all is cacheable. */
	bool atomics;
	/* Events of the pages in each view, since the last pause. */
	u8 seen[NR_VIEWS][NR_PAGES][NR_EVENTS];
} shared;

static void guest_note(u64 addr, enum event event)
{
	enum view view;
	u32 page;

	GUEST_ASSERT(find_page(addr, &view, &page));
	shared.seen[view][page][event] = 1;
	judge.probes[judge.at].event = event;
}

/* Pages of every fourth slot have never been anything but cacheable. */
static bool is_cacheable_only(u32 page)
{
	return page < NR_SMALL && page / SLOT_PAGES % 4 == 0;
}

static bool guest_may(enum op op, u32 page)
{
	switch (op) {
	case OP_ATOMIC:
		return guest_has_atomics() && guest_may(OP_EXCLUSIVE, page);
	case OP_EXCLUSIVE:
		return shared.atomics || is_cacheable_only(page);
	case OP_LOAD_UNALIGNED:
	case OP_STORE_UNALIGNED:
	case OP_ZERO:
		return shared.unaligned;
	default:
		return true;
	}
}

static u64 guest_offset(enum op op, u64 random)
{
	u64 offset = random % SCRIBBLE & ~0xfULL;

	switch (op) {
	case OP_LOAD_UNALIGNED:
	case OP_STORE_UNALIGNED:
		return offset + 1 + random % 7;
	case OP_STORE_CODE:
	case OP_EXEC:
		return CODE;
	default:
		return offset;
	}
}

static void guest_stress_one(u64 *random)
{
	enum op op = below(random, NR_OPS);
	u32 page = below(random, NR_SMALL);
	enum view view = ALIAS;
	u64 offset;

	switch (below(random, 8)) {
	case 0:
		view = HUGE;
		page = NR_SMALL + below(random, NR_BLOCK);
		break;
	case 1:
		view = MOVED;
		break;
	case 2 ... 4:
		view = HOME;
		break;
	}

	if (!guest_may(op, page))
		return;

	offset = guest_offset(op, next_random(random));
	guest_access(op, gpa_of(view, page) + offset, *random);
}

static void guest_stress(u64 id)
{
	u64 random = shared.seed + id;
	u32 i;

	for (;;) {
		for (i = 0; i < BURST && !READ_ONCE(shared.pause); i++)
			guest_stress_one(&random);
		GUEST_SYNC(0);
	}
}

/* --- What can be mapped --------------------------------------------------- */

struct kind {
	const char *name;
	enum truth truth;
	int fd;
	/* Of mmap(); MAP_ANONYMOUS too. */
	int flags;
	u64 offset;
	u32 pages;
	/* Copied by the first write, but KVM waits for the VMM to write. */
	bool copied;
	/* Of the VMA: VM_PFNMAP; the type that the check of memslots sees. */
	bool pfnmap;
	bool vma_cacheable;
	/* Entries are unlike their VMA, which mprotect() would mend. */
	bool no_protect;
	/* MADV_DONTNEED works, and the page comes back at the next access. */
	bool zap;
	bool comes_back;
	/* A row of the test module that owns its pages. */
	bool counted;
};

#define NAMED(n)	.shows = n

static const struct row rows[] = {
	{ REGION(COHERENT), WB, NAMED("region WB") },
	{ REGION(COHERENT), WB, .flags = LAZY, NAMED("region WB lazy") },
	{ REGION(COHERENT), WB, .flags = ANY, NAMED("region WB any") },
	{ REGION(COHERENT), WB, .flags = MIXED, NAMED("region WB mixed") },
	{ REGION(COHERENT), WB, .flags = MIXED | LAZY,
	  NAMED("region WB mixed lazy") },
	{ REGION(NONCACHEABLE), NC, NAMED("region NC") },
	{ REGION(NONCACHEABLE), NC, .flags = LAZY, NAMED("region NC lazy") },
	{ REGION(NONCACHEABLE), NC, .flags = MIXED, NAMED("region NC mixed") },
	{ REGION(NONCACHEABLE), NC, .flags = MIXED | LAZY,
	  NAMED("region NC mixed lazy") },
	{ REGION(DEVICE), NGNRE, NAMED("region nGnRE") },
	{ REGION(DEVICE), NGNRNE, .flags = LAZY, NAMED("region nGnRnE lazy") },
	{ REGION(DEVICE), NGNRE, .flags = MIXED, NAMED("region nGnRE mixed") },
	{ REGION(RELAXED), NGNRE, .flags = ANY, NAMED("region nGnRE any") },
	{ REGION(RELAXED), NGNRNE, .flags = ANY | LAZY,
	  NAMED("region nGnRnE any lazy") },
	{ REGION(RELAXED), NGNRE, .flags = ANY | MIXED,
	  NAMED("region nGnRE any mixed") },
	{ REGION(NONCACHEABLE), WB, PTE(NC), NAMED("region WB, entries NC") },
	{ REGION(DEVICE), NC, PTE(NGNRNE), NAMED("region NC, entries nGnRnE") },
	{ REGION(COHERENT), NGNRE, PTE(WB), NAMED("region nGnRE, entries WB") },
	{ REGION(NONCACHEABLE), WB, MIXED | PTE(NC),
	  NAMED("region WB mixed, entries NC") },
	{ RAM(MEMORY), WB, NAMED("RAM WB") },
	{ RAM(MEMORY), WB, .flags = LAZY, NAMED("RAM WB lazy") },
	{ RAM(MEMORY), WB, .flags = MIXED | LAZY, NAMED("RAM WB mixed lazy") },
	{ RAM(MEMORY), WB, .flags = PAGES, NAMED("pages WB") },
	{ RAM(NONCACHEABLE), NC, NAMED("RAM NC") },
	{ RAM(NONCACHEABLE), NC, .flags = LAZY, NAMED("RAM NC lazy") },
	{ RAM(NONCACHEABLE), NC, .flags = MIXED, NAMED("RAM NC mixed") },
	{ RAM(NONCACHEABLE), NC, .flags = PAGES, NAMED("pages NC") },
	{ RAM(NONCACHEABLE), NC, .flags = PAGES | LAZY, NAMED("pages NC lazy") },
	{ RAM(DEVICE), NGNRE, NAMED("RAM nGnRE") },
	{ RAM(RELAXED), NGNRNE, .flags = ANY, NAMED("RAM nGnRnE any") },
	{ RAM(NONCACHEABLE), WB, PTE(NC), NAMED("RAM WB, entries NC") },
	{ RAM(MEMORY), NC, PTE(WB), NAMED("RAM NC, entries WB") },
};

#define MODULE_PAGES	64

/* Of these there is enough for a block, behind what the others take. */
static const struct row block_rows[] = {
	{ REGION(COHERENT), WB, NAMED("block WB") },
	{ REGION(COHERENT), WB, .flags = MIXED, NAMED("block WB mixed") },
	{ REGION(NONCACHEABLE), NC, NAMED("block NC") },
	{ REGION(NONCACHEABLE), NC, .flags = LAZY, NAMED("block NC lazy") },
	{ REGION(DEVICE), NGNRE, NAMED("block nGnRE") },
	{ REGION(RELAXED), NGNRNE, .flags = ANY, NAMED("block nGnRnE any") },
};

static struct kind kinds[ARRAY_SIZE(rows) + ARRAY_SIZE(block_rows) + 8];
static u32 nr_kinds;

static struct kind *add_kind(const char *name, enum truth truth, int fd,
			     int flags, u32 pages)
{
	struct kind *k = &kinds[nr_kinds++];

	k->name = name;
	k->truth = truth;
	k->fd = fd;
	k->flags = flags;
	k->pages = pages;
	k->vma_cacheable = true;
	k->zap = true;
	k->comes_back = true;
	return k;
}

static void add_ordinary_kinds(void)
{
	struct mem mem = { .size = MODULE_PAGES * PAGE };
	int fd = memfd_or_fail(&mem);

	/* The first one is what all is at the start. */
	add_kind("anonymous", MEMORY, -1, MAP_PRIVATE | MAP_ANONYMOUS, NR_BLOCK);
	add_kind("memfd", MEMORY, fd, MAP_SHARED, MODULE_PAGES);
	add_kind("private memfd", MEMORY, fd, MAP_PRIVATE, MODULE_PAGES);
}

/*
 * Memory without a KVA is the same for all rows, so each gets a part of its own:
 * types that do not match would let host and guest see different data.
 */
static const char *add_module_kind(const struct row *row, u64 offset, u32 nr)
{
	bool region = row->source == KVM_MEMTYPE_TEST_REGION;
	struct mem mem = { .size = nr * PAGE };
	const char *skip;
	struct kind *k;
	int fd;

	if (region)
		mem.size += offset;
	skip = open_module(row, &mem, &fd);
	if (skip)
		return skip;

	k = add_kind(row->shows, row->truth, fd, MAP_SHARED, nr);
	k->offset = mem.size - nr * PAGE;
	k->pfnmap = !(row->flags & MIXED);
	k->vma_cacheable = row->type == KVM_MEMTYPE_TEST_WB;
	k->no_protect = row->flags & KVM_MEMTYPE_TEST_PTE_TYPE;
	k->zap = !k->pfnmap;
	k->comes_back = row->flags & LAZY;
	k->counted = !region;
	return NULL;
}

/* A page that is copied by the first write to it. */
static void add_private_kind(const char *name, enum truth truth, __u32 type)
{
	const struct row row = { .source = KVM_MEMTYPE_TEST_RAM, .type = type };
	struct mem mem = { .size = PAGE };
	struct kind *k;
	int fd;

	if (open_module(&row, &mem, &fd))
		return;

	k = add_kind(name, truth, fd, MAP_PRIVATE, 1);
	k->copied = true;
	k->pfnmap = true;
	k->vma_cacheable = type == KVM_MEMTYPE_TEST_WB;
	k->zap = false;
	k->counted = true;
}

static void add_vfio_kind(void)
{
	struct vfio_region_info info;
	struct kind *k;
	int fd;

	if (!options.vfio)
		return;

	fd = vfio_open(options.vfio);
	info = vfio_bar2(fd, options.vfio);
	TEST_ASSERT(info.size >= MODULE_PAGES * PAGE, "%s: BAR 2 is too small",
		    options.vfio);
	k = add_kind("vfio-pci BAR", RELAXED, fd, MAP_SHARED,
		     info.size < BLOCK ? MODULE_PAGES : NR_BLOCK);
	k->offset = info.offset;
	k->pfnmap = true;
	k->vma_cacheable = false;
	k->zap = false;
}

/* All pages start as zero, the word that is called included. */
static void clear_kind(const struct kind *k)
{
	u64 *hva, i;

	if (k->fd < 0 || k->flags == MAP_PRIVATE)
		return;

	hva = mmap(NULL, k->pages * PAGE, PROT_READ | PROT_WRITE, k->flags,
		   k->fd, k->offset);
	TEST_ASSERT(hva != MAP_FAILED, "%s: %s", k->name, strerror(errno));
	for (i = 0; i < k->pages * PAGE / sizeof(*hva); i++)
		WRITE_ONCE(hva[i], 0);
	munmap(hva, k->pages * PAGE);
}

static void add_kinds(void)
{
	const char *skip;
	u64 offset = 0;
	u32 i;

	add_ordinary_kinds();
	for (i = 0; i < ARRAY_SIZE(rows); i++, offset += MODULE_PAGES * PAGE) {
		skip = add_module_kind(&rows[i], offset, MODULE_PAGES);
		if (skip && !strcmp(skip, "not in this kernel"))
			ksft_print_msg("%s: %s\n", rows[i].shows, skip);
		else if (skip)
			ksft_exit_skip("%s\n", skip);
	}

	offset = (offset + BLOCK - 1) & ~(BLOCK - 1);
	for (i = 0; i < ARRAY_SIZE(block_rows); i++, offset += BLOCK) {
		if (offset + BLOCK > module_parameter("size")) {
			ksft_print_msg("kvm_memtype_test: no memory for blocks (size=)\n");
			break;
		}
		skip = add_module_kind(&block_rows[i], offset, NR_BLOCK);
		if (skip)
			ksft_print_msg("%s: %s\n", block_rows[i].shows, skip);
	}
	add_private_kind("private RAM WB", MEMORY, KVM_MEMTYPE_TEST_WB);
	add_private_kind("private RAM NC", NONCACHEABLE, KVM_MEMTYPE_TEST_NC);
	add_vfio_kind();
	for (i = 0; i < nr_kinds; i++)
		clear_kind(&kinds[i]);
}

/* --- What is mapped ------------------------------------------------------- */

/* A page of the region; only the slot's VMM thread changes it. */
struct page {
	const struct kind *kind;	/* NULL: a hole */
	int prot;
	/* Unmapped by MADV_DONTNEED, and the driver does not put it back. */
	bool gone;
};

/*
 * Of every other slot each page can be read and written at any time (strict), of
 * every fourth it is cacheable as well.
 */
struct slot {
	u32 first;
	u32 nr;
	bool strict;
	bool moves;
	bool present;
	bool moved;
	u32 flags;
};

static struct page pages[NR_PAGES];
static struct slot slots[NR_SMALL / SLOT_PAGES + 1];
#define BLOCK_SLOT	(NR_SMALL / SLOT_PAGES)

static struct {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[NR_VCPUS + 1];
	char *hva;
	/* What the guest sees as shared. */
	typeof(shared) *shared;
	pthread_barrier_t arrive;
	pthread_barrier_t leave;
	u32 busy_vmms;
	bool stop;
	u64 stamp;
	/* How often stage 2 had a block of memory that is mapped by PFN. */
	u64 blocks;
} stress;

static struct {
	u64 seed;
	u64 seconds;
	u64 changes;
	u32 batch;
	bool no_unaligned;
	bool atomics;
} limits = { .seconds = 20, .batch = 250 };

static struct slot *slot_of(u32 page)
{
	return &slots[page < NR_SMALL ? page / SLOT_PAGES : BLOCK_SLOT];
}

/* The block is first, so that it is aligned. */
static char *hva_of(u32 page)
{
	return stress.hva + (page < NR_SMALL ? NR_BLOCK + page :
					       page - NR_SMALL) * PAGE;
}

/* The type that a guest gets, NULL if it gets nothing. */
static const char *type_of(const struct page *p)
{
	if (!p->kind || p->gone || p->prot == PROT_NONE)
		return NULL;

	return truth_type(p->kind->truth);
}

/* Can the VMM itself write to it? */
static bool can_touch(const struct page *p)
{
	return p->kind && !p->gone && p->prot == (PROT_READ | PROT_WRITE);
}

static u64 *stamp_of(u32 page)
{
	return (u64 *)(hva_of(page) + STAMP);
}

/* --- Results -------------------------------------------------------------- */

enum check {
	CHECK_STAGE2,
	CHECK_TOUCHED,
	CHECK_DATA,
	CHECK_EVENTS,
	CHECK_SLOTS,
	CHECK_LEAKS,
	NR_CHECKS
};

static const char * const check_names[] = {
	[CHECK_STAGE2] = "stage 2 has nothing that the host has not, and its types",
	[CHECK_TOUCHED] = "what the guest touches is what the table gives",
	[CHECK_DATA] = "guest and host see the same data",
	[CHECK_EVENTS] = "no access failed that could not",
	[CHECK_SLOTS] = "memslots are taken and refused by what is in them",
	[CHECK_LEAKS] = "no page of the module is leaked",
};

static u32 failures[NR_CHECKS];

static void complain(enum check check, u32 page, enum view view, const char *got,
		     const char *want)
{
	static const char * const views[] = { "home", "moved", "alias", "huge" };
	const struct page *p = &pages[page];
	const struct slot *slot = slot_of(page);

	if (__atomic_fetch_add(&failures[check], 1, __ATOMIC_RELAXED) >= 8)
		return;

	ksft_print_msg("page %u, %s: %s, not %s; host: %s%s%s%s; slot %d%s%s%s%s\n",
		       page, views[view], got ?: "nothing", want ?: "nothing",
		       p->kind ? p->kind->name : "hole", p->gone ? ", gone" : "",
		       p->prot & PROT_READ ? ", r" : ", none",
		       p->prot & PROT_WRITE ? "w" : "", (int)(slot - slots),
		       slot->present ? "" : ", absent",
		       slot->moved ? ", moved" : "",
		       slot->flags & KVM_MEM_LOG_DIRTY_PAGES ? ", logged" : "",
		       slot->flags & KVM_MEM_READONLY ? ", read-only" : "");
}

static bool failed(void)
{
	u32 i, sum = 0;

	for (i = 0; i < NR_CHECKS; i++)
		sum += READ_ONCE(failures[i]);
	return sum;
}

/* --- Changes -------------------------------------------------------------- */

struct vmm {
	u32 id;
	u64 random;
	u64 changes;
};

static struct vmm vmms[NR_VMMS];

static u64 count_changes(void)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < NR_VMMS; i++)
		sum += READ_ONCE(vmms[i].changes);
	return sum;
}

struct run {
	struct slot *slot;
	u32 first;
	u32 nr;
};

static void *run_hva(const struct run *run)
{
	return hva_of(run->first);
}

/*
 * Up to @max pages in a slot of this thread, but mostly one or two: each page adds
 * to what a change costs.
 */
static struct run pick_run(struct vmm *vmm, u32 max)
{
	u32 nr = ARRAY_SIZE(slots) / NR_VMMS;
	struct slot *slot = &slots[below(&vmm->random, nr) * NR_VMMS + vmm->id];
	struct run run = { slot };

	/* One has the block too. */
	if (vmm->id == BLOCK_SLOT % NR_VMMS && !below(&vmm->random, 8))
		run.slot = &slots[BLOCK_SLOT];
	run.first = run.slot->first + below(&vmm->random, run.slot->nr);
	if (below(&vmm->random, 4))
		max = min(max, 2U);
	run.nr = min(1 + below(&vmm->random, max),
		     run.slot->first + run.slot->nr - run.first);
	return run;
}

static bool kind_fits(const struct kind *k, const struct slot *slot)
{
	if (is_cacheable_only(slot->first))
		return k->truth == MEMORY && !k->copied;

	return !slot->strict || (truth_type(k->truth) && !k->copied);
}

static const struct kind *pick_kind(struct vmm *vmm, const struct slot *slot)
{
	const struct kind *k;

	/* RAM as often as all the rest: what is mapped by PFN goes back to it. */
	if (below(&vmm->random, 2))
		return &kinds[below(&vmm->random, 3)];

	do {
		k = &kinds[below(&vmm->random, nr_kinds)];
	} while (!kind_fits(k, slot));

	return k;
}

static void map_pages(const struct run *run, const struct kind *k, int prot,
		      u32 offset)
{
	size_t size = run->nr * PAGE;
	void *hva = mmap(run_hva(run), size, prot, k->flags | MAP_FIXED, k->fd,
			 k->fd < 0 ? 0 : k->offset + offset * PAGE);
	u32 i;

	TEST_ASSERT(hva == run_hva(run), "%s: %s", k->name, strerror(errno));
	for (i = run->first; i < run->first + run->nr; i++)
		pages[i] = (struct page) { k, prot };
}

static void put_stamp(u32 page)
{
	u64 stamp = __atomic_add_fetch(&stress.stamp, 1, __ATOMIC_RELAXED);

	WRITE_ONCE(*stamp_of(page), stamp);
}

static void change_map(struct vmm *vmm)
{
	struct run run = pick_run(vmm, SLOT_PAGES);
	const struct kind *k = pick_kind(vmm, run.slot);
	int prot = PROT_READ | PROT_WRITE;

	run.nr = min(run.nr, k->pages);
	if (!run.slot->strict && !below(&vmm->random, 8))
		prot = below(&vmm->random, 2) ? PROT_READ : PROT_NONE;
	map_pages(&run, k, prot, below(&vmm->random, k->pages - run.nr + 1));
	if (can_touch(&pages[run.first]) && below(&vmm->random, 2))
		put_stamp(run.first);
}

static void change_unmap(struct vmm *vmm)
{
	struct run run = pick_run(vmm, 4);
	u32 i;

	if (run.slot->strict)
		return change_map(vmm);

	TEST_ASSERT(!munmap(run_hva(&run), run.nr * PAGE), "munmap: %s",
		    strerror(errno));
	for (i = run.first; i < run.first + run.nr; i++)
		pages[i] = (struct page) { };
}

static bool can_protect(const struct page *p)
{
	return p->kind && !p->kind->no_protect;
}

static void change_protect(struct vmm *vmm)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
	};
	struct run run = pick_run(vmm, 4);
	int prot = prots[below(&vmm->random, ARRAY_SIZE(prots))];
	u32 i;

	for (i = run.first; i < run.first + run.nr; i++)
		if (run.slot->strict || !can_protect(&pages[i]))
			return change_map(vmm);

	TEST_ASSERT(!mprotect(run_hva(&run), run.nr * PAGE, prot),
		    "mprotect: %s", strerror(errno));
	for (i = run.first; i < run.first + run.nr; i++)
		pages[i].prot = prot;
}

/*
 * What does not come back may stay away only where nothing is promised. The
 * check of memslots looks at the first page of a mapping: do not make one of which
 * that one is gone and others are refused.
 */
static bool can_zap(const struct page *p, const struct slot *slot)
{
	return p->kind && p->kind->zap &&
	       (p->kind->comes_back ||
		(!slot->strict && p->kind->truth != COHERENT));
}

static void change_zap(struct vmm *vmm)
{
	struct run run = pick_run(vmm, 4);
	u32 i;

	for (i = run.first; i < run.first + run.nr; i++)
		if (!can_zap(&pages[i], run.slot))
			return change_map(vmm);

	TEST_ASSERT(!madvise(run_hva(&run), run.nr * PAGE, MADV_DONTNEED),
		    "MADV_DONTNEED: %s", strerror(errno));
	for (i = run.first; i < run.first + run.nr; i++)
		pages[i].gone |= !pages[i].kind->comes_back;
}

/* Take pages out of the file, for whoever maps them. */
static void change_remove(struct vmm *vmm)
{
	struct run run = pick_run(vmm, 1);
	const struct page *p = &pages[run.first];

	if (!can_touch(p) || p->kind->fd < 0 || p->kind != &kinds[1])
		return change_map(vmm);

	TEST_ASSERT(!madvise(run_hva(&run), PAGE, MADV_REMOVE), "MADV_REMOVE: %s",
		    strerror(errno));
}

/* Not all memory can be locked, and no harm if it cannot. */
static void change_lock(struct vmm *vmm)
{
	struct run run = pick_run(vmm, SLOT_PAGES);

	if (!mlock(run_hva(&run), run.nr * PAGE) || errno)
		munlock(run_hva(&run), run.nr * PAGE);
}

static void change_fork(struct vmm *vmm)
{
	pid_t child = fork();

	TEST_ASSERT(child >= 0, "fork: %s", strerror(errno));
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

/*
 * A huge page, if there is one to be had, or what is left of it put together; or as
 * much memory by PFN, of which stage 2 can have a block too.
 */
static void change_block(struct vmm *vmm)
{
	struct run run = { &slots[BLOCK_SLOT], NR_SMALL, NR_BLOCK };
	const struct kind *k = &kinds[below(&vmm->random, nr_kinds)];
	void *hva = run_hva(&run);

	if (vmm->id != BLOCK_SLOT % NR_VMMS)
		return change_map(vmm);

	if (k->fd >= 0 && k->pages == NR_BLOCK && kind_fits(k, run.slot)) {
		map_pages(&run, k, PROT_READ | PROT_WRITE, 0);
		put_stamp(run.first);
		return;
	}

	switch (below(&vmm->random, 3)) {
	case 0:
		map_pages(&run, &kinds[0], PROT_READ | PROT_WRITE, 0);
		madvise(hva, BLOCK, MADV_HUGEPAGE);
		put_stamp(run.first);
		break;
	case 1:
		madvise(hva, BLOCK, MADV_HUGEPAGE);
		madvise(hva, BLOCK, MADV_COLLAPSE);
		break;
	default:
		for (run.nr = 0; run.nr < NR_BLOCK; run.nr++)
			if (pages[run.first + run.nr].kind != &kinds[0])
				break;
		madvise(hva, run.nr * PAGE, MADV_DONTNEED);
	}
}

/* --- Memslots ------------------------------------------------------------- */

/* Must KVM refuse the slot as it is mapped now? */
static bool is_refused(const struct slot *slot, u32 flags)
{
	const struct page *p;
	u32 i;

	for (i = slot->first; i < slot->first + slot->nr; i++) {
		p = &pages[i];
		if (!p->kind)
			continue;

		if (p->kind->pfnmap && (flags & KVM_MEM_LOG_DIRTY_PAGES))
			return true;

		if (!options.fwb && p->kind->truth == COHERENT && !p->gone &&
		    p->kind->vma_cacheable && p->prot != PROT_NONE)
			return true;
	}

	return false;
}

static int set_slot(const struct slot *slot, u32 flags, bool moved, u64 size)
{
	enum view view = slot == &slots[BLOCK_SLOT] ? HUGE :
			 moved ? MOVED : HOME;

	return __vm_set_user_memory_region(stress.vm, FIRST_SLOT + (slot - slots),
					   flags, gpa_of(view, slot->first),
					   size, hva_of(slot->first)) ?
	       errno : 0;
}

static void check_slot(const struct slot *slot, const char *what, int got, int want)
{
	if (got != want) {
		ksft_print_msg("%s: %s\n", what, strerror(got));
		complain(CHECK_SLOTS, slot->first, slot->moved, what,
			 strerror(want));
	}
}

/* Give the slot other flags or another place; the latter also if there is none. */
static void update_slot(struct slot *slot, u32 flags, bool moved)
{
	bool same = slot->present && slot->flags == flags && slot->moved == moved;
	int want = !same && is_refused(slot, flags) ? EINVAL : 0;
	int got = set_slot(slot, flags, moved, slot->nr * PAGE);

	check_slot(slot, "set slot", got, want);
	if (got)
		return;

	slot->present = true;
	slot->flags = flags;
	slot->moved = moved;
}

static void delete_slot(struct slot *slot)
{
	check_slot(slot, "delete slot", set_slot(slot, 0, slot->moved, 0), 0);
	slot->present = false;
	slot->flags = 0;
}

static void read_dirty_log(const struct slot *slot)
{
	static u64 bitmaps[NR_VMMS][NR_BLOCK / 64];
	u32 nr = slot - slots;

	kvm_vm_get_dirty_log(stress.vm, FIRST_SLOT + nr, bitmaps[nr % NR_VMMS]);
}

static void change_slot(struct vmm *vmm)
{
	struct run run = pick_run(vmm, 1);
	struct slot *slot = run.slot;
	u32 flags = slot->flags;

	if (!slot->present)
		return update_slot(slot, below(&vmm->random, 3) ? 0 :
				   KVM_MEM_READONLY, below(&vmm->random, 2));

	switch (below(&vmm->random, 4)) {
	case 0:
		if (slot->moves)
			return delete_slot(slot);
		break;
	case 1:
		if (slot->moves)
			return update_slot(slot, flags, !slot->moved);
		break;
	case 2:
		if (flags & KVM_MEM_LOG_DIRTY_PAGES)
			return read_dirty_log(slot);
		break;
	}

	update_slot(slot, flags ^ KVM_MEM_LOG_DIRTY_PAGES, slot->moved);
}

struct change {
	void (*func)(struct vmm *vmm);
	u32 weight;
};

static const struct change changes[] = {
	{ change_map, 609 },
	{ change_unmap, 60 },
	{ change_protect, 130 },
	{ change_zap, 130 },
	{ change_remove, 10 },
	{ change_lock, 10 },
	{ change_block, 30 },
	{ change_slot, 20 },
	{ change_fork, 1 },
};

static void change_something(struct vmm *vmm)
{
	u32 i, at = below(&vmm->random, 1000);

	for (i = 0; at >= changes[i].weight; i++)
		at -= changes[i].weight;
	changes[i].func(vmm);
	vmm->changes++;
}

/* --- Threads -------------------------------------------------------------- */

/* Return: whether to go on. */
static bool park(void)
{
	pthread_barrier_wait(&stress.arrive);
	pthread_barrier_wait(&stress.leave);
	return !stress.stop;
}

static void *vmm_main(void *arg)
{
	struct vmm *vmm = arg;
	u32 i;

	do {
		for (i = 0; i < limits.batch; i++)
			change_something(vmm);
		if (!__atomic_sub_fetch(&stress.busy_vmms, 1, __ATOMIC_SEQ_CST))
			WRITE_ONCE(stress.shared->pause, 1);
	} while (park());

	return NULL;
}

static void run_burst(struct kvm_vcpu *vcpu, u64 *random)
{
	enum event event;
	enum view view;
	u32 page;
	u64 addr;

	while ((event = vcpu_run_to_event(vcpu, &addr)) != EV_OK) {
		TEST_ASSERT(find_page(addr, &view, &page), "%s at 0x%llx",
			    event_names[event], (unsigned long long)addr);
		stress.shared->seen[view][page][event] = 1;
		/* Or again: there may be something else by now. */
		if (event == EV_EFAULT && below(random, 2))
			vcpu_skip_access(vcpu, addr);
	}
}

/* Without a rest, four vCPUs leave the VMM no time to change anything. */
static void *vcpu_main(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	u64 random = limits.seed + vcpu->id, last;

	do {
		while (!READ_ONCE(stress.shared->pause)) {
			last = count_changes();
			run_burst(vcpu, &random);
			while (count_changes() - last < CHANGES &&
			       !READ_ONCE(stress.shared->pause))
				sched_yield();
		}
	} while (park());

	return NULL;
}

/* --- Checks while all stand still ----------------------------------------- */

static u32 events_allowed(enum view view, u32 page)
{
	const struct slot *slot = slot_of(page);
	u32 set = ONE_EVENT(EV_UNDEF);

	if (!slot->strict)
		set |= ONE_EVENT(EV_EFAULT);
	if (view == MOVED || (view == HOME && slot->moves))
		set |= ONE_EVENT(EV_MMIO) | ONE_EVENT(EV_NISV) |
		       ONE_EVENT(EV_EXTERNAL) | ONE_EVENT(EV_IABT);
	if (!is_cacheable_only(page))
		set |= ONE_EVENT(EV_ALIGN) | ONE_EVENT(EV_ATOMIC) |
		       ONE_EVENT(EV_IABT);
	return set;
}

static void check_events(void)
{
	typeof(shared) *s = stress.shared;
	enum event event;
	enum view view;
	u32 page;

	for (view = 0; view < NR_VIEWS; view++)
		for (page = 0; page < NR_PAGES; page++)
			for (event = EV_OK + 1; event < NR_EVENTS; event++)
				if (s->seen[view][page][event] &&
				    !(events_allowed(view, page) &
				      ONE_EVENT(event)))
					complain(CHECK_EVENTS, page, view,
						 event_names[event],
						 "possible");
	memset(s->seen, 0, sizeof(s->seen));
}

static bool is_present(enum view view, u32 page)
{
	const struct slot *slot = slot_of(page);

	if (view == ALIAS)
		return true;

	return slot->present && slot->moved == (view == MOVED);
}

static bool may_write(enum view view, u32 page)
{
	return pages[page].prot & PROT_WRITE &&
	       (view == ALIAS || !(slot_of(page)->flags & KVM_MEM_READONLY));
}

/*
 * Every page of the line, and no more writable or executable leaves than there
 * are pages in it that can be so. Where a page has its own line that is exact.
 */
static void check_line(const struct stage2_line *l)
{
	u32 writable = 0, executable = 0, page;
	const struct kind *k = pages[NR_SMALL].kind;
	unsigned long long gpa;
	const char *want;
	enum view view;

	for (gpa = l->first; gpa < l->last; gpa += PAGE) {
		if (!find_page(gpa, &view, &page) || !is_present(view, page)) {
			complain(CHECK_STAGE2, page, view, l->type,
				 "a gap between slots");
			continue;
		}

		want = type_of(&pages[page]);
		if (!want || strcmp(want, l->type))
			complain(CHECK_STAGE2, page, view, l->type, want);
		writable += may_write(view, page);
		executable += want && !strcmp(want, "Normal-WB");
	}

	stress.blocks += l->first >= VIEW_GPA(HUGE) && strstr(l->leaf, "2M:") &&
			 k && k->fd >= 0;

	if (stage2_count_perm(l, 'w') > writable)
		complain(CHECK_STAGE2, page, view, l->perm,
			 "only what may be writable");
	if (stage2_count_perm(l, 'x') > executable)
		complain(CHECK_STAGE2, page, view, l->perm,
			 "only what may be executable");
}

static void check_stage2(const char *text)
{
	struct stage2_line l;

	while (*text) {
		text = stage2_parse(text, &l);
		TEST_ASSERT(text, "stage2_memory_types: bad format");
		if (l.last >= REGION_GPA && l.first < REGION_END)
			check_line(&l);
	}
}

/* The event that the table gives. */
static enum event expected_event(const struct probe *probe, enum view view,
				 u32 page)
{
	const char *type = type_of(&pages[page]);

	if (probe->op == OP_STORE64 && is_present(view, page) &&
	    view != ALIAS && slot_of(page)->flags & KVM_MEM_READONLY)
		return EV_MMIO;

	if (!is_present(view, page))
		return probe->op == OP_EXEC ? EV_IABT : EV_MMIO;

	if (!type || (probe->op == OP_STORE64 && !may_write(view, page)))
		return EV_EFAULT;

	return probe->op == OP_EXEC && strcmp(type, "Normal-WB") ? EV_IABT :
								   EV_OK;
}

static bool check_probe(const struct probe *probe)
{
	enum event want, got = probe->event;
	enum view view;
	u32 page;

	TEST_ASSERT(find_page(probe->addr, &view, &page), "no such page");
	want = expected_event(probe, view, page);
	/* Zero may be what there is to execute. */
	if (probe->op == OP_EXEC && got == EV_UNDEF)
		got = EV_OK;
	if (got != want)
		complain(CHECK_TOUCHED, page, view, event_names[got],
			 event_names[want]);
	else if (probe->op == OP_LOAD64 && got == EV_OK &&
		 probe->value != READ_ONCE(*stamp_of(page)))
		complain(CHECK_DATA, page, view, "other data", "the same");
	return got == EV_OK;
}

static void ask(enum op op, enum view view, u32 page, u64 offset)
{
	judge_ask(stress.vm, op, gpa_of(view, page) + offset, page);
}

static void ask_of_page(enum view view, u32 page, u64 *random)
{
	const struct page *p = &pages[page];

	ask(OP_LOAD64, view, page, STAMP);
	if (!can_touch(p) || (!p->kind->copied && !below(random, 4)))
		ask(OP_STORE64, view, page, 0);
	if (!below(random, 4))
		ask(OP_EXEC, view, page, CODE);
}

/* The guest touches all small pages in both views, and some of the block. */
static void ask_all(u64 *random)
{
	u32 page;

	judge_of(stress.vm)->nr = 0;
	for (page = 0; page < NR_SMALL; page++) {
		if (can_touch(&pages[page]) && below(random, 2))
			put_stamp(page);
		ask_of_page(slot_of(page)->moved ? MOVED : HOME, page, random);
		ask_of_page(ALIAS, page, random);
	}
	for (page = 0; page < 16; page++)
		ask_of_page(HUGE, NR_SMALL + below(random, NR_BLOCK), random);
}

/*
 * Touched, it must be mapped, with its type. Something else may have taken it
 * away again meanwhile: a first write by way of the other view, which copies the
 * page, or memory compaction. Return: such a page, or NULL.
 */
static const struct probe *find_absent(const char *text)
{
	typeof(judge) *list = judge_of(stress.vm);
	struct stage2_line l;
	u32 i;

	for (i = 0; i < list->nr; i++)
		if (list->probes[i].event == EV_OK &&
		    !stage2_find(text, list->probes[i].addr, &l))
			return &list->probes[i];
	return NULL;
}

static const struct probe *check_touched(void)
{
	typeof(judge) *list = judge_of(stress.vm);
	const struct probe *absent;
	char *text;
	u32 i;

	judge_run(stress.vm, stress.vcpus[NR_VCPUS]);
	for (i = 0; i < list->nr; i++)
		check_probe(&list->probes[i]);
	text = stage2_read(stress.vm);
	check_stage2(text);
	absent = find_absent(text);
	free(text);
	return absent;
}

static void check_quickly(void)
{
	char *text = stage2_read(stress.vm);

	check_stage2(text);
	free(text);
	check_events();
}

static void check_all(u64 *random)
{
	const struct probe *absent;
	enum view view;
	int tries = 3;
	u32 page;

	/* The same list each time: all that it writes to is copied by then. */
	ask_all(random);
	do {
		absent = check_touched();
	} while (absent && --tries);

	if (absent && find_page(absent->addr, &view, &page))
		complain(CHECK_TOUCHED, page, view, "absent after a touch",
			 "mapped");
	memset(stress.shared->seen, 0, sizeof(stress.shared->seen));
}

/* --- Setting up ----------------------------------------------------------- */

static void create_slots(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		slots[i].first = i * SLOT_PAGES;
		slots[i].nr = i == BLOCK_SLOT ? NR_BLOCK : SLOT_PAGES;
		slots[i].strict = i % 4 == 0 || i % 4 == 3 || i == BLOCK_SLOT;
		slots[i].moves = i % 8 >= 3 && i % 8 <= 6;
		update_slot(&slots[i], 0, false);
	}

	for (i = 0; i < NR_SMALL; i++)
		vm_set_user_memory_region(stress.vm, FIRST_ALIAS + i, 0,
					  gpa_of(ALIAS, i), PAGE, hva_of(i));
}

/*
 * Far from where mmap() places things by itself, so that nothing else comes to lie
 * in a hole.
 */
static void create_region(void)
{
	struct run all = { .nr = NR_PAGES };
	char *hva = mmap((void *)0x1000000000UL, NR_PAGES * PAGE + BLOCK,
			 PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(hva != MAP_FAILED, "mmap: %s", strerror(errno));
	stress.hva = (char *)(((u64)hva + BLOCK - 1) & ~(BLOCK - 1));
	all.nr = NR_SMALL;
	map_pages(&all, &kinds[0], PROT_READ | PROT_WRITE, 0);
	all.first = NR_SMALL;
	all.nr = NR_BLOCK;
	map_pages(&all, &kinds[0], PROT_READ | PROT_WRITE, 0);
}

static void map_guest(struct kvm_vm *vm)
{
	virt_map(vm, VIEW_GPA(HOME), VIEW_GPA(HOME), NR_SMALL);
	virt_map(vm, VIEW_GPA(MOVED), VIEW_GPA(MOVED), NR_SMALL);
	virt_map(vm, VIEW_GPA(ALIAS), VIEW_GPA(ALIAS), 2 * NR_SMALL);
	virt_map(vm, VIEW_GPA(HUGE), VIEW_GPA(HUGE), NR_BLOCK);
}

static void create_vm(void)
{
	struct kvm_vm *vm = vm_create(NR_VCPUS + 1);
	u32 i;

	stress.vm = vm;
	vm_init_descriptor_tables(vm);
	for (i = 0; i < NR_VCPUS + 1; i++) {
		stress.vcpus[i] = vm_vcpu_add(vm, i, guest_stress);
		vcpu_init_descriptor_tables(stress.vcpus[i]);
	}
	compat_vm_finish(vm);
	vm_enable_cap(vm, KVM_CAP_ARM_NISV_TO_USER, 0);
	guest_install_handlers(vm);
	map_guest(vm);
	stress.shared = addr_gva2hva(vm, (u64)&shared);
	stress.shared->seed = limits.seed;
	stress.shared->unaligned = !limits.no_unaligned;
	stress.shared->atomics = limits.atomics;
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_args_set(stress.vcpus[i], 1, (u64)i + 1);
	vcpu_set_reg(stress.vcpus[NR_VCPUS], ARM64_CORE_REG(regs.pc),
		     (u64)guest_judge);
}

/* --- Running -------------------------------------------------------------- */

static u64 seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static bool is_over(u64 end)
{
	return failed() || (limits.seconds && seconds() >= end) ||
	       (limits.changes && count_changes() >= limits.changes);
}

/* Let all go until the next point at which they stand still. */
static void run_once(bool stop)
{
	stress.stop = stop;
	stress.busy_vmms = NR_VMMS;
	stress.shared->pause = 0;
	pthread_barrier_wait(&stress.leave);
	if (!stop)
		pthread_barrier_wait(&stress.arrive);
	alarm(PATIENCE);
}

static void run_all(void)
{
	pthread_t threads[NR_VCPUS + NR_VMMS];
	u64 random = limits.seed, start = seconds(), points;
	u32 i;

	pthread_barrier_init(&stress.arrive, NULL, ARRAY_SIZE(threads) + 1);
	pthread_barrier_init(&stress.leave, NULL, ARRAY_SIZE(threads) + 1);
	stress.busy_vmms = NR_VMMS;
	alarm(PATIENCE);
	for (i = 0; i < NR_VCPUS; i++)
		pthread_create(&threads[i], NULL, vcpu_main, stress.vcpus[i]);
	for (i = 0; i < NR_VMMS; i++) {
		vmms[i].id = i;
		vmms[i].random = limits.seed + 100 + i;
		pthread_create(&threads[NR_VCPUS + i], NULL, vmm_main, &vmms[i]);
	}

	pthread_barrier_wait(&stress.arrive);
	for (points = 0; ; points++) {
		check_quickly();
		if (points % POINTS == 0)
			check_all(&random);
		if (is_over(start + limits.seconds))
			break;
		run_once(false);
	}
	run_once(true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	ksft_print_msg("%llu changes, %llu points, %llu with a block by PFN, %llu s\n",
		       (unsigned long long)count_changes(),
		       (unsigned long long)points + 1,
		       (unsigned long long)stress.blocks,
		       (unsigned long long)(seconds() - start));
}

/* Nobody has the pages now but the module. */
static void check_leaks(void)
{
	int refcount;
	u32 i, j;

	munmap(stress.hva, NR_PAGES * PAGE);
	for (i = 0; i < nr_kinds; i++)
		for (j = 0; kinds[i].counted && j < kinds[i].pages; j++) {
			refcount = module_page(kinds[i].fd, j).refcount;
			if (refcount == 1)
				continue;

			ksft_print_msg("%s: page %u has %d references\n",
				       kinds[i].name, j, refcount);
			failures[CHECK_LEAKS]++;
		}
}

static void usage(const char *name)
{
	fprintf(stderr, "%s [--seed=N] [--seconds=N] [--changes=N] [--batch=N]\n"
		"  [--expect-fwb=0|1] [--vfio=BDF] [--no-unaligned] [--atomics]\n"
		"  --seed        start of the random numbers; without it, the time\n"
		"  --seconds     how long, 0 for no limit; without it, 20\n"
		"  --changes     stop after so many changes of the mapping\n"
		"  --batch       changes of each thread between two checks\n"
		"  --expect-fwb  what the CPU has; without it, what KVM says\n"
		"  --vfio        PCI device bound to vfio-pci whose BAR 2 is RAM\n"
		"  --atomics     atomic accesses to uncached memory too, for which\n"
		"                not every platform has an answer\n"
		"  --no-unaligned  no accesses that Device memory does not allow,\n"
		"                which end KVM_RUN of older kernels\n", name);
	exit(KSFT_FAIL);
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "seconds", required_argument, NULL, 't' },
		{ "changes", required_argument, NULL, 'c' },
		{ "batch", required_argument, NULL, 'b' },
		{ "expect-fwb", required_argument, NULL, 'f' },
		{ "vfio", required_argument, NULL, 'v' },
		{ "atomics", no_argument, NULL, 'a' },
		{ "no-unaligned", no_argument, NULL, 'u' },
		{ }
	};
	int c;

	limits.seed = time(NULL);
	options.fwb = kvm_has_fwb();
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 's':
			limits.seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			limits.seconds = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			limits.changes = strtoull(optarg, NULL, 0);
			break;
		case 'b':
			limits.batch = strtoul(optarg, NULL, 0);
			break;
		case 'f':
			options.fwb = atoi(optarg);
			break;
		case 'v':
			options.vfio = *optarg ? optarg : NULL;
			break;
		case 'a':
			limits.atomics = true;
			break;
		case 'u':
			limits.no_unaligned = true;
			break;
		default:
			usage(argv[0]);
		}
	}
}

/* Skip as a whole where nothing could be judged. */
static void check_host(void)
{
	stage2_or_skip();
	if (getpagesize() != PAGE)
		ksft_exit_skip("pages other than 4K\n");
}

int main(int argc, char **argv)
{
	u32 i;

	parse_options(argc, argv);
	setbuf(stdout, NULL);
	signal(SIGALRM, bail_out_on_alarm);
	ksft_print_header();
	check_host();
	add_kinds();
	ksft_set_plan(NR_CHECKS);
	ksft_print_msg("--seed=%llu\n", (unsigned long long)limits.seed);

	create_region();
	create_vm();
	create_slots();
	run_all();
	compat_vm_free(stress.vm);
	check_leaks();
	for (i = 0; i < NR_CHECKS; i++)
		ksft_test_result(!failures[i], "%s\n", check_names[i]);

	ksft_finished();
}
