/* SPDX-License-Identifier: BSD-3-Clause */
/* The doctor's checks of vmqd itself: who it is, what it may do, who may reach it (doctor.h). */
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmqctl/doctor/doctor.h"

void check_version(struct doctor *d)
{
	const char *theirs = doctor_text(d->version, "version");

	if (strcmp(theirs, VMQ_VERSION) == 0)
		return;
	doctor_say(d, DOCTOR_WARNING, "vmqd is %s, vmqctl %s", theirs, VMQ_VERSION);
	doctor_mend(d, "systemctl restart vmqd, after an update of both");
}

static long long status_number(const struct doctor *d, const char *key)
{
	char file[32];

	(void)snprintf(file, sizeof file, "%d/status", (int)d->pid);
	return doctor_line(d, file, key);
}

void check_user(struct doctor *d)
{
	long long uid = status_number(d, "Uid");

	if (uid == 0) {
		doctor_say(d, DOCTOR_NOTE, "vmqd runs as root, although with few capabilities");
		doctor_mend(d, "useradd --system vmq; user: vmq in %s, and there vport_sockets: {group: G}, G a group that vmq is in",
			    doctor_text(d->daemon, "config"));
	} else if (uid < 0) {
		doctor_say(d, DOCTOR_UNKNOWN, "process %d is not to be seen from here", (int)d->pid);
	}
}

void check_drained(struct doctor *d)
{
	if (json_is_true(json_object_get(d->daemon, "drained"))) {
		doctor_say(d, DOCTOR_WRONG, "vmqd is drained, for a restart that has not come: what VMs send waits in their rings");
		doctor_mend(d, "systemctl restart vmqd; or vmqctl drain undo on");
	}
}

void check_sandbox(struct doctor *d)
{
	char lsm[256];

	if (json_is_false(json_object_get(d->daemon, "sandbox"))) {
		doctor_say(d, DOCTOR_WARNING, "the sandbox is switched off: who takes vmqd over has all that vmqd has");
		doctor_mend(d, "sandbox: true in %s", doctor_text(d->daemon, "config"));
		return;
	}
	if (status_number(d, "Seccomp") == 0) {
		doctor_say(d, DOCTOR_WARNING,
			   "vmqd's system calls are not restricted (Seccomp: 0), although the sandbox is on");
		doctor_mend(d, "a kernel with CONFIG_SECCOMP_FILTER=y; the log says what failed");
	}
	if (host_read(lsm, sizeof lsm, d->root, "sys/kernel/security/lsm") >= 0 && !strstr(lsm, "landlock")) {
		doctor_say(d, DOCTOR_NOTE, "the kernel runs without Landlock (%s): vmqd's files are not restricted",
			   lsm);
		doctor_mend(d, "lsm=landlock,%s on the kernel's command line", lsm);
	}
}

/* ---- files ---- */

/* Below --topology, too. */
static bool look_at(const struct doctor *d, const char *path, struct stat *st)
{
	char full[PATH_MAX];

	return *path == '/' && snprintf(full, sizeof full, "%s%s", d->root, path) < (int)sizeof full &&
	       stat(full, st) == 0;
}

void check_run_dir(struct doctor *d)
{
	const char *dir = doctor_text(d->daemon, "run_dir");
	struct stat st;

	if (!look_at(d, dir, &st)) {
		doctor_say(d, DOCTOR_UNKNOWN, "%s is not to be seen from here", dir);
	} else if (st.st_mode & S_IWOTH) {
		doctor_say(d, DOCTOR_WRONG,
			   "%s is writable by everybody (%04o): anybody can put another socket in a VPort's place", dir,
			   st.st_mode & 07777);
		doctor_mend(d, "chmod o-w %s", dir);
	}
}

void check_control_socket(struct doctor *d)
{
	const char *path = doctor_text(json_object_get(d->daemon, "control"), "socket");
	struct stat st;

	if (!look_at(d, path, &st)) {
		doctor_say(d, DOCTOR_UNKNOWN, "%s is not to be seen from here", path);
	} else if (st.st_mode & S_IWOTH) {
		doctor_say(d, DOCTOR_WARNING,
			   "%s is open to everybody (%04o); vmqd turns away all but root, itself and its group, after "
			   "they "
			   "have taken one of 64 places",
			   path, st.st_mode & 07777);
		doctor_mend(d, "control: {mode: 0660} in %s", doctor_text(d->daemon, "config"));
	}
}

struct user {
	char name[64];
	uid_t uid;
	gid_t gid;
};

