/* SPDX-License-Identifier: MIT */
/*
 * The IKE engine as responder alone: an initiator engine and a responder engine face to face in one thread,
 * packets handed over in memory, checkpoints built and committed at once. CPU time of the responder's entry
 * points only, per tunnel (IKE SA with its first child SA, RFC 7296 sections 1.2 and 2.19), heap the
 * responder holds per tunnel, size of a checkpoint row, and CPU time of bringing a tunnel back from its row;
 * one JSON line per Diffie-Hellman group. Argument: tunnels per group (default 5000).
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/schemas.h"
#include "ike/ike.h"

#define QUEUE 64

struct packet {
	struct ike_path path;
	size_t len;
	uint8_t data[4096];
	bool to_responder;
};

struct row {
	char key[IKE_KEY_LEN];
	uint8_t *blob;
	size_t len;
};

struct side {
	struct bench *b;
	struct ike_engine *e;
	struct counters_ikev2 counters;
	bool responder;
};

struct bench {
	struct side initiator, responder;
	struct packet queue[QUEUE];
	unsigned head, tail;
	uint64_t now, cpu_us;
	struct row *rows;
	unsigned n_rows, max_rows;
	uint32_t next_addr;
	unsigned ups;
};

static const struct {
	uint16_t group;
	const char *name;
} groups[] = {{IKE_GROUP_X25519, "x25519"},
              {IKE_GROUP_ECP256, "ecp256"},
              {IKE_GROUP_MODP2048, "modp2048"},
              {IKE_GROUP_MODP1024, "modp1024"}};

static void die(const char *what)
{
	fprintf(stderr, "bench_ike: %s\n", what);
	exit(1);
}

static void random_cb(void *arg, void *buf, size_t len)
{
	random_bytes(buf, len);
}

/* What leaves one engine is for the other one: local and remote change places. */
static void queue_packet(struct side *s, const struct ike_send_act *a)
{
	struct bench *b = s->b;
	struct packet *p = &b->queue[b->tail++ % QUEUE];

	if (b->tail - b->head > QUEUE || a->len > sizeof(p->data))
		die("more packets in flight than expected");
	p->path = (struct ike_path){
	        .ctx_id = 1, .local = a->path.remote, .remote = a->path.local, .natt = a->path.natt};
	p->len = a->len;
	p->to_responder = !s->responder;
	memcpy(p->data, a->pkt, a->len);
}

static void assign(struct side *s, const struct ike_session_act *a)
{
	struct ike_session_result r = {.callid = ++s->b->next_addr};

	r.addr = net_addr_v4(0x0a000000 + s->b->next_addr);
	ike_engine_address_assigned(s->e, s->b->now, a->ref, &r);
}

/* Keep the row as the store would: the last one of a key. Rows of one tunnel come one after the other here.
 */
static void keep_row(struct bench *b, const struct ike_ckpt_act *a)
{
	struct row *r = b->n_rows ? &b->rows[b->n_rows - 1] : NULL;

	if (!r || strcmp(r->key, a->key)) {
		if (b->n_rows == b->max_rows)
			die("more rows than tunnels");
		r = &b->rows[b->n_rows++];
		memcpy(r->key, a->key, sizeof(r->key));
	}
	free(r->blob);
	r->blob = malloc(a->len);
	if (!r->blob)
		die("out of memory");
	memcpy(r->blob, a->blob, a->len);
	r->len = a->len;
}

static void txn_cb(void *arg, const struct ike_txn *txn)
{
	struct side *s = arg;
	uint64_t id = txn->id;
	bool durable = txn->durable;

	for (unsigned i = 0; i < txn->n; i++) {
		const struct ike_action *a = &txn->actions[i];

		if (a->kind == IKE_ACT_SEND)
			queue_packet(s, &a->send);
		else if (a->kind == IKE_ACT_NEED_SESSION)
			assign(s, &a->session);
		else if (a->kind == IKE_ACT_CKPT_PUT && s->b->rows)
			keep_row(s->b, &a->ckpt);
		else if (a->kind == IKE_ACT_EVENT && a->event.kind == IKE_EV_UP && s->responder)
			s->b->ups++;
	}
	if (durable)
		ike_engine_committed(s->e, s->b->now, id);
}

