/* SPDX-License-Identifier: MIT */
/*
 * Counter totals, see srdb_sampler.h. Three lists: segments (files kept mapped, so that a dead owner's last
 * values can still be read), parts (one set of one incarnation of a segment, with the values seen last) and
 * totals (object with the base of parts that went).
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "srdb/srdb_sampler.h"

#define TOTALS_MAX 20000
#define IDLE_SCANS 20
#define KEY_MAX    (COUNTERS_KEY_MAX + COUNTERS_FACILITY_MAX + 16)
#define FILE_MAX   64

struct total {
	struct total *next;
	const struct counter_schema *schema;
	char key[KEY_MAX];
	unsigned idle; /* scans since a live part was seen */
	uint64_t base[];
};

struct part {
	struct part *next;
	struct total *total;
	uint64_t generation;
	char file[FILE_MAX]; /* name in <run>/counters */
	char key[COUNTERS_KEY_MAX];
	bool seen;
	uint64_t last[];
};

struct segment {
	struct segment *next;
	struct counters_reader *reader;
	char file[FILE_MAX];
};

struct srdb_sampler {
	char *dir;
	struct segment *segments;
	struct part *parts;
	struct total *totals;
	size_t n_totals;
};

struct srdb_sampler *srdb_sampler_new(const char *run)
{
	struct srdb_sampler *s = calloc(1, sizeof(*s));

