// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which memory type does a guest get?
 *
 * Scenario: a VMM maps memory of many kinds and gives it to a VM. Property: the
 * guest gets the memory type of the VMM's own mapping, no more and no less; a
 * driver may relax Device to Normal Non-cacheable with VM_ALLOW_ANY_UNCACHED;
 * memory that KVM cannot keep coherent is refused, when the memslot is created
 * or, if it appears later, when the guest touches it.
 *
 * What the guest can do is judged by the guest, what stage 2 maps by the VM's
 * debugfs file stage2_memory_types. Most rows need the module kvm_memtype_test;
 * rows whose backing this machine does not have are skipped.
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
#include <sys/syscall.h>
#include <sys/time.h>
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
#define OTHER_SLOT	11
#define OTHER_GPA	0x180000000ULL
/* A guest virtual address that only the test's own stage-1 table maps. */
#define TABLE_GVA	0x200000000ULL
/* Where mmap() places nothing by itself, aligned to any block. */
#define FAR_HVA		0x1000000000UL
#define RET_INSN	0xd65f03c0U
#define PATTERN		0x6d656d6f72797479ULL

#define EC_IABT_CUR	0x21
#define EC_DABT_CUR	0x25
/* KVM of Linux 6.1 sign-extends the ESR that it makes up. */
#define EC(esr)		(((esr) >> 26) & 0x3f)
#define FSC(esr)	((esr) & 0x3f)
#define FSC_ALIGNMENT	0x21

/* What became of one guest action. */
enum outcome {
	OK,
	EXEC_ABORT,	/* the guest took an instruction abort */
	ALIGN_ABORT,	/* the guest took an alignment fault */
	OTHER_ABORT,	/* the guest took some other data abort */
	BAD_DATA,	/* the guest, or the host, read something else back */
	RUN_EFAULT,	/* KVM_RUN failed with EFAULT */
	HANG,		/* KVM_RUN did not come back */
	NO_SLOT,	/* there is no memslot: KVM refused it */
	NR_OUTCOMES
};

static const char * const outcome_names[] = {
	[OK] = "ok",
	[EXEC_ABORT] = "abort",
	[ALIGN_ABORT] = "alignment fault",
	[OTHER_ABORT] = "data abort",
	[BAD_DATA] = "bad data",
	[RUN_EFAULT] = "KVM_RUN EFAULT",
	[HANG] = "hangs",
	[NO_SLOT] = "-",
};

#define ONE_OF(o)	(1U << (o))

struct expect {
	const char *type;
	unsigned int unaligned;
	unsigned int exec;
	unsigned int tables;
};

static const struct expect expects[] = {
	[MEMORY] = { "Normal-WB", ONE_OF(OK), ONE_OF(OK), ONE_OF(OK) },
	[COHERENT] = { "Normal-WB", ONE_OF(OK), ONE_OF(OK), ONE_OF(OK) },
	[NONCACHEABLE] = { "Normal-NC", ONE_OF(OK), ONE_OF(EXEC_ABORT),
			   ONE_OF(OK) },
	[RELAXED] = { "Normal-NC", ONE_OF(OK), ONE_OF(EXEC_ABORT), ONE_OF(OK) },
	[DEVICE] = { "Device-nGnRE", ONE_OF(ALIGN_ABORT), ONE_OF(EXEC_ABORT),
		     ONE_OF(OTHER_ABORT) },
};

/* Nothing but --expect-dic says what options.dic is: no capability does. */
static bool dic_is_known;

/* Kernels without the series are tested, too: those of a bisection. */
static bool guest_only;

/* The tables of pKVM are its own. */
static bool stage2_is_hidden(void)
{
	return guest_only || compat_is_pkvm();
}

/* --- The guest ----------------------------------------------------------- */

static struct {
	u64 value;
	u64 esr;
	u64 faults;
} guest_result;

static void guest_dabt_handler(struct ex_regs *regs)
{
	guest_result.esr = read_sysreg(esr_el1);
	guest_result.faults++;
	regs->pc += 4;
}

/* The fetch failed: go on behind the branch. */
static void guest_iabt_handler(struct ex_regs *regs)
{
	guest_result.esr = read_sysreg(esr_el1);
	guest_result.faults++;
	regs->pc = regs->regs[30];
}

static void guest_store(u64 addr, u64 value)
{
	asm volatile("str %0, [%1]" : : "r" (value), "r" (addr) : "memory");
}

static u64 guest_load(u64 addr)
{
	u64 value = 0;

	asm volatile("ldr %0, [%1]" : "+r" (value) : "r" (addr) : "memory");
	return value;
}

static void guest_read(u64 addr)
{
	guest_result.value = guest_load(addr);
	GUEST_DONE();
}

static void guest_write_read(u64 addr, u64 value)
{
	guest_store(addr, value);
	guest_result.value = guest_load(addr);
	GUEST_DONE();
}

static void guest_branch(u64 addr)
{
	asm volatile("blr %0" : : "r" (addr) : "x30", "memory");
}

static void guest_exec(u64 addr)
{
	guest_branch(addr);
	GUEST_DONE();
}

static void guest_write_exec(u64 addr)
{
	asm volatile("str %w0, [%1]\n"
		     "dc cvau, %1\n"
		     "dsb ish\n"
		     "ic ivau, %1\n"
		     "dsb ish\n"
		     "isb"
		     : : "r" (RET_INSN), "r" (addr) : "memory");
	guest_branch(addr);
	GUEST_DONE();
}

/* Store a stage-1 page descriptor in @table and use the translation. */
static void guest_tables(u64 table, u64 desc, u64 gva)
{
	guest_store(table, desc);
	asm volatile("dsb ish\n"
		     "tlbi vmalle1\n"
		     "dsb ish\n"
		     "isb" : : : "memory");
	guest_result.value = guest_load(gva);
	GUEST_DONE();
}

/* --- Running it ---------------------------------------------------------- */

struct lab {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	u64 sp;
	u64 pstate;
	/* How long the guest may take for one action. */
	int seconds;
	/* Where KVM_EXIT_MEMORY_FAULT came from at the last EFAULT. */
	u64 refused_gpa;
};

#define NOT_REFUSED	(~0ULL)

#define PATIENCE	20

static void on_alarm(int sig)
{
}

static void lab_init(struct lab *lab, struct kvm_vm *vm)
{
	lab->vm = vm;
	lab->seconds = PATIENCE;
	lab->refused_gpa = NOT_REFUSED;
	vm_install_sync_handler(vm, VECTOR_SYNC_CURRENT, EC_DABT_CUR,
				guest_dabt_handler);
	vm_install_sync_handler(vm, VECTOR_SYNC_CURRENT, EC_IABT_CUR,
				guest_iabt_handler);
	map_host_pages(vm, SLOT_GPA, SLOT_GPA, 4);
	virt_map(vm, OTHER_GPA, OTHER_GPA, 1);
	virt_map(vm, TABLE_GVA, OTHER_GPA, 1);
	lab->sp = compat_get_reg(lab->vcpu, ARM64_CORE_REG(sp_el1));
	lab->pstate = compat_get_reg(lab->vcpu, ARM64_CORE_REG(regs.pstate));
}

static void lab_create(struct lab *lab)
{
	lab_init(lab, compat_vm_create(&lab->vcpu, guest_read));
}

/* KVM takes the capability before there is a vCPU, and not later. */
static void lab_create_mte(struct lab *lab)
{
	struct kvm_vm *vm = vm_create(1);

	vm_enable_cap(vm, KVM_CAP_ARM_MTE, 0);
	lab->vcpu = vm_vcpu_add(vm, 0, guest_read);
	compat_vm_finish(vm);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(lab->vcpu);
	lab_init(lab, vm);
}

static void lab_destroy(struct lab *lab)
{
	compat_vm_free(lab->vm);
}

