// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a guest that does what its memory type forbids?
 *
 * Scenario: guests of each kind (AArch64 and AArch32, at EL1 and EL0) do to
 * memory of each type what stage 1, which is Normal Write-Back throughout,
 * allows. Property: an access that stage 2 forbids is an exception of the guest,
 * the one that the architecture has for it: vector, syndrome, address, return
 * address and state are checked bit by bit. KVM_RUN never fails, and the VM goes
 * on.
 *
 * The VMM sets up the whole state of the vCPU, lets it do one thing, and reads
 * what the exception has left in the registers: there is no guest code that
 * could get it wrong. Accesses that a CPU may or may not support for some memory
 * (exclusives and atomics outside of Write-Back) can have several outcomes.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <signal.h>
#include <sys/auxv.h>
#include <sys/time.h>

#include <asm/hwcap.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "kselftest.h"

#include "memtype_backing.h"
#include "selftest_compat.h"

/* Guest physical memory. Stage 1 maps it 1:1, in blocks of 2M. */
#define BASE		0x40000000UL	/* code, vectors, tables: ordinary memory */
#define SLOT_GPA	(BASE + BLOCK)	/* the memory under test */
#define MMIO		(BASE + 2 * BLOCK) /* no memory: a store here ends a run */
#define TABLES_VA	0x80000000UL	/* through tables in the memory under test */

/* In BASE */
#define CODE		0x0000UL
#define VECTORS		0x1000UL
#define VECTORS32	0x2000UL
#define SHORT_TABLE	0x4000UL	/* 16K, as large as its alignment */
#define L1_TABLE	0x8000UL
#define L2_TABLE	0x9000UL

/* Stores to MMIO + n: 0 is the end of the code, VECTOR + 4 * n is vector n */
#define VECTOR		0x100UL
#define DONE		(-1)

#define ID_SCTLR_EL1	ARM64_SYS_REG(3, 0, 1, 0, 0)
#define ID_CPACR_EL1	ARM64_SYS_REG(3, 0, 1, 0, 2)
#define ID_TTBR0_EL1	ARM64_SYS_REG(3, 0, 2, 0, 0)
#define ID_TCR_EL1	ARM64_SYS_REG(3, 0, 2, 0, 2)
#define ID_ESR_EL1	ARM64_SYS_REG(3, 0, 5, 2, 0)
#define ID_FAR_EL1	ARM64_SYS_REG(3, 0, 6, 0, 0)
#define ID_MAIR_EL1	ARM64_SYS_REG(3, 0, 10, 2, 0)
#define ID_VBAR_EL1	ARM64_SYS_REG(3, 0, 12, 0, 0)
#define ID_PFR0_EL1	ARM64_SYS_REG(3, 0, 0, 4, 0)
#define ID_DACR32_EL2	ARM64_SYS_REG(3, 4, 3, 0, 0)

/* The reset value, MMU and caches on */
#define SCTLR32		(0x00c50078UL | BIT(0) | BIT(2) | BIT(12))
/* No nAA, but DC ZVA and cache maintenance at EL0 */
#define SCTLR		((SCTLR32 & ~BIT(6)) | BIT(14) | BIT(26))
/* 39 bits from level 1 on, Write-Back, Inner Shareable, nothing in TTBR1 */
#define TCR		(25UL | (1UL << 8) | (1UL << 10) | (3UL << 12) | \
			 BIT(23) | (2UL << 32))
/* The same for AArch32: 32 bits from level 1 on */
#define TTBCR_LPAE	(BIT(31) | (1UL << 8) | (1UL << 10) | (3UL << 12))

#define S1_TABLE	0x3UL
/* Block, access flag, Inner Shareable, AttrIndx 0, which is Write-Back */
#define S1_BLOCK	(BIT(10) | (3UL << 8) | 0x1UL)
#define S1_USER		BIT(6)
#define S1_READ_ONLY	BIT(7)
#define S1_XN		(BIT(54) | BIT(53))
/* Section, full access, and its type: Write-Back and shareable, or Device */
#define S1_SECTION	(0x2UL | (3UL << 10))
#define SECTION_WB	((1UL << 12) | BIT(3) | BIT(2) | BIT(16))
#define SECTION_DEVICE	(BIT(2) | BIT(4))

