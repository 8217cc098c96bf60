// SPDX-License-Identifier: GPL-2.0
/* Capabilities from literal MSR values, configurations from capabilities, and the EPTP. */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/numa.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "ept_core.h"
#include "fixture.h"

/* What Bochs' models of CPUs say, and what it means. */
static const struct cpu_model {
	const char		*name;
	u64			ept_vpid_cap;		/* 0: the CPU refuses to read it */
	u64			procbased2;
	int			error;
	enum ept_level		max_leaf;
	bool			accessed_dirty;
	bool			unrestricted;
	bool			vmfunc;
	bool			ve;
	bool			pml;
	bool			subpage;
	bool			super_shadow;
} models[] = {
	{ "penryn", 0, 0x0000004100000000, .error = -EOPNOTSUPP },
	{ "lynnfield", 0x0f0106114141, 0x0000007f00000000, .max_leaf = EPT_2M },
	{ "arrandale", 0x0f0106114141, 0x000000ff00000000, .max_leaf = EPT_2M,
	  .unrestricted = true },
	{ "ivy_bridge", 0x0f0106114141, 0x000008ff00000000, .max_leaf = EPT_2M,
	  .unrestricted = true },
	{ "haswell", 0x0f0106334141, 0x00047fff00000000, .max_leaf = EPT_1G,
	  .accessed_dirty = true, .unrestricted = true, .vmfunc = true, .ve = true },
	{ "skylake_x", 0x0f0106334141, 0x02177fff00000000, .max_leaf = EPT_1G,
	  .accessed_dirty = true, .unrestricted = true, .vmfunc = true, .ve = true, .pml = true },
	{ "cannon_lake", 0x0f0106334141, 0x02157cff00000000, .max_leaf = EPT_1G,
	  .accessed_dirty = true, .unrestricted = true, .vmfunc = true, .ve = true },
	{ "icelake", 0x0f0106334141, 0x02977fff00000000, .max_leaf = EPT_1G,
	  .accessed_dirty = true, .unrestricted = true, .vmfunc = true, .ve = true, .pml = true,
	  .subpage = true },
	{ "tigerlake", 0x0f0106b34141, 0x02977fff00000000, .max_leaf = EPT_1G,
	  .accessed_dirty = true, .unrestricted = true, .vmfunc = true, .ve = true, .pml = true,
	  .subpage = true, .super_shadow = true },
};

#define ALL_MSRS	(EPT_MSR_FEATURE_CONTROL | EPT_MSR_BASIC | EPT_MSR_PROCBASED |		\
			 EPT_MSR_TRUE_PROCBASED | EPT_MSR_PROCBASED2 | EPT_MSR_PROCBASED3 |	\
			 EPT_MSR_EPT_VPID_CAP | EPT_MSR_VMFUNC | EPT_MSR_MAXPHYADDR)

#define EPT_ALLOWED		BIT_ULL(33)	/* PROCBASED2 */
#define SECONDARY_ALLOWED	BIT_ULL(63)	/* PROCBASED */
#define TERTIARY_ALLOWED	BIT_ULL(49)

/* A CPU with all MSRs, VMX turned on by firmware, EPT, and nothing beyond. */
static void bare_msrs(struct ept_msrs *msrs)
{
	memset(msrs, 0, sizeof(*msrs));
	msrs->valid = ALL_MSRS;
	msrs->vmx = true;
	msrs->signature = 0x306c3;
	msrs->maxphyaddr = 39;
	msrs->feature_control = 5;
	msrs->basic = 1ULL << 55 | 6ULL << 50;
	msrs->procbased = SECONDARY_ALLOWED | 0x0401e172;
	msrs->true_procbased = SECONDARY_ALLOWED | 0x04006172;
	msrs->procbased2 = EPT_ALLOWED;
}

static int model_caps(const struct cpu_model *model, struct ept_caps *caps)
{
	struct ept_msrs msrs;

	bare_msrs(&msrs);
	msrs.procbased2 = model->procbased2;
	msrs.ept_vpid_cap = model->ept_vpid_cap;
	msrs.vmfunc = model->vmfunc;
	if (!model->ept_vpid_cap)
		msrs.valid &= ~EPT_MSR_EPT_VPID_CAP;
	return ept_caps_decode(&msrs, caps);
}

