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
	p.ProcessorAffinity.Reserved[0] = 1;
	p.PortId = 12;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), OK);
	assert_int_equal(seen->Flags, NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION);
	assert_int_equal(seen->QueueGroupId, 0);
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

/* ---- what the driver sees, and what is answered from copies ---- */

struct filter_answer {
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	uint32_t pad;
	NDIS_RECEIVE_FILTER_FIELD_PARAMETERS t[2];
};

static void check_filter(const struct filter_answer *a, uint32_t id, uint32_t vport, uint32_t queue, const uint8_t address[6],
			 unsigned vlan)
{
	static const NDIS_RECEIVE_FILTER_FIELD_PARAMETERS none;
	bool two = vlan && vlan != 0xFFFF;

	assert_int_equal(a->p.Header.Revision, 2);
	assert_int_equal(a->p.Header.Size, 44);
	assert_int_equal(a->p.FilterType, NdisReceiveFilterTypeVMQueue);
	assert_int_equal(a->p.Flags, 0);
	assert_int_equal(a->p.FilterId, id);
	assert_int_equal(a->p.VPortId, vport);
	assert_int_equal(a->p.QueueId, queue);
	assert_int_equal(a->p.FieldParametersArrayOffset, 48);
	assert_int_equal(a->p.FieldParametersArrayElementSize, 56);
	assert_int_equal(a->p.FieldParametersArrayNumElements, two ? 2 : 1);
	assert_int_equal(a->p.RequestedFilterIdBitCount, 0);
	for (int i = 0; i < (two ? 2 : 1); i++) {
		assert_int_equal(a->t[i].Header.Type, NDIS_OBJECT_TYPE_DEFAULT);
		assert_int_equal(a->t[i].Header.Revision, 2);
		assert_int_equal(a->t[i].Header.Size, 56);
		assert_int_equal(a->t[i].FrameHeader, NdisFrameHeaderMac);
		assert_int_equal(a->t[i].ReceiveFilterTest, NdisReceiveFilterTestEqual);
		assert_int_equal(a->t[i].Flags, vlan ? 0 : NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO);
	}
	assert_int_equal(a->t[0].HeaderField.MacHeaderField, NdisMacHeaderFieldDestinationAddress);
	assert_memory_equal(a->t[0].FieldValue.FieldByteArrayValue, address, 6);
	if (!two)
		return;
	assert_int_equal(a->t[1].HeaderField.MacHeaderField, NdisMacHeaderFieldVlanId);
	assert_int_equal(a->t[1].FieldValue.FieldByteArrayValue[0] << 8 | a->t[1].FieldValue.FieldByteArrayValue[1], vlan);
	assert_memory_equal(&a->t[1].ResultValue, &none.ResultValue, sizeof none.ResultValue);
}

/* A filter of each kind, as the driver gets it and as PARAMETERS tells it, on VPorts and on queues. */
static void filter_answers(struct fix *f)
{
	static const unsigned vlans[] = { 0, 0xFFFF, 1, 0x234, 4094 };

	for (int queues = 0; queues < 2; queues++) {
		uint32_t on[2] = { 0, 0 };

		memset(f, 0, sizeof *f);
		if (queues)
			start_vmq(f);
		else
			start_sriov(f);
		on[1] = queues ? make_queue(f) : make_vport(f);
		for (size_t i = 0; i < 10; i++) {
			NDIS_RECEIVE_FILTER_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 44 } };
			uint32_t v = queues ? 0 : on[i % 2], q = queues ? on[i % 2] : 0;
			struct filter_answer a;

			p.FilterId = make_filter(f, v, q, mac((unsigned)i), vlans[i / 2]);
			memcpy(&a, f->m.last, sizeof a);
			check_filter(&a, p.FilterId, v, q, mac((unsigned)i), vlans[i / 2]);
			memcpy(f->buf, &p, sizeof p);
			assert_status(f, method(f, f->user, OID_RECEIVE_FILTER_PARAMETERS, 44, 160), OK);
			memcpy(&a, f->buf, sizeof a);
			check_filter(&a, p.FilterId, v, q, mac((unsigned)i), vlans[i / 2]);
		}
		if (!queues)
			ndis_adapter_destroy(f->a);
	}
}

