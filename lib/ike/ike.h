/* SPDX-License-Identifier: MIT */
/*
 * IKEv2 (RFC 7296) without I/O: no socket, clock, random source or global. One engine is one ipsecmgr
 * instance (responder and initiator) or the load generator `orrery peers`. Packets, commands and time go in;
 * *transactions* come out: what must be durable, what the data path must do, what must be sent. Called by
 * tasks/ipsecmgr and cmd/; tested in tests/exchange/test_ike_*.c.
 *
 * DURABLE BEFORE VISIBLE. Each transaction belongs to one peer's IKE SA (with its rekeyed predecessor or
 * successor). txn->durable == true:  it changes state that must survive. The caller
 *       1. writes all its CKPT actions as ONE atomic unit (rows of its own, e.g. the session's, may join it)
 * and waits until durable;
 *       2. performs the other actions in the order of the list (CHILD_ADD stand before the SEND that
 * announces them);
 *       3. calls ike_engine_committed(e, now, txn->id).
 *     The transaction and everything it points to belong to the engine and stay valid until
 * ike_engine_committed() or ike_engine_aborted() returns. Order between transactions of different SAs is
 * free: many may be in flight (pipelining); of one SA there is never more than one in flight. txn->durable ==
 * false: nothing to store. The caller performs the actions at once; the pointers die when the callback
 * returns. While a durable transaction of an SA is in flight the engine answers nothing on that SA: a
 * retransmitted request is dropped (the answer isn't durable yet; the peer will ask again), other packets of
 * the peer and due timers wait (at most policy.queue_max packets, then they're dropped) and are handled
 * inside ike_engine_committed(). ike_engine_aborted(e, now, id): the store refused. Nothing of it became
 * visible. The engine hands out the same actions again as a new transaction after IKE_ABORT_RETRY_US; a
 * tunnel that was still being set up is dropped instead (silently: the peer asks again).
 *
 * The callback is never called from inside another callback of the same engine: it's called as the last thing
 * of an entry point, when the state is consistent, so calling any entry point of the engine from inside it is
 * allowed (committed at once, say).
 *
 * TIME. `now` is microseconds of the wall clock, given by the caller and never going back by much; lifetimes
 * in checkpoints are absolute. Tests use a virtual one.
 *
 * SPIs. config.instance is the top byte of every IKE SPI (byte 0 on the wire) and every inbound ESP SPI
 * (bits 31..24) we choose.
 */
#ifndef IKE_IKE_H
#define IKE_IKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

struct ike_engine;
struct counters_ikev2; /* base/schemas.h */
struct pki_own;        /* pki/pki.h */
struct pki_trust;

#define IKE_MAX_SUITES     8
#define IKE_MAX_TS         8
#define IKE_MAX_DNS        2
#define IKE_MAX_PCSCF      6   /* three priorities (chapter 20), each with an address of either family */
#define IKE_MAX_PAYLOADS   5   /* of a template (chapter 8) */
#define IKE_MAX_CHILDREN   5   /* CHILD_SAs of an IKE SA (chapter 11); rekeyed ones count once */
#define IKE_MAX_TSR        4   /* selectors we answer with (chapters 3 and 15) */
#define IKE_MAX_AUTH_SETS  4   /* the template's own, and three auth-method-sets (chapter 1) */
#define IKE_ID_MAX         255 /* bytes of identification data; longer ones are refused */
#define IKE_PSK_MAX        255
#define IKE_URL_MAX        512 /* of a certificate (hash and URL), with the NUL */
#define IKE_NAME_MAX       212 /* policy (context/map) and payload names, with the NUL */
#define IKE_KEY_LEN        17  /* checkpoint key: our IKE SPI as 16 lower-case hex digits, with the NUL */
#define IKE_PACKET_MAX     65535
#define IKE_EXCERPT_MAX    128   /* bytes of a packet that is told of */
#define IKE_CKPT_MAX       49152 /* an answer and a request with four certificates each in it */
#define IKE_PENDING_MAX    4
#define IKE_PENDING_HARD   255
#define IKE_ABORT_RETRY_US 1000000ULL
#define IKE_UNLIMITED      UINT32_MAX /* of a limit of a policy: none */
#define IKE_EAP_MAX        3072       /* bytes of an EAP packet */
#define IKE_EAP_ROUNDS     64         /* answers of a peer within one IKE_AUTH */
#define IKE_EAP_STATE_MAX  640        /* what its owner has the engine keep between two of them */
#define IKE_MSK_MAX        128
#define IKE_SETTINGS_LEN   16

/* ---- names and numbers ---- */

/* IANA IKEv2 transform numbers that we speak. */
enum ike_encr {
	IKE_ENCR_DES_CBC = 2,
	IKE_ENCR_3DES_CBC = 3,
	IKE_ENCR_NULL = 11,
	IKE_ENCR_AES_CBC = 12,
	IKE_ENCR_AES_GCM_8 = 18,
	IKE_ENCR_AES_GCM_12 = 19,
	IKE_ENCR_AES_GCM_16 = 20
};
enum ike_prf {
	IKE_PRF_HMAC_MD5 = 1,
	IKE_PRF_HMAC_SHA1 = 2,
	IKE_PRF_AES128_XCBC = 4,
	IKE_PRF_HMAC_SHA2_256 = 5,
	IKE_PRF_HMAC_SHA2_384 = 6,
	IKE_PRF_HMAC_SHA2_512 = 7
};
enum ike_integ {
	IKE_INTEG_NONE = 0,
	IKE_INTEG_HMAC_MD5_96 = 1,
	IKE_INTEG_HMAC_SHA1_96 = 2,
	IKE_INTEG_AES_XCBC_96 = 5,
	IKE_INTEG_HMAC_SHA2_256_128 = 12,
	IKE_INTEG_HMAC_SHA2_384_192 = 13,
	IKE_INTEG_HMAC_SHA2_512_256 = 14
};
enum ike_group {
	IKE_GROUP_NONE = 0,
	IKE_GROUP_MODP768 = 1,
	IKE_GROUP_MODP1024 = 2,
	IKE_GROUP_MODP1536 = 5,
	IKE_GROUP_MODP2048 = 14,
	IKE_GROUP_MODP3072 = 15,
	IKE_GROUP_MODP4096 = 16,
	IKE_GROUP_MODP6144 = 17,
	IKE_GROUP_MODP8192 = 18,
	IKE_GROUP_ECP256 = 19,
	IKE_GROUP_ECP384 = 20,
	IKE_GROUP_ECP521 = 21,
	IKE_GROUP_X25519 = 31
};

