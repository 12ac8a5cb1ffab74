/* SPDX-License-Identifier: MIT */
/* Growth of counters by quarters of an hour: see srdb_quarters.h. A ring of sums, and the last totals of
 * every object. */
#include "srdb/srdb_quarters.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX   8
#define SAMPLE_LATE (60ULL * 1000000) /* the first sample comes within this of the boot */

struct quarters {
	const char *const *names;
	unsigned n;
	uint64_t from_us, first_us; /* boot; first sample, 0: none yet */
	json_t *last;               /* {key: {name: total}} */
	struct {
		uint64_t number, grown[NAMES_MAX];
	} ring[QUARTERS_MAX + 1];
};

struct quarters *quarters_new(const char *const *names, unsigned n, uint64_t from_us)
{
	struct quarters *q = n <= NAMES_MAX ? calloc(1, sizeof(*q)) : NULL;

	if (!q)
		return NULL;
	q->names = names;
	q->n = n;
	q->from_us = from_us;
	q->last = json_object();
	return q;
}

void quarters_free(struct quarters *q)
{
	if (q)
		json_decref(q->last);
	free(q);
}

static json_int_t total(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

void quarters_add(struct quarters *q, const char *key, uint64_t wall_us, const json_t *values)
{
	const json_t *was = json_object_get(q->last, key);
	uint64_t number = wall_us / QUARTERS_US, place = number % (QUARTERS_MAX + 1);
	bool from_zero;

	if (wall_us < q->from_us || !json_is_object(values))
		return; /* of another boot */
	q->first_us = q->first_us ? q->first_us : wall_us;
	if (q->ring[place].number != number) {
		memset(&q->ring[place], 0, sizeof(q->ring[place]));
		q->ring[place].number = number;
	}
	/* an object that is new began in this interval; those there are at the horizon did not */
	from_zero = q->first_us - q->from_us <= SAMPLE_LATE || wall_us > q->first_us;
	for (unsigned i = 0; i < q->n && (was || from_zero); i++) {
		json_int_t now = total(values, q->names[i]), before = total(was, q->names[i]);

		q->ring[place].grown[i] += (uint64_t)(now > before ? now - before : now < before ? now : 0);
	}
	json_object_set_new(q->last, key, json_deep_copy(values));
}

int quarters_get(const struct quarters *q, uint64_t now_us, unsigned i, uint64_t *end_us, uint64_t *grown)
{
	uint64_t number = now_us / QUARTERS_US, place;

	if (i >= QUARTERS_MAX || number < i + 1 || !q->first_us)
		return -1;
	number -= i + 1;
	if (number < q->first_us / QUARTERS_US)
		return -1;
	place = number % (QUARTERS_MAX + 1);
	*end_us = (number + 1) * QUARTERS_US;
	memset(grown, 0, q->n * sizeof(*grown));
	if (q->ring[place].number == number)
		memcpy(grown, q->ring[place].grown, q->n * sizeof(*grown));
	return 0;
}
