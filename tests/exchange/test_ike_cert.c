/* SPDX-License-Identifier: MIT */
/*
 * Two engines that prove themselves by certificates (chapters 1, 3, 8, 11): both ways and mixed with
 * pre-shared keys, every kind of key, chains, what is wrong with a certificate or an identity, several auth
 * sets, fragments, and restarts.
 */
#include <criterion/criterion.h>

#include "ike_world.h"
#include "tests/pki_make.h"

static struct world *w;
static struct mk root, other, cert[2];
static struct pki_trust *trust, *trust_other;

static void setup(void)
{
	w = w_new();
	root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);
	other = mk_cert(&(struct mk_want){.cn = "other", .ca = true}, NULL);
	cert[0] = mk_cert(&(struct mk_want){.cn = "gw", .san = "DNS:gw.example.net"}, &root);
	cert[1] = mk_cert(&(struct mk_want){.cn = "peer", .san = "email:peer@example.net"}, &root);
	trust = mk_trust((const struct mk *[]){&root}, 1);
	trust_other = mk_trust((const struct mk *[]){&other}, 1);
}

static void teardown(void)
{
	for (int i = 0; i < 2; i++) {
		pki_own_unref(w->n[i].policy.own);
		mk_free(&cert[i]);
	}
	w_free(w);
	mk_free(&root);
	mk_free(&other);
	pki_trust_unref(trust);
	pki_trust_unref(trust_other);
}

TestSuite(ike_cert, .init = setup, .fini = teardown, .timeout = 60);

/* Node i shows m and believes t. */
static void give(int i, const struct mk *m, struct pki_trust *t)
{
	struct ike_policy *p = &w->n[i].policy;

	pki_own_unref(p->own);
	p->own = m ? mk_own(&m, 1, NULL) : NULL;
	p->trust = t;
}

static void ways(int i, bool local, bool remote)
{
	w->n[i].policy.auth[0] = (struct ike_auth_set){.local_cert = local, .remote_cert = remote};
	w->n[i].policy.n_auth = 1;
}

static void both_by_cert(void)
{
	for (int i = 0; i < 2; i++) {
		give(i, &cert[i], trust);
		ways(i, true, true);
		w->n[i].policy.psk_len = 0;
	}
}

static void go(void)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
}

static void refused(const char *why)
{
	const struct ike_event *ev = &w->n[0].last[IKE_EV_SETUP_FAILED];

	cr_expect_eq(w_established(&w->n[0]) + w_established(&w->n[1]), 0);
	cr_expect_eq(ev->reason, IKE_R_AUTH_FAILED);
	cr_expect(ev->detail && !strcmp(ev->detail, why), "%s instead of %s", ev->detail ? ev->detail : "-",
	          why);
	cr_expect_eq(w->n[0].cnt.auth_failsign, 1);
	cr_expect_eq(w->n[0].cnt.failure_remote_cert_auth_method, 1);
	cr_expect_eq(w->n[1].last[IKE_EV_SETUP_FAILED].notify, IKE_N_AUTHENTICATION_FAILED);
	cr_expect_eq(w->n[1].cnt.failure_local_cert_auth_method, 1);
}