static void known_cpus_are_decoded(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(models); i++) {
		const struct cpu_model *m = &models[i];
		struct ept_caps caps, again;

		KUNIT_EXPECT_EQ_MSG(test, model_caps(m, &caps), m->error, "%s", m->name);
		if (m->error)
			continue;
		again = caps;
		/* Its own, once more */
		KUNIT_EXPECT_EQ(test, ept_caps_decode(&again.msrs, &again), 0);
		KUNIT_EXPECT_MEMEQ(test, &again, &caps, sizeof(caps));
		KUNIT_EXPECT_TRUE(test, caps.exec_only && caps.levels_4 && caps.table_uc &&
				  caps.table_wb && caps.leaf_2m && caps.invept &&
				  caps.invept_context && caps.invept_global && caps.invvpid &&
				  caps.invvpid_address && caps.invvpid_context &&
				  caps.invvpid_all && caps.invvpid_retain_global && caps.vpid);
		KUNIT_EXPECT_FALSE(test, caps.levels_5 || caps.advanced_info || caps.mode_exec ||
				   caps.hlat || caps.paging_write || caps.verify_paging);
		KUNIT_EXPECT_EQ_MSG(test, caps.leaf_1g, m->max_leaf == EPT_1G, "%s", m->name);
		KUNIT_EXPECT_EQ_MSG(test, caps.accessed_dirty, m->accessed_dirty, "%s", m->name);
		KUNIT_EXPECT_EQ_MSG(test, caps.unrestricted_guest, m->unrestricted, "%s", m->name);
		KUNIT_EXPECT_EQ_MSG(test, caps.vmfunc, m->vmfunc, "%s", m->name);
		KUNIT_EXPECT_EQ_MSG(test, caps.eptp_switching, m->vmfunc, "%s", m->name);
		KUNIT_EXPECT_EQ_MSG(test, caps.ve, m->ve, "%s", m->name);
		KUNIT_EXPECT_EQ_MSG(test, caps.pml, m->pml, "%s", m->name);
		KUNIT_EXPECT_EQ_MSG(test, caps.subpage, m->subpage, "%s", m->name);
		KUNIT_EXPECT_EQ_MSG(test, caps.super_shadow, m->super_shadow, "%s", m->name);
		KUNIT_EXPECT_EQ(test, caps.maxphyaddr, 39);
	}
}

/* Each bit that means something, and the one field that it turns on. */
#define CAP(_bit, _field)	{ _bit, offsetof(struct ept_msrs, ept_vpid_cap),	\
				  offsetof(struct ept_caps, _field) }
#define CTLS2(_bit, _field)	{ 32 + (_bit), offsetof(struct ept_msrs, procbased2),	\
				  offsetof(struct ept_caps, _field) }
#define CTLS3(_bit, _field)	{ _bit, offsetof(struct ept_msrs, procbased3),		\
				  offsetof(struct ept_caps, _field) }

static const struct bit_of {
	u8	bit;
	u16	msr;
	u16	field;
} bits[] = {
	CAP(0, exec_only), CAP(6, levels_4), CAP(7, levels_5), CAP(8, table_uc), CAP(14, table_wb),
	CAP(16, leaf_2m), CAP(17, leaf_1g), CAP(21, accessed_dirty), CAP(22, advanced_info),
	CAP(23, super_shadow), CAP(25, invept_context), CAP(26, invept_global),
	CAP(40, invvpid_address), CAP(41, invvpid_context), CAP(42, invvpid_all),
	CAP(43, invvpid_retain_global),
	CTLS2(5, vpid), CTLS2(7, unrestricted_guest), CTLS2(17, pml), CTLS2(18, ve),
	CTLS2(22, mode_exec), CTLS2(23, subpage),
	CTLS3(1, hlat), CTLS3(2, paging_write), CTLS3(3, verify_paging),
	CTLS3(4, ipi_virtualization),
};

/* With INVEPT, INVVPID and tertiary controls there, on which other bits depend. */
static void capable_msrs(struct ept_msrs *msrs)
{
	bare_msrs(msrs);
	msrs->ept_vpid_cap = BIT_ULL(20) | BIT_ULL(32);
	msrs->true_procbased |= TERTIARY_ALLOWED;
}

static void each_bit_is_one_field(struct kunit *test)
{
	struct ept_caps without, with;
	struct ept_msrs msrs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		bool *field = (void *)&with + bits[i].field;

		capable_msrs(&msrs);
		KUNIT_ASSERT_EQ(test, ept_caps_decode(&msrs, &without), 0);
		*(u64 *)((void *)&msrs + bits[i].msr) |= BIT_ULL(bits[i].bit);
		KUNIT_ASSERT_EQ(test, ept_caps_decode(&msrs, &with), 0);
		KUNIT_EXPECT_TRUE_MSG(test, *field, "bit %u", bits[i].bit);
		*field = false;
		memset(&with.msrs, 0, sizeof(with.msrs));
		memset(&without.msrs, 0, sizeof(without.msrs));
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(&with, &without, sizeof(with)),
				      "bit %u turns on more than its field", bits[i].bit);
	}
}

