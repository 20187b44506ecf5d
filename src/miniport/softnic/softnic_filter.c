/* SPDX-License-Identifier: BSD-3-Clause */
/* The software adapter's driver: receive filters, on VPorts or VM queues (to the nic both are VPorts). Control thread only. */
#include "miniport/softnic/softnic_priv.h"

#include <errno.h>
#include <string.h>

NDIS_STATUS softnic_set_filter(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const uint8_t *buf = softnic_buffer(req);
	const NDIS_RECEIVE_FILTER_PARAMETERS *p = softnic_buffer(req);
	/* one of both is 0 (spec/70 Q20) */
	struct nic_filter f = { .id = p->FilterId, .vport = p->VPortId | p->QueueId, .test = NIC_VLAN_ANY };
	int rc;

	for (uint32_t i = 0; i < p->FieldParametersArrayNumElements; i++) {
		NDIS_RECEIVE_FILTER_FIELD_PARAMETERS t;
		const uint8_t *value = t.FieldValue.FieldByteArrayValue;

		memcpy(&t, buf + p->FieldParametersArrayOffset + i * p->FieldParametersArrayElementSize, sizeof t);
		if (t.HeaderField.MacHeaderField == NdisMacHeaderFieldVlanId) {
			f.test = NIC_VLAN_EQUAL;
			f.vlan = (uint16_t)(value[0] << 8 | value[1]);
			continue;
		}
		memcpy(f.mac, value, sizeof f.mac);
		if (t.Flags & NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO)
			f.test = NIC_VLAN_UNTAGGED_OR_ZERO;
	}
	rc = nic_filter_set(s->nic, &f);
	return rc ? (NDIS_STATUS)vmq_err(err, softnic_status(rc), "filter %u on VPort %u: %s", f.id, f.vport,
					 strerror(-rc))
		  : NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_clear_filter(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS *p = softnic_buffer(req);
	int rc = nic_filter_clear(s->nic, p->FilterId);

	/* a filter the nic does not have is cleared; another failure leaves it standing */
	if (rc && rc != -ENOENT)
		return (NDIS_STATUS)vmq_err(err, NDIS_STATUS_NOT_ACCEPTED, "filter %u: %s", p->FilterId, strerror(-rc));
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS softnic_move_filter(struct softnic *s, NDIS_OID_REQUEST *req, struct vmq_err *err)
{
	const NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS *p = softnic_buffer(req);
	int rc = nic_filter_move(s->nic, p->FilterId, p->DestVPortId);

	return rc ? (NDIS_STATUS)vmq_err(err, softnic_status(rc), "filter %u to VPort %u: %s", p->FilterId,
					 p->DestVPortId, strerror(-rc))
		  : NDIS_STATUS_SUCCESS;
}
