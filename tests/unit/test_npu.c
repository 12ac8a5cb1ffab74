/* SPDX-License-Identifier: MIT */
/*
 * The packet path: ESP with and without UDP, marks, batches, keepalives, a peer whose address changes. What
 * its sizes are, and its traffic class: test_npu_mtu.c.
 */
#include "tests/unit/npu_bed.h"

Test(npu, ping_through_udp_encapsulation)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 1000);
	int i;

	for (i = 1; i <= 200; i++) {
		make_ping(b, (uint16_t)i);
		send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
		cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), i);
	}
	cr_assert_eq(b->counters.in_packets, 200u);
	cr_assert_eq(b->counters.out_packets, 200u);
	cr_assert_eq(b->counters.out_bytes, 200u * 84);
	wait_event(b, NPU_EV_FIRST_USE);
	/* a copy of an old packet is counted, not answered */
	make_ping(b, 900);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 900);
	make_ping(b, 901);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 901);
	cr_assert_eq(b->counters.in_replay, 1u);
	remove_all(b, sa);
	end(b);
}

Test(npu, ping_through_raw_esp)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, false, 1000);
	int i;

	for (i = 1; i <= 20; i++) {
		make_ping(b, (uint16_t)i);
		send_to(b->peer_raw, b->pkt.data, b->pkt.len, "127.0.0.1:0");
		cr_assert_eq(reply(b, b->peer_raw, DEADLINE_MS), i);
	}
	remove_all(b, sa);
	end(b);
}

/* What its traffic tells of an SA: that there is some, that bytes and numbers run out, that they are used up.
 */
static void lives(struct bed *b, struct npu_sa *sa, enum npu_event_kind soft)
{
	for (int i = 1; i <= 20; i++) {
		make_ping(b, (uint16_t)i);
		send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
		cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), i);
	}
	cr_assert_eq(wait_event(b, NPU_EV_TRAFFIC).spi, 0x03000101u);
	cr_assert_eq(wait_event(b, soft).spi, 0x03000101u);
	cr_assert_eq(wait_event(b, soft).spi, 0x03000101u, "told again");
	cr_assert_eq(wait_event(b, NPU_EV_HARD).spi, 0x03000101u);
	cr_assert(sa->hard_told && sa->used_told);
}

/* One whose bytes have been used up. */
static struct npu_sa *add_used_up(struct bed *b)
{
	struct npu_sa *sa = prepare_sa(b, true, 1000);

	sa->soft_bytes = 5 * 84;
	sa->hard_bytes = 15 * 84;
	insert_sa(b, sa, 1000);
	lives(b, sa, NPU_EV_BYTES_SOFT);
	return sa;
}

Test(npu, kilobytes_of_an_sa)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_used_up(b);

	remove_all(b, sa);
	end(b);
}

Test(npu, sequence_numbers_of_an_sa)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, true, 1000);

	sa->soft_seq = 5;
	sa->hard_seq = 15;
	insert_sa(b, sa, 1000);
	lives(b, sa, NPU_EV_SEQ_SOFT);
	remove_all(b, sa);
	end(b);
}

/* The path is told by whoever owns the SA. */
static void tell_path(struct bed *b, bool encap, const char *local, const char *remote)
{
	struct npu_batch *batch = npu_batch_new(0, 0, 1);
	struct npu_event e;

	batch->path[batch->n_path++] = (struct npu_path){0x03000101, encap, encap, ep(local), ep(remote)};
	npu_batch(b->npu, batch);
	e = wait_event(b, NPU_EV_BATCH);
	npu_batch_free(e.batch);
}

/* An ipsecmgr that died may have been told in vain: its successor, which gives us its SAs again, is told too.
 */
Test(npu, what_is_used_up_is_told_to_a_new_owner)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_used_up(b);

	tell_path(b, true, "127.0.0.1:4500", "127.0.0.2:4500");
	make_ping(b, 21);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 21);
	cr_assert_eq(wait_event(b, NPU_EV_HARD).spi, 0x03000101u);
	remove_all(b, sa);
	end(b);
}

