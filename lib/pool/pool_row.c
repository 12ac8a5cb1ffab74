/* SPDX-License-Identifier: MIT */
/*
 * The checkpoint row of a chunk (kind "pool"): written by vpnmgr before a sessmgr hears of the chunk, read by
 * vpnmgr and by the sessmgr that owns it after a restart. Version 1: u8 version, blob pool, u32 ctx, blob
 * first, u32 count, sessmgr, ipsecmgr. Decoding trusts nothing.
 */
#include "pool/pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/pack.h"

#define VERSION 1

const char *pool_row_key(const char *context, const char *pool, const struct net_addr *first, char *key)
{
	char text[NET_ADDR_STRLEN];

	snprintf(key, POOL_KEY_MAX, "%.79s/%.31s/%s", context, pool,
	         net_addr_format(first, text, sizeof(text)));
	return key;
}

size_t pool_row_encode(const struct pool_row *row, uint8_t *buf)
{
	struct pack_writer w;

	pack_writer_init(&w, buf, POOL_ROW_MAX);
	pack_put_u8(&w, VERSION);
	pack_put_str(&w, row->pool);
	pack_put_u32(&w, row->ctx);
	pack_put_blob(&w, row->chunk.first.bytes, net_addr_len(&row->chunk.first));
	pack_put_u32(&w, row->chunk.count);
	pack_put_u32(&w, row->chunk.sessmgr);
	pack_put_u32(&w, row->chunk.ipsecmgr);
	return w.bad ? 0 : w.len;
}

int pool_row_decode(struct pool_row *row, const void *blob, size_t len)
{
	struct pack_reader r;
	const uint8_t *addr;
	size_t alen;

	memset(row, 0, sizeof(*row));
	pack_reader_init(&r, blob, len);
	if (pack_get_u8(&r) != VERSION)
		return pack_ok(&r) ? -EPROTONOSUPPORT : -EBADMSG;
	pack_get_str(&r, row->pool, sizeof(row->pool));
	row->ctx = pack_get_u32(&r);
	addr = pack_get_blob(&r, &alen);
	row->chunk.count = pack_get_u32(&r);
	row->chunk.sessmgr = pack_get_u32(&r);
	row->chunk.ipsecmgr = pack_get_u32(&r);
	if (!pack_done(&r) || !row->pool[0] || net_addr_from_bytes(&row->chunk.first, addr, alen))
		return -EBADMSG;
	if (!row->chunk.count || row->chunk.count > POOL_CHUNK_MAX || !row->chunk.sessmgr)
		return -EBADMSG;
	return 0;
}
