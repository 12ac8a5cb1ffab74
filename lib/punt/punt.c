/* SPDX-License-Identifier: MIT */
/*
 * The punt path's header and both ends (see punt.h). Called by ipsecmgr (server) and iftask (client); one
 * thread each.
 */
#include "punt/punt.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define MAGIC           0x4f50756eu /* "OPun" */
#define VERSION         1
#define MAX_CONNECTIONS 16
#define BUFFER_BYTES    (4 << 20)

/* --- header -------------------------------------------------------------------------------------------- */

static void put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

/* Both ends are on one machine: host order. Layout: magic, version, families (4 bits each), ctx, flags,
 * instance, ports, addresses. */
void punt_encode(uint8_t h[PUNT_HDR_LEN], const struct punt_info *info, size_t payload_len)
{
	memset(h, 0, PUNT_HDR_LEN);
	put32(h, MAGIC);
	h[4] = VERSION;
	h[5] = (uint8_t)((info->local.addr.family == AF_INET6) << 1 | (info->remote.addr.family == AF_INET6));
	put16(h + 6, (uint16_t)payload_len);
	put32(h + 8, info->ctx);
	put32(h + 12, info->flags);
	put32(h + 16, info->instance);
	put16(h + 20, info->local.port);
	put16(h + 22, info->remote.port);
	memcpy(h + 24, info->local.addr.bytes, 16);
	memcpy(h + 40, info->remote.addr.bytes, 16);
}

int punt_decode(const uint8_t *h, size_t len, struct punt_info *info, const uint8_t **payload,
                size_t *payload_len)
{
	memset(info, 0, sizeof(*info));
	if (len < PUNT_HDR_LEN || get32(h) != MAGIC || h[4] != VERSION || h[5] > 3 ||
	    get16(h + 6) != len - PUNT_HDR_LEN)
		return -EBADMSG;
	info->ctx = get32(h + 8);
	info->flags = get32(h + 12);
	info->instance = get32(h + 16);
	info->local.port = get16(h + 20);
	info->remote.port = get16(h + 22);
	net_addr_from_bytes(&info->local.addr, h + 24, h[5] & 2 ? 16 : 4);
	net_addr_from_bytes(&info->remote.addr, h + 40, h[5] & 1 ? 16 : 4);
	*payload = h + PUNT_HDR_LEN;
	*payload_len = len - PUNT_HDR_LEN;
	return 0;
}

/* --- both ends ----------------------------------------------------------------------------------------- */

