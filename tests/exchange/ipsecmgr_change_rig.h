/* SPDX-License-Identifier: MIT */
/*
 * What a changed configuration does to tunnels of crypto maps: ipsecmgr's way from lines to policies, and to
 * what it ends, compiled into the test, between two real engines; a manager that dies and the next one of its
 * number; lines and what becomes of a tunnel when they change. Include once in a test program.
 */
#ifndef TESTS_EXCHANGE_IPSECMGR_CHANGE_RIG_H
#define TESTS_EXCHANGE_IPSECMGR_CHANGE_RIG_H

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/engine/cli.h"
#include "store/store.h"
#include "ike_world.h"
#include "tasks/ipsecmgr/ipsecmgr_away.c"
#include "tasks/ipsecmgr/ipsecmgr_cert.c"
#include "tasks/ipsecmgr/ipsecmgr_cfg.c"
#include "tasks/ipsecmgr/ipsecmgr_change.c"
#include "tasks/ipsecmgr/ipsecmgr_closed.c"
#include "tasks/ipsecmgr/ipsecmgr_keep.c"
#include "tasks/ipsecmgr/ipsecmgr_map.c"
#include "tasks/ipsecmgr/ipsecmgr_payload.c"
#include "tasks/ipsecmgr/ipsecmgr_peers.c"
#include "tasks/ipsecmgr/ipsecmgr_restore.c"
#include "tasks/ipsecmgr/ipsecmgr_secrets.c"
#define complain complain_of_map
#include "tasks/ipsecmgr/ipsecmgr_maps.c"
#undef complain
#include "tests/pki_make.h"

struct ipsecmgr ipsecmgr;

static struct world *w;
static struct cli_grammar *grammar;
static struct cfg_tree *tree;
static struct task task = {.instance = 80, .addr = "ipsecmgr/80"};
static struct mk root, other_root, gw;

/* --- the rest of the program --- */

uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	return w->now;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
}
void ipsecmgr_data_bind(struct ipsecmgr *m)
{
}
void ipsecmgr_maps_policies(struct ipsecmgr *m)
{
}
void ipsecmgr_dup_audit(struct ipsecmgr *m)
{
}
void ipsecmgr_audit_start(struct ipsecmgr *m)
{
}
void ipsecmgr_push_all(struct ipsecmgr *m)
{
}
/* Rows that can't be restored are deleted without the engine. */
int ckpt_write(struct ckpt *c, const struct ckpt_row *rows, size_t n, ckpt_cb cb, void *arg)
{
	cr_assert_fail("%s %s", rows->kind, rows->key);
	return 0;
}
struct ike_protection ipsecmgr_guard_protection(const struct ipsecmgr *m)
{
	return (struct ike_protection){0};
}
void ipsecmgr_vendor_read(const struct cfg_tree *t, const struct cfg_node *ctx, const struct cfg_node *tmpl,
                          struct ipsecmgr_policy *p)
{
}
void ipsecmgr_vendor_again(struct ipsecmgr *m, const struct cfg_tree *t, const struct ipsecmgr_policy *old)
{
}
void ipsecmgr_callee_read(const struct cfg_tree *t, const struct cfg_node *ctx, const struct cfg_node *svc,
                          struct ipsecmgr_policy *p)
{
}
void ipsecmgr_callee_free(struct ipsecmgr_callee_conf *conf)
{
}
void ipsecmgr_callee_apply(struct ipsecmgr *m)
{
}
const struct cfg_tree *config_tree(struct task *t)
{
	return tree;
}
struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	return NULL;
}
void task_timer_stop(struct task_timer *tm)
{
}

static inline int psk_of_ours(void *arg, const char *policy, const struct ike_psk_ask *ask, uint8_t *out,
                              size_t *len)
{
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(&ipsecmgr, policy);

	return p->remote_secrets ? ipsecmgr_secrets_find(ipsecmgr.secrets, ask->peer, out, len) : -ENOENT;
}

/* --- configurations --- */

