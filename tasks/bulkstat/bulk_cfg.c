/* SPDX-License-Identifier: MIT */
/*
 * The settings of `bulkstats mode`, and the timers that follow from them. Unknown variables of a format are
 * reported here, once per change, and printed as they stand. Called when the configuration changes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bulk_task.h"
#include "cfg/cfg.h"
#include "chassis/fabric.h"
#include "secret/secret.h"
#include "vpn/vpn_context.h"

static void unknown(void *arg, const char *variable)
{
	const struct bulk_line *l = arg;

	LOG(EV_CFG_ERROR, "bulkstats: %s schema %s has no variable %%%s%%; it is printed as it stands",
	    l->schema, l->name, variable);
}

static void unknown_common(void *arg, const char *variable)
{
	LOG(EV_CFG_ERROR, "bulkstats: there is no variable %%%s%% for the %s; it is printed as it stands",
	    variable, (const char *)arg);
}

/* A copy of a format, NULL when absent or too long. */
static char *format_of(const struct cfg_tree *tree, const struct cfg_node *n, const char *row,
                       const char *what)
{
	const char *text = cfg_get(tree, n, row, "format");

	if (!text)
		return NULL;
	if (bulk_format_check(text, NULL, BULK_HEADER_MAX, unknown_common, (void *)(uintptr_t)what) < 0) {
		LOG(EV_CFG_ERROR, "bulkstats: the %s is longer than %d characters", what, BULK_HEADER_MAX);
		return NULL;
	}
	return strdup(text);
}

static void read_receiver(struct task *t, const struct cfg_node *n, struct bulk_receiver *r)
{
	const char *address = cfg_arg(n, "address"), *mechanism = cfg_arg(n, "mechanism");
	const char *login = cfg_arg(n, "login"), *password = cfg_arg(n, "password");
	struct secret_key key;

	memset(r, 0, sizeof(*r));
	if (n->negated || !address)
		return;
	r->used = true;
	r->mechanism = mechanism && !strcmp(mechanism, "ftp")    ? BULK_FTP
	               : mechanism && !strcmp(mechanism, "tftp") ? BULK_TFTP
	                                                         : BULK_SFTP;
	snprintf(r->address, sizeof(r->address), "%s", address);
	snprintf(r->login, sizeof(r->login), "%s", login ? login : "");
	if (!password)
		return;
	if (!secret_is_sealed(password)) {
		snprintf(r->password, sizeof(r->password), "%s", password);
	} else if (secret_key_load(t->state_dir, &key) ||
	           secret_unseal(&key, password, r->password, sizeof(r->password))) {
		LOG(EV_CFG_ERROR, "bulkstats: the password for %s cannot be read with this chassis' key",
		    address);
		r->password[0] = '\0';
	}
	explicit_bzero(&key, sizeof(key));
}

static void read_line(const struct cfg_node *n, struct bulk_file *f)
{
	const char *format = cfg_arg(n, "format");
	struct bulk_line *l = &f->lines[f->n_lines];
	const struct bulk_schema *s;

	if (n->negated || !format || f->n_lines == BULK_LINES_MAX)
		return;
	snprintf(l->schema, sizeof(l->schema), "%s", cfg_key(n, 0));
	snprintf(l->name, sizeof(l->name), "%s", cfg_key(n, 1));
	l->active_only = cfg_has(n, "active-only");
	s = bulk_schema_find(l->schema);
	if (!s)
		LOG(EV_CFG_ERROR, "bulkstats: schema %s has no objects on this chassis", l->schema);
	else if (bulk_format_check(format, s, BULK_FORMAT_MAX, unknown, l) < 0)
		return;
	l->format = strdup(format);
	f->n_lines += l->format != NULL;
}

/* "/hd-raid/x" or "file:/hd-raid/x": a place on the chassis' disk. */
static void read_local_dir(const char *url, char *out, size_t size)
{
	out[0] = '\0';
	if (!url)
		return;
	if (!strncmp(url, "file:", 5))
		url += 5;
	url += strspn(url, "/");
	if (!*url || strstr(url, "..")) {
		LOG(EV_CFG_ERROR, "bulkstats: local-directory %s is not a directory of this chassis", url);
		return;
	}
	snprintf(out, size, "%s", url);
}

static void file_clear(struct bulk_file *f)
{
	struct bulk_stats keep = f->stats;
	unsigned before = f->schemas_before;

	for (size_t i = 0; i < f->n_lines; i++)
		free(f->lines[i].format);
	free(f->lines);
	free(f->header);
	free(f->footer);
	explicit_bzero(f, sizeof(*f));
	f->stats = keep;
	f->schemas_before = before;
}

