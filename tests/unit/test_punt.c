/* SPDX-License-Identifier: MIT */
/* The punt path: header, both ends, reconnection, and that a slow or missing ipsecmgr never stalls the
 * sender. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "punt/punt.h"

static struct punt_info sample(void)
{
	struct punt_info i = {.ctx = 3, .flags = PUNT_F_NATT, .instance = 7};

	net_endpoint_parse(&i.local, "192.0.2.1:4500");
	net_endpoint_parse(&i.remote, "[2001:db8::9]:40001");
	return i;
}

static const char *path(void)
{
	static char p[64];

	snprintf(p, sizeof(p), "/tmp/orrery-test-punt-%d.sock", (int)getpid());
	return p;
}

Test(punt, header)
{
	uint8_t msg[PUNT_HDR_LEN + 3];
	struct punt_info in = sample();
	struct punt_info out;
	const uint8_t *payload;
	size_t len;
	size_t i;

	punt_encode(msg, &in, 3);
	memcpy(msg + PUNT_HDR_LEN, "abc", 3);
	cr_assert_eq(punt_decode(msg, sizeof(msg), &out, &payload, &len), 0);
	cr_assert_eq(len, 3u);
	cr_assert_eq(memcmp(payload, "abc", 3), 0);
	cr_assert_eq(out.ctx, 3u);
	cr_assert_eq(out.instance, 7u);
	cr_assert_eq(out.flags, (uint32_t)PUNT_F_NATT);
	cr_assert(net_endpoint_equal(&in.local, &out.local));
	cr_assert(net_endpoint_equal(&in.remote, &out.remote));
	for (i = 0; i < sizeof(msg); i++)
		cr_assert_eq(punt_decode(msg, i, &out, &payload, &len), -EBADMSG);
	for (i = 0; i < 6; i++) {
		msg[i] ^= 0x80;
		cr_assert_eq(punt_decode(msg, sizeof(msg), &out, &payload, &len), -EBADMSG);
		msg[i] ^= 0x80;
	}
}

Test(punt, there_and_back_and_again)
{
	struct punt_client *c = punt_client_new(path(), 1000);
	struct punt_info info = sample();
	struct punt_server *s;
	const uint8_t *payload;
	struct punt_info got;
	struct pollfd p;
	size_t len;
	int err;

	cr_assert_eq(punt_client_send(c, &info, (const uint8_t *)"x", 1, 0), -ENOTCONN);
	cr_assert_eq(punt_client_stats(c)->lost_absent, 1u);
	s = punt_server_new(path(), &err);
	cr_assert(s, "%d", err);
	cr_assert_eq(punt_server_send(s, &info, (const uint8_t *)"x", 1), -ENOTCONN);
	cr_assert_eq(punt_client_send(c, &info, (const uint8_t *)"x", 1, 999), -ENOTCONN,
	             "not yet time to try again");
	cr_assert_eq(punt_client_send(c, &info, (const uint8_t *)"hello", 5, 1000), 0);
	p = (struct pollfd){.fd = punt_server_fd(s), .events = POLLIN};
	cr_assert_eq(poll(&p, 1, 2000), 1);
	cr_assert_eq(punt_server_recv(s, &got, &payload, &len), 1);
	cr_assert_eq(len, 5u);
	cr_assert_eq(got.instance, 7u);
	cr_assert_eq(punt_server_recv(s, &got, &payload, &len), 0);
	cr_assert_eq(poll(&p, 1, 0), 0, "nothing left to do");
	cr_assert_eq(punt_server_send(s, &got, (const uint8_t *)"world", 5), 0);
	cr_assert_eq(punt_client_recv(c, &got, &payload, &len), 1);
	cr_assert_eq(memcmp(payload, "world", 5), 0);
	punt_server_free(s);
	cr_assert_eq(punt_client_recv(c, &got, &payload, &len), -ENOTCONN);
	s = punt_server_new(path(), &err);
	cr_assert(s);
	cr_assert_eq(punt_client_send(c, &info, (const uint8_t *)"again", 5, 9000), 0);
	cr_assert_eq(punt_server_recv(s, &got, &payload, &len), 1);
	punt_client_free(c);
	cr_assert_eq(punt_server_recv(s, &got, &payload, &len), 0);
	cr_assert_eq(punt_server_send(s, &info, (const uint8_t *)"x", 1), -ENOTCONN);
	punt_server_free(s);
	punt_server_free(NULL);
	punt_client_free(NULL);
}

Test(punt, a_full_queue_loses_packets_not_time)
{
	static uint8_t big[60000];
	struct punt_client *c = punt_client_new(path(), 0);
	struct punt_info info = sample();
	const uint8_t *payload;
	struct punt_info got;
	struct punt_server *s;
	unsigned sent = 0;
	unsigned n = 0;
	size_t len;
	int err;
	int rc;

	s = punt_server_new(path(), &err);
	cr_assert(s);
	while ((rc = punt_client_send(c, &info, big, sizeof(big), 0)) == 0 && sent < 10000)
		sent++;
	cr_assert_eq(rc, -EAGAIN);
	cr_assert_eq(punt_client_stats(c)->lost_full, 1u);
	while (punt_server_recv(s, &got, &payload, &len) == 1)
		n++;
	cr_assert_eq(n, sent);
	cr_assert_eq(punt_client_send(c, &info, big, sizeof(big), 0), 0);
	punt_client_free(c);
	punt_server_free(s);
}

Test(punt, the_newest_connection_answers)
{
	struct punt_client *old = punt_client_new(path(), 0);
	struct punt_client *fresh = punt_client_new(path(), 0);
	struct punt_info info = sample();
	const uint8_t *payload;
	struct punt_info got;
	struct punt_server *s;
	size_t len;
	int err;

	s = punt_server_new(path(), &err);
	cr_assert_geq(punt_client_connect(old, 0), 0);
	cr_assert_geq(punt_client_connect(fresh, 0), 0);
	cr_assert_eq(punt_server_recv(s, &got, &payload, &len), 0);
	cr_assert_eq(punt_server_send(s, &info, (const uint8_t *)"x", 1), 0);
	cr_assert_eq(punt_client_recv(fresh, &got, &payload, &len), 1);
	cr_assert_eq(punt_client_recv(old, &got, &payload, &len), 0);
	punt_client_free(fresh);
	cr_assert_eq(punt_server_send(s, &info, (const uint8_t *)"y", 1), 0);
	cr_assert_eq(punt_client_recv(old, &got, &payload, &len), 1);
	punt_client_free(old);
	punt_server_free(s);
}
