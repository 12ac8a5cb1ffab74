/* SPDX-License-Identifier: MIT */
/*
 * RADIUS packets against a second maker of them (tests/radius_make.h) and a signed packet of RFC 3579's kind:
 * what a request has, what of an answer is believed, and what is not.
 */
#include <criterion/criterion.h>

#include "radius/radius.h"
#include "tests/radius_make.h"

static const char secret[] = "xyzzy5461";
static const uint8_t authenticator[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static uint8_t eap[700], request[RADIUS_PACKET_MAX];
static size_t request_len;
static struct radius_nas nas = {.id = "orrery"};

static size_t ask(const struct radius_request *r)
{
	return request_len =
	               radius_wire_request(request, sizeof(request), 77, authenticator, secret, &nas, r);
}

static struct radius_request plain(void)
{
	return (struct radius_request){
	        .user = (const uint8_t *)"alice", .user_len = 5, .eap = eap, .eap_len = 10};
}

static void setup(void)
{
	struct radius_request r = plain();

	for (size_t i = 0; i < sizeof(eap); i++)
		eap[i] = (uint8_t)(i * 7);
	net_addr_parse(&nas.addr, "192.0.2.1");
	cr_assert(ask(&r));
}

TestSuite(radius_wire, .init = setup, .timeout = 30);

static void has(uint8_t type, const void *value, size_t len)
{
	size_t n = 0;
	const uint8_t *p = rm_find(request, request_len, type, &n);

	cr_assert(p, "attribute %u", type);
	cr_expect_eq(n, len, "attribute %u", type);
	cr_expect_eq(memcmp(p, value, len), 0, "attribute %u", type);
}

Test(radius_wire, request)
{
	struct radius_request r = plain();
	uint8_t sum[16], want[16];
	size_t n;

	r.state = (const uint8_t *)"state";
	r.state_len = 5;
	r.calling = "198.51.100.7";
	r.called = "wsg1";
	r.imei = "3520990017614823";
	r.eap_len = 700;
	ask(&r);
	cr_assert_eq(request[0], RADIUS_ACCESS_REQUEST);
	cr_assert_eq(request[1], 77);
	cr_assert_eq((size_t)(request[2] << 8 | request[3]), request_len);
	cr_assert_eq(memcmp(request + 4, authenticator, 16), 0);
	has(1, "alice", 5);
	has(4, nas.addr.bytes, 4);
	has(32, "orrery", 6);
	has(24, "state", 5);
	has(31, "198.51.100.7", 12);
	has(30, "wsg1", 4);
	has(26,
	    "\0\0\x28\xaf\x14\x12"
	    "3520990017614823",
	    22);
	has(79, eap, 253);
	cr_expect_eq(request[20], 80, "Message-Authenticator comes first");
	memcpy(sum, request + 22, 16);
	memset(request + 22, 0, 16);
	HMAC(EVP_md5(), secret, (int)strlen(secret), request, request_len, want, NULL);
	cr_expect_eq(memcmp(sum, want, 16), 0);
	n = request_len;
	r.imei = NULL;
	cr_expect_eq(ask(&r), n - 24);
}

Test(radius_wire, request_that_does_not_fit)
{
	struct radius_request r = plain();
	static uint8_t big[5000];

	r.user = r.state = r.eap = big;
	r.user_len = 254;
	cr_expect_eq(ask(&r), 0);
	r.user_len = 253;
	cr_expect_neq(ask(&r), 0);
	r.state_len = 254;
	cr_expect_eq(ask(&r), 0);
	r.state_len = 0;
	r.eap_len = 4200;
	cr_expect_eq(ask(&r), 0);
}

static enum radius_reason read_it(struct radius_answer *a, const struct rm *r)
{
	uint8_t exact[5000];

	memcpy(exact, r->p, r->len);
	return radius_wire_answer(a, exact, r->len, authenticator, secret);
}

Test(radius_wire, challenge)
{
	struct radius_answer a;
	struct rm r;

	rm_begin(&r, RADIUS_ACCESS_CHALLENGE, request);
	rm_eap(&r, eap, 700);
	rm_attr(&r, 24, "abc", 3);
	rm_mark(&r);
	rm_end(&r, request, secret);
	cr_assert_eq(read_it(&a, &r), RADIUS_OK);
	cr_expect_eq(a.code, RADIUS_ACCESS_CHALLENGE);
	cr_expect_eq(a.eap_len, 700);
	cr_expect_eq(memcmp(a.eap, eap, 700), 0);
	cr_expect_eq(a.state_len, 3);
	cr_expect_eq(a.msk_len, 0);
	r.len += 7; /* padding behind its length */
	cr_expect_eq(read_it(&a, &r), RADIUS_OK);
}

Test(radius_wire, keys)
{
	static const size_t lengths[] = {32, 16, 1, 15, 17, 64};
	uint8_t recv[64], send[64];
	struct radius_answer a;
	struct rm r;

	memset(recv, 0xaa, sizeof(recv));
	memset(send, 0xbb, sizeof(send));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n = lengths[i];

		rm_begin(&r, RADIUS_ACCESS_ACCEPT, request);
		rm_mark(&r);
		rm_key(&r, 16, send, n, request, secret);
		rm_key(&r, 17, recv, n, request, secret);
		rm_end(&r, request, secret);
		cr_assert_eq(read_it(&a, &r), RADIUS_OK);
		cr_assert_eq(a.msk_len, n * 2 < 64 ? 64 : n * 2);
		cr_expect_eq(memcmp(a.msk, recv, n), 0);
		cr_expect_eq(memcmp(a.msk + n, send, n), 0);
		for (size_t k = 2 * n; k < a.msk_len; k++)
			cr_expect_eq(a.msk[k], 0);
	}
}

