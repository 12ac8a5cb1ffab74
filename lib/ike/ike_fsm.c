/* SPDX-License-Identifier: MIT */
/*
 * The exchange table: which message is welcome in which state, what it must and may carry, who handles it,
 * and why. An event without a row is refused and counted. The row hangs on the exchange, not on the SA: an
 * own request and a peer's request may cross. Entry points: ike_fsm_dispatch() (from ike_engine.c),
 * ike_fsm_find(), ike_fsm_rows(), ike_fsm_doc(), ike_fsm_dot().
 */
#include "ike/ike_int.h"

#include <stdio.h>
#include <stdlib.h>

#define S(st)    (1u << IKE_ST_##st)
#define P(pl)    IKE_SEEN(IKE_PL_##pl)
#define ALWAYS   (P(NOTIFY) | P(VENDOR) | P(CERT) | P(CERTREQ))
#define IKE_LIVE (S(ESTABLISHED) | S(REKEYED) | S(DELETING))

static const struct ike_fsm_row rows[] = {
        {IKE_X_SA_INIT, false, IKE_FSM_NEW, P(SA) | P(KE) | P(NONCE), ALWAYS, ike_init_request,
         "a peer begins: cookie if we're under load, algorithms, our half of the key exchange"},
        {IKE_X_SA_INIT, true, S(INIT_SENT), 0, ALWAYS | P(SA) | P(KE) | P(NONCE), ike_init_response,
         "the peer agreed, asked for a cookie or another group, or refused: prove who we are"},
        {IKE_X_AUTH, false, S(HALF_OPEN), P(IDI) | P(SA) | P(TSI) | P(TSR),
         ALWAYS | P(AUTH) | P(IDR) | P(CP) | P(EAP), ike_auth_request,
         "the peer proves who it is and asks for its first child and address"},
        {IKE_X_AUTH, false, S(AUTH_WAIT), 0, ~0u, ike_auth_waiting,
         "asked again while its session is being set up, or its server is asked: patience"},
        {IKE_X_AUTH, false, S(EAP_WAIT), 0, ALWAYS | P(EAP) | P(AUTH), ike_eap_request,
         "the peer's part of EAP, which its server has to see; after it, AUTH by the key that EAP made"},
        {IKE_X_AUTH, true, S(AUTH_SENT), 0,
         ALWAYS | P(IDR) | P(AUTH) | P(SA) | P(TSI) | P(TSR) | P(CP) | P(EAP), ike_auth_response,
         "the peer proved who it is: the tunnel is up, or at least the IKE SA; or EAP goes on"},
        {IKE_X_CREATE_CHILD, false, S(ESTABLISHED), P(SA) | P(NONCE),
         ALWAYS | P(KE) | P(TSI) | P(TSR) | P(CP), ike_child_request,
         "the peer wants a child, or rekeys a child or the IKE SA"},
        {IKE_X_CREATE_CHILD, false, S(REKEYED) | S(DELETING), 0, ~0u, ike_child_refuse,
         "too late on an SA that's going: TEMPORARY_FAILURE (RFC 7296 section 2.25)"},
        {IKE_X_CREATE_CHILD, true, IKE_LIVE, 0, ALWAYS | P(SA) | P(NONCE) | P(KE) | P(TSI) | P(TSR) | P(CP),
         ike_child_response, "our child or rekey is agreed or refused"},
        {IKE_X_INFORMATIONAL, false, IKE_LIVE, 0, ALWAYS | P(DELETE) | P(CP), ike_info_request,
         "the peer deletes, tells, or only wants to know whether we live"},
        {IKE_X_INFORMATIONAL, true, IKE_LIVE, 0, ALWAYS | P(DELETE) | P(CP), ike_info_response,
         "our delete is done, or the peer lives"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct ike_fsm_row *ike_fsm_rows(size_t *n)
{
	*n = ROWS;
	return rows;
}

const struct ike_fsm_row *ike_fsm_find(uint32_t state_bit, uint8_t exchange, bool response)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].exchange == exchange && rows[i].response == response &&
		    (rows[i].states & state_bit))
			return &rows[i];
	return NULL;
}

static void refuse_request(struct ike_rx *rx)
{
	if (rx->sa->state == IKE_ST_HALF_OPEN || rx->sa->state == IKE_ST_EAP_WAIT)
		ike_auth_refuse(rx, IKE_N_INVALID_SYNTAX, IKE_R_INVALID_SYNTAX, NULL, 0);
	else
		ike_msg_reply_notify(rx, IKE_N_INVALID_SYNTAX, NULL, 0);
}

