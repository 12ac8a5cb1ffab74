/* SPDX-License-Identifier: MIT */
/*
 * Users and their proofs. Users are those of context local. A wrong try makes its source wait before the next
 * answer, twice as long each time: guessing from one place gets nowhere, and nobody else waits. Hashing is
 * done by a worker thread; one at a time per connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cfg/cfg.h"
#include "secret/passwd.h"
#include "sshd.h"
#include "vpn/vpn_context.h"

#define HASHING_MAX 2
#define KEYS_MAX    20 /* tried by one connection */
#define SOURCES_MAX 256
#define WAIT_FIRST  (500 * US_PER_MS)
#define WAIT_MOST   (16 * US_PER_SEC)
#define FORGET      (300 * US_PER_SEC)

bool auth_user(const struct sshd *s, const char *name, struct cfg_user *u)
{
	return s->tree && cfg_user_find(s->tree, name, u) &&
	       (!u->expires || clock_wall_us() / US_PER_SEC < (uint64_t)u->expires);
}

/* `allowusers add`: when it is configured for the listener's context, only they. */
static bool allowed(const struct conn *c, const char *name)
{
	const struct cfg_node *ctx = c->l ? vpn_context_node(c->s->tree, c->l->ctx) : NULL;
	const struct cfg_node *server = ctx ? cfg_child(c->s->tree, ctx, "server-sshd", NULL) : NULL, *n;
	bool any = false;

	if (!server)
		return false;
	cfg_foreach(n, server, "allowusers-add")
	{
		any = true;
		for (unsigned i = 0; cfg_arg_nth(n, "users", i); i++)
			if (!strcmp(cfg_arg_nth(n, "users", i), name))
				return true;
	}
	return !any;
}

/* --- sources that failed -----------------------------------------------------------------------------------
 */

struct source {
	struct net_addr addr;
	unsigned failures;
	uint64_t last, not_before;
};

static struct source sources[SOURCES_MAX];

static struct source *source_of(const struct net_addr *a, uint64_t now)
{
	struct source *oldest = &sources[0];

