/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive filters (spec/10 §4.8 to §4.12, spec/30 §5, spec/40 §2, spec/70 Q21, Q22, Q27): one destination MAC each,
 * with a VLAN id, "untagged or zero", or any VLAN; on a VPort when there is a switch, else on a VM queue. Found by id
 * and by (MAC, VLAN test) without a scan. Control thread only.
 */
#include "ndis/keeper.h"

#include <stdio.h>
#include <stdlib.h>

static const struct ndis_layout filter_layout = {
	"NDIS_RECEIVE_FILTER_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	2,
	{ NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2 },
};
static const struct ndis_layout field_layout = {
	"NDIS_RECEIVE_FILTER_FIELD_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	2,
	{ NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1,
	  NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2 },
};
static const struct ndis_layout clear_layout = {
	"NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1 },
};
static const struct ndis_layout move_layout = {
	"NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS",
	NDIS_OBJECT_TYPE_DEFAULT,
	1,
	{ NDIS_SIZEOF_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1 },
};
static const struct ndis_layout enum_layout = {
	"NDIS_RECEIVE_FILTER_INFO_ARRAY",
	NDIS_OBJECT_TYPE_DEFAULT,
	2,
	{ NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_1, NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_2 },
};

#define FIELDS_AT 48u /* where the tests lie in buffers written here: 8-aligned behind 44 bytes */

/* ---- the tables ---- */

void target_init(struct ndis_target *t, uint32_t id)
{
	memset(t, 0, sizeof *t);
	ndis_list_init(&t->filters);
	t->id = id;
}

static bool is_group(const uint8_t mac[6])
{
	return mac[0] & 1;
}

/* The key that two equal filters share. An exact duplicate of a unicast address is one on the whole adapter; a group
 * address may have a filter on every VPort or queue that wants its frames (spec/70 Q22, Q25). */
static uint64_t key_1(const struct ndis_filter *f)
{
	uint64_t mac = 0;
	uint64_t vlan = f->kind == NDIS_VLAN_KIND_EQUAL ? f->vlan : f->kind == NDIS_VLAN_KIND_ANY ? 0xFFFF : 0;

	for (int i = 0; i < 6; i++)
		mac = mac << 8 | f->mac[i];
	return mac << 16 | vlan;
}

static uint64_t key_2(const struct ndis_filter *f, const struct ndis_target *t)
{
	return is_group(f->mac) ? t->id : UINT64_MAX;
}

static struct ndis_filter *filter_find(const struct ndis_adapter *a, uint32_t id)
{
	struct ndis_node *n = ndis_map_find(&a->filter_map, id, 0);

	return n ? ndis_container(n, struct ndis_filter, by_id) : NULL;
}

static const struct ndis_filter *duplicate_of(const struct ndis_adapter *a, const struct ndis_filter *f,
					      const struct ndis_target *t)
{
	struct ndis_node *n = ndis_map_find(&a->key_map, key_1(f), key_2(f, t));

	return n ? ndis_container(n, struct ndis_filter, by_key) : NULL;
}

static void attach(struct ndis_adapter *a, struct ndis_filter *f, struct ndis_target *t)
{
	f->target = t;
	ndis_list_append(&t->filters, &f->on_target);
	ndis_map_insert(&a->key_map, &f->by_key, key_1(f), key_2(f, t));
	t->num_filters++;
	t->num_unicast += !is_group(f->mac);
	t->num_vlan += f->kind == NDIS_VLAN_KIND_EQUAL;
}

static void detach(struct ndis_adapter *a, struct ndis_filter *f)
{
	struct ndis_target *t = f->target;

	ndis_list_remove(&f->on_target);
	ndis_map_remove(&a->key_map, &f->by_key);
	t->num_filters--;
	t->num_unicast -= !is_group(f->mac);
	t->num_vlan -= f->kind == NDIS_VLAN_KIND_EQUAL;
}

