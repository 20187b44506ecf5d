/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sandbox, tried: a process of its own enters it and does what it must not be able to, one thing each; and what it
 * goes on to need. Root only: without privileges there is nothing to give up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <pwd.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "nic/nic.h"
#include "vmqd/sandbox.h"

static char dir[] = "/tmp/vmqt-sandbox-XXXXXX";
static char outside[] = "/tmp/vmqt-sandbox-file-XXXXXX"; /* a file in no directory of the sandbox */

/* ---- what is tried: each returns true when it could be done ---- */

static bool run_a_program(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	return execve("/bin/true", argv, NULL) == 0;
}

static bool open_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool open_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool open_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool write_passwd(void)
{
	return open("/etc/passwd", O_WRONLY) >= 0;
}

static bool read_shadow(void)
{
	return open("/etc/shadow", O_RDONLY) >= 0;
}

static bool remove_elsewhere(void)
{
	return unlink(outside) == 0;
}

static bool trace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool load_program(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr) >= 0;
}

static bool mount_something(void)
{
	return mount("none", dir, "tmpfs", 0, NULL) == 0;
}

static bool new_namespace(void)
{
	return unshare(CLONE_NEWNET) == 0;
}

static bool map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool make_a_process(void)
{
	return syscall(SYS_fork) >= 0;
}

static bool become_root(void)
{
	return setuid(0) == 0 && getuid() == 0 && open("/etc/shadow", O_RDONLY) >= 0;
}

static bool send_signal(void)
{
	return kill(getppid(), 0) == 0;
}

static const struct attempt {
	const char *name;
	bool (*fn)(void);
} attempts[] = {
	{ "execve", run_a_program },
	{ "socket(AF_INET)", open_inet },
	{ "socket(AF_PACKET)", open_packet },
	{ "netlink", open_netlink },
	{ "write /etc/passwd", write_passwd },
	{ "read /etc/shadow", read_shadow },
	{ "unlink", remove_elsewhere },
	{ "ptrace", trace },
	{ "bpf", load_program },
	{ "mount", mount_something },
	{ "unshare", new_namespace },
	{ "executable memory", map_code },
	{ "fork", make_a_process },
	{ "setuid", become_root },
	{ "kill", send_signal },
};

static void enter(const char *user)
{
	const char *dirs[] = { dir };
	struct sandbox s = { .dirs = dirs, .ndirs = 1, .user = user };
	struct vmq_err err = { "" };

	if (user) {
		const struct passwd *pw = getpwnam(user);

		if (!pw || chown(dir, pw->pw_uid, pw->pw_gid) < 0)
			_exit(2);
		s.uid = pw->pw_uid;
		s.gid = pw->pw_gid;
	}
	if (sandbox_enter(&s, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		_exit(2);
	}
}

/* How a process that enters the sandbox and does this ends: its wait status. */
static int in_sandbox(const char *user, bool (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		enter(user);
		_exit(fn() ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
		int status = in_sandbox(NULL, attempts[i].fn);
		bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;

		if (!killed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
			fail_msg("%s was not refused (status %#x)", attempts[i].name, status);
	}
}

static void test_refused_as_user(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
		int status = in_sandbox("nobody", attempts[i].fn);
		bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;

		if (!killed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
			fail_msg("%s was not refused (status %#x)", attempts[i].name, status);
	}
}

/* ---- what goes on to work ---- */

/* A VPort's socket made, given rights, reached, and removed; an eventfd; memory of a front-end mapped. */
static bool live(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int m = memfd_create("m", MFD_CLOEXEC), e = eventfd(0, EFD_CLOEXEC);
	struct stat st;

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
	return l >= 0 && c >= 0 && m >= 0 && e >= 0 && fchmod(l, 0600) == 0 &&
	       bind(l, (struct sockaddr *)&a, sizeof a) == 0 && chmod(a.sun_path, 0660) == 0 &&
	       lchown(a.sun_path, (uid_t)-1, getgid()) == 0 && lstat(a.sun_path, &st) == 0 && listen(l, 4) == 0 &&
	       connect(c, (struct sockaddr *)&a, sizeof a) == 0 && accept4(l, NULL, NULL, SOCK_CLOEXEC) >= 0 &&
	       unlink(a.sun_path) == 0 && ftruncate(m, 4096) == 0 &&
	       mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0) != MAP_FAILED;
}

static void test_lives(void **state)
{
	static const char *const users[] = { NULL, "nobody" };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		int status = in_sandbox(users[i], live);

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
		assert_int_equal(chown(dir, 0, 0), 0);
	}
}

/* ---- a worker is in it too ---- */

static int try_socket(void *arg)
{
	(void)arg;
	return socket(AF_INET, SOCK_STREAM, 0) < 0 && unlink(outside) < 0 && errno == EACCES ? 0 : -EIO;
}

static void test_workers(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct nic_engine_config cfg = { .ncpus = 1 };
		const char *dirs[] = { dir };
		struct sandbox s = { .dirs = dirs, .ndirs = 1 };
		struct vmq_err err = { "" };
		cpu_set_t set;

		(void)sched_getaffinity(0, sizeof set, &set);
		while (!CPU_ISSET(cfg.cpus[0], &set))
			cfg.cpus[0]++;
		if (nic_engine_create(&cfg, &s.engine, &err) < 0 || sandbox_enter(&s, &err) < 0)
			_exit(2);
		_exit(nic_engine_run(s.engine, try_socket, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_as_user),
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_workers),
	};
	int rc, fd;

	if (geteuid() != 0)
		return 77;
	vmq_log_init(VMQ_LOG_ERROR);
	fd = mkstemp(outside);
	if (fd < 0 || close(fd) < 0 || !mkdtemp(dir))
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(dir);
	(void)unlink(outside);
	return rc;
}
