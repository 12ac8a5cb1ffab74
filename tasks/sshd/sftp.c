/* SPDX-License-Identifier: MIT */
/*
 * `sshd --sftp`: OpenSSH's sftp-server in a view of its own. A mount namespace gets a new root with nothing
 * but the chassis' disks in it and, while the program is being loaded, the machine's /usr. When sftp-server
 * has answered our own greeting it is loaded: /usr and the rest are taken away, and only then the client's
 * bytes may flow. It has no capabilities, no network, no other process to see; symbolic and hard links are
 * refused, because the chassis' own tasks follow what they find in /flash.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

#define SERVER     "/usr/lib/openssh/sftp-server"
#define LOAD_MS    10000
#define ANSWER_MAX 4096

static const char *const disks[] = {"flash", "hd-raid", "usb1"};

static int fail(const char *what)
{
	dprintf(2, "SFTP is not possible: %s: %s\n", what, strerror(errno));
	return -1;
}

/* --- the view ----------------------------------------------------------------------------------------------
 */

static int bind_at(const char *from, const char *to)
{
	return mount(from, to, NULL, MS_BIND | MS_REC, NULL);
}

/* /lib64 and the like: links into /usr on Debian 12, directories elsewhere. */
static int copy_lib(const char *name)
{
	char from[64], to[64], link[64];
	struct stat st;
	ssize_t n;

	snprintf(from, sizeof(from), "/%s", name);
	snprintf(to, sizeof(to), "./%s", name);
	if (lstat(from, &st) < 0)
		return 0;
	if (!S_ISLNK(st.st_mode))
		return mkdir(to, 0755) < 0 ? -1 : bind_at(from, to);
	n = readlink(from, link, sizeof(link) - 1);
	if (n < 0)
		return -1;
	link[n] = 0;
	return symlink(link, to);
}

/* The present directory is the new root, an empty tmpfs. */
static int fill_root(const char *state_dir)
{
	static const char users[] = "root:x:0:0:root:/:/bin/false\n";
	char from[400];
	int fd;

	for (size_t i = 0; i < sizeof(disks) / sizeof(*disks); i++) {
		snprintf(from, sizeof(from), "%s/%s", state_dir, disks[i]);
		if (mkdir(disks[i], 0700) < 0 || mount(from, disks[i], NULL, MS_BIND, NULL) < 0)
			return fail(disks[i]);
	}
	if (mkdir("usr", 0755) < 0 || bind_at("/usr", "usr") < 0 || copy_lib("lib") < 0 ||
	    copy_lib("lib64") < 0)
		return fail("/usr");
	if (mkdir("dev", 0755) < 0 || mkdir("etc", 0755) < 0 || mkdir("old", 0700) < 0)
		return fail("directories");
	fd = open("dev/null", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd) < 0 || mount("/dev/null", "dev/null", NULL, MS_BIND, NULL) < 0)
		return fail("/dev/null");
	fd = open("etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, users, sizeof(users) - 1) < 0 || close(fd) < 0)
		return fail("/etc/passwd");
	return 0;
}

/* The new root, mounted where a directory is sure to be. */
static int make_view(const char *state_dir)
{
	char by_fd[64];
	int state;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail("namespaces");
	/* By descriptor, because the new root may cover its path. */
	state = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", state);
	if (state < 0 ||
	    mount("orrery-sftp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") < 0)
		return fail("tmpfs");
	if (chdir("/tmp") < 0 || fill_root(by_fd) < 0)
		return -1;
	close(state);
	if (syscall(SYS_pivot_root, ".", "old") < 0 || chdir("/") < 0 || umount2("/old", MNT_DETACH) < 0 ||
	    rmdir("/old") < 0)
		return fail("root");
	return 0;
}

/* Take away what was there for loading. What is mapped stays mapped. */
static int seal_view(void)
{
	static const char *const mounts[] = {"/dev/null", "/usr"}, *const libs[] = {"/lib", "/lib64"};

	for (size_t i = 0; i < 2; i++)
		if (umount2(mounts[i], MNT_DETACH) < 0)
			return fail(mounts[i]);
	for (size_t i = 0; i < 2; i++) {
		umount2(libs[i], MNT_DETACH); /* a link on most machines */
		if (unlink(libs[i]) < 0 && errno != ENOENT && rmdir(libs[i]) < 0)
			return fail(libs[i]);
	}
	if (unlink("/dev/null") < 0 || rmdir("/dev") < 0 || unlink("/etc/passwd") < 0 || rmdir("/etc") < 0 ||
	    rmdir("/usr") < 0 ||
	    mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
		return fail("sealing");
	return 0;
}

/* --- the server --------------------------------------------------------------------------------------------
 */

static void exec_server(int fd)
{
	static char name[] = SERVER, quiet[] = "-l", level[] = "QUIET", deny[] = "-P",
	            denied[] = "symlink,hardlink,lsetstat", mask[] = "-u", private[] = "077", dir[] = "-d",
	            root[] = "/";
	char *argv[] = {name, quiet, level, deny, denied, mask, private, dir, root, NULL}, *envp[] = {NULL};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(fd, 1) < 0 || box_drop_caps() < 0)
		_exit(1);
	syscall(SYS_close_range, 2u, ~0u, 0u);
	if (open("/dev/null", O_WRONLY) == 2)
		execve(SERVER, argv, envp);
	_exit(1);
}

static int read_all(int fd, unsigned char *buf, size_t len)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (len > 0) {
		ssize_t n = poll(&p, 1, LOAD_MS) == 1 ? read(fd, buf, len) : -1;

		if (n <= 0)
			return -1;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

/* SSH_FXP_INIT of version 3, answered by SSH_FXP_VERSION: the program is loaded and waits for work. It takes
 * the client's own greeting after ours. */
static int greet(int fd)
{
	static const unsigned char init[] = {0, 0, 0, 5, 1, 0, 0, 0, 3};
	unsigned char head[4], answer[ANSWER_MAX];
	size_t len;

	if (write(fd, init, sizeof(init)) != sizeof(init) || read_all(fd, head, sizeof(head)) < 0)
		return fail(SERVER);
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len < 5 || len > sizeof(answer) || read_all(fd, answer, len) < 0 || answer[0] != 2)
		return fail(SERVER);
	return 0;
}

int sftp_main(const char *state_dir)
{
	int status = 1;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	if (access(SERVER, X_OK) < 0)
		return fail(SERVER) + 2;
	if (make_view(state_dir) < 0)
		return 1;
	pid = fork();
	if (pid == 0)
		exec_server(0);
	close(0);
	if (pid < 0 || greet(1) < 0 || seal_view() < 0 || box_drop_caps() < 0) {
		if (pid > 0)
			kill(pid, SIGKILL);
		return 1;
	}
	dprintf(2, "ok\n");
	close(1);
	close(2);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
