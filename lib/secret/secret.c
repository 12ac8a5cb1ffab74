/* SPDX-License-Identifier: MIT */
/* Sealing of configuration secrets. Form: "+O" base64url( 12-byte nonce, ciphertext, 16-byte tag ); the tag
 * covers "+O" too. */
#include "secret/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "secret/passwd.h"
#include "secret/secret_text.h"

#define PREFIX    "+O"
#define KEY_FILE  "chassis.key"
#define NONCE_LEN 12
#define TAG_LEN   16
#define CLEAR_MAX 8192

/* A file of its own beside path, on the disk when this returns 0. */
static int key_write(const char *tmp, const unsigned char *raw, size_t len)
{
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, raw, len) != (ssize_t)len || fsync(fd) < 0)
		rc = -EIO;
	close(fd);
	return rc;
}

static int key_create(const char *path, struct secret_key *key)
{
	char tmp[600];
	int rc;

	random_bytes(key->bytes, sizeof(key->bytes));
	key->has_old = false;
	snprintf(tmp, sizeof(tmp), "%s.%d", path, (int)getpid());
	rc = key_write(tmp, key->bytes, sizeof(key->bytes));
	/* link() and not rename(): whoever was first stays. */
	if (rc == 0 && link(tmp, path) < 0)
		rc = errno == EEXIST ? -EAGAIN : -errno;
	unlink(tmp);
	return rc;
}

static int key_read(const char *path, struct secret_key *key)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;
	unsigned char raw[sizeof(key->bytes) + sizeof(key->old)];
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || (st.st_mode & 077) || st.st_uid != geteuid())
		rc = -EPERM;
	else
		n = read(fd, raw, sizeof(raw));
	close(fd);
	if (rc == 0 && n != sizeof(key->bytes) && n != sizeof(raw))
		rc = -EIO;
	if (rc == 0) {
		memcpy(key->bytes, raw, sizeof(key->bytes));
		memcpy(key->old, raw + sizeof(key->bytes), sizeof(key->old));
		key->has_old = n == sizeof(raw);
	}
	OPENSSL_cleanse(raw, sizeof(raw));
	return rc;
}

int secret_key_load(const char *state_dir, struct secret_key *key)
{
	char path[560];
	int rc;

	snprintf(path, sizeof(path), "%s/" KEY_FILE, state_dir);
	rc = key_read(path, key);
	if (rc == -ENOENT && (rc = key_create(path, key)) == -EAGAIN)
		rc = key_read(path, key);
	return rc;
}

/* --- changing it -------------------------------------------------------------------------------------------
 */

/* The same value gives the same key on every chassis: that is what it is for. */
static int derive(const char *value, unsigned char *bytes)
{
	static const unsigned char salt[] = "orrery chassis key";

	return EVP_PBE_scrypt(value, strlen(value), salt, sizeof(salt) - 1, 1 << 15, 8, 1, 40 << 20, bytes,
	                      sizeof(((struct secret_key *)0)->bytes)) == 1
	               ? 0
	               : -EIO;
}

static int key_replace(const char *state_dir, const struct secret_key *key)
{
	unsigned char raw[sizeof(key->bytes) + sizeof(key->old)];
	char path[560], tmp[600];
	int rc;

	snprintf(path, sizeof(path), "%s/" KEY_FILE, state_dir);
	snprintf(tmp, sizeof(tmp), "%s.%d", path, (int)getpid());
	memcpy(raw, key->bytes, sizeof(key->bytes));
	memcpy(raw + sizeof(key->bytes), key->old, sizeof(key->old));
	rc = key_write(tmp, raw, key->has_old ? sizeof(raw) : sizeof(key->bytes));
	OPENSSL_cleanse(raw, sizeof(raw));
	if (rc == 0 && rename(tmp, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(tmp);
	return rc;
}

int secret_key_check(const char *state_dir, const char *value)
{
	struct secret_key key, other;
	int rc = secret_key_load(state_dir, &key);

	if (rc == 0)
		rc = derive(value, other.bytes);
	if (rc == 0)
		rc = CRYPTO_memcmp(key.bytes, other.bytes, sizeof(key.bytes)) == 0;
	secret_key_wipe(&key);
	secret_key_wipe(&other);
	return rc;
}

int secret_key_change(const char *state_dir, const char *value)
{
	struct secret_key key = {.has_old = false};
	int rc = secret_key_load(state_dir, &key);

	if (rc == 0 && key.has_old)
		rc = -EBUSY;
	if (rc == 0) {
		memcpy(key.old, key.bytes, sizeof(key.old));
		key.has_old = true;
		rc = derive(value, key.bytes);
	}
	if (rc == 0)
		rc = key_replace(state_dir, &key);
	secret_key_wipe(&key);
	return rc;
}

int secret_key_settle(const char *state_dir)
{
	struct secret_key key = {.has_old = false};
	int rc = secret_key_load(state_dir, &key);

	if (rc == 0 && key.has_old) {
		key.has_old = false;
		rc = key_replace(state_dir, &key);
	}
	secret_key_wipe(&key);
	return rc;
}

static int gcm(int enc, const unsigned char *key, const unsigned char *nonce, const unsigned char *in,
               int len, unsigned char *out, unsigned char *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, ok;

	ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, enc) == 1 &&
	     EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)PREFIX, 2) == 1 &&
	     EVP_CipherUpdate(ctx, out, &n, in, len) == 1;
	if (ok && !enc)
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1;
	ok = ok && EVP_CipherFinal_ex(ctx, out + len, &n) == 1;
	if (ok && enc)
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? 0 : -EBADMSG;
}

