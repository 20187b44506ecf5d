/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules that show only together: a request in the mode that is not on, members that a revision has not, one object's change
 * that another's copy must follow, what is left when an object goes (spec/10 §2, §4, §5, spec/20 §5, §6, spec/30 §2, §3, spec/50
 * §3, §4, spec/70 Q40, Q50, Q54, Q56).
 */
#include "contract.h"

#include <errno.h>

#define OK  NDIS_STATUS_SUCCESS
#define BAD NDIS_STATUS_INVALID_PARAMETER

/* ---- requests of the mode that is off ---- */

static NDIS_STATUS ask(struct fix *f, const struct common_row *r, uint32_t len)
{
	struct ndis_driver *d = r->flags & COMMON_NDIS ? f->ndis : f->d;

	switch (r->type) {
	case NdisRequestMethod:
		return method(f, d, r->oid, len, sizeof f->buf);
	case NdisRequestSetInformation:
		return set(f, d, r->oid, f->buf, len);
	default:
		return query(f, d, r->oid, sizeof f->buf);
	}
}

/* Each request of that row with a right header and nothing else. */
static NDIS_STATUS ask_zeros(struct fix *f, const struct common_row *r)
{
	memset(f->buf, 0, 4096);
	f->buf[0] = NDIS_OBJECT_TYPE_DEFAULT;
	f->buf[1] = 1;
	memcpy(f->buf + 2, &r->size[0], 2);
	return ask(f, r, 4096);
}

static bool is_a_filter_row(const struct common_row *r)
{
	return strncmp(r->row, "spec10_4.", 9) == 0 && r->oid != OID_RECEIVE_FILTER_MOVE_FILTER;
}

/* No switch is possible: everything of the switch and of SR-IOV is NOT_SUPPORTED. */
static void switch_requests_without(struct fix *f)
{
	unsigned n = 0;

	start_vmq(f);
	for (size_t i = 0; i < common_row_count; i++) {
		const struct common_row *r = &common_rows[i];

		if (is_a_filter_row(r) || (r->flags & COMMON_ANYWHERE))
			continue;
		assert_status(f, ask_zeros(f, r), NDIS_STATUS_NOT_SUPPORTED);
		n++;
	}
	assert_true(n > 25);
	assert_int_equal(f->m.requests, 0);
}

/* One is possible and not there: queries of it answer, enumerations are empty, the rest is NOT_SUPPORTED. */
static void switch_requests_neutral(struct fix *f)
{
	static const NDIS_OID answered[] = { OID_NIC_SWITCH_CURRENT_CAPABILITIES, OID_NIC_SWITCH_ENUM_SWITCHES,
					     OID_NIC_SWITCH_ENUM_VPORTS, OID_NIC_SWITCH_ENUM_VFS };

	start_neutral(f);
	for (size_t i = 0; i < common_row_count; i++) {
		const struct common_row *r = &common_rows[i];
		NDIS_STATUS want = NDIS_STATUS_NOT_SUPPORTED;

		if (is_a_filter_row(r) || (r->flags & COMMON_ANYWHERE) || r->oid == OID_NIC_SWITCH_CREATE_SWITCH)
			continue;
		for (size_t k = 0; k < sizeof answered / sizeof answered[0]; k++)
			want = r->oid == answered[k] ? OK : want;
		if (r->oid == OID_NIC_SWITCH_DELETE_SWITCH)
			want = NDIS_STATUS_FILE_NOT_FOUND;
		assert_status(f, ask_zeros(f, r), want);
	}
	assert_int_equal(f->m.requests, 0);
}

/* While there is a switch there are no VM queues: ALLOCATE_QUEUE and its completion fail (spec/70 Q40); requests about a
 * queue find none, whatever its number, and the enumeration is empty. */
