/* SPDX-License-Identifier: MIT */
/*
 * The fabric: a network namespace per context, the ports' devices, and for each service address one UDP 500,
 * one UDP 4500 and one raw ESP socket per ipsecmgr instance, plus a TUN device per context and instance.
 * Duplicates stay here: the place of a socket in its SO_REUSEPORT group is the instance number, and must not
 * move when a process dies. Client side: lib/chassis/fabric.c.
 */
#include "chassis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "chassis/fabric.h"
#include "net/nl.h"
#include "net/ns.h"
#include "net/sock.h"
#include "net/steer.h"

#define CONTEXTS_MAX  64
#define PORTS_MAX     64
#define SERVICES_MAX  256 /* bound services, and interfaces with a crypto map */
#define INSTANCES_MAX 255
#define BUFFER_BYTES  (4 << 20)

struct fabric_context {
	int ns;
	int tun[INSTANCES_MAX + 1];
};

struct fabric_port {
	char name[16], device[16];
	uint32_t ctx; /* 0: faceplate */
};

struct fabric_service {
	uint32_t ctx;
	struct net_addr addr;
	struct steer_group g;           /* who has sockets, by their places, and whose peers are whose */
	bool single[INSTANCES_MAX + 1]; /* takes no new peers but its own */
	bool wanted[INSTANCES_MAX + 1]; /* has asked for the sockets and not let go of them since */
	int fd[INSTANCES_MAX + 1][3];
};

static struct {
	struct fabric_context *ctx[CONTEXTS_MAX + 1]; /* [0]: the faceplate, where unbound ports are */
	struct fabric_port ports[PORTS_MAX];
	unsigned n_ports;
	struct fabric_service *services[SERVICES_MAX];
	unsigned n_services;
	struct steer_closed closed;
} fab;

static struct fabric_context *context_get(uint32_t id, int *err)
{
	struct fabric_context *f;
	struct nl *nl;

	*err = id > CONTEXTS_MAX ? -ERANGE : 0;
	if (*err || fab.ctx[id])
		return *err ? NULL : fab.ctx[id];
	f = calloc(1, sizeof(*f));
	if (!f) {
		*err = -ENOMEM;
		return NULL;
	}
	memset(f->tun, -1, sizeof(f->tun));
	f->ns = ns_create();
	nl = f->ns < 0 ? NULL : nl_new(f->ns, err);
	if (!nl) {
		*err = f->ns < 0 ? f->ns : *err;
		if (f->ns >= 0)
			close(f->ns);
		free(f);
		return NULL;
	}
	nl_link_up(nl, nl_link_index(nl, "lo"), true);
	nl_free(nl);
	ns_sysctl(f->ns, "net/ipv4/ip_forward", "1");
	ns_sysctl(f->ns, "net/ipv6/conf/all/forwarding", "1");
	/* A packet may leave by another port than its answer comes in by, and addresses answer on every port.
	 */
	ns_sysctl(f->ns, "net/ipv4/conf/all/rp_filter", "0");
	ns_sysctl(f->ns, "net/ipv4/conf/default/rp_filter", "0");
	fab.ctx[id] = f;
	return f;
}

/* --- ports -------------------------------------------------------------------------------------------------
 */

static struct fabric_port *port_find(const char *name)
{
	for (unsigned i = 0; i < fab.n_ports; i++)
		if (!strcmp(fab.ports[i].name, name))
			return &fab.ports[i];
	return NULL;
}

int fabric_port_ns(const char *port, const char **device)
{
	const struct fabric_port *p = port_find(port);

	if (!p)
		return -ENODEV;
	*device = p->device;
	return fab.ctx[p->ctx]->ns;
}

void fabric_each_port(void (*each)(const char *port, int ns, const char *device))
{
	for (unsigned i = 0; i < fab.n_ports; i++)
		if (fab.ports[i].ctx)
			each(fab.ports[i].name, fab.ctx[fab.ports[i].ctx]->ns, fab.ports[i].device);
}

