/* SPDX-License-Identifier: MIT */
/*
 * Two engines face to face: set-up, authentication, cookies, groups, NAT, addresses, traffic selectors, and
 * the ways they fail.
 */
#include <criterion/criterion.h>

#include "ike_world.h"

static struct world *w;

static void setup(void)
{
	w = w_new();
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_basic, .init = setup, .fini = teardown, .timeout = 60);

static void up(void)
{
	struct ike_sa_view a, b;

	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq(w_children(&w->n[1]), 1);
	cr_assert(w_sa(&w->n[0], &a) && w_sa(&w->n[1], &b));
	cr_assert_eq(a.spi, b.peer_spi);
	cr_assert_eq(b.spi, a.peer_spi);
	cr_assert_eq(a.spi >> 56, 7);
	cr_assert_eq(b.spi >> 56, 200);
	cr_assert_eq(w_rows(&w->n[0]), 1);
	cr_assert_eq(w->n[0].events[IKE_EV_UP], 1);
}

Test(ike_basic, tunnel_comes_up_for_every_suite)
{
	static const struct ike_suite ike[] = {
	        {IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96, IKE_GROUP_MODP1024, 0},
	        {IKE_ENCR_AES_CBC, 256, IKE_PRF_HMAC_SHA2_256, IKE_INTEG_HMAC_SHA2_256_128,
	         IKE_GROUP_MODP2048, 0},
	        {IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA2_256, IKE_INTEG_HMAC_SHA1_96, IKE_GROUP_ECP256, 0},
	        {IKE_ENCR_AES_GCM_16, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_NONE, IKE_GROUP_X25519, 0},
	        {IKE_ENCR_AES_GCM_16, 256, IKE_PRF_HMAC_SHA2_256, IKE_INTEG_NONE, IKE_GROUP_X25519, 0},
	};
	static const struct ike_suite esp[] = {
	        {IKE_ENCR_AES_CBC, 128, 0, IKE_INTEG_HMAC_SHA1_96, 0, 0},
	        {IKE_ENCR_AES_CBC, 256, 0, IKE_INTEG_HMAC_SHA2_256_128, 0, 0},
	        {IKE_ENCR_AES_GCM_16, 128, 0, 0, 0, 0},
	        {IKE_ENCR_AES_GCM_16, 256, 0, 0, IKE_GROUP_X25519, 0},
	};

	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < 4; k++) {
			struct world *one = w_new();

			for (int n = 0; n < 2; n++) {
				one->n[n].policy.ike[0] = ike[i];
				one->n[n].policy.payload[0].esp[0] = esp[k];
			}
			w_boot(one);
			w_initiate(one);
			w_run(one, W_US);
			cr_expect_eq(w_matched(one), 1, "suite %zu child %zu", i, k);
			w_free(one);
		}
	}
}

Test(ike_basic, tunnel_comes_up)
{
	struct ike_sa_view v;

	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	up();
	cr_assert(w_sa(&w->n[0], &v));
	cr_expect_eq(v.path.natt, false);
	cr_expect_str_eq(v.policy, "tmpl");
	cr_expect_eq(v.recv_msgid, 2);
	cr_expect_eq(w->sent[0], 2);
	cr_expect_eq(w->sent[1], 2);
	cr_expect_lt(w->n[0].biggest_row, 1536, "a row has %zu bytes", w->n[0].biggest_row);
	cr_expect_eq(w->n[0].cnt.curestsa, 1);
	cr_expect_eq(w->n[0].cnt.curchildsa, 1);
	cr_expect_eq(w->n[0].cnt.curhalfsa, 0);
	cr_expect_eq(w->n[0].cnt.ttlsaresp, 1);
}

Test(ike_basic, answer_waits_for_the_store)
{
	w->n[0].commit = W_MANUAL;
	w_boot(w);
	w_initiate(w);
	w_run(w, 100000);
	cr_assert_eq(w->sent[0], 1, "only IKE_SA_INIT is answered");
	cr_assert_eq(w->n[0].n_queue, 1);
	cr_assert_eq(w->n[0].adds, 0);
	w_run(w, 3 * W_US); /* the initiator asks again, in vain */
	cr_assert_gt(w->sent[1], 3);
	cr_assert_eq(w->sent[0], 1);
	w_settle(&w->n[0], true);
	cr_assert_eq(w->sent[0], 2);
	w_run(w, W_US);
	up();
}

