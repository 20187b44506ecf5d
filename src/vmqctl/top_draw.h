/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pictures of `top`: a model as lines of text, cut to a size. What comes from the daemon is printed with control
 * characters as '?'. Pure but for the stream; no terminal needed.
 */
#ifndef VMQ_VMQCTL_TOP_DRAW_H
#define VMQ_VMQCTL_TOP_DRAW_H

#include <stdio.h>

#include "vmqctl/top_model.h"

struct top_view {
	unsigned rows, columns; /* rows 0: as many as there are */
	bool terminal;          /* lines end for a raw terminal, the selected one stands out, keys are named */
	enum top_sort sort;
	double interval;
	bool paused, detail;
	size_t selected;        /* a row's place */
	size_t first;           /* the row at the top: kept so that the selected one is seen */
};

/* The overview, or with `detail` all about the selected VPort. */
void top_draw(FILE *out, const struct top_model *m, struct top_view *view);

#endif
