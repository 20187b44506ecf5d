/* SPDX-License-Identifier: BSD-3-Clause */
/* RSS on VPorts of the PF: spec/50 §7 (VMMQ, RSSv1) and §9 (RSSv2), spec/70 Q39. */
#include "contract.h"

#define OK  NDIS_STATUS_SUCCESS
#define BAD NDIS_STATUS_INVALID_PARAMETER

/* ---- RSSv1 ---- */

struct rss {
	NDIS_RECEIVE_SCALE_PARAMETERS p;
	uint32_t pad;
	PROCESSOR_NUMBER table[4];
	uint8_t key[40];
};

static struct rss rss_params(void)
{
	struct rss r = {
		.p = { .Header = { NDIS_OBJECT_TYPE_RSS_PARAMETERS, 3, 44 },
		       .HashInformation = 0x301,
		       .IndirectionTableSize = 16,
		       .IndirectionTableOffset = 48,
		       .HashSecretKeySize = 40,
		       .HashSecretKeyOffset = 64,
		       .DefaultProcessorNumber = { .Number = 1 } },
		.table = { { .Number = 1 }, { .Number = 2 }, { .Number = 1 }, { .Number = 2 } },
	};

	return r;
}

static NDIS_STATUS set_rss(struct fix *f, const struct rss *r, uint32_t len, uint32_t vport)
{
	NDIS_OID_REQUEST req;

	memset(&req, 0, sizeof req);
	req.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_OID_REQUEST, 2, NDIS_SIZEOF_OID_REQUEST_REVISION_2 };
	req.RequestType = NdisRequestSetInformation;
	req.DATA.SET_INFORMATION.Oid = OID_GEN_RECEIVE_SCALE_PARAMETERS;
	memcpy(f->buf, r, sizeof *r);
	req.DATA.SET_INFORMATION.InformationBuffer = f->buf;
	req.DATA.SET_INFORMATION.InformationBufferLength = len;
	req.VPortId = vport;
	req.Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID;
	return ndis_oid_request(f->a, f->d, &req, &f->err);
}

static uint32_t rss_vport(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	p.NumQueuePairs = 2;
	p.ProcessorAffinity.Mask = 0xE; /* CPUs 1 to 3 */
	assert_status(f, method_on(f, f->d, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), OK);
	memcpy(&p, f->buf, 572);
	return p.VPortId;
}

static void rss_set(struct fix *f)
{
	struct rss good = rss_params(), r;
	uint32_t v;

	start_sriov(f);
	v = rss_vport(f);
#define REFUSE_RSS(status, changes)                                                                                    \
	do {                                                                                                           \
		r = good;                                                                                              \
		changes;                                                                                               \
		assert_status(f, set_rss(f, &r, 104, v), status);                                                      \
	} while (0)
	REFUSE_RSS(BAD, r.p.HashInformation = 0x302);
	REFUSE_RSS(BAD, r.p.HashInformation = 0x80001);
	REFUSE_RSS(BAD, r.p.HashInformation = NDIS_HASH_TCP_IPV6_EX | 1); /* not among the capabilities */
	REFUSE_RSS(BAD, r.p.HashInformation = NDIS_HASH_UDP_IPV4 | 1);
	REFUSE_RSS(BAD, r.p.IndirectionTableSize = 12);
	REFUSE_RSS(BAD, r.p.IndirectionTableSize = 17);
	REFUSE_RSS(BAD, r.p.IndirectionTableSize = 0);
	REFUSE_RSS(BAD, r.p.IndirectionTableSize = 1024);
	REFUSE_RSS(NDIS_STATUS_INVALID_LENGTH, r.p.IndirectionTableOffset = 96);
	REFUSE_RSS(BAD, r.p.IndirectionTableOffset = 0);
	REFUSE_RSS(BAD, r.p.HashSecretKeySize = 39);
	REFUSE_RSS(NDIS_STATUS_INVALID_LENGTH, r.p.HashSecretKeyOffset = 65);
	REFUSE_RSS(BAD, r.table[0].Number = 3); /* a third CPU for two queue pairs */
	REFUSE_RSS(BAD, r.table[0].Number = 5); /* not in the affinity */
	REFUSE_RSS(BAD, r.table[0].Group = 1);
	REFUSE_RSS(BAD, r.p.DefaultProcessorNumber.Number = 0);
	REFUSE_RSS(BAD, r.p.Flags = NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED); /* there is none yet */
	assert_status(f, set_rss(f, &good, 104, v), OK);
	REFUSE_RSS(BAD, r.p.HashInformation = 0x101); /* static for the VPort's life */
	r = good;
	r.p.Flags = NDIS_RSS_PARAM_FLAG_DISABLE_RSS;
	r.p.HashInformation = 0xFFFF;
	assert_status(f, set_rss(f, &r, 104, v), OK);
	assert_status(f, set_rss(f, &good, 104, 55), BAD);
}

static void rss_not_on_vf(struct fix *f)
{
	struct rss good = rss_params();

	start_sriov(f);
	assert_status(f, set_rss(f, &good, 104, make_vf_vport(f, make_vf(f))), BAD);
	assert_status(f, set(f, f->d, OID_GEN_RECEIVE_SCALE_PARAMETERS, &good, 104), NDIS_STATUS_NOT_SUPPORTED);
}

static void rss_keyword_off(struct fix *f)
{
	struct rss good = rss_params();

	fix_init(f);
	f->cfg.keywords.rss_on_host_vports = 0;
	fix_start(f);
	assert_status(f, set_rss(f, &good, 104, rss_vport(f)), NDIS_STATUS_NOT_SUPPORTED);
	assert_status(f, query(f, f->d, OID_GEN_RECEIVE_SCALE_CAPABILITIES, 18), NDIS_STATUS_NOT_SUPPORTED);
}

