/* SPDX-License-Identifier: MIT */
/*
 * Writing text to a cli_out: formatted, and into memory. Used by every show and by the filters of cli_pipe.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/engine/cli.h"

int cli_out_write(struct cli_out *out, const char *text, size_t len)
{
	return len ? out->write(out, text, len) : 0;
}

int cli_out_put(struct cli_out *out, const char *text)
{
	return cli_out_write(out, text, strlen(text));
}

int cli_out_printf(struct cli_out *out, const char *fmt, ...)
{
	char buf[1024];
	char *big = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(buf, sizeof(buf), fmt, ap);

	va_end(ap);
	if (n < 0)
		return -EINVAL;
	if ((size_t)n < sizeof(buf))
		return cli_out_write(out, buf, n);
	va_start(ap, fmt);
	n = vasprintf(&big, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	int rc = cli_out_write(out, big, n);

	free(big);
	return rc;
}

static int buf_write(struct cli_out *out, const char *text, size_t len)
{
	struct cli_out_buf *b = (struct cli_out_buf *)out;

	if (b->len + len + 1 > b->size) {
		size_t size = (b->len + len + 1) * 2;
		char *p = realloc(b->text, size);

		if (!p)
			return -ENOMEM;
		b->text = p;
		b->size = size;
	}
	memcpy(b->text + b->len, text, len);
	b->len += len;
	b->text[b->len] = 0;
	return 0;
}

void cli_out_buf_init(struct cli_out_buf *b)
{
	memset(b, 0, sizeof(*b));
	b->out.write = buf_write;
	b->text = calloc(1, 64);
	b->size = b->text ? 64 : 0;
}

void cli_out_buf_free(struct cli_out_buf *b)
{
	free(b->text);
	b->text = NULL;
	b->len = b->size = 0;
}
