/* SPDX-License-Identifier: BSD-3-Clause */
/* The address that QEMU gives a VM's network device, as its command line says (host.h). Any thread. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

#define ARG_MAX_LEN 65536

/* The value of a member of a word like "socket,id=c0,path=/x" or {"id":"c0","path":"/x"}. */
static bool member(const char *arg, const char *key, char *out, size_t size)
{
	char quoted[64];
	const char *at;
	size_t len;

	(void)snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
	at = arg[0] == '{' ? strstr(arg, quoted) : NULL;
	if (at) {
		at += strlen(quoted);
		len = strcspn(at, "\"");
	} else {
		(void)snprintf(quoted, sizeof quoted, ",%s=", key);
		at = arg[0] == '{' ? NULL : strstr(arg, quoted);
		if (!at)
			return false;
		at += strlen(quoted);
		len = strcspn(at, ",");
	}
	if (!len || len >= size)
		return false;
	memcpy(out, at, len);
	out[len] = '\0';
	return true;
}

static bool is_mac(const char *s)
{
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? s[i] != ':' : !memchr("0123456789abcdefABCDEF", s[i], 22))
			return false;
	return !s[17];
}

/* The member `want` of the first word in which `key` is this. */
static bool find(FILE *f, const char *key, const char *value, const char *want, char *out, size_t size)
{
	char *arg = NULL, got[PATH_MAX];
	bool found = false;
	size_t room = 0;
	ssize_t len;

	rewind(f);
	while (!found && (len = getdelim(&arg, &room, '\0', f)) > 0 && len < ARG_MAX_LEN)
		found = member(arg, key, got, sizeof got) && strcmp(got, value) == 0 && member(arg, want, out, size);
	free(arg);
	return found;
}

int host_guest_mac(const char *root, pid_t pid, const char *socket, char mac[HOST_MAC_SIZE])
{
	char path[PATH_MAX], chardev[128], netdev[128];
	bool found;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/proc/%d/cmdline", root, (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	found = find(f, "path", socket, "id", chardev, sizeof chardev) && find(f, "chardev", chardev, "id", netdev, sizeof netdev) &&
		find(f, "netdev", netdev, "mac", mac, HOST_MAC_SIZE) && is_mac(mac);
	(void)fclose(f);
	return found ? 0 : -ENOENT;
}
