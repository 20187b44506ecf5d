/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An adapter's life: start, the bindings of overlying drivers, reset, and the way down in the documented order
 * (spec/30 §7). Control thread only.
 */
#include "ndis/keeper.h"

#include <errno.h>
#include <stdlib.h>

static const struct miniport_up up = {
	.complete = ndis_up_complete,
	.indicate = ndis_up_indicate,
	.invalidate_config_block = ndis_up_invalidate,
	.enable_virtualization = ndis_up_virtualization,
};

static void init_tables(struct ndis_adapter *a)
{
	ndis_map_init(&a->vport_map);
	ndis_map_init(&a->vf_map);
	ndis_map_init(&a->queue_map);
	ndis_map_init(&a->filter_map);
	ndis_map_init(&a->key_map);
	ndis_list_init(&a->vports);
	ndis_list_init(&a->vfs);
	ndis_list_init(&a->queues);
	ndis_list_init(&a->drivers);
	ndis_list_init(&a->waiting);
	ndis_list_init(&a->lost);
	target_init(&a->default_queue, NDIS_DEFAULT_RECEIVE_QUEUE_ID);
	a->self.adapter = a;
	a->self.is_ndis = true;
	a->self.name = (char *)(uintptr_t) "NDIS"; /* never freed: the binding is the adapter's own */
	ndis_list_init(&a->self.link);
}

static int init_ids(struct ndis_adapter *a)
{
	uint32_t vports = a->has_cur_switch ? a->cur_switch.MaxNumVPorts - 1 : 0;
	uint32_t queues = a->has_cur_filter ? a->cur_filter.NumQueues : 0;
	uint32_t filters = a->has_cur_filter ? a->cur_filter.MaxMacHeaderFilters : 0;

	return ndis_ids_init(&a->vport_ids, vports) || ndis_ids_init(&a->queue_ids, queues) ||
		       ndis_ids_init(&a->filter_ids, filters)
		   ? -ENOMEM
		   : 0;
}

void ndis_adapter_next_id(struct ndis_adapter *a, enum ndis_id_kind kind, uint32_t id)
{
	struct ndis_ids *const of[] = {
		[NDIS_ID_VPORT] = &a->vport_ids, [NDIS_ID_QUEUE] = &a->queue_ids, [NDIS_ID_FILTER] = &a->filter_ids
	};

	ndis_ids_seek(of[kind], id);
}

static void adapter_free(struct ndis_adapter *a)
{
	ndis_map_fini(&a->vport_map);
	ndis_map_fini(&a->vf_map);
	ndis_map_fini(&a->queue_map);
	ndis_map_fini(&a->filter_map);
	ndis_map_fini(&a->key_map);
	ndis_ids_fini(&a->vport_ids);
	ndis_ids_fini(&a->queue_ids);
	ndis_ids_fini(&a->filter_ids);
	free(a);
}

int ndis_adapter_create(const struct miniport_ops *ops, void *ctx, const struct ndis_adapter_config *cfg,
			struct ndis_adapter **out, struct vmq_err *err)
{
	static LONG luids; /* a LUID is unique in its process; made on the control thread */
	struct miniport_attributes at = { 0 };
	struct miniport_init init = { .up = &up };
	NDIS_IF_COUNTED_STRING name;
	struct ndis_adapter *a;
	int rc;

	if (!ndis_string_set(&name, cfg->switch_name ? cfg->switch_name : "Default Switch"))
		return vmq_err(err, -EINVAL, "switch name: not UTF-8, or longer than %d UTF-16 units",
			       NDIS_IF_MAX_STRING_SIZE);
	a = calloc(1, sizeof *a);
	if (!a)
		return vmq_err(err, -ENOMEM, "out of memory");
	init_tables(a);
	a->ops = ops;
	a->ctx = ctx;
	a->cfg = *cfg;
	a->keywords = cfg->keywords;
	a->cfg.switch_name = NULL; /* the caller's; kept as what it is to the contract */
	a->switch_name = name;
	a->mode = ndis_mode_choose(&a->keywords, &a->mode_reason);
	a->pf_luid.HighPart = 0;
	a->pf_luid.LowPart = (ULONG)++luids;
	init.adapter = a;
	init.keywords = &a->keywords;
	init.mode = a->mode;
	rc = ops->initialize(ctx, &init, &at, err);
	if (rc) {
		adapter_free(a);
		return rc;
	}
	rc = ndis_register(a, &at, err);
	if (!rc) {
		rc = init_ids(a);
		if (rc)
			(void)vmq_err(err, rc, "out of memory");
	}
	if (!rc && cfg->switch_without_iov && !a->has_cur_switch)
		rc = vmq_err(err, -EINVAL, "a NIC switch is wanted and cannot be: %s%s", a->mode_reason,
			     a->mode == MINIPORT_MODE_VMQ ? ", and the adapter has no switch without SR-IOV" : "");
	if (!rc && a->has_cur_switch && (a->mode == MINIPORT_MODE_SRIOV || cfg->switch_without_iov) &&
	    ndis_switch_create(a, err) != NDIS_STATUS_SUCCESS) {
		vmq_err_prefix(err, "CREATE_SWITCH: ");
		rc = -EIO;
	}
	if (rc) {
		ndis_abort_requests(a, NDIS_STATUS_ADAPTER_REMOVED, true);
		ops->halt(ctx);
		ndis_forget_lost(a);
		adapter_free(a);
		return rc;
	}
	*out = a;
	return 0;
}