static void rss_v2_off(struct fix *f)
{
	fix_init(f);
	f->m.rss.CapabilitiesFlags &= ~(ULONG)NDIS_RSS_CAPS_SUPPORTS_INDEPENDENT_ENTRY_MOVE;
	fix_start(f);
	assert_status(f, query(f, f->d, OID_GEN_RECEIVE_SCALE_CAPABILITIES, 18), OK);
	assert_status(f, set(f, f->d, OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, f->buf, 28), NDIS_STATUS_NOT_SUPPORTED);
	assert_status(f, method(f, f->d, OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, 44, 44), NDIS_STATUS_NOT_SUPPORTED);
}

/* ---- RSSv2 ---- */

struct v2 {
	NDIS_RECEIVE_SCALE_PARAMETERS_V2 p;
	uint8_t key[40];
};

static struct v2 v2_params(ULONG flags)
{
	return (struct v2){ .p = { .Header = { NDIS_OBJECT_TYPE_RSS_PARAMETERS_V2, 1, 28 },
				   .Flags = flags,
				   .HashInformation = 0x301,
				   .HashSecretKeySize = 40,
				   .HashSecretKeyOffset = 28,
				   .NumberOfQueues = 2,
				   .NumberOfIndirectionTableEntries = 4 },
			    .key = { 0x6d } };
}

static NDIS_STATUS set_v2(struct fix *f, const struct v2 *p, uint32_t len, uint32_t vport)
{
	NDIS_OID_REQUEST req;

	memset(&req, 0, sizeof req);
	req.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_OID_REQUEST, 2, NDIS_SIZEOF_OID_REQUEST_REVISION_2 };
	req.RequestType = NdisRequestSetInformation;
	req.DATA.SET_INFORMATION.Oid = OID_GEN_RECEIVE_SCALE_PARAMETERS_V2;
	memcpy(f->buf, p, sizeof *p);
	req.DATA.SET_INFORMATION.InformationBuffer = f->buf;
	req.DATA.SET_INFORMATION.InformationBufferLength = len;
	req.VPortId = vport;
	req.Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID;
	return ndis_oid_request(f->a, f->d, &req, &f->err);
}

enum {
	ON = NDIS_RECEIVE_SCALE_PARAM_ENABLE_RSS,
	INFO = NDIS_RECEIVE_SCALE_PARAM_HASH_INFO_CHANGED,
	KEY = NDIS_RECEIVE_SCALE_PARAM_HASH_KEY_CHANGED,
	QUEUES = NDIS_RECEIVE_SCALE_PARAM_NUMBER_OF_QUEUES_CHANGED,
	ENTRIES = NDIS_RECEIVE_SCALE_PARAM_NUMBER_OF_ENTRIES_CHANGED,
	PRIMARY = NDIS_RSS_SET_INDIRECTION_ENTRY_FLAG_PRIMARY_PROCESSOR,
	DEFAULT = NDIS_RSS_SET_INDIRECTION_ENTRY_FLAG_DEFAULT_PROCESSOR
};

struct entry {
	uint32_t vport, flags, index, cpu;
	NDIS_STATUS want;
};

static void move_entries(struct fix *f, const struct entry *e, uint32_t n)
{
	struct {
		NDIS_RSS_SET_INDIRECTION_ENTRIES p;
		NDIS_RSS_SET_INDIRECTION_ENTRY e[8];
	} b = { .p = { .Header = { NDIS_OBJECT_TYPE_RSS_SET_INDIRECTION_ENTRIES, 1, 20 },
		       .RssEntrySize = 24,
		       .RssEntryTableOffset = 20,
		       .NumberOfRssEntries = n } };

	for (uint32_t i = 0; i < n; i++)
		b.e[i] = (NDIS_RSS_SET_INDIRECTION_ENTRY){ .VPortId = e[i].vport,
							   .Flags = e[i].flags,
							   .IndirectionTableIndex = (USHORT)e[i].index,
							   .TargetProcessorNumber = { .Number = (UCHAR)e[i].cpu },
							   .EntryStatus = NDIS_STATUS_PENDING };
	assert_status(f, method_on(f, f->d, OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, &b, 20 + n * 24), OK);
	memcpy(&b, f->buf, 20 + n * 24);
	for (uint32_t i = 0; i < n; i++)
		if (b.e[i].EntryStatus != e[i].want)
			fail_msg("entry %u: %s, %s expected", i, ndis_status_name(b.e[i].EntryStatus),
				 ndis_status_name(e[i].want));
}

/* Two queue pairs, CPUs 1 to 3 allowed, activated. */
static uint32_t active_vport(struct fix *f)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	p.VPortId = rss_vport(f);
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
	p.VPortState = NdisNicSwitchVPortStateActivated;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572), OK);
	return p.VPortId;
}

/* What the driver was last told: its table as a number, CPU of entry 0 in the lowest digit. */
static uint32_t table_seen(const struct fix *f)
{
	const NDIS_RECEIVE_SCALE_PARAMETERS *p = (const void *)f->m.last;
	const PROCESSOR_NUMBER *t = (const void *)(f->m.last + p->IndirectionTableOffset);
	uint32_t n = 0;

	assert_int_equal(f->m.oid, OID_GEN_RECEIVE_SCALE_PARAMETERS);
	for (uint32_t i = p->IndirectionTableSize / 4; i--;)
		n = n * 10 + t[i].Number;
	return n;
}

