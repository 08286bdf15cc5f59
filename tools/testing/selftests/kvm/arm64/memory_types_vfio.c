// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest gets from the BARs of a PCI device that is bound to vfio-pci.
 *
 * Scenario: a VMM opens a device, by group and container and by an iommufd, maps
 * each part of a BAR that can be mapped, and gives it to a guest. Then it switches
 * memory decoding off and on, and resets the device. Property: the guest has the
 * BAR as Normal Non-cacheable, without exec, and reads what the VMM reads; it has
 * nothing of it while the device does not decode, and the VM runs on.
 *
 * Made for any device, so it touches little. Without --write:
 * - vfio-pci resets the device, if it can, when it is opened and closed;
 * - decoding is switched off and on, as by a guest that sizes BARs;
 * - one word at the start of each part is read, several times. The guest's stage 1
 *   is Device-nGnRE and execute-never there: nothing else of it is read ahead;
 * - only of a prefetchable BAR, where reads have no side effects, more is read, from
 *   memory that is Normal in stage 1 too, and execution is tried, which must abort.
 * With --write: 16 bytes at either end of each part of a prefetchable BAR are written
 * and get their old content back; and the device is reset. No DMA, no interrupts.
 *
 * What a host does not have is skipped: groups, iommufd, VM debugfs. Devices whose
 * driver has other memory than BARs are for other tests: memory_types_nvgrace.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "kselftest.h"

#include "memtype_backing.h"
#include "memtype_guest.h"
#include "selftest_compat.h"
#include "stage2_memory_types.h"

#define SLOT		10
#define OTHER_SLOT	20
#define OTHER_GPA	0xc0000000ULL
#define GPA		0x100000000ULL
#define PATIENCE	60
#define PATTERN		0x6d656d6f72797479ULL
/* What is touched at either end of memory that has no side effects. */
#define NR_WORDS	4
/* In those, of eight bytes. */
#define UNALIGNED	1

#define MAX_BDFS	16
#define MAX_AREAS	16

static const char *bdfs[MAX_BDFS];
static int nr_bdfs;
static bool may_write;

/* Why the check that runs cannot run here. */
static const char *skip;
/* It has said that nobody tells what stage 2 maps. */
static bool blind;
/* The word that it read last changes by itself. */
static bool unstable;

/* --- Devices and what can be mapped of them --------------------------------- */

static const struct way {
	const char *name;
	/* Return: why it cannot be done here, or NULL. */
	const char *(*open)(const char *bdf, struct vfio *vfio);
} ways[] = {
	{ "group", vfio_try_group },
	{ "iommufd", vfio_try_cdev },
};

/* What one mmap() can have of a BAR: all of it, or what its driver leaves over. */
struct area {
	u32 bar;
	bool prefetchable;
	/* Where in the BAR it begins, for the reader. */
	char part[24];
	/* In the device's file. */
	off_t offset;
	u64 size;
};

/* A device, opened in one way. */
struct target {
	const char *bdf;
	const struct way *way;
	/* Why that cannot be done, or NULL. */
	const char *skip;
	bool can_reset;
	struct area areas[MAX_AREAS];
	int nr_areas;
};

static struct target targets[MAX_BDFS * ARRAY_SIZE(ways)];
static int nr_targets;

static off_t config_offset(int device)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};

	TEST_ASSERT(!ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info),
		    "no config space: %s", strerror(errno));
	return info.offset;
}

static u16 config_read(int device, u32 reg)
{
	u16 value;

	TEST_ASSERT(pread(device, &value, sizeof(value),
			  config_offset(device) + reg) == sizeof(value),
		    "config space: %s", strerror(errno));
	return value;
}

static void config_write(int device, u32 reg, u16 value)
{
	TEST_ASSERT(pwrite(device, &value, sizeof(value),
			   config_offset(device) + reg) == sizeof(value),
		    "config space: %s", strerror(errno));
}

static bool is_prefetchable(int device, u32 bar)
{
	return config_read(device, PCI_BASE_ADDRESS_0 + 4 * bar) &
	       PCI_BASE_ADDRESS_MEM_PREFETCH;
}

