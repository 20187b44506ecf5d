/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software adapter's driver under the real keeper, over a data path that only takes notes: what each request
 * becomes there.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vmq/ndis_vmq.h>

#include "miniport/softnic/softnic.h"
#include "ndis/ndis_adapter.h"

/* ---- the stub: CPUs 1, 2 and 70 have workers ---- */

struct vport {
	bool there;
	struct nic_vport_config cfg;
	struct nic_vport_policy policy;
	struct nic_vport_tuning tuning;
	struct nic_rss_config rss;
	bool rss_on, busy;
};

static struct vport vports[NIC_MAX_VPORTS];
static struct nic_filter filters[NIC_MAX_FILTERS + 1];
static int filter_rc;

bool nic_engine_has_cpu(const struct nic_engine *e, unsigned cpu)
{
	(void)e;
	return cpu == 1 || cpu == 2 || cpu == 70;
}

unsigned nic_engine_cpus(const struct nic_engine *e, uint16_t cpus[NIC_MAX_WORKERS])
{
	(void)e;
	cpus[0] = 1;
	cpus[1] = 2;
	cpus[2] = 70;
	return 3;
}

int nic_vport_create(struct nic *n, const struct nic_vport_config *cfg, struct vmq_err *err)
{
	(void)n;
	(void)err;
	if (vports[cfg->id].there)
		return -EEXIST;
	vports[cfg->id] = (struct vport){ .there = true, .cfg = *cfg };
	return 0;
}

int nic_vport_delete(struct nic *n, uint32_t id)
{
	(void)n;
	if (!vports[id].there)
		return -ENOENT;
	if (vports[id].busy)
		return -EBUSY;
	vports[id].there = false;
	return 0;
}

int nic_vport_set_active(struct nic *n, uint32_t id, bool active)
{
	(void)n;
	vports[id].cfg.active = active;
	return vports[id].there ? 0 : -ENOENT;
}

int nic_vport_set_cpu(struct nic *n, uint32_t id, unsigned cpu, struct vmq_err *err)
{
	(void)n;
	(void)err;
	vports[id].cfg.cpu = cpu;
	return 0;
}

int nic_vport_set_queue_pairs(struct nic *n, uint32_t id, unsigned queue_pairs, struct vmq_err *err)
{
	(void)n;
	(void)err;
	vports[id].cfg.queue_pairs = queue_pairs;
	return vports[id].there ? 0 : -ENOENT;
}

int nic_vport_set_moderation(struct nic *n, uint32_t id, enum nic_moderation m)
{
	(void)n;
	vports[id].cfg.moderation = m;
	return 0;
}

int nic_vport_set_policy(struct nic *n, uint32_t id, const struct nic_vport_policy *p)
{
	(void)n;
	if (!vports[id].there)
		return -ENOENT;
	vports[id].policy = *p;
	return 0;
}

int nic_vport_set_tuning(struct nic *n, uint32_t id, const struct nic_vport_tuning *t, struct vmq_err *e)
{
	(void)n;
	if (id == 0 && t->tx_bytes.per_s)
		return vmq_err(e, -EINVAL, "not the host's");
	vports[id].tuning = *t;
	return 0;
}

int nic_vport_tuning(const struct nic *n, uint32_t id, struct nic_vport_tuning *out)
{
	(void)n;
	*out = vports[id].tuning;
	return vports[id].there ? 0 : -ENOENT;
}

int nic_vport_set_rss(struct nic *n, uint32_t id, const struct nic_rss_config *cfg, struct vmq_err *err)
{
	(void)n;
	(void)err;
	vports[id].rss_on = cfg != NULL;
	if (cfg)
		vports[id].rss = *cfg;
	return 0;
}

int nic_vport_counters(const struct nic *n, uint32_t id, struct nic_vport_counters *out)
{
	(void)n;
	memset(out, 0, sizeof *out);
	return vports[id].there ? 0 : -ENOENT;
}

int nic_filter_set(struct nic *n, const struct nic_filter *f)
{
	(void)n;
	if (!filter_rc)
		filters[f->id] = *f;
	return filter_rc;
}

int nic_filter_clear(struct nic *n, uint32_t id)
{
	(void)n;
	if (!filter_rc)
		memset(&filters[id], 0, sizeof filters[id]);
	return filter_rc;
}

int nic_filter_move(struct nic *n, uint32_t id, uint32_t vport)
{
	(void)n;
	filters[id].vport = vport;
	return filter_rc;
}

/* ---- who serves the VFs' sockets: it notes what it is told, and refuses once when told to ---- */

static char told[512];
static int refuse;

static int note(const char *what, unsigned number)
{
	size_t len = strlen(told);
	int rc = refuse;

	(void)snprintf(told + len, sizeof told - len, "%s(%u) ", what, number);
	refuse = 0;
	return rc;
}

static int on_attached(void *ctx, unsigned number, uint32_t vport, struct vmq_err *e)
{
	(void)ctx;
	assert_true(vports[vport].there);
	return note("attached", number) ? vmq_err(e, -EADDRINUSE, "somebody listens there") : 0;
}

static void on_detached(void *ctx, unsigned number, uint32_t vport)
{
	(void)ctx;
	assert_true(vports[vport].there); /* the rings go before the VPort */
	vports[vport].busy = false;
	(void)note("detached", number);
}

static int on_reset(void *ctx, uint32_t vport)
{
	(void)ctx;
	return note("reset", vport);
}

