/* SPDX-License-Identifier: MIT */
/*
 * What the simulated peers tell: the status as JSON, the list of peers, the progress line of a terminal, and
 * the control socket (AF_UNIX stream; a command per line, answered by one line of JSON). Called by peers.c.
 */
#include "cmd/peers.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct sums {
	uint64_t sent, received, lost, late, duplicates, max_gap, rtt_max, hash, worst, unanswered_peers;
};

static void hash_mix(uint64_t *h, uint64_t v)
{
	int i;

	for (i = 0; i < 8; i++) {
		*h ^= v >> (8 * i) & 0xff;
		*h *= 0x100000001b3ULL;
	}
}

static uint64_t lost_of(const struct peers_peer *peer, uint64_t now)
{
	uint64_t open = peers_ping_outstanding(peer, now), answered = peer->received + peer->late + open;

	return peer->sent > answered ? peer->sent - answered : 0;
}

static void add_up(const struct peers *p, uint64_t now, struct sums *s)
{
	uint32_t i;

	memset(s, 0, sizeof(*s));
	s->hash = 0xcbf29ce484222325ULL;
	for (i = 0; i < p->opt.count; i++) {
		const struct peers_peer *peer = &p->peer[i];
		const struct peers_child *c;
		uint64_t gap = peers_ping_gap(peer, now);

		s->sent += peer->sent;
		s->received += peer->received + peer->late;
		s->lost += lost_of(peer, now);
		s->late += peer->late;
		s->duplicates += peer->duplicates;
		s->unanswered_peers += peer->state == PEERS_UP && !peer->received;
		if (gap > s->max_gap) {
			s->max_gap = gap;
			s->worst = peer->index;
		}
		if (peer->rtt_max_us > s->rtt_max)
			s->rtt_max = peer->rtt_max_us;
		if (peer->state != PEERS_UP)
			continue;
		hash_mix(&s->hash, peer->index);
		hash_mix(&s->hash, peer->ike_spi);
		hash_mix(&s->hash, peer->peer_spi);
		for (c = peer->children; c; c = c->next)
			hash_mix(&s->hash, (uint64_t)c->sa->in.spi << 32 | c->sa->out.spi);
	}
}

static void put(json_t *o, const char *name, uint64_t v)
{
	json_object_set_new(o, name, json_integer((json_int_t)v));
}

static double ms(uint64_t us)
{
	uint64_t hundredths = us / 10;

	return (double)hundredths / 100;
}

static void put_traffic(json_t *o, const struct peers *p, const struct sums *s, uint64_t now)
{
	put(o, "sent", s->sent);
	put(o, "received", s->received);
	put(o, "lost", s->lost);
	put(o, "late", s->late);
	put(o, "duplicates", s->duplicates);
	put(o, "peers_unanswered", s->unanswered_peers);
	json_object_set_new(o, "max_gap_ms", json_real(ms(s->max_gap)));
	put(o, "max_gap_peer", s->worst);
	json_object_set_new(o, "rtt_ms_avg",
	                    json_real(p->t.rtt_count ? ms(p->t.rtt_us_sum / p->t.rtt_count) : 0));
	json_object_set_new(o, "rtt_ms_max", json_real(ms(s->rtt_max)));
	json_object_set_new(o, "window_s", json_real(ms(now - p->window_us) / 1000));
}

static void put_trouble(json_t *o, const struct peers *p)
{
	uint64_t drops = 0;
	unsigned i;

	for (i = 0; i < ESP_REASONS; i++)
		drops += p->t.esp_drops[i];
	put(o, "seq_reused", p->t.seq_reused);
	put(o, "copies", p->t.copies);
	put(o, "downs", p->t.downs);
	put(o, "deletes_received", p->t.deletes_received);
	put(o, "retransmissions", p->t.retransmissions);
	put(o, "ike_rekeys", p->t.ike_rekeys);
	put(o, "child_rekeys", p->t.child_rekeys);
	put(o, "dpd_answers", p->t.dpd_answers);
	put(o, "esp_drops", drops);
	put(o, "esp_auth_failures", p->t.esp_drops[ESP_DROP_AUTH]);
	put(o, "esp_unknown_spi", p->t.esp_unknown);
	put(o, "send_errors", p->t.send_errors);
}

char *peers_ctl_status(struct peers *p, uint64_t now)
{
	uint64_t took = (p->all_up_us ? p->all_up_us : now) - p->started_us;
	json_t *o = json_object();
	struct sums s;
	char hash[20], *text;

	add_up(p, now, &s);
	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)s.hash);
	put(o, "count", p->opt.count);
	put(o, "established", p->established);
	put(o, "starting", p->starting);
	put(o, "failed", p->failed);
	put(o, "attempts", p->t.attempts);
	put(o, "setups", p->t.setups);
	put(o, "setup_failures", p->t.setup_failures);
	json_object_set_new(o, "spi_hash", json_string(hash));
	put_traffic(o, p, &s, now);
	put_trouble(o, p);
	json_object_set_new(o, "setup_ms_avg",
	                    json_real(p->t.setups ? ms(p->t.setup_us_sum / p->t.setups) : 0));
	json_object_set_new(o, "setup_ms_max", json_real(ms(p->t.setup_us_max)));
	json_object_set_new(o, "all_up_s",
	                    json_real(p->all_up_us ? ms(p->all_up_us - p->started_us) / 1000 : 0));
	json_object_set_new(o, "tunnels_per_s",
	                    json_real(took ? (double)p->t.setups * US_PER_SEC / (double)took : 0));
	json_object_set_new(o, "cpu_s", json_real(ms(clock_cpu_us()) / 1000));
	json_object_set_new(o, "elapsed_s", json_real(ms(now - p->started_us) / 1000));
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(o);
	return text;
}

