/* SPDX-License-Identifier: MIT */
/*
 * The sockets of service addresses as the backplane holds them (chassis/fabric.c, compiled into the test), in
 * a namespace of its own: there is always room for a service, however many there were before. Needs to be
 * root.
 */
#include <criterion/criterion.h>
#include <sys/resource.h>

#include "chassis/fabric.c"

void gate_port_moved(const char *port)
{
	(void)port;
}
void fault_port_moved(const char *port)
{
	(void)port;
}

static struct net_addr address(unsigned n)
{
	return net_addr_v4(0x7f010000u + n);
}

static int bound(unsigned n, unsigned instance)
{
	struct net_addr a = address(n);
	int fds[3];

	return service_open(1, &a, instance, 2, fds);
}

static int unbound(unsigned n, unsigned instance)
{
	struct net_addr a = address(n);
	BpFabric f = BP_FABRIC__INIT;

	f.ctx = 1;
	f.instance = instance;
	f.addr = (ProtobufCBinaryData){4, a.bytes};
	return release_request(&f);
}

Test(fabric, services_that_are_gone_make_room)
{
	struct rlimit many = {4096, 4096};
	struct net_addr first = address(1);
	int err, fd;

	setrlimit(RLIMIT_NOFILE, &many);
	if (!context_get(1, &err))
		cr_skip_test("no namespaces here");
	for (unsigned i = 1; i <= SERVICES_MAX; i++)
		cr_assert_eq(bound(i, 1), 0, "service %u", i);
	cr_assert_eq(bound(1, 2), 0);
	cr_assert_eq(bound(1000, 1), -ENOSPC);
	cr_assert_eq(unbound(1, 1), 0);
	cr_assert_eq(bound(1000, 1), -ENOSPC, "the other instance serves it still");
	cr_assert_eq(unbound(1, 2), 0);
	fd = service_find(1, &first)->fd[1][FABRIC_UDP500];
	cr_assert_eq(bound(1, 1), 0, "it is back before the room was needed");
	cr_assert_eq(service_find(1, &first)->fd[1][FABRIC_UDP500], fd);
	cr_assert_eq(unbound(1, 1), 0);
	cr_assert_eq(bound(1000, 1), 0);
	cr_assert_null(service_find(1, &first));
	cr_assert_eq(bound(1, 1), -ENOSPC);
	cr_assert_eq(unbound(4000, 1), 0, "nobody had it");
	fabric_reset();
	cr_assert_eq(fab.n_services, 0u);
}

/* A large chassis has sockets of many instances: descriptors end first. */
Test(fabric, descriptors_that_nobody_wants_make_room)
{
	struct rlimit few = {100, 100};
	unsigned n = 0;
	int err, rc;

	setrlimit(RLIMIT_NOFILE, &few);
	if (!context_get(1, &err))
		cr_skip_test("no namespaces here");
	while ((rc = bound(n + 1, 1)) == 0)
		n++;
	cr_assert_eq(rc, -EMFILE);
	cr_assert_gt(n, 5u);
	cr_assert_eq(unbound(1, 1), 0);
	cr_assert_eq(unbound(2, 1), 0);
	cr_assert_eq(bound(n + 1, 1), 0);
	fabric_reset();
}
