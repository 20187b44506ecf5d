/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vugen: options, and the order of things. The ports come up in the order given, all sockets first, because some
 * switches wait for each one's peer; receivers that never send announce themselves by one broadcast frame; then one
 * measurement, or one for each command.
 */
#include "vugen.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define RING_MAX  32768u
#define FLOWS_MAX 65536u
#define SETTLE_US 200000 /* for broadcasts to be flooded and learnt */

struct options opt = { .size = MIN_FRAME,
		       .ring = 256,
		       .burst = 32,
		       .flows = 1,
		       .timeout_s = 20,
		       .core = -1,
		       .peer_core = -1,
		       .vlan = -1,
		       .time_s = 5,
		       .warmup_s = 1,
		       .gap_us = 2000,
		       .label = "-" };
struct generator gen;

static const char help[] =
    "vugen: plays virtual machines to a vhost-user switch and measures what it carries between them\n"
    "\n"
    "usage: vugen PORT... [OPTION]...\n"
    "\n"
    "Ports, 1100 at most, each option as often as wanted; the i-th one owns the address 52:54:00:00:HH:LL, HHLL = i:\n"
    "  --tx SOCKET            sends, to all ports that receive in turn\n"
    "  --rx SOCKET            receives\n"
    "  --both SOCKET          does both\n"
    "  --echo SOCKET          sends each frame back to its sender (then the latency is that of the round trip)\n"
    "  --idle SOCKET          is connected and silent\n"
    "  --idle-many PATTERN N  N of those; PATTERN holds one %d (0, 1 ...). --tx-many, --rx-many likewise\n"
    "  --wire-tx DEVICE       sends from the far end of the switch's physical port; --wire-rx DEVICE receives there\n"
    "  --first N              the next port owns the address with HHLL = N, the one after it N + 1 (1)\n"
    "\n"
    "What is sent:\n"
    "  --size BYTES           of a frame without FCS, 64 ... 2048 (64)\n"
    "  --random               to a receiver chosen at random for each frame, not in turn\n"
    "  --pairs                the i-th sender to the i-th receiver only\n"
    "  --dmac MAC             everything to one address\n"
    "  --vlan ID              tagged\n"
    "  --flows N              that many UDP source ports in turn (1)\n"
    "  --full                 write and read each cache line of a frame, not only the first\n"
    "  --rate PPS             all senders together (0: as fast as taken)\n"
    "  --burst N              frames a turn, 1 ... 64 (32)\n"
    "\n"
    "The rings:\n"
    "  --ring N               descriptors, a power of two, 8 ... 32768 (256)\n"
    "  --packed               packed rings\n"
    "  --write-descriptors    split rings: write a buffer's descriptor each time it is handed out, as Linux's and DPDK's\n"
    "                         drivers do (otherwise once, since it stays the same)\n"
    "  --no-mrg               without mergeable buffers\n"
    "  --small-pages          do not ask for huge pages\n"
    "  --interrupts           ask for an interrupt for received frames, as a driver that sleeps does\n"
    "  --server               listen at the sockets instead of connecting\n"
    "\n"
    "The measurement:\n"
    "  --core CPU             run there\n"
    "  --yield                give the CPU to others when there is nothing to do\n"
    "  --pause US             sleep so long when there is nothing to do\n"
    "  --warmup S, --time S   not measured, measured (1, 5)\n"
    "  --latency              stamp the frames and print percentiles; use it with --rate\n"
    "  --wake N               instead of a stream: N single frames, each after a silence, and how long each took\n"
    "  --gap US               that silence, 1 ... 1000000 (2000)\n"
    "  --timeout S            wait that long for the switch (20)\n"
    "  --label TEXT           printed with the result\n"
    "  --commands             stay connected, print \"vugen ready\", and make a measurement for each line of the "
    "input: the\n"
    "                         word stream or wake, then any of time=S warmup=S rate=PPS size=BYTES wake=N gap=US "
    "core=CPU\n"
    "                         (wake, too, a thread on that CPU after the same silence)\n"
    "With idle ports only it prints \"vugen ready\" and stays until a signal.\n";

