/* SPDX-License-Identifier: MIT */
/* What all renderers share: reading a tree that may lack members, and StarOS's spellings of words, sizes and
 * dates. */
#include "render/render.h"

#include <stdio.h>
#include "base/clock.h"

const char *render_str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

long long render_num(const json_t *j, const char *key)
{
	return (long long)json_integer_value(json_object_get(j, key));
}

bool render_flag(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

const json_t *render_list(const json_t *j, const char *key)
{
	const json_t *a = json_object_get(j, key);

	return json_is_array(a) ? a : NULL;
}

bool render_has(const struct cli_cmd *cmd, const char *keyword)
{
	return cmd && cli_cmd_has(cmd, keyword);
}

const char *render_title(const char *word, char *buf, size_t size)
{
	snprintf(buf, size, "%s", word);
	if (buf[0] >= 'a' && buf[0] <= 'z')
		buf[0] = (char)(buf[0] - 'a' + 'A');
	return buf;
}

const char *render_enabled(bool v)
{
	return v ? "Enabled" : "Disabled";
}

const char *render_yes(bool v)
{
	return v ? "Yes" : "No";
}

const char *render_memory(double bytes, char *buf, size_t size)
{
	double mb = bytes / (1024 * 1024);

	if (mb < 1)
		snprintf(buf, size, "%.0fK", bytes / 1024);
	else if (mb < 100)
		snprintf(buf, size, "%.2fM", mb);
	else if (mb < 1000)
		snprintf(buf, size, "%.1fM", mb);
	else
		snprintf(buf, size, "%.2fG", mb / 1024);
	return buf;
}

const char *render_date(long long wall_us, char *buf, size_t size)
{
	return wall_us > 0 ? clock_format_exec(buf, size, (uint64_t)wall_us, CLOCK_UTC) : "Never";
}
