/* SPDX-License-Identifier: MIT */
/*
 * The ipsecctrl process itself on a bus (task_rig.h), with hatsystem, sct, srp and a srdb that may refuse
 * played by the test: which managers crypto maps need is told when it is stored, and not before.
 */
#include <errno.h>

#include "store/store.h"
#include "tests/exchange/task_config.h"
#include "tests/exchange/task_rig.h"

static struct peer srdb, srp, sct, hat;
static struct store_writer *store;
static int refuse; /* what srdb says of rows; 0: it stores them */
static unsigned refused, stored, told;
static size_t managers; /* that hatsystem was told last */

static const char lines[] = "config\nrequire session recovery\ncontext a -noconfirm\n"
                            "ip access-list x\npermit ip any any\n#exit\n"
                            "interface i\nip address 192.0.2.1 255.255.255.0\ncrypto-map m\n#exit\n"
                            "crypto map m ikev2-ipv4\npeer 192.0.2.7\nmatch address x\n#exit\n#exit\nend\n";

static void respond(struct peer *p, Envelope *env, uint64_t id, const char *ret)
{
	env->kind = ENVELOPE__KIND__RESPONSE;
	env->id = id;
	cr_assert_eq(bus_client_send(p->client, ret, env), 0);
}

static void srdb_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	CkptAck ack = CKPT_ACK__INIT;
	Status s = STATUS__INIT;

	if (in->body_case != ENVELOPE__BODY_CKPT_WRITE)
		return;
	if (refuse) {
		refused++;
		s.code = refuse;
		s.text = (char *)(uintptr_t) "disk full";
		env.body_case = ENVELOPE__BODY_STATUS;
		env.status = &s;
	} else {
		stored++;
		env.body_case = ENVELOPE__BODY_CKPT_ACK;
		env.ckpt_ack = &ack;
	}
	respond(p, &env, in->id, ret);
}

static void srp_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;

	if (in->body_case != ENVELOPE__BODY_SHOW)
		return;
	r.json = (char *)(uintptr_t) "{\"state\":\"None\",\"epoch\":0}";
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	respond(p, &env, in->id, ret);
}

static void hat_rx(struct peer *p, const Envelope *in, const char *ret)
{
	if (in->body_case != ENVELOPE__BODY_MANAGERS_WANTED)
		return;
	told++;
	managers = in->managers_wanted->n_managers;
}

static void setup(void)
{
	struct store_batch *b;
	int err;

	rig.profile = "chassis/profiles/asr5500-lab.profile";
	rig_setup("ipsecctrl");
	store = store_open_writer(rig.dir, STORE_STATE, NULL, &err);
	cr_assert(store);
	b = store_batch_new(store); /* what is required, since this boot */
	cr_assert_eq(store_batch_ckpt(b, &(struct store_ckpt){.kind = "rm",
	                                                      .key = "require",
	                                                      .owner = "ipsecctrl/0",
	                                                      .blob = "0 0 1 0 0 0",
	                                                      .len = 11}),
	             0);
	cr_assert_eq(store_submit(store, b, 0, NULL, NULL), 0);
	cr_assert_eq(store_flush(store, 0), 0);
	rig_configure(lines);
	rig_peer(&srdb, "p-srdb", "srdb/0", NULL);
	rig_peer(&srp, "p-srp", "srp/0", NULL);
	rig_peer(&hat, "p-hat", "hatsystem/0", NULL);
	rig_peer(&sct, "p-sct", "sct/0", NULL);
	srdb.rx = srdb_rx;
	srp.rx = srp_rx;
	hat.rx = hat_rx;
}

static void teardown(void)
{
	if (!store)
		return;
	rig_peer_close(&srdb);
	rig_peer_close(&srp);
	rig_peer_close(&hat);
	rig_peer_close(&sct);
	store_close_writer(store);
	rig_teardown();
}

TestSuite(ipsecctrl_task, .init = setup, .fini = teardown, .timeout = 60);

Test(ipsecctrl_task, a_manager_is_wanted_when_that_is_stored)
{
	rig_start("boot1");
	RIG_WAIT(managers == 1);
	cr_expect_geq(stored, 2, "its row and the map's");
}

/* Another ipsecctrl would give the map to another manager, whose SPIs begin otherwise. */
Test(ipsecctrl_task, what_the_store_refuses_is_told_to_nobody)
{
	refuse = -ENOSPC;
	rig_start("boot1");
	RIG_WAIT(refused >= 4); /* both rows, and both again */
	cr_expect_eq(managers, 0);
	refuse = 0;
	RIG_WAIT(managers == 1);
	cr_expect_eq(stored, 2);
}
