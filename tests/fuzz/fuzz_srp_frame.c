/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the SRP link: the bytes are a stream of frames from the peer, given to framing, parser and engine,
 * in turns of a standby and an active chassis (first byte). Nothing may crash, leak or leave the engine
 * serving without the store's word.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "srp/srp.h"

static uint64_t last_persist, last_install;

static int send_frame(void *arg, const SrpFrame *f)
{
	size_t len;
	uint8_t *buf = srp_frame_pack(f, &len);

	assert(buf);
	free(buf);
	return 0;
}
static void drop(void *arg, const char *why)
{
}
static void state(void *arg, enum srp_state from, enum srp_state to, enum srp_reason why)
{
	assert(to != SRP_ACTIVE || from == SRP_PENDING_ACTIVE || from == SRP_ACTIVE);
}
static void persist(void *arg, const struct srp_saved *saved, uint64_t token)
{
	last_persist = token;
}
static void hold(void *arg, bool on, const char *why)
{
}
static void acked(void *arg, uint64_t version)
{
}
static SrpRows *fetch(void *arg, uint64_t above, size_t max_rows, size_t max_bytes)
{
	SrpRows *r = malloc(sizeof(*r));

	srp_rows__init(r);
	r->upto = above + 10;
	return r;
}
static void install(void *arg, const SrpRows *rows, uint64_t token)
{
	last_install = token;
}
static void ordered(void *arg, int code, const char *text)
{
}
static void conn(void *arg, bool up)
{
}

static const struct srp_ops ops = {send_frame, drop,  state,   persist, hold,
                                   acked,      fetch, install, ordered, conn};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct srp_config cfg = {.chassis = "f",
	                         .rank = {.priority = 5, .tiebreaker = "02-00-00-00-00-01"},
	                         .hello_us = 1000000,
	                         .dead_us = 3000000};
	struct srp_saved saved = {.epoch = 5, .serve_epoch = 5, .seen_epoch = 5};
	uint64_t now = 1000000;
	struct srp *s;

	if (!len)
		return 0;
	log_set_level(LOG_LEVEL_critical);
	saved.state = (enum srp_state)(data[0] % SRP_STATES);
	s = srp_new(&cfg, &ops, NULL, &saved, now, 100);
	srp_committed(s, 1000, now);
	srp_link_up(s, now);
	for (size_t at = 1; at < len;) {
		int64_t n = srp_frame_need(data + at, len - at);
		SrpFrame *f;

		if (n <= 0)
			break;
		f = srp_frame_parse(data + at + SRP_FRAME_HEAD, (size_t)n - SRP_FRAME_HEAD);
		if (!f)
			break;
		now += 300000;
		srp_frame(s, f, now, 100 + now / 1000000);
		srp_frame__free_unpacked(f, NULL);
		srp_installed(s, last_install, 0, now);
		srp_persisted(s, last_persist, now);
		srp_tick(s, now, 100 + now / 1000000);
		if (!s->link)
			srp_link_up(s, now);
		at += (size_t)n;
	}
	srp_free(s);
	return 0;
}
