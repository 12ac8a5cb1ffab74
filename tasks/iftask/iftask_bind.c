/* SPDX-License-Identifier: MIT */
/*
 * Sockets and TUN devices: what an ipsecmgr instance wants is compared with what it has; the fabric hands out
 * the difference. An instance that comes up on another card takes everything with it: two data paths must
 * never hold one SA.
 */
#include "tasks/iftask/iftask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "chassis/fabric.h"
#include "place/place.h"

#define PEERS_MAX 160

/* --- TUN ----------------------------------------------------------------------------------------------- */

static bool have_tun(const struct iftask *f, uint32_t ctx, uint32_t instance)
{
	const struct iftask_tun *t;

	for (t = f->tuns; t; t = t->next)
		if (t->ctx == ctx && t->instance == instance)
			return true;
	return false;
}

/* Adopts fd. replace: what we have may be of a context that was removed and made anew. */
static int note_tun(struct iftask *f, uint32_t ctx, uint32_t instance, int fd, bool replace)
{
	struct iftask_tun *t;

	if (have_tun(f, ctx, instance)) {
		if (replace)
			return npu_tun_add(f->npu, ctx, instance, fd);
		close(fd);
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		close(fd);
		return -ENOMEM;
	}
	t->ctx = ctx;
	t->instance = instance;
	t->next = f->tuns;
	f->tuns = t;
	return npu_tun_add(f->npu, ctx, instance, fd);
}

int iftask_bind_tun(struct iftask *f, uint32_t ctx, uint32_t instance)
{
	int fds[FABRIC_FDS];
	int rc;

	if (have_tun(f, ctx, instance))
		return 0;
	rc = fabric_service(f->t, ctx, NULL, instance, 0, fds);
	if (rc) {
		LOG(EV_IFTASK_SOCKET, "no TUN for ipsecmgr %u in context %u: %s", instance, ctx,
		    strerror(-rc));
		return rc;
	}
	return note_tun(f, ctx, instance, fds[FABRIC_TUN], false);
}

/* --- service sockets ----------------------------------------------------------------------------------- */

static struct iftask_bind **find_bind(struct iftask *f, uint32_t ctx, uint32_t instance,
                                      const struct net_addr *addr)
{
	struct iftask_bind **pp = &f->binds;

	while (*pp &&
	       ((*pp)->ctx != ctx || (*pp)->instance != instance || !net_addr_equal(&(*pp)->addr, addr)))
		pp = &(*pp)->next;
	return pp;
}

static bool serves(const struct iftask *f, uint32_t ctx, uint32_t instance)
{
	const struct iftask_bind *b;

	for (b = f->binds; b; b = b->next)
		if (b->ctx == ctx && b->instance == instance)
			return true;
	return false;
}

static int open_service(struct iftask *f, uint32_t ctx, const struct net_addr *addr, const ServiceBind *sb)
{
	struct iftask_bind **pp = find_bind(f, ctx, sb->instance, addr);
	struct iftask_bind *b = *pp;
	bool first = !serves(f, ctx, sb->instance);
	int fds[FABRIC_FDS];
	int rc;

	if (b && b->instances == sb->instances)
		return 0;
	rc = fabric_service(f->t, ctx, addr, sb->instance, sb->instances, fds);
	if (rc)
		return rc;
	if (!b)
		b = calloc(1, sizeof(*b));
	if (!b) {
		for (rc = 0; rc < FABRIC_FDS; rc++)
			close(fds[rc]);
		return -ENOMEM;
	}
	if (!*pp) {
		*b = (struct iftask_bind){.ctx = ctx, .instance = sb->instance, .addr = *addr};
		*pp = b;
	}
	b->instances = sb->instances;
	rc = note_tun(f, ctx, sb->instance, fds[FABRIC_TUN], first);
	return npu_port_add(f->npu, ctx, sb->instance, addr, fds) ? -ENOMEM : rc;
}

static bool wanted(const ServiceBind *sb, const struct iftask_bind *b)
{
	struct net_addr a;
	size_t i;

	for (i = 0; i < sb->n_addrs; i++)
		if (sb->addrs[i]->ctx == b->ctx &&
		    !net_addr_from_bytes(&a, sb->addrs[i]->addr.data, sb->addrs[i]->addr.len) &&
		    net_addr_equal(&a, &b->addr))
			return true;
	return false;
}

/* forget_peers: first packets of its peers are nobody's now; an instance that moved keeps them. */
static void close_unwanted(struct iftask *f, const ServiceBind *sb, bool forget_peers)
{
	struct iftask_bind **pp = &f->binds;
	struct iftask_bind *b;

	while ((b = *pp)) {
		if (b->instance != sb->instance || wanted(sb, b)) {
			pp = &b->next;
			continue;
		}
		*pp = b->next;
		if (forget_peers) {
			fabric_service_peers(f->t, b->ctx, &b->addr, b->instance, NULL, 0);
			fabric_service_release(f->t, b->ctx, &b->addr, b->instance);
		}
		npu_port_del(f->npu, b->ctx, b->instance, &b->addr);
		free(b);
	}
}

