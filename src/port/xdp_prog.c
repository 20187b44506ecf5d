/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XDP program, its loading and attaching. Built here from BPF instructions; in C it would read
 *
 *	int vmq_port(struct xdp_md *ctx)
 *	{
 *		__be16 tpid = 0;                                        only with `tags`:
 *		__u16 tci = 0;
 *
 *		if (bpf_xdp_metadata_rx_vlan_tag(ctx, &tpid, &tci) == 0) {
 *			if (bpf_xdp_adjust_head(ctx, -4))
 *				return XDP_ABORTED;
 *			__u8 *p = (void *)(long)ctx->data;
 *			if (p + 18 > (void *)(long)ctx->data_end)
 *				return XDP_ABORTED;
 *			memmove(p, p + 4, 12);
 *			*(__be16 *)(p + 12) = tpid;
 *			*(__be16 *)(p + 14) = htons(tci);
 *		}
 *		return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
 *	}
 */
#include "port/xdp_prog.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "port/bpf_insn.h"

#ifndef BPF_F_XDP_DEV_BOUND_ONLY
#define BPF_F_XDP_DEV_BOUND_ONLY (1U << 6) /* Linux 6.3: bound to one device, whose metadata it may then ask for */
#endif
#define PROG_NAME      "vmq_port"
#define LEAVING_MS     1000 /* how long the program of a vmqd that has just been killed may be there yet */
#define LEAVING_NAP_MS 5
#define TAG_FUNCTION "bpf_xdp_metadata_rx_vlan_tag" /* Linux 6.8 */

enum { TPID = -8, TCI = -6 }; /* where the tag is on the stack, from R10 */

#define CTX(member) ((short)offsetof(struct xdp_md, member))

/* clang-format off */
/* Puts the tag into the bytes and leaves the context in R6. */
#define PROG_TAGS                                                                                                      \
	STORE0(BPF_H, R10, TPID), STORE0(BPF_H, R10, TCI),                                                             \
	MOV(R1, R6), MOV(R2, R10), ADD_IMM(R2, TPID), MOV(R3, R10), ADD_IMM(R3, TCI),                                  \
	CALL_KERNEL(0), /* PROG_TAGS_CALL */                                                                           \
	JUMP_NE0(R0, 22), /* no tag: to the redirection */                                                             \
	MOV(R1, R6), MOV_IMM(R2, -4), CALL(BPF_FUNC_xdp_adjust_head),                                                  \
	JUMP_NE0(R0, 5), /* to the abortion */                                                                         \
	LOAD(BPF_W, R2, R6, CTX(data)), LOAD(BPF_W, R3, R6, CTX(data_end)), MOV(R4, R2), ADD_IMM(R4, 18),              \
	JUMP_LE(R4, R3, 2), /* over the abortion */                                                                    \
	MOV_IMM(R0, XDP_ABORTED), EXIT(),                                                                              \
	LOAD(BPF_W, R5, R2, 4), STORE(BPF_W, R2, 0, R5), LOAD(BPF_W, R5, R2, 8), STORE(BPF_W, R2, 4, R5),              \
	LOAD(BPF_W, R5, R2, 12), STORE(BPF_W, R2, 8, R5),                                                              \
	LOAD(BPF_H, R5, R10, TPID), STORE(BPF_H, R2, 12, R5),                                                          \
	LOAD(BPF_H, R5, R10, TCI), TO_BE16(R5), STORE(BPF_H, R2, 14, R5)

#define PROG_TAGS_CALL 8u /* which instruction of the program calls TAG_FUNCTION, whose number is found at run time */

#define PROG_REDIRECT(map)                                                                                             \
	LOAD(BPF_W, R2, R6, CTX(rx_queue_index)), LOAD_MAP(R1, map), MOV_IMM(R3, XDP_PASS),                            \
	CALL(BPF_FUNC_redirect_map), EXIT()
/* clang-format on */

/* The number the kernel's type information gives to TAG_FUNCTION; 0: this kernel has none. */
static int tag_function_id(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id;

	if (!btf)
		return 0;
	id = btf__find_by_name_kind(btf, TAG_FUNCTION, BTF_KIND_FUNC);
	btf__free(btf);
	return id > 0 ? id : 0;
}

/* Returns the program's descriptor or -errno. */
static int prog_load(const struct device *d, int map_fd, bool tags, struct vmq_err *err)
{
	struct bpf_insn plain[] = { MOV(R6, R1), PROG_REDIRECT(map_fd) };
	struct bpf_insn with_tags[] = { MOV(R6, R1), PROG_TAGS, PROG_REDIRECT(map_fd) };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);
	const struct bpf_insn *insns = plain;
	size_t count = sizeof plain / sizeof plain[0];
	int fd;

	if (tags) {
		int id = tag_function_id();

		if (!id)
			return vmq_err(
			    err, -EOPNOTSUPP,
			    "device %s carries VLAN tags beside frames, and this kernel cannot tell them to an "
			    "XDP program (Linux 6.8 with BTF can)",
			    d->name);
		with_tags[PROG_TAGS_CALL].imm = id;
		insns = with_tags;
		count = sizeof with_tags / sizeof with_tags[0];
		opts.prog_flags = BPF_F_XDP_DEV_BOUND_ONLY;
		opts.prog_ifindex = (__u32)d->index;
	}
	/* "GPL" is asked by the kernel of programs that call its functions. */
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, PROG_NAME, "Dual BSD/GPL", insns, count, &opts);
	if (fd >= 0)
		return fd;
	return vmq_err(err, fd == -EINVAL && tags ? -EOPNOTSUPP : fd,
		       "device %s: the kernel refuses the XDP program: %s (CAP_BPF and CAP_NET_ADMIN are needed)",
		       d->name, strerror(-fd));
}

