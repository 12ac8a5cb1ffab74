/* SPDX-License-Identifier: MIT */
/*
 * Certificates of peers by hash and URL (RFC 7296 section 3.6, chapter 15): the engine asks, lib/fetch gets
 * them over HTTP in the context the peer came by, the engine looks at the hash. Peers that have proven
 * nothing yet name these URLs, so few are fetched at once, for a few seconds, and nothing beside the chassis
 * can be reached. Entry point: ipsecmgr_fetch(). Called by ipsecmgr_engine.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "chassis/fabric.h"
#include "fetch/fetch.h"

#define AT_ONCE   8
#define CONNECT_S 2
#define TOTAL_S   4 /* less than a peer asks again for */

struct lookup {
	struct ipsecmgr *m;
	uint32_t gen;
	uint64_t ref;
	int ns_fd;
	char url[IKE_URL_MAX], policy[IKE_NAME_MAX];
};

static unsigned under_way;

static void lookup_free(struct lookup *l)
{
	if (l->ns_fd >= 0)
		close(l->ns_fd);
	free(l);
}

static void answer(struct ipsecmgr *m, uint64_t ref, const struct fetch_result *r)
{
	ike_engine_cert_fetched(m->e, ipsecmgr_engine_now(m), ref, r ? (const uint8_t *)r->data : NULL,
	                        r ? r->len : 0);
	ipsecmgr_engine_rearm(m);
}

static void done(void *arg, struct fetch_result *r)
{
	struct lookup *l = arg;
	struct ipsecmgr *m = l->m;

	under_way--;
	if (m->e && m->gen == l->gen) {
		if (r->rc && ipsecmgr_engine_may_log(m))
			LOG(EV_IKE_AUTH_FAIL, "%s: the certificate of a peer, %s: %s", l->policy, l->url,
			    r->text);
		answer(m, l->ref, r->rc ? NULL : r);
	}
	lookup_free(l);
}

/* Why not, in words; NULL: it is on its way. */
static const char *start(struct ipsecmgr *m, const struct ike_cert_act *a)
{
	struct fetch_job f = {.url = a->url,
	                      .inside = true,
	                      .protocols = FETCH_HTTP,
	                      .max_bytes = a->max,
	                      .connect_s = CONNECT_S,
	                      .total_s = TOTAL_S,
	                      .fd = -1};
	struct lookup *l = under_way < AT_ONCE ? calloc(1, sizeof(*l)) : NULL;
	int rc;

	if (!l)
		return "too many are being fetched";
	l->m = m;
	l->gen = m->gen;
	l->ref = a->ref;
	snprintf(l->url, sizeof(l->url), "%s", a->url);
	snprintf(l->policy, sizeof(l->policy), "%s", a->policy);
	rc = fabric_context(m->t, a->path.ctx_id, &l->ns_fd);
	if (rc < 0)
		l->ns_fd = -1;
	f.ns_fd = l->ns_fd;
	if (rc == 0 && fetch_start(m->t->loop, &f, done, l, &rc)) {
		under_way++;
		return NULL;
	}
	lookup_free(l);
	return strerror(-rc);
}

void ipsecmgr_fetch(struct ipsecmgr *m, const struct ike_cert_act *a)
{
	const char *why = start(m, a);

	if (why && ipsecmgr_engine_may_log(m))
		LOG(EV_IKE_AUTH_FAIL, "%s: the certificate of a peer, %s: %s", a->policy, a->url, why);
	if (why)
		answer(m, a->ref, NULL);
}
