/* SPDX-License-Identifier: MIT */
/*
 * `chassis key value`: a new chassis key. Order: the new key is on the disk with the old one beside it; every
 * secret of the configuration is sealed anew and committed; a moment later, when every task has read the new
 * rows, the old key is dropped. A crash at any point leaves a configuration that opens. Files that were saved
 * before are sealed with the old key: their secrets are refused from then on, line by line.
 */
#include "sct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/url.h"
#include "secret/secret.h"

#define SETTLE_MS 5000

struct reseal {
	struct sct *s;
	struct cfg_tree *after;
	unsigned lost;
};

static bool is_key(const struct cfg_node *n, const char *var)
{
	for (unsigned i = 0; i < n->row->nkey; i++)
		if (!strcmp(n->row->key[i], var))
			return true;
	return false;
}

/* word, sealed with the present key: into sealed. 1, 0: it did not open before either, -errno. */
static int reseal_word(struct reseal *r, bool key, const char *word, char *sealed, size_t size)
{
	const struct cli_hooks *h = &r->s->hooks;
	char clear[CLI_LINE_MAX];
	int rc = h->unseal(h->arg, word, clear, sizeof(clear));

	if (rc == -EKEYREJECTED || rc == -EBADMSG) {
		r->lost++;
		return 0;
	}
	if (rc == 0)
		rc = (key ? h->seal_key : h->seal)(h->arg, clear, sealed, size);
	explicit_bzero(clear, sizeof(clear));
	return rc ? rc : 1;
}

/* One secret of a line, or the password inside a URL, sealed anew in args. 0 or -errno. */
static int reseal_value(struct reseal *r, const struct cfg_node *n, struct cfg_args *args,
                        const struct cli_var *v, bool *changed)
{
	const char *text = cfg_args_get(args, v->name);
	char word[CLI_LINE_MAX], sealed[CLI_LINE_MAX], url[CLI_LINE_MAX];
	size_t at, len;
	int rc;

	if (v->type != CLI_URL) {
		rc = reseal_word(r, is_key(n, v->name), text, sealed, sizeof(sealed));
	} else if (url_password(text, &at, &len)) {
		snprintf(word, sizeof(word), "%.*s", (int)len, text + at);
		rc = reseal_word(r, false, word, sealed, sizeof(sealed));
		if (rc == 1 && url_with_password(text, sealed, url, sizeof(url)) < 0)
			rc = -ENOSPC;
	} else {
		return 0;
	}
	if (rc <= 0)
		return rc;
	rc = cfg_args_set(args, v->name, v->type == CLI_URL ? url : sealed);
	*changed |= rc == 0;
	return rc;
}

/* Where a secret is the key, the setting gets another place. */
static int replace(struct cfg_tree *t, const struct cfg_node *n, const struct cfg_args *args)
{
	char old[CFG_PATH_MAX], block[CFG_PATH_MAX], *value = cfg_value_args(args, false), *path = NULL;
	struct cfg_edit e = {.op = CFG_NO, .path = old};
	int rc = value ? cfg_path(n, old, sizeof(old)) : -ENOMEM;

	if (rc == 0)
		rc = cfg_path(n->parent, block, sizeof(block));
	if (rc == 0 && !(path = cfg_path_join(block, n->row, args)))
		rc = -ENOMEM;
	if (rc == 0 && strcmp(old, path))
		rc = cfg_apply(t, &e);
	e = (struct cfg_edit){.op = CFG_REPLACE, .path = path, .value = value};
	if (rc >= 0)
		rc = cfg_apply(t, &e);
	free(path);
	free(value);
	return rc;
}

/* Is this variable of the line stored sealed? */
static bool is_sealed(const struct cfg_node *n, const struct cli_var *v)
{
	if (!cfg_args_get(n->args, v->name) || v->list)
		return false;
	return v->type == CLI_URL ||
	       (v->type == CLI_SECRET && !v->oneway && cfg_args_get(n->args, "encrypted"));
}

