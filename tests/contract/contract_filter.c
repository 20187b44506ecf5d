/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive filters: spec/10 §4.8 to §4.12, spec/30 §5, spec/40 §2, spec/70 Q21, Q22, Q25, Q27. */
#include "contract.h"

static NDIS_STATUS set_filter(struct fix *f, struct ndis_driver *d, uint32_t len)
{
	return method(f, d, OID_RECEIVE_FILTER_SET_FILTER, len, len);
}

/* Changes the fixed part of a valid SET_FILTER buffer and expects the refusal. */
#define REFUSE_FIXED(change)                                                                                           \
	do {                                                                                                           \
		NDIS_RECEIVE_FILTER_PARAMETERS p;                                                                      \
		uint32_t n = filter_params(f->buf, v, 0, mac(1), 5);                                                   \
		memcpy(&p, f->buf, sizeof p);                                                                          \
		change;                                                                                                \
		memcpy(f->buf, &p, sizeof p);                                                                          \
		assert_status(f, set_filter(f, f->d, n), NDIS_STATUS_INVALID_PARAMETER);                               \
	} while (0)

/* Changes test i (0: MAC, 1: VLAN) likewise. */
#define REFUSE_FIELD(i, change)                                                                                        \
	do {                                                                                                           \
		NDIS_RECEIVE_FILTER_FIELD_PARAMETERS t;                                                                \
		uint32_t n = filter_params(f->buf, v, 0, mac(1), 5);                                                   \
		memcpy(&t, f->buf + 48 + (i) * sizeof t, sizeof t);                                                    \
		change;                                                                                                \
		memcpy(f->buf + 48 + (i) * sizeof t, &t, sizeof t);                                                    \
		assert_status(f, set_filter(f, f->d, n), NDIS_STATUS_INVALID_PARAMETER);                               \
	} while (0)

static void set_filter_members(struct fix *f)
{
	uint32_t v;

	start_sriov(f);
	v = make_vport(f);
	REFUSE_FIXED(p.FilterType = NdisReceiveFilterTypeUndefined);
	REFUSE_FIXED(p.FilterType = NdisReceiveFilterTypePacketCoalescing);
	REFUSE_FIXED(p.FilterId = 1);
	REFUSE_FIXED(p.QueueId = 1);
	REFUSE_FIXED(p.VPortId = 60000);
	REFUSE_FIXED(p.RequestedFilterIdBitCount = 8);
	REFUSE_FIXED(p.Flags = NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION);
	REFUSE_FIXED(p.FieldParametersArrayNumElements = 0);
	REFUSE_FIXED(p.FieldParametersArrayElementSize = 55);
	REFUSE_FIXED(p.FieldParametersArrayOffset = 43);
	REFUSE_FIXED(p.FieldParametersArrayNumElements = 0xFFFFFFFF);
	REFUSE_FIXED(p.FieldParametersArrayElementSize = 0xFFFFFFFF);
	REFUSE_FIXED(p.FieldParametersArrayOffset = 0xFFFFFFFF);
	assert_int_equal(info(f).num_filters, 0);
	assert_int_equal(f->m.filters, 0);
}

static void set_filter_fields(struct fix *f)
{
	uint32_t v;

	start_sriov(f);
	v = make_vport(f);
	REFUSE_FIELD(0, t.FrameHeader = NdisFrameHeaderIPv4);
	REFUSE_FIELD(0, t.ReceiveFilterTest = NdisReceiveFilterTestMaskEqual);
	REFUSE_FIELD(0, t.ReceiveFilterTest = NdisReceiveFilterTestNotEqual);
	REFUSE_FIELD(0, t.HeaderField.MacHeaderField = NdisMacHeaderFieldSourceAddress);
	REFUSE_FIELD(1, t.HeaderField.MacHeaderField = NdisMacHeaderFieldPriority);
	REFUSE_FIELD(1, t.HeaderField.MacHeaderField = 0x20);
	REFUSE_FIELD(0, t.Header.Type = 0x81);
	REFUSE_FIELD(0, t.Header.Revision = 0);
	REFUSE_FIELD(1, t.Header.Size = 55);
	REFUSE_FIELD(1, t.Header.Size = 57);
	REFUSE_FIELD(0, memset(&t.FieldValue, 0, 16));
	/* two tests of one field; a VLAN id alone */
	REFUSE_FIELD(1, t.HeaderField.MacHeaderField = NdisMacHeaderFieldDestinationAddress);
	REFUSE_FIELD(0, t.HeaderField.MacHeaderField = NdisMacHeaderFieldVlanId);
}

