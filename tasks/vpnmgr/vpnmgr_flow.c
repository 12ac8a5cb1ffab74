/* SPDX-License-Identifier: MIT */
/*
 * Routes to the networks behind tunnels that have no assigned address (site to site): prefix -> the TUN of
 * the ipsecmgr that has the tunnel. Rows of kind "flow", so that neither a restart of vpnmgr nor a lost card
 * interrupts them; answered when stored and in the kernel. The last tunnel that claims a prefix has it. Entry
 * point: vpnmgr_flow_update().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/pack.h"
#include "vpnmgr.h"

#define ROW_KIND    "flow"
#define ROW_VERSION 1
#define ROW_MAX     32
#define UPDATE_MAX  20000

static int compare(const struct net_prefix *a, const struct net_prefix *b)
{
	int d = net_addr_compare(&a->addr, &b->addr);

	return d ? d : (int)a->len - (int)b->len;
}

/* Index of p, or where it belongs; *found says which. */
static size_t position(const struct vpnmgr *v, const struct net_prefix *p, bool *found)
{
	size_t lo = 0, hi = v->n_flows;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(&v->flows[mid].p, p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*found = lo < v->n_flows && !compare(&v->flows[lo].p, p);
	return lo;
}

static int put(struct vpnmgr *v, const struct net_prefix *p, uint32_t ipsecmgr)
{
	bool found;
	size_t at = position(v, p, &found);

	if (!found) {
		if (v->n_flows == VPNMGR_FLOWS_MAX)
			return -ENOSPC;
		if (v->n_flows == v->size_flows) {
			size_t size = v->size_flows ? v->size_flows * 2 : 32;
			struct vpnmgr_flow *f = realloc(v->flows, size * sizeof(*f));

			if (!f)
				return -ENOMEM;
			v->flows = f;
			v->size_flows = size;
		}
		memmove(&v->flows[at + 1], &v->flows[at], (v->n_flows - at) * sizeof(v->flows[0]));
		v->n_flows++;
	}
	v->flows[at] = (struct vpnmgr_flow){*p, ipsecmgr, true};
	return 0;
}

static void drop(struct vpnmgr *v, size_t at)
{
	v->n_flows--;
	memmove(&v->flows[at], &v->flows[at + 1], (v->n_flows - at) * sizeof(v->flows[0]));
}

void vpnmgr_flow_clear(struct vpnmgr *v)
{
	v->n_flows = 0;
}

/* --- rows
 * ----------------------------------------------------------------------------------------------------- */

static const char *row_key(const struct vpnmgr *v, const struct net_prefix *p, char *key, size_t size)
{
	char text[NET_PREFIX_STRLEN];

	snprintf(key, size, "%s/%s", v->cfg.name, net_prefix_format(p, text, sizeof(text)));
	return key;
}

static size_t encode(const struct net_prefix *p, uint32_t ipsecmgr, uint8_t *buf)
{
	struct pack_writer w;

	pack_writer_init(&w, buf, ROW_MAX);
	pack_put_u8(&w, ROW_VERSION);
	pack_put_blob(&w, p->addr.bytes, net_addr_len(&p->addr));
	pack_put_u8(&w, p->len);
	pack_put_u32(&w, ipsecmgr);
	return w.len;
}

static int restore_row(const struct store_ckpt *ck, void *arg)
{
	struct vpnmgr *v = arg;
	struct net_prefix p = {0};
	struct pack_reader r;
	const uint8_t *addr;
	uint32_t ipsecmgr;
	uint8_t version;
	size_t len;

	pack_reader_init(&r, ck->blob, ck->len);
	version = pack_get_u8(&r);
	addr = pack_get_blob(&r, &len);
	p.len = pack_get_u8(&r);
	ipsecmgr = pack_get_u32(&r);
	if (!pack_done(&r) || version != ROW_VERSION || net_addr_from_bytes(&p.addr, addr, len) ||
	    p.len > net_addr_bits(&p.addr) || put(v, &p, ipsecmgr))
		LOG(EV_SESS_LOST, "context %s: flow %s is not restored", v->cfg.name, ck->key);
	return 0;
}

int vpnmgr_flow_restore(struct vpnmgr *v)
{
	int err = store_ckpt_list(v->store, ROW_KIND, v->t->addr, restore_row, v);

	return err == -ENOENT ? 0 : err; /* there is no store yet */
}

/* --- update
 * --------------------------------------------------------------------------------------------------- */

/* What an update changes: first the rows are stored, then the kernel follows, then the answer goes. */
struct change {
	struct net_prefix p;
	uint32_t ipsecmgr;
	bool del;
};
struct update {
	struct bus_from from;
	uint32_t gen;
	size_t n;
	struct change *v;
};

static void update_free(struct update *u)
{
	if (u)
		free(u->v);
	free(u);
}

static void stored(struct task *t, void *arg, int status, const char *text)
{
	struct vpnmgr *v = &vpnmgr;
	struct update *u = arg;
	char where[NET_PREFIX_STRLEN] = "";
	int err = 0;

	vpnmgr_pool_written(v);
	if (status || u->gen != v->gen) {
		task_reply_status_to(t, &u->from, status ? status : -EAGAIN, "Failure: routes not stored: %s",
		                     status ? text : "this chassis does not serve");
		update_free(u);
		return;
	}
	for (size_t i = 0; i < u->n; i++) {
		int e = vpnmgr_net_route(v, &u->v[i].p, u->v[i].ipsecmgr, u->v[i].del);

		if (e && !err) {
			err = e;
			net_prefix_format(&u->v[i].p, where, sizeof(where));
		}
	}
	if (err)
		LOG(EV_VPN_NETLINK, "context %s: route %s to ipsecmgr: %s", v->cfg.name, where,
		    strerror(-err));
	task_reply_status_to(t, &u->from, err, err ? "Failure: route %s: %s" : "", where,
	                     err ? strerror(-err) : "");
	update_free(u);
}

static void change(struct update *u, const struct net_prefix *p, uint32_t ipsecmgr, bool del)
{
	u->v[u->n++] = (struct change){*p, ipsecmgr, del};
}

/* Would a route to p hide this context's own addresses? Then the tunnel's packets would never leave. */
static bool hides_us(const struct vpnmgr *v, const struct net_prefix *p)
{
	for (unsigned i = 0; i < v->cfg.n_ifs; i++)
		for (unsigned k = 0; k < v->cfg.ifs[i].n_addr; k++)
			if (p->len >= v->cfg.ifs[i].addr[k].p.len &&
			    net_prefix_contains(p, &v->cfg.ifs[i].addr[k].p.addr))
				return true;
	return p->len == 0;
}

/* One wish of the message. 0 or -errno with the prefix in text. */
static int one(struct vpnmgr *v, struct update *u, const FlowUpdate__Flow *f, uint32_t ipsecmgr, char *text,
               size_t size)
{
	struct net_prefix p = {0};
	bool found;
	size_t at;
	int err;

	if (net_addr_from_bytes(&p.addr, f->prefix.data, f->prefix.len) || f->len > net_addr_bits(&p.addr))
		return -EINVAL;
	p.len = (uint8_t)f->len;
	net_addr_mask(&p.addr, p.len);
	net_prefix_format(&p, text, size);
	at = position(v, &p, &found);
	if (f->del) {
		if (found && v->flows[at].ipsecmgr == ipsecmgr) {
			drop(v, at);
			change(u, &p, ipsecmgr, true);
		}
		return 0;
	}
	if (hides_us(v, &p))
		return -EADDRINUSE;
	if (found && v->flows[at].ipsecmgr == ipsecmgr) {
		v->flows[at].seen = true;
		return 0;
	}
	err = put(v, &p, ipsecmgr);
	if (!err)
		change(u, &p, ipsecmgr, false);
	return err;
}

/* Store the changes; the callback does the rest. */
static int store(struct vpnmgr *v, struct update *u)
{
	struct ckpt_row *rows = calloc(u->n, sizeof(*rows));
	char(*keys)[160] = calloc(u->n, sizeof(*keys));
	uint8_t(*blobs)[ROW_MAX] = calloc(u->n, sizeof(*blobs));
	int err = rows && keys && blobs ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < u->n; i++) {
		const struct change *c = &u->v[i];

		rows[i] = (struct ckpt_row){.kind = ROW_KIND,
		                            .key = row_key(v, &c->p, keys[i], sizeof(keys[i]))};
		if (!c->del) {
			rows[i].len = encode(&c->p, c->ipsecmgr, blobs[i]);
			rows[i].blob = blobs[i];
		}
	}
	if (!err)
		err = vpnmgr_pool_write(v, rows, u->n, stored, u);
	free(rows);
	free(keys);
	free(blobs);
	return err;
}

