/* SPDX-License-Identifier: MIT */
/*
 * The history of the simulated peers: what each of them asked of the gateway and what it saw, one JSON object
 * per line, so that a checker can compare it with what the gateway says. An operation begins with "invoke"
 * and ends with "ok", "fail" (it surely did not happen) or "unknown" (it may have happened); what a peer saw
 * without having asked is "info". Times are microseconds of the monotonic clock. Entry points:
 * peers_hist_open(), peers_hist_invoke(), peers_hist_end(), peers_hist_info(). Called by peers_ike.c and
 * peers_ctl.c.
 */
#include "cmd/peers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const op_names[PEERS_OPS] = {"setup", "rekey", "rekey-ike", "delete"};
static const char *const outcome_names[] = {"invoke", "ok", "fail", "unknown", "info"};

int peers_hist_open(struct peers *p)
{
	if (!p->opt.history)
		return 0;
	p->history = fopen(p->opt.history, "we");
	if (!p->history) {
		fprintf(stderr, "orrery peers: history %s: %s\n", p->opt.history, strerror(errno));
		return -errno;
	}
	setvbuf(p->history, NULL, _IOFBF, 1 << 16);
	return 0;
}

void peers_hist_flush(struct peers *p)
{
	if (p->history)
		fflush(p->history);
}

void peers_hist_close(struct peers *p)
{
	if (p->history)
		fclose(p->history);
	p->history = NULL;
}

/* SPIs as the peer names them: "own/gateway's". */
static void line(struct peers *p, const struct peers_peer *peer, const char *op, enum peers_outcome type,
                 enum ike_reason reason)
{
	const struct peers_child *c = peers_esp_current(peer);

	if (!p->history)
		return;
	fprintf(p->history,
	        "{\"t\":%llu,\"peer\":%u,\"op\":\"%s\",\"type\":\"%s\",\"ike_spi\":\"%016llx/%016llx\"",
	        (unsigned long long)clock_now_us(), peer->index, op, outcome_names[type],
	        (unsigned long long)peer->ike_spi, (unsigned long long)peer->peer_spi);
	if (c)
		fprintf(p->history, ",\"esp_spi\":\"%08x/%08x\"", c->sa->in.spi, c->sa->out.spi);
	if (reason)
		fprintf(p->history, ",\"reason\":\"%s\"", ike_reason_name(reason));
	fputs("}\n", p->history);
}

void peers_hist_invoke(struct peers *p, struct peers_peer *peer, enum peers_op op)
{
	peer->pending |= 1u << op;
	line(p, peer, op_names[op], PEERS_INVOKE, IKE_R_NONE);
}

void peers_hist_end(struct peers *p, struct peers_peer *peer, enum peers_op op, enum peers_outcome type,
                    enum ike_reason reason)
{
	/* What the gateway began, or a timer of ours, was not invoked. */
	line(p, peer, op_names[op], peer->pending & 1u << op ? type : PEERS_INFO, reason);
	peer->pending &= ~(1u << op);
}

void peers_hist_check(struct peers *p, struct peers_peer *peer, enum peers_op op, int err)
{
	if (err && peer->pending & 1u << op)
		peers_hist_end(p, peer, op, PEERS_FAIL, IKE_R_NONE);
}

void peers_hist_down(struct peers *p, struct peers_peer *peer, enum ike_reason reason)
{
	unsigned op;

	/* Our own delete was answered, or crossed one of the gateway. Anything else ends what was under way,
	 * and nobody knows how far it came. */
	if (peer->pending & 1u << PEERS_OP_DELETE)
		peers_hist_end(p, peer, PEERS_OP_DELETE,
		               reason == IKE_R_LOCAL_DELETE || reason == IKE_R_PEER_DELETE ? PEERS_OK
		                                                                           : PEERS_UNKNOWN,
		               reason);
	else
		line(p, peer, "down", PEERS_INFO, reason);
	for (op = 0; op < PEERS_OPS; op++)
		if (peer->pending & 1u << op)
			peers_hist_end(p, peer, (enum peers_op)op, PEERS_UNKNOWN, reason);
}
