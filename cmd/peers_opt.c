/* SPDX-License-Identifier: MIT */
/*
 * The command line of `orrery peers`: options, their checks and the help text. Algorithms are spelled as
 * strongSwan and StarOS people write them ("aes128-sha1", "aes256gcm", "modp2048"). Called by peers.c.
 */
#include "cmd/peers.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
        "Usage: orrery peers --count N --server ADDR --psk SECRET [options]\n"
        "Simulated IKEv2 peers: each sets up a tunnel to a gateway and may ping through it.\n"
        "  --count N              peers, 1 to 200000 (default 1)\n"
        "  --server ADDR          address of the gateway\n"
        "  --psk SECRET           pre-shared key\n"
        "  --cert FILE --key FILE proven by certificate (PEM, issuers may follow it; or DER); --ca FILE: so "
        "is the\n"
        "                         gateway, by this CA; without --local-id one peer is the certificate's "
        "subject\n"
        "  --source ADDR[/LEN]    local address, or with /LEN one address per peer from that prefix on\n"
        "                         (the prefix must be local: ip route add local PREFIX dev lo)\n"
        "  --inner ADDR/LEN       inner addresses taken from this prefix instead of asking the gateway\n"
        "  --remote-ts PREFIX     what is asked for behind the gateway (default 0.0.0.0/0)\n"
        "  --id-prefix P          peers are P1, P2 … (default peer-)\n"
        "  --local-id ID          the same identity for all; --remote-id ID: the gateway's, checked\n"
        "  --ike CIPHER-HASH      aes128|aes192|aes256|3des|des-sha1|sha256|sha384|sha512|md5|aesxcbc\n"
        "                         (default aes128-sha1)\n"
        "  --esp ALG              aes128gcm or aes256gcm (gcm8, gcm12: shorter check values), or a cipher of "
        "--ike\n"
        "                         or null with its hash (default aes128gcm)\n"
        "  --dh GROUP             x25519, modp768 to modp8192, ecp256, ecp384 or ecp521 (default x25519)\n"
        "  --pfs                  the same group again for rekeyed child SAs; --esn: 64-bit ESP numbers\n"
        "  --encap                ESP in UDP even without a NAT\n"
        "  --rate R               tunnels started per second; --window W: set-ups in flight (default 64)\n"
        "  --tries T              set-up attempts per peer (default 3), each given up after --setup-timeout "
        "S\n"
        "                         (default 60); --reconnect: again when a tunnel goes down\n"
        "  --ping ADDR            inner address to ping; --pps R: echoes per second and tunnel (default 1)\n"
        "  --size BYTES           of an echo with its IP header, 60 to 1400 (default 60)\n"
        "  --retransmit MS        first time-out of an IKE request, doubling (default 1000)\n"
        "  --rekey S, --rekey-ike S  rekey child and IKE SAs every S seconds; --dpd S: check the gateway "
        "when idle\n"
        "  --control SOCKET       status, list, mark, dpd, rekey, rekey-ike, delete (the last three also "
        "with a\n"
        "                         peer's number), pps R, size BYTES, retransmit MS and stop, one line each\n"
        "  --history FILE         what each peer asked for and saw, a JSON object per line\n"
        "  --once                 leave when all are up; --timeout S: give up then (default 120)\n"
        "  --duration S           leave after S seconds; --json: print the final status as JSON\n";

enum {
	O_COUNT = 256,
	O_SERVER,
	O_PING,
	O_PSK,
	O_CERT,
	O_KEY,
	O_CA,
	O_ID_PREFIX,
	O_LOCAL_ID,
	O_REMOTE_ID,
	O_DH,
	O_IKE,
	O_ESP,
	O_SOURCE,
	O_RATE,
	O_PPS,
	O_SIZE,
	O_RETRANSMIT,
	O_CONTROL,
	O_HISTORY,
	O_REKEY,
	O_REKEY_IKE,
	O_JSON,
	O_ONCE,
	O_ENCAP,
	O_WINDOW,
	O_DPD,
	O_TRIES,
	O_SETUP,
	O_RECONNECT,
	O_DURATION,
	O_TIMEOUT,
	O_INNER,
	O_REMOTE_TS,
	O_PFS,
	O_ESN,
	O_INSTANCE,
	O_VERBOSE,
	O_HELP
};

