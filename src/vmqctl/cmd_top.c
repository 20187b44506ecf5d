/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmqctl top: who sends and receives how much, what is dropped and why, what the CPUs do, again and again; on a terminal
 * in place and with keys, elsewhere (or with `count`) as text, one picture after the other.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "vmqctl/cmd.h"
#include "vmqctl/table.h"
#include "vmqctl/top_draw.h"

struct top {
	const struct cmd_options *opt;
	struct vmq_client *client;
	struct top_model model;
	struct top_view view;
	char *params;     /* of stats.show and queue.show */
	json_int_t count; /* pictures; 0: no end */
	char selected[128]; /* the VPort that is selected, whatever the order */
	bool quit;
};

static struct termios before; /* of the terminal, to be put back */
static volatile sig_atomic_t resized;

static void on_resize(int number)
{
	(void)number;
	resized = 1;
}

/* ---- the terminal ---- */

static bool terminal_begin(void)
{
	struct sigaction action = { .sa_handler = on_resize };
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return false;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	(void)sigaction(SIGWINCH, &action, NULL);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	(void)fputs("\033[?1049h\033[?25l\033[2J", stdout); /* the other screen, without cursor */
	return true;
}

static void terminal_end(void)
{
	(void)fputs("\033[?25h\033[?1049l", stdout);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void measure(struct top_view *v)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col) {
		v->rows = w.ws_row;
		v->columns = w.ws_col;
	} else {
		v->rows = 24;
		v->columns = 80;
	}
}

/* ---- pictures ---- */

static void find_selected(struct top *t)
{
	for (size_t i = 0; i < t->model.nrows; i++)
		if (strcmp(t->model.rows[i].name, t->selected) == 0) {
			t->view.selected = i;
			return;
		}
}

static void remember_selected(struct top *t)
{
	if (t->view.selected < t->model.nrows)
		(void)snprintf(t->selected, sizeof t->selected, "%s", t->model.rows[t->view.selected].name);
}

static int look(struct top *t)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	int rc = top_look(&t->model, t->client, t->params, &err);

	if (rc) {
		if (t->view.terminal)
			terminal_end();
		t->view.terminal = false;
		return cmd_failed(t->opt, rc, &err);
	}
	return CMD_DONE;
}

static void draw(struct top *t)
{
	top_sort(&t->model, t->view.sort);
	if (t->view.terminal) {
		find_selected(t);
		measure(&t->view);
		(void)fputs("\033[H", stdout);
	}
	top_draw(stdout, &t->model, &t->view);
	if (t->view.terminal)
		(void)fputs("\033[J", stdout);
	(void)fflush(stdout);
}

/* ---- keys ---- */

static void move(struct top *t, int by)
{
	struct top_view *v = &t->view;

	if (by < 0 && v->selected > 0)
		v->selected--;
	else if (by > 0 && v->selected + 1 < t->model.nrows)
		v->selected++;
	remember_selected(t);
}

static void key(struct top *t, char c)
{
	struct top_view *v = &t->view;

	switch (c) {
	case 'q':
		t->quit = true;
		break;
	case 's':
		v->sort = (v->sort + 1) % TOP_SORT_COUNT;
		break;
	case 'p':
	case ' ':
		v->paused = !v->paused;
		break;
	case 'k':
		move(t, -1);
		break;
	case 'j':
		move(t, 1);
		break;
	case '\r':
	case '\n':
	case 'd':
		v->detail = !v->detail;
		remember_selected(t);
		break;
	case '+':
		v->interval = v->interval < 60 ? v->interval * 2 : v->interval;
		break;
	case '-':
		v->interval = v->interval > 0.25 ? v->interval / 2 : v->interval;
		break;
	default:
		break;
	}
}

static void keys_typed(struct top *t)
{
	char buf[64];
	ssize_t n = read(STDIN_FILENO, buf, sizeof buf);

	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\033' && i + 2 < n && buf[i + 1] == '[') { /* the arrows */
			move(t, buf[i + 2] == 'A' ? -1 : buf[i + 2] == 'B' ? 1 : 0);
			i += 2;
		} else {
			key(t, buf[i]);
		}
	}
}

/* ---- the loops ---- */

