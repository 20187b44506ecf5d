/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The watch over one network device (link_watch.h). State: the socket, what is known of the device, and whether that
 * has to be asked for anew. Only the control thread comes here.
 *
 * Whether a device is promiscuous is not in the flags that netlink shows (those are what the administrator set) but in
 * IFLA_PROMISCUITY, the count of all who want it. The kernel sends a message when that count leaves or reaches 0, with
 * one exception: a device on top of ours (macvlan) that has an address of its own. So what is said of such a device
 * makes us ask for ours. It may be in another network namespace, which is why messages of others are listened to; they
 * are taken for nothing else.
 */
#include "port/link_watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "port/netns.h"

#define MESSAGE_MAX	32768u /* bytes; what the kernel says of one device is 1 to 2 KiB */
#define MESSAGES_A_READ 64

struct link_watch {
	struct mnl_socket *sock;
	char name[IFNAMSIZ];
	int index;     /* of the device that has the name, 0: none */
	bool must_ask; /* what is known may be old */
	uint32_t seq;  /* of the question asked last */
	struct link_state now, told;
	link_watch_fn *fn;
	void *ctx;
	_Alignas(struct nlmsghdr) char buf[MESSAGE_MAX];
};

static void forget(struct link_watch *w)
{
	w->index = 0;
	w->now = (struct link_state){ .present = false };
}

/* Asks for the device by name, which is answered by one message, or an error when there is none. */
static int ask(struct link_watch *w)
{
	char request[NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct ifinfomsg)) + NLA_HDRLEN + NLA_ALIGN(IFNAMSIZ)];
	struct nlmsghdr *h = mnl_nlmsg_put_header(request);

	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST;
	h->nlmsg_seq = ++w->seq;
	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, w->name);
	if (mnl_socket_sendto(w->sock, h, h->nlmsg_len) < 0)
		return -errno;
	w->must_ask = false;
	return 0;
}

/* ---- one message ---- */

struct attrs {
	const struct nlattr *name, *mac, *mtu, *promiscuity, *link;
};

static int collect(const struct nlattr *a, void *data)
{
	struct attrs *t = data;

	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		if (mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
			t->name = a;
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(a) == 6)
			t->mac = a;
		break;
	case IFLA_MTU:
		if (mnl_attr_validate(a, MNL_TYPE_U32) == 0)
			t->mtu = a;
		break;
	case IFLA_PROMISCUITY:
		if (mnl_attr_validate(a, MNL_TYPE_U32) == 0)
			t->promiscuity = a;
		break;
	case IFLA_LINK:
		if (mnl_attr_validate(a, MNL_TYPE_U32) == 0)
			t->link = a;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static bool is_answer(const struct link_watch *w, const struct nlmsghdr *h)
{
	return h->nlmsg_seq == w->seq && h->nlmsg_pid == mnl_socket_get_portid(w->sock);
}

/* The device that has the name now. */
static void take(struct link_watch *w, const struct nlmsghdr *h, const struct ifinfomsg *info, const struct attrs *t)
{
	const unsigned up = IFF_UP | IFF_RUNNING;

	if (!t->mac || !t->mtu || !t->promiscuity) {
		/* Some messages tell one thing only (wireless events). An answer tells all there is. */
		if (is_answer(w, h))
			forget(w);
		else
			w->must_ask = true;
		return;
	}
	w->index = info->ifi_index;
	w->now = (struct link_state){
		.present = true,
		.up = (info->ifi_flags & up) == up,
		.promiscuous = mnl_attr_get_u32(t->promiscuity) > 0,
		.mtu = mnl_attr_get_u32(t->mtu),
	};
	memcpy(w->now.mac, mnl_attr_get_payload(t->mac), 6);
}

static void on_link(struct link_watch *w, const struct nlmsghdr *h, bool foreign)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	struct attrs t = { 0 };

	/* A bridge speaks of its ports by the same messages; theirs are of family AF_BRIDGE. */
	if (mnl_nlmsg_get_payload_len(h) < sizeof *info || info->ifi_family != AF_UNSPEC)
		return;
	(void)mnl_attr_parse(h, sizeof *info, collect, &t);
	if (t.link && w->index && (int)mnl_attr_get_u32(t.link) == w->index)
		w->must_ask = true;
	if (foreign)
		return;
	if (h->nlmsg_type == RTM_NEWLINK && t.name && strcmp(mnl_attr_get_str(t.name), w->name) == 0)
		take(w, h, info, &t);
	else if (w->index && info->ifi_index == w->index) /* deleted, moved away or renamed */
		forget(w);
}

