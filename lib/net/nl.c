/* SPDX-License-Identifier: MIT */
/*
 * The rtnetlink conversation: building messages, sending them, acknowledgements, dumps. Answers are the
 * kernel's, yet every length is checked before use. Links are in nl_link.c, addresses, routes and neighbours
 * in nl_route.c.
 */
#include "net/nl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/nl_int.h"
#include "net/ns.h"

#define RECV_BYTES 65536

static int open_socket(void *arg)
{
	struct nl *nl = arg;
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
	int big = 8 << 20;
	int one = 1;
	int rc;

	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (nl->fd < 0)
		return -errno;
	if (setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)))
		setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	if (setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big)))
		setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	rc = bind(nl->fd, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
	if (rc)
		close(nl->fd);
	return rc;
}

struct nl *nl_new(int ns_fd, int *err)
{
	struct nl *nl = calloc(1, sizeof(*nl));

	if (!nl) {
		*err = -ENOMEM;
		return NULL;
	}
	*err = ns_fd >= 0 ? ns_run(ns_fd, open_socket, nl) : open_socket(nl);
	if (*err) {
		free(nl);
		return NULL;
	}
	return nl;
}

void nl_free(struct nl *nl)
{
	if (!nl)
		return;
	close(nl->fd);
	free(nl);
}

const char *nl_error_text(const struct nl *nl)
{
	return nl->text;
}

/* --- building ------------------------------------------------------------------------------------------ */

void nl_msg_start(struct nl_msg *m, uint16_t type, uint16_t flags, const void *body, size_t len)
{
	memset(m, 0, sizeof(*m));
	m->hdr.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	m->hdr.nlmsg_type = type;
	m->hdr.nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(NLMSG_DATA(&m->hdr), body, len);
}

void nl_msg_attr(struct nl_msg *m, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(m->hdr.nlmsg_len);
	struct rtattr *a = (struct rtattr *)(m->bytes + at);

	if (len > NL_MSG_MAX || at + RTA_SPACE(len) > NL_MSG_MAX) {
		m->overflow = true;
		return;
	}
	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	m->hdr.nlmsg_len = (uint32_t)(at + RTA_ALIGN(a->rta_len));
}

void nl_msg_u32(struct nl_msg *m, uint16_t type, uint32_t value)
{
	nl_msg_attr(m, type, &value, sizeof(value));
}

void nl_msg_str(struct nl_msg *m, uint16_t type, const char *text)
{
	nl_msg_attr(m, type, text, strlen(text) + 1);
}

void nl_msg_addr(struct nl_msg *m, uint16_t type, const struct net_addr *a)
{
	nl_msg_attr(m, type, a->bytes, net_addr_len(a));
}

