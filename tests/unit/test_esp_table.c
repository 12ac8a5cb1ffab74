/* SPDX-License-Identifier: MIT */
/*
 * The SA table: SPI lookup through growth and removal, outbound choice by longest prefix, newest SA, and the
 * rule for a responder's new SA after a rekey (RFC 7296 section 2.8).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp/esp.h"

static const uint8_t key[32] = "0123456789abcdef0123456789abcde";

static struct esp_ts ts(const char *prefix)
{
	struct net_prefix p;

	cr_assert_eq(net_prefix_parse(&p, prefix), 0);
	return esp_inner_ts_prefix(&p);
}

static struct esp_sa *sa_ts(uint32_t spi, struct esp_ts local, struct esp_ts remote, bool wait)
{
	struct esp_sa_params p = {
	        .spi_in = spi,
	        .spi_out = spi,
	        .encr = ESP_ENCR_NULL,
	        .integ = ESP_INTEG_SHA1_96,
	        .integ_key_in = key,
	        .integ_key_out = key,
	        .integ_key_len = 20,
	        .replay_window = 64,
	        .ts_local = &local,
	        .n_local = 1,
	        .ts_remote = &remote,
	        .n_remote = 1,
	        .seq_limit = 1000,
	        .out_wait = wait,
	};
	struct esp_sa *sa;
	int err;

	sa = esp_sa_new(&p, &err);
	cr_assert(sa, "%d", err);
	return sa;
}

static struct esp_sa *sa_for(uint32_t spi, const char *remote, bool wait)
{
	return sa_ts(spi, ts(strchr(remote, ':') ? "::/0" : "0.0.0.0/0"), ts(remote), wait);
}

static struct esp_flow flow_to(const char *dst)
{
	struct esp_flow f = {.proto = 17, .has_ports = true, .sport = 1, .dport = 2};

	cr_assert_eq(net_addr_parse(&f.dst, dst), 0);
	net_addr_parse(&f.src, strchr(dst, ':') ? "2001:db8::99" : "172.16.0.1");
	return f;
}

static uint32_t out(struct esp_table *t, const char *dst)
{
	struct esp_flow f = flow_to(dst);
	struct esp_sa *sa = esp_table_out(t, &f);

	return sa ? sa->in.spi : 0;
}

static void drop(struct esp_table *t, uint32_t spi)
{
	struct esp_sa *sa = esp_table_remove(t, spi);

	cr_assert(sa);
	esp_sa_free(sa);
}

Test(esp_table, many_hosts_come_and_go)
{
	enum { N = 5000 };
	struct esp_table *t = esp_table_new(42);
	char text[32];
	size_t pos = 0;
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 250, i % 250);
		cr_assert_eq(esp_table_add(t, sa_for(0x01000000 + i * 3 + 300, text, false)), 0);
	}
	cr_assert_eq(esp_table_count(t), (size_t)N);
	for (i = 0; i < N; i += 2)
		drop(t, 0x01000000 + i * 3 + 300);
	for (i = 0; i < N; i++) {
		uint32_t spi = 0x01000000 + i * 3 + 300;
		struct esp_sa *sa = esp_table_in(t, spi);

		snprintf(text, sizeof(text), "10.0.%u.%u", i / 250, i % 250);
		cr_assert_eq(sa ? sa->in.spi : 0, i % 2 ? spi : 0);
		cr_assert_eq(out(t, text), i % 2 ? spi : 0);
	}
	while (esp_table_next(t, &pos))
		n++;
	cr_assert_eq(n, (size_t)N / 2);
	cr_assert_null(esp_table_remove(t, 7));
	esp_table_free(t);
	esp_table_free(NULL);
}

Test(esp_table, duplicate_spi_stays_the_callers)
{
	struct esp_table *t = esp_table_new(1);
	struct esp_sa *sa = sa_for(1000, "10.0.0.1", false);

	cr_assert_eq(esp_table_add(t, sa_for(1000, "10.0.0.2", false)), 0);
	cr_assert_eq(esp_table_add(t, sa), -EEXIST);
	esp_sa_free(sa);
	cr_assert_eq(out(t, "10.0.0.1"), 0u);
	esp_table_free(t);
}

Test(esp_table, longest_prefix_then_newest)
{
	struct esp_table *t = esp_table_new(1);
	struct esp_ts odd = ts("10.1.1.0/24");

	esp_table_add(t, sa_for(1000, "10.0.0.0/8", false));
	esp_table_add(t, sa_for(1001, "10.1.0.0/16", false));
	esp_table_add(t, sa_for(1002, "10.1.1.1", false));
	esp_table_add(t, sa_for(1003, "2001:db8::/32", false));
	esp_table_add(t, sa_for(1004, "2001:db8::5", false));
	cr_assert_eq(out(t, "10.9.9.9"), 1000u);
	cr_assert_eq(out(t, "10.1.9.9"), 1001u);
	cr_assert_eq(out(t, "10.1.1.1"), 1002u);
	cr_assert_eq(out(t, "11.1.1.1"), 0u);
	cr_assert_eq(out(t, "2001:db8::5"), 1004u);
	cr_assert_eq(out(t, "2001:db8::6"), 1003u);
	cr_assert_eq(out(t, "2001:db9::6"), 0u);
	/* a range that is no prefix: found inside, not found in the rest of its enclosing prefix */
	net_addr_parse(&odd.lo, "10.1.1.7");
	net_addr_parse(&odd.hi, "10.1.1.130");
	esp_table_add(t, sa_ts(1005, ts("0.0.0.0/0"), odd, false));
	cr_assert_eq(out(t, "10.1.1.7"), 1005u);
	cr_assert_eq(out(t, "10.1.1.130"), 1005u);
	cr_assert_eq(out(t, "10.1.1.131"), 1001u);
	cr_assert_eq(out(t, "10.1.1.6"), 1001u);
	/* make before break: the newest of the same selectors, and the old one again when it goes */
	esp_table_add(t, sa_for(1006, "10.1.1.1", false));
	cr_assert_eq(out(t, "10.1.1.1"), 1006u);
	drop(t, 1006);
	cr_assert_eq(out(t, "10.1.1.1"), 1002u);
	esp_table_free(t);
}

