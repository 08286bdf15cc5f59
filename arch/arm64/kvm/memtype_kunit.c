// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of stage-2 memory types: the policy over its whole input space,
 * and what the page-table library makes of each type.
 */

#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/gfp.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>

#include <asm/kvm_memtype.h>
#include <asm/kvm_pgtable.h>

#include "memtype_compat.h"

/*
 * The table, written down a second time, as the documentation has it and not
 * as the code does: a column either asks for a value or takes any.
 */
enum { NO, YES, ANY };

struct table_row {
	enum kvm_memtype_host host;
	int kva, any_uncached, fwb;
	enum kvm_memtype_row row;
	enum kvm_memtype_exec exec_dic, exec_no_dic;
};

static const struct table_row table[] = {
	{ KVM_MEMTYPE_HOST_WB, YES, ANY, ANY, KVM_MEMTYPE_MEMORY,
	  KVM_MEMTYPE_EXEC_FREE, KVM_MEMTYPE_EXEC_BY_VA },
	{ KVM_MEMTYPE_HOST_WB, NO, ANY, YES, KVM_MEMTYPE_COHERENT,
	  KVM_MEMTYPE_EXEC_FREE, KVM_MEMTYPE_EXEC_ALL },
	{ KVM_MEMTYPE_HOST_WB, NO, ANY, NO, KVM_MEMTYPE_REFUSED,
	  KVM_MEMTYPE_EXEC_NEVER, KVM_MEMTYPE_EXEC_NEVER },
	{ KVM_MEMTYPE_HOST_NC, ANY, ANY, ANY, KVM_MEMTYPE_NONCACHEABLE,
	  KVM_MEMTYPE_EXEC_NEVER, KVM_MEMTYPE_EXEC_NEVER },
	{ KVM_MEMTYPE_HOST_DEVICE, ANY, YES, ANY, KVM_MEMTYPE_RELAXED,
	  KVM_MEMTYPE_EXEC_NEVER, KVM_MEMTYPE_EXEC_NEVER },
	{ KVM_MEMTYPE_HOST_DEVICE, ANY, NO, ANY, KVM_MEMTYPE_DEVICE,
	  KVM_MEMTYPE_EXEC_NEVER, KVM_MEMTYPE_EXEC_NEVER },
};

static bool column_takes(int column, bool value)
{
	return column == ANY || column == value;
}

static bool row_takes(const struct table_row *r, enum kvm_memtype_host host,
		      unsigned int flags)
{
	return r->host == host &&
	       column_takes(r->kva, flags & KVM_MEMTYPE_KVA) &&
	       column_takes(r->any_uncached, flags & KVM_MEMTYPE_ANY_UNCACHED) &&
	       column_takes(r->fwb, flags & KVM_MEMTYPE_FWB);
}

static void check_input(struct kunit *test, enum kvm_memtype_host host,
			unsigned int flags)
{
	struct kvm_memtype got = kvm_memtype_decide(host, flags);
	int i, rows = 0;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (!row_takes(&table[i], host, flags))
			continue;

		rows++;
		KUNIT_EXPECT_EQ_MSG(test, (int)got.row, (int)table[i].row,
				    "host %d flags %#x", host, flags);
		KUNIT_EXPECT_EQ_MSG(test, (int)got.exec,
				    (int)(flags & KVM_MEMTYPE_DIC ?
					  table[i].exec_dic :
					  table[i].exec_no_dic),
				    "host %d flags %#x", host, flags);
	}

	/* The table has to be complete and unambiguous for that to mean much */
	KUNIT_EXPECT_EQ(test, rows, 1);
}

static void test_decide(struct kunit *test)
{
	enum kvm_memtype_host host;
	unsigned int flags;

	for (host = KVM_MEMTYPE_HOST_WB; host <= KVM_MEMTYPE_HOST_DEVICE; host++)
		for (flags = 0; flags < 2 * KVM_MEMTYPE_DIC; flags++)
			check_input(test, host, flags);
}

static enum kvm_memtype_host host_of_index(unsigned int index)
{
	if (index == MT_NORMAL || index == MT_NORMAL_TAGGED)
		return KVM_MEMTYPE_HOST_WB;
	if (index == MT_NORMAL_NC)
		return KVM_MEMTYPE_HOST_NC;
	return KVM_MEMTYPE_HOST_DEVICE;
}

/* Every AttrIndx, and nothing of an entry besides AttrIndx. */
static void test_host(struct kunit *test)
{
	unsigned int index;

	for (index = 0; index < 8; index++) {
		u64 attr = PTE_ATTRINDX(index);
		enum kvm_memtype_host want = host_of_index(index);

		KUNIT_EXPECT_EQ(test, (int)kvm_memtype_host(__pgprot(attr)),
				(int)want);
		attr |= ~PTE_ATTRINDX_MASK;
		KUNIT_EXPECT_EQ(test, (int)kvm_memtype_host(__pgprot(attr)),
				(int)want);
	}
}

