/* SPDX-License-Identifier: MIT */
/*
 * Whether two policies say the same (ike.h): by their fields, not by their bytes, which differ where a struct
 * has gaps, behind the end of a list, and behind the end of a name or key. Entry points: ike_policy_equal(),
 * ike_suites_equal(), ike_auth_sets_equal(). Called by ipsecmgr, which asks what a new configuration changed.
 */
#include "ike/ike.h"
#include "ike/ike_ts.h"

#include <string.h>

/* A field without gaps, of a struct at two places. */
struct field {
	uint16_t at, size;
};

#define FIELD(s, f)                                                                                          \
	{                                                                                                    \
		offsetof(struct s, f), sizeof(((struct s *)0)->f)                                            \
	}
#define COUNT(a)           (sizeof(a) / sizeof((a)[0]))
#define SAME(fields, a, b) same_fields(fields, COUNT(fields), a, b)

static bool same_fields(const struct field *f, size_t n, const void *a, const void *b)
{
	for (; n; n--, f++)
		if (memcmp((const char *)a + f->at, (const char *)b + f->at, f->size) != 0)
			return false;
	return true;
}

#define NAME_SAME(a, b) (!strncmp(a, b, sizeof(a)))

static bool same_bytes(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b)
{
	return n_a == n_b && !memcmp(a, b, n_a);
}

bool ike_suites_equal(const struct ike_suite *a, unsigned n_a, const struct ike_suite *b, unsigned n_b)
{
	static const struct field fields[] = {FIELD(ike_suite, encr), FIELD(ike_suite, encr_bits),
	                                      FIELD(ike_suite, prf),  FIELD(ike_suite, integ),
	                                      FIELD(ike_suite, dh),   FIELD(ike_suite, esn)};

	for (unsigned i = 0; n_a == n_b && i < n_a; i++)
		if (!SAME(fields, &a[i], &b[i]))
			return false;
	return n_a == n_b;
}

bool ike_auth_sets_equal(const struct ike_policy *a, const struct ike_policy *b)
{
	static const struct field fields[] = {
	        FIELD(ike_auth_set, local_cert), FIELD(ike_auth_set, remote_cert),
	        FIELD(ike_auth_set, local_eap), FIELD(ike_auth_set, remote_eap)};

	for (unsigned i = 0; a->n_auth == b->n_auth && i < a->n_auth; i++) {
		const struct ike_auth_set *x = &a->auth[i], *y = &b->auth[i];

		if (!SAME(fields, x, y) || !same_bytes(x->psk, x->psk_len, y->psk, y->psk_len) ||
		    !same_bytes(x->psk_local, x->psk_local_len, y->psk_local, y->psk_local_len))
			return false;
	}
	return a->n_auth == b->n_auth;
}

bool ike_keys_equal(const struct ike_policy *a, const struct ike_policy *b)
{
	return same_bytes(a->psk, a->psk_len, b->psk, b->psk_len) &&
	       same_bytes(a->psk_local, a->psk_local_len, b->psk_local, b->psk_local_len);
}

bool ike_selectors_equal(const struct ike_ts *a, unsigned n_a, const struct ike_ts *b, unsigned n_b)
{
	for (unsigned i = 0; n_a == n_b && i < n_a; i++)
		if (!ike_ts_equal(&a[i], &b[i]))
			return false;
	return n_a == n_b;
}

static bool same_payload(const struct ike_payload *a, const struct ike_payload *b)
{
	static const struct field fields[] = {
	        FIELD(ike_payload, family),       FIELD(ike_payload, tsi),
	        FIELD(ike_payload, ts_as_asked),  FIELD(ike_payload, assign_address),
	        FIELD(ike_payload, assign_ipv6),  FIELD(ike_payload, lifetime_s),
	        FIELD(ike_payload, lifetime_kb),  FIELD(ike_payload, rekey),
	        FIELD(ike_payload, rekey_idle),   FIELD(ike_payload, same_params),
	        FIELD(ike_payload, ignore_rekey), FIELD(ike_payload, max_children),
	};

	return NAME_SAME(a->name, b->name) && ike_suites_equal(a->esp, a->n_esp, b->esp, b->n_esp) &&
	       ike_selectors_equal(a->ts_local, a->n_ts_local, b->ts_local, b->n_ts_local) &&
	       ike_selectors_equal(a->ts_remote, a->n_ts_remote, b->ts_remote, b->n_ts_remote) &&
	       SAME(fields, a, b);
}