/* The members of a set that change, with their flags; the others as they are. */
static void sets_seen(struct fix *f)
{
	NDIS_NIC_SWITCH_PARAMETERS s = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 548 },
					 .Flags = NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED | 1,
					 .NumVFs = 99 },
				   *switch_seen = (void *)f->m.last;
	NDIS_NIC_SWITCH_VPORT_PARAMETERS v = vport_params(), *vport_seen = (void *)f->m.last;

	start_sriov(f);
	assert_true(ndis_string_set(&s.SwitchFriendlyName, "blue"));
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_PARAMETERS, &s, 548), OK);
	assert_int_equal(f->done, 548);
	assert_int_equal(switch_seen->Flags, NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED);
	assert_int_equal(switch_seen->NumVFs, 16);
	assert_int_equal(switch_seen->SwitchType, NdisNicSwitchTypeExternal);
	assert_memory_equal(&switch_seen->SwitchFriendlyName, &s.SwitchFriendlyName, 10);
	assert_int_equal(switch_info(f).SwitchType, NdisNicSwitchTypeExternal);
	v.NumQueuePairs = 3;
	assert_true(ndis_string_set(&v.VPortName, "one"));
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &v, 572), OK);
	assert_int_equal(vport_seen->VPortId, 1);
	assert_int_equal(vport_seen->AttachedFunctionId, 0xFFFF);
	assert_int_equal(vport_seen->NumQueuePairs, 3);
	assert_int_equal(vport_seen->VPortState, NdisNicSwitchVPortStateDeactivated);
	assert_int_equal(vport_seen->InterruptModeration, NdisNicSwitchVPortInterruptModerationAdaptive);
	assert_int_equal(vport_seen->ProcessorAffinity.Mask, 2);
	memcpy(&v, f->buf, 572);
	v.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED;
	v.InterruptModeration = NdisNicSwitchVPortInterruptModerationOff;
	v.NumQueuePairs = 1;
	v.VPortName.Length = 0;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &v, 572), OK);
	assert_int_equal(vport_seen->Flags, NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED);
	assert_int_equal(vport_seen->InterruptModeration, NdisNicSwitchVPortInterruptModerationOff);
	assert_int_equal(vport_seen->NumQueuePairs, 3);
	assert_int_equal(vport_seen->VPortName.Length, 6);
	/* a name that is none */
	v.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED;
	v.VPortName.Length = 5;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &v, 572), BAD);
	v.VPortName.Length = 514;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &v, 572), BAD);
	v.VPortName.Length = 512;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &v, 572), OK);
}

/* VLAN filters are counted where they are, and no more when they are not. */
static void vlan_counters(struct fix *f)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS m;
	uint32_t v, a, b;

	start_sriov(f);
	v = make_vport(f);
	a = make_filter(f, v, 0, mac(1), 5);
	b = make_filter(f, v, 0, mac(2), 0xFFFF);
	m = move_params(a, v, 0);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &m, 24), OK);
	assert_int_equal(switch_info(f).NumActiveDefaultVPortVlanIds, 1);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortVlanIds, 0);
	assert_int_equal(switch_info(f).NumActiveDefaultVPortMacAddresses, 1);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortMacAddresses, 1);
	m = move_params(a, 0, v);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &m, 24), OK);
	assert_int_equal(switch_info(f).NumActiveDefaultVPortVlanIds, 0);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortVlanIds, 1);
	clear_filter(f, 0, a);
	clear_filter(f, 0, b);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortVlanIds, 0);
	assert_int_equal(switch_info(f).NumActiveNonDefaultVPortMacAddresses, 0);
}

/* The field array lies behind the structure, also where the structure has nothing that anybody looks at. */
static void field_array_inside(struct fix *f)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	uint8_t field[56];
	uint32_t len;

	start_sriov(f);
	(void)filter_params(f->buf, 0, 0, mac(1), 0xFFFF);
	memcpy(&p, f->buf, sizeof p);
	memcpy(field, f->buf + 48, sizeof field);
	p.FieldParametersArrayOffset = 36; /* MaxCoalescingDelay, which means nothing here, and VPortId */
	memcpy(f->buf, &p, sizeof p);
	memcpy(f->buf + 36, field, sizeof field);
	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, 120, 120), BAD);
	/* revision 1 ends there */
	len = filter_params(f->buf, 0, 0, mac(1), 0);
	memcpy(field, f->buf + 48, sizeof field);
	p.Header.Revision = 1;
	p.Header.Size = 36;
	memcpy(f->buf, &p, 36);
	memcpy(f->buf + 36, field, sizeof field);
	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), OK);
}

