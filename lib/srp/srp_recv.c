/* SPDX-License-Identifier: MIT */
/*
 * The receiver of checkpoint rows, on the standby chassis: rows are handed to the store in order and
 * acknowledged when it has them. Refused: rows of an older epoch than one heard of, rows while this chassis
 * is not Standby, rows that continue nothing we hold. After a refusal or a failed installation only a new
 * full synchronisation is accepted. Called by srp.c and srp_fsm.c.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "srp/srp_int.h"

static void send_ack(struct srp *s, uint64_t version, const char *error)
{
	SrpRowsAck ack = SRP_ROWS_ACK__INIT;
	SrpFrame f = SRP_FRAME__INIT;

	ack.version = version;
	/* A refusal says what we have heard of, so that the sender can go beyond it. */
	ack.epoch = error ? s->saved.seen_epoch : s->recv.epoch;
	ack.error = (char *)(error ? error : "");
	f.body_case = SRP_FRAME__BODY_ACK;
	f.ack = &ack;
	s->ops->send(s->arg, &f);
}

static int refuse(struct srp *s, const SrpRows *rows, const char *why)
{
	LOG(EV_SRP_REFUSED, "rows of epoch %llu up to version %llu refused: %s",
	    (unsigned long long)rows->epoch, (unsigned long long)rows->upto, why);
	s->stats.rows_nacked += rows->n_rows;
	send_ack(s, rows->upto, why);
	return 0;
}

void srp_recv_reset(struct srp *s)
{
	s->recv.accept = false;
	s->recv.epoch = 0;
	s->recv.installed = s->recv.upto = 0;
	s->recv.head = s->recv.n = 0; /* answers to what is under way are ignored by their token */
}

/* A new connection: the sender goes on above what our hello says is installed. */
void srp_recv_link(struct srp *s)
{
	s->recv.link++;
	s->recv.upto = s->recv.installed;
	if (s->recv.epoch && s->saved.data_epoch != s->recv.epoch)
		s->recv.accept = false; /* a full synchronisation was cut off: it has to start again */
}

static const char *why_not(struct srp *s, const SrpRows *rows)
{
	if (srp_state(s) != SRP_STANDBY)
		return "this chassis is not Standby";
	if (!rows->epoch || rows->epoch < s->saved.seen_epoch)
		return "older epoch";
	if (rows->full_start)
		return NULL;
	if (!s->recv.accept || s->recv.epoch != rows->epoch)
		return "a full synchronisation is needed";
	if (rows->upto < s->recv.upto)
		return "versions go backwards";
	return NULL;
}

int srp_recv_rows(struct srp *s, const SrpRows *rows)
{
	struct srp_recv *r = &s->recv;
	const char *why = why_not(s, rows);
	unsigned at;

	srp_saw_epoch(s, rows->epoch);
	if (why)
		return refuse(s, rows, why);
	if (r->n == SRP_RECV_WINDOW)
		return -EPROTO; /* the sender's window is smaller */
	if (rows->full_start) {
		LOG(EV_SRP_SYNC, "full synchronisation of epoch %llu starts",
		    (unsigned long long)rows->epoch);
		r->accept = true;
		r->epoch = rows->epoch;
		r->installed = 0;
		if (s->saved.data_epoch) {
			s->saved.data_epoch = 0;
			srp_persist(s);
		}
	}
	at = (r->head + r->n++) % SRP_RECV_WINDOW;
	r->unit[at].token = ++r->next_token;
	r->unit[at].upto = rows->upto;
	r->unit[at].epoch = rows->epoch;
	r->unit[at].link = r->link;
	r->unit[at].rows = (uint32_t)rows->n_rows;
	r->unit[at].full_start = rows->full_start;
	r->unit[at].full_end = rows->full_end;
	r->upto = rows->upto;
	s->ops->install(s->arg, rows, r->next_token);
	return 0;
}

static void failed(struct srp *s, uint64_t upto, uint32_t link, int status)
{
	LOG(EV_SRP_SYNC, "rows up to version %llu could not be installed: %s", (unsigned long long)upto,
	    strerror(-status));
	srp_recv_reset(s);
	if (s->saved.data_epoch) {
		s->saved.data_epoch = 0;
		srp_persist(s);
	}
	if (link == s->recv.link && s->link)
		send_ack(s, upto, "the store of the standby chassis refused them");
}

/* Answers come in the order of the requests: the same connection, the same writer. */
void srp_recv_done(struct srp *s, uint64_t token, int status)
{
	struct srp_recv *r = &s->recv;
	unsigned at = r->head;

	if (!r->n || r->unit[at].token != token)
		return;
	r->head = (r->head + 1) % SRP_RECV_WINDOW;
	r->n--;
	if (status) {
		failed(s, r->unit[at].upto, r->unit[at].link, status);
		return;
	}
	r->installed = r->unit[at].upto;
	s->stats.rows_received += r->unit[at].rows;
	if (r->unit[at].full_end) {
		LOG(EV_SRP_SYNC, "full synchronisation of epoch %llu is complete",
		    (unsigned long long)r->epoch);
		s->saved.data_epoch = r->epoch;
		srp_persist(s);
	}
	if (r->unit[at].link == r->link && s->link)
		send_ack(s, r->unit[at].upto, NULL);
}
