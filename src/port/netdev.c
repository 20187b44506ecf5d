/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's netdev family (netdev.h). All state is in struct netdev, and for the time of a question in its answer. */
#include "port/netdev.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <sys/socket.h>

#define DATAGRAM_MAX  8192u /* bytes; of one NAPI less than 100 are said */
#define DATAGRAMS_MAX 512u  /* a question; others' included, that came before */
#define ERRNO_MAX     4095

/* <linux/netdev.h>, which is younger than the kernels' headers that this is compiled with. */
#define NETDEV_FAMILY	       "netdev"
#define NETDEV_CMD_NAPI_GET    11
#define NETDEV_CMD_NAPI_SET    14
#define NETDEV_A_NAPI_IFINDEX  1
#define NETDEV_A_NAPI_ID       2
#define NETDEV_A_NAPI_PID      4
#define NETDEV_A_NAPI_THREADED 8

/* ---- an answer ---- */

static int family_attr(const struct nlattr *attr, void *ctx)
{
	struct netdev_answer *a = ctx;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID && mnl_attr_validate(attr, MNL_TYPE_U16) == 0)
		a->family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

struct said {
	int ifindex;
	struct netdev_napi napi;
};

static int napi_attr(const struct nlattr *attr, void *ctx)
{
	struct said *s = ctx;
	uint32_t number;

	/* What the kernel calls uint has 4 bytes where that is enough, and so have all these. */
	if (mnl_attr_get_payload_len(attr) != sizeof number)
		return MNL_CB_OK;
	number = mnl_attr_get_u32(attr);
	switch (mnl_attr_get_type(attr)) {
	case NETDEV_A_NAPI_IFINDEX:
		s->ifindex = (int)number;
		break;
	case NETDEV_A_NAPI_ID:
		s->napi.id = number;
		break;
	case NETDEV_A_NAPI_PID:
		s->napi.pid = number <= INT32_MAX ? (int)number : 0;
		break;
	case NETDEV_A_NAPI_THREADED:
		s->napi.thread = number != 0;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void take_napi(struct netdev_answer *a, const struct nlmsghdr *h)
{
	struct said s = { .napi.thread = -1 };

	(void)mnl_attr_parse(h, sizeof(struct genlmsghdr), napi_attr, &s);
	if (s.napi.id && s.ifindex == a->ifindex && a->n < a->max)
		a->of[a->n++] = s.napi;
}

static void go_wrong(struct netdev_answer *a, int rc)
{
	if (a->rc == 0)
		a->rc = rc;
}

/* An acknowledgement, an error or the end of a list: a number is the first that it says. */
static void take_end(struct netdev_answer *a, const struct nlmsghdr *h)
{
	int code = -EBADMSG;

	if (mnl_nlmsg_get_payload_len(h) >= sizeof code)
		code = *(const int *)mnl_nlmsg_get_payload(h);
	if (code != 0)
		go_wrong(a, code < 0 && code >= -ERRNO_MAX ? code : -EBADMSG);
}

static void take_message(struct netdev_answer *a, const struct nlmsghdr *h)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_flags & NLM_F_DUMP_INTR) /* something changed while it was told */
		go_wrong(a, -EINTR);
	if (mnl_nlmsg_get_payload_len(h) < sizeof *g)
		return;
	if (a->family == 0 && h->nlmsg_type == GENL_ID_CTRL && g->cmd == CTRL_CMD_NEWFAMILY)
		(void)mnl_attr_parse(h, sizeof *g, family_attr, a);
	else if (h->nlmsg_type == a->family && g->cmd == NETDEV_CMD_NAPI_GET)
		take_napi(a, h);
}

/* mnl_nlmsg_ok takes a length of 2 GiB and more for a negative one. */
static bool is_whole(const struct nlmsghdr *h, int left)
{
	return mnl_nlmsg_ok(h, left) && h->nlmsg_len <= (uint32_t)left;
}

bool netdev_take(struct netdev_answer *a, const void *datagram, size_t len)
{
	const struct nlmsghdr *h = datagram;
	int left = (int)len;

	for (; is_whole(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != a->seq || h->nlmsg_pid != a->portid)
			continue;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
			take_end(a, h);
			return true;
		}
		take_message(a, h);
	}
	return false;
}

