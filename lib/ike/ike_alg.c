/* SPDX-License-Identifier: MIT */
/*
 * The algorithms we speak, one row each: IANA number, lengths, the name libcrypto fetches it by, and StarOS's
 * spelling. Also the name tables of states, events, reasons and actions. Entry points: ike_alg_*(),
 * ike_*_name(). Called by everything here.
 */
#include "ike/ike_crypto.h"

#include <errno.h>

static const struct ike_alg_encr encrs[IKE_ALG_ENCRS] = {
        {IKE_ENCR_AES_CBC, 128, 16, 0, 16, 16, 0, "AES-128-CBC", "aes-cbc-128"},
        {IKE_ENCR_AES_CBC, 256, 32, 0, 16, 16, 0, "AES-256-CBC", "aes-cbc-256"},
        {IKE_ENCR_AES_GCM_16, 128, 16, 4, 8, 1, 16, "AES-128-GCM", "aes-128-gcm-128"},
        {IKE_ENCR_AES_GCM_16, 256, 32, 4, 8, 1, 16, "AES-256-GCM", "aes-256-gcm-128"},
};

static const struct ike_alg_prf prfs[] = {
        {IKE_PRF_HMAC_SHA1, 20, "SHA1", "sha1"},
        {IKE_PRF_HMAC_SHA2_256, 32, "SHA256", "sha2-256"},
};

static const struct ike_alg_integ integs[] = {
        {IKE_INTEG_HMAC_SHA1_96, 20, 12, "SHA1", "sha1-96"},
        {IKE_INTEG_HMAC_SHA2_256_128, 32, 16, "SHA256", "sha2-256-128"},
};

static const struct ike_alg_group groups[] = {
        {IKE_GROUP_MODP1024, 128, 128, "2"},
        {IKE_GROUP_MODP2048, 256, 256, "14"},
        {IKE_GROUP_ECP256, 64, 32, "19"},
        {IKE_GROUP_X25519, 32, 32, "31"},
};

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

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

bool ike_alg_equal(const struct ike_suite *a, const struct ike_suite *b)
{
	return a->encr == b->encr && a->encr_bits == b->encr_bits && a->prf == b->prf &&
	       a->integ == b->integ && a->dh == b->dh;
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

	if (!e)
		return -ENOTSUP;
	if (e->icv ? s->integ != IKE_INTEG_NONE : !ike_alg_integ(s->integ))
		return -ENOTSUP;
	if (child)
		return s->prf || (s->dh && !ike_alg_group(s->dh)) ? -ENOTSUP : 0;
	return ike_alg_prf(s->prf) && ike_alg_group(s->dh) ? 0 : -ENOTSUP;
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
	        [IKE_ST_INIT_SENT] = "INIT_SENT",     [IKE_ST_AUTH_SENT] = "AUTH_SENT",
	        [IKE_ST_HALF_OPEN] = "HALF_OPEN",     [IKE_ST_AUTH_WAIT] = "AUTH_WAIT",
	        [IKE_ST_ESTABLISHED] = "ESTABLISHED", [IKE_ST_REKEYED] = "REKEYED",
	        [IKE_ST_DELETING] = "DELETING",       [IKE_ST_DEAD] = "DEAD",
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
	        [IKE_R_INITIAL_CONTACT] = "initial contact",
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
	        [IKE_ACT_EVENT] = "event",
	};

	return NAME_OF(names, k);
}
