/* SPDX-License-Identifier: MIT */
/*
 * What ipsecmgr knows of peers that services call (chapter 27). Private to ipsecmgr_callee.c (lists, calls,
 * events), ipsecmgr_callee_row.c (rows) and ipsecmgr_callee_tell.c (other managers).
 */
#ifndef IPSECMGR_CALLEE_H
#define IPSECMGR_CALLEE_H

#include "initiator/initiator.h"
#include "tasks/ipsecmgr/ipsecmgr.h"

#define CALLEE_LIST_MAX 33 /* a list's name, with the NUL */
#define CALLEE_NO_LIST  "-"

/* What a service is configured to do when it's bound. */
struct ipsecmgr_callee_conf {
	char list[CALLEE_LIST_MAX];
	uint64_t bind; /* changes when the service is bound anew */
	uint32_t responder_s, initiator_s;
	size_t n;
	struct net_addr addr[]; /* in order, each once */
};

struct callee {
	struct initiator_peer p;
	struct ipsecmgr_callee_list *in;
	uint64_t attempt;      /* IKE SPI of our call that is not up; 0: none */
	uint64_t kept_us;      /* its row, as it was read; 0: none */
	bool row;              /* there is one */
	uint32_t elsewhere[8]; /* managers that have a call with it */
};

/* A site-to-site service that is bound, with the list it has had since then, perhaps none. */
struct ipsecmgr_callee_list {
	struct ipsecmgr_callee_list *next;
	struct ipsecmgr *m;
	char policy[IKE_NAME_MAX], context[80], service[64];
	uint32_t ctx;
	struct net_addr local;
	struct ipsecmgr_callee_conf *conf;
	uint64_t bound_us;
	bool kept;    /* bound_us is that of a former life of ours */
	bool started; /* peers have owners: of so many managers, without those that are closed */
	unsigned managers;
	struct steer_closed closed;
	struct initiator_set set;
	size_t n;
	struct callee peer[];
};

/* One that is up here. */
struct peer_call {
	struct callee *c;
	bool own;
};

struct ipsecmgr_callee_list *ipsecmgr_callee_of(const struct ipsecmgr *m, const char *policy);
struct callee *ipsecmgr_callee_find(struct ipsecmgr_callee_list *l, const struct net_addr *a);
bool ipsecmgr_callee_ours(const struct callee *c);
void ipsecmgr_callee_rearm(struct ipsecmgr *m);

/* --- ipsecmgr_callee_row.c */
struct kept_list {
	uint64_t bind, bound_us; /* 0: there is no row */
	uint32_t responder_s, initiator_s;
	char list[CALLEE_LIST_MAX];
};
struct store_reader;
void ipsecmgr_callee_row_list(const struct ipsecmgr_callee_list *l);
void ipsecmgr_callee_row_peer(struct callee *c);
/* Of the service, and of each of its peers that has one. */
void ipsecmgr_callee_row_forget(struct ipsecmgr_callee_list *l);
void ipsecmgr_callee_row_read(const struct ipsecmgr *m, const char *policy, struct store_reader *reader,
                              struct kept_list *k);
/* Rows of peers go into the lists, or away when no list has the peer any more. */
void ipsecmgr_callee_row_all(struct ipsecmgr *m, struct store_reader *reader);

/* --- ipsecmgr_callee_tell.c */
void ipsecmgr_callee_tell(struct callee *c, PeerCalls__What what); /* unless the peer is ours */
void ipsecmgr_callee_tell_all(struct ipsecmgr_callee_list *l, bool ask);
/* Has the peer a call here? */
bool ipsecmgr_callee_here(const struct callee *c);

#endif
