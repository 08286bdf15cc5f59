// SPDX-License-Identifier: GPL-2.0-only
/*
 * Map memory into a process with a chosen memory type.
 *
 * A VMM's mapping of device memory can have any memory type, can be made in
 * one go or page by page, and can be a VM_PFNMAP or a VM_MIXEDMAP. No driver
 * that a test machine is sure to have makes them all. This module does, so
 * that a test can ask KVM what a guest gets from each.
 *
 * The module hands out raw physical memory: load it on test machines only.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/libnvdimm.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "kvm_memtype_test.h"

static unsigned long phys;
module_param(phys, ulong, 0444);
MODULE_PARM_DESC(phys, "First physical address of memory that the kernel does not use");

static unsigned long size;
module_param(size, ulong, 0444);
MODULE_PARM_DESC(size, "Size of that memory in bytes");

/**
 * struct memtype_test - one open file
 * @lock: serialises SETUP; the rest is constant once @ready is set
 * @ready: SETUP succeeded
 * @setup: what user space asked for
 * @nr_pages: size of the memory
 * @pages: the pages, if the module allocated them
 * @writes: how often memtype_test_mkwrite() was called
 */
struct memtype_test {
	struct mutex lock; /* SETUP */
	bool ready;
	struct kvm_memtype_test_setup setup;
	unsigned long nr_pages;
	struct page **pages;
	atomic_t writes;
};

static pgprot_t memtype_test_prot(pgprot_t prot, u32 type)
{
	switch (type) {
	case KVM_MEMTYPE_TEST_NC:
		return pgprot_writecombine(prot);
	case KVM_MEMTYPE_TEST_NGNRE:
		return pgprot_device(prot);
	case KVM_MEMTYPE_TEST_NGNRNE:
		return pgprot_noncached(prot);
	default:
		return prot;
	}
}

static unsigned long memtype_test_middle(const struct memtype_test *test)
{
	return test->nr_pages / 2;
}

/* The type that the entry for page number @index gets in @vma. */
static pgprot_t memtype_test_entry_prot(const struct memtype_test *test,
					const struct vm_area_struct *vma,
					unsigned long index)
{
	if (!(test->setup.flags & KVM_MEMTYPE_TEST_PTE_TYPE))
		return vma->vm_page_prot;

	if ((test->setup.flags & KVM_MEMTYPE_TEST_ODD) &&
	    index != memtype_test_middle(test))
		return vma->vm_page_prot;

	return memtype_test_prot(vm_get_page_prot(vma->vm_flags),
				 test->setup.pte_type);
}

static unsigned long memtype_test_pfn(const struct memtype_test *test,
				      unsigned long index)
{
	if (test->setup.flags & KVM_MEMTYPE_TEST_SWAP) {
		unsigned long middle = memtype_test_middle(test);

		if (index == middle)
			index = middle + 1;
		else if (index == middle + 1)
			index = middle;
	}

	if (test->pages)
		return page_to_pfn(test->pages[index]);

	return PHYS_PFN(test->setup.phys) + index;
}

static void memtype_test_free_pages(struct memtype_test *test)
{
	unsigned long i;

	if (!test->pages)
		return;

	for (i = 0; i < test->nr_pages && test->pages[i]; i++)
		put_page(test->pages[i]);

	kvfree(test->pages);
	test->pages = NULL;
}

static int memtype_test_alloc_pages(struct memtype_test *test)
{
	bool blocks = test->setup.flags & KVM_MEMTYPE_TEST_BLOCKS;
	unsigned int order = blocks ? get_order(PMD_SIZE) : 0;
	unsigned long i, k;
	struct page *page;
	void *va;

	test->pages = kvcalloc(test->nr_pages, sizeof(*test->pages),
			       GFP_KERNEL_ACCOUNT);
	if (!test->pages)
		return -ENOMEM;

	for (i = 0; i < test->nr_pages; i += 1UL << order) {
		page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN,
				   order);
		if (!page) {
			memtype_test_free_pages(test);
			return -ENOMEM;
		}

		/* Each page has a reference count of its own, as KVM wants it. */
		split_page(page, order);
		for (k = 0; k < 1UL << order; k++)
			test->pages[i + k] = page + k;

		/* A mapping that is not cacheable must not see stale memory. */
		va = page_address(page);
		arch_wb_cache_pmem(va, PAGE_SIZE << order);
		arch_invalidate_pmem(va, PAGE_SIZE << order);
	}

	return 0;
}

