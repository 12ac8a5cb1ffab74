/* SPDX-License-Identifier: MIT */
/*
 * ESP packets that belong nowhere: inner packets outside the selectors of their SA (INVALID_SELECTORS, RFC
 * 7296 section 3.10.1, RFC 4301 section 5.2) and packets of an SA that does not exist (INVALID_SPI, section
 * 1.5). We tell it when nothing else is under way, once a second at most; what peers tell us is an event,
 * and ends a child that the peer has lost. Entry points: ike_engine_wrong_selectors(),
 * ike_engine_unknown_esp() (from the engine's owner), ike_stray_told() (from ike_info.c).
 */
#include "ike/ike_int.h"
#include "ike/ike_payload.h"

#include <errno.h>
#include <string.h>

#define TOLD_US IKE_US_PER_S

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

/* The message window is the peers' most precious thing: this waits for nothing. */
static bool may_tell(const struct ike_sa *sa)
{
	return sa->state == IKE_ST_ESTABLISHED && !sa->txn && !sa->req && !sa->jobs &&
	       (!sa->told_us || sa->e->now - sa->told_us >= TOLD_US);
}

static int tell(struct ike_sa *sa, uint8_t proto, uint32_t spi, uint16_t notify, const void *data, size_t len)
{
	struct ike_build b;
	uint8_t buf[IKE_EXCERPT_MAX + 64];
	struct ike_out *t;
	int err;

	if (!may_tell(sa))
		return -EAGAIN;
	t = ike_out_begin(sa->e, sa);
	if (!t)
		return -ENOMEM;
	sa->told_us = sa->e->now;
	ike_wire_build(&b, buf, sizeof(buf));
	ike_wire_put_notify(&b, proto, spi, proto ? 4 : 0, notify, data, len);
	err = ike_info_tell(sa, t, &b);
	if (!err)
		ike_notify_count_sent(ike_sa_counters(sa), notify);
	ike_timer_settle(sa, t);
	ike_out_flush(sa->e);
	return err;
}

/* ---- we tell ---- */

int ike_engine_wrong_selectors(struct ike_engine *e, uint64_t now, uint32_t spi_in, const uint8_t *packet,
                               size_t len)
{
	struct ike_child *c = ike_sa_child_in(e, spi_in);

	if (!c)
		return -ENOENT;
	e->now = now;
	return tell(c->sa, IKE_PROTO_ESP, spi_in, IKE_N_INVALID_SELECTORS, packet,
	            len < IKE_EXCERPT_MAX ? len : IKE_EXCERPT_MAX);
}

/* An IKE SA with whoever is at this address. */
static struct ike_sa *with(struct ike_engine *e, const struct ike_path *path)
{
	struct ike_sa *sa = e->sas;

	while (sa && (sa->state != IKE_ST_ESTABLISHED || sa->path.ctx_id != path->ctx_id ||
	              !net_addr_equal(&sa->path.remote.addr, &path->remote.addr) ||
	              (path->natt && sa->path.remote.port != path->remote.port)))
		sa = sa->next;
	return sa;
}

/* Outside of any IKE SA: nobody can check it, so it is a hint, and must not be answered. */
static int tell_outside(struct ike_engine *e, const struct ike_path *path, const uint8_t spi[4])
{
	struct ike_hdr h = {.exchange = IKE_X_INFORMATIONAL, .flags = IKE_F_INITIATOR};
	const struct ike_pol *pol = ike_engine_match_policy(e, path);
	struct ike_out *t = ike_out_begin(e, NULL);
	struct ike_build b;
	uint8_t buf[64];
	size_t n;

	if (!t)
		return -ENOMEM;
	t->dscp = pol ? pol->p.dscp : 0;
	ike_wire_build_msg(&b, buf, sizeof(buf));
	ike_wire_put_notify(&b, 0, 0, 0, IKE_N_INVALID_SPI, spi, 4);
	n = ike_wire_finish(&b, &h);
	if (n)
		ike_out_send(t, path, buf, n, false);
	ike_notify_count_sent(e->cnt, IKE_N_INVALID_SPI);
	ike_out_end(t);
	ike_out_flush(e);
	return 0;
}

int ike_engine_unknown_esp(struct ike_engine *e, uint64_t now, const struct ike_path *path, uint32_t spi_in)
{
	struct ike_sa *sa;
	uint8_t spi[4];

	e->now = now;
	if (ike_sa_child_in(e, spi_in))
		return -EEXIST; /* the data path learns of it in a moment */
	if (e->stray_us && now - e->stray_us < TOLD_US)
		return -EAGAIN;
	e->stray_us = now; /* also what the search costs is bounded */
	put32(spi, spi_in);
	sa = with(e, path);
	if (!sa)
		return tell_outside(e, path, spi);
	return tell(sa, 0, 0, IKE_N_INVALID_SPI, spi, sizeof(spi));
}

/* ---- the peer tells ---- */

static void event(struct ike_rx *rx, const struct ike_child *c, const struct ike_notify *n)
{
	struct ike_event *ev = ike_out_event(rx->t, IKE_EV_STRAY, rx->sa, IKE_R_NONE);

	if (!ev)
		return;
	ev->notify = n->type;
	ev->spi_in = c ? c->spi_in : 0;
	if (n->type != IKE_N_INVALID_SELECTORS)
		return;
	ev->excerpt_len = n->data.len < IKE_EXCERPT_MAX ? n->data.len : IKE_EXCERPT_MAX;
	if (ev->excerpt_len)
		memcpy(ev->excerpt, n->data.p, ev->excerpt_len);
}

/* The SPI is that of the packet, which is ours to send with; some name the other one of the pair. */
static struct ike_child *child_of(struct ike_sa *sa, uint32_t spi)
{
	struct ike_child *c = ike_sa_child_out(sa, spi);

	if (c)
		return c;
	c = ike_sa_child_in(sa->e, spi);
	return c && c->sa == sa ? c : NULL;
}

/* What we send goes nowhere: end the child, so that a new one can be made. One that is being replaced or
 * deleted ends anyhow. */
static void lost(struct ike_rx *rx, const struct ike_notify *n)
{
	struct ike_child *c = n->data.len == 4 ? ike_sa_child_out(rx->sa, get32(n->data.p)) : NULL;
	uint32_t spi_in;

	event(rx, c, n);
	if (!c || c->superseded || c->deleting || rx->sa->xchg)
		return;
	spi_in = c->spi_in;
	ike_sa_child_end(c, rx->t, IKE_R_CHILD_NOT_FOUND);
	ike_sa_job(rx->sa, IKE_JOB_DISOWN, spi_in);
}

void ike_stray_told(struct ike_rx *rx)
{
	for (unsigned i = 0; i < rx->m->n_notify; i++) {
		const struct ike_notify *n = &rx->m->notify[i];

		if (n->type == IKE_N_INVALID_SELECTORS)
			event(rx, n->spi_len == 4 ? child_of(rx->sa, get32(n->spi)) : NULL, n);
		else if (n->type == IKE_N_INVALID_SPI)
			lost(rx, n);
	}
}