Test(ike_cert, both_ways)
{
	struct ike_sa_view v;

	both_by_cert();
	go();
	cr_assert_eq(w_matched(w), 1);
	cr_assert(w_sa(&w->n[0], &v));
	cr_expect_eq(v.peer_id.type, IKE_ID_RFC822);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(w->n[i].cnt.cert_sent, 1);
		cr_expect_eq(w->n[i].cnt.server_cert_sent, 1);
		cr_expect_eq(w->n[i].cnt.cert_recv, 1);
		cr_expect_eq(w->n[i].cnt.cert_reqsent, 1);
		cr_expect_eq(w->n[i].cnt.cert_reqrecv, 1);
		cr_expect_eq(w->n[i].cnt.attempt_local_cert_auth_method, 1);
		cr_expect_eq(w->n[i].cnt.success_local_cert_auth_method, 1);
		cr_expect_eq(w->n[i].cnt.success_remote_cert_auth_method, 1);
		cr_expect_eq(w->n[i].cnt.auth_failsign, 0);
	}
	cr_assert_eq(ike_engine_rekey_ike(w->n[0].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_expect_eq(w->n[0].events[IKE_EV_REKEYED], 1);
}

Test(ike_cert, one_way_by_key_the_other_by_certificate)
{
	for (int gw_by_cert = 0; gw_by_cert < 2; gw_by_cert++) {
		teardown();
		setup();
		give(0, gw_by_cert ? &cert[0] : NULL, gw_by_cert ? NULL : trust);
		give(1, gw_by_cert ? NULL : &cert[1], gw_by_cert ? trust : NULL);
		ways(0, gw_by_cert, !gw_by_cert);
		ways(1, !gw_by_cert, gw_by_cert);
		go();
		cr_expect_eq(w_matched(w), 1, "gateway by %s", gw_by_cert ? "certificate" : "key");
		cr_expect_eq(w->n[!gw_by_cert].cnt.cert_sent, 1);
		cr_expect_eq(w->n[gw_by_cert ? 1 : 0].cnt.cert_recv, 1);
		cr_expect_eq(w->n[gw_by_cert ? 0 : 1].cnt.cert_recv, 0);
		/* and with the wrong key */
		w_kill(&w->n[1]);
		w->n[1].policy.psk[0] ^= 1;
		w_forget(&w->n[1]);
		w_start(&w->n[1]);
		w_initiate(w);
		w_run(w, W_US);
		cr_expect_eq(w_established(&w->n[1]), 0);
	}
}

Test(ike_cert, keys_and_paddings)
{
	static const char *const kinds[] = {"rsa", "rsa1024", "P-384", "P-521"};

	for (size_t k = 0; k < 4; k++)
		for (int pss = 0; pss < 2; pss++) {
			teardown();
			setup();
			mk_free(&cert[0]);
			cert[0] = mk_cert(
			        &(struct mk_want){.cn = "gw", .san = "DNS:gw.example.net", .key = kinds[k]},
			        &root);
			both_by_cert();
			w->n[0].policy.cert_pss = pss;
			go();
			cr_expect_eq(w_matched(w), 1, "%s %d", kinds[k], pss);
		}
}

static int count_hashes(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)from, (void)delay, (void)one;
	for (size_t i = 28; pkt[18] == IKE_X_SA_INIT && i + 1 < len; i++)
		if (pkt[i] == 16431 >> 8 && pkt[i + 1] == (16431 & 255))
			*(unsigned *)one->fate_arg += 1;
	return 0;
}

Test(ike_cert, hash_algorithms_are_announced_where_certificates_are_used)
{
	unsigned seen = 0;

	w->fate = count_hashes;
	w->fate_arg = &seen;
	go();
	cr_expect_eq(seen, 0);
	cr_expect_eq(w->n[0].cnt.cert_reqsent, 0);
	teardown();
	setup();
	both_by_cert();
	w->fate = count_hashes;
	w->fate_arg = &seen;
	go();
	cr_expect_eq(seen, 2);
}

Test(ike_cert, without_an_identity_the_subject_is_ours)
{
	struct ike_sa_view v;

	both_by_cert();
	for (int i = 0; i < 2; i++)
		w->n[i].policy.local_id.type = IKE_ID_NONE;
	go();
	cr_assert_eq(w_matched(w), 1);
	cr_assert(w_sa(&w->n[0], &v));
	cr_expect_eq(v.peer_id.type, IKE_ID_DER_DN);
	cr_expect_eq(v.local_id.type, IKE_ID_DER_DN);
}

Test(ike_cert, wrong_ca)
{
	both_by_cert();
	give(0, &cert[0], trust_other);
	go();
	refused("certificate of an unknown CA");
}

/* certificate … validate: we are as strict with ourselves as with others. Of another CA, which the peer
 * believes as well: */