/* As often as is wanted while the peer sends, beside the first time. */
Test(npu, activity_of_the_peer)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, true, 1000);

	sa->activity_us = 1;
	insert_sa(b, sa, 1000);
	for (int i = 1; i <= 4; i++) {
		make_ping(b, (uint16_t)i);
		send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
		cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), i);
		cr_assert_eq(wait_event(b, NPU_EV_FIRST_USE).spi, 0x03000101u);
	}
	remove_all(b, sa);
	end(b);
}

Test(npu, nothing_leaves_before_its_mark_is_durable)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 0);
	struct pollfd p = {.fd = b->event_fd, .events = POLLIN};

	make_ping(b, 1);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	while (!__atomic_load_n(&b->counters.out_no_hw_mark, __ATOMIC_RELAXED))
		poll(&p, 1, 1);
	cr_assert_eq(reply(b, b->peer_udp, 0), -1);
	/* it could not be stored: asked again, with the same mark */
	cr_assert_eq(npu_mark(b->npu, 0x03000101, 0, -EIO), 0);
	cr_assert_eq(wait_event(b, NPU_EV_MARK).out, 1u + ESP_SEQ_BLOCK);
	cr_assert_eq(npu_mark(b->npu, 0x03000101, 1 + ESP_SEQ_BLOCK, 0), 0);
	cr_assert_eq(npu_mark(b->npu, 0x03999999, 1 + ESP_SEQ_BLOCK, 0), 0,
	             "of an SA that has gone: ignored");
	make_ping(b, 2);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 2);
	cr_assert_eq(sa->esp->seq, 1u);
	remove_all(b, sa);
	end(b);
}

/* What comes while a resumed SA waits for its mark waits too, in the TUN. */
Test(npu, packets_wait_for_the_mark)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 0);
	struct pollfd p = {.fd = b->event_fd, .events = POLLIN};

	make_ping(b, 1);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	while (!__atomic_load_n(&b->counters.in_packets, __ATOMIC_RELAXED))
		poll(&p, 1, 1);
	cr_assert_eq(npu_mark(b->npu, 0x03000101, 1 + ESP_SEQ_BLOCK, 0), 0);
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 1);
	cr_assert_eq(b->counters.out_no_hw_mark, 0u);
	remove_all(b, sa);
	end(b);
}

Test(npu, follows_a_peer_behind_a_nat)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 1000);
	struct npu_event e;
	uint8_t old[256];
	size_t old_len;

	make_ping(b, 1);
	memcpy(old, b->pkt.data, b->pkt.len);
	old_len = b->pkt.len;
	make_ping(b, 2);
	send_to(b->peer_udp2, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp2, DEADLINE_MS), 2);
	e = wait_event(b, NPU_EV_PATH);
	cr_assert_eq(e.remote.port, 40001);
	cr_assert_eq(e.spi, 0x03000101u);
	/* a late packet from the old address passes but does not turn the path back */
	send_to(b->peer_udp, old, old_len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp2, DEADLINE_MS), 1);
	/* nor does a forged one with a new number */
	make_ping(b, 3);
	b->pkt.data[b->pkt.len - 1] ^= 1;
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	make_ping(b, 4);
	send_to(b->peer_udp2, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp2, DEADLINE_MS), 4);
	cr_assert_eq(b->counters.in_auth_fail, 1u);
	remove_all(b, sa);
	end(b);
}

/* A host behind a NAT does not: whoever sends it one packet on from elsewhere would have its traffic (RFC
 * 7296 section 2.23). */
Test(npu, from_behind_a_nat_follows_nobody)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, true, 1000);
	struct npu_event *e;

	sa->follow = false;
	insert_sa(b, sa, 1000);
	for (uint16_t i = 1; i <= 3; i++) {
		make_ping(b, i);
		send_to(b->peer_udp2, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
		cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), i, "taken, and answered where the peer is");
	}
	while ((e = npu_event_next(b->npu))) {
		cr_expect_neq(e->kind, NPU_EV_PATH);
		free(e);
	}
	/* no longer behind a NAT */
	tell_path(b, true, "127.0.0.1:4500", "127.0.0.2:4500");
	make_ping(b, 4);
	send_to(b->peer_udp2, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp2, DEADLINE_MS), 4);
	cr_assert_eq(wait_event(b, NPU_EV_PATH).remote.port, 40001);
	remove_all(b, sa);
	end(b);
}

