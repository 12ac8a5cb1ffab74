/* SPDX-License-Identifier: MIT */
/* lib/disk/tar.c: what the system's tar makes of our archives. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk/tar.h"

/* The answer of a command that reads the archive from a file. */
static void ask(const struct tar *t, const char *command, char *out, size_t size)
{
	char path[] = "/tmp/otXXXXXX", line[200];
	int fd = mkstemp(path);
	FILE *f;
	size_t n;

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, t->data, t->len), (ssize_t)t->len);
	close(fd);
	snprintf(line, sizeof(line), command, path);
	f = popen(line, "r");
	cr_assert(f);
	n = fread(out, 1, size - 1, f);
	out[n] = 0;
	cr_assert_eq(pclose(f), 0, "%s", line);
	unlink(path);
}

Test(disk_tar, read_by_tar)
{
	struct tar t = {0};
	char out[4096], big[1500];

	memset(big, 'x', sizeof(big));
	cr_assert_eq(tar_add(&t, "a.txt", "hello\n", 6, 1700000000), 0);
	cr_assert_eq(tar_add(&t, "crash/empty", "", 0, 0), 0);
	cr_assert_eq(tar_add(&t, "big", big, sizeof(big), 1), 0);
	cr_assert_eq(tar_end(&t), 0);
	cr_expect_eq(t.len % 512, 0u);
	ask(&t, "TZ=UTC tar -tvf %s", out, sizeof(out));
	cr_expect(strstr(out, "-rw------- 0/0               6 2023-11-14 22:13 a.txt\n"), "%s", out);
	cr_expect(strstr(out, "crash/empty\n") && strstr(out, " 1500 1970-01-01 00:00 big\n"), "%s", out);
	ask(&t, "tar -xOf %s a.txt", out, sizeof(out));
	cr_expect_str_eq(out, "hello\n");
	ask(&t, "tar -xOf %s big | wc -c", out, sizeof(out));
	cr_expect_eq(atoi(out), 1500);
	tar_free(&t);
}

Test(disk_tar, names)
{
	struct tar t = {0};
	char name[101];

	memset(name, 'n', 100);
	name[100] = 0;
	cr_expect_eq(tar_add(&t, name, "", 0, 0), -ENAMETOOLONG);
	name[99] = 0;
	cr_expect_eq(tar_add(&t, name, "", 0, 0), 0);
	cr_expect_eq(t.len, 512u);
	tar_free(&t);
}
