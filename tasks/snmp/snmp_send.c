/* SPDX-License-Identifier: MIT */
/*
 * Traps on the wire, by net-snmp: v2c (RFC 3416 §4.2.6) and v1 (RFC 1157, mapped as RFC 3584 §3 says). As
 * StarOS sends them: varbinds in MIB order, their OIDs the bare columns, Unsigned32 as Gauge32. The only file
 * that includes net-snmp. Called by snmp_queue.c, snmp_probe.c.
 */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>

#undef PACKAGE_BUGREPORT
#undef PACKAGE_NAME
#undef PACKAGE_STRING
#undef PACKAGE_TARNAME
#undef PACKAGE_VERSION

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/ns.h"
#include "snmp_task.h"

static const oid sys_uptime[] = {1, 3, 6, 1, 2, 1, 1, 3, 0};
static const oid snmp_trap_oid[] = {1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0};

void snmp_send_init(void)
{
	setenv("MIBS", "", 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DISABLE_CONFIG_LOAD, 1);
	snmp_disable_log();
	init_snmp("orrery");
}

struct opening {
	netsnmp_session *session;
	void *result;
	int err;
};

static int open_session(void *arg)
{
	struct opening *o = arg;

	errno = 0;
	o->result = snmp_open(o->session);
	return o->result ? 0 : errno ? -errno : -EIO;
}

int snmp_send_open(struct snmp_target *tg, int ns_fd)
{
	char addr[NET_ADDR_STRLEN], peer[NET_ADDR_STRLEN + 24];
	struct opening o = {0};
	netsnmp_session s;
	int rc;

	if (tg->session)
		return 0;
	net_addr_format(&tg->addr, addr, sizeof(addr));
	snprintf(peer, sizeof(peer), tg->addr.family == AF_INET6 ? "udp6:[%s]:%u" : "udp:%s:%u", addr,
	         tg->port);
	snmp_sess_init(&s);
	s.version = tg->version == SNMP_V1 ? SNMP_VERSION_1 : SNMP_VERSION_2c;
	s.peername = peer;
	s.community = (u_char *)tg->community;
	s.community_len = strlen(tg->community);
	o.session = &s;
	rc = ns_fd >= 0 ? ns_run(ns_fd, open_session, &o) : open_session(&o);
	tg->session = o.result;
	return rc;
}

void snmp_send_close(struct snmp_target *tg)
{
	if (tg->session)
		snmp_close(tg->session);
	tg->session = NULL;
}

/* --- varbinds
 * --------------------------------------------------------------------------------------------------- */

/* Of our own table only: digits and dots. */
static size_t parse_oid(const char *text, oid out[MAX_OID_LEN])
{
	size_t n = 0;
	char *end;

	for (; *text && n < MAX_OID_LEN; text = *end == '.' ? end + 1 : end) {
		out[n++] = strtoul(text, &end, 10);
		if (end == text)
			return 0;
	}
	return n;
}

static int64_t number_of(const struct trap_value *v)
{
	return v->str ? strtoll(v->str, NULL, 10) : v->num;
}

static const char *text_of(const struct trap_value *v, char buf[24])
{
	if (v->str)
		return v->str;
	snprintf(buf, 24, "%lld", (long long)v->num);
	return buf;
}

static void add_ip(netsnmp_pdu *pdu, const oid *name, size_t len, const char *text)
{
	struct net_addr a;
	struct in_addr in = {0};

	if (net_addr_parse(&a, text) == 0 && a.family == AF_INET)
		memcpy(&in, a.bytes, 4);
	snmp_pdu_add_variable(pdu, name, len, ASN_IPADDRESS, &in, sizeof(in));
}

static void add_inet(netsnmp_pdu *pdu, const oid *name, size_t len, const char *text)
{
	struct net_addr a;

	if (net_addr_parse(&a, text))
		memset(&a, 0, sizeof(a));
	snmp_pdu_add_variable(pdu, name, len, ASN_OCTET_STR, a.bytes, net_addr_len(&a));
}

/* DateAndTime (RFC 2579): year in two octets, month, day, hour, minute, second, tenths. */
static void add_date(netsnmp_pdu *pdu, const oid *name, size_t len, const char *text)
{
	unsigned y, mo, d, h = 0, mi = 0, s = 0;

	if (sscanf(text, "%4u-%2u-%2u %2u:%2u:%2u", &y, &mo, &d, &h, &mi, &s) >= 3) {
		u_char b[8] = {(u_char)(y >> 8), (u_char)y,  (u_char)mo, (u_char)d,
		               (u_char)h,        (u_char)mi, (u_char)s,  0};
		snmp_pdu_add_variable(pdu, name, len, ASN_OCTET_STR, b, sizeof(b));
	} else {
		snmp_pdu_add_variable(pdu, name, len, ASN_OCTET_STR, text, strlen(text));
	}
}

