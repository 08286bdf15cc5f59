/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that goes on after every fault, and a VMM that lets it.
 *
 * For tests that change memory under a guest and want to know of an access what
 * became of it. Each access has its address in x0 and, if it branches, comes back
 * by x30, so that whoever sees it fail, guest or VMM, knows where it went and
 * how to go on behind it.
 */
#ifndef SELFTEST_KVM_MEMTYPE_GUEST_H
#define SELFTEST_KVM_MEMTYPE_GUEST_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#include "memtype_backing.h"
#include "selftest_compat.h"

#define RET_INSN	0xd65f03c0U

/* What became of one access. */
enum event {
	EV_OK,
	EV_MMIO,	/* KVM_EXIT_MMIO */
	EV_NISV,	/* KVM_EXIT_ARM_NISV: the same, of an access without syndrome */
	EV_EFAULT,	/* KVM_RUN failed with EFAULT */
	EV_EXTERNAL,	/* an external abort, which is the VMM's answer to EV_NISV */
	EV_ALIGN,	/* an alignment fault */
	EV_ATOMIC,	/* no exclusives, or atomics, in such memory */
	EV_DABT,	/* any other data abort */
	EV_IABT,	/* an instruction abort */
	EV_UNDEF,	/* fetched, but no instruction */
	NR_EVENTS
};

static const char * const event_names[] = {
	[EV_OK] = "ok",
	[EV_MMIO] = "MMIO exit",
	[EV_NISV] = "NISV exit",
	[EV_EFAULT] = "KVM_RUN EFAULT",
	[EV_EXTERNAL] = "external abort",
	[EV_ALIGN] = "alignment fault",
	[EV_ATOMIC] = "unsupported exclusive or atomic",
	[EV_DABT] = "data abort",
	[EV_IABT] = "instruction abort",
	[EV_UNDEF] = "undefined instruction",
};

#define ONE_EVENT(e)	(1U << (e))

enum op {
	OP_LOAD8,
	OP_LOAD16,
	OP_LOAD32,
	OP_LOAD64,
	OP_LOAD_PAIR,
	OP_STORE8,
	OP_STORE16,
	OP_STORE32,
	OP_STORE64,
	OP_STORE_PAIR,
	/* Exclusives, and the atomic instructions where the CPU has them. */
	OP_EXCLUSIVE,
	OP_ATOMIC,
	/* What Device memory does not allow. */
	OP_LOAD_UNALIGNED,
	OP_STORE_UNALIGNED,
	OP_ZERO,
	/* Store a RET, and call what is stored. */
	OP_STORE_CODE,
	OP_EXEC,
	NR_OPS
};

/* --- The guest ----------------------------------------------------------- */

/* Called in the guest: something other than EV_OK happened at @addr. */
static void guest_note(u64 addr, enum event event);

#define FSC(esr)	((esr) & 0x3f)
#define FSC_EXTERNAL	0x10
#define FSC_ALIGNMENT	0x21
#define FSC_ATOMIC	0x35

static inline enum event guest_dabt_event(u64 esr)
{
	switch (FSC(esr)) {
	case FSC_EXTERNAL:
		return EV_EXTERNAL;
	case FSC_ALIGNMENT:
		return EV_ALIGN;
	case FSC_ATOMIC:
		return EV_ATOMIC;
	default:
		return EV_DABT;
	}
}

static inline void guest_dabt(struct ex_regs *regs)
{
	guest_note(regs->regs[0], guest_dabt_event(read_sysreg(esr_el1)));
	regs->pc += 4;
}

static inline void guest_iabt(struct ex_regs *regs)
{
	guest_note(regs->regs[0], EV_IABT);
	regs->pc = regs->regs[30];
}

static inline void guest_undef(struct ex_regs *regs)
{
	GUEST_ASSERT(regs->pc == regs->regs[0]);
	guest_note(regs->regs[0], EV_UNDEF);
	regs->pc = regs->regs[30];
}

static inline void guest_install_handlers(struct kvm_vm *vm)
{
	vm_install_sync_handler(vm, VECTOR_SYNC_CURRENT, 0x00, guest_undef);
	vm_install_sync_handler(vm, VECTOR_SYNC_CURRENT, 0x21, guest_iabt);
	vm_install_sync_handler(vm, VECTOR_SYNC_CURRENT, 0x25, guest_dabt);
}

static inline bool guest_has_atomics(void)
{
	return (read_sysreg(id_aa64isar0_el1) >> 20) & 0xf;
}

#define ACCESS(insn)							\
({									\
	asm volatile(insn : "+r" (value), "+r" (other)			\
			  : "r" (x0) : "memory");			\
})

