/* SPDX-License-Identifier: BSD-3-Clause */
/* The doctor's checks of VPorts: their VMs, filters, rings and drops (doctor.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmqctl/doctor/doctor.h"

static bool is_default(const json_t *vport)
{
	return strcmp(doctor_text(vport, "name"), "default") == 0;
}

static bool is_running(const json_t *vport)
{
	return strcmp(doctor_text(vport, "status"), "running") == 0;
}

/* Its counters; NULL. */
static const json_t *stats_of(const struct doctor *d, const json_t *vport)
{
	const json_t *v;

	DOCTOR_EACH(d->stats, "vports", v)
		if (strcmp(doctor_text(v, "name"), doctor_text(vport, "name")) == 0 &&
		    strcmp(doctor_text(v, "adapter"), doctor_text(vport, "adapter")) == 0)
			return v;
	return NULL;
}

/* ---- VMs ---- */

void check_vm(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->vports, "vports", v) {
		const char *name = doctor_text(v, "name"), *waits = doctor_text(v, "waits_for");

		if (is_default(v) || !*doctor_text(v, "socket") || doctor_true(v, "awaits_vm")) /* check_active tells of those */
			continue;
		if (strcmp(doctor_text(v, "status"), "no VM") == 0) {
			doctor_say(d, DOCTOR_NOTE, "VPort %s has no VM: nobody is connected to %s", name,
				   doctor_text(v, "socket"));
			doctor_mend(d, "start the VM with what vmqctl vport show %s --libvirt prints (QEMU by hand: --qemu)", name);
		} else if (strstr(waits, "its function sleeps")) {
			doctor_say(d, DOCTOR_WARNING, "VPort %s: its VF %lld is asleep, and moves no frame until somebody wakes it", name,
				   (long long)doctor_number(v, "function"));
			doctor_mend(d, "vmqctl oid OID_SRIOV_SET_VF_POWER_STATE VFId=%lld PowerState=NdisDeviceStateD0 adapter %s",
				    (long long)doctor_number(v, "function"), doctor_text(v, "adapter"));
		} else if (strcmp(doctor_text(v, "status"), "connected") == 0) {
			doctor_say(d, DOCTOR_WARNING, "VPort %s: its VM is connected and does not run its queues%s%s",
				   name, *waits ? ": " : "", waits);
			if (strstr(waits, "share=on"))
				doctor_mend(d, "share=on at QEMU's memory-backend; libvirt: <source type='memfd'/> and <access mode='shared'/> in memoryBacking");
			else
				doctor_mend(d, "in the VM: modprobe virtio_net; ip link set eth0 up");
		} else if (strcmp(doctor_text(v, "status"), "running") == 0 && *waits) {
			doctor_say(d, DOCTOR_WARNING, "VPort %s: its VM runs, and nothing of its driver is to be seen: it waits for %s", name,
				   waits);
			doctor_mend(d, "share=on at QEMU's memory-backend (libvirt: <access mode='shared'/>); in the VM: ip link set eth0 up");
		}
	}
}

void check_broken(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->vports, "vports", v) {
		if (strncmp(doctor_text(v, "status"), "broken", 6) != 0)
			continue;
		doctor_say(d, DOCTOR_WRONG, "VPort %s is %s", doctor_text(v, "name"), doctor_text(v, "status"));
		doctor_mend(d, "in the VM: modprobe -r virtio_net && modprobe virtio_net; or restart the VM");
	}
}

void check_active(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->vports, "vports", v) {
		if (strcmp(doctor_text(v, "state"), "deactivated") != 0)
			continue;
		if (doctor_true(v, "awaits_vm")) {
			doctor_say(d, DOCTOR_NOTE, "VPort %s is for a VM that moves here: until its driver runs here, it moves no frame",
				   doctor_text(v, "name"));
			doctor_mend(d, "move the VM; if it is not to come: vmqctl vport del %s", doctor_text(v, "name"));
			continue;
		}
		doctor_say(d, DOCTOR_WRONG, "VPort %s is not activated: it moves no frame", doctor_text(v, "name"));
		doctor_mend(d, "vmqctl vport set %s active on", doctor_text(v, "name"));
	}
}

