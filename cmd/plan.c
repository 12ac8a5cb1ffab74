/* SPDX-License-Identifier: MIT */
/*
 * `orrery plan`: where every task of a configuration would run, by the same function as the running chassis
 * (lib/place), without booting one.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "cfg/cfg.h"
#include "chassis/profile.h"
#include "cli/engine/cli.h"
#include "cmd/cmd.h"
#include "place/place_cfg.h"

#define PLAN_CONFIG_MAX (8u << 20)

static void report(void *arg, unsigned lineno, const char *line, const char *error)
{
	fprintf(stderr, "orrery: %s:%u: %s: %s\n", (const char *)arg, lineno, line, error);
}

/* The configuration of a file; lines that are wrong are told and left out, as at boot. NULL after an error
 * line. */
static struct cfg_tree *load(const struct cli_grammar *g, const char *file, int *failed)
{
	char *text = malloc(PLAN_CONFIG_MAX + 1);
	FILE *f = fopen(file, "re");
	struct cfg_tree *t = f && text ? cfg_new(g) : NULL;
	size_t n;

	if (!t) {
		cmd_fail("%s: %s", file, strerror(errno));
	} else {
		n = fread(text, 1, PLAN_CONFIG_MAX, f);
		text[n] = '\0';
		*failed = cli_load_text(t, NULL, text, report, (void *)file);
	}
	if (f)
		fclose(f);
	free(text);
	return t;
}

/* What the running chassis would know: every card alive, contexts local and those configured, the managers
 * that the crypto maps need. */
static int fill(struct place_input *in, struct place_maps *maps, struct place_manager *managers,
                const struct profile *p, const struct cfg_tree *t)
{
	bool shut[PROFILE_SLOTS_MAX + 1];
	*in = (struct place_input){.profile = p, .managers = managers};
	for (unsigned s = PROFILE_SLOTS_MAX; s >= 1; s--) {
		in->slots[s].state = p->card[s] && p->card[s]->processing ? PLACE_STANDBY : PLACE_ABSENT;
		if (p->card[s] && p->card[s]->management)
			in->active_mio = s; /* the lowest: it wins the arbitration at boot */
	}
	place_cfg_cards(t, in);
	place_cfg_shutdown(t, shut);
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		if (shut[s] && in->slots[s].state == PLACE_STANDBY)
			in->slots[s].state = PLACE_DOWN;
	place_cfg_require(t, &in->require);
	maps->require = in->require;
	maps->demux_card = place_cfg_demux_card(t, p);
	if (place_cfg_maps(t, maps) < 0)
		return -ENOMEM;
	place_maps_compute(maps);
	for (size_t i = 0; i < maps->n_managers; i++)
		managers[in->n_managers++] = (struct place_manager){.instance = maps->managers[i].instance,
		                                                    .ike = maps->managers[i].ike,
		                                                    .demux = maps->managers[i].demux};
	return 0;
}

static int by_card(const void *a, const void *b)
{
	const struct place_task *x = a, *y = b;

	if (x->card != y->card)
		return x->card - y->card;
	return x->cpu != y->cpu ? x->cpu - y->cpu : strcmp(x->facility, y->facility);
}

static const char *role(const struct place_output *out, unsigned slot)
{
	return out->role[slot] == PLACE_CARD_ACTIVE ? (slot == out->demux ? "Active (Demux)" : "Active")
	                                            : "Standby";
}

static void print_maps(const struct place_maps *m)
{
	for (size_t i = 0; i < m->n_managers; i++) {
		const struct place_maps_manager *g = &m->managers[i];

		printf("ipsecmgr %u: context %s, IKEv%u%s, %u crypto map%s:", g->instance, g->ctx, g->ike,
		       g->demux ? ", demux card" : "", g->maps, g->maps == 1 ? "" : "s");
		for (size_t k = 0; k < m->n; k++)
			if (m->maps[k].manager == g->instance)
				printf(" %s", m->maps[k].name);
		putchar('\n');
	}
	for (size_t i = 0; i < m->n; i++)
		if (!m->maps[i].manager)
			printf("problem: crypto map %s in context %s: %s\n", m->maps[i].name, m->maps[i].ctx,
			       m->maps[i].why);
}

