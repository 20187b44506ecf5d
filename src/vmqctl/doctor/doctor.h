/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl doctor: what is wrong with this host and this vmqd, what shows it, and the command that mends it. A table of
 * checks, one small function each. Evidence is gathered once, before the first check: vmqd's answers, and the files of
 * the kernel below --topology DIR. Nothing is changed, and vmqd does nothing for it that it would not do for anybody.
 *
 * Single-threaded. A check must stand whatever the daemon or the kernel says: what is missing or of the wrong type is
 * as good as not known, and nothing is concluded from it.
 */
#ifndef VMQ_VMQCTL_DOCTOR_H
#define VMQ_VMQCTL_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "host/host.h"
#include "vmqctl/cmd.h"

/*
 * One row a check: name, function, what it needs (HOST: nothing; DAEMON: vmqd's answers), what it looks at (docs and
 * help).
 */
#define DOCTOR_CHECKS(X)                                                                                              \
	X(daemon, check_daemon, HOST, "vmqd answers")                                                                 \
	X(kernel, check_kernel, HOST, "the kernel's version")                                                         \
	X(xdp_sockets, check_xdp_sockets, HOST, "the kernel has AF_XDP")                                              \
	X(bpf_jit, check_bpf_jit, HOST, "XDP programs are compiled, not interpreted")                                 \
	X(clocksource, check_clocksource, HOST, "reading the clock costs no system call")                             \
	X(hugepages, check_hugepages, HOST, "none are needed; what that costs")                                       \
	X(max_map_count, check_max_map_count, HOST, "enough memory mappings for many VMs")                            \
	X(governor, check_governor, HOST, "the workers' CPUs run at full frequency")                                  \
	X(irqs, check_irqs, HOST, "interrupts of devices on the workers' CPUs")                                       \
	X(light_sleep, check_light_sleep, HOST, "the workers' CPUs may sleep lightly, and no others have to")           \
	X(version, check_version, DAEMON, "vmqctl and vmqd are of one version")                                       \
	X(user, check_user, DAEMON, "vmqd does not run as root")                                                      \
	X(sandbox, check_sandbox, DAEMON, "vmqd has given up what it does not need")                                  \
	X(drained, check_drained, DAEMON, "what VMs send is taken")                                                   \
	X(run_dir, check_run_dir, DAEMON, "not everybody may put sockets where VPorts' are")                          \
	X(control_socket, check_control_socket, DAEMON, "not everybody may connect to the control socket")            \
	X(vport_sockets, check_vport_sockets, DAEMON, "QEMU's user may connect to the VPorts' sockets")               \
	X(nofile, check_nofile, DAEMON, "vmqd may open enough descriptors for many VMs")                              \
	X(memlock, check_memlock, DAEMON, "vmqd may lock the memory of AF_XDP")                                       \
	X(config, check_config, DAEMON, "the file is there, and as vmqd read it")                                     \
	X(drift, check_drift, DAEMON, "what runs is what the file says")                                              \
	X(mode, check_mode, DAEMON, "adapters are in a mode that serves VMs, or why not")                             \
	X(limits, check_limits, DAEMON, "there is room for more VPorts")                                              \
	X(cpu_worker, check_cpu_worker, DAEMON, "what is placed is on a worker's CPU")                                \
	X(cpu_offline, check_cpu_offline, DAEMON, "the workers' CPUs are online")                                     \
	X(cpu_allowed, check_cpu_allowed, DAEMON, "vmqd may run on the workers' CPUs")                                \
	X(cpu_vcpu, check_cpu_vcpu, DAEMON, "no VM's virtual processor is pinned to a worker's CPU")                  \
	X(cpu_overlap, check_cpu_overlap, DAEMON, "nobody waits for a worker while another is free")                  \
	X(cpu_queues, check_cpu_queues, DAEMON, "VPorts have no more queue pairs than there are workers")             \
	X(cpu_siblings, check_cpu_siblings, DAEMON, "workers have cores of their own")                                \
	X(cpu_numa_device, check_cpu_numa_device, DAEMON, "workers are near the card")                                \
	X(cpu_numa_memory, check_cpu_numa_memory, DAEMON, "workers are near the VMs' memory")                         \
	X(cpu_housekeeping, check_cpu_housekeeping, DAEMON, "workers are not where the kernel does its own work")     \
	X(cpu_isolated, check_cpu_isolated, DAEMON, "workers are on isolated CPUs where there are some")              \
	X(cpu_quota, check_cpu_quota, DAEMON, "the cgroup lets the workers work")                                     \
	X(cpu_load, check_cpu_load, DAEMON, "no worker is at its limit")                                              \
	X(cpu_others, check_cpu_others, DAEMON, "nobody else works on the workers' CPUs")                             \
	X(cpu_auto, check_cpu_auto, DAEMON, "automatic placement is on")                                              \
	X(link, check_link, DAEMON, "the wire's link is up")                                                          \
	X(port_driver, check_port_driver, DAEMON, "the best driver for the wire, or why not")                         \
	X(xdp_mode, check_xdp_mode, DAEMON, "XDP in the card's driver, not behind it")                                \
	X(gro, check_gro, DAEMON, "the kernel joins the wire's frames for VMs that take them only")                   \
	X(lro, check_lro, DAEMON, "the card does not join the wire's frames")                                         \
	X(rx_vlan, check_rx_vlan, DAEMON, "the card leaves VLAN tags in AF_XDP's frames")                             \
	X(rx_queues, check_rx_queues, DAEMON, "AF_XDP serves every receive queue of the card")                        \
	X(napi, check_napi, DAEMON, "a kernel thread receives for the wire where one was wanted")                     \
	X(xdp_mtu, check_xdp_mtu, DAEMON, "the wire's frames fit AF_XDP's buffers")                                   \
	X(mtu, check_mtu, DAEMON, "wire, host and VMs agree how long a frame is")                                     \
	X(wire_loss, check_wire_loss, DAEMON, "the wire loses no frames")                                             \
	X(host_link, check_host_link, DAEMON, "the host's TAP is up")                                                 \
	X(host_address, check_host_address, DAEMON, "the host's TAP has an address, or is a bridge's port")           \
	X(promiscuous, check_promiscuous, DAEMON, "the host does not take every frame that is nobody's")              \
	X(vm, check_vm, DAEMON, "VPorts have their VM, and it has what it needs")                                     \
	X(broken, check_broken, DAEMON, "no VPort is broken")                                                         \
	X(active, check_active, DAEMON, "VPorts are activated")                                                       \
	X(filters, check_filters, DAEMON, "VPorts have filters, and one for their VM's address")                      \
	X(trunk, check_trunk, DAEMON, "a VPort with several VLANs is a trunk")                                        \
	X(orphans, check_orphans, DAEMON, "filters have VPorts")                                                      \
	X(duplicate_mac, check_duplicate_mac, DAEMON, "an address is somebody's alone")                               \
	X(guest_slow, check_guest_slow, DAEMON, "VMs take what they receive")                                         \
	X(ring, check_ring, DAEMON, "receive rings are long enough")                                                  \
	X(rss, check_rss, DAEMON, "what VMs with several queue pairs receive comes by all of them")                   \
	X(buffers, check_buffers, DAEMON, "VMs take what is in their receive rings")                                  \
	X(drops, check_drops, DAEMON, "frames are dropped for no other reason")                                       \
	X(notifications, check_notifications, DAEMON, "VMs are interrupted as often as is good")                      \
	X(features, check_features, DAEMON, "VMs' drivers use what makes them fast")                                  \
	X(offloads, check_offloads, DAEMON, "checksums and segments are not finished in software")                    \
	X(memory, check_memory, DAEMON, "VMs' memory is shared with vmqd")                                            \
	X(bypass, check_bypass, DAEMON, "no VPort goes without its own queue")                                        \
	X(driver_faults, check_driver_faults, DAEMON, "the adapters' drivers keep the rules of their interface")

