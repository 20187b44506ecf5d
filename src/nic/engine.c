/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The workers of the process as control sees them: start and end, commands with a bounded wait, quiescent points,
 * events, statistics. Control thread, but for engine_report_broken.
 *
 * Quiescence is counted here rather than by a library, because a wait for another thread must have a bound: each worker
 * counts its turns, and between turns holds nothing it read from shared tables.
 */
#include "nic/nic_priv.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Short, because VMs wait for it when vmqd is started again; long against what reading a clock takes. */
static uint64_t measure_cycles_per_us(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t t0 = now_ns(), c0 = cycles(), ns;

	(void)nanosleep(&pause, NULL);
	ns = now_ns() - t0;
	return (cycles() - c0) * 1000 / (ns ? ns : 1) + 1;
}

/* ---- stuck workers ---- */

#define NUDGE_SIGNAL SIGURG /* ignored by default, so that nothing depends on when the handler is there */

static void nudged(int sig)
{
	(void)sig; /* its only effect is that a blocked system call returns EINTR */
}

void nic_engine_watch(struct nic_engine *e)
{
	for (unsigned i = 0; i < e->nworkers; i++) {
		struct worker *w = e->w[i];
		uint64_t turn = __atomic_load_n(&w->turn, __ATOMIC_ACQUIRE);

		if (turn == w->watched_turn && !__atomic_load_n(&w->asleep, __ATOMIC_ACQUIRE))
			(void)pthread_kill(w->thread, NUDGE_SIGNAL);
		w->watched_turn = turn;
	}
}

struct worker *engine_worker(const struct nic_engine *e, unsigned cpu)
{
	for (unsigned i = 0; i < e->nworkers; i++)
		if (e->w[i]->cpu == cpu)
			return e->w[i];
	return NULL;
}

static void free_worker(struct worker *w)
{
	if (!w)
		return;
	if (w->epfd >= 0)
		(void)close(w->epfd);
	if (w->wakefd >= 0)
		(void)close(w->wakefd);
	for (unsigned i = 0; i < NIC_MAX_WORKERS; i++) {
		inbox_fini(&w->inbox[i]);
		spsc_fini(&w->returns[i]);
	}
	spsc_fini(&w->commands);
	spsc_fini(&w->events);
	for (unsigned i = 0; w->refs && i < WORKER_REFS; i++)
		free(w->refs[i].copy);
	if (w->refs)
		(void)munmap(w->refs, WORKER_REFS * sizeof w->refs[0]);
	free(w->free_refs);
	free(w->queues);
	free(w->tx_notify);
	free(w->rx_notify);
	free(w->held);
	free(w);
}

