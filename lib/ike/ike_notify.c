/* SPDX-License-Identifier: MIT */
/*
 * Which counters a notify moves when it's received or sent: one table. Entry points: ike_notify_count() (from
 * ike_fsm.c), ike_notify_count_sent() (from ike_msg.c, ike_init.c and ike_auth.c).
 */
#include "ike/ike_int.h"

#define C(field) (offsetof(struct counters_ikev2, field) + 1) /* 0: none */

static const struct {
	uint16_t type;
	uint32_t recv, recv_pay, sent; /* "notifrecv-…", "notifpayrecv-…", "notifpaysent-…" */
} table[] = {
        {IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, C(notifrecv_unsuppcritpay), C(notifpayrecv_unsuppcrit),
         C(notifpaysent_unsuppcrit)},
        {IKE_N_INVALID_IKE_SPI, C(notifrecv_invikespi), 0, 0},
        {IKE_N_INVALID_MAJOR_VERSION, C(notifrecv_invmajver), C(notifpayrecv_invmajver),
         C(notifpaysent_invmajver)},
        {IKE_N_INVALID_SYNTAX, C(notifrecv_invsyn), C(notifpayrecv_invsyn), C(notifpaysent_invsyn)},
        {IKE_N_INVALID_MESSAGE_ID, C(notifrecv_invmsgid), C(notifpayrecv_invmsgid), C(notifpaysent_invmsgid)},
        {IKE_N_INVALID_SPI, C(notifrecv_invspi), 0, C(notifpaysent_invspi)},
        {IKE_N_NO_PROPOSAL_CHOSEN, C(notifrecv_nopropchosen), C(notifpayrecv_noprop), C(notifpaysent_noprop)},
        {IKE_N_INVALID_KE_PAYLOAD, C(notifrecv_invkepay), C(notifpayrecv_invke), C(notifpaysent_invke)},
        {IKE_N_AUTHENTICATION_FAILED, C(notifrecv_authfail), 0, 0},
        {IKE_N_SINGLE_PAIR_REQUIRED, C(notifrecv_singpairreq), 0, 0},
        {IKE_N_NO_ADDITIONAL_SAS, C(notifrecv_noaddsa), C(notifpayrecv_noaddsa), C(notifpaysent_noaddsa)},
        {IKE_N_INTERNAL_ADDRESS_FAILURE, C(notifrecv_intaddrfail), 0, C(notifpaysent_intfail)},
        {IKE_N_FAILED_CP_REQUIRED, C(notifrecv_failcpreq), 0, 0},
        {IKE_N_TS_UNACCEPTABLE, C(notifrecv_tsunaccept), C(notifpayrecv_tsunaccept),
         C(notifpaysent_tsunaccept)},
        {IKE_N_INVALID_SELECTORS, C(notifrecv_invsel), 0, C(notifpaysent_invsel)},
        {IKE_N_UNACCEPTABLE_ADDRESSES, C(notifrecv_unacceptaddr), 0, C(mobike_unacceptable_sent)},
        {IKE_N_UNEXPECTED_NAT_DETECTED, C(notifrecv_unexpectnat), 0, C(mobike_unexpected_natt_detected_sent)},
        {IKE_N_TEMPORARY_FAILURE, C(notifrecv_tempfail), 0, C(notifpaysent_tempfail)},
        {IKE_N_CHILD_SA_NOT_FOUND, C(notifrecv_childsanotfound), 0, C(notifpaysent_childsanotfound)},
        {IKE_N_DEVICE_IDENTITY, 0, C(notifpayrecv_deviceid), C(notifpaysent_deviceid)},
        {IKE_N_INITIAL_CONTACT, C(notifrecv_initcont), 0, 0},
        {IKE_N_SET_WINDOW_SIZE, C(notifrecv_windsiz), 0, 0},
        {IKE_N_ADDITIONAL_TS_POSSIBLE, C(notifrecv_addtsposs), 0, 0},
        {IKE_N_IPCOMP_SUPPORTED, C(notifrecv_ipcompsupp), 0, 0},
        {IKE_N_NAT_DETECTION_SOURCE_IP, C(notifrecv_natdetsrcip), 0, 0},
        {IKE_N_NAT_DETECTION_DESTINATION_IP, C(notifrecv_natdetdstip), 0, 0},
        {IKE_N_COOKIE, C(notifrecv_cookie), 0, C(notif_cooksent)},
        {IKE_N_USE_TRANSPORT_MODE, C(notifrecv_usetransmode), 0, 0},
        {IKE_N_HTTP_CERT_LOOKUP_SUPPORTED, C(notifrecv_httpcertsupp), 0, 0},
        {IKE_N_REKEY_SA, C(notifrecv_rekeysa), 0, 0},
        {IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED, C(notifrecv_esptfcpadnotsupp), 0, 0},
        {IKE_N_NON_FIRST_FRAGMENTS_ALSO, C(notifrecv_nonfirstfragalso), 0, 0},
        {IKE_N_MOBIKE_SUPPORTED, C(notifrecv_mobikesupp), 0, C(mobike_sent)},
        {IKE_N_ADDITIONAL_IP4_ADDRESS, C(notifrecv_addip4addr), 0, 0},
        {IKE_N_ADDITIONAL_IP6_ADDRESS, C(notifrecv_addip6addr), 0, 0},
        {IKE_N_NO_ADDITIONAL_ADDRESSES, C(notifrecv_noaddaddr), 0, 0},
        {IKE_N_UPDATE_SA_ADDRESSES, C(notifrecv_updsaaddr), 0, 0},
        {IKE_N_COOKIE2, C(notifrecv_cookie2), C(mobike_cookie2_rcvd), C(mobike_cookie2_sent)},
        {IKE_N_NO_NATS_ALLOWED, C(notifrecv_nonatallow), 0, 0},
        {IKE_N_MULTIPLE_AUTH_SUPPORTED, C(notifrecv_multiauthsupp), 0, 0},
        {IKE_N_ANOTHER_AUTH_FOLLOWS, C(notifrecv_anothauthfoll), 0, 0},
        {IKE_N_IKEV2_FRAGMENTATION_SUPPORTED, C(notifrecv_fragsupp), 0, C(notifpaysent_fragsupp)},
};

static void bump(struct counters_ikev2 *c, uint32_t at)
{
	if (at)
		counter_inc((uint64_t *)((char *)c + at - 1));
}

static size_t find(uint16_t type)
{
	size_t i = 0;

	while (i < sizeof(table) / sizeof(table[0]) && table[i].type != type)
		i++;
	return i;
}

void ike_notify_count(struct counters_ikev2 *c, const struct ike_msg *m)
{
	for (unsigned i = 0; i < m->n_notify; i++) {
		size_t at = find(m->notify[i].type);

		if (at == sizeof(table) / sizeof(table[0])) {
			counter_inc(&c->notifrecv_other);
			continue;
		}
		bump(c, table[at].recv);
		bump(c, table[at].recv_pay);
	}
}

void ike_notify_count_sent(struct counters_ikev2 *c, uint16_t type)
{
	size_t at = find(type);

	if (at < sizeof(table) / sizeof(table[0]))
		bump(c, table[at].sent);
}
