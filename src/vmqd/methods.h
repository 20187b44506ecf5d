/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The methods of the control socket (docs/rpc.md), one file a noun. The context of each is the daemon. Control thread.
 */
#ifndef VMQ_VMQD_METHODS_H
#define VMQ_VMQD_METHODS_H

#include "vmqd/daemon.h"
#include "vmqd/json_text.h"
#include "vmqd/params.h"
#include "vmqd/rpc.h"

extern const struct rpc_method methods[];

/* ALONE: as rpc.h has it. */
#define METHODS(X, ALONE)                                                                                             \
	X("version", method_version)                                                                                  \
	X("drain", method_drain)                                                                                      \
	X("daemon.show", method_daemon_show)                                                                          \
	X("vport.add", method_vport_add)                                                                              \
	X("vport.set", method_vport_set)                                                                              \
	X("vport.del", method_vport_del)                                                                              \
	X("vport.show", method_vport_show)                                                                            \
	X("filter.add", method_filter_add)                                                                            \
	X("filter.del", method_filter_del)                                                                            \
	X("filter.move", method_filter_move)                                                                          \
	X("filter.show", method_filter_show)                                                                          \
	X("vf.show", method_vf_show)                                                                                  \
	X("queue.show", method_queue_show)                                                                            \
	X("switch.add", method_switch_add)                                                                            \
	X("switch.del", method_switch_del)                                                                            \
	X("switch.show", method_switch_show)                                                                          \
	X("stats.show", method_stats_show)                                                                            \
	X("worker.show", method_worker_show)                                                                          \
	X("worker.set", method_worker_set)                                                                            \
	X("explain", method_explain)                                                                                  \
	X("capture.start", method_capture_start)                                                                      \
	X("capture.stop", method_capture_stop)                                                                        \
	X("trace.start", method_trace_start)                                                                          \
	X("bypass.hold", method_bypass_hold)                                                                          \
	X("monitor.start", method_monitor_start)                                                                      \
	X("oid.request", method_oid_request)                                                                          \
	X("cpu.plan.show", method_cpu_plan_show)                                                                      \
	X("cpu.plan.check", method_cpu_plan_check)                                                                    \
	X("cpu.plan.apply", method_cpu_plan_apply)                                                                    \
	X("cpu.auto.show", method_cpu_auto_show)                                                                      \
	X("cpu.auto.set", method_cpu_auto_set)                                                                        \
	X("cpu.auto.once", method_cpu_auto_once)                                                                      \
	X("cpu.auto.undo", method_cpu_auto_undo)                                                                      \
	X("config.show", method_config_show)                                                                          \
	X("config.diff", method_config_diff)                                                                          \
	ALONE("config.apply", method_config_apply)                                                                    \
	X("migrate.export", method_migrate_export)                                                                    \
	X("migrate.check", method_migrate_check)                                                                      \
	X("migrate.import", method_migrate_import)

#define X(name, fn)                                                                                                   \
	int fn(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e);
METHODS(X, X)
#undef X

/* ---- methods_select.c: which adapters and VPorts a request is about ---- */

/* Takes `adapter`: the one named, the only one there is, or an error. */
struct adapter *select_adapter(struct daemon *d, struct params *p, struct stack_error *e);
/* Takes a VPort's name under `key` (required) and `adapter`. */
struct stack_vport *select_vport(struct daemon *d, struct params *p, const char *key, struct stack_error *e);

/* What a `show` is about: all of it, one adapter's, or one VPort's. */
struct selection {
	struct adapter *adapter; /* NULL: all */
	bool one;                /* only VPort `id` of `adapter` */
	uint32_t id;
};
/* Takes `adapter`? and, unless `key` is NULL, a VPort's name under it, and closes the parameters. */
int select_shown(struct daemon *d, struct params *p, const char *key, struct selection *out, struct stack_error *e);
bool selection_has(const struct selection *s, const struct adapter *a);

/* An adapter's VPorts and filters, read once for one request. free with snapshot_free. */
struct snapshot {
	struct stack_vport_info *vports;
	size_t nvports;
	struct stack_filter_info *filters; /* by VPort, then id */
	size_t nfilters;
	uint32_t macs_max; /* so many of a VPort's addresses are written */
};
int snapshot_take(struct adapter *a, const struct selection *s, struct snapshot *out, struct stack_error *e);
void snapshot_free(struct snapshot *s);
/* The first filter of VPort `id`, and how many it has. */
const struct stack_filter_info *snapshot_filters(const struct snapshot *s, uint32_t id, size_t *n);

/*
 * A `show` whose answer is one list: takes the parameters like select_shown, has `show` write the elements of each
 * adapter meant, each after json_text_element(), and makes {LIST: […]} of it. `snapshot` is what snapshot_take() gives.
 * `macs`: whether it shows addresses, so that `macs_max` is known.
 */
typedef int show_fn(struct adapter *a, const struct snapshot *s, struct json_text *t, struct stack_error *e);
int show_list(struct daemon *d, struct params *p, const char *key, const char *list, bool macs, show_fn *show,
	      json_t **result, struct stack_error *e);
/* The comma between two. */
void json_text_element(struct json_text *t);

/* ---- descriptions ---- */

/* One VPort as vport.add, vport.set and migrate.import answer it. */
int vport_answer(struct stack_vport *v, json_t **result, struct stack_error *e);
/* What the contract has behind a VPort: "VPort", "VM queue" or "default queue". */
const char *object_name(const struct stack_vport_info *i);
/* Writes [{mac, vlan, id}] of a VPort's filters, without the broadcast filters others brought. */
void macs_text(struct json_text *t, const struct snapshot *s, const struct stack_filter_info *f, size_t n);
/* Writes a filter's `"mac":…,"vlan":…`. */
void mac_vlan_text(struct json_text *t, const struct stack_filter_info *f);
/* All workers, as worker.show and stats.show have them. */
json_t *workers_json(const struct daemon *d);
/* Every drop reason with its sentence: [{"drop", "reason"}…]. */
json_t *drops_json(void);
/* The name of VPort `id`; one that was made by raw requests is not the stack's and has none here. */
const char *vport_name_of(const struct adapter *a, uint32_t id);

#endif
