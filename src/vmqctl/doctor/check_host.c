/* SPDX-License-Identifier: BSD-3-Clause */
/* The doctor's checks of the host, which need no vmqd (doctor.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmqctl/doctor/doctor.h"

void check_daemon(struct doctor *d)
{
	if (d->unreachable[0]) {
		doctor_say(d, DOCTOR_WRONG, "vmqd does not answer, only the host is looked at: %s", d->unreachable);
		doctor_mend(d, "systemctl start vmqd; or name its socket: vmqctl --socket PATH doctor");
	} else {
		doctor_say(d, DOCTOR_OK, "vmqd %s answers, process %d", doctor_text(d->version, "version"),
			   (int)d->pid);
	}
}

void check_kernel(struct doctor *d)
{
	unsigned major = 0, minor = 0;
	char text[128];

	if (host_read(text, sizeof text, d->root, "proc/sys/kernel/osrelease") < 0 ||
	    sscanf(text, "%u.%u", &major, &minor) != 2) {
		doctor_say(d, DOCTOR_UNKNOWN, "no version");
	} else if (major < 5 || (major == 5 && minor < 13)) {
		doctor_say(d, DOCTOR_WARNING,
			   "Linux %s: the sandbox's file rules need 5.13, AF_XDP is better since 5.11", text);
		doctor_mend(d, "a newer kernel, 6.1 or later");
	} else {
		doctor_say(d, DOCTOR_OK, "Linux %s", text);
	}
}

void check_xdp_sockets(struct doctor *d)
{
	char *text = host_read_all(d->root, "proc/net/protocols");

	if (!text) {
		doctor_say(d, DOCTOR_UNKNOWN, "no /proc/net/protocols");
	} else if (!strstr(text, "\nXDP ")) {
		doctor_say(d, DOCTOR_WARNING,
			   "the kernel has no AF_XDP (no XDP in /proc/net/protocols): the wire goes through AF_PACKET, "
			   "with a copy more");
		doctor_mend(d, "a kernel with CONFIG_XDP_SOCKETS=y");
	}
	free(text);
}

void check_bpf_jit(struct doctor *d)
{
	if (host_number(1, d->root, "proc/sys/net/core/bpf_jit_enable") == 0) {
		doctor_say(d, DOCTOR_WARNING,
			   "net.core.bpf_jit_enable is 0: the XDP program is interpreted for every frame");
		doctor_mend(d, "sysctl -w net.core.bpf_jit_enable=1");
	}
}

void check_clocksource(struct doctor *d)
{
	static const char *const fast[] = { "tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter" };
	char text[64];

	if (host_read(text, sizeof text, d->root, "sys/devices/system/clocksource/clocksource0/current_clocksource") <
	    0) {
		doctor_say(d, DOCTOR_UNKNOWN, "no clock source");
		return;
	}
	for (size_t i = 0; i < sizeof fast / sizeof *fast; i++)
		if (strcmp(text, fast[i]) == 0)
			return;
	doctor_say(d, DOCTOR_WARNING, "the clock is %s: each of a worker's turns reads it, and it is slow", text);
	doctor_mend(d, "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource (dmesg | grep -i "
		       "tsc says why it is not)");
}

void check_hugepages(struct doctor *d)
{
	long long total = doctor_line(d, "meminfo", "HugePages_Total"), free = doctor_line(d, "meminfo", "HugePages_Free"),
		  reserved = doctor_line(d, "meminfo", "HugePages_Rsvd");

	if (total == 0) {
		doctor_say(d, DOCTOR_NOTE,
			   "no huge pages, and none are needed; VMs' memory in small pages costs the copy some address "
			   "translation, most with many VMs");
		doctor_mend(d, "sysctl -w vm.nr_hugepages=N, and memory-backend-memfd,hugetlb=on at QEMU (hugepages/ "
			       "in libvirt's memoryBacking)");
	} else if (total > 0 && free >= 0 && free <= reserved) {
		doctor_say(d, DOCTOR_NOTE,
			   "%lld huge pages, all of them taken: one more VM that is to have some does not start (QEMU: unable to map backing "
			   "store for guest RAM)",
			   total);
		doctor_mend(d, "sysctl -w vm.nr_hugepages=N, if another VM is to come");
	} else if (total > 0) {
		doctor_say(d, DOCTOR_OK, "%lld huge pages", total);
	}
}

void check_max_map_count(struct doctor *d)
{
	long long n = host_number(-1, d->root, "proc/sys/vm/max_map_count");

	if (n >= 0 && n < 32768) {
		doctor_say(d, DOCTOR_WARNING,
			   "vm.max_map_count is %lld: a VM takes up to 30 mappings, so some %lld VMs are the end", n,
			   n / 30);
		doctor_mend(d, "sysctl -w vm.max_map_count=262144");
	}
}

/* What intel_pstate and amd-pstate call powersave follows the load. */
static bool follows_load(const struct doctor *d, unsigned cpu)
{
	char driver[64];

	return host_read(driver, sizeof driver, d->root, "sys/devices/system/cpu/cpu%u/cpufreq/scaling_driver", cpu) >=
		       0 &&
	       (strncmp(driver, "intel_pstate", 12) == 0 || strncmp(driver, "amd-pstate", 10) == 0);
}

