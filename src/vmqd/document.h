/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VPort as a JSON document, whole: what somebody asked for it, so that it can be made again from this alone, on another
 * host (migrate.export) or here after a restart (the state store). What a VPort is given by a new parameter belongs in
 * here. Pure but for memory; control thread.
 */
#ifndef VMQ_VMQD_DOCUMENT_H
#define VMQ_VMQD_DOCUMENT_H

#include <jansson.h>

#include "stack/stack.h"
#include "vmqd/wish.h"

/* A new object with vport.add's members and all filters. `here`: also what belongs to this host: identifiers, socket, and
 * whether a person chose the CPU. NULL with the error filled. */
json_t *document_new(struct stack_vport *v, bool here, struct stack_error *e);

/* The same of a wish; what it leaves open (a CPU) is there as it is, and `cpu_auto` says that it is open. NULL: out of memory. */
json_t *document_of(const struct wish_vport *w, bool here);
/* The wish that describes the VPort, with the identifiers it and its filters have. 0: wish_free() it. */
int document_wish(struct stack_vport *v, struct wish_vport *out, struct stack_error *e);

/* The wish that document_new(…, true) describes; members that are not there have vport.add's defaults. 0: wish_free()
 * it. -1 with the error filled; its field is the member's path. */
int document_read(const json_t *doc, const char *run_dir, struct wish_vport *out, struct stack_error *e);

/* Reads a list of filters into `w`, which has room for them; faults are named "PATH.filters[N]…". `here`: they may have
 * the identifiers that document_new(…, true) gives them. */
void document_read_filters(const json_t *list, const char *path, bool here, struct wish_vport *w, struct stack_error *e);

/* Do both ask for the same, identifiers and the order of filters aside? A CPU that no person chose is no part of it. */
bool document_same(const json_t *a, const json_t *b);

#endif