#define PSTATE_MASKED	0x1c0UL
#define MODE_EL1	(0x005UL | 0x200UL | PSTATE_MASKED)
#define MODE_EL0	0x000UL
#define MODE32_USR	0x010UL
#define MODE32_SVC	(0x013UL | PSTATE_MASKED)
#define MODE32_ABT	0x17UL
#define MODE_THUMB	BIT(5)

#define FSC(esr)	((esr) & 0x3f)
#define FSC_ALIGN	0x21
#define FSC_SEA	0x10
#define FSC_WALK	0x14	/* + level */
#define FSC_UNSUPPORTED	0x35
#define ESR_IL		BIT(25)
#define ESR_WNR		BIT(6)

/* What became of an access. */
enum outcome {
	OK,
	ALIGN,		/* Alignment fault */
	UNSUPPORTED,	/* Unsupported Exclusive or atomic access */
	SEA,		/* External abort, of the access or of a table walk */
	OTHER,		/* another exception */
	WRONG,		/* an exception, with something wrong in it */
	RUN_FAILED,	/* KVM_RUN failed */
	HANG,		/* KVM_RUN did not come back */
};

static const char * const outcome_names[] = {
	[OK] = "ok",
	[ALIGN] = "Alignment fault",
	[UNSUPPORTED] = "Unsupported Exclusive or atomic",
	[SEA] = "External abort",
	[OTHER] = "another exception",
	[WRONG] = "a wrong exception",
	[RUN_FAILED] = "KVM_RUN fails",
	[HANG] = "hangs",
};

#define ONE_OF(o)	(1U << (o))

/* str r0, [r10, #offset] */
#define A32_STR_MMIO(offset)	(0xe58a0000 | (offset))

/* What an access may come to, by the type that stage 2 gives the memory. */
enum s2_type { S2_WB, S2_NC, S2_DEVICE, NR_S2_TYPES };

static const char * const s2_type_names[] = { "Normal-WB", "Normal-NC", "Device" };

#define ALWAYS_OK	{ ONE_OF(OK), ONE_OF(OK), ONE_OF(OK) }
#define ALWAYS_ALIGN	{ ONE_OF(ALIGN), ONE_OF(ALIGN), ONE_OF(ALIGN) }
#define NOT_DEVICE	{ ONE_OF(OK), ONE_OF(OK), ONE_OF(ALIGN) }
/* DC ZVA to Device is an Alignment fault, which QEMU does not know. */
#define ZERO		{ ONE_OF(OK), ONE_OF(OK), ONE_OF(ALIGN) | ONE_OF(OK) }
/* IMPLEMENTATION DEFINED outside of Write-Back */
#define EXCLUSIVE_BY_CPU (ONE_OF(OK) | ONE_OF(UNSUPPORTED) | ONE_OF(SEA))
#define EXCLUSIVE	{ ONE_OF(OK), EXCLUSIVE_BY_CPU, EXCLUSIVE_BY_CPU }

enum state { A64, A32, T32 };
enum wnr { READ, WRITE, EITHER };

/* One instruction or two; X0 is the address */
struct action {
	__u32 code[2];
	const char *name;
	enum state state;
	/* From the start of a page */
	unsigned int offset;
	enum wnr wnr;
	unsigned int outcomes[NR_S2_TYPES];
	/* Needs HWCAP_ATOMICS */
	bool lse;
	bool fetch;
};

