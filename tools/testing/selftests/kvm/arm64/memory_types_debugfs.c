// SPDX-License-Identifier: GPL-2.0-only
/*
 * The debugfs file stage2_memory_types: what it says, and that reading it is
 * safe.
 *
 * Scenario: guests touch memory whose layout is known, while the file is read in
 * one go, in small pieces, during faults and invalidations, and after the VM is
 * gone. Property: the text has one line per run of memory, adds up, does not
 * depend on how it is read, and nothing crashes.
 *
 * Skipped where the kernel has no such file. One test needs the module
 * kvm_memtype_test.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "kselftest.h"

#include "memtype_backing.h"
#include "selftest_compat.h"
#include "stage2_memory_types.h"

#define SLOT		10
#define SLOT_GPA	0x100000000ULL
#define GIB		0x40000000ULL
#define SPARSE_SIZE	(64 * GIB)
#define SPARSE_STEP	(4 * GIB)
#define LONG_PAGES	5000
#define TRIES		5
#define STRESS_PAGES	512
#define STRESS_SECONDS	3

static void guest_touch(u64 addr, u64 step, u64 count)
{
	u64 i;

	for (i = 0; i < count; i++)
		WRITE_ONCE(*(u64 *)(addr + i * step), i);
	GUEST_DONE();
}

static void guest_touch_forever(u64 addr, u64 step, u64 count)
{
	u64 i;

	for (;;) {
		for (i = 0; i < count; i++)
			WRITE_ONCE(*(u64 *)(addr + i * step), i);
		GUEST_SYNC(0);
	}
}

static void run_guest(struct kvm_vcpu *vcpu, void *func, u64 a0, u64 a1, u64 a2)
{
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), (u64)func);
	vcpu_args_set(vcpu, 3, a0, a1, a2);
	vcpu_run(vcpu);
	TEST_ASSERT(get_ucall(vcpu, NULL) != UCALL_ABORT, "the guest gave up");
}

static void add_slot(struct kvm_vm *vm, u64 size, void *hva)
{
	vm_set_user_memory_region(vm, SLOT, 0, SLOT_GPA, size, hva);
}

static void *map_or_fail(void *hva, size_t size, int flags)
{
	hva = mmap(hva, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
	TEST_ASSERT(hva != MAP_FAILED, "mmap: %s", strerror(errno));
	return hva;
}

/* A VM with the memory that the library gives it, and @pages of anonymous memory. */
static struct kvm_vm *small_vm(struct kvm_vcpu **vcpu, size_t pages, char **hva)
{
	struct kvm_vm *vm = compat_vm_create(vcpu, guest_touch);
	size_t size = pages * getpagesize();

	*hva = map_or_fail(NULL, size, 0);
	madvise(*hva, size, MADV_NOHUGEPAGE);
	add_slot(vm, size, *hva);
	map_host_pages(vm, SLOT_GPA, SLOT_GPA, pages);
	return vm;
}

/* Lines of the slot: what else is mapped changes with every access. */
static unsigned int count_lines(const char *text)
{
	unsigned int lines = 0;
	struct stage2_line l;

	while (text && *text) {
		text = stage2_parse(text, &l);
		lines += text && l.first >= SLOT_GPA;
	}

	return lines;
}

/*
 * Have the guest touch @count pages, and read the file. The host may take a page
 * back in between to compact its memory, which leaves a gap: as long as there are
 * not @lines, try again.
 */
static char *touch_and_read(struct kvm_vcpu *vcpu, u64 step, u64 count,
			    unsigned int lines)
{
	char *text = NULL;
	int i;

	for (i = 0; i < TRIES && (!text || count_lines(text) != lines); i++) {
		free(text);
		run_guest(vcpu, guest_touch, SLOT_GPA, step, count);
		text = stage2_read(vcpu->vm);
	}

	return text;
}