static void foreign_gateway(bool validate)
{
	struct mk foreign = mk_cert(&(struct mk_want){.cn = "gw", .san = "DNS:gw.example.net"}, &other);
	struct pki_trust *both = mk_trust((const struct mk *[]){&root, &other}, 2);

	both_by_cert();
	give(0, &foreign, trust);
	w->n[1].policy.trust = both;
	w->n[0].policy.own_validate = validate;
	go();
	pki_trust_unref(both);
	mk_free(&foreign);
}

Test(ike_cert, our_own_certificate_is_taken_for_good)
{
	foreign_gateway(false);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_cert, our_own_certificate_is_looked_at)
{
	foreign_gateway(true);
	cr_assert_eq(w_established(&w->n[0]) + w_established(&w->n[1]), 0);
	cr_assert_str_eq(w->n[0].last[IKE_EV_SETUP_FAILED].detail, "our own certificate is not valid");
	cr_assert_eq(w->n[0].cnt.failure_local_cert_auth_method, 1);
	cr_assert_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 1);
}

Test(ike_cert, our_own_certificate_is_good)
{
	both_by_cert();
	w->n[0].policy.own_validate = w->n[1].policy.own_validate = true;
	go();
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_cert, expired)
{
	mk_free(&cert[1]);
	cert[1] = mk_cert(
	        &(struct mk_want){.cn = "peer", .san = "email:peer@example.net", .until = MK_NOW - 1}, &root);
	both_by_cert();
	go();
	refused("certificate expired");
}

Test(ike_cert, not_valid_yet)
{
	mk_free(&cert[1]);
	cert[1] = mk_cert(
	        &(struct mk_want){.cn = "peer", .san = "email:peer@example.net", .from = MK_NOW + 60}, &root);
	both_by_cert();
	go();
	refused("certificate not valid yet");
	/* a minute later it is */
	w_run(w, 60 * W_US);
	w_initiate(w);
	w_run(w, W_US);
	cr_expect_eq(w_matched(w), 1);
}

Test(ike_cert, revoked)
{
	struct pki_bytes crl = mk_crl(&root, cert[1].serial, MK_NOW + MK_YEAR, true);

	cr_assert_eq(pki_trust_add_crl(trust, crl), PKI_OK);
	mk_drop(crl);
	both_by_cert();
	go();
	refused("certificate revoked");
}

Test(ike_cert, somebody_elses_name)
{
	both_by_cert();
	ike_id_parse(&w->n[1].policy.local_id, "boss@example.net");
	go();
	refused("identity is not the certificate's");
}

Test(ike_cert, too_large)
{
	both_by_cert();
	w->n[0].policy.max_cert_size = 100;
	go();
	refused("certificate too large");
	cr_expect_eq(w->n[0].cnt.cert_auth_fail_large_length, 1);
}

/* As initiator we do not believe a gateway either; it is told so (RFC 7296 section 2.21.2). */
Test(ike_cert, gateway_with_a_wrong_name)
{
	both_by_cert();
	ike_id_parse(&w->n[0].policy.local_id, "other.example.net");
	go();
	cr_expect_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
	cr_expect_str_eq(w->n[1].last[IKE_EV_SETUP_FAILED].detail, "identity is not the certificate's");
	cr_expect_eq(w->n[1].cnt.auth_failsign, 1);
	cr_expect_eq(w_established(&w->n[0]), 0);
	cr_expect_eq(w_rows(&w->n[0]), 0);
}

Test(ike_cert, gateway_that_is_not_the_one_asked_for)
{
	both_by_cert();
	ike_id_parse(&w->n[1].policy.remote_id, "other.example.net");
	go();
	cr_expect_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
	cr_expect_eq(w_established(&w->n[0]), 0);
}

Test(ike_cert, a_key_where_a_certificate_is_wanted)
{
	both_by_cert();
	ways(1, false, true);
	w->n[1].policy.psk_len = 6;
	go();
	cr_expect_eq(w_established(&w->n[0]), 0);
	cr_expect_eq(w->n[0].cnt.decfail_unsuppauthmeth, 1);
	cr_expect_str_eq(w->n[0].last[IKE_EV_SETUP_FAILED].detail, "way to authenticate not configured");
}

