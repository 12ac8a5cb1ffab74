/* SPDX-License-Identifier: MIT */
/*
 * Security associations and their algorithms: one table of transforms, making an SA from negotiated
 * parameters, wiping and freeing it, and the sizes it gives packets. Crypto contexts are made once here, so
 * that packets allocate nothing. RFC 4303, RFC 3602 (AES-CBC), RFC 4106 (AES-GCM), RFC 2410 (NULL). Called by
 * the owner of the SAs.
 */
#include "esp/esp.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct encr_alg {
	uint16_t encr, bits;
	const char *name;
	const EVP_CIPHER *(*cipher)(void);
	uint8_t key_len, salt_len, iv_len, align, icv_len; /* icv_len: AEAD only */
};

static const struct encr_alg encr_algs[] = {
        /* single DES is triple DES with one key three times: half_init() */
        {ESP_ENCR_DES_CBC, 0, "des-cbc", EVP_des_ede3_cbc, 8, 0, 8, 8, 0},
        {ESP_ENCR_3DES_CBC, 0, "3des-cbc", EVP_des_ede3_cbc, 24, 0, 8, 8, 0},
        {ESP_ENCR_NULL, 0, "null", NULL, 0, 0, 0, 4, 0},
        {ESP_ENCR_AES_CBC, 128, "aes-cbc-128", EVP_aes_128_cbc, 16, 0, 16, 16, 0},
        {ESP_ENCR_AES_CBC, 192, "aes-cbc-192", EVP_aes_192_cbc, 24, 0, 16, 16, 0},
        {ESP_ENCR_AES_CBC, 256, "aes-cbc-256", EVP_aes_256_cbc, 32, 0, 16, 16, 0},
        {ESP_ENCR_AES_GCM_8, 128, "aes-128-gcm-64", EVP_aes_128_gcm, 16, 4, 8, 4, 8},
        {ESP_ENCR_AES_GCM_12, 128, "aes-128-gcm-96", EVP_aes_128_gcm, 16, 4, 8, 4, 12},
        {ESP_ENCR_AES_GCM_16, 128, "aes-128-gcm-128", EVP_aes_128_gcm, 16, 4, 8, 4, 16},
        {ESP_ENCR_AES_GCM_8, 256, "aes-256-gcm-64", EVP_aes_256_gcm, 32, 4, 8, 4, 8},
        {ESP_ENCR_AES_GCM_12, 256, "aes-256-gcm-96", EVP_aes_256_gcm, 32, 4, 8, 4, 12},
        {ESP_ENCR_AES_GCM_16, 256, "aes-256-gcm-128", EVP_aes_256_gcm, 32, 4, 8, 4, 16},
};

static const char *const reason_names[ESP_REASONS] = {
        [ESP_OK] = "ok",
        [ESP_DROP_SHORT] = "too-short",
        [ESP_DROP_ALIGN] = "misaligned",
        [ESP_DROP_NO_SA] = "no-sa",
        [ESP_DROP_REPLAY] = "replay",
        [ESP_DROP_LATE] = "outside-window",
        [ESP_DROP_AUTH] = "bad-icv",
        [ESP_DROP_PADDING] = "bad-padding",
        [ESP_DROP_NEXT_HEADER] = "bad-next-header",
        [ESP_DROP_DUMMY] = "dummy",
        [ESP_DROP_INNER] = "bad-inner-packet",
        [ESP_DROP_SELECTOR] = "selector-mismatch",
        [ESP_DROP_SEQ_LIMIT] = "sequence-mark-pending",
        [ESP_DROP_SEQ_EXHAUSTED] = "sequence-exhausted",
        [ESP_DROP_ROOM] = "too-long",
        [ESP_DROP_CRYPTO] = "crypto-error",
};

