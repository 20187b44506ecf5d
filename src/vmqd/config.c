/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration file (config.h). yamldoc turns it into JSON with lines, params checks each mapping; what is checked
 * here is what concerns several places: names, addresses, sockets and devices given twice, CPUs no worker has.
 */
#include "vmqd/config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/stamp.h"
#include "vmqd/member.h"
#include "vmqd/text.h"

#define DEFAULT_SOCKET "/run/vmq/vmqd.sock"

const char *const config_drivers[] = { "auto", "xdp", "packet", "tap", "pcap", NULL };
enum { DRIVER_AUTO, DRIVER_XDP, DRIVER_PACKET, DRIVER_TAP, DRIVER_PCAP };

struct reader {
	struct config *c;
	const struct config *running; /* NULL: at the start */
	struct stack_error e;
	json_t *seen; /* "kind value" -> path where it was given first */
};

/* What may be there once only. `what` is the value for the sentence, `key` the member's path. */
static void once(struct reader *r, struct params *p, const char *key, const char *kind, const char *value)
{
	char id[PATH_MAX + 64], path[sizeof r->e.field];
	const json_t *first;

	if (!params_ok(p))
		return;
	(void)snprintf(id, sizeof id, "%s %s", kind, value);
	first = json_object_get(r->seen, id);
	if (first) {
		(void)params_fault(p, key, "%s is given already at %s", value, json_string_value(first));
		return;
	}
	params_member_path(p, key, path, sizeof path);
	(void)json_object_set_new(r->seen, id, json_string(path));
}

static bool has_cpu(const struct config *c, unsigned cpu)
{
	for (unsigned i = 0; i < c->ncpus; i++) {
		if (c->cpus[i] == cpu)
			return true;
	}
	return false;
}

static void cpu_list(const struct config *c, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < c->ncpus && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%u", i ? ", " : "", c->cpus[i]);
}

/* A CPU that a worker has; left alone when it is not given. Whether it was. */
static bool read_cpu(struct reader *r, struct params *p, const struct schema_member *m, unsigned *out)
{
	char list[128];
	uint32_t cpu;

	if (!member_uint(p, m, &cpu))
		return false;
	cpu_list(r->c, list, sizeof list);
	if (!has_cpu(r->c, cpu))
		(void)params_fault(p, "cpu", "%u is no worker's CPU; cpus lists %s", cpu, list);
	*out = cpu;
	return true;
}

static void read_device(struct params *p, const struct schema_member *m, char out[IFNAMSIZ])
{
	const char *s;

	if (!params_str(p, m->key, m->required, &s))
		return;
	if (strlen(s) > m->max || strpbrk(s, "/ :%") || !strcmp(s, ".") || !strcmp(s, ".."))
		(void)params_fault(p, "device",
				   "\"%s\" is not a network device's name; at most %d characters, no / : %% or space",
				   s, IFNAMSIZ - 1);
	else
		(void)snprintf(out, IFNAMSIZ, "%s", s);
}

/* A device may be taken by one port only; the same name in two network namespaces is two devices. */
static void device_once(struct reader *r, struct params *p, const struct config_port *port)
{
	char kind[PATH_MAX + 16];

	(void)snprintf(kind, sizeof kind, "device %s", port->netns);
	if (port->device[0])
		once(r, p, params_has(p, "device") ? "device" : NULL, kind, port->device);
}

static void read_pcap(struct params *p, struct config_port *w)
{
	(void)member_path(p, SCHEMA(PCAP, in), w->in);
	(void)member_path(p, SCHEMA(PCAP, out), w->out);
	(void)member_uint(p, SCHEMA(PCAP, rate), &w->rate);
	(void)member_bool(p, SCHEMA(PCAP, loop), &w->loop);
}

static void read_wire(struct reader *r, const json_t *obj, const char *path, struct config_port *w)
{
	struct params p;

	params_open(&p, obj, path, &r->e);
	w->cpu = r->c->cpus[0];
	(void)member_word(&p, SCHEMA(PORT, driver), &w->driver);
	w->cpu_given = read_cpu(r, &p, SCHEMA(PORT, cpu), &w->cpu);
	if (w->driver == DRIVER_PCAP) {
		read_pcap(&p, w);
	} else {
		read_device(&p, SCHEMA(PORT, device), w->device);
		(void)member_path(&p, SCHEMA(PORT, netns), w->netns);
		(void)member_word(&p, SCHEMA(PORT, napi), &w->napi);
		device_once(r, &p, w);
	}
	(void)params_close(&p);
}

