/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every metric, one row each: the row yields HELP, TYPE, UNIT and samples of /metrics, and the row of docs/metrics.md. Names
 * are stable: a row may be added, none is renamed. Reasons of drops, features and findings are the daemon's words, as they
 * come over the control socket.
 */
#ifndef VMQ_EXPORTER_METRICS_TABLE_H
#define VMQ_EXPORTER_METRICS_TABLE_H

/*
 * What metrics are of: enum, the method that tells of them, the list in its answer ("": the answer itself is the only one),
 * and their labels, `label=member` with a blank between. `a|b`: member b where there is no a.
 */
#define METRIC_LEVELS(X)                                                                                              \
	X(EXPORTER, "exporter", "", "")                                                                               \
	X(DAEMON, "version", "", "")                                                                                  \
	X(PLAN, "cpu.plan.show", "", "")                                                                              \
	X(CPU, "cpu.plan.show", "workers", "cpu=cpu")                                                                 \
	X(PLACE, "cpu.plan.show", "places", "adapter=adapter name=name cpu=cpu kind=kind")                            \
	X(ADAPTER, "switch.show", "switches", "adapter=adapter")                                                      \
	X(WIRE, "stats.show", "wires", "adapter=adapter")                                                             \
	X(WORKER, "stats.show", "workers", "cpu=cpu")                                                                 \
	X(VPORT, "vport.show", "vports", "adapter=adapter vport=id name=name")                                        \
	X(TRAFFIC, "stats.show", "vports", "adapter=adapter vport=id name=name")                                      \
	X(QUEUE, "queue.show", "queues", "adapter=adapter vport=vport_id|queue name=vport queue=queue")

/*
 * How a member becomes samples:
 *   NUMBER   the number                      NS, US    nano-, microseconds as seconds
 *   PERCENT  percent as a ratio              BOOL      true is 1
 *   IS       `member=word|word`: 1 where the member is one of these words
 *   INFO     `label=member …`, always 1      STATES    `member=word|word`: a sample for each word; the member's word ends at ':'
 *   BY       `label=member`: an object, a sample for each of its numbers
 *   EACH     `label=member`: a list of words, a sample 1 for each
 *   TALLY    `label=list.member`: how often each word occurs in that member of the list's objects
 *   DELAYS   an object of upper bounds in µs; a histogram in seconds
 *   BATCHES  a list, how many of 1, 2-3, 4-7 … 256-511, 512 frames; a histogram
 */
enum metric_read {
	READ_NUMBER,
	READ_NS,
	READ_US,
	READ_PERCENT,
	READ_BOOL,
	READ_IS,
	READ_INFO,
	READ_STATES,
	READ_BY,
	READ_EACH,
	READ_TALLY,
	READ_DELAYS,
	READ_BATCHES,
};

/* X(level, name, type, unit, how it is read, the member, what it is) */
#define METRICS_SELF(X)                                                                                               \
	X(EXPORTER, "vmq_up", GAUGE, "", BOOL, "up", "1 while vmqd answers, else 0 and nothing of vmqd is told")      \
	X(EXPORTER, "vmq_exporter", INFO, "", INFO, "version=version", "the exporter")                                \
	X(EXPORTER, "vmq_exporter_looks", COUNTER, "", NUMBER, "looks", "times that vmqd was asked")                  \
	X(EXPORTER, "vmq_exporter_failed_looks", COUNTER, "", NUMBER, "failed_looks", "of them: not answered")        \
	X(EXPORTER, "vmq_exporter_look_seconds", GAUGE, "seconds", NS, "look_ns", "how long the last one took")       \
	X(DAEMON, "vmq_daemon", INFO, "", INFO, "version=version", "vmqd")                                            \
	X(DAEMON, "vmq_daemon_uptime_seconds", GAUGE, "seconds", NUMBER, "uptime_s", "since vmqd was started")