/* ---- bytes of our own ---- */

/* An IKE_AUTH request of node 1 as somebody else would build it. */
static void auth_with(struct world *one, uint8_t encoding, const uint8_t *data, size_t len, uint8_t method)
{
	struct ike_sa *sa = one->n[1].e->sas;
	uint8_t inner[IKE_BUILD_MAX], out[IKE_SEALED_MAX], sig[64] = {1};
	struct ike_path path = {.ctx_id = 1, .local = sa->path.remote, .remote = sa->path.local};
	struct ike_ts ts = {.port_hi = 65535, .lo = sa->path.local.addr, .hi = sa->path.local.addr};
	struct ike_build b;
	size_t n;

	ike_wire_build(&b, inner, sizeof(inner));
	ike_wire_put_id(&b, IKE_PL_IDI, &one->n[1].policy.local_id);
	if (encoding)
		ike_wire_put_cert(&b, IKE_PL_CERT, encoding, data, len);
	ike_wire_put_cert(&b, IKE_PL_CERTREQ, IKE_CERT_HASH_URL, data, 0);
	ike_wire_put_cert(&b, IKE_PL_CERTREQ, 77, sig, 1);
	ike_wire_put_auth(&b, method, sig, sizeof(sig));
	ike_wire_put_sa(&b, IKE_PROTO_ESP, 77, 4, one->n[1].policy.payload[0].esp, 1, 0);
	ike_wire_put_ts(&b, IKE_PL_TSI, &ts, 1);
	ike_wire_put_ts(&b, IKE_PL_TSR, &ts, 1);
	n = ike_msg_seal(sa, IKE_X_AUTH, false, sa->send_next, &b, out, sizeof(out));
	cr_assert_gt(n, 0);
	ike_engine_input(one->n[0].e, one->now, &path, out, n);
}

static int no_auth(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)len, (void)delay;
	return from == 1 && pkt[18] == IKE_X_AUTH;
}