Test(ike_basic, refused_checkpoint_drops_the_new_tunnel)
{
	w->n[0].commit = W_MANUAL;
	w_boot(w);
	w_initiate(w);
	w_run(w, 100000);
	w_settle(&w->n[0], false);
	cr_assert_eq(w->sent[0], 1);
	cr_assert_eq(w_rows(&w->n[0]), 0);
	cr_assert_eq(w->n[0].events[IKE_EV_SETUP_FAILED], 1);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_STORE);
	w_run(w, 10);
	cr_assert_eq(w_established(&w->n[0]), 0);
}

Test(ike_basic, aborted_change_of_an_old_tunnel_is_tried_again)
{
	struct ike_sa_view v;

	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	up();
	w->n[0].commit = W_MANUAL;
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_dpd(w->n[1].e, w->now, v.spi), 0);
	w_run(w, 100000);
	cr_assert_eq(w->n[0].n_queue, 1);
	w_settle(&w->n[0], false);
	w_run(w, 2 * W_US);
	cr_assert_eq(w->n[0].n_queue, 1, "the same once more");
	w->n[0].commit = W_NOW;
	w_settle(&w->n[0], true);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_PEER_ALIVE], 1);
}

Test(ike_basic, wrong_psk_is_refused)
{
	strcpy((char *)w->n[1].policy.psk, "wrong!");
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 1);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].notify, IKE_N_AUTHENTICATION_FAILED);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
	cr_assert_eq(w->n[0].cnt.auth_failhash, 1);
	cr_assert_eq(w_rows(&w->n[0]), 0);
	cr_assert_eq(w_children(&w->n[0]), 0);
	w_run(w, 60 * W_US);
	cr_assert_eq(w->n[0].cnt.curikev2sa, 0);
}

Test(ike_basic, unknown_peer_is_refused)
{
	w->n[0].psk_error = -EACCES;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].notify, IKE_N_AUTHENTICATION_FAILED);
	cr_assert_eq(w->n[0].cnt.auth_invalidnai, 1);
}

Test(ike_basic, initiator_does_not_believe_a_wrong_identity)
{
	ike_id_parse(&w->n[1].policy.remote_id, "other.example.net");
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
	cr_assert_eq(w_children(&w->n[0]), 0, "the responder was told");
	cr_assert_eq(w_rows(&w->n[0]), 0);
}

Test(ike_basic, no_common_algorithms)
{
	w->n[1].policy.ike[0].encr_bits = 128;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_NO_PROPOSAL);
	cr_assert_eq(w->n[0].cnt.notifpaysent_noprop, 1);
	cr_assert_eq(w->n[0].cnt.curikev2sa, 0);
}

Test(ike_basic, no_common_child_algorithms)
{
	w->n[1].policy.payload[0].esp[0].encr_bits = 256;
	w->n[0].policy.allow_empty = w->n[1].policy.allow_empty = true;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[0]), 1);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert_eq(w_children(&w->n[0]), 0);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_PROPOSAL_CHOSEN);
}

Test(ike_basic, empty_sa_is_deleted_unless_allowed)
{
	w->n[1].policy.payload[0].esp[0].encr_bits = 256;
	w_boot(w);
	w_initiate(w);
	w_run(w, 10 * W_US);
	cr_assert_eq(w_established(&w->n[0]), 0);
	cr_assert_eq(w_established(&w->n[1]), 0);
	cr_assert_eq(w_rows(&w->n[0]), 0);
	cr_assert_eq(w_rows(&w->n[1]), 0);
}

Test(ike_basic, invalid_ke_makes_the_initiator_change_group)
{
	struct ike_sa_view v;

	w->n[1].policy.ike[1] = w->n[1].policy.ike[0];
	w->n[1].policy.ike[0].dh = IKE_GROUP_MODP1024;
	w->n[1].policy.n_ike = 2;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	up();
	cr_assert_eq(w->n[0].cnt.notifpaysent_invke, 1);
	cr_assert_eq(w->n[1].cnt.notifpayrecv_invke, 1);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(v.suite.dh, IKE_GROUP_X25519);
}

