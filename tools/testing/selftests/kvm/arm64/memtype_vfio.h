/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI devices that are bound to vfio-pci, as a VMM opens them.
 */
#ifndef SELFTEST_KVM_MEMTYPE_VFIO_H
#define SELFTEST_KVM_MEMTYPE_VFIO_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>
#ifdef VFIO_DEVICE_BIND_IOMMUFD
#include <linux/iommufd.h>
#endif

#include "test_util.h"

static inline int vfio_group_of(const char *bdf)
{
	char path[128], link[128] = { 0 };

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	if (readlink(path, link, sizeof(link) - 1) < 0)
		return -1;

	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(link, '/'));
	return open(path, O_RDWR | O_CLOEXEC);
}

/* What a VMM has open to use a PCI device: -1 if it has no such file. */
struct vfio {
	/* Or the iommufd. */
	int container;
	int group;
	int device;
};

static inline void vfio_close_device(struct vfio *vfio)
{
	close(vfio->device);
	close(vfio->group);
	close(vfio->container);
}

/* Return: why it failed, until the next call. Nothing stays open. */
static inline const char *vfio_fail(struct vfio *vfio, const char *what)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	vfio_close_device(vfio);
	return text;
}

/* By group and container. Return: why it cannot be done here, or NULL. */
static inline const char *vfio_try_group(const char *bdf, struct vfio *vfio)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	*vfio = (struct vfio) { -1, -1, -1 };
	vfio->group = vfio_group_of(bdf);
	if (vfio->group < 0)
		return vfio_fail(vfio, "no group");
	if (ioctl(vfio->group, VFIO_GROUP_GET_STATUS, &status))
		return vfio_fail(vfio, "VFIO_GROUP_GET_STATUS");
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		vfio_close_device(vfio);
		return "the host uses another device of the group";
	}

	vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (vfio->container < 0 ||
	    ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container) ||
	    ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU))
		return vfio_fail(vfio, "no container");
	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (vfio->device < 0)
		return vfio_fail(vfio, "VFIO_GROUP_GET_DEVICE_FD");
	return NULL;
}

static inline void vfio_open_device(const char *bdf, struct vfio *vfio)
{
	const char *why = vfio_try_group(bdf, vfio);

	TEST_ASSERT(!why, "%s: %s", bdf, why);
}

#ifdef VFIO_DEVICE_BIND_IOMMUFD
static inline int vfio_cdev_of(const char *bdf)
{
	struct dirent *entry;
	char path[320];
	int fd = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s",
			 entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* By its own file and an iommufd. Return: why it cannot be done here, or NULL. */
static inline const char *vfio_try_cdev(const char *bdf, struct vfio *vfio)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_attach_iommufd_pt pt = { .argsz = sizeof(pt) };
	struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };

	*vfio = (struct vfio) { -1, -1, -1 };
	vfio->container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (vfio->container < 0)
		return vfio_fail(vfio, "no iommufd");
	vfio->device = vfio_cdev_of(bdf);
	if (vfio->device < 0)
		return vfio_fail(vfio, "no file in /dev/vfio/devices");
	bind.iommufd = vfio->container;
	if (ioctl(vfio->device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return vfio_fail(vfio, "VFIO_DEVICE_BIND_IOMMUFD");
	if (ioctl(vfio->container, IOMMU_IOAS_ALLOC, &ioas))
		return vfio_fail(vfio, "IOMMU_IOAS_ALLOC");
	pt.pt_id = ioas.out_ioas_id;
	if (ioctl(vfio->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pt))
		return vfio_fail(vfio, "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
	return NULL;
}
#else
static inline const char *vfio_try_cdev(const char *bdf, struct vfio *vfio)
{
	return "no iommufd in the kernel that this was built for";
}
#endif

/* Return: the file of the PCI device. It stays open, as container and group. */
static inline int vfio_open(const char *bdf)
{
	static struct vfio vfio = { .device = -1 };

	if (vfio.device < 0)
		vfio_open_device(bdf, &vfio);
	return vfio.device;
}

/*
 * Return: the list of what can be mapped of a region, or NULL: there is none. The
 * capabilities lie behind @info.
 */
static inline const struct vfio_region_info_cap_sparse_mmap *
vfio_find_sparse(const struct vfio_region_info *info)
{
	const struct vfio_info_cap_header *cap;
	u32 at;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return NULL;

	for (at = info->cap_offset; at; at = cap->next) {
		cap = (const void *)((const char *)info + at);
		if (cap->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			return (const void *)cap;
	}

	return NULL;
}

/* BAR 2 must be RAM-like: ivshmem's is. */
static inline struct vfio_region_info vfio_bar2(int device, const char *bdf)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR2_REGION_INDEX,
	};

	TEST_ASSERT(!ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) &&
		    info.size && (info.flags & VFIO_REGION_INFO_FLAG_MMAP),
		    "%s: BAR 2 cannot be mapped", bdf);
	return info;
}

#endif /* SELFTEST_KVM_MEMTYPE_VFIO_H */