static void fill_policy(struct ike_policy *p, uint16_t group, bool responder)
{
	*p = (struct ike_policy){.name = "segw",
	                         .payload[0].name = "ue",
	                         .ctx_id = 1,
	                         .n_ike = 1,
	                         .payload[0].n_esp = 1,
	                         .ask_session = responder,
	                         .payload[0].assign_address = true,
	                         .psk = "orrery-bench",
	                         .psk_len = 12,
	                         .ike_lifetime_s = 86400,
	                         .payload[0].lifetime_s = 86400};
	p->ike[0] = (struct ike_suite){
	        IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA2_256, IKE_INTEG_HMAC_SHA2_256_128, group, 0};
	p->payload[0].esp[0] = (struct ike_suite){IKE_ENCR_AES_GCM_16, 128, 0, IKE_INTEG_NONE, 0, 0};
	ike_id_parse(&p->local_id, responder ? "segw.orrery.example" : "enb");
}

static void open_side(struct bench *b, struct side *s, uint16_t group, bool responder)
{
	static struct ike_policy p;
	struct ike_engine_config cfg = {
	        .instance = responder ? 1 : 2, .volatile_only = !responder, .counters = &s->counters};
	struct ike_callbacks cb = {.txn = txn_cb, .random = random_cb};

	s->b = b;
	s->responder = responder;
	s->e = ike_engine_new(&cfg, &cb, s, b->now);
	fill_policy(&p, group, responder);
	if (!s->e || ike_engine_policy_put(s->e, &p))
		die("the engine refuses its policy");
}

static void deliver(struct bench *b)
{
	while (b->head != b->tail) {
		struct packet *p = &b->queue[b->head++ % QUEUE];
		struct side *s = p->to_responder ? &b->responder : &b->initiator;
		uint64_t start = p->to_responder ? clock_cpu_us() : 0;

		ike_engine_input(s->e, b->now, &p->path, p->data, p->len);
		if (p->to_responder)
			b->cpu_us += clock_cpu_us() - start;
	}
}

static void set_up(struct bench *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct ike_initiate in = {.policy = "segw"};
		char text[32];
		struct ike_id id;

		snprintf(text, sizeof(text), "enb-%u", i);
		ike_id_parse(&id, text);
		in.local_id = &id;
		in.path.ctx_id = 1;
		in.path.local = (struct net_endpoint){net_addr_v4(0x64400000 + i), 500};
		in.path.remote = (struct net_endpoint){net_addr_v4(0xc0000201), 500};
		if (ike_engine_initiate(b->initiator.e, b->now, &in, NULL))
			die("the initiator refuses to start");
		deliver(b);
		b->now += US_PER_MS;
	}
}

static void restore(struct bench *b, uint16_t group)
{
	uint64_t start;

	open_side(b, &b->responder, group, true);
	start = clock_cpu_us();
	for (unsigned i = 0; i < b->n_rows; i++) {
		const char *why = "";

		if (ike_engine_restore(b->responder.e, b->now, b->rows[i].key, b->rows[i].blob,
		                       b->rows[i].len, &why))
			die(why);
	}
	b->cpu_us = clock_cpu_us() - start;
	ike_engine_free(b->responder.e);
}

static size_t heap_used(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void run(uint16_t group, const char *name, unsigned n)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct ike_engine_stats st;
	size_t heap, row_bytes = 0;
	uint64_t setup_us;

	if (!b || !(b->rows = calloc(n, sizeof(*b->rows))))
		die("out of memory");
	b->max_rows = n;
	b->now = clock_wall_us();
	open_side(b, &b->initiator, group, false);
	open_side(b, &b->responder, group, true);
	set_up(b, n);
	setup_us = b->cpu_us;
	ike_engine_stats_get(b->responder.e, &st);
	heap = heap_used();
	ike_engine_free(b->responder.e);
	heap -= heap_used();
	for (unsigned i = 0; i < b->n_rows; i++)
		row_bytes += b->rows[i].len;
	if (st.established != n || b->ups != n || b->n_rows != n)
		die("not every tunnel came up");
	restore(b, group);
	printf("{\"bench\":\"ike\",\"group\":\"%s\",\"tunnels\":%u,\"responder_us_per_tunnel\":%.1f,"
	       "\"heap_bytes_per_tunnel\":%zu,\"row_bytes\":%zu,\"restore_us_per_tunnel\":%.1f}\n",
	       name, n, (double)setup_us / n, heap / n, row_bytes / n, (double)b->cpu_us / n);
	fflush(stdout);
	ike_engine_free(b->initiator.e);
	for (unsigned i = 0; i < b->n_rows; i++)
		free(b->rows[i].blob);
	free(b->rows);
	free(b);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 5000;

	for (size_t i = 0; n && i < sizeof(groups) / sizeof(groups[0]); i++)
		run(groups[i].group, groups[i].name, n);
	return 0;
}
