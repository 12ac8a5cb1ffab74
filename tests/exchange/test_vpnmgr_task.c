/* SPDX-License-Identifier: MIT */
/*
 * The vpnmgr process itself on a bus (task_rig.h) and in a real network namespace, with a fabric played by
 * the test, and bus clients as sessmgr, ipsecmgr, srdb (a real store) and srp: what the kernel has after
 * every change, that a kill -9 changes nothing there, take-over with announcements, chunks stored before they
 * are answered, hostile messages. Needs to be root.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/un.h>

#include "cfg/cfg.h"
#include "chassis/bp.h"
#include "net/nl.h"
#include "net/ns.h"
#include "net/sock.h"
#include "pool/pool.h"
#include "store/store.h"
#include "tests/exchange/task_config.h"
#include "tests/exchange/task_rig.h"

#define CTX 2

static const char text[] =
        "context local\n#exit\n"
        "context wsg\n"
        "  interface access\n    ip address 192.0.2.2 255.255.255.0\n    ipv6 address 2001:db8:1::2/64\n  "
        "#exit\n"
        "  interface core\n    ip address 203.0.113.2 255.255.255.0\n  #exit\n"
        "  interface service loopback\n    ip address 192.0.2.1 255.255.255.255 srp-activate\n  #exit\n"
        "  ip route 100.64.0.0 255.255.0.0 192.0.2.100 access\n"
        "  ip pool ue 10.45.0.0 255.255.0.0 private 0\n"
        "  ip pool tiny range 10.46.0.1 10.46.0.2\n"
        "#exit\n"
        "port ethernet 5/10\n  no shutdown\n  bind interface access wsg\n#exit\n"
        "port ethernet 5/11\n  no shutdown\n  bind interface core wsg\n#exit\n";

static struct peer sessmgr, ipsecmgr, srdb, srp, sct;
static unsigned ports_released; /* back to the faceplate */
static struct store_writer *store;
static bool slow;
static bool no_tuns; /* the fabric is busy */
static struct {
	uint64_t id;
	char ret[40];
} held[16];
static unsigned n_held;
static const char *srp_state = "None";
static unsigned srp_epoch = 1;
static int ns = -1, outside = -1, tun[300], listener = -1, conn = -1, arp = -1, monitor = -1;
static struct nl *nl;
static uv_poll_t poll_listener, poll_conn;

/* --- the fabric
 * ------------------------------------------------------------------------------------------------ */

static int open_tun(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "tun-%u", *(unsigned *)arg);
	return sock_tun_open(name, false, false);
}

static void fabric_answer(const BpMessage *q)
{
	BpMessage m = BP_MESSAGE__INIT;
	BpFabricReply r = BP_FABRIC_REPLY__INIT;
	unsigned instance = q->fabric->instance;
	int fd = -1;

	switch (q->fabric->what) {
	case BP_FABRIC__WHAT__CONTEXT:
		cr_assert_eq(q->fabric->ctx, CTX);
		fd = ns;
		break;
	case BP_FABRIC__WHAT__PORT:
		r.code = strcmp(q->fabric->port, "5/10") ? -ENODEV : 0;
		ports_released += !q->fabric->ctx;
		r.device = (char *)"port5-10";
		break;
	case BP_FABRIC__WHAT__SERVICE:
		cr_assert_lt(instance, 300);
		if (no_tuns) {
			r.code = -EAGAIN;
			break;
		}
		if (tun[instance] <= 0)
			tun[instance] = ns_run(ns, open_tun, &instance);
		fd = tun[instance];
		break;
	default:
		r.code = -EINVAL;
	}
	m.id = q->id;
	m.body_case = BP_MESSAGE__BODY_FABRIC_REPLY;
	m.fabric_reply = &r;
	cr_assert_eq(bp_send(conn, &m, fd >= 0 ? &fd : NULL, fd >= 0), 0);
}

static void conn_readable(uv_poll_t *h, int status, int events)
{
	int fds[BP_FDS_MAX], n = 0, err = 0;
	BpMessage *m = bp_recv(conn, fds, &n, &err);

	if (m) {
		fabric_answer(m);
		bp_message__free_unpacked(m, NULL);
	} else {
		uv_poll_stop(h);
		close(conn);
		conn = -1;
	}
}