NDIS_STATUS ndis_switch_create(struct ndis_adapter *a, struct vmq_err *err)
{
	NDIS_NIC_SWITCH_PARAMETERS p = { 0 };

	ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_PARAMETERS_REVISION_2,
		    NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_2);
	p.SwitchType = NdisNicSwitchTypeExternal;
	p.SwitchId = NDIS_DEFAULT_SWITCH_ID;
	p.SwitchFriendlyName = a->switch_name;
	/* *NumVFs is an upper bound (spec/60 §1) */
	if (a->has_cur_sriov)
		p.NumVFs = a->keywords.num_vfs < a->cur_switch.MaxNumVFs ? a->keywords.num_vfs : a->cur_switch.MaxNumVFs;
	p.NumQueuePairsForDefaultVPort = a->cfg.num_queue_pairs_default ? a->cfg.num_queue_pairs_default : 1;
	return ndis_self_request(a, NdisRequestMethod, OID_NIC_SWITCH_CREATE_SWITCH, &p, sizeof p, err);
}

NDIS_STATUS ndis_switch_delete(struct ndis_adapter *a, struct vmq_err *err)
{
	NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS p = { 0 };

	ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS_REVISION_1, sizeof p);
	return ndis_self_request(a, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_SWITCH, &p, sizeof p, err);
}

/* ---- the way down. What the driver will not let go is taken out here all the same. ---- */

static void clear_filters(struct ndis_adapter *a, struct ndis_target *t, uint32_t queue_id)
{
	while (!ndis_list_empty(&t->filters)) {
		struct ndis_filter *f = ndis_container(t->filters.next, struct ndis_filter, on_target);
		NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = { .QueueId = queue_id, .FilterId = f->id };

		ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1,
			    sizeof p);
		if (ndis_self_request(a, NdisRequestSetInformation, OID_RECEIVE_FILTER_CLEAR_FILTER, &p, sizeof p,
				      NULL) != NDIS_STATUS_SUCCESS)
			filter_remove(a, f);
	}
}

static void delete_vports(struct ndis_adapter *a)
{
	ndis_list_each_safe (l, &a->vports) {
		struct ndis_vport *v = ndis_container(l, struct ndis_vport, link);
		NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS p = { .VPortId = v->p.VPortId };

		if (v->p.VPortId == NDIS_DEFAULT_VPORT_ID)
			continue;
		ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1,
			    sizeof p);
		if (ndis_self_request(a, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, &p, sizeof p, NULL) !=
		    NDIS_STATUS_SUCCESS)
			vport_remove(a, v);
	}
}

static void free_queues(struct ndis_adapter *a)
{
	ndis_list_each_safe (l, &a->queues) {
		struct ndis_queue *q = ndis_container(l, struct ndis_queue, link);
		NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p = { .QueueId = q->p.QueueId };

		ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1,
			    sizeof p);
		if (ndis_self_request(a, NdisRequestSetInformation, OID_RECEIVE_FILTER_FREE_QUEUE, &p, sizeof p,
				      NULL) != NDIS_STATUS_SUCCESS)
			queue_remove(a, q);
	}
}

static void free_vfs(struct ndis_adapter *a)
{
	ndis_list_each_safe (l, &a->vfs) {
		struct ndis_vf *vf = ndis_container(l, struct ndis_vf, link);
		NDIS_NIC_SWITCH_FREE_VF_PARAMETERS p = { .VFId = vf->p.VFId };

		ndis_header(&p.Header, NDIS_OBJECT_TYPE_DEFAULT, NDIS_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1,
			    NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1);
		if (ndis_self_request(a, NdisRequestSetInformation, OID_NIC_SWITCH_FREE_VF, &p, sizeof p, NULL) !=
		    NDIS_STATUS_SUCCESS)
			vf_remove(a, vf);
	}
}

