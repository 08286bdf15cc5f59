/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a VMM, of every kind that KVM tells apart, for the tests of what a
 * guest gets from it.
 */
#ifndef SELFTEST_KVM_MEMTYPE_BACKING_H
#define SELFTEST_KVM_MEMTYPE_BACKING_H

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/udmabuf.h>

#include "kselftest.h"
#include "kvm_util.h"
#include "test_util.h"

#include "memtype_vfio.h"
#include "selftest_compat.h"
#include "../test_modules/kvm_memtype_test.h"

#define BLOCK		0x200000UL

/* The rows of the truth table. */
enum truth {
	MEMORY,		/* cacheable, with a KVA */
	COHERENT,	/* cacheable, without a KVA: refused without FWB */
	NONCACHEABLE,
	RELAXED,	/* Device, with VM_ALLOW_ANY_UNCACHED */
	DEVICE,
};

enum leaf_size {
	ANY_LEAF,
	PAGE_LEAF,
	BLOCK_LEAF,	/* what an entry of the PMD level maps */
};

/* Memory of the VMM. */
struct mem {
	void *hva;
	size_t size;
	int fd;
};

/* One kind of memory that a VMM can have. */
struct row {
	const char *shows;
	/* Return: why the row cannot run here, or NULL. */
	const char *(*map)(const struct row *row, struct mem *mem);
	enum truth truth;
	__u32 source;
	__u32 type;
	__u32 flags;
	__u32 pte_type;
	/* The memslot check looks at cacheable VMAs only. */
	bool refused_at_run;
	/* The leaf size that must appear, if it matters. */
	enum leaf_size leaf;
	/* The name in the table that --table prints. */
	const char *demo;
};

static struct {
	bool fwb;
	bool dic;
	const char *vfio;
	const char *fsdax;
	const char *devdax;
} options;

/* By a VM: Linux 7.3 without the series has no answer on /dev/kvm. */
static inline bool kvm_has_fwb(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	bool fwb = vm_check_cap(vm, KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED);

	kvm_vm_free(vm);
	return fwb;
}

/* What hangs does not come to its end by itself. */
static inline void bail_out_on_alarm(int sig)
{
	static const char text[] = "Bail out! something hangs\n";

	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(KSFT_FAIL);
	_exit(KSFT_FAIL);
}

/* The options of a test that has these two only. */
static inline void parse_fwb_and_vfio(int argc, char **argv,
				      void (*usage)(const char *name))
{
	static const struct option known[] = {
		{ "expect-fwb", required_argument, NULL, 'f' },
		{ "vfio", required_argument, NULL, 'v' },
		{ }
	};
	int c;

	options.fwb = kvm_has_fwb();
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'f':
			options.fwb = atoi(optarg);
			break;
		case 'v':
			options.vfio = *optarg ? optarg : NULL;
			break;
		default:
			usage(argv[0]);
		}
	}
}

/* Return: @ok, having said what there was instead. */
static inline bool expect(bool ok, const char *what, const char *got)
{
	if (!ok)
		ksft_print_msg("%s: got %s\n", what, got);
	return ok;
}

/* The entry of level @level, 0 is the last, of the guest's own table for @gva. */
static inline u64 *stage1_entry(struct kvm_vm *vm, u64 gva, unsigned int level)
{
	u64 *table = addr_gpa2hva(vm, compat_pgd(vm));
	unsigned int bits = vm->page_shift - 3;
	u64 mask = (1ULL << 48) - vm->page_size;
	unsigned int at;

	for (at = compat_pgtable_levels(vm) - 1; ; at--) {
		table += (gva >> (vm->page_shift + bits * at)) &
			 ((1ULL << bits) - 1);
		if (at == level)
			return table;
		table = addr_gpa2hva(vm, *table & mask);
	}
}

static inline const char *try_map(struct mem *mem, int prot, int flags, int fd)
{
	mem->fd = fd;
	mem->hva = mmap(NULL, mem->size, prot, flags, fd, 0);
	TEST_ASSERT(mem->hva != MAP_FAILED, "mmap: %s", strerror(errno));
	return NULL;
}

static inline const char *map_shared(struct mem *mem, int fd)
{
	return try_map(mem, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
}

static inline void unmap(struct mem *mem)
{
	munmap(mem->hva, mem->size);
	if (mem->fd >= 0)
		close(mem->fd);
}

/* A parameter that the test module was loaded with, 0 if it was not. */
static inline unsigned long long module_parameter(const char *name)
{
	unsigned long long value = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path),
		 "/sys/module/kvm_memtype_test/parameters/%s", name);
	file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%llu", &value) != 1)
			value = 0;
		fclose(file);
	}

	return value;
}

/*
 * Open the test module's device and choose what it maps. @phys is for rows whose
 * source is physical memory.
 */
