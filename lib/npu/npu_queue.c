/* SPDX-License-Identifier: MIT */
/*
 * The two queues between the worker and its caller: commands in, events out. A lock is held for a few
 * instructions per message; packets never come here. Called by npu.c (both threads).
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "npu/npu_int.h"

int npu_queue_cmd(struct npu *n, const struct npu_cmd *cmd)
{
	struct npu_cmd *c = malloc(sizeof(*c));
	uint64_t one = 1;
	ssize_t written;

	if (!c)
		return -ENOMEM;
	*c = *cmd;
	c->next = NULL;
	pthread_mutex_lock(&n->lock);
	*n->cmds_end = c;
	n->cmds_end = &c->next;
	pthread_mutex_unlock(&n->lock);
	written = write(n->wake_fd, &one, sizeof(one)); /* fails only when it is set already */
	(void)written;
	return 0;
}

struct npu_cmd *npu_queue_take(struct npu *n)
{
	struct npu_cmd *all;

	pthread_mutex_lock(&n->lock);
	all = n->cmds;
	n->cmds = NULL;
	n->cmds_end = &n->cmds;
	pthread_mutex_unlock(&n->lock);
	return all;
}

void npu_queue_event(struct npu *n, const struct npu_event *event, bool must)
{
	struct npu_event *e;
	bool first;

	if (!must && n->n_events >= NPU_EVENTS_MAX) /* unlocked: a hint is enough */
		return;
	e = malloc(sizeof(*e));
	if (!e) {
		if (must)
			abort(); /* a lost batch or mark would hang the SA for ever; the card restarts us */
		return;
	}
	*e = *event;
	e->next = NULL;
	pthread_mutex_lock(&n->lock);
	first = !n->events;
	*n->events_end = e;
	n->events_end = &e->next;
	n->n_events++;
	pthread_mutex_unlock(&n->lock);
	if (first && n->cfg.notify)
		n->cfg.notify(n->cfg.arg);
}

struct npu_event *npu_event_next(struct npu *n)
{
	struct npu_event *e;

	pthread_mutex_lock(&n->lock);
	e = n->events;
	if (e) {
		n->events = e->next;
		if (!n->events)
			n->events_end = &n->events;
		n->n_events--;
	}
	pthread_mutex_unlock(&n->lock);
	return e;
}