/* What every configuration of this test has; %s: certificates and keys, then whether tunnels end. */
static const char base[] =
        "config\n"
        "ca-certificate name root pem data \"%s\"\nca-certificate name other pem data \"%s\"\n"
        "certificate name gw pem data \"%s\" private-key pem data \"%s\"\n"
        "ca-crl name list pem url /flash/list.pem\n"
        "%s"
        "crypto remote-secret-list keys\n"
        "remote-id id-type fqdn id gw.example.net secret key secret\n"
        "remote-id id-type fqdn id other.example.net secret key of-the-other\n"
        "#exit\n"
        "context a\n"
        "ip access-list x\n"
        "permit ip 172.16.0.0 0.0.0.255 172.17.0.0 0.0.0.255\n"
        "permit ip 172.16.1.0 0.0.0.255 172.17.1.0 0.0.0.255\n"
        "#exit\n"
        "ip access-list unused\npermit ip any any\n#exit\n"
        "ipsec transform-set esp\n"
        "encryption aes-cbc-128\nhmac sha2-256-128\ngroup 14\n"
        "#exit\n"
        "ipsec transform-set unused\nencryption aes-cbc-256\n#exit\n"
        "ikev2-ikesa transform-set ike\n"
        "encryption aes-cbc-256\nhmac sha2-384-192\nprf sha2-256\ngroup 14\nlifetime 7200\n"
        "#exit\n"
        "interface i\nip address 10.0.0.2 255.255.255.0\ncrypto-map m\n#exit\n"
        "crypto map m ikev2-ipv4\n"
        "peer 10.0.0.1\n"
        "authentication local pre-shared-key key secret\n"
        "authentication remote pre-shared-key key secret\n"
        "remote-secret-list keys\n"
        "ca-certificate list ca-cert-name root\n"
        "ca-crl list ca-crl-name list\n"
        "ikev2-ikesa transform-set list ike\n"
        "ikev2-ikesa max-retransmissions 3\n"
        "keepalive interval 20\n"
        "match address x\n"
        "payload p match ipv4\n"
        "ipsec transform-set list esp\n"
        "lifetime 3600\n"
        "#exit\n"
        "#exit\n"
        "end\n";

/* PEM as a line holds it. */
static inline char *folded(struct pki_bytes pem)
{
	char *out = calloc(1, 2 * pem.len + 1), *to = out;

	for (size_t i = 0; i < pem.len; i++) {
		if (pem.p[i] == '\n')
			to = stpcpy(to, "\\n");
		else
			*to++ = (char)pem.p[i];
	}
	mk_drop(pem);
	return out;
}

static inline char *one_pem(const struct mk *m)
{
	return folded(mk_pem(&m, 1));
}

/* The first `what` (a line, or some) of the text becomes `by`. */
static inline char *with(const char *text, const char *what, const char *by)
{
	const char *at = strstr(text, what);
	char *out;

	cr_assert(at, "no \"%s\"", what);
	cr_assert_gt(asprintf(&out, "%.*s%s%s", (int)(at - text), text, by, at + strlen(what)), 0);
	return out;
}

static inline char *configuration(bool delete_on_mismatch)
{
	char *pem[4] = {one_pem(&root), one_pem(&other_root), one_pem(&gw), folded(mk_key_pem(&gw))}, *text;

	cr_assert_gt(asprintf(&text, base, pem[0], pem[1], pem[2], pem[3],
	                      delete_on_mismatch ? "ikesa delete on-mismatch\n" : ""),
	             0);
	for (int i = 0; i < 4; i++)
		free(pem[i]);
	return text;
}

static inline void failed(void *arg, unsigned lineno, const char *line, const char *error)
{
	cr_log_error("line %u: %s: %s", lineno, line, error);
}

static inline void configure(const char *text)
{
	struct cfg_tree *now = cfg_new(grammar);

	cr_assert_eq(cli_load_text(now, NULL, text, failed, NULL), 0);
	ipsecmgr_cfg_apply(&ipsecmgr, now);
	cfg_free(tree);
	tree = now;
}

static inline void publish_list(long serial)
{
	struct pki_bytes crl = mk_crl(&root, serial, MK_NOW + MK_YEAR, true);
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/flash/list.pem", task.state_dir);
	f = fopen(path, "w");
	cr_assert(f);
	cr_assert_eq(fwrite(crl.p, 1, crl.len, f), crl.len);
	fclose(f);
	mk_drop(crl);
}