static void print_text(const struct profile *p, const struct place_output *out, const struct place_maps *maps)
{
	size_t i = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		bool runs_tasks = p->card[s] && (p->card[s]->processing || s == out->demux);

		if (!runs_tasks)
			continue;
		printf("%2u: %-6s %s\n", s, p->card[s]->name,
		       p->card[s]->processing ? role(out, s) : "Active (Demux)");
		for (; i < out->n && out->tasks[i].card == s; i++) {
			const struct place_task *k = &out->tasks[i];

			printf("    %2u/%u %-12s %5u%s\n", k->card, k->cpu, k->facility, k->instance,
			       k->standby ? "  standby" : "");
		}
	}
	print_maps(maps);
	if (out->problem[0])
		printf("problem: %s\n", out->problem);
}

static json_t *maps_json(const struct place_maps *m)
{
	json_t *a = json_array();

	for (size_t i = 0; i < m->n; i++)
		json_array_append_new(a, json_pack("{s:s,s:s,s:i,s:i,s:b,s:s}", "context", m->maps[i].ctx,
		                                   "name", m->maps[i].name, "ike", m->maps[i].ike, "manager",
		                                   m->maps[i].manager, "demux", m->maps[i].demux, "problem",
		                                   m->maps[i].why ? m->maps[i].why : ""));
	return a;
}

static void print_json(const struct profile *p, const struct place_output *out, const struct place_maps *maps)
{
	json_t *root = json_object(), *tasks = json_array(), *cards = json_array();

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		if (p->card[s] && p->card[s]->processing)
			json_array_append_new(
			        cards, json_pack("{s:i,s:s,s:s}", "slot", s, "type", p->card[s]->name, "role",
			                         out->role[s] == PLACE_CARD_ACTIVE ? "active" : "standby"));
	}
	for (size_t i = 0; i < out->n; i++) {
		const struct place_task *k = &out->tasks[i];

		json_array_append_new(tasks, json_pack("{s:s,s:i,s:i,s:i,s:b}", "facility", k->facility,
		                                       "instance", k->instance, "card", k->card, "cpu",
		                                       k->cpu, "standby", k->standby));
	}
	json_object_set_new(root, "demux", json_integer(out->demux));
	json_object_set_new(root, "problem", json_string(out->problem));
	json_object_set_new(root, "cards", cards);
	json_object_set_new(root, "tasks", tasks);
	json_object_set_new(root, "maps", maps_json(maps));
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

static int plan(const char *file, const char *profile, bool json)
{
	char path[CMD_PATH_MAX], dir[CMD_PATH_MAX], self[CMD_PATH_MAX], err[512] = "";
	struct place_output out = {0};
	static struct place_manager managers[PLACE_MAP_MANAGERS];
	static struct place_maps maps;
	struct place_input in;
	size_t without = 0;
	struct cli_grammar *g;
	struct cfg_tree *t;
	struct profile p;
	int failed = 0, rc;

	if (paths_profile(profile, path))
		return cmd_fail("there is no profile \"%s\"", profile);
	if (profile_read(path, &p, err, sizeof(err)) < 0)
		return cmd_fail("%s", err);
	g = paths_self(self) ? NULL
	                     : cli_grammar_load(cli_grammar_dir(self, dir, sizeof(dir)), err, sizeof(err));
	if (!g)
		return cmd_fail("%s", err);
	t = load(g, file, &failed);
	if (!t) {
		cli_grammar_free(g);
		return CMD_NO;
	}
	rc = fill(&in, &maps, managers, &p, t);
	for (size_t i = 0; i < maps.n; i++)
		without += !maps.maps[i].manager;
	if (!rc)
		rc = place_compute(&in, &out);
	if (!rc) {
		qsort(out.tasks, out.n, sizeof(*out.tasks), by_card);
		json ? print_json(&p, &out, &maps) : print_text(&p, &out, &maps);
	}
	rc = rc || failed || without || out.problem[0] ? CMD_NO : CMD_OK;
	if (without)
		cmd_fail("%zu crypto map%s not served", without, without == 1 ? " is" : "s are");
	if (out.problem[0])
		cmd_fail("%s", out.problem);
	place_output_free(&out);
	place_maps_free(&maps);
	cfg_free(t);
	cli_grammar_free(g);
	return rc;
}

int plan_main(int argc, char **argv)
{
	static const struct option longopts[] = {{"profile", required_argument, NULL, 'p'},
	                                         {"json", no_argument, NULL, 'j'},
	                                         {NULL, 0, NULL, 0}};
	const char *profile = "asr5500-lab";
	bool json = false;
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (c == 'p')
			profile = optarg;
		else if (c == 'j')
			json = true;
		else
			return cmd_misused("plan", "%s is not an option of it, or its value is missing",
			                   argv[optind - 1]);
	}
	if (argc - optind != 1)
		return cmd_misused("plan", "which configuration?");
	return plan(argv[optind], profile, json);
}
