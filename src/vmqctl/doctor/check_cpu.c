/* SPDX-License-Identifier: BSD-3-Clause */
/* The doctor's checks of who is on which CPU: the findings of vmqd's CPU plan, with what mends them (doctor.h). */
#include <string.h>

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

void check_cpu_auto(struct doctor *d)
{
	if (json_is_false(json_object_get(d->plan, "auto"))) {
		doctor_say(d, DOCTOR_NOTE, "automatic placement is off: an overloaded worker keeps its VPorts");
		doctor_mend(d, "vmqctl cpu auto on");
	}
}
