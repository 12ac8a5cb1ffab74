/* SPDX-License-Identifier: MIT */
/*
 * What the worker owns: ports (sockets of a service address), TUNs with their SA tables, connections to
 * ipsecmgr instances; and the commands that change them. Runs in the worker's thread only. A card has few of
 * each, so lists do.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "npu/npu_int.h"

/* --- finding ------------------------------------------------------------------------------------------- */

struct npu_tun *npu_table_tun(const struct npu *n, uint32_t ctx, uint32_t instance)
{
	struct npu_tun *t;

	for (t = n->tuns; t; t = t->next)
		if (t->ctx == ctx && t->instance == instance)
			return t;
	return NULL;
}

struct npu_port *npu_table_port(const struct npu *n, uint32_t ctx, uint32_t instance,
                                const struct net_addr *addr)
{
	struct npu_port *p;

	for (p = n->ports; p; p = p->next)
		if (p->ctx == ctx && p->instance == instance && net_addr_equal(&p->addr, addr))
			return p;
	return NULL;
}

struct npu_inst *npu_table_inst(const struct npu *n, uint32_t instance)
{
	struct npu_inst *i;

	for (i = n->insts; i; i = i->next)
		if (i->instance == instance)
			return i;
	return NULL;
}

struct npu_sa *npu_table_sa(const struct npu *n, uint32_t spi_in)
{
	struct npu_tun *t;
	struct esp_sa *sa;

	for (t = n->tuns; t; t = t->next)
		if (t->instance == spi_in >> 24 && (sa = esp_table_in(t->table, spi_in)))
			return sa->user;
	return NULL;
}

/* --- descriptors --------------------------------------------------------------------------------------- */

static void watch(struct npu *n, struct npu_src *s)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};

	if (s->fd >= 0)
		epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev);
}

/*
 * Others hold duplicates of our descriptors (the fabric), so closing does not take them out of the epoll set:
 * that must be said.
 */
