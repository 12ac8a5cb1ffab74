/* SPDX-License-Identifier: MIT */
/*
 * The packet path with too long packets, the don't-fragment bit (chapter 8), and the traffic class.
 */
#include "tests/unit/npu_bed.h"

/* ---- too long packets, and the don't-fragment bit (chapter 8) ---- */

static int open_inner_socket(void *arg)
{
	struct net_endpoint from = ep("10.9.0.1:7000"), to = ep("10.10.0.5:7000");
	struct sockaddr_storage ss;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)arg;
	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, net_endpoint_to_sockaddr(&from, &ss)) ||
	    connect(fd, (struct sockaddr *)&ss, net_endpoint_to_sockaddr(&to, &ss)))
		return -errno;
	return fd;
}

/* Send so many bytes into the tunnel, with or without leave to fragment. 0 or -errno. */
static int send_inner(int fd, size_t len, bool df)
{
	static const uint8_t data[2000];
	int how = df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;

	setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof(how));
	return send(fd, data, len, 0) < 0 ? -errno : 0;
}

/* The next ESP packet: its outer header's bit in *df, the inner packet in b->pkt. */
static void receive_outer(struct bed *b, bool *df)
{
	struct pollfd p = {.fd = b->peer_raw, .events = POLLIN};
	ssize_t len;

	cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1);
	len = recv(b->peer_raw, b->buf + ESP_HEADROOM, 2048, 0);
	cr_assert_gt(len, 20);
	*df = b->buf[ESP_HEADROOM + 6] & 0x40;
	b->pkt =
	        (struct esp_pkt){.data = b->buf + ESP_HEADROOM, .len = (size_t)len, .headroom = ESP_HEADROOM};
	cr_assert_eq(esp_outer_pull_ipv4(&b->pkt), ESP_OK);
	cr_assert_eq(esp_open(b->peer, &b->pkt, 0), ESP_OK);
}

Test(npu_mtu, the_dont_fragment_bit)
{
	static const struct {
		enum npu_df how;
		bool inner, outer;
	} rows[] = {
	        {NPU_DF_COPY, true, true}, {NPU_DF_COPY, false, false}, {NPU_DF_SET, false, true},
	        {NPU_DF_SET, true, true},  {NPU_DF_CLEAR, true, false}, {NPU_DF_CLEAR, false, false},
	};
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, false, 1ULL << 32);
	int fd = ns_run(b->ns, open_inner_socket, NULL);
	bool df;

	cr_assert_geq(fd, 0);
	insert_sa(b, sa, 1ULL << 32);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sa->df = rows[i].how;
		cr_assert_eq(send_inner(fd, 100, rows[i].inner), 0);
		receive_outer(b, &df);
		cr_expect_eq(df, rows[i].outer, "row %zu", i);
	}
	close(fd);
	remove_all(b, sa);
	end(b);
}

Test(npu_mtu, long_packets_are_fragmented_or_their_sender_is_told)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, false, 1ULL << 32);
	int fd = ns_run(b->ns, open_inner_socket, NULL), rc = 0;
	uint64_t give_up = clock_now_us() + DEADLINE_MS * US_PER_MS;
	size_t got = 0;
	bool df;

	cr_assert_geq(fd, 0);
	sa->mtu4 = 600;
	insert_sa(b, sa, 1ULL << 32);
	cr_assert_eq(send_inner(fd, 1000, false), 0);
	while (got < 1008) { /* with the UDP header */
		receive_outer(b, &df);
		cr_assert_leq(b->pkt.len, 600u);
		cr_assert_eq((b->pkt.data[6] << 8 | b->pkt.data[7]) & 0x1fff, got / 8);
		got += b->pkt.len - 20;
	}
	cr_assert_eq(got, 1008u);
	cr_assert_eq(b->counters.out_fragmented, 1u);
	sa->pre_fragment = 300; /* lower still, for those that may be fragmented */
	cr_assert_eq(send_inner(fd, 500, false), 0);
	receive_outer(b, &df);
	cr_assert_leq(b->pkt.len, 300u);
	receive_outer(b, &df);
	/* the kernel learns, by our message, that 1000 bytes do not fit */
	while (!rc && clock_now_us() < give_up)
		rc = send_inner(fd, 1000, true);
	cr_assert_eq(rc, -EMSGSIZE);
	cr_assert_geq(b->counters.out_too_big, 1u);
	do /* what more of our messages came is told first */
		rc = send_inner(fd, 500, true);
	while (rc && clock_now_us() < give_up);
	cr_assert_eq(rc, 0);
	receive_outer(b, &df);
	cr_assert(df);
	cr_assert_eq(b->pkt.len, 528u);
	close(fd);
	remove_all(b, sa);
	end(b);
}

