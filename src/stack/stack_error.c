/* SPDX-License-Identifier: BSD-3-Clause */
/* What a fault is made of, and what a name is (stack_error.h, stack.h). Pure functions. */
#include "stack/stack_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "stack/stack.h"

int stack_fail(struct stack_error *e, enum stack_code code, const char *field, const char *fmt, ...)
{
	va_list ap;

	*e = (struct stack_error){ .code = code };
	if (field)
		(void)snprintf(e->field, sizeof e->field, "%s", field);
	va_start(ap, fmt);
	(void)vsnprintf(e->err.text, sizeof e->err.text, fmt, ap);
	va_end(ap);
	return -1;
}

bool stack_name_ok(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strlen(name);

	return len >= 1 && len < STACK_NAME_SIZE && strspn(name, allowed) == len && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

const char *stack_name_taken(const char *name)
{
	if (strcmp(name, STACK_DEFAULT_NAME) == 0)
		return "\"default\" is the default VPort's name";
	if (strcmp(name, "wire") == 0)
		return "\"wire\" means the physical port";
	return NULL;
}