static const struct action actions[] = {
	{ { 0x39400001 }, "ldrb", .offset = 1, .outcomes = ALWAYS_OK },
	{ { 0xf9400001 }, "ldr, aligned", .outcomes = ALWAYS_OK },
	{ { 0xf9000001 }, "str, aligned", .outcomes = ALWAYS_OK },
	{ { 0x79400001 }, "ldrh, unaligned",
	  .offset = 1, .outcomes = NOT_DEVICE },
	{ { 0xf9400001 }, "ldr, unaligned",
	  .offset = 257, .outcomes = NOT_DEVICE },
	{ { 0xf9000001 }, "str, unaligned",
	  .offset = 257, .wnr = WRITE, .outcomes = NOT_DEVICE },
	{ { 0x79000001 }, "strh, unaligned",
	  .offset = 3, .wnr = WRITE, .outcomes = NOT_DEVICE },
	{ { 0xa9400801 }, "ldp, aligned", .offset = 8, .outcomes = ALWAYS_OK },
	{ { 0xa9000801 }, "stp, aligned", .offset = 8, .outcomes = ALWAYS_OK },
	{ { 0xa9400801 }, "ldp, unaligned",
	  .offset = 4, .outcomes = NOT_DEVICE },
	{ { 0xa9000801 }, "stp, unaligned",
	  .offset = 4, .wnr = WRITE, .outcomes = NOT_DEVICE },
	{ { 0x3dc00000 }, "ldr of a SIMD register, aligned",
	  .offset = 16, .outcomes = ALWAYS_OK },
	{ { 0x3dc00000 }, "ldr of a SIMD register, unaligned",
	  .offset = 4, .outcomes = NOT_DEVICE },
	{ { 0x3d800000 }, "str of a SIMD register, unaligned",
	  .offset = 4, .wnr = WRITE, .outcomes = NOT_DEVICE },
	{ { 0xc8dffc01 }, "ldar, aligned", .outcomes = ALWAYS_OK },
	{ { 0xc89ffc01 }, "stlr, aligned", .outcomes = ALWAYS_OK },
	{ { 0xc8dffc01 }, "ldar across 16 bytes",
	  .offset = 13, .wnr = EITHER, .outcomes = ALWAYS_ALIGN },
	{ { 0xc89ffc01 }, "stlr across 16 bytes",
	  .offset = 13, .wnr = EITHER, .outcomes = ALWAYS_ALIGN },
	{ { 0xc85f7c01, 0xc8027c01 }, "ldxr and stxr, aligned",
	  .wnr = EITHER, .outcomes = EXCLUSIVE },
	{ { 0xc85f7c01 }, "ldxr across 16 bytes",
	  .offset = 13, .wnr = EITHER, .outcomes = ALWAYS_ALIGN },
	{ { 0xf8210002 }, "ldadd, aligned",
	  .lse = true, .wnr = EITHER, .outcomes = EXCLUSIVE },
	{ { 0xc8a17c02 }, "cas, aligned",
	  .lse = true, .wnr = EITHER, .outcomes = EXCLUSIVE },
	{ { 0xf8210002 }, "ldadd across 16 bytes",
	  .lse = true, .offset = 13, .wnr = EITHER,
	  .outcomes = ALWAYS_ALIGN },
	{ { 0xf9800000 }, "prfm", .offset = 1, .outcomes = ALWAYS_OK },
	{ { 0xd50b7420 }, "dc zva",
	  .offset = 1, .wnr = EITHER, .outcomes = ZERO },
	{ { 0xd50b7e20 }, "dc civac", .offset = 1, .outcomes = ALWAYS_OK },
	{ { 0xd50b7a20 }, "dc cvac", .offset = 1, .outcomes = ALWAYS_OK },
	{ { 0xd50b7520 }, "ic ivau", .offset = 1, .outcomes = ALWAYS_OK },

	{ { 0xe5901000 }, "ldr, aligned", .state = A32, .outcomes = ALWAYS_OK },
	{ { 0xe5801000 }, "str, aligned", .state = A32, .outcomes = ALWAYS_OK },
	{ { 0xe5901000 }, "ldr, unaligned",
	  .state = A32, .offset = 257, .outcomes = NOT_DEVICE },
	{ { 0xe5801000 }, "str, unaligned",
	  .state = A32, .offset = 257, .wnr = WRITE,
	  .outcomes = NOT_DEVICE },
	{ { 0xe1d010b0 }, "ldrh, unaligned",
	  .state = A32, .offset = 1, .outcomes = NOT_DEVICE },
	{ { 0xe1c010b0 }, "strh, unaligned",
	  .state = A32, .offset = 3, .wnr = WRITE, .outcomes = NOT_DEVICE },
	{ { 0xe1901f9f }, "ldrex, aligned",
	  .state = A32, .wnr = EITHER, .outcomes = EXCLUSIVE },
	{ { 0xe1901f9f }, "ldrex, unaligned",
	  .state = A32, .offset = 1, .wnr = EITHER,
	  .outcomes = ALWAYS_ALIGN },

	{ { 0xbf006801 }, "ldr, aligned", .state = T32, .outcomes = ALWAYS_OK },
	{ { 0xbf006801 }, "ldr, unaligned",
	  .state = T32, .offset = 257, .outcomes = NOT_DEVICE },
	{ { 0xbf006001 }, "str, unaligned",
	  .state = T32, .offset = 257, .wnr = WRITE,
	  .outcomes = NOT_DEVICE },
};

