/* SPDX-License-Identifier: BSD-3-Clause */
/* The switch and VPorts: spec/10 §5.2 to §5.9, spec/30 §2, §3, spec/50 §1, §3 to §5. */
#include "contract.h"

static NDIS_STATUS create(struct fix *f, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	return method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, p, 572);
}

static NDIS_STATUS change(struct fix *f, struct ndis_driver *d, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	return set(f, d, OID_NIC_SWITCH_VPORT_PARAMETERS, p, 572);
}

#define REFUSE_CREATE(status, changes)                                                                                 \
	do {                                                                                                           \
		NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();                                                   \
		changes;                                                                                               \
		assert_status(f, create(f, &p), status);                                                               \
		assert_int_equal(info(f).num_vports, 1);                                                               \
	} while (0)

static void create_members(struct fix *f)
{
	start_sriov(f);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.SwitchId = 1);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.VPortId = 1);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.AttachedFunctionId = 0); /* a VF that is not allocated */
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.NumQueuePairs = 0);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.NumQueuePairs = 17);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.InterruptModeration = 3);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.VPortState = NdisNicSwitchVPortStateActivated);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.VPortState = NdisNicSwitchVPortStateUndefined);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.ProcessorAffinity.Mask = 0);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.LookaheadSize = 64);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.VPortName.Length = 3);
	REFUSE_CREATE(NDIS_STATUS_INVALID_PARAMETER, p.VPortName.Length = 514);
	assert_int_equal(f->m.vports, 0);
}

static void create_result(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	NDIS_NIC_SWITCH_VPORT_INFO i;

	start_sriov(f);
	assert_true(ndis_string_set(&p.VPortName, "wéb1"));
	p.NumQueuePairs = 3;
	p.InterruptModeration = NdisNicSwitchVPortInterruptModerationHigh;
	assert_status(f, create(f, &p), NDIS_STATUS_SUCCESS);
	memcpy(&p, f->buf, 572);
	assert_int_equal(p.VPortId, 1);
	i = vport_info(f, 1);
	assert_int_equal(i.VPortState, NdisNicSwitchVPortStateDeactivated);
	assert_int_equal(i.NumQueuePairs, 3);
	assert_int_equal(i.InterruptModeration, 300);
	assert_int_equal(i.AttachedFunctionId, NDIS_PF_FUNCTION_ID);
	assert_int_equal(i.ProcessorAffinity.Mask, 2);
	assert_int_equal(i.NumFilters, 0);
	assert_memory_equal(&i.VPortName, &p.VPortName, sizeof p.VPortName);
	i = vport_info(f, 0);
	assert_int_equal(i.VPortState, NdisNicSwitchVPortStateActivated);
	assert_int_equal(switch_info(f).NumActiveVPorts, 2);
	assert_int_equal(switch_info(f).NumQueuePairsForNonDefaultVPorts, 3);
	assert_int_equal(switch_info(f).NumVPorts, 64);
}

static void ids_round_robin(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = delete_params(1);

	start_sriov(f);
	assert_int_equal(make_vport(f), 1);
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &p, 12), NDIS_STATUS_SUCCESS);
	for (uint32_t i = 2; i <= 63; i++)
		assert_int_equal(make_vport(f), i);
	assert_int_equal(make_vport(f), 1);
}

/* ---- spec/30 §3: state × event; D: deactivated PF VPort, A: activated ones ---- */

enum vport_kind { ABSENT, D_PF, A_PF, A_VF, A_DEFAULT };

static uint32_t in_state(struct fix *f, enum vport_kind k)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	uint32_t id;

	switch (k) {
	case ABSENT:
		return 60000;
	case A_DEFAULT:
		return 0;
	case A_VF:
		return make_vf_vport(f, make_vf(f));
	case D_PF:
		return make_vport(f);
	case A_PF:
		break;
	}
	id = p.VPortId = make_vport(f);
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
	p.VPortState = NdisNicSwitchVPortStateActivated;
	assert_status(f, change(f, f->d, &p), NDIS_STATUS_SUCCESS);
	return id;
}