/* nonce NULL: a random one. */
static int seal(const struct secret_key *key, const unsigned char *nonce, const char *clear, char *out,
                size_t size)
{
	size_t len = strlen(clear);
	unsigned char raw[NONCE_LEN + CLEAR_MAX + TAG_LEN];
	int rc;

	if (len > CLEAR_MAX || size < 3)
		return -ENOSPC;
	if (nonce)
		memcpy(raw, nonce, NONCE_LEN);
	else
		random_bytes(raw, NONCE_LEN);
	rc = gcm(1, key->bytes, raw, (const unsigned char *)clear, (int)len, raw + NONCE_LEN,
	         raw + NONCE_LEN + len);
	if (rc < 0)
		return -EIO;
	out[0] = PREFIX[0];
	out[1] = PREFIX[1];
	return secret_text_encode(raw, NONCE_LEN + len + TAG_LEN, out + 2, size - 2);
}

int secret_seal(const struct secret_key *key, const char *clear, char *out, size_t size)
{
	return seal(key, NULL, clear, out, size);
}

/* The label keeps this use of the key apart from sealing. */
int secret_seal_same(const struct secret_key *key, const char *clear, char *out, size_t size)
{
	static const char label[] = "orrery names of secrets";
	unsigned char own[EVP_MAX_MD_SIZE], nonce[EVP_MAX_MD_SIZE];
	unsigned n;
	int rc = -EIO;

	if (HMAC(EVP_sha256(), key->bytes, sizeof(key->bytes), (const unsigned char *)label,
	         sizeof(label) - 1, own, &n) &&
	    HMAC(EVP_sha256(), own, (int)n, (const unsigned char *)clear, strlen(clear), nonce, &n))
		rc = seal(key, nonce, clear, out, size);
	OPENSSL_cleanse(own, sizeof(own));
	return rc;
}

int secret_is_sealed(const char *text)
{
	return !strncmp(text, PREFIX, 2) && strlen(text) >= 2 + (NONCE_LEN + TAG_LEN) * 4 / 3;
}

int secret_unseal(const struct secret_key *key, const char *sealed, char *out, size_t size)
{
	unsigned char raw[NONCE_LEN + CLEAR_MAX + TAG_LEN];
	int n, len, rc;

	if (!secret_is_sealed(sealed))
		return -EBADMSG;
	n = secret_text_decode(sealed + 2, raw, sizeof(raw));
	len = n - NONCE_LEN - TAG_LEN;
	if (n < 0 || len < 0)
		return -EBADMSG;
	if ((size_t)len >= size)
		return -ENOSPC;
	rc = gcm(0, key->bytes, raw, raw + NONCE_LEN, len, (unsigned char *)out, raw + NONCE_LEN + len);
	if (rc < 0 && key->has_old)
		rc = gcm(0, key->old, raw, raw + NONCE_LEN, len, (unsigned char *)out, raw + NONCE_LEN + len);
	if (rc < 0)
		OPENSSL_cleanse(out, (size_t)len);
	out[rc < 0 ? 0 : len] = 0;
	return rc < 0 ? -EKEYREJECTED : 0;
}

void secret_key_wipe(struct secret_key *key)
{
	OPENSSL_cleanse(key, sizeof(*key));
}

/* --- hooks: one key per process, read again when its file was replaced
 * --------------------------------------
 */

static struct {
	char path[560];
	struct secret_key *key; /* on a page of its own that no core file shows */
	struct stat st;
} the;

static struct secret_key *key_page(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	madvise(page, size, MADV_DONTDUMP);
	return page;
}

static int key_refresh(void)
{
	struct stat st;

	if (stat(the.path, &st) < 0)
		return -errno;
	if (st.st_ino == the.st.st_ino && st.st_mtim.tv_sec == the.st.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == the.st.st_mtim.tv_nsec)
		return 0;
	the.st = st;
	return key_read(the.path, the.key);
}

static int hook_seal(void *arg, const char *clear, char *out, size_t size)
{
	int rc = key_refresh();

	(void)arg;
	return rc ? rc : secret_seal(the.key, clear, out, size);
}

static int hook_seal_key(void *arg, const char *clear, char *out, size_t size)
{
	int rc = key_refresh();

	(void)arg;
	return rc ? rc : secret_seal_same(the.key, clear, out, size);
}

static int hook_unseal(void *arg, const char *sealed, char *out, size_t size)
{
	int rc = key_refresh();

	(void)arg;
	return rc ? rc : secret_unseal(the.key, sealed, out, size);
}

static int hook_hash(void *arg, const char *clear, char *out, size_t size)
{
	(void)arg;
	return passwd_hash(clear, out, size);
}

static bool hook_is_hash(void *arg, const char *text)
{
	(void)arg;
	return passwd_is_hash(text);
}

int secret_hooks(const char *state_dir, struct cli_hooks *hooks)
{
	int rc = 0;

	if (!the.key)
		the.key = key_page();
	if (!the.key)
		return -ENOMEM;
	snprintf(the.path, sizeof(the.path), "%s/" KEY_FILE, state_dir);
	rc = secret_key_load(state_dir, the.key);
	if (rc == 0 && stat(the.path, &the.st) < 0)
		rc = -errno;
	if (rc == 0)
		*hooks = (struct cli_hooks){.seal = hook_seal,
		                            .unseal = hook_unseal,
		                            .hash = hook_hash,
		                            .is_hash = hook_is_hash,
		                            .seal_key = hook_seal_key};
	return rc;
}
