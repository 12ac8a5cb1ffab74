/* SPDX-License-Identifier: MIT */
/*
 * Carries out what the IKE engine decides, strictly in this order per transaction: rows in one checkpoint
 * unit, data path, packets and notices, then "committed" back to the engine. Transactions of different SAs
 * overtake each other freely; the engine never has two of one SA under way. Entry points:
 * ipsecmgr_engine_open(), _close(), _rearm(). DESIGN rule 3.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "session/session.h"
#include "esp/esp.h"
#include "esp/esp_mark.h"
#include "place/place.h"

#define ROWS_MAX 48 /* of one transaction: an IKE SA with all its children */

/* One durable transaction under way. */
struct ipsecmgr_op {
	struct ipsecmgr_op *next, **prev;
	struct ipsecmgr *m;
	uint32_t gen;              /* of the engine it belongs to */
	const struct ike_txn *txn; /* the engine's; valid while gen is the present one */
	unsigned waits;            /* requests not answered yet */
	uint32_t want_push;     /* goes on when this push of all SAs has arrived; 0: does not wait for one */
	bool storing;           /* the checkpoint is not acknowledged yet */
	bool refused, unusable; /* iftask does not take its child SA: for lack of room, or for what it is */
	uint64_t mark;          /* stored with each new child SA; 0: not with all of them */
};

uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	/* Never the wall clock: a jump of it would end lifetimes and retransmissions of every SA at once. */
	return m->last_now = clock_steady_us();
}

bool ipsecmgr_engine_may_log(struct ipsecmgr *m)
{
	uint64_t now = clock_now_us();

	if (now - m->log_window_us > US_PER_SEC) {
		m->log_window_us = now;
		m->log_budget = 20;
	}
	if (!m->log_budget)
		return false;
	m->log_budget--;
	return true;
}

/* --- timer
 * ------------------------------------------------------------------------------------------------------- */

static void tick_cb(uv_timer_t *h)
{
	struct ipsecmgr *m = h->data;

	m->tick_at = UINT64_MAX;
	if (m->e)
		ike_engine_tick(m->e, ipsecmgr_engine_now(m));
	ipsecmgr_engine_rearm(m);
}

void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
	uint64_t at = m->e ? ike_engine_next_us(m->e) : UINT64_MAX, now;

	if (at == m->tick_at)
		return;
	m->tick_at = at;
	if (at == UINT64_MAX) {
		uv_timer_stop(&m->tick);
		return;
	}
	now = ipsecmgr_engine_now(m);
	uv_update_time(m->t->loop);
	uv_timer_start(&m->tick, tick_cb, at > now ? (at - now + 999) / 1000 : 1, 0);
}

/* --- events: log and sessions
 * -------------------------------------------------------------------------------------- */