/* What drivers put into their VMAs. */
static void test_host_pgprot(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, (int)kvm_memtype_host(PAGE_SHARED),
			(int)KVM_MEMTYPE_HOST_WB);
	KUNIT_EXPECT_EQ(test, (int)kvm_memtype_host(pgprot_tagged(PAGE_SHARED)),
			(int)KVM_MEMTYPE_HOST_WB);
	KUNIT_EXPECT_EQ(test, (int)kvm_memtype_host(pgprot_writecombine(PAGE_SHARED)),
			(int)KVM_MEMTYPE_HOST_NC);
	KUNIT_EXPECT_EQ(test, (int)kvm_memtype_host(pgprot_noncached(PAGE_SHARED)),
			(int)KVM_MEMTYPE_HOST_DEVICE);
	KUNIT_EXPECT_EQ(test, (int)kvm_memtype_host(pgprot_device(PAGE_SHARED)),
			(int)KVM_MEMTYPE_HOST_DEVICE);
}

static struct kunit_case policy_cases[] = {
	KUNIT_CASE(test_decide),
	KUNIT_CASE(test_host),
	KUNIT_CASE(test_host_pgprot),
	{}
};

static struct kunit_suite policy_suite = {
	.name = "kvm-arm64-memtype",
	.test_cases = policy_cases,
};

/*
 * The page-table library, on a table that no hardware walks. Addresses are
 * made up: the callbacks only count.
 */
#define TEST_IPA	0x40000000ULL
#define TEST_PA		0x80000000ULL
#define TEST_HYP_VA_BITS	39

/* What a leaf says of its memory besides where it is */
#define LEAF_ATTRS	(KVM_PTE_LEAF_ATTR_LO_S2_MEMATTR | \
			 KVM_PTE_LEAF_ATTR_LO_S2_S2AP_R | \
			 KVM_PTE_LEAF_ATTR_LO_S2_S2AP_W | \
			 KVM_PTE_LEAF_ATTR_HI_S2_XN | KVM_PGTABLE_PROT_NOKVA)

static struct {
	int dcache;
	int icache;
} maintenance;

static void *test_zalloc_page(void *arg)
{
	return (void *)get_zeroed_page(GFP_KERNEL);
}

static void *test_zalloc_pages_exact(size_t size)
{
	return alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO);
}

static void test_get_page(void *addr)
{
	get_page(virt_to_page(addr));
}

static void test_put_page(void *addr)
{
	put_page(virt_to_page(addr));
}

static int test_page_count(void *addr)
{
	return page_count(virt_to_page(addr));
}

static void *test_phys_to_virt(phys_addr_t phys)
{
	return __va(phys);
}

static phys_addr_t test_virt_to_phys(void *addr)
{
	return __pa(addr);
}

static void test_dcache(void *addr, size_t size)
{
	maintenance.dcache++;
}

static void test_icache(void *addr, size_t size)
{
	maintenance.icache++;
}

static struct kvm_pgtable_mm_ops test_mm_ops = {
	.zalloc_page		= test_zalloc_page,
	.zalloc_pages_exact	= test_zalloc_pages_exact,
	.free_pages_exact	= free_pages_exact,
	.get_page		= test_get_page,
	.put_page		= test_put_page,
	.page_count		= test_page_count,
	.phys_to_virt		= test_phys_to_virt,
	.virt_to_phys		= test_virt_to_phys,
	.dcache_clean_inval_poc	= test_dcache,
	.icache_inval_pou	= test_icache,
};

struct leaf_case {
	const char *name;
	enum kvm_pgtable_prot prot;
	int ret;
	u8 memattr, memattr_fwb;
	bool exec;
	int dcache, icache;
};

#define R KVM_PGTABLE_PROT_R
#define W KVM_PGTABLE_PROT_W
#define X KVM_PGTABLE_PROT_X
#define NC KVM_PGTABLE_PROT_NORMAL_NC
#define DEVICE KVM_PGTABLE_PROT_DEVICE
#define NOKVA KVM_PGTABLE_PROT_NOKVA

static const struct leaf_case leaf_cases[] = {
	{ "WB",			R | W,			0, 0xf, 6, false, 1, 0 },
	{ "WB exec",		R | X,			0, 0xf, 6, true, 1, 1 },
	{ "WB no KVA",		R | W | NOKVA,		0, 0xf, 6, false, 0, 0 },
	{ "WB no KVA exec",	R | X | NOKVA,		0, 0xf, 6, true, 0, 0 },
	{ "NC",			R | W | NC,		0, 0x5, 5, false, 0, 0 },
	{ "NC exec",		R | X | NC,		-EINVAL },
	{ "Device",		R | W | DEVICE,		0, 0x1, 1, false, 0, 0 },
	{ "Device exec",	R | X | DEVICE,		-EINVAL },
	{ "NC and Device",	R | W | NC | DEVICE,	-EINVAL },
	{ "NC, Device, exec",	R | X | NC | DEVICE,	-EINVAL },
};

