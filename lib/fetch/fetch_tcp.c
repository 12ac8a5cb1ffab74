/* SPDX-License-Identifier: MIT */
/* How much a TCP connection has received: see fetch_tcp.h. The kernel's header and libc's exclude each
 * other, so this is a file of its own. */
#include "fetch/fetch_tcp.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

uint64_t fetch_tcp_received(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ? 0 : info.tcpi_bytes_received;
}