void filter_remove(struct ndis_adapter *a, struct ndis_filter *f)
{
	detach(a, f);
	ndis_map_remove(&a->filter_map, &f->by_id);
	ndis_ids_put(&a->filter_ids, f->id);
	a->num_filters--;
	a->num_unicast -= !is_group(f->mac);
	f->owner->filters--;
	free(f);
}

/* "52:54:00:00:00:01, VLAN 100" */
static const char *describe(const struct ndis_filter *f, char text[64])
{
	char vlan[16];

	(void)snprintf(vlan, sizeof vlan, "VLAN %u", f->vlan);
	(void)snprintf(text, 64, "%02x:%02x:%02x:%02x:%02x:%02x, %s", f->mac[0], f->mac[1], f->mac[2], f->mac[3],
		       f->mac[4], f->mac[5],
		       f->kind == NDIS_VLAN_KIND_EQUAL ? vlan
		       : f->kind == NDIS_VLAN_KIND_ANY ? "any VLAN"
						       : "untagged");
	return text;
}

static NDIS_STATUS need_filtering(const struct ndis_call *c)
{
	if (c->a->has_cur_filter)
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s: receive filtering is not enabled (%s)", ndis_oid_name(c->oid),
		      c->a->mode_reason);
}

/* The VPort or queue that (QueueId, VPortId) name for the request `what`, or NULL with the refusal in *status. */
static struct ndis_target *find_target(const struct ndis_call *c, uint32_t queue_id, uint32_t vport_id,
				       NDIS_STATUS *status)
{
	const struct ndis_adapter *a = c->a;
	const char *oid = ndis_oid_name(c->oid);
	struct ndis_target *t = NULL;

	*status = NDIS_STATUS_INVALID_PARAMETER;
	if (ndis_switch_model(a)) {
		struct ndis_vport *v = vport_find(a, vport_id);

		if (queue_id != NDIS_DEFAULT_RECEIVE_QUEUE_ID)
			(void)refuse(c, *status,
				     "%s: QueueId is %u; 0 is right, filters name VPorts while there is a switch", oid,
				     queue_id);
		else if (!v)
			(void)refuse(c, *status, "%s: there is no VPort %u", oid, vport_id);
		else if (ndis_foreign(c->d, v->owner))
			(void)refuse(c, *status, "%s: VPort %u belongs to %s", oid, vport_id, v->owner->name);
		else
			t = &v->target;
	} else {
		struct ndis_queue *q = queue_id ? queue_find(a, queue_id) : NULL;

		if (vport_id != NDIS_DEFAULT_VPORT_ID)
			(void)refuse(c, *status, "%s: VPortId is %u; 0 is right, there is no switch", oid, vport_id);
		else if (queue_id == NDIS_DEFAULT_RECEIVE_QUEUE_ID)
			t = &c->a->default_queue;
		else if (!q)
			(void)refuse(c, *status, "%s: there is no queue %u", oid, queue_id);
		else if (q->stop_dma)
			(void)refuse(c, *status, "%s: queue %u is being freed", oid, queue_id);
		else if (ndis_foreign(c->d, q->owner))
			(void)refuse(c, *status, "%s: queue %u belongs to %s", oid, queue_id, q->owner->name);
		else
			t = &q->target;
	}
	return t;
}

/* ---- OID_RECEIVE_FILTER_SET_FILTER ---- */

/* One test of the field array into the filter. `seen` collects the fields that had one. */
static NDIS_STATUS take_field(const struct ndis_call *c, const NDIS_RECEIVE_FILTER_FIELD_PARAMETERS *fp, uint32_t i,
			      struct ndis_filter *f, unsigned *seen, bool *untagged_or_zero)
{
	const char *name = "NDIS_RECEIVE_FILTER_FIELD_PARAMETERS";
	NDIS_MAC_HEADER_FIELD field = fp->HeaderField.MacHeaderField;