static void unwatch(struct npu *n, struct npu_src *s)
{
	if (s->fd < 0)
		return;
	epoll_ctl(n->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	close(s->fd);
	s->fd = -1;
}

void npu_table_connect(struct npu *n, struct npu_inst *i)
{
	int fd = punt_client_connect(i->punt, n->now);

	if (fd < 0)
		return;
	i->src = (struct npu_src){.kind = NPU_SRC_PUNT, .fd = fd, .owner = i};
	watch(n, &i->src);
}

/* The punt client has closed its descriptor, which nobody else has: it left the epoll set by itself. */
void npu_table_hung_up(struct npu *n, struct npu_inst *i)
{
	(void)n;
	i->src.fd = -1;
}

static struct npu_inst *need_inst(struct npu *n, uint32_t instance)
{
	struct npu_inst *i = npu_table_inst(n, instance);
	char path[256];

	if (i)
		return i;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(path, sizeof(path), n->punt_path, instance);
#pragma GCC diagnostic pop
	i->instance = instance;
	i->src.fd = -1;
	i->punt = punt_client_new(path, NPU_PUNT_RETRY_US);
	if (!i->punt) {
		free(i);
		return NULL;
	}
	i->next = n->insts;
	n->insts = i;
	return i;
}

struct npu_tun *npu_table_tun_need(struct npu *n, uint32_t ctx, uint32_t instance)
{
	struct npu_tun *t = npu_table_tun(n, ctx, instance);

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->ctx = ctx;
	t->instance = instance;
	t->src = (struct npu_src){.kind = NPU_SRC_TUN, .fd = -1, .owner = t};
	t->table = esp_table_new(n->cfg.seed ^ instance);
	if (!t->table) {
		free(t);
		return NULL;
	}
	t->next = n->tuns;
	n->tuns = t;
	return t;
}

/* SAs remember their port; after a change of ports they look again. */
static void forget_ports(struct npu *n)
{
	struct npu_tun *t;
	struct esp_sa *sa;
	size_t pos;

	for (t = n->tuns; t; t = t->next)
		for (pos = 0; (sa = esp_table_next(t->table, &pos));)
			((struct npu_sa *)sa->user)->port = NULL;
}

static void free_port(struct npu *n, struct npu_port *p)
{
	int i;

	for (i = 0; i < NPU_PORT_FDS; i++)
		unwatch(n, &p->src[i]);
	free(p);
}

static void del_port(struct npu *n, uint32_t ctx, uint32_t instance, const struct net_addr *addr)
{
	struct npu_port **pp = &n->ports;
	struct npu_port *p;

	while ((p = *pp)) {
		if (p->instance == instance && (!addr || (p->ctx == ctx && net_addr_equal(&p->addr, addr)))) {
			*pp = p->next;
			free_port(n, p);
		} else {
			pp = &p->next;
		}
	}
	forget_ports(n);
}

static void add_port(struct npu *n, const struct npu_cmd *c)
{
	static const enum npu_src_kind kinds[NPU_PORT_FDS] = {NPU_SRC_UDP500, NPU_SRC_UDP4500, NPU_SRC_ESP};
	struct npu_port *p = calloc(1, sizeof(*p));
	int i;

	del_port(n, c->ctx, c->instance, &c->addr);
	if (p) {
		p->ctx = c->ctx;
		p->instance = c->instance;
		p->addr = c->addr;
		p->tun = npu_table_tun_need(n, c->ctx, c->instance);
		p->inst = need_inst(n, c->instance);
	}
	if (!p || !p->tun || !p->inst) {
		free(p);
		for (i = 0; i < NPU_PORT_FDS; i++)
			if (c->fds[i] >= 0)
				close(c->fds[i]);
		return;
	}
	for (i = 0; i < NPU_PORT_FDS; i++) {
		p->src[i] = (struct npu_src){.kind = kinds[i], .fd = c->fds[i], .owner = p};
		watch(n, &p->src[i]);
	}
	p->next = n->ports;
	n->ports = p;
}

static void add_tun(struct npu *n, const struct npu_cmd *c)
{
	struct npu_tun *t = npu_table_tun_need(n, c->ctx, c->instance);

	if (!t) {
		close(c->fds[0]);
		return;
	}
	unwatch(n, &t->src);
	t->src.fd = c->fds[0];
	if (!t->pause_until)
		watch(n, &t->src);
}

/* --- pauses: what waits in the TUN is not lost while resumed SAs have no numbers to send with
 * --------------------- */

static bool may_send(const struct esp_sa *esp)
{
	return esp_seq_ready(esp) || !esp_seq_left(esp);
}

static void resume(struct npu *n, struct npu_tun *t)
{
	t->pause_until = 0;
	t->starved = 0;
	watch(n, &t->src);
}

static void starve(struct npu *n, struct npu_tun *t, struct npu_sa *sa)
{
	sa->starved = true;
	t->starved++;
	if (!t->pause_until && t->src.fd >= 0)
		epoll_ctl(n->epoll_fd, EPOLL_CTL_DEL, t->src.fd, NULL);
	t->pause_until = n->now + NPU_PAUSE_US;
}

static void fed(struct npu *n, struct npu_tun *t, struct npu_sa *sa)
{
	if (!sa->starved)
		return;
	sa->starved = false;
	if (t->pause_until && --t->starved == 0)
		resume(n, t);
}

int npu_table_pauses(struct npu *n)
{
	int timeout = -1;
	struct npu_tun *t;

	for (t = n->tuns; t; t = t->next) {
		if (t->pause_until && n->now >= t->pause_until)
			resume(n, t);
		if (t->pause_until)
			timeout = (int)((t->pause_until - n->now) / 1000) + 1;
	}
	return timeout;
}

/* --- SAs ----------------------------------------------------------------------------------------------- */

static void set_gauges(struct npu *n)
{
	n->stats.sas = n->n_sas;
	counter_set(&n->cnt->in_sa, n->n_sas);
	counter_set(&n->cnt->out_sa, n->n_sas);
}

static void give_back(struct npu_batch *b, struct npu_sa *sa)
{
	b->gone[b->n_gone++] = sa;
}

static struct npu_sa *take_out(struct npu *n, uint32_t spi_in)
{
	struct npu_tun *t;
	struct esp_sa *esp;

	for (t = n->tuns; t; t = t->next) {
		if (t->instance != spi_in >> 24 || !(esp = esp_table_remove(t->table, spi_in)))
			continue;
		n->n_sas--;
		fed(n, t, esp->user);
		return esp->user;
	}
	return NULL;
}

static int put_in(struct npu *n, struct npu_sa *sa)
{
	struct npu_tun *t = npu_table_tun_need(n, sa->ctx, sa->instance);
	int rc;

	if (!t)
		return -ENOMEM;
	sa->esp->user = sa;
	sa->port = NULL;
	sa->in_marked = sa->esp->replay.top;
	npu_life_begin(sa);
	npu_keep_begin(n, sa);
	rc = esp_table_add(t->table, sa->esp);
	if (rc)
		return rc;
	n->n_sas++;
	sa->starved = false;
	if (!may_send(sa->esp))
		starve(n, t, sa);
	npu_rx_marks(n, sa);
	return 0;
}

static void set_path(struct npu *n, const struct npu_path *p)
{
	struct npu_sa *sa = npu_table_sa(n, p->spi_in);
	bool keep;

	if (!sa)
		return;
	if (!net_endpoint_equal(&sa->remote, &p->remote) || !net_endpoint_equal(&sa->local, &p->local))
		sa->learned = 0;
	keep = p->encap && !sa->encap;
	sa->encap = p->encap;
	sa->follow = p->follow;
	sa->local = p->local;
	sa->remote = p->remote;
	sa->port = NULL;
	if (keep)
		npu_keep_begin(n, sa);
	npu_life_begin(sa); /* whoever tells us this may be new, and have heard nothing of it */
}

static void batch_done(struct npu *n, struct npu_batch *b)
{
	struct npu_event e = {.kind = NPU_EV_BATCH, .batch = b};

	set_gauges(n);
	npu_queue_event(n, &e, true);
}

static void do_batch(struct npu *n, struct npu_batch *b)
{
	struct npu_sa *old;
	size_t i;
	int rc;

	b->gone = calloc(b->n_del + 2 * b->n_add + 1, sizeof(struct npu_sa *));
	if (!b->gone)
		abort();
	for (i = 0; i < b->n_del; i++)
		if ((old = take_out(n, b->del[i])))
			give_back(b, old);
	for (i = 0; i < b->n_add; i++) {
		if ((old = take_out(n, b->add[i]->esp->in.spi)))
			give_back(b, old);
		rc = put_in(n, b->add[i]);
		if (rc) {
			give_back(b, b->add[i]);
			b->status = b->status ? b->status : rc;
		}
	}
	for (i = 0; i < b->n_path; i++)
		set_path(n, &b->path[i]);
	batch_done(n, b);
}

/* Give all SAs of a table back; taken out only afterwards, because a table must not change while it is
 * walked. */
static void empty_table(struct esp_table *table, struct npu_batch *b)
{
	size_t first = b->n_gone;
	struct esp_sa *esp;
	size_t pos = 0;

	while ((esp = esp_table_next(table, &pos)))
		give_back(b, esp->user);
	for (; first < b->n_gone; first++)
		esp_table_remove(table, b->gone[first]->esp->in.spi);
}

static void del_instance(struct npu *n, uint32_t instance, struct npu_batch *b)
{
	struct npu_tun **pp = &n->tuns;
	struct npu_inst **ip = &n->insts;
	struct npu_tun *t;
	struct npu_inst *i;

	b->gone = calloc(n->n_sas + 1, sizeof(struct npu_sa *));
	if (!b->gone)
		abort();
	del_port(n, 0, instance, NULL);
	while ((t = *pp)) {
		if (t->instance != instance) {
			pp = &t->next;
			continue;
		}
		*pp = t->next;
		unwatch(n, &t->src);
		empty_table(t->table, b);
		esp_table_free(t->table);
		free(t);
	}
	n->n_sas -= b->n_gone;
	while ((i = *ip)) {
		if (i->instance != instance) {
			ip = &i->next;
			continue;
		}
		*ip = i->next;
		punt_client_free(i->punt);
		free(i);
	}
	batch_done(n, b);
}

static void do_mark(struct npu *n, const struct npu_cmd *c)
{
	struct npu_sa *sa = npu_table_sa(n, c->spi);
	struct npu_tun *t;

	if (!sa)
		return;
	if (c->status)
		esp_seq_retry(sa->esp);
	else
		esp_seq_durable(sa->esp, c->mark);
	if (may_send(sa->esp) && (t = npu_table_tun(n, sa->ctx, sa->instance)))
		fed(n, t, sa);
	npu_rx_marks(n, sa);
}

void npu_table_command(struct npu *n, struct npu_cmd *c)
{
	switch (c->kind) {
	case NPU_CMD_BATCH:
		do_batch(n, c->batch);
		break;
	case NPU_CMD_PORT:
		add_port(n, c);
		break;
	case NPU_CMD_PORT_DEL:
		del_port(n, c->ctx, c->instance, &c->addr);
		break;
	case NPU_CMD_TUN:
		add_tun(n, c);
		break;
	case NPU_CMD_INSTANCE_DEL:
		del_instance(n, c->instance, c->batch);
		break;
	case NPU_CMD_MARK:
		do_mark(n, c);
		break;
	case NPU_CMD_PING:
	case NPU_CMD_STOP:
		break;
	}
}

/* The end of the worker: what is still here goes. SA structs themselves are the caller's; their keys are not
 * left behind. */
void npu_table_free(struct npu *n)
{
	struct npu_inst *i;
	struct npu_tun *t;
	struct npu_port *p;

	while ((p = n->ports)) {
		n->ports = p->next;
		free_port(n, p);
	}
	while ((t = n->tuns)) {
		n->tuns = t->next;
		unwatch(n, &t->src);
		esp_table_free(t->table);
		free(t);
	}
	while ((i = n->insts)) {
		n->insts = i->next;
		punt_client_free(i->punt);
		free(i);
	}
}
