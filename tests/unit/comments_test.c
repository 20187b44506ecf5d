/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of the comments of a configuration file when another text takes its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmqctl/comments.h"

static const struct {
	const char *what, *old, *text, *becomes;
	unsigned gone;
} cases[] = {
	{ "the same file is the same", "# head\n\na: 1  # one\n# two\nb: 2\n# end\n", "a: 1\nb: 2\n", "# head\n\na: 1  # one\n# two\nb: 2\n# end\n", 0 },
	{ "nothing to carry", "a: 1\n", "a: 2\n", "a: 2\n", 0 },
	{ "a file of a comment above the only key", "# x\na: 1\n", "b: 1\na: 2\n", "b: 1\n# x\na: 2\n", 0 },
	{ "the head stays at the head", "# who wrote it\n# and when\n\na: 1\n", "b: 1\na: 1\n", "# who wrote it\n# and when\n\nb: 1\na: 1\n", 0 },
	{ "objects are known by their names, in another order and depth",
	  "adapters:\n- name: e\n  # the shop\n  vports:\n  - name: web  # faces the street\n    # what it bought\n    mac: 1\n  # not in use\n  - name: db\n",
	  "adapters:\n  - name: e\n    vports:\n      - name: db\n      - name: web\n        mac: 2\n",
	  "adapters:\n  - name: e\n    # the shop\n    vports:\n      # not in use\n      - name: db\n      - name: web  # faces the street\n"
	  "        # what it bought\n        mac: 2\n", 0 },
	{ "what is about a VPort goes with it, and about nothing else",
	  "vports:\n# the old one\n- name: old  # really\n  # its address\n  mac: 1  # here\n# the new one\n- name: new\n", "vports:\n- name: new\n",
	  "vports:\n# the new one\n- name: new\n", 4 },
	{ "a member that goes without saying", "vports:\n- name: a\n  # it must be quick\n  moderation: adaptive  # or so\n  cpu: 1 # first\n",
	  "vports:\n- name: a\n  cpu: 2\n", "vports:\n# it must be quick\n# or so\n- name: a\n  cpu: 2  # first\n", 0 },
	{ "a filter, wherever it is", "v:\n- name: a\n  filters:\n  # one\n  - {mac: 0A:1, vlan: 5}\n  - {mac: 0a:1, vlan: untagged} # two\n  - {mac: 0b:1} # three\n",
	  "v:\n- name: a\n  filters:\n  - {mac: 0a:1}\n  - {mac: 0a:1, vlan: 5}\n",
	  "v:\n- name: a\n  # three\n  filters:\n  - {mac: 0a:1}  # two\n  # one\n  - {mac: 0a:1, vlan: 5}\n", 0 },
	{ "what looks like a comment and is text", "a: \"x # y\n  # z\"  # real\nb: 'it''s # 1'\nc: q#r\n", "a: b\nb: c\nc: d\n", "a: b  # real\nb: c\nc: d\n", 0 },
	{ "a text of several lines", "a: |\n  # no comment\n  text\n# a comment\nb: 1\n", "b: 1\na: 2\n", "# a comment\nb: 1\na: 2\n", 0 },
	{ "other alphabets", "a: \xc3\xa4\xc3\xb6\xc3\xbc # \xc3\xa4#\n", "a: \xc3\xa4\n", "a: \xc3\xa4  # \xc3\xa4#\n", 0 },
	{ "a list over several lines", "a: [1, # one\n  # more\n  2] # two\nb: 3\n", "a: [1]\nb: 3\n", "# more\n# two\na: [1]  # one\nb: 3\n", 0 },
	{ "JSON", "# x\n{\"a\": 1, # y\n \"b\": 2}\n", "a: 1\nb: 2\n", "# x\na: 1  # y\nb: 2\n", 0 },
	{ "carriage returns, tabs, no newline at the end", "# x\r\na: 1\t# y \r\n# z", "a: 1\n", "# x\na: 1  # y\n# z\n", 0 },
	{ "a marker of the document", "# x\n---\na: 1 # y\n", "a: 1\n", "# x\na: 1  # y\n", 0 },
	{ "commented out at the end of a block", "a:\n  b: 1\n  #c: 2\nd: 3\n  #e\n", "a:\n    b: 1\nd: 4\n", "a:\n    b: 1\n  #c: 2\nd: 4\n  #e\n", 0 },
};

static void test_cases(void **s)
{
	(void)s;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned gone = 99;
		char *out = comments_carry(cases[i].old, strlen(cases[i].old), cases[i].text, &gone);

		if (!out || strcmp(out, cases[i].becomes) != 0)
			fail_msg("%s:\n%s\ninstead of\n%s", cases[i].what, out ? out : "(nothing)", cases[i].becomes);
		assert_int_equal(gone, cases[i].gone);
		free(out);
	}
}

/* What is no configuration file, and every beginning of one: an answer or none, and no more. */
static void test_anything(void **s)
{
	static const char *const bad[] = { "", "# only this", "a: [", "- 1\n", "a: 1\n---\nb: 2\n", "a: \"", "\xff\xfe", "a: *x\n", "? [1]\n: 2 # x\n" };

	(void)s;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		unsigned gone;

		assert_null(comments_carry(bad[i], strlen(bad[i]), "a: 1\n", &gone));
		assert_null(comments_carry("a: 1 # x\n", 9, bad[i], &gone));
	}
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t n = 0; n < strlen(cases[i].old); n++) {
			char *part = malloc(n ? n : 1);
			unsigned gone;

			memcpy(part, cases[i].old, n);
			free(comments_carry(part, n, cases[i].text, &gone));
			free(part);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
