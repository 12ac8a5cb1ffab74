/* SPDX-License-Identifier: MIT */
/*
 * The filters of the event log: "logging filter active facility F level L" of the configuration; facility
 * "all" is the default for those that are not named. Without configuration events down to info are kept. What
 * an operator sets in Exec mode comes before that, for as long as this process lives; there "all" is for
 * every facility. Called by main.c; fed by the configuration watch.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cfg/cfg.h"
#include "tasks/evlogd/evlogd.h"

#define FILTERS_MAX   256
#define DEFAULT_LEVEL LOG_LEVEL_info

struct filters {
	struct {
		char facility[32];
		uint32_t level;
	} row[FILTERS_MAX];
	size_t n;
	uint32_t all; /* LOG_LEVEL_COUNT: not set */
};

static struct filters filter = {.all = DEFAULT_LEVEL}, by_hand = {.all = LOG_LEVEL_COUNT};

/* 0, -EINVAL (no level, too long a name), -ENOSPC. */
static int add(struct filters *f, const char *facility, const char *level)
{
	int l = level ? log_level_parse(level) : -1;
	size_t i = 0;

	if (!facility || l < 0 || strlen(facility) >= sizeof(f->row[0].facility))
		return -EINVAL;
	if (strcmp(facility, "all") == 0) {
		f->all = (uint32_t)l;
		return 0;
	}
	while (i < f->n && strcmp(f->row[i].facility, facility) != 0)
		i++;
	if (i == FILTERS_MAX)
		return -ENOSPC;
	snprintf(f->row[i].facility, sizeof(f->row[0].facility), "%s", facility);
	f->row[i].level = (uint32_t)l;
	f->n += i == f->n;
	return 0;
}

int evlogd_filter_set(const char *args)
{
	char facility[32];
	size_t n = strcspn(args, " ");

	if (!n || n >= sizeof(facility) || !args[n])
		return -EINVAL;
	memcpy(facility, args, n);
	facility[n] = 0;
	if (!strcmp(facility, "all") && log_level_parse(args + n + 1) >= 0)
		by_hand.n = 0;
	return add(&by_hand, facility, args + n + 1);
}

void evlogd_filter_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	const struct cfg_node *n;

	filter.n = 0;
	filter.all = DEFAULT_LEVEL;
	if (!tree)
		return;
	cfg_foreach(n, tree->root, "logging-filter-active") add(&filter, cfg_key(n, 0), cfg_arg(n, "level"));
}

static const uint32_t *find(const struct filters *f, const char *facility)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->row[i].facility, facility) == 0)
			return &f->row[i].level;
	return NULL;
}

bool evlogd_filter_pass(const char *facility, uint32_t level)
{
	const uint32_t *l = find(&by_hand, facility);

	if (!l && by_hand.all < LOG_LEVEL_COUNT)
		l = &by_hand.all;
	if (!l)
		l = find(&filter, facility);
	return level <= (l ? *l : filter.all);
}

static void add_json(json_t *list, const struct filters *f, const char *source)
{
	if (f->all < LOG_LEVEL_COUNT)
		json_array_append_new(list,
		                      json_pack("{s:s, s:s, s:s}", "facility", "all", "level",
		                                log_level_name((enum log_level)f->all), "source", source));
	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(
		        list, json_pack("{s:s, s:s, s:s}", "facility", f->row[i].facility, "level",
		                        log_level_name((enum log_level)f->row[i].level), "source", source));
}

json_t *evlogd_filter_json(void)
{
	json_t *list = json_array();

	add_json(list, &by_hand, "exec");
	add_json(list, &filter, "configuration");
	return list;
}
