// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast is memory for a guest, by memory type?
 *
 * Scenario: a guest goes over memory of each type in the ways in which drivers and
 * libraries do: aligned and unaligned stores, a copy to it and from it, reads.
 * One result for each way, beside the type that memory-types.rst has for the memory:
 * MB/s on hardware. An emulator that counts instructions shows these; it models
 * neither caches nor write-combining, so there the figures say what an access takes to
 * execute and nothing about the memory.
 *
 * A way that the memory type does not allow says so instead: an alignment fault in
 * the guest, or, on a kernel that does not give it to the guest, KVM_RUN failing.
 * Nothing is judged but that the guest gets to the end of the rest.
 *
 * With --vfio, a BAR of a device as well. That is only read, which for some
 * registers is too much already: name a BAR that is memory. --write for one that may
 * be written to, too.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "kselftest.h"

#include "memtype_backing.h"
#include "memtype_clock.h"
#include "memtype_guest.h"

#define SLOT		10
#define SLOT_GPA	0x100000000ULL
#define KIB		0x400UL
#define CHUNK		64
/* Repeat until there is something to measure: 0.2 s. */
#define ENOUGH		200000000ULL
#define MAX_PASSES	100000

static struct {
	unsigned long size;
	bool write;
	u32 bar;
} perf = { .size = 256 * KIB, .bar = 2 };

/* --- The guest ------------------------------------------------------------ */

/* In guest memory. */
static struct {
	u32 way;
	u32 event;
	u64 size;
	u8 buffer[CHUNK] __aligned(CHUNK);
} shared;

static void guest_note(u64 addr, enum event event)
{
	shared.event = event;
}

static bool go_on(u64 p, u64 end)
{
	return p != end && !READ_ONCE(shared.event);
}

static void guest_store(u64 addr, u64 size)
{
	u64 p;

	for (p = addr; go_on(p, addr + size); p += CHUNK) {
		register u64 x0 asm("x0") = p;

		asm volatile("str xzr, [%0]\n"
			     "str xzr, [%0, #8]\n"
			     "str xzr, [%0, #16]\n"
			     "str xzr, [%0, #24]\n"
			     "str xzr, [%0, #32]\n"
			     "str xzr, [%0, #40]\n"
			     "str xzr, [%0, #48]\n"
			     "str xzr, [%0, #56]\n"
			     : : "r" (x0) : "memory");
	}
}

/* The last one of a chunk would reach into the next one. */
static void guest_store_unaligned(u64 addr, u64 size)
{
	u64 p;

	for (p = addr; go_on(p, addr + size); p += CHUNK) {
		register u64 x0 asm("x0") = p;

		asm volatile("stur xzr, [%0, #1]\n"
			     "stur xzr, [%0, #9]\n"
			     "stur xzr, [%0, #17]\n"
			     "stur xzr, [%0, #25]\n"
			     "stur xzr, [%0, #33]\n"
			     "stur xzr, [%0, #41]\n"
			     "stur xzr, [%0, #49]\n"
			     "strb wzr, [%0, #57]\n"
			     : : "r" (x0) : "memory");
	}
}

/* As memcpy() does it, between the memory and a buffer that stays in the cache. */
static void copy_chunk(u64 to, u64 from)
{
	u64 a, b;

	asm volatile("ldp %0, %1, [%3]\n"
		     "stp %0, %1, [%2]\n"
		     "ldp %0, %1, [%3, #16]\n"
		     "stp %0, %1, [%2, #16]\n"
		     "ldp %0, %1, [%3, #32]\n"
		     "stp %0, %1, [%2, #32]\n"
		     "ldp %0, %1, [%3, #48]\n"
		     "stp %0, %1, [%2, #48]\n"
		     : "=&r" (a), "=&r" (b) : "r" (to), "r" (from) : "memory");
}

static void guest_copy_to(u64 addr, u64 size)
{
	u64 p;

	for (p = addr; go_on(p, addr + size); p += CHUNK)
		copy_chunk(p, (u64)shared.buffer);
}

