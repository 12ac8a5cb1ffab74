/* SPDX-License-Identifier: MIT */
/*
 * Fuzz what a RADIUS server may send: as it is, and with right authenticators around fuzzed attributes (the
 * first octet chooses), through the client with a request under way.
 */
#include <stdlib.h>

#include "../radius_make.h"
#include "radius/radius.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t request[RADIUS_PACKET_MAX];
static struct radius_peer *peer;
static unsigned done;

static int on_send(void *arg, struct radius_peer *p, const uint8_t *pkt, size_t len)
{
	memcpy(request, pkt, len);
	peer = p;
	return 0;
}

static void on_done(void *arg, void *user, enum radius_outcome what, const struct radius_answer *a,
                    const struct radius_peer *p)
{
	done++;
	if (a &&
	    (a->eap_len > RADIUS_EAP_MAX || a->msk_len > RADIUS_MSK_MAX || a->state_len > RADIUS_ATTR_MAX))
		abort();
}

static void on_random(void *arg, void *buf, size_t len)
{
	memset(buf, 7, len);
}

static struct radius_client *client(void)
{
	static const struct radius_callbacks cb = {.send = on_send, .done = on_done, .random = on_random};
	struct radius_server s = {.port = 1812, .secret = "secret", .priority = 1};
	struct radius_group g = {.ctx = 1, .name = "g", .timeout_s = 3, .n = 1, .server = &s};
	struct radius_client *c = radius_client_new(&cb, NULL, 1000000);

	net_addr_parse(&s.addr, "192.0.2.1");
	if (!c || radius_client_config(c, 1000000, &g, 1))
		abort();
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct net_endpoint any;
	struct radius_request r = {
	        .user = (const uint8_t *)"u", .user_len = 1, .eap = (const uint8_t *)"e", .eap_len = 1};
	struct radius_client *c;
	struct rm m;

	if (size < 2 || size > 4000)
		return 0;
	c = client();
	done = 0;
	if (radius_client_ask(c, 1000000, 1, "g", &any, &r, NULL))
		abort();
	rm_begin(&m, data[0] & 0xf, request);
	if (data[0] & 0x80) {
		memcpy(m.p + m.len, data + 1, size - 1);
		m.len += size - 1;
		if (data[0] & 0x40)
			rm_mark(&m);
		rm_end(&m, request, "secret");
	} else {
		memcpy(m.p + 2, data + 1, size - 1);
		m.len = 2 + size - 1;
	}
	radius_client_input(c, 1000001, peer, m.p, m.len);
	if (done > 1)
		abort();
	radius_client_free(c);
	return 0;
}