static bool same_payloads(const struct ike_policy *a, const struct ike_policy *b)
{
	for (unsigned i = 0; a->n_payload == b->n_payload && i < a->n_payload; i++)
		if (!same_payload(&a->payload[i], &b->payload[i]))
			return false;
	return a->n_payload == b->n_payload;
}

/* A new field of struct ike_policy stands here, or in ike_policy_equal() if it is a list, a name or has gaps;
 * test_ike_policy looks at every byte. */
static const struct field plain[] = {
        FIELD(ike_policy, derived),
        FIELD(ike_policy, ctx_id),
        FIELD(ike_policy, own),
        FIELD(ike_policy, trust),
        FIELD(ike_policy, hash_url),
        FIELD(ike_policy, cert_pss),
        FIELD(ike_policy, own_validate),
        FIELD(ike_policy, max_cert_size),
        FIELD(ike_policy, imei_attribute),
        FIELD(ike_policy, pcscf4_attribute),
        FIELD(ike_policy, pcscf6_attribute),
        FIELD(ike_policy, device_id),
        FIELD(ike_policy, ask_session),
        FIELD(ike_policy, allow_empty),
        FIELD(ike_policy, force_encap),
        FIELD(ike_policy, initial_contact),
        FIELD(ike_policy, cookie_challenge),
        FIELD(ike_policy, ike_lifetime_s),
        FIELD(ike_policy, ike_rekey),
        FIELD(ike_policy, ignore_ike_rekey),
        FIELD(ike_policy, ike_same_params),
        FIELD(ike_policy, custom_idr),
        FIELD(ike_policy, dns_as_asked),
        FIELD(ike_policy, use_received_idr),
        FIELD(ike_policy, dpd_interval_s),
        FIELD(ike_policy, dpd_timeout_s),
        FIELD(ike_policy, dpd_retries),
        FIELD(ike_policy, queue_max),
        FIELD(ike_policy, max_childsa),
        FIELD(ike_policy, childsa_terminate),
        FIELD(ike_policy, retrans_ms),
        FIELD(ike_policy, retrans_constant),
        FIELD(ike_policy, max_retrans),
        FIELD(ike_policy, setup_timer_s),
        FIELD(ike_policy, half_open_s),
        FIELD(ike_policy, decrypt_fail_max),
        FIELD(ike_policy, congestion_reject),
        FIELD(ike_policy, congestion_notify),
        FIELD(ike_policy, rekey_rate),
        FIELD(ike_policy, dscp),
        FIELD(ike_policy, rfc4306_notifies),
        FIELD(ike_policy, mobike),
        FIELD(ike_policy, silent_version),
        FIELD(ike_policy, silent_syntax),
        FIELD(ike_policy, tell_msgid),
        FIELD(ike_policy, lax_protocol_id),
        FIELD(ike_policy, dpd_by_traffic),
        FIELD(ike_policy, natt_idle_s),
        FIELD(ike_policy, natt_interval_s),
        FIELD(ike_policy, replay_window),
        FIELD(ike_policy, no_replay),
        FIELD(ike_policy, mobike_cookie),
        FIELD(ike_policy, no_fragmentation),
        FIELD(ike_policy, mtu4),
        FIELD(ike_policy, mtu6),
        FIELD(ike_policy, counters),
};

bool ike_policy_equal(const struct ike_policy *a, const struct ike_policy *b)
{
	return NAME_SAME(a->name, b->name) && net_addr_equal(&a->local, &b->local) &&
	       net_addr_equal(&a->peer, &b->peer) && ike_suites_equal(a->ike, a->n_ike, b->ike, b->n_ike) &&
	       same_payloads(a, b) && ike_id_equal(&a->local_id, &b->local_id) &&
	       ike_id_equal(&a->remote_id, &b->remote_id) && ike_keys_equal(a, b) &&
	       ike_auth_sets_equal(a, b) && NAME_SAME(a->own_url, b->own_url) && SAME(plain, a, b);
}
