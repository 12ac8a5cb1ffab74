/* SPDX-License-Identifier: MIT */
/*
 * Every exchange, cut at every step by the death of either end: before its rows are stored, when they are
 * stored and nobody was told, when all of it was seen. The end comes back from its rows alone; the exchange
 * is then done or was never begun, both ends agree, and the tunnel goes on. One table has the exchanges; two
 * at a time are test_ike_collide.c's.
 */
#include <criterion/criterion.h>

#include "ike_world.h"

TestSuite(ike_cuts, .timeout = 300);

enum how { NOTHING_STORED, STORED, SEEN, HOWS };
static const char *const how_names[HOWS] = {"nothing stored", "stored", "seen"};

/* The tunnel as it was when the exchange began. */
static uint64_t old_ike[2];
static uint32_t old_child[2];

struct exchange {
	const char *name;
	int asker;                       /* node that begins it */
	void (*prepare)(struct world *); /* settings; NULL: none */
	void (*begin)(struct world *);
	bool (*done)(struct world *); /* it has come to what it is for; NULL: as the numbers say */
	unsigned ikes, children;      /* at both ends when it is done */
	bool set_up;                  /* there is no tunnel before it */
};

/* ---- settings ---- */

static struct ike_ts net(unsigned a, unsigned b)
{
	struct ike_ts t = {.port_hi = 65535};
	char text[20];

	snprintf(text, sizeof(text), "10.%u.%u.0", a, b);
	net_addr_parse(&t.lo, text);
	snprintf(text, sizeof(text), "10.%u.%u.255", a, b);
	net_addr_parse(&t.hi, text);
	return t;
}

/* Three payloads with selectors of their own, as the rules of a map; n[1] mirrors them. */
static void rules(struct world *w)
{
	for (int who = 0; who < 2; who++) {
		struct ike_policy *p = &w->n[who].policy;

		for (unsigned i = 0; i < 3; i++) {
			struct ike_payload *y = &p->payload[i];

			*y = p->payload[0];
			snprintf(y->name, sizeof(y->name), "rule%u", i);
			y->ts_local[0] = net(20 + (unsigned)who, i);
			y->ts_remote[0] = net(21 - (unsigned)who, i);
			y->n_ts_local = y->n_ts_remote = 1;
			y->max_children = 1;
		}
		p->n_payload = 3;
		p->max_childsa = 3;
	}
}

/* The peer takes what it gets; the further children are the gateway's to ask for. */
static void rules_of_the_gateway(struct world *w)
{
	struct ike_policy *p = &w->n[1].policy;

	rules(w);
	p->n_payload = 0;
	p->payload[0].n_ts_local = p->payload[0].n_ts_remote = p->payload[0].max_children = 0;
}

static void sessions(struct world *w)
{
	w->n[0].policy.ask_session = w->n[0].policy.payload[0].assign_address =
	        w->n[1].policy.payload[0].assign_address = true;
	w->n[0].result.callid = 5;
	w->n[0].answer_sessions = false;
	net_addr_parse(&w->n[0].result.addr, "172.16.0.9");
}

static void cookies(struct world *w)
{
	w->n[0].cfg.cookie_always = w->n[0].policy.cookie_challenge = true;
}

static void other_group(struct world *w)
{
	w->n[1].policy.ike[1] = w->n[1].policy.ike[0];
	w->n[1].policy.ike[0].dh = IKE_GROUP_ECP256;
	w->n[1].policy.n_ike = 2;
}

static void nat(struct world *w)
{
	w->nat = true;
}

static void fragments(struct world *w)
{
	w->n[0].policy.mtu4 = w->n[1].policy.mtu4 = 160;
}

static void pfs(struct world *w)
{
	w->n[0].policy.payload[0].esp[0].dh = w->n[1].policy.payload[0].esp[0].dh = IKE_GROUP_X25519;
}

/* The gateway wants another group for new children than the peer tries first. */
static void pfs_other_group(struct world *w)
{
	struct ike_payload *y = &w->n[1].policy.payload[0];

	pfs(w);
	y->esp[1] = y->esp[0];
	y->esp[0].dh = IKE_GROUP_ECP256;
	y->n_esp = 2;
}

static void mobike(struct world *w)
{
	w->n[0].policy.mobike = w->n[1].policy.mobike = true;
}

static void mobike_cookie(struct world *w)
{
	mobike(w);
	w->n[0].policy.mobike_cookie = true;
}

static void empty(struct world *w)
{
	w->n[0].policy.allow_empty = w->n[1].policy.allow_empty = true;
}

static void children(struct world *w)
{
	w->n[0].policy.max_childsa = w->n[1].policy.max_childsa = 5;
}

/* ---- exchanges ---- */

