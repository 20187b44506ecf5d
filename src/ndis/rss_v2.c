/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RSSv2 (spec/50 §9, spec/70 Q39): the state of a VPort's RSS is switched as a whole, its table moved entry by entry,
 * in groups that are done or refused together. What is not active now is only recorded; a change of what is active
 * goes to the adapter's driver as OID_GEN_RECEIVE_SCALE_PARAMETERS with all parameters. Both requests are synchronous.
 * Control thread only.
 */
#include "ndis/rss.h"

#include <stdlib.h>

#define INDEX_DEFAULT 0xFFFFu
#define INDEX_PRIMARY 0xFFFEu

static const struct ndis_layout v2_layout = {
	"NDIS_RECEIVE_SCALE_PARAMETERS_V2",
	NDIS_OBJECT_TYPE_RSS_PARAMETERS_V2,
	1,
	{ NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_V2_REVISION_1 },
};
static const struct ndis_layout entries_layout = {
	"NDIS_RSS_SET_INDIRECTION_ENTRIES",
	NDIS_OBJECT_TYPE_RSS_SET_INDIRECTION_ENTRIES,
	1,
	{ NDIS_SIZEOF_RSS_SET_INDIRECTION_ENTRIES_REVISION_1 },
};

static NDIS_STATUS need_v2(const struct ndis_call *c)
{
	NDIS_STATUS status = rss_need(c);

	if (status == NDIS_STATUS_SUCCESS &&
	    !(c->a->rss.CapabilitiesFlags & NDIS_RSS_CAPS_SUPPORTS_INDEPENDENT_ENTRY_MOVE))
		status = refuse(c, NDIS_STATUS_NOT_SUPPORTED,
				"%s: this adapter does not advertise SUPPORTS_INDEPENDENT_ENTRY_MOVE",
				ndis_oid_name(c->oid));
	return status;
}

static void state_of(const struct ndis_vport *v, struct ndis_rss *r)
{
	if (v->rss)
		*r = *v->rss;
	else
		rss_first(v, r);
	if (!r->entries)
		r->entries = 1; /* the first table: one entry, the CPU it was created with */
}

/* Is what is active the same? By member: what lies between them is nobody's. */
static bool same(const struct ndis_rss *a, const struct ndis_rss *b)
{
	if (!a->enabled || !b->enabled)
		return a->enabled == b->enabled && memcmp(&a->primary, &b->primary, sizeof a->primary) == 0;
	return a->hash_information == b->hash_information && a->entries == b->entries &&
	       memcmp(&a->default_processor, &b->default_processor, sizeof a->default_processor) == 0 &&
	       memcmp(a->key, b->key, sizeof a->key) == 0 && memcmp(a->table, b->table, sizeof a->table) == 0;
}

/* Every active parameter is one of the VPort's CPUs, and they are no more than it has, or is to have, queues. */
static NDIS_STATUS check_active(const struct ndis_call *c, const struct ndis_vport *v, const struct ndis_rss *r,
				uint32_t queues)
{
	const PROCESSOR_NUMBER *bad = rss_stranger(v, r);

	if (!r->enabled)
		bad = rss_allows(v, &r->primary) ? NULL : &r->primary;
	if (bad)
		return refuse(c, NDIS_STATUS_INVALID_DATA,
			      "%s: CPU %u of group %u would be active and is not in VPort %u's ProcessorAffinity",
			      ndis_oid_name(c->oid), bad->Number, bad->Group, v->p.VPortId);
	if (r->enabled && rss_cpus(r) > queues)
		return refuse(c, NDIS_STATUS_NO_QUEUES,
			      "%s: the table and the default processor are %u CPUs; VPort %u has %u queues",
			      ndis_oid_name(c->oid), rss_cpus(r), v->p.VPortId, queues);
	return NDIS_STATUS_SUCCESS;
}

