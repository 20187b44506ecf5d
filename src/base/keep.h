/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors that outlive the process: somebody else (the service manager's store) has copies of them under names, and the
 * next process goes on with them. Implemented by the daemon (vmqd/fdstore.h), used by the rooms whose descriptors they are.
 * Control thread.
 */
#ifndef VMQ_BASE_KEEP_H
#define VMQ_BASE_KEEP_H

#define FD_KEEP_NAME 192u

struct fd_keep {
	void (*store)(void *ctx, const char *name, int fd); /* a copy is kept; fd stays the caller's. Each call counts … */
	void (*remove)(void *ctx, const char *name);        /* … and after as many of these it is given up */
	/* A copy of what an earlier process stored, which counts as stored by the caller; -1: nothing. */
	int (*take)(void *ctx, const char *name);
	void *ctx;
};

/* The name "KIND OF" for what the keeper takes for a name: printable, no colon. Other OFs are told by a number made of them.
 * `kind`: a word of ours, at most 31 bytes. */
void fd_keep_name(const char *kind, const char *of, char out[FD_KEEP_NAME]);

#endif