/* Returns the link's descriptor or -errno. */
static int prog_link(const struct device *d, int prog_fd, __u32 mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode);

	return bpf_link_create(prog_fd, d->index, BPF_XDP, &opts);
}

static int prog_attach(struct xdp_prog *x, const struct device *d, int prog_fd, bool tags, struct vmq_err *err)
{
	int native_rc;

	x->link_fd = native_rc = prog_link(d, prog_fd, XDP_FLAGS_DRV_MODE);
	x->native = x->link_fd >= 0;
	if (x->link_fd < 0 && x->link_fd != -EBUSY && x->link_fd != -EEXIST && !tags)
		x->link_fd = prog_link(d, prog_fd, XDP_FLAGS_SKB_MODE);
	if (x->link_fd >= 0)
		return 0;
	if (x->link_fd == -EBUSY || x->link_fd == -EEXIST)
		return vmq_err(
		    err, -EBUSY,
		    "device %s has an XDP program of another program attached: see `ip link show %s`, take it off, or "
		    "choose driver packet",
		    d->name, d->name);
	if (tags)
		return vmq_err(
		    err, -EOPNOTSUPP,
		    "device %s: its driver refuses an XDP program (%s), and without the driver VLAN tags that travel "
		    "beside frames would be lost; on a veth, %s",
		    d->name, strerror(-native_rc),
		    native_rc == -ENOSPC ? "give it as many receive queues as its peer has transmit queues (ethtool -L)"
					 : "lower the MTU of its peer");
	return vmq_err(err, -EOPNOTSUPP, "device %s: no XDP program can be attached: %s (Linux 5.9 and CAP_NET_ADMIN)",
		       d->name, strerror(-x->link_fd));
}

/* Is it a vmqd's? */
static bool is_ours(__u32 id)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof info;
	int fd = bpf_prog_get_fd_by_id(id);
	bool ours = fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && strcmp(info.name, PROG_NAME) == 0;

	if (fd >= 0)
		(void)close(fd);
	return ours;
}

/* The program that is attached to the device, 0: none. The kernel takes that of a killed vmqd off only when all of the process
 * is gone, which is waited for: a slower port for as long as the next one runs would be the price of starting it at once. */
static __u32 attached(const struct device *d)
{
	__u32 id = 0;

	for (unsigned ms = 0; bpf_xdp_query_id(d->index, 0, &id) == 0 && id != 0 && ms < LEAVING_MS && is_ours(id);
	     ms += LEAVING_NAP_MS) {
		(void)poll(NULL, 0, LEAVING_NAP_MS);
		id = 0;
	}
	return id;
}

int xdp_prog_attach(struct xdp_prog *x, const struct device *d, unsigned queues, bool tags, struct vmq_err *err)
{
	__u32 other;
	int prog_fd, rc;

	/* libbpf would write to stderr what comes back as an error code anyway. */
	(void)libbpf_set_print(NULL);
	*x = (struct xdp_prog){ .map_fd = -1, .link_fd = -1 };
	other = attached(d);
	if (other != 0)
		return vmq_err(
		    err, -EBUSY,
		    "device %s has an XDP program of another program attached (id %u): see `ip link show %s`, take it "
		    "off, or choose driver packet",
		    d->name, other, d->name);
	x->map_fd = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "vmq_sockets", sizeof(__u32), sizeof(__u32), queues, NULL);
	if (x->map_fd < 0)
		return vmq_err(err, x->map_fd == -EINVAL ? -EOPNOTSUPP : x->map_fd,
			       "device %s: no map for XDP sockets: %s (CONFIG_XDP_SOCKETS, CAP_BPF)", d->name,
			       strerror(-x->map_fd));
	prog_fd = rc = prog_load(d, x->map_fd, tags, err);
	if (prog_fd >= 0) {
		rc = prog_attach(x, d, prog_fd, tags, err);
		/* The link holds it. */
		(void)close(prog_fd);
	}
	if (rc) {
		(void)close(x->map_fd);
		x->map_fd = -1;
		x->link_fd = -1;
	}
	return rc;
}

bool xdp_prog_resume(struct xdp_prog *x, const struct device *d, unsigned queues, int link_fd, int map_fd, bool native)
{
	struct bpf_link_info link = { .type = 0 };
	struct bpf_map_info map = { .type = 0 };
	__u32 len = sizeof link, attached = 0;

	if (bpf_obj_get_info_by_fd(link_fd, &link, &len) || link.type != BPF_LINK_TYPE_XDP ||
	    bpf_xdp_query_id(d->index, 0, &attached) || attached != link.prog_id)
		return false;
	len = sizeof map;
	if (bpf_obj_get_info_by_fd(map_fd, &map, &len) || map.type != BPF_MAP_TYPE_XSKMAP || map.max_entries != queues)
		return false;
	*x = (struct xdp_prog){ .map_fd = map_fd, .link_fd = link_fd, .native = native };
	return true;
}

void xdp_prog_detach(struct xdp_prog *x)
{
	/* Closing alone may take the program off a little later. */
	if (x->link_fd >= 0)
		(void)bpf_link_detach(x->link_fd);
	xdp_prog_leave(x);
}

void xdp_prog_leave(struct xdp_prog *x)
{
	if (x->link_fd >= 0)
		(void)close(x->link_fd);
	if (x->map_fd >= 0)
		(void)close(x->map_fd);
	x->link_fd = x->map_fd = -1;
}
