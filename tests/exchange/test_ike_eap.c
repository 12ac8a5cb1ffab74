/* SPDX-License-Identifier: MIT */
/*
 * IKE_AUTH by EAP between two engines (RFC 7296 section 2.16) and the device's identity (chapter 28): the
 * authentication server and the user's end of EAP are this file, so every answer, lie and silence of theirs
 * is an input. Each branch: with a key and without, refused, silent, late, malformed, out of place.
 */
#include <criterion/criterion.h>

#include "ike/ike_auth.h"
#include "ike_world.h"
#include "tests/pki_make.h"

#define GW   (&w->n[0])
#define PEER (&w->n[1])

enum { REQUEST = 1, RESPONSE = 2, SUCCESS = 3, FAILURE = 4 };
enum { IDENTITY = 1, MD5 = 4, MSCHAPV2 = 26 };

static struct world *w;

/* The server's mind, and what it heard. */
static struct {
	uint8_t method, rounds, msk_len, len_lie;
	bool refuse, mute, silent, plain, late;
	const char *user; /* whom it accepts; NULL: it does not say */
	char identity[64];
	unsigned asked;
	struct ike_device device; /* as told with the last packet */
	struct ike_eap_act waiting;
} aaa;

/* The user's. */
static struct {
	bool wrong_key, wrong_id, gives_up;
	unsigned asked;
	uint8_t code; /* of its answers; 0: RESPONSE */
} user;

static const uint8_t msk[65] = {1, 2, 3, 4, 5, 6, 7, 8};

static size_t packet(uint8_t *out, uint8_t code, uint8_t id, uint8_t type, const void *data, size_t len)
{
	size_t n = 4 + (type ? 1 : 0) + len;

	out[0] = code;
	out[1] = id;
	out[2] = (uint8_t)(n >> 8);
	out[3] = (uint8_t)n;
	if (type)
		out[4] = type;
	if (len)
		memcpy(out + 5, data, len);
	return n;
}

static void tell(struct w_node *n, uint64_t ref, const struct ike_eap_result *r)
{
	cr_assert_eq(ike_engine_eap_answer(n->e, w->now, ref, r), 0);
	cr_expect_eq(ike_engine_eap_answer(n->e, w->now, ref, r) == 0, false, "asked once, answered once");
}

static void server_says(struct w_node *n, const struct ike_eap_act *a)
{
	uint8_t out[128], round = a->state_len ? a->state[0] : 0, id = (uint8_t)(a->pkt[1] + 1);
	struct ike_eap_result r = {.pkt = out, .state = &round, .state_len = 1};

	cr_assert_eq(a->pkt[0], RESPONSE);
	if (!round) {
		cr_assert_eq(a->pkt[4], IDENTITY);
		memcpy(aaa.identity, a->pkt + 5, a->len - 5);
	}
	round++;
	if (aaa.mute) {
		r = (struct ike_eap_result){.outcome = IKE_EAP_NO_ANSWER};
	} else if (aaa.refuse && round > aaa.rounds) {
		r.outcome = IKE_EAP_FAILURE;
		r.len = aaa.plain ? 0 : packet(out, FAILURE, a->pkt[1], 0, NULL, 0);
	} else if (round > aaa.rounds) {
		r.outcome = IKE_EAP_SUCCESS;
		r.msk = msk;
		r.msk_len = aaa.msk_len;
		r.user = (const uint8_t *)aaa.user;
		r.user_len = aaa.user ? strlen(aaa.user) : 0;
		r.len = aaa.plain ? 0 : packet(out, SUCCESS, a->pkt[1], 0, NULL, 0);
	} else {
		r.len = packet(out, REQUEST, id, aaa.method, "challenge", 9);
		out[3] = (uint8_t)(out[3] + aaa.len_lie);
	}
	tell(n, a->ref, &r);
}

