// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VMM can do to confuse the choice of a memory type.
 *
 * Scenario: memslots over mappings of several kinds, over nothing, at the ends of the
 * address spaces; mappings that change, move, shrink or go away under a memslot;
 * mappings that are not contiguous or not what their VMA says. Property: each call
 * succeeds or fails with the error in Documentation/virt/kvm/arm/memory-types.rst, a
 * guest gets the type of what is mapped now or an error that the VMM can mend,
 * and the same VM runs on. No page and no reference on the test module is left.
 *
 * Needs the module kvm_memtype_test and the VM's debugfs file
 * stage2_memory_types, and is skipped without.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "kselftest.h"

#include "memtype_backing.h"
#include "memtype_guest.h"
#include "selftest_compat.h"
#include "stage2_memory_types.h"

#define SLOT		10
#define OTHER_SLOT	11
#define GPA		0x100000000ULL
#define OTHER_GPA	0x180000000ULL
/* Guest virtual; the test says where it is. */
#define FAR_GVA		0x200000000ULL
#define PATIENCE	60
#define PATTERN		0x6d656d6f72797479ULL

static size_t page;

static const struct row region_wb = { REGION(COHERENT), WB };
static const struct row region_nc = { REGION(NONCACHEABLE), NC };
static const struct row region_device = { REGION(DEVICE), NGNRE, .flags = MIXED };
static const struct row region_split = { REGION(NONCACHEABLE), NC, .flags = SPLIT };
static const struct row region_mkwrite = { REGION(NONCACHEABLE), NC, .flags = MKWRITE };
static const struct row region_mkwrite_mixed = { REGION(NONCACHEABLE), NC,
						.flags = MIXED | MKWRITE };
static const struct row region_no_write = { REGION(NONCACHEABLE), NC, .flags = NO_WRITE };
static const struct row ram_wb = { RAM(MEMORY), WB };
static const struct row ram_nc = { RAM(NONCACHEABLE), NC };
static const struct row ram_mixed = { RAM(NONCACHEABLE), NC, .flags = MIXED };
static const struct row pages_wb = { RAM(MEMORY), WB, .flags = PAGES };

/* --- The guest ------------------------------------------------------------ */

static void guest_note(u64 addr, enum event event)
{
	judge.probes[judge.at].event = event;
}

/* --- The lab -------------------------------------------------------------- */

struct lab {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	/* Address space that nothing else comes to lie in, aligned to BLOCK. */
	char *hva;
	/* Why the test cannot run here. */
	const char *skip;
};

#define RESERVED	(4 * BLOCK)

static bool expect_errno(int got, int want, const char *what)
{
	return expect(got == want, what, got ? strerror(got) : "no error");
}

/* Return: 0 or the errno. */
static int set_slot(struct lab *lab, u32 flags, u64 gpa, u64 size, void *hva)
{
	return __vm_set_user_memory_region(lab->vm, SLOT, flags, gpa, size, hva) ?
	       errno : 0;
}

/* The slot over the first pages that are reserved. */
static bool add_slot(struct lab *lab, u32 flags, u32 nr, int want)
{
	return expect_errno(set_slot(lab, flags, GPA, nr * page, lab->hva), want,
			    "the slot");
}

static void put_fd(char *hva, int fd, u32 nr, u64 first, int prot, int flags)
{
	void *got = mmap(hva, nr * page, prot, flags | MAP_FIXED, fd,
			 first * page);

	TEST_ASSERT(got == hva, "MAP_FIXED: %s", strerror(errno));
}

static void put_anon(char *hva, u32 nr)
{
	put_fd(hva, -1, nr, 0, PROT_READ | PROT_WRITE,
	       MAP_PRIVATE | MAP_ANONYMOUS);
}

/* A file of the test module. It is there: main() has asked. */
static int open_row(const struct row *row, u32 nr)
{
	struct mem mem = { .size = nr * page };
	const char *skip;
	int fd;

	skip = open_module(row, &mem, &fd);
	TEST_ASSERT(!skip, "%s", skip);
	return fd;
}