/* Sum up "<name>:<count>,...", weighted with the size that the name stands for. */
static unsigned long long sum_list(const char *list, bool weigh)
{
	unsigned long long sum = 0, size, count;
	char name[16], unit;

	while (sscanf(list, "%15[^:]:%llu", name, &count) == 2) {
		size = 1;
		if (weigh && sscanf(name, "%llu%c", &size, &unit) == 2)
			size <<= unit == 'G' ? 30 : unit == 'M' ? 20 : 10;
		sum += size * count;
		list = strchr(list, ',');
		if (!list)
			break;
		list++;
	}

	return sum;
}

static bool known_type(const char *type)
{
	return !strcmp(type, "Normal-WB") || !strcmp(type, "Normal-NC") ||
	       !strcmp(type, "Device-nGnRE");
}

/*
 * Every line must be well-formed, add up, and lie behind the one before. With
 * @quiet, nothing changed during the read, and neighbours of the same type are in
 * one line: otherwise the second may have been mapped while the first was printed.
 */
static bool check_text(const char *text, bool quiet)
{
	struct stage2_line l, before = { };
	bool first = true;

	while (*text) {
		text = stage2_parse(text, &l);
		if (!text || !known_type(l.type))
			return false;

		if (sum_list(l.leaf, true) != l.last - l.first + 1 ||
		    sum_list(l.leaf, false) != sum_list(l.perm, false))
			return false;

		if (!first && l.first <= before.last)
			return false;

		if (quiet && !first && l.first == before.last + 1 &&
		    !strcmp(l.type, before.type))
			return false;

		before = l;
		first = false;
	}

	return true;
}

static void test_mode(struct kvm_vm *vm)
{
	struct stat st;
	char path[128];

	stage2_path(vm, path, sizeof(path));
	TEST_ASSERT(!stat(path, &st), "stat: %s", strerror(errno));
	ksft_test_result((st.st_mode & 07777) == 0400 && !st.st_uid,
			 "only root may read the file\n");
}

static void test_nothing_mapped(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	char *text = stage2_read(vm);

	ksft_test_result(text && !*text, "nothing mapped: an empty file\n");
	free(text);
	kvm_vm_free(vm);
}

static void test_format(void)
{
	struct kvm_vcpu *vcpu;
	struct stage2_line l;
	struct kvm_vm *vm;
	char *text, *hva;
	bool ok;

	vm = small_vm(&vcpu, 16, &hva);
	text = touch_and_read(vcpu, getpagesize(), 8, 1);
	ok = check_text(text, true) && stage2_find(text, SLOT_GPA, &l) &&
	     l.first == SLOT_GPA &&
	     l.last == SLOT_GPA + 8 * getpagesize() - 1 &&
	     sum_list(l.perm, false) == 8 && strstr(l.perm, "rw");
	if (!ok)
		ksft_print_msg("%s", text);
	ksft_test_result(ok, "eight touched pages: one line that adds up\n");
	free(text);
	compat_vm_free(vm);
}

static void test_small_reads(void)
{
	static const size_t chunks[] = { 1, 7, 63, 65536 };
	struct kvm_vcpu *vcpu;
	char *whole, *text, *hva, some[8] = { };
	struct kvm_vm *vm;
	bool ok = true;
	int fd, i;

	vm = small_vm(&vcpu, 64, &hva);
	whole = touch_and_read(vcpu, 2 * getpagesize(), 32, 32);
	fd = stage2_open(vm);
	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		text = stage2_read_fd(fd, chunks[i]);
		ok &= !strcmp(text, whole);
		free(text);
	}
	ok &= count_lines(whole) == 32;
	ok &= pread(fd, some, 7, 5) == 7 && !strncmp(some, whole + 5, 7);
	ksft_test_result(ok, "small and partial reads give the same text\n");
	close(fd);
	free(whole);
	compat_vm_free(vm);
}

