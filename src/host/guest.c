/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a VM's virtual processors may run, and where its memory lies (host.h). Any thread. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

static void read_thread(const char *root, int pid, const char *tid, struct host_guest *g)
{
	char name[32], proc[300];
	unsigned vcpu;
	int end = 0;

	/* the VM's process calls its threads what it likes */
	if (g->nvcpus == HOST_MAX_VCPUS || host_read(name, sizeof name, root, "proc/%d/task/%s/comm", pid, tid) < 0 ||
	    sscanf(name, "CPU %5u/%n", &vcpu, &end) != 1 || !end || vcpu > UINT16_MAX)
		return;
	g->vcpu[g->nvcpus].vcpu = vcpu;
	(void)snprintf(proc, sizeof proc, "%d/task/%s", pid, tid);
	if (host_allowed(root, proc, &g->vcpu[g->nvcpus].cpus))
		g->nvcpus++;
}

/* The node with three quarters of the pages or more. A line of numa_maps: "7f… default file=… N0=512
 * kernelpagesize_kB=4". */
static int memory_node(const char *root, int pid)
{
	char *text = host_read_all(root, "proc/%d/numa_maps", pid), *rest = text, *line;
	unsigned long long pages[HOST_MAX_NODES] = { 0 }, all = 0;
	int found = -1;

	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		const char *size = strstr(line, "kernelpagesize_kB=");
		unsigned long long kib = size ? strtoull(size + 18, NULL, 10) : 4;
		char *word;

		while ((word = strsep(&line, " ")) != NULL) {
			unsigned long long n;
			unsigned node;

			if (sscanf(word, "N%u=%llu", &node, &n) != 2 || node >= HOST_MAX_NODES)
				continue;
			pages[node] += n * kib;
			all += n * kib;
		}
	}
	free(text);
	for (unsigned node = 0; node < HOST_MAX_NODES; node++)
		if (all && pages[node] * 4 >= all * 3)
			found = (int)node;
	return found;
}

int host_guest_read(const char *root, pid_t pid, struct host_guest *out)
{
	const struct dirent *d;
	char path[PATH_MAX];
	DIR *dir;

	out->nvcpus = 0;
	out->node = -1;
	(void)snprintf(path, sizeof path, "%s/proc/%d/task", root, (int)pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			read_thread(root, (int)pid, d->d_name, out);
	(void)closedir(dir);
	out->node = memory_node(root, (int)pid);
	return 0;
}
