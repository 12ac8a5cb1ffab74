/* SPDX-License-Identifier: MIT */
/*
 * Control requests: "clear crypto security-association" (also "clear-sa"; args = all | tag NAME | of
 * CONTEXT/NAME | peer ADDR | spi HEX; NAME is that of a template, map or service), "clear subscribers"
 * (ipsecmgr_calls.c) and the test commands rekey-ike, rekey-child, dpd (same args; their answer says how many
 * SAs were meant). Called through main.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pick {
	struct ipsecmgr *m;
	char word[16];
	const char *arg;
	struct net_addr peer;
	uint64_t spi;
	struct picked {
		uint64_t spi;
		uint32_t child;
	} * list;
	size_t n, size;
	bool children;
};

bool ipsecmgr_ctl_is_of(const struct ipsecmgr_policy *p, const char *name)
{
	size_t n = p ? strlen(p->context) : 0;

	return p && !strncmp(name, p->context, n) && name[n] == '/' &&
	       (!strcmp(name + n + 1, p->template) || !strcmp(name + n + 1, p->service));
}

static bool wanted(const struct pick *p, const struct ike_sa_view *v)
{
	const struct ipsecmgr_policy *pol = ipsecmgr_cfg_find(p->m, v->policy);

	if (!strcmp(p->word, "peer"))
		return net_addr_equal(&v->path.remote.addr, &p->peer);
	if (!strcmp(p->word, "spi"))
		return v->spi == p->spi || v->peer_spi == p->spi;
	if (!strcmp(p->word, "tag"))
		return pol && (!strcmp(pol->template, p->arg) || !strcmp(pol->service, p->arg));
	if (!strcmp(p->word, "of"))
		return ipsecmgr_ctl_is_of(pol, p->arg);
	return true;
}

static int add(struct pick *p, uint64_t spi, uint32_t child)
{
	if (p->n == p->size) {
		size_t size = p->size ? 2 * p->size : 64;
		void *bigger = realloc(p->list, size * sizeof(*p->list));

		if (!bigger)
			return -ENOMEM;
		p->list = bigger;
		p->size = size;
	}
	p->list[p->n++] = (struct picked){spi, child};
	return 0;
}

/* SAs are collected first: commands change the engine. */
static int collect(void *arg, const struct ike_sa_view *v)
{
	struct pick *p = arg;
	struct ike_child_view c;
	unsigned i;

	if (v->state != IKE_ST_ESTABLISHED || !wanted(p, v))
		return 0;
	if (!p->children)
		return add(p, v->spi, 0);
	for (i = 0; i < v->n_children; i++)
		if (!ike_engine_child_view(p->m->e, v->spi, i, &c) && !c.deleting &&
		    add(p, v->spi, c.sa.spi_in))
			return -ENOMEM;
	return 0;
}

static int parse_args(struct pick *p, const char *args)
{
	const char *space = args ? strchr(args, ' ') : NULL;
	char *end;

	if (!args || !*args || !strcmp(args, "all") || !strcmp(args, "ikev2-ikesa"))
		return 0;
	if (!space || (size_t)(space - args) >= sizeof(p->word))
		return -EINVAL;
	memcpy(p->word, args, (size_t)(space - args));
	p->arg = space + 1;
	if (!strcmp(p->word, "peer"))
		return net_addr_parse(&p->peer, p->arg);
	if (!strcmp(p->word, "spi")) {
		p->spi = strtoull(p->arg, &end, 16);
		return *end || !p->spi ? -EINVAL : 0;
	}
	return strcmp(p->word, "tag") && strcmp(p->word, "of") ? -EINVAL : 0;
}

static int do_one(struct ike_engine *e, uint64_t now, const char *what, const struct picked *x)
{
	if (!strcmp(what, "clear-sa"))
		return ike_engine_delete_ike(e, now, x->spi);
	if (!strcmp(what, "rekey-ike"))
		return ike_engine_rekey_ike(e, now, x->spi);
	if (!strcmp(what, "rekey-child"))
		return ike_engine_rekey_child(e, now, x->child);
	return ike_engine_dpd(e, now, x->spi);
}

void ipsecmgr_ctl(struct task *t, const struct bus_msg *msg)
{
	const Control *c = msg->env->control;
	const char *what = strcmp(c->what, "clear crypto security-association") ? c->what : "clear-sa";
	struct ipsecmgr *m = &ipsecmgr;
	struct pick p = {.m = m};
	size_t i, done = 0;
	uint64_t now;

	if (!strcmp(what, "clear subscribers")) {
		ipsecmgr_calls_end(t, msg);
		return;
	}
	if (strcmp(what, "clear-sa") && strcmp(what, "rekey-ike") && strcmp(what, "rekey-child") &&
	    strcmp(what, "dpd")) {
		task_reply_status(t, msg, -EOPNOTSUPP, "Failure: ipsecmgr does not know %.60s", c->what);
		return;
	}
	if (parse_args(&p, c->args)) {
		task_reply_status(
		        t, msg, -EINVAL,
		        "Failure: %.100s: legal is all, tag NAME, of CONTEXT/NAME, peer ADDRESS or spi HEX",
		        c->args);
		return;
	}
	if (!m->e) {
		task_reply_status(t, msg, 0, "%s", "");
		return;
	}
	now = ipsecmgr_engine_now(m);
	p.children = !strcmp(what, "rekey-child");
	ike_engine_foreach_sa(m->e, collect, &p);
	for (i = 0; i < p.n; i++)
		done += do_one(m->e, now, what, &p.list[i]) == 0;
	free(p.list);
	ipsecmgr_engine_rearm(m);
	if (!strcmp(what, "clear-sa"))
		task_reply_status(t, msg, 0, "%s", "");
	else
		task_reply_status(t, msg, 0, "%zu", done);
}