static void server(struct w_node *n, const struct ike_eap_act *a)
{
	cr_assert_str_eq(a->policy, "tmpl");
	aaa.asked++;
	aaa.device = a->device;
	aaa.waiting = *a;
	if (!aaa.silent)
		server_says(n, a);
}

static void user_says(struct w_node *n, const struct ike_eap_act *a)
{
	uint8_t out[128], code = user.code ? user.code : RESPONSE, id = a->pkt[1];
	struct ike_eap_result r = {.pkt = out};

	user.asked++;
	if (user.wrong_id)
		id++;
	if (user.gives_up) {
		r = (struct ike_eap_result){.outcome = IKE_EAP_FAILURE, .why = "no password"};
	} else if (a->pkt[0] == SUCCESS) {
		r.outcome = IKE_EAP_SUCCESS;
		r.msk = user.wrong_key ? msk + 1 : msk;
		r.msk_len = aaa.msk_len;
	} else if (a->pkt[0] == FAILURE) {
		r.outcome = IKE_EAP_FAILURE;
	} else if (a->pkt[4] == IDENTITY) {
		r.len = packet(out, code, id, IDENTITY, "alice", 5);
	} else {
		r.len = packet(out, code, id, a->pkt[4], "response", 8);
	}
	tell(n, a->ref, &r);
}

static void setup(void)
{
	w = w_new();
	memset(&aaa, 0, sizeof(aaa));
	memset(&user, 0, sizeof(user));
	aaa.method = MSCHAPV2;
	aaa.rounds = 2;
	aaa.msk_len = 64;
	GW->eap = server;
	PEER->eap = user_says;
	GW->policy.auth[0] = (struct ike_auth_set){.remote_eap = true};
	PEER->policy.auth[0] = (struct ike_auth_set){.local_eap = true};
	for (int i = 0; i < 2; i++) {
		w->n[i].policy.n_auth = 1;
		w->n[i].policy.payload[0].assign_address = true;
		w->n[i].commit = W_LATER;
	}
	GW->policy.ask_session = true;
	GW->policy.device_id = true;
	net_addr_parse(&GW->result.addr, "172.16.0.9");
	GW->result.callid = 0x00100001;
}

static void teardown(void)
{
	w_free(w);
}

TestSuite(ike_eap, .init = setup, .fini = teardown, .timeout = 60);

static void go(void)
{
	w_boot(w);
	w_initiate(w);
	w_run(w, 2 * W_US);
}

/* An identity that says nothing of a user: the gateway asks. */
static void no_nai(void)
{
	ike_id_parse(&PEER->policy.local_id, "10.0.0.2");
}

static void came_up(void)
{
	struct ike_sa_view v;

	cr_assert_eq(w_matched(w), 1);
	cr_assert_eq(GW->events[IKE_EV_UP], 1);
	cr_assert_eq(GW->sessions_asked, 1);
	cr_assert_eq(GW->events[IKE_EV_SETUP_FAILED] + PEER->events[IKE_EV_SETUP_FAILED], 0);
	cr_assert(w_sa(GW, &v));
	cr_expect_eq(v.eap_method, aaa.method);
	cr_expect_eq(v.callid, 0x00100001);
	cr_assert(w_sa(PEER, &v));
	cr_expect(net_addr_equal(&v.inner, &GW->result.addr));
}

static void failed(enum ike_reason reason, const char *why)
{
	cr_assert_eq(w_established(GW), 0);
	cr_assert_eq(w_established(PEER), 0);
	cr_assert_eq(GW->events[IKE_EV_SETUP_FAILED], 1);
	cr_expect_eq(GW->last[IKE_EV_SETUP_FAILED].reason, reason, "%s",
	             ike_reason_name(GW->last[IKE_EV_SETUP_FAILED].reason));
	cr_assert(GW->last[IKE_EV_SETUP_FAILED].detail);
	cr_expect_str_eq(GW->last[IKE_EV_SETUP_FAILED].detail, why);
	cr_expect_eq(GW->sessions_asked, 0);
	cr_expect_eq(w_rows(GW) + w_rows(PEER), 0);
	cr_expect_eq(GW->cnt.curestsa, 0);
	cr_expect_eq(GW->cnt.curconnsa, 0);
	cr_expect_eq(GW->cnt.auth_p1fail, 1);
}