/* Makes `want` the VPort's state; the driver is asked only when what is active changes. Then the VPort may be gone,
 * asked for by whoever heard from the driver meanwhile. */
static NDIS_STATUS apply(const struct ndis_call *c, struct ndis_vport *v, const struct ndis_rss *want)
{
	uint8_t buf[RSS_BUFFER_SIZE];
	struct ndis_rss now;
	NDIS_STATUS status = check_active(c, v, want, v->p.NumQueuePairs);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	state_of(v, &now);
	if (!same(want, &now)) {
		/* what the request does not carry: the primary processor, recorded tables */
		c->a->rss_base = want;
		status = ndis_self_request_on(c->a, v->p.VPortId, OID_GEN_RECEIVE_SCALE_PARAMETERS, buf,
					      rss_write(want, buf), c->err);
		c->a->rss_base = NULL;
		return status;
	}
	if (!v->rss)
		v->rss = malloc(sizeof *v->rss);
	if (!v->rss)
		return refuse(c, NDIS_STATUS_RESOURCES, "out of memory");
	*v->rss = *want;
	return NDIS_STATUS_SUCCESS;
}

/* ---- OID_GEN_RECEIVE_SCALE_PARAMETERS_V2 ---- */

static NDIS_STATUS find_vport(const struct ndis_call *c, struct ndis_vport **v)
{
	const NDIS_OID_REQUEST *r = c->req;

	if (r->Header.Revision < NDIS_OID_REQUEST_REVISION_2 || !(r->Flags & NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID))
		return refuse(c, NDIS_STATUS_NOT_SUPPORTED,
			      "NDIS_OID_REQUEST: VPORT_ID_VALID is not set; RSS on the bare adapter is off while there "
			      "is a switch");
	*v = r->SwitchId == NDIS_DEFAULT_SWITCH_ID ? vport_find(c->a, r->VPortId) : NULL;
	if (!*v || (*v)->vf)
		return refuse(c, NDIS_STATUS_INVALID_PORT, "NDIS_OID_REQUEST: there is no VPort %u on the PF",
			      r->VPortId);
	return NDIS_STATUS_SUCCESS;
}

/* A larger table repeats the old one; what a smaller one cuts off must repeat the rest. */
static NDIS_STATUS resize(const struct ndis_call *c, struct ndis_rss *r, uint32_t entries)
{
	if (entries > r->entries)
		rss_repeat(r, entries);
	for (uint32_t i = entries; i < r->entries; i++) {
		if (memcmp(&r->table[i], &r->table[i % entries], sizeof r->table[i]) != 0)
			return refuse(c, NDIS_STATUS_INVALID_DATA,
				      "%s: NumberOfIndirectionTableEntries: entry %u, which would be cut off, differs "
				      "from entry %u",
				      v2_layout.name, i, i % entries);
		memset(&r->table[i], 0, sizeof r->table[i]);
	}
	r->entries = entries;
	return NDIS_STATUS_SUCCESS;
}

/* One of the two halves of a change: the queues' number, or RSS. Of a VPort that is gone, neither. */
static NDIS_STATUS half(const struct ndis_call *c, uint32_t id, const struct ndis_rss *want, uint32_t queues, bool rss)
{
	struct ndis_vport *v = vport_find(c->a, id);

	if (!v)
		return refuse(c, NDIS_STATUS_INVALID_PORT, "there is no VPort %u any more", id);
	return rss ? apply(c, v, want) : vport_set_queue_pairs(c, v, queues);
}

/* NumberOfQueues is an alias of the VPort's NumQueuePairs, and changed as that: fewer when RSS uses no more of them, more
 * before it does. Both change or nothing does. */
