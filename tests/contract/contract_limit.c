/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an adapter has too little of: that the last one is given and the next refused with RESOURCES, in a sentence that names
 * what is used up, and that what is given back can be had again (spec/50 §4 to §6, spec/60 §1, spec/70 Q6).
 */
#include "contract.h"

#include <errno.h>

#define OK   NDIS_STATUS_SUCCESS
#define NONE NDIS_STATUS_RESOURCES

static NDIS_STATUS try_filter(struct fix *f, uint32_t vport, uint32_t queue, unsigned n, unsigned vlan)
{
	uint32_t len = filter_params(f->buf, vport, queue, mac(n), vlan);

	return method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len);
}

static NDIS_STATUS try_vport(struct fix *f, uint32_t function, uint32_t pairs)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	p.NumQueuePairs = pairs;
	p.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)function;
	if (function != NDIS_PF_FUNCTION_ID)
		p.VPortState = NdisNicSwitchVPortStateActivated;
	return method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572);
}

static NDIS_STATUS try_vf(struct fix *f)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = vf_params();

	return method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &p, sizeof p);
}

static NDIS_STATUS try_queue(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	return method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2);
}

static const uint8_t broadcast[6] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };

/* ---- unicast filters of one VPort or queue ---- */

static void addresses_of_a_vport(struct fix *f)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p;
	uint32_t a, b, first;

	fix_init(f);
	f->m.mac_addresses_per_target = 2;
	fix_start(f);
	a = make_vport(f);
	b = make_vport(f);
	first = make_filter(f, a, 0, mac(1), 0);
	(void)make_filter(f, a, 0, mac(2), 7);
	assert_status(f, try_filter(f, a, 0, 3, 0), NONE);
	assert_non_null(strstr(f->err.text, "NumMacAddressesPerPort is 2"));
	assert_int_equal(f->m.filters, 2); /* the driver was not asked */
	(void)make_filter(f, a, 0, broadcast, 0); /* no station's address */
	(void)make_filter(f, b, 0, mac(3), 0);
	(void)make_filter(f, b, 0, mac(4), 0);
	/* a filter moves only where there is room for it */
	p = move_params(first, a, b);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p), NONE);
	assert_int_equal(vport_info(f, a).NumFilters, 3);
	p = move_params(first, a, 0);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p), OK);
	(void)make_filter(f, a, 0, mac(5), 0);
	/* the default VPort has the same */
	(void)make_filter(f, 0, 0, mac(6), 0);
	assert_status(f, try_filter(f, 0, 0, 7, 0), NONE);
	clear_filter(f, 0, first);
	(void)make_filter(f, 0, 0, mac(7), 0);
}

static void addresses_of_a_queue(struct fix *f)
{
	uint32_t q, first;

	fix_init(f);
	f->cfg.keywords.sriov = 0;
	f->m.mac_addresses_per_target = 1;
	fix_start(f);
	q = make_queue(f);
	first = make_filter(f, 0, q, mac(1), 0);
	assert_status(f, try_filter(f, 0, q, 2, 0), NONE);
	assert_non_null(strstr(f->err.text, "queue 1"));
	clear_filter(f, q, first);
	clear_filter(f, q, make_filter(f, 0, q, mac(2), 0));
}

/* ---- VLAN ids of one ---- */

static void vlans_of_a_vport(struct fix *f)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p;
	uint32_t a, b, id;

	fix_init(f);
	f->m.vlans_per_target = 2;
	fix_start(f);
	a = make_vport(f);
	b = make_vport(f);
	(void)make_filter(f, a, 0, mac(1), 7);
	(void)make_filter(f, a, 0, mac(2), 7);
	id = make_filter(f, a, 0, mac(1), 4094);
	assert_status(f, try_filter(f, a, 0, 1, 9), NONE);
	assert_non_null(strstr(f->err.text, "NumVlansPerPort (2)"));
	(void)make_filter(f, a, 0, mac(3), 7); /* no new VLAN */
	(void)make_filter(f, a, 0, mac(4), 0); /* no VLAN id at all */
	(void)make_filter(f, a, 0, mac(5), 0xFFFF);
	p = move_params(make_filter(f, b, 0, mac(6), 9), b, a);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p), NONE);
	clear_filter(f, 0, id);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p), OK);
	assert_status(f, try_filter(f, a, 0, 1, 10), NONE);
}

static void vlans_of_a_queue(struct fix *f)
{
	uint32_t q;

	fix_init(f);
	f->cfg.keywords.sriov = 0;
	f->m.vlans_per_target = 1;
	fix_start(f);
	q = make_queue(f);
	(void)make_filter(f, 0, q, mac(1), 7);
	assert_status(f, try_filter(f, 0, q, 1, 8), NONE);
	(void)make_filter(f, 0, 0, mac(1), 8); /* the default queue's */
	assert_status(f, try_filter(f, 0, 0, 1, 9), NONE);
}

/* ---- what is used up, in its own words ---- */

