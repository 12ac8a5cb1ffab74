/* SPDX-License-Identifier: MIT */
/*
 * Every child SA once more, for an iftask that was restarted, moved, or lost an answer: marked to resume
 * behind their durable sequence marks. What iftask refuses of them holds nobody up: it is tried again less
 * and less often, and ends when that was often enough. Entry points: ipsecmgr_push_all(),
 * ipsecmgr_push_refused(). Called by ipsecmgr_data.c, _engine.c, _restore.c and _serve.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define PUSH_BATCH  400
#define AGAIN_MS    200   /* to the next try of what was refused, twice as long each time … */
#define AGAIN_MAX   30000 /* … but no longer */
#define REFUSED_MAX 8     /* refusals of a child SA, some 50 s of them: then it ends */

static void ask_again(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	(void)t;
	task_timer_stop(m->data.again);
	m->data.again = NULL;
	if (!m->e || !(m->data.push_failed || m->data.refused))
		return;
	m->data.push_tries = true;
	ipsecmgr_push_all(m);
}

/* What is refused is asked for at longer and longer intervals. */
static void ask_later(struct ipsecmgr *m)
{
	uint64_t ms = AGAIN_MS;

	for (unsigned i = 1; i < m->data.refusals && ms < AGAIN_MAX; i++)
		ms *= 2;
	if (!m->data.again)
		m->data.again = task_timer_start(m->t, ms < AGAIN_MAX ? ms : AGAIN_MAX, 0, ask_again, m);
}

/* --- what iftask does not take
 * ------------------------------------------------------------------------------------------- */

bool ipsecmgr_push_refused(const struct ipsecmgr *m, uint32_t spi_in)
{
	const struct ipsecmgr_child *c = ipsecmgr_map_get(&m->child, spi_in);

	return c && c->refused && c->refused_push == m->data.pushed;
}

/* False: it is no child of ours, or the answer is not about some of them. Pushes come for many reasons, and
 * several at once: what is refused counts where it was waited for. */
static bool note_refused(struct ipsecmgr *m, const struct bus_msg *msg)
{
	const Status *s = msg && msg->env->body_case == ENVELOPE__BODY_STATUS ? msg->env->status : NULL;
	struct ipsecmgr_child *c;

	for (size_t i = 0; s && i < s->n_refused; i++) {
		c = ipsecmgr_map_get(&m->child, s->refused[i]);
		if (!c)
			continue;
		c->refused_push = m->data.push;
		m->data.refused = true;
		if (c->refused && !m->data.push_tries)
			continue;
		c->refused += c->refused < UINT8_MAX;
		if (c->refused == 1) {
			m->stat.data_failed++;
			if (ipsecmgr_engine_may_log(m))
				LOG(EV_IPSEC_SA_FAIL, "iftask refused child SA %08x: %s; tried again",
				    c->spi_in, s->text);
		}
	}
	return s && s->n_refused;
}

/* Those it took this time; and those it will not take, which end: their peers are told. */
static void settle_refused(struct ipsecmgr *m)
{
	struct ipsecmgr_child *c;
	uint32_t spi[PUSH_BATCH];
	size_t pos = 0, n = 0;

	while ((c = ipsecmgr_map_next(&m->child, &pos))) {
		if (c->refused_push != m->data.push)
			c->refused = 0;
		else if (c->refused >= REFUSED_MAX && n < PUSH_BATCH)
			spi[n++] = c->spi_in;
	}
	for (size_t i = 0; m->e && i < n; i++) {
		if (ike_engine_delete_child(m->e, ipsecmgr_engine_now(m), spi[i]))
			continue;
		LOG(EV_IPSEC_SA_FAIL, "child SA %08x ends: iftask refused it %d times", spi[i], REFUSED_MAX);
	}
	if (m->e && n)
		ipsecmgr_engine_rearm(m);
}

static void push_end(struct ipsecmgr *m)
{
	if (m->data.push_failed) {
		if (m->data.refusals)
			ask_later(m);
		else
			ipsecmgr_data_retry(m);
		return;
	}
	m->data.pushed = m->data.push;
	if (!m->data.refused)
		m->data.refusals = 0;
	else if (!m->data.refusals || m->data.push_tries)
		m->data.refusals++;
	m->data.push_tries = false;
	settle_refused(m);
	if (m->data.refused)
		ask_later(m);
	if (m->e)
		ipsecmgr_engine_data_ready(m);
	if (m->data.push_again) {
		m->data.push_again = false;
		ipsecmgr_push_all(m);
	}
}

static void push_done(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
	struct ipsecmgr *m = &ipsecmgr;

	/* arg: the number of the push, so that a late answer of a former one is not taken for this one's. */
	if ((uint32_t)(uintptr_t)arg != m->data.push)
		return;
	if (status && !note_refused(m, msg)) {
		bool away = !msg || status == -EHOSTUNREACH;

		if (!m->data.push_failed)
			m->data.refusals = away ? 0 : m->data.refusals + 1;
		m->data.push_failed = true;
		if (!away && m->data.refusals <= 1 && ipsecmgr_engine_may_log(m))
			LOG(EV_IPSEC_SA_FAIL, "iftask refused the SAs of this instance: %s",
			    msg->env->body_case == ENVELOPE__BODY_STATUS ? msg->env->status->text
			                                                 : strerror(-status));
	}
	if (--m->data.push_open == 0)
		push_end(m);
}

void ipsecmgr_push_anew(struct ipsecmgr *m)
{
	struct ipsecmgr_child *c;
	size_t pos = 0;

	while ((c = ipsecmgr_map_next(&m->child, &pos)))
		c->refused = 0;
	m->data.refusals = 0;
	task_timer_stop(m->data.again);
	m->data.again = NULL;
}

void ipsecmgr_push_all(struct ipsecmgr *m)
{
	struct ipsecmgr_child *batch[PUSH_BATCH];
	size_t pos = 0, n;
	bool first = true;

	if (m->data.push_open) {
		m->data.push_again = true;
		return;
	}
	m->data.push++;
	m->data.push_failed = m->data.refused = false;
	m->data.push_open = 1; /* ours, until all batches are asked */
	m->stat.pushes++;
	do {
		for (n = 0; n < PUSH_BATCH && (batch[n] = ipsecmgr_map_next(&m->child, &pos)); n++)
			;
		if (!n && !first)
			break;
		if (ipsecmgr_data_request(m, batch, n, NULL, 0, first, true, push_done,
		                          (void *)(uintptr_t)m->data.push))
			m->data.push_failed = true;
		else
			m->data.push_open++;
		first = false;
	} while (n == PUSH_BATCH);
	if (--m->data.push_open == 0)
		push_end(m);
}
