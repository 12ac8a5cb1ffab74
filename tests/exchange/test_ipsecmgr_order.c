/* SPDX-License-Identifier: MIT */
/*
 * Durable before visible: a real initiator engine against ipsecmgr's carrying out of transactions
 * (ipsecmgr_engine.c, compiled into the test) with store, data path and sessmgr played by hand. Nothing may
 * leave towards the peer before the rows are acknowledged and the data path has the SAs; a refused row leaves
 * nothing behind; a lost iftask delays, and a closed engine forgets.
 */
#include <criterion/criterion.h>
#include "ike/ike_wire.h"
#include "tasks/ipsecmgr/ipsecmgr_engine.c"

struct ipsecmgr ipsecmgr;

/* What the code under test asked for. */
static struct {
	unsigned sent, updates, pushes, sessions, ended, ups, rows, taken_back;
	bool ikesa, espseq, call;
	uint64_t mark; /* that iftask is given with the new SA */
	ckpt_cb stored;
	void *stored_arg;
	task_reply_cb data;
	void *data_arg;
	uint64_t ref;
	uint8_t pkt[2000];
	size_t len;
} w;

static struct ike_engine *peer;
static uint8_t to_gw[2000];
static size_t to_gw_len;
static bool peer_up;
static uint16_t peer_told; /* why it has no child */
static struct task task;
static uv_loop_t loop;

/* --- the world around ipsecmgr_engine.c
 * -------------------------------------------------------------------------- */

