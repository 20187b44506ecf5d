/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asking and setting a network device by ioctl on the socket that device_open made. It keeps nothing but that socket,
 * so any thread may ask; only the control thread does.
 */
#include "port/device.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* More features than any kernel has: 64 today. */
#define FEATURES_MAX 1024u

/* Asks about the device that was opened, whatever it is called now, and about no other that got its name. */
static int device_ioctl(const struct device *d, unsigned long request, struct ifreq *ifr)
{
	struct ifreq now = { .ifr_ifindex = d->index };

	if (d->index == 0) /* not found yet */
		memcpy(now.ifr_name, d->name, sizeof now.ifr_name);
	else if (ioctl(d->ctl, SIOCGIFNAME, &now) < 0)
		return -errno;
	memcpy(ifr->ifr_name, now.ifr_name, sizeof ifr->ifr_name);
	/* Some requests answer with a positive number. */
	return ioctl(d->ctl, request, ifr) >= 0 ? 0 : -errno;
}

static int device_ethtool(const struct device *d, void *command)
{
	struct ifreq ifr = { .ifr_data = command };

	return device_ioctl(d, SIOCETHTOOL, &ifr);
}

int device_open(struct device *d, const char *name, const char *netns, struct vmq_err *err)
{
	size_t len = strnlen(name, IFNAMSIZ);
	struct ifreq ifr = { .ifr_ifindex = 0 };
	int rc;

	*d = (struct device){ .ctl = -1 };
	if (len == 0 || len == IFNAMSIZ)
		return vmq_err(err, -EINVAL, "a device name of 1 to %d bytes is needed", IFNAMSIZ - 1);
	memcpy(d->name, name, len);
	/* Any socket takes these requests; a unix one needs no protocol of the kernel's. */
	d->ctl = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (d->ctl < 0) {
		rc = -errno;
		return vmq_err(err, rc, "device %s: no socket to ask with: %s", d->name, strerror(-rc));
	}
	rc = device_ioctl(d, SIOCGIFINDEX, &ifr);
	if (rc) {
		device_close(d);
		return vmq_err(err, rc, "device %s %s %s%s", d->name,
			       rc == -ENODEV ? "does not exist in" : "cannot be asked for in",
			       netns ? "network namespace " : "vmqd's own network namespace", netns ? netns : "");
	}
	d->index = ifr.ifr_ifindex;
	rc = device_ioctl(d, SIOCGIFHWADDR, &ifr);
	if (rc == 0 && ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		rc = -EINVAL;
	if (rc) {
		device_close(d);
		return vmq_err(err, rc, "device %s is not an Ethernet device", name);
	}
	return 0;
}

void device_close(struct device *d)
{
	if (d->ctl >= 0)
		(void)close(d->ctl);
	d->ctl = -1;
}

unsigned device_mtu(const struct device *d)
{
	struct ifreq ifr = { .ifr_mtu = 0 };

	return device_ioctl(d, SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu > 0 ? (unsigned)ifr.ifr_mtu : 0;
}

int device_set_mtu(const struct device *d, unsigned mtu)
{
	struct ifreq ifr = { .ifr_mtu = (int)mtu };

	return device_ioctl(d, SIOCSIFMTU, &ifr);
}

int device_set_up(const struct device *d)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	int rc = device_ioctl(d, SIOCGIFFLAGS, &ifr);

	if (rc)
		return rc;
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP);
	return device_ioctl(d, SIOCSIFFLAGS, &ifr);
}

bool device_link_up(const struct device *d)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	int need = IFF_UP | IFF_RUNNING;

	return device_ioctl(d, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & need) == need;
}

bool device_address(const struct device *d, uint8_t mac[6], unsigned *mtu)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	*mtu = device_mtu(d);
	if (*mtu == 0 || device_ioctl(d, SIOCGIFHWADDR, &ifr) != 0)
		return false;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return true;
}

