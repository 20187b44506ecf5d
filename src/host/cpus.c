/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of CPUs in the kernel's notation (host.h). Any thread. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/host.h"

unsigned host_cpus_count(const struct host_cpus *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HOST_MAX_CPUS / 64; i++)
		n += (unsigned)__builtin_popcountll(s->bits[i]);
	return n;
}

/* A number below HOST_MAX_CPUS; false at anything else. */
static bool number(const char **text, unsigned *out)
{
	unsigned n = 0;

	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); (*text)++) {
		n = n * 10 + (unsigned)(**text - '0');
		if (n >= HOST_MAX_CPUS)
			return false;
	}
	*out = n;
	return true;
}

bool host_cpus_parse(const char *text, struct host_cpus *out)
{
	struct host_cpus s = { { 0 } };

	for (const char *p = text; *p;) {
		unsigned first, last;

		if (!number(&p, &first))
			return false;
		last = first;
		if (*p == '-' && (p++, !number(&p, &last) || last < first))
			return false;
		for (unsigned cpu = first; cpu <= last; cpu++)
			host_cpus_add(&s, cpu);
		if (*p == ',' && p[1])
			p++;
		else if (*p)
			return false;
	}
	*out = s;
	return true;
}

void host_cpus_format(const struct host_cpus *s, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned cpu = 0; cpu < HOST_MAX_CPUS && len < size; cpu++) {
		unsigned last = cpu;

		if (!host_cpus_has(s, cpu))
			continue;
		while (host_cpus_has(s, last + 1))
			last++;
		len += (size_t)snprintf(out + len, size - len, "%s%u", len ? "," : "", cpu);
		if (last > cpu && len < size)
			len += (size_t)snprintf(out + len, size - len, "-%u", last);
		cpu = last;
	}
}