/* The VLAN ids of the VPort's filters: 2 stands for several. */
static unsigned vlans_of(const json_t *vport)
{
	json_int_t first = 0;
	const json_t *f;

	DOCTOR_EACH(vport, "macs", f) {
		json_int_t vlan = json_integer_value(json_object_get(f, "vlan"));

		if (vlan && first && vlan != first)
			return 2;
		first = vlan ? vlan : first;
	}
	return first != 0;
}

void check_trunk(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->vports, "vports", v) {
		if (doctor_true(v, "trunk") || vlans_of(v) < 2)
			continue;
		doctor_say(d, DOCTOR_WARNING,
			   "VPort %s has filters of several VLANs and is no trunk: its VM gets all frames without tags, and what "
			   "it sends gets none, which vlan_check drops unless a filter is untagged",
			   doctor_text(v, "name"));
		doctor_mend(d, "vmqctl vport set %s trunk on; or filters of one VLAN", doctor_text(v, "name"));
	}
}

/* QEMU's map of a VM's memory, as big as this, that only QEMU itself would see the writes to. */
static bool has_private_memory(char *maps, char out[256])
{
	char *rest = maps, *line;
	bool found = false;

	while (!found && rest && (line = strsep(&rest, "\n")) != NULL) {
		unsigned long long from, to;
		char rights[8], path[256] = "";

		if (sscanf(line, "%llx-%llx %7s %*s %*s %*s %255[^\n]", &from, &to, rights, path) < 3 ||
		    to - from < 64ull << 20 || strlen(rights) < 4)
			continue;
		found = rights[1] == 'w' && rights[3] == 'p' &&
			(strncmp(path, "/memfd:", 7) == 0 || strstr(path, "huge") ||
			 strncmp(path, "/dev/shm/", 9) == 0);
		if (found)
			(void)snprintf(out, 256, "%s", path);
	}
	return found;
}

void check_memory(struct doctor *d)
{
	const json_t *v;
	char path[256], *maps;
	bool found;

	DOCTOR_EACH(d->vports, "vports", v) {
		pid_t pid = (pid_t)doctor_number(v, "peer_pid");

		if (is_default(v) || !doctor_true(v, "connected"))
			continue;
		maps = pid > 0 ? host_read_all(d->root, "proc/%d/maps", (int)pid) : NULL;
		if (!maps)
			doctor_say(d, DOCTOR_UNKNOWN, "VPort %s: its VM's process is not to be seen from here (as root it is)",
				   doctor_text(v, "name"));
		found = maps && has_private_memory(maps, path);
		free(maps);
		if (!found)
			continue;
		doctor_say(d, DOCTOR_WRONG,
			   "VPort %s: process %d maps its VM's memory %s for itself alone: the VM and vmqd do not see "
			   "each other's frames",
			   doctor_text(v, "name"), (int)pid, path);
		doctor_mend(d, "share=on at QEMU's memory-backend; <access mode='shared'/> in libvirt's memoryBacking");
	}
}

static bool has_feature(const json_t *vport, const char *name)
{
	const json_t *f;

	DOCTOR_EACH(vport, "features", f)
		if (json_string_value(f) && strcmp(json_string_value(f), name) == 0)
			return true;
	return false;
}

/* Nothing that a driver chooses: what is there is between QEMU and vmqd. */
static bool has_no_feature(const json_t *vport)
{
	size_t own = has_feature(vport, "PROTOCOL_FEATURES") + has_feature(vport, "LOG_ALL");

	return json_array_size(json_object_get(vport, "features")) == own;
}

