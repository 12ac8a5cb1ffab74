/* SPDX-License-Identifier: MIT */
/*
 * `sshd --connection`: one client. libssh speaks the protocol; logins and sessions are asked of the task. The
 * process is in its box before it reads a byte of the client. It ends with its connection, and the task ends
 * it when a login takes too long.
 */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 30000
#define END     "-----END"

/* One line of the task's greeting; what libssh knows nothing of ends the connection: no weaker choice is made
 * for it. */
static int set_algorithms(ssh_bind b, const char *line)
{
	static const struct {
		const char *word;
		enum ssh_bind_options_e to, from;
	} kinds[] = {
	        {"ciphers ", SSH_BIND_OPTIONS_CIPHERS_C_S, SSH_BIND_OPTIONS_CIPHERS_S_C},
	        {"macs ", SSH_BIND_OPTIONS_HMAC_C_S, SSH_BIND_OPTIONS_HMAC_S_C},
	        {"kex ", SSH_BIND_OPTIONS_KEY_EXCHANGE, SSH_BIND_OPTIONS_KEY_EXCHANGE},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t n = strlen(kinds[i].word);

		if (!strncmp(line, kinds[i].word, n))
			return ssh_bind_options_set(b, kinds[i].to, line + n) == SSH_OK &&
			                       ssh_bind_options_set(b, kinds[i].from, line + n) == SSH_OK
			               ? 0
			               : -EOPNOTSUPP;
	}
	return -EBADMSG;
}

/* The lines before the keys. NULL: one of them cannot be done. */
static char *take_lines(ssh_bind b, char *text)
{
	while (*text && *text != '-') {
		char *end = strchr(text, '\n');

		if (!end)
			return NULL;
		*end = 0;
		if (set_algorithms(b, text) < 0)
			return NULL;
		text = end + 1;
	}
	return text;
}

/* Each key of the task's greeting, "-----BEGIN … -----END …-----\n" one after the other. */
static int import_keys(ssh_bind b, char *text)
{
	int n = 0;

	while (*text) {
		char *end = strstr(text, END), cut;
		ssh_key key = NULL;

		end = end ? strchr(end, '\n') : NULL;
		if (!end)
			break;
		cut = end[1];
		end[1] = 0;
		if (ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, &key) == SSH_OK &&
		    ssh_bind_options_set(b, SSH_BIND_OPTIONS_IMPORT_KEY, key) == SSH_OK)
			n++;
		end[1] = cut;
		text = end + 1;
	}
	return n;
}

static int greet(struct wire *w, ssh_bind b)
{
	int fds[1], n, rc = mon_recv(WIRE_MONITOR_FD, &w->msg, fds, 0, &n);

	char *keys = rc == 1 && w->msg.type == MON_HELLO ? take_lines(b, w->msg.text) : NULL;

	rc = keys && import_keys(b, keys) ? 0 : -EBADMSG;
	w->methods = (unsigned)w->msg.code;
	explicit_bzero(w->msg.text, sizeof(w->msg.text));
	return rc;
}

static ssh_channel open_cb(ssh_session session, void *arg)
{
	struct wire *w = arg;

	(void)session;
	return w->authenticated ? wire_chan_open(w) : NULL;
}