/* Move a device between namespaces (from_ns -1: ours). */
static int device_move(int from_ns, int to_ns, const char *from, const char *to)
{
	int err = 0, rc;
	struct nl *nl = nl_new(from_ns, &err);

	if (!nl)
		return err;
	rc = nl_link_index(nl, from);
	if (rc > 0)
		rc = nl_link_to_ns(nl, rc, to_ns, to);
	nl_free(nl);
	return rc;
}

int fabric_plug(struct chassis *c, const char *port, const char *device, char *err, size_t size)
{
	unsigned slot, number;
	struct fabric_port *p;
	int rc;

	if (sscanf(port, "%u/%u", &slot, &number) != 2 || slot < 1 || slot > c->profile.slots || number < 1 ||
	    number > 29) {
		snprintf(err, size, "port %s: needs SLOT/PORT, slot 1 to %u, port 1 to 29", port,
		         c->profile.slots);
		return -ERANGE;
	}
	if (port_find(port) || fab.n_ports == PORTS_MAX) {
		snprintf(err, size, "port %s: %s", port,
		         port_find(port) ? "has a device already" : "no more ports");
		return -EEXIST;
	}
	p = &fab.ports[fab.n_ports];
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", port);
	snprintf(p->device, sizeof(p->device), "port%u-%u", slot, number);
	rc = device_move(-1, fab.ctx[0]->ns, device, p->device);
	if (rc < 0) {
		snprintf(err, size, "port %s: device %s: %s", port, device, strerror(-rc));
		return rc;
	}
	fab.n_ports++;
	return 0;
}

static int port_assign(const char *name, uint32_t ctx, char *device)
{
	struct fabric_port *p = port_find(name);
	struct fabric_context *to;
	int err, rc = 0;

	if (!p)
		return -ENODEV;
	to = context_get(ctx, &err);
	if (!to)
		return err;
	if (p->ctx != ctx) {
		rc = device_move(fab.ctx[p->ctx]->ns, to->ns, p->device, p->device);
		if (rc == 0) {
			p->ctx = ctx;
			if (ctx)
				gate_port_moved(name);
			fault_port_moved(name);
		}
	}
	snprintf(device, 16, "%s", p->device);
	return rc;
}

/* --- service sockets ---------------------------------------------------------------------------------------
 */

struct open_args {
	struct fabric_service *s;
	unsigned instance, total; /* instances 1 to total share new peers */
};

static int open_one(struct fabric_service *s, unsigned instance)
{
	struct net_endpoint ep = {.addr = s->addr};
	int *fd = s->fd[instance];

	ep.port = 500;
	fd[FABRIC_UDP500] = sock_udp_bind(&ep, SOCK_REUSEPORT | SOCK_FREEBIND | SOCK_PROTECTED);
	ep.port = 4500;
	fd[FABRIC_UDP4500] = sock_udp_bind(&ep, SOCK_REUSEPORT | SOCK_FREEBIND | SOCK_PROTECTED);
	fd[FABRIC_ESP] = sock_raw_esp(&s->addr, SOCK_FREEBIND | SOCK_PROTECTED);
	for (int i = 0; i < 3; i++) {
		if (fd[i] < 0)
			return fd[i];
		sock_big_buffers(fd[i], BUFFER_BYTES);
	}
	return steer_attach_esp_filter(fd[FABRIC_ESP], instance);
}

/* The programs of the sockets that are open: one serves the whole group. */
static int steer(struct fabric_service *s)
{
	const int *fd = s->fd[s->g.instance[0]];
	int rc;

	s->g.closed = fab.closed;
	for (unsigned i = 1; i <= INSTANCES_MAX; i++)
		if (s->single[i])
			steer_close(&s->g.closed, i);
	rc = steer_attach_reuseport(fd[FABRIC_UDP500], 500, &s->g);
	return rc ? rc : steer_attach_reuseport(fd[FABRIC_UDP4500], 4500, &s->g);
}