/* Each lie about an answer that would be good without it. */
Test(radius_wire, hostile_answers)
{
	uint8_t vendor[] = {0, 0, 1, 55, 17, 1, 0}, longer[253] = {0, 0, 1, 55, 17, 249}, key[65] = {0};
	struct radius_answer a;
	struct rm r;

	for (int lie = 0; lie <= 13; lie++) {
		static const enum radius_reason want[] = {
		        RADIUS_OK,          RADIUS_R_LENGTH,        RADIUS_R_LENGTH,
		        RADIUS_R_CODE,      RADIUS_R_AUTHENTICATOR, RADIUS_R_UNSIGNED,
		        RADIUS_R_SIGNATURE, RADIUS_R_ATTRIBUTE,     RADIUS_R_ATTRIBUTE,
		        RADIUS_R_EAP,       RADIUS_R_KEY,           RADIUS_R_KEY,
		        RADIUS_R_KEY,       RADIUS_R_AUTHENTICATOR};

		rm_begin(&r, lie == 3 ? 5 : RADIUS_ACCESS_ACCEPT, request);
		rm_eap(&r, eap, 4);
		if (lie != 5)
			rm_mark(&r);
		for (int k = 0; lie == 9 && k < 13; k++)
			rm_eap(&r, longer, 253);
		if (lie == 10)
			rm_attr(&r, 26, vendor, sizeof(vendor));
		if (lie == 11)
			rm_attr(&r, 26, longer, sizeof(longer)); /* its key is no whole number of blocks */
		if (lie == 12)
			rm_key(&r, 17, key, 65, request, secret);
		if (lie == 7 || lie == 8)
			rm_attr(&r, 18, "hello", 5);
		if (lie == 7)
			r.p[r.len - 6] = 1;
		if (lie == 8)
			r.p[r.len - 6] = 200;
		rm_end(&r, request, lie == 13 ? "other" : secret);
		if (lie == 6) { /* the outer one is right */
			r.p[r.ma] ^= 1;
			memcpy(r.p + 4, request + 4, 16);
			memcpy(r.p + r.len, secret, strlen(secret));
			rm_md5(r.p + 4, r.p, 4, request + 4, 16, r.p + 20, r.len - 20 + strlen(secret));
		}
		if (lie == 1)
			r.p[3]++;
		if (lie == 2)
			r.len = 19;
		if (lie == 4)
			r.p[22] ^= 1;
		cr_expect_eq(read_it(&a, &r), want[lie], "lie %d: %s", lie,
		             radius_reason_name(read_it(&a, &r)));
	}
}

Test(radius_wire, names)
{
	for (int i = 0; i < RADIUS_R_REASONS; i++)
		cr_expect(strlen(radius_reason_name(i)) > 3);
}