/* A load through tables in the memory under test, and a fetch. */
#define WALK	{ ONE_OF(OK), ONE_OF(OK), ONE_OF(SEA) }
static const struct action walks[] = {
	{ { 0xf9400001 }, "a load", .outcomes = WALK },
	{ { 0xf9000001 }, "a store", .wnr = EITHER, .outcomes = WALK },
	{ { 0xd61f0000 }, "a fetch", .offset = CODE + 4, .fetch = true,
	  .outcomes = WALK },
};

/* --- The guests ------------------------------------------------------------ */

enum el1 { EL1_64, EL1_SHORT, EL1_LPAE };

struct guest {
	const char *name;
	enum el1 el1;
	enum state state;
	bool user;
};

static const struct guest guests[] = {
	{ "AArch64 EL1", EL1_64, A64, false },
	{ "AArch64 EL0", EL1_64, A64, true },
	{ "A32 EL0 below AArch64", EL1_64, A32, true },
	{ "T32 EL0 below AArch64", EL1_64, T32, true },
	{ "AArch32 SVC, short descriptors", EL1_SHORT, A32, false },
	{ "AArch32 USR, short descriptors", EL1_SHORT, A32, true },
	{ "AArch32 SVC, long descriptors", EL1_LPAE, A32, false },
	{ "AArch32 USR, long descriptors", EL1_LPAE, A32, true },
};

struct lab {
	const struct guest *guest;
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	char *base;
	struct mem mem;
};

static __u64 guest_mode(const struct guest *guest)
{
	if (guest->state == T32)
		return MODE32_USR | MODE_THUMB;
	if (guest->state == A32)
		return guest->user ? MODE32_USR : MODE32_SVC;
	return guest->user ? MODE_EL0 : MODE_EL1;
}

/*
 * Vector n stores to MMIO + VECTOR + 4 * n. That of Data Aborts in AArch32 reads
 * SPSR_abt before; its store is in the unused slot behind it.
 */
static void write_vectors(char *base)
{
	int i;

	for (i = 0; i < 16; i++)
		*(__u32 *)(base + VECTORS + 128 * i) =
			0xb9000140 | (VECTOR / 4 + i) << 10;	/* str w0, [x10, #] */
	for (i = 0; i < 8; i++)
		*(__u32 *)(base + VECTORS32 + 4 * i) = A32_STR_MMIO(VECTOR + 4 * i);
	*(__u32 *)(base + VECTORS32 + 0x10) = 0xe14f1000;	/* mrs r1, spsr */
	*(__u32 *)(base + VECTORS32 + 0x14) = A32_STR_MMIO(VECTOR + 0x10);
}

/* Code that AArch64 EL0 may write is none for EL1. */
static void write_tables(char *base)
{
	__u64 *l1 = (__u64 *)(base + L1_TABLE), *l2 = (__u64 *)(base + L2_TABLE);
	__u32 *sections = (__u32 *)(base + SHORT_TABLE);

	l1[BASE >> 30] = (BASE + L2_TABLE) | S1_TABLE;
	l1[TABLES_VA >> 30] = SLOT_GPA | S1_TABLE;
	l2[0] = BASE | S1_BLOCK | S1_USER | S1_READ_ONLY;
	l2[1] = SLOT_GPA | S1_BLOCK | S1_USER;
	l2[2] = MMIO | S1_BLOCK | S1_USER | S1_XN;

	sections[BASE >> 20] = BASE | S1_SECTION | SECTION_WB;
	sections[SLOT_GPA >> 20] = SLOT_GPA | S1_SECTION | SECTION_WB;
	sections[MMIO >> 20] = MMIO | S1_SECTION | SECTION_DEVICE;
}

