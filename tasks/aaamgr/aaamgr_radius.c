/* SPDX-License-Identifier: MIT */
/*
 * What peers say in EAP goes to RADIUS servers, and what those answer goes back: sockets in the context of
 * the group, the clock, and the state that lets the next packet of a conversation come by any aaamgr: its
 * server, its user and the server's own State travel with the answer and come back, nothing of them stays
 * here. Entry points: aaamgr_radius_ask(), aaamgr_radius_configured(). The client is lib/radius.
 */
#include "aaamgr.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/pack.h"
#include "chassis/fabric.h"
#include "net/ns.h"

#define EAP_IDENTITY_AT 5 /* code, identifier, length, type */
#define STATE_MAX       640
#define READ_MAX        64 /* datagrams before others have their turn */

/* A question under way. */
struct question {
	struct bus_from from;
	uint32_t ctx;
	size_t user_len;
	uint8_t user[RADIUS_ATTR_MAX];
};

/* … and one that waits for the configuration: the message as it came. */
struct aaamgr_wait {
	struct aaamgr_wait *next;
	struct bus_from from;
	size_t len;
	uint8_t packed[];
};

/* ---- answers ---- */

static void tell(struct aaamgr *a, const struct bus_from *to, EapTell *t)
{
	Envelope env = ENVELOPE__INIT;

	env.body_case = ENVELOPE__BODY_EAP_TELL;
	env.eap_tell = t;
	task_reply_to(a->t, to, &env);
}

static void tell_nothing(struct aaamgr *a, const struct bus_from *to, const char *why)
{
	EapTell t = EAP_TELL__INIT;

	a->unanswered++;
	t.what = EAP_TELL__WHAT__NO_ANSWER;
	t.why = (char *)(uintptr_t)why;
	tell(a, to, &t);
}

static EapTell__What what_of(enum radius_code code)
{
	return code == RADIUS_ACCESS_ACCEPT   ? EAP_TELL__WHAT__ACCEPT
	       : code == RADIUS_ACCESS_REJECT ? EAP_TELL__WHAT__REJECT
	                                      : EAP_TELL__WHAT__CHALLENGE;
}

/* Which server, as whom, and what it gave us. */
static size_t put_state(uint8_t out[STATE_MAX], const struct question *q, const struct radius_answer *r,
                        const struct radius_peer *p)
{
	const struct radius_server *s = radius_peer_server(p);
	struct pack_writer w;

	pack_writer_init(&w, out, STATE_MAX);
	pack_put_blob(&w, s->addr.bytes, net_addr_len(&s->addr));
	pack_put_u16(&w, s->port);
	pack_put_blob(&w, q->user, q->user_len);
	pack_put_blob(&w, r->state, r->state_len);
	return w.bad ? 0 : w.len;
}

static void log_end(const struct question *q, enum radius_code code, const struct radius_peer *p)
{
	char addr[NET_ADDR_STRLEN];

	LOG(EV_AAA_RESULT, "user %.*s %s by server %s of context %u", (int)q->user_len, (const char *)q->user,
	    code == RADIUS_ACCESS_ACCEPT ? "accepted" : "refused",
	    net_addr_format(&radius_peer_server(p)->addr, addr, sizeof(addr)), q->ctx);
}