static void v2_life(struct fix *f)
{
	struct v2 p;
	uint32_t v;

	start_sriov(f);
	v = active_vport(f);
	/* first: one entry, the CPU it was created with; four entries repeat it */
	p = v2_params(ON | INFO | KEY | ENTRIES);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(table_seen(f), 1111);
	move_entries(f, (struct entry[]){ { v, 0, 1, 2, OK }, { v, 0, 3, 2, OK } }, 2);
	assert_int_equal(table_seen(f), 2121);
	/* to where it is: success, and the driver is not asked */
	f->m.oid = 0;
	move_entries(f, (struct entry[]){ { v, 0, 1, 2, OK } }, 1);
	assert_int_equal(f->m.oid, 0);
	/* a shorter table must repeat */
	p = v2_params(ON | ENTRIES);
	p.p.NumberOfIndirectionTableEntries = 1;
	assert_status(f, set_v2(f, &p, 68, v), NDIS_STATUS_INVALID_DATA);
	p.p.NumberOfIndirectionTableEntries = 2;
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(table_seen(f), 21);
	/* off: every frame on the primary processor */
	p = v2_params(0);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(((const NDIS_RECEIVE_SCALE_PARAMETERS *)(const void *)f->m.last)->Flags, 0x10);
	assert_int_equal(
	    ((const NDIS_RECEIVE_SCALE_PARAMETERS *)(const void *)f->m.last)->DefaultProcessorNumber.Number, 1);
	move_entries(f, (struct entry[]){ { v, PRIMARY, 0xFFFE, 3, OK } }, 1);
	assert_int_equal(
	    ((const NDIS_RECEIVE_SCALE_PARAMETERS *)(const void *)f->m.last)->DefaultProcessorNumber.Number, 3);
	/* inactive ones are only recorded, whatever they say, and checked when they become active */
	f->m.oid = 0;
	move_entries(f, (struct entry[]){ { v, 0, 0, 9, OK } }, 1);
	assert_int_equal(f->m.oid, 0);
	p = v2_params(ON);
	assert_status(f, set_v2(f, &p, 68, v), NDIS_STATUS_INVALID_DATA);
	move_entries(f, (struct entry[]){ { v, 0, 0, 1, OK } }, 1);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(table_seen(f), 21);
}

static void v2_query(struct fix *f)
{
	struct v2 p = v2_params(ON | INFO | KEY | ENTRIES), out;
	NDIS_OID_REQUEST req;
	uint32_t v;

	start_sriov(f);
	v = active_vport(f);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	(void)post(f, &req, NdisRequestQueryInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, f->buf, 68);
	req.VPortId = v;
	req.Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), OK);
	memcpy(&out, f->buf, 68);
	assert_int_equal(out.p.Flags, ON);
	assert_int_equal(out.p.NumberOfIndirectionTableEntries, 4);
	assert_int_equal(out.p.NumberOfQueues, 2);
	assert_int_equal(out.p.HashInformation, 0x301);
	assert_int_equal(out.p.HashSecretKeySize, 40);
	assert_int_equal(out.p.HashSecretKeyOffset, 28);
	assert_int_equal(out.key[0], 0x6d);
	/* a member without its flag is not looked at */
	p = v2_params(ON);
	p.p.HashInformation = p.p.HashSecretKeyOffset = p.p.NumberOfIndirectionTableEntries = p.p.NumberOfQueues = 0xFFFFFFFF;
	assert_status(f, set_v2(f, &p, 68, v), OK);
	req.DATA.QUERY_INFORMATION.InformationBufferLength = 67;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(req.DATA.QUERY_INFORMATION.BytesNeeded, 68);
}

/* A request about a VPort, asked for by `d`. */
static NDIS_STATUS on_vport(struct fix *f, struct ndis_driver *d, NDIS_REQUEST_TYPE type, NDIS_OID oid, uint32_t vport,
			    uint32_t len, uint32_t *done)
{
	NDIS_OID_REQUEST req;
	NDIS_STATUS status = request_on_vport(f, d, &req, type, oid, vport, len);

	*done = status == NDIS_STATUS_INVALID_LENGTH ? req.DATA.QUERY_INFORMATION.BytesNeeded
						     : req.DATA.QUERY_INFORMATION.BytesWritten;
	return status;
}

static void v2_refused(struct fix *f)
{
	struct v2 p;
	uint32_t v, w;

	start_sriov(f);
	v = active_vport(f);
#define REFUSE_V2(status, flags, changes)                                                                              \
	do {                                                                                                           \
		p = v2_params(flags);                                                                                  \
		changes;                                                                                               \
		assert_status(f, set_v2(f, &p, 68, v), status);                                                        \
	} while (0)
	REFUSE_V2(NDIS_STATUS_INVALID_LENGTH, ON | INFO | KEY, p.p.HashSecretKeySize = 39);
	assert_status(f, on_vport(f, f->d, NdisRequestSetInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, v, 68, &f->done),
		      NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 68);
	REFUSE_V2(NDIS_STATUS_INVALID_LENGTH, ON | INFO | KEY, p.p.HashSecretKeyOffset = 29);
	REFUSE_V2(NDIS_STATUS_INVALID_LENGTH, ON | INFO | KEY, p.p.HashSecretKeyOffset = 0xFFFFFFFF);
	REFUSE_V2(NDIS_STATUS_INVALID_LENGTH, ON | INFO | KEY, p.p.HashSecretKeyOffset = 0);
	REFUSE_V2(BAD, ON | INFO, p.p.HashInformation = 0x302);
	REFUSE_V2(BAD, ON | INFO, p.p.HashInformation = 1);
	REFUSE_V2(BAD, ON, (void)0); /* no hash yet */
	REFUSE_V2(BAD, ENTRIES, p.p.NumberOfIndirectionTableEntries = 3);
	REFUSE_V2(BAD, ENTRIES, p.p.NumberOfIndirectionTableEntries = 0);
	REFUSE_V2(BAD, ENTRIES, p.p.NumberOfIndirectionTableEntries = 256);
	p = v2_params(0);
	assert_status(f, set_v2(f, &p, 68, 60), NDIS_STATUS_INVALID_PORT);
	assert_status(f, set_v2(f, &p, 27, v), NDIS_STATUS_INVALID_LENGTH);
	assert_status(f, set(f, f->d, OID_GEN_RECEIVE_SCALE_PARAMETERS_V2, &p, 68), NDIS_STATUS_NOT_SUPPORTED);
	/* fewer queues than the table uses; else it is the VPort's NumQueuePairs */
	p = v2_params(ON | INFO | KEY | ENTRIES);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	move_entries(f, (struct entry[]){ { v, 0, 1, 2, OK } }, 1);
	REFUSE_V2(NDIS_STATUS_NO_QUEUES, ON | QUEUES, p.p.NumberOfQueues = 1);
	p = v2_params(ON | QUEUES);
	p.p.NumberOfQueues = 3;
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(vport_info(f, v).NumQueuePairs, 3);
	/* a refusal leaves the number as it is, whoever refuses */
	w = active_vport(f);
	p = v2_params(INFO | KEY | ENTRIES);
	assert_status(f, set_v2(f, &p, 68, w), OK);
	move_entries(f, (struct entry[]){ { w, 0, 0, 9, OK } }, 1);
	p = v2_params(ON | QUEUES);
	p.p.NumberOfQueues = 3;
	assert_status(f, set_v2(f, &p, 68, w), NDIS_STATUS_INVALID_DATA);
	assert_int_equal(vport_info(f, w).NumQueuePairs, 2);
	move_entries(f, (struct entry[]){ { w, 0, 0, 1, OK } }, 1);
	f->m.answer = NDIS_STATUS_RESOURCES;
	f->m.answer_oid = OID_GEN_RECEIVE_SCALE_PARAMETERS;
	assert_status(f, set_v2(f, &p, 68, w), NDIS_STATUS_RESOURCES);
	assert_int_equal(vport_info(f, w).NumQueuePairs, 2);
	assert_status(f, set_v2(f, &p, 68, w), OK);
	assert_int_equal(vport_info(f, w).NumQueuePairs, 3);
	/* and the other way round */
	{
		NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();

		c.VPortId = v;
		c.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
		c.NumQueuePairs = 1;
		assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &c, 572), BAD);
	}
}