static void other_bits_are_nothing(struct kunit *test)
{
	struct ept_caps without, with;
	struct ept_msrs msrs;
	unsigned int bit, i;

	for (bit = 0; bit < 64; bit++) {
		bool known = bit == 20 || bit == 32 || (bit >= 48 && bit < 54);

		for (i = 0; i < ARRAY_SIZE(bits); i++)
			known |= bits[i].msr == offsetof(struct ept_msrs, ept_vpid_cap) &&
				 bits[i].bit == bit;
		if (known)
			continue;
		capable_msrs(&msrs);
		KUNIT_ASSERT_EQ(test, ept_caps_decode(&msrs, &without), 0);
		msrs.ept_vpid_cap |= BIT_ULL(bit);
		KUNIT_ASSERT_EQ(test, ept_caps_decode(&msrs, &with), 0);
		without.msrs = with.msrs;
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(&with, &without, sizeof(with)), "bit %u", bit);
	}
}

static void dependent_values_need_what_they_depend_on(struct kunit *test)
{
	struct ept_caps caps;
	struct ept_msrs msrs;

	bare_msrs(&msrs);
	msrs.ept_vpid_cap = 63ULL << 48;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_EQ(test, caps.hlat_prefix_max, 63);
	KUNIT_EXPECT_EQ(test, caps.vmcs_memtype, 6);
	KUNIT_EXPECT_TRUE(test, caps.true_controls);
	KUNIT_EXPECT_EQ(test, caps.msrs.ept_vpid_cap, msrs.ept_vpid_cap);

	msrs.valid &= ~EPT_MSR_MAXPHYADDR;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_EQ(test, caps.maxphyaddr, 36);

	/* Tertiary controls exist where the primary ones allow them. */
	msrs.procbased3 = 0x1e;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_FALSE(test, caps.hlat || caps.paging_write || caps.verify_paging ||
			   caps.ipi_virtualization);

	msrs.true_procbased |= TERTIARY_ALLOWED;
	msrs.valid &= ~EPT_MSR_PROCBASED3;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_FALSE(test, caps.hlat || caps.paging_write || caps.verify_paging ||
			   caps.ipi_virtualization);

	/* So do the kinds of INVEPT and INVVPID where there is the instruction. */
	msrs.ept_vpid_cap = GENMASK_ULL(26, 25) | GENMASK_ULL(43, 40);
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_FALSE(test, caps.invept || caps.invept_context || caps.invept_global ||
			   caps.invvpid || caps.invvpid_address || caps.invvpid_context ||
			   caps.invvpid_all || caps.invvpid_retain_global);

	/* EPTP switching is a VM function. */
	msrs.vmfunc = 1;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_FALSE(test, caps.eptp_switching);
	msrs.procbased2 |= BIT_ULL(32 + 13);
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_TRUE(test, caps.vmfunc && caps.eptp_switching);
	msrs.valid &= ~EPT_MSR_VMFUNC;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_TRUE(test, caps.vmfunc && !caps.eptp_switching);
	msrs.valid |= EPT_MSR_VMFUNC;
	msrs.vmfunc = 0;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_TRUE(test, caps.vmfunc && !caps.eptp_switching);
}

/* The TRUE MSR tells the truth about CR3 exits; the old one says that they can't be turned off. */
static void true_controls_are_believed(struct kunit *test)
{
	static const unsigned int exits[] = { 9, 15, 16 };	/* INVLPG, CR3 load, CR3 store */
	struct ept_caps caps;
	struct ept_msrs msrs;
	unsigned int i;

	bare_msrs(&msrs);
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_TRUE(test, caps.cr3_exits_optional);
	for (i = 0; i < ARRAY_SIZE(exits); i++) {
		bare_msrs(&msrs);
		msrs.true_procbased |= BIT_ULL(exits[i]);
		KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
		KUNIT_EXPECT_FALSE(test, caps.cr3_exits_optional);
	}
	bare_msrs(&msrs);
	msrs.basic &= ~BIT_ULL(55);
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_FALSE(test, caps.cr3_exits_optional);
	KUNIT_EXPECT_FALSE(test, caps.true_controls);
}

