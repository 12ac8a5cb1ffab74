/* SPDX-License-Identifier: MIT */
/*
 * Shows of vpnctrl: "context" (args "" or a name) from the table; "ip pool" by asking every vpnmgr, one list
 * of all contexts.
 */
#include "vpnctrl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "show/show.h"
#include "task/watch.h"
#include "vpn/vpn_context.h"

#define ASK_MS 3000

static json_t *fill_context(struct task *t, struct show_page *page, char *err, size_t size)
{
	const struct cfg_tree *tree = config_tree(t);
	json_t *o = json_object(), *a = json_array();
	uint32_t last = vpn_context_count(tree);

	for (uint32_t id = 1; id <= last && id < VPNCTRL_MAX; id++) {
		const struct cfg_node *n = vpn_context_node(tree, id);
		const char *name = vpn_context_name(tree, id),
		           *text = n ? cfg_get(tree, n, "description", "text") : NULL;

		if (!name || (page->args[0] && strcmp(page->args, name) != 0) || !show_wanted(page))
			continue;
		json_array_append_new(a, json_pack("{s:i,s:o,s:s,s:i,s:o}", "id", (int)id, "name",
		                                   show_text(name), "state",
		                                   vpnctrl_table[id].up ? "Active" : "Inactive", "card",
		                                   (int)vpnctrl_table[id].card, "description",
		                                   show_text(text ? text : "")));
	}
	json_object_set_new(o, "contexts", a);
	if (page->args[0] && !json_array_size(a)) {
		snprintf(err, size, "Failure: context %.79s does not exist", page->args);
		json_decref(o);
		return NULL;
	}
	return o;
}

/* --- all pools
 * ------------------------------------------------------------------------------------------------ */

struct gather {
	struct bus_from from;
	json_t *list;
	unsigned open, missing;
};

static void finish(struct task *t, struct gather *g)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply reply = SHOW_REPLY__INIT;
	json_t *root = json_pack("{s:O,s:i}", "contexts", g->list, "missing", (int)g->missing);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	reply.json = text ? text : (char *)"{}";
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &reply;
	task_reply_to(t, &g->from, &env);
	free(text);
	json_decref(root);
	json_decref(g->list);
	free(g);
}

static void answered(struct task *t, void *arg, int status, const struct bus_msg *m)
{
	struct gather *g = arg;
	json_t *one = NULL;

	if (!status && m && m->env->body_case == ENVELOPE__BODY_SHOW_REPLY)
		one = json_loads(m->env->show_reply->json, 0, NULL);
	if (one)
		json_array_append_new(g->list, one);
	else
		g->missing++;
	if (!--g->open)
		finish(t, g);
}

static void ask_pools(struct task *t, const struct bus_msg *m)
{
	struct gather *g = calloc(1, sizeof(*g));
	Envelope env = ENVELOPE__INIT;
	Show show = SHOW__INIT;
	char addr[40];

	if (!g) {
		task_reply_status(t, m, -ENOMEM, "Failure: out of memory");
		return;
	}
	g->from = task_from(m);
	g->list = json_array();
	g->open = 1;
	show.what = (char *)"ip pool";
	env.body_case = ENVELOPE__BODY_SHOW;
	env.show = &show;
	for (uint32_t id = 1; id < VPNCTRL_MAX; id++) {
		if (!vpnctrl_table[id].up)
			continue;
		snprintf(addr, sizeof(addr), "vpnmgr/%u", id);
		if (task_request(t, addr, &env, ASK_MS, 0, answered, g))
			g->missing++;
		else
			g->open++;
	}
	if (!--g->open)
		finish(t, g);
}

static const struct show_row rows[] = {
        {"context", "contexts with id and state; args: a name", fill_context},
};

void vpnctrl_show(struct task *t, const struct bus_msg *m)
{
	if (!strcmp(m->env->show->what, "ip pool"))
		ask_pools(t, m);
	else
		show_dispatch(t, m, rows, sizeof(rows) / sizeof(rows[0]));
}