/* Return: 0 or the errno. */
static int lab_set_slot(struct lab *lab, u32 slot, u32 flags, u64 gpa, u64 size,
			void *hva)
{
	errno = 0;
	if (!__vm_set_user_memory_region(lab->vm, slot, flags, gpa, size, hva))
		return 0;
	return errno;
}

static int lab_add(struct lab *lab, struct mem *mem)
{
	return lab_set_slot(lab, SLOT, 0, SLOT_GPA, mem->size, mem->hva);
}

/* Remove the slot before its memory goes, so that no row meets another's. */
static void lab_remove(struct lab *lab)
{
	lab_set_slot(lab, SLOT, 0, SLOT_GPA, 0, NULL);
}

static enum outcome lab_judge(u64 esr)
{
	if (EC(esr) == EC_IABT_CUR)
		return EXEC_ABORT;
	return FSC(esr) == FSC_ALIGNMENT ? ALIGN_ABORT : OTHER_ABORT;
}

/* Let the guest run @func from its start, for at most @lab->seconds. */
static enum outcome lab_run(struct lab *lab, void *func, u64 a0, u64 a1, u64 a2)
{
	const struct itimerval limit = { .it_value.tv_sec = lab->seconds };
	const struct itimerval off = { };
	struct kvm_vcpu *vcpu = lab->vcpu;
	struct ucall uc;
	int ret;

	memset(&guest_result, 0, sizeof(guest_result));
	sync_global_to_guest(lab->vm, guest_result);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), (u64)func);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(sp_el1), lab->sp);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pstate), lab->pstate);
	vcpu_args_set(vcpu, 3, a0, a1, a2);

	setitimer(ITIMER_REAL, &limit, NULL);
	ret = __vcpu_run(vcpu);
	setitimer(ITIMER_REAL, &off, NULL);
	if (ret) {
		TEST_ASSERT(errno == EFAULT || errno == EINTR, "KVM_RUN: %s",
			    strerror(errno));
		if (errno == EINTR)
			return HANG;
		lab->refused_gpa = NOT_REFUSED;
		compat_memory_fault(vcpu, &lab->refused_gpa);
		return RUN_EFAULT;
	}

	TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_DONE,
		    "the guest stopped with ucall %lu, exit reason %u",
		    (unsigned long)uc.cmd, vcpu->run->exit_reason);
	sync_global_from_guest(lab->vm, guest_result);
	return guest_result.faults ? lab_judge(guest_result.esr) : OK;
}

static enum outcome lab_read(struct lab *lab, u64 addr, u64 want)
{
	enum outcome outcome = lab_run(lab, guest_read, addr, 0, 0);

	return outcome == OK && guest_result.value != want ? BAD_DATA : outcome;
}

/* Write and read back by the guest; the host must see it too. */
static enum outcome lab_write(struct lab *lab, struct mem *mem, u64 offset,
			      u64 value)
{
	enum outcome outcome;

	outcome = lab_run(lab, guest_write_read, SLOT_GPA + offset, value, 0);
	if (outcome != OK)
		return outcome;

	if (guest_result.value != value)
		return BAD_DATA;

	/* The VMM's own mapping may be Device: aligned accesses only. */
	if (!(offset % sizeof(value)) &&
	    READ_ONCE(*(u64 *)((char *)mem->hva + offset)) != value)
		return BAD_DATA;

	return OK;
}

/* The last-level stage-1 table of TABLE_GVA moves into the slot. */
static enum outcome lab_tables(struct lab *lab)
{
	u64 *table = stage1_entry(lab->vm, TABLE_GVA, 1);
	u64 desc = *stage1_entry(lab->vm, TABLE_GVA, 0);
	u64 mask = (1ULL << 48) - lab->vm->page_size;
	enum outcome outcome;

	*table = SLOT_GPA | (*table & ~mask);
	outcome = lab_run(lab, guest_tables, SLOT_GPA, desc, TABLE_GVA);
	return outcome == OK && guest_result.value != PATTERN ? BAD_DATA :
								outcome;
}

/* A second slot of ordinary memory, to show that the VM is still usable. */
static void lab_add_other(struct lab *lab, struct mem *other)
{
	map_anon(NULL, other);
	*(u64 *)other->hva = PATTERN;
	TEST_ASSERT(!lab_set_slot(lab, OTHER_SLOT, 0, OTHER_GPA, other->size,
				  other->hva),
		    "no second slot: %s", strerror(errno));
}

/*
 * Something mapped beside the slot. Without it, unmapping the slot's only page
 * frees the stage-2 table, and change_pte() finds no place for the copy.
 */
static bool lab_keep_table(struct lab *lab, struct mem *other)
{
	u64 gpa = SLOT_GPA + 3 * getpagesize();

	map_anon(NULL, other);
	*(u64 *)other->hva = PATTERN;
	return !lab_set_slot(lab, OTHER_SLOT, 0, gpa, getpagesize(),
			     other->hva) &&
	       lab_read(lab, gpa, PATTERN) == OK;
}

static bool lab_usable(struct lab *lab)
{
	return lab_read(lab, OTHER_GPA, PATTERN) == OK;
}

/* --- What one kind of memory gives ---------------------------------------- */

struct probes {
	int slot_errno;
	enum outcome aligned;
	enum outcome unaligned;
	enum outcome exec;
	enum outcome exec_first;
	enum outcome tables;
	/* What KVM_EXIT_MEMORY_FAULT told of the aligned access. */
	u64 refused_gpa;
	bool usable;
	/* -1: the kernel has no debugfs file, 0: stage 2 maps nothing here. */
	int mapped;
	struct stage2_line s2;
};

static void probe_stage2(struct lab *lab, struct probes *p)
{
	char *text = stage2_read(lab->vm);

	p->mapped = text ? stage2_find(text, SLOT_GPA, &p->s2) : -1;
	free(text);
}

/* The guest's very first access to a page fetches what the VMM stored. */
static enum outcome probe_exec_first(struct lab *lab, struct mem *mem)
{
	size_t page = getpagesize();

	if (mem->size < 2 * page)
		return lab_run(lab, guest_write_exec, SLOT_GPA + 128, 0, 0);

	WRITE_ONCE(*(u32 *)((char *)mem->hva + page), RET_INSN);
	__builtin___clear_cache((char *)mem->hva + page,
				(char *)mem->hva + page + 4);
	return lab_run(lab, guest_exec, SLOT_GPA + page, 0, 0);
}

/* @patience: seconds for the one probe that may hang. */
static void probe(struct lab *lab, struct mem *mem, struct probes *p,
		  int patience)
{
	struct mem other;

	memset(p, 0, sizeof(*p));
	p->aligned = NO_SLOT;
	p->unaligned = NO_SLOT;
	p->exec = NO_SLOT;
	p->exec_first = NO_SLOT;
	p->tables = NO_SLOT;
	lab_add_other(lab, &other);
	p->slot_errno = lab_add(lab, mem);
	if (!p->slot_errno) {
		p->exec_first = probe_exec_first(lab, mem);
		p->aligned = lab_write(lab, mem, 0, PATTERN);
		p->refused_gpa = lab->refused_gpa;
		probe_stage2(lab, p);
		p->exec = lab_run(lab, guest_write_exec, SLOT_GPA + 128, 0, 0);
		p->unaligned = lab_write(lab, mem, 257, PATTERN);
		lab->seconds = patience;
		p->tables = lab_tables(lab);
		lab->seconds = PATIENCE;
	}
	p->usable = lab_usable(lab);
	lab_remove(lab);
	unmap(&other);
}

static bool one_of(enum outcome outcome, unsigned int set)
{
	return set & ONE_OF(outcome);
}

static bool check(bool ok, const char *shows, const char *what,
		  const char *got)
{
	if (!ok)
		ksft_print_msg("%s: %s: got %s\n", shows, what, got);
	return ok;
}

