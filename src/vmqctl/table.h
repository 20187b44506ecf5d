/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text for people: tables whose columns are as wide as their widest cell, and single values. What comes from the
 * daemon is printed through here, where control characters become '?': no name or reason can steer the terminal.
 * A table is the caller's; running out of memory ends the program (there is nothing half-done to save).
 */
#ifndef VMQ_VMQCTL_TABLE_H
#define VMQ_VMQCTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

struct table;

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table *table_new(void);
/* Columns come first, then row after row: table_row() and a cell for each column from the left (missing: empty). */
void table_column(struct table *t, const char *header, enum table_align align);
void table_row(struct table *t);
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A cell with the member `key` of the object: text, number, yes/no; "-" when it is not there or null. */
void table_member(struct table *t, const json_t *object, const char *key);
/* Prints it with its headers, and frees it. */
void table_print(struct table *t, FILE *out);
void table_free(struct table *t);

/* The member as text, "-" when it is not there or null; to be freed. Lists are joined by commas. */
char *text_member(const json_t *object, const char *key);
/* For a wrong value on the command line, to stderr: `vmqctl: KEY: "VALUE" SENTENCE`. */
void text_wrong(const json_t *params, const char *key, const char *sentence);
/* Prints it with control characters made visible. */
void text_print(FILE *out, const char *text);
/* Prints the member after `before`; nothing when it is not there. */
void text_value(FILE *out, const char *before, const json_t *object, const char *key);
/* Prints `label value` for a member that is there, after `before`; nothing when it is not. */
void text_pair(FILE *out, const char *before, const char *label, const json_t *object, const char *key);

#endif
