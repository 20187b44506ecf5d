/* SPDX-License-Identifier: BSD-3-Clause */
/* The address that QEMU gives a VM's network device, as its command line says (host.h). Any thread. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

#define ARG_MAX_LEN 65536

/* Behind ",key=" in a word like "socket,id=c0,path=/x", up to the next comma. */
static bool member_of_list(const char *arg, const char *key, char *out, size_t size)
{
	char before[64];
	const char *at;
	size_t len;

	(void)snprintf(before, sizeof before, ",%s=", key);
	at = strstr(arg, before);
	if (!at)
		return false;
	at += strlen(before);
	len = strcspn(at, ",");
	if (!len || len >= size)
		return false;
	memcpy(out, at, len);
	out[len] = '\0';
	return true;
}

/* The string that is a member of a word like {"id":"c0","path":"/x"}. */
static bool member_of_object(const char *arg, const char *key, char *out, size_t size)
{
	json_t *object = json_loads(arg, 0, NULL);
	const char *value = json_string_value(json_object_get(object, key));
	const size_t len = value ? strlen(value) : 0;
	const bool fits = len && len < size;

	if (fits)
		memcpy(out, value, len + 1);
	json_decref(object);
	return fits;
}

static bool member(const char *arg, const char *key, char *out, size_t size)
{
	return (arg[0] == '{' ? member_of_object : member_of_list)(arg, key, out, size);
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
