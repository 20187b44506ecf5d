/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints what vmqd says of itself, then its events as they come, one line of JSON each, until it ends. */
#include <stdio.h>
#include <stdlib.h>

#include <vmq/vmq.h>

static void print(char *text)
{
	(void)puts(text);
	(void)fflush(stdout);
	free(text);
}

int main(void)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct vmq_client *client;
	char *text;
	int rc = vmq_connect(NULL, &client, &err);

	if (!rc)
		rc = vmq_call(client, "version", NULL, &text, &err);
	if (!rc) {
		print(text);
		rc = vmq_monitor(client, &err);
	}
	while (!rc) {
		rc = vmq_next_event(client, -1, &text, &err);
		if (!rc)
			print(text);
	}
	(void)fprintf(stderr, "%s\n", err.message);
	vmq_disconnect(client);
	return 1;
}
