/* SPDX-License-Identifier: MIT */
/*
 * Channels of one connection (RFC 4254 section 6): pty, window size, shell, exec, subsystem sftp. A session's
 * bytes wait in the channel's window (towards us) and in the session's pipe or pty (towards the client), so
 * that a side that does not read costs no memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

#define CHUNK 16384

static void set_size(int fd, unsigned cols, unsigned rows)
{
	struct winsize ws = {.ws_row = (unsigned short)(rows < 1000 ? rows : 999),
	                     .ws_col = (unsigned short)(cols < 1000 ? cols : 999)};

	ioctl(fd, TIOCSWINSZ, &ws);
}

static int pty_cb(ssh_session s, ssh_channel ch, const char *term, int cols, int rows, int px, int py,
                  void *arg)
{
	struct wire_chan *c = arg;

	(void)s, (void)ch, (void)px, (void)py;
	if (c->waiting || c->started || c->pty)
		return -1;
	c->pty = true;
	snprintf(c->term, sizeof(c->term), "%s", term ? term : "");
	c->cols = cols > 0 ? (unsigned)cols : 0;
	c->rows = rows > 0 ? (unsigned)rows : 0;
	return 0;
}

static int window_cb(ssh_session s, ssh_channel ch, int cols, int rows, int px, int py, void *arg)
{
	struct wire_chan *c = arg;

	(void)s, (void)ch, (void)px, (void)py;
	c->cols = cols > 0 ? (unsigned)cols : 0;
	c->rows = rows > 0 ? (unsigned)rows : 0;
	if (c->started && c->pty)
		set_size(c->out, c->cols, c->rows);
	return 0;
}

/* Ask the task for a session; its answer comes by the loop. The client is told yes at once: what fails then
 * is said on the channel. */
static int start(struct wire_chan *c, enum mon_kind kind, const char *command)
{
	struct mon_msg *m = &c->w->msg;

	if (c->waiting || c->started || strlen(command) >= MON_TEXT_MAX)
		return -1;
	memset(m, 0, sizeof(*m));
	m->type = MON_START;
	m->chan = c->number;
	m->kind = kind;
	m->pty = c->pty && kind != MON_SFTP;
	m->cols = c->cols;
	m->rows = c->rows;
	snprintf(m->term, sizeof(m->term), "%s", c->term);
	memcpy(m->text, command, strlen(command) + 1);
	c->pty = m->pty;
	c->waiting = mon_send(WIRE_MONITOR_FD, m, NULL, 0) == 0;
	return c->waiting ? 0 : -1;
}

static int shell_cb(ssh_session s, ssh_channel ch, void *arg)
{
	(void)s, (void)ch;
	return start(arg, MON_SHELL, "");
}

static int exec_cb(ssh_session s, ssh_channel ch, const char *command, void *arg)
{
	(void)s, (void)ch;
	return start(arg, MON_EXEC, command);
}

static int subsystem_cb(ssh_session s, ssh_channel ch, const char *name, void *arg)
{
	(void)s, (void)ch;
	if (!strcmp(name, "cli"))
		return start(arg, MON_SHELL, "");
	return strcmp(name, "sftp") ? -1 : start(arg, MON_SFTP, "");
}

static void close_cb(ssh_session s, ssh_channel ch, void *arg)
{
	struct wire_chan *c = arg;

	(void)s, (void)ch;
	c->closed = true;
}

ssh_channel wire_chan_open(struct wire *w)
{
	static uint32_t next;
	struct wire_chan *c;
	unsigned i = 0;

	while (i < WIRE_CHANNELS && w->chan[i])
		i++;
	c = i < WIRE_CHANNELS ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return NULL;
	c->w = w;
	c->number = ++next;
	c->in = c->out = c->err = -1;
	c->ch = ssh_channel_new(w->ssh);
	if (!c->ch) {
		free(c);
		return NULL;
	}
	c->cb.userdata = c;
	c->cb.channel_pty_request_function = pty_cb;
	c->cb.channel_pty_window_change_function = window_cb;
	c->cb.channel_shell_request_function = shell_cb;
	c->cb.channel_exec_request_function = exec_cb;
	c->cb.channel_subsystem_request_function = subsystem_cb;
	c->cb.channel_close_function = close_cb;
	ssh_callbacks_init(&c->cb);
	ssh_set_channel_callbacks(c->ch, &c->cb);
	w->chan[i] = c;
	return c->ch;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The client sends no more, or the session reads no more. A pty lives on. */
static void end_input(struct wire_chan *c)
{
	if (c->pty)
		return;
	if (c->in == c->out && c->in >= 0) {
		shutdown(c->in, SHUT_WR);
		c->in = -1;
	}
	close_fd(&c->in);
}

static void close_fds(struct wire_chan *c)
{
	if (c->in == c->out)
		c->in = -1;
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->err);
}

