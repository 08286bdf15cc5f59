/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read what stage 2 maps from the VM's debugfs file stage2_memory_types.
 *
 * One line per run of mapped guest physical memory of one memory type:
 *   0x<first>-0x<last> <type> leaf=<size>:<n>[,...] perm=<rwx>:<n>[,...]
 */
#ifndef SELFTEST_KVM_STAGE2_MEMORY_TYPES_H
#define SELFTEST_KVM_STAGE2_MEMORY_TYPES_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm_util.h"
#include "kselftest.h"

#include "selftest_compat.h"

struct stage2_line {
	unsigned long long first;
	unsigned long long last;
	char type[32];
	char leaf[128];
	char perm[128];
};

static inline void debugfs_path(struct kvm_vm *vm, const char *name, char *path,
				size_t size)
{
	snprintf(path, size, "/sys/kernel/debug/kvm/%d-%d/%s", getpid(), vm->fd,
		 name);
}

static inline void stage2_path(struct kvm_vm *vm, char *path, size_t size)
{
	debugfs_path(vm, "stage2_memory_types", path, size);
}

/* How a leaf of @size bytes is called in a line. */
static inline const char *leaf_name(u64 size, char *name, size_t len)
{
	u32 shift = __builtin_ctzll(size);

	snprintf(name, len, "%u%c", 1U << shift % 10, "KMG"[shift / 10 - 1]);
	return name;
}

/* How many leaves of @size bytes are in a line. */
static inline u64 count_leaves(const struct stage2_line *l, u64 size)
{
	char name[16], want[16];
	const char *list = l->leaf;
	unsigned long long count;

	leaf_name(size, want, sizeof(want));
	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (sscanf(list, "%15[^:]:%llu", name, &count) == 2 &&
		    !strcmp(name, want))
			return count;
	}

	return 0;
}

/* Return: a file descriptor, or -1 where the kernel has no such file. */
static inline int stage2_open(struct kvm_vm *vm)
{
	char path[128];

	stage2_path(vm, path, sizeof(path));
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Skip the whole test where nobody can say what stage 2 maps. */
static inline void stage2_or_skip(void)
{
	struct kvm_vm *vm;
	int fd;

	if (compat_is_pkvm())
		ksft_exit_skip("pKVM: stage 2 is the hypervisor's\n");

	vm = vm_create_barebones();
	fd = stage2_open(vm);
	if (fd < 0)
		ksft_exit_skip("no stage2_memory_types in debugfs: %s\n",
			       strerror(errno));
	close(fd);
	kvm_vm_free(vm);
}

/* Read from the start in pieces of @chunk bytes. Free the text after use. */
static inline char *stage2_read_fd(int fd, size_t chunk)
{
	size_t len = 0, size = 0;
	char *text = NULL;
	ssize_t n;

	TEST_ASSERT(!lseek(fd, 0, SEEK_SET), "lseek: %s", strerror(errno));
	do {
		if (size < len + chunk + 1) {
			size = 2 * (len + chunk + 1);
			text = realloc(text, size);
			TEST_ASSERT(text, "out of memory");
		}
		n = read(fd, text + len, chunk);
		TEST_ASSERT(n >= 0, "stage2_memory_types: %s", strerror(errno));
		len += n;
	} while (n);

	text[len] = '\0';
	return text;
}

/* Return: the whole text, or NULL where the kernel has no such file. */
static inline char *stage2_read(struct kvm_vm *vm)
{
	int fd = stage2_open(vm);
	char *text;

	if (fd < 0)
		return NULL;

	text = stage2_read_fd(fd, 4096);
	close(fd);
	return text;
}

/* Parse the line at @text. Return: the next line, or NULL on bad format. */
static inline const char *stage2_parse(const char *text, struct stage2_line *l)
{
	const char *end = strchr(text, '\n');
	char again[512];

	if (!end)
		return NULL;

	if (sscanf(text, "0x%16llx-0x%16llx %31s leaf=%127s perm=%127s",
		   &l->first, &l->last, l->type, l->leaf, l->perm) != 5)
		return NULL;

	/* Written back, it must give the same bytes: no loose white space. */
	snprintf(again, sizeof(again), "0x%016llx-0x%016llx %s leaf=%s perm=%s",
		 l->first, l->last, l->type, l->leaf, l->perm);
	if (strlen(again) != (size_t)(end - text) ||
	    strncmp(again, text, end - text))
		return NULL;

	return end + 1;
}

/* Return: the number of leaves in the line that have @perm. */
static inline u64 stage2_count_perm(const struct stage2_line *l, char perm)
{
	unsigned long long count, sum = 0;
	const char *list = l->perm;
	char perms[4];

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (sscanf(list, "%3[^:]:%llu", perms, &count) == 2 &&
		    strchr(perms, perm))
			sum += count;
	}

	return sum;
}

/* Find the line with @gpa. */
static inline bool stage2_find(const char *text, unsigned long long gpa,
			       struct stage2_line *l)
{
	while (text && *text) {
		text = stage2_parse(text, l);
		TEST_ASSERT(text, "stage2_memory_types: bad format");
		if (l->first <= gpa && gpa <= l->last)
			return true;
	}

	return false;
}

#endif /* SELFTEST_KVM_STAGE2_MEMORY_TYPES_H */
