/* SPDX-License-Identifier: MIT */
/* One transfer by libcurl, in the thread that asks for it or in the namespace's: see fetch.h. fetch_async.c
 * has the threads. */
#include "fetch/fetch.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/url.h"
#include "fetch/fetch_tcp.h"
#include "net/ns.h"
#include "secret/secret.h"

/* libcurl, when the first transfer begins: it costs a process 7 MB and its start 40 ms, and most never fetch.
 */
static struct {
	bool here;
	CURL *(*init)(void);
	CURLcode (*setopt)(CURL *c, CURLoption o, ...);
	CURLcode (*getinfo)(CURL *c, CURLINFO i, ...);
	CURLcode (*perform)(CURL *c);
	void (*cleanup)(CURL *c);
	const char *(*strerror)(CURLcode code);
} curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *symbol(void *lib, const char *name)
{
	void *p = dlsym(lib, name);

	curl.here &= p != NULL;
	return p;
}

static void load(void)
{
	void *lib = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	CURLcode (*global_init)(long flags);

	if (!lib)
		return;
	curl.here = true;
	*(void **)&global_init = symbol(lib, "curl_global_init");
	*(void **)&curl.init = symbol(lib, "curl_easy_init");
	*(void **)&curl.setopt = symbol(lib, "curl_easy_setopt");
	*(void **)&curl.getinfo = symbol(lib, "curl_easy_getinfo");
	*(void **)&curl.perform = symbol(lib, "curl_easy_perform");
	*(void **)&curl.cleanup = symbol(lib, "curl_easy_cleanup");
	*(void **)&curl.strerror = symbol(lib, "curl_easy_strerror");
	if (curl.here)
		curl.here = global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct transfer {
	const struct fetch_job *job;
	struct fetch_result *out;
	CURL *c;
	char url[FETCH_URL_MAX];
	char known_hosts[600], ca_file[600];
	size_t size, sent;       /* of out->data; of job->data */
	int write_error;         /* of our own side */
	int directory[4];        /* connections with an LDAP server; 0: none */
	bool too_large, stopped; /* why the transfer was broken off */
};

static const struct protocol {
	const char *name;
	unsigned bit;
} protocols[] = {{"http", FETCH_HTTP}, {"https", FETCH_HTTPS}, {"ftp", FETCH_FTP},
                 {"sftp", FETCH_SFTP}, {"tftp", FETCH_TFTP},   {"ldap", FETCH_LDAP}};

static const struct protocol *protocol_of(const char *url, unsigned allowed)
{
	size_t n = strcspn(url, ":");

	allowed = allowed ? allowed : FETCH_ALL;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (strlen(protocols[i].name) == n && !strncasecmp(protocols[i].name, url, n) &&
		    !strncmp(url + n, "://", 3) && allowed & protocols[i].bit)
			return &protocols[i];
	return NULL;
}

bool fetch_is_remote(const char *url, unsigned allowed)
{
	return protocol_of(url, allowed);
}

void fetch_result_clear(struct fetch_result *r)
{
	if (r->data)
		explicit_bzero(r->data, r->len);
	free(r->data);
	memset(r, 0, sizeof(*r));
}

/* --- bytes --- */

static bool keep(struct transfer *t, const char *p, size_t n)
{
	struct fetch_result *r = t->out;

	if (r->len + n + 1 > t->size) {
		size_t size = 2 * t->size > r->len + n + 1 ? 2 * t->size : r->len + n + 1;
		char *more = malloc(size);

		if (!more)
			return false;
		/* not realloc(): what moves may be a private key */
		if (r->data) {
			memcpy(more, r->data, r->len);
			explicit_bzero(r->data, r->len);
		}
		free(r->data);
		r->data = more;
		t->size = size;
	}
	memcpy(r->data + r->len, p, n);
	r->len += n;
	r->data[r->len] = 0;
	return true;
}

static size_t on_data(char *p, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;

	n *= one;
	if (t->out->bytes + n > t->job->max_bytes) {
		t->too_large = true;
		return 0;
	}
	if (t->job->fd < 0 && !keep(t, p, n)) {
		t->write_error = ENOMEM;
		return 0;
	}
	for (size_t at = 0; t->job->fd >= 0 && at < n;) {
		ssize_t k = write(t->job->fd, p + at, n - at);

		if (k <= 0) {
			t->write_error = k < 0 ? errno : EIO;
			return 0;
		}
		at += (size_t)k;
	}
	t->out->bytes += n;
	return n;
}

static size_t on_want(char *p, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;
	ssize_t k;

	n *= one;
	if (t->job->fd >= 0) {
		k = read(t->job->fd, p, n);
		if (k < 0) {
			t->write_error = errno;
			return CURL_READFUNC_ABORT;
		}
	} else {
		k = (ssize_t)(t->job->len - t->sent < n ? t->job->len - t->sent : n);
		memcpy(p, t->job->data + t->sent, (size_t)k);
		t->sent += (size_t)k;
	}
	t->out->bytes += (uint64_t)k;
	return (size_t)k;
}

/* FTP and SFTP read a directory, HTTP's login may need the body again: from the start then. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct transfer *t = arg;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	if (t->job->fd >= 0)
		return lseek(t->job->fd, offset, SEEK_SET) < 0 ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
	t->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* libldap reads an entry into memory as a whole before libcurl sees a byte of it: what has come over the
 * connection is counted instead. The slack is for the answers around the entry. */
static bool directory_says_too_much(const struct transfer *t)
{
	for (size_t i = 0; i < sizeof(t->directory) / sizeof(t->directory[0]); i++)
		if (t->directory[i] && fetch_tcp_received(t->directory[i]) > t->job->max_bytes + 4096)
			return true;
	return false;
}

/* A server of several addresses may be called at two of them. */
static bool put_socket(struct transfer *t, int old, int fd)
{
	for (size_t i = 0; i < sizeof(t->directory) / sizeof(t->directory[0]); i++)
		if (t->directory[i] == old) {
			t->directory[i] = fd;
			return true;
		}
	return false;
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)purpose;
	return put_socket(arg, 0, fd) ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

static int on_close(void *arg, curl_socket_t fd)
{
	put_socket(arg, fd, 0);
	return close(fd);
}

static int on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
	struct transfer *t = arg;
	bool put = t->job->put;

	if ((!put && dltotal > 0 && (uint64_t)dltotal > t->job->max_bytes) || directory_says_too_much(t))
		t->too_large = true;
	else if (t->job->tick && !t->job->tick(t->job->tick_arg, (uint64_t)(put ? ulnow : dlnow),
	                                       (uint64_t)(put ? ultotal : dltotal)))
		t->stopped = true;
	return t->too_large || t->stopped;
}

