// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest gets from the memory of a GPU on a coherent link.
 *
 * Scenario: a VMM maps what the driver nvgrace-gpu has beside the GPU's BARs, usemem
 * (cacheable) and resmem (write-combined), and gives both to a guest. Then the
 * VMM is killed, the GPU is reset, or its driver is unbound. Property: usemem is
 * Normal Write-Back with FWB and refused without, resmem is Normal
 * Non-cacheable; the guest never has what the VMM no longer has; whoever opens
 * the GPU next finds it as before.
 *
 * Writes to the first 8K of both regions, resets the GPU, and unbinds and binds its
 * driver: name a GPU that nobody uses. Skipped where the kernel has no such driver.
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
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "kselftest.h"

#include "memtype_backing.h"
#include "memtype_guest.h"
#include "selftest_compat.h"
#include "stage2_memory_types.h"

#define DRIVER		"/sys/bus/pci/drivers/nvgrace_gpu_vfio_pci"
#define SLOT		10
#define OTHER_SLOT	20
#define GPA		0x100000000ULL
#define OTHER_GPA	0x180000000ULL
#define PATIENCE	60
#define PATTERN		0x6d656d6f72797479ULL

static const struct region {
	const char *name;
	u32 index;
	enum truth truth;
} regions[] = {
	{ "usemem", VFIO_PCI_BAR4_REGION_INDEX, COHERENT },
	{ "resmem", VFIO_PCI_BAR2_REGION_INDEX, NONCACHEABLE },
};

#define NR_REGIONS	((int)ARRAY_SIZE(regions))
#define USEMEM		0
#define RESMEM		1

/* Why the test that runs cannot run here. */
static const char *skip;
/* It has said that nobody tells what stage 2 maps. */
static bool blind;

/* --- The guest ------------------------------------------------------------ */

static void guest_note(u64 addr, enum event event)
{
	judge.probes[judge.at].event = event;
}

/* --- The VMM ---------------------------------------------------------------- */

struct lab {
	struct vfio gpu;
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	void *other;
	struct {
		/* NULL: this GPU has no such region. */
		void *hva;
		off_t offset;
		/* Of the memslot. */
		int err;
	} mem[NR_REGIONS];
};

static u64 gpa_of(int i)
{
	return GPA + i * BLOCK;
}

/* The guest has the region, or should have it. */
static bool is_given(const struct lab *lab, int i)
{
	return lab->mem[i].hva && truth_type(regions[i].truth);
}

/*
 * The driver marks its own regions with a list of what can be mapped. A GPU that
 * needs no resmem has a BAR of that number instead, or nothing.
 */
static bool find_region(int device, u32 index, off_t *offset)
{
	union {
		struct vfio_region_info info;
		char bytes[512];
	} u = { .info = { .argsz = sizeof(u), .index = index } };

	TEST_ASSERT(!ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &u),
		    "region %u: %s", index, strerror(errno));
	*offset = u.info.offset;
	return vfio_find_sparse(&u.info);
}