const struct ipsecmgr_policy *ipsecmgr_cfg_find(const struct ipsecmgr *m, const char *name)
{
	return NULL;
}
int ipsecmgr_secrets_find(const struct ipsecmgr_secrets *s, const struct ike_id *id, uint8_t *out,
                          size_t *len)
{
	return -ENOENT;
}
struct ike_protection ipsecmgr_guard_protection(const struct ipsecmgr *m)
{
	return (struct ike_protection){0};
}
int ipsecmgr_guard_admit(const struct ipsecmgr_policy *p, const struct ike_id *id, const char **why)
{
	return 0;
}
const char *ipsecmgr_vendor_match(struct ipsecmgr *m, const char *policy, const struct ike_vendor_id *id,
                                  unsigned n, unsigned *known)
{
	return NULL;
}
bool ipsecmgr_away_settings(const struct ipsecmgr *m, const char *policy, const struct ike_id *id,
                            uint8_t out[IKE_SETTINGS_LEN])
{
	return false;
}
void ipsecmgr_keep_restored(struct ipsecmgr *m, const struct cfg_tree *tree, const char *policy)
{
}
const struct cfg_tree *config_tree(struct task *t)
{
	return NULL;
}
void ipsecmgr_vendor_restore(struct ipsecmgr *m, const char *name)
{
}
void ipsecmgr_dup_up(struct ipsecmgr *m, const struct ike_event *ev)
{
}
void ipsecmgr_guard_event(struct ipsecmgr *m, const struct ike_event *ev)
{
}
int ckpt_write(struct ckpt *c, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg)
{
	cr_assert_null(w.stored, "two units at once for one SA");
	if (!cb) { /* rows that nobody waits for */
		for (size_t i = 0; i < n; i++) {
			cr_assert_null(rows[i].blob);
			cr_assert(!strcmp(rows[i].kind, "ikesa") || !strcmp(rows[i].kind, "espseq"));
			cr_assert_gt(strlen(rows[i].key), 0);
		}
		w.taken_back += (unsigned)n;
		return 0;
	}
	w.rows = (unsigned)n;
	w.ikesa = w.espseq = w.call = false;
	for (size_t i = 0; i < n; i++) {
		w.ikesa |= !strcmp(rows[i].kind, "ikesa") && rows[i].blob;
		w.espseq |= !strcmp(rows[i].kind, "espseq") && rows[i].blob;
		w.call |= !strcmp(rows[i].kind, "call") && rows[i].blob;
	}
	w.stored = cb;
	w.stored_arg = arg;
	return 0;
}
int ckpt_write_once(struct ckpt *c, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg)
{
	cr_assert(cb, "rows that nobody waits for must not be dropped");
	return ckpt_write(c, rows, n, cb, arg);
}
void ipsecmgr_data_send(struct ipsecmgr *m, const struct ike_send_act *s)
{
	w.sent++;
	w.len = s->len;
	memcpy(w.pkt, s->pkt, s->len);
}
int ipsecmgr_data_add(struct ipsecmgr *m, const struct ike_child_act *a, uint64_t mark)
{
	w.mark = mark;
	return 0;
}
bool ipsecmgr_data_routed(const struct ipsecmgr *m, const struct ike_child_act *a)
{
	return false;
}
int ipsecmgr_peers_key(const struct ipsecmgr_policy *p, const struct net_addr *from, uint8_t *out,
                       size_t *len)
{
	return -ENOENT;
}
bool ipsecmgr_peers_allowed(const struct ipsecmgr_policy *p, const struct net_addr *from)
{
	return true;
}
void ipsecmgr_data_del(struct ipsecmgr *m, uint32_t spi_in)
{
}
void ipsecmgr_data_path(struct ipsecmgr *m, const struct ike_child_act *a)
{
}
int ipsecmgr_data_update(struct ipsecmgr *m, const uint32_t *add, size_t n_add, const uint32_t *del,
                         size_t n_del, task_reply_cb cb, void *arg)
{
	w.updates++;
	w.data = cb;
	w.data_arg = arg;
	return 0;
}
static bool in_push; /* … it was refused */
bool ipsecmgr_push_refused(const struct ipsecmgr *m, uint32_t spi_in)
{
	return in_push;
}
void ipsecmgr_push_all(struct ipsecmgr *m)
{
	m->data.push++;
	w.pushes++;
}
void ipsecmgr_sess_ask(struct ipsecmgr *m, const struct ike_session_act *a)
{
	w.sessions++;
	w.ref = a->ref;
}
const struct ckpt_row *ipsecmgr_sess_row(struct ipsecmgr *m, uint64_t ike_spi)
{
	static const struct ckpt_row row = {"call", "00100001", "sessmgr/1", "x", 1};

	return ike_spi == w.ref ? &row : NULL;
}
void ipsecmgr_sess_stored(struct ipsecmgr *m, uint64_t ike_spi)
{
}
void ipsecmgr_sess_up(struct ipsecmgr *m, uint32_t callid, uint64_t ike_spi)
{
	w.ups++;
}
void ipsecmgr_sess_rekeyed(struct ipsecmgr *m, uint32_t callid, uint64_t ike_spi)
{
}
void ipsecmgr_fetch(struct ipsecmgr *m, const struct ike_cert_act *a)
{
	cr_assert_fail("no certificate is named here");
}
void ipsecmgr_sess_end(struct ipsecmgr *m, uint32_t callid, enum ike_reason reason)
{
	w.ended++;
}
int ipsecmgr_sess_flows(struct ipsecmgr *m, uint32_t ctx, const struct ike_ts *ts, unsigned n, bool del,
                        task_reply_cb cb, void *arg)
{
	return 0;
}
void ipsecmgr_eap_ask(struct ipsecmgr *m, const struct ike_eap_act *a)
{
}
void ipsecmgr_callee_event(struct ipsecmgr *m, const struct ike_event *ev)
{
}
const char *ipsecmgr_data_packet(const uint8_t *packet, size_t len, char buf[IPSECMGR_PACKET_STRLEN])
{
	return "";
}
void ipsecmgr_maps_event(struct ipsecmgr *m, const struct ike_event *ev)
{
}
void ipsecmgr_serve_load(struct ipsecmgr *m, bool always)
{
}

/* --- the peer
 * ----------------------------------------------------------------------------------------------------------
 */

static void peer_txn(void *arg, const struct ike_txn *txn)
{
	for (unsigned i = 0; i < txn->n; i++) {
		const struct ike_action *a = &txn->actions[i];

		if (a->kind == IKE_ACT_SEND) {
			to_gw_len = a->send.len;
			memcpy(to_gw, a->send.pkt, a->send.len);
		} else if (a->kind == IKE_ACT_EVENT && a->event.kind == IKE_EV_UP) {
			peer_up = true;
		} else if (a->kind == IKE_ACT_EVENT && a->event.kind == IKE_EV_CHILD_FAILED) {
			peer_told = a->event.notify;
		}
	}
}