static void guest_copy_from(u64 addr, u64 size)
{
	u64 p;

	for (p = addr; go_on(p, addr + size); p += CHUNK)
		copy_chunk((u64)shared.buffer, p);
}

static void guest_read(u64 addr, u64 size)
{
	u64 a, b, p;

	for (p = addr; go_on(p, addr + size); p += CHUNK)
		asm volatile("ldp %0, %1, [%2]\n"
			     "ldp %0, %1, [%2, #16]\n"
			     "ldp %0, %1, [%2, #32]\n"
			     "ldp %0, %1, [%2, #48]\n"
			     : "=&r" (a), "=&r" (b) : "r" (p) : "memory");
}

static const struct way {
	const char *name;
	void (*func)(u64 addr, u64 size);
	bool writes;
} ways[] = {
	{ "reads", guest_read },
	{ "copy from it", guest_copy_from },
	{ "stores", guest_store, true },
	{ "unaligned stores", guest_store_unaligned, true },
	{ "copy to it", guest_copy_to, true },
};

static void guest_main(void)
{
	for (;;) {
		ways[READ_ONCE(shared.way)].func(SLOT_GPA, READ_ONCE(shared.size));
		GUEST_SYNC(0);
	}
}

/* --- The memory ----------------------------------------------------------- */

static const char *map_region(const struct row *row, struct mem *mem)
{
	const char *skip;
	int fd;

	mem->size = perf.size;
	skip = open_module(row, mem, &fd);
	return skip ?: map_shared(mem, fd);
}

static const char *map_bar(const struct row *row, struct mem *mem)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR0_REGION_INDEX + perf.bar,
	};
	int device;

	if (!options.vfio)
		return "not named on the command line";

	device = vfio_open(options.vfio);
	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) || !info.size ||
	    !(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return "this BAR cannot be mapped";

	mem->fd = -1;
	mem->size = info.size < perf.size ? info.size : perf.size;
	mem->hva = mmap(NULL, mem->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			device, info.offset);
	return mem->hva == MAP_FAILED ? strerror(errno) : NULL;
}

