/* SPDX-License-Identifier: MIT */
/*
 * IKE SAs from their rows. A row whose service or crypto map can't be used at the moment waits, and is seen:
 * it is restored with the first configuration that can be used, or ends with the one that does not have it
 * any more, like tunnels that were there when that happened. Entry points: ipsecmgr_restore(), _again(),
 * _forget(). Called by ipsecmgr_serve.c and ipsecmgr_cfg.c. docs/recovery.md.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "esp/esp_mark.h"
#include "place/place.h"
#include "store/store.h"

#define TOLD_MAX 20 /* rows that are told of one by one */

struct ipsecmgr_waiting {
	struct ipsecmgr_waiting *next;
	char key[IKE_KEY_LEN];
	char policy[IKE_NAME_MAX]; /* "": there was no memory for it */
	bool configured;           /* … it is; else the other chassis may be configured otherwise */
};

/* Keys of rows that are to be deleted. */
struct stale {
	struct {
		char key[IKE_KEY_LEN];
	} * v;
	size_t n;
};

struct restore {
	struct ipsecmgr *m;
	uint64_t now;
	uint32_t n, failed;
	int err; /* of the last row */
	struct stale marks, sas;
	struct ipsecmgr_waiting *gone; /* whose service or map is not there any more */
};

static void add_stale(struct stale *s, const char *key)
{
	void *bigger = strlen(key) < sizeof(s->v[0].key) ? realloc(s->v, (s->n + 1) * sizeof(s->v[0])) : NULL;

	if (!bigger)
		return; /* the next one of our number sees it */
	s->v = bigger;
	snprintf(s->v[s->n++].key, sizeof(s->v[0].key), "%s", key);
}

static void delete_stale(struct ipsecmgr *m, const char *kind, struct stale *s)
{
	struct ckpt_row row = {.kind = kind};

	for (size_t i = 0; i < s->n; i++) {
		row.key = s->v[i].key;
		ckpt_write(m->ckpt, &row, 1, NULL, NULL);
	}
	free(s->v);
	*s = (struct stale){0};
}

/* --- rows that wait
 * ------------------------------------------------------------------------------------------------ */

static struct ipsecmgr_waiting *add_row(struct ipsecmgr_waiting **list, const char *key, const char *policy)
{
	struct ipsecmgr_waiting *w = calloc(1, sizeof(*w));

	if (!w || strlen(key) >= sizeof(w->key)) {
		free(w);
		return NULL;
	}
	snprintf(w->key, sizeof(w->key), "%s", key);
	snprintf(w->policy, sizeof(w->policy), "%s", policy);
	w->next = *list;
	*list = w;
	return w;
}

static bool wait_for(struct ipsecmgr *m, const char *key, const char *policy, bool configured)
{
	struct ipsecmgr_waiting *w = add_row(&m->waiting, key, policy);

	if (!w)
		return false;
	w->configured = configured;
	if (m->n_waiting++ < TOLD_MAX)
		LOG(EV_IKE_RECOVER_FAIL, "IKE SA %s waits: %s can not be used as it is configured", key,
		    policy[0] ? policy : "memory");
	return true;
}

void ipsecmgr_restore_forget(struct ipsecmgr *m)
{
	struct ipsecmgr_waiting *w;

	while ((w = m->waiting)) {
		m->waiting = w->next;
		free(w);
	}
	m->n_waiting = 0;
}

/* --- one row
 * ------------------------------------------------------------------------------------------------------- */

/* Not now, or never. False: it has to be told. */
static bool put_off(struct restore *r, const char *key, int err)
{
	struct ipsecmgr *m = r->m;
	const struct cfg_tree *tree = config_tree(m->t);

	if (err == -ENOMEM)
		return wait_for(m, key, "", true);
	if (err != -ENOENT)
		return false;
	/* Its service went while we were away, and takes it along, as it does while we are there: a row that
	 * stays would keep its call for ever. */
	if (ipsecmgr_away_ends(m, tree, m->unknown_policy) && add_row(&r->gone, key, m->unknown_policy))
		return true;
	return wait_for(m, key, m->unknown_policy, ipsecmgr_keep_configured(m, tree, m->unknown_policy));
}

