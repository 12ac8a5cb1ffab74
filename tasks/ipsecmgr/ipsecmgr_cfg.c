/* SPDX-License-Identifier: MIT */
/*
 * From the configuration tree to IKE policies: one per wsg-service that is bound to an address with a crypto
 * template that exists and can be used. Desired-state style: the whole list is built anew and compared with
 * the present one; SAs that exist go on. Names and units are those of cli/grammar/40-crypto.grm and
 * 50-wsg.grm. Called by ipsecmgr_serve.c.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "base/log.h"
#include "cfg/cfg.h"
#include "ike/ike_crypto.h"
#include "pki/pki.h"
#include "place/place.h"
#include "secret/secret.h"
#include "vpn/vpn_context.h"

#define LEAVE_MS 5000

struct build {
	const struct cfg_tree *tree;
	const struct cfg_node *ctx, *svc, *tmpl;
	struct ipsecmgr_policy *p;
	const char *state_dir;        /* NULL: no files */
	const struct secret_key *key; /* the chassis', NULL: secrets are in clear */
	void (*problem)(void *arg, const char *text);
	void *arg;
	bool network_keys; /* a network of peers has a key of its own */
};

static void __attribute__((format(printf, 2, 3))) complain(const struct build *b, const char *fmt, ...)
{
	char text[512];
	int n;
	va_list ap;

	n = snprintf(text, sizeof(text), "context %s %s %s: ", cfg_key(b->ctx, 0),
	             b->svc ? "wsg-service" : "crypto map", cfg_key(b->svc ? b->svc : b->tmpl, 0));
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	if (b->problem)
		b->problem(b->arg, text);
}

/* --- algorithms
 * ------------------------------------------------------------------------------------------------------------
 */

/* One transform set as a suite. False (and a complaint) when we cannot do it. set NULL: StarOS's defaults. */
static bool read_suite(const struct build *b, const struct cfg_node *set, bool child, struct ike_suite *s)
{
	const char *encr = cfg_get(b->tree, set, "encryption", "encryption"),
	           *hmac = cfg_get(b->tree, set, "hmac", "hmac");
	const char *prf = child ? NULL : cfg_get(b->tree, set, "prf", "prf"),
	           *group = cfg_get(b->tree, set, "group", "group");
	const struct ike_alg_encr *e = ike_alg_encr_named(encr);
	const struct ike_alg_integ *h = ike_alg_integ_named(hmac);
	const struct ike_alg_prf *p = ike_alg_prf_named(prf);

	if (!e || (!h && !e->icv) || (!child && !p)) {
		complain(b, "transform set %s: %s %s %s is not supported", cfg_key(set, 0), encr ? encr : "-",
		         hmac ? hmac : "-", prf ? prf : "");
		return false;
	}
	*s = (struct ike_suite){.encr = e->id,
	                        .encr_bits = e->bits,
	                        .integ = e->icv ? IKE_INTEG_NONE : h->id,
	                        .prf = p ? p->id : 0,
	                        .esn = child && cfg_on(b->tree, set, "esn"),
	                        .dh = group ? (uint16_t)strtoul(group, NULL, 10) : 0}; /* "none": 0 */
	if (ike_alg_check(s, child)) {
		complain(b, "transform set %s: its combination of algorithms is not supported",
		         cfg_key(set, 0));
		return false;
	}
	return true;
}

/* The sets named in a list of `block`. Returns the number of suites; the lifetime of the first set goes to
 * *lifetime. */
static unsigned read_suites(const struct build *b, const struct cfg_node *block, bool child,
                            struct ike_suite *out, uint32_t *lifetime)
{
	static const struct ike_suite dflt[2] = {
	        {IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96, IKE_GROUP_MODP1024, 0},
	        {IKE_ENCR_AES_CBC, 128, 0, IKE_INTEG_HMAC_SHA1_96, IKE_GROUP_NONE, 0},
	};
	const char *row = child ? "ipsec-transform-set" : "ikev2-ikesa-transform-set", *name;
	const struct cfg_node *list = cfg_child(
	        b->tree, block, child ? "ipsec-transform-set-list" : "ikev2-ikesa-transform-set-list", NULL);
	const struct cfg_node *set;
	unsigned i, n = 0;

	if (!list || list->negated) {
		out[0] = dflt[child];
		return 1;
	}
	for (i = 0; (name = cfg_arg_nth(list, "set", i)) && n < IKE_MAX_SUITES; i++) {
		set = cfg_child_named(b->tree, b->ctx, row, name);
		if (!set)
			complain(b, "transform set %s does not exist", name);
		else if (read_suite(b, set, child, &out[n])) {
			if (!n && lifetime)
				*lifetime = (uint32_t)cfg_get_int(b->tree, set, "lifetime", "seconds", 86400);
			n++;
		}
	}
	return n;
}