/* The first user that has one of these names; false: there is none here. */
static bool user_of(const struct doctor *d, const char *name, const char *or, struct user *out)
{
	char path[PATH_MAX];
	bool found = false;
	struct passwd *p;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/etc/passwd", d->root);
	f = fopen(path, "re");
	while (f && !found && (p = fgetpwent(f)) != NULL) {
		found = strcmp(p->pw_name, name) == 0 || strcmp(p->pw_name, or) == 0;
		if (!found)
			continue;
		(void)snprintf(out->name, sizeof out->name, "%s", p->pw_name);
		out->uid = p->pw_uid;
		out->gid = p->pw_gid;
	}
	if (f)
		(void)fclose(f);
	return found;
}

static bool in_group(const struct doctor *d, const char *user, gid_t gid)
{
	char path[PATH_MAX];
	bool found = false;
	struct group *g;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/etc/group", d->root);
	f = fopen(path, "re");
	while (f && !found && (g = fgetgrent(f)) != NULL)
		for (char **m = g->gr_mem; g->gr_gid == gid && *m && !found; m++)
			found = strcmp(*m, user) == 0;
	if (f)
		(void)fclose(f);
	return found;
}

static bool may_connect(const struct doctor *d, const struct stat *st, const struct user *u)
{
	if (st->st_uid == u->uid)
		return st->st_mode & S_IWUSR;
	if (st->st_gid == u->gid || in_group(d, u->name, st->st_gid))
		return st->st_mode & S_IWGRP;
	return st->st_mode & S_IWOTH;
}

/* As somebody else than root vmqd gives a new socket to a group of its own only. */
static void check_group(struct doctor *d)
{
	const char *name = doctor_text(d->daemon, "user");
	const json_t *gid = json_object_get(json_object_get(d->daemon, "vport_sockets"), "gid");
	struct user u;
	gid_t g = (gid_t)json_integer_value(gid);

	if (!*name || !json_is_integer(gid) || !user_of(d, name, name, &u) || u.uid == 0 || u.gid == g || in_group(d, name, g))
		return;
	doctor_say(d, DOCTOR_WARNING,
		   "vmqd's user %s is not in the group (%d) of vport_sockets: it cannot make the socket of a VPort that is added", name, (int)g);
	doctor_mend(d, "vport_sockets: {group: G} in %s, G a group that %s is in (usermod -aG G %s); then systemctl restart vmqd",
		    doctor_text(d->daemon, "config"), name, name);
}

void check_vport_sockets(struct doctor *d)
{
	const json_t *v;
	struct user qemu;
	struct stat st;

	check_group(d);
	if (!user_of(d, "libvirt-qemu", "qemu", &qemu))
		return; /* who starts QEMU by hand sees what it says */
	DOCTOR_EACH(d->vports, "vports", v) {
		const char *path = doctor_text(v, "socket");

		if (strcmp(doctor_text(v, "socket_mode"), "server") != 0 || doctor_true(v, "connected") ||
		    !look_at(d, path, &st) || may_connect(d, &st, &qemu))
			continue;
		doctor_say(d, DOCTOR_WRONG,
			   "VPort %s: %s (%04o, group %d) cannot be reached by user %s, whom libvirt lets QEMU run as",
			   doctor_text(v, "name"), path, st.st_mode & 07777, (int)st.st_gid, qemu.name);
		doctor_mend(d, "vport_sockets: {group: kvm} in %s, and usermod -aG kvm %s",
			    doctor_text(d->daemon, "config"), qemu.name);
	}
}

/* ---- limits ---- */

static long long limit(const struct doctor *d, const char *name)
{
	char file[32];

	(void)snprintf(file, sizeof file, "%d/limits", (int)d->pid);
	return doctor_line(d, file, name);
}

void check_nofile(struct doctor *d)
{
	long long n = limit(d, "Max open files");

	if (n < 0) {
		doctor_say(d, DOCTOR_UNKNOWN, "process %d is not to be seen from here", (int)d->pid);
	} else if (n < 16384) {
		doctor_say(d, DOCTOR_WARNING,
			   "vmqd may open %lld files: a VM takes up to 16, so some %lld VMs are the end", n, n / 16);
		doctor_mend(d, "systemctl edit vmqd: [Service] LimitNOFILE=1048576");
	}
}

void check_memlock(struct doctor *d)
{
	enum { WANT = 64 << 20 }; /* bytes: the buffers of a wire and their rings */
	long long n = limit(d, "Max locked memory");
	const json_t *a;

	if (n < 0 || n >= WANT || status_number(d, "Uid") == 0)
		return;
	DOCTOR_EACH(d->daemon, "adapters", a) {
		const char *driver = doctor_text(json_object_get(a, "port"), "driver");

		if (strcmp(driver, "xdp") != 0 && strcmp(driver, "auto") != 0)
			continue;
		doctor_say(d, DOCTOR_WARNING, "vmqd may lock %lld KiB: AF_XDP's buffers are locked, and may not fit",
			   n / 1024);
		doctor_mend(d, "systemctl edit vmqd: [Service] LimitMEMLOCK=infinity");
		return;
	}
}

