/* SPDX-License-Identifier: MIT */
/*
 * The ipsecmgr process itself on a bus (task_rig.h), with bus clients as srdb and srp: what it waits for
 * before it takes over what one of its number has stored. The engine behind it has its own tests (test_ike_*,
 * test_ipsecmgr_*).
 */
#include <jansson.h>

#include "base/clock.h"
#include "base/pack.h"
#include "ike/ike.h"
#include "store/store.h"
#include "tests/exchange/task_config.h"

#define ROW_VERSION 6 /* of lib/ike/ike_ckpt.c */

static struct peer srdb, srp, sct, sessmgr;
static struct store_writer *store;
static uint64_t asked; /* whether all is stored: the question's number */
static char asker[40];
static unsigned epoch; /* of srp; 0: there is no redundancy */
static bool answers;
static unsigned deletes;
static char deleted[64]; /* the row that was deleted last */

static void respond(struct peer *p, Envelope *env, uint64_t id, const char *ret)
{
	env->kind = ENVELOPE__KIND__RESPONSE;
	env->id = id;
	cr_assert_eq(bus_client_send(p->client, ret, env), 0);
}

static void all_is_stored(void)
{
	Envelope env = ENVELOPE__INIT;
	CkptAck ack = CKPT_ACK__INIT;

	env.body_case = ENVELOPE__BODY_CKPT_ACK;
	env.ckpt_ack = &ack;
	respond(&srdb, &env, asked, asker);
}

static void srdb_rx(struct peer *p, const Envelope *in, const char *ret)
{
	if (in->body_case != ENVELOPE__BODY_CKPT_WRITE)
		return;
	for (size_t i = 0; i < in->ckpt_write->n_rows; i++)
		if (in->ckpt_write->rows[i]->deleted) {
			deletes++;
			snprintf(deleted, sizeof(deleted), "%s %s", in->ckpt_write->rows[i]->kind,
			         in->ckpt_write->rows[i]->key);
		}
	if (in->ckpt_write->n_rows)
		return;
	asked = in->id;
	snprintf(asker, sizeof(asker), "%s", ret);
	if (answers)
		all_is_stored();
}

static void srp_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;
	char json[60];

	snprintf(json, sizeof(json), "{\"state\":\"%s\",\"epoch\":%u}", epoch ? "Active" : "None", epoch);
	r.json = json;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	if (in->body_case == ENVELOPE__BODY_SHOW)
		respond(p, &env, in->id, ret);
}

static void setup(void)
{
	int err;

	rig.instance = 3;
	rig.profile = "chassis/profiles/asr5500-lab.profile";
	rig_setup("ipsecmgr");
	store = store_open_writer(rig.dir, STORE_STATE, NULL, &err);
	cr_assert(store);
	store_close_writer(store_open_writer(rig.dir, STORE_CONFIG, NULL, &err));
	rig_peer(&srp, "p-srp", "srp/0", NULL);
	srp.rx = srp_rx;
	srdb.rx = srdb_rx;
}

static void teardown(void)
{
	if (!store)
		return;
	if (srdb.client)
		rig_peer_close(&srdb);
	if (sct.client)
		rig_peer_close(&sct);
	if (sessmgr.client)
		rig_peer_close(&sessmgr);
	rig_peer_close(&srp);
	store_close_writer(store);
	rig_teardown();
}

TestSuite(ipsecmgr_task, .init = setup, .fini = teardown, .timeout = 60);

Test(ipsecmgr_task, it_restores_when_all_that_was_sent_is_stored)
{
	rig_peer(&srdb, "p-srdb", "srdb/0", NULL);
	rig.pid = rig_spawn("ipsecmgr", 3, "boot1");
	RIG_WAIT(asked);
	RIG_WAIT(rig.ticks >= 50);
	cr_assert(!rig.ready, "it restored what may still change");
	all_is_stored();
	RIG_WAIT(rig.ready);
}

