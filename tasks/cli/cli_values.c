/* SPDX-License-Identifier: MIT */
/*
 * Words for ? and TAB that only the running chassis knows: files of its disk, instances of a facility, slots
 * with a card, ports, sessions. The engine asks with the words typed before.
 */
#include <string.h>

#include "cli_show.h"
#include "disk/disk.h"

struct want {
	void (*each)(void *arg, const char *word);
	void *arg;
	char dir[DISK_URL_MAX];
};

/* --- files -------------------------------------------------------------------------------------------------
 */

static int one_file(void *arg, const char *name, const struct stat *st)
{
	struct want *w = arg;
	char word[2 * DISK_URL_MAX];

	if (strpbrk(name, " \"|"))
		return 0;
	snprintf(word, sizeof(word), "%s/%s%s", w->dir, name, S_ISDIR(st->st_mode) ? "/" : "");
	w->each(w->arg, word);
	return 0;
}

static void files(struct sh *sh, const char *partial, struct want *w)
{
	const char *last = strrchr(partial, '/');

	for (size_t i = 0; disk_roots[i]; i++) {
		snprintf(w->dir, sizeof(w->dir), "%s/", disk_roots[i]);
		if (strncmp(partial, w->dir, strlen(w->dir)))
			w->each(w->arg, w->dir);
	}
	if (!last || last == partial || (size_t)(last - partial) >= sizeof(w->dir))
		return;
	snprintf(w->dir, sizeof(w->dir), "%.*s", (int)(last - partial), partial);
	disk_list(sh->t->state_dir, w->dir, one_file, w);
}

/* --- numbers -----------------------------------------------------------------------------------------------
 */

static void number(struct want *w, long long n)
{
	char word[24];

	snprintf(word, sizeof(word), "%lld", n);
	w->each(w->arg, word);
}

/* The word after `facility` in what was typed, or NULL. */
static const char *facility_of(const char *const *words, unsigned n)
{
	for (unsigned i = 0; i + 1 < n; i++)
		if (!strncmp("facility", words[i], strlen(words[i])) && strlen(words[i]) > 2)
			return words[i + 1];
	return NULL;
}

static void instances(struct sh *sh, const char *facility, struct want *w)
{
	char err[256];
	json_t *plan = sh_show(sh, "rmctrl/0", "placement", "", err, sizeof(err)), *task;
	size_t i;

	json_array_foreach(json_object_get(plan, "tasks"), i,
	                   task) if (!strcmp(render_str(task, "facility"), facility) &&
	                             !render_flag(task, "standby")) number(w, render_num(task, "instance"));
	json_decref(plan);
}

static void slots(struct sh *sh, struct want *w)
{
	char err[256];
	json_t *cards = sh_show(sh, "hatsystem/0", "cards", "", err, sizeof(err)), *card;
	size_t i;

	json_array_foreach(json_object_get(cards, "cards"), i, card) if (render_flag(card, "installed"))
	        number(w, render_num(card, "slot"));
	json_decref(cards);
}

static void session_ids(struct sh *sh, struct want *w)
{
	char err[256], dst[40];
	json_t *card, *task;
	size_t i;

	snprintf(dst, sizeof(dst), "card/%u", sh->t->card);
	card = sh_show(sh, dst, "card", "", err, sizeof(err));
	json_array_foreach(json_object_get(card, "tasks"), i,
	                   task) if (!strcmp(render_str(task, "facility"), "cli"))
	        number(w, render_num(task, "instance"));
	json_decref(card);
}

static void ports(struct sh *sh, struct want *w)
{
	const struct cfg_tree *t = sh_tree(sh);
	const struct cfg_node *c;

	cfg_foreach(c, t->root, "port-ethernet") w->each(w->arg, cfg_key(c, 0));
}

static void list(void *arg, const struct cli_var *v, const char *const *words, unsigned n,
                 const char *partial, void (*each)(void *each_arg, const char *word), void *each_arg)
{
	struct sh *sh = arg;
	struct want w = {.each = each, .arg = each_arg};
	const char *facility = facility_of(words, n);

	if (v->type == CLI_URL)
		files(sh, partial, &w);
	else if (v->type == CLI_SLOTPORT)
		ports(sh, &w);
	else if (v->type != CLI_INT || !n)
		return;
	else if (!strcmp(v->name, "instance") && facility)
		instances(sh, facility, &w);
	else if (!strcmp(v->name, "slot") || !strcmp(v->name, "card-slot") || !strcmp(v->name, "from") ||
	         !strcmp(v->name, "to"))
		slots(sh, &w);
	else if (!strcmp(v->name, "id") && !strcmp(words[n - 1], "id"))
		session_ids(sh, &w);
}

void sh_values(struct sh *sh)
{
	sh->s.values.list = list;
	sh->s.values.arg = sh;
}