static int start(struct wire *w)
{
	ssh_bind b = ssh_bind_new();
	int no = 0, rc;

	w->ssh = ssh_new();
	if (!b || !w->ssh)
		return -ENOMEM;
	ssh_bind_options_set(b, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
	ssh_bind_options_set(b, SSH_BIND_OPTIONS_BANNER, "StarOS");
	rc = greet(w, b);
	if (rc < 0)
		return rc;
	if (ssh_bind_accept_fd(b, w->ssh, WIRE_SOCKET_FD) != SSH_OK)
		return -EIO;
	ssh_bind_free(b);
	w->cb.userdata = w;
	w->cb.channel_open_request_session_function = open_cb;
	wire_auth_setup(w);
	ssh_callbacks_init(&w->cb);
	ssh_set_server_callbacks(w->ssh, &w->cb);
	if (ssh_handle_key_exchange(w->ssh) != SSH_OK)
		return -ECONNABORTED;
	w->event = ssh_event_new();
	if (!w->event || ssh_event_add_session(w->event, w->ssh) != SSH_OK)
		return -ENOMEM;
	return 0;
}

/* --- the loop ----------------------------------------------------------------------------------------------
 */

static void from_task(struct wire *w)
{
	int fds[3], n, rc = mon_recv(WIRE_MONITOR_FD, &w->msg, fds, 3, &n);

	if (rc == -EAGAIN || rc == -EINTR)
		return;
	if (rc <= 0) {
		w->over = true; /* no task, no connection */
		return;
	}
	if (w->msg.type == MON_STARTED) {
		wire_chan_started(w, &w->msg, fds, n);
		return;
	}
	for (unsigned i = 0; w->msg.type == MON_ENDED && i < WIRE_CHANNELS; i++)
		if (w->chan[i] && w->chan[i]->number == w->msg.chan) {
			w->chan[i]->ended = true;
			w->chan[i]->status = w->msg.code;
		}
	while (n > 0)
		close(fds[--n]);
}

struct watched {
	struct pollfd p[2 + 3 * WIRE_CHANNELS];
	nfds_t n;
};

static void watch(struct watched *v, int fd, short events)
{
	if (fd >= 0 && events)
		v->p[v->n++] = (struct pollfd){.fd = fd, .events = events};
}

/* The client's window and our own queue hold back what is read from a session. */
static void watch_chan(struct watched *v, struct wire *w, struct wire_chan *c)
{
	bool room = ssh_channel_window_size(c->ch) > 0 && !(ssh_get_poll_flags(w->ssh) & SSH_WRITE_PENDING);

	if (!c->started || c->closed)
		return;
	watch(v, c->out, (short)(room && !c->out_eof ? POLLIN : 0));
	watch(v, c->err, (short)(room && !c->err_eof ? POLLIN : 0));
	watch(v, c->in, c->at < c->have ? POLLOUT : 0);
}

/* Nothing to do until something happens: a session that has ended is watched for its last output. */
static void wait_for_work(struct wire *w)
{
	struct watched v = {.n = 0};
	int flags = ssh_get_poll_flags(w->ssh);

	watch(&v, ssh_get_fd(w->ssh), (short)(POLLIN | (flags & SSH_WRITE_PENDING ? POLLOUT : 0)));
	watch(&v, WIRE_MONITOR_FD, POLLIN);
	for (unsigned i = 0; i < WIRE_CHANNELS; i++)
		if (w->chan[i])
			watch_chan(&v, w, w->chan[i]);
	if (poll(v.p, v.n, POLL_MS) < 0)
		return;
	if (v.p[1].revents)
		from_task(w);
}

static void turn(struct wire *w)
{
	wait_for_work(w);
	if (ssh_event_dopoll(w->event, 0) == SSH_ERROR || !ssh_is_connected(w->ssh))
		w->over = true;
	for (unsigned i = 0; i < WIRE_CHANNELS; i++) {
		if (!w->chan[i])
			continue;
		wire_chan_pump(w->chan[i]);
		if (w->chan[i]->closed)
			wire_chan_free(w, i);
	}
}

int wire_main(void)
{
	static struct wire w;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	ssh_init();
	rc = box_enter(WIRE_ROOT_FD, WIRE_NET_FD);
	if (rc < 0) {
		fprintf(stderr, "sshd: a connection cannot be confined: %s\n", strerror(-rc));
		return 1;
	}
	if (start(&w) < 0)
		return 1;
	ssh_set_blocking(w.ssh, 0);
	fcntl(WIRE_MONITOR_FD, F_SETFL, fcntl(WIRE_MONITOR_FD, F_GETFL) | O_NONBLOCK);
	while (!w.over)
		turn(&w);
	ssh_disconnect(w.ssh);
	return 0;
}