static int auth_is_late(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)from, (void)len, (void)delay;
	return pkt[18] == IKE_X_AUTH && one->now < W_START + 2 * W_US;
}

Test(ike_basic, cookie_above_the_threshold)
{
	w->fate = auth_is_late;
	w->n[0].cfg.cookie_on = 1;
	w->n[0].policy.cookie_challenge = true;
	w->latency = 50000;
	w_boot(w);
	w_initiate(w);
	w_run(w, 60000); /* the first is half open now */
	cr_assert_eq(w->n[0].cnt.curhalfsa, 1);
	w_initiate(w);
	w_run(w, 5 * W_US);
	cr_assert_eq(w->n[0].cnt.notif_cooksent, 1);
	cr_assert_eq(w->n[0].cnt.notif_cookmatch, 1);
	cr_assert_eq(w->n[1].cnt.notif_cookrecv, 1);
	cr_assert_eq(w_established(&w->n[0]), 2);
	cr_assert_eq(w->n[0].events[IKE_EV_COOKIES_ON], 1);
	cr_assert_eq(w->n[0].events[IKE_EV_COOKIES_OFF], 1);
}

static int drop_init_answers(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)len, (void)delay;
	return from == 0 && pkt[18] == IKE_X_SA_INIT;
}

Test(ike_basic, half_open_sas_are_limited_and_expire)
{
	w->n[0].cfg.max_half_open = 3;
	w->n[0].policy.half_open_s = 5;
	w->fate = drop_init_answers;
	w_boot(w);
	for (int i = 0; i < 6; i++)
		w_initiate(w);
	w_run(w, 100000);
	cr_assert_eq(w->n[0].cnt.curhalfsa, 3);
	cr_assert_eq(w->n[0].cnt.congdrop, 3);
	w_run(w, 60 * W_US);
	cr_assert_eq(w->n[0].cnt.curhalfsa, 0);
	cr_assert_eq(w->n[1].cnt.initfail_noresp, 6);
	cr_assert_geq(w->n[0].cnt.exp_half_open_sa, 3);
	cr_assert_eq(w_rows(&w->n[0]), 0, "half-open SAs are not stored");
}

Test(ike_basic, nat_floats_to_4500)
{
	struct ike_sa_view v;

	w->nat = true;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	up();
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert(v.nat_remote && !v.nat_local && v.path.natt);
	cr_assert_eq(v.path.remote.port, 44500);
	cr_assert_eq(v.path.local.port, 4500);
	cr_assert(w->n[0].child[0].encap);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert(v.nat_local && !v.nat_remote);
	/* the mapping changes: an authenticated packet shows it */
	w->nat_shift = 11;
	cr_assert_eq(ike_engine_dpd(w->n[1].e, w->now, v.spi), 0);
	w_run(w, 3 * W_US);
	cr_assert_eq(w->n[1].events[IKE_EV_PEER_ALIVE], 1);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(v.path.remote.port, 44511);
	cr_assert_eq(w->n[0].paths, 1);
	cr_assert_eq(w->n[0].child[0].path.remote.port, 44511);
	cr_assert_eq(w->n[0].cnt.nat_update_addr_control, 1);
	/* … or the data path tells */
	v.path.remote.port = 44522;
	w->nat_shift = 22;
	cr_assert_eq(ike_engine_data_seen(w->n[0].e, w->now, w->n[0].child[0].in, &v.path.remote), 0);
	cr_assert_eq(w->n[0].paths, 2);
	cr_assert_eq(w->n[0].cnt.nat_update_addr_data, 1);
}

Test(ike_basic, forced_encapsulation)
{
	struct ike_sa_view v;

	w->n[1].policy.force_encap = true;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	up();
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert(v.nat_remote && v.path.natt && v.path.remote.port == 4500);
	cr_assert(w->n[0].child[0].encap && w->n[1].child[0].encap);
}

