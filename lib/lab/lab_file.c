/* SPDX-License-Identifier: MIT */
/*
 * Parser of lab files, see lab.h: one line, one thing; a row of the table per kind of line. No I/O.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab.h"

#define WORDS_MAX (LAB_ARGS + 4)

struct parser {
	const char *file;
	unsigned line;
	struct lab *l;
	char *err;
	size_t errlen;
	char *w[WORDS_MAX]; /* words of the line, w[0] its kind */
	unsigned n;
};

static int __attribute__((format(printf, 2, 3))) wrong(struct parser *p, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(p->err, p->errlen, "%s:%u: ", p->file, p->line);

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < p->errlen)
		vsnprintf(p->err + n, p->errlen - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool name_ok(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_')
			return false;
	}
	return n > 0 && n <= 12 && s[0] != '-'; /* 12: they become device names */
}

static int take_name(struct parser *p, const char *word, char *out)
{
	if (!name_ok(word))
		return wrong(p, "\"%s\" is not a name (1 to 12 letters, digits, - and _)", word);
	snprintf(out, LAB_NAME_MAX, "%s", word);
	return 0;
}

static int take_text(struct parser *p, const char *word, char *out)
{
	if (strlen(word) >= LAB_TEXT_MAX)
		return wrong(p, "\"%.40s…\" is too long", word);
	strcpy(out, word);
	return 0;
}

static int network_find(const struct lab *l, const char *name)
{
	for (unsigned i = 0; i < l->nnetworks; i++) {
		if (!strcmp(l->networks[i], name))
			return (int)i;
	}
	return -1;
}

int lab_chassis_find(const struct lab *l, const char *name)
{
	for (unsigned i = 0; i < l->nchassis; i++) {
		if (!strcmp(l->chassis[i].name, name))
			return (int)i;
	}
	return -1;
}

int lab_host_find(const struct lab *l, const char *name)
{
	for (unsigned i = 0; i < l->nhosts; i++) {
		if (!strcmp(l->hosts[i].name, name))
			return (int)i;
	}
	return -1;
}

static int do_lab(struct parser *p)
{
	return take_name(p, p->w[1], p->l->name);
}

static int do_network(struct parser *p)
{
	if (network_find(p->l, p->w[1]) >= 0)
		return wrong(p, "network %s is there already", p->w[1]);
	if (p->l->nnetworks == LAB_NETWORKS)
		return wrong(p, "more than %d networks", LAB_NETWORKS);
	return take_name(p, p->w[1], p->l->networks[p->l->nnetworks++]);
}

/* "64" to out. 0, or an error line. */
static int take_disk(struct parser *p, const char *text, unsigned *out)
{
	char *end;
	unsigned long mb = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || mb < 8 || mb > 1024)
		return wrong(p, "disk %s: the legal range is 8 to 1024 megabytes", text);
	*out = (unsigned)mb;
	return 0;
}

/* chassis NAME [profile P] [config FILE] [disk MEGABYTES] */
static int do_chassis(struct parser *p)
{
	struct lab_chassis *c = &p->l->chassis[p->l->nchassis];
	int rc;

	if (lab_chassis_find(p->l, p->w[1]) >= 0)
		return wrong(p, "chassis %s is there already", p->w[1]);
	if (p->l->nchassis == LAB_CHASSIS)
		return wrong(p, "more than %d chassis", LAB_CHASSIS);
	rc = take_name(p, p->w[1], c->name);
	strcpy(c->profile, "asr5500-lab");
	for (unsigned i = 2; !rc && i < p->n; i += 2) {
		if (i + 1 == p->n)
			rc = wrong(p, "%s needs a value", p->w[i]);
		else if (!strcmp(p->w[i], "profile"))
			rc = take_text(p, p->w[i + 1], c->profile);
		else if (!strcmp(p->w[i], "config"))
			rc = take_text(p, p->w[i + 1], c->config);
		else if (!strcmp(p->w[i], "disk"))
			rc = take_disk(p, p->w[i + 1], &c->disk_mb);
		else
			rc = wrong(p, "a chassis has a profile, a config and a disk, not \"%s\"", p->w[i]);
	}
	if (!rc)
		p->l->nchassis++;
	return rc;
}

