/* SPDX-License-Identifier: MIT */
/*
 * Where values come from: the newest samples of the counters (wsg, ikev2, card), the configuration (contexts,
 * ports, services), and what srp, the vpnmgrs and the cards answered (icsr, ippool, card). Each object is a
 * JSON object {variable: value}. Called by bulk_gather.c, bulk_show.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulk_task.h"
#include "cfg/cfg.h"
#include "task/watch.h"
#include "vpn/vpn_context.h"

/* --- samples
 * ------------------------------------------------------------------------------------------------------ */

struct collect {
	struct bulk_task *b;
	json_t *out; /* object: key -> values; or the sum */
};

/* Only what belongs to the sample just taken: the rest is history of objects that are gone. */
static json_t *values_of(const struct collect *c, const struct store_sample *row)
{
	json_t *v = row->wall_us >= c->b->sample_wall ? json_loads(row->values, 0, NULL) : NULL;

	if (v && !json_is_object(v)) {
		json_decref(v);
		v = NULL;
	}
	return v;
}

static int keep_row(const struct store_sample *row, void *arg)
{
	struct collect *c = arg;
	json_t *v = values_of(c, row);

	if (v)
		json_object_set_new(c->out, row->key, v);
	return 0;
}

static void add_number(json_t *sum, const char *name, json_int_t n)
{
	json_object_set_new(sum, name, json_integer(json_integer_value(json_object_get(sum, name)) + n));
}

static int sum_row(const struct store_sample *row, void *arg)
{
	struct collect *c = arg;
	json_t *v = values_of(c, row), *value;
	const char *name;

	json_object_foreach(v, name, value) add_number(c->out, name, json_integer_value(value));
	json_decref(v);
	return 0;
}

static json_t *samples(struct bulk_task *b, const char *schema)
{
	struct collect c = {b, json_object()};

	store_sample_last(b->store, schema, keep_row, &c);
	return c.out;
}

/* --- schemas
 * ---------------------------------------------------------------------------------------------------------
 */

/* Figures of a card, or of one of its CPUs (prefix "cpu0-"), summed over its tasks; CPU time in hundredths of
 * a percent of one core each. */
static void card_sums(json_t *out, const char *prefix, json_t *tasks, int cpu, unsigned cpus)
{
	json_int_t busy = 0, mem = 0, n = 0;
	char name[32];
	json_t *t;
	size_t i;

	json_array_foreach(tasks, i, t)
	{
		if (cpu >= 0 && json_integer_value(json_object_get(t, "cpu")) != cpu)
			continue;
		busy += (json_int_t)(json_number_value(json_object_get(t, "cpu_percent")) * 100);
		mem += json_integer_value(json_object_get(t, "rss"));
		n++;
	}
	busy = cpus ? busy / cpus : busy;
	busy = busy > 10000 ? 10000 : busy;
	snprintf(name, sizeof(name), "%scpubusy", prefix);
	json_object_set_new(out, name, json_integer(busy));
	snprintf(name, sizeof(name), "%scpuidle", prefix);
	json_object_set_new(out, name, json_integer(10000 - busy));
	snprintf(name, sizeof(name), "%snumproc", prefix);
	json_object_set_new(out, name, json_integer(n));
	snprintf(name, sizeof(name), "%smemused", prefix);
	json_object_set_new(out, name, json_integer(mem >> 20));
}

static void set_task(json_t *out, const char *facility, const char *what, json_int_t v)
{
	char name[64];

	snprintf(name, sizeof(name), "task-%s-%s", facility, what);
	json_object_set_new(out, name, json_integer(v));
}

