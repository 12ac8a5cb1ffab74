/* SPDX-License-Identifier: MIT */
/*
 * The SA payload on the wire: proposals, transforms and their attributes (RFC 7296 section 3.3), parsed and
 * built. Entry points: ike_wire_parse_sa(), ike_wire_put_sa(). Choosing among proposals is ike_proposal.c's
 * business.
 */
#include "ike/ike_wire.h"

#include <string.h>

#define ATTR_KEY_LENGTH 14
#define ATTR_TV         0x8000

/* Attributes of one transform: only "key length" (in the short form) means something. */
static enum ike_wire_reason parse_attributes(struct ike_transform *t, struct pack_reader *r)
{
	while (pack_left(r)) {
		uint16_t type = pack_get_u16(r), value = pack_get_u16(r);

		if (!pack_ok(r))
			return IKE_W_TRANS_LENGTH;
		if (type == (ATTR_TV | ATTR_KEY_LENGTH)) {
			t->bits = value;
			continue;
		}
		t->odd = true;
		if (!(type & ATTR_TV) && value)
			pack_get_bytes(r, value);
		if (!pack_ok(r))
			return IKE_W_TRANS_LENGTH;
	}
	return IKE_W_OK;
}

static enum ike_wire_reason parse_transform(struct ike_proposals *out, struct pack_reader *r, bool *last)
{
	struct ike_transform *t;
	struct pack_reader attr;
	uint8_t more = pack_get_u8(r);
	uint16_t len;

	pack_get_u8(r);
	len = pack_get_u16(r);
	if (!pack_ok(r) || (more != 0 && more != 3))
		return IKE_W_TRANS_HDR;
	if (len < 8 || (size_t)len - 4 > pack_left(r))
		return IKE_W_TRANS_LENGTH;
	if (out->n_transforms >= IKE_MAX_TRANSFORMS)
		return IKE_W_TRANS_MANY;
	t = &out->transform[out->n_transforms++];
	memset(t, 0, sizeof(*t));
	t->type = pack_get_u8(r);
	pack_get_u8(r);
	t->id = pack_get_u16(r);
	*last = more == 0;
	attr = pack_get_sub(r, (size_t)len - 8);
	return parse_attributes(t, &attr);
}

static enum ike_wire_reason parse_transforms(struct ike_proposals *out, struct ike_proposal *p,
                                             struct pack_reader *r, unsigned count)
{
	enum ike_wire_reason why;
	bool last = false;

	p->first = (uint16_t)out->n_transforms;
	for (unsigned i = 0; i < count; i++) {
		if (last)
			return IKE_W_TRANS_HDR;
		why = parse_transform(out, r, &last);
		if (why != IKE_W_OK)
			return why;
		p->n++;
	}
	return pack_left(r) || (count && !last) ? IKE_W_PROP_LENGTH : IKE_W_OK;
}

static enum ike_wire_reason parse_proposal(struct ike_proposals *out, struct pack_reader *r, bool *last)
{
	uint8_t more = pack_get_u8(r), count;
	struct ike_proposal *p;
	struct pack_reader sub;
	uint16_t len;

	pack_get_u8(r);
	len = pack_get_u16(r);
	if (!pack_ok(r) || (more != 0 && more != 2))
		return IKE_W_PROP_HDR;
	if (len < 8 || (size_t)len - 4 > pack_left(r))
		return IKE_W_PROP_LENGTH;
	if (out->n >= IKE_MAX_PROPOSALS)
		return IKE_W_PROP_MANY;
	p = &out->prop[out->n++];
	memset(p, 0, sizeof(*p));
	sub = pack_get_sub(r, (size_t)len - 4);
	p->num = pack_get_u8(&sub);
	p->proto = pack_get_u8(&sub);
	p->spi_len = pack_get_u8(&sub);
	count = pack_get_u8(&sub);
	if (p->spi_len > sizeof(p->spi))
		return IKE_W_PROP_HDR;
	pack_get_copy(&sub, p->spi, p->spi_len);
	if (!pack_ok(&sub))
		return IKE_W_PROP_LENGTH;
	*last = more == 0;
	return parse_transforms(out, p, &sub, count);
}

enum ike_wire_reason ike_wire_parse_sa(struct ike_proposals *out, const struct ike_buf *body)
{
	enum ike_wire_reason why;
	struct pack_reader r;
	bool last = false;

	out->n = 0;
	out->n_transforms = 0;
	pack_reader_init(&r, body->p, body->len);
	while (pack_left(&r)) {
		if (last)
			return IKE_W_PROP_HDR;
		why = parse_proposal(out, &r, &last);
		if (why != IKE_W_OK)
			return why;
	}
	if (!out->n || !last)
		return IKE_W_SA_LENGTH;
	return IKE_W_OK;
}

/* ---- build ---- */

static void put_transform(struct pack_writer *w, uint8_t type, uint16_t id, uint16_t bits, bool last)
{
	pack_put_u8(w, last ? 0 : 3);
	pack_put_u8(w, 0);
	pack_put_u16(w, bits ? 12 : 8);
	pack_put_u8(w, type);
	pack_put_u8(w, 0);
	pack_put_u16(w, id);
	if (bits) {
		pack_put_u16(w, ATTR_TV | ATTR_KEY_LENGTH);
		pack_put_u16(w, bits);
	}
}

/* chosen: the one proposal of an answer; else an offer, which leaves 32-bit numbers open where it has ESN. */
static void put_proposal(struct pack_writer *w, uint8_t num, bool chosen, bool last, uint8_t proto,
                         uint64_t spi, uint8_t spi_len, const struct ike_suite *s)
{
	unsigned esn = proto == IKE_PROTO_IKE ? 0 : s->esn && !chosen ? 2 : 1;
	unsigned count = 1u + (s->prf != 0) + (s->integ != IKE_INTEG_NONE) + (s->dh != IKE_GROUP_NONE) + esn;
	size_t start = w->len;

	pack_put_u8(w, last ? 0 : 2);
	pack_put_u8(w, 0);
	pack_put_u16(w, 0);
	pack_put_u8(w, num);
	pack_put_u8(w, proto);
	pack_put_u8(w, spi_len);
	pack_put_u8(w, (uint8_t)count);
	if (spi_len == 4)
		pack_put_u32(w, (uint32_t)spi);
	else if (spi_len == 8)
		pack_put_u64(w, spi);
	put_transform(w, IKE_T_ENCR, s->encr, s->encr_bits, --count == 0);
	if (s->prf)
		put_transform(w, IKE_T_PRF, s->prf, 0, --count == 0);
	if (s->integ)
		put_transform(w, IKE_T_INTEG, s->integ, 0, --count == 0);
	if (s->dh)
		put_transform(w, IKE_T_DH, s->dh, 0, --count == 0);
	if (esn)
		put_transform(w, IKE_T_ESN, s->esn != 0, 0, esn == 1);
	if (esn == 2)
		put_transform(w, IKE_T_ESN, 0, 0, true);
	if (!w->bad)
		pack_patch_u16(w, start + 2, (uint16_t)(w->len - start));
}

void ike_wire_put_sa(struct ike_build *b, uint8_t proto, uint64_t spi, uint8_t spi_len,
                     const struct ike_suite *s, unsigned n, uint8_t num)
{
	ike_wire_begin(b, IKE_PL_SA);
	for (unsigned i = 0; i < n; i++)
		put_proposal(&b->w, num ? num : (uint8_t)(i + 1), num != 0, i + 1 == n, proto, spi, spi_len,
		             &s[i]);
	ike_wire_end(b);
}