static int on_sleep(void *ctx, uint32_t vport, bool asleep)
{
	(void)ctx;
	return note(asleep ? "asleep" : "awake", vport);
}

static int on_queue_pairs(void *ctx, uint32_t vport, unsigned n, struct vmq_err *e)
{
	(void)ctx;
	(void)vport;
	return note("queue_pairs", n) ? vmq_err(e, -EBUSY, "its VM has more") : 0;
}

static const struct softnic_ops softnic_events = { on_attached, on_detached, on_reset, on_sleep, on_queue_pairs };

/* ---- set-up ---- */

static struct softnic *soft;
static struct ndis_adapter *adapter;
static struct ndis_driver *driver;
static struct vmq_err err;
static uint8_t buf[4096] __attribute__((aligned(8)));

static void start_limited(struct miniport_keywords kw, const struct softnic_limits *limits)
{
	struct ndis_adapter_config cfg = { .keywords = kw };
	struct ndis_driver_config d = { .name = "test", .ndis_role = true };
	struct softnic_config sc;

	memset(vports, 0, sizeof vports);
	memset(filters, 0, sizeof filters);
	filter_rc = 0;
	told[0] = '\0';
	refuse = 0;
	softnic_config_default(NULL, &sc);
	sc.ops = &softnic_events;
	if (limits)
		sc.limits = *limits;
	assert_int_equal(softnic_create(NULL, NULL, &sc, &soft, &err), 0);
	if (ndis_adapter_create(&softnic_ops, soft, &cfg, &adapter, &err))
		fail_msg("%s", err.text);
	driver = ndis_driver_open(adapter, &d);
}

static void start_with(struct miniport_keywords kw)
{
	start_limited(kw, NULL);
}

static int start(void **state)
{
	struct miniport_keywords kw;

	(void)state;
	ndis_keywords_for_switch(&kw);
	start_with(kw);
	return 0;
}

static int start_vmq(void **state)
{
	struct miniport_keywords kw;

	(void)state;
	ndis_keywords_for_switch(&kw);
	kw.sriov = 0;
	start_with(kw);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	ndis_adapter_destroy(adapter);
	softnic_destroy(soft);
	for (uint32_t i = 0; i < NIC_MAX_VPORTS; i++)
		if (vports[i].there)
			return -1;
	return 0;
}

static NDIS_NIC_SWITCH_VPORT_PARAMETERS vport_params(void)
{
	return (NDIS_NIC_SWITCH_VPORT_PARAMETERS){
		.Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 572 },
		.AttachedFunctionId = NDIS_PF_FUNCTION_ID,
		.NumQueuePairs = 2,
		.InterruptModeration = NdisNicSwitchVPortInterruptModerationLow,
		.VPortState = NdisNicSwitchVPortStateDeactivated,
		.ProcessorAffinity = { .Mask = 6 },
	};
}

static NDIS_STATUS method(NDIS_OID oid, const void *p, uint32_t len, uint32_t out)
{
	memcpy(buf, p, len);
	return ndis_method(driver, oid, buf, len, out, NULL, &err);
}

static uint32_t make_vport(void)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	assert_int_equal(method(OID_NIC_SWITCH_CREATE_VPORT, &p, 572, 572), NDIS_STATUS_SUCCESS);
	memcpy(&p, buf, 572);
	return p.VPortId;
}

/* vlan 0: untagged or zero, 0xFFFF: any */
static NDIS_STATUS set_filter(uint32_t vport, uint32_t queue, uint8_t last, unsigned vlan, uint32_t *id)
{
	struct {
		NDIS_RECEIVE_FILTER_PARAMETERS p;
		uint32_t pad;
		NDIS_RECEIVE_FILTER_FIELD_PARAMETERS t[2];
	} s = {
		.p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 44 },
		       .FilterType = NdisReceiveFilterTypeVMQueue,
		       .VPortId = vport,
		       .QueueId = queue,
		       .FieldParametersArrayOffset = 48,
		       .FieldParametersArrayElementSize = 56,
		       .FieldParametersArrayNumElements = vlan && vlan != 0xFFFF ? 2 : 1 },
	};
	NDIS_STATUS status;

	for (int i = 0; i < 2; i++)
		s.t[i] = (NDIS_RECEIVE_FILTER_FIELD_PARAMETERS){
			.Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 56 },
			.FrameHeader = NdisFrameHeaderMac,
			.ReceiveFilterTest = NdisReceiveFilterTestEqual,
			.HeaderField.MacHeaderField =
			    i ? NdisMacHeaderFieldVlanId : NdisMacHeaderFieldDestinationAddress,
			.Flags = !i && !vlan ? NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO : 0
		};
	memcpy(s.t[0].FieldValue.FieldByteArrayValue, (uint8_t[]){ 2, 3, 4, 5, 6, last }, 6);
	s.t[1].FieldValue.FieldByteArrayValue[0] = (UCHAR)(vlan >> 8);
	s.t[1].FieldValue.FieldByteArrayValue[1] = (UCHAR)vlan;
	status = method(OID_RECEIVE_FILTER_SET_FILTER, &s, sizeof s, sizeof s);
	memcpy(&s.p, buf, sizeof s.p);
	*id = s.p.FilterId;
	return status;
}

/* ---- tests ---- */

