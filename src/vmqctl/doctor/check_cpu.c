/* SPDX-License-Identifier: BSD-3-Clause */
/* The doctor's checks of who is on which CPU: the findings of vmqd's CPU plan, with what mends them (doctor.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmqctl/doctor/doctor.h"

/* Tells the plan's findings of one kind. */
static void tell(struct doctor *d, const char *check, enum doctor_verdict v, const char *mend)
{
	const json_t *f;

	DOCTOR_EACH(d->plan, "findings", f) {
		if (strcmp(doctor_text(f, "check"), check) != 0)
			continue;
		doctor_say(d, v, "%s", doctor_text(f, "text"));
		doctor_mend(d, "%s", mend);
	}
}

#define PLAN "vmqctl cpu plan check; then vmqctl cpu plan apply (all on: also what a person placed)"

/* One row a check: function, finding, verdict, what mends it. */
#define PLAN_CHECKS(X)                                                                                                 \
	X(check_cpu_worker, "no_worker", WRONG, PLAN)                                                                  \
	X(check_cpu_offline, "offline", WRONG, PLAN)                                                                   \
	X(check_cpu_allowed, "not_allowed", WRONG,                                                                     \
	  "systemctl set-property vmqd AllowedCPUs=…, then systemctl restart vmqd (a taskset on it ends with that, too); or "   \
	  "other cpus: in vmqd.yaml")                                                                                  \
	X(check_cpu_vcpu, "vcpu", WARNING, "virsh vcpupin VM VCPU OTHER-CPU; or " PLAN)                                \
	X(check_cpu_overlap, "overlap", WARNING, PLAN)                                                                 \
	X(check_cpu_queues, "queues", NOTE, "more cpus: in vmqd.yaml, or fewer queue_pairs")                           \
	X(check_cpu_siblings, "siblings", NOTE, "cpus: in vmqd.yaml, one of each core")                                \
	X(check_cpu_numa_device, "numa_device", WARNING, "cpus: in vmqd.yaml, of the card's node; then " PLAN)         \
	X(check_cpu_numa_memory, "numa_memory", WARNING, PLAN "; or the VM's memory on the other node (numatune)")     \
	X(check_cpu_housekeeping, "housekeeping", NOTE, "cpus: in vmqd.yaml without CPU 0")                            \
	X(check_cpu_isolated, "not_isolated", NOTE, "cpus: in vmqd.yaml, of the isolated ones")                        \
	X(check_cpu_quota, "quota", WARNING, "systemctl set-property vmqd CPUQuota=")