/* ---- it works ---- */

Test(ike_eap, with_a_key)
{
	go();
	came_up();
	cr_expect_str_eq(aaa.identity, "peer@example.net", "the NAI of IDi");
	cr_expect_eq(aaa.asked, 3);
	cr_expect_eq(GW->cnt.auth_eap_id_req_sent, 0);
	cr_expect_eq(GW->cnt.attempt_eap_mschapv2_auth_method, 1);
	cr_expect_eq(GW->cnt.success_eap_mschapv2_auth_method, 1);
	cr_expect_eq(GW->cnt.failure_eap_mschapv2_auth_method, 0);
	cr_expect_eq(GW->cnt.current_eap_mschapv2_auth_method, 1);
	cr_expect_eq(GW->cnt.half_open_timer_stop, 1);
}

/* The key is that of the method, or with MD5 none: AUTH of both sides must still be right. */
Test(ike_eap, without_a_key)
{
	aaa.method = MD5;
	aaa.msk_len = 0;
	go();
	came_up();
	cr_expect_eq(GW->cnt.success_eap_md5_auth_method, 1);
}

Test(ike_eap, identity_is_asked_for)
{
	no_nai();
	go();
	came_up();
	cr_expect_str_eq(aaa.identity, "alice");
	cr_expect_eq(GW->cnt.auth_eap_id_req_sent, 1);
	cr_expect_eq(GW->cnt.auth_eap_id_rsp_rcvd, 1);
	cr_expect_eq(user.asked, 4);
}

/* ---- who it is ---- */

static const char *unwanted;

static int admit(void *arg, const char *policy, const struct ike_id *peer, const char **why)
{
	char name[IKE_ID_MAX];

	(void)arg, (void)policy;
	*why = "on the list";
	return unwanted && !strcmp(ike_id_format(peer, name, sizeof(name)), unwanted) ? -EACCES : 0;
}

static void is_called(const char *name)
{
	struct ike_sa_view v;
	char text[IKE_ID_MAX];

	came_up();
	cr_assert(w_sa(GW, &v));
	cr_expect_str_eq(ike_id_format(&v.peer_id, text, sizeof(text)), name);
}

/* IDi is what the peer would like to be called: whom EAP proves counts. */
Test(ike_eap, the_user_is_the_one_that_is_proven)
{
	no_nai();
	go();
	is_called("alice");
}

Test(ike_eap, the_server_knows_best_who_it_is)
{
	aaa.user = "bob@example.net";
	go();
	is_called("bob@example.net");
}

Test(ike_eap, a_listed_user_under_another_name)
{
	no_nai();
	unwanted = "alice";
	w_boot(w);
	GW->e->cb.admit = admit;
	w_initiate(w);
	w_run(w, 2 * W_US);
	failed(IKE_R_AUTH_FAILED, "on the list");
	cr_expect_eq(GW->cnt.list_auth_refused, 1);
	cr_expect_eq(aaa.asked, 0);
}

Test(ike_eap, a_listed_user_under_a_pseudonym)
{
	unwanted = aaa.user = "mallory@example.net";
	w_boot(w);
	GW->e->cb.admit = admit;
	w_initiate(w);
	w_run(w, 2 * W_US);
	failed(IKE_R_AUTH_FAILED, "on the list");
}

Test(ike_eap, server_without_a_last_word)
{
	aaa.plain = true;
	go();
	came_up();
}

