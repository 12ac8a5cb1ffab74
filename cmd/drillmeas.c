/* SPDX-License-Identifier: MIT */
/*
 * Figures of a drill: pings that run through the whole drill in lab hosts, and the simulated peers' own
 * counters over their control sockets (one command a line, one line of JSON back).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <jansson.h>

#include "base/clock.h"
#include "cmd/drillrun.h"
#include "cmd/labctl.h"

#define STATUS_MAX 65536

int drillmeas_probe(struct drillrun *r, const char *host, const char *address)
{
	struct drillrun_probe *p = &r->probes[r->nprobes];
	char command[256], *words[] = {"exec", (char *)host, "sh", "-c", command};
	int fds[3];

	if (!r->lab || r->nprobes == DRILLRUN_PROBES) {
		snprintf(r->err, sizeof(r->err), "%s", r->lab ? "too many probes" : "a probe needs a lab");
		return -1;
	}
	snprintf(p->host, sizeof(p->host), "%s", host);
	snprintf(p->log, sizeof(p->log), "%.440s/probe-%.32s-%u.log", r->labdir, host, r->nprobes);
	snprintf(command, sizeof(command), "exec ping -n -D -O -i %.1f -s 56 %.100s",
	         DRILLRUN_PING_MS / 1000.0, address);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = fds[2] = open(p->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	p->conn = fds[1] < 0 ? -errno : labctl_request(r->lab->name, words, 5, fds);
	close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	if (p->conn < 0) {
		snprintf(r->err, sizeof(r->err), "probe from %s: %s", host, strerror(-p->conn));
		return -1;
	}
	r->nprobes++;
	return 0;
}

void drillmeas_end(struct drillrun *r)
{
	for (unsigned i = 0; i < r->nprobes; i++)
		close(r->probes[i].conn);
	r->nprobes = 0;
}

/* One line to a peers' control socket, one line of JSON back; NULL when nobody answers within 2 s. */
static json_t *peers_ask(const struct drillrun *r, const char *name, const char *line)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval tv = {.tv_sec = 2};
	char *buf = malloc(STATUS_MAX);
	json_t *j = NULL;
	size_t len = 0;
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!buf || fd < 0 ||
	    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s.peers", r->labdir, name) >=
	            (int)sizeof(sa.sun_path))
		goto out;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) || dprintf(fd, "%s\n", line) < 0)
		goto out;
	while (len < STATUS_MAX - 1 && (n = read(fd, buf + len, STATUS_MAX - 1 - len)) > 0) {
		len += (size_t)n;
		if (memchr(buf, '\n', len))
			break;
	}
	buf[len] = '\0';
	j = json_loads(buf, JSON_DISABLE_EOF_CHECK, NULL);
out:
	if (fd >= 0)
		close(fd);
	free(buf);
	return j;
}

void drillmeas_mark(struct drillrun *r)
{
	r->stage_wall_us = clock_wall_us();
	for (unsigned i = 0; r->lab && i < r->lab->npeers; i++)
		json_decref(peers_ask(r, r->lab->peers[i].name, "mark"));
}

/* The time between two echoes of a tunnel, which is no gap. */
static int64_t interval_us(const struct lab_peers *p)
{
	double pps = 1;

	for (unsigned i = 0; i + 1 < p->nargs; i++) {
		if (!strcmp(p->args[i], "--pps"))
			pps = strtod(p->args[i + 1], NULL);
	}
	return pps > 0 ? (int64_t)(1e6 / pps) : 0;
}

static void read_peers(struct drillrun *r, const struct lab_peers *p, struct drill_figures *f)
{
	json_t *j = peers_ask(r, p->name, "status");
	const char *hash;
	int64_t gap;

	if (!j)
		return;
	hash = json_string_value(json_object_get(j, "spi_hash"));
	gap = (int64_t)(json_number_value(json_object_get(j, "max_gap_ms")) * 1000) - interval_us(p);
	f->tunnels =
	        (f->tunnels < 0 ? 0 : f->tunnels) + json_integer_value(json_object_get(j, "established"));
	f->spis = f->spis * 1099511628211ULL + (hash ? strtoull(hash, NULL, 16) : 0);
	f->reused += json_integer_value(json_object_get(j, "seq_reused"));
	f->sent += json_integer_value(json_object_get(j, "sent"));
	f->lost += json_integer_value(json_object_get(j, "lost"));
	if (gap > f->gap_us)
		f->gap_us = gap > 0 ? gap : 0;
	json_decref(j);
}

static void read_probe(struct drillrun *r, const struct drillrun_probe *p, struct drill_figures *f)
{
	int fd = open(p->log, O_RDONLY | O_CLOEXEC);
	off_t len = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	char *buf = len > 0 && len < (64 << 20) ? malloc((size_t)len) : NULL;
	ssize_t n = buf ? pread(fd, buf, (size_t)len, 0) : 0;

	if (n >= 0)
		drill_probe_figures(buf ? buf : "", (size_t)n, r->stage_wall_us, clock_wall_us(),
		                    DRILLRUN_PING_MS * US_PER_MS, f);
	free(buf);
	if (fd >= 0)
		close(fd);
}

void drillmeas_read(struct drillrun *r, struct drill_figures *f)
{
	*f = (struct drill_figures){.tunnels = -1, .gap_us = -1};
	for (unsigned i = 0; r->lab && i < r->lab->npeers; i++)
		read_peers(r, &r->lab->peers[i], f);
	for (unsigned i = 0; i < r->nprobes; i++)
		read_probe(r, &r->probes[i], f);
}