static void log_event(struct ipsecmgr *m, const struct ike_event *ev)
{
	char id[96], peer[NET_ENDPOINT_STRLEN], packet[IPSECMGR_PACKET_STRLEN];
	const char *what = ike_event_name(ev->kind), *why = ike_reason_name(ev->reason);
	unsigned long long spi = (unsigned long long)ev->spi;

	net_endpoint_format(&ev->path.remote, peer, sizeof(peer));
	ike_id_format(&ev->peer_id, id, sizeof(id));
	switch (ev->kind) {
	case IKE_EV_UP:
		LOG(EV_IKE_SETUP, "IKE SA %016llx with peer %s (%s) established by %s", spi, peer, id,
		    ev->policy);
		break;
	case IKE_EV_DOWN:
		if (ev->reason == IKE_R_DPD_TIMEOUT || ev->reason == IKE_R_RETRANSMIT)
			LOG(EV_IKE_TIMEOUT, "IKE SA %016llx with peer %s (%s): %s", spi, peer, id, why);
		else
			LOG(EV_IKE_DELETE, "IKE SA %016llx with peer %s (%s): %s", spi, peer, id, why);
		break;
	case IKE_EV_SETUP_FAILED:
		if (!ipsecmgr_engine_may_log(m))
			break;
		if (ev->reason == IKE_R_AUTH_FAILED)
			LOG(EV_IKE_AUTH_FAIL, "peer %s (%s) by %s: %s%s%s", peer, id, ev->policy, why,
			    ev->detail ? ": " : "", ev->detail ? ev->detail : "");
		else if (ev->reason == IKE_R_NO_PROPOSAL)
			LOG(EV_IKE_NO_PROPOSAL, "peer %s by %s: %s", peer, ev->policy, why);
		else if (ev->reason == IKE_R_TS_UNACCEPTABLE)
			LOG(EV_IKE_TS_UNACCEPTABLE, "peer %s (%s) by %s: %s", peer, id, ev->policy, why);
		else
			LOG(EV_IKE_NOTIFY, "peer %s (%s): tunnel not set up: %s", peer, id, why);
		break;
	case IKE_EV_REKEYED:
		LOG(EV_IKE_REKEY, "IKE SA %016llx with peer %s (%s) replaces %016llx", spi, peer, id,
		    (unsigned long long)ev->old_spi);
		break;
	case IKE_EV_COOKIES_ON:
	case IKE_EV_COOKIES_OFF:
		LOG(EV_IKE_COOKIE, "%s", what);
		break;
	case IKE_EV_CHILD_FAILED:
		if (ipsecmgr_engine_may_log(m))
			LOG(EV_IKE_NOTIFY, "peer %s (%s): child SA not created: %s", peer, id, why);
		break;
	case IKE_EV_CHILD_DOWN:
	case IKE_EV_CHILD_REKEYED:
		LOG(EV_IKE_CHILD, "peer %s (%s) child SA %08x: %s", peer, id, ev->spi_in, what);
		break;
	case IKE_EV_DECRYPT_FAILING:
	case IKE_EV_DECRYPT_GOOD:
		if (ipsecmgr_engine_may_log(m))
			LOG(EV_IKE_DECRYPT, "peer %s (%s) SA %016llx: %s", peer, id, spi, what);
		break;
	case IKE_EV_STRAY:
		if (!ipsecmgr_engine_may_log(m))
			break;
		if (ev->excerpt_len)
			LOG(EV_ESP_SELECTORS, "peer %s (%s) got outside its selectors in child SA %08x: %s",
			    peer, id, ev->spi_in, ipsecmgr_data_packet(ev->excerpt, ev->excerpt_len, packet));
		else
			LOG(EV_ESP_INVALID_SPI, "peer %s (%s) does not take ESP of child SA %08x, notify %u",
			    peer, id, ev->spi_in, ev->notify);
		break;
	default:
		LOG(EV_IKE_EXCHANGE, "peer %s SA %016llx: %s", peer, spi, what);
	}
}

static void handle_event(struct ipsecmgr *m, const struct ike_event *ev)
{
	if (!m->restoring) {
		log_event(m, ev);
		ipsecmgr_maps_event(m, ev);
		ipsecmgr_callee_event(m, ev);
	}
	ipsecmgr_guard_event(m, ev);
	if (m->restoring)
		return;
	if (ev->kind == IKE_EV_UP)
		ipsecmgr_dup_up(m, ev);
	if (!ev->callid)
		return;
	if (ev->kind == IKE_EV_UP)
		ipsecmgr_sess_up(m, ev->callid, ev->spi);
	else if (ev->kind == IKE_EV_REKEYED)
		ipsecmgr_sess_rekeyed(m, ev->callid, ev->spi);
}

/* --- one durable transaction
 * ------------------------------------------------------------------------------------------- */

static void op_free(struct ipsecmgr_op *op)
{
	*op->prev = op->next;
	if (op->next)
		op->next->prev = op->prev;
	free(op);
}

/* The data path does not take the child SA: the engine says so to the peer, in another transaction. False:
 * there is none in this one. */
static bool op_refused(struct ipsecmgr_op *op)
{
	struct ipsecmgr *m = op->m;

	if (ike_engine_data_refused(m->e, ipsecmgr_engine_now(m), op->txn->id, op->unusable))
		return false;
	op_free(op);
	ipsecmgr_engine_rearm(m);
	return true;
}

