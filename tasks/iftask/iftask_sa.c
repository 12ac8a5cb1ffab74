/* SPDX-License-Identifier: MIT */
/*
 * SAs from ipsecmgr: every field checked, made into ESP SAs (key schedules cost nothing on the packet path),
 * handed to the worker as one batch, and answered when the worker has them. An SA that is here already keeps
 * its sequence numbers and its window: a push after an ipsecmgr's restart changes nothing. One that is
 * resumed leaps behind its stored mark.
 */
#include "tasks/iftask/iftask.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "esp/esp_mark.h"

/* One request under way: what was wrong with it first, and where the answer goes. */
struct request {
	struct bus_from from;
	int status;
	char text[200];
	size_t n_refused, room;
	uint32_t refused[]; /* by spi_in */
};

static void wrong(struct request *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void wrong(struct request *r, int status, const char *fmt, ...)
{
	va_list ap;

	if (r->status)
		return;
	r->status = status;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
}

static void refuse(struct request *r, uint32_t spi_in)
{
	if (r && r->n_refused < r->room)
		r->refused[r->n_refused++] = spi_in;
}

void iftask_sa_free(struct iftask_sa *sa)
{
	if (!sa)
		return;
	esp_sa_free(sa->npu.esp);
	free(sa);
}

/* --- reading the message ------------------------------------------------------------------------------- */

static int read_endpoint(struct net_endpoint *e, const ProtobufCBinaryData *addr, uint32_t port)
{
	if (port > 65535 || net_addr_from_bytes(&e->addr, addr->data, addr->len))
		return -EINVAL;
	e->port = (uint16_t)port;
	return 0;
}

static int read_ts(struct esp_ts *out, TsRange *const *ts, size_t n)
{
	size_t i;

	if (!n || n > ESP_TS_MAX)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		if (net_addr_from_bytes(&out[i].lo, ts[i]->first.data, ts[i]->first.len) ||
		    net_addr_from_bytes(&out[i].hi, ts[i]->last.data, ts[i]->last.len) ||
		    ts[i]->proto > 255 || ts[i]->port_first > 65535 || ts[i]->port_last > 65535)
			return -EINVAL;
		out[i].proto = (uint8_t)ts[i]->proto;
		out[i].port_lo = (uint16_t)ts[i]->port_first;
		out[i].port_hi = (uint16_t)ts[i]->port_last;
	}
	return 0;
}

static int read_path(struct npu_path *path, const SaPair *p)
{
	path->spi_in = p->spi_in;
	path->encap = p->encap_udp;
	path->follow = p->follow;
	if (read_endpoint(&path->local, &p->local_addr, p->local_port) ||
	    read_endpoint(&path->remote, &p->remote_addr, p->remote_port) ||
	    path->local.addr.family != path->remote.addr.family)
		return -EINVAL;
	return 0;
}

/*
 * Where the numbers begin. New: at 1, under the mark that was stored with the SA, which comes with it.
 * Resumed: a whole block behind the stored mark, because whoever had the SA before us may have asked for one
 * more that we do not see yet. Resumed without a row: nobody knows what was used, so nothing is sent on it
 * again.
 */
static int sequence_state(struct iftask *f, struct esp_sa_params *ep, const SaPair *p)
{
	struct esp_mark mark = {.out = p->mark};
	int rc = p->mark && !p->resume ? 0 : iftask_mark_read(f, p->spi_in, &mark);

	if (rc && rc != -ENODATA && rc != -ENOENT)
		return rc;
	ep->lane = (uint8_t)(p->lane <= ESP_LANE_ODD ? p->lane : ESP_LANE_ALL);
	if (!p->resume) {
		ep->seq = esp_seq_first(ep->lane) - 1;
		ep->seq_limit = mark.out > ep->seq ? mark.out : ep->seq;
		return 0;
	}
	if (rc) {
		LOG(EV_WARN, "SA %08x: no sequence number mark in the store: it will not send", p->spi_in);
		ep->seq = UINT64_MAX;
		return 0;
	}
	ep->seq = ep->seq_limit = mark.out + ESP_SEQ_BLOCK;
	ep->replay_top = mark.in;
	ep->bytes_in = mark.bytes_in;
	ep->bytes_out = mark.bytes_out;
	return 0;
}