static void v2_entries_each(struct fix *f)
{
	struct v2 p = v2_params(ON | INFO | KEY | ENTRIES);
	uint32_t v, w, off;

	start_sriov(f);
	v = active_vport(f);
	w = active_vport(f);
	off = rss_vport(f);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_status(f, set_v2(f, &p, 68, w), OK);
	/* groups are independent; within one all share the fate */
	move_entries(f,
		     (struct entry[]){ { 60, 0, 0, 1, NDIS_STATUS_INVALID_PORT },
				       { off, 0, 0, 1, NDIS_STATUS_INVALID_PORT_STATE },
				       { v, 0, 1, 2, BAD },
				       { v, 0, 4, 2, BAD }, /* beyond the table */
				       { w, 0, 0, 2, OK },
				       { w, 0, 1, 2, OK },
				       { v, 0, 1, 9, NDIS_STATUS_INVALID_DATA } },
		     7);
	assert_int_equal(table_seen(f), 1122);
	move_entries(
	    f, (struct entry[]){ { v, 0, 1, 2, NDIS_STATUS_NO_QUEUES }, { v, 0, 2, 3, NDIS_STATUS_NO_QUEUES } }, 2);
	move_entries(f, (struct entry[]){ { v, DEFAULT, 0xFFFF, 2, OK } }, 1);
	assert_int_equal(((const NDIS_RECEIVE_SCALE_PARAMETERS *)(const void *)f->m.last)->DefaultProcessorNumber.Number, 2);
	move_entries(f, (struct entry[]){ { v, 0, 1, 63, NDIS_STATUS_INVALID_DATA } }, 1);
	move_entries(f, (struct entry[]){ { v, 0, 1, 64, BAD } }, 1);
	move_entries(f, (struct entry[]){ { v, DEFAULT, 0xFFFE, 2, BAD } }, 1);
	move_entries(f, (struct entry[]){ { v, PRIMARY, 0xFFFF, 2, BAD } }, 1);
	move_entries(f, (struct entry[]){ { v, PRIMARY | DEFAULT, 0, 2, BAD } }, 1);
	move_entries(f, (struct entry[]){ { v, 4, 0, 2, BAD } }, 1);
	move_entries(f, (struct entry[]){ { v, 0, 0xFFFF, 2, BAD } }, 1);
	move_entries(f, (struct entry[]){ { make_vf_vport(f, make_vf(f)), 0, 0, 1, NDIS_STATUS_INVALID_PORT } }, 1);
	/* a driver that refuses: nothing moved */
	f->m.answer = NDIS_STATUS_RESOURCES;
	move_entries(f, (struct entry[]){ { v, 0, 0, 2, NDIS_STATUS_RESOURCES } }, 1);
	move_entries(f, (struct entry[]){ { v, 0, 3, 1, OK } }, 1);
	f->m.oid = 0;
	move_entries(f, (struct entry[]){ { v, 0, 0, 1, OK } }, 1); /* it was still there */
	assert_int_equal(f->m.oid, 0);
}

