/* SPDX-License-Identifier: MIT */
/*
 * IKE SAs by their calls (tasks/ipsecmgr/ipsecmgr_calls.c, compiled into the test): which a sessmgr and `show
 * subscribers` are told of. The engine's list is played by hand.
 */
#include <criterion/criterion.h>

#define ike_engine_foreach_sa played_foreach
#define ike_engine_child_view played_child
#include "tasks/ipsecmgr/ipsecmgr_calls.c"

struct ipsecmgr ipsecmgr;
static struct task task = {.instance = 3, .card = 2};

int played_foreach(const struct ike_engine *e, int (*cb)(void *arg, const struct ike_sa_view *v), void *arg)
{
	static const struct ike_sa_view sas[] = {
	        {.spi = 0x0300000000000001,
	         .callid = 0x00100001,
	         .state = IKE_ST_ESTABLISHED,
	         .n_children = 1},
	        {.spi = 0x0300000000000002, .state = IKE_ST_REKEYED},
	        {.spi = 0x0300000000000003, .callid = 0x00100002, .state = IKE_ST_DELETING},
	        {.spi = 0x0300000000000004, .callid = 0x00100003, .state = IKE_ST_DEAD},
	        {.spi = 0x0300000000000005, .callid = 0x00100004, .state = IKE_ST_ESTABLISHED},
	};
	int stop = 0;

	for (size_t i = 0; !stop && i < sizeof(sas) / sizeof(sas[0]); i++)
		stop = cb(arg, &sas[i]);
	return stop;
}

int played_child(const struct ike_engine *e, uint64_t ike_spi, unsigned index, struct ike_child_view *v)
{
	*v = (struct ike_child_view){.sa.spi_in = 0x03000009};
	return 0;
}

uint64_t ipsecmgr_engine_now(struct ipsecmgr *m)
{
	return 1;
}
void ipsecmgr_engine_rearm(struct ipsecmgr *m)
{
}

/* The rows of a show, as text. */
static const char *shown(json_t *(*show)(struct task *t, struct show_page *page, char *err, size_t size),
                         const char *args)
{
	static char text[400];
	struct show_page page = {.args = args, .limit = 100};
	char err[100] = "", *dump;
	json_t *o;

	o = show(&task, &page, err, sizeof(err));
	dump = o ? json_dumps(json_object_get(o, "sas"), JSON_COMPACT) : NULL;
	snprintf(text, sizeof(text), "%s", dump ? dump : err);
	free(dump);
	json_decref(o);
	return text;
}

/* Also of a tunnel without a child SA, and of one that is about to end. */
Test(ipsecmgr_calls, ike_sas_of_calls)
{
	cr_expect(strstr(shown(ipsecmgr_calls_ike, "00100001"), "does not serve"));
	ipsecmgr.e = (struct ike_engine *)&ipsecmgr; /* never looked into */
	cr_expect_str_eq(shown(ipsecmgr_calls_ike, "00100001 00100002 00100003"),
	                 "[{\"callid\":\"00100001\",\"spi\":\"0300000000000001\"},"
	                 "{\"callid\":\"00100002\",\"spi\":\"0300000000000003\"}]");
	cr_expect_str_eq(shown(ipsecmgr_calls_ike, "00100004"),
	                 "[{\"callid\":\"00100004\",\"spi\":\"0300000000000005\"}]");
	cr_expect_str_eq(shown(ipsecmgr_calls_ike, "00100009"), "[]");
	cr_expect_str_eq(shown(ipsecmgr_calls_show, "00100001 00100004"),
	                 "[{\"callid\":\"00100001\",\"spi\":\"03000009\"}]");
	cr_expect(strstr(shown(ipsecmgr_calls_ike, "no id"), "Failure: "));
}
