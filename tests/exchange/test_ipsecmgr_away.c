/* SPDX-License-Identifier: MIT */
/*
 * Changes of the configuration that are made while the manager of a crypto map is away, and several at once
 * (IPSec Reference chapter 7), with ipsecmgr_change_rig.h.
 */
#include "tests/exchange/ipsecmgr_change_rig.h"

TestSuite(ipsecmgr_away, .init = change_setup, .fini = change_teardown, .timeout = 300);

/* What is changed while the manager is away is as if it were changed when it is back. */
Test(ipsecmgr_away, critical_lines_while_the_manager_is_away)
{
	each_line(true, true);
}

Test(ipsecmgr_away, without_the_command_it_stays_as_it_is_while_the_manager_is_away)
{
	each_line(false, true);
}

/* A change that the tunnel outlived, as nobody wanted it to end then, is over: no death of a manager ends it.
 */
Test(ipsecmgr_away, what_was_outlived_ends_nothing_later)
{
	char *off = configuration(false), *on = configuration(true);
	char *off2 = with(off, "prf sha2-256", "prf sha2-384"),
	     *on2 = with(on, "prf sha2-256", "prf sha2-384");

	for (int away = 0; away < 2; away++) {
		tunnel(off);
		if (away)
			configure_away(off2);
		else
			configure(off2);
		configure(on2);
		configure_away(on2);
		w_run(w, W_US);
		cr_expect_eq(w_established(&w->n[1]), 1);
		cr_expect_eq(w_established(&w->n[0]), 1);
		configure_away(on); /* and that is another change */
		w_run(w, W_US);
		cr_expect_eq(w_established(&w->n[1]), 0);
		cr_expect_eq(w_established(&w->n[0]), 0);
		w_run(w, 60 * W_US);
	}
	free(off);
	free(on);
	free(off2);
	free(on2);
}

/* … also when its row is being written for something else. */
Test(ipsecmgr_away, what_is_outlived_while_a_row_is_written)
{
	char *off = configuration(false), *on = configuration(true);
	char *off2 = with(off, "prf sha2-256", "prf sha2-384"),
	     *on2 = with(on, "prf sha2-256", "prf sha2-384");
	struct ike_sa_view v;

	tunnel(off);
	w->n[1].commit = W_LATER;
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_dpd(w->n[1].e, w->now, v.spi), 0);
	cr_assert(w_sa(&w->n[1], &v) && v.txn_in_flight);
	configure(off2);
	w_run(w, W_US);
	w->n[1].commit = W_NOW;
	configure_away(on2);
	w_run(w, W_US);
	cr_expect_eq(w_established(&w->n[1]), 1);
	free(off);
	free(on);
	free(off2);
	free(on2);
}

