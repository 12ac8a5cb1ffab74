/* SPDX-License-Identifier: MIT */
/*
 * IKEv2 messages on the wire (RFC 7296 section 3): header, the chain of payloads, and the payloads without
 * inner structure (KE, ID, AUTH, nonce, notify, delete). SA is in ike_wire_sa.c, traffic selectors and
 * configuration in ike_wire_ts.c. Entry points: ike_wire_parse_hdr(), ike_wire_parse_chain(),
 * ike_wire_put_*(). Called by every exchange.
 */
#include "ike/ike_wire.h"

#include <string.h>

const char *ike_wire_reason_name(enum ike_wire_reason r)
{
	static const char *const text[IKE_W_REASONS] = {[IKE_W_OK] = "ok",
#define REASON(name, counter, str) [IKE_W_##name] = str,
	                                                IKE_WIRE_REASONS(REASON)
#undef REASON
	};

	return (unsigned)r < IKE_W_REASONS ? text[r] : "unknown";
}

const char *ike_wire_exchange_name(uint8_t exchange)
{
	switch (exchange) {
	case IKE_X_SA_INIT:
		return "IKE_SA_INIT";
	case IKE_X_AUTH:
		return "IKE_AUTH";
	case IKE_X_CREATE_CHILD:
		return "CREATE_CHILD_SA";
	case IKE_X_INFORMATIONAL:
		return "INFORMATIONAL";
	}
	return "unknown";
}

const char *ike_wire_notify_name(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} names[] = {
#define N(x) {IKE_N_##x, #x}
	        N(UNSUPPORTED_CRITICAL_PAYLOAD),
	        N(INVALID_IKE_SPI),
	        N(INVALID_MAJOR_VERSION),
	        N(INVALID_SYNTAX),
	        N(INVALID_MESSAGE_ID),
	        N(INVALID_SPI),
	        N(NO_PROPOSAL_CHOSEN),
	        N(INVALID_KE_PAYLOAD),
	        N(AUTHENTICATION_FAILED),
	        N(SINGLE_PAIR_REQUIRED),
	        N(NO_ADDITIONAL_SAS),
	        N(INTERNAL_ADDRESS_FAILURE),
	        N(FAILED_CP_REQUIRED),
	        N(TS_UNACCEPTABLE),
	        N(INVALID_SELECTORS),
	        N(UNACCEPTABLE_ADDRESSES),
	        N(UNEXPECTED_NAT_DETECTED),
	        N(TEMPORARY_FAILURE),
	        N(CHILD_SA_NOT_FOUND),
	        N(INITIAL_CONTACT),
	        N(SET_WINDOW_SIZE),
	        N(ADDITIONAL_TS_POSSIBLE),
	        N(IPCOMP_SUPPORTED),
	        N(NAT_DETECTION_SOURCE_IP),
	        N(NAT_DETECTION_DESTINATION_IP),
	        N(COOKIE),
	        N(USE_TRANSPORT_MODE),
	        N(HTTP_CERT_LOOKUP_SUPPORTED),
	        N(REKEY_SA),
	        N(ESP_TFC_PADDING_NOT_SUPPORTED),
	        N(NON_FIRST_FRAGMENTS_ALSO),
	        N(MOBIKE_SUPPORTED),
	        N(ADDITIONAL_IP4_ADDRESS),
	        N(ADDITIONAL_IP6_ADDRESS),
	        N(NO_ADDITIONAL_ADDRESSES),
	        N(UPDATE_SA_ADDRESSES),
	        N(COOKIE2),
	        N(NO_NATS_ALLOWED),
	        N(MULTIPLE_AUTH_SUPPORTED),
	        N(ANOTHER_AUTH_FOLLOWS),
	        N(EAP_ONLY_AUTHENTICATION),
	        N(IKEV2_FRAGMENTATION_SUPPORTED),
	        N(SIGNATURE_HASH_ALGORITHMS),
	        N(DEVICE_IDENTITY),
#undef N
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return "unknown";
}

/* ---- header ---- */

enum ike_wire_reason ike_wire_parse_hdr(struct ike_hdr *h, const uint8_t *pkt, size_t len)
{
	struct pack_reader r;

