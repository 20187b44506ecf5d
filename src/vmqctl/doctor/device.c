/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel says about one network device (device.h). */
#include "vmqctl/doctor/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/host.h"

/* ---- a made-up one ---- */

static int look_at_file(const char *root, const char *name, struct device *out)
{
	char text[1024], *rest = text, *line;

	if (host_read(text, sizeof text, root, "net/%s", name) < 0)
		return -ENODEV;
	*out = (struct device){ .up = true, .rx_vlan = false, .address = true };
	while ((line = strsep(&rest, "\n")) != NULL) {
		char key[32], value[32];

		if (sscanf(line, "%31s %31s", key, value) != 2)
			continue;
		if (strcmp(key, "driver") == 0)
			(void)snprintf(out->driver, sizeof out->driver, "%s", value);
		else if (strcmp(key, "mtu") == 0)
			out->mtu = (unsigned)strtoul(value, NULL, 10);
		else if (strcmp(key, "rx-queues") == 0)
			out->rx_queues = (unsigned)strtoul(value, NULL, 10);
		else if (strcmp(key, "up") == 0)
			out->up = strcmp(value, "on") == 0;
		else if (strcmp(key, "gro") == 0)
			out->gro = strcmp(value, "on") == 0;
		else if (strcmp(key, "lro") == 0)
			out->lro = strcmp(value, "on") == 0;
		else if (strcmp(key, "rx-vlan-offload") == 0)
			out->rx_vlan = strcmp(value, "on") == 0;
		else if (strcmp(key, "address") == 0)
			out->address = strcmp(value, "on") == 0;
	}
	return 0;
}

/* ---- a real one ---- */

static int ask(int fd, const char *name, unsigned long request, struct ifreq *r, void *data)
{
	memset(r, 0, sizeof *r);
	(void)snprintf(r->ifr_name, sizeof r->ifr_name, "%s", name);
	if (data)
		r->ifr_data = data;
	return ioctl(fd, request, r) < 0 ? -errno : 0;
}

/* One of the old ethtool questions whose answer is a word. */
static unsigned ethtool_word(int fd, const char *name, unsigned command)
{
	struct ethtool_value v = { .cmd = command };
	struct ifreq r;

	return ask(fd, name, SIOCETHTOOL, &r, &v) == 0 ? v.data : 0;
}

/* A line a device and address; the scope of a link's own address is 20. */
static bool has_ipv6(const char *name)
{
	char *text = host_read_all("", "proc/thread-self/net/if_inet6"), *rest = text, *line;
	bool found = false;

	while (!found && rest && (line = strsep(&rest, "\n")) != NULL) {
		char device[IFNAMSIZ];
		unsigned scope;

		found = sscanf(line, "%*s %*s %*s %x %*s %15s", &scope, device) == 2 && scope != 0x20 &&
			strcmp(device, name) == 0;
	}
	free(text);
	return found;
}

static int look(const char *name, struct device *out)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;
	struct ifreq r;
	unsigned flags;

	if (fd < 0)
		return -errno;
	*out = (struct device){ .mtu = 0 };
	rc = ask(fd, name, SIOCGIFFLAGS, &r, NULL);
	if (rc == 0) {
		out->up = r.ifr_flags & IFF_UP;
		if (ask(fd, name, SIOCGIFMTU, &r, NULL) == 0)
			out->mtu = (unsigned)r.ifr_mtu;
		if (ask(fd, name, SIOCETHTOOL, &r, &driver) == 0)
			(void)snprintf(out->driver, sizeof out->driver, "%.31s", driver.driver);
		if (ask(fd, name, SIOCETHTOOL, &r, &channels) == 0)
			out->rx_queues = channels.rx_count + channels.combined_count;
		flags = ethtool_word(fd, name, ETHTOOL_GFLAGS);
		out->lro = flags & ETH_FLAG_LRO;
		out->rx_vlan = flags & ETH_FLAG_RXVLAN;
		out->gro = ethtool_word(fd, name, ETHTOOL_GGRO) != 0;
		out->address = ask(fd, name, SIOCGIFADDR, &r, NULL) == 0 || has_ipv6(name);
	}
	(void)close(fd);
	return rc;
}

int device_look(const char *root, const char *netns, pid_t pid, const char *name, struct device *out)
{
	char path[64];
	int own, there, rc;

	if (!*name || strlen(name) >= IFNAMSIZ || strchr(name, '/'))
		return -EINVAL;
	if (root[0])
		return look_at_file(root, name, out);
	if (!netns || !*netns) {
		if (!pid)
			return look(name, out);
		(void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
		netns = path;
	}
	own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	there = open(netns, O_RDONLY | O_CLOEXEC);
	rc = own < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0 ? -errno : 0;
	if (rc == 0) {
		rc = look(name, out);
		if (setns(own, CLONE_NEWNET) < 0) /* whatever comes next would be of another host */
			abort();
	}
	if (own >= 0)
		(void)close(own);
	if (there >= 0)
		(void)close(there);
	return rc;
}
