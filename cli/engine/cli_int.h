/* SPDX-License-Identifier: MIT */
/*
 * Inside the CLI engine only: the compiled form of the grammar and the matcher. A pattern is kept twice: as a
 * tree (rendering, documentation) and as a position automaton (Glushkov: every word or variable of the
 * pattern is one state, "follow" says what may come next), so matching a line is one pass over its words with
 * a small set of live threads, one per row and position.
 */
#ifndef CLI_ENGINE_CLI_INT_H
#define CLI_ENGINE_CLI_INT_H

#include "cli/engine/cli.h"
#include "cfg/cfg.h"

/* --- memory that lives as long as the grammar --- */
struct cli_arena {
	struct cli_chunk *chunks;
	char *at, *end;
};

void *cli_arena_alloc(struct cli_arena *a, size_t n); /* zeroed; aborts without memory (start-up only) */
uint16_t *cli_arena_list(struct cli_arena *a, size_t n);
char *cli_arena_strndup(struct cli_arena *a, const char *s, size_t n);
char *cli_arena_strdup(struct cli_arena *a, const char *s);
void cli_arena_free(struct cli_arena *a);

/* --- patterns --- */
enum cli_node_kind { CLI_N_WORD, CLI_N_VAR, CLI_N_SEQ, CLI_N_ALT, CLI_N_OPT };

struct cli_node {
	enum cli_node_kind kind;
	const char *word; /* WORD */
	const char *help;
	struct cli_var *var; /* VAR */
	const char *label;   /* ALT: record the chosen branch's first word under this name */
	bool flag;           /* WORD: record it by its own name */
	bool plus;           /* ALT: several branches in any order, each once */
	unsigned repeat;     /* up to so many times; 1: once */
	struct cli_node **kid;
	unsigned nkid;
};

struct cli_pos {
	const char *word; /* or NULL: var */
	struct cli_var *var;
	const char *label; /* record word as label=word */
	const char *help;
	bool flag;
	bool last; /* the line may end here */
	uint16_t nfollow;
	uint16_t *follow;
};

enum cli_form_kind { CLI_FORM_SET, CLI_FORM_NO, CLI_FORM_DEFAULT };

struct cli_form {
	const struct cli_row *row;
	enum cli_form_kind kind;
	const struct cli_node *tree;
	struct cli_pos *pos;
	uint16_t npos;
	uint16_t *first;
	uint16_t nfirst;
	struct cli_form *next; /* all forms of the row */
};

/* Per mode: which forms start with which word. */
struct cli_entry {
	const char *word; /* NULL: a variable */
	const struct cli_form *form;
	uint16_t pos;
	unsigned order; /* as declared, to keep sorting stable */
};

struct cli_index {
	struct cli_entry *words; /* sorted, case-insensitive */
	unsigned nwords;
	struct cli_entry *vars;
	unsigned nvars;
};

struct cli_word_help {
	const char *word, *help;
};

struct cli_grammar {
	struct cli_arena arena;
	struct cli_mode **modes;
	unsigned nmodes;
	struct cli_enum **enums;
	unsigned nenums;
	struct cli_word_help *words; /* glossary, hashed */
	unsigned nwords, words_size;
};

#define CLI_POS_MAX 256
#define CLI_TOK_MAX 1200

/* The help of a word, or of a variable in its angle brackets; both strings are borrowed. The first one wins:
 * the glossary stands in the file that sorts first. No memory ends the program. */
void cli_words_add(struct cli_grammar *g, const char *word, const char *help);
/* Help of a word (close: "") or of a variable (word: its name, close: ">"). NULL: none. */
const char *cli_grammar_word_help(const struct cli_grammar *g, const char *word, const char *close);
const struct cli_enum *cli_grammar_enum(const struct cli_grammar *g, const char *name);

/* Parses a pattern; NULL with the reason in err. Words' help comes from the glossary (see cli_pattern_help).
 */
struct cli_node *cli_pattern_parse(struct cli_grammar *g, const char *text, char *err, size_t errlen);
/* The tree of the row's `no`/`default` form: verb, then the pattern cut after its key, or before its first
 * value. */
struct cli_node *cli_pattern_verb(struct cli_grammar *g, const struct cli_row *row, const char *verb);
int cli_pattern_compile(struct cli_grammar *g, struct cli_form *f, const struct cli_node *tree, char *err,
                        size_t errlen);