static void done_cb(void *arg, void *user, enum radius_outcome what, const struct radius_answer *r,
                    const struct radius_peer *p)
{
	static const char *const why[] = {[RADIUS_TIMED_OUT] = "no authentication server answers",
	                                  [RADIUS_NO_SERVER] =
	                                          "its authentication server is not configured any more"};
	struct aaamgr *a = arg;
	struct question *q = user;
	EapTell t = EAP_TELL__INIT;
	uint8_t state[STATE_MAX];

	if (what != RADIUS_ANSWERED) {
		tell_nothing(a, &q->from, why[what]);
		free(q);
		return;
	}
	t.what = what_of(r->code);
	t.eap = (ProtobufCBinaryData){r->eap_len, (uint8_t *)(uintptr_t)r->eap};
	t.msk = (ProtobufCBinaryData){r->msk_len, (uint8_t *)(uintptr_t)r->msk};
	t.state = (ProtobufCBinaryData){put_state(state, q, r, p), state};
	if (r->code == RADIUS_ACCESS_ACCEPT)
		t.user = r->user_len ? (ProtobufCBinaryData){r->user_len, (uint8_t *)(uintptr_t)r->user}
		                     : (ProtobufCBinaryData){q->user_len, (uint8_t *)(uintptr_t)q->user};
	a->accepted += r->code == RADIUS_ACCESS_ACCEPT;
	a->rejected += r->code == RADIUS_ACCESS_REJECT;
	if (r->code != RADIUS_ACCESS_CHALLENGE)
		log_end(q, r->code, p);
	tell(a, &q->from, &t);
	free(q);
}

/* ---- sockets ---- */

struct sock {
	struct radius_peer *peer;
	struct task_io *io;
	int fd;
	struct net_addr from; /* as bound */
};

static void rearm(struct aaamgr *a);

static void readable(struct task *t, int fd, void *arg)
{
	struct sock *s = arg;
	struct aaamgr *a = &aaamgr;
	uint8_t pkt[RADIUS_PACKET_MAX + 1];
	ssize_t n;

	(void)t;
	for (unsigned i = 0; i < READ_MAX; i++) {
		n = recv(fd, pkt, sizeof(pkt), MSG_DONTWAIT);
		if (n < 0 && errno != ECONNREFUSED && errno != EHOSTUNREACH && errno != ENETUNREACH)
			break;
		if (n >= 0)
			radius_client_input(a->radius, clock_now_us(), s->peer, pkt, (size_t)n);
	}
	OPENSSL_cleanse(pkt, sizeof(pkt));
	rearm(a);
}

struct opening {
	const struct net_addr *from;
	struct net_endpoint to;
	int fd;
};