/* AVR41: of this one model, in all steppings. */
static void erratum_turns_accessed_and_dirty_off(struct kunit *test)
{
	static const struct { u32 signature; bool usable; } cpus[] = {
		{ 0x406d0, false }, { 0x406d8, false },
		/* Neither the type counts nor, of family 6, what extends the family. */
		{ 0x416d8, false }, { 0x1406d8, false },
		{ 0x406c8, true }, { 0x506d8, true }, { 0x40fd8, true }, { 0x306c3, true },
		{ 0, true },
	};
	struct ept_config config;
	struct ept_caps caps;
	struct ept_msrs msrs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cpus); i++) {
		bare_msrs(&msrs);
		msrs.ept_vpid_cap = 0x0f0106334141;
		msrs.signature = cpus[i].signature;
		KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
		KUNIT_EXPECT_EQ_MSG(test, caps.accessed_dirty, cpus[i].usable, "signature %x",
				    cpus[i].signature);
		ept_config_from_caps(&config, &caps);
		KUNIT_EXPECT_EQ(test, !!(config.features & EPT_FEATURE_AD), cpus[i].usable);
	}
}

/* A CPU that is bare_msrs(), but for these. */
static const struct lack {
	const char	*what;
	int		error;
	bool		vmx;
	u64		feature_control;
	u64		procbased2;
	u64		true_procbased;
	u32		invalid;
} lacks[] = {
	{ "nothing", 0, true, 5, EPT_ALLOWED, SECONDARY_ALLOWED },
	{ "no VMX", -ENODEV, false, 5, EPT_ALLOWED, SECONDARY_ALLOWED },
	{ "no VMX, locked", -ENODEV, false, 1, EPT_ALLOWED, SECONDARY_ALLOWED },
	{ "no VMX, no EPT", -ENODEV, false, 5, 0, SECONDARY_ALLOWED },
	{ "locked off", -EPERM, true, 1, EPT_ALLOWED, SECONDARY_ALLOWED },
	{ "inside SMX alone", -EPERM, true, 3, EPT_ALLOWED, SECONDARY_ALLOWED },
	{ "locked off, no EPT", -EPERM, true, 1, 0, SECONDARY_ALLOWED },
	{ "on, and inside SMX", 0, true, 7, EPT_ALLOWED, SECONDARY_ALLOWED },
	{ "not locked yet", 0, true, 0, EPT_ALLOWED, SECONDARY_ALLOWED },
	{ "not locked, but on", 0, true, 4, EPT_ALLOWED, SECONDARY_ALLOWED },
	{ "no EPT", -EOPNOTSUPP, true, 5, 0, SECONDARY_ALLOWED },
	{ "VPID alone", -EOPNOTSUPP, true, 5, BIT_ULL(32 + 5), SECONDARY_ALLOWED },
	{ "must be 1, not may", -EOPNOTSUPP, true, 5, BIT_ULL(1), SECONDARY_ALLOWED },
	{ "no secondary controls", -EOPNOTSUPP, true, 5, EPT_ALLOWED, 0 },
	{ "no PROCBASED2", -EOPNOTSUPP, true, 5, EPT_ALLOWED, SECONDARY_ALLOWED,
	  EPT_MSR_PROCBASED2 },
	{ "no EPT_VPID_CAP", -EOPNOTSUPP, true, 5, EPT_ALLOWED, SECONDARY_ALLOWED,
	  EPT_MSR_EPT_VPID_CAP },
	{ "no BASIC", -ENODEV, true, 5, EPT_ALLOWED, SECONDARY_ALLOWED, EPT_MSR_BASIC },
	{ "no PROCBASED", -ENODEV, true, 5, EPT_ALLOWED, SECONDARY_ALLOWED, EPT_MSR_PROCBASED },
	{ "no FEATURE_CONTROL", 0, true, 1, EPT_ALLOWED, SECONDARY_ALLOWED,
	  EPT_MSR_FEATURE_CONTROL },
	{ "no TRUE_PROCBASED", 0, true, 5, EPT_ALLOWED, 0, EPT_MSR_TRUE_PROCBASED },
};

static void each_lack_has_its_error(struct kunit *test)
{
	struct ept_caps caps, zero;
	struct ept_msrs msrs;
	unsigned int i;

	memset(&zero, 0, sizeof(zero));
	for (i = 0; i < ARRAY_SIZE(lacks); i++) {
		bare_msrs(&msrs);
		msrs.vmx = lacks[i].vmx;
		msrs.feature_control = lacks[i].feature_control;
		msrs.procbased2 = lacks[i].procbased2;
		msrs.true_procbased = lacks[i].true_procbased;
		msrs.valid &= ~lacks[i].invalid;
		memset(&caps, 0xff, sizeof(caps));
		KUNIT_EXPECT_EQ_MSG(test, ept_caps_decode(&msrs, &caps), lacks[i].error, "%s",
				    lacks[i].what);
		if (lacks[i].error)
			KUNIT_EXPECT_TRUE(test, !memcmp(&caps, &zero, sizeof(caps)));
	}
	caps.levels_4 = true;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(NULL, &caps), -EINVAL);
	KUNIT_EXPECT_FALSE(test, caps.levels_4);
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, ept_caps_read(NULL), -EINVAL);
}

