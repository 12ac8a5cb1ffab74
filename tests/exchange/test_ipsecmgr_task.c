/* SPDX-License-Identifier: MIT */
/*
 * The ipsecmgr process itself on a bus (task_rig.h), with bus clients as srdb and srp: what it waits for
 * before it takes over what one of its number has stored. The engine behind it has its own tests (test_ike_*,
 * test_ipsecmgr_*).
 */
#include "store/store.h"
#include "tests/exchange/task_rig.h"

static struct peer srdb, srp;
static struct store_writer *store;
static uint64_t asked; /* whether all is stored: the question's number */
static char asker[40];

static void respond(struct peer *p, Envelope *env, uint64_t id, const char *ret)
{
	env->kind = ENVELOPE__KIND__RESPONSE;
	env->id = id;
	cr_assert_eq(bus_client_send(p->client, ret, env), 0);
}

static void srdb_rx(struct peer *p, const Envelope *in, const char *ret)
{
	if (in->body_case != ENVELOPE__BODY_CKPT_WRITE || in->ckpt_write->n_rows)
		return;
	asked = in->id;
	snprintf(asker, sizeof(asker), "%s", ret);
}

static void all_is_stored(void)
{
	Envelope env = ENVELOPE__INIT;
	CkptAck ack = CKPT_ACK__INIT;

	env.body_case = ENVELOPE__BODY_CKPT_ACK;
	env.ckpt_ack = &ack;
	respond(&srdb, &env, asked, asker);
}

static void srp_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;

	r.json = (char *)"{\"state\":\"None\",\"epoch\":1}";
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
