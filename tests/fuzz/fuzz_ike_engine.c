/* SPDX-License-Identifier: MIT */
/*
 * Fuzz a whole IKE engine behind its cryptography: raw packets; requests and answers with right keys but
 * fuzzed payloads, in every state that takes them; checkpoint rows. The first octet chooses. Randomness has a
 * fixed seed, time is virtual.
 */
#include "../exchange/ike_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world *w;
static struct w_row rows[2]; /* an established tunnel, seen from both sides */

static int nothing_arrives(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	(void)one, (void)from, (void)pkt, (void)len, (void)delay;
	return 1;
}

static void boot(void)
{
	w = w_new();
	w->n[0].policy.dpd_interval_s = 5;
	w_boot(w);
	w_initiate(w);
	w_run(w, W_US);
	for (int i = 0; i < 2; i++) {
		rows[i] = w->n[i].row[0];
		rows[i].blob = malloc(rows[i].len);
		memcpy(rows[i].blob, w->n[i].row[0].blob, rows[i].len);
		w->n[i].lax = true;
	}
}

/* Both sides as they were after the set-up. */
static void rewind_tunnel(void)
{
	const char *why;
	int err;

	for (int i = 0; i < 2; i++) {
		ike_engine_drop_all(w->n[i].e, w->now, NULL, false);
		w->now += 2000;
		ike_engine_tick(w->n[i].e, w->now);
		while (w->n[i].e->sas) /* those that linger */
			ike_sa_free(w->n[i].e->sas);
		memset(w->n[i].child, 0, sizeof(w->n[i].child));
		w_forget(&w->n[i]);
		w->n[i].rnd = 99 + (unsigned)i;
		w_row_put(&w->n[i],
		          &(struct ike_ckpt_act){.key = "", .blob = rows[i].blob, .len = rows[i].len});
		strcpy(w->n[i].row[0].key, rows[i].key);
		err = ike_engine_restore(w->n[i].e, w->now, rows[i].key, rows[i].blob, rows[i].len, &why);
		if (err) {
			fprintf(stderr, "node %d: %d %s\n", i, err, why);
			abort();
		}
	}
}

static struct ike_path to(int node)
{
	struct ike_path p = w_path(500), q = p;

	if (node)
		return p;
	q.local = p.remote;
	q.remote = p.local;
	return q;
}

/* A chain of payloads from `from`, sealed as its next request or as an answer to what the other one asked. */
static void say(struct ike_sa *from, struct ike_sa *to_sa, int node, uint8_t exchange, bool response,
                uint8_t first, const uint8_t *p, size_t len)
{
	uint8_t out[8192];
	struct ike_build b = {.first = first};
	struct ike_path path = to(node);
	uint8_t buf[4096];
	size_t n;

	pack_writer_init(&b.w, buf, sizeof(buf));
	pack_put_bytes(&b.w, p, len < sizeof(buf) ? len : sizeof(buf));
	n = ike_msg_seal(from, exchange, response, response ? to_sa->send_next : to_sa->recv_next, &b, out,
	                 sizeof(out));
	if (n)
		ike_engine_input(w->n[node].e, w->now, &path, out, n);
}

static struct ike_sa *live(int node)
{
	for (struct ike_sa *sa = w->n[node].e->sas; sa; sa = sa->next)
		if (sa->state != IKE_ST_DEAD)
			return sa;
	return NULL;
}

static void as_request(const uint8_t *data, size_t size)
{
	struct ike_sa *a = live(1), *b = live(0);

	say(a, b, 0, (uint8_t)(IKE_X_SA_INIT + data[0] % 4), false, data[1], data + 2, size - 2);
}