static bool check_outcome(enum outcome got, unsigned int set, const char *shows,
			  const char *what)
{
	return check(one_of(got, set), shows, what, outcome_names[got]);
}

/* All that is mapped is in leaves of this size; of a block there is one. */
static bool check_leaf(enum leaf_size leaf, const struct stage2_line *l,
		       const char *shows)
{
	u64 size = leaf == BLOCK_LEAF ? block_size() : getpagesize(), nr;
	char want[32];

	if (leaf == ANY_LEAF)
		return true;

	nr = leaf == BLOCK_LEAF ? 1 : (l->last + 1 - l->first) / size;
	leaf_name(size, want, sizeof(want));
	return check(count_leaves(l, size) == nr && !strchr(l->leaf, ','),
		     shows, want, l->leaf);
}

static bool check_stage2(const struct row *row, const struct probes *p,
			 bool exec)
{
	const char *want = expects[row->truth].type;
	const char *got = p->mapped > 0 ? p->s2.type : "nothing mapped";
	bool has_x = p->mapped > 0 && strchr(p->s2.perm, 'x');

	if (stage2_is_hidden())
		return true;

	if (p->mapped < 0)
		return check(false, row->shows, "stage 2", "no debugfs file");

	if (!check(!strcmp(got, want), row->shows, want, got))
		return false;

	if (!check_leaf(row->leaf, &p->s2, row->shows))
		return false;

	return check(exec || !has_x, row->shows, "not executable", p->s2.perm);
}

/* KVM_RUN has to say which page it refused, where the kernel has that exit. */
static bool check_refused_gpa(u64 gpa, const char *shows)
{
	return check(!COMPAT_HAS_MEMORY_FAULT || gpa == SLOT_GPA, shows,
		     "KVM_EXIT_MEMORY_FAULT of the page",
		     gpa == NOT_REFUSED ? "no such exit" : "another address");
}

static bool check_refused(const struct row *row, const struct probes *p)
{
	const char *slot = p->slot_errno ? strerror(p->slot_errno) : "a slot";
	bool ok;

	if (!row->refused_at_run)
		return check(p->slot_errno == EINVAL, row->shows,
			     "EINVAL at slot creation", slot);

	ok = check(!p->slot_errno, row->shows, "a slot", slot);
	ok &= check_outcome(p->aligned, ONE_OF(RUN_EFAULT), row->shows,
			    "aligned access");
	ok &= check_refused_gpa(p->refused_gpa, row->shows);
	return ok & check(p->mapped <= 0, row->shows, "nothing mapped",
			  p->s2.type);
}

static bool check_accepted(const struct row *row, const struct probes *p)
{
	const struct expect *e = &expects[row->truth];
	bool ok;

	if (!check(!p->slot_errno, row->shows, "a slot",
		   strerror(p->slot_errno)))
		return false;

	ok = check_outcome(p->aligned, ONE_OF(OK), row->shows,
			   "aligned access");
	ok &= check_outcome(p->unaligned, e->unaligned, row->shows,
			    "unaligned access");
	ok &= check_outcome(p->exec, e->exec, row->shows, "exec");
	ok &= check_outcome(p->exec_first, e->exec, row->shows,
			    "exec of an untouched page");
	ok &= check_outcome(p->tables, e->tables, row->shows, "stage-1 table");
	return ok & check_stage2(row, p, e->exec & ONE_OF(OK));
}

static bool is_refused(const struct row *row)
{
	return row->truth == COHERENT && !options.fwb;
}

static void test_row(const struct row *row)
{
	const char *skip;
	struct probes p;
	struct mem mem;
	struct lab lab;
	bool ok;

	skip = map_row(row, &mem);
	if (skip) {
		ksft_test_result_skip("%s: %s\n", row->shows, skip);
		return;
	}

	lab_create(&lab);
	probe(&lab, &mem, &p, guest_only ? 3 : PATIENCE);
	ok = is_refused(row) ? check_refused(row, &p) : check_accepted(row, &p);
	ok &= check(p.usable, row->shows, "VM usable afterwards", "failure");
	ksft_test_result(ok, "%s\n", row->shows);
	lab_destroy(&lab);
	unmap(&mem);
}

static const struct row rows[] = {
	/* Ordinary guest memory. */
	{ "anonymous memory is Normal WB, in leaves of a page",
	  map_anon, MEMORY, .leaf = PAGE_LEAF, .demo = "RAM" },
	{ "a transparent huge page is Normal WB and one leaf",
	  map_thp, MEMORY, .leaf = BLOCK_LEAF },
	{ "a hugetlb page is Normal WB and one leaf",
	  map_hugetlb, MEMORY, .leaf = BLOCK_LEAF },
	{ "a memfd is Normal WB", map_memfd, MEMORY },
	{ "udmabuf is Normal WB", map_udmabuf, MEMORY },
	{ "/dev/mem on RAM is Normal WB, even without FWB",
	  map_dev_mem, MEMORY },
	{ "/dev/mem on RAM with O_SYNC is Normal NC",
	  map_dev_mem_sync, NONCACHEABLE },
	{ "fsdax persistent memory has a KVA: Normal WB, even without FWB",
	  map_fsdax, MEMORY, .demo = "persistent memory (fsdax)" },
	{ "devdax memory has a KVA: Normal WB, even without FWB",
	  map_devdax, MEMORY },

	/* Device memory of a driver. */
	{ "a vfio-pci BAR is Normal NC: the driver relaxes Device",
	  map_vfio, RELAXED, .demo = "vfio-pci BAR" },

	/* Memory without a KVA. */
	{ "cacheable device memory is Normal WB with FWB, else refused",
	  REGION(COHERENT), WB, .demo = "cacheable device memory" },
	{ "cacheable device memory, lazy, is resolved at slot creation",
	  REGION(COHERENT), WB, .flags = LAZY },
	{ "cacheable device memory with the flag is not downgraded",
	  REGION(COHERENT), WB, .flags = ANY },
	{ "cacheable device memory in a MIXEDMAP",
	  REGION(COHERENT), WB, .flags = MIXED },
	{ "cacheable device memory in a lazy MIXEDMAP",
	  REGION(COHERENT), WB, .flags = MIXED | LAZY },
	{ "write-combined device memory is Normal NC",
	  REGION(NONCACHEABLE), NC, .demo = "write-combined device memory" },
	{ "write-combined device memory, lazy, is Normal NC",
	  REGION(NONCACHEABLE), NC, .flags = LAZY },
	{ "write-combined device memory with the flag is Normal NC",
	  REGION(NONCACHEABLE), NC, .flags = ANY },
	{ "write-combined device memory in a MIXEDMAP is Normal NC",
	  REGION(NONCACHEABLE), NC, .flags = MIXED },
	{ "write-combined device memory in a lazy MIXEDMAP is Normal NC",
	  REGION(NONCACHEABLE), NC, .flags = MIXED | LAZY },
	{ "plain device memory (nGnRE) is Device",
	  REGION(DEVICE), NGNRE, .demo = "plain device memory" },
	{ "plain device memory (nGnRnE) is Device", REGION(DEVICE), NGNRNE },
	{ "plain device memory, lazy, is Device",
	  REGION(DEVICE), NGNRNE, .flags = LAZY },
	{ "plain device memory in a MIXEDMAP is Device",
	  REGION(DEVICE), NGNRE, .flags = MIXED },
	{ "device memory (nGnRE) that the driver relaxes is Normal NC",
	  REGION(RELAXED), NGNRE, .flags = ANY, .demo = "relaxed device memory" },
	{ "device memory (nGnRnE) that the driver relaxes is Normal NC",
	  REGION(RELAXED), NGNRNE, .flags = ANY | LAZY },
	{ "device memory in a MIXEDMAP that the driver relaxes is Normal NC",
	  REGION(RELAXED), NGNRE, .flags = ANY | MIXED },

	/* The entry decides, not the VMA. */
	{ "a cacheable VMA with NC entries is Normal NC",
	  REGION(NONCACHEABLE), WB, PTE(NC) },
	{ "a cacheable VMA with Device entries is Device",
	  REGION(DEVICE), WB, PTE(NGNRE) },
	{ "an NC VMA with Device entries is Device",
	  REGION(DEVICE), NC, PTE(NGNRNE) },
	{ "a Device VMA with NC entries is Normal NC",
	  REGION(NONCACHEABLE), NGNRNE, PTE(NC) },
	{ "a Device VMA with cacheable entries: Normal WB, or refused at run",
	  REGION(COHERENT), NGNRE, PTE(WB), .refused_at_run = true },
	{ "a cacheable MIXEDMAP with NC entries is Normal NC",
	  REGION(NONCACHEABLE), WB, MIXED | PTE(NC) },
	{ "an NC MIXEDMAP with cacheable entries: Normal WB, or refused at run",
	  REGION(COHERENT), NC, MIXED | PTE(WB), .refused_at_run = true },

	/* RAM that a driver maps. */
	{ "RAM in a PFNMAP is Normal WB, even without FWB",
	  RAM(MEMORY), WB, .demo = "RAM, PFNMAP" },
	{ "RAM in a lazy PFNMAP is Normal WB, even without FWB",
	  RAM(MEMORY), WB, .flags = LAZY },
	{ "RAM in a MIXEDMAP is Normal WB, even without FWB",
	  RAM(MEMORY), WB, .flags = MIXED },
	{ "write-combined RAM in a PFNMAP is Normal NC",
	  RAM(NONCACHEABLE), NC, .demo = "write-combined RAM, PFNMAP" },
	{ "write-combined RAM in a lazy PFNMAP is Normal NC",
	  RAM(NONCACHEABLE), NC, .flags = LAZY },
	{ "write-combined RAM in a MIXEDMAP is Normal NC",
	  RAM(NONCACHEABLE), NC, .flags = MIXED },
	{ "RAM mapped Device is Device", RAM(DEVICE), NGNRE },
	{ "RAM mapped Device that the driver relaxes is Normal NC",
	  RAM(RELAXED), NGNRNE, .flags = ANY },
	{ "struct pages in a MIXEDMAP are Normal WB",
	  RAM(MEMORY), WB, .flags = PAGES },
	{ "struct pages in a write-combined MIXEDMAP are Normal NC",
	  RAM(NONCACHEABLE), NC, .flags = PAGES },
	{ "struct pages in a lazy write-combined MIXEDMAP are Normal NC",
	  RAM(NONCACHEABLE), NC, .flags = PAGES | LAZY },
	{ "a cacheable VMA with NC entries on RAM is Normal NC",
	  RAM(NONCACHEABLE), WB, PTE(NC) },
	{ "an NC VMA with cacheable entries on RAM is Normal WB",
	  RAM(MEMORY), NC, PTE(WB) },
};

