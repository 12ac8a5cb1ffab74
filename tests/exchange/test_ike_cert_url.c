/* SPDX-License-Identifier: MIT */
/*
 * Certificates by hash and URL (RFC 7296 section 3.6; chapter 15) between two engines: both ways, who asks
 * and who may, a certificate that comes late, never, wrong, or after its SA is gone, and URLs that are none.
 */
#include <criterion/criterion.h>

#include "ike_world.h"
#include "tests/pki_make.h"

static struct world *w;
static struct mk root, cert[2];
static struct pki_bytes der[2];
static struct pki_trust *trust;

#define GW   (&w->n[0])
#define PEER (&w->n[1])

static void setup(void)
{
	w = w_new();
	root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);
	trust = mk_trust((const struct mk *[]){&root}, 1);
	for (int i = 0; i < 2; i++) {
		struct ike_policy *p = &w->n[i].policy;
		const struct mk *m = &cert[i];
		unsigned char *out = NULL;

		cert[i] =
		        mk_cert(&(struct mk_want){.cn = "x",
		                                  .san = i ? "email:peer@example.net" : "DNS:gw.example.net"},
		                &root);
		der[i].len = (size_t)i2d_X509(cert[i].cert, &out);
		der[i].p = out;
		p->own = mk_own(&m, 1, NULL);
		p->trust = trust;
		p->auth[0] = (struct ike_auth_set){.local_cert = true, .remote_cert = true};
		p->n_auth = 1;
		p->psk_len = 0;
		p->hash_url = true;
		snprintf(p->own_url, sizeof(p->own_url), "http://certs.example.net/%s.der",
		         i ? "peer" : "gw");
		w->n[i].answer_certs = true;
	}
	/* what the other one has put there */
	GW->web = der[1];
	PEER->web = der[0];
}

static void teardown(void)
{
	for (int i = 0; i < 2; i++) {
		pki_own_unref(w->n[i].policy.own);
		mk_free(&cert[i]);
		OPENSSL_free((void *)(uintptr_t)der[i].p);
	}
	w_free(w);
	mk_free(&root);
	pki_trust_unref(trust);
}

TestSuite(ike_cert_url, .init = setup, .fini = teardown, .timeout = 60);

static void go(void)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
}

Test(ike_cert_url, both_ways)
{
	go();
	cr_assert_eq(w_matched(w), 1);
	cr_expect_str_eq(GW->cert_url, "http://certs.example.net/peer.der");
	cr_expect_str_eq(PEER->cert_url, "http://certs.example.net/gw.der");
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(w->n[i].certs_asked, 1);
		cr_expect_eq(w->n[i].cert.max, PKI_CERT_MAX);
		cr_expect_eq(w->n[i].cnt.cert_hashurl_sent, 1);
		cr_expect_eq(w->n[i].cnt.cert_hashurl_recv, 1);
		cr_expect_eq(w->n[i].cnt.cert_req_hashurl_sent, 1);
		cr_expect_eq(w->n[i].cnt.cert_req_hashurl_recv, 1);
		cr_expect_eq(w->n[i].cnt.cert_ignored, 0);
		cr_expect_eq(w->n[i].cnt.success_remote_cert_auth_method, 1);
	}
}

/* ddos max-cert-size: no more than that is fetched (chapter 19). */
Test(ike_cert_url, no_more_is_fetched_than_may_be)
{
	GW->policy.max_cert_size = 700;
	go();
	cr_expect_eq(GW->cert.max, 700);
}

/* The whole certificate, where one side does not want it or has none to name (chapter 15). */
Test(ike_cert_url, only_where_both_agree)
{
	PEER->policy.hash_url = false;
	go();
	cr_expect_eq(w_matched(w), 1);
	cr_expect_eq(GW->certs_asked + PEER->certs_asked, 0);
	cr_expect_eq(GW->cnt.cert_hashurl_sent, 0);
	teardown();
	setup();
	GW->policy.own_url[0] = 0;
	go();
	cr_expect_eq(w_matched(w), 1);
	cr_expect_eq(GW->certs_asked, 1);
	cr_expect_eq(PEER->certs_asked, 0);
}

