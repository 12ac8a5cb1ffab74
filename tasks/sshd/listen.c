/* SPDX-License-Identifier: MIT */
/*
 * Listeners: one per context with `server sshd`, in the context's network namespace, opened and closed as the
 * configuration changes. Who is accepted gets a process of its own (conn.c); the limits on those who have not
 * logged in stand here, because this is where refusing costs nothing.
 */
#include <errno.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "cfg/cfg.h"
#include "chassis/fabric.h"
#include "net/ns.h"
#include "sshd.h"
#include "vpn/vpn_context.h"

#define BACKLOG  64
#define RETRY_MS 2000

static int option(int fd, int level, int name)
{
	int one = 1;

	return setsockopt(fd, level, name, &one, sizeof(one)) < 0 ? -errno : 0;
}

/* In the context's namespace. An address that is not there yet may come with its port. */
static int open_socket(void *arg)
{
	const struct net_endpoint *at = arg;
	struct sockaddr_storage ss;
	socklen_t len = net_endpoint_to_sockaddr(at, &ss);
	int fd = len ? socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1, rc;

	if (fd < 0)
		return len ? -errno : -EINVAL;
	rc = option(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!rc)
		rc = ss.ss_family == AF_INET6 ? option(fd, IPPROTO_IPV6, IPV6_FREEBIND)
		                              : option(fd, IPPROTO_IP, IP_FREEBIND);
	if (!rc && (bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, BACKLOG) < 0))
		rc = -errno;
	if (rc)
		close(fd);
	return rc ? rc : fd;
}

static void refuse(struct listener *l, const struct net_endpoint *from, const char *why)
{
	char text[64];

	/* A flood is told of once in a hundred. */
	if (l->s->refused++ % 100 == 0)
		LOG(EV_SSH_REFUSED, "connection of %s refused: %s (%u so far)",
		    net_addr_format(&from->addr, text, sizeof(text)), why, l->s->refused);
}

static void accepted(struct listener *l, int fd, const struct net_endpoint *from)
{
	struct sshd *s = l->s;

	option(fd, SOL_SOCKET, SO_KEEPALIVE);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &l->alive_s, sizeof(l->alive_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &l->alive_s, sizeof(l->alive_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &l->alive_count, sizeof(l->alive_count));
	option(fd, IPPROTO_TCP, TCP_NODELAY);
	if (conn_count(s, false, NULL) >= l->max_waiting)
		refuse(l, from, "too many connections have not logged in yet");
	else if (conn_count(s, false, &from->addr) >= (l->max_waiting + 1) / 2)
		refuse(l, from, "too many connections of this host have not logged in yet");
	else
		conn_new(l, fd, from);
	close(fd);
}

static void accept_cb(struct task *t, int listen_fd, void *arg)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct net_endpoint from;
	int fd = accept4(listen_fd, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC);

	(void)t;
	if (fd < 0)
		return;
	memset(&from, 0, sizeof(from));
	net_endpoint_from_sockaddr(&from, (struct sockaddr *)&ss, len);
	accepted(arg, fd, &from);
}

/* --- as configured -----------------------------------------------------------------------------------------
 */

static void listener_close(struct listener *l)
{
	if (l->io)
		task_io_stop(l->io);
	if (l->fd >= 0)
		close(l->fd);
	l->io = NULL;
	l->fd = -1;
}

static void retry_cb(struct task *t, void *arg)
{
	(void)t;
	listen_config(arg);
}

static void listener_open(struct listener *l)
{
	struct sshd *s = l->s;
	char text[80];
	int ns = -1, rc = fabric_context(s->t, l->ctx, &ns), before = l->error;

	if (rc == 0) {
		rc = ns_run(ns, open_socket, &l->at);
		close(ns);
	}
	l->error = rc < 0 ? rc : 0;
	l->fd = rc < 0 ? -1 : rc;
	if (l->fd >= 0)
		l->io = task_io_start(s->t, l->fd, accept_cb, l);
	net_endpoint_format(&l->at, text, sizeof(text));
	if (rc >= 0)
		LOG(EV_SSH_LISTEN, "logins are accepted at %s in context %u", text, l->ctx);
	else if (before != rc)
		LOG(EV_SSH_ERROR, "%s in context %u: %s; tried again", text, l->ctx, strerror(-rc));
	if (rc < 0)
		task_timer_start(s->t, RETRY_MS, 0, retry_cb, s);
}

static struct listener *listener_find(struct sshd *s, uint32_t ctx)
{
	struct listener *l = s->listeners;

	while (l && l->ctx != ctx)
		l = l->next;
	if (l)
		return l;
	l = calloc(1, sizeof(*l));
	if (l) {
		l->s = s;
		l->ctx = ctx;
		l->fd = -1;
		l->next = s->listeners;
		s->listeners = l;
	}
	return l;
}

