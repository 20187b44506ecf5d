/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite through the control socket: starts a vmqd of its own (capture-file port, its TAP in a network
 * namespace that ends with it), one with a NIC switch and then one with VM queues, and runs over libvmq with the exact
 * binary buffers every case that needs neither a driver that misbehaves nor a second requester, and those that need a
 * data path. contract_remote VMQD; 77: not root, so not run.
 */
#include "contract.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vmq/vmq.h>

/* Checks of contract_common.c, and cases, that hold for a daemon as well. */
static const char *const checks[] = {
	"success",
	"success_revision_above_ours",
	"success_lower_revision",
	"invalid_length_one_byte_short",
	"invalid_length_no_header",
	"invalid_length_header_size_beyond_buffer",
	"invalid_length_output",
	"invalid_parameter_header_type",
	"invalid_parameter_revision_0",
	"invalid_parameter_header_size",
	"not_supported_request_type",
};
static const char *const cases[] = {
	"spec10_4.8_set_filter_invalid_parameter_members",
	"spec10_4.8_set_filter_invalid_parameter_fields",
	"spec40_2_vlan_only_refused",
	"spec10_4.8_set_filter_invalid_length_field_array",
	"spec70_Q21_vlan_ids",
	"spec40_2_vlan_and_untagged_or_zero",
	"spec40_2_mac_only_without_untagged_or_zero",
	"spec70_Q22_duplicate_unicast",
	"spec70_Q22_duplicate_group",
	"spec10_4.9_clear_filter_file_not_found",
	"spec70_Q6_enum_filters_unknown",
	"spec10_4.12_filter_parameters_invalid_parameter_unknown",
	"spec10_5.6_create_vport_invalid_parameter_members",
	"spec30_3_set_activated",
	"spec30_3_set_deactivated",
	"spec30_3_set_name_moderation",
	"spec30_3_set_filter_and_clear_filter",
	"spec30_3_delete_vport",
	"spec70_Q7_delete_vport_with_filters",
	"spec10_5.8_enum_vports_invalid_length_ten",
	"spec10_5.10_allocate_vf_invalid_parameter_members",
	"spec10_5.12_enum_vfs_invalid_parameter_switch",
	"spec30_4_enabled",
	"spec30_4_allocated",
	"spec30_4_attached",
	"spec30_4_carrying",
	"spec30_4_set_up_and_teardown",
	"spec30_4_parameters_immutable",
	"spec10_6_set_vf_power_state_invalid_parameter_states",
	"spec70_Q40_queues_with_sriov",
	"spec10_1_invalid_oid",
	"spec10_5.8_enum_vports_invalid_parameter_flags",
	"spec10_6_vf_serial_number_not_supported",
	"spec50_9_entries_request_invalid",
	"spec50_3_moderation_values",
	"stress_vports_and_filters_at_random",
};
/* … for one in mode VMQ */
static const char *const queue_names[] = {
	"spec10_4.3_allocate_queue_invalid_parameter_members",
	"spec30_1_queue_parameters_method",
	"spec30_1_queue_parameters_set",
	"spec30_1_set_filter",
	"spec30_1_clear_filter_not_last",
	"spec30_1_clear_filter_last",
	"spec30_1_enum_filters",
	"spec30_1_filter_parameters",
	"spec30_1_allocation_complete_succeeds",
	"spec30_1_free_queue",
	"spec10_4.5_free_queue_invalid_parameter_default",
	"spec10_4.9_clear_filter_wrong_queue",
	"spec10_4.8_set_filter_invalid_parameter_vport_in_vmq",
	"spec10_4.10_move_filter_not_supported_vmq",
};

/* ---- the daemon ---- */

static char dir[] = "/tmp/vmq-contract-XXXXXX";
static char socket_path[64], config_path[64];
static struct vmq_client *client;