/* A rekeyed tunnel is the same tunnel. */
Test(ipsecmgr_away, a_rekeyed_tunnel_has_the_settings_of_before)
{
	char *on = configuration(true), *on2 = with(on, "peer 10.0.0.1\n", "peer 10.0.0.9\n");
	struct ike_sa_view v;

	tunnel(on);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(ike_engine_rekey_ike(w->n[1].e, w->now, v.spi), 0);
	w_run(w, 3 * W_US);
	cr_assert(w_sa(&w->n[1], &v));
	cr_assert_eq(v.rekeys, 1);
	configure_away(on);
	w_run(w, W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	configure_away(on2);
	w_run(w, W_US);
	cr_expect_eq(w_established(&w->n[1]), 0);
	cr_expect_eq(w_established(&w->n[0]), 0);
	free(on);
	free(on2);
}

/* The map is not configured any more when its manager is back, but these lines: the peer is told, the row
 * goes. */
static void went(const char *instead)
{
	char *now = configuration(false), *without;
	const char *from = strstr(now, "crypto map m ikev2"), *to = strstr(now, "#exit\n#exit\nend\n");

	cr_assert_gt(asprintf(&without, "%.*s%s%s", (int)(from - now), now, instead, to + strlen("#exit\n")),
	             0);
	tunnel(now);
	configure_away(without);
	w_run(w, W_US);
	cr_expect_eq(w_established(&w->n[1]), 0);
	cr_expect_eq(w_established(&w->n[0]), 0);
	cr_expect_eq(w->n[0].last[IKE_EV_DOWN].reason, IKE_R_PEER_DELETE);
	cr_expect_null(ipsecmgr.policies);
	w_run(w, 60 * W_US);
	cr_expect_eq(w_rows(&w->n[1]), 0);
	free(now);
	free(without);
}

Test(ipsecmgr_away, a_map_that_went_while_the_manager_was_away)
{
	went("");
}

/* A service of its name is no map. */
Test(ipsecmgr_away, a_map_that_went_where_a_service_has_its_name)
{
	went("crypto template t ikev2-dynamic\npayload p match childsa\n#exit\n#exit\n"
	     "wsg-service m\nbind address 10.0.0.2 crypto-template t\n#exit\n");
}

/* … and when its row was read there was no memory for it: it is looked at again, and goes then. */
Test(ipsecmgr_away, a_map_that_went_when_there_is_memory_for_its_row_again)
{
	char *now = configuration(false), *without = with(now, "crypto-map m\n", "");

	tunnel(now);
	died();
	born();
	store_rows();
	cr_assert(wait_for(&ipsecmgr, w->n[1].row[0].key, "", true));
	configure(without);
	w_run(w, W_US);
	cr_expect_null(ipsecmgr.waiting);
	cr_expect_eq(w_established(&w->n[0]), 0, "its peer is told");
	w_run(w, 60 * W_US);
	cr_expect_eq(w_rows(&w->n[1]), 0);
	free(now);
	free(without);
}

/* --- several changes at once --- */

/* A second map, to another peer, by an interface of its own. */
static const char second[] = "ip access-list z\npermit ip 172.18.0.0 0.0.0.255 172.19.0.0 0.0.0.255\n#exit\n"
                             "ipsec transform-set esp9\nencryption aes-cbc-128\n#exit\n"
                             "interface j\nip address 10.1.0.2 255.255.255.0\ncrypto-map n\n#exit\n"
                             "crypto map n ikev2-ipv4\n"
                             "peer 10.0.0.3\n"
                             "authentication local pre-shared-key key secret\n"
                             "authentication remote pre-shared-key key secret\n"
                             "ikev2-ikesa transform-set list ike\n"
                             "keepalive interval 25\n"
                             "match address z\n"
                             "payload p match ipv4\n"
                             "ipsec transform-set list esp9\n"
                             "#exit\n"
                             "#exit\n";

static char *two_maps(bool delete_on_mismatch)
{
	char *one = configuration(delete_on_mismatch), *text;
	size_t end = strlen(one) - strlen("end\n");

	cr_assert_gt(asprintf(&text, "%.*s%send\n", (int)end, one, second), 0);
	free(one);
	return text;
}

static void call(const char *policy, const char *local, const char *remote)
{
	struct ike_initiate i = {.policy = policy, .path = w_path(500)};

	i.path.ctx_id = ipsecmgr_cfg_find(&ipsecmgr, policy)->ctx;
	net_addr_parse(&i.path.local.addr, local);
	net_addr_parse(&i.path.remote.addr, remote);
	cr_assert_eq(ike_engine_initiate(w->n[1].e, w->now, &i, NULL), 0);
}

static int count_up(void *arg, const struct ike_sa_view *v)
{
	unsigned *up = arg;

	if (v->state == IKE_ST_ESTABLISHED)
		up[!strcmp(v->policy, "a/n")]++;
	return 0;
}

static bool is_up(unsigned map)
{
	unsigned up[2] = {0};

	ike_engine_foreach_sa(w->n[1].e, count_up, up);
	return up[map];
}

/* The tunnels of both, with a peer that takes what it is offered. */
static void two_tunnels(const char *text)
{
	const struct ipsecmgr_policy *m, *n;
	struct ike_policy *peer = &w->n[0].policy;

	configure(text);
	m = ipsecmgr_cfg_find(&ipsecmgr, "a/m");
	n = ipsecmgr_cfg_find(&ipsecmgr, "a/n");
	cr_assert(m && n);
	ike_engine_free(w->n[0].e);
	*peer = w_policy(0);
	peer->local = (struct net_addr){0};
	memcpy(peer->ike, m->pol.ike, sizeof(peer->ike));
	peer->payload[0].n_esp = 2;
	peer->payload[0].esp[0] = m->pol.payload[0].esp[0];
	peer->payload[0].esp[1] = n->pol.payload[0].esp[0];
	w_start(&w->n[0]);
	call("a/m", "10.0.0.2", "10.0.0.1");
	call("a/n", "10.1.0.2", "10.0.0.3");
	w_run(w, 3 * W_US);
	cr_assert(is_up(0) && is_up(1));
}

/* What is changed in one commit, and whether the tunnels of m and n end by it. */
static const struct {
	const char *why;
	struct {
		const char *what, *by;
	} line[4];
	bool ends[2];     /* with `ikesa delete on-mismatch` */
	bool ends_off[2]; /* without */
} commits[] = {
        {"one critically, the other not",
         {{"encryption aes-cbc-256\nhmac sha2-384-192\nprf sha2-256",
           "encryption aes-cbc-256\nhmac sha2-384-192\nprf sha2-256"},
          {"peer 10.0.0.1\n", "peer 10.0.0.9\n"},
          {"keepalive interval 25", "keepalive interval 26"}},
         {true, false},
         {false, false}},
        {"what both use", {{"prf sha2-256", "prf sha2-384"}}, {true, true}, {false, false}},
        {"several of one, only one critical",
         {{"keepalive interval 20", "keepalive interval 21"},
          {"ikev2-ikesa max-retransmissions 3\n", ""},
          {"ipsec transform-set esp9\nencryption aes-cbc-128",
           "ipsec transform-set esp9\nencryption aes-cbc-256"}},
         {false, true},
         {false, false}},
        {"a transform set by another name says the same",
         {{"ikev2-ikesa transform-set ike\n", "ikev2-ikesa transform-set other\n"},
          {"ikev2-ikesa transform-set list ike\n", "ikev2-ikesa transform-set list other\n"},
          {"ikev2-ikesa transform-set list ike\n", "ikev2-ikesa transform-set list other\n"}},
         {false, false},
         {false, false}},
        {"their peers change places",
         {{"peer 10.0.0.1\n", "peer 10.0.0.X\n"},
          {"peer 10.0.0.3\n", "peer 10.0.0.1\n"},
          {"peer 10.0.0.X\n", "peer 10.0.0.3\n"}},
         {true, true},
         {false, false}},
        {"keys of the list, and a timer",
         {{"fqdn id gw.example.net secret key secret", "fqdn id gw.example.net secret key changed"},
          {"keepalive interval 25", "keepalive interval 26"}},
         {true, false},
         {false, false}},
        {"one goes from its interface, the other changes",
         {{"crypto-map m\n", ""}, {"peer 10.0.0.3\n", "peer 10.0.0.4\n"}},
         {true, true},
         {true, false}},
        {"one moves to another interface",
         {{"crypto-map m\n", ""},
          {"interface j\n",
           "interface k\nip address 10.2.0.2 255.255.255.0\ncrypto-map m\n#exit\ninterface j\n"}},
         {true, false},
         {true, false}},
        {"they change interfaces",
         {{"crypto-map m\n", "crypto-map X\n"},
          {"crypto-map n\n", "crypto-map m\n"},
          {"crypto-map X\n", "crypto-map n\n"}},
         {true, true},
         {true, true}},
        {"the interface has another address",
         {{"ip address 10.0.0.2 255.255.255.0", "ip address 10.0.0.77 255.255.255.0"}},
         {true, false},
         {true, false}},
};

static void each_commit(bool on, bool turned_on, bool away)
{
	char *now = two_maps(on), *then = two_maps(on || turned_on);

	for (size_t i = 0; i < sizeof(commits) / sizeof(commits[0]); i++) {
		const bool *ends = on || turned_on ? commits[i].ends : commits[i].ends_off;
		char *text = strdup(then);

		for (unsigned k = 0; k < 4 && commits[i].line[k].what; k++) {
			char *next = with(text, commits[i].line[k].what, commits[i].line[k].by);

			free(text);
			text = next;
		}
		two_tunnels(now);
		if (away)
			configure_away(text);
		else
			configure(text);
		w_run(w, W_US);
		for (unsigned map = 0; map < 2; map++)
			cr_expect_eq(is_up(map), !ends[map], "%s: %c", commits[i].why, "mn"[map]);
		cr_expect_eq(w_established(&w->n[0]), !ends[0] + !ends[1], "the peers, %s", commits[i].why);
		ike_engine_drop_all(w->n[1].e, w->now, NULL, true);
		w_run(w, 60 * W_US);
		free(text);
	}
	free(now);
	free(then);
}

Test(ipsecmgr_away, several_changes_at_once)
{
	each_commit(true, false, false);
}

Test(ipsecmgr_away, several_changes_at_once_without_the_command)
{
	each_commit(false, false, false);
}

/* The command is one of them. */
Test(ipsecmgr_away, several_changes_at_once_with_the_command_itself)
{
	each_commit(false, true, false);
}

Test(ipsecmgr_away, several_changes_while_the_manager_is_away)
{
	each_commit(true, false, true);
}

Test(ipsecmgr_away, several_changes_without_the_command_while_the_manager_is_away)
{
	each_commit(false, false, true);
}
