/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time, for what measures: nanoseconds, which are instructions in an emulator that
 * counts them.
 */
#ifndef SELFTEST_KVM_MEMTYPE_CLOCK_H
#define SELFTEST_KVM_MEMTYPE_CLOCK_H

#include <stdbool.h>
#include <time.h>

#include "test_util.h"

static inline u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

#define TIME_OF_LOOP(insn)						\
({									\
	u64 n = 100000, time = now();					\
									\
	asm volatile("1: " insn "\n"					\
		     "subs %0, %0, #1\n"				\
		     "b.ne 1b"						\
		     : "+r" (n) : : "cc");				\
	now() - time;							\
})

static inline bool about(u64 a, u64 b)
{
	return a < b + b / 20 && b < a + a / 20;
}

/*
 * In an emulator that counts instructions, a nanosecond each, an ISB takes the
 * time of a NOP. It does not on any hardware.
 */
static inline bool counts_instructions(void)
{
	return about(TIME_OF_LOOP("nop"), 300000) &&
	       about(TIME_OF_LOOP("isb"), 300000);
}

#endif /* SELFTEST_KVM_MEMTYPE_CLOCK_H */