static void switch_makes_vport_0(void **state)
{
	(void)state;
	assert_true(vports[0].there && vports[0].cfg.active);
	assert_int_equal(vports[0].cfg.cpu, 1);
}

static void vport_maps(void **state)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS del = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 } };
	uint32_t v = make_vport();

	(void)state;
	assert_true(vports[v].there);
	assert_false(vports[v].cfg.active);
	assert_int_equal(vports[v].cfg.cpu, 1); /* the lowest bit of 6 */
	assert_int_equal(vports[v].cfg.queue_pairs, 2);
	assert_int_equal(vports[v].cfg.moderation, NIC_MODERATION_LOW);
	p.VPortId = v;
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED | NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED |
		  NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED;
	p.VPortState = NdisNicSwitchVPortStateActivated;
	p.ProcessorAffinity = (GROUP_AFFINITY){ .Mask = 1 << 6, .Group = 1 }; /* CPU 70 */
	p.InterruptModeration = NdisNicSwitchVPortInterruptModerationOff;
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_true(vports[v].cfg.active);
	assert_int_equal(vports[v].cfg.cpu, 70);
	assert_int_equal(vports[v].cfg.moderation, NIC_MODERATION_OFF);
	del.VPortId = v;
	vports[v].busy = true;
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_DELETE_VPORT, &del, 12, NULL, &err), NDIS_STATUS_FAILURE);
	assert_non_null(strstr(err.text, "disconnected"));
	vports[v].busy = false;
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_DELETE_VPORT, &del, 12, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_false(vports[v].there);
}

static void cpu_without_worker(void **state)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();

	(void)state;
	p.ProcessorAffinity.Mask = 9; /* CPU 0 */
	assert_int_equal(method(OID_NIC_SWITCH_CREATE_VPORT, &p, 572, 572), NDIS_STATUS_INVALID_PARAMETER);
	assert_non_null(strstr(err.text, "1, 2, 70"));
	p.VPortId = make_vport();
	p.Flags =
	    NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED | NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED;
	p.InterruptModeration = NdisNicSwitchVPortInterruptModerationOff;
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572, NULL, &err),
			 NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(vports[p.VPortId].cfg.moderation, NIC_MODERATION_LOW); /* nothing half-applied */
}

static void filter_kinds(void **state)
{
	NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS m = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 24 } };
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS c = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 } };
	uint32_t v = make_vport(), id;

	(void)state;
	assert_int_equal(set_filter(v, 0, 7, 0, &id), NDIS_STATUS_SUCCESS);
	assert_int_equal(filters[id].test, NIC_VLAN_UNTAGGED_OR_ZERO);
	assert_int_equal(filters[id].vport, v);
	assert_memory_equal(filters[id].mac, ((uint8_t[]){ 2, 3, 4, 5, 6, 7 }), 6);
	assert_int_equal(set_filter(v, 0, 7, 0xFFFF, &id), NDIS_STATUS_SUCCESS);
	assert_int_equal(filters[id].test, NIC_VLAN_ANY);
	assert_int_equal(set_filter(v, 0, 7, 0x123, &id), NDIS_STATUS_SUCCESS);
	assert_int_equal(filters[id].test, NIC_VLAN_EQUAL);
	assert_int_equal(filters[id].vlan, 0x123);
	m.FilterId = id;
	m.SourceVPortId = v;
	assert_int_equal(ndis_set(driver, OID_RECEIVE_FILTER_MOVE_FILTER, &m, 24, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_int_equal(filters[id].vport, 0);
	c.FilterId = id;
	assert_int_equal(ndis_set(driver, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_int_equal(filters[id].id, 0);
	filter_rc = -ENOSPC;
	assert_int_equal(set_filter(v, 0, 9, 0, &id), NDIS_STATUS_RESOURCES);
	filter_rc = 0;
	assert_int_equal(set_filter(v, 0, 9, 0, &id), NDIS_STATUS_SUCCESS);
}

static void policies(void **state)
{
	VMQ_VPORT_POLICY p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof p }, .Policies = 0xB };
	uint32_t needed;

	(void)state;
	p.VPortId = make_vport();
	assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_POLICY, &p, sizeof p, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_true(vports[p.VPortId].policy.source_check && vports[p.VPortId].policy.vlan_check &&
		    !vports[p.VPortId].policy.all_multicast && vports[p.VPortId].policy.trunk);
	p.Policies = 0;
	assert_int_equal(method(OID_VMQ_VPORT_POLICY, &p, sizeof p, sizeof p), NDIS_STATUS_SUCCESS);
	memcpy(&p, buf, sizeof p);
	assert_int_equal(p.Policies, 0xB);
	p.Policies = 0x10;
	assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_POLICY, &p, sizeof p, NULL, &err),
			 NDIS_STATUS_INVALID_PARAMETER);
	p.Policies = 0;
	assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_POLICY, &p, sizeof p - 1, &needed, &err),
			 NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(needed, sizeof p);
	for (uint32_t id = 999; id < 1100; id += 100) { /* not there; beyond the table */
		p.VPortId = id;
		assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_POLICY, &p, sizeof p, NULL, &err),
				 NDIS_STATUS_INVALID_PARAMETER);
		assert_int_equal(method(OID_VMQ_VPORT_POLICY, &p, sizeof p, sizeof p), NDIS_STATUS_INVALID_PARAMETER);
	}
	p.Header.Type = 0;
	assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_POLICY, &p, sizeof p, NULL, &err),
			 NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(ndis_query(driver, OID_VMQ_VPORT_POLICY, buf, 64, NULL, &err), NDIS_STATUS_NOT_SUPPORTED);
	assert_int_equal(ndis_query(driver, 0xFF010199, buf, 64, NULL, &err), NDIS_STATUS_INVALID_OID);
}

