// SPDX-License-Identifier: GPL-2.0-only
/*
 * What does it cost that a guest gets at memory?
 *
 * Scenario: a guest goes over memory of one kind, page by page, when nothing of it
 * is in stage 2 yet or after a permission was taken away; the VMM unmaps memory that
 * the guest has. The VMM has touched the memory first, so that no cost of
 * the host's own page tables is counted, unless the name of the memory says "lazy".
 * A second pass over the same memory, now mapped, gives the cost of the guest's
 * own loop, which is taken off.
 *
 * One line a row, and what cannot run here says why:
 *   bench| OPERATION | MEMORY | ram or device | MIB | COST | EXITS | TABLES
 *   bench| OPERATION | MEMORY | ram or device | MIB | SKIP | REASON
 * EXITS: how often the guest left for the host, that is faults, and a timer
 * interrupt now and then. TABLES: pages that stage-2 tables took, -1 if unknown.
 * The unit of COST is in the first line, the number of rows in the last one.
 *
 * Judges nothing: costs mean something beside those of another kernel only.
 * Skipped as a whole with pages other than 4K.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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

#include "memtype_clock.h"
#include "memtype_vfio.h"
#include "selftest_compat.h"
#include "../test_modules/kvm_memtype_test.h"

#define SLOT		10
#define SLOT_GPA	0x100000000ULL
#define PAGE		0x1000ULL
#define MIB		0x100000ULL
#define BLOCK		(2 * MIB)
#define GIB		(1024 * MIB)
#define RET_INSN	0xd65f03c0U
#define HUGE_PAGES	"/proc/sys/vm/nr_hugepages"
#define REPEATS		5
#define LONG_RUN	100000000LL

/* Sizes of a slot. Of the largest one only a page every 16 MiB is touched. */
static const struct {
	u64 size;
	u64 step;
} sizes[] = {
	{ 4 * MIB, PAGE },
	{ 64 * MIB, PAGE },
	{ GIB, PAGE },
	{ 16 * GIB, 16 * MIB },
};

static struct {
	const char *vfio;
	u64 max_size;
} options = { .max_size = -1ULL };

/* --- Numbers that the kernel tells ----------------------------------------- */

/* Return: the number behind @key in the file, or -1. */
static long long read_number(const char *path, const char *key)
{
	char line[256];
	long long value = -1;
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;

	while (value < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			value = strtoll(line + strlen(key), NULL, 10);
	fclose(file);
	return value;
}

static void write_number(const char *path, long long value)
{
	FILE *file = fopen(path, "w");

	if (file) {
		fprintf(file, "%lld\n", value);
		fclose(file);
	}
}

static long long exits_of(struct kvm_vm *vm)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/exits",
		 getpid(), vm->fd);
	return read_number(path, "");
}

/* Of all VMs, but there is no other one. */
static long long table_pages(void)
{
	long long kib;

	/* Counters are per CPU; reading this file sums them up. */
	read_number("/proc/sys/vm/stat_refresh", "");
	kib = read_number("/proc/meminfo", "SecPageTables:");
	return kib < 0 ? -1 : kib / 4;
}

/* --- Memory of the VMM ------------------------------------------------------ */

/* Memory, of which the pages at multiples of @step matter. */
struct mem {
	char *hva;
	u64 size;
	u64 step;
	int fd;
};

struct backing {
	const char *name;
	/* Return: why there is no such memory here, or NULL. */
	const char *(*map)(const struct backing *backing, struct mem *mem);
	bool ram;
	__u32 type;
	__u32 flags;
};