static void configurations_take_the_largest_leaf(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(models); i++) {
		const struct cpu_model *m = &models[i];
		struct ept_config config;
		struct ept_caps caps;

		if (model_caps(m, &caps))
			continue;
		memset(&config, 0xff, sizeof(config));
		ept_config_from_caps(&config, &caps);
		KUNIT_EXPECT_EQ(test, config.levels, 4);
		KUNIT_EXPECT_EQ(test, config.max_leaf, m->max_leaf);
		KUNIT_EXPECT_EQ(test, config.maxphyaddr, 39);
		KUNIT_EXPECT_EQ(test, config.features, EPT_FEATURE_EXEC_ONLY |
				(m->accessed_dirty ? EPT_FEATURE_AD : 0));
		KUNIT_EXPECT_EQ(test, config.flags, 0);
		KUNIT_EXPECT_EQ(test, config.table_memtype, EPT_MT_WB);
		KUNIT_EXPECT_EQ(test, config.nid, NUMA_NO_NODE);
		KUNIT_EXPECT_NULL(test, config.name);
		KUNIT_EXPECT_NULL(test, config.ops);
		KUNIT_EXPECT_EQ(test, ept_config_check(&config, &caps), 0);
		KUNIT_EXPECT_EQ(test, ept_config_check(&config, NULL), 0);
	}
}

/* A CPU with less than the models have. */
static void poor_caps(struct kunit *test, struct ept_caps *caps)
{
	struct ept_msrs msrs;

	bare_msrs(&msrs);
	msrs.ept_vpid_cap = BIT_ULL(6) | BIT_ULL(8) | BIT_ULL(20) | BIT_ULL(26);
	KUNIT_ASSERT_EQ(test, ept_caps_decode(&msrs, caps), 0);
}

static void poor_cpus_get_poor_configurations(struct kunit *test)
{
	struct ept_config config;
	struct ept_caps caps;

	poor_caps(test, &caps);
	ept_config_from_caps(&config, &caps);
	KUNIT_EXPECT_EQ(test, config.max_leaf, EPT_4K);
	KUNIT_EXPECT_EQ(test, config.features, 0);
	KUNIT_EXPECT_EQ(test, config.table_memtype, EPT_MT_UC);
	KUNIT_EXPECT_EQ(test, ept_config_check(&config, &caps), 0);
	config.max_leaf = EPT_1G;
	ept_config_from_caps(&config, NULL);
	KUNIT_EXPECT_EQ(test, config.max_leaf, EPT_1G);
	ept_config_from_caps(NULL, &caps);
}

#define CONFIG(_levels, _leaf, _maxphyaddr, _features, _flags, _memtype, _nid, _name) {	\
	.levels = (_levels),								\
	.max_leaf = (_leaf),								\
	.maxphyaddr = (_maxphyaddr),							\
	.features = (_features),							\
	.flags = (_flags),								\
	.table_memtype = (_memtype),							\
	.nid = (_nid),									\
	.name = (_name),								\
}

#define ANY_NODE	NUMA_NO_NODE
#define NAME_OF_64	"0123456789012345678901234567890123456789012345678901234567890123"

/* Each has one thing that is never legal. */
static const struct ept_config illegal[] = {
	CONFIG(0, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(3, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(6, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_512G, 46, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_256T, 46, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, 5, 46, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, -1, 46, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 0, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 31, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 53, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 46, BIT(8), 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 46, 0, BIT(3), EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WC, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WT, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WP, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 46, 0, 0, 7, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, -2, NULL),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, MAX_NUMNODES, NULL),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, 1 << 20, NULL),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, "a/b"),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, "."),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, ".."),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, NAME_OF_64 "4"),
};

static const struct ept_config legal[] = {
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(5, EPT_4K, 46, 0, 0, EPT_MT_UC, ANY_NODE, NULL),
	CONFIG(4, EPT_2M, 32, 0xff, 0, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 52, 0, 7, EPT_MT_WB, ANY_NODE, NULL),
	CONFIG(4, EPT_1G, 46, 0, 1, EPT_MT_WB, 0, NULL),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, NAME_OF_64),
	CONFIG(4, EPT_1G, 46, 0, 0, EPT_MT_WB, ANY_NODE, "..a"),
};