/* 64 GiB of which the guest touches a page every 4 GiB. */
static void test_large_sparse(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = compat_vm_create(&vcpu, guest_touch);
	u64 offset, count = SPARSE_SIZE / SPARSE_STEP;
	char *hva, *text;

	hva = map_or_fail(NULL, SPARSE_SIZE, 0);
	madvise(hva, SPARSE_SIZE, MADV_NOHUGEPAGE);
	add_slot(vm, SPARSE_SIZE, hva);
	for (offset = 0; offset < SPARSE_SIZE; offset += SPARSE_STEP)
		virt_map(vm, SLOT_GPA + offset, SLOT_GPA + offset, 1);
	text = touch_and_read(vcpu, SPARSE_STEP, count, count);
	ksft_test_result(check_text(text, true) && count_lines(text) == count,
			 "64 GiB, one page every 4 GiB: a line for each\n");
	free(text);
	compat_vm_free(vm);
	munmap(hva, SPARSE_SIZE);
}

/*
 * More leaves, and more that are missing, than KVM looks at without a break: first
 * one page of each table, or the ends of the only one, then all pages.
 */
static void test_long(void)
{
	u64 page = getpagesize(), step = page / sizeof(u64);
	struct kvm_vcpu *vcpu;
	unsigned int lines;
	struct kvm_vm *vm;
	char *text, *hva;
	bool ok;

	if (step > LONG_PAGES - 1)
		step = LONG_PAGES - 1;
	lines = (LONG_PAGES - 1) / step + 1;

	vm = small_vm(&vcpu, LONG_PAGES, &hva);
	text = touch_and_read(vcpu, step * page, lines, lines);
	ok = check_text(text, true) && count_lines(text) == lines;
	ksft_test_result(ok, "a page every %llu pages: a line for each\n",
			 (unsigned long long)step);
	free(text);

	text = touch_and_read(vcpu, page, LONG_PAGES, 1);
	ok = check_text(text, true) && count_lines(text) == 1;
	if (!ok)
		ksft_print_msg("%s", text);
	ksft_test_result(ok, "%d pages without a gap: one line\n", LONG_PAGES);
	free(text);
	compat_vm_free(vm);
	munmap(hva, LONG_PAGES * page);
}

/* A huge page behind an ordinary one: leaf sizes do not split a run of one type. */
static void test_mixed_leaves(void)
{
	size_t block = block_size(), page = getpagesize();
	unsigned long long before = huge_kib();
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = compat_vm_create(&vcpu, guest_touch);
	struct stage2_line l;
	char *map, *hva, *text;
	u64 first;
	bool ok;

	map = map_or_fail(NULL, 4 * block, 0);
	hva = (char *)(((u64)map + block - 1) & ~(block - 1));
	madvise(hva, block, MADV_NOHUGEPAGE);
	madvise(hva + block, block, MADV_HUGEPAGE);
	hva[block - page] = 0;
	hva[block] = 0;
	if (huge_kib() == before) {
		ksft_test_result_skip("a block beside a page: no free huge page\n");
		goto out;
	}

	first = SLOT_GPA + block - page;
	add_slot(vm, 2 * block, hva);
	virt_map(vm, first, first, page / vm->page_size + 1);
	run_guest(vcpu, guest_touch, first, page, 2);
	text = stage2_read(vm);
	ok = check_text(text, true) && stage2_find(text, first, &l) &&
	     l.last == SLOT_GPA + 2 * block - 1 &&
	     count_leaves(&l, page) == 1 && count_leaves(&l, block) == 1;
	if (!ok)
		ksft_print_msg("%s", text);
	ksft_test_result(ok, "a block beside a page: one line, two leaf sizes\n");
	free(text);
out:
	compat_vm_free(vm);
	munmap(map, 4 * block);
}