/* port CHASSIS SLOT/PORT NETWORK */
static int do_port(struct parser *p)
{
	struct lab_port *o = &p->l->ports[p->l->nports];
	int chassis = lab_chassis_find(p->l, p->w[1]), network = p->n == 4 ? network_find(p->l, p->w[3]) : -1;
	unsigned slot, port, used = 0;

	if (p->n != 4)
		return wrong(p, "port takes CHASSIS SLOT/PORT NETWORK");
	if (p->l->nports == LAB_PORTS)
		return wrong(p, "more than %d ports", LAB_PORTS);
	if (chassis < 0)
		return wrong(p, "there is no chassis %s above this line", p->w[1]);
	if (network < 0)
		return wrong(p, "there is no network %s above this line", p->w[3]);
	if (sscanf(p->w[2], "%2u/%2u%n", &slot, &port, (int *)&used) != 2 || p->w[2][used] || !slot ||
	    slot > 20 || !port || port > 49)
		return wrong(p, "\"%s\" is not a port (SLOT/PORT, as 5/10)", p->w[2]);
	for (unsigned i = 0; i < p->l->nports; i++) {
		if (p->l->ports[i].chassis == (unsigned)chassis && !strcmp(p->l->ports[i].port, p->w[2]))
			return wrong(p, "port %s of chassis %s is plugged in already", p->w[2], p->w[1]);
	}
	o->chassis = (unsigned)chassis;
	o->network = (unsigned)network;
	snprintf(o->port, sizeof(o->port), "%s", p->w[2]);
	p->l->nports++;
	return 0;
}

static struct lab_host *host_get(struct parser *p, const char *name)
{
	int at = lab_host_find(p->l, name);

	if (at >= 0)
		return &p->l->hosts[at];
	if (p->l->nhosts == LAB_HOSTS) {
		wrong(p, "more than %d hosts", LAB_HOSTS);
		return NULL;
	}
	return take_name(p, name, p->l->hosts[p->l->nhosts].name) ? NULL : &p->l->hosts[p->l->nhosts++];
}

static int host_local(struct parser *p, struct lab_host *h)
{
	if (p->n != 4 || h->nlocal == LAB_LINKS || net_prefix_parse(&h->local[h->nlocal], p->w[3]))
		return wrong(p, "host NAME local takes an address prefix (at most %d of them)", LAB_LINKS);
	h->nlocal++;
	return 0;
}

/* host NAME NETWORK ADDR/LEN [gateway ADDR] | host NAME local PREFIX */
static int do_host(struct parser *p)
{
	struct lab_host *h = p->n >= 4 ? host_get(p, p->w[1]) : NULL;
	struct lab_link *k;
	int network;

	if (p->n < 4)
		return wrong(p, "host takes NAME NETWORK ADDRESS/LENGTH [gateway ADDRESS]");
	if (!h)
		return -EINVAL;
	if (!strcmp(p->w[2], "local"))
		return host_local(p, h);
	network = network_find(p->l, p->w[2]);
	if (network < 0)
		return wrong(p, "there is no network %s above this line", p->w[2]);
	if (h->nlinks == LAB_LINKS)
		return wrong(p, "host %s has more than %d links", h->name, LAB_LINKS);
	k = &h->links[h->nlinks];
	if (!strchr(p->w[3], '/') || net_prefix_parse(&k->addr, p->w[3]))
		return wrong(p, "\"%s\" is not ADDRESS/LENGTH", p->w[3]);
	k->network = (unsigned)network;
	h->nlinks++;
	if (p->n == 4)
		return 0;
	if (p->n != 6 || strcmp(p->w[4], "gateway") || h->ngateways == LAB_GATEWAYS ||
	    net_addr_parse(&h->gateways[h->ngateways], p->w[5]))
		return wrong(p, "behind the address only: gateway ADDRESS");
	h->ngateways++;
	return 0;
}

static const char *const server_names[] = {[LAB_STRONGSWAN] = "strongswan",
                                           [LAB_SNMPTRAPD] = "snmptrapd",
                                           [LAB_SSHD] = "sshd",
                                           [LAB_FREERADIUS] = "freeradius"};

const char *lab_server_name(enum lab_server_kind kind)
{
	return server_names[kind];
}

static int server_option(struct parser *p, struct lab_server *s, const char *key, const char *value)
{
	if ((s->kind == LAB_STRONGSWAN || s->kind == LAB_FREERADIUS) && !strcmp(key, "conf"))
		return take_text(p, value, s->conf);
	if (s->kind == LAB_SSHD && !strcmp(key, "user"))
		return take_name(p, value, s->user);
	if (s->kind == LAB_SSHD && !strcmp(key, "password"))
		return strpbrk(value, ":'\"\\$") ? wrong(p, "no : ' \" \\ $ in a password here")
		                                 : take_text(p, value, s->password);
	return wrong(p, "server %s has no \"%s\"", server_names[s->kind], key);
}

