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

#define EPT_ALLOWED		(1ULL << 33)	/* PROCBASED2 */
#define SECONDARY_ALLOWED	(1ULL << 63)	/* PROCBASED */
#define TERTIARY_ALLOWED	(1ULL << 49)

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
		struct ept_caps caps;

		KUNIT_EXPECT_EQ_MSG(test, model_caps(m, &caps), m->error, "%s", m->name);
		if (m->error)
			continue;
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

	for (bit = 0; bit < 48; bit++) {
		bool known = bit == 20 || bit == 32;

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

	/* Tertiary controls exist where the primary ones allow them. */
	msrs.procbased3 = 0x1e;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_FALSE(test, caps.hlat || caps.paging_write || caps.verify_paging ||
			   caps.ipi_virtualization);

	/* EPTP switching is a VM function. */
	msrs.vmfunc = 1;
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_FALSE(test, caps.eptp_switching);
	msrs.procbased2 |= BIT_ULL(32 + 13);
	KUNIT_EXPECT_EQ(test, ept_caps_decode(&msrs, &caps), 0);
	KUNIT_EXPECT_TRUE(test, caps.vmfunc && caps.eptp_switching);
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
		{ 0x406c8, true }, { 0x506d8, true }, { 0x40fd8, true }, { 0x306c3, true }, { 0, true },
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

/* A field set to a value, so that cases are data. */
struct change {
	const char	*what;
	u16		offset;
	u16		size;
	u64		value;
};

#define SET(_type, _field, _value)	{						\
	#_field " = " #_value, offsetof(_type, _field), sizeof_field(_type, _field),	\
	(u64)(_value) }
#define SET_MSR(_field, _value)		SET(struct ept_msrs, _field, _value)
#define SET_CONFIG(_field, _value)	SET(struct ept_config, _field, _value)

/* Values are little-endian, as the CPU is. */
static void change(void *object, const struct change *to)
{
	memcpy(object + to->offset, &to->value, to->size);
}

static const struct lack {
	int		error;
	struct change	change[2];
} lacks[] = {
	{ -ENODEV, { SET_MSR(vmx, false) } },
	{ -ENODEV, { SET_MSR(vmx, false), SET_MSR(feature_control, 1) } },
	{ -ENODEV, { SET_MSR(vmx, false), SET_MSR(procbased2, 0) } },
	{ -EPERM, { SET_MSR(feature_control, 1) } },	/* locked */
	{ -EPERM, { SET_MSR(feature_control, 3) } },	/* inside SMX alone */
	{ -EPERM, { SET_MSR(feature_control, 1), SET_MSR(procbased2, 0) } },
	{ 0, { SET_MSR(feature_control, 7) } },
	{ 0, { SET_MSR(feature_control, 0) } },		/* not locked: still to be written */
	{ 0, { SET_MSR(feature_control, 4) } },
	{ -EOPNOTSUPP, { SET_MSR(procbased2, 0) } },
	{ -EOPNOTSUPP, { SET_MSR(procbased2, 1ULL << 37) } },	/* VPID alone */
	{ -EOPNOTSUPP, { SET_MSR(procbased2, 1ULL << 1) } },	/* must be 1, not may be */
	{ -EOPNOTSUPP, { SET_MSR(valid, ALL_MSRS & ~EPT_MSR_PROCBASED2) } },
	{ -EOPNOTSUPP, { SET_MSR(valid, ALL_MSRS & ~EPT_MSR_EPT_VPID_CAP) } },
	{ -EOPNOTSUPP, { SET_MSR(true_procbased, ~SECONDARY_ALLOWED) } },
};

static void each_lack_has_its_error(struct kunit *test)
{
	struct ept_caps caps, zero;
	struct ept_msrs msrs;
	unsigned int i;

	memset(&zero, 0, sizeof(zero));
	for (i = 0; i < ARRAY_SIZE(lacks); i++) {
		const struct lack *lack = &lacks[i];

		bare_msrs(&msrs);
		change(&msrs, &lack->change[0]);
		change(&msrs, &lack->change[1]);
		memset(&caps, 0xff, sizeof(caps));
		KUNIT_EXPECT_EQ_MSG(test, ept_caps_decode(&msrs, &caps), lack->error, "%s %s",
				    lack->change[0].what, lack->change[1].what);
		if (lack->error)
			KUNIT_EXPECT_TRUE(test, !memcmp(&caps, &zero, sizeof(caps)));
	}
	KUNIT_EXPECT_EQ(test, ept_caps_decode(NULL, &caps), -EINVAL);
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
	msrs.ept_vpid_cap = BIT_ULL(6) | BIT_ULL(8);
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
}

#define NAME_OF_64	"0123456789012345678901234567890123456789012345678901234567890123"

static const struct change illegal[] = {
	SET_CONFIG(levels, 0),
	SET_CONFIG(levels, 3),
	SET_CONFIG(levels, 6),
	SET_CONFIG(max_leaf, EPT_512G),
	SET_CONFIG(max_leaf, EPT_256T),
	SET_CONFIG(max_leaf, 5),
	SET_CONFIG(max_leaf, -1),
	SET_CONFIG(maxphyaddr, 0),
	SET_CONFIG(maxphyaddr, 31),
	SET_CONFIG(maxphyaddr, 53),
	SET_CONFIG(features, BIT(8)),
	SET_CONFIG(flags, BIT(3)),
	SET_CONFIG(table_memtype, EPT_MT_WC),
	SET_CONFIG(table_memtype, EPT_MT_WT),
	SET_CONFIG(table_memtype, EPT_MT_WP),
	SET_CONFIG(table_memtype, 7),
	SET_CONFIG(nid, -2),
	SET_CONFIG(nid, 1 << 20),
	SET_CONFIG(name, "a/b"),
	SET_CONFIG(name, "."),
	SET_CONFIG(name, ".."),
	SET_CONFIG(name, NAME_OF_64 "4"),
};