	if (s && asprintf(&s->dir, "%s/counters", run) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

static void segment_free(struct segment *g)
{
	counters_close_reader(g->reader);
	free(g);
}

void srdb_sampler_free(struct srdb_sampler *s)
{
	if (!s)
		return;
	for (struct segment *g = s->segments, *next; g; g = next) {
		next = g->next;
		segment_free(g);
	}
	for (struct part *p = s->parts, *next; p; p = next) {
		next = p->next;
		free(p);
	}
	for (struct total *t = s->totals, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	free(s->dir);
	free(s);
}

static struct total *total_get(struct srdb_sampler *s, const struct counter_schema *schema, const char *key)
{
	struct total *t, **tail = &s->totals;

	for (; (t = *tail); tail = &t->next)
		if (t->schema == schema && strcmp(t->key, key) == 0)
			return t;
	if (s->n_totals >= TOTALS_MAX)
		return NULL;
	t = calloc(1, sizeof(*t) + schema->nrows * sizeof(t->base[0]));
	if (!t)
		return NULL;
	t->schema = schema;
	snprintf(t->key, sizeof(t->key), "%s", key);
	*tail = t;
	s->n_totals++;
	return t;
}

static struct part *part_get(struct srdb_sampler *s, const char *file, uint64_t generation,
                             const struct counter_schema *schema, const char *set_key, const char *total_key)
{
	struct part *p;

	for (p = s->parts; p; p = p->next)
		if (p->generation == generation && p->total->schema == schema &&
		    strcmp(p->key, set_key) == 0 && strcmp(p->file, file) == 0)
			return p;
	p = calloc(1, sizeof(*p) + schema->nrows * sizeof(p->last[0]));
	if (!p)
		return NULL;
	p->total = total_get(s, schema, total_key);
	if (!p->total) {
		free(p);
		return NULL;
	}
	p->generation = generation;
	snprintf(p->file, sizeof(p->file), "%s", file);
	snprintf(p->key, sizeof(p->key), "%s", set_key);
	p->next = s->parts;
	s->parts = p;
	return p;
}

static void object_key(char key[KEY_MAX], const struct counters_set *set, const struct counters_info *info)
{
	switch (set->schema->rows[0].scope) {
	case COUNTER_SCOPE_service:
		snprintf(key, KEY_MAX, "%s", set->key);
		break;
	case COUNTER_SCOPE_card:
		snprintf(key, KEY_MAX, "%u", info->card);
		break;
	case COUNTER_SCOPE_task:
		snprintf(key, KEY_MAX, "%s/%u%s%s", info->facility, info->instance, *set->key ? ":" : "",
		         set->key);
		break;
	default:
		key[0] = '\0';
		break;
	}
}

static void read_set(struct srdb_sampler *s, struct segment *g, const struct counters_set *set, bool alive)
{
	const struct counters_info *info = counters_info(g->reader);
	char key[KEY_MAX];
	struct part *p;

	object_key(key, set, info);
	p = part_get(s, g->file, info->generation, set->schema, set->key, key);
	if (!p)
		return;
	p->seen = true;
	if (alive)
		p->total->idle = 0;
	for (size_t i = 0; i < set->schema->nrows; i++) {
		const struct counter_row *row = &set->schema->rows[i];
		uint64_t v = counter_read(set->values, row);

		if (row->kind == COUNTER_KIND_gauge) {
			p->last[i] = alive ? v : 0;
			continue;
		}
		if (v < p->last[i]) /* the set was retired and taken again between two scans */
			p->total->base[i] += p->last[i];
		p->last[i] = v;
	}
}

static void read_segment(struct srdb_sampler *s, struct segment *g, bool alive)
{
	struct counters_set set;
	unsigned pos = 0;

	while (counters_next(g->reader, &pos, &set))
		read_set(s, g, &set, alive);
}

/* Parts that were not seen by this scan are over: their counts go into the base. */
static void fold_unseen(struct srdb_sampler *s)
{
	for (struct part **pp = &s->parts, *p; (p = *pp);) {
		if (p->seen) {
			p->seen = false;
			pp = &p->next;
			continue;
		}
		for (size_t i = 0; i < p->total->schema->nrows; i++)
			if (p->total->schema->rows[i].kind == COUNTER_KIND_counter)
				p->total->base[i] += p->last[i];
		*pp = p->next;
		free(p);
	}
}

static void forget_seen(struct srdb_sampler *s, const struct segment *g)
{
	uint64_t generation = counters_info(g->reader)->generation;

	for (struct part *p = s->parts; p; p = p->next)
		if (p->generation == generation && strcmp(p->file, g->file) == 0)
			p->seen = false;
}

/* Files that are no longer the mapped ones: take their last values from the mapping, then let go. */
static void close_stale(struct srdb_sampler *s)
{
	for (struct segment **gp = &s->segments, *g; (g = *gp);) {
		if (!counters_stale(g->reader)) {
			gp = &g->next;
			continue;
		}
		read_segment(s, g, false);
		forget_seen(s, g);
		*gp = g->next;
		segment_free(g);
	}
}

static int open_new(struct srdb_sampler *s)
{
	DIR *dir = opendir(s->dir);
	struct dirent *d;

	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		struct segment *g;
		char path[4096];

		if (d->d_name[0] == '.' || strlen(d->d_name) >= FILE_MAX)
			continue;
		for (g = s->segments; g; g = g->next)
			if (strcmp(g->file, d->d_name) == 0)
				break;
		if (g || snprintf(path, sizeof(path), "%s/%s", s->dir, d->d_name) >= (int)sizeof(path))
			continue;
		g = calloc(1, sizeof(*g));
		if (!g)
			break;
		memcpy(g->file, d->d_name, strlen(d->d_name) + 1);
		g->reader = counters_open(path);
		if (!g->reader) {
			free(g);
			continue;
		}
		g->next = s->segments;
		s->segments = g;
	}
	closedir(dir);
	return 0;
}

int srdb_sampler_scan(struct srdb_sampler *s)
{
	int err, n = 0;

	for (struct total *t = s->totals; t; t = t->next)
		t->idle++;
	close_stale(s);
	err = open_new(s);
	for (struct segment *g = s->segments; g; g = g->next, n++)
		read_segment(s, g, counters_owner_alive(g->reader));
	fold_unseen(s);
	return err ? err : n;
}

static void sum_parts(const struct srdb_sampler *s, const struct total *t, uint64_t *sum)
{
	memcpy(sum, t->base, t->schema->nrows * sizeof(*sum));
	for (const struct part *p = s->parts; p; p = p->next)
		for (size_t i = 0; p->total == t && i < t->schema->nrows; i++)
			sum[i] += p->last[i];
}

/* Non-zero values by field name, or by bulk statistics variable. */
static json_t *to_json(const struct counter_schema *schema, const uint64_t *v, bool variables)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < schema->nrows; i++) {
		const struct counter_row *row = &schema->rows[i];

		if (v[i])
			json_object_set_new(o, variables && *row->variable ? row->variable : row->name,
			                    json_integer((json_int_t)v[i]));
	}
	return o;
}

