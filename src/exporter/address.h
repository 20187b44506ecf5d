/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the exporter listens, and whom a request may be for. Any thread. */
#ifndef VMQ_EXPORTER_ADDRESS_H
#define VMQ_EXPORTER_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#define ADDRESS_TEXT 64

struct address {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* Reads "127.0.0.1:9678" or "[::1]:9678", numbers only; port 0: any that is free. -EINVAL: it is none. */
int address_parse(const char *text, struct address *out);
bool address_is_loopback(const struct address *a);
/* Writes it as address_parse reads it. */
void address_format(const struct address *a, char text[ADDRESS_TEXT]);

/*
 * Does a request's Host name this machine's loopback: localhost, an address of 127.0.0.0/8 or [::1], with or without a port?
 * A browser that a foreign page made call us (DNS rebinding) says the foreign page's name here. NULL (HTTP/1.0): yes, no
 * browser leaves it out.
 */
bool address_host_is_loopback(const char *host);

#endif
