/* SPDX-License-Identifier: BSD-3-Clause */
/* Keywords, modes and their exclusion, registration: spec/60 §1, §2, spec/30 §2, spec/50 §6, spec/70 Q40, Q43 to Q45. */
#include "contract.h"

#include <errno.h>

#define OK  NDIS_STATUS_SUCCESS
#define BAD NDIS_STATUS_INVALID_PARAMETER

static void truth_table(struct fix *f)
{
	enum { N = MINIPORT_MODE_NONE, R = MINIPORT_MODE_RSS, V = MINIPORT_MODE_VMQ, S = MINIPORT_MODE_SRIOV };
	/* *SriovPreferred, *RssOrVmqPreference, *SRIOV, *VMQ, *RSS (2: either), enabled */
	static const int rows[][6] = {
		{ 1, 1, 1, 1, 2, S }, { 1, 1, 0, 1, 2, V }, { 1, 2, 0, 0, 2, N }, { 0, 1, 2, 1, 2, V },
		{ 0, 1, 2, 0, 2, N }, { 0, 0, 2, 2, 1, R }, { 0, 0, 2, 2, 0, N }, { 1, 1, 1, 0, 2, S },
		{ 1, 0, 1, 2, 2, S }, { 1, 0, 0, 1, 2, V },
	};
	unsigned seen = 0;

	(void)f;
	for (unsigned bits = 0; bits < 32; bits++) {
		const uint32_t v[5] = { bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1, bits >> 4 & 1 };
		struct miniport_keywords kw;
		const char *reason = NULL;

		ndis_keywords_default(&kw);
		kw.sriov_preferred = v[0];
		kw.rss_or_vmq_preference = v[1];
		kw.sriov = v[2];
		kw.vmq = v[3];
		kw.rss = v[4];
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			bool fits = true;

			for (int k = 0; k < 5; k++)
				fits = fits && (rows[i][k] == 2 || rows[i][k] == (int)v[k]);
			if (!fits)
				continue;
			seen++;
			assert_int_equal(ndis_mode_choose(&kw, &reason), rows[i][5]);
			assert_non_null(strstr(reason, "*Sriov"));
		}
	}
	assert_true(seen >= 32); /* every combination is in a row */
}

static void keywords(struct fix *f)
{
	struct miniport_keywords kw;

	ndis_keywords_default(&kw);
	assert_int_equal(kw.sriov, 1);
	assert_int_equal(kw.sriov_preferred, 0);
	assert_int_equal(ndis_mode_choose(&kw, NULL), MINIPORT_MODE_RSS);
	assert_int_equal(ndis_keyword_set(&kw, "*SriovPreferred", 1, &f->err), 0);
	assert_int_equal(ndis_keyword_set(&kw, "*SRIOV", 2, &f->err), -ERANGE);
	assert_int_equal(ndis_keyword_set(&kw, "SRIOV", 1, &f->err), -ENOENT);
	assert_int_equal(kw.sriov, 1);
	assert_int_equal(ndis_mode_choose(&kw, NULL), MINIPORT_MODE_SRIOV);
	ndis_keywords_for_switch(&kw);
	assert_int_equal(kw.sriov_preferred, 1);
	assert_int_equal(kw.rss_or_vmq_preference, 1);
}

static void neutral_to_switch(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	start_neutral(f);
	assert_string_equal(info(f).now, "neutral");
	assert_status(f, ndis_switch_create(f->a, &f->err), OK);
	assert_string_equal(info(f).now, "switch");
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), NDIS_STATUS_FAILURE);
	assert_status(f, ndis_switch_delete(f->a, &f->err), OK);
	assert_string_equal(info(f).now, "neutral");
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), OK);
}

static void neutral_to_queues(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p;
	NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();

	start_neutral(f);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &c, 572), NDIS_STATUS_NOT_SUPPORTED);
	p = free_queue_params(make_queue(f));
	assert_string_equal(info(f).now, "VM queues");
	assert_status(f, ndis_switch_create(f->a, &f->err), NDIS_STATUS_NOT_SUPPORTED);
	(void)make_queue(f);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_FREE_QUEUE, &p, 12), OK);
	assert_status(f, ndis_switch_create(f->a, &f->err), NDIS_STATUS_NOT_SUPPORTED);
	p = free_queue_params(2);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_FREE_QUEUE, &p, 12), OK);
	assert_status(f, ndis_switch_create(f->a, &f->err), OK);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &c, 572), OK);
}

