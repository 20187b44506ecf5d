/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A look at vmqd (source.h) as the JSON that the page draws (/state.json). Only the members that the page shows go out:
 * no socket paths, no process numbers. Pure; any thread.
 */
#ifndef VMQ_EXPORTER_STATE_H
#define VMQ_EXPORTER_STATE_H

#include <jansson.h>

/* The text, to be freed with free(); NULL: no memory. */
char *state_text(const json_t *look);

#endif