void check_features(struct doctor *d)
{
	static const struct {
		const char *name, *cost;
	} rows[] = {
		{ "VERSION_1", "the old interface" },
		{ "MRG_RXBUF",
		  "no frame may take several buffers: long frames are dropped, or its buffers are all 64 KiB" },
		{ "EVENT_IDX", "it is interrupted, and kicks, more often" },
		{ "INDIRECT_DESC", "its transmit ring holds fewer frames" },
	};
	const json_t *v;

	DOCTOR_EACH(d->vports, "vports", v) {
		if (!is_running(v) || is_default(v))
			continue;
		if (has_no_feature(v)) {
			doctor_say(d, DOCTOR_WARNING,
				   "VPort %s: its VM's driver uses no feature of virtio, says QEMU. A boot ROM does that. Else QEMU does "
				   "not know: vmqd was not there when the VM arrived by migration, and now its frames are not understood",
				   doctor_text(v, "name"));
			doctor_mend(d, "migrate the VM once more; or in the VM: modprobe -r virtio_net && modprobe virtio_net");
			continue;
		}
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			if (has_feature(v, rows[i].name))
				continue;
			doctor_say(d, DOCTOR_NOTE, "VPort %s: its VM's driver works without %s: %s",
				   doctor_text(v, "name"), rows[i].name, rows[i].cost);
			doctor_mend(d, "a newer driver in the VM; no %s=off at QEMU's device",
				    strcmp(rows[i].name, "MRG_RXBUF") == 0
					    ? "mrg_rxbuf"
					    : "event_idx, indirect_desc or disable-modern");
		}
	}
}

/* Frames are finished for `who`: a VPort, or the wire of an adapter. */
static bool tell_finished(struct doctor *d, const json_t *who, const char *kind, const char *name, bool wire)
{
	struct doctor_state s;

	if (!doctor_state(who, "finished", &s))
		return false;
	doctor_say(d, s.now && !wire ? DOCTOR_WARNING : DOCTOR_NOTE,
		   "%s %s %s what its senders leave to it: %lld checksums and %lld long frames were finished in software, of %lld "
		   "frames %s",
		   kind, name, s.now ? "does not take" : "did not take", (long long)doctor_number(s.counted, "sw_checksums"),
		   (long long)doctor_number(s.counted, "sw_segmented"),
		   (long long)doctor_number(s.counted, wire ? "tx_frames" : "rx_frames"), s.text);
	return true;
}

void check_offloads(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->stats, "vports", v)
		if (tell_finished(d, v, "VPort", doctor_text(v, "name"), false))
			doctor_mend(d, "guest_csum=on,guest_tso4=on,guest_tso6=on at QEMU's device, and a driver that takes them");
	DOCTOR_EACH(d->stats, "wires", v)
		if (tell_finished(d, v, "the wire of adapter", doctor_text(v, "adapter"), true))
			doctor_mend(d, "for a wire by AF_XDP that is so (man vmqd.yaml: port driver packet takes them)");
}

void check_bypass(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->vports, "vports", v) {
		if (!doctor_true(v, "bypass"))
			continue;
		doctor_say(d, DOCTOR_WARNING, "VPort %s is bypassed: its frames take the default queue's way, and a copy more",
			   doctor_text(v, "name"));
		doctor_mend(d, "vmqctl vport set %s bypass off", doctor_text(v, "name"));
	}
}

/* ---- filters ---- */

/* An address of its filters, if all of them are groups'; NULL. */
static const char *groups_only(const json_t *vport)
{
	const char *mac = NULL;
	const json_t *f;

	DOCTOR_EACH(vport, "macs", f) {
		mac = doctor_text(f, "mac");
		if (!cmd_mac_is_group(mac))
			return NULL;
	}
	return mac;
}

/* The address that the VM has, says its QEMU; false: that is not known. */
static bool vm_mac(const struct doctor *d, const json_t *vport, char mac[HOST_MAC_SIZE])
{
	pid_t pid = (pid_t)doctor_number(vport, "peer_pid");

	return doctor_true(vport, "connected") && pid > 0 && host_guest_mac(d->root, pid, doctor_text(vport, "socket"), mac) == 0;
}

static bool has_filter_for(const json_t *vport, const char *mac)
{
	const json_t *f;

	DOCTOR_EACH(vport, "macs", f)
		if (strcasecmp(doctor_text(f, "mac"), mac) == 0)
			return true;
	return false;
}