unsigned ipsecmgr_cfg_suites(const struct cfg_tree *tree, const struct cfg_node *ctx,
                             const struct cfg_node *block, bool child, struct ike_suite *out,
                             uint32_t *lifetime)
{
	struct build b = {.tree = tree, .ctx = ctx, .svc = ctx};

	return read_suites(&b, block, child, out, lifetime);
}

/* --- the parts of a policy
 * -------------------------------------------------------------------------------------------------------- */

/* How one side is proven, as a template or an auth-method-set says. */
struct side {
	bool known, cert, eap;
	const char *key; /* pre-shared, perhaps sealed; NULL: none */
};

/* A profile passes EAP on to the servers of the context; another kind can't be used. */
static bool eap_usable(const struct build *b, const char *profile)
{
	const struct cfg_node *n = profile ? cfg_child_named(b->tree, b->ctx, "eap-profile", profile) : NULL;
	const char *mode = n ? cfg_get(b->tree, n, "mode", "mode") : NULL;

	if (!n)
		complain(b, "eap-profile %s does not exist", profile ? profile : "");
	else if (mode && !strcmp(mode, "authenticator-terminate"))
		complain(b,
		         "eap-profile %s: mode authenticator-terminate is not supported, EAP is passed on "
		         "only",
		         profile);
	else
		return true;
	return false;
}

/* One key of a template may count for both sides. */
static struct side read_side(const struct build *b, const struct cfg_node *block, const char *row)
{
	const struct cfg_node *n = cfg_child(b->tree, block, row, NULL);
	const char *method = n ? cfg_arg(n, "method") : NULL;

	if (method && !strcmp(method, "certificate"))
		return (struct side){.known = true, .cert = true};
	if (!n && !strcmp(row, "authentication-remote"))
		n = cfg_child(b->tree, block, "authentication-eap-profile", NULL);
	if (n && cfg_arg(n, "second"))
		complain(b, "second-phase eap-profile %s is not used: peers are authenticated once",
		         cfg_arg(n, "second"));
	if (n && cfg_arg(n, "eap-profile"))
		return (struct side){.known = eap_usable(b, cfg_arg(n, "eap-profile")), .eap = true};
	if (!n)
		n = cfg_child(b->tree, block, "authentication-pre-shared-key", NULL);
	return (struct side){.known = n != NULL, .key = n ? cfg_arg(n, "key") : NULL};
}

/* A key in clear, into out. Returns its length; 0: none, or sealed elsewhere. */
static size_t open_key(const struct build *b, const char *key, uint8_t out[IKE_PSK_MAX])
{
	char clear[IKE_PSK_MAX + 1] = "";
	size_t len;

	if (!key)
		return 0;
	if (secret_is_sealed(key)) {
		if (!b->key || secret_unseal(b->key, key, clear, sizeof(clear))) {
			complain(b, "crypto template %s: its key was not sealed by this chassis",
			         cfg_key(b->tmpl, 0));
			clear[0] = '\0';
		}
	} else {
		snprintf(clear, sizeof(clear), "%s", key);
	}
	len = strlen(clear);
	memcpy(out, clear, len);
	OPENSSL_cleanse(clear, sizeof(clear));
	return len;
}

/* Certificates by hash and URL: whether at all, and where ours is (chapter 15). */
static void read_hash_url(const struct build *b, const char *name, const struct cfg_node *cert)
{
	const char *url = cert ? cfg_arg(cert, "hash-url") : NULL;
	struct ike_policy *pol = &b->p->pol;

	pol->hash_url = cfg_on(b->tree, b->tmpl, "allow-cert-enc-cert-hash-url");
	if (!pol->hash_url || !url)
		return;
	if (strncasecmp(url, "http://", 7) || strlen(url) >= sizeof(pol->own_url))
		complain(b, "certificate %s: peers fetch by http only, its cert-hash-url is not used", name);
	else
		snprintf(pol->own_url, sizeof(pol->own_url), "%s", url);
}

/* What certificates need: ours, and the CAs of peers. */
static void read_certs(const struct build *b)
{
	struct ipsecmgr_cert_env env = {.tree = b->tree,
	                                .state_dir = b->state_dir,
	                                .key = b->key,
	                                .problem = b->problem,
	                                .arg = b->arg};
	const char *name = cfg_get(b->tree, b->tmpl, "certificate", "certificate"),
	           *sign = cfg_get(b->tree, b->tmpl, "ikev2-ikesa-cert-sign", "padding");
	const struct cfg_node *size = cfg_child(b->tree, b->tmpl, "ikev2-ikesa-ddos-max-cert-size", NULL),
	                      *pem = cfg_child(b->tree, b->tmpl, "pem-url", NULL), *used = NULL;
	struct ike_policy *pol = &b->p->pol;

	pol->trust = ipsecmgr_cert_trust(&env, b->tmpl);
	if (name)
		pol->own = ipsecmgr_cert_own(&env, name, pem, pol->trust, &used);
	pol->own_validate = name && cfg_has(cfg_child(b->tree, b->tmpl, "certificate", NULL), "validate");
	if (pol->own && pol->own_validate)
		ipsecmgr_cert_validate(&env, name, pol->own, pol->trust);
	read_hash_url(b, name, used);
	pol->cert_pss = sign && !strcmp(sign, "pkcs2.0");
	/* in force without a line as well (chapter 19) */
	pol->max_cert_size = size && size->negated
	                             ? 0
	                             : (uint16_t)cfg_get_int(b->tree, b->tmpl,
	                                                     "ikev2-ikesa-ddos-max-cert-size", "bytes", 2048);
}

