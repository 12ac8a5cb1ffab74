/* SPDX-License-Identifier: MIT */
/*
 * The CLI engine: everything a StarOS-like command line does, derived from grammar files (cli/grammar/, one
 *.grm per subject; notation in cli/grammar/README.md). It owns the compiled grammar and a session's mode,
 *context and switches. No I/O except reading grammar files; text goes to a struct cli_out the caller
 *supplies. Callers: tasks/cli (one session per process), tasks/sct (grammar only, through lib/cfg), tests and
 *fuzzers.
 *
 * One line, step by step:
 *	cli_line_parse(s, line, &res)	what the line means; no state of the session has changed yet
 *	... the caller acts: asks res.confirm, runs res.cmd, commits res.edit ...
 *	cli_line_done(s, &res)		it worked: enter/leave modes, set the session's switches
 *	cli_line_clear(&res)		frees what parse allocated (always, also after an error)
 */
#ifndef CLI_ENGINE_CLI_H
#define CLI_ENGINE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cfg_tree;
struct cfg_node;
struct cfg_edit;
struct cfg_args;
struct cli_grammar;
struct cli_index;
struct cli_node;
struct cli_form;

/* --- output
 * -------------------------------------------------------------------------------------------------- */

/* Where text goes. write() returns 0, or -errno/-EPIPE to say "stop producing" (the user answered q to the
 * pager). */
struct cli_out {
	int (*write)(struct cli_out *out, const char *text, size_t len);
	void *arg;
};

/* A cli_out that collects into a NUL-terminated malloc'ed string. Free with cli_out_buf_free(). */
struct cli_out_buf {
	struct cli_out out;
	char *text;
	size_t len, size;
};