static void switch_at_start(struct fix *f)
{
	fix_init(f);
	f->cfg.keywords.sriov = 0;
	f->cfg.switch_without_iov = true;
	fix_start(f);
	assert_string_equal(info(f).now, "switch");
	assert_int_equal(info(f).max_vfs, 0);
	{
		NDIS_NIC_SWITCH_VF_PARAMETERS p = vf_params();

		assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &p, sizeof p),
			      NDIS_STATUS_NOT_SUPPORTED);
	}
}

static void queues_with_sriov(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();
	NDIS_RECEIVE_FILTER_CAPABILITIES c;

	start_sriov(f);
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), NDIS_STATUS_FAILURE);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 84), OK);
	memcpy(&c, f->buf, 84);
	assert_int_equal(c.NumQueues, 0);
	assert_int_equal(c.EnabledQueueTypes, 0);
	assert_int_equal(c.EnabledFilterTypes, 1);
}

/* An adapter that has none of it says so, whatever is on. */
static void nothing_at_all(struct fix *f)
{
	fix_init(f);
	f->cfg.keywords.sriov = f->cfg.keywords.vmq = 0;
	f->m.no_filter = f->m.no_switch = true;
	fix_start(f);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 84), NDIS_STATUS_NOT_SUPPORTED);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, 16), NDIS_STATUS_NOT_SUPPORTED);
	assert_status(f, query(f, f->d, OID_NIC_SWITCH_HARDWARE_CAPABILITIES, 132), NDIS_STATUS_NOT_SUPPORTED);
	assert_status(f, query(f, f->d, OID_SRIOV_HARDWARE_CAPABILITIES, 12), NDIS_STATUS_NOT_SUPPORTED);
}

static void off_but_hardware(struct fix *f)
{
	start_off(f);
	assert_status(f, query(f, f->d, OID_NIC_SWITCH_HARDWARE_CAPABILITIES, 132), OK);
	assert_memory_equal(f->buf, &f->m.nic_switch, 132);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 84), OK);
	assert_memory_equal(f->buf, &f->m.filter, 84);
	assert_status(f, query(f, f->d, OID_SRIOV_HARDWARE_CAPABILITIES, 12), OK);
	assert_memory_equal(f->buf, &f->m.sriov, 12);
	assert_status(f, query(f, f->d, OID_SRIOV_CURRENT_CAPABILITIES, 12), NDIS_STATUS_NOT_SUPPORTED);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, 16), OK);
	assert_int_equal(((NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS *)(void *)f->buf)->EnabledFilterTypes, 0);
}

/* ---- registration ---- */

static void refuse_start(struct fix *f, const char *word)
{
	f->err.text[0] = 0;
	assert_int_equal(ndis_adapter_create(&test_miniport_ops, &f->m, &f->cfg, &f->a, &f->err), -EINVAL);
	if (!strstr(f->err.text, word))
		fail_msg("\"%s\" does not say %s", f->err.text, word);
	assert_int_equal(f->m.halted, 1);
	f->a = NULL;
}