static void tuning(void **state)
{
	VMQ_VPORT_TUNING t = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof t }, .MaxTxBytesPerSecond = 1, .TxBurstBytes = 2,
			       .MaxTxFramesPerSecond = 3, .TxBurstFrames = 4, .MaxRxBytesPerSecond = 5, .RxBurstBytes = 6,
			       .MaxRxFramesPerSecond = 7, .RxBurstFrames = 8, .MaxGroupFramesPerSecond = 9,
			       .GroupBurstFrames = 10,
			       .ModerationMicroseconds = 11, .ModerationFrames = 12 };
	const VMQ_VPORT_TUNING empty = { .Header = t.Header };
	const struct nic_vport_tuning *n;
	uint32_t needed, id;
	VMQ_VPORT_TUNING out;

	(void)state;
	assert_int_equal(sizeof t, 96);
	t.VPortId = id = make_vport();
	n = &vports[id].tuning;
	assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_TUNING, &t, sizeof t, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_true(n->tx_bytes.per_s == 1 && n->tx_bytes.burst == 2 && n->tx_frames.per_s == 3 && n->tx_frames.burst == 4);
	assert_true(n->rx_bytes.per_s == 5 && n->rx_bytes.burst == 6 && n->rx_frames.per_s == 7 && n->rx_frames.burst == 8);
	assert_true(n->group_frames.per_s == 9 && n->group_frames.burst == 10);
	assert_true(n->moderation_us == 11 && n->moderation_frames == 12);
	out = empty;
	out.VPortId = id;
	assert_int_equal(method(OID_VMQ_VPORT_TUNING, &out, sizeof out, sizeof out), NDIS_STATUS_SUCCESS);
	memcpy(&out, buf, sizeof out);
	assert_memory_equal(&out, &t, sizeof t);
	assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_TUNING, &t, sizeof t - 1, &needed, &err), NDIS_STATUS_INVALID_LENGTH);
	assert_int_equal(needed, sizeof t);
	t.VPortId = 0; /* the data path's refusal is a refusal here */
	assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_TUNING, &t, sizeof t, NULL, &err), NDIS_STATUS_INVALID_PARAMETER);
	t.VPortId = 999;
	assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_TUNING, &t, sizeof t, NULL, &err), NDIS_STATUS_INVALID_PARAMETER);
	t.VPortId = id;
	t.Header.Revision = 0;
	assert_int_equal(ndis_set(driver, OID_VMQ_VPORT_TUNING, &t, sizeof t, NULL, &err), NDIS_STATUS_INVALID_PARAMETER);
}

static void rss(void **state)
{
	struct {
		NDIS_RECEIVE_SCALE_PARAMETERS p;
		uint32_t pad;
		PROCESSOR_NUMBER table[2];
		uint8_t key[40];
	} r = {
		.p = { .Header = { NDIS_OBJECT_TYPE_RSS_PARAMETERS, 3, 44 },
		       .HashInformation = 0x301,
		       .IndirectionTableSize = 8,
		       .IndirectionTableOffset = 48,
		       .HashSecretKeySize = 40,
		       .HashSecretKeyOffset = 56,
		       .DefaultProcessorNumber = { .Number = 2 } },
		.table = { { .Number = 1 }, { .Number = 2 } },
		.key = { 0x6d, 0x5a },
	};
	NDIS_OID_REQUEST req = { .Header = { NDIS_OBJECT_TYPE_OID_REQUEST, 2, NDIS_SIZEOF_OID_REQUEST_REVISION_2 },
				 .RequestType = NdisRequestSetInformation,
				 .Flags = NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID };

	(void)state;
	req.VPortId = make_vport();
	req.DATA.SET_INFORMATION.Oid = OID_GEN_RECEIVE_SCALE_PARAMETERS;
	req.DATA.SET_INFORMATION.InformationBuffer = &r;
	req.DATA.SET_INFORMATION.InformationBufferLength = sizeof r;
	assert_int_equal(ndis_oid_request(adapter, driver, &req, &err), NDIS_STATUS_SUCCESS);
	assert_true(vports[req.VPortId].rss_on);
	assert_int_equal(vports[req.VPortId].rss.types, 0x300);
	assert_int_equal(vports[req.VPortId].rss.entries, 2);
	assert_int_equal(vports[req.VPortId].rss.cpu[0], 1);
	assert_int_equal(vports[req.VPortId].rss.cpu[1], 2);
	assert_int_equal(vports[req.VPortId].rss.default_cpu, 2);
	assert_int_equal(vports[req.VPortId].rss.key[1], 0x5a);
	r.p.Flags = NDIS_RSS_PARAM_FLAG_DISABLE_RSS;
	assert_int_equal(ndis_oid_request(adapter, driver, &req, &err), NDIS_STATUS_SUCCESS);
	assert_false(vports[req.VPortId].rss_on);
}