/* What a driver refused has taken no identifier and no place. */
static void refused_gives_back(struct fix *f)
{
	fix_init(f);
	f->m.filter.MaxMacHeaderFilters = 3;
	f->m.nic_switch.MaxNumVPorts = 4;
	f->m.nic_switch.MaxNumVFs = 3;
	fix_start(f);
	for (unsigned i = 0; i < 9; i++) {
		NDIS_NIC_SWITCH_VPORT_PARAMETERS v = vport_params();
		NDIS_NIC_SWITCH_VF_PARAMETERS vf = vf_params();
		uint32_t len;

		f->m.answer = NDIS_STATUS_FAILURE;
		assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &v, 572), NDIS_STATUS_FAILURE);
		f->m.answer = NDIS_STATUS_FAILURE;
		assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_ALLOCATE_VF, &vf, 1632), NDIS_STATUS_FAILURE);
		f->m.answer = NDIS_STATUS_FAILURE;
		len = filter_params(f->buf, 0, 0, mac(i), 0);
		assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len, len), NDIS_STATUS_FAILURE);
	}
	for (unsigned i = 0; i < 3; i++) {
		(void)make_vport(f);
		(void)make_vf(f);
		(void)make_filter(f, 0, 0, mac(i), 0);
	}
}

static void refused_gives_back_queues(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	start_vmq(f);
	for (int i = 0; i < 20; i++) {
		f->m.answer = NDIS_STATUS_RESOURCES;
		assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), NDIS_STATUS_RESOURCES);
	}
	for (int i = 0; i < 8; i++)
		(void)make_queue(f);
}

/* An element left PENDING is none that was completed. */
static void completion_pending(struct fix *f)
{
	struct {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY a;
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS e;
	} p = { .a = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
		       .FirstElementOffset = 20,
		       .NumElements = 1,
		       .ElementSize = 16 },
		.e = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 } } };

	start_vmq(f);
	p.e.QueueId = make_queue(f);
	(void)make_filter(f, 0, p.e.QueueId, mac(1), 0);
	f->m.completes_pending = true;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &p, sizeof p), OK);
	assert_int_equal(((NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *)(void *)(f->buf + 20))->CompletionStatus,
			 NDIS_STATUS_FAILURE);
	assert_int_equal(info(f).faults, 1);
	assert_int_equal(queue_info(f, p.e.QueueId).QueueState, NdisReceiveQueueOperationalStatePaused);
	f->m.completes_pending = false;
	complete_queue(f, p.e.QueueId);
	assert_int_equal(queue_info(f, p.e.QueueId).QueueState, NdisReceiveQueueOperationalStateRunning);
}

/* ---- the request's own structure, vendors' requests ---- */

static void request_members(struct fix *f)
{
	static uint8_t big[NDIS_REQUEST_MAX_BYTES + 1];
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p;
	NDIS_OID_REQUEST req;

	start_sriov(f);
	p = delete_params(make_vport(f));
	memcpy(big, &p, sizeof p);
	(void)post(f, &req, NdisRequestQueryInformation, OID_SRIOV_PF_LUID, f->buf, 12);
	req.PortNumber = 1;
	req.RequestType = NdisRequestSetInformation;
	req.DATA.SET_INFORMATION.Oid = OID_NIC_SWITCH_DELETE_VPORT;
	req.DATA.SET_INFORMATION.InformationBuffer = big;
	req.DATA.SET_INFORMATION.InformationBufferLength = sizeof big;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), NDIS_STATUS_INVALID_PORT);
	req.PortNumber = 0;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), BAD);
	assert_int_equal(info(f).num_vports, 2);
	req.DATA.SET_INFORMATION.InformationBufferLength = sizeof big - 1;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), OK);
}