static bool can_reset(int device)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	TEST_ASSERT(!ioctl(device, VFIO_DEVICE_GET_INFO, &info) &&
		    info.flags & VFIO_DEVICE_FLAGS_PCI, "not a PCI device");
	return info.flags & VFIO_DEVICE_FLAGS_RESET;
}

static void add_area(struct target *t, const struct vfio_region_info *info,
		     bool prefetchable, u64 start, u64 size)
{
	struct area *area = &t->areas[t->nr_areas++];

	TEST_ASSERT(t->nr_areas <= MAX_AREAS, "%s: too many areas", t->bdf);
	area->bar = info->index;
	area->prefetchable = prefetchable;
	area->offset = info->offset + start;
	area->size = size;
	if (start)
		snprintf(area->part, sizeof(area->part), "+0x%llx",
			 (unsigned long long)start);
	ksft_print_msg("%s %s BAR %u%s: 0x%llx bytes%s\n", t->bdf, t->way->name,
		       area->bar, area->part, (unsigned long long)size,
		       prefetchable ? ", prefetchable" : "");
}

static void add_bar(struct target *t, int device, u32 bar)
{
	union {
		struct vfio_region_info info;
		char bytes[4096];
	} u = { .info = { .argsz = sizeof(u), .index = bar } };
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	bool prefetchable;
	u32 i;

	TEST_ASSERT(!ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &u) &&
		    u.info.argsz <= sizeof(u), "%s BAR %u: %s", t->bdf, bar,
		    strerror(errno));
	if (!(u.info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return;

	prefetchable = is_prefetchable(device, bar);
	sparse = vfio_find_sparse(&u.info);
	if (!sparse)
		add_area(t, &u.info, prefetchable, 0, u.info.size);
	for (i = 0; sparse && i < sparse->nr_areas; i++)
		add_area(t, &u.info, prefetchable, sparse->areas[i].offset,
			 sparse->areas[i].size);
}

static void add_target(const char *bdf, const struct way *way)
{
	struct target *t = &targets[nr_targets++];
	struct vfio vfio;
	const char *why;
	u32 bar;

	t->bdf = bdf;
	t->way = way;
	alarm(PATIENCE);
	why = way->open(bdf, &vfio);
	if (why) {
		t->skip = strdup(why);
		return;
	}

	t->can_reset = can_reset(vfio.device);
	for (bar = 0; bar <= VFIO_PCI_BAR5_REGION_INDEX; bar++)
		add_bar(t, vfio.device, bar);
	if (!t->nr_areas)
		t->skip = "no BAR can be mapped";
	vfio_close_device(&vfio);
}

/* --- The guest --------------------------------------------------------------- */

static void guest_note(u64 addr, enum event event)
{
	judge.probes[0].event = event;
}

/* One access at a time. Normal-NC may gather: the VMM must not look before. */
static void guest_code(void)
{
	struct probe *p = judge.probes;

	for (;;) {
		p->value = guest_access(p->op, p->addr, p->value);
		dsb(sy);
		GUEST_SYNC(0);
	}
}

#define ATTRINDX(i)	((u64)(i) << 2)
/* In the library's MAIR_EL1. */
#define NGNRE_INDEX	1
#define EXECUTE_NEVER	(3ULL << 53)

/* Nobody knows what a register does when it is read ahead. */
static void guest_map_device(struct kvm_vm *vm, u64 gva)
{
	u64 *entry = stage1_entry(vm, gva, 0);

	*entry = (*entry & ~ATTRINDX(7)) | ATTRINDX(NGNRE_INDEX) |
		 EXECUTE_NEVER;
}

/* --- The lab ----------------------------------------------------------------- */

/* A VM that has the area, and an ordinary page. */
struct lab {
	const struct target *target;
	const struct area *area;
	struct vfio vfio;
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	void *hva;
	void *other;
	/* What the guest has of the area, and the memslot: a page at least. */
	u64 size;
	u64 slot_size;
	int slot_err;
};

static u64 last_word(const struct lab *lab)
{
	return lab->size - sizeof(u32);
}

/* Half of what a guest can have is enough. */
static void lab_map_area(struct lab *lab)
{
	u64 page = getpagesize(), max = 1ULL << (lab->vm->pa_bits - 1);

	lab->size = lab->area->size < max ? lab->area->size : max;
	lab->slot_size = (lab->size + page - 1) & ~(page - 1);
	lab->hva = mmap(NULL, lab->slot_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			lab->vfio.device, lab->area->offset);
	TEST_ASSERT(lab->hva != MAP_FAILED, "mmap: %s", strerror(errno));
}

/* The guest has the pages that it touches only. */
static void lab_map_page(struct lab *lab, u64 offset)
{
	u64 gva = (GPA + offset) & ~(u64)(lab->vm->page_size - 1);

	virt_map(lab->vm, gva, gva, 1);
	if (!lab->area->prefetchable)
		guest_map_device(lab->vm, gva);
}

static void lab_add_slots(struct lab *lab)
{
	lab_map_page(lab, 0);
	if (lab->area->prefetchable && last_word(lab) >= lab->vm->page_size)
		lab_map_page(lab, last_word(lab));
	if (__vm_set_user_memory_region(lab->vm, SLOT, 0, GPA, lab->slot_size,
					lab->hva))
		lab->slot_err = errno;

	lab->other = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(lab->other != MAP_FAILED, "mmap: %s", strerror(errno));
	virt_map(lab->vm, OTHER_GPA, OTHER_GPA, 1);
	vm_set_user_memory_region(lab->vm, OTHER_SLOT, 0, OTHER_GPA,
				  getpagesize(), lab->other);
}

static void lab_create(struct lab *lab, const struct target *t,
		       const struct area *area)
{
	const char *why;

	memset(lab, 0, sizeof(*lab));
	lab->target = t;
	lab->area = area;
	why = t->way->open(t->bdf, &lab->vfio);
	TEST_ASSERT(!why, "%s: %s", t->bdf, why);
	lab->vm = compat_vm_create(&lab->vcpu, guest_code);
	guest_install_handlers(lab->vm);
	lab_map_area(lab);
	lab_add_slots(lab);
}

static void lab_destroy(struct lab *lab)
{
	compat_vm_free(lab->vm);
	munmap(lab->other, getpagesize());
	munmap(lab->hva, lab->slot_size);
	vfio_close_device(&lab->vfio);
}

static enum event touch(struct lab *lab, enum op op, u64 gpa, u64 *value)
{
	typeof(judge) *list = judge_of(lab->vm);

	list->nr = 0;
	judge_ask(lab->vm, op, gpa, *value);
	judge_run(lab->vm, lab->vcpu);
	*value = list->probes[0].value;
	return list->probes[0].event;
}

/* Stage 2 has of the area what is @type and without exec; NULL: nothing. */
static bool expect_type(struct lab *lab, const char *type)
{
	char *text = stage2_read(lab->vm);
	const char *at = text;
	struct stage2_line l;
	bool ok = true, found = false;

	blind = !text;
	while (at && *at) {
		at = stage2_parse(at, &l);
		TEST_ASSERT(at, "stage2_memory_types: bad format");
		if (l.last < GPA)
			continue;
		found = true;
		ok &= expect(type && !strcmp(l.type, type), type ?: "nothing",
			     l.type) &
		      expect(!stage2_count_perm(&l, 'x'), "no exec", l.perm);
	}
	free(text);
	return ok & expect(blind || found || !type, type, "nothing");
}

/* The guest's word is the VMM's word, if that stays the same. */
static bool expect_load(struct lab *lab, u64 offset)
{
	const u32 *hva = lab->hva + offset;
	u32 first, second, last;
	enum event got;
	u64 value = 0;

	first = READ_ONCE(*hva);
	second = READ_ONCE(*hva);
	got = touch(lab, OP_LOAD32, GPA + offset, &value);
	last = READ_ONCE(*hva);
	unstable = first != last || second != last;
	if (!expect(got == EV_OK, "a load", event_names[got]))
		return false;
	if (unstable || value == last)
		return true;

	ksft_print_msg("0x%x for the VMM, 0x%llx for the guest\n", last,
		       (unsigned long long)value);
	return false;
}

static bool expect_mapped(struct lab *lab)
{
	return expect_load(lab, 0) & expect_type(lab, truth_type(RELAXED));
}

static bool expect_gone(struct lab *lab)
{
	u64 value = 0;
	enum event got;
	bool ok;

	ok = expect_type(lab, NULL);
	got = touch(lab, OP_LOAD32, GPA, &value);
	return expect(got == EV_EFAULT, event_names[EV_EFAULT],
		      event_names[got]) & expect_type(lab, NULL) & ok;
}

static bool expect_usable(struct lab *lab)
{
	u64 value = READ_ONCE(*(u64 *)lab->other) + 1;
	enum event got = touch(lab, OP_STORE64, OTHER_GPA, &value);

	return expect(got == EV_OK && READ_ONCE(*(u64 *)lab->other) == value,
		      "a store to ordinary memory", event_names[got]);
}

/* --- What applies to every BAR ------------------------------------------------- */

static bool test_slot(struct lab *lab)
{
	return expect(!lab->slot_err, "a memslot", strerror(lab->slot_err));
}

static bool test_load(struct lab *lab)
{
	bool ok = expect_load(lab, 0);

	if (unstable)
		skip = "the first word changes by itself";
	if (lab->area->prefetchable) {
		ok &= expect_load(lab, last_word(lab));
		if (unstable)
			skip = "the last word changes by itself";
	}

	return ok;
}

static bool test_type(struct lab *lab)
{
	bool ok = expect_mapped(lab);

	if (blind)
		skip = "no stage2_memory_types in debugfs";
	return ok;
}

static bool is_virtual_function(const char *bdf)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/physfn", bdf);
	return !access(path, F_OK);
}