static void v2_entries_request(struct fix *f)
{
	NDIS_RSS_SET_INDIRECTION_ENTRIES good = { .Header = { NDIS_OBJECT_TYPE_RSS_SET_INDIRECTION_ENTRIES, 1, 20 },
						  .RssEntrySize = 24,
						  .RssEntryTableOffset = 20,
						  .NumberOfRssEntries = 2 },
					 p;

	start_sriov(f);
#define REFUSE_ENTRIES(status, changes)                                                                                \
	do {                                                                                                           \
		p = good;                                                                                              \
		changes;                                                                                               \
		memset(f->buf, 0, 128);                                                                                \
		memcpy(f->buf, &p, 20);                                                                                \
		assert_status(f, method(f, f->d, OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, 68, 68), status);          \
	} while (0)
	REFUSE_ENTRIES(BAD, p.RssEntrySize = 23);
	REFUSE_ENTRIES(BAD, p.RssEntryTableOffset = 19);
	REFUSE_ENTRIES(BAD, p.NumberOfRssEntries = 0xFFFFFFFF);
	REFUSE_ENTRIES(NDIS_STATUS_INVALID_LENGTH, p.NumberOfRssEntries = 3);
	REFUSE_ENTRIES(BAD, p.Header.Type = 0x80);
	REFUSE_ENTRIES(OK, p.NumberOfRssEntries = 0);
	/* room for the answers, too; the statuses have their places in longer elements */
	memset(f->buf, 0, 128);
	memcpy(f->buf, &good, 20);
	assert_status(f, method(f, f->d, OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, 68, 67), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 68);
	assert_status(f, method(f, f->d, OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, 67, 68), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(f->done, 68);
	REFUSE_ENTRIES(OK, p.NumberOfRssEntries = p.RssEntrySize = p.RssEntryTableOffset = 0);
	assert_int_equal(f->done, 20);
	memcpy(f->buf, &good, 20);
	good.RssEntrySize = 32;
	good.RssEntryTableOffset = 24;
	memset(f->buf, 0xEE, 128);
	memset(f->buf + 24, 0, 20);
	memset(f->buf + 56, 0, 20);
	f->buf[24 + 7] = f->buf[56 + 7] = 1; /* VPorts there are not */
	memcpy(f->buf, &good, 20);
	assert_status(f, method(f, f->d, OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, 88, 88), OK);
	assert_int_equal(f->done, 88);
	assert_int_equal(*(const NDIS_STATUS *)(const void *)(f->buf + 24 + 20), NDIS_STATUS_INVALID_PORT);
	assert_int_equal(*(const NDIS_STATUS *)(const void *)(f->buf + 56 + 20), NDIS_STATUS_INVALID_PORT);
	assert_int_equal(f->buf[48], 0xEE);
	assert_int_equal(f->buf[80], 0xEE);
}

/* Not even then PENDING: the driver is flushed. */
static void v2_never_pends(struct fix *f)
{
	struct v2 p = v2_params(ON | INFO | KEY | ENTRIES);
	uint32_t v;

	start_sriov(f);
	v = active_vport(f);
	f->m.pend = true;
	assert_status(f, set_v2(f, &p, 68, v), OK);
	f->m.pend = true;
	move_entries(f, (struct entry[]){ { v, 0, 1, 2, OK } }, 1);
	f->m.pend = f->m.cannot_flush = true;
	move_entries(f, (struct entry[]){ { v, 0, 1, 1, NDIS_STATUS_FAILURE } }, 1);
	test_miniport_finish(&f->m, OK, NULL);
}

/* An adapter that is gone, or is being reset, says so in the entries; the table stays. */
static void v2_entries_no_adapter(struct fix *f)
{
	struct v2 p = v2_params(ON | INFO | KEY | ENTRIES);
	uint32_t v;

	start_sriov(f);
	v = active_vport(f);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	f->m.answer = NDIS_STATUS_NOT_ACCEPTED;
	move_entries(f, (struct entry[]){ { v, 0, 1, 2, NDIS_STATUS_ADAPTER_NOT_FOUND } }, 1);
	f->m.answer = NDIS_STATUS_REQUEST_ABORTED;
	move_entries(f, (struct entry[]){ { v, 0, 1, 2, NDIS_STATUS_ADAPTER_NOT_READY } }, 1);
	f->m.answer = OK;
	move_entries(f, (struct entry[]){ { v, 0, 1, 2, OK } }, 1);
	assert_int_equal(table_seen(f), 1121);
}

/* ---- combinations ---- */

/* NUM_QUEUE_PAIRS_CHANGED, by its owner. */
static NDIS_STATUS set_pairs(struct fix *f, uint32_t vport, uint32_t n)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	p.VPortId = vport;
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
	p.NumQueuePairs = n;
	return set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572);
}

static NDIS_STATUS set_mask(struct fix *f, uint32_t vport, ULONG_PTR mask)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	p.VPortId = vport;
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED;
	p.ProcessorAffinity.Mask = mask;
	return set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572);
}

/* What OID_GEN_RECEIVE_SCALE_PARAMETERS answers about a VPort. */
static struct rss query_rss(struct fix *f, uint32_t vport)
{
	struct rss r;

	memset(&r, 0, sizeof r);
	assert_status(f, on_vport(f, f->d, NdisRequestQueryInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, vport, 4096, &f->done),
		      OK);
	memcpy(&r, f->buf, f->done < sizeof r ? f->done : sizeof r);
	return r;
}

