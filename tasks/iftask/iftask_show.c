/* SPDX-License-Identifier: MIT */
/*
 * Shows of the data path: "iftask" (the crypto core, sockets, totals), "iftask sa" (every SA with its
 * counters, paged) and "iftask traffic" (what SAs carried, a short row each; args: the inbound SPIs wanted).
 * Counters are read while the worker writes them: each is one aligned word.
 */
#include "tasks/iftask/iftask.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "show/show.h"

static json_t *endpoint(const struct net_endpoint *e)
{
	char buf[NET_ENDPOINT_STRLEN];

	return json_string(net_endpoint_format(e, buf, sizeof(buf)));
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *counter_tree(const struct counters_esp *c)
{
	const struct counter_schema *s = &counters_schema_esp;
	json_t *o = json_object();
	size_t i;

	for (i = 0; c && i < s->nrows; i++)
		json_object_set_new(o, s->rows[i].name, number(counter_read(c, &s->rows[i])));
	return o;
}

static json_t *binds(const struct iftask *f)
{
	const struct iftask_bind *b;
	json_t *list = json_array();
	char text[NET_ADDR_STRLEN];

	for (b = f->binds; b; b = b->next)
		json_array_append_new(list, json_pack("{s:i, s:i, s:s}", "context", (int)b->ctx, "instance",
		                                      (int)b->instance, "address",
		                                      net_addr_format(&b->addr, text, sizeof(text))));
	return list;
}

/* {"user", "system"} in percent of the core over a span; NULL: not known yet. */
static json_t *core_use(const struct iftask *f, unsigned span_s)
{
	const struct npu_stats *s = npu_stats(f->npu);
	double user, system;

	if (!rate_over(&f->core, clock_now_us(), iftask_user_us(s), s->sys_us, span_s * US_PER_SEC, &user,
	               &system))
		return NULL;
	return json_pack("{s:f, s:f}", "user", user / 1e4, "system", system / 1e4);
}

static json_t *show_summary(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct iftask *f = &iftask;
	const struct npu_stats *s = npu_stats(f->npu);
	json_t *o = json_object();
	json_t *core = json_object();

	json_object_set_new(o, "card", number(t->card));
	json_object_set_new(o, "sas", number(f->n_sas));
	json_object_set_new(core, "core", number(0));
	json_object_set_new(core, "cpu_us", number(s->cpu_us));
	json_object_set_new(core, "loops", number(s->loops));
	json_object_set_new(core, "sas", number(s->sas));
	json_object_set_new(core, "now", core_use(f, 0));
	json_object_set_new(core, "5min", core_use(f, 300));
	json_object_set_new(core, "15min", core_use(f, 900));
	json_object_set_new(o, "crypto_core", core);
	json_object_set_new(o, "ike_in", number(s->ike_in));
	json_object_set_new(o, "ike_out", number(s->ike_out));
	json_object_set_new(o, "ike_lost", number(s->ike_lost));
	json_object_set_new(o, "keepalives_sent", number(s->keepalives_out));
	json_object_set_new(o, "tun_lost", number(s->tun_lost));
	json_object_set_new(o, "marks_written", number(f->marks_written));
	json_object_set_new(o, "marks_refused", number(f->marks_refused));
	json_object_set_new(o, "marks_pending", number(ckpt_pending(f->ckpt)));
	json_object_set_new(o, "updates", number(f->batches));
	json_object_set_new(o, "notices", number(f->notices));
	json_object_set_new(o, "services", binds(f));
	json_object_set_new(o, "counters", counter_tree(f->esp));
	return o;
}

static json_t *drops_tree(const struct esp_sa *e)
{
	json_t *o = json_object();
	int i;

	for (i = 1; i < ESP_REASONS; i++)
		if (e->drops[i])
			json_object_set_new(o, esp_reason_name((enum esp_reason)i), number(e->drops[i]));
	return o;
}

static json_t *selectors(const struct esp_ts *ts, size_t n)
{
	json_t *list = json_array();
	char lo[NET_ADDR_STRLEN];
	char hi[NET_ADDR_STRLEN];
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:i}", "first",
		                                      net_addr_format(&ts[i].lo, lo, sizeof(lo)), "last",
		                                      net_addr_format(&ts[i].hi, hi, sizeof(hi)), "protocol",
		                                      ts[i].proto, "port_first", ts[i].port_lo, "port_last",
		                                      ts[i].port_hi));
	return list;
}

static json_t *half_tree(const struct esp_half *h, uint64_t now)
{
	json_t *o = json_object();

	json_object_set_new(o, "spi", show_format("%08x", h->spi));
	json_object_set_new(o, "packets", number(h->packets));
	json_object_set_new(o, "bytes", number(h->bytes));
	json_object_set_new(o, "idle_sec",
	                    h->last_us ? number((now - h->last_us) / US_PER_SEC) : json_null());
	return o;
}