static const struct encr_alg *find_encr(uint16_t encr, uint16_t bits)
{
	size_t i;

	for (i = 0; i < sizeof(encr_algs) / sizeof(encr_algs[0]); i++)
		if (encr_algs[i].encr == encr && encr_algs[i].bits == bits)
			return &encr_algs[i];
	return NULL;
}

int esp_alg_encr_key_len(uint16_t encr, uint16_t bits)
{
	const struct encr_alg *a = find_encr(encr, bits);

	return a ? a->key_len + a->salt_len : -ENOTSUP;
}

int esp_alg_integ_key_len(uint16_t integ)
{
	size_t size = esp_hmac_size(integ);

	if (integ == ESP_INTEG_NONE)
		return 0;
	return size ? (int)size : -ENOTSUP;
}

bool esp_alg_is_aead(uint16_t encr)
{
	return encr == ESP_ENCR_AES_GCM_8 || encr == ESP_ENCR_AES_GCM_12 || encr == ESP_ENCR_AES_GCM_16;
}

const char *esp_alg_encr_name(uint16_t encr, uint16_t bits)
{
	const struct encr_alg *a = find_encr(encr, bits);

	return a ? a->name : "unknown";
}

const char *esp_alg_integ_name(uint16_t integ)
{
	switch (integ) {
	case ESP_INTEG_NONE:
		return "none";
	case ESP_INTEG_MD5_96:
		return "md5-96";
	case ESP_INTEG_SHA1_96:
		return "sha1-96";
	case ESP_INTEG_AES_XCBC_96:
		return "aes-xcbc-96";
	case ESP_INTEG_SHA256_128:
		return "sha2-256-128";
	case ESP_INTEG_SHA384_192:
		return "sha2-384-192";
	case ESP_INTEG_SHA512_256:
		return "sha2-512-256";
	}
	return "unknown";
}

const char *esp_reason_name(enum esp_reason reason)
{
	return (unsigned)reason < ESP_REASONS ? reason_names[reason] : "unknown";
}

static int half_init(struct esp_half *h, const struct encr_alg *a, const struct esp_sa_params *p,
                     bool encrypt)
{
	const uint8_t *key = encrypt ? p->encr_key_out : p->encr_key_in;
	const uint8_t *integ_key = encrypt ? p->integ_key_out : p->integ_key_in;
	static const uint8_t zero_iv[16];
	uint8_t thrice[24];
	int ok;

	h->spi = encrypt ? p->spi_out : p->spi_in;
	if (p->integ != ESP_INTEG_NONE) {
		ok = esp_hmac_init(&h->hmac, p->integ, integ_key, p->integ_key_len);
		if (ok)
			return ok;
	}
	if (!a->cipher)
		return 0;
	if (!key)
		return -EINVAL;
	memcpy(h->salt, key + a->key_len, a->salt_len);
	h->cipher = EVP_CIPHER_CTX_new();
	for (unsigned i = 0; a->encr == ESP_ENCR_DES_CBC && i < sizeof(thrice); i++)
		thrice[i] = key[i % a->key_len];
	ok = h->cipher && EVP_CipherInit_ex(h->cipher, a->cipher(), NULL,
	                                    a->encr == ESP_ENCR_DES_CBC ? thrice : key, zero_iv, encrypt);
	OPENSSL_cleanse(thrice, sizeof(thrice));
	if (!ok)
		return -ENOMEM;
	EVP_CIPHER_CTX_set_padding(h->cipher, 0);
	return 0;
}

static void half_free(struct esp_half *h)
{
	EVP_CIPHER_CTX_free(h->cipher); /* cleanses the key schedule */
	esp_hmac_clear(&h->hmac);
	OPENSSL_cleanse(h, sizeof(*h));
}

static int copy_ts(struct esp_ts **out, uint16_t *n_out, const struct esp_ts *ts, size_t n)
{
	size_t i;

	if (!n || n > ESP_TS_MAX || !ts)
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (esp_inner_ts_check(&ts[i]))
			return -EINVAL;
	*out = malloc(n * sizeof(*ts));
	if (!*out)
		return -ENOMEM;
	memcpy(*out, ts, n * sizeof(*ts));
	*n_out = (uint16_t)n;
	return 0;
}

