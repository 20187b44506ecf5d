/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of schema.h, which includes this file: X(object, key, type, default, change, help, more). One table an object.
 *
 * Types as schema.h has them, with their ranges; defaults: IS("JSON"), FOLLOWS("from what"), REQUIRED, NONE; changes: LIVE
 * (while it runs), RENEW (the VPort is made anew), RESTART, PARTS, KEY. schema.c makes initializers of these words.
 */
#ifndef VMQ_SCHEMA_ROWS_H
#define VMQ_SCHEMA_ROWS_H

#define SCHEMA_SOCKET_MAX   107u   /* bytes of a socket's path */
#define SCHEMA_PATH_MAX     4095u
#define SCHEMA_MAX_ADAPTERS 16u
#define SCHEMA_MAX_VPORTS   1023u  /* an adapter's, without the default one */
#define SCHEMA_MAX_FILTERS  65536u
#define SCHEMA_MAX_WORKERS  64u
#define SCHEMA_MAX_RATE     1000000000000ull
#define SCHEMA_GROUP_FRAMES "10000"

#define SCHEMA_DRIVERS     "auto|xdp|packet|tap|pcap"
#define SCHEMA_NAPIS       "auto|thread|leave"
#define SCHEMA_POLICIES    "adaptive|poll|interrupt"
#define SCHEMA_LIGHT_SLEEPS "auto|always|off"
#define SCHEMA_MODERATIONS "adaptive|off|low|medium|high|undefined"

#define SCHEMA_ROWS_ROOT(X)                                                                                            \
	X(ROOT, control, MAPPING(CONTROL), NONE, PARTS, "the control socket, which vmqctl talks to", "")              \
	X(ROOT, vport_sockets, MAPPING(SOCKETS), NONE, PARTS, "access to the VPorts' sockets that vmqd listens at",   \
	  "The user QEMU runs as must be able to connect (libvirt on Debian: group kvm).")                            \
	X(ROOT, cpus, WORKERS(WORKER, SCHEMA_MAX_WORKERS), FOLLOWS("the last CPU the process may run on"), RESTART,   \
	  "CPU numbers, each once: one worker thread runs on each",                                                   \
	  "An entry may be a mapping with the number and how the worker sleeps.")                                      \
	X(ROOT, cpu_auto, BOOL, IS("true"), LIVE,                                                                     \
	  "move VPorts without a cpu of their own off workers that stay overloaded", "See vmqctl cpu auto.")          \
	X(ROOT, adapters, LIST(ADAPTER, 1, SCHEMA_MAX_ADAPTERS), REQUIRED, PARTS, "the adapters", "")                 \
	X(ROOT, run_dir, PATH(SCHEMA_SOCKET_MAX), IS("\"/run/vmq\""), RESTART,                                        \
	  "where the sockets of VPorts lie that have none of their own", "They are called NAME.sock.")                \
	X(ROOT, state, STORE(SCHEMA_PATH_MAX),                                                                        \
	  FOLLOWS("/var/lib/vmq/state.db with the configuration /etc/vmq/vmqd.yaml, none with any other"), RESTART,   \
	  "the file in which what was asked at run time is kept over restarts, or none",                              \
	  "An SQLite database, with its journal beside it. What run time changed, added or deleted is kept over "     \
	  "what this file declares; vmqctl vport show has it as origin, vmqctl config diff says where they differ. "  \
	  "A request is answered when it is on the disk; one that cannot be stored is refused and undone. A VPort "   \
	  "that is taken out of this file is gone at the next start, with what was changed of it.")                   \
	X(ROOT, sandbox, BOOL, IS("true"), RESTART,                                                                   \
	  "give up what running does not need once everything is started",                                            \
	  "Capabilities, files but the directories of its sockets (run_dir, the control socket's, those of the "      \
	  "VPorts in this file: Landlock), and system calls (seccomp). What this kernel does not have is logged and " \
	  "left out. A VPort that is added later may have its socket in those directories only; in mode client "      \
	  "anywhere.")                                                                                                \
	X(ROOT, user, TEXT(SCHEMA_PATH_MAX), FOLLOWS("who started vmqd"), RESTART,                                    \
	  "the user whose process vmqd becomes then, with its groups",                                                \
	  "run_dir and the sockets are given to it. It keeps no capability: a group must be one of its own, and "     \
	  "sockets of front-ends must let it in.")

