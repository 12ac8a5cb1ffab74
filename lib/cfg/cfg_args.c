/* SPDX-License-Identifier: MIT */
/*
 * Named, ordered arguments of a configured line or a command: a small growing array. Values may be secrets,
 * so they are wiped before they are freed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cfg/cfg.h"

struct cfg_args *cfg_args_new(void)
{
	return calloc(1, sizeof(struct cfg_args));
}

static void arg_clear(struct cfg_arg *a)
{
	if (a->value)
		explicit_bzero(a->value, strlen(a->value));
	free(a->value);
	free(a->name);
}

void cfg_args_free(struct cfg_args *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < a->n; i++)
		arg_clear(&a->v[i]);
	free(a->v);
	free(a);
}

int cfg_args_add(struct cfg_args *a, const char *name, const char *value)
{
	if (a->n == a->size) {
		unsigned size = a->size ? a->size * 2 : 4;
		struct cfg_arg *v = realloc(a->v, size * sizeof(*v));

		if (!v)
			return -ENOMEM;
		a->v = v;
		a->size = size;
	}
	struct cfg_arg *n = &a->v[a->n];

	n->name = strdup(name);
	n->value = strdup(value);
	if (!n->name || !n->value) {
		free(n->name);
		free(n->value);
		return -ENOMEM;
	}
	a->n++;
	return 0;
}

void cfg_args_del(struct cfg_args *a, const char *name)
{
	unsigned k = 0;

	for (unsigned i = 0; i < a->n; i++) {
		if (strcmp(a->v[i].name, name))
			a->v[k++] = a->v[i];
		else
			arg_clear(&a->v[i]);
	}
	a->n = k;
}

int cfg_args_set(struct cfg_args *a, const char *name, const char *value)
{
	for (unsigned i = 0; i < a->n; i++) {
		if (strcmp(a->v[i].name, name))
			continue;
		if (!strcmp(a->v[i].value, value) && !cfg_args_nth(a, name, 1))
			return 0;
		cfg_args_del(a, name);
		break;
	}
	return cfg_args_add(a, name, value);
}

struct cfg_args *cfg_args_dup(const struct cfg_args *a)
{
	struct cfg_args *d = cfg_args_new();

	for (unsigned i = 0; a && d && i < a->n; i++) {
		if (!cfg_args_add(d, a->v[i].name, a->v[i].value))
			continue;
		cfg_args_free(d);
		return NULL;
	}
	return d;
}

const char *cfg_args_nth(const struct cfg_args *a, const char *name, unsigned i)
{
	for (unsigned k = 0; a && k < a->n; k++)
		if (!strcmp(a->v[k].name, name) && !i--)
			return a->v[k].value;
	return NULL;
}

const char *cfg_args_get(const struct cfg_args *a, const char *name)
{
	return cfg_args_nth(a, name, 0);
}

bool cfg_args_equal(const struct cfg_args *a, const struct cfg_args *b)
{
	unsigned na = a ? a->n : 0, nb = b ? b->n : 0;

	if (na != nb)
		return false;
	for (unsigned i = 0; i < na; i++)
		if (strcmp(a->v[i].name, b->v[i].name) || strcmp(a->v[i].value, b->v[i].value))
			return false;
	return true;
}

bool cfg_args_same(const struct cfg_args *a, const struct cfg_args *b)
{
	unsigned na = a ? a->n : 0, nb = b ? b->n : 0;

	for (unsigned i = 0; i < na; i++) {
		unsigned nth = 0;

		for (unsigned k = 0; k < i; k++)
			nth += !strcmp(a->v[k].name, a->v[i].name);
		const char *v = cfg_args_nth(b, a->v[i].name, nth);

		if (!v || strcmp(v, a->v[i].value))
			return false;
	}
	return na == nb;
}

struct cfg_args *cfg_args_merge(const struct cfg_args *old, const struct cfg_args *new)
{
	struct cfg_args *a = cfg_args_dup(old);

	for (unsigned i = 0; a && i < new->n; i++)
		cfg_args_del(a, new->v[i].name);
	for (unsigned i = 0; a && i < new->n; i++) {
		if (!cfg_args_add(a, new->v[i].name, new->v[i].value))
			continue;
		cfg_args_free(a);
		return NULL;
	}
	return a;
}
