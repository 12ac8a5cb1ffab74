/* SPDX-License-Identifier: MIT */
/*
 * `orrery doc`: the reference manuals, printed from the tables that the programs run by. docs/generate writes
 * them to docs/reference/.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "base/log.h"
#include "chassis/card_life.h"
#include "cli/engine/cli.h"
#include "cmd/cmd.h"
#include "ike/ike.h"
#include "initiator/initiator.h"

static int write_stdout(struct cli_out *out, const char *text, size_t len)
{
	return fwrite(text, 1, len, stdout) == len ? 0 : -1;
}

static int doc_commands(void)
{
	struct cli_out out = {.write = write_stdout};
	char dir[CMD_PATH_MAX], self[CMD_PATH_MAX], err[512];
	struct cli_grammar *g;
	int rc;

	if (paths_self(self))
		return cmd_fail("this program's own path is unknown");
	g = cli_grammar_load(cli_grammar_dir(self, dir, sizeof(dir)), err, sizeof(err));
	if (!g)
		return cmd_fail("%s", err);
	rc = cli_doc_write(g, &out);
	cli_grammar_free(g);
	return rc ? cmd_fail("cannot write") : CMD_OK;
}

static int doc_counters(void)
{
	counters_doc(stdout);
	return CMD_OK;
}

static int doc_events(void)
{
	log_doc(stdout);
	return CMD_OK;
}

static int doc_fsm(void)
{
	char *text = ike_fsm_doc();

	if (!text)
		return cmd_fail("no memory");
	fputs(text, stdout);
	free(text);
	card_life_doc(stdout);
	initiator_doc(stdout);
	return CMD_OK;
}

int doc_main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*print)(void);
	} docs[] = {{"commands", doc_commands},
	            {"counters", doc_counters},
	            {"events", doc_events},
	            {"fsm", doc_fsm}};

	for (size_t i = 0; argc == 2 && i < sizeof(docs) / sizeof(docs[0]); i++) {
		if (!strcmp(argv[1], docs[i].name))
			return docs[i].print();
	}
	return cmd_misused("doc", "which manual?");
}
