/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of methods (methods.h), and those that belong to no noun: version, monitor.start. */
#include "vmqd/methods.h"

#include <unistd.h>

#define X(name, fn) { name, fn, false },
#define ALONE(name, fn) { name, fn, true },
const struct rpc_method methods[] = { METHODS(X, ALONE){ NULL, NULL, false } };
#undef ALONE
#undef X

int method_version(void *ctx, struct rpc_client *client, struct params *p, json_t **result, struct stack_error *e)
{
	const struct daemon *d = ctx;
	struct timespec now;

	(void)client;
	(void)e;
	if (params_close(p) < 0)
		return -1;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	*result = json_pack("{s:s, s:i, s:I}", "version", VMQD_VERSION, "pid", (int)getpid(), "uptime_s",
			    (json_int_t)(now.tv_sec - d->started.tv_sec));
	return 0;
}

int method_monitor_start(void *ctx, struct rpc_client *client, struct params *p, json_t **result,
			 struct stack_error *e)
{
	(void)ctx;
	(void)result;
	(void)e;
	if (params_close(p) < 0)
		return -1;
	server_subscribe(client);
	return 0;
}