static void listener_readable(uv_poll_t *h, int status, int events)
{
	conn = accept(listener, NULL, NULL);
	cr_assert_geq(conn, 0);
	uv_poll_init(&rig.loop, &poll_conn, conn);
	uv_poll_start(&poll_conn, UV_READABLE, conn_readable);
}

static int open_arp(void *arg)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ARP));
}

static int open_monitor(void *arg)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK,
	                        .nl_groups = RTMGRP_IPV4_IFADDR |
	                                     RTMGRP_IPV4_ROUTE}; /* IPv6 has events of its own */
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE);

	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* A namespace as the context's, and one outside, joined by what is port 5/10. */
static void fabric_start(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct nl *out;
	int err = 0;

	ns = ns_create();
	if (ns < 0)
		cr_skip_test("no network namespaces: %s", strerror(-ns));
	outside = ns_create();
	out = nl_new(outside, &err);
	nl = nl_new(ns, &err);
	cr_assert(out && nl);
	cr_assert_eq(nl_link_veth(out, "out", "port5-10", ns), 0);
	nl_link_up(out, nl_link_index(out, "out"), true);
	nl_link_up(nl, nl_link_index(nl, "lo"), true);
	nl_free(out);
	arp = ns_run(outside, open_arp, NULL);
	monitor = ns_run(ns, open_monitor, NULL);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/backplane.sock", rig.dir);
	listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(listener, 4), 0);
	uv_poll_init(&rig.loop, &poll_listener, listener);
	uv_poll_start(&poll_listener, UV_READABLE, listener_readable);
}

/* --- the other tasks
 * --------------------------------------------------------------------------------------------- */

static void respond(struct peer *p, Envelope *env, uint64_t id, const char *ret)
{
	env->kind = ENVELOPE__KIND__RESPONSE;
	env->id = id;
	bus_client_send(p->client, ret, env);
}

static void ack(uint64_t id, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	CkptAck a = CKPT_ACK__INIT;

	env.body_case = ENVELOPE__BODY_CKPT_ACK;
	env.ckpt_ack = &a;
	respond(&srdb, &env, id, ret);
}

static void srdb_rx(struct peer *p, const Envelope *in, const char *ret)
{
	struct store_batch *b;

	if (in->body_case != ENVELOPE__BODY_CKPT_WRITE)
		return;
	b = store_batch_new(store);
	for (size_t i = 0; i < in->ckpt_write->n_rows; i++) {
		const CkptRow *r = in->ckpt_write->rows[i];
		struct store_ckpt row = {.kind = r->kind,
		                         .key = r->key,
		                         .owner = r->owner,
		                         .blob = r->blob.data,
		                         .len = r->blob.len,
		                         .deleted = r->deleted};

		cr_assert_eq(store_batch_ckpt(b, &row), 0);
	}
	store_submit(store, b, 0, NULL, NULL);
	store_flush(store, 0);
	if (slow) {
		held[n_held].id = in->id;
		snprintf(held[n_held++].ret, 40, "%s", ret);
	} else {
		ack(in->id, ret);
	}
}

static void srp_rx(struct peer *p, const Envelope *in, const char *ret)
{
	Envelope env = ENVELOPE__INIT;
	ShowReply r = SHOW_REPLY__INIT;
	char json[100];

	if (in->body_case != ENVELOPE__BODY_SHOW)
		return;
	snprintf(json, sizeof(json), "{\"state\":\"%s\",\"epoch\":%u}", srp_state, srp_epoch);
	r.json = json;
	env.body_case = ENVELOPE__BODY_SHOW_REPLY;
	env.show_reply = &r;
	respond(&srp, &env, in->id, ret);
}