/* Address space in which blocks of any size are possible. */
static void reserve(struct mem *mem)
{
	u64 start, end;
	char *hva;

	hva = mmap(NULL, mem->size + GIB, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	TEST_ASSERT(hva != MAP_FAILED, "mmap: %s", strerror(errno));
	start = (u64)hva;
	end = (start + GIB - 1) & ~(GIB - 1);
	if (end > start)
		munmap(hva, end - start);
	munmap((char *)end + mem->size, start + GIB - end);
	mem->hva = (char *)end;
}

static bool map_over(struct mem *mem, int flags, int fd, off_t offset)
{
	return mmap(mem->hva, mem->size, PROT_READ | PROT_WRITE,
		    MAP_FIXED | flags, fd, offset) != MAP_FAILED;
}

/* What the guest executes is at the start of each page. */
static void populate(struct mem *mem)
{
	u64 offset;

	for (offset = 0; offset < mem->size; offset += mem->step)
		WRITE_ONCE(*(u64 *)(mem->hva + offset), RET_INSN);
}

static const char *map_anon(struct mem *mem, int advice)
{
	if (!map_over(mem, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))
		return strerror(errno);

	if (madvise(mem->hva, mem->size, advice) && advice == MADV_HUGEPAGE)
		return "no transparent huge pages";

	populate(mem);
	return NULL;
}

static const char *map_anon_4k(const struct backing *backing, struct mem *mem)
{
	return map_anon(mem, MADV_NOHUGEPAGE);
}

static const char *map_thp(const struct backing *backing, struct mem *mem)
{
	const char *skip = map_anon(mem, MADV_HUGEPAGE);
	long long kib = 0;

	if (skip)
		return skip;

	kib = read_number("/proc/self/smaps_rollup", "AnonHugePages:");
	return kib * 1024 < (long long)mem->size ?
	       "not all in transparent huge pages" : NULL;
}

static const char *map_hugetlb(const struct backing *backing, struct mem *mem)
{
	write_number(HUGE_PAGES, mem->size / BLOCK);
	if (!map_over(mem, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0))
		return "no free huge pages";

	populate(mem);
	return NULL;
}

static const char *map_vfio(const struct backing *backing, struct mem *mem)
{
	struct vfio_region_info info;
	int device;

	if (!options.vfio)
		return "not named on the command line";

	device = vfio_open(options.vfio);
	info = vfio_bar2(device, options.vfio);
	if (info.size < mem->size)
		return "the BAR is smaller";

	if (!map_over(mem, MAP_SHARED, device, info.offset))
		return strerror(errno);

	if (!(backing->flags & KVM_MEMTYPE_TEST_LAZY))
		populate(mem);
	return NULL;
}

static const char *open_module(const struct backing *backing, struct mem *mem)
{
	struct kvm_memtype_test_setup setup = {
		.source = KVM_MEMTYPE_TEST_REGION,
		.type = backing->type,
		.flags = backing->flags,
		.size = mem->size,
	};

	mem->fd = open("/dev/kvm_memtype_test", O_RDWR | O_CLOEXEC);
	if (mem->fd < 0)
		return "no module kvm_memtype_test";

	if (!ioctl(mem->fd, KVM_MEMTYPE_TEST_SETUP, &setup))
		return NULL;

	return errno == ENXIO || errno == EINVAL ?
	       "kvm_memtype_test has less memory (phys=, size=)" :
	       strerror(errno);
}

static const char *map_module(const struct backing *backing, struct mem *mem)
{
	const char *skip = open_module(backing, mem);

	if (skip)
		return skip;

	if (!map_over(mem, MAP_SHARED, mem->fd, 0))
		return strerror(errno);

	if (!(backing->flags & KVM_MEMTYPE_TEST_LAZY))
		populate(mem);
	return NULL;
}

/* The last page first: no two neighbours are neighbours in physical memory. */
static const char *map_scattered(const struct backing *backing, struct mem *mem)
{
	const char *skip = open_module(backing, mem);
	struct mem page = { .size = PAGE };
	u64 offset;

	if (skip)
		return skip;

	for (offset = 0; offset < mem->size; offset += PAGE) {
		page.hva = mem->hva + offset;
		if (!map_over(&page, MAP_SHARED, mem->fd,
			      mem->size - PAGE - offset))
			return strerror(errno);
	}

	populate(mem);
	return NULL;
}

static void unmap(struct mem *mem)
{
	if (mem->hva)
		munmap(mem->hva, mem->size);
	if (mem->fd >= 0)
		close(mem->fd);
}

static const struct backing anon_4k = { "anon-4k", map_anon_4k, .ram = true };
static const struct backing thp = { "thp", map_thp, .ram = true };
static const struct backing hugetlb = { "hugetlb", map_hugetlb, .ram = true };
static const struct backing vfio_bar = { "vfio-bar", map_vfio };
static const struct backing vfio_bar_lazy = {
	"vfio-bar-lazy", map_vfio, .flags = KVM_MEMTYPE_TEST_LAZY,
};

static const struct backing nomap_wb = {
	"nomap-wb", map_module, .type = KVM_MEMTYPE_TEST_WB,
};

static const struct backing nomap_nc = {
	"nomap-nc", map_module, .type = KVM_MEMTYPE_TEST_NC,
};

static const struct backing nomap_lazy = {
	"nomap-wb-lazy", map_module, .type = KVM_MEMTYPE_TEST_WB,
	.flags = KVM_MEMTYPE_TEST_LAZY,
};

static const struct backing nomap_scattered = {
	"nomap-wb-scattered", map_scattered, .type = KVM_MEMTYPE_TEST_WB,
};

/* --- The guest --------------------------------------------------------------- */

static void guest_write(u64 addr, u64 step, u64 count)
{
	u64 i;

	for (i = 0; i < count; i++)
		WRITE_ONCE(*(u64 *)(addr + i * step + 8), i);
	GUEST_DONE();
}

static void guest_read(u64 addr, u64 step, u64 count)
{
	u64 i;

	for (i = 0; i < count; i++)
		READ_ONCE(*(u64 *)(addr + i * step + 8));
	GUEST_DONE();
}

static void guest_exec(u64 addr, u64 step, u64 count)
{
	u64 i;

	for (i = 0; i < count; i++)
		asm volatile("blr %0"
			     : : "r" (addr + i * step) : "x30", "memory");
	GUEST_DONE();
}

/* --- Running it ---------------------------------------------------------------- */

struct cost {
	long long time;
	/* What the guest's loop takes of it. */
	long long loop;
	long long exits;
	long long tables;
};

struct bench {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	u64 sp;
	u64 pstate;
	struct mem mem;
	/* KVM_RUN failed, with this errno. */
	int error;
};

static void run_guest(struct bench *b, void *func, u64 count)
{
	vcpu_set_reg(b->vcpu, ARM64_CORE_REG(regs.pc), (u64)func);
	vcpu_set_reg(b->vcpu, ARM64_CORE_REG(sp_el1), b->sp);
	vcpu_set_reg(b->vcpu, ARM64_CORE_REG(regs.pstate), b->pstate);
	vcpu_args_set(b->vcpu, 3, SLOT_GPA, b->mem.step, count);
}

/* Let the guest go over the memory once. */
static struct cost pass_count(struct bench *b, void *func, u64 count)
{
	struct cost cost = { };
	struct ucall uc;
	int ret;

	run_guest(b, func, count);
	cost.tables = -table_pages();
	cost.exits = -exits_of(b->vm);
	cost.time = -now();
	ret = __vcpu_run(b->vcpu);
	cost.time += now();
	if (ret) {
		b->error = errno;
		return cost;
	}

	cost.exits += exits_of(b->vm);
	cost.tables += table_pages();
	TEST_ASSERT(get_ucall(b->vcpu, &uc) == UCALL_DONE,
		    "the guest stopped with ucall %lu, exit reason %u",
		    (unsigned long)uc.cmd, b->vcpu->run->exit_reason);
	return cost;
}

static struct cost pass(struct bench *b, void *func)
{
	return pass_count(b, func, b->mem.size / b->mem.step);
}

/* The guest's own code and stack are not what is measured. */
static void warm_up(struct bench *b)
{
	pass_count(b, guest_write, 0);
	pass_count(b, guest_read, 0);
	pass_count(b, guest_exec, 0);
}

static struct cost net_pass(struct bench *b, void *func)
{
	struct cost cost = pass(b, func), loop = pass(b, func);

	cost.loop = loop.time;
	cost.exits -= loop.exits;
	return cost;
}

/* --- What is measured ------------------------------------------------------------ */

/* Each returns why it cannot run here, or NULL and the cost. */

static const char *first_touch(struct bench *b, struct cost *cost)
{
	*cost = net_pass(b, guest_write);
	return NULL;
}

/*
 * After fork(), as for copy on write, all is read-only in the host's tables and
 * a page stays so when the child is gone, until it is written to. The write by the
 * guest is a permission fault on a leaf that the read has made.
 */
static const char *write_after_read(struct bench *b, struct cost *cost)
{
	pid_t child = fork();

	TEST_ASSERT(child >= 0, "fork: %s", strerror(errno));
	if (!child)
		_exit(0);

	waitpid(child, NULL, 0);
	warm_up(b);
	pass(b, guest_read);
	*cost = net_pass(b, guest_write);
	return NULL;
}

static bool cpu_has_dic(void)
{
	u64 ctr;

	asm("mrs %0, ctr_el0" : "=r" (ctr));
	return ctr & (1ULL << 29);
}

static const char *exec_after_write(struct bench *b, struct cost *cost)
{
	if (cpu_has_dic())
		return "the CPU has DIC: memory is executable at once";

	pass(b, guest_write);
	*cost = net_pass(b, guest_exec);
	return NULL;
}

static const char *write_after_logging(struct bench *b, struct cost *cost)
{
	pass(b, guest_write);
	vm_set_user_memory_region(b->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES,
				  SLOT_GPA, b->mem.size, b->mem.hva);
	*cost = net_pass(b, guest_write);
	return NULL;
}

static const char *unmap_mapped(struct bench *b, struct cost *cost)
{
	pass(b, guest_write);
	memset(cost, 0, sizeof(*cost));
	cost->tables = -table_pages();
	cost->time = -now();
	munmap(b->mem.hva, b->mem.size);
	cost->time += now();
	cost->tables += table_pages();
	b->mem.hva = NULL;
	return NULL;
}

struct row {
	const char *operation;
	const char *(*measure)(struct bench *b, struct cost *cost);
	const struct backing *backing;
	u64 max_size;
};

static const struct row rows[] = {
	{ "first-touch", first_touch, &anon_4k, 16 * GIB },
	{ "first-touch", first_touch, &thp, GIB },
	{ "first-touch", first_touch, &hugetlb, GIB },
	{ "first-touch", first_touch, &vfio_bar, 16 * GIB },
	{ "first-touch", first_touch, &vfio_bar_lazy, GIB },
	{ "first-touch", first_touch, &nomap_wb, 16 * GIB },
	{ "first-touch", first_touch, &nomap_nc, 16 * GIB },
	{ "first-touch", first_touch, &nomap_lazy, GIB },
	/* A VMA a page, of which there must not be more than vm.max_map_count. */
	{ "first-touch", first_touch, &nomap_scattered, 64 * MIB },
	{ "write-after-read", write_after_read, &anon_4k, 64 * MIB },
	{ "write-after-read", write_after_read, &thp, 64 * MIB },
	{ "exec-after-write", exec_after_write, &anon_4k, 64 * MIB },
	{ "exec-after-write", exec_after_write, &thp, 64 * MIB },
	{ "exec-after-write", exec_after_write, &hugetlb, 64 * MIB },
	{ "dirty-logging", write_after_logging, &anon_4k, 64 * MIB },
	{ "dirty-logging", write_after_logging, &thp, 64 * MIB },
	{ "dirty-logging", write_after_logging, &hugetlb, 64 * MIB },
	{ "munmap", unmap_mapped, &anon_4k, GIB },
	{ "munmap", unmap_mapped, &thp, GIB },
	{ "munmap", unmap_mapped, &hugetlb, GIB },
	{ "munmap", unmap_mapped, &vfio_bar, GIB },
	{ "munmap", unmap_mapped, &nomap_wb, GIB },
	{ "munmap", unmap_mapped, &nomap_nc, GIB },
};

/*
 * Map the slot with one block a GiB in the guest's own tables: virt_map() of all
 * pages takes longer than what is measured.
 */
static void map_guest(struct kvm_vm *vm, u64 size)
{
	u64 mask = (1ULL << 48) - PAGE, offset, leaf, *gib, *table;

	virt_map(vm, SLOT_GPA, SLOT_GPA, 1);
	table = addr_gpa2hva(vm, compat_pgd(vm));
	gib = addr_gpa2hva(vm, table[SLOT_GPA / (512 * GIB)] & mask);
	gib += SLOT_GPA / GIB;
	table = addr_gpa2hva(vm, *gib & mask);
	table = addr_gpa2hva(vm, *table & mask);
	/* All of a page's descriptor but its address and that it is a page. */
	leaf = *table & ~mask & ~2ULL;
	for (offset = 0; offset < size; offset += GIB)
		*gib++ = (SLOT_GPA + offset) | leaf;
}

static u64 get_reg(struct kvm_vcpu *vcpu, u64 id)
{
	u64 value;

	TEST_ASSERT(!__vcpu_get_reg(vcpu, id, &value), "KVM_GET_ONE_REG: %s",
		    strerror(errno));
	return value;
}

static const char *bench_create(struct bench *b)
{
	b->vm = compat_vm_create(&b->vcpu, guest_write);
	b->sp = get_reg(b->vcpu, ARM64_CORE_REG(sp_el1));
	b->pstate = get_reg(b->vcpu, ARM64_CORE_REG(regs.pstate));
	map_guest(b->vm, b->mem.size);
	if (__vm_set_user_memory_region(b->vm, SLOT, 0, SLOT_GPA, b->mem.size,
					b->mem.hva))
		return errno == EINVAL ? "KVM refuses the slot" :
					 strerror(errno);

	warm_up(b);
	/* Deferred work of the row before, such as freeing its VM. */
	usleep(50000);
	return NULL;
}

static const char *measure(const struct row *row, struct bench *b,
			   struct cost *cost)
{
	const char *skip = bench_create(b);

	if (!skip)
		skip = row->measure(b, cost);
	if (b->error)
		skip = strerror(b->error);
	compat_vm_free(b->vm);
	return skip;
}

static const char *run_once(const struct row *row, u64 size, u64 step,
			    struct cost *cost)
{
	struct bench b = { .mem = { .size = size, .step = step, .fd = -1 } };
	const char *skip;

	reserve(&b.mem);
	skip = row->backing->map(row->backing, &b.mem);
	if (!skip)
		skip = measure(row, &b, cost);
	unmap(&b.mem);
	return skip;
}

static void keep_least(struct cost *least, const struct cost *cost)
{
	least->time = min(least->time, cost->time);
	least->loop = min(least->loop, cost->loop);
	least->exits = min(least->exits, cost->exits);
}

/*
 * A timer interrupt adds a per cent or more to a short run, so the least of some
 * runs counts. To a long one it adds the same share each time.
 */
static const char *run_some(const struct row *row, u64 size, u64 step,
			    struct cost *least)
{
	const char *skip = run_once(row, size, step, least);
	struct cost cost = *least;
	int i;

	for (i = 1; !skip && i < REPEATS && cost.time < LONG_RUN; i++) {
		skip = run_once(row, size, step, &cost);
		if (!skip)
			keep_least(least, &cost);
	}

	return skip;
}

static void run_row(const struct row *row, u64 size, u64 step)
{
	struct cost cost = { };
	const char *skip = run_some(row, size, step, &cost);

	printf("bench| %s | %s | %s | %llu | ", row->operation,
	       row->backing->name, row->backing->ram ? "ram" : "device",
	       (unsigned long long)(size / MIB));
	if (skip)
		printf("SKIP | %s\n", skip);
	else
		printf("%lld | %lld | %lld\n", cost.time - cost.loop,
		       cost.exits, cost.tables);
}

static int run_rows(u64 size, u64 step)
{
	int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (size > rows[i].max_size || size > options.max_size)
			continue;

		run_row(&rows[i], size, step);
		n++;
	}

	return n;
}