/* One combination of algorithms: a transform set. In a child's suite prf is 0, and dh is 0 unless PFS is
 * wanted. */
struct ike_suite {
	uint16_t encr;      /* enum ike_encr */
	uint16_t encr_bits; /* 128, 192, 256; 0 where the key has one length */
	uint16_t prf;       /* enum ike_prf */
	uint16_t integ;     /* enum ike_integ; NONE with AES-GCM */
	uint16_t dh;        /* enum ike_group */
	uint16_t esn;       /* child only. A transform set: 64-bit numbers are offered beside 32-bit ones;
	                       negotiated: they are in use (RFC 4304) */
};

/* StarOS spelling: "aes-cbc-128", "sha1", "sha1-96", … ; "unknown" for others. Never NULL. ike_alg.c */
const char *ike_alg_encr_name(uint16_t encr, uint16_t bits);
const char *ike_alg_prf_name(uint16_t prf);
const char *ike_alg_integ_name(uint16_t integ);
const char *ike_alg_group_name(uint16_t dh);
/* 0 or -ENOTSUP. `child`: as an ESP suite. */
int ike_alg_check(const struct ike_suite *s, bool child);

enum ike_id_type {
	IKE_ID_NONE = 0,
	IKE_ID_IPV4 = 1,
	IKE_ID_FQDN = 2,
	IKE_ID_RFC822 = 3,
	IKE_ID_IPV6 = 5,
	IKE_ID_DER_DN = 9,
	IKE_ID_DER_GN = 10,
	IKE_ID_KEY_ID = 11
};
struct ike_id {
	uint8_t type; /* enum ike_id_type; NONE: absent */
	uint8_t len;
	uint8_t data[IKE_ID_MAX];
};
/* "192.0.2.1" → IPV4, "a@b" → RFC822, else FQDN. 0 or -EINVAL (empty, too long). */
int ike_id_parse(struct ike_id *id, const char *text);
/* Printable form; unprintable bytes as \xNN, truncated to size. Returns buf. */
const char *ike_id_format(const struct ike_id *id, char *buf, size_t size);
bool ike_id_equal(const struct ike_id *a, const struct ike_id *b);

/* A device, as its DEVICE_IDENTITY notify tells it (3GPP TS 24.302 section 8.2.9.2; chapter 28). */
#define IKE_DEVICE_LEN 8 /* in octets: two digits in each */
enum ike_device_type { IKE_DEVICE_NONE, IKE_DEVICE_IMEI, IKE_DEVICE_IMEISV };
struct ike_device {
	uint8_t type;    /* enum ike_device_type */
	char digits[17]; /* 15 of an IMEI, 16 of an IMEISV */
};
/* "IMEI", "IMEISV"; NONE: "". Never NULL. */
const char *ike_device_type_name(uint8_t type);
/* What 15 or 16 digits are. 0 or -EINVAL. */
int ike_device_parse(struct ike_device *d, const char *digits);

/* Name of an EAP method ("MD5", "AKA", …); of one that is not known "other", of 0 "". Never NULL. */
const char *ike_eap_method_name(uint8_t type);

/* A traffic selector, RFC 7296 section 3.13.1. proto 0: any. Ports 0..65535: any; OPAQUE is lo 65535, hi 0.
 */
struct ike_ts {
	struct net_addr lo, hi;
	uint8_t proto;
	uint16_t port_lo, port_hi;
};

/* Where a packet came from and goes to. */
struct ike_path {
	uint32_t ctx_id;           /* context (network namespace) of the socket */
	struct net_endpoint local; /* our address and port (500 or 4500) */
	struct net_endpoint remote;
	bool natt; /* UDP 4500: the caller strips and prepends the four zero bytes (RFC 3948 section 2.2) */
};

enum ike_state {
	IKE_ST_INIT_SENT, /* initiator: IKE_SA_INIT request is out */
	IKE_ST_AUTH_SENT, /* initiator: IKE_AUTH request is out */
	IKE_ST_HALF_OPEN, /* responder: IKE_SA_INIT answered */
	IKE_ST_AUTH_WAIT, /* session and address, or as responder what EAP says next, are asked for */
	IKE_ST_EAP_WAIT,  /* responder: EAP goes on, it is the peer's turn */
	IKE_ST_ESTABLISHED,
	IKE_ST_REKEYED,  /* replaced by a new IKE SA, kept until it's deleted */
	IKE_ST_DELETING, /* our delete is out */
	IKE_ST_DEAD,     /* gone; kept a little in memory to answer a retransmitted delete */
	IKE_STATES
};
const char *ike_state_name(enum ike_state s);

enum ike_event_kind {
	IKE_EV_HALF_OPEN,     /* a peer began */
	IKE_EV_UP,            /* IKE SA established */
	IKE_EV_DOWN,          /* established IKE SA gone; reason says why */
	IKE_EV_SETUP_FAILED,  /* it never came to be established; reason says why */
	IKE_EV_REKEYED,       /* IKE SA replaced: spi is the new one, old_spi the old */
	IKE_EV_CHILD_UP,      /* spi_in */
	IKE_EV_CHILD_DOWN,    /* spi_in */
	IKE_EV_CHILD_REKEYED, /* spi_in new, old_spi_in old */
	IKE_EV_CHILD_FAILED,  /* a CREATE_CHILD_SA failed; notify says how */
	IKE_EV_PATH_CHANGED,  /* the peer's NAT mapping changed */
	IKE_EV_COOKIES_ON,    /* half-open SAs reached the threshold (StarOS: IPSecMgr IKEv2 DOS attack) */
	IKE_EV_COOKIES_OFF,
	IKE_EV_PEER_ALIVE,      /* DPD answered */
	IKE_EV_REKEY_FAILED,    /* our rekey of the IKE SA came to nothing; notify says how */
	IKE_EV_DECRYPT_FAILING, /* packets in a row that could not be decrypted reached the policy's limit */
	IKE_EV_DECRYPT_GOOD,    /* … one could, or the SA is gone */
	IKE_EV_STRAY,           /* the peer was sent ESP that it can't take: notify, spi_in, excerpt */
	IKE_EVENTS
};
const char *ike_event_name(enum ike_event_kind k);