	pack_reader_init(&r, pkt, len);
	h->spi_i = pack_get_u64(&r);
	h->spi_r = pack_get_u64(&r);
	h->next = pack_get_u8(&r);
	h->version = pack_get_u8(&r);
	h->exchange = pack_get_u8(&r);
	h->flags = pack_get_u8(&r);
	h->msgid = pack_get_u32(&r);
	h->length = pack_get_u32(&r);
	if (!pack_ok(&r))
		return IKE_W_HDR_SHORT;
	if (h->version >> 4 != 2)
		return IKE_W_HDR_VERSION;
	if (h->length != len)
		return IKE_W_HDR_LENGTH;
	if (!h->spi_i)
		return IKE_W_HDR_SPI_I;
	if (h->exchange < IKE_X_SA_INIT || h->exchange > IKE_X_INFORMATIONAL)
		return IKE_W_HDR_EXCHANGE;
	return IKE_W_OK;
}

void ike_wire_put_hdr(uint8_t *buf, const struct ike_hdr *h)
{
	struct pack_writer w;

	pack_writer_init(&w, buf, IKE_HDR_LEN);
	pack_put_u64(&w, h->spi_i);
	pack_put_u64(&w, h->spi_r);
	pack_put_u8(&w, h->next);
	pack_put_u8(&w, 0x20);
	pack_put_u8(&w, h->exchange);
	pack_put_u8(&w, h->flags);
	pack_put_u32(&w, h->msgid);
	pack_put_u32(&w, h->length);
}

/* ---- payloads ---- */

static enum ike_wire_reason parse_ke(struct ike_msg *m, struct pack_reader *r)
{
	m->ke_group = pack_get_u16(r);
	pack_get_u16(r);
	m->ke.len = pack_left(r);
	m->ke.p = pack_get_bytes(r, m->ke.len);
	return pack_ok(r) && m->ke.len ? IKE_W_OK : IKE_W_KE_LENGTH;
}

void ike_wire_put_ke(struct ike_build *b, uint16_t group, const uint8_t *pub, size_t len)
{
	ike_wire_begin(b, IKE_PL_KE);
	pack_put_u16(&b->w, group);
	pack_put_u16(&b->w, 0);
	pack_put_bytes(&b->w, pub, len);
	ike_wire_end(b);
}

static enum ike_wire_reason parse_id(struct ike_ident *id, const struct ike_buf *body)
{
	if (body->len < 5 || body->len > 4 + IKE_ID_MAX)
		return IKE_W_ID_LENGTH;
	id->type = body->p[0];
	id->body = *body;
	id->data.p = body->p + 4;
	id->data.len = body->len - 4;
	if ((id->type == IKE_ID_IPV4 && id->data.len != 4) || (id->type == IKE_ID_IPV6 && id->data.len != 16))
		return IKE_W_ID_LENGTH;
	return IKE_W_OK;
}

void ike_wire_put_id(struct ike_build *b, uint8_t payload, const struct ike_id *id)
{
	ike_wire_begin(b, payload);
	pack_put_u8(&b->w, id->type);
	pack_put_u8(&b->w, 0);
	pack_put_u16(&b->w, 0);
	pack_put_bytes(&b->w, id->data, id->len);
	ike_wire_end(b);
}

static enum ike_wire_reason parse_auth(struct ike_msg *m, const struct ike_buf *body)
{
	if (body->len < 5)
		return IKE_W_AUTH_LENGTH;
	m->auth_method = body->p[0];
	m->auth.p = body->p + 4;
	m->auth.len = body->len - 4;
	return IKE_W_OK;
}

void ike_wire_put_auth(struct ike_build *b, uint8_t method, const uint8_t *data, size_t len)
{
	ike_wire_begin(b, IKE_PL_AUTH);
	pack_put_u8(&b->w, method);
	pack_put_u8(&b->w, 0);
	pack_put_u16(&b->w, 0);
	pack_put_bytes(&b->w, data, len);
	ike_wire_end(b);
}

/* What stands behind the length an EAP packet tells of itself is padding (RFC 3748 section 4). */
static enum ike_wire_reason parse_eap(struct ike_msg *m, const struct ike_buf *body)
{
	size_t len = body->len >= 4 ? (size_t)(body->p[2] << 8 | body->p[3]) : 0;

