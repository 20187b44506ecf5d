/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmqctl/tap_session.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WAIT_MS 20

/* Is this what <vmq/tap.h> says? */
static bool layout_is_right(const struct tap_session *s)
{
	const struct vmq_tap_header *h = &s->header;

	return h->magic == VMQ_TAP_MAGIC && h->ring_size &&
	       (h->ring_size & (h->ring_size - 1)) == 0 && h->ring_size <= s->memory_size &&
	       h->ring_stride >= VMQ_TAP_DATA + h->ring_size && h->ring_stride <= s->memory_size &&
	       h->ring_offset <= s->memory_size && h->rings <= (s->memory_size - h->ring_offset) / h->ring_stride;
}

static int failed(struct tap_session *s, const char *sentence)
{
	(void)fprintf(stderr, "vmqctl: %s\n", sentence);
	tap_end(s);
	return CMD_UNREACHABLE;
}

static int begin(struct tap_session *s, const struct cmd_options *opt, const char *method, const char *params,
		 bool quiet)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	char *result = NULL;
	int fd = -1, rc;
	off_t size;

	*s = (struct tap_session){ 0 };
	rc = vmq_connect(opt->socket, &s->client, &err);
	if (!rc)
		rc = vmq_call_fd(s->client, method, params, &result, &fd, &err);
	if (rc) {
		tap_end(s);
		return quiet ? CMD_REFUSED : cmd_failed(opt, rc, &err);
	}
	s->words = json_loads(result, 0, NULL);
	free(result);
	size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (size > 0)
		s->memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	if (size <= 0 || s->memory == MAP_FAILED) {
		s->memory = NULL;
		return failed(s, "the memory that vmqd shares cannot be mapped");
	}
	s->memory_size = (size_t)size;
	memcpy(&s->header, s->memory, s->memory_size < sizeof s->header ? s->memory_size : sizeof s->header);
	return layout_is_right(s)
		   ? CMD_DONE
		   : failed(s, "vmqd shares memory of another layout: are its version and vmqctl's the same?");
}

int tap_start(struct tap_session *s, const struct cmd_options *opt, const char *method, const char *params)
{
	return begin(s, opt, method, params, false);
}

int tap_try(struct tap_session *s, const struct cmd_options *opt, const char *method, const char *params)
{
	return begin(s, opt, method, params, true);
}

static struct vmq_tap_ring *ring_at(const struct tap_session *s, uint32_t i)
{
	return (struct vmq_tap_ring *)(s->memory + s->header.ring_offset + i * s->header.ring_stride);
}

/* The next record of a ring that is none of padding; NULL: none. */
static const struct vmq_tap_record *peek(const struct tap_session *s, struct vmq_tap_ring *ring)
{
	uint64_t mask = s->header.ring_size - 1;

	for (;;) {
		uint64_t here = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) - ring->head, at = ring->head & mask;
		const struct vmq_tap_record *r = (const struct vmq_tap_record *)((uint8_t *)ring + VMQ_TAP_DATA + at);

		if (here < 8 || r->size < 8 || r->size > here || at + r->size > mask + 1)
			return NULL;
		if (r->type != VMQ_TAP_PAD)
			return r->size >= sizeof *r && r->captured <= r->size - sizeof *r ? r : NULL;
		__atomic_store_n(&ring->head, ring->head + r->size, __ATOMIC_RELEASE);
	}
}

void tap_drain(struct tap_session *s, bool (*each)(void *arg, const struct vmq_tap_record *r, const uint8_t *data),
	       void *arg)
{
	for (;;) {
		const struct vmq_tap_record *first = NULL;
		struct vmq_tap_ring *of = NULL;
		uint64_t lost = 0;
		bool more;

		for (uint32_t i = 0; i < s->header.rings; i++) {
			struct vmq_tap_ring *ring = ring_at(s, i);
			const struct vmq_tap_record *r = peek(s, ring);

			lost += __atomic_load_n(&ring->lost, __ATOMIC_RELAXED);
			if (r && (!first || r->time < first->time)) {
				first = r;
				of = ring;
			}
		}
		s->lost = lost;
		if (!first)
			return;
		more = each(arg, first, (const uint8_t *)(first + 1));
		__atomic_store_n(&of->head, of->head + first->size, __ATOMIC_RELEASE);
		if (!more)
			return;
	}
}

void tap_wait(struct tap_session *s)
{
	struct pollfd p = { .fd = vmq_fd(s->client), .events = POLLIN };

	if (!cmd_interrupted() && poll(&p, 1, WAIT_MS) > 0)
		s->gone = true; /* nothing is sent unasked: it is the end */
}

void tap_stop(struct tap_session *s)
{
	if (!s->gone && vmq_call(s->client, "capture.stop", NULL, NULL, NULL) != 0)
		s->gone = true;
}

void tap_end(struct tap_session *s)
{
	vmq_disconnect(s->client);
	json_decref(s->words);
	if (s->memory)
		(void)munmap(s->memory, s->memory_size);
	*s = (struct tap_session){ 0 };
}

/* ---- words ---- */

const char *tap_vport(const struct tap_session *s, uint32_t id)
{
	static char unnamed[2][24];
	static unsigned turn;
	const json_t *v;
	size_t i;

	if (id == VMQ_TAP_WIRE)
		return "wire";
	json_array_foreach(json_object_get(s->words, "vports"), i, v)
	{
		const char *name = json_string_value(json_object_get(v, "name"));

		if (name && *name && json_integer_value(json_object_get(v, "id")) == (json_int_t)id)
			return name;
	}
	turn = !turn;
	(void)snprintf(unnamed[turn], sizeof unnamed[turn], "VPort %u", id);
	return unnamed[turn];
}

static const char *drop_word(const struct tap_session *s, unsigned drop, const char *key)
{
	const char *text = NULL;

	if (drop)
		text = json_string_value(
		    json_object_get(json_array_get(json_object_get(s->words, "drops"), drop - 1), key));
	return text ? text : "";
}

const char *tap_drop(const struct tap_session *s, unsigned drop)
{
	return drop_word(s, drop, "drop");
}

const char *tap_drop_reason(const struct tap_session *s, unsigned drop)
{
	return drop_word(s, drop, "reason");
}

static int put_mac(char *out, size_t size, const uint8_t *m)
{
	return snprintf(out, size, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

void tap_describe(char *out, size_t size, const struct vmq_tap_record *r, const uint8_t *data)
{
	char src[18], dst[18], tag[40] = "";
	unsigned at = 12;

	if (r->captured < 18) {
		(void)snprintf(out, size, "%u bytes", r->len);
		return;
	}
	put_mac(dst, sizeof dst, data);
	put_mac(src, sizeof src, data + 6);
	if (r->tag == VMQ_TAP_TAGGED)
		(void)snprintf(tag, sizeof tag, ", VLAN %u priority %u", r->tci & 0xfffu, r->tci >> 13);
	if (data[12] == 0x81 && data[13] == 0)
		at = 16;
	(void)snprintf(out, size, "%s > %s%s, type 0x%02x%02x, %u bytes", src, dst, tag, data[at], data[at + 1],
		       r->len);
}
