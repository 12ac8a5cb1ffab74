/* SPDX-License-Identifier: MIT */
/* show crypto blacklist file, show crypto whitelist file: the identities as the file has them, under a head
 * of our own. */
#include "render/render.h"

#include <string.h>

void render_access_list(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	bool black = !strcmp(render_str(j, "list"), "blacklist");
	const char *name = black ? "Blacklist" : "Whitelist";
	const json_t *e;
	char when[64];
	size_t i;

	(void)cmd;
	if (!*render_str(j, "file")) {
		cli_out_printf(out, "No crypto %s file is configured\n", render_str(j, "list"));
		return;
	}
	cli_out_printf(out, "%s File : %s\n", name, render_str(j, "file"));
	if (render_num(j, "read_wall_us"))
		cli_out_printf(out, "Read : %s\n",
		               render_date(render_num(j, "read_wall_us"), when, sizeof(when)));
	else
		cli_out_put(out, "Read : never\n");
	if (*render_str(j, "failed"))
		cli_out_printf(out, "Last Update Failed : %s\n", render_str(j, "failed"));
	json_array_foreach(render_list(j, "identities"), i, e)
	        cli_out_printf(out, "%s \"%s\"\n", render_str(e, "type"), render_str(e, "value"));
	cli_out_printf(out, "Total Number of Entries : %lld\n", render_num(j, "count"));
}
