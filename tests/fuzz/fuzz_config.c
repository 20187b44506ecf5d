/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a configuration file, on the real sources of src/vmqd. It is refused with a sentence that names file and
 * line, or what comes out keeps within its bounds. Its comments are carried over to another file, and from another to it. The input is the file.
 */
#include <stdlib.h>
#include <string.h>

#include "engine_stub.h"
#include "vmqctl/comments.h"
#include "vmqd/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_worker(const struct config *c, unsigned cpu)
{
	for (unsigned i = 0; i < c->ncpus; i++)
		if (c->cpus[i] == cpu)
			return true;
	return false;
}

static void check_port(const struct config *c, const struct config_port *p)
{
	MUST(config_drivers[p->driver] && is_worker(c, p->cpu));
	MUST(strnlen(p->device, sizeof p->device) < sizeof p->device &&
	     strnlen(p->netns, sizeof p->netns) < sizeof p->netns);
}

static void check(const struct config *c)
{
	MUST(c->socket[0] == '/' && c->run_dir[0] == '/' && c->socket_mode <= 0777 && c->vport_socket_mode <= 0777);
	MUST(c->ncpus >= 1 && c->ncpus <= STACK_MAX_CPUS && c->nadapters >= 1);
	for (size_t i = 0; i < c->nadapters; i++) {
		const struct config_adapter *a = &c->adapters[i];

		MUST(a->name[0]);
		check_port(c, &a->port);
		check_port(c, &a->host);
		for (size_t k = 0; k < a->nvports; k++) {
			const struct stack_vport_want *w = &a->vports[k].want;

			MUST(w->name[0] && w->socket[0] == '/' && (!w->cpu_given || is_worker(c, w->cpu)));
			MUST(yamldoc_line(&c->doc, "adapters[0].vports") >= 1);
		}
	}
}

/* Whatever comes out is checked to say what it shall where it is made. */
static void carry_comments(const char *text, size_t size)
{
	static const char other[] = "# a\n\nrun_dir: /x # b\n# c\nadapters:\n# d\n- name: e # f\n  vports:\n  # g\n  - name: v\n    # h\n    filters: [{mac: 1}]\n# i\n";
	char *ended = strndup(text, size);
	unsigned gone;

	MUST(ended);
	free(comments_carry(text, size, other, &gone));
	free(comments_carry(other, sizeof other - 1, ended, &gone));
	free(ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmq_err err = { "" };
	struct config *c = NULL;
	char *text = malloc(size ? size : 1); /* of its own size: reading past the end is seen */

	MUST(text);
	if (size)
		memcpy(text, data, size);
	if (config_parse("f", text, size, &c, &err) == 0) {
		check(c);
		config_free(c);
	} else {
		MUST(strncmp(err.text, "f:", 2) == 0 && atoi(err.text + 2) >= 1);
	}
	carry_comments(text, size);
	free(text);
	return 0;
}