static void set_decoding(struct lab *lab, bool on)
{
	u16 command = config_read(lab->vfio.device, PCI_COMMAND);

	config_write(lab->vfio.device, PCI_COMMAND,
		     on ? command | PCI_COMMAND_MEMORY :
			  command & ~PCI_COMMAND_MEMORY);
}

/* The VMM itself would get a SIGBUS. */
static bool test_decoding(struct lab *lab)
{
	bool ok;

	if (is_virtual_function(lab->target->bdf)) {
		skip = "a virtual function decodes always";
		return true;
	}

	ok = expect_mapped(lab);
	set_decoding(lab, false);
	ok &= expect_gone(lab);
	ok &= expect_usable(lab);
	set_decoding(lab, true);
	return ok & expect_mapped(lab) & expect_usable(lab);
}

/* --- Where reads have no side effects ----------------------------------------- */

/* By aligned words: that is what its Device mapping allows the VMM. */
static void vmm_load(const u32 *hva, u32 words[NR_WORDS])
{
	int i;

	for (i = 0; i < NR_WORDS; i++)
		words[i] = READ_ONCE(hva[i]);
}

static u64 vmm_load_unaligned(const u32 *hva)
{
	u32 words[NR_WORDS];
	u64 value;

	vmm_load(hva, words);
	memcpy(&value, (char *)words + UNALIGNED, sizeof(value));
	return value;
}

