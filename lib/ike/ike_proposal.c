/* SPDX-License-Identifier: MIT */
/*
 * Choosing among proposals (RFC 7296 section 2.7, 3.3.6): our order of preference decides. A proposal with a
 * transform type that we don't know can't be chosen; neither can a transform with an unknown attribute. Entry
 * points: ike_proposal_choose(), ike_proposal_accept(). Called by the exchanges.
 */
#include "ike/ike_proposal.h"
#include "ike/ike_crypto.h"

#include <errno.h>

uint64_t ike_proposal_spi(const struct ike_proposal *p)
{
	uint64_t spi = 0;

	for (unsigned i = 0; i < p->spi_len; i++)
		spi = spi << 8 | p->spi[i];
	return spi;
}

static unsigned count_type(const struct ike_proposals *all, const struct ike_proposal *p, uint8_t type)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += all->transform[p->first + i].type == type;
	return n;
}

static bool offers(const struct ike_proposals *all, const struct ike_proposal *p, uint8_t type, uint16_t id,
                   uint16_t bits)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct ike_transform *t = &all->transform[p->first + i];

		if (t->type == type && t->id == id && t->bits == bits && !t->odd)
			return true;
	}
	return false;
}

/* True when the type is absent or its value 0 ("none", "no ESN") is offered. */
static bool offers_none(const struct ike_proposals *all, const struct ike_proposal *p, uint8_t type)
{
	return !count_type(all, p, type) || offers(all, p, type, 0, 0);
}

static bool known_types(const struct ike_proposals *all, const struct ike_proposal *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		uint8_t type = all->transform[p->first + i].type;

		if (type < IKE_T_ENCR || type > IKE_T_ESN)
			return false;
	}
	return true;
}

/* The group when our suite has none and the peer insists on one: its KE's, else the first that we speak. */
static uint16_t peers_group(const struct ike_proposals *all, const struct ike_proposal *p, uint16_t ke_group)
{
	if (ke_group && ike_alg_group(ke_group) && offers(all, p, IKE_T_DH, ke_group, 0))
		return ke_group;
	for (unsigned i = 0; i < p->n; i++) {
		const struct ike_transform *t = &all->transform[p->first + i];

		if (t->type == IKE_T_DH && !t->odd && ike_alg_group(t->id))
			return t->id;
	}
	return IKE_GROUP_NONE;
}

static bool match_dh(const struct ike_proposals *all, const struct ike_proposal *p, const struct ike_suite *s,
                     enum ike_dh_rule rule, uint16_t ke_group, uint16_t *dh)
{
	*dh = IKE_GROUP_NONE;
	if (rule == IKE_DH_IGNORED)
		return true;
	if (s->dh != IKE_GROUP_NONE) {
		*dh = s->dh;
		return offers(all, p, IKE_T_DH, s->dh, 0);
	}
	if (rule == IKE_DH_REQUIRED)
		return false;
	if (offers_none(all, p, IKE_T_DH))
		return true;
	*dh = peers_group(all, p, ke_group);
	return *dh != IKE_GROUP_NONE;
}

/* Extended sequence numbers where both sides want them (RFC 7296 section 3.3.2, transform type 5). */
static uint16_t match_esn(const struct ike_proposals *all, const struct ike_proposal *p,
                          const struct ike_suite *s)
{
	return s->esn && offers(all, p, IKE_T_ESN, 1, 0);
}

static bool match(const struct ike_proposals *all, const struct ike_proposal *p, uint8_t proto,
                  const struct ike_suite *s)
{
	if (!offers(all, p, IKE_T_ENCR, s->encr, s->encr_bits))
		return false;
	if (s->integ ? !offers(all, p, IKE_T_INTEG, s->integ, 0) : !offers_none(all, p, IKE_T_INTEG))
		return false;
	if (proto == IKE_PROTO_IKE)
		return offers(all, p, IKE_T_PRF, s->prf, 0) && !count_type(all, p, IKE_T_ESN);
	return !count_type(all, p, IKE_T_PRF) && (match_esn(all, p, s) || offers_none(all, p, IKE_T_ESN));
}

int ike_proposal_choose(const struct ike_proposals *p, uint8_t proto, uint8_t spi_len,
                        const struct ike_suite *mine, unsigned n, enum ike_dh_rule rule, uint16_t ke_group,
                        struct ike_suite *out, const struct ike_proposal **prop)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < p->n; k++) {
			const struct ike_proposal *one = &p->prop[k];
			uint16_t dh;

			if (one->proto != proto || one->spi_len != spi_len || !known_types(p, one) ||
			    !match(p, one, proto, &mine[i]) ||
			    !match_dh(p, one, &mine[i], rule, ke_group, &dh))
				continue;
			*out = mine[i];
			out->dh = dh;
			out->esn = match_esn(p, one, &mine[i]);
			*prop = one;
			return 0;
		}
	}
	return -ENOENT;
}

int ike_proposal_accept(const struct ike_proposals *p, uint8_t proto, uint8_t spi_len,
                        const struct ike_suite *offer, unsigned n, enum ike_dh_rule rule,
                        struct ike_suite *out, const struct ike_proposal **prop)
{
	if (p->n != 1)
		return -ENOENT;
	for (unsigned type = IKE_T_ENCR; type <= IKE_T_ESN; type++)
		if (count_type(p, &p->prop[0], (uint8_t)type) > 1)
			return -ENOENT;
	return ike_proposal_choose(p, proto, spi_len, offer, n, rule, 0, out, prop);
}
