/* SPDX-License-Identifier: MIT */
/*
 * Files by URL over http, https, ftp, sftp and tftp, and entries of directories over ldap, with libcurl: the
 * one place that speaks to servers an operator or a peer has named. Bounded in size and time, never sent on
 * to another protocol, TLS and SSH servers proven, no proxy of the environment, and no password in what it
 * says. fetch_run() blocks its thread; fetch_start() uses a thread of its own and tells the loop. Callers:
 * tasks/cli (copy, configure, save, certificates), tasks/sct (files, boot), tasks/ipsecmgr (hash and URL).
 * libcurl is loaded when it is first needed.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define FETCH_HTTP  (1u << 0)
#define FETCH_HTTPS (1u << 1)
#define FETCH_FTP   (1u << 2)
#define FETCH_SFTP  (1u << 3)
#define FETCH_TFTP  (1u << 4)
#define FETCH_LDAP  (1u << 5) /* an entry, as libcurl writes it: certs_ldap.h; read only */
#define FETCH_ALL   (FETCH_HTTP | FETCH_HTTPS | FETCH_FTP | FETCH_SFTP | FETCH_TFTP) /* of files */

#define FETCH_URL_MAX      2048
#define FETCH_CONNECT_S    10 /* default: until the connection stands */
#define FETCH_TOTAL_S      60 /* default: until all is there */
#define FETCH_STALL_S      10 /* nothing arrives for so long: given up */
#define FETCH_REDIRECT_MAX 3  /* within the same protocol */
#define FETCH_THREADS_MAX  16 /* of fetch_start(), in one process */

struct fetch_job {
	const char *url;
	/*
	 * Directory of the chassis, or NULL: its key opens a sealed password in the URL; ssh/known_hosts has
	 * the keys of SSH servers (the first one seen is kept, another one is refused); flash/fetch-ca.pem,
	 * where it is, the CA certificates that TLS servers are proven by, instead of the machine's.
	 */
	const char *state_dir;
	int ns_fd; /* network namespace, -1: the process' own; 127.0.0.0/8 and localhost are in the latter, …
	            */
	bool inside; /* … but with this: who named the URL must not reach processes beside the chassis */
	unsigned protocols;          /* FETCH_… or'ed; 0: FETCH_ALL */
	uint64_t max_bytes;          /* of what is fetched; 0: nothing is taken */
	unsigned connect_s, total_s; /* 0: default */
	bool put;                    /* send fd, or data, instead */
	int fd;                      /* where to write, or read from; -1: memory */
	const char *data;            /* put without fd */
	size_t len;
	/* Called in the thread that transfers, about once a second or with each piece. total 0: not known.
	 * false: stop. */
	bool (*tick)(void *arg, uint64_t bytes, uint64_t total);
	void *tick_arg;
};

struct fetch_result {
	int rc; /* 0 or -errno: -EFBIG, -ENOENT, -EACCES, -ETIMEDOUT, -ECANCELED, -EPROTONOSUPPORT, … */
	char text[160]; /* why, without the URL; "" when rc is 0 */
	char *data;     /* fetched into memory: NUL-terminated, malloc'ed; else NULL */
	size_t len;
	uint64_t bytes; /* transferred */
};

/* Is this a URL of one of these protocols (0: FETCH_ALL)? Paths and file: are not. */
bool fetch_is_remote(const char *url, unsigned protocols);
/* Do it and wait. out->data belongs to the caller (fetch_result_clear()). Returns out->rc. */
int fetch_run(const struct fetch_job *job, struct fetch_result *out);
/* Wipes and frees. */
void fetch_result_clear(struct fetch_result *r);

struct fetch;
/*
 * The same in a thread of its own; the job's strings and data are copied, fd and ns_fd stay the caller's and
 * must stay open. done() is called once, in the loop's thread; what it does not take out of r is freed after
 * it. NULL: -EAGAIN in *rc, or FETCH_THREADS_MAX are under way (-EBUSY), or memory.
 */
struct fetch *fetch_start(uv_loop_t *loop, const struct fetch_job *job,
                          void (*done)(void *arg, struct fetch_result *r), void *arg, int *rc);
/* done() is not called any more; the transfer ends by itself within a second or so. */
void fetch_cancel(struct fetch *f);

#endif