void fabric_steer(const BpSteer *b)
{
	int rc;

	fab.closed = (struct steer_closed){0};
	for (size_t i = 0; b && i < b->n_closed; i++)
		if (b->closed[i] >= 1 && b->closed[i] <= INSTANCES_MAX)
			steer_close(&fab.closed, b->closed[i]);
	for (unsigned i = 0; i < fab.n_services; i++) {
		rc = steer(fab.services[i]);
		if (rc < 0)
			LOG(EV_IFTASK_SOCKET, "steering of a service address in context %u: %s",
			    fab.services[i]->ctx, strerror(-rc));
	}
}

static bool has_sockets(const struct fabric_service *s, unsigned instance)
{
	return s->fd[instance][FABRIC_ESP] >= 0;
}

/* Its sockets get the last place of their groups. Sockets that are in use keep their places. */
static int open_place(struct fabric_service *s, unsigned instance)
{
	int rc = has_sockets(s, instance) ? 0 : open_one(s, instance);

	if (rc == 0 && (!s->g.n || memchr(s->g.instance, (int)instance, s->g.n) == NULL))
		s->g.instance[s->g.n++] = (uint8_t)instance;
	for (int i = 0; rc && i < 3; i++) {
		if (s->fd[instance][i] >= 0)
			close(s->fd[instance][i]);
		s->fd[instance][i] = -1;
	}
	return rc;
}

/* In the context's namespace: sockets of the instances that share new peers and of this one, then the
 * steering programs. */
static int open_all(void *arg)
{
	struct open_args *a = arg;
	int rc = 0;

	for (unsigned i = 1; rc == 0 && i <= a->total; i++) {
		rc = open_place(a->s, i);
		a->s->single[i] = false;
	}
	if (rc == 0 && a->instance > a->total && !has_sockets(a->s, a->instance)) {
		rc = open_place(a->s, a->instance);
		a->s->single[a->instance] = true;
	}
	return rc ? rc : steer(a->s);
}

static bool all_open(const struct fabric_service *s, unsigned instance, unsigned total)
{
	for (unsigned i = 1; i <= total; i++)
		if (!has_sockets(s, i) || s->single[i])
			return false;
	return has_sockets(s, instance);
}

static void service_close(struct fabric_service *s)
{
	for (unsigned i = 1; i <= INSTANCES_MAX; i++)
		for (int k = 0; k < 3; k++)
			if (s->fd[i][k] >= 0)
				close(s->fd[i][k]);
	free(s);
}

static struct fabric_service *service_find(uint32_t ctx, const struct net_addr *a)
{
	for (unsigned i = 0; i < fab.n_services; i++)
		if (fab.services[i]->ctx == ctx && net_addr_equal(&fab.services[i]->addr, a))
			return fab.services[i];
	return NULL;
}

static void service_drop(struct fabric_service *s)
{
	for (unsigned i = 0; i < fab.n_services; i++)
		if (fab.services[i] == s) {
			fab.services[i] = fab.services[--fab.n_services];
			break;
		}
	service_close(s);
}

/* Sockets that nobody wants stay as they are, in case somebody does again; until there is no room. */
static bool make_room(const struct fabric_service *keep)
{
	for (unsigned i = 0; i < fab.n_services; i++) {
		struct fabric_service *s = fab.services[i];

		if (s == keep || memchr(s->wanted, true, sizeof(s->wanted)))
			continue;
		service_drop(s);
		return true;
	}
	return false;
}

static struct fabric_service *service_new(uint32_t ctx, const struct net_addr *a)
{
	struct fabric_service *s;

	if (fab.n_services == SERVICES_MAX && !make_room(NULL))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	memset(s->fd, -1, sizeof(s->fd));
	s->ctx = ctx;
	s->addr = *a;
	s->g.family = a->family;
	fab.services[fab.n_services++] = s;
	return s;
}