static void queue_requests_with_switch(struct fix *f)
{
	static const struct {
		NDIS_OID oid;
		NDIS_REQUEST_TYPE type;
		NDIS_STATUS want;
	} rows[] = {
		{ OID_RECEIVE_FILTER_ALLOCATE_QUEUE, NdisRequestMethod, NDIS_STATUS_FAILURE },
		{ OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, NdisRequestMethod, NDIS_STATUS_FAILURE },
		{ OID_RECEIVE_FILTER_FREE_QUEUE, NdisRequestSetInformation, BAD },
		{ OID_RECEIVE_FILTER_QUEUE_PARAMETERS, NdisRequestMethod, BAD },
		{ OID_RECEIVE_FILTER_QUEUE_PARAMETERS, NdisRequestSetInformation, BAD },
		{ OID_RECEIVE_FILTER_ENUM_QUEUES, NdisRequestQueryInformation, OK },
	};
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p = free_queue_params(1);

	start_sriov(f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t k = 0;

		while (common_rows[k].oid != rows[i].oid || common_rows[k].type != rows[i].type)
			k++;
		assert_status(f, ask_zeros(f, &common_rows[k]), rows[i].want);
	}
	assert_int_equal(f->done, 16);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_FREE_QUEUE, &p, 12), BAD);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_FREE_QUEUE, &p, 11), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 12);
}

/* Without SR-IOV a switch has no VFs, and whoever asks for some is told. */
static void vfs_without_sriov(struct fix *f)
{
	NDIS_NIC_SWITCH_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 552 },
					 .SwitchType = NdisNicSwitchTypeExternal,
					 .NumVFs = 1,
					 .NumQueuePairsForDefaultVPort = 1 };
	NDIS_NIC_SWITCH_FREE_VF_PARAMETERS vf = free_vf_params(0);
	NDIS_NIC_SWITCH_VF_PARAMETERS vp = vf_params();

	start_neutral(f);
	assert_status(f, method_on(f, f->ndis, OID_NIC_SWITCH_CREATE_SWITCH, &p, 552), BAD);
	assert_non_null(strstr(f->err.text, "NumVFs"));
	p.NumVFs = 0;
	assert_status(f, method_on(f, f->ndis, OID_NIC_SWITCH_CREATE_SWITCH, &p, 552), OK);
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_FREE_VF, &vf, 10), NDIS_STATUS_NOT_SUPPORTED);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_VF_PARAMETERS, &vp, 1632), NDIS_STATUS_NOT_SUPPORTED);
	assert_int_equal(switch_info(f).NumVFs, 0);
}

/* The first filter on the default queue is a use of the adapter as well as the first queue is. */
static void neutral_with_a_filter(struct fix *f)
{
	uint32_t id, q;

	start_neutral(f);
	id = make_filter(f, 0, 0, mac(1), 0);
	assert_status(f, ndis_switch_create(f->a, &f->err), NDIS_STATUS_NOT_SUPPORTED);
	q = make_queue(f);
	clear_filter(f, 0, id);
	assert_status(f, ndis_switch_create(f->a, &f->err), NDIS_STATUS_NOT_SUPPORTED);
	{
		NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p = free_queue_params(q);

		assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_FREE_QUEUE, &p, 12), OK);
	}
	assert_status(f, ndis_switch_create(f->a, &f->err), OK);
	/* a filter on VPort 0 then holds the switch, not the other way round */
	id = make_filter(f, 0, 0, mac(1), 0);
	assert_status(f, ndis_switch_create(f->a, &f->err), BAD);
	assert_status(f, ndis_switch_delete(f->a, &f->err), BAD);
	clear_filter(f, 0, id);
	assert_status(f, ndis_switch_delete(f->a, &f->err), OK);
}

/* ---- the switch ---- */

/* BytesRead and BytesWritten are those of the revision that was asked for. */
static void create_switch_lengths(struct fix *f)
{
	static const uint16_t size[2] = { 548, 552 };

	start_neutral(f);
	for (unsigned rev = 1; rev <= 2; rev++) {
		NDIS_NIC_SWITCH_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, (UCHAR)rev, size[rev - 1] },
						 .SwitchType = NdisNicSwitchTypeExternal,
						 .NumQueuePairsForDefaultVPort = 2 };
		NDIS_OID_REQUEST req;

		assert_int_equal(post(f, &req, NdisRequestMethod, OID_NIC_SWITCH_CREATE_SWITCH, &p, sizeof p), OK);
		assert_int_equal(req.DATA.METHOD_INFORMATION.BytesRead, size[rev - 1]);
		assert_int_equal(req.DATA.METHOD_INFORMATION.BytesWritten, size[rev - 1]);
		assert_int_equal(p.Header.Revision, rev);
		assert_int_equal(switch_info(f).NumQueuePairsForDefaultVPort, rev);
		assert_status(f, ndis_switch_delete(f->a, &f->err), OK);
	}
}