	for (unsigned i = 0; i < SOURCES_MAX; i++) {
		if (sources[i].failures && now - sources[i].last > FORGET)
			memset(&sources[i], 0, sizeof(sources[i]));
		if (sources[i].failures && net_addr_equal(&sources[i].addr, a))
			return &sources[i];
		if (sources[i].last < oldest->last)
			oldest = &sources[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->addr = *a;
	return oldest;
}

/* Microseconds until this source's next try is looked at; the try after that waits for this one's turn. */
static uint64_t turn_of(const struct net_addr *a)
{
	uint64_t now = clock_now_us();
	struct source *s = source_of(a, now);
	uint64_t step, at = s->not_before > now ? s->not_before : now;

	if (!s->failures)
		return 0;
	step = WAIT_FIRST << (s->failures < 6 ? s->failures - 1 : 5);
	s->not_before = at + (step < WAIT_MOST ? step : WAIT_MOST);
	return at - now;
}

static void tried(const struct net_addr *a, bool ok)
{
	uint64_t now = clock_now_us(), step;
	struct source *s = source_of(a, now);

	if (ok) {
		memset(s, 0, sizeof(*s));
		return;
	}
	s->last = now;
	s->failures++;
	step = WAIT_FIRST << (s->failures < 6 ? s->failures - 1 : 5);
	if (step > WAIT_MOST)
		step = WAIT_MOST;
	if (s->not_before < now + step)
		s->not_before = now + step;
}

/* --- passwords ---------------------------------------------------------------------------------------------
 */

struct check {
	uv_work_t work;
	struct conn *c;
	bool known, right, over; /* over: its password is too old */
	struct cfg_user u;
	char user[MON_USER_MAX], hash[PASSWD_TEXT_MAX];
	char *password;
	struct check *next;
};

static struct check *queue; /* those whose turn it is, waiting for a worker */
static unsigned hashing;

static void hash_work(uv_work_t *w)
{
	struct check *k = w->data;

	k->right = passwd_verify(k->hash[0] ? k->hash : NULL, k->password);
}

static void check_free(struct check *k)
{
	if (k->password)
		explicit_bzero(k->password, strlen(k->password));
	free(k->password);
	explicit_bzero(k, sizeof(*k));
	free(k);
}

static void hash_next(void);

static void check_done(struct check *k, bool ok, bool count)
{
	struct conn *c = k->c;

	c->checking = false;
	if (count)
		tried(&c->from, ok);
	conn_verdict(c, k->user, &k->u, ok && !k->over,
	             ok && k->over ? "password: it is older than its max-age" : "password");
	check_free(k);
}

static void hash_done(uv_work_t *w, int status)
{
	struct check *k = w->data;

	hashing--;
	check_done(k, status == 0 && k->known && k->right, true);
	hash_next();
}

/* Each hash takes memory: a few at a time, the others in order. */
static void hash_next(void)
{
	while (queue && hashing < HASHING_MAX) {
		struct check *k = queue;

		queue = k->next;
		if (k->c->dead || uv_queue_work(k->c->s->t->loop, &k->work, hash_work, hash_done) < 0)
			check_done(k, false, false);
		else
			hashing++;
	}
}

static void hash_start(struct check *k)
{
	struct check **pp = &queue;

	while (*pp)
		pp = &(*pp)->next;
	*pp = k;
	hash_next();
}

static void turn_cb(struct task *t, void *arg)
{
	struct check *k = arg;

	(void)t;
	task_timer_stop(k->c->delay);
	k->c->delay = NULL;
	if (k->c->dead)
		check_done(k, false, false);
	else
		hash_start(k);
}

void auth_password(struct conn *c, const char *user, const char *password)
{
	struct check *k = calloc(1, sizeof(*k));
	uint64_t wait = turn_of(&c->from);
	int64_t days;

	if (!k || !(k->password = strdup(password))) {
		free(k);
		conn_kill(c);
		return;
	}
	k->c = c;
	k->work.data = k;
	k->known = auth_user(c->s, user, &k->u) && allowed(c, user) && k->u.hash && c->l &&
	           c->l->methods & (MON_BY_PASSWORD | MON_BY_INTERACTIVE);
	k->over = k->known && cfg_user_password_age(&k->u, (int64_t)(clock_wall_us() / US_PER_SEC), &days) ==
	                              CFG_PASSWORD_OVER;
	snprintf(k->user, sizeof(k->user), "%s", user);
	if (k->known)
		snprintf(k->hash, sizeof(k->hash), "%s", k->u.hash);
	k->u.hash = NULL;
	c->checking = true;
	if (wait)
		c->delay = task_timer_start(c->s->t, wait / US_PER_MS + 1, 0, turn_cb, k);
	else
		hash_start(k);
}

/* --- keys --------------------------------------------------------------------------------------------------
 */

static const char *key_word(const char *type)
{
	if (!strcmp(type, "ssh-rsa"))
		return "v2-rsa";
	if (!strcmp(type, "ssh-ed25519"))
		return "ed25519";
	return strncmp(type, "ecdsa", 5) && strncmp(type, "ssh-ecdsa", 9) ? "" : "ecdsa";
}

static bool from_host(const struct conn *c, const char *host)
{
	struct net_addr a;

	if (!host || net_addr_parse(&a, host) < 0)
		return false;
	return net_addr_is_any(&a) || net_addr_equal(&a, &c->from);
}

static bool key_known(const struct conn *c, const char *user, const char *type, const char *data)
{
	const struct cfg_node *ctx = c->l ? vpn_context_node(c->s->tree, c->l->ctx) : NULL;
	const struct cfg_node *server = ctx ? cfg_child(c->s->tree, ctx, "server-sshd", NULL) : NULL, *n;

	if (!server)
		return false;
	cfg_foreach(n, server, "authorized-key-username")
	{
		const char *have = cfg_arg(n, "data");

		if (have && !strcmp(have, data) && !strcmp(cfg_arg(n, "username"), user) &&
		    !strcmp(cfg_arg(n, "type"), type) && from_host(c, cfg_arg(n, "host")))
			return true;
	}
	return false;
}

void auth_key(struct conn *c, const char *user, const char *key, bool proven)
{
	static struct mon_msg m;
	char type[40] = "";
	const char *data = strchr(key, ' ');
	struct cfg_user u;
	bool ok;

	snprintf(type, sizeof(type), "%.*s", data ? (int)(data - key) : 0, key);
	ok = data && c->l && c->l->methods & MON_BY_KEY && auth_user(c->s, user, &u) && allowed(c, user) &&
	     key_known(c, user, key_word(type), data + 1);
	if (ok && proven) {
		conn_verdict(c, user, &u, true, "public key");
		return;
	}
	/* Clients try every key they have: one that is not known is no failed login, but enough is enough. */
	if (++c->keys > KEYS_MAX) {
		conn_verdict(c, user, NULL, false, "public key");
		conn_kill(c);
		return;
	}
	memset(&m, 0, offsetof(struct mon_msg, text) + 1);
	m.type = MON_VERDICT;
	m.code = ok;
	conn_reply(c, &m, NULL, 0);
}
