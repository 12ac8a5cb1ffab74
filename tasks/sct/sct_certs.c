/* SPDX-License-Identifier: MIT */
/*
 * Certificates by URL (lib/certs) in lines that came with a file: a session reads what is typed by itself and
 * tells what is wrong; here it is done behind the load, one thread per URL of the network, and again after a
 * while until it is there. Until then the line stands as it was written and `show configuration errors` says
 * so. Entry point: sct_certs_follow().
 */
#include "sct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/url.h"
#include "certs/certs.h"
#include "chassis/fabric.h"
#include "fetch/fetch.h"
#include "vpn/vpn_context.h"

#define RETRY_MS      2000 /* the first time; then twice as long each time, RETRY_DOUBLED times */
#define RETRY_DOUBLED 5
#define SWEEP_MS      11000
#define JOBS_MAX      48

struct job {
	struct sct *s;
	struct job *next;
	char *path, *url; /* of the line */
	const char *var;
	struct fetch *fetch; /* under way */
	unsigned tries;      /* that failed */
	bool waiting;        /* until it is tried again */
	bool wanted;         /* the line still says so */
};

struct sct_certs {
	struct job *jobs;
	struct task_timer *timer;
	int ns_fd;
};

static void job_free(struct job *j)
{
	free(j->path);
	free(j->url);
	free(j);
}

static void again_cb(struct task *t, void *arg)
{
	struct sct *s = arg;

	(void)t;
	task_timer_stop(s->certs->timer);
	s->certs->timer = NULL;
	for (struct job *j = s->certs->jobs; j; j = j->next)
		j->waiting = false;
	sct_certs_follow(s);
}

static void again(struct sct *s, unsigned ms)
{
	if (!s->certs->timer)
		s->certs->timer = task_timer_start(s->t, ms, 0, again_cb, s);
}

/* --- what was fetched --- */

static void failed(struct job *j, const char *text)
{
	char shown[FETCH_URL_MAX];

	if (!j->tries)
		LOG(EV_CFG_ERROR, "%s: %s: %s; it is tried again", j->path,
		    url_shown(j->url, shown, sizeof(shown)), text);
	j->waiting = true;
	again(j->s, RETRY_MS << (j->tries < RETRY_DOUBLED ? j->tries : RETRY_DOUBLED));
	j->tries++;
}

/* The line names what is kept. */
static void take(struct job *j, const struct cfg_node *n, const char *data, size_t len)
{
	const struct sct *s = j->s;
	struct cfg_args *args = cfg_args_dup(n->args);
	struct cfg_edit e = {.op = CFG_REPLACE, .path = j->path};
	char err[FETCH_URL_MAX + 200] = "out of memory";
	int rc = args ? certs_take(s->t->state_dir, &s->hooks, n->row, j->path, args, j->var, data, len, err,
	                           sizeof(err))
	              : -ENOMEM;

	if (rc == 0)
		e.value = cfg_value_args(args, false);
	if (rc == 0 && e.value)
		rc = certs_check(s->t->state_dir, &s->hooks, s->tree, &e, err, sizeof(err));
	if (rc == 0 && e.value) {
		j->wanted = false;
		sct_commit_own(j->s, &e);
	} else {
		failed(j, err);
	}
	if (e.value)
		explicit_bzero(e.value, strlen(e.value));
	free(e.value);
	cfg_args_free(args);
}

static void done(void *arg, struct fetch_result *r)
{
	struct job *j = arg;
	const struct cfg_node *n = cfg_find(j->s->tree, j->path);
	const char *url = n ? cfg_arg(n, j->var) : NULL;

	j->fetch = NULL;
	if (!url || strcmp(url, j->url)) {
		sct_certs_follow(j->s); /* the line is another one by now */
		return;
	}
	if (r->rc < 0)
		failed(j, r->text);
	else
		take(j, n, r->data, r->len);
}

/* --- what is to be fetched --- */

static void start_fetch(struct job *j, const struct cfg_node *n)
{
	struct fetch_job f = {.url = j->url,
	                      .state_dir = j->s->t->state_dir,
	                      .ns_fd = j->s->certs->ns_fd,
	                      .protocols = certs_protocols(j->var),
	                      .max_bytes = certs_max(n->row, n->args, j->var),
	                      .fd = -1};
	int rc;

	j->fetch = fetch_start(j->s->t->loop, &f, done, j, &rc);
	if (j->fetch)
		return;
	j->waiting = true;
	again(j->s, RETRY_MS);
}

static void read_file(struct job *j, const struct cfg_node *n)
{
	char *p, err[160];
	size_t len;

	if (certs_read_file(j->s->t->state_dir, n->row, n->args, j->var, &p, &len, err, sizeof(err)) < 0) {
		failed(j, err);
		return;
	}
	take(j, n, p, len);
	explicit_bzero(p, len);
	free(p);
}

static void start(struct job *j)
{
	const struct cfg_node *n = cfg_find(j->s->tree, j->path);

	if (n && certs_is_remote(n->args, j->var))
		start_fetch(j, n);
	else if (n)
		read_file(j, n);
}

static struct job *job_of(struct sct *s, const char *path, const char *var, const char *url)
{
	unsigned n = 0;
	struct job *j;

	for (j = s->certs->jobs; j; j = j->next, n++)
		if (!strcmp(j->path, path) && !strcmp(j->var, var) && !strcmp(j->url, url))
			return j;
	j = n < JOBS_MAX ? calloc(1, sizeof(*j)) : NULL;
	if (!j)
		return NULL;
	j->s = s;
	j->path = strdup(path);
	j->url = strdup(url);
	j->var = var;
	if (!j->path || !j->url) {
		job_free(j);
		return NULL;
	}
	j->next = s->certs->jobs;
	s->certs->jobs = j;
	return j;
}

/* Of a line with two URLs the second follows when the first is there. */
static void want(void *arg, const struct cfg_node *n)
{
	const char *var = certs_wanted(n->args);
	char path[CFG_PATH_MAX];
	struct job *j;

	if (!var || cfg_path(n, path, sizeof(path)) < 0)
		return;
	j = job_of(arg, path, var, cfg_args_get(n->args, var));
	if (j)
		j->wanted = true;
}

/* What no line wants any more and nobody works on. */
static void forget(struct sct *s)
{
	for (struct job **p = &s->certs->jobs; *p;) {
		struct job *j = *p;

		if (j->wanted || j->fetch) {
			p = &j->next;
			continue;
		}
		*p = j->next;
		job_free(j);
	}
}

static bool init(struct sct *s)
{
	if (!s->certs) {
		s->certs = calloc(1, sizeof(*s->certs));
		if (s->certs)
			s->certs->ns_fd = -1;
	}
	if (s->certs && s->certs->ns_fd < 0 && fabric_context(s->t, VPN_LOCAL, &s->certs->ns_fd))
		s->certs->ns_fd = -1;
	return s->certs;
}

void sct_certs_follow(struct sct *s)
{
	if (!init(s))
		return;
	for (struct job *j = s->certs->jobs; j; j = j->next)
		j->wanted = false;
	certs_each(s->tree, want, s);
	for (struct job *j = s->certs->jobs; j; j = j->next)
		if (j->wanted && !j->fetch && !j->waiting)
			start(j);
	forget(s);
	if (certs_sweep(s->t->state_dir, s->tree))
		again(s, SWEEP_MS);
}

void sct_certs_refused(struct sct *s)
{
	if (init(s))
		again(s, SWEEP_MS);
}
