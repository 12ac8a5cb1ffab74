/* SPDX-License-Identifier: MIT */
/*
 * sct: shared configuration task. The only writer of config.db; it owns the tree that counts. An edit is
 * checked, applied, committed, then answered and published on topic "config"; everybody else reads config.db.
 */
#include "sct.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "certs/certs.h"
#include "secret/passwd.h"
#include "secret/secret.h"

static struct sct sct;

static int init(struct task *t)
{
	char dir[512], err[256];

	sct.t = t;
	t->data = &sct;
	sct.grammar = cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));
	if (!sct.grammar) {
		LOG(EV_CFG_ERROR, "grammar: %s", err);
		return -EINVAL;
	}
	return 0;
}

/* A file may hold many passwords in clear text, and each takes a while. */
static int hash_alive(void *arg, const char *clear, char *out, size_t size)
{
	int rc = passwd_hash(clear, out, size);

	(void)arg;
	task_alive(sct.t);
	return rc;
}

/* What a line of a file holds itself; what it names is read when the file is loaded (sct_certs.c). */
static int check_text(const struct cli_hooks *h, const struct cfg_tree *t, const struct cfg_edit *e,
                      char *err, size_t size)
{
	return certs_check(NULL, h, t, e, err, size);
}

static int activate(struct task *t, const char *reason)
{
	int rc = secret_hooks(t->state_dir, &sct.hooks);

	(void)reason;
	sct.hooks.hash = hash_alive;
	sct.hooks.check = check_text;
	if (rc == 0)
		rc = sct_boot(&sct);
	if (rc < 0)
		return rc;
	sct_key_boot(&sct);
	sct_certs_follow(&sct);
	task_ready(t, (uint32_t)sct.tree->count);
	return 0;
}

static void stop(struct task *t)
{
	(void)t;
	if (sct.store)
		store_close_writer(sct.store);
	sct.store = NULL;
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_CONFIG_EDITS, "cli,web", "lines of an operator: check, apply, commit, answer",
         sct_config_edits},
        {ENVELOPE__BODY_CONFIG_LOAD, "cli", "load a file of the disk", sct_config_load},
        {ENVELOPE__BODY_CONFIG_SAVE, "cli", "save the configuration to the disk", sct_config_save},
        {ENVELOPE__BODY_CONTROL, "cli", "chassis key: seal every secret anew", sct_control},
};

int main(int argc, char **argv)
{
	struct task_ops ops = {.facility = "sct",
	                       .routes = routes,
	                       .n_routes = sizeof(routes) / sizeof(*routes),
	                       .init = init,
	                       .activate = activate,
	                       .stop = stop};

	return task_main(argc, argv, &ops);
}