void cli_out_buf_init(struct cli_out_buf *b);
void cli_out_buf_free(struct cli_out_buf *b);
int cli_out_put(struct cli_out *out, const char *text);
int cli_out_write(struct cli_out *out, const char *text, size_t len);
int cli_out_printf(struct cli_out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- grammar (read-only after loading; shared by any number of sessions and trees)
 * ----------------------------- */

/* Levels of StarOS, each may what those before it may: see docs/operations.md. */
enum cli_priv {
	CLI_PRIV_INSPECTOR,      /* looks at the chassis */
	CLI_PRIV_OPERATOR,       /* looks at sessions, tests */
	CLI_PRIV_ADMIN,          /* configures (`config-administrator NAME`) */
	CLI_PRIV_SECURITY_ADMIN, /* and what concerns access and secrets (`administrator NAME`) */
	CLI_PRIV_CONFIG_ADMIN = CLI_PRIV_SECURITY_ADMIN, /* another name of it */
};
const char *cli_priv_name(enum cli_priv p);  /* "inspector" … "security-administrator" */
const char *cli_priv_title(enum cli_priv p); /* "Inspector" … "Security Administrator", as in traps */
int cli_priv_parse(const char *name);        /* level of a name, or -1 */

enum cli_type {
	CLI_INT,    /* <n:1-20>, <n:0,5-100>: 64 bit, ranges inclusive */
	CLI_STRING, /* one word or a "quoted string"; min..max characters */
	CLI_LINE,   /* a quoted string, or the raw rest of the line; min..max characters */
	CLI_IPV4,
	CLI_IPV6,
	CLI_IP,      /* either family */
	CLI_PREFIX4, /* a.b.c.d/len */
	CLI_PREFIX6,
	CLI_PREFIX,   /* either family */
	CLI_MASK,     /* contiguous dotted IPv4 mask */
	CLI_WILDCARD, /* its complement, as in access lists */
	CLI_SLOTPORT, /* slot/port */
	CLI_URL,      /* /flash/x, file:/…, {http,https,ftp,sftp,tftp,ldap}://… */
	CLI_SECRET,   /* as string; sealed form after the keyword `encrypted` */
	CLI_HEX,      /* [0x]hex digits, min..max digits */
	CLI_HEXNUM,   /* [0x]hex number, min..max value (declared in decimal) */
	CLI_ENUM,     /* a word of a named enum */
	CLI_REF,      /* name of another row's node, string of min..max characters */
};

struct cli_range {
	int64_t lo, hi;
};

struct cli_enum_word {
	const char *word, *help;
};

struct cli_enum {
	const char *name;
	struct cli_enum_word *words;
	unsigned n;
};

/* A variable of a pattern: <name:type:range=default>. */
struct cli_var {
	const char *name;
	enum cli_type type;
	struct cli_range *ranges; /* values (int) or lengths (string kinds) */
	unsigned nranges;
	const struct cli_enum *enm; /* CLI_ENUM */
	const char *ref;            /* CLI_REF: row id looked up in this block, then outwards */
	const char *ref_in;         /* CLI_REF: … or below the context named by this variable */
	bool must;                  /* CLI_REF: cfg_check() refuses a name that does not exist */
	bool raw;                   /* CLI_LINE: shown without quotes where possible */
	bool oneway;                /* CLI_SECRET: only a hash of it is kept */
	bool list;                  /* may occur several times (<n:…>*6) */
	const char *dflt;           /* value when not given; NULL: none */
};

struct cli_mode {
	const char *name;   /* "context" */
	const char *prompt; /* "config-ctx"; %k is replaced by the block's first key; NULL for exec */
	const char *help;
	const struct cli_mode *parent;
	uint32_t chapters;     /* of rows that name none themselves; see struct cli_row */
	bool later;            /* all its rows are */
	struct cli_row **rows; /* in declared order: the order of show configuration */
	unsigned nrows;
	struct cli_index *index; /* private: first words, sorted */
};

/* One of several modes a row may open: the one of a line that says this word. */
struct cli_enter {
	const char *word;
	const struct cli_mode *mode;
};

enum cli_row_kind { CLI_ROW_EXEC, CLI_ROW_CONF };

/* One row: an Exec command or a setting. */
struct cli_row {
	enum cli_row_kind kind;
	const char *id;      /* unique in its mode; part of the configuration path */
	const char *pattern; /* StarOS notation as written */
	const char *help;
	const char *missing; /* Exec without a handler: why it can not be done yet */
	const char *handler; /* Exec: name of the function in the program's own table; "@x" is done by the
	                        engine */
	const struct cli_mode *mode;  /* where it stands */
	const struct cli_mode *enter; /* the mode it opens, or NULL; with enters: if none of them fits */
	const char *enter_by;         /* the label that decides, or NULL: always `enter` */
	struct cli_enter *enters;
	unsigned nenters;
	const char **key; /* names of the variables that make up the node's key */
	unsigned nkey;
	enum cli_priv priv;
	unsigned order;       /* position in its mode */
	unsigned limit;       /* at most so many nodes per block; 0: no limit */
	unsigned limit_total; /* at most so many in the whole chassis */
	bool hidden, test, confirm;
	bool no_stored;      /* `no X` is a setting of its own (X is in force by default) */
	bool ordered;        /* the order of several nodes means something */
	bool later;          /* stored and shown only: no task acts on this setting today */
	const char **unread; /* … on these of its names; the rest acts */
	unsigned nunread;
	bool boot;         /* what is set or removed counts from the next boot on */
	uint32_t chapters; /* of the IPSec Reference that describe it: bit N for chapter N; 0: none */
	bool merge; /* setting it again keeps what the new line does not mention (all rows with `enter`) */
	struct cfg_args *dflt;  /* parsed `default "…"` line, or from variables' defaults; NULL: none */
	struct cli_node *tree;  /* private: pattern as a tree */
	struct cli_form *forms; /* private: set, aliases, no, default */
	struct cli_var **vars;
	unsigned nvars;
	const char **names; /* all argument names in the pattern's order: variables, labels, flags */
	unsigned nnames;
	const char *default_text; /* the default line as written, or NULL */
};

/*
 * Reads every *.grm of a directory (in name order) and compiles it. Returns NULL with a one-line reason
 * "file:line: …" in err. The result is read-only; free with cli_grammar_free() after all users.
 */
struct cli_grammar *cli_grammar_load(const char *dir, char *err, size_t errlen);
/* The same from one text (name is used in messages). */
struct cli_grammar *cli_grammar_load_text(const char *name, const char *text, char *err, size_t errlen);
void cli_grammar_free(struct cli_grammar *g);
#define CLI_CHAPTER_MAX 29                       /* chapters of the IPSec Reference */
const char *cli_chapter_title(unsigned chapter); /* 1..CLI_CHAPTER_MAX, else NULL */
/* "8, 15": the chapters of a set of bits, in buf. Returns buf. */
const char *cli_chapter_list(uint32_t chapters, char *buf, size_t len);

/* Where the installed or built product keeps its grammar: $ORRERY_GRAMMAR, else the first that exists of
 * <prefix>/share/orrery/grammar and <tree>/cli/grammar relative to exe (argv[0] or /proc/self/exe), else
 * ./cli/grammar. */
const char *cli_grammar_dir(const char *exe, char *buf, size_t len);

const struct cli_mode *cli_grammar_mode(const struct cli_grammar *g, const char *name); /* NULL: unknown */
/* The mode a line of this row opens: NULL if none. args: the line's values. */
const struct cli_mode *cli_grammar_enter(const struct cli_row *row, const struct cfg_args *args);
const struct cli_row *cli_grammar_row(const struct cli_mode *m,
                                      const char *id); /* a conf row by id; NULL: unknown */
const struct cli_mode *cli_grammar_mode_at(const struct cli_grammar *g, unsigned i); /* NULL after the last */
const struct cli_var *cli_grammar_var(const struct cli_row *row, const char *name);

/* --- types
 * ------------------------------------------------------------------------------------------------------ */

/*
 * Is text a legal value of v? On success the canonical spelling is in out (addresses compressed, enum words
 * in full …). On failure -EINVAL and in out the reason without the prefix, e.g. "Invalid value 70000 for
 * <seconds>; the legal range is 60 to 604800".
 */
int cli_type_check(const struct cli_var *v, const char *text, char *out, size_t outlen);
/* "integer 1 to 20", "string of 1 to 31 characters", "IPv4 address" … */
const char *cli_type_describe(const struct cli_var *v, char *buf, size_t len);

/* --- session
 * ------------------------------------------------------------------------------------------------------ */

/*
 * Sealing of secrets with the chassis key, hashing of passwords: they return 0 or -errno and write a
 * NUL-terminated word (no blanks, no quotes) into out. With hooks a clear secret reaches the configuration
 * only as `encrypted …`. unseal() returns -EKEYREJECTED for what another chassis key has sealed. NULL: stays
 * clear. seal_key() makes the same word of the same secret (as long as the chassis key is the same): for
 * secrets that are the key of a setting; NULL: seal(). check() says what the grammar cannot tell of a line of
 * a file that is loaded; NULL: nothing. 0, or -errno with "Failure: …" in err.
 */
struct cli_hooks {
	int (*seal)(void *arg, const char *clear, char *out, size_t outlen);
	int (*unseal)(void *arg, const char *sealed, char *out, size_t outlen);
	int (*hash)(void *arg, const char *clear, char *out, size_t outlen);
	bool (*is_hash)(void *arg, const char *text);
	void *arg;
	int (*seal_key)(void *arg, const char *clear, char *out, size_t outlen);
	int (*check)(const struct cli_hooks *h, const struct cfg_tree *t, const struct cfg_edit *e, char *err,
	             size_t size);
};

/*
 * Values only the program knows (files of the disk, instances that run): calls each() with every word that
 * may stand for variable v after the words typed before it; the engine keeps those that begin with partial.
 * NULL list: none.
 */
struct cli_values {
	void (*list)(void *arg, const struct cli_var *v, const char *const *words, unsigned n,
	             const char *partial, void (*each)(void *each_arg, const char *word), void *each_arg);
	void *arg;
};

#define CLI_DEPTH_MAX 12
/* A certificate and its sealed private key, 8,191 characters each before sealing, are the longest line. */
#define CLI_LINE_MAX 24576
#define CLI_NAME_LEN 256

struct cli_session {
	const struct cli_grammar *g;
	const struct cfg_tree
	        *tree; /* present configuration: completion of names, "exists already"; may be NULL */
	struct cli_hooks hooks;
	struct cli_values values; /* words for ? and TAB that the program knows */
	char host[CLI_NAME_LEN];
	char context[CLI_NAME_LEN]; /* Exec context, "local" at login */
	enum cli_priv priv;
	bool interactive; /* ask questions; false for scripts and files */
	bool autoconfirm;
	bool timestamps; /* print the date line before an Exec command's output; true at login */
	bool test_commands;
	bool show_hidden;
	uint32_t length, width; /* terminal; length 0: no pager */
	unsigned depth;         /* 0: Exec; else stack[depth-1] is where a line is read */
	struct {
		const struct cli_mode *mode;
		char *path;             /* canonical path of the block (lib/cfg), "" for config */
		char key[CLI_NAME_LEN]; /* for the prompt */
	} stack[CLI_DEPTH_MAX];
};

void cli_session_init(struct cli_session *s, const struct cli_grammar *g, enum cli_priv priv);
void cli_session_clear(struct cli_session *s); /* frees what the session holds, not s itself */
const struct cli_mode *cli_session_mode(const struct cli_session *s);
/* "[local]host# ", "[ctx]host(config-ctx)# "; '>' below administrator. Returns buf. */
const char *cli_session_prompt(const struct cli_session *s, char *buf, size_t len);
/* Enter configuration mode, leave to Exec (as `configure` and `end` do). */
void cli_session_configure(struct cli_session *s);
void cli_session_end(struct cli_session *s);

/* --- lines
 * ---------------------------------------------------------------------------------------------------------
 */

enum cli_kind {
	CLI_NOTHING, /* empty line or comment */
	CLI_ERROR,   /* res.error says why; print it */
	CLI_MOVE,    /* only the session changes: call cli_line_done() */
	CLI_EXEC,    /* run res.cmd */
	CLI_EDIT,    /* commit res.edit; after that cli_line_done() enters the block if it opens one */
	CLI_LOGOUT,  /* exit in Exec mode, logout */
};

struct cli_cmd {
	const struct cli_row *row;
	const char *handler;
	struct cfg_args *args; /* variables by name, flags by keyword; see cli_cmd_…() */
};

/* A filter after `|`. */
enum cli_pipe_kind { CLI_PIPE_GREP, CLI_PIPE_MORE, CLI_PIPE_JSON };
struct cli_pipe_spec {
	enum cli_pipe_kind kind;
	bool icase, invert, extended;
	char pattern[512];
};
#define CLI_PIPES_MAX 8

struct cli_result {
	enum cli_kind kind;
	char error[1024];      /* CLI_ERROR: one or more lines, without the last newline */
	struct cli_cmd cmd;    /* CLI_EXEC */
	struct cfg_edit *edit; /* CLI_EDIT */
	bool confirm;          /* ask "Are you sure? [Yes|No]: " first */
	bool json;             /* `| json`: the handler should write JSON */
	struct cli_pipe_spec pipes[CLI_PIPES_MAX];
	unsigned npipes;
	/* for cli_line_done() */
	const struct cli_row *row; /* the row of the line; NULL: none */
	int move;                  /* private: what done() does */
};

#define CLI_CONFIRM_TEXT "Are you sure? [Yes|No]: "
/* What does the answer to the question say? 1 yes, 0 no, -1 neither (ask again). */
int cli_line_answer(const char *answer);

/*
 * Understands one line in the session's present mode. `#exit` is exit; other lines starting with # are
 * comments. Leading and trailing blanks are ignored. Returns res->kind.
 */
enum cli_kind cli_line_parse(const struct cli_session *s, const char *line, struct cli_result *res);
void cli_line_done(struct cli_session *s, const struct cli_result *res);
void cli_line_clear(struct cli_result *res);

/* The arguments of one line of this row alone (its `no` form: negated). NULL: the line is not of this row. */
struct cfg_args *cli_line_args(const struct cli_row *row, const char *line, bool negated);

/*
 * The line as it may be logged or kept in a history: secrets are replaced by ****, also when the line is
 * wrong (then everything from the first word that is not understood on). buf is always a NUL-terminated text.
 */
void cli_line_redact(const struct cli_session *s, const char *line, char *buf, size_t len);

/* Accessors for handlers. A variable not given yields its grammar default, else NULL / the fallback. */
const char *cli_cmd_str(const struct cli_cmd *c, const char *name);
int64_t cli_cmd_int(const struct cli_cmd *c, const char *name, int64_t fallback);
const char *cli_cmd_nth(const struct cli_cmd *c, const char *name,
                        unsigned i);                         /* i-th value of a list or NULL */
bool cli_cmd_has(const struct cli_cmd *c, const char *name); /* was the keyword or variable given? */

/*
 * Loads a configuration text (as `show configuration` prints, or typed lines; starts in configuration mode, a
 * `config` and `end` line are welcome) into a tree. Each failing line is told to report() (may be NULL) and
 * skipped. Returns the number of failed lines, or -errno.
 */
int cli_load_text(struct cfg_tree *t, const struct cli_hooks *hooks, const char *text,
                  void (*report)(void *arg, unsigned lineno, const char *line, const char *error), void *arg);
/* The same, up to the first line that fails if stop is true. */
int cli_load_text_until(struct cfg_tree *t, const struct cli_hooks *hooks, const char *text, bool stop,
                        void (*report)(void *arg, unsigned lineno, const char *line, const char *error),
                        void *arg);

/*
 * A line that ends in a blank and a backslash (outside quotes) goes on in the next one, as show boot prints
 * it. Returns the whole line (line itself, or text of j, valid until the next call), or NULL: more is to
 * come. Never holds more than one character above CLI_LINE_MAX, so a line that is too long is refused as
 * such.
 */
struct cli_join {
	char *text; /* begun and not ended; NULL: nothing */
	bool done;  /* text was handed out */
};
const char *cli_join_line(struct cli_join *j, const char *line);
bool cli_join_open(const struct cli_join *j); /* a line was begun and waits for its end */
void cli_join_clear(struct cli_join *j);      /* forget it; wipes, since a secret may be in it */

/*
 * While loading a text: when the line that opens a block failed, its lines must not land in the block around
 * it. Tell every failed line to cli_skip_failed() and skip lines for which cli_skip_line() is true. Goes by
 * indentation, as show configuration prints it. Start with a zeroed struct.
 */
struct cli_skip {
	bool active;
	unsigned indent; /* of the line that failed */
};
void cli_skip_failed(struct cli_skip *k, const char *line);
bool cli_skip_line(struct cli_skip *k, const char *line);

/* --- help and completion
 * --------------------------------------------------------------------------------------------- */

/* Answers `?` typed after line: "  keyword     - help" per candidate, "  <cr>" where the line may end, or an
 * error line. */
int cli_help_show(const struct cli_session *s, const char *line, struct cli_out *out);
/*
 * TAB after line: calls each() with every word the last (possibly empty) word may become; keywords, enum
 * words and names of existing nodes. Returns their number. *start: offset in line of the word being
 * completed.
 */
int cli_help_complete(const struct cli_session *s, const char *line, size_t *start,
                      void (*each)(void *arg, const char *word), void *arg);

/* --- pipes
 * -------------------------------------------------------------------------------------------------------------
 */

/* The terminal behind a pager. key() blocks for one key; NULL tty: no paging. */
struct cli_tty {
	int (*key)(struct cli_tty *tty);
	void *arg;
	unsigned rows; /* lines per page; 0: no paging */
};

/*
 * Builds the chain for res (its pipes, then the pager if tty is given and tty->rows > 0) in front of sink.
 * Returns the out to write to (may be sink itself); close with cli_pipe_close(), which flushes a last partial
 * line. The caller keeps sink and tty. A bad regular expression: NULL with the reason in err ("Failure: …").
 */
struct cli_out *cli_pipe_open(const struct cli_result *res, struct cli_out *sink, struct cli_tty *tty,
                              char *err, size_t errlen);
int cli_pipe_close(struct cli_out *head, struct cli_out *sink);

/* --- rendering and documentation
 * ------------------------------------------------------------------------------------------ */

/* A node as the line that sets it, without indentation: into buf, or -ENOSPC. */
int cli_render_line(const struct cli_row *row, const struct cfg_args *args, bool negated, char *buf,
                    size_t len);
/* Do these arguments make up a complete line of the row? */
bool cli_render_fits(const struct cli_row *row, const struct cfg_args *args);
/* The reference manual of all commands, in markdown. */
int cli_doc_write(const struct cli_grammar *g, struct cli_out *out);

#endif