/* One more way to authenticate. set NULL: the template's own. */
static void add_way(const struct build *b, const char *set, struct side local, struct side remote)
{
	struct ike_policy *pol = &b->p->pol;
	struct ike_auth_set *a = &pol->auth[pol->n_auth];
	size_t len;

	if ((local.cert && !pol->own) || (remote.cert && !pki_trust_cas(pol->trust))) {
		complain(b, "%s %s: %s is missing or can not be used",
		         set      ? "auth-method-set"
		         : b->svc ? "crypto template"
		                  : "crypto map",
		         set ? set : cfg_key(b->tmpl, 0),
		         local.cert && !pol->own ? "certificate" : "ca-certificate list or ca-crl list");
		return;
	}
	*a = (struct ike_auth_set){
	        .local_cert = local.cert, .remote_cert = remote.cert, .remote_eap = remote.eap};
	len = open_key(b, remote.key, a->psk);
	a->psk_len = (uint8_t)len;
	len = open_key(b, local.key, a->psk_local);
	a->psk_local_len = (uint8_t)len;
	if ((!remote.cert && !remote.eap && !a->psk_len && !b->p->remote_secrets && !b->network_keys) ||
	    (!local.cert && !a->psk_local_len && !b->network_keys))
		OPENSSL_cleanse(a, sizeof(*a));
	else
		pol->n_auth++;
}

/* The ways of the list (chapter 1). The template's own side counts where a set does not name it. */
static void read_sets(const struct build *b, struct side local, struct side remote)
{
	const struct cfg_node *list = cfg_child(b->tree, b->tmpl, "ikev2-ikesa-auth-method-set-list", NULL),
	                      *set;
	struct side l, r;
	const char *name;

	for (unsigned i = 0; list && i < IKE_MAX_AUTH_SETS - 1 && (name = cfg_arg_nth(list, "set", i)); i++) {
		set = cfg_child_named(b->tree, b->ctx, "ikev2-ikesa-auth-method-set", name);
		if (!set) {
			complain(b, "auth-method-set %s does not exist", name);
			continue;
		}
		l = read_side(b, set, "authentication-local");
		r = read_side(b, set, "authentication-remote");
		if (!r.known && r.eap)
			continue;
		if (!l.known)
			l = local;
		if (!r.known)
			r = remote;
		/* of one method at both places the template's counts */
		if (l.key && local.key)
			l.key = local.key;
		if (r.key && remote.key)
			r.key = remote.key;
		if (l.known && r.known)
			add_way(b, name, l, r);
		else
			complain(b, "auth-method-set %s names one side only", name);
	}
}

/* One way by pre-shared keys: as the policy's own keys. */
static void fold_keys(struct ike_policy *pol)
{
	struct ike_auth_set *a = &pol->auth[0];

	if (pol->n_auth != 1 || a->local_cert || a->remote_cert || a->remote_eap)
		return;
	pol->psk_len = a->psk_len;
	memcpy(pol->psk, a->psk, sizeof(pol->psk));
	if (a->psk_len != a->psk_local_len || memcmp(a->psk, a->psk_local, a->psk_len) != 0) {
		pol->psk_local_len = a->psk_local_len;
		memcpy(pol->psk_local, a->psk_local, sizeof(pol->psk_local));
	}
	OPENSSL_cleanse(a, sizeof(*a));
	pol->n_auth = 0;
}