static int make_esp(struct iftask *f, const SaPair *p, struct esp_sa **out)
{
	struct esp_ts local[ESP_TS_MAX];
	struct esp_ts remote[ESP_TS_MAX];
	struct esp_sa_params ep = {
	        .spi_in = p->spi_in,
	        .spi_out = p->spi_out,
	        .encr = (uint16_t)p->encr,
	        .encr_bits = (uint16_t)p->encr_key_bits,
	        .integ = (uint16_t)p->integ,
	        .esn = p->esn,
	        .out_wait = p->inbound_first && !p->resume,
	        .encr_key_in = p->key_in.data,
	        .encr_key_out = p->key_out.data,
	        .encr_key_len = p->key_in.len,
	        .integ_key_in = p->ikey_in.data,
	        .integ_key_out = p->ikey_out.data,
	        .integ_key_len = p->ikey_in.len,
	        .replay_window = p->replay_window,
	        .ts_local = local,
	        .n_local = p->n_ts_local,
	        .ts_remote = remote,
	        .n_remote = p->n_ts_remote,
	        .iv_seed = random_u64(),
	};
	int rc;

	if (p->key_in.len != p->key_out.len || p->ikey_in.len != p->ikey_out.len || p->encr > 65535 ||
	    p->integ > 65535 || p->encr_key_bits > 512 || read_ts(local, p->ts_local, p->n_ts_local) ||
	    read_ts(remote, p->ts_remote, p->n_ts_remote))
		return -EINVAL;
	rc = sequence_state(f, &ep, p);
	if (rc)
		return rc;
	*out = esp_sa_new(&ep, &rc);
	return rc;
}

static int make_sa(struct iftask *f, const SaPair *p, const struct npu_path *path, struct iftask_sa **out)
{
	struct iftask_sa *sa = calloc(1, sizeof(*sa));
	int rc;

	if (!sa)
		return -ENOMEM;
	rc = make_esp(f, p, &sa->npu.esp);
	if (rc) {
		free(sa);
		return rc;
	}
	sa->spi_in = p->spi_in;
	sa->encap = sa->npu.encap = path->encap;
	sa->npu.follow = path->follow;
	sa->local = sa->npu.local = path->local;
	sa->remote = sa->npu.remote = path->remote;
	sa->npu.ctx = p->ctx;
	sa->npu.instance = p->instance;
	sa->npu.soft_bytes = p->soft_bytes;
	sa->npu.hard_bytes = p->hard_bytes;
	sa->npu.soft_seq = p->soft_seq;
	sa->npu.hard_seq = p->hard_seq;
	sa->npu.activity_us = p->activity_s * US_PER_SEC;
	sa->npu.keep_idle_us = p->natt_idle_s * US_PER_SEC;
	sa->npu.keep_interval_us = p->natt_interval_s * US_PER_SEC;
	sa->npu.mtu4 = p->mtu4;
	sa->npu.mtu6 = p->mtu6;
	sa->npu.pre_fragment = p->pre_fragment;
	sa->npu.df = p->dont_fragment <= NPU_DF_CLEAR ? p->dont_fragment : NPU_DF_COPY;
	sa->npu.user = sa;
	sa->since_us = clock_now_us();
	*out = sa;
	return 0;
}

/* --- doing it ------------------------------------------------------------------------------------------ */

static bool same_sa(const struct iftask_sa *sa, const SaPair *p)
{
	const struct esp_sa *e = sa->npu.esp;

	return e->out.spi == p->spi_out && e->encr == p->encr && e->encr_bits == p->encr_key_bits &&
	       e->esn == p->esn && e->integ == p->integ && sa->npu.ctx == p->ctx;
}

static void move_sa(struct npu_batch *b, struct iftask_sa *sa, const struct npu_path *path)
{
	sa->encap = path->encap;
	sa->local = path->local;
	sa->remote = path->remote;
	b->path[b->n_path++] = *path;
}

static void add_one(struct iftask *f, struct request *r, struct npu_batch *b, const SaPair *p,
                    uint32_t instance)
{
	struct iftask_sa *old = iftask_map_get(f, p->spi_in);
	struct iftask_sa *sa = NULL;
	struct npu_path path = {0};
	int rc;

	if (p->instance != instance || p->spi_in >> 24 != instance || read_path(&path, p)) {
		refuse(r, p->spi_in);
		wrong(r, -EINVAL, "SA %08x: wrong instance or addresses", p->spi_in);
		return;
	}
	if (old && same_sa(old, p)) {
		old->stale = false;
		move_sa(b, old, &path);
		return;
	}
	rc = iftask_bind_tun(f, p->ctx, instance);
	if (!rc)
		rc = make_sa(f, p, &path, &sa);
	if (!rc && iftask_map_put(f, sa)) {
		iftask_sa_free(sa);
		rc = -ENOMEM;
	}
	if (rc) {
		refuse(r, p->spi_in);
		wrong(r, rc, "SA %08x: %s", p->spi_in, strerror(-rc));
		return;
	}
	b->add[b->n_add++] = &sa->npu; /* an older one with this SPI comes back in b->gone */
}

/* Forget what a push did not bring again; instance 0: of every one. */
static void sweep(struct iftask *f, uint32_t instance)
{
	struct npu_batch *b = iftask_sa_silent_batch(f->n_sas);
	struct iftask_sa *sa;
	size_t pos = 0;
	size_t i;

	if (!b)
		return;
	while ((sa = iftask_map_next(f, &pos)))
		if (sa->stale && (!instance || sa->npu.instance == instance))
			b->del[b->n_del++] = sa->spi_in;
	for (i = 0; i < b->n_del; i++)
		iftask_map_del(f, b->del[i]);
	if (b->n_del) {
		LOG(EV_NPU_FLOW, "%zu SAs that their ipsecmgr does not know any more were removed", b->n_del);
		npu_batch(f->npu, b);
	} else {
		npu_batch_free(b);
	}
}

