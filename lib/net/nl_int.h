/* SPDX-License-Identifier: MIT */
/*
 * What the rtnetlink files share: the socket, a message under construction, the talk with the kernel. Private
 * to lib/net.
 */
#ifndef NET_NL_INT_H
#define NET_NL_INT_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include "net/nl.h"

#define NL_MSG_MAX 1024

struct nl {
	int fd;
	uint32_t seq;
	char text[160];
};

/* A message in a fixed buffer; an attribute that does not fit sets overflow, and the message is never sent.
 */
struct nl_msg {
	union {
		struct nlmsghdr hdr;
		uint8_t bytes[NL_MSG_MAX];
	};
	bool overflow;
};

void nl_msg_start(struct nl_msg *m, uint16_t type, uint16_t flags, const void *body, size_t len);
void nl_msg_attr(struct nl_msg *m, uint16_t type, const void *data, size_t len);
void nl_msg_u32(struct nl_msg *m, uint16_t type, uint32_t value);
void nl_msg_str(struct nl_msg *m, uint16_t type, const char *text);
void nl_msg_addr(struct nl_msg *m, uint16_t type, const struct net_addr *a);
/* A nested attribute: begin returns its place, end closes it. */
size_t nl_msg_nest(struct nl_msg *m, uint16_t type);
void nl_msg_nest_raw(struct nl_msg *m,
                     size_t zeros); /* a zeroed header inside a nest (ifinfomsg of a veth peer) */
void nl_msg_nest_end(struct nl_msg *m, size_t at);

/* Send and wait for the acknowledgement. 0 or -errno. */
int nl_talk(struct nl *nl, struct nl_msg *m);
/* Send a dump request; cb per message of the wanted type; non-zero stops and is returned. 0 or -errno. */
typedef int (*nl_msg_cb)(const struct nlmsghdr *h, void *arg);
int nl_dump(struct nl *nl, struct nl_msg *m, uint16_t want, nl_msg_cb cb, void *arg);
/* Index the attributes behind a fixed header; table has max + 1 entries. */
void nl_attrs(const struct nlmsghdr *h, size_t fixed, const struct rtattr **table, unsigned max);
uint32_t nl_attr_u32(const struct rtattr *a, uint32_t missing);
bool nl_attr_addr(const struct rtattr *a, int family, struct net_addr *out);
/* Note the kernel's extended error text of an error message. */
void nl_note_error(struct nl *nl, const struct nlmsghdr *h);

#endif