/* Until the next look is due; keys and a new size are answered at once. */
static void wait_and_answer(struct top *t, double due)
{
	while (!t->quit && !cmd_interrupted()) {
		struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
		double left = due - cmd_now();
		int n;

		if (!t->view.paused && left <= 0)
			return;
		n = poll(&in, 1, t->view.paused ? 1000 : (int)(left * 1000) + 1);
		if (n > 0 && in.revents & (POLLHUP | POLLERR | POLLNVAL) && !(in.revents & POLLIN))
			t->quit = true;
		else if (n > 0)
			keys_typed(t);
		if (n > 0 || resized) {
			resized = 0;
			draw(t);
		}
	}
}

static int live(struct top *t)
{
	int rc = look(t);

	while (rc == CMD_DONE && !t->quit && !cmd_interrupted()) {
		draw(t);
		/* the second look soon: the first has no rates */
		wait_and_answer(t, cmd_now() + (t->model.before.stats ? t->view.interval : 0.2));
		if (!t->quit && !cmd_interrupted())
			rc = look(t);
	}
	return rc;
}

static int batch(struct top *t)
{
	int rc = look(t);

	t->view.columns = 512;
	for (json_int_t i = 0; rc == CMD_DONE && !cmd_interrupted() && (t->count == 0 || i < t->count); i++) {
		cmd_wait(t->view.interval);
		rc = cmd_interrupted() ? CMD_DONE : look(t);
		if (rc != CMD_DONE || cmd_interrupted())
			break;
		if (i)
			(void)fputc('\n', stdout);
		draw(t);
		rc = cmd_flush();
	}
	return rc;
}

/* ---- the command ---- */

static int bad(const json_t *p, const char *key_name, const char *right)
{
	text_wrong(p, key_name, right);
	return CMD_USAGE;
}

/* Takes our own keys out of the parameters; the rest is the daemon's. */
static int read_keys(struct top *t, json_t *p, bool *pictures)
{
	const json_t *count = json_object_get(p, "count");
	const char *sort = json_string_value(json_object_get(p, "sort"));

	if (cmd_interval(p, &t->view.interval))
		return CMD_USAGE;
	*pictures = count != NULL;
	t->count = json_integer_value(count);
	if (count && (!json_is_integer(count) || t->count < 0))
		return bad(p, "count", "is not a number of pictures; 0: no end");
	for (t->view.sort = 0; sort && t->view.sort < TOP_SORT_COUNT && strcmp(sort, top_sort_names[t->view.sort]) != 0;)
		t->view.sort++;
	if (t->view.sort == TOP_SORT_COUNT)
		return bad(p, "sort", "is no order; rx, tx, drops or name");
	(void)json_object_del(p, "interval");
	(void)json_object_del(p, "count");
	(void)json_object_del(p, "sort");
	t->params = json_dumps(p, JSON_COMPACT);
	return CMD_DONE;
}

static int run(const struct cmd_options *opt, const struct cmd_verb *verb, const char *params)
{
	struct vmq_error err = VMQ_ERROR_INIT;
	struct top t = { .opt = opt };
	json_t *p = json_loads(params, 0, NULL);
	bool pictures = false;
	int rc = read_keys(&t, p, &pictures);

	(void)verb;
	json_decref(p);
	if (rc != CMD_DONE)
		return rc;
	rc = vmq_connect(opt->socket, &t.client, &err);
	if (rc) {
		rc = cmd_failed(opt, rc, &err);
	} else {
		cmd_catch_interrupt();
		t.view.terminal = !pictures && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && terminal_begin();
		rc = t.view.terminal ? live(&t) : batch(&t);
		if (t.view.terminal)
			terminal_end();
		vmq_disconnect(t.client);
	}
	top_free(&t.model);
	free(t.params);
	return rc;
}

static const struct cmd_key subject = { "vport", CMD_TEXT, "VPORT", "only this one", false, CMD_NAMES_VPORT };
static const struct cmd_key keys[] = {
	{ "interval", CMD_NUMBER, "SECONDS", .help = "between two looks, 0.1 to 3600 (default 1)" },
	{ "sort", CMD_TEXT, "rx|tx|drops|name", .help = "the order to begin with (default rx)" },
	{ "count", CMD_NUMBER, "N", .help = "text, so many pictures (0: no end); --once is count 1, --batch is count 0" },
	CMD_KEY_ADAPTER,
	CMD_KEY_END,
};

static const struct cmd_verb verbs[] = {
	{ .method = "stats.show", .help = "rates, drops, rings, CPUs, live", .subject = &subject, .keys = keys, .run = run },
};

const struct cmd_object cmd_top = { "top", "rates, drops, rings and CPUs, live", verbs, 1 };