	if (len < 4 || len > body->len)
		return IKE_W_EAP_LENGTH;
	m->eap = (struct ike_buf){body->p, len};
	return IKE_W_OK;
}

void ike_wire_put_eap(struct ike_build *b, const uint8_t *pkt, size_t len)
{
	ike_wire_begin(b, IKE_PL_EAP);
	pack_put_bytes(&b->w, pkt, len);
	ike_wire_end(b);
}

static enum ike_wire_reason parse_cert(struct ike_msg *m, const struct ike_buf *body)
{
	if (body->len < 2)
		return IKE_W_CERT_LENGTH;
	if (m->n_cert < IKE_MAX_CERTS)
		m->cert[m->n_cert++] = (struct ike_cert){body->p[0], {body->p + 1, body->len - 1}};
	return IKE_W_OK;
}

/* X.509 and hash and URL: hashes of CAs' keys, perhaps none. Other encodings are the sender's affair. */
static enum ike_wire_reason parse_certreq(struct ike_msg *m, const struct ike_buf *body)
{
	bool hashes = body->len && (body->p[0] == IKE_CERT_X509 || body->p[0] == IKE_CERT_HASH_URL);

	if (!body->len || (hashes && (body->len - 1) % 20))
		return IKE_W_CERTREQ_LENGTH;
	if (m->n_certreq < IKE_MAX_CERTREQS)
		m->certreq[m->n_certreq++] = (struct ike_cert){body->p[0], {body->p + 1, body->len - 1}};
	return IKE_W_OK;
}

void ike_wire_put_cert(struct ike_build *b, uint8_t payload, uint8_t encoding, const void *data, size_t len)
{
	ike_wire_begin(b, payload);
	pack_put_u8(&b->w, encoding);
	if (len)
		pack_put_bytes(&b->w, data, len);
	ike_wire_end(b);
}

static enum ike_wire_reason parse_nonce(struct ike_msg *m, const struct ike_buf *body)
{
	if (body->len < IKE_NONCE_MIN || body->len > IKE_NONCE_MAX)
		return IKE_W_NONCE_LENGTH;
	m->nonce = *body;
	return IKE_W_OK;
}

void ike_wire_put_nonce(struct ike_build *b, const uint8_t *nonce, size_t len)
{
	ike_wire_begin(b, IKE_PL_NONCE);
	pack_put_bytes(&b->w, nonce, len);
	ike_wire_end(b);
}

/* Notifies beyond IKE_MAX_NOTIFIES are read and forgotten: they can only be status hints of a talkative peer.
 */
static enum ike_wire_reason parse_notify(struct ike_msg *m, struct pack_reader *r)
{
	struct ike_notify n;

	n.proto = pack_get_u8(r);
	n.spi_len = pack_get_u8(r);
	n.type = pack_get_u16(r);
	if (!pack_ok(r))
		return IKE_W_NOTIFY_LENGTH;
	n.spi = pack_get_bytes(r, n.spi_len);
	if (!pack_ok(r))
		return IKE_W_NOTIFY_SPI;
	n.data.len = pack_left(r);
	n.data.p = pack_get_bytes(r, n.data.len);
	if (m->n_notify < IKE_MAX_NOTIFIES)
		m->notify[m->n_notify++] = n;
	return IKE_W_OK;
}

void ike_wire_put_notify(struct ike_build *b, uint8_t proto, uint64_t spi, uint8_t spi_len, uint16_t type,
                         const void *data, size_t len)
{
	ike_wire_begin(b, IKE_PL_NOTIFY);
	pack_put_u8(&b->w, proto);
	pack_put_u8(&b->w, spi_len);
	pack_put_u16(&b->w, type);
	if (spi_len == 4)
		pack_put_u32(&b->w, (uint32_t)spi);
	else if (spi_len == 8)
		pack_put_u64(&b->w, spi);
	if (len)
		pack_put_bytes(&b->w, data, len);
	ike_wire_end(b);
}

static enum ike_wire_reason parse_delete(struct ike_msg *m, struct pack_reader *r)
{
	struct ike_delete d;
	size_t want;