#undef R
#undef W
#undef X
#undef NC
#undef DEVICE
#undef NOKVA

static void check_leaf(struct kunit *test, struct kvm_pgtable *pgt, bool fwb,
		       const struct leaf_case *c)
{
	kvm_pte_t pte;
	int ret;

	memset(&maintenance, 0, sizeof(maintenance));
	ret = memtype_map(pgt, TEST_IPA, PAGE_SIZE, TEST_PA, c->prot);
	KUNIT_EXPECT_EQ_MSG(test, ret, c->ret, "%s, fwb %d", c->name, fwb);
	if (ret)
		return;

	pte = memtype_leaf(pgt, TEST_IPA);
	KUNIT_EXPECT_TRUE(test, kvm_pte_valid(pte));
	KUNIT_EXPECT_EQ_MSG(test,
			    (int)FIELD_GET(KVM_PTE_LEAF_ATTR_LO_S2_MEMATTR, pte),
			    (int)(fwb ? c->memattr_fwb : c->memattr),
			    "%s, fwb %d", c->name, fwb);
	KUNIT_EXPECT_EQ_MSG(test, !(pte & KVM_PTE_LEAF_ATTR_HI_S2_XN), c->exec,
			    "%s, fwb %d", c->name, fwb);
	KUNIT_EXPECT_EQ_MSG(test, maintenance.dcache, c->dcache,
			    "%s, fwb %d", c->name, fwb);
	KUNIT_EXPECT_EQ_MSG(test, maintenance.icache, c->icache,
			    "%s, fwb %d", c->name, fwb);
}

static void check_leaves(struct kunit *test, enum kvm_pgtable_stage2_flags flags)
{
	bool fwb = cpus_have_final_cap(ARM64_HAS_STAGE2_FWB) &&
		   !(flags & MEMTYPE_S2_NOFWB);
	struct kvm *kvm;
	int i;

	kvm = kunit_kzalloc(test, sizeof(*kvm), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, kvm);

	for (i = 0; i < ARRAY_SIZE(leaf_cases); i++) {
		struct kvm_pgtable pgt = {};
		int ret;

		ret = memtype_stage2_init(&pgt, kvm, &test_mm_ops, flags);
		KUNIT_EXPECT_EQ(test, ret, 0);
		if (ret)
			break;

		check_leaf(test, &pgt, fwb, &leaf_cases[i]);
		kvm_pgtable_stage2_destroy(&pgt);
	}
}

static void test_leaves(struct kunit *test)
{
	check_leaves(test, 0);
}

/* The encodings without FWB, wherever the test runs. */
static void test_leaves_nofwb(struct kunit *test)
{
	if (!MEMTYPE_S2_NOFWB && cpus_have_final_cap(ARM64_HAS_STAGE2_FWB))
		kunit_skip(test, "no tables without FWB on a CPU that has it");

	check_leaves(test, MEMTYPE_S2_NOFWB);
}

/* Execute permission that comes later, with the one that is there already. */
static void check_relax(struct kunit *test, struct kvm *kvm,
			enum kvm_pgtable_prot nokva, int icache)
{
	struct kvm_pgtable pgt = {};
	int ret;

	ret = memtype_stage2_init(&pgt, kvm, &test_mm_ops, 0);
	KUNIT_EXPECT_EQ(test, ret, 0);
	if (ret)
		return;

	ret = memtype_map(&pgt, TEST_IPA, PAGE_SIZE, TEST_PA,
			  KVM_PGTABLE_PROT_R | nokva);
	KUNIT_EXPECT_EQ(test, ret, 0);

	memset(&maintenance, 0, sizeof(maintenance));
	ret = memtype_relax_perms(&pgt, TEST_IPA,
				  KVM_PGTABLE_PROT_R | KVM_PGTABLE_PROT_X);
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_FALSE(test, memtype_leaf(&pgt, TEST_IPA) &
				 KVM_PTE_LEAF_ATTR_HI_S2_XN);
	KUNIT_EXPECT_EQ(test, maintenance.icache, icache);

	kvm_pgtable_stage2_destroy(&pgt);
}