/* Map @nr pages of @row, which live until they are unmapped. */
static void put_row(char *hva, const struct row *row, u32 nr)
{
	int fd = open_row(row, nr);

	put_fd(hva, fd, nr, 0, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(fd);
}

static enum event touch(struct lab *lab, enum op op, u64 addr, u64 *value)
{
	struct probe *probe = judge_of(lab->vm)->probes;

	judge_of(lab->vm)->nr = 0;
	judge_ask(lab->vm, op, addr, *value);
	alarm(PATIENCE);
	judge_run(lab->vm, lab->vcpu);
	alarm(0);
	*value = probe->value;
	return probe->event;
}

static bool expect_touch(struct lab *lab, enum op op, u64 addr, enum event want)
{
	u64 value = PATTERN;
	enum event got = touch(lab, op, addr, &value);

	return expect(got == want, event_names[want], event_names[got]);
}

/* The guest reads what the VMM reads. */
static bool expect_same(struct lab *lab, u64 addr, const void *hva)
{
	u64 value = PATTERN;
	enum event got = touch(lab, OP_LOAD64, addr, &value);

	return expect(got == EV_OK, "a read", event_names[got]) &&
	       expect(value == READ_ONCE(*(u64 *)hva), "the VMM's data",
		      "other data");
}

/* Stage 2 maps @gpa with @type, or not at all. With @perm, it has that one. */
static bool expect_line(struct lab *lab, u64 gpa, const char *type, char perm,
			bool has)
{
	char *text = stage2_read(lab->vm);
	struct stage2_line l;
	bool ok;

	if (!stage2_find(text, gpa, &l))
		l = (struct stage2_line) { .type = "nothing" };
	free(text);
	ok = expect(!strcmp(l.type, type ?: "nothing"), type ?: "nothing", l.type);
	if (!perm)
		return ok;

	return expect(!strchr(l.perm, perm) == !has, has ? "writable" : "not writable",
		      l.perm) & ok;
}

static bool expect_type(struct lab *lab, u64 gpa, const char *type)
{
	return expect_line(lab, gpa, type, '\0', false);
}

/* The guest can read @gpa, which has the type that the table gives for @truth. */
static bool expect_truth(struct lab *lab, u64 gpa, enum truth truth)
{
	const char *type = truth_type(truth);

	return expect_touch(lab, OP_LOAD64, gpa, type ? EV_OK : EV_EFAULT) &
	       expect_type(lab, gpa, type);
}

static bool expect_gone(struct lab *lab, u64 gpa)
{
	return expect_type(lab, gpa, NULL) &
	       expect_touch(lab, OP_LOAD64, gpa, EV_EFAULT) &
	       expect_type(lab, gpa, NULL);
}

static bool is_dirty(struct lab *lab, u32 nr)
{
	u64 bitmap = 0;

	kvm_vm_get_dirty_log(lab->vm, SLOT, &bitmap);
	return bitmap & (1ULL << nr);
}

/* --- Slots and mappings that do not match --------------------------------- */

static bool test_several(struct lab *lab)
{
	bool ok;

	put_anon(lab->hva, 1);
	put_row(lab->hva + page, &ram_nc, 1);
	put_row(lab->hva + 2 * page, &region_device, 1);
	put_row(lab->hva + 3 * page, &ram_wb, 1);
	put_row(lab->hva + 4 * page, &region_nc, 1);
	put_row(lab->hva + 5 * page, &pages_wb, 1);
	ok = add_slot(lab, 0, 6, 0);
	ok &= expect_truth(lab, GPA, MEMORY);
	ok &= expect_truth(lab, GPA + page, NONCACHEABLE);
	ok &= expect_truth(lab, GPA + 2 * page, DEVICE);
	ok &= expect_truth(lab, GPA + 3 * page, MEMORY);
	ok &= expect_truth(lab, GPA + 4 * page, NONCACHEABLE);
	return ok & expect_truth(lab, GPA + 5 * page, MEMORY);
}

static bool test_before_mmap(struct lab *lab)
{
	bool ok;

	munmap(lab->hva, 2 * page);
	ok = add_slot(lab, 0, 2, 0);
	ok &= expect_gone(lab, GPA);
	put_row(lab->hva, &region_nc, 1);
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_gone(lab, GPA + page);
	put_anon(lab->hva + page, 1);
	return ok & expect_truth(lab, GPA + page, MEMORY);
}

static bool test_before_prot(struct lab *lab)
{
	bool ok;

	ok = add_slot(lab, 0, 1, 0);
	ok &= expect_gone(lab, GPA);
	TEST_ASSERT(!mprotect(lab->hva, page, PROT_READ | PROT_WRITE),
		    "mprotect: %s", strerror(errno));
	return ok & expect_truth(lab, GPA, MEMORY);
}

static bool test_over_slot(struct lab *lab)
{
	bool ok;

	put_anon(lab->hva, 3);
	ok = add_slot(lab, 0, 3, 0);
	ok &= expect_truth(lab, GPA, MEMORY);
	ok &= expect_truth(lab, GPA + page, MEMORY);
	ok &= expect_truth(lab, GPA + 2 * page, MEMORY);
	put_row(lab->hva + page, &region_nc, 1);
	WRITE_ONCE(*(u64 *)(lab->hva + page), PATTERN + 1);
	ok &= expect_type(lab, GPA + page, NULL);
	ok &= expect_same(lab, GPA + page, lab->hva + page);
	ok &= expect_type(lab, GPA + page, "Normal-NC");
	return ok & expect_type(lab, GPA, "Normal-WB") &
	       expect_type(lab, GPA + 2 * page, "Normal-WB");
}

/* A PFNMAP cannot be logged, but it can come into a slot that is. */
static bool test_over_logged(struct lab *lab)
{
	bool ok;

	put_anon(lab->hva, 2);
	ok = add_slot(lab, 0, 2, 0);
	ok &= expect_truth(lab, GPA, MEMORY);
	ok &= add_slot(lab, KVM_MEM_LOG_DIRTY_PAGES, 2, 0);
	put_row(lab->hva + page, &ram_nc, 1);
	is_dirty(lab, 0);
	ok &= expect_truth(lab, GPA + page, NONCACHEABLE);
	ok &= expect_line(lab, GPA + page, "Normal-NC", 'w', false);
	ok &= expect(!is_dirty(lab, 1), "a clean page", "a dirty one");
	ok &= expect_touch(lab, OP_STORE64, GPA + page, EV_OK);
	ok &= expect_line(lab, GPA + page, "Normal-NC", 'w', true);
	ok &= expect(is_dirty(lab, 1), "a dirty page", "a clean one");
	ok &= add_slot(lab, 0, 2, 0);
	ok &= expect_touch(lab, OP_STORE64, GPA + page, EV_OK);
	ok &= add_slot(lab, KVM_MEM_LOG_DIRTY_PAGES, 2, EINVAL);
	return ok & expect_truth(lab, GPA + page, NONCACHEABLE);
}

/* A MIXEDMAP may be logged. */
static bool test_log_mixed(struct lab *lab)
{
	bool ok;

	put_row(lab->hva, &ram_mixed, 2);
	ok = add_slot(lab, KVM_MEM_LOG_DIRTY_PAGES, 2, 0);
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_line(lab, GPA, "Normal-NC", 'w', false);
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_OK);
	ok &= expect_line(lab, GPA, "Normal-NC", 'w', true);
	ok &= expect(is_dirty(lab, 0), "a dirty page", "a clean one");
	ok &= expect_line(lab, GPA, "Normal-NC", 'w', false);
	return ok & expect(!is_dirty(lab, 0), "a clean page", "a dirty one");
}