static void cells(struct fix *f, uint32_t flags, void (*tweak)(NDIS_NIC_SWITCH_VPORT_PARAMETERS *),
		  const NDIS_STATUS want[5])
{
	start_sriov(f);
	for (enum vport_kind k = ABSENT; k <= A_DEFAULT; k++) {
		NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
		NDIS_NIC_SWITCH_VPORT_INFO before, after;

		p.VPortId = in_state(f, k);
		p.Flags = flags;
		tweak(&p);
		before = vport_info(f, p.VPortId);
		assert_status(f, change(f, f->d, &p), want[k]);
		after = vport_info(f, p.VPortId);
		if (want[k] != NDIS_STATUS_SUCCESS)
			assert_memory_equal(&before, &after, sizeof before);
	}
}

#define OK  NDIS_STATUS_SUCCESS
#define BAD NDIS_STATUS_INVALID_PARAMETER

static void tweak_activate(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	p->VPortState = NdisNicSwitchVPortStateActivated;
}

static void tweak_deactivate(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	p->VPortState = NdisNicSwitchVPortStateDeactivated;
}

static void tweak_name(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	(void)ndis_string_set(&p->VPortName, "renamed");
	p->InterruptModeration = NdisNicSwitchVPortInterruptModerationOff;
}

static void tweak_affinity(NDIS_NIC_SWITCH_VPORT_PARAMETERS *p)
{
	p->ProcessorAffinity.Mask = 8;
}

static void activate(struct fix *f)
{
	cells(f, NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED, tweak_activate,
	      (const NDIS_STATUS[]){ BAD, OK, OK, OK, OK });
}

static void deactivate(struct fix *f)
{
	cells(f, NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED, tweak_deactivate,
	      (const NDIS_STATUS[]){ BAD, OK, BAD, BAD, BAD });
}

static void rename_moderate(struct fix *f)
{
	cells(f, NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED | NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED, tweak_name,
	      (const NDIS_STATUS[]){ BAD, OK, OK, OK, OK });
}

static void affinity(struct fix *f)
{
	cells(f, NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED, tweak_affinity,
	      (const NDIS_STATUS[]){ BAD, OK, OK, BAD, OK });
}

static void queue_pairs_without_vmmq(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	fix_init(f);
	f->m.nic_switch.NicSwitchCapabilities &= ~(ULONG)NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED;
	fix_start(f);
	p.VPortId = make_vport(f);
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
	p.NumQueuePairs = 2;
	assert_status(f, change(f, f->d, &p), NDIS_STATUS_INVALID_PARAMETER);
}

static void queue_pairs_with_vmmq(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	start_sriov(f);
	p.VPortId = make_vport(f);
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
	p.NumQueuePairs = 4;
	assert_status(f, change(f, f->d, &p), NDIS_STATUS_SUCCESS);
	assert_int_equal(info(f).num_queue_pairs, 5);
	p.NumQueuePairs = 5;
	assert_status(f, change(f, f->d, &p), NDIS_STATUS_INVALID_PARAMETER);
}

static void filters_on(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS c;
	uint32_t len;

	start_sriov(f);
	for (enum vport_kind k = ABSENT; k <= A_DEFAULT; k++) {
		uint32_t v = in_state(f, k), id;

		if (k == ABSENT) {
			len = filter_params(f->buf, v, 0, mac(k), 0);
			assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), BAD);
			continue;
		}
		id = make_filter(f, v, 0, mac(k), 0);
		assert_int_equal(vport_info(f, v).NumFilters, 1);
		c = clear_params(0, id);
		assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16), OK);
		assert_int_equal(vport_info(f, v).NumFilters, 0);
	}
}

static void delete_cells(struct fix *f)
{
	static const NDIS_STATUS want[5] = { BAD, OK, OK, OK, BAD };

	start_sriov(f);
	for (enum vport_kind k = ABSENT; k <= A_DEFAULT; k++) {
		NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = delete_params(in_state(f, k));

		assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &p, 12), want[k]);
	}
	assert_int_equal(info(f).num_vports, 1);
}

