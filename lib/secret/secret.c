/* SPDX-License-Identifier: MIT */
/* Sealing of configuration secrets. Form: "+O" base64url( 12-byte nonce, ciphertext, 16-byte tag ); the tag
 * covers "+O" too. */
#include "secret/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define PREFIX    "+O"
#define NONCE_LEN 12
#define TAG_LEN   16
#define CLEAR_MAX 4096

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int encode(const unsigned char *in, size_t len, char *out, size_t size)
{
	size_t n = 0;

	if (size < (len * 4 + 2) / 3 + 1)
		return -ENOSPC;
	for (size_t i = 0; i < len; i += 3) {
		unsigned v =
		        in[i] << 16u | (i + 1 < len ? in[i + 1] : 0) << 8u | (i + 2 < len ? in[i + 2] : 0);

		out[n++] = digits[v >> 18 & 63];
		out[n++] = digits[v >> 12 & 63];
		if (i + 1 < len)
			out[n++] = digits[v >> 6 & 63];
		if (i + 2 < len)
			out[n++] = digits[v & 63];
	}
	out[n] = 0;
	return 0;
}

/* Length, or -EBADMSG. */
static int decode(const char *in, unsigned char *out, size_t size)
{
	unsigned v = 0, bits = 0;
	size_t n = 0;

	for (; *in; in++) {
		const char *d = strchr(digits, *in);

		if (!d || n == size)
			return -EBADMSG;
		v = v << 6 | (unsigned)(d - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (unsigned char)(v >> bits);
			v &= (1u << bits) - 1;
		}
	}
	return (int)n;
}

static int key_create(const char *path, struct secret_key *key)
{
	char tmp[600];
	int fd, rc = 0;

	random_bytes(key->bytes, sizeof(key->bytes));
	snprintf(tmp, sizeof(tmp), "%s.%d", path, (int)getpid());
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, key->bytes, sizeof(key->bytes)) != sizeof(key->bytes) || fsync(fd) < 0)
		rc = -EIO;
	close(fd);
	/* link() and not rename(): whoever was first stays. */
	if (rc == 0 && link(tmp, path) < 0)
		rc = errno == EEXIST ? -EAGAIN : -errno;
	unlink(tmp);
	return rc;
}

static int key_read(const char *path, struct secret_key *key)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || (st.st_mode & 077) || st.st_uid != geteuid())
		rc = -EPERM;
	else if (read(fd, key->bytes, sizeof(key->bytes)) != sizeof(key->bytes))
		rc = -EIO;
	close(fd);
	return rc;
}

int secret_key_load(const char *state_dir, struct secret_key *key)
{
	char path[560];
	int rc;

	snprintf(path, sizeof(path), "%s/chassis.key", state_dir);
	rc = key_read(path, key);
	if (rc == -ENOENT && (rc = key_create(path, key)) == -EAGAIN)
		rc = key_read(path, key);
	return rc;
}

static int gcm(int enc, const struct secret_key *key, const unsigned char *nonce, const unsigned char *in,
               int len, unsigned char *out, unsigned char *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, ok;

	ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce, enc) == 1 &&
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

int secret_seal(const struct secret_key *key, const char *clear, char *out, size_t size)
{
	size_t len = strlen(clear);
	unsigned char raw[NONCE_LEN + CLEAR_MAX + TAG_LEN];
	int rc;

	if (len > CLEAR_MAX || size < 3)
		return -ENOSPC;
	random_bytes(raw, NONCE_LEN);
	rc = gcm(1, key, raw, (const unsigned char *)clear, (int)len, raw + NONCE_LEN, raw + NONCE_LEN + len);
	if (rc < 0)
		return -EIO;
	memcpy(out, PREFIX, 2);
	return encode(raw, NONCE_LEN + len + TAG_LEN, out + 2, size - 2);
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
	n = decode(sealed + 2, raw, sizeof(raw));
	len = n - NONCE_LEN - TAG_LEN;
	if (n < 0 || len < 0)
		return -EBADMSG;
	if ((size_t)len >= size)
		return -ENOSPC;
	rc = gcm(0, key, raw, raw + NONCE_LEN, len, (unsigned char *)out, raw + NONCE_LEN + len);
	if (rc < 0)
		OPENSSL_cleanse(out, (size_t)len);
	out[rc < 0 ? 0 : len] = 0;
	return rc;
}

static struct secret_key the_key;

static int hook_seal(void *arg, const char *clear, char *out, size_t size)
{
	return secret_seal(arg, clear, out, size);
}

static int hook_unseal(void *arg, const char *sealed, char *out, size_t size)
{
	return secret_unseal(arg, sealed, out, size);
}

int secret_hooks(const char *state_dir, struct cli_hooks *hooks)
{
	int rc = secret_key_load(state_dir, &the_key);

	if (rc == 0)
		*hooks = (struct cli_hooks){hook_seal, hook_unseal, &the_key};
	return rc;
}
