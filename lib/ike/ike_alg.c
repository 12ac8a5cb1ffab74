/* SPDX-License-Identifier: MIT */
/*
 * The algorithms we speak, one row each: IANA number, lengths, the name libcrypto fetches it by, and StarOS's
 * spelling. Also the name tables of states, events, reasons and actions. Entry points: ike_alg_*(),
 * ike_*_name(). Called by everything here.
 */
#include "ike/ike_crypto.h"

#include <errno.h>
#include <string.h>

/* libcrypto has single DES in its legacy provider only; triple DES with one key three times is the same
 * function, and every libcrypto has it. */
static const struct ike_alg_encr encrs[] = {
        {IKE_ENCR_DES_CBC, 0, 8, 0, 8, 8, 0, IKE_ALG_BOTH, true, "DES-EDE3-CBC", "des-cbc"},
        {IKE_ENCR_3DES_CBC, 0, 24, 0, 8, 8, 0, IKE_ALG_BOTH, true, "DES-EDE3-CBC", "3des-cbc"},
        {IKE_ENCR_AES_CBC, 128, 16, 0, 16, 16, 0, IKE_ALG_BOTH, false, "AES-128-CBC", "aes-cbc-128"},
        {IKE_ENCR_AES_CBC, 192, 24, 0, 16, 16, 0, IKE_ALG_BOTH, false, "AES-192-CBC", "aes-cbc-192"},
        {IKE_ENCR_AES_CBC, 256, 32, 0, 16, 16, 0, IKE_ALG_BOTH, false, "AES-256-CBC", "aes-cbc-256"},
        {IKE_ENCR_AES_GCM_8, 128, 16, 4, 8, 1, 8, IKE_ALG_ESP, false, "AES-128-GCM", "aes-128-gcm-64"},
        {IKE_ENCR_AES_GCM_12, 128, 16, 4, 8, 1, 12, IKE_ALG_ESP, false, "AES-128-GCM", "aes-128-gcm-96"},
        {IKE_ENCR_AES_GCM_16, 128, 16, 4, 8, 1, 16, IKE_ALG_BOTH, false, "AES-128-GCM", "aes-128-gcm-128"},
        {IKE_ENCR_AES_GCM_8, 256, 32, 4, 8, 1, 8, IKE_ALG_ESP, false, "AES-256-GCM", "aes-256-gcm-64"},
        {IKE_ENCR_AES_GCM_12, 256, 32, 4, 8, 1, 12, IKE_ALG_ESP, false, "AES-256-GCM", "aes-256-gcm-96"},
        {IKE_ENCR_AES_GCM_16, 256, 32, 4, 8, 1, 16, IKE_ALG_BOTH, false, "AES-256-GCM", "aes-256-gcm-128"},
        {IKE_ENCR_NULL, 0, 0, 0, 0, 1, 0, IKE_ALG_ESP, true, NULL, "null"},
};

static const struct ike_alg_prf prfs[] = {
        {IKE_PRF_HMAC_MD5, 16, true, "MD5", "md5"},
        {IKE_PRF_HMAC_SHA1, 20, true, "SHA1", "sha1"},
        {IKE_PRF_AES128_XCBC, 16, true, NULL, "aes-scbc-128"},
        {IKE_PRF_HMAC_SHA2_256, 32, false, "SHA256", "sha2-256"},
        {IKE_PRF_HMAC_SHA2_384, 48, false, "SHA384", "sha2-384"},
        {IKE_PRF_HMAC_SHA2_512, 64, false, "SHA512", "sha2-512"},
};

static const struct ike_alg_integ integs[] = {
        {IKE_INTEG_HMAC_MD5_96, 16, 12, true, "MD5", "md5-96"},
        {IKE_INTEG_HMAC_SHA1_96, 20, 12, true, "SHA1", "sha1-96"},
        {IKE_INTEG_AES_XCBC_96, 16, 12, true, NULL, "aes-xcbc-96"},
        {IKE_INTEG_HMAC_SHA2_256_128, 32, 16, false, "SHA256", "sha2-256-128"},
        {IKE_INTEG_HMAC_SHA2_384_192, 48, 24, false, "SHA384", "sha2-384-192"},
        {IKE_INTEG_HMAC_SHA2_512_256, 64, 32, false, "SHA512", "sha2-512-256"},
};