static void set_sys_regs(struct lab *lab)
{
	struct kvm_vcpu *vcpu = lab->vcpu;
	enum el1 el1 = lab->guest->el1;

	vcpu_set_reg(vcpu, ID_CPACR_EL1, 3UL << 20);
	vcpu_set_reg(vcpu, ID_MAIR_EL1, 0xff);
	vcpu_set_reg(vcpu, ID_TTBR0_EL1,
		     BASE + (el1 == EL1_SHORT ? SHORT_TABLE : L1_TABLE));
	vcpu_set_reg(vcpu, ID_TCR_EL1, el1 == EL1_64 ? TCR :
					 el1 == EL1_LPAE ? TTBCR_LPAE : 0);
	vcpu_set_reg(vcpu, ID_VBAR_EL1,
		     BASE + (el1 == EL1_64 ? VECTORS : VECTORS32));
	if (el1 != EL1_64)
		vcpu_set_reg(vcpu, ID_DACR32_EL2, 1);
	vcpu_set_reg(vcpu, ID_SCTLR_EL1, el1 == EL1_64 ? SCTLR : SCTLR32);
}

static void lab_create(struct lab *lab, const struct guest *guest)
{
	struct kvm_vcpu_init init;
	struct kvm_vm *vm = vm_create_barebones();

	lab->guest = guest;
	lab->vm = vm;
	lab->base = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(lab->base != MAP_FAILED, "mmap: %s", strerror(errno));
	write_vectors(lab->base);
	write_tables(lab->base);

	lab->vcpu = __vm_vcpu_add(vm, 0);
	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	if (guest->el1 != EL1_64)
		init.features[0] |= BIT(KVM_ARM_VCPU_EL1_32BIT);
	vcpu_ioctl(lab->vcpu, KVM_ARM_VCPU_INIT, &init);
	vm_set_user_memory_region(vm, 0, 0, BASE, BLOCK, lab->base);
	set_sys_regs(lab);
}

static void lab_destroy(struct lab *lab)
{
	kvm_vm_free(lab->vm);
	munmap(lab->base, BLOCK);
}

/*
 * A new slot each time: with nothing in stage 2 and the TLB, it is the walk of
 * stage 2 that finds the access illegal, and not stage 1.
 */
static void lab_new_slot(struct lab *lab)
{
	/* fails the first time */
	__vm_set_user_memory_region(lab->vm, 1, 0, SLOT_GPA, 0, NULL);
	vm_set_user_memory_region(lab->vm, 1, 0, SLOT_GPA, lab->mem.size,
				  lab->mem.hva);
}

/* The instructions, and behind them the store that ends the run. */
static void write_code(struct lab *lab, const struct action *action)
{
	static const __u32 end[] = {
		[A64] = 0xb9000140,	/* str w0, [x10] */
		[A32] = A32_STR_MMIO(0),
		[T32] = 0x0000f8ca,	/* str.w r0, [r10] */
	};
	__u32 *code = (__u32 *)(lab->base + CODE);

	*code++ = action->code[0];
	if (action->code[1])
		*code++ = action->code[1];
	*code++ = end[action->state];
	__builtin___clear_cache(lab->base + CODE, (char *)code);
}

/* Return: the vector, DONE, or the reason why there is none. */
static enum outcome lab_run(struct lab *lab, const struct action *action,
			    __u64 address, int *vector)
{
	const struct itimerval limit = { .it_value.tv_sec = 20 };
	const struct itimerval off = { };
	struct kvm_vcpu *vcpu = lab->vcpu;
	struct kvm_run *run = vcpu->run;
	int ret;

	write_code(lab, action);
	vcpu_set_reg(vcpu, ID_ESR_EL1, 0);
	vcpu_set_reg(vcpu, ID_FAR_EL1, 0);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(spsr[KVM_SPSR_ABT]), 0);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.regs[0]), address);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.regs[10]), MMIO);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), BASE + CODE);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pstate), guest_mode(lab->guest));

	setitimer(ITIMER_REAL, &limit, NULL);
	ret = __vcpu_run(vcpu);
	setitimer(ITIMER_REAL, &off, NULL);
	if (ret)
		return errno == EINTR ? HANG : RUN_FAILED;

	TEST_ASSERT(run->exit_reason == KVM_EXIT_MMIO &&
		    run->mmio.phys_addr >= MMIO &&
		    run->mmio.phys_addr < MMIO + VECTOR + 64,
		    "%s: exit reason %u, address 0x%llx", action->name,
		    run->exit_reason, run->mmio.phys_addr);
	*vector = run->mmio.phys_addr == MMIO ? DONE :
		  (int)(run->mmio.phys_addr - MMIO - VECTOR) / 4;
	return OK;
}

