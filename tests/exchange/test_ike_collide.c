/* SPDX-License-Identifier: MIT */
/*
 * Simultaneous exchanges (RFC 7296 sections 2.8.1, 2.8.2 and 2.25; chapter 15 of the reference): every pair
 * of exchanges that two ends can begin at once, its messages delivered in every order, each lost once, and
 * either end cut off and restored from its rows at every message. One table says what has to come of each
 * pair.
 */
#include <criterion/criterion.h>

#include "ike_world.h"

TestSuite(ike_collide, .timeout = 300);

/* ---- the pairs ---- */

enum what { NEW, REKEY_A, REKEY_B, DEL_A, DEL_B, REKEY_IKE, DEL_IKE, CHECK, MOVE, WHATS };
static const char *const names[WHATS] = {"new child",    "rekey A",       "rekey B", "delete A", "delete B",
                                         "rekey IKE SA", "delete IKE SA", "check",   "move"};
#define ELSEWHERE "10.0.0.77" /* where the peer moves to (RFC 4555); the gateway never does */

/* What is to come of two children A and B and their IKE SA. */
struct outcome {
	bool gone;           /* the IKE SA */
	bool del_a, del_b;   /* deleted */
	unsigned made;       /* children made anew */
	bool new_a, new_b;   /* replaced by a rekey */
	bool ike;            /* the IKE SA is replaced */
	bool one_of_the_two; /* a rekey of the IKE SA met the making of a child: at most one of them succeeds
	                      */
	bool maybe_ike;      /* … or a move: whether the rekey succeeds is a matter of order */
	bool moved;          /* the gateway goes to the peer's new address */
};

static bool is(enum what x, enum what y, enum what a)
{
	return x == a || y == a;
}

/* Written down from RFC 7296 section 2.25, not from the engine. */
static struct outcome expected(enum what x, enum what y)
{
	struct outcome o = {.gone = is(x, y, DEL_IKE),
	                    .del_a = is(x, y, DEL_A),
	                    .del_b = is(x, y, DEL_B),
	                    .made = (x == NEW) + (y == NEW),
	                    .new_a = is(x, y, REKEY_A),
	                    .new_b = is(x, y, REKEY_B),
	                    .ike = is(x, y, REKEY_IKE)};

	/* who closes a child answers its rekey with TEMPORARY_FAILURE, and later CHILD_SA_NOT_FOUND */
	if (o.del_a)
		o.new_a = false;
	if (o.del_b)
		o.new_b = false;
	/* TEMPORARY_FAILURE for one or for both; closing a child is done in any case */
	o.one_of_the_two = o.ike && x != y && !is(x, y, CHECK) && !is(x, y, MOVE);
	o.moved = is(x, y, MOVE);
	o.maybe_ike = o.moved && o.ike;
	return o;
}

/* ---- a tunnel with two children, made once and restored for every case ---- */

static struct w_row rows[2][W_ROWS];
static uint32_t spi_a[2], spi_b[2];

static void policies(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		w->n[i].policy.max_childsa = 5;
		w->n[i].policy.rekey_rate = 50;
		w->n[i].policy.allow_empty = true;
		w->n[i].policy.mobike = true;
	}
}

static void copy_rows(struct w_row *to, const struct w_row *from)
{
	for (unsigned i = 0; i < W_ROWS; i++) {
		to[i] = from[i];
		if (!from[i].blob)
			continue;
		to[i].blob = malloc(from[i].len);
		memcpy(to[i].blob, from[i].blob, from[i].len);
	}
}

static void make_tunnel(void)
{
	struct world *w = w_new();
	struct ike_sa_view v;

	policies(w);
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	spi_a[0] = w->n[0].child[0].in;
	spi_a[1] = w->n[1].child[0].in;
	cr_assert(w_sa(&w->n[1], &v));
	ike_engine_new_child(w->n[1].e, w->now, v.spi);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
	spi_b[0] = w->n[0].child[1].in;
	spi_b[1] = w->n[1].child[1].in;
	for (int i = 0; i < 2; i++)
		copy_rows(rows[i], w->n[i].row);
	w_free(w);
}

static void forget_tunnel(void)
{
	for (int i = 0; i < 2; i++)
		for (unsigned k = 0; k < W_ROWS; k++)
			free(rows[i][k].blob);
}

/* ---- the network: packets wait until they are chosen ---- */

#define HELD 64
static struct held {
	int to;
	uint8_t *pkt;
	size_t len;
} held[HELD];
static unsigned n_held;
static const char *peer_at; /* where the peer's packets come from; NULL: where it always was */

