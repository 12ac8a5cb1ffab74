/* SPDX-License-Identifier: MIT */
/*
 * Two engines face to face with every algorithm of chapter 1, table 2 (and those beyond it): each cipher,
 * prf, integrity algorithm and group of the tables carries a tunnel, a child rekey and an IKE rekey; each ESP
 * suite a child; extended sequence numbers come to be where both sides have them and outlive rekeys and a
 * restart.
 */
#include <criterion/criterion.h>

#include "ike/ike_crypto.h"
#include "ike_world.h"

TestSuite(ike_algorithms, .timeout = 120);

static struct world *pair(const struct ike_suite *ike, const struct ike_suite *esp)
{
	struct world *w = w_new();

	for (int i = 0; i < 2; i++) {
		if (ike)
			w->n[i].policy.ike[0] = *ike;
		if (esp)
			w->n[i].policy.payload[0].esp[0] = *esp;
	}
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	return w;
}

static uint32_t only_child(struct w_node *n)
{
	for (unsigned i = 0; i < W_CHILDREN; i++)
		if (n->child[i].live)
			return n->child[i].in;
	return 0;
}

/* Up, both rekeys, and still one matching tunnel. */
static void works(const struct ike_suite *ike, const struct ike_suite *esp, const char *name)
{
	struct world *w = pair(ike, esp);
	struct ike_sa_view v;

	cr_assert_eq(w_matched(w), 1, "%s: not up", name);
	cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, only_child(&w->n[1])), 0);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1, "%s: child rekey", name);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_rekey_ike(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_REKEYED], 1, "%s: IKE rekey", name);
	cr_assert_eq(w_matched(w), 1, "%s: IKE rekey", name);
	w_free(w);
}

static const struct ike_suite base = {IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96,
                                      IKE_GROUP_X25519, 0};

Test(ike_algorithms, every_cipher_of_ike)
{
	const struct ike_alg_encr *e;

	for (unsigned i = 0; (e = ike_alg_encr_at(i)); i++) {
		struct ike_suite s = base;

		if (!(e->where & IKE_ALG_IKE))
			continue;
		s.encr = e->id;
		s.encr_bits = e->bits;
		s.integ = e->icv ? IKE_INTEG_NONE : s.integ;
		works(&s, NULL, e->name);
	}
}

Test(ike_algorithms, every_prf_with_every_integrity)
{
	const struct ike_alg_prf *p;
	const struct ike_alg_integ *in;
	char name[64];

	for (unsigned i = 0; (p = ike_alg_prf_at(i)); i++)
		for (unsigned k = 0; (in = ike_alg_integ_at(k)); k++) {
			struct ike_suite s = base;

			s.prf = p->id;
			s.integ = in->id;
			snprintf(name, sizeof(name), "%s %s", p->name, in->name);
			works(&s, NULL, name);
		}
}

Test(ike_algorithms, every_group)
{
	const struct ike_alg_group *g;

	for (unsigned i = 0; (g = ike_alg_group_at(i)); i++) {
		struct ike_suite s = base,
		                 child = {IKE_ENCR_AES_CBC, 128, 0, IKE_INTEG_HMAC_SHA1_96, g->id, 0};

		s.dh = g->id;
		works(&s, &child, g->name);
	}
}

Test(ike_algorithms, every_esp_suite)
{
	const struct ike_alg_encr *e;
	const struct ike_alg_integ *in;
	char name[64];

	for (unsigned i = 0; (e = ike_alg_encr_at(i)); i++) {
		struct ike_suite s = {e->id, e->bits, 0, IKE_INTEG_NONE, 0, 0};

		if (e->icv) {
			works(NULL, &s, e->name);
			continue;
		}
		for (unsigned k = 0; (in = ike_alg_integ_at(k)); k++) {
			s.integ = in->id;
			snprintf(name, sizeof(name), "%s %s", e->name, in->name);
			works(NULL, &s, name);
		}
	}
}

/* What the data path of a node was told of its one child. */
static int esn_of(struct w_node *n)
{
	return w_child(n, only_child(n))->esn;
}

Test(ike_algorithms, extended_sequence_numbers_where_both_have_them)
{
	for (int both = 0; both < 4; both++) {
		struct world *w = w_new();

		for (int i = 0; i < 2; i++)
			w->n[i].policy.payload[0].esp[0].esn = both >> i & 1;
		w_boot(w);
		w_initiate(w);
		w_run(w, W_US);
		cr_assert_eq(w_matched(w), 1);
		for (int i = 0; i < 2; i++)
			cr_assert_eq(esn_of(&w->n[i]), both == 3, "node %d of case %d", i, both);
		cr_assert_eq(ike_engine_rekey_child(w->n[1].e, w->now, only_child(&w->n[1])), 0);
		w_run(w, W_US);
		cr_assert_eq(ike_engine_rekey_child(w->n[0].e, w->now, only_child(&w->n[0])), 0);
		w_run(w, W_US);
		cr_assert_eq(w_matched(w), 1);
		for (int i = 0; i < 2; i++)
			cr_assert_eq(esn_of(&w->n[i]), both == 3, "node %d of case %d, rekeyed", i, both);
		w_kill(&w->n[0]);
		w_restore(&w->n[0]);
		cr_assert_eq(esn_of(&w->n[0]), both == 3, "case %d, restarted", both);
		w_free(w);
	}
}

/* Chapter 15: combined ciphers are known and not spoken for IKE by transform sets: another proposal is
 * chosen, or none. */
Test(ike_algorithms, combined_mode_without_a_match_is_refused)
{
	struct world *w = w_new();

	w->n[1].policy.ike[0] = (struct ike_suite){IKE_ENCR_AES_GCM_16, 128, IKE_PRF_HMAC_SHA2_256, 0, 31, 0};
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 0);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_NO_PROPOSAL);
	w_free(w);
	w = w_new();
	w->n[1].policy.ike[1] = w->n[0].policy.ike[0];
	w->n[1].policy.ike[0] = (struct ike_suite){IKE_ENCR_AES_GCM_16, 128, IKE_PRF_HMAC_SHA2_256, 0, 31, 0};
	w->n[1].policy.n_ike = 2;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
	w_free(w);
}
