/* SPDX-License-Identifier: MIT */
/* Commands about the SSH server (its keys, its connections, new keys) and the chassis key. */
#include <string.h>

#include "base/clock.h"
#include "cli_task.h"
#include "render/render.h"
#include "secret/secret.h"

#define GENERATE_MS 60000

static json_t *key_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *j = sh_show(sh, "sshd/0", "ssh key", "", err, size), *list = json_object_get(j, "keys");
	const char *type = cli_cmd_str(cmd, "type");

	for (size_t i = json_array_size(list); type && i; i--)
		if (strcmp(render_str(json_array_get(list, i - 1), "type"), type) != 0)
			json_array_remove(list, i - 1);
	return j;
}

static void key_render(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	json_t *k;
	size_t i;

	(void)cmd;
	json_array_foreach(json_object_get(j, "keys"), i, k)
	        cli_out_printf(out, "Type: %s\nKey: %s %s\nFingerprint: %s\n", render_str(k, "type"),
	                       render_str(k, "name"), render_str(k, "key"), render_str(k, "fingerprint"));
}

static json_t *server_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	(void)cmd;
	return sh_show(sh, "sshd/0", "ssh server", "", err, size);
}

static void connection(const json_t *c, struct cli_out *out)
{
	char since[CLOCK_TEXT_MAX];
	json_t *s;
	size_t i;

	clock_format_exec(since, sizeof(since), (uint64_t)render_num(c, "since"), CLOCK_UTC);
	cli_out_printf(out, "  %-6lld %-16s %-22s %s port %lld, since %s\n",
	               (long long)render_num(c, "number"),
	               *render_str(c, "user") ? render_str(c, "user") : "(not logged in)",
	               *render_str(c, "privilege") ? render_str(c, "privilege") : "-", render_str(c, "from"),
	               (long long)render_num(c, "port"), since);
	json_array_foreach(json_object_get(c, "sessions"), i, s)
	        cli_out_printf(out, "         %s\n", json_string_value(s));
}

static void server_render(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	json_t *l, *c;
	size_t i;

	(void)cmd;
	json_array_foreach(json_object_get(j, "listeners"), i, l) cli_out_printf(
	        out, "Context: %s  Address: %s  Port: %lld  State: %s  Max servers: %lld  SFTP: %s\n",
	        render_str(l, "context"), render_str(l, "address"), (long long)render_num(l, "port"),
	        render_str(l, "state"), (long long)render_num(l, "max_servers"),
	        json_is_true(json_object_get(l, "sftp")) ? "Enabled" : "Disabled");
	if (!json_array_size(json_object_get(j, "listeners")))
		cli_out_put(out, "The SSH server is not configured.\n");
	cli_out_printf(out, "Connections: %zu  Refused: %lld\n",
	               json_array_size(json_object_get(j, "connections")),
	               (long long)render_num(j, "refused"));
	json_array_foreach(json_object_get(j, "connections"), i, c) connection(c, out);
}

static int generate_key(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	Envelope env = ENVELOPE__INIT;
	Control c = CONTROL__INIT;
	const char *type = cli_cmd_str(cmd, "type");

	(void)out;
	c.what = (char *)"ssh generate key";
	c.args = (char *)(type ? type : "");
	env.body_case = ENVELOPE__BODY_CONTROL;
	env.control = &c;
	return sh_order(sh, "sshd/0", &env, GENERATE_MS);
}

/* --- chassis key -------------------------------------------------------------------------------------------
 */

static int key_value(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	(void)out;
	return sh_control(sh, "sct/0", "chassis key", cli_cmd_str(cmd, "value"));
}

static int key_check(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	int rc = secret_key_check(sh->t->state_dir, cli_cmd_str(cmd, "value"));

	if (rc < 0)
		return sh_fail(sh, "The chassis key cannot be read: %s", strerror(-rc));
	if (rc == 0)
		return sh_fail(sh, "The chassis key was not made from this value");
	cli_out_put(out, "The chassis key was made from this value.\n");
	return 0;
}

const struct sh_command sh_ssh_commands[] = {
        {"chassis_key_value", key_value, NULL, NULL},
        {"chassis_keycheck", key_check, NULL, NULL},
        {"show_ssh_key", NULL, key_collect, key_render},
        {"show_ssh_server", NULL, server_collect, server_render},
        {"ssh_generate_key", generate_key, NULL, NULL},
        {NULL, NULL, NULL, NULL},
};