void cli_pattern_vars(struct cli_grammar *g, struct cli_row *row, const struct cli_node *tree);
int cli_pattern_index(struct cli_grammar *g, struct cli_mode *m, const struct cli_mode *common);
/* A pattern in plain StarOS notation (types left out). */
void cli_pattern_print(const struct cli_node *n, struct cli_out *out);
int cli_type_parse(struct cli_grammar *g, struct cli_var *v, const char *spec, char *err, size_t errlen);

/* --- words of a line --- */
struct cli_tok {
	const char *text;  /* unquoted, NUL-terminated */
	size_t start, end; /* in the line, quotes included */
	bool quoted;
};

struct cli_toks {
	struct cli_tok v[CLI_TOK_MAX];
	unsigned n;
	bool open_quote, too_many;
	char buf[CLI_LINE_MAX * 2];
	size_t used;
};

/* Splits line (len bytes). Returns 0, -E2BIG too long, -EINVAL an open quote. t is filled as far as it goes.
 */
int cli_token_split(struct cli_toks *t, const char *line, size_t len);

/* --- matching --- */
struct cli_hist {
	uint16_t pos, tok;
	int prev;
};

struct cli_thread {
	const struct cli_form *form;
	int hist;    /* -1: nothing matched yet */
	bool absorb; /* a CLI_LINE takes the rest */
};

enum cli_status { CLI_M_OK, CLI_M_UNKNOWN, CLI_M_AMBIGUOUS, CLI_M_VALUE };

#define CLI_SEALED_MAX 4
struct cli_match { /* why must stay last: cli_match_init() */
	const struct cli_mode *mode;
	enum cli_priv priv;
	bool test, hidden;
	const struct cli_form *only; /* match against this form alone */
	bool begun;
	struct cli_thread *cur, *nxt;
	unsigned ncur, nnxt, curmax, nxtmax;
	struct cli_hist *hist;
	int nhist, histmax;
	/* cli_match_args(): the secrets of the line with an `encrypted` of their own before them */
	const struct cli_var *sealed[CLI_SEALED_MAX];
	unsigned nsealed;
	char why[768]; /* CLI_M_VALUE: reason; CLI_M_AMBIGUOUS: candidates joined by ", " */
};

struct cli_cand {
	const struct cli_form *form;
	const struct cli_pos *pos;
	uint16_t i;
	int thread; /* index in cur, or -1 at the start of the line */
};

void cli_match_init(struct cli_match *m, const struct cli_mode *mode, enum cli_priv priv, bool test);
void cli_match_clear(struct cli_match *m);
/* Feeds one word. After anything but CLI_M_OK the threads are as before the call. */
enum cli_status cli_match_step(struct cli_match *m, const struct cli_tok *tok, unsigned itok);
/* All words and variables that may come next (prefix: only words starting so); calls each() until it returns
 * false. */
void cli_match_next(const struct cli_match *m, const char *prefix,
                    bool (*each)(void *arg, const struct cli_cand *c), void *arg);
/* The thread that may end here: its form and history head. NULL: the line is incomplete. */
const struct cli_thread *cli_match_end(const struct cli_match *m);
/* Named values of a finished thread. line: raw text for CLI_LINE values. NULL: the reason is in m->why, or no
 * memory. */
struct cfg_args *cli_match_args(struct cli_match *m, const struct cli_thread *th, const struct cli_toks *t,
                                const char *line, size_t len);
/* One line against one form alone (default lines). */
struct cfg_args *cli_match_form(const struct cli_form *f, const char *line, char *err, size_t errlen);

/*
 * Why these words are no command of mode m for the session: not permitted (true, and err is the whole error),
 * or a command of another mode (false, and err is what to add to the error; else "").
 */
bool cli_why_unknown(const struct cli_session *s, const struct cli_mode *m, const struct cli_toks *t,
                     char *err, size_t len);

/* --- rendering helpers --- */
const struct cli_form *cli_render_form(const struct cli_row *row, enum cli_form_kind kind);

/* --- sessions and lines --- */
void cli_session_enter(struct cli_session *s, const struct cli_mode *mode, const char *path, const char *key);
void cli_session_leave(struct cli_session *s);
/* Offset of the first | outside quotes, or len. */
size_t cli_line_bar(const char *s, size_t len);

bool cli_word_prefix(const char *word, const char *prefix); /* case-insensitive */

#endif