static void set_filter_vlan_only(struct fix *f)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	uint32_t v, len;

	start_sriov(f);
	v = make_vport(f);
	len = filter_params(f->buf, v, 0, mac(1), 5);
	memcpy(&p, f->buf, sizeof p);
	p.FieldParametersArrayOffset = 48 + 56;
	p.FieldParametersArrayNumElements = 1;
	memcpy(f->buf, &p, sizeof p);
	assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_INVALID_PARAMETER);
}

static void set_filter_array_short(struct fix *f)
{
	uint32_t v, len;

	start_sriov(f);
	v = make_vport(f);
	len = filter_params(f->buf, v, 0, mac(1), 5);
	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_SET_FILTER, len - 1, len), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, len);
}

static void vlan_ids(struct fix *f)
{
	static const unsigned bad[] = { 4095, 0x0FFF, 0x1005, 0x8001 };
	uint32_t v, len;

	start_sriov(f);
	v = make_vport(f);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		len = filter_params(f->buf, v, 0, mac(1), bad[i]);
		assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_INVALID_PARAMETER);
	}
	REFUSE_FIELD(1, memset(&t.FieldValue, 0, 16)); /* VLAN 0 */
	(void)make_filter(f, v, 0, mac(1), 1);
	(void)make_filter(f, v, 0, mac(1), 4094);
}

static void vlan_big_endian(struct fix *f)
{
	NDIS_RECEIVE_FILTER_FIELD_PARAMETERS t;
	uint32_t v;

	start_sriov(f);
	v = make_vport(f);
	(void)make_filter(f, v, 0, mac(1), 100);
	memcpy(&t, f->m.last + 48 + 56, sizeof t);
	assert_int_equal(t.HeaderField.MacHeaderField, NdisMacHeaderFieldVlanId);
	assert_int_equal(t.FieldValue.FieldByteArrayValue[0], 0);
	assert_int_equal(t.FieldValue.FieldByteArrayValue[1], 100);
}

static void vlan_and_uoz(struct fix *f)
{
	uint32_t v;

	start_sriov(f);
	v = make_vport(f);
	REFUSE_FIELD(0, t.Flags = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO);
	REFUSE_FIELD(1, t.Flags = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO);
}

static void vlan_filtering_off(struct fix *f)
{
	uint32_t v, len;

	fix_init(f);
	f->cfg.keywords.vmq_vlan_filtering = 0;
	fix_start(f);
	v = make_vport(f);
	len = filter_params(f->buf, v, 0, mac(1), 5);
	assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_INVALID_PARAMETER);
	(void)make_filter(f, v, 0, mac(1), 0);
}

static void mac_only_revision_1(struct fix *f)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p;
	uint32_t len;

	start_sriov(f);
	len = filter_params(f->buf, 0, 0, mac(1), 0xFFFF);
	memcpy(&p, f->buf, sizeof p);
	p.Header.Revision = 1;
	p.Header.Size = 36;
	memcpy(f->buf, &p, sizeof p);
	assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_INVALID_PARAMETER);
	(void)filter_params(f->buf, 0, 0, mac(1), 0);
	memcpy(f->buf + 1, "\1\44\0", 3);
	assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_SUCCESS);
	(void)make_filter(f, 0, 0, mac(2), 0xFFFF);
}

/* The array may lie anywhere and its elements may be longer; both are honoured. */
static void element_size_honoured(struct fix *f)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p, *seen = (void *)f->m.last;
	uint8_t fields[112];
	uint32_t v;

	start_sriov(f);
	v = make_vport(f);
	(void)filter_params(f->buf, v, 0, mac(9), 7);
	memcpy(&p, f->buf, sizeof p);
	memcpy(fields, f->buf + 48, sizeof fields);
	p.FieldParametersArrayOffset = 101;
	p.FieldParametersArrayElementSize = 77;
	memset(f->buf, 0xEE, 400);
	memcpy(f->buf, &p, sizeof p);
	memcpy(f->buf + 101, fields, 56);
	memcpy(f->buf + 101 + 77, fields + 56, 56);
	assert_status(f, set_filter(f, f->d, 101 + 2 * 77), NDIS_STATUS_SUCCESS);
	/* the driver sees them where miniport.h says */
	assert_int_equal(seen->FieldParametersArrayOffset, 48);
	assert_int_equal(seen->FieldParametersArrayElementSize, 56);
	assert_memory_equal(f->m.last + 48 + 24, mac(9), 6);
}