enum ike_reason {
	IKE_R_NONE,
	IKE_R_LOCAL_DELETE, /* ike_engine_delete_ike/child() */
	IKE_R_PEER_DELETE,
	IKE_R_DPD_TIMEOUT, /* no answer to dead peer detection */
	IKE_R_RETRANSMIT,  /* no answer to another request */
	IKE_R_LIFETIME,    /* hard lifetime reached */
	IKE_R_REKEYED,
	IKE_R_SETUP_TIMEOUT,
	IKE_R_NO_PROPOSAL,
	IKE_R_INVALID_KE,
	IKE_R_AUTH_FAILED,
	IKE_R_TS_UNACCEPTABLE,
	IKE_R_NO_ADDRESS, /* INTERNAL_ADDRESS_FAILURE or no session */
	IKE_R_NO_CHILD,   /* IKE SA without a child SA is not allowed by policy */
	IKE_R_INVALID_SYNTAX,
	IKE_R_CRITICAL,         /* UNSUPPORTED_CRITICAL_PAYLOAD */
	IKE_R_PEER_ERROR,       /* the peer answered with another error notify */
	IKE_R_STORE,            /* the store refused the checkpoint */
	IKE_R_DECRYPT_FAILURES, /* too many while half open */
	IKE_R_CHILD_NOT_FOUND,
	IKE_R_UNROUTABLE, /* MOBIKE: the peer's new address did not prove that it hears us */
	IKE_R_DUPLICATE,  /* the same peer has a newer tunnel (chapter 25) */
	IKE_R_CHANGED,    /* a critical setting was changed (chapter 7) */
	IKE_R_COLLISION,  /* our call gave way to the peer's (chapter 27) */
	IKE_R_DATA_PATH,  /* the data path refused its child SA */
	IKE_R_NO_SESSION, /* the session it is of is over */
	IKE_REASONS
};
const char *ike_reason_name(enum ike_reason r);

/* ---- policy (a crypto template or map) ---- */

/* One way to authenticate: each side by certificate, the initiator perhaps by EAP, else by pre-shared key. */
struct ike_auth_set {
	bool local_cert, remote_cert;
	bool local_eap, remote_eap;     /* initiator: proves us. responder: proves the peer */
	uint8_t psk_len, psk_local_len; /* 0: the policy's */
	uint8_t psk[IKE_PSK_MAX];       /* proves the peer, where neither callback nor policy has a key */
	uint8_t psk_local[IKE_PSK_MAX]; /* proves us, likewise */
};

/* Which inner addresses a peer may use in TSi (StarOS tsi start-address …). */
enum ike_tsi {
	IKE_TSI_DEFAULT, /* the address it was assigned; without one the payload's ts_remote */
	IKE_TSI_ANY,     /* … any end-address any: the payload's ts_remote, whatever it was assigned */
	IKE_TSI_ENDPOINT, /* … endpoint: the address it was assigned; without one the address it comes from */
};

/* What children may be: a payload of a crypto template or map (chapters 8, 11, 12, 15). */
struct ike_payload {
	char name[IKE_NAME_MAX];
	uint16_t family; /* AF_INET, AF_INET6: `match ipv4`, `match ipv6`; AF_UNSPEC: any */
	struct ike_suite esp[IKE_MAX_SUITES]; /* order of preference. dh != 0: PFS required in
	                                         CREATE_CHILD_SA; 0: a peer's wish is granted */
	unsigned n_esp;                       /* >= 1 */
	struct ike_ts ts_local[IKE_MAX_TS];   /* limits on our side (TSr of the peer); n 0: anything */
	unsigned n_ts_local;
	struct ike_ts ts_remote[IKE_MAX_TS]; /* limits on the peer's side; n 0: anything */
	unsigned n_ts_remote;
	enum ike_tsi tsi;
	bool ts_as_asked;     /* responder: selectors are granted as the peer asks (chapter 3, remote access);
	                         ours only say which payload is meant */
	bool assign_address;  /* responder: ip-address-allocation dynamic. initiator: ask with CFG_REQUEST */
	bool assign_ipv6;     /* initiator: … for an IPv6 address as well */
	uint32_t lifetime_s;  /* 0: never ends. StarOS default 86400 */
	uint32_t lifetime_kb; /* kilobytes in either direction; 0: any number */
	bool rekey;           /* rekey ourselves before the end; false: answer only, delete at the end */
	bool rekey_idle;      /* StarOS rekey keepalive: also when there was no traffic on it */
	bool same_params;     /* … disallow-param-change: selectors and algorithms stay as they are */
	bool ignore_rekey;    /* StarOS ignore-rekeying-requests: answer NO_ADDITIONAL_SAS */
	uint32_t max_children; /* children from this payload per IKE SA; 0: no limit of its own */
};

