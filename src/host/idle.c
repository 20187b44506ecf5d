/* SPDX-License-Identifier: BSD-3-Clause */
/* How the host's CPUs sleep (host.h). Any thread. */
#include <string.h>

#include "host/host.h"

#define IDLE "sys/devices/system/cpu/cpuidle/"
#define MAX_STATES 16u

/* A name, empty when there is none. */
static void read_name(char *out, size_t size, const char *root, const char *file)
{
	if (host_read(out, size, root, "%s", file) < 0 || strcmp(out, "none") == 0)
		out[0] = '\0';
}

/* Does the processor say so? Only x86 does; the first processor's part is enough, and on a large machine all are slow to read. */
static bool flag_hypervisor(const char *root)
{
	char text[8192], *flags, *end;

	if (host_read(text, sizeof text, root, "proc/cpuinfo") < 0)
		return false;
	flags = strstr(text, "\nflags");
	end = flags ? strchr(flags + 1, '\n') : NULL;
	if (end)
		*end = '\0';
	return flags && strstr(flags, " hypervisor ");
}

/* States are in the order of their depth; the first one may be a loop in the kernel, called POLL. */
int host_idle_first_us(const char *root, unsigned cpu)
{
	for (unsigned i = 0; i < MAX_STATES; i++) {
		char name[32];

		if (host_read(name, sizeof name, root, "sys/devices/system/cpu/cpu%u/cpuidle/state%u/name", cpu, i) < 0)
			return -1;
		if (strcmp(name, "POLL") != 0)
			return (int)host_number(-1, root, "sys/devices/system/cpu/cpu%u/cpuidle/state%u/latency", cpu, i);
	}
	return -1;
}

void host_idle_read(const char *root, struct host_idle *out)
{
	read_name(out->driver, sizeof out->driver, root, IDLE "current_driver");
	read_name(out->governor, sizeof out->governor, root, IDLE "current_governor_ro");
	if (!out->governor[0])
		read_name(out->governor, sizeof out->governor, root, IDLE "current_governor");
	out->guest = strcmp(out->driver, "haltpoll") == 0 || flag_hypervisor(root);
}