static const struct option options[] = {
        {"count", 1, NULL, O_COUNT},
        {"server", 1, NULL, O_SERVER},
        {"ping", 1, NULL, O_PING},
        {"psk", 1, NULL, O_PSK},
        {"cert", 1, NULL, O_CERT},
        {"key", 1, NULL, O_KEY},
        {"ca", 1, NULL, O_CA},
        {"id-prefix", 1, NULL, O_ID_PREFIX},
        {"local-id", 1, NULL, O_LOCAL_ID},
        {"remote-id", 1, NULL, O_REMOTE_ID},
        {"dh", 1, NULL, O_DH},
        {"ike", 1, NULL, O_IKE},
        {"esp", 1, NULL, O_ESP},
        {"source", 1, NULL, O_SOURCE},
        {"rate", 1, NULL, O_RATE},
        {"pps", 1, NULL, O_PPS},
        {"size", 1, NULL, O_SIZE},
        {"retransmit", 1, NULL, O_RETRANSMIT},
        {"control", 1, NULL, O_CONTROL},
        {"history", 1, NULL, O_HISTORY},
        {"rekey", 1, NULL, O_REKEY},
        {"rekey-ike", 1, NULL, O_REKEY_IKE},
        {"json", 0, NULL, O_JSON},
        {"once", 0, NULL, O_ONCE},
        {"encap", 0, NULL, O_ENCAP},
        {"window", 1, NULL, O_WINDOW},
        {"dpd", 1, NULL, O_DPD},
        {"tries", 1, NULL, O_TRIES},
        {"setup-timeout", 1, NULL, O_SETUP},
        {"reconnect", 0, NULL, O_RECONNECT},
        {"duration", 1, NULL, O_DURATION},
        {"timeout", 1, NULL, O_TIMEOUT},
        {"inner", 1, NULL, O_INNER},
        {"remote-ts", 1, NULL, O_REMOTE_TS},
        {"pfs", 0, NULL, O_PFS},
        {"esn", 0, NULL, O_ESN},
        {"instance", 1, NULL, O_INSTANCE},
        {"verbose", 0, NULL, O_VERBOSE},
        {"help", 0, NULL, O_HELP},
        {NULL, 0, NULL, 0},
};

struct word {
	const char *name;
	uint16_t a, b;
};

static const struct word groups[] = {
        {"x25519", IKE_GROUP_X25519, 0},
        {"modp2048", IKE_GROUP_MODP2048, 0},
        {"ecp256", IKE_GROUP_ECP256, 0},
        {"modp1024", IKE_GROUP_MODP1024, 0},
        {"modp768", IKE_GROUP_MODP768, 0},
        {"modp1536", IKE_GROUP_MODP1536, 0},
        {"modp3072", IKE_GROUP_MODP3072, 0},
        {"modp4096", IKE_GROUP_MODP4096, 0},
        {"modp6144", IKE_GROUP_MODP6144, 0},
        {"modp8192", IKE_GROUP_MODP8192, 0},
        {"ecp384", IKE_GROUP_ECP384, 0},
        {"ecp521", IKE_GROUP_ECP521, 0},
        {NULL, 0, 0},
};
static const struct word ciphers[] = {
        {"aes128gcm", IKE_ENCR_AES_GCM_16, 128},
        {"aes256gcm", IKE_ENCR_AES_GCM_16, 256},
        {"aes128gcm8", IKE_ENCR_AES_GCM_8, 128},
        {"aes256gcm8", IKE_ENCR_AES_GCM_8, 256},
        {"aes128gcm12", IKE_ENCR_AES_GCM_12, 128},
        {"aes256gcm12", IKE_ENCR_AES_GCM_12, 256},
        {"aes128", IKE_ENCR_AES_CBC, 128},
        {"aes256", IKE_ENCR_AES_CBC, 256},
        {"aes192", IKE_ENCR_AES_CBC, 192},
        {"3des", IKE_ENCR_3DES_CBC, 0},
        {"des", IKE_ENCR_DES_CBC, 0},
        {"null", IKE_ENCR_NULL, 0},
        {NULL, 0, 0},
};
static const struct word hashes[] = {
        {"sha1", IKE_INTEG_HMAC_SHA1_96, IKE_PRF_HMAC_SHA1},
        {"sha256", IKE_INTEG_HMAC_SHA2_256_128, IKE_PRF_HMAC_SHA2_256},
        {"sha384", IKE_INTEG_HMAC_SHA2_384_192, IKE_PRF_HMAC_SHA2_384},
        {"sha512", IKE_INTEG_HMAC_SHA2_512_256, IKE_PRF_HMAC_SHA2_512},
        {"md5", IKE_INTEG_HMAC_MD5_96, IKE_PRF_HMAC_MD5},
        {"aesxcbc", IKE_INTEG_AES_XCBC_96, IKE_PRF_AES128_XCBC},
        {NULL, 0, 0},
};

static const struct word *lookup(const struct word *w, const char *name, size_t len)
{
	for (; w->name; w++)
		if (strlen(w->name) == len && !memcmp(w->name, name, len))
			return w;
	return NULL;
}