/* ipsecctrl gave maps m and n of context a to us. */
static inline void assign(void)
{
	static const char *const keys[] = {"a m", "a n"};
	int err;
	struct store_writer *s = store_open_writer(task.state_dir, STORE_STATE, NULL, &err);
	struct store_batch *b = store_batch_new(s);

	for (size_t i = 0; i < 2; i++) {
		struct store_ckpt row = {.kind = PLACE_MAPS_KIND,
		                         .key = keys[i],
		                         .owner = "ipsecctrl/0",
		                         .blob = "80",
		                         .len = 2};

		cr_assert_eq(store_batch_ckpt(b, &row), 0);
	}
	store_submit(s, b, 0, NULL, NULL);
	store_close_writer(s);
}

static inline bool settings_of_ours(void *arg, const char *policy, const struct ike_id *peer,
                                    uint8_t out[IKE_SETTINGS_LEN])
{
	return ipsecmgr_away_settings(&ipsecmgr, policy, peer, out);
}

static inline void policy_of_row(void *arg, const char *name)
{
	snprintf(ipsecmgr.unknown_policy, sizeof(ipsecmgr.unknown_policy), "%s", name);
	ipsecmgr_keep_restored(&ipsecmgr, tree, name);
}

/* A new process. */
static inline void born(void)
{
	struct ike_callbacks cb = {.txn = w_txn,
	                           .random = w_random,
	                           .psk = psk_of_ours,
	                           .settings = settings_of_ours,
	                           .policy = policy_of_row};

	ipsecmgr = (struct ipsecmgr){.t = &task, .serving = true};
	ipsecmgr.e = w->n[1].e = ike_engine_new(&w->n[1].cfg, &cb, &w->n[1], w->now);
}

static inline void died(void)
{
	w_kill(&w->n[1]);
	ipsecmgr_cfg_free(ipsecmgr.policies);
	ipsecmgr_cfg_free(ipsecmgr.leaving);
	ipsecmgr_cfg_free(ipsecmgr.maps_closed);
	ipsecmgr_secrets_free(ipsecmgr.secrets);
	ipsecmgr_restore_forget(&ipsecmgr);
}

/* What is in the store: the rows of our node. */
static inline void store_rows(void)
{
	static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm"};
	struct store_writer *s;
	struct store_batch *b;
	char path[300];
	int err;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", task.state_dir, files[i]);
		remove(path);
	}
	assign();
	s = store_open_writer(task.state_dir, STORE_STATE, NULL, &err);
	b = store_batch_new(s);
	for (unsigned i = 0; i < W_ROWS; i++) {
		const struct w_row *r = &w->n[1].row[i];
		struct store_ckpt row = {
		        .kind = "ikesa", .key = r->key, .owner = task.addr, .blob = r->blob, .len = r->len};

		if (r->blob)
			cr_assert_eq(store_batch_ckpt(b, &row), 0);
	}
	store_submit(s, b, 0, NULL, NULL);
	store_close_writer(s);
}

/* It dies; the next one begins with this configuration, as ipsecmgr_serve.c does. */
static inline void configure_away(const char *text)
{
	died();
	born();
	store_rows();
	ipsecmgr.restoring = true;
	configure(text);
	cr_assert_eq(ipsecmgr_restore(&ipsecmgr), 0);
	ipsecmgr_away_restored(&ipsecmgr, tree);
}

static inline void change_setup(void)
{
	char dir[512], err[512];

	snprintf(task.state_dir, sizeof(task.state_dir), "/tmp/orrery-change-XXXXXX");
	cr_assert(mkdtemp(task.state_dir));
	snprintf(dir, sizeof(dir), "%s/flash", task.state_dir);
	mkdir(dir, 0700);
	assign();
	root = mk_cert(&(struct mk_want){.cn = "root", .ca = true}, NULL);
	other_root = mk_cert(&(struct mk_want){.cn = "other", .ca = true}, NULL);
	gw = mk_cert(&(struct mk_want){.cn = "gw"}, &root);
	publish_list(1);
	grammar = cli_grammar_load(cli_grammar_dir("/proc/self/exe", dir, sizeof(dir)), err, sizeof(err));
	cr_assert(grammar, "%s", err);
	w = w_new();
	born();
}

