/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RSS parameters of VPorts on the PF (VMMQ: spec/50 §7, §8). RSS on the bare adapter excludes queues and the switch
 * and is not kept here. Control thread only.
 */
#include "ndis/rss.h"

#include <stdlib.h>

static const struct ndis_layout rss_layout = {
	"NDIS_RECEIVE_SCALE_PARAMETERS",
	NDIS_OBJECT_TYPE_RSS_PARAMETERS,
	3,
	{ NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_1, NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2,
	  NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_3 },
};

void rss_first(const struct ndis_vport *v, struct ndis_rss *r)
{
	memset(r, 0, sizeof *r);
	r->primary.Group = v->p.ProcessorAffinity.Group;
	if (v->p.ProcessorAffinity.Mask)
		r->primary.Number = (UCHAR)__builtin_ctzll(v->p.ProcessorAffinity.Mask);
	r->default_processor = r->table[0] = r->primary;
}

NDIS_STATUS rss_need(const struct ndis_call *c)
{
	const struct ndis_adapter *a = c->a;

	if (a->has_rss && ndis_vmmq(a))
		return NDIS_STATUS_SUCCESS;
	return refuse(c, NDIS_STATUS_NOT_SUPPORTED, "%s: RSS on VPorts is not %s", ndis_oid_name(c->oid),
		      a->keywords.rss_on_host_vports ? "supported by this adapter" : "enabled (*RssOnHostVPorts is 0)");
}

NDIS_STATUS rss_capabilities(const struct ndis_call *c)
{
	NDIS_STATUS status = rss_need(c);

	if (status != NDIS_STATUS_SUCCESS)
		return status;
	return ndis_answer(c, 0, &c->a->rss, NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
			   "NDIS_RECEIVE_SCALE_CAPABILITIES");
}

/* The VPort the request names beside its buffer. */
static NDIS_STATUS find_vport(const struct ndis_call *c, struct ndis_vport **v)
{
	const NDIS_OID_REQUEST *r = c->req;
	NDIS_STATUS status;

	if (r->Header.Revision < NDIS_OID_REQUEST_REVISION_2 || !(r->Flags & NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID))
		return refuse(c, NDIS_STATUS_NOT_SUPPORTED,
			      "NDIS_OID_REQUEST: VPORT_ID_VALID is not set; RSS on the bare adapter is off while there "
			      "is a switch");
	status = ndis_need_switch(c, r->SwitchId);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	*v = vport_find(c->a, r->VPortId);
	if (!*v)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "NDIS_OID_REQUEST: there is no VPort %u", r->VPortId);
	if ((*v)->vf)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "VPort %u is on VF %u, whose RSS is the guest's",
			      r->VPortId, (*v)->p.AttachedFunctionId);
	return NDIS_STATUS_SUCCESS;
}

uint32_t rss_write(const struct ndis_rss *r, uint8_t *buf)
{
	NDIS_RECEIVE_SCALE_PARAMETERS p = { 0 };
	uint32_t table = r->entries * (uint32_t)sizeof r->table[0];

	ndis_header(&p.Header, NDIS_OBJECT_TYPE_RSS_PARAMETERS, NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_3,
		    NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_3);
	p.Flags = r->enabled ? 0 : NDIS_RSS_PARAM_FLAG_DISABLE_RSS;
	p.HashInformation = r->hash_information;
	p.IndirectionTableSize = (USHORT)table;
	p.IndirectionTableOffset = RSS_TABLE_AT;
	p.HashSecretKeySize = RSS_KEY_SIZE;
	p.HashSecretKeyOffset = RSS_TABLE_AT + table;
	/* while it is off every frame is the primary processor's */
	p.DefaultProcessorNumber = r->enabled ? r->default_processor : r->primary;
	memset(buf, 0, RSS_TABLE_AT);
	memcpy(buf, &p, sizeof p);
	memcpy(buf + RSS_TABLE_AT, r->table, table);
	memcpy(buf + RSS_TABLE_AT + table, r->key, RSS_KEY_SIZE);
	return RSS_TABLE_AT + table + RSS_KEY_SIZE;
}

