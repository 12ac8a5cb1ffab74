/* SPDX-License-Identifier: MIT */
/*
 * Answering Show requests: a table of names and functions that fill a JSON tree, paging of long arrays, and
 * strings from outside made safe for JSON. The cli task turns the tree into StarOS's text. Used by the tasks'
 * _show.c files.
 */
#ifndef SHOW_SHOW_H
#define SHOW_SHOW_H

#include <jansson.h>
#include "task/task.h"

/* Which part of a long list was asked for; the function fills `more` and `next`. */
struct show_page {
	const char *args;
	uint32_t offset, limit; /* limit 0: SHOW_LIMIT */
	bool more;
	uint32_t next;
	uint32_t at; /* private */
};
#define SHOW_LIMIT 500

struct show_row {
	const char *what;  /* "ip pool" */
	const char *story; /* what it gives */
	/* Returns a new object, or NULL with the reason in err ("Failure: …"). */
	json_t *(*fill)(struct task *t, struct show_page *page, char *err, size_t size);
};

/* Handle a Show request by the table; unknown names are refused with a Status. */
void show_dispatch(struct task *t, const struct bus_msg *m, const struct show_row *rows, size_t n);

/* Does the next row of a list belong to the page? Counts; sets more and next behind the last one. */
bool show_wanted(struct show_page *page);

/* A string that may hold anything, as a JSON string of printable characters. */
json_t *show_text(const char *text);
/* "%08x"-like formatted string. */
json_t *show_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