/* ---- the file, and what there is ---- */

static void compare_file(struct doctor *d, const char *path)
{
	long long when = doctor_number(d->daemon, "config_time");
	struct stat st;

	if (!look_at(d, path, &st)) {
		doctor_say(d, DOCTOR_WARNING, "%s, which vmqd was started with, is not there: it would not start again",
			   path);
		doctor_mend(d, "put the file back");
	} else if (st.st_mtime != when) {
		doctor_say(d, DOCTOR_NOTE,
			   "%s has changed since vmqd read it: what it says now counts from the next start", path);
		doctor_mend(d, "vmqd --check --config %s, then systemctl restart vmqd", path);
	}
}

void check_config(struct doctor *d)
{
	const char *path = doctor_text(d->daemon, "config");

	if (*path)
		compare_file(d, path);
}

/* How many differences take a restart, or do not, and where the first of them is. */
static size_t count_changes(const struct doctor *d, bool restart, const char **first)
{
	const json_t *c;
	size_t n = 0;

	DOCTOR_EACH(d->drift, "changes", c)
		if ((strcmp(doctor_text(c, "change"), "restart") == 0) == restart && n++ == 0)
			*first = doctor_text(c, "path");
	return n;
}

void check_drift(struct doctor *d)
{
	const char *path = doctor_text(d->daemon, "config"), *state = doctor_text(d->daemon, "state"), *first = "";
	size_t n;

	if (d->wrong_file[0]) {
		doctor_say(d, DOCTOR_WARNING, "vmqd would not start with what the file says now: %s", d->wrong_file);
		doctor_mend(d, "edit %s until vmqd --check is content", path);
		return;
	}
	if (!d->drift) {
		doctor_say(d, DOCTOR_UNKNOWN, "what runs cannot be compared with %s", *path ? path : "a file");
		return;
	}
	n = count_changes(d, true, &first);
	if (n) {
		doctor_say(d, DOCTOR_NOTE, "%s is other than what runs in %zu members that are read at start only, as %s", path, n,
			   first);
		doctor_mend(d, "vmqctl config diff, then systemctl restart vmqd");
	}
	n = count_changes(d, false, &first);
	if (n) {
		doctor_say(d, DOCTOR_NOTE, "what runs is other than %s in %zu places, as %s%s%s", path, n, first,
			   *state ? "; where run time changed VPorts it stays so at the next start: " : "", state);
		doctor_mend(d, "vmqctl config diff, then vmqctl config apply (the file counts) or vmqctl config save (what runs counts)");
	}
}

/* ---- adapters ---- */

void check_mode(struct doctor *d)
{
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		const char *mode = doctor_text(s, "mode");
		bool serves = strcmp(mode, "SR-IOV") == 0;

		if (serves || !*mode)
			continue;
		serves = strcmp(mode, "VMQ") == 0;
		doctor_say(d, serves ? DOCTOR_NOTE : DOCTOR_WARNING, "adapter %s is in mode %s%s: %s",
			   doctor_text(s, "adapter"), mode, serves ? "" : ", and no VM is served",
			   doctor_text(s, "mode_reason"));
		doctor_mend(d, "keywords: of the adapter in %s (man vmqd.yaml), then systemctl restart vmqd",
			    doctor_text(d->daemon, "config"));
	}
}

void check_limits(struct doctor *d)
{
	static const char *const what[][3] = { { "num_vports", "max_vports", "VPorts" },
					       { "num_queues", "max_queues", "VM queues" },
					       { "num_filters", "max_filters", "filters" },
					       { "queue_pairs", "max_queue_pairs", "queue pairs" } };
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
			long long used = doctor_number(s, what[i][0]), max = doctor_number(s, what[i][1]);

			if (max <= 0 || used * 10 < max * 9)
				continue;
			doctor_say(d, DOCTOR_WARNING, "adapter %s has %lld of %lld %s", doctor_text(s, "adapter"), used,
				   max, what[i][2]);
			doctor_mend(d, "vmqctl vport del of those that nobody needs; limits: in %s",
				    doctor_text(d->daemon, "config"));
		}
	}
}

void check_driver_faults(struct doctor *d)
{
	const json_t *s;

	DOCTOR_EACH(d->switches, "switches", s) {
		if (doctor_number(s, "driver_faults") <= 0)
			continue;
		doctor_say(d, DOCTOR_WARNING,
			   "the driver of adapter %s broke a rule of its interface %lld times, last: %s",
			   doctor_text(s, "adapter"), (long long)doctor_number(s, "driver_faults"),
			   doctor_text(s, "last_driver_fault"));
		doctor_mend(d, "an error in vmqd: report it with this sentence");
	}
}