	if (fp->FrameHeader != NdisFrameHeaderMac)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s %u: FrameHeader is %d; NdisFrameHeaderMac (1) is right", name, i,
			      (int)fp->FrameHeader);
	if (fp->ReceiveFilterTest != NdisReceiveFilterTestEqual)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s %u: ReceiveFilterTest is %d; NdisReceiveFilterTestEqual (1) is right", name, i,
			      (int)fp->ReceiveFilterTest);
	if (field != NdisMacHeaderFieldDestinationAddress && field != NdisMacHeaderFieldVlanId)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s %u: MacHeaderField is %d; DestinationAddress (1) or "
			      "VlanId (4) is right",
			      name, i, (int)field);
	if (*seen & 1u << field)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s %u: MacHeaderField %d is tested twice", name, i,
			      (int)field);
	*seen |= 1u << field;
	if (fp->Flags & NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO)
		*untagged_or_zero = true;
	if (field == NdisMacHeaderFieldDestinationAddress) {
		static const uint8_t zero[6];

		memcpy(f->mac, fp->FieldValue.FieldByteArrayValue, sizeof f->mac);
		if (memcmp(f->mac, zero, sizeof zero) == 0)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s %u: the MAC address is all zero", name, i);
		return NDIS_STATUS_SUCCESS;
	}
	f->vlan = (uint16_t)(fp->FieldValue.FieldByteArrayValue[0] << 8 | fp->FieldValue.FieldByteArrayValue[1]);
	if (f->vlan == 0 || f->vlan > 4094)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s %u: the VLAN id (big-endian in FieldShortValue) is %u; 1 to 4094 is right", name, i,
			      f->vlan);
	if (!(c->a->cur_filter.SupportedMacHeaderFields & NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED) ||
	    (c->a->switch_present && !(c->a->cur_switch.NicSwitchCapabilities & NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED)))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s %u: VLAN filtering is not enabled on this adapter",
			      name, i);
	return NDIS_STATUS_SUCCESS;
}

/* *read: where the tests end. */
static NDIS_STATUS take_fields(const struct ndis_call *c, const NDIS_RECEIVE_FILTER_PARAMETERS *p, uint8_t rev,
			       struct ndis_filter *f, uint32_t *read)
{
	const char *name = filter_layout.name;
	uint64_t end;
	unsigned seen = 0;
	bool untagged_or_zero = false;

	if (!p->FieldParametersArrayNumElements)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: FieldParametersArrayNumElements is 0; a test of the destination address is needed",
			      name);
	if (p->FieldParametersArrayElementSize < field_layout.size[0])
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: FieldParametersArrayElementSize is %u; at least %u is right", name,
			      p->FieldParametersArrayElementSize, field_layout.size[0]);
	if (p->FieldParametersArrayOffset < filter_layout.size[rev - 1])
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: FieldParametersArrayOffset is %u; at least %u is right", name,
			      p->FieldParametersArrayOffset, filter_layout.size[rev - 1]);
	end = p->FieldParametersArrayOffset +
	      (uint64_t)p->FieldParametersArrayNumElements * p->FieldParametersArrayElementSize;
	if (end > NDIS_REQUEST_MAX_BYTES)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: %u field tests of %u bytes at %u are too many",
			      name, p->FieldParametersArrayNumElements, p->FieldParametersArrayElementSize,
			      p->FieldParametersArrayOffset);
	if (ndis_need_in(c, (uint32_t)end, "the field tests") != NDIS_STATUS_SUCCESS)
		return NDIS_STATUS_INVALID_LENGTH;
	*read = (uint32_t)end;
	for (uint32_t i = 0; i < p->FieldParametersArrayNumElements; i++) {
		NDIS_RECEIVE_FILTER_FIELD_PARAMETERS fp;
		NDIS_STATUS status;

		memcpy(&fp, c->buf + p->FieldParametersArrayOffset + (size_t)i * p->FieldParametersArrayElementSize,
		       sizeof fp);
		status = ndis_check_element(c, &field_layout, &fp.Header, p->FieldParametersArrayElementSize);
		if (status == NDIS_STATUS_SUCCESS)
			status = take_field(c, &fp, i, f, &seen, &untagged_or_zero);
		if (status != NDIS_STATUS_SUCCESS)
			return status;
	}
	if (!(seen & 1u << NdisMacHeaderFieldDestinationAddress))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: a test of the destination address is missing",
			      name);
	if (seen & 1u << NdisMacHeaderFieldVlanId) {
		if (untagged_or_zero)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: UNTAGGED_OR_ZERO contradicts a VLAN id; one of both is right", name);
		f->kind = NDIS_VLAN_KIND_EQUAL;
	} else if (untagged_or_zero) {
		f->kind = NDIS_VLAN_KIND_UNTAGGED_OR_ZERO;
	} else if (rev == 1) {
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s revision 1: a MAC address alone needs the flag UNTAGGED_OR_ZERO or a VLAN id", name);
	} else {
		f->kind = NDIS_VLAN_KIND_ANY;
	}
	return NDIS_STATUS_SUCCESS;
}