static uint64_t ike_of(struct world *w, int who)
{
	struct ike_sa_view v;

	return w_sa(&w->n[who], &v) ? v.spi : 0;
}

static void set_up(struct world *w)
{
	w_initiate(w);
}

#define BY_EACH(name, call)                                                                                  \
	static void name##_by_gateway(struct world *w)                                                       \
	{                                                                                                    \
		const int who = 0;                                                                           \
		call;                                                                                        \
	}                                                                                                    \
	static void name##_by_peer(struct world *w)                                                          \
	{                                                                                                    \
		const int who = 1;                                                                           \
		call;                                                                                        \
	}
static const uint8_t excerpt[20] = {0x45, [3] = 20}; /* a packet outside the selectors */

BY_EACH(new_child, ike_engine_new_child(w->n[who].e, w->now, old_ike[who]))
BY_EACH(rekey_child, ike_engine_rekey_child(w->n[who].e, w->now, old_child[who]))
BY_EACH(delete_child, ike_engine_delete_child(w->n[who].e, w->now, old_child[who]))
BY_EACH(rekey_ike, ike_engine_rekey_ike(w->n[who].e, w->now, old_ike[who]))
BY_EACH(delete_ike, ike_engine_delete_ike(w->n[who].e, w->now, old_ike[who]))
BY_EACH(check, ike_engine_dpd(w->n[who].e, w->now, old_ike[who]))
BY_EACH(tell, ike_engine_wrong_selectors(w->n[who].e, w->now, old_child[who], excerpt, sizeof(excerpt)))

static void go_to(struct world *w, const char *address)
{
	struct ike_path p = w_path(4500);

	net_addr_parse(&p.local.addr, address);
	ike_engine_move(w->n[1].e, w->now, old_ike[1], &p);
}

static void move(struct world *w)
{
	go_to(w, "10.0.0.77");
}

/* Somewhere else again before the gateway has said a word. */
static void move_twice(struct world *w)
{
	go_to(w, "10.0.0.78");
	while (w->n[1].n_queue)
		w_settle(&w->n[1], true);
	go_to(w, "10.0.0.77");
}

static void new_mapping(struct world *w)
{
	w->nat_shift = 100;
	ike_engine_dpd(w->n[1].e, w->now, old_ike[1]);
}

/* ---- what they are for ---- */

static bool new_child_sas(struct world *w)
{
	return !w_child(&w->n[0], old_child[0]) && !w_child(&w->n[1], old_child[1]);
}

static bool new_ike_sas(struct world *w)
{
	return ike_of(w, 0) != old_ike[0] && ike_of(w, 1) != old_ike[1];
}

static bool has_address(struct world *w)
{
	struct ike_sa_view v;

	return w_sa(&w->n[0], &v) && v.callid == 5 && net_addr_is_set(&v.inner) && w_sa(&w->n[1], &v) &&
	       net_addr_is_set(&v.inner);
}

/* The gateway goes where the peer is, and not where it was at first. */
static bool moved(struct world *w)
{
	struct ike_sa_view v, peer;
	struct net_addr first;

	net_addr_parse(&first, "10.0.0.2");
	if (!w_sa(&w->n[0], &v) || !w_sa(&w->n[1], &peer) || net_addr_equal(&v.path.remote.addr, &first))
		return false;
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (w->n[0].child[i].live &&
		    !net_addr_equal(&w->n[0].child[i].path.remote.addr, &peer.path.local.addr))
			return false;
	return net_addr_equal(&v.path.remote.addr, &peer.path.local.addr);
}

static bool mapped(struct world *w)
{
	struct ike_sa_view v;

	return w_sa(&w->n[0], &v) && v.path.remote.port == 4500 + 40000 + 100;
}