	d.proto = pack_get_u8(r);
	d.spi_len = pack_get_u8(r);
	d.n = pack_get_u16(r);
	if (!pack_ok(r))
		return IKE_W_DELETE_LENGTH;
	want = (size_t)d.n * d.spi_len;
	if (pack_left(r) != want)
		return IKE_W_DELETE_LENGTH;
	if (d.proto == IKE_PROTO_IKE ? d.spi_len != 0 : d.spi_len != 4)
		return IKE_W_DELETE_LENGTH;
	d.spis = pack_get_bytes(r, want);
	if (m->n_delete < IKE_MAX_DELETES)
		m->del[m->n_delete++] = d;
	return IKE_W_OK;
}

void ike_wire_put_delete(struct ike_build *b, uint8_t proto, const uint32_t *spis, unsigned n)
{
	ike_wire_begin(b, IKE_PL_DELETE);
	pack_put_u8(&b->w, proto);
	pack_put_u8(&b->w, spis ? 4 : 0);
	pack_put_u16(&b->w, spis ? (uint16_t)n : 0);
	for (unsigned i = 0; spis && i < n; i++)
		pack_put_u32(&b->w, spis[i]);
	ike_wire_end(b);
}

const struct ike_notify *ike_wire_notify(const struct ike_msg *m, uint16_t type)
{
	for (unsigned i = 0; i < m->n_notify; i++)
		if (m->notify[i].type == type)
			return &m->notify[i];
	return NULL;
}

const struct ike_notify *ike_wire_error(const struct ike_msg *m)
{
	for (unsigned i = 0; i < m->n_notify; i++)
		if (m->notify[i].type <= IKE_N_ERROR_MAX)
			return &m->notify[i];
	return NULL;
}

/* ---- the chain ---- */

static enum ike_wire_reason parse_payload(struct ike_msg *m, uint8_t type, const struct ike_buf *body)
{
	struct pack_reader r;

	pack_reader_init(&r, body->p, body->len);
	switch (type) {
	case IKE_PL_SA:
		m->sa = *body;
		return body->len ? IKE_W_OK : IKE_W_SA_LENGTH;
	case IKE_PL_KE:
		return parse_ke(m, &r);
	case IKE_PL_IDI:
		return parse_id(&m->idi, body);
	case IKE_PL_IDR:
		return parse_id(&m->idr, body);
	case IKE_PL_AUTH:
		return parse_auth(m, body);
	case IKE_PL_CERT:
		return parse_cert(m, body);
	case IKE_PL_CERTREQ:
		return parse_certreq(m, body);
	case IKE_PL_NONCE:
		return parse_nonce(m, body);
	case IKE_PL_NOTIFY:
		return parse_notify(m, &r);
	case IKE_PL_DELETE:
		return parse_delete(m, &r);
	case IKE_PL_TSI:
		m->tsi = *body;
		return body->len >= 4 ? IKE_W_OK : IKE_W_TS_LENGTH;
	case IKE_PL_TSR:
		m->tsr = *body;
		return body->len >= 4 ? IKE_W_OK : IKE_W_TS_LENGTH;
	case IKE_PL_CP:
		m->cp = *body;
		return body->len >= 4 ? IKE_W_OK : IKE_W_CP_LENGTH;
	case IKE_PL_EAP:
		return parse_eap(m, body);
	case IKE_PL_VENDOR:
		if (m->n_vendor < IKE_MAX_VENDORS)
			m->vendor[m->n_vendor++] = (struct ike_vendor_id){body->p, body->len};
		return IKE_W_OK;
	}
	return IKE_W_OK;
}

/* Payloads that may stand more than once. */
static bool repeats(uint8_t type)
{
	return type == IKE_PL_NOTIFY || type == IKE_PL_DELETE || type == IKE_PL_VENDOR ||
	       type == IKE_PL_CERT || type == IKE_PL_CERTREQ;
}