/* task-<facility>-num, -maxcpu, … : CPU in hundredths of a percent, memory in hundredths of MB. */
static void card_tasks(json_t *out, const char *facility, json_t *tasks)
{
	json_int_t n = 0, cpu = 0, mem = 0, max_cpu = 0, max_mem = 0;
	json_t *t;
	size_t i;

	json_array_foreach(tasks, i, t)
	{
		const char *name = json_string_value(json_object_get(t, "facility"));
		json_int_t c = (json_int_t)(json_number_value(json_object_get(t, "cpu_percent")) * 100);
		json_int_t m = json_integer_value(json_object_get(t, "rss")) * 100 >> 20;

		if (!name || strcmp(name, facility))
			continue;
		n++;
		cpu += c;
		mem += m;
		max_cpu = c > max_cpu ? c : max_cpu;
		max_mem = m > max_mem ? m : max_mem;
	}
	set_task(out, facility, "num", n);
	set_task(out, facility, "maxcpu", max_cpu);
	set_task(out, facility, "maxmem", max_mem);
	set_task(out, facility, "avgcpu", n ? cpu / n : 0);
	set_task(out, facility, "avgmem", n ? mem / n : 0);
}

static json_t *card_object(const json_t *answer)
{
	json_t *o = json_object(), *tasks = json_object_get(answer, "tasks");
	unsigned cpus = (unsigned)json_integer_value(json_object_get(answer, "cpus"));
	char prefix[16];

	json_object_set(o, "card", json_object_get(answer, "slot"));
	json_object_set_new(o, "numcpu", json_integer(cpus));
	card_sums(o, "", tasks, -1, cpus);
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		snprintf(prefix, sizeof(prefix), "cpu%u-", cpu);
		card_sums(o, prefix, tasks, (int)cpu, 1);
	}
	card_tasks(o, "sessmgr", tasks);
	card_tasks(o, "vpnmgr", tasks);
	return o;
}

/* What the cards answered, by slot; a counter that a card publishes itself goes before. */
static json_t *objects_card(struct bulk_task *b)
{
	json_t *published = samples(b, "card"), *out = json_array(), *answer, *o;
	char key[24];
	size_t i;

	for (int slot = 1; slot <= 20; slot++)
		json_array_foreach(b->cards, i, answer)
		{
			if (json_integer_value(json_object_get(answer, "slot")) != slot)
				continue;
			o = card_object(answer);
			snprintf(key, sizeof(key), "%d", slot);
			json_object_update(o, json_object_get(published, key));
			json_array_append_new(out, o);
		}
	json_decref(published);
	return out;
}

/* Sums of the chassis: IKEv2 of all templates, and calls of all services under the names that StarOS has for
 * calls. */
static json_t *objects_system(struct bulk_task *b)
{
	static const struct {
		const char *var, *wsg;
	} calls[] = {
	        {"sess-curttlcalls", "wsg-current-sessions-total"},
	        {"sess-ttlarrived", "wsg-total-setup-attempts"},
	        {"sess-ttlconnected", "wsg-total-setup-successes"},
	        {"sess-ttlfailed", "wsg-total-attempts-failed"},
	        {"sess-ttldisconn", "wsg-total-disconnected"},
	};
	struct collect ike = {b, json_object()}, wsg = {b, json_object()};
	json_t *out = json_array();

	store_sample_last(b->store, "ikev2", sum_row, &ike);
	store_sample_last(b->store, "wsg", sum_row, &wsg);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		add_number(ike.out, calls[i].var, json_integer_value(json_object_get(wsg.out, calls[i].wsg)));
	json_decref(wsg.out);
	json_array_append_new(out, ike.out);
	return out;
}