static bool read_auth(struct build *b)
{
	struct side local = read_side(b, b->tmpl, "authentication-local"),
	            remote = read_side(b, b->tmpl, "authentication-remote");
	bool sets = cfg_child(b->tree, b->tmpl, "ikev2-ikesa-auth-method-set-list", NULL);
	struct ike_policy *pol = &b->p->pol;
	bool ok;

	if (ipsecmgr_peers_read(b->tmpl, b->key, b->p, &b->network_keys))
		complain(b, "crypto %s %s: a peer network cannot be used", b->svc ? "template" : "map",
		         cfg_key(b->tmpl, 0));
	/* a key per network may be all there is */
	if (b->network_keys && !sets && !remote.eap)
		local.known = remote.known = true;
	b->p->remote_secrets = cfg_child(b->tree, b->tmpl, "remote-secret-list", NULL) != NULL;
	if (!sets && !remote.eap && local.known != remote.known &&
	    !(local.known ? local : remote).cert) { /* one key for both */
		local = local.known ? local : remote;
		remote = remote.known ? remote : local;
	}
	read_certs(b);
	if (local.known && remote.known)
		add_way(b, NULL, local, remote);
	read_sets(b, local, remote);
	ok = pol->n_auth > 0;
	if (!ok)
		complain(b, "crypto %s %s has no way to authenticate that can be used",
		         b->svc ? "template" : "map", cfg_key(b->tmpl, 0));
	fold_keys(pol);
	return ok;
}

static void read_identity(const struct build *b)
{
	struct ike_policy *pol = &b->p->pol;
	const struct cfg_node *n = cfg_child(b->tree, b->tmpl, "identity-local-id-type", NULL);
	const char *id = n ? cfg_arg(n, "id") : NULL, *type = n ? cfg_arg(n, "id-type") : NULL;

	if (!id) {
		n = cfg_child(b->tree, b->tmpl, "nai-idr", NULL);
		id = n ? cfg_arg(n, "idr") : NULL;
		type = n ? cfg_arg(n, "id-type") : NULL;
	}
	if (!id)
		return;
	/* without a type an address, something with an @, or a name says what it is */
	if (type ? access_id_configured(&pol->local_id, type, id) : ike_id_parse(&pol->local_id, id)) {
		memset(&pol->local_id, 0, sizeof(pol->local_id));
		complain(b, "identity %s cannot be used", id);
	}
}

/* A limit of `ikev2-ikesa ddos`: `no …` switches it off. */
static uint32_t limit(const struct build *b, const char *row, const char *var, uint32_t dflt)
{
	const struct cfg_node *n = cfg_child(b->tree, b->tmpl, row, NULL);

	return n && n->negated ? IKE_UNLIMITED : (uint32_t)cfg_get_int(b->tree, b->tmpl, row, var, dflt);
}

/* Chapters 13 and 19. */
static void read_protection(const struct build *b)
{
	const struct cfg_node *cookie = cfg_child(b->tree, b->tmpl, "dos-cookie-challenge-notify-payload",
	                                          NULL),
	                      *busy = cfg_child(b->tree, b->tmpl, "ikev2-ikesa-policy-congestion-rejection",
	                                        NULL);
	struct ike_policy *pol = &b->p->pol;

	pol->half_open_s = limit(b, "ikev2-ikesa-ddos-half-open-sa-timer", "seconds", 60);
	pol->decrypt_fail_max = limit(b, "ikev2-ikesa-ddos-decrypt-fail-count", "count", 30);
	pol->rekey_rate = limit(b, "ikev2-ikesa-ddos-rekey-rate", "rate", 5);
	pol->queue_max = limit(b, "ikev2-ikesa-ddos-message-queue-size", "messages", 20);
	pol->cookie_challenge = cookie && !cookie->negated;
	if (pol->cookie_challenge) {
		b->p->cookie_on = (uint32_t)cfg_arg_int(cookie, "start", 5000);
		b->p->cookie_off = (uint32_t)cfg_arg_int(cookie, "stop", b->p->cookie_on / 2);
		b->p->cookie_always = !b->p->cookie_on;
	}
	pol->congestion_reject = busy && !busy->negated;
	if (pol->congestion_reject)
		pol->congestion_notify = (uint16_t)cfg_arg_int(busy, "value", 0);
	b->p->list = cfg_on(b->tree, b->tmpl, "blacklist")   ? IPSECMGR_BLACKLIST
	             : cfg_on(b->tree, b->tmpl, "whitelist") ? IPSECMGR_WHITELIST
	                                                     : IPSECMGR_NO_LIST;
}

/* Chapter 8, natt: always ESP in UDP, and keepalives for the sake of the NAT between. */
static void read_natt(const struct build *b)
{
	const struct cfg_node *natt = cfg_child(b->tree, b->tmpl, "natt", NULL);
	struct ike_policy *pol = &b->p->pol;

	if (!natt || natt->negated)
		return;
	pol->force_encap = cfg_has(natt, "include-header");
	if (!cfg_has(natt, "send-keepalive"))
		return;
	pol->natt_idle_s = (uint32_t)cfg_arg_int(natt, "idle", 60);
	pol->natt_interval_s = (uint32_t)cfg_arg_int(natt, "interval", 60);
}