/* The answer may take its time; who asks again meanwhile is not answered twice. */
Test(ike_cert_url, it_comes_late)
{
	for (int i = 0; i < 2; i++) {
		teardown();
		setup();
		w->n[i].answer_certs = false;
		go();
		w_run(w, 2 * W_US);
		cr_expect_eq(w_matched(w), 0);
		cr_expect_eq(w->n[i].certs_asked, 1, "asked for once");
		cr_expect_eq(ike_engine_cert_fetched(w->n[i].e, w->now, w->n[i].cert.ref, w->n[i].web.p,
		                                     w->n[i].web.len),
		             0);
		w_run(w, 3 * W_US);
		cr_expect_eq(w_matched(w), 1, "waiting side %d", i);
		cr_expect_eq(w->n[i].cnt.cert_hashurl_recv, 1);
		/* and once is enough */
		cr_expect_neq(ike_engine_cert_fetched(w->n[i].e, w->now, w->n[i].cert.ref, w->n[i].web.p,
		                                      w->n[i].web.len),
		              0);
	}
}

static void refused(const char *why)
{
	const struct ike_event *ev = &GW->last[IKE_EV_SETUP_FAILED];

	cr_expect_eq(w_established(GW) + w_established(PEER), 0);
	cr_expect_eq(ev->reason, IKE_R_AUTH_FAILED);
	cr_expect(ev->detail && !strcmp(ev->detail, why), "%s instead of %s", ev->detail ? ev->detail : "-",
	          why);
	cr_expect_eq(PEER->last[IKE_EV_SETUP_FAILED].notify, IKE_N_AUTHENTICATION_FAILED);
}

Test(ike_cert_url, it_is_not_to_be_had)
{
	GW->web = (struct pki_bytes){NULL, 0};
	go();
	refused("its certificate can not be fetched");
}

Test(ike_cert_url, another_certificate_is_there)
{
	GW->web = der[0];
	go();
	refused("certificate fetched has another hash");
}

Test(ike_cert_url, rubbish_is_there)
{
	GW->web = (struct pki_bytes){(const uint8_t *)"<html>", 6};
	go();
	refused("certificate fetched has another hash");
	teardown();
	setup();
	GW->web = (struct pki_bytes){(const uint8_t *)"", 0};
	go();
	refused("certificate fetched has another hash");
}

Test(ike_cert_url, the_gateways_is_wrong)
{
	PEER->web = der[1];
	go();
	cr_expect_eq(w_established(PEER), 0);
	cr_expect_eq(PEER->last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
	cr_expect_str_eq(PEER->last[IKE_EV_SETUP_FAILED].detail, "certificate fetched has another hash");
}

/* Nothing but HTTP, and nothing that could be read otherwise. */
Test(ike_cert_url, urls_that_are_not_fetched)
{
	static const char *const bad[] = {"ftp://h/x",     "file:///etc/passwd", "http:/h/x", "http://h/a b",
	                                  "http://h/\x01", "gopher://h",         "h"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		teardown();
		setup();
		snprintf(PEER->policy.own_url, sizeof(PEER->policy.own_url), "%s", bad[i]);
		go();
		cr_expect_eq(GW->certs_asked, 0, "%s", bad[i]);
		refused("URL of its certificate is not of HTTP");
	}
}

/* The SA went meanwhile: nothing happens. Its time runs on while the certificate is fetched. */
Test(ike_cert_url, the_sa_is_gone)
{
	GW->answer_certs = false;
	go();
	cr_assert_eq(GW->certs_asked, 1);
	w_run(w, 200 * W_US);
	cr_expect_eq(w_established(GW), 0);
	cr_expect_eq(GW->events[IKE_EV_SETUP_FAILED], 1);
	cr_expect_eq(ike_engine_cert_fetched(GW->e, w->now, GW->cert.ref, der[1].p, der[1].len), -ENOENT);
}

/* A session answers only the question for a session. */
Test(ike_cert_url, a_session_is_not_a_certificate)
{
	const struct ike_session_result r = {.callid = 7};

	GW->answer_certs = false;
	go();
	cr_expect_eq(ike_engine_address_assigned(GW->e, w->now, GW->cert.ref, &r), -EALREADY);
	cr_expect_eq(ike_engine_cert_fetched(GW->e, w->now, GW->cert.ref, der[1].p, der[1].len), 0);
	w_run(w, 3 * W_US);
	cr_expect_eq(w_matched(w), 1);
}