Test(npu, ike_both_ways_and_unknown_spis)
{
	struct bed *b = begin();
	struct pollfd p = {.events = POLLIN};
	const uint8_t *payload;
	struct punt_info info;
	char path[80];
	uint8_t buf[64];
	size_t len = 0;
	int err;
	int rc;

	snprintf(path, sizeof(path), "/tmp/orrery-test-npu-%d-%u.sock", (int)getpid(), INST);
	/* nobody is there: lost and counted, the path goes on */
	send_to(b->peer_udp, "\0\0\0\0lost", 8, "127.0.0.1:4500");
	p.fd = b->event_fd;
	while (!__atomic_load_n(&npu_stats(b->npu)->ike_lost, __ATOMIC_RELAXED))
		poll(&p, 1, 1);
	b->punt = punt_server_new(path, &err);
	cr_assert(b->punt);
	p.fd = punt_server_fd(b->punt);
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1, "it connects by itself");
	send_to(b->peer_udp, "\0\0\0\0IKE on 4500", 15, "127.0.0.1:4500");
	while (!(rc = punt_server_recv(b->punt, &info, &payload, &len)))
		cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(rc, 1);
	cr_assert_eq(len, 11u);
	cr_assert_eq(memcmp(payload, "IKE on 4500", 11), 0);
	cr_assert_eq(info.flags, (uint32_t)PUNT_F_NATT);
	cr_assert_eq(info.ctx, (uint32_t)CTX);
	cr_assert_eq(info.remote.port, 4500);
	cr_assert_eq(info.local.port, 4500);
	cr_assert_eq(punt_server_send(b->punt, &info, (const uint8_t *)"answer", 6), 0);
	p.fd = b->peer_udp;
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(recv(b->peer_udp, buf, sizeof(buf), 0), 10);
	cr_assert_eq(memcmp(buf, "\0\0\0\0answer", 10), 0);
	/* and on port 500, without the marker */
	info.flags = 0;
	info.local.port = 500;
	cr_assert_eq(punt_server_send(b->punt, &info, (const uint8_t *)"plain", 5), 0);
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(recv(b->peer_udp, buf, sizeof(buf), 0), 5);
	send_to(b->peer_udp, "\x03\x00\x77\x77\x00\x00\x00\x01garbage garbage", 23, "127.0.0.1:4500");
	cr_assert_eq(wait_event(b, NPU_EV_UNKNOWN_SPI).spi, 0x03007777u);
	cr_assert_eq(b->counters.in_no_sa, 1u);
	end(b);
}

Test(npu, batches_replace_move_and_delete)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 1000);
	struct npu_sa *again = calloc(1, sizeof(*again));
	struct npu_batch *batch = npu_batch_new(1, 2, 1);
	struct npu_event e;
	uint64_t beat = npu_stats(b->npu)->beat;

	*again = *sa;
	again->esp = make_sa(0x03000101, 0x05000101, "10.9.0.1/32", "10.10.0.5/32", 2000, 500);
	batch->add[batch->n_add++] = again;
	batch->del[batch->n_del++] = 0x03abcdef; /* unknown: ignored */
	batch->path[batch->n_path++] =
	        (struct npu_path){0x03000101, true, true, ep("127.0.0.1:4500"), ep("127.0.0.2:40001")};
	npu_batch(b->npu, batch);
	e = wait_event(b, NPU_EV_BATCH);
	cr_assert_eq(e.batch->n_gone, 1u);
	cr_assert_eq(e.batch->gone[0], sa);
	npu_batch_free(e.batch);
	esp_sa_free(sa->esp);
	free(sa);
	make_ping(b, 7);
	send_to(b->peer_udp2, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp2, DEADLINE_MS), 7);
	cr_assert_eq(again->esp->seq, 501u);
	cr_assert_eq(npu_ping(b->npu), 0);
	batch = npu_batch_new(0, 1, 0);
	batch->del[batch->n_del++] = 0x03000101;
	npu_batch(b->npu, batch);
	e = wait_event(b, NPU_EV_BATCH);
	cr_assert_eq(e.batch->n_gone, 1u);
	npu_batch_free(e.batch);
	cr_assert_eq(npu_stats(b->npu)->beat, beat + 1);
	cr_assert_eq(b->counters.in_sa, 0u);
	esp_sa_free(again->esp);
	free(again);
	/* a port that is taken away takes no packets any more */
	cr_assert_eq(npu_port_del(b->npu, CTX, INST, &b->service), 0);
	end(b);
}