Test(ike_basic, address_from_the_session)
{
	struct ike_sa_view v;

	w->n[0].policy.ask_session = w->n[0].policy.payload[0].assign_address =
	        w->n[1].policy.payload[0].assign_address = true;
	w->n[0].result.callid = 4711;
	net_addr_parse(&w->n[0].result.addr, "172.16.0.5");
	net_addr_parse(&w->n[0].result.dns[0], "8.8.8.8");
	w->n[0].result.n_dns = 1;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	up();
	cr_assert_eq(w->n[0].sessions_asked, 1);
	cr_assert(w_sa(&w->n[0], &v));
	cr_assert_eq(v.callid, 4711);
	cr_assert(net_addr_equal(&v.inner, &w->n[0].result.addr));
	cr_assert(net_addr_equal(&w->n[0].child[0].tsr.lo, &w->n[0].result.addr));
	cr_assert(net_addr_equal(&w->n[0].child[0].tsr.hi, &w->n[0].result.addr));
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert(net_addr_equal(&v.inner, &w->n[0].result.addr));
	cr_assert(net_addr_equal(&w->n[1].child[0].tsl.hi, &w->n[0].result.addr));
	/* the end of the SA ends the session */
	ike_engine_delete_ike(w->n[1].e, w->now, v.spi);
	w_run(w, W_US);
	cr_assert_eq(w->n[0].sessions_ended, 1);
}

Test(ike_basic, session_is_late_and_the_peer_patient)
{
	w->n[0].policy.ask_session = true;
	w->n[0].answer_sessions = false;
	w_boot(w);
	w_initiate(w);
	w_run(w, 2 * W_US);
	cr_assert_eq(w->n[0].sessions_asked, 1, "asked once, though the peer asked more often");
	cr_assert_eq(w->sent[0], 1);
	cr_assert_eq(ike_engine_address_assigned(w->n[0].e, w->now, w->n[0].session_ref, &w->n[0].result), 0);
	cr_assert_eq(ike_engine_address_assigned(w->n[0].e, w->now, w->n[0].session_ref, &w->n[0].result),
	             -EALREADY);
	w_run(w, W_US);
	up();
}

Test(ike_basic, session_never_comes)
{
	w->n[0].policy.ask_session = true;
	w->n[0].policy.setup_timer_s = 3;
	w->n[0].answer_sessions = false;
	w_boot(w);
	w_initiate(w);
	w_run(w, 4 * W_US);
	cr_assert_eq(w->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_SETUP_TIMEOUT);
	cr_assert_eq(ike_engine_address_assigned(w->n[0].e, w->now, w->n[0].session_ref, &w->n[0].result),
	             -ENOENT);
	w_run(w, 60 * W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_RETRANSMIT);
}

Test(ike_basic, no_address_left)
{
	w->n[0].policy.ask_session = w->n[0].policy.payload[0].assign_address =
	        w->n[1].policy.payload[0].assign_address = true;
	w->n[0].result.status = -ENOSPC;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US / 2);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_INTERNAL_ADDRESS_FAILURE);
	w_run(w, 5 * W_US);
	cr_assert_eq(w_established(&w->n[0]), 0);
	cr_assert_eq(w_rows(&w->n[0]), 0);
}

/* max-sessions of the service: the peer is told, and the IKE SA goes although empty ones are allowed. */
Test(ike_basic, the_service_is_full)
{
	w->n[0].policy.ask_session = w->n[0].policy.payload[0].assign_address =
	        w->n[1].policy.payload[0].assign_address = true;
	w->n[0].policy.allow_empty = w->n[1].policy.allow_empty = true;
	w->n[0].result.status = -EDQUOT;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US / 2);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_ADDITIONAL_SAS);
	cr_assert_eq(w->n[0].cnt.notifpaysent_noaddsa, 1);
	w_run(w, 5 * W_US);
	cr_assert_eq(w_established(&w->n[0]), 0);
	cr_assert_eq(w_established(&w->n[1]), 0);
	cr_assert_eq(w_rows(&w->n[0]), 0);
}

Test(ike_basic, session_refused)
{
	w->n[0].policy.ask_session = true;
	w->n[0].result.status = -EACCES;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
}

