/* SPDX-License-Identifier: MIT */
/*
 * Shows of IPsec: security associations and managers are asked of every ipsecmgr that runs (one that does not
 * answer is counted and told), packets of the cards' iftasks; templates, sets and services come from the
 * configuration. The table names both halves of each.
 */
#include <stdlib.h>
#include <string.h>

#include "cli_show.h"
#include "net/addr.h"

/* --- every manager that runs
 * ------------------------------------------------------------------------------------------ */

/* Instance numbers: ipsecctrl knows them; without it the plan of rmctrl does. */
static json_t *instances(struct sh *sh, char *err, size_t size)
{
	json_t *list = sh_show(sh, "ipsecctrl/0", "managers", "", err, size), *a = json_array(), *row;
	size_t i;

	json_array_foreach(json_object_get(list, "managers"), i,
	                   row) if (strcmp(render_str(row, "state"), "Down") != 0)
	        json_array_append(a, json_object_get(row, "instance"));
	json_decref(list);
	if (json_array_size(a))
		return a;
	list = sh_show(sh, "rmctrl/0", "placement", "", err, size);
	json_array_foreach(json_object_get(list, "tasks"), i,
	                   row) if (!strcmp(render_str(row, "facility"), "ipsecmgr") &&
	                            !render_flag(row, "standby"))
	        json_array_append(a, json_object_get(row, "instance"));
	if (!list) {
		json_decref(a);
		return NULL;
	}
	json_decref(list);
	return a;
}

/* Numbers are added up, also one level down; lists are joined. */
static void add_up(json_t *all, json_t *one)
{
	const char *key;
	json_t *v, *have;

	json_object_foreach(one, key, v)
	{
		have = json_object_get(all, key);
		if (!strcmp(key, "instance") || !strcmp(key, "card") || !strcmp(key, "serving"))
			continue;
		if (!have)
			json_object_set(all, key, v);
		else if (json_is_integer(v))
			json_object_set_new(all, key,
			                    json_integer(json_integer_value(have) + json_integer_value(v)));
		else if (json_is_array(v))
			json_array_extend(have, v);
		else if (json_is_object(v))
			add_up(have, v);
	}
}

/* cards, when not NULL, collects the numbers of the cards that answered. */
static json_t *ask_managers(struct sh *sh, const char *what, const char *args, json_t *cards, char *err,
                            size_t size)
{
	json_t *list = instances(sh, err, size), *all, *n, *one;
	json_int_t missing = 0;
	char dst[40], why[256], card[16];
	size_t i;

	if (!list)
		return NULL;
	all = json_object();
	json_array_foreach(list, i, n)
	{
		snprintf(dst, sizeof(dst), "ipsecmgr/%d", (int)json_integer_value(n));
		one = sh_show(sh, dst, what, args, why, sizeof(why));
		missing += one == NULL;
		if (!one)
			continue;
		if (cards) {
			snprintf(card, sizeof(card), "%lld", render_num(one, "card"));
			json_object_set_new(cards, card, json_true());
		}
		add_up(all, one);
		json_decref(one);
	}
	json_object_set_new(all, "managers", json_integer((json_int_t)json_array_size(list)));
	json_object_set_new(all, "managers_missing", json_integer(missing));
	json_decref(list);
	return all;
}

/* A tag is of the session's context. */
static void sa_args(struct sh *sh, const struct cli_cmd *cmd, char *buf, size_t size)
{
	static const char *const words[] = {"peer", "spi"};
	size_t n = (size_t)snprintf(buf, size, "%s", cli_cmd_has(cmd, "summary") ? "summary" : "");

	if (cli_cmd_has(cmd, "tag"))
		snprintf(buf + n, size - n, "%sof %s/%s", n ? " " : "", sh->s.context,
		         cli_cmd_str(cmd, "tag"));
	for (size_t i = 0; i < 2; i++)
		if (cli_cmd_has(cmd, words[i]))
			snprintf(buf + n, size - n, "%s%s %s", n ? " " : "", words[i],
			         cli_cmd_str(cmd, words[i]));
}

/* Sums of the IKEv2 counters over all templates. */
static void set_detailed(struct sh *sh, json_t *all)
{
	char why[256];
	json_t *counters = sh_counters(sh, "ikev2", why, sizeof(why)), *sum = json_object(), *one;
	const char *key;

	json_object_foreach(counters, key, one) add_up(sum, one);
	if (counters)
		json_object_set(all, "detailed", sum);
	json_decref(sum);
	json_decref(counters);
}

static json_t *ike_sa_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	char args[300];
	json_t *all;

	sa_args(sh, cmd, args, sizeof(args));
	all = ask_managers(sh, "ike-sa", args, NULL, err, size);
	if (all && !cli_cmd_has(cmd, "summary"))
		set_detailed(sh, all);
	return all;
}

/* --- child SAs with their packets
 * ----------------------------------------------------------------------------------------- */

/* The SAs of each card's data path by inbound SPI. */
static json_t *data_path(struct sh *sh, json_t *cards)
{
	json_t *by_spi = json_object(), *reply, *sa, *v;
	const char *card;
	char dst[40], why[256];
	size_t i;

	json_object_foreach(cards, card, v)
	{
		snprintf(dst, sizeof(dst), "iftask/%d", atoi(card) * 10);
		reply = sh_show(sh, dst, "iftask sa", "", why, sizeof(why));
		json_array_foreach(json_object_get(reply, "sas"), i, sa)
		        json_object_set(by_spi, render_str(json_object_get(sa, "in"), "spi"), sa);
		json_decref(reply);
	}
	return by_spi;
}