static int restore_row(const struct store_ckpt *row, void *arg)
{
	struct restore *r = arg;
	const char *why = NULL;

	r->err = ike_engine_restore(r->m->e, r->now, row->key, row->blob, row->len, &why);
	if (!r->err) {
		r->n++;
		return 0;
	}
	if (put_off(r, row->key, r->err))
		return 0;
	if (r->failed++ < TOLD_MAX)
		LOG(EV_IKE_RECOVER_FAIL, "IKE SA %s: %s%s%s", row->key, strerror(-r->err), why ? ", " : "",
		    why ? why : "");
	return 0;
}

/* Marks of child SAs that do not exist (any more) are swept out. */
static int check_mark(const struct store_ckpt *row, void *arg)
{
	struct restore *r = arg;
	char *end;
	unsigned long spi = strtoul(row->key, &end, 16);

	if (!*end && !ipsecmgr_map_get(&r->m->child, spi))
		add_stale(&r->marks, row->key);
	return 0;
}

/* Not while there are children that nobody knows yet: without its mark one would never send again. */
static void sweep_marks(struct restore *r, struct store_reader *reader)
{
	if (r->m->waiting)
		return;
	store_ckpt_list(reader, ESP_MARK_KIND, r->m->t->addr, check_mark, r);
	delete_stale(r->m, ESP_MARK_KIND, &r->marks);
}

static void end_gone(struct restore *r, struct store_reader *reader, bool again);

/* --- all of them
 * --------------------------------------------------------------------------------------------------- */

int ipsecmgr_restore(struct ipsecmgr *m)
{
	struct store_reader *reader = store_open_reader(m->t->state_dir, STORE_STATE);
	struct restore r = {.m = m, .now = ipsecmgr_engine_now(m)};
	uint64_t began = clock_now_us();
	int err = reader ? 0 : -ENOMEM;

	ipsecmgr_restore_forget(m);
	m->restoring = true;
	if (!err)
		err = store_ckpt_list(reader, "ikesa", m->t->addr, restore_row, &r);
	if (err == -ENOENT) /* there is no store yet */
		err = 0;
	end_gone(&r, reader, err != 0);
	m->restoring = false;
	if (!err) {
		m->recovered = r.n;
		m->recover_failed = r.failed;
		sweep_marks(&r, reader);
		delete_stale(m, "ikesa", &r.sas);
	}
	free(r.sas.v);
	store_close_reader(reader);
	if (m->waiting)
		ipsecmgr_keep_look(m);
	if (!err && (r.n || r.failed || m->n_waiting))
		LOG(EV_IKE_RECOVERED,
		    "%u IKE SAs with %zu child SAs recovered in %llu ms, %u lost, %u wait for their "
		    "configuration",
		    r.n, m->child.n, (unsigned long long)((clock_now_us() - began) / US_PER_MS), r.failed,
		    m->n_waiting);
	return err;
}

/* --- with another configuration
 * ------------------------------------------------------------------------------------ */

static bool usable(const struct ipsecmgr *m, const struct ipsecmgr_waiting *w)
{
	size_t len = place_serves_maps(m->t->instance) ? strlen(w->policy) : strcspn(w->policy, "#");
	char base[IKE_NAME_MAX];

	snprintf(base, sizeof(base), "%.*s", (int)len, w->policy);
	return !base[0] || ipsecmgr_cfg_find(m, base);
}

/* What its service was is not known any more: enough of a policy to end the tunnel by. */
static int stand_in(struct ipsecmgr *m, const char *name)
{
	struct ike_policy p = {.n_ike = 1, .n_payload = 1, .psk_len = 1};

	snprintf(p.name, sizeof(p.name), "%s", name);
	p.ike[0] = (struct ike_suite){IKE_ENCR_AES_CBC,   128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96,
	                              IKE_GROUP_MODP1024, 0};
	p.payload[0].n_esp = 1;
	p.payload[0].esp[0] =
	        (struct ike_suite){IKE_ENCR_AES_CBC, 128, 0, IKE_INTEG_HMAC_SHA1_96, IKE_GROUP_NONE, 0};
	random_bytes(p.psk, p.psk_len);
	return ike_engine_policy_put(m->e, &p);
}

