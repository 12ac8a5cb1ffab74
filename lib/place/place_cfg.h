/* SPDX-License-Identifier: MIT */
/* What placement takes from the configuration tree. Callers: hatsystem, ipsecctrl, `orrery plan`. */
#ifndef ORRERY_PLACE_CFG_H
#define ORRERY_PLACE_CFG_H

#include "net/addr.h"
#include "place/place_maps.h"

struct cfg_tree;

void place_cfg_require(const struct cfg_tree *t, struct place_require *r);
/*
 * What was required when the chassis booted is what counts until it boots again: sct keeps it, as text,
 * beside the configuration it booted with. place_require_at_boot() returns false while sct has not read the
 * configuration of this boot; place_require_parse() when the text is not of place_require_print().
 */
#define PLACE_REQUIRE_META "required"
bool place_require_at_boot(const char *state_dir, const char *boot_id, struct place_require *r);
void place_require_print(const struct place_require *r, char *buf, size_t size);
bool place_require_parse(const char *text, struct place_require *r);
/* Calls each() with every `require` line that is configured and not in force yet (set), or was removed and
 * still is in force. Returns their number. */
unsigned place_require_waiting(const struct place_require *in_force, const struct place_require *configured,
                               void (*each)(void *arg, const char *line, bool set), void *arg);
/* The inventory part of the input: which cards are to be active, which contexts there are. */
void place_cfg_cards(const struct cfg_tree *t, struct place_input *in);
/* Which cards the configuration takes out of service; indexed by slot. A spare takes the place of an active
 * one. */
void place_cfg_shutdown(const struct cfg_tree *t, bool shut[PROFILE_SLOTS_MAX + 1]);
/* Can the card that the configuration makes the demux card run ipsecmgrs? */
bool place_cfg_demux_card(const struct cfg_tree *t, const struct profile *p);
/* Which manager serves which crypto map, as ipsecctrl stores it: rows of this kind, key `context map`. */
#define PLACE_MAPS_KIND     "cmap"
#define PLACE_MANAGERS_KIND "rm" /* what each manager is for: key `g manager` */
struct store_ckpt;
/* Names and manager of a row; false: it is not one. */
bool place_cfg_map_row(const struct store_ckpt *row, struct place_map *x);
struct cfg_node;
/* The two addresses of a map on this interface, of the family its type says (of IKE version 1: the peer's).
 * False: one is not configured. */
bool place_cfg_map_ends(const struct cfg_tree *t, const struct cfg_node *interface,
                        const struct cfg_node *map, struct net_addr *local, struct net_addr *peer);
/* Contexts and the crypto maps their interfaces use, without managers. Resets both lists. 0 or -ENOMEM. */
int place_cfg_maps(const struct cfg_tree *t, struct place_maps *m);

#endif