static int hold_all(struct world *w, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)w, (void)delay;
	cr_assert_lt(n_held, HELD);
	held[n_held].to = !from;
	held[n_held].pkt = malloc(len);
	memcpy(held[n_held].pkt, pkt, len);
	held[n_held++].len = len;
	return 1;
}

/* The store has what the engines gave it, and they are told. */
static void settle(struct world *w)
{
	for (bool more = true; more;) {
		more = false;
		for (int i = 0; i < 2; i++) {
			if (!w->n[i].n_queue)
				continue;
			w_settle(&w->n[i], true);
			more = true;
		}
	}
}

static struct held take(unsigned at)
{
	struct held h = held[at];

	memmove(&held[at], &held[at + 1], (--n_held - at) * sizeof(h));
	return h;
}

static void give(struct world *w, struct held *h)
{
	struct ike_path to = w_path(500), from = {.ctx_id = 1, .local = to.remote};

	if (peer_at)
		net_addr_parse(&to.local.addr, peer_at);
	from.remote = to.local;
	ike_engine_input(w->n[h->to].e, w->now, h->to ? &to : &from, h->pkt, h->len);
	free(h->pkt);
}

static void begin(struct world *w, int who, enum what x)
{
	struct ike_engine *e = w->n[who].e;
	struct ike_path there = w_path(500);
	struct ike_sa_view v;

	cr_assert(w_sa(&w->n[who], &v));
	switch (x) {
	case NEW:
		ike_engine_new_child(e, w->now, v.spi);
		break;
	case REKEY_A:
	case REKEY_B:
		ike_engine_rekey_child(e, w->now, x == REKEY_A ? spi_a[who] : spi_b[who]);
		break;
	case DEL_A:
	case DEL_B:
		ike_engine_delete_child(e, w->now, x == DEL_A ? spi_a[who] : spi_b[who]);
		break;
	case REKEY_IKE:
		ike_engine_rekey_ike(e, w->now, v.spi);
		break;
	case DEL_IKE:
		ike_engine_delete_ike(e, w->now, v.spi);
		break;
	case CHECK:
		ike_engine_dpd(e, w->now, v.spi);
		break;
	case MOVE:
		peer_at = ELSEWHERE;
		net_addr_parse(&there.local.addr, peer_at);
		cr_assert_eq(ike_engine_move(e, w->now, v.spi, &there), 0);
		break;
	case WHATS:
		break;
	}
}

/* ---- one case ---- */

#define STEPS 10
enum cut { CUT_NOTHING_STORED, CUT_STORED, CUT_SENT, CUTS };
struct run {
	enum what x, y;
	uint32_t seed;
	uint8_t choice[STEPS], options[STEPS]; /* which of the waiting packets comes next */
	unsigned steps;
	int lose;           /* this delivery doesn't arrive; -1: all do */
	int cut_at, victim; /* … and after this one the victim dies; -1: nobody does */
	enum cut how;
};

static void die(struct world *w, const struct run *r)
{
	struct w_node *n = &w->n[r->victim];

	if (r->how == CUT_SENT) {
		settle(w);
	} else if (r->how == CUT_STORED) {
		for (unsigned k = 0; k < n->n_queue; k++)
			for (unsigned i = 0; i < n->txn_ptr[k]->n; i++) {
				const struct ike_action *a = &n->txn_ptr[k]->actions[i];

				if (a->kind == IKE_ACT_CKPT_PUT)
					w_row_put(n, &a->ckpt);
				else if (a->kind == IKE_ACT_CKPT_DELETE)
					w_row_del(n, a->ckpt.key);
			}
	}
	w_kill(n);
	w_restore(n);
}

static void play(struct world *w, struct run *r)
{
	r->steps = 0;
	for (unsigned step = 0; n_held; step++) {
		unsigned at = 0;
		struct held h;

		cr_assert_lt(step, 200, "%s × %s never ends", names[r->x], names[r->y]);
		if (step < STEPS) {
			r->options[step] = (uint8_t)n_held;
			at = r->choice[step] < n_held ? r->choice[step] : 0;
			r->steps = step + 1;
		}
		h = take(at);
		w->now += 1000;
		if ((int)step == r->lose)
			free(h.pkt);
		else
			give(w, &h);
		if ((int)step == r->cut_at)
			die(w, r);
		settle(w);
	}
}

static bool there(struct world *w, int who, uint32_t spi)
{
	return w_child(&w->n[who], spi) != NULL;
}

