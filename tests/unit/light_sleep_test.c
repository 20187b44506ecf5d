/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Light sleep with a clock of the test's own (1,000 cycles a microsecond) and a machine that does not exist: the kernel's
 * files lie below a directory, and what would be the daemon's part is done as the daemon does it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"
#include "nic/light_sleep.h"
#include "vmqd/sleep_files.h"

#define US 1000ull
#define MS (1000 * US)
#define SECOND (1000 * MS)
#define START (77 * SECOND)

#define IDLE "sys/devices/system/cpu/cpuidle/"
#define BOOT "proc/sys/kernel/random/boot_id"
#define CPUINFO "proc/cpuinfo"

static char root[] = "/tmp/vmqt-light-XXXXXX";
static char record[64];
static const uint16_t cpus[] = { 1, 3 };

/* ---- the machine ---- */

static void put(const char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(const char *text, const char *fmt, ...)
{
	char path[256], *slash;
	size_t n = (size_t)snprintf(path, sizeof path, "%s/", root);
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	(void)vsnprintf(path + n, sizeof path - n, fmt, ap);
	va_end(ap);
	for (slash = strchr(path + n, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fprintf(f, "%s\n", text) > 0);
	assert_int_equal(fclose(f), 0);
}

static void reads(unsigned cpu, const char *text)
{
	char now[32];

	assert_true(host_read(now, sizeof now, root, HOST_RESUME_LATENCY, cpu) >= 0);
	now[strcspn(now, "\n")] = '\0'; /* a file keeps what was behind a shorter text; the kernel's does not */
	assert_string_equal(now, text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int unmake(void **state)
{
	(void)state;
	(void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

/* A virtual machine with halt polling. */
static int make(void **state)
{
	(void)state;
	(void)strcpy(strrchr(root, '-'), "-XXXXXX");
	assert_non_null(mkdtemp(root));
	(void)snprintf(record, sizeof record, "%s/record", root);
	put("haltpoll", IDLE "current_driver");
	put("haltpoll", IDLE "current_governor_ro");
	put("b007", BOOT);
	put("processor\t: 0\nflags\t\t: fpu hypervisor sse\n\nprocessor\t: 1\nflags\t\t: fpu", CPUINFO);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		put("0", HOST_RESUME_LATENCY, cpu);
	return 0;
}

/* ... or one of its own, whose CPU 1 has these states. */
static void bare(const char *const names[], const int latencies[])
{
	put("intel_idle", IDLE "current_driver");
	put("processor\t: 0\nflags\t\t: fpu sse", CPUINFO);
	for (unsigned i = 0; names[i]; i++) {
		char number[16];

		(void)snprintf(number, sizeof number, "%d", latencies[i]);
		put(names[i], "sys/devices/system/cpu/cpu1/cpuidle/state%u/name", i);
		put(number, "sys/devices/system/cpu/cpu1/cpuidle/state%u/latency", i);
	}
}

/* ---- a worker of CPU 1 ---- */

struct world {
	struct sleep_files *files;
	struct light_sleep s;
	uint64_t now;
};

static struct world begin(enum nic_light_sleep mode)
{
	struct world w = { .files = sleep_files_open(root, record, cpus, 2), .now = START };

	assert_non_null(w.files);
	light_sleep_init(&w.s, 1, &sleep_files_all(w.files)[0], US);
	light_sleep_set(&w.s, mode, true);
	return w;
}

static void end(struct world *w)
{
	light_sleep_set(&w->s, NIC_LIGHT_SLEEP_OFF, false);
	sleep_files_close(w->files);
}

/* It sleeps until work comes in `after` cycles, timers in between. */
static void work_after(struct world *w, uint64_t after)
{
	uint64_t at = w->now + after;

	for (;;) {
		uint64_t due;

		light_sleep_settle(&w->s, w->now);
		due = light_sleep_due(&w->s);
		if (due > at)
			break;
		w->now = due;
		light_sleep_woken(&w->s, w->now, false);
	}
	w->now = at;
	light_sleep_woken(&w->s, w->now, true);
}

static void work(struct world *w, unsigned times, uint64_t every)
{
	while (times--)
		work_after(w, every);
}

/* How often a timer wakes it until it sleeps for ever. */
static unsigned silence(struct world *w)
{
	for (unsigned n = 0;; n++) {
		light_sleep_settle(&w->s, w->now);
		if (light_sleep_due(&w->s) == UINT64_MAX)
			return n;
		assert_true(n < 10);
		w->now = light_sleep_due(&w->s);
		light_sleep_woken(&w->s, w->now, false);
	}
}

static void state_is(struct world *w, enum nic_sleep state, const char *text)
{
	light_sleep_settle(&w->s, w->now);
	assert_int_equal(w->s.state, state);
	reads(1, text);
	reads(3, "0");
}

/* ---- the rule ---- */

static void test_seldom_is_deep(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_AUTO);

	(void)state;
	state_is(&w, NIC_SLEEP_DEEP, "0");
	work(&w, 9, 1 * MS);
	state_is(&w, NIC_SLEEP_DEEP, "0");
	work(&w, 1, 100 * MS);
	work(&w, 1000, 12 * MS);
	state_is(&w, NIC_SLEEP_DEEP, "0");
	assert_int_equal(w.s.changes, 0);
	assert_int_equal(silence(&w), 0);
	end(&w);
}

static void test_often_is_light_until_it_is_not(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_AUTO);

	(void)state;
	work(&w, 10, 10 * MS);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	work(&w, 300, 18 * MS); /* fewer than it takes to begin, enough to go on */
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	assert_int_equal(w.s.changes, 1);
	work(&w, 100, 25 * MS);
	state_is(&w, NIC_SLEEP_DEEP, "0");
	work(&w, 10, 1 * MS);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	assert_in_range(silence(&w), 1, 2);
	state_is(&w, NIC_SLEEP_DEEP, "0");
	assert_int_equal(w.s.changes, 4);
	end(&w);
}

/* Timers are not work: a ring that waits for its rate limit does not keep it light. */
static void test_timers_are_not_work(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_AUTO);

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		light_sleep_woken(&w.s, w.now += MS, false);
	state_is(&w, NIC_SLEEP_DEEP, "0");
	end(&w);
}

/* A worker that had no time to sleep learns nothing from how seldom it slept. */
static void test_busy_is_not_seldom(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_AUTO);

	(void)state;
	work(&w, 20, 1 * MS);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	w.now += 5 * SECOND;
	light_sleep_settle(&w.s, w.now);
	assert_int_equal(light_sleep_due(&w.s), w.now + SECOND);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	work(&w, 200, 1 * MS);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	assert_int_equal(w.s.changes, 1);
	end(&w);
}

/* Whatever comes, it is written seldom: not before a second is over is given back what was asked for. */
static void test_written_seldom(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_AUTO);
	unsigned number = 1;

	(void)state;
	while (w.now < START + 600 * SECOND) {
		number = number * 1103515245u + 12345u;
		work(&w, number >> 16 & 31, (number >> 24 & 63) * MS / 2 + 1);
		number = number * 1103515245u + 12345u;
		work_after(&w, (number >> 20 & 2047) * MS + 1);
	}
	assert_in_range(w.s.changes, 100, 2 * 600);
	end(&w);
}

static void test_choices(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);

	(void)state;
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	assert_int_equal(silence(&w), 0); /* and it wakes for nothing */
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	light_sleep_set(&w.s, NIC_LIGHT_SLEEP_ALWAYS, false); /* policy poll */
	reads(1, "0");
	work(&w, 100, MS);
	state_is(&w, NIC_SLEEP_DEEP, "0");
	light_sleep_set(&w.s, NIC_LIGHT_SLEEP_ALWAYS, true);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	light_sleep_set(&w.s, NIC_LIGHT_SLEEP_AUTO, true);
	reads(1, "0");
	work(&w, 100, MS);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	light_sleep_set(&w.s, NIC_LIGHT_SLEEP_OFF, true);
	reads(1, "0");
	work(&w, 100, MS);
	state_is(&w, NIC_SLEEP_DEEP, "0");
	assert_int_equal(silence(&w), 0);
	light_sleep_set(&w.s, NIC_LIGHT_SLEEP_ALWAYS, true);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	end(&w); /* the worker ends */
	reads(1, "0");
	assert_int_equal(access(record, F_OK), -1);
}