static json_t *ipsec_sa_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *cards = json_object(), *all, *by_spi, *sa, *data;
	char args[300];
	size_t i;

	sa_args(sh, cmd, args, sizeof(args));
	all = ask_managers(sh, "ipsec-sa", args, cards, err, size);
	if (all && json_array_size(json_object_get(all, "sas"))) {
		by_spi = data_path(sh, cards);
		json_array_foreach(json_object_get(all, "sas"), i, sa)
		{
			data = json_object_get(by_spi, render_str(sa, "spi_in"));
			if (data)
				json_object_set(sa, "data", data);
		}
		json_decref(by_spi);
	}
	json_decref(cards);
	return all;
}

/* --- managers
 * ------------------------------------------------------------------------------------------------------------------
 */

static void detail(struct sh *sh, json_t *m)
{
	char dst[40], why[256];

	snprintf(dst, sizeof(dst), "ipsecmgr/%lld", render_num(m, "instance"));
	json_object_set_new(m, "statistics", sh_show(sh, dst, "statistics", "", why, sizeof(why)));
}

/* Which of them run on the demux card now. */
static void demux_field(struct sh *sh, json_t *managers)
{
	char why[256];
	json_t *plan = sh_show(sh, "rmctrl/0", "placement", "", why, sizeof(why)), *m;
	size_t i;

	json_array_foreach(managers, i, m) json_object_set_new(
	        m, "demux", json_boolean(plan && render_num(plan, "demux") == render_num(m, "card")));
	json_decref(plan);
}

static json_t *managers_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = sh_show(sh, "ipsecctrl/0", "managers", "", err, size), *keep, *m;
	int64_t only = cli_cmd_int(cmd, "instance", 0);
	size_t i;

	if (j)
		demux_field(sh, json_object_get(j, "managers"));
	if (!j || !only)
		return j;
	keep = json_array();
	json_array_foreach(json_object_get(j, "managers"), i, m) if (render_num(m, "instance") == only)
	        json_array_append(keep, m);
	if (!json_array_size(keep)) {
		snprintf(err, size, "Failure: there is no IPSec manager %lld", (long long)only);
		json_decref(keep);
		json_decref(j);
		return NULL;
	}
	detail(sh, json_array_get(keep, 0));
	json_object_set_new(j, "managers", keep);
	return j;
}

/* --- peers that services call ------------------------------------------------------------------------------
 */

static int by_service(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	struct net_addr p, q;
	int c = strcmp(render_str(x, "context"), render_str(y, "context"));

	if (!c)
		c = strcmp(render_str(x, "service"), render_str(y, "service"));
	if (c || net_addr_parse(&p, render_str(x, "peer")) || net_addr_parse(&q, render_str(y, "peer")))
		return c;
	return net_addr_compare(&p, &q);
}

static json_t *peer_list_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *all = ask_managers(sh, "peers", "", NULL, err, size), *rows = json_object_get(all, "peers"),
	       *sorted = json_array(), **v;
	const char *service = cli_cmd_str(cmd, "service");
	size_t n = json_array_size(rows);

	v = calloc(n ? n : 1, sizeof(*v));
	for (size_t i = 0; v && i < n; i++)
		v[i] = json_array_get(rows, i);
	if (v)
		qsort(v, n, sizeof(*v), by_service);
	for (size_t i = 0; v && i < n; i++)
		if (!service || !strcmp(render_str(v[i], "service"), service))
			json_array_append(sorted, v[i]);
	free(v);
	if (all)
		json_object_set(all, "peers", sorted);
	json_decref(sorted);
	return all;
}

const struct sh_command sh_crypto_commands[] = {
        {"show_crypto_ikev2_ikesa_sa", NULL, ike_sa_collect, render_ike_sa},
        {"show_crypto_ipsec_sa", NULL, ipsec_sa_collect, render_ipsec_sa},
        {"show_crypto_managers", NULL, managers_collect, render_crypto_managers},
        {"show_crypto_template", NULL, sh_template_collect, render_crypto_template},
        {"show_crypto_map", NULL, sh_map_collect, render_crypto_map},
        {"show_crypto_isakmp_policy", NULL, sh_isakmp_policy_collect, render_isakmp_policy},
        {"show_crypto_group", NULL, sh_group_collect, render_crypto_group},
        {"show_crypto_vendor_policy", NULL, sh_vendor_policy_collect, render_vendor_policy},
        {"show_crypto_ipsec_transform_set", NULL, sh_ipsec_sets_collect, render_ipsec_transform_set},
        {"show_crypto_ikev2_transform_set", NULL, sh_ikev2_sets_collect, render_ikev2_transform_set},
        {"show_crypto_statistics_ikev2", NULL, sh_ike_statistics_collect, render_crypto_statistics},
        {"show_orrery_peer_list", NULL, peer_list_collect, render_peer_list},
        {"show_wsg_service", NULL, sh_wsg_collect, render_wsg_service},
        {"show_wsg_service_statistics", NULL, sh_wsg_statistics_collect, render_wsg_statistics},
        {NULL, NULL, NULL, NULL},
};
