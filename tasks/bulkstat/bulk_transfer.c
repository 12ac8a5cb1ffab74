/* SPDX-License-Identifier: MIT */
/*
 * Transfers: pending records become a file (header, records, footer), which goes to the local directory and
 * to the receivers: the primary, and the secondary when that fails (or both, in mode redundant). A file
 * leaves the spool only when a receiver has it; what failed is tried again after a minute and at every
 * transfer-interval. Called by main.c, bulk_cfg.c, bulk_gather.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bulk_task.h"

#define RETRY_MS        60000
#define LOCAL_MAX       (64u << 20)
#define APP_SYSTEM_FILE 1 /* starFileApplication: systemfile */

static void next_push(struct bulk_task *b);

/* --- closing
 * ------------------------------------------------------------------------------------------------------------
 */

static int close_file(struct bulk_task *b, struct bulk_file *f)
{
	char header[8192] = "", footer[8192] = "", remote[512];
	uint64_t now = clock_wall_us();
	struct bulk_env env;
	int rc;

	bulk_gather_env(b, f, now, &env);
	if (f->header && bulk_format_expand(f->header, NULL, &env, NULL, NULL, header, sizeof(header)) < 0)
		return -ENOSPC;
	if (f->footer && bulk_format_expand(f->footer, NULL, &env, NULL, NULL, footer, sizeof(footer)) < 0)
		return -ENOSPC;
	if (bulk_format_expand(f->remote, NULL, &env, NULL, NULL, remote, sizeof(remote)) < 0)
		return -ENOSPC;
	rc = bulk_spool_close(b, f->number, header, footer, remote);
	if (!rc) {
		f->schemas_before = (unsigned)f->n_lines;
		LOG(EV_BULKSTAT_FILE, "file %u: %s", f->number, remote);
	}
	return rc == -ENODATA ? 0 : rc;
}

/* --- the end of one file
 * ---------------------------------------------------------------------------------------------------- */

static void file_sent(struct bulk_task *b, struct bulk_file *f, const struct bulk_outfile *out)
{
	struct bulk_stats *st = &f->stats;

	st->sent_records += out->records;
	st->sent_bytes += out->bytes;
	st->success_records = out->records;
	st->success_bytes = out->bytes;
	st->success_wall = clock_wall_us();
	st->transfer_us = clock_now_us() - b->transfer_us;
	f->failed = false;
	bulk_spool_remove(out);
}

static void trap_fail(struct bulk_task *b, const struct bulk_receiver *r, const char *name)
{
	TASK_TRAP(b->t, "FTPPushFail", trap_str("starFTPServVpnName", "local"),
	          trap_str("starFTPServIpAddr", r->address), trap_str("starFileName", name),
	          trap_int("starFileApplication", APP_SYSTEM_FILE));
}

static void trap_switch(struct bulk_task *b, const struct bulk_file *f, unsigned from)
{
	TASK_TRAP(b->t, "FTPServSwitch", trap_str("starFTPServVpnName", "local"),
	          trap_str("starFTPServIpAddr", f->receiver[from].address),
	          trap_str("starFTPServIpAddr", f->receiver[1 - from].address),
	          trap_int("starFileApplication", APP_SYSTEM_FILE));
}

static bool has_receiver(const struct bulk_file *f)
{
	return f->receiver[0].used || f->receiver[1].used;
}

/* --- pushing
 * ------------------------------------------------------------------------------------------------------------------
 */

static void finish(struct bulk_task *b)
{
	for (unsigned i = 0; i < b->n_transfer_from; i++)
		task_reply_status_to(b->t, &b->transfer_from[i], b->transfer_error, "%s", b->transfer_text);
	b->n_transfer_from = 0;
	b->transferring = false;
}

static void retry(struct task *t, void *arg)
{
	struct bulk_task *b = arg;

	task_timer_stop(b->retry_timer);
	b->retry_timer = NULL;
	bulk_transfer_start(b);
}

static void next_set(struct bulk_task *b)
{
	b->push_file++;
	b->push_receiver = 0;
	b->push_done_one = false;
}

static void give_up(struct bulk_task *b, struct bulk_file *f, const char *text)
{
	f->failed = true;
	f->stats.transfer_us = clock_now_us() - b->transfer_us;
	b->transfer_error = -EIO;
	snprintf(b->transfer_text, sizeof(b->transfer_text), "File %u was not transferred: %s", f->number,
	         text);
	LOG(EV_BULKSTAT_FAIL, "%s", b->transfer_text);
	if (!b->retry_timer)
		b->retry_timer = task_timer_start(b->t, RETRY_MS, 0, retry, b);
	next_set(b);
}

