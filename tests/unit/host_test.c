/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of CPUs, and a host and a guest as the kernel's files describe them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"

static void cpu_lists(void **state)
{
	static const char *const wrong[] = { "x",    "1-",    "-1", "3-1", "1,", "1 2", "1024", "0-99999999999",
					     "1,,2", "(null)" };
	struct host_cpus s;
	char text[64];

	(void)state;
	assert_true(host_cpus_parse("0-3,8,1023", &s));
	assert_int_equal(host_cpus_count(&s), 6);
	host_cpus_format(&s, text, sizeof text);
	assert_string_equal(text, "0-3,8,1023");
	assert_true(host_cpus_parse("", &s));
	assert_int_equal(host_cpus_count(&s), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(host_cpus_parse(wrong[i], &s));
	assert_true(host_cpus_parse("100-104", &s));
	host_cpus_format(&s, text, 5);
	assert_string_equal(text, "100-");
}

static char root[64];

static void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	(void)snprintf(full, sizeof full, "%s/%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		(void)mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static int make_tree(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof root, "/tmp/vmqt-host-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_tree(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

static void a_host_from_files(void **state)
{
	static struct host_topology t;

	(void)state;
	put("sys/devices/system/cpu/present", "0-3\n");
	put("sys/devices/system/cpu/online", "0-2\n");
	put("sys/devices/system/cpu/isolated", "2\n");
	put("sys/devices/system/cpu/nohz_full", "(null)\n");
	put("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2\n");
	put("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2\n");
	put("sys/devices/system/node/online", "0-1\n");
	put("sys/devices/system/node/node0/cpulist", "0,2\n");
	put("sys/devices/system/node/node1/cpulist", "1,3\n");
	put("sys/devices/system/node/node0/distance", "10 32\n");
	put("sys/class/net/eth1/device/numa_node", "1\n");
	put("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
	put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	put("proc/77/cgroup", "0::/a/b\n");
	put("proc/77/status", "Name:\tvmqd\nCpus_allowed_list:\t1-2\nMems_allowed_list:\t0\n");
	host_topology_read(root, 77, &t);
	assert_int_equal(t.ncpus, 4);
	assert_true(t.cpu[2].isolated && !t.cpu[1].isolated && !t.cpu[1].nohz_full);
	assert_true(host_online(&t, 2) && !host_online(&t, 3) && !host_online(&t, 9));
	assert_int_equal(t.cpu[2].core, 0);
	assert_int_equal(t.cpu[3].core, 3);
	assert_int_equal(t.cpu[3].node, 1);
	assert_int_equal(host_distance(&t, 0, 1), 32);
	assert_int_equal(host_distance(&t, 1, 0), 20); /* not said */
	assert_int_equal(host_distance(&t, -1, 0), 10);
	assert_int_equal(t.quota_pct, 250);
	assert_true(t.allowed_known && host_cpus_count(&t.allowed) == 2);
	assert_int_equal(host_device_node(root, "eth1"), 1);
	assert_int_equal(host_device_node(root, "../eth1"), -1);
	put("proc/78/cgroup", "3:cpu,cpuacct:/x\n0::/\n");
	put("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "50000\n");
	put("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
	host_topology_read(root, 78, &t);
	assert_int_equal(t.quota_pct, 50);
	assert_false(t.allowed_known);
	put("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "9000000000000000000\n");
	put("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "1000000000000000\n");
	host_topology_read(root, 78, &t);
	assert_int_equal(t.quota_pct, 0);
}

static void a_guest_from_files(void **state)
{
	static struct host_guest g;

	(void)state;
	put("proc/90/task/90/comm", "qemu-system-x86\n");
	put("proc/90/task/90/status", "Cpus_allowed_list:\t0-7\n");
	put("proc/90/task/91/comm", "CPU 1/KVM\n");
	put("proc/90/task/91/status", "Cpus_allowed_list:\t3\n");
	put("proc/90/task/92/comm", "CPU 65536/KVM\n"); /* a name that is none of QEMU's */
	put("proc/90/task/92/status", "Cpus_allowed_list:\t4\n");
	put("proc/90/task/93/comm", "CPU 4294967295/\n");
	put("proc/90/task/93/status", "Cpus_allowed_list:\t4\n");
	put("proc/90/numa_maps", "7f00 default file=/memfd:x N0=10 N1=512 kernelpagesize_kB=4\n7f11 default anon=1 "
				 "N1=1 kernelpagesize_kB=2048\n");
	assert_int_equal(host_guest_read(root, 90, &g), 0);
	assert_int_equal(g.nvcpus, 1);
	assert_int_equal(g.vcpu[0].vcpu, 1);
	assert_true(host_cpus_has(&g.vcpu[0].cpus, 3));
	assert_int_equal(g.node, 1);
	assert_true(host_guest_read(root, 91, &g) < 0);
}

#define F(fn) cmocka_unit_test_setup_teardown(fn, make_tree, remove_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_lists),
		F(a_host_from_files),
		F(a_guest_from_files),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