static const char *map_ram(const struct row *row, struct mem *mem)
{
	mem->size = perf.size;
	try_map(mem, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memset(mem->hva, 0, mem->size);
	return NULL;
}

static const struct row rows[] = {
	{ .shows = "anonymous memory", .map = map_ram },
	{ REGION(COHERENT), WB, .map = map_region, .shows = "cacheable device memory" },
	{ REGION(NONCACHEABLE), NC, .map = map_region,
	  .shows = "write-combined device memory" },
	{ REGION(RELAXED), NGNRNE, .flags = ANY, .map = map_region,
	  .shows = "device memory, any uncached type allowed" },
	{ REGION(DEVICE), NGNRE, .map = map_region, .shows = "device memory" },
	{ .shows = "vfio-pci BAR", .map = map_bar, .truth = RELAXED },
};

/* --- Running it ----------------------------------------------------------- */

struct guest {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	u64 sp;
	u64 pstate;
};

/* Return: nanoseconds, or 0 and why there are none in @why. */
static u64 pass(struct guest *g, const struct way *way, u64 size, const char **why)
{
	typeof(shared) *s = addr_gva2hva(g->vm, (u64)&shared);
	struct ucall uc;
	u64 start, end;
	int ret;

	s->event = 0;
	s->way = way - ways;
	s->size = size;
	start = now();
	ret = __vcpu_run(g->vcpu);
	end = now();
	if (ret) {
		*why = "KVM_RUN failed";
		/* Not where it stopped, or it fails again. */
		vcpu_set_reg(g->vcpu, ARM64_CORE_REG(regs.pc), (u64)guest_main);
		vcpu_set_reg(g->vcpu, ARM64_CORE_REG(sp_el1), g->sp);
		vcpu_set_reg(g->vcpu, ARM64_CORE_REG(regs.pstate), g->pstate);
		return 0;
	}

	TEST_ASSERT(get_ucall(g->vcpu, &uc) == UCALL_SYNC,
		    "the guest stopped with exit reason %u",
		    g->vcpu->run->exit_reason);
	if (s->event) {
		*why = event_names[s->event];
		return 0;
	}

	return end - start;
}

static void measure(struct guest *g, const struct row *row, const struct way *way,
		    u64 size, bool instructions)
{
	u64 empty, total = 0, passes = 0, one = 0;
	const char *type = truth_type(row->truth) ?: "refused";
	const char *why = NULL;

	/* What the first touch takes is not of interest here. */
	pass(g, way, size, &why);
	empty = why ? 0 : pass(g, way, 0, &why);
	while (!why && passes < MAX_PASSES && total < ENOUGH) {
		one = pass(g, way, size, &why);
		total += one - min(one, empty);
		passes++;
		if (instructions)
			break;
	}

	if (why)
		ksft_test_result_pass("%s, %s: %s: %s\n", row->shows, type,
				      way->name, why);
	else if (instructions)
		ksft_test_result_pass("%s, %s: %s: %.2f instructions for 8 bytes\n",
				      row->shows, type, way->name,
				      8.0 * total / size);
	else
		ksft_test_result_pass("%s, %s: %s: %.0f MB/s\n", row->shows,
				      type, way->name,
				      1000.0 * passes * size / max(total, (u64)1));
}

static void run_row(const struct row *row, bool instructions)
{
	struct mem mem = { .fd = -1 };
	const char *skip = map_row(row, &mem);
	struct guest g = { };
	u32 i;

	if (!skip) {
		g.vm = compat_vm_create(&g.vcpu, guest_main);
		guest_install_handlers(g.vm);
		g.sp = compat_get_reg(g.vcpu, ARM64_CORE_REG(sp_el1));
		g.pstate = compat_get_reg(g.vcpu, ARM64_CORE_REG(regs.pstate));
		virt_map(g.vm, SLOT_GPA, SLOT_GPA, mem.size / g.vm->page_size);
		if (__vm_set_user_memory_region(g.vm, SLOT, 0, SLOT_GPA, mem.size,
						mem.hva))
			skip = "KVM refuses the slot";
	}

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (!skip && row->map == map_bar && ways[i].writes && !perf.write)
			ksft_test_result_skip("%s: %s: only with --write\n",
					      row->shows, ways[i].name);
		else if (skip)
			ksft_test_result_skip("%s: %s: %s\n", row->shows,
					      ways[i].name, skip);
		else
			measure(&g, row, &ways[i], mem.size, instructions);
	}

	if (g.vm)
		compat_vm_free(g.vm);
	if (mem.hva)
		unmap(&mem);
}

static void usage(const char *name)
{
	fprintf(stderr, "%s [--vfio=BDF [--bar=N] [--write]] [--size=KIB]\n"
		"  --vfio   a device bound to vfio-pci, --bar one of its BARs (2) that is memory\n"
		"  --write  the BAR may be written to\n"
		"  --size   how much of each memory to go over (256)\n", name);
	exit(KSFT_FAIL);
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "vfio", required_argument, NULL, 'v' },
		{ "bar", required_argument, NULL, 'b' },
		{ "write", no_argument, NULL, 'w' },
		{ "size", required_argument, NULL, 's' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'v':
			options.vfio = *optarg ? optarg : NULL;
			break;
		case 'b':
			perf.bar = strtoul(optarg, NULL, 0);
			break;
		case 'w':
			perf.write = true;
			break;
		case 's':
			perf.size = strtoul(optarg, NULL, 0) * KIB;
			break;
		default:
			usage(argv[0]);
		}
	}

	if (!perf.size || perf.size % getpagesize() || perf.bar > 5)
		usage(argv[0]);
}

int main(int argc, char **argv)
{
	bool instructions;
	u32 i;

	options.fwb = kvm_has_fwb();
	parse_options(argc, argv);
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(rows) * ARRAY_SIZE(ways));
	instructions = counts_instructions();
	if (instructions)
		ksft_print_msg("an emulator: caches and write-combining are not modelled\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		run_row(&rows[i], instructions);
	ksft_finished();
}
