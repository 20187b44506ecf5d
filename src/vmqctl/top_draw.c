/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmqctl/top_draw.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "vmqctl/table.h"

#define LINE 512
#define MAX_CPUS 4u /* lines of the overview for workers, when the screen is small */
#define FOOTER 4u   /* lines below the VPorts */

struct screen {
	FILE *out;
	const struct top_view *view;
	unsigned line;
};

/* How many lines are left. */
static unsigned left(const struct screen *s)
{
	return s->view->rows == 0 ? 1000000 : s->view->rows > s->line ? s->view->rows - s->line : 0;
}

static void emit(struct screen *s, const char *text, bool bright)
{
	if (left(s) == 0)
		return;
	if (s->view->terminal)
		(void)fprintf(s->out, "%s%s", s->line ? "\r\n" : "", bright ? "\033[7m" : "");
	text_print(s->out, text);
	(void)fputs(!s->view->terminal ? "\n" : bright ? "\033[0m\033[K" : "\033[K", s->out);
	s->line++;
}

static void line(struct screen *s, bool bright, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void line(struct screen *s, bool bright, const char *fmt, ...)
{
	char text[LINE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (s->view->columns < sizeof text)
		text[s->view->columns] = '\0';
	for (size_t n = strlen(text); n && text[n - 1] == ' '; n--)
		text[n - 1] = '\0';
	emit(s, text, bright && s->view->terminal);
}

/* "0", "999", "12.3k", "4.56M" in at most six characters. */
static const char *human(double n, char buf[16])
{
	static const char unit[] = " kMGTP";
	unsigned u = 0;

	if (n < 999.5) {
		(void)snprintf(buf, 16, "%.0f", n);
		return buf;
	}
	while (n >= 999.5 && u < 5) {
		n /= 1000;
		u++;
	}
	(void)snprintf(buf, 16, n < 9.995 ? "%.2f%c" : n < 99.95 ? "%.1f%c" : "%.0f%c", n, unit[u]);
	return buf;
}

static double share(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

/* Percent of the time between the looks; since the start when there was one look. */
static void time_shares(const struct top_model *m, const json_t *w, const json_t *before, double out[3])
{
	static const char *const key[] = { "busy_ns", "poll_ns", "sleep_ns" };
	double sum = 0;

	for (unsigned i = 0; i < 3; i++) {
		out[i] = before ? top_rate(m, w, before, NULL, key[i]) : (double)json_integer_value(json_object_get(w, key[i]));
		sum += out[i];
	}
	for (unsigned i = 0; i < 3; i++)
		out[i] = share(out[i], sum);
}

static void title(struct screen *s, const struct top_model *m, const char *about)
{
	const struct top_view *v = s->view;
	char clock[16];
	time_t now = time(NULL);
	struct tm tm;

	(void)strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &tm));
	line(s, false, "vmqctl top  %s  %zu VPorts  every %g s  sort %s%s%s%s", clock, m->nrows, v->interval, top_sort_names[v->sort],
	     v->paused ? "  PAUSED" : "", *about ? "  " : "", about);
}

static void draw_workers(struct screen *s, const struct top_model *m)
{
	const json_t *list = json_object_get(m->now.stats, "workers"), *w;
	size_t n = json_array_size(list), shown = s->view->rows && s->view->rows < 40 && n > MAX_CPUS ? MAX_CPUS : n, i;

	line(s, false, "CPU  POLICY     STATE     BUSY%%  POLL%%  SLEEP%%  FRAMES/S  RINGS  ARMED  HELD");
	json_array_foreach(list, i, w)
	{
		const json_t *before = top_worker_before(m, i);
		double t[3];
		char f[16];

		if (i == shown)
			break;
		time_shares(m, w, before, t);
		line(s, false, "%3d  %-9s  %-8s  %5.1f  %5.1f  %6.1f  %8s  %5d  %5d  %4d",
		     (int)json_integer_value(json_object_get(w, "cpu")), json_string_value(json_object_get(w, "policy")),
		     json_string_value(json_object_get(w, "state")), t[0], t[1], t[2],
		     human(top_rate(m, w, before, NULL, "frames"), f), (int)json_integer_value(json_object_get(w, "rings")),
		     (int)json_integer_value(json_object_get(w, "rings_armed")),
		     (int)json_integer_value(json_object_get(w, "rings_held")));
	}
	if (shown < n)
		line(s, false, "     and %zu more (a screen of 40 lines has all)", n - shown);
}

static void draw_row(struct screen *s, const struct top_row *r, bool selected)
{
	char rf[16], rb[16], tf[16], tb[16], d[16], cpu[16] = "-", posted[16] = "-";

	if (r->cpu >= 0)
		(void)snprintf(cpu, sizeof cpu, "%d", (int)r->cpu);
	if (r->posted >= 0)
		(void)snprintf(posted, sizeof posted, "%d", r->posted);
	line(s, selected, "%-20.20s %3s  %6s %6s  %6s %6s  %6s  %6s  %s", r->name, cpu, human(r->rx_frames, rf),
	     human(r->rx_bytes * 8, rb), human(r->tx_frames, tf), human(r->tx_bytes * 8, tb), human(r->drops, d), posted,
	     r->held ? "held" : "");
}

static void draw_rows(struct screen *s, const struct top_model *m, struct top_view *v)
{
	size_t room = left(s) > FOOTER + 1 ? left(s) - FOOTER - 1 : 0;

	line(s, false, "%-20s %3s  %6s %6s  %6s %6s  %6s  %6s  %s", "VPORT", "CPU", "RX-F/S", "BIT/S", "TX-F/S", "BIT/S", "DROP/S",
	     "RXBUF%", "TX");
	if (v->selected < v->first)
		v->first = v->selected;
	if (room && v->selected >= v->first + room)
		v->first = v->selected - room + 1;
	if (v->first >= m->nrows)
		v->first = 0;
	for (size_t i = v->first; i < m->nrows && i - v->first < room; i++)
		draw_row(s, &m->rows[i], i == v->selected);
	if (v->rows)
		while (left(s) > FOOTER)
			line(s, false, "%s", "");
}

/* The three worst reasons of all VPorts. */
static void draw_drops(struct screen *s, const struct top_model *m)
{
	struct {
		double rate;
		const char *vport, *reason;
	} worst[3] = { { 0 } };
	char text[LINE] = "";
	size_t len = 0;

	for (size_t i = 0; i < m->nrows; i++) {
		const struct top_row *r = &m->rows[i];
		json_t *n;
		const char *reason;

		json_object_foreach(json_object_get(r->now, "drops"), reason, n)
		{
			double rate = top_rate(m, r->now, r->before, "drops", reason);

			for (unsigned k = 0; k < 3; k++) {
				if (rate <= worst[k].rate)
					continue;
				memmove(&worst[k + 1], &worst[k], (2 - k) * sizeof worst[0]);
				worst[k].rate = rate;
				worst[k].vport = r->name;
				worst[k].reason = reason;
				break;
			}
		}
	}
	for (unsigned k = 0; k < 3 && worst[k].rate > 0 && len < sizeof text; k++) {
		char h[16];

		len += (size_t)snprintf(text + len, sizeof text - len, "  %s %s %s", worst[k].vport, worst[k].reason, human(worst[k].rate, h));
	}
	line(s, false, "drops/s:%s", len ? text : "  none");
}

static const char *const delays[] = { "1", "10", "20", "50", "100", "200", "500", "more" };
#define DELAYS (sizeof delays / sizeof *delays)

/* Interrupts a second by how long they were held back, of one VPort or all. */
static double delay_rates(const struct top_model *m, const struct top_row *only, double out[DELAYS])
{
	double sum = 0;

	for (unsigned d = 0; d < DELAYS; d++) {
		out[d] = 0;
		for (size_t i = 0; i < m->nrows; i++)
			if (!only || only == &m->rows[i])
				out[d] += top_rate(m, m->rows[i].now, m->rows[i].before, "notify_delay", delays[d]);
		sum += out[d];
	}
	return sum;
}

static void draw_delays(struct screen *s, const struct top_model *m)
{
	double rate[DELAYS], sum = delay_rates(m, NULL, rate);
	char text[LINE], h[16];
	size_t len = (size_t)snprintf(text, sizeof text, "interrupts/s: %s  held us (%%):", human(sum, h));

	for (unsigned d = 0; d < DELAYS && len < sizeof text; d++)
		len += (size_t)snprintf(text + len, sizeof text - len, " %s:%.0f", delays[d], share(rate[d], sum));
	line(s, false, "%s", text);
}

static void draw_overview(struct screen *s, const struct top_model *m, struct top_view *v)
{
	title(s, m, "");
	draw_workers(s, m);
	line(s, false, "%s", "");
	draw_rows(s, m, v);
	line(s, false, "%s", "");
	draw_drops(s, m);
	draw_delays(s, m);
	if (v->terminal)
		line(s, false, "q quit  s sort  p pause  up/down select  enter detail  + - interval");
}

/* ---- one VPort ---- */

static void draw_queue(struct screen *s, const json_t *q)
{
	char posted[16] = "-";
	json_int_t ring = json_integer_value(json_object_get(q, "rx_ring"));

	if (ring)
		(void)snprintf(posted, sizeof posted, "%d/%d", (int)json_integer_value(json_object_get(q, "rx_free")), (int)ring);
	line(s, false, "%5d %4d  %-10.10s  %12s  %12lld %12lld  %s", (int)json_integer_value(json_object_get(q, "queue")),
	     (int)json_integer_value(json_object_get(q, "cpu")), json_string_value(json_object_get(q, "state")), posted,
	     (long long)json_integer_value(json_object_get(q, "rx_frames")),
	     (long long)json_integer_value(json_object_get(q, "tx_frames")),
	     json_is_true(json_object_get(q, "held")) ? "held" : "");
}

static void draw_queues(struct screen *s, const struct top_model *m, const struct top_row *r)
{
	const json_t *q;
	size_t i;

	line(s, false, "QUEUE  CPU  STATE        RX-BUFFERS     RX-FRAMES    TX-FRAMES  TX");
	json_array_foreach(json_object_get(m->now.queues, "queues"), i, q)
	{
		const char *vport = json_string_value(json_object_get(q, "vport")), *a = json_string_value(json_object_get(q, "adapter"));

		if (vport && a && strcmp(vport, r->name) == 0 && strcmp(a, r->adapter) == 0)
			draw_queue(s, q);
	}
}

static void draw_histogram(struct screen *s, const struct top_model *m, const struct top_row *r)
{
	double rate[DELAYS], sum = delay_rates(m, r, rate);

	line(s, false, "interrupts by how long they were held back (us):");
	for (unsigned d = 0; d < DELAYS; d++) {
		char bar[41] = "", h[16];

		memset(bar, '#', (size_t)(share(rate[d], sum) * 0.4));
		line(s, false, "  %s%-4s %6s/s %s", d < DELAYS - 1 ? "<=" : "  ", delays[d], human(rate[d], h), bar);
	}
}

static void draw_reasons(struct screen *s, const struct top_model *m, const struct top_row *r)
{
	json_t *n;
	const char *reason;
	bool any = false;

	json_object_foreach(json_object_get(r->now, "drops"), reason, n)
	{
		char h[16];

		if (json_integer_value(n) == 0)
			continue;
		line(s, false, "dropped: %-20s %6s/s %12lld in all", reason, human(top_rate(m, r->now, r->before, "drops", reason), h),
		     (long long)json_integer_value(n));
		any = true;
	}
	if (!any)
		line(s, false, "dropped: none");
}

static void draw_direction(struct screen *s, const struct top_model *m, const struct top_row *r, const char *what, const char *const key[5],
			   const char *const word[5])
{
	char text[LINE], h[16];
	size_t len = (size_t)snprintf(text, sizeof text, "%-8s", what);

	for (unsigned i = 0; i < 5 && len < sizeof text; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "  %s %s/s",
					human(top_rate(m, r->now, r->before, NULL, key[i]) * (i == 1 ? 8 : 1), h), word[i]);
	line(s, false, "%s", text);
}

static void draw_detail(struct screen *s, const struct top_model *m, const struct top_row *r)
{
	static const char *const rx[] = { "rx_frames", "rx_bytes", "rx_batches", "rx_notifications", "rx_spurious_notifications" };
	static const char *const tx[] = { "tx_frames", "tx_bytes", "tx_kicks", "tx_spurious_kicks", "tx_notifications" };
	static const char *const rx_words[] = { "frames", "bit", "batches", "interrupts", "spurious" };
	static const char *const tx_words[] = { "frames", "bit", "kicks", "spurious", "interrupts" };

	title(s, m, r->name);
	draw_direction(s, m, r, "received", rx, rx_words);
	draw_direction(s, m, r, "sent", tx, tx_words);
	draw_reasons(s, m, r);
	draw_histogram(s, m, r);
	draw_queues(s, m, r);
	if (s->view->terminal)
		line(s, false, "q quit  enter overview  p pause  up/down another VPort");
}

void top_draw(FILE *out, const struct top_model *m, struct top_view *v)
{
	struct screen s = { .out = out, .view = v };

	if (v->selected >= m->nrows)
		v->selected = m->nrows ? m->nrows - 1 : 0;
	if (v->detail && m->nrows)
		draw_detail(&s, m, &m->rows[v->selected]);
	else
		draw_overview(&s, m, v);
}
