// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which memory type does a nested guest get?
 *
 * Scenario: a guest hypervisor at EL2 (L1) maps memory of its VMM for a guest
 * of its own (L2) through stage-2 tables that ask for Normal Write-Back. KVM
 * makes a shadow of these tables. Property: the shadow has the memory type of
 * the VMM's own mapping, as L1's stage 2 has.
 *
 * What L2 can do tells the three types apart: Normal Write-Back allows
 * everything, Normal Non-cacheable no execution, Device no unaligned access
 * either. The Alignment fault belongs to L1, whose stage 2 it is: KVM hands it
 * there and goes on. Skipped without KVM_CAP_ARM_EL2 (a CPU with FEAT_NV2 and
 * kvm-arm.mode=nested).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "kselftest.h"

#include <asm/sysreg.h>

#include "memtype_backing.h"

#define SLOT		10
#define SLOT_GPA	0x100000000ULL
#define RET_INSN	0xd65f03c0U
#define PATTERN		0x6d656d6f72797479ULL

#define EC(esr)		(((esr) >> 26) & 0x3f)
#define EC_HVC64	0x16
#define EC_IABT_CUR	0x21
#define EC_DABT_LOW	0x24
#define FSC(esr)	((esr) & 0x3f)
#define FSC_ALIGNMENT	0x21

/* L1's stage 2: 39 bits, from level 1 on, 4K pages, Write-Back, Inner Shareable */
#define S2_VTCR		(BIT(31) | (2 << 16) | (3 << 12) | BIT(10) | BIT(8) | \
			 BIT(6) | 25)
#define S2_TABLE	0x3UL
#define S2_PAGE		(BIT(10) | (3UL << 8) | (3UL << 6) | (0xfUL << 2) | 0x3UL)

/* HVC immediates of L2 */
#define L2_DONE		0
#define L2_EXCEPTION	1
/* Not one of L2's: it took an abort to L1 */
#define L2_ABORT	2

/* Offsets in L2's page */
#define L2_VECTORS	0
#define L2_ACCESS	2048
#define L2_EXEC		2112

/*
 * L2, in a page of its own: no stack, no data. With stage 1 off and HCR_EL2.DC
 * set its accesses are Normal Write-Back as far as stage 1 is concerned.
 */
asm(".pushsection .l2, \"ax\"\n"
	".balign	4096\n"
	"l2_start:\n"
	".rept		16\n"
	".balign	128\n"
	"mrs	x3, esr_el1\n"
	"hvc	#1\n"
	".endr\n"
	".balign	2048\n"
	"str	x1, [x0]\n"
	"ldr	x2, [x0]\n"
	"hvc	#0\n"
	".balign	64\n"
	"str	w1, [x0]\n"
	"dc	cvau, x0\n"
	"dsb	ish\n"
	"ic	ivau, x0\n"
	"dsb	ish\n"
	"isb\n"
	"mov	x2, x1\n"
	"blr	x0\n"
	"hvc	#0\n"
	".balign	4096\n"
	".popsection\n");

/* For VMM and L1 alike: they are one program. */
static u64 l2_page(void)
{
	u64 page;

	asm("adrp %0, l2_start" : "=r" (page));
	return page;
}

/* What L2 left behind */
static struct {
	u64 imm;
	u64 value;
	u64 esr;
} l2;

static u64 l1_resume;
static u64 l1_pstate;

/* L2 made an HVC: go on in L1, with the registers that L2 had. */
static void l1_hvc_handler(struct ex_regs *regs)
{
	l2.imm = read_sysreg(esr_el1) & 0xffff;
	l2.value = regs->regs[2];
	l2.esr = regs->regs[3];
	regs->pc = l1_resume;
	regs->pstate = l1_pstate;
}

/* A data abort of L2's stage 2. Its address is in FAR_EL2, here FAR_EL1. */
static void l1_dabt_handler(struct ex_regs *regs)
{
	l2.imm = L2_ABORT;
	l2.value = read_sysreg(far_el1);
	l2.esr = read_sysreg(esr_el1);
	regs->pc = l1_resume;
	regs->pstate = l1_pstate;
}

