/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state store (store.h). A rollback journal that stays open (PERSIST, with the exclusive lock) rather than a
 * write-ahead log: the database is one file at rest, and the sandbox needs no more than writing and syncing.
 */
#include "vmqd/store.h"

#include <errno.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE 4096

enum { BEGIN, COMMIT, ROLLBACK, PUT, DEL, GONE, BACK, EACH, EACH_GONE, STATEMENTS };

static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[PUT] = "INSERT OR REPLACE INTO vport (adapter, id, declared, changed, doc) VALUES (?, ?, ?, ?, ?)",
	[DEL] = "DELETE FROM vport WHERE adapter = ? AND id = ?",
	[GONE] = "INSERT OR REPLACE INTO gone (adapter, declared) VALUES (?, ?)",
	[BACK] = "DELETE FROM gone WHERE adapter = ? AND declared = ?",
	[EACH] = "SELECT id, declared, changed, doc FROM vport WHERE adapter = ? ORDER BY id",
	[EACH_GONE] = "SELECT declared FROM gone WHERE adapter = ? ORDER BY declared",
};

struct store {
	sqlite3 *db;
	char path[PATH_SIZE];
	sqlite3_stmt *st[STATEMENTS];
};

static int fail(const struct store *s, struct vmq_err *err)
{
	int rc = sqlite3_extended_errcode(s->db);

	if ((rc & 0xff) == SQLITE_BUSY)
		return vmq_err(err, -1, "state %s: another process uses it", s->path);
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
		return vmq_err(err, -1,
			       "state %s: %s: it is damaged, and left as it is; move it away, and vmqd starts with what the configuration "
			       "file declares",
			       s->path, sqlite3_errmsg(s->db));
	return vmq_err(err, -1, "state %s: %s", s->path, sqlite3_errmsg(s->db));
}

static int run(const struct store *s, const char *text, struct vmq_err *err)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, err);
}

