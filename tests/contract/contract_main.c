/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Gathers all cases, runs them in the groups of the VMQ logo tests, and says which rows of the specification have one,
 * and why others have none here.
 */
#include "contract.h"

#include <stdlib.h>

#include "rows.h"

struct bound {
	const struct contract_case *c; /* or: */
	const struct common_row *row;
	const struct common_check *check;
	struct fix *f;
};

static int begin(void **state)
{
	struct bound *b = *state;

	b->f = calloc(1, sizeof *b->f);
	return b->f ? 0 : -1;
}

static int end(void **state)
{
	struct bound *b = *state;
	struct fix *f = b->f;
	int rc = 0;

	if (f->a) {
		ndis_adapter_destroy(f->a);
		/* the driver was left with nothing, and halted once */
		if (f->m.halted != 1 || f->m.filters || f->m.vports || f->m.queues || f->m.vfs || f->m.switches) {
			print_error("left with the driver: %d filters, %d VPorts, %d queues, %d VFs, %d switches; "
				    "halted %u times\n",
				    f->m.filters, f->m.vports, f->m.queues, f->m.vfs, f->m.switches, f->m.halted);
			rc = -1;
		}
	}
	free(f);
	return rc;
}

static void run(void **state)
{
	struct bound *b = *state;

	if (b->c)
		b->c->run(b->f);
	else
		b->check->run(b->f, b->row);
}

static struct CMUnitTest tests[2048];
static struct bound bounds[2048];
static size_t count;

static void add(const char *name, struct bound b)
{
	if (count == sizeof tests / sizeof tests[0]) {
		(void)fprintf(stderr, "more cases than there is room for\n");
		exit(2);
	}
	bounds[count] = b;
	tests[count] = (struct CMUnitTest){ name, run, begin, end, &bounds[count] };
	count++;
}

static void add_all(const struct contract_case *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(c[i].name, (struct bound){ .c = &c[i] });
}

static bool is_row_of(const char *row, const char *name)
{
	size_t n = strlen(row);

	return strncmp(row, name, n) == 0 && (name[n] == 0 || name[n] == '_');
}

/* Rows that no case of this program can be about. */
static const struct {
	const char *row, *why;
} elsewhere[] = {
	{ "spec30_1_packet_matches", "needs a data path: contract_remote has the case, against vmqd" },
	{ "spec30_2_static_creation", "a driver hands its attributes over when initialize returns (miniport.h), so it cannot "
				      "enable virtualization before: every switch is created dynamically" },
	{ "spec50_9_entries_not_accepted", "requests are not issued on a CPU here, so none is issued on a wrong one" },
};

static const char *reason(const char *row)
{
	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
		if (strcmp(elsewhere[i].row, row) == 0)
			return elsewhere[i].why;
	return NULL;
}

static void report(void)
{
	size_t rows = sizeof spec_rows / sizeof spec_rows[0], covered = 0;

	for (size_t i = 0; i < rows; i++) {
		size_t k = 0;

		while (k < count && !is_row_of(spec_rows[i], tests[k].name))
			k++;
		if (k < count)
			covered++;
		else
			print_message("no case: %s: %s\n", spec_rows[i],
				      reason(spec_rows[i]) ? reason(spec_rows[i]) : "nobody knows why");
	}
	print_message("%zu of %zu rows of the specification have a case; %zu cases\n", covered, rows, count);
}

static bool says(const char *name, const char *const *words)
{
	for (; *words; words++)
		if (strstr(name, *words))
			return true;
	return false;
}

/* The groups of the VMQ logo tests, by what a case's name says. */
static unsigned group_of(const char *name)
{
	static const char *const reset[] = { "reset_under", "reset_adapter", "abort", "surprise", "pend", "not_accepted",
					     "flush", NULL };
	static const char *const stress[] = { "stress", "exhausted", "_row", "round_robin", "one_request_at_a_time", "_ten",
					      "every_length", NULL };
	static const char *const connectivity[] = { "_success", "_life", "set_up", "spec30_5", "capabilities", NULL };

	return says(name, reset) ? 3 : says(name, stress) ? 2 : says(name, connectivity) ? 0 : 1;
}

static int run_groups(void)
{
	static const char *const groups[] = { "connectivity", "basic verification", "stress", "reset under traffic" };
	static struct CMUnitTest some[sizeof tests / sizeof tests[0]];
	int failed = 0;

	for (unsigned g = 0; g < sizeof groups / sizeof groups[0]; g++) {
		size_t n = 0;

		for (size_t i = 0; i < count; i++)
			if (group_of(tests[i].name) == g)
				some[n++] = tests[i];
		failed += _cmocka_run_group_tests(groups[g], some, n, NULL, NULL);
	}
	return failed;
}

int main(void)
{
	for (size_t r = 0; r < common_row_count; r++) {
		for (size_t k = 0; k < common_check_count; k++) {
			char *name;

			if (!common_checks[k].applies(&common_rows[r]))
				continue;
			if (asprintf(&name, "%s_%s", common_rows[r].row, common_checks[k].suffix) < 0)
				return 2;
			add(name, (struct bound){ .row = &common_rows[r], .check = &common_checks[k] });
		}
	}
	add_all(filter_cases, filter_count);
	add_all(vport_cases, vport_count);
	add_all(queue_cases, queue_count);
	add_all(vf_cases, vf_count);
	add_all(rss_cases, rss_count);
	add_all(mode_cases, mode_count);
	add_all(driver_cases, driver_count);
	add_all(stress_cases, stress_count);
	add_all(limit_cases, limit_count);
	add_all(combine_cases, combine_count);
	add_all(answer_cases, answer_count);
	report();
	return run_groups();
}