#define SCHEMA_ROWS_CONTROL(X)                                                                                         \
	X(CONTROL, socket, PATH(SCHEMA_SOCKET_MAX), IS("\"/run/vmq/vmqd.sock\""), RESTART, "where it lies", "")       \
	X(CONTROL, mode, MODE, IS("\"0660\""), RESTART, "its permissions, octal", "")                                 \
	X(CONTROL, group, TEXT(SCHEMA_PATH_MAX), IS("\"root\""), RESTART, "its group",                                \
	  "Members may connect, beside root and the user vmqd runs as.")

#define SCHEMA_ROWS_SOCKETS(X)                                                                                         \
	X(SOCKETS, mode, MODE, IS("\"0660\""), RESTART, "their permissions, octal", "")                               \
	X(SOCKETS, group, TEXT(SCHEMA_PATH_MAX), IS("\"root\""), RESTART, "their group", "")

#define SCHEMA_ROWS_WORKER(X)                                                                                          \
	X(WORKER, cpu, NUMBER(0, 1023), REQUIRED, KEY, "its CPU", "")                                                             \
	X(WORKER, policy, WORD(SCHEMA_POLICIES), IS("\"adaptive\""), LIVE, "when it sleeps",                          \
	  "adaptive: after 60 microseconds without work; poll: never; interrupt: at once.")                           \
	X(WORKER, light_sleep, WORD(SCHEMA_LIGHT_SLEEPS), IS("\"auto\""), LIVE,                                       \
	  "whether its CPU sleeps lightly, to be back at once",                                                      \
	  "auto: while work keeps ending its sleeps; always; off: as deep as the kernel likes.")

#define SCHEMA_ROWS_ADAPTER(X)                                                                                         \
	X(ADAPTER, name, NAME, REQUIRED, KEY, "its name, different from the others'", "")                             \
	X(ADAPTER, switch_name, TEXT(64), IS("\"Default Switch\""), RESTART, "the switch's name, for people", "")     \
	X(ADAPTER, keywords, KEYWORDS, NONE, RESTART, "the standardized keywords",                                    \
	  "They decide whether VMs get VPorts of a NIC switch (so it is without them) or VM queues.")                 \
	X(ADAPTER, limits, MAPPING(LIMITS), NONE, PARTS, "how much the adapter has of everything", "")                \
	X(ADAPTER, create_switch, BOOL, IS("false"), RESTART,                                                         \
	  "make the NIC switch at start where the mode leaves it open",                                               \
	  "That is mode VMQ with limits.switch_without_sriov. Without it the first of vports becomes a VM queue.")    \
	X(ADAPTER, port, PORT_OR(PORT, PCAP), REQUIRED, RESTART, "the physical port, where frames of the wire come "  \
	  "and go", "")                                                                                               \
	X(ADAPTER, host, MAPPING(HOST), NONE, PARTS, "the host's own port, a TAP device: the default VPort",          \
	  "It gets what no filter claims: of unicast frames those to the device's address, or all while it is "       \
	  "promiscuous (as the port of a bridge is).")                                                                \
	X(ADAPTER, vports, LIST(VPORT, 0, SCHEMA_MAX_VPORTS), NONE, PARTS, "the VPorts; in mode VMQ the VM queues",   \
	  "")