static const struct ike_alg_group groups[] = {
        {IKE_GROUP_MODP768, 96, 96, true, "1"},      {IKE_GROUP_MODP1024, 128, 128, true, "2"},
        {IKE_GROUP_MODP1536, 192, 192, false, "5"},  {IKE_GROUP_MODP2048, 256, 256, false, "14"},
        {IKE_GROUP_MODP3072, 384, 384, false, "15"}, {IKE_GROUP_MODP4096, 512, 512, false, "16"},
        {IKE_GROUP_MODP6144, 768, 768, false, "17"}, {IKE_GROUP_MODP8192, 1024, 1024, false, "18"},
        {IKE_GROUP_ECP256, 64, 32, false, "19"},     {IKE_GROUP_ECP384, 96, 48, false, "20"},
        {IKE_GROUP_ECP521, 132, 66, false, "21"},    {IKE_GROUP_X25519, 32, 32, false, "31"},
};

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

_Static_assert(ROWS(encrs) == IKE_ALG_ENCRS, "caches by row index have a place for every row");

const struct ike_alg_encr *ike_alg_encr(uint16_t id, uint16_t bits)
{
	for (size_t i = 0; i < ROWS(encrs); i++)
		if (encrs[i].id == id && encrs[i].bits == bits)
			return &encrs[i];
	return NULL;
}

unsigned ike_alg_encr_index(const struct ike_alg_encr *a)
{
	return (unsigned)(a - encrs);
}

const struct ike_alg_prf *ike_alg_prf(uint16_t id)
{
	for (size_t i = 0; i < ROWS(prfs); i++)
		if (prfs[i].id == id)
			return &prfs[i];
	return NULL;
}

const struct ike_alg_integ *ike_alg_integ(uint16_t id)
{
	for (size_t i = 0; i < ROWS(integs); i++)
		if (integs[i].id == id)
			return &integs[i];
	return NULL;
}

const struct ike_alg_group *ike_alg_group(uint16_t id)
{
	for (size_t i = 0; i < ROWS(groups); i++)
		if (groups[i].id == id)
			return &groups[i];
	return NULL;
}

const struct ike_alg_encr *ike_alg_encr_at(unsigned i)
{
	return i < ROWS(encrs) ? &encrs[i] : NULL;
}

const struct ike_alg_prf *ike_alg_prf_at(unsigned i)
{
	return i < ROWS(prfs) ? &prfs[i] : NULL;
}

const struct ike_alg_integ *ike_alg_integ_at(unsigned i)
{
	return i < ROWS(integs) ? &integs[i] : NULL;
}

const struct ike_alg_group *ike_alg_group_at(unsigned i)
{
	return i < ROWS(groups) ? &groups[i] : NULL;
}

const struct ike_alg_encr *ike_alg_encr_named(const char *name)
{
	for (size_t i = 0; name && i < ROWS(encrs); i++)
		if (!strcmp(encrs[i].name, name))
			return &encrs[i];
	return NULL;
}

const struct ike_alg_prf *ike_alg_prf_named(const char *name)
{
	for (size_t i = 0; name && i < ROWS(prfs); i++)
		if (!strcmp(prfs[i].name, name))
			return &prfs[i];
	return NULL;
}

const struct ike_alg_integ *ike_alg_integ_named(const char *name)
{
	for (size_t i = 0; name && i < ROWS(integs); i++)
		if (!strcmp(integs[i].name, name))
			return &integs[i];
	return NULL;
}

const struct ike_alg_group *ike_alg_group_named(const char *name)
{
	for (size_t i = 0; name && i < ROWS(groups); i++)
		if (!strcmp(groups[i].name, name))
			return &groups[i];
	return NULL;
}