static void srp_says(const char *state)
{
	Envelope env = ENVELOPE__INIT;
	SrpState s = SRP_STATE__INIT;

	srp_state = state;
	s.state = (char *)state;
	s.epoch = ++srp_epoch;
	env.kind = ENVELOPE__KIND__PUBLISH;
	env.topic = (char *)"srp";
	env.body_case = ENVELOPE__BODY_SRP_STATE;
	env.srp_state = &s;
	cr_assert_eq(bus_client_send(srp.client, "#srp", &env), 0);
}

static void setup(void)
{
	int err;

	rig.instance = CTX;
	rig_setup("vpnmgr");
	fabric_start();
	store = store_open_writer(rig.dir, STORE_STATE, NULL, &err);
	rig_configure(text);
	rig_peer(&sessmgr, "p-sessmgr", "sessmgr/7", NULL);
	rig_peer(&ipsecmgr, "p-ipsecmgr", "ipsecmgr/1", NULL);
	rig_peer(&srdb, "p-srdb", "srdb/0", NULL);
	rig_peer(&srp, "p-srp", "srp/0", NULL);
	srdb.rx = srdb_rx;
	srp.rx = srp_rx;
	rig_start("boot1");
}

static void teardown(void)
{
	if (!nl)
		return;
	rig_peer_close(&sessmgr);
	rig_peer_close(&ipsecmgr);
	rig_peer_close(&srdb);
	rig_peer_close(&srp);
	store_close_writer(store);
	rig_teardown();
	nl_free(nl);
}

TestSuite(vpnmgr_task, .init = setup, .fini = teardown, .timeout = 60);

/* --- what the kernel has
 * ------------------------------------------------------------------------------------------- */

static char kernel[4000];
static int tun1, tun2;

static int add_addr(int ifindex, const struct net_prefix *p, void *arg)
{
	char buf[NET_PREFIX_STRLEN];
	size_t n = strlen(kernel);

	snprintf(kernel + n, sizeof(kernel) - n, "%s ", net_prefix_format(p, buf, sizeof(buf)));
	return 0;
}

static int add_route(const struct nl_route *r, void *arg)
{
	char buf[NET_PREFIX_STRLEN], via[NET_ADDR_STRLEN];
	size_t n = strlen(kernel);

	snprintf(kernel + n, sizeof(kernel) - n, "%s>%s ", net_prefix_format(&r->dst, buf, sizeof(buf)),
	         net_addr_is_set(&r->gateway) ? net_addr_format(&r->gateway, via, sizeof(via))
	         : r->ifindex == tun1         ? "tun-1"
	         : r->ifindex == tun2         ? "tun-2"
	                                      : "?");
	return 0;
}

static bool kernel_has(const char *what)
{
	kernel[0] = 0;
	tun1 = nl_link_index(nl, "tun-1");
	tun2 = nl_link_index(nl, "tun-2");
	nl_addr_walk(nl, 0, add_addr, NULL);
	nl_route_walk(nl, add_route, NULL);
	return strstr(kernel, what);
}

/* How many changes of addresses and routes the kernel has announced since the last question. */
static unsigned changes(void)
{
	char buf[8192];
	unsigned n = 0;

	while (recv(monitor, buf, sizeof(buf), 0) > 0)
		n++;
	return n;
}

static unsigned announced(const char *addr)
{
	struct in_addr want;
	uint8_t f[100];
	unsigned n = 0;

	inet_pton(AF_INET, addr, &want);
	while (recv(arp, f, sizeof(f), 0) >= 42)
		n += !memcmp(f + 28, &want, 4) && !memcmp(f + 38, &want, 4);
	return n;
}

/* --- what others do
 * -------------------------------------------------------------------------------------------------- */

static const char *shown(const char *what)
{
	rig_round_trip(&sessmgr, what);
	return sessmgr.last->show_reply->json;
}

static void request_chunk(const char *pool, uint32_t want, uint32_t instance, uint32_t manager)
{
	Envelope env = ENVELOPE__INIT;
	PoolChunkRequest q = POOL_CHUNK_REQUEST__INIT;

	q.pool = (char *)pool;
	q.want = want;
	q.instance = instance;
	q.ipsecmgr = manager;
	env.body_case = ENVELOPE__BODY_POOL_CHUNK_REQUEST;
	env.pool_chunk_request = &q;
	rig_request(&sessmgr, &env);
}

