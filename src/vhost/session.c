/* SPDX-License-Identifier: BSD-3-Clause */
/* A session that outlives the process (session.h). */
#include "vhost/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vhost/endpoint.h"

#define MAGIC  0x53514d56u /* "VMQS" */
#define FORMAT 1u
#define NAME_SIZE FD_KEEP_NAME
#define FILES (GUEST_MEM_MAX_SLOTS + 2u) /* memory slots, log, in-flight region */

/* A file of the front-end, by which the keeper knows it: one for all sessions that share it. */
struct file_id {
	uint64_t dev, ino;
};

struct mapped {
	struct file_id file;
	uint64_t offset, size;
};

/* The file's content. What it says of memory and rings is checked like a message when it is read again. */
struct vhost_session {
	uint32_t magic, format;
	uint32_t busy;
	uint32_t npairs;
	char path[VHOST_PATH_MAX + 1];
	bool connected, has_features, has_mem, has_log, has_inflight;
	uint8_t device_status;
	uint16_t mtu, inflight_queues;
	uint64_t features, protocol_features;
	struct mapped log, inflight;
	uint32_t nregions;
	struct {
		uint64_t gpa, uva;
		struct mapped map;
	} region[GUEST_MEM_MAX_SLOTS];
	struct {
		uint16_t size, base;
		bool has_addr, has_kick;
		bool fd[3]; /* kick, call, err */
		uint8_t enable;
		struct vhost_msg_addr addr;
	} vring[2 * NIC_MAX_QUEUE_PAIRS];
};

static const char *const fd_kind[] = { "kick", "call", "err" };

/* ---- names ---- */

static void name_of(const struct vhost_endpoint *ep, const char *kind, char out[NAME_SIZE])
{
	fd_keep_name(kind, ep->path, out);
}

static void name_of_ring(const struct vhost_endpoint *ep, unsigned ring, unsigned which, char out[NAME_SIZE])
{
	char kind[32];

	(void)snprintf(kind, sizeof kind, "%s%u", fd_kind[which], ring);
	name_of(ep, kind, out);
}

static void name_of_file(const struct file_id *f, char out[NAME_SIZE])
{
	(void)snprintf(out, NAME_SIZE, "mem %" PRIx64 "-%" PRIx64, f->dev, f->ino);
}

static void store(const struct vhost_endpoint *ep, const char *name, int fd)
{
	ep->keep->store(ep->keep->ctx, name, fd);
}

static void give_up(const struct vhost_endpoint *ep, const char *name)
{
	ep->keep->remove(ep->keep->ctx, name);
}

static int take(const struct vhost_endpoint *ep, const char *name)
{
	return ep->keep->take(ep->keep->ctx, name);
}

static void store_kind(const struct vhost_endpoint *ep, const char *kind, int fd)
{
	char name[NAME_SIZE];

	name_of(ep, kind, name);
	store(ep, name, fd);
}

static void give_up_kind(const struct vhost_endpoint *ep, const char *kind)
{
	char name[NAME_SIZE];

	name_of(ep, kind, name);
	give_up(ep, name);
}

static int take_kind(const struct vhost_endpoint *ep, const char *kind)
{
	char name[NAME_SIZE];

	name_of(ep, kind, name);
	return take(ep, name);
}

/* ---- the files of memory that are kept ---- */

static struct mapped mapped_of(const struct vhost_map *m, uint64_t size)
{
	return (struct mapped){ { m->dev, m->ino }, m->offset, size };
}