/* The fabric keeps them: they are told again by whoever binds. */
static int tell_peers(struct iftask *f, const ServiceBind__Addr *row, const struct net_addr *a,
                      uint32_t instance)
{
	struct net_addr peers[PEERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < row->n_peers; i++) {
		if (n == PEERS_MAX || net_addr_from_bytes(&peers[n], row->peers[i].data, row->peers[i].len))
			return -EINVAL;
		n++;
	}
	return fabric_service_peers(f->t, row->ctx, a, instance, peers, n);
}

/* Of a service: every manager of it says the same. */
static int tell_spread(struct iftask *f, const ServiceBind__Addr *row, const struct net_addr *a,
                       uint32_t instance)
{
	struct iftask_bind *b = *find_bind(f, row->ctx, instance, a);
	int rc;

	if (!b || (b->spread_told && b->by_source == row->by_source))
		return 0;
	rc = fabric_service_spread(f->t, row->ctx, a, row->by_source);
	b->spread_told = rc == 0;
	b->by_source = row->by_source;
	return rc;
}

void iftask_bind(struct task *t, const struct bus_msg *m)
{
	const ServiceBind *sb = m->env->service_bind;
	struct iftask *f = &iftask;
	char text[NET_ADDR_STRLEN] = "";
	struct net_addr a;
	int first = 0;
	size_t i;
	int rc;

	if (sb->instance < 1 || sb->instance > 255 || sb->instances > 255 ||
	    (sb->instances < sb->instance && !place_serves_maps(sb->instance))) {
		task_reply_status(t, m, -EINVAL, "instance %u of %u is out of range 1 to 255", sb->instance,
		                  sb->instances);
		return;
	}
	close_unwanted(f, sb, true);
	if (sb->tun_ctx)
		first = iftask_bind_tun(f, sb->tun_ctx, sb->instance);
	for (i = 0; i < sb->n_addrs; i++) {
		if (net_addr_from_bytes(&a, sb->addrs[i]->addr.data, sb->addrs[i]->addr.len))
			rc = -EINVAL;
		else
			rc = open_service(f, sb->addrs[i]->ctx, &a, sb);
		if (!rc && place_serves_maps(sb->instance))
			rc = tell_peers(f, sb->addrs[i], &a, sb->instance);
		else if (!rc)
			rc = tell_spread(f, sb->addrs[i], &a, sb->instance);
		if (!rc || first)
			continue;
		first = rc;
		net_addr_format(&a, text, sizeof(text));
		LOG(EV_IFTASK_SOCKET, "no sockets on %s in context %u: %s", text, sb->addrs[i]->ctx,
		    strerror(-rc));
	}
	task_reply_status(t, m, first, "%s%s%s", text, first ? ": " : "", first ? strerror(-first) : "");
}

/* --- an instance that moved ---------------------------------------------------------------------------- */

/* Out of our table; their structs come back with the batch. */
static size_t forget_sas(struct iftask *f, uint32_t instance)
{
	uint32_t *spis = calloc(f->n_sas + 1, sizeof(*spis));
	struct iftask_sa *sa;
	size_t pos = 0;
	size_t n = 0;
	size_t i;

	if (!spis)
		abort();
	while ((sa = iftask_map_next(f, &pos)))
		if (sa->npu.instance == instance)
			spis[n++] = sa->spi_in;
	for (i = 0; i < n; i++)
		iftask_map_del(f, spis[i]);
	free(spis);
	return n;
}

static void release(struct iftask *f, uint32_t instance)
{
	struct npu_batch *b = iftask_sa_silent_batch(0);
	ServiceBind none = SERVICE_BIND__INIT;
	struct iftask_tun **pp = &f->tuns;
	struct iftask_tun *t;
	size_t n;

	none.instance = instance;
	close_unwanted(f, &none, false);
	while ((t = *pp)) {
		if (t->instance != instance) {
			pp = &t->next;
			continue;
		}
		*pp = t->next;
		free(t);
	}
	n = forget_sas(f, instance);
	if (n)
		LOG(EV_NPU_FLOW, "ipsecmgr %u left this card: %zu SAs released", instance, n);
	if (!b || npu_instance_del(f->npu, instance, b))
		abort(); /* keeping them would mean two data paths with one key */
}

static bool holds(const struct iftask *f, uint32_t instance)
{
	const struct iftask_bind *b;
	const struct iftask_tun *t;

	for (b = f->binds; b; b = b->next)
		if (b->instance == instance)
			return true;
	for (t = f->tuns; t; t = t->next)
		if (t->instance == instance)
			return true;
	return false;
}

void iftask_bind_peer(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	const char *slash = strchr(addr, '/');
	unsigned long instance = slash ? strtoul(slash + 1, NULL, 10) : 0;
	struct iftask *f = arg;

	if (up && card != t->card && instance >= 1 && instance <= 255 && holds(f, (uint32_t)instance))
		release(f, (uint32_t)instance);
}

/* Our card has stopped it: earlier than we hear of it from where it comes up. */
void iftask_bind_left(struct task *t, const struct bus_msg *m)
{
	const TaskLeft *l = m->env->task_left;

	if (!strcmp(l->facility, "ipsecmgr") && holds(&iftask, l->instance))
		release(&iftask, l->instance);
}
