/* SPDX-License-Identifier: MIT */
/* Show requests: look-up in the program's table, paging, reply. Called from the Show row of a task's route
 * table. */
#include "show/show.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"

bool show_wanted(struct show_page *page)
{
	uint32_t i = page->at++;

	if (i < page->offset)
		return false;
	if (i - page->offset < page->limit)
		return true;
	if (!page->more) {
		page->more = true;
		page->next = i;
	}
	return false;
}

json_t *show_text(const char *text)
{
	char safe[LOG_TEXT_MAX];
	json_t *j;

	log_escape(text, strlen(text), safe, sizeof(safe));
	j = json_string(safe);
	return j ? j : json_string("?"); /* cut inside a UTF-8 sequence */
}

json_t *show_format(const char *fmt, ...)
{
	char buf[LOG_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return show_text(buf);
}

static void reply(struct task *t, const struct bus_msg *m, json_t *root, const struct show_page *page)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;
	char *text = json_dumps(root, JSON_COMPACT);

	if (!text) {
		task_reply_status(t, m, -ENOMEM, "Failure: out of memory");
		return;
	}
	r.json = text;
	r.more = page->more;
	r.next = page->next;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	task_reply(t, m, &env);
	free(text);
}

void show_dispatch(struct task *t, const struct bus_msg *m, const struct show_row *rows, size_t n)
{
	const Show *s = m->env->show;
	struct show_page page = {
	        .args = s->args, .offset = s->offset, .limit = s->limit ? s->limit : SHOW_LIMIT};
	char err[256] = "Failure: nothing to show";
	json_t *root;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].what, s->what) != 0)
			continue;
		root = rows[i].fill(t, &page, err, sizeof(err));
		if (root)
			reply(t, m, root, &page);
		else
			task_reply_status(t, m, -ENOENT, "%s", err);
		json_decref(root);
		return;
	}
	task_reply_status(t, m, -EOPNOTSUPP, "Failure: %s has no show \"%.40s\"", t->addr, s->what);
}