struct ike_policy {
	char name[IKE_NAME_MAX];
	bool derived;          /* another policy for some of its peers: never matched by address */
	uint32_t ctx_id;       /* packets from this context … */
	struct net_addr local; /* … to this address; AF_UNSPEC: any address of the context */
	struct net_addr peer;  /* … from this peer (a crypto map's); AF_UNSPEC: any */
	struct ike_suite ike[IKE_MAX_SUITES]; /* order of preference; n_ike >= 1 */
	unsigned n_ike;
	struct ike_payload payload[IKE_MAX_PAYLOADS]; /* of children, in the order in which they are tried */
	unsigned n_payload;                           /* 0: 1 */
	struct ike_id local_id;   /* NONE: the subject of our certificate where that proves us, else our
	                             address */
	struct ike_id remote_id;  /* initiator: IDr asked for and checked; responder: the only IDi allowed.
	                             NONE: any */
	uint8_t psk[IKE_PSK_MAX]; /* proves the peer; used when callbacks.psk is NULL or returns -ENOENT;
	                             psk_len 0: none */
	size_t psk_len;
	uint8_t psk_local[IKE_PSK_MAX]; /* proves us; psk_local_len 0: the key that proves the peer */
	size_t psk_local_len;
	struct ike_auth_set auth[IKE_MAX_AUTH_SETS]; /* tried in this order: a responder takes the first that
	                                                proves its peer, an initiator goes on to the next when
	                                                the peer answers AUTHENTICATION_FAILED */
	unsigned n_auth;                             /* 0: pre-shared keys both ways */
	struct pki_own *own;                         /* our certificate and key; put takes a reference */
	struct pki_trust *trust; /* CAs and revocation lists for peers; put takes a reference */
	bool hash_url; /* StarOS allow-cert-enc cert-hash-url: certificates by hash and URL (RFC 7296
	                  section 3.6), both ways; peers' are asked for with NEED_CERT */
	char own_url[IKE_URL_MAX]; /* where our certificate is (cert-hash-url url); "": the certificate is
	                              sent */
	bool cert_pss;             /* StarOS cert-sign pkcs2.0: RSASSA-PSS, where the peer speaks RFC 7427 */
	bool own_validate; /* StarOS certificate … validate: our certificate has to stand before our own CAs
	                      and lists */
	uint16_t max_cert_size;  /* ddos max-cert-size: longest certificate of a peer; 0: PKI_CERT_MAX */
	uint16_t imei_attribute; /* StarOS private-attribute-type imei: number of the attribute of
	                            configuration payloads in which peers tell their device; 0: none */
	uint16_t pcscf4_attribute, pcscf6_attribute; /* … p-cscf-v4, p-cscf-v6: in which they ask for P-CSCF
	                                                addresses; 0: only in those of RFC 7651. As initiator
	                                                we ask in these; 0: we don't */
	bool device_id;        /* StarOS notify-payload device-id: peers that come by EAP are asked for it */
	bool ask_session;      /* emit NEED_SESSION when the peer is proven, and wait for
	                          ike_engine_address_assigned() */
	bool allow_empty;      /* keep an IKE SA whose first child failed (StarOS allow-empty-ikesa) */
	bool force_encap;      /* pretend to be behind a NAT, so that ESP goes in UDP */
	bool initial_contact;  /* initiator sends INITIAL_CONTACT; nobody heeds it (chapter 25) */
	bool cookie_challenge; /* dos cookie-challenge: take part in COOKIE above config.cookie_on half-open
	                          SAs */
	uint32_t ike_lifetime_s; /* 0: never ends. StarOS default 86400 */
	bool ike_rekey; /* rekey ourselves at the soft lifetime (85..95 %); false: answer only, delete at the
	                   end */
	bool ignore_ike_rekey;   /* StarOS ignore-rekeying-requests: answer NO_ADDITIONAL_SAS */
	bool ike_same_params;    /* … rekey disallow-param-change: with the algorithms in use only */
	bool custom_idr;         /* StarOS allow-custom-fqdn-idr: IDr of type FQDN may be any text */
	bool dns_as_asked;       /* StarOS dns-handling custom: as many name servers as the peer asks for */
	bool use_received_idr;   /* be whom the peer asks for in IDr (StarOS nai use-received-idr) */
	uint32_t dpd_interval_s; /* 0: off */
	uint32_t dpd_timeout_s;  /* until an unanswered check is repeated; 0: as other requests */
	uint32_t dpd_retries;    /* repetitions of a check when dpd_timeout_s is set */
	uint32_t queue_max;      /* packets that wait for a transaction of their SA; 0: IKE_PENDING_MAX;
	                            at most IKE_PENDING_HARD */
	uint32_t max_childsa; /* soft limit per IKE SA (chapter 8); 0: IKE_MAX_CHILDREN, which is the hard one
	                       */
	bool childsa_terminate; /* … overload-action terminate: no child above it; false: it is only counted
	                         */
	uint32_t retrans_ms;    /* first time-out; 0: 500 */
	bool retrans_constant;  /* false: it doubles with every repetition, up to 15 s (StarOS exponential) */
	uint32_t max_retrans;   /* resends; 0: 5 */
	uint32_t setup_timer_s; /* whole set-up; 0: 60 */
	uint32_t half_open_s;   /* between IKE_SA_INIT and IKE_AUTH; 0: 60; IKE_UNLIMITED: no timer */
	uint32_t decrypt_fail_max;  /* undecryptable packets in a row until a half-open SA is cleared, and an
	                               alarm is raised for any; 0: 30, IKE_UNLIMITED: no limit */
	bool congestion_reject;     /* StarOS policy congestion-rejection: peers for whom there is no room are
	                               told so */
	uint16_t congestion_notify; /* … and of any rejection by this; 0: NO_ADDITIONAL_SAS */
	uint32_t rekey_rate;   /* rekeys a peer may ask for per second and tunnel; 0: 5, IKE_UNLIMITED: any */
	uint8_t dscp;          /* of every IKE message to the peer, 0 to 63 (chapter 16) */
	bool rfc4306_notifies; /* StarOS without `policy use-rfc5996-notification`: neither TEMPORARY_FAILURE
	                 nor CHILD_SA_NOT_FOUND is sent or heeded */
	bool mobike;           /* StarOS `ikev2-ikesa mobike`: peers may change their address (RFC 4555) */
	/* StarOS `ikev2-ikesa policy error-notification …`: errors that unproven peers are not told of, and
	 * whether wrong message ids are told at all */
	bool silent_version, silent_syntax, tell_msgid;
	bool lax_protocol_id; /* StarOS ignore-notify-protocol-id: REKEY_SA may name any protocol */
	bool dpd_by_traffic;  /* StarOS keepalive-user-activity: user traffic is a sign of life */
	/* keepalives of ESP in UDP (RFC 3948 section 4): after so many seconds without a packet to the peer,
	 * then every so often; 0: none */
	uint32_t natt_idle_s, natt_interval_s;
	uint32_t replay_window; /* of children, in packets; 0: 64 */
	bool no_replay;         /* StarOS `no ipsec replay`: no window, and no rekey by sequence numbers */
	bool mobike_cookie;     /* … `cookie-challenge`: a new address must prove that it hears us */
	bool no_fragmentation;  /* StarOS `no ikev2-ikesa fragmentation` (RFC 7383) */
	uint16_t mtu4, mtu6;    /* longest IKE message over IPv4 and IPv6; 0: 1384 and 1364 (chapter 17) */
	struct counters_ikev2 *counters; /* borrowed while the policy lives; NULL: config.counters */
};