static void look_at_filters(struct doctor *d, const json_t *vport)
{
	const char *name = doctor_text(vport, "name"), *group = groups_only(vport);
	char mac[HOST_MAC_SIZE];
	bool known = vm_mac(d, vport, mac);

	if (doctor_number(vport, "filters") == 0)
		doctor_say(d, DOCTOR_WARNING, "VPort %s has no filter: nothing reaches its VM, and nothing it sends is taken", name);
	else if (group)
		doctor_say(d, DOCTOR_WARNING,
			   "VPort %s has filters for group addresses only (%s): frames for its VM alone do not reach it", name, group);
	else if (known && json_array_size(json_object_get(vport, "macs")) && !has_filter_for(vport, mac))
		doctor_say(d, DOCTOR_WARNING,
			   "VPort %s has no filter for %s, which is its VM's address, says the VM's QEMU: frames for its VM alone do not reach it",
			   name, mac);
	else
		return;
	doctor_mend(d, "vmqctl filter add %s mac %s%s", name, known ? mac : "MAC",
		    known && !group && doctor_number(vport, "filters") ? "; or mac= of the filter at QEMU's device" : "");
}

void check_filters(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->vports, "vports", v)
		if (!is_default(v) && json_is_integer(json_object_get(v, "filters")))
			look_at_filters(d, v);
}

void check_orphans(struct doctor *d)
{
	const json_t *vports = json_object_get(d->vports, "vports"), *f;

	DOCTOR_EACH(d->filters, "filters", f) {
		const char *vport = doctor_text(f, "vport");

		if (*vport && doctor_find(vports, "name", vport))
			continue;
		doctor_say(d, DOCTOR_WARNING,
			   "filter %lld (%s) is for a VPort that vmqctl does not know: somebody made it by oid.request",
			   (long long)doctor_number(f, "id"), doctor_text(f, "mac"));
		doctor_mend(d, "who made it is to clear it: vmqctl oid OID_RECEIVE_FILTER_CLEAR_FILTER FilterId=%lld",
			    (long long)doctor_number(f, "id"));
	}
}

/* Whether two VLAN tests can hold for one frame. */
static bool same_vlan(const json_t *a, const json_t *b)
{
	const char *x = json_string_value(a), *y = json_string_value(b);

	return (x && strcmp(x, "any") == 0) || (y && strcmp(y, "any") == 0) || json_equal(a, b);
}

/* The device whose own address this is; NULL. */
static const char *device_with(const struct doctor *d, const char *mac)
{
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		if (strcasecmp(doctor_text(json_object_get(s, "host"), "mac"), mac) == 0)
			return doctor_text(s, "host_device");
		if (strcasecmp(doctor_text(json_object_get(s, "port"), "mac"), mac) == 0)
			return doctor_text(json_object_get(s, "port"), "device");
	}
	return NULL;
}

struct address {
	const char *mac;
	const json_t *filter;
};

static int by_mac(const void *a, const void *b)
{
	const struct address *x = a, *y = b;
	int order = strcasecmp(x->mac, y->mac);

	return order ? order : (x->filter > y->filter) - (x->filter < y->filter);
}

static void tell_pair(struct doctor *d, const json_t *a, const json_t *b)
{
	if (strcmp(doctor_text(a, "vport"), doctor_text(b, "vport")) == 0 ||
	    !same_vlan(json_object_get(a, "vlan"), json_object_get(b, "vlan")))
		return;
	doctor_say(d, DOCTOR_WARNING,
		   "%s is the address of VPort %s (adapter %s) and of VPort %s (adapter %s): their frames go to one or "
		   "the other",
		   doctor_text(a, "mac"), doctor_text(a, "vport"), doctor_text(a, "adapter"), doctor_text(b, "vport"),
		   doctor_text(b, "adapter"));
	doctor_mend(d, "vmqctl filter del %lld adapter %s, and another address for the VM",
		    (long long)doctor_number(b, "id"), doctor_text(b, "adapter"));
}

