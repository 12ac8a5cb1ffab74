/* SPDX-License-Identifier: MIT */
/*
 * One gathering: srdb samples the counters; srp, the vpnmgrs and the cards tell what only they know; when all
 * have answered (or not, by their deadline), every schema line of every file becomes one record per object,
 * durable on the disk before anybody is told. Called by main.c, bulk_cfg.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/version.h"
#include "bulk_task.h"

#define ASK_MS     4000
#define BULK_SLOTS 20
#define RECORD_MAX 65536

void bulk_gather_env(const struct bulk_task *b, const struct bulk_file *f, uint64_t wall_us,
                     struct bulk_env *env)
{
	uint64_t now = clock_steady_us();

	*env = (struct bulk_env){
	        .wall_us = wall_us,
	        .uptime_s = now > b->boot_wall ? (now - b->boot_wall) / US_PER_SEC : 0,
	        .host = b->set.host,
	        .ipaddr = b->set.ipaddr,
	        .swbuild = version_number(),
	        .version = version_number(),
	        .schemas = (unsigned)f->n_lines,
	        .schemas_before = f->schemas_before,
	};
}

/* --- records
 * ----------------------------------------------------------------------------------------------------------
 */

struct buffer {
	char *text;
	size_t len, size;
	uint64_t records;
};

static int add_record(struct buffer *to, const char *text, size_t len)
{
	if (to->len + len + 1 > to->size) {
		size_t size = (to->len + len + 1) * 2;
		char *p = realloc(to->text, size);

		if (!p)
			return -ENOMEM;
		to->text = p;
		to->size = size;
	}
	memcpy(to->text + to->len, text, len);
	to->text[to->len + len] = '\n';
	to->len += len + 1;
	to->records++;
	return 0;
}

static int add_line(struct bulk_task *b, const struct bulk_line *l, const struct bulk_env *env, char *work,
                    struct buffer *to)
{
	const struct bulk_schema *schema = bulk_schema_find(l->schema);
	json_t *objects = schema ? bulk_source_objects(b, l->schema) : NULL, *o;
	int rc = 0, len;
	size_t i;

	if (l->active_only && !b->serving) {
		json_decref(objects);
		return 0;
	}
	json_array_foreach(objects, i, o)
	{
		len = bulk_format_expand(l->format, schema, env, bulk_source_get, o, work, RECORD_MAX);
		if (len < 0) {
			LOG(EV_BULKSTAT_FAIL, "a record of %s schema %s is too long", l->schema, l->name);
			break;
		}
		if (!rc)
			rc = add_record(to, work, (size_t)len);
	}
	json_decref(objects);
	return rc;
}

static int write_file(struct bulk_task *b, struct bulk_file *f, char *work)
{
	struct buffer to = {0};
	struct bulk_env env;
	int rc = 0;

	bulk_gather_env(b, f, b->sample_wall, &env);
	for (size_t i = 0; i < f->n_lines && !rc; i++)
		rc = add_line(b, &f->lines[i], &env, work, &to);
	if (!rc && to.records)
		rc = bulk_spool_append(b, f->number, to.text, to.len, to.records);
	if (!rc) {
		f->stats.collected_records += to.records;
		f->stats.collected_bytes += to.len;
	}
	free(to.text);
	return rc;
}

static void answer_all(struct bulk_task *b, int code, const char *text)
{
	for (unsigned i = 0; i < b->n_gather_from; i++)
		task_reply_status_to(b->t, &b->gather_from[i], code, "%s", text);
	b->n_gather_from = 0;
}

static void finish(struct bulk_task *b)
{
	char *work = malloc(RECORD_MAX), text[160] = "";
	int rc = b->gather_error;

	if (!work)
		rc = -ENOMEM;
	for (unsigned i = 0; i < BULK_FILES_MAX && !rc; i++)
		if (b->file[i].used)
			rc = write_file(b, &b->file[i], work);
	free(work);
	if (rc) {
		snprintf(text, sizeof(text), "Bulk statistics were not gathered: %s", strerror(-rc));
		LOG(EV_BULKSTAT_FAIL, "%s", text);
	}
	bulk_spool_limit(b);
	b->gathering = false;
	b->gather_us = clock_now_us() - b->gather_began;
	answer_all(b, rc, text);
	if (b->transfer_after) {
		b->transfer_after = false;
		bulk_transfer_start(b);
	}
}