/* The default VPort's queue pairs are of the adapter's, like all others (spec/50 §4). */
static void default_pairs_within_all(struct fix *f)
{
	fix_init(f);
	f->m.nic_switch.MaxNumVPorts = 4;
	f->m.nic_switch.MaxNumVFs = 0;
	f->m.nic_switch.MaxNumQueuePairs = 4;
	f->cfg.num_queue_pairs_default = 8;
	assert_true(ndis_adapter_create(&test_miniport_ops, &f->m, &f->cfg, &f->a, &f->err) < 0);
	assert_non_null(strstr(f->err.text, "NumQueuePairsForDefaultVPort"));
	f->a = NULL;
}

static ULONG default_pairs_of_switch(struct fix *f)
{
	NDIS_NIC_SWITCH_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 552 } };

	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 552), OK);
	memcpy(&p, f->buf, 552);
	return p.NumQueuePairsForDefaultVPort;
}

/* Both places that tell the default VPort's queue pairs tell the same. */
static void default_pairs_followed(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	start_sriov(f);
	assert_int_equal(default_pairs_of_switch(f), 1);
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
	p.NumQueuePairs = 8;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), OK);
	assert_int_equal(switch_info(f).NumQueuePairsForDefaultVPort, 8);
	assert_int_equal(default_pairs_of_switch(f), 8);
	assert_int_equal(info(f).num_queue_pairs, 8);
	p.NumQueuePairs = 9;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), BAD);
	/* another VPort's is not the switch's */
	p.VPortId = make_vport(f);
	p.NumQueuePairs = 2;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), OK);
	assert_int_equal(default_pairs_of_switch(f), 8);
}

/* A name that was set is the stored configuration's: the next switch has it (spec/10 §5.3). */
static void name_is_stored(struct fix *f)
{
	NDIS_NIC_SWITCH_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 548 },
					 .Flags = NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED };
	char name[NDIS_STRING_UTF8_SIZE];
	NDIS_NIC_SWITCH_INFO i;

	start_neutral(f);
	assert_status(f, ndis_switch_create(f->a, &f->err), OK);
	assert_true(ndis_string_set(&p.SwitchFriendlyName, "blue"));
	f->m.answer = NDIS_STATUS_FAILURE;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 548), NDIS_STATUS_FAILURE);
	for (unsigned k = 0; k < 3; k++) {
		i = switch_info(f);
		assert_string_equal(ndis_string_get(&i.SwitchFriendlyName, name, sizeof name), k ? "blue" : "Default Switch");
		f->m.answer = k ? OK : NDIS_STATUS_REINIT_REQUIRED;
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 548), k ? OK : NDIS_STATUS_REINIT_REQUIRED);
		assert_status(f, ndis_switch_delete(f->a, &f->err), OK);
		assert_status(f, ndis_switch_create(f->a, &f->err), OK);
	}
	/* without its flag it is not looked at */
	p.Flags = 0;
	p.SwitchFriendlyName.Length = 0xFFFF;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 548), OK);
	p.Flags = NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &p, 548), BAD);
}

/* Only that request may end so; of any other it is no answer. */
static void reinit_elsewhere(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	start_sriov(f);
	f->m.answer = NDIS_STATUS_REINIT_REQUIRED;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_FAILURE);
	assert_int_equal(info(f).faults, 1);
	assert_int_equal(info(f).num_vports, 1);
}

/* ---- VPorts ---- */

static NDIS_STATUS moderate(struct fix *f, uint32_t vport, int value)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	p.VPortId = vport;
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED;
	p.InterruptModeration = (NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION)value;
	return set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572);
}

/* The enumeration's values and no others, on every VPort. */
static void moderation_values(struct fix *f)
{
	static const int good[] = { 0, 1, 2, 100, 200, 300 }, bad[] = { -1, 3, 99, 101, 299, 301, 0x10001 };
	uint32_t v[3];

	start_sriov(f);
	v[0] = 0;
	v[1] = make_vport(f);
	v[2] = make_vf_vport(f, make_vf(f));
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
			assert_status(f, moderate(f, v[i], good[k]), OK);
			assert_int_equal(vport_info(f, v[i]).InterruptModeration, good[k]);
		}
		for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
			assert_status(f, moderate(f, v[i], bad[k]), BAD);
		assert_int_equal(vport_info(f, v[i]).InterruptModeration, 300);
	}
	assert_status(f, moderate(f, 0, 1), OK); /* as it was, whoever else is there */
}

