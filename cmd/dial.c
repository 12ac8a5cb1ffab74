/* SPDX-License-Identifier: MIT */
/*
 * dial: a TCP connection into context local of a chassis, whose addresses are in a network namespace of their
 * own: on standard input and output (for OpenSSH's ProxyCommand), or for everyone who connects to a port of
 * this machine (--listen). Works without root, and for any number of chassis.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/operator.h"
#include "net/addr.h"

#define CONNECT_MS 10000

struct dial {
	const char *name, *listen;
	char *args[2]; /* address, port */
};

static int parse(int argc, char **argv, struct dial *d)
{
	static const struct option longopts[] = {{"name", required_argument, NULL, 'n'},
	                                         {"listen", required_argument, NULL, 'l'},
	                                         {NULL, 0, NULL, 0}};
	static char loopback[] = "127.0.0.1", ssh[] = "22";
	struct net_addr a;
	char *end;
	int c;

	*d = (struct dial){.name = CMD_NAME_DEFAULT, .args = {loopback, ssh}};
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "+n:l:", longopts, NULL)) != -1) {
		if (c == 'n')
			d->name = optarg;
		else if (c == 'l')
			d->listen = optarg;
		else
			return cmd_misused("dial", "%s is not an option of it, or its value is missing",
			                   argv[optind - 1]);
	}
	for (int i = 0; i < 2 && optind < argc; i++)
		d->args[i] = argv[optind++];
	if (optind < argc)
		return cmd_misused("dial", "\"%s\" is too much", argv[optind]);
	if (!paths_name_ok(d->name))
		return cmd_misused("dial", "\"%s\" is not a chassis name", d->name);
	if (net_addr_parse(&a, d->args[0]) < 0)
		return cmd_misused("dial", "\"%s\" is not an address", d->args[0]);
	if (strtoul(d->args[1], &end, 10) < 1 || strtoul(d->args[1], &end, 10) > 65535 || *end)
		return cmd_misused("dial", "\"%s\" is not a port; the legal range is 1 to 65535", d->args[1]);
	return CMD_OK;
}

/* A connected socket, or -1 after an error line. */
static int dial(struct dial *d)
{
	int bp = operator_open_name(d->name), fd = -1, rc, error = 0;
	struct pollfd p = {.events = POLLOUT};
	socklen_t len = sizeof(error);
	BpMessage *m = NULL;

	if (bp < 0)
		return -1;
	rc = operator_send(bp, BP_COMMAND__WHAT__DIAL, d->args, 2, NULL, 0, NULL, 0);
	if (!rc)
		rc = operator_recv_fd(bp, CONNECT_MS, &m, &fd);
	close(bp);
	rc = rc == 1 && m ? m->command_reply->code : rc ? rc : -ECONNRESET;
	if (m)
		operator_free(m);
	p.fd = fd;
	if (rc == 0 && fd >= 0 && poll(&p, 1, CONNECT_MS) != 1)
		rc = -ETIMEDOUT;
	if (rc == 0 && fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0)
		rc = -error;
	if (rc == 0 && fd >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	cmd_fail("chassis %s, %s port %s: %s", d->name, d->args[0], d->args[1], strerror(rc ? -rc : EPROTO));
	return -1;
}

/* What one side has sent goes to the other. false: that side is done. */
static bool move(int from, int to, bool to_socket)
{
	char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf)), at = 0, done;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	while (at < n) {
		struct pollfd p = {.fd = to, .events = POLLOUT};

		done = write(to, buf + at, (size_t)(n - at));
		if (done < 0 && errno == EAGAIN)
			poll(&p, 1, -1);
		else if (done < 0 && errno != EINTR)
			return false;
		at += done > 0 ? done : 0;
	}
	if (n <= 0 && to_socket)
		shutdown(to, SHUT_WR);
	return n > 0;
}

static void relay(int fd, int in, int out)
{
	struct pollfd p[2] = {{.fd = in, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents && !move(fd, out, in == out))
			return;
		if (p[0].fd >= 0 && p[0].revents && !move(in, fd, true))
			p[0].fd = -1;
	}
}

static int serve(struct dial *d)
{
	struct sockaddr_storage ss;
	struct net_endpoint at = {0};
	int one = 1, fd;
	socklen_t len;
	char any[64];

	snprintf(any, sizeof(any), "127.0.0.1:%.40s", d->listen);
	if (net_endpoint_parse(&at, strchr(d->listen, ':') ? d->listen : any) < 0 || !at.port)
		return cmd_misused("dial", "--listen takes PORT or ADDRESS:PORT");
	len = net_endpoint_to_sockaddr(&at, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, 64) < 0)
		return cmd_fail("%s: %s", d->listen, strerror(errno));
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC), to;

		if (client < 0)
			continue;
		if (fork() == 0) {
			close(fd);
			to = dial(d);
			if (to >= 0)
				relay(to, client, client);
			_exit(to < 0);
		}
		close(client);
	}
}

int dial_main(int argc, char **argv)
{
	struct dial d;
	int rc = parse(argc, argv, &d), fd;

	if (rc)
		return rc;
	signal(SIGPIPE, SIG_IGN);
	if (d.listen)
		return serve(&d);
	fd = dial(&d);
	if (fd < 0)
		return CMD_NO;
	relay(fd, STDIN_FILENO, STDOUT_FILENO);
	close(fd);
	return CMD_OK;
}