void check_duplicate_mac(struct doctor *d)
{
	const json_t *f;
	size_t n = 0, all = json_array_size(json_object_get(d->filters, "filters"));
	struct address *list = calloc(all + 1, sizeof *list);

	DOCTOR_EACH(d->filters, "filters", f) {
		const char *mac = doctor_text(f, "mac"), *device;

		if (!list || strtoul(mac, NULL, 16) & 1) /* a group's belongs to many */
			continue;
		list[n++] = (struct address){ mac, f };
		device = device_with(d, mac);
		if (!device)
			continue;
		doctor_say(d, DOCTOR_WARNING,
			   "%s is the address of VPort %s and of the device %s: the host does not get its own frames",
			   mac, doctor_text(f, "vport"), device);
		doctor_mend(d, "another address for the VM, or: ip link set %s address MAC", device);
	}
	if (list)
		qsort(list, n, sizeof *list, by_mac);
	for (size_t i = 1; i < n; i++)
		if (strcasecmp(list[i].mac, list[i - 1].mac) == 0)
			tell_pair(d, list[i - 1].filter, list[i].filter);
	free(list);
}

/* ---- rings ---- */

/* A row of queue.show, and the VPort in any list. */
static bool is_queue_of(const json_t *queue, const json_t *vport)
{
	return strcmp(doctor_text(queue, "vport"), doctor_text(vport, "name")) == 0 &&
	       strcmp(doctor_text(queue, "adapter"), doctor_text(vport, "adapter")) == 0;
}

/* This queue of a VM has no receive buffer free, and that is not only so at this moment: with traffic that fills each buffer as
 * soon as it is posted, one would have been filled just now. */
static bool takes_nothing(const json_t *q, const json_t *stats)
{
	enum { MOMENT = 2 }; /* seconds; vmqd looks once in one */
	const json_t *last = json_object_get(json_object_get(stats, "lately"), "rx_last_s");

	return doctor_number(q, "rx_ring") > 0 && strcmp(doctor_text(q, "state"), "running") == 0 &&
	       json_is_integer(json_object_get(q, "rx_free")) && !doctor_number(q, "rx_free") &&
	       (!last || json_integer_value(last) >= MOMENT);
}

static bool has_such_a_queue(const struct doctor *d, const json_t *stats)
{
	const json_t *q;

	DOCTOR_EACH(d->queues, "queues", q)
		if (is_queue_of(q, stats) && takes_nothing(q, stats))
			return true;
	return false;
}

void check_guest_slow(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->stats, "vports", v) {
		bool stuck = has_such_a_queue(d, v);
		struct doctor_loss loss;

		if (!doctor_loss(v, "drops", "rx_no_buffer", DOCTOR_RX, &loss))
			continue;
		doctor_say(d, loss.now ? DOCTOR_WARNING : DOCTOR_NOTE, "VPort %s lost %s: they found no receive buffer, its VM %s (rx_no_buffer)",
			   doctor_text(v, "name"), loss.text,
			   stuck	? "takes nothing at all"
			   : loss.now ? "is too slow for them"
					: "was too slow for them");
		if (stuck)
			doctor_mend(d, "what vmqctl doctor buffers says");
		else
			doctor_mend(d, "rx_queue_size=1024 at QEMU's device; more virtual processors and vmqctl vport set "
				       "queue_pairs; or max_rx_… limits for the senders");
	}
}

void check_ring(struct doctor *d)
{
	const json_t *q;

	DOCTOR_EACH(d->queues, "queues", q) {
		long long size = doctor_number(q, "rx_ring");

		if (size <= 0 || size >= 256)
			continue;
		doctor_say(d, DOCTOR_WARNING,
			   "VPort %s, queue %lld: a receive ring of %lld buffers overflows at the first burst",
			   doctor_text(q, "vport"), (long long)doctor_number(q, "queue"), size);
		doctor_mend(d, "rx_queue_size=1024 at QEMU's device (<driver rx_queue_size='1024'/> in libvirt)");
	}
}