/* The first key of a server is kept; a server with another one than that is not spoken to. */
static int on_host_key(CURL *c, const struct curl_khkey *known, const struct curl_khkey *found,
                       enum curl_khmatch match, void *arg)
{
	(void)c;
	(void)known;
	(void)found;
	(void)arg;
	return match == CURLKHMATCH_OK        ? CURLKHSTAT_FINE
	       : match == CURLKHMATCH_MISSING ? CURLKHSTAT_FINE_ADD_TO_FILE
	                                      : CURLKHSTAT_REJECT;
}

/* --- what is asked for --- */

static int prepare_url(struct transfer *t)
{
	const struct fetch_job *j = t->job;
	char word[FETCH_URL_MAX], clear[FETCH_URL_MAX];
	struct secret_key key;
	size_t at, len;
	int rc;

	if (strlen(j->url) >= sizeof(t->url) || !url_authority_ok(j->url))
		return -EINVAL;
	memcpy(t->url, j->url, strlen(j->url) + 1);
	if (!j->state_dir || !url_password(j->url, &at, &len))
		return 0;
	snprintf(word, sizeof(word), "%.*s", (int)len, j->url + at);
	if (!secret_is_sealed(word))
		return 0;
	rc = secret_key_load(j->state_dir, &key);
	if (rc == 0)
		rc = secret_unseal(&key, word, clear, sizeof(clear));
	if (rc == 0)
		rc = url_with_password(j->url, clear, t->url, sizeof(t->url));
	secret_key_wipe(&key);
	explicit_bzero(clear, sizeof(clear));
	return rc == -EBADMSG ? 0 : rc; /* it only looks like one */
}