/* Everything in its place: packets leave, others are told, the engine goes on. */
static void op_finish(struct ipsecmgr_op *op)
{
	struct ipsecmgr *m = op->m;
	const struct ike_txn *txn = op->txn;
	unsigned i;

	if (op->gen != m->gen) {
		op_free(op);
		return;
	}
	if (op->refused && op_refused(op))
		return;
	for (i = 0; i < txn->n; i++) {
		const struct ike_action *a = &txn->actions[i];

		if (a->kind == IKE_ACT_SEND)
			ipsecmgr_data_send(m, &a->send);
		else if (a->kind == IKE_ACT_EVENT)
			handle_event(m, &a->event);
		else if (a->kind == IKE_ACT_NEED_SESSION)
			ipsecmgr_sess_ask(m, &a->session);
		else if (a->kind == IKE_ACT_NEED_CERT)
			ipsecmgr_fetch(m, &a->cert);
		else if (a->kind == IKE_ACT_SESSION_END)
			ipsecmgr_sess_end(m, a->session_end.callid, a->session_end.reason);
	}
	op_free(op);
	ike_engine_committed(m->e, ipsecmgr_engine_now(m), txn->id);
	ipsecmgr_engine_rearm(m);
	ipsecmgr_serve_load(m, false);
}

static void op_answered(struct ipsecmgr_op *op)
{
	if (--op->waits == 0 && !op->want_push)
		op_finish(op);
}

static void data_done(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
	struct ipsecmgr_op *op = arg;
	struct ipsecmgr *m = op->m;

	if (op->gen != m->gen) {
		op_answered(op);
		return;
	}
	if (status == -EHOSTUNREACH || status == -ETIMEDOUT || status == -EAGAIN) {
		/* iftask died or moved: the SAs of this transaction are part of the push that its successor
		 * gets. */
		op->want_push = m->data.push + 1;
		ipsecmgr_push_all(m);
	} else if (status) {
		m->stat.data_failed++;
		op->refused = true;
		op->unusable = status == -EINVAL || status == -ENOTSUP;
		if (ipsecmgr_engine_may_log(m))
			LOG(EV_IPSEC_SA_FAIL, "iftask refused SAs of IKE SA %016llx: %s",
			    (unsigned long long)op->txn->ike_spi,
			    msg && msg->env->body_case == ENVELOPE__BODY_STATUS ? msg->env->status->text
			                                                        : strerror(-status));
	}
	op_answered(op);
}

static void flows_done(struct task *t, void *arg, int status, const struct bus_msg *msg)
{
	struct ipsecmgr_op *op = arg;

	if (status && op->gen == op->m->gen)
		LOG(EV_IPSEC_SA_FAIL, "vpnmgr did not set the routes of IKE SA %016llx: %s",
		    (unsigned long long)op->txn->ike_spi,
		    msg && msg->env->body_case == ENVELOPE__BODY_STATUS ? msg->env->status->text
		                                                        : strerror(-status));
	op_answered(op);
}

/* Was the new child SA of this transaction refused with the push? */
static bool push_refused(const struct ipsecmgr_op *op)
{
	for (unsigned i = 0; op->gen == op->m->gen && i < op->txn->n; i++)
		if (op->txn->actions[i].kind == IKE_ACT_CHILD_ADD &&
		    ipsecmgr_push_refused(op->m, op->txn->actions[i].child.spi_in))
			return true;
	return false;
}

void ipsecmgr_engine_data_ready(struct ipsecmgr *m)
{
	struct ipsecmgr_op *op, *next;

	for (op = m->ops; op; op = next) {
		next = op->next;
		if (!op->want_push || op->want_push > m->data.pushed)
			continue;
		op->refused = push_refused(op);
		op->want_push = 0;
		if (!op->waits)
			op_finish(op);
	}
}