static void sweep_due(struct task *t, void *arg)
{
	struct iftask *f = arg;

	task_timer_stop(f->sweep);
	f->sweep = NULL;
	sweep(f, 0);
}

static void set_stale(struct iftask *f, uint32_t instance)
{
	struct iftask_sa *sa;
	size_t pos = 0;

	while ((sa = iftask_map_next(f, &pos)))
		if (sa->npu.instance == instance)
			sa->stale = true;
}

/* A push comes in several updates: what it leaves out is only known when no more of them come. */
static void sweep_later(struct iftask *f)
{
	if (f->sweep)
		task_timer_stop(f->sweep);
	f->sweep = task_timer_start(f->t, IFTASK_SWEEP_MS, 0, sweep_due, f);
}

/* More of a push: what was there before. Tunnels that come up meanwhile must not put its end off. */
static bool goes_on(const SaUpdate *u)
{
	return u->n_add && u->add[0]->resume;
}

struct npu_batch *iftask_sa_silent_batch(size_t n_del)
{
	return npu_batch_new(0, n_del, 0);
}

static void fill_batch(struct iftask *f, struct request *r, struct npu_batch *b, const SaUpdate *u)
{
	struct npu_path path;
	struct iftask_sa *sa;
	size_t i;

	for (i = 0; i < u->n_add; i++)
		add_one(f, r, b, u->add[i], u->instance);
	for (i = 0; i < u->n_path; i++) {
		sa = iftask_map_get(f, u->path[i]->spi_in);
		if (read_path(&path, u->path[i]))
			wrong(r, -EINVAL, "SA %08x: bad addresses", u->path[i]->spi_in);
		else if (sa && sa->npu.instance == u->instance)
			move_sa(b, sa, &path);
	}
	for (i = 0; i < u->n_del; i++)
		if (u->del[i] >> 24 == u->instance && iftask_map_del(f, u->del[i]))
			b->del[b->n_del++] = u->del[i];
}

/*
 * "ipsecmgr/3" may speak for instance 3 only; a standby one ("ipsecmgr/5301") for the instance it is taking
 * over, whose name it bears only when it is ready, which it is not before we have its SAs.
 */
static bool speaks_for(const char *src, uint32_t instance)
{
	const char *slash = strchr(src, '/');
	unsigned long sender = slash ? strtoul(slash + 1, NULL, 10) : 0;

	return instance >= 1 && instance <= 255 && (sender == instance || sender > 255);
}

void iftask_sa_update(struct task *t, const struct bus_msg *m)
{
	const SaUpdate *u = m->env->sa_update;
	struct iftask *f = &iftask;
	struct npu_batch *b;
	struct request *r;

	if (!speaks_for(m->src, u->instance)) {
		task_reply_status(t, m, -EINVAL, "%s may not change SAs of instance %u", m->src, u->instance);
		return;
	}
	r = calloc(1, sizeof(*r) + u->n_add * sizeof(r->refused[0]));
	b = npu_batch_new(u->n_add, u->n_del, u->n_path + u->n_add);
	if (!r || !b) {
		free(r);
		npu_batch_free(b);
		task_reply_status(t, m, -ENOMEM, "out of memory");
		return;
	}
	r->from = task_from(m);
	r->room = u->n_add;
	b->user = r;
	f->batches++;
	if (u->replace_all)
		set_stale(f, u->instance);
	fill_batch(f, r, b, u);
	npu_batch(f->npu, b);
	if (u->replace_all && !u->n_add)
		sweep(f, u->instance);
	else if (u->replace_all || (f->sweep && goes_on(u)))
		sweep_later(f);
}

static void reply(struct iftask *f, const struct request *r)
{
	Envelope env = ENVELOPE__INIT;
	Status s = STATUS__INIT;

	s.code = r->status;
	s.text = (char *)(uintptr_t)r->text;
	s.refused = (uint32_t *)(uintptr_t)r->refused;
	s.n_refused = r->n_refused;
	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &s;
	task_reply_to(f->t, &r->from, &env);
}

void iftask_sa_batch_done(struct iftask *f, struct npu_batch *b)
{
	struct request *r = b->user;
	size_t i;

	for (i = 0; i < b->n_gone; i++) {
		struct iftask_sa *sa = (struct iftask_sa *)b->gone[i];

		if (iftask_map_get(f, sa->spi_in) == sa) { /* the worker could not take it */
			iftask_map_del(f, sa->spi_in);
			refuse(r, sa->spi_in);
		}
		iftask_sa_free(sa);
	}
	if (r) {
		if (b->status)
			wrong(r, b->status, "the data path could not take all SAs: %s", strerror(-b->status));
		if (r->from.id)
			reply(f, r);
		else if (r->status)
			LOG(EV_WARN, "%s: %s", r->from.src, r->text);
	}
	free(r);
	npu_batch_free(b);
}