static const struct change legal[] = {
	SET_CONFIG(levels, 5),
	SET_CONFIG(max_leaf, EPT_4K),
	SET_CONFIG(maxphyaddr, 32),
	SET_CONFIG(maxphyaddr, 52),
	SET_CONFIG(features, 0xff),
	SET_CONFIG(flags, 0x1),
	SET_CONFIG(flags, 0x7),
	SET_CONFIG(table_memtype, EPT_MT_UC),
	SET_CONFIG(nid, 0),
	SET_CONFIG(name, NAME_OF_64),
	SET_CONFIG(name, "..a"),
};

static void illegal_configurations_make_no_table(struct kunit *test)
{
	struct ept_config config;
	struct ept *ept;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(illegal); i++) {
		config = test_configs[0].config;
		change(&config, &illegal[i]);
		KUNIT_EXPECT_EQ_MSG(test, ept_config_check(&config, NULL), -EINVAL, "%s",
				    illegal[i].what);
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(ept_create(&config)), -EINVAL, "%s",
				    illegal[i].what);
	}
	for (i = 0; i < ARRAY_SIZE(legal); i++) {
		config = test_configs[0].config;
		change(&config, &legal[i]);
		KUNIT_EXPECT_EQ_MSG(test, ept_config_check(&config, NULL), 0, "%s", legal[i].what);
		ept = ept_create(&config);
		KUNIT_EXPECT_FALSE_MSG(test, IS_ERR_OR_NULL(ept), "%s", legal[i].what);
		ept_destroy(ept);
	}
	KUNIT_EXPECT_EQ(test, ept_config_check(NULL, NULL), -EINVAL);
}

/* The configuration is what the CPU can run, but for one thing. */
static const struct shortage {
	const char	*model;
	struct change	config;
	int		error;
} shortages[] = {
	{ "haswell", SET_CONFIG(maxphyaddr, 39), 0 },
	{ "haswell", SET_CONFIG(maxphyaddr, 36), 0 },
	{ "haswell", SET_CONFIG(features, EPT_FEATURE_VE), 0 },
	{ "haswell", SET_CONFIG(table_memtype, EPT_MT_UC), 0 },
	{ "haswell", SET_CONFIG(maxphyaddr, 40), -EOPNOTSUPP },
	{ "haswell", SET_CONFIG(levels, 5), -EOPNOTSUPP },
	{ "haswell", SET_CONFIG(features, EPT_FEATURE_MODE_EXEC), -EOPNOTSUPP },
	{ "haswell", SET_CONFIG(features, EPT_FEATURE_PAGING_WRITE), -EOPNOTSUPP },
	{ "haswell", SET_CONFIG(features, EPT_FEATURE_VERIFY_PAGING), -EOPNOTSUPP },
	{ "haswell", SET_CONFIG(features, EPT_FEATURE_SUPER_SHADOW), -EOPNOTSUPP },
	{ "haswell", SET_CONFIG(features, EPT_FEATURE_SUBPAGE), -EOPNOTSUPP },
	{ "haswell", SET_CONFIG(levels, 3), -EINVAL },
	{ "icelake", SET_CONFIG(features, EPT_FEATURE_SUBPAGE), 0 },
	{ "tigerlake", SET_CONFIG(features, EPT_FEATURE_SUPER_SHADOW), 0 },
	{ "arrandale", SET_CONFIG(max_leaf, EPT_2M), 0 },
	{ "arrandale", SET_CONFIG(max_leaf, EPT_1G), -EOPNOTSUPP },
	{ "arrandale", SET_CONFIG(features, EPT_FEATURE_AD), -EOPNOTSUPP },
	{ "arrandale", SET_CONFIG(features, EPT_FEATURE_VE), -EOPNOTSUPP },
	{ "poor", SET_CONFIG(features, 0), 0 },
	{ "poor", SET_CONFIG(features, EPT_FEATURE_EXEC_ONLY), -EOPNOTSUPP },
	{ "poor", SET_CONFIG(max_leaf, EPT_2M), -EOPNOTSUPP },
	{ "poor", SET_CONFIG(table_memtype, EPT_MT_WB), -EOPNOTSUPP },
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
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shortages); i++) {
		const struct shortage *s = &shortages[i];
		struct ept_config config;
		struct ept_caps caps;

		caps_of(test, s->model, &caps);
		ept_config_from_caps(&config, &caps);
		change(&config, &s->config);
		KUNIT_EXPECT_EQ_MSG(test, ept_config_check(&config, &caps), s->error, "%s, %s",
				    s->model, s->config.what);
	}
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
		{ 4, EPT_MT_WB, EPT_FEATURE_EXEC_ONLY | EPT_FEATURE_MODE_EXEC | EPT_FEATURE_VE |
		  EPT_FEATURE_PAGING_WRITE | EPT_FEATURE_VERIFY_PAGING | EPT_FEATURE_SUBPAGE, 0x1e },
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

	memset(&zero, 0, sizeof(zero));
	if (!ret) {
		KUNIT_EXPECT_FALSE(test, IS_ERR_OR_NULL(ept));
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