Test(ike_cert, missing_garbage_and_unknown_encodings)
{
	struct pki_bytes der = mk_der(&cert[1]);
	const struct {
		uint8_t encoding;
		const uint8_t *p;
		size_t len;
		uint8_t method;
		const char *why;
	} all[] = {
	        {0, NULL, 0, PKI_AUTH_RSA, "no certificate received"},
	        {IKE_CERT_HASH_URL, der.p, 40, PKI_AUTH_RSA, "no certificate received"},
	        {1, der.p, der.len, PKI_AUTH_RSA, "no certificate received"},
	        {IKE_CERT_X509, der.p, der.len - 1, PKI_AUTH_RSA, "not in PEM or DER form"},
	        {IKE_CERT_X509, (const uint8_t *)"x", 1, PKI_AUTH_RSA, "not in PEM or DER form"},
	        {IKE_CERT_X509, der.p, der.len, PKI_AUTH_RSA, "kind of signature not supported"},
	        {IKE_CERT_X509, der.p, der.len, PKI_AUTH_DIGITAL, "kind of signature not supported"},
	        {IKE_CERT_X509, der.p, der.len, PKI_AUTH_ECDSA_256, "wrong signature"},
	        {IKE_CERT_X509, der.p, der.len, 8, "way to authenticate not configured"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct world *one = w_new();

		both_by_cert();
		for (int k = 0; k < 2; k++)
			one->n[k].policy = w->n[k].policy;
		one->fate = no_auth;
		w_boot(one);
		w_initiate(one);
		w_run(one, W_US / 10);
		auth_with(one, all[i].encoding, all[i].p, all[i].len, all[i].method);
		cr_expect_eq(one->n[0].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED, "row %zu", i);
		cr_expect_str_eq(one->n[0].last[IKE_EV_SETUP_FAILED].detail, all[i].why, "row %zu", i);
		cr_expect_eq(one->n[0].cnt.cert_ignored, all[i].encoding && all[i].encoding != IKE_CERT_X509);
		cr_expect_eq(one->n[0].cnt.cert_hashurl_recv, all[i].encoding == IKE_CERT_HASH_URL);
		w_free(one);
	}
	mk_drop(der);
}

/* ---- sets ---- */

Test(ike_cert, responder_takes_the_set_that_fits)
{
	/* key both ways, certificate both ways, certificate for us and key for the peer */
	for (int peer = 0; peer < 3; peer++) {
		teardown();
		setup();
		both_by_cert();
		w->n[0].policy.n_auth = 3;
		w->n[0].policy.auth[0] = (struct ike_auth_set){.psk = "first", .psk_len = 5};
		w->n[0].policy.auth[1] = (struct ike_auth_set){.local_cert = true, .remote_cert = true};
		w->n[0].policy.auth[2] =
		        (struct ike_auth_set){.local_cert = true, .psk = "third", .psk_len = 5};
		ways(1, peer == 1, peer > 0);
		memcpy(w->n[1].policy.psk, peer ? "third" : "first", 5);
		w->n[1].policy.psk_len = 5;
		go();
		cr_expect_eq(w_matched(w), 1, "peer %d", peer);
		cr_expect_eq(w->n[0].cnt.cert_sent, peer > 0, "peer %d", peer);
		cr_expect_eq(w->n[0].cnt.auth_failhash, 0);
	}
}

Test(ike_cert, initiator_goes_on_to_the_next_set)
{
	/* the gateway knows the third way only */
	both_by_cert();
	give(1, &cert[1], trust);
	w->n[1].policy.n_auth = 3;
	w->n[1].policy.auth[0] = (struct ike_auth_set){.psk = "wrong", .psk_len = 5};
	w->n[1].policy.auth[1] = (struct ike_auth_set){.remote_cert = true, .psk = "wrong too", .psk_len = 9};
	w->n[1].policy.auth[2] = (struct ike_auth_set){.local_cert = true, .remote_cert = true};
	go();
	cr_expect_eq(w_matched(w), 1);
	cr_expect_eq(w_established(&w->n[1]), 1);
	cr_expect_eq(w->n[0].cnt.attemptresp, 3);
	cr_expect_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 0);
	cr_expect_eq(w->n[1].events[IKE_EV_UP], 1);
}

Test(ike_cert, initiator_fails_after_the_last_set)
{
	both_by_cert();
	w->n[1].policy.n_auth = 2;
	w->n[1].policy.auth[0] = (struct ike_auth_set){.psk = "wrong", .psk_len = 5};
	w->n[1].policy.auth[1] = (struct ike_auth_set){.psk = "wrong too", .psk_len = 9};
	go();
	w_run(w, 60 * W_US);
	cr_expect_eq(w->n[0].cnt.attemptresp, 2);
	cr_expect_eq(w->n[1].events[IKE_EV_SETUP_FAILED], 1);
	cr_expect_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
}

Test(ike_cert, policies_that_can_not_be)
{
	both_by_cert();
	w_boot(w);
	w->n[0].policy.trust = NULL;
	cr_expect_eq(ike_engine_policy_put(w->n[0].e, &w->n[0].policy), -EINVAL);
	w->n[0].policy.trust = trust;
	w->n[1].policy.n_auth = IKE_MAX_AUTH_SETS + 1;
	cr_expect_eq(ike_engine_policy_put(w->n[1].e, &w->n[1].policy), -EINVAL);
	w->n[1].policy.n_auth = 1;
	pki_own_unref(w->n[1].policy.own);
	w->n[1].policy.own = NULL;
	cr_expect_eq(ike_engine_policy_put(w->n[1].e, &w->n[1].policy), -EINVAL);
}

/* ---- long messages, loss, restarts ---- */