static void as_answer(const uint8_t *data, size_t size)
{
	struct ike_sa *a = live(1), *b = live(0);
	bool info = false;

	switch (data[0] % 6) {
	case 0:
		ike_engine_rekey_child(w->n[0].e, w->now, b->children->spi_in);
		break;
	case 1:
		ike_engine_rekey_ike(w->n[0].e, w->now, b->spi);
		break;
	case 2:
		ike_engine_new_child(w->n[0].e, w->now, b->spi);
		break;
	case 3:
		ike_engine_dpd(w->n[0].e, w->now, b->spi);
		info = true;
		break;
	case 4:
		ike_engine_delete_child(w->n[0].e, w->now, b->children->spi_in);
		info = true;
		break;
	case 5:
		ike_engine_delete_ike(w->n[0].e, w->now, b->spi);
		info = true;
		break;
	}
	if (data[0] & 0x80) /* a request of the peer comes first */
		say(a, b, 0, IKE_X_CREATE_CHILD, false, data[1], data + 2, size - 2);
	if (b->state != IKE_ST_DEAD)
		say(a, b, 0, info ? IKE_X_INFORMATIONAL : IKE_X_CREATE_CHILD, true, data[1], data + 2,
		    size - 2);
}

static void forget_packets(void)
{
	for (unsigned i = 0; i < W_PACKETS; i++) {
		if (w->p[i].used)
			free(w->p[i].pkt);
		w->p[i].used = false;
	}
}

/* IKE_AUTH, both roles: the set-up is real up to the message in question. */
static void as_auth(const uint8_t *data, size_t size)
{
	struct ike_sa *a = NULL, *b = NULL;
	uint64_t spi;

	w->fate = NULL;
	spi = w_initiate(w);
	w_step(w, w->now + 5000); /* the request */
	if (!(data[0] & 1))
		w->fate = nothing_arrives;
	w_step(w, w->now + 5000); /* the answer: node 1 sends IKE_AUTH */
	w->fate = nothing_arrives;
	a = ike_sa_find(w->n[1].e, spi);
	b = a && a->peer_spi ? ike_sa_find(w->n[0].e, a->peer_spi) : NULL;
	if (a && b && a->state == IKE_ST_AUTH_SENT && b->setup && b->peer_spi) {
		if (!b->setup->keyed)
			ike_init_keys(b);
		if (data[0] & 1)
			say(a, b, 0, IKE_X_AUTH, false, data[1], data + 2, size - 2);
		else
			say(b, a, 1, IKE_X_AUTH, true, data[1], data + 2, size - 2);
	}
	forget_packets();
}

/*
 * EAP, both roles: whoever is asked for an answer gives a right one, or fuzzed bytes with a fuzzed outcome;
 * one message of a round may be fuzzed as well. From data[0] on: which message, its exchange's direction, its
 * first payload; then two octets per answer, then the bytes of all of them.
 */
#define EAP_HEAD  8
#define EAP_STEPS 24

static struct {
	const uint8_t *data;
	size_t size;
	unsigned asked;
} eap;

static void eap_answer(struct w_node *n, const struct ike_eap_act *a)
{
	static const uint8_t key[IKE_MSK_MAX] = {1, 2, 3};
	unsigned how = eap.data[2 + eap.asked++ % (EAP_HEAD - 2)];
	uint8_t good[9] = {n->id ? 2 : 1, (uint8_t)(a->pkt[1] + !n->id), 0, 9, 26, 'r', 'i', 'g', 'h'};
	struct ike_eap_result r = {
	        .pkt = good, .len = sizeof(good), .msk = key, .state = key, .state_len = 2};

	if (eap.asked > 2 || a->pkt[0] == 3)
		r.outcome = IKE_EAP_SUCCESS, r.len = 0;
	if (r.outcome == IKE_EAP_SUCCESS)
		r.msk_len = 64;
	if (how & 0x80) {
		r.outcome = how & 3;
		r.pkt = eap.data + EAP_HEAD;
		r.len = eap.size - EAP_HEAD;
		r.msk_len = how & 4 ? eap.size % (sizeof(key) + 1) : 64;
		r.state = r.pkt;
		r.state_len = how & 8 ? eap.size % 64 : 0;
		if (r.state_len > r.len)
			r.state_len = r.len;
	}
	ike_engine_eap_answer(n->e, w->now, a->ref, &r);
	if (how & 0x40)
		ike_engine_eap_answer(n->e, w->now, a->ref, &r);
}