static bool same_file(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* The session's files, each once, with the descriptor of it. */
static unsigned files_of(const struct vhost_endpoint *ep, struct file_id *id, int *fd)
{
	const struct vhost_map *maps[FILES];
	unsigned n = 0, files = 0;

	for (uint32_t i = 0; ep->mem && i < ep->mem->n; i++)
		maps[n++] = ep->mem->region[i].map;
	if (ep->log)
		maps[n++] = ep->log;
	if (ep->inflight)
		maps[n++] = ep->inflight;
	for (unsigned i = 0; i < n; i++) {
		struct file_id this = { maps[i]->dev, maps[i]->ino };
		unsigned k = 0;

		while (k < files && !same_file(&id[k], &this))
			k++;
		if (k < files)
			continue;
		fd[files] = maps[i]->fd;
		id[files++] = this;
	}
	return files;
}

/* The keeper has what the session has now: new ones first, so that one that stays is never without. */
static void keep_files(struct vhost_endpoint *ep)
{
	struct file_id id[FILES];
	char name[NAME_SIZE];
	int fd[FILES];
	unsigned n = files_of(ep, id, fd), old = ep->nkept_files;
	const struct vhost_kept_file *had = ep->kept_files;
	struct vhost_kept_file *now = calloc(n ? n : 1, sizeof *now);

	if (!now)
		return; /* as before: what is missing is found out when the session is to be resumed */
	for (unsigned i = 0; i < n; i++) {
		bool there = false;

		now[i] = (struct vhost_kept_file){ id[i].dev, id[i].ino, -1 };
		for (unsigned k = 0; k < old && !there; k++)
			there = had[k].dev == id[i].dev && had[k].ino == id[i].ino;
		name_of_file(&id[i], name);
		if (!there)
			store(ep, name, fd[i]);
	}
	for (unsigned k = 0; k < old; k++) {
		struct file_id was = { had[k].dev, had[k].ino };
		bool there = false;

		for (unsigned i = 0; i < n && !there; i++)
			there = same_file(&id[i], &was);
		name_of_file(&was, name);
		if (!there)
			give_up(ep, name);
	}
	free(ep->kept_files);
	ep->kept_files = now;
	ep->nkept_files = n;
}

/* ---- writing down ---- */

static struct vhost_session *map_file(int fd)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) || (uint64_t)st.st_size != sizeof(struct vhost_session))
		return NULL;
	at = mmap(NULL, sizeof(struct vhost_session), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

static bool new_file(struct vhost_endpoint *ep)
{
	int fd = memfd_create("vmq-session", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, sizeof(struct vhost_session)) == 0)
		ep->session = map_file(fd);
	if (!ep->session) {
		log_error("vport %s: no memory to keep its session in; a restart will not go on with it", ep->name);
	} else {
		ep->session->magic = MAGIC;
		ep->session->format = FORMAT;
		ep->session->npairs = ep->npairs;
		(void)snprintf(ep->session->path, sizeof ep->session->path, "%s", ep->path);
		store_kind(ep, "session", fd);
	}
	if (fd >= 0)
		close(fd);
	return ep->session != NULL;
}

void vhost_session_relisten(struct vhost_endpoint *ep, int fd)
{
	if (!ep->session)
		return;
	if (fd >= 0)
		store_kind(ep, "listen", fd);
	else
		give_up_kind(ep, "listen");
}

void vhost_session_busy(struct vhost_endpoint *ep)
{
	if (ep->session)
		__atomic_store_n(&ep->session->busy, 1, __ATOMIC_SEQ_CST);
}

static void save_memory(const struct vhost_endpoint *ep, struct vhost_session *s)
{
	s->has_mem = ep->mem != NULL;
	s->nregions = ep->mem ? ep->mem->n : 0;
	for (uint32_t i = 0; i < s->nregions; i++) {
		const struct vhost_region *r = &ep->mem->region[i];

		s->region[i].gpa = r->gpa;
		s->region[i].uva = r->uva;
		s->region[i].map = mapped_of(r->map, r->size);
	}
	s->has_log = ep->log != NULL;
	if (ep->log)
		s->log = mapped_of(ep->log, ep->log_size);
	s->has_inflight = ep->inflight != NULL;
	if (ep->inflight)
		s->inflight = mapped_of(ep->inflight, ep->inflight_size);
	s->inflight_queues = ep->inflight_queues;
}

static void save_ring(struct vhost_endpoint *ep, unsigned i)
{
	struct vhost_vring *v = &ep->vring[i];
	const int fd[3] = { v->kick_fd, v->call_fd, v->err_fd };
	struct vhost_session *s = ep->session;

	s->vring[i].size = v->size;
	s->vring[i].base = v->base;
	s->vring[i].has_addr = v->has_addr;
	s->vring[i].has_kick = v->has_kick;
	s->vring[i].enable = (uint8_t)v->enable;
	s->vring[i].addr = v->addr;
	for (unsigned k = 0; k < 3; k++) {
		char name[NAME_SIZE];

		if (!v->fresh[k])
			continue;
		v->fresh[k] = false;
		name_of_ring(ep, i, k, name);
		if (s->vring[i].fd[k])
			give_up(ep, name);
		s->vring[i].fd[k] = fd[k] >= 0;
		if (fd[k] >= 0)
			store(ep, name, fd[k]);
	}
}

void vhost_session_save(struct vhost_endpoint *ep)
{
	struct vhost_session *s = ep->session;

	if (!s)
		return;
	vhost_session_busy(ep);
	if (ep->connected != s->connected) {
		if (ep->connected)
			store_kind(ep, "conn", ep->ch.fd);
		else
			give_up_kind(ep, "conn");
	}
	s->npairs = ep->npairs;
	s->connected = ep->connected;
	s->has_features = ep->has_features;
	s->features = ep->features;
	s->protocol_features = ep->protocol_features;
	s->device_status = ep->device_status;
	s->mtu = ep->mtu;
	keep_files(ep);
	save_memory(ep, s);
	for (unsigned i = 0; i < 2 * ep->npairs; i++)
		save_ring(ep, i);
	/* answers that the front-end has not taken are not written down */
	__atomic_store_n(&s->busy, ep->ch.nout || ep->ch.have ? 1 : 0, __ATOMIC_SEQ_CST);
}