static int open_socket(const char *path, struct sockaddr_un *un)
{
	int bytes = BUFFER_BYTES;
	int fd;

	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	strcpy(un->sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return fd;
}

static int send_on(int fd, struct punt_stats *st, const struct punt_info *info, const uint8_t *payload,
                   size_t len)
{
	uint8_t hdr[PUNT_HDR_LEN];
	struct iovec iov[2] = {{hdr, sizeof(hdr)}, {(void *)(uintptr_t)payload, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (len > PUNT_PACKET_MAX)
		return -EMSGSIZE;
	punt_encode(hdr, info, len);
	if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
		st->sent++;
		return 0;
	}
	if (errno == EAGAIN || errno == ENOBUFS) {
		st->lost_full++;
		return -EAGAIN;
	}
	st->lost_absent++;
	return -ENOTCONN;
}

/* 1: a packet, 0: none, -EBADMSG: skip it, -ENOTCONN: the other end is gone. */
static int recv_on(int fd, struct punt_stats *st, uint8_t *buf, size_t size, struct punt_info *info,
                   const uint8_t **payload, size_t *len)
{
	ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ENOTCONN;
	if (n == 0)
		return -ENOTCONN;
	if (punt_decode(buf, (size_t)n, info, payload, len)) {
		st->malformed++;
		return -EBADMSG;
	}
	st->received++;
	return 1;
}

/* --- server -------------------------------------------------------------------------------------------- */

struct punt_server {
	int listen_fd, epoll_fd;
	int conns[MAX_CONNECTIONS]; /* oldest first */
	int n_conns;
	struct punt_stats stats;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint8_t buf[PUNT_HDR_LEN + PUNT_PACKET_MAX];
};

static int watch(struct punt_server *s, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int server_open(struct punt_server *s, const char *path)
{
	struct sockaddr_un un;
	int rc;

	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return -errno;
	s->listen_fd = open_socket(path, &un);
	if (s->listen_fd < 0)
		return s->listen_fd;
	strcpy(s->path, path);
	unlink(path);
	if (bind(s->listen_fd, (struct sockaddr *)&un, sizeof(un)))
		return -errno;
	rc = chmod(path, 0600) || listen(s->listen_fd, MAX_CONNECTIONS) ? -errno : 0;
	return rc ? rc : watch(s, s->listen_fd);
}

struct punt_server *punt_server_new(const char *path, int *err)
{
	struct punt_server *s = calloc(1, sizeof(*s));

	if (!s) {
		*err = -ENOMEM;
		return NULL;
	}
	s->listen_fd = s->epoll_fd = -1;
	*err = server_open(s, path);
	if (*err) {
		s->path[0] = '\0';
		punt_server_free(s);
		return NULL;
	}
	return s;
}

void punt_server_free(struct punt_server *s)
{
	int i;

	if (!s)
		return;
	for (i = 0; i < s->n_conns; i++)
		close(s->conns[i]);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->path[0])
		unlink(s->path);
	free(s);
}

int punt_server_fd(const struct punt_server *s)
{
	return s->epoll_fd;
}

static void drop_conn(struct punt_server *s, int i)
{
	close(s->conns[i]); /* leaves the epoll set by itself */
	memmove(&s->conns[i], &s->conns[i + 1], (size_t)(s->n_conns - i - 1) * sizeof(s->conns[0]));
	s->n_conns--;
}

static void accept_all(struct punt_server *s)
{
	int bytes = BUFFER_BYTES;
	int fd;

	while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (s->n_conns == MAX_CONNECTIONS)
			drop_conn(s, 0);
		if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
			setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		if (watch(s, fd))
			close(fd);
		else
			s->conns[s->n_conns++] = fd;
	}
}

/* From the newest connection that has one; connections that have ended are dropped. */
static int recv_any(struct punt_server *s, struct punt_info *info, const uint8_t **payload, size_t *len)
{
	int i;
	int rc;

	for (i = s->n_conns - 1; i >= 0; i--) {
		do
			rc = recv_on(s->conns[i], &s->stats, s->buf, sizeof(s->buf), info, payload, len);
		while (rc == -EBADMSG);
		if (rc == 1)
			return 1;
		if (rc == -ENOTCONN)
			drop_conn(s, i);
	}
	return 0;
}

/* Does somebody want to connect? Asking is cheaper than accepting in vain. */
static bool caller_waits(struct punt_server *s)
{
	struct epoll_event ev[MAX_CONNECTIONS + 1];
	int n = epoll_wait(s->epoll_fd, ev, MAX_CONNECTIONS + 1, 0);

	while (n-- > 0)
		if (ev[n].data.fd == s->listen_fd)
			return true;
	return false;
}

int punt_server_recv(struct punt_server *s, struct punt_info *info, const uint8_t **payload, size_t *len)
{
	if (recv_any(s, info, payload, len))
		return 1;
	if (!caller_waits(s))
		return 0;
	accept_all(s);
	return recv_any(s, info, payload, len);
}

int punt_server_send(struct punt_server *s, const struct punt_info *info, const uint8_t *payload, size_t len)
{
	int rc;

	if (!s->n_conns)
		accept_all(s);
	while (s->n_conns) {
		rc = send_on(s->conns[s->n_conns - 1], &s->stats, info, payload, len);
		if (rc != -ENOTCONN)
			return rc;
		s->stats.lost_absent--; /* not lost yet: an older connection may do */
		drop_conn(s, s->n_conns - 1);
	}
	s->stats.lost_absent++;
	return -ENOTCONN;
}

const struct punt_stats *punt_server_stats(const struct punt_server *s)
{
	return &s->stats;
}

/* --- client -------------------------------------------------------------------------------------------- */

struct punt_client {
	int fd;
	uint64_t retry_us, next_try;
	struct punt_stats stats;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint8_t buf[PUNT_HDR_LEN + PUNT_PACKET_MAX];
};

struct punt_client *punt_client_new(const char *path, uint64_t retry_us)
{
	struct punt_client *c;

	if (strlen(path) >= sizeof(c->path))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->fd = -1;
	c->retry_us = retry_us;
	strcpy(c->path, path);
	return c;
}

static void hang_up(struct punt_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void punt_client_free(struct punt_client *c)
{
	if (!c)
		return;
	hang_up(c);
	free(c);
}

int punt_client_connect(struct punt_client *c, uint64_t now)
{
	struct sockaddr_un un;
	int rc;

	if (c->fd >= 0)
		return c->fd;
	if (now < c->next_try)
		return -ENOTCONN;
	c->next_try = now + c->retry_us;
	c->fd = open_socket(c->path, &un);
	if (c->fd < 0) {
		rc = c->fd;
		c->fd = -1;
		return rc;
	}
	if (connect(c->fd, (struct sockaddr *)&un, sizeof(un))) {
		rc = -errno;
		hang_up(c);
		return rc;
	}
	return c->fd;
}

int punt_client_send(struct punt_client *c, const struct punt_info *info, const uint8_t *payload, size_t len,
                     uint64_t now)
{
	int rc;

	if (punt_client_connect(c, now) < 0) {
		c->stats.lost_absent++;
		return -ENOTCONN;
	}
	rc = send_on(c->fd, &c->stats, info, payload, len);
	if (rc == -ENOTCONN)
		hang_up(c);
	return rc;
}

int punt_client_recv(struct punt_client *c, struct punt_info *info, const uint8_t **payload, size_t *len)
{
	int rc = -ENOTCONN;

	if (c->fd < 0)
		return rc;
	do
		rc = recv_on(c->fd, &c->stats, c->buf, sizeof(c->buf), info, payload, len);
	while (rc == -EBADMSG);
	if (rc == -ENOTCONN)
		hang_up(c);
	return rc;
}

const struct punt_stats *punt_client_stats(const struct punt_client *c)
{
	return &c->stats;
}
