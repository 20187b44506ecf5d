/* SPDX-License-Identifier: BSD-3-Clause */
/* The doctor's checks of who is on which CPU: the findings of vmqd's CPU plan, with what mends them (doctor.h). */
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
	  "systemctl set-property vmqd AllowedCPUs=…, or other cpus: in vmqd.yaml")                                    \
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

#define LOOK_MS 300u /* between two looks at the threads */

struct user {
	pid_t pid;
	unsigned cpu;
	unsigned long long ticks; /* in LOOK_MS */
};

/* The process that had most of a CPU between two looks. A thread that went elsewhere meanwhile counts nowhere. */
static struct user busiest(const struct host_threads *before, const struct host_threads *after, unsigned cpu, pid_t but)
{
	struct user most = { 0 }, now = { 0 };

	for (size_t i = 0; i < after->n; i++) {
		const struct host_thread *t = &after->list[i], *was = host_thread_find(before, t);

		if (t->pid == but || t->cpu != cpu || !was || was->cpu != cpu)
			continue;
		if (t->pid != now.pid)
			now = (struct user){ .pid = t->pid, .cpu = cpu };
		now.ticks += t->ticks - was->ticks;
		if (now.ticks > most.ticks)
			most = now;
	}
	return most;
}

static void tell_user(struct doctor *d, const struct user *u, unsigned passed_ms, double busy)
{
	unsigned long long share = u->ticks * 100000u / (unsigned long long)sysconf(_SC_CLK_TCK) / passed_ms;
	char name[64];

	if (share < 25)
		return;
	if (host_read(name, sizeof name, d->root, "proc/%d/comm", (int)u->pid) < 0)
		(void)snprintf(name, sizeof name, "?");
	doctor_say(d, busy >= 5 ? DOCTOR_WARNING : DOCTOR_NOTE, "process %d (%s) has %llu %% of the time of CPU %u, a worker's%s", (int)u->pid, name,
		   share < 100 ? share : 100, u->cpu, busy >= 5 ? ": frames wait for it" : ", that has little to do now");
	doctor_mend(d, "taskset -acp OTHER-CPUS %d; a VM of libvirt: virsh vcpupin VM VCPU OTHER-CPUS", (int)u->pid);
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

			if (u.pid && passed)
				tell_user(d, &u, passed, json_number_value(json_object_get(w, "busy_pct")));
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
