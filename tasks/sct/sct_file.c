/* SPDX-License-Identifier: MIT */
/*
 * Configuration files. Loading goes line by line: a wrong line is told with its number and reason, the rest
 * is loaded. Saving writes a new file, syncs it and renames it over the old one, so that a full disk leaves
 * the old file whole.
 */
#include "sct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "disk/disk.h"

#define FILE_MAX  (64u << 20)
#define LOG_LINES 100 /* of one file; a binary file must not fill the log */

static void report(void *arg, unsigned line, const char *text, const char *error)
{
	struct sct_refused *r = arg;

	(void)text;
	if (r->n < LOG_LINES)
		LOG(EV_CFG_ERROR, "%s line %u: %s", r->file, line, error);
	if (r->n < SCT_REFUSED_TOLD) {
		r->v[r->n].line = line;
		r->v[r->n].text = strdup(error);
	}
	r->n++;
}

void sct_refused_clear(struct sct_refused *r)
{
	for (unsigned i = 0; i < SCT_REFUSED_TOLD; i++)
		free(r->v[i].text);
	memset(r, 0, sizeof(*r));
}

int sct_load_file(struct sct *s, struct cfg_tree *tree, const char *url, bool stop,
                  struct sct_refused *refused)
{
	char *text = NULL;
	size_t len;
	int rc = disk_read(s->t->state_dir, url, FILE_MAX, &text, &len);

	memset(refused, 0, sizeof(*refused));
	refused->file = url;
	if (rc < 0)
		return rc;
	/* NULs: not a text file */
	rc = memchr(text, 0, len) ? -EILSEQ
	                          : cli_load_text_until(tree, &s->hooks, text, stop, report, refused);
	explicit_bzero(text, len);
	free(text);
	return rc < 0 ? rc : 0;
}

static const char *why(int rc)
{
	return rc == -EILSEQ ? "it is not a text file" : disk_error(rc);
}

void sct_config_load(struct task *t, const struct bus_msg *m)
{
	struct sct *s = t->data;
	const ConfigLoad *l = m->env->config_load;
	struct sct_refused refused = {.n = 0};
	struct cfg_tree *tree = cfg_dup(s->tree);
	int rc = tree ? sct_load_file(s, tree, l->file, l->stop_on_error, &refused) : -ENOMEM;

	if (rc < 0) {
		cfg_free(tree);
		task_reply_status(t, m, rc, "Failure: %s: %s", l->file, why(rc));
	} else {
		sct_commit_tree(s, m, tree, &refused);
	}
	sct_refused_clear(&refused);
}

void sct_config_save(struct task *t, const struct bus_msg *m)
{
	struct sct *s = t->data;
	const char *url = m->env->config_save->file;
	struct cli_out_buf buf;
	int rc;

	cli_out_buf_init(&buf);
	rc = cfg_show(s->tree, NULL, &buf.out);
	if (rc == 0)
		rc = disk_write(s->t->state_dir, url, buf.text ? buf.text : "", buf.len);
	cli_out_buf_free(&buf);
	if (rc == -EINVAL || rc == -EXDEV)
		task_reply_status(t, m, rc, "Failure: %s is %s", url, disk_error(rc));
	else if (rc < 0)
		task_reply_status(t, m, rc, "Failure: %s: %s; the old file is as it was", url,
		                  disk_error(rc));
	else
		task_reply_status(t, m, 0, "%s", "");
}
