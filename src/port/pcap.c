/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capture files as a port: one is replayed in, the other gets what goes out. For demonstrations and tests.
 *
 * The input is read whole when the port is opened, so that a damaged file is an error then, nothing waits for a disk
 * later, and received frames are pieces of that memory, which any number of users may hold. It is paced by the clock
 * when a rate is set. The output goes through a buffer that tx_flush empties into the file; a disk may make that wait.
 *
 * State belongs to the port's worker, except what is constant after open. Nothing is allocated after open.
 */
#include "port/port.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "port/count.h"
#include "port/gather.h"

#define ETH_HEADER    14u
#define PCAP_IN_MAX   (256ull << 20) /* bytes of input file */
#define PCAP_RATE_MAX 100000000u     /* frames a second */
#define NSEC	      1000000000ull
/* The shortest time between two wake-ups by the timer; at higher rates several frames become due at once. */
#define TICK_MIN 50000ull

struct pcap_port {
	struct port port;
	int fd; /* timerfd with a rate, else eventfd */

	uint8_t *bytes;		   /* the input's frames, one behind the other */
	struct port_frame *frames; /* one an input frame, as rx_burst gives it */
	size_t nframes, next;
	bool loop, done;
	unsigned rate;
	uint64_t start; /* ns; when the frame counted 0 in `sent` was due */
	uint64_t sent;	/* frames given since `start` */

	pcap_t *out;
	pcap_dumper_t *dumper;
	bool unflushed;
	uint8_t scratch[PORT_MAX_FRAME]; /* where a frame's pieces become one for the file */

	struct port_counts counts;
	char text[96];
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
}

static void pcap_port_close(struct port *port)
{
	struct pcap_port *p = (struct pcap_port *)port;

	if (p->dumper)
		pcap_dump_close(p->dumper);
	if (p->out)
		pcap_close(p->out);
	if (p->fd >= 0)
		(void)close(p->fd);
	free(p->frames);
	free(p->bytes);
	free(p);
}

/* Opens the file and looks at its head; *size gets how many bytes it has. */
static int open_input(const char *path, pcap_t **in, size_t *size, struct vmq_err *err)
{
	char text[PCAP_ERRBUF_SIZE];
	/* Not blocking: a FIFO would wait for its writer. */
	int rc, fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct stat st;

	if (!file || fstat(fd, &st) != 0) {
		rc = -errno;
		if (file)
			(void)fclose(file);
		else if (fd >= 0)
			(void)close(fd);
		return vmq_err(err, rc, "capture file %s cannot be opened: %s", path, strerror(-rc));
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > PCAP_IN_MAX) {
		(void)fclose(file);
		return vmq_err(err, -EINVAL, "capture file %s must be a regular file of up to %llu MiB", path,
			       PCAP_IN_MAX >> 20);
	}
	*size = (size_t)st.st_size;
	*in = pcap_fopen_offline(file, text);
	if (!*in) {
		(void)fclose(file);
		return vmq_err(err, -EINVAL, "capture file %s: %s", path, text);
	}
	if (pcap_datalink(*in) != DLT_EN10MB) {
		const char *name = pcap_datalink_val_to_name(pcap_datalink(*in));

		rc = vmq_err(err, -EINVAL,
			     "capture file %s holds link type %s (%d); only Ethernet (EN10MB, 1) is replayed", path,
			     name ? name : "unknown", pcap_datalink(*in));
		pcap_close(*in);
		return rc;
	}
	return 0;
}

/* Appends one record of the file. `used` is how much of p->bytes is filled, of `size`. */
static int add_record(struct pcap_port *p, const struct pcap_pkthdr *h, const uint8_t *data, size_t *used, size_t size,
		      size_t *room)
{
	if (h->caplen < ETH_HEADER) {
		port_count(&p->counts.rx_runt);
		return 0;
	}
	if (h->caplen < h->len || h->len > PORT_MAX_FRAME) {
		port_count(&p->counts.rx_too_long);
		return 0;
	}
	/* Records are shorter than the file, so this cannot be, unless the file grows meanwhile. */
	if (h->caplen > size - *used)
		return -EFBIG;
	if (p->nframes == *room) {
		size_t more = *room ? *room * 2 : 1024;
		struct port_frame *frames = reallocarray(p->frames, more, sizeof *frames);

		if (!frames)
			return -ENOMEM;
		p->frames = frames;
		*room = more;
	}
	memcpy(p->bytes + *used, data, h->caplen);
	p->frames[p->nframes++] = (struct port_frame){ .data = p->bytes + *used, .len = h->caplen };
	*used += h->caplen;
	return 0;
}