static void read_template(const struct build *b)
{
	const char *dscp, *dns;
	struct ike_policy *pol = &b->p->pol;
	const struct cfg_tree *t = b->tree;
	const struct cfg_node *x = b->tmpl, *keep = cfg_child(t, x, "keepalive", NULL), *frag, *mobike,
	                      *device;

	read_identity(b);
	frag = cfg_child(t, x, "ikev2-ikesa-fragmentation", NULL);
	pol->no_fragmentation = frag && frag->negated;
	dscp = cfg_get(t, x, "ikev2-ikesa-dscp", "dscp");
	pol->dscp = dscp ? (uint8_t)strtoul(dscp, NULL, 16) : 0;
	mobike = cfg_child(t, x, "ikev2-ikesa-mobike", NULL);
	/* of subscribers only (chapter 18) */
	pol->mobike = mobike && !mobike->negated && !b->p->site_to_site;
	pol->mobike_cookie = pol->mobike && cfg_arg(mobike, "cookie-challenge");
	pol->mtu4 = (uint16_t)cfg_get_int(t, x, "ip-ikev2-mtu", "bytes", 1384);
	pol->mtu6 = (uint16_t)cfg_get_int(t, x, "ipv6-ikev2-mtu", "bytes", 1364);
	device = cfg_child(t, x, "notify-payload-device-id", NULL);
	pol->device_id = !device || !device->negated;
	ipsecmgr_payload_attributes(t, x, pol);
	pol->allow_empty = cfg_on(t, x, "ikev2-ikesa-allow-empty-ikesa");
	pol->max_retrans = (uint32_t)cfg_get_int(t, x, "ikev2-ikesa-max-retransmissions", "count", 5);
	pol->setup_timer_s = (uint32_t)cfg_get_int(t, x, "ikev2-ikesa-setup-timer", "seconds", 60);
	read_protection(b);
	ipsecmgr_payload_template(b->tree, b->ctx, b->tmpl, pol);
	read_natt(b);
	if (keep && !keep->negated) {
		pol->dpd_interval_s = (uint32_t)cfg_arg_int(keep, "interval", 10);
		pol->dpd_timeout_s = (uint32_t)cfg_arg_int(keep, "timeout", 10);
		pol->dpd_retries = (uint32_t)cfg_arg_int(keep, "retries", 2);
	}
	pol->ignore_ike_rekey = cfg_on(t, x, "ikev2-ikesa-ignore-rekeying-requests");
	pol->custom_idr = cfg_on(t, x, "allow-custom-fqdn-idr");
	dns = cfg_get(t, x, "dns-handling", "kind");
	pol->dns_as_asked = dns && !strcmp(dns, "custom");
	pol->use_received_idr = cfg_on(t, x, "nai-use-received-idr");
}

/* The payloads whose algorithms can be used (chapters 8, 11 and 15). */
static bool read_payloads(const struct build *b)
{
	struct ike_policy *pol = &b->p->pol;
	const struct cfg_node *n;
	bool any = false;

	cfg_foreach(n, b->tmpl, "payload")
	{
		struct ike_payload *y = &pol->payload[pol->n_payload];

		any = true;
		if (pol->n_payload == IKE_MAX_PAYLOADS)
			break;
		y->n_esp = read_suites(b, n, true, y->esp, NULL);
		if (!y->n_esp)
			continue;
		ipsecmgr_payload_read(b->tree, n, y);
		y->ts_as_asked = b->p->remote_access;
		if (b->p->site_to_site)
			y->assign_address = false;
		pol->n_payload++;
	}
	if (!any)
		complain(b, "crypto template %s has no payload", cfg_key(b->tmpl, 0));
	return pol->n_payload > 0;
}

/* Lengths of inner packets, and the outer header (chapter 8); of services also chapter 9's pre_fragment. */
static void read_sizes(const struct build *b)
{
	const char *df = cfg_get(b->tree, b->tmpl, "control-dont-fragment", "action");
	struct ipsecmgr_policy *p = b->p;

	p->mtu4 = (uint32_t)cfg_get_int(b->tree, b->tmpl, "ip-mtu", "bytes", 1438);
	p->mtu6 = (uint32_t)cfg_get_int(b->tree, b->tmpl, "ipv6-mtu", "bytes", 1422);
	p->pre_fragment = b->svc ? (uint32_t)cfg_get_int(b->tree, b->svc, "pre-fragment-mtu", "bytes", 0) : 0;
	p->dont_fragment = df && !strcmp(df, "set-bit") ? 1 : df && !strcmp(df, "clear-bit") ? 2 : 0;
}

/* --- services
 * --------------------------------------------------------------------------------------------------------------------------
 */