static void registration(struct fix *f)
{
#define REFUSE_START(word, changes)                                                                                    \
	do {                                                                                                           \
		fix_init(f);                                                                                           \
		changes;                                                                                               \
		refuse_start(f, word);                                                                                 \
	} while (0)
	REFUSE_START("Header", f->m.filter.Header.Type = 1);
	REFUSE_START("SupportedQueueProperties", f->m.filter.SupportedQueueProperties = 3);
	REFUSE_START("lookahead",
		     f->m.filter.SupportedQueueProperties |= NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED);
	REFUSE_START("mandatory", f->m.filter.SupportedHeaders = 0);
	REFUSE_START("MaxMacHeaderFilters", f->m.filter.MaxMacHeaderFilters = 0);
	REFUSE_START("EnabledFilterTypes", f->m.filter.EnabledFilterTypes = 0);
	REFUSE_START("MaxNumSwitches", f->m.nic_switch.MaxNumSwitches = 2);
	REFUSE_START("MaxNumVPorts", f->m.nic_switch.MaxNumVPorts = 16);
	REFUSE_START("MaxNumQueuePairs", f->m.nic_switch.MaxNumQueuePairs = 63);
	REFUSE_START("power of 2", f->m.nic_switch.MaxNumQueuePairsPerNonDefaultVPort = 3);
	REFUSE_START("MaxNumMacAddresses", f->m.nic_switch.MaxNumMacAddresses = 63);
	REFUSE_START("NumVlansPerPort", f->m.nic_switch.NumVlansPerPort = 1);
	REFUSE_START("go together", f->m.nic_switch.NicSwitchCapabilities |=
				    NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_FUNCTION_SUPPORTED);
	REFUSE_START("SINGLE_VPORT_POOL",
		     f->m.nic_switch.NicSwitchCapabilities &= ~(ULONG)NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL);
	REFUSE_START("Header", f->m.filter.Header.Revision = 1);
	REFUSE_START("Header", f->m.filter.Header.Size = 83);
	REFUSE_START("lookahead", f->m.filter.MinLookaheadSplitSize = 1);
	REFUSE_START("lookahead", f->m.filter.MaxLookaheadSplitSize = 1);
	REFUSE_START("mandatory", f->m.filter.SupportedFilterTests = 6);
	REFUSE_START("mandatory", f->m.filter.SupportedMacHeaderFields = 8);
	REFUSE_START("MaxMacHeaderFilters", f->m.filter.MaxMacHeaderFilters = (1u << 24) + 1);
	for (ULONG n = 1; n < 5; n++)
		REFUSE_START("MaxFieldTestsPerPacketCoalescingFilter", f->m.filter.MaxFieldTestsPerPacketCoalescingFilter = n);
	REFUSE_START("MaxPacketCoalescingFilters", f->m.filter.MaxPacketCoalescingFilters = 9);
	REFUSE_START("SRIOV_SUPPORTED", f->m.sriov.SriovCapabilities = NDIS_SRIOV_CAPS_PF_MINIPORT);
	REFUSE_START("Header", f->m.nic_switch.Header.Revision = 1);
	REFUSE_START("Header", f->m.nic_switch.Header.Size = 131);
	REFUSE_START("Header", f->m.nic_switch.Header.Type = 0x81);
	REFUSE_START("MaxNumSwitches", f->m.nic_switch.MaxNumSwitches = 0);
	REFUSE_START("NumTotalMacAddresses", f->m.nic_switch.NumTotalMacAddresses = 1);
	REFUSE_START("NumMacAddressesPerPort", f->m.nic_switch.NumMacAddressesPerPort = 1);
	REFUSE_START("MaxNumVPorts", f->m.nic_switch.MaxNumVPorts = 0x10000);
	REFUSE_START("MaxNumVPorts", f->m.nic_switch.MaxNumVFs = 0xFFFF);
	REFUSE_START("power of 2", f->m.nic_switch.MaxNumQueuePairsPerNonDefaultVPort = 0);
	REFUSE_START("go together", f->m.nic_switch.NicSwitchCapabilities |=
				    NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_TYPE_SUPPORTED |
				    NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_KEY_SUPPORTED);
	REFUSE_START("INDIRECTION_TABLE", f->m.nic_switch.NicSwitchCapabilities &=
					  ~(ULONG)NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SUPPORTED);
	REFUSE_START("revision 3", (f->m.nic_switch.Header.Revision = 2, f->m.nic_switch.Header.Size = 116));
	REFUSE_START("Header", f->m.rss.Header.Type = NDIS_OBJECT_TYPE_DEFAULT);
	REFUSE_START("Header", f->m.rss.Header.Revision = 1);
	REFUSE_START("Header", f->m.sriov.Header.Revision = 2);
	for (unsigned bit = 1; bit <= 4; bit *= 2)
		REFUSE_START("hardware pointer", f->m.no_hardware = bit);
	/* what the adapter could do is checked where nothing is on, too */
	REFUSE_START("mandatory", (f->cfg.keywords.sriov = f->cfg.keywords.vmq = 0, f->m.filter.SupportedHeaders = 0));
	REFUSE_START("MaxNumSwitches", (f->cfg.keywords.sriov = f->cfg.keywords.vmq = 0, f->m.nic_switch.MaxNumSwitches = 2));
	REFUSE_START("Header", (f->cfg.keywords.sriov = f->cfg.keywords.vmq = 0, f->m.sriov.Header.Size = 11));
	REFUSE_START("current must be NULL", (f->cfg.keywords.sriov = 0, f->m.sriov_on = true));
	/* VM queues and their number go together */
	REFUSE_START("go together", (f->cfg.keywords.sriov = 0, f->m.filter.EnabledQueueTypes = 0));
	REFUSE_START("go together", (f->cfg.keywords.sriov = 0, f->m.filter.NumQueues = 0));
	REFUSE_START("MaxMacHeaderFilters", (f->cfg.keywords.sriov = 0, f->m.filter.MaxMacHeaderFilters = 7));
	REFUSE_START("16 bits", (f->cfg.keywords.sriov = 0, f->m.filter.NumQueues = 0xFFFF,
				 f->m.filter.MaxMacHeaderFilters = 0x10000));
	REFUSE_START("MaxNumRssCapable", f->m.nic_switch.MaxNumRssCapableNonDefaultPFVPorts = 0);
	REFUSE_START("MaxNumQueuePairsForDefaultVPort", f->m.nic_switch.MaxNumQueuePairsForDefaultVPort = 6);
	REFUSE_START("no current", f->m.no_filter = true);
	REFUSE_START("switch", f->m.switch_off = true);
	REFUSE_START("Header", f->m.sriov.Header.Size = 11);
	fix_init(f);
	f->cfg.keywords.sriov = 0;
	f->m.nic_switch.NicSwitchCapabilities &= ~(ULONG)NDIS_NIC_SWITCH_CAPS_NIC_SWITCH_WITHOUT_IOV_SUPPORTED;
	refuse_start(f, "NIC_SWITCH_WITHOUT_IOV");
}

