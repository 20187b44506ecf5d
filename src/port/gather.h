/* SPDX-License-Identifier: BSD-3-Clause */
/* For drivers whose kernel interface takes a frame in one piece: the pieces of a frame to send, put together. */
#ifndef VMQ_PORT_GATHER_H
#define VMQ_PORT_GATHER_H

#include <stdint.h>
#include <string.h>

#include "port/port.h"

/* Copies the frame into `room` bytes at `to` and returns its length; 0 when it does not fit (then `to` may hold a part
 * of it). Believes the pieces, not f->len. */
static inline uint32_t port_gather(uint8_t *to, uint32_t room, const struct port_tx_frame *f)
{
	uint32_t len = 0;

	for (uint32_t i = 1; i <= f->iovcnt; i++) {
		if (f->iov[i].iov_len > room - len)
			return 0;
		memcpy(to + len, f->iov[i].iov_base, f->iov[i].iov_len);
		len += (uint32_t)f->iov[i].iov_len;
	}
	return len;
}

#endif