static bool test_log_middle(struct lab *lab)
{
	bool ok;

	put_anon(lab->hva, 3);
	put_row(lab->hva + page, &ram_nc, 1);
	ok = add_slot(lab, KVM_MEM_LOG_DIRTY_PAGES, 3, EINVAL);
	ok &= expect_touch(lab, OP_LOAD64, GPA, EV_MMIO);
	ok &= add_slot(lab, 0, 3, 0);
	return ok & expect_truth(lab, GPA + page, NONCACHEABLE) &
	       expect_truth(lab, GPA + 2 * page, MEMORY);
}

/* The same memory in two slots, one of them read-only. */
static bool test_two_slots(struct lab *lab)
{
	u64 gpa = GPA + 8 * page;
	bool ok;

	put_row(lab->hva, &region_nc, 1);
	ok = add_slot(lab, KVM_MEM_READONLY, 1, 0);
	vm_set_user_memory_region(lab->vm, SLOT + 10, 0, gpa, page, lab->hva);
	ok &= expect_touch(lab, OP_STORE64, gpa, EV_OK);
	ok &= expect_line(lab, gpa, "Normal-NC", 'w', true);
	ok &= expect_same(lab, GPA, lab->hva);
	ok &= expect_line(lab, GPA, "Normal-NC", 'w', false);
	put_anon(lab->hva, 1);
	ok &= expect_type(lab, gpa, NULL) & expect_type(lab, GPA, NULL);
	ok &= expect_truth(lab, gpa, MEMORY) & expect_truth(lab, GPA, MEMORY);
	munmap(lab->hva, page);
	return ok & expect_gone(lab, gpa) & expect_gone(lab, GPA);
}

static bool test_read_only(struct lab *lab)
{
	bool ok;

	put_row(lab->hva, &region_nc, 1);
	ok = add_slot(lab, KVM_MEM_READONLY, 1, 0);
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_MMIO);
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_MMIO);
	return ok & expect_line(lab, GPA, "Normal-NC", 'w', false);
}

/* The VMM itself may not write there. */
static bool test_read_only_mapping(struct lab *lab)
{
	int fd = open_row(&region_nc, 1);
	bool ok;

	put_fd(lab->hva, fd, 1, 0, PROT_READ, MAP_SHARED);
	close(fd);
	ok = add_slot(lab, 0, 1, 0);
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_EFAULT);
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_EFAULT);
	return ok & expect_line(lab, GPA, "Normal-NC", 'w', false);
}

/* The driver makes read-only entries, so that it is told of the first write. */
static bool test_mkwrite_of(struct lab *lab, const struct row *row)
{
	int fd = open_row(row, 2);
	bool ok;

	put_fd(lab->hva, fd, 2, 0, PROT_READ | PROT_WRITE, MAP_SHARED);
	ok = add_slot(lab, 0, 2, 0);
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_line(lab, GPA, "Normal-NC", 'w', false);
	ok &= expect(module_page(fd, 0).writes == 0, "no write", "one");
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_OK);
	ok &= expect_line(lab, GPA, "Normal-NC", 'w', true);
	ok &= expect(module_page(fd, 0).writes == 1, "one write", "not so");
	/* Here the write finds no entry at all. */
	ok &= expect_touch(lab, OP_STORE64, GPA + page, EV_OK);
	ok &= expect_line(lab, GPA + page, "Normal-NC", 'w', true);
	ok &= expect(module_page(fd, 0).writes == 2, "two writes", "not so");
	ok &= expect_same(lab, GPA, lab->hva);
	ok &= expect_same(lab, GPA + page, lab->hva + page);
	close(fd);
	return ok;
}

static bool test_mkwrite(struct lab *lab)
{
	return test_mkwrite_of(lab, &region_mkwrite);
}

/* Here get_user_pages() looks first, which must not be a write either. */
static bool test_mkwrite_mixed(struct lab *lab)
{
	return test_mkwrite_of(lab, &region_mkwrite_mixed);
}