#define METRICS_CPU(X)                                                                                                \
	X(PLAN, "vmq_cpu_auto", GAUGE, "", BOOL, "auto", "1: vmqd moves VPorts whose CPU nobody chose")               \
	X(PLAN, "vmq_cpu_plan_findings", GAUGE, "", TALLY, "check=findings.check",                                    \
	  "what is wrong with the CPU plan, by check (vmqctl cpu plan check)")                                        \
	X(CPU, "vmq_cpu", INFO, "", INFO, "node=node core=core isolated=isolated nohz_full=nohz_full",                \
	  "a CPU with a worker: its memory node and core")                                                            \
	X(CPU, "vmq_cpu_busy_ratio", GAUGE, "ratio", PERCENT, "busy_pct",                                             \
	  "share of time that the CPU's worker had work, lately, as automatic placement sees it")                     \
	X(PLACE, "vmq_cpu_place_load_ratio", GAUGE, "ratio", PERCENT, "load_pct",                                     \
	  "who is on the CPU (kind: wire or vport), and the share of its time that goes to it")

#define METRICS_WORKER(X)                                                                                             \
	X(WORKER, "vmq_worker", INFO, "", INFO, "policy=policy light_sleep=light_sleep", "when the worker sleeps, and whether lightly") \
	X(WORKER, "vmq_worker_sleep", STATESET, "", STATES, "sleep=deep|light|not available", "how its CPU sleeps")      \
	X(WORKER, "vmq_worker_sleep_changes", COUNTER, "", NUMBER, "sleep_changes",                                   \
	  "times the kernel was asked for light sleep, and given it back")                                            \
	X(WORKER, "vmq_worker_busy_seconds", COUNTER, "seconds", NS, "busy_ns", "time in turns that found work")      \
	X(WORKER, "vmq_worker_poll_seconds", COUNTER, "seconds", NS, "poll_ns", "time in turns that found none")      \
	X(WORKER, "vmq_worker_sleep_seconds", COUNTER, "seconds", NS, "sleep_ns", "time asleep")                      \
	X(WORKER, "vmq_worker_busy_cycles", COUNTER, "cycles", NUMBER, "busy_cycles",                                 \
	  "busy time by the processor's clock; divided by the frames: the cost of one")                               \
	X(WORKER, "vmq_worker_frames", COUNTER, "frames", NUMBER, "frames", "frames worked on")                       \
	X(WORKER, "vmq_worker_batch_frames", HISTOGRAM, "frames", BATCHES, "batches",                                 \
	  "how many frames were worked together")                                                                     \
	X(WORKER, "vmq_worker_turns", COUNTER, "", NUMBER, "polls", "turns")                                          \
	X(WORKER, "vmq_worker_busy_turns", COUNTER, "", NUMBER, "turns", "turns that found work")                     \
	X(WORKER, "vmq_worker_sleeps", COUNTER, "", NUMBER, "sleeps", "times it fell asleep")                         \
	X(WORKER, "vmq_worker_timed_sleeps", COUNTER, "", NUMBER, "timed_sleeps",                                     \
	  "of them: ended by a timer, for a rate limit, for interrupts held back, for light sleep")                                  \
	X(WORKER, "vmq_worker_rings", GAUGE, "", NUMBER, "rings", "rings it serves")                                  \
	X(WORKER, "vmq_worker_rings_armed", GAUGE, "", NUMBER, "rings_armed", "of them: silent, and cost nothing")    \
	X(WORKER, "vmq_worker_rings_held", GAUGE, "", NUMBER, "rings_held", "of them: wait for their VPort's rate limit")