/* --- What the exception has to look like ------------------------------------ */

static bool same(__u64 got, __u64 want, const char *name, const char *what)
{
	if (got != want)
		ksft_print_msg("%s: %s is 0x%llx instead of 0x%llx\n", name, what,
			       got, want);
	return got == want;
}

static bool check_aarch64(struct lab *lab, const struct action *action,
			  __u64 far, int vector)
{
	const struct guest *guest = lab->guest;
	struct kvm_vcpu *vcpu = lab->vcpu;
	__u64 ec = guest->user ? 0x24 : 0x25;
	/* What Linux 6.1 makes up is sign-extended. */
	__u64 esr = compat_get_reg(vcpu, ID_ESR_EL1) & 0xffffffff;
	__u64 want = ec << 26 | ESR_IL | FSC_ALIGN;
	bool ok;

	if (action->wnr == WRITE || (action->wnr == EITHER && esr & ESR_WNR))
		want |= ESR_WNR;

	ok = same(vector, guest->state != A64 ? 12 : guest->user ? 8 : 4,
		  action->name, "the vector");
	ok &= same(esr, want, action->name, "ESR_EL1");
	ok &= same(compat_get_reg(vcpu, ID_FAR_EL1), far, action->name,
		   "FAR_EL1");
	ok &= same(compat_get_reg(vcpu, ARM64_CORE_REG(elr_el1)), BASE + CODE,
		   action->name, "ELR_EL1");
	ok &= same(compat_get_reg(vcpu, ARM64_CORE_REG(spsr[KVM_SPSR_EL1])) &
		   0x3ff, guest_mode(guest), action->name, "SPSR_EL1");
	return ok & same(compat_get_reg(vcpu, ARM64_CORE_REG(regs.pstate)) &
			 0x3ff, MODE_EL1, action->name, "PSTATE");
}

/*
 * In QEMU (10.0), EL2 and AArch32 do not see the same SPSR of the current mode:
 * KVM has it right if KVM wrote it, and the guest if the hardware did and nothing
 * went to EL2 before the guest has read it.
 */
static __u64 spsr_abt(struct lab *lab)
{
	struct kvm_vcpu *vcpu = lab->vcpu;
	__u64 kvm = compat_get_reg(vcpu, ARM64_CORE_REG(spsr[KVM_SPSR_ABT]));
	__u64 guest = compat_get_reg(vcpu, ARM64_CORE_REG(regs.regs[1]));

	return (kvm & 0x3ff) == guest_mode(lab->guest) ? kvm : guest;
}

static bool check_aarch32(struct lab *lab, const struct action *action,
			  __u64 far, int vector)
{
	struct kvm_vcpu *vcpu = lab->vcpu;
	__u64 dfsr = compat_get_reg(vcpu, ID_ESR_EL1) & 0xffffffff;
	__u64 want = lab->guest->el1 == EL1_LPAE ? BIT(9) | FSC_ALIGN : 1;
	bool ok;

	if (action->wnr == WRITE || (action->wnr == EITHER && dfsr & BIT(11)))
		want |= BIT(11);

	ok = same(vector, 4, action->name, "the vector");
	ok &= same(dfsr, want, action->name, "DFSR");
	ok &= same(compat_get_reg(vcpu, ID_FAR_EL1) & 0xffffffff, far,
		   action->name, "DFAR");
	ok &= same(compat_get_reg(vcpu, ARM64_CORE_REG(regs.regs[20])),
		   BASE + CODE + 8, action->name, "LR_abt");
	ok &= same(spsr_abt(lab) & 0x3ff, guest_mode(lab->guest), action->name,
		   "SPSR_abt");
	return ok & same(compat_get_reg(vcpu, ARM64_CORE_REG(regs.pstate)) & 0x1f,
			 MODE32_ABT, action->name, "the mode");
}

