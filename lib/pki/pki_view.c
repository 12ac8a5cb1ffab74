/* SPDX-License-Identifier: MIT */
/* Certificates and revocation lists as texts and numbers: see pki_view.h. */
#include "pki/pki_view.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "pki/pki_int.h"

/* What a memory BIO holds, cut to size; anything that is not printable ASCII becomes a blank. */
static void take(BIO *b, char *out, size_t size)
{
	char *p = NULL;
	long n = b ? BIO_get_mem_data(b, &p) : 0;
	size_t len = n > 0 ? (size_t)n : 0;

	len = len < size ? len : size - 1;
	if (len)
		memcpy(out, p, len);
	out[len] = 0;
	for (size_t i = 0; i < len; i++)
		if (out[i] < ' ' || out[i] > '~')
			out[i] = ' ';
	BIO_free(b);
}

static void name_text(const X509_NAME *name, char *out, size_t size)
{
	BIO *b = BIO_new(BIO_s_mem());

	if (b)
		X509_NAME_print_ex(b, name, 0, XN_FLAG_ONELINE);
	take(b, out, size);
}

static void hex_text(const uint8_t *p, size_t n, char *out, size_t size)
{
	out[0] = 0;
	for (size_t i = 0; i < n && 3 * i + 3 <= size; i++)
		snprintf(out + (i ? 3 * i - 1 : 0), size - (i ? 3 * i - 1 : 0), "%s%02X", i ? ":" : "", p[i]);
}

static void integer_text(const ASN1_INTEGER *n, char *out, size_t size)
{
	const char *sign = n && (ASN1_STRING_type(n) & V_ASN1_NEG) ? "-" : "";
	size_t at = (size_t)snprintf(out, size, "%s", sign);

	if (n)
		hex_text(ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n), out + at, size - at);
}

static void algorithm(int nid, char *out, size_t size)
{
	const char *name = nid == NID_undef ? NULL : OBJ_nid2ln(nid);

	snprintf(out, size, "%s", name ? name : "unknown");
}

/* Seconds since 1970; 0: no time, or one before that. */
static uint64_t seconds(const ASN1_TIME *t)
{
	struct tm tm;
	time_t s;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return 0;
	s = timegm(&tm);
	return s > 0 ? (uint64_t)s : 0;
}

/* The value of an extension as openssl writes it, on one line. */
static void extension(const X509 *x, int nid, char *out, size_t size)
{
	int at = X509_get_ext_by_NID(x, nid, -1);
	BIO *b = at >= 0 ? BIO_new(BIO_s_mem()) : NULL;

	if (b)
		X509V3_EXT_print(b, X509_get_ext(x, at), X509V3_EXT_ERROR_UNKNOWN, 0);
	take(b, out, size);
}

static void key_text(X509 *x, char *out, size_t size)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	char group[64] = "";

	if (!key) {
		snprintf(out, size, "unknown");
		return;
	}
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
		EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	snprintf(out, size, "%.24s (%d bit%s%.24s)", OBJ_nid2ln(EVP_PKEY_get_base_id(key)),
	         EVP_PKEY_get_bits(key), *group ? ", " : "", group);
}

enum pki_reason pki_view_cert(struct pki_bytes in, struct pki_cert_view *v)
{
	enum pki_reason why = PKI_OK;
	STACK_OF(X509) *all = pki_read_certs(in, 16, &why);
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	X509 *x;

	memset(v, 0, sizeof(*v));
	if (!all)
		return why;
	x = sk_X509_value(all, 0);
	v->version = (unsigned)X509_get_version(x) + 1;
	v->further = (unsigned)sk_X509_num(all) - 1;
	integer_text(X509_get0_serialNumber(x), v->serial, sizeof(v->serial));
	algorithm(X509_get_signature_nid(x), v->signature, sizeof(v->signature));
	name_text(X509_get_issuer_name(x), v->issuer, sizeof(v->issuer));
	name_text(X509_get_subject_name(x), v->subject, sizeof(v->subject));
	v->not_before_s = seconds(X509_get0_notBefore(x));
	v->not_after_s = seconds(X509_get0_notAfter(x));
	extension(x, NID_subject_alt_name, v->names, sizeof(v->names));
	extension(x, NID_key_usage, v->usage, sizeof(v->usage));
	v->ca = X509_check_ca(x) > 0;
	key_text(x, v->key, sizeof(v->key));
	if (X509_digest(x, EVP_sha1(), hash, &n) == 1)
		hex_text(hash, n, v->sha1, sizeof(v->sha1));
	if (X509_digest(x, EVP_sha256(), hash, &n) == 1)
		hex_text(hash, n, v->sha256, sizeof(v->sha256));
	if (pki_key_hash(x, hash) == 0)
		hex_text(hash, PKI_KEYHASH_LEN, v->key_id, sizeof(v->key_id));
	ERR_clear_error();
	sk_X509_pop_free(all, X509_free);
	return PKI_OK;
}

/* CRLReason of RFC 5280 section 5.3.1, in openssl's words. */
static const char *crl_reason(const X509_REVOKED *r)
{
	static const char *const words[] = {
	        "Unspecified",     "Key Compromise",         "CA Compromise",    "Affiliation Changed",
	        "Superseded",      "Cessation Of Operation", "Certificate Hold", "",
	        "Remove From CRL", "Privilege Withdrawn",    "AA Compromise"};
	ASN1_ENUMERATED *e = X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
	long n = e ? ASN1_ENUMERATED_get(e) : -1;

	ASN1_ENUMERATED_free(e);
	return n >= 0 && n < (long)(sizeof(words) / sizeof(*words)) ? words[n] : "";
}

enum pki_reason pki_view_crl(struct pki_bytes in, struct pki_crl_view *v,
                             void (*each)(void *arg, const char *serial, uint64_t at_s, const char *why),
                             void *arg)
{
	enum pki_reason why = PKI_OK;
	X509_CRL *crl = pki_read_crl(in, &why);
	char serial[PKI_VIEW_SERIAL];
	STACK_OF(X509_REVOKED) * list;
	uint8_t hash[EVP_MAX_MD_SIZE];
	ASN1_INTEGER *number;
	unsigned n = 0;

	memset(v, 0, sizeof(*v));
	if (!crl)
		return why;
	v->version = (unsigned)X509_CRL_get_version(crl) + 1;
	algorithm(X509_CRL_get_signature_nid(crl), v->signature, sizeof(v->signature));
	name_text(X509_CRL_get_issuer(crl), v->issuer, sizeof(v->issuer));
	number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	integer_text(number, v->number, sizeof(v->number));
	ASN1_INTEGER_free(number);
	v->this_update_s = seconds(X509_CRL_get0_lastUpdate(crl));
	v->next_update_s = seconds(X509_CRL_get0_nextUpdate(crl));
	if (X509_CRL_digest(crl, EVP_sha256(), hash, &n) == 1)
		hex_text(hash, n, v->sha256, sizeof(v->sha256));
	list = X509_CRL_get_REVOKED(crl);
	v->revoked = list ? (unsigned)sk_X509_REVOKED_num(list) : 0;
	for (unsigned i = 0; each && i < v->revoked; i++) {
		const X509_REVOKED *r = sk_X509_REVOKED_value(list, (int)i);

		integer_text(X509_REVOKED_get0_serialNumber(r), serial, sizeof(serial));
		each(arg, serial, seconds(X509_REVOKED_get0_revocationDate(r)), crl_reason(r));
	}
	ERR_clear_error();
	X509_CRL_free(crl);
	return PKI_OK;
}