static void fill_policy(struct ike_policy *p, const char *name)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", name);
	snprintf(p->payload[0].name, sizeof(p->payload[0].name), "c");
	p->ike[p->n_ike++] = (struct ike_suite){
	        IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96, IKE_GROUP_X25519, 0};
	p->payload[0].esp[p->payload[0].n_esp++] = (struct ike_suite){IKE_ENCR_AES_GCM_16, 128, 0, 0, 0, 0};
	p->psk_len = 3;
	memcpy(p->psk, "psk", 3);
	p->payload[0].assign_address = true;
}

static struct ike_path path_from(const char *local, const char *remote)
{
	struct ike_path p = {.local.port = 500, .remote.port = 500};

	net_addr_parse(&p.local.addr, local);
	net_addr_parse(&p.remote.addr, remote);
	return p;
}

static void feed_gateway(void)
{
	struct ike_path p = path_from("192.0.2.1", "192.0.2.2");

	ike_engine_input(ipsecmgr.e, ipsecmgr_engine_now(&ipsecmgr), &p, to_gw, to_gw_len);
}

static void feed_peer(void)
{
	struct ike_path p = path_from("192.0.2.2", "192.0.2.1");

	ike_engine_input(peer, clock_wall_us(), &p, w.pkt, w.len);
}

/* Up to the point where the responder has proven the peer and asks for a session. */
static void set_up(void)
{
	struct ike_callbacks cb = {.txn = peer_txn, .random = random_cb};
	struct ike_engine_config cfg = {.instance = 9, .volatile_only = true};
	struct ike_initiate in = {.policy = "peer"};
	static struct ike_policy p;
	struct ipsecmgr *m = &ipsecmgr;

	memset(&w, 0, sizeof(w));
	peer_up = false;
	peer_told = 0;
	uv_loop_init(&loop);
	task.loop = &loop;
	task.instance = 3;
	m->t = &task;
	uv_timer_init(&loop, &m->tick);
	m->tick.data = m;
	cr_assert_eq(ipsecmgr_engine_open(m), 0);
	fill_policy(&p, "gw");
	p.ask_session = true;
	cr_assert_eq(ike_engine_policy_put(m->e, &p), 0);
	peer = ike_engine_new(&cfg, &cb, NULL, clock_wall_us());
	fill_policy(&p, "peer");
	cr_assert_eq(ike_engine_policy_put(peer, &p), 0);
	in.path = path_from("192.0.2.2", "192.0.2.1");
	cr_assert_eq(ike_engine_initiate(peer, clock_wall_us(), &in, NULL), 0);
	feed_gateway();
	cr_assert_eq(w.sent, 1, "IKE_SA_INIT is answered at once: nothing to store");
	cr_assert_null(w.stored);
	feed_peer();
	feed_gateway();
	cr_assert_eq(w.sessions, 1);
}

