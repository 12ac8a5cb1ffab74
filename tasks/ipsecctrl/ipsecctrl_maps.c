/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps and their ipsecmgrs: evaluates place_maps_compute() at each change of the configuration, stores
 * what changed (checkpoints of kind "cmap": `context map` -> manager, which SRP takes to the other chassis,
 * for the SAs of a map go with its manager's number; and of kind "rm": `g manager` -> what it is for,
 * `require`), and only when that is durable tells hatsystem which managers there must be, and the managers
 * (topic "maps") that there are rows to read. A new ipsecctrl, and a chassis that takes over, go on from the
 * rows. Entry points: ipsecctrl_maps_activate(), and two for shows.
 */
#include "tasks/ipsecctrl/ipsecctrl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cfg/cfg.h"
#include "chassis/profile.h"
#include "place/place_cfg.h"
#include "store/store.h"
#include "task/ckpt.h"
#include "task/watch.h"

#define TELL_MS  10000
#define AGAIN_MS 1000

/* A row on its way to the store, until it is durable. */
struct row {
	struct row *next;
	const char *kind;
	char key[STORE_KEY_MAX], blob[160];
	bool del, refused;
	bool outdone; /* a later one of the same key is on its way: it is not written again */
};

static struct {
	struct task *t;
	struct ckpt *ckpt;
	struct profile profile;
	struct place_maps now;    /* as computed last, and (but for writes under way) durable */
	struct place_maps stored; /* maps and managers as the rows have them: names and numbers only */
	bool require_known;
	bool serving;     /* else the other chassis writes the rows of maps */
	struct row *rows; /* not durable yet: hatsystem is told when there are none */
	struct task_timer *again;
	bool started;
} self;

/* --- telling hatsystem
 * ------------------------------------------------------------------------------------- */

static void publish(struct task *t)
{
	Envelope env = ENVELOPE__INIT;
	MapsAssigned a = MAPS_ASSIGNED__INIT;

	a.maps = (uint32_t)self.now.n;
	env.body_case = ENVELOPE__BODY_MAPS_ASSIGNED;
	env.maps_assigned = &a;
	task_publish(t, "maps", &env);
}

static void tell(struct task *t, void *arg)
{
	Envelope env = ENVELOPE__INIT;
	ManagersWanted w = MANAGERS_WANTED__INIT;
	ManagerSpec rows[PLACE_MAP_MANAGERS], *ptrs[PLACE_MAP_MANAGERS];

	(void)arg;
	if (self.rows || !self.require_known || !config_tree(t))
		return;
	for (size_t i = 0; i < self.now.n_managers; i++) {
		manager_spec__init(&rows[i]);
		rows[i].instance = self.now.managers[i].instance;
		rows[i].ike = self.now.managers[i].ike;
		rows[i].demux = self.now.managers[i].demux;
		ptrs[i] = &rows[i];
	}
	w.managers = ptrs;
	w.n_managers = self.now.n_managers;
	env.body_case = ENVELOPE__BODY_MANAGERS_WANTED;
	env.managers_wanted = &w;
	task_send(t, "hatsystem/0", &env);
	publish(t);
}

static void hat_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	(void)addr;
	(void)card;
	if (up)
		tell(t, arg);
}

/* --- rows
 * -------------------------------------------------------------------------------------------------- */

static void submit(struct row *r);

static void again(struct task *t, void *arg)
{
	(void)arg;
	task_timer_stop(self.again);
	self.again = NULL;
	for (struct row *r = self.rows; r; r = r->next)
		if (r->refused)
			submit(r);
	(void)t;
}

static void again_later(struct row *r)
{
	r->refused = true;
	if (!self.again)
		self.again = task_timer_start(self.t, AGAIN_MS, 0, again, NULL);
}

static void row_free(struct row *gone)
{
	struct row **p = &self.rows;

	while (*p != gone)
		p = &(*p)->next;
	*p = gone->next;
	free(gone);
}

/* What the store refuses, a full disk say, is no assignment: it is written until it is durable. */
static void stored_cb(struct task *t, void *arg, int status, const char *text)
{
	struct row *r = arg;

	if (status && !r->outdone) {
		if (!self.again)
			LOG(EV_STORE_ERROR, "assignment of crypto maps: %s; tried again", text);
		again_later(r);
		return;
	}
	row_free(r);
	tell(t, NULL);
}

