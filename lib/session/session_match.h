/* SPDX-License-Identifier: MIT */
/*
 * Which calls an operator means: the filters of `show subscribers` and `clear subscribers` as a text that
 * travels to the sessmgrs ("NAME=VALUE" lines), understood and applied there. Callers: tasks/sessmgr (parse,
 * apply); tasks/cli writes the text.
 */
#ifndef SESSION_SESSION_MATCH_H
#define SESSION_SESSION_MATCH_H

#include "session/session.h"

struct session_match {
	bool has_callid, connected;
	uint32_t callid;
	char username[SESSION_PEER_MAX]; /* "": any; `*` is any characters, `$` any one */
	char msid[SESSION_PEER_MAX];     /* the digits before the realm; wildcards as above */
	char pool[SESSION_POOL_MAX], service[SESSION_SERVICE_MAX];
	struct net_addr address;      /* AF_UNSPEC: any */
	struct net_prefix prefix;     /* addr AF_UNSPEC: any */
	uint64_t longer_s, shorter_s; /* connected for more, for less; UINT64_MAX: any */
};

/*
 * Lines of "callid", "username", "msid", "ip-address", "ipv6-prefix", "ip-pool", "wsg-service", "longer",
 * "shorter", "connected", each with "=VALUE"; "" is every call. 0, or -EINVAL for anything else.
 */
int session_match_parse(struct session_match *m, const char *text);
/* now_us: steady time. */
bool session_match_call(const struct session_match *m, const struct session_call *c, uint64_t now_us);
/* The digits before the realm of an identity, when there is nothing else before it: how many; 0: no MSID. */
size_t session_match_msid(const char *peer_id);

#endif