/* The driver refuses: an error, and the guest can go on reading. */
static bool test_no_write(struct lab *lab)
{
	int fd = open_row(&region_no_write, 1);
	bool ok;

	put_fd(lab->hva, fd, 1, 0, PROT_READ | PROT_WRITE, MAP_SHARED);
	ok = add_slot(lab, 0, 1, 0);
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_EFAULT);
	ok &= expect(module_page(fd, 0).writes == 1, "one write", "not so");
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_EFAULT);
	ok &= expect_line(lab, GPA, "Normal-NC", 'w', false);
	close(fd);
	put_anon(lab->hva, 1);
	return ok & expect_touch(lab, OP_STORE64, GPA, EV_OK);
}

/* The kernel's own special mappings: RAM in a PFNMAP that is read-only. */
static bool test_vvar(struct lab *lab)
{
	char *hva = NULL, line[256];
	FILE *maps = fopen("/proc/self/maps", "r");
	bool ok;

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "[vvar]"))
			hva = (char *)strtoul(line, NULL, 16);
	if (maps)
		fclose(maps);
	if (!hva) {
		lab->skip = "no [vvar]";
		return false;
	}

	ok = expect_errno(set_slot(lab, 0, GPA, page, hva), 0, "the slot");
	ok &= expect_truth(lab, GPA, MEMORY);
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_EFAULT);
	return ok & expect_line(lab, GPA, "Normal-WB", 'w', false);
}

/* --- Mappings that are not what they seem --------------------------------- */