/* The gateway's own proof by certificate; its first answer is in fragments, as it is long. */
Test(ike_eap, gateway_by_certificate)
{
	struct mk root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL),
	          gw = mk_cert(&(struct mk_want){.cn = "gw", .san = "DNS:gw.example.net"}, &root);
	const struct mk *own = &gw;
	struct pki_trust *trust = mk_trust((const struct mk *[]){&root}, 1);

	GW->policy.own = mk_own(&own, 1, NULL);
	GW->policy.auth[0].local_cert = true;
	PEER->policy.trust = trust;
	PEER->policy.auth[0].remote_cert = true;
	for (int i = 0; i < 2; i++) {
		w->n[i].policy.mtu4 = 400;
		w->n[i].policy.psk_len = 0;
	}
	go();
	came_up();
	cr_expect(GW->cnt.tx_fragments > 1);
	cr_expect_eq(GW->cnt.success_local_cert_auth_method, 1);
	pki_own_unref(GW->policy.own);
	pki_trust_unref(trust);
	mk_free(&gw);
	mk_free(&root);
}

/* Peers by key and peers by EAP at one template. */
Test(ike_eap, beside_another_way)
{
	GW->policy.auth[1] = GW->policy.auth[0];
	GW->policy.auth[0] = (struct ike_auth_set){.remote_eap = false};
	GW->policy.n_auth = 2;
	go();
	came_up();
	w_free(w);
	setup();
	GW->policy.auth[1] = GW->policy.auth[0];
	GW->policy.auth[0] = (struct ike_auth_set){.remote_eap = false};
	GW->policy.n_auth = 2;
	PEER->policy.n_auth = 0;
	go();
	cr_assert_eq(w_matched(w), 1);
	cr_expect_eq(aaa.asked, 0);
}

Test(ike_eap, by_key_where_only_eap_counts)
{
	PEER->policy.n_auth = 0;
	go();
	cr_assert_eq(w_established(GW), 0);
	cr_expect_str_eq(GW->last[IKE_EV_SETUP_FAILED].detail, "way to authenticate not configured");
	cr_expect_eq(aaa.asked, 0);
}

Test(ike_eap, where_only_keys_count)
{
	GW->policy.n_auth = 0;
	go();
	cr_assert_eq(w_established(GW), 0);
	cr_expect_str_eq(GW->last[IKE_EV_SETUP_FAILED].detail, "no AUTH payload");
}

/* ---- the server's answers ---- */

