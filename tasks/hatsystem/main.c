/* SPDX-License-Identifier: MIT */
/*
 * hatsystem: high availability. Knows what every card reports, has rmctrl compute where everything should
 * run, orders the difference, tells the story in traps and history. One per chassis, on the active MIO; a new
 * one learns everything from the cards' reports.
 */
#include "hat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "place/place_cfg.h"
#include "task/watch.h"

static struct hat hat;

static void config_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	struct hat *h = arg;
	struct place_input in;
	bool shut[PROFILE_SLOTS_MAX + 1];

	(void)t;
	place_cfg_cards(tree, &in);
	place_cfg_shutdown(tree, shut);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		hat_order_config(h, s, in.slots[s].want_active, shut[s], !h->configured);
	memcpy(h->contexts, in.contexts, in.n_contexts * sizeof(in.contexts[0]));
	h->n_contexts = in.n_contexts;
	/* What is required counts from the next boot on, as on StarOS. */
	if (!h->require_known) {
		h->require_known = place_require_at_boot(h->t->state_dir, h->t->boot_id, &h->require);
		if (h->require_known)
			hat_state_save_require(h);
		else /* sct has not read the configuration of this boot: the tree is of the one before */
			place_cfg_require(tree, &h->require);
	}
	h->configured = true;
	hat_plan_soon(h);
}

static void sct_up(struct task *t, const char *addr, uint32_t card, bool up, void *arg)
{
	(void)addr;
	(void)card;
	if (up && !config_tree(t))
		config_watch_start(t, config_changed, arg);
}

static int init(struct task *t)
{
	char err[400];
	int rc = profile_read(t->profile, &hat.profile, err, sizeof(err));

	hat.t = t;
	t->data = &hat;
	if (rc < 0)
		LOG(EV_TASK_FAILED, "%s", err);
	hat_life_start(&hat);
	return rc;
}

static int activate(struct task *t, const char *reason)
{
	hat.activated_us = clock_now_us();
	(void)reason;
	hat_state_load(&hat);
	hat_hw_start(&hat);
	hat_busy_start(&hat);
	/* sct is up once the boot configuration is loaded; before that nobody may be told what to run. */
	task_watch_peers(t, "sct", sct_up, &hat);
	if (task_peer_up(t, "sct/0"))
		sct_up(t, "sct/0", 0, true, &hat);
	hat_back_soon(&hat);
	task_ready(t, 0);
	return 0;
}

int main(int argc, char **argv)
{
	struct task_ops ops = {.facility = "hatsystem",
	                       .routes = hat_routes,
	                       .n_routes = hat_n_routes,
	                       .init = init,
	                       .activate = activate};

	return task_main(argc, argv, &ops);
}
