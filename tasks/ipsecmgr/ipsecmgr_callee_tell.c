/* SPDX-License-Identifier: MIT */
/*
 * Calls of listed peers that are not at the manager that would call the peer: they came before it was the
 * owner, or while the fabric did not know. Told on topic "peers", and told again by everybody when the owners
 * change or a manager comes back. Entry points: ipsecmgr_callee_tell(), _tell_all(), ipsecmgr_callee_heard().
 */
#include "tasks/ipsecmgr/ipsecmgr_callee.h"

#include <stdlib.h>

static void publish(struct ipsecmgr_callee_list *l, PeerCalls__What what, const struct net_addr *const *addr,
                    size_t n, bool ask)
{
	ProtobufCBinaryData *peers = calloc(n ? n : 1, sizeof(*peers));
	Envelope env = ENVELOPE__INIT;
	PeerCalls pc = PEER_CALLS__INIT;

	if (!peers)
		return;
	for (size_t i = 0; i < n; i++)
		peers[i] = (ProtobufCBinaryData){net_addr_len(addr[i]), (uint8_t *)(uintptr_t)addr[i]->bytes};
	pc.instance = l->m->t->instance;
	pc.service = l->policy;
	pc.what = what;
	pc.ask = ask;
	pc.peers = peers;
	pc.n_peers = n;
	env.body_case = ENVELOPE__BODY_PEER_CALLS;
	env.peer_calls = &pc;
	task_publish(l->m->t, "peers", &env);
	free(peers);
}

void ipsecmgr_callee_tell(struct callee *c, PeerCalls__What what)
{
	const struct net_addr *a = &c->p.addr;

	if (!ipsecmgr_callee_ours(c))
		publish(c->in, what, &a, 1, false);
}

bool ipsecmgr_callee_here(const struct callee *c)
{
	const struct ipsecmgr_map *map = &c->in->m->peer_calls;
	const struct peer_call *x;
	size_t pos = 0;

	while ((x = ipsecmgr_map_next(map, &pos)))
		if (x->c == c)
			return true;
	return false;
}

/* Every listed peer that has a call here. */
void ipsecmgr_callee_tell_all(struct ipsecmgr_callee_list *l, bool ask)
{
	const struct net_addr **addr = calloc(l->n ? l->n : 1, sizeof(*addr));
	const struct peer_call *x;
	uint32_t *seen = calloc(l->n / 32 + 1, sizeof(*seen));
	size_t pos = 0, n = 0, at;

	while (addr && seen && (x = ipsecmgr_map_next(&l->m->peer_calls, &pos))) {
		at = x->c->in == l ? (size_t)(x->c - l->peer) : l->n;
		if (at == l->n || seen[at / 32] >> at % 32 & 1)
			continue;
		seen[at / 32] |= 1u << at % 32;
		addr[n++] = &x->c->p.addr;
	}
	if (addr && seen)
		publish(l, PEER_CALLS__WHAT__ALL, addr, n, ask);
	free(addr);
	free(seen);
}

static void set_elsewhere(struct callee *c, unsigned instance, bool up)
{
	uint32_t bit = 1u << (instance & 31), *word = &c->elsewhere[instance / 32 & 7];
	uint64_t now = ipsecmgr_engine_now(c->in->m);

	if (!(*word & bit) == !up)
		return;
	*word ^= bit;
	if (up)
		initiator_up(&c->p, now, false);
	else
		initiator_down(&c->p, now, false);
}

static void heard_all(struct ipsecmgr_callee_list *l, const PeerCalls *in)
{
	uint32_t *named = calloc(l->n / 32 + 1, sizeof(*named));
	struct callee *c;
	struct net_addr a;
	size_t at;

	for (size_t i = 0; named && i < in->n_peers; i++) {
		c = net_addr_from_bytes(&a, in->peers[i].data, in->peers[i].len)
		            ? NULL
		            : ipsecmgr_callee_find(l, &a);
		at = c ? (size_t)(c - l->peer) : 0;
		if (c)
			named[at / 32] |= 1u << at % 32;
	}
	for (size_t i = 0; named && i < l->n; i++)
		set_elsewhere(&l->peer[i], in->instance, named[i / 32] >> i % 32 & 1);
	free(named);
}

void ipsecmgr_callee_heard(struct task *t, const struct bus_msg *msg)
{
	const PeerCalls *in = msg->env->peer_calls;
	struct ipsecmgr *m = &ipsecmgr;
	struct ipsecmgr_callee_list *l = m->e ? ipsecmgr_callee_of(m, in->service) : NULL;
	struct callee *c;
	struct net_addr a;

	if (!l || in->instance == t->instance || in->instance < 1 || in->instance > 255)
		return;
	if (in->what == PEER_CALLS__WHAT__ALL)
		heard_all(l, in);
	for (size_t i = 0; in->what != PEER_CALLS__WHAT__ALL && i < in->n_peers; i++) {
		c = net_addr_from_bytes(&a, in->peers[i].data, in->peers[i].len)
		            ? NULL
		            : ipsecmgr_callee_find(l, &a);
		if (c && in->what == PEER_CALLS__WHAT__BEGAN)
			initiator_peer_began(&c->p, ipsecmgr_engine_now(m));
		else if (c)
			set_elsewhere(c, in->instance, in->what == PEER_CALLS__WHAT__UP);
	}
	if (in->ask)
		ipsecmgr_callee_tell_all(l, false);
	ipsecmgr_callee_rearm(m);
}
