/* SPDX-License-Identifier: MIT */
/*
 * IKEv2 on the wire (RFC 7296 section 3): the header and every payload, parsed and built. Parsing copies
 * nothing: results point into the packet. Every parser is bounded by lengths and returns a reason; nothing a
 * peer sends can stop it. Called by the exchanges (ike_init.c, ike_auth.c, ike_child.c, ike_rekey.c,
 * ike_info.c) and by the fuzz target.
 */
#ifndef IKE_IKE_WIRE_H
#define IKE_IKE_WIRE_H

#include "base/pack.h"
#include "ike/ike.h"

#define IKE_HDR_LEN        28
#define IKE_PAYLOAD_HDR    4
#define IKE_WIRE_PAYLOADS  64
#define IKE_MAX_PROPOSALS  32
#define IKE_MAX_TRANSFORMS 255
#define IKE_MAX_NOTIFIES   32
#define IKE_MAX_DELETES    8
#define IKE_MAX_CERTS      8 /* CERT payloads read; more are ignored */
#define IKE_MAX_CERTREQS   4
#define IKE_MAX_VENDORS    64 /* Vendor ID payloads read, as many as a vendor policy knows; more are ignored */
#define IKE_NONCE_MIN      16
#define IKE_NONCE_MAX      256
#define IKE_NONCE_LEN      32 /* of ours */
#define IKE_WIRE_TS_MAX    16 /* selectors read per payload; more are ignored */

enum ike_exchange { IKE_X_SA_INIT = 34, IKE_X_AUTH = 35, IKE_X_CREATE_CHILD = 36, IKE_X_INFORMATIONAL = 37 };
enum ike_flag { IKE_F_INITIATOR = 0x08, IKE_F_VERSION = 0x10, IKE_F_RESPONSE = 0x20 };
enum ike_proto { IKE_PROTO_IKE = 1, IKE_PROTO_AH = 2, IKE_PROTO_ESP = 3 };

enum ike_payload_type {
	IKE_PL_NONE = 0,
	IKE_PL_SA = 33,
	IKE_PL_KE = 34,
	IKE_PL_IDI = 35,
	IKE_PL_IDR = 36,
	IKE_PL_CERT = 37,
	IKE_PL_CERTREQ = 38,
	IKE_PL_AUTH = 39,
	IKE_PL_NONCE = 40,
	IKE_PL_NOTIFY = 41,
	IKE_PL_DELETE = 42,
	IKE_PL_VENDOR = 43,
	IKE_PL_TSI = 44,
	IKE_PL_TSR = 45,
	IKE_PL_SK = 46,
	IKE_PL_CP = 47,
	IKE_PL_EAP = 48,
	IKE_PL_SKF = 53, /* encrypted fragment, RFC 7383 */
};
#define IKE_SEEN(pl) (1u << ((pl)-IKE_PL_SA)) /* bit of a payload in ike_msg.seen and in exchange rows */

enum ike_transform_type { IKE_T_ENCR = 1, IKE_T_PRF = 2, IKE_T_INTEG = 3, IKE_T_DH = 4, IKE_T_ESN = 5 };
enum ike_auth_method { IKE_AUTH_PSK = 2 }; /* signatures: enum pki_auth_method */
enum ike_cert_encoding { IKE_CERT_X509 = 4, IKE_CERT_HASH_URL = 12 };
enum ike_cfg_type { IKE_CFG_REQUEST = 1, IKE_CFG_REPLY = 2 };
enum ike_cfg_attr {
	IKE_CFG_IP4_ADDRESS = 1,
	IKE_CFG_IP4_NETMASK = 2,
	IKE_CFG_IP4_DNS = 3,
	IKE_CFG_IP6_ADDRESS = 8,
	IKE_CFG_IP6_DNS = 10,
	IKE_CFG_P_CSCF_IP4_ADDRESS = 20, /* RFC 7651 */
	IKE_CFG_P_CSCF_IP6_ADDRESS = 21
};

