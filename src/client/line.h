/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines over a connected, non-blocking stream socket, within a deadline. What the peer sends is bounded by
 * VMQ_ANSWER_MAX: a longer line is an error, never more memory. One owner, the client; it must not be shared between
 * threads.
 */
#ifndef VMQ_CLIENT_LINE_H
#define VMQ_CLIENT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_io {
	int fd;		/* -1: closed */
	char *buf;	/* what was read and not yet taken */
	size_t size;	/* of buf */
	size_t start;	/* where the next line begins */
	size_t end;	/* where the bytes end */
	size_t scanned; /* up to here there is no newline */
	int passed;	/* the descriptor received last and not taken; -1: none */
};

#define LINE_NO_DEADLINE INT64_MAX

/* The deadline `ms` milliseconds from now, on the monotonic clock, in nanoseconds. */
int64_t line_deadline(unsigned int ms);
bool line_expired(int64_t deadline);

/* Sends all of it. -ETIMEDOUT, -EPIPE, or what send() said. */
int line_send(struct line_io *io, const char *data, size_t len, int64_t deadline);

/* The next line, without its newline; it stays valid until the next call. -ETIMEDOUT: none by the deadline, nothing
 * is lost. -EINTR: a signal came while waiting, likewise. -EMSGSIZE: over VMQ_ANSWER_MAX. -ECONNRESET: the peer closed.
 */
int line_receive(struct line_io *io, const char **line, size_t *len, int64_t deadline);

/* The descriptor that came with what was received, now the caller's; -1: none. */
int line_take_fd(struct line_io *io);

/* Closes the descriptor and frees the buffer. */
void line_close(struct line_io *io);

#endif
