/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes as hexadecimal text and back. Pure functions, any thread. */
#ifndef VMQ_BASE_HEX_H
#define VMQ_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* 2 × len lower-case digits with a NUL behind them, to be freed; NULL: out of memory. */
char *hex_encode(const void *data, size_t len);

/* Reads `digits` digits of either case into data, at most `max` bytes; returns how many bytes, or -1 when it is not
 * pairs of hexadecimal digits or too many. */
ssize_t hex_decode(const char *hex, size_t digits, void *data, size_t max);

#endif