_Noreturn static void usage(const char *sentence, const char *what)
{
	(void)fprintf(stderr, "vugen: %s%s; see vugen --help\n", sentence, what);
	exit(2);
}

static unsigned next_id = 1; /* of the next port */

static void add_port(const char *path, unsigned role)
{
	struct port *p = &gen.port[gen.nports];

	if (gen.nports == MAX_PORTS)
		usage("there are too many ports at ", path);
	gen.nports++;
	*p = (struct port){ .front = { .path = path, .sock = -1, .listener = -1, .memfd = -1 },
			    .role = role,
			    .id = next_id++ };
	if (role & ROLE_RX)
		gen.rx[gen.nrx++] = p;
	if (role & ROLE_RX && !(role & ROLE_WIRE))
		gen.vm_rx[gen.nvm_rx++] = p;
	if (role & ROLE_ECHO)
		gen.echo[gen.necho++] = p;
	else if (role & ROLE_TX)
		gen.tx[gen.ntx++] = p;
}

/* PATTERN with its %d replaced; nothing of the pattern is taken for a format. */
static char *numbered(const char *pattern, unsigned i)
{
	const char *at = strstr(pattern, "%d");
	char *s;

	if (!at)
		usage("there is no %d in ", pattern);
	if (asprintf(&s, "%.*s%u%s", (int)(at - pattern), pattern, i, at + 2) < 0)
		die("no memory for", pattern);
	return s;
}

static void add_many(const char *pattern, const char *count, unsigned role)
{
	unsigned n;

	if (!count)
		usage("a number is missing behind ", pattern);
	n = integer(count, 0, MAX_PORTS, "the number of ports");
	for (unsigned i = 0; i < n; i++)
		add_port(numbered(pattern, i), role);
}

