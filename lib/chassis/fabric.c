/* SPDX-License-Identifier: MIT */
/* A task's calls to the fabric (chassis/fabric.c): one blocking round trip each on the backplane socket. */
#include "chassis/fabric.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chassis/bp.h"
#include "task/task.h"

#define DEADLINE_MS 2000

static int the_conn = -1;
static uint64_t next_id;

static void drop_fds(int *fds, int n)
{
	while (n > 0)
		close(fds[--n]);
}

static int connect_once(struct task *t)
{
	if (the_conn < 0)
		the_conn = bp_connect(t->run_dir);
	return the_conn;
}

/* Send f and wait for its answer. fds: at least want descriptors, exactly want on success. */
static int call(struct task *t, BpFabric *f, int *fds, int want, char *device)
{
	BpMessage m = BP_MESSAGE__INIT, *r;
	int got[BP_FDS_MAX], n, rc = connect_once(t);

	if (rc < 0)
		return rc;
	m.id = ++next_id;
	m.body_case = BP_MESSAGE__BODY_FABRIC;
	m.fabric = f;
	rc = bp_send(the_conn, &m, NULL, 0);
	r = rc < 0 ? NULL : bp_recv_wait(the_conn, DEADLINE_MS, got, &n, &rc);
	if (!r || r->id != next_id || r->body_case != BP_MESSAGE__BODY_FABRIC_REPLY) {
		/* Out of step or gone: start anew next time. */
		if (r) {
			drop_fds(got, n);
			bp_message__free_unpacked(r, NULL);
			rc = -EPROTO;
		}
		close(the_conn);
		the_conn = -1;
		return rc ? rc : -EPIPE;
	}
	rc = r->fabric_reply->code;
	if (rc == 0 && n != want)
		rc = -EPROTO;
	if (rc == 0) {
		for (int i = 0; i < n; i++)
			fds[i] = got[i];
		if (device)
			snprintf(device, 16, "%s", r->fabric_reply->device);
	} else {
		drop_fds(got, n);
	}
	bp_message__free_unpacked(r, NULL);
	return rc;
}

int fabric_context(struct task *t, uint32_t ctx, int *ns_fd)
{
	BpFabric f = BP_FABRIC__INIT;

	f.what = BP_FABRIC__WHAT__CONTEXT;
	f.ctx = ctx;
	return call(t, &f, ns_fd, 1, NULL);
}

int fabric_context_drop(struct task *t, uint32_t ctx)
{
	BpFabric f = BP_FABRIC__INIT;

	f.what = BP_FABRIC__WHAT__CONTEXT_DROP;
	f.ctx = ctx;
	return call(t, &f, NULL, 0, NULL);
}

int fabric_tun(struct task *t, uint32_t ctx, uint32_t instance)
{
	int fds[FABRIC_FDS], rc = fabric_service(t, ctx, NULL, instance, 0, fds);

	if (rc == 0)
		close(fds[FABRIC_TUN]);
	return rc;
}

int fabric_port(struct task *t, const char *port, uint32_t ctx, char *device)
{
	BpFabric f = BP_FABRIC__INIT;

	f.what = BP_FABRIC__WHAT__PORT;
	f.port = (char *)port;
	f.ctx = ctx;
	return call(t, &f, NULL, 0, device);
}

int fabric_service(struct task *t, uint32_t ctx, const struct net_addr *addr, uint32_t instance,
                   uint32_t instances, int fds[FABRIC_FDS])
{
	BpFabric f = BP_FABRIC__INIT;
	int got[FABRIC_FDS] = {-1, -1, -1, -1}, rc;
	bool with_addr = addr && net_addr_is_set(addr);

	f.what = BP_FABRIC__WHAT__SERVICE;
	f.ctx = ctx;
	f.instance = instance;
	f.instances = instances;
	if (with_addr) {
		f.addr.data = (uint8_t *)addr->bytes;
		f.addr.len = net_addr_len(addr);
	}
	rc = call(t, &f, got, with_addr ? FABRIC_FDS : 1, NULL);
	if (rc < 0)
		return rc;
	for (int i = 0; i < FABRIC_TUN; i++)
		fds[i] = with_addr ? got[i] : -1;
	fds[FABRIC_TUN] = with_addr ? got[FABRIC_TUN] : got[0];
	return 0;
}

int fabric_service_peers(struct task *t, uint32_t ctx, const struct net_addr *addr, uint32_t instance,
                         const struct net_addr *peers, size_t n)
{
	ProtobufCBinaryData *list = calloc(n + 1, sizeof(*list));
	BpFabric f = BP_FABRIC__INIT;
	int rc;

	if (!list)
		return -ENOMEM;
	f.what = BP_FABRIC__WHAT__PEERS;
	f.ctx = ctx;
	f.instance = instance;
	f.addr.data = (uint8_t *)(uintptr_t)addr->bytes;
	f.addr.len = net_addr_len(addr);
	for (size_t i = 0; i < n; i++)
		list[i] =
		        (ProtobufCBinaryData){net_addr_len(&peers[i]), (uint8_t *)(uintptr_t)peers[i].bytes};
	f.peers = list;
	f.n_peers = n;
	rc = call(t, &f, NULL, 0, NULL);
	free(list);
	return rc;
}

int fabric_service_spread(struct task *t, uint32_t ctx, const struct net_addr *addr, bool by_source)
{
	BpFabric f = BP_FABRIC__INIT;

	f.what = BP_FABRIC__WHAT__SPREAD;
	f.ctx = ctx;
	f.addr.data = (uint8_t *)(uintptr_t)addr->bytes;
	f.addr.len = net_addr_len(addr);
	f.by_source = by_source;
	return call(t, &f, NULL, 0, NULL);
}

int fabric_service_release(struct task *t, uint32_t ctx, const struct net_addr *addr, uint32_t instance)
{
	BpFabric f = BP_FABRIC__INIT;

	f.what = BP_FABRIC__WHAT__RELEASE;
	f.ctx = ctx;
	f.instance = instance;
	f.addr.data = (uint8_t *)addr->bytes;
	f.addr.len = net_addr_len(addr);
	return call(t, &f, NULL, 0, NULL);
}