static const struct exchange exchanges[] = {
        {"IKE_AUTH", 1, NULL, set_up, NULL, 1, 1, true},
        {"IKE_AUTH, session and address", 1, sessions, set_up, has_address, 1, 1, true},
        {"IKE_SA_INIT, cookie", 1, cookies, set_up, NULL, 1, 1, true},
        {"IKE_SA_INIT, another group", 1, other_group, set_up, NULL, 1, 1, true},
        {"IKE_AUTH behind a NAT", 1, nat, set_up, NULL, 1, 1, true},
        {"IKE_AUTH in fragments", 1, fragments, set_up, NULL, 1, 1, true},
        {"map, children by the initiator", 1, rules, set_up, NULL, 1, 3, true},
        {"map, children by the responder", 1, rules_of_the_gateway, set_up, NULL, 1, 3, true},
        {"new child by the gateway", 0, children, new_child_by_gateway, NULL, 1, 2, false},
        {"new child by the peer", 1, children, new_child_by_peer, NULL, 1, 2, false},
        {"new child, another group", 1, pfs_other_group, new_child_by_peer, NULL, 1, 2, false},
        {"child rekey by the gateway", 0, NULL, rekey_child_by_gateway, new_child_sas, 1, 1, false},
        {"child rekey by the peer", 1, NULL, rekey_child_by_peer, new_child_sas, 1, 1, false},
        {"child rekey, PFS, by the gateway", 0, pfs, rekey_child_by_gateway, new_child_sas, 1, 1, false},
        {"child rekey, PFS, by the peer", 1, pfs, rekey_child_by_peer, new_child_sas, 1, 1, false},
        {"IKE rekey by the gateway", 0, NULL, rekey_ike_by_gateway, new_ike_sas, 1, 1, false},
        {"IKE rekey by the peer", 1, NULL, rekey_ike_by_peer, new_ike_sas, 1, 1, false},
        {"IKE rekey in fragments by the gateway", 0, fragments, rekey_ike_by_gateway, new_ike_sas, 1, 1,
         false},
        {"IKE rekey in fragments by the peer", 1, fragments, rekey_ike_by_peer, new_ike_sas, 1, 1, false},
        {"child delete by the gateway", 0, empty, delete_child_by_gateway, NULL, 1, 0, false},
        {"child delete by the peer", 1, empty, delete_child_by_peer, NULL, 1, 0, false},
        {"last child deleted by the gateway", 0, NULL, delete_child_by_gateway, NULL, 0, 0, false},
        {"IKE delete by the gateway", 0, NULL, delete_ike_by_gateway, NULL, 0, 0, false},
        {"IKE delete by the peer", 1, NULL, delete_ike_by_peer, NULL, 0, 0, false},
        {"check by the gateway", 0, NULL, check_by_gateway, NULL, 1, 1, false},
        {"check by the peer", 1, NULL, check_by_peer, NULL, 1, 1, false},
        {"INVALID_SELECTORS by the gateway", 0, NULL, tell_by_gateway, NULL, 1, 1, false},
        {"INVALID_SELECTORS by the peer", 1, NULL, tell_by_peer, NULL, 1, 1, false},
        {"move", 1, mobike, move, moved, 1, 1, false},
        {"move, return routability", 1, mobike_cookie, move, moved, 1, 1, false},
        {"move, and again", 1, mobike, move_twice, moved, 1, 1, false},
        {"new NAT mapping", 1, nat, new_mapping, mapped, 1, 1, false},
};

/* ---- one cut ---- */

struct cut {
	const struct exchange *x;
	int victim;
	enum how how;
	unsigned at;   /* after so many steps */
	unsigned asks; /* packets the asker had sent by then */
	bool done;
};

static void put_rows(struct w_node *n)
{
	for (unsigned k = 0; k < n->n_queue; k++)
		for (unsigned i = 0; i < n->txn_ptr[k]->n; i++) {
			const struct ike_action *a = &n->txn_ptr[k]->actions[i];

			if (a->kind == IKE_ACT_CKPT_PUT)
				w_row_put(n, &a->ckpt);
			else if (a->kind == IKE_ACT_CKPT_DELETE)
				w_row_del(n, a->ckpt.key);
		}
}

static void die(struct world *w, struct cut *c)
{
	struct w_node *n = &w->n[c->victim];

	if (c->how == STORED)
		put_rows(n);
	while (c->how == SEEN && n->n_queue)
		w_settle(n, true);
	c->asks = w->sent[c->x->asker];
	c->done = true;
	w_kill(n);
	n->session_ref = 0;
	w_restore(n);
}

/* A packet, a timer, a store that is done, or a session that is there. */
static bool step(struct world *w, uint64_t until)
{
	uint64_t ref = w->n[0].session_ref;

	if (!ref || w->n[0].answer_sessions)
		return w_step(w, until);
	w->n[0].session_ref = 0;
	ike_engine_address_assigned(w->n[0].e, w->now, ref, &w->n[0].result);
	return true;
}

/* The exchange with its cut. False: it was over before the cut's step came, or the cut is the same as "seen".
 */
static bool play(struct world *w, struct cut *c)
{
	unsigned sent = w->sent[c->x->asker], steps = 0;
	uint64_t until;

	w->n[0].commit = w->n[1].commit = W_LATER;
	c->x->begin(w);
	until = w->now + 4 * W_US;
	do {
		if (steps == c->at && !c->done) {
			if (!w->n[c->victim].n_queue && c->how != SEEN)
				return false;
			die(w, c);
		}
		steps++;
		cr_assert_lt(steps, 20000);
	} while (step(w, until));
	c->asks -= sent;
	w->n[0].answer_sessions = true;
	return c->done;
}

