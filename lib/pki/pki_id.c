/* SPDX-License-Identifier: MIT */
/*
 * Is a certificate that of an IKE identity (RFC 4945 section 3.1, chapter 3)? Names and addresses are looked
 * for in subjectAltName; a certificate without one speaks through the common name or mail address of its
 * subject, as older equipment's do. Entry point: pki_id_check(). Called by pki_trust.c and pki_own.c.
 */
#include "pki/pki_int.h"

#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* IANA "IKEv2 Identification Payload ID Types" */
enum { ID_IPV4 = 1, ID_FQDN = 2, ID_RFC822 = 3, ID_IPV6 = 5, ID_DER_DN = 9, ID_DER_GN = 10, ID_KEY_ID = 11 };

/* Names are compared without regard to case; a name with a NUL inside is nobody's. */
static bool same_text(const ASN1_STRING *s, struct pki_bytes want)
{
	const char *p = (const char *)ASN1_STRING_get0_data(s);
	size_t len = (size_t)ASN1_STRING_length(s);

	return len == want.len && len && !memchr(p, 0, len) && !strncasecmp(p, (const char *)want.p, len);
}

static bool same_bytes(const ASN1_STRING *s, struct pki_bytes want)
{
	return s && (size_t)ASN1_STRING_length(s) == want.len && want.len &&
	       !memcmp(ASN1_STRING_get0_data(s), want.p, want.len);
}

/* The subject has this text under nid. */
static bool subject_has(const X509 *cert, int nid, struct pki_bytes want)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	unsigned char *utf8;
	bool same = false;
	int len;

	for (int at = -1; (at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0 && !same;) {
		utf8 = NULL;
		len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
		same = len > 0 && (size_t)len == want.len && !memchr(utf8, 0, want.len) &&
		       !strncasecmp((const char *)utf8, (const char *)want.p, want.len);
		OPENSSL_free(utf8);
	}
	return same;
}

/* The alternative names have this one of kind `type`; *any: there are some of that kind. */
static bool alt_has(const X509 *cert, int type, struct pki_bytes want, bool *any)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	*any = false;
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);

		if (n->type != type)
			continue;
		*any = true;
		found = found ||
		        (type == GEN_IPADD ? same_bytes(n->d.iPAddress, want) : same_text(n->d.ia5, want));
	}
	GENERAL_NAMES_free(all);
	return found;
}

static bool has_dn(const X509 *cert, struct pki_bytes want)
{
	const unsigned char *p = want.p;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)want.len);
	bool same = name && p == want.p + want.len && X509_NAME_cmp(name, X509_get_subject_name(cert)) == 0;

	X509_NAME_free(name);
	return same;
}

static bool has_gn(const X509 *cert, struct pki_bytes want)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const unsigned char *p = want.p;
	GENERAL_NAME *name = d2i_GENERAL_NAME(NULL, &p, (long)want.len);
	bool found = false;

	for (int i = 0; name && p == want.p + want.len && i < sk_GENERAL_NAME_num(all); i++)
		found = found || GENERAL_NAME_cmp(name, sk_GENERAL_NAME_value(all, i)) == 0;
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(all);
	return found;
}

/* A name of one kind: in the alternative names if that kind is there, else in the subject. */
static bool has_name(const X509 *cert, int type, int nid, struct pki_bytes want)
{
	bool any;

	if (alt_has(cert, type, want, &any))
		return true;
	return !any && subject_has(cert, nid, want);
}

/* A key id names the key (subject key identifier), or is the common name. */
static bool has_key_id(X509 *cert, struct pki_bytes want)
{
	return same_bytes(X509_get0_subject_key_id(cert), want) || subject_has(cert, NID_commonName, want);
}

enum pki_reason pki_id_check(X509 *cert, const struct pki_id *id)
{
	bool any, same = false;

	if (id->data.len)
		switch (id->type) {
		case ID_FQDN:
			same = has_name(cert, GEN_DNS, NID_commonName, id->data);
			break;
		case ID_RFC822:
			same = has_name(cert, GEN_EMAIL, NID_pkcs9_emailAddress, id->data);
			break;
		case ID_IPV4:
		case ID_IPV6:
			same = alt_has(cert, GEN_IPADD, id->data, &any);
			break;
		case ID_DER_DN:
			same = has_dn(cert, id->data);
			break;
		case ID_DER_GN:
			same = has_gn(cert, id->data);
			break;
		case ID_KEY_ID:
			same = has_key_id(cert, id->data);
			break;
		}
	ERR_clear_error();
	return same ? PKI_OK : PKI_IDENTITY;
}