static void duplicate_unicast(struct fix *f)
{
	uint32_t v, w, len;

	start_sriov(f);
	v = make_vport(f);
	w = make_vport(f);
	(void)make_filter(f, v, 0, mac(1), 5);
	len = filter_params(f->buf, v, 0, mac(1), 5);
	assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_INVALID_PARAMETER);
	len = filter_params(f->buf, w, 0, mac(1), 5);
	assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_INVALID_PARAMETER);
	/* overlapping ones are no duplicates */
	(void)make_filter(f, w, 0, mac(1), 6);
	(void)make_filter(f, w, 0, mac(1), 0);
	(void)make_filter(f, v, 0, mac(1), 0xFFFF);
}

static void duplicate_group(struct fix *f)
{
	static const uint8_t broadcast[6] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
	uint32_t v, w, len, id;
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS move;

	start_sriov(f);
	v = make_vport(f);
	w = make_vport(f);
	(void)make_filter(f, v, 0, broadcast, 5);
	id = make_filter(f, w, 0, broadcast, 5);
	len = filter_params(f->buf, w, 0, broadcast, 5);
	assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_INVALID_PARAMETER);
	/* nor by moving */
	move = move_params(id, w, v);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &move, sizeof move),
		      NDIS_STATUS_INVALID_PARAMETER);
	move = move_params(id, w, 0);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &move, sizeof move), NDIS_STATUS_SUCCESS);
	(void)make_filter(f, w, 0, broadcast, 5);
}

static void set_filter_foreign(struct fix *f)
{
	uint32_t v, len;

	start_sriov(f);
	v = make_vport(f);
	len = filter_params(f->buf, v, 0, mac(1), 5);
	assert_status(f, set_filter(f, f->other, len), NDIS_STATUS_INVALID_PARAMETER);
	/* the default VPort is nobody's */
	len = filter_params(f->buf, 0, 0, mac(1), 5);
	assert_status(f, set_filter(f, f->other, len), NDIS_STATUS_SUCCESS);
}

static void set_filter_exhausted(struct fix *f)
{
	uint32_t v, len;

	fix_init(f);
	f->m.filter.MaxMacHeaderFilters = 4;
	fix_start(f);
	v = make_vport(f);
	for (unsigned i = 0; i < 4; i++)
		(void)make_filter(f, v, 0, mac(i), 0);
	len = filter_params(f->buf, v, 0, mac(4), 0);
	assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_RESOURCES);
	assert_non_null(strstr(f->err.text, "MaxMacHeaderFilters"));
	clear_filter(f, 0, 2);
	assert_int_equal(make_filter(f, v, 0, mac(4), 0), 2);
}

static void set_filter_addresses_exhausted(struct fix *f)
{
	static const uint8_t broadcast[6] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
	uint32_t v, len;

	fix_init(f);
	f->m.nic_switch.MaxNumMacAddresses = 64;
	fix_start(f);
	v = make_vport(f);
	for (unsigned i = 0; i < 64; i++)
		(void)make_filter(f, v, 0, mac(i), 0);
	len = filter_params(f->buf, v, 0, mac(64), 0);
	assert_status(f, set_filter(f, f->d, len), NDIS_STATUS_RESOURCES);
	assert_non_null(strstr(f->err.text, "MaxNumMacAddresses"));
	(void)make_filter(f, v, 0, broadcast, 0);
}

static void filter_ids_round_robin(struct fix *f)
{
	uint32_t v, a, b;

	start_sriov(f);
	v = make_vport(f);
	a = make_filter(f, v, 0, mac(1), 0);
	clear_filter(f, 0, a);
	b = make_filter(f, v, 0, mac(1), 0);
	assert_int_equal(a, 1);
	assert_int_equal(b, 2);
}

static void clear_filter_unknown(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p;
	uint32_t v, id;

	start_sriov(f);
	v = make_vport(f);
	id = make_filter(f, v, 0, mac(1), 0);
	p = clear_params(0, 0);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, 16), NDIS_STATUS_FILE_NOT_FOUND);
	p = clear_params(0, id + 1);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, 16), NDIS_STATUS_FILE_NOT_FOUND);
	p = clear_params(1, id);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, 16), NDIS_STATUS_INVALID_PARAMETER);
	clear_filter(f, 0, id);
	p = clear_params(0, id);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, 16), NDIS_STATUS_FILE_NOT_FOUND);
}