static void delete_with_filters(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p;

	start_sriov(f);
	p = delete_params(make_vport(f));
	(void)make_filter(f, p.VPortId, 0, mac(1), 0);
	f->m.oid = 0;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &p, 12), BAD);
	assert_int_equal(f->m.oid, 0);
}

static void foreign(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p;

	start_sriov(f);
	c.VPortId = make_vport(f);
	c.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED;
	p = delete_params(c.VPortId);
	assert_status(f, set(f, f->other, OID_NIC_SWITCH_DELETE_VPORT, &p, 12), BAD);
	assert_status(f, change(f, f->other, &c), BAD);
	c.VPortId = 0;
	assert_status(f, change(f, f->other, &c), OK);
}

static void changed_flags(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	NDIS_NIC_SWITCH_VPORT_INFO before, after;

	start_sriov(f);
	p.VPortId = make_vport(f);
	before = vport_info(f, p.VPortId);
	/* no flag: nothing, whatever the members say; the driver is not asked */
	p.NumQueuePairs = 4;
	p.ProcessorAffinity.Mask = 0;
	f->m.oid = 0;
	assert_status(f, change(f, f->d, &p), OK);
	assert_int_equal(f->m.oid, 0);
	after = vport_info(f, p.VPortId);
	assert_memory_equal(&before, &after, sizeof before);
	/* unknown low flags are ignored, unknown CHANGED flags are not */
	p.Flags = 0x7FFF;
	assert_status(f, change(f, f->d, &p), OK);
	for (uint32_t bit = 0x200000; bit; bit <<= 1) {
		if (bit == NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED)
			continue;
		p.Flags = bit;
		assert_status(f, change(f, f->d, &p), BAD);
	}
	/* several flags, one member wrong: none applied */
	p = vport_params();
	p.VPortId = 1;
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED | NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED;
	(void)ndis_string_set(&p.VPortName, "half");
	p.ProcessorAffinity.Mask = 0;
	assert_status(f, change(f, f->d, &p), BAD);
	after = vport_info(f, p.VPortId);
	assert_memory_equal(&before, &after, sizeof before);
}

static void moderation_for_all(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	fix_init(f);
	f->m.nic_switch.NicSwitchCapabilities &= ~(ULONG)NDIS_NIC_SWITCH_CAPS_PER_VPORT_INTERRUPT_MODERATION_SUPPORTED;
	fix_start(f);
	p.InterruptModeration = NdisNicSwitchVPortInterruptModerationLow;
	assert_status(f, create(f, &p), NDIS_STATUS_NOT_SUPPORTED);
	p.InterruptModeration = NdisNicSwitchVPortInterruptModerationUndefined;
	assert_status(f, create(f, &p), OK);
	p.InterruptModeration = NdisNicSwitchVPortInterruptModerationAdaptive;
	assert_status(f, create(f, &p), OK);
}

/* ---- enumeration ---- */

static ULONG enumerate(struct fix *f, ULONG flags, unsigned function, NDIS_STATUS want)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 28 }, .Flags = flags };

	p.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)function;
	memcpy(f->buf, &p, sizeof p);
	assert_status(f, method(f, f->d, OID_NIC_SWITCH_ENUM_VPORTS, sizeof p, sizeof f->buf), want);
	memcpy(&p, f->buf, sizeof p);
	return p.NumElements;
}

static void enum_vports(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 28 }, .SwitchId = 1 };
	uint32_t vf, bare;

	start_sriov(f);
	(void)make_vport(f);
	vf = make_vf(f);
	bare = make_vf(f);
	(void)make_vf_vport(f, vf);
	assert_int_equal(enumerate(f, 0, 0x1234, OK), 3);
	assert_int_equal(enumerate(f, 1, 0xFFFF, OK), 2);
	assert_int_equal(enumerate(f, 1, vf, OK), 1);
	assert_int_equal(enumerate(f, 1, bare, OK), 0);
	assert_int_equal(f->done, 28);
	assert_int_equal(enumerate(f, 2, 0x1234, OK), 3);
	(void)enumerate(f, 1, 9, BAD);
	(void)enumerate(f, 3, 0xFFFF, BAD);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ENUM_VPORTS, &p, 28), BAD);
}