static void describe(const struct cut *c, char *text, size_t size)
{
	snprintf(text, size, "%s: %s dies at step %u (%s)", c->x->name,
	         c->victim ? "the peer" : "the gateway", c->at, how_names[c->how]);
}

static bool as_many(struct world *w, unsigned ikes, unsigned n)
{
	for (int i = 0; i < 2; i++)
		if (w_established(&w->n[i]) != ikes || w_children(&w->n[i]) != n)
			return false;
	return w_matched(w) == n;
}

/* Done, or never begun: the latter only where the asker died before anything of it was stored. */
static void judge(struct world *w, const struct cut *c)
{
	const struct exchange *x = c->x;
	bool never = c->victim == x->asker && !c->asks && !x->set_up, done;
	struct ike_engine_stats s;
	struct ike_sa_view v;
	char text[200];

	describe(c, text, sizeof(text));
	done = as_many(w, x->ikes, x->children) && (!x->done || x->done(w));
	if (!done && never)
		done = as_many(w, 1, 1) && ike_of(w, 0) == old_ike[0] && w_child(&w->n[0], old_child[0]);
	cr_assert(done, "%s: %u and %u IKE SAs, %u and %u children, %u of them matched, asked %u", text,
	          w_established(&w->n[0]), w_established(&w->n[1]), w_children(&w->n[0]),
	          w_children(&w->n[1]), w_matched(w), c->asks);
	for (int i = 0; i < 2; i++) {
		ike_engine_stats_get(w->n[i].e, &s);
		cr_assert_eq(s.txns_in_flight, 0, "%s", text);
		cr_assert_eq(w_rows(&w->n[i]), w_established(&w->n[i]), "%s: %u rows", text,
		             w_rows(&w->n[i]));
		if (w_sa(&w->n[i], &v))
			cr_assert_not(v.request_outstanding, "%s", text);
	}
}

/* Either end rekeys a child and the IKE SA. */
static void go_on(struct world *w, const struct cut *c)
{
	unsigned n = w_children(&w->n[0]);
	char text[200];

	describe(c, text, sizeof(text));
	for (int who = 0; who < 2 && w_established(&w->n[0]); who++) {
		uint64_t ike = ike_of(w, who);
		uint32_t child = w_first_child(&w->n[who]);

		if (child)
			ike_engine_rekey_child(w->n[who].e, w->now, child);
		w_run(w, W_US);
		ike_engine_rekey_ike(w->n[who].e, w->now, ike);
		w_run(w, W_US);
		cr_assert(as_many(w, 1, n), "%s, afterwards", text);
		cr_assert(ike_of(w, who) != ike && (!child || !w_child(&w->n[who], child)), "%s, afterwards",
		          text);
	}
}

static bool cut(struct cut *c)
{
	struct world *w = w_new();
	bool played;

	for (int i = 0; i < 2; i++) {
		w->n[i].rnd += c->at * 7919 + c->how * 31 + (unsigned)c->victim;
		w->n[i].policy.dpd_interval_s = 40;
		w->n[i].policy.rekey_rate = 50;
	}
	if (c->x->prepare)
		c->x->prepare(w);
	w_boot(w);
	if (!c->x->set_up) {
		w_initiate(w);
		w_run(w, 3 * W_US);
		cr_assert_eq(w_matched(w), 1, "%s", c->x->name);
	}
	for (int i = 0; i < 2; i++) {
		old_ike[i] = ike_of(w, i);
		old_child[i] = w_first_child(&w->n[i]);
	}
	c->done = false;
	played = play(w, c);
	if (played) {
		w->n[0].commit = w->n[1].commit = W_NOW;
		for (int i = 0; i < 2; i++)
			while (w->n[i].n_queue)
				w_settle(&w->n[i], true);
		w_run(w, 140 * W_US); /* dead peer detection, set-up and guard timers */
		if (c->x->set_up && !w_established(&w->n[1])) {
			w_initiate(w); /* a peer whose set-up was lost begins anew */
			w_run(w, 10 * W_US);
		}
		judge(w, c);
		go_on(w, c);
	}
	w_free(w);
	return played;
}

Test(ike_cuts, either_end_at_every_step_of_every_exchange)
{
	unsigned cuts = 0;

	for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
		unsigned before = cuts;

		for (int victim = 0; victim < 2; victim++)
			for (unsigned at = 0; at < 400; at++) {
				struct cut c = {.x = &exchanges[i], .victim = victim, .at = at, .how = SEEN};

				if (!cut(&c))
					break;
				cuts++;
				for (c.how = NOTHING_STORED; c.how < SEEN; c.how++)
					cuts += cut(&c);
			}
		cr_assert_gt(cuts - before, 4, "%s: %u cuts", exchanges[i].name, cuts - before);
	}
	fprintf(stderr, "%u cuts\n", cuts);
}
