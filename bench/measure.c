/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The measurement of a stream: send and receive as fast as the switch allows (or at a rate) for a while and count. It
 * prints one line of key=value words.
 */
#include "vugen.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_AT_CLOCK	  256u	     /* turns between two looks at the clock */
#define CREDIT_MAX	  256.0	     /* frames that a late turn may make up for */
#define LATENCY_BUCKETS	  (1u << 20) /* 67 ms */
#define LATENCY_BUCKET_NS 64u
#define SETTLE_S	  0.05 /* at most */
#define SILENT_S	  0.0002

static uint64_t latency[LATENCY_BUCKETS], latencies;
static bool measuring;
double cycles_per_s;

void measure_prepare(void)
{
	double t = seconds_now();
	uint64_t c = cycles();

	(void)usleep(100000);
	cycles_per_s = (double)(cycles() - c) / (seconds_now() - t);
}

void latency_record(uint64_t stamp)
{
	double ns;

	if (!measuring)
		return;
	ns = (double)(cycles() - stamp) / cycles_per_s * 1e9;
	latency[ns < LATENCY_BUCKETS * LATENCY_BUCKET_NS ? (unsigned)ns / LATENCY_BUCKET_NS : LATENCY_BUCKETS - 1]++;
	latencies++;
}

/* ---- a stream ---- */

struct totals {
	uint64_t rx, bytes, wrong, tx;
};

/* Of what senders sent and others than echoing ports received. */
static struct totals totals(void)
{
	struct totals t = { 0 };

	for (unsigned i = 0; i < gen.nrx; i++) {
		if (gen.rx[i]->role & ROLE_WIRE)
			wire_count(gen.rx[i]);
		t.wrong += gen.rx[i]->rx_wrong;
		if (gen.rx[i]->echo)
			continue;
		t.rx += gen.rx[i]->rx;
		t.bytes += gen.rx[i]->rx_bytes;
	}
	for (unsigned i = 0; i < gen.ntx; i++)
		t.tx += gen.tx[i]->tx;
	return t;
}

/* Nanoseconds that this thread was ready to run and others ran instead; 0 where the kernel does not say. */
static double waited_ns(void)
{
	unsigned long ran, waited = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%lu %lu", &ran, &waited) != 2)
		waited = 0;
	(void)fclose(f);
	return (double)waited;
}

struct stream {
	struct totals before;
	uint64_t begin_cycles, busy_cycles, turns_tx, turns_full;
	double begin, end;   /* of the warm-up, then of the measurement */
	double waited;	     /* by its beginning, nanoseconds */
	double credit;	     /* frames that may be sent, with a rate */
	uint64_t last, paid; /* cycles at the end of the last turn; until when credit was given */
};

static void stream_begin(struct stream *s, double now)
{
	*s = (struct stream){
		.before = totals(), .begin = now, .end = now + opt.time_s, .waited = waited_ns(), .credit = s->credit
	};
	s->begin_cycles = s->last = s->paid = cycles();
}

/* How many frames each sender may send in this turn. */
static unsigned allowance(struct stream *s)
{
	uint64_t now;

	if (opt.rate <= 0)
		return opt.burst;
	now = cycles();
	s->credit += (double)(now - s->paid) / cycles_per_s * opt.rate;
	s->paid = now;
	if (s->credit > CREDIT_MAX)
		s->credit = CREDIT_MAX;
	if (s->credit < 1) /* below 0 after a turn in which several senders had one each */
		return 0;
	return s->credit < opt.burst ? (unsigned)s->credit : opt.burst;
}

static unsigned send_turn(struct stream *s, unsigned each)
{
	unsigned n = 0;

	for (unsigned i = 0; each && i < gen.ntx; i++) {
		struct port *p = gen.tx[i];
		unsigned sent = p->role & ROLE_WIRE ? wire_burst(p, each) : tx_burst(p, each);

		n += sent;
		s->turns_tx++;
		s->turns_full += sent < each;
		s->credit -= sent;
	}
	for (unsigned i = 0; i < gen.necho; i++)
		n += tx_burst(gen.echo[i], MAX_BURST);
	return n;
}

