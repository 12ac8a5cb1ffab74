/* SPDX-License-Identifier: MIT */
/* Access control (chapter 13): show the lists that count, read their files again; clear what was counted of
 * congestion. Rows of 44-crypto-exec.grm and 11-exec-services.grm. */
#include <string.h>

#include "cli_show.h"

static json_t *black_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "ipsecctrl/0", "list", "blacklist", err, size);
}

static json_t *white_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	return sh_show(sh, "ipsecctrl/0", "list", "whitelist", err, size);
}

static int black_update(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	return sh_control(sh, "ipsecctrl/0", "list update", "blacklist");
}

static int white_update(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	return sh_control(sh, "ipsecctrl/0", "list update", "whitelist");
}

static int clear_congestion(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	return sh_control(sh, "ipsecctrl/0", "clear congestion-control statistics", "");
}

const struct sh_command sh_access_commands[] = {
        {"show_crypto_blacklist_file", NULL, black_collect, render_access_list},
        {"show_crypto_whitelist_file", NULL, white_collect, render_access_list},
        {"crypto_blacklist_update", black_update, NULL, NULL},
        {"crypto_whitelist_update", white_update, NULL, NULL},
        {"clear_congestion_statistics", clear_congestion, NULL, NULL},
        {NULL, NULL, NULL, NULL},
};
