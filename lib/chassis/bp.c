/* SPDX-License-Identifier: MIT */
/* Backplane messages over SEQPACKET. The directory is 0700, so whoever can connect is the chassis' owner. */
#include "chassis/bp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int bp_connect(const char *run_dir)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, err;

	if ((size_t)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/backplane.sock", run_dir) >=
	    sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int bp_send(int fd, const BpMessage *m, const int *fds, int n)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(BP_FDS_MAX * sizeof(int))];
	} control = {0};
	size_t len = bp_message__get_packed_size(m);
	uint8_t *buf = malloc(len ? len : 1);
	struct iovec iov = {buf, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	int rc = 0;

	if (!buf || len > BP_MSG_MAX || n > BP_FDS_MAX) {
		free(buf);
		return buf ? -EMSGSIZE : -ENOMEM;
	}
	bp_message__pack(m, buf);
	if (n > 0) {
		struct cmsghdr *c;

		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
	}
	while (sendmsg(fd, &mh, MSG_NOSIGNAL) < 0)
		if (errno != EINTR) {
			rc = -errno;
			break;
		}
	free(buf);
	return rc;
}

static int take_fds(struct msghdr *mh, int *fds)
{
	int n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		int count, *p;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		p = (int *)(void *)CMSG_DATA(c);
		for (int i = 0; i < count; i++) {
			if (n < BP_FDS_MAX)
				fds[n++] = p[i];
			else
				close(p[i]);
		}
	}
	return n;
}

BpMessage *bp_recv(int fd, int *fds, int *n, int *err)
{
	static uint8_t buf[BP_MSG_MAX];
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(BP_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr mh = {.msg_iov = &iov,
	                    .msg_iovlen = 1,
	                    .msg_control = control.buf,
	                    .msg_controllen = sizeof(control.buf)};
	ssize_t len;
	BpMessage *m;

	*n = 0;
	*err = 0;
	do {
		len = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		*err = -errno;
	if (len <= 0)
		return NULL;
	*n = take_fds(&mh, fds);
	m = mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? NULL : bp_message__unpack(NULL, (size_t)len, buf);
	if (!m) {
		while (*n > 0)
			close(fds[--*n]);
		*err = -EBADMSG;
	}
	return m;
}

BpMessage *bp_recv_wait(int fd, int ms, int *fds, int *n, int *err)
{
	struct pollfd p = {fd, POLLIN, 0};
	int rc;

	do {
		rc = poll(&p, 1, ms);
	} while (rc < 0 && errno == EINTR);
	if (rc <= 0) {
		*err = rc ? -errno : -ETIMEDOUT;
		*n = 0;
		return NULL;
	}
	return bp_recv(fd, fds, n, err);
}