#define METRICS_ADAPTER(X)                                                                                            \
	X(ADAPTER, "vmq_adapter", INFO, "",                                                                           \
	  INFO, "mode=mode holds=holds switch=name driver=port.driver device=port.device host_device=host_device",    \
	  "the adapter: its mode, its NIC switch, its wire")                                                          \
	X(ADAPTER, "vmq_adapter_link", GAUGE, "", BOOL, "port.link", "1: the wire's link is up")                      \
	X(ADAPTER, "vmq_adapter_host_link", GAUGE, "", BOOL, "host.link", "1: the host's device is up")               \
	X(ADAPTER, "vmq_adapter_mtu_bytes", GAUGE, "bytes", NUMBER, "port.mtu", "the wire's MTU")                     \
	X(ADAPTER, "vmq_adapter_vports", GAUGE, "", NUMBER, "num_vports", "VPorts")                                   \
	X(ADAPTER, "vmq_adapter_vports_max", GAUGE, "", NUMBER, "max_vports", "limit of VPorts")                      \
	X(ADAPTER, "vmq_adapter_vfs", GAUGE, "", NUMBER, "num_vfs", "virtual functions that are allocated")           \
	X(ADAPTER, "vmq_adapter_vfs_max", GAUGE, "", NUMBER, "max_vfs", "limit of virtual functions")                 \
	X(ADAPTER, "vmq_adapter_queue_pairs", GAUGE, "", NUMBER, "queue_pairs", "queue pairs in use")                 \
	X(ADAPTER, "vmq_adapter_queue_pairs_max", GAUGE, "", NUMBER, "max_queue_pairs", "limit of queue pairs")       \
	X(ADAPTER, "vmq_adapter_vm_queues", GAUGE, "", NUMBER, "num_queues", "VM queues (mode VMQ)")                  \
	X(ADAPTER, "vmq_adapter_vm_queues_max", GAUGE, "", NUMBER, "max_queues", "limit of VM queues")                \
	X(ADAPTER, "vmq_adapter_filters", GAUGE, "", NUMBER, "num_filters", "receive filters")                        \
	X(ADAPTER, "vmq_adapter_filters_max", GAUGE, "", NUMBER, "max_filters", "limit of receive filters")           \
	X(ADAPTER, "vmq_adapter_driver_faults", COUNTER, "", NUMBER, "driver_faults",                                 \
	  "times that the adapter's driver broke a rule of its interface")                                            \
	X(WIRE, "vmq_wire_rx_frames", COUNTER, "frames", NUMBER, "rx_frames", "frames that came in")                  \
	X(WIRE, "vmq_wire_rx_bytes", COUNTER, "bytes", NUMBER, "rx_bytes", "their bytes")                             \
	X(WIRE, "vmq_wire_tx_frames", COUNTER, "frames", NUMBER, "tx_frames", "frames that went out")                 \
	X(WIRE, "vmq_wire_tx_bytes", COUNTER, "bytes", NUMBER, "tx_bytes", "their bytes")                             \
	X(WIRE, "vmq_wire_dropped_frames", COUNTER, "frames", BY, "reason=drops",                                     \
	  "frames from the wire that were for no VPort")                                                              \
	X(WIRE, "vmq_wire_port_errors", COUNTER, "", BY, "reason=port", "frames that the port itself could not take or send") \
	X(WIRE, "vmq_wire_sw_checksums", COUNTER, "", NUMBER, "sw_checksums", "checksums computed for the wire")      \
	X(WIRE, "vmq_wire_sw_segmented_frames", COUNTER, "frames", NUMBER, "sw_segmented", "frames cut for the wire") \
	X(WIRE, "vmq_wire_sw_segments", COUNTER, "", NUMBER, "sw_segments", "what they became")

