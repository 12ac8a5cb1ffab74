/* SPDX-License-Identifier: MIT */
/*
 * The interactive shell on libedit: prompt, history, `?` and TAB at any point of the line, the pager,
 * questions. The terminal belongs to the operator's own shell; the `orrery cli` command passes its signals
 * on.
 */
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <pthread.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli_task.h"

static struct sh *the_sh;
static EditLine *the_el;
static volatile sig_atomic_t interrupted, resized;
static int wake[2] = {-1, -1}; /* a byte for each signal */

/* Ctrl-C ends what a command is printing. */
static int write_tty(struct cli_out *out, const char *text, size_t len)
{
	(void)out;
	return !interrupted && fwrite(text, 1, len, stdout) == len ? 0 : -EPIPE;
}

static char *prompt(EditLine *el)
{
	static char buf[2 * CLI_NAME_LEN];

	(void)el;
	if (cli_join_open(&the_sh->join))
		return (char *)"> ";
	return (char *)cli_session_prompt(&the_sh->s, buf, sizeof(buf));
}

/* The line as typed up to the cursor, with what it continues. */
static char *line_so_far(EditLine *el, char *buf, size_t size)
{
	const LineInfo *li = el_line(el);
	size_t n = (size_t)(li->cursor - li->buffer);

	snprintf(buf, size, "%s%.*s", cli_join_open(&the_sh->join) ? the_sh->join.text : "",
	         (int)(n < size ? n : size - 1), li->buffer);
	return buf;
}

/* Is the cursor inside a quoted text? */
static bool in_quotes(const char *line)
{
	bool quote = false;

	for (; *line; line++)
		if (*line == '\\' && quote && line[1])
			line++;
		else
			quote ^= *line == '"';
	return quote;
}

static unsigned char help_key(EditLine *el, int ch)
{
	char line[CLI_LINE_MAX];

	(void)ch;
	if (in_quotes(line_so_far(el, line, sizeof(line)))) {
		el_insertstr(el, "?");
		return CC_REFRESH;
	}
	cfgview_refresh(the_sh->view);
	fputs("?\n", stdout);
	cli_help_show(&the_sh->s, line, &the_sh->sink);
	fflush(stdout);
	return CC_REDISPLAY;
}

static void drop_line(EditLine *el)
{
	const LineInfo *li = el_line(el);

	el_cursor(el, (int)(li->lastchar - li->cursor));
	li = el_line(el);
	el_deletestr(el, (int)(li->lastchar - li->buffer));
	cli_join_clear(&the_sh->join);
}

/* Ctrl-C: what was typed is forgotten, and a new prompt stands on the next line. */
static unsigned char cancel_key(EditLine *el, int ch)
{
	(void)ch;
	drop_line(el);
	fputs("^C\n", stdout);
	fflush(stdout);
	return CC_REDISPLAY;
}

/* Ctrl-Z: back to Exec mode, as `end`; a half-typed line is not carried out. */
static unsigned char end_key(EditLine *el, int ch)
{
	(void)ch;
	if (!the_sh->s.depth)
		return CC_REFRESH_BEEP;
	drop_line(el);
	fputs("^Z\n", stdout);
	fflush(stdout);
	cli_session_end(&the_sh->s);
	return CC_REDISPLAY;
}

/* --- TAB
 * ------------------------------------------------------------------------------------------------------ */

#define WORDS_SHOWN 400

struct completion {
	char common[CLI_NAME_LEN];
	unsigned n;
	size_t widest;
	char words[WORDS_SHOWN][CLI_NAME_LEN];
};

static void each_word(void *arg, const char *word)
{
	struct completion *c = arg;
	size_t k = 0, len = strlen(word);

	if (c->n < WORDS_SHOWN) {
		snprintf(c->words[c->n], sizeof(c->words[0]), "%s", word);
		c->widest = len > c->widest ? len : c->widest;
	}
	if (c->n++ == 0) {
		snprintf(c->common, sizeof(c->common), "%s", word);
		return;
	}
	while (c->common[k] && c->common[k] == word[k])
		k++;
	c->common[k] = 0;
}

