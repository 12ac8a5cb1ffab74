/* SPDX-License-Identifier: MIT */
/*
 * Secrets of the configuration: sealed with the chassis key (AES-256-GCM), so that no clear text is stored or
 * shown. The key is a file of the chassis' disk, made at first use, readable by its owner only. Callers: cli
 * and sct (seal), ipsecmgr, bulkstat (unseal).
 */
#ifndef ORRERY_SECRET_H
#define ORRERY_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/engine/cli.h"

struct secret_key {
	unsigned char bytes[32];
	unsigned char old[32]; /* while secrets are sealed anew with a changed key */
	bool has_old;
};

/* Read <state_dir>/chassis.key, making it when absent. 0 or -errno; -EPERM when others could read it. */
int secret_key_load(const char *state_dir, struct secret_key *key);
/* clear -> one word of base64url characters beginning "+O"; out needs 48 + 4/3 * strlen bytes. 0, -ENOSPC,
 * -EIO. */
int secret_seal(const struct secret_key *key, const char *clear, char *out, size_t size);
/*
 * The same, but the same text gives the same word: its nonce is a keyed digest (HMAC-SHA256) of the text. For
 * secrets that are also names, where two of them have to be told apart without opening them.
 */
int secret_seal_same(const struct secret_key *key, const char *clear, char *out, size_t size);
/* 0; -EBADMSG: not the sealed form; -EKEYREJECTED: sealed with another chassis' key, or damaged; -ENOSPC. */
int secret_unseal(const struct secret_key *key, const char *sealed, char *out, size_t size);
/*
 * `chassis key value`: a key made from this text. The key before stays beside it, so that what it has sealed
 * still opens, until secret_key_settle() drops it. 0 or -errno; -EBUSY: the change before is not settled.
 */
int secret_key_change(const char *state_dir, const char *value);
int secret_key_settle(const char *state_dir);
/* Was the present key made from this text? 1, 0, -errno. */
int secret_key_check(const char *state_dir, const char *value);
void secret_key_wipe(struct secret_key *key);
/* Is this text in the sealed form? */
int secret_is_sealed(const char *text);
/* Hooks for a CLI session or a file loader. The key is kept on a page that core files leave out, and
 * read again when its file changes. 0 or -errno. */
int secret_hooks(const char *state_dir, struct cli_hooks *hooks);

#endif