Test(ike_basic, selectors_are_narrowed)
{
	struct ike_ts *t = &w->n[0].policy.payload[0].ts_local[0];

	*t = (struct ike_ts){.port_hi = 65535};
	net_addr_parse(&t->lo, "192.168.1.0");
	net_addr_parse(&t->hi, "192.168.1.255");
	w->n[0].policy.payload[0].n_ts_local = 1;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	up();
	cr_assert(net_addr_equal(&w->n[1].child[0].tsr.lo, &t->lo));
	cr_assert(net_addr_equal(&w->n[1].child[0].tsr.hi, &t->hi));
}

Test(ike_basic, selectors_unacceptable)
{
	struct ike_ts *t = &w->n[0].policy.payload[0].ts_local[0],
	              *u = &w->n[1].policy.payload[0].ts_remote[0];

	*t = *u = (struct ike_ts){.port_hi = 65535};
	net_addr_parse(&t->lo, "192.168.1.0");
	net_addr_parse(&t->hi, "192.168.1.255");
	net_addr_parse(&u->lo, "192.168.2.0");
	net_addr_parse(&u->hi, "192.168.2.255");
	w->n[0].policy.payload[0].n_ts_local = w->n[1].policy.payload[0].n_ts_remote = 1;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_TS_UNACCEPTABLE);
	cr_assert_eq(w->n[0].cnt.notifpaysent_tsunaccept, 1);
}

Test(ike_basic, delete_by_either_side)
{
	struct ike_sa_view v;

	for (int who = 0; who < 2; who++) {
		struct world *one = w_new();

		w_boot(one);
		w_initiate(one);
		w_run(one, W_US);
		cr_assert(w_sa(&one->n[who], &v));
		cr_assert_eq(ike_engine_delete_ike(one->n[who].e, one->now, v.spi), 0);
		w_run(one, W_US);
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(w_children(&one->n[i]), 0);
			cr_assert_eq(w_rows(&one->n[i]), 0);
			cr_assert_eq(one->n[i].events[IKE_EV_DOWN], 1);
			cr_assert_eq(one->n[i].cnt.curikev2sa, 0);
			cr_assert_eq(one->n[i].cnt.curchildsa, 0);
		}
		cr_assert_eq(one->n[who].last[IKE_EV_DOWN].reason, IKE_R_LOCAL_DELETE);
		cr_assert_eq(one->n[!who].last[IKE_EV_DOWN].reason, IKE_R_PEER_DELETE);
		w_free(one);
	}
}

Test(ike_basic, both_delete_at_once)
{
	struct ike_sa_view a, b;

	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert(w_sa(&w->n[0], &a) && w_sa(&w->n[1], &b));
	ike_engine_delete_ike(w->n[0].e, w->now, a.spi);
	ike_engine_delete_ike(w->n[1].e, w->now, b.spi);
	w_run(w, 2 * W_US);
	cr_assert_eq(w_rows(&w->n[0]), 0);
	cr_assert_eq(w_rows(&w->n[1]), 0);
	cr_assert_eq(w_children(&w->n[0]), 0);
	cr_assert_eq(w_children(&w->n[1]), 0);
}

Test(ike_basic, second_child_up_to_the_limit)
{
	struct ike_sa_view v;

	w->n[0].policy.max_childsa = 2;
	w->n[0].policy.childsa_terminate = true;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_new_child(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert_eq(ike_engine_new_child(w->n[1].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 2);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_FAILED].notify, IKE_N_NO_ADDITIONAL_SAS);
	/* and one is deleted again, by the responder */
	cr_assert_eq(ike_engine_delete_child(w->n[0].e, w->now, w->n[0].child[0].in), 0);
	w_run(w, W_US);
	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq(w_children(&w->n[1]), 1);
}

Test(ike_basic, dead_peer_is_noticed)
{
	w->n[0].policy.dpd_interval_s = 10;
	w_boot(w);
	w_initiate(w);
	w_run(w, 65 * W_US);
	cr_assert_geq(w->n[0].events[IKE_EV_PEER_ALIVE], 5);
	cr_assert_eq(w->n[0].cnt.dpd_recv_reply, w->n[0].cnt.dpd_send);
	w_kill(&w->n[1]);
	w_run(w, 120 * W_US);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_DPD_TIMEOUT);
	cr_assert_eq(w->n[0].cnt.dpd_disconnect, 1);
	cr_assert_eq(w_rows(&w->n[0]), 0);
	cr_assert_eq(w_children(&w->n[0]), 0);
}