static void limits(struct transfer *t)
{
	const struct fetch_job *j = t->job;
	CURL *c = t->c;

	curl.setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl.setopt(c, CURLOPT_CONNECTTIMEOUT, (long)(j->connect_s ? j->connect_s : FETCH_CONNECT_S));
	curl.setopt(c, CURLOPT_TIMEOUT, (long)(j->total_s ? j->total_s : FETCH_TOTAL_S));
	curl.setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl.setopt(c, CURLOPT_LOW_SPEED_TIME, (long)FETCH_STALL_S);
	curl.setopt(c, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)FETCH_STALL_S);
	curl.setopt(c, CURLOPT_MAXREDIRS, (long)FETCH_REDIRECT_MAX);
	curl.setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl.setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl.setopt(c, CURLOPT_XFERINFODATA, t);
}

static void who_is_trusted(struct transfer *t)
{
	CURL *c = t->c;

	curl.setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl.setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	curl.setopt(c, CURLOPT_PROXY, "");
	curl.setopt(c, CURLOPT_SSH_AUTH_TYPES, (long)(CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD));
	if (!t->job->state_dir)
		return;
	snprintf(t->ca_file, sizeof(t->ca_file), "%s/flash/fetch-ca.pem", t->job->state_dir);
	if (access(t->ca_file, R_OK) == 0)
		curl.setopt(c, CURLOPT_CAINFO, t->ca_file);
	snprintf(t->known_hosts, sizeof(t->known_hosts), "%s/ssh", t->job->state_dir);
	mkdir(t->known_hosts, 0700);
	snprintf(t->known_hosts, sizeof(t->known_hosts), "%s/ssh/known_hosts", t->job->state_dir);
	curl.setopt(c, CURLOPT_SSH_KNOWNHOSTS, t->known_hosts);
	curl.setopt(c, CURLOPT_SSH_KEYFUNCTION, on_host_key);
}

static void direction(struct transfer *t)
{
	const struct fetch_job *j = t->job;
	curl_off_t size = (curl_off_t)j->len;
	CURL *c = t->c;

	if (!j->put) {
		curl.setopt(c, CURLOPT_WRITEFUNCTION, on_data);
		curl.setopt(c, CURLOPT_WRITEDATA, t);
		curl.setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)j->max_bytes);
		return;
	}
	if (j->fd >= 0) {
		struct stat st;

		size = fstat(j->fd, &st) == 0 ? st.st_size : -1;
	}
	curl.setopt(c, CURLOPT_UPLOAD, 1L);
	curl.setopt(c, CURLOPT_READFUNCTION, on_want);
	curl.setopt(c, CURLOPT_READDATA, t);
	curl.setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
	curl.setopt(c, CURLOPT_SEEKDATA, t);
	curl.setopt(c, CURLOPT_INFILESIZE_LARGE, size);
}

/* --- the end --- */

static int http_error(long code)
{
	return code == 404 || code == 410   ? -ENOENT
	       : code == 401 || code == 403 ? -EACCES
	       : code == 408 || code == 504 ? -ETIMEDOUT
	                                    : -EREMOTEIO;
}