static void vendor_lengths(struct fix *f)
{
	static const NDIS_REQUEST_TYPE types[] = { NdisRequestQueryInformation, NdisRequestSetInformation, NdisRequestMethod };

	start_sriov(f);
	for (size_t i = 0; i < 3; i++) {
		NDIS_OID_REQUEST req;

		memset(f->buf, 1, 100);
		assert_status(f, post(f, &req, types[i], 0xFF000001, f->buf, 40), OK);
		if (types[i] == NdisRequestSetInformation)
			assert_int_equal(req.DATA.SET_INFORMATION.BytesRead, 40);
		else if (types[i] == NdisRequestMethod)
			assert_int_equal(req.DATA.METHOD_INFORMATION.BytesWritten, 40);
		else
			assert_int_equal(req.DATA.QUERY_INFORMATION.BytesWritten, 40);
		assert_int_equal(f->buf[39], types[i] == NdisRequestMethod ? 0x5A : types[i] == NdisRequestQueryInformation ? 0x5B : 1);
		assert_int_equal(f->buf[40], 1);
		f->m.answer = NDIS_STATUS_INVALID_LENGTH;
		f->m.says_needed = 77;
		assert_status(f, post(f, &req, types[i], 0xFF000001, f->buf, 40), NDIS_STATUS_INVALID_LENGTH);
		if (types[i] == NdisRequestMethod)
			assert_int_equal(req.DATA.METHOD_INFORMATION.BytesNeeded, 77);
		else
			assert_int_equal(req.DATA.SET_INFORMATION.BytesNeeded, 77);
		f->m.answer = NDIS_STATUS_FAILURE;
		req.DATA.METHOD_INFORMATION.BytesNeeded = req.DATA.SET_INFORMATION.BytesNeeded = 5;
		assert_status(f, ndis_oid_request(f->a, f->async, &req, &f->err), NDIS_STATUS_FAILURE);
		assert_int_equal(types[i] == NdisRequestMethod ? req.DATA.METHOD_INFORMATION.BytesNeeded
							       : req.DATA.SET_INFORMATION.BytesNeeded,
				 5);
	}
}

/* Configuration space ends at 4,096 bytes, blocks where their vendor says; data lie right behind the structure. */
static void config_limits(struct fix *f)
{
	NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
							 .Offset = 4092,
							 .Length = 4,
							 .BufferOffset = 20 },
						   *space = (void *)f->m.last;

	start_sriov(f);
	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	memcpy(f->buf, &p, 20);
	assert_status(f, method(f, f->d, OID_SRIOV_READ_VF_CONFIG_SPACE, 20, 24), OK);
	assert_int_equal(space->VFId, p.VFId);
	assert_int_equal(space->Offset, 4092);
	assert_int_equal(space->Length, 4);
	assert_int_equal(f->buf[20], 0xFC);
	memcpy(f->buf, &p, 20);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_SPACE, f->buf, 24), OK);
	p.Offset = 4093;
	memcpy(f->buf, &p, 20);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_SPACE, f->buf, 24), BAD);
	p.Offset = 0xFFFFFFFF; /* here a BlockId */
	memcpy(f->buf, &p, 20);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, f->buf, 24), OK);
	assert_int_equal(space->Offset, 0xFFFFFFFF);
	memcpy(f->buf, &p, 20);
	assert_status(f, method(f, f->d, OID_SRIOV_READ_VF_CONFIG_BLOCK, 20, 24), OK);
	p.BufferOffset = 19;
	memcpy(f->buf, &p, 20);
	assert_status(f, set(f, f->d, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, f->buf, 24), BAD);
}

/* ---- enumerations ---- */

static const NDIS_OBJECT_HEADER *element(const struct fix *f, uint32_t at)
{
	return (const void *)(f->buf + at);
}