Test(ipsecmgr_task, it_does_not_wait_for_a_srdb_that_is_not_there)
{
	rig.pid = rig_spawn("ipsecmgr", 3, "boot1");
	RIG_WAIT(rig.ready);
	cr_expect_lt(rig.ticks, 1000, "two seconds");
}

Test(ipsecmgr_task, it_does_not_wait_for_ever)
{
	rig_peer(&srdb, "p-srdb", "srdb/0", NULL);
	rig.pid = rig_spawn("ipsecmgr", 3, "boot1");
	RIG_WAIT(rig.ready);
	cr_expect(asked);
}

/* --- what is restored --- */

/* The beginning of a row of this SPI, by the policy "c/w". */
static void row(uint64_t spi)
{
	struct net_addr a = net_addr_v4(0x0a000001);
	struct store_batch *b = store_batch_new(store);
	uint8_t blob[200];
	char key[IKE_KEY_LEN];
	struct store_ckpt ck = {.kind = "ikesa", .key = key, .owner = "ipsecmgr/3", .blob = blob};
	struct pack_writer w;

	pack_writer_init(&w, blob, sizeof(blob));
	pack_put_u8(&w, ROW_VERSION);
	pack_put_u8(&w, IKE_ST_ESTABLISHED);
	pack_put_u16(&w, 0);
	pack_put_u64(&w, spi);
	pack_put_u64(&w, 1);
	pack_put_str(&w, "c/w");
	pack_put_u32(&w, 2);
	for (unsigned i = 0; i < 2; i++) {
		pack_put_u8(&w, 4);
		pack_put_bytes(&w, a.bytes, 4);
		pack_put_u16(&w, 500);
	}
	snprintf(key, sizeof(key), "%016llx", (unsigned long long)spi);
	ck.len = w.len;
	cr_assert_eq(store_batch_ckpt(b, &ck), 0);
	cr_assert_eq(store_submit(store, b, 0, NULL, NULL), 0);
	cr_assert_eq(store_flush(store, 0), 0);
}

/* Start it, until it has said all it has to say about the rows. */
static void start(void)
{
	answers = true;
	rig_peer(&srdb, "p-srdb", "srdb/0", NULL);
	rig.pid = rig_spawn("ipsecmgr", 3, "boot1");
	RIG_WAIT(rig.ready);
	rig_round_trip(&srdb, "ike-sa");
}

/* The call of a tunnel would stay for ever, with its address. */
Test(ipsecmgr_task, a_tunnel_goes_with_a_service_that_went_while_it_was_away)
{
	row(0x0300000000000001);
	start();
	cr_assert_eq(deletes, 1);
	cr_assert_str_eq(deleted, "ikesa 0300000000000001");
}

/* A crypto map of its name is no service. */
Test(ipsecmgr_task, a_tunnel_goes_with_a_service_where_a_map_has_its_name)
{
	rig_configure("config\ncontext c -noconfirm\ncrypto map w ikev2-ipv4\n#exit\n#exit\nend\n");
	row(0x0300000000000001);
	start();
	cr_assert_eq(deletes, 1);
	cr_assert_str_eq(deleted, "ikesa 0300000000000001");
}

Test(ipsecmgr_task, a_tunnel_stays_whose_service_can_not_be_used)
{
	rig_configure("config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n#exit\n"
	              "wsg-service w\nbind address 10.0.0.1 crypto-template t\n#exit\n#exit\nend\n");
	row(0x0300000000000001);
	start();
	cr_assert_eq(deletes, 0);
}

/* It may be the other one's. */
Test(ipsecmgr_task, a_tunnel_stays_where_another_chassis_may_serve_it)
{
	epoch = 2;
	row(0x0300000000000001);
	start();
	cr_assert_eq(deletes, 0);
}

/* --- a tunnel that waits for its service --- */

#define CALLID 0x00100001 /* of sessmgr 1 */