/* Four certificates each way: every message in fragments of the reference's least MTU. */
static void long_chains(struct mk mid[3])
{
	for (int i = 0; i < 3; i++)
		mid[i] = mk_cert(&(struct mk_want){.cn = i == 0   ? "a"
		                                         : i == 1 ? "b"
		                                                  : "c",
		                                   .ca = true},
		                 i ? &mid[i - 1] : &root);
	for (int i = 0; i < 2; i++) {
		const struct mk *chain[4] = {&cert[i], &mid[2], &mid[1], &mid[0]};

		mk_free(&cert[i]);
		cert[i] =
		        mk_cert(&(struct mk_want){.cn = "x",
		                                  .san = i ? "email:peer@example.net" : "DNS:gw.example.net"},
		                &mid[2]);
		pki_own_unref(w->n[i].policy.own);
		w->n[i].policy.own = mk_own(chain, 4, NULL);
		w->n[i].policy.trust = trust;
		w->n[i].policy.mtu4 = 460;
		ways(i, true, true);
	}
}

Test(ike_cert, chains_of_four_in_fragments)
{
	struct ike_sa_view v;
	struct mk mid[3];

	long_chains(mid);
	go();
	cr_assert_eq(w_matched(w), 1);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(w->n[i].cnt.cert_sent, 4);
		cr_expect_eq(w->n[i].cnt.subca_cert_sent, 3);
		cr_expect_eq(w->n[i].cnt.subca_cert_recv, 3);
		cr_expect_eq(w->n[i].cnt.ca_cert_chains_sent, 1);
		cr_expect_gt(w->n[i].cnt.rx_fragments, 4);
	}
	cr_expect_gt(w->n[0].biggest_row, 2000); /* the answer is kept until the next request */
	/* the answer is lost, and the manager with it: its successor has the very same one */
	cr_assert(w_sa(&w->n[0], &v));
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	cr_assert_eq(ike_engine_rekey_ike(w->n[0].e, w->now, v.spi), 0);
	w_run(w, W_US);
	cr_expect_eq(w_matched(w), 1);
	cr_expect_eq(w->n[0].events[IKE_EV_REKEYED], 1);
	for (int i = 0; i < 3; i++)
		mk_free(&mid[i]);
}

static int cut_answer(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)len, (void)delay;
	return *(bool *)one->fate_arg && from == 0 && pkt[18] == IKE_X_AUTH;
}

Test(ike_cert, restart_between_the_proof_and_its_answer)
{
	bool cut = true;
	struct mk mid[3];

	long_chains(mid);
	w->fate = cut_answer;
	w->fate_arg = &cut;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US / 4);
	cr_assert_eq(w_established(&w->n[0]), 1);
	cr_assert_eq(w_established(&w->n[1]), 0);
	w_kill(&w->n[0]);
	w_restore(&w->n[0]);
	cut = false;
	w_run(w, 2 * W_US);
	cr_expect_eq(w_matched(w), 1);
	cr_expect_eq(w_established(&w->n[1]), 1);
	for (int i = 0; i < 3; i++)
		mk_free(&mid[i]);
}

Test(ike_cert, restart_before_the_proof)
{
	both_by_cert();
	w->fate = no_auth;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US / 4);
	w_kill(&w->n[0]);
	w->fate = NULL;
	w_restore(&w->n[0]); /* a half-open SA is not kept: the peer begins anew */
	w_run(w, 60 * W_US);
	cr_expect_eq(w->n[1].last[IKE_EV_SETUP_FAILED].reason, IKE_R_RETRANSMIT);
	w_initiate(w);
	w_run(w, W_US);
	cr_expect_eq(w_matched(w), 1);
}

Test(ike_cert, certificate_while_the_session_is_waited_for)
{
	both_by_cert();
	w->n[0].policy.ask_session = true;
	w->n[0].answer_sessions = false;
	w->n[0].result.callid = 9;
	go();
	cr_assert_eq(w->n[0].sessions_asked, 1);
	ike_engine_address_assigned(w->n[0].e, w->now, w->n[0].session_ref, &w->n[0].result);
	w_run(w, W_US);
	cr_expect_eq(w_matched(w), 1);
	cr_expect_eq(w->n[0].cnt.cert_sent, 1);
}