bool ike_alg_equal(const struct ike_suite *a, const struct ike_suite *b)
{
	return a->encr == b->encr && a->encr_bits == b->encr_bits && a->prf == b->prf &&
	       a->integ == b->integ && a->dh == b->dh && a->esn == b->esn;
}

const char *ike_alg_weak(const struct ike_suite *s)
{
	const struct ike_alg_encr *e = ike_alg_encr(s->encr, s->encr_bits);
	const struct ike_alg_prf *p = ike_alg_prf(s->prf);
	const struct ike_alg_integ *i = ike_alg_integ(s->integ);
	const struct ike_alg_group *g = ike_alg_group(s->dh);

	if (e && e->weak)
		return e->name;
	if (i && i->weak)
		return i->name;
	if (p && p->weak)
		return p->name;
	return g && g->weak ? g->name : NULL;
}

const char *ike_alg_encr_name(uint16_t encr, uint16_t bits)
{
	const struct ike_alg_encr *a = ike_alg_encr(encr, bits);

	return a ? a->name : "unknown";
}

const char *ike_alg_prf_name(uint16_t prf)
{
	const struct ike_alg_prf *a = ike_alg_prf(prf);

	return a ? a->name : "unknown";
}

const char *ike_alg_integ_name(uint16_t integ)
{
	const struct ike_alg_integ *a = ike_alg_integ(integ);

	return integ == IKE_INTEG_NONE ? "none" : a ? a->name : "unknown";
}

const char *ike_alg_group_name(uint16_t dh)
{
	const struct ike_alg_group *a = ike_alg_group(dh);

	return dh == IKE_GROUP_NONE ? "none" : a ? a->name : "unknown";
}

int ike_alg_check(const struct ike_suite *s, bool child)
{
	const struct ike_alg_encr *e = ike_alg_encr(s->encr, s->encr_bits);

	if (!e || !(e->where & (child ? IKE_ALG_ESP : IKE_ALG_IKE)))
		return -ENOTSUP;
	if (e->icv ? s->integ != IKE_INTEG_NONE : !ike_alg_integ(s->integ))
		return -ENOTSUP;
	if (child)
		return s->prf || (s->dh && !ike_alg_group(s->dh)) ? -ENOTSUP : 0;
	return ike_alg_prf(s->prf) && ike_alg_group(s->dh) && !s->esn ? 0 : -ENOTSUP;
}

size_t ike_crypto_encr_len(const struct ike_suite *s)
{
	const struct ike_alg_encr *e = ike_alg_encr(s->encr, s->encr_bits);

	return e ? (size_t)e->key + e->salt : 0;
}

size_t ike_crypto_integ_len(const struct ike_suite *s)
{
	const struct ike_alg_integ *i = ike_alg_integ(s->integ);

	return i ? i->key : 0;
}

/* ---- names of enums ---- */

#define NAME_OF(table, i) ((size_t)(i) < ROWS(table) && (table)[i] ? (table)[i] : "unknown")

const char *ike_state_name(enum ike_state s)
{
	static const char *const names[IKE_STATES] = {
	        [IKE_ST_INIT_SENT] = "INIT_SENT", [IKE_ST_AUTH_SENT] = "AUTH_SENT",
	        [IKE_ST_HALF_OPEN] = "HALF_OPEN", [IKE_ST_AUTH_WAIT] = "AUTH_WAIT",
	        [IKE_ST_EAP_WAIT] = "EAP_WAIT",   [IKE_ST_ESTABLISHED] = "ESTABLISHED",
	        [IKE_ST_REKEYED] = "REKEYED",     [IKE_ST_DELETING] = "DELETING",
	        [IKE_ST_DEAD] = "DEAD",
	};

	return NAME_OF(names, s);
}