/* The same unicast address and VLAN test may stand on one VPort only; group addresses may stand on many. */
static void filter_once(struct reader *r, struct params *p, const char *adapter, const char *vport,
			const struct stack_filter_want *f)
{
	char mac[MAC_TEXT_SIZE], k[2 * STACK_NAME_SIZE + 64];

	mac_format(f->mac, mac);
	(void)snprintf(k, sizeof k, "filter %s vlan %d %u %s", adapter, f->vlan.kind, f->vlan.id, f->mac[0] & 1 ? vport : "");
	once(r, p, "mac", k, mac);
}

/* `filters`, behind the one that w may have already. */
static void read_filters(struct reader *r, const json_t *filters, const char *path, const char *adapter,
			 struct wish_vport *w)
{
	char sub[128];

	for (size_t i = 0; i < json_array_size(filters) && r->e.code == STACK_OK; i++) {
		struct params f;

		(void)snprintf(sub, sizeof sub, "%s.filters[%zu]", path, i);
		params_open(&f, json_array_get(filters, i), sub, &r->e);
		wish_filter_read(&f, true, &w->filters[w->want.nfilters]);
		filter_once(r, &f, adapter, w->want.name, &w->filters[w->want.nfilters]);
		if (params_close(&f) == 0)
			w->want.nfilters++;
	}
}

static void read_host(struct reader *r, const json_t *obj, const char *path, size_t index, struct config_adapter *a)
{
	struct config_port *h = &a->host;
	const json_t *filters;
	struct params p;

	params_open(&p, obj, path, &r->e);
	h->driver = DRIVER_TAP;
	h->cpu = r->c->cpus[0];
	(void)snprintf(h->device, sizeof h->device, "vmq%zu", index);
	read_device(&p, SCHEMA(HOST, device), h->device);
	(void)member_path(&p, SCHEMA(HOST, netns), h->netns);
	h->cpu_given = read_cpu(r, &p, SCHEMA(HOST, cpu), &h->cpu);
	device_once(r, &p, h);
	filters = member_list(&p, SCHEMA(HOST, filters), "filters");
	if (wish_host_read(&p, json_array_size(filters), &a->host_wish) < 0)
		return;
	a->host_wish.want.cpu = h->cpu;
	a->host_wish.want.cpu_given = h->cpu_given;
	read_filters(r, filters, path, a->name, &a->host_wish);
	(void)params_close(&p);
}

static void read_vport(struct reader *r, const json_t *obj, const char *path, const char *adapter,
		       struct wish_vport *w)
{
	const json_t *filters;
	char list[128];
	struct params p;

	params_open(&p, obj, path, &r->e);
	filters = member_list(&p, SCHEMA(VPORT, filters), "filters");
	if (wish_vport_read(&p, r->c->run_dir, json_array_size(filters), w) < 0)
		return;
	once(r, &p, "name", "vport", w->want.name);
	if (stack_name_taken(w->want.name))
		(void)params_fault(&p, "name", "%s", stack_name_taken(w->want.name));
	once(r, &p, params_has(&p, "socket") ? "socket" : "name", "socket", w->want.socket);
	cpu_list(r->c, list, sizeof list);
	if (w->want.cpu_given && !has_cpu(r->c, w->want.cpu))
		(void)params_fault(&p, "cpu", "%u is no worker's CPU; cpus lists %s", w->want.cpu, list);
	for (size_t i = 0; i < w->want.nfilters; i++) /* several with a trunk's VLANs */
		filter_once(r, &p, adapter, w->want.name, &w->filters[i]);
	read_filters(r, filters, path, adapter, w);
	(void)params_close(&p);
}

static void read_vports(struct reader *r, struct params *p, const json_t *list, struct config_adapter *a)
{
	size_t n = json_array_size(list);
	char path[64];

	if (list && !json_is_array(list))
		(void)params_fault(p, "vports", "is not a list of VPorts");
	else if (n > SCHEMA(ADAPTER, vports)->max)
		(void)params_fault(p, "vports", "has %zu VPorts; an adapter has %u beside the default one", n,
				   (unsigned)SCHEMA(ADAPTER, vports)->max);
	if (!params_ok(p) || n == 0)
		return;
	a->vports = calloc(n, sizeof *a->vports);
	if (!a->vports) {
		(void)params_fault(p, "vports", "there is no memory for it");
		return;
	}
	for (; a->nvports < n && params_ok(p); a->nvports++) {
		(void)snprintf(path, sizeof path, "%s.vports[%zu]", p->path, a->nvports);
		read_vport(r, json_array_get(list, a->nvports), path, a->name, &a->vports[a->nvports]);
	}
}