#define SCHEMA_ROWS_PORT(X)                                                                                            \
	X(PORT, driver, WORD(SCHEMA_DRIVERS), IS("\"auto\""), RESTART, "how frames are taken and sent",               \
	  "auto: the best that works, and vmqd says which and why; xdp: AF_XDP on a network device; packet: "         \
	  "AF_PACKET, for kernels without XDP sockets; tap: a TAP device; pcap: capture files.")                      \
	X(PORT, cpu, CPU, FOLLOWS("the first of cpus"), RESTART, "the worker that serves it, one of cpus", "")        \
	X(PORT, device, DEVICE, REQUIRED, RESTART, "the network device",                                              \
	  "It must exist, but for tap, which makes it.")                                                              \
	X(PORT, netns, PATH(SCHEMA_PATH_MAX), FOLLOWS("vmqd's own"), RESTART,                                         \
	  "the path of the network namespace the device is in", "")                                                    \
	X(PORT, napi, WORD(SCHEMA_NAPIS), IS("\"auto\""), RESTART,                                                    \
	  "AF_XDP: whether a kernel thread receives for the device (threaded NAPI)",                                  \
	  "auto: on a device without interrupts of its own (veth), which else is received for on the CPU of whoever "  \
	  "sends; thread: on any; leave: as it is. What vmqd made ends with it.")

#define SCHEMA_ROWS_PCAP(X)                                                                                            \
	X(PCAP, driver, WORD("pcap"), REQUIRED, RESTART, "pcap: capture files instead of a device", "")               \
	X(PCAP, cpu, CPU, FOLLOWS("the first of cpus"), RESTART, "the worker that serves it, one of cpus", "")        \
	X(PCAP, in, PATH(SCHEMA_PATH_MAX), NONE, RESTART, "a file that is played in", "")                             \
	X(PCAP, out, PATH(SCHEMA_PATH_MAX), NONE, RESTART, "a file that is written", "")                              \
	X(PCAP, rate, NUMBER(0, UINT32_MAX), IS("0"), RESTART, "frames a second of the former; 0: as fast as they "   \
	  "are taken", "")                                                                                            \
	X(PCAP, loop, BOOL, IS("false"), RESTART, "start again at its end", "")

#define SCHEMA_ROWS_HOST(X)                                                                                            \
	X(HOST, device, DEVICE, FOLLOWS("vmq0 for the first adapter, vmq1 for the second, and so on"), RESTART,       \
	  "the TAP device's name", "")                                                                                \
	X(HOST, netns, PATH(SCHEMA_PATH_MAX), FOLLOWS("vmqd's own"), RESTART,                                         \
	  "the path of the network namespace the device is in", "")                                                   \
	X(HOST, cpu, CPU, FOLLOWS("the first of cpus"), LIVE, "the worker that serves it, one of cpus", "")           \
	X(HOST, moderation, WORD(SCHEMA_MODERATIONS), IS("\"adaptive\""), LIVE,                                       \
	  "how much notifications are held back", "As of a VPort.")                                                   \
	X(HOST, source_check, BOOL, IS("false"), LIVE, "drop what the host sends from an address that is not its own", "") \
	X(HOST, vlan_check, BOOL, IS("false"), LIVE, "drop what it sends tagged for another VLAN", "")                 \
	X(HOST, all_multicast, BOOL, IS("false"), LIVE, "give it all multicast frames, as a VPort; it gets them anyway", "") \
	X(HOST, moderation_us, NUMBER(0, 10000), IS("0"), LIVE, "as of a VPort", "")                                  \
	X(HOST, moderation_frames, NUMBER(0, 32768), IS("0"), LIVE, "as of a VPort", "")                              \
	X(HOST, filters, LIST(FILTER, 0, SCHEMA_MAX_FILTERS), NONE, LIVE, "filters of the default VPort", "")