static void rss_queried(struct fix *f)
{
	struct rss good = rss_params(), r;
	uint32_t v, done;

	start_sriov(f);
	v = rss_vport(f);
	/* off since it was made: every frame on its CPU */
	r = query_rss(f, v);
	assert_int_equal(f->done, 48 + 40);
	assert_int_equal(r.p.Flags, NDIS_RSS_PARAM_FLAG_DISABLE_RSS);
	assert_int_equal(r.p.DefaultProcessorNumber.Number, 1);
	assert_int_equal(r.p.IndirectionTableSize, 0);
	memset(good.key, 0x3C, sizeof good.key);
	good.p.DefaultProcessorNumber.Number = 2;
	assert_status(f, set_rss(f, &good, 104, v), OK);
	r = query_rss(f, v);
	assert_int_equal(f->done, 48 + 16 + 40);
	assert_int_equal(r.p.Header.Revision, 3);
	assert_int_equal(r.p.Flags, 0);
	assert_int_equal(r.p.HashInformation, 0x301);
	assert_int_equal(r.p.DefaultProcessorNumber.Number, 2);
	assert_int_equal(r.p.HashSecretKeySize, 40);
	assert_memory_equal(f->buf + r.p.IndirectionTableOffset, good.table, 16);
	assert_memory_equal(f->buf + r.p.HashSecretKeyOffset, good.key, 40);
	assert_status(f, on_vport(f, f->user, NdisRequestQueryStatistics, OID_GEN_RECEIVE_SCALE_PARAMETERS, v, 103, &done),
		      NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(done, 104);
	assert_status(f, on_vport(f, f->user, NdisRequestQueryStatistics, OID_GEN_RECEIVE_SCALE_PARAMETERS, v, 104, &done), OK);
}

/* The members of each revision, and no others; what lies in the structure is no table and no key. */
static void rss_revisions(struct fix *f)
{
	struct rss r;
	uint32_t v;

	start_sriov(f);
	v = rss_vport(f);
	r = rss_params();
	r.p.BaseCpuNumber = 1;
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	r.p.Flags = NDIS_RSS_PARAM_FLAG_BASE_CPU_UNCHANGED;
	r.p.IndirectionTableOffset = 40; /* where revision 3 has DefaultProcessorNumber */
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	r.p.IndirectionTableOffset = 48;
	r.p.HashSecretKeyOffset = 43;
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	r.p.HashSecretKeyOffset = 64;
	/* revision 2 has no DefaultProcessorNumber: it stays what it was, the CPU it was made with */
	r.p.Header.Revision = 2;
	r.p.Header.Size = 40;
	r.p.DefaultProcessorNumber.Number = 63;
	assert_status(f, set_rss(f, &r, 104, v), OK);
	assert_int_equal(query_rss(f, v).p.DefaultProcessorNumber.Number, 1);
	r.p.Header.Revision = 1;
	r.p.Header.Size = 28;
	assert_status(f, set_rss(f, &r, 104, v), OK);
}

/* What is called unchanged must be there, and be what can be now. */
static void rss_unchanged(struct fix *f)
{
	struct rss good = rss_params(), r;
	uint32_t v;

	start_sriov(f);
	v = rss_vport(f);
	r = good;
	r.p.Flags = NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED;
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	r.p.Flags = NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED;
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	r.p.Flags = NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED;
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	assert_status(f, set_rss(f, &good, 104, v), OK);
	r.p.Flags = NDIS_RSS_PARAM_FLAG_DISABLE_RSS;
	assert_status(f, set_rss(f, &r, 104, v), OK);
	/* the table of before, with a CPU that is the VPort's no more */
	assert_status(f, set_mask(f, v, 0xA), OK);
	r.p.Flags = NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED;
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	/* a default processor likewise */
	assert_status(f, set_mask(f, v, 0x4), OK);
	r = good;
	r.table[0].Number = r.table[2].Number = 2;
	r.p.Flags = NDIS_RSS_PARAM_FLAG_DEFAULT_PROCESSOR_UNCHANGED;
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	r.p.Flags = 0;
	r.p.DefaultProcessorNumber.Number = 2;
	assert_status(f, set_rss(f, &r, 104, v), OK);
}

/* Hash types, function and key are a VPort's for its life; made anew it may have others. */
static void rss_for_life(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS del;
	struct rss good = rss_params(), r;
	struct v2 p;
	uint32_t v;

	start_sriov(f);
	v = rss_vport(f);
	memset(good.key, 7, sizeof good.key);
	assert_status(f, set_rss(f, &good, 104, v), OK);
	assert_status(f, set_rss(f, &good, 104, v), OK); /* the flag clear means "may have changed" */
	r = good;
	r.key[39] = 8;
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	r.p.Flags = NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED;
	assert_status(f, set_rss(f, &r, 104, v), OK);
	/* nor off and on again, nor by RSSv2 */
	r.p.Flags = NDIS_RSS_PARAM_FLAG_DISABLE_RSS;
	assert_status(f, set_rss(f, &r, 104, v), OK);
	r.p.Flags = 0;
	assert_status(f, set_rss(f, &r, 104, v), BAD);
	p = v2_params(ON | KEY);
	assert_status(f, set_v2(f, &p, 68, v), BAD);
	memset(p.key, 7, sizeof p.key);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	del = delete_params(v);
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &del, 12), OK);
	v = rss_vport(f);
	r.p.HashInformation = 0x101;
	assert_status(f, set_rss(f, &r, 104, v), OK);
}

static void v2_no_key(struct fix *f)
{
	struct v2 p = v2_params(ON | INFO | ENTRIES);
	uint32_t v;

	start_sriov(f);
	v = active_vport(f);
	assert_status(f, set_v2(f, &p, 68, v), BAD);
	p = v2_params(KEY);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	p = v2_params(ON | INFO);
	assert_status(f, set_v2(f, &p, 68, v), OK);
}

/* Hash function 0 is off, whatever ENABLE_RSS says; what the VPort has for its life stays. */
static void v2_function_0(struct fix *f)
{
	struct v2 p = v2_params(ON | INFO | KEY | ENTRIES);
	uint32_t v;

	start_sriov(f);
	v = active_vport(f);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	p = v2_params(ON | INFO);
	p.p.HashInformation = 0x300;
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(query_rss(f, v).p.Flags, NDIS_RSS_PARAM_FLAG_DISABLE_RSS);
	assert_int_equal(query_rss(f, v).p.HashInformation, 0x301);
	p = v2_params(ON);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(query_rss(f, v).p.Flags, 0);
}

/* Off and fewer queues in one request: no table is active that could use too many. */
static void v2_off_and_fewer(struct fix *f)
{
	struct v2 p = v2_params(ON | INFO | KEY | ENTRIES);
	uint32_t v;

	start_sriov(f);
	v = active_vport(f);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	move_entries(f, (struct entry[]){ { v, 0, 1, 2, OK } }, 1);
	p = v2_params(QUEUES);
	p.p.NumberOfQueues = 1;
	/* a driver that keeps the queues: it is on, as before */
	f->m.answer = NDIS_STATUS_RESOURCES;
	f->m.answer_oid = OID_NIC_SWITCH_VPORT_PARAMETERS;
	assert_status(f, set_v2(f, &p, 68, v), NDIS_STATUS_RESOURCES);
	assert_int_equal(query_rss(f, v).p.Flags, 0);
	assert_int_equal(vport_info(f, v).NumQueuePairs, 2);
	assert_int_equal(table_seen(f), 1121);
	assert_int_equal(info(f).faults, 0);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(vport_info(f, v).NumQueuePairs, 1);
	assert_int_equal(query_rss(f, v).p.Flags, NDIS_RSS_PARAM_FLAG_DISABLE_RSS);
	/* numbers that no VPort can have */
	p.p.NumberOfQueues = 0;
	assert_status(f, set_v2(f, &p, 68, v), BAD);
	p.p.NumberOfQueues = 5;
	assert_status(f, set_v2(f, &p, 68, v), BAD);
	assert_int_equal(vport_info(f, v).NumQueuePairs, 1);
}

/* While RSS is on the primary processor is only recorded, in force when it is off. */
static void v2_primary_recorded(struct fix *f)
{
	struct v2 p = v2_params(ON | INFO | KEY | ENTRIES);
	uint32_t v;

	start_sriov(f);
	v = active_vport(f);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	f->m.oid = 0;
	move_entries(f, (struct entry[]){ { v, PRIMARY, 0, 3, OK } }, 1);
	assert_int_equal(f->m.oid, 0);
	p = v2_params(0);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(query_rss(f, v).p.DefaultProcessorNumber.Number, 3);
	/* and with the affinity, of which it is the lowest; the table stays */
	assert_status(f, set_mask(f, v, 0xC), OK);
	assert_int_equal(query_rss(f, v).p.DefaultProcessorNumber.Number, 2);
	/* while off the default processor is only recorded, too */
	f->m.oid = 0;
	move_entries(f, (struct entry[]){ { v, DEFAULT, 0, 3, OK } }, 1);
	assert_int_equal(f->m.oid, 0);
}

