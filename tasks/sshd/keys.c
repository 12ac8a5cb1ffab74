/* SPDX-License-Identifier: MIT */
/*
 * Host keys: <state>/ssh/host_ed25519 made at the first boot, host_rsa when a server is configured (making it
 * takes a while: a worker thread), both 0600. `ssh generate key` replaces them. They are read for each
 * connection and kept nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <libssh/libssh.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "sshd.h"

#define RETRY_MS 5000
#define RSA_BITS 3072

static const struct {
	const char *file, *word;
	enum ssh_keytypes_e type;
	int parameter;
} kinds[] = {
        {"host_ed25519", "ed25519", SSH_KEYTYPE_ED25519, 0},
        {"host_rsa", "v2-rsa", SSH_KEYTYPE_RSA, RSA_BITS},
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static const char *key_path(const struct sshd *s, size_t i, const char *suffix)
{
	return task_state_path(s->t, "ssh/%s%s", kinds[i].file, suffix);
}

static int write_private(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len || fsync(fd) < 0)
		rc = errno ? -errno : -EIO;
	close(fd);
	return rc;
}

/* A new key takes the old one's place when it is on the disk. Thread-safe. */
static int make(const char *path, const char *tmp, enum ssh_keytypes_e type, int parameter)
{
	ssh_key key = NULL;
	char *text = NULL;
	int rc = -EIO;

	if (ssh_pki_generate(type, parameter, &key) == SSH_OK &&
	    ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &text) == SSH_OK)
		rc = write_private(tmp, text);
	if (rc == 0 && rename(tmp, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(tmp);
	if (text)
		explicit_bzero(text, strlen(text));
	ssh_string_free_char(text);
	ssh_key_free(key);
	return rc;
}

/* --- in a worker thread ------------------------------------------------------------------------------------
 */

struct job {
	uv_work_t work;
	struct sshd *s;
	bool make[KINDS], answer;
	char path[KINDS][320], tmp[KINDS][320];
	struct bus_from from;
	int rc;
};

static void job_work(uv_work_t *w)
{
	struct job *j = w->data;

	for (size_t i = 0; i < KINDS && !j->rc; i++)
		if (j->make[i])
			j->rc = make(j->path[i], j->tmp[i], kinds[i].type, kinds[i].parameter);
}

static void ready(struct sshd *s)
{
	keys_ensure(s);
	if (s->tree)
		listen_config(s);
}

static void retry_cb(struct task *t, void *arg)
{
	(void)t;
	ready(arg);
}

static void job_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	struct sshd *s = j->s;

	s->keys_busy = false;
	if (status || j->rc)
		LOG(EV_SSH_ERROR, "host keys cannot be made: %s", strerror(j->rc ? -j->rc : EIO));
	else
		LOG(EV_SSH_KEY, "%s", "host keys of the SSH server were made");
	if (j->answer)
		task_reply_status_to(s->t, &j->from, j->rc, "%s",
		                     j->rc ? "Failure: The keys cannot be made" : "");
	if (j->rc)
		task_timer_start(s->t, RETRY_MS, 0, retry_cb, s);
	else
		ready(s);
	free(j);
}

static struct job *job_new(struct sshd *s)
{
	struct job *j = s->keys_busy ? NULL : calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->s = s;
	j->work.data = j;
	for (size_t i = 0; i < KINDS; i++) {
		snprintf(j->path[i], sizeof(j->path[i]), "%s", key_path(s, i, ""));
		snprintf(j->tmp[i], sizeof(j->tmp[i]), "%s", key_path(s, i, ".new"));
	}
	return j;
}

static int job_start(struct job *j)
{
	int rc = uv_queue_work(j->s->t->loop, &j->work, job_work, job_done);

	if (rc < 0)
		free(j);
	else
		j->s->keys_busy = true;
	return rc;
}

void keys_ensure(struct sshd *s)
{
	bool missing[KINDS], any = false;
	struct job *j;

	if (mkdir(task_state_path(s->t, "ssh"), 0700) < 0 && errno != EEXIST)
		LOG(EV_SSH_ERROR, "%s: %s", task_state_path(s->t, "ssh"), strerror(errno));
	for (size_t i = 0; i < KINDS; i++) {
		/* Without a server the RSA key can wait. */
		missing[i] = (i == 0 || s->listeners) && access(key_path(s, i, ""), R_OK) < 0;
		any |= missing[i];
	}
	s->keys_ready = !missing[0]; /* one is enough to begin with */
	j = any ? job_new(s) : NULL;
	if (!j)
		return;
	memcpy(j->make, missing, sizeof(missing));
	job_start(j);
}

void keys_generate(struct task *t, const struct bus_msg *m)
{
	struct sshd *s = t->data;
	const char *type = m->env->control->args;
	struct job *j = job_new(s);

	if (!j) {
		task_reply_status(t, m, -EBUSY, "Failure: Keys are being made at the moment");
		return;
	}
	for (size_t i = 0; i < KINDS; i++)
		j->make[i] = !type[0] || !strcmp(type, "all") || !strcmp(type, kinds[i].word);
	j->answer = true;
	j->from = task_from(m);
	if (job_start(j) < 0)
		task_reply_status(t, m, -ENOMEM, "Failure: out of memory");
}

/* --- reading -----------------------------------------------------------------------------------------------
 */

int keys_read(const struct sshd *s, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < KINDS; i++) {
		int fd = open(key_path(s, i, ""), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		ssize_t n = fd < 0 ? -1 : read(fd, out + at, size - at - 2);
		int rc = -errno;

		if (fd >= 0)
			close(fd);
		if (n < 0 && rc == -ENOENT && i > 0)
			continue; /* it is being made */
		if (n < 0)
			return rc;
		at += (size_t)n;
		if (at && out[at - 1] != '\n')
			out[at++] = '\n';
	}
	out[at] = 0;
	return 0;
}

static json_t *key_json(const struct sshd *s, size_t i)
{
	ssh_key key = NULL;
	unsigned char *hash = NULL;
	size_t len = 0;
	char *b64 = NULL, *print = NULL;
	json_t *j = NULL;

	if (ssh_pki_import_privkey_file(key_path(s, i, ""), NULL, NULL, NULL, &key) == SSH_OK &&
	    ssh_pki_export_pubkey_base64(key, &b64) == SSH_OK &&
	    ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) == 0)
		print = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);
	if (print)
		j = json_pack("{s:s, s:s, s:s, s:s}", "type", kinds[i].word, "name",
		              ssh_key_type_to_char(ssh_key_type(key)), "key", b64, "fingerprint", print);
	ssh_string_free_char(print);
	ssh_string_free_char(b64);
	ssh_clean_pubkey_hash(&hash);
	ssh_key_free(key);
	return j;
}

json_t *keys_json(const struct sshd *s)
{
	json_t *list = json_array(), *j;

	for (size_t i = 0; i < KINDS; i++)
		if ((j = key_json(s, i)))
			json_array_append_new(list, j);
	return json_pack("{s:o}", "keys", list);
}