/* ---- the socket ---- */

struct question {
	_Alignas(struct nlmsghdr) char buf[256];
};

static struct nlmsghdr *question(struct netdev *d, struct question *q, uint16_t family, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(q->buf);
	struct genlmsghdr *g;

	h->nlmsg_type = family;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++d->seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof *g);
	g->cmd = command;
	g->version = 1;
	return h;
}

/* One datagram's length; 0: it is not from the kernel. -ENOBUFS, -EMSGSIZE: something was lost; -EAGAIN: there is none; another
 * -errno. */
static ssize_t receive(const struct netdev *d, void *buf, size_t size)
{
	struct sockaddr_nl from = { .nl_pid = 0 };
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got = recvmsg(mnl_socket_get_fd(d->sock), &msg, 0);

	if (got < 0)
		return -errno;
	if (from.nl_pid != 0)
		return 0;
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : got;
}

/* Sends it and takes in the answer. 0 or -errno. Goes on behind an error: what is left unread keeps the kernel from
 * answering the next question. */
static int ask(struct netdev *d, const struct nlmsghdr *h, struct netdev_answer *a)
{
	_Alignas(struct nlmsghdr) char buf[DATAGRAM_MAX];

	a->seq = d->seq;
	a->portid = mnl_socket_get_portid(d->sock);
	if (mnl_socket_sendto(d->sock, h, h->nlmsg_len) < 0)
		return -errno;
	for (unsigned i = 0; i < DATAGRAMS_MAX; i++) {
		ssize_t len = receive(d, buf, sizeof buf);

		if (len < 0)
			go_wrong(a, (int)len);
		if ((len < 0 && len != -ENOBUFS && len != -EMSGSIZE) || (len > 0 && netdev_take(a, buf, (size_t)len)))
			return a->rc;
	}
	go_wrong(a, -EOVERFLOW);
	return a->rc;
}

int netdev_open(struct netdev *d)
{
	struct netdev_answer a = { .family = 0 };
	struct question q;
	struct nlmsghdr *h;
	int rc;

	*d = (struct netdev){ .sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC | SOCK_NONBLOCK) };
	if (!d->sock)
		return -errno;
	rc = mnl_socket_bind(d->sock, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (rc == 0) {
		h = question(d, &q, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
		mnl_attr_put_strz(h, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
		rc = ask(d, h, &a);
	}
	d->family = a.family;
	if (rc == -ENOENT || (rc == 0 && d->family == 0))
		rc = -EOPNOTSUPP;
	if (rc)
		netdev_close(d);
	return rc;
}

void netdev_close(struct netdev *d)
{
	if (d->sock)
		(void)mnl_socket_close(d->sock);
	d->sock = NULL;
}

int netdev_napis(struct netdev *d, int ifindex, struct netdev_napi *of, unsigned max)
{
	struct netdev_answer a = { .family = d->family, .ifindex = ifindex, .of = of, .max = max };
	struct question q;
	struct nlmsghdr *h;
	int rc;

	if (!d->sock)
		return -EOPNOTSUPP;
	h = question(d, &q, d->family, NETDEV_CMD_NAPI_GET, NLM_F_DUMP);
	mnl_attr_put_u32(h, NETDEV_A_NAPI_IFINDEX, (uint32_t)ifindex);
	rc = ask(d, h, &a);
	return rc ? rc : (int)a.n;
}

int netdev_set_thread(struct netdev *d, uint32_t napi, bool thread)
{
	struct netdev_answer a = { .family = d->family };
	struct question q;
	struct nlmsghdr *h;

	if (!d->sock)
		return -EOPNOTSUPP;
	h = question(d, &q, d->family, NETDEV_CMD_NAPI_SET, NLM_F_ACK);
	mnl_attr_put_u32(h, NETDEV_A_NAPI_ID, napi);
	mnl_attr_put_u32(h, NETDEV_A_NAPI_THREADED, thread);
	return ask(d, h, &a);
}