/* Who it is, and how it goes on with what is up. */
static bool read_bind(struct build *b, const struct cfg_node *bind)
{
	struct ipsecmgr_policy *p = b->p;
	const char *text = cfg_arg(bind, "address"), *name = cfg_arg(bind, "template"), *mode, *pool;

	if (!text || net_addr_parse(&p->pol.local, text) || !name) {
		complain(b, "its bind cannot be used");
		return false;
	}
	b->tmpl = cfg_child_named(b->tree, b->ctx, "crypto-template", name);
	if (!b->tmpl) {
		complain(b, "crypto template %s does not exist", name);
		return false;
	}
	if (!strcmp(cfg_arg(b->tmpl, "type"), "ikev2-vendor")) {
		complain(b, "crypto template %s is a vendor template", name);
		return false;
	}
	snprintf(p->context, sizeof(p->context), "%s", cfg_key(b->ctx, 0));
	snprintf(p->service, sizeof(p->service), "%s", cfg_key(b->svc, 0));
	snprintf(p->template, sizeof(p->template), "%s", name);
	snprintf(p->counter_key, sizeof(p->counter_key), "%.79s/%.127s", p->context, name);
	pool = cfg_get(b->tree, b->svc, "ip-address-pool", "pool");
	snprintf(p->pool, sizeof(p->pool), "%s", pool ? pool : "");
	pool = cfg_get(b->tree, b->svc, "ipv6-address-prefix-pool", "pool");
	snprintf(p->pool6, sizeof(p->pool6), "%s", pool ? pool : "");
	mode = cfg_get(b->tree, b->svc, "deployment-mode", "mode");
	p->site_to_site = mode && !strcmp(mode, "site-to-site");
	p->remote_access = mode && !strcmp(mode, "remote-access");
	p->one_session = cfg_on(b->tree, b->svc, "duplicate-session-detection");
	ipsecmgr_vendor_read(b->tree, b->ctx, b->tmpl, p);
	snprintf(p->pol.name, sizeof(p->pol.name), "%.60s/%.63s", p->context, p->service);
	p->pol.ctx_id = p->ctx;
	ipsecmgr_callee_read(b->tree, b->ctx, b->svc, p);
	p->pol.ask_session = true;
	p->pol.ike_lifetime_s = 86400;
	return true;
}

static bool read_service(struct build *b, const struct cfg_node *bind)
{
	struct ipsecmgr_policy *p = b->p;

	if (!read_bind(b, bind) || !read_auth(b) || !read_payloads(b))
		return false;
	read_template(b);
	read_sizes(b);
	p->pol.n_ike = read_suites(b, b->tmpl, false, p->pol.ike, &p->pol.ike_lifetime_s);
	return p->pol.n_ike > 0;
}

/* Payloads by their names, with StarOS's algorithms where their own can't be used. */
static void read_any_payloads(const struct build *b)
{
	static const struct ike_suite dflt = {IKE_ENCR_AES_CBC, 128, 0, IKE_INTEG_HMAC_SHA1_96, 0, 0};
	struct ike_policy *pol = &b->p->pol;
	const struct cfg_node *n = cfg_first(b->tmpl, "payload");

	do {
		struct ike_payload *y = &pol->payload[pol->n_payload++];

		y->n_esp = n ? read_suites(b, n, true, y->esp, NULL) : 0;
		if (!y->n_esp)
			y->esp[y->n_esp++] = dflt;
		if (n)
			ipsecmgr_payload_read(b->tree, n, y);
		n = n ? cfg_next(n, "payload") : NULL;
	} while (n && pol->n_payload < IKE_MAX_PAYLOADS);
}

struct ipsecmgr_policy *ipsecmgr_cfg_frozen(const struct cfg_tree *tree, const struct cfg_node *ctx,
                                            const struct cfg_node *svc, const struct cfg_node *bind)
{
	static const struct ike_suite dflt = {
	        IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96, IKE_GROUP_MODP1024, 0};
	struct ipsecmgr_policy *p = calloc(1, sizeof(*p));
	struct build b = {.tree = tree, .ctx = ctx, .svc = svc, .p = p};

	if (!p)
		return NULL;
	p->ctx = vpn_context_id(tree, cfg_key(ctx, 0));
	if (!read_bind(&b, bind)) {
		ipsecmgr_cfg_free(p);
		return NULL;
	}
	ipsecmgr_callee_free(p->callees);
	p->callees = NULL;
	p->frozen = true;
	p->pol.psk_len = IKE_PSK_MAX; /* nobody's */
	random_bytes(p->pol.psk, p->pol.psk_len);
	read_any_payloads(&b);
	read_template(&b);
	read_sizes(&b);
	p->pol.n_ike = read_suites(&b, b.tmpl, false, p->pol.ike, &p->pol.ike_lifetime_s);
	if (!p->pol.n_ike)
		p->pol.ike[p->pol.n_ike++] = dflt;
	return p;
}

/* The payload of a map says what its child SAs are; the access lists, which there are. */
static bool read_map_payload(const struct build *b)
{
	const struct cfg_node *payload = cfg_first(b->tmpl, "payload");
	struct ike_payload *y = &b->p->pol.payload[0];

	if (!payload) {
		complain(b, "it has no payload");
		return false;
	}
	ipsecmgr_payload_read(b->tree, payload, y);
	y->n_esp = read_suites(b, payload, true, y->esp, NULL);
	y->rekey |= cfg_on(b->tree, b->tmpl, "rekey");
	y->max_children = 1;
	return y->n_esp > 0;
}

