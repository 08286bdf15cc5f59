// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel says about memory types: the tracepoint kvm_memtype, and the
 * types in the debugfs file stage2_page_tables.
 *
 * Scenario: a guest touches memory of each row of the table in
 * Documentation/virt/kvm/arm/memory-types.rst, and what that row does not allow.
 * Property: one event for each leaf that is mapped or refused, with the address, the
 * size, the row that was the reason and the error that came of it; nothing where
 * nothing was decided or the event is off; and a dump that names the type.
 *
 * The tracepoint needs tracefs (CONFIG_EVENT_TRACING), the dump
 * CONFIG_PTDUMP_STAGE2_DEBUGFS, most rows the module kvm_memtype_test. What is not
 * there is skipped.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "kselftest.h"

#include "memtype_backing.h"
#include "memtype_guest.h"
#include "selftest_compat.h"
#include "stage2_memory_types.h"

#define SLOT		10
#define SLOT_GPA	0x100000000ULL
#define PATIENCE	60

#define TRACEFS		"/sys/kernel/tracing"

static void guest_note(u64 addr, enum event event)
{
	judge.probes[judge.at].event = event;
}

/* --- The tracepoint -------------------------------------------------------- */

/* A buffer of this test's own: what others trace does not mix with it. */
static char instance[64];

static bool trace_write(const char *name, const char *value)
{
	char path[192];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", instance, name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return false;

	ok = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return ok;
}

static void trace_remove(void)
{
	trace_write("events/kvm/kvm_memtype/enable", "0");
	rmdir(instance);
}

/* Return: why there is nothing to see, or NULL. */
static const char *trace_create(void)
{
	if (access(TRACEFS "/instances", W_OK))
		return "no tracefs at " TRACEFS;
	if (access(TRACEFS "/events/kvm/kvm_memtype", F_OK))
		return "no tracepoint kvm_memtype in this kernel";

	snprintf(instance, sizeof(instance), TRACEFS "/instances/kvm_memtype_%d",
		 getpid());
	TEST_ASSERT(!mkdir(instance, 0700), "%s: %s", instance, strerror(errno));
	atexit(trace_remove);
	return NULL;
}

static void trace_enable(bool on)
{
	TEST_ASSERT(trace_write("events/kvm/kvm_memtype/enable", on ? "1" : "0"),
		    "%s: cannot enable the event: %s", instance, strerror(errno));
}

/* One event as the kernel prints it. */
struct traced {
	unsigned long long ipa;
	unsigned long long size;
	unsigned long long pfn;
	char by[8];
	char row[16];
	char host[16];
	char stage2[16];
	int err;
	char text[192];
};

static bool trace_parse(const char *line, struct traced *t)
{
	const char *text = strstr(line, "kvm_memtype: ");

	snprintf(t->text, sizeof(t->text), "%s", text ?: "");
	return text &&
	       sscanf(text,
		      "kvm_memtype: ipa 0x%llx, size 0x%llx, pfn 0x%llx, by %7[^,], %15[^:]: host %15[^,], stage 2 %15[^,], err %d",
		      &t->ipa, &t->size, &t->pfn, t->by, t->row, t->host,
		      t->stage2, &t->err) == 8;
}

/* Events of the slot since the last call; the first two are handed out. */
static unsigned int trace_read(struct traced t[2])
{
	char path[192], line[512];
	unsigned int nr = 0;
	struct traced one;
	FILE *file;

	snprintf(path, sizeof(path), "%s/trace", instance);
	file = fopen(path, "r");
	TEST_ASSERT(file, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '#')
			continue;
		TEST_ASSERT(trace_parse(line, &one), "not understood: %s", line);
		if (one.ipa < SLOT_GPA)
			continue;
		if (nr < 2)
			t[nr] = one;
		nr++;
	}
	fclose(file);
	trace_write("trace", "");
	return nr;
}

/* --- Running a guest ------------------------------------------------------- */

struct lab {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
};

static void lab_create(struct lab *lab, size_t size)
{
	lab->vm = compat_vm_create(&lab->vcpu, guest_judge);
	guest_install_handlers(lab->vm);
	virt_map(lab->vm, SLOT_GPA, SLOT_GPA, size / lab->vm->page_size);
}

/* Return: 0 or the errno. */
static int lab_set_slot(struct lab *lab, struct mem *mem)
{
	return __vm_set_user_memory_region(lab->vm, SLOT, 0, SLOT_GPA, mem->size,
					   mem->hva) ? errno : 0;
}

static enum event lab_access(struct lab *lab, enum op op)
{
	typeof(judge) *list = judge_of(lab->vm);

	list->nr = 0;
	judge_ask(lab->vm, op, SLOT_GPA, 0);
	alarm(PATIENCE);
	judge_run(lab->vm, lab->vcpu);
	alarm(0);
	return list->probes[0].event;
}