static void op_data(struct ipsecmgr_op *op)
{
	struct ipsecmgr *m = op->m;
	const struct ike_txn *txn = op->txn;
	uint32_t add[ROWS_MAX], del[ROWS_MAX];
	size_t n_add = 0, n_del = 0;
	unsigned i;

	op->waits = 1; /* ours, until everything was asked */
	for (i = 0; i < txn->n; i++) {
		const struct ike_action *a = &txn->actions[i];

		if (a->kind == IKE_ACT_CHILD_ADD) {
			int err = ipsecmgr_data_add(m, &a->child, a->child.resume ? 0 : op->mark);

			if (err)
				LOG(EV_IPSEC_SA_FAIL, "child SA %08x: %s", a->child.spi_in, strerror(-err));
			else if (n_add < ROWS_MAX)
				add[n_add++] = a->child.spi_in;
			if (ipsecmgr_data_routed(m, &a->child) &&
			    ipsecmgr_sess_flows(m, a->child.path.ctx_id, a->child.ts_remote,
			                        a->child.n_remote, false, flows_done, op) > 0)
				op->waits++;
		} else if (a->kind == IKE_ACT_CHILD_DEL) {
			ipsecmgr_data_del(m, a->child_del.spi_in);
			if (n_del < ROWS_MAX)
				del[n_del++] = a->child_del.spi_in;
		} else if (a->kind == IKE_ACT_CHILD_PATH) {
			ipsecmgr_data_path(m, &a->child);
		}
	}
	if (n_add || n_del) {
		int err = ipsecmgr_data_update(m, add, n_add, del, n_del, data_done, op);

		if (!err)
			op->waits++;
		else if (n_add) { /* no queue: as if iftask had not been there */
			op->want_push = m->data.push + 1;
			ipsecmgr_push_all(m);
		}
	}
	op_answered(op);
}

struct row_set {
	struct ckpt_row row[ROWS_MAX];
	char key[ROWS_MAX][IKE_KEY_LEN];
	size_t n;
};

static void add_row(struct row_set *s, const char *kind, const char *key, const void *blob, size_t len)
{
	if (s->n == ROWS_MAX)
		return;
	memcpy(s->key[s->n], key, strnlen(key, IKE_KEY_LEN - 1));
	s->key[s->n][strnlen(key, IKE_KEY_LEN - 1)] = 0;
	s->row[s->n] = (struct ckpt_row){.kind = kind, .key = s->key[s->n], .blob = blob, .len = len};
	s->n++;
}

uint8_t ipsecmgr_lane(const struct ipsecmgr *m)
{
	if (!m->epoch)
		return ESP_LANE_ALL;
	return m->epoch & 1 ? ESP_LANE_ODD : ESP_LANE_EVEN;
}

/* The first mark of a new child SA: numbers below it may be used, and are never used again after a failure.
 */
static void add_seq_row(struct ipsecmgr *m, struct row_set *s, uint32_t spi_in, bool put)
{
	struct esp_mark first = {.out = esp_seq_first_mark(ipsecmgr_lane(m))};
	static uint8_t blob[ESP_MARK_LEN];
	char key[ESP_MARK_KEY_LEN];

	esp_mark_key(key, spi_in);
	esp_mark_encode(&first, blob);
	add_row(s, ESP_MARK_KIND, key, put ? blob : NULL, put ? sizeof(blob) : 0);
}

static void collect_rows(struct ipsecmgr *m, const struct ike_txn *txn, struct row_set *s)
{
	const struct ckpt_row *call = ipsecmgr_sess_row(m, txn->ike_spi);
	bool put = false;
	unsigned i;

	s->n = 0;
	for (i = 0; i < txn->n; i++) {
		const struct ike_action *a = &txn->actions[i];

		if (a->kind == IKE_ACT_CKPT_PUT) {
			put = true;
			add_row(s, "ikesa", a->ckpt.key, a->ckpt.blob, a->ckpt.len);
		} else if (a->kind == IKE_ACT_CKPT_DELETE) {
			add_row(s, "ikesa", a->ckpt.key, NULL, 0);
		} else if (a->kind == IKE_ACT_CHILD_ADD && !a->child.resume) {
			add_seq_row(m, s, a->child.spi_in, true);
		} else if (a->kind == IKE_ACT_CHILD_DEL) {
			add_seq_row(m, s, a->child_del.spi_in, false);
		}
	}
	if (put && call && s->n < ROWS_MAX)
		s->row[s->n++] = *call;
}

/* The store keeps what it could not make durable and may do so yet: of a tunnel that is given up nothing may
 * come back. */
static void take_back(struct ipsecmgr *m, struct row_set *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++)
		if (rows->row[i].blob &&
		    strcmp(rows->row[i].kind, SESSION_ROW_KIND) != 0) { /* that one is its sessmgr's */
			rows->row[n] = rows->row[i];
			rows->row[n].blob = NULL;
			rows->row[n++].len = 0;
		}
	if (n && ckpt_write(m->ckpt, rows->row, n, NULL, NULL))
		LOG(EV_NO_MEMORY, "rows of a tunnel that was given up stay");
}