/* Writes the filter as its parameters of that revision and its tests: what the driver sees and what PARAMETERS answers.
 * Returns the bytes. */
static uint32_t write_filter(const struct ndis_adapter *a, const struct ndis_filter *f, const struct ndis_target *t,
			     uint8_t rev, uint8_t *buf)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p = { 0 };
	NDIS_RECEIVE_FILTER_FIELD_PARAMETERS fp[2];
	uint32_t n = f->kind == NDIS_VLAN_KIND_EQUAL ? 2 : 1;

	memset(fp, 0, sizeof fp);
	ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, rev, filter_layout.size[rev - 1]);
	p.FilterType = NdisReceiveFilterTypeVMQueue;
	p.FilterId = f->id;
	p.FieldParametersArrayOffset = FIELDS_AT;
	p.FieldParametersArrayNumElements = n;
	p.FieldParametersArrayElementSize = sizeof fp[0];
	if (ndis_switch_model(a))
		p.VPortId = t->id;
	else
		p.QueueId = t->id;
	for (uint32_t i = 0; i < n; i++) {
		ndis_header(&fp[i].Header, NDIS_OBJECT_TYPE_DEFAULT, rev, field_layout.size[rev - 1]);
		fp[i].FrameHeader = NdisFrameHeaderMac;
		fp[i].ReceiveFilterTest = NdisReceiveFilterTestEqual;
	}
	fp[0].HeaderField.MacHeaderField = NdisMacHeaderFieldDestinationAddress;
	memcpy(fp[0].FieldValue.FieldByteArrayValue, f->mac, sizeof f->mac);
	if (f->kind == NDIS_VLAN_KIND_UNTAGGED_OR_ZERO)
		fp[0].Flags = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO;
	fp[1].HeaderField.MacHeaderField = NdisMacHeaderFieldVlanId;
	fp[1].FieldValue.FieldByteArrayValue[0] = (UCHAR)(f->vlan >> 8);
	fp[1].FieldValue.FieldByteArrayValue[1] = (UCHAR)f->vlan;
	memset(buf, 0, FIELDS_AT);
	memcpy(buf, &p, filter_layout.size[rev - 1]);
	memcpy(buf + FIELDS_AT, fp, n * sizeof fp[0]);
	return FIELDS_AT + n * (uint32_t)sizeof fp[0];
}

/* The filter's VLAN id has none like it on the target, and there are as many as there can be. */
static bool is_one_vlan_too_many(const struct ndis_filter *f, const struct ndis_target *t, uint32_t most)
{
	uint64_t seen[4096 / 64] = { 0 };
	uint32_t n = 0;

	if (f->kind != NDIS_VLAN_KIND_EQUAL || t->num_vlan < most)
		return false;
	ndis_list_each (l, &t->filters) {
		const struct ndis_filter *other = ndis_container(l, struct ndis_filter, on_target);
		uint64_t bit = 1ull << (other->vlan % 64);

		if (other->kind != NDIS_VLAN_KIND_EQUAL || seen[other->vlan / 64] & bit)
			continue;
		if (other->vlan == f->vlan)
			return false;
		seen[other->vlan / 64] |= bit;
		n++;
	}
	return n >= most;
}