/* Valid until the sessmgr hears something else. */
static const PoolChunk *chunk(const char *pool, uint32_t want, uint32_t manager)
{
	unsigned before = sessmgr.received;

	request_chunk(pool, want, 7, manager);
	RIG_WAIT(sessmgr.received > before);
	cr_assert_eq(sessmgr.last->body_case, ENVELOPE__BODY_POOL_CHUNK);
	return sessmgr.last->pool_chunk;
}

static void give_back(const char *pool, const uint8_t first[4], uint32_t count)
{
	Envelope env = ENVELOPE__INIT;
	PoolReturn q = POOL_RETURN__INIT;

	q.pool = (char *)pool;
	q.first = (ProtobufCBinaryData){4, (uint8_t *)first};
	q.count = count;
	q.instance = 7;
	env.body_case = ENVELOPE__BODY_POOL_RETURN;
	env.pool_return = &q;
	rig_tell(&sessmgr, &env);
}

static int flow(const uint8_t a[4], uint32_t len, bool del, bool replace_all)
{
	Envelope env = ENVELOPE__INIT;
	FlowUpdate q = FLOW_UPDATE__INIT;
	FlowUpdate__Flow f = FLOW_UPDATE__FLOW__INIT, *list[] = {&f};
	unsigned before = ipsecmgr.received;

	if (a) {
		f.prefix = (ProtobufCBinaryData){4, (uint8_t *)a};
		f.len = len;
		f.del = del;
		q.flows = list;
		q.n_flows = 1;
	}
	q.instance = 1;
	q.replace_all = replace_all;
	env.body_case = ENVELOPE__BODY_FLOW_UPDATE;
	env.flow_update = &q;
	rig_request(&ipsecmgr, &env);
	RIG_WAIT(ipsecmgr.received > before && ipsecmgr.last->body_case == ENVELOPE__BODY_STATUS);
	return ipsecmgr.last->status->code;
}

static int64_t rows(const char *kind)
{
	return store_ckpt_count(store_writer_reader(store), kind, "vpnmgr/2");
}

/* --- tests
 * -------------------------------------------------------------------------------------------------------------
 */

Test(vpnmgr_task, the_kernel_gets_what_is_configured)
{
	cr_assert(kernel_has("192.0.2.2/24"), "%s", kernel);
	cr_assert(kernel_has("2001:db8:1::2/64"), "%s", kernel);
	cr_assert(kernel_has("192.0.2.1/32"), "%s", kernel);
	cr_assert(kernel_has("100.64.0.0/16>192.0.2.100"), "%s", kernel);
	cr_assert_not(kernel_has("203.0.113.2"), "port 5/11 has no device");
	cr_assert(strstr(shown("context"), "nothing is plugged in"));
	cr_assert(strstr(shown("ip interface"), "\"state\":\"DOWN\""));
	cr_assert(strstr(
	        shown("ip route"),
	        "\"destination\":\"100.64.0.0/16\",\"nexthop\":\"192.0.2.100\",\"protocol\":\"static\""));
	cr_assert(strstr(shown("ip pool"), "\"name\":\"ue\""));
}

static void configure_again(const char *lines)
{
	Envelope env = ENVELOPE__INIT;
	ConfigChanged c = CONFIG_CHANGED__INIT;

	rig_configure(lines);
	c.reload = true;
	env.kind = ENVELOPE__KIND__PUBLISH;
	env.topic = (char *)"config";
	env.body_case = ENVELOPE__BODY_CONFIG_CHANGED;
	env.config_changed = &c;
	cr_assert_eq(bus_client_send(sct.client, "#config", &env), 0);
}

