/* SPDX-License-Identifier: BSD-3-Clause */
/* A structure read by layout.h, printed: each value with its path, as layout_write() takes it. Reads only. */
#ifndef VMQ_VMQCTL_MEMBERS_H
#define VMQ_VMQCTL_MEMBERS_H

#include <jansson.h>
#include <stdio.h>

/* A line each. */
void members_table(FILE *out, json_t *structure);
/* " path value" one after the other, without the headers; of NULL nothing. */
void members_line(FILE *out, json_t *structure);

#endif