static NDIS_STATUS apply_with_queues(const struct ndis_call *c, struct ndis_vport *v, const struct ndis_rss *want,
				     uint32_t queues)
{
	struct ndis_call quiet = *c; /* the sentence stays the refusal's */
	const uint32_t id = v->p.VPortId, before = v->p.NumQueuePairs;
	const bool fewer = queues < before;
	struct ndis_rss was;
	NDIS_STATUS status = check_active(c, v, want, queues);

	state_of(v, &was);
	if (status == NDIS_STATUS_SUCCESS)
		status = half(c, id, want, queues, fewer);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	status = half(c, id, want, queues, !fewer);
	if (status == NDIS_STATUS_SUCCESS)
		return status;
	quiet.err = NULL;
	if (vport_find(c->a, id) && half(&quiet, id, &was, before, fewer) != NDIS_STATUS_SUCCESS)
		ndis_fault(c->a, "VPort %u: the adapter's driver %s refused half of a change, and does not take back the other",
			   id, c->a->ops->name);
	return status;
}

NDIS_STATUS rss_v2_set(const struct ndis_call *c)
{
	const char *name = v2_layout.name;
	NDIS_RECEIVE_SCALE_PARAMETERS_V2 p;
	struct ndis_vport *v = NULL;
	struct ndis_rss r;
	NDIS_STATUS status;
	bool off = false;
	uint8_t rev;

	status = need_v2(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &v2_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_settle(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = find_vport(c, &v);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (ndis_foreign(c->d, v->owner))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "VPort %u belongs to %s, who alone may change it",
			      v->p.VPortId, v->owner->name);
	state_of(v, &r);
	if (p.Flags & NDIS_RECEIVE_SCALE_PARAM_HASH_INFO_CHANGED) {
		off = !(p.HashInformation & NDIS_HASH_FUNCTION_MASK); /* function 0 disables */
		status = off ? NDIS_STATUS_SUCCESS : rss_take_hash(c, name, v, p.HashInformation, &r);
		if (status != NDIS_STATUS_SUCCESS)
			return status;
	}
	if (p.Flags & NDIS_RECEIVE_SCALE_PARAM_HASH_KEY_CHANGED) {
		uint64_t end = (uint64_t)p.HashSecretKeyOffset + RSS_KEY_SIZE;

		if (p.HashSecretKeySize != RSS_KEY_SIZE || p.HashSecretKeyOffset < v2_layout.size[0] ||
		    end > c->in_len) {
			ndis_set_needed(c, v2_layout.size[0] + RSS_KEY_SIZE);
			return refuse(
			    c, NDIS_STATUS_INVALID_LENGTH,
			    "%s: HashSecretKeySize is %u at HashSecretKeyOffset %u of %u bytes; %d bytes behind "
			    "the structure are right",
			    name, p.HashSecretKeySize, p.HashSecretKeyOffset, c->in_len, RSS_KEY_SIZE);
		}
		status = rss_take_key(c, name, v, c->buf + p.HashSecretKeyOffset, &r);
		if (status != NDIS_STATUS_SUCCESS)
			return status;
	}
	if (p.Flags & NDIS_RECEIVE_SCALE_PARAM_NUMBER_OF_ENTRIES_CHANGED) {
		uint32_t n = p.NumberOfIndirectionTableEntries, most = rss_most_entries(c->a, v);

		if (!n || (n & (n - 1)) || n > most)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
				      "%s: NumberOfIndirectionTableEntries is %u; a power of 2 up to %u is right", name,
				      n, most);
		status = resize(c, &r, n);
		if (status != NDIS_STATUS_SUCCESS)
			return status;
	}
	r.enabled = (p.Flags & NDIS_RECEIVE_SCALE_PARAM_ENABLE_RSS) && !off;
	if (r.enabled && (!r.hash_information || !r.has_key))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: VPort %u has no %s yet", name, v->p.VPortId,
			      r.hash_information ? "hash key" : "HashInformation");
	if ((p.Flags & NDIS_RECEIVE_SCALE_PARAM_NUMBER_OF_QUEUES_CHANGED) && p.NumberOfQueues != v->p.NumQueuePairs)
		status = apply_with_queues(c, v, &r, p.NumberOfQueues);
	else
		status = apply(c, v, &r);
	if (status == NDIS_STATUS_SUCCESS)
		ndis_set_done(c, c->in_len, 0);
	return status;
}