static int check_params(const struct encr_alg *a, const struct esp_sa_params *p)
{
	int integ_len = esp_alg_integ_key_len(p->integ);

	if (!a || integ_len < 0)
		return -ENOTSUP;
	/* Encryption without integrity is refused (RFC 8221 section 4), as is a second one on top of an AEAD.
	 */
	if (esp_alg_is_aead(p->encr) != (p->integ == ESP_INTEG_NONE))
		return -EINVAL;
	if (p->encr_key_len != (size_t)(a->key_len + a->salt_len) || p->integ_key_len != (size_t)integ_len)
		return -EINVAL;
	if (p->spi_in < 256 || p->spi_out < 256)
		return -EINVAL;
	return 0;
}

static int sa_init(struct esp_sa *sa, const struct esp_sa_params *p)
{
	const struct encr_alg *a = find_encr(p->encr, p->encr_bits);
	uint64_t end = p->esn ? UINT64_MAX : 1ULL << 32;
	int rc = check_params(a, p);

	if (rc)
		return rc;
	sa->encr = p->encr;
	sa->encr_bits = p->encr_bits;
	sa->integ = p->integ;
	sa->esn = p->esn;
	sa->out_wait = p->out_wait;
	sa->in.bytes = p->bytes_in;
	sa->out.bytes = p->bytes_out;
	sa->fresh = false;
	sa->iv_len = a->iv_len;
	sa->align = a->align;
	sa->icv_len = a->icv_len ? a->icv_len : (uint8_t)esp_hmac_icv(p->integ);
	sa->iv_seed = p->iv_seed;
	sa->seq = p->seq < end ? p->seq : end - 1;
	sa->seq_limit = p->seq_limit < end ? p->seq_limit : end;
	sa->seq_asked = sa->seq_limit;
	sa->lane = p->lane;
	sa->next_base = sa->next_limit = 0;
	rc = copy_ts(&sa->ts_local, &sa->n_local, p->ts_local, p->n_local);
	if (!rc)
		rc = copy_ts(&sa->ts_remote, &sa->n_remote, p->ts_remote, p->n_remote);
	if (!rc)
		rc = esp_replay_init(&sa->replay, p->replay_window, p->replay_top);
	if (!rc)
		rc = half_init(&sa->in, a, p, false);
	if (!rc)
		rc = half_init(&sa->out, a, p, true);
	return rc;
}

struct esp_sa *esp_sa_new(const struct esp_sa_params *p, int *err)
{
	struct esp_sa *sa = calloc(1, sizeof(*sa));

	*err = sa ? sa_init(sa, p) : -ENOMEM;
	if (*err) {
		esp_sa_free(sa);
		return NULL;
	}
	return sa;
}

void esp_sa_free(struct esp_sa *sa)
{
	if (!sa)
		return;
	half_free(&sa->in);
	half_free(&sa->out);
	esp_replay_free(&sa->replay);
	free(sa->ts_local);
	free(sa->ts_remote);
	OPENSSL_cleanse(sa, sizeof(*sa));
	free(sa);
}

size_t esp_sa_sealed_len(const struct esp_sa *sa, size_t inner_len)
{
	size_t body = (inner_len + 2 + sa->align - 1) / sa->align * sa->align;

	return 8u + sa->iv_len + body + sa->icv_len;
}

size_t esp_sa_inner_max(const struct esp_sa *sa, size_t max_esp_len)
{
	size_t fixed = 8u + sa->iv_len + sa->icv_len;
	size_t body;

	if (max_esp_len < fixed)
		return 0;
	body = (max_esp_len - fixed) / sa->align * sa->align;
	return body > 2 ? body - 2 : 0;
}