static void enum_needed(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 28 } };

	start_sriov(f);
	for (int i = 0; i < 9; i++)
		(void)make_vport(f);
	memcpy(f->buf, &p, sizeof p);
	assert_status(f, method(f, f->d, OID_NIC_SWITCH_ENUM_VPORTS, 28, 32 + 10 * 576 - 1),
		      NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 32 + 10 * 576);
	assert_status(f, method(f, f->d, OID_NIC_SWITCH_ENUM_VPORTS, 28, 32 + 10 * 576), OK);
	assert_int_equal(f->done, 32 + 10 * 576);
}

/* ---- spec/50 §4, §5: the rows of the two tables ---- */

/* How many VPorts with n queue pairs each can be made on the PF (on_vf false) or on VFs. */
static unsigned fill_up(struct fix *f, uint32_t n, bool on_vf)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	unsigned made = 0;
	NDIS_STATUS status;

	p.NumQueuePairs = n;
	for (;;) {
		if (on_vf) {
			NDIS_NIC_SWITCH_VF_PARAMETERS v = vf_params();

			if (method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &v, sizeof v) != NDIS_STATUS_SUCCESS)
				return made;
			memcpy(&v, f->buf, sizeof v);
			p.AttachedFunctionId = v.VFId;
			p.VPortState = NdisNicSwitchVPortStateActivated;
		}
		status = create(f, &p);
		if (status != NDIS_STATUS_SUCCESS) {
			assert_status(f, status, NDIS_STATUS_RESOURCES);
			return made;
		}
		made++;
	}
}

static void start_pool(struct fix *f, uint32_t q, uint32_t v, uint32_t p, uint32_t vfs, uint32_t d, uint32_t flags)
{
	fix_init(f);
	f->m.nic_switch.NicSwitchCapabilities = flags | NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED;
	f->m.nic_switch.MaxNumQueuePairs = q;
	f->m.nic_switch.MaxNumVPorts = v;
	f->m.nic_switch.MaxNumQueuePairsPerNonDefaultVPort = p;
	f->m.nic_switch.MaxNumVFs = vfs;
	f->m.nic_switch.MaxNumQueuePairsForDefaultVPort = 8;
	f->cfg.num_queue_pairs_default = d;
	if (!vfs)
		f->cfg.keywords.num_vfs = 0;
	fix_start(f);
}

#define ASYM NDIS_NIC_SWITCH_CAPS_ASYMMETRIC_QUEUE_PAIRS_FOR_NONDEFAULT_VPORT_SUPPORTED
#define POOL NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL
#define VMMQ                                                                                                           \
	(POOL | NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED |                                                      \
	 NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SUPPORTED)

static void pairs_128_n2(struct fix *f)
{
	start_pool(f, 128, 64, 4, 0, 1, POOL);
	assert_int_equal(fill_up(f, 2, false), 63);
	assert_int_equal(info(f).num_queue_pairs, 127);
}

static void pairs_128_n4(struct fix *f)
{
	start_pool(f, 128, 64, 4, 0, 1, POOL);
	assert_int_equal(fill_up(f, 4, false), 31);
	assert_int_equal(info(f).num_queue_pairs, 125);
	assert_non_null(strstr(f->err.text, "MaxNumQueuePairs"));
}

static void pairs_128_n1(struct fix *f)
{
	start_pool(f, 128, 64, 4, 0, 1, POOL);
	assert_int_equal(fill_up(f, 1, false), 63);
	assert_int_equal(info(f).num_queue_pairs, 64);
	assert_non_null(strstr(f->err.text, "MaxNumVPorts"));
}