static void read_adapter(struct reader *r, const json_t *obj, const char *path, size_t index, struct config_adapter *a)
{
	const json_t *port, *host, *vports;
	const char *name = "Default Switch";
	char sub[64];
	struct params p;

	params_open(&p, obj, path, &r->e);
	(void)member_name(&p, SCHEMA(ADAPTER, name), a->name);
	once(r, &p, "name", "adapter", a->name);
	(void)member_text(&p, SCHEMA(ADAPTER, switch_name), &name);
	(void)snprintf(a->switch_name, sizeof a->switch_name, "%s", name);
	config_mode_read(&p, &a->mode);
	port = params_any(&p, "port", true);
	host = params_any(&p, "host", false);
	vports = params_any(&p, "vports", false);
	if (params_close(&p) < 0)
		return;
	(void)snprintf(sub, sizeof sub, "%s.port", path);
	read_wire(r, port, sub, &a->port);
	(void)snprintf(sub, sizeof sub, "%s.host", path);
	if (params_ok(&p))
		read_host(r, host, sub, index, a);
	read_vports(r, &p, vports, a);
}

static void read_adapters(struct reader *r, struct params *p, const json_t *list)
{
	size_t n = json_array_size(list);
	char path[32];

	if (!params_ok(p))
		return;
	if (!json_is_array(list) || n == 0 || n > SCHEMA_MAX_ADAPTERS) {
		(void)params_fault(p, "adapters", "is not a list of 1 to %u adapters", SCHEMA_MAX_ADAPTERS);
		return;
	}
	r->c->adapters = calloc(n, sizeof *r->c->adapters);
	if (!r->c->adapters) {
		(void)params_fault(p, "adapters", "there is no memory for it");
		return;
	}
	for (; r->c->nadapters < n && params_ok(p); r->c->nadapters++) {
		(void)snprintf(path, sizeof path, "adapters[%zu]", r->c->nadapters);
		read_adapter(r, json_array_get(list, r->c->nadapters), path, r->c->nadapters,
			     &r->c->adapters[r->c->nadapters]);
	}
}

/* A group by name. A running vmqd cannot look it up: it knows the one it was started with; any other needs a restart, and is
 * looked up then. */
static void read_group(struct reader *r, struct params *p, const struct schema_member *m, const char **name, gid_t *gid)
{
	const struct group *g;

	if (!member_text(p, m, name) || r->running)
		return;
	g = getgrnam(*name);
	if (g)
		*gid = g->gr_gid;
	else
		(void)params_fault(p, m->key, "\"%s\" is not a group of this host", *name);
}

static void read_control(struct reader *r, const json_t *obj)
{
	struct config *c = r->c;
	struct params p;

	params_open(&p, obj, "control", &r->e);
	(void)member_path(&p, SCHEMA(CONTROL, socket), c->socket);
	(void)member_mode(&p, SCHEMA(CONTROL, mode), &c->socket_mode);
	read_group(r, &p, SCHEMA(CONTROL, group), &c->socket_group_name, &c->socket_group);
	once(r, &p, params_has(&p, "socket") ? "socket" : NULL, "socket", c->socket);
	(void)params_close(&p);
}

static void read_vport_sockets(struct reader *r, const json_t *obj)
{
	struct config *c = r->c;
	struct params p;

	params_open(&p, obj, "vport_sockets", &r->e);
	(void)member_mode(&p, SCHEMA(SOCKETS, mode), &c->vport_socket_mode);
	read_group(r, &p, SCHEMA(SOCKETS, group), &c->vport_socket_group_name, &c->vport_socket_group);
	(void)params_close(&p);
}

static void look_up_user(struct reader *r, struct params *p, const char *name)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw) {
		(void)params_fault(p, "user", "\"%s\" is not a user of this host", name);
		return;
	}
	r->c->uid = pw->pw_uid;
	r->c->gid = pw->pw_gid;
}

static void read_user(struct reader *r, struct params *p)
{
	const char *name;

	r->c->sandbox = true;
	(void)member_bool(p, SCHEMA(ROOT, sandbox), &r->c->sandbox);
	if (!member_text(p, SCHEMA(ROOT, user), &name))
		return;
	if (!r->running)
		look_up_user(r, p, name);
	if (!r->c->sandbox)
		(void)params_fault(p, "user", "is part of the sandbox, which is switched off");
	r->c->user = strdup(name);
	if (!r->c->user)
		(void)params_fault(p, "user", "there is no memory for it");
}