static void illegal_configurations_make_no_table(struct kunit *test)
{
	struct ept *ept;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(illegal); i++) {
		KUNIT_EXPECT_EQ_MSG(test, ept_config_check(&illegal[i], NULL), -EINVAL, "row %u",
				    i);
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(ept_create(&illegal[i])), -EINVAL, "row %u", i);
	}
	for (i = 0; i < ARRAY_SIZE(legal); i++) {
		KUNIT_EXPECT_EQ_MSG(test, ept_config_check(&legal[i], NULL), 0, "row %u", i);
		ept = ept_create(&legal[i]);
		KUNIT_EXPECT_FALSE_MSG(test, IS_ERR_OR_NULL(ept), "row %u", i);
		ept_destroy(ept);
	}
	KUNIT_EXPECT_EQ(test, ept_config_check(NULL, NULL), -EINVAL);
}

#define ON(_levels, _leaf, _maxphyaddr, _memtype, _features)	\
	CONFIG(_levels, _leaf, _maxphyaddr, _features, 0, _memtype, ANY_NODE, NULL)

/* What a CPU can run, and then one thing that it can't. */
static const struct shortage {
	const char		*model;
	struct ept_config	config;
	int			error;
} shortages[] = {
	{ "haswell", ON(4, EPT_1G, 39, EPT_MT_WB, EPT_FEATURE_AD), 0 },
	{ "haswell", ON(4, EPT_4K, 36, EPT_MT_UC, EPT_FEATURE_VE), 0 },
	{ "haswell", ON(4, EPT_1G, 40, EPT_MT_WB, 0), -EOPNOTSUPP },
	{ "haswell", ON(5, EPT_1G, 39, EPT_MT_WB, 0), -EOPNOTSUPP },
	{ "haswell", ON(4, EPT_1G, 39, EPT_MT_WB, EPT_FEATURE_MODE_EXEC), -EOPNOTSUPP },
	{ "haswell", ON(4, EPT_1G, 39, EPT_MT_WB, EPT_FEATURE_PAGING_WRITE), -EOPNOTSUPP },
	{ "haswell", ON(4, EPT_1G, 39, EPT_MT_WB, EPT_FEATURE_VERIFY_PAGING), -EOPNOTSUPP },
	{ "haswell", ON(4, EPT_1G, 39, EPT_MT_WB, EPT_FEATURE_SUPER_SHADOW), -EOPNOTSUPP },
	{ "haswell", ON(4, EPT_1G, 39, EPT_MT_WB, EPT_FEATURE_SUBPAGE), -EOPNOTSUPP },
	{ "haswell", ON(3, EPT_1G, 40, EPT_MT_WB, 0), -EINVAL },
	{ "icelake", ON(4, EPT_1G, 39, EPT_MT_WB, EPT_FEATURE_SUBPAGE), 0 },
	{ "tigerlake", ON(4, EPT_1G, 39, EPT_MT_WB, EPT_FEATURE_SUPER_SHADOW), 0 },
	{ "arrandale", ON(4, EPT_2M, 39, EPT_MT_WB, EPT_FEATURE_EXEC_ONLY), 0 },
	{ "arrandale", ON(4, EPT_1G, 39, EPT_MT_WB, 0), -EOPNOTSUPP },
	{ "arrandale", ON(4, EPT_2M, 39, EPT_MT_WB, EPT_FEATURE_AD), -EOPNOTSUPP },
	{ "arrandale", ON(4, EPT_2M, 39, EPT_MT_WB, EPT_FEATURE_VE), -EOPNOTSUPP },
	{ "poor", ON(4, EPT_4K, 39, EPT_MT_UC, 0), 0 },
	{ "poor", ON(4, EPT_4K, 39, EPT_MT_UC, EPT_FEATURE_EXEC_ONLY), -EOPNOTSUPP },
	{ "poor", ON(4, EPT_2M, 39, EPT_MT_UC, 0), -EOPNOTSUPP },
	{ "poor", ON(4, EPT_4K, 39, EPT_MT_WB, 0), -EOPNOTSUPP },
};

static void caps_of(struct kunit *test, const char *name, struct ept_caps *caps)
{
	unsigned int i;

	if (!strcmp(name, "poor")) {
		poor_caps(test, caps);
		return;
	}
	for (i = 0; strcmp(name, models[i].name); i++)
		;
	KUNIT_ASSERT_EQ(test, model_caps(&models[i], caps), 0);
}

static void a_cpu_refuses_what_it_lacks(struct kunit *test)
{
	struct ept_caps caps;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shortages); i++) {
		caps_of(test, shortages[i].model, &caps);
		KUNIT_EXPECT_EQ_MSG(test, ept_config_check(&shortages[i].config, &caps),
				    shortages[i].error, "row %u, %s", i, shortages[i].model);
	}
}