/* Beside vmqd's and the driver's: SOFTNIC_LIMITS and SOFTNIC_FLAGS hold each to the data path's range (a test compares). */
#define SCHEMA_ROWS_LIMITS(X)                                                                                          \
	X(LIMITS, vports, NUMBER(2, 1024), IS("1024"), RESTART, "VPorts, the default one included", "")               \
	X(LIMITS, vfs, NUMBER(0, 1023), FOLLOWS("256, or as many as vports allows"), RESTART, "virtual functions",    \
	  "Fewer than vports.")                                                                                       \
	X(LIMITS, vm_queues, NUMBER(1, 1023), FOLLOWS("one less than vports"), RESTART,                               \
	  "VM queues in mode VMQ, the default one not included", "")                                                  \
	X(LIMITS, queue_pairs, NUMBER(2, 16384), FOLLOWS("16 for each VPort"), RESTART,                               \
	  "queue pairs of all VPorts together", "At least one for each.")                                             \
	X(LIMITS, queue_pairs_per_vport, NUMBER(1, 16), IS("16"), RESTART, "queue pairs of one VPort",                \
	  "A power of 2: 1, 2, 4, 8 or 16.")                                                                          \
	X(LIMITS, filters, NUMBER(2, SCHEMA_MAX_FILTERS), IS("65536"), RESTART,                                       \
	  "filters in all, those for broadcast included", "At least one for each VM queue.")                          \
	X(LIMITS, mac_addresses, NUMBER(2, SCHEMA_MAX_FILTERS), IS("65536"), RESTART,                                 \
	  "filters for unicast addresses on all VPorts of a switch", "At least one for each VPort.")                  \
	X(LIMITS, mac_addresses_per_vport, NUMBER(1, SCHEMA_MAX_FILTERS), IS("65536"), RESTART,                       \
	  "the same on one VPort or VM queue", "")                                                                    \
	X(LIMITS, vlans_per_vport, NUMBER(1, 4094), IS("4094"), RESTART, "VLAN ids in the filters of one", "")        \
	X(LIMITS, single_vport_pool, BOOL, IS("true"), RESTART, "whoever comes first gets a VPort",                   \
	  "false: one is kept for each VF, so that VPorts that are on no VF are at most vports - 1 - vfs; and "       \
	  "several queue pairs of a VPort receive through the first only.")                                           \
	X(LIMITS, asymmetric_queue_pairs, BOOL, IS("true"), RESTART, "each VPort has as many queue pairs as it likes", \
	  "false: all but the default one have equally many.")                                                        \
	X(LIMITS, switch_without_sriov, BOOL, IS("true"), RESTART,                                                    \
	  "with *SRIOV 0 the adapter is neutral until something is asked",                                            \
	  "That is until the first VM queue is allocated, or the switch is made by create_switch or vmqctl switch "   \
	  "add. false: VM queues only.")

#define SCHEMA_ROWS_FILTER(X)                                                                                          \
	X(FILTER, mac, MAC, REQUIRED, KEY, "the address", "")                                                         \
	X(FILTER, vlan, VLAN, IS("\"untagged\""), KEY, "1 to 4094, untagged or any", "")                              \
	X(FILTER, broadcast, BOOL, IS("true"), LIVE, "broadcast frames of that VLAN, too", "")

