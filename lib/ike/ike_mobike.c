/* SPDX-License-Identifier: MIT */
/*
 * MOBIKE as the gateway sees it (RFC 4555, chapter 18): a peer tells of its new address, all its SAs follow,
 * and with `cookie-challenge` the address has to prove that it hears us. The gateway itself has one address
 * and never moves; ADDITIONAL_*_ADDRESS is read and forgotten. Entry points: ike_mobike_answer() (IKE_AUTH),
 * ike_mobike_request() (INFORMATIONAL), ike_mobike_check(), ike_mobike_checked() (job).
 */
#include "ike/ike_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define COOKIE2_LEN 16 /* octets; RFC 4555 section 4.2.5 wants 8 to 64 */

_Static_assert(COOKIE2_LEN <= IKE_NONCE_LEN, "the cookie stands in the exchange's nonce");

static void put(struct ike_build *b, struct ike_sa *sa, uint16_t type, const void *data, size_t len)
{
	ike_wire_put_notify(b, 0, 0, 0, type, data, len);
	ike_notify_count_sent(ike_sa_counters(sa), type);
}

void ike_mobike_answer(struct ike_rx *rx, struct ike_build *b)
{
	struct ike_sa *sa = rx->sa;

	if (!ike_wire_notify(rx->m, IKE_N_MOBIKE_SUPPORTED))
		return;
	if (!sa->pol->p.mobike) {
		IKE_CNT(sa, mobike_ignored);
		return;
	}
	IKE_CNT(sa, mobike_recv);
	sa->mobike = true;
	put(b, sa, IKE_N_MOBIKE_SUPPORTED, NULL, 0);
}

/* NO_NATS_ALLOWED carries the addresses and ports the peer sees; they differ when somebody translates (RFC
 * 4555 section 3.9). */
static bool translated(const struct ike_notify *n, const struct ike_path *path)
{
	size_t len = net_addr_len(&path->remote.addr);
	uint8_t want[2 * (16 + 2)];

	memcpy(want, path->remote.addr.bytes, len);
	memcpy(want + len, path->local.addr.bytes, len);
	want[2 * len] = (uint8_t)(path->remote.port >> 8);
	want[2 * len + 1] = (uint8_t)path->remote.port;
	want[2 * len + 2] = (uint8_t)(path->local.port >> 8);
	want[2 * len + 3] = (uint8_t)path->local.port;
	return n->data.len != 2 * len + 4 || memcmp(n->data.p, want, n->data.len) != 0;
}

/* The SA that has the children: a peer may tell of its address on one that was rekeyed meanwhile. */
static struct ike_sa *heir(struct ike_sa *sa)
{
	const struct ike_idref *id = sa->peer_id;
	struct ike_node *n;

	if (!sa->replaced || !id)
		return sa;
	n = ike_map_find(&sa->e->by_peer,
	                 ike_sa_peer_key(sa->e, sa->path.ctx_id, id->type, id->data, id->len));
	for (; n; n = ike_map_next(n)) {
		struct ike_sa *other = n->obj;

		if (other->state == IKE_ST_ESTABLISHED && !other->replaced && other->mobike &&
		    other->up_us == sa->up_us && other->peer_id->type == id->type &&
		    other->peer_id->len == id->len && !memcmp(other->peer_id->data, id->data, id->len))
			return other;
	}
	return sa;
}

bool ike_mobike_later(struct ike_rx *rx)
{
	return rx->sa->mobike && heir(rx->sa)->txn && ike_wire_notify(rx->m, IKE_N_UPDATE_SA_ADDRESSES);
}

/* The SA and its children go by the path the request came on. */
static void move(struct ike_rx *rx)
{
	struct ike_sa *sa = heir(rx->sa);

	ike_init_detect_nat(sa, rx->m, rx->path);
	for (struct ike_child *c = sa->children; c; c = c->next)
		c->encap = sa->nat_local || sa->nat_remote;
	ike_cmd_repath(sa, rx->t, rx->path);
	if (sa->pol->p.mobike_cookie)
		ike_sa_job(sa, IKE_JOB_ROUTABILITY, 0);
	if (sa == rx->sa)
		return;
	rx->sa->path = *rx->path;
	ike_sa_run_jobs(sa, rx->t);
	ike_timer_arm(sa);
}