static void initialize_fails(struct fix *f)
{
	fix_init(f);
	f->m.initialize_rc = -EACCES;
	assert_int_equal(ndis_adapter_create(&test_miniport_ops, &f->m, &f->cfg, &f->a, &f->err), -EACCES);
	assert_int_equal(f->m.halted, 0);
	f->a = NULL;
}

static void create_switch_fails(struct fix *f)
{
	fix_init(f);
	f->m.answer = NDIS_STATUS_RESOURCES;
	assert_int_equal(ndis_adapter_create(&test_miniport_ops, &f->m, &f->cfg, &f->a, &f->err), -EIO);
	assert_int_equal(f->m.halted, 1);
	f->a = NULL;
}

static void names(struct fix *f)
{
	NDIS_OID oid;
	NDIS_IF_COUNTED_STRING s;
	char text[NDIS_STRING_UTF8_SIZE], small[4];

	(void)f;
	assert_string_equal(ndis_oid_name(OID_RECEIVE_FILTER_SET_FILTER), "OID_RECEIVE_FILTER_SET_FILTER");
	assert_null(ndis_oid_name(0x1234));
	assert_true(ndis_oid_by_name("OID_NIC_SWITCH_ENUM_VFS", &oid));
	assert_int_equal(oid, OID_NIC_SWITCH_ENUM_VFS);
	assert_false(ndis_oid_by_name("OID_NIC_SWITCH_ENUM", &oid));
	assert_string_equal(ndis_status_name(NDIS_STATUS_NO_QUEUES), "NDIS_STATUS_NO_QUEUES");
	assert_string_equal(ndis_status_name(NDIS_STATUS_RECEIVE_QUEUE_STATE), "NDIS_STATUS_RECEIVE_QUEUE_STATE");
	assert_true(ndis_string_set(&s, "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\xA7"));
	assert_int_equal(s.Length, 10);
	assert_string_equal(ndis_string_get(&s, text, sizeof text), "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\xA7");
	assert_string_equal(ndis_string_get(&s, small, sizeof small), "a\xC3\xA9");
	assert_false(ndis_string_set(&s, "\xC0\x80"));
	assert_false(ndis_string_set(&s, "\xED\xA0\x80"));
	assert_false(ndis_string_set(&s, "\xFF"));
	assert_false(ndis_string_set(&s, "\xE2\x82"));
	s.Length = 0xFFFF; /* whatever a guest writes there */
	memset(s.String, 0xD8, sizeof s.String);
	assert_true(strlen(ndis_string_get(&s, text, sizeof text)) == 256 * 3);
	memset(text, 'x', 257);
	text[257] = 0;
	assert_false(ndis_string_set(&s, text));
	text[256] = 0;
	assert_true(ndis_string_set(&s, text));
	assert_int_equal(s.Length, 512);
}

const struct contract_case mode_cases[] = {
	{ "spec60_2_truth_table", truth_table },
	{ "spec60_1_keywords", keywords },
	{ "spec30_2_neutral_create_switch", neutral_to_switch },
	{ "spec30_2_neutral_allocate_queue", neutral_to_queues },
	{ "spec30_2_switch_without_iov", switch_at_start },
	{ "spec70_Q40_queues_with_sriov", queues_with_sriov },
	{ "spec60_2_hardware_always_in_full", off_but_hardware },
	{ "spec10_4.1_filter_hardware_capabilities_not_supported", nothing_at_all },
	{ "spec50_6_registration", registration },
	{ "spec20_9_initialize_fails", initialize_fails },
	{ "spec20_9_create_switch_fails", create_switch_fails },
	{ "names_and_strings", names },
};
const size_t mode_count = sizeof mode_cases / sizeof mode_cases[0];