/* Nothing could tell such a CPU of a change: not even the default configuration is for it. */
static void a_cpu_that_cannot_flush_is_refused(struct kunit *test)
{
	static const struct { u64 without; int error; } cpus[] = {
		{ 0, 0 },
		{ BIT_ULL(25), 0 },
		{ BIT_ULL(26), 0 },
		{ BIT_ULL(25) | BIT_ULL(26), -EOPNOTSUPP },
		{ BIT_ULL(20), -EOPNOTSUPP },
		{ BIT_ULL(20) | BIT_ULL(25) | BIT_ULL(26), -EOPNOTSUPP },
	};
	struct ept_config config;
	struct ept_caps caps;
	struct ept_msrs msrs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cpus); i++) {
		bare_msrs(&msrs);
		msrs.ept_vpid_cap = 0x0f0106334141 & ~cpus[i].without;
		KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
		ept_config_from_caps(&config, &caps);
		KUNIT_EXPECT_EQ_MSG(test, ept_config_check(&config, &caps), cpus[i].error,
				    "without %llx", cpus[i].without);
		/* What is never legal stays that. */
		config.levels = 3;
		KUNIT_EXPECT_EQ(test, ept_config_check(&config, &caps), -EINVAL);
	}
}

static void a_guest_cannot_stop_a_cpu_with_itlb_multihit(struct kunit *test)
{
	struct ept_config config;
	struct ept_mapping m;
	struct ept_caps caps;
	struct ept_msrs msrs;
	struct ept *ept;

	bare_msrs(&msrs);
	msrs.ept_vpid_cap = 0x0f0106334141;
	msrs.itlb_multihit = true;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_TRUE(test, caps.itlb_multihit);
	ept_config_from_caps(&config, &caps);
	KUNIT_EXPECT_EQ(test, config.flags, EPT_CONFIG_NO_EXEC_LARGE);
	KUNIT_EXPECT_EQ(test, ept_config_check(&config, &caps), 0);

	ept = ept_create(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
	KUNIT_EXPECT_EQ(test, ept_map(ept, 0, 0, SZ_2M, &EPT_ATTRS_RAM), 0);
	KUNIT_EXPECT_EQ(test, ept_map(ept, SZ_2M, 0, SZ_2M, &EPT_ATTRS_DEVICE), 0);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, 0, &m), 0);
	KUNIT_EXPECT_EQ(test, m.level, EPT_4K);
	KUNIT_EXPECT_EQ(test, ept_lookup(ept, SZ_2M, &m), 0);
	KUNIT_EXPECT_EQ(test, m.level, EPT_2M);
	ept_destroy(ept);
	/* Whoever trusts its guest clears it. */
	config.flags = 0;
	KUNIT_EXPECT_EQ(test, ept_config_check(&config, &caps), 0);
}

static void features_ask_for_their_controls(struct kunit *test)
{
	static const struct { u32 features, secondary; u64 tertiary; } controls[] = {
		{ 0, BIT(1), 0 },
		{ EPT_FEATURE_AD | EPT_FEATURE_EXEC_ONLY | EPT_FEATURE_SUPER_SHADOW, BIT(1), 0 },
		{ EPT_FEATURE_VE, BIT(1) | BIT(18), 0 },
		{ EPT_FEATURE_MODE_EXEC, BIT(1) | BIT(22), 0 },
		{ EPT_FEATURE_SUBPAGE, BIT(1) | BIT(23), 0 },
		{ EPT_FEATURE_PAGING_WRITE, BIT(1), BIT_ULL(2) },
		{ EPT_FEATURE_VERIFY_PAGING, BIT(1), BIT_ULL(3) },
		{ 0xff, BIT(1) | BIT(18) | BIT(22) | BIT(23), BIT_ULL(2) | BIT_ULL(3) },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		struct ept_config config = test_configs[0].config;

		config.features = controls[i].features;
		KUNIT_EXPECT_EQ_MSG(test, ept_secondary_controls(&config), controls[i].secondary,
				    "features %x", config.features);
		KUNIT_EXPECT_EQ_MSG(test, ept_tertiary_controls(&config), controls[i].tertiary,
				    "features %x", config.features);
	}
	KUNIT_EXPECT_EQ(test, ept_secondary_controls(NULL), 0);
	KUNIT_EXPECT_EQ(test, ept_tertiary_controls(NULL), 0);
}