static void nonblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* The task's answer to start(). */
void wire_chan_started(struct wire *w, const struct mon_msg *m, int *fds, int n)
{
	struct wire_chan *c = NULL;

	for (unsigned i = 0; i < WIRE_CHANNELS; i++)
		if (w->chan[i] && w->chan[i]->number == m->chan)
			c = w->chan[i];
	if (!c || !c->waiting || m->code || (n != 1 && n != 3)) {
		while (n > 0)
			close(fds[--n]);
		if (!c)
			return;
		/* The reason, as the CLI says such things. */
		ssh_channel_write_stderr(c->ch, m->text, (uint32_t)strlen(m->text));
		c->ended = c->started = c->out_eof = c->err_eof = true;
		c->status = 1;
		return;
	}
	c->waiting = false;
	c->started = true;
	c->in = fds[0];
	c->out = n == 1 ? fds[0] : fds[1];
	c->err = n == 1 ? -1 : fds[2];
	c->err_eof = n == 1;
	for (int i = 0; i < n; i++)
		nonblock(fds[i]);
	if (c->pty)
		set_size(c->out, c->cols, c->rows);
}

/* --- bytes -------------------------------------------------------------------------------------------------
 */

static void to_session(struct wire_chan *c)
{
	for (;;) {
		ssize_t n;

		if (c->at == c->have) {
			int got = ssh_channel_read_nonblocking(c->ch, c->pending, sizeof(c->pending), 0);

			if (got <= 0)
				break;
			c->have = (size_t)got;
			c->at = 0;
		}
		if (c->in < 0) { /* it reads no more */
			c->at = c->have;
			continue;
		}
		n = write(c->in, c->pending + c->at, c->have - c->at);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		c->at = n < 0 ? c->have : c->at + (size_t)n;
		if (n < 0)
			end_input(c);
	}
	if (!c->in_eof && ssh_channel_is_eof(c->ch)) {
		c->in_eof = true;
		end_input(c);
	}
}

static void to_client(struct wire_chan *c, int fd, bool *eof, bool is_err)
{
	char buf[CHUNK];

	while (!*eof && fd >= 0) {
		uint32_t room = ssh_channel_window_size(c->ch);
		ssize_t n;

		if (!room || ssh_get_poll_flags(c->w->ssh) & SSH_WRITE_PENDING)
			return;
		n = read(fd, buf, room < sizeof(buf) ? room : sizeof(buf));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) { /* EIO: nobody has the other side of the pty any more */
			*eof = true;
			return;
		}
		if (is_err)
			ssh_channel_write_stderr(c->ch, buf, (uint32_t)n);
		else
			ssh_channel_write(c->ch, buf, (uint32_t)n);
	}
}

void wire_chan_pump(struct wire_chan *c)
{
	if (!c->started || c->closed)
		return;
	to_session(c);
	to_client(c, c->out, &c->out_eof, false);
	to_client(c, c->err, &c->err_eof, true);
	if (!c->ended || !c->out_eof || !c->err_eof)
		return;
	ssh_channel_request_send_exit_status(c->ch, c->status);
	ssh_channel_send_eof(c->ch);
	ssh_channel_close(c->ch);
	c->closed = true;
}

void wire_chan_free(struct wire *w, unsigned i)
{
	struct wire_chan *c = w->chan[i];

	memset(&w->msg, 0, sizeof(w->msg));
	w->msg.type = MON_CLOSE;
	w->msg.chan = c->number;
	mon_send(WIRE_MONITOR_FD, &w->msg, NULL, 0);
	close_fds(c);
	ssh_remove_channel_callbacks(c->ch, &c->cb);
	ssh_channel_free(c->ch);
	explicit_bzero(c, sizeof(*c));
	free(c);
	w->chan[i] = NULL;
}
