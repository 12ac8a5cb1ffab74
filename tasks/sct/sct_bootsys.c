/* SPDX-License-Identifier: MIT */
/*
 * The boot priorities, /flash/boot.sys: which configuration the chassis starts with. As on the chassis they
 * are in force as soon as they are typed, without a save: the file follows the `boot system` lines of the
 * tree after every commit, and is read before anything else at the next boot. Without the file:
 * /flash/system.cfg.
 */
#include "sct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/url.h"
#include "disk/disk.h"
#include "fetch/fetch.h"

#define BOOT_SYS    "/flash/boot.sys"
#define BOOT_CONFIG "/flash/system.cfg"
#define FILE_MAX    65536

static const struct cfg_node *next_entry(const struct cfg_tree *t, int64_t above)
{
	const struct cfg_node *c, *best = NULL;

	cfg_foreach(c, t->root, "boot-system")
	{
		int64_t p = cfg_arg_int(c, "priority", 0);

		if (p > above && (!best || p < cfg_arg_int(best, "priority", 0)))
			best = c;
	}
	return best;
}

/* The lines of the tree as boot.sys holds them; malloc'ed, NULL: no memory. */
static char *entries_text(const struct cfg_tree *t)
{
	const struct cfg_node *c = NULL;
	struct cli_out_buf buf;
	char line[CLI_LINE_MAX], *text;

	cli_out_buf_init(&buf);
	for (int64_t p = 0; (c = next_entry(t, p)); p = cfg_arg_int(c, "priority", 0))
		if (cli_render_line(c->row, c->args, false, line, sizeof(line)) == 0)
			cli_out_printf(&buf.out, "%s\n", line);
	text = strdup(buf.text ? buf.text : "");
	cli_out_buf_free(&buf);
	return text;
}

void sct_bootsys_follow(struct sct *s)
{
	char *text = entries_text(s->tree);
	int rc;

	if (!text || (s->boot_sys && !strcmp(text, s->boot_sys))) {
		free(text);
		return;
	}
	rc = *text ? disk_write(s->t->state_dir, BOOT_SYS, text, strlen(text))
	           : disk_unlink(s->t->state_dir, BOOT_SYS);
	if (rc < 0 && rc != -ENOENT) {
		LOG(EV_CFG_ERROR, "%s: %s; the next boot takes the priorities of before", BOOT_SYS,
		    disk_error(rc));
		free(text);
		return; /* tried again with the next commit */
	}
	free(s->boot_sys);
	s->boot_sys = text;
}

static int take_entry(void *arg, const struct cfg_node *n)
{
	struct cfg_tree *to = arg;

	return cfg_set(to, to->root, n->row, n->args, false, NULL) < 0 ? -ENOMEM : 0;
}

static int load_config(struct sct *s, const char *url)
{
	struct sct_refused refused;
	char shown[FETCH_URL_MAX];
	int rc = sct_load_file(s, s->tree, url, false, &refused);

	url = url_shown(url, shown, sizeof(shown));
	if (rc < 0 && rc != -ENOENT)
		LOG(EV_CFG_ERROR, "boot configuration %s: %s", url, disk_error(rc));
	else if (refused.n)
		LOG(EV_CFG_ERROR, "boot configuration %s: %u lines were refused, the others are in force",
		    url, refused.n);
	sct_refused_clear(&refused);
	return rc;
}

/* By priority, the first that can be read. */
static void load_first(struct sct *s, const struct cfg_tree *entries, char *used, size_t size)
{
	const struct cfg_node *c;
	char shown[FETCH_URL_MAX];

	for (int64_t p = 0; (c = next_entry(entries, p));) {
		const char *url = cfg_arg(c, "config");
		int rc;

		p = cfg_arg_int(c, "priority", 0);
		if (!url)
			continue;
		rc = load_config(s, url);
		if (rc == 0) {
			snprintf(used, size, "%lld %s", (long long)p, url);
			return;
		}
		LOG(EV_CFG_ERROR, "boot priority %lld: %s: %s; the next one is tried", (long long)p,
		    url_shown(url, shown, sizeof(shown)), disk_error(rc));
	}
	LOG(EV_CFG_ERROR, "no configuration of %s could be loaded; the chassis starts without", BOOT_SYS);
}

void sct_bootsys_load(struct sct *s, char *used, size_t size)
{
	struct cfg_tree *entries = cfg_new(s->grammar);
	char *text = NULL;
	size_t len;
	int rc = entries ? disk_read(s->t->state_dir, BOOT_SYS, FILE_MAX, &text, &len) : -ENOMEM;

	used[0] = 0;
	if (rc == 0 && cli_load_text(entries, NULL, text, NULL, NULL) != 0)
		LOG(EV_CFG_ERROR, "%s is damaged; what can be read of it is used", BOOT_SYS);
	if (rc < 0 && rc != -ENOENT)
		LOG(EV_CFG_ERROR, "%s: %s", BOOT_SYS, disk_error(rc));
	if (entries && cfg_first(entries->root, "boot-system"))
		load_first(s, entries, used, size);
	else if (load_config(s, BOOT_CONFIG) == 0)
		snprintf(used, size, "0 %s", BOOT_CONFIG);
	if (entries) {
		struct cfg_node *c;

		/* the priorities are those of boot.sys, whatever the configuration says */
		while ((c = cfg_first(s->tree->root, "boot-system")))
			cfg_del(s->tree, c);
		cfg_foreach(c, entries->root, "boot-system") take_entry(s->tree, c);
	}
	free(text);
	cfg_free(entries);
	s->boot_sys = entries_text(s->tree);
}
