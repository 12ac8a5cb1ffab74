/* SPDX-License-Identifier: MIT */
/* lib/secret: passwords as one-way hashes, secrets sealed with the chassis key, the key's file. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secret/passwd.h"
#include "base/clock.h"
#include "cfg/cfg_user.h"
#include "secret/secret.h"

#define OLD_HASH "+BDwgBAAECAwQFBgcICQoLDA0ODwJlMCO4h0pUUVy65Lousu2u_LsF7D2aZKJrxrSoBXDu"

static char dir[] = "/tmp/secretXXXXXX";

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

static void teardown(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/chassis.key", dir);
	unlink(path);
	rmdir(dir);
}

TestSuite(secret, .init = setup, .fini = teardown);

Test(secret, password_hash_is_one_way_and_salted)
{
	char a[PASSWD_TEXT_MAX], b[PASSWD_TEXT_MAX];

	cr_assert_eq(passwd_hash("hush-hush", a, sizeof(a)), 0);
	cr_assert_eq(passwd_hash("hush-hush", b, sizeof(b)), 0);
	cr_expect_str_neq(a, b);
	cr_expect(passwd_is_hash(a));
	cr_expect_null(strstr(a, "hush"));
	cr_expect(passwd_verify(a, "hush-hush"));
	cr_expect(passwd_verify(b, "hush-hush"));
	cr_expect_not(passwd_verify(a, "hush-hus"));
	cr_expect_not(passwd_verify(a, ""));
	cr_expect_not(passwd_verify(NULL, "hush-hush"));
}

/* When it was made is in it, and cannot be changed without the password. Those of before have no time. */
Test(secret, password_hash_knows_its_time)
{
	char a[PASSWD_TEXT_MAX];
	int64_t made, now = (int64_t)(clock_wall_us() / US_PER_SEC);

	cr_assert_eq(passwd_hash("hush", a, sizeof(a)), 0);
	made = passwd_made(a);
	cr_expect(made <= now && made > now - 120, "%lld at %lld", (long long)made, (long long)now);
	a[28] = a[28] == 'A' ? 'B' : 'A'; /* in the time */
	cr_expect(passwd_is_hash(a));
	cr_expect_neq(passwd_made(a), made);
	cr_expect_not(passwd_verify(a, "hush"));
	cr_expect_eq(passwd_made("+B1"), 0);
	/* made by an earlier release, of the password "hush" */
	cr_expect(passwd_is_hash(OLD_HASH));
	cr_expect_eq(passwd_made(OLD_HASH), 0);
	cr_expect(passwd_verify(OLD_HASH, "hush"));
	cr_expect_not(passwd_verify(OLD_HASH, "hush-"));
}

Test(secret, password_grows_old)
{
	char a[PASSWD_TEXT_MAX];
	struct cfg_user u = {.hash = a, .max_age = 30, .warn = 3, .grace = 5};
	int64_t day = 86400, made, days;

	cr_assert_eq(passwd_hash("hush", a, sizeof(a)), 0);
	made = passwd_made(a);
	cr_expect_eq(cfg_user_password_age(&u, made + 27 * day - 1, &days), CFG_PASSWORD_YOUNG);
	cr_expect_eq(cfg_user_password_age(&u, made + 27 * day, &days), CFG_PASSWORD_OLD);
	cr_expect_eq(days, 3);
	cr_expect_eq(cfg_user_password_age(&u, made + 30 * day - 1, &days), CFG_PASSWORD_OLD);
	cr_expect_eq(days, 1);
	cr_expect_eq(cfg_user_password_age(&u, made + 30 * day, &days), CFG_PASSWORD_EXPIRED);
	cr_expect_eq(days, 5);
	cr_expect_eq(cfg_user_password_age(&u, made + 35 * day, &days), CFG_PASSWORD_OVER);
	u.max_age = 0;
	cr_expect_eq(cfg_user_password_age(&u, made + 999 * day, &days), CFG_PASSWORD_YOUNG);
	u = (struct cfg_user){.hash = OLD_HASH, .max_age = 1};
	cr_expect_eq(cfg_user_password_age(&u, made + 999 * day, &days), CFG_PASSWORD_YOUNG);
}

Test(secret, password_hash_of_foreign_hands)
{
	char a[PASSWD_TEXT_MAX];

	cr_assert_eq(passwd_hash("x", a, sizeof(a)), 0);
	cr_expect_eq(passwd_hash("x", a, 20), -ENOSPC);
	cr_assert_eq(passwd_hash("x", a, sizeof(a)), 0);
	a[2] = 'e'; /* costs far beyond ours */
	cr_expect_not(passwd_is_hash(a));
	cr_expect_not(passwd_verify(a, "x"));
	cr_expect_not(passwd_is_hash("+B"));
	cr_expect_not(passwd_is_hash("+Bnot a hash"));
	cr_expect_not(passwd_is_hash(""));
	a[strlen(a) - 1] = 0;
	cr_expect_not(passwd_is_hash(a));
}

