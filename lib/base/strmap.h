/* SPDX-License-Identifier: MIT */
/*
 * String -> pointer hash map (open addressing, keys copied). For addresses, identities and names; not for
 * secrets, not for keys a peer chooses at will. Used by lib/bus, lib/task, cards.
 */
#ifndef ORRERY_STRMAP_H
#define ORRERY_STRMAP_H

#include <stdbool.h>
#include <stddef.h>

struct strmap_slot {
	char *key; /* NULL: never used; strmap_dead: removed */
	void *value;
};
struct strmap {
	struct strmap_slot *slots;
	size_t cap, used, live;
};

/* A zeroed struct is an empty map. */
void strmap_free(struct strmap *m); /* keys only; the values are the caller's */
void *strmap_get(const struct strmap *m, const char *key);
/* Set or replace. 0 or -ENOMEM. value must not be NULL. */
int strmap_set(struct strmap *m, const char *key, void *value);
/* Remove; returns the value, NULL if there was none. */
void *strmap_del(struct strmap *m, const char *key);
/* Iterate: *pos starts at 0; false at the end. Deleting the current key while iterating is allowed. */
bool strmap_next(const struct strmap *m, size_t *pos, const char **key, void **value);

#endif