bool ipsecmgr_cfg_map(const struct ipsecmgr_cert_env *e, const struct cfg_node *ctx,
                      const struct cfg_node *map, struct ipsecmgr_policy *p)
{
	struct build b = {.tree = e->tree,
	                  .ctx = ctx,
	                  .tmpl = map,
	                  .p = p,
	                  .state_dir = e->state_dir,
	                  .key = e->key,
	                  .problem = e->problem,
	                  .arg = e->arg};

	p->pol.ike_lifetime_s = 86400;
	if (!read_auth(&b) || !read_map_payload(&b))
		return false;
	read_template(&b);
	read_sizes(&b);
	p->pol.max_childsa = 0; /* its rules are the limit */
	p->pol.n_ike = read_suites(&b, map, false, p->pol.ike, &p->pol.ike_lifetime_s);
	return p->pol.n_ike > 0;
}

struct ipsecmgr_policy *ipsecmgr_cfg_build(const struct cfg_tree *tree, const char *state_dir,
                                           const struct secret_key *key,
                                           void (*problem)(void *arg, const char *text), void *arg)
{
	struct ipsecmgr_policy *list = NULL, **end = &list;
	struct build b = {.tree = tree, .state_dir = state_dir, .key = key, .problem = problem, .arg = arg};
	struct cfg_node *ctx, *svc;

	cfg_foreach(ctx, tree->root, "context")
	{
		b.ctx = ctx;
		cfg_foreach(svc, ctx, "wsg-service")
		{
			const struct cfg_node *bind = cfg_child(tree, svc, "bind-address", NULL);

			if (!bind || bind->negated)
				continue;
			b.svc = svc;
			b.p = calloc(1, sizeof(*b.p));
			if (!b.p) {
				complain(&b, "no memory");
				continue;
			}
			b.p->ctx = vpn_context_id(tree, cfg_key(ctx, 0));
			if (!read_service(&b, bind)) {
				ipsecmgr_cfg_free(b.p);
				continue;
			}
			*end = b.p;
			end = &b.p->next;
		}
	}
	return list;
}

void ipsecmgr_cfg_free(struct ipsecmgr_policy *list)
{
	while (list) {
		struct ipsecmgr_policy *next = list->next;

		OPENSSL_cleanse(list->pol.psk, sizeof(list->pol.psk));
		OPENSSL_cleanse(list->pol.psk_local, sizeof(list->pol.psk_local));
		OPENSSL_cleanse(list->pol.auth, sizeof(list->pol.auth));
		pki_own_unref(list->pol.own);
		pki_trust_unref(list->pol.trust);
		free(list->vendors);
		ipsecmgr_peers_free(list);
		ipsecmgr_callee_free(list->callees);
		free(list->map);
		free(list);
		list = next;
	}
}

const struct ipsecmgr_policy *ipsecmgr_cfg_find(const struct ipsecmgr *m, const char *name)
{
	const struct ipsecmgr_policy *p;

	for (p = m->policies; p; p = p->next)
		if (!strcmp(p->pol.name, name))
			return p;
	return NULL;
}

static void log_problem(void *arg, const char *text)
{
	LOG(EV_CFG_REFERENCE, "%s", text);
}

static void lingered(struct task *t, void *arg)
{
	struct ipsecmgr *m = arg;

	(void)t;
	task_timer_stop(m->leave_timer);
	m->leave_timer = NULL;
	ipsecmgr_cfg_free(m->leaving);
	m->leaving = NULL;
	if (m->e)
		ipsecmgr_data_bind(m);
}

/* Its sockets stay open until its peers were told. */
void ipsecmgr_cfg_linger(struct ipsecmgr *m, struct ipsecmgr_policy *p)
{
	p->next = m->leaving;
	m->leaving = p;
	if (m->leave_timer)
		task_timer_stop(m->leave_timer);
	m->leave_timer = task_timer_start(m->t, LEAVE_MS, 0, lingered, m);
}

/* Is it still there, and there? */
static bool is_where_it_was(const struct ipsecmgr *m, const struct ipsecmgr_policy *old)
{
	const struct ipsecmgr_policy *p = ipsecmgr_cfg_find(m, old->pol.name);

	return p && p->pol.ctx_id == old->pol.ctx_id && net_addr_equal(&p->pol.local, &old->pol.local);
}

