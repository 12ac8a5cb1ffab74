/* SPDX-License-Identifier: MIT */
/*
 * The filters of the event log: "logging filter active facility F level L" of the configuration; facility
 * "all" is the default for those that are not named. Without configuration events down to info are kept.
 * Called by main.c; fed by the configuration watch.
 */
#include <stdio.h>
#include <string.h>

#include "cfg/cfg.h"
#include "tasks/evlogd/evlogd.h"

#define FILTERS_MAX   256
#define DEFAULT_LEVEL LOG_LEVEL_info

static struct {
	struct {
		char facility[32];
		uint32_t level;
	} row[FILTERS_MAX];
	size_t n;
	uint32_t all;
} filter = {.all = DEFAULT_LEVEL};

static void add(const char *facility, const char *level)
{
	int l = level ? log_level_parse(level) : -1;

	if (!facility || l < 0)
		return;
	if (strcmp(facility, "all") == 0) {
		filter.all = (uint32_t)l;
	} else if (filter.n < FILTERS_MAX && strlen(facility) < sizeof(filter.row[0].facility)) {
		snprintf(filter.row[filter.n].facility, sizeof(filter.row[0].facility), "%s", facility);
		filter.row[filter.n++].level = (uint32_t)l;
	}
}

void evlogd_filter_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	const struct cfg_node *n;

	filter.n = 0;
	filter.all = DEFAULT_LEVEL;
	if (!tree)
		return;
	cfg_foreach(n, tree->root, "logging-filter-active") add(cfg_key(n, 0), cfg_arg(n, "level"));
}

bool evlogd_filter_pass(const char *facility, uint32_t level)
{
	for (size_t i = 0; i < filter.n; i++)
		if (strcmp(filter.row[i].facility, facility) == 0)
			return level <= filter.row[i].level;
	return level <= filter.all;
}