static json_t *one_peer(const struct peers *p, const struct peers_peer *peer, uint64_t now)
{
	const struct peers_child *c = peers_esp_current(peer);
	char text[64];
	json_t *o = json_object();

	put(o, "peer", peer->index);
	json_object_set_new(o, "state", json_string(peers_state_names[peer->state]));
	if (peer->reason)
		json_object_set_new(o, "reason", json_string(ike_reason_name(peer->reason)));
	snprintf(text, sizeof(text), "%016llx/%016llx", (unsigned long long)peer->ike_spi,
	         (unsigned long long)peer->peer_spi);
	json_object_set_new(o, "ike_spi", json_string(text));
	if (c) {
		snprintf(text, sizeof(text), "%08x/%08x", c->sa->in.spi, c->sa->out.spi);
		json_object_set_new(o, "esp_spi", json_string(text));
	}
	json_object_set_new(o, "source", json_string(net_addr_format(&peer->source, text, sizeof(text))));
	json_object_set_new(o, "inner", json_string(net_addr_format(&peer->inner, text, sizeof(text))));
	put(o, "sent", peer->sent);
	put(o, "received", peer->received + peer->late);
	put(o, "lost", lost_of(peer, now));
	json_object_set_new(o, "max_gap_ms", json_real(ms(peers_ping_gap(peer, now))));
	put(o, "seq_reused", peer->seq_reused);
	return o;
}

static char *list_text(struct peers *p, uint64_t now)
{
	json_t *o = json_object(), *list = json_array();
	char *text;
	uint32_t i;

	for (i = 0; i < p->opt.count; i++)
		json_array_append_new(list, one_peer(p, &p->peer[i], now));
	json_object_set_new(o, "peers", list);
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(o);
	return text;
}

static const struct verb {
	const char *name;
	enum peers_op op; /* PEERS_OPS: not in the history */
} verbs[] = {{"dpd", PEERS_OPS},
             {"rekey", PEERS_OP_REKEY},
             {"rekey-ike", PEERS_OP_REKEY_IKE},
             {"delete", PEERS_OP_DELETE}};

/* One thing at a time: an outcome must be that of one operation. */
static bool do_one(struct peers *p, uint64_t now, struct peers_peer *peer, enum peers_op op)
{
	struct peers_child *c = peers_esp_current(peer);

	if (peer->state != PEERS_UP)
		return false;
	if (op == PEERS_OPS)
		return !ike_engine_dpd(p->engine, now, peer->ike_spi);
	if (peer->pending || (op == PEERS_OP_REKEY && !c))
		return false;
	peers_hist_invoke(p, peer, op); /* first: the engine may answer at once */
	if (op == PEERS_OP_DELETE)
		peers_hist_check(p, peer, op, ike_engine_delete_ike(p->engine, now, peer->ike_spi));
	else if (op == PEERS_OP_REKEY_IKE)
		peers_hist_check(p, peer, op, ike_engine_rekey_ike(p->engine, now, peer->ike_spi));
	else
		peers_hist_check(p, peer, op, ike_engine_rekey_child(p->engine, now, c->sa->in.spi));
	return (peer->pending & 1u << op) != 0;
}

/* A verb for every established tunnel, or with a number for that peer's; what the engine refuses for the
 * moment is not counted. NULL: no such command, or no such peer. */
static char *do_verb(struct peers *p, uint64_t now, const char *line)
{
	size_t len = strcspn(line, " ");
	const struct verb *v = verbs, *end = verbs + sizeof(verbs) / sizeof(*verbs);
	uint32_t i, n = 0, only = 0;
	char text[64], rest;

	while (v < end && (strncmp(v->name, line, len) || v->name[len]))
		v++;
	if (v == end)
		return NULL;
	if (line[len] && (sscanf(line + len, " %u%c", &only, &rest) != 1 || !only || only > p->opt.count))
		return NULL;
	for (i = only ? only - 1 : 0; i < (only ? only : p->opt.count); i++)
		n += do_one(p, now, &p->peer[i], v->op);
	snprintf(text, sizeof(text), "{\"ok\":true,\"started\":%u}", n);
	return strdup(text);
}

/* pps R, size BYTES, retransmit MS: how it goes on from now. NULL: no such command, or a value out of range.
 */
