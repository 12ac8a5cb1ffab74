/* SPDX-License-Identifier: MIT */
/*
 * Cryptography of IKEv2: HMAC vectors (RFC 2202, RFC 4868, RFC 4231), prf+ and key schedules against a second
 * computation with OpenSSL's one-shot functions, Diffie-Hellman vectors (RFC 7748, RFC 5903) and bad public
 * values, encryption round trips.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "ike/ike_crypto.h"

static struct ike_crypto *c;

static void setup(void)
{
	c = ike_crypto_new();
	cr_assert(c);
}

static void teardown(void)
{
	ike_crypto_free(c);
}

TestSuite(ike_crypto, .init = setup, .fini = teardown);

static size_t hex(const char *text, uint8_t *out)
{
	size_t n = 0;

	for (; text[0] && text[1]; text += 2)
		sscanf(text, "%2hhx", &out[n++]);
	return n;
}

Test(ike_crypto, prf_vectors)
{
	uint8_t key[32], out[32], want[32];
	struct ike_buf in = {(const uint8_t *)"Hi There", 8};

	memset(key, 0x0b, sizeof(key));
	hex("b617318655057264e28bc0b6fb378c8ef146be00", want); /* RFC 2202 case 1 */
	cr_assert_eq(ike_crypto_prf(c, IKE_PRF_HMAC_SHA1, key, 20, &in, 1, out), 0);
	cr_assert_arr_eq(out, want, 20);
	hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", want); /* RFC 4231 case 1 */
	cr_assert_eq(ike_crypto_prf(c, IKE_PRF_HMAC_SHA2_256, key, 20, &in, 1, out), 0);
	cr_assert_arr_eq(out, want, 32);
	in = (struct ike_buf){(const uint8_t *)"what do ya want for nothing?", 28};
	hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", want); /* RFC 2202 case 2 */
	cr_assert_eq(ike_crypto_prf(c, IKE_PRF_HMAC_SHA1, "Jefe", 4, &in, 1, out), 0);
	cr_assert_arr_eq(out, want, 20);
	hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", want);
	cr_assert_eq(ike_crypto_prf(c, IKE_PRF_HMAC_SHA2_256, "Jefe", 4, &in, 1, out), 0);
	cr_assert_arr_eq(out, want, 32);
	cr_assert_lt(ike_crypto_prf(c, 3, "Jefe", 4, &in, 1, out), 0);
}

Test(ike_crypto, integ_vectors)
{
	uint8_t key[32], out[16], want[32];

	memset(key, 0x0b, sizeof(key)); /* RFC 4868 section 2.7.2.1, AUTH256-1 */
	hex("198a607eb44bfbc69903a0f1cf2bbdc5", want);
	cr_assert_eq(ike_crypto_integ(c, IKE_INTEG_HMAC_SHA2_256_128, key, "Hi There", 8, out), 0);
	cr_assert_arr_eq(out, want, 16);
	hex("b617318655057264e28bc0b6", want); /* RFC 2202 case 1, first 96 bits */
	cr_assert_eq(ike_crypto_integ(c, IKE_INTEG_HMAC_SHA1_96, key, "Hi There", 8, out), 0);
	cr_assert_arr_eq(out, want, 12);
}

/* prf+ computed again, the plain way. */
static void prf_plus(const EVP_MD *md, const uint8_t *key, size_t klen, const uint8_t *seed, size_t slen,
                     uint8_t *out, size_t len)
{
	uint8_t t[64], buf[512];
	unsigned tlen = 0;

	for (uint8_t i = 1; len; i++) {
		size_t n = tlen, take;

		memcpy(buf, t, tlen);
		memcpy(buf + n, seed, slen);
		buf[n + slen] = i;
		HMAC(md, key, (int)klen, buf, n + slen + 1, t, &tlen);
		take = len < tlen ? len : tlen;
		memcpy(out, t, take);
		out += take;
		len -= take;
	}
}

