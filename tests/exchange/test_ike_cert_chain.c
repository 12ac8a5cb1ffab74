/* SPDX-License-Identifier: MIT */
/*
 * CA certificate chaining (IPSec Reference chapter 11, Deployment Scenarios): which certificates go with ours
 * depends on the CAs that the other side names in its CERTREQ. CA1 is a root, CA1_1 an intermediate CA below
 * it.
 */
#include <criterion/criterion.h>

#include "ike_world.h"
#include "tests/pki_make.h"

#define CERTREQ 38 /* payload, RFC 7296 section 3.7 */
#define X509    4  /* its encoding: X.509 Certificate - Signature */
#define HASH    20

static struct mk ca1, ca1_1, leaf[2];
static struct pki_trust *trust[2];
static struct world *w;

static void setup(void)
{
	ca1 = mk_cert(&(struct mk_want){.cn = "CA1", .ca = true}, NULL);
	ca1_1 = mk_cert(&(struct mk_want){.cn = "CA1_1", .ca = true}, &ca1);
}

static void end(void)
{
	for (int i = 0; i < 2; i++) {
		pki_own_unref(w->n[i].policy.own);
		mk_free(&leaf[i]);
	}
	w_free(w);
	for (int i = 0; i < 2; i++)
		pki_trust_unref(trust[i]);
	w = NULL;
}

static void teardown(void)
{
	mk_free(&ca1);
	mk_free(&ca1_1);
}

TestSuite(ike_cert_chain, .init = setup, .fini = teardown, .timeout = 60);

/* Node i: its certificate is of the intermediate CA, or of the root; whether it names both CAs, or the root.
 */
static void node(int i, bool of_intermediate, bool names_both)
{
	const struct mk *const both[] = {&ca1_1, &ca1};
	struct ike_policy *p = &w->n[i].policy;
	const struct mk *one = &leaf[i];

	leaf[i] = mk_cert(
	        &(struct mk_want){.cn = "x", .san = i ? "email:peer@example.net" : "DNS:gw.example.net"},
	        of_intermediate ? &ca1_1 : &ca1);
	trust[i] = names_both ? mk_trust(both, 2) : mk_trust(both + 1, 1);
	p->own = mk_own(of_intermediate ? (const struct mk *[]){one, &ca1_1} : &one, of_intermediate ? 2 : 1,
	                NULL);
	p->trust = trust[i];
	p->auth[0] = (struct ike_auth_set){.local_cert = true, .remote_cert = true};
	p->n_auth = 1;
	p->psk_len = 0;
}

static void go(void)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
}

Test(ike_cert_chain, who_sends_which_certificates)
{
	/* node 1 begins */
	static const struct {
		const char *what;
		int staros;
		bool staros_of_intermediate; /* the peer's is of the root then, and the other way round */
		unsigned staros_sends, peer_sends;
	} row[] = {
	        {"responder: peer of root CA1, StarOS of CA1_1", 0, true, 2, 1},
	        {"responder: peer of CA1_1, StarOS of root CA1", 0, false, 1, 2},
	        {"initiator: peer of root CA1, StarOS of CA1_1", 1, true, 2, 1},
	        {"initiator: peer of CA1_1, StarOS of root CA1", 1, false, 1, 2},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int s = row[i].staros;

		w = w_new();
		/* who has an intermediate CA names it as well; the other names the root alone */
		node(s, row[i].staros_of_intermediate, row[i].staros_of_intermediate);
		node(!s, !row[i].staros_of_intermediate, !row[i].staros_of_intermediate);
		go();
		cr_expect_eq(w_matched(w), 1, "%s", row[i].what);
		cr_expect_eq(w->n[s].cnt.cert_sent, row[i].staros_sends, "%s", row[i].what);
		cr_expect_eq(w->n[!s].cnt.cert_recv, row[i].staros_sends, "%s", row[i].what);
		cr_expect_eq(w->n[!s].cnt.cert_sent, row[i].peer_sends, "%s", row[i].what);
		cr_expect_eq(w->n[s].cnt.cert_recv, row[i].peer_sends, "%s", row[i].what);
		end();
	}
	/* an anchor that is the intermediate CA itself: nothing of the chain is needed */
	w = w_new();
	node(0, true, true);
	node(1, true, true);
	go();
	cr_expect_eq(w_matched(w), 1);
	cr_expect_eq(w->n[0].cnt.cert_sent, 1);
	cr_expect_eq(w->n[1].cnt.cert_sent, 1);
	end();
}

/* The data of the CERTREQ in the gateway's IKE_SA_INIT answer. */
static struct asked {
	uint8_t data[1 + 4 * HASH];
	size_t len;
	unsigned n;
} asked;

static int look(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	uint8_t type = pkt[16];

	(void)one, (void)delay;
	if (from || pkt[18] != 34) /* IKE_SA_INIT */
		return 0;
	for (size_t at = 28, n; type && at + 4 <= len; at += n) {
		n = (size_t)(pkt[at + 2] << 8 | pkt[at + 3]);
		if (type == CERTREQ && n - 4 <= sizeof(asked.data)) {
			asked.n++;
			asked.len = n - 4;
			memcpy(asked.data, pkt + at + 4, asked.len);
		}
		type = pkt[at];
	}
	return 0;
}

/* Is the SHA-1 of this CA's key among them? */
static bool names(const struct mk *ca)
{
	unsigned char *der = NULL, hash[HASH];
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ca->cert), &der);
	bool found = false;

	cr_assert_gt(len, 0);
	cr_assert_eq(EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha1(), NULL), 1);
	OPENSSL_free(der);
	for (size_t at = 1; at + HASH <= asked.len; at += HASH)
		found |= !memcmp(asked.data + at, hash, HASH);
	return found;
}

Test(ike_cert_chain, certreq_has_the_hash_of_each_ca)
{
	for (int both = 0; both < 2; both++) {
		asked = (struct asked){.n = 0};
		w = w_new();
		w->fate = look;
		node(0, false, both);
		node(1, false, false);
		go();
		cr_expect_eq(w_matched(w), 1);
		cr_expect_eq(asked.n, 1);
		cr_expect_eq(asked.data[0], X509);
		cr_expect_eq(asked.len, 1 + (both ? 2 : 1) * HASH);
		cr_expect(names(&ca1));
		cr_expect_eq(names(&ca1_1), both);
		end();
	}
}
