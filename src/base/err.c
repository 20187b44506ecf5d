/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

int vmq_err(struct vmq_err *e, int rc, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return rc;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	return rc;
}

void vmq_err_prefix(struct vmq_err *e, const char *fmt, ...)
{
	char old[VMQ_ERR_TEXT];
	va_list ap;
	int n;

	if (!e || !e->text[0])
		return;
	memcpy(old, e->text, sizeof old);
	va_start(ap, fmt);
	n = vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof e->text)
		return;
	(void)snprintf(e->text + n, sizeof e->text - (size_t)n, "%s", old);
}