void ike_fsm_dispatch(struct ike_rx *rx)
{
	uint32_t bit = rx->sa ? 1u << rx->sa->state : IKE_FSM_NEW, seen = rx->m->seen & ~IKE_SEEN(IKE_PL_SK);
	bool response = rx->m->hdr.flags & IKE_F_RESPONSE;
	const struct ike_fsm_row *row = ike_fsm_find(bit, rx->m->hdr.exchange, response);
	struct counters_ikev2 *c = rx->sa ? ike_sa_counters(rx->sa) : rx->e->cnt;

	if (!row) {
		rx->e->refused++;
		counter_inc(&c->xchg_dropikesaerr);
		return;
	}
	if (row->process != ike_auth_waiting) /* its first copy was counted */
		ike_notify_count(c, rx->m);
	if (seen & ~(row->required | row->optional))
		counter_inc(&c->xchg_dropunexppld); /* ignored, as RFC 7296 section 2.5 wants of what isn't
		                                       understood */
	if ((row->required & seen) != row->required) {
		counter_inc(&c->decfail_syn);
		if (rx->sa && !response)
			refuse_request(rx);
		return;
	}
	row->process(rx);
}

/* ---- the table for people ---- */

static void print_states(FILE *f, uint32_t states)
{
	const char *sep = "";

	if (states & IKE_FSM_NEW) {
		fprintf(f, "(none)");
		return;
	}
	for (int s = 0; s < IKE_STATES; s++) {
		if (!(states & 1u << s))
			continue;
		fprintf(f, "%s%s", sep, ike_state_name(s));
		sep = ", ";
	}
}

char *ike_fsm_doc(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < ROWS; i++) {
		fprintf(f, "%s %s in ", ike_wire_exchange_name(rows[i].exchange),
		        rows[i].response ? "response" : "request");
		print_states(f, rows[i].states);
		fprintf(f, ": %s\n", rows[i].story);
	}
	fclose(f);
	return text;
}

/* Where a message can lead, for the drawing. */
static const struct {
	uint8_t row;
	int from, to; /* enum ike_state, -1: none */
} moves[] = {
        {0, -1, IKE_ST_HALF_OPEN},
        {1, IKE_ST_INIT_SENT, IKE_ST_AUTH_SENT},
        {1, IKE_ST_INIT_SENT, IKE_ST_DEAD},
        {2, IKE_ST_HALF_OPEN, IKE_ST_AUTH_WAIT},
        {2, IKE_ST_HALF_OPEN, IKE_ST_ESTABLISHED},
        {2, IKE_ST_HALF_OPEN, IKE_ST_EAP_WAIT},
        {2, IKE_ST_HALF_OPEN, IKE_ST_DEAD},
        {4, IKE_ST_EAP_WAIT, IKE_ST_AUTH_WAIT},
        {4, IKE_ST_EAP_WAIT, IKE_ST_ESTABLISHED},
        {4, IKE_ST_EAP_WAIT, IKE_ST_DEAD},
        {5, IKE_ST_AUTH_SENT, IKE_ST_ESTABLISHED},
        {5, IKE_ST_AUTH_SENT, IKE_ST_DEAD},
        {6, IKE_ST_ESTABLISHED, IKE_ST_REKEYED},
        {8, IKE_ST_ESTABLISHED, IKE_ST_REKEYED},
        {9, IKE_ST_ESTABLISHED, IKE_ST_DEAD},
        {9, IKE_ST_REKEYED, IKE_ST_DEAD},
        {9, IKE_ST_DELETING, IKE_ST_DEAD},
        {10, IKE_ST_DELETING, IKE_ST_DEAD},
};

char *ike_fsm_dot(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "digraph ike {\n");
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		fprintf(f, "\t\"%s\" -> \"%s\" [label=\"%s %s\"];\n",
		        moves[i].from < 0 ? "(none)" : ike_state_name(moves[i].from),
		        ike_state_name(moves[i].to), ike_wire_exchange_name(rows[moves[i].row].exchange),
		        rows[moves[i].row].response ? "response" : "request");
	fprintf(f, "}\n");
	fclose(f);
	return text;
}