static void parse_mac(const char *s)
{
	uint8_t *m = opt.dmac;
	char end;

	if (sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", m, m + 1, m + 2, m + 3, m + 4, m + 5, &end) != 6)
		usage("this is no MAC address: ", s);
	opt.has_dmac = true;
}

/* name, takes a value, what is done (with optarg) */
#define OPTIONS(X)                                                                                                     \
	X(tx, 1, add_port(optarg, ROLE_TX))                                                                            \
	X(rx, 1, add_port(optarg, ROLE_RX))                                                                            \
	X(both, 1, add_port(optarg, ROLE_RX | ROLE_TX))                                                                \
	X(echo, 1, add_port(optarg, ROLE_RX | ROLE_TX | ROLE_ECHO))                                                    \
	X(idle, 1, add_port(optarg, 0))                                                                                \
	X(idle_many, 1, add_many(optarg, argv[optind++], 0))                                                           \
	X(tx_many, 1, add_many(optarg, argv[optind++], ROLE_TX))                                                       \
	X(rx_many, 1, add_many(optarg, argv[optind++], ROLE_RX))                                                       \
	X(wire_tx, 1, add_port(optarg, ROLE_WIRE | ROLE_TX))                                                           \
	X(wire_rx, 1, add_port(optarg, ROLE_WIRE | ROLE_RX))                                                           \
	X(first, 1, next_id = integer(optarg, 1, UINT16_MAX - MAX_PORTS, "--first"))                                   \
	X(size, 1, opt.size = integer(optarg, MIN_FRAME, MAX_FRAME, "--size"))                                         \
	X(random, 0, opt.random = true)                                                                                \
	X(pairs, 0, opt.pairs = true)                                                                                  \
	X(dmac, 1, parse_mac(optarg))                                                                                  \
	X(vlan, 1, opt.vlan = (int)integer(optarg, 0, 4094, "--vlan"))                                                 \
	X(flows, 1, opt.flows = integer(optarg, 1, FLOWS_MAX, "--flows"))                                              \
	X(full, 0, opt.full = true)                                                                                    \
	X(rate, 1, opt.rate = number(optarg, 0, 1e9, "--rate"))                                                        \
	X(burst, 1, opt.burst = integer(optarg, 1, MAX_BURST, "--burst"))                                              \
	X(ring, 1, opt.ring = integer(optarg, 8, RING_MAX, "--ring"))                                                  \
	X(packed, 0, opt.packed = true)                                                                                \
	X(write_descriptors, 0, opt.write_descriptors = true)                                                          \
	X(no_mrg, 0, opt.no_mrg = true)                                                                                \
	X(small_pages, 0, opt.small_pages = true)                                                                      \
	X(interrupts, 0, opt.interrupts = true)                                                                        \
	X(server, 0, opt.server = true)                                                                                \
	X(core, 1, opt.core = cpu_number(optarg, "--core"))                                                            \
	X(yield, 0, opt.yield = true)                                                                                  \
	X(pause, 1, opt.pause_us = integer(optarg, 1, 1000, "--pause"))                                                \
	X(warmup, 1, opt.warmup_s = number(optarg, 0, 1e6, "--warmup"))                                                \
	X(time, 1, opt.time_s = number(optarg, 0, 1e6, "--time"))                                                      \
	X(latency, 0, opt.latency = true)                                                                              \
	X(wake, 1, opt.wake = integer(optarg, 1, 1000000, "--wake"))                                                   \
	X(gap, 1, opt.gap_us = number(optarg, 1, 1e6, "--gap"))                                                        \
	X(timeout, 1, opt.timeout_s = integer(optarg, 1, 3600, "--timeout"))                                           \
	X(label, 1, opt.label = optarg)                                                                                \
	X(commands, 0, opt.commands = true)                                                                            \
	X(help, 0, (void)fputs(help, stdout); exit(0))

static void parse_options(int argc, char **argv)
{
#define X(name, value, action) OPT_##name,
	enum { OPT_FIRST = 255, OPTIONS(X) };
#undef X
#define X(name, value, action) { #name, value, NULL, OPT_##name },
	struct option longs[] = { OPTIONS(X){ 0 } };
#undef X
	int c;

	for (struct option *o = longs; o->name; o++) { /* the names have dashes */
		char *s = strdup(o->name);

		for (char *d = s; d && (d = strchr(d, '_')); d++)
			*d = '-';
		o->name = s;
	}
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
#define X(name, value, action)                                                                                         \
	case OPT_##name:                                                                                               \
		action;                                                                                                \
		break;
			OPTIONS(X)
#undef X
		default:
			exit(2);
		}
	}
	if (optind < argc)
		usage("what is this: ", argv[optind]);
}

static bool can_wake(void)
{
	return gen.ntx && !gen.necho && !((gen.tx[0]->role | gen.rx[0]->role) & ROLE_WIRE);
}

static void check_options(void)
{
	if (!gen.nports)
		usage("there is no port", "");
	if (opt.ring & (opt.ring - 1))
		usage("--ring is a power of two", "");
	if (gen.ntx && !gen.nrx)
		usage("nobody receives what is sent", "");
	if (opt.pairs && (gen.necho || gen.ntx != gen.nrx))
		usage("--pairs needs as many receivers as senders, and no echo", "");
	if (opt.wake && !can_wake())
		usage("--wake needs a VM that sends and one that receives, and no echo", "");
	if (gen.necho)
		opt.latency = true;
}

/* Every port takes a socket, two event descriptors a ring and one for its memory. */
static void raise_limits(void)
{
	struct rlimit want = { 8 * MAX_PORTS, 8 * MAX_PORTS };

	if (setrlimit(RLIMIT_NOFILE, &want) < 0)
		(void)fprintf(stderr, "vugen: the limit of open files can't be raised: many ports may fail\n");
}

static bool is_wire(const struct port *p)
{
	return p->role & ROLE_WIRE;
}