static void lo_mtu(struct bed *b, uint32_t mtu)
{
	int err;
	struct nl *nl = nl_new(b->ns, &err);

	cr_assert(nl);
	cr_assert_eq(nl_link_mtu(nl, nl_link_index(nl, "lo"), mtu), 0);
	nl_free(nl);
}

/* Send until something comes out. Returns the length of the inner packet. */
static size_t comes_out(struct bed *b, int fd, size_t len)
{
	uint64_t give_up = clock_now_us() + DEADLINE_MS * US_PER_MS;
	struct pollfd p = {.fd = b->peer_raw, .events = POLLIN};
	bool df;

	do {
		cr_assert_eq(send_inner(fd, len, false), 0);
		cr_assert_lt(clock_now_us(), give_up, "nothing comes out");
	} while (poll(&p, 1, 10) != 1);
	receive_outer(b, &df);
	cr_assert(df);
	return b->pkt.len;
}

/* RFC 4301 section 8.2: what the way takes is found out, and found out again after a while. */
Test(npu_mtu, the_size_that_a_way_takes_is_learned_and_forgotten)
{
	struct bed *b = begin();
	struct npu_sa *sa = prepare_sa(b, false, 1ULL << 32);
	uint64_t give_up = clock_now_us() + 4 * DEADLINE_MS * US_PER_MS;
	int fd = ns_run(b->ns, open_inner_socket, NULL);
	size_t len;

	cr_assert_geq(fd, 0);
	sa->df = NPU_DF_SET;
	insert_sa(b, sa, 1ULL << 32);
	lo_mtu(b, 1000);
	cr_assert_lt(comes_out(b, fd, 950), 978u, "in pieces: it may be fragmented, what carries it may not");
	lo_mtu(b, 65536);
	cr_assert_lt(comes_out(b, fd, 950), 978u, "as long as that is believed");
	sa->learned_until = 1;
	while ((len = comes_out(b, fd, 950)) < 978 && clock_now_us() < give_up)
		; /* one that was on its way still */
	cr_assert_eq(len, 978u);
	cr_assert_eq(sa->learned, 0u);
	close(fd);
	remove_all(b, sa);
	end(b);
}

/* Nobody may be told to send IPv6 packets of less than 1280 bytes: what carries them is fragmented then. */
Test(npu_mtu, short_ipv6_packets_pass_every_way)
{
	struct npu_sa sa = {.df = NPU_DF_SET, .remote.addr.family = AF_INET};
	uint8_t six[40] = {0x60, [4] = 1240 >> 8, [5] = 1240 & 0xff}, four[20] = {0x45};

	cr_expect(npu_mtu_df(&sa, six));
	sa.learned = 942;
	cr_expect_not(npu_mtu_df(&sa, six));
	cr_expect(npu_mtu_df(&sa, four));
	six[5]++;
	cr_expect(npu_mtu_df(&sa, six), "too long: its sender is told 1280");
	sa.learned = 1400;
	six[5]--;
	cr_expect(npu_mtu_df(&sa, six));
}

/* ---- the traffic class ---- */

static uint8_t outer_tos(struct bed *b)
{
	return b->buf[ESP_HEADROOM + 1];
}

/* RFC 4301 section 5.1.2: what carries a packet is marked like it; congestion on the way is not forgotten
 * (RFC 6040). */
Test(npu_mtu, the_traffic_class_goes_along)
{
	struct bed *b = begin();
	struct npu_sa *sa = add_sa(b, false, 1000);
	struct pollfd p = {.fd = b->event_fd, .events = POLLIN};
	int expedited = 0xb8 | 2, congestion = 3;

	b->tos = (uint8_t)expedited;
	make_ping(b, 1);
	send_to(b->peer_raw, b->pkt.data, b->pkt.len, "127.0.0.1:0");
	cr_assert_eq(reply(b, b->peer_raw, DEADLINE_MS), 1);
	cr_assert_eq(b->pkt.data[1], expedited, "the kernel answers as it was asked");
	cr_assert_eq(outer_tos(b), expedited);
	cr_assert_eq(setsockopt(b->peer_raw, IPPROTO_IP, IP_TOS, &congestion, sizeof(congestion)), 0);
	make_ping(b, 2);
	send_to(b->peer_raw, b->pkt.data, b->pkt.len, "127.0.0.1:0");
	cr_assert_eq(reply(b, b->peer_raw, DEADLINE_MS), 2);
	cr_assert_eq(b->pkt.data[1], 0xb8 | 3);
	cr_assert_eq(outer_tos(b), 0xb8 | 3);
	b->tos = 0; /* it cannot be told: dropped, as it would have been without the tunnel */
	make_ping(b, 3);
	send_to(b->peer_raw, b->pkt.data, b->pkt.len, "127.0.0.1:0");
	while (!__atomic_load_n(&b->counters.in_malformed, __ATOMIC_RELAXED))
		poll(&p, 1, 1);
	cr_assert_eq(b->counters.in_packets, 2u);
	remove_all(b, sa);
	end(b);
}