static int memtype_test_check_flags(const struct kvm_memtype_test_setup *setup)
{
	u32 flags = setup->flags;

	if (flags & ~KVM_MEMTYPE_TEST_FLAGS)
		return -EINVAL;

	if ((flags & KVM_MEMTYPE_TEST_PTE_TYPE) &&
	    !(flags & KVM_MEMTYPE_TEST_LAZY))
		return -EINVAL;

	if (flags & KVM_MEMTYPE_TEST_STRUCT_PAGE) {
		if (setup->source != KVM_MEMTYPE_TEST_RAM ||
		    !(flags & KVM_MEMTYPE_TEST_MIXEDMAP) ||
		    (flags & KVM_MEMTYPE_TEST_PTE_TYPE))
			return -EINVAL;
	}

	if ((flags & (KVM_MEMTYPE_TEST_MKWRITE | KVM_MEMTYPE_TEST_SWAP)) &&
	    !(flags & KVM_MEMTYPE_TEST_LAZY))
		return -EINVAL;

	if ((flags & KVM_MEMTYPE_TEST_MKWRITE) &&
	    (flags & KVM_MEMTYPE_TEST_PTE_TYPE))
		return -EINVAL;

	if ((flags & KVM_MEMTYPE_TEST_NO_WRITE) &&
	    !(flags & KVM_MEMTYPE_TEST_MKWRITE))
		return -EINVAL;

	if ((flags & KVM_MEMTYPE_TEST_ODD) &&
	    !(flags & KVM_MEMTYPE_TEST_PTE_TYPE))
		return -EINVAL;

	if ((flags & KVM_MEMTYPE_TEST_BLOCKS) &&
	    (setup->source != KVM_MEMTYPE_TEST_RAM || setup->size % PMD_SIZE))
		return -EINVAL;

	if (flags & KVM_MEMTYPE_TEST_SPLIT) {
		if (setup->source == KVM_MEMTYPE_TEST_RAM ||
		    (flags & (KVM_MEMTYPE_TEST_LAZY | KVM_MEMTYPE_TEST_MIXEDMAP)))
			return -EINVAL;
	}

	if ((flags & KVM_MEMTYPE_TEST_PTE_TYPE) &&
	    (flags & KVM_MEMTYPE_TEST_MIXEDMAP) && !MEMTYPE_TEST_HAS_MIXED_PROT)
		return -EOPNOTSUPP;

#ifndef VM_ALLOW_ANY_UNCACHED
	if (flags & KVM_MEMTYPE_TEST_ANY_UNCACHED)
		return -EOPNOTSUPP;
#endif
	return 0;
}

static int memtype_test_check_range(struct kvm_memtype_test_setup *setup)
{
	u64 last;

	switch (setup->source) {
	case KVM_MEMTYPE_TEST_REGION:
		if (!size)
			return -ENXIO;
		if (setup->phys)
			return -EINVAL;
		if (!setup->size)
			setup->size = size;
		if (setup->size > size)
			return -EINVAL;
		setup->phys = phys;
		break;
	case KVM_MEMTYPE_TEST_RAM:
		if (setup->phys)
			return -EINVAL;
		break;
	case KVM_MEMTYPE_TEST_PHYS:
		if (!capable(CAP_SYS_RAWIO))
			return -EPERM;
		break;
	default:
		return -EINVAL;
	}

	if (!setup->size || !PAGE_ALIGNED(setup->size) ||
	    !PAGE_ALIGNED(setup->phys))
		return -EINVAL;

	if (check_add_overflow(setup->phys, setup->size - 1, &last) ||
	    last > PHYS_MASK)
		return -EINVAL;

	return 0;
}

static int memtype_test_setup(struct memtype_test *test,
			      struct kvm_memtype_test_setup *setup)
{
	int ret;

	if (setup->type >= KVM_MEMTYPE_TEST_NR_TYPES ||
	    setup->pte_type >= KVM_MEMTYPE_TEST_NR_TYPES)
		return -EINVAL;

	ret = memtype_test_check_flags(setup);
	if (ret)
		return ret;

	ret = memtype_test_check_range(setup);
	if (ret)
		return ret;

	mutex_lock(&test->lock);
	if (test->ready) {
		ret = -EBUSY;
		goto out;
	}

	test->setup = *setup;
	test->nr_pages = setup->size >> PAGE_SHIFT;
	if (setup->source == KVM_MEMTYPE_TEST_RAM)
		ret = memtype_test_alloc_pages(test);

	if (!ret) {
		/* Pairs with memtype_test_ready(). */
		smp_store_release(&test->ready, true);
	}
out:
	mutex_unlock(&test->lock);
	return ret;
}