/* An adapter with one moderation for all: it is the default VPort's, and who changes that changes all. */
static void moderation_is_everybodys(struct fix *f)
{
	uint32_t v, w;

	fix_init(f);
	f->m.nic_switch.NicSwitchCapabilities &= ~(ULONG)NDIS_NIC_SWITCH_CAPS_PER_VPORT_INTERRUPT_MODERATION_SUPPORTED;
	fix_start(f);
	v = make_vport(f);
	w = make_vf_vport(f, make_vf(f));
	assert_status(f, moderate(f, w, 0), OK); /* nothing asked for: what all have */
	assert_status(f, moderate(f, v, 100), NDIS_STATUS_NOT_SUPPORTED);
	assert_status(f, moderate(f, 0, 99), BAD);
	assert_status(f, moderate(f, 0, 100), OK);
	assert_int_equal(vport_info(f, 0).InterruptModeration, 100);
	assert_int_equal(vport_info(f, v).InterruptModeration, 100);
	assert_status(f, moderate(f, v, 100), OK);
	assert_status(f, moderate(f, v, 1), NDIS_STATUS_NOT_SUPPORTED);
	/* of all there is always one */
	assert_status(f, moderate(f, 0, 0), OK);
	assert_status(f, moderate(f, v, 100), OK);
}

/* One moderation each: the default VPort's is its own. */
static void moderation_of_each(struct fix *f)
{
	uint32_t v;

	start_sriov(f);
	v = make_vport(f);
	assert_status(f, moderate(f, 0, 300), OK);
	assert_int_equal(vport_info(f, v).InterruptModeration, 1);
	assert_int_equal(vport_info(f, 0).AttachedFunctionId, NDIS_PF_FUNCTION_ID);
}

/* Every change at once, on a VPort that has filters; or none of them. */
static void all_flags_at_once(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params(), *seen = (void *)f->m.last;
	NDIS_NIC_SWITCH_VPORT_INFO before, after;

	start_sriov(f);
	p.VPortId = make_vport(f);
	(void)make_filter(f, p.VPortId, 0, mac(1), 0);
	before = vport_info(f, p.VPortId);
	p.Flags = 0x9F0001; /* name, moderation, state, affinity, queue pairs, and flags that mean nothing */
	(void)ndis_string_set(&p.VPortName, "all");
	p.InterruptModeration = NdisNicSwitchVPortInterruptModerationLow;
	p.VPortState = NdisNicSwitchVPortStateActivated;
	p.ProcessorAffinity.Mask = 0xF0;
	p.ProcessorAffinity.Reserved[1] = 7;
	p.NumQueuePairs = 5;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), BAD);
	after = vport_info(f, p.VPortId);
	assert_memory_equal(&before, &after, sizeof before);
	p.NumQueuePairs = 4;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), OK);
	assert_int_equal(seen->Flags, 0x9E0000);
	assert_int_equal(seen->ProcessorAffinity.Reserved[1], 0);
	after = vport_info(f, p.VPortId);
	assert_int_equal(after.VPortState, NdisNicSwitchVPortStateActivated);
	assert_int_equal(after.InterruptModeration, 100);
	assert_int_equal(after.NumQueuePairs, 4);
	assert_int_equal(after.ProcessorAffinity.Mask, 0xF0);
	assert_int_equal(after.VPortName.Length, 6);
	assert_int_equal(after.NumFilters, 1);
	assert_int_equal(after.Flags, 0);
	/* the same again changes nothing of the state; the driver is not told that it does */
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), OK);
	assert_int_equal(seen->Flags, 0x960000);
	/* only the state, as it is: not even asked */
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
	f->m.oid = 0;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), OK);
	assert_int_equal(f->m.oid, 0);
	p.VPortState = NdisNicSwitchVPortStateUndefined;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), BAD);
	p.VPortState = (NDIS_NIC_SWITCH_VPORT_STATE)3;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), BAD);
}