static void op_stored(struct task *t, void *arg, int status, const char *text)
{
	struct ipsecmgr_op *op = arg;
	struct ipsecmgr *m = op->m;
	struct row_set rows;
	struct ike_sa_view v;
	uint64_t id, spi;

	op->storing = false;
	if (op->gen != m->gen) {
		op_free(op);
		return;
	}
	if (!status) {
		ipsecmgr_sess_stored(m, op->txn->ike_spi);
		op_data(op);
		return;
	}
	m->stat.commits_failed++;
	if (ipsecmgr_engine_may_log(m))
		LOG(EV_STORE_ERROR, "checkpoint of IKE SA %016llx refused: %s",
		    (unsigned long long)op->txn->ike_spi, text && *text ? text : strerror(-status));
	id = op->txn->id;
	spi = op->txn->ike_spi;
	collect_rows(m, op->txn, &rows);
	op_free(op);
	ike_engine_aborted(m->e, ipsecmgr_engine_now(m), id);
	if (ike_engine_find(m->e, spi, &v) ||
	    v.state == IKE_ST_DEAD) { /* it was being set up and is given up: so is its session */
		take_back(m, &rows);
		ipsecmgr_sess_stored(m, spi);
	}
	ipsecmgr_engine_rearm(m);
}

static void begin_durable(struct ipsecmgr *m, const struct ike_txn *txn)
{
	struct ipsecmgr_op *op = calloc(1, sizeof(*op));
	struct row_set rows;
	int err = op ? 0 : -ENOMEM;

	collect_rows(m, txn, &rows);
	if (op) {
		op->m = m;
		op->gen = m->gen;
		op->txn = txn;
		op->storing = true;
		op->mark = rows.n < ROWS_MAX ? esp_seq_first_mark(ipsecmgr_lane(m)) : 0;
		op->prev = &m->ops;
		op->next = m->ops;
		if (op->next)
			op->next->prev = &op->next;
		m->ops = op;
		/* The engine tries again itself. A row of what was refused must not turn up when it, or its
		 * successor, has done the same exchange anew. */
		err = ckpt_write_once(m->ckpt, rows.row, rows.n, op_stored, op);
	}
	if (err) {
		LOG(EV_NO_MEMORY, "checkpoint of IKE SA %016llx: %s", (unsigned long long)txn->ike_spi,
		    strerror(-err));
		if (op)
			op_free(op);
		ike_engine_aborted(m->e, ipsecmgr_engine_now(m), txn->id);
	}
}

/* Nothing to store: done on the spot. */
static void run_volatile(struct ipsecmgr *m, const struct ike_txn *txn)
{
	unsigned i;

	for (i = 0; i < txn->n; i++) {
		const struct ike_action *a = &txn->actions[i];

		switch (a->kind) {
		case IKE_ACT_SEND:
			ipsecmgr_data_send(m, &a->send);
			break;
		case IKE_ACT_EVENT:
			handle_event(m, &a->event);
			break;
		case IKE_ACT_NEED_SESSION:
			ipsecmgr_sess_ask(m, &a->session);
			break;
		case IKE_ACT_NEED_CERT:
			ipsecmgr_fetch(m, &a->cert);
			break;
		case IKE_ACT_NEED_EAP:
			ipsecmgr_eap_ask(m, &a->eap);
			break;
		case IKE_ACT_SESSION_END:
			ipsecmgr_sess_end(m, a->session_end.callid, a->session_end.reason);
			break;
		case IKE_ACT_CHILD_ADD: /* restored ones: given to iftask in one push after the last */
			if (ipsecmgr_data_add(m, &a->child, 0))
				m->recover_failed++;
			if (!m->restoring)
				ipsecmgr_data_update(m, &a->child.spi_in, 1, NULL, 0, NULL, NULL);
			break;
		case IKE_ACT_CHILD_DEL:
			ipsecmgr_data_del(m, a->child_del.spi_in);
			ipsecmgr_data_update(m, NULL, 0, &a->child_del.spi_in, 1, NULL, NULL);
			break;
		case IKE_ACT_CHILD_PATH:
			ipsecmgr_data_path(m, &a->child);
			break;
		case IKE_ACT_CKPT_PUT:
		case IKE_ACT_CKPT_DELETE:
			break; /* never volatile */
		}
	}
}