static struct {
	struct ike_engine *gw, *peer;
	uint8_t pkt[4000], blob[8000];
	size_t len, blob_len;
	char key[IKE_KEY_LEN];
	uint32_t spi_in;
} w;

static void w_random(void *arg, void *buf, size_t len)
{
	random_bytes(buf, len);
}

/* Either engine's: what it sends waits in pkt; what the gateway stores is durable at once. */
static void w_txn(void *arg, const struct ike_txn *txn)
{
	for (unsigned i = 0; i < txn->n; i++) {
		const struct ike_action *a = &txn->actions[i];

		if (a->kind == IKE_ACT_SEND) {
			w.len = a->send.len;
			memcpy(w.pkt, a->send.pkt, w.len);
		} else if (a->kind == IKE_ACT_CKPT_PUT) {
			w.blob_len = a->ckpt.len;
			memcpy(w.blob, a->ckpt.blob, w.blob_len);
			snprintf(w.key, sizeof(w.key), "%s", a->ckpt.key);
		} else if (a->kind == IKE_ACT_CHILD_ADD && arg == &w.gw) {
			w.spi_in = a->child.spi_in;
		} else if (a->kind == IKE_ACT_NEED_SESSION) {
			struct ike_session_result r = {.callid = CALLID};

			cr_assert_eq(ike_engine_address_assigned(w.gw, 1000000, a->session.ref, &r), 0);
		}
	}
	if (txn->durable)
		ike_engine_committed(w.gw, 1000000, txn->id);
}

static struct ike_engine *engine(unsigned instance, bool gateway)
{
	struct ike_engine_config cfg = {.instance = (uint8_t)instance, .volatile_only = !gateway};
	struct ike_callbacks cb = {.txn = w_txn, .random = w_random};
	struct ike_engine *e = ike_engine_new(&cfg, &cb, gateway ? (void *)&w.gw : &w.peer, 1000000);
	struct ike_policy p = {.name = "c/w", .n_ike = 1, .n_payload = 1, .psk_len = 3, .psk = "psk"};

	p.ask_session = gateway;
	p.ctx_id = gateway ? 2 : 0; /* c is the second context */
	snprintf(p.payload[0].name, sizeof(p.payload[0].name), "p");
	p.ike[0] = (struct ike_suite){IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96,
	                              IKE_GROUP_X25519, 0};
	p.payload[0].esp[p.payload[0].n_esp++] = (struct ike_suite){IKE_ENCR_AES_GCM_16, 128, 0, 0, 0, 0};
	cr_assert(e);
	cr_assert_eq(ike_engine_policy_put(e, &p), 0);
	return e;
}

static void store_row(const char *kind, const char *key, const void *blob, size_t len)
{
	struct store_ckpt ck = {.kind = kind, .key = key, .owner = "ipsecmgr/3", .blob = blob, .len = len};
	struct store_batch *b = store_batch_new(store);

	cr_assert_eq(store_batch_ckpt(b, &ck), 0);
	cr_assert_eq(store_submit(store, b, 0, NULL, NULL), 0);
	cr_assert_eq(store_flush(store, 0), 0);
}

