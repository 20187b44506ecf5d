/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmqctl/pcapng.h"

#include <string.h>

enum { SECTION = 0x0A0D0D0A, INTERFACE = 1, STATISTICS = 5, PACKET = 6 };
enum { ANY_END = 0, ANY_COMMENT = 1 };
enum {
	SECTION_PROGRAM = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_TIME_UNIT = 9,
	PACKET_FLAGS = 2,
	PACKET_QUEUE = 6,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5
};

#define BYTE_ORDER_MAGIC 0x1A2B3C4Du
#define ETHERNET	 1u
#define NANOSECONDS	 9
#define TEXT_MAX	 4096u /* of a name or comment; more is cut */

struct option {
	uint16_t code, len;
	const void *value; /* ends the list when NULL */
};

static uint32_t padded(uint32_t len)
{
	return (len + 3) & ~3u;
}

static void put(FILE *f, const void *p, uint32_t len)
{
	static const uint8_t zero[3];

	(void)fwrite(p, 1, len, f);
	(void)fwrite(zero, 1, padded(len) - len, f);
}

static struct option text(uint16_t code, const char *s)
{
	return (struct option){ code, (uint16_t)strnlen(s, TEXT_MAX), s };
}

/* type, length, body, packet data, options, length again. */
static void block(FILE *f, uint32_t type, const void *body, uint32_t body_len, const void *data, uint32_t data_len,
		  const struct option *o)
{
	const struct option end = { .code = ANY_END };
	uint32_t len = 12 + body_len + padded(data_len) + 4;

	for (const struct option *k = o; k->value; k++)
		len += 4 + padded(k->len);
	put(f, &type, 4);
	put(f, &len, 4);
	put(f, body, body_len);
	if (data_len)
		put(f, data, data_len);
	for (; o->value; o++) {
		put(f, o, 4); /* code and length */
		put(f, o->value, o->len);
	}
	put(f, &end, 4);
	put(f, &len, 4);
}

void pcapng_section(FILE *f, const char *program)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		int32_t length[2]; /* -1: unknown */
	} body = { BYTE_ORDER_MAGIC, 1, 0, { -1, -1 } };

	block(f, SECTION, &body, sizeof body, NULL, 0, (struct option[]){ text(SECTION_PROGRAM, program), { 0 } });
}

void pcapng_interface(FILE *f, const char *name, const char *description, uint32_t snaplen)
{
	const struct {
		uint16_t link, reserved;
		uint32_t snaplen;
	} body = { ETHERNET, 0, snaplen };
	const uint8_t unit = NANOSECONDS;

	block(f, INTERFACE, &body, sizeof body, NULL, 0,
	      (struct option[]){ text(INTERFACE_NAME, name),
				 text(INTERFACE_DESCRIPTION, description),
				 { INTERFACE_TIME_UNIT, 1, &unit },
				 { 0 } });
}

void pcapng_packet(FILE *f, const struct pcapng_packet *p)
{
	const uint32_t body[] = { p->interface, (uint32_t)(p->time >> 32), (uint32_t)p->time, p->captured, p->len };
	const uint32_t flags = p->direction, queue = p->queue;

	block(f, PACKET, body, sizeof body, p->data, p->captured,
	      (struct option[]){
		  text(ANY_COMMENT, p->comment), { PACKET_FLAGS, 4, &flags }, { PACKET_QUEUE, 4, &queue }, { 0 } });
}

void pcapng_statistics(FILE *f, uint32_t interface, uint64_t time, uint64_t received, uint64_t lost)
{
	const uint32_t body[] = { interface, (uint32_t)(time >> 32), (uint32_t)time };

	block(f, STATISTICS, body, sizeof body, NULL, 0,
	      (struct option[]){ { STATISTICS_RECEIVED, 8, &received }, { STATISTICS_DROPPED, 8, &lost }, { 0 } });
}
