/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes as hexadecimal text and back (hex.h). */
#include "base/hex.h"

#include <stdlib.h>

char *hex_encode(const void *data, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	char *hex = malloc(2 * len + 1);

	if (!hex)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digit[bytes[i] >> 4];
		hex[2 * i + 1] = digit[bytes[i] & 0xf];
	}
	hex[2 * len] = '\0';
	return hex;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ssize_t hex_decode(const char *hex, size_t digits, void *data, size_t max)
{
	uint8_t *bytes = data;

	if (digits % 2 || digits / 2 > max)
		return -1;
	for (size_t i = 0; i < digits; i += 2) {
		int high = nibble(hex[i]), low = nibble(hex[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (ssize_t)(digits / 2);
}