static const struct known {
	CURLcode code;
	int rc;
	const char *text;
} known[] = {
        {CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, "the name of the host is not known"},
        {CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT, "no answer in time"},
        {CURLE_REMOTE_FILE_NOT_FOUND, -ENOENT, "there is no such file on the server"},
        {CURLE_FTP_COULDNT_RETR_FILE, -ENOENT, "the server does not hand out this file"},
        {CURLE_TFTP_NOTFOUND, -ENOENT, "there is no such file on the server"},
        {CURLE_TFTP_PERM, -EACCES, "the server denies access"},
        {CURLE_REMOTE_ACCESS_DENIED, -EACCES, "the server denies access"},
        {CURLE_LOGIN_DENIED, -EACCES, "the server refuses this user or password"},
        {CURLE_PARTIAL_FILE, -EPIPE, "the file was cut off"},
        {CURLE_GOT_NOTHING, -EPIPE, "the server closed the connection without an answer"},
        {CURLE_RECV_ERROR, -EPIPE, "the connection was lost"},
        {CURLE_SEND_ERROR, -EPIPE, "the connection was lost"},
        {CURLE_UPLOAD_FAILED, -EACCES, "the server does not take this file"},
        {CURLE_REMOTE_DISK_FULL, -ENOSPC, "the disk of the server is full"},
        {CURLE_TFTP_EXISTS, -EEXIST, "the file exists on the server"},
        {CURLE_UNSUPPORTED_PROTOCOL, -EPROTONOSUPPORT, "the server leads to another protocol"},
        {CURLE_LDAP_SEARCH_FAILED, -ENOENT, "the server finds no such entry"},
        {CURLE_LDAP_CANNOT_BIND, -EACCES, "the server denies access"},
        {CURLE_TOO_MANY_REDIRECTS, -ELOOP, "the server leads on and on"},
        {CURLE_PEER_FAILED_VERIFICATION, -EPERM,
         "the server cannot be verified: its certificate or host key is not the expected one"},
        {CURLE_SSL_CONNECT_ERROR, -EPROTO, "no TLS connection with the server"},
        {CURLE_SSL_CACERT_BADFILE, -EPERM, "/flash/fetch-ca.pem cannot be read"},
        {CURLE_URL_MALFORMAT, -EINVAL, "it is not a URL of a file"},
        {CURLE_OUT_OF_MEMORY, -ENOMEM, "out of memory"},
};

static void told(struct fetch_result *r, int rc, const char *text)
{
	r->rc = rc;
	snprintf(r->text, sizeof(r->text), "%s", text);
}

static void connect_error(struct transfer *t)
{
	long err = 0;

	curl.getinfo(t->c, CURLINFO_OS_ERRNO, &err);
	told(t->out, err ? -(int)err : -ECONNREFUSED, err ? strerror((int)err) : "no connection");
}

/* In words, and without what libcurl writes about the URL. */
static void explain(struct transfer *t, CURLcode code)
{
	struct fetch_result *r = t->out;
	long http = 0;

	if (t->too_large || code == CURLE_FILESIZE_EXCEEDED) {
		r->rc = -EFBIG;
		snprintf(r->text, sizeof(r->text), "it is larger than the %llu bytes that are taken",
		         (unsigned long long)t->job->max_bytes);
	} else if (t->stopped) {
		told(r, -ECANCELED, "interrupted");
	} else if (t->write_error) {
		told(r, -t->write_error, strerror(t->write_error));
	} else if (code == CURLE_HTTP_RETURNED_ERROR) {
		curl.getinfo(t->c, CURLINFO_RESPONSE_CODE, &http);
		r->rc = http_error(http);
		snprintf(r->text, sizeof(r->text), "the server answers %ld%s", http,
		         r->rc == -ENOENT   ? ", there is no such file"
		         : r->rc == -EACCES ? ", this user or password is refused"
		                            : "");
	} else if (code == CURLE_COULDNT_CONNECT) {
		connect_error(t);
	} else {
		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (known[i].code == code) {
				told(r, known[i].rc, known[i].text);
				return;
			}
		told(r, -EREMOTEIO, curl.strerror(code));
	}
}

