/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What vmqd says, looked at no more often than it may cost it. One connection, made anew when vmqd was restarted; only
 * methods that show. One owner, one thread.
 *
 * A look is kept for SOURCE_AGE_MS, or ten times as long as it took if that is longer, so that vmqd never spends more than
 * a tenth of its control thread's time on being looked at, however many ask. A failure is kept likewise.
 */
#ifndef VMQ_EXPORTER_SOURCE_H
#define VMQ_EXPORTER_SOURCE_H

#include <jansson.h>
#include <stdint.h>

#define SOURCE_AGE_MS	  1000
#define SOURCE_CONNECT_MS 1000 /* for a connection */
#define SOURCE_TIMEOUT_MS 3000 /* for a whole look, the connection included */

/* X(method, parameters): what is asked for a look; the first must be answered, the others may be unknown to an older vmqd.
 * Of a VPort's addresses, which may be thousands, the first three are enough for a page; `filters` has their number. */
#define SOURCE_METHODS(X)                        \
	X("version", NULL)                       \
	X("daemon.show", NULL)                   \
	X("switch.show", NULL)                   \
	X("vport.show", "{\"macs_max\": 3}")     \
	X("queue.show", "{\"macs_max\": 0}")     \
	X("stats.show", NULL)                    \
	X("cpu.plan.show", NULL)

struct source;

/* path: of the control socket, NULL: as vmq_connect. NULL: no memory. Connects with the first look. */
struct source *source_new(const char *path);
void source_free(struct source *s);

/*
 * The look to be told of, taken now unless there is one that is young enough: an object with the answers by method, and the
 * member `exporter` {`up`, `error`? (a sentence, when not up), `version`, `time_ms` (when it was taken, monotonic), `looks`,
 * `failed_looks`, `look_ns`}. It is the source's, valid until the next call; NULL: no memory. *serial (NULL allowed) is
 * another number for each look. Waits for vmqd at most SOURCE_TIMEOUT_MS, and SOURCE_CONNECT_MS where vmqd does not even
 * take the connection.
 */
const json_t *source_look(struct source *s, uint64_t *serial);

#endif