/* A VPort on a VF has no affinity, given or not; its queue pairs are the guest's. */
static void vf_vport_members(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params(), *seen = (void *)f->m.last;
	uint32_t vf;

	start_sriov(f);
	vf = make_vf(f);
	p.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)vf;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), BAD); /* Deactivated */
	p.VPortState = NdisNicSwitchVPortStateActivated;
	p.Flags = 0xFFFFFFFF; /* none is looked at in a creation */
	p.NumQueuePairs = 3;
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), OK);
	assert_int_equal(seen->ProcessorAffinity.Mask, 0);
	assert_int_equal(seen->Flags, 0);
	memcpy(&p, f->buf, 572);
	assert_int_equal(p.Flags, 0);
	assert_int_equal(p.ProcessorAffinity.Mask, 0);
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
	p.NumQueuePairs = 2;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), BAD);
	assert_int_equal(vport_info(f, p.VPortId).NumQueuePairs, 3);
	p.ProcessorAffinity.Mask = 0; /* none is needed either */
	p.Flags = 0;
	p.VPortId = 0;
	p.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), OK);
}

/* What a deleted VPort and a freed VF had can be had again: VPorts of both pools, queue pairs, the VF itself. */
static void given_back(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS del;
	NDIS_NIC_SWITCH_FREE_VF_PARAMETERS free_vf;
	uint32_t vf, v;

	fix_init(f);
	f->m.nic_switch.NicSwitchCapabilities = NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED;
	f->m.nic_switch.MaxNumVPorts = 4;
	f->m.nic_switch.MaxNumVFs = 1;
	f->m.nic_switch.MaxNumQueuePairs = 4;
	fix_start(f);
	for (unsigned round = 0; round < 6; round++) {
		NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
		uint32_t pf[2];

		f->m.next_vf = 0;
		vf = make_vf(f);
		v = make_vf_vport(f, vf);
		for (int i = 0; i < 2; i++)
			pf[i] = make_vport(f);
		assert_in_range(v, 1, 3);
		assert_int_equal(info(f).num_queue_pairs, 4);
		assert_int_equal(info(f).num_vports, 4);
		assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_RESOURCES);
		del = delete_params(v);
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &del, 12), OK);
		/* the VF's place is kept for it */
		assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_RESOURCES);
		v = make_vf_vport(f, vf);
		del = delete_params(v);
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &del, 12), OK);
		for (int i = 0; i < 2; i++) {
			del = delete_params(pf[i]);
			assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &del, 12), OK);
		}
		free_vf = free_vf_params(vf);
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_FREE_VF, &free_vf, 10), OK);
		assert_int_equal(info(f).num_queue_pairs, 1);
	}
}

/* ---- filters ---- */

/* What other drivers set on the default VPort is theirs, to clear and to move; what they own is no place for ours. */
static void filters_of_others(struct fix *f)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS m;
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS c;
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	uint32_t ours, v, len;

	start_sriov(f);
	v = make_vport(f);
	ours = make_filter(f, v, 0, mac(1), 0);
	len = filter_params(f->buf, 0, 0, mac(2), 0);
	assert_status(f, method(f, f->other, OID_RECEIVE_FILTER_SET_FILTER, len, len), OK);
	memcpy(&p, f->buf, sizeof p);
	m = move_params(p.FilterId, 0, v);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &m, 24), BAD);	 /* not ours */
	assert_status(f, set(f, f->other, OID_RECEIVE_FILTER_MOVE_FILTER, &m, 24), BAD); /* to what is not theirs */
	m = move_params(ours, v, 0);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &m, 24), OK);
	m = move_params(ours, 0, v);
	assert_status(f, set(f, f->other, OID_RECEIVE_FILTER_MOVE_FILTER, &m, 24), BAD);
	c = clear_params(0, p.FilterId);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16), BAD);
	assert_int_equal(vport_info(f, 0).NumFilters, 2);
	assert_int_equal(ndis_driver_close(f->other, &f->err), -EBUSY);
	assert_status(f, set(f, f->other, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16), OK);
	assert_int_equal(ndis_driver_close(f->other, &f->err), 0);
	/* the twin of a filter that was cleared is none */
	(void)make_filter(f, v, 0, mac(2), 0);
}

