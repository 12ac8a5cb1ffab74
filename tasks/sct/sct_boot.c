/* SPDX-License-Identifier: MIT */
/*
 * What the configuration is when sct becomes active. A fresh boot of the chassis (new boot id) starts from
 * the boot configuration /flash/system.cfg, as hardware does; a restart of the task or an MIO switchover
 * continues with config.db.
 */
#include "sct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define BUSY_TRIES 200
#define BUSY_US    (10 * US_PER_MS)
#define REOPEN_MS  500

struct load_rows {
	struct store_config *rows;
	size_t n, size, at;
};

static int collect(const struct store_config *row, void *arg)
{
	struct load_rows *l = arg;

	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 1024;
		struct store_config *p = realloc(l->rows, size * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->rows = p;
		l->size = size;
	}
	l->rows[l->n] = *row;
	l->rows[l->n].path = strdup(row->path);
	l->rows[l->n].value = strdup(row->value ? row->value : "");
	l->n++;
	return 0;
}

static unsigned depth(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static int by_depth(const void *a, const void *b)
{
	const struct store_config *x = a, *y = b;
	unsigned dx = depth(x->path), dy = depth(y->path);

	if (dx != dy)
		return dx < dy ? -1 : 1;
	return x->version < y->version ? -1 : x->version > y->version;
}

static int next_item(void *arg, struct cfg_item *item)
{
	struct load_rows *l = arg;

	if (l->at == l->n)
		return 0;
	item->path = l->rows[l->at].path;
	item->value = l->rows[l->at].value;
	item->seq = l->at + 1;
	l->at++;
	return 1;
}

static int tree_from_store(struct sct *s)
{
	struct load_rows l = {0};
	unsigned skipped = 0;
	int rc = store_config_list(store_writer_reader(s->store), "", collect, &l);

	if (rc == 0) {
		qsort(l.rows, l.n, sizeof(*l.rows), by_depth);
		rc = cfg_load(s->tree, next_item, &l, &skipped);
	}
	if (skipped)
		LOG(EV_CFG_ERROR, "%u stored settings are not of this release's grammar and are left out",
		    skipped);
	for (size_t i = 0; i < l.n; i++) {
		free((char *)l.rows[i].path);
		free((char *)l.rows[i].value);
	}
	free(l.rows);
	return rc;
}

static int tree_from_boot_file(struct sct *s)
{
	char used[SCT_USED_MAX] = "";
	int rc;

	sct_bootsys_load(s, used, sizeof(used));
	rc = sct_store_all(s, used);
	if (rc == 0) /* tasks that were faster have read what the boot before left */
		sct_publish(s, (uint64_t)store_version(s->store), true);
	return rc;
}

static int open_store(struct sct *s, int tries)
{
	int err = 0;

	/* The writer of a dead MIO is fenced before we hear of it, but a lock may take a moment to fall. */
	for (int i = 0; i < tries && !s->store; i++) {
		s->store = store_open_writer(s->t->state_dir, STORE_CONFIG, NULL, &err);
		if (!s->store && err == -EBUSY)
			clock_sleep_us(BUSY_US);
		else
			break;
	}
	return s->store ? 0 : err;
}

int sct_boot(struct sct *s)
{
	char boot_id[64] = "";
	int err;

	s->tree = cfg_new(s->grammar);
	if (!s->tree)
		return -ENOMEM;
	err = open_store(s, BUSY_TRIES);
	if (err < 0)
		return err;
	store_meta_get(store_writer_reader(s->store), "boot_id", boot_id, sizeof(boot_id));
	return strcmp(boot_id, s->t->boot_id) ? tree_from_boot_file(s) : tree_from_store(s);
}

/* --- after a failed commit ---------------------------------------------------------------------------------
 */

static void reopen_cb(struct task *t, void *arg);

static void reopen(struct sct *s)
{
	struct cfg_tree *old = s->tree;
	int rc = open_store(s, 1);

	if (rc == 0) {
		s->tree = cfg_new(s->grammar);
		rc = s->tree ? tree_from_store(s) : -ENOMEM;
	}
	if (rc == 0) {
		cfg_free(old);
		return;
	}
	if (s->tree != old)
		cfg_free(s->tree);
	s->tree = old;
	if (s->store)
		store_close_writer(s->store);
	s->store = NULL;
	s->trouble = rc;
	s->reopen = task_timer_start(s->t, REOPEN_MS, 0, reopen_cb, s);
}

static void reopen_cb(struct task *t, void *arg)
{
	struct sct *s = arg;

	(void)t;
	task_timer_stop(s->reopen);
	s->reopen = NULL;
	reopen(s);
}

void sct_roll_back(struct sct *s)
{
	/* Tries once more, then ends every batch that waits with an error: their operators are told. */
	store_close_writer(s->store);
	s->store = NULL;
	reopen(s);
	LOG(EV_CFG_ERROR, "the configuration is what is stored: %zu settings", s->tree->count);
}
