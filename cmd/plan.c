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
#include "place/place.h"
#include "vpn/vpn_context.h"

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

/* What the running chassis would know: every card alive, contexts local and those configured. */
static void fill(struct place_input *in, const struct profile *p, const struct cfg_tree *t)
{
	const struct cfg_node *c;

	*in = (struct place_input){.profile = p};
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		in->slots[s].state = p->card[s] && p->card[s]->processing ? PLACE_STANDBY : PLACE_ABSENT;
	cfg_foreach(c, t->root, "card")
	{
		unsigned long slot = strtoul(cfg_key(c, 0), NULL, 10);
		const char *mode = cfg_get(t, c, "mode", "mode");

		if (slot >= 1 && slot <= PROFILE_SLOTS_MAX)
			in->slots[slot].want_active =
			        mode && !strcmp(mode, "active") && !cfg_on(t, c, "shutdown");
	}
	for (uint32_t id = 1; id <= vpn_context_count(t) && in->n_contexts < PLACE_CONTEXTS_MAX; id++)
		in->contexts[in->n_contexts++] = id;
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

static void print_text(const struct profile *p, const struct place_output *out)
{
	size_t i = 0;

	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++) {
		if (!p->card[s] || !p->card[s]->processing)
			continue;
		printf("%2u: %-6s %s\n", s, p->card[s]->name, role(out, s));
		for (; i < out->n && out->tasks[i].card == s; i++) {
			const struct place_task *k = &out->tasks[i];

			printf("    %2u/%u %-12s %5u%s\n", k->card, k->cpu, k->facility, k->instance,
			       k->standby ? "  standby" : "");
		}
	}
	if (out->problem[0])
		printf("problem: %s\n", out->problem);
}

static void print_json(const struct profile *p, const struct place_output *out)
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
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

static int plan(const char *file, const char *profile, bool json)
{
	char path[CMD_PATH_MAX], dir[CMD_PATH_MAX], self[CMD_PATH_MAX], err[512] = "";
	struct place_output out = {0};
	struct place_input in;
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
	fill(&in, &p, t);
	rc = place_compute(&in, &out);
	if (!rc) {
		qsort(out.tasks, out.n, sizeof(*out.tasks), by_card);
		json ? print_json(&p, &out) : print_text(&p, &out);
	}
	rc = rc || failed || out.problem[0] ? CMD_NO : CMD_OK;
	if (out.problem[0])
		cmd_fail("%s", out.problem);
	place_output_free(&out);
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