static int bad(const char *option, const char *value, const char *legal)
{
	fprintf(stderr, "orrery peers: invalid value \"%s\" for --%s; legal is %s\n", value, option, legal);
	return -EINVAL;
}

#define ESP_LEGAL                                                                                            \
	"aes128gcm|aes256gcm[8|12] or aes128|aes192|aes256|3des|des|null-sha1|sha256|sha384|sha512|md5|"     \
	"aesxcbc"

static int suite(const char *option, const char *text, bool esp, struct ike_suite *s)
{
	const char *dash = strchr(text, '-');
	const struct word *c = lookup(ciphers, text, dash ? (size_t)(dash - text) : strlen(text));
	const struct word *h = dash ? lookup(hashes, dash + 1, strlen(dash + 1)) : NULL;
	struct ike_suite probe = {0};

	if (c && !(dash && !h))
		probe = (struct ike_suite){.encr = c->a,
		                           .encr_bits = c->b,
		                           .integ = h ? h->a : IKE_INTEG_NONE,
		                           .prf = !esp && h ? h->b : 0,
		                           .dh = esp ? s->dh : IKE_GROUP_X25519,
		                           .esn = s->esn};
	if (ike_alg_check(&probe, esp))
		return bad(option, text,
		           esp ? ESP_LEGAL
		               : "aes128|aes192|aes256|3des|des-sha1|sha256|sha384|sha512|md5|aesxcbc");
	probe.dh = s->dh;
	*s = probe;
	return 0;
}

static int number(const char *option, const char *text, uint32_t lo, uint32_t hi, uint32_t *out)
{
	char *end, legal[64];
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (!*text || *end || errno || *text == '-' || v < lo || v > hi) {
		snprintf(legal, sizeof(legal), "%u to %u", lo, hi);
		return bad(option, text, legal);
	}
	*out = (uint32_t)v;
	return 0;
}

static int real(const char *option, const char *text, double hi, double *out)
{
	char *end, legal[64];
	double v = strtod(text, &end);

	if (!*text || *end || !(v >= 0.001) || v > hi) {
		snprintf(legal, sizeof(legal), "0.001 to %.0f", hi);
		return bad(option, text, legal);
	}
	*out = v;
	return 0;
}

static int address(const char *option, const char *text, struct net_addr *a)
{
	return net_addr_parse(a, text) ? bad(option, text, "an IP address") : 0;
}

static int prefix(const char *option, const char *text, struct net_prefix *p)
{
	return net_prefix_parse(p, text) ? bad(option, text, "an IP address or ADDR/LEN") : 0;
}

static int set_addresses(struct peers_opts *o, int c, const char *v)
{
	switch (c) {
	case O_SERVER:
		return address("server", v, &o->server);
	case O_PING:
		return address("ping", v, &o->ping);
	case O_SOURCE:
		o->many_sources = strchr(v, '/') != NULL;
		return prefix("source", v, &o->source);
	case O_INNER:
		return prefix("inner", v, &o->inner);
	default:
		return prefix("remote-ts", v, &o->remote_ts);
	}
}

static int set_numbers(struct peers_opts *o, int c, const char *v)
{
	switch (c) {
	case O_COUNT:
		return number("count", v, 1, PEERS_MAX, &o->count);
	case O_WINDOW:
		return number("window", v, 1, PEERS_MAX, &o->window);
	case O_REKEY:
		return number("rekey", v, 1, 10000000, &o->rekey_s);
	case O_REKEY_IKE:
		return number("rekey-ike", v, 1, 10000000, &o->rekey_ike_s);
	case O_DPD:
		return number("dpd", v, 1, 86400, &o->dpd_s);
	case O_TRIES:
		return number("tries", v, 1, 1000000, &o->tries);
	case O_SETUP:
		return number("setup-timeout", v, 1, 3600, &o->setup_s);
	case O_DURATION:
		return number("duration", v, 1, 100000000, &o->duration_s);
	case O_TIMEOUT:
		return number("timeout", v, 1, 100000000, &o->timeout_s);
	case O_INSTANCE:
		return number("instance", v, 1, 255, &o->instance);
	case O_RETRANSMIT:
		return number("retransmit", v, PEERS_RETRANSMIT_MIN, PEERS_RETRANSMIT_MAX, &o->retransmit_ms);
	case O_SIZE:
		return number("size", v, PEERS_ECHO_MIN, PEERS_ECHO_MAX, &o->size);
	case O_RATE:
		return real("rate", v, 100000, &o->rate);
	default:
		return real("pps", v, 100000, &o->pps);
	}
}