void ipsecmgr_restore_sockets(struct ipsecmgr *m, const struct ike_path *path)
{
	struct ipsecmgr_policy *p;

	for (p = m->leaving; p; p = p->next)
		if (p->ctx == path->ctx_id && net_addr_equal(&p->pol.local, &path->local.addr))
			return;
	p = calloc(1, sizeof(*p));
	if (!p)
		return;
	p->ctx = path->ctx_id;
	p->pol.local = path->local.addr;
	ipsecmgr_cfg_linger(m, p);
}

/* One whose service is configured no more: its peer is told, its session ends. */
static void end_row(struct restore *r, struct store_reader *reader, const struct ipsecmgr_waiting *w)
{
	struct ipsecmgr *m = r->m;
	struct ike_sa_view v;

	r->err = stand_in(m, w->policy);
	if (!r->err)
		r->err = store_ckpt_get(reader, "ikesa", w->key, restore_row, r) ? -EIO : r->err;
	ike_engine_policy_remove(m->e, w->policy);
	if (r->err || ike_engine_find_key(m->e, w->key, &v)) {
		add_stale(&r->sas, w->key);
		return;
	}
	r->n--;
	LOG(EV_IKE_DELETE, "IKE SA %s ends: %s is not configured any more", w->key, w->policy);
	ipsecmgr_restore_sockets(m, &v.path);
	if (v.state != IKE_ST_ESTABLISHED || ike_engine_end(m->e, r->now, v.spi, IKE_R_CHANGED))
		ike_engine_drop(m->e, r->now, v.spi);
}

/* Unless all rows are going to be read again. */
static void end_gone(struct restore *r, struct store_reader *reader, bool again)
{
	struct ipsecmgr_waiting *w;

	while ((w = r->gone)) {
		r->gone = w->next;
		if (!again)
			end_row(r, reader, w);
		free(w);
	}
}

/* True: it waits on. */
static bool waits_on(struct restore *r, struct store_reader *reader, const struct cfg_tree *tree,
                     struct ipsecmgr_waiting *w)
{
	bool configured;
	int err;

	if (usable(r->m, w)) {
		r->err = 0;
		err = store_ckpt_get(reader, "ikesa", w->key, restore_row, r);
		return err && err != -ENODATA; /* one that still can't be restored waits anew */
	}
	configured = ipsecmgr_keep_configured(r->m, tree, w->policy);
	if (w->configured && (!configured || ipsecmgr_away_ends(r->m, tree, w->policy))) {
		end_row(r, reader, w);
		return false;
	}
	w->configured = configured;
	return true;
}

static void walk(struct restore *r, struct store_reader *reader, const struct cfg_tree *tree)
{
	struct ipsecmgr *m = r->m;
	struct ipsecmgr_waiting *list = m->waiting, *w;

	m->waiting = NULL;
	m->n_waiting = 0;
	m->restoring = true;
	while ((w = list)) {
		list = w->next;
		if (waits_on(r, reader, tree, w)) {
			w->next = m->waiting;
			m->waiting = w;
			m->n_waiting++;
		} else {
			free(w);
		}
	}
	end_gone(r, reader, false);
	m->restoring = false;
}

void ipsecmgr_restore_again(struct ipsecmgr *m, const struct cfg_tree *tree)
{
	struct store_reader *reader = m->waiting ? store_open_reader(m->t->state_dir, STORE_STATE) : NULL;
	struct restore r = {.m = m, .now = ipsecmgr_engine_now(m)};

	if (!reader)
		return; /* it is tried again with the next change, or soon */
	walk(&r, reader, tree);
	m->recovered += r.n;
	m->recover_failed += r.failed;
	sweep_marks(&r, reader);
	delete_stale(m, "ikesa", &r.sas);
	store_close_reader(reader);
	if (!r.n)
		return;
	LOG(EV_IKE_RECOVERED, "%u IKE SAs that waited for their configuration are restored, %u wait", r.n,
	    m->n_waiting);
	ipsecmgr_dup_audit(m);
	ipsecmgr_audit_start(m);
	ipsecmgr_away_restored(m, tree);
	ipsecmgr_push_all(m);
}