/* ---- somebody else ---- */

static void test_anothers_value_stays(void **state)
{
	struct world w;

	(void)state;
	put("20", HOST_RESUME_LATENCY, 1);
	w = begin(NIC_LIGHT_SLEEP_AUTO);
	assert_int_equal(w.s.state, NIC_SLEEP_FOREIGN);
	work(&w, 3000, MS);
	state_is(&w, NIC_SLEEP_FOREIGN, "20");
	put("0", HOST_RESUME_LATENCY, 1); /* he takes it away */
	work(&w, 2000, MS);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	put("7", HOST_RESUME_LATENCY, 1); /* he comes back */
	assert_in_range(silence(&w), 1, 2);
	reads(1, "7");
	end(&w);
	reads(1, "7");
}

/* ---- killed ---- */

/* The process is gone, and nobody has cleared up. */
static void kill_it(struct world *w)
{
	char away[80];

	(void)snprintf(away, sizeof away, "%s.away", record);
	assert_int_equal(rename(record, away), 0);
	sleep_files_close(w->files);
	assert_int_equal(rename(away, record), 0);
}

static void test_killed(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);

	(void)state;
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	kill_it(&w);
	reads(1, "n/a");
	w = begin(NIC_LIGHT_SLEEP_OFF); /* the next one */
	reads(1, "0");
	state_is(&w, NIC_SLEEP_DEEP, "0");
	end(&w);
	assert_int_equal(access(record, F_OK), -1);

	w = begin(NIC_LIGHT_SLEEP_ALWAYS);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	kill_it(&w);
	assert_int_equal(sleep_files_put_back(root, record), 1); /* none follows */
	reads(1, "0");
	assert_int_equal(access(record, F_OK), -1);
	assert_int_equal(sleep_files_put_back(root, record), 0);
}

