/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stress, and resets under it: VPorts and filters made, moved and removed at random, many thousand times, against a
 * model that knows what must stand; with resets of the adapter between and in the middle of requests that the driver
 * pends.
 */
#include "contract.h"

#define VPORTS	12u
#define FILTERS 48u

struct model {
	uint32_t vport[VPORTS]; /* ids; 0: none */
	struct {
		uint32_t id, at; /* at: index into vport */
		unsigned mac;
	} filter[FILTERS];
	uint64_t x;
};

static unsigned dice(struct model *m, unsigned n)
{
	m->x ^= m->x << 13;
	m->x ^= m->x >> 7;
	m->x ^= m->x << 17;
	return (unsigned)(m->x >> 33) % n;
}

static unsigned filters_at(const struct model *m, unsigned vport)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FILTERS; i++)
		n += m->filter[i].id && m->filter[i].at == vport;
	return n;
}

static void change_vport(struct fix *f, struct model *m)
{
	unsigned v = dice(m, VPORTS);
	NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = delete_params(m->vport[v]);
	bool free_of_filters = filters_at(m, v) == 0;

	if (!m->vport[v]) {
		m->vport[v] = make_vport(f);
		return;
	}
	assert_status(f, set(f, f->d, OID_NIC_SWITCH_DELETE_VPORT, &p, sizeof p),
		      free_of_filters ? NDIS_STATUS_SUCCESS : NDIS_STATUS_INVALID_PARAMETER);
	if (free_of_filters)
		m->vport[v] = 0;
}

static void change_filter(struct fix *f, struct model *m)
{
	unsigned i = dice(m, FILTERS), v = dice(m, VPORTS);

	if (!m->filter[i].id) {
		if (!m->vport[v])
			return;
		m->filter[i].id = make_filter(f, m->vport[v], 0, mac(i + 1), dice(m, 2) ? 100 : 0);
		m->filter[i].at = v;
	} else if (dice(m, 2) && m->vport[v] && v != m->filter[i].at) {
		NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS p =
		    move_params(m->filter[i].id, m->vport[m->filter[i].at], m->vport[v]);

		assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p), NDIS_STATUS_SUCCESS);
		m->filter[i].at = v;
		/* where it was it is no more */
		assert_status(f, set(f, f->d, OID_RECEIVE_FILTER_MOVE_FILTER, &p, sizeof p), NDIS_STATUS_INVALID_PARAMETER);
	} else {
		clear_filter(f, 0, m->filter[i].id);
		m->filter[i].id = 0;
	}
}

static void check(struct fix *f, const struct model *m)
{
	unsigned vports = 1, filters = 0;

	for (unsigned v = 0; v < VPORTS; v++) {
		if (!m->vport[v])
			continue;
		vports++;
		filters += filters_at(m, v);
		assert_int_equal(count_filters(f, m->vport[v], 0), filters_at(m, v));
		assert_int_equal(vport_info(f, m->vport[v]).NumFilters, filters_at(m, v));
	}
	assert_int_equal(info(f).num_vports, vports);
	assert_int_equal(info(f).num_filters, filters);
}

static void step(struct fix *f, struct model *m)
{
	if (dice(m, 4) == 0)
		change_vport(f, m);
	else
		change_filter(f, m);
}

static void at_random(struct fix *f)
{
	struct model m = { .x = 88172645463325252ull };
	unsigned steps = remote ? 1000 : 20000;

	start_sriov(f);
	for (unsigned i = 0; i < steps; i++) {
		step(f, &m);
		if (i % 100 == 0)
			check(f, &m);
	}
	check(f, &m);
}

/* The driver pends every request; each reset takes what is under way, and nothing else is lost or left half done. */
static void resets_between(struct fix *f)
{
	struct model m = { .x = 1181783497276652981ull };
	unsigned aborted = 0;

	start_sriov(f);
	for (unsigned i = 0; i < 5000; i++) {
		f->m.pend = dice(&m, 2);
		step(f, &m);
		f->m.pend = false;
		if (dice(&m, 50))
			continue;
		/* what is asked for while it is reset comes to nothing, completely */
		for (unsigned k = 0; k < 3; k++) {
			NDIS_NIC_SWITCH_VPORT_PARAMETERS p = vport_params();
			NDIS_OID_REQUEST req;

			f->m.pend = true;
			assert_int_equal(post(f, &req, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &p, 572), NDIS_STATUS_PENDING);
			assert_int_equal(ndis_adapter_reset(f->a, &f->err), 0);
			assert_int_equal(f->completions, ++aborted);
			assert_int_equal(f->completed_with, NDIS_STATUS_REQUEST_ABORTED);
			f->m.pend = false;
		}
		check(f, &m);
	}
	assert_true(aborted > 100);
	check(f, &m);
	assert_int_equal(info(f).faults, 0);
}

const struct contract_case stress_cases[] = {
	{ "stress_vports_and_filters_at_random", at_random },
	{ "reset_under_traffic_of_requests", resets_between },
};
const size_t stress_count = sizeof stress_cases / sizeof stress_cases[0];