/* StarOS keepalive interval 10 timeout 20 num-retry 2: asked three times, 20 s apart, then given up. */
Test(ike_basic, checks_have_a_pace_of_their_own)
{
	uint64_t before;

	w->n[0].policy.dpd_interval_s = 10;
	w->n[0].policy.dpd_timeout_s = 20;
	w->n[0].policy.dpd_retries = 2;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	w_kill(&w->n[1]);
	before = w->sent[0];
	w_run(w, 65 * W_US);
	cr_assert_eq(w->sent[0] - before, 3);
	cr_assert_eq(w_established(&w->n[0]), 1);
	w_run(w, 20 * W_US);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_DPD_TIMEOUT);
	cr_assert_eq(w->sent[0] - before, 3);
}

/* The initiator asks for a gateway's name; with nai use-received-idr it is answered by it. */
Test(ike_basic, the_identity_asked_for)
{
	struct ike_sa_view v;
	char text[64];

	for (int use = 0; use < 2; use++) {
		struct world *one = w_new();

		one->n[0].policy.use_received_idr = use;
		ike_id_parse(&one->n[1].policy.remote_id, "asked.example.net");
		w_boot(one);
		w_initiate(one);
		w_run(one, W_US);
		cr_assert_eq(w_matched(one), use);
		if (use) {
			cr_assert(w_sa(&one->n[0], &v));
			cr_assert_str_eq(ike_id_format(&v.local_id, text, sizeof(text)), "asked.example.net");
		}
		w_free(one);
	}
}

/* allow-custom-fqdn-idr: of type FQDN only names of domains are asked for, unless the template says
 * otherwise. */
Test(ike_basic, an_identity_that_is_no_name)
{
	static const struct {
		const char *idr;
		bool name;
	} rows[] = {{"gw", true},
	            {"a-1.example.net", true},
	            {"apn.epc.mnc001.mcc001.3gppnetwork.org", true},
	            {"gw_1", false},
	            {"-gw", false},
	            {"gw-", false},
	            {"a..b", false},
	            {".a", false},
	            {"a-.b", false},
	            {"a b.c", false}};

	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *one = w_new();
		const char *idr = rows[i / 2].idr;

		one->n[0].policy.use_received_idr = true;
		one->n[0].policy.custom_idr = i % 2;
		one->n[1].policy.remote_id =
		        (struct ike_id){.type = IKE_ID_FQDN, .len = (uint8_t)strlen(idr)};
		memcpy(one->n[1].policy.remote_id.data, idr, strlen(idr));
		w_boot(one);
		w_initiate(one);
		w_run(one, W_US);
		cr_assert_eq(w_matched(one), i % 2 || rows[i / 2].name, "%s", idr);
		if (!(i % 2) && !rows[i / 2].name) {
			cr_assert_eq(one->n[0].cnt.auth_invalidnai, 1);
			cr_assert_str_eq(one->n[0].last[IKE_EV_SETUP_FAILED].detail,
			                 "the IDr asked for is no domain name");
		}
		w_free(one);
	}
}

/* How many name servers the last IKE_AUTH answer of the gateway has, by the peer's keys. */
static unsigned name_servers(struct world *one)
{
	const uint8_t *pkt = one->last_pkt[0];
	struct ike_msg outer = {0}, m = {0};
	const uint8_t *inner;
	struct ike_sa_view v;
	struct ike_cp cp = {0};
	struct ike_sa *sa;
	size_t len;

	cr_assert(w_sa(&one->n[1], &v));
	sa = ike_sa_find(one->n[1].e, v.spi);
	cr_assert_eq(ike_wire_parse_hdr(&outer.hdr, pkt, one->last_len[0]), IKE_W_OK);
	cr_assert_eq(ike_wire_parse_chain(&outer, outer.hdr.next, pkt + IKE_HDR_LEN,
	                                  one->last_len[0] - IKE_HDR_LEN, false),
	             IKE_W_OK);
	cr_assert_eq(ike_msg_open(sa, pkt, one->last_len[0], &outer, &inner, &len), IKE_OPEN_OK);
	m.hdr = outer.hdr;
	cr_assert_eq(ike_wire_parse_chain(&m, outer.sk_next, inner, len, true), IKE_W_OK);
	cr_assert_eq(ike_wire_parse_cp(&cp, &m.cp), IKE_W_OK);
	return cp.n_dns;
}