/* --------------------------------------------------------------------------------- */

static void check_pages(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = compat_vm_create(&vcpu, guest_write);

	if (getpagesize() != PAGE || vm->page_size != PAGE ||
	    compat_pgtable_levels(vm) != 4)
		ksft_exit_skip("pages other than 4K\n");
	compat_vm_free(vm);
}

static void usage(const char *name)
{
	fprintf(stderr, "%s [--vfio=BDF] [--max-size=MIB]\n"
		"  --vfio      PCI device bound to vfio-pci whose BAR 2 is RAM\n"
		"  --max-size  leave out rows of larger slots\n", name);
	exit(KSFT_FAIL);
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "vfio", required_argument, NULL, 'v' },
		{ "max-size", required_argument, NULL, 'm' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'v':
			options.vfio = *optarg ? optarg : NULL;
			break;
		case 'm':
			options.max_size = strtoull(optarg, NULL, 0) * MIB;
			break;
		default:
			usage(argv[0]);
		}
	}
}

int main(int argc, char **argv)
{
	long long huge_pages = read_number(HUGE_PAGES, "");
	int i, n = 0;

	parse_options(argc, argv);
	setbuf(stdout, NULL);
	check_pages();
	printf("bench: unit %s\n",
	       counts_instructions() ? "instructions" : "nanoseconds");
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		n += run_rows(sizes[i].size, sizes[i].step);
	printf("bench: %d rows\n", n);
	write_number(HUGE_PAGES, huge_pages);
	return 0;
}