static void submit(struct row *r)
{
	struct ckpt_row c = {.kind = r->kind, .key = r->key};

	r->refused = false;
	if (!r->del) {
		c.blob = r->blob;
		c.len = strlen(r->blob);
	}
	if (ckpt_write(self.ckpt, &c, 1, stored_cb, r))
		again_later(r);
}

/* Rows that wait to be written again are not: another one takes their place. key NULL: all of the kind. */
static void outdo(const char *kind, const char *key)
{
	for (struct row *r = self.rows, *next; r; r = next) {
		next = r->next;
		if (strcmp(r->kind, kind) || (key && strcmp(r->key, key)))
			continue;
		r->outdone = true;
		if (r->refused)
			row_free(r);
	}
}

/* blob NULL: delete. */
static void write_row(const char *kind, const char *key, const char *blob)
{
	struct row *r = calloc(1, sizeof(*r));

	if (!r) {
		LOG(EV_NO_MEMORY, "assignment of crypto maps: %s is not stored", key);
		return;
	}
	outdo(kind, key);
	r->kind = kind;
	snprintf(r->key, sizeof(r->key), "%s", key);
	snprintf(r->blob, sizeof(r->blob), "%s", blob ? blob : "");
	r->del = !blob;
	r->next = self.rows;
	self.rows = r;
	submit(r);
}

static struct place_map *map_of(const struct place_maps *m, const char *ctx, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->maps[i].ctx, ctx) && !strcmp(m->maps[i].name, name))
			return &m->maps[i];
	return NULL;
}

static const char *map_key(const struct place_map *x, char *buf, size_t size)
{
	snprintf(buf, size, "%s %s", x->ctx, x->name);
	return buf;
}

/* What is new or other than it was stored, then what is gone. */
static void save_maps(void)
{
	char key[STORE_KEY_MAX], blob[16];

	for (size_t i = 0; i < self.now.n; i++) {
		struct place_map *x = &self.now.maps[i], *was = map_of(&self.stored, x->ctx, x->name);

		if ((was ? was->manager : 0) == x->manager)
			continue;
		snprintf(blob, sizeof(blob), "%u", x->manager);
		write_row(PLACE_MAPS_KIND, map_key(x, key, sizeof(key)), x->manager ? blob : NULL);
	}
	for (size_t i = 0; i < self.stored.n; i++)
		if (!map_of(&self.now, self.stored.maps[i].ctx, self.stored.maps[i].name))
			write_row(PLACE_MAPS_KIND, map_key(&self.stored.maps[i], key, sizeof(key)), NULL);
}

static void save_managers(void)
{
	char key[16], blob[120];

	for (size_t i = 0; i < self.now.n_managers; i++) {
		const struct place_maps_manager *g = &self.now.managers[i];
		const struct place_maps_manager *was = place_maps_manager(&self.stored, g->instance);

		if (was && was->ike == g->ike && was->demux == g->demux && !strcmp(was->ctx, g->ctx))
			continue;
		snprintf(key, sizeof(key), "g %u", g->instance);
		snprintf(blob, sizeof(blob), "%u %d %s", g->ike, g->demux, g->ctx);
		write_row(PLACE_MANAGERS_KIND, key, blob);
	}
	for (size_t i = 0; i < self.stored.n_managers; i++)
		if (!place_maps_manager(&self.now, self.stored.managers[i].instance)) {
			snprintf(key, sizeof(key), "g %u", self.stored.managers[i].instance);
			write_row(PLACE_MANAGERS_KIND, key, NULL);
		}
}

/* The rows are what was computed: remember that for the next comparison. */
static void mark_stored(void)
{
	if (self.serving)
		self.stored.n = 0;
	for (size_t i = 0; self.serving && i < self.now.n; i++)
		if (self.now.maps[i].manager)
			place_maps_add(&self.stored, &self.now.maps[i]);
	memcpy(self.stored.managers, self.now.managers, sizeof(self.stored.managers));
	self.stored.n_managers = self.now.n_managers;
}

static void save_require(void)
{
	char blob[40];

	place_require_print(&self.now.require, blob, sizeof(blob));
	write_row(PLACE_MANAGERS_KIND, "require", blob);
	self.require_known = true;
}

