// SPDX-License-Identifier: GPL-2.0-only
/*
 * Let each allocation fail once that the kernel makes for one call.
 *
 * Scenario: for each kind of memory and each of three calls (create the memslot, let the guest touch it for the
 * first time, read stage2_memory_types) the n-th allocation of the call fails, for n from 1 until the call makes
 * no n-th one. Property: the call succeeds or says ENOMEM (EFAULT where the VMM's own page could not be made),
 * and the next try in the same VM succeeds. That the kernel has nothing to say of it is for lab/qemu to see.
 *
 * It uses no library: the selftests' library gives up at the first call that fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "kvm_memtype_test.h"

#define CODE_GPA	0x10000000ULL
#define SLOT_GPA	0x20000000ULL
#define MMIO_GPA	0x30000000ULL
#define SLOT_SIZE	(4 * 4096UL)
#define CORE_REG(n)	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
			 (offsetof(struct kvm_regs, regs) / 4 + 2 * (n)))
#define REG_PC		32

static const uint32_t guest_code[] = {
	0xf9400002,	/* ldr	x2, [x0] */
	0xf9000002,	/* str	x2, [x0] */
	0xf9000061,	/* str	x1, [x3]: leaves the guest */
	0x14000000,	/* b	. */
};

struct backing {
	const char *name;
	bool anonymous;
	struct kvm_memtype_test_setup setup;
};

static const struct backing backings[] = {
	{ "anonymous memory", true },
	{ "cacheable device memory",
	  .setup = { KVM_MEMTYPE_TEST_REGION, .type = KVM_MEMTYPE_TEST_WB,
		     .flags = KVM_MEMTYPE_TEST_LAZY } },
	{ "write-combined device memory",
	  .setup = { KVM_MEMTYPE_TEST_REGION, .type = KVM_MEMTYPE_TEST_NC,
		     .flags = KVM_MEMTYPE_TEST_LAZY } },
	{ "RAM in a PFNMAP",
	  .setup = { KVM_MEMTYPE_TEST_RAM, .type = KVM_MEMTYPE_TEST_WB,
		     .flags = KVM_MEMTYPE_TEST_LAZY } },
	{ "struct pages in a MIXEDMAP",
	  .setup = { KVM_MEMTYPE_TEST_RAM, .type = KVM_MEMTYPE_TEST_NC,
		     .flags = KVM_MEMTYPE_TEST_LAZY | KVM_MEMTYPE_TEST_MIXEDMAP |
			      KVM_MEMTYPE_TEST_STRUCT_PAGE } },
};

struct vm {
	int kvm, vm, vcpu, backing;
	struct kvm_run *run;
	void *code, *mem;
};

static void fail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void set_reg(struct vm *v, int n, uint64_t value)
{
	struct kvm_one_reg reg = { CORE_REG(n), (uintptr_t)&value };

	if (ioctl(v->vcpu, KVM_SET_ONE_REG, &reg))
		fail("KVM_SET_ONE_REG");
}