Test(ike_crypto, prf_plus_agrees_with_openssl)
{
	uint8_t key[32], seed[80], a[200], b[200];

	for (unsigned i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i * 7);
	memset(key, 0x5a, sizeof(key));
	for (size_t len = 1; len <= sizeof(a); len++) {
		struct ike_buf in[3] = {{seed, 32}, {seed + 32, 32}, {seed + 64, 16}};

		cr_assert_eq(ike_crypto_prf_plus(c, IKE_PRF_HMAC_SHA2_256, key, 32, in, 3, a, len), 0);
		prf_plus(EVP_sha256(), key, 32, seed, sizeof(seed), b, len);
		cr_assert_arr_eq(a, b, len);
		cr_assert_eq(ike_crypto_prf_plus(c, IKE_PRF_HMAC_SHA1, key, 20, in, 3, a, len), 0);
		prf_plus(EVP_sha1(), key, 20, seed, sizeof(seed), b, len);
		cr_assert_arr_eq(a, b, len);
	}
}

Test(ike_crypto, schedule_cuts_keys_in_the_order_of_the_rfc)
{
	struct ike_suite suite = {IKE_ENCR_AES_CBC, 256, IKE_PRF_HMAC_SHA2_256, IKE_INTEG_HMAC_SHA1_96,
	                          IKE_GROUP_X25519, 0};
	uint8_t ni[32], nr[40], g[32], nonces[72], seed[88], skeyseed[32], want[3 * 32 + 2 * 20 + 2 * 32],
	        pi[32], pr[32];
	struct ike_schedule s = {.suite = &suite,
	                         .spi_i = 0x0102030405060708,
	                         .spi_r = 0x1112131415161718,
	                         .ni = {ni, 32},
	                         .nr = {nr, 40},
	                         .shared = {g, 32}};
	const uint8_t *p = want;
	struct ike_keys k;
	unsigned len;

	memset(ni, 1, sizeof(ni));
	memset(nr, 2, sizeof(nr));
	memset(g, 3, sizeof(g));
	memcpy(nonces, ni, 32);
	memcpy(nonces + 32, nr, 40);
	HMAC(EVP_sha256(), nonces, sizeof(nonces), g, 32, skeyseed, &len);
	memcpy(seed, nonces, 72);
	hex("01020304050607081112131415161718", seed + 72);
	prf_plus(EVP_sha256(), skeyseed, 32, seed, sizeof(seed), want, sizeof(want));
	cr_assert_eq(ike_crypto_schedule(c, &s, &k, pi, pr), 0);
	cr_assert_arr_eq(k.sk_d, p, 32);
	cr_assert_arr_eq(k.ai, p + 32, 20);
	cr_assert_arr_eq(k.ar, p + 52, 20);
	cr_assert_arr_eq(k.ei, p + 72, 32);
	cr_assert_arr_eq(k.er, p + 104, 32);
	cr_assert_arr_eq(pi, p + 136, 32);
	cr_assert_arr_eq(pr, p + 168, 32);
	/* a rekey: SKEYSEED = prf(SK_d (old), g^ir | Ni | Nr) with the old prf */
	memcpy(seed, g, 32);
	s.old_sk_d = pi;
	s.old_prf = IKE_PRF_HMAC_SHA1;
	memcpy(want, g, 32);
	memcpy(want + 32, nonces, 72);
	HMAC(EVP_sha1(), pi, 20, want, 104, skeyseed, &len);
	memcpy(seed, nonces, 72);
	prf_plus(EVP_sha256(), skeyseed, 20, seed, sizeof(seed), want, 32);
	memcpy(nr, nonces + 32, 40);
	cr_assert_eq(ike_crypto_schedule(c, &s, &k, NULL, NULL), 0);
	cr_assert_arr_eq(k.sk_d, want, 32);
}

