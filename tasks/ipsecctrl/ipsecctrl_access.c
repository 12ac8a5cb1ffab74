/* SPDX-License-Identifier: MIT */
/*
 * Blacklist and whitelist (IPSec Reference chapter 13): reads the file that is configured, when it is
 * configured and by `crypto blacklist|whitelist file update`, and leaves what it read on the chassis' disk
 * for every ipsecmgr of this boot; the versions go out on topic "lists". A file with a bad line changes
 * nothing. Entry points: ipsecctrl_access_config(), ipsecctrl_access_tell(), ipsecctrl_access_update(),
 * ipsecctrl_access_show().
 */
#include "tasks/ipsecctrl/ipsecctrl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/access.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/url.h"
#include "cfg/cfg.h"
#include "chassis/fabric.h"
#include "disk/disk.h"
#include "fetch/fetch.h"
#include "vpn/vpn_context.h"

enum { BLACK, WHITE, LISTS };

static struct list {
	const char *name, *row;
	char url[FETCH_URL_MAX]; /* configured; "": none */
	char failed[512];        /* why the file of the last try does not count; "": it does */
	uint64_t version;        /* of what counts; 0: nothing */
	uint64_t read_wall_us;
	struct access_list *list;
	struct fetch *fetch; /* under way */
	struct bus_from who; /* … for this operator; id 0: for nobody */
} lists[LISTS] = {{.name = "blacklist", .row = "crypto-blacklist-file"},
                  {.name = "whitelist", .row = "crypto-whitelist-file"}};

static struct {
	struct task *t;
	int ns_fd; /* of the management context; -1: not known */
} self = {.ns_fd = -1};

static const char *snapshot(struct task *t, const struct list *l)
{
	return task_state_path(t, ACCESS_SNAPSHOT, l->name);
}

void ipsecctrl_access_tell(struct task *t)
{
	Envelope env = ENVELOPE__INIT;
	AccessLists m = ACCESS_LISTS__INIT;

	/* Started again, it knows no list before it has the configuration; the managers have theirs. */
	if (!self.t)
		return;
	m.blacklist = lists[BLACK].version;
	m.whitelist = lists[WHITE].version;
	env.body_case = ENVELOPE__BODY_ACCESS_LISTS;
	env.access_lists = &m;
	task_publish(t, "lists", &env);
}

/* --- reading
 * ------------------------------------------------------------------------------------------------------- */

static int fail(struct list *l, int rc, const char *why)
{
	char shown[FETCH_URL_MAX];

	snprintf(l->failed, sizeof(l->failed), "%.250s: %.200s", url_shown(l->url, shown, sizeof(shown)),
	         why);
	return rc;
}

/* Every bad line that was remembered, in one text. */
static int fail_lines(struct list *l, const struct access_report *r)
{
	size_t n = r->bad < ACCESS_BAD_MAX ? r->bad : ACCESS_BAD_MAX, at;
	char shown[FETCH_URL_MAX];

	if (!n)
		return fail(l, -ENOMEM, strerror(ENOMEM));
	at = (size_t)snprintf(l->failed, sizeof(l->failed),
	                      "%.200s:", url_shown(l->url, shown, sizeof(shown)));
	for (size_t i = 0; i < n && at < sizeof(l->failed); i++)
		at += (size_t)snprintf(l->failed + at, sizeof(l->failed) - at, "%s line %zu: %s",
		                       i ? "," : "", r->first[i].line, r->first[i].why);
	if (r->bad > n && at < sizeof(l->failed))
		snprintf(l->failed + at, sizeof(l->failed) - at, ", and %zu more", r->bad - n);
	return -EBADMSG;
}

/* What counts from now on, durable before anybody is told. */
static int take(struct task *t, struct list *l, struct access_list *list, const char *text, size_t len)
{
	uint64_t now = clock_wall_us(), version = now > l->version ? now : l->version + 1;
	char head[FETCH_URL_MAX + 128], shown[FETCH_URL_MAX];
	int rc;

	snprintf(head, sizeof(head), "# %.63s %llu %s\n", t->boot_id, (unsigned long long)version, l->url);
	mkdir(task_state_path(t, "lists"), 0700);
	rc = access_write(snapshot(t, l), head, text, len);
	if (rc) {
		access_free(list);
		return fail(l, rc, strerror(-rc));
	}
	access_free(l->list);
	l->list = list;
	l->version = version;
	l->read_wall_us = now;
	l->failed[0] = '\0';
	LOG(EV_IPSEC_TEMPLATE, "%s: %zu identities of %s", l->name, access_count(list),
	    url_shown(l->url, shown, sizeof(shown)));
	ipsecctrl_access_tell(t);
	return 0;
}

static int take_text(struct task *t, struct list *l, const char *text, size_t len)
{
	struct access_report r;
	struct access_list *list = access_parse(text, len, &r);

	return list ? take(t, l, list, text, len) : fail_lines(l, &r);
}

/* What the operator who asked for it reads. */
static void answer(struct task *t, struct list *l, int rc)
{
	if (!l->who.id)
		return;
	if (rc)
		task_reply_status_to(t, &l->who, -EBADMSG, "Failure: %s%s", l->failed,
		                     l->version ? "; the list before it counts" : "");
	else
		task_reply_status_to(t, &l->who, 0, "%s", "");
	l->who.id = 0;
}

static void fetched(void *arg, struct fetch_result *r)
{
	struct list *l = arg;
	int rc = r->rc ? fail(l, r->rc, r->text) : take_text(self.t, l, r->data, r->len);

	l->fetch = NULL;
	if (rc)
		LOG(EV_CFG_ERROR, "%s: %s", l->name, l->failed);
	answer(self.t, l, rc);
}