/* Zeroed pages that cost nothing until a reference in them is used: most workers never need more than a few. */
static struct frame_ref *new_refs(void)
{
	void *p = mmap(NULL, WORKER_REFS * sizeof(struct frame_ref), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static struct worker *new_worker(struct nic_engine *e, unsigned index, uint16_t cpu, unsigned nworkers)
{
	struct worker *w = aligned_alloc(64, sizeof *w);
	struct epoll_event ev = { .events = EPOLLIN };
	bool ok;

	if (!w)
		return NULL;
	memset(w, 0, sizeof *w);
	w->engine = e;
	w->index = index;
	w->cpu = cpu;
	w->wake_wait.kind = WAIT_INBOX;
	w->queue_cap = NIC_MAX_VPORTS * NIC_MAX_QUEUE_PAIRS;
	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	w->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ev.data.ptr = &w->wake_wait;
	ok = w->epfd >= 0 && w->wakefd >= 0 && epoll_ctl(w->epfd, EPOLL_CTL_ADD, w->wakefd, &ev) == 0;
	w->queues = calloc(w->queue_cap, sizeof(void *)); /* untouched pages cost nothing */
	w->tx_notify = calloc(w->queue_cap, sizeof(void *));
	w->rx_notify = calloc(w->queue_cap, sizeof *w->rx_notify);
	w->rx_due = SLEEP_FOR_EVER;
	w->held = calloc(w->queue_cap, sizeof *w->held);
	w->held_due = SLEEP_FOR_EVER;
	ok = ok && w->queues && w->tx_notify && w->rx_notify && w->held && spsc_init(&w->events, w->queue_cap) &&
	     spsc_init(&w->commands, 64);
	for (unsigned i = 0; ok && nworkers > 1 && i < nworkers; i++)
		ok = inbox_init(&w->inbox[i]) && spsc_init(&w->returns[i], RETURNS_SLOTS);
	w->refs = new_refs();
	w->free_refs = calloc(WORKER_REFS, sizeof w->free_refs[0]);
	ok = ok && w->refs && w->free_refs;
	for (unsigned i = 0; ok && i < WORKER_REFS; i++)
		w->free_refs[w->nfree_refs++] = &w->refs[i];
	if (!ok) {
		free_worker(w);
		return NULL;
	}
	return w;
}

static int check_cpus(const struct nic_engine_config *cfg, struct vmq_err *err)
{
	cpu_set_t allowed;

	if (cfg->ncpus == 0 || cfg->ncpus > NIC_MAX_WORKERS)
		return vmq_err(err, -EINVAL, "cpus: %u CPUs given; 1 to %u are possible", cfg->ncpus, NIC_MAX_WORKERS);
	CPU_ZERO(&allowed);
	if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
		return vmq_err(err, -errno, "cpus: the process's CPU affinity can't be read: %s", strerror(errno));
	for (unsigned i = 0; i < cfg->ncpus; i++) {
		if (cfg->cpus[i] >= CPU_SETSIZE || !CPU_ISSET(cfg->cpus[i], &allowed))
			return vmq_err(err, -EINVAL, "cpus: CPU %u does not exist or this process may not run on it", cfg->cpus[i]);
		for (unsigned k = 0; k < i; k++)
			if (cfg->cpus[k] == cfg->cpus[i])
				return vmq_err(err, -EINVAL, "cpus: CPU %u is listed twice", cfg->cpus[i]);
	}
	return 0;
}

static void start_sleeping(struct worker *w, const struct nic_engine_config *cfg, unsigned i)
{
	light_sleep_init(&w->light, w->cpu, cfg->sleep_files ? &cfg->sleep_files[i] : NULL, w->engine->cycles_per_us);
	light_sleep_set(&w->light, cfg->light_sleep[i], true);
	worker_set_policy(w, cfg->policy[i]);
}

int nic_engine_create(const struct nic_engine_config *cfg, struct nic_engine **out, struct vmq_err *err)
{
	struct nic_engine *e;
	int rc = check_cpus(cfg, err);

	if (rc < 0)
		return rc;
	e = calloc(1, sizeof *e);
	if (!e)
		return vmq_err(err, -ENOMEM, "cpus: no memory for the workers");
	(void)sigaction(NUDGE_SIGNAL, &(struct sigaction){ .sa_handler = nudged }, NULL); /* no SA_RESTART */
	e->cycles_per_us = measure_cycles_per_us();
	e->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (unsigned i = 0; i < cfg->ncpus; i++) {
		e->w[i] = new_worker(e, i, cfg->cpus[i], cfg->ncpus);
		if (!e->w[i])
			rc = vmq_err(err, -ENOMEM, "cpus: no memory or descriptors for the worker of CPU %u", cfg->cpus[i]);
		else
			start_sleeping(e->w[i], cfg, i);
	}
	e->nworkers = rc < 0 ? 0 : cfg->ncpus;
	for (unsigned i = 0; i < e->nworkers; i++) {
		int r = pthread_create(&e->w[i]->thread, NULL, worker_main, e->w[i]);

		if (r) {
			rc = vmq_err(err, -r, "cpus: the worker of CPU %u can't be started: %s", cfg->cpus[i], strerror(r));
			for (unsigned k = i; k < cfg->ncpus; k++) {
				free_worker(e->w[k]);
				e->w[k] = NULL;
			}
			e->nworkers = i;
		}
	}
	if (rc < 0) {
		for (unsigned i = e->nworkers; i < cfg->ncpus; i++)
			free_worker(e->w[i]);
		nic_engine_destroy(e);
		return rc;
	}
	*out = e;
	return 0;
}

void nic_engine_destroy(struct nic_engine *e)
{
	const uint64_t one = 1;

	for (unsigned i = 0; i < e->nworkers; i++) {
		__atomic_store_n(&e->w[i]->stop, true, __ATOMIC_RELAXED);
		if (write(e->w[i]->wakefd, &one, sizeof one) < 0)
			log_error("CPU %u can't be woken to end: %d", e->w[i]->cpu, errno);
	}
	for (unsigned i = 0; i < e->nworkers; i++)
		(void)pthread_join(e->w[i]->thread, NULL);
	for (unsigned i = 0; i < e->nworkers; i++)
		free_worker(e->w[i]);
	for (unsigned i = 0; i < e->nretired; i++)
		free(e->retired[i]);
	free(e->retired);
	if (e->event_fd >= 0)
		(void)close(e->event_fd);
	free(e);
}

unsigned nic_engine_cpus(const struct nic_engine *e, uint16_t cpus[NIC_MAX_WORKERS])
{
	for (unsigned i = 0; i < e->nworkers; i++)
		cpus[i] = e->w[i]->cpu;
	return e->nworkers;
}

bool nic_engine_has_cpu(const struct nic_engine *e, unsigned cpu)
{
	return engine_worker(e, cpu) != NULL;
}

/* ---- commands ---- */

int engine_command(struct worker *w, const struct command *what)
{
	struct command *c = malloc(sizeof *c);
	struct timespec until;

	if (!c)
		return -ENOMEM;
	*c = *what;
	(void)sem_init(&c->done, 0, 0);
	if (!spsc_push(&w->commands, c)) {
		free(c);
		log_error("CPU %u does not answer: its inbox for commands is full", w->cpu);
		return -ETIMEDOUT;
	}
	worker_wake(w);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += NIC_WAIT_MS / 1000;
	while (sem_clockwait(&c->done, CLOCK_MONOTONIC, &until) < 0) {
		if (errno == EINTR)
			continue;
		log_error("CPU %u does not answer: a command took over %d ms", w->cpu, NIC_WAIT_MS);
		return -ETIMEDOUT; /* the worker may still run it, so it stays */
	}
	while (!__atomic_load_n(&c->finished, __ATOMIC_ACQUIRE))
		cpu_relax(); /* set before the semaphore */
	(void)sem_destroy(&c->done);
	free(c);
	return 0;
}

struct call {
	int (*fn)(void *arg);
	void *arg;
	int rc;
};

static bool cmd_call(struct worker *w, struct command *c)
{
	struct call *call = c->arg;

	(void)w;
	call->rc = call->fn(call->arg);
	return true;
}

int nic_engine_run(struct nic_engine *e, int (*fn)(void *arg), void *arg)
{
	int rc = 0;

	for (unsigned i = 0; i < e->nworkers && rc == 0; i++) {
		struct call *call = malloc(sizeof *call);

		if (!call)
			return -ENOMEM;
		*call = (struct call){ .fn = fn, .arg = arg };
		rc = engine_command(e->w[i], &(struct command){ .run = cmd_call, .arg = call });
		if (rc < 0)
			return rc; /* the worker may still run it, so it stays */
		rc = call->rc;
		free(call);
	}
	return rc;
}

static bool cmd_policy(struct worker *w, struct command *c)
{
	worker_set_policy(w, c->data.policy);
	return true;
}

int nic_engine_set_policy(struct nic_engine *e, unsigned cpu, enum nic_policy policy)
{
	struct worker *w = engine_worker(e, cpu);

	return w ? engine_command(w, &(struct command){ .run = cmd_policy, .data.policy = policy }) : -ENOENT;
}

static bool cmd_light_sleep(struct worker *w, struct command *c)
{
	light_sleep_set(&w->light, c->data.light_sleep, w->light.sleeps);
	return true;
}

int nic_engine_set_light_sleep(struct nic_engine *e, unsigned cpu, enum nic_light_sleep mode)
{
	struct worker *w = engine_worker(e, cpu);

	return w ? engine_command(w, &(struct command){ .run = cmd_light_sleep, .data.light_sleep = mode }) : -ENOENT;
}

/* True when all that this worker took has come home. */
static bool cmd_hold(struct worker *w, struct command *c)
{
	w->hold = c->arg != NULL;
	return !w->hold || w->nfree_refs == WORKER_REFS;
}

/* What came home last is published, and its VMs are told. */
static bool cmd_flush(struct worker *w, struct command *c)
{
	(void)c;
	notify_flush(w, true);
	return true;
}

int nic_engine_hold(struct nic_engine *e, bool on)
{
	int rc = 0;

	for (unsigned i = 0; i < e->nworkers && rc == 0; i++)
		rc = engine_command(e->w[i], &(struct command){ .run = cmd_hold, .arg = on ? e : NULL });
	for (unsigned i = 0; on && i < e->nworkers && rc == 0; i++)
		rc = engine_command(e->w[i], &(struct command){ .run = cmd_flush });
	return rc;
}

/* ---- quiescence ---- */

void nic_retire(struct nic_engine *e, void *p)
{
	if (!p)
		return;
	if (e->nretired == e->retired_cap) {
		unsigned cap = e->retired_cap ? e->retired_cap * 2 : 64;
		void **more = realloc(e->retired, cap * sizeof *more);

		if (!more) {
			if (nic_quiesce(e) == 0)
				free(p);
			return; /* lost rather than freed under a reader */
		}
		e->retired = more;
		e->retired_cap = cap;
	}
	e->retired[e->nretired++] = p;
	if (e->nretired >= 256)
		(void)nic_quiesce(e);
}

int nic_quiesce(struct nic_engine *e)
{
	uint64_t turn[NIC_MAX_WORKERS], give_up = now_ns() + NIC_WAIT_MS * 1000000ull;

	/* what control has published before the looks at the workers: pairs with their store of `turn`, and with the
	 * fences around their sleep */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < e->nworkers; i++)
		turn[i] = __atomic_load_n(&e->w[i]->turn, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < e->nworkers; i++) {
		struct worker *w = e->w[i];

		for (unsigned spins = 0; !__atomic_load_n(&w->asleep, __ATOMIC_ACQUIRE) &&
					 __atomic_load_n(&w->turn, __ATOMIC_ACQUIRE) == turn[i];
		     spins++) {
			if (spins < 100)
				cpu_relax();
			else
				(void)sched_yield();
			if (spins % 1024 == 1023 && now_ns() > give_up) {
				log_error("CPU %u does not answer: no quiescent point within %d ms", w->cpu, NIC_WAIT_MS);
				return -ETIMEDOUT;
			}
		}
	}
	for (unsigned i = 0; i < e->nretired; i++)
		free(e->retired[i]);
	e->nretired = 0;
	return 0;
}

/* ---- events ---- */

struct event_item {
	struct nic *nic;
	struct nic_event ev;
};

void engine_report_broken(struct worker *w, struct nic_queue *q)
{
	const uint64_t one = 1;
	struct event_item *item;

	if (q->told_broken)
		return;
	q->told_broken = true;
	item = malloc(sizeof *item); /* an edge, not a frame; the queue may be gone when control reads it */
	if (!item)
		return;
	*item = (struct event_item){ q->nic, { NIC_EVENT_QUEUE_BROKEN, q->vport->id, q->qp, q->rx.broken } };
	if (!item->ev.reason)
		item->ev.reason = q->tx.broken;
	if (!spsc_push(&w->events, item))
		free(item);
	else if (write(w->engine->event_fd, &one, sizeof one) < 0)
		log_error("CPU %u: the event descriptor can't be written: %d", w->cpu, errno);
}

int nic_engine_event_fd(const struct nic_engine *e)
{
	return e->event_fd;
}

void nic_engine_poll_events(struct nic_engine *e)
{
	uint64_t n;

	if (read(e->event_fd, &n, sizeof n) < 0)
		return;
	for (unsigned i = 0; i < e->nworkers; i++) {
		void *p;

		while (spsc_pop(&e->w[i]->events, &p, 1)) {
			struct event_item *item = p;

			if (item->nic->event)
				item->nic->event(item->nic->ctx, &item->ev);
			free(item);
		}
	}
}

/* ---- statistics ---- */

static uint64_t get(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Time asleep, the sleep under way included. */
static uint64_t sleep_cycles(const struct worker *w)
{
	uint64_t sum = get(&w->sleep_cycles), now = cycles(), begin = get(&w->sleep_begin);

	return __atomic_load_n(&w->asleep, __ATOMIC_ACQUIRE) && begin && now > begin ? sum + (now - begin) : sum;
}

unsigned nic_engine_stats(const struct nic_engine *e, struct nic_worker_stats *s, unsigned max)
{
	unsigned n = e->nworkers < max ? e->nworkers : max;

	for (unsigned i = 0; i < n; i++) {
		const struct worker *w = e->w[i];

		s[i] = (struct nic_worker_stats){
			.cpu = w->cpu,
			.policy = __atomic_load_n(&w->policy, __ATOMIC_RELAXED),
			.light_sleep = __atomic_load_n(&w->light.mode, __ATOMIC_RELAXED),
			.sleep = __atomic_load_n(&w->light.state, __ATOMIC_RELAXED),
			.sleep_changes = get(&w->light.changes),
			.asleep = __atomic_load_n(&w->asleep, __ATOMIC_RELAXED),
			.timed_sleeps = get(&w->timed_sleeps),
			.busy_cycles = get(&w->busy_cycles),
			.turns = get(&w->turns),
			.polls = get(&w->polls),
			.sleeps = get(&w->sleeps),
			.frames = get(&w->frames),
			.busy_ns = get(&w->busy_cycles) / e->cycles_per_us * 1000,
			.poll_ns = get(&w->poll_cycles) / e->cycles_per_us * 1000,
			.sleep_ns = sleep_cycles(w) / e->cycles_per_us * 1000,
			.rings = __atomic_load_n(&w->rings, __ATOMIC_RELAXED),
			.rings_armed = __atomic_load_n(&w->rings_armed, __ATOMIC_RELAXED),
			.rings_held = __atomic_load_n(&w->rings_held, __ATOMIC_RELAXED),
		};
		for (unsigned k = 0; k < NIC_BATCH_SIZES; k++)
			s[i].batch[k] = get(&w->batch[k]);
	}
	return n;
}