static void pairs_asymmetric_v(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	start_pool(f, 128, 64, 4, 0, 1, POOL | ASYM);
	for (int i = 0; i < 63; i++) {
		p.NumQueuePairs = i < 21 ? 4 : 1;
		assert_status(f, create(f, &p), OK);
	}
	assert_int_equal(info(f).num_queue_pairs, 127);
	assert_status(f, create(f, &p), NDIS_STATUS_RESOURCES);
	assert_non_null(strstr(f->err.text, "MaxNumVPorts"));
}

static void pairs_asymmetric_q(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	start_pool(f, 128, 64, 4, 0, 1, POOL | ASYM);
	for (int i = 0; i < 32; i++) {
		p.NumQueuePairs = i < 31 ? 4 : 3;
		assert_status(f, create(f, &p), OK);
	}
	assert_int_equal(info(f).num_queue_pairs, 128);
	p.NumQueuePairs = 1;
	assert_status(f, create(f, &p), NDIS_STATUS_RESOURCES);
}

static void pairs_symmetric_differs(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	start_pool(f, 128, 64, 4, 0, 1, POOL);
	p.NumQueuePairs = 2;
	assert_status(f, create(f, &p), OK);
	p.NumQueuePairs = 1;
	assert_status(f, create(f, &p), BAD);
}

static void pairs_64(struct fix *f)
{
	start_pool(f, 64, 64, 8, 0, 1, POOL);
	assert_int_equal(fill_up(f, 1, false), 63);
}

static void pairs_64_n2(struct fix *f)
{
	start_pool(f, 64, 64, 8, 0, 1, POOL);
	assert_int_equal(fill_up(f, 2, false), 31);
}

static void pairs_vmmq(struct fix *f)
{
	start_pool(f, 72, 33, 2, 0, 8, VMMQ);
	assert_int_equal(switch_info(f).NumQueuePairsForDefaultVPort, 8);
	assert_int_equal(fill_up(f, 2, false), 32);
	assert_int_equal(info(f).num_queue_pairs, 72);
}

static void pool_single_pf(struct fix *f)
{
	start_pool(f, 128, 64, 1, 32, 1, POOL);
	assert_int_equal(fill_up(f, 1, false), 63);
}

static void pool_single_40(struct fix *f)
{
	start_pool(f, 128, 64, 1, 32, 1, POOL);
	for (int i = 0; i < 40; i++)
		(void)make_vport(f);
	assert_int_equal(fill_up(f, 1, true), 23);
	/* the VFs beyond can be allocated all the same */
	assert_int_equal(info(f).num_vfs, 24);
	for (int i = 24; i < 32; i++)
		(void)make_vf(f);
}

static void pool_single_vfs_first(struct fix *f)
{
	start_pool(f, 128, 64, 1, 32, 1, POOL);
	assert_int_equal(fill_up(f, 1, true), 32);
	assert_int_equal(fill_up(f, 1, false), 31);
}

static void pool_split(struct fix *f)
{
	start_pool(f, 128, 64, 1, 32, 1, 0);
	assert_int_equal(fill_up(f, 1, false), 31);
	assert_non_null(strstr(f->err.text, "reserved"));
	assert_int_equal(fill_up(f, 1, true), 32);
}

static void pool_split_33(struct fix *f)
{
	start_pool(f, 128, 33, 1, 32, 1, 0);
	assert_int_equal(fill_up(f, 1, false), 0);
	assert_int_equal(fill_up(f, 1, true), 32);
}

static void pool_single_33(struct fix *f)
{
	start_pool(f, 128, 33, 1, 32, 1, POOL);
	(void)make_vport(f);
	assert_int_equal(fill_up(f, 1, true), 31);
	assert_int_equal(info(f).num_vfs, 32);
}

static void pool_no_vfs(struct fix *f)
{
	start_pool(f, 128, 9, 1, 0, 1, 0);
	assert_int_equal(fill_up(f, 1, false), 8);
}