/* A list of algorithms as configured: words between commas or blanks. */
static void read_list(struct listener *l, char out[512], const char *list, enum ssh_bind_options_e option,
                      const char *what)
{
	char before[512];
	ssh_bind b;

	memcpy(before, out, sizeof(before));
	snprintf(out, 512, "%s", list ? list : "");
	for (char *p = out; *p; p++)
		if (*p == ' ' || *p == '\n')
			*p = ',';
	if (!strcmp(out, before) || !*out)
		return;
	b = ssh_bind_new();
	if (b && ssh_bind_options_set(b, option, out) != SSH_OK)
		LOG(EV_SSH_ERROR, "none of the %s %s of context %u is known: nobody can log in there", what,
		    out, l->ctx);
	ssh_bind_free(b);
}

static void read_algorithms(struct listener *l, const struct cfg_node *n)
{
	const struct cfg_tree *tree = l->s->tree;
	const char *ciphers = cfg_get(tree, n, "ciphers", "ciphers");

	if (!ciphers)
		ciphers = cfg_get(tree, n->parent, "ssh-ciphers", "ciphers");
	read_list(l, l->ciphers, ciphers, SSH_BIND_OPTIONS_CIPHERS_C_S, "ciphers");
	read_list(l, l->macs, cfg_get(tree, n, "macs", "macs"), SSH_BIND_OPTIONS_HMAC_C_S, "macs");
	read_list(l, l->kex, cfg_get(tree, n, "kex-algorithms", "kex"), SSH_BIND_OPTIONS_KEY_EXCHANGE,
	          "kex-algorithms");
}

static unsigned read_methods(const struct cfg_tree *tree, const struct cfg_node *n)
{
	const struct cfg_node *m = cfg_child(tree, n, "authentication-methods", NULL);

	if (!m || m->negated)
		return MON_BY_ANY;
	return (cfg_has(m, "password") ? MON_BY_PASSWORD : 0) |
	       (cfg_has(m, "keyboard-interactive") ? MON_BY_INTERACTIVE : 0) |
	       (cfg_has(m, "publickey") ? MON_BY_KEY : 0);
}

static void listener_config(struct sshd *s, uint32_t ctx, const struct cfg_node *n)
{
	const struct cfg_tree *tree = s->tree;
	struct listener *l = listener_find(s, ctx);
	struct net_endpoint at = {.port = (uint16_t)cfg_get_int(tree, n, "listen-port", "port", 22)};
	const char *addr = cfg_get(tree, n, "listen-ip-address", "address");

	if (!l || net_addr_parse(&at.addr, addr ? addr : "127.0.0.1") < 0)
		return;
	l->wanted = true;
	l->max_servers = (unsigned)cfg_get_int(tree, n, "max-servers", "servers", 40);
	l->max_waiting = (unsigned)cfg_get_int(tree, n, "orrery-unauthenticated", "connections", 20);
	l->login_seconds = (unsigned)cfg_get_int(tree, n, "orrery-login-time", "seconds", 60);
	l->alive_s = (int)cfg_get_int(tree, n, "client-alive-interval", "seconds", 15);
	l->alive_count = (int)cfg_get_int(tree, n, "client-alive-countmax", "count", 3);
	l->methods = read_methods(tree, n);
	read_algorithms(l, n);
	l->sftp = cfg_child(tree, n, "subsystem", "sftp") != NULL;
	if (l->fd >= 0 && (!net_addr_equal(&l->at.addr, &at.addr) || l->at.port != at.port))
		listener_close(l);
	l->at = at;
	if (l->fd < 0 && s->keys_ready)
		listener_open(l);
}

/* Logins that were accepted stay, as on StarOS; they only lose their listener. */
static void drop_unwanted(struct sshd *s)
{
	struct listener **pp = &s->listeners;

	while (*pp) {
		struct listener *l = *pp;

		if (l->wanted) {
			pp = &l->next;
			continue;
		}
		for (struct conn *c = s->conns; c; c = c->next)
			if (c->l == l)
				c->l = NULL;
		listener_close(l);
		*pp = l->next;
		free(l);
	}
}

void listen_config(struct sshd *s)
{
	uint32_t n = s->tree ? vpn_context_count(s->tree) : 0;

	for (struct listener *l = s->listeners; l; l = l->next)
		l->wanted = false;
	for (uint32_t ctx = 1; ctx <= n; ctx++) {
		const struct cfg_node *c = vpn_context_node(s->tree, ctx);
		const struct cfg_node *server = c ? cfg_child(s->tree, c, "server-sshd", NULL) : NULL;

		if (server && !server->negated)
			listener_config(s, ctx, server);
	}
	drop_unwanted(s);
	if (s->listeners)
		keys_ensure(s);
}

void listen_close_all(struct sshd *s)
{
	for (struct listener *l = s->listeners; l; l = l->next)
		listener_close(l);
}