#define METRICS_VPORT(X)                                                                                              \
	X(VPORT, "vmq_vport", INFO, "", INFO,                                                                         \
	  "object=object function=function moderation=moderation socket_mode=socket_mode origin=origin",              \
	  "the VPort (or VM queue): what it is and where it comes from")                                              \
	X(VPORT, "vmq_vport_active", GAUGE, "", IS, "state=activated|running", "1: the VPort is activated, the VM queue runs") \
	X(VPORT, "vmq_vport_status", STATESET, "", STATES, "status=no VM|connected|running|broken",                   \
	  "what there is of a VM")                                                                                    \
	X(VPORT, "vmq_vport_feature", GAUGE, "", EACH, "feature=features", "1 for each virtio feature that was negotiated") \
	X(VPORT, "vmq_vport_cpu", GAUGE, "", NUMBER, "cpu", "the number of the CPU that serves it")                   \
	X(VPORT, "vmq_vport_cpu_auto", GAUGE, "", BOOL, "cpu_auto", "1: vmqd may change its CPU")                     \
	X(VPORT, "vmq_vport_queue_pairs", GAUGE, "", NUMBER, "queue_pairs", "its queue pairs")                        \
	X(VPORT, "vmq_vport_filters", GAUGE, "", NUMBER, "filters", "its receive filters")                            \
	X(VPORT, "vmq_vport_source_check", GAUGE, "", BOOL, "source_check", "1: what its VM sends from a foreign address is dropped") \
	X(VPORT, "vmq_vport_vlan_check", GAUGE, "", BOOL, "vlan_check", "1: what its VM sends for a foreign VLAN is dropped") \
	X(VPORT, "vmq_vport_all_multicast", GAUGE, "", BOOL, "all_multicast", "1: it gets all groups of its VLANs")   \
	X(VPORT, "vmq_vport_trunk", GAUGE, "", BOOL, "trunk", "1: its VM sees VLAN tags and sends its own")            \
	X(VPORT, "vmq_vport_bypass", GAUGE, "", BOOL, "bypass", "1: its frames go through the default queue, as without VMQ") \
	X(VPORT, "vmq_vport_max_tx_bytes_per_second", GAUGE, "bytes_per_second", NUMBER, "max_tx_bytes_per_s",        \
	  "rate limit of what its VM sends; 0: none")                                                                 \
	X(VPORT, "vmq_vport_tx_burst_bytes", GAUGE, "bytes", NUMBER, "tx_burst_bytes", "its burst; 0: what passes in 10 ms") \
	X(VPORT, "vmq_vport_max_tx_frames_per_second", GAUGE, "frames_per_second", NUMBER, "max_tx_frames_per_s",     \
	  "likewise in frames")                                                                                       \
	X(VPORT, "vmq_vport_tx_burst_frames", GAUGE, "frames", NUMBER, "tx_burst_frames", "its burst")                \
	X(VPORT, "vmq_vport_max_rx_bytes_per_second", GAUGE, "bytes_per_second", NUMBER, "max_rx_bytes_per_s",        \
	  "rate limit of what its VM receives; 0: none")                                                              \
	X(VPORT, "vmq_vport_rx_burst_bytes", GAUGE, "bytes", NUMBER, "rx_burst_bytes", "its burst")                   \
	X(VPORT, "vmq_vport_max_rx_frames_per_second", GAUGE, "frames_per_second", NUMBER, "max_rx_frames_per_s",     \
	  "likewise in frames")                                                                                       \
	X(VPORT, "vmq_vport_rx_burst_frames", GAUGE, "frames", NUMBER, "rx_burst_frames", "its burst")                \
	X(VPORT, "vmq_vport_max_group_frames_per_second", GAUGE, "frames_per_second", NUMBER, "max_group_frames_per_s", \
	  "limit of broadcast and multicast frames that its VM sends; 0: none")                                       \
	X(VPORT, "vmq_vport_group_burst_frames", GAUGE, "frames", NUMBER, "group_burst_frames", "its burst")          \
	X(VPORT, "vmq_vport_moderation_seconds", GAUGE, "seconds", US, "moderation_us",                               \
	  "how long interrupts are held back; 0: as the level says")                                                  \
	X(VPORT, "vmq_vport_moderation_frames", GAUGE, "frames", NUMBER, "moderation_frames", "or with so many frames waiting")