static void test_rows(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_row(&rows[i]);
}

/* --- What changes while the VM runs --------------------------------------- */

static const struct row region_wb = { REGION(COHERENT), WB, .shows = "region WB" };
static const struct row region_nc = { REGION(NONCACHEABLE), NC, .shows = "region NC" };
static const struct row region_device = { REGION(DEVICE), NGNRE, .shows = "region Device" };
static const struct row ram_wb = { RAM(MEMORY), WB, .shows = "RAM WB" };
static const struct row ram_nc = { RAM(NONCACHEABLE), NC, .shows = "RAM NC" };

/* Stage 2 maps the slot's start with @type; NULL: nothing is mapped. */
static bool lab_has_type(struct lab *lab, const char *type, const char *shows)
{
	struct probes p;

	if (stage2_is_hidden())
		return true;

	probe_stage2(lab, &p);
	if (p.mapped < 0)
		return check(false, shows, "stage 2", "no debugfs file");

	if (!type)
		return check(!p.mapped, shows, "nothing mapped", p.s2.type);

	return check(p.mapped, shows, type, "nothing mapped") &&
	       check(!strcmp(p.s2.type, type), shows, type, p.s2.type);
}

/* Begin a test that needs @row's memory. Return: false if it was skipped. */
static bool begin(const struct row *row, const char *shows, struct mem *mem)
{
	const char *skip = map_row(row, mem);

	if (skip)
		ksft_test_result_skip("%s: %s\n", shows, skip);
	return !skip;
}

static void put_over_as(struct mem *mem, const struct mem *by, int flags)
{
	void *hva = mmap(mem->hva, mem->size, PROT_READ | PROT_WRITE,
			 flags | MAP_FIXED, by->fd, 0);

	TEST_ASSERT(hva == mem->hva, "MAP_FIXED: %s", strerror(errno));
}

static void put_over(struct mem *mem, const struct mem *by)
{
	put_over_as(mem, by, MAP_SHARED);
}

static bool check_type_after(struct lab *lab, struct mem *mem, const char *type,
			     const char *shows)
{
	enum outcome got = lab_write(lab, mem, 0, PATTERN);

	if (!type)
		return check_outcome(got, ONE_OF(RUN_EFAULT), shows,
				     "aligned access") &
		       lab_has_type(lab, NULL, shows) &
		       check(lab_usable(lab), shows, "VM usable", "failure");

	return check_outcome(got, ONE_OF(OK), shows, "aligned access") &
	       lab_has_type(lab, type, shows);
}

struct remap {
	const char *shows;
	const struct row *first;
	const char *first_type;
	const struct row *second;
	const char *second_type;
	/* Without FWB the second mapping is refused when the guest touches it. */
	bool needs_fwb;
};

static const struct remap remaps[] = {
	{ "NC over Device and back",
	  &region_device, "Device-nGnRE", &region_nc, "Normal-NC" },
	{ "NC device memory over RAM and back",
	  &ram_wb, "Normal-WB", &region_nc, "Normal-NC" },
	{ "NC RAM over RAM and back",
	  &ram_wb, "Normal-WB", &ram_nc, "Normal-NC" },
	{ "Device over NC RAM and back",
	  &ram_nc, "Normal-NC", &region_device, "Device-nGnRE" },
	{ "cacheable device memory over RAM and back: Normal WB or EFAULT",
	  &ram_wb, "Normal-WB", &region_wb, "Normal-WB", .needs_fwb = true },
	{ "cacheable device memory over NC and back: Normal WB or EFAULT",
	  &region_nc, "Normal-NC", &region_wb, "Normal-WB", .needs_fwb = true },
};

static void test_remap(const struct remap *r)
{
	const char *second;
	struct mem mem, by, other;
	struct lab lab;
	bool ok;

	if (!begin(r->first, r->shows, &mem))
		return;

	if (!begin(r->second, r->shows, &by)) {
		unmap(&mem);
		return;
	}

	lab_create(&lab);
	lab_add_other(&lab, &other);
	second = r->needs_fwb && !options.fwb ? NULL : r->second_type;
	ok = !lab_add(&lab, &mem);
	ok &= check_type_after(&lab, &mem, r->first_type, r->shows);
	put_over(&mem, &by);
	ok &= check_type_after(&lab, &mem, second, r->shows);
	if (!second)
		ok &= check_refused_gpa(lab.refused_gpa, r->shows);
	put_over(&mem, &mem);
	ok &= check_type_after(&lab, &mem, r->first_type, r->shows);
	ksft_test_result(ok, "%s\n", r->shows);
	lab_destroy(&lab);
	unmap(&other);
	unmap(&by);
	unmap(&mem);
}

static void test_remaps(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(remaps); i++)
		test_remap(&remaps[i]);
}