/* Beside the root, which is a page of memory that this machine has. */
static void pointers_carry_the_configuration(struct kunit *test)
{
	static const struct {
		unsigned int levels;
		enum ept_memtype memtype;
		u32 features;
		u64 bits;
	} pointers[] = {
		{ 4, EPT_MT_WB, EPT_FEATURE_AD, 0x5e },
		{ 5, EPT_MT_WB, EPT_FEATURE_AD, 0x66 },
		{ 4, EPT_MT_WB, 0, 0x1e },
		{ 5, EPT_MT_WB, 0, 0x26 },
		{ 4, EPT_MT_UC, 0, 0x18 },
		{ 5, EPT_MT_UC, EPT_FEATURE_AD, 0x60 },
		{ 4, EPT_MT_WB, EPT_FEATURE_SUPER_SHADOW, 0x9e },
		{ 4, EPT_MT_WB, EPT_FEATURE_AD | EPT_FEATURE_SUPER_SHADOW, 0xde },
		/* Features of the VMCS alone */
		{ 4, EPT_MT_WB, EPT_FEATURE_EXEC_ONLY, 0x1e },
		{ 4, EPT_MT_WB, EPT_FEATURE_MODE_EXEC, 0x1e },
		{ 4, EPT_MT_WB, EPT_FEATURE_VE, 0x1e },
		{ 4, EPT_MT_WB, EPT_FEATURE_PAGING_WRITE, 0x1e },
		{ 4, EPT_MT_WB, EPT_FEATURE_VERIFY_PAGING, 0x1e },
		{ 4, EPT_MT_WB, EPT_FEATURE_SUBPAGE, 0x1e },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pointers); i++) {
		struct ept_config config = test_configs[0].config;
		struct ept *ept;
		u64 eptp;

		config.levels = pointers[i].levels;
		config.table_memtype = pointers[i].memtype;
		config.features = pointers[i].features;
		ept = ept_create(&config);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ept);
		eptp = ept_pointer(ept);
		KUNIT_EXPECT_EQ(test, eptp & 0xfff, pointers[i].bits);
		KUNIT_EXPECT_EQ(test, eptp >> config.maxphyaddr, 0);
		KUNIT_EXPECT_NOT_NULL(test, mmu_table(eptp));
		KUNIT_EXPECT_EQ(test, ept_pointer(ept), eptp);
		ept_destroy(ept);
	}
	KUNIT_EXPECT_EQ(test, ept_pointer(NULL), 0);
}

/* On whatever runs this: a definite answer, and one that ept_create() shares. */
static void this_cpu_answers(struct kunit *test)
{
	struct ept_caps caps, zero;
	int ret = ept_caps_read(&caps);
	struct ept *ept = ept_create(NULL);
	struct ept_config config;

	memset(&zero, 0, sizeof(zero));
	if (IS_ENABLED(CONFIG_UML))
		KUNIT_EXPECT_EQ(test, ret, -ENODEV);
	if (!ret) {
		ept_config_from_caps(&config, &caps);
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(ept), ept_config_check(&config, &caps));
		ept_destroy(ept);
		return;
	}
	KUNIT_EXPECT_TRUE(test, ret == -ENODEV || ret == -EPERM || ret == -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, !memcmp(&caps, &zero, sizeof(caps)));
	KUNIT_EXPECT_EQ(test, PTR_ERR(ept), ret);
	if (ret == -ENODEV) {
		KUNIT_EXPECT_EQ(test, ept_invept_context(0x1e), -ENODEV);
		KUNIT_EXPECT_EQ(test, ept_invept_global(), -ENODEV);
	}
}

static struct kunit_case caps_cases[] = {
	KUNIT_CASE(known_cpus_are_decoded),
	KUNIT_CASE(each_bit_is_one_field),
	KUNIT_CASE(other_bits_are_nothing),
	KUNIT_CASE(dependent_values_need_what_they_depend_on),
	KUNIT_CASE(true_controls_are_believed),
	KUNIT_CASE(erratum_turns_accessed_and_dirty_off),
	KUNIT_CASE(each_lack_has_its_error),
	KUNIT_CASE(configurations_take_the_largest_leaf),
	KUNIT_CASE(poor_cpus_get_poor_configurations),
	KUNIT_CASE(illegal_configurations_make_no_table),
	KUNIT_CASE(a_cpu_refuses_what_it_lacks),
	KUNIT_CASE(a_cpu_that_cannot_flush_is_refused),
	KUNIT_CASE(a_guest_cannot_stop_a_cpu_with_itlb_multihit),
	KUNIT_CASE(features_ask_for_their_controls),
	KUNIT_CASE(pointers_carry_the_configuration),
	KUNIT_CASE(this_cpu_answers),
	{}
};

static struct kunit_suite caps_suite = {
	.name = "ept_caps",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = caps_cases,
};

kunit_test_suite(caps_suite);