/* ---- taking over ---- */

static bool is_ours(const struct vhost_endpoint *ep, const struct vhost_session *s)
{
	return s->magic == MAGIC && s->format == FORMAT && strncmp(s->path, ep->path, sizeof s->path) == 0;
}

/* What the keeper has of the session's front-end goes: sockets of rings, files. */
static void drop_all(struct vhost_endpoint *ep, struct vhost_session *s)
{
	char name[NAME_SIZE];

	for (unsigned i = 0; i < 2 * NIC_MAX_QUEUE_PAIRS; i++)
		for (unsigned k = 0; k < 3; k++) {
			name_of_ring(ep, i, k, name);
			if (s->vring[i].fd[k])
				give_up(ep, name);
			s->vring[i].fd[k] = false;
		}
	for (unsigned i = 0; i < ep->nkept_files; i++) {
		struct file_id f = { ep->kept_files[i].dev, ep->kept_files[i].ino };

		name_of_file(&f, name);
		give_up(ep, name);
	}
	ep->nkept_files = 0;
	if (s->connected)
		give_up_kind(ep, "conn");
	s->connected = false;
}

bool vhost_session_open(struct vhost_endpoint *ep, int *listen_fd)
{
	int fd;

	*listen_fd = -1;
	if (!ep->keep)
		return false;
	*listen_fd = take_kind(ep, "listen");
	fd = take_kind(ep, "session");
	if (fd >= 0) {
		ep->session = map_file(fd);
		close(fd);
		if (ep->session && is_ours(ep, ep->session))
			return ep->session->connected;
		if (ep->session)
			(void)munmap(ep->session, sizeof *ep->session);
		ep->session = NULL;
		give_up_kind(ep, "session");
	}
	(void)new_file(ep);
	return false;
}

/* Maps a part of a kept file; NULL: the sentence is in err. */
static struct vhost_map *map_kept(struct vhost_endpoint *ep, const struct mapped *m, struct vhost_has has, struct vmq_err *err)
{
	for (unsigned i = 0; i < ep->nkept_files; i++) {
		const struct vhost_kept_file *f = &ep->kept_files[i];

		if (f->dev == m->file.dev && f->ino == m->file.ino)
			return vhost_map_new(f->fd, m->offset, m->size, has, vhost_memory_lost, ep, err);
	}
	(void)vmq_err(err, -ENOENT, "a file of its memory was not kept");
	return NULL;
}

static int resume_memory(struct vhost_endpoint *ep, const struct vhost_session *s, struct vmq_err *err)
{
	struct vhost_region r[GUEST_MEM_MAX_SLOTS] = { 0 };
	struct vhost_has has = { 0, 0 };
	uint32_t n = 0;
	int rc = 0;

	if (!s->has_mem)
		return 0;
	if (s->nregions > GUEST_MEM_MAX_SLOTS)
		return vmq_err(err, -EINVAL, "%u memory slots were kept", s->nregions);
	for (; n < s->nregions && rc == 0; n++) {
		struct vhost_msg_region mr = { s->region[n].gpa, s->region[n].map.size, s->region[n].uva,
					       s->region[n].map.offset };

		rc = vhost_region_check(&mr, r, n, err);
		if (rc)
			break;
		r[n] = (struct vhost_region){ mr.gpa, mr.size, mr.uva, map_kept(ep, &s->region[n].map, has, err) };
		if (!r[n].map) {
			rc = -ENOENT;
			break;
		}
		has = (struct vhost_has){ n + 1, has.bytes + mr.size };
	}
	if (rc == 0) {
		ep->mem = vhost_mem_new(r, n, err);
		rc = ep->mem ? 0 : -ENOMEM;
	}
	while (n)
		vhost_map_put(r[--n].map);
	return rc;
}

static int resume_rings(struct vhost_endpoint *ep, const struct vhost_session *s, struct vmq_err *err)
{
	for (unsigned i = 0; i < 2 * ep->npairs; i++) {
		struct vhost_vring *v = &ep->vring[i];
		int *const fd[3] = { &v->kick_fd, &v->call_fd, &v->err_fd };

		v->size = s->vring[i].size;
		v->base = s->vring[i].base;
		v->has_addr = s->vring[i].has_addr;
		v->has_kick = s->vring[i].has_kick;
		v->enable = (enum vhost_vring_enable)s->vring[i].enable;
		v->addr = s->vring[i].addr;
		for (unsigned k = 0; k < 3; k++) {
			char name[NAME_SIZE];

			if (!s->vring[i].fd[k])
				continue;
			name_of_ring(ep, i, k, name);
			*fd[k] = take(ep, name);
			if (*fd[k] < 0)
				return vmq_err(err, -ENOENT, "the %s descriptor of ring %u was not kept", fd_kind[k], i);
		}
	}
	return 0;
}