#define SCHEMA_ROWS_VPORT(X)                                                                                           \
	X(VPORT, name, NAME_BUT("default|wire"), REQUIRED, KEY, "its name, different from all others'", "default and wire are taken.")    \
	X(VPORT, mac, MAC, NONE, LIVE, "frames for this address go to the VPort: its first filter", "")               \
	X(VPORT, vlan, VLAN, IS("\"untagged\""), LIVE, "of that filter: 1 to 4094, untagged or any", "")              \
	X(VPORT, broadcast, BOOL, IS("true"), LIVE, "broadcast frames of that VLAN, too", "")                         \
	X(VPORT, cpu, CPU, FOLLOWS("the least loaded, and vmqd may change it"), LIVE,                                 \
	  "the worker that serves it, one of cpus", "")                                                               \
	X(VPORT, socket, PATH(SCHEMA_SOCKET_MAX), FOLLOWS("NAME.sock in run_dir"), RENEW,                             \
	  "the path of its vhost-user socket", "")                                                                    \
	X(VPORT, socket_mode, WORD("server|client"), IS("\"server\""), RENEW,                                         \
	  "who listens: vmqd (server) or the VM's side",                                                              \
	  "client: vmqd connects, and again when the connection is lost.")                                            \
	X(VPORT, function, WORD("pf|vf"), IS("\"pf\""), RENEW,                                                        \
	  "on the physical function, or on a virtual one of its own",                                                 \
	  "vf: a virtual function is allocated for the VPort. mac is its address, too, which without it is made "     \
	  "from the name.")                                                                                           \
	X(VPORT, queue_pairs, NUMBER(1, 16), IS("1"), LIVE, "receive and transmit queues",                            \
	  "More for the VM that connects next; fewer while there is none. A VPort on a VF is made anew.")             \
	X(VPORT, moderation, WORD(SCHEMA_MODERATIONS), IS("\"adaptive\""), LIVE,                                      \
	  "how much notifications to the VM are held back", "")                                                       \
	X(VPORT, source_check, BOOL, IS("false"), LIVE, "drop what the VM sends from an address that is not its own", "") \
	X(VPORT, vlan_check, BOOL, IS("true"), LIVE, "drop what it sends tagged for another VLAN", "")                \
	X(VPORT, all_multicast, BOOL, IS("true"), LIVE, "give it all multicast frames of its VLANs", "")              \
	X(VPORT, trunk, TRUNK, IS("false"), LIVE, "its VM sees VLAN tags; a list: of its addresses in these VLANs",   \
	  "A list of VLANs (untagged,10,100-199, or any) takes the place of vlan: the address gets a filter for "     \
	  "each, and vlan_check holds the VM to them. Of a VPort that runs all addresses get these and no others.")   \
	X(VPORT, rss, BOOL, IS("true"), LIVE, "spread what it receives over its queue pairs",                         \
	  "By a hash of addresses and ports, so that the frames of a connection stay in order. off: all comes by "    \
	  "the first.")                                                                                               \
	X(VPORT, rss_cpus, TEXT(255), IS("\"auto\""), LIVE, "the CPUs of its queue pairs, a list: 0,2-3",            \
	  "Workers' CPUs, cpu among them. auto: cpu and the workers listed behind it.")                               \
	X(VPORT, rss_hash, TEXT(63), IS("\"all\""), RENEW, "what is hashed: some of ipv4,tcp4,udp4,ipv6,tcp6,udp6",   \
	  "By the contract a VPort keeps it for its life.")                                                           \
	X(VPORT, rss_key, TEXT(80), IS("\"default\""), RENEW, "the key of the hash, 40 bytes in hexadecimal",        \
	  "By the contract a VPort keeps it for its life.")                                                           \
	SCHEMA_ROWS_TUNING(X)                                                                                         \
	X(VPORT, filters, LIST(FILTER, 0, SCHEMA_MAX_FILTERS), NONE, LIVE, "more filters", "")

/* A rate of 0 is no limit; a burst of 0 is what passes in 10 ms. */
#define SCHEMA_ROWS_TUNING(X)                                                                                          \
	X(VPORT, max_tx_bytes_per_s, NUMBER(0, SCHEMA_MAX_RATE), IS("0"), LIVE,                                       \
	  "what it sends: bytes a second; more waits in its ring (0: no limit)", "")                                  \
	X(VPORT, tx_burst_bytes, NUMBER(0, SCHEMA_MAX_RATE), IS("0"), LIVE,                                           \
	  "bytes that pass at once before it counts (0: what passes in 10 ms)", "")                                   \
	X(VPORT, max_tx_frames_per_s, NUMBER(0, SCHEMA_MAX_RATE), IS("0"), LIVE,                                      \
	  "what it sends: frames a second; more waits in its ring", "")                                               \
	X(VPORT, tx_burst_frames, NUMBER(0, SCHEMA_MAX_RATE), IS("0"), LIVE,                                          \
	  "frames that pass at once before it counts", "")                                                            \
	X(VPORT, max_rx_bytes_per_s, NUMBER(0, SCHEMA_MAX_RATE), IS("0"), LIVE,                                       \
	  "what it receives: bytes a second; more is dropped", "")                                                    \
	X(VPORT, rx_burst_bytes, NUMBER(0, SCHEMA_MAX_RATE), IS("0"), LIVE,                                           \
	  "bytes that pass at once before it counts", "")                                                             \
	X(VPORT, max_rx_frames_per_s, NUMBER(0, SCHEMA_MAX_RATE), IS("0"), LIVE,                                      \
	  "what it receives: frames a second; more is dropped", "")                                                   \
	X(VPORT, rx_burst_frames, NUMBER(0, SCHEMA_MAX_RATE), IS("0"), LIVE,                                          \
	  "frames that pass at once before it counts", "")                                                            \
	X(VPORT, max_group_frames_per_s, NUMBER(0, SCHEMA_MAX_RATE), IS(SCHEMA_GROUP_FRAMES), LIVE,                   \
	  "broadcast and multicast frames it sends, a second; more are dropped", "The storm limit; 0: none.")         \
	X(VPORT, group_burst_frames, NUMBER(0, SCHEMA_MAX_RATE), IS("0"), LIVE,                                       \
	  "of them: frames that pass at once before it counts", "")                                                   \
	X(VPORT, moderation_us, NUMBER(0, 10000), IS("0"), LIVE,                                                      \
	  "hold interrupts back for so many µs instead of the level's (0: the level's)", "")                          \
	X(VPORT, moderation_frames, NUMBER(0, 32768), IS("0"), LIVE,                                                  \
	  "but not with so many frames waiting, up to 32768", "")