/* Which file it is decides the default: a second vmqd with a file of its own does not meet the first one's state. */
static void read_state(struct reader *r, struct params *p)
{
	const char *s;

	if (strcmp(r->c->file, CONFIG_DEFAULT_FILE) == 0)
		(void)snprintf(r->c->state, sizeof r->c->state, CONFIG_DEFAULT_STATE);
	if (!params_str(p, SCHEMA(ROOT, state)->key, false, &s))
		return;
	if (strcmp(s, "none") == 0)
		r->c->state[0] = '\0';
	else
		(void)member_path(p, SCHEMA(ROOT, state), r->c->state);
}

static void default_cpu(struct config *c)
{
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &c->allowed))
			c->cpus[0] = (uint16_t)cpu;
	}
	c->ncpus = 1;
}

/* One CPU of the list: its number, or a mapping with its number and how its worker sleeps. */
static json_int_t read_worker(struct reader *r, const json_t *v, const char *path, unsigned *policy, unsigned *light)
{
	struct params p;
	uint32_t cpu = 0;

	*policy = NIC_POLICY_ADAPTIVE;
	*light = NIC_LIGHT_SLEEP_AUTO;
	if (json_is_integer(v))
		return json_integer_value(v);
	if (!json_is_object(v))
		return -1;
	params_open(&p, v, path, &r->e);
	(void)member_uint(&p, SCHEMA(WORKER, cpu), &cpu);
	(void)member_word(&p, SCHEMA(WORKER, policy), policy);
	(void)member_word(&p, SCHEMA(WORKER, light_sleep), light);
	(void)params_close(&p);
	return cpu;
}

static void read_cpus(struct reader *r, struct params *p, const json_t *list)
{
	struct config *c = r->c;
	char key[32];

	if (!params_ok(p))
		return;
	if (r->running)
		c->allowed = r->running->allowed;
	else if (sched_getaffinity(0, sizeof c->allowed, &c->allowed) < 0)
		CPU_ZERO(&c->allowed);
	if (!list) {
		default_cpu(c);
		return;
	}
	if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > STACK_MAX_CPUS) {
		(void)params_fault(p, "cpus", "is not a list of 1 to %u CPU numbers", STACK_MAX_CPUS);
		return;
	}
	for (size_t i = 0; i < json_array_size(list) && params_ok(p); i++) {
		unsigned policy, light;
		json_int_t cpu;

		(void)snprintf(key, sizeof key, "cpus[%zu]", i);
		cpu = read_worker(r, json_array_get(list, i), key, &policy, &light);
		if (cpu < 0 || cpu >= CPU_SETSIZE) {
			(void)params_fault(p, key, "is not a CPU number");
		} else if (!CPU_ISSET((size_t)cpu, &c->allowed)) {
			(void)params_fault(p, key, "%d is not a CPU this process may run on", (int)cpu);
		} else if (has_cpu(c, (unsigned)cpu)) {
			(void)params_fault(p, key, "%d is given twice", (int)cpu);
		} else {
			c->policies[c->ncpus] = policy;
			c->light_sleeps[c->ncpus] = light;
			c->cpus[c->ncpus++] = (uint16_t)cpu;
		}
	}
}

static void read_all(struct reader *r, const json_t *root)
{
	const json_t *control, *vport_sockets, *cpus, *adapters;
	struct params p;

	params_open(&p, root, "", &r->e);
	control = params_any(&p, "control", false);
	vport_sockets = params_any(&p, "vport_sockets", false);
	cpus = params_any(&p, "cpus", false);
	(void)member_bool(&p, SCHEMA(ROOT, cpu_auto), &r->c->cpu_auto);
	adapters = params_any(&p, "adapters", true);
	(void)member_path(&p, SCHEMA(ROOT, run_dir), r->c->run_dir);
	read_state(r, &p);
	read_user(r, &p);
	if (params_close(&p) < 0)
		return;
	read_control(r, control);
	read_vport_sockets(r, vport_sockets);
	read_cpus(r, &p, cpus);
	read_adapters(r, &p, adapters);
}

/* Reads c->doc. */
static void read_config(struct reader *r)
{
	struct config *c = r->c;

	c->socket_mode = c->vport_socket_mode = 0660;
	c->socket_group_name = c->vport_socket_group_name = "root";
	c->cpu_auto = true;
	(void)snprintf(c->socket, sizeof c->socket, DEFAULT_SOCKET);
	(void)snprintf(c->run_dir, sizeof c->run_dir, "/run/vmq");
	read_all(r, c->doc.root);
}