static void test_munmap(void)
{
	const char *shows = "munmap: KVM_RUN fails with EFAULT, until mapped again";
	struct mem mem, other;
	struct lab lab;
	bool ok;

	if (!begin(&region_nc, shows, &mem))
		return;

	lab_create(&lab);
	lab_add_other(&lab, &other);
	ok = !lab_add(&lab, &mem);
	ok &= check_type_after(&lab, &mem, "Normal-NC", shows);
	munmap(mem.hva, mem.size);
	ok &= lab_has_type(&lab, NULL, shows);
	ok &= check_type_after(&lab, &mem, NULL, shows);
	put_over(&mem, &mem);
	ok &= check_type_after(&lab, &mem, "Normal-NC", shows);
	ksft_test_result(ok, "%s\n", shows);
	lab_destroy(&lab);
	unmap(&other);
	unmap(&mem);
}

static bool lab_may_write(struct lab *lab)
{
	struct probes p;

	probe_stage2(lab, &p);
	return p.mapped > 0 && strchr(p.s2.perm, 'w');
}

static bool check_may_write(struct lab *lab, bool want, const char *shows)
{
	static const char * const leaf[] = { "a read-only leaf", "a writable leaf" };

	return stage2_is_hidden() || check(lab_may_write(lab) == want, shows,
					   leaf[want], leaf[!want]);
}

static void test_mprotect(const struct row *row, const char *type,
			  const char *shows)
{
	struct mem mem;
	struct lab lab;
	bool ok;

	if (!begin(row, shows, &mem))
		return;

	lab_create(&lab);
	ok = !lab_add(&lab, &mem);
	ok &= check_type_after(&lab, &mem, type, shows);
	mprotect(mem.hva, mem.size, PROT_READ);
	ok &= check_outcome(lab_read(&lab, SLOT_GPA, PATTERN), ONE_OF(OK),
			    shows, "read");
	ok &= lab_has_type(&lab, type, shows);
	ok &= check_may_write(&lab, false, shows);
	ok &= check_outcome(lab_write(&lab, &mem, 0, 0), ONE_OF(RUN_EFAULT),
			    shows, "write");
	mprotect(mem.hva, mem.size, PROT_READ | PROT_WRITE);
	ok &= check_type_after(&lab, &mem, type, shows);
	ksft_test_result(ok, "%s\n", shows);
	lab_destroy(&lab);
	unmap(&mem);
}

/* What the VMM itself may not read, the guest may not either. */
static void test_prot_none(const struct row *row, const char *type,
			   const char *shows)
{
	struct mem mem, other;
	struct lab lab;
	bool ok;

	if (!begin(row, shows, &mem))
		return;

	lab_create(&lab);
	lab_add_other(&lab, &other);
	ok = !lab_add(&lab, &mem);
	ok &= check_type_after(&lab, &mem, type, shows);
	mprotect(mem.hva, mem.size, PROT_NONE);
	ok &= lab_has_type(&lab, NULL, shows);
	ok &= check_outcome(lab_read(&lab, SLOT_GPA, PATTERN),
			    ONE_OF(RUN_EFAULT), shows, "read");
	ok &= lab_has_type(&lab, NULL, shows);
	ok &= check(lab_usable(&lab), shows, "VM usable", "failure");
	mprotect(mem.hva, mem.size, PROT_READ | PROT_WRITE);
	ok &= check_outcome(lab_read(&lab, SLOT_GPA, PATTERN), ONE_OF(OK),
			    shows, "read afterwards");
	ok &= check_type_after(&lab, &mem, type, shows);
	ksft_test_result(ok, "%s\n", shows);
	lab_destroy(&lab);
	unmap(&other);
	unmap(&mem);
}

/* PROT_WRITE alone is enough for a write, as it is for get_user_pages(). */
static void test_write_only(const struct row *row, const char *type,
			    const char *shows)
{
	struct mem mem;
	struct lab lab;
	bool ok;

	if (!begin(row, shows, &mem))
		return;

	lab_create(&lab);
	ok = !lab_add(&lab, &mem);
	mprotect(mem.hva, mem.size, PROT_WRITE);
	ok &= check_type_after(&lab, &mem, type, shows);
	mprotect(mem.hva, mem.size, PROT_READ | PROT_WRITE);
	ok &= check_type_after(&lab, &mem, type, shows);
	ksft_test_result(ok, "%s\n", shows);
	lab_destroy(&lab);
	unmap(&mem);
}

/*
 * The VMM writes to its private mapping after the guest mapped the page. The
 * guest must see the copy, with the type of the entry that maps the copy.
 */
static void test_cow(__u32 type, const char *want, const char *shows)
{
	const struct row row = {
		.map = map_private,
		.truth = type == KVM_MEMTYPE_TEST_WB ? MEMORY : NONCACHEABLE,
		.source = KVM_MEMTYPE_TEST_RAM,
		.type = type,
	};
	struct mem mem, other;
	struct lab lab;
	bool ok;

	if (!begin(&row, shows, &mem))
		return;

	lab_create(&lab);
	ok = !lab_add(&lab, &mem);
	ok &= lab_keep_table(&lab, &other);
	ok &= check_outcome(lab_read(&lab, SLOT_GPA, 0), ONE_OF(OK), shows,
			    "the page");
	ok &= lab_has_type(&lab, want, shows);
	WRITE_ONCE(*(u64 *)mem.hva, PATTERN);
	ok &= check_outcome(lab_read(&lab, SLOT_GPA, PATTERN), ONE_OF(OK),
			    shows, "the copy");
	ok &= lab_has_type(&lab, want, shows);
	ok &= check_type_after(&lab, &mem, want, shows);
	ksft_test_result(ok, "%s\n", shows);
	lab_destroy(&lab);
	unmap(&other);
	unmap(&mem);
}

/* --- Execute permission ----------------------------------------------------- */

static bool check_may_exec(struct lab *lab, bool want, const char *shows,
			   const char *when)
{
	struct probes p;

	probe_stage2(lab, &p);
	if (p.mapped <= 0)
		return check(false, shows, when, "nothing mapped");

	return check(!!strchr(p.s2.perm, 'x') == want, shows, when, p.s2.perm);
}

static const struct row exec_rows[] = {
	{ "anonymous memory: with DIC executable at once, else after a fetch",
	  map_anon, MEMORY },
	{ "RAM in a PFNMAP: with DIC executable at once, else after a fetch",
	  RAM(MEMORY), WB },
	{ "cacheable device memory: with DIC executable at once, else after a fetch",
	  REGION(COHERENT), WB },
	{ "write-combined device memory: never executable",
	  REGION(NONCACHEABLE), NC },
	{ "plain device memory: never executable", REGION(DEVICE), NGNRE },
};

static const char *skip_exec_row(const struct row *row)
{
	if (!dic_is_known)
		return "no --expect-dic";
	if (stage2_is_hidden())
		return guest_only ? "--guest-only" : "the tables are pKVM's own";
	return is_refused(row) ? "refused without FWB" : NULL;
}

/*
 * Without DIC, whatever the guest is to execute needs the instruction cache
 * invalidated, which KVM does when the guest fetches from the page. It must not
 * be executable before.
 */
static void test_exec_row(const struct row *row)
{
	bool may_exec = expects[row->truth].exec & ONE_OF(OK);
	bool at_once = may_exec && options.dic;
	const char *skip = skip_exec_row(row);
	struct mem mem;
	struct lab lab;
	bool ok;

	if (skip) {
		ksft_test_result_skip("%s: %s\n", row->shows, skip);
		return;
	}

	if (!begin(row, row->shows, &mem))
		return;

	lab_create(&lab);
	ok = !lab_add(&lab, &mem);
	ok &= check_outcome(lab_run(&lab, guest_read, SLOT_GPA, 0, 0),
			    ONE_OF(OK), row->shows, "read");
	ok &= check_may_exec(&lab, at_once, row->shows, "after a read");
	ok &= check_outcome(lab_write(&lab, &mem, 0, RET_INSN), ONE_OF(OK),
			    row->shows, "write");
	ok &= check_may_exec(&lab, at_once, row->shows, "after a write");
	ok &= check_outcome(lab_run(&lab, guest_write_exec, SLOT_GPA, 0, 0),
			    expects[row->truth].exec, row->shows, "exec");
	ok &= check_may_exec(&lab, may_exec, row->shows, "after a fetch");
	ksft_test_result(ok, "%s\n", row->shows);
	lab_destroy(&lab);
	unmap(&mem);
}