/* The SAs of the gateway go where the peer is. */
static void judge_path(struct world *w, const char *text)
{
	struct ike_sa_view v;
	struct net_addr a;

	net_addr_parse(&a, ELSEWHERE);
	cr_assert(w_sa(&w->n[0], &v) && net_addr_equal(&v.path.remote.addr, &a), "%s: not moved", text);
	for (unsigned i = 0; i < W_CHILDREN; i++)
		cr_assert(!w->n[0].child[i].live || net_addr_equal(&w->n[0].child[i].path.remote.addr, &a),
		          "%s: a child is not moved", text);
}

/* What came of it at one node, against what had to. */
static void judge_node(struct world *w, const struct run *r, int i, uint64_t old_ike, const char *text)
{
	struct outcome o = expected(r->x, r->y);
	struct ike_engine_stats s;
	struct ike_sa_view v;
	bool ike, a, b;
	unsigned n;

	ike_engine_stats_get(w->n[i].e, &s);
	cr_assert_eq(s.txns_in_flight, 0, "%s", text);
	cr_assert_eq(w_established(&w->n[i]), !o.gone, "%s: %u IKE SAs", text, w_established(&w->n[i]));
	cr_assert_eq(w_rows(&w->n[i]), !o.gone, "%s: %u rows", text, w_rows(&w->n[i]));
	if (o.gone) {
		cr_assert_eq(w_children(&w->n[i]), 0, "%s: %u children", text, w_children(&w->n[i]));
		return;
	}
	cr_assert(w_sa(&w->n[i], &v));
	cr_assert_not(v.request_outstanding, "%s", text);
	cr_assert_eq(w->n[i].events[IKE_EV_DOWN], 0, "%s", text);
	n = w_children(&w->n[i]) - (2 - o.del_a - o.del_b);
	if (o.moved && i == 0)
		judge_path(w, text);
	ike = v.spi != old_ike;
	if (o.maybe_ike)
		o.ike = ike;
	a = !o.del_a && !there(w, i, spi_a[i]);
	b = !o.del_b && !there(w, i, spi_b[i]);
	cr_assert(!o.del_a || !there(w, i, spi_a[i]), "%s: A is still there", text);
	cr_assert(!o.del_b || !there(w, i, spi_b[i]), "%s: B is still there", text);
	if (o.one_of_the_two) {
		cr_assert(n <= o.made && a <= o.new_a && b <= o.new_b && ike <= o.ike, "%s: %u %d %d %d",
		          text, n, a, b, ike);
		/* the requests really crossed: both are refused (section 2.25.2) */
		if (r->lose < 0 && r->cut_at < 0 && !r->choice[0] && !r->choice[1])
			cr_assert_eq(n + a + b + ike, 0, "%s: %u %d %d %d", text, n, a, b, ike);
		cr_assert_leq(n + a + b + ike, 1, "%s: %u %d %d %d", text, n, a, b, ike);
		return;
	}
	cr_assert(n == o.made && a == o.new_a && b == o.new_b && ike == o.ike, "%s: %u %d %d %d", text, n, a,
	          b, ike);
}

static void judge(struct world *w, const struct run *r, const uint64_t old_ike[2])
{
	char text[240];

	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text),
		         "%s × %s, order %u%u%u%u%u%u, lost %d, cut %d of %d (%d), seed %u: node %d",
		         names[r->x], names[r->y], r->choice[0], r->choice[1], r->choice[2], r->choice[3],
		         r->choice[4], r->choice[5], r->lose, r->cut_at, r->victim, r->how, r->seed, i);
		judge_node(w, r, i, old_ike[i], text);
	}
	cr_assert_eq(w_matched(w), w_children(&w->n[0]), "%s", text);
	cr_assert_eq(w_children(&w->n[0]), w_children(&w->n[1]), "%s", text);
}

/* A case from its beginning to long after its end. */
static void run(struct run *r)
{
	struct world *w = w_new();
	struct ike_sa_view v;
	uint64_t old_ike[2];

	policies(w);
	w->now += 2 * W_US;
	peer_at = NULL;
	for (int i = 0; i < 2; i++) {
		w->n[i].rnd += r->seed * 7919 + (unsigned)i;
		copy_rows(w->n[i].row, rows[i]);
		w_restore(&w->n[i]);
		w->n[i].commit = W_MANUAL;
		cr_assert(w_sa(&w->n[i], &v));
		old_ike[i] = v.spi;
	}
	w->fate = hold_all;
	begin(w, 0, r->x);
	begin(w, 1, r->y);
	settle(w);
	play(w, r);
	for (int i = 0; i < 40; i++) { /* what was lost is repeated */
		w->now += W_US / 4;
		for (int k = 0; k < 2; k++)
			ike_engine_tick(w->n[k].e, w->now);
		settle(w);
		while (n_held) {
			struct held h = take(0);

			w->now += 1000;
			give(w, &h);
			settle(w);
		}
	}
	w->fate = NULL;
	w->n[0].commit = w->n[1].commit = W_NOW;
	w_run(w, 150 * W_US); /* guard timers */
	judge(w, r, old_ike);
	w_free(w);
}