Test(vpnmgr_task, a_port_stays_until_its_own_binding_goes)
{
	static const char another[] = "ip route 100.65.0.0 255.255.0.0 192.0.2.100 access\n";
	char more[sizeof(text) + sizeof(another)], *at;

	rig_peer(&sct, "p-sct", "sct/0", NULL);
	at = strstr(text, "ip route");
	snprintf(more, sizeof(more), "%.*s%s%s", (int)(at - text), text, another, at);
	configure_again(more);
	RIG_WAIT(kernel_has("100.65.0.0/16>192.0.2.100"));
	cr_assert_eq(ports_released, 0, "packets of all tunnels would be lost");

	at = strstr(more, "port ethernet 5/10");
	strcpy(at, strstr(more, "port ethernet 5/11"));
	configure_again(more);
	RIG_WAIT(ports_released == 1 && !kernel_has("192.0.2.2/24"));
	rig_peer_close(&sct);
}

/* --- crypto maps that no manager serves --- */

struct shot {
	const char *to;
	uint32_t mark;
};

/* A datagram from inside the context: 0, or -errno of a route that does not let it out. */
static int shoot(void *arg)
{
	const struct shot *s = arg;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	inet_pton(AF_INET, s->to, &to.sin_addr);
	if (s->mark)
		setsockopt(fd, SOL_SOCKET, SO_MARK, &s->mark, sizeof(s->mark));
	rc = connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static bool leaves(const char *to, uint32_t mark)
{
	struct shot s = {to, mark};

	return ns_run(ns, shoot, &s) == 0;
}

/* Before its manager is there, or when there is none: what a map's list permits does not leave in clear. */
Test(vpnmgr_task, what_a_map_protects_waits_for_its_manager)
{
	static const char map[] = "  ip access-list x\n    deny ip any host 100.64.0.9\n"
	                          "    permit ip any 100.64.0.0 0.0.255.255\n  #exit\n"
	                          "  crypto map m ikev2-ipv4\n    match address x\n  #exit\n";
	char more[sizeof(text) + sizeof(map) + 100], *at, *end;

	rig_peer(&sct, "p-sct", "sct/0", NULL);
	cr_assert(leaves("100.64.0.1", 0));
	at = strstr(text, "  #exit\n  interface core");
	end = strstr(text, "  ip pool ue");
	snprintf(more, sizeof(more), "%.*s    crypto-map m\n%.*s%s%s", (int)(at - text), text,
	         (int)(end - at), at, map, end);
	configure_again(more);
	RIG_WAIT(!leaves("100.64.0.1", 0));
	cr_expect(leaves("100.64.0.9", 0), "what the list denies is not the map's");
	cr_expect(leaves("192.0.2.100", 0));
	cr_expect(leaves("100.64.0.1", SOCK_PROTECTED_MARK), "IKE and ESP pass by");
	shown("context");
	rig_stop();
	cr_expect_not(leaves("100.64.0.1", 0), "without a vpnmgr as well");
	rig_start("boot1");
	shown("context");
	cr_expect_not(leaves("100.64.0.1", 0));
	configure_again(text);
	RIG_WAIT(leaves("100.64.0.1", 0));
	shown("context");
	rig_peer_close(&sct);
}

Test(vpnmgr_task, a_killed_vpnmgr_changes_nothing)
{
	const uint8_t net[4] = {172, 16, 0, 0};

	cr_assert_eq(chunk("ue", 256, 1)->count, 256);
	cr_assert_eq(flow(net, 24, false, false), 0);
	cr_assert(kernel_has("10.45.1.0/24>tun-1"), "%s", kernel);
	cr_assert(kernel_has("172.16.0.0/24>tun-1"), "%s", kernel);
	changes();
	rig_stop();
	rig_start("boot1");
	shown("context");
	cr_assert_eq(changes(), 0, "the kernel was touched");
	cr_assert(kernel_has("10.45.1.0/24>tun-1"), "%s", kernel);
	cr_assert(kernel_has("172.16.0.0/24>tun-1"), "%s", kernel);
	cr_assert_neq(chunk("ue", 256, 2)->first.data[2], 1, "the first is known to be taken");
	cr_assert(kernel_has("10.45.254.0/24>tun-2"), "%s", kernel);
}

/* What the fabric does not tell now may well be so: routes of tunnels stay until it is known that nobody
 * wants them. */
Test(vpnmgr_task, a_busy_fabric_costs_no_route)
{
	cr_assert_eq(chunk("ue", 256, 1)->count, 256);
	cr_assert(kernel_has("10.45.1.0/24>tun-1"), "%s", kernel);
	no_tuns = true;
	rig_stop();
	rig_start("boot1");
	shown("context");
	cr_assert(kernel_has("10.45.1.0/24>tun-1"), "%s", kernel);
}

static void swap(const char *from, const char *to)
{
	char a[160], b[160];

	snprintf(a, sizeof(a), "%s/%s", rig.dir, from);
	snprintf(b, sizeof(b), "%s/%s", rig.dir, to);
	cr_assert_eq(rename(a, b), 0);
}

/* Chunks that can't be read are not chunks that are free: their routes stay, and nobody else gets them. */
Test(vpnmgr_task, a_store_that_can_not_be_read_is_not_empty)
{
	const uint8_t net[4] = {172, 16, 0, 0};
	char path[160];
	FILE *f;
	int err;

	cr_assert_eq(chunk("ue", 256, 1)->count, 256);
	cr_assert_eq(flow(net, 24, false, false), 0);
	rig_stop();
	store_close_writer(store);
	swap("state.db", "kept.db");
	snprintf(path, sizeof(path), "%s/state.db", rig.dir);
	f = fopen(path, "w");
	cr_assert(f);
	for (unsigned i = 0; i < 200; i++)
		fputs("this is no store at all, whoever reads it\n", f);
	fclose(f);
	rig.ready = false;
	rig.pid = rig_spawn(rig.facility, rig.instance, "boot1");
	RIG_WAIT(rig.ticks >= 500);
	cr_expect_not(rig.ready, "it serves without its chunks");
	cr_expect(kernel_has("10.45.1.0/24>tun-1"), "%s", kernel);
	cr_expect(kernel_has("172.16.0.0/24>tun-1"), "%s", kernel);
	swap("kept.db", "state.db");
	RIG_WAIT(rig.ready);
	store = store_open_writer(rig.dir, STORE_STATE, NULL, &err);
	cr_assert(store);
	cr_expect(kernel_has("10.45.1.0/24>tun-1"), "%s", kernel);
	cr_expect(kernel_has("172.16.0.0/24>tun-1"), "%s", kernel);
	cr_expect_neq(chunk("ue", 256, 2)->first.data[2], 1, "the first is known to be taken");
}

Test(vpnmgr_task, repairs_what_somebody_else_broke)
{
	struct net_prefix p;

	net_prefix_parse(&p, "192.0.2.1/32");
	rig_stop();
	cr_assert_eq(nl_addr_del(nl, nl_link_index(nl, "lo"), &p), 0);
	net_prefix_parse(&p, "192.0.2.77/24");
	cr_assert_eq(nl_addr_add(nl, nl_link_index(nl, "port5-10"), &p), 0);
	rig_start("boot1");
	cr_assert(kernel_has("192.0.2.1/32"), "%s", kernel);
	cr_assert_not(kernel_has("192.0.2.77/24"), "%s", kernel);
	cr_assert(kernel_has("192.0.2.2/24"), "%s", kernel);
}

Test(vpnmgr_task, a_chunk_is_stored_before_it_is_answered)
{
	unsigned before;
	const PoolChunk *c;
	uint8_t first[4];

	slow = true;
	before = sessmgr.received;
	request_chunk("ue", 16, 7, 1);
	RIG_WAIT(n_held == 1);
	cr_assert_eq(sessmgr.received, before);
	cr_assert_not(kernel_has("10.45."), "%s", kernel);
	request_chunk("", 0, 7, 0); /* a sync waits for it too */
	slow = false;
	ack(held[0].id, held[0].ret);
	RIG_WAIT(sessmgr.received == before + 2);
	cr_assert(kernel_has("10.45.0.16/28>tun-1"), "%s", kernel);
	cr_assert_eq(rows("pool"), 1);
	memcpy(first, (uint8_t[]){10, 45, 0, 16}, 4);
	give_back("ue", first, 8);
	shown("context");
	cr_assert_eq(rows("pool"), 1, "not a chunk");
	give_back("ue", first, 16);
	shown("context");
	RIG_WAIT(rows("pool") == 0);
	cr_assert_not(kernel_has("10.45."), "%s", kernel);
	c = chunk("tiny", 256, 1);
	cr_assert_eq(c->count, 1);
	cr_assert_eq(chunk("tiny", 256, 1)->count, 1);
	cr_assert_str_eq(chunk("tiny", 256, 1)->failure, "pool exhausted");
}

Test(vpnmgr_task, only_the_serving_chassis_holds_addresses_chunks_and_flows)
{
	const uint8_t net[4] = {172, 16, 0, 0};
	unsigned heard = 0;

	chunk("ue", 256, 1);
	flow(net, 24, false, false);
	srp_says("Standby");
	RIG_WAIT(!kernel_has("192.0.2.1/32") && !kernel_has("tun-1"));
	cr_assert(kernel_has("192.0.2.2/24"), "%s", kernel);
	cr_assert(kernel_has("100.64.0.0/16>"), "%s", kernel);
	cr_assert_eq(rows("pool") + rows("flow"), 2, "the rows stay");
	cr_assert_str_eq(chunk("ue", 256, 1)->failure, "not serving");
	cr_assert_lt(flow(net, 25, false, false), 0);
	announced("192.0.2.1");
	srp_says("Active");
	RIG_WAIT(kernel_has("192.0.2.1/32") && kernel_has("10.45.1.0/24>tun-1") &&
	         kernel_has("172.16.0.0/24>tun-1"));
	RIG_WAIT((heard += announced("192.0.2.1")) >= 3);
}

Test(vpnmgr_task, networks_behind_tunnels)
{
	const uint8_t a[4] = {172, 16, 0, 0}, b[4] = {172, 17, 0, 9}, own[4] = {192, 0, 2, 2}, all[4] = {0};

	cr_assert_eq(flow(a, 16, false, false), 0);
	cr_assert_eq(flow(b, 32, false, false), 0);
	cr_assert(kernel_has("172.16.0.0/16>tun-1") && kernel_has("172.17.0.9/32>tun-1"), "%s", kernel);
	cr_assert_eq(flow(own, 32, false, false), -EADDRINUSE);
	cr_assert_lt(flow(all, 0, false, false), 0, "not the whole world");
	cr_assert_eq(flow(a, 33, false, false), -EINVAL);
	cr_assert_eq(flow(a, 16, true, false), 0);
	cr_assert_not(kernel_has("172.16.0.0/16"), "%s", kernel);
	cr_assert_eq(flow(a, 24, false, true), 0);
	cr_assert(kernel_has("172.16.0.0/24>tun-1"), "%s", kernel);
	cr_assert_not(kernel_has("172.17.0.9"), "replace_all: %s", kernel);
	cr_assert_eq(rows("flow"), 1);
}

Test(vpnmgr_task, hostile_messages)
{
	unsigned before = sessmgr.received;
	char longname[300];
	const uint8_t junk[4] = {9, 9, 9, 9};

	memset(longname, 'x', sizeof(longname) - 1);
	longname[sizeof(longname) - 1] = 0;
	cr_assert_str_eq(chunk("nowhere", 16, 1)->failure, "unknown pool");
	cr_assert_str_eq(chunk(longname, 16, 1)->failure, "unknown pool");
	cr_assert_str_eq(chunk("ue", 16, 0)->failure, "wrong owner");
	cr_assert_str_eq(chunk("ue", 16, 100000)->failure, "wrong owner");
	before = sessmgr.received;
	request_chunk("ue", 16, 8, 1); /* for somebody else */
	RIG_WAIT(sessmgr.received > before);
	cr_assert_str_eq(sessmgr.last->pool_chunk->failure, "wrong owner");
	give_back("nowhere", junk, 1);
	give_back("ue", junk, 0);
	cr_assert_eq(chunk("ue", UINT32_MAX, 1)->count, 1024, "at most 1/32 of what is free");
	cr_assert_eq(rows("pool"), 1);
}