static void vf(void **state)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 1632 },
					    .MacAddressLength = 6,
					    .PermanentMacAddress = { 2, 1 },
					    .CurrentMacAddress = { 2, 1, 2, 3, 4, 5 },
					    .VFId = 0xFFFF,
					    .RequestorId = 0xFFFFFFFF };
	NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();
	NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS rd = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
							  .Length = 4,
							  .BufferOffset = 20 };
	NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS bl = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
							  .Length = 6,
							  .BufferOffset = 20 };
	NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS pw = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 13 },
							.PowerState = NdisDeviceStateD3 };
	NDIS_SRIOV_BAR_RESOURCES_INFO bar = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 } };
	NDIS_SRIOV_RESET_VF_PARAMETERS reset = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 6 } };
	uint32_t v;

	(void)state;
	assert_int_equal(method(OID_NIC_SWITCH_ALLOCATE_VF, &p, 1632, 1632), NDIS_STATUS_SUCCESS);
	memcpy(&p, buf, sizeof p);
	assert_int_equal(p.VFId, 0);
	c.AttachedFunctionId = p.VFId;
	c.VPortState = NdisNicSwitchVPortStateActivated;
	assert_int_equal(method(OID_NIC_SWITCH_CREATE_VPORT, &c, 572, 572), NDIS_STATUS_SUCCESS);
	memcpy(&c, buf, 572);
	v = c.VPortId;
	assert_true(vports[v].cfg.active);
	/* its identity, as the guest's driver reads it */
	assert_int_equal(method(OID_SRIOV_READ_VF_CONFIG_SPACE, &rd, 20, 24), NDIS_STATUS_SUCCESS);
	assert_memory_equal(buf + 20, "\xF4\x1A\x41\x10", 4);
	/* the command register can be written, the vendor id cannot; a reset clears it */
	rd.Offset = 2;
	memcpy(buf, &rd, 20);
	memcpy(buf + 20, "\xFF\xFF\x06\x04", 4);
	assert_int_equal(ndis_set(driver, OID_SRIOV_WRITE_VF_CONFIG_SPACE, buf, 24, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_int_equal(method(OID_SRIOV_READ_VF_CONFIG_SPACE, &rd, 20, 24), NDIS_STATUS_SUCCESS);
	assert_memory_equal(buf + 20, "\x41\x10\x06\x04", 4);
	assert_int_equal(ndis_set(driver, OID_SRIOV_RESET_VF, &reset, 6, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_int_equal(method(OID_SRIOV_READ_VF_CONFIG_SPACE, &rd, 20, 24), NDIS_STATUS_SUCCESS);
	assert_memory_equal(buf + 20, "\x41\x10\x00\x00", 4);
	rd.Offset = 4092;
	assert_int_equal(method(OID_SRIOV_READ_VF_CONFIG_SPACE, &rd, 20, 24), NDIS_STATUS_SUCCESS);
	/* block 0 begins with the address */
	assert_int_equal(method(OID_SRIOV_READ_VF_CONFIG_BLOCK, &bl, 20, 26), NDIS_STATUS_SUCCESS);
	assert_memory_equal(buf + 20, p.CurrentMacAddress, 6);
	bl.BlockId = 4;
	assert_int_equal(method(OID_SRIOV_READ_VF_CONFIG_BLOCK, &bl, 20, 26), NDIS_STATUS_INVALID_PARAMETER);
	bl.BlockId = 3;
	memcpy(buf, &bl, 20);
	assert_int_equal(ndis_set(driver, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, buf, 26, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_int_equal(ndis_vf_take_invalidated(adapter, 0), 8);
	/* asleep its rings stop, and the VPort stays active: what comes for it is not given to the host */
	told[0] = '\0';
	assert_int_equal(ndis_set(driver, OID_SRIOV_SET_VF_POWER_STATE, &pw, 13, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_int_equal(ndis_set(driver, OID_SRIOV_SET_VF_POWER_STATE, &pw, 13, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_true(vports[v].cfg.active);
	assert_true(softnic_vport_asleep(soft, v));
	pw.PowerState = NdisDeviceStateD0;
	assert_int_equal(ndis_set(driver, OID_SRIOV_SET_VF_POWER_STATE, &pw, 13, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_string_equal(told, "asleep(1) awake(1) ");
	assert_false(softnic_vport_asleep(soft, v));
	assert_int_equal(method(OID_SRIOV_BAR_RESOURCES, &bar, 12, 32), NDIS_STATUS_SUCCESS);
	bar.BarIndex = 1;
	assert_int_equal(method(OID_SRIOV_BAR_RESOURCES, &bar, 12, 32), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(ndis_query(driver, OID_SRIOV_PROBED_BARS, buf, 32, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_int_equal(*(uint32_t *)(void *)(buf + 8), 0xFFFFC000);
}

static unsigned make_vf(void)
{
	NDIS_NIC_SWITCH_VF_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 1632 },
					    .MacAddressLength = 6,
					    .PermanentMacAddress = { 2, 1 },
					    .CurrentMacAddress = { 2, 1, 2, 3, 4, 5 },
					    .VFId = 0xFFFF,
					    .RequestorId = 0xFFFFFFFF };

	assert_int_equal(method(OID_NIC_SWITCH_ALLOCATE_VF, &p, 1632, 1632), NDIS_STATUS_SUCCESS);
	memcpy(&p, buf, sizeof p);
	return p.VFId;
}

static NDIS_STATUS make_vf_vport(unsigned number, unsigned queue_pairs, uint32_t *v)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS c = vport_params();
	NDIS_STATUS status;

	c.AttachedFunctionId = (NDIS_SRIOV_FUNCTION_ID)number;
	c.VPortState = NdisNicSwitchVPortStateActivated;
	c.NumQueuePairs = queue_pairs;
	status = method(OID_NIC_SWITCH_CREATE_VPORT, &c, 572, 572);
	memcpy(&c, buf, 572);
	*v = c.VPortId;
	return status;
}

/* Its socket comes and goes with its VPort, also when the VM is still there; a socket that cannot be is no VPort. */
static void vf_socket(void **state)
{
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS del = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 } };
	NDIS_NIC_SWITCH_FREE_VF_PARAMETERS fr = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 10 } };
	unsigned number = make_vf();
	uint32_t v;

	(void)state;
	refuse = -1;
	assert_int_equal(make_vf_vport(number, 1, &v), NDIS_STATUS_FAILURE);
	assert_non_null(strstr(err.text, "somebody listens"));
	assert_false(vports[1].there);
	assert_int_equal(make_vf_vport(number, 1, &v), NDIS_STATUS_SUCCESS);
	vports[v].busy = true;
	fr.VFId = (NDIS_SRIOV_FUNCTION_ID)number;
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_FREE_VF, &fr, 10, NULL, &err), NDIS_STATUS_FILE_NOT_FOUND);
	del.VPortId = v;
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_DELETE_VPORT, &del, 12, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_string_equal(told, "attached(0) attached(0) detached(0) ");
	assert_false(vports[v].there);
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_FREE_VF, &fr, 10, NULL, &err), NDIS_STATUS_SUCCESS);
}

/* A reset stops the rings before it answers, and wakes. Rings that do not stop are a failure, and nothing is reset. */
static void vf_reset(void **state)
{
	NDIS_SRIOV_RESET_VF_PARAMETERS r = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 6 } };
	NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS pw = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 13 },
							.PowerState = NdisDeviceStateD2 };
	struct softnic_vf_info info;
	uint32_t v;

	(void)state;
	r.VFId = pw.VFId = (NDIS_SRIOV_FUNCTION_ID)make_vf();
	/* without a VPort there is nothing to stop */
	assert_int_equal(ndis_set(driver, OID_SRIOV_RESET_VF, &r, 6, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_int_equal(make_vf_vport(r.VFId, 1, &v), NDIS_STATUS_SUCCESS);
	assert_int_equal(ndis_set(driver, OID_SRIOV_SET_VF_POWER_STATE, &pw, 13, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_true(softnic_vf_info(soft, r.VFId, &info) && info.power == NdisDeviceStateD2);
	told[0] = '\0';
	refuse = -ETIMEDOUT;
	assert_int_equal(ndis_set(driver, OID_SRIOV_RESET_VF, &r, 6, NULL, &err), NDIS_STATUS_FAILURE);
	assert_true(softnic_vport_asleep(soft, v));
	assert_int_equal(ndis_set(driver, OID_SRIOV_RESET_VF, &r, 6, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_string_equal(told, "reset(1) reset(1) awake(1) ");
	assert_false(softnic_vport_asleep(soft, v));
	assert_false(softnic_vf_info(soft, 7, &info));
}

static NDIS_STATUS set_cpus(uint32_t v, unsigned n, unsigned a, unsigned b)
{
	VMQ_VF_CPUS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof p },
			  .VPortId = v,
			  .NumCpus = n,
			  .Cpu = { (USHORT)a, (USHORT)b } };

	return ndis_set(driver, OID_VMQ_VF_CPUS, &p, sizeof p, NULL, &err);
}

/* The CPUs of a VF's queue pairs: chosen by its number, changed by our own request. */
static void vf_cpus(void **state)
{
	VMQ_VF_CPUS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof p } };
	uint32_t one, two, pf = make_vport();

	(void)state;
	assert_int_equal(make_vf_vport(make_vf(), 1, &one), NDIS_STATUS_SUCCESS);
	assert_int_equal(make_vf_vport(make_vf(), 4, &two), NDIS_STATUS_SUCCESS);
	assert_int_equal(vports[one].cfg.cpu, 1);
	assert_false(vports[one].rss_on);
	assert_int_equal(vports[two].cfg.cpu, 2); /* the second VF begins with the second worker */
	assert_true(vports[two].rss_on);
	assert_int_equal(vports[two].rss.default_cpu, 2);
	p.VPortId = two;
	assert_int_equal(method(OID_VMQ_VF_CPUS, &p, sizeof p, sizeof p), NDIS_STATUS_SUCCESS);
	memcpy(&p, buf, sizeof p);
	assert_int_equal(p.NumCpus, 3);
	assert_int_equal(p.Cpu[1], 70);
	assert_int_equal(p.Cpu[2], 1);
	assert_int_equal(set_cpus(two, 2, 70, 1), NDIS_STATUS_SUCCESS);
	assert_int_equal(vports[two].cfg.cpu, 70);
	assert_int_equal(vports[two].rss.cpu[1], 1);
	assert_int_equal(vports[two].rss.cpu[2], 70);
	assert_int_equal(set_cpus(two, 1, 2, 0), NDIS_STATUS_SUCCESS);
	assert_true(vports[two].rss_on); /* its queue pairs share the CPU, and what it receives */
	assert_int_equal(vports[two].rss.cpu[1], 2);
	assert_int_equal(vports[two].cfg.cpu, 2);
	/* refused: too many, none, twice, no worker, not on a VF, nowhere */
	assert_int_equal(set_cpus(one, 2, 1, 2), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(set_cpus(one, 0, 1, 2), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(set_cpus(two, 2, 1, 1), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(set_cpus(two, 2, 1, 3), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(set_cpus(pf, 1, 1, 0), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(set_cpus(NIC_MAX_VPORTS, 1, 1, 0), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(vports[two].cfg.cpu, 2);
	p.Header.Revision = 0;
	assert_int_equal(method(OID_VMQ_VF_CPUS, &p, sizeof p, sizeof p), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(method(OID_VMQ_VF_CPUS, &p, sizeof p - 1, sizeof p), NDIS_STATUS_INVALID_LENGTH);
}

/* spec/70 Q35: only of VPorts on the PF; the VM's side is asked first. */
static void queue_pairs_change(void **state)
{
	NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
	uint32_t v;

	(void)state;
	p.VPortId = make_vport();
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
	p.NumQueuePairs = 5;
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_int_equal(vports[p.VPortId].cfg.queue_pairs, 5);
	refuse = -1;
	p.NumQueuePairs = 1;
	p.Flags |= NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
	p.VPortState = NdisNicSwitchVPortStateActivated;
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572, NULL, &err), NDIS_STATUS_FAILURE);
	assert_non_null(strstr(err.text, "its VM has more"));
	assert_int_equal(vports[p.VPortId].cfg.queue_pairs, 5);
	assert_false(vports[p.VPortId].cfg.active); /* all or nothing */
	assert_string_equal(told, "queue_pairs(5) queue_pairs(1) ");
	assert_int_equal(make_vf_vport(make_vf(), 1, &v), NDIS_STATUS_SUCCESS);
	p.VPortId = v;
	p.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED;
	assert_int_equal(ndis_set(driver, OID_NIC_SWITCH_VPORT_PARAMETERS, &p, 572, NULL, &err),
			 NDIS_STATUS_INVALID_PARAMETER);
}

/* Queue n is VPort n; it moves frames from completion to freeing. */
static void vm_queue(void **state)
{
	NDIS_RECEIVE_QUEUE_PARAMETERS p = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 2, 1092 },
					    .QueueType = NdisReceiveQueueTypeVMQueue,
					    .ProcessorAffinity = { .Mask = 4 } };
	struct {
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY a;
		NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS e;
	} b = { .a = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 20 },
		       .FirstElementOffset = 20,
		       .NumElements = 1,
		       .ElementSize = 16 },
		.e = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 } } };
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS f = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 } };
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS c = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 16 } };
	struct ndis_adapter_info info;
	uint32_t q;

	(void)state;
	assert_true(vports[0].there && vports[0].cfg.active);
	assert_int_equal(method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &p, 1092, 1092), NDIS_STATUS_SUCCESS);
	memcpy(&p, buf, 1092);
	q = p.QueueId;
	assert_true(vports[q].there && !vports[q].cfg.active);
	assert_int_equal(vports[q].cfg.cpu, 2);
	assert_int_equal(set_filter(0, q, 1, 9, &c.FilterId), NDIS_STATUS_SUCCESS);
	assert_int_equal(filters[c.FilterId].vport, q);
	b.e.QueueId = q;
	assert_int_equal(method(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &b, sizeof b, sizeof b),
			 NDIS_STATUS_SUCCESS);
	assert_true(vports[q].cfg.active);
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED;
	p.ProcessorAffinity.Mask = 2;
	assert_int_equal(ndis_set(driver, OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, 1092, NULL, &err),
			 NDIS_STATUS_SUCCESS);
	assert_int_equal(vports[q].cfg.cpu, 1);
	c.QueueId = f.QueueId = q;
	assert_int_equal(ndis_set(driver, OID_RECEIVE_FILTER_CLEAR_FILTER, &c, 16, NULL, &err), NDIS_STATUS_SUCCESS);
	vports[q].busy = true;
	assert_int_equal(ndis_set(driver, OID_RECEIVE_FILTER_FREE_QUEUE, &f, 12, NULL, &err), NDIS_STATUS_NOT_ACCEPTED);
	vports[q].busy = false;
	assert_int_equal(ndis_set(driver, OID_RECEIVE_FILTER_FREE_QUEUE, &f, 12, NULL, &err), NDIS_STATUS_SUCCESS);
	assert_false(vports[q].there);
	ndis_adapter_info(adapter, &info);
	assert_int_equal(info.faults, 0);
}