/* Do they say the same? Field by field, lists and keys as long as they are. ike_policy.c */
bool ike_policy_equal(const struct ike_policy *a, const struct ike_policy *b);
/* … parts of it: the pre-shared keys of the policy itself; its ways to authenticate, with theirs. */
bool ike_keys_equal(const struct ike_policy *a, const struct ike_policy *b);
bool ike_auth_sets_equal(const struct ike_policy *a, const struct ike_policy *b);
bool ike_suites_equal(const struct ike_suite *a, unsigned n_a, const struct ike_suite *b, unsigned n_b);
bool ike_selectors_equal(const struct ike_ts *a, unsigned n_a, const struct ike_ts *b, unsigned n_b);

/* ---- transactions ---- */

enum ike_action_kind {
	IKE_ACT_CKPT_PUT,
	IKE_ACT_CKPT_DELETE,
	IKE_ACT_CHILD_ADD,
	IKE_ACT_CHILD_DEL,
	IKE_ACT_CHILD_PATH, /* same SA, other remote endpoint */
	IKE_ACT_SEND,
	IKE_ACT_NEED_SESSION,
	IKE_ACT_SESSION_END,
	IKE_ACT_NEED_CERT,
	IKE_ACT_NEED_EAP,
	IKE_ACT_EVENT,
};
const char *ike_action_name(enum ike_action_kind k);

struct ike_ckpt_act {
	char key[IKE_KEY_LEN];
	const uint8_t *blob; /* PUT only */
	size_t len;
};

/* A child SA as the data path needs it (CHILD_ADD, CHILD_PATH), and as shows read it. Keys: encryption key
 * (with the 4-byte GCM salt behind it), integrity key; lengths follow from the suite. */
struct ike_child_act {
	uint32_t spi_in, spi_out;
	uint64_t ike_spi; /* ours */
	uint32_t callid;
	struct ike_suite suite;
	const uint8_t *encr_in, *encr_out;
	size_t encr_len;
	const uint8_t *integ_in, *integ_out; /* integ_len 0 with GCM */
	size_t integ_len;
	const struct ike_ts *ts_local, *ts_remote;
	unsigned n_local, n_remote;
	struct ike_path path;
	/* its life by traffic, in either direction (chapters 8 and 12); 0: endless */
	uint64_t soft_bytes, hard_bytes, soft_seq, hard_seq;
	uint32_t replay_window; /* packets; 0: off */
	uint32_t activity_s; /* tell of inbound traffic this often (ike_engine_data_seen()); 0: at first only
	                      */
	uint32_t natt_idle_s, natt_interval_s; /* keepalives of ESP in UDP; 0: none */
	bool encap_udp;
	bool follow; /* … and its peer goes by the address of its newest packet (RFC 7296 section 2.23) */
	bool transport; /* never true yet: tunnel mode */
	bool resume;    /* came from a checkpoint: the data path leaps ahead with its sequence number */
	bool out_wait;  /* responder of a rekey: don't send on it before the peer did */
	bool initiator; /* of the child's exchange */
	uint32_t replaces_spi_in; /* the child it rekeys, 0: none. The old one goes with a CHILD_DEL of its
	                             own */
	const char *policy, *child_name;
	/* IPv4 and IPv6 address assigned to the peer (responder) or to us (initiator); AF_UNSPEC: none */
	struct net_addr inner, inner6;
	struct ike_ts
	        source[2]; /* n_source > 0: what the peer may send from, however wide its selectors are */
	unsigned n_source;
};

struct ike_child_del_act {
	uint32_t spi_in, spi_out;
	uint64_t ike_spi;
	uint32_t callid;
	enum ike_reason reason;
};

struct ike_send_act {
	struct ike_path path;
	const uint8_t *pkt; /* without the non-ESP marker */
	size_t len;
	uint8_t dscp; /* for the outer IP header */
	bool retransmission;
};

/* Ask sessmgr for a session (and an address). Answer with ike_engine_address_assigned(ref). */
struct ike_session_act {
	uint64_t ref; /* our IKE SPI */
	const struct ike_id *peer_id;
	const char *policy;
	struct ike_path path;
	bool want_ipv4, want_ipv6; /* from CFG_REQUEST, when the policy assigns addresses */
	bool want_dns;
	struct net_addr requested, requested6; /* AF_UNSPEC: any */
	const char *apn; /* whose P-CSCFs the peer asks for; NULL: it does not, or names none */
	struct ike_device device;
};

/* Fetch a peer's certificate over HTTP, within a few seconds. Answer with ike_engine_cert_fetched(ref). The
 * URL comes from a peer that has proven nothing yet: "http://" and printable characters, no more is known of
 * it. */
struct ike_cert_act {
	uint64_t ref; /* our IKE SPI */
	const char *url, *policy;
	size_t max; /* bytes of it */
	struct ike_path path;
};

/*
 * EAP (RFC 7296 section 2.16). Responder: what the peer says, to be told an authentication server; initiator:
 * what the gateway says, to be told whoever knows the user's credentials. Answer with
 * ike_engine_eap_answer(ref). The packet is whole (RFC 3748 section 4), nothing more is known of it.
 */
struct ike_eap_act {
	uint64_t ref; /* our IKE SPI */
	const uint8_t *pkt;
	size_t len;
	const uint8_t *state; /* as the last answer gave it; state_len 0: EAP begins */
	size_t state_len;
	const struct ike_id *peer_id;
	const char *policy;
	struct ike_path path;
	struct ike_device device; /* of the peer, when it told it */
};

struct ike_session_end_act {
	uint64_t ike_spi;
	uint32_t callid;
	enum ike_reason reason;
};

struct ike_event {
	enum ike_event_kind kind;
	enum ike_reason reason;
	uint64_t spi, peer_spi; /* ours, the peer's; 0: none */
	uint64_t old_spi;
	uint32_t spi_in, old_spi_in;
	uint32_t callid;
	uint16_t notify;    /* the notify type behind the reason, 0: none */
	const char *detail; /* more of the reason, as of a certificate; static, NULL: nothing */
	bool initiator;
	void *user; /* of ike_engine_initiate() */
	struct ike_path path;
	uint8_t excerpt[IKE_EXCERPT_MAX]; /* of the packet the peer speaks of */
	size_t excerpt_len;
	struct ike_id peer_id; /* type NONE: not known yet */
	char policy[IKE_NAME_MAX];
};

