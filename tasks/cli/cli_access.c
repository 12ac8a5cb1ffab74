/* SPDX-License-Identifier: MIT */
/* Blacklist and whitelist (chapter 13): show what counts, read the file again. Rows of 44-crypto-exec.grm. */
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

const struct sh_command sh_access_commands[] = {
        {"show_crypto_blacklist_file", NULL, black_collect, render_access_list},
        {"show_crypto_whitelist_file", NULL, white_collect, render_access_list},
        {"crypto_blacklist_update", black_update, NULL, NULL},
        {"crypto_whitelist_update", white_update, NULL, NULL},
        {NULL, NULL, NULL, NULL},
};
