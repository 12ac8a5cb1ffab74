/* SPDX-License-Identifier: MIT */
/*
 * Keepalives of ESP in UDP (RFC 3948 sections 2.3 and 4): ours are sent for an SA when nothing else was;
 * those of peers are counted and otherwise ignored, as anybody can send them. Both are told, for the counters
 * of IKE. Runs in the worker's thread.
 */
#include <sys/socket.h>

#include "npu/npu_int.h"

#define TELL_US 1000000

/* --- theirs -------------------------------------------------------------------------------------------- */

static void tell(struct npu *n, struct npu_port *p)
{
	struct npu_event e = {.kind = NPU_EV_KEEPALIVES_IN,
	                      .ctx = p->ctx,
	                      .instance = p->instance,
	                      .in = p->kept,
	                      .local = {p->addr, 4500},
	                      .remote = p->kept_from};

	p->kept = 0;
	p->kept_told = n->now;
	npu_queue_event(n, &e, false);
}

void npu_keep_came(struct npu *n, struct npu_port *p, const struct net_endpoint *from)
{
	counter_inc(&n->cnt->natt_keepalives);
	p->kept++;
	p->kept_from = *from;
	if (n->now - p->kept_told >= TELL_US)
		tell(n, p);
	else if (!n->kept_at || p->kept_told + TELL_US < n->kept_at)
		n->kept_at = p->kept_told + TELL_US;
}

static int wait_ms(const struct npu *n, uint64_t at)
{
	return at <= n->now ? 0 : (int)((at - n->now) / 1000) + 1;
}

static int tell_due(struct npu *n)
{
	uint64_t at = 0;

	if (!n->kept_at)
		return -1;
	if (n->now < n->kept_at)
		return wait_ms(n, n->kept_at);
	for (struct npu_port *p = n->ports; p; p = p->next) {
		if (p->kept && n->now - p->kept_told >= TELL_US)
			tell(n, p);
		else if (p->kept && (!at || p->kept_told + TELL_US < at))
			at = p->kept_told + TELL_US;
	}
	n->kept_at = at;
	return at ? wait_ms(n, at) : -1;
}

/* --- ours ---------------------------------------------------------------------------------------------- */

/* When an SA's next keepalive is due, if nothing is sent until then. */
static uint64_t keep_due(const struct npu_sa *sa)
{
	uint64_t sent = sa->esp->out.last_us;

	if (!sa->keep_idle_us || !sa->encap)
		return UINT64_MAX;
	return sent > sa->kept_us ? sent + sa->keep_idle_us : sa->kept_us + sa->keep_interval_us;
}

void npu_keep_begin(struct npu *n, struct npu_sa *sa)
{
	uint64_t at;

	if (!n->keep_at)
		n->keep_at = UINT64_MAX;
	if (sa->keep_interval_us > n->now) /* a clock that has just begun */
		sa->kept_us = 0;
	else
		sa->kept_us = n->now + sa->keep_idle_us - sa->keep_interval_us;
	at = keep_due(sa);
	if (at < n->keep_at)
		n->keep_at = at;
}

static void send_keepalive(struct npu *n, struct npu_sa *sa)
{
	static const uint8_t one = 0xff;
	struct sockaddr_storage to;
	socklen_t len = net_endpoint_to_sockaddr(&sa->remote, &to);
	struct npu_event e = {.kind = NPU_EV_KEEPALIVE_OUT,
	                      .ctx = sa->ctx,
	                      .instance = sa->instance,
	                      .spi = sa->esp->in.spi};

	sa->kept_us = n->now;
	if (!sa->port)
		sa->port = npu_table_port(n, sa->ctx, sa->instance, &sa->local.addr);
	if (!sa->port || sa->port->src[NPU_UDP4500].fd < 0)
		return;
	if (sendto(sa->port->src[NPU_UDP4500].fd, &one, 1, MSG_DONTWAIT | MSG_NOSIGNAL,
	           (struct sockaddr *)&to, len) != 1)
		return;
	n->stats.keepalives_out++;
	npu_queue_event(n, &e, false);
}

static int send_due(struct npu *n)
{
	uint64_t at = UINT64_MAX, due;
	struct esp_sa *esp;

	if (!n->keep_at || n->keep_at == UINT64_MAX)
		return -1;
	if (n->now < n->keep_at)
		return wait_ms(n, n->keep_at);
	for (struct npu_tun *t = n->tuns; t; t = t->next) {
		size_t pos = 0;

		while ((esp = esp_table_next(t->table, &pos))) {
			struct npu_sa *sa = esp->user;

			if (keep_due(sa) <= n->now)
				send_keepalive(n, sa);
			due = keep_due(sa);
			at = due < at ? due : at;
		}
	}
	n->keep_at = at;
	return at == UINT64_MAX ? -1 : wait_ms(n, at);
}

int npu_keep_due(struct npu *n)
{
	int ours = send_due(n), theirs = tell_due(n);

	return ours < 0 || (theirs >= 0 && theirs < ours) ? theirs : ours;
}
