/* SPDX-License-Identifier: MIT */
/*
 * show support details: what an engineer asks for first, one show after the other, on the terminal, as one
 * tree, or as a tar archive with the cores of the crash list beside it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/url.h"
#include "cli_show.h"
#include "disk/tar.h"
#include "fetch/fetch.h"
#include "task/crash.h"

/* In this order. What is said of a context is asked of each. */
static const char *const of_chassis[] = {"show version",
                                         "show system uptime",
                                         "show card table",
                                         "show card info",
                                         "show card hardware",
                                         "show card diag",
                                         "show leds all",
                                         "show fans",
                                         "show power chassis",
                                         "show temperature verbose",
                                         "show hd raid verbose",
                                         "show fabric status",
                                         "show cpu table",
                                         "show cpu info",
                                         "show npu utilization table",
                                         "show port table",
                                         "show port info",
                                         "show port utilization table",
                                         "show port datalink counters",
                                         "show context all",
                                         "show service all",
                                         "show task table",
                                         "show task resources",
                                         "show session recovery status verbose",
                                         "show session recovery audit",
                                         "show session progress",
                                         "show session duration",
                                         "show session disconnect-reasons",
                                         "show session counters historical all",
                                         "show subscribers summary",
                                         "show crypto managers",
                                         "show crypto ikev2-ikesa security-associations summary",
                                         "show crypto ipsec security-associations summary",
                                         "show crypto statistics ikev2",
                                         "show wsg-service all",
                                         "show wsg-service statistics",
                                         "show congestion-control statistics all",
                                         "show certificate all",
                                         "show ca-certificate all",
                                         "show ca-crl all",
                                         "show srp info",
                                         "show srp checkpoint statistics verbose",
                                         "show srp statistics",
                                         "show rct stats verbose",
                                         "show crash list",
                                         "show alarm all",
                                         "show snmp trap history verbose",
                                         "show snmp trap statistics verbose",
                                         "show snmp transports",
                                         "show bulkstats",
                                         "show threshold",
                                         "show logging verbose",
                                         "show configuration errors verbose",
                                         "show configuration",
                                         "show logs count 5000"};
static const char *const of_context[] = {"show ip interface",    "show ip route",       "show ip arp",
                                         "show ip pool",         "show ipv6 interface", "show ipv6 route",
                                         "show crypto template", "show crypto map"};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

typedef void (*one_fn)(struct sh *sh, const char *line, const struct sh_command *c, const struct cli_cmd *cmd,
                       void *arg);

static void each_line(struct sh *sh, const char *line, one_fn fn, void *arg)
{
	struct cli_result res;
	const struct sh_command *c;

	cli_line_parse(&sh->s, line, &res);
	c = res.kind == CLI_EXEC && res.cmd.handler ? sh_command_find(res.cmd.handler) : NULL;
	if (c && c->collect)
		fn(sh, line, c, &res.cmd, arg);
	cli_line_clear(&res);
}

/* Every command, in the mode and the contexts it is for; the session is as before afterwards. */
static void each(struct sh *sh, one_fn fn, void *arg)
{
	const struct cfg_node *n;
	char context[sizeof(sh->s.context)];

	for (size_t i = 0; i < COUNT(of_chassis); i++)
		each_line(sh, of_chassis[i], fn, arg);
	memcpy(context, sh->s.context, sizeof(context));
	cfg_foreach(n, sh_tree(sh)->root, "context")
	{
		snprintf(sh->s.context, sizeof(sh->s.context), "%s", cfg_key(n, 0));
		for (size_t i = 0; i < COUNT(of_context); i++)
			each_line(sh, of_context[i], fn, arg);
	}
	memcpy(sh->s.context, context, sizeof(context));
}

/* --- as a tree, as text
 * --------------------------------------------------------------------------------------- */

static void add_tree(struct sh *sh, const char *line, const struct sh_command *c, const struct cli_cmd *cmd,
                     void *arg)
{
	char err[512] = "";
	json_t *j = c->collect(sh, cmd, err, sizeof(err)),
	       *o = json_pack("{s:s, s:s}", "command", line, "context", sh->s.context);

	if (j)
		json_object_set_new(o, "tree", j);
	else
		json_object_set_new(o, "failure", json_string(err));
	json_array_append_new(arg, o);
}

