/* SPDX-License-Identifier: MIT */
/* Certificates, lists and keys as bytes, from a line's text or a file of the chassis: see certs_read.h. */
#include "certs/certs_read.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "disk/disk.h"
#include "pki/pki.h"

/* A line of the configuration holds PEM with "\n" for the ends of lines; or with blanks, which stay in the
 * two lines around the data. */
static int unfold(const char *text, char **p, size_t *len)
{
	char *b = malloc(2 * strlen(text) + 2);
	size_t n = 0;
	bool frame = false;

	for (; b && *text; text++) {
		bool start = !strncmp(text, "-----", 5);

		if (!strncmp(text, "\\n", 2) || (*text == ' ' && !frame)) {
			b[n++] = '\n';
			text += *text == '\\';
			continue;
		}
		if (start) {
			if (!frame && n && b[n - 1] != '\n')
				b[n++] = '\n';
			memcpy(b + n, text, 5);
			n += 5;
			text += 4;
			if (frame)
				b[n++] = '\n';
			frame = !frame;
			continue;
		}
		b[n++] = *text;
	}
	*p = b;
	*len = n;
	return b ? 0 : -ENOMEM;
}

int certs_read(const char *state_dir, const char *text, const char *url, char **p, size_t *len)
{
	char path[DISK_URL_MAX];

	*p = NULL;
	*len = 0;
	if (text)
		return unfold(text, p, len);
	if (!url || !state_dir)
		return -ENOENT;
	if (disk_url(url, path, sizeof(path)))
		return -EPROTONOSUPPORT;
	return disk_read(state_dir, path, PKI_INPUT_MAX, p, len);
}

const char *certs_read_error(int rc)
{
	return rc == -EPROTONOSUPPORT ? "it has not been fetched yet" : disk_error(rc);
}