/* Private and written: a copy in the middle of device memory. */
static bool test_cow(struct lab *lab)
{
	int fd = open_row(&region_nc, 4);
	char *shared;
	bool ok;

	shared = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	TEST_ASSERT(shared != MAP_FAILED, "mmap: %s", strerror(errno));
	WRITE_ONCE(*(u64 *)(shared + page), 1);
	WRITE_ONCE(*(u64 *)(shared + 2 * page), 2);
	put_fd(lab->hva, fd, 4, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	WRITE_ONCE(*(u64 *)(lab->hva + page), PATTERN + 1);
	ok = add_slot(lab, 0, 4, 0);
	ok &= expect_same(lab, GPA, lab->hva);
	ok &= expect_same(lab, GPA + page, lab->hva + page);
	ok &= expect_same(lab, GPA + 2 * page, lab->hva + 2 * page);
	/* KVM does not make the copy, but takes it if there is one. */
	ok &= expect_touch(lab, OP_STORE64, GPA + 2 * page, EV_EFAULT);
	WRITE_ONCE(*(u64 *)(lab->hva + 2 * page), PATTERN + 2);
	ok &= expect_touch(lab, OP_STORE64, GPA + 2 * page, EV_OK);
	ok &= expect_same(lab, GPA + 2 * page, lab->hva + 2 * page);
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_truth(lab, GPA + page, NONCACHEABLE);
	ok &= expect_truth(lab, GPA + 2 * page, NONCACHEABLE);
	ok &= expect(READ_ONCE(*(u64 *)(shared + page)) == 1 &&
		     READ_ONCE(*(u64 *)(shared + 2 * page)) == 2,
		     "the device's memory as it was", "a private write in it");
	munmap(shared, 4 * page);
	close(fd);
	return ok;
}

/* Of cacheable device memory, the page that is looked at is a copy: RAM. */
static bool test_cow_first(struct lab *lab)
{
	int fd = open_row(&region_wb, 2);
	bool ok;

	put_fd(lab->hva, fd, 2, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	close(fd);
	ok = add_slot(lab, 0, 2, options.fwb ? 0 : EINVAL);
	WRITE_ONCE(*(u64 *)lab->hva, PATTERN + 1);
	ok &= add_slot(lab, 0, 2, 0);
	ok &= expect_truth(lab, GPA, MEMORY);
	ok &= expect_same(lab, GPA, lab->hva);
	return ok & expect_truth(lab, GPA + page, COHERENT);
}

/* Two calls of remap_pfn_range() for one VMA, which a block would not fit. */
static bool test_split(struct lab *lab)
{
	static const u32 at[] = { 0, 511, 512, 1023 };
	u32 nr = 2 * BLOCK / page, i;
	bool ok = true;

	put_row(lab->hva, &region_split, nr);
	map_host_pages(lab->vm, FAR_GVA, GPA, nr);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		WRITE_ONCE(*(u64 *)(lab->hva + at[i] * nr / 1024 * page),
			   PATTERN + i);
	ok &= add_slot(lab, 0, nr, 0);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		ok &= expect_same(lab, FAR_GVA + at[i] * nr / 1024 * page,
				  lab->hva + at[i] * nr / 1024 * page);
	return ok & expect_type(lab, GPA, "Normal-NC") &
	       expect_type(lab, GPA + (nr - 1) * page, "Normal-NC");
}

/* --- Mappings that go away ------------------------------------------------ */

static bool test_munmap(struct lab *lab)
{
	bool ok;

	put_row(lab->hva, &ram_nc, 2);
	ok = add_slot(lab, 0, 2, 0);
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_truth(lab, GPA + page, NONCACHEABLE);
	munmap(lab->hva, page);
	ok &= expect_gone(lab, GPA);
	ok &= expect_type(lab, GPA + page, "Normal-NC");
	put_row(lab->hva, &region_device, 1);
	ok &= expect_truth(lab, GPA, DEVICE);
	munmap(lab->hva, 2 * page);
	return ok & expect_gone(lab, GPA) & expect_gone(lab, GPA + page);
}

static void move(char *from, char *to, u32 nr)
{
	void *got = mremap(from, nr * page, nr * page,
			   MREMAP_MAYMOVE | MREMAP_FIXED, to);

	TEST_ASSERT(got == to, "mremap: %s", strerror(errno));
}

/* Out of one slot into another one, and back. */
static bool test_mremap(struct lab *lab, enum truth truth)
{
	char *to = lab->hva + BLOCK;
	u64 gpa = GPA + 8 * page;
	bool ok;

	ok = add_slot(lab, 0, 2, 0);
	vm_set_user_memory_region(lab->vm, SLOT + 10, 0, gpa, 2 * page, to);
	WRITE_ONCE(*(u64 *)lab->hva, PATTERN + 1);
	ok &= expect_truth(lab, GPA, truth) & expect_truth(lab, GPA + page, truth);
	ok &= expect_gone(lab, gpa);
	move(lab->hva, to, 2);
	ok &= expect_gone(lab, GPA) & expect_gone(lab, GPA + page);
	ok &= expect_same(lab, gpa, to);
	ok &= expect_truth(lab, gpa, truth) & expect_truth(lab, gpa + page, truth);
	move(to, lab->hva, 2);
	ok &= expect_gone(lab, gpa);
	ok &= expect_same(lab, GPA, lab->hva);
	return ok & expect_truth(lab, GPA, truth);
}

static bool test_mremap_device(struct lab *lab)
{
	put_row(lab->hva, &region_nc, 2);
	return test_mremap(lab, NONCACHEABLE);
}

static bool test_mremap_ram(struct lab *lab)
{
	put_anon(lab->hva, 2);
	return test_mremap(lab, MEMORY);
}

static bool test_truncate(struct lab *lab, int fd)
{
	bool ok;

	TEST_ASSERT(!ftruncate(fd, 2 * page), "ftruncate: %s", strerror(errno));
	put_fd(lab->hva, fd, 2, 0, PROT_READ | PROT_WRITE, MAP_SHARED);
	ok = add_slot(lab, 0, 2, 0);
	ok &= expect_touch(lab, OP_STORE64, GPA, EV_OK);
	ok &= expect_truth(lab, GPA, MEMORY);
	ok &= expect_touch(lab, OP_STORE64, GPA + page, EV_OK);
	TEST_ASSERT(!ftruncate(fd, page), "ftruncate: %s", strerror(errno));
	ok &= expect_truth(lab, GPA, MEMORY);
	ok &= expect_gone(lab, GPA + page);
	TEST_ASSERT(!ftruncate(fd, 2 * page), "ftruncate: %s", strerror(errno));
	ok &= expect_same(lab, GPA + page, lab->hva + page);
	ok &= expect_truth(lab, GPA + page, MEMORY);
	close(fd);
	return ok;
}

static bool test_truncate_shmem(struct lab *lab)
{
	struct mem mem = { .size = page };

	return test_truncate(lab, memfd_or_fail(&mem));
}

static bool test_truncate_dax(struct lab *lab)
{
	char path[256];
	bool ok;
	int fd;

	if (!options.fsdax) {
		lab->skip = "not named on the command line";
		return false;
	}

	snprintf(path, sizeof(path), "%s.hostile", options.fsdax);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	ok = test_truncate(lab, fd);
	unlink(path);
	return ok;
}

static long unload(void)
{
	return syscall(SYS_delete_module, "kvm_memtype_test", O_NONBLOCK) ?
	       errno : 0;
}

/* Neither a slot nor stage 2 holds the module, the mapping does. */
static bool test_unload(struct lab *lab)
{
	bool ok;

	put_row(lab->hva, &ram_nc, 1);
	ok = add_slot(lab, 0, 1, 0);
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_errno(unload(), EWOULDBLOCK, "unloading the module");
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	munmap(lab->hva, page);
	return ok & expect_gone(lab, GPA);
}

/* --- What KVM refuses ----------------------------------------------------- */

/* Cacheable device memory between other pages, and again later. */
static bool test_refused(struct lab *lab)
{
	int want = options.fwb ? 0 : EINVAL;
	u64 refused = 0;
	bool ok;

	put_anon(lab->hva, 3);
	put_row(lab->hva + page, &region_wb, 1);
	ok = add_slot(lab, 0, 3, want);
	put_anon(lab->hva + page, 1);
	ok &= add_slot(lab, 0, 3, 0);
	put_row(lab->hva + page, &region_wb, 1);
	ok &= expect_truth(lab, GPA, MEMORY);
	ok &= expect_truth(lab, GPA + page, COHERENT);
	if (!options.fwb && COMPAT_HAS_MEMORY_FAULT) {
		compat_memory_fault(lab->vcpu, &refused);
		ok &= expect(!refused, "no stale KVM_EXIT_MEMORY_FAULT", "one");
	}
	ok &= expect_truth(lab, GPA + 2 * page, MEMORY);

	/* Neither another place nor other flags, and all stays as it was. */
	ok &= expect_errno(set_slot(lab, 0, GPA + 8 * page, 3 * page, lab->hva),
			   want, "another place");
	if (!want)
		ok &= add_slot(lab, 0, 3, 0);
	ok &= add_slot(lab, KVM_MEM_LOG_DIRTY_PAGES, 3, EINVAL);
	ok &= expect_truth(lab, GPA, MEMORY);
	ok &= expect_truth(lab, GPA + page, COHERENT);
	put_anon(lab->hva + page, 1);
	return ok & expect_truth(lab, GPA + page, MEMORY);
}

struct bad_slot {
	const char *what;
	u32 flags;
	u64 gpa;
	u64 size;
	u64 hva;
	int err;
};

#define GOOD	0x1000000000ULL
#define TOP	(~0ULL << 16)

/* Sizes and addresses that are no multiple of any page size, or of all. */
static const struct bad_slot bad_slots[] = {
	{ "odd size", 0, GPA, 0x10800, GOOD, EINVAL },
	{ "size of one", 0, GPA, 1, GOOD, EINVAL },
	{ "odd gpa", 0, GPA + 0x800, 0x10000, GOOD, EINVAL },
	{ "odd hva", 0, GPA, 0x10000, GOOD + 0x800, EINVAL },
	{ "gpa wraps", 0, TOP, 0x20000, GOOD, EINVAL },
	{ "gpa at the very end", 0, TOP, 0x10000, GOOD, EINVAL },
	{ "hva wraps", 0, GPA, 0x20000, TOP, EINVAL },
	{ "hva at the very end", 0, GPA, 0x10000, TOP, EINVAL },
	{ "hva of the kernel", 0, GPA, 0x10000, 1ULL << 63, EINVAL },
	{ "hva with a tag", 0, GPA, 0x10000, GOOD | 1ULL << 60, EINVAL },
	{ "hva and size wrap", 0, GPA, TOP, GOOD, EINVAL },
	{ "more pages than a slot can have", 0, GPA, 1ULL << 51, GOOD, EINVAL },
	{ "unknown flag", 1U << 30, GPA, 0x10000, GOOD, EINVAL },
	{ "removal of what is not there", 0, GPA, 0, GOOD, EINVAL },
};

static bool expect_bad(struct lab *lab, const struct bad_slot *bad)
{
	return expect_errno(set_slot(lab, bad->flags, bad->gpa, bad->size,
				     (void *)bad->hva), bad->err, bad->what);
}

static bool test_bad_slots(struct lab *lab)
{
	bool ok = true;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad_slots); i++)
		ok &= expect_bad(lab, &bad_slots[i]);
	return ok & expect_touch(lab, OP_LOAD64, GPA, EV_MMIO);
}