/* A structure of revision 1 has no VPortId and no Flags: what lies there is nobody's. */
static void v2_request_revision_1(struct fix *f)
{
	NDIS_RSS_SET_INDIRECTION_ENTRIES p = { .Header = { NDIS_OBJECT_TYPE_RSS_SET_INDIRECTION_ENTRIES, 1, 20 } };
	NDIS_OID_REQUEST req;

	start_sriov(f);
	memcpy(f->buf, &p, sizeof p);
	(void)post(f, &req, NdisRequestMethod, OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES, f->buf, 20);
	req.Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), BAD);
	req.Header = (NDIS_OBJECT_HEADER){ NDIS_OBJECT_TYPE_OID_REQUEST, 1, NDIS_SIZEOF_OID_REQUEST_REVISION_1 };
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), OK);
	req.DATA.SET_INFORMATION.Oid = OID_GEN_RECEIVE_SCALE_PARAMETERS;
	req.RequestType = NdisRequestQueryInformation;
	req.DATA.QUERY_INFORMATION.InformationBufferLength = 4096;
	assert_status(f, ndis_oid_request(f->a, f->d, &req, &f->err), NDIS_STATUS_NOT_SUPPORTED);
}

/* RSSv2 behind a request that the driver holds: when that is done the VPort may be another, or gone. */
static void v2_behind_others(struct fix *f)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS del;
	struct rss v1 = rss_params();
	struct v2 p = v2_params(ON | INFO | KEY | ENTRIES);
	NDIS_OID_REQUEST req;
	uint32_t v;

	start_sriov(f);
	v = active_vport(f);
	memcpy(v1.key, p.key, sizeof v1.key);
	/* another's RSSv1 */
	f->m.pend = true;
	(void)post(f, &req, NdisRequestSetInformation, OID_GEN_RECEIVE_SCALE_PARAMETERS, &v1, 104);
	req.VPortId = v;
	req.Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID;
	assert_int_equal(ndis_oid_request(f->a, f->async, &req, &f->err), NDIS_STATUS_PENDING);
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(f->completions, 1);
	assert_int_equal(query_rss(f, v).p.IndirectionTableSize, 16);
	/* the same, and then it is refused itself */
	f->m.pend = true;
	assert_int_equal(ndis_oid_request(f->a, f->async, &req, &f->err), NDIS_STATUS_PENDING);
	p = v2_params(ON | ENTRIES);
	p.p.NumberOfIndirectionTableEntries = 8;
	f->m.answer = NDIS_STATUS_SUCCESS;
	assert_status(f, set_v2(f, &p, 68, v), OK);
	assert_int_equal(query_rss(f, v).p.IndirectionTableSize, 32);
	/* one that cannot be waited for */
	f->m.pend = f->m.cannot_flush = true;
	assert_int_equal(ndis_oid_request(f->a, f->async, &req, &f->err), NDIS_STATUS_PENDING);
	p.p.NumberOfIndirectionTableEntries = 16;
	assert_status(f, set_v2(f, &p, 68, v), NDIS_STATUS_FAILURE);
	assert_int_equal(query_rss(f, v).p.IndirectionTableSize, 32);
	test_miniport_finish(&f->m, OK, NULL);
	f->m.cannot_flush = false;
	assert_int_equal(query_rss(f, v).p.IndirectionTableSize, 16);
	/* the VPort's end */
	for (int entries = 0; entries < 3; entries++) {
		v = active_vport(f);
		p = v2_params(ON | INFO | KEY | ENTRIES);
		assert_status(f, set_v2(f, &p, 68, v), OK);
		del = delete_params(v);
		f->m.pend = true;
		assert_int_equal(post(f, &req, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, &del, 12),
				 NDIS_STATUS_PENDING);
		p = v2_params(entries == 1 ? ON | QUEUES : ON | ENTRIES);
		p.p.NumberOfIndirectionTableEntries = 8;
		p.p.NumberOfQueues = 3;
		if (entries == 2)
			move_entries(f, (struct entry[]){ { v, 0, 0, 2, NDIS_STATUS_INVALID_PORT } }, 1);
		else
			assert_status(f, set_v2(f, &p, 68, v), NDIS_STATUS_INVALID_PORT);
		assert_int_equal(vport_info(f, v).VPortId, UINT32_MAX);
	}
}

/* No more VPorts with RSS than the adapter can have (MaxNumRssCapableNonDefaultPFVPorts); the default one is not counted. */
static void rss_vports_exhausted(struct fix *f)
{
	struct rss good = rss_params(), off = rss_params();
	struct v2 p = v2_params(ON | INFO | KEY);
	NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();
	uint32_t v, w;

	fix_init(f);
	f->m.nic_switch.MaxNumRssCapableNonDefaultPFVPorts = 1;
	f->cfg.num_queue_pairs_default = 2;
	fix_start(f);
	v = rss_vport(f);
	w = active_vport(f);
	assert_status(f, set_rss(f, &good, 104, v), OK);
	assert_status(f, set_rss(f, &good, 104, v), OK); /* itself */
	assert_status(f, set_rss(f, &good, 104, w), NDIS_STATUS_RESOURCES);
	assert_non_null(strstr(f->err.text, "MaxNumRssCapableNonDefaultPFVPorts"));
	assert_status(f, set_v2(f, &p, 68, w), NDIS_STATUS_RESOURCES);
	c.VPortId = 0;
	c.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED;
	c.ProcessorAffinity.Mask = 0xE;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &c, 572), OK);
	assert_status(f, set_rss(f, &good, 104, 0), OK);
	off.p.Flags = NDIS_RSS_PARAM_FLAG_DISABLE_RSS;
	assert_status(f, set_rss(f, &off, 104, v), OK);
	assert_status(f, set_rss(f, &good, 104, w), OK);
	assert_status(f, set_rss(f, &good, 104, v), NDIS_STATUS_RESOURCES);
}

