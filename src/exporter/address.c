/* SPDX-License-Identifier: BSD-3-Clause */
#include "exporter/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "host:port" or "[host]:port" apart; the port may be left out where `port` is empty before. */
static bool split(const char *text, char *host, size_t host_size, const char **port)
{
	bool bracket = *text == '[';
	const char *end = bracket ? strchr(text, ']') : text + strcspn(text, ":");
	size_t n;

	if (!end)
		return false;
	text += bracket;
	n = (size_t)(end - text);
	end += bracket;
	if (n == 0 || n >= host_size || (*end && *end != ':'))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	*port = *end ? end + 1 : "";
	return true;
}

static bool is_port(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 5 && !s[n] && strtoul(s, NULL, 10) <= 65535;
}

int address_parse(const char *text, struct address *out)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	char host[INET6_ADDRSTRLEN];
	struct addrinfo *found;
	const char *port;

	if (!split(text, host, sizeof host, &port) || !is_port(port) || getaddrinfo(host, port, &hints, &found) != 0)
		return -EINVAL;
	memcpy(&out->addr, found->ai_addr, found->ai_addrlen);
	out->len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

bool address_is_loopback(const struct address *a)
{
	if (a->addr.ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)&a->addr)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&a->addr)->sin6_addr);
}

void address_format(const struct address *a, char text[ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "", port[8] = "";

	(void)getnameinfo((const struct sockaddr *)&a->addr, a->len, host, sizeof host, port, sizeof port,
			  NI_NUMERICHOST | NI_NUMERICSERV);
	(void)snprintf(text, ADDRESS_TEXT, a->addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

bool address_host_is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;
	char name[64];
	const char *port;

	if (!host)
		return true;
	if (!split(host, name, sizeof name, &port) || (*port && !is_port(port)))
		return false;
	if (*host == '[')
		return inet_pton(AF_INET6, name, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
	return strcasecmp(name, "localhost") == 0 ||
	       (inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}