static char *set_pace(struct peers *p, const char *line)
{
	char end;
	unsigned n;
	double pps;

	if (sscanf(line, "pps %lf%c", &pps, &end) == 1 && pps > 0 && pps <= 100000)
		p->opt.pps = pps;
	else if (sscanf(line, "size %u%c", &n, &end) == 1 && n >= PEERS_ECHO_MIN && n <= PEERS_ECHO_MAX)
		p->opt.size = n;
	else if (sscanf(line, "retransmit %u%c", &n, &end) == 1 && n >= PEERS_RETRANSMIT_MIN &&
	         n <= PEERS_RETRANSMIT_MAX)
		p->opt.retransmit_ms = n;
	else
		return NULL;
	return strdup(peers_ike_policy(p) ? "{\"error\":\"the IKE policy was refused\"}" : "{\"ok\":true}");
}

static char *command(struct peers *p, const char *line)
{
	uint64_t now = peers_now(p);
	char *text = set_pace(p, line);

	if (text)
		return text;
	peers_hist_flush(p); /* whoever asks reads it next */
	text = do_verb(p, now, line);
	if (text)
		return text;
	if (!strcmp(line, "status"))
		return peers_ctl_status(p, now);
	if (!strcmp(line, "list"))
		return list_text(p, now);
	if (!strcmp(line, "mark"))
		peers_ping_mark(p, now);
	else if (!strcmp(line, "stop"))
		peers_stop(p, now);
	else
		return strdup("{\"error\":\"unknown command; legal are status, list, mark, dpd, rekey, "
		              "rekey-ike, delete, pps, size, retransmit, stop\"}");
	return strdup("{\"ok\":true}");
}

/* --- the socket
 * ------------------------------------------------------------------------------------------------- */

int peers_ctl_open(struct peers *p)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int err = 0;

	if (!p->opt.control)
		return 0;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", p->opt.control);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->listener < 0)
		return -errno;
	/* A socket that nobody answers on is left over from a killed predecessor. */
	if (!connect(p->listener, (struct sockaddr *)&un, sizeof(un))) {
		err = -EADDRINUSE;
	} else {
		if (errno == ECONNREFUSED)
			unlink(un.sun_path);
		if (bind(p->listener, (struct sockaddr *)&un, sizeof(un)) ||
		    listen(p->listener, PEERS_CLIENTS))
			err = -errno;
	}
	ev.data.fd = p->listener;
	if (!err && epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->listener, &ev))
		err = -errno;
	if (err)
		fprintf(stderr, "orrery peers: control socket %s: %s\n", p->opt.control, strerror(-err));
	else
		snprintf(p->control_path, sizeof(p->control_path), "%s", un.sun_path);
	return err;
}

void peers_ctl_close(struct peers *p)
{
	unsigned i;

	for (i = 0; i < PEERS_CLIENTS; i++)
		if (p->client[i].fd >= 0)
			close(p->client[i].fd);
	if (p->listener >= 0)
		close(p->listener);
	if (p->control_path[0])
		unlink(p->control_path);
}

void peers_ctl_accept(struct peers *p)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	unsigned i;

	if (fd < 0)
		return;
	for (i = 0; i < PEERS_CLIENTS && p->client[i].fd >= 0; i++)
		;
	ev.data.fd = fd;
	if (i == PEERS_CLIENTS || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev)) {
		close(fd);
		return;
	}
	p->client[i] = (struct peers_client){.fd = fd};
}

/* The answer is written while the peers wait, but never for long: a client that does not read is dropped. */
static bool answer(int fd, const char *text)
{
	struct timeval limit = {.tv_sec = 2};
	size_t len = strlen(text), done = 0;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (done < len) {
		ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
}

static void drop_client(struct peers_client *c)
{
	close(c->fd);
	c->fd = -1;
}

void peers_ctl_readable(struct peers *p, struct peers_client *c)
{
	ssize_t n = recv(c->fd, c->buf + c->len, sizeof(c->buf) - 1 - c->len, MSG_DONTWAIT);
	char *end, *text;
	bool ok;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop_client(c);
		return;
	}
	c->len += (unsigned)n;
	c->buf[c->len] = 0;
	while ((end = strchr(c->buf, '\n'))) {
		*end = 0;
		if (end > c->buf && end[-1] == '\r')
			end[-1] = 0;
		text = command(p, c->buf);
		ok = text && answer(c->fd, text);
		free(text);
		c->len -= (unsigned)(end + 1 - c->buf);
		memmove(c->buf, end + 1, c->len + 1);
		if (!ok) {
			drop_client(c);
			return;
		}
	}
	if (c->len == sizeof(c->buf) - 1)
		drop_client(c);
}

void peers_ctl_progress(struct peers *p, uint64_t now, bool last)
{
	struct sums s;

	if (!p->tty || (now < p->progress_at && !last))
		return;
	p->progress_at = now + US_PER_SEC / 2;
	add_up(p, now, &s);
	fprintf(stderr,
	        "\r%u of %u tunnels up, %u failed; %llu echoes sent, %llu answered, %llu lost, longest gap "
	        "%llu ms \033[K%s",
	        p->established, p->opt.count, p->failed, (unsigned long long)s.sent,
	        (unsigned long long)s.received, (unsigned long long)s.lost,
	        (unsigned long long)(s.max_gap / US_PER_MS), last ? "\n" : "");
	fflush(stderr);
}