static void l1_enter(u64 pc, u64 a0, u64 a1)
{
	register u64 x0 asm("x0") = a0;
	register u64 x1 asm("x1") = a1;

	asm volatile("adr	x9, 1f\n"
		     "str	x9, [%[resume]]\n"
		     "msr	elr_el2, %[pc]\n"
		     "msr	spsr_el2, %[spsr]\n"
		     "isb\n"
		     "eret\n"
		     "1:\n"
		     : "+r" (x0), "+r" (x1)
		     : [resume] "r" (&l1_resume), [pc] "r" (pc),
		       [spsr] "r" (PSR_MODE_EL1h | PSR_D_BIT | PSR_A_BIT |
				   PSR_I_BIT | PSR_F_BIT)
		     : "x2", "x3", "x9", "x30", "memory");
}

static void l1_code(u64 vttbr, u64 pc, u64 a0, u64 a1)
{
	u64 hcr = read_sysreg(hcr_el2);

	l1_pstate = PSR_MODE_EL2h | PSR_D_BIT | PSR_A_BIT | PSR_I_BIT | PSR_F_BIT;
	write_sysreg(S2_VTCR, vtcr_el2);
	write_sysreg(vttbr, vttbr_el2);
	/* VBAR_EL12 */
	write_sysreg_s(l2_page() + L2_VECTORS, sys_reg(3, 5, 12, 0, 0));
	write_sysreg(HCR_EL2_E2H | HCR_EL2_RW | HCR_EL2_DC | HCR_EL2_VM, hcr_el2);
	isb();

	l1_enter(pc, a0, a1);

	write_sysreg(hcr, hcr_el2);
	isb();
	GUEST_DONE();
}

struct lab {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	u64 sp;
	u64 pstate;
	u64 vttbr;
};

/* The entry for @index in the table at @table; a new table if there is none. */
static u64 s2_next(struct kvm_vm *vm, u64 table, unsigned int index)
{
	u64 *entry = (u64 *)addr_gpa2hva(vm, table) + index;

	if (!*entry)
		*entry = vm_alloc_page_table(vm) | S2_TABLE;
	return *entry & ~0xfffUL;
}

static void s2_map_page(struct lab *lab, u64 ipa, u64 pa)
{
	u64 table;

	table = s2_next(lab->vm, lab->vttbr, (ipa >> 30) & 0x1ff);
	table = s2_next(lab->vm, table, (ipa >> 21) & 0x1ff);
	((u64 *)addr_gpa2hva(lab->vm, table))[(ipa >> 12) & 0x1ff] = pa | S2_PAGE;
}

static void lab_create(struct lab *lab)
{
	struct kvm_vm *vm = compat_vm_create(&lab->vcpu, l1_code);
	u64 code = l2_page(), page;

	lab->vm = vm;
	vm_install_sync_handler(vm, VECTOR_SYNC_LOWER_64, EC_HVC64,
				l1_hvc_handler);
	vm_install_sync_handler(vm, VECTOR_SYNC_LOWER_64, EC_DABT_LOW,
				l1_dabt_handler);
	lab->sp = compat_get_reg(lab->vcpu, ctxt_reg_alias(lab->vcpu, SYS_SP_EL1));
	lab->pstate = compat_get_reg(lab->vcpu, ARM64_CORE_REG(regs.pstate));
	lab->vttbr = vm_alloc_page_table(vm);
	s2_map_page(lab, code, addr_gva2gpa(vm, code));
	for (page = 0; page < 4; page++)
		s2_map_page(lab, SLOT_GPA + page * 4096, SLOT_GPA + page * 4096);
}

/* What became of what L2 tried. */
enum outcome {
	OK,
	EXEC_ABORT,
	OTHER_ABORT,
	L1_ALIGN,	/* L1 got the Alignment fault of L2's access */
	L1_OTHER,	/* L1 got another abort, or another address */
	BAD_DATA,
	RUN_EFAULT,
};

static const char * const outcome_names[] = {
	[OK] = "ok",
	[EXEC_ABORT] = "instruction abort",
	[OTHER_ABORT] = "another exception",
	[L1_ALIGN] = "an Alignment fault at L1",
	[L1_OTHER] = "another abort at L1",
	[BAD_DATA] = "bad data",
	[RUN_EFAULT] = "KVM_RUN EFAULT",
};

static enum outcome lab_run(struct lab *lab, u64 code, u64 addr, u64 value)
{
	struct kvm_vcpu *vcpu = lab->vcpu;
	struct ucall uc;