/* ---- the switch ---- */

static void second_switch(struct fix *f)
{
	start_sriov(f);
	assert_status(f, ndis_switch_create(f->a, &f->err), BAD);
	assert_int_equal(f->m.switches, 1);
}

static void delete_order(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 }, .SwitchId = 1 };
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS v;

	start_sriov(f);
	assert_status(f, set(f, f->ndis, OID_NIC_SWITCH_DELETE_SWITCH, &p, 12), NDIS_STATUS_FILE_NOT_FOUND);
	v = delete_params(make_vport(f));
	assert_status(f, ndis_switch_delete(f->a, &f->err), BAD);
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &v, 12), OK);
	assert_status(f, ndis_switch_delete(f->a, &f->err), OK);
	assert_status(f, ndis_switch_delete(f->a, &f->err), NDIS_STATUS_FILE_NOT_FOUND);
	/* no switch: nothing can be made, nothing is listed */
	assert_status(f, query(f, f->d, OID_NIC_SWITCH_ENUM_SWITCHES, 16), OK);
	assert_int_equal(((NDIS_NIC_SWITCH_INFO_ARRAY *)(void *)f->buf)->NumElements, 0);
	{
		NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();

		assert_status(f, create(f, &c), BAD);
	}
	assert_int_equal(vport_info(f, 0).VPortId, UINT32_MAX);
	assert_status(f, ndis_switch_create(f->a, &f->err), OK);
}

static void switch_members(struct fix *f)
{
	NDIS_NIC_SWITCH_PARAMETERS good = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 552 },
					    .SwitchType = NdisNicSwitchTypeExternal,
					    .NumQueuePairsForDefaultVPort = 1 },
				   p;

	start_neutral(f);
#define REFUSE_SWITCH(changes)                                                                                         \
	do {                                                                                                           \
		p = good;                                                                                              \
		changes;                                                                                               \
		assert_status(f, method_on(f, f->ndis, OID_NIC_SWITCH_CREATE_SWITCH, &p, 552), BAD);                   \
	} while (0)
	REFUSE_SWITCH(p.SwitchType = NdisNicSwitchTypeUnspecified);
	REFUSE_SWITCH(p.SwitchId = 1);
	REFUSE_SWITCH(p.SwitchFriendlyName.Length = 1);
	REFUSE_SWITCH(p.NumVFs = 17);
	REFUSE_SWITCH(p.NumQueuePairsForDefaultVPort = 0);
	REFUSE_SWITCH(p.NumQueuePairsForDefaultVPort = 9);
	assert_int_equal(f->m.switches, 0);
}

static void switch_rename(struct fix *f)
{
	NDIS_NIC_SWITCH_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 548 },
					 .Flags = NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED };
	char name[NDIS_STRING_UTF8_SIZE];
	NDIS_NIC_SWITCH_INFO i;

	start_sriov(f);
	i = switch_info(f);
	assert_string_equal(ndis_string_get(&i.SwitchFriendlyName, name, sizeof name), "Default Switch");
	assert_true(ndis_string_set(&p.SwitchFriendlyName, "blue"));
	/* effective after the next start only, stored all the same */
	f->m.answer = NDIS_STATUS_REINIT_REQUIRED;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 548), NDIS_STATUS_REINIT_REQUIRED);
	i = switch_info(f);
	assert_string_equal(ndis_string_get(&i.SwitchFriendlyName, name, sizeof name), "blue");
	assert_true(ndis_string_set(&p.SwitchFriendlyName, "green"));
	f->m.answer = NDIS_STATUS_FAILURE;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 548), NDIS_STATUS_FAILURE);
	i = switch_info(f);
	assert_string_equal(ndis_string_get(&i.SwitchFriendlyName, name, sizeof name), "blue");
	p.Flags = 0x20000;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 548), BAD);
	p.Flags = 0;
	p.SwitchId = 2;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 548), BAD);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 548), BAD);
}