/* The row of a tunnel by "c/w", and the mark of its child. */
static void tunnel_row(void)
{
	struct ike_initiate in = {.policy = "c/w"};
	struct ike_path there = {.ctx_id = 2, .local.port = 500, .remote.port = 500};
	char mark[9];

	memset(&w, 0, sizeof(w));
	net_addr_parse(&in.path.local.addr, "10.0.0.2");
	net_addr_parse(&in.path.remote.addr, "10.0.0.1");
	in.path.local.port = in.path.remote.port = 500;
	there.local.addr = in.path.remote.addr;
	there.remote.addr = in.path.local.addr;
	w.gw = engine(3, true);
	w.peer = engine(9, false);
	cr_assert_eq(ike_engine_initiate(w.peer, 1000000, &in, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		ike_engine_input(w.gw, 1000000, &there, w.pkt, w.len);
		ike_engine_input(w.peer, 1000000, &in.path, w.pkt, w.len);
	}
	cr_assert(w.blob_len && w.spi_in, "no tunnel came up");
	store_row("ikesa", w.key, w.blob, w.blob_len);
	snprintf(mark, sizeof(mark), "%08x", w.spi_in);
	store_row("espseq", mark, "x", 1);
	ike_engine_free(w.gw);
	ike_engine_free(w.peer);
}

/* sct has these lines now. */
static void reconfigure(const char *lines)
{
	Envelope env = ENVELOPE__INIT;
	ConfigChanged c = CONFIG_CHANGED__INIT;

	rig_configure(lines);
	c.reload = true;
	env.body_case = ENVELOPE__BODY_CONFIG_CHANGED;
	env.config_changed = &c;
	rig_tell(&sct, &env);
}

/* What the task shows of one number of its IKE SAs. */
static long shown(const char *name)
{
	json_t *j;
	long n;

	rig_round_trip(&srdb, "ike-sa");
	j = json_loads(srdb.last->show_reply->json, 0, NULL);
	n = (long)json_integer_value(json_object_get(j, name));
	json_decref(j);
	return n;
}

static void until(const char *name, long value)
{
	for (unsigned i = 0; i < 200 && shown(name) != value; i++)
		RIG_WAIT(rig.ticks >= 25);
	cr_assert_eq(shown(name), value);
}

#define SERVICE(auth, bind)                                                                                  \
	"config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\n" auth                               \
	"payload p match childsa\n#exit\n#exit\nwsg-service w\n" bind "#exit\n#exit\nend\n"
/* A service whose template can't be used; one without template. */
#define FROZEN(bind)                                                                                         \
	"config\ncontext c -noconfirm\ncrypto template t ikev2-dynamic\nikev2-ikesa transform-set list "     \
	"none\n"                                                                                             \
	"payload p match childsa\nipsec transform-set list none\n#exit\n#exit\nwsg-service w\n" bind         \
	"#exit\n#exit\nend\n"
#define BARE(bind) "config\ncontext c -noconfirm\nwsg-service w\n" bind "#exit\n#exit\nend\n"
#define KEY        "authentication local pre-shared-key key psk\nauthentication remote pre-shared-key key psk\n"
#define BIND       "bind address 10.0.0.1 crypto-template t\n"

/* Started while its template has no way to authenticate, and its payload none of its algorithms. */
static void start_frozen(void)
{
	rig_peer(&sct, "p-sct", "sct/0", NULL);
	rig_configure(FROZEN(BIND));
	tunnel_row();
	start();
	cr_assert_eq(shown("established"), 1);
	cr_assert_eq(shown("children"), 1);
	cr_assert_eq(deletes, 0, "neither the tunnel nor the mark of its child");
}

Test(ipsecmgr_task, a_tunnel_is_restored_though_its_service_can_not_be_used)
{
	start_frozen();
	reconfigure(FROZEN("duplicate-session-detection\n" BIND));
	RIG_WAIT(rig.ticks >= 100);
	cr_expect_eq(shown("established"), 1);
	reconfigure(SERVICE(KEY, BIND));
	RIG_WAIT(rig.ticks >= 100);
	cr_expect_eq(shown("established"), 1);
	cr_expect_eq(shown("children"), 1);
	cr_expect_eq(deletes, 0);
}

static void deleting(void)
{
	until("established", 0);
	rig_round_trip(&srdb, "ike-sa");
	cr_expect(strstr(srdb.last->show_reply->json, "DELETING"), "its peer is told: %s",
	          srdb.last->show_reply->json);
}

Test(ipsecmgr_task, it_ends_with_its_service)
{
	start_frozen();
	reconfigure(FROZEN(""));
	deleting();
}

/* Started while there is no template at all. */
static void start_waiting(void)
{
	rig_peer(&sct, "p-sct", "sct/0", NULL);
	rig_configure(BARE(BIND));
	tunnel_row();
	start();
	cr_assert_eq(shown("waiting"), 1, "it is seen");
	cr_assert_eq(shown("established"), 0);
	cr_assert_eq(deletes, 0, "neither the tunnel nor the mark of its child");
}

Test(ipsecmgr_task, a_tunnel_that_waits_is_restored_when_its_service_can_be_used)
{
	start_waiting();
	reconfigure(BARE("duplicate-session-detection\n" BIND));
	RIG_WAIT(rig.ticks >= 100);
	cr_expect_eq(shown("waiting"), 1, "another change is none of its");
	reconfigure(SERVICE(KEY, BIND));
	until("established", 1);
	cr_expect_eq(shown("waiting"), 0);
	cr_expect_eq(shown("children"), 1);
	cr_expect_eq(deletes, 0);
}

Test(ipsecmgr_task, a_tunnel_that_waits_ends_with_its_service)
{
	start_waiting();
	reconfigure(BARE(""));
	until("waiting", 0);
	deleting();
}

/* --- a tunnel without a session --- */

static int answer_up; /* of the sessmgr that is told of a tunnel */
static unsigned ups;

static void sessmgr_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	Status s = STATUS__INIT;

	if (in->body_case != ENVELOPE__BODY_SESSION_STATE)
		return;
	if (in->session_state->what == SESSION_STATE__WHAT__UP) {
		cr_expect_eq(in->session_state->callid, (uint32_t)CALLID);
		ups++;
		s.code = answer_up;
	}
	s.text = (char *)(uintptr_t) "";
	env.body_case = ENVELOPE__BODY_STATUS;
	env.status = &s;
	respond(p, &env, in->id, ret);
}

