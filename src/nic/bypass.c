/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VPort without a queue of its own: what comes for it takes the way it would take without VMQ. It is copied into a
 * buffer of the host's, goes to the CPU of the default queue, is looked up there once more, as a software switch would,
 * and is handed on from there to the CPU that has the VM's rings, which copies it a second time. For comparing, on the
 * running system, what the VM's own queue is worth; counted as bypass_frames.
 *
 * While a VPort is bypassed its rings stand in nic_vport.bypassed and not in nic_vport.queue, so that for the others
 * the look at `queue` is all there is. A sender's frames keep their order when it is switched on or off (route).
 *
 * Worker, but for nic_vport_set_bypass, which is control's.
 */
#include <errno.h>

#include "nic/classify.h"
#include "nic/tap.h"

struct nic_queue *bypass_receiver(const struct nic_vport *v, const struct frame *f)
{
	const struct nic_rss *rss = __atomic_load_n(&v->rss, __ATOMIC_ACQUIRE);
	struct nic_queue *q = receiver(v, f);

	if (!q && rss)
		q = __atomic_load_n(&v->bypassed[rss_queue(rss, f)], __ATOMIC_ACQUIRE);
	return q ? q : __atomic_load_n(&v->bypassed[0], __ATOMIC_ACQUIRE);
}

struct worker *bypass_worker(const struct nic *n, struct worker *otherwise)
{
	const struct nic_vport *v = vport_of(n, 0);

	return v ? __atomic_load_n(&v->home, __ATOMIC_ACQUIRE) : otherwise;
}

void bypass_passes(struct worker *w, struct frame_ref *r)
{
	const struct nic *n = frame_nic(&r->f);
	struct verdict verdict = classify(n, __atomic_load_n(&n->filters, __ATOMIC_ACQUIRE), &r->f);
	struct nic_vport *v;

	if (verdict.kind == VERDICT_ONE) /* another VPort's, when its filter moved meanwhile */
		r->f.dst = (uint16_t)verdict.vport;
	v = vport_of(n, r->f.dst);
	if (v)
		count(&vport_counters(v, w)->c.bypass_frames, 1);
	if (tapped(w))
		tap_bypassed(w, &r->f);
}

void bypass_release(struct worker *w)
{
	while (w->copies) {
		struct frame_ref *r = w->copies;

		w->copies = r->next;
		handover_copy_done(w, r);
	}
}

static void store_queue(struct nic_queue **at, struct nic_queue *q)
{
	__atomic_store_n(at, q, __ATOMIC_RELEASE);
}

void bypass_publish(struct nic_vport *v, unsigned qp, struct nic_queue *q)
{
	store_queue(&v->bypassed[qp], is_set(&v->bypass) ? q : NULL);
	store_queue(&v->queue[qp], is_set(&v->bypass) ? NULL : q);
}

int nic_vport_set_bypass(struct nic *n, uint32_t id, bool on, struct vmq_err *err)
{
	struct nic_vport *v = vport_of(n, id);

	if (!v)
		return vmq_err(err, -ENOENT, "VPortId: there is no VPort %u", id);
	if (id == 0)
		return vmq_err(err, -EINVAL,
			       "bypass: the default VPort's queue is the one that others' frames would go through");
	if (v->bypass == on)
		return 0;
	/* on: who finds no ring finds the bypass; off: who finds no bypass finds the ring */
	if (on)
		__atomic_store_n(&v->bypass, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < NIC_MAX_QUEUE_PAIRS; i++) {
		struct nic_queue *q = on ? v->queue[i] : v->bypassed[i];

		if (on)
			store_queue(&v->bypassed[i], q);
		store_queue(&v->queue[i], on ? NULL : q);
	}
	if (on)
		return 0;
	__atomic_store_n(&v->bypass, false, __ATOMIC_RELEASE);
	(void)nic_quiesce(n->engine); /* the frames under way find `queue` again, whether or not it is seen in time */
	for (unsigned i = 0; i < NIC_MAX_QUEUE_PAIRS; i++)
		store_queue(&v->bypassed[i], NULL);
	return 0;
}

bool nic_vport_bypassed(const struct nic *n, uint32_t id)
{
	const struct nic_vport *v = vport_of(n, id);

	return v && v->bypass;
}