static bool memtype_test_ready(const struct memtype_test *test)
{
	/* Pairs with memtype_test_setup(). */
	return smp_load_acquire(&test->ready);
}

static int memtype_test_page(const struct memtype_test *test,
			     struct kvm_memtype_test_page *page)
{
	unsigned long pfn;

	if (!memtype_test_ready(test))
		return -ENXIO;

	if (page->index >= test->nr_pages)
		return -EINVAL;

	pfn = memtype_test_pfn(test, page->index);
	page->phys = PFN_PHYS(pfn);
	page->refcount = pfn_valid(pfn) ? page_count(pfn_to_page(pfn)) : -1;
	page->writes = atomic_read(&test->writes);
	return 0;
}

static long memtype_test_ioctl(struct file *file, unsigned int cmd,
			       unsigned long arg)
{
	struct memtype_test *test = file->private_data;
	void __user *argp = (void __user *)arg;
	struct kvm_memtype_test_setup setup;
	struct kvm_memtype_test_page page;
	int ret;

	switch (cmd) {
	case KVM_MEMTYPE_TEST_SETUP:
		if (copy_from_user(&setup, argp, sizeof(setup)))
			return -EFAULT;
		return memtype_test_setup(test, &setup);
	case KVM_MEMTYPE_TEST_PAGE:
		if (copy_from_user(&page, argp, sizeof(page)))
			return -EFAULT;
		ret = memtype_test_page(test, &page);
		if (!ret && copy_to_user(argp, &page, sizeof(page)))
			ret = -EFAULT;
		return ret;
	default:
		return -ENOTTY;
	}
}

/* Insert page number @index of the memory at @addr. */
static vm_fault_t memtype_test_insert(const struct memtype_test *test,
				      struct vm_area_struct *vma,
				      unsigned long addr, unsigned long index)
{
	pgprot_t prot = memtype_test_entry_prot(test, vma, index);

	if (test->setup.flags & KVM_MEMTYPE_TEST_STRUCT_PAGE)
		return vmf_insert_page(vma, addr, test->pages[index]);

	if (test->setup.flags & KVM_MEMTYPE_TEST_MIXEDMAP)
		return memtype_test_insert_mixed(vma, addr,
						 memtype_test_pfn(test, index),
						 prot);

	return vmf_insert_pfn_prot(vma, addr, memtype_test_pfn(test, index),
				   prot);
}

static vm_fault_t memtype_test_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct memtype_test *test = vma->vm_file->private_data;

	if (!(test->setup.flags & KVM_MEMTYPE_TEST_LAZY) ||
	    vmf->pgoff >= test->nr_pages)
		return VM_FAULT_SIGBUS;

	return memtype_test_insert(test, vma, vmf->address & PAGE_MASK,
				   vmf->pgoff);
}

static const struct vm_operations_struct memtype_test_vm_ops = {
	.fault = memtype_test_fault,
};

/* The process writes to a read-only entry. */
static vm_fault_t memtype_test_mkwrite(struct vm_fault *vmf)
{
	struct memtype_test *test = vmf->vma->vm_file->private_data;

	atomic_inc(&test->writes);
	return test->setup.flags & KVM_MEMTYPE_TEST_NO_WRITE ?
	       VM_FAULT_SIGBUS : 0;
}

static const struct vm_operations_struct memtype_test_mkwrite_vm_ops = {
	.fault = memtype_test_fault,
	.pfn_mkwrite = memtype_test_mkwrite,
};

/* Physically contiguous memory, as most drivers map their BARs. */
static int memtype_test_remap_all(const struct memtype_test *test,
				  struct vm_area_struct *vma)
{
	return remap_pfn_range(vma, vma->vm_start,
			       memtype_test_pfn(test, vma->vm_pgoff),
			       vma->vm_end - vma->vm_start, vma->vm_page_prot);
}

static int memtype_test_remap_split(const struct memtype_test *test,
				    struct vm_area_struct *vma)
{
	unsigned long first = (vma_pages(vma) / 2) << PAGE_SHIFT;
	unsigned long second = vma->vm_end - vma->vm_start - first;
	unsigned long pfn = memtype_test_pfn(test, vma->vm_pgoff);
	int ret = 0;

	if (first)
		ret = remap_pfn_range(vma, vma->vm_start,
				      pfn + (second >> PAGE_SHIFT), first,
				      vma->vm_page_prot);

	return ret ?: remap_pfn_range(vma, vma->vm_start + first, pfn, second,
				      vma->vm_page_prot);
}