void ndis_adapter_destroy(struct ndis_adapter *a)
{
	if (!a)
		return;
	a->resetting = false;
	ndis_flush(a);
	ndis_abort_requests(a, NDIS_STATUS_ADAPTER_REMOVED, true);
	ndis_list_each (l, &a->vports)
		clear_filters(a, &ndis_container(l, struct ndis_vport, link)->target, NDIS_DEFAULT_RECEIVE_QUEUE_ID);
	ndis_list_each (l, &a->queues) {
		struct ndis_queue *q = ndis_container(l, struct ndis_queue, link);

		clear_filters(a, &q->target, q->target.id);
	}
	clear_filters(a, &a->default_queue, NDIS_DEFAULT_RECEIVE_QUEUE_ID);
	delete_vports(a);
	free_queues(a);
	free_vfs(a);
	if (a->switch_present && ndis_switch_delete(a, NULL) != NDIS_STATUS_SUCCESS)
		vport_remove(a, vport_find(a, NDIS_DEFAULT_VPORT_ID));
	a->ops->halt(a->ctx);
	ndis_abort_requests(a, NDIS_STATUS_ADAPTER_REMOVED, true);
	ndis_forget_lost(a);
	ndis_list_each_safe (l, &a->drivers) {
		struct ndis_driver *d = ndis_container(l, struct ndis_driver, link);

		free(d->name);
		free(d);
	}
	adapter_free(a);
}

int ndis_adapter_reset(struct ndis_adapter *a, struct vmq_err *err)
{
	int rc = 0;

	a->resetting = true;
	ndis_abort_requests(a, NDIS_STATUS_REQUEST_ABORTED, false);
	if (a->ops->reset)
		rc = a->ops->reset(a->ctx, err);
	if (a->pending) {
		ndis_fault(a, "the adapter's driver %s still holds a request after its reset", a->ops->name);
		ndis_abort_requests(a, NDIS_STATUS_REQUEST_ABORTED, true);
	}
	a->resetting = false;
	return rc;
}

/* ---- overlying drivers ---- */

struct ndis_driver *ndis_driver_open(struct ndis_adapter *a, const struct ndis_driver_config *cfg)
{
	struct ndis_driver *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->name = strdup(cfg->name ? cfg->name : "a driver");
	if (!d->name) {
		free(d);
		return NULL;
	}
	d->cfg = *cfg;
	d->cfg.name = d->name;
	d->adapter = a;
	d->is_ndis = cfg->ndis_role;
	ndis_list_append(&a->drivers, &d->link);
	return d;
}

int ndis_driver_close(struct ndis_driver *d, struct vmq_err *err)
{
	if (d->pending || d->filters || d->vports || d->queues || d->vfs)
		return vmq_err(
		    err, -EBUSY,
		    "%s still has %u filters, %u VPorts, %u queues, %u VFs and %u requests under way; they go first",
		    d->name, d->filters, d->vports, d->queues, d->vfs, d->pending);
	ndis_list_remove(&d->link);
	free(d->name);
	free(d);
	return 0;
}

/* ---- what can be seen ---- */

void ndis_adapter_info(const struct ndis_adapter *a, struct ndis_adapter_info *out)
{
	memset(out, 0, sizeof *out);
	out->mode = a->mode;
	out->mode_reason = a->mode_reason;
	out->now = a->switch_present		     ? "switch"
		   : a->num_queues || a->num_filters ? "VM queues"
		   : a->mode == MINIPORT_MODE_VMQ    ? (a->has_cur_switch ? "neutral" : "VM queues")
		   : a->mode == MINIPORT_MODE_RSS    ? "RSS"
						     : "off";
	out->switch_present = a->switch_present;
	out->switch_possible = a->has_cur_switch;
	out->num_vports = a->num_vports;
	out->max_vports = a->has_cur_switch ? a->cur_switch.MaxNumVPorts : 0;
	out->num_queues = a->num_queues;
	out->num_filters = a->num_filters;
	out->num_unicast_filters = a->num_unicast;
	if (a->has_cur_filter) {
		out->max_queues = a->cur_filter.NumQueues;
		out->max_filters = a->cur_filter.MaxMacHeaderFilters;
	}
	if (a->has_cur_switch) {
		out->max_unicast_filters = a->cur_switch.MaxNumMacAddresses;
		out->max_queue_pairs = a->cur_switch.MaxNumQueuePairs;
	}
	out->num_queue_pairs = a->num_queue_pairs;
	out->num_vfs = a->num_vfs;
	out->max_vfs = a->switch_p.NumVFs;
	out->faults = a->faults;
	out->last_fault = a->last_fault;
}