/* An Instruction Abort for a fetch, else a Data Abort; AArch32 has two vectors instead. */
static bool check_class(struct lab *lab, const struct action *action)
{
	__u64 ec = compat_get_reg(lab->vcpu, ID_ESR_EL1) >> 26 & 0x3f;

	return lab->guest->el1 != EL1_64 ||
	       same(ec, (action->fetch ? 0x20 : 0x24) + !lab->guest->user,
		    action->name, "the exception class");
}

/* The fault status of AArch32 in the words of AArch64 */
static unsigned int lab_fsc(struct lab *lab)
{
	__u64 esr = compat_get_reg(lab->vcpu, ID_ESR_EL1);
	unsigned int fs = (esr & 0xf) | (esr >> 6 & 0x10);

	if (lab->guest->el1 != EL1_SHORT)
		return FSC(esr);
	return fs == 1 ? FSC_ALIGN : fs == 0x15 ? FSC_UNSUPPORTED :
	       fs == 8 ? FSC_SEA : 0;
}

static enum outcome lab_exception(struct lab *lab, const struct action *action,
				  __u64 far, int vector)
{
	unsigned int fsc = lab_fsc(lab);
	bool ok;

	if (fsc == FSC_SEA || (fsc >= FSC_WALK && fsc <= FSC_WALK + 3))
		return check_class(lab, action) ? SEA : WRONG;
	if (fsc == FSC_UNSUPPORTED)
		return UNSUPPORTED;
	if (fsc != FSC_ALIGN) {
		ksft_print_msg("%s: vector %d, ESR_EL1 0x%llx\n", action->name,
			       vector, (__u64)compat_get_reg(lab->vcpu,
							     ID_ESR_EL1));
		return OTHER;
	}

	ok = lab->guest->el1 == EL1_64 ? check_aarch64(lab, action, far, vector) :
					 check_aarch32(lab, action, far, vector);
	return ok ? ALIGN : WRONG;
}

static enum outcome lab_do(struct lab *lab, const struct action *action,
			   __u64 address)
{
	enum outcome outcome;
	int vector;

	lab_new_slot(lab);
	outcome = lab_run(lab, action, address, &vector);
	if (outcome != OK)
		return outcome;
	if (vector != DONE)
		outcome = lab_exception(lab, action, address, vector);
	/* or its store would be completed at the next entry */
	vcpu_run_complete_io(lab->vcpu);
	return outcome;
}

/* --- The tests ---------------------------------------------------------------- */

static const struct {
	struct row row;
	enum s2_type type;
} kinds[] = {
	{ { "anonymous memory", map_anon, MEMORY }, S2_WB },
	{ { "write-combined device memory", REGION(NONCACHEABLE), NC }, S2_NC },
	{ { "a vfio-pci BAR", map_vfio, RELAXED }, S2_NC },
	{ { "device memory", REGION(DEVICE), NGNRE }, S2_DEVICE },
	{ { "RAM that the VMM maps Device", RAM(DEVICE), NGNRE }, S2_DEVICE },
};

/* Return: why the guest cannot run here, or NULL. */
static const char *guest_missing(const struct guest *guest)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	bool aarch32;

	if (guest->el1 != EL1_64)
		return kvm_has_cap(KVM_CAP_ARM_EL1_32BIT) ? NULL :
		       "no AArch32 at EL1";
	if (guest->state == A64)
		return NULL;

	vm = vm_create_with_one_vcpu(&vcpu, NULL);
	aarch32 = (compat_get_reg(vcpu, ID_PFR0_EL1) & 0xf) == 2;
	kvm_vm_free(vm);
	return aarch32 ? NULL : "no AArch32 at EL0";
}

static bool check_action(struct lab *lab, const struct action *action,
			 enum s2_type type, __u64 base)
{
	enum outcome got = lab_do(lab, action, base + action->offset);
	bool ok;

	/* What spsr_abt() has is lost if the vCPU is interrupted before MRS */
	if (got == WRONG && lab->guest->el1 != EL1_64)
		got = lab_do(lab, action, base + action->offset);

