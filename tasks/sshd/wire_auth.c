/* SPDX-License-Identifier: MIT */
/*
 * Logins of one connection: password, keyboard-interactive (one prompt, the same password) and public keys
 * (RFC 4252, RFC 4256). What is right is the task's to say; it also counts the tries and lets wrong ones
 * wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

#define REFUSED_MAX 3 /* tries that are not even asked */

int wire_ask(struct wire *w, struct mon_msg *m)
{
	struct pollfd p = {.fd = WIRE_MONITOR_FD, .events = POLLIN};
	int fds[3], n, rc = mon_send(WIRE_MONITOR_FD, m, NULL, 0);

	explicit_bzero(m->text, sizeof(m->text));
	while (rc == 0) {
		while (poll(&p, 1, -1) < 0 && errno == EINTR)
			;
		rc = mon_recv(WIRE_MONITOR_FD, m, fds, 3, &n);
		if (rc == 1 && m->type == MON_VERDICT)
			return m->code;
		if (rc == 1 || rc == -EAGAIN)
			rc = 0; /* nothing else is expected before a login */
		else
			rc = rc ? rc : -ECONNRESET;
	}
	w->over = true;
	return rc;
}

static bool named(struct wire *w, struct mon_msg *m, enum mon_type type, const char *user)
{
	memset(m, 0, sizeof(*m));
	m->type = type;
	/* One connection, one user: trying names is what many connections are counted for. */
	if (!user || !user[0] || strlen(user) >= sizeof(m->user) || (w->user[0] && strcmp(w->user, user))) {
		w->over |= ++w->refused >= REFUSED_MAX;
		return false;
	}
	memmove(m->user, user, strlen(user) + 1);
	memcpy(w->user, m->user, sizeof(w->user));
	return true;
}

static bool password_right(struct wire *w, const char *user, const char *password)
{
	if (!password || !named(w, &w->msg, MON_PASSWORD, user) || strlen(password) >= MON_TEXT_MAX)
		return false;
	memcpy(w->msg.text, password, strlen(password) + 1);
	return wire_ask(w, &w->msg) == 1;
}

static int password_cb(ssh_session session, const char *user, const char *password, void *arg)
{
	struct wire *w = arg;

	(void)session;
	w->authenticated = w->methods & MON_BY_PASSWORD && password_right(w, user, password);
	return w->authenticated ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
}

static int pubkey_cb(ssh_session session, const char *user, struct ssh_key_struct *key, char state, void *arg)
{
	struct wire *w = arg;
	char *b64 = NULL;
	bool ok = false;

	(void)session;
	if (!(w->methods & MON_BY_KEY))
		return SSH_AUTH_DENIED;
	if (state != SSH_PUBLICKEY_STATE_NONE && state != SSH_PUBLICKEY_STATE_VALID)
		return SSH_AUTH_DENIED;
	if (named(w, &w->msg, MON_KEY, user) && ssh_pki_export_pubkey_base64(key, &b64) == SSH_OK) {
		w->msg.code = state == SSH_PUBLICKEY_STATE_VALID;
		ok = snprintf(w->msg.text, sizeof(w->msg.text), "%s %s",
		              ssh_key_type_to_char(ssh_key_type(key)), b64) < MON_TEXT_MAX &&
		     wire_ask(w, &w->msg) == 1;
	}
	ssh_string_free_char(b64);
	if (ok && state == SSH_PUBLICKEY_STATE_VALID)
		w->authenticated = true;
	return ok ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
}

static int interactive(struct wire *w, ssh_message m)
{
	static const char *const prompts[] = {"Password: "};
	char echo[] = {0};
	const char *answer;

	if (!ssh_message_auth_kbdint_is_response(m)) {
		if (!named(w, &w->msg, MON_PASSWORD, ssh_message_auth_user(m)))
			return 1;
		ssh_message_auth_interactive_request(m, "", "", 1, (const char **)prompts, echo);
		return 0;
	}
	answer = ssh_userauth_kbdint_getnanswers(w->ssh) == 1 ? ssh_userauth_kbdint_getanswer(w->ssh, 0)
	                                                      : NULL;
	w->authenticated = password_right(w, w->user, answer);
	if (!w->authenticated)
		return 1; /* the library's refusal */
	ssh_message_auth_reply_success(m, 0);
	return 0;
}

/* Requests that have no callback of their own; 1 refuses. */
static int message_cb(ssh_session session, ssh_message m, void *arg)
{
	struct wire *w = arg;

	(void)session;
	if (ssh_message_type(m) == SSH_REQUEST_AUTH && !w->authenticated &&
	    ssh_message_subtype(m) == SSH_AUTH_METHOD_INTERACTIVE && w->methods & MON_BY_INTERACTIVE)
		return interactive(w, m);
	return 1;
}

void wire_auth_setup(struct wire *w)
{
	w->cb.auth_password_function = password_cb;
	w->cb.auth_pubkey_function = pubkey_cb;
	ssh_set_message_callback(w->ssh, message_cb, w);
	ssh_set_auth_methods(w->ssh,
	                     (w->methods & MON_BY_KEY ? SSH_AUTH_METHOD_PUBLICKEY : 0) |
	                             (w->methods & MON_BY_INTERACTIVE ? SSH_AUTH_METHOD_INTERACTIVE : 0) |
	                             (w->methods & MON_BY_PASSWORD ? SSH_AUTH_METHOD_PASSWORD : 0));
}