int srdb_sampler_totals(struct srdb_sampler *s, srdb_total_fn cb, void *arg)
{
	int rc = 0;

	for (struct total *t = s->totals; t && rc == 0; t = t->next) {
		uint64_t *sum = calloc(t->schema->nrows, sizeof(*sum));
		json_t *o;
		char *text;

		if (!sum)
			return -ENOMEM;
		sum_parts(s, t, sum);
		o = to_json(t->schema, sum, true);
		text = o ? json_dumps(o, JSON_COMPACT) : NULL;
		if (text && t->idle < IDLE_SCANS)
			rc = cb(t->schema, t->key, text, arg);
		free(text);
		json_decref(o);
		free(sum);
	}
	return rc;
}

uint64_t srdb_sampler_value(const struct srdb_sampler *s, const char *schema, const char *key,
                            const char *field)
{
	uint64_t v = 0;

	for (const struct total *t = s->totals; t; t = t->next)
		for (size_t i = 0; i < t->schema->nrows; i++) {
			if (strcmp(t->schema->name, schema) || strcmp(t->key, key) ||
			    strcmp(t->schema->rows[i].name, field))
				continue;
			v += t->base[i];
			for (const struct part *p = s->parts; p; p = p->next)
				v += p->total == t ? p->last[i] : 0;
		}
	return v;
}

char *srdb_sampler_save(const struct srdb_sampler *s, const char *boot_id)
{
	json_t *root = json_object(), *totals = json_array(), *parts = json_array();
	char *text, gen[24];

	for (const struct total *t = s->totals; t; t = t->next)
		json_array_append_new(totals, json_pack("{s:s,s:s,s:o}", "s", t->schema->name, "k", t->key,
		                                        "b", to_json(t->schema, t->base, false)));
	for (const struct part *p = s->parts; p; p = p->next) {
		snprintf(gen, sizeof(gen), "%016" PRIx64, p->generation);
		json_array_append_new(parts,
		                      json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "f", p->file, "g", gen, "s",
		                                p->total->schema->name, "n", p->key, "k", p->total->key, "v",
		                                to_json(p->total->schema, p->last, false)));
	}
	json_object_set_new(root, "boot", json_string(boot_id));
	json_object_set_new(root, "totals", totals);
	json_object_set_new(root, "parts", parts);
	text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	return text;
}

static void from_json(const struct counter_schema *schema, const json_t *o, uint64_t *v)
{
	for (size_t i = 0; i < schema->nrows; i++)
		v[i] = (uint64_t)json_integer_value(json_object_get(o, schema->rows[i].name));
}

static void load_total(struct srdb_sampler *s, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "s")),
	           *key = json_string_value(json_object_get(o, "k"));
	const struct counter_schema *schema = name ? counters_schema_find(name) : NULL;
	struct total *t = schema && key ? total_get(s, schema, key) : NULL;

	if (t)
		from_json(schema, json_object_get(o, "b"), t->base);
}

static void load_part(struct srdb_sampler *s, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "s")),
	           *key = json_string_value(json_object_get(o, "k"));
	const char *file = json_string_value(json_object_get(o, "f")),
	           *gen = json_string_value(json_object_get(o, "g"));
	const char *set_key = json_string_value(json_object_get(o, "n"));
	const struct counter_schema *schema = name ? counters_schema_find(name) : NULL;
	struct part *p;

	if (!schema || !key || !file || !gen || !set_key || strlen(set_key) >= COUNTERS_KEY_MAX)
		return;
	p = part_get(s, file, strtoull(gen, NULL, 16), schema, set_key, key);
	if (p)
		from_json(schema, json_object_get(o, "v"), p->last);
}

int srdb_sampler_load(struct srdb_sampler *s, const char *text, const char *boot_id)
{
	json_t *root = json_loads(text, 0, NULL), *o;
	const char *boot = json_string_value(json_object_get(root, "boot"));
	size_t i;

	if (!boot || strcmp(boot, boot_id) != 0) {
		json_decref(root);
		return boot ? -ESTALE : -EINVAL;
	}
	json_array_foreach(json_object_get(root, "totals"), i, o) load_total(s, o);
	json_array_foreach(json_object_get(root, "parts"), i, o) load_part(s, o);
	json_decref(root);
	return 0;
}