#define METRICS_TRAFFIC(X)                                                                                            \
	X(TRAFFIC, "vmq_vport_rx_frames", COUNTER, "frames", NUMBER, "rx_frames", "frames delivered to the VM")       \
	X(TRAFFIC, "vmq_vport_rx_bytes", COUNTER, "bytes", NUMBER, "rx_bytes", "their bytes")                         \
	X(TRAFFIC, "vmq_vport_tx_frames", COUNTER, "frames", NUMBER, "tx_frames", "frames taken from the VM")         \
	X(TRAFFIC, "vmq_vport_tx_bytes", COUNTER, "bytes", NUMBER, "tx_bytes", "their bytes")                         \
	X(TRAFFIC, "vmq_vport_dropped_frames", COUNTER, "frames", BY, "reason=drops",                                 \
	  "frames dropped, by reason; rx: for the VM, tx: from it")                                                   \
	X(TRAFFIC, "vmq_vport_rx_batches", COUNTER, "", NUMBER, "rx_batches",                                         \
	  "receive indications: publications of the used index that carried frames")                                  \
	X(TRAFFIC, "vmq_vport_rx_notifications", COUNTER, "", NUMBER, "rx_notifications", "interrupts for received frames") \
	X(TRAFFIC, "vmq_vport_rx_spurious_notifications", COUNTER, "", NUMBER, "rx_spurious_notifications",           \
	  "of them: sent though the driver had not moved since the one before")                                       \
	X(TRAFFIC, "vmq_vport_notify_delay_seconds", HISTOGRAM, "seconds", DELAYS, "notify_delay",                    \
	  "how long interrupts for received frames were held back (moderation)")                                      \
	X(TRAFFIC, "vmq_vport_tx_kicks", COUNTER, "", NUMBER, "tx_kicks", "notifications from the VM")                \
	X(TRAFFIC, "vmq_vport_tx_spurious_kicks", COUNTER, "", NUMBER, "tx_spurious_kicks",                           \
	  "of them: for a ring that was polled already or had nothing new")                                           \
	X(TRAFFIC, "vmq_vport_tx_notifications", COUNTER, "", NUMBER, "tx_notifications",                             \
	  "interrupts for transmit buffers given back")                                                               \
	X(TRAFFIC, "vmq_vport_bypass_frames", COUNTER, "frames", NUMBER, "bypass_frames",                             \
	  "of the frames delivered: by way of the default queue")                                                     \
	X(TRAFFIC, "vmq_vport_sw_checksums", COUNTER, "", NUMBER, "sw_checksums",                                     \
	  "checksums computed here because the VM takes no unfinished ones")                                          \
	X(TRAFFIC, "vmq_vport_sw_segmented_frames", COUNTER, "frames", NUMBER, "sw_segmented",                        \
	  "frames cut here because the VM takes no large ones")                                                       \
	X(TRAFFIC, "vmq_vport_sw_segments", COUNTER, "", NUMBER, "sw_segments", "what they became")                   \
	X(TRAFFIC, "vmq_vport_faults", COUNTER, "", NUMBER, "faults",                                                 \
	  "requests of its front-end that were refused, connections closed for a fault")                              \
	X(TRAFFIC, "vmq_vport_breaks", COUNTER, "", NUMBER, "breaks", "times one of its queue pairs was broken")      \
	X(TRAFFIC, "vmq_vport_announcements", COUNTER, "", NUMBER, "announcements", "RARP frames asked for after migrations") \
	X(TRAFFIC, "vmq_vport_announcements_withheld", COUNTER, "", NUMBER, "announcements_withheld", "of them: not sent")

#define METRICS_QUEUE(X)                                                                                              \
	X(QUEUE, "vmq_queue_state", STATESET, "", STATES, "state=no VM|paused|running|broken", "of the queue pair")   \
	X(QUEUE, "vmq_queue_cpu", GAUGE, "", NUMBER, "cpu", "the number of the CPU that serves it")                   \
	X(QUEUE, "vmq_queue_held", GAUGE, "", BOOL, "held", "1: its transmit ring waits for the VPort's rate limit")  \
	X(QUEUE, "vmq_queue_rx_ring_buffers", GAUGE, "buffers", NUMBER, "rx_ring", "size of its receive ring")        \
	X(QUEUE, "vmq_queue_rx_free_buffers", GAUGE, "buffers", NUMBER, "rx_free", "receive buffers that the VM has posted") \
	X(QUEUE, "vmq_queue_tx_ring_buffers", GAUGE, "buffers", NUMBER, "tx_ring", "size of its transmit ring")       \
	X(QUEUE, "vmq_queue_rx_frames", COUNTER, "frames", NUMBER, "rx_frames", "frames delivered through it")        \
	X(QUEUE, "vmq_queue_rx_bytes", COUNTER, "bytes", NUMBER, "rx_bytes", "their bytes")                           \
	X(QUEUE, "vmq_queue_tx_frames", COUNTER, "frames", NUMBER, "tx_frames", "frames taken from it")               \
	X(QUEUE, "vmq_queue_tx_bytes", COUNTER, "bytes", NUMBER, "tx_bytes", "their bytes")

#define METRICS(X)                                                                                                    \
	METRICS_SELF(X)                                                                                               \
	METRICS_ADAPTER(X)                                                                                            \
	METRICS_VPORT(X)                                                                                              \
	METRICS_TRAFFIC(X)                                                                                            \
	METRICS_QUEUE(X)                                                                                              \
	METRICS_WORKER(X)                                                                                             \
	METRICS_CPU(X)

#endif
