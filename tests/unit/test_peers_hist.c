/* SPDX-License-Identifier: MIT */
/* The history of the simulated peers: one outcome per invocation, and what is only seen is told as that. */
#include "cmd/peers_hist.c"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

struct peers_child *peers_esp_current(const struct peers_peer *peer)
{
	return NULL;
}

static struct peers p;
static struct peers_peer peer = {.index = 7, .ike_spi = 0x12, .peer_spi = 0x34};
static char path[] = "/tmp/hist-XXXXXX";

static void begin(void)
{
	close(mkstemp(path));
	p.opt.history = path;
	cr_assert_eq(peers_hist_open(&p), 0);
}

static void end(void)
{
	peers_hist_close(&p);
	unlink(path);
}

/* "op type" of each line, separated by commas. */
static void expect(const char *want)
{
	char text[512] = "", line_text[300];
	FILE *f;

	peers_hist_flush(&p);
	f = fopen(path, "r");
	cr_assert_not_null(f);
	while (fgets(line_text, sizeof(line_text), f)) {
		json_t *j = json_loads(line_text, 0, NULL);

		cr_assert_not_null(j, "%s", line_text);
		cr_assert_eq(json_integer_value(json_object_get(j, "peer")), 7);
		cr_assert_str_eq(json_string_value(json_object_get(j, "ike_spi")),
		                 "0000000000000012/0000000000000034");
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s", *text ? ", " : "",
		         json_string_value(json_object_get(j, "op")),
		         json_string_value(json_object_get(j, "type")));
		json_decref(j);
	}
	fclose(f);
	cr_assert_str_eq(text, want);
}

Test(peers_hist, an_outcome_belongs_to_an_invocation, .init = begin, .fini = end)
{
	peers_hist_invoke(&p, &peer, PEERS_OP_SETUP);
	peers_hist_end(&p, &peer, PEERS_OP_SETUP, PEERS_OK, IKE_R_NONE);
	peers_hist_end(&p, &peer, PEERS_OP_REKEY, PEERS_OK, IKE_R_NONE); /* the gateway began it */
	expect("setup invoke, setup ok, rekey info");
}

Test(peers_hist, what_was_under_way_is_unknown, .init = begin, .fini = end)
{
	peers_hist_invoke(&p, &peer, PEERS_OP_REKEY);
	peers_hist_down(&p, &peer, IKE_R_DPD_TIMEOUT);
	expect("rekey invoke, down info, rekey unknown");
	cr_assert_eq(peer.pending, 0);
}

Test(peers_hist, a_delete_is_ok_when_it_was_answered, .init = begin, .fini = end)
{
	peers_hist_invoke(&p, &peer, PEERS_OP_DELETE);
	peers_hist_down(&p, &peer, IKE_R_LOCAL_DELETE);
	peers_hist_invoke(&p, &peer, PEERS_OP_DELETE);
	peers_hist_down(&p, &peer, IKE_R_RETRANSMIT);
	expect("delete invoke, delete ok, delete invoke, delete unknown");
}

Test(peers_hist, a_refusal_of_the_engine_fails_once, .init = begin, .fini = end)
{
	peers_hist_invoke(&p, &peer, PEERS_OP_REKEY_IKE);
	peers_hist_check(&p, &peer, PEERS_OP_REKEY_IKE, 0);
	peers_hist_check(&p, &peer, PEERS_OP_REKEY_IKE, -EAGAIN);
	peers_hist_check(&p, &peer, PEERS_OP_REKEY_IKE, -EAGAIN);
	expect("rekey-ike invoke, rekey-ike fail");
}

Test(peers_hist, without_a_file_nothing_is_written)
{
	struct peers none = {0};

	cr_assert_eq(peers_hist_open(&none), 0);
	peers_hist_invoke(&none, &peer, PEERS_OP_SETUP);
	peers_hist_flush(&none);
	peers_hist_close(&none);
}