static int add_slot(struct vm *v, int slot, uint64_t gpa, void *hva, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return ioctl(v->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void *map(int fd, size_t size)
{
	void *hva = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (hva == MAP_FAILED)
		fail("mmap");
	return hva;
}

static void map_backing(struct vm *v, const struct backing *b)
{
	struct kvm_memtype_test_setup setup = b->setup;

	v->backing = -1;
	if (!b->anonymous) {
		setup.size = SLOT_SIZE;
		v->backing = open("/dev/kvm_memtype_test", O_RDWR | O_CLOEXEC);
		if (v->backing < 0 ||
		    ioctl(v->backing, KVM_MEMTYPE_TEST_SETUP, &setup))
			fail("kvm_memtype_test");
	}
	v->mem = map(v->backing, SLOT_SIZE);
}

static void create(struct vm *v, const struct backing *b)
{
	struct kvm_vcpu_init init;

	v->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	v->vm = ioctl(v->kvm, KVM_CREATE_VM, 0);
	if (v->vm < 0)
		fail("KVM_CREATE_VM");
	v->vcpu = ioctl(v->vm, KVM_CREATE_VCPU, 0);
	if (ioctl(v->vm, KVM_ARM_PREFERRED_TARGET, &init) ||
	    ioctl(v->vcpu, KVM_ARM_VCPU_INIT, &init))
		fail("KVM_ARM_VCPU_INIT");
	v->run = mmap(NULL, ioctl(v->kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
		      PROT_READ | PROT_WRITE, MAP_SHARED, v->vcpu, 0);
	v->code = map(-1, 4096);
	memcpy(v->code, guest_code, sizeof(guest_code));
	__builtin___clear_cache(v->code, (char *)v->code + sizeof(guest_code));
	if (add_slot(v, 0, CODE_GPA, v->code, 4096))
		fail("the slot of the code");
	map_backing(v, b);
}

static void destroy(struct vm *v)
{
	munmap(v->run, ioctl(v->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(v->vcpu);
	close(v->vm);
	close(v->kvm);
	munmap(v->code, 4096);
	munmap(v->mem, SLOT_SIZE);
	if (v->backing >= 0)
		close(v->backing);
}

static int do_slot(struct vm *v)
{
	return add_slot(v, 1, SLOT_GPA, v->mem, SLOT_SIZE);
}

static int do_run(struct vm *v)
{
	if (ioctl(v->vcpu, KVM_RUN, 0))
		return -1;
	if (v->run->exit_reason == KVM_EXIT_MMIO && v->run->mmio.phys_addr == MMIO_GPA)
		return 0;
	errno = EPROTO;
	return -1;
}

static int do_read(struct vm *v)
{
	char path[96], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/stage2_memory_types",
		 getpid(), v->vm);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (!n)
		errno = ENODATA;
	return n > 0 ? 0 : -1;
}

static const struct call {
	const char *name;
	int (*call)(struct vm *v);
} calls[] = {
	{ "slot creation", do_slot },
	{ "first access", do_run },
	{ "debugfs read", do_read },
};

/* All calls in front of @call, without a failure. */
static bool prepare(struct vm *v, const struct backing *b, int call)
{
	int i;

	create(v, b);
	set_reg(v, 0, SLOT_GPA);
	set_reg(v, 3, MMIO_GPA);
	set_reg(v, REG_PC, CODE_GPA);
	for (i = 0; i < call; i++)
		if (calls[i].call(v))
			return false;

	return true;
}

static int nth_file(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return fd;
}

static void set_nth(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(nth_file(), text, len, 0) != len)
		fail("fail-nth");
}

/* Did what set_nth() asked for happen? It also ends it. */
static bool nth_failed(void)
{
	char text[16] = "";

	if (pread(nth_file(), text, sizeof(text) - 1, 0) <= 0)
		fail("fail-nth");
	set_nth(0);
	return !atoi(text);
}

static bool allowed(int err, int call)
{
	return err == ENOMEM || (calls[call].call == do_run && err == EFAULT);
}

/* Return: how many allocations the call has, or -1 if it did not take one of their failures well. */
static int fail_each(const struct backing *b, int call)
{
	bool failed = true;
	int n, ret, err;
	struct vm v;

	for (n = 0; failed; ) {
		if (!prepare(&v, b, call))
			fail("a call without a failure");
		set_nth(++n);
		ret = calls[call].call(&v);
		err = errno;
		failed = nth_failed();
		if (ret && (!failed || !allowed(err, call))) {
			printf("# allocation %d: %s\n", n, strerror(err));
			return -1;
		}
		if (ret && calls[call].call(&v)) {
			printf("# allocation %d: then %s\n", n, strerror(errno));
			return -1;
		}
		destroy(&v);
	}

	return n - 1;
}

/* Why @call is not to be had for @b, or NULL. */
static const char *works(const struct backing *b, int call)
{
	const char *why = NULL;
	struct vm v;

	if (!prepare(&v, b, call) || calls[call].call(&v))
		why = strerror(errno);
	destroy(&v);
	return why;
}

static void set_up(const char *knob, const char *value)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", knob);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail(knob);
	close(fd);
}

/* There the hypervisor may keep stage 2, which then has no file in debugfs. */
static bool is_protected(void)
{
	char text[4096] = "";
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		fail("/proc/cmdline");
	close(fd);
	return strstr(text, "kvm-arm.mode=protected");
}

int main(void)
{
	int b, c, n, test = 0, nr_calls = sizeof(calls) / sizeof(calls[0]),
	    nr_backings = sizeof(backings) / sizeof(backings[0]);
	const char *why;

	setbuf(stdout, NULL);
	if (nth_file() < 0) {
		printf("1..0 # SKIP no fault injection\n");
		return 4;
	}
	set_up("failslab/ignore-gfp-wait", "N");
	set_up("failslab/verbose", "0");
	set_up("fail_page_alloc/ignore-gfp-wait", "N");
	set_up("fail_page_alloc/ignore-gfp-highmem", "N");
	set_up("fail_page_alloc/min-order", "0");
	set_up("fail_page_alloc/verbose", "0");

	printf("TAP version 13\n1..%d\n", nr_calls * nr_backings);
	for (b = 0; b < nr_backings; b++) {
		for (c = 0; c < nr_calls; c++) {
			why = works(&backings[b], c);
			if (why && (!backings[b].anonymous ||
				    (calls[c].call == do_read && is_protected()))) {
				printf("ok %d # SKIP %s of %s: not on this machine (%s)\n",
				       ++test, calls[c].name, backings[b].name, why);
				continue;
			}
			n = fail_each(&backings[b], c);
			printf("# %d allocations\n", n);
			printf("%s %d %s of %s\n", n > 0 ? "ok" : "not ok", ++test,
			       calls[c].name, backings[b].name);
		}
	}

	return 0;
}