/* In columns, as many as the terminal has room for. */
static void print_words(const struct completion *c)
{
	size_t per_line = the_sh->s.width / (c->widest + 2);
	unsigned shown = c->n < WORDS_SHOWN ? c->n : WORDS_SHOWN;

	per_line = per_line ? per_line : 1;
	fputc('\n', stdout);
	for (unsigned i = 0; i < shown; i++) {
		bool last = (i + 1) % per_line == 0 || i + 1 == shown;

		printf("%-*s%s", last ? 0 : (int)c->widest + 2, c->words[i], last ? "\n" : "");
	}
	if (c->n > shown)
		printf("and %u more\n", c->n - shown);
	fflush(stdout);
}

/* What stands for a word that is not finished yet: a directory, whose files may follow. */
static bool goes_on(const char *word)
{
	size_t n = strlen(word);

	return n && word[n - 1] == '/';
}

static unsigned char complete(EditLine *el, struct completion *c)
{
	char line[CLI_LINE_MAX];
	size_t start = 0, typed;

	line_so_far(el, line, sizeof(line));
	if (cli_help_complete(&the_sh->s, line, &start, each_word, c) < 1)
		return CC_REFRESH_BEEP;
	typed = strlen(line) - start;
	if (strlen(c->common) > typed || c->n == 1) {
		el_deletestr(el, (int)typed);
		el_insertstr(el, c->common);
		if (c->n == 1 && !goes_on(c->common))
			el_insertstr(el, " ");
		return CC_REFRESH;
	}
	print_words(c);
	return CC_REDISPLAY;
}

static unsigned char tab_key(EditLine *el, int ch)
{
	struct completion *c = calloc(1, sizeof(*c));
	unsigned char what;

	(void)ch;
	if (!c)
		return CC_REFRESH_BEEP;
	cfgview_refresh(the_sh->view);
	what = complete(el, c);
	free(c);
	return what;
}

/* --- questions and pager
 * ---------------------------------------------------------------------------------------- */

bool sh_readable(int fd)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = wake[0], .events = POLLIN}};
	char drain[64];

	while (!interrupted) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return true;
		if (p[1].revents)
			while (read(wake[0], drain, sizeof(drain)) > 0)
				;
		if (!interrupted && p[0].revents)
			return true;
	}
	return false;
}

bool sh_ask(struct sh *sh, const char *question, char *answer, size_t size)
{
	char line[CLI_LINE_MAX];
	ssize_t n;

	(void)sh;
	fputs(question, stdout);
	fflush(stdout);
	do {
		n = sh_readable(0) ? read(0, line, sizeof(line) - 1) : 0;
		if (n <= 0)
			return false;
		line[n] = 0;
	} while (line[n - 1] != '\n' && (size_t)n == sizeof(line) - 1);
	snprintf(answer, size, "%.*s", (int)strcspn(line, "\r\n"), line);
	return true;
}

static int one_key(struct cli_tty *tty)
{
	struct termios saved, raw;
	unsigned char ch = 'q';

	(void)tty;
	if (tcgetattr(0, &saved) < 0)
		return 'q';
	raw = saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(0, TCSANOW, &raw);
	/* only now: a key typed as soon as the question stands there must not be echoed */
	fflush(stdout);
	if (!sh_readable(0) || read(0, &ch, 1) != 1)
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

	if (ioctl(1, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 4 && ws.ws_col > 4) {
		sh->s.length = ws.ws_row;
		sh->s.width = ws.ws_col;
	}
}

/* The window has another size now. What the operator said about the length stands. */
static void window_changed(struct sh *sh)
{
	uint32_t length = sh->s.length;
	bool told = length != sh->window_length;

	resized = 0;
	terminal_size(sh);
	sh->window_length = sh->s.length;
	if (told)
		sh->s.length = length;
	el_resize(the_el);
}

/* --- the loop
 * ---------------------------------------------------------------------------------------------------- */

static void remember(struct sh *sh, const char *line)
{
	char shown[CLI_LINE_MAX];

	cli_line_redact(&sh->s, line, shown, sizeof(shown));
	if (sh->n_history == SH_HISTORY_MAX) {
		free(sh->history[0]);
		memmove(sh->history, sh->history + 1, (SH_HISTORY_MAX - 1) * sizeof(*sh->history));
		sh->n_history--;
		sh->history_dropped++;
	}
	sh->history[sh->n_history] = strdup(shown);
	sh->n_history += sh->history[sh->n_history] != NULL;
}

void sh_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(how, &set, NULL);
}