enum ike_notify_type {
	IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD = 1,
	IKE_N_INVALID_IKE_SPI = 4,
	IKE_N_INVALID_MAJOR_VERSION = 5,
	IKE_N_INVALID_SYNTAX = 7,
	IKE_N_INVALID_MESSAGE_ID = 9,
	IKE_N_INVALID_SPI = 11,
	IKE_N_NO_PROPOSAL_CHOSEN = 14,
	IKE_N_INVALID_KE_PAYLOAD = 17,
	IKE_N_AUTHENTICATION_FAILED = 24,
	IKE_N_SINGLE_PAIR_REQUIRED = 34,
	IKE_N_NO_ADDITIONAL_SAS = 35,
	IKE_N_INTERNAL_ADDRESS_FAILURE = 36,
	IKE_N_FAILED_CP_REQUIRED = 37,
	IKE_N_TS_UNACCEPTABLE = 38,
	IKE_N_INVALID_SELECTORS = 39,
	IKE_N_UNACCEPTABLE_ADDRESSES = 40,
	IKE_N_UNEXPECTED_NAT_DETECTED = 41,
	IKE_N_TEMPORARY_FAILURE = 43,
	IKE_N_CHILD_SA_NOT_FOUND = 44,
	IKE_N_ERROR_MAX = 16383,
	IKE_N_INITIAL_CONTACT = 16384,
	IKE_N_SET_WINDOW_SIZE = 16385,
	IKE_N_ADDITIONAL_TS_POSSIBLE = 16386,
	IKE_N_IPCOMP_SUPPORTED = 16387,
	IKE_N_NAT_DETECTION_SOURCE_IP = 16388,
	IKE_N_NAT_DETECTION_DESTINATION_IP = 16389,
	IKE_N_COOKIE = 16390,
	IKE_N_USE_TRANSPORT_MODE = 16391,
	IKE_N_HTTP_CERT_LOOKUP_SUPPORTED = 16392,
	IKE_N_REKEY_SA = 16393,
	IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED = 16394,
	IKE_N_NON_FIRST_FRAGMENTS_ALSO = 16395,
	IKE_N_MOBIKE_SUPPORTED = 16396,
	IKE_N_ADDITIONAL_IP4_ADDRESS = 16397,
	IKE_N_ADDITIONAL_IP6_ADDRESS = 16398,
	IKE_N_NO_ADDITIONAL_ADDRESSES = 16399,
	IKE_N_UPDATE_SA_ADDRESSES = 16400,
	IKE_N_COOKIE2 = 16401,
	IKE_N_NO_NATS_ALLOWED = 16402,
	IKE_N_MULTIPLE_AUTH_SUPPORTED = 16404,
	IKE_N_ANOTHER_AUTH_FOLLOWS = 16405,
	IKE_N_EAP_ONLY_AUTHENTICATION = 16417,
	IKE_N_IKEV2_FRAGMENTATION_SUPPORTED = 16430,
	IKE_N_SIGNATURE_HASH_ALGORITHMS = 16431, /* RFC 7427 */
	IKE_N_DEVICE_IDENTITY = 41101,           /* 3GPP TS 24.302: IMEI or IMEISV */
};

/* Why a packet could not be read: REASON(name, counter in struct counters_ikev2, text). */
#define IKE_WIRE_REASONS(REASON)                                                                             \
	REASON(HDR_SHORT, decfail_ikehdr, "shorter than an IKE header")                                      \
	REASON(HDR_LENGTH, decfail_ikehdrlen, "length field and packet differ")                              \
	REASON(HDR_VERSION, decfail_ikehdrmajver, "major version is not 2")                                  \
	REASON(HDR_SPI_I, decfail_ikehdrinitspi, "initiator SPI is zero")                                    \
	REASON(HDR_SPI_R, decfail_ikehdrrspspi, "responder SPI is out of place")                             \
	REASON(HDR_EXCHANGE, decfail_ikehdrxchgtyp, "unknown exchange type")                                 \
	REASON(HDR_FLAGS, decfail_ikehdrrecvflag, "flags contradict the SA")                                 \
	REASON(PAYLOAD_HDR, decfail_paysyn, "payload header is cut off")                                     \
	REASON(PAYLOAD_LENGTH, decfail_paylen, "payload is longer than the packet")                          \
	REASON(TOO_MANY, decfail_toomanypay, "too many payloads")                                            \
	REASON(TRAILING, decfail_paysyn, "bytes behind the last payload")                                    \
	REASON(DUPLICATE, decfail_paysyn, "a payload stands twice")                                          \
	REASON(CRITICAL, decfail_unkcritpay, "unknown critical payload")                                     \
	REASON(SA_LENGTH, decfail_sapaylen, "SA payload is empty")                                           \
	REASON(PROP_HDR, decfail_saprophdr, "proposal header is malformed")                                  \
	REASON(PROP_LENGTH, decfail_saprophdrlen, "proposal length is wrong")                                \
	REASON(PROP_FIRST, decfail_1stsapropnum, "first proposal is not number 1")                           \
	REASON(PROP_NUMBER, decfail_sapropnum, "proposal numbers are out of order")                          \
	REASON(PROP_MANY, decfail_toomanyprop, "too many proposals")                                         \
	REASON(TRANS_HDR, decfail_transhdr, "transform header is malformed")                                 \
	REASON(TRANS_LENGTH, decfail_translen, "transform length is wrong")                                  \
	REASON(TRANS_MANY, decfail_toomanytrans, "too many transforms")                                      \
	REASON(KE_LENGTH, decfail_kepaylen, "KE payload is too short")                                       \
	REASON(ID_LENGTH, decfail_idpaylen, "ID payload has a wrong length")                                 \
	REASON(AUTH_LENGTH, decfail_authpaylen, "AUTH payload is too short")                                 \
	REASON(CERT_LENGTH, decfail_paylen, "CERT payload is empty")                                         \
	REASON(CERTREQ_LENGTH, decfail_paylen, "CERTREQ payload is not made of hashes")                      \
	REASON(NONCE_LENGTH, decfail_noncepaylen, "nonce is not of 16 to 256 octets")                        \
	REASON(NOTIFY_LENGTH, decfail_notifpaylen, "notify payload is too short")                            \
	REASON(NOTIFY_SPI, decfail_notifpayspilen, "SPI of a notify payload is too long")                    \
	REASON(DELETE_LENGTH, decfail_paylen, "delete payload and its SPIs differ")                          \
	REASON(TS_LENGTH, decfail_tspaylen, "traffic selector has a wrong length")                           \
	REASON(TS_NUMBER, decfail_tspayrecv, "traffic selectors are missing")                                \
	REASON(CP_LENGTH, decfail_cppaylen, "configuration payload is too short")                            \
	REASON(CP_ATTR, decfail_cppayattrlen, "configuration attribute has a wrong length")                  \
	REASON(EAP_LENGTH, decfail_eappaylen, "EAP payload is too short or too long")                        \
	REASON(SK_POSITION, decfail_encrpaylen, "SK payload is not the last one, or nested")                 \
	REASON(SK_LENGTH, decfail_encrpaylen, "SK payload is too short")                                     \
	REASON(FRAGMENT, rx_fragments_dropped, "number of a fragment is zero or above the total")