/* Elements have headers of their own, in the order they were made; what is empty is a header. */
static void elements(struct fix *f)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY filters = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 } };
	NDIS_NIC_SWITCH_VF_INFO_ARRAY vfs = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 24 } };
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY vports = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 28 } };
	NDIS_NIC_SWITCH_VPORT_INFO v[3];
	NDIS_NIC_SWITCH_VF_INFO vf[2];
	uint32_t id, vf0;

	start_sriov(f);
	memset(f->buf, 0xEE, 4096);
	memcpy(f->buf, &filters, 28);
	assert_status(f, method(f, f->user, OID_RECEIVE_FILTER_ENUM_FILTERS, 28, 28), OK);
	assert_int_equal(f->done, 28);
	memcpy(f->buf, &vfs, 24);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VFS, 24, 24), OK);
	assert_int_equal(f->done, 24);
	memcpy(&vfs, f->buf, 24);
	assert_int_equal(vfs.NumElements, 0);
	assert_int_equal(vfs.ElementSize, 1632);
	id = make_filter(f, make_vport(f), 0, mac(1), 0);
	memcpy(f->buf, &filters, 28);
	assert_status(f, method(f, f->user, OID_RECEIVE_FILTER_ENUM_FILTERS, 28, 48), OK);
	assert_memory_equal(element(f, 32), "\x80\x01\x10\x00", 4);
	assert_int_equal(((const NDIS_RECEIVE_FILTER_INFO *)(const void *)element(f, 32))->FilterId, id);
	assert_int_equal(((const NDIS_RECEIVE_FILTER_INFO *)(const void *)element(f, 32))->Flags, 0);
	vf0 = make_vf(f);
	(void)make_vf(f);
	(void)make_vf_vport(f, vf0);
	memcpy(f->buf, &vfs, 24);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VFS, 24, 4096), OK);
	memcpy(vf, f->buf + 24, sizeof vf);
	for (unsigned i = 0; i < 2; i++) {
		assert_memory_equal(&vf[i].Header, "\x80\x01\x60\x06", 4);
		assert_int_equal(vf[i].VFId, vf0 + i);
		assert_int_equal(vf[i].RequestorId, NDIS_MAKE_RID(0, 3, vf0 + i));
	}
	memcpy(f->buf, &vports, 28);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VPORTS, 28, 4096), OK);
	assert_int_equal(((const NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *)(const void *)f->buf)->FirstElementOffset, 32);
	assert_int_equal(((const NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *)(const void *)f->buf)->ElementSize, 576);
	memcpy(v, f->buf + 32, sizeof v);
	for (unsigned i = 0; i < 3; i++) {
		assert_memory_equal(&v[i].Header, "\x80\x01\x40\x02", 4);
		assert_int_equal(v[i].VPortId, i);
		assert_int_equal(v[i].SwitchId, 0);
		assert_int_equal(v[i].LookaheadSize, 0);
	}
	/* of one function alone */
	vports.Flags = NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_FUNCTION;
	vports.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)vf0;
	memcpy(f->buf, &vports, 28);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VPORTS, 28, 32 + 576), OK);
	memcpy(v, f->buf + 32, 576);
	assert_int_equal(v[0].VPortId, 2);
	assert_int_equal(v[0].AttachedFunctionId, vf0);
	vports.AttachedFunctionId = NDIS_PF_FUNCTION_ID;
	memcpy(f->buf, &vports, 28);
	assert_status(f, method(f, f->user, OID_NIC_SWITCH_ENUM_VPORTS, 28, 32 + 2 * 576), OK);
	memcpy(v, f->buf + 32, 2 * 576);
	assert_int_equal(v[0].VPortId, 0);
	assert_int_equal(v[1].VPortId, 1);
	assert_status(f, query(f, f->user, OID_NIC_SWITCH_ENUM_SWITCHES, 4096), OK);
	assert_memory_equal(f->buf, "\x80\x01\x10\x00", 4);
	assert_memory_equal(element(f, 16), "\x80\x01\x3C\x02", 4);
}

/* Each driver's queues, in their order, between another's. */
static void queue_elements(struct fix *f)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();
	NDIS_RECEIVE_QUEUE_INFO i[3];

	start_vmq(f);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_ENUM_QUEUES, 16), OK);
	assert_int_equal(f->done, 16);
	(void)make_queue(f);
	assert_status(f, method_on(f, f->other, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), OK);
	(void)make_queue(f);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_ENUM_QUEUES, 16 + 2 * 1096 - 1), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 16 + 2 * 1096);
	assert_status(f, query(f, f->d, OID_RECEIVE_FILTER_ENUM_QUEUES, 16 + 2 * 1096), OK);
	memcpy(i, f->buf + 16, 2 * 1096);
	assert_memory_equal(&i[0].Header, "\x80\x02\x44\x04", 4);
	assert_int_equal(i[0].QueueId, 1);
	assert_int_equal(i[1].QueueId, 3);
	assert_int_equal(i[0].QueueType, NdisReceiveQueueTypeVMQueue);
	assert_int_equal(i[0].Flags, 0);
	assert_status(f, query(f, f->user, OID_RECEIVE_FILTER_ENUM_QUEUES, 4096), OK);
	memcpy(i, f->buf + 16, sizeof i);
	assert_int_equal(i[1].QueueId, 2);
	assert_int_equal(i[2].QueueId, 3);
}

/* ---- more of what must not be forgotten ---- */