NDIS_STATUS rss_parameters(const struct ndis_call *c)
{
	uint8_t buf[RSS_BUFFER_SIZE];
	struct ndis_vport *v = NULL;
	struct ndis_rss first;
	NDIS_STATUS status = rss_need(c);

	if (status == NDIS_STATUS_SUCCESS)
		status = find_vport(c, &v);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	rss_first(v, &first);
	return ndis_answer(c, 0, buf, rss_write(v->rss ? v->rss : &first, buf), rss_layout.name);
}

/* Bytes [offset, offset + len) of the input buffer, behind the structure of that revision, or the refusal. */
static NDIS_STATUS part(const struct ndis_call *c, uint8_t rev, uint32_t offset, uint32_t len, const char *what)
{
	uint64_t end = (uint64_t)offset + len;

	if (offset < rss_layout.size[rev - 1] || end > NDIS_REQUEST_MAX_BYTES)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: %s lies at %u; behind the structure is right",
			      rss_layout.name, what, offset);
	return ndis_need_in(c, (uint32_t)end, what);
}

bool rss_allows(const struct ndis_vport *v, const PROCESSOR_NUMBER *cpu)
{
	const GROUP_AFFINITY *a = &v->p.ProcessorAffinity;

	return cpu->Group == a->Group && cpu->Number < 64 && (a->Mask >> cpu->Number & 1);
}

uint32_t rss_most_entries(const struct ndis_adapter *a, const struct ndis_vport *v)
{
	uint32_t n = v->p.VPortId == NDIS_DEFAULT_VPORT_ID
			 ? a->cur_switch.NumberOfIndirectionTableEntriesForDefaultVPort
			 : a->cur_switch.NumberOfIndirectionTableEntriesPerNonDefaultPFVPort;

	return n < RSS_MAX_ENTRIES ? n : RSS_MAX_ENTRIES;
}

const PROCESSOR_NUMBER *rss_stranger(const struct ndis_vport *v, const struct ndis_rss *r)
{
	if (!rss_allows(v, &r->default_processor))
		return &r->default_processor;
	for (uint32_t i = 0; i < r->entries; i++)
		if (!rss_allows(v, &r->table[i]))
			return &r->table[i];
	return NULL;
}

void rss_repeat(struct ndis_rss *r, uint32_t entries)
{
	for (uint32_t i = r->entries; i < entries; i++)
		r->table[i] = r->table[i % r->entries];
	r->entries = entries;
}

static NDIS_STATUS take_table(const struct ndis_call *c, const NDIS_RECEIVE_SCALE_PARAMETERS *p, uint8_t rev,
			      const struct ndis_vport *v, struct ndis_rss *r)
{
	const char *name = rss_layout.name;
	uint32_t n = p->IndirectionTableSize / (uint32_t)sizeof r->table[0], most = rss_most_entries(c->a, v),
		 queues = 1;
	NDIS_STATUS status;

	while (queues < v->p.NumQueuePairs)
		queues *= 2;
	if (p->IndirectionTableSize % sizeof r->table[0] || !n || (n & (n - 1)) || n > most)
		return refuse(
		    c, NDIS_STATUS_INVALID_PARAMETER,
		    "%s: IndirectionTableSize is %u bytes; 4 bytes for each of a power of 2 up to %u entries is right",
		    name, p->IndirectionTableSize, most);
	if ((c->a->cur_switch.NicSwitchCapabilities &
	     NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SIZE_RESTRICTED) &&
	    n != queues)
		return refuse(
		    c, NDIS_STATUS_INVALID_PARAMETER,
		    "%s: IndirectionTableSize makes %u entries; %u is right for %u queue pairs on this adapter", name,
		    n, queues, v->p.NumQueuePairs);
	status = part(c, rev, p->IndirectionTableOffset, p->IndirectionTableSize, "the indirection table");
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	memcpy(r->table, c->buf + p->IndirectionTableOffset, p->IndirectionTableSize);
	r->entries = n;
	for (uint32_t i = 0; i < n; i++)
		r->table[i].Reserved = 0;
	return NDIS_STATUS_SUCCESS;
}

unsigned rss_cpus(const struct ndis_rss *r)
{
	uint64_t used = 1ull << (r->default_processor.Number & 63); /* all in one group, the affinity's */

	for (uint32_t i = 0; i < r->entries; i++)
		used |= 1ull << (r->table[i].Number & 63);
	return (unsigned)__builtin_popcountll(used);
}