static bool write_config(const struct remote_ops *ops)
{
	FILE *f = fopen(config_path, "w");

	if (!f)
		return false;
	(void)fprintf(f,
		      "control: {socket: %s}\nrun_dir: %s\ncpus: [%u]\nadapters:\n  - name: ext0\n"
		      "    port: {driver: pcap}\n    host: {device: vmqc0}\n%s",
		      socket_path, dir, ops->cpu,
		      ops->queues ? "    keywords: {\"*SRIOV\": 0}\n    limits: {switch_without_sriov: false}\n" : "");
	return fclose(f) == 0;
}

static pid_t start_daemon(const char *vmqd)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* its devices live and end with it */
	if (unshare(CLONE_NEWNET) < 0)
		_exit(77);
	(void)execl(vmqd, vmqd, "--config", config_path, (char *)NULL);
	_exit(127);
}

static bool connect_daemon(pid_t pid)
{
	for (int i = 0; i < 200; i++) {
		if (vmq_connect(socket_path, &client, NULL) == 0)
			return true;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return false;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
	return false;
}

static NDIS_STATUS request(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buf, uint32_t in, uint32_t out, uint32_t *done,
			   struct vmq_err *err)
{
	struct vmq_oid_request r = {
		.size = sizeof r, .type = type, .oid = oid, .buffer = buf, .input_length = in, .output_length = out
	};
	struct vmq_error e = VMQ_ERROR_INIT;

	if (vmq_oid_request(client, &r, &e) != 0)
		fail_msg("vmq_oid_request: %s", e.message);
	(void)snprintf(err->text, sizeof err->text, "%.*s", VMQ_ERR_TEXT - 1,
		       r.status == NDIS_STATUS_SUCCESS ? "" : e.message);
	*done = r.status == NDIS_STATUS_INVALID_LENGTH ? r.bytes_needed
		: r.status != NDIS_STATUS_SUCCESS      ? 0
		: type == NdisRequestSetInformation    ? r.bytes_read
						       : r.bytes_written;
	return r.status;
}

/* ---- cases with a data path ---- */

/* Whether a frame from the wire to this address, untagged, meets the filter: the classifier itself is asked. */
static bool meets(const char *dst, uint32_t filter)
{
	struct vmq_error e = VMQ_ERROR_INIT;
	char params[64], member[32], *result = NULL;
	bool there;

	(void)snprintf(params, sizeof params, "{\"from\":\"wire\",\"dst\":\"%s\"}", dst);
	if (vmq_call(client, "explain", params, &result, &e) != 0)
		fail_msg("explain: %s", e.message);
	(void)snprintf(member, sizeof member, "\"filter\":%u,", filter);
	there = strstr(result, member) != NULL;
	free(result);
	return there;
}

/* spec/30 §1, "packet matches a filter": only a queue that is Running gets it. */
static void packet_matches(struct fix *f)
{
	static const char dst[] = "02:00:00:00:00:09";
	uint32_t q, filter;

	start_vmq(f);
	q = make_queue(f);
	filter = make_filter(f, 0, q, mac(9), 0);
	assert_false(meets(dst, filter)); /* Set */
	complete_queue(f, q);
	assert_true(meets(dst, filter)); /* Running */
	assert_false(meets("02:00:00:00:00:08", filter));
	clear_filter(f, q, filter);
	assert_false(meets(dst, filter)); /* Paused */
	filter = make_filter(f, 0, q, mac(9), 0);
	assert_true(meets(dst, filter)); /* Running again */
}

static const struct contract_case path_cases[] = { { "spec30_1_packet_matches", packet_matches } };

/* ---- the cases ---- */

struct bound {
	const struct contract_case *c; /* or: */
	const struct common_row *row;
	const struct common_check *check;
	struct fix *f;
};

static struct CMUnitTest tests[1024];
static struct bound bounds[1024];
static size_t count;

static int begin(void **state)
{
	struct bound *b = *state;

	b->f = calloc(1, sizeof *b->f);
	return b->f ? 0 : -1;
}

static int end(void **state)
{
	struct bound *b = *state;
	struct ndis_adapter_info i;

	clean_up(b->f);
	i = info(b->f);
	free(b->f);
	/* nothing of the case is left in the daemon */
	return i.num_filters || i.num_vports != !remote->queues || i.num_vfs || i.num_queues ? -1 : 0;
}

static void run(void **state)
{
	struct bound *b = *state;

	if (b->c)
		b->c->run(b->f);
	else
		b->check->run(b->f, b->row);
}

static void add(const char *name, struct bound b)
{
	bounds[count] = b;
	tests[count] = (struct CMUnitTest){ name, run, begin, end, &bounds[count] };
	count++;
}

static bool listed(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static void add_listed(const struct contract_case *c, size_t n, bool queues, unsigned *found)
{
	for (size_t i = 0; i < n; i++) {
		if (queues ? !listed(queue_names, sizeof queue_names / sizeof queue_names[0], c[i].name)
			   : !listed(cases, sizeof cases / sizeof cases[0], c[i].name))
			continue;
		add(c[i].name, (struct bound){ .c = &c[i] });
		(*found)++;
	}
}

static bool gather(bool queues)
{
	unsigned found = 0;

	count = 0;

	for (size_t r = 0; r < common_row_count; r++) {
		const struct common_row *row = &common_rows[r];

		if (row->start != (queues ? start_vmq : start_sriov))
			continue;
		for (size_t k = 0; k < common_check_count; k++) {
			char *name;

			if (!common_checks[k].applies(row) ||
			    !(row->flags & COMMON_NDIS
				  ? strcmp(common_checks[k].suffix, "issuer_ndis_only") == 0
				  : listed(checks, sizeof checks / sizeof checks[0], common_checks[k].suffix)))
				continue;
			if (asprintf(&name, "%s_%s", row->row, common_checks[k].suffix) < 0)
				return false;
			add(name, (struct bound){ .row = row, .check = &common_checks[k] });
		}
	}
	add_listed(filter_cases, filter_count, queues, &found);
	add_listed(vport_cases, vport_count, queues, &found);
	add_listed(queue_cases, queue_count, queues, &found);
	add_listed(vf_cases, vf_count, queues, &found);
	add_listed(rss_cases, rss_count, queues, &found);
	add_listed(mode_cases, mode_count, queues, &found);
	add_listed(driver_cases, driver_count, queues, &found);
	add_listed(stress_cases, stress_count, queues, &found);
	add_listed(combine_cases, combine_count, queues, &found);
	if (queues)
		add(path_cases[0].name, (struct bound){ .c = &path_cases[0] });
	return found == (queues ? sizeof queue_names / sizeof queue_names[0] : sizeof cases / sizeof cases[0]);
}

/* All of it against a daemon in one mode. */
static int run_against(const char *vmqd, const struct remote_ops *ops)
{
	int status, rc = 1;
	pid_t pid;

	if (!gather(ops->queues)) {
		(void)fprintf(stderr, "a listed case does not exist\n");
		return 2;
	}
	pid = write_config(ops) ? start_daemon(vmqd) : -1;
	if (pid > 0) {
		if (connect_daemon(pid)) {
			remote = ops;
			rc = _cmocka_run_group_tests(ops->queues ? "contract through the socket, mode VMQ"
								 : "contract through the socket",
						     tests, count, NULL, NULL);
			vmq_disconnect(client);
		} else {
			(void)fprintf(stderr, "%s does not answer\n", vmqd);
		}
		(void)kill(pid, SIGTERM);
		(void)waitpid(pid, &status, 0);
	}
	(void)unlink(socket_path);
	(void)unlink(config_path);
	return rc;
}

int main(int argc, char **argv)
{
	static struct remote_ops ops = { .request = request };
	cpu_set_t set;
	int rc;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: contract_remote VMQD\n");
		return 2;
	}
	if (geteuid() != 0)
		return 77;
	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof set, &set) < 0)
		return 2;
	while (!CPU_ISSET(ops.cpu, &set))
		ops.cpu++;
	if (!mkdtemp(dir))
		return 2;
	(void)snprintf(socket_path, sizeof socket_path, "%s/control.sock", dir);
	(void)snprintf(config_path, sizeof config_path, "%s/vmqd.yaml", dir);
	rc = run_against(argv[1], &ops);
	ops.queues = true;
	rc = run_against(argv[1], &ops) || rc;
	(void)rmdir(dir);
	return rc;
}