static int load_input(struct pcap_port *p, const char *path, struct vmq_err *err)
{
	size_t size = 0, used = 0, room = 0;
	struct pcap_pkthdr *h;
	const uint8_t *data;
	pcap_t *in = NULL;
	int rc = open_input(path, &in, &size, err);
	int more = 1;

	if (rc)
		return rc;
	p->bytes = malloc(size ? size : 1);
	if (!p->bytes)
		rc = -ENOMEM;
	while (rc == 0 && (more = pcap_next_ex(in, &h, &data)) == 1)
		rc = add_record(p, h, data, &used, size, &room);
	if (rc)
		(void)vmq_err(err, rc, "capture file %s cannot be read: %s", path, strerror(-rc));
	else if (more != PCAP_ERROR_BREAK)
		rc = vmq_err(err, -EINVAL, "capture file %s is damaged after %zu frames: %s", path, p->nframes,
			     pcap_geterr(in));
	pcap_close(in);
	return rc;
}

static int open_output(struct pcap_port *p, const char *path, struct vmq_err *err)
{
	p->out = pcap_open_dead(DLT_EN10MB, (int)PORT_MAX_FRAME);
	if (!p->out)
		return vmq_err(err, -ENOMEM, "capture file %s: no memory", path);
	p->dumper = pcap_dump_open(p->out, path);
	if (!p->dumper)
		return vmq_err(err, -EIO, "capture file %s cannot be written: %s", path, pcap_geterr(p->out));
	return 0;
}

/* The descriptor of the worker's sleep: readable at every tick, or at once and until the end. */
static int open_pace(struct pcap_port *p)
{
	uint64_t tick = p->rate ? NSEC / p->rate : 0;
	struct itimerspec spec;

	if (!p->rate || p->done) {
		p->fd = eventfd(p->done ? 0 : 1, EFD_NONBLOCK | EFD_CLOEXEC);
		return p->fd < 0 ? -errno : 0;
	}
	if (tick < TICK_MIN)
		tick = TICK_MIN;
	spec.it_interval.tv_sec = (time_t)(tick / NSEC);
	spec.it_interval.tv_nsec = (long)(tick % NSEC);
	spec.it_value = spec.it_interval;
	p->start = now_ns();
	p->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (p->fd < 0 || timerfd_settime(p->fd, 0, &spec, NULL) != 0)
		return -errno;
	return 0;
}

static int pcap_port_open(const struct port_config *cfg, struct port **out, struct vmq_err *err)
{
	struct pcap_port *p;
	int rc;

	if (cfg->pcap_rate > PCAP_RATE_MAX)
		return vmq_err(err, -EINVAL,
			       "a rate of %u frames a second is more than the highest, %u; 0 is without limit",
			       cfg->pcap_rate, PCAP_RATE_MAX);
	p = calloc(1, sizeof *p);
	if (!p)
		return vmq_err(err, -ENOMEM, "no memory for the port");
	p->port.ops = &port_pcap_ops;
	p->fd = -1;
	p->loop = cfg->pcap_loop;
	p->rate = cfg->pcap_rate;
	rc = cfg->pcap_in ? load_input(p, cfg->pcap_in, err) : 0;
	p->done = p->nframes == 0;
	if (rc == 0) {
		rc = open_pace(p);
		if (rc)
			(void)vmq_err(err, rc, "capture port: no timer: %s", strerror(-rc));
	}
	/* Last: it empties a file that exists. */
	if (rc == 0 && cfg->pcap_out)
		rc = open_output(p, cfg->pcap_out, err);
	if (rc) {
		pcap_port_close(&p->port);
		return rc;
	}
	(void)snprintf(p->text, sizeof p->text, "pcap, %zu frames in%s, %s", p->nframes,
		       p->loop ? " (again and again)" : "",
		       p->dumper ? "frames out written" : "frames out only counted");
	*out = &p->port;
	return 0;
}

static int pcap_rx_fd(const struct port *port)
{
	return ((const struct pcap_port *)port)->fd;
}