/* Steps a bound statement that gives no rows. */
static int step(const struct store *s, int which, struct vmq_err *err)
{
	int rc = sqlite3_step(s->st[which]);

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		(void)fail(s, err);
	(void)sqlite3_reset(s->st[which]);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

static void text(const struct store *s, int which, int at, const char *value)
{
	(void)sqlite3_bind_text(s->st[which], at, value, -1, SQLITE_STATIC); /* NULL binds NULL */
}

static int number_of(const struct store *s, const char *question, int64_t *out, struct vmq_err *err)
{
	sqlite3_stmt *q;
	int rc = sqlite3_prepare_v2(s->db, question, -1, &q, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(q, 0);
	else
		(void)fail(s, err);
	(void)sqlite3_finalize(q);
	return rc == SQLITE_ROW ? 0 : -1;
}

static int check_version(const struct store *s, struct vmq_err *err)
{
	int64_t version, tables;

	if (number_of(s, "PRAGMA user_version", &version, err) < 0 ||
	    number_of(s, "SELECT count(*) FROM sqlite_master", &tables, err) < 0)
		return -1;
	if (version > STORE_VERSION || version < 0)
		return vmq_err(err, -1,
			       "state %s: it is of version %lld, this vmqd knows up to %d; a later vmqd wrote it, and it "
			       "is left as it is", s->path, (long long)version, STORE_VERSION);
	if (version == 0 && tables > 0)
		return vmq_err(err, -1, "state %s: it is a database, but not vmqd's; it is left as it is", s->path);
	return 0;
}

static int make_dir(const char *path, struct vmq_err *err)
{
	char copy[PATH_SIZE];
	const char *dir;

	(void)snprintf(copy, sizeof copy, "%s", path);
	dir = dirname(copy);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return vmq_err(err, -1, "state: its directory %s cannot be made: %s", dir, strerror(errno));
	return 0;
}

/* The first write is made here, so that the journal is open from now on. */
static int prepare(struct store *s, struct vmq_err *err)
{
	if (run(s, "PRAGMA locking_mode = EXCLUSIVE", err) < 0 || check_version(s, err) < 0 ||
	    run(s, "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
		   "PRAGMA trusted_schema = OFF;"
		   "BEGIN IMMEDIATE;"
		   "CREATE TABLE IF NOT EXISTS vport (adapter TEXT NOT NULL, id INTEGER NOT NULL, declared TEXT,"
		   " changed INTEGER NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (adapter, id)) WITHOUT ROWID;"
		   "CREATE TABLE IF NOT EXISTS gone (adapter TEXT NOT NULL, declared TEXT NOT NULL,"
		   " PRIMARY KEY (adapter, declared)) WITHOUT ROWID;"
		   "CREATE TABLE IF NOT EXISTS opened (times INTEGER NOT NULL);"
		   "INSERT INTO opened SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM opened);"
		   "UPDATE opened SET times = times + 1;"
		   "PRAGMA user_version = 1;"
		   "COMMIT", err) < 0)
		return -1;
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
			return fail(s, err);
	return 0;
}

int store_open(const char *path, struct store **out, struct vmq_err *err)
{
	struct store *s = calloc(1, sizeof *s);
	mode_t mask;
	int rc;

	_Static_assert(STORE_VERSION == 1, "user_version is set in prepare()");
	if (!s)
		return vmq_err(err, -1, "out of memory");
	(void)snprintf(s->path, sizeof s->path, "%s", path);
	if (make_dir(path, err) < 0) {
		free(s);
		return -1;
	}
	mask = umask(0077);
	rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		(void)vmq_err(err, -1, "state %s: %s", path, s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
	else
		rc = prepare(s, err) < 0 ? -1 : SQLITE_OK;
	(void)umask(mask);
	if (rc != SQLITE_OK) {
		store_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		(void)sqlite3_finalize(s->st[i]);
	(void)sqlite3_close(s->db);
	free(s);
}

static const char *column(sqlite3_stmt *q, int i)
{
	return (const char *)sqlite3_column_text(q, i);
}

int store_each(struct store *s, const char *adapter, void (*fn)(void *ctx, const struct store_row *row), void *ctx,
	       struct vmq_err *err)
{
	sqlite3_stmt *q = s->st[EACH];
	int rc;

	text(s, EACH, 1, adapter);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		struct store_row row = {
			.adapter = adapter,
			.id = (uint32_t)sqlite3_column_int64(q, 0),
			.declared = column(q, 1),
			.changed = sqlite3_column_int(q, 2) != 0,
			.doc = column(q, 3),
		};

		fn(ctx, &row);
	}
	if (rc != SQLITE_DONE)
		(void)fail(s, err);
	(void)sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : -1;
}

int store_each_gone(struct store *s, const char *adapter, void (*fn)(void *ctx, const char *declared), void *ctx,
		    struct vmq_err *err)
{
	sqlite3_stmt *q = s->st[EACH_GONE];
	int rc;

	text(s, EACH_GONE, 1, adapter);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		fn(ctx, column(q, 0));
	if (rc != SQLITE_DONE)
		(void)fail(s, err);
	(void)sqlite3_reset(q);
	return rc == SQLITE_DONE ? 0 : -1;
}

int store_begin(struct store *s, struct vmq_err *err)
{
	return step(s, BEGIN, err);
}

int store_put(struct store *s, const struct store_row *row, struct vmq_err *err)
{
	text(s, PUT, 1, row->adapter);
	(void)sqlite3_bind_int64(s->st[PUT], 2, row->id);
	text(s, PUT, 3, row->declared);
	(void)sqlite3_bind_int(s->st[PUT], 4, row->changed);
	text(s, PUT, 5, row->doc);
	return step(s, PUT, err);
}

int store_del(struct store *s, const char *adapter, uint32_t id, struct vmq_err *err)
{
	text(s, DEL, 1, adapter);
	(void)sqlite3_bind_int64(s->st[DEL], 2, id);
	return step(s, DEL, err);
}

int store_set_gone(struct store *s, const char *adapter, const char *declared, bool gone, struct vmq_err *err)
{
	int which = gone ? GONE : BACK;

	text(s, which, 1, adapter);
	text(s, which, 2, declared);
	return step(s, which, err);
}

int store_commit(struct store *s, struct vmq_err *err)
{
	return step(s, COMMIT, err);
}

void store_rollback(struct store *s)
{
	/* some failures have rolled it back already */
	if (!sqlite3_get_autocommit(s->db))
		(void)step(s, ROLLBACK, NULL);
}
