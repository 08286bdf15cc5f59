// SPDX-License-Identifier: GPL-2.0-only
/*
 * How large a stage-2 block can be for memory that the VMM maps by PFN. What
 * cannot be a block has to be found out early, as each of its faults asks.
 */

#include <linux/irqflags.h>
#include <linux/memblock.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pgtable.h>

#include <asm/kvm_pfnmap.h>

/*
 * What the entries of a block have to agree in, beside the address. Not in what
 * hardware changes (AF, dirty), nor in PTE_CONT, which is about the VMM's TLB.
 */
#define ATTRS	(PTE_VALID | PTE_ATTRINDX_MASK | PTE_WRITE | PTE_SPECIAL)
#define ADDRESS	__phys_to_pte_val(GENMASK_ULL(PHYS_MASK_SHIFT - 1, PAGE_SHIFT))

/*
 * The PMD entry for @addr, or NULL and in @upper the entry of the level above: a
 * leaf, or nothing. Interrupts are off, so that a table lives while it is read.
 */
static pmd_t *host_pmdp(struct mm_struct *mm, unsigned long addr,
			pteval_t *upper)
{
	pgd_t *pgdp = pgd_offset(mm, addr), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;

	*upper = 0;
	/* Then the levels between are nothing but copies of the entry, in here */
	if (mm_pmd_folded(mm))
		return (pmd_t *)pgdp;
	if (pgd_none(pgd) || pgd_bad(pgd))
		return NULL;
	p4dp = p4d_offset_lockless(pgdp, pgd, addr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || p4d_bad(p4d))
		return NULL;
	pudp = pud_offset_lockless(p4dp, p4d, addr);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud))
		return NULL;
	if (pud_leaf(pud)) {
		*upper = pud_val(pud);
		return NULL;
	}

	return pmd_offset_lockless(pudp, pud, addr);
}

static bool is_pte_table(pmd_t pmd)
{
	return pmd_present(pmd) && !pmd_leaf(pmd);
}

/*
 * Address and attributes that the host has for @addr, in the format of a PTE
 * whatever the level; 0 if there are none.
 */
static pteval_t host_entry(struct mm_struct *mm, unsigned long addr)
{
	unsigned long flags, offset = addr & ~PUD_MASK;
	pteval_t entry;
	pmd_t *pmdp;

	local_irq_save(flags);
	pmdp = host_pmdp(mm, addr, &entry);
	if (pmdp) {
		pmd_t pmd = READ_ONCE(*pmdp);

		offset = addr & ~PMD_MASK;
		entry = pmd_val(pmd);
		if (is_pte_table(pmd)) {
			offset = 0;
			entry = READ_ONCE(pte_val(*pte_offset_kernel(&pmd, addr)));
		}
	}
	local_irq_restore(flags);

	if (!(entry & PTE_VALID))
		return 0;

	/* A block's address is aligned, so that nothing carries over */
	return (entry & (ATTRS | ADDRESS)) + (offset & PAGE_MASK);
}

/*
 * How far the entries from @addr to @end, of one PMD table at most, are as
 * wanted: @want at @addr, and one page on with each page. @addr is aligned to
 * PMD_SIZE. Stops at an entry that is not; and at another such address, when
 * interrupts have been off long enough.
 */
static unsigned long agree_up_to(struct mm_struct *mm, unsigned long addr,
				 unsigned long end, pteval_t want)
{
	const pteval_t mask = ATTRS | ADDRESS;
	unsigned long flags, next = addr;
	pteval_t upper;
	pmd_t *pmdp;

	local_irq_save(flags);
	pmdp = host_pmdp(mm, addr, &upper);
	if (!pmdp) {
		if ((upper & mask) + (addr & ~PUD_MASK) == want)
			next = end;
		goto out;
	}

	do {
		pmd_t pmd = READ_ONCE(*pmdp);

		if (is_pte_table(pmd)) {
			pte_t *ptep = pte_offset_kernel(&pmd, next);
			pte_t *last = ptep + PTRS_PER_PTE;

			if (next != addr)
				break;
			while (ptep != last &&
			       (READ_ONCE(pte_val(*ptep)) & mask) == want) {
				want += PAGE_SIZE;
				ptep++;
			}
			next = addr + PMD_SIZE - (last - ptep) * PAGE_SIZE;
			break;
		}
		if ((pmd_val(pmd) & mask) != want)
			break;
		want += PMD_SIZE;
		next += PMD_SIZE;
		pmdp++;
	} while (next != end);
out:
	local_irq_restore(flags);
	return next;
}

/*
 * Is there either a linear-map alias of all of it or of nothing? One region of
 * memblock has one set of flags, of which MEMBLOCK_NOMAP is one. ZONE_DEVICE memory
 * is outside of memblock, and whether there is an alias depends on its kind.
 */
static bool is_of_one_kind(phys_addr_t phys, unsigned long size)
{
	unsigned long pfn = PHYS_PFN(phys), end = pfn + (size >> PAGE_SHIFT);

	if (memblock_is_region_memory(phys, size))
		return true;
	if (memblock_overlaps_region(&memblock.memory, phys, size))
		return false;

	for (; pfn < end; pfn += PAGES_PER_SUBSECTION) {
		if (pfn_valid(pfn))
			return false;
	}

	return true;
}

bool kvm_pfnmap_has_gap(struct mm_struct *mm, unsigned long hva,
			unsigned long gap)
{
	return ALIGN_DOWN(gap, PMD_SIZE) == ALIGN_DOWN(hva, PMD_SIZE) &&
	       !host_entry(mm, gap);
}

bool kvm_pfnmap_is_block(struct mm_struct *mm, unsigned long hva,
			 unsigned long pfn, unsigned long size,
			 unsigned long *gap)
{
	unsigned long start = ALIGN_DOWN(hva, size), addr, next;
	unsigned long samples[] = { *gap, start + size - PAGE_SIZE, start };
	phys_addr_t phys = PFN_PHYS(pfn) - ((hva - start) & PAGE_MASK);
	pteval_t entry, want;
	int i;

	if (!IS_ALIGNED(phys, size))
		return false;

	entry = host_entry(mm, hva);
	if (!entry || (entry & ADDRESS) != __phys_to_pte_val(PFN_PHYS(pfn)))
		return false;

	/* Where an entry disagrees most likely */
	want = (entry & ATTRS) | __phys_to_pte_val(phys);
	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		addr = samples[i];
		if (addr - start < size &&
		    host_entry(mm, addr) != want + (addr - start))
			goto no;
	}

	if (!is_of_one_kind(phys, size))
		return false;

	for (addr = start; addr != start + size; addr = next) {
		next = agree_up_to(mm, addr, start + size,
				   want + (addr - start));
		if (next == addr || !IS_ALIGNED(next, PMD_SIZE)) {
			addr = next;
			goto no;
		}
	}

	return true;
no:
	*gap = addr;
	return false;
}