static void pushed(void *arg, int status, const char *text, uint64_t bytes, uint64_t us)
{
	struct bulk_task *b = arg;
	struct bulk_file *f = &b->file[b->push_file];
	unsigned r = b->push_receiver;
	struct bulk_outfile out;
	bool other = r == 0 && f->receiver[1].used;

	/* The configuration may have changed meanwhile. */
	if (!f->used || bulk_spool_oldest(b, f->number, &out)) {
		next_set(b);
		next_push(b);
		return;
	}
	if (status) {
		LOG(EV_BULKSTAT_FAIL, "file %u to %s: %s", f->number, f->receiver[r].address, text);
		trap_fail(b, &f->receiver[r], out.remote);
	} else {
		b->push_done_one = true;
		LOG(EV_BULKSTAT_FILE, "file %u: %s sent to %s, %llu bytes in %llu ms", f->number, out.remote,
		    f->receiver[r].address, (unsigned long long)bytes, (unsigned long long)(us / US_PER_MS));
		if (r == 1 && !f->redundant && f->receiver[0].used)
			trap_switch(b, f, 0);
	}
	if (other && (status || f->redundant)) {
		b->push_receiver = 1;
	} else if (b->push_done_one) {
		file_sent(b, f, &out);
		b->push_receiver = 0;
		b->push_done_one = false;
	} else {
		give_up(b, f, text);
	}
	next_push(b);
}

static int push(struct bulk_task *b, struct bulk_file *f, const struct bulk_outfile *out)
{
	unsigned r = b->push_receiver == 0 && !f->receiver[0].used ? 1 : b->push_receiver;
	const struct bulk_receiver *to = &f->receiver[r];
	struct bulk_push p = {.ns_fd = b->ns_fd};
	int rc;

	b->push_receiver = r;
	f->stats.attempt_wall = clock_wall_us();
	rc = bulk_push_url(to, out->remote, p.url, sizeof(p.url));
	if (rc)
		return rc;
	if (!strncmp(to->address, "127.", 4))
		p.ns_fd = -1; /* a process beside the chassis */
	snprintf(p.path, sizeof(p.path), "%s", out->path);
	snprintf(p.login, sizeof(p.login), "%s", to->login);
	snprintf(p.password, sizeof(p.password), "%s", to->password);
	if (!to->password[0] && access(task_state_path(b->t, "flash/bulkstat.key"), R_OK) == 0)
		snprintf(p.key, sizeof(p.key), "%s", task_state_path(b->t, "flash/bulkstat.key"));
	rc = bulk_push_start(&p, pushed, b);
	explicit_bzero(&p, sizeof(p));
	return rc;
}

/* Copy to the chassis' own directory. true: that was all there is to do with it. */
static bool keep_local(struct bulk_task *b, struct bulk_file *f, const struct bulk_outfile *out)
{
	int rc;

	if (!f->local_dir[0] || b->push_receiver)
		return false;
	rc = bulk_spool_copy(b, out, f->local_dir, LOCAL_MAX);
	if (rc) {
		LOG(EV_BULKSTAT_FAIL, "%s: %s", f->local_dir, strerror(-rc));
		return false;
	}
	if (has_receiver(f))
		return false;
	f->stats.attempt_wall = clock_wall_us();
	file_sent(b, f, out);
	return true;
}

/* 1: a file of this set is on its way; 0: there is none to send; or -errno. */
static int push_set(struct bulk_task *b, struct bulk_file *f)
{
	struct bulk_outfile out;
	int rc;

	while (f->used && bulk_spool_oldest(b, f->number, &out) == 0) {
		if (keep_local(b, f, &out))
			continue;
		if (!has_receiver(f))
			return 0; /* they wait, within the limit */
		rc = push(b, f, &out);
		return rc ? rc : 1;
	}
	return 0;
}

static void next_push(struct bulk_task *b)
{
	while (b->push_file < BULK_FILES_MAX) {
		struct bulk_file *f = &b->file[b->push_file];
		int rc = push_set(b, f);

		if (rc == 1)
			return;
		if (rc)
			give_up(b, f, strerror(-rc));
		else
			next_set(b);
	}
	finish(b);
}

void bulk_transfer_start(struct bulk_task *b)
{
	int rc;

	if (b->transferring)
		return;
	if (b->gathering) {
		b->transfer_after = true;
		return;
	}
	b->transferring = true;
	b->transfer_error = 0;
	b->transfer_text[0] = '\0';
	b->transfer_us = clock_now_us();
	for (unsigned i = 0; i < BULK_FILES_MAX; i++) {
		rc = b->file[i].used ? close_file(b, &b->file[i]) : 0;
		if (rc) {
			b->transfer_error = rc;
			snprintf(b->transfer_text, sizeof(b->transfer_text), "File %u was not written: %s",
			         i + 1, strerror(-rc));
			LOG(EV_BULKSTAT_FAIL, "%s", b->transfer_text);
		}
	}
	bulk_spool_limit(b);
	b->push_file = b->push_receiver = 0;
	b->push_done_one = false;
	next_push(b);
}

void bulk_transfer_timer(struct task *t, void *arg)
{
	bulk_transfer_start(arg);
}
