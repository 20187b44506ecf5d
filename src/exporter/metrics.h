/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A look at vmqd (source.h) as OpenMetrics text. Pure: no sockets, no clock, no state; any thread.
 *
 * What vmqd says is not trusted to be of the right type: a member that is missing or is something else has no sample, and
 * strings are escaped, so that the text is always OpenMetrics.
 */
#ifndef VMQ_EXPORTER_METRICS_H
#define VMQ_EXPORTER_METRICS_H

#include <jansson.h>
#include <stdio.h>

/* Writes /metrics. look: an object with an answer for each method that was answered, and the member `exporter`. */
void metrics_write(FILE *out, const json_t *look);

/* Writes the table of all metrics, as it stands in docs/metrics.md. */
void metrics_list(FILE *out);

#endif