static void test_relax(struct kunit *test)
{
	struct kvm *kvm;

	if (!memtype_hyp_is_up())
		kunit_skip(test, "no KVM to invalidate the TLB with");

	kvm = kunit_kzalloc(test, sizeof(*kvm), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, kvm);
	/* Invalidation of the TLB looks at the VM from EL2 */
	KUNIT_ASSERT_EQ(test, kvm_share_hyp(kvm, kvm + 1), 0);

	check_relax(test, kvm, 0, 1);
	check_relax(test, kvm, KVM_PGTABLE_PROT_NOKVA, 0);

	kvm_unshare_hyp(kvm, kvm + 1);
}

/* The pages that come out of a block have what the block had. */
static void check_split(struct kunit *test, struct kvm *kvm,
			const struct leaf_case *c)
{
	struct kvm_pgtable pgt = {};
	kvm_pte_t block, page;
	int ret;

	ret = memtype_stage2_init(&pgt, kvm, &test_mm_ops, 0);
	KUNIT_EXPECT_EQ(test, ret, 0);
	if (ret)
		return;

	ret = memtype_map(&pgt, TEST_IPA, PMD_SIZE, TEST_PA, c->prot);
	KUNIT_EXPECT_EQ_MSG(test, ret, 0, "%s", c->name);

	block = memtype_leaf(&pgt, TEST_IPA + PAGE_SIZE);
	ret = memtype_split(&pgt, TEST_IPA, PMD_SIZE);
	page = memtype_leaf(&pgt, TEST_IPA + PAGE_SIZE);
	KUNIT_EXPECT_EQ_MSG(test, ret, 0, "%s", c->name);
	KUNIT_EXPECT_EQ(test, kvm_pte_to_phys(page), TEST_PA + PAGE_SIZE);
	KUNIT_EXPECT_EQ_MSG(test, page & LEAF_ATTRS, block & LEAF_ATTRS, "%s",
			    c->name);

	kvm_pgtable_stage2_destroy(&pgt);
}

static void test_split(struct kunit *test)
{
	struct kvm *kvm;
	int i;

	if (!MEMTYPE_HAS_SPLIT)
		kunit_skip(test, "blocks are not split in this kernel");
	if (!memtype_hyp_is_up())
		kunit_skip(test, "no KVM to invalidate the TLB with");

	kvm = kunit_kzalloc(test, sizeof(*kvm), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, kvm);
	KUNIT_ASSERT_EQ(test, kvm_share_hyp(kvm, kvm + 1), 0);

	for (i = 0; i < ARRAY_SIZE(leaf_cases); i++)
		if (!leaf_cases[i].ret)
			check_split(test, kvm, &leaf_cases[i]);

	kvm_unshare_hyp(kvm, kvm + 1);
}

/* One of KVM's own mappings at EL2. */
static void check_hyp(struct kunit *test, enum kvm_pgtable_prot type, int want)
{
	struct kvm_pgtable pgt = {};
	int ret;

	ret = kvm_pgtable_hyp_init(&pgt, TEST_HYP_VA_BITS, &test_mm_ops);
	KUNIT_EXPECT_EQ(test, ret, 0);
	if (ret)
		return;

	ret = kvm_pgtable_hyp_map(&pgt, TEST_IPA, PAGE_SIZE, TEST_PA,
				  KVM_PGTABLE_PROT_R | KVM_PGTABLE_PROT_W | type);
	KUNIT_EXPECT_EQ(test, ret, want);
	KUNIT_EXPECT_EQ(test, kvm_pte_valid(memtype_leaf(&pgt, TEST_IPA)), !want);

	kvm_pgtable_hyp_destroy(&pgt);
}

static void test_hyp(struct kunit *test)
{
	check_hyp(test, 0, 0);
	check_hyp(test, KVM_PGTABLE_PROT_DEVICE, 0);
}

static void test_hyp_nc(struct kunit *test)
{
	if (!MEMTYPE_HYP_REFUSES_NC)
		kunit_skip(test, "Normal NC at EL2 is mapped cacheable in this kernel");

	check_hyp(test, KVM_PGTABLE_PROT_NORMAL_NC, -EINVAL);
}

static struct kunit_case pgtable_cases[] = {
	KUNIT_CASE(test_leaves),
	KUNIT_CASE(test_leaves_nofwb),
	KUNIT_CASE(test_relax),
	KUNIT_CASE(test_split),
	KUNIT_CASE(test_hyp),
	KUNIT_CASE(test_hyp_nc),
	{}
};

/* Without EL2, and with kvm-arm.mode=none, nothing says how large a stage 2 is. */
static int pgtable_suite_init(struct kunit *test)
{
	if (!get_kvm_ipa_limit())
		kunit_skip(test, "no KVM");

	return 0;
}

static struct kunit_suite pgtable_suite = {
	.name = "kvm-arm64-memtype-leaf",
	.init = pgtable_suite_init,
	.test_cases = pgtable_cases,
};

kunit_test_suites(&policy_suite, &pgtable_suite);