/* Every secret of a line: some lines have two. */
static int reseal_node(void *arg, const struct cfg_node *n)
{
	struct reseal *r = arg;
	struct cfg_args *args;
	bool changed = false;
	int rc = 0;

	if (n->negated || !n->row)
		return 0;
	args = cfg_args_dup(n->args);
	if (!args)
		return -ENOMEM;
	for (unsigned i = 0; rc == 0 && i < n->row->nvars; i++) {
		if (is_sealed(n, n->row->vars[i]))
			rc = reseal_value(r, n, args, n->row->vars[i], &changed);
	}
	if (rc == 0 && changed)
		rc = replace(r->after, n, args);
	cfg_args_free(args);
	return rc < 0 ? rc : 0;
}

/* The rows are on the disk, and every task had time to read them. */
static void settle_cb(struct task *t, void *arg)
{
	struct sct *s = arg;
	int rc;

	task_timer_stop(s->settle);
	s->settle = NULL;
	if (!s->store || s->trouble || store_pending_rows(s->store)) {
		sct_key_settle_later(s);
		return;
	}
	rc = secret_key_settle(t->state_dir);
	if (rc < 0)
		LOG(EV_CFG_ERROR, "the old chassis key cannot be dropped: %s", strerror(-rc));
}

void sct_key_settle_later(struct sct *s)
{
	if (!s->settle)
		s->settle = task_timer_start(s->t, SETTLE_MS, 0, settle_cb, s);
}

/* Seal what is sealed again, into a copy of the tree. NULL with *rc. */
static struct cfg_tree *resealed(struct sct *s, unsigned *lost, int *rc)
{
	struct reseal r = {.s = s, .after = cfg_dup(s->tree)};

	*rc = r.after ? cfg_walk(s->tree, reseal_node, &r) : -ENOMEM;
	*lost = r.lost;
	if (*rc == 0)
		return r.after;
	cfg_free(r.after);
	return NULL;
}

void sct_control(struct task *t, const struct bus_msg *m)
{
	const struct sct_refused none = {0};
	struct sct *s = t->data;
	struct cfg_tree *after;
	unsigned lost = 0;
	int rc;

	if (strcmp(m->env->control->what, "chassis key") != 0) {
		task_reply_status(t, m, -ENOENT, "sct has no \"%s\"", m->env->control->what);
		return;
	}
	rc = secret_key_change(t->state_dir, m->env->control->args);
	if (rc < 0) {
		task_reply_status(t, m, rc, "Failure: The chassis key cannot be changed: %s",
		                  rc == -EBUSY
		                          ? "the change before is not complete, try again in a few seconds"
		                          : strerror(-rc));
		return;
	}
	task_alive(t);
	after = resealed(s, &lost, &rc);
	if (!after) {
		task_reply_status(t, m, rc,
		                  "Failure: The secrets cannot be sealed again: %s; the old key stays "
		                  "valid",
		                  strerror(-rc));
		return;
	}
	LOG(EV_CFG_CHANGE, "the chassis key was changed; %u secrets could not be opened before either", lost);
	sct_commit_tree(s, m, after, &none);
	sct_key_settle_later(s);
}

void sct_key_boot(struct sct *s)
{
	struct secret_key key;
	struct cfg_tree *after;
	char used[SCT_USED_MAX] = "";
	unsigned lost;
	int rc = secret_key_load(s->t->state_dir, &key);
	bool half = rc == 0 && key.has_old;

	secret_key_wipe(&key);
	if (!half)
		return;
	/* A change was interrupted: seal what the old key has sealed, store it, then drop that key. */
	after = resealed(s, &lost, &rc);
	if (after) {
		cfg_free(s->tree);
		s->tree = after;
		store_meta_get(store_writer_reader(s->store), "boot_config", used, sizeof(used));
		rc = sct_store_all(s, used);
	}
	if (rc < 0)
		LOG(EV_CFG_ERROR, "the change of the chassis key is not complete: %s", strerror(-rc));
	else
		sct_key_settle_later(s);
}