/* Killed before it asked, or behind giving back: what somebody else sets then is his. */
static void test_killed_while_nothing_was_asked_for(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);

	(void)state;
	kill_it(&w);
	put("n/a", HOST_RESUME_LATENCY, 1);
	w = begin(NIC_LIGHT_SLEEP_ALWAYS);
	state_is(&w, NIC_SLEEP_FOREIGN, "n/a");
	kill_it(&w);
	put("0", HOST_RESUME_LATENCY, 1);
	w = begin(NIC_LIGHT_SLEEP_ALWAYS);
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	light_sleep_set(&w.s, NIC_LIGHT_SLEEP_OFF, true);
	kill_it(&w);
	put("n/a", HOST_RESUME_LATENCY, 1);
	assert_int_equal(sleep_files_put_back(root, record), 0);
	reads(1, "n/a");
}

/* Between the mark and the kernel's file, in both directions. */
static void test_killed_in_between(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);

	(void)state;
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	kill_it(&w);
	put("0", HOST_RESUME_LATENCY, 1); /* marked, not asked for */
	assert_int_equal(sleep_files_put_back(root, record), 0);
	reads(1, "0");
	assert_int_equal(access(record, F_OK), -1);
}

static void test_left_with_another_value(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);

	(void)state;
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	kill_it(&w);
	put("7", HOST_RESUME_LATENCY, 1);
	w = begin(NIC_LIGHT_SLEEP_ALWAYS);
	state_is(&w, NIC_SLEEP_FOREIGN, "7");
	end(&w);
}

static void test_another_boot(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);

	(void)state;
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	kill_it(&w);
	put("b008", BOOT);
	w = begin(NIC_LIGHT_SLEEP_OFF);
	assert_int_equal(w.s.state, NIC_SLEEP_FOREIGN);
	end(&w);
	reads(1, "n/a");
}

/* What can't be put back now stays in the record, for the one who can. */
static void test_not_to_be_put_back_yet(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);
	char path[256], away[256];

	(void)state;
	state_is(&w, NIC_SLEEP_LIGHT, "n/a");
	kill_it(&w);
	(void)snprintf(path, sizeof path, "%s/" HOST_RESUME_LATENCY, root, 1u);
	(void)snprintf(away, sizeof away, "%s/away", root);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(mkdir(path, 0755), 0); /* nobody can write that, not even root */
	assert_int_equal(sleep_files_put_back(root, record), -1);
	w = begin(NIC_LIGHT_SLEEP_ALWAYS);
	assert_int_equal(w.s.state, NIC_SLEEP_NO_FILE);
	assert_non_null(strstr(sleep_files_why(w.files, 1), "cpu1/power/pm_qos_resume_latency_us: Is a directory"));
	end(&w);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(away, path), 0);
	reads(1, "n/a");
	assert_int_equal(sleep_files_put_back(root, record), 1);
	reads(1, "0");
}

/* ---- a record that somebody else wrote ---- */

static void test_hostile_records(void **state)
{
	static const char head[] = "boot b007                                    \n";
	static const char *const texts[] = {
		"", "\n\n\n", "boot", "n/a", "boot b007\n    1 n/a     1", "%s    1 n/a     0", "%s    1 0       1", "%s 9999 n/a     1",
		"%s99999999999999999999 n/a 1", "%s    1 n/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1", "%s   -1 n/a     1", "%s    1",
		"%s    1 20      1", "%s    2 n/a     1\n    2 n/a     1\n    2 n/a     1",
	};
	char text[256], target[80];
	struct stat st;

	(void)state;
	put("n/a", HOST_RESUME_LATENCY, 1);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		(void)snprintf(text, sizeof text, texts[i], head);
		put(text, "record");
		assert_int_equal(sleep_files_put_back(root, record), 0);
		reads(1, "n/a");
		reads(2, "0");
		assert_int_equal(access(record, F_OK), -1);
	}
	(void)snprintf(text, sizeof text, "%s    1 n/a     1", head);
	put(text, "record");
	assert_int_equal(sleep_files_put_back(root, record), 1); /* as it must be */
	/* a link in its place is not followed, for reading or writing */
	put("n/a", HOST_RESUME_LATENCY, 1);
	put(text, "target");
	(void)snprintf(target, sizeof target, "%s/target", root);
	assert_int_equal(symlink(target, record), 0);
	sleep_files_close(sleep_files_open(root, record, cpus, 2));
	reads(1, "n/a");
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_size, strlen(text) + 1);
	assert_int_equal(access(record, F_OK), -1);
}