static int resume(struct vhost_endpoint *ep, const struct vhost_session *s, struct vmq_err *err)
{
	if (s->busy)
		return vmq_err(err, -EAGAIN, "a message was being worked on");
	if (s->npairs != ep->npairs)
		return vmq_err(err, -EINVAL, "it had %u queue pairs and has %u now", s->npairs, ep->npairs);
	if (s->features & ~ep->offered)
		return vmq_err(err, -EINVAL, "it uses features that are not offered any more: %#" PRIx64,
			       s->features & ~ep->offered);
	if (s->protocol_features & ~VHOST_PROTOCOL_OFFERED)
		return vmq_err(err, -EINVAL, "it uses protocol features that are not offered any more");
	ep->has_features = s->has_features;
	ep->features = s->features;
	ep->protocol_features = s->protocol_features;
	ep->device_status = s->device_status;
	ep->mtu = s->mtu;
	if (resume_memory(ep, s, err))
		return -ENOENT;
	if (s->has_log && !(ep->log = map_kept(ep, &s->log, vhost_mem_has(ep->mem), err)))
		return -ENOENT;
	ep->log_size = s->has_log ? s->log.size : 0;
	if (s->has_inflight && vhost_inflight_use(ep, map_kept(ep, &s->inflight, vhost_mem_has(ep->mem), err), s->inflight.size, s->inflight_queues))
		return -ENOENT;
	return resume_rings(ep, s, err);
}

/* Takes each file of the session once. */
static void take_file(struct vhost_endpoint *ep, const struct file_id *id)
{
	struct vhost_kept_file *f = ep->kept_files;
	char name[NAME_SIZE];
	struct stat st;
	int fd;

	for (unsigned k = 0; k < ep->nkept_files; k++)
		if (f[k].dev == id->dev && f[k].ino == id->ino)
			return;
	name_of_file(id, name);
	fd = take(ep, name);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_dev == id->dev && st.st_ino == id->ino) {
		f[ep->nkept_files++] = (struct vhost_kept_file){ id->dev, id->ino, fd };
	} else {
		close(fd);
		give_up(ep, name);
	}
}

static void take_files(struct vhost_endpoint *ep, const struct vhost_session *s)
{
	ep->kept_files = calloc(FILES, sizeof *ep->kept_files);
	if (!ep->kept_files)
		return;
	for (uint32_t i = 0; s->has_mem && i < s->nregions && i < GUEST_MEM_MAX_SLOTS; i++)
		take_file(ep, &s->region[i].map.file);
	if (s->has_log)
		take_file(ep, &s->log.file);
	if (s->has_inflight)
		take_file(ep, &s->inflight.file);
}

/* The mappings have copies of their own. */
static void close_files(struct vhost_endpoint *ep)
{
	for (unsigned i = 0; i < ep->nkept_files; i++)
		close(ep->kept_files[i].fd);
}

int vhost_session_resume(struct vhost_endpoint *ep)
{
	struct vhost_session *s = ep->session;
	struct vmq_err err = { "" };
	int fd = take_kind(ep, "conn");

	int rc;

	take_files(ep, s);
	rc = fd < 0 ? -ENOENT : resume(ep, s, &err);
	close_files(ep);
	if (rc == 0)
		return fd;
	log_warn("vport %s: its front-end's connection cannot be gone on with: %s; it is closed", ep->name,
		 fd < 0 ? "it was not kept" : err.text);
	if (fd >= 0)
		close(fd);
	drop_all(ep, s);
	vhost_forget_session(ep);
	for (unsigned i = 0; i < 2 * NIC_MAX_QUEUE_PAIRS; i++)
		memset(ep->vring[i].fresh, 0, sizeof ep->vring[i].fresh);
	vhost_session_save(ep);
	return -1;
}

void vhost_session_close(struct vhost_endpoint *ep, bool leave)
{
	struct vhost_session *s = ep->session;

	if (!s)
		return;
	if (!leave) {
		drop_all(ep, s);
		give_up_kind(ep, "session");
		if (!ep->client)
			give_up_kind(ep, "listen");
	}
	free(ep->kept_files);
	ep->kept_files = NULL;
	(void)munmap(s, sizeof *s);
	ep->session = NULL;
}