/* One row a verdict: enum, word, exit status when it is the worst. */
#define DOCTOR_VERDICTS(X)                                                                                            \
	X(UNKNOWN, "unknown", 0) /* there was nothing to look at */                                                   \
	X(OK, "ok", 0)                                                                                                \
	X(NOTE, "note", 0) /* so it is, and that is all right or a matter of taste */                                 \
	X(WARNING, "warning", 4) /* it works, slower or less safely than it could */                                  \
	X(WRONG, "wrong", 5)     /* it does not work */

enum doctor_verdict {
#define X(id, word, status) DOCTOR_##id,
	DOCTOR_VERDICTS(X)
#undef X
};

struct doctor {
	const char *root; /* --topology */
	char unreachable[512]; /* why vmqd does not answer; empty: it does */
	pid_t pid;	       /* vmqd's; 0: not known */
	/* vmqd's answers; NULL where there is none */
	json_t *version, *daemon, *switches, *vports, *filters, *queues, *stats, *plan;
	json_t *drift;	       /* config.diff's, of the file; NULL: not known */
	char wrong_file[512];  /* what vmqd says of the file; empty: it is right, or not to be seen */
	struct host_cpus workers; /* their CPUs; empty without vmqd */
	/* what the check that runs has found */
	enum doctor_verdict verdict;
	json_t *findings;
};