static void by_name(struct fix *f)
{
	enum what { VPORT, PF_VPORT, PAIRS, VF, QUEUE, FILTER, ADDRESS };
	static const struct {
		enum what what;
		bool single_pool;
		unsigned have; /* what can be had */
		const char *name;
	} rows[] = {
		{ VPORT, true, 63, "MaxNumVPorts is 64" },
		{ PF_VPORT, false, 47, "16 are reserved" },
		{ PAIRS, true, 31, "MaxNumQueuePairs (128)" },
		{ VF, true, 16, "NumVFs" },
		{ QUEUE, true, 8, "NumQueues is 8" },
		{ FILTER, true, 256, "MaxMacHeaderFilters is 256" },
		{ ADDRESS, true, 128, "MaxNumMacAddresses is 128" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		NDIS_STATUS status;
		unsigned n = 0;

		memset(f, 0, sizeof *f);
		fix_init(f);
		f->cfg.keywords.sriov = rows[i].what != QUEUE && rows[i].what != FILTER;
		if (!rows[i].single_pool) { /* which VMMQ would need */
			f->m.nic_switch.NicSwitchCapabilities &=
			    ~(ULONG)(NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL |
				     NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED);
		}
		fix_start(f);
		do {
			switch (rows[i].what) {
			case VPORT:
			case PF_VPORT:
				status = try_vport(f, NDIS_PF_FUNCTION_ID, 1);
				break;
			case PAIRS:
				status = try_vport(f, NDIS_PF_FUNCTION_ID, 4);
				break;
			case VF:
				status = try_vf(f);
				break;
			case QUEUE:
				status = try_queue(f);
				break;
			default:
				status = try_filter(f, 0, 0, n, 0);
				break;
			}
			n += status == OK;
		} while (status == OK);
		assert_status(f, status, NONE);
		assert_int_equal(n, rows[i].have);
		if (!strstr(f->err.text, rows[i].name))
			fail_msg("\"%s\" does not say %s", f->err.text, rows[i].name);
		if (i + 1 < sizeof rows / sizeof rows[0])
			ndis_adapter_destroy(f->a);
	}
}

/* Without the single pool the VFs have theirs for certain; with it whoever comes first (spec/50 §5). */
static void vfs_exhausted(struct fix *f)
{
	start_sriov(f);
	for (unsigned i = 0; i < 16; i++)
		assert_status(f, try_vf(f), OK);
	assert_status(f, try_vf(f), NONE);
	for (unsigned i = 0; i < 60; i++)
		assert_status(f, try_vport(f, NDIS_PF_FUNCTION_ID, 1), OK);
	for (unsigned vf = 0; vf < 3; vf++)
		assert_status(f, try_vport(f, vf, 1), OK);
	assert_status(f, try_vport(f, 3, 1), NONE);
	assert_non_null(strstr(f->err.text, "MaxNumVPorts is 64"));
}

/* ---- keywords that bound ---- */

static void num_vfs(struct fix *f)
{
	static const struct {
		uint32_t keyword, enabled;
	} rows[] = { { 0, 0 }, { 3, 3 }, { 16, 16 }, { 17, 16 }, { 65534, 16 }, { MINIPORT_NUM_VFS_ALL, 16 } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		memset(f, 0, sizeof *f);
		fix_init(f);
		assert_int_equal(f->cfg.keywords.num_vfs, MINIPORT_NUM_VFS_ALL); /* absent */
		f->cfg.keywords.num_vfs = rows[i].keyword;
		fix_start(f);
		assert_int_equal(switch_info(f).NumVFs, rows[i].enabled);
		for (uint32_t k = 0; k < rows[i].enabled; k++)
			assert_status(f, try_vf(f), OK);
		assert_status(f, try_vf(f), NONE);
		if (i + 1 < sizeof rows / sizeof rows[0])
			ndis_adapter_destroy(f->a);
	}
}

static void rss_on_host_vports(struct fix *f)
{
	fix_init(f);
	f->cfg.keywords.rss_on_host_vports = 0;
	fix_start(f);
	assert_status(f, query(f, f->d, OID_GEN_RECEIVE_SCALE_CAPABILITIES, NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2),
		      NDIS_STATUS_NOT_SUPPORTED);
	assert_non_null(strstr(f->err.text, "*RssOnHostVPorts is 0"));
}

static void switch_impossible(struct fix *f)
{
	static const struct {
		uint32_t sriov, vmq;
		bool off;
		const char *word;
	} rows[] = { { 0, 0, false, "*VMQ is 0" }, { 0, 1, true, "no switch without SR-IOV" } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fix_init(f);
		f->cfg.keywords.sriov = rows[i].sriov;
		f->cfg.keywords.vmq = rows[i].vmq;
		f->cfg.switch_without_iov = true;
		f->m.switch_off = rows[i].off;
		assert_int_equal(ndis_adapter_create(&test_miniport_ops, &f->m, &f->cfg, &f->a, &f->err), -EINVAL);
		assert_non_null(strstr(f->err.text, rows[i].word));
		assert_int_equal(f->m.halted, 1);
		f->a = NULL;
	}
}

const struct contract_case limit_cases[] = {
	{ "spec50_6_mac_addresses_per_port", addresses_of_a_vport },
	{ "spec50_6_mac_addresses_per_port_queue", addresses_of_a_queue },
	{ "spec50_6_vlans_per_port", vlans_of_a_vport },
	{ "spec50_6_vlans_per_port_queue", vlans_of_a_queue },
	{ "spec50_6_exhausted_by_name", by_name },
	{ "spec50_5_vfs_exhausted", vfs_exhausted },
	{ "spec60_1_num_vfs", num_vfs },
	{ "spec60_1_rss_on_host_vports", rss_on_host_vports },
	{ "spec60_2_switch_impossible", switch_impossible },
};
const size_t limit_count = sizeof limit_cases / sizeof limit_cases[0];
