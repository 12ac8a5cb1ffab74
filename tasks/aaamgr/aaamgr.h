/* SPDX-License-Identifier: MIT */
/*
 * Private to aaamgr. _crr.c keeps the recovery records of the sessmgr of its number, _radius.c asks
 * authentication servers for that sessmgr's peers, _cfg.c reads which servers there are, main.c has routes
 * and shows.
 */
#ifndef AAAMGR_H
#define AAAMGR_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "radius/radius.h"
#include "session/crr.h"
#include "task/task.h"

#define AAAMGR_WAITING 1000 /* questions that wait for the configuration */

struct aaamgr_wait;

struct aaamgr {
	struct task *t;
	struct crr_table *crrs;
	bool complete; /* a full feed has ended */
	bool feeding;  /* one is under way */
	uint64_t fed_us;
	uint64_t full, micro, removed, fetched, refused; /* records */
	struct radius_client *radius;                    /* NULL: nobody was to be authenticated yet */
	bool cfg_known;
	uv_timer_t tick;
	uint64_t tick_at;
	struct aaamgr_wait *waiting; /* for the configuration */
	unsigned n_waiting;
	uint64_t asked, accepted, rejected, unanswered; /* packets of peers; their ends */
	uint64_t log_us;                                /* of the last line about a socket */
};

/* The only one of this process. */
extern struct aaamgr aaamgr;

/* Only the sessmgr of our number; others are answered. */
bool aaamgr_is_pair(struct task *t, const struct bus_msg *m);

/* aaamgr_crr.c */
void aaamgr_crr_update(struct task *t, const struct bus_msg *m);
void aaamgr_crr_fetch(struct task *t, const struct bus_msg *m);

/* aaamgr_radius.c */
void aaamgr_radius_ask(struct task *t, const struct bus_msg *m);
/* The configuration is there, or has changed. 0, or -ENOMEM: nothing was taken of it. */
int aaamgr_radius_configured(struct aaamgr *a, const struct radius_group *groups, unsigned n);

/* aaamgr_cfg.c */
struct cfg_tree;
struct secret_key;
/*
 * The groups of servers of all contexts: those that `aaa group` names, and "default", which is also the lines
 * of the context itself. key opens sealed secrets (NULL: they are in clear). `problem` is told of servers
 * that can't be used; may be NULL. 0 and *n *groups, to be freed with aaamgr_cfg_free(); or -ENOMEM and none.
 */
int aaamgr_cfg_groups(const struct cfg_tree *tree, const struct secret_key *key, struct radius_group **groups,
                      unsigned *n, void (*problem)(const char *text));
void aaamgr_cfg_free(struct radius_group *groups, unsigned n);
/* Follow the configuration from now on. 0 or -errno. */
int aaamgr_cfg_start(struct aaamgr *a);

#endif