NDIS_STATUS rss_v2_query(const struct ndis_call *c)
{
	struct {
		NDIS_RECEIVE_SCALE_PARAMETERS_V2 p;
		uint8_t key[RSS_KEY_SIZE];
	} out;
	struct ndis_vport *v = NULL;
	struct ndis_rss r;
	NDIS_STATUS status = need_v2(c);

	if (status == NDIS_STATUS_SUCCESS)
		status = find_vport(c, &v);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	state_of(v, &r);
	memset(&out, 0, sizeof out);
	ndis_header(&out.p.Header, v2_layout.type, NDIS_RECEIVE_SCALE_PARAMETERS_V2_REVISION_1, v2_layout.size[0]);
	out.p.Flags = r.enabled ? NDIS_RECEIVE_SCALE_PARAM_ENABLE_RSS : 0;
	out.p.HashInformation = r.hash_information;
	out.p.HashSecretKeySize = RSS_KEY_SIZE;
	out.p.HashSecretKeyOffset = v2_layout.size[0];
	out.p.NumberOfQueues = v->p.NumQueuePairs;
	out.p.NumberOfIndirectionTableEntries = r.entries;
	memcpy(out.key, r.key, sizeof out.key);
	return ndis_answer(c, 0, &out, sizeof out, v2_layout.name);
}

/* ---- OID_GEN_RSS_SET_INDIRECTION_TABLE_ENTRIES ---- */

static NDIS_STATUS take_entry(const struct ndis_call *c, const NDIS_RSS_SET_INDIRECTION_ENTRY *e, struct ndis_rss *r)
{
	const uint32_t known = NDIS_RSS_SET_INDIRECTION_ENTRY_FLAG_PRIMARY_PROCESSOR |
			       NDIS_RSS_SET_INDIRECTION_ENTRY_FLAG_DEFAULT_PROCESSOR;
	PROCESSOR_NUMBER cpu = { .Group = e->TargetProcessorNumber.Group, .Number = e->TargetProcessorNumber.Number };
	uint16_t i = e->IndirectionTableIndex;

	if ((e->Flags & ~known) || e->Flags == known || cpu.Number > 63)
		return NDIS_STATUS_INVALID_PARAMETER;
	(void)c;
	if (e->Flags & NDIS_RSS_SET_INDIRECTION_ENTRY_FLAG_PRIMARY_PROCESSOR) {
		if (i == INDEX_DEFAULT)
			return NDIS_STATUS_INVALID_PARAMETER;
		r->primary = cpu;
	} else if (e->Flags & NDIS_RSS_SET_INDIRECTION_ENTRY_FLAG_DEFAULT_PROCESSOR) {
		if (i == INDEX_PRIMARY)
			return NDIS_STATUS_INVALID_PARAMETER;
		r->default_processor = cpu;
	} else if (i < r->entries) {
		r->table[i] = cpu;
	} else {
		return NDIS_STATUS_INVALID_PARAMETER;
	}
	return NDIS_STATUS_SUCCESS;
}