void check_governor(struct doctor *d)
{
	bool any = host_cpus_count(&d->workers) > 0;
	char text[64], governor[64] = "", list[256];
	struct host_cpus slow = { { 0 } };
	unsigned first = 0;

	for (unsigned cpu = HOST_MAX_CPUS; cpu-- > 0;) {
		if ((any && !host_cpus_has(&d->workers, cpu)) ||
		    host_read(text, sizeof text, d->root, "sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor",
			      cpu) < 0 ||
		    strcmp(text, "performance") == 0)
			continue;
		memcpy(governor, text, sizeof governor);
		host_cpus_add(&slow, cpu);
		first = cpu;
	}
	if (!governor[0])
		return;
	host_cpus_format(&slow, list, sizeof list);
	doctor_say(d, follows_load(d, first) ? DOCTOR_NOTE : DOCTOR_WARNING,
		   "the frequency of CPU %s is governed by \"%s\": it is low when a burst begins", list, governor);
	doctor_mend(d, "cpupower -c %s frequency-set -g performance", list);
}

/* Names behind the counters: "  45:  0  12 PCI-MSI 524288-edge nvme0q1". The last word. */
static void irq_name(const struct doctor *d, unsigned irq, char *out, size_t size)
{
	char *text = host_read_all(d->root, "proc/interrupts"), *rest = text, *line;

	(void)snprintf(out, size, "?");
	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		char *end, *last;

		if (strtoul(line, &end, 10) != irq || *end != ':')
			continue;
		last = strrchr(end, ' ');
		if (last)
			(void)snprintf(out, size, "%s", last + 1);
		break;
	}
	free(text);
}

/* The interrupts that one CPU alone serves, as "26 (ttyS0), 31 (nvme0q1)"; how many. */
static unsigned irqs_of(const struct doctor *d, unsigned cpu, char *out, size_t size)
{
	enum { MAX_IRQ = 4096, SHOWN = 4 };
	char text[256], name[64];
	struct host_cpus cpus;
	unsigned n = 0;
	size_t len = 0;

	out[0] = '\0';
	for (unsigned irq = 1; irq < MAX_IRQ; irq++) {
		if (host_read(text, sizeof text, d->root, "proc/irq/%u/effective_affinity_list", irq) < 0 ||
		    !host_cpus_parse(text, &cpus) || host_cpus_count(&cpus) != 1 || !host_cpus_has(&cpus, cpu))
			continue;
		irq_name(d, irq, name, sizeof name);
		if (strcmp(name, "?") != 0 && n++ < SHOWN && len < size) /* "?": nobody's */
			len += (size_t)snprintf(out + len, size - len, "%s%u (%s)", len ? ", " : "", irq, name);
	}
	return n;
}

void check_irqs(struct doctor *d)
{
	char list[400];

	for (unsigned cpu = 0; cpu < HOST_MAX_CPUS; cpu++) {
		unsigned n = host_cpus_has(&d->workers, cpu) ? irqs_of(d, cpu, list, sizeof list) : 0;

		if (!n)
			continue;
		doctor_say(d, DOCTOR_NOTE, "CPU %u, a worker's, serves %u interrupt%s of devices: %s%s", cpu, n,
			   n == 1 ? "" : "s", list, n > 4 ? " …" : "");
		doctor_mend(d, "echo OTHER-CPUS > /proc/irq/NUMBER/smp_affinity_list");
	}
}

static const json_t *worker_of(const struct doctor *d, unsigned cpu)
{
	const json_t *w;

	DOCTOR_EACH(d->stats, "workers", w)
		if (doctor_number(w, "cpu") == cpu)
			return w;
	return NULL;
}

/* A file that does not say 0, and not because of a worker. */
static void look_for_constraints(struct doctor *d)
{
	char text[64];

	for (unsigned cpu = 0; cpu < HOST_MAX_CPUS; cpu++) {
		const json_t *w = worker_of(d, cpu);

		if (host_read(text, sizeof text, d->root, HOST_RESUME_LATENCY, cpu) < 0 || strcmp(text, "0") == 0 ||
		    (w && !strstr(doctor_text(w, "sleep"), "somebody else")))
			continue;
		doctor_say(d, DOCTOR_NOTE, "CPU %u is kept from deep sleep by somebody else: its pm_qos_resume_latency_us is %s%s", cpu,
			   text, w ? ", which vmqd leaves alone" : "");
		doctor_mend(d, "a vmqd that was killed: vmqd --release-cpus; else echo 0 > /" HOST_RESUME_LATENCY, cpu);
	}
}

void check_light_sleep(struct doctor *d)
{
	const json_t *w;

	look_for_constraints(d);
	DOCTOR_EACH(d->stats, "workers", w) {
		const char *sleep = doctor_text(w, "sleep");

		if (strncmp(sleep, "not available", 13) != 0 || strstr(sleep, "somebody else") ||
		    strcmp(doctor_text(w, "light_sleep"), "off") == 0)
			continue;
		doctor_say(d, DOCTOR_NOTE, "light sleep of CPU %lld, a worker's, is %s: frames after a silence wait for it to wake up",
			   (long long)doctor_number(w, "cpu"), sleep);
		if (strstr(sleep, "read-only"))
			doctor_mend(d, "ReadWritePaths=/sys/devices/system/cpu in vmqd's unit; of a container, a writable /sys");
		else if (strstr(sleep, "cpuidle"))
			doctor_mend(d, "in a virtual machine: modprobe cpuidle_haltpoll force=1, and start vmqd again");
		else
			doctor_mend(d, "light_sleep: off in cpus: of vmqd.yaml, if that is all right");
	}
}