/* A slot that is there keeps its mapping and its size. */
static bool test_bad_changes(struct lab *lab)
{
	bool ok;

	put_row(lab->hva, &region_nc, 2);
	ok = add_slot(lab, 0, 2, 0);
	ok &= add_slot(lab, 0, 1, EINVAL);
	ok &= add_slot(lab, KVM_MEM_READONLY, 2, EINVAL);
	ok &= expect_errno(set_slot(lab, 0, GPA, 2 * page, lab->hva + page),
			   EINVAL, "another mapping");
	ok &= expect_errno(set_slot(lab, 0, OTHER_GPA, 2 * page, lab->hva),
			   EEXIST, "the place of another slot");
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_errno(set_slot(lab, 0, GPA + 8 * page, 2 * page, lab->hva),
			   0, "another place");
	ok &= expect_touch(lab, OP_LOAD64, GPA, EV_MMIO);
	ok &= expect_type(lab, GPA, NULL);
	return ok & expect_truth(lab, GPA + 8 * page, NONCACHEABLE);
}

/* The last page that a guest can have, and one page more. */
static bool test_last_gpa(struct lab *lab)
{
	u64 gpa = (1ULL << lab->vm->pa_bits) - page;
	bool ok;

	put_row(lab->hva, &region_nc, 2);
	virt_map(lab->vm, FAR_GVA, gpa, 1);
	ok = expect_errno(set_slot(lab, 0, gpa, 2 * page, lab->hva), EFAULT,
			  "a page too much");
	ok &= expect_errno(set_slot(lab, 0, gpa + page, page, lab->hva), EFAULT,
			   "a page too far");
	ok &= expect_errno(set_slot(lab, 0, gpa, page, lab->hva), 0,
			   "the last page");
	ok &= expect_touch(lab, OP_STORE64, FAR_GVA, EV_OK);
	return ok & expect_type(lab, gpa, "Normal-NC");
}

/* The last page that a process can have. */
static bool test_last_hva(struct lab *lab)
{
	char *hva = (char *)(1ULL << 48) - page;
	int fd = open_row(&region_nc, 1);
	bool ok;

	if (mmap(hva, page, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) != hva) {
		lab->skip = strerror(errno);
		close(fd);
		return false;
	}

	close(fd);
	ok = expect_errno(set_slot(lab, 0, GPA, page, hva), 0, "the slot");
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	munmap(hva, page);
	return ok & expect_gone(lab, GPA);
}