static void get(NDIS_OID oid, void *caps, uint32_t len)
{
	assert_int_equal(ndis_query(driver, oid, caps, len, NULL, &err), NDIS_STATUS_SUCCESS);
}

/* What the limits and keywords say is what is registered; what is switched off stays in the hardware's. */
static void limits_are_capabilities(void **state)
{
	const uint32_t vmmq = NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED;
	NDIS_RECEIVE_FILTER_CAPABILITIES f;
	NDIS_NIC_SWITCH_CAPABILITIES sw;
	struct ndis_adapter_info i;
	struct miniport_keywords kw;
	struct softnic_limits l;

	softnic_limits_default(&l, 16);
	assert_int_equal(softnic_limits_check(&l, &err), 0);
	l.vfs = 4;
	l.vm_queues = 5;
	l.queue_pairs = 40;
	l.queue_pairs_per_vport = 4;
	l.filters = 100;
	l.mac_addresses = 50;
	l.single_vport_pool = l.asymmetric_queue_pairs = false;
	ndis_keywords_for_switch(&kw);
	kw.vmq_vlan_filtering = 0;
	start_limited(kw, &l);
	get(OID_NIC_SWITCH_CURRENT_CAPABILITIES, &sw, sizeof sw);
	assert_int_equal(sw.MaxNumVPorts, 16);
	assert_int_equal(sw.MaxNumVFs, 4);
	assert_int_equal(sw.MaxNumQueuePairs, 40);
	assert_int_equal(sw.MaxNumQueuePairsPerNonDefaultVPort, 4);
	assert_int_equal(sw.MaxNumMacAddresses, 50);
	assert_int_equal(sw.NicSwitchCapabilities &
			     (vmmq | NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL | NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED |
			      NDIS_NIC_SWITCH_CAPS_ASYMMETRIC_QUEUE_PAIRS_FOR_NONDEFAULT_VPORT_SUPPORTED),
			 0);
	get(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, &f, sizeof f);
	assert_int_equal(f.NumQueues, 0);
	assert_int_equal(f.MaxMacHeaderFilters, 100);
	assert_false(f.SupportedMacHeaderFields & NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED);
	get(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, &f, sizeof f);
	assert_int_equal(f.NumQueues, 5);
	assert_true(f.SupportedMacHeaderFields & NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED);
	assert_int_equal(stop(state), 0);
	/* VMMQ by its keyword, with the pool it needs */
	for (uint32_t on = 0; on < 2; on++) {
		ndis_keywords_for_switch(&kw);
		kw.rss_on_host_vports = on;
		start_with(kw);
		get(OID_NIC_SWITCH_CURRENT_CAPABILITIES, &sw, sizeof sw);
		assert_int_equal(sw.NicSwitchCapabilities & vmmq, on ? vmmq : 0);
		get(OID_NIC_SWITCH_HARDWARE_CAPABILITIES, &sw, sizeof sw);
		assert_int_equal(sw.NicSwitchCapabilities & vmmq, vmmq);
		assert_int_equal(stop(state), 0);
	}
	/* without SR-IOV: neutral, or VM queues only */
	kw.sriov = 0;
	for (uint32_t on = 0; on < 2; on++) {
		l.switch_without_sriov = on;
		start_limited(kw, &l);
		ndis_adapter_info(adapter, &i);
		assert_string_equal(i.now, on ? "neutral" : "VM queues");
		assert_int_equal(i.max_queues, 5);
		assert_int_equal(i.switch_possible, on);
		assert_int_equal(stop(state), 0);
	}
}

