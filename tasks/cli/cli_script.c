/* SPDX-License-Identifier: MIT */
/* Scripted use: -c commands, or the lines of standard input (a file or a pipe). Nothing is asked and nothing
 * is paged. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_task.h"

#define LINE_MAX_BYTES (1u << 16)

static int write_error; /* the first */

/* Nobody reads any more: what is still to come from the script is not carried out unseen. */
static bool reader_gone(void)
{
	return ferror(stdout);
}

static void flush_stdout(void)
{
	if (fflush(stdout) != 0 && !write_error)
		write_error = errno;
}

/* Who stopped reading had enough; whose file or disk took no more has not got what he asked for. */
static void tell_lost(struct sh *sh)
{
	flush_stdout();
	if (!write_error || write_error == EPIPE)
		return;
	fprintf(stderr, "Failure: The output cannot be written: %s\n", strerror(write_error));
	sh->failures++;
}

static int write_stdout(struct cli_out *out, const char *text, size_t len)
{
	(void)out;
	if (fwrite(text, 1, len, stdout) == len && !reader_gone())
		return 0;
	write_error = write_error ? write_error : errno;
	return -EPIPE;
}

/* A line that is too long is refused as a whole, however long it is. */
static void too_long(struct sh *sh)
{
	int ch;

	while ((ch = getchar()) != EOF && ch != '\n')
		;
	printf("line %u: ", sh->line);
	sh_fail(sh, "The line is longer than %u characters", CLI_LINE_MAX - 1);
	sh->failures++;
}

static void lines(struct sh *sh)
{
	static char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof(line), stdin)) {
		size_t n = strlen(line);

		sh->line++;
		if (n && line[n - 1] != '\n' && !feof(stdin)) {
			too_long(sh);
			if (sh->stop_on_error)
				return;
			continue;
		}
		line[strcspn(line, "\r\n")] = 0;
		if (!sh_line(sh, line))
			return;
		flush_stdout();
		if (reader_gone())
			return;
	}
}

void sh_script(struct sh *sh)
{
	sh->sink.write = write_stdout;
	if (sh->n_commands) {
		for (unsigned i = 0; i < sh->n_commands; i++)
			if (!sh_line(sh, sh->commands[i]) || reader_gone())
				break;
	} else {
		lines(sh);
	}
	if (cli_join_open(&sh->join)) {
		sh_fail(sh, "The script ends in the middle of a line");
		sh->failures++;
	}
	cli_join_clear(&sh->join);
	sh_flush(sh);
	tell_lost(sh);
}