/* The hash types the adapter can compute, from its capability bits, which have other numbers. */
static uint32_t hash_types(const struct ndis_adapter *a)
{
	static const uint32_t type_of[][2] = {
		{ NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4, NDIS_HASH_TCP_IPV4 },
		{ NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6, NDIS_HASH_TCP_IPV6 },
		{ NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV6_EX, NDIS_HASH_IPV6_EX | NDIS_HASH_TCP_IPV6_EX },
		{ NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV4, NDIS_HASH_UDP_IPV4 },
		{ NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6, NDIS_HASH_UDP_IPV6 },
		{ NDIS_RSS_CAPS_HASH_TYPE_UDP_IPV6_EX, NDIS_HASH_UDP_IPV6_EX },
	};
	uint32_t types = NDIS_HASH_IPV4 | NDIS_HASH_IPV6;

	for (size_t i = 0; i < sizeof type_of / sizeof type_of[0]; i++)
		if (a->rss.CapabilitiesFlags & type_of[i][0])
			types |= type_of[i][1];
	return types;
}

NDIS_STATUS rss_take_hash(const struct ndis_call *c, const char *name, const struct ndis_vport *v, uint32_t info,
			  struct ndis_rss *r)
{
	const uint32_t types = hash_types(c->a);

	if ((info & NDIS_HASH_FUNCTION_MASK) != NdisHashFunctionToeplitz || !(info & types) ||
	    (info & ~(types | NDIS_HASH_FUNCTION_MASK)))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: HashInformation is 0x%X; NdisHashFunctionToeplitz (1) and hash types of 0x%X are "
			      "right",
			      name, info, types);
	if (r->hash_information && r->hash_information != info)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: HashInformation is 0x%X; VPort %u has 0x%X for its life", name, info, v->p.VPortId,
			      r->hash_information);
	r->hash_information = info;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS rss_take_key(const struct ndis_call *c, const char *name, const struct ndis_vport *v, const uint8_t *key,
			 struct ndis_rss *r)
{
	if (r->has_key && memcmp(r->key, key, sizeof r->key) != 0)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: the hash key is another; VPort %u has its own for its life",
			      name, v->p.VPortId);
	memcpy(r->key, key, sizeof r->key);
	r->has_key = true;
	return NDIS_STATUS_SUCCESS;
}

/* One more VPort spreads its frames, if there may be one more. The default VPort always may. */
static NDIS_STATUS check_limit(const struct ndis_call *c, const struct ndis_vport *self)
{
	uint32_t n = 0, most = c->a->cur_switch.MaxNumRssCapableNonDefaultPFVPorts;

	if (self->p.VPortId == NDIS_DEFAULT_VPORT_ID)
		return NDIS_STATUS_SUCCESS;
	ndis_list_each (l, &c->a->vports) {
		const struct ndis_vport *v = ndis_container(l, struct ndis_vport, link);

		n += v != self && v->p.VPortId != NDIS_DEFAULT_VPORT_ID && v->rss && v->rss->enabled;
	}
	return n < most ? NDIS_STATUS_SUCCESS
			: refuse(c, NDIS_STATUS_RESOURCES, "no RSS is left: %u VPorts have it, and "
				 "MaxNumRssCapableNonDefaultPFVPorts is %u", n, most);
}

/* What is to be as it was begins with what is there. */
static void begin(const struct ndis_call *c, const struct ndis_vport *v, struct ndis_rss *r)
{
	if (c->a->rss_base && c->d == &c->a->self)
		*r = *c->a->rss_base;
	else if (v->rss)
		*r = *v->rss;
	else
		rss_first(v, r);
}