static inline const char *open_module_at(const struct row *row, __u64 phys,
					 struct mem *mem, int *fd)
{
	struct kvm_memtype_test_setup setup = {
		.source = row->source,
		.type = row->type,
		.flags = row->flags,
		.pte_type = row->pte_type,
		.phys = phys,
		.size = mem->size,
	};

	*fd = open("/dev/kvm_memtype_test", O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return "no module kvm_memtype_test";

	if (row->source == KVM_MEMTYPE_TEST_REGION &&
	    mem->size > module_parameter("size")) {
		close(*fd);
		return "kvm_memtype_test has less memory (phys=, size=)";
	}

	if (!ioctl(*fd, KVM_MEMTYPE_TEST_SETUP, &setup))
		return NULL;

	close(*fd);
	if (errno == ENOMEM)
		return "not enough contiguous memory";
	TEST_ASSERT(errno == EOPNOTSUPP, "setup: %s", strerror(errno));
	return "not in this kernel";
}

static inline const char *open_module(const struct row *row, struct mem *mem, int *fd)
{
	return open_module_at(row, 0, mem, fd);
}

static inline const char *map_module(const struct row *row, struct mem *mem)
{
	const char *skip;
	int fd;

	mem->size = 4 * getpagesize();
	skip = open_module(row, mem, &fd);
	return skip ?: map_shared(mem, fd);
}

/* One private page, which a write by the VMM replaces by an anonymous page. */
static inline const char *map_private(const struct row *row, struct mem *mem)
{
	const char *skip;
	int fd;

	mem->size = getpagesize();
	skip = open_module(row, mem, &fd);
	return skip ?: try_map(mem, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
}

static inline struct kvm_memtype_test_page module_page(int fd, __u64 index)
{
	struct kvm_memtype_test_page page = { .index = index };

	TEST_ASSERT(!ioctl(fd, KVM_MEMTYPE_TEST_PAGE, &page),
		    "KVM_MEMTYPE_TEST_PAGE: %s", strerror(errno));
	return page;
}

/* Physical address of memory that this process has touched. */
static inline __u64 phys_of(void *hva)
{
	off_t offset = (unsigned long)hva / getpagesize() * sizeof(__u64);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry = 0;

	TEST_ASSERT(pread(fd, &entry, sizeof(entry), offset) == sizeof(entry),
		    "pagemap: %s", strerror(errno));
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * getpagesize();
}

/* /dev/mem on a page that stays allocated, because KVM takes a reference. */
static inline const char *map_dev_mem_flags(struct mem *mem, int flags)
{
	static const struct row ram = { .source = KVM_MEMTYPE_TEST_RAM };
	const char *skip;
	int fd, dev_mem;

	mem->size = getpagesize();
	skip = open_module(&ram, mem, &fd);
	if (skip)
		return skip;

	dev_mem = open("/dev/mem", O_RDWR | O_CLOEXEC | flags);
	if (dev_mem < 0) {
		close(fd);
		return "no /dev/mem";
	}

	mem->fd = fd;
	mem->hva = mmap(NULL, mem->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			dev_mem, module_page(fd, 0).phys);
	close(dev_mem);
	if (mem->hva != MAP_FAILED)
		return NULL;

	close(fd);
	return "/dev/mem does not map RAM (STRICT_DEVMEM)";
}

static inline const char *map_dev_mem(const struct row *row, struct mem *mem)
{
	return map_dev_mem_flags(mem, 0);
}

static inline const char *map_dev_mem_sync(const struct row *row, struct mem *mem)
{
	return map_dev_mem_flags(mem, O_SYNC);
}

static inline const char *map_anon(const struct row *row, struct mem *mem)
{
	mem->size = 4 * getpagesize();
	return try_map(mem, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* What an entry of the PMD level maps: 2 MiB with 4K pages, 512 MiB with 64K. */
static inline size_t block_size(void)
{
	return (size_t)getpagesize() * getpagesize() / sizeof(u64);
}

/* Map @nr pages of the host in the guest's own tables, whose pages may be smaller. */
static inline void map_host_pages(struct kvm_vm *vm, u64 gva, u64 gpa, u64 nr)
{
	virt_map(vm, gva, gpa, nr * getpagesize() / vm->page_size);
}

static inline const char *map_hugetlb(const struct row *row, struct mem *mem)
{
	mem->fd = -1;
	mem->size = block_size();
	mem->hva = mmap(NULL, mem->size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	return mem->hva == MAP_FAILED ? "no free huge page" : NULL;
}

/* Anonymous memory of this process that lies in huge pages, in KiB. */
static inline unsigned long long huge_kib(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *file = fopen("/proc/self/smaps_rollup", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "AnonHugePages: %llu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

static inline const char *map_thp(const struct row *row, struct mem *mem)
{
	unsigned long long before = huge_kib();
	size_t size = block_size();
	char *hva;

	mem->size = 2 * size;
	try_map(mem, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	hva = (void *)(((unsigned long)mem->hva + size - 1) & ~(size - 1));
	munmap(mem->hva, hva - (char *)mem->hva);
	munmap(hva + size, (char *)mem->hva + size - hva);
	mem->hva = hva;
	mem->size = size;
	if (madvise(mem->hva, mem->size, MADV_HUGEPAGE)) {
		unmap(mem);
		return "no transparent huge pages";
	}

	*hva = 0;
	if (huge_kib() == before) {
		unmap(mem);
		return "no free huge page";
	}

	return NULL;
}

static inline int memfd_or_fail(struct mem *mem)
{
	int fd = memfd_create("memory_types", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	TEST_ASSERT(fd >= 0 && !ftruncate(fd, mem->size), "memfd: %s",
		    strerror(errno));
	return fd;
}

static inline const char *map_memfd(const struct row *row, struct mem *mem)
{
	mem->size = 4 * getpagesize();
	return map_shared(mem, memfd_or_fail(mem));
}

static inline const char *map_udmabuf(const struct row *row, struct mem *mem)
{
	struct udmabuf_create create = { 0 };
	int dev, fd;

	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return "no /dev/udmabuf";

	mem->size = 4 * getpagesize();
	create.size = mem->size;
	create.memfd = memfd_or_fail(mem);
	TEST_ASSERT(!fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK),
		    "F_SEAL_SHRINK: %s", strerror(errno));
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	TEST_ASSERT(fd >= 0, "UDMABUF_CREATE: %s", strerror(errno));
	close(create.memfd);
	close(dev);
	return map_shared(mem, fd);
}

static inline const char *map_file(const char *path, size_t size, struct mem *mem)
{
	int fd;

	if (!path)
		return "not named on the command line";

	fd = open(path, O_RDWR | O_CLOEXEC);
	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	mem->size = size;
	return map_shared(mem, fd);
}

static inline const char *map_fsdax(const struct row *row, struct mem *mem)
{
	return map_file(options.fsdax, BLOCK, mem);
}

/* The device wants a multiple of its alignment, which is PMD_SIZE by default. */
static inline const char *map_devdax(const struct row *row, struct mem *mem)
{
	return map_file(options.devdax, block_size(), mem);
}

static inline const char *map_vfio(const struct row *row, struct mem *mem)
{
	struct vfio_region_info info;
	int device;

	if (!options.vfio)
		return "not named on the command line";

	device = vfio_open(options.vfio);
	info = vfio_bar2(device, options.vfio);
	mem->fd = -1;
	mem->size = 4 * getpagesize();
	mem->hva = mmap(NULL, mem->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			device, info.offset);
	TEST_ASSERT(mem->hva != MAP_FAILED, "mmap: %s", strerror(errno));
	return NULL;
}

/*
 * Return: why the row cannot run here, or NULL. pKVM shares RAM with a guest,
 * cacheable, and nothing else.
 */
static inline const char *map_row(const struct row *row, struct mem *mem)
{
	if (compat_is_pkvm() && (row->truth != MEMORY || row->map == map_fsdax ||
				 row->map == map_devdax))
		return "pKVM maps nothing but RAM, and that cacheable";

	return row->map(row, mem);
}

/* Memory of the test module that belongs into this row of the truth table. */
#define REGION(row)	.map = map_module, .truth = row, \
			.source = KVM_MEMTYPE_TEST_REGION
#define RAM(row)	.map = map_module, .truth = row, \
			.source = KVM_MEMTYPE_TEST_RAM
#define WB	.type = KVM_MEMTYPE_TEST_WB
#define NC	.type = KVM_MEMTYPE_TEST_NC
#define NGNRE	.type = KVM_MEMTYPE_TEST_NGNRE
#define NGNRNE	.type = KVM_MEMTYPE_TEST_NGNRNE
#define ANY	KVM_MEMTYPE_TEST_ANY_UNCACHED
#define MIXED	KVM_MEMTYPE_TEST_MIXEDMAP
#define LAZY	KVM_MEMTYPE_TEST_LAZY
#define PTE(t)	(LAZY | KVM_MEMTYPE_TEST_PTE_TYPE), \
		.pte_type = KVM_MEMTYPE_TEST_##t
#define PAGES	(MIXED | KVM_MEMTYPE_TEST_STRUCT_PAGE)
#define SPLIT	KVM_MEMTYPE_TEST_SPLIT
#define MKWRITE	(LAZY | KVM_MEMTYPE_TEST_MKWRITE)
#define NO_WRITE	(MKWRITE | KVM_MEMTYPE_TEST_NO_WRITE)
#define SWAP	(LAZY | KVM_MEMTYPE_TEST_SWAP)
#define ODD(t)	(LAZY | KVM_MEMTYPE_TEST_PTE_TYPE | KVM_MEMTYPE_TEST_ODD), \
		.pte_type = KVM_MEMTYPE_TEST_##t

#endif /* SELFTEST_KVM_MEMTYPE_BACKING_H */
