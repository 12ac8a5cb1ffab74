/* SPDX-License-Identifier: MIT */
/*
 * RADIUS client for EAP (RFC 2865, 3579, 2548), without I/O: requests and time go in, datagrams and results
 * come out. radius_wire.c packs and reads packets; radius_client.c chooses a server, repeats, takes servers
 * for dead. Why not a library: Debian's radcli packs a request only while it sends it, and waits for the
 * answer; it knows no Message-Authenticator either. Called by tasks/aaamgr.
 */
#ifndef RADIUS_RADIUS_H
#define RADIUS_RADIUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define RADIUS_PACKET_MAX 4096
#define RADIUS_ATTR_MAX   253 /* bytes of one attribute's value */
#define RADIUS_SECRET_MAX 128 /* with the NUL */
#define RADIUS_NAME_MAX   64
#define RADIUS_EAP_MAX    3072
#define RADIUS_MSK_MAX    128
#define RADIUS_SERVERS    128 /* of a group */
#define RADIUS_IDS        256 /* requests under way at one server: its identifiers */

enum radius_code {
	RADIUS_ACCESS_REQUEST = 1,
	RADIUS_ACCESS_ACCEPT = 2,
	RADIUS_ACCESS_REJECT = 3,
	RADIUS_ACCESS_CHALLENGE = 11
};

/* ---- packets ---- */

/* What an Access-Request tells. Lengths above RADIUS_ATTR_MAX are refused, but eap's. */
struct radius_request {
	const uint8_t *user; /* User-Name: the EAP identity */
	size_t user_len;
	const uint8_t *eap;
	size_t eap_len;
	const uint8_t *state; /* of the server's last challenge; state_len 0: none */
	size_t state_len;
	const char *calling; /* Calling-Station-Id: where the user comes from; NULL: not told */
	const char *called;  /* Called-Station-Id: the service; NULL: not told */
	const char *imei;    /* 3GPP-IMEISV (3GPP TS 29.061 section 16.4.7); NULL: not known */
};

/* How this chassis is known to servers. */
struct radius_nas {
	char id[RADIUS_SECRET_MAX + 1]; /* NAS-Identifier; "": not told */
	struct net_addr addr;           /* NAS-IP-Address, NAS-IPv6-Address; AF_UNSPEC: not told */
};

struct radius_answer {
	enum radius_code code;
	uint16_t eap_len, state_len, user_len, msk_len;
	uint8_t eap[RADIUS_EAP_MAX];
	uint8_t state[RADIUS_ATTR_MAX];
	uint8_t user[RADIUS_ATTR_MAX]; /* User-Name: who the server says was proven */
	uint8_t msk[RADIUS_MSK_MAX];   /* MS-MPPE-Recv-Key, MS-MPPE-Send-Key, filled up to 64 octets */
};

/* Why an answer is not taken: REASON(name, counter in struct radius_stats, text). */
#define RADIUS_REASONS(REASON)                                                                               \
	REASON(LENGTH, malformed, "length is wrong")                                                         \
	REASON(CODE, unknown_type, "code is none of an access request's answers")                            \
	REASON(AUTHENTICATOR, bad_authenticator, "Response Authenticator is wrong")                          \
	REASON(UNSIGNED, bad_authenticator, "Message-Authenticator is missing")                              \
	REASON(SIGNATURE, bad_authenticator, "Message-Authenticator is wrong")                               \
	REASON(ATTRIBUTE, malformed, "attribute is cut off")                                                 \
	REASON(EAP, malformed, "EAP-Message is too long")                                                    \
	REASON(KEY, malformed, "key attribute can not be read")

enum radius_reason {
	RADIUS_OK = 0,
#define REASON(name, counter, text) RADIUS_R_##name,
	RADIUS_REASONS(REASON)
#undef REASON
	        RADIUS_R_REASONS
};
const char *radius_reason_name(enum radius_reason r);

/* Pack an Access-Request into out. Its length; 0: it doesn't fit, or a value is too long. */
size_t radius_wire_request(uint8_t *out, size_t cap, uint8_t id, const uint8_t authenticator[16],
                           const char *secret, const struct radius_nas *nas, const struct radius_request *r);
/* Read an answer to the request with this authenticator; an answer without a right Message-Authenticator
 * (RFC 3579 section 3.2) is none. *a is filled only with RADIUS_OK; it has keys: wipe it. */