/* Two slots side by side, of different types: a line for each. */
static void test_neighbours(void)
{
	static const struct row rows[] = {
		{ RAM(MEMORY), WB }, { RAM(NONCACHEABLE), NC },
	};
	static const char * const types[] = { "Normal-WB", "Normal-NC" };
	const char *shows = "neighbours of different types: a line for each";
	struct mem mem[ARRAY_SIZE(rows)];
	struct kvm_vcpu *vcpu;
	struct stage2_line l;
	const char *skip = NULL;
	struct kvm_vm *vm;
	bool ok = true;
	char *text;
	u64 gpa;
	int i;

	for (i = 0; i < ARRAY_SIZE(rows) && !skip; i++)
		skip = rows[i].map(&rows[i], &mem[i]);
	if (skip) {
		ksft_test_result_skip("%s: %s\n", shows, skip);
		return;
	}

	vm = compat_vm_create(&vcpu, guest_touch);
	for (i = 0, gpa = SLOT_GPA; i < ARRAY_SIZE(rows); gpa += mem[i++].size) {
		vm_set_user_memory_region(vm, SLOT + i, 0, gpa, mem[i].size,
					  mem[i].hva);
		virt_map(vm, gpa, gpa, mem[i].size / vm->page_size);
	}
	run_guest(vcpu, guest_touch, SLOT_GPA, vm->page_size,
		  (gpa - SLOT_GPA) / vm->page_size);
	text = stage2_read(vm);
	ok = check_text(text, true);
	for (i = 0, gpa = SLOT_GPA; i < ARRAY_SIZE(rows); gpa += mem[i++].size)
		ok &= stage2_find(text, gpa, &l) && l.first == gpa &&
		      l.last == gpa + mem[i].size - 1 && !strcmp(l.type, types[i]);
	if (!ok)
		ksft_print_msg("%s", text);
	ksft_test_result(ok, "%s\n", shows);
	free(text);
	compat_vm_free(vm);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		unmap(&mem[i]);
}

static struct {
	struct kvm_vm *vm;
	char *hva;
	bool stop;
	bool bad;
	unsigned long reads;
} stress;

static void *stress_reader(void *arg)
{
	while (!READ_ONCE(stress.stop)) {
		char *text = stage2_read(stress.vm);

		if (!text || !check_text(text, false))
			stress.bad = true;
		free(text);
		stress.reads++;
	}

	return NULL;
}

/* Take memory away from the guest: stage-2 tables come and go. */
static void *stress_invalidator(void *arg)
{
	size_t size = STRESS_PAGES * getpagesize();

	while (!READ_ONCE(stress.stop))
		madvise(stress.hva, size, MADV_DONTNEED);
	return NULL;
}