static bool test_unaligned(struct lab *lab)
{
	u64 value = 0, first, last;
	enum event got;

	first = vmm_load_unaligned(lab->hva);
	got = touch(lab, OP_LOAD_UNALIGNED, GPA + UNALIGNED, &value);
	last = vmm_load_unaligned(lab->hva);
	if (first != last)
		skip = "the content changes by itself";
	return expect(got == EV_OK, "a load", event_names[got]) &&
	       expect(skip || value == last, "the VMM's data", "other data");
}

static bool test_exec(struct lab *lab)
{
	u64 value = 0;
	enum event got = touch(lab, OP_EXEC, GPA, &value);

	return expect(got == EV_IABT, event_names[EV_IABT], event_names[got]) &
	       expect_usable(lab);
}

/* --- What is for --write only --------------------------------------------------- */

static void vmm_store(u32 *hva, const u32 words[NR_WORDS])
{
	int i;

	for (i = 0; i < NR_WORDS; i++)
		WRITE_ONCE(hva[i], words[i]);
	dsb(sy);
}

static bool vmm_has(const u32 *hva, const u32 words[NR_WORDS])
{
	u32 now[NR_WORDS];

	vmm_load(hva, now);
	return !memcmp(now, words, sizeof(now));
}

/* The guest stores to the BAR what then is at @at of @words, too. */
static bool expect_store(struct lab *lab, u64 offset, u32 words[NR_WORDS],
			 enum op op, u32 at, u64 value)
{
	enum event got;