static void bring_up(void)
{
	for (unsigned i = 0; i < gen.nports; i++) {
		gen.port[i].front.timeout_s = opt.timeout_s;
		if (opt.server && !is_wire(&gen.port[i]))
			front_listen(&gen.port[i].front);
	}
	for (unsigned i = 0; i < gen.nports && !stopped(); i++) {
		if (is_wire(&gen.port[i]))
			wire_open(&gen.port[i]);
		else
			front_meet(&gen.port[i].front);
	}
	for (unsigned i = 0; i < gen.necho; i++) {
		gen.echo[i]->echo = calloc(2 * (size_t)opt.ring, sizeof(struct echo));
		if (!gen.echo[i]->echo)
			die("no memory for", gen.echo[i]->front.path);
	}
	for (unsigned i = 0; i < gen.nports && !stopped(); i++)
		if (!is_wire(&gen.port[i]))
			port_up(&gen.port[i]);
}

/* Receivers that never send are unknown to a switch that learns. */
static void announce(struct port *p)
{
	if (is_wire(p))
		wire_announce(p);
	else if (!(p->role & ROLE_TX))
		port_announce(p);
}

static void stay(void)
{
	while (!stopped())
		(void)usleep(200000);
}

/* One word of a command, key=value: an option for this measurement and those behind it. */
static void set_word(char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		usage("a command's words are key=value, not ", word);
	*value++ = 0;
	if (strcmp(word, "time") == 0)
		opt.time_s = number(value, 0, 1e6, "time");
	else if (strcmp(word, "warmup") == 0)
		opt.warmup_s = number(value, 0, 1e6, "warmup");
	else if (strcmp(word, "rate") == 0)
		opt.rate = number(value, 0, 1e9, "rate");
	else if (strcmp(word, "gap") == 0)
		opt.gap_us = number(value, 1, 1e6, "gap");
	else if (strcmp(word, "wake") == 0)
		opt.wake = integer(value, 1, 1000000, "wake");
	else if (strcmp(word, "size") == 0)
		opt.size = integer(value, MIN_FRAME, MAX_FRAME, "size");
	else if (strcmp(word, "core") == 0)
		opt.peer_core = cpu_number(value, "core");
	else
		usage("a command has no such word: ", word);
}

static void resize(void)
{
	if (!settle())
		fail(gen.tx[0]->front.path, "the switch keeps frames that were sent, so their size can't change");
	for (unsigned i = 0; i < gen.ntx; i++)
		if (!is_wire(gen.tx[i]))
			tx_resize(gen.tx[i]);
	for (unsigned i = 0; i < gen.necho; i++)
		tx_resize(gen.echo[i]);
	frames_prepare();
}

static void command(char *line)
{
	const unsigned size = opt.size;
	char *at, *verb = strtok_r(line, " \n", &at);

	if (!verb)
		return;
	for (char *word = strtok_r(NULL, " \n", &at); word; word = strtok_r(NULL, " \n", &at))
		set_word(word);
	if (opt.size != size)
		resize();
	if (strcmp(verb, "stream") == 0)
		measure_stream();
	else if (strcmp(verb, "wake") == 0 && opt.wake && can_wake())
		measure_wake();
	else
		usage("there is no such command, or not with these ports: ", verb);
	(void)settle();
}

/* Measures on command; costs no processor time between two. */
static void serve(void)
{
	char line[256];

	(void)printf("vugen ready\n");
	(void)fflush(stdout);
	while (!stopped() && fgets(line, sizeof line, stdin))
		command(line);
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	check_options();
	stop_on_signals();
	raise_limits();
	pin(opt.core);
	bring_up();
	if (!gen.nrx && !gen.ntx) {
		(void)printf("vugen ready idle=%u\n", gen.nports);
		(void)fflush(stdout);
		stay();
	} else if (!stopped()) {
		frames_prepare();
		for (unsigned i = 0; i < gen.nrx; i++)
			announce(gen.rx[i]);
		(void)usleep(SETTLE_US);
		measure_prepare();
		if (opt.commands)
			serve();
		else if (opt.wake)
			measure_wake();
		else
			measure_stream();
		for (unsigned i = 0; i < gen.nports; i++)
			if (!is_wire(&gen.port[i]))
				front_stop(&gen.port[i].front);
	}
	for (unsigned i = 0; i < gen.nports && opt.server; i++)
		if (!is_wire(&gen.port[i]))
			(void)unlink(gen.port[i].front.path);
	return 0;
}
