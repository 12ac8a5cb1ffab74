/* SPDX-License-Identifier: MIT */
/*
 * The glossary of a grammar: the help of each word and variable, wherever it stands. Entry points
 * cli_words_add(), cli_grammar_word_help(). Called while grammar files are read, and by the help.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "cli/engine/cli_int.h"

static unsigned hash(const char *s)
{
	unsigned h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)tolower((unsigned char)*s)) * 16777619u;
	return h;
}

static struct cli_word_help *word_slot(const struct cli_grammar *g, const char *word)
{
	unsigned i = hash(word) & (g->words_size - 1);

	while (g->words[i].word && strcasecmp(g->words[i].word, word))
		i = (i + 1) & (g->words_size - 1);
	return &g->words[i];
}

void cli_words_add(struct cli_grammar *g, const char *word, const char *help)
{
	if (g->nwords * 2 >= g->words_size) {
		struct cli_word_help *old = g->words;
		unsigned n = g->words_size;

		g->words_size = n ? n * 2 : 1024;
		g->words = calloc(g->words_size, sizeof(*old));
		if (!g->words)
			abort();
		for (unsigned i = 0; i < n; i++)
			if (old[i].word)
				*word_slot(g, old[i].word) = old[i];
		free(old);
	}
	struct cli_word_help *w = word_slot(g, word);

	if (w->word)
		return;
	w->word = word;
	w->help = help;
	g->nwords++;
}

const char *cli_grammar_word_help(const struct cli_grammar *g, const char *word, const char *close)
{
	char buf[256];
	size_t n;

	if (!g->words_size)
		return NULL;
	if (!*close)
		return word_slot(g, word)->help;
	n = strlen(word);
	if (n + 3 > sizeof(buf))
		return NULL;
	buf[0] = '<';
	memcpy(buf + 1, word, n);
	memcpy(buf + 1 + n, ">", 2);
	return word_slot(g, buf)->help;
}