enum radius_reason radius_wire_answer(struct radius_answer *a, const uint8_t *pkt, size_t len,
                                      const uint8_t authenticator[16], const char *secret);

/* ---- client ---- */

struct radius_server {
	struct net_addr addr;
	uint16_t port;
	char secret[RADIUS_SECRET_MAX];
	unsigned priority;        /* lower ones are asked first */
	unsigned max_outstanding; /* requests under way, at most RADIUS_IDS; more wait for none: the next
	                             server */
};

/* `aaa group NAME`, or the lines of the context itself ("default"). */
struct radius_group {
	uint32_t ctx;
	char name[RADIUS_NAME_MAX];
	struct radius_nas nas;
	bool round_robin; /* radius algorithm */
	uint32_t timeout_s, max_retries, deadtime_min;
	uint32_t max_transmissions; /* of one request to all servers; 0: no limit */
	uint32_t dead_failures;     /* transmissions in a row that are not answered, or … */
	uint32_t dead_silence_s;    /* … seconds of silence, until a server is dead; both 0: 4 failures */
	unsigned n;
	struct radius_server *server;
};

struct radius_stats {
	uint64_t sent, retried, timeouts, challenges, accepts, rejects, malformed, bad_authenticator,
	        unknown_type, dropped;
};

struct radius_client;
struct radius_peer; /* a server that is configured, as the client knows it */

enum radius_outcome {
	RADIUS_ANSWERED,
	RADIUS_TIMED_OUT, /* no server answered */
	RADIUS_NO_SERVER, /* none is configured, or the one that has to be asked is not any more */
};

struct radius_callbacks {
	/* Send a datagram; 0, or -errno (counts as lost). Required. */
	int (*send)(void *arg, struct radius_peer *peer, const uint8_t *pkt, size_t len);
	/* The end of a request: answer is NULL but for ANSWERED; server: who answered. Never from inside
	 * radius_ask(). Required. */
	void (*done)(void *arg, void *user, enum radius_outcome what, const struct radius_answer *answer,
	             const struct radius_peer *server);
	/* Strong random bytes. Required. */
	void (*random)(void *arg, void *buf, size_t len);
	/* A server is taken for dead, or answers again. Optional. */
	void (*alive)(void *arg, const struct radius_peer *peer, bool up);
	/* A server left the configuration: close what was opened for it. Optional. */
	void (*gone)(void *arg, struct radius_peer *peer);
};

/* NULL: no memory. now: µs, never going back by much, in all functions. */
struct radius_client *radius_client_new(const struct radius_callbacks *cb, void *arg, uint64_t now);
/* Without a word to those who wait. Wipes secrets; NULL-safe. */
void radius_client_free(struct radius_client *c);
/* The groups there are, from now on; copied. Servers that stay keep what is known of them; requests at one
 * that is gone go to the next. 0 or -ENOMEM (then nothing changed). */
int radius_client_config(struct radius_client *c, uint64_t now, const struct radius_group *groups,
                         unsigned n);
/*
 * Ask the group; its answer comes with `user`. only: the server that a conversation began with (RFC 2865
 * section 5.24); AF_UNSPEC: any. 0, -ENOENT (no such group, or it has no server), -EAGAIN (every server has
 * as many requests as it may), -EMSGSIZE, -ENOMEM; then done() is not called.
 */
int radius_client_ask(struct radius_client *c, uint64_t now, uint32_t ctx, const char *group,
                      const struct net_endpoint *only, const struct radius_request *r, void *user);
/* A datagram from a server. */
void radius_client_input(struct radius_client *c, uint64_t now, struct radius_peer *peer, const uint8_t *pkt,
                         size_t len);
void radius_client_tick(struct radius_client *c, uint64_t now);
/* When to call tick; UINT64_MAX: never. */
uint64_t radius_client_next_us(const struct radius_client *c);

/* ---- servers, for sockets and shows ---- */

/* In the order of the configuration; NULL at the end, prev NULL: the first. */
struct radius_peer *radius_peer_next(const struct radius_client *c, const struct radius_peer *prev);
const struct radius_server *radius_peer_server(const struct radius_peer *p);
const struct radius_group *radius_peer_group(const struct radius_peer *p);
const struct radius_stats *radius_peer_stats(const struct radius_peer *p);
bool radius_peer_dead(const struct radius_peer *p, uint64_t now);
unsigned radius_peer_outstanding(const struct radius_peer *p);
/* The owner's. */
void **radius_peer_data(struct radius_peer *p);

#endif