size_t nl_msg_nest(struct nl_msg *m, uint16_t type)
{
	size_t at = NLMSG_ALIGN(m->hdr.nlmsg_len);

	nl_msg_attr(m, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void nl_msg_nest_raw(struct nl_msg *m, size_t zeros)
{
	if (m->hdr.nlmsg_len + NLMSG_ALIGN(zeros) > NL_MSG_MAX)
		m->overflow = true;
	else
		m->hdr.nlmsg_len += (uint32_t)NLMSG_ALIGN(zeros);
}

void nl_msg_nest_end(struct nl_msg *m, size_t at)
{
	struct rtattr *a = (struct rtattr *)(m->bytes + at);

	if (!m->overflow)
		a->rta_len = (unsigned short)(m->hdr.nlmsg_len - at);
}

/* --- reading ------------------------------------------------------------------------------------------- */

static void index_attrs(const uint8_t *p, size_t left, const struct rtattr **table, unsigned max)
{
	while (left >= sizeof(struct rtattr)) {
		const struct rtattr *a = (const struct rtattr *)p;
		size_t step = RTA_ALIGN(a->rta_len);
		unsigned type = a->rta_type & NLA_TYPE_MASK;

		if (a->rta_len < sizeof(*a) || a->rta_len > left)
			return;
		if (type <= max)
			table[type] = a;
		if (step >= left)
			return;
		p += step;
		left -= step;
	}
}

void nl_attrs(const struct nlmsghdr *h, size_t fixed, const struct rtattr **table, unsigned max)
{
	size_t skip = NLMSG_ALIGN(NLMSG_LENGTH(fixed));

	memset(table, 0, (max + 1) * sizeof(const struct rtattr *));
	if (h->nlmsg_len > skip)
		index_attrs((const uint8_t *)h + skip, h->nlmsg_len - skip, table, max);
}

uint32_t nl_attr_u32(const struct rtattr *a, uint32_t missing)
{
	uint32_t v;

	if (!a || RTA_PAYLOAD(a) < sizeof(v))
		return missing;
	memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

bool nl_attr_addr(const struct rtattr *a, int family, struct net_addr *out)
{
	size_t len = family == AF_INET ? 4 : 16;

	return a && RTA_PAYLOAD(a) == len && net_addr_from_bytes(out, RTA_DATA(a), len) == 0;
}

void nl_note_error(struct nl *nl, const struct nlmsghdr *h)
{
	const struct rtattr *table[NLMSGERR_ATTR_MSG + 1] = {NULL};
	size_t skip = NLMSG_LENGTH(sizeof(struct nlmsgerr));
	const struct rtattr *a;

	/* with NETLINK_CAP_ACK the failed request is not repeated, so attributes follow at once */
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || !(h->nlmsg_flags & NLM_F_CAPPED) || h->nlmsg_len <= skip)
		return;
	index_attrs((const uint8_t *)h + skip, h->nlmsg_len - skip, table, NLMSGERR_ATTR_MSG);
	a = table[NLMSGERR_ATTR_MSG];
	if (a)
		snprintf(nl->text, sizeof(nl->text), "%.*s", (int)RTA_PAYLOAD(a), (const char *)RTA_DATA(a));
}

/* --- talking ------------------------------------------------------------------------------------------- */

static int send_msg(struct nl *nl, struct nl_msg *m)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};

	nl->text[0] = '\0';
	if (m->overflow)
		return -EMSGSIZE;
	m->hdr.nlmsg_seq = ++nl->seq;
	if (sendto(nl->fd, m->bytes, m->hdr.nlmsg_len, 0, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return 0;
}

/*
 * Handle one received datagram. Returns 1 when the conversation goes on, else 0 or -errno or what cb
 * returned, with *stop set when cb ended it (the rest of the dump is still drained).
 */
static int take(struct nl *nl, const uint8_t *buf, size_t len, uint16_t want, nl_msg_cb cb, void *arg,
                int *stop)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

	while (len >= sizeof(*h) && h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= len) {
		size_t step = NLMSG_ALIGN(h->nlmsg_len);

		if (h->nlmsg_seq == nl->seq) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(h);

				if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
					return -EBADMSG;
				nl_note_error(nl, h);
				return e->error > 0 ? -EBADMSG : e->error;
			}
			if (h->nlmsg_type == want && cb && !*stop)
				*stop = cb(h, arg);
		}
		if (step >= len)
			break;
		h = (const struct nlmsghdr *)((const uint8_t *)h + step);
		len -= step;
	}
	return 1;
}

static int receive(struct nl *nl, uint16_t want, nl_msg_cb cb, void *arg)
{
	uint8_t *buf = malloc(RECV_BYTES);
	int stop = 0;
	int rc = 1;

	if (!buf)
		return -ENOMEM;
	while (rc == 1) {
		ssize_t n = recv(nl->fd, buf, RECV_BYTES, 0);

		if (n < 0 && errno == EINTR)
			continue;
		rc = n < 0 ? -errno : take(nl, buf, (size_t)n, want, cb, arg, &stop);
	}
	free(buf);
	return rc ? rc : stop;
}

int nl_talk(struct nl *nl, struct nl_msg *m)
{
	int rc;

	m->hdr.nlmsg_flags |= NLM_F_ACK;
	rc = send_msg(nl, m);
	return rc ? rc : receive(nl, 0, NULL, NULL);
}

int nl_dump(struct nl *nl, struct nl_msg *m, uint16_t want, nl_msg_cb cb, void *arg)
{
	int rc;

	m->hdr.nlmsg_flags |= NLM_F_DUMP;
	rc = send_msg(nl, m);
	return rc ? rc : receive(nl, want, cb, arg);
}