static void switch_counters(struct fix *f)
{
	static const uint8_t broadcast[6] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
	NDIS_NIC_SWITCH_INFO i;
	uint32_t v;

	start_sriov(f);
	v = make_vport(f);
	(void)make_filter(f, 0, 0, mac(1), 0);
	(void)make_filter(f, 0, 0, mac(2), 9);
	(void)make_filter(f, v, 0, mac(3), 9);
	(void)make_filter(f, v, 0, broadcast, 9);
	(void)make_vf(f);
	i = switch_info(f);
	assert_int_equal(i.NumVFs, 16);
	assert_int_equal(i.NumAllocatedVFs, 1);
	assert_int_equal(i.NumActiveDefaultVPortMacAddresses, 2);
	assert_int_equal(i.NumActiveNonDefaultVPortMacAddresses, 1);
	assert_int_equal(i.NumActiveDefaultVPortVlanIds, 1);
	assert_int_equal(i.NumActiveNonDefaultVPortVlanIds, 2);
}

const struct contract_case vport_cases[] = {
	{ "spec10_5.6_create_vport_invalid_parameter_members", create_members },
	{ "spec10_5.6_create_vport_result", create_result },
	{ "spec70_Q53_vport_ids_round_robin", ids_round_robin },
	{ "spec30_3_set_activated", activate },
	{ "spec30_3_set_deactivated", deactivate },
	{ "spec30_3_set_name_moderation", rename_moderate },
	{ "spec30_3_set_affinity", affinity },
	{ "spec30_3_set_queue_pairs_without_vmmq", queue_pairs_without_vmmq },
	{ "spec30_3_set_queue_pairs_with_vmmq", queue_pairs_with_vmmq },
	{ "spec30_3_set_filter_and_clear_filter", filters_on },
	{ "spec30_3_delete_vport", delete_cells },
	{ "spec70_Q7_delete_vport_with_filters", delete_with_filters },
	{ "spec10_2_ownership_vport", foreign },
	{ "spec70_Q54_changed_flags", changed_flags },
	{ "spec70_Q50_moderation_for_all", moderation_for_all },
	{ "spec10_5.8_enum_vports_invalid_parameter_flags", enum_vports },
	{ "spec10_5.8_enum_vports_invalid_length_ten", enum_needed },
	{ "spec50_4_row1_symmetric_2", pairs_128_n2 },
	{ "spec50_4_row2_symmetric_4", pairs_128_n4 },
	{ "spec50_4_row3_symmetric_1", pairs_128_n1 },
	{ "spec50_4_row4_asymmetric_vports", pairs_asymmetric_v },
	{ "spec50_4_row5_asymmetric_pairs", pairs_asymmetric_q },
	{ "spec50_4_row6_64_pairs", pairs_64 },
	{ "spec50_4_row6_64_pairs_by_2", pairs_64_n2 },
	{ "spec50_4_row7_vmmq", pairs_vmmq },
	{ "spec50_4_symmetric_numbers_equal", pairs_symmetric_differs },
	{ "spec50_5_row1_single_pool_pf", pool_single_pf },
	{ "spec50_5_row2_single_pool_40", pool_single_40 },
	{ "spec50_5_row3_single_pool_vfs_first", pool_single_vfs_first },
	{ "spec50_5_row4_split_pool", pool_split },
	{ "spec50_5_row5_split_pool_33", pool_split_33 },
	{ "spec50_5_row6_single_pool_33", pool_single_33 },
	{ "spec50_5_row7_no_vfs", pool_no_vfs },
	{ "spec30_2_present_create_switch", second_switch },
	{ "spec30_2_present_delete_switch", delete_order },
	{ "spec10_5.4_delete_switch_file_not_found", delete_order },
	{ "spec10_5.2_create_switch_invalid_parameter_members", switch_members },
	{ "spec10_5.3_switch_parameters_set_reinit_required", switch_rename },
	{ "spec20_6_switch_info_counters", switch_counters },
};
const size_t vport_count = sizeof vport_cases / sizeof vport_cases[0];