Test(ike_eap, refused)
{
	aaa.refuse = true;
	go();
	failed(IKE_R_AUTH_FAILED, "the authentication server refused");
	cr_expect_eq(GW->cnt.failure_eap_mschapv2_auth_method, 1);
	cr_expect_eq(GW->cnt.success_eap_mschapv2_auth_method, 0);
	cr_expect_eq(PEER->last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
}

Test(ike_eap, refused_at_once)
{
	aaa.refuse = true;
	aaa.rounds = 0;
	aaa.plain = true;
	go();
	failed(IKE_R_AUTH_FAILED, "the authentication server refused");
}

Test(ike_eap, nobody_answers)
{
	aaa.mute = true;
	go();
	failed(IKE_R_AUTH_FAILED, "no authentication server answers");
	cr_expect_eq(PEER->cnt.notifrecv_authfail, 1);
}

Test(ike_eap, malformed_answer)
{
	aaa.len_lie = 1;
	go();
	failed(IKE_R_AUTH_FAILED, "answer of the authentication server is malformed");
}

/* The peer asks again meanwhile and hears nothing; each question is asked once. */
Test(ike_eap, slow_server)
{
	no_nai();
	aaa.silent = true;
	go();
	cr_assert_eq(aaa.asked, 1);
	cr_expect(GW->cnt.xchg_dropretransdisc > 0);
	cr_expect_eq(GW->cnt.curconnsa, 1);
	aaa.silent = false;
	server_says(GW, &(struct ike_eap_act){
	                        .ref = aaa.waiting.ref, .pkt = (uint8_t[]){2, 9, 0, 6, 1, 'a'}, .len = 6});
	w_run(w, 2 * W_US);
	came_up();
}

/* The set-up timer ends what never comes; a later answer is for nobody. */
Test(ike_eap, server_too_slow)
{
	uint8_t late[] = {SUCCESS, 1, 0, 4};
	struct ike_eap_result r = {.outcome = IKE_EAP_SUCCESS, .pkt = late, .len = 4};

	aaa.silent = true;
	GW->policy.setup_timer_s = 5;
	go();
	cr_assert_eq(aaa.asked, 1);
	w_run(w, 10 * W_US);
	cr_expect_eq(GW->last[IKE_EV_SETUP_FAILED].reason, IKE_R_SETUP_TIMEOUT);
	cr_expect_eq(GW->cnt.exp_setup, 1);
	cr_expect_eq(ike_engine_eap_answer(GW->e, w->now, aaa.waiting.ref, &r), -ENOENT);
	cr_expect_eq(w_established(GW), 0);
}

/* ---- the peer's ---- */

Test(ike_eap, wrong_key_after_success)
{
	user.wrong_key = true;
	go();
	failed(IKE_R_AUTH_FAILED, "wrong key after EAP");
	cr_expect_eq(GW->cnt.auth_failhash, 1);
	cr_expect_eq(GW->cnt.failure_eap_mschapv2_auth_method, 1);
}

Test(ike_eap, answers_another_question)
{
	user.wrong_id = true;
	go();
	failed(IKE_R_INVALID_SYNTAX, "EAP response to another request");
	cr_expect_eq(GW->cnt.decfail_eappaylen, 1);
}

Test(ike_eap, asks_instead_of_answering)
{
	user.code = REQUEST;
	go();
	failed(IKE_R_INVALID_SYNTAX, "EAP payload is no response");
}

Test(ike_eap, gives_up)
{
	user.gives_up = true;
	go();
	cr_expect_eq(PEER->last[IKE_EV_SETUP_FAILED].reason, IKE_R_AUTH_FAILED);
	cr_expect_str_eq(PEER->last[IKE_EV_SETUP_FAILED].detail, "no password");
	w_run(w, 60 * W_US);
	cr_expect_eq(GW->last[IKE_EV_SETUP_FAILED].reason, IKE_R_SETUP_TIMEOUT);
	cr_expect_eq(GW->cnt.curconnsa, 0);
}

/* A server and a user that never come to an end cost a bounded number of rounds. */
Test(ike_eap, endless)
{
	aaa.rounds = 200;
	go();
	w_run(w, 5 * W_US);
	failed(IKE_R_AUTH_FAILED, "too many rounds of EAP");
	cr_expect_eq(aaa.asked, 1 + IKE_EAP_ROUNDS);
}

static int lossy(struct world *one, int from, const uint8_t *pkt, size_t len, uint64_t *delay)
{
	unsigned *n = one->fate_arg;

	(void)from, (void)pkt, (void)len, (void)delay;
	return ++*n % 3 == 0 ? 1 : *n % 5 == 0 ? 2 : 0;
}

Test(ike_eap, packets_are_lost_and_doubled)
{
	unsigned n = 0;

	w->fate = lossy;
	w->fate_arg = &n;
	go();
	w_run(w, 30 * W_US);
	came_up();
	cr_expect_eq(aaa.asked, 3, "each round is one question");
}

/* ---- failures of ours ---- */

/* Nothing of an exchange under way is kept: the peer's next message is of an SA nobody knows. What is up is.
 */
Test(ike_eap, restart_under_way_and_after)
{
	struct ike_sa_view v;

	PEER->policy.setup_timer_s = 5;
	aaa.silent = true;
	go();
	cr_expect_eq(w_rows(GW), 0);
	w_kill(GW);
	w_restore(GW);
	w_run(w, 20 * W_US);
	cr_assert_eq(w_established(GW), 0);
	cr_expect_eq(PEER->events[IKE_EV_SETUP_FAILED], 1);
	memset(PEER->events, 0, sizeof(PEER->events));
	aaa.silent = false;
	w_initiate(w);
	w_run(w, 2 * W_US);
	cr_assert_eq(w_matched(w), 1);
	w_kill(GW);
	memset(&GW->cnt, 0, sizeof(GW->cnt));
	w_restore(GW);
	w_run(w, W_US);
	cr_assert(w_sa(GW, &v));
	cr_expect_eq(v.eap_method, MSCHAPV2);
	cr_expect_eq(GW->cnt.current_eap_mschapv2_auth_method, 1);
	cr_assert_eq(w_matched(w), 1);
}

Test(ike_eap, rekey_keeps_who_it_is)
{
	struct ike_device mine;
	struct ike_sa_view v;

	ike_device_parse(&mine, "3520990017614823");
	w_boot(w);
	ike_engine_initiate(PEER->e, w->now,
	                    &(struct ike_initiate){.policy = "tmpl", .path = w_path(500), .device = &mine},
	                    NULL);
	w_run(w, 2 * W_US);
	cr_assert(w_sa(GW, &v));
	ike_engine_rekey_ike(GW->e, w->now, v.spi);
	w_run(w, 2 * W_US);
	cr_assert(w_sa(GW, &v));
	cr_assert_eq(v.rekeys, 1);
	cr_expect_eq(v.eap_method, MSCHAPV2);
	cr_expect_str_eq(v.device.digits, "3520990017614823");
	cr_expect_eq(GW->cnt.current_eap_mschapv2_auth_method, 1);
}

/* ---- the device ---- */

static void go_as(const char *digits)
{
	struct ike_device mine = {0};

	if (digits)
		cr_assert_eq(ike_device_parse(&mine, digits), 0);
	w_boot(w);
	cr_assert_eq(ike_engine_initiate(
	                     PEER->e, w->now,
	                     &(struct ike_initiate){.policy = "tmpl", .path = w_path(500), .device = &mine},
	                     NULL),
	             0);
	w_run(w, 2 * W_US);
}

static void device_is(const char *digits, uint8_t type)
{
	struct ike_sa_view v;

	came_up();
	cr_assert(w_sa(GW, &v));
	cr_expect_str_eq(v.device.digits, digits);
	cr_expect_eq(v.device.type, type);
	cr_expect_str_eq(aaa.device.digits, digits, "told to the server");
	cr_expect_str_eq(GW->session.device.digits, digits, "told with the session");
	cr_expect_eq(GW->cnt.notifpaysent_deviceid, 1);
	cr_expect_eq(GW->cnt.notifpayrecv_deviceid, 1);
}

Test(ike_eap, imei)
{
	go_as("352099001761481");
	device_is("352099001761481", IKE_DEVICE_IMEI);
}

Test(ike_eap, imeisv_survives_a_restart)
{
	struct ike_sa_view v;

	no_nai();
	go_as("3520990017614823");
	device_is("3520990017614823", IKE_DEVICE_IMEISV);
	w_kill(GW);
	w_restore(GW);
	cr_assert(w_sa(GW, &v));
	cr_expect_str_eq(v.device.digits, "3520990017614823");
	cr_expect_eq(v.device.type, IKE_DEVICE_IMEISV);
}

/* The peer tells it again and again while the server thinks: it was told once. */
Test(ike_eap, device_told_to_a_slow_server)
{
	no_nai();
	aaa.silent = true;
	go_as("3520990017614823");
	cr_assert_eq(aaa.asked, 1);
	cr_assert(GW->cnt.xchg_dropretransdisc > 0);
	cr_expect_eq(GW->cnt.notifpayrecv_deviceid, 1);
}

Test(ike_eap, device_keeps_silent)
{
	go_as(NULL);
	came_up();
	cr_expect_eq(GW->cnt.notifpaysent_deviceid, 1);
	cr_expect_eq(GW->cnt.notifpayrecv_deviceid, 0);
	cr_expect_eq(aaa.device.type, IKE_DEVICE_NONE);
}

Test(ike_eap, device_is_not_asked_for)
{
	GW->policy.device_id = false;
	go_as("352099001761481");
	came_up();
	cr_expect_eq(GW->cnt.notifpaysent_deviceid, 0);
	cr_expect_eq(GW->cnt.notifpayrecv_deviceid, 0);
}

/* One round has no room for the question (chapter 28). */
Test(ike_eap, device_is_not_asked_for_in_one_round)
{
	GW->policy.n_auth = PEER->policy.n_auth = 0;
	go_as("352099001761481");
	cr_assert_eq(w_matched(w), 1);
	cr_expect_eq(GW->cnt.notifpaysent_deviceid, 0);
}

/* In the configuration payload the peer tells it by itself, in the attribute whose number both know: it is
 * not asked. */
Test(ike_eap, device_in_a_private_attribute)
{
	struct ike_sa_view v;

	GW->policy.imei_attribute = PEER->policy.imei_attribute = 16391;
	go_as("352099001761481");
	came_up();
	cr_assert(w_sa(GW, &v));
	cr_expect_str_eq(v.device.digits, "352099001761481");
	cr_expect_str_eq(aaa.device.digits, "352099001761481", "told to the server");
	cr_expect_str_eq(GW->session.device.digits, "352099001761481", "told with the session");
	cr_expect_eq(GW->cnt.notifpaysent_deviceid, 0);
}

Test(ike_eap, device_in_an_attribute_of_another_number)
{
	GW->policy.imei_attribute = 16391;
	PEER->policy.imei_attribute = 16392;
	go_as("3520990017614823");
	device_is("3520990017614823", IKE_DEVICE_IMEISV); /* asked for, as ever */
}

Test(ike_eap, device_in_a_private_attribute_in_one_round)
{
	struct ike_sa_view v;

	GW->policy.n_auth = PEER->policy.n_auth = 0;
	GW->policy.imei_attribute = PEER->policy.imei_attribute = 32767;
	go_as("3520990017614823");
	cr_assert_eq(w_matched(w), 1);
	cr_assert(w_sa(GW, &v));
	cr_expect_str_eq(v.device.digits, "3520990017614823");
	cr_expect_eq(v.device.type, IKE_DEVICE_IMEISV);
	w_kill(GW);
	w_restore(GW);
	cr_assert(w_sa(GW, &v));
	cr_expect_str_eq(v.device.digits, "3520990017614823");
}

/* Whatever stands in it: what is no identity is ignored, the tunnel is not harmed. */
Test(ike_eap, hostile_private_attributes)
{
	static const struct {
		const char *what;
		uint8_t data[40];
		size_t len;
		const char *digits;
	} row[] = {
	        {"no payload", {0}, 0, ""},
	        {"no attribute", {1, 0, 0, 0}, 4, ""},
	        {"half an attribute", {1, 0, 0, 0, 0x40, 0x07, 0}, 7, ""},
	        {"a value that ends early", {1, 0, 0, 0, 0x40, 0x07, 0, 9, 1, 2, 3}, 11, ""},
	        {"nothing in it", {1, 0, 0, 0, 0x40, 0x07, 0, 0}, 8, ""},
	        {"letters",
	         "\1\0\0\0\x40\x07\0\x0f"
	         "35209900176148x",
	         23, ""},
	        {"zeros", {1, 0, 0, 0, 0x40, 0x07, 0, 16}, 24, ""},
	        {"14 digits",
	         "\1\0\0\0\x40\x07\0\x0e"
	         "35209900176148",
	         22, ""},
	        {"a bad octet",
	         {1, 0, 0, 0, 0x40, 0x07, 0, 8, 0x5a, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1},
	         16,
	         ""},
	        {"a reply",
	         {2, 0, 0, 0, 0x40, 0x07, 0, 8, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1},
	         16,
	         ""},
	        {"15 digits",
	         "\1\0\0\0\x40\x07\0\x0f"
	         "352099001761481",
	         23, "352099001761481"},
	        {"an IMEI behind another attribute",
	         {1, 0, 0, 0, 0, 3, 0, 0, 0x40, 0x07, 0, 8, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1},
	         20,
	         "352099001761481"},
	        {"an IMEISV with the reserved bit",
	         {1, 0, 0, 0, 0xc0, 0x07, 0, 8, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0x32},
	         16,
	         "3520990017614823"},
	};
	struct ike_sa *sa;

	GW->policy.imei_attribute = 16391;
	go();
	sa = GW->e->sas;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint8_t *copy =
		        malloc(row[i].len + !row[i].len); /* not one byte more for who reads too far */
		struct ike_msg m = {.cp = {row[i].len ? copy : NULL, row[i].len}};
		struct ike_rx rx = {.e = GW->e, .sa = sa, .m = &m};

		memcpy(copy, row[i].data, row[i].len);
		sa->device = (struct ike_device){0};
		ike_device_take_attribute(&rx);
		cr_expect_str_eq(sa->device.digits, row[i].digits, "%s", row[i].what);
		free(copy);
	}
}

