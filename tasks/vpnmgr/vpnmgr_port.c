/* SPDX-License-Identifier: MIT */
/*
 * What the context's ports carry and whom they see: readings of their counters (noted whenever the kernel is
 * compared with what shall be, every half minute), their averages, and the kernel's neighbours. Entry points:
 * vpnmgr_port_note(), the fills of vpnmgr_show.c's table.
 */
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/rate.h"
#include "show/show.h"
#include "vpnmgr.h"

#define RATES_MAX 64 /* service ports of two management cards, and some */

static struct {
	char port[12];
	struct rate rate;
} rates[RATES_MAX];
static unsigned n_rates;

static struct rate *rate_of(const char *port)
{
	for (unsigned i = 0; i < n_rates; i++)
		if (!strcmp(rates[i].port, port))
			return &rates[i].rate;
	if (n_rates == RATES_MAX)
		return NULL;
	snprintf(rates[n_rates].port, sizeof(rates[0].port), "%s", port);
	return &rates[n_rates++].rate;
}

/* The interface's port with its device as the kernel has it now. false: it has none. */
static bool port_link(struct vpnmgr *v, unsigned n, struct nl_link *l)
{
	return *v->cfg.ifs[n].port && *v->ifs[n].device && v->nl &&
	       nl_link_get(v->nl, v->ifs[n].device, l) == 0;
}

void vpnmgr_port_note(struct vpnmgr *v)
{
	struct nl_link l;

	for (unsigned i = 0; i < v->cfg.n_ifs; i++) {
		struct rate *r = port_link(v, i, &l) ? rate_of(v->cfg.ifs[i].port) : NULL;

		if (r)
			rate_note(r, clock_now_us(), l.rx_bytes, l.tx_bytes);
	}
}

/* --- ports
 * ---------------------------------------------------------------------------------------------------- */

static json_t *mac_json(const uint8_t m[6], char sep)
{
	return show_format("%02X%c%02X%c%02X%c%02X%c%02X%c%02X", m[0], sep, m[1], sep, m[2], sep, m[3], sep,
	                   m[4], sep, m[5]);
}

static void add_rates(json_t *o, const char *port, const struct nl_link *l)
{
	static const struct {
		const char *rx, *tx;
		unsigned s;
	} spans[] = {{"rx_now_bps", "tx_now_bps", 0},
	             {"rx_5min_bps", "tx_5min_bps", 300},
	             {"rx_15min_bps", "tx_15min_bps", 900}};
	const struct rate *r = rate_of(port);
	double rx, tx;

	for (size_t i = 0; r && i < sizeof(spans) / sizeof(spans[0]); i++) {
		if (!rate_over(r, clock_now_us(), l->rx_bytes, l->tx_bytes, spans[i].s * US_PER_SEC, &rx,
		               &tx))
			continue;
		json_object_set_new(o, spans[i].rx, json_integer((json_int_t)(rx * 8)));
		json_object_set_new(o, spans[i].tx, json_integer((json_int_t)(tx * 8)));
	}
}

json_t *vpnmgr_port_show(struct task *t, struct show_page *page, char *err, size_t size)
{
	struct vpnmgr *v = &vpnmgr;
	json_t *list = json_array(), *o;
	struct nl_link l;

	for (unsigned i = 0; i < v->cfg.n_ifs; i++) {
		if (!port_link(v, i, &l) || !show_wanted(page))
			continue;
		o = json_pack("{s:s, s:o, s:o, s:b, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		              "port", v->cfg.ifs[i].port, "interface", show_text(v->cfg.ifs[i].name), "mac",
		              mac_json(l.mac, '-'), "up", l.up && l.running, "mtu", (int)l.mtu, "rx_bytes",
		              (json_int_t)l.rx_bytes, "rx_packets", (json_int_t)l.rx_packets, "rx_multicast",
		              (json_int_t)l.rx_multicast, "rx_errors", (json_int_t)l.rx_errors, "rx_dropped",
		              (json_int_t)l.rx_dropped, "tx_bytes", (json_int_t)l.tx_bytes, "tx_packets",
		              (json_int_t)l.tx_packets, "tx_errors", (json_int_t)l.tx_errors, "tx_dropped",
		              (json_int_t)l.tx_dropped);
		add_rates(o, v->cfg.ifs[i].port, &l);
		json_array_append_new(list, o);
	}
	return json_pack("{s:o, s:o}", "context", show_text(v->cfg.name), "ports", list);
}

/* --- neighbours
 * ----------------------------------------------------------------------------------------------- */

static char state_letter(uint16_t state)
{
	static const struct {
		uint16_t bit;
		char letter;
	} letters[] = {{NUD_INCOMPLETE, 'I'}, {NUD_REACHABLE, 'R'}, {NUD_PERMANENT, 'M'}, {NUD_STALE, 'S'},
	               {NUD_DELAY, 'D'},      {NUD_PROBE, 'P'},     {NUD_FAILED, 'F'}};

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (state & letters[i].bit)
			return letters[i].letter;
	return ' ';
}

static int one_neighbour(const struct nl_neigh *n, void *arg)
{
	const struct vpnmgr *v = &vpnmgr;
	char text[NET_ADDR_STRLEN], flag[2] = {state_letter(n->state), 0};
	unsigned i = 0;

	while (i < v->cfg.n_ifs && v->ifs[i].ifindex != n->ifindex)
		i++;
	if (i < v->cfg.n_ifs)
		json_array_append_new(arg,
		                      json_pack("{s:s, s:o, s:s, s:o}", "address",
		                                net_addr_format(&n->addr, text, sizeof(text)), "link_address",
		                                n->has_mac ? mac_json(n->mac, ':') : json_string(""), "flags",
		                                flag, "interface", show_text(v->cfg.ifs[i].name)));
	return 0;
}

json_t *vpnmgr_port_arp(struct task *t, struct show_page *page, char *err, size_t size)
{
	json_t *list = json_array();
	int rc = vpnmgr.nl ? nl_neigh_walk(vpnmgr.nl, AF_INET, one_neighbour, list) : 0;

	if (rc < 0) {
		snprintf(err, size, "Failure: the kernel does not tell its neighbours: %s", strerror(-rc));
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:o, s:o}", "context", show_text(vpnmgr.cfg.name), "neighbours", list);
}