static void read_file(struct task *t, const struct cfg_tree *tree, const struct cfg_node *n,
                      struct bulk_file *f)
{
	const char *remote = cfg_get(tree, n, "remotefile", "format"),
	           *mode = cfg_get(tree, n, "receiver-mode", "mode");
	const struct cfg_node *c;

	if (!remote)
		remote = cfg_get(tree, n, "remotefile-format", "format");
	f->used = true;
	f->number = (unsigned)atoi(cfg_key(n, 0));
	snprintf(f->remote, sizeof(f->remote), "%s",
	         remote ? remote : "%host%_bulkstats_%localdate%_%localtime%.csv");
	bulk_format_check(f->remote, NULL, sizeof(f->remote), unknown_common,
	                  (void *)(uintptr_t) "remotefile");
	f->header = format_of(tree, n, "header-format", "header");
	f->footer = format_of(tree, n, "footer-format", "footer");
	read_local_dir(cfg_get(tree, n, "orrery-local-directory", "directory"), f->local_dir,
	               sizeof(f->local_dir));
	f->redundant = mode && !strcmp(mode, "redundant");
	cfg_foreach(c, n, "receiver")
	        read_receiver(t, c, &f->receiver[strcmp(cfg_key(c, 0), "secondary") == 0]);
	f->lines = calloc(BULK_LINES_MAX, sizeof(*f->lines));
	if (f->lines)
		cfg_foreach(c, n, "schema") read_line(c, f);
}

/* The management address: the first one in context local, else the first one at all. */
static void read_address(const struct cfg_tree *tree, char *out, size_t size)
{
	const struct cfg_node *ctx, *i;

	snprintf(out, size, "0.0.0.0");
	for (int local = 1; local >= 0; local--)
		cfg_foreach(ctx, tree->root, "context")
		{
			if (local != !strcmp(cfg_key(ctx, 0), "local"))
				continue;
			cfg_foreach(i, ctx, "interface")
			{
				const char *a = cfg_get(tree, i, "ip-address", "address");
				if (a) {
					snprintf(out, size, "%s", a);
					return;
				}
			}
		}
}

static void restart_timer(struct bulk_task *b, struct task_timer **tm, unsigned *minutes, unsigned want,
                          task_timer_cb cb)
{
	if (*tm && *minutes == want)
		return;
	task_timer_stop(*tm);
	*minutes = want;
	*tm = want ? task_timer_start(b->t, want * 60000ull, want * 60000ull, cb, b) : NULL;
}

void bulk_cfg_changed(struct task *t, const struct cfg_tree *tree, void *arg)
{
	struct bulk_task *b = arg;
	const struct cfg_node *mode = cfg_child(tree, tree->root, "bulkstats-mode", NULL), *n;
	const char *host = cfg_get(tree, tree->root, "system-hostname", "hostname");
	struct bulk_settings *set = &b->set;

	if (b->ns_fd < 0 && fabric_context(t, VPN_LOCAL, &b->ns_fd))
		b->ns_fd = -1;
	for (unsigned i = 0; i < BULK_FILES_MAX; i++)
		file_clear(&b->file[i]);
	snprintf(set->host, sizeof(set->host), "%s", host ? host : t->chassis);
	read_address(tree, set->ipaddr, sizeof(set->ipaddr));
	set->collect = mode && cfg_on(tree, tree->root, "bulkstats-collection");
	if (mode) {
		set->limit = (uint64_t)cfg_get_int(tree, mode, "limit", "kilobytes", 1000) * 1000;
		set->gather_on_standby = cfg_on(tree, mode, "gather-on-standby");
		cfg_foreach(n, mode, "file")
		{
			unsigned number = (unsigned)atoi(cfg_key(n, 0));
			if (number >= 1 && number <= BULK_FILES_MAX)
				read_file(t, tree, n, &b->file[number - 1]);
		}
	}
	restart_timer(b, &b->sample_timer, &set->sample_min,
	              set->collect ? (unsigned)cfg_get_int(tree, mode, "sample-interval", "minutes", 15) : 0,
	              bulk_gather_timer);
	restart_timer(b, &b->transfer_timer, &set->transfer_min,
	              set->collect ? (unsigned)cfg_get_int(tree, mode, "transfer-interval", "minutes", 480)
	                           : 0,
	              bulk_transfer_timer);
}