static json_t *objects_wsg(struct bulk_task *b)
{
	const struct cfg_tree *tree = config_tree(b->t);
	json_t *all = samples(b, "wsg"), *out = json_array();
	const struct cfg_node *ctx, *svc;
	json_int_t id = 0;

	if (tree)
		cfg_foreach(ctx, tree->root, "context") cfg_foreach(svc, ctx, "wsg-service")
		{
			char key[160];
			const char *bind = cfg_get(tree, svc, "bind-address", "address");
			json_t *v, *o;

			snprintf(key, sizeof(key), "%s/", cfg_key(ctx, 0));
			snprintf(key + strlen(key), sizeof(key) - strlen(key), "%s", cfg_key(svc, 0));
			v = json_object_get(all, key);
			o = v ? json_copy(v) : json_object();
			json_object_set_new(o, "vpnname", json_string(cfg_key(ctx, 0)));
			json_object_set_new(o, "vpnid", json_integer(vpn_context_id(tree, cfg_key(ctx, 0))));
			json_object_set_new(o, "svcname", json_string(cfg_key(svc, 0)));
			json_object_set_new(o, "svcid", json_integer(++id));
			json_object_set_new(o, "bindaddress", json_string(bind ? bind : "0.0.0.0"));
			json_object_set_new(o, "state",
			                    json_string(!bind        ? "Initialized"
			                                : b->serving ? "Started"
			                                             : "Standby"));
			json_array_append_new(out, o);
		}
	json_decref(all);
	return out;
}

static json_t *objects_context(struct bulk_task *b)
{
	const struct cfg_tree *tree = config_tree(b->t);
	json_t *out = json_array();

	for (uint32_t id = 1; tree && id <= vpn_context_count(tree); id++) {
		const char *name = vpn_context_name(tree, id);

		if (name)
			json_array_append_new(out,
			                      json_pack("{s:s, s:i}", "vpnname", name, "vpnid", (int)id));
	}
	return out;
}

static void set_from(json_t *o, const char *var, const json_t *from, const char *field)
{
	json_t *v = json_object_get(from, field);

	if (v)
		json_object_set(o, var, v);
}

/* What a vpnmgr calls a pool, in the words of the schema. */
static json_t *objects_ippool(struct bulk_task *b)
{
	const struct cfg_tree *tree = config_tree(b->t);
	json_t *out = json_array(), *answer, *pool;
	size_t i, k;

	json_array_foreach(b->pools, i, answer)
	{
		const char *context = json_string_value(json_object_get(answer, "context"));

		json_array_foreach(json_object_get(answer, "pools"), k, pool)
		{
			json_t *o = json_object();

			json_object_set_new(o, "vpnname", json_string(context ? context : ""));
			json_object_set_new(
			        o, "vpnid",
			        json_integer(tree && context ? vpn_context_id(tree, context) : 0));
			json_object_set_new(o, "addrtype", json_string("ipv4"));
			set_from(o, "name", pool, "name");
			set_from(o, "type", pool, "type");
			set_from(o, "state", pool, "state");
			set_from(o, "priority", pool, "priority");
			set_from(o, "used", pool, "used");
			set_from(o, "free", pool, "avail");
			set_from(o, "startaddr", pool, "start");
			json_object_set_new(o, "hold", json_integer(0));
			json_object_set_new(o, "release", json_integer(0));
			json_object_set_new(o, "groupname", json_string(""));
			json_array_append_new(out, o);
		}
	}
	return out;
}

static json_t *objects_icsr(struct bulk_task *b)
{
	json_t *out = json_array();

	if (b->icsr)
		json_array_append(out, b->icsr);
	return out;
}

json_t *bulk_source_objects(struct bulk_task *b, const char *schema)
{
	static const struct {
		const char *schema;
		json_t *(*fill)(struct bulk_task *b);
	} sources[] = {
	        {"card", objects_card},       {"system", objects_system},  {"wsg", objects_wsg},
	        {"context", objects_context}, {"port", bulk_port_objects}, {"ippool", objects_ippool},
	        {"icsr", objects_icsr},
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (!strcmp(sources[i].schema, schema))
			return sources[i].fill(b);
	return NULL;
}

bool bulk_source_get(void *object, const char *variable, struct bulk_value *out)
{
	json_t *v = json_object_get(object, variable);

	out->str = json_string_value(v);
	out->num = json_integer_value(v);
	return json_is_string(v) || json_is_integer(v);
}