static void add_number(netsnmp_pdu *pdu, const oid *name, size_t len, enum trap_type type, int64_t num)
{
	struct counter64 c64 = {.high = (u_long)((uint64_t)num >> 32),
	                        .low = (u_long)((uint64_t)num & 0xffffffff)};
	long i = num;
	u_long u = (u_long)num & 0xffffffff;

	if (type == TRAP_TYPE_INT)
		snmp_pdu_add_variable(pdu, name, len, ASN_INTEGER, &i, sizeof(i));
	else if (type == TRAP_TYPE_COUNTER64)
		snmp_pdu_add_variable(pdu, name, len, ASN_COUNTER64, &c64, sizeof(c64));
	else
		snmp_pdu_add_variable(pdu, name, len, type == TRAP_TYPE_GAUGE ? ASN_GAUGE : ASN_COUNTER, &u,
		                      sizeof(u));
}

static void add_value(netsnmp_pdu *pdu, const struct trap_object *o, const struct trap_value *v)
{
	oid name[MAX_OID_LEN];
	size_t len = parse_oid(o->oid, name);
	char buf[24];
	const char *text = text_of(v, buf);

	switch (o->type) {
	case TRAP_TYPE_IP:
		add_ip(pdu, name, len, text);
		break;
	case TRAP_TYPE_INET:
		add_inet(pdu, name, len, text);
		break;
	case TRAP_TYPE_DATE:
		add_date(pdu, name, len, text);
		break;
	case TRAP_TYPE_STRING:
		snmp_pdu_add_variable(pdu, name, len, ASN_OCTET_STR, text, strlen(text));
		break;
	default:
		add_number(pdu, name, len, o->type, number_of(v));
	}
}

/* --- PDUs
 * -----------------------------------------------------------------------------------------------------------
 */

static netsnmp_pdu *pdu_v2(const struct trap_row *row, u_long uptime)
{
	netsnmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_TRAP2);
	oid name[MAX_OID_LEN];
	size_t len = parse_oid(TRAPS_OID_BASE, name);

	if (!pdu)
		return NULL;
	name[len++] = row->number;
	snmp_pdu_add_variable(pdu, sys_uptime, OID_LENGTH(sys_uptime), ASN_TIMETICKS, &uptime,
	                      sizeof(uptime));
	snmp_pdu_add_variable(pdu, snmp_trap_oid, OID_LENGTH(snmp_trap_oid), ASN_OBJECT_ID, name,
	                      len * sizeof(oid));
	return pdu;
}

static netsnmp_pdu *pdu_v1(const struct trap_row *row, u_long uptime)
{
	netsnmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_TRAP);
	oid name[MAX_OID_LEN];
	size_t len = parse_oid(TRAPS_OID_BASE, name);

	if (!pdu)
		return NULL;
	pdu->enterprise = malloc(len * sizeof(oid));
	if (!pdu->enterprise) {
		snmp_free_pdu(pdu);
		return NULL;
	}
	memcpy(pdu->enterprise, name, len * sizeof(oid));
	pdu->enterprise_length = len;
	pdu->trap_type = SNMP_TRAP_ENTERPRISESPECIFIC;
	pdu->specific_type = row->number;
	pdu->time = uptime;
	return pdu;
}

int snmp_send_trap(struct snmp_target *tg, const struct trap_row *row, const struct trap_value *v, size_t n,
                   uint32_t uptime)
{
	static const struct trap_value none = {"", "", 0};
	const struct trap_object *obj[TRAPS_OBJECTS_MAX];
	size_t nobj = traps_objects(row, obj);
	netsnmp_session *s = tg->session;
	netsnmp_pdu *pdu;

	if (!s)
		return -ENOTCONN;
	pdu = tg->version == SNMP_V1 ? pdu_v1(row, uptime) : pdu_v2(row, uptime);
	if (!pdu)
		return -ENOMEM;
	for (size_t i = 0; i < nobj; i++)
		add_value(pdu, obj[i], i < n ? &v[i] : &none);
	errno = 0;
	if (snmp_send(s, pdu))
		return 0;
	snmp_free_pdu(pdu);
	return s->s_errno ? -s->s_errno : errno ? -errno : -EIO;
}
