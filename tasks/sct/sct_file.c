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
#include "base/url.h"
#include "disk/disk.h"
#include "fetch/fetch.h"

#define FILE_MAX    (64u << 20)
#define FETCHED_MAX (16u << 20)
#define LOG_LINES   100 /* of one file; a binary file must not fill the log */

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

/* The lines of a text that ends in a NUL; one inside it: not a text file. */
static int load_text(struct sct *s, struct cfg_tree *tree, const char *text, size_t len, bool stop,
                     struct sct_refused *refused)
{
	int rc = memchr(text, 0, len) ? -EILSEQ
	                              : cli_load_text_until(tree, &s->hooks, text, stop, report, refused);

	return rc < 0 ? rc : 0;
}

static bool still_alive(void *arg, uint64_t bytes, uint64_t total)
{
	(void)bytes;
	(void)total;
	task_alive(arg);
	return true;
}

/*
 * A file of another machine, for the boot: nothing else can be done meanwhile. By the machine's own network:
 * what context local has for addresses is in the configuration.
 */
static int fetch_file(struct sct *s, const char *url, char **text, size_t *len)
{
	struct fetch_job job = {.url = url,
	                        .state_dir = s->t->state_dir,
	                        .ns_fd = -1,
	                        .max_bytes = FETCHED_MAX,
	                        .connect_s = 5,
	                        .total_s = 20,
	                        .fd = -1,
	                        .tick = still_alive,
	                        .tick_arg = s->t};
	char shown[FETCH_URL_MAX];
	struct fetch_result r;

	if (fetch_run(&job, &r) < 0)
		LOG(EV_CFG_ERROR, "%s: %s", url_shown(url, shown, sizeof(shown)), r.text);
	*text = r.data;
	*len = r.len;
	return r.rc;
}

int sct_load_file(struct sct *s, struct cfg_tree *tree, const char *url, bool stop,
                  struct sct_refused *refused)
{
	char *text = NULL;
	size_t len;
	int rc = fetch_is_remote(url, 0) ? fetch_file(s, url, &text, &len)
	                                 : disk_read(s->t->state_dir, url, FILE_MAX, &text, &len);

	memset(refused, 0, sizeof(*refused));
	refused->file = url;
	if (rc < 0)
		return rc;
	rc = load_text(s, tree, text, len, stop, refused);
	explicit_bzero(text, len);
	free(text);
	return rc;
}

static int load_fetched(struct sct *s, struct cfg_tree *tree, const ConfigLoad *l,
                        struct sct_refused *refused)
{
	char *text = malloc(l->text.len + 1);
	int rc;

	if (!text)
		return -ENOMEM;
	memcpy(text, l->text.data, l->text.len);
	text[l->text.len] = 0;
	refused->file = l->file;
	rc = load_text(s, tree, text, l->text.len, l->stop_on_error, refused);
	explicit_bzero(text, l->text.len);
	free(text);
	return rc;
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
	/* a session fetches by itself: this task waits for no network but at the boot */
	int rc = !tree                                        ? -ENOMEM
	         : !l->fetched && fetch_is_remote(l->file, 0) ? -EINVAL
	         : l->fetched                                 ? load_fetched(s, tree, l, &refused)
	                      : sct_load_file(s, tree, l->file, l->stop_on_error, &refused);

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