struct ike_action {
	enum ike_action_kind kind;
	union {
		struct ike_ckpt_act ckpt;
		struct ike_child_act child;
		struct ike_child_del_act child_del;
		struct ike_send_act send;
		struct ike_session_act session;
		struct ike_session_end_act session_end;
		struct ike_cert_act cert;
		struct ike_eap_act eap;
		struct ike_event event;
	};
};

struct ike_txn {
	uint64_t id;      /* never 0 */
	bool durable;     /* see above */
	uint64_t ike_spi; /* the SA it's about (ours); 0: none */
	unsigned n;
	const struct ike_action *actions;
};

/* ---- engine ---- */

/* Body of a Vendor ID payload (RFC 7296 section 3.12). */
struct ike_vendor_id {
	const uint8_t *p;
	size_t len;
};

/* Whose pre-shared key is wanted. */
struct ike_psk_ask {
	const struct ike_id *local, *peer;
	const struct net_addr *from; /* where the peer is */
};

struct ike_callbacks {
	/* A transaction; rules above. Required. */
	void (*txn)(void *arg, const struct ike_txn *txn);
	/* Cryptographically strong random bytes. Required. */
	void (*random)(void *arg, void *buf, size_t len);
	/* µs since 1970, for certificates; NULL: that is what `now` is. */
	uint64_t (*wall)(void *arg);
	/*
	 * The pre-shared key that proves ask->peer to us: write at most IKE_PSK_MAX bytes to out, *len. 0,
	 * -ENOENT (use the policy's) or -EACCES (peer is refused). Optional.
	 */
	int (*psk)(void *arg, const char *policy, const struct ike_psk_ask *ask, uint8_t *out, size_t *len);
	/* May a peer of this address begin? 0, or -EACCES: it hears nothing. Optional. */
	int (*begin)(void *arg, const char *policy, const struct net_addr *peer);
	/*
	 * May a peer of this identity come in, have another child or rekey (blacklist, whitelist)? 0, or
	 * -EACCES with a static text in *why. Asked before anything is proven: no more than a look-up.
	 * Optional.
	 */
	int (*admit)(void *arg, const char *policy, const struct ike_id *peer, const char **why);
	/*
	 * A peer begins under `policy` and sends vendor ids: the name of the (derived) policy that counts for
	 * it, which must have been put; NULL: the same. *known: how many of the ids are known. Policies may
	 * be put from inside. Optional.
	 */
	const char *(*vendor)(void *arg, const char *policy, const struct ike_vendor_id *id, unsigned n,
	                      unsigned *known);
	/* A row names a policy that is not there: put it now, if it is a derived one. Optional. */
	void (*policy)(void *arg, const char *name);
	/*
	 * A digest of what counts for tunnels of this policy with this peer now. It is kept with a tunnel
	 * from its set-up on, also in its row, and changes by ike_engine_settle() only. false: nothing is
	 * kept. Optional.
	 */
	bool (*settings)(void *arg, const char *policy, const struct ike_id *peer,
	                 uint8_t out[IKE_SETTINGS_LEN]);
};

struct ike_engine_config {
	uint8_t instance;   /* 1..255 */
	bool volatile_only; /* no checkpoints: every transaction has durable == false (the load generator) */
	uint32_t max_sa;    /* IKE SAs; 0: 1,000,000 */
	uint32_t max_half_open;          /* more are dropped (ikev2-congdrop); 0: 10,000 */
	uint32_t max_early_frags;        /* of peers that are not proven, messages in pieces; 0: 1,000 */
	uint32_t cookie_on;              /* half-open SAs at which COOKIE starts; 0: never */
	uint32_t cookie_off;             /* … and below which it stops; 0: cookie_on / 2 */
	bool cookie_always;              /* asked of everybody */
	struct counters_ikev2 *counters; /* for what belongs to no policy; NULL: not counted outside */
};

/* NULL when out of memory or the configuration is wrong (instance 0). Arguments are copied, pointers in them
 * borrowed. */
struct ike_engine *ike_engine_new(const struct ike_engine_config *cfg, const struct ike_callbacks *cb,
                                  void *arg, uint64_t now);
/* Wipes all keys; nothing is emitted. Adopted state goes with it. NULL-safe. Not from inside the callback. */
void ike_engine_free(struct ike_engine *e);

/* Add a policy or replace the one of this name; established SAs go on with the new values. 0, -EINVAL,
 * -ENOTSUP (algorithm), -ENOMEM. */
int ike_engine_policy_put(struct ike_engine *e, const struct ike_policy *p);
/* No new SA by it; existing ones go on until deleted (see ike_engine_drop_all()). 0 or -ENOENT. */
int ike_engine_policy_remove(struct ike_engine *e, const char *name);
const struct ike_policy *ike_engine_policy_find(const struct ike_engine *e, const char *name);

/* ---- protection (chapters 13 and 19) ---- */

/* When cookies are asked for, from now on; as in the configuration of the engine. */
struct ike_protection {
	uint32_t cookie_on, cookie_off;
	bool cookie_always;
};
void ike_engine_protect(struct ike_engine *e, uint64_t now, const struct ike_protection *p);

/* What new IKE_SA_INIT requests meet (call admission control); SAs that exist go on as ever. */
enum ike_congestion { IKE_CONGESTION_NONE, IKE_CONGESTION_DROP, IKE_CONGESTION_REJECT };
void ike_engine_congestion(struct ike_engine *e, enum ike_congestion what);

/* ---- input ---- */

/* One UDP payload (without the non-ESP marker). Never fails: what's wrong is counted. */
void ike_engine_input(struct ike_engine *e, uint64_t now, const struct ike_path *path, const uint8_t *pkt,
                      size_t len);
/* Run due timers. Call at or after ike_engine_next_us(). */
void ike_engine_tick(struct ike_engine *e, uint64_t now);
/* When to call tick next (µs, may be a little early); UINT64_MAX: never. O(1). */
uint64_t ike_engine_next_us(const struct ike_engine *e);

/* Fate of a durable transaction. Unknown ids are ignored. */
void ike_engine_committed(struct ike_engine *e, uint64_t now, uint64_t txn_id);
void ike_engine_aborted(struct ike_engine *e, uint64_t now, uint64_t txn_id);
/*
 * It is stored, and the data path refuses its child SA for good (unusable: for what it is; else for lack of
 * room); nothing of it has left. It comes again, as another transaction, without the child: a peer that asked
 * for it is told so, one that made it for us is told to delete it. Of a rekey the old child stays. Without a
 * child SA in it, -ENOENT: nothing happens.
 */
