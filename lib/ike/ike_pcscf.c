/* SPDX-License-Identifier: MIT */
/*
 * P-CSCF addresses in configuration payloads (RFC 7651; chapter 20): a peer that asks for them, in the
 * attributes of the RFC or in private ones whose numbers are configured, is told those of the APN it names in
 * IDr (3GPP TS 24.302 section 7.2.2), in each attribute that it asked in and in their order; who does not ask
 * is told nothing. Entry points: ike_pcscf_apn() (ike_txn.c), ike_pcscf_answer() (ike_auth.c),
 * ike_pcscf_ask() (ike_auth_init.c).
 */
#include "ike/ike_auth.h"
#include "ike/ike_int.h"

#include <ctype.h>
#include <string.h>

/* The attributes in which this policy's peers may ask, and the length of an address in them. */
struct way {
	uint16_t type; /* 0: not configured */
	size_t len;
};
#define WAYS 4

static void ways_of(const struct ike_policy *p, struct way w[WAYS])
{
	w[0] = (struct way){IKE_CFG_P_CSCF_IP4_ADDRESS, 4};
	w[1] = (struct way){p->pcscf4_attribute, 4};
	w[2] = (struct way){IKE_CFG_P_CSCF_IP6_ADDRESS, 16};
	w[3] = (struct way){p->pcscf6_attribute, 16};
}

/* An empty one asks, as does one with an address that the peer would like; another one is not understood. */
static bool is_asked(const struct ike_buf *cp, const struct way *w)
{
	struct ike_buf v;

	return w->type && ike_wire_cp_value(cp, w->type, &v) && (!v.len || v.len == w->len);
}

/* An APN is text (3GPP TS 23.003 section 9.1); anything else is none that could be configured. */
const char *ike_pcscf_apn(const struct ike_policy *p, const struct ike_msg *m, char text[IKE_ID_MAX + 1])
{
	const struct ike_buf *id = &m->idr.data;
	struct way w[WAYS];
	bool asked = false;

	ways_of(p, w);
	for (unsigned i = 0; m->cp.p && i < WAYS; i++)
		asked = asked || is_asked(&m->cp, &w[i]);
	if (!asked || !(m->seen & IKE_SEEN(IKE_PL_IDR)) || !id->len || id->len > IKE_ID_MAX ||
	    (m->idr.type != IKE_ID_FQDN && m->idr.type != IKE_ID_KEY_ID))
		return NULL;
	for (size_t i = 0; i < id->len; i++)
		if (!isascii(id->p[i]) || !isgraph(id->p[i]))
			return NULL;
	memcpy(text, id->p, id->len);
	text[id->len] = '\0';
	return text;
}

static void add(struct ike_cp *cp, uint16_t type, const struct net_addr *a)
{
	if (cp->n_pcscf < IKE_CP_PCSCF)
		cp->pcscf[cp->n_pcscf++] = (struct ike_cp_pcscf){type, *a};
}

void ike_pcscf_answer(const struct ike_policy *p, const struct ike_buf *request,
                      const struct ike_session_result *r, struct ike_cp *cp)
{
	struct way w[WAYS];

	ways_of(p, w);
	for (unsigned i = 0; request->p && i < WAYS; i++) {
		if (!is_asked(request, &w[i]))
			continue;
		for (unsigned k = 0; k < r->n_pcscf && k < IKE_MAX_PCSCF; k++)
			if (net_addr_len(&r->pcscf[k]) == w[i].len)
				add(cp, w[i].type, &r->pcscf[k]);
	}
}

void ike_pcscf_ask(const struct ike_policy *p, struct ike_cp *cp)
{
	static const struct net_addr any;

	if (p->pcscf4_attribute)
		add(cp, p->pcscf4_attribute, &any);
	if (p->pcscf6_attribute)
		add(cp, p->pcscf6_attribute, &any);
}
