/* SPDX-License-Identifier: BSD-3-Clause */
/* Capture files as a port: what is replayed and when, what is written, and which files are refused. */
#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "port_net.h"

static char dir[] = "/tmp/vmqt-port-XXXXXX";
static char in_path[64], out_path[64];

/* Frame number i of the files below. */
static uint32_t sample(uint8_t *frame, unsigned i)
{
	uint32_t len = 60 + i * 97 % 9000;

	make_frame(frame, len, (uint16_t)i, 0x8906);
	return len;
}

static void write_capture(const char *path, int link, unsigned frames)
{
	pcap_t *dead = pcap_open_dead(link, 65535);
	pcap_dumper_t *d = pcap_dump_open(dead, path);
	static uint8_t frame[PORT_MAX_FRAME];

	assert_non_null(d);
	for (unsigned i = 0; i < frames; i++) {
		struct pcap_pkthdr h = { .caplen = sample(frame, i) };

		h.len = h.caplen;
		pcap_dump((uint8_t *)d, &h, frame);
	}
	pcap_dump_close(d);
	pcap_close(dead);
}

static struct port *open_ok(const struct port_config *cfg)
{
	struct vmq_err err = { "" };
	struct port *p = NULL;

	if (port_open(cfg, &p, &err) != 0)
		fail_msg("%s", err.text);
	return p;
}

static void check(const struct port_frame *f, unsigned i)
{
	static uint8_t want[PORT_MAX_FRAME];
	uint32_t len = sample(want, i);

	assert_int_equal(f->len, len);
	assert_int_equal(f->flags, 0);
	assert_memory_equal(f->data, want, len);
}

static bool readable(const struct port *p, int ms)
{
	return poll(&(struct pollfd){ .fd = p->ops->rx_fd(p), .events = POLLIN }, 1, ms) == 1;
}

static void test_replay_once(void **state)
{
	struct port_config cfg = { .driver = "pcap", .pcap_in = in_path };
	struct port_frame f[300];
	unsigned n = 0, more, mtu;
	uint8_t mac[6];
	struct port *p;

	(void)state;
	write_capture(in_path, DLT_EN10MB, 200);
	p = open_ok(&cfg);
	assert_true(readable(p, 0));
	/* All held at once. */
	while ((more = p->ops->rx_burst(p, f + n, 37)) > 0) {
		n += more;
		assert_int_equal(readable(p, 0), n < 200);
	}
	assert_int_equal(n, 200);
	for (unsigned i = 200; i-- > 0;) {
		check(&f[i], i);
		p->ops->rx_release(p, &f[i], 1);
	}
	assert_false(readable(p, 0));
	assert_true(p->ops->link_up(p));
	assert_false(p->ops->address(p, mac, &mtu));
	port_close(p);
}

static void test_loop(void **state)
{
	struct port_config cfg = { .driver = "pcap", .pcap_in = in_path, .pcap_loop = true };
	struct port_frame f[PORT_BURST];
	struct port *p;
	unsigned n = 0;

	(void)state;
	write_capture(in_path, DLT_EN10MB, 7);
	p = open_ok(&cfg);
	for (unsigned round = 0; round < 100; round++) {
		assert_true(readable(p, 0));
		assert_int_equal(p->ops->rx_burst(p, f, PORT_BURST), PORT_BURST);
		for (unsigned i = 0; i < PORT_BURST; i++, n++)
			check(&f[i], n % 7);
		p->ops->rx_release(p, f, PORT_BURST);
	}
	port_close(p);
}

/* Frames never come before their time, and all come: this bounds the time from below only, so a slow machine passes. */
static void test_rate(void **state)
{
	static const struct {
		unsigned rate, frames;
		bool loop;
	} rows[] = { { 100, 20, false }, { 1000, 300, true }, { 200000, 50000, true } };

	(void)state;
	write_capture(in_path, DLT_EN10MB, 20);
	for (unsigned r = 0; r < 3; r++) {
		struct port_config cfg = {
			.driver = "pcap", .pcap_in = in_path, .pcap_rate = rows[r].rate, .pcap_loop = rows[r].loop
		};
		struct port_frame f[PORT_BURST];
		struct timespec a, b;
		struct port *p;
		unsigned n = 0;
		double s;

		clock_gettime(CLOCK_MONOTONIC, &a);
		p = open_ok(&cfg);
		while (n < rows[r].frames) {
			unsigned more, want = rows[r].frames - n < PORT_BURST ? rows[r].frames - n : PORT_BURST;

			assert_true(readable(p, 5000));
			more = p->ops->rx_burst(p, f, want);
			for (unsigned i = 0; i < more; i++, n++)
				check(&f[i], n % 20);
			p->ops->rx_release(p, f, more);
		}
		clock_gettime(CLOCK_MONOTONIC, &b);
		s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
		assert_true(s * rows[r].rate >= rows[r].frames - 1);
		if (!rows[r].loop) {
			assert_int_equal(p->ops->rx_burst(p, f, PORT_BURST), 0);
			assert_false(readable(p, 50));
		}
		port_close(p);
	}
}

