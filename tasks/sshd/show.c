/* SPDX-License-Identifier: MIT */
/* What sshd tells: host keys, listeners, who is logged in (show ssh key, show ssh server). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sshd.h"
#include "vpn/vpn_context.h"

static json_t *listener_json(const struct listener *l)
{
	const char *name = vpn_context_name(l->s->tree, l->ctx);
	char text[64];

	return json_pack("{s:s, s:s, s:i, s:s, s:i, s:b}", "context", name ? name : "", "address",
	                 net_addr_format(&l->at.addr, text, sizeof(text)), "port", l->at.port, "state",
	                 l->fd >= 0 ? "Listening"
	                 : l->error ? strerror(-l->error)
	                            : "Waiting for keys",
	                 "max_servers", l->max_servers, "sftp", l->sftp);
}

static json_t *conn_json(const struct conn *c)
{
	json_t *sessions = json_array();
	char text[64];

	for (unsigned i = 0; i < SSHD_CHANNELS_MAX; i++)
		if (c->sessions[i].used)
			json_array_append_new(sessions,
			                      json_string(c->sessions[i].sftp     ? "sftp"
			                                  : c->sessions[i].tty[0] ? c->sessions[i].tty
			                                                          : "exec"));
	return json_pack("{s:i, s:s, s:s, s:s, s:i, s:I, s:o}", "number", c->number, "user",
	                 c->authenticated ? c->user : "", "privilege",
	                 c->authenticated ? cli_priv_title(c->priv) : "", "from",
	                 net_addr_format(&c->from, text, sizeof(text)), "port", c->port, "since",
	                 (json_int_t)c->since_wall, "sessions", sessions);
}

static json_t *server_json(const struct sshd *s)
{
	json_t *listeners = json_array(), *conns = json_array();

	for (const struct listener *l = s->listeners; l; l = l->next)
		json_array_append_new(listeners, listener_json(l));
	for (const struct conn *c = s->conns; c; c = c->next)
		json_array_append_new(conns, conn_json(c));
	return json_pack("{s:o, s:o, s:i}", "listeners", listeners, "connections", conns, "refused",
	                 s->refused);
}

void show_handle(struct task *t, const struct bus_msg *m)
{
	const struct sshd *s = t->data;
	const char *what = m->env->show->what;
	json_t *j = !strcmp(what, "ssh key")      ? keys_json(s)
	            : !strcmp(what, "ssh server") ? server_json(s)
	                                          : NULL;
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	if (text)
		task_reply_json(t, m, text);
	else
		task_reply_status(t, m, -ENOENT, "sshd has no \"%s\"", what);
	free(text);
	json_decref(j);
}
