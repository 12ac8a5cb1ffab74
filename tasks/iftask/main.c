/* SPDX-License-Identifier: MIT */
/*
 * iftask: the data path of one processing card. Table of contents: which messages it takes, and its life: the
 * worker thread is started at activation with nothing in it; the ipsecmgrs of the card hear that we are ready
 * and push their SAs.
 */
#include "tasks/iftask/iftask.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "punt/punt.h"

#define PING_MS 1000

struct iftask iftask;

static void worker_says(uv_async_t *h)
{
	(void)h;
	iftask_mark_events(&iftask);
}

static void wake_loop(void *arg)
{
	uv_async_send(arg);
}

/* A worker that hangs must not look alive because this thread is; one that does not get to run does not hang.
 */
static bool hangs(struct iftask *f, int tid)
{
	const uint64_t limit = IFTASK_STALL_SEC * US_PER_SEC;

	if (silence_watch(&f->silence, tid, clock_now_us(), PING_MS * US_PER_MS, limit))
		return true;
	if (silence_excused(&f->silence, limit))
		LOG(EV_STARVED, "crypto core 0 is silent for %llu ms, but for %llu ms it waited for a CPU",
		    (unsigned long long)f->silence.whole_us / US_PER_MS,
		    (unsigned long long)(f->silence.whole_us - f->silence.ours_us) / US_PER_MS);
	return false;
}

static void ping(struct task *t, void *arg)
{
	struct iftask *f = arg;
	const struct npu_stats *s = npu_stats(f->npu);
	uint64_t beat = s->beat;

	rate_note(&f->core, clock_now_us(), iftask_user_us(s), s->sys_us);
	if (beat != f->beat)
		silence_end(&f->silence, clock_now_us());
	f->beat = beat;
	if (hangs(f, s->tid)) {
		LOG(EV_TASK_FATAL, "crypto core 0 does not answer");
		task_exit(t, 1);
	}
	npu_ping(f->npu);
}

static int activate(struct task *t, const char *reason)
{
	struct iftask *f = &iftask;
	struct npu_config cfg = {.punt_path = task_run_path(t, "%s", PUNT_PATH),
	                         .seed = random_u64(),
	                         .notify = wake_loop,
	                         .arg = &f->async};
	int err;

	f->t = t;
	f->ckpt = ckpt_new(t);
	f->store = store_open_reader(t->state_dir, STORE_STATE);
	if (!f->ckpt || !f->store)
		return -ENOMEM;
	f->counters = counters_create(t->run_dir, t->card, "iftask", t->instance, 4);
	if (f->counters)
		f->esp = counters_add(f->counters, &counters_schema_esp, "");
	else
		LOG(EV_SYSCALL, "no counters: %s", strerror(errno));
	cfg.counters = f->esp;
	uv_async_init(t->loop, &f->async, worker_says);
	f->npu = npu_new(&cfg, &err);
	if (!f->npu) {
		LOG(EV_TASK_FATAL, "cannot start the crypto core: %s", strerror(-err));
		return err;
	}
	f->ping = task_timer_start(t, PING_MS, PING_MS, ping, f);
	silence_end(&f->silence, clock_now_us());
	task_watch_peers(t, "ipsecmgr", iftask_bind_peer, f);
	task_ready(t, 0);
	return 0;
}

/* Keys do not outlive us in memory. */
static void stop(struct task *t)
{
	struct iftask *f = &iftask;

	npu_free(f->npu);
	f->npu = NULL;
	counters_close(f->counters, true);
	f->counters = NULL;
}

static const struct task_route routes[] = {
        {ENVELOPE__BODY_SA_UPDATE, "ipsecmgr",
         "SAs to add, delete or move; answered when the worker has them", iftask_sa_update},
        {ENVELOPE__BODY_SERVICE_BIND, "ipsecmgr", "the service addresses an instance wants sockets on",
         iftask_bind},
        {ENVELOPE__BODY_TASK_LEFT, "card",
         "an ipsecmgr of this card was stopped: its SAs and sockets are let go", iftask_bind_left},
        {ENVELOPE__BODY_SHOW, "*", "the data path, its SAs and counters as JSON", iftask_show},
};

static const struct task_ops ops = {
        .facility = "iftask",
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(routes[0]),
        .activate = activate,
        .stop = stop,
};

int main(int argc, char **argv)
{
	return task_main(argc, argv, &ops);
}