int ike_engine_data_refused(struct ike_engine *e, uint64_t now, uint64_t txn_id, bool unusable);

struct ike_session_result {
	int status; /* 0, or -errno: refused (INTERNAL_ADDRESS_FAILURE; AUTHENTICATION_FAILED with -EACCES;
	               NO_ADDITIONAL_SAS with -EDQUOT, and then the IKE SA goes at once) */
	uint32_t callid;         /* kept with the SA, over rekeys and restores; 0: no session */
	struct net_addr addr;    /* IPv4; AF_UNSPEC: none */
	struct net_addr netmask; /* AF_UNSPEC: not sent */
	struct net_addr addr6;   /* IPv6; AF_UNSPEC: none */
	struct net_addr dns[IKE_MAX_DNS];
	unsigned n_dns;
	struct net_addr pcscf[IKE_MAX_PCSCF]; /* in the order in which the peer is to try them */
	unsigned n_pcscf;
};
/* The answer to NEED_SESSION. 0, -ENOENT (the SA is gone: end the session), -EALREADY. */
int ike_engine_address_assigned(struct ike_engine *e, uint64_t now, uint64_t ref,
                                const struct ike_session_result *r);

/*
 * The answer to NEED_CERT: what was found, or NULL. It is the peer's certificate when it has the hash that
 * the peer told. 0, -ENOENT (the SA is gone), -EALREADY.
 */
int ike_engine_cert_fetched(struct ike_engine *e, uint64_t now, uint64_t ref, const uint8_t *der, size_t len);

enum ike_eap_outcome {
	IKE_EAP_GO_ON,     /* pkt is for the peer; state comes back with what it says to it */
	IKE_EAP_SUCCESS,   /* the user is proven; msk, unless the method makes no key */
	IKE_EAP_FAILURE,   /* … is not */
	IKE_EAP_NO_ANSWER, /* nobody could be asked */
};
struct ike_eap_result {
	enum ike_eap_outcome outcome;
	const uint8_t *pkt; /* of SUCCESS and FAILURE: as the server wrote it; len 0: a plain one is made */
	size_t len;
	const uint8_t *msk;
	size_t msk_len; /* at most IKE_MSK_MAX */
	const uint8_t *state;
	size_t state_len;    /* at most IKE_EAP_STATE_MAX */
	const uint8_t *user; /* of SUCCESS: who is proven; user_len 0: whoever EAP's identity named */
	size_t user_len;
	const char *why; /* static; of the last two, for the log. NULL: nothing to add */
};
/* The answer to NEED_EAP; everything is copied. 0, -ENOENT (the SA is gone), -EALREADY. */
int ike_engine_eap_answer(struct ike_engine *e, uint64_t now, uint64_t ref, const struct ike_eap_result *r);

/* ---- commands; all return 0 or -errno: -ENOENT no such SA or policy, -EAGAIN not in a state for it, -ENOMEM
 * ---- */

struct ike_initiate {
	const char *policy;
	struct ike_path path;
	const struct ike_id *local_id;             /* NULL: the policy's */
	const struct ike_id *remote_id;            /* NULL: the policy's */
	unsigned payload;                          /* of the first child: index in the policy */
	const struct ike_ts *ts_local, *ts_remote; /* NULL: that payload's limits */
	unsigned n_ts_local, n_ts_remote;
	const struct ike_device *device; /* ours, told to a gateway that asks; NULL: it is not told */
	void *user;                      /* comes back in events */
};
/* Start a tunnel; *spi (may be NULL) is our IKE SPI. Another one follows, with the same user and without an
 * event, when the peer refuses one auth set and there is a next one. */
int ike_engine_initiate(struct ike_engine *e, uint64_t now, const struct ike_initiate *i, uint64_t *spi);
/* Delete an IKE SA with its children: tells the peer, waits for the answer (or retransmission time-out). */
int ike_engine_delete_ike(struct ike_engine *e, uint64_t now, uint64_t spi);
/* … for another reason than an operator's wish. */
int ike_engine_end(struct ike_engine *e, uint64_t now, uint64_t spi, enum ike_reason reason);
/*
 * Give up a tunnel that we began and that is not up: nothing more is said before the peer has answered our
 * IKE_SA_INIT. One that may be up at its end by then is deleted there as soon as it says so. SETUP_FAILED
 * with this reason. -EAGAIN: it is up, or the peer began it.
 */
int ike_engine_give_up(struct ike_engine *e, uint64_t now, uint64_t spi, enum ike_reason reason);
/* Settings that count for it changed, and it goes on: keep those of now. 0 or -ENOENT. */
int ike_engine_settle(struct ike_engine *e, uint64_t now, uint64_t spi);
int ike_engine_delete_child(struct ike_engine *e, uint64_t now, uint32_t spi_in);
int ike_engine_rekey_ike(struct ike_engine *e, uint64_t now, uint64_t spi);
int ike_engine_rekey_child(struct ike_engine *e, uint64_t now, uint32_t spi_in);
/* One more child: of the first payload that has none yet, else of the first one with room. */
int ike_engine_new_child(struct ike_engine *e, uint64_t now, uint64_t spi);
/* … of this payload. -ERANGE: there is none. -EALREADY: an IKE SA has such a child, or is getting one. */
int ike_engine_need_child(struct ike_engine *e, uint64_t now, uint64_t spi, unsigned payload);
/* As initiator, with MOBIKE agreed: our SAs go by this path from now on, and the peer is told (RFC 4555
 * section 3.5). 0, -ENOENT, -ENOTSUP (no MOBIKE), -EAGAIN (a transaction is in flight). */