/* The encrypted fragment payload (RFC 7383 section 2.5): two numbers before what SK has. */
static enum ike_wire_reason note_fragment(struct ike_msg *m, uint8_t next, const struct ike_buf *body)
{
	if (body->len < 4)
		return IKE_W_SK_LENGTH;
	m->frag = (uint16_t)(body->p[0] << 8 | body->p[1]);
	m->frags = (uint16_t)(body->p[2] << 8 | body->p[3]);
	m->sk = (struct ike_buf){body->p + 4, body->len - 4};
	m->sk_next = next;
	return m->frag && m->frag <= m->frags ? IKE_W_OK : IKE_W_FRAGMENT;
}

static enum ike_wire_reason note_payload(struct ike_msg *m, uint8_t type, bool critical, uint8_t next,
                                         const struct ike_buf *body, bool inner)
{
	uint32_t bit;

	if (type == IKE_PL_SKF)
		return inner ? IKE_W_SK_POSITION : note_fragment(m, next, body);
	if (type < IKE_PL_SA || type > IKE_PL_EAP) {
		m->critical = type;
		return critical ? IKE_W_CRITICAL : IKE_W_OK;
	}
	if (type == IKE_PL_SK) {
		if (inner)
			return IKE_W_SK_POSITION;
		m->sk = *body;
		m->sk_next = next;
	}
	bit = IKE_SEEN(type);
	if ((m->seen & bit) && !repeats(type))
		return IKE_W_DUPLICATE;
	m->seen |= bit;
	return parse_payload(m, type, body);
}

enum ike_wire_reason ike_wire_parse_chain(struct ike_msg *m, uint8_t first, const uint8_t *p, size_t len,
                                          bool inner)
{
	enum ike_wire_reason why;
	struct pack_reader r;
	uint8_t type = first, next, flags;
	struct ike_buf body;
	uint16_t plen;

	pack_reader_init(&r, p, len);
	while (type != IKE_PL_NONE) {
		next = pack_get_u8(&r);
		flags = pack_get_u8(&r);
		plen = pack_get_u16(&r);
		if (!pack_ok(&r) || plen < IKE_PAYLOAD_HDR)
			return IKE_W_PAYLOAD_HDR;
		body.len = plen - IKE_PAYLOAD_HDR;
		if (body.len > pack_left(&r))
			return IKE_W_PAYLOAD_LENGTH;
		body.p = pack_get_bytes(&r, body.len);
		if (++m->payloads > IKE_WIRE_PAYLOADS)
			return IKE_W_TOO_MANY;
		why = note_payload(m, type, flags & 0x80, next, &body, inner);
		if (why != IKE_W_OK)
			return why;
		if (type == IKE_PL_SK || type == IKE_PL_SKF) /* its "next payload" is the first one inside;
		                          nothing may follow (RFC 7296 section 3.14) */
			return pack_left(&r) ? IKE_W_SK_POSITION : IKE_W_OK;
		type = next;
	}
	return pack_left(&r) ? IKE_W_TRAILING : IKE_W_OK;
}

/* ---- building a chain ---- */

void ike_wire_build(struct ike_build *b, uint8_t *buf, size_t cap)
{
	memset(b, 0, sizeof(*b));
	pack_writer_init(&b->w, buf, cap);
	b->next_at = SIZE_MAX;
}

void ike_wire_build_msg(struct ike_build *b, uint8_t *buf, size_t cap)
{
	static const uint8_t room[IKE_HDR_LEN];

	ike_wire_build(b, buf, cap);
	pack_put_bytes(&b->w, room, sizeof(room));
}

void ike_wire_begin(struct ike_build *b, uint8_t type)
{
	if (b->next_at == SIZE_MAX)
		b->first = type;
	else if (!b->w.bad)
		b->w.buf[b->next_at] = type;
	b->start = b->w.len;
	b->next_at = b->w.len;
	pack_put_u8(&b->w, IKE_PL_NONE);
	pack_put_u8(&b->w, 0);
	pack_put_u16(&b->w, 0);
}

void ike_wire_end(struct ike_build *b)
{
	if (!b->w.bad)
		pack_patch_u16(&b->w, b->start + 2, (uint16_t)(b->w.len - b->start));
}

size_t ike_wire_finish(struct ike_build *b, struct ike_hdr *h)
{
	if (b->w.bad)
		return 0;
	h->next = b->first;
	h->length = (uint32_t)b->w.len;
	ike_wire_put_hdr(b->w.buf, h);
	return b->w.len;
}