static void test_no_record_no_light_sleep(void **state)
{
	struct world w;

	(void)state;
	(void)snprintf(record, sizeof record, "%s/none/record", root);
	w = begin(NIC_LIGHT_SLEEP_ALWAYS);
	state_is(&w, NIC_SLEEP_NO_FILE, "0");
	assert_non_null(strstr(sleep_files_why(w.files, 1), "its record beside the control socket cannot be written: No such"));
	assert_string_equal(sleep_files_why(w.files, 2), ""); /* nobody's */
	end(&w);
}

/* ---- machines ---- */

static void light_is(const char *value)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);

	state_is(&w, NIC_SLEEP_LIGHT, value);
	end(&w);
	reads(1, "0");
}

static void not_available(const char *why)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);

	light_sleep_settle(&w.s, w.now);
	assert_int_equal(w.s.state, NIC_SLEEP_NO_FILE);
	assert_string_equal(sleep_files_why(w.files, 1), why);
	work(&w, 100, MS);
	assert_int_equal(silence(&w), 0);
	end(&w);
}

static void test_values(void **state)
{
	(void)state;
	light_is("n/a");
	put("acpi_idle", IDLE "current_driver"); /* still a guest, by its processor */
	light_is("n/a");
	put("processor\t: 0\nFeatures\t: fp asimd", CPUINFO);
	put("haltpoll", IDLE "current_driver"); /* by its driver */
	light_is("n/a");
	bare((const char *const[]){ "POLL", "C1", "C1E", "C6", NULL }, (const int[]){ 0, 2, 10, 133 });
	light_is("2");
	bare((const char *const[]){ "POLL", "C1", NULL }, (const int[]){ 0, 0 });
	light_is("1");
	bare((const char *const[]){ "WFI", "cpu-sleep", NULL }, (const int[]){ 1, 300 });
	light_is("1");
}

static void test_not_available(void **state)
{
	char path[256];

	(void)state;
	put("none", IDLE "current_driver");
	not_available("the kernel has no cpuidle driver, so it cannot be asked");
	put("intel_idle", IDLE "current_driver");
	put("none", IDLE "current_governor_ro");
	not_available("the kernel has no cpuidle governor, so it cannot be asked");
	put("menu", IDLE "current_governor");
	put("processor\t: 0\nflags\t\t: fpu", CPUINFO);
	not_available("the kernel does not tell how deep it sleeps");
	bare((const char *const[]){ "POLL", "C1", NULL }, (const int[]){ 0, 2 });
	(void)snprintf(path, sizeof path, "%s/" HOST_RESUME_LATENCY, root, 1u);
	assert_int_equal(unlink(path), 0);
	not_available("/sys/devices/system/cpu/cpu1/power/pm_qos_resume_latency_us: No such file or directory");
}

static void test_refused_by_the_kernel(void **state)
{
	struct world w = begin(NIC_LIGHT_SLEEP_ALWAYS);
	char path[256];

	(void)state;
	(void)snprintf(path, sizeof path, "%s/" HOST_RESUME_LATENCY, root, 1u);
	assert_true(w.s.file.fd >= 0);
	assert_int_equal(dup2(open(path, O_RDONLY), w.s.file.fd), w.s.file.fd); /* reads, and is not to be written */
	state_is(&w, NIC_SLEEP_REFUSED, "0");
	w.now += 10 * SECOND;
	state_is(&w, NIC_SLEEP_REFUSED, "0");
	assert_int_equal(w.s.changes, 0);
	end(&w);
	assert_int_equal(access(record, F_OK), -1); /* nothing is to be put back */
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_seldom_is_deep),
		CASE(test_often_is_light_until_it_is_not),
		CASE(test_timers_are_not_work),
		CASE(test_busy_is_not_seldom),
		CASE(test_written_seldom),
		CASE(test_choices),
		CASE(test_anothers_value_stays),
		CASE(test_killed),
		CASE(test_killed_while_nothing_was_asked_for),
		CASE(test_killed_in_between),
		CASE(test_left_with_another_value),
		CASE(test_another_boot),
		CASE(test_not_to_be_put_back_yet),
		CASE(test_hostile_records),
		CASE(test_no_record_no_light_sleep),
		CASE(test_values),
		CASE(test_not_available),
		CASE(test_refused_by_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