static inline void change_teardown(void)
{
	static const char *const files[] = {"flash/list.pem", "state.db", "state.db-wal",
	                                    "state.db-shm",   "flash",    ""};
	char path[300];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", task.state_dir, files[i]);
		remove(path);
	}
	died();
	w_free(w);
	cfg_free(tree);
	cli_grammar_free(grammar);
	mk_free(&root);
	mk_free(&other_root);
	mk_free(&gw);
}

/* The tunnel of the map by this configuration, with a peer that has the same the other way round. */
static inline void tunnel(const char *text)
{
	struct ike_initiate i = {.policy = "a/m", .path = w_path(500)};
	struct ike_policy *peer = &w->n[0].policy;
	const struct ike_policy *ours;

	configure(text);
	cr_assert(ipsecmgr.policies);
	ours = &ipsecmgr.policies->pol;
	ike_engine_free(w->n[0].e);
	*peer = w_policy(0);
	memcpy(peer->ike, ours->ike, sizeof(peer->ike));
	peer->n_payload = ours->n_payload;
	for (unsigned k = 0; k < peer->n_payload; k++) {
		struct ike_payload *to = &peer->payload[k];
		const struct ike_payload *y = &ours->payload[k];

		*to = *y;
		memcpy(to->ts_local, y->ts_remote, sizeof(to->ts_local));
		memcpy(to->ts_remote, y->ts_local, sizeof(to->ts_remote));
	}
	w_start(&w->n[0]);
	i.path.ctx_id = ours->ctx_id;
	w->n[0].policy.ctx_id = 1;
	cr_assert_eq(ike_engine_initiate(w->n[1].e, w->now, &i, NULL), 0);
	w_run(w, 3 * W_US);
	cr_assert_eq(w_established(&w->n[1]), 1);
	cr_assert_eq(w_established(&w->n[0]), 1);
}

enum ends { STAYS, ENDS, NO_MAP };

static const struct {
	const char *what, *by;
	enum ends ends;  /* with `ikesa delete on-mismatch`; NO_MAP: without it as well */
	bool of_the_map; /* the tunnel goes on with settings that are not the map's any more */
} lines[] = {
        /* algorithms */
        {"encryption aes-cbc-256\nhmac sha2-384", "encryption aes-cbc-128\nhmac sha2-384", ENDS, true},
        {"hmac sha2-384-192", "hmac sha2-256-128", ENDS, true},
        {"prf sha2-256", "prf sha2-384", ENDS, true},
        {"group 14\nlifetime", "group 5\nlifetime", ENDS, true},
        {"encryption aes-cbc-128", "encryption aes-128-gcm-128", ENDS, true},
        {"hmac sha2-256-128\ngroup", "hmac sha2-512-256\ngroup", ENDS, true},
        {"group 14\n#exit", "group 5\n#exit", ENDS, true},
        {"hmac sha2-256-128\ngroup", "hmac sha2-256-128\nesn\ngroup", ENDS, true},
        /* transform sets */
        {"ikev2-ikesa transform-set list ike\n", "", ENDS, true},
        {"ipsec transform-set list esp\n", "", ENDS, true},
        {"ipsec transform-set list esp\n", "ipsec transform-set list esp unused\n", ENDS, true},
        {"ikev2-ikesa transform-set ike\n", "ikev2-ikesa transform-set ike2\n", NO_MAP, true},
        /* who is who */
        {"authentication local pre-shared-key key secret", "authentication local certificate\ncertificate gw",
         ENDS, true},
        {"authentication remote pre-shared-key key secret", "authentication remote certificate", ENDS, true},
        {"authentication local pre-shared-key key secret", "authentication local pre-shared-key key other",
         ENDS, true},
        {"authentication remote pre-shared-key key secret", "authentication remote pre-shared-key key other",
         ENDS, true},
        {"fqdn id gw.example.net secret key secret", "fqdn id gw.example.net secret key changed", ENDS,
         false},
        {"remote-id id-type fqdn id gw.example.net secret key secret\n", "", ENDS, false},
        {"remote-secret-list keys\nca-", "ca-", ENDS, false},
        {"ca-certificate list", "certificate gw\nca-certificate list", ENDS, true},
        {"ca-certificate list ca-cert-name root", "ca-certificate list ca-cert-name other", ENDS, true},
        {"ca-crl list ca-crl-name list\n", "", ENDS, true},
        /* peer and rules */
        {"peer 10.0.0.1\n", "peer 10.0.0.9\n", ENDS, true},
        {"peer 10.0.0.1\n", "", NO_MAP, true},
        {"permit ip 172.16.1.0 0.0.0.255 172.17.1.0 0.0.0.255\n", "", ENDS, true},
        {"permit ip 172.16.1.0 0.0.0.255 172.17.1.0 0.0.0.255\n",
         "permit ip 172.16.1.0 0.0.0.255 172.17.1.0 0.0.0.255\ndeny ip any host 172.17.9.9\n", ENDS, true},
        {"match address x\n", "match address unused\n", ENDS, true},
        {"match address x\n", "", NO_MAP, true},
        {"ip access-list x\n", "ip access-list y\n", NO_MAP, true},
        /* what is not critical, of the map and of others */
        {"keepalive interval 20\n", "keepalive interval 30\n", STAYS, true},
        {"ikev2-ikesa max-retransmissions 3\n", "", STAYS, true},
        {"lifetime 7200\n", "lifetime 7300\n", STAYS, true},
        {"lifetime 3600\n", "lifetime 3700\nrekey\n", STAYS, true},
        {"keepalive interval 20\n", "keepalive interval 20\nip mtu 1300\n", STAYS, false},
        {"fqdn id other.example.net secret key of-the-other", "fqdn id other.example.net secret key changed",
         STAYS, false},
        {"remote-id id-type fqdn id other.example.net secret key of-the-other\n", "", STAYS, false},
        {"secret key of-the-other\n",
         "secret key of-the-other\nremote-id id-type fqdn id third.example.net secret key more\n", STAYS,
         false},
        {"ipsec transform-set unused\nencryption aes-cbc-256\n", "ipsec transform-set unused\n", STAYS,
         false},
        {"unused\npermit ip any any\n", "unused\npermit ip any any\ndeny ip any any\n", STAYS, false},
        {"ca-crl name list", "ca-crl name unused pem url /flash/none.pem\nca-crl name list", STAYS, false},
        {"#exit\nend\n", "#exit\n#exit\ncontext b\nend\n", STAYS, false},
};

