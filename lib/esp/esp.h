/* SPDX-License-Identifier: MIT */
/*
 * ESP (RFC 4303) in tunnel mode, without I/O, clock, random source or globals: security associations, the
 * table that finds them, seal (encrypt) and open (check and decrypt) of packets in place. One table with its
 * SAs belongs to one thread. Called by iftask (crypto cores), by ipsecmgr for software mode and by `orrery
 * peers`.
 *
 *   sa = esp_sa_new(&params, &err);  esp_table_add(table, sa);
 *   inbound:   sa = esp_table_in(table, spi);            reason = esp_open(sa, &pkt, now);
 *   outbound:  sa = esp_table_out(table, &flow);         reason = esp_seal(sa, &pkt, now);
 *   marks:     if (esp_seq_want(sa, &mark)) store it;    when durable: esp_seq_durable(sa, mark);
 */
#ifndef ESP_ESP_H
#define ESP_ESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp/esp_hmac.h"
#include "net/addr.h"

/* IKEv2 transform numbers (IANA), so IKE hands over what it negotiated. */
enum esp_encr {
	ESP_ENCR_DES_CBC = 2,
	ESP_ENCR_3DES_CBC = 3,
	ESP_ENCR_NULL = 11,
	ESP_ENCR_AES_CBC = 12,
	ESP_ENCR_AES_GCM_8 = 18,
	ESP_ENCR_AES_GCM_12 = 19,
	ESP_ENCR_AES_GCM_16 = 20,
};

/* Why a packet did not pass. 0 is success; names by esp_reason_name(). */
enum esp_reason {
	ESP_OK = 0,
	ESP_DROP_SHORT,       /* shorter than header, IV, trailer and ICV */
	ESP_DROP_ALIGN,       /* ciphertext not a multiple of the block or of 4 */
	ESP_DROP_NO_SA,       /* no SA for this SPI, or for this outbound flow */
	ESP_DROP_REPLAY,      /* sequence number already seen */
	ESP_DROP_LATE,        /* left of the anti-replay window, or number 0 */
	ESP_DROP_AUTH,        /* integrity check failed */
	ESP_DROP_PADDING,     /* padding is not 1, 2, 3 … or is longer than the packet */
	ESP_DROP_NEXT_HEADER, /* not IPv4 (4) or IPv6 (41) */
	ESP_DROP_DUMMY, /* next header 59: a peer's dummy packet, silently dropped (RFC 4303 section 2.6) */
	ESP_DROP_INNER, /* inner packet malformed: version or length */
	ESP_DROP_SELECTOR,      /* inner packet outside the traffic selectors (RFC 4301 section 5.2) */
	ESP_DROP_SEQ_LIMIT,     /* outbound: waiting for the next durable high-water mark */
	ESP_DROP_SEQ_EXHAUSTED, /* outbound: sequence numbers used up, rekey needed */
	ESP_DROP_ROOM,          /* no head or tail room in the caller's buffer, or too long for IP */
	ESP_DROP_CRYPTO,        /* the crypto library refused (should not happen) */
	ESP_REASONS
};

/* Room a caller leaves before and behind an inner packet for esp_seal() and the outer headers. */
#define ESP_HEADROOM       128
#define ESP_TAILROOM       320
#define ESP_TS_MAX         64 /* selectors per SA and direction */
#define ESP_REPLAY_DEFAULT 64 /* packets; StarOS `ipsec replay` */
#define ESP_REPLAY_MAX     8192
#define ESP_SEQ_BLOCK      65536         /* sequence numbers reserved per high-water mark */
#define ESP_SEQ_END        4293918720ULL /* 32-bit numbers are used up here (chapter 12) … */
#define ESP_SEQ_SOFT       3864526848ULL /* … and a rekey is due at 90 % of them */

/* A packet in place: data..data+len, with free bytes before and after. */
struct esp_pkt {
	uint8_t *data;
	size_t len;
	size_t headroom;
	size_t tailroom;
};

/* One traffic selector (RFC 7296 section 3.13.1). proto 0: any. ICMP: port = type << 8 | code. OPAQUE: lo
 * 65535, hi 0. */