/* What a hostile device tells: each is counted, none is taken, and the user is not to blame. */
Test(ike_eap, hostile_identities)
{
	static const struct {
		const char *what;
		uint8_t data[16];
		size_t len;
		bool good;
	} row[] = {
	        {"nothing", {0}, 0, false},
	        {"no type", {0, 0}, 2, false},
	        {"a question", {0, 1, 2}, 3, true},
	        {"a question of an unknown type", {0, 1, 3}, 3, false},
	        {"type 0", {0, 9, 0, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1}, 11, false},
	        {"unknown type", {0, 9, 3, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1}, 11, false},
	        {"length too small", {0, 8, 1, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1}, 11, false},
	        {"length too large", {1, 9, 1, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1}, 11, false},
	        {"cut off", {0, 8, 1, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84}, 10, false},
	        {"too long", {0, 10, 2, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0x11, 0x11}, 12, false},
	        {"a letter", {0, 9, 1, 0x5a, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1}, 11, false},
	        {"no end mark", {0, 9, 1, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0x11}, 11, false},
	        {"an end mark in an IMEISV",
	         {0, 9, 2, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1},
	         11,
	         false},
	        {"an IMEI", {0, 9, 1, 0x53, 0x02, 0x99, 0x00, 0x71, 0x16, 0x84, 0xf1}, 11, true},
	};
	struct ike_msg m = {.n_notify = 1, .notify[0] = {.type = IKE_N_DEVICE_IDENTITY}};
	uint64_t wrong = 0;
	struct ike_sa *sa;
	struct ike_rx rx;

	go();
	sa = GW->e->sas;
	rx = (struct ike_rx){.e = GW->e, .sa = sa, .m = &m};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		m.notify[0].data = (struct ike_buf){row[i].data, row[i].len};
		wrong += !row[i].good;
		ike_device_take(&rx);
		cr_expect_eq(GW->cnt.decfail_notifpaylen, wrong, "%s", row[i].what);
		cr_expect_eq(sa->device.type != 0, i + 1 == sizeof(row) / sizeof(row[0]), "%s", row[i].what);
	}
	cr_expect_str_eq(sa->device.digits, "352099001761481");
}

Test(ike_eap, digits)
{
	struct ike_device d = {0};

	cr_expect_eq(ike_device_parse(&d, "35209900176148"), -EINVAL);
	cr_expect_eq(ike_device_parse(&d, "35209900176148100"), -EINVAL);
	cr_expect_eq(ike_device_parse(&d, "35209900176148x"), -EINVAL);
	cr_expect_eq(ike_device_parse(&d, "352099001761481"), 0);
	cr_expect_str_eq(ike_device_type_name(d.type), "IMEI");
}
