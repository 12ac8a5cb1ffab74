/* SPDX-License-Identifier: MIT */
/*
 * Benchmark: checkpoint rows per second through the store's writer, in batches of 1, 10 and 100 rows of 600
 * bytes, one commit per batch and with group commit of 512 rows; and the time to read an owner's rows back
 * (recovery). Prints one line per case.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/store.h"

#define BLOB 600
#define KEYS 20000

static uint64_t acks;

static void done(const struct store_result *res, void *arg)
{
	acks += res->error == 0;
}

static void run(const char *dir, unsigned batch_rows, bool group, unsigned total)
{
	int err;
	struct store_writer *w = store_open_writer(dir, STORE_STATE, NULL, &err);
	uint8_t blob[BLOB];
	uint64_t wall, cpu;
	const struct store_stats *st;

	if (!w) {
		fprintf(stderr, "bench_store: cannot open the store in %s: %s\n", dir, strerror(-err));
		exit(1);
	}
	random_bytes(blob, sizeof(blob));
	acks = 0;
	wall = clock_now_us();
	cpu = clock_cpu_us();
	for (unsigned i = 0; i < total; i += batch_rows) {
		struct store_batch *b = store_batch_new(w);

		for (unsigned j = 0; j < batch_rows; j++) {
			char key[24];
			struct store_ckpt row = {.kind = "ikesa",
			                         .key = key,
			                         .owner = "ipsecmgr/1",
			                         .blob = blob,
			                         .len = BLOB};

			snprintf(key, sizeof(key), "%08x", (i + j) * 2654435761U % KEYS);
			store_batch_ckpt(b, &row);
		}
		store_submit(w, b, 0, done, NULL);
		if (!group || store_pending_rows(w) >= 512)
			store_flush(w, 0);
	}
	store_flush(w, 0);
	wall = clock_now_us() - wall;
	cpu = clock_cpu_us() - cpu;
	st = store_writer_stats(w);
	printf("store: batches of %3u, %-22s %8.0f rows/s  %8.0f rows per CPU second  mean commit %5.0f us  "
	       "worst %6.1f ms%s\n",
	       batch_rows, group ? "group commit of 512:" : "a commit each:", total * 1e6 / (double)wall,
	       total * 1e6 / (double)cpu, (double)st->commit_us_total / (double)st->commits,
	       (double)st->commit_us_max / 1000, acks == total / batch_rows ? "" : "  LOST ACKS");
	store_close_writer(w);
}

static int count(const struct store_ckpt *row, void *arg)
{
	++*(unsigned *)arg;
	return 0;
}

int main(void)
{
	char dir[] = "/tmp/orrery-bench-XXXXXX", cmd[64];
	struct store_reader *r;
	unsigned n = 0;
	uint64_t t;

	if (!mkdtemp(dir))
		return 1;
	run(dir, 1, false, 20000);
	run(dir, 10, false, 100000);
	run(dir, 100, false, 200000);
	run(dir, 1, true, 200000);
	r = store_open_reader(dir, STORE_STATE);
	t = clock_now_us();
	store_ckpt_list(r, "ikesa", "ipsecmgr/1", count, &n);
	t = clock_now_us() - t;
	printf("store: read back %u rows of one owner: %.1f ms\n", n, (double)t / 1000);
	store_close_reader(r);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd) != 0;
}