static void clear_filter_foreign(struct fix *f)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p;

	start_sriov(f);
	p = clear_params(0, make_filter(f, 0, 0, mac(1), 0));
	assert_status(f, set(f, f->other, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, 16), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(info(f).num_filters, 1);
}

static void move_filter(struct fix *f)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p, *seen = (void *)f->m.last;
	uint32_t v, w, id;

	start_sriov(f);
	v = make_vport(f);
	w = make_vport(f);
	id = make_filter(f, v, 0, mac(1), 5);
	p = move_params(id, v, w);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p), NDIS_STATUS_SUCCESS);
	assert_int_equal(seen->FilterId, id);
	assert_int_equal(seen->DestVPortId, w);
	assert_int_equal(vport_info(f, v).NumFilters, 0);
	assert_int_equal(vport_info(f, w).NumFilters, 1);
	assert_int_equal(count_filters(f, w, 0), 1);
	/* to where it is: nothing happens */
	p = move_params(id, w, w);
	f->m.oid = 0;
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p), NDIS_STATUS_SUCCESS);
	assert_int_equal(f->m.oid, 0);
}

#define REFUSE_MOVE(driver, change)                                                                                    \
	do {                                                                                                           \
		p = move_params(id, v, w);                                                                             \
		change;                                                                                                \
		assert_status(f, set(f, driver, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p),                         \
			      NDIS_STATUS_INVALID_PARAMETER);                                                          \
		assert_int_equal(vport_info(f, v).NumFilters, 1);                                                      \
	} while (0)

static void move_filter_refused(struct fix *f)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p;
	uint32_t v, w, id;

	start_sriov(f);
	v = make_vport(f);
	w = make_vport(f);
	id = make_filter(f, v, 0, mac(1), 5);
	REFUSE_MOVE(f->d, p.FilterId = 0);
	REFUSE_MOVE(f->d, p.FilterId = id + 1);
	REFUSE_MOVE(f->d, p.SourceVPortId = w);
	REFUSE_MOVE(f->d, p.DestVPortId = 60000);
	REFUSE_MOVE(f->d, p.SourceQueueId = 1);
	REFUSE_MOVE(f->d, p.DestQueueId = 1);
	REFUSE_MOVE(f->other, (void)0);
}

static void move_filter_vmq(struct fix *f)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p = move_params(1, 0, 0);

	start_vmq(f);
	assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p), NDIS_STATUS_NOT_SUPPORTED);
}

static void enum_filters(struct fix *f)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY head = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 } };
	NDIS_RECEIVE_FILTER_INFO i;
	uint32_t v, w;

	start_sriov(f);
	v = make_vport(f);
	w = make_vport(f);
	(void)make_filter(f, v, 0, mac(1), 0);
	(void)make_filter(f, w, 0, mac(2), 0);
	(void)make_filter(f, 0, 0, mac(3), 0);
	assert_int_equal(count_filters(f, v, 0), 1);
	assert_int_equal(count_filters(f, 0, 0), 1);
	/* without the flag (revision 1 has none): those of every VPort */
	memcpy(f->buf, &head, 20);
	assert_status(f, method(f, f->d, OID_RECEIVE_FILTER_ENUM_FILTERS, 20, 24 + 3 * 16), NDIS_STATUS_SUCCESS);
	memcpy(&head, f->buf, 20);
	assert_int_equal(head.NumElements, 3);
	assert_int_equal(head.FirstElementOffset, 24);
	assert_int_equal(head.ElementSize, 16);
	assert_int_equal(head.Header.Revision, 1);
	memcpy(&i, f->buf + 24, sizeof i);
	assert_int_equal(i.FilterType, NdisReceiveFilterTypeVMQueue);
	assert_in_range(i.FilterId, 1, 3);
}

static void enum_filters_unknown(struct fix *f)
{
	NDIS_RECEIVE_FILTER_INFO_ARRAY head = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 28 },
						.Flags = 1,
						.VPortId = 60000 };

	start_sriov(f);
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ENUM_FILTERS, &head, 28), NDIS_STATUS_INVALID_PARAMETER);
	head.VPortId = 0;
	head.QueueId = 3;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_ENUM_FILTERS, &head, 28), NDIS_STATUS_INVALID_PARAMETER);
}

