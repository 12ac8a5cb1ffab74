/* SPDX-License-Identifier: MIT */
/*
 * The checkpoint row of a call (kind "call"), written by ipsecmgr in the transaction of the IKE SA, rewritten
 * and deleted by sessmgr, read by sessmgr after a restart and by shows. Version 3; fields in the order of
 * encode(). Of another chassis: version 2 had no device, version 1 one address only, of either family.
 * Trusts nothing.
 */
#include <errno.h>
#include <string.h>
#include "base/pack.h"
#include "session/session.h"

#define VERSION     3
#define VERSION_TWO 2
#define VERSION_ONE 1

size_t session_row_encode(const struct session_call *c, uint8_t *buf, size_t size)
{
	struct pack_writer w;

	pack_writer_init(&w, buf, size);
	pack_put_u8(&w, VERSION);
	pack_put_u32(&w, c->callid);
	pack_put_u32(&w, c->ctx);
	pack_put_u32(&w, c->ipsecmgr);
	pack_put_u64(&w, c->start_us);
	pack_put_u64(&w, c->connect_us);
	pack_put_str(&w, c->service);
	pack_put_str(&w, c->pool);
	pack_put_str(&w, c->peer_id);
	pack_put_str(&w, c->ike_key);
	pack_put_blob(&w, c->peer.bytes, net_addr_len(&c->peer));
	pack_put_blob(&w, c->addr.bytes, net_addr_len(&c->addr));
	pack_put_str(&w, c->pool6);
	pack_put_blob(&w, c->addr6.bytes, net_addr_len(&c->addr6));
	pack_put_str(&w, c->imei);
	return w.bad ? 0 : w.len;
}

/* A blob of 0 (unset), 4 or 16 bytes. */
static int get_addr(struct pack_reader *r, struct net_addr *a)
{
	size_t len;
	const uint8_t *p = pack_get_blob(r, &len);

	if (!pack_ok(r))
		return -EBADMSG;
	return len ? net_addr_from_bytes(a, p, len) : 0;
}

/* What came after the one address. */
static int get_second(struct pack_reader *r, struct session_call *c, uint8_t version)
{
	if (version >= VERSION_TWO) {
		pack_get_str(r, c->pool6, sizeof(c->pool6));
		if (get_addr(r, &c->addr6))
			return -EBADMSG;
	} else if (c->addr.family == AF_INET6) {
		c->addr6 = c->addr;
		c->addr = (struct net_addr){0};
		memcpy(c->pool6, c->pool, sizeof(c->pool6));
		c->pool[0] = 0;
	}
	return c->addr.family == AF_INET6 || c->addr6.family == AF_INET ? -EBADMSG : 0;
}

int session_row_decode(struct session_call *c, const void *blob, size_t len)
{
	struct pack_reader r;
	uint8_t version;

	memset(c, 0, sizeof(*c));
	pack_reader_init(&r, blob, len);
	version = pack_get_u8(&r);
	if (version > VERSION || version < VERSION_ONE)
		return pack_ok(&r) ? -EPROTONOSUPPORT : -EBADMSG;
	c->callid = pack_get_u32(&r);
	c->ctx = pack_get_u32(&r);
	c->ipsecmgr = pack_get_u32(&r);
	c->start_us = pack_get_u64(&r);
	c->connect_us = pack_get_u64(&r);
	pack_get_str(&r, c->service, sizeof(c->service));
	pack_get_str(&r, c->pool, sizeof(c->pool));
	pack_get_str(&r, c->peer_id, sizeof(c->peer_id));
	pack_get_str(&r, c->ike_key, sizeof(c->ike_key));
	if (get_addr(&r, &c->peer) || get_addr(&r, &c->addr) || get_second(&r, c, version))
		return -EBADMSG;
	if (version == VERSION)
		pack_get_str(&r, c->imei, sizeof(c->imei));
	return pack_done(&r) && c->callid ? 0 : -EBADMSG;
}
