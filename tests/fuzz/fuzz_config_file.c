/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the loading of a configuration file as sct does it, secrets sealed: into an empty chassis, and over
 * a configuration that is there already (boot, configure URL). Whatever the file is: each refused line has a
 * number and a reason, "stop at the first" loads no more than "go on", what is shown loads back without a
 * failure to the same tree, and the difference of the two trees, carried out, leads from one to the other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cfg/cfg.h"
#include "cli/engine/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cli_grammar *g;
static char *text; /* of the input */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

/* A sealing that can be seen through: what counts is that clear text never gets into the tree. */
static int seal(void *arg, const char *clear, char *out, size_t len)
{
	size_t at = 0;

	for (; *clear && at + 3 < len; clear++)
		at += (size_t)snprintf(out + at, len - at, "%02x", (unsigned char)*clear);
	return *clear ? -1 : 0;
}

static int unseal(void *arg, const char *sealed, char *out, size_t len)
{
	size_t n = strlen(sealed) / 2;
	unsigned v;

	if (strlen(sealed) % 2 || n >= len)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (sscanf(sealed + 2 * i, "%2x", &v) != 1 || !v)
			return -1;
		out[i] = (char)v;
	}
	out[n] = 0;
	return 0;
}

static const struct cli_hooks hooks = {.seal = seal, .unseal = unseal};

struct told {
	unsigned n, last;
};

static void report(void *arg, unsigned line, const char *what, const char *error)
{
	struct told *t = arg;

	must(line >= t->last, "lines are told in order");
	must(!strncmp(error, "Failure: ", 9) && error[9], "a reason");
	t->last = line;
	t->n++;
}

static struct cfg_tree *load(const struct cfg_tree *over, bool stop, struct told *told)
{
	struct cfg_tree *t = over ? cfg_dup(over) : cfg_new(g);
	int rc = cli_load_text_until(t, &hooks, text, stop, report, told);

	must(rc >= 0 && (unsigned)rc == told->n, "the number of refused lines");
	must(!stop || told->n <= 1, "stopped at the first");
	return t;
}

static int carry_out(void *arg, const struct cfg_edit *e)
{
	must(cfg_apply(arg, e) >= 0, "a difference can be carried out");
	return 0;
}

static void same_after_diff(const struct cfg_tree *from, const struct cfg_tree *to)
{
	struct cfg_tree *t = cfg_dup(from);

	cfg_diff(from, to, carry_out, t);
	must(cfg_equal(t, to), "the difference leads there");
	cfg_free(t);
}

static void shown_loads_back(const struct cfg_tree *t)
{
	struct cfg_tree *back = cfg_new(g);
	struct cli_out_buf buf;

	cli_out_buf_init(&buf);
	must(cfg_show(t, NULL, &buf.out) == 0, "show configuration");
	must(cli_load_text(back, &hooks, buf.text, NULL, NULL) == 0, "what is shown loads");
	must(cfg_equal(t, back), "show, load: the same tree");
	cli_out_buf_free(&buf);
	cfg_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cfg_tree *there;
	struct told a = {0}, b = {0}, c = {0};
	char err[512];

	if (!g) {
		g = cli_grammar_load("cli/grammar", err, sizeof(err));
		must(g != NULL, err);
		there = cfg_new(g);
		cli_load_text(
		        there, &hooks,
		        "config\ncontext wsg\nip access-list a\npermit ip any any\ndeny tcp any any\n#exit\n"
		        "interface i1\nip address 192.0.2.1 255.255.255.0\n#exit\n#exit\nend\n",
		        NULL, NULL);
	}
	if (memchr(data, 0, size))
		return 0; /* refused before it is read as text */
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = 0;

	struct cfg_tree *fresh = load(NULL, false, &a), *over = load(there, false, &b),
	                *stopped = load(NULL, true, &c);

	must(stopped->count <= fresh->count || c.n, "stopping changes nothing in a file without failures");
	shown_loads_back(fresh);
	shown_loads_back(over);
	same_after_diff(there, over);
	same_after_diff(fresh, there);
	cfg_check_refs(over, NULL, NULL);
	cfg_free(fresh);
	cfg_free(over);
	cfg_free(stopped);
	free(text);
	return 0;
}