	memcpy((char *)words + at, &value, op == OP_STORE32 ? 4 : 8);
	got = touch(lab, op, GPA + offset + at, &value);
	return expect(got == EV_OK, "a store", event_names[got]) &&
	       expect(vmm_has(lab->hva + offset, words), "what the guest stored",
		      "other data");
}

static bool expect_shared(struct lab *lab, u64 offset)
{
	void *hva = lab->hva + offset;
	u32 old[NR_WORDS], words[NR_WORDS];
	bool ok = true;
	int i;

	vmm_load(hva, old);
	for (i = 0; i < NR_WORDS; i++)
		words[i] = ~old[i];
	vmm_store(hva, words);
	if (vmm_has(hva, words))
		ok = expect_load(lab, offset) &
		     expect_store(lab, offset, words, OP_STORE32, 4, ~PATTERN) &
		     expect_store(lab, offset, words, OP_STORE64, 8, PATTERN) &
		     expect_store(lab, offset, words, OP_STORE_UNALIGNED,
				  UNALIGNED, PATTERN);
	else
		skip = "it does not keep what the VMM stores";
	vmm_store(hva, old);
	return ok & expect(skip || vmm_has(hva, old), "the old content",
			   "other data");
}

static bool test_store(struct lab *lab)
{
	return expect_shared(lab, 0) &
	       expect_shared(lab, lab->size - NR_WORDS * sizeof(u32));
}

/* The kernel does not wait for a device that it uses itself. */
static int reset(int device)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (!ioctl(device, VFIO_DEVICE_RESET))
			return 0;
		if (errno != EAGAIN)
			break;
		usleep(10000);
	}

	return errno;
}

static bool test_reset(struct lab *lab)
{
	bool ok = expect_mapped(lab);
	int err = reset(lab->vfio.device);

	ok &= expect(!err, "a reset", strerror(err));
	ok &= expect_type(lab, NULL);
	return ok & expect_mapped(lab) & expect_usable(lab);
}

/* ------------------------------------------------------------------------------- */

enum {
	PREFETCHABLE = 1,
	WRITE = 2,
	RESET = 4,
};

static const struct check {
	const char *shows;
	bool (*run)(struct lab *lab);
	/* All of these. */
	u32 needs;
} checks[] = {
	{ "the memslot is taken", test_slot },
	{ "the guest loads what the VMM loads", test_load },
	{ "stage 2 has it Normal-NC, without exec", test_type },
	{ "nothing of it in stage 2 without decoding, then all again",
	  test_decoding },
	{ "an unaligned load", test_unaligned, PREFETCHABLE },
	{ "execution is an instruction abort", test_exec, PREFETCHABLE },
	{ "stores, aligned and not", test_store, PREFETCHABLE | WRITE },
	{ "the device is reset: nothing, then all again", test_reset,
	  WRITE | RESET },
};

static bool applies(const struct check *check, const struct target *t,
		    const struct area *area)
{
	u32 has = (area->prefetchable ? PREFETCHABLE : 0) |
		  (may_write ? WRITE : 0) | (t->can_reset ? RESET : 0);

	return !(check->needs & ~has);
}