static void test_exec_rows(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(exec_rows); i++)
		test_exec_row(&exec_rows[i]);
}

/* --- What KVM refuses, and what it must not leak --------------------------- */

static void test_capability(void)
{
	const long cap = KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED;
	struct kvm_vm *vm = vm_create_barebones();
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int dev_cap = ioctl(kvm, KVM_CHECK_EXTENSION, cap);
	int vm_cap = vm_check_cap(vm, cap);

	if (dev_cap != options.fwb || vm_cap != options.fwb)
		ksft_print_msg("/dev/kvm %d, VM %d, FWB %d\n", dev_cap, vm_cap,
			       options.fwb);
	ksft_test_result(dev_cap == options.fwb && vm_cap == options.fwb,
			 "the capability tells whether the CPU has FWB\n");
	close(kvm);
	kvm_vm_free(vm);
}

/* A VMA is refused. In front of it the slot has ordinary memory, or a hole. */
static void test_second_vma(bool hole, const char *shows)
{
	struct mem mem, both = { .fd = -1 };
	struct lab lab;
	char *hva;
	int err;

	if (!begin(&region_wb, shows, &mem))
		return;

	lab_create(&lab);
	both.size = 2 * mem.size;
	try_map(&both, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	hva = mmap((char *)both.hva + mem.size, mem.size,
		   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, mem.fd, 0);
	TEST_ASSERT(hva != MAP_FAILED, "MAP_FIXED: %s", strerror(errno));
	if (hole)
		munmap(both.hva, mem.size);
	err = lab_add(&lab, &both);
	ksft_test_result(check(err == (options.fwb ? 0 : EINVAL), shows,
			       options.fwb ? "a slot" : "EINVAL", strerror(err)),
			 "%s\n", shows);
	lab_destroy(&lab);
	unmap(&both);
	unmap(&mem);
}

static void test_dirty_log(void)
{
	const char *shows = "dirty logging on a PFNMAP is refused";
	struct mem mem;
	struct lab lab;
	int create, change;

	if (!begin(&region_nc, shows, &mem))
		return;

	lab_create(&lab);
	create = lab_set_slot(&lab, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA,
			      mem.size, mem.hva);
	TEST_ASSERT(!lab_add(&lab, &mem), "no slot: %s", strerror(errno));
	change = lab_set_slot(&lab, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA,
			      mem.size, mem.hva);
	ksft_test_result(check(create == EINVAL, shows, "EINVAL at creation",
			       strerror(create)) &
			 check(change == EINVAL, shows, "EINVAL at change",
			       strerror(change)), "%s\n", shows);
	lab_destroy(&lab);
	unmap(&mem);
}

/* Return: which pages the guest has written to since it was asked last. */
static unsigned long lab_dirty(struct lab *lab)
{
	unsigned long pages = 0;

	kvm_vm_get_dirty_log(lab->vm, SLOT, &pages);
	return pages;
}

static bool check_dirty(struct lab *lab, unsigned long want, const char *shows)
{
	return check(lab_dirty(lab) == want, shows,
		     want ? "a dirty page" : "no dirty page", "not so");
}

/*
 * A slot over anonymous memory that is being logged, with the memory of @over, if
 * any, put into it later. The VMM may write to all its pages, but a read by the
 * guest must not make one writable: the first write would not be seen.
 */
static void test_logged(const struct row *over, const char *type,
			const char *shows)
{
	struct mem mem, by;
	struct lab lab;
	bool ok;

	if (over && !begin(over, shows, &by))
		return;

	map_anon(NULL, &mem);
	memset(mem.hva, 0, mem.size);
	lab_create(&lab);
	ok = !lab_set_slot(&lab, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA,
			   mem.size, mem.hva);
	if (over)
		put_over(&mem, &by);
	ok &= check_outcome(lab_run(&lab, guest_read, SLOT_GPA, 0, 0),
			    ONE_OF(OK), shows, "read");
	ok &= lab_has_type(&lab, type, shows);
	ok &= check_may_write(&lab, false, shows);
	ok &= check_dirty(&lab, 0, shows);
	ok &= check_type_after(&lab, &mem, type, shows);
	ok &= check_may_write(&lab, true, shows);
	ok &= check_dirty(&lab, 1, shows);
	ksft_test_result(ok, "%s\n", shows);
	lab_destroy(&lab);
	unmap(&mem);
	if (over)
		unmap(&by);
}

/* A VM with MTE takes private mappings only. Return: errno of the slot. */
static int mte_slot(struct mem *mem)
{
	struct kvm_vm *vm = vm_create_barebones();
	int ret;

	vm_enable_cap(vm, KVM_CAP_ARM_MTE, 0);
	errno = 0;
	ret = __vm_set_user_memory_region(vm, SLOT, 0, SLOT_GPA, mem->size,
					  mem->hva) ? errno : 0;
	kvm_vm_free(vm);
	return ret;
}

static void test_mte(__u32 source, __u32 type, int want, const char *shows)
{
	const struct row row = { .map = map_private, .type = type,
				 .source = source };
	struct mem mem;
	int got;

	if (!kvm_has_cap(KVM_CAP_ARM_MTE)) {
		ksft_test_result_skip("%s: no MTE\n", shows);
		return;
	}

	if (!begin(&row, shows, &mem))
		return;

	got = mte_slot(&mem);
	ksft_test_result(check(got == want, shows, strerror(want),
			       strerror(got)), "%s\n", shows);
	unmap(&mem);
}

/* What the VMM puts over RAM while a VM with MTE runs. */
struct mte_remap {
	const char *shows;
	const struct row *row;
	int flags;
	/* NULL: KVM_RUN fails. */
	const char *type;
};

static const struct mte_remap mte_remaps[] = {
	{ "with MTE, NC device memory over RAM is Normal NC",
	  &region_nc, MAP_PRIVATE, "Normal-NC" },
	{ "with MTE, cacheable device memory over RAM is EFAULT",
	  &region_wb, MAP_PRIVATE, NULL },
	{ "with MTE, shared RAM of a driver over RAM is EFAULT",
	  &ram_wb, MAP_SHARED, NULL },
};

static void test_mte_remap(const struct mte_remap *r)
{
	struct mem mem, by, other;
	enum outcome outcome;
	struct lab lab;
	bool ok;

	if (!kvm_has_cap(KVM_CAP_ARM_MTE)) {
		ksft_test_result_skip("%s: no MTE\n", r->shows);
		return;
	}

	if (!begin(r->row, r->shows, &by))
		return;

	map_anon(NULL, &mem);
	lab_create_mte(&lab);
	lab_add_other(&lab, &other);
	ok = !lab_add(&lab, &mem);
	ok &= check_type_after(&lab, &mem, "Normal-WB", r->shows);
	put_over_as(&mem, &by, r->flags);
	outcome = lab_run(&lab, guest_read, SLOT_GPA, 0, 0);
	ok &= check_outcome(outcome, ONE_OF(r->type ? OK : RUN_EFAULT),
			    r->shows, "read");
	ok &= lab_has_type(&lab, r->type, r->shows);
	if (!r->type)
		ok &= check_refused_gpa(lab.refused_gpa, r->shows);
	ok &= check(lab_usable(&lab), r->shows, "VM usable", "failure");
	ksft_test_result(ok, "%s\n", r->shows);
	lab_destroy(&lab);
	unmap(&other);
	unmap(&mem);
	unmap(&by);
}

/*
 * What has no tags needs no leaf of its own for each page. Tags are cleared page by
 * page, and so is what has tags mapped.
 */
struct mte_block {
	const char *shows;
	struct row row;
	const char *type;
	enum leaf_size leaf;
};

static const struct mte_block mte_blocks[] = {
	{ "with MTE, a block of NC device memory is one leaf",
	  { REGION(NONCACHEABLE), NC }, "Normal-NC", BLOCK_LEAF },
	{ "with MTE, a block of RAM that a driver maps is pages",
	  { RAM(MEMORY), WB, .flags = KVM_MEMTYPE_TEST_BLOCKS },
	  "Normal-WB", PAGE_LEAF },
};

/*
 * Open a block for a private mapping, which RAM has by physical address only: @by
 * is then what @ram holds.
 */
static const char *open_mte_block(const struct row *row, struct mem *by,
				  struct mem *ram)
{
	struct row phys = *row;
	const char *skip;

	if (!kvm_has_cap(KVM_CAP_ARM_MTE))
		return "no MTE";
	if (stage2_is_hidden())
		return guest_only ? "--guest-only" : "pKVM: stage 2 is the hypervisor's";
	if (row->source != KVM_MEMTYPE_TEST_RAM)
		return open_module(row, by, &by->fd);
	if (COMPAT_MTE_NC_ERRNO)
		return "this kernel takes no memory of a driver that could have tags";

	skip = open_module(row, ram, &ram->fd);
	if (skip)
		return skip;

	phys.source = KVM_MEMTYPE_TEST_PHYS;
	phys.flags = 0;
	skip = open_module_at(&phys, module_page(ram->fd, 0).phys, by, &by->fd);
	if (skip)
		close(ram->fd);
	return skip;
}

static void test_mte_block(const struct mte_block *t)
{
	struct mem mem = { .size = block_size(), .fd = -1 }, by = mem, ram = mem;
	const char *shows = t->shows, *skip;
	struct probes p;
	struct lab lab;
	bool ok;

	skip = open_mte_block(&t->row, &by, &ram);
	if (skip) {
		ksft_test_result_skip("%s: %s\n", shows, skip);
		return;
	}

	mem.hva = mmap((void *)FAR_HVA, mem.size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	TEST_ASSERT(mem.hva == (void *)FAR_HVA, "mmap: %s", strerror(errno));
	lab_create_mte(&lab);
	ok = check(!lab_add(&lab, &mem), shows, "a slot", strerror(errno));
	put_over_as(&mem, &by, MAP_PRIVATE);
	ok &= check_outcome(lab_run(&lab, guest_read, SLOT_GPA, 0, 0), ONE_OF(OK),
			    shows, "read");
	probe_stage2(&lab, &p);
	ok &= check(p.mapped > 0 && !strcmp(p.s2.type, t->type), shows,
		    t->type, p.mapped > 0 ? p.s2.type : "nothing mapped");
	ok &= p.mapped > 0 && check_leaf(t->leaf, &p.s2, shows);
	ksft_test_result(ok, "%s\n", shows);
	lab_destroy(&lab);
	unmap(&mem);
	close(by.fd);
	if (ram.fd >= 0)
		close(ram.fd);
}

static void test_mte_remaps(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(mte_remaps); i++)
		test_mte_remap(&mte_remaps[i]);
	for (i = 0; i < ARRAY_SIZE(mte_blocks); i++)
		test_mte_block(&mte_blocks[i]);
}

/* Let the test module look at the page behind @hva. Return: a file, or -1. */
static int watch_page(void *hva)
{
	struct kvm_memtype_test_setup setup = {
		.source = KVM_MEMTYPE_TEST_PHYS,
		.phys = phys_of(hva),
		.size = getpagesize(),
	};
	int fd = open("/dev/kvm_memtype_test", O_RDWR | O_CLOEXEC);

	TEST_ASSERT(fd < 0 || !ioctl(fd, KVM_MEMTYPE_TEST_SETUP, &setup),
		    "setup: %s", strerror(errno));
	return fd;
}

/* The guest fetches from the page often, each time after it was unmapped. */
static enum outcome exec_often(struct lab *lab, struct mem *mem)
{
	enum outcome outcome = OK;
	int i;

	for (i = 0; i < 16 && one_of(outcome, ONE_OF(OK) | ONE_OF(EXEC_ABORT));
	     i++) {
		outcome = lab_run(lab, guest_exec, SLOT_GPA, 0, 0);
		lab_remove(lab);
		TEST_ASSERT(!lab_add(lab, mem), "no slot: %s", strerror(errno));
	}

	return outcome;
}

/* Every way out of the fault path must drop the page that it looked up. */
static void test_exec_leak(const struct row *row, const char *shows)
{
	enum outcome outcome;
	int watch, before, after;
	struct mem mem;
	struct lab lab;

	if (!begin(row, shows, &mem))
		return;

	WRITE_ONCE(*(u32 *)mem.hva, RET_INSN);
	watch = watch_page(mem.hva);
	if (watch < 0) {
		ksft_test_result_skip("%s: no module\n", shows);
		unmap(&mem);
		return;
	}

	lab_create(&lab);
	TEST_ASSERT(!lab_add(&lab, &mem), "no slot: %s", strerror(errno));
	before = module_page(watch, 0).refcount;
	outcome = exec_often(&lab, &mem);
	after = module_page(watch, 0).refcount;
	if (before != after)
		ksft_print_msg("page_count %d, then %d\n", before, after);
	ksft_test_result(check_outcome(outcome, expects[row->truth].exec, shows,
				       "exec") & (before == after),
			 "%s\n", shows);
	lab_destroy(&lab);
	close(watch);
	unmap(&mem);
}

/* Without FWB, KVM looks up pages when it checks a slot. */
static void test_slot_leak(const struct row *row, const char *shows)
{
	int before, after, i;
	struct mem mem;
	struct lab lab;

	if (!begin(row, shows, &mem))
		return;

	lab_create(&lab);
	before = module_page(mem.fd, 0).refcount;
	for (i = 0; i < 16; i++) {
		TEST_ASSERT(!lab_add(&lab, &mem), "no slot: %s", strerror(errno));
		lab_remove(&lab);
	}
	after = module_page(mem.fd, 0).refcount;
	if (before != after)
		ksft_print_msg("page_count %d, then %d\n", before, after);
	ksft_test_result(before == after, "%s\n", shows);
	lab_destroy(&lab);
	unmap(&mem);
}

/* --- The test module itself ------------------------------------------------ */

struct bad_setup {
	const char *what;
	int err;
	struct kvm_memtype_test_setup setup;
};

static const struct bad_setup bad_setups[] = {
	{ "source", EINVAL, { .source = KVM_MEMTYPE_TEST_NR_SOURCES } },
	{ "type", EINVAL, { KVM_MEMTYPE_TEST_RAM, .type = 4, .size = 65536 } },
	{ "flags", EINVAL, { KVM_MEMTYPE_TEST_RAM, .flags = 0x20, .size = 65536 } },
	{ "no size", EINVAL, { KVM_MEMTYPE_TEST_RAM } },
	{ "odd size", EINVAL, { KVM_MEMTYPE_TEST_RAM, .size = 100 } },
	{ "beyond the region", EINVAL,
	  { KVM_MEMTYPE_TEST_REGION, .size = 1ULL << 40 } },
	{ "beyond physical memory", EINVAL,
	  { KVM_MEMTYPE_TEST_PHYS, .phys = -65536ULL, .size = 131072 } },
	{ "entry type without a fault handler", EINVAL,
	  { KVM_MEMTYPE_TEST_RAM, .size = 65536,
	    .flags = KVM_MEMTYPE_TEST_PTE_TYPE } },
	{ "struct pages of the region", EINVAL,
	  { KVM_MEMTYPE_TEST_REGION, .flags = PAGES } },
};

static void test_module_errors(void)
{
	const char *shows = "the test module refuses bad set-ups";
	bool ok = true;
	int fd, i, ret;

	fd = open("/dev/kvm_memtype_test", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		ksft_test_result_skip("%s: no module\n", shows);
		return;
	}

	ok &= check(mmap(NULL, 65536, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED,
		    shows, "no mapping before set-up", "a mapping");
	for (i = 0; i < ARRAY_SIZE(bad_setups); i++) {
		ret = ioctl(fd, KVM_MEMTYPE_TEST_SETUP, &bad_setups[i].setup);
		ok &= check(ret && errno == bad_setups[i].err, shows,
			    bad_setups[i].what, ret ? strerror(errno) : "ok");
	}
	ksft_test_result(ok, "%s\n", shows);
	close(fd);
}

/* A mapping alone, its file closed, must hold the module. */
static void test_module_busy(void)
{
	const char *shows = "the test module cannot be unloaded while mapped";
	struct mem mem;
	long ret;

	if (!begin(&ram_wb, shows, &mem))
		return;

	close(mem.fd);
	mem.fd = -1;
	ret = syscall(SYS_delete_module, "kvm_memtype_test", O_NONBLOCK);
	ksft_test_result(check(ret && errno == EWOULDBLOCK, shows,
			       "EWOULDBLOCK", ret ? strerror(errno) : "unloaded"),
			 "%s\n", shows);
	unmap(&mem);
}

/* --- The table for people --------------------------------------------------- */

/*
 * Return: how the slot creation failed, or what KVM says of stage 2. A kernel
 * without the debugfs file says nothing.
 */
static const char *table_type(const struct probes *p)
{
	if (p->slot_errno)
		return p->slot_errno == EINVAL ? "refused (EINVAL)" :
						 strerror(p->slot_errno);
	if (p->mapped < 0)
		return "?";
	return p->mapped ? p->s2.type : "nothing";
}

static void table_line(const struct row *row)
{
	struct probes p;
	struct mem mem;
	struct lab lab;
	const char *skip = map_row(row, &mem);

	if (skip) {
		printf("table| %s | - | - | - | - | %s\n", row->demo, skip);
		return;
	}

	lab_create(&lab);
	probe(&lab, &mem, &p, 2);
	printf("table| %s | %s | %s | %s | %s | %s\n", row->demo,
	       outcome_names[p.aligned], outcome_names[p.unaligned],
	       outcome_names[p.exec], outcome_names[p.tables], table_type(&p));
	lab_destroy(&lab);
	unmap(&mem);
}

static void print_table(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].demo)
			table_line(&rows[i]);
}