void ike_mobike_request(struct ike_rx *rx, struct ike_build *b)
{
	const struct ike_notify *no_nats = ike_wire_notify(rx->m, IKE_N_NO_NATS_ALLOWED);
	bool natd = ike_wire_notify(rx->m, IKE_N_NAT_DETECTION_SOURCE_IP) != NULL;
	struct ike_sa *sa = rx->sa;

	if (!sa->mobike)
		return;
	if (natd) /* of the path the request came on: the peer learns whether it is translated there */
		ike_init_put_natd(b, sa, rx->path, sa->initiator ? sa->spi : sa->peer_spi,
		                  sa->initiator ? sa->peer_spi : sa->spi);
	if (!ike_wire_notify(rx->m, IKE_N_UPDATE_SA_ADDRESSES))
		return;
	if (no_nats && translated(no_nats, rx->path))
		put(b, sa, IKE_N_UNEXPECTED_NAT_DETECTED, NULL, 0);
	else if (rx->path->local.addr.family != sa->path.local.addr.family ||
	         !net_addr_equal(&rx->path->local.addr, &sa->path.local.addr))
		put(b, sa, IKE_N_UNACCEPTABLE_ADDRESSES, NULL,
		    0); /* another service's address is not this one's */
	else
		move(rx);
}

/* ---- as initiator ---- */

int ike_mobike_move(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_xchg *x = calloc(1, sizeof(*x));
	uint8_t buf[128];
	struct ike_build b;

	if (!x)
		return -ENOMEM;
	x->kind = IKE_JOB_MOVE;
	ike_wire_build(&b, buf, sizeof(buf));
	put(&b, sa, IKE_N_UPDATE_SA_ADDRESSES, NULL, 0);
	ike_init_put_natd(&b, sa, &sa->path, sa->initiator ? sa->spi : sa->peer_spi,
	                  sa->initiator ? sa->peer_spi : sa->spi);
	return ike_info_send(sa, t, x, &b);
}

void ike_mobike_moved(struct ike_rx *rx, const struct ike_xchg *x)
{
	const struct ike_notify *error = ike_wire_error(rx->m);
	struct ike_sa *sa = rx->sa;

	if (x->target_gone) { /* the peer may have heard of the address before this one (section 3.5) */
		ike_sa_job(sa, IKE_JOB_MOVE, 0);
		ike_out_touch(rx->t, sa);
		return;
	}
	if (error) {
		sa->doom = IKE_R_PEER_ERROR;
		ike_sa_job(sa, IKE_JOB_DEL_IKE, 0);
		return;
	}
	ike_init_detect_nat(sa, rx->m, &sa->path);
	for (struct ike_child *c = sa->children; c; c = c->next)
		c->encap = sa->nat_local || sa->nat_remote;
	ike_cmd_repath(sa, rx->t, &sa->path);
}

/* ---- return routability (RFC 4555 section 3.7) ---- */

int ike_mobike_check(struct ike_sa *sa, struct ike_out *t)
{
	struct ike_xchg *x = calloc(1, sizeof(*x));
	uint8_t buf[64];
	struct ike_build b;

	if (!x)
		return -ENOMEM;
	x->kind = IKE_JOB_ROUTABILITY;
	sa->e->cb.random(sa->e->arg, x->nonce, COOKIE2_LEN);
	ike_wire_build(&b, buf, sizeof(buf));
	put(&b, sa, IKE_N_COOKIE2, x->nonce, COOKIE2_LEN);
	return ike_info_send(sa, t, x, &b);
}

void ike_mobike_checked(struct ike_rx *rx, const struct ike_xchg *x)
{
	const struct ike_notify *n = ike_wire_notify(rx->m, IKE_N_COOKIE2);
	struct ike_sa *sa = rx->sa;

	if (n && n->data.len == COOKIE2_LEN && !CRYPTO_memcmp(n->data.p, x->nonce, COOKIE2_LEN)) {
		IKE_CNT(sa, mobike_cookie2_match);
		ike_out_touch(rx->t, sa);
		return;
	}
	IKE_CNT(sa, mobike_cookie2_mismatch); /* RFC 4555 section 3.7: the IKE SA must be closed */
	sa->doom = IKE_R_UNROUTABLE;
	ike_sa_job(sa, IKE_JOB_DEL_IKE, 0);
}