/* Not the process whose mappings are looked at. */
static bool test_other_process(struct lab *lab)
{
	int status;
	pid_t child;

	put_row(lab->hva, &region_nc, 1);
	child = fork();
	TEST_ASSERT(child >= 0, "fork: %s", strerror(errno));
	if (!child)
		_exit(set_slot(lab, 0, GPA, page, lab->hva) != EIO ||
		      __vcpu_run(lab->vcpu) != -1 || errno != EIO);

	waitpid(child, &status, 0);
	return expect(WIFEXITED(status) && !WEXITSTATUS(status),
		      "EIO in another process", "something else") &
	       expect_touch(lab, OP_LOAD64, GPA, EV_MMIO) &
	       add_slot(lab, 0, 1, 0) & expect_truth(lab, GPA, NONCACHEABLE);
}

/* --- Neighbours and references -------------------------------------------- */

static void *serve_userfault(void *arg)
{
	struct uffdio_zeropage zero = { };
	struct uffd_msg msg;
	int fd = *(int *)arg;

	if (read(fd, &msg, sizeof(msg)) == sizeof(msg)) {
		zero.range.start = msg.arg.pagefault.address & ~(page - 1);
		zero.range.len = page;
		ioctl(fd, UFFDIO_ZEROPAGE, &zero);
	}

	return NULL;
}

static int open_userfaultfd(void *hva)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (u64)hva, .len = page },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	TEST_ASSERT(fd < 0 || (!ioctl(fd, UFFDIO_API, &api) &&
			       !ioctl(fd, UFFDIO_REGISTER, &reg)),
		    "userfaultfd: %s", strerror(errno));
	return fd;
}

static bool test_userfaultfd(struct lab *lab)
{
	pthread_t thread;
	bool ok;
	int fd;

	put_anon(lab->hva, 2);
	fd = open_userfaultfd(lab->hva + page);
	if (fd < 0) {
		lab->skip = "no userfaultfd";
		return false;
	}

	pthread_create(&thread, NULL, serve_userfault, &fd);
	put_row(lab->hva, &region_nc, 1);
	put_row(lab->hva + 2 * page, &ram_nc, 1);
	ok = add_slot(lab, 0, 3, 0);
	ok &= expect_truth(lab, GPA, NONCACHEABLE);
	ok &= expect_truth(lab, GPA + page, MEMORY);
	ok &= expect_truth(lab, GPA + 2 * page, NONCACHEABLE);
	pthread_join(thread, NULL);
	put_row(lab->hva + page, &region_device, 1);
	ok &= expect_truth(lab, GPA + page, DEVICE);
	close(fd);
	return ok;
}

/* Sum of the references on the pages of the module's file. */
static int references(int fd, u32 nr)
{
	int sum = 0;
	u32 i;

	for (i = 0; i < nr; i++)
		sum += module_page(fd, i).refcount;
	return sum;
}

/* All ways out of a fault that looked the page up first. */
static bool expect_no_leak(struct lab *lab, const struct row *row, enum truth truth)
{
	int fd = open_row(row, 2), before = references(fd, 2), i;
	bool ok = true;

	for (i = 0; i < 16; i++) {
		put_fd(lab->hva, fd, 1, 0, PROT_READ | PROT_WRITE, MAP_SHARED);
		put_fd(lab->hva + page, fd, 1, 1, PROT_READ, MAP_SHARED);
		ok &= add_slot(lab, 0, 2, 0);
		ok &= expect_touch(lab, OP_STORE_CODE, GPA, EV_OK);
		ok &= expect_touch(lab, OP_EXEC, GPA,
				   truth == MEMORY ? EV_OK : EV_IABT);
		ok &= expect_touch(lab, OP_STORE64, GPA + page, EV_EFAULT);
		ok &= expect_truth(lab, GPA + page, truth);
		ok &= expect_touch(lab, OP_STORE64, GPA + page, EV_EFAULT);
		put_anon(lab->hva, 2);
		ok &= expect_truth(lab, GPA, MEMORY);
		set_slot(lab, 0, GPA, 0, lab->hva);
	}
	ok &= expect(references(fd, 2) == before, "as many references as before",
		     "others");
	close(fd);
	return ok;
}

static bool test_leaks(struct lab *lab)
{
	static const struct row rows[] = {
		{ RAM(MEMORY), WB },
		{ RAM(NONCACHEABLE), NC },
		{ RAM(NONCACHEABLE), NC, .flags = MIXED },
		{ RAM(MEMORY), WB, .flags = PAGES },
		{ RAM(NONCACHEABLE), NC, .flags = PAGES },
	};
	bool ok = true;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		ok &= expect_no_leak(lab, &rows[i], rows[i].truth);
	return ok;
}

/* --- The table of contents ------------------------------------------------ */

struct test {
	const char *shows;
	bool (*run)(struct lab *lab);
};