static int load_row(const struct store_ckpt *row, void *arg)
{
	struct place_maps_manager *g = &self.stored.managers[self.stored.n_managers];
	char text[160];
	unsigned ike;
	int demux;

	(void)arg;
	if (row->deleted || row->len >= sizeof(text))
		return 0;
	memcpy(text, row->blob, row->len);
	text[row->len] = '\0';
	if (!strcmp(row->key, "require")) {
		self.require_known |= place_require_parse(text, &self.now.require);
	} else if (self.stored.n_managers < PLACE_MAP_MANAGERS &&
	           sscanf(row->key, "g %u", &g->instance) == 1 && place_serves_maps(g->instance) &&
	           sscanf(text, "%u %d %79s", &ike, &demux, g->ctx) == 3) {
		g->ike = ike == 2 ? 2 : 1;
		g->demux = demux != 0;
		self.stored.n_managers++;
	}
	return 0;
}

static int load_map(const struct store_ckpt *row, void *arg)
{
	struct place_map x;

	(void)arg;
	return place_cfg_map_row(row, &x) ? place_maps_add(&self.stored, &x) : 0;
}

/* What the other chassis assigned while it served came as rows. */
static int load_maps(struct task *t)
{
	struct store_reader *r = store_open_reader(t->state_dir, STORE_STATE);
	int rc = r ? 0 : -ENOMEM;

	self.stored.n = 0;
	if (rc == 0)
		rc = store_ckpt_list(r, PLACE_MAPS_KIND, NULL, load_map, NULL);
	store_close_reader(r);
	return rc == -ENOENT ? 0 : rc;
}

static int load(struct task *t)
{
	struct store_reader *r = store_open_reader(t->state_dir, STORE_STATE);
	int rc = r ? store_ckpt_list(r, PLACE_MANAGERS_KIND, NULL, load_row, NULL) : -ENOMEM;

	store_close_reader(r);
	memcpy(self.now.managers, self.stored.managers, sizeof(self.now.managers));
	self.now.n_managers = self.stored.n_managers;
	if (rc == 0 || rc == -ENOENT)
		rc = load_maps(t);
	for (size_t i = 0; rc == 0 && i < self.stored.n; i++) /* until the configuration is read */
		rc = place_maps_add(&self.now, &self.stored.maps[i]);
	return rc;
}

/* --- computing
 * --------------------------------------------------------------------------------------------- */

static void tell_changes(void)
{
	for (size_t i = 0; i < self.now.n; i++) {
		struct place_map *x = &self.now.maps[i], *was = map_of(&self.stored, x->ctx, x->name);

		if (x->why)
			LOG(EV_IPSEC_TEMPLATE, "crypto map %s in context %s is not served: %s", x->name,
			    x->ctx, x->why);
		else if (!was || was->manager != x->manager)
			LOG(EV_IPSEC_TEMPLATE, "crypto map %s in context %s: ipsecmgr %u", x->name, x->ctx,
			    x->manager);
	}
}

/* A manager that the other chassis had for this map. */
static void adopt_manager(const struct place_map *x)
{
	struct place_maps_manager *g = &self.now.managers[self.now.n_managers];

	if (!place_serves_maps(x->manager) || place_maps_manager(&self.now, x->manager) ||
	    self.now.n_managers == PLACE_MAP_MANAGERS)
		return;
	*g = (struct place_maps_manager){.instance = x->manager,
	                                 .ike = x->ike,
	                                 .demux = x->demux && place_maps_demux_works(&self.now)};
	snprintf(g->ctx, sizeof(g->ctx), "%s", x->ctx);
	self.now.n_managers++;
}

static void compute(struct task *t, const struct cfg_tree *tree)
{
	if (!self.require_known && place_require_at_boot(t->state_dir, t->boot_id, &self.now.require))
		save_require();
	if (place_cfg_maps(tree, &self.now) < 0) {
		LOG(EV_STORE_ERROR, "no memory for the crypto maps");
		return;
	}
	self.now.demux_card = place_cfg_demux_card(tree, &self.profile);
	for (size_t i = 0; i < self.now.n; i++) {
		struct place_map *x = &self.now.maps[i], *was = map_of(&self.stored, x->ctx, x->name);

		x->manager = was ? was->manager : 0;
		adopt_manager(x);
	}
	place_maps_compute(&self.now);
	if (self.serving) {
		tell_changes();
		save_maps();
	}
	save_managers();
	mark_stored();
	tell(t, NULL);
}