/* X(keyword, lowest, highest, default or -1, help). The range is the contract's (a test compares it with miniport.h). */
#define SCHEMA_KEYWORDS_READ(X)                                                                                        \
	X("*SriovPreferred", 0, 1, 1, "1: SR-IOV, that is the NIC switch, if *SRIOV is 1; else VM queues if *VMQ is 1. " \
	  "0: what *RssOrVmqPreference says.")                                                                        \
	X("*RssOrVmqPreference", 0, 1, 1, "1: VM queues, if *VMQ is 1. 0: RSS of the bare adapter, if *RSS is 1: the " \
	  "host alone has it.")                                                                                       \
	X("*SRIOV", 0, 1, 1, "SR-IOV is allowed.")                                                                    \
	X("*VMQ", 0, 1, 1, "VM queues are allowed.")                                                                  \
	X("*RSS", 0, 1, 1, "RSS of the bare adapter is allowed.")                                                     \
	X("*VMQVlanFiltering", 0, 1, 1, "Filters may test the VLAN.")                                                 \
	X("*VMQLookaheadSplit", 0, 1, 1, "Means nothing since NDIS 6.30.")                                            \
	X("*NumVFs", 0, 65534, -1, "At most so many VFs are enabled; by default as many as limits.vfs.")              \
	X("*RssOnHostVPorts", 0, 1, 1, "A VPort with several queue pairs receives on all of them (VMMQ).")

/* Those that cannot be otherwise here: X(keyword, the only value, why). */
#define SCHEMA_KEYWORDS_FIXED(X)                                                                                       \
	X("*Flags", 0, "the default switch has none")                                                                 \
	X("*SwitchType", 1, "the switch is an external one")                                                          \
	X("*SwitchId", 0, "an adapter has the default switch only")                                                   \
	X("*PacketCoalescing", 0, "this adapter does not hold packets back")                                          \
	X("*RscIPv4", 0, "this adapter does not join received segments")                                              \
	X("*RscIPv6", 0, "this adapter does not join received segments")                                              \
	X("*EncapsulatedPacketTaskOffload", 0, "this adapter does not look into encapsulated packets")

/* Those that are said elsewhere, or to somebody else: X(keyword, where). */
#define SCHEMA_KEYWORDS_ELSEWHERE(X)                                                                                   \
	X("*SwitchName", "the key switch_name names the switch")                                                      \
	X("*RSSProfile", "the key cpus lists the workers' CPUs, and each VPort has its cpu")                          \
	X("*RssBaseProcGroup", "the key cpus lists the workers' CPUs")                                                \
	X("*RssBaseProcNumber", "the key cpus lists the workers' CPUs")                                               \
	X("*RssMaxProcGroup", "the key cpus lists the workers' CPUs")                                                 \
	X("*RssMaxProcNumber", "the key cpus lists the workers' CPUs")                                                \
	X("*MaxRssProcessors", "the key cpus lists the workers' CPUs")                                                \
	X("*NumRSSQueues", "a VPort has its queue_pairs, and limits their queue_pairs_per_vport")                     \
	X("*NumaNodeId", "the key cpus lists the workers' CPUs")                                                      \
	X("*TenGigVmqEnabled", "an adapter must not read this one, which is the host's; *VMQ is the adapter's")       \
	X("*BelowTenGigVmqEnabled", "an adapter must not read this one, which is the host's; *VMQ is the adapter's")

#endif