/* Entries [from, to) have one SwitchId and VPortId: all or nothing. */
static NDIS_STATUS do_group(const struct ndis_call *c, const NDIS_RSS_SET_INDIRECTION_ENTRIES *p, uint32_t from,
			    uint32_t to)
{
	NDIS_RSS_SET_INDIRECTION_ENTRY e;
	struct ndis_vport *v;
	struct ndis_rss r;
	NDIS_STATUS status;

	memcpy(&e, c->buf + p->RssEntryTableOffset + (size_t)from * p->RssEntrySize, sizeof e);
	v = e.SwitchId == NDIS_DEFAULT_SWITCH_ID ? vport_find(c->a, e.VPortId) : NULL;
	if (!v || v->vf)
		return NDIS_STATUS_INVALID_PORT;
	if (ndis_foreign(c->d, v->owner))
		return NDIS_STATUS_INVALID_PARAMETER;
	if (v->p.VPortState != NdisNicSwitchVPortStateActivated)
		return NDIS_STATUS_INVALID_PORT_STATE;
	state_of(v, &r);
	for (uint32_t i = from; i < to; i++) {
		memcpy(&e, c->buf + p->RssEntryTableOffset + (size_t)i * p->RssEntrySize, sizeof e);
		status = take_entry(c, &e, &r);
		if (status != NDIS_STATUS_SUCCESS)
			return status;
	}
	status = apply(c, v, &r);
	switch (status) {
	case NDIS_STATUS_NOT_ACCEPTED: /* the driver's word after a surprise removal */
		return NDIS_STATUS_ADAPTER_NOT_FOUND;
	case NDIS_STATUS_REQUEST_ABORTED:
	case NDIS_STATUS_RESET_IN_PROGRESS:
		return NDIS_STATUS_ADAPTER_NOT_READY;
	default:
		return status == NDIS_STATUS_PENDING ? NDIS_STATUS_FAILURE : status;
	}
}

NDIS_STATUS rss_v2_entries(const struct ndis_call *c)
{
	const char *name = entries_layout.name;
	NDIS_RSS_SET_INDIRECTION_ENTRIES p;
	NDIS_STATUS status;
	uint64_t end;
	uint32_t to;
	uint8_t rev;

	status = need_v2(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &entries_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_settle(c);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (c->req->Header.Revision >= NDIS_OID_REQUEST_REVISION_2 &&
	    (c->req->Flags & NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "NDIS_OID_REQUEST: VPORT_ID_VALID is set; each entry names its VPort");
	if (p.NumberOfRssEntries &&
	    (p.RssEntrySize < sizeof(NDIS_RSS_SET_INDIRECTION_ENTRY) || p.RssEntryTableOffset < entries_layout.size[0]))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: RssEntrySize is %u and RssEntryTableOffset %u; at least %zu and %u are right", name,
			      p.RssEntrySize, p.RssEntryTableOffset, sizeof(NDIS_RSS_SET_INDIRECTION_ENTRY),
			      entries_layout.size[0]);
	end = p.RssEntryTableOffset + (uint64_t)p.NumberOfRssEntries * p.RssEntrySize;
	if (!p.NumberOfRssEntries)
		end = entries_layout.size[0];
	if (end > NDIS_REQUEST_MAX_BYTES)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: %u entries of %u bytes at %u are too many", name,
			      p.NumberOfRssEntries, p.RssEntrySize, p.RssEntryTableOffset);
	status = ndis_need_in(c, (uint32_t)end, name);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_need_out(c, (uint32_t)end, name);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	for (uint32_t from = 0; from < p.NumberOfRssEntries; from = to) {
		const uint8_t *first = c->buf + p.RssEntryTableOffset + (size_t)from * p.RssEntrySize;

		/* SwitchId and VPortId are the first eight bytes of an entry */
		for (to = from + 1; to < p.NumberOfRssEntries; to++)
			if (memcmp(first, first + (size_t)(to - from) * p.RssEntrySize, 8) != 0)
				break;
		status = do_group(c, &p, from, to);
		for (uint32_t i = from; i < to; i++)
			ndis_put(c,
				 p.RssEntryTableOffset + i * p.RssEntrySize +
				     (uint32_t)offsetof(NDIS_RSS_SET_INDIRECTION_ENTRY, EntryStatus),
				 &status, sizeof status);
	}
	if (c->err)
		c->err->text[0] = 0; /* the truth is in each EntryStatus */
	ndis_set_done(c, (uint32_t)end, (uint32_t)end);
	return NDIS_STATUS_SUCCESS;
}