static json_t *support_collect(struct sh *sh, const struct cli_cmd *cmd, char *err, size_t size)
{
	json_t *list = json_array();

	each(sh, add_tree, list);
	return json_pack("{s:o}", "commands", list);
}

struct text {
	struct cli_out *out;
	unsigned n;
};

static void add_text(struct sh *sh, const char *line, const struct sh_command *c, const struct cli_cmd *cmd,
                     void *arg)
{
	struct text *x = arg;
	char err[512] = "";
	json_t *j;

	cli_out_printf(x->out, "%s******** %s *******\n", x->n++ ? "\n" : "", line);
	if (!strncmp(line, "show ip", 7) || !strncmp(line, "show crypto template", 20) ||
	    !strncmp(line, "show crypto map", 15))
		cli_out_printf(x->out, "Context: %s\n", sh->s.context);
	if (c->exec) {
		c->exec(sh, cmd, x->out);
		return;
	}
	j = c->collect(sh, cmd, err, sizeof(err));
	if (j)
		c->render(j, cmd, x->out);
	else
		cli_out_printf(x->out, "%s\n", err);
	json_decref(j);
}

/* --- as an archive
 * -------------------------------------------------------------------------------------------- */

static int add_cores(struct sh *sh, const struct cli_cmd *cmd, struct tar *t, uint64_t now_s)
{
	char err[256], name[CRASH_NAME_MAX + 16];
	json_t *list = sh_crash_collect(sh, cmd, err, sizeof(err)), *c;
	int rc = 0;
	size_t i;

	json_array_foreach(json_object_get(list, "crashes"), i, c)
	{
		char *text = crash_read(sh->t->state_dir, render_str(c, "core"));

		snprintf(name, sizeof(name), "crash/%s", render_str(c, "core"));
		if (text && rc == 0)
			rc = tar_add(t, name, text, strlen(text), now_s);
		free(text);
	}
	json_decref(list);
	return rc;
}

static int to_file(struct sh *sh, const struct cli_cmd *cmd, const char *given, struct cli_out *out)
{
	char url[FETCH_URL_MAX + 8], shown[FETCH_URL_MAX + 8];
	uint64_t now_s = clock_wall_us() / US_PER_SEC;
	struct cli_out_buf buf;
	struct text x = {.out = &buf.out};
	struct tar t = {0};
	size_t n = strlen(given);
	int rc;

	if (n >= FETCH_URL_MAX)
		return sh_fail(sh, "the URL is too long");
	snprintf(url, sizeof(url), "%s%s", given, n > 4 && !strcmp(given + n - 4, ".tar") ? "" : ".tar");
	if (strcmp(url, given) != 0)
		cli_out_printf(out, "Warning: Changed output URL to file: %s\n",
		               url_shown(url, shown, sizeof(shown)));
	cli_out_buf_init(&buf);
	each(sh, add_text, &x);
	rc = tar_add(&t, "support_details.txt", buf.text ? buf.text : "", buf.len, now_s);
	if (rc == 0)
		rc = add_cores(sh, cmd, &t, now_s);
	if (rc == 0)
		rc = tar_end(&t);
	if (rc < 0) {
		sh_fail(sh, "%s", strerror(-rc));
	} else {
		for (int i = 0; i < 78; i++)
			cli_out_put(out, "*");
		cli_out_put(out, "\n");
		rc = sh_write_url(sh, url, t.data, t.len, out);
	}
	tar_free(&t);
	cli_out_buf_free(&buf);
	return rc < 0 ? -1 : 0;
}

static int support(struct sh *sh, const struct cli_cmd *cmd, struct cli_out *out)
{
	const char *url = cli_cmd_str(cmd, "url");
	struct text x = {.out = out};

	if (url)
		return sh_sure(sh, cmd) ? to_file(sh, cmd, url, out) : 0;
	each(sh, add_text, &x);
	return 0;
}

const struct sh_command sh_support_commands[] = {
        {"show_support_details", support, support_collect, NULL},
        {NULL, NULL, NULL, NULL},
};
