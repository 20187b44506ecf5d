/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sandbox (sandbox.h). The order matters: first each thread's bounding set, as whoever is no longer root may not
 * change it; the user (all threads still may change it; libc tells them all), then each thread its own no_new_privs,
 * Landlock domain and capabilities, and last the filter, which the kernel puts on all threads at once.
 */
#include "vmqd/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "nic/nic.h"

/* ---- the bounding set: no program that this process might become gets a capability ---- */

/* One thread's; who may not change it (a service that has no CAP_SETPCAP) keeps the one it was given. */
static int empty_bounding_set(void *unused)
{
	(void)unused;
	for (unsigned long cap = 0;; cap++) {
		int in_it = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (in_it < 0) /* no such capability: the end */
			return 0;
		if (in_it && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EPERM ? 0 : -errno;
	}
}

/* ---- the user ---- */

static int take_user(const struct sandbox *s, struct vmq_err *err)
{
	if (!s->user)
		return 0;
	if (initgroups(s->user, s->gid) < 0 || setresgid(s->gid, s->gid, s->gid) < 0 ||
	    setresuid(s->uid, s->uid, s->uid) < 0)
		return vmq_err(err, -errno, "the process cannot become user %s: %s", s->user, strerror(errno));
	return 0;
}

/* ---- Landlock: files ---- */

/* What the kernel of each version can forbid; asking an older one for more is an error. */
static __u64 file_rights(long abi)
{
	__u64 rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* version 1: all up to this bit */

	if (abi >= 2)
		rights |= 1u << 13; /* LANDLOCK_ACCESS_FS_REFER */
	if (abi >= 3)
		rights |= 1u << 14; /* LANDLOCK_ACCESS_FS_TRUNCATE */
	if (abi >= 5)
		rights |= 1u << 15; /* LANDLOCK_ACCESS_FS_IOCTL_DEV */
	return rights;
}

static int allow_dir(int ruleset, const char *dir)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE,
		.parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	long rc;

	if (rule.parent_fd < 0)
		return -errno;
	rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
	(void)close(rule.parent_fd);
	return (int)rc;
}

/* The rules as a descriptor, -1: there are none here. */
static int file_rules(const struct sandbox *s)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = { .handled_access_fs = file_rights(abi) };
	int ruleset;

	if (abi < 1) {
		log_warn("sandbox: this kernel has no Landlock (%s): files are not restricted", strerror(errno));
		return -1;
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
	if (ruleset < 0) {
		log_warn("sandbox: no Landlock rules: %s; files are not restricted", strerror(errno));
		return -1;
	}
	for (size_t i = 0; i < s->ndirs; i++) {
		int rc = allow_dir(ruleset, s->dirs[i]);

		if (rc < 0)
			log_warn("sandbox: %s: %s; no sockets can be made or removed there", s->dirs[i], strerror(-rc));
	}
	return ruleset;
}

/* ---- each thread ---- */

struct thread_rules {
	int ruleset;
	bool control; /* keeps what making and reaching sockets takes */
};

/*
 * A worker needs no capability. The control thread of root's daemon gives VPorts' sockets their group, and reaches the
 * sockets of front-ends that run as somebody else.
 */
static int drop_capabilities(bool control)
{
	static const unsigned kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE };
	bool has[2];

	if (capng_get_caps_process() < 0)
		return -EINVAL;
	for (unsigned i = 0; i < 2; i++)
		has[i] = control && capng_have_capability(CAPNG_PERMITTED, kept[i]);
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned i = 0; i < 2; i++)
		if (has[i])
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i]);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

static int confine_thread(void *arg)
{
	const struct thread_rules *t = arg;
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	rc = drop_capabilities(t->control); /* libcap-ng reads /proc: before Landlock */
	if (rc == 0 && t->ruleset >= 0 && syscall(SYS_landlock_restrict_self, t->ruleset, 0) < 0)
		rc = -errno;
	return rc;
}

/* ---- seccomp: system calls ---- */

/* What running takes. */
static const int allowed[] = {
	/* descriptors */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
	SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup3), SCMP_SYS(lseek), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(ftruncate),
	SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(memfd_create),
	SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll),
	/* sockets: socket() itself has a rule of its own */
	SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(shutdown),
	SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(sendto), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg),
	SCMP_SYS(recvfrom), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	/* the sockets' files: Landlock says where */
	SCMP_SYS(lstat), SCMP_SYS(stat), SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(chown),
	SCMP_SYS(lchown), SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(umask),
	/* memory: mmap() and mprotect() have rules of their own */
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
	/* threads, signals, time */
	SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setaffinity),
	SCMP_SYS(getcpu), SCMP_SYS(membarrier), SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(exit), SCMP_SYS(exit_group),
	/* what it is and has */
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(sysinfo), SCMP_SYS(uname),
};

/* What no fault of ours calls: whoever does has taken the process over. All else is refused with EPERM and logged by
 * the kernel. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(open_tree),
	SCMP_SYS(move_mount), SCMP_SYS(fsopen), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
	SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(io_uring_setup), SCMP_SYS(setns), SCMP_SYS(unshare),
	SCMP_SYS(setuid), SCMP_SYS(setresuid), SCMP_SYS(capset),
};

/* What control asks of a port's device while it runs. */
static const unsigned long ioctls[] = { SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFHWADDR, SIOCGIFMTU, SIOCGIFFLAGS };

static int add_rules(scmp_filter_ctx f)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof deadly / sizeof deadly[0] && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	for (size_t i = 0; i < sizeof ioctls / sizeof ioctls[0] && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i], 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return rc;
}

static int filter_calls(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (!f)
		return -ENOMEM;
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, 1); /* kernels before 4.14 cannot */
	rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: workers call often */
	if (rc == 0)
		rc = add_rules(f);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc;
}

/* Calls fn in each worker, then here. */
static int in_every_thread(const struct sandbox *s, int (*fn)(void *arg), void *worker, void *control)
{
	int rc = s->engine ? nic_engine_run(s->engine, fn, worker) : 0;

	return rc == 0 ? fn(control) : rc;
}

int sandbox_enter(const struct sandbox *s, struct vmq_err *err)
{
	struct thread_rules worker = { .ruleset = -1 }, control;
	int rc = in_every_thread(s, empty_bounding_set, NULL, NULL);

	if (rc < 0)
		return vmq_err(err, rc, "the capability bounding set cannot be emptied: %s", strerror(-rc));
	rc = take_user(s, err);
	if (rc < 0)
		return rc;
	worker.ruleset = file_rules(s);
	control = (struct thread_rules){ worker.ruleset, true };
	rc = in_every_thread(s, confine_thread, &worker, &control);
	if (worker.ruleset >= 0)
		(void)close(worker.ruleset);
	if (rc < 0)
		return vmq_err(err, rc, "privileges cannot be given up: %s", strerror(-rc));
	rc = filter_calls();
	if (rc < 0)
		log_warn("sandbox: no seccomp filter: %s; system calls are not restricted", strerror(-rc));
	log_info("sandbox: capabilities dropped, files %s, system calls %s%s%s",
		 worker.ruleset >= 0 ? "restricted (Landlock)" : "not restricted",
		 rc < 0 ? "not restricted" : "restricted (seccomp)", s->user ? ", user " : "", s->user ? s->user : "");
	return 0;
}