Test(secret, sealed_opens_here_only)
{
	struct secret_key key, other;
	char sealed[128], clear[64];

	cr_assert_eq(secret_key_load(dir, &key), 0);
	cr_assert_eq(secret_seal(&key, "pre-shared", sealed, sizeof(sealed)), 0);
	cr_expect_null(strstr(sealed, "pre"));
	cr_assert_eq(secret_unseal(&key, sealed, clear, sizeof(clear)), 0);
	cr_expect_str_eq(clear, "pre-shared");
	other = key;
	other.bytes[0] ^= 1;
	cr_expect_eq(secret_unseal(&other, sealed, clear, sizeof(clear)), -EKEYREJECTED);
	cr_expect_str_eq(clear, "");
	sealed[10] = sealed[10] == 'A' ? 'B' : 'A'; /* still a character of the form */
	cr_expect_eq(secret_unseal(&key, sealed, clear, sizeof(clear)), -EKEYREJECTED);
	cr_expect_eq(secret_unseal(&key, "+Oabc", clear, sizeof(clear)), -EBADMSG);
	cr_expect_eq(secret_unseal(&key, "pre-shared", clear, sizeof(clear)), -EBADMSG);
}

/* For secrets that are names: the same word, and no other key's. */
Test(secret, sealed_the_same_way)
{
	struct secret_key key, other;
	char a[128], b[128], c[128], clear[64];

	cr_assert_eq(secret_key_load(dir, &key), 0);
	cr_assert_eq(secret_seal_same(&key, "public", a, sizeof(a)), 0);
	cr_assert_eq(secret_seal_same(&key, "public", b, sizeof(b)), 0);
	cr_assert_eq(secret_seal_same(&key, "publik", c, sizeof(c)), 0);
	cr_expect_str_eq(a, b);
	cr_expect(strncmp(a, c, 18), "two secrets share a nonce");
	cr_assert_eq(secret_unseal(&key, a, clear, sizeof(clear)), 0);
	cr_expect_str_eq(clear, "public");
	other = key;
	other.bytes[31] ^= 1;
	cr_assert_eq(secret_seal_same(&other, "public", b, sizeof(b)), 0);
	cr_expect(strncmp(a, b, 18), "the nonce does not depend on the key");
}

Test(secret, key_file_is_private)
{
	struct secret_key key;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "%s/chassis.key", dir);
	cr_assert_eq(secret_key_load(dir, &key), 0);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	chmod(path, 0644);
	cr_expect_eq(secret_key_load(dir, &key), -EPERM);
}

Test(secret, changed_key_opens_the_old_until_settled)
{
	struct secret_key before, key;
	char sealed[128], clear[64];

	cr_assert_eq(secret_key_load(dir, &before), 0);
	cr_assert_eq(secret_seal(&before, "pre-shared", sealed, sizeof(sealed)), 0);
	cr_expect_eq(secret_key_check(dir, "one"), 0);
	cr_assert_eq(secret_key_change(dir, "one"), 0);
	cr_expect_eq(secret_key_check(dir, "one"), 1);
	cr_expect_eq(secret_key_check(dir, "two"), 0);
	cr_expect_eq(secret_key_change(dir, "two"), -EBUSY);
	cr_assert_eq(secret_key_load(dir, &key), 0);
	cr_expect_eq(secret_unseal(&key, sealed, clear, sizeof(clear)), 0);
	cr_assert_eq(secret_key_settle(dir), 0);
	cr_assert_eq(secret_key_load(dir, &key), 0);
	cr_expect_eq(secret_unseal(&key, sealed, clear, sizeof(clear)), -EKEYREJECTED);
	cr_assert_eq(secret_seal(&key, "again", sealed, sizeof(sealed)), 0);
	cr_expect_eq(secret_unseal(&key, sealed, clear, sizeof(clear)), 0);
	cr_assert_eq(secret_key_change(dir, "two"), 0);
}

/* A session follows a key that was changed while it runs. */
Test(secret, hooks_read_a_changed_key)
{
	struct cli_hooks h;
	char sealed[128], clear[64];

	cr_assert_eq(secret_hooks(dir, &h), 0);
	cr_assert_eq(secret_key_change(dir, "one"), 0);
	cr_assert_eq(h.seal(h.arg, "x", sealed, sizeof(sealed)), 0);
	cr_assert_eq(secret_key_settle(dir), 0);
	cr_expect_eq(h.unseal(h.arg, sealed, clear, sizeof(clear)), 0);
	cr_expect_str_eq(clear, "x");
}
