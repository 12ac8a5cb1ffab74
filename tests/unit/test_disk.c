/* SPDX-License-Identifier: MIT */
/* lib/disk: names of files on the chassis' disk, what may be reached, and files that are replaced as a whole.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/disk.h"

static char state[] = "/tmp/diskXXXXXX";

static char *at(const char *path)
{
	static char buf[600];

	snprintf(buf, sizeof(buf), "%s%s", state, path);
	return buf;
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(state));
	for (size_t i = 0; disk_roots[i]; i++)
		cr_assert_eq(mkdir(at(disk_roots[i]), 0700), 0);
	close(open(at("/chassis.key"), O_CREAT | O_WRONLY, 0600));
}

static void teardown(void)
{
	unlink(at("/chassis.key"));
	for (size_t i = 0; disk_roots[i]; i++)
		disk_rmdir(state, disk_roots[i], 0);
	for (size_t i = 0; disk_roots[i]; i++) {
		char dir[300];

		snprintf(dir, sizeof(dir), "%s/all", disk_roots[i]);
		disk_rmdir(state, dir, 1);
		rmdir(at(disk_roots[i]));
	}
	rmdir(state);
}

TestSuite(disk, .init = setup, .fini = teardown);

static const char *url(const char *text)
{
	static char out[DISK_URL_MAX];

	return disk_url(text, out, sizeof(out)) == 0 ? out : "";
}

Test(disk, names_have_one_form)
{
	cr_expect_str_eq(url("/flash/a"), "/flash/a");
	cr_expect_str_eq(url("file:/flash//a/"), "/flash/a");
	cr_expect_str_eq(url("file:///hd-raid/b/c"), "/hd-raid/b/c");
	cr_expect_str_eq(url("/usb1"), "/usb1");
	cr_expect_str_eq(url("/flash/..a/.b"), "/flash/..a/.b");
}

Test(disk, names_that_are_no_files_of_the_chassis)
{
	static const char *const bad[] = {
	        "",           "/",           "flash/a",     "/flash/..",  "/flash/../x",
	        "/flash/./x", "/flashy/x",   "/etc/passwd", "file:",      "http://a/b",
	        "/flash/a\n", "/flash/\x7f", "//..//flash", "/flash/a/.."};
	char long_name[400];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_str_eq(url(bad[i]), "", "%s", bad[i]);
	memset(long_name, 'x', sizeof(long_name));
	memcpy(long_name, "/flash/", 7);
	long_name[sizeof(long_name) - 1] = 0;
	cr_expect_eq(disk_write(state, long_name, "", 0), -ENAMETOOLONG);
}

Test(disk, a_file_is_replaced_as_a_whole)
{
	char *text;
	size_t len;
	struct stat st;

	cr_expect_eq(disk_mkdir(state, "/flash/all"), 0);
	cr_expect_eq(disk_write(state, "/flash/all/f", "one", 3), 0);
	cr_expect_eq(disk_write(state, "/flash/all/f", "second", 6), 0);
	cr_assert_eq(disk_read(state, "/flash/all/f", 100, &text, &len), 0);
	cr_expect_str_eq(text, "second");
	cr_expect_eq(len, 6);
	free(text);
	cr_expect_eq(disk_read(state, "/flash/all/f", 5, &text, &len), -EFBIG);
	cr_expect_eq(disk_stat(state, "/flash/all/f", &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	/* a writer that died left its half; the next one does not mind */
	cr_expect_eq(disk_write(state, "/flash/all/f.new", "half", 4), 0);
	cr_expect_eq(disk_write(state, "/flash/all/f", "third", 5), 0);
	cr_expect_eq(disk_stat(state, "/flash/all/f.new", &st), -ENOENT);
	cr_expect_eq(disk_write(state, "/flash/all", "x", 1), -EISDIR);
	cr_expect_eq(disk_write(state, "/flash", "x", 1), -EBUSY);
	cr_expect_eq(disk_rmdir(state, "/flash/all", 0), -ENOTEMPTY);
	cr_expect_eq(disk_rename(state, "/flash/all/f", "/flash/all/g"), 0);
	cr_expect_eq(disk_unlink(state, "/flash/all/f"), -ENOENT);
	cr_expect_eq(disk_unlink(state, "/flash/all/g"), 0);
}

Test(disk, links_lead_nowhere)
{
	char *text;
	size_t len;
	struct stat st;

	disk_mkdir(state, "/flash/all");
	cr_assert_eq(symlink("../../chassis.key", at("/flash/all/key")), 0);
	cr_assert_eq(symlink("/", at("/flash/all/top")), 0);
	cr_assert_eq(symlink("../../hd-raid", at("/flash/all/raid")), 0);
	cr_expect_lt(disk_read(state, "/flash/all/key", 100, &text, &len), 0);
	cr_expect_lt(disk_write(state, "/flash/all/key", "x", 1), 0);
	cr_expect_lt(disk_read(state, "/flash/all/top/etc/passwd", 10000, &text, &len), 0);
	cr_expect_lt(disk_write(state, "/flash/all/top/tmp/x", "x", 1), 0);
	cr_expect_lt(disk_mkdir(state, "/flash/all/raid/x"), 0);
	cr_expect_lt(disk_rename(state, "/flash/all/key", "/flash/all/raid/x"), 0);
	cr_expect_eq(disk_stat(state, "/flash/all/key", &st), 0);
	cr_expect(S_ISLNK(st.st_mode), "the link itself, not what it points to");
	/* what is removed is the link */
	cr_expect_eq(disk_rmdir(state, "/flash/all", 1), 0);
	cr_expect_eq(access(at("/chassis.key"), F_OK), 0);
	cr_expect_eq(access(at("/hd-raid"), F_OK), 0);
}
