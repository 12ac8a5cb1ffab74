/* SPDX-License-Identifier: MIT */
/*
 * What is said of messages that can't be taken (RFC 7296 sections 2.3, 2.5, 2.21): future versions, syntax
 * and message ids, unknown SPIs; as far as the policy wants it told (StarOS ikev2-ikesa policy
 * error-notification). Unprotected answers keep nothing and are no longer than what they answer, or bounded
 * per second. Called by ike_engine.c and ike_init.c.
 */
#include "ike/ike_int.h"

#define SPI_PER_SECOND 10
#define MSGID_US       IKE_US_PER_S

static void put32(uint8_t p[4], uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

void ike_error_init(struct ike_rx *rx, uint16_t notify)
{
	const struct ike_pol *pol = ike_engine_match_policy(rx->e, rx->path);
	uint8_t id[4];

	if (!pol || (notify == IKE_N_INVALID_SYNTAX && pol->p.silent_syntax) ||
	    (notify == IKE_N_INVALID_MESSAGE_ID && !pol->p.tell_msgid))
		return;
	put32(id, rx->m->hdr.msgid);
	ike_init_refuse(rx, notify, id, notify == IKE_N_INVALID_MESSAGE_ID ? sizeof(id) : 0);
}

/* An answer that nobody can check, to a request. */
static void answer(struct ike_engine *e, const struct ike_path *path, const struct ike_hdr *in,
                   uint16_t notify)
{
	struct ike_hdr h = {.spi_i = in->spi_i,
	                    .spi_r = in->spi_r,
	                    .exchange = in->exchange,
	                    .msgid = in->msgid,
	                    .flags = (uint8_t)(IKE_F_RESPONSE | (~in->flags & IKE_F_INITIATOR))};
	const struct ike_pol *pol = ike_engine_match_policy(e, path);
	struct ike_out *t = ike_out_begin(e, NULL);
	struct ike_build b;
	uint8_t buf[64];
	size_t n;

	if (!t)
		return;
	t->dscp = pol ? pol->p.dscp : 0;
	ike_wire_build_msg(&b, buf, sizeof(buf));
	ike_wire_put_notify(&b, 0, 0, 0, notify, NULL, 0);
	n = ike_wire_finish(&b, &h);
	if (n)
		ike_out_send(t, path, buf, n, false);
	ike_notify_count_sent(e->cnt, notify);
	ike_out_end(t);
}

void ike_error_version(struct ike_engine *e, const struct ike_path *path, const struct ike_hdr *in)
{
	const struct ike_pol *pol = ike_engine_match_policy(e, path);

	IKE_ECNT(e, xchg_dropinvmajver);
	if (in->version >> 4 < 3 || (in->flags & IKE_F_RESPONSE) || !in->spi_i ||
	    (pol && pol->p.silent_version))
		return;
	answer(e, path, in, IKE_N_INVALID_MAJOR_VERSION);
}

/* One of ours that we don't know (any more): a hint for the peer, no more (section 2.21.4). */
void ike_error_unknown_spi(struct ike_engine *e, const struct ike_path *path, const struct ike_hdr *in)
{
	uint64_t ours = in->flags & IKE_F_INITIATOR ? in->spi_r : in->spi_i, second = e->now / IKE_US_PER_S;

	if ((in->flags & IKE_F_RESPONSE) || ours >> 56 != e->cfg.instance || in->exchange == IKE_X_SA_INIT)
		return;
	if (second != e->spi_second) {
		e->spi_second = second;
		e->spi_count = 0;
	}
	if (e->spi_count++ < SPI_PER_SECOND)
		answer(e, path, in, IKE_N_INVALID_IKE_SPI);
}

/* Told by a request of ours, never in an answer, and not more than once a second (section 2.3). */
void ike_error_msgid(struct ike_sa *sa, const struct ike_hdr *h, const uint8_t *pkt, size_t len)
{
	struct ike_msg outer = {.hdr = *h};
	const uint8_t *inner;
	struct ike_build b;
	struct ike_out *t;
	uint8_t buf[64], id[4];
	size_t n;

	if ((h->flags & IKE_F_RESPONSE) || !sa->pol->p.tell_msgid || sa->state != IKE_ST_ESTABLISHED ||
	    sa->req || sa->jobs || (sa->told_us && sa->e->now - sa->told_us < MSGID_US))
		return;
	sa->told_us = sa->e->now; /* also what a forged one costs is bounded */
	if (ike_wire_parse_chain(&outer, h->next, pkt + IKE_HDR_LEN, len - IKE_HDR_LEN, false) != IKE_W_OK ||
	    ike_msg_open(sa, pkt, len, &outer, &inner, &n) != IKE_OPEN_OK)
		return;
	t = ike_out_begin(sa->e, sa);
	if (!t)
		return;
	put32(id, h->msgid);
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_notify(&b, 0, 0, 0, IKE_N_INVALID_MESSAGE_ID, id, sizeof(id));
	if (!ike_info_tell(sa, t, &b))
		ike_notify_count_sent(ike_sa_counters(sa), IKE_N_INVALID_MESSAGE_ID);
	ike_timer_settle(sa, t);
}

bool ike_error_hint(struct ike_sa *sa, const struct ike_msg *m)
{
	if (!(m->hdr.flags & IKE_F_RESPONSE) || !ike_wire_notify(m, IKE_N_INVALID_IKE_SPI))
		return false;
	ike_notify_count(ike_sa_counters(sa), m); /* our request is repeated, and that decides */
	return true;
}