/* What one VPort or queue may hold, which the default ones may, too. */
static NDIS_STATUS check_target_limits(const struct ndis_call *c, const struct ndis_filter *f,
				       const struct ndis_target *t)
{
	const struct ndis_adapter *a = c->a;
	const char *what = ndis_switch_model(a) ? "VPort" : "queue";

	if (a->mac_addresses_per_target && !is_group(f->mac) && t->num_unicast >= a->mac_addresses_per_target)
		return refuse(c, NDIS_STATUS_RESOURCES,
			      "no unicast MAC filter is left for %s %u: it has %u, and NumMacAddressesPerPort is %u", what,
			      t->id, t->num_unicast, a->mac_addresses_per_target);
	if (a->vlans_per_target && is_one_vlan_too_many(f, t, a->vlans_per_target))
		return refuse(c, NDIS_STATUS_RESOURCES,
			      "no VLAN is left for %s %u: it has filters for as many as NumVlansPerPort (%u) says", what,
			      t->id, a->vlans_per_target);
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS check_set(struct ndis_op *op, struct ndis_filter *f, struct ndis_target **target)
{
	const struct ndis_call *c = &op->c;
	const struct ndis_adapter *a = c->a;
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	const struct ndis_filter *twin;
	NDIS_STATUS status;
	uint8_t rev;
	char text[64];

	status = need_filtering(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &filter_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_out(c, filter_layout.size[rev - 1], filter_layout.name);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (p.FilterType != NdisReceiveFilterTypeVMQueue)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: FilterType is %d; NdisReceiveFilterTypeVMQueue (1) is right", filter_layout.name,
			      (int)p.FilterType);
	if (p.FilterId != NDIS_DEFAULT_RECEIVE_FILTER_ID)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: FilterId is %u; 0 is right, NDIS chooses it",
			      filter_layout.name, p.FilterId);
	if (p.RequestedFilterIdBitCount)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: RequestedFilterIdBitCount is %u; 0 is right",
			      filter_layout.name, p.RequestedFilterIdBitCount);
	if (p.Flags & NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: Flags has PACKET_ENCAPSULATION, which this adapter cannot do", filter_layout.name);
	*target = find_target(c, p.QueueId, p.VPortId, &status);
	if (!*target)
		return status;
	status = take_fields(c, &p, rev, f, &op->at);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	twin = duplicate_of(a, f, *target);
	if (twin)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s is set already, as filter %u on %s %u",
			      describe(f, text), twin->id, ndis_switch_model(a) ? "VPort" : "queue", twin->target->id);
	if (!is_group(f->mac) && ndis_switch_model(a) && a->num_unicast >= a->cur_switch.MaxNumMacAddresses)
		return refuse(c, NDIS_STATUS_RESOURCES, "no unicast MAC filter is left: MaxNumMacAddresses is %u",
			      a->cur_switch.MaxNumMacAddresses);
	op->count = rev;
	return check_target_limits(c, f, *target);
}

