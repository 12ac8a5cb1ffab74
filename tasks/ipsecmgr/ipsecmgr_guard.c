/* SPDX-License-Identifier: MIT */
/*
 * Protection of this instance (IPSec Reference chapters 13 and 19): what the templates say about cookies, the
 * lists of peers, and the alarms IKEv2DOSAttack and IKEv2DecryptionFailThreshold with their ends. Lists are
 * read by ipsecctrl; it leaves them on the chassis' disk and tells their versions on topic "lists". Entry
 * points: ipsecmgr_guard_protection(), ipsecmgr_guard_lists(), ipsecmgr_guard_admit(),
 * ipsecmgr_guard_event().
 */
#include "tasks/ipsecmgr/ipsecmgr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/access.h"
#include "base/log.h"
#include "store/store.h"

#define ALARMS_PER_S 10 /* of packets that can't be decrypted: strangers decide how many there are */

/* --- cookies
 * ------------------------------------------------------------------------------------------------------- */

struct ike_protection ipsecmgr_guard_protection(const struct ipsecmgr *m)
{
	struct ike_protection all = {0};
	const struct ipsecmgr_policy *p;

	/* One threshold for all services of a manager: the lowest that a template asks for. */
	for (p = m->policies; p; p = p->next) {
		if (!p->pol.cookie_challenge)
			continue;
		all.cookie_always |= p->cookie_always;
		if (p->cookie_on && (!all.cookie_on || p->cookie_on < all.cookie_on)) {
			all.cookie_on = p->cookie_on;
			all.cookie_off = p->cookie_off;
		}
	}
	return all;
}

/* --- lists
 * ---------------------------------------------------------------------------------------------------------
 */

static struct list {
	const char *name;
	uint64_t version; /* 0: there is none */
	struct access_list *list;
} lists[] = {[IPSECMGR_BLACKLIST] = {"blacklist", 0, NULL}, [IPSECMGR_WHITELIST] = {"whitelist", 0, NULL}};

/* The list that ipsecctrl left. 0, -ENOENT (none of this boot), -errno. */
static int load(struct ipsecmgr *m, struct list *l)
{
	const char *path = task_state_path(m->t, ACCESS_SNAPSHOT, l->name);
	char boot[64] = "", *text = NULL;
	unsigned long long version = 0;
	struct access_report r;
	struct access_list *list;
	size_t len = 0;
	int rc = access_read(path, &text, &len);

	if (!rc && (sscanf(text, "# %63s %llu", boot, &version) != 2 || strcmp(boot, m->t->boot_id) != 0))
		rc = -ENOENT;
	list = rc ? NULL : access_parse(text, len, &r);
	free(text);
	if (rc)
		return rc;
	if (!list)
		return -EBADMSG;
	access_free(l->list);
	l->list = list;
	l->version = version;
	LOG(EV_IPSEC_TEMPLATE, "%s of %zu identities in force", l->name, access_count(list));
	return 0;
}

static void drop(struct list *l)
{
	access_free(l->list);
	l->list = NULL;
	l->version = 0;
}

void ipsecmgr_guard_lists_load(struct ipsecmgr *m)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (lists[i].name && load(m, &lists[i]))
			drop(&lists[i]);
}

void ipsecmgr_guard_lists(struct task *t, const struct bus_msg *msg)
{
	const AccessLists *in = msg->env->access_lists;
	const uint64_t version[] = {
	        [IPSECMGR_BLACKLIST] = in->blacklist, [IPSECMGR_WHITELIST] = in->whitelist};
	int rc;

	(void)t;
	for (size_t i = IPSECMGR_BLACKLIST; i <= IPSECMGR_WHITELIST; i++) {
		if (version[i] == lists[i].version)
			continue;
		if (!version[i]) {
			LOG(EV_IPSEC_TEMPLATE, "there is no %s any more", lists[i].name);
			drop(&lists[i]);
			continue;
		}
		rc = load(&ipsecmgr, &lists[i]);
		if (rc)
			LOG(EV_CFG_ERROR, "%s cannot be read: %s; the one before counts", lists[i].name,
			    strerror(-rc));
	}
}

int ipsecmgr_guard_admit(const struct ipsecmgr_policy *p, const struct ike_id *peer, const char **why)
{
	const struct access_list *l = p && p->list ? lists[p->list].list : NULL;
	bool on;

	if (!l) /* without a list there is nothing to go by (chapter 13) */
		return 0;
	on = access_has(l, peer);
	if (p->list == IPSECMGR_BLACKLIST ? !on : on)
		return 0;
	*why = p->list == IPSECMGR_BLACKLIST ? "on the blacklist" : "not on the whitelist";
	return -EACCES;
}