static json_t *sa_tree(const struct iftask_sa *sa, uint64_t now)
{
	const struct esp_sa *e = sa->npu.esp;
	json_t *o = json_object();
	json_t *in = half_tree(&e->in, now);
	json_t *out = half_tree(&e->out, now);

	json_object_set_new(in, "highest", number(e->replay.top));
	json_object_set_new(in, "window", number(e->replay.window));
	json_object_set_new(out, "sequence", number(e->seq));
	json_object_set_new(out, "mark", number(e->seq_limit));
	json_object_set_new(out, "waits_for_peer", json_boolean(e->out_wait));
	json_object_set_new(o, "context", number(sa->npu.ctx));
	json_object_set_new(o, "instance", number(sa->npu.instance));
	json_object_set_new(o, "local", endpoint(&sa->local));
	json_object_set_new(o, "remote", endpoint(&sa->remote));
	json_object_set_new(o, "udp_encapsulation", json_boolean(sa->encap));
	json_object_set_new(o, "cipher", json_string(esp_alg_encr_name(e->encr, e->encr_bits)));
	json_object_set_new(o, "hmac", json_string(esp_alg_integ_name(e->integ)));
	json_object_set_new(o, "extended_sequence", json_boolean(e->esn));
	json_object_set_new(o, "age_sec", number((now - sa->since_us) / US_PER_SEC));
	json_object_set_new(o, "in", in);
	json_object_set_new(o, "out", out);
	json_object_set_new(o, "drops", drops_tree(e));
	json_object_set_new(o, "local_selectors", selectors(e->ts_local, e->n_local));
	json_object_set_new(o, "remote_selectors", selectors(e->ts_remote, e->n_remote));
	return o;
}

static json_t *show_sas(struct task *t, struct show_page *page, char *err, size_t size)
{
	json_t *o = json_object();
	json_t *list = json_array();
	uint64_t now = clock_now_us();
	struct iftask_sa *sa;
	size_t pos = 0;

	while ((sa = iftask_map_next(&iftask, &pos)))
		if (show_wanted(page))
			json_array_append_new(list, sa_tree(sa, now));
	json_object_set_new(o, "sas", list);
	return o;
}

/* Drops towards the peer are those of sealing; all others met packets from it. */
static uint64_t drops_sum(const struct esp_sa *e, bool out)
{
	uint64_t n = 0;

	for (int i = 1; i < ESP_REASONS; i++)
		if ((i == ESP_DROP_SEQ_LIMIT || i == ESP_DROP_SEQ_EXHAUSTED || i == ESP_DROP_ROOM) == out)
			n += e->drops[i];
	return n;
}

/* Seconds without a packet in either direction; an SA that has had none counts from its installation. */
static uint64_t idle_us(const struct iftask_sa *sa, uint64_t now)
{
	uint64_t last = sa->since_us;

	last = sa->npu.esp->in.last_us > last ? sa->npu.esp->in.last_us : last;
	last = sa->npu.esp->out.last_us > last ? sa->npu.esp->out.last_us : last;
	return now > last ? now - last : 0;
}

static json_t *traffic_row(const struct iftask_sa *sa, uint64_t now)
{
	const struct esp_sa *e = sa->npu.esp;

	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "spi", show_format("%08x", e->in.spi),
	                 "idle_s", (json_int_t)(idle_us(sa, now) / US_PER_SEC), "in_packets",
	                 (json_int_t)e->in.packets, "in_bytes", (json_int_t)e->in.bytes, "out_packets",
	                 (json_int_t)e->out.packets, "out_bytes", (json_int_t)e->out.bytes, "in_dropped",
	                 (json_int_t)drops_sum(e, false), "out_dropped", (json_int_t)drops_sum(e, true));
}

/* args: SPIs as "%08x" with blanks between; "": every SA. */
static json_t *show_traffic(struct task *t, struct show_page *page, char *err, size_t size)
{
	json_t *list = json_array();
	uint64_t now = clock_now_us();
	struct iftask_sa *sa;
	char spi[12];
	size_t pos = 0;

	while ((sa = iftask_map_next(&iftask, &pos))) {
		snprintf(spi, sizeof(spi), "%08x", sa->npu.esp->in.spi);
		if ((!*page->args || strstr(page->args, spi)) && show_wanted(page))
			json_array_append_new(list, traffic_row(sa, now));
	}
	return json_pack("{s:o}", "sas", list);
}

static const struct show_row rows[] = {
        {"iftask", "the crypto core, service addresses and totals of this card", show_summary},
        {"iftask sa", "every ESP SA of this card with its counters", show_sas},
        {"iftask traffic", "what SAs carried, a short row each; args: their SPIs", show_traffic},
};

void iftask_show(struct task *t, const struct bus_msg *m)
{
	show_dispatch(t, m, rows, sizeof(rows) / sizeof(rows[0]));
}