struct esp_ts {
	struct net_addr lo, hi;
	uint8_t proto;
	uint16_t port_lo, port_hi;
};

/* What the selectors look at in an inner packet. */
struct esp_flow {
	struct net_addr src, dst;
	uint8_t proto;
	uint8_t tos;    /* DSCP and ECN of the inner header */
	bool has_ports; /* false for later fragments and protocols without ports */
	uint16_t sport, dport;
	uint16_t total_len; /* the inner packet's own length */
};

/* Anti-replay window (RFC 6479): a ring of 64-bit blocks. */
struct esp_replay {
	uint64_t top;    /* highest number accepted */
	uint32_t window; /* 0: off */
	uint32_t mask;   /* blocks - 1 */
	uint64_t *map;
};

struct esp_half {
	uint32_t spi;
	void *cipher;            /* EVP_CIPHER_CTX, NULL for NULL encryption */
	struct esp_hmac hmac;    /* unused with GCM */
	uint8_t salt[4];         /* RFC 4106 section 4 */
	uint64_t packets, bytes; /* inner packets that passed */
	uint64_t last_us;        /* when the last one did */
};

/*
 * Two chassis that both believe they serve (a cut redundancy link) must not use the same numbers: with
 * redundancy each chassis uses every other block of ESP_SEQ_BLOCK numbers, and neither needs to know how far
 * the other went.
 */
enum esp_lane { ESP_LANE_ALL, ESP_LANE_EVEN, ESP_LANE_ODD };

/* One CHILD_SA: both directions. Fields may be read by anyone; written by the engine, except user. */
struct esp_sa {
	struct esp_half in, out;
	uint16_t encr, encr_bits, integ;
	bool esn;
	bool out_wait; /* inbound only until the peer has used it */
	bool fresh;    /* the peer has used it for the first time: cleared by whoever reports it */
	uint8_t iv_len, icv_len, align;
	struct esp_replay replay;
	uint64_t seq;                   /* last number used outbound */
	uint64_t seq_limit;             /* numbers below this may be used */
	uint64_t seq_asked;             /* the mark asked for and not yet durable; == seq_limit: none */
	uint8_t lane;                   /* ESP_LANE_…: which blocks of numbers this chassis may use */
	uint64_t next_base, next_limit; /* a granted block that does not follow the present one; 0: none */
	uint64_t iv_seed;
	uint64_t gen; /* order of addition to its table */
	uint64_t drops[ESP_REASONS];
	struct esp_ts *ts_local, *ts_remote;
	uint16_t n_local, n_remote;
	struct esp_node *nodes; /* the outbound table's entries */
	void *user;             /* the caller's */
};

struct esp_sa_params {
	uint32_t spi_in, spi_out; /* host order, >= 256 */
	uint16_t encr, encr_bits; /* enum esp_encr; 128, 192, 256 for AES, 0 else */
	uint16_t integ;           /* enum esp_integ; ESP_INTEG_NONE with GCM */
	bool esn;
	bool out_wait; /* responder of a rekey: do not send on it before the peer did */
	const uint8_t *encr_key_in, *encr_key_out; /* GCM: key and 4 bytes of salt */
	size_t encr_key_len;
	const uint8_t *integ_key_in, *integ_key_out;
	size_t integ_key_len;
	uint32_t replay_window; /* packets, 0: off */
	const struct esp_ts *ts_local, *ts_remote;
	size_t n_local, n_remote;     /* 1..ESP_TS_MAX each */
	uint64_t iv_seed;             /* 8 random bytes */
	uint64_t seq;                 /* 0, or the high-water mark when an SA is resumed */
	uint64_t seq_limit;           /* 0, or a mark already durable */
	uint8_t lane;                 /* ESP_LANE_… */
	uint64_t replay_top;          /* 0, or the highest number seen when an SA is resumed */
	uint64_t bytes_in, bytes_out; /* 0, or what a resumed SA has carried already */
};