int config_read(const struct config *running, json_t *root, struct config **out, struct stack_error *e)
{
	struct reader r = { .c = calloc(1, sizeof *r.c), .running = running, .seen = json_object() };

	if (r.c)
		r.c->file = strdup(running->file);
	if (!r.c || !r.c->file || !r.seen) {
		(void)stack_fail(&r.e, STACK_FAILED, NULL, "there is no memory for it");
	} else {
		r.c->doc.root = json_incref(root);
		read_config(&r);
	}
	json_decref(r.seen);
	if (r.e.code == STACK_OK) {
		*out = r.c;
		return 0;
	}
	*e = r.e;
	config_free(r.c);
	return -1;
}

int config_parse(const char *file, const char *text, size_t size, struct config **out, struct vmq_err *err)
{
	struct reader r = { .c = calloc(1, sizeof *r.c), .seen = json_object() };
	int rc = 0;

	if (r.c)
		r.c->file = strdup(file);
	if (!r.c || !r.c->file || !r.seen) {
		rc = vmq_err(err, -1, "%s: there is no memory for it", file);
		goto out;
	}
	if (yamldoc_parse(text, size, &r.c->doc, err) < 0) {
		vmq_err_prefix(err, "%s:", file);
		rc = -1;
		goto out;
	}
	read_config(&r);
	if (r.e.code != STACK_OK)
		rc = vmq_err(err, -1, "%s:%u: %s%s%s", file, yamldoc_line(&r.c->doc, r.e.field), r.e.field,
			     r.e.field[0] ? ": " : "", r.e.err.text);
out:
	json_decref(r.seen);
	if (rc == 0)
		*out = r.c;
	else
		config_free(r.c);
	return rc;
}

/* All of a file, and what it was then. *text is to be freed, also after an error. */
static int read_file(const char *file, char **text, size_t *size, struct stat *st, struct vmq_err *err)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), rc = 0;
	size_t room = 65536;
	ssize_t n = 0;
	char *more;

	*size = 0;
	*text = malloc(room);
	if (fd < 0)
		return vmq_err(err, -1, "%s: cannot be opened: %s", file, strerror(errno));
	while (*text && *size <= YAMLDOC_MAX_BYTES) {
		n = read(fd, *text + *size, room - *size);
		if (n <= 0)
			break;
		*size += (size_t)n;
		if (*size == room) {
			more = realloc(*text, room * 2);
			if (!more)
				break;
			*text = more;
			room *= 2;
		}
	}
	if (n < 0)
		rc = vmq_err(err, -1, "%s: cannot be read: %s", file, strerror(errno));
	else if (!*text || *size == room)
		rc = vmq_err(err, -1, "%s: there is no memory for it", file);
	else if (fstat(fd, st) < 0)
		*st = (struct stat){ 0 };
	(void)close(fd);
	return rc;
}

int config_load(const char *file, struct config **out, struct vmq_err *err)
{
	struct stat st = { 0 };
	size_t size;
	char *text;
	int rc = read_file(file, &text, &size, &st, err);

	if (rc == 0)
		rc = config_parse(file, text, size, out, err);
	if (rc == 0) {
		(*out)->path = realpath(file, NULL);
		(*out)->modified = st.st_mtime;
		(*out)->stamp = stamp_of(&st);
	}
	free(text);
	return rc;
}

int config_load_socket(const char *file, char out[STACK_PATH_SIZE], struct vmq_err *err)
{
	struct yamldoc doc = { 0 };
	const char *named;
	struct stat st;
	size_t size;
	char *text;
	int rc = read_file(file, &text, &size, &st, err);

	if (rc == 0 && yamldoc_parse(text, size, &doc, err) < 0) {
		vmq_err_prefix(err, "%s:", file);
		rc = 1;
	}
	named = json_string_value(json_object_get(json_object_get(doc.root, "control"), "socket"));
	(void)snprintf(out, STACK_PATH_SIZE, "%s", named && named[0] == '/' && strlen(named) < STACK_PATH_SIZE ? named : DEFAULT_SOCKET);
	yamldoc_free(&doc);
	free(text);
	return rc;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->nadapters; i++) {
		for (size_t k = 0; k < c->adapters[i].nvports; k++)
			wish_free(&c->adapters[i].vports[k]);
		free(c->adapters[i].vports);
		wish_free(&c->adapters[i].host_wish);
	}
	free(c->adapters);
	yamldoc_free(&c->doc);
	free(c->file);
	free(c->path);
	free(c->stamp);
	free(c->user);
	free(c);
}

void config_blame(const struct config *c, struct vmq_err *err, const char *path, ...)
{
	char text[128];
	va_list ap;

	va_start(ap, path);
	(void)vsnprintf(text, sizeof text, path, ap);
	va_end(ap);
	vmq_err_prefix(err, "%s:%u: %s: ", c->file, yamldoc_line(&c->doc, text), text);
}
