/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any lines to the control socket, on the real sources of src/vmqd's methods, the stack, the contract's keeper, the
 * software adapter's driver and its data path; only threads, sockets and devices are missing. Each answer is one line
 * of JSON-RPC, an error has a code and a sentence, and afterwards everything can be taken apart.
 *
 * The input: lines.
 */
#include <string.h>

#include "engine_stub.h"
#include "base/log.h"
#include "vmqd/lately.h"
#include "vmqd/methods.h"
#include "vmqd/server.h"
#include "vmqd/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VPORTS_MAX 64 /* an input that adds more tells nothing new */

static struct stub_port wire, host;

/* ---- the neighbours that are not there ---- */

void server_subscribe(struct rpc_client *c)
{
	MUST(c != NULL);
}

bool server_hold(struct rpc_client *c, void (*end)(void *arg), void *arg)
{
	MUST(c && end && arg);
	return false; /* an input has no connection that things could end with */
}

bool server_release(struct rpc_client *c, void (*end)(void *arg), bool (*is)(const void *arg, const void *what), const void *what)
{
	(void)is, (void)what;
	MUST(c && end);
	return false;
}

int server_attach(struct rpc_client *c, int fd)
{
	MUST(c && fd >= 0);
	return 0;
}

bool server_has_subscribers(const struct server *s)
{
	return s != NULL;
}

void server_event(struct server *s, json_t *params)
{
	MUST(s && json_is_object(params));
	json_decref(params);
}

const char *state_origin(const struct stack_vport *v)
{
	MUST(v != NULL);
	return "runtime";
}

int state_commit(void *ctx, struct stack_error *e)
{
	MUST(ctx && e);
	return 0;
}

int state_settings(struct daemon *d, struct stack_error *e)
{
	MUST(d && e);
	return 0;
}

unsigned state_undo(struct daemon *d)
{
	MUST(d != NULL);
	return 0;
}

void state_propose(struct daemon *d, struct config *c)
{
	MUST(d && c);
	config_free(c);
}

const struct link_state *link_watch_state(const struct link_watch *w)
{
	static const struct link_state up = { .present = true, .up = true, .mtu = 1500 };

	MUST(w == NULL);
	return &up;
}

static unsigned endpoints;

static int open_endpoint(void *ctx, struct stack_vport *v, struct stack_error *e)
{
	(void)ctx, (void)v;
	if (endpoints == VPORTS_MAX)
		return stack_fail(e, STACK_FAILED, "socket", "that is enough");
	endpoints++;
	return 0;
}

static void close_endpoint(void *ctx, struct stack_vport *v)
{
	(void)ctx, (void)v;
	MUST(endpoints > 0);
	endpoints--;
}

static void event(void *ctx, const char *name, struct stack_vport *v, const struct stack_filter_info *f)
{
	(void)ctx, (void)v, (void)f;
	MUST(name[0]);
}

/* ---- a daemon ---- */

static const struct stack_ops ops = { .open_endpoint = open_endpoint,
				      .close_endpoint = close_endpoint,
				      .event = event };
static struct config_adapter config_adapter = { .name = "a",
						.switch_name = "s",
						.port.device = "eth1",
						.host.device = "vmq0",
						.host_wish.want = { .name = "default", .queue_pairs = 1, .moderation = 1 } };
static char file[] = "f";
/* What the seeds of config.apply say again, so that they need no restart. */
static struct config config = { .file = file,
				.path = file,
				.socket = "/run/x/c",
				.socket_mode = 0660,
				.socket_group_name = "root",
				.run_dir = "/run/x",
				.vport_socket_mode = 0660,
				.vport_socket_group_name = "root",
				.cpu_auto = true,
				.cpus = { 0, 1 },
				.ncpus = 2,
				.adapters = &config_adapter,
				.nadapters = 1 };