static int set_words(struct peers_opts *o, int c, char *v, bool *pfs)
{
	const struct word *g;

	switch (c) {
	case O_PSK:
		if (!*v || strlen(v) > 255)
			return bad("psk", "…", "1 to 255 characters");
		o->psk = v;
		return 0;
	case O_CERT:
	case O_KEY:
	case O_CA:
		*(c == O_CERT ? &o->cert : c == O_KEY ? &o->key : &o->ca) = v;
		return 0;
	case O_ID_PREFIX:
		if (!*v || strlen(v) > 118)
			return bad("id-prefix", v, "1 to 118 characters");
		o->id_prefix = v;
		return 0;
	case O_LOCAL_ID:
	case O_REMOTE_ID:
		if (!*v || strlen(v) > 128)
			return bad(c == O_LOCAL_ID ? "local-id" : "remote-id", v, "1 to 128 characters");
		*(c == O_LOCAL_ID ? &o->local_id : &o->remote_id) = v;
		return 0;
	case O_DH:
		g = lookup(groups, v, strlen(v));
		if (!g)
			return bad("dh", v,
			           "x25519, modp768|1024|1536|2048|3072|4096|6144|8192 or ecp256|384|521");
		o->ike.dh = g->a;
		return 0;
	case O_PFS:
		*pfs = true;
		return 0;
	case O_ESN:
		o->esp.esn = 1;
		return 0;
	default:
		return suite(c == O_IKE ? "ike" : "esp", v, c == O_ESP, c == O_IKE ? &o->ike : &o->esp);
	}
}

static int set(struct peers_opts *o, int c, char *v, bool *pfs)
{
	switch (c) {
	case O_SERVER:
	case O_PING:
	case O_SOURCE:
	case O_INNER:
	case O_REMOTE_TS:
		return set_addresses(o, c, v);
	case O_PSK:
	case O_CERT:
	case O_KEY:
	case O_CA:
	case O_ID_PREFIX:
	case O_LOCAL_ID:
	case O_REMOTE_ID:
	case O_DH:
	case O_IKE:
	case O_ESP:
	case O_PFS:
	case O_ESN:
		return set_words(o, c, v, pfs);
	case O_HISTORY:
		o->history = v;
		return 0;
	case O_CONTROL:
		if (strlen(v) >= 108)
			return bad("control", v, "a path of less than 108 characters");
		o->control = v;
		return 0;
	case O_JSON:
		o->json = true;
		return 0;
	case O_ONCE:
		o->once = true;
		return 0;
	case O_ENCAP:
		o->encap = true;
		return 0;
	case O_RECONNECT:
		o->reconnect = true;
		return 0;
	case O_VERBOSE:
		o->verbose = true;
		return 0;
	default:
		return set_numbers(o, c, v);
	}
}

/* What single options can't say: things missing and things that do not go together. */
static int check(const struct peers_opts *o)
{
	const char *why = NULL;

	if (!net_addr_is_set(&o->server))
		why = "--server ADDR is missing";
	else if (!o->cert != !o->key)
		why = "--cert FILE and --key FILE belong together";
	else if (!o->psk && (!o->cert || !o->ca))
		why = "--psk SECRET is missing, or --cert, --key and --ca";
	else if (o->source.addr.family && o->source.addr.family != o->server.family)
		why = "--source and --server are of different address families";
	else if (o->ping.family == AF_INET6 || o->inner.addr.family == AF_INET6)
		why = "--ping and --inner take IPv4 addresses only";
	else if (o->local_id && o->count > 1)
		why = "--local-id goes with --count 1 only; use --id-prefix";
	if (!why)
		return 0;
	fprintf(stderr, "orrery peers: %s\n", why);
	return -EINVAL;
}

int peers_opt_parse(struct peers_opts *o, int argc, char **argv)
{
	bool pfs = false;
	int c, err;

	*o = (struct peers_opts){.count = 1,
	                         .id_prefix = "peer-",
	                         .pps = 1,
	                         .tries = 3,
	                         .setup_s = 60,
	                         .timeout_s = 120,
	                         .size = PEERS_ECHO_MIN,
	                         .retransmit_ms = 1000};
	o->ike = (struct ike_suite){IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96,
	                            IKE_GROUP_X25519, 0};
	o->esp = (struct ike_suite){IKE_ENCR_AES_GCM_16, 128, 0, IKE_INTEG_NONE, 0, 0};
	optind = 1;
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == O_HELP) {
			fputs(help_text, stdout);
			return 1;
		}
		if (c == '?')
			return -EINVAL;
		err = set(o, c, optarg, &pfs);
		if (err)
			return err;
	}
	if (optind < argc) {
		fprintf(stderr, "orrery peers: unexpected argument \"%s\"\n", argv[optind]);
		return -EINVAL;
	}
	if (pfs)
		o->esp.dh = o->ike.dh;
	if (!o->window)
		o->window = o->rate > 0 ? PEERS_MAX : 64;
	while (!o->instance)
		o->instance = random_u32() & 0xff;
	return check(o);
}
