/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sentence that travels beside a status or a negative errno: what was asked, what was wrong, what would be
 * right. One object, owned by whoever made the call; functions below fill it and never keep it. Any thread may
 * use its own.
 */
#ifndef VMQ_BASE_ERR_H
#define VMQ_BASE_ERR_H

#include <stdarg.h>

#define VMQ_ERR_TEXT 1024

struct vmq_err {
	char text[VMQ_ERR_TEXT]; /* empty: nothing was said */
};

/* Writes the sentence (cut at VMQ_ERR_TEXT - 1 bytes) and returns `rc`, so that `return vmq_err(e, -EINVAL, …)`
 * reads as one step. `e` may be NULL: then only the code is returned. */
int vmq_err(struct vmq_err *e, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts words before what `e` says already ("vport web1: …"). No effect when nothing was said or `e` is NULL. */
void vmq_err_prefix(struct vmq_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