Test(ike_crypto, x25519_vector)
{
	uint8_t a[32], b[32], pa[32], pb[32], ka[32], want[32], zero[32] = {0};

	/* RFC 7748 section 6.1 */
	hex("77076d0a7318a57d3c16c17251b26645df4c9f92ebc0c0cd3b54f5cf88c52921", a);
	hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", b);
	hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", want);
	cr_assert_eq(ike_crypto_dh_public(c, 31, b, pb), 0);
	cr_assert_arr_eq(pb, want, 32);
	cr_assert_eq(ike_crypto_dh_public(c, 31, a, pa), 0);
	cr_assert_eq(ike_crypto_dh_shared(c, 31, a, pb, 32, ka), 0);
	cr_assert_eq(ike_crypto_dh_shared(c, 31, b, pa, 32, want), 0);
	cr_assert_arr_eq(ka, want, 32);
	cr_assert_eq(ike_crypto_dh_shared(c, 31, b, zero, 32, want), -EBADMSG, "small order");
	cr_assert_eq(ike_crypto_dh_shared(c, 31, b, pa, 31, want), -EBADMSG, "length");
}

Test(ike_crypto, ecp256_vector)
{
	uint8_t i[32], gix[64], want[64], shared[32];

	/* RFC 5903 section 8.1; our scalars are private + 1 within 1 .. order-1, so the vector's is given
	 * less one */
	hex("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1432", i);
	hex("DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180"
	    "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3",
	    want);
	cr_assert_eq(ike_crypto_dh_public(c, 19, i, gix), 0);
	cr_assert_arr_eq(gix, want, 64);
	hex("D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
	    "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
	    gix);
	hex("D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE", want);
	cr_assert_eq(ike_crypto_dh_shared(c, 19, i, gix, 64, shared), 0);
	cr_assert_arr_eq(shared, want, 32);
	gix[63] ^= 1;
	cr_assert_eq(ike_crypto_dh_shared(c, 19, i, gix, 64, shared), -EBADMSG, "not on the curve");
	memset(gix, 0, sizeof(gix));
	cr_assert_eq(ike_crypto_dh_shared(c, 19, i, gix, 64, shared), -EBADMSG);
}

/* Every prf and integrity row against OpenSSL's one-shot HMAC, keys and data of odd lengths. */
Test(ike_crypto, rows_agree_with_openssl)
{
	uint8_t key[80], data[200], out[64], want[64];
	const struct ike_alg_integ *in;
	const struct ike_alg_prf *p;
	struct ike_buf buf = {data, sizeof(data)};
	unsigned n;

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(3 * i + 1);
	memset(data, 0x5a, sizeof(data));
	for (unsigned i = 0; (p = ike_alg_prf_at(i)); i++) {
		for (size_t klen = 1; p->fetch && klen < sizeof(key); klen += 13) {
			cr_assert_eq(ike_crypto_prf(c, p->id, key, klen, &buf, 1, out), 0);
			HMAC(EVP_get_digestbyname(p->fetch), key, (int)klen, data, sizeof(data), want, &n);
			cr_assert_eq(n, p->len, "%s", p->name);
			cr_assert_arr_eq(out, want, n, "%s", p->name);
		}
	}
	for (unsigned i = 0; (in = ike_alg_integ_at(i)); i++) {
		if (!in->fetch)
			continue;
		cr_assert_eq(ike_crypto_integ(c, in->id, key, data, 133, out), 0);
		HMAC(EVP_get_digestbyname(in->fetch), key, in->key, data, 133, want, &n);
		cr_assert_arr_eq(out, want, in->icv, "%s", in->name);
	}
}

