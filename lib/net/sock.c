/* SPDX-License-Identifier: MIT */
/*
 * Opening sockets and TUN devices (see sock.h). Outer packets are sent without "don't fragment": tunnels must
 * also work over paths whose MTU messages are lost (RFC 4301 section 8.1 leaves it to configuration).
 */
#include "net/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/in6.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BUFFER_BYTES (4 << 20)

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

void sock_big_buffers(int fd, int bytes)
{
	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes))
		set(fd, SOL_SOCKET, SO_RCVBUF, bytes);
	if (set(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes))
		set(fd, SOL_SOCKET, SO_SNDBUF, bytes);
}

static int set_options(int fd, int family, int type, unsigned flags)
{
	int rc = 0;

	sock_big_buffers(fd, BUFFER_BYTES);
	if (flags & SOCK_REUSEPORT)
		rc = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!rc && family == AF_INET6 &&
	    type == SOCK_DGRAM) /* raw IPv6 sockets are so anyway, and refuse it */
		rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!rc && (flags & SOCK_FREEBIND))
		rc = family == AF_INET6 ? set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
		                        : set(fd, IPPROTO_IP, IP_FREEBIND, 1);
	if (rc)
		return rc;
	if (flags & SOCK_PROTECTED) /* without the right to it there are no such policies either */
		set(fd, SOL_SOCKET, SO_MARK, SOCK_PROTECTED_MARK);
	if (family == AF_INET6) /* with a packet comes what it was marked with */
		set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	else
		set(fd, IPPROTO_IP, IP_RECVTOS, 1);
	if (family == AF_INET6)
		return set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	return set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

static int open_bound(const struct net_endpoint *local, int type, int proto, unsigned flags)
{
	struct sockaddr_storage ss;
	socklen_t len = net_endpoint_to_sockaddr(local, &ss);
	int rc;
	int fd;

	if (!len)
		return -EINVAL;
	fd = socket(local->addr.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
	if (fd < 0)
		return -errno;
	rc = set_options(fd, local->addr.family, type, flags);
	if (!rc && bind(fd, (struct sockaddr *)&ss, len))
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

int sock_udp_bind(const struct net_endpoint *local, unsigned flags)
{
	return open_bound(local, SOCK_DGRAM, IPPROTO_UDP, flags);
}

int sock_raw_esp(const struct net_addr *local, unsigned flags)
{
	struct net_endpoint e = {.addr = *local};

	return open_bound(&e, SOCK_RAW, IPPROTO_ESP, flags & ~(unsigned)SOCK_REUSEPORT);
}

int sock_tun_open(const char *name, bool multiqueue, bool persist)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int rc = 0;
	int fd;

	if (strlen(name) >= sizeof(ifr.ifr_name))
		return -EINVAL;
	strcpy(ifr.ifr_name, name);
	if (multiqueue)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETPERSIST, persist ? 1 : 0))
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}