static NDIS_STATUS take_members(const struct ndis_call *c, const NDIS_RECEIVE_SCALE_PARAMETERS *p, uint8_t rev,
				const struct ndis_vport *v, struct ndis_rss *r)
{
	const char *name = rss_layout.name;
	NDIS_STATUS status = NDIS_STATUS_SUCCESS;

	if (!(p->Flags & NDIS_RSS_PARAM_FLAG_BASE_CPU_UNCHANGED) && p->BaseCpuNumber)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: BaseCpuNumber is %u; 0 is right", name,
			      p->BaseCpuNumber);
	if (!(p->Flags & NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED))
		status = rss_take_hash(c, name, v, p->HashInformation, r);
	if (status == NDIS_STATUS_SUCCESS && !(p->Flags & NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED))
		status = take_table(c, p, rev, v, r);
	if (status == NDIS_STATUS_SUCCESS && !(p->Flags & NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED)) {
		if (p->HashSecretKeySize != RSS_KEY_SIZE)
			return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: HashSecretKeySize is %u; %d is right",
				      name, p->HashSecretKeySize, RSS_KEY_SIZE);
		status = part(c, rev, p->HashSecretKeyOffset, RSS_KEY_SIZE, "the hash key");
		if (status == NDIS_STATUS_SUCCESS)
			status = rss_take_key(c, name, v, c->buf + p->HashSecretKeyOffset, r);
	}
	if (rev >= NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_3 &&
	    !(p->Flags & NDIS_RSS_PARAM_FLAG_DEFAULT_PROCESSOR_UNCHANGED)) {
		r->default_processor = p->DefaultProcessorNumber;
		r->default_processor.Reserved = 0;
	}
	return status;
}

static NDIS_STATUS take_rss(const struct ndis_call *c, const NDIS_RECEIVE_SCALE_PARAMETERS *p, uint8_t rev,
			    const struct ndis_vport *v, struct ndis_rss *r)
{
	const char *name = rss_layout.name;
	const PROCESSOR_NUMBER *cpu;
	NDIS_STATUS status;

	begin(c, v, r);
	if ((p->Flags & NDIS_RSS_PARAM_FLAG_DISABLE_RSS) ||
	    (!(p->Flags & NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED) && !(p->HashInformation & NDIS_HASH_FUNCTION_MASK))) {
		r->enabled = false;
		return NDIS_STATUS_SUCCESS;
	}
	status = take_members(c, p, rev, v, r);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!r->entries || !r->hash_information || !r->has_key)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "%s: VPort %u has no %s yet, so it cannot be UNCHANGED",
			      name, v->p.VPortId,
			      !r->entries	     ? "indirection table"
			      : !r->hash_information ? "HashInformation"
						     : "hash key");
	/* also what is as it was: the affinity may be another since */
	cpu = rss_stranger(v, r);
	if (cpu)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: %s is CPU %u of group %u, which is not in the VPort's ProcessorAffinity", name,
			      cpu == &r->default_processor ? "the default processor" : "an entry of the table",
			      cpu->Number, cpu->Group);
	if (rss_cpus(r) > v->p.NumQueuePairs)
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER,
			      "%s: the table and the default processor are %u CPUs; VPort %u has %u queue pairs", name,
			      rss_cpus(r), v->p.VPortId, v->p.NumQueuePairs);
	r->enabled = true;
	return check_limit(c, v);
}

NDIS_STATUS rss_set_prepare(struct ndis_op *op)
{
	const struct ndis_call *c = &op->c;
	NDIS_RECEIVE_SCALE_PARAMETERS p;
	struct ndis_rss *r;
	NDIS_STATUS status;
	uint8_t rev;
	uint8_t *down;

	status = rss_need(c);
	if (status == NDIS_STATUS_SUCCESS)
		status = ndis_read(c, &rss_layout, &p, sizeof p, &rev);
	if (status == NDIS_STATUS_SUCCESS)
		status = find_vport(c, &op->vport);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (ndis_foreign(c->d, op->vport->owner))
		return refuse(c, NDIS_STATUS_INVALID_PARAMETER, "VPort %u belongs to %s, who alone may change it",
			      op->vport->p.VPortId, op->vport->owner->name);
	op->extra = r = calloc(1, sizeof *r);
	if (!r)
		return ndis_op_no_memory(op);
	status = take_rss(c, &p, rev, op->vport, r);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	down = ndis_op_down(op, RSS_TABLE_AT + r->entries * (uint32_t)sizeof r->table[0] + RSS_KEY_SIZE);
	if (!down)
		return ndis_op_no_memory(op);
	(void)rss_write(r, down);
	op->down.SwitchId = NDIS_DEFAULT_SWITCH_ID;
	op->down.VPortId = op->vport->p.VPortId;
	op->down.Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID;
	op->count = rev;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS rss_set_done(struct ndis_op *op, NDIS_STATUS status)
{
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	free(op->vport->rss);
	op->vport->rss = op->extra;
	op->extra = NULL;
	ndis_set_done(&op->c, op->c.in_len, 0);
	return status;
}
