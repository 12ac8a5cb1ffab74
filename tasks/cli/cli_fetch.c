/* SPDX-License-Identifier: MIT */
/*
 * Files of other machines in the session's thread (lib/fetch): by the network of context local, with Ctrl-C,
 * with a line of progress on a terminal when it takes long. What is told names the URL without its password.
 * Called by cli_file.c, cli_config.c, cli_pki.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/url.h"
#include "certs/certs.h"
#include "chassis/fabric.h"
#include "cli_show.h"
#include "fetch/fetch.h"
#include "vpn/vpn_context.h"

#define PROGRESS_US (2 * US_PER_SEC)

struct progress {
	struct sh *sh;
	uint64_t since, last;
	bool shown;
};

/* In the thread that transfers, while the session's waits for it. */
static bool tick(void *arg, uint64_t bytes, uint64_t total)
{
	struct progress *p = arg;
	uint64_t now = clock_now_us();

	if (p->sh->interactive && now - p->since > PROGRESS_US && now - p->last > US_PER_SEC / 2) {
		p->last = now;
		p->shown = true;
		if (total)
			dprintf(1, "\r%llu of %llu bytes ", (unsigned long long)bytes,
			        (unsigned long long)total);
		else
			dprintf(1, "\r%llu bytes ", (unsigned long long)bytes);
	}
	return !sh_take_interrupt();
}

static int run(struct sh *sh, struct fetch_job *job, struct fetch_result *r)
{
	struct progress p = {.sh = sh, .since = clock_now_us()};
	char shown[FETCH_URL_MAX];

	if (fabric_context(sh->t, VPN_LOCAL, &job->ns_fd))
		job->ns_fd = -1;
	job->state_dir = sh->t->state_dir;
	job->tick = tick;
	job->tick_arg = &p;
	fflush(stdout);
	fetch_run(job, r);
	if (job->ns_fd >= 0)
		close(job->ns_fd);
	if (p.shown)
		dprintf(1, "\r%40s\r", "");
	if (r->rc < 0)
		sh_fail(sh, "%s: %s", url_shown(job->url, shown, sizeof(shown)), r->text);
	return r->rc;
}

int sh_fetch(struct sh *sh, const char *url, uint64_t max, int fd, struct fetch_result *r)
{
	struct fetch_job job = {.url = url, .max_bytes = max, .fd = fd};

	job.total_s = fd >= 0 ? SH_FETCH_FILE_S : 0;
	return run(sh, &job, r);
}

int sh_put(struct sh *sh, const char *url, int fd, const char *data, size_t len, struct fetch_result *r)
{
	struct fetch_job job = {.url = url, .put = true, .fd = fd, .data = data, .len = len};

	job.total_s = fd >= 0 ? SH_FETCH_FILE_S : 0;
	return run(sh, &job, r);
}

/* From a server, or a file of this chassis. */
static int read_cert(struct sh *sh, const struct cli_row *row, const struct cfg_args *args, const char *var,
                     struct fetch_result *r)
{
	const char *url = cfg_args_get(args, var);
	struct fetch_job job = {.url = url,
	                        .protocols = certs_protocols(var),
	                        .max_bytes = certs_max(row, args, var),
	                        .fd = -1};

	if (certs_is_remote(args, var))
		return run(sh, &job, r);
	memset(r, 0, sizeof(*r));
	r->rc = certs_read_file(sh->t->state_dir, row, args, var, &r->data, &r->len, r->text,
	                        sizeof(r->text));
	return r->rc < 0 ? sh_fail(sh, "%s: %s", url, r->text) : 0;
}

static int fetch_cert(struct sh *sh, const struct cli_result *res, struct cfg_args *args, const char *var)
{
	char shown[FETCH_URL_MAX], err[160];
	struct fetch_result r;
	int rc;

	url_shown(cfg_args_get(args, var), shown, sizeof(shown));
	if (read_cert(sh, res->row, args, var, &r) < 0)
		return -1;
	rc = certs_take(sh->t->state_dir, &sh->s.hooks, res->row, res->edit->path, args, var, r.data, r.len,
	                err, sizeof(err));
	fetch_result_clear(&r);
	return rc < 0 ? sh_fail(sh, "%s: %s", shown, err) : 0;
}

/* Does sct refuse the line anyway? It says why. What was typed before may count for that. */
static bool is_refused(struct sh *sh, const struct cfg_edit *e)
{
	char err[1024];

	if (!cfg_check(sh_tree(sh), e, err, sizeof(err)))
		return false;
	sh_flush(sh);
	return cfg_check(sh_tree(sh), e, err, sizeof(err)) < 0;
}

int sh_fetch_certs(struct sh *sh, struct cli_result *res)
{
	struct cfg_args *args;
	const char *var;
	bool negated;
	char *value;
	int rc;

	if (res->edit->op != CFG_SET || !certs_is_row(res->row) || is_refused(sh, res->edit))
		return 0;
	if (cfg_value_parse(res->edit->value, &args, &negated) < 0)
		return 0; /* sct says what is wrong with it */
	rc = 0;
	while (rc == 0 && !negated && (var = certs_wanted(args)))
		rc = fetch_cert(sh, res, args, var);
	value = rc == 0 ? cfg_value_args(args, negated) : NULL;
	if (value) {
		explicit_bzero(res->edit->value, strlen(res->edit->value));
		free(res->edit->value);
		res->edit->value = value;
	}
	cfg_args_free(args);
	return rc == 0 && !value ? sh_fail(sh, "out of memory") : rc;
}

int sh_temporary(struct sh *sh, const char *near)
{
	char dir[600];
	int fd;

	snprintf(dir, sizeof(dir), "%s%.*s", sh->t->state_dir, (int)(1 + strcspn(near + 1, "/")), near);
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = memfd_create("fetch", MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