static void test_write(void **state)
{
	struct port_config cfg = { .driver = "pcap", .pcap_out = out_path };
	static uint8_t frame[PORT_MAX_FRAME + 1];
	char text[PCAP_ERRBUF_SIZE];
	struct port_counters c;
	struct pcap_pkthdr *h;
	const uint8_t *data;
	struct port *p;
	pcap_t *in;
	uint32_t len;

	(void)state;
	p = open_ok(&cfg);
	assert_false(readable(p, 0));
	for (unsigned i = 0; i < 300; i++) {
		len = sample(frame, i);
		assert_int_equal(port_send(p, frame, len), 1);
	}
	/* What tx_flush has seen is in the file while the port is open. */
	in = pcap_open_offline(out_path, text);
	assert_non_null(in);
	assert_int_equal(pcap_datalink(in), DLT_EN10MB);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(pcap_next_ex(in, &h, &data), 1);
		len = sample(frame, i);
		assert_int_equal(h->len, len);
		assert_int_equal(h->caplen, len);
		assert_memory_equal(data, frame, len);
	}
	assert_int_equal(pcap_next_ex(in, &h, &data), PCAP_ERROR_BREAK);
	pcap_close(in);
	assert_int_equal(port_send(p, frame, sizeof frame), 1);
	p->ops->counters(p, &c);
	assert_int_equal(c.tx_error, 1);
	port_close(p);
	/* Without a file frames are taken and go nowhere. */
	cfg.pcap_out = NULL;
	p = open_ok(&cfg);
	assert_int_equal(port_send(p, frame, 60), 1);
	port_close(p);
}

/* Records that are no whole Ethernet frame are left out and counted. */
static void test_odd_records(void **state)
{
	struct port_config cfg = { .driver = "pcap", .pcap_in = in_path };
	static const struct {
		uint32_t caplen, len;
	} rows[] = { { 0, 0 }, { 13, 13 }, { 14, 14 }, { 60, 61 }, { 9216, 9216 }, { 9217, 9217 }, { 60, 60 } };
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *d = pcap_dump_open(dead, in_path);
	static uint8_t frame[10000];
	struct port_frame f[PORT_BURST];
	struct port_counters c;
	struct port *p;

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		struct pcap_pkthdr h = { .caplen = rows[i].caplen, .len = rows[i].len };

		make_frame(frame, sizeof frame, (uint16_t)i, 0x8906);
		pcap_dump((uint8_t *)d, &h, frame);
	}
	pcap_dump_close(d);
	pcap_close(dead);
	p = open_ok(&cfg);
	assert_int_equal(p->ops->rx_burst(p, f, PORT_BURST), 3);
	assert_int_equal(f[0].len, 14);
	assert_int_equal(f[1].len, 9216);
	assert_int_equal(f[2].len, 60);
	p->ops->counters(p, &c);
	assert_int_equal(c.rx_runt, 2);
	assert_int_equal(c.rx_too_long, 2);
	port_close(p);
}

static void refused(const struct port_config *cfg, int rc, const char *word)
{
	struct vmq_err err = { "" };
	unsigned fds = open_fds();
	struct port *p = NULL;
	int got = port_open(cfg, &p, &err);

	if (got != rc || !strstr(err.text, word))
		fail_msg("%d (wanted %d) \"%s\" (wanted \"%s\")", got, rc, err.text, word);
	assert_null(p);
	assert_int_equal(open_fds(), fds);
}

static void test_refused(void **state)
{
	struct port_config cfg = { .driver = "pcap", .pcap_in = in_path, .pcap_out = out_path };
	FILE *f;

	(void)state;
	(void)unlink(in_path);
	(void)unlink(out_path);
	refused(&cfg, -ENOENT, in_path);
	/* A refused input leaves an output file alone. */
	assert_int_equal(access(out_path, F_OK), -1);
	write_capture(in_path, DLT_LINUX_SLL, 1);
	refused(&cfg, -EINVAL, "LINUX_SLL");
	assert_int_equal(mkfifo(out_path, 0600), 0);
	cfg.pcap_in = out_path;
	refused(&cfg, -EINVAL, "regular file");
	(void)unlink(out_path);
	cfg.pcap_in = dir;
	refused(&cfg, -EINVAL, "regular file");
	cfg.pcap_in = in_path;
	f = fopen(in_path, "w");
	fputs("this is no capture file", f);
	fclose(f);
	refused(&cfg, -EINVAL, in_path);
	/* Ends in the middle of a record. */
	write_capture(in_path, DLT_EN10MB, 10);
	assert_int_equal(truncate(in_path, 24 + 5 * 16 + 500), 0);
	refused(&cfg, -EINVAL, "damaged");
	write_capture(in_path, DLT_EN10MB, 10);
	cfg.pcap_out = "/nowhere/out.pcap";
	refused(&cfg, -EIO, "/nowhere/out.pcap");
	cfg.pcap_rate = 1000000000;
	refused(&cfg, -EINVAL, "rate of 1000000000");
}

/* A file without frames is a port on which nothing comes in. */
static void test_empty(void **state)
{
	struct port_config cfg = { .driver = "pcap", .pcap_in = in_path, .pcap_loop = true, .pcap_rate = 1000 };
	struct port_frame f;
	struct port *p;

	(void)state;
	write_capture(in_path, DLT_EN10MB, 0);
	p = open_ok(&cfg);
	assert_int_equal(p->ops->rx_burst(p, &f, 1), 0);
	assert_false(readable(p, 20));
	port_close(p);
}

static int up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(in_path, sizeof in_path, "%s/in.pcap", dir);
	(void)snprintf(out_path, sizeof out_path, "%s/out.pcap", dir);
	return 0;
}

static int down(void **state)
{
	(void)state;
	(void)unlink(in_path);
	(void)unlink(out_path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay_once), cmocka_unit_test(test_loop),    cmocka_unit_test(test_rate),
		cmocka_unit_test(test_write),	    cmocka_unit_test(test_refused), cmocka_unit_test(test_odd_records),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests_name("port_pcap", tests, up, down);
}
