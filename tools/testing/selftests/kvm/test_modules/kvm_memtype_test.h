/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interface of the test module kvm_memtype_test, /dev/kvm_memtype_test.
 *
 * open(), one %KVM_MEMTYPE_TEST_SETUP, then any number of mmap()s of the same
 * memory. Pages that the module allocated live until the file and all its
 * mappings are gone.
 */
#ifndef SELFTEST_KVM_MEMTYPE_TEST_H
#define SELFTEST_KVM_MEMTYPE_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Where the memory comes from. */
enum kvm_memtype_test_source {
	/* The module's parameters phys= and size=: memory without a KVA. */
	KVM_MEMTYPE_TEST_REGION,
	/* Pages allocated by the module, each with a reference count. */
	KVM_MEMTYPE_TEST_RAM,
	/* Any physical range, for CAP_SYS_RAWIO. */
	KVM_MEMTYPE_TEST_PHYS,
	KVM_MEMTYPE_TEST_NR_SOURCES
};

/* The memory type of the mapping. */
enum kvm_memtype_test_type {
	KVM_MEMTYPE_TEST_WB,
	KVM_MEMTYPE_TEST_NC,
	KVM_MEMTYPE_TEST_NGNRE,
	KVM_MEMTYPE_TEST_NGNRNE,
	KVM_MEMTYPE_TEST_NR_TYPES
};

/* VM_ALLOW_ANY_UNCACHED; EOPNOTSUPP where the kernel has no such flag. */
#define KVM_MEMTYPE_TEST_ANY_UNCACHED	0x01
/* VM_MIXEDMAP without VM_IO, instead of VM_PFNMAP. */
#define KVM_MEMTYPE_TEST_MIXEDMAP	0x02
/* Fill the mapping in the fault handler instead of at mmap() time. */
#define KVM_MEMTYPE_TEST_LAZY		0x04
/*
 * The entries get the type @pte_type, the VMA keeps @type. Needs LAZY;
 * EOPNOTSUPP with MIXEDMAP where the kernel has no such interface.
 */
#define KVM_MEMTYPE_TEST_PTE_TYPE	0x08
/* Real pages that get_user_pages() finds. Needs MIXEDMAP and source RAM. */
#define KVM_MEMTYPE_TEST_STRUCT_PAGE	0x10
/*
 * Two calls of remap_pfn_range(), the second half of the memory first: the VMA is
 * not contiguous. Not with source RAM, and neither LAZY nor MIXEDMAP.
 */
#define KVM_MEMTYPE_TEST_SPLIT		0x20
/*
 * Entries of a shared mapping are read-only until the process writes, page by
 * page, and become writable in place: no MMU notifier is told. Needs LAZY, without
 * PTE_TYPE.
 */
#define KVM_MEMTYPE_TEST_MKWRITE	0x40
/* Each PMD_SIZE of memory is contiguous and aligned. Needs source RAM. */
#define KVM_MEMTYPE_TEST_BLOCKS		0x80
/* The page in the middle and the one behind it change places. Needs LAZY. */
#define KVM_MEMTYPE_TEST_SWAP		0x100
/* Only the page in the middle has an entry of @pte_type. Needs PTE_TYPE. */
#define KVM_MEMTYPE_TEST_ODD		0x200
/* The driver refuses a write to a read-only entry. Needs MKWRITE. */
#define KVM_MEMTYPE_TEST_NO_WRITE	0x400
#define KVM_MEMTYPE_TEST_FLAGS		0x7ff

/**
 * struct kvm_memtype_test_setup - what later mmap()s of this file map
 * @source: one of enum kvm_memtype_test_source
 * @type: memory type of the VMA, one of enum kvm_memtype_test_type
 * @pte_type: memory type of the entries, with %KVM_MEMTYPE_TEST_PTE_TYPE
 * @flags: %KVM_MEMTYPE_TEST_ANY_UNCACHED and so on
 * @phys: first physical address, with %KVM_MEMTYPE_TEST_PHYS
 * @size: bytes, a multiple of the page size; 0 for the whole region
 */
struct kvm_memtype_test_setup {
	__u32 source;
	__u32 type;
	__u32 pte_type;
	__u32 flags;
	__u64 phys;
	__u64 size;
};

/**
 * struct kvm_memtype_test_page - facts about one page of the set-up memory
 * @index: in: number of the page
 * @phys: out: its physical address
 * @refcount: out: the page's reference count, -1 for memory without struct page
 * @writes: out: how many writes to read-only entries of this file's mappings the
 *	driver was told of, with %KVM_MEMTYPE_TEST_MKWRITE
 */
struct kvm_memtype_test_page {
	__u64 index;
	__u64 phys;
	__s32 refcount;
	__u32 writes;
};

#define KVM_MEMTYPE_TEST_SETUP	_IOW('m', 0x90, struct kvm_memtype_test_setup)
#define KVM_MEMTYPE_TEST_PAGE	_IOWR('m', 0x91, struct kvm_memtype_test_page)

#endif /* SELFTEST_KVM_MEMTYPE_TEST_H */