/* ---------------------------------------------------------------------------- */

static void usage(const char *name)
{
	fprintf(stderr, "%s [--table] [--expect-fwb=0|1] [--expect-dic=0|1]\n"
		"  [--guest-only] [--vfio=BDF] [--fsdax=FILE] [--devdax=FILE]\n"
		"  --table       only say what the guest gets, judge nothing\n"
		"  --expect-fwb  what the CPU has; without it, what KVM says\n"
		"  --expect-dic  what the CPU has; without it, no test of when a page\n"
		"                becomes executable\n"
		"  --guest-only  judge what the guest can do, not what stage 2 has, and\n"
		"                wait seconds only for what hangs: for a bisection\n"
		"  --vfio        PCI device bound to vfio-pci whose BAR 2 is RAM\n"
		"  --fsdax       file on a file system with DAX, at least 2 MiB\n"
		"  --devdax      device DAX\n", name);
	exit(KSFT_FAIL);
}

static bool parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "table", no_argument, NULL, 't' },
		{ "expect-fwb", required_argument, NULL, 'f' },
		{ "expect-dic", required_argument, NULL, 'i' },
		{ "guest-only", no_argument, NULL, 'g' },
		{ "vfio", required_argument, NULL, 'v' },
		{ "fsdax", required_argument, NULL, 's' },
		{ "devdax", required_argument, NULL, 'd' },
		{ }
	};
	bool table = false;
	int c;

	options.fwb = kvm_has_fwb();
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 't':
			table = true;
			break;
		case 'f':
			options.fwb = atoi(optarg);
			break;
		case 'i':
			dic_is_known = *optarg;
			options.dic = atoi(optarg);
			break;
		case 'g':
			guest_only = true;
			break;
		case 'v':
			options.vfio = *optarg ? optarg : NULL;
			break;
		case 's':
			options.fsdax = *optarg ? optarg : NULL;
			break;
		case 'd':
			options.devdax = *optarg ? optarg : NULL;
			break;
		default:
			usage(argv[0]);
		}
	}

	return table;
}