static int open_udp(void *arg)
{
	struct opening *o = arg;
	struct net_endpoint from = {.addr = *o->from};
	struct sockaddr_storage sa;
	socklen_t len = net_endpoint_to_sockaddr(&from, &sa);

	o->fd = socket(o->to.addr.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (o->fd < 0)
		return -errno;
	if (from.addr.family == o->to.addr.family && bind(o->fd, (struct sockaddr *)&sa, len))
		return -errno;
	len = net_endpoint_to_sockaddr(&o->to, &sa);
	return connect(o->fd, (struct sockaddr *)&sa, len) ? -errno : 0;
}

static void sock_close(struct radius_peer *p)
{
	struct sock **at = (struct sock **)radius_peer_data(p), *s = *at;

	if (!s)
		return;
	task_io_stop(s->io);
	close(s->fd);
	free(s);
	*at = NULL;
}

/* In the namespace of the group's context, from its NAS address. 0 or -errno. */
static int sock_open(struct aaamgr *a, struct radius_peer *p)
{
	const struct radius_server *v = radius_peer_server(p);
	const struct radius_group *g = radius_peer_group(p);
	struct opening o = {&g->nas.addr, {.addr = v->addr, .port = v->port}, -1};
	struct sock *s = calloc(1, sizeof(*s));
	int ns = -1, err = s ? fabric_context(a->t, g->ctx, &ns) : -ENOMEM;

	if (!err)
		err = ns_run(ns, open_udp, &o);
	if (ns >= 0)
		close(ns);
	if (!err) {
		*s = (struct sock){.peer = p, .fd = o.fd, .from = g->nas.addr};
		s->io = task_io_start(a->t, o.fd, readable, s);
		if (s->io) {
			*radius_peer_data(p) = s;
			return 0;
		}
		err = -ENOMEM;
	}
	if (o.fd >= 0)
		close(o.fd);
	free(s);
	return err;
}

static int send_cb(void *arg, struct radius_peer *p, const uint8_t *pkt, size_t len)
{
	struct aaamgr *a = arg;
	struct sock *s = *radius_peer_data(p);
	char addr[NET_ADDR_STRLEN];
	int err = 0;

	if (s && !net_addr_equal(&s->from, &radius_peer_group(p)->nas.addr))
		sock_close(p);
	s = *radius_peer_data(p);
	if (!s)
		err = sock_open(a, p);
	s = *radius_peer_data(p);
	if (!err && send(s->fd, pkt, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		err = -errno;
	if (err && clock_now_us() - a->log_us > US_PER_SEC) {
		a->log_us = clock_now_us();
		LOG(EV_AAA_SERVER, "server %s can not be asked: %s",
		    net_addr_format(&radius_peer_server(p)->addr, addr, sizeof(addr)), strerror(-err));
	}
	return err;
}

static void gone_cb(void *arg, struct radius_peer *p)
{
	(void)arg;
	sock_close(p);
}

static void alive_cb(void *arg, const struct radius_peer *p, bool up)
{
	struct aaamgr *a = arg;
	char addr[NET_ADDR_STRLEN];
	int64_t index = 1;

	for (const struct radius_peer *q = radius_peer_next(a->radius, NULL); q && q != p;
	     q = radius_peer_next(a->radius, q))
		index++;
	net_addr_format(&radius_peer_server(p)->addr, addr, sizeof(addr));
	LOG(EV_AAA_SERVER, "server %s of group %s %s", addr, radius_peer_group(p)->name,
	    up ? "answers again" : "does not answer: it is taken for dead");
	TASK_TRAP(a->t, up ? "AAAAuthServerReachable" : "AAAAuthServerUnreachable",
	          trap_int("radiusAuthServerIndex", index), trap_str("radiusAuthServerAddress", addr));
}

static void random_cb(void *arg, void *buf, size_t len)
{
	(void)arg;
	random_bytes(buf, len);
}

/* ---- time ---- */

static void tick_cb(uv_timer_t *h)
{
	struct aaamgr *a = h->data;

	a->tick_at = UINT64_MAX;
	radius_client_tick(a->radius, clock_now_us());
	rearm(a);
}

static void rearm(struct aaamgr *a)
{
	uint64_t at = radius_client_next_us(a->radius), now = clock_now_us();

	if (at == a->tick_at)
		return;
	a->tick_at = at;
	if (at == UINT64_MAX) {
		uv_timer_stop(&a->tick);
		return;
	}
	uv_update_time(a->t->loop);
	uv_timer_start(&a->tick, tick_cb, at > now ? (at - now + 999) / 1000 : 1, 0);
}

/* ---- questions ---- */

/* Where a conversation stands. NULL, or why it can't be read. */
static const char *read_state(const EapAsk *e, struct question *q, struct net_endpoint *server,
                              struct radius_request *r)
{
	struct pack_reader p;
	const uint8_t *user = NULL, *addr;
	size_t addr_len, user_len = 0;

	if (!e->state.len) {
		if (e->eap.len < EAP_IDENTITY_AT || e->eap.data[EAP_IDENTITY_AT - 1] != 1)
			return "EAP does not begin with an identity";
		user = e->eap.data + EAP_IDENTITY_AT;
		user_len = e->eap.len - EAP_IDENTITY_AT;
	} else {
		pack_reader_init(&p, e->state.data, e->state.len);
		addr = pack_get_blob(&p, &addr_len);
		server->port = pack_get_u16(&p);
		user = pack_get_blob(&p, &user_len);
		r->state = pack_get_blob(&p, &r->state_len);
		if (!pack_done(&p) || net_addr_from_bytes(&server->addr, addr, addr_len))
			return "its conversation can not be gone on with";
	}
	if (user_len > sizeof(q->user))
		return "identity is too long";
	q->user_len = user_len;
	if (user_len)
		memcpy(q->user, user, user_len);
	r->user = q->user;
	r->user_len = user_len;
	return NULL;
}

static const char *refusal(int err)
{
	switch (err) {
	case -ENOENT:
		return "no authentication server is configured";
	case -EAGAIN:
		return "authentication servers are busy";
	case -EMSGSIZE:
		return "its EAP packet is too long for RADIUS";
	}
	return "no memory";
}

static void ask(struct aaamgr *a, const struct bus_from *from, const EapAsk *e)
{
	struct question *q = calloc(1, sizeof(*q));
	struct radius_request r = {.eap = e->eap.data, .eap_len = e->eap.len, .called = e->service};
	struct net_endpoint server = {.port = 0};
	char calling[NET_ADDR_STRLEN] = "";
	struct net_addr peer;
	const char *why = q ? read_state(e, q, &server, &r) : "no memory";
	int err;

	a->asked++;
	if (!why) {
		q->from = *from;
		q->ctx = e->ctx;
		if (e->peer_addr.len && !net_addr_from_bytes(&peer, e->peer_addr.data, e->peer_addr.len))
			net_addr_format(&peer, calling, sizeof(calling));
		r.calling = calling;
		r.imei = e->imei[0] ? e->imei : NULL;
		err = radius_client_ask(a->radius, clock_now_us(), e->ctx, e->group, &server, &r, q);
		why = err ? refusal(err) : NULL;
	}
	if (why) {
		tell_nothing(a, from, why);
		free(q);
	}
	rearm(a);
}

static void wait_for_config(struct aaamgr *a, const struct bus_msg *m)
{
	const EapAsk *e = m->env->eap_ask;
	size_t len = eap_ask__get_packed_size(e);
	struct aaamgr_wait *w = a->n_waiting < AAAMGR_WAITING ? malloc(sizeof(*w) + len) : NULL, **at;
	struct bus_from from = task_from(m);

	if (!w) {
		tell_nothing(a, &from, "no memory");
		return;
	}
	w->next = NULL;
	w->from = from;
	w->len = eap_ask__pack(e, w->packed);
	for (at = &a->waiting; *at; at = &(*at)->next)
		;
	*at = w;
	a->n_waiting++;
}

/* The first question: from now on there is something to do. 0, or -errno: the next question tries again. */
static int begin(struct aaamgr *a)
{
	static const struct radius_callbacks cb = {send_cb, done_cb, random_cb, alive_cb, gone_cb};
	struct radius_client *c = radius_client_new(&cb, a, clock_now_us());
	int err = c ? aaamgr_cfg_start(a) : -ENOMEM;

	if (err) {
		radius_client_free(c);
		return err;
	}
	a->radius = c;
	a->tick_at = UINT64_MAX;
	uv_timer_init(a->t->loop, &a->tick);
	a->tick.data = a;
	return 0;
}

void aaamgr_radius_ask(struct task *t, const struct bus_msg *m)
{
	struct aaamgr *a = &aaamgr;
	struct bus_from from = task_from(m);
	int err = 0;

	if (!aaamgr_is_pair(t, m))
		return;
	if (!a->radius)
		err = begin(a);
	if (err)
		tell_nothing(a, &from, strerror(-err));
	else if (a->cfg_known)
		ask(a, &from, m->env->eap_ask);
	else
		wait_for_config(a, m);
}

int aaamgr_radius_configured(struct aaamgr *a, const struct radius_group *groups, unsigned n)
{
	struct aaamgr_wait *w;
	EapAsk *e;
	int err = radius_client_config(a->radius, clock_now_us(), groups, n);

	if (err)
		return err;
	a->cfg_known = true;
	while ((w = a->waiting)) {
		a->waiting = w->next;
		a->n_waiting--;
		e = eap_ask__unpack(NULL, w->len, w->packed);
		if (e)
			ask(a, &w->from, e);
		else
			tell_nothing(a, &w->from, "no memory");
		if (e)
			eap_ask__free_unpacked(e, NULL);
		free(w);
	}
	rearm(a);
	return 0;
}
