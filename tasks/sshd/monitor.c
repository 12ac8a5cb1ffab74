/* SPDX-License-Identifier: MIT */
/* Records between the task and a connection's process, see monitor.h. */
#include "monitor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX 3

int mon_send(int fd, const struct mon_msg *m, const int *fds, int n)
{
	union {
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {(void *)m,
	                    offsetof(struct mon_msg, text) + strnlen(m->text, MON_TEXT_MAX - 1) + 1};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *h, int *fds, int max, int *n)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*n < max)
				fds[(*n)++] = got;
			else
				close(got);
		}
	}
}

int mon_recv(int fd, struct mon_msg *m, int *fds, int max, int *n)
{
	union {
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {m, sizeof(*m)};
	struct msghdr h = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);

	*n = 0;
	if (len <= 0)
		return len < 0 ? -errno : 0;
	take_fds(&h, fds, max, n);
	if ((size_t)len <= offsetof(struct mon_msg, text)) {
		while (*n > 0)
			close(fds[--*n]);
		return -EBADMSG;
	}
	m->user[MON_USER_MAX - 1] = m->term[MON_TERM_MAX - 1] = 0;
	m->text[len - (ssize_t)offsetof(struct mon_msg, text) - 1] = 0;
	return 1;
}