/* The next order of deliveries; false: that was the last. */
static bool next_order(struct run *r)
{
	for (unsigned i = r->steps; i-- > 0;) {
		if (r->choice[i] + 1 < r->options[i]) {
			r->choice[i]++;
			memset(r->choice + i + 1, 0, STEPS - i - 1);
			return true;
		}
	}
	return false;
}

static void each_pair(void (*f)(struct run *r))
{
	make_tunnel();
	for (int x = 0; x < MOVE; x++) /* of the gateway */
		for (int y = 0; y < WHATS; y++) {
			struct run r = {.x = x, .y = y, .lose = -1, .cut_at = -1};

			f(&r);
		}
	forget_tunnel();
}

static unsigned cases;

static void every_order(struct run *r)
{
	for (r->seed = 0; r->seed < 2; r->seed++) { /* who has the lowest nonce */
		memset(r->choice, 0, sizeof(r->choice));
		do {
			run(r);
			cases++;
		} while (next_order(r));
	}
}

Test(ike_collide, every_pair_in_every_order)
{
	cases = 0;
	each_pair(every_order);
	cr_assert_gt(cases, 600, "%u", cases);
	fprintf(stderr, "%u orders\n", cases);
}

/* First in, first out; the latest first. */
static void every_loss(struct run *r)
{
	for (r->seed = 0; r->seed < 2; r->seed++)
		for (int late = 0; late < 2; late++)
			for (r->lose = 0; r->lose < 8; r->lose++) {
				memset(r->choice, late ? 1 : 0, sizeof(r->choice));
				run(r);
				if ((int)r->steps <= r->lose)
					break;
			}
}

Test(ike_collide, every_message_of_every_pair_lost)
{
	each_pair(every_loss);
}

static void every_cut(struct run *r)
{
	for (int how = 0; how < CUTS; how++)
		for (r->victim = 0; r->victim < 2; r->victim++)
			for (r->cut_at = 0; r->cut_at < 8; r->cut_at++) {
				r->how = how;
				r->seed = (uint32_t)(r->cut_at + how);
				memset(r->choice, r->cut_at & 1, sizeof(r->choice));
				run(r);
				if ((int)r->steps <= r->cut_at)
					break;
			}
}

/* Cut: nothing of the last transaction is stored; it is, but nobody was told; all of it was seen. */
Test(ike_collide, either_end_cut_at_every_message_of_every_pair)
{
	each_pair(every_cut);
}

/* ---- the set-up ---- */

/* Before it is stored nothing was promised: whatever is lost with a process, the next attempt comes through.
 */
Test(ike_collide, either_end_cut_at_every_message_of_a_set_up)
{
	for (int how = 0; how < CUTS; how++)
		for (int victim = 0; victim < 2; victim++)
			for (int at = 0; at < 5; at++) {
				struct run r = {.lose = -1, .cut_at = at, .victim = victim, .how = how};
				struct world *w = w_new();

				w->n[0].policy.dpd_interval_s = w->n[1].policy.dpd_interval_s =
				        40; /* a tunnel that one end lost */
				peer_at = NULL;
				w_boot(w);
				w->n[0].commit = w->n[1].commit = W_MANUAL;
				w->fate = hold_all;
				w_initiate(w);
				settle(w);
				play(w, &r);
				w->fate = NULL;
				w->n[0].commit = w->n[1].commit = W_NOW;
				w_run(w, 70 * W_US);
				if (!w_established(&w->n[1]))
					w_initiate(w);
				w_run(w, 80 * W_US);
				for (int i = 0; i < 2; i++) {
					cr_assert_geq(w_established(&w->n[i]), 1, "cut %d of %d at %d", how,
					              victim, at);
					cr_assert_eq(w_rows(&w->n[i]), w_established(&w->n[i]));
				}
				cr_assert_eq(w_matched(w), 1, "cut %d of %d at %d", how, victim, at);
				w_free(w);
			}
}
