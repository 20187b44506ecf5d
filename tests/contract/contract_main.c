/* SPDX-License-Identifier: BSD-3-Clause */
/* Gathers all cases, runs them, and says which rows of the specification have one. */
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
			print_message("no case: %s\n", spec_rows[i]);
	}
	print_message("%zu of %zu rows of the specification have a case; %zu cases\n", covered, rows, count);
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
	add_all(limit_cases, limit_count);
	report();
	return _cmocka_run_group_tests("contract", tests, count, NULL, NULL);
}
