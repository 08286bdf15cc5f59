// SPDX-License-Identifier: GPL-2.0
/*
 * Can a guest have this memory? Put up to PMD_SIZE of each file, 2 MiB with 4K pages,
 * into a memslot, as a VMM does with the memory of a device, and say what KVM's
 * answer means:
 *
 *	memory-types-example /dev/dax0.0 /sys/bus/pci/devices/0000:01:00.0/resource2_wc
 *
 * A VMM maps a BAR through VFIO: such a mapping can be of the relaxed row. Those of
 * sysfs are not: resource2 is Device for a guest, resource2_wc Normal
 * Non-cacheable. The kernel may not map them while a driver has claimed the BAR.
 *
 * There is no vCPU: nothing reads or writes the memory. The output is TAP. A line
 * is "not ok" if something else failed than what memory types are the reason for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/kvm.h>

#ifndef KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED
#define KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED 243
#endif

#define GPA	0x100000000UL	/* where the guest would find the memory */

static int results, failures;

static void result(bool ok, const char *what, const char *says)
{
	printf("%sok %d - %s: %s\n", ok ? "" : "not ", ++results, what, says);
	failures += !ok;
}

static void put_into_memslot(int vm, bool coherent, const char *path)
{
	struct kvm_userspace_memory_region slot = { .guest_phys_addr = GPA };
	size_t page = sysconf(_SC_PAGESIZE);
	size_t block = page / sizeof(void *) * page, size = block;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *room, *hva;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		result(false, path, strerror(errno));
		return;
	}

	/* Where hva and GPA are equal modulo PMD_SIZE, a leaf can have PMD_SIZE. */
	room = mmap(NULL, 2 * block, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED) {
		result(false, path, strerror(errno));
		close(fd);
		return;
	}
	hva = (void *)(((unsigned long)room + block - 1) & ~(block - 1));

	/* Map first: with this the driver chooses the type that a guest gets. */
	if (st.st_size && st.st_size < (off_t)block)
		size = st.st_size;
	size = (size + page - 1) & ~(page - 1);
	hva = mmap(hva, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	if (hva == MAP_FAILED) {
		result(false, path, strerror(errno));
		munmap(room, 2 * block);
		return;
	}

	/* Then give it to the guest. No KVM_MEM_LOG_DIRTY_PAGES for a device. */
	slot.userspace_addr = (unsigned long)hva;
	slot.memory_size = size;
	if (!ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot))
		result(true, path, coherent ? "in a memslot, with the type of this mapping" :
		       "in a memslot, with the type of this mapping, if this kernel knows the capability");
	else if (errno == EINVAL && !coherent)
		result(true, path, "refused: cacheable memory of a device, and no FEAT_S2FWB");
	else if (errno == EFAULT)
		result(false, path, "the slot is beyond the guest's physical addresses");
	else	/* EINVAL: see the list of errors */
		result(false, path, strerror(errno));

	/* Take it from the guest, and only then from this process. */
	slot.memory_size = 0;
	ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot);
	munmap(room, 2 * block);
}

int main(int argc, char **argv)
{
	int i, ipa, vm = -1, kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	bool coherent;

	if (kvm >= 0) {
		/* 0 stands for 40 bits, which not every CPU has. */
		ipa = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
		vm = ioctl(kvm, KVM_CREATE_VM,
			   ipa > 0 && ipa < 40 ? KVM_VM_TYPE_ARM_IPA_SIZE(ipa) : 0);
	}
	if (vm < 0) {
		printf("1..0 # SKIP /dev/kvm: %s\n", strerror(errno));
		return 4;
	}

	coherent = ioctl(vm, KVM_CHECK_EXTENSION,
			 KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED) == 1;
	printf("1..%d\n", argc);
	result(true, "cacheable memory of a device", coherent ? "can be in a memslot" :
	       "is refused, if this kernel knows the capability");
	for (i = 1; i < argc; i++)
		put_into_memslot(vm, coherent, argv[i]);

	return failures ? 1 : 0;
}