static void filter_parameters_round_trip(struct fix *f)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 44 } };
	NDIS_RECEIVE_FILTER_FIELD_PARAMETERS t[2];
	uint32_t v;

	start_sriov(f);
	v = make_vport(f);
	p.FilterId = make_filter(f, v, 0, mac(0x1234), 77);
	memcpy(f->buf, &p, sizeof p);
	assert_status(f, method(f, f->other, OID_RECEIVE_FILTER_PARAMETERS, sizeof p, 160), NDIS_STATUS_SUCCESS);
	assert_int_equal(f->done, 160);
	memcpy(&p, f->buf, sizeof p);
	assert_int_equal(p.VPortId, v);
	assert_int_equal(p.FieldParametersArrayNumElements, 2);
	memcpy(t, f->buf + p.FieldParametersArrayOffset, sizeof t);
	assert_memory_equal(t[0].FieldValue.FieldByteArrayValue, mac(0x1234), 6);
	assert_int_equal(t[1].FieldValue.FieldByteArrayValue[1], 77);
	p.FilterId = 0;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_PARAMETERS, &p, 44), NDIS_STATUS_INVALID_PARAMETER);
	p.FilterId = 99999;
	assert_status(f, method_on(f, f->d, OID_RECEIVE_FILTER_PARAMETERS, &p, 44), NDIS_STATUS_INVALID_PARAMETER);
}

/* 64 filters on each of 1,000 VPorts; every other one moved and all cleared again. */
static void many(struct fix *f)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS move;
	static uint32_t vport[1000], id[64000];

	fix_init(f);
	f->m.nic_switch.MaxNumVPorts = 1024;
	f->m.nic_switch.MaxNumQueuePairs = 1024;
	f->m.nic_switch.MaxNumMacAddresses = 65536;
	f->m.filter.MaxMacHeaderFilters = 65536;
	fix_start(f);
	for (unsigned i = 0; i < 1000; i++)
		vport[i] = make_vport(f);
	for (unsigned i = 0; i < 64000; i++)
		id[i] = make_filter(f, vport[i / 64], 0, mac(i), i % 4094 + 1);
	assert_int_equal(info(f).num_filters, 64000);
	for (unsigned i = 0; i < 64000; i += 2) {
		move = move_params(id[i], vport[i / 64], vport[(i / 64 + 1) % 1000]);
		assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &move, sizeof move), NDIS_STATUS_SUCCESS);
	}
	for (unsigned i = 0; i < 64000; i++)
		clear_filter(f, 0, id[i]);
	assert_int_equal(info(f).num_filters, 0);
}

const struct contract_case filter_cases[] = {
	{ "spec10_4.8_set_filter_invalid_parameter_members", set_filter_members },
	{ "spec10_4.8_set_filter_invalid_parameter_fields", set_filter_fields },
	{ "spec40_2_vlan_only_refused", set_filter_vlan_only },
	{ "spec10_4.8_set_filter_invalid_length_field_array", set_filter_array_short },
	{ "spec70_Q21_vlan_ids", vlan_ids },
	{ "spec70_Q27_vlan_big_endian", vlan_big_endian },
	{ "spec40_2_vlan_and_untagged_or_zero", vlan_and_uoz },
	{ "spec40_2_vlan_filtering_off", vlan_filtering_off },
	{ "spec40_2_mac_only_without_untagged_or_zero", mac_only_revision_1 },
	{ "spec10_2_arrays_stepped_by_element_size", element_size_honoured },
	{ "spec70_Q22_duplicate_unicast", duplicate_unicast },
	{ "spec70_Q22_duplicate_group", duplicate_group },
	{ "spec10_2_ownership_set_filter", set_filter_foreign },
	{ "spec70_Q6_filters_exhausted", set_filter_exhausted },
	{ "spec70_Q6_mac_addresses_exhausted", set_filter_addresses_exhausted },
	{ "spec70_Q53_filter_ids_round_robin", filter_ids_round_robin },
	{ "spec10_4.9_clear_filter_file_not_found", clear_filter_unknown },
	{ "spec10_2_ownership_clear_filter", clear_filter_foreign },
	{ "spec30_5_move_filter", move_filter },
	{ "spec10_4.10_move_filter_invalid_parameter_members", move_filter_refused },
	{ "spec10_4.10_move_filter_not_supported_vmq", move_filter_vmq },
	{ "spec10_4.11_enum_filters_of_all_vports", enum_filters },
	{ "spec70_Q6_enum_filters_unknown", enum_filters_unknown },
	{ "spec10_4.12_filter_parameters_invalid_parameter_unknown", filter_parameters_round_trip },
	{ "stress_64000_filters", many },
};
const size_t filter_count = sizeof filter_cases / sizeof filter_cases[0];
