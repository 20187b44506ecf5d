/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program of the NDIS world on Linux: it knows the contract from mingw-w64's ntddndis.h alone, fills that header's
 * structures as it would around NdisOidRequest, and drives vmqd's switch with their exact bytes. Nothing but
 * vmq_oid_request() is of this project.
 *
 *   oid_client create NAME CPU          OID_NIC_SWITCH_CREATE_VPORT, then activated; prints the VPortId
 *   oid_client filter VPORT MAC [VLAN]  OID_RECEIVE_FILTER_SET_FILTER; prints the FilterId
 *   oid_client list                     OID_NIC_SWITCH_ENUM_VPORTS, and OID_RECEIVE_FILTER_ENUM_FILTERS of each
 *   oid_client move FILTER FROM TO      OID_RECEIVE_FILTER_MOVE_FILTER
 *   oid_client clear FILTER             OID_RECEIVE_FILTER_CLEAR_FILTER
 *   oid_client delete VPORT             OID_NIC_SWITCH_DELETE_VPORT
 *
 * Built with the headers of the package mingw-w64-common. They are made for LP64 too, for Cygwin's compiler: that is
 * what __CYGWIN__ says, so that ULONG has 32 bits; WCHAR has 16 by -fshort-wchar.
 *
 *   cc -D__CYGWIN__ -D_WIN64 -D__cdecl= -D__stdcall= -D__fastcall= '-D__declspec(x)=' -fshort-wchar
 *      oid_client.c -idirafter /usr/share/mingw-w64/include $(pkg-config --cflags --libs libvmq)
 */
#define NDIS_SUPPORT_NDIS6   1
#define NDIS_SUPPORT_NDIS61  1
#define NDIS_SUPPORT_NDIS620 1
#define NDIS_SUPPORT_NDIS630 1
#include <windef.h>
#include <winnt.h>
typedef struct {
	ULONG Words[7];
} SOCKADDR_INET; /* of a structure of ntddndis.h that is not used here */
#include <ntddndis.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmq/vmq.h>

static struct vmq_client *client;

/* One request; its output length. What is not a success ends the program with the status and the sentence. */
static ULONG request(ULONG type, ULONG oid, void *buffer, ULONG in, ULONG out)
{
	struct vmq_oid_request r = {
		.size = sizeof r, .type = type, .oid = oid, .buffer = buffer, .input_length = in, .output_length = out,
	};
	struct vmq_error err = VMQ_ERROR_INIT;
	int rc = vmq_oid_request(client, &r, &err);

	if (rc || r.status) {
		fprintf(stderr, "OID 0x%08X: status 0x%08X: %s\n", oid, (unsigned int)r.status, err.message);
		exit(1);
	}
	return r.bytes_written;
}

static void header(NDIS_OBJECT_HEADER *h, UCHAR revision, USHORT size)
{
	h->Type = NDIS_OBJECT_TYPE_DEFAULT;
	h->Revision = revision;
	h->Size = size;
}

static void create(const char *name, ULONG cpu)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = { .SwitchId = NDIS_DEFAULT_SWITCH_ID };

	header(&p.Header, NDIS_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1,
	       NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1);
	for (p.VPortName.Length = 0; name[p.VPortName.Length / 2]; p.VPortName.Length += sizeof(WCHAR))
		p.VPortName.String[p.VPortName.Length / 2] = (WCHAR)name[p.VPortName.Length / 2];
	p.AttachedFunctionId = NDIS_PF_FUNCTION_ID;
	p.NumQueuePairs = 1;
	p.InterruptModeration = NdisNicSwitchVPortInterruptModerationMedium;
	p.VPortState = NdisNicSwitchVPortStateDeactivated;
	p.ProcessorAffinity.Group = (WORD)(cpu / 64);
	p.ProcessorAffinity.Mask = (KAFFINITY)1 << cpu % 64;
	request(VMQ_OID_METHOD, OID_NIC_SWITCH_CREATE_VPORT, &p, sizeof p, sizeof p);
	printf("VPortId %u\n", p.VPortId);

	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
	p.VPortState = NdisNicSwitchVPortStateActivated;
	request(VMQ_OID_SET, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, sizeof p, 0);
}

static void test_equal(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS *f, NDIS_MAC_HEADER_FIELD field)
{
	header(&f->Header, NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2,
	       NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2);
	f->FrameHeader = NdisFrameHeaderMac;
	f->ReceiveFilterTest = NdisReceiveFilterTestEqual;
	f->HeaderField.MacHeaderField = field;
}

