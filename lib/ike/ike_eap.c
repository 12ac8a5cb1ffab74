/* SPDX-License-Identifier: MIT */
/*
 * IKE_AUTH of several rounds as responder (RFC 7296 section 2.16; chapters 1, 3, 8 and 28): a peer that sends
 * no AUTH gets our proof and speaks EAP with an authentication server, through our owner (NEED_EAP,
 * ike_engine_eap_answer()); then both sides prove that they know the key it made. Of an exchange under way
 * nothing is checkpointed: the peer begins anew. Entry points: ike_eap_begins(), ike_eap_begin()
 * (ike_auth.c), ike_eap_request() (exchange table), ike_engine_eap_answer(). The initiator's half is
 * ike_eap_init.c.
 */
#include "ike/ike_auth.h"
#include "ike/ike_int.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* RFC 3748 section 4. */
enum eap_code { EAP_REQUEST = 1, EAP_RESPONSE = 2, EAP_SUCCESS = 3, EAP_FAILURE = 4 };
#define EAP_HDR      4
#define EAP_IDENTITY 1
#define EAP_METHODS  4 /* the first type that is a method */

/* ---- methods, and their counters ---- */

#define C(field) offsetof(struct counters_ikev2, field)
#define OF(m)                                                                                                \
	C(current_eap_##m##_auth_method), C(attempt_eap_##m##_auth_method),                                  \
	        C(success_eap_##m##_auth_method), C(failure_eap_##m##_auth_method)

static const struct method {
	uint8_t type; /* RFC 3748 section 6.2 */
	const char *name;
	size_t current, attempt, success, failure;
} methods[] = {
        {4, "MD5", OF(md5)},  {13, "TLS", OF(tls)},   {18, "SIM", OF(sim)},           {21, "TTLS", OF(ttls)},
        {23, "AKA", OF(aka)}, {25, "PEAP", OF(peap)}, {26, "MSCHAPv2", OF(mschapv2)},
};
#define METHODS (sizeof(methods) / sizeof(methods[0]))

static const struct method *method_of(uint8_t type)
{
	for (size_t i = 0; i < METHODS; i++)
		if (methods[i].type == type)
			return &methods[i];
	return NULL;
}

const char *ike_eap_method_name(uint8_t type)
{
	const struct method *m = method_of(type);

	return m ? m->name : type ? "other" : "";
}

static uint64_t *counter_at(const struct ike_sa *sa, size_t at)
{
	return (uint64_t *)((char *)ike_sa_counters(sa) + at);
}

#define COUNT(sa_, which)                                                                                    \
	do {                                                                                                 \
		const struct method *m_ = method_of((sa_)->eap_method);                                      \
		if (m_)                                                                                      \
			counter_inc(counter_at(sa_, m_->which));                                             \
	} while (0)

void ike_eap_gauge(struct ike_sa *sa, int dir)
{
	const struct method *m = method_of(sa->eap_method);
	uint64_t *c = m ? counter_at(sa, m->current) : NULL;

	if (c && (dir > 0 || *c))
		counter_set(c, *c + (uint64_t)dir);
}

/* ---- life ---- */

struct ike_eap *ike_eap_new(const struct ike_rx *rx)
{
	struct ike_eap *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->first = malloc(rx->inner_len ? rx->inner_len : 1);
	if (!p->first) {
		free(p);
		return NULL;
	}
	memcpy(p->first, rx->inner, rx->inner_len);
	p->first_len = rx->inner_len;
	p->first_type = rx->inner_first;
	rx->sa->setup->eap = p;
	return p;
}

void ike_eap_free(struct ike_setup *s)
{
	struct ike_eap *p = s->eap;

	if (!p)
		return;
	OPENSSL_clear_free(p->first, p->first_len);
	OPENSSL_clear_free(p->state, p->state_len);
	OPENSSL_clear_free(p, sizeof(*p));
	s->eap = NULL;
}

/* ---- our side of a round ---- */

static void refuse(struct ike_rx *rx, uint16_t notify, const char *why)
{
	enum ike_reason reason = notify == IKE_N_INVALID_SYNTAX ? IKE_R_INVALID_SYNTAX : IKE_R_AUTH_FAILED;

	COUNT(rx->sa, failure);
	rx->sa->setup->why = why;
	ike_auth_refuse(rx, notify, reason, NULL, 0);
}

static void ask(struct ike_rx *rx, const uint8_t *pkt, size_t len)
{
	struct ike_setup *s = rx->sa->setup;

	s->eap->asked = true;
	s->auth_path = *rx->path;
	ike_sa_set_state(rx->sa, IKE_ST_AUTH_WAIT);
	ike_out_need_eap(rx->t, rx->sa, pkt, len);
}

/* With the first packet our proof, and the question which device it is. 0 or -errno. */
static int put_packet(struct ike_build *b, struct ike_sa *sa, const uint8_t *pkt, size_t len)
{
	struct ike_eap *p = sa->setup->eap;
	struct ike_msg m = {.hdr = {.exchange = IKE_X_AUTH}};
	int err = 0;

	if (!p->spoken) {
		if (ike_wire_parse_chain(&m, p->first_type, p->first, p->first_len, true) != IKE_W_OK)
			return -EBADMSG; /* it was read before */
		err = ike_auth_put_proof(b, sa, &m);
		if (sa->pol->p.device_id && sa->device.type == IKE_DEVICE_NONE)
			ike_device_put_request(b, sa);
	}
	p->spoken = true;
	p->id = pkt[1];
	ike_wire_put_eap(b, pkt, len);
	return err;
}

/* 0, or it was refused instead. */
static int say(struct ike_rx *rx, const uint8_t *pkt, size_t len)
{
	uint8_t buf[IKE_BUILD_MAX];
	struct ike_build b;
	int err;

	ike_wire_build(&b, buf, sizeof(buf));
	err = put_packet(&b, rx->sa, pkt, len);
	if (err) {
		refuse(rx, IKE_N_AUTHENTICATION_FAILED, "we can not prove ourselves");
		return err;
	}
	ike_msg_reply(rx, &b);
	ike_sa_set_state(rx->sa, IKE_ST_EAP_WAIT);
	return 0;
}

/* ---- the first round ---- */

bool ike_eap_begins(struct ike_rx *rx)
{
	unsigned n;
	const struct ike_auth_set *sets = ike_proof_sets(&rx->sa->pol->p, &n);

	if (rx->m->seen & IKE_SEEN(IKE_PL_AUTH))
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (!sets[i].remote_eap)
			continue;
		rx->sa->setup->auth_set = (uint8_t)i;
		return true;
	}
	return false;
}

/* An NAI says who the user is: the server is told so, and the peer not asked again (RFC 7296 section 2.16).
 */
static void tell_identity(struct ike_rx *rx)
{
	const struct ike_idref *id = rx->sa->peer_id;
	size_t len = EAP_HDR + 1u + id->len;
	uint8_t pkt[EAP_HDR + 1 + IKE_ID_MAX] = {EAP_RESPONSE, 0, (uint8_t)(len >> 8), (uint8_t)len,
	                                         EAP_IDENTITY};

	memcpy(pkt + EAP_HDR + 1, id->data, id->len);
	ask(rx, pkt, len);
}

static void ask_identity(struct ike_rx *rx)
{
	uint8_t pkt[EAP_HDR + 1] = {EAP_REQUEST, 0, 0, EAP_HDR + 1, EAP_IDENTITY};

	rx->e->cb.random(rx->e->arg, &pkt[1], 1);
	if (!say(rx, pkt, sizeof(pkt)))
		IKE_CNT(rx->sa, auth_eap_id_req_sent);
}

void ike_eap_begin(struct ike_rx *rx)
{
	if (!ike_eap_new(rx))
		return; /* the peer will ask again */
	ike_guard_half_done(rx->sa);
	ike_device_take(rx);
	if (rx->sa->peer_id->type == IKE_ID_RFC822)
		tell_identity(rx);
	else
		ask_identity(rx);
}

/* ---- further rounds ---- */

/* AUTH by the key that EAP made: the peer is proven, and its first request goes on. */
static void prove(struct ike_rx *rx)
{
	struct ike_eap *p = rx->sa->setup->eap;
	struct ike_msg m = {.hdr = {.exchange = IKE_X_AUTH}};

	if (ike_wire_parse_chain(&m, p->first_type, p->first, p->first_len, true) != IKE_W_OK)
		return; /* it was read before */
	if (ike_proof_check_eap(rx, m.idi.body)) {
		refuse(rx, IKE_N_AUTHENTICATION_FAILED, rx->sa->setup->why);
		return;
	}
	COUNT(rx->sa, success);
	ike_auth_proven(rx);
}

/* What the server is to see; NULL: fine. */
static const char *packet_lacks(const struct ike_eap *p, const struct ike_buf *eap)
{
	if (!eap->p)
		return "no EAP payload";
	if (eap->len <= EAP_HDR || eap->len > IKE_EAP_MAX || eap->p[0] != EAP_RESPONSE)
		return "EAP payload is no response";
	return eap->p[1] == p->id ? NULL : "EAP response to another request";
}

/*
 * Who the peer is, from now on: lists, sessions and duplicates go by what EAP proves, not by IDi, which is
 * only what the peer would like to be called (RFC 7296 section 2.16). 0, or it was refused.
 */
static int identify(struct ike_rx *rx, const uint8_t *name, size_t len)
{
	struct ike_id id = {.type = IKE_ID_RFC822};
	const char *why = NULL;

	if (!len)
		return 0; /* an anonymous one (RFC 3748 section 5.1): the server knows better */
	if (len > IKE_ID_MAX) {
		refuse(rx, IKE_N_AUTHENTICATION_FAILED, "EAP identity is too long");
		return -EACCES;
	}
	memcpy(id.data, name, len);
	id.len = (uint8_t)len;
	if (ike_guard_listed(rx->sa, &id, &why)) {
		IKE_CNT(rx->sa, list_auth_refused);
		refuse(rx, IKE_N_AUTHENTICATION_FAILED, why);
		return -EACCES;
	}
	if (!ike_sa_set_id(&rx->sa->peer_id, &id))
		return 0;
	refuse(rx, IKE_N_AUTHENTICATION_FAILED, "no memory");
	return -ENOMEM;
}

void ike_eap_request(struct ike_rx *rx)
{
	struct ike_eap *p = rx->sa->setup->eap;
	const struct ike_buf *eap = &rx->m->eap;
	const char *why = packet_lacks(p, eap);

	if (p->done) {
		prove(rx); /* who and which device it is was told the server, and is not changed any more */
		return;
	}
	ike_device_take(rx);
	if (why) {
		IKE_CNT(rx->sa, decfail_eappaylen);
		refuse(rx, IKE_N_INVALID_SYNTAX, why);
	} else if (++p->rounds > IKE_EAP_ROUNDS) {
		refuse(rx, IKE_N_AUTHENTICATION_FAILED, "too many rounds of EAP");
	} else {
		if (eap->p[EAP_HDR] == EAP_IDENTITY) {
			IKE_CNT(rx->sa, auth_eap_id_rsp_rcvd);
			if (identify(rx, eap->p + EAP_HDR + 1, eap->len - EAP_HDR - 1))
				return;
		}
		ask(rx, eap->p, eap->len);
	}
}

/* ---- what the server says ---- */

/* Is it what its owner says it is? Of the last packets the peer may be sent a plain one instead. */
static bool usable(const struct ike_eap_result *r)
{
	static const uint8_t code[] = {[IKE_EAP_GO_ON] = EAP_REQUEST,
	                               [IKE_EAP_SUCCESS] = EAP_SUCCESS,
	                               [IKE_EAP_FAILURE] = EAP_FAILURE};

	if (r->msk_len > IKE_MSK_MAX || r->state_len > IKE_EAP_STATE_MAX || r->len > IKE_EAP_MAX)
		return false;
	if (!r->len)
		return r->outcome != IKE_EAP_GO_ON;
	return r->len >= EAP_HDR + (r->outcome == IKE_EAP_GO_ON ? 1u : 0) && r->pkt[0] == code[r->outcome] &&
	       (size_t)(r->pkt[2] << 8 | r->pkt[3]) == r->len;
}

/* 0 or -ENOMEM. */
static int keep_state(struct ike_eap *p, const struct ike_eap_result *r)
{
	uint8_t *copy = malloc(r->state_len ? r->state_len : 1);

	if (!copy)
		return -ENOMEM;
	if (r->state_len)
		memcpy(copy, r->state, r->state_len);
	OPENSSL_clear_free(p->state, p->state_len);
	p->state = copy;
	p->state_len = r->state_len;
	return 0;
}

static void go_on(struct ike_rx *rx, const struct ike_eap_result *r)
{
	struct ike_sa *sa = rx->sa;
	uint8_t type = r->pkt[EAP_HDR];

	if (keep_state(sa->setup->eap, r)) {
		refuse(rx, IKE_N_AUTHENTICATION_FAILED, "no memory");
		return;
	}
	if (type >= EAP_METHODS && type != sa->eap_method) {
		sa->eap_method = type;
		COUNT(sa, attempt);
	}
	say(rx, r->pkt, r->len);
}

static void succeed(struct ike_rx *rx, const struct ike_eap_result *r)
{
	struct ike_eap *p = rx->sa->setup->eap;
	const uint8_t plain[EAP_HDR] = {EAP_SUCCESS, p->id, 0, EAP_HDR};

	if (identify(rx, r->user, r->user_len))
		return;
	if (r->msk_len)
		memcpy(p->msk, r->msk, r->msk_len);
	p->msk_len = (uint8_t)r->msk_len;
	p->done = true;
	say(rx, r->len ? r->pkt : plain, r->len ? r->len : sizeof(plain));
}

/* EAP's own word for it (RFC 3748 section 4.2); with it the SA ends. */
static void fail(struct ike_rx *rx, const struct ike_eap_result *r)
{
	struct ike_sa *sa = rx->sa;
	const uint8_t plain[EAP_HDR] = {EAP_FAILURE, sa->setup->eap->id, 0, EAP_HDR};

	if (say(rx, r->len ? r->pkt : plain, r->len ? r->len : sizeof(plain)))
		return;
	COUNT(sa, failure);
	IKE_CNT(sa, auth_p1fail);
	IKE_CNT(sa, auth_tot_rsp_reject);
	sa->setup->why = r->why ? r->why : "the authentication server refused";
	ike_sa_kill(sa, rx->t, IKE_R_AUTH_FAILED, IKE_N_AUTHENTICATION_FAILED, IKE_LINGER_US);
}

static void heed(struct ike_rx *rx, const struct ike_eap_result *r)
{
	if (r->outcome == IKE_EAP_NO_ANSWER)
		refuse(rx, IKE_N_AUTHENTICATION_FAILED, r->why ? r->why : "no authentication server answers");
	else if (!usable(r))
		refuse(rx, IKE_N_AUTHENTICATION_FAILED, "answer of the authentication server is malformed");
	else if (r->outcome == IKE_EAP_GO_ON)
		go_on(rx, r);
	else if (r->outcome == IKE_EAP_SUCCESS)
		succeed(rx, r);
	else
		fail(rx, r);
}

int ike_engine_eap_answer(struct ike_engine *e, uint64_t now, uint64_t ref, const struct ike_eap_result *r)
{
	struct ike_sa *sa = ike_sa_find(e, ref);
	struct ike_msg m = {.hdr = {.exchange = IKE_X_AUTH, .flags = IKE_F_INITIATOR}};
	struct ike_rx rx = {.e = e, .sa = sa, .m = &m};
	struct ike_path path;

	if (!sa || sa->state == IKE_ST_DEAD || !sa->setup)
		return -ENOENT;
	if (!sa->setup->eap || !sa->setup->eap->asked)
		return -EALREADY;
	e->now = now;
	rx.t = ike_out_begin(e, sa);
	if (!rx.t)
		return -ENOMEM;
	sa->setup->eap->asked = false;
	path = sa->setup->auth_path;
	rx.path = &path;
	m.hdr.msgid = sa->recv_next;
	if (sa->initiator)
		ike_eap_reply(sa, rx.t, r);
	else
		heed(&rx, r);
	ike_timer_settle(sa, rx.t);
	ike_out_flush(e);
	return 0;
}