static void on_message(struct link_watch *w, const struct nlmsghdr *h, bool foreign)
{
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		on_link(w, h, foreign);
		break;
	case NLMSG_ERROR: /* to a question: there is no such device */
		if (is_answer(w, h))
			forget(w);
		break;
	default:
		break;
	}
}

/* ---- the socket ---- */

/* Does the message come from another network namespace? The kernel says so beside it. */
static bool from_elsewhere(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID)
			return true;
	return false;
}

/* Takes one datagram. false: there is none. */
static bool take_datagram(struct link_watch *w)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct sockaddr_nl from = { .nl_pid = 0 };
	struct iovec iov = { .iov_base = w->buf, .iov_len = sizeof w->buf };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof from,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	ssize_t got = recvmsg(mnl_socket_get_fd(w->sock), &msg, 0);
	const struct nlmsghdr *h = (const struct nlmsghdr *)w->buf;
	int left = (int)got;
	bool foreign;

	if (got < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return false;
		if (errno != EINTR) /* ENOBUFS: messages were lost */
			w->must_ask = true;
		return true;
	}
	if (from.nl_pid != 0) /* not the kernel */
		return true;
	foreign = from_elsewhere(&msg);
	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
		on_message(w, h, foreign);
	return true;
}

static bool is_empty(const struct link_watch *w)
{
	char byte;

	return recv(mnl_socket_get_fd(w->sock), &byte, sizeof byte, MSG_PEEK) < 0 && errno == EAGAIN;
}

/* Takes what there is, and asks if need be: once all has been read, because after a loss the kernel lets nothing more
 * in until then, also no answer. The kernel answers while it is asked. */
static void take_all(struct link_watch *w)
{
	for (unsigned i = 0; i < MESSAGES_A_READ && take_datagram(w); i++)
		;
	if (!w->must_ask || !is_empty(w)) /* what is left keeps the socket readable */
		return;
	if (ask(w) == 0)
		(void)take_datagram(w);
	else
		forget(w);
}

static bool same(const struct link_state *a, const struct link_state *b)
{
	return a->present == b->present && a->up == b->up && a->promiscuous == b->promiscuous && a->mtu == b->mtu &&
	       memcmp(a->mac, b->mac, sizeof a->mac) == 0;
}

void link_watch_read(struct link_watch *w)
{
	take_all(w);
	if (same(&w->now, &w->told))
		return;
	w->told = w->now;
	w->fn(w->ctx, &w->now);
}

static int open_socket(void *arg)
{
	struct link_watch *w = arg;
	int one = 1;

	w->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!w->sock || mnl_socket_bind(w->sock, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* Needs CAP_NET_BROADCAST; without it devices on top of ours are seen in our namespace only. */
	(void)mnl_socket_setsockopt(w->sock, NETLINK_LISTEN_ALL_NSID, &one, sizeof one);
	return 0;
}

int link_watch_open(const char *name, const char *netns, link_watch_fn *fn, void *ctx, struct link_watch **out,
		    struct vmq_err *err)
{
	size_t len = strnlen(name, IFNAMSIZ);
	struct link_watch *w;
	int rc;

	if (len == 0 || len == IFNAMSIZ)
		return vmq_err(err, -EINVAL, "a device name of 1 to %d bytes is needed", IFNAMSIZ - 1);
	w = calloc(1, sizeof *w);
	if (!w)
		return vmq_err(err, -ENOMEM, "device %s: no memory to watch it", name);
	memcpy(w->name, name, len);
	w->fn = fn;
	w->ctx = ctx;
	if (err)
		err->text[0] = '\0';
	rc = port_in_netns(netns, open_socket, w, err);
	if (rc == 0) {
		w->must_ask = true;
		take_all(w);
		w->told = w->now;
		*out = w;
		return 0;
	}
	link_watch_close(w);
	if (err && err->text[0])
		return rc; /* the namespace's sentence */
	return vmq_err(err, rc, "device %s cannot be watched: %s", name, strerror(-rc));
}

void link_watch_close(struct link_watch *w)
{
	if (!w)
		return;
	if (w->sock)
		(void)mnl_socket_close(w->sock);
	free(w);
}

int link_watch_fd(const struct link_watch *w)
{
	return mnl_socket_get_fd(w->sock);
}

const struct link_state *link_watch_state(const struct link_watch *w)
{
	return &w->now;
}
