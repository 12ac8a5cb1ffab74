/* SPDX-License-Identifier: MIT */
/*
 * One upload by libcurl (sftp, ftp, tftp) in a thread of its own, so that a dead receiver holds up nothing
 * but itself. The thread enters the namespace of context local for good and ends with the upload. The only
 * file that includes curl. Called by bulk_transfer.c.
 */
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bulk_task.h"
#include "net/ns.h"

#define CONNECT_S 5L
#define TOTAL_S   120L

static struct {
	uv_async_t done;
	pthread_t thread;
	bool busy;
	struct bulk_push job;
	bulk_push_cb cb;
	void *arg;
	int status;
	char text[CURL_ERROR_SIZE + 32];
	uint64_t bytes, us;
} pu;

static void done(uv_async_t *h)
{
	if (!pu.busy)
		return;
	pthread_join(pu.thread, NULL);
	explicit_bzero(&pu.job, sizeof(pu.job));
	pu.busy = false;
	pu.cb(pu.arg, pu.status, pu.text, pu.bytes, pu.us);
}

int bulk_push_init(uv_loop_t *loop)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	return uv_async_init(loop, &pu.done, done);
}

/* --- URL
 * ---------------------------------------------------------------------------------------------------------------
 */

static int put_path(const char *path, char *url, size_t size)
{
	size_t n = strlen(url);

	for (; *path; path++) {
		bool plain = (*path >= 'a' && *path <= 'z') || (*path >= 'A' && *path <= 'Z') ||
		             (*path >= '0' && *path <= '9') || strchr("/-_.~", *path);
		if (n + 4 >= size)
			return -ENOSPC;
		n += (size_t)snprintf(url + n, size - n, plain ? "%c" : "%%%02X", (unsigned char)*path);
	}
	return 0;
}

int bulk_push_url(const struct bulk_receiver *r, const char *remote, char *url, size_t size)
{
	static const char *const schemes[] = {"sftp", "ftp", "tftp"};
	struct net_addr a;
	bool six = net_addr_parse(&a, r->address) == 0 && a.family == AF_INET6;
	bool absolute = remote[0] == '/';
	/* sftp: /~/ is the login's home; ftp: relative to the login's directory, and %2F makes it absolute */
	const char *root = r->mechanism == BULK_SFTP              ? (absolute ? "" : "/~/")
	                   : r->mechanism == BULK_FTP && absolute ? "/%2F"
	                                                          : "/";
	int n = snprintf(url, size, six ? "%s://[%s]%s" : "%s://%s%s", schemes[r->mechanism], r->address,
	                 root);

	if (n < 0 || (size_t)n >= size)
		return -ENOSPC;
	if (r->mechanism != BULK_SFTP)
		remote += strspn(remote, "/");
	return put_path(remote, url, size);
}

/* --- the thread
 * ----------------------------------------------------------------------------------------------------------
 */

static void set_options(CURL *c, FILE *f, long size)
{
	curl_easy_setopt(c, CURLOPT_URL, pu.job.url);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_READDATA, f);
	curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, TOTAL_S);
	curl_easy_setopt(c, CURLOPT_FTP_CREATE_MISSING_DIRS, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, pu.text);
	if (pu.job.login[0])
		curl_easy_setopt(c, CURLOPT_USERNAME, pu.job.login);
	if (pu.job.password[0])
		curl_easy_setopt(c, CURLOPT_PASSWORD, pu.job.password);
	if (pu.job.key[0]) {
		curl_easy_setopt(c, CURLOPT_SSH_PRIVATE_KEYFILE, pu.job.key);
		curl_easy_setopt(c, CURLOPT_SSH_AUTH_TYPES, (long)CURLSSH_AUTH_PUBLICKEY);
	}
}

static int upload(void)
{
	FILE *f = fopen(pu.job.path, "rb");
	CURL *c = f ? curl_easy_init() : NULL;
	CURLcode rc;
	long size;

	if (!c) {
		snprintf(pu.text, sizeof(pu.text), "the file cannot be read: %s", strerror(errno));
		if (f)
			fclose(f);
		return -EIO;
	}
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	set_options(c, f, size);
	rc = curl_easy_perform(c);
	if (rc && !pu.text[0])
		snprintf(pu.text, sizeof(pu.text), "%s", curl_easy_strerror(rc));
	pu.bytes = rc ? 0 : (uint64_t)size;
	curl_easy_cleanup(c);
	fclose(f);
	return rc ? -EIO : 0;
}

static void *run(void *arg)
{
	uint64_t began = clock_now_us();
	int rc = pu.job.ns_fd >= 0 ? ns_enter(pu.job.ns_fd) : 0;

	pu.text[0] = '\0';
	pu.bytes = 0;
	if (rc)
		snprintf(pu.text, sizeof(pu.text), "context local: %s", strerror(-rc));
	else
		rc = upload();
	pu.status = rc;
	pu.us = clock_now_us() - began;
	uv_async_send(&pu.done);
	return NULL;
}

int bulk_push_start(const struct bulk_push *p, bulk_push_cb cb, void *arg)
{
	if (pu.busy)
		return -EBUSY;
	pu.job = *p;
	pu.cb = cb;
	pu.arg = arg;
	pu.busy = true;
	if (pthread_create(&pu.thread, NULL, run, NULL)) {
		pu.busy = false;
		return -EAGAIN;
	}
	return 0;
}
