/* SPDX-License-Identifier: MIT */
/*
 * SAs that an ipsecmgr pushes (iftask_sa.c and iftask_map.c, compiled into the test) with the worker, the
 * store and the clock played by hand: what a push does not bring again is forgotten, however busy the card
 * is.
 */
#include <criterion/criterion.h>
#include "tasks/iftask/iftask_map.c"
#include "tasks/iftask/iftask_sa.c"

struct iftask iftask;

static struct {
	unsigned added, deleted;
	uint64_t now_ms, due_ms;
	task_timer_cb due; /* NULL: no timer runs */
	int status;
} w;
static struct task task;

/* --- the world around iftask_sa.c
 * -------------------------------------------------------------------------------- */

int iftask_bind_tun(struct iftask *f, uint32_t ctx, uint32_t instance)
{
	return 0;
}
int iftask_mark_read(struct iftask *f, uint32_t spi_in, struct esp_mark *mark)
{
	*mark = (struct esp_mark){.out = ESP_SEQ_BLOCK};
	return 0;
}
struct npu_batch *npu_batch_new(size_t n_add, size_t n_del, size_t n_path)
{
	struct npu_batch *b = calloc(1, sizeof(*b));

	b->add = calloc(n_add + 1, sizeof(struct npu_sa *));
	b->del = calloc(n_del + 1, sizeof(*b->del));
	b->path = calloc(n_path + 1, sizeof(*b->path));
	return b;
}
void npu_batch_free(struct npu_batch *b)
{
	free(b->add);
	free(b->del);
	free(b->path);
	free(b);
}
/* What is deleted comes back in reality: here it stays in `held`, and is freed at the end. */
static struct npu_sa *held[16];
static unsigned n_held;
void npu_batch(struct npu *n, struct npu_batch *b)
{
	for (size_t i = 0; i < b->n_add; i++)
		held[n_held++] = b->add[i];
	w.added += (unsigned)b->n_add;
	w.deleted += (unsigned)b->n_del;
	iftask_sa_batch_done(&iftask, b);
}
struct task_timer *task_timer_start(struct task *t, uint64_t ms, uint64_t repeat_ms, task_timer_cb cb,
                                    void *arg)
{
	cr_assert_null(w.due, "one timer");
	w.due = cb;
	w.due_ms = w.now_ms + ms;
	return (struct task_timer *)&w;
}
void task_timer_stop(struct task_timer *timer)
{
	if (timer)
		w.due = NULL;
}
struct bus_from task_from(const struct bus_msg *m)
{
	return (struct bus_from){.id = 1};
}
void task_reply_status(struct task *t, const struct bus_msg *m, int code, const char *fmt, ...)
{
	w.status = code;
}
static uint32_t refused[4];
static size_t n_refused;
int task_reply_to(struct task *t, const struct bus_from *to, Envelope *env)
{
	w.status = env->status->code;
	n_refused = env->status->n_refused;
	memcpy(refused, env->status->refused, n_refused * sizeof(refused[0]));
	return 0;
}

/* --- messages
 * ------------------------------------------------------------------------------------------------------ */

static void pass(uint64_t ms)
{
	task_timer_cb due = w.due;

	w.now_ms += ms;
	if (due && w.now_ms >= w.due_ms)
		due(&task, &iftask);
}

/* An update of instance 1 with SAs 01000000 + spi. */
static unsigned bad_key; /* so many of them have a key that is too short */
static void update(bool replace_all, bool resume, const uint32_t *spi, size_t n)
{
	static uint8_t key[20], zero[4], ones[4] = {255, 255, 255, 255};
	TsRange all = TS_RANGE__INIT, *ts[] = {&all};
	SaPair pair[4], *add[4];
	SaUpdate u = SA_UPDATE__INIT;
	Envelope env = ENVELOPE__INIT;
	struct bus_msg m = {.src = "ipsecmgr/1", .env = &env};

	all.first = (ProtobufCBinaryData){4, zero};
	all.last = (ProtobufCBinaryData){4, ones};
	all.port_last = 65535;
	for (size_t i = 0; i < n; i++) {
		SaPair *p = add[i] = &pair[i];

		sa_pair__init(p);
		p->ctx = 2;
		p->instance = 1;
		p->spi_in = p->spi_out = 0x01000000 + spi[i];
		p->encr = ESP_ENCR_AES_GCM_16;
		p->encr_key_bits = 128;
		p->key_in = p->key_out = (ProtobufCBinaryData){20, key};
		p->local_addr = p->remote_addr = (ProtobufCBinaryData){4, ones};
		p->ts_local = p->ts_remote = ts;
		p->n_ts_local = p->n_ts_remote = 1;
		p->resume = resume;
		p->mark = ESP_SEQ_BLOCK;
	}
	u.instance = 1;
	u.replace_all = replace_all;
	u.add = add;
	u.n_add = n;
	env.body_case = ENVELOPE__BODY_SA_UPDATE;
	env.sa_update = &u;
	for (size_t i = 0; i < bad_key; i++)
		pair[i].key_in.len = pair[i].key_out.len = 3;
	w.status = 1;
	iftask_sa_update(&task, &m);
	cr_assert_eq(w.status != 0, bad_key > 0);
}

static void end(void)
{
	while (n_held)
		iftask_sa_free((struct iftask_sa *)held[--n_held]);
	free(iftask.slots);
}

Test(iftask_push, what_is_not_pushed_again_is_forgotten_on_a_busy_card)
{
	const uint32_t both[] = {1, 2}, one[] = {1};

	update(true, true, both, 2);
	pass(IFTASK_SWEEP_MS);
	cr_assert_eq(w.added, 2u);
	cr_assert_eq(w.deleted, 0u);
	update(true, true, one, 1); /* the other one ended while nobody was there to say it */
	for (uint32_t i = 10; i < 14; i++) {
		pass(IFTASK_SWEEP_MS / 2);
		update(false, false, &i, 1); /* tunnels come up all the time */
	}
	cr_assert_eq(w.deleted, 1u);
	cr_assert_null(iftask_map_get(&iftask, 0x01000002));
	cr_assert_eq(iftask.n_sas, 5u);
	end();
}

/* What can't be taken is named: the rest is in force, and its owner need not give everything again. */
Test(iftask_push, what_is_refused_is_named)
{
	const uint32_t all[] = {1, 2, 3};

	bad_key = 2;
	update(true, true, all, 3);
	cr_assert_eq(w.added, 1u);
	cr_assert_eq(n_refused, 2u);
	cr_expect_eq(refused[0], 0x01000001u);
	cr_expect_eq(refused[1], 0x01000002u);
	cr_assert(iftask_map_get(&iftask, 0x01000003));
	bad_key = 0;
	update(true, true, all, 3);
	cr_expect_eq(n_refused, 0u);
	end();
}

/* A large push comes in several updates, which may take their time. */
Test(iftask_push, a_push_is_over_when_no_more_of_it_comes)
{
	const uint32_t all[] = {1, 2, 3};

	update(true, true, all, 3);
	pass(IFTASK_SWEEP_MS);
	update(true, true, all, 1);
	for (unsigned i = 1; i < 3; i++) {
		pass(IFTASK_SWEEP_MS - 1);
		update(false, true, all + i, 1);
	}
	pass(IFTASK_SWEEP_MS);
	cr_assert_eq(w.added, 3u);
	cr_assert_eq(w.deleted, 0u);
	cr_assert_null(w.due);
	end();
}