static int memtype_test_insert_all(const struct memtype_test *test,
				   struct vm_area_struct *vma)
{
	unsigned long addr, index = vma->vm_pgoff;
	vm_fault_t fault;

	for (addr = vma->vm_start; addr < vma->vm_end; addr += PAGE_SIZE) {
		fault = memtype_test_insert(test, vma, addr, index++);
		if (fault != VM_FAULT_NOPAGE)
			return vm_fault_to_errno(fault, 0) ?: -EFAULT;
	}

	return 0;
}

static bool memtype_test_is_cow(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}

/*
 * remap_pfn_range() is the one interface that may make a private writable
 * mapping, whose pages the process can copy by writing to them, and then only
 * over the whole VMA at once. The pages of %KVM_MEMTYPE_TEST_RAM are not
 * contiguous, so there such a mapping has one page.
 */
static int memtype_test_check_cow(const struct memtype_test *test,
				  unsigned long nr_pages)
{
	u32 in_parts = KVM_MEMTYPE_TEST_LAZY | KVM_MEMTYPE_TEST_MIXEDMAP |
		       KVM_MEMTYPE_TEST_SPLIT;

	if ((test->setup.flags & in_parts) || (test->pages && nr_pages > 1))
		return -EINVAL;

	return 0;
}

static int memtype_test_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct memtype_test *test = file->private_data;
	unsigned long nr_pages = vma_pages(vma);
	bool mixed, cow = memtype_test_is_cow(vma);

	if (!memtype_test_ready(test))
		return -ENXIO;

	if (vma->vm_pgoff >= test->nr_pages ||
	    nr_pages > test->nr_pages - vma->vm_pgoff)
		return -EINVAL;

	if (cow && memtype_test_check_cow(test, nr_pages))
		return -EINVAL;

	mixed = test->setup.flags & KVM_MEMTYPE_TEST_MIXEDMAP;
	memtype_test_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP |
				  (mixed ? VM_MIXEDMAP : VM_PFNMAP));
#ifdef VM_ALLOW_ANY_UNCACHED
	if (test->setup.flags & KVM_MEMTYPE_TEST_ANY_UNCACHED)
		memtype_test_vm_flags_set(vma, VM_ALLOW_ANY_UNCACHED);
#endif
	vma->vm_page_prot = memtype_test_prot(vma->vm_page_prot,
					      test->setup.type);
	vma->vm_ops = test->setup.flags & KVM_MEMTYPE_TEST_MKWRITE ?
		      &memtype_test_mkwrite_vm_ops : &memtype_test_vm_ops;

	if (test->setup.flags & KVM_MEMTYPE_TEST_LAZY)
		return 0;

	if (test->setup.flags & KVM_MEMTYPE_TEST_SPLIT)
		return memtype_test_remap_split(test, vma);

	if (cow || (!mixed && !test->pages))
		return memtype_test_remap_all(test, vma);

	return memtype_test_insert_all(test, vma);
}

static int memtype_test_open(struct inode *inode, struct file *file)
{
	struct memtype_test *test;

	test = kzalloc_obj(*test, GFP_KERNEL_ACCOUNT);
	if (!test)
		return -ENOMEM;

	mutex_init(&test->lock);
	file->private_data = test;
	return 0;
}

static int memtype_test_release(struct inode *inode, struct file *file)
{
	struct memtype_test *test = file->private_data;

	memtype_test_free_pages(test);
	kfree(test);
	return 0;
}

static const struct file_operations memtype_test_fops = {
	.owner = THIS_MODULE,
	.open = memtype_test_open,
	.release = memtype_test_release,
	.unlocked_ioctl = memtype_test_ioctl,
	.mmap = memtype_test_mmap,
	.llseek = noop_llseek,
};

static struct miscdevice memtype_test_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kvm_memtype_test",
	.fops = &memtype_test_fops,
	.mode = 0600,
};

static int __init memtype_test_init(void)
{
	if (!PAGE_ALIGNED(phys) || !PAGE_ALIGNED(size) || phys + size < phys) {
		pr_err("phys= and size= must be multiples of the page size\n");
		return -EINVAL;
	}

	return misc_register(&memtype_test_device);
}
module_init(memtype_test_init);

static void __exit memtype_test_exit(void)
{
	misc_deregister(&memtype_test_device);
}
module_exit(memtype_test_exit);

MODULE_DESCRIPTION("Map memory with a chosen memory type, for KVM tests");
MODULE_LICENSE("GPL");
