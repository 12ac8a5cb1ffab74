/* SPDX-License-Identifier: MIT */
/*
 * rmctrl: where everything should run. A message around place_compute(); holds no state but its last answer
 * for the show.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "chassis/profile.h"
#include "place/place.h"
#include "task/task.h"

static struct profile profile; /* with the cards that stand in the slots now, as hatsystem tells */
static struct place_output last;

static enum place_state state_of(const char *word)
{
	if (!strcmp(word, "active"))
		return PLACE_CARD_ACTIVE;
	return !strcmp(word, "standby") ? PLACE_STANDBY : PLACE_DOWN;
}

static void managers_read(const PlacementRequest *req, struct place_input *in)
{
	static struct place_manager managers[PLACE_MAP_MANAGERS];

	for (size_t i = 0; i < req->n_managers && in->n_managers < PLACE_MAP_MANAGERS; i++) {
		const ManagerSpec *s = req->managers[i];

		if (place_serves_maps(s->instance))
			managers[in->n_managers++] = (struct place_manager){
			        .instance = s->instance, .ike = s->ike == 2 ? 2 : 1, .demux = s->demux};
	}
	in->managers = managers;
}

/* in->current is allocated. 0 or -errno. */
static int input_read(const PlacementRequest *req, struct place_input *in)
{
	struct place_task *cur = calloc(req->n_current + 1, sizeof(*cur));

	memset(in, 0, sizeof(*in));
	if (!cur)
		return -ENOMEM;
	in->active_mio = req->active_mio;
	in->require = (struct place_require){.demux_mio = req->demux_mio,
	                                     .demux_proc = req->demux_proc,
	                                     .recovery = req->recovery,
	                                     .ipsec_large = req->ipsec_large};
	in->keep_ipsecmgr = req->keep_ipsecmgr;
	in->keep_sessmgr = req->keep_sessmgr;
	managers_read(req, in);
	in->profile = &profile;
	for (size_t i = 0; i < req->n_slots; i++) {
		const SlotInfo *s = req->slots[i];

		if (s->slot < 1 || s->slot > PROFILE_SLOTS_MAX)
			continue;
		profile.card[s->slot] = card_type_find(s->type);
		in->slots[s->slot].state = state_of(s->state);
		in->slots[s->slot].want_active = s->want_active;
	}
	for (size_t i = 0; i < req->n_current; i++) {
		const PlacedTask *p = req->current[i];

		snprintf(cur[i].facility, sizeof(cur[i].facility), "%s", p->facility);
		cur[i].instance = p->instance;
		cur[i].card = (uint8_t)(p->card <= PROFILE_SLOTS_MAX ? p->card : 0);
		cur[i].cpu = (uint8_t)p->cpu;
		cur[i].standby = p->standby;
	}
	in->current = cur;
	in->n_current = req->n_current;
	for (size_t i = 0; i < req->n_contexts && in->n_contexts < PLACE_CONTEXTS_MAX; i++)
		in->contexts[in->n_contexts++] = req->contexts[i];
	return 0;
}

static void reply(struct task *t, const struct bus_msg *m, const struct place_input *in,
                  const struct place_output *out)
{
	static const char *const roles[] = {"absent", "down", "standby", "active"};
	Envelope env = ENVELOPE__INIT;
	PlacementReply r = PLACEMENT_REPLY__INIT;
	PlacedTask *rows = calloc(out->n + 1, sizeof(*rows)), **ptrs = calloc(out->n + 1, sizeof(*ptrs));
	SlotInfo slots[PROFILE_SLOTS_MAX + 1], *sp[PROFILE_SLOTS_MAX + 1];

	for (size_t i = 0; rows && ptrs && i < out->n; i++) {
		placed_task__init(&rows[i]);
		rows[i].facility = out->tasks[i].facility;
		rows[i].instance = out->tasks[i].instance;
		rows[i].card = out->tasks[i].card;
		rows[i].cpu = out->tasks[i].cpu;
		rows[i].standby = out->tasks[i].standby;
		ptrs[i] = &rows[i];
	}
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		if (!profile.card[s] || !profile.card[s]->processing)
			continue;
		slot_info__init(&slots[s]);
		slots[s].slot = s;
		slots[s].type = (char *)profile.card[s]->name;
		slots[s].state = (char *)roles[out->role[s]];
		slots[s].want_active = in->slots[s].want_active;
		sp[r.n_slots++] = &slots[s];
	}
	r.tasks = ptrs;
	r.n_tasks = rows && ptrs ? out->n : 0;
	r.slots = sp;
	r.demux_slot = out->demux;
	r.problem = (char *)out->problem;
	env.body_case = ENVELOPE__BODY_PLACEMENT_REPLY;
	env.placement_reply = &r;
	task_reply(t, m, &env);
	free(rows);
	free(ptrs);
}

static void placement(struct task *t, const struct bus_msg *m)
{
	struct place_input in;
	struct place_output out;

	if (input_read(m->env->placement_request, &in) < 0 || place_compute(&in, &out) < 0) {
		task_reply_status(t, m, -ENOMEM, "Failure: out of memory");
		return;
	}
	reply(t, m, &in, &out);
	free((void *)in.current);
	place_output_free(&last);
	last = out;
}

static void show(struct task *t, const struct bus_msg *m)
{
	json_t *a = json_array(), *j;
	char *text;

	for (size_t i = 0; i < last.n; i++)
		json_array_append_new(a, json_pack("{s:s, s:i, s:i, s:i, s:b}", "facility",
		                                   last.tasks[i].facility, "instance", last.tasks[i].instance,
		                                   "card", last.tasks[i].card, "cpu", last.tasks[i].cpu,
		                                   "standby", last.tasks[i].standby));
	j = json_pack("{s:i, s:s, s:o}", "demux", last.demux, "problem", last.problem, "tasks", a);
	text = json_dumps(j, JSON_COMPACT);
	task_reply_json(t, m, text ? text : "{}");
	free(text);
	json_decref(j);
}

static int init(struct task *t)
{
	char err[400];
	int rc = profile_read(t->profile, &profile, err, sizeof(err));

	if (rc < 0)
		LOG(EV_TASK_FAILED, "%s", err);
	return rc;
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_PLACEMENT_REQUEST, "hatsystem", "where should everything run: compute, answer",
         placement},
        {ENVELOPE__BODY_SHOW, "*", "the last placement, as JSON", show},
};

int main(int argc, char **argv)
{
	struct task_ops ops = {.facility = "rmctrl",
	                       .routes = routes,
	                       .n_routes = sizeof(routes) / sizeof(*routes),
	                       .init = init};

	return task_main(argc, argv, &ops);
}