/* Flows of the instance that a replace_all did not name. */
static void drop_unseen(struct vpnmgr *v, struct update *u, uint32_t ipsecmgr)
{
	for (size_t i = v->n_flows; i-- > 0;)
		if (v->flows[i].ipsecmgr == ipsecmgr && !v->flows[i].seen) {
			change(u, &v->flows[i].p, ipsecmgr, true);
			drop(v, i);
		}
}

static struct update *update_new(const struct vpnmgr *v, const struct bus_msg *m, size_t n)
{
	struct update *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->v = calloc(n + v->n_flows + 1, sizeof(*u->v));
	u->from = task_from(m);
	u->gen = v->gen;
	if (!u->v) {
		free(u);
		return NULL;
	}
	return u;
}

void vpnmgr_flow_update(struct task *t, const struct bus_msg *m)
{
	struct vpnmgr *v = &vpnmgr;
	const FlowUpdate *q = m->env->flow_update;
	char text[NET_PREFIX_STRLEN] = "?";
	struct update *u;
	int err = 0;

	if (v->serving && v->unread) {
		task_reply_status(t, m, -EAGAIN, "Failure: flows cannot be read");
		return;
	}
	if (!v->serving || q->instance != vpnmgr_sender(m) || !q->instance || q->instance >= VPNMGR_TUNS ||
	    q->n_flows > UPDATE_MAX) {
		task_reply_status(t, m, v->serving ? -EINVAL : -EAGAIN, "Failure: %s",
		                  v->serving ? "the update is not usable" : "this chassis does not serve");
		return;
	}
	u = update_new(v, m, q->n_flows);
	if (!u) {
		task_reply_status(t, m, -ENOMEM, "Failure: out of memory");
		return;
	}
	for (size_t i = 0; i < v->n_flows; i++)
		v->flows[i].seen = false;
	for (size_t i = 0; i < q->n_flows && !err; i++)
		err = one(v, u, q->flows[i], q->instance, text, sizeof(text));
	if (q->replace_all && !err)
		drop_unseen(v, u, q->instance);
	if (err) /* what was taken before the wrong one stays and is stored: the sender replaces it anyway */
		task_reply_status(t, m, err, "Failure: network %s: %s", text,
		                  err == -EADDRINUSE ? "holds an address of this context" : strerror(-err));
	if (err)
		u->from.id = 0;
	else if (!u->n)
		task_reply_status(t, m, 0, "%s", "");
	if (!u->n || store(v, u)) {
		if (u->n)
			task_reply_status_to(t, &u->from, -ENOMEM, "Failure: out of memory");
		update_free(u);
	}
}