/* `queues`: of VM queues, neutral at first; else with a NIC switch. */
static void make(struct daemon *d, struct adapter *a, bool queues)
{
	struct stack_config sc = { .cpus = config.cpus, .ncpus = 2, .ops = &ops, .ctx = d };
	struct ndis_adapter_config nc = { .switch_name = "s" };
	struct ndis_driver_config raw = { .name = "control socket" };
	struct nic_config cfg = { .name = "a" };
	struct softnic_config soft = { 0 };
	struct vmq_err err = { "" };
	struct stack_error e;

	*d = (struct daemon){ .cfg = &config, .declared = &config, .engine = stub_engine(), .adapters = a, .nadapters = 1 };
	*a = (struct adapter){ .daemon = d, .cfg = &config_adapter, .wire = &wire.port, .host = &host.port, .lately = lately_create() };
	MUST(a->lately);
	lately_time(a->lately, 1);
	MUST(stack_create(&sc, &d->stack, &e) == 0);
	MUST(nic_create(d->engine, &cfg, &a->nic, &err) == 0);
	softnic_config_default(d->engine, &soft);
	softnic_limits_default(&soft.limits, VPORTS_MAX);
	soft.limits.queue_pairs = 4 * VPORTS_MAX;
	soft.limits.filters = 256;
	MUST(softnic_create(d->engine, a->nic, &soft, &a->soft, &err) == 0);
	ndis_keywords_for_switch(&nc.keywords);
	nc.keywords.sriov = !queues;
	MUST(ndis_adapter_create(&softnic_ops, a->soft, &nc, &a->ndis, &err) == 0);
	a->raw = ndis_driver_open(a->ndis, &raw);
	MUST(a->raw && stack_adapter_add(d->stack, "a", a->ndis, soft.default_cpu, a, &a->stack, &e) == 0);
	MUST(placement_create(d, &d->placement, &err) == 0);
	MUST(nic_vport_attach_port(a->nic, 0, a->host, &err) == 0 && nic_wire_attach(a->nic, a->wire, 1, &err) == 0);
}

static void unmake(struct daemon *d, struct adapter *a)
{
	placement_destroy(d->placement);
	lately_destroy(a->lately);
	MUST(nic_wire_detach(a->nic) == 0);
	stack_adapter_remove(a->stack);
	(void)nic_vport_detach_port(a->nic, 0);
	ndis_adapter_destroy(a->ndis);
	softnic_destroy(a->soft);
	nic_destroy(a->nic);
	stack_destroy(d->stack);
	MUST(endpoints == 0);
	stub_check_empty();
}

static void check_one(const json_t *a)
{
	const json_t *e = json_object_get(a, "error");

	MUST(json_is_string(json_object_get(a, "jsonrpc")) && json_object_get(a, "id"));
	MUST((e != NULL) != (json_object_get(a, "result") != NULL));
	if (e)
		MUST(json_integer_value(json_object_get(e, "code")) != 0 &&
		     json_string_length(json_object_get(e, "message")) > 0);
}

static void line(const struct rpc *rpc, const uint8_t *p, size_t len)
{
	size_t n = 0, i;
	char *answer = rpc_answer(rpc, (struct rpc_client *)(uintptr_t)rpc, (const char *)p, len, &n);
	json_t *v, *one;

	if (!answer)
		return;
	MUST(n > 1 && answer[n - 1] == '\n' && memchr(answer, '\n', n) == answer + n - 1);
	v = json_loadb(answer, n, 0, NULL);
	MUST(v);
	if (json_is_array(v))
		json_array_foreach(v, i, one) check_one(one);
	else
		check_one(v);
	json_decref(v);
	free(answer);
}

static void once(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	vmq_log_init(VMQ_LOG_ERROR);
	softnic_limits_default(&config_adapter.mode.limits, NIC_MAX_VPORTS);
	ndis_keywords_for_switch(&config_adapter.mode.keywords);
	CPU_SET(0, &config.allowed);
	CPU_SET(1, &config.allowed);
	stub_port_init(&wire);
	stub_port_init(&host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size, *nl;
	struct adapter a;
	struct daemon d;
	struct rpc rpc = { .methods = methods, .ctx = &d };

	once();
	make(&d, &a, size > 0 && data[0] == '\n'); /* an empty line first: the other mode */
	for (; data < end; data = nl + 1) {
		nl = memchr(data, '\n', (size_t)(end - data));
		if (!nl)
			nl = end;
		line(&rpc, data, (size_t)(nl - data));
	}
	unmake(&d, &a);
	return 0;
}