enum ike_wire_reason {
	IKE_W_OK = 0,
#define REASON(name, counter, text) IKE_W_##name,
	IKE_WIRE_REASONS(REASON)
#undef REASON
	        IKE_W_REASONS
};

struct ike_buf {
	const uint8_t *p;
	size_t len;
};

struct ike_hdr {
	uint64_t spi_i, spi_r;
	uint8_t next, version, exchange, flags;
	uint32_t msgid, length;
};

struct ike_notify {
	uint8_t proto, spi_len;
	uint16_t type;
	const uint8_t *spi;
	struct ike_buf data;
};

struct ike_delete {
	uint8_t proto, spi_len;
	uint16_t n;
	const uint8_t *spis;
};

struct ike_ident {
	uint8_t type;
	struct ike_buf data; /* identification data */
	struct ike_buf body; /* with type and reserved octets: what AUTH covers */
};

/* A CERT or CERTREQ payload (RFC 7296 sections 3.6 and 3.7). */
struct ike_cert {
	uint8_t encoding; /* enum ike_cert_encoding; others are not spoken */
	struct ike_buf data;
};

/* One message. `seen` has a bit per payload that's present. */
struct ike_msg {
	struct ike_hdr hdr;
	uint32_t seen;
	unsigned payloads;
	struct ike_buf sa, nonce, cp, tsi, tsr; /* bodies, read further by the functions below */
	uint16_t ke_group;
	struct ike_buf ke;
	struct ike_ident idi, idr;
	uint8_t auth_method;
	struct ike_buf auth;
	struct ike_buf eap; /* one EAP packet (RFC 3748), as long as its own length field says */
	unsigned n_notify, n_delete, n_cert, n_certreq;
	struct ike_cert cert[IKE_MAX_CERTS], certreq[IKE_MAX_CERTREQS];
	struct ike_notify notify[IKE_MAX_NOTIFIES];
	struct ike_delete del[IKE_MAX_DELETES];
	unsigned n_vendor;
	struct ike_vendor_id vendor[IKE_MAX_VENDORS];
	struct ike_buf sk; /* body of the SK or SKF payload: IV, ciphertext, ICV */
	uint8_t sk_next;   /* first payload inside */
	uint16_t frag,
	        frags;    /* SKF: number of this fragment, from 1, and how many there are; 0: an SK payload */
	uint8_t critical; /* IKE_W_CRITICAL: the payload type not understood */
};

struct ike_transform {
	uint8_t type;
	bool odd; /* carries an attribute we don't know: can't be chosen */
	uint16_t id, bits;
};

struct ike_proposal {
	uint8_t num, proto, spi_len;
	uint8_t spi[8];
	uint16_t first, n; /* in ike_proposals.transform */
};

struct ike_proposals {
	unsigned n, n_transforms;
	struct ike_proposal prop[IKE_MAX_PROPOSALS];
	struct ike_transform transform[IKE_MAX_TRANSFORMS];
};

/* To be put: an attribute of this number with this address; AF_UNSPEC: empty. */
struct ike_cp_pcscf {
	uint16_t type;
	struct net_addr addr;
};
#define IKE_CP_PCSCF (2 * IKE_MAX_PCSCF) /* each address in two attributes */