static void eap_policies(bool on)
{
	for (int i = 0; i < 2; i++) {
		struct ike_policy p = w->n[i].policy;

		if (on) {
			p.n_auth = 1;
			p.auth[0] = (struct ike_auth_set){.remote_eap = !i, .local_eap = i};
			p.device_id = true;
		}
		ike_engine_policy_put(w->n[i].e, &p);
		w->n[i].eap = eap_answer;
	}
}

static void as_eap(const uint8_t *data, size_t size)
{
	struct ike_sa *a, *b;
	uint64_t spi;

	if (size <= EAP_HEAD)
		return;
	eap.data = data;
	eap.size = size;
	eap.asked = 0;
	eap_policies(true);
	w->fate = NULL;
	spi = w_initiate(w);
	for (unsigned i = 0; i < EAP_STEPS && w_step(w, w->now + 20000); i++) {
		a = ike_sa_find(w->n[1].e, spi);
		b = a && a->peer_spi ? ike_sa_find(w->n[0].e, a->peer_spi) : NULL;
		if (i != 2u + data[0] % 16 || !a || !b || !b->setup || !b->peer_spi)
			continue;
		if (!b->setup->keyed)
			ike_init_keys(b);
		if (data[0] & 0x80)
			say(a, b, 0, IKE_X_AUTH, false, data[1], data + EAP_HEAD, size - EAP_HEAD);
		else if (a->state == IKE_ST_AUTH_SENT)
			say(b, a, 1, IKE_X_AUTH, true, data[1], data + EAP_HEAD, size - EAP_HEAD);
	}
	forget_packets();
	w->fate = nothing_arrives;
	eap_policies(false);
}

static void as_row(const uint8_t *data, size_t size)
{
	char key[IKE_KEY_LEN];
	uint8_t *copy = malloc(size);

	memcpy(copy, data, size);
	ike_engine_drop_all(w->n[0].e, w->now, NULL, false);
	ike_engine_tick(w->n[0].e, w->now += 2000);
	if (size > 11)
		snprintf(key, sizeof(key), "%02x%02x%02x%02x%02x%02x%02x%02x", data[3], data[4], data[5],
		         data[6], data[7], data[8], data[9], data[10]);
	else
		strcpy(key, rows[0].key);
	ike_engine_restore(w->n[0].e, w->now, key, copy, size, NULL);
	w_forget(&w->n[0]);
	for (struct ike_sa *sa = w->n[0].e->sas; sa; sa = sa->next)
		sa->stored = false; /* the world has no row of it */
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_path path = to(0);

	if (size < 4 || size > 8000)
		return 0;
	if (!w)
		boot();
	w->fate = nothing_arrives;
	rewind_tunnel();
	switch (data[0] < 0xe0 ? data[0] % 5 : 5) {
	case 0:
		ike_engine_input(w->n[0].e, w->now, &path, data + 1, size - 1);
		break;
	case 1:
		as_request(data + 1, size - 1);
		break;
	case 2:
		as_answer(data + 1, size - 1);
		break;
	case 3:
		as_auth(data + 1, size - 1);
		break;
	case 4:
		as_row(data + 1, size - 1);
		break;
	case 5:
		as_eap(data + 1, size - 1);
		break;
	}
	/* Sometimes past a repetition; the wheel walks each of its slots, so not always. */
	w->now += data[size - 1] % 16 ? 2000 : 700000;
	ike_engine_tick(w->n[0].e, w->now);
	ike_engine_tick(w->n[1].e, w->now);
	return 0;
}
