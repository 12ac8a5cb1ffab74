/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes what people write for the drill runner: drill files, lab files, and the matcher with patterns and
 * output from the same input (split at the first NUL).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "drill/drill.h"
#include "lab/lab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match_all(const struct drill *d, const char *output)
{
	struct drill_vars vars = {0};
	char err[256];

	for (unsigned i = 0; i < d->nsteps && i < 4; i++) {
		const struct drill_step *s = &d->steps[i];
		char *text = drill_expand(s->text, &vars, err, sizeof(err));

		free(text);
		if (s->nexpect)
			drill_match(s->expect, s->nexpect, output, &vars, err, sizeof(err));
	}
	drill_vars_clear(&vars);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t first = nul ? (size_t)(nul - data) : size;
	struct drill_figures f = {.gap_us = -1};
	char *output, err[256];
	struct drill *d;

	if (size > 8192)
		return 0;
	output = calloc(1, size + 1);
	if (!output)
		return 0;
	if (nul)
		memcpy(output, nul + 1, size - first - 1);
	d = drill_parse("f", (const char *)data, first, err, sizeof(err));
	if (d)
		match_all(d, output);
	drill_free(d);
	lab_free(lab_parse("f", (const char *)data, size, err, sizeof(err)));
	drill_probe_figures((const char *)data, size, 1, 1000000, 1000, &f);
	free(output);
	return 0;
}
