/* SPDX-License-Identifier: MIT */
/* Filters of subscribers, from their text and against a call: see session_match.h. */
#include "session/session_match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

size_t session_match_msid(const char *peer_id)
{
	size_t n = strspn(peer_id, "0123456789");

	return !peer_id[n] || peer_id[n] == '@' ? n : 0;
}

/* `*` matches any characters, `$` any one; case counts. len: of text. Linear but for one step back. */
static bool glob(const char *pattern, const char *text, size_t len)
{
	const char *star = NULL, *end = text + len, *mark = text;

	while (text < end) {
		if (*pattern == '*') {
			star = pattern++;
			mark = text;
		} else if (*pattern == '$' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static int take_text(char *to, size_t size, const char *value, size_t len)
{
	if (!len || len >= size)
		return -EINVAL;
	memcpy(to, value, len);
	to[len] = 0;
	return 0;
}

static int take_number(uint64_t *to, const char *text)
{
	char *end;

	errno = 0;
	*to = strtoull(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno ? -EINVAL : 0;
}

static int take(struct session_match *m, const char *name, const char *value)
{
	size_t len = strlen(value);

	if (!strcmp(name, "callid")) {
		m->has_callid = true;
		return session_callid_parse(value, &m->callid);
	}
	if (!strcmp(name, "username"))
		return take_text(m->username, sizeof(m->username), value, len);
	if (!strcmp(name, "msid"))
		return take_text(m->msid, sizeof(m->msid), value, len);
	if (!strcmp(name, "ip-pool"))
		return take_text(m->pool, sizeof(m->pool), value, len);
	if (!strcmp(name, "wsg-service"))
		return take_text(m->service, sizeof(m->service), value, len);
	if (!strcmp(name, "ip-address"))
		return net_addr_parse(&m->address, value);
	if (!strcmp(name, "ipv6-prefix"))
		return net_prefix_parse(&m->prefix, value);
	if (!strcmp(name, "longer"))
		return take_number(&m->longer_s, value);
	if (!strcmp(name, "shorter"))
		return take_number(&m->shorter_s, value);
	m->connected = true;
	return strcmp(name, "connected") ? -EINVAL : 0;
}

int session_match_parse(struct session_match *m, const char *text)
{
	*m = (struct session_match){.longer_s = UINT64_MAX, .shorter_s = UINT64_MAX};
	while (*text) {
		size_t len = strcspn(text, "\n"), name_len = strcspn(text, "=");
		char name[16], value[SESSION_PEER_MAX];

		if (name_len >= len || take_text(name, sizeof(name), text, name_len) ||
		    take_text(value, sizeof(value), text + name_len + 1, len - name_len - 1) ||
		    take(m, name, value))
			return -EINVAL;
		text += len + (text[len] == '\n');
	}
	return 0;
}

bool session_match_call(const struct session_match *m, const struct session_call *c, uint64_t now_us)
{
	uint64_t up_s = c->connect_us && now_us > c->connect_us ? (now_us - c->connect_us) / US_PER_SEC : 0;
	size_t msid = session_match_msid(c->peer_id);

	if (m->has_callid && m->callid != c->callid)
		return false;
	if (m->connected && session_state(c) != SESSION_CONNECTED)
		return false;
	if (*m->username && !glob(m->username, c->peer_id, strlen(c->peer_id)))
		return false;
	if (*m->msid && !(msid && glob(m->msid, c->peer_id, msid)))
		return false;
	if (*m->pool && strcmp(m->pool, c->pool) != 0 && strcmp(m->pool, c->pool6) != 0)
		return false;
	if (*m->service && strcmp(m->service, c->service) != 0)
		return false;
	if (net_addr_is_set(&m->address) && !net_addr_equal(&m->address, &c->addr) &&
	    !net_addr_equal(&m->address, &c->addr6))
		return false;
	if (net_addr_is_set(&m->prefix.addr) &&
	    !(net_addr_is_set(&c->addr6) && net_prefix_contains(&m->prefix, &c->addr6)))
		return false;
	if ((m->longer_s != UINT64_MAX || m->shorter_s != UINT64_MAX) && !c->connect_us)
		return false;
	return (m->longer_s == UINT64_MAX || up_s > m->longer_s) && up_s < m->shorter_s;
}
