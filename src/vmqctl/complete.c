/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `vmqctl complete WORD…`, for the shell's completion (completion.bash, completion.zsh): the candidates for the last word, made from
 * the same tables as the parser; names are asked of the daemon. Whatever goes wrong, there are just fewer candidates.
 */
#include <stdlib.h>
#include <string.h>

#include "vmqctl/cmd.h"

#define PATIENCE_MS 500 /* for the daemon, while someone waits at the prompt */

struct cmd_completion {
	const struct cmd_options *opt;
	const char *prefix;
};

static void offer(const struct cmd_completion *c, const char *word, size_t len)
{
	size_t prefix = strlen(c->prefix);

	if (len && len >= prefix && strncmp(word, c->prefix, prefix) == 0)
		(void)printf("%.*s\n", (int)len, word);
}

void cmd_offer(const struct cmd_completion *c, const char *word)
{
	offer(c, word, strlen(word));
}

/* A name of the daemon's comes to stand on somebody's command line: one that none of its objects can have is not offered. */
static void offer_name(const struct cmd_completion *c, const char *name)
{
	if (name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")] == '\0')
		cmd_offer(c, name);
}

static json_t *ask(const struct cmd_options *opt, const char *method)
{
	struct vmq_client *client;
	char *text = NULL;
	json_t *result = NULL;

	if (vmq_connect(opt->socket, &client, NULL) == 0) {
		vmq_set_timeout(client, PATIENCE_MS);
		if (vmq_call(client, method, NULL, &text, NULL) == 0)
			result = json_loads(text, 0, NULL);
	}
	vmq_disconnect(client);
	free(text);
	return result;
}

static void offer_names(const struct cmd_completion *c, enum cmd_names names)
{
	static const struct {
		const char *method, *list, *member;
	} source[] = {
		[CMD_NAMES_VPORT] = { "vport.show", "vports", "name" },
		[CMD_NAMES_FILTER] = { "filter.show", "filters", "id" },
		[CMD_NAMES_ADAPTER] = { "switch.show", "switches", "adapter" },
	};
	json_t *result, *object;
	size_t i;

	if (names == CMD_NAMES_NONE)
		return;
	result = ask(c->opt, source[names].method);
	json_array_foreach(json_object_get(result, source[names].list), i, object)
	{
		const json_t *member = json_object_get(object, source[names].member);
		char number[32];

		if (json_is_string(member)) {
			offer_name(c, json_string_value(member));
		} else if (json_is_integer(member)) {
			(void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(member));
			cmd_offer(c, number);
		}
	}
	json_decref(result);
}

/* The words of "on|off"; "VLAN" and the like only stand for something. */
static void offer_values(const struct cmd_completion *c, const struct cmd_key *key)
{
	for (const char *word = key->value; *word;) {
		size_t len = strcspn(word, "|");

		if (*word >= 'a' && *word <= 'z')
			offer(c, word, len);
		word += len + (word[len] == '|');
	}
	offer_names(c, key->names);
}

static bool is_given(const char *key, char **words, unsigned int num)
{
	for (unsigned int i = 0; i + 1 < num; i += 2)
		if (strcmp(words[i], key) == 0)
			return true;
	return false;
}

/* The words after the subject: pairs; an even number of them means that a key comes next. */
static void complete_pairs(const struct cmd_completion *c, const struct cmd_verb *verb, char **words, unsigned int num)
{
	const struct cmd_key *key;

	if (num % 2) {
		key = cmd_find_key(verb, words[num - 1]);
		if (key)
			offer_values(c, key);
		return;
	}
	for (key = verb->keys; key && key->name; key++)
		if (!is_given(key->name, words, num))
			cmd_offer(c, key->name);
	if (verb->watch && !is_given("watch", words, num))
		cmd_offer(c, "watch");
}

static void complete_verb(const struct cmd_completion *c, const struct cmd_verb *verb, char **words, unsigned int num)
{
	bool optional = verb->subject && !verb->subject->required;
	bool key = num && (cmd_find_key(verb, words[0]) || strcmp(words[0], "watch") == 0);

	if (verb->complete_words) {
		verb->complete_words(c, words, num);
		return;
	}
	if (verb->subject && num == 0)
		offer_values(c, verb->subject);
	if (!verb->subject || (optional && (num == 0 || key)))
		complete_pairs(c, verb, words, num);
	else if (num)
		complete_pairs(c, verb, words + 1, num - 1);
}

static void complete_object(const struct cmd_completion *c, const struct cmd_object *object, char **words,
			    unsigned int num)
{
	const struct cmd_verb *verb = num ? cmd_find_verb(object, words[0]) : NULL;

	if (verb) {
		complete_verb(c, verb, words + 1, num - 1);
		return;
	}
	if (num == 0)
		for (unsigned int i = 0; i < object->num_verbs; i++)
			if (object->verbs[i].name)
				cmd_offer(c, object->verbs[i].name);
	if (object->num_verbs == 1)
		complete_verb(c, &object->verbs[0], words, num);
}

/* Leaves out the options, and takes the socket from them; returns how many words are left. */
static unsigned int drop_options(char **words, unsigned int num, struct cmd_options *opt)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < num; i++) {
		if (strcmp(words[i], "--socket") == 0 && i + 1 < num)
			opt->socket = words[++i];
		else if (strncmp(words[i], "--socket=", 9) == 0)
			opt->socket = words[i] + 9;
		else if ((strcmp(words[i], "--bytes") == 0 || strcmp(words[i], "--in-bytes") == 0 ||
			  strcmp(words[i], "--topology") == 0) && i + 1 < num)
			i++;
		else if (words[i][0] != '-')
			words[left++] = words[i];
	}
	return left;
}

void cmd_complete(const struct cmd_options *opt, char **words, unsigned int num)
{
	struct cmd_options own = *opt;
	struct cmd_completion c = { &own, words[num - 1] };
	const struct cmd_object *object;

	if (c.prefix[0] == '-') {
		static const char *const options[] = { "--socket", "--topology", "--json",    "--pretty", "--statistics", "--details",
						       "--hex",	   "--bytes",	 "--in-bytes", "--list",   "--libvirt",	  "--qemu",
						       "--dry-run", "--once",	 "--batch",    "--help",   "--version" };

		for (unsigned int i = 0; i < sizeof options / sizeof *options; i++)
			cmd_offer(&c, options[i]);
		return;
	}
	num = drop_options(words, num - 1, &own);
	object = num ? cmd_find_object(words[0]) : NULL;
	if (object) {
		complete_object(&c, object, words + 1, num - 1);
	} else if (num == 0 || (num == 1 && strcmp(words[0], "help") == 0)) {
		for (unsigned int i = 0; cmd_objects[i]; i++)
			cmd_offer(&c, cmd_objects[i]->name);
		if (num == 0)
			cmd_offer(&c, "help");
	}
}
