/* SPDX-License-Identifier: MIT */
/*
 * What the worker reports: marks of sequence numbers become checkpoint rows, several to a unit, and are
 * granted only when srdb says that they would survive; the rest becomes notices to the ipsecmgr that owns the
 * SA.
 */
#include "tasks/iftask/iftask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "esp/esp_mark.h"
#include "place/place.h"

/* One checkpoint unit under way. */
struct unit {
	size_t n;
	int status;
	struct {
		uint32_t spi;
		uint64_t out;
		char key[ESP_MARK_KEY_LEN];
		char owner[24];
		uint8_t blob[ESP_MARK_LEN];
	} row[IFTASK_MARK_ROWS];
};

/* --- reading back -------------------------------------------------------------------------------------- */

struct found {
	struct esp_mark *mark;
	int rc;
};

static int found_row(const struct store_ckpt *row, void *arg)
{
	struct found *f = arg;

	f->rc = esp_mark_decode(f->mark, row->blob, row->len);
	return 0;
}

int iftask_mark_read(struct iftask *f, uint32_t spi_in, struct esp_mark *mark)
{
	struct found found = {mark, -ENODATA};
	char key[ESP_MARK_KEY_LEN];
	int rc;

	esp_mark_key(key, spi_in);
	rc = store_ckpt_get(f->store, ESP_MARK_KIND, key, found_row, &found);
	return rc ? rc : found.rc;
}

/* --- writing ------------------------------------------------------------------------------------------- */

static void grant(struct iftask *f, const struct unit *u)
{
	size_t i;

	for (i = 0; f->npu && i < u->n; i++)
		npu_mark(f->npu, u->row[i].spi, u->row[i].out, u->status);
}

struct later {
	struct task_timer *timer;
	struct unit *unit;
};

static void refuse_now(struct task *t, void *arg)
{
	struct later *l = arg;

	task_timer_stop(l->timer);
	grant(&iftask, l->unit);
	free(l->unit);
	free(l);
}

static void stored(struct task *t, void *arg, int status, const char *text)
{
	struct iftask *f = &iftask;
	struct unit *u = arg;
	struct later *l;

	u->status = status;
	if (!status) {
		f->marks_written += u->n;
		grant(f, u);
		free(u);
		return;
	}
	f->marks_refused += u->n;
	LOG(EV_STORE_ERROR, "marks of %zu SAs were refused: %s", u->n,
	    text && *text ? text : strerror(-status));
	l = calloc(1, sizeof(*l));
	if (l)
		l->timer = task_timer_start(t, IFTASK_MARK_RETRY, 0, refuse_now, l);
	if (!l || !l->timer) {
		free(l);
		grant(f, u); /* asked again at once */
		free(u);
		return;
	}
	l->unit = u;
}

static void submit(struct iftask *f, struct unit *u)
{
	struct ckpt_row rows[IFTASK_MARK_ROWS];
	size_t i;

	for (i = 0; i < u->n; i++)
		rows[i] = (struct ckpt_row){.kind = ESP_MARK_KIND,
		                            .key = u->row[i].key,
		                            .owner = u->row[i].owner,
		                            .blob = u->row[i].blob,
		                            .len = ESP_MARK_LEN};
	if (ckpt_write(f->ckpt, rows, u->n, stored, u))
		stored(f->t, u, -ENOMEM, "");
}

static struct unit *add_mark(struct iftask *f, struct unit *u, const struct npu_event *e)
{
	struct esp_mark mark = {e->out, e->in, e->bytes_out, e->bytes_in};

	if (!iftask_map_get(f, e->spi))
		return u; /* deleted meanwhile, and its row with it */
	if (!u)
		u = calloc(1, sizeof(*u));
	if (!u) {
		npu_mark(f->npu, e->spi, 0, -ENOMEM);
		return NULL;
	}
	u->row[u->n].spi = e->spi;
	u->row[u->n].out = e->out;
	esp_mark_key(u->row[u->n].key, e->spi);
	snprintf(u->row[u->n].owner, sizeof(u->row[u->n].owner), "ipsecmgr/%u", e->instance);
	esp_mark_encode(&mark, u->row[u->n].blob);
	if (++u->n < IFTASK_MARK_ROWS)
		return u;
	submit(f, u);
	return NULL;
}

/* --- notices ------------------------------------------------------------------------------------------- */

