/* SPDX-License-Identifier: MIT */
/*
 * A lab file: chassis, networks, hosts, real servers and simulated peers, one a line. Parsed and checked here
 * without I/O; built by cmd/labhold.c. Notation: labs/README.md.
 */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include "net/addr.h"

#define LAB_NAME_MAX 32
#define LAB_NETWORKS 16
#define LAB_CHASSIS  8
#define LAB_PORTS    64
#define LAB_HOSTS    32
#define LAB_LINKS    4
#define LAB_SERVERS  32
#define LAB_PEERS    8
#define LAB_ARGS     48
#define LAB_TEXT_MAX 256
#define LAB_FILE_MAX 65536
#define LAB_GATEWAYS 2

struct lab_chassis {
	char name[LAB_NAME_MAX], profile[LAB_TEXT_MAX], config[LAB_TEXT_MAX];
	unsigned disk_mb; /* its disk is a file system of its own of that size; 0: a directory */
};

struct lab_port {
	unsigned chassis, network; /* indices */
	char port[16];             /* "5/10" */
};

struct lab_link {
	unsigned network;
	struct net_prefix addr; /* with its host part */
};

struct lab_host {
	char name[LAB_NAME_MAX];
	struct lab_link links[LAB_LINKS]; /* eth0, eth1 … */
	unsigned nlinks;
	struct net_addr gateways[LAB_GATEWAYS];
	unsigned ngateways;
	struct net_prefix
	        local[LAB_LINKS]; /* `host H local PREFIX`: addresses that are its own (many peers) */
	unsigned nlocal;
};

enum lab_server_kind { LAB_STRONGSWAN, LAB_SNMPTRAPD, LAB_SSHD, LAB_FREERADIUS, LAB_SERVER_KINDS };

struct lab_server {
	enum lab_server_kind kind;
	unsigned host;
	char conf[LAB_TEXT_MAX]; /* strongswan, freeradius: directory with swanctl.conf, radiusd.conf */
	char user[LAB_NAME_MAX], password[LAB_TEXT_MAX]; /* sshd */
};

struct lab_peers {
	char name[LAB_NAME_MAX];
	unsigned host;
	char *args[LAB_ARGS]; /* of `orrery peers` */
	unsigned nargs;
};

struct lab {
	char name[LAB_NAME_MAX];
	char networks[LAB_NETWORKS][LAB_NAME_MAX];
	unsigned nnetworks;
	struct lab_chassis chassis[LAB_CHASSIS];
	unsigned nchassis;
	struct lab_port ports[LAB_PORTS];
	unsigned nports;
	struct lab_host hosts[LAB_HOSTS];
	unsigned nhosts;
	struct lab_server servers[LAB_SERVERS];
	unsigned nservers;
	struct lab_peers peers[LAB_PEERS];
	unsigned npeers;
};

/* Parse a lab file's text. NULL with "FILE:LINE: reason" in err. Free with lab_free(). */
struct lab *lab_parse(const char *file, const char *text, size_t len, char *err, size_t errlen);
void lab_free(struct lab *l);
const char *lab_server_name(enum lab_server_kind kind);
/* Index of a chassis, host or peers line by name, or -1. */
int lab_chassis_find(const struct lab *l, const char *name);
int lab_host_find(const struct lab *l, const char *name);

#endif