/* ---- what a check says (doctor.c) ---- */

/* A finding with its evidence. The check's verdict is its worst finding's. */
void doctor_say(struct doctor *d, enum doctor_verdict v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The command that mends the last finding. */
void doctor_mend(struct doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- evidence (evidence.c) ---- */

void doctor_gather(struct doctor *d, const struct cmd_options *opt);
void doctor_discard(struct doctor *d);
/* Members of the daemon's answers; "", 0, false when they are not there. */
const char *doctor_text(const json_t *object, const char *key);
json_int_t doctor_number(const json_t *object, const char *key);
bool doctor_true(const json_t *object, const char *key);
/* The number behind "KEY" at the beginning of a line of a file of /proc; -1: there is none; INT64_MAX: "unlimited". */
long long doctor_line(const struct doctor *d, const char *file, const char *key);
/* The element of a list whose member `key` is this text; NULL. */
const json_t *doctor_find(const json_t *list, const char *key, const char *text);

enum doctor_traffic { DOCTOR_RX = 1, DOCTOR_TX = 2 };

/* What a VPort or a wire (of stats.show) lost for one reason. `now`: it goes on; else it is past. */
struct doctor_loss {
	bool now;
	char text[160]; /* "310 of 12400 frames in the last 42 s", "3000 of 203000 frames, the last 3 h ago" */
};

/*
 * False: nothing of note, or not since yesterday. `list` has the counter `name`: "drops" or "port"; `of`: enum doctor_traffic,
 * the frames that those lost are a share of; a small one is not of note, unless `of` is 0.
 */
bool doctor_loss(const json_t *object, const char *list, const char *name, unsigned of, struct doctor_loss *out);

/* A costly state of a VPort or a wire (of stats.show). `now`: it goes on; else it is past. */
struct doctor_state {
	bool now;
	const json_t *counted; /* where the frames and the like of that time are: of the last seconds, or in all */
	char text[64];	       /* "in the last 42 s", "in all, the last time 3 h ago" */
};

/* False: it never was, or not since yesterday. `name`: one of those that LATELY's `states` in docs/rpc.md has. */
bool doctor_state(const json_t *object, const char *name, struct doctor_state *out);

/* Loops over vmqd's lists: `v` is const json_t *. */
#define DOCTOR_EACH(answer, list, v)                                                                                  \
	for (size_t i_##v = 0; ((v) = json_array_get(json_object_get((answer), (list)), i_##v)) != NULL; i_##v++)

#define X(name, fn, needs, looks) void fn(struct doctor *d);
DOCTOR_CHECKS(X)
#undef X

#endif