static void tear_down(void)
{
	if (ipsecmgr.e)
		ipsecmgr_engine_close(&ipsecmgr);
	ike_engine_free(peer);
	uv_close((uv_handle_t *)&ipsecmgr.tick, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	cr_assert_null(ipsecmgr.ops, "every transaction ended");
}

static void assign(void)
{
	struct ike_session_result r = {.callid = 0x00100001, .addr = net_addr_v4(0x0a000001)};

	cr_assert_eq(ike_engine_address_assigned(ipsecmgr.e, ipsecmgr_engine_now(&ipsecmgr), w.ref, &r), 0);
}

static void store(int status)
{
	ckpt_cb cb = w.stored;

	cr_assert_not_null(cb);
	w.stored = NULL;
	cb(&task, w.stored_arg, status, status ? "disk full" : "");
}

static void data_path(int status)
{
	task_reply_cb cb = w.data;

	cr_assert_not_null(cb);
	w.data = NULL;
	cb(&task, w.data_arg, status, NULL);
}

Test(ipsecmgr_order, rows_then_data_path_then_packet)
{
	set_up();
	assign();
	cr_assert(w.ikesa && w.espseq && w.call, "one unit holds the IKE SA, the sequence mark and the call");
	cr_assert_eq(w.rows, 3);
	cr_assert_eq(w.sent, 1, "no answer before the rows are durable");
	cr_assert_eq(w.updates, 0, "no SA in the data path before the rows are durable");
	store(0);
	cr_assert_eq(w.updates, 1);
	cr_assert_eq(w.mark, esp_seq_first_mark(ESP_LANE_ALL),
	             "the mark is durable: iftask need not look for it");
	cr_assert_eq(w.sent, 1, "no answer before the data path has the SAs");
	cr_assert_eq(w.ups, 0);
	data_path(0);
	cr_assert_eq(w.sent, 2);
	cr_assert_eq(w.ups, 1);
	feed_peer();
	cr_assert(peer_up);
	tear_down();
}

Test(ipsecmgr_order, refused_row_leaves_nothing)
{
	struct ike_engine_stats st;

	set_up();
	assign();
	store(-ENOSPC);
	cr_assert_eq(w.sent, 1);
	cr_assert_eq(w.updates, 0);
	cr_assert_eq(w.ended, 1, "the session is given back");
	cr_assert_eq(w.taken_back, 2, "the store may still have the rows: they are deleted behind that");
	ike_engine_stats_get(ipsecmgr.e, &st);
	cr_assert_eq(st.established, 0);
	feed_gateway();
	cr_assert_eq(w.sent, 1, "the peer's repetition is not answered from a set-up that failed");
	tear_down();
}

Test(ipsecmgr_order, lost_data_path_delays)
{
	set_up();
	assign();
	store(0);
	data_path(-EHOSTUNREACH);
	cr_assert_eq(w.pushes, 1, "its successor gets everything");
	cr_assert_eq(w.sent, 1);
	ipsecmgr.data.pushed = ipsecmgr.data.push;
	ipsecmgr_engine_data_ready(&ipsecmgr);
	cr_assert_eq(w.sent, 2);
	feed_peer();
	cr_assert(peer_up);
	tear_down();
}

/* The answer becomes a refusal, which is as durable as the answer would have been. */
static void refused_child(void)
{
	cr_assert_eq(w.sent, 1, "a child that nobody carries is not agreed to");
	cr_assert_eq(w.ups, 0);
	cr_assert(w.ikesa && !w.espseq, "the row without the child");
	store(0);
	cr_assert_eq(w.sent, 1);
	data_path(0);
	cr_assert_eq(w.sent, 2);
	feed_peer();
	cr_expect_eq(peer_told, IKE_N_NO_ADDITIONAL_SAS);
	cr_expect_eq(ipsecmgr.stat.data_failed, 1);
}

Test(ipsecmgr_order, refused_by_the_data_path)
{
	set_up();
	assign();
	store(0);
	data_path(-ENOSPC);
	refused_child();
	tear_down();
}

Test(ipsecmgr_order, refused_with_a_push)
{
	set_up();
	assign();
	store(0);
	data_path(-EHOSTUNREACH);
	cr_assert_eq(w.pushes, 1);
	in_push = true;
	ipsecmgr.stat.data_failed++; /* counted where the push is */
	ipsecmgr.data.pushed = ipsecmgr.data.push;
	ipsecmgr_engine_data_ready(&ipsecmgr);
	in_push = false;
	refused_child();
	tear_down();
}

Test(ipsecmgr_order, closed_engine_says_nothing)
{
	set_up();
	assign();
	ipsecmgr_engine_close(&ipsecmgr);
	store(0);
	cr_assert_eq(w.updates, 0);
	cr_assert_eq(w.sent, 1);
	tear_down();
}

Test(ipsecmgr_order, closed_engine_while_waiting_for_a_push)
{
	set_up();
	assign();
	store(0);
	data_path(-EHOSTUNREACH);
	ipsecmgr_engine_close(&ipsecmgr);
	cr_assert_eq(w.sent, 1);
	tear_down();
}
