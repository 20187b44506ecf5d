/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The comments of a configuration file, carried over into one that says something else: vmqctl config save writes what runs, and
 * what people wrote into the file stays with what they wrote it about. Pure but for memory.
 */
#ifndef VMQ_VMQCTL_COMMENTS_H
#define VMQ_VMQCTL_COMMENTS_H

#include <stddef.h>

/*
 * `text` with the comments, and the empty lines between them, of `old`; both are documents as yamldoc reads them. A comment belongs to the
 * key in its line, else to the one below it; a VPort, a filter or an adapter is known by its name or address, wherever it stands. What
 * belongs to a member that is not there any more, because it goes without saying, stands above what holds the member. What belongs
 * to a VPort or an adapter that is gone, goes with it: *gone is the number of such comments. malloc()ed; NULL: out of memory, or one
 * of both is no such document.
 */
char *comments_carry(const char *old, size_t size, const char *text, unsigned *gone);

#endif
