/* SPDX-License-Identifier: MIT */
/* What srdb tells about itself: Show "store" gives the store's figures as JSON, for `show support details`,
 * drills and tests. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/srdb/srdb.h"

static char *store_json(void)
{
	const struct store_stats *st = store_writer_stats(srdb.store);
	struct store_reader *r = store_writer_reader(srdb.store);
	json_t *o =
	        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:I,s:I,s:i}", "version",
	                  (json_int_t)store_version(srdb.store), "checkpoints",
	                  (json_int_t)store_ckpt_count(r, NULL, NULL), "pending",
	                  (json_int_t)store_pending_rows(srdb.store), "commits", (json_int_t)st->commits,
	                  "rows", (json_int_t)st->rows, "batches", (json_int_t)st->batches, "failures",
	                  (json_int_t)st->failures, "commit_us_mean",
	                  (json_int_t)(st->commits ? st->commit_us_total / st->commits : 0), "commit_us_max",
	                  (json_int_t)st->commit_us_max, "peer_in_sync", srdb_hold_in_sync(srdb.hold),
	                  "peer_acked", (json_int_t)srdb_hold_acked_version(srdb.hold), "held",
	                  (json_int_t)srdb_hold_waiting(srdb.hold), "trouble", -store_trouble(srdb.store));
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	return text;
}

void srdb_show(struct task *t, const struct bus_msg *m)
{
	char *text;

	if (!srdb.store || strcmp(m->env->show->what, "store") != 0) {
		task_reply_status(t, m, srdb.store ? -EINVAL : -EAGAIN,
		                  srdb.store ? "srdb shows: store" : "the store is not open");
		return;
	}
	text = store_json();
	if (text)
		task_reply_json(t, m, text);
	else
		task_reply_status(t, m, -ENOMEM, "out of memory");
	free(text);
}