static void config_refused(void **state)
{
	struct softnic_config good, c;
	struct softnic *s;

	(void)state;
	softnic_config_default(NULL, &good);
#define REFUSE(word, change)                                                                                           \
	do {                                                                                                           \
		c = good;                                                                                              \
		change;                                                                                                \
		assert_int_equal(softnic_create(NULL, NULL, &c, &s, &err), -EINVAL);                                   \
		assert_non_null(strstr(err.text, word));                                                               \
	} while (0)
	REFUSE("vports is 1025", c.limits.vports = 1025);
	REFUSE("vports is 1;", c.limits.vports = 1);
	REFUSE("vfs is 1024", c.limits.vfs = 1024);
	REFUSE("vfs is 256; 0 to 199", c.limits.vports = 200);
	REFUSE("vm_queues is 0", c.limits.vm_queues = 0);
	REFUSE("queue_pairs is 1023", c.limits.queue_pairs = 1023);
	REFUSE("queue_pairs_per_vport is 3", c.limits.queue_pairs_per_vport = 3);
	REFUSE("filters is 65537", c.limits.filters = 65537);
	REFUSE("filters is 1022", c.limits.filters = 1022);
	REFUSE("mac_addresses is 1023", c.limits.mac_addresses = 1023);
	REFUSE("mac_addresses_per_vport is 0", c.limits.mac_addresses_per_vport = 0);
	REFUSE("vlans_per_vport is 4095", c.limits.vlans_per_vport = 4095);
	REFUSE("default_cpu", c.default_cpu = 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(switch_makes_vport_0, start, stop),
		cmocka_unit_test_setup_teardown(vport_maps, start, stop),
		cmocka_unit_test_setup_teardown(cpu_without_worker, start, stop),
		cmocka_unit_test_setup_teardown(filter_kinds, start, stop),
		cmocka_unit_test_setup_teardown(policies, start, stop),
		cmocka_unit_test_setup_teardown(tuning, start, stop),
		cmocka_unit_test_setup_teardown(rss, start, stop),
		cmocka_unit_test_setup_teardown(vf, start, stop),
		cmocka_unit_test_setup_teardown(vf_socket, start, stop),
		cmocka_unit_test_setup_teardown(vf_reset, start, stop),
		cmocka_unit_test_setup_teardown(vf_cpus, start, stop),
		cmocka_unit_test_setup_teardown(queue_pairs_change, start, stop),
		cmocka_unit_test_setup_teardown(vm_queue, start_vmq, stop),
		cmocka_unit_test(limits_are_capabilities),
		cmocka_unit_test(config_refused),
	};

	return cmocka_run_group_tests_name("softnic", tests, NULL, NULL);
}