/* *RssOnHostVPorts 0 is VMMQ off, whatever the adapter's driver registered. */
static void vmmq_off(struct fix *f)
{
	fix_init(f);
	f->cfg.keywords.rss_on_host_vports = 0;
	fix_start(f);
	assert_status(f, set_pairs(f, make_vport(f), 2), BAD);
	assert_status(f, set_pairs(f, 0, 2), BAD);
	assert_status(f, ndis_switch_delete(f->a, &f->err), NDIS_STATUS_INVALID_PARAMETER); /* there is a VPort */
}

static void vmmq_off_at_start(struct fix *f)
{
	fix_init(f);
	f->cfg.keywords.rss_on_host_vports = 0;
	f->cfg.num_queue_pairs_default = 2;
	assert_true(ndis_adapter_create(&test_miniport_ops, &f->m, &f->cfg, &f->a, &f->err) < 0);
	assert_non_null(strstr(f->err.text, "NumQueuePairsForDefaultVPort"));
	f->a = NULL;
}

/* A table as large as there are queue pairs: with more of these the adapter repeats it to the new size by itself. */
static void table_restricted(struct fix *f)
{
	struct rss good = rss_params(), r;
	uint32_t v;

	fix_init(f);
	f->m.nic_switch.NicSwitchCapabilities |= NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SIZE_RESTRICTED;
	fix_start(f);
	v = rss_vport(f);
	assert_status(f, set_rss(f, &good, 104, v), BAD); /* 4 entries, 2 queue pairs */
	r = good;
	r.p.IndirectionTableSize = 8;
	assert_status(f, set_rss(f, &r, 104, v), OK);
	assert_status(f, set_pairs(f, v, 3), OK);
	r = query_rss(f, v);
	assert_int_equal(r.p.IndirectionTableSize, 16);
	assert_memory_equal(f->buf + 48, good.table, 16);
	/* fewer: the table, repeated to the old size, first */
	r = good;
	r.table[1].Number = r.table[3].Number = 1;
	assert_status(f, set_rss(f, &r, 104, v), OK);
	assert_status(f, set_pairs(f, v, 1), OK);
	r.p.IndirectionTableSize = 4;
	assert_status(f, set_rss(f, &r, 104, v), OK);
}

/* RSS goes with the switch it was set on. */
static void rss_and_switch(struct fix *f)
{
	struct rss good = rss_params();
	NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();

	fix_init(f);
	f->cfg.num_queue_pairs_default = 2;
	fix_start(f);
	assert_status(f, set_rss(f, &good, 104, 0), BAD); /* it has no CPUs yet */
	c.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED;
	c.ProcessorAffinity.Mask = 0xE;
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_VPORT_PARAMETERS, &c, 572), OK);
	assert_status(f, set_rss(f, &good, 104, 0), OK);
	assert_status(f, ndis_switch_delete(f->a, &f->err), OK);
	assert_status(f, set_rss(f, &good, 104, 0), BAD); /* no VPort 0 now */
	assert_status(f, ndis_switch_create(f->a, &f->err), OK);
	assert_int_equal(query_rss(f, 0).p.Flags, NDIS_RSS_PARAM_FLAG_DISABLE_RSS);
	assert_int_equal(vport_info(f, 0).ProcessorAffinity.Mask, 0);
}

const struct contract_case rss_cases[] = {
	{ "spec50_7_rss_parameters", rss_set },
	{ "spec50_7_rss_on_vf", rss_not_on_vf },
	{ "spec60_2_rss_on_host_vports_off", rss_keyword_off },
	{ "spec50_9_not_advertised", rss_v2_off },
	{ "spec50_9_life", v2_life },
	{ "spec50_9_query", v2_query },
	{ "spec50_9_parameters_invalid_length", v2_refused },
	{ "spec50_9_parameters_no_queues", v2_refused },
	{ "spec50_9_parameters_invalid_data", v2_life },
	{ "spec50_9_parameters_invalid_parameter", v2_refused },
	{ "spec50_9_parameters_invalid_port", v2_refused },
	{ "spec50_9_entries_pending_never", v2_never_pends },
	{ "spec50_9_entries_request_invalid", v2_entries_request },
	{ "spec50_9_entries_invalid_port", v2_entries_each },
	{ "spec50_9_entries_invalid_port_state", v2_entries_each },
	{ "spec50_9_entries_invalid_parameter", v2_entries_each },
	{ "spec50_9_entries_invalid_data", v2_entries_each },
	{ "spec50_9_entries_no_queues", v2_entries_each },
	{ "spec50_9_entries_adapter_not_found", v2_entries_no_adapter },
	{ "spec50_7_rss_parameters_queried", rss_queried },
	{ "spec20_8_rss_parameters_revisions", rss_revisions },
	{ "spec50_7_rss_parameters_unchanged", rss_unchanged },
	{ "spec50_7_hash_and_key_for_life", rss_for_life },
	{ "spec50_9_parameters_invalid_parameter_no_key", v2_no_key },
	{ "spec20_8_hash_function_0_disables", v2_function_0 },
	{ "spec50_9_parameters_off_and_fewer_queues", v2_off_and_fewer },
	{ "spec50_9_inactive_only_recorded", v2_primary_recorded },
	{ "spec10_2_oid_request_revision_1", v2_request_revision_1 },
	{ "spec50_9_behind_pending_requests", v2_behind_others },
	{ "spec20_6_rss_vports_exhausted", rss_vports_exhausted },
	{ "spec50_7_rss_on_host_vports_off", vmmq_off },
	{ "spec50_7_rss_on_host_vports_off_at_start", vmmq_off_at_start },
	{ "spec50_7_table_size_restricted", table_restricted },
	{ "spec30_2_present_delete_switch_with_rss", rss_and_switch },
};
const size_t rss_count = sizeof rss_cases / sizeof rss_cases[0];