static void set_filter(ULONG vport, const char *mac, ULONG vlan)
{
	struct {
		NDIS_RECEIVE_FILTER_PARAMETERS p;
		__attribute__((aligned(8))) NDIS_RECEIVE_FILTER_FIELD_PARAMETERS field[2];
	} b;
	ULONG fields = vlan ? 2 : 1;
	ULONG length = FIELD_OFFSET(__typeof__(b), field) + fields * (ULONG)sizeof b.field[0];

	memset(&b, 0, sizeof b);
	header(&b.p.Header, NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2);
	b.p.FilterType = NdisReceiveFilterTypeVMQueue;
	b.p.VPortId = vport;
	b.p.FieldParametersArrayOffset = FIELD_OFFSET(__typeof__(b), field);
	b.p.FieldParametersArrayNumElements = fields;
	b.p.FieldParametersArrayElementSize = sizeof b.field[0];
	test_equal(&b.field[0], NdisMacHeaderFieldDestinationAddress);
	for (int i = 0; i < 6; i++)
		b.field[0].FieldValue.FieldByteArrayValue[i] = (UCHAR)strtoul(mac + 3 * i, NULL, 16);
	if (!vlan)
		b.field[0].Flags = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO;
	test_equal(&b.field[1], NdisMacHeaderFieldVlanId);
	b.field[1].FieldValue.FieldShortValue = (USHORT)(vlan << 8 | vlan >> 8); /* network order */
	request(VMQ_OID_METHOD, OID_RECEIVE_FILTER_SET_FILTER, &b, length, length);
	printf("FilterId %u\n", b.p.FilterId);
}

static void list_filters(ULONG vport)
{
	static union {
		NDIS_RECEIVE_FILTER_INFO_ARRAY array;
		UCHAR bytes[1 << 20];
	} b;

	memset(&b, 0, sizeof b.array);
	header(&b.array.Header, NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_2,
	       NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_2);
	b.array.Flags = NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED;
	b.array.VPortId = vport;
	request(VMQ_OID_METHOD, OID_RECEIVE_FILTER_ENUM_FILTERS, &b, sizeof b.array, sizeof b);
	for (ULONG i = 0; i < b.array.NumElements; i++) {
		NDIS_RECEIVE_FILTER_INFO f;

		memcpy(&f, b.bytes + b.array.FirstElementOffset + i * b.array.ElementSize, sizeof f);
		printf("FilterId %u VPortId %u\n", f.FilterId, vport);
	}
}

static void list(void)
{
	static union {
		NDIS_NIC_SWITCH_VPORT_INFO_ARRAY array;
		UCHAR bytes[1 << 20];
	} b;

	header(&b.array.Header, NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1,
	       NDIS_SIZEOF_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1);
	request(VMQ_OID_METHOD, OID_NIC_SWITCH_ENUM_VPORTS, &b, sizeof b.array, sizeof b);
	for (ULONG i = 0; i < b.array.NumElements; i++) {
		NDIS_NIC_SWITCH_VPORT_INFO v;

		memcpy(&v, b.bytes + b.array.FirstElementOffset + i * b.array.ElementSize, sizeof v);
		printf("VPortId %u VPortName ", v.VPortId);
		for (USHORT k = 0; k < v.VPortName.Length / sizeof(WCHAR); k++)
			putchar(v.VPortName.String[k] < 128 ? v.VPortName.String[k] : '?');
		printf(" VPortState %d InterruptModeration %d NumQueuePairs %u ProcessorAffinity %u:0x%llx NumFilters %u\n",
		       v.VPortState, v.InterruptModeration, v.NumQueuePairs, v.ProcessorAffinity.Group,
		       (unsigned long long)v.ProcessorAffinity.Mask, v.NumFilters);
		list_filters(v.VPortId);
	}
}

static void move(ULONG filter, ULONG from, ULONG to)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p = { .FilterId = filter, .SourceVPortId = from, .DestVPortId = to };

	header(&p.Header, NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1,
	       NDIS_SIZEOF_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1);
	request(VMQ_OID_SET, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p, 0);
}

static void clear(ULONG filter)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = { .FilterId = filter };

	header(&p.Header, NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1,
	       NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1);
	request(VMQ_OID_SET, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, sizeof p, 0);
}

static void delete(ULONG vport)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = { .VPortId = vport };

	header(&p.Header, NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1,
	       NDIS_SIZEOF_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1);
	request(VMQ_OID_SET, OID_NIC_SWITCH_DELETE_VPORT, &p, sizeof p, 0);
}

static ULONG number(const char *text)
{
	return (ULONG)strtoul(text, NULL, 0);
}

int main(int argc, char **argv)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	const char *verb = argc > 1 ? argv[1] : "";

	if (vmq_connect(NULL, &client, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	if (strcmp(verb, "create") == 0 && argc == 4)
		create(argv[2], number(argv[3]));
	else if (strcmp(verb, "filter") == 0 && (argc == 4 || argc == 5) && strlen(argv[3]) == 17)
		set_filter(number(argv[2]), argv[3], argc == 5 ? number(argv[4]) : 0);
	else if (strcmp(verb, "list") == 0 && argc == 2)
		list();
	else if (strcmp(verb, "move") == 0 && argc == 5)
		move(number(argv[2]), number(argv[3]), number(argv[4]));
	else if (strcmp(verb, "clear") == 0 && argc == 3)
		clear(number(argv[2]));
	else if (strcmp(verb, "delete") == 0 && argc == 3)
		delete(number(argv[2]));
	else
		argc = 0;
	vmq_disconnect(client);
	if (argc)
		return 0;
	fprintf(stderr, "usage: oid_client create NAME CPU | filter VPORT MAC [VLAN] | list | move FILTER FROM TO | "
			"clear FILTER | delete VPORT\n");
	return 2;
}