void device_driver(const struct device *d, char driver[32], char bus[32])
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (device_ethtool(d, &info) != 0)
		info.driver[0] = info.bus_info[0] = '\0';
	memcpy(driver, info.driver, 32);
	memcpy(bus, info.bus_info, 32);
	driver[31] = bus[31] = '\0';
}

unsigned device_rx_queues(const struct device *d)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };

	if (device_ethtool(d, &ch) != 0 || ch.rx_count + ch.combined_count == 0)
		return 1;
	return ch.rx_count + ch.combined_count;
}

/* The feature's bit number, which differs between kernels: found by name. -1: there is none of that name. *total gets
 * how many features this kernel has. */
static int feature_bit(const struct device *d, const char *feature, unsigned *total)
{
	union {
		struct ethtool_sset_info info;
		uint32_t words[sizeof(struct ethtool_sset_info) / sizeof(uint32_t) + 1]; /* the answer behind it */
	} set = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES } };
	struct ethtool_gstrings *names;
	unsigned count;
	int bit = -1;

	if (device_ethtool(d, &set) != 0 || set.info.sset_mask == 0)
		return -1;
	count = set.words[sizeof set.info / sizeof set.words[0]];
	if (count == 0 || count > FEATURES_MAX)
		return -1;
	names = calloc(1, sizeof *names + (size_t)count * ETH_GSTRING_LEN);
	if (!names)
		return -1;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	if (device_ethtool(d, names) == 0)
		for (unsigned i = 0; i < names->len && i < count && bit < 0; i++)
			if (strncmp((char *)names->data + (size_t)i * ETH_GSTRING_LEN, feature, ETH_GSTRING_LEN) == 0)
				bit = (int)i;
	free(names);
	*total = count;
	return bit;
}

bool device_napi_thread(const struct device *d)
{
	char want[8 + IFNAMSIZ], path[32 + NAME_MAX], comm[64];
	DIR *proc = opendir("/proc");
	struct dirent *e;
	bool found = false;

	if (!proc)
		return false;
	(void)snprintf(want, sizeof want, "napi/%s-", d->name);
	while (!found && (e = readdir(proc)) != NULL) {
		FILE *f;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof path, "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue; /* it has ended meanwhile */
		found = fgets(comm, sizeof comm, f) && strncmp(comm, want, strlen(want)) == 0;
		(void)fclose(f);
	}
	(void)closedir(proc);
	return found;
}

bool device_feature(const struct device *d, const char *feature)
{
	unsigned total, words;
	int bit = feature_bit(d, feature, &total);
	struct ethtool_gfeatures *get;
	bool on;

	if (bit < 0)
		return false;
	words = (total + 31) / 32;
	get = calloc(1, sizeof *get + words * sizeof get->features[0]);
	if (!get)
		return false;
	get->cmd = ETHTOOL_GFEATURES;
	get->size = words;
	on = device_ethtool(d, get) == 0 && (get->features[bit / 32].active & 1u << bit % 32);
	free(get);
	return on;
}

int device_set_feature(const struct device *d, const char *feature, bool on)
{
	unsigned total, words;
	int rc, bit = feature_bit(d, feature, &total);
	struct ethtool_sfeatures *set;

	if (bit < 0)
		return -EOPNOTSUPP;
	words = (total + 31) / 32;
	set = calloc(1, sizeof *set + words * sizeof set->features[0]);
	if (!set)
		return -ENOMEM;
	set->cmd = ETHTOOL_SFEATURES;
	set->size = words;
	set->features[bit / 32].valid = 1u << bit % 32;
	set->features[bit / 32].requested = on ? 1u << bit % 32 : 0;
	rc = device_ethtool(d, set);
	free(set);
	/* A driver may take the wish and not follow it: what counts is what is on now. */
	if (rc == 0 && device_feature(d, feature) != on)
		rc = -EOPNOTSUPP;
	return rc;
}