/* Map the first block of region @i where it was, or where a block can be. */
static void map_region(struct lab *lab, int i)
{
	char *hva = lab->mem[i].hva, *got;

	if (!hva) {
		got = mmap(NULL, 2 * BLOCK, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		TEST_ASSERT(got != MAP_FAILED, "mmap: %s", strerror(errno));
		hva = (char *)(((u64)got + BLOCK - 1) & ~(BLOCK - 1));
		munmap(got, hva - got);
		munmap(hva + BLOCK, got + BLOCK - hva);
	}

	got = mmap(hva, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   lab->gpu.device, lab->mem[i].offset);
	TEST_ASSERT(got == hva, "%s: %s", regions[i].name, strerror(errno));
	lab->mem[i].hva = hva;
}

static void lab_open_gpu(struct lab *lab)
{
	int i;

	vfio_open_device(options.vfio, &lab->gpu);
	for (i = 0; i < NR_REGIONS; i++)
		if (find_region(lab->gpu.device, regions[i].index,
				&lab->mem[i].offset))
			map_region(lab, i);
}

static void lab_add_slots(struct lab *lab)
{
	int i;

	for (i = 0; i < NR_REGIONS; i++) {
		if (!lab->mem[i].hva)
			continue;

		virt_map(lab->vm, gpa_of(i), gpa_of(i), 4);
		if (__vm_set_user_memory_region(lab->vm, SLOT + i, 0, gpa_of(i),
						BLOCK, lab->mem[i].hva))
			lab->mem[i].err = errno;
	}
}

/* A VM that has the GPU's memory, and an ordinary page. */
static void lab_create(struct lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	lab_open_gpu(lab);
	lab->vm = compat_vm_create(&lab->vcpu, guest_judge);
	guest_install_handlers(lab->vm);
	lab_add_slots(lab);

	lab->other = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(lab->other != MAP_FAILED, "mmap: %s", strerror(errno));
	virt_map(lab->vm, OTHER_GPA, OTHER_GPA, 1);
	vm_set_user_memory_region(lab->vm, OTHER_SLOT, 0, OTHER_GPA,
				  getpagesize(), lab->other);
}

static void lab_unmap(struct lab *lab)
{
	int i;

	for (i = 0; i < NR_REGIONS; i++)
		if (lab->mem[i].hva)
			munmap(lab->mem[i].hva, BLOCK);
}

static void lab_destroy_vm(struct lab *lab)
{
	compat_vm_free(lab->vm);
	munmap(lab->other, getpagesize());
}

static void lab_destroy(struct lab *lab)
{
	lab_destroy_vm(lab);
	lab_unmap(lab);
	vfio_close_device(&lab->gpu);
}

static void run_judge(struct lab *lab)
{
	alarm(PATIENCE);
	judge_run(lab->vm, lab->vcpu);
	alarm(0);
}

static enum event touch(struct lab *lab, enum op op, u64 gpa, u64 *value)
{
	typeof(judge) *list = judge_of(lab->vm);

	list->nr = 0;
	judge_ask(lab->vm, op, gpa, *value);
	run_judge(lab);
	*value = list->probes[0].value;
	return list->probes[0].event;
}

/* Stage 2 maps @gpa with @type; NULL: not at all. */
static bool expect_type(struct lab *lab, u64 gpa, const char *type)
{
	char *text = stage2_read(lab->vm);
	struct stage2_line l;

	if (!text) {
		if (!blind)
			ksft_print_msg("no stage2_memory_types in debugfs\n");
		blind = true;
		return false;
	}

	if (!stage2_find(text, gpa, &l))
		l = (struct stage2_line) { .type = "nothing" };
	free(text);
	return expect(!strcmp(l.type, type ?: "nothing"), type ?: "nothing",
		      l.type);
}

static bool expect_gone(struct lab *lab, u64 gpa)
{
	u64 value = 0;
	enum event got;
	bool ok;

	ok = expect_type(lab, gpa, NULL);
	got = touch(lab, OP_LOAD64, gpa, &value);
	return expect(got == EV_EFAULT, event_names[EV_EFAULT],
		      event_names[got]) & expect_type(lab, gpa, NULL) & ok;
}

/* What the guest writes to @gpa is what it and the VMM, at @hva, read there. */
static bool expect_shared(struct lab *lab, u64 gpa, void *hva)
{
	static u64 value;
	u64 guest = ++value;
	enum event got;

	got = touch(lab, OP_STORE64, gpa, &guest);
	if (!expect(got == EV_OK, "a store", event_names[got]))
		return false;

	guest = 0;
	got = touch(lab, OP_LOAD64, gpa, &guest);
	return expect(got == EV_OK, "a load", event_names[got]) &&
	       expect(guest == value && READ_ONCE(*(u64 *)hva) == value,
		      "the guest's data", "other data");
}

static bool expect_usable(struct lab *lab)
{
	return expect_shared(lab, OTHER_GPA, lab->other) &
	       expect_type(lab, OTHER_GPA, "Normal-WB");
}

/* The guest has each region that it can have, with its type, and runs. */
static bool expect_all(struct lab *lab)
{
	bool ok = expect_usable(lab);
	int i;

	for (i = 0; i < NR_REGIONS; i++) {
		if (!is_given(lab, i))
			continue;

		ok &= expect(!lab->mem[i].err, regions[i].name,
			     strerror(lab->mem[i].err));
		ok &= expect_shared(lab, gpa_of(i), lab->mem[i].hva);
		ok &= expect_type(lab, gpa_of(i),
				  truth_type(regions[i].truth));
	}

	return ok;
}

/* A new VMM finds the GPU as it was. */
static bool expect_fresh(void)
{
	struct lab lab;
	bool ok;

	lab_create(&lab);
	ok = expect_all(&lab);
	lab_destroy(&lab);
	return ok;
}

/* --- What the guest can do with a region ------------------------------------- */

static const struct ask {
	const char *what;
	u64 offset;
	enum op op;
} asks[] = {
	{ "a store", 0, OP_STORE64 },
	{ "a load", 0, OP_LOAD64 },
	{ "an unaligned store", 257, OP_STORE_UNALIGNED },
	{ "an unaligned load", 257, OP_LOAD_UNALIGNED },
	{ "DC ZVA", 512, OP_ZERO },
	{ "a store of code", 4096, OP_STORE_CODE },
	{ "its execution", 4096, OP_EXEC },
};

static bool check_probe(const struct ask *ask, const struct probe *p,
			enum truth truth)
{
	bool aborts = ask->op == OP_EXEC && truth == NONCACHEABLE;
	enum event want = aborts ? EV_IABT : EV_OK;

	if (!expect(p->event == want, ask->what, event_names[p->event]))
		return false;

	if (ask->op != OP_LOAD64 && ask->op != OP_LOAD_UNALIGNED)
		return true;

	return expect(p->value == PATTERN, ask->what, "other data");
}

static bool check_probes(struct lab *lab, int i)
{
	typeof(judge) *list = judge_of(lab->vm);
	bool ok = true;
	int n;

	list->nr = 0;
	for (n = 0; n < (int)ARRAY_SIZE(asks); n++)
		judge_ask(lab->vm, asks[n].op, gpa_of(i) + asks[n].offset,
			  asks[n].op == OP_LOAD64 ? 0 : PATTERN);
	run_judge(lab);
	for (n = 0; n < (int)ARRAY_SIZE(asks); n++)
		ok &= check_probe(&asks[n], &list->probes[n], regions[i].truth);
	return ok;
}

/* The VMM's mapping and the driver's own show what the guest has stored. */
static bool check_seen(struct lab *lab, int i)
{
	u64 value = 0;
	ssize_t n;

	n = pread(lab->gpu.device, &value, sizeof(value), lab->mem[i].offset);
	return expect(READ_ONCE(*(u64 *)lab->mem[i].hva) == PATTERN,
		      "the guest's data, by the mapping", "other data") &
	       expect(n == sizeof(value) && value == PATTERN,
		      "the guest's data, by read()", "other data");
}

static bool test_region(int i)
{
	const char *type = truth_type(regions[i].truth);
	struct lab lab;
	bool ok = true;

	lab_create(&lab);
	if (!lab.mem[i].hva) {
		skip = "this GPU has no such region";
	} else if (!type) {
		ok = expect(lab.mem[i].err == EINVAL, "EINVAL",
			    lab.mem[i].err ? strerror(lab.mem[i].err) : "a slot");
	} else if (!expect(!lab.mem[i].err, "a slot", strerror(lab.mem[i].err))) {
		ok = false;
	} else {
		ok = check_probes(&lab, i);
		ok &= expect_type(&lab, gpa_of(i), type);
		ok &= check_seen(&lab, i);
	}
	ok &= expect_usable(&lab);
	lab_destroy(&lab);
	return ok;
}

static bool test_usemem(void)
{
	return test_region(USEMEM);
}

static bool test_resmem(void)
{
	return test_region(RESMEM);
}

/* --- What ends while the guest has it ----------------------------------------- */

static void wait_to_be_killed(int ready)
{
	struct lab lab;

	lab_create(&lab);
	if (!expect_all(&lab) || write(ready, "", 1) != 1)
		_exit(KSFT_FAIL);
	for (;;)
		pause();
}

static bool test_killed(void)
{
	int pipefd[2], status;
	char byte;
	pid_t pid;
	bool ok;

	TEST_ASSERT(!pipe(pipefd), "pipe: %s", strerror(errno));
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (!pid)
		wait_to_be_killed(pipefd[1]);

	close(pipefd[1]);
	ok = expect(read(pipefd[0], &byte, 1) == 1, "a VM that runs", "none");
	close(pipefd[0]);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return ok & expect_fresh();
}

/* By a system call, which has an error where a load has a SIGBUS. */
static bool vmm_can_read(const void *hva)
{
	int pipefd[2];
	ssize_t n;

	TEST_ASSERT(!pipe(pipefd), "pipe: %s", strerror(errno));
	n = write(pipefd[1], hva, sizeof(u64));
	close(pipefd[0]);
	close(pipefd[1]);
	return n == sizeof(u64);
}

/*
 * A reset takes the VMM's mappings away. Linux 7.3 brings them back at the next
 * access, 6.12 does not; and where the GPU's memory lies above 7 TiB, 6.12 does
 * not find the mapping, which stays. As for the VMM, so for the guest, which asks first.
 */
static bool expect_as_vmm(struct lab *lab, int i)
{
	enum event guest;
	u64 value = 0;
	bool vmm;

	guest = touch(lab, OP_LOAD64, gpa_of(i), &value);
	vmm = vmm_can_read(lab->mem[i].hva);
	ksft_print_msg("%s after a reset: the VMM %s\n", regions[i].name,
		       vmm ? "has it" : "has to map it again");
	return expect(guest == (vmm ? EV_OK : EV_EFAULT), "a load",
		      event_names[guest]) &
	       expect_type(lab, gpa_of(i),
			   vmm ? truth_type(regions[i].truth) : NULL);
}

static bool test_reset(void)
{
	struct lab lab;
	bool ok;
	int i;

	lab_create(&lab);
	ok = expect_all(&lab);
	if (ioctl(lab.gpu.device, VFIO_DEVICE_RESET)) {
		skip = "the GPU cannot be reset";
		ok &= expect(errno == EINVAL, "a reset", strerror(errno));
	}

	for (i = 0; i < NR_REGIONS && !skip; i++) {
		if (!is_given(&lab, i))
			continue;

		ok &= expect_as_vmm(&lab, i);
		map_region(&lab, i);
	}
	ok &= expect_all(&lab);
	lab_destroy(&lab);
	return ok;
}

static bool write_bdf(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = write(fd, options.vfio, strlen(options.vfio));

	close(fd);
	return n == (ssize_t)strlen(options.vfio);
}

static bool is_bound(void)
{
	char path[sizeof(DRIVER) + 64];

	snprintf(path, sizeof(path), DRIVER "/%s", options.vfio);
	return !access(path, F_OK);
}

/*
 * Unbinding ends when the last user of the GPU does, so another process has to do
 * it, one that inherits none of this one's mappings. It begins when @go is written to.
 */
static pid_t fork_unbind(int *go)
{
	int pipefd[2];
	pid_t pid;
	char byte;

	TEST_ASSERT(!pipe(pipefd), "pipe: %s", strerror(errno));
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork: %s", strerror(errno));
	if (pid) {
		close(pipefd[0]);
		*go = pipefd[1];
		return pid;
	}

	close(pipefd[1]);
	if (read(pipefd[0], &byte, 1) != 1)
		_exit(KSFT_FAIL);
	_exit(write_bdf(DRIVER "/unbind") ? KSFT_PASS : KSFT_FAIL);
}

static bool expect_waits(pid_t pid, const char *what)
{
	int status;

	return expect(!waitpid(pid, &status, WNOHANG), what, "an end");
}

static bool expect_ends(pid_t pid)
{
	int status;

	alarm(PATIENCE);
	waitpid(pid, &status, 0);
	alarm(0);
	return expect(WIFEXITED(status) && WEXITSTATUS(status) == KSFT_PASS,
		      "unbinding", "an error");
}

/* The last user is not the file but the mapping. */
static bool test_unbind(void)
{
	struct lab lab;
	pid_t pid;
	int go, i;
	bool ok;

	pid = fork_unbind(&go);
	lab_create(&lab);
	ok = expect_all(&lab);
	TEST_ASSERT(write(go, "", 1) == 1, "pipe: %s", strerror(errno));
	close(go);

	/* The link goes before the driver is asked to let the device go. */
	alarm(PATIENCE);
	while (is_bound())
		usleep(10000);
	alarm(0);
	usleep(100000);
	ok &= expect_waits(pid, "unbinding waits for the VMM");
	ok &= expect_all(&lab);
	vfio_close_device(&lab.gpu);
	ok &= expect_waits(pid, "unbinding waits for the mapping");
	ok &= expect_all(&lab);

	lab_unmap(&lab);
	for (i = 0; i < NR_REGIONS; i++)
		if (is_given(&lab, i))
			ok &= expect_gone(&lab, gpa_of(i));
	ok &= expect_ends(pid);
	ok &= expect_usable(&lab);
	lab_destroy_vm(&lab);

	ok &= expect(write_bdf(DRIVER "/bind"), "binding", strerror(errno));
	return ok & expect_fresh();
}

/* ---------------------------------------------------------------------------- */

static const struct test {
	const char *shows;
	bool (*run)(void);
} tests[] = {
	{ "usemem is Normal WB with FWB, else refused", test_usemem },
	{ "resmem is Normal NC", test_resmem },
	{ "a VMM is killed: the GPU is free again", test_killed },
	{ "the GPU is reset: a guest has what the VMM has", test_reset },
	{ "the driver is unbound: not before the VMM unmaps", test_unbind },
};

static void run_test(const struct test *test)
{
	bool ok;

	skip = NULL;
	blind = false;
	ok = test->run();
	if (ok && skip)
		ksft_test_result_skip("%s: %s\n", test->shows, skip);
	else
		ksft_test_result(ok, "%s\n", test->shows);
}

static void check_host(void)
{
	if (access(DRIVER, F_OK))
		ksft_exit_skip("no driver nvgrace_gpu_vfio_pci\n");
	if (!options.vfio)
		ksft_exit_skip("no GPU named on the command line\n");
	if (compat_is_pkvm())
		ksft_exit_skip("pKVM maps nothing but RAM, and that cacheable\n");
	if (!is_bound())
		ksft_exit_fail_msg("%s is not bound to nvgrace_gpu_vfio_pci\n",
				   options.vfio);
}

static void usage(const char *name)
{
	fprintf(stderr, "%s [--expect-fwb=0|1] [--vfio=BDF]\n"
		"  --expect-fwb  what the CPU has; without it, what KVM says\n"
		"  --vfio        GPU bound to nvgrace_gpu_vfio_pci that nobody uses\n",
		name);
	exit(KSFT_FAIL);
}

int main(int argc, char **argv)
{
	int i;

	parse_fwb_and_vfio(argc, argv, usage);
	setbuf(stdout, NULL);
	signal(SIGALRM, bail_out_on_alarm);
	ksft_print_header();
	check_host();
	ksft_set_plan(ARRAY_SIZE(tests));
	for (i = 0; i < (int)ARRAY_SIZE(tests); i++)
		run_test(&tests[i]);

	ksft_finished();
}
