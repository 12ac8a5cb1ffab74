/* SPDX-License-Identifier: MIT */
/* What placement takes from the configuration tree. Callers: hatsystem, ipsecctrl, `orrery plan`. */
#ifndef ORRERY_PLACE_CFG_H
#define ORRERY_PLACE_CFG_H

#include "place/place_maps.h"

struct cfg_tree;

void place_cfg_require(const struct cfg_tree *t, struct place_require *r);
/* The inventory part of the input: which cards are to be active, which contexts there are. */
void place_cfg_cards(const struct cfg_tree *t, struct place_input *in);
/* Which cards the configuration takes out of service; indexed by slot. A spare takes the place of an active
 * one. */
void place_cfg_shutdown(const struct cfg_tree *t, bool shut[PROFILE_SLOTS_MAX + 1]);
/* Can the card that the configuration makes the demux card run ipsecmgrs? */
bool place_cfg_demux_card(const struct cfg_tree *t, const struct profile *p);
/* Contexts and the crypto maps their interfaces use, without managers. Resets both lists. 0 or -ENOMEM. */
int place_cfg_maps(const struct cfg_tree *t, struct place_maps *m);

#endif