static void perform(struct transfer *t, const struct protocol *p)
{
	CURLcode code;

	pthread_once(&once, load);
	if (!curl.here) {
		told(t->out, -ELIBACC, "libcurl.so.4 is not on this machine");
		return;
	}
	t->c = curl.init();
	if (!t->c) {
		told(t->out, -ENOMEM, "out of memory");
		return;
	}
	curl.setopt(t->c, CURLOPT_PROTOCOLS_STR, p->name);
	curl.setopt(t->c, CURLOPT_REDIR_PROTOCOLS_STR, p->name);
	curl.setopt(t->c, CURLOPT_URL, t->url);
	curl.setopt(t->c, CURLOPT_FOLLOWLOCATION, t->job->put ? 0L : 1L);
	curl.setopt(t->c, CURLOPT_FAILONERROR, 1L);
	curl.setopt(t->c, CURLOPT_USERAGENT, "orrery/" ORRERY_VERSION);
	limits(t);
	who_is_trusted(t);
	direction(t);
	if (p->bit == FETCH_LDAP) {
		curl.setopt(t->c, CURLOPT_SOCKOPTFUNCTION, on_socket);
		curl.setopt(t->c, CURLOPT_SOCKOPTDATA, t);
		curl.setopt(t->c, CURLOPT_CLOSESOCKETFUNCTION, on_close);
		curl.setopt(t->c, CURLOPT_CLOSESOCKETDATA, t);
	}
	code = curl.perform(t->c);
	if (code)
		explain(t, code);
	curl.cleanup(t->c);
	if (t->known_hosts[0])
		chmod(t->known_hosts, 0600);
}

static int work(void *arg)
{
	struct transfer *t = arg;
	const struct protocol *p = protocol_of(t->job->url, t->job->protocols);
	int rc = p && !(p->bit == FETCH_LDAP && t->job->put) ? prepare_url(t) : -EPROTONOSUPPORT;

	if (rc == -EPROTONOSUPPORT)
		told(t->out, rc, "this protocol is not supported here");
	else if (rc == -EKEYREJECTED)
		told(t->out, rc, "its password was encrypted with another chassis key");
	else if (rc < 0)
		told(t->out, rc, "it is not a URL of a file");
	else
		perform(t, p);
	explicit_bzero(t->url, sizeof(t->url));
	return 0;
}

/* Is the server a process beside the chassis? */
static bool beside(const char *url)
{
	const char *p = strstr(url, "://"), *at;
	size_t n;

	if (!p)
		return false;
	p += 3;
	n = strcspn(p, "/?#");
	at = memrchr(p, '@', n);
	if (at)
		p = at + 1;
	return !strncmp(p, "127.", 4) || !strncmp(p, "[::1]", 5) ||
	       (!strncasecmp(p, "localhost", 9) && strchr(":/?#", p[9]));
}

int fetch_run(const struct fetch_job *job, struct fetch_result *out)
{
	struct transfer *t = calloc(1, sizeof(*t));
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (!t) {
		told(out, -ENOMEM, "out of memory");
		return out->rc;
	}
	t->job = job;
	t->out = out;
	if (job->ns_fd >= 0 && (job->inside || !beside(job->url)))
		rc = ns_run(job->ns_fd, work, t);
	else
		work(t);
	if (rc < 0)
		told(out, rc, strerror(-rc));
	free(t);
	if (out->rc < 0 && out->data) {
		explicit_bzero(out->data, out->len);
		free(out->data);
		out->data = NULL;
		out->len = 0;
	}
	if (out->rc == 0 && !job->put && job->fd < 0 && !out->data)
		out->data = calloc(1, 1); /* an empty file is a file */
	return out->rc;
}
