/* SPDX-License-Identifier: MIT */
/* Levels with hysteresis, an average over a window, and back-off: see usage.h. */
#include "task/usage.h"

static unsigned move(bool *on, bool rise, bool fall, unsigned up, unsigned down)
{
	if (!*on && rise) {
		*on = true;
		return up;
	}
	if (*on && fall) {
		*on = false;
		return down;
	}
	return 0;
}

unsigned usage_judge(struct usage_level *l, uint64_t used, uint64_t allocated)
{
	uint64_t percent = allocated ? used * 100 / allocated : 0;
	bool over = allocated && used > allocated * USAGE_OVER_PERCENT / 100;

	return move(&l->warn, percent >= USAGE_WARN_PERCENT, percent < USAGE_WARN_CLEAR_PERCENT,
	            USAGE_EV_WARN, USAGE_EV_WARN_CLEAR) |
	       move(&l->over, over, percent < USAGE_OVER_CLEAR_PERCENT, USAGE_EV_OVER, USAGE_EV_OVER_CLEAR);
}

const char *usage_word(const struct usage_level *a, const struct usage_level *b)
{
	return a->over || b->over ? "over" : (a->warn || b->warn ? "warn" : "good");
}

/* The ring holds one sample more than the window: differences are between samples. */
void usage_cpu_sample(struct usage_cpu *c, uint64_t now_us, uint64_t used_us)
{
	unsigned i = c->n++ % (USAGE_WINDOW + 1);

	c->at[i] = now_us;
	c->used[i] = used_us;
}

/* A task at rest is looked at less often: reading what it uses would be most of what it costs. */
uint64_t usage_due_us(const struct usage_cpu *c, uint64_t memory, uint64_t was)
{
	unsigned size = USAGE_WINDOW + 1, last = (c->n + size - 1) % size, before = (c->n + size - 2) % size;
	bool rest = c->n > size && c->used[last] == c->used[before] && memory == was;

	return c->at[last] + (rest ? USAGE_REST_US : USAGE_SAMPLE_US);
}

double usage_cpu_permille(const struct usage_cpu *c)
{
	unsigned size = USAGE_WINDOW + 1, last = (c->n + size - 1) % size,
	         first = c->n > size ? c->n % size : 0;

	if (c->n < 2 || c->at[last] <= c->at[first])
		return 0;
	return 1000.0 * (double)(c->used[last] - c->used[first]) / (double)(c->at[last] - c->at[first]);
}

struct restart_verdict restart_crashed(struct restart_policy *r, unsigned first_ms, unsigned max_ms,
                                       uint64_t now_us)
{
	const unsigned size = sizeof(r->crashes) / sizeof(r->crashes[0]);
	struct restart_verdict v = {0};
	unsigned recent = 0, over;

	r->crashes[r->n++ % size] = now_us;
	for (unsigned i = 0; i < r->n && i < size; i++)
		recent += now_us - r->crashes[i] < RESTART_WINDOW_US;
	v.escalate = recent == RESTART_ESCALATE;
	if (recent <= RESTART_FREE)
		return v;
	over = recent - RESTART_FREE - 1;
	v.delay_ms = (uint64_t)first_ms << (over < 8 ? over : 8);
	if (v.delay_ms > max_ms)
		v.delay_ms = max_ms;
	return v;
}