static void restore_with_session(int answer)
{
	answer_up = answer;
	rig_configure(SERVICE(KEY, BIND));
	tunnel_row();
	rig_peer(&sessmgr, "p-sessmgr", "sessmgr/1", NULL);
	sessmgr.rx = sessmgr_rx;
	start();
	RIG_WAIT(ups);
}

/* Its predecessor died before it heard that the call is over. */
Test(ipsecmgr_task, a_restored_tunnel_ends_whose_call_is_over)
{
	restore_with_session(-ENOENT);
	until("established", 0);
	cr_expect(strstr(srdb.last->show_reply->json, "DELETING"), "its peer is told: %s",
	          srdb.last->show_reply->json);
}

Test(ipsecmgr_task, a_restored_tunnel_stays_whose_call_is_there)
{
	restore_with_session(0);
	rig_round_trip(&srdb, "ike-sa");
	cr_expect_eq(shown("established"), 1);
	cr_expect_eq(ups, 1);
}

static void swap(const char *from, const char *to)
{
	char a[160], b[160];

	snprintf(a, sizeof(a), "%s/%s", rig.dir, from);
	snprintf(b, sizeof(b), "%s/%s", rig.dir, to);
	cr_assert_eq(rename(a, b), 0);
}

/* Tunnels that can't be read are not tunnels that are gone. */
Test(ipsecmgr_task, a_store_that_can_not_be_read_is_read_again)
{
	char path[160];
	FILE *f;
	int err;

	store_close_writer(store);
	swap("state.db", "kept.db");
	snprintf(path, sizeof(path), "%s/state.db", rig.dir);
	f = fopen(path, "w");
	cr_assert(f);
	for (unsigned i = 0; i < 200; i++)
		fputs("this is no store at all, whoever reads it\n", f);
	fclose(f);
	answers = true;
	rig_peer(&srdb, "p-srdb", "srdb/0", NULL);
	rig.pid = rig_spawn("ipsecmgr", 3, "boot1");
	RIG_WAIT(asked);
	RIG_WAIT(rig.ticks >= 500);
	cr_assert(!rig.ready, "it serves without its tunnels");
	swap("kept.db", "state.db");
	RIG_WAIT(rig.ready);
	store = store_open_writer(rig.dir, STORE_STATE, NULL, &err);
}