static int service_open(uint32_t ctx, const struct net_addr *addr, unsigned instance, unsigned instances,
                        int *fds)
{
	int err = 0;
	struct fabric_context *fc = context_get(ctx, &err);
	struct fabric_service *s = fc ? service_find(ctx, addr) : NULL;
	struct open_args a = {.instance = instance, .total = instances};

	if (!fc)
		return err;
	if (!s)
		s = service_new(ctx, addr);
	if (!s)
		return -ENOSPC;
	if (!all_open(s, instance, instances)) {
		a.s = s;
		do
			err = ns_run(fc->ns, open_all, &a);
		while (err == -EMFILE && make_room(s));
		if (err < 0) {
			LOG(EV_IFTASK_SOCKET, "sockets of a service address in context %u: %s", ctx,
			    strerror(-err));
			if (!s->g.n)
				service_drop(s);
			return err;
		}
	}
	s->wanted[instance] = true;
	for (int i = 0; i < 3; i++)
		fds[i] = s->fd[instance][i];
	return 0;
}

struct tun_args {
	char name[16];
};

static int tun_open(void *arg)
{
	struct tun_args *a = arg;
	int fd = sock_tun_open(a->name, false, false), err;
	struct nl *nl = fd < 0 ? NULL : nl_new(-1, &err);

	if (nl) {
		nl_link_up(nl, nl_link_index(nl, a->name), true);
		nl_free(nl);
	}
	return fd;
}

static int tun_get(uint32_t ctx, unsigned instance)
{
	int err = 0;
	struct fabric_context *fc = context_get(ctx, &err);
	struct tun_args a;

	if (!fc)
		return err;
	if (fc->tun[instance] < 0) {
		snprintf(a.name, sizeof(a.name), FABRIC_TUN_NAME, instance);
		fc->tun[instance] = ns_run(fc->ns, tun_open, &a);
	}
	return fc->tun[instance];
}

static void context_drop(uint32_t id)
{
	char device[16];

	if (id < 1 || id > CONTEXTS_MAX || !fab.ctx[id])
		return;
	for (unsigned i = 0; i < fab.n_ports; i++)
		if (fab.ports[i].ctx == id && port_assign(fab.ports[i].name, 0, device) < 0) {
			LOG(EV_IFTASK_SOCKET, "port %s is lost with context %u", fab.ports[i].name, id);
			fab.ports[i].ctx = 0;
		}
	for (unsigned i = fab.n_services; i-- > 0;)
		if (fab.services[i]->ctx == id)
			service_drop(fab.services[i]);
	for (unsigned i = 0; i <= INSTANCES_MAX; i++)
		if (fab.ctx[id]->tun[i] >= 0)
			close(fab.ctx[id]->tun[i]);
	close(fab.ctx[id]->ns);
	free(fab.ctx[id]);
	fab.ctx[id] = NULL;
}

void fabric_reset(void)
{
	fab.closed = (struct steer_closed){0};
	for (uint32_t id = 1; id <= CONTEXTS_MAX; id++)
		context_drop(id);
}

/* --- dial --------------------------------------------------------------------------------------------------
 */