/* --- One row ----------------------------------------------------------------- */

static const char *map_large(const struct row *row, struct mem *mem)
{
	const char *skip;
	int fd;

	mem->size = block_size();
	skip = open_module(row, mem, &fd);
	if (skip)
		return skip;

	mem->fd = fd;
	mem->hva = mmap((void *)0x1000000000UL, mem->size, PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
	TEST_ASSERT(mem->hva != MAP_FAILED, "mmap: %s", strerror(errno));
	return NULL;
}

#define LARGE(row)	.map = map_large, .truth = row, .leaf = BLOCK_LEAF, \
			.source = KVM_MEMTYPE_TEST_REGION

static const struct row rows[] = {
	{ "anonymous memory", map_anon, MEMORY },
	{ "RAM by PFN", RAM(MEMORY), WB },
	{ "RAM by PFN, Normal-NC", RAM(NONCACHEABLE), NC },
	{ "memory without KVA", REGION(COHERENT), WB },
	{ "memory without KVA, a block", LARGE(COHERENT), WB },
	{ "memory without KVA, Normal-NC", REGION(NONCACHEABLE), NC },
	{ "memory without KVA, nGnRE", REGION(DEVICE), NGNRE },
	{ "memory without KVA, nGnRE in a WB VMA", REGION(DEVICE), WB, PTE(NGNRE) },
	{ "vfio-pci BAR", map_vfio, RELAXED },
};

static const struct {
	const char *row;
	const char *host;
	/* In stage2_page_tables. */
	const char *dump;
} names[] = {
	[MEMORY] = { "memory", "Normal-WB", "MEM/NORMAL " },
	[COHERENT] = { "coherent", "Normal-WB", "MEM/NORMAL " },
	[NONCACHEABLE] = { "noncacheable", "Normal-NC", "MEM/NORMAL-NC" },
	[RELAXED] = { "relaxed", "Device", "MEM/NORMAL-NC" },
	[DEVICE] = { "device", "Device", "DEVICE/nGnRE" },
};

static bool is_refused(const struct row *row)
{
	return row->truth == COHERENT && !options.fwb;
}

/* What the first event about a page of the slot has to say. */
static bool check_traced(const struct row *row, const struct traced *t, int err)
{
	const char *stage2 = truth_type(row->truth) ?: "none";
	u64 size = row->leaf && !err ? block_size() : getpagesize();
	bool by_leaf = row->map != map_anon;

	return t->ipa == SLOT_GPA && t->size == size && t->err == err &&
	       !strcmp(t->by, by_leaf ? "leaf" : "VMA") &&
	       !strcmp(t->row, is_refused(row) ? "refused" :
						 names[row->truth].row) &&
	       !strcmp(t->host, names[row->truth].host) &&
	       !strcmp(t->stage2, stage2);
}

static bool check_pfn(const struct row *row, const struct mem *mem,
		      const struct traced *t)
{
	if (row->source == KVM_MEMTYPE_TEST_RAM && row->map == map_module)
		return t->pfn * getpagesize() == module_page(mem->fd, 0).phys;
	if (row->map == map_anon)
		return t->pfn * getpagesize() == phys_of(mem->hva);
	return t->pfn;
}

/* There has been one event since the last call: of this row, with this error. */
static bool traced_once(const struct row *row, const struct mem *mem, int err)
{
	struct traced t[2];
	unsigned int nr = trace_read(t), i;

	if (nr == 1 && check_traced(row, t, err) && check_pfn(row, mem, t))
		return true;

	ksft_print_msg("%u events\n", nr);
	for (i = 0; i < nr && i < 2; i++)
		ksft_print_msg("%s", t[i].text);
	return false;
}

static bool traced_nothing(void)
{
	struct traced t[2];

	return !trace_read(t);
}

/* The slot can be made: the first load maps a leaf, the second finds it there. */
static void test_mapped(const struct row *row, struct lab *lab, struct mem *mem)
{
	bool ok;

	ok = lab_access(lab, OP_LOAD64) == EV_OK;
	ok &= traced_once(row, mem, 0);
	ok &= lab_access(lab, OP_LOAD64) == EV_OK;
	ok &= traced_nothing();
	ksft_test_result(ok, "%s: one event says what is mapped\n", row->shows);

	if (row->truth <= COHERENT) {
		ksft_test_result_skip("%s: a guest may execute from it\n",
				      row->shows);
		return;
	}

	ok = lab_access(lab, OP_EXEC) == EV_IABT;
	ok &= traced_once(row, mem, -ENOEXEC);
	ksft_test_result(ok, "%s: one event for a guest that executes\n",
			 row->shows);
}

/*
 * The slot cannot be made. Where there was memory in it that could be, and now is
 * this, KVM_RUN fails.
 */
static void test_refused(const struct row *row, struct lab *lab, struct mem *mem)
{
	struct mem other = { };
	void *hva;
	bool ok;

	ksft_test_result(traced_once(row, mem, -EINVAL),
			 "%s: one event says what is refused\n", row->shows);

	map_anon(NULL, &other);
	TEST_ASSERT(!lab_set_slot(lab, &other), "no slot: %s", strerror(errno));
	hva = mmap(other.hva, other.size, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, mem->fd, 0);
	TEST_ASSERT(hva == other.hva, "mmap: %s", strerror(errno));
	ok = lab_access(lab, OP_LOAD64) == EV_EFAULT;
	ok &= traced_once(row, mem, -EFAULT);
	ksft_test_result(ok, "%s: one event for a guest that touches it\n",
			 row->shows);
	munmap(other.hva, other.size);
}

static void test_trace(const struct row *row, const char *skip)
{
	struct lab lab;
	struct mem mem;
	int err;

	skip = skip ?: map_row(row, &mem);
	if (skip) {
		ksft_test_result_skip("%s: %s\n", row->shows, skip);
		ksft_test_result_skip("%s: %s\n", row->shows, skip);
		return;
	}

	lab_create(&lab, mem.size);
	trace_enable(true);
	err = lab_set_slot(&lab, &mem);
	if (!err && !is_refused(row)) {
		test_mapped(row, &lab, &mem);
	} else if (err && is_refused(row)) {
		test_refused(row, &lab, &mem);
	} else {
		ksft_print_msg("slot: %s\n", strerror(err));
		ksft_test_result_fail("%s: the slot\n", row->shows);
		ksft_test_result_fail("%s: the slot\n", row->shows);
	}
	trace_enable(false);
	compat_vm_free(lab.vm);
	unmap(&mem);
}

static void test_off(const char *skip)
{
	struct lab lab;
	struct mem mem;
	bool ok;

	if (skip) {
		ksft_test_result_skip("no event while it is off: %s\n", skip);
		return;
	}

	map_anon(NULL, &mem);
	lab_create(&lab, mem.size);
	TEST_ASSERT(!lab_set_slot(&lab, &mem), "no slot: %s", strerror(errno));
	ok = lab_access(&lab, OP_LOAD64) == EV_OK;
	ok &= traced_nothing();
	ksft_test_result(ok, "no event while it is off\n");
	compat_vm_free(lab.vm);
	unmap(&mem);
}

/* --- The dump -------------------------------------------------------------- */

static FILE *dump_open(struct kvm_vm *vm)
{
	char path[128];

	debugfs_path(vm, "stage2_page_tables", path, sizeof(path));
	return fopen(path, "r");
}

/* The line with @gpa, or an empty one. */
static void dump_find(FILE *file, unsigned long long gpa, char *line, size_t size)
{
	unsigned long long first, end;

	while (fgets(line, size, file))
		if (sscanf(line, "0x%llx-0x%llx", &first, &end) == 2 &&
		    first <= gpa && gpa < end)
			return;
	*line = '\0';
}

static void test_dump(const struct row *row)
{
	char line[256] = "";
	struct lab lab;
	struct mem mem;
	const char *skip;
	FILE *file;
	bool ok;

	skip = compat_is_pkvm() ? "stage 2 is the hypervisor's" :
				  map_row(row, &mem);
	if (skip) {
		ksft_test_result_skip("%s: %s\n", row->shows, skip);
		return;
	}

	lab_create(&lab, mem.size);
	file = dump_open(lab.vm);
	if (!file) {
		ksft_test_result_skip("%s: no dump of stage 2 in this kernel\n",
				      row->shows);
	} else if (lab_set_slot(&lab, &mem)) {
		ksft_test_result_skip("%s: refused here\n", row->shows);
	} else {
		ok = lab_access(&lab, OP_LOAD64) == EV_OK;
		dump_find(file, SLOT_GPA, line, sizeof(line));
		ok &= !!strstr(line, names[row->truth].dump);
		if (!ok)
			ksft_print_msg("%s\n", line);
		ksft_test_result(ok, "%s: the dump has its type\n", row->shows);
	}
	if (file)
		fclose(file);
	compat_vm_free(lab.vm);
	unmap(&mem);
}

static void usage(const char *name)
{
	ksft_exit_fail_msg("%s takes [--expect-fwb=0|1] [--vfio=BDF]\n", name);
}

int main(int argc, char *argv[])
{
	const char *skip;
	unsigned int i;

	setbuf(stdout, NULL);
	ksft_print_header();
	parse_fwb_and_vfio(argc, argv, usage);
	signal(SIGALRM, bail_out_on_alarm);
	ksft_set_plan(3 * ARRAY_SIZE(rows) + 1);

	skip = compat_is_pkvm() ? "stage 2 is the hypervisor's" : trace_create();
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_trace(&rows[i], skip);
	test_off(skip);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_dump(&rows[i]);

	ksft_finished();
}
