/* SPDX-License-Identifier: MIT */
/*
 * ESP engine throughput: Mbit/s of inner packets per CPU second, by suite, direction and packet size, as JSON
 * lines. The CPU time is the process's own (getrusage), so a busy machine does not change it much. Argument:
 * CPU seconds per row (default 0.3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "esp/esp.h"

#define BATCH 256

static const struct {
	uint16_t encr, bits, integ;
} suites[] = {
        {ESP_ENCR_AES_CBC, 128, ESP_INTEG_SHA1_96},    {ESP_ENCR_AES_CBC, 256, ESP_INTEG_SHA1_96},
        {ESP_ENCR_AES_CBC, 128, ESP_INTEG_SHA256_128}, {ESP_ENCR_AES_CBC, 256, ESP_INTEG_SHA256_128},
        {ESP_ENCR_AES_GCM_16, 128, ESP_INTEG_NONE},    {ESP_ENCR_AES_GCM_16, 256, ESP_INTEG_NONE},
        {ESP_ENCR_NULL, 0, ESP_INTEG_SHA1_96},
};
static const size_t sizes[] = {64, 256, 576, 1400};
static uint8_t bufs[BATCH][ESP_HEADROOM + 1500 + ESP_TAILROOM];
static struct esp_pkt pkts[BATCH];

static double cpu_now(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6 + (double)u.ru_stime.tv_sec +
	       (double)u.ru_stime.tv_usec / 1e6;
}

static struct esp_sa *make(size_t s, uint32_t spi)
{
	static uint8_t keys[128];
	struct net_prefix any;
	struct esp_sa_params p;
	struct esp_ts ts;
	struct esp_sa *sa;
	int err;

	net_prefix_parse(&any, "0.0.0.0/0");
	ts = esp_inner_ts_prefix(&any);
	p = (struct esp_sa_params){
	        .spi_in = spi,
	        .spi_out = spi,
	        .encr = suites[s].encr,
	        .encr_bits = suites[s].bits,
	        .integ = suites[s].integ,
	        .encr_key_in = keys,
	        .encr_key_out = keys,
	        .integ_key_in = keys,
	        .integ_key_out = keys,
	        .encr_key_len = (size_t)esp_alg_encr_key_len(suites[s].encr, suites[s].bits),
	        .integ_key_len = (size_t)esp_alg_integ_key_len(suites[s].integ),
	        .replay_window = 64,
	        .ts_local = &ts,
	        .ts_remote = &ts,
	        .n_local = 1,
	        .n_remote = 1,
	        .seq_limit = 1ULL << 32,
	};
	sa = esp_sa_new(&p, &err);
	if (!sa) {
		fprintf(stderr, "bench_esp: suite %zu: %d\n", s, err);
		exit(1);
	}
	return sa;
}

static void fill(size_t len)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		uint8_t *d = bufs[i] + ESP_HEADROOM;

		pkts[i] = (struct esp_pkt){.data = d,
		                           .len = len,
		                           .headroom = ESP_HEADROOM,
		                           .tailroom = sizeof(bufs[i]) - ESP_HEADROOM - len};
		memset(d, 0, 20);
		d[0] = 0x45;
		d[2] = (uint8_t)(len >> 8);
		d[3] = (uint8_t)len;
		d[9] = 17;
	}
}

static void row(size_t s, size_t len, double seconds)
{
	struct esp_sa *tx = make(s, 0x01000001);
	struct esp_sa *rx = make(s, 0x01000001);
	double seal = 0;
	double open = 0;
	unsigned long n = 0;

	while (seal < seconds || open < seconds) {
		double t0;
		double t1;
		int i;

		fill(len);
		t0 = cpu_now();
		for (i = 0; i < BATCH; i++)
			if (esp_seal(tx, &pkts[i], 0))
				abort();
		t1 = cpu_now();
		for (i = 0; i < BATCH; i++)
			if (esp_open(rx, &pkts[i], 0))
				abort();
		seal += t1 - t0;
		open += cpu_now() - t1;
		n += BATCH;
	}
	printf("{\"bench\":\"esp\",\"encr\":\"%s\",\"integ\":\"%s\",\"bytes\":%zu,\"packets\":%lu,"
	       "\"seal_mbit_per_cpu_s\":%.0f,\"open_mbit_per_cpu_s\":%.0f,\"seal_us\":%.3f,\"open_us\":%.3f}"
	       "\n",
	       esp_alg_encr_name(suites[s].encr, suites[s].bits), esp_alg_integ_name(suites[s].integ), len, n,
	       (double)n * (double)len * 8 / seal / 1e6, (double)n * (double)len * 8 / open / 1e6,
	       seal / (double)n * 1e6, open / (double)n * 1e6);
	fflush(stdout);
	esp_sa_free(tx);
	esp_sa_free(rx);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.3;
	size_t s;
	size_t i;

	for (s = 0; s < sizeof(suites) / sizeof(suites[0]); s++)
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			row(s, sizes[i], seconds);
	return 0;
}