static void run_check(const struct check *check, struct lab *lab)
{
	const struct target *t = lab->target;
	char name[160];
	bool ok;

	snprintf(name, sizeof(name), "%s %s BAR %u%s: %s", t->bdf, t->way->name,
		 lab->area->bar, lab->area->part, check->shows);
	skip = NULL;
	alarm(PATIENCE);
	ok = check->run(lab);
	if (ok && skip)
		ksft_test_result_skip("%s: %s\n", name, skip);
	else
		ksft_test_result(ok, "%s\n", name);
}

static void run_area(const struct target *t, const struct area *area)
{
	struct lab lab;
	u32 i;

	lab_create(&lab, t, area);
	for (i = 0; i < ARRAY_SIZE(checks); i++)
		if (applies(&checks[i], t, area))
			run_check(&checks[i], &lab);
	lab_destroy(&lab);
}

static void run_target(const struct target *t)
{
	int i;

	if (t->skip)
		ksft_test_result_skip("%s %s: %s\n", t->bdf, t->way->name, t->skip);
	for (i = 0; i < t->nr_areas; i++)
		run_area(t, &t->areas[i]);
}

static u32 count_checks(const struct target *t)
{
	u32 nr = !!t->skip, i;
	int a;

	for (a = 0; a < t->nr_areas; a++)
		for (i = 0; i < ARRAY_SIZE(checks); i++)
			nr += applies(&checks[i], t, &t->areas[a]);

	return nr;
}

/* Each driver of vfio makes this folder. */
static bool is_bound(const char *bdf)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	return !access(path, F_OK);
}

static void find_targets(void)
{
	u32 way;
	int i;

	for (i = 0; i < nr_bdfs; i++) {
		if (!is_bound(bdfs[i]))
			ksft_exit_fail_msg("%s is not bound to vfio-pci\n",
					   bdfs[i]);
		for (way = 0; way < ARRAY_SIZE(ways); way++)
			add_target(bdfs[i], &ways[way]);
	}
}

static void usage(const char *name)
{
	fprintf(stderr, "%s [--write] [[--bdf=]BDF...]\n"
		"  BDF      PCI devices bound to vfio-pci that nobody uses, as\n"
		"           0000:01:00.0; without, $VFIO_SELFTESTS_BDF\n"
		"  --write  write to their prefetchable BARs, and reset them\n",
		name);
	exit(KSFT_FAIL);
}

static void add_bdf(const char *bdf)
{
	unsigned int segment, bus, device, function;
	int length = 0;

	if (sscanf(bdf, "%4x:%2x:%2x.%1x%n", &segment, &bus, &device, &function,
		   &length) != 4 || bdf[length])
		ksft_exit_fail_msg("%s: not SEGMENT:BUS:DEVICE.FUNCTION\n", bdf);
	if (nr_bdfs == MAX_BDFS)
		ksft_exit_fail_msg("more than %d devices\n", MAX_BDFS);
	bdfs[nr_bdfs++] = bdf;
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "bdf", required_argument, NULL, 'b' },
		{ "write", no_argument, NULL, 'w' },
		{ }
	};
	const char *named = getenv("VFIO_SELFTESTS_BDF");
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'b':
			add_bdf(optarg);
			break;
		case 'w':
			may_write = true;
			break;
		default:
			usage(argv[0]);
		}
	}

	for (; optind < argc; optind++)
		add_bdf(argv[optind]);
	if (!nr_bdfs && named)
		add_bdf(named);
}

int main(int argc, char **argv)
{
	u32 plan = 0;
	int i;

	setbuf(stdout, NULL);
	signal(SIGALRM, bail_out_on_alarm);
	ksft_print_header();
	parse_options(argc, argv);
	if (!nr_bdfs)
		ksft_exit_skip("no device named: VFIO_SELFTESTS_BDF, or BDF\n");
	if (compat_is_pkvm())
		ksft_exit_skip("pKVM maps nothing but RAM, and that cacheable\n");

	find_targets();
	for (i = 0; i < nr_targets; i++)
		plan += count_checks(&targets[i]);
	ksft_set_plan(plan);
	for (i = 0; i < nr_targets; i++)
		run_target(&targets[i]);

	ksft_finished();
}