/* Return: what was read, or @value. */
static inline u64 guest_access(enum op op, u64 addr, u64 value)
{
	register u64 x0 asm("x0") = addr;
	u64 other = value;

	switch (op) {
	case OP_LOAD8:
		ACCESS("ldrb %w0, [%2]");
		break;
	case OP_LOAD16:
		ACCESS("ldrh %w0, [%2]");
		break;
	case OP_LOAD32:
		ACCESS("ldr %w0, [%2]");
		break;
	case OP_LOAD64:
	case OP_LOAD_UNALIGNED:
		ACCESS("ldr %0, [%2]");
		break;
	case OP_LOAD_PAIR:
		ACCESS("ldp %0, %1, [%2]");
		break;
	case OP_STORE8:
		ACCESS("strb %w0, [%2]");
		break;
	case OP_STORE16:
		ACCESS("strh %w0, [%2]");
		break;
	case OP_STORE32:
		ACCESS("str %w0, [%2]");
		break;
	case OP_STORE64:
	case OP_STORE_UNALIGNED:
		ACCESS("str %0, [%2]");
		break;
	case OP_STORE_PAIR:
		ACCESS("stp %0, %1, [%2]");
		break;
	case OP_EXCLUSIVE:
		ACCESS("ldxr %0, [%2]\n"
		       "stxr %w1, %0, [%2]");
		break;
	case OP_ATOMIC:
		ACCESS(".arch_extension lse\n"
		       "ldadd %0, %1, [%2]");
		break;
	case OP_ZERO:
		ACCESS("dc zva, %2");
		break;
	case OP_STORE_CODE:
		value = RET_INSN;
		ACCESS("str %w0, [%2]\n"
		       "dc cvau, %2\n"
		       "dsb ish\n"
		       "ic ivau, %2\n"
		       "dsb ish\n"
		       "isb");
		break;
	default:
		asm volatile("blr %0" : : "r" (x0) : "x30", "memory");
		break;
	}

	return value;
}

/* One access that the VMM asks for, and what became of it. */
struct probe {
	u64 addr;
	u64 value;
	u32 op;
	u32 event;
};

#define MAX_PROBES	512

/* In guest memory: a list of accesses to make, one after the other. */
static struct {
	struct probe probes[MAX_PROBES];
	u32 nr;
	u32 at;
} judge;

static inline void guest_judge(void)
{
	struct probe *p;
	u32 i;

	for (;;) {
		for (i = 0; i < READ_ONCE(judge.nr); i++) {
			WRITE_ONCE(judge.at, i);
			p = &judge.probes[i];
			p->value = guest_access(p->op, p->addr, p->value);
		}
		GUEST_SYNC(0);
	}
}

/* --- Its VMM --------------------------------------------------------------- */

static inline void vcpu_skip_access(struct kvm_vcpu *vcpu, u64 addr)
{
	u64 pc = compat_get_reg(vcpu, ARM64_CORE_REG(regs.pc));

	if (pc == addr)
		pc = compat_get_reg(vcpu, ARM64_CORE_REG(regs.regs[30]));
	else
		pc += 4;
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), pc);
}

static inline void vcpu_external_abort(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_events events = { };

	events.exception.ext_dabt_pending = 1;
	vcpu_events_set(vcpu, &events);
}

/*
 * Let the guest run until it stops by itself (EV_OK), or until an access needs
 * the VMM. That one is at @addr. It is done with, except for EV_EFAULT: it is
 * repeated, or skipped with vcpu_skip_access().
 */
static inline enum event vcpu_run_to_event(struct kvm_vcpu *vcpu, u64 *addr)
{
	struct kvm_run *run = vcpu->run;
	struct ucall uc;

	if (__vcpu_run(vcpu)) {
		TEST_ASSERT(errno == EFAULT, "KVM_RUN: %s", strerror(errno));
		*addr = compat_get_reg(vcpu, ARM64_CORE_REG(regs.regs[0]));
		return EV_EFAULT;
	}

	if (run->exit_reason == KVM_EXIT_ARM_NISV) {
		*addr = run->arm_nisv.fault_ipa;
		vcpu_external_abort(vcpu);
		return EV_NISV;
	}

	TEST_ASSERT(run->exit_reason == KVM_EXIT_MMIO, "exit reason %u",
		    run->exit_reason);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		return EV_OK;
	case UCALL_NONE:
		*addr = run->mmio.phys_addr;
		return EV_MMIO;
	default:
		TEST_FAIL("the guest gave up, ucall %lu", (unsigned long)uc.cmd);
	}
}

/* The judge's list as the VMM sees it. */
static inline typeof(judge) *judge_of(struct kvm_vm *vm)
{
	return addr_gva2hva(vm, (u64)&judge);
}

static inline void judge_ask(struct kvm_vm *vm, enum op op, u64 addr, u64 value)
{
	typeof(judge) *list = judge_of(vm);

	TEST_ASSERT(list->nr < MAX_PROBES, "too many probes");
	list->probes[list->nr++] = (struct probe) {
		.addr = addr, .value = value, .op = op,
	};
}

static inline void judge_run(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	typeof(judge) *list = judge_of(vm);
	enum event event;
	u64 addr;

	while ((event = vcpu_run_to_event(vcpu, &addr)) != EV_OK) {
		struct probe *p = &list->probes[list->at];

		p->event = event;
		if (event != EV_EFAULT)
			continue;

		TEST_ASSERT(addr == p->addr, "EFAULT at 0x%llx, not at 0x%llx",
			    (unsigned long long)addr,
			    (unsigned long long)p->addr);
		vcpu_skip_access(vcpu, addr);
	}
}

/* What the memory type table gives for a row, NULL if nothing is mapped. */
static const char *truth_type(enum truth truth)
{
	switch (truth) {
	case MEMORY:
		return "Normal-WB";
	case COHERENT:
		return options.fwb ? "Normal-WB" : NULL;
	case NONCACHEABLE:
	case RELAXED:
		return "Normal-NC";
	default:
		return "Device-nGnRE";
	}
}

#endif /* SELFTEST_KVM_MEMTYPE_GUEST_H */