static int dial_one(void *arg)
{
	struct sockaddr_storage ss;
	socklen_t len = net_endpoint_to_sockaddr(arg, &ss);
	int fd = len ? socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1, rc;

	if (fd < 0)
		return len ? -errno : -EINVAL;
	if (connect(fd, (struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int fabric_dial(const char *address, uint16_t port)
{
	struct net_endpoint to = {.port = port};
	struct fabric_context *fc;
	int err = net_addr_parse(&to.addr, address);

	if (err < 0)
		return err;
	fc = context_get(1, &err);
	return fc ? ns_run(fc->ns, dial_one, &to) : err;
}

/* --- requests ----------------------------------------------------------------------------------------------
 */

static int service_request(const BpFabric *f, int *fds, int *n)
{
	struct net_addr addr = {0};
	int rc = 0, tun;

	if (f->instance < 1 || f->instance > INSTANCES_MAX || f->instances > INSTANCES_MAX || f->ctx < 1)
		return -ERANGE;
	if (f->addr.len) {
		rc = net_addr_from_bytes(&addr, f->addr.data, f->addr.len);
		if (rc == 0)
			rc = service_open(f->ctx, &addr, f->instance, f->instances, fds);
		*n = 3;
	}
	if (rc < 0)
		return rc;
	tun = tun_get(f->ctx, f->instance);
	if (tun < 0)
		return tun;
	fds[(*n)++] = tun;
	return 0;
}

static int release_request(const BpFabric *f)
{
	struct net_addr addr;
	struct fabric_service *s;
	int rc = net_addr_from_bytes(&addr, f->addr.data, f->addr.len);

	if (rc < 0 || f->instance < 1 || f->instance > INSTANCES_MAX)
		return rc < 0 ? rc : -ERANGE;
	s = service_find(f->ctx, &addr);
	if (s)
		s->wanted[f->instance] = false;
	return 0;
}

static int add_peer(struct steer_group *g, const ProtobufCBinaryData *b, unsigned instance)
{
	struct steer_peer *p = &g->peer[g->n_peers];

	if (g->n_peers == STEER_MAX_PEERS)
		return -ENOSPC;
	if (net_addr_from_bytes(&p->addr, b->data, b->len))
		return -EINVAL;
	p->instance = (uint8_t)instance;
	g->n_peers++;
	return 0;
}

/* Whose first packets on this address are the instance's. */
static int peers_request(const BpFabric *f)
{
	struct net_addr addr;
	struct fabric_service *s;
	unsigned n = 0;
	int rc = net_addr_from_bytes(&addr, f->addr.data, f->addr.len);

	if (rc < 0 || f->instance < 1 || f->instance > INSTANCES_MAX)
		return rc < 0 ? rc : -ERANGE;
	s = service_find(f->ctx, &addr);
	if (!s)
		return f->n_peers ? -ENOENT : 0;
	for (unsigned i = 0; i < s->g.n_peers; i++)
		if (s->g.peer[i].instance != f->instance)
			s->g.peer[n++] = s->g.peer[i];
	s->g.n_peers = n;
	for (size_t i = 0; rc == 0 && i < f->n_peers; i++)
		rc = add_peer(&s->g, &f->peers[i], f->instance);
	n = steer(s) ? EINVAL : 0;
	return rc ? rc : -(int)n;
}

/* How new peers of this address are spread. */
static int spread_request(const BpFabric *f)
{
	struct net_addr addr;
	struct fabric_service *s;
	int rc = net_addr_from_bytes(&addr, f->addr.data, f->addr.len);

	if (rc < 0)
		return rc;
	s = service_find(f->ctx, &addr);
	if (!s)
		return f->by_source ? -ENOENT : 0;
	if (s->g.by_source == f->by_source)
		return 0;
	s->g.by_source = f->by_source;
	return steer(s) ? -EINVAL : 0;
}

void fabric_handle(struct conn *cn, uint64_t id, const BpFabric *f)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpFabricReply r = BP_FABRIC_REPLY__INIT;
	struct fabric_context *fc;
	char device[16] = "";
	int fds[BP_FDS_MAX], n = 0, rc = -EINVAL;

	switch (f->what) {
	case BP_FABRIC__WHAT__CONTEXT:
		fc = f->ctx ? context_get(f->ctx, &rc) : NULL;
		if (fc)
			fds[n++] = fc->ns;
		break;
	case BP_FABRIC__WHAT__PORT:
		rc = port_assign(f->port, f->ctx, device);
		break;
	case BP_FABRIC__WHAT__SERVICE:
		rc = service_request(f, fds, &n);
		break;
	case BP_FABRIC__WHAT__RELEASE:
		rc = release_request(f);
		break;
	case BP_FABRIC__WHAT__PEERS:
		rc = peers_request(f);
		break;
	case BP_FABRIC__WHAT__SPREAD:
		rc = spread_request(f);
		break;
	case BP_FABRIC__WHAT__CONTEXT_DROP:
		context_drop(f->ctx);
		rc = 0;
		break;
	default:
		break;
	}
	r.code = rc;
	r.text = rc < 0 ? strerror(-rc) : (char *)"";
	r.device = device;
	m.id = id;
	m.body_case = BP_MESSAGE__BODY_FABRIC_REPLY;
	m.fabric_reply = &r;
	bp_send(cn->fd, &m, fds, rc < 0 ? 0 : n);
}

int fabric_server_init(struct chassis *c)
{
	int err;

	(void)c;
	return context_get(0, &err) ? 0 : err;
}