NDIS_STATUS filter_set_prepare(struct ndis_op *op)
{
	struct ndis_adapter *a = op->c.a;
	struct ndis_filter *f = calloc(1, sizeof *f);
	NDIS_STATUS status;
	uint8_t *down;

	if (!f)
		return ndis_op_no_memory(op);
	status = check_set(op, f, &op->target);
	if (status == NDIS_STATUS_SUCCESS &&
	    (a->num_filters >= a->cur_filter.MaxMacHeaderFilters || !(f->id = ndis_ids_take(&a->filter_ids))))
		status = refuse(&op->c, NDIS_STATUS_RESOURCES, "no filter is left: MaxMacHeaderFilters is %u",
				a->cur_filter.MaxMacHeaderFilters);
	if (status == NDIS_STATUS_SUCCESS) {
		down = ndis_op_down(op, FIELDS_AT + 2 * sizeof(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS));
		if (down) {
			(void)write_filter(a, f, op->target, NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2, down);
		} else {
			ndis_ids_put(&a->filter_ids, f->id);
			status = ndis_op_no_memory(op);
		}
	}
	if (status != NDIS_STATUS_SUCCESS) {
		free(f);
		return status;
	}
	op->filter = f;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS filter_set_done(struct ndis_op *op, NDIS_STATUS status)
{
	struct ndis_adapter *a = op->c.a;
	struct ndis_filter *f = op->filter;
	uint16_t fixed = filter_layout.size[op->count - 1];

	if (status != NDIS_STATUS_SUCCESS) {
		ndis_ids_put(&a->filter_ids, f->id);
		free(f);
		return status;
	}
	f->owner = op->c.d;
	f->owner->filters++;
	ndis_map_insert(&a->filter_map, &f->by_id, f->id, 0);
	attach(a, f, op->target);
	a->num_filters++;
	a->num_unicast += !is_group(f->mac);
	ndis_put(&op->c, offsetof(NDIS_RECEIVE_FILTER_PARAMETERS, FilterId), &f->id, sizeof f->id);
	ndis_set_done(&op->c, op->at, fixed);
	return status;
}

/* ---- OID_RECEIVE_FILTER_CLEAR_FILTER ---- */

NDIS_STATUS filter_clear_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p, *down;
	struct ndis_filter *f;
	NDIS_STATUS status;
	uint8_t rev;
	uint32_t queue_id;

	status = need_filtering(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &clear_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	f = filter_find(c->a, p.FilterId);
	if (!f)
		return refuse(c, NDIS_STATUS_FILE_NOT_FOUND, "there is no filter %u", p.FilterId);
	if (ndis_foreign(c->d, f->owner))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "filter %u was set by %s, who alone may clear it",
			      f->id, f->owner->name);
	queue_id = ndis_switch_model(c->a) ? NDIS_DEFAULT_RECEIVE_QUEUE_ID : f->target->id;
	if (p.QueueId != queue_id)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: QueueId is %u; %u is right for filter %u",
			      clear_layout.name, p.QueueId, queue_id, f->id);
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	down->Flags = 0;
	op->filter = f;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS filter_clear_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	filter_remove(op->c.a, op->filter);
	ndis_set_done(&op->c, clear_layout.size[0], 0);
	return status;
}

/* ---- OID_RECEIVE_FILTER_MOVE_FILTER ---- */

NDIS_STATUS filter_move_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	const struct ndis_adapter *a = c->a;
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p, *down;
	const struct ndis_filter *twin;
	struct ndis_filter *f;
	NDIS_STATUS status;
	uint8_t rev;
	char text[64];

	status = ndis_need_switch_caps(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &move_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_switch(c, NDIS_DEFAULT_SWITCH_ID);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	f = filter_find(a, p.FilterId);
	if (!f)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "FilterId: there is no filter %u", p.FilterId);
	if (ndis_foreign(c->d, f->owner))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "filter %u was set by %s, who alone may move it", f->id,
			      f->owner->name);
	if (p.SourceQueueId || p.DestQueueId)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: SourceQueueId is %u and DestQueueId %u; 0 is right", move_layout.name,
			      p.SourceQueueId, p.DestQueueId);
	if (p.SourceVPortId != f->target->id)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: SourceVPortId is %u; filter %u is on VPort %u",
			      move_layout.name, p.SourceVPortId, f->id, f->target->id);
	op->target = find_target(c, p.DestQueueId, p.DestVPortId, &status);
	if (!op->target)
		return status;
	op->filter = f;
	if (op->target == f->target) {
		op->skip = true;
		return NDIS_STATUS_SUCCESS;
	}
	twin = duplicate_of(a, f, op->target);
	if (twin && twin != f)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "VPort %u has %s already, as filter %u", op->target->id,
			      describe(f, text), twin->id);
	status = check_target_limits(c, f, op->target);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	down = ndis_op_down(op, sizeof *down);
	if (!down)
		return ndis_op_no_memory(op);
	*down = p;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS filter_move_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!op->skip) {
		detach(op->c.a, op->filter);
		attach(op->c.a, op->filter, op->target);
	}
	ndis_set_done(&op->c, move_layout.size[0], 0);
	return status;
}