/* The pool of a new switch is whole. */
static void new_switch(struct fix *f)
{
	fix_init(f);
	f->m.nic_switch.MaxNumVPorts = 3;
	f->m.nic_switch.MaxNumVFs = 1;
	fix_start(f);
	for (int round = 0; round < 3; round++) {
		NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS del;

		for (int i = 0; i < 2; i++) {
			del = delete_params(make_vport(f));
			if (i)
				assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &del, 12), OK);
		}
		del.VPortId = del.VPortId == 1 ? 2 : 1;
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &del, 12), OK);
		assert_status(f, ndis_switch_delete(f->a, &f->err), OK);
		assert_status(f, ndis_switch_create(f->a, &f->err), OK);
		assert_int_equal(info(f).num_queue_pairs, 1);
	}
}

/* The PF's LUID: not 0, not another's, and the same as long as the adapter lives. */
static void luids(struct fix *f)
{
	NDIS_SRIOV_PF_LUID_INFO i[3];
	struct fix *g = calloc(1, sizeof *g);

	assert_non_null(g);
	start_sriov(f);
	start_sriov(g);
	for (unsigned k = 0; k < 3; k++) {
		struct fix *of = k == 1 ? g : f;

		assert_status(of, query(of, of->d, OID_SRIOV_PF_LUID, 12), OK);
		memcpy(&i[k], of->buf, 12);
		assert_memory_equal(&i[k].Header, "\x80\x01\x0C\x00", 4);
	}
	assert_memory_equal(&i[0], &i[2], 12);
	assert_memory_not_equal(&i[0], &i[1], 12);
	assert_true(i[0].Luid.LowPart || i[0].Luid.HighPart);
	ndis_adapter_destroy(g->a);
	free(g);
}

static void vendor_device(struct fix *f)
{
	NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 10 } };

	start_sriov(f);
	(void)make_vf(f);
	p.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf(f);
	assert_status(f, method_on(f, f->d, OID_SRIOV_VF_VENDOR_DEVICE_ID, &p, 10), OK);
	assert_int_equal(((const NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO *)(const void *)f->m.last)->VFId, p.VFId);
	memcpy(&p, f->buf, 10);
	assert_int_equal(p.VendorId, 0x1AF4);
	assert_int_equal(p.DeviceId, 0x1041);
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

/* What the adapter could do says nothing of what exists; fewer queues than there were is a limit for the next. */
static void indicated_queues(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CAPABILITIES c;
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	start_vmq(f);
	for (int i = 0; i < 2; i++)
		(void)make_queue(f);
	c = f->m.filter;
	c.NumQueues = 1;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 0);
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 1);
	c.NumQueues = 2;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 1);
	assert_int_equal(info(f).max_queues, 2);
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092), NDIS_STATUS_RESOURCES);
	c.NumQueues = 9;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 2);
	/* headers that are none */
	c.NumQueues = 2;
	c.Header.Type = 0x81;
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	c.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_DEFAULT, 1, 84 };
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	c.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_DEFAULT, 2, 85 };
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	c.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_DEFAULT, 2, 83 };
	f->m.up->indicate(f->a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_int_equal(info(f).faults, 6);
	assert_int_equal(f->indications, 2);
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
	{ "spec10_4.12_filter_parameters_success_kinds", filter_answers },
	{ "spec10_5.7_vport_parameters_set_success_seen", sets_seen },
	{ "spec20_6_switch_info_vlan_counters", vlan_counters },
	{ "spec10_4.8_set_filter_invalid_parameter_array_inside", field_array_inside },
	{ "spec70_Q6_refused_gives_back", refused_gives_back },
	{ "spec70_Q6_refused_gives_back_queues", refused_gives_back_queues },
	{ "spec70_Q3_completion_status_pending", completion_pending },
	{ "spec10_2_oid_request_structure_members", request_members },
	{ "vendor_oids_lengths", vendor_lengths },
	{ "spec10_6_config_space_limits", config_limits },
	{ "spec20_5_elements", elements },
	{ "spec10_4.6_enum_queues_success_elements", queue_elements },
	{ "spec50_5_new_switch", new_switch },
	{ "spec10_6_pf_luid_success_unique", luids },
	{ "spec10_6_vf_vendor_device_id_success_ids", vendor_device },
	{ "spec10_4.7_queue_parameters_set_success_flags", queue_flags_stay },
	{ "spec10_8_capabilities_queues", indicated_queues },
};
const size_t combine_count = sizeof combine_cases / sizeof combine_cases[0];
