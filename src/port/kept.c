/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/kept.h"

#include <stdio.h>
#include <string.h>

void port_kept_init(struct port_kept *k, const struct fd_keep *keep, const char *ifname, const char *netns)
{
	*k = (struct port_kept){ .keep = keep };
	(void)snprintf(k->of, sizeof k->of, "%s%s%s", ifname, netns ? "@" : "", netns ? netns : "");
}

int port_kept_take(struct port_kept *k, const char *kind)
{
	char name[FD_KEEP_NAME];
	int fd;

	if (!k->keep)
		return -1;
	fd_keep_name(kind, k->of, name);
	fd = k->keep->take(k->keep->ctx, name);
	if (fd >= 0)
		k->kind[k->n++] = kind;
	return fd;
}

void port_kept_store(struct port_kept *k, const char *kind, int fd)
{
	char name[FD_KEEP_NAME];

	if (!k->keep)
		return;
	fd_keep_name(kind, k->of, name);
	k->keep->store(k->keep->ctx, name, fd);
	k->kind[k->n++] = kind;
}

void port_kept_give_up(struct port_kept *k, const char *kind)
{
	char name[FD_KEEP_NAME];

	for (unsigned i = 0; i < k->n; i++) {
		if (strcmp(k->kind[i], kind) != 0)
			continue;
		fd_keep_name(kind, k->of, name);
		k->keep->remove(k->keep->ctx, name);
		k->kind[i] = k->kind[--k->n];
		return;
	}
}

void port_kept_close(struct port_kept *k)
{
	while (!k->leave && k->n)
		port_kept_give_up(k, k->kind[0]);
}