/* A map that can't be used when its manager is back: its tunnel waits, and goes on when it can be used again.
 */
static inline void waits_for(const char *text, const char *what)
{
	cr_expect_eq(w_established(&w->n[1]), 0, "%s", what);
	cr_expect_eq(w_established(&w->n[0]), 1, "%s", what);
	cr_expect_eq(ipsecmgr.n_waiting, 1, "%s", what);
	configure(text);
	w_run(w, W_US);
	cr_expect_eq(w_established(&w->n[1]), 1, "%s", what);
	cr_expect_eq(w_matched(w), w_children(&w->n[0]), "%s", what);
}

static inline void each_line(bool delete_on_mismatch, bool away)
{
	char *now = configuration(delete_on_mismatch);

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *changed = with(now, lines[i].what, lines[i].by);
		bool no_map = lines[i].ends == NO_MAP,
		     ends = no_map || (lines[i].ends == ENDS && delete_on_mismatch);
		struct ike_sa_view v;

		tunnel(now);
		if (away)
			configure_away(changed);
		else
			configure(changed);
		w_run(w, W_US);
		cr_expect_eq(ipsecmgr.maps_closed != NULL, no_map, "%s", lines[i].what);
		if (no_map && away && !delete_on_mismatch) {
			waits_for(now, lines[i].what);
		} else {
			cr_expect_eq(w_established(&w->n[1]), !ends, "%s -> %s", lines[i].what, lines[i].by);
			cr_expect_eq(w_established(&w->n[0]), !ends, "the peer, %s -> %s", lines[i].what,
			             lines[i].by);
		}
		if (ends && !no_map)
			cr_expect_eq(w->n[1].last[IKE_EV_DOWN].reason, IKE_R_CHANGED, "%s", lines[i].what);
		if (!ends && !away && w_sa(&w->n[1], &v))
			cr_expect_eq(v.outdated, lines[i].of_the_map, "%s -> %s", lines[i].what, lines[i].by);
		ike_engine_drop_all(w->n[1].e, w->now, NULL, true);
		w_run(w, 60 * W_US);
		cr_expect_eq(w_established(&w->n[0]), 0);
		free(changed);
	}
	free(now);
}

#endif