/* server KIND HOST [conf DIR | user U | password P]… */
static int do_server(struct parser *p)
{
	struct lab_server *s = &p->l->servers[p->l->nservers];
	int host = p->n >= 3 ? lab_host_find(p->l, p->w[2]) : -1;
	unsigned kind;

	for (kind = 0; kind < LAB_SERVER_KINDS && strcmp(p->w[1], server_names[kind]); kind++)
		;
	if (kind == LAB_SERVER_KINDS)
		return wrong(p, "the servers are strongswan, snmptrapd, sshd and freeradius, not \"%s\"",
		             p->w[1]);
	if (host < 0)
		return wrong(p, "server %s needs a host of a line above", p->w[1]);
	if (p->l->nservers == LAB_SERVERS)
		return wrong(p, "more than %d servers", LAB_SERVERS);
	s->kind = (enum lab_server_kind)kind;
	s->host = (unsigned)host;
	for (unsigned i = 3; i < p->n; i += 2) {
		if (i + 1 == p->n)
			return wrong(p, "%s needs a value", p->w[i]);
		if (server_option(p, s, p->w[i], p->w[i + 1]))
			return -EINVAL;
	}
	if ((s->kind == LAB_STRONGSWAN || s->kind == LAB_FREERADIUS) && !s->conf[0])
		return wrong(p, "server %s needs conf DIRECTORY", p->w[1]);
	if (s->kind == LAB_SSHD && (!s->user[0] || !s->password[0]))
		return wrong(p, "server sshd needs user and password");
	p->l->nservers++;
	return 0;
}

/* peers NAME HOST ARGS… */
static int do_peers(struct parser *p)
{
	struct lab_peers *e = &p->l->peers[p->l->npeers];
	int host = p->n >= 3 ? lab_host_find(p->l, p->w[2]) : -1;

	if (host < 0)
		return wrong(p, "peers takes NAME HOST and the arguments of orrery peers");
	if (p->l->npeers == LAB_PEERS)
		return wrong(p, "more than %d peers lines", LAB_PEERS);
	if (take_name(p, p->w[1], e->name))
		return -EINVAL;
	e->host = (unsigned)host;
	p->l->npeers++;
	for (unsigned i = 3; i < p->n && e->nargs < LAB_ARGS; i++) {
		e->args[e->nargs] = strdup(p->w[i]);
		if (!e->args[e->nargs++])
			return wrong(p, "no memory");
	}
	return 0;
}

static const struct {
	const char *word;
	int (*parse)(struct parser *p);
} kinds[] = {{"lab", do_lab},   {"network", do_network}, {"chassis", do_chassis}, {"port", do_port},
             {"host", do_host}, {"server", do_server},   {"peers", do_peers}};

static int parse_line(struct parser *p, char *line)
{
	char *save, *hash = strchr(line, '#');

	if (hash)
		*hash = '\0';
	p->n = 0;
	for (char *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
		if (p->n == WORDS_MAX)
			return wrong(p, "more than %d words", WORDS_MAX);
		p->w[p->n++] = w;
	}
	if (!p->n)
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].word, p->w[0]))
			continue;
		return p->n < 2 ? wrong(p, "%s needs a name", p->w[0]) : kinds[i].parse(p);
	}
	return wrong(p, "\"%s\" is none of lab, network, chassis, port, host, server, peers", p->w[0]);
}

struct lab *lab_parse(const char *file, const char *text, size_t len, char *err, size_t errlen)
{
	struct lab *l = calloc(1, sizeof(*l));
	struct parser p = {.file = file, .l = l, .err = err, .errlen = errlen};
	const char *end = text + len;
	int rc = l ? 0 : -ENOMEM;

	snprintf(err, errlen, "%s: no memory", file);
	if (!rc && len > LAB_FILE_MAX)
		rc = wrong(&p, "the file is larger than %d bytes", LAB_FILE_MAX);
	while (!rc && text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = nl ? (size_t)(nl - text) : (size_t)(end - text);
		char line[2048];

		p.line++;
		if (n >= sizeof(line) || memchr(text, '\0', n)) {
			rc = wrong(&p, "the line is too long, or not text");
			break;
		}
		memcpy(line, text, n);
		line[n] = '\0';
		rc = parse_line(&p, line);
		text += n + 1;
	}
	if (!rc && !l->name[0])
		rc = wrong(&p, "the line lab NAME is missing");
	if (rc) {
		lab_free(l);
		return NULL;
	}
	err[0] = '\0';
	return l;
}

void lab_free(struct lab *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->npeers; i++) {
		for (unsigned j = 0; j < l->peers[i].nargs; j++)
			free(l->peers[i].args[j]);
	}
	free(l);
}