static void config_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	(void)arg;
	ipsecctrl_access_config(t, tree);
	ipsecctrl_congest_config(t, tree);
	if (self.serving || load_maps(t) == 0)
		compute(t, tree);
}

/* The other chassis may have assigned maps since. */
static void follow(struct task *t, void *arg)
{
	(void)arg;
	if (!self.serving && config_tree(t) && load_maps(t) == 0)
		compute(t, config_tree(t));
	else
		tell(t, NULL);
}

static void srp_changed(struct task *t, bool serving, uint64_t epoch, void *arg)
{
	(void)epoch;
	(void)arg;
	self.serving = serving;
	if (!serving)
		outdo(PLACE_MAPS_KIND, NULL); /* the other chassis writes them now */
	if (config_tree(t) && load_maps(t) == 0)
		compute(t, config_tree(t));
}

/* Before sct is there, the boot configuration is not loaded yet. */
static void sct_changed(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	(void)addr;
	(void)card;
	if (up && !self.started)
		self.started = config_watch_start(t, config_changed, arg) == 0;
}

int ipsecctrl_maps_activate(struct task *t)
{
	char err[400];
	int rc = profile_read(t->profile, &self.profile, err, sizeof(err));

	self.t = t;
	self.ckpt = ckpt_new(t);
	if (rc < 0)
		LOG(EV_TASK_FAILED, "%s", err);
	if (rc < 0 || !self.ckpt)
		return rc < 0 ? rc : -ENOMEM;
	rc = load(t);
	if (rc < 0)
		return rc;
	task_watch_peers(t, "sct", sct_changed, NULL);
	task_watch_peers(t, "hatsystem", hat_changed, NULL);
	if (task_peer_up(t, "sct/0"))
		sct_changed(t, "sct/0", 0, true, NULL);
	task_timer_start(t, TELL_MS, TELL_MS, follow, NULL);
	return srp_watch_start(t, srp_changed, NULL);
}

/* --- shows
 * ------------------------------------------------------------------------------------------------- */

static json_t *map_json(const struct place_map *x)
{
	return json_pack("{s:s, s:s, s:s, s:b}", "name", x->name, "ctx", x->ctx, "group", x->group, "demux",
	                 x->demux);
}

void ipsecctrl_maps_row(uint32_t instance, json_t *row)
{
	const struct place_maps_manager *g = place_maps_manager(&self.now, instance);
	json_t *maps = g ? json_array() : NULL;

	if (!g)
		return;
	for (size_t i = 0; i < self.now.n; i++)
		if (self.now.maps[i].manager == instance)
			json_array_append_new(maps, map_json(&self.now.maps[i]));
	json_object_set_new(row, "ctx", json_string(g->ctx));
	json_object_set_new(row, "ike", json_integer(g->ike));
	json_object_set_new(row, "maps_max",
	                    json_integer(g->demux ? PLACE_MAPS_ON_DEMUX : PLACE_MAPS_PER_MANAGER));
	json_object_set_new(row, "maps", maps);
}

void ipsecctrl_maps_rest(json_t *o)
{
	json_t *rest = json_array(), *r;

	for (size_t i = 0; i < self.now.n; i++)
		if (!self.now.maps[i].manager) {
			r = map_json(&self.now.maps[i]);
			json_object_set_new(r, "why", json_string(self.now.maps[i].why));
			json_array_append_new(rest, r);
		}
	json_object_set_new(o, "maps_without", rest);
}

json_t *ipsecctrl_maps_waiting(struct task *t, struct show_page *page, char *err, size_t size)
{
	json_t *list = json_array();

	(void)t, (void)err, (void)size;
	for (size_t i = 0; i < self.now.n; i++) {
		const struct place_map *x = &self.now.maps[i];

		if (place_maps_waits(&self.now, i) == 1 && show_wanted(page))
			json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:b}", "context", x->ctx,
			                                      "map", x->name, "manager", (int)x->manager,
			                                      "demux", x->demux));
	}
	return json_pack("{s:o}", "maps", list);
}