/* The same on the default queue. */
static void default_queue(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS c;
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	uint32_t q, len;

	start_vmq(f);
	q = make_queue(f);
	len = filter_params(f->buf, 0, 0, mac(1), 0);
	assert_status(f, method(f, f->other, OID_RECEIVE_FILTER_SET_FILTER, len, len), OK);
	memcpy(&p, f->buf, sizeof p);
	assert_int_equal(p.QueueId, 0);
	assert_int_equal(count_filters(f, 0, 0), 1);
	assert_int_equal(count_filters(f, 0, q), 0);
	len = filter_params(f->buf, 0, q, mac(1), 0);
	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), BAD); /* the address is taken */
	c = clear_params(0, p.FilterId);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16), BAD);
	c = clear_params(q, p.FilterId);
	assert_status(f, set(f, f->other, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16), BAD);
	c = clear_params(0, p.FilterId);
	assert_status(f, set(f, f->other, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16), OK);
	assert_int_equal(count_filters(f, 0, 0), 0);
	assert_int_equal(f->done, 28);
	/* a group's is one for each queue */
	for (uint32_t i = 0; i < 2; i++)
		(void)make_filter(f, 0, i * q, (const uint8_t[6]){ 1, 0, 0x5E, 0, 0, 1 }, 0);
}

/* An adapter that filters VLANs, but not on VPorts. */
static void vlan_not_on_vports(struct fix *f)
{
	uint32_t len;

	fix_init(f);
	f->cfg.keywords.sriov = 0;
	f->m.nic_switch.NicSwitchCapabilities &= ~(ULONG)NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED;
	fix_start(f);
	clear_filter(f, 0, make_filter(f, 0, 0, mac(1), 5)); /* the default queue */
	assert_status(f, ndis_switch_create(f->a, &f->err), OK);
	len = filter_params(f->buf, 0, 0, mac(1), 5);
	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), BAD);
	(void)make_filter(f, 0, 0, mac(1), 0);
	(void)make_filter(f, 0, 0, mac(1), 0xFFFF);
}

/* ---- queues ---- */

static NDIS_STATUS set_queue(struct fix *f, const NDIS_RECEIVE_QUEUE_PARAMETERS *p)
{
	return set(f, f->d, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, p, p->Header.Size);
}

/* A flag says that a member changes: the others are not looked at, and a flag of a later revision's is unknown. */
static void queue_flags(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p, *seen = (void *)f->m.last;
	NDIS_RECEIVE_QUEUE_INFO before, after;
	uint32_t q;

	start_vmq(f);
	q = make_queue(f);
	p = queue_params();
	p.QueueId = q;
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;
	p.VmName.Length = 999; /* the VM's name never changes */
	p.ProcessorAffinity.Mask = 0;
	p.LookaheadSize = 5;
	p.QueueType = NdisReceiveQueueTypeUnspecified;
	assert_true(ndis_string_set(&p.QueueName, "mine"));
	assert_status(f, set_queue(f, &p), OK);
	after = queue_info(f, q);
	assert_int_equal(after.QueueName.Length, 8);
	assert_int_equal(after.VmName.Length, 0);
	p.QueueName.Length = 999;
	assert_status(f, set_queue(f, &p), BAD);
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED |
		  NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED |
		  NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED | NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION |
		  NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED | 0x8000;
	p.NumSuggestedReceiveBuffers = 77;
	p.InterruptCoalescingDomainId = 5;
	assert_status(f, set_queue(f, &p), OK);
	assert_int_equal(seen->Flags, 0x150001);
	before = queue_info(f, q);
	assert_int_equal(before.NumSuggestedReceiveBuffers, 77);
	assert_int_equal(before.InterruptCoalescingDomainId, 5);
	/* several, one wrong: none */
	p = queue_params();
	p.QueueId = q;
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED | NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED |
		  NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED;
	p.ProcessorAffinity.Mask = 0;
	assert_status(f, set_queue(f, &p), BAD);
	after = queue_info(f, q);
	assert_memory_equal(&before, &after, sizeof before);
	/* hardware QoS there is none */
	p = queue_params();
	p.QueueId = q;
	p.Header.Revision = 3;
	p.Header.Size = 1096;
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED;
	assert_status(f, set_queue(f, &p), OK);
	p.QosSqId = 1;
	assert_status(f, set_queue(f, &p), NDIS_STATUS_NOT_SUPPORTED);
	p.Header.Revision = 2;
	p.Header.Size = 1092;
	assert_status(f, set_queue(f, &p), BAD);
	p.Header.Revision = 1;
	p.Header.Size = 1084;
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED;
	assert_status(f, set_queue(f, &p), BAD);
	after = queue_info(f, q);
	assert_int_equal(after.InterruptCoalescingDomainId, 5);
}

