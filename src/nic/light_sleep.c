/* SPDX-License-Identifier: BSD-3-Clause */
/* When a worker's CPU sleeps lightly, and how the kernel is told (light_sleep.h). In the worker. */
#include "nic/light_sleep.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static bool wanted(const struct light_sleep *s)
{
	if (s->file.fd < 0 || !s->sleeps)
		return false;
	return s->mode == NIC_LIGHT_SLEEP_ALWAYS || (s->mode == NIC_LIGHT_SLEEP_AUTO && s->often);
}

/* ---- the kernel's file ---- */

bool nic_sleep_file_reads(int fd, const char *text)
{
	char now[16];
	ssize_t n = pread(fd, now, sizeof now - 1, 0);

	if (n < 0)
		return false;
	now[n] = '\0';
	now[strcspn(now, "\n")] = '\0';
	return strcmp(now, text) == 0;
}

static bool write_text(int fd, off_t at, const char *text)
{
	return pwrite(fd, text, strlen(text), at) == (ssize_t)strlen(text);
}

/* Written down before, and crossed out behind: whoever is killed in between leaves word. */
static bool note(const struct light_sleep *s, const char *mark)
{
	return write_text(s->file.record, s->file.mark_at, mark);
}

static void become(struct light_sleep *s, enum nic_sleep state)
{
	__atomic_store_n(&s->state, state, __ATOMIC_RELAXED);
}

static void changed(struct light_sleep *s)
{
	__atomic_store_n(&s->changes, s->changes + 1, __ATOMIC_RELAXED);
}

/* Nothing more is tried. */
static void refused(struct light_sleep *s, const char *what)
{
	log_warn("CPU %u: light sleep cannot be %s: %s", s->cpu, what, strerror(errno));
	s->file.fd = -1;
	become(s, NIC_SLEEP_REFUSED);
}

static void ask(struct light_sleep *s, uint64_t now)
{
	if (!nic_sleep_file_reads(s->file.fd, NIC_SLEEP_DEEPEST)) {
		s->retry = now + s->hold;
		become(s, NIC_SLEEP_FOREIGN);
		return;
	}
	if (!note(s, NIC_SLEEP_ASKED) || !write_text(s->file.fd, 0, s->file.light)) {
		refused(s, "asked for");
		(void)note(s, NIC_SLEEP_NOT_ASKED);
		return;
	}
	become(s, NIC_SLEEP_LIGHT);
	changed(s);
}

/* What somebody else wrote over it stays. */
static void give_back(struct light_sleep *s)
{
	if (nic_sleep_file_reads(s->file.fd, s->file.light) && !write_text(s->file.fd, 0, NIC_SLEEP_DEEPEST "\n")) {
		refused(s, "given back"); /* and the record says that it is ours */
		return;
	}
	(void)note(s, NIC_SLEEP_NOT_ASKED);
	become(s, NIC_SLEEP_DEEP);
	changed(s);
}

/* ---- the rule ---- */

void light_sleep_init(struct light_sleep *s, unsigned cpu, const struct nic_sleep_file *file, uint64_t cycles_per_us)
{
	*s = (struct light_sleep){ .cpu = cpu, .file.fd = -1, .state = NIC_SLEEP_NO_FILE };
	s->window = LIGHT_SLEEP_WINDOW_US * cycles_per_us;
	s->hold = LIGHT_SLEEP_HOLD_US * cycles_per_us;
	if (!file || file->fd < 0)
		return;
	s->file = *file;
	s->state = nic_sleep_file_reads(s->file.fd, NIC_SLEEP_DEEPEST) ? NIC_SLEEP_DEEP : NIC_SLEEP_FOREIGN;
}

void light_sleep_set(struct light_sleep *s, enum nic_light_sleep mode, bool sleeps)
{
	__atomic_store_n(&s->mode, mode, __ATOMIC_RELAXED);
	s->sleeps = sleeps;
	if (mode != NIC_LIGHT_SLEEP_AUTO || !sleeps)
		s->often = false;
	if (s->state == NIC_SLEEP_LIGHT && !wanted(s))
		give_back(s);
}

void light_sleep_settle(struct light_sleep *s, uint64_t now)
{
	if (s->often && now - s->begin >= s->hold) { /* its end came while the worker had work: it says nothing */
		s->begin = now;
		s->woken = 0;
	}
	if (wanted(s) == (s->state == NIC_SLEEP_LIGHT))
		return;
	if (s->state == NIC_SLEEP_LIGHT)
		give_back(s);
	else if (now >= s->retry)
		ask(s, now);
}

uint64_t light_sleep_due(const struct light_sleep *s)
{
	return s->often ? s->begin + s->hold : UINT64_MAX;
}

void light_sleep_woken(struct light_sleep *s, uint64_t now, bool work)
{
	if (s->often) {
		s->woken += work;
		if (!work && now - s->begin >= s->hold) {
			s->often = s->woken >= LIGHT_SLEEP_KEEP;
			s->begin = now;
			s->woken = 0;
		}
		return;
	}
	if (!work || s->file.fd < 0 || s->mode != NIC_LIGHT_SLEEP_AUTO)
		return;
	if (now - s->begin >= s->window) {
		s->begin = now;
		s->woken = 0;
	}
	if (++s->woken < LIGHT_SLEEP_WAKES)
		return;
	s->often = true;
	s->begin = now;
	s->woken = 0;
}