Test(esp_table, newest_first_survives_growth)
{
	struct esp_table *t = esp_table_new(3);
	char text[32];
	uint32_t i;

	for (i = 0; i < 20; i++)
		esp_table_add(t, sa_for(1000 + i, "10.1.1.1", false));
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.2.%u.%u", i / 200, i % 200);
		esp_table_add(t, sa_for(5000 + i, text, false));
	}
	for (i = 20; i-- > 0;) {
		cr_assert_eq(out(t, "10.1.1.1"), 1000 + i);
		drop(t, 1000 + i);
	}
	esp_table_free(t);
}

Test(esp_table, responder_waits_for_the_peer)
{
	struct esp_table *t = esp_table_new(3);
	struct esp_sa *peer = sa_ts(1001, ts("10.1.1.1"), ts("0.0.0.0/0"), false);
	uint8_t buf[256] = {0};
	uint8_t inner[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 1, 1, 172, 16, 0, 1};
	struct esp_pkt p = {.data = buf + 64, .len = 28, .headroom = 64, .tailroom = 128};
	struct esp_sa *fresh = sa_for(1001, "10.1.1.1", true);

	esp_table_add(t, sa_for(1000, "10.1.1.1", false));
	esp_table_add(t, fresh);
	cr_assert_eq(out(t, "10.1.1.1"), 1000u);
	memcpy(p.data, inner, 28);
	cr_assert_eq(esp_seal(peer, &p, 0), ESP_OK);
	cr_assert_eq(esp_open(fresh, &p, 0), ESP_OK);
	cr_assert(fresh->fresh);
	cr_assert_eq(out(t, "10.1.1.1"), 1001u);
	/* with the old one gone a waiting SA is better than none */
	drop(t, 1000);
	esp_table_add(t, sa_for(1002, "10.1.1.1", true));
	cr_assert_eq(out(t, "10.1.1.1"), 1001u);
	drop(t, 1001);
	cr_assert_eq(out(t, "10.1.1.1"), 1002u);
	esp_sa_free(peer);
	esp_table_free(t);
}

Test(esp_table, ports_and_sources_choose)
{
	struct esp_table *t = esp_table_new(3);
	struct esp_ts web = ts("10.1.1.1");
	struct esp_flow f = flow_to("10.1.1.1");

	web.proto = 6;
	web.port_lo = web.port_hi = 80;
	esp_table_add(t, sa_ts(1000, ts("172.16.0.0/16"), ts("10.1.1.1"), false));
	esp_table_add(t, sa_ts(1001, ts("172.16.0.0/16"), web, false));
	cr_assert_eq(esp_table_out(t, &f)->in.spi, 1000u);
	f.proto = 6;
	f.dport = 80;
	cr_assert_eq(esp_table_out(t, &f)->in.spi, 1001u);
	f.dport = 81;
	cr_assert_eq(esp_table_out(t, &f)->in.spi, 1000u);
	net_addr_parse(&f.src, "172.17.0.1");
	cr_assert_null(esp_table_out(t, &f));
	esp_table_free(t);
}
