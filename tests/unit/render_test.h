/* SPDX-License-Identifier: MIT */
/* For the tests of lib/render: the text of a fixed tree, compared as a whole or looked into. A suite ends
 * with .fini = render_done. */
#ifndef ORRERY_RENDER_TEST_H
#define ORRERY_RENDER_TEST_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "cfg/cfg.h"
#include "render/render.h"

typedef void (*render_fn)(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);

static struct cli_out_buf buf;

/* The text of a tree, given with ' for ". keyword may be NULL. Valid until the next call. */
static inline const char *text_of(render_fn render, const char *json, const char *keyword)
{
	static const char nothing[] = "";
	char copy[8192];
	struct cli_cmd cmd = {.args = cfg_args_new()};
	json_error_t e;
	json_t *j;

	snprintf(copy, sizeof(copy), "%s", json);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	j = json_loads(copy, 0, &e);
	cr_assert(j, "%s at %d", e.text, e.position);
	if (keyword)
		cfg_args_add(cmd.args, keyword, "");
	cli_out_buf_free(&buf);
	cli_out_buf_init(&buf);
	render(j, &cmd, &buf.out);
	json_decref(j);
	cfg_args_free(cmd.args);
	return buf.text ? buf.text : nothing;
}

static inline void render_done(void)
{
	cli_out_buf_free(&buf);
}

static inline void expect(render_fn render, const char *json, const char *keyword, const char *want)
{
	const char *got = text_of(render, json, keyword);
	size_t line = 1, i = 0;

	while (got[i] && got[i] == want[i])
		line += got[i++] == '\n';
	cr_expect_str_eq(got, want,
	                 "line %zu differs, from \"%.40s\" on; wanted \"%.40s\"\n--- got\n%s\n--- wanted\n%s",
	                 line, got + i, want + i, got, want);
}

static inline void contains(render_fn render, const char *json, const char *keyword, const char *want)
{
	const char *got = text_of(render, json, keyword);

	cr_expect(strstr(got, want), "no \"%s\" in\n%s", want, got);
}

#endif
