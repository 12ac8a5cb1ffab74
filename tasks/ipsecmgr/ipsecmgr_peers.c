/* SPDX-License-Identifier: MIT */
/*
 * `peer network` of crypto templates (IPSec Reference chapters 3 and 8): the networks whose peers may begin,
 * some with a pre-shared key of their own. A template without such a line takes anybody. Entry points:
 * ipsecmgr_peers_read(), ipsecmgr_peers_allowed(), ipsecmgr_peers_key(). Called by ipsecmgr_cfg.c and the
 * engine's callbacks.
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "cfg/cfg.h"
#include "secret/secret.h"

struct ipsecmgr_network {
	struct net_prefix prefix;
	size_t key_len; /* 0: the template's key counts */
	uint8_t key[IKE_PSK_MAX];
};

/* Ones in front, then zeros. -1: no mask. */
static int mask_len(const struct net_addr *mask)
{
	unsigned bits = net_addr_bits(mask), n = 0;

	while (n < bits && mask->bytes[n / 8] >> (7 - n % 8) & 1)
		n++;
	for (unsigned i = n; i < bits; i++)
		if (mask->bytes[i / 8] >> (7 - i % 8) & 1)
			return -1;
	return (int)n;
}

static int read_prefix(const struct cfg_node *n, struct net_prefix *p)
{
	const char *prefix = cfg_arg(n, "prefix"), *addr = cfg_arg(n, "address"), *mask = cfg_arg(n, "mask");
	struct net_addr m;
	int len;

	if (prefix)
		return net_prefix_parse(p, prefix);
	if (!addr || !mask || net_addr_parse(&p->addr, addr) || net_addr_parse(&m, mask) ||
	    m.family != p->addr.family)
		return -EINVAL;
	len = mask_len(&m);
	p->len = (uint8_t)len;
	return len < 0 ? -EINVAL : 0;
}

static int read_network(const struct cfg_node *n, const struct secret_key *key, struct ipsecmgr_network *x)
{
	const char *value = cfg_arg(n, "key");
	char clear[IKE_PSK_MAX + 1] = "";
	int rc = read_prefix(n, &x->prefix);

	if (rc || !value)
		return rc;
	if (secret_is_sealed(value)) /* as it stands there it is nobody's secret */
		rc = key ? secret_unseal(key, value, clear, sizeof(clear)) : -ENOKEY;
	else
		rc = strlen(value) < sizeof(clear) ? (strcpy(clear, value), 0) : -EINVAL;
	x->key_len = rc ? 0 : strlen(clear);
	memcpy(x->key, clear, x->key_len);
	OPENSSL_cleanse(clear, sizeof(clear));
	return rc;
}

int ipsecmgr_peers_read(const struct cfg_node *tmpl, const struct secret_key *key, struct ipsecmgr_policy *p,
                        bool *keys)
{
	const struct cfg_node *n;
	struct ipsecmgr_network *x;
	int bad = 0;

	*keys = false;
	cfg_foreach(n, tmpl, "peer-network")
	{
		x = realloc(p->network, (p->n_network + 1) * sizeof(*x));
		if (!x)
			return -ENOMEM;
		p->network = x;
		x += p->n_network;
		memset(x, 0, sizeof(*x));
		if (read_network(n, key,
		                 x)) /* stays as one that nobody is of: its line must not open the rest */
			bad = -EINVAL;
		*keys |= x->key_len > 0;
		p->n_network++;
	}
	return bad;
}

int ipsecmgr_peers_copy(struct ipsecmgr_policy *p, const struct ipsecmgr_policy *from)
{
	p->network = NULL;
	p->n_network = 0;
	if (!from->n_network)
		return 0;
	p->network = malloc(from->n_network * sizeof(*p->network));
	if (!p->network)
		return -ENOMEM;
	memcpy(p->network, from->network, from->n_network * sizeof(*p->network));
	p->n_network = from->n_network;
	return 0;
}

void ipsecmgr_peers_free(struct ipsecmgr_policy *p)
{
	if (p->network)
		OPENSSL_cleanse(p->network, p->n_network * sizeof(*p->network));
	free(p->network);
	p->network = NULL;
	p->n_network = 0;
}

/* The smallest network that has the address. */
static const struct ipsecmgr_network *network_of(const struct ipsecmgr_policy *p, const struct net_addr *peer)
{
	const struct ipsecmgr_network *best = NULL;

	for (unsigned i = 0; p && i < p->n_network; i++) {
		const struct ipsecmgr_network *x = &p->network[i];

		if (net_addr_is_set(&x->prefix.addr) && net_prefix_contains(&x->prefix, peer) &&
		    (!best || x->prefix.len > best->prefix.len))
			best = x;
	}
	return best;
}

bool ipsecmgr_peers_allowed(const struct ipsecmgr_policy *p, const struct net_addr *peer)
{
	return !p || !p->n_network || network_of(p, peer);
}

int ipsecmgr_peers_key(const struct ipsecmgr_policy *p, const struct net_addr *peer, uint8_t *out,
                       size_t *len)
{
	const struct ipsecmgr_network *x = network_of(p, peer);

	if (!x || !x->key_len)
		return -ENOENT;
	memcpy(out, x->key, x->key_len);
	*len = x->key_len;
	return 0;
}
