/* SPDX-License-Identifier: MIT */
/*
 * The interactive shell on libedit: prompt, history, `?` and TAB at any point of the line, the pager,
 * questions. The terminal belongs to the operator's own shell; the `orrery cli` command passes its signals
 * on.
 */
#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli_task.h"

#define HISTORY_SIZE 200

static struct sh *the_sh;
static EditLine *the_el;

static int write_tty(struct cli_out *out, const char *text, size_t len)
{
	(void)out;
	return fwrite(text, 1, len, stdout) == len ? 0 : -1;
}

static char *prompt(EditLine *el)
{
	static char buf[2 * CLI_NAME_LEN];

	(void)el;
	return (char *)cli_session_prompt(&the_sh->s, buf, sizeof(buf));
}

/* The line as typed up to the cursor. */
static char *line_so_far(EditLine *el, char *buf, size_t size)
{
	const LineInfo *li = el_line(el);
	size_t n = (size_t)(li->cursor - li->buffer);

	snprintf(buf, size, "%.*s", (int)(n < size ? n : size - 1), li->buffer);
	return buf;
}

static unsigned char help_key(EditLine *el, int ch)
{
	char line[CLI_LINE_MAX];

	(void)ch;
	cfgview_refresh(the_sh->view);
	fputs("?\n", stdout);
	cli_help_show(&the_sh->s, line_so_far(el, line, sizeof(line)), &the_sh->sink);
	fflush(stdout);
	return CC_REDISPLAY;
}

/* --- TAB
 * ------------------------------------------------------------------------------------------------------ */

struct completion {
	char common[256];
	unsigned n;
	char words[64][80];
};

static void each_word(void *arg, const char *word)
{
	struct completion *c = arg;
	size_t k = 0;

	if (c->n < 64)
		snprintf(c->words[c->n], sizeof(c->words[0]), "%s", word);
	if (c->n++ == 0) {
		snprintf(c->common, sizeof(c->common), "%s", word);
		return;
	}
	while (c->common[k] && c->common[k] == word[k])
		k++;
	c->common[k] = 0;
}

static unsigned char tab_key(EditLine *el, int ch)
{
	struct completion c = {.n = 0};
	char line[CLI_LINE_MAX];
	size_t start = 0, typed;

	(void)ch;
	cfgview_refresh(the_sh->view);
	line_so_far(el, line, sizeof(line));
	if (cli_help_complete(&the_sh->s, line, &start, each_word, &c) < 1)
		return CC_REFRESH_BEEP;
	typed = strlen(line) - start;
	if (strlen(c.common) > typed || c.n == 1) {
		el_deletestr(el, (int)typed);
		el_insertstr(el, c.common);
		if (c.n == 1)
			el_insertstr(el, " ");
		return CC_REFRESH;
	}
	fputc('\n', stdout);
	for (unsigned i = 0; i < c.n && i < 64; i++)
		printf("%s%s", c.words[i], (i + 1) % 4 ? "  " : "\n");
	fputc('\n', stdout);
	fflush(stdout);
	return CC_REDISPLAY;
}

/* --- questions and pager
 * ---------------------------------------------------------------------------------------- */

bool sh_ask(struct sh *sh, const char *question, char *answer, size_t size)
{
	(void)sh;
	fputs(question, stdout);
	fflush(stdout);
	if (!fgets(answer, (int)size, stdin))
		return false;
	answer[strcspn(answer, "\r\n")] = 0;
	return true;
}

static int one_key(struct cli_tty *tty)
{
	struct termios saved, raw;
	unsigned char ch = 'q';

	(void)tty;
	fflush(stdout);
	if (tcgetattr(0, &saved) < 0)
		return 'q';
	raw = saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(0, TCSANOW, &raw);
	if (read(0, &ch, 1) != 1)
		ch = 'q';
	tcsetattr(0, TCSANOW, &saved);
	return ch;
}

struct cli_tty *sh_pager(struct sh *sh)
{
	static struct cli_tty tty = {.key = one_key};

	tty.rows = sh->s.length;
	return &tty;
}

static void terminal_size(struct sh *sh)
{
	struct winsize ws;

	if (ioctl(1, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 4) {
		sh->s.length = ws.ws_row;
		sh->s.width = ws.ws_col;
	}
}

/* --- the loop
 * ---------------------------------------------------------------------------------------------------- */

static void remember(struct sh *sh, const char *line)
{
	char **p = realloc(sh->history, (sh->n_history + 1) * sizeof(*p));

	if (!p)
		return;
	sh->history = p;
	p[sh->n_history++] = strdup(line);
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static EditLine *editor(struct sh *sh, History *h)
{
	EditLine *el = el_init("orrery", stdin, stdout, stderr);
	HistEvent ev;

	(void)sh;
	if (!el)
		return NULL;
	el_set(el, EL_PROMPT, prompt);
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_SIGNAL, 0);
	history(h, &ev, H_SETSIZE, HISTORY_SIZE);
	el_set(el, EL_HIST, history, h);
	el_set(el, EL_ADDFN, "orrery-help", "Help", help_key);
	el_set(el, EL_ADDFN, "orrery-complete", "Complete", tab_key);
	el_set(el, EL_BIND, "?", "orrery-help", NULL);
	el_set(el, EL_BIND, "^I", "orrery-complete", NULL);
	el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	return el;
}

void sh_interactive(struct sh *sh)
{
	struct sigaction sa = {.sa_handler = on_interrupt};
	History *h = history_init();
	const char *line;
	HistEvent ev;
	bool go = true;
	int n;

	the_sh = sh;
	sh->sink.write = write_tty;
	terminal_size(sh);
	sigaction(SIGINT, &sa, NULL);
	the_el = editor(sh, h);
	if (!the_el)
		return;
	sh_line(sh, "");
	while (go) {
		interrupted = 0;
		line = el_gets(the_el, &n);
		if (!line || n <= 0) {
			if (!interrupted)
				break; /* end of input */
			fputs("^C\n", stdout);
			el_reset(the_el);
			continue;
		}
		char copy[CLI_LINE_MAX];

		snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(line, "\r\n"), line);
		if (copy[strspn(copy, " \t")]) {
			history(h, &ev, H_ENTER, copy);
			remember(sh, copy);
		}
		go = sh_line(sh, copy);
		fflush(stdout);
	}
	el_end(the_el);
	history_end(h);
}