Test(ike_crypto, aes_xcbc)
{
	uint8_t key[18], data[20], out[16], want[16];
	struct ike_buf in = {data, sizeof(data)};

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	memcpy(key, data, 16);
	key[16] = 0xed;
	key[17] = 0xcb;
	hex("47f51b4564966215b8985c63055ed308", want); /* RFC 4434 section 2.2 */
	cr_assert_eq(ike_crypto_prf(c, IKE_PRF_AES128_XCBC, key, 16, &in, 1, out), 0);
	cr_assert_arr_eq(out, want, 16);
	cr_assert_eq(ike_crypto_integ(c, IKE_INTEG_AES_XCBC_96, key, data, 20, out), 0); /* RFC 3566 */
	cr_assert_arr_eq(out, want, 12);
	hex("8cd3c93ae598a9803006ffb67c40e9e4", want);
	cr_assert_eq(ike_crypto_prf(c, IKE_PRF_AES128_XCBC, key, 18, &in, 1, out), 0);
	cr_assert_arr_eq(out, want, 16);
}

/* Our value and OpenSSL's own implementation of the group come to the same secret. */
static void against_evp(const struct ike_alg_group *g)
{
	static const char *const names[][2] = {{"1", NULL},         {"2", NULL},         {"5", "modp_1536"},
	                                       {"14", "modp_2048"}, {"15", "modp_3072"}, {"16", "modp_4096"},
	                                       {"17", "modp_6144"}, {"18", "modp_8192"}, {"19", "P-256"},
	                                       {"20", "P-384"},     {"21", "P-521"}};
	static uint8_t priv[IKE_DH_PRIV], mine[IKE_DH_MAX], peer[IKE_DH_MAX], a[IKE_DH_MAX], b[IKE_DH_MAX];
	uint8_t *enc = NULL;
	const char *name = NULL;
	EVP_PKEY *key, *other;
	EVP_PKEY_CTX *ctx;
	size_t n, got = sizeof(b);
	bool ec;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i][0], g->name))
			name = names[i][1];
	if (!name)
		return;
	ec = name[0] == 'P';
	for (unsigned i = 0; i < sizeof(priv); i++)
		priv[i] = (uint8_t)(i * 7 + g->id);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, ec ? "EC" : "DH", NULL);
	cr_assert_eq(EVP_PKEY_keygen_init(ctx), 1);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("group", (char *)name, 0),
	                       OSSL_PARAM_construct_end()};
	cr_assert_eq(EVP_PKEY_CTX_set_params(ctx, params), 1);
	key = NULL;
	cr_assert_eq(EVP_PKEY_generate(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	n = EVP_PKEY_get1_encoded_public_key(key, &enc);
	cr_assert(n);
	memset(peer, 0, sizeof(peer));
	memcpy(peer + (ec ? 0 : g->pub - n), enc + ec, n - ec);
	OPENSSL_free(enc);
	cr_assert_eq(ike_crypto_dh_public(c, g->id, priv, mine), 0, "%s", name);
	cr_assert_eq(ike_crypto_dh_shared(c, g->id, priv, peer, g->pub, a), 0, "%s", name);
	other = EVP_PKEY_new();
	cr_assert_eq(EVP_PKEY_copy_parameters(other, key), 1);
	static uint8_t point[IKE_DH_MAX + 1];
	point[0] = 4;
	memcpy(point + ec, mine, g->pub);
	cr_assert_eq(EVP_PKEY_set1_encoded_public_key(other, point, g->pub + ec), 1, "%s", name);
	ctx = EVP_PKEY_CTX_new(key, NULL);
	cr_assert_eq(EVP_PKEY_derive_init(ctx), 1);
	if (!ec)
		cr_assert_eq(EVP_PKEY_CTX_set_dh_pad(ctx, 1), 1);
	cr_assert_eq(EVP_PKEY_derive_set_peer_ex(ctx, other, 0), 1);
	cr_assert_eq(EVP_PKEY_derive(ctx, b, &got), 1);
	cr_assert_eq(got, g->shared);
	cr_assert_arr_eq(a, b, got, "%s", name);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

Test(ike_crypto, every_group)
{
	static uint8_t a[32], b[32], pa[IKE_DH_MAX], pb[IKE_DH_MAX], ka[IKE_DH_MAX], kb[IKE_DH_MAX];
	const struct ike_alg_group *g;

	for (unsigned k = 0; (g = ike_alg_group_at(k)); k++) {
		size_t len = g->pub;

		for (unsigned i = 0; i < 32; i++) {
			a[i] = (uint8_t)(i * 5 + 1);
			b[i] = (uint8_t)(i * 11 + 3);
		}
		cr_assert_eq(ike_crypto_dh_public(c, g->id, a, pa), 0, "group %s", g->name);
		cr_assert_eq(ike_crypto_dh_public(c, g->id, b, pb), 0);
		cr_assert_eq(ike_crypto_dh_shared(c, g->id, a, pb, len, ka), 0);
		cr_assert_eq(ike_crypto_dh_shared(c, g->id, b, pa, len, kb), 0);
		cr_assert_arr_eq(ka, kb, g->shared, "group %s", g->name);
		cr_assert_eq(ike_crypto_dh_shared(c, g->id, b, pb, len - 1, kb), -EBADMSG, "length");
		memset(pa, 0, sizeof(pa));
		cr_assert_eq(ike_crypto_dh_shared(c, g->id, b, pa, len, kb), -EBADMSG, "0 in group %s",
		             g->name);
		if (g->id != IKE_GROUP_X25519) {
			memset(pa, 0xff, sizeof(pa));
			cr_assert_eq(ike_crypto_dh_shared(c, g->id, b, pa, len, kb), -EBADMSG, "above p");
			pa[len - 1] = 1;
			memset(pa, 0, len - 1);
			cr_assert_eq(ike_crypto_dh_shared(c, g->id, b, pa, len, kb), -EBADMSG, "1");
		}
		against_evp(g);
	}
	cr_assert_lt(ike_crypto_dh_public(c, 22, a, pa), 0);
}

/*
 * A public value comes of a table of the generator's powers, a shared one of a plain power: with the
 * generator as the peer's value both are the same, also for exponents whose digits are all zero or all one.
 */
Test(ike_crypto, public_value_is_a_power_of_the_generator)
{
	static uint8_t mine[IKE_DH_MAX], two[IKE_DH_MAX], want[IKE_DH_MAX], priv[IKE_DH_PRIV];
	const struct ike_alg_group *g;

	for (unsigned k = 0; (g = ike_alg_group_at(k)); k++) {
		if (g->pub != g->shared || g->id == IKE_GROUP_X25519)
			continue; /* not MODP */
		memset(two, 0, sizeof(two));
		two[g->pub - 1] = 2;
		for (unsigned round = 0; round < (g->pub > 384 ? 3 : 40); round++) {
			for (unsigned i = 0; i < sizeof(priv); i++)
				priv[i] = round == 0   ? 0
				          : round == 1 ? 0xff
				                       : (uint8_t)(i * i * 17 + round * 89 + i * round);
			cr_assert_eq(ike_crypto_dh_public(c, g->id, priv, mine), 0);
			cr_assert_eq(ike_crypto_dh_shared(c, g->id, priv, two, g->pub, want), 0);
			cr_assert_arr_eq(mine, want, g->pub, "group %s, round %u", g->name, round);
		}
	}
}

/* FIPS 81's classic: single DES, of which libcrypto needs its legacy provider for, is triple DES here. */
Test(ike_crypto, des_vector)
{
	uint8_t key[24], iv[8] = {0}, data[8], want[8];

	hex("0123456789abcdef", key);
	hex("4e6f772069732074", data);
	hex("3fa40e8a984d4815", want);
	cr_assert_eq(ike_crypto_cbc(c, ike_alg_encr(IKE_ENCR_DES_CBC, 0), true, key, iv, data, 8), 0);
	cr_assert_arr_eq(data, want, 8);
}

Test(ike_crypto, encryption_round_trips)
{
	uint8_t key[36], iv[16], data[64], tag[16], aad[32] = {1};

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (unsigned bits = 128; bits <= 256; bits += 128) {
		const struct ike_alg_encr *cbc = ike_alg_encr(IKE_ENCR_AES_CBC, (uint16_t)bits);
		const struct ike_alg_encr *gcm = ike_alg_encr(IKE_ENCR_AES_GCM_16, (uint16_t)bits);

		memset(iv, 9, sizeof(iv));
		memset(data, 7, sizeof(data));
		cr_assert_eq(ike_crypto_cbc(c, cbc, true, key, iv, data, 64), 0);
		cr_assert_neq(data[0], 7);
		cr_assert_eq(ike_crypto_cbc(c, cbc, false, key, iv, data, 64), 0);
		for (int i = 0; i < 64; i++)
			cr_assert_eq(data[i], 7);
		cr_assert_lt(ike_crypto_cbc(c, cbc, true, key, iv, data, 63), 0);
		cr_assert_lt(ike_crypto_cbc(c, cbc, true, key, iv, data, 0), 0);
		cr_assert_eq(ike_crypto_gcm(c, gcm, true, key, iv, aad, sizeof(aad), data, 61, tag), 0);
		cr_assert_eq(ike_crypto_gcm(c, gcm, false, key, iv, aad, sizeof(aad), data, 61, tag), 0);
		cr_assert_eq(data[60], 7);
		cr_assert_eq(ike_crypto_gcm(c, gcm, true, key, iv, aad, sizeof(aad), data, 61, tag), 0);
		aad[3] ^= 1;
		cr_assert_eq(ike_crypto_gcm(c, gcm, false, key, iv, aad, sizeof(aad), data, 61, tag),
		             -EBADMSG);
		aad[3] ^= 1;
	}
}

Test(ike_crypto, algorithm_rows)
{
	struct ike_suite s = {IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96, 14, 0};

	cr_assert_eq(ike_alg_check(&s, false), 0);
	cr_assert_neq(ike_alg_check(&s, true), 0, "a child has no prf");
	s.prf = 0;
	cr_assert_eq(ike_alg_check(&s, true), 0);
	s.encr_bits = 160;
	cr_assert_neq(ike_alg_check(&s, true), 0);
	s = (struct ike_suite){IKE_ENCR_NULL, 0, 0, IKE_INTEG_HMAC_SHA1_96, 0, 1};
	cr_assert_eq(ike_alg_check(&s, true), 0);
	s.prf = IKE_PRF_HMAC_SHA1;
	s.dh = 14;
	s.esn = 0;
	cr_assert_neq(ike_alg_check(&s, false), 0, "no NULL encryption for IKE");
	s.encr = IKE_ENCR_AES_GCM_8;
	s.encr_bits = 128;
	s.integ = 0;
	cr_assert_neq(ike_alg_check(&s, false), 0, "short check values are for ESP");
	s = (struct ike_suite){IKE_ENCR_AES_GCM_16, 256, 0, IKE_INTEG_HMAC_SHA1_96, 0, 0};
	cr_assert_neq(ike_alg_check(&s, true), 0, "GCM needs no integrity");
	cr_assert_str_eq(ike_alg_encr_name(IKE_ENCR_AES_CBC, 128), "aes-cbc-128");
	cr_assert_str_eq(ike_alg_integ_name(IKE_INTEG_HMAC_SHA1_96), "sha1-96");
	cr_assert_str_eq(ike_alg_group_name(0), "none");
	cr_assert_str_eq(ike_alg_encr_name(99, 0), "unknown");
}

/* Chapter 1, table 2, and what is beyond, as the registries and RFCs have it: a second time, so that a slip
 * in the engine's table is not taken for agreement between two of our own engines. */
static const struct {
	const char *name;
	uint16_t id, bits;
	unsigned key, iv, icv, salt;
	bool ike, esp;
} encrs[] = {
        {"des-cbc", 2, 0, 8, 8, 0, 0, true, true},
        {"3des-cbc", 3, 0, 24, 8, 0, 0, true, true},
        {"null", 11, 0, 0, 0, 0, 0, false, true},
        {"aes-cbc-128", 12, 128, 16, 16, 0, 0, true, true},
        {"aes-cbc-256", 12, 256, 32, 16, 0, 0, true, true},
        {"aes-128-gcm-64", 18, 128, 16, 8, 8, 4, false, true},
        {"aes-128-gcm-96", 19, 128, 16, 8, 12, 4, false, true},
        {"aes-128-gcm-128", 20, 128, 16, 8, 16, 4, true, true},
        {"aes-256-gcm-64", 18, 256, 32, 8, 8, 4, false, true},
        {"aes-256-gcm-96", 19, 256, 32, 8, 12, 4, false, true},
        {"aes-256-gcm-128", 20, 256, 32, 8, 16, 4, true, true},
};

static const struct {
	const char *name;
	uint16_t id;
	unsigned a, b; /* prf: length of its output; integrity: key and check value; group: public and shared
	                  value */
} prfs[] = {{"md5", 1, 16, 0},      {"sha1", 2, 20, 0},     {"aes-scbc-128", 4, 16, 0},
            {"sha2-256", 5, 32, 0}, {"sha2-384", 6, 48, 0}, {"sha2-512", 7, 64, 0}},
  integs[] = {{"md5-96", 1, 16, 12},        {"sha1-96", 2, 20, 12},       {"aes-xcbc-96", 5, 16, 12},
              {"sha2-256-128", 12, 32, 16}, {"sha2-384-192", 13, 48, 24}, {"sha2-512-256", 14, 64, 32}},
  groups[] = {{"1", 1, 96, 96},     {"2", 2, 128, 128},   {"5", 5, 192, 192},   {"14", 14, 256, 256},
              {"15", 15, 384, 384}, {"16", 16, 512, 512}, {"17", 17, 768, 768}, {"18", 18, 1024, 1024},
              {"19", 19, 64, 32},   {"20", 20, 96, 48},   {"21", 21, 132, 66},  {"31", 31, 32, 32}};

#define N(t) (sizeof(t) / sizeof((t)[0]))

Test(ike_crypto, rows_are_those_of_the_registries)
{
	for (size_t i = 0; i < N(encrs); i++) {
		const struct ike_alg_encr *e = ike_alg_encr_named(encrs[i].name);

		cr_assert(e, "%s", encrs[i].name);
		cr_assert(e->id == encrs[i].id && e->bits == encrs[i].bits && e->key == encrs[i].key, "%s",
		          e->name);
		cr_assert(e->iv == encrs[i].iv && e->icv == encrs[i].icv && e->salt == encrs[i].salt, "%s",
		          e->name);
		cr_assert_eq(!!(e->where & IKE_ALG_IKE), encrs[i].ike, "%s", e->name);
		cr_assert_eq(!!(e->where & IKE_ALG_ESP), encrs[i].esp, "%s", e->name);
	}
	for (size_t i = 0; i < N(prfs); i++) {
		const struct ike_alg_prf *p = ike_alg_prf_named(prfs[i].name);

		cr_assert(p && p->id == prfs[i].id && p->len == prfs[i].a, "%s", prfs[i].name);
	}
	for (size_t i = 0; i < N(integs); i++) {
		const struct ike_alg_integ *h = ike_alg_integ_named(integs[i].name);

		cr_assert(h && h->id == integs[i].id && h->key == integs[i].a && h->icv == integs[i].b, "%s",
		          integs[i].name);
	}
	for (size_t i = 0; i < N(groups); i++) {
		const struct ike_alg_group *g = ike_alg_group_named(groups[i].name);

		cr_assert(g && g->id == groups[i].id && g->pub == groups[i].a && g->shared == groups[i].b,
		          "%s", groups[i].name);
	}
}