static void test_concurrent_faults(void)
{
	pthread_t reader, invalidator;
	struct kvm_vcpu *vcpu;
	struct timespec now;
	time_t end;

	stress.vm = small_vm(&vcpu, STRESS_PAGES, &stress.hva);
	pthread_create(&reader, NULL, stress_reader, NULL);
	pthread_create(&invalidator, NULL, stress_invalidator, NULL);
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + STRESS_SECONDS;
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), (u64)guest_touch_forever);
	vcpu_args_set(vcpu, 3, SLOT_GPA, (u64)getpagesize(),
		      (u64)STRESS_PAGES);
	while (now.tv_sec < end) {
		vcpu_run(vcpu);
		get_ucall(vcpu, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	stress.stop = true;
	pthread_join(reader, NULL);
	pthread_join(invalidator, NULL);
	ksft_print_msg("%lu reads\n", stress.reads);
	ksft_test_result(!stress.bad && stress.reads,
			 "reading during faults and invalidations\n");
	compat_vm_free(stress.vm);
}

/* KVM creates the VM's folder and removes it together with the VM. */
static bool vm_exists(const char *path)
{
	char folder[128];
	struct stat st;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	return !stat(folder, &st);
}

/* Read to the end. Return: how many bytes, or -1 for an error that is not clean. */
static ssize_t read_to_end(int fd)
{
	ssize_t n, sum = 0;
	char buf[256];

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum += n;
	return !n || errno == ENOENT || errno == ENODEV || errno == EIO ? sum : -1;
}

/* An open file can be read when the VMM has closed the VM, and lets it go then. */
static void test_vm_gone(void)
{
	char *hva, path[128], buf[20];
	bool before, after, clean;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int fd;

	vm = small_vm(&vcpu, 16, &hva);
	run_guest(vcpu, guest_touch, SLOT_GPA, getpagesize(), 16);
	stage2_path(vm, path, sizeof(path));
	fd = stage2_open(vm);
	clean = read(fd, buf, sizeof(buf)) == sizeof(buf);
	before = vm_exists(path);
	compat_vm_free(vm);
	clean &= !lseek(fd, 0, SEEK_SET) && read_to_end(fd) >= 0;
	ksft_test_result(clean, "reading after the VM is gone ends cleanly\n");
	close(fd);
	after = vm_exists(path);
	if (!before || after)
		ksft_print_msg("before %d, after %d\n", before, after);
	ksft_test_result(before && !after, "the VM goes with its last file\n");
}

/* A VMM that has run its guest, says where the file is, and waits to be killed. */
static void vmm(int to_parent)
{
	char *hva, path[128] = "";
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = small_vm(&vcpu, 16, &hva);
	run_guest(vcpu, guest_touch, SLOT_GPA, 2 * getpagesize(), 8);
	stage2_path(vm, path, sizeof(path));
	if (write(to_parent, path, sizeof(path)) == sizeof(path))
		pause();
	_exit(1);
}

/* Stage 2 goes with the VMM's address space, the VM with the last file. */
static void test_vmm_gone(void)
{
	char path[128], buf[20];
	bool before, after, clean;
	int fd, fds[2], status;
	ssize_t later;
	pid_t child;

	TEST_ASSERT(!pipe(fds), "pipe: %s", strerror(errno));
	child = fork();
	TEST_ASSERT(child >= 0, "fork: %s", strerror(errno));
	if (!child)
		vmm(fds[1]);

	close(fds[1]);
	TEST_ASSERT(read(fds[0], path, sizeof(path)) == sizeof(path),
		    "the VMM gave up");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	clean = read(fd, buf, sizeof(buf)) == sizeof(buf);
	kill(child, SIGKILL);
	TEST_ASSERT(waitpid(child, &status, 0) == child, "waitpid: %s",
		    strerror(errno));
	before = vm_exists(path);
	clean &= read_to_end(fd) >= 0 && !lseek(fd, 0, SEEK_SET);
	later = read_to_end(fd);
	close(fd);
	after = vm_exists(path);
	if (!clean || later || !before || after)
		ksft_print_msg("clean %d, then %zd bytes, before %d, after %d\n",
			       clean, later, before, after);
	ksft_test_result(clean && !later && before && !after,
			 "when the VMM is gone, nothing is mapped\n");
	close(fds[0]);
}

static void test_slot_gone(void)
{
	struct kvm_vcpu *vcpu;
	struct stage2_line l;
	struct kvm_vm *vm;
	char *text, *hva;
	bool before, after;

	vm = small_vm(&vcpu, 16, &hva);
	run_guest(vcpu, guest_touch, SLOT_GPA, getpagesize(), 16);
	text = stage2_read(vm);
	before = stage2_find(text, SLOT_GPA, &l);
	free(text);
	vm_set_user_memory_region(vm, SLOT, 0, SLOT_GPA, 0, NULL);
	text = stage2_read(vm);
	after = stage2_find(text, SLOT_GPA, &l);
	free(text);
	ksft_test_result(before && !after, "a removed slot is not mapped\n");
	compat_vm_free(vm);
}

int main(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	int fd = stage2_open(vm);

	setbuf(stdout, NULL);
	ksft_print_header();
	if (fd < 0)
		ksft_exit_skip("no stage2_memory_types in debugfs: %s\n",
			       strerror(errno));
	close(fd);

	ksft_set_plan(14);
	test_mode(vm);
	kvm_vm_free(vm);

	test_nothing_mapped();
	test_format();
	test_small_reads();
	test_large_sparse();
	test_long();
	test_mixed_leaves();
	test_neighbours();
	test_slot_gone();
	test_concurrent_faults();
	test_vm_gone();
	test_vmm_gone();

	ksft_finished();
}
