/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log: to stderr, or to the journal when stderr is the journal's stream (systemd sets JOURNAL_STREAM).
 * Any thread may log; the level is set once at start-up. Workers log only at the edges (broken ring, fallback
 * taken), never a frame.
 */
#ifndef VMQ_BASE_LOG_H
#define VMQ_BASE_LOG_H

enum vmq_log_level { VMQ_LOG_ERROR, VMQ_LOG_WARN, VMQ_LOG_INFO, VMQ_LOG_DEBUG };

/* Decides where the log goes and which levels are kept. Call once, before the first thread is made. */
void vmq_log_init(enum vmq_log_level level);

void vmq_log(enum vmq_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) vmq_log(VMQ_LOG_ERROR, __VA_ARGS__)
#define log_warn(...) vmq_log(VMQ_LOG_WARN, __VA_ARGS__)
#define log_info(...) vmq_log(VMQ_LOG_INFO, __VA_ARGS__)
#define log_debug(...) vmq_log(VMQ_LOG_DEBUG, __VA_ARGS__)

#endif
