/* SPDX-License-Identifier: MIT */
/*
 * Gratuitous ARP and unsolicited neighbour advertisements (see garp.h), sent as Ethernet frames by a packet
 * socket: the address need not be configured yet.
 */
#include "net/garp.h"

#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ICMP6_NA      136
#define NA_OVERRIDE   0x20
#define OPT_TARGET_LL 2

static int hardware_address(int fd, int ifindex, uint8_t mac[6])
{
	struct ifreq ifr = {.ifr_ifindex = ifindex};

	if (ioctl(fd, SIOCGIFNAME, &ifr) || ioctl(fd, SIOCGIFHWADDR, &ifr))
		return -errno;
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EINVAL;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}

static size_t build_arp(uint8_t *f, const uint8_t mac[6], const struct net_addr *a)
{
	static const uint8_t fixed[] = {0x08, 0x06, 0, 1, 8,
	                                0,    6,    4, 0, 1}; /* request: announces (RFC 5227) */

	memset(f, 0xff, 6);
	memcpy(f + 6, mac, 6);
	memcpy(f + 12, fixed, sizeof(fixed));
	memcpy(f + 22, mac, 6);
	memcpy(f + 28, a->bytes, 4);
	memset(f + 32, 0, 6);
	memcpy(f + 38, a->bytes, 4);
	return 42;
}

static uint16_t icmp6_checksum(const uint8_t *ip, const uint8_t *icmp, size_t len)
{
	uint32_t sum = (uint32_t)len + 58;
	size_t i;

	for (i = 8; i < 40; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	for (i = 0; i < len; i += 2)
		sum += (uint32_t)(icmp[i] << 8 | icmp[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t build_na(uint8_t *f, const uint8_t mac[6], const struct net_addr *a)
{
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	uint8_t *ip = f + 14;
	uint8_t *na = ip + 40;
	uint16_t sum;

	memset(f, 0, 86);
	memcpy(f, all_nodes_mac, 6);
	memcpy(f + 6, mac, 6);
	f[12] = 0x86;
	f[13] = 0xdd;
	ip[0] = 0x60;
	ip[5] = 32;
	ip[6] = 58;
	ip[7] = 255;
	memcpy(ip + 8, a->bytes, 16);
	ip[24] = 0xff;
	ip[25] = 0x02;
	ip[39] = 1;
	na[0] = ICMP6_NA;
	na[4] = NA_OVERRIDE;
	memcpy(na + 8, a->bytes, 16);
	na[24] = OPT_TARGET_LL;
	na[25] = 1;
	memcpy(na + 26, mac, 6);
	sum = icmp6_checksum(ip, na, 32);
	na[2] = (uint8_t)(sum >> 8);
	na[3] = (uint8_t)sum;
	return 86;
}

int garp_send(int ifindex, const struct net_addr *addr)
{
	bool v4 = addr->family == AF_INET;
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_halen = 6};
	uint8_t frame[128];
	uint8_t mac[6];
	size_t len;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = net_addr_is_set(addr) ? hardware_address(fd, ifindex, mac) : -EINVAL;
	if (!rc) {
		to.sll_protocol = htons(v4 ? ETHERTYPE_ARP : ETHERTYPE_IPV6);
		len = v4 ? build_arp(frame, mac, addr) : build_na(frame, mac, addr);
		memcpy(to.sll_addr, frame, 6);
		if (sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			rc = -errno;
	}
	close(fd);
	return rc;
}