	memset(&l2, 0, sizeof(l2));
	sync_global_to_guest(lab->vm, l2);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), (u64)l1_code);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pstate), lab->pstate);
	vcpu_set_reg(vcpu, ctxt_reg_alias(vcpu, SYS_SP_EL1), lab->sp);
	vcpu_args_set(vcpu, 4, lab->vttbr, l2_page() + code, addr, value);

	if (__vcpu_run(vcpu)) {
		TEST_ASSERT(errno == EFAULT, "KVM_RUN: %s", strerror(errno));
		return RUN_EFAULT;
	}

	TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_DONE,
		    "L1 stopped with ucall %lu, exit reason %u",
		    (unsigned long)uc.cmd, vcpu->run->exit_reason);
	sync_global_from_guest(lab->vm, l2);
	if (l2.imm == L2_EXCEPTION)
		return EC(l2.esr) == EC_IABT_CUR ? EXEC_ABORT : OTHER_ABORT;
	if (l2.imm == L2_ABORT)
		return FSC(l2.esr) == FSC_ALIGNMENT && l2.value == addr ?
		       L1_ALIGN : L1_OTHER;
	return l2.value == value ? OK : BAD_DATA;
}

#define ONE_OF(o)	(1U << (o))

/* What L2 can do with each row of the truth table. */
static const struct {
	unsigned int unaligned;
	unsigned int exec;
} expects[] = {
	[MEMORY] = { ONE_OF(OK), ONE_OF(OK) },
	[COHERENT] = { ONE_OF(OK), ONE_OF(OK) },
	[NONCACHEABLE] = { ONE_OF(OK), ONE_OF(EXEC_ABORT) },
	[RELAXED] = { ONE_OF(OK), ONE_OF(EXEC_ABORT) },
	[DEVICE] = { ONE_OF(L1_ALIGN), ONE_OF(EXEC_ABORT) },
};

static bool check(enum outcome got, unsigned int want, const char *shows,
		  const char *what)
{
	bool ok = want & ONE_OF(got);

	if (!ok)
		ksft_print_msg("%s: %s: got %s\n", shows, what,
			       outcome_names[got]);
	return ok;
}

static void test_row(const struct row *row)
{
	const char *skip;
	struct mem mem;
	struct lab lab;
	bool ok;

	skip = row->map(row, &mem);
	if (skip) {
		ksft_test_result_skip("%s: %s\n", row->shows, skip);
		return;
	}

	lab_create(&lab);
	vm_set_user_memory_region(lab.vm, SLOT, 0, SLOT_GPA, mem.size, mem.hva);
	ok = check(lab_run(&lab, L2_ACCESS, SLOT_GPA, PATTERN), ONE_OF(OK),
		   row->shows, "aligned access");
	ok &= check(lab_run(&lab, L2_EXEC, SLOT_GPA + 128, RET_INSN),
		    expects[row->truth].exec, row->shows, "exec");
	/* A page that no TLB knows: it is stage 2 that finds fault with it. */
	ok &= check(lab_run(&lab, L2_ACCESS, SLOT_GPA + 4096 + 257, PATTERN),
		    expects[row->truth].unaligned, row->shows,
		    "unaligned access");
	ksft_test_result(ok, "%s\n", row->shows);
	compat_vm_free(lab.vm);
	unmap(&mem);
}

static const struct row rows[] = {
	{ "L2: anonymous memory is Normal WB", map_anon, MEMORY },
	{ "L2: RAM in a PFNMAP is Normal WB", RAM(MEMORY), WB },
	{ "L2: write-combined RAM in a PFNMAP is Normal NC",
	  RAM(NONCACHEABLE), NC },
	{ "L2: cacheable device memory is Normal WB", REGION(COHERENT), WB },
	{ "L2: write-combined device memory is Normal NC",
	  REGION(NONCACHEABLE), NC },
	{ "L2: device memory that the driver relaxes is Normal NC",
	  REGION(RELAXED), NGNRE, .flags = ANY },
	{ "L2: plain device memory is Device", REGION(DEVICE), NGNRE },
	{ "L2: a vfio-pci BAR is Normal NC", map_vfio, RELAXED },
};

int main(int argc, char **argv)
{
	int i;

	setbuf(stdout, NULL);
	ksft_print_header();
	if (!kvm_has_cap(KVM_CAP_ARM_EL2))
		ksft_exit_skip("no nested virtualization (FEAT_NV2, kvm-arm.mode=nested)\n");

	options.vfio = argc > 1 && *argv[1] ? argv[1] : NULL;
	ksft_set_plan(ARRAY_SIZE(rows));
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_row(&rows[i]);

	ksft_finished();
}