static void print_latency(void)
{
	static const double quantile[] = { 0.5, 0.9, 0.99, 0.999 };
	uint64_t seen = 0;
	unsigned k = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS && k < 4; i++) {
		seen += latency[i];
		for (; k < 4 && (double)seen >= quantile[k] * (double)latencies; k++)
			(void)printf(" lat_p%g_us=%.2f", quantile[k] * 100, (i + 1) * LATENCY_BUCKET_NS / 1000.0);
	}
}

static unsigned idle_ports(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < gen.nports; i++)
		n += gen.port[i].role == 0;
	return n;
}

static void stream_print(const struct stream *s)
{
	double secs = seconds_now() - s->begin, turn = (double)(cycles() - s->begin_cycles);
	struct totals t = totals();
	double rx = (double)(t.rx - s->before.rx), tx = (double)(t.tx - s->before.tx);

	(void)printf(
	    "vugen label=%s size=%u ring=%u rings=%s tx_ports=%u rx_ports=%u idle_ports=%u secs=%.2f rx_mpps=%.4f "
	    "tx_mpps=%.4f rx_gbps=%.3f lost_pct=%.2f misdelivered=%lu gen_busy_pct=%.1f tx_ring_full_pct=%.1f "
	    "gen_wait_pct=%.1f mhz=%.0f",
	    opt.label, opt.size, opt.ring, opt.packed ? "packed" : "split", gen.ntx, gen.nrx, idle_ports(), secs,
	    rx / secs / 1e6, tx / secs / 1e6, (double)(t.bytes - s->before.bytes) * 8 / secs / 1e9,
	    tx > 0 ? 100 * (tx - rx) / tx : 0.0, (unsigned long)(t.wrong - s->before.wrong),
	    100 * (double)s->busy_cycles / turn, s->turns_tx ? 100 * (double)s->turns_full / (double)s->turns_tx : 0.0,
	    (waited_ns() - s->waited) / secs / 1e7, cycles_per_s / 1e6);
	if (latencies)
		print_latency();
	(void)printf("\n");
	(void)fflush(stdout);
}

static unsigned receive_turn(void)
{
	return rx_turn(gen.vm_rx, gen.nvm_rx);
}

static bool all_home(void)
{
	bool home = true;

	for (unsigned i = 0; i < gen.ntx; i++)
		home &= (gen.tx[i]->role & ROLE_WIRE) || tx_home(gen.tx[i]);
	for (unsigned i = 0; i < gen.necho; i++)
		home &= tx_home(gen.echo[i]);
	return home;
}

bool settle(void)
{
	double now = seconds_now(), last = now, end = now + SETTLE_S;

	for (; now < end && !stopped() && !(all_home() && now - last > SILENT_S); now = seconds_now())
		if (receive_turn())
			last = now;
	return all_home();
}

void measure_stream(void)
{
	struct stream s = { 0 };

	if (latencies)
		memset(latency, 0, sizeof latency);
	latencies = 0;
	s.last = s.paid = cycles();
	s.end = seconds_now() + opt.warmup_s;
	for (unsigned turn = 0; !stopped(); turn++) {
		unsigned work;
		uint64_t begin;

		if (turn % LOOK_AT_CLOCK == 0 && seconds_now() >= s.end) {
			if (measuring)
				break;
			stream_begin(&s, seconds_now());
			measuring = true;
		}
		begin = s.last;
		work = receive_turn();
		work += send_turn(&s, allowance(&s));
		s.last = cycles();
		if (work)
			s.busy_cycles += s.last - begin;
		else if (opt.yield)
			(void)sched_yield();
		else if (opt.pause_us)
			(void)usleep(opt.pause_us);
		else
			relax();
	}
	measuring = false;
	if (!stopped())
		stream_print(&s);
}