/* Members that are fixed, and those that mean nothing on the way in. */
static void queue_members(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params(), *seen = (void *)f->m.last;

	start_vmq(f);
	p.Flags = 0xFFFFFFFF;
	p.QueueGroupId = 9;
	p.MSIXTableEntry = 5;
	p.ProcessorAffinity.Reserved[0] = 1;
	p.PortId = 12;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), OK);
	assert_int_equal(seen->Flags, NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION);
	assert_int_equal(seen->QueueGroupId, 0);
	assert_int_equal(seen->MSIXTableEntry, 0);
	assert_int_equal(seen->ProcessorAffinity.Reserved[0], 0);
	assert_int_equal(seen->QueueId, 1);
	assert_int_equal(seen->PortId, 12);
	memcpy(&p, f->buf, 1092);
	assert_status(f, method_on(f, f->other, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092), OK);
	memcpy(&p, f->buf, 1092);
	assert_int_equal(p.PortId, 12);
	assert_int_equal(p.Flags, 1);
	assert_int_equal(p.MSIXTableEntry, 77);
}

/* A queue's flags change by FLAGS_CHANGED alone. */
static void queue_flags_stay(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params(), *seen = (void *)f->m.last;

	start_vmq(f);
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), OK);
	memcpy(&p, f->buf, 1092);
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;
	assert_status(f, set_queue(f, &p), OK);
	assert_int_equal(seen->Flags, NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED | 1);
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED;
	assert_status(f, set_queue(f, &p), OK);
	assert_int_equal(seen->Flags, NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED);
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092), OK);
	memcpy(&p, f->buf, 1092);
	assert_int_equal(p.Flags, 0);
}

/* A queue that a reset did not let go lives on as it was. */
static void free_refused(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p;
	uint32_t q;

	start_vmq(f);
	q = make_queue(f);
	complete_queue(f, q);
	p = free_queue_params(q);
	f->m.answer = NDIS_STATUS_NOT_ACCEPTED;
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_FREE_QUEUE, &p, 12), NDIS_STATUS_NOT_ACCEPTED);
	assert_int_equal(queue_info(f, q).QueueState, NdisReceiveQueueOperationalStatePaused);
	clear_filter(f, q, make_filter(f, 0, q, mac(1), 0));
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_FREE_QUEUE, &p, 12), OK);
	assert_int_equal(f->indications, 1);
	assert_int_equal(info(f).faults, 0);
	/* and what it had can be had again */
	for (int i = 0; i < 8; i++)
		(void)make_queue(f);
}

/* ---- what is registered and indicated ---- */

static void sriov_without_switch(struct fix *f)
{
	fix_init(f);
	f->cfg.keywords.sriov = 0;
	f->m.no_switch = true;
	f->m.sriov_alone = true;
	assert_int_equal(ndis_adapter_create(&test_miniport_ops, &f->m, &f->cfg, &f->a, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "switch"));
	f->a = NULL;
}

/* A revision has its members and no others, however long the buffer is. */
static void indicated_revision(struct fix *f)
{
	NDIS_NIC_SWITCH_CAPABILITIES s, got;

	fix_init(f);
	f->m.nic_switch.NicSwitchCapabilities &= ~(ULONG)NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED;
	fix_start(f);
	s = f->m.nic_switch;
	s.Header.Revision = 2;
	s.Header.Size = NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2;
	f->m.up->indicate(f->a, NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, &s, sizeof s);
	assert_int_equal(info(f).faults, 0);
	assert_status(f, query(f, f->d, OID_NIC_SWITCH_CURRENT_CAPABILITIES, 132), OK);
	assert_int_equal(f->done, 116);
	s.Header.Revision = 3; /* and is as long as it */
	s.Header.Size = NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3;
	f->m.up->indicate(f->a, NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, &s, sizeof s - 1);
	assert_int_equal(info(f).faults, 1);
	f->m.up->indicate(f->a, NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, &s, sizeof s);
	assert_int_equal(info(f).faults, 1);
	assert_status(f, query(f, f->d, OID_NIC_SWITCH_CURRENT_CAPABILITIES, 132), OK);
	memcpy(&got, f->buf, 132);
	assert_memory_equal(&got, &s, 132);
}