static void txn_cb(void *arg, const struct ike_txn *txn)
{
	struct ipsecmgr *m = arg;

	m->stat.txns++;
	if (txn->durable)
		begin_durable(m, txn);
	else
		run_volatile(m, txn);
}

/* --- life of the engine
 * ------------------------------------------------------------------------------------------------------ */

static void random_cb(void *arg, void *buf, size_t len)
{
	random_bytes(buf, len);
}

/* Certificates are of the calendar; everything else runs by the engine's clock. */
static uint64_t wall_cb(void *arg)
{
	(void)arg;
	return clock_wall_us();
}

/* The peer's key from the remote secret list, where its template is bound to it; else its network's; else the
 * template's. */
static int psk_cb(void *arg, const char *policy, const struct ike_psk_ask *ask, uint8_t *out, size_t *len)
{
	struct ipsecmgr *m = arg;
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(m, policy);

	if (p && p->remote_secrets && !ipsecmgr_secrets_find(m->secrets, ask->peer, out, len))
		return 0;
	return ipsecmgr_peers_key(p, ask->from, out, len);
}

static int begin_cb(void *arg, const char *policy, const struct net_addr *peer)
{
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(arg, policy);

	return !(p && p->frozen) && ipsecmgr_peers_allowed(p, peer) ? 0 : -EACCES;
}

static int admit_cb(void *arg, const char *policy, const struct ike_id *peer, const char **why)
{
	return ipsecmgr_guard_admit(ipsecmgr_cfg_find(arg, policy), peer, why);
}

static const char *vendor_cb(void *arg, const char *policy, const struct ike_vendor_id *id, unsigned n,
                             unsigned *known)
{
	return ipsecmgr_vendor_match(arg, policy, id, n, known);
}

static void policy_cb(void *arg, const char *name)
{
	struct ipsecmgr *m = arg;

	snprintf(m->unknown_policy, sizeof(m->unknown_policy), "%s", name);
	ipsecmgr_keep_restored(m, config_tree(m->t), name);
	ipsecmgr_vendor_restore(m, name);
}

static bool settings_cb(void *arg, const char *policy, const struct ike_id *peer,
                        uint8_t out[IKE_SETTINGS_LEN])
{
	return ipsecmgr_away_settings(arg, policy, peer, out);
}

int ipsecmgr_engine_open(struct ipsecmgr *m)
{
	struct ike_engine_config cfg = {.instance = (uint8_t)m->t->instance, .max_sa = 2 * IPSECMGR_MAX_SA};
	struct ike_callbacks cb = {.txn = txn_cb,
	                           .random = random_cb,
	                           .wall = wall_cb,
	                           .psk = psk_cb,
	                           .begin = begin_cb,
	                           .admit = admit_cb,
	                           .vendor = vendor_cb,
	                           .policy = policy_cb,
	                           .settings = settings_cb};
	struct ike_protection p = ipsecmgr_guard_protection(m);

	cfg.cookie_on = p.cookie_on;
	cfg.cookie_off = p.cookie_off;
	cfg.cookie_always = p.cookie_always;
	if (m->counters)
		cfg.counters = counters_add(m->counters, &counters_schema_ikev2, "unknown");
	m->gen++;
	m->tick_at = UINT64_MAX;
	m->e = ike_engine_new(&cfg, &cb, m, ipsecmgr_engine_now(m));
	if (m->e)
		ike_engine_congestion(m->e, m->congestion);
	return m->e ? 0 : -ENOMEM;
}

void ipsecmgr_engine_close(struct ipsecmgr *m)
{
	struct ipsecmgr_op *op, *next;

	ike_engine_free(m->e);
	m->e = NULL;
	m->gen++;
	for (op = m->ops; op; op = next) {
		next = op->next;
		op->txn = NULL;
		op->want_push = 0;
		if (!op->storing && !op->waits)
			op_free(op); /* else by the answer that is still to come */
	}
	ipsecmgr_engine_rearm(m);
}