/* --- algorithms (esp_alg.c) ---------------------------------------------------------------------------- */
/* Bytes of key material for one direction (GCM: with the salt), or -ENOTSUP. */
int esp_alg_encr_key_len(uint16_t encr, uint16_t bits);
int esp_alg_integ_key_len(uint16_t integ);
bool esp_alg_is_aead(uint16_t encr);
/* "aes-cbc-128", "sha1-96", … as StarOS spells them; never NULL. */
const char *esp_alg_encr_name(uint16_t encr, uint16_t bits);
const char *esp_alg_integ_name(uint16_t integ);

/* --- security associations (esp_sa.c) ------------------------------------------------------------------ */
/* Make an SA; keys and selectors are copied. NULL with *err = -EINVAL (lengths, SPI, selectors), -ENOTSUP,
 * -ENOMEM. */
struct esp_sa *esp_sa_new(const struct esp_sa_params *p, int *err);
/* Wipe keys and free. NULL-safe. The SA must not be in a table. */
void esp_sa_free(struct esp_sa *sa);
/* Length of the ESP packet (from SPI to ICV) that carries inner_len bytes; and the longest inner packet
 * within max. */
size_t esp_sa_sealed_len(const struct esp_sa *sa, size_t inner_len);
size_t esp_sa_inner_max(const struct esp_sa *sa, size_t max_esp_len);
/* "replay", "bad-icv", …; never NULL. */
const char *esp_reason_name(enum esp_reason reason);

/* --- packets (esp.c) ----------------------------------------------------------------------------------- */
/*
 * Encrypt the inner packet in p; afterwards p is the ESP packet, beginning with the SPI. Needs head and tail
 * room. The selectors are the lookup's business. now: microseconds, for the SA's last-used time. RFC 4303
 * section 3.3.
 */
enum esp_reason esp_seal(struct esp_sa *sa, struct esp_pkt *p, uint64_t now);
/*
 * Check and decrypt an ESP packet that begins with the SPI; afterwards p is the inner packet (TFC padding
 * trimmed), also when it is dropped for its selectors. On other drops the content of the buffer is undefined.
 * RFC 4303 section 3.4.
 */
enum esp_reason esp_open(struct esp_sa *sa, struct esp_pkt *p, uint64_t now);

/* --- sequence marks (esp_seq.c) ------------------------------------------------------------------------ */
/* True (once per mark) when half of the granted numbers is used: *mark is to be made durable. */
bool esp_seq_want(struct esp_sa *sa, uint64_t *mark);
/* The mark is durable: numbers below it may be used. A mark that's lower than the present one is ignored. */
void esp_seq_durable(struct esp_sa *sa, uint64_t mark);
/* The last mark could not be stored: esp_seq_want() will ask again. */
void esp_seq_retry(struct esp_sa *sa);
/* Sequence numbers that are left before a rekey is unavoidable. */
uint64_t esp_seq_left(const struct esp_sa *sa);
/* The first number a new SA uses in a lane, and the mark that covers its first block. */
uint64_t esp_seq_first(uint8_t lane);
uint64_t esp_seq_first_mark(uint8_t lane);
/* At the end of a block: go on with the granted one that does not follow it. Called by esp_seal(). */
void esp_seq_roll(struct esp_sa *sa);
/* Is there a number to send with? */
bool esp_seq_ready(const struct esp_sa *sa);
/* The highest mark asked for or granted: a row written now must not say less. */
uint64_t esp_seq_marked(const struct esp_sa *sa);

/* --- anti-replay (esp_replay.c) ------------------------------------------------------------------------ */
int esp_replay_init(struct esp_replay *r, uint32_t window, uint64_t top); /* 0, -EINVAL, -ENOMEM */
void esp_replay_free(struct esp_replay *r);
/* The 64-bit number of a packet from its low 32 bits (RFC 4303 appendix A2.2), for ESN. */
uint64_t esp_replay_infer(const struct esp_replay *r, uint32_t low);
enum esp_reason esp_replay_check(const struct esp_replay *r, uint64_t seq);
/* After the integrity check: note the number. */
void esp_replay_mark(struct esp_replay *r, uint64_t seq);

/* --- too long packets (esp_mtu.c) ---------------------------------------------------------------------- */
#define ESP_TOO_BIG_MAX 1280
/* The next piece of an IPv4 packet (whose header was checked) into out, at most mtu bytes, of which there is
 * room. *at: 0 at first. Returns its length, 0 at the end. */