/* --- asking
 * -------------------------------------------------------------------------------------------------------------
 */

static void one_less(struct bulk_task *b)
{
	if (--b->waiting == 0)
		finish(b);
}

static void sampled(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct bulk_task *b = arg;

	if (!status && m->env->body_case == ENVELOPE__BODY_SAMPLE_DONE)
		b->sample_wall = m->env->sample_done->wall_us;
	else
		b->gather_error = status ? status : -EPROTO;
	one_less(b);
}

static json_t *tree_of(int status, const struct bus_msg *m)
{
	return !status && m->env->body_case == ENVELOPE__BODY_SHOW_REPLY
	               ? json_loads(m->env->show_reply->json, 0, NULL)
	               : NULL;
}

static void got_icsr(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct bulk_task *b = arg;

	json_decref(b->icsr);
	b->icsr = tree_of(status, m);
	one_less(b);
}

static void keep_answer(struct bulk_task *b, json_t *list, int status, const struct bus_msg *m)
{
	json_t *answer = tree_of(status, m);

	if (answer)
		json_array_append_new(list, answer);
	one_less(b);
}

static void got_pools(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	keep_answer(arg, ((struct bulk_task *)arg)->pools, status, m);
}

static void got_ifs(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	keep_answer(arg, ((struct bulk_task *)arg)->ifs, status, m);
}

static void got_card(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	keep_answer(arg, ((struct bulk_task *)arg)->cards, status, m);
}

static void ask(struct bulk_task *b, const char *dst, const char *what, task_reply_cb cb)
{
	Envelope env = ENVELOPE__INIT;
	Show show = SHOW__INIT;

	show.what = (char *)what;
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &show;
	if (task_request(b->t, dst, &env, ASK_MS, 0, cb, b) == 0)
		b->waiting++;
}

static void ask_pools(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	ask(arg, addr, "ip pool", got_pools);
}

static void ask_ifs(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	ask(arg, addr, "ip interface", got_ifs);
}

static void ask_cards(struct bulk_task *b)
{
	char dst[16];

	for (unsigned slot = 1; slot <= BULK_SLOTS; slot++) {
		snprintf(dst, sizeof(dst), "card/%u",
		         slot); /* an empty slot is answered by our own card, at once */
		ask(b, dst, "card", got_card);
	}
}

static bool wanted(const struct bulk_task *b, const char *schema)
{
	for (unsigned i = 0; i < BULK_FILES_MAX; i++)
		for (size_t k = 0; k < b->file[i].n_lines; k++)
			if (!strcmp(b->file[i].lines[k].schema, schema))
				return true;
	return false;
}

void bulk_gather_start(struct bulk_task *b)
{
	Envelope env = ENVELOPE__INIT;
	SampleNow now = SAMPLE_NOW__INIT;

	if (b->gathering)
		return; /* whoever asks now gets the answer of the one under way */
	b->gathering = true;
	b->gather_error = 0;
	b->gather_began = clock_now_us();
	json_decref(b->pools);
	json_decref(b->ifs);
	json_decref(b->cards);
	b->pools = json_array();
	b->ifs = json_array();
	b->cards = json_array();
	env.body_case = ENVELOPE__BODY_SAMPLE_NOW;
	env.sample_now = &now;
	b->waiting = 1;
	if (task_request(b->t, "srdb/0", &env, ASK_MS, TASK_RETRY, sampled, b)) {
		b->waiting = 0;
		b->gathering = false;
		answer_all(b, -EAGAIN, "Bulk statistics were not gathered");
		return;
	}
	if (wanted(b, "card"))
		ask_cards(b);
	if (wanted(b, "icsr"))
		ask(b, "srp/0", "icsr", got_icsr);
	if (wanted(b, "ippool"))
		task_foreach_peer(b->t, "vpnmgr", ask_pools, b);
	if (wanted(b, "port"))
		task_foreach_peer(b->t, "vpnmgr", ask_ifs, b);
}

void bulk_gather_timer(struct task *t, void *arg)
{
	struct bulk_task *b = arg;

	if (b->serving || b->set.gather_on_standby)
		bulk_gather_start(b);
}