/* From a server, by the management network: chapter 13 names tftp, ftp and sftp. */
static int start_fetch(struct task *t, struct list *l)
{
	struct fetch_job job = {
	        .url = l->url, .state_dir = t->state_dir, .max_bytes = ACCESS_FILE_MAX, .fd = -1};
	int rc = 0;

	if (self.ns_fd < 0 && fabric_context(t, VPN_LOCAL, &self.ns_fd))
		self.ns_fd = -1;
	job.ns_fd = self.ns_fd;
	l->fetch = fetch_start(t->loop, &job, fetched, l, &rc);
	return l->fetch ? 0 : fail(l, rc, strerror(-rc));
}

/* The file, new. 0 (also: it is on its way) or -errno with l->failed. */
static int read_file(struct task *t, struct list *l)
{
	char path[DISK_URL_MAX], *text = NULL;
	size_t len = 0;
	int rc;

	if (fetch_is_remote(l->url, 0))
		return start_fetch(t, l);
	rc = disk_url(l->url, path, sizeof(path));
	if (rc)
		return fail(l, rc, "neither a file of /flash, /hd-raid or /usb1 nor a URL of a server");
	rc = disk_read(t->state_dir, path, ACCESS_FILE_MAX, &text, &len);
	if (rc)
		return fail(l, rc, rc == -EFBIG ? "longer than 16 MB" : disk_error(rc));
	rc = take_text(t, l, text, len);
	free(text);
	return rc;
}

/* What a controller before us read of the same file in this boot. */
static bool adopt(struct task *t, struct list *l)
{
	char boot[64] = "", url[FETCH_URL_MAX] = "", *text = NULL;
	unsigned long long version = 0;
	struct access_report r;
	size_t len = 0;
	bool same;

	if (access_read(snapshot(t, l), &text, &len))
		return false;
	same = sscanf(text, "# %63s %llu %2047s", boot, &version, url) == 3 && !strcmp(boot, t->boot_id) &&
	       !strcmp(url, l->url);
	if (same)
		l->list = access_parse(text, len, &r);
	free(text);
	if (!l->list)
		return false;
	l->version = l->read_wall_us = version;
	return true;
}

static void forget(struct task *t, struct list *l)
{
	if (l->fetch)
		fetch_cancel(l->fetch);
	l->fetch = NULL;
	snprintf(l->failed, sizeof(l->failed), "another file is configured");
	answer(t, l, -ECANCELED);
	access_free(l->list);
	l->list = NULL;
	l->version = l->read_wall_us = 0;
	l->failed[0] = l->url[0] = '\0';
	unlink(snapshot(t, l));
}

void ipsecctrl_access_config(struct task *t, const struct cfg_tree *tree)
{
	bool first = false;

	self.t = t;
	for (size_t i = 0; i < LISTS; i++) {
		const char *url = cfg_get(tree, tree->root, lists[i].row, "url");
		struct list *l = &lists[i];

		if (!strcmp(l->url, url ? url : "") && (url || !l->list))
			continue;
		first = !l->url[0];
		if (!url) {
			forget(t, l);
			continue;
		}
		if (!first)
			forget(t, l); /* another file: what the old one said is over */
		snprintf(l->url, sizeof(l->url), "%s", url);
		if (!(first && adopt(t, l)) && read_file(t, l))
			LOG(EV_CFG_ERROR, "%s: %s", l->name, l->failed);
	}
	ipsecctrl_access_tell(t);
}

/* --- operators
 * ------------------------------------------------------------------------------------------------------ */

static struct list *named(const char *name)
{
	for (size_t i = 0; i < LISTS; i++)
		if (!strcmp(lists[i].name, name))
			return &lists[i];
	return NULL;
}

void ipsecctrl_access_update(struct task *t, const struct bus_msg *m)
{
	const char *name = m->env->control->args;
	struct list *l = named(name);
	int rc;

	if (!l) {
		task_reply_status(t, m, -EINVAL, "Failure: list %.60s; legal is blacklist or whitelist",
		                  name);
	} else if (!l->url[0]) {
		task_reply_status(t, m, -ENOENT, "Failure: no crypto %s file is configured", l->name);
	} else if (l->fetch) {
		task_reply_status(t, m, -EBUSY, "Failure: the %s is being fetched", l->name);
	} else {
		l->who = task_from(m);
		rc = read_file(t, l);
		if (rc || !l->fetch)
			answer(t, l, rc);
	}
}

json_t *ipsecctrl_access_show(struct task *t, struct show_page *page, char *err, size_t size)
{
	struct list *l = named(page->args);
	char shown[FETCH_URL_MAX];
	json_t *o, *rows;

	(void)t;
	if (!l) {
		snprintf(err, size, "Failure: list %.60s; legal is blacklist or whitelist", page->args);
		return NULL;
	}
	o = json_object();
	rows = json_array();
	for (size_t i = 0; i < access_count(l->list); i++)
		if (show_wanted(page))
			json_array_append_new(rows, json_pack("{s:s, s:o}", "type", access_type(l->list, i),
			                                      "value", show_text(access_value(l->list, i))));
	json_object_set_new(o, "list", json_string(l->name));
	json_object_set_new(o, "file", show_text(url_shown(l->url, shown, sizeof(shown))));
	json_object_set_new(o, "read_wall_us", json_integer((json_int_t)l->read_wall_us));
	json_object_set_new(o, "failed", show_text(l->failed));
	json_object_set_new(o, "identities", rows);
	json_object_set_new(o, "count", json_integer((json_int_t)access_count(l->list)));
	return o;
}