static void on_signal(int sig)
{
	int saved = errno;

	if (sig == SIGINT)
		interrupted = 1;
	else
		resized = 1;
	(void)!write(wake[1], "", 1);
	errno = saved;
}

bool sh_take_interrupt(void)
{
	bool was = interrupted;

	interrupted = 0;
	return was;
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
	/* Ctrl-C and Ctrl-Z are keys of the editor; while a command runs, Ctrl-C is a signal and Ctrl-Z
	 * nothing. */
	el_set(el, EL_SETTY, "-d", "-isig", NULL);
	/* noflsh: a prompt printed in that moment must not be lost with what is flushed */
	el_set(el, EL_SETTY, "-x", "noflsh", "susp=", NULL);
	history(h, &ev, H_SETSIZE, SH_HISTORY_MAX);
	el_set(el, EL_HIST, history, h);
	el_set(el, EL_ADDFN, "orrery-help", "Help", help_key);
	el_set(el, EL_ADDFN, "orrery-complete", "Complete", tab_key);
	el_set(el, EL_ADDFN, "orrery-cancel", "Forget the line", cancel_key);
	el_set(el, EL_ADDFN, "orrery-end", "Leave configuration mode", end_key);
	el_set(el, EL_BIND, "?", "orrery-help", NULL);
	el_set(el, EL_BIND, "^C", "orrery-cancel", NULL);
	el_set(el, EL_BIND, "^Z", "orrery-end", NULL);
	el_set(el, EL_BIND, "^W", "ed-delete-prev-word", NULL);
	el_set(el, EL_BIND, "^I", "orrery-complete", NULL);
	el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	return el;
}

static void catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		wake[0] = wake[1] = -1;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGWINCH, &sa, NULL);
	signal(SIGTSTP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	sh_signals(SIG_UNBLOCK);
}

/* One line into copy. false: end of input. */
static bool read_line(struct sh *sh, char *copy, size_t size)
{
	const char *line;
	int n;

	do {
		if (resized)
			window_changed(sh);
		/* before the prompt: a key typed as soon as it stands there is the editor's */
		el_set(the_el, EL_PREP_TERM, 1);
		interrupted = 0;
		line = el_gets(the_el, &n);
	} while ((!line || n <= 0) && (interrupted || resized));
	interrupted = 0;
	if (!line || n <= 0)
		return false;
	n = (int)strcspn(line, "\r\n");
	snprintf(copy, size, "%.*s", n, line);
	if ((size_t)n >= size) {
		sh_fail(sh, "The line is longer than %zu characters", size - 1);
		copy[0] = 0;
	}
	return true;
}

void sh_interactive(struct sh *sh)
{
	History *h = history_init();
	char copy[CLI_LINE_MAX];
	HistEvent ev;

	the_sh = sh;
	sh->sink.write = write_tty;
	terminal_size(sh);
	sh->window_length = sh->s.length;
	catch_signals();
	the_el = editor(sh, h);
	if (!the_el)
		return;
	sh_banner(sh);
	sh_line(sh, "");
	while (read_line(sh, copy, sizeof(copy))) {
		if (copy[strspn(copy, " \t")]) {
			history(h, &ev, H_ENTER, copy);
			remember(sh, copy);
		}
		if (!sh_line(sh, copy))
			break;
		if (interrupted) /* in the middle of a line, or of a question */
			fputc('\n', stdout);
		fflush(stdout);
	}
	explicit_bzero(copy, sizeof(copy));
	cli_join_clear(&sh->join);
	el_end(the_el);
	history_end(h);
}