const char *ike_event_name(enum ike_event_kind k)
{
	static const char *const names[IKE_EVENTS] = {
	        [IKE_EV_HALF_OPEN] = "half-open",
	        [IKE_EV_UP] = "up",
	        [IKE_EV_DOWN] = "down",
	        [IKE_EV_SETUP_FAILED] = "setup-failed",
	        [IKE_EV_REKEYED] = "rekeyed",
	        [IKE_EV_CHILD_UP] = "child-up",
	        [IKE_EV_CHILD_DOWN] = "child-down",
	        [IKE_EV_CHILD_REKEYED] = "child-rekeyed",
	        [IKE_EV_CHILD_FAILED] = "child-failed",
	        [IKE_EV_PATH_CHANGED] = "path-changed",
	        [IKE_EV_COOKIES_ON] = "cookies-on",
	        [IKE_EV_COOKIES_OFF] = "cookies-off",
	        [IKE_EV_PEER_ALIVE] = "peer-alive",
	        [IKE_EV_REKEY_FAILED] = "rekey-failed",
	        [IKE_EV_DECRYPT_FAILING] = "decrypt-failing",
	        [IKE_EV_DECRYPT_GOOD] = "decrypt-good",
	        [IKE_EV_STRAY] = "stray-packet",
	};

	return NAME_OF(names, k);
}

const char *ike_reason_name(enum ike_reason r)
{
	static const char *const names[IKE_REASONS] = {
	        [IKE_R_NONE] = "none",
	        [IKE_R_LOCAL_DELETE] = "deleted locally",
	        [IKE_R_PEER_DELETE] = "deleted by the peer",
	        [IKE_R_DPD_TIMEOUT] = "dead peer",
	        [IKE_R_RETRANSMIT] = "no answer",
	        [IKE_R_LIFETIME] = "lifetime ended",
	        [IKE_R_REKEYED] = "rekeyed",
	        [IKE_R_SETUP_TIMEOUT] = "set-up timed out",
	        [IKE_R_NO_PROPOSAL] = "no proposal chosen",
	        [IKE_R_INVALID_KE] = "no common Diffie-Hellman group",
	        [IKE_R_AUTH_FAILED] = "authentication failed",
	        [IKE_R_TS_UNACCEPTABLE] = "traffic selectors unacceptable",
	        [IKE_R_NO_ADDRESS] = "no address",
	        [IKE_R_NO_CHILD] = "no child SA",
	        [IKE_R_INVALID_SYNTAX] = "invalid syntax",
	        [IKE_R_CRITICAL] = "unsupported critical payload",
	        [IKE_R_PEER_ERROR] = "the peer reported an error",
	        [IKE_R_STORE] = "checkpoint refused",
	        [IKE_R_DECRYPT_FAILURES] = "too many decryption failures",
	        [IKE_R_CHILD_NOT_FOUND] = "child SA not found",
	        [IKE_R_UNROUTABLE] = "new address unproven",
	        [IKE_R_DUPLICATE] = "duplicate session",
	        [IKE_R_CHANGED] = "configuration changed",
	        [IKE_R_COLLISION] = "gave way to the peer's call",
	        [IKE_R_DATA_PATH] = "refused by the data path",
	        [IKE_R_NO_SESSION] = "its session is over",
	};

	return NAME_OF(names, r);
}

const char *ike_action_name(enum ike_action_kind k)
{
	static const char *const names[] = {
	        [IKE_ACT_CKPT_PUT] = "ckpt-put",
	        [IKE_ACT_CKPT_DELETE] = "ckpt-delete",
	        [IKE_ACT_CHILD_ADD] = "child-add",
	        [IKE_ACT_CHILD_DEL] = "child-del",
	        [IKE_ACT_CHILD_PATH] = "child-path",
	        [IKE_ACT_SEND] = "send",
	        [IKE_ACT_NEED_SESSION] = "need-session",
	        [IKE_ACT_SESSION_END] = "session-end",
	        [IKE_ACT_NEED_CERT] = "need-cert",
	        [IKE_ACT_NEED_EAP] = "need-eap",
	        [IKE_ACT_EVENT] = "event",
	};

	return NAME_OF(names, k);
}