static void tell_stuck(struct doctor *d, const json_t *q, const json_t *stats)
{
	const char *name = doctor_text(q, "vport");
	long long queue = (long long)doctor_number(q, "queue"), interrupts = (long long)doctor_number(stats, "rx_notifications");
	char age[CMD_AGE_SIZE];

	if (!doctor_number(q, "rx_frames")) {
		doctor_say(d, DOCTOR_WARNING, "VPort %s, queue %lld: its VM has posted no receive buffer: whatever comes is dropped", name,
			   queue);
		doctor_mend(d, "look into the VM: is it paused, out of memory, or its driver not up (ip link set eth0 up)?");
		return;
	}
	doctor_say(d, DOCTOR_WARNING,
		   "VPort %s, queue %lld: its VM takes nothing: its last receive buffer was filled %s ago, and %s", name, queue,
		   cmd_age(age, doctor_number(json_object_get(stats, "lately"), "rx_last_s")),
		   interrupts ? "it does not answer the interrupt for it" : "it has never asked for an interrupt");
	doctor_mend(d, interrupts ? "virsh domstate VM; virsh resume VM, if it is paused; in the VM: ip link set eth0 down, then up"
				  : "in the VM: the program that polls the queue (DPDK) runs no more, or: modprobe -r virtio_net && modprobe virtio_net");
}

void check_buffers(struct doctor *d)
{
	const json_t *q, *v;

	DOCTOR_EACH(d->queues, "queues", q)
		DOCTOR_EACH(d->stats, "vports", v)
			if (is_queue_of(q, v) && takes_nothing(q, v))
				tell_stuck(d, q, v);
}

static void tell_interrupts(struct doctor *d, const json_t *vport, const json_t *stats)
{
	const char *name = doctor_text(vport, "name");
	struct doctor_state s;

	if (doctor_state(stats, "polled", &s)) {
		doctor_say(d, DOCTOR_NOTE, "VPort %s: its VM %s interrupted for what it received, %lld frames %s: its driver %s", name,
			   s.now ? "is not" : "was not", (long long)doctor_number(s.counted, "rx_frames"), s.text,
			   s.now ? "polls, or has switched interrupts off" : "polled, or had switched interrupts off");
		doctor_mend(d, "none for a VM that polls (DPDK); else a driver that asks for interrupts");
	}
	if (strcmp(doctor_text(vport, "moderation"), "off") == 0 && doctor_state(stats, "interrupted", &s)) {
		doctor_say(d, s.now ? DOCTOR_WARNING : DOCTOR_NOTE, "VPort %s: %lld interrupts for %lld frames %s: its moderation is off",
			   name, (long long)doctor_number(s.counted, "rx_notifications"),
			   (long long)doctor_number(s.counted, "rx_frames"), s.text);
		doctor_mend(d, "vmqctl vport set %s moderation adaptive", name);
	}
}

void check_notifications(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->vports, "vports", v)
		if (!is_default(v))
			tell_interrupts(d, v, stats_of(d, v));
}

/* ---- drops ---- */

/* What is behind a reason, and what mends it: `mend`, and where there is a `rest` the VPort's name and that. Those without a
 * row are other checks' affair, or of no harm. */
static const struct {
	const char *reason, *cause, *mend, *rest;
} causes[] = {
	{ "rx_port_full", "the host reads its TAP too slowly", "ip link set DEVICE txqueuelen 5000; a faster reader", NULL },
	{ "rx_inbox_full", "the worker of its CPU is overloaded", "vmqctl cpu plan check", NULL },
	{ "rx_limit", "its rate limit is reached",
	  "vmqctl vport set ", " max_rx_frames_per_s N max_rx_bytes_per_s N (0: none), if it is not meant so" },
	{ "tx_runt", "its VM sends frames without a whole header", "the driver in the VM", NULL },
	{ "tx_bad_offload", "its VM asks for a checksum or segments that do not fit the frame",
	  "the driver in the VM", NULL },
	{ "tx_vport_inactive", "it is not activated, or has no filter", "vmqctl filter add ", " mac MAC" },
	{ "tx_source_mac", "its VM uses an address that is not its own",
	  "vmqctl filter add ", " mac MAC; or it is a forgery" },
	{ "tx_vlan", "its VM uses a VLAN that is not its own",
	  "vmqctl vport set ", " trunk VLANS, if its VM has VLAN devices; else a VPort of its own for that VLAN" },
	{ "tx_storm", "its VM sends more broadcasts than its limit",
	  "vmqctl vport set ", " max_group_frames_per_s N; or look into the VM" },
	{ "tx_wire_full", "the wire takes no more", "a faster card, or what is at a veth's far end; max_tx_bytes_per_s of the VPorts that send most", NULL },
	{ "tx_no_reference", "too many of its frames wait for other CPUs", "vmqctl cpu plan check", NULL },
};