static const struct test tests[] = {
	{ "a slot over several mappings: each page has its own type", test_several },
	{ "a slot before its mapping: EFAULT, then what is mapped", test_before_mmap },
	{ "a slot over PROT_NONE: EFAULT, then what is mapped", test_before_prot },
	{ "MAP_FIXED over a part of a slot", test_over_slot },
	{ "MAP_FIXED of a PFNMAP into a slot that is logged", test_over_logged },
	{ "a MIXEDMAP is logged", test_log_mixed },
	{ "logging with a PFNMAP in the middle is refused", test_log_middle },
	{ "two slots over one mapping, one of them read-only", test_two_slots },
	{ "a read-only slot over device memory", test_read_only },
	{ "a read-only mapping of device memory", test_read_only_mapping },
	{ "a driver that is told of first writes, the guest's as well", test_mkwrite },
	{ "the same, of raw PFNs in a VM_MIXEDMAP", test_mkwrite_mixed },
	{ "a driver that refuses a first write", test_no_write },
	{ "the kernel's own PFNMAP of RAM: [vvar]", test_vvar },

	{ "a private PFNMAP of which a page was written", test_cow },
	{ "the page that the slot check looks at is a copy", test_cow_first },
	{ "one VMA of two calls of remap_pfn_range()", test_split },

	{ "munmap under a slot", test_munmap },
	{ "mremap of device memory from slot to slot", test_mremap_device },
	{ "mremap of RAM from slot to slot", test_mremap_ram },
	{ "a memfd truncated under a slot", test_truncate_shmem },
	{ "an fsdax file truncated under a slot", test_truncate_dax },
	{ "the module cannot be unloaded while a slot's mapping needs it",
	  test_unload },

	{ "refused memory in the middle of a slot", test_refused },
	{ "slots that cannot be", test_bad_slots },
	{ "changes of a slot that cannot be", test_bad_changes },
	{ "a slot at the end of guest physical memory", test_last_gpa },
	{ "a slot at the end of the address space", test_last_hva },
	{ "another process can neither set a slot nor run", test_other_process },

	{ "userfaultfd on a page between device memory", test_userfaultfd },
	{ "no way out of a fault leaks a page", test_leaks },
};

static void lab_create(struct lab *lab)
{
	struct kvm_vm *vm = compat_vm_create(&lab->vcpu, guest_judge);
	char *hva;

	lab->vm = vm;
	lab->skip = NULL;
	vm_enable_cap(vm, KVM_CAP_ARM_NISV_TO_USER, 0);
	guest_install_handlers(vm);
	map_host_pages(vm, GPA, GPA, 16);
	virt_map(vm, OTHER_GPA, OTHER_GPA, 1);

	/* Far from where mmap() places things by itself. */
	hva = mmap((void *)GOOD, RESERVED + BLOCK, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(hva != MAP_FAILED, "mmap: %s", strerror(errno));
	lab->hva = (char *)(((u64)hva + BLOCK - 1) & ~(BLOCK - 1));

	put_anon(lab->hva + RESERVED - page, 1);
	vm_set_user_memory_region(vm, OTHER_SLOT, 0, OTHER_GPA, page,
				  lab->hva + RESERVED - page);
}

/* On ordinary memory the vCPU still runs to its end. */
static bool lab_is_usable(struct lab *lab)
{
	return expect_touch(lab, OP_STORE64, OTHER_GPA, EV_OK) &
	       expect_truth(lab, OTHER_GPA, MEMORY) &
	       expect_same(lab, OTHER_GPA, lab->hva + RESERVED - page);
}

static void lab_destroy(struct lab *lab)
{
	compat_vm_free(lab->vm);
	munmap(lab->hva, RESERVED);
}

static int module_users(void)
{
	FILE *file = fopen("/sys/module/kvm_memtype_test/refcnt", "r");
	int users = -1;

	if (file) {
		if (fscanf(file, "%d", &users) != 1)
			users = -1;
		fclose(file);
	}

	return users;
}

static void run_test(const struct test *test)
{
	int users = module_users();
	struct lab lab;
	bool ok;

	lab_create(&lab);
	ok = test->run(&lab);
	ok &= lab_is_usable(&lab) || lab.skip;
	lab_destroy(&lab);
	if (!lab.skip)
		ok &= expect(module_users() == users, "as many users as before",
			     "others");
	if (lab.skip)
		ksft_test_result_skip("%s: %s\n", test->shows, lab.skip);
	else
		ksft_test_result(ok, "%s\n", test->shows);
}

/* What all tests need. */
static void check_host(void)
{
	struct mem mem;
	const char *skip;
	int fd;

	stage2_or_skip();
	mem.size = 2 * BLOCK;
	skip = open_module(&region_nc, &mem, &fd);
	if (skip)
		ksft_exit_skip("%s\n", skip);
	close(fd);
}

static void usage(const char *name)
{
	fprintf(stderr, "%s [--expect-fwb=0|1] [--fsdax=FILE]\n"
		"  --expect-fwb  what the CPU has; without it, what KVM says\n"
		"  --fsdax       file on a file system with DAX; another one is\n"
		"                created beside it\n", name);
	exit(KSFT_FAIL);
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "expect-fwb", required_argument, NULL, 'f' },
		{ "fsdax", required_argument, NULL, 's' },
		{ }
	};
	int c;

	options.fwb = kvm_has_fwb();
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'f':
			options.fwb = atoi(optarg);
			break;
		case 's':
			options.fsdax = *optarg ? optarg : NULL;
			break;
		default:
			usage(argv[0]);
		}
	}
}

int main(int argc, char **argv)
{
	u32 i;

	parse_options(argc, argv);
	page = getpagesize();
	setbuf(stdout, NULL);
	signal(SIGALRM, bail_out_on_alarm);
	ksft_print_header();
	check_host();
	ksft_set_plan(ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		run_test(&tests[i]);

	ksft_finished();
}