/* --- congestion
 * ---------------------------------------------------------------------------------------------------- */

void ipsecmgr_guard_congestion(struct task *t, const struct bus_msg *msg)
{
	static const enum ike_congestion map[] = {[CONGESTION__ACTION__NONE] = IKE_CONGESTION_NONE,
	                                          [CONGESTION__ACTION__DROP] = IKE_CONGESTION_DROP,
	                                          [CONGESTION__ACTION__REJECT] = IKE_CONGESTION_REJECT};
	int action = (int)msg->env->congestion->action;

	(void)t;
	if (action < 0 || action > CONGESTION__ACTION__REJECT)
		return;
	ipsecmgr.congestion = map[action];
	if (ipsecmgr.e)
		ike_engine_congestion(ipsecmgr.e, map[action]);
}

/* --- alarms
 * -------------------------------------------------------------------------------------------------------- */

static void decrypt_alarm(struct ipsecmgr *m, const struct ike_event *ev, bool raise)
{
	char id[IKE_ID_MAX * 4 + 1], addr[NET_ADDR_STRLEN];

	ike_id_format(&ev->peer_id, id, sizeof(id));
	net_addr_format(&ev->path.remote.addr, addr, sizeof(addr));
	task_trap(m->t, raise ? "IKEv2DecryptionFailThreshold" : "IKEv2ClearDecryptionFailThreshold",
	          (const struct trap_arg[]){trap_int("starTaskInstance", m->t->instance),
	                                    trap_str("starSessSub1NAI", ev->peer_id.type ? id : ""),
	                                    trap_str("starSessSub1IpAddr", addr), trap_end});
}

/* The object of an alarm is "ipsecmgr N", and of a peer's its identity and address behind that (srdb). */
static int end_alarm(const struct store_alarm *a, void *arg)
{
	struct ipsecmgr *m = arg;
	char object[160], *rest, *addr;
	unsigned instance;
	int n = 0;

	snprintf(object, sizeof(object), "%s", a->object);
	if (sscanf(object, "ipsecmgr %u%n", &instance, &n) != 1 || instance != m->t->instance)
		return 0;
	if (!strcmp(a->name, "IKEv2DOSAttack"))
		TASK_TRAP(m->t, "IKEv2ClearDOSAttack", trap_int("starTaskInstance", instance));
	rest = object[n] ? object + n + 1 : object + n;
	addr = strrchr(rest, ' ');
	if (strcmp(a->name, "IKEv2DecryptionFailThreshold") != 0 || !addr)
		return 0;
	*addr++ = '\0';
	TASK_TRAP(m->t, "IKEv2ClearDecryptionFailThreshold", trap_int("starTaskInstance", instance),
	          trap_str("starSessSub1NAI", rest), trap_str("starSessSub1IpAddr", addr));
	return 0;
}

void ipsecmgr_guard_alarms_end(struct ipsecmgr *m)
{
	struct store_reader *r = store_open_reader(m->t->state_dir, STORE_STATE);

	if (!r)
		return;
	store_alarm_list(r, true, end_alarm, m);
	store_close_reader(r);
}

static bool alarm_budget(void)
{
	static uint64_t window_us;
	static unsigned left;
	uint64_t now = clock_now_us();

	if (now - window_us > US_PER_SEC) {
		window_us = now;
		left = ALARMS_PER_S;
	}
	return left && left--;
}

void ipsecmgr_guard_event(struct ipsecmgr *m, const struct ike_event *ev)
{
	static char told;

	switch (ev->kind) {
	case IKE_EV_COOKIES_ON:
		TASK_TRAP(m->t, "IKEv2DOSAttack", trap_int("starTaskInstance", m->t->instance));
		break;
	case IKE_EV_COOKIES_OFF:
		TASK_TRAP(m->t, "IKEv2ClearDOSAttack", trap_int("starTaskInstance", m->t->instance));
		break;
	case IKE_EV_DECRYPT_FAILING:
		if (!alarm_budget() || ipsecmgr_map_set(&m->alarms, ev->spi, &told))
			break;
		decrypt_alarm(m, ev, true);
		break;
	case IKE_EV_DECRYPT_GOOD:
		if (ipsecmgr_map_del(&m->alarms, ev->spi)) /* of what was told only */
			decrypt_alarm(m, ev, false);
		break;
	default:
		break;
	}
}