/* Queue pairs of a VPort that run. */
static unsigned running_pairs(const struct doctor *d, const json_t *vport)
{
	unsigned n = 0;
	const json_t *q;

	DOCTOR_EACH(d->queues, "queues", q)
		n += is_queue_of(q, vport) && strcmp(doctor_text(q, "state"), "running") == 0;
	return n;
}

/* What its queue pairs received, and what the busiest of them did: lately, or in all. */
static void frames_by_pair(const struct doctor *d, const json_t *vport, const struct doctor_state *s, long long *all, long long *most)
{
	const json_t *v;

	*all = *most = 0;
	DOCTOR_EACH(s->counted, "rx_by_pair", v) {
		*all += json_integer_value(v);
		*most = json_integer_value(v) > *most ? json_integer_value(v) : *most;
	}
	DOCTOR_EACH(s->now ? NULL : d->queues, "queues", v) {
		long long rx = doctor_number(v, "rx_frames");

		if (!is_queue_of(v, vport))
			continue;
		*all += rx;
		*most = rx > *most ? rx : *most;
	}
}

/* One connection is in one pair, and that is well unless the pair has all it can bear. */
static void tell_one_pair(struct doctor *d, const json_t *vport, unsigned running)
{
	const json_t *stats = stats_of(d, vport);
	struct doctor_loss loss;
	struct doctor_state s;
	long long all, most;
	bool harms;

	if (!doctor_state(stats, "one_pair", &s))
		return;
	harms = s.now && ((doctor_loss(stats, "drops", "rx_no_buffer", DOCTOR_RX, &loss) && loss.now) ||
			  (doctor_loss(stats, "drops", "rx_inbox_full", DOCTOR_RX, &loss) && loss.now));
	frames_by_pair(d, vport, &s, &all, &most);
	doctor_say(d, harms ? DOCTOR_WARNING : DOCTOR_NOTE,
		   "VPort %s: of %lld frames %s %lld came by one of its %u queue pairs%s: one connection, or frames without an IP header, "
		   "are not spread",
		   doctor_text(vport, "name"), all, s.text, most, running, harms ? ", and some found no room there" : "");
	doctor_mend(d, "vmqctl trace %s -c 5 shows the hash and the queue of the next frames", doctor_text(vport, "name"));
}

void check_rss(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->vports, "vports", v) {
		long long given = doctor_number(v, "queue_pairs");
		const char *name = doctor_text(v, "name");
		unsigned running = running_pairs(d, v);

		if (given < 2 || !is_running(v))
			continue;
		if (json_is_false(json_object_get(v, "rss"))) {
			doctor_say(d, DOCTOR_WARNING, "VPort %s has %lld queue pairs, and all it receives comes by the first: rss is off",
				   name, given);
			doctor_mend(d, "vmqctl vport set %s rss on", name);
		} else if (running == 1) {
			doctor_say(d, DOCTOR_WARNING, "VPort %s has %lld queue pairs, and its VM uses one", name, given);
			doctor_mend(d,
				    "queues=%lld at -netdev, mq=on,vectors=%lld at the device, as many vCPUs; in the VM: ethtool -L "
				    "eth0 combined %lld",
				    given, 2 * given + 2, given);
		} else {
			tell_one_pair(d, v, running);
		}
	}
}

void check_drops(struct doctor *d)
{
	const json_t *v;

	DOCTOR_EACH(d->stats, "vports", v) {
		for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
			struct doctor_loss loss;

			if (!doctor_loss(v, "drops", causes[i].reason, DOCTOR_RX | DOCTOR_TX, &loss))
				continue;
			doctor_say(d, loss.now ? DOCTOR_WARNING : DOCTOR_NOTE, "VPort %s lost %s: %s (%s)", doctor_text(v, "name"),
				   loss.text, causes[i].cause, causes[i].reason);
			doctor_mend(d, "%s%s%s", causes[i].mend, causes[i].rest ? doctor_text(v, "name") : "",
				    causes[i].rest ? causes[i].rest : "");
		}
	}
}