/* Limits below what exists are none; at what exists they are. */
static void indicated_limits(struct fix *f)
{
	NDIS_NIC_SWITCH_CAPABILITIES s;
	NDIS_RECEIVE_FILTER_CAPABILITIES c;
	uint64_t faults = 0;

	fix_init(f);
	f->cfg.keywords.num_vfs = 2;
	fix_start(f);
	for (int i = 0; i < 3; i++)
		(void)make_filter(f, make_vport(f), 0, mac((unsigned)i), 0);
#define INDICATE(code, what, member, least)                                                                            \
	do {                                                                                                           \
		(what).member = (least)-1;                                                                             \
		f->m.up->indicate(f->a, code, &(what), sizeof(what));                                                  \
		assert_int_equal(info(f).faults, ++faults);                                                            \
		(what).member = (least);                                                                               \
		f->m.up->indicate(f->a, code, &(what), sizeof(what));                                                  \
		assert_int_equal(info(f).faults, faults);                                                              \
	} while (0)
	s = f->m.nic_switch;
	c = f->m.filter;
	s.MaxNumMacAddresses = 64;
	INDICATE(NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, s, MaxNumVFs, 2);
	INDICATE(NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, s, MaxNumVPorts, 4);
	INDICATE(NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, s, MaxNumQueuePairs, 4);
	INDICATE(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, c, MaxMacHeaderFilters, 3);
	{
		NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
		uint32_t len = filter_params(f->buf, 0, 0, mac(9), 0);

		assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), NDIS_STATUS_RESOURCES);
		assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_RESOURCES);
	}
}

const struct contract_case combine_cases[] = {
	{ "spec10_5_not_supported_in_vmq", switch_requests_without },
	{ "spec10_5_not_supported_neutral", switch_requests_neutral },
	{ "spec70_Q40_queue_requests_with_switch", queue_requests_with_switch },
	{ "spec10_5.11_free_vf_not_supported_without_sriov", vfs_without_sriov },
	{ "spec30_2_neutral_create_switch_filter_on_default_queue", neutral_with_a_filter },
	{ "spec10_5.2_create_switch_success_lengths", create_switch_lengths },
	{ "spec50_4_default_vport_within_all", default_pairs_within_all },
	{ "spec10_5.3_switch_parameters_method_success_default_pairs", default_pairs_followed },
	{ "spec10_5.3_switch_parameters_set_success_stored", name_is_stored },
	{ "driver_answers_reinit_required", reinit_elsewhere },
	{ "spec50_3_moderation_values", moderation_values },
	{ "spec70_Q50_moderation_is_everybodys", moderation_is_everybodys },
	{ "spec70_Q56_all_flags_at_once", all_flags_at_once },
	{ "spec50_1_vf_vport_members", vf_vport_members },
	{ "spec50_5_given_back", given_back },
	{ "spec10_2_ownership_filters_of_others", filters_of_others },
	{ "spec10_2_ownership_default_queue", default_queue },
	{ "spec50_6_vlan_not_on_vports", vlan_not_on_vports },
	{ "spec70_Q54_queue_flags", queue_flags },
	{ "spec10_4.3_allocate_queue_members", queue_members },
	{ "spec10_4.5_free_queue_not_accepted_lives_on", free_refused },
	{ "spec20_9_sriov_without_switch", sriov_without_switch },
	{ "spec10_8_capabilities_revision", indicated_revision },
	{ "spec10_8_capabilities_limits", indicated_limits },
	{ "spec10_4.7_queue_parameters_set_success_flags", queue_flags_stay },
	{ "spec50_3_moderation_of_each", moderation_of_each },
};
const size_t combine_count = sizeof combine_cases / sizeof combine_cases[0];