static SaNotice__What notice_of(enum npu_event_kind kind)
{
	switch (kind) {
	case NPU_EV_PATH:
		return SA_NOTICE__WHAT__PATH_CHANGED;
	case NPU_EV_FIRST_USE:
		return SA_NOTICE__WHAT__FIRST_USE;
	case NPU_EV_TRAFFIC:
		return SA_NOTICE__WHAT__TRAFFIC;
	case NPU_EV_SEQ_SOFT:
		return SA_NOTICE__WHAT__SEQ_SOFT;
	case NPU_EV_BYTES_SOFT:
		return SA_NOTICE__WHAT__BYTES_SOFT;
	case NPU_EV_HARD:
		return SA_NOTICE__WHAT__HARD;
	case NPU_EV_SELECTOR:
		return SA_NOTICE__WHAT__SELECTOR;
	case NPU_EV_NO_SA:
		return SA_NOTICE__WHAT__NO_SA;
	case NPU_EV_KEEPALIVES_IN:
		return SA_NOTICE__WHAT__KEEPALIVES_IN;
	case NPU_EV_KEEPALIVE_OUT:
		return SA_NOTICE__WHAT__KEEPALIVE_OUT;
	default:
		return SA_NOTICE__WHAT__UNKNOWN_SPI;
	}
}

static void fill_flow(SaNotice *n, const struct npu_event *e)
{
	n->src = (ProtobufCBinaryData){net_addr_len(&e->flow.src), (uint8_t *)(uintptr_t)e->flow.src.bytes};
	n->dst = (ProtobufCBinaryData){net_addr_len(&e->flow.dst), (uint8_t *)(uintptr_t)e->flow.dst.bytes};
	n->proto = e->flow.proto;
	n->sport = e->flow.has_ports ? e->flow.sport : 0;
	n->dport = e->flow.has_ports ? e->flow.dport : 0;
}

static void notify(struct iftask *f, const struct npu_event *e)
{
	bool of_address = e->kind == NPU_EV_UNKNOWN_SPI || e->kind == NPU_EV_KEEPALIVES_IN;
	struct iftask_sa *sa = of_address ? NULL : iftask_map_get(f, e->spi);
	Envelope env = ENVELOPE__INIT;
	SaNotice n = SA_NOTICE__INIT;
	char dst[24];

	if (!sa && !of_address && e->kind != NPU_EV_NO_SA)
		return;
	if (e->kind == NPU_EV_NO_SA && !place_serves_maps(e->instance))
		return; /* of a service: only its peers set tunnels up */
	if (e->kind == NPU_EV_PATH)
		sa->remote = e->remote;
	n.what = notice_of(e->kind);
	n.spi_in = e->spi;
	n.remote_addr.data = (uint8_t *)(uintptr_t)e->remote.addr.bytes;
	n.remote_addr.len = net_addr_len(&e->remote.addr);
	n.remote_port = e->remote.port;
	if (sa) {
		n.packets = sa->npu.esp->in.packets + sa->npu.esp->out.packets;
		n.bytes = sa->npu.esp->in.bytes + sa->npu.esp->out.bytes;
	}
	if (e->kind == NPU_EV_NO_SA)
		fill_flow(&n, e);
	n.ctx = e->ctx;
	if (e->kind == NPU_EV_KEEPALIVES_IN)
		n.packets = e->in;
	if (of_address) {
		n.dst.data = (uint8_t *)(uintptr_t)e->local.addr.bytes;
		n.dst.len = net_addr_len(&e->local.addr);
	}
	n.excerpt.data = (uint8_t *)(uintptr_t)e->excerpt;
	n.excerpt.len = e->excerpt_len;
	snprintf(dst, sizeof(dst), "ipsecmgr/%u", e->instance);
	env.body_case = ENVELOPE__BODY_SA_NOTICE;
	env.sa_notice = &n;
	f->notices++;
	task_send(f->t, dst, &env);
}

void iftask_mark_events(struct iftask *f)
{
	struct unit *u = NULL;
	struct npu_event *e;

	while (f->npu && (e = npu_event_next(f->npu))) {
		if (e->kind == NPU_EV_BATCH)
			iftask_sa_batch_done(f, e->batch);
		else if (e->kind == NPU_EV_MARK)
			u = add_mark(f, u, e);
		else
			notify(f, e);
		free(e);
	}
	if (u)
		submit(f, u);
}