int ike_engine_move(struct ike_engine *e, uint64_t now, uint64_t spi, const struct ike_path *path);
/* Liveness check now. */
int ike_engine_dpd(struct ike_engine *e, uint64_t now, uint64_t spi);
/* Forget an SA at once: rows deleted, children and session ended, the peer not told. */
int ike_engine_drop(struct ike_engine *e, uint64_t now, uint64_t spi);
/* … all SAs of a policy; NULL: all. `tell_peers`: as ike_engine_delete_ike(). Returns how many. */
size_t ike_engine_drop_all(struct ike_engine *e, uint64_t now, const char *policy, bool tell_peers);
/* … telling the peers, for this reason. */
size_t ike_engine_end_all(struct ike_engine *e, uint64_t now, const char *policy, enum ike_reason reason);
/*
 * The data path authenticated ESP on spi_in: that's a sign of life for DPD; with a path whose remote endpoint
 * differs from the SA's, the peer's NAT mapping moved (RFC 7296 section 2.23): IKE follows when UDP
 * encapsulation is used. path may be NULL.
 */
int ike_engine_data_seen(struct ike_engine *e, uint64_t now, uint32_t spi_in,
                         const struct net_endpoint *remote);

/* What the data path noticed of a child. */
enum ike_usage {
	IKE_USE_TRAFFIC, /* its first packet in either direction */
	IKE_USE_SOFT,    /* kilobytes or sequence numbers run out: rekey it, where its payload says so */
	IKE_USE_HARD,    /* … are used up: delete it */
};
/* 0, -ENOENT (no such child), -ENOMEM. */
int ike_engine_child_usage(struct ike_engine *e, uint64_t now, uint32_t spi_in, enum ike_usage what);
/* The peer sends in a child what its selectors don't allow: tell it, with the start of the inner packet, when
 * nothing else is under way (INVALID_SELECTORS). 0, -ENOENT, -EAGAIN (not now), -ENOMEM. */
int ike_engine_wrong_selectors(struct ike_engine *e, uint64_t now, uint32_t spi_in, const uint8_t *packet,
                               size_t len);
/* ESP came with an SPI of this instance that the data path does not know: tell the IKE SA of the address it
 * came from, or without one the address (INVALID_SPI). path: where IKE of that peer would come and go. 0,
 * -EEXIST (we know it), -EAGAIN (not now), -ENOMEM. */
int ike_engine_unknown_esp(struct ike_engine *e, uint64_t now, const struct ike_path *path, uint32_t spi_in);
/* NAT keepalives that the data path took from a peer (path: where its IKE would come and go), and one that it
 * sent: they are counted. */
void ike_engine_keepalives(struct ike_engine *e, const struct ike_path *path, uint64_t n);
void ike_engine_keepalive_sent(struct ike_engine *e, uint32_t spi_in);

/* ---- checkpoints ---- */

/*
 * Bring an SA back from its row. Its policy must be there. Emits (durable == false) CHILD_ADD with resume for
 * every child; timers run from the absolute times in the row; an outstanding request is resent identically.
 * 0, -EBADMSG (damaged: *why, if given, says how), -ENOENT (policy), -EEXIST, -ENOMEM, -EPROTONOSUPPORT
 * (version).
 */
int ike_engine_restore(struct ike_engine *e, uint64_t now, const char *key, const uint8_t *blob, size_t len,
                       const char **why);

/* ---- views: pointers are valid until the next call that takes the engine non-const ---- */

struct ike_child_view {
	struct ike_child_act sa; /* key pointers are NULL here */
	uint64_t created_us;
	uint64_t soft_us, hard_us; /* absolute; 0: none */
	uint32_t rekeys;
	bool deleting;
};

struct ike_sa_view {
	uint64_t spi, peer_spi;
	char key[IKE_KEY_LEN];
	enum ike_state state;
	bool initiator;
	struct ike_path path;
	bool nat_local, nat_remote; /* who is behind a NAT */
	uint8_t dscp;
	bool fragmentation; /* both sides understand fragments (RFC 7383) */
	bool mobike;        /* the peer may change its address (RFC 4555) */
	struct ike_id local_id, peer_id;
	struct ike_device device; /* the peer's (as initiator ours), where it was asked for */
	uint8_t eap_method; /* that proved the peer; 0: it was not proven by EAP, or it is the gateway */
	const char *policy;
	bool outdated; /* its policy was removed, or replaced by another one of this name */
	bool has_settings;
	uint8_t settings[IKE_SETTINGS_LEN]; /* callbacks.settings, as it was kept */
	struct ike_suite suite;
	uint32_t callid;
	struct net_addr inner, inner6;   /* assigned addresses */
	uint64_t created_us;             /* of this IKE SA */
	uint64_t up_us;                  /* of the tunnel: first IKE_AUTH */
	uint64_t soft_us, hard_us;       /* absolute; 0: none */
	uint64_t last_seen_us;           /* last authenticated packet */
	uint32_t rekeys;                 /* of the IKE SA so far */
	uint32_t send_msgid, recv_msgid; /* next own request, next expected request */
	bool request_outstanding;
	bool txn_in_flight;
	unsigned n_children;
	void *user;
};

/* Every SA, in no order; cb returns non-zero to stop. Returns what cb returned, or 0. */
int ike_engine_foreach_sa(const struct ike_engine *e, int (*cb)(void *arg, const struct ike_sa_view *v),
                          void *arg);
/* … of this peer in a context. */
int ike_engine_foreach_peer(const struct ike_engine *e, uint32_t ctx_id, const struct ike_id *peer,
                            int (*cb)(void *arg, const struct ike_sa_view *v), void *arg);
/* Children of an SA, i = 0..n_children-1. 0 or -ENOENT. */
int ike_engine_child_view(const struct ike_engine *e, uint64_t spi, unsigned i, struct ike_child_view *v);
/* By our SPI (either 0 or -ENOENT), by inbound ESP SPI, by checkpoint key. */
int ike_engine_find(const struct ike_engine *e, uint64_t spi, struct ike_sa_view *v);
int ike_engine_find_child(const struct ike_engine *e, uint32_t spi_in, struct ike_sa_view *v);
int ike_engine_find_key(const struct ike_engine *e, const char *key, struct ike_sa_view *v);

struct ike_engine_stats {
	size_t sas, half_open, established, children;
	size_t txns_in_flight;
	size_t policies;
	bool cookies;     /* being asked for now */
	uint64_t refused; /* events without a row in the state table */
};
void ike_engine_stats_get(const struct ike_engine *e, struct ike_engine_stats *s);

/* The exchange table as text for the reference manual (one line per row), and as a Graphviz digraph. Caller
 * frees. NULL: memory. */
char *ike_fsm_doc(void);
char *ike_fsm_dot(void);

#endif