#define X(fn, check, verdict, mend)                                                                                   \
	void fn(struct doctor *d)                                                                                     \
	{                                                                                                             \
		tell(d, check, DOCTOR_##verdict, mend);                                                               \
	}
PLAN_CHECKS(X)
#undef X

void check_cpu_load(struct doctor *d)
{
	const json_t *w;

	DOCTOR_EACH(d->plan, "workers", w) {
		double busy = json_number_value(json_object_get(w, "busy_pct"));

		if (busy < 90)
			continue;
		doctor_say(d, DOCTOR_WARNING, "the worker of CPU %lld is busy %.0f %% of its time: it takes no more",
			   (long long)doctor_number(w, "cpu"), busy);
		doctor_mend(d, "vmqctl cpu plan check; more cpus: in vmqd.yaml");
	}
}

/* ---- who else runs there ---- */

#define LOOK_MS	 300u /* between two looks at the threads */
#define HAS_WORK 5    /* percent of its time: with less a worker waits for nobody */

struct user {
	pid_t pid, tid; /* the thread is one of those it had the time for */
	unsigned cpu;
	unsigned long long ticks; /* in LOOK_MS */
};

/* The process that had most of a CPU between two looks, vmqd and this one apart. A thread that went elsewhere meanwhile counts
 * nowhere. */
static struct user busiest(const struct host_threads *before, const struct host_threads *after, unsigned cpu, pid_t vmqd)
{
	struct user most = { 0 }, now = { 0 };

	for (size_t i = 0; i < after->n; i++) {
		const struct host_thread *t = &after->list[i], *was = host_thread_find(before, t);

		if (t->pid == vmqd || t->pid == getpid() || t->cpu != cpu || !was || was->cpu != cpu)
			continue;
		if (t->ticks <= was->ticks) /* nothing, or another thread with the number */
			continue;
		if (t->pid != now.pid)
			now = (struct user){ .pid = t->pid, .cpu = cpu };
		now.tid = t->tid;
		now.ticks += t->ticks - was->ticks;
		if (now.ticks > most.ticks)
			most = now;
	}
	return most;
}

/* Somebody put it on the workers' CPUs: it may run on these only, although there are others. */
static bool is_confined(const struct doctor *d, const struct user *u, const struct host_cpus *online)
{
	struct host_cpus allowed;
	char proc[64];

	(void)snprintf(proc, sizeof proc, "%d/task/%d", (int)u->pid, (int)u->tid);
	if (!host_allowed(d->root, proc, &allowed))
		return false;
	for (unsigned cpu = 0; cpu < HOST_MAX_CPUS; cpu++)
		if (host_cpus_has(&allowed, cpu) && !host_cpus_has(&d->workers, cpu))
			return false;
	return host_cpus_count(&allowed) < host_cpus_count(online);
}

static void tell_user(struct doctor *d, const struct user *u, unsigned passed_ms)
{
	unsigned long long share = u->ticks * 100000u / (unsigned long long)sysconf(_SC_CLK_TCK) / passed_ms;
	struct host_cpus online = { { 0 } };
	char name[64], list[4096];
	bool confined;

	if (share < 25)
		return;
	if (host_read(name, sizeof name, d->root, "proc/%d/comm", (int)u->pid) < 0)
		(void)snprintf(name, sizeof name, "?");
	if (host_read(list, sizeof list, d->root, "sys/devices/system/cpu/online") >= 0)
		(void)host_cpus_parse(list, &online);
	confined = is_confined(d, u, &online);
	doctor_say(d, confined ? DOCTOR_WARNING : DOCTOR_NOTE,
		   "process %d (%s) has %llu %% of the time of CPU %u, a worker's that has work: frames wait for it", (int)u->pid, name,
		   share < 100 ? share : 100, u->cpu);
	if (!confined && host_cpus_count(&online) <= host_cpus_count(&d->workers))
		doctor_mend(d, "fewer cpus: in vmqd.yaml than the %u there are, so that others have some", host_cpus_count(&online));
	else
		doctor_mend(d, "taskset -acp OTHER-CPUS %d%s", (int)u->pid,
			    confined ? "; a VM of libvirt: virsh vcpupin VM VCPU OTHER-CPUS"
				     : "; for all: CPUAffinity=OTHER-CPUS in /etc/systemd/system.conf, vcpupin or emulatorpin for VMs");
}

void check_cpu_others(struct doctor *d)
{
	struct host_threads before, after = { 0 };
	struct timespec begin, end;
	const json_t *w;

	if (host_threads_read(d->root, &d->workers, &before) < 0 || !before.n) {
		free(before.list);
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	(void)nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	if (host_threads_read(d->root, &d->workers, &after) == 0) {
		unsigned passed = (unsigned)((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000);

		DOCTOR_EACH(d->plan, "workers", w) {
			struct user u = busiest(&before, &after, (unsigned)doctor_number(w, "cpu"), d->pid);

			if (u.pid && passed && json_number_value(json_object_get(w, "busy_pct")) >= HAS_WORK)
				tell_user(d, &u, passed);
		}
	}
	free(before.list);
	free(after.list);
}

void check_cpu_auto(struct doctor *d)
{
	if (json_is_false(json_object_get(d->plan, "auto"))) {
		doctor_say(d, DOCTOR_NOTE, "automatic placement is off: an overloaded worker keeps its VPorts");
		doctor_mend(d, "vmqctl cpu auto on");
	}
}
