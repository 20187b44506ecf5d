/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists the VPorts of a switch by OID_NIC_SWITCH_ENUM_VPORTS, with the structures of the contract and nothing else: the
 * same code that an overlying driver has around NdisOidRequest, on Linux.
 *
 *   cc oid_enum_vports.c $(pkg-config --cflags --libs libvmq)
 *   ./a.out [ADAPTER]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmq/ndis.h>
#include <vmq/vmq.h>

/* Issues the request with a buffer of `size` bytes; *info is to be freed. Returns 0 when it was carried out. */
static int enum_vports(struct vmq_client *client, const char *adapter, uint32_t size, struct vmq_oid_request *request,
		       NDIS_NIC_SWITCH_VPORT_INFO_ARRAY **info, struct vmq_error *err)
{
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *array = calloc(1, size);

	*info = array;
	if (!array)
		return -1;
	array->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	array->Header.Revision = NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1;
	array->Header.Size = NDIS_SIZEOF_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1;
	array->SwitchId = NDIS_DEFAULT_SWITCH_ID;
	*request = (struct vmq_oid_request){
		.size = sizeof *request,
		.adapter = adapter,
		.type = VMQ_OID_METHOD,
		.oid = OID_NIC_SWITCH_ENUM_VPORTS,
		.buffer = array,
		.input_length = sizeof *array,
		.output_length = size,
	};
	return vmq_oid_request(client, request, err);
}

/* Elements are stepped through by the given size, and none is read that does not lie in what was written. */
static void print(const NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *array, uint32_t written)
{
	uint64_t offset = array->FirstElementOffset;

	for (ULONG i = 0; i < array->NumElements; i++, offset += array->ElementSize) {
		char name[NDIS_STRING_UTF8_SIZE];
		NDIS_NIC_SWITCH_VPORT_INFO vport;

		if (array->ElementSize < sizeof vport || offset + sizeof vport > written)
			return;
		memcpy(&vport, (const char *)array + offset, sizeof vport);
		printf("VPortId %u name %s function %#x state %u queue pairs %u affinity %#llx filters %u\n",
		       vport.VPortId, ndis_string_get(&vport.VPortName, name, sizeof name), vport.AttachedFunctionId,
		       vport.VPortState, vport.NumQueuePairs, (unsigned long long)vport.ProcessorAffinity.Mask,
		       vport.NumFilters);
	}
}

int main(int argc, char **argv)
{
	const char *adapter = argc > 1 ? argv[1] : NULL;
	struct vmq_error err = VMQ_ERROR_INIT;
	NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *array = NULL;
	struct vmq_oid_request request = { 0 };
	struct vmq_client *client;
	uint32_t size = sizeof *array;
	int rc = vmq_connect(NULL, &client, &err);

	/* The first answer says how much is needed; more VPorts may have come before the second. */
	while (!rc) {
		free(array);
		rc = enum_vports(client, adapter, size, &request, &array, &err);
		if (rc || request.status != NDIS_STATUS_INVALID_LENGTH || request.bytes_needed <= size)
			break;
		size = request.bytes_needed;
	}
	if (!rc && request.status == NDIS_STATUS_SUCCESS)
		print(array, request.bytes_written);
	else if (!rc)
		fprintf(stderr, "%s: %s\n", ndis_status_name((NDIS_STATUS)request.status), err.message);
	else
		fprintf(stderr, "%s\n", err.message);
	free(array);
	vmq_disconnect(client);
	return rc || request.status != NDIS_STATUS_SUCCESS;
}
