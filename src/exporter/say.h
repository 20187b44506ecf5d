/* SPDX-License-Identifier: BSD-3-Clause */
/* What the exporter has to say to whom runs it: a line on standard error, which a service's journal keeps. Any thread. */
#ifndef VMQ_EXPORTER_SAY_H
#define VMQ_EXPORTER_SAY_H

#include <stdio.h>

#define say(...) ((void)fprintf(stderr, "vmq-exporter: " __VA_ARGS__), (void)fputc('\n', stderr))

#endif
