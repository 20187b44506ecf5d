/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an adapter's driver sends up, as a monitor of the control socket gets it: every indication of spec/10 §8 made
 * by the test driver below the real keeper, through vmqd/events.c, with its exact bytes; a bad one reaches nobody.
 */
#include "contract.h"

#include <jansson.h>

#include "base/hex.h"
#include "vmqd/daemon.h"
#include "vmqd/events.h"

static json_t *last; /* the event that was sent */
static unsigned sent;
static bool listening;

/* ---- the neighbours ---- */

void server_event(struct server *s, json_t *params)
{
	(void)s;
	json_decref(last);
	last = params;
	sent++;
}

bool server_has_subscribers(const struct server *s)
{
	(void)s;
	return listening;
}

/* ---- an adapter of the daemon's over the test driver ---- */

struct world {
	struct fix f;
	struct config_adapter cfg;
	struct daemon daemon;
	struct adapter adapter;
};

static struct world *begin(void (*start)(struct fix *f))
{
	struct world *w = calloc(1, sizeof *w);
	struct ndis_driver_config raw = {
		.name = "control socket", .indicate = events_indication, .invalidated = events_invalidated
	};

	assert_non_null(w);
	start(&w->f);
	(void)snprintf(w->cfg.name, sizeof w->cfg.name, "ext0");
	w->daemon.server = (struct server *)w; /* never looked into here */
	w->adapter = (struct adapter){ .daemon = &w->daemon, .cfg = &w->cfg, .ndis = w->f.a };
	raw.ctx = &w->adapter;
	assert_non_null(ndis_driver_open(w->f.a, &raw));
	listening = true;
	sent = 0;
	return w;
}

static void finish(struct world *w)
{
	ndis_adapter_destroy(w->f.a);
	free(w);
	json_decref(last);
	last = NULL;
}

/* The last event is this indication with these bytes. */
static void assert_told(NDIS_STATUS code, const void *buf, uint32_t len)
{
	char *hex = hex_encode(buf, len);

	assert_non_null(last);
	assert_string_equal(json_string_value(json_object_get(last, "event")), "status_indication");
	assert_string_equal(json_string_value(json_object_get(last, "adapter")), "ext0");
	assert_true(json_is_number(json_object_get(last, "time")));
	assert_int_equal(json_integer_value(json_object_get(last, "status")), (uint32_t)code);
	assert_string_equal(json_string_value(json_object_get(last, "status_name")), ndis_status_name(code));
	assert_string_equal(json_string_value(json_object_get(last, "buffer")), hex);
	free(hex);
}

static void receive_queue_state(void **state)
{
	struct world *w = begin(start_vmq);
	NDIS_RECEIVE_QUEUE_STATE s = { .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof s },
				       .QueueState = NdisReceiveQueueOperationalStateRunning };

	(void)state;
	s.QueueId = make_queue(&w->f);
	w->f.m.up->indicate(w->f.a, NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, sizeof s);
	assert_told(NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, sizeof s);
	/* the one that must come: FREE_QUEUE stops DMA */
	s.QueueState = NdisReceiveQueueOperationalStateDmaStopped;
	assert_status(&w->f, set(&w->f, w->f.d, OID_RECEIVE_FILTER_FREE_QUEUE,
				 &(NDIS_RECEIVE_QUEUE_FREE_PARAMETERS){ .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, 12 },
									.QueueId = s.QueueId }, 12), NDIS_STATUS_SUCCESS);
	assert_told(NDIS_STATUS_RECEIVE_QUEUE_STATE, &s, sizeof s);
	assert_int_equal(sent, 2);
	finish(w);
}

static void queue_parameters(void **state)
{
	struct world *w = begin(start_vmq);
	NDIS_RECEIVE_QUEUE_PARAMETERS p = queue_params();

	(void)state;
	p.QueueId = make_queue(&w->f);
	p.Header.Revision = 2;
	p.Header.Size = NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2;
	p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED;
	p.InterruptCoalescingDomainId = 77;
	w->f.m.up->indicate(w->f.a, NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, p.Header.Size);
	assert_told(NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, &p, p.Header.Size);
	finish(w);
}

static void capabilities(void **state)
{
	struct world *w = begin(start_sriov);
	NDIS_RECEIVE_FILTER_CAPABILITIES c;
	NDIS_NIC_SWITCH_CAPABILITIES s;

	(void)state;
	assert_status(&w->f, query(&w->f, w->f.d, OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, sizeof c), NDIS_STATUS_SUCCESS);
	memcpy(&c, w->f.buf, sizeof c);
	assert_status(&w->f, query(&w->f, w->f.d, OID_NIC_SWITCH_CURRENT_CAPABILITIES, sizeof s), NDIS_STATUS_SUCCESS);
	memcpy(&s, w->f.buf, sizeof s);
	w->f.m.up->indicate(w->f.a, NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	assert_told(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, &c, sizeof c);
	w->f.m.up->indicate(w->f.a, NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, &c, sizeof c);
	assert_told(NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, &c, sizeof c);
	s.MaxNumVPorts--;
	w->f.m.up->indicate(w->f.a, NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, &s, sizeof s);
	assert_told(NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, &s, sizeof s);
	w->f.m.up->indicate(w->f.a, NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES, &s, sizeof s);
	assert_told(NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES, &s, sizeof s);
	assert_int_equal(sent, 4);
	/* limits below what exists */
	s.MaxNumVPorts = 0;
	w->f.m.up->indicate(w->f.a, NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, &s, sizeof s);
	w->f.m.up->indicate(w->f.a, NDIS_STATUS_VF_CONFIG_STATE, &s, sizeof s);
	w->f.m.up->indicate(w->f.a, NDIS_STATUS_RECEIVE_FILTER_QUEUE_STATE_CHANGE, &s, sizeof s);
	assert_int_equal(sent, 4);
	assert_int_equal(info(&w->f).faults, 3);
	finish(w);
}

static void invalidated_blocks(void **state)
{
	struct world *w = begin(start_sriov);
	uint32_t vf = make_vf(&w->f);

	(void)state;
	listening = false;
	assert_int_equal(w->f.m.up->invalidate_config_block(w->f.a, (NDIS_SRIOV_FUNCTION_ID)vf, 1), NDIS_STATUS_SUCCESS);
	assert_int_equal(sent, 0);
	listening = true;
	assert_int_equal(w->f.m.up->invalidate_config_block(w->f.a, (NDIS_SRIOV_FUNCTION_ID)vf, 1ull << 63),
			 NDIS_STATUS_SUCCESS);
	assert_string_equal(json_string_value(json_object_get(last, "event")), "vf_config_invalidated");
	assert_int_equal(json_integer_value(json_object_get(last, "vf")), vf);
	assert_string_equal(json_string_value(json_object_get(last, "block_mask")), "0x8000000000000001");
	assert_int_equal(json_integer_value(json_object_get(last, "oid")), OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK);
	assert_string_equal(json_string_value(json_object_get(last, "buffer")), "80011000000000000100000000000080");
	/* told once */
	assert_int_equal(w->f.m.up->invalidate_config_block(w->f.a, (NDIS_SRIOV_FUNCTION_ID)vf, 2), NDIS_STATUS_SUCCESS);
	assert_string_equal(json_string_value(json_object_get(last, "block_mask")), "0x2");
	assert_int_equal(w->f.m.up->invalidate_config_block(w->f.a, 999, 2), NDIS_STATUS_INVALID_PARAMETER);
	assert_int_equal(sent, 2);
	finish(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receive_queue_state),
		cmocka_unit_test(queue_parameters),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(invalidated_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