/* How many frames the clock allows now. The origin moves on by whole seconds, which hold whole numbers of frames:
 * exact, and the product stays small. What was missed in a pause of seconds is left out. */
static uint64_t pcap_due(struct pcap_port *p)
{
	uint64_t now, due;

	if (!p->rate)
		return UINT64_MAX;
	now = now_ns();
	if (now - p->start >= 2 * NSEC) {
		p->start += NSEC;
		p->sent -= p->sent < p->rate ? p->sent : p->rate;
	}
	if (now - p->start >= 2 * NSEC) {
		p->start = now;
		p->sent = 0;
	}
	due = (now - p->start) * p->rate / NSEC;
	return due > p->sent ? due - p->sent : 0;
}

/* Makes the descriptor unreadable: until the next tick, or, the eventfd's, for ever. */
static void pcap_quiet(struct pcap_port *p)
{
	uint64_t ticks;
	ssize_t n = read(p->fd, &ticks, sizeof ticks);

	(void)n;
}

static void pcap_end(struct pcap_port *p)
{
	struct itimerspec never = { .it_value = { 0, 0 } };

	p->done = true;
	if (p->rate)
		(void)timerfd_settime(p->fd, 0, &never, NULL);
	pcap_quiet(p);
}

static unsigned pcap_rx_burst(struct port *port, struct port_frame *f, unsigned n)
{
	struct pcap_port *p = (struct pcap_port *)port;
	unsigned got = 0;
	uint64_t due;

	if (p->done)
		return 0;
	due = pcap_due(p);
	while (got < n && got < due && !p->done) {
		f[got++] = p->frames[p->next++];
		if (p->next == p->nframes) {
			p->next = 0;
			if (!p->loop)
				pcap_end(p);
		}
	}
	p->sent += got;
	/* All that is due has been given: sleep until the next tick. */
	if (got == due && !p->done)
		pcap_quiet(p);
	return got;
}

/* The frames lie in the input's memory, which stays. */
static void pcap_rx_release(struct port *port, const struct port_frame *f, unsigned n)
{
	(void)port;
	(void)f;
	(void)n;
}

static unsigned pcap_tx_burst(struct port *port, const struct port_tx_frame *f, unsigned n)
{
	struct pcap_port *p = (struct pcap_port *)port;
	struct pcap_pkthdr h = { .caplen = 0 };

	if (!p->dumper || n == 0)
		return n;
	(void)gettimeofday(&h.ts, NULL);
	for (unsigned i = 0; i < n; i++) {
		h.caplen = h.len = port_gather(p->scratch, sizeof p->scratch, &f[i]);
		if (h.len == 0) {
			port_count(&p->counts.tx_error);
			continue;
		}
		pcap_dump((uint8_t *)p->dumper, &h, p->scratch);
	}
	p->unflushed = true;
	return n;
}

static void pcap_tx_flush(struct port *port)
{
	struct pcap_port *p = (struct pcap_port *)port;

	if (!p->unflushed)
		return;
	p->unflushed = false;
	/* libpcap tells of a full disk only here: then what was in the buffer is lost. */
	if (pcap_dump_flush(p->dumper) != 0)
		port_count(&p->counts.tx_error);
}

static const char *pcap_describe(struct port *port)
{
	return ((const struct pcap_port *)port)->text;
}

static void pcap_counters(const struct port *port, struct port_counters *out)
{
	port_counts_read(&((const struct pcap_port *)port)->counts, out);
}

/* A file's link is always up, and it has neither address nor MTU. */
static bool pcap_link_up(const struct port *port)
{
	(void)port;
	return true;
}

static bool pcap_address(const struct port *port, uint8_t mac[6], unsigned *mtu)
{
	(void)port;
	(void)mac;
	(void)mtu;
	return false;
}

const struct port_ops port_pcap_ops = {
	.name = "pcap",
	.open = pcap_port_open,
	.close = pcap_port_close,
	.rx_fd = pcap_rx_fd,
	.rx_burst = pcap_rx_burst,
	.rx_release = pcap_rx_release,
	.tx_burst = pcap_tx_burst,
	.tx_flush = pcap_tx_flush,
	.describe = pcap_describe,
	.counters = pcap_counters,
	.link_up = pcap_link_up,
	.address = pcap_address,
};