/* Services that are not there any more take their tunnels with them (StarOS: service termination). */
void ipsecmgr_cfg_gone(struct ipsecmgr *m, struct ipsecmgr_policy **old)
{
	struct ipsecmgr_policy *p;

	while ((p = *old)) {
		const char *where = ipsecmgr_cfg_find(m, p->pol.name) ? " to the address it had" : "";

		if (is_where_it_was(m, p)) {
			old = &p->next;
			continue;
		}
		if (p->map)
			LOG(EV_IPSEC_TEMPLATE, "crypto map %s in context %s is not served here any more%s",
			    p->template, p->context, where);
		else
			LOG(EV_IPSEC_TEMPLATE, "wsg-service %s in context %s is not bound any more%s",
			    p->service, p->context, where);
		ike_engine_policy_remove(m->e, p->pol.name);
		if (!ike_engine_drop_all(m->e, ipsecmgr_engine_now(m), p->pol.name, true) || !m->t) {
			old = &p->next;
			continue;
		}
		*old = p->next;
		ipsecmgr_cfg_linger(m, p);
	}
}

/* The same certificates, read again: the objects of before, so that nothing looks changed. */
static void keep_pki(struct ike_policy *pol, const struct ike_policy *was)
{
	if (!was)
		return;
	if (pki_own_equal(pol->own, was->own)) {
		pki_own_unref(pol->own);
		pol->own = pki_own_ref(was->own);
	}
	if (pki_trust_equal(pol->trust, was->trust)) {
		pki_trust_unref(pol->trust);
		pol->trust = pki_trust_ref(was->trust);
	}
}

/* The chassis key may have been changed since. One that can't be read now is no key that is gone. */
static void load_key(struct ipsecmgr *m)
{
	struct secret_key key;
	int err = secret_key_load(m->t->state_dir, &key);

	if (!err)
		m->key = key;
	m->key_unread = err && err != -ENOENT;
	if (!m->key_unread)
		m->have_key = !err;
	secret_key_wipe(&key);
}

void ipsecmgr_cfg_apply(struct ipsecmgr *m, const struct cfg_tree *tree)
{
	struct ipsecmgr_policy *old = m->policies, *p;
	struct ipsecmgr_secrets *secrets = m->secrets; /* of before */
	const struct ike_policy *was;
	bool same, keys;

	if (m->t)
		load_key(m);
	m->secrets = ipsecmgr_secrets_build(tree, m->have_key ? &m->key : NULL, log_problem, NULL);
	/* A manager of crypto maps has nothing to do with services. */
	m->policies = m->t && place_serves_maps(m->t->instance)
	                      ? ipsecmgr_maps_build(m, tree, log_problem, NULL)
	                      : ipsecmgr_cfg_build(tree, m->t ? m->t->state_dir : NULL,
	                                           m->have_key ? &m->key : NULL, log_problem, NULL);
	ipsecmgr_keep(m, tree, &old);
	ipsecmgr_vendor_again(m, tree, old);
	ipsecmgr_keep_derived(m, &old);
	if (m->e)
		ipsecmgr_cfg_gone(m, &old);
	for (p = m->policies; p; p = p->next) {
		if (m->counters)
			p->pol.counters = counters_add(m->counters, &counters_schema_ikev2, p->counter_key);
		if (!m->e)
			continue;
		was = ike_engine_policy_find(m->e, p->pol.name);
		keep_pki(&p->pol, was);
		same = was && ike_policy_equal(was, &p->pol) && !ipsecmgr_maps_rules_changed(p);
		keys = was && ipsecmgr_change_keys(m, p, old, secrets);
		if (was && p->map && (!same || keys))
			ipsecmgr_change_map(m, tree, p, was, keys);
		if (same)
			continue;
		if (ike_engine_policy_put(m->e, &p->pol))
			LOG(EV_CFG_ERROR, "%s %s in context %s: its policy was refused",
			    p->map ? "crypto map" : "wsg-service", p->map ? p->template : p->service,
			    p->context);
		else if (p->map)
			LOG(EV_IPSEC_TEMPLATE, "crypto map %s in context %s %s, %u child SAs", p->template,
			    p->context, was ? "changed" : "in use", p->pol.n_payload);
		else
			LOG(EV_IPSEC_TEMPLATE, "wsg-service %s in context %s %s, crypto template %s",
			    p->service, p->context, was ? "changed" : "bound", p->template);
	}
	if (m->e) {
		struct ike_protection guard = ipsecmgr_guard_protection(m);

		ike_engine_protect(m->e, ipsecmgr_engine_now(m), &guard);
		if (!m->restoring)
			ipsecmgr_restore_again(m, tree);
		if (!m->restoring)
			ipsecmgr_callee_apply(m);
		if (!m->restoring)
			ipsecmgr_data_bind(m);
		ipsecmgr_engine_rearm(m);
	}
	if (m->e ? !m->restoring : m->srp_known && !m->serving)
		ipsecmgr_maps_policies(m);
	ipsecmgr_secrets_free(secrets);
	ipsecmgr_cfg_free(old);
}
