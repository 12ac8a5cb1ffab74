/* SPDX-License-Identifier: MIT */
/*
 * Fuzz the IKE payload parsers: the header, a chain of payloads, and the bodies of SA, TS and CP. What was
 * read is used as the exchanges use it: proposals are chosen from, selectors narrowed, addresses looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "ike/ike_proposal.h"
#include "ike/ike_ts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ike_suite suites[] = {
        {IKE_ENCR_AES_CBC, 128, IKE_PRF_HMAC_SHA1, IKE_INTEG_HMAC_SHA1_96, 2, 0},
        {IKE_ENCR_AES_GCM_16, 256, IKE_PRF_HMAC_SHA2_256, 0, 31, 0},
};
static const struct ike_suite child = {IKE_ENCR_AES_CBC, 128, 0, IKE_INTEG_HMAC_SHA1_96, 0, 0};

static void bodies(const struct ike_msg *m)
{
	struct ike_ts ts[IKE_WIRE_TS_MAX], out[IKE_MAX_TS], any = ike_ts_any(AF_INET);
	const struct ike_proposal *prop;
	struct ike_proposals props;
	struct ike_suite got;
	struct ike_cp cp;
	unsigned n;

	if (m->sa.p && ike_wire_parse_sa(&props, &m->sa) == IKE_W_OK) {
		ike_proposal_choose(&props, IKE_PROTO_IKE, 0, suites, 2, IKE_DH_REQUIRED, m->ke_group, &got,
		                    &prop);
		if (!ike_proposal_choose(&props, IKE_PROTO_ESP, 4, &child, 1, IKE_DH_OPTIONAL, m->ke_group,
		                         &got, &prop))
			ike_proposal_spi(prop);
		ike_proposal_accept(&props, IKE_PROTO_IKE, 8, suites, 2, IKE_DH_REQUIRED, &got, &prop);
	}
	if (m->tsi.p && ike_wire_parse_ts(ts, &n, &m->tsi) == IKE_W_OK)
		ike_ts_narrow(ts, n, &any, 1, out);
	if (m->tsr.p && ike_wire_parse_ts(ts, &n, &m->tsr) == IKE_W_OK)
		ike_ts_within(ts, n, &any, 1);
	if (m->cp.p)
		ike_wire_parse_cp(&cp, &m->cp);
	for (unsigned i = 0; i < m->n_notify; i++)
		if (m->notify[i].data.len && m->notify[i].data.p[m->notify[i].data.len - 1] == 0x77)
			ike_wire_notify_name(m->notify[i].type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_msg m = {0};
	uint8_t *copy;

	if (size < 2 || size > 65535)
		return 0;
	copy = malloc(size - 1); /* its own block, so that the sanitizer sees its end */
	memcpy(copy, data + 1, size - 1);
	if (ike_wire_parse_hdr(&m.hdr, copy, size - 1) == IKE_W_OK)
		ike_wire_parse_chain(&m, m.hdr.next, copy + IKE_HDR_LEN, size - 1 - IKE_HDR_LEN, false);
	else
		ike_wire_parse_chain(&m, data[0], copy, size - 1, data[0] & 1);
	bodies(&m);
	free(copy);
	return 0;
}