/* dns-handling: the peer asks for one of two. */
Test(ike_basic, name_servers_as_many_as_asked_for)
{
	for (int custom = 0; custom < 2; custom++) {
		struct world *one = w_new();

		one->n[0].policy.ask_session = one->n[0].policy.payload[0].assign_address =
		        one->n[1].policy.payload[0].assign_address = true;
		one->n[0].policy.dns_as_asked = custom;
		net_addr_parse(&one->n[0].result.addr, "172.16.0.5");
		net_addr_parse(&one->n[0].result.dns[0], "192.0.2.53");
		net_addr_parse(&one->n[0].result.dns[1], "192.0.2.54");
		one->n[0].result.n_dns = 2;
		w_boot(one);
		w_initiate(one);
		w_run(one, W_US);
		cr_assert_eq(w_matched(one), 1);
		cr_assert_eq(name_servers(one), custom ? 1 : 2);
		w_free(one);
	}
}

/* StarOS does not support INITIAL_CONTACT (chapter 25): it is counted, and the old tunnel ends by dead peer
 * detection. */
Test(ike_basic, initial_contact_is_only_counted)
{
	w->n[1].policy.initial_contact = true;
	w->n[0].policy.dpd_interval_s = 20;
	w->n[0].policy.ask_session = true;
	w->n[0].result.callid = 1;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	up();
	w_kill(&w->n[1]);
	w_forget(&w->n[1]);
	w_start(&w->n[1]);
	w->n[0].result.callid = 2;
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[0]), 2);
	cr_assert_eq(w->n[0].sessions_ended, 0);
	cr_assert_eq(w->n[0].cnt.notifrecv_initcont, 2);
	w_run(w, 60 * W_US);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_DPD_TIMEOUT);
	cr_assert_eq(w_established(&w->n[0]), 1);
	cr_assert_eq(w_rows(&w->n[0]), 1);
	cr_assert_eq(w->n[0].sessions_ended, 1);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_basic, lifetimes_end)
{
	w->n[0].policy.ike_lifetime_s = 100;
	w->n[0].policy.payload[0].lifetime_s = 50;
	w->n[0].policy.allow_empty = w->n[1].policy.allow_empty = true;
	w_boot(w);
	w_initiate(w);
	w_run(w, 60 * W_US);
	cr_assert_eq(w_children(&w->n[0]), 0);
	cr_assert_eq(w->n[0].last[IKE_EV_CHILD_DOWN].reason, IKE_R_LIFETIME);
	cr_assert_eq(w->n[1].last[IKE_EV_CHILD_DOWN].reason, IKE_R_PEER_DELETE);
	cr_assert_eq(w_established(&w->n[1]), 1);
	w_run(w, 60 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 0);
	cr_assert_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_LIFETIME);
}

Test(ike_basic, load_generator_stores_nothing)
{
	w->n[1].cfg.volatile_only = true;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w->n[1].durable, 0);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_basic, drop_all_with_and_without_telling)
{
	w_boot(w);
	w_initiate(w);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[0]), 2);
	cr_assert_eq(ike_engine_drop_all(w->n[0].e, w->now, "tmpl", true), 2);
	w_run(w, W_US);
	cr_assert_eq(w_rows(&w->n[0]) + w_rows(&w->n[1]), 0);
	w_initiate(w);
	w_run(w, W_US);
	cr_assert_eq(ike_engine_drop_all(w->n[0].e, w->now, NULL, false), 1);
	cr_assert_eq(w_rows(&w->n[0]), 0);
	w_run(w, W_US);
	cr_assert_eq(w_rows(&w->n[1]), 1);
}