struct ike_cp {
	uint8_t type; /* enum ike_cfg_type; others are ignored */
	bool has_ip4, has_ip6, has_dns;
	struct net_addr ip4, netmask, ip6, dns[IKE_MAX_DNS];
	unsigned n_dns;
	unsigned asked_dns; /* attributes for one, with an address or without */
	uint16_t own_type;  /* to be put: a further attribute of this number, not 0 … */
	struct ike_buf own; /* … and value */
	struct ike_cp_pcscf pcscf[IKE_CP_PCSCF];
	unsigned n_pcscf;
};

const char *ike_wire_reason_name(enum ike_wire_reason r);
const char *ike_wire_notify_name(uint16_t type);
const char *ike_wire_exchange_name(uint8_t exchange);

/* ---- parse ---- */

/* Read and check the header against the datagram's length. */
enum ike_wire_reason ike_wire_parse_hdr(struct ike_hdr *h, const uint8_t *pkt, size_t len);
/* Walk a chain of payloads beginning with type `first` into m (whose hdr is left alone and whose rest must be
 * zero). `inner`: inside SK. */
enum ike_wire_reason ike_wire_parse_chain(struct ike_msg *m, uint8_t first, const uint8_t *p, size_t len,
                                          bool inner);
enum ike_wire_reason ike_wire_parse_sa(struct ike_proposals *out, const struct ike_buf *body);
/* At most IKE_WIRE_TS_MAX selectors of known types into ts[]; *n how many. */
enum ike_wire_reason ike_wire_parse_ts(struct ike_ts *ts, unsigned *n, const struct ike_buf *body);
enum ike_wire_reason ike_wire_parse_cp(struct ike_cp *cp, const struct ike_buf *body);
/* The value of the first attribute of this number. false: there is none. */
bool ike_wire_cp_value(const struct ike_buf *body, uint16_t type, struct ike_buf *value);
/* The first notify of a type, NULL: none. */
const struct ike_notify *ike_wire_notify(const struct ike_msg *m, uint16_t type);
/* The first error notify, NULL: none. */
const struct ike_notify *ike_wire_error(const struct ike_msg *m);

/* ---- build: into a caller's buffer; a sticky error in b->w ---- */

struct ike_build {
	struct pack_writer w;
	uint8_t first;  /* type of the first payload */
	size_t next_at; /* where the previous payload's "next payload" octet is; SIZE_MAX: in `first` */
	size_t start;   /* of the payload being built */
};

/* Begin a chain of payloads in buf. */
void ike_wire_build(struct ike_build *b, uint8_t *buf, size_t cap);
/* Begin a whole message: room for the header is left and filled in by ike_wire_finish(). */
void ike_wire_build_msg(struct ike_build *b, uint8_t *buf, size_t cap);
/* Write the header (h->next and h->length are set here). Length of the message, 0 when something didn't fit.
 */
size_t ike_wire_finish(struct ike_build *b, struct ike_hdr *h);
void ike_wire_put_hdr(uint8_t *buf, const struct ike_hdr *h);
void ike_wire_begin(struct ike_build *b, uint8_t type);
void ike_wire_end(struct ike_build *b);

void ike_wire_put_ke(struct ike_build *b, uint16_t group, const uint8_t *pub, size_t len);
/* payload: IKE_PL_CERT or IKE_PL_CERTREQ. */
void ike_wire_put_cert(struct ike_build *b, uint8_t payload, uint8_t encoding, const void *data, size_t len);
void ike_wire_put_nonce(struct ike_build *b, const uint8_t *nonce, size_t len);
void ike_wire_put_id(struct ike_build *b, uint8_t payload, const struct ike_id *id);
void ike_wire_put_auth(struct ike_build *b, uint8_t method, const uint8_t *data, size_t len);
void ike_wire_put_eap(struct ike_build *b, const uint8_t *pkt, size_t len);
/* spi_len 0, 4 or 8. */
void ike_wire_put_notify(struct ike_build *b, uint8_t proto, uint64_t spi, uint8_t spi_len, uint16_t type,
                         const void *data, size_t len);
/* spis NULL: the IKE SA itself. */
void ike_wire_put_delete(struct ike_build *b, uint8_t proto, const uint32_t *spis, unsigned n);
void ike_wire_put_ts(struct ike_build *b, uint8_t payload, const struct ike_ts *ts, unsigned n);
void ike_wire_put_cp(struct ike_build *b, const struct ike_cp *cp);
/* An SA payload: proposals 1..n of one protocol; `num` != 0: one proposal with that number (an answer).
 * `esn`: with an ESN transform. */
void ike_wire_put_sa(struct ike_build *b, uint8_t proto, uint64_t spi, uint8_t spi_len,
                     const struct ike_suite *s, unsigned n, uint8_t num);

#endif