	ok = action->outcomes[type] & ONE_OF(got);
	if (!ok)
		ksft_print_msg("%s: %s: %s\n", s2_type_names[type], action->name,
			       outcome_names[got]);
	return ok;
}

static bool has_lse(const struct action *action)
{
	return !action->lse || getauxval(AT_HWCAP) & HWCAP_ATOMICS;
}

static bool check_actions(struct lab *lab, enum s2_type type)
{
	bool ok = true;
	int i;

	for (i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].state == lab->guest->state && has_lse(&actions[i]))
			ok &= check_action(lab, &actions[i], type, SLOT_GPA);
	return ok;
}

/* Every access by every guest; the one after an exception shows that it lives. */
static void test_guest(const struct guest *guest, const struct row *row,
		       enum s2_type type)
{
	const char *skip = guest_missing(guest);
	struct lab lab;
	bool ok;

	skip = skip ?: map_row(row, &lab.mem);
	if (skip) {
		ksft_test_result_skip("%s, %s: %s\n", guest->name, row->shows,
				      skip);
		return;
	}

	lab_create(&lab, guest);
	ok = check_actions(&lab, type);
	ksft_test_result(ok, "%s, %s: no access ends the VM\n", guest->name,
			 row->shows);
	lab_destroy(&lab);
	unmap(&lab.mem);
}

/* HCR_EL2.PTW: walks of stage 1 are not for Device memory. */
static void test_walks(const struct row *row, enum s2_type type)
{
	const char *skip;
	struct lab lab;
	bool ok = true;
	int i;

	skip = map_row(row, &lab.mem);
	if (skip) {
		ksft_test_result_skip("stage-1 tables in %s: %s\n", row->shows,
				      skip);
		return;
	}

	lab_create(&lab, &guests[0]);
	WRITE_ONCE(*(__u64 *)lab.mem.hva, BASE | S1_BLOCK);
	for (i = 0; i < ARRAY_SIZE(walks); i++)
		ok &= check_action(&lab, &walks[i], type,
				   TABLES_VA + (i ? 0 : L1_TABLE));
	ksft_test_result(ok, "stage-1 tables in %s: %s\n", row->shows,
			 type == S2_DEVICE ? "abort" : "work");
	lab_destroy(&lab);
	unmap(&lab.mem);
}

/* --- The table for people ------------------------------------------------------ */

static const char *table_cell(struct lab *lab, const struct action *action)
{
	if (!lab->vm)
		return "-";
	return outcome_names[lab_do(lab, action, SLOT_GPA + action->offset)];
}

static void print_table(void)
{
	struct lab labs[ARRAY_SIZE(kinds)];
	const char *skip;
	int i, k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		skip = map_row(&kinds[k].row, &labs[k].mem);
		printf("%s%s", k ? " | " : "access | ", skip ?: kinds[k].row.shows);
		labs[k].vm = NULL;
		if (!skip)
			lab_create(&labs[k], &guests[0]);
	}

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		if (actions[i].state != A64 || !has_lse(&actions[i]))
			continue;
		printf("\n%s", actions[i].name);
		for (k = 0; k < ARRAY_SIZE(kinds); k++)
			printf(" | %s", table_cell(&labs[k], &actions[i]));
	}
	printf("\n");
}

static void on_alarm(int sig)
{
}

int main(int argc, char **argv)
{
	const struct sigaction alarm = { .sa_handler = on_alarm };
	bool table = argc > 1 && !strcmp(argv[1], "--table");
	int i, k;

	if (table)
		argv++, argc--;
	options.vfio = argc > 1 && *argv[1] ? argv[1] : NULL;
	setbuf(stdout, NULL);
	sigaction(SIGALRM, &alarm, NULL);
	if (table) {
		print_table();
		return 0;
	}

	ksft_print_header();
	ksft_set_plan((ARRAY_SIZE(guests) + 1) * ARRAY_SIZE(kinds));
	for (i = 0; i < ARRAY_SIZE(guests); i++)
		for (k = 0; k < ARRAY_SIZE(kinds); k++)
			test_guest(&guests[i], &kinds[k].row, kinds[k].type);
	for (k = 0; k < ARRAY_SIZE(kinds); k++)
		test_walks(&kinds[k].row, kinds[k].type);

	ksft_finished();
}