size_t esp_mtu_piece(const uint8_t *ip, size_t len, size_t mtu, size_t *at, uint8_t *out);
/* The ICMP message to a packet's sender that it has to send shorter ones. Returns its length, 0: none is to
 * be sent. */
size_t esp_mtu_too_big(const uint8_t *packet, size_t len, size_t mtu, uint8_t out[ESP_TOO_BIG_MAX]);

/* --- traffic class (esp_ecn.c) ---------------------------------------------------------------------------
 */
/* Of a packet whose header was checked, for what carries it: DSCP and ECN. */
uint8_t esp_ecn_tos(const uint8_t *ip);
/* Congestion that what carried an inner packet has met, into the packet. false: it must be dropped instead.
 */
bool esp_ecn_decap(uint8_t *ip, uint8_t outer_tos);

/* --- inner packets and selectors (esp_inner.c) --------------------------------------------------------- */
/* Parse an IPv4 or IPv6 packet; len may be longer than the packet. 0 or -EBADMSG. */
int esp_inner_parse(const uint8_t *data, size_t len, struct esp_flow *flow);
/* Addresses and protocol (of the first header) from the start of a packet. 0 or -EBADMSG. */
int esp_inner_excerpt(const uint8_t *data, size_t len, struct esp_flow *flow);
bool esp_inner_match(const struct esp_ts *ts, size_t n, const struct net_addr *addr,
                     const struct esp_flow *flow, uint16_t port);
/* Inside the SA's selectors? Outbound: source local and destination remote; inbound the other way round. */
bool esp_inner_allows_out(const struct esp_sa *sa, const struct esp_flow *flow);
bool esp_inner_allows_in(const struct esp_sa *sa, const struct esp_flow *flow);
/* A selector for a whole prefix, any protocol and port. */
struct esp_ts esp_inner_ts_prefix(const struct net_prefix *p);
/* 0 or -EINVAL: families differ or are unknown, lo above hi. */
int esp_inner_ts_check(const struct esp_ts *ts);

/* --- table (esp_table.c) ------------------------------------------------------------------------------- */
struct esp_table;
/* seed: random, against chosen collisions. NULL when out of memory. */
struct esp_table *esp_table_new(uint64_t seed);
/* Frees the SAs in it too. NULL-safe. */
void esp_table_free(struct esp_table *t);
/* Adopts sa. 0, -EEXIST (inbound SPI is taken), -ENOMEM; on an error sa stays the caller's. */
int esp_table_add(struct esp_table *t, struct esp_sa *sa);
/* Take out the SA with this inbound SPI; the caller owns it again. NULL when there is none. */
struct esp_sa *esp_table_remove(struct esp_table *t, uint32_t spi_in);
struct esp_sa *esp_table_in(const struct esp_table *t, uint32_t spi_in);
/*
 * The SA for an outbound flow: longest matching destination prefix first, among equals the newest; an SA with
 * out_wait only when nothing else matches. NULL: none.
 */
struct esp_sa *esp_table_out(const struct esp_table *t, const struct esp_flow *flow);
size_t esp_table_count(const struct esp_table *t);
/* Walk: *pos = 0 at first; NULL at the end. Adding or removing while walking is not allowed. */
struct esp_sa *esp_table_next(const struct esp_table *t, size_t *pos);

/* --- outer headers (esp_outer.c) ----------------------------------------------------------------------- */
struct esp_outer {
	struct net_endpoint local, remote; /* same family */
	bool udp;                          /* ESP in UDP (RFC 3948), else protocol 50 */
	uint8_t tos, ttl;                  /* ttl 0: 64 */
	bool df;                           /* IPv4 don't fragment */
	uint16_t id;                       /* IPv4 identification */
};
/* Put an IP (and UDP) header in front of p. ESP_OK or ESP_DROP_ROOM. */
enum esp_reason esp_outer_push(struct esp_pkt *p, const struct esp_outer *o);
/* Strip the IPv4 header that raw sockets deliver from an ESP packet (protocol 50). ESP_OK, _SHORT or
 * _NEXT_HEADER. */
enum esp_reason esp_outer_pull_ipv4(struct esp_pkt *p);

#endif