/* They are told, but no more often than once a second, and change nothing. */
Test(npu, keepalives_of_peers_are_counted)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, true, 1000);
	struct npu_event e;
	uint64_t told = 0, at = clock_now_us();
	unsigned words = 0;

	for (int i = 0; i < 40; i++)
		send_to(i % 2 ? b->peer_udp : b->peer_udp2, "\xff", 1, "127.0.0.1:4500");
	send_to(b->peer_udp, "\xfe", 1, "127.0.0.1:4500"); /* none */
	while (told < 40) {
		e = wait_event(b, NPU_EV_KEEPALIVES_IN);
		cr_assert_eq(e.instance, INST);
		cr_assert_eq(e.ctx, CTX);
		cr_assert(net_addr_equal(&e.local.addr, &b->service));
		cr_assert(net_addr_equal(&e.remote.addr, &b->peer_addr));
		told += e.in;
		words++;
	}
	cr_assert_eq(told, 40);
	cr_assert_leq(words, 1 + (clock_now_us() - at) / 1000000);
	cr_assert_eq(b->counters.natt_keepalives, 40u);
	cr_assert_eq(b->counters.in_malformed, 1u);
	make_ping(b, 1);
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	cr_assert_eq(reply(b, b->peer_udp, DEADLINE_MS), 1, "nobody was followed");
	remove_all(b, sa);
	end(b);
}

/* RFC 3948 section 4: one byte when nothing was sent for a while, then again; traffic puts it off. */
Test(npu, keepalives_while_nothing_is_sent)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, true, 1000);
	struct pollfd p = {.fd = b->peer_udp, .events = POLLIN};
	uint8_t byte[8];
	uint64_t at;

	sa->keep_idle_us = 150000;
	sa->keep_interval_us = 60000;
	at = clock_now_us();
	insert_sa(b, sa, 1000);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
		cr_assert_eq(recv(b->peer_udp, byte, sizeof(byte), 0), 1);
		cr_assert_eq(byte[0], 0xff);
		/* from the beginning: who sees one late sees the next one sooner after it */
		cr_assert_geq(clock_now_us() - at, 145000u + (unsigned)i * 55000, "keepalive %d", i);
	}
	make_ping(b, 1); /* its answer is traffic: now the idle time counts again */
	at = clock_now_us();
	send_to(b->peer_udp, b->pkt.data, b->pkt.len, "127.0.0.1:4500");
	do
		cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	while (recv(b->peer_udp, b->buf, 2048, 0) == 1);
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(recv(b->peer_udp, byte, sizeof(byte), 0), 1);
	cr_assert_geq(clock_now_us() - at, 145000u);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(wait_event(b, NPU_EV_KEEPALIVE_OUT).spi, 0x03000101u);
	cr_assert_geq(npu_stats(b->npu)->keepalives_out, 3u);
	remove_all(b, sa);
	end(b);
}

/* A peer that moves behind a NAT needs them from then on. */
Test(npu, keepalives_begin_with_encapsulation)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, false, 1000);
	struct pollfd p = {.fd = b->peer_udp, .events = POLLIN};
	uint8_t byte[8];

	sa->keep_idle_us = sa->keep_interval_us = 20000;
	insert_sa(b, sa, 1000);
	tell_path(b, true, "127.0.0.1:4500", "127.0.0.2:4500");
	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	cr_assert_eq(recv(b->peer_udp, byte, sizeof(byte), 0), 1);
	cr_assert_eq(byte[0], 0xff);
	remove_all(b, sa);
	end(b);
}