int main(int argc, char **argv)
{
	const struct sigaction alarm = { .sa_handler = on_alarm };
	bool table = parse_options(argc, argv);

	setbuf(stdout, NULL);
	sigaction(SIGALRM, &alarm, NULL);
	if (table) {
		print_table();
		return 0;
	}

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(rows) + ARRAY_SIZE(remaps) +
		      ARRAY_SIZE(exec_rows) + ARRAY_SIZE(mte_remaps) +
		      ARRAY_SIZE(mte_blocks) + 24);

	test_capability();
	test_module_errors();
	test_module_busy();
	test_rows();

	test_remaps();
	test_munmap();
	test_mprotect(&region_nc, "Normal-NC",
		      "mprotect: read-only NC device memory");
	test_mprotect(&ram_wb, "Normal-WB", "mprotect: read-only PFNMAP RAM");
	test_prot_none(&region_nc, "Normal-NC",
		       "mprotect: NC device memory that the VMM may not read");
	test_prot_none(&ram_wb, "Normal-WB",
		       "mprotect: PFNMAP RAM that the VMM may not read");
	test_write_only(&region_nc, "Normal-NC",
			"mprotect: NC device memory with PROT_WRITE alone");
	test_cow(KVM_MEMTYPE_TEST_NC, "Normal-NC",
		 "the VMM's copy of a private NC page is Normal NC");
	test_cow(KVM_MEMTYPE_TEST_WB, "Normal-WB",
		 "the VMM's copy of a private WB page is Normal WB");

	test_exec_rows();

	test_second_vma(false,
			"a refused VMA behind another one in the same slot");
	test_second_vma(true, "a refused VMA behind a hole in the slot");
	test_dirty_log();
	test_logged(NULL, "Normal-WB",
		    "dirty logging: a read does not make a page writable");
	test_logged(&ram_wb, "Normal-WB",
		    "dirty logging: a read of PFNMAP RAM put into the slot");
	test_logged(&region_nc, "Normal-NC",
		    "dirty logging: a read of NC memory put into the slot");
	test_mte(KVM_MEMTYPE_TEST_REGION, KVM_MEMTYPE_TEST_WB, EINVAL,
		 "cacheable device memory is refused in a VM with MTE");
	test_mte(KVM_MEMTYPE_TEST_REGION, KVM_MEMTYPE_TEST_NC,
		 COMPAT_MTE_NC_ERRNO,
		 "NC device memory in a VM with MTE is answered as before");
	test_mte_remaps();
	test_exec_leak(&(struct row){ RAM(NONCACHEABLE), NC },
		       "exec of NC RAM does not leak the page");
	test_exec_leak(&(struct row){ RAM(DEVICE), NGNRE },
		       "exec of RAM mapped Device does not leak the page");
	test_exec_leak(&(struct row){ .map = map_fsdax, .truth = MEMORY },
		       "exec of fsdax memory does not leak the page");
	test_slot_leak(&ram_wb, "the check of a slot does not leak PFNMAP RAM");
	test_slot_leak(&(struct row){ RAM(MEMORY), WB, .flags = PAGES },
		       "the check of a slot does not leak a MIXEDMAP page");

	ksft_finished();
}