/* ---- OID_RECEIVE_FILTER_ENUM_FILTERS, OID_RECEIVE_FILTER_PARAMETERS ---- */

static uint32_t put_filters(const struct ndis_call *c, uint32_t at, const struct ndis_target *t)
{
	ndis_list_each (l, &t->filters) {
		const struct ndis_filter *f = ndis_container(l, struct ndis_filter, on_target);
		NDIS_RECEIVE_FILTER_INFO info = { .FilterType = NdisReceiveFilterTypeVMQueue, .FilterId = f->id };

		ndis_header(&info.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_FILTER_INFO_REVISION_1, sizeof info);
		ndis_put(c, at, &info, sizeof info);
		at += (uint32_t)sizeof info;
	}
	return at;
}

NDIS_STATUS filter_enum(const struct ndis_call *c)
{
	const struct ndis_adapter *a = c->a;
	const struct ndis_target *t = NULL;
	NDIS_RECEIVE_FILTER_INFO_ARRAY p;
	NDIS_STATUS status;
	uint32_t first, total, n;
	uint8_t rev;

	status = need_filtering(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &enum_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (ndis_switch_model(a)) {
		if (p.QueueId)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: QueueId is %u; 0 is right while there is a switch", enum_layout.name,
				      p.QueueId);
		if (p.Flags & NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED) {
			const struct ndis_vport *v = vport_find(a, p.VPortId);

			if (!v)
				return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: there is no VPort %u",
					      enum_layout.name, p.VPortId);
			t = &v->target;
		}
	} else {
		const struct ndis_queue *q = p.QueueId ? queue_find(a, p.QueueId) : NULL;

		if (p.Flags & NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED && p.VPortId)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: there is no VPort %u and no switch",
				      enum_layout.name, p.VPortId);
		if (p.QueueId && (!q || q->stop_dma))
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: there is no queue %u%s", enum_layout.name,
				      p.QueueId, q ? " any more, it is being freed" : "");
		t = q ? &q->target : &a->default_queue;
	}
	n = t ? t->num_filters : a->num_filters;
	status = ndis_array_room(c, enum_layout.size[rev - 1], n, sizeof(NDIS_RECEIVE_FILTER_INFO), &first, &total,
				 enum_layout.name);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p.FirstElementOffset = first;
	p.NumElements = n;
	p.ElementSize = sizeof(NDIS_RECEIVE_FILTER_INFO);
	ndis_put(c, 0, &p, enum_layout.size[rev - 1]);
	if (t) {
		(void)put_filters(c, first, t);
	} else {
		ndis_list_each (l, &a->vports)
			first = put_filters(c, first, &ndis_container(l, struct ndis_vport, link)->target);
	}
	ndis_set_done(c, enum_layout.size[rev - 1], total);
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS filter_parameters(const struct ndis_call *c)
{
	uint8_t buf[FIELDS_AT + 2 * sizeof(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS)];
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	const struct ndis_filter *f;
	NDIS_STATUS status;
	uint8_t rev;

	status = need_filtering(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &filter_layout, &p, sizeof p, &rev);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	f = filter_find(c->a, p.FilterId);
	if (!f)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: there is no filter %u", filter_layout.name,
			      p.FilterId);
	return ndis_answer(c, filter_layout.size[rev - 1], buf, write_filter(c->a, f, f->target, rev, buf),
			   filter_layout.name);
}
