/* SPDX-License-Identifier: MIT */
/*
 * `orrery doctor`: tries what Orrery needs from this machine and says what is missing and how to get it. A
 * table of checks; kernel features are tried in a child inside fresh namespaces, never in the machine's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <jansson.h>

#include "cmd/cmd.h"

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

enum need { NEEDED, FOR_LABS, OPTIONAL };

static const char *const need_names[] = {"needed", "for labs and tests", "optional"};

struct check {
	const char *name;
	enum need need;
	int (*test)(const char *arg); /* in fresh namespaces; 0 or -errno */
	const char *arg;
	const char *remedy;
};

static int try_nothing(const char *arg)
{
	return 0;
}

static int try_tun(const char *arg)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "tun-0");
	if (ioctl(fd, TUNSETIFF, &ifr))
		rc = -errno;
	close(fd);
	return rc;
}

static int try_raw(const char *arg)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ESP);

	if (fd < 0)
		return -errno;
	close(fd);
	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ESP);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int try_steering(const char *arg)
{
	struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_STMT(BPF_RET | BPF_A, 0)};
	struct sock_fprog prog = {2, code};
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(500)};
	int one = 1, rc = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog)))
		rc = -errno;
	close(fd);
	return rc;
}

static int try_command(const char *arg)
{
	int status = system(arg);

	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOENT;
}

static int try_pidfd(const char *arg)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int try_program(const char *arg)
{
	char path[CMD_PATH_MAX];
	static const char *const places[] = {"/usr/bin", "/usr/sbin",      "/bin",
	                                     "/sbin",    "/usr/lib/ipsec", "/usr/lib/openssh"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], arg);
		if (access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

static int try_libexec(const char *arg)
{
	char path[CMD_PATH_MAX];

	return paths_libexec(arg, path);
}

#define LINK_TEST   "ip link add t0 type veth peer name t1 >/dev/null 2>&1"
#define BRIDGE_TEST "ip link add b0 type bridge >/dev/null 2>&1"
#define XFRM_TEST                                                                                            \
	"ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x100 mode tunnel enc 'cbc(aes)' "      \
	"0x00112233445566778899aabbccddeeff >/dev/null 2>&1"

static const struct check checks[] = {
        {"namespaces (network, mount)", NEEDED, try_nothing, NULL, ""},
        {"pidfd (Linux 5.3 or later)", NEEDED, try_pidfd, NULL, "run a Linux kernel of 5.3 or later"},
        {"TUN devices", NEEDED, try_tun, NULL, "modprobe tun (or give the container /dev/net/tun)"},
        {"raw sockets for protocol 50", NEEDED, try_raw, NULL,
         "a kernel with raw sockets; in a container CAP_NET_RAW"},
        {"SO_REUSEPORT steering (cBPF)", NEEDED, try_steering, NULL,
         "a kernel with SO_ATTACH_REUSEPORT_CBPF (Linux 4.5)"},
        {"orreryd beside this program", NEEDED, try_libexec, "orreryd", "make all, or make install"},
        {"orrery-card beside this program", NEEDED, try_libexec, "orrery-card", "make all, or make install"},
        {"ip (iproute2)", FOR_LABS, try_program, "ip", "apt-get install iproute2"},
        {"veth devices", FOR_LABS, try_command, LINK_TEST, "modprobe veth"},
        {"bridges", FOR_LABS, try_command, BRIDGE_TEST, "modprobe bridge"},
        {"strongSwan's charon", FOR_LABS, try_program, "charon",
         "apt-get install strongswan libcharon-extra-plugins"},
        {"swanctl", FOR_LABS, try_program, "swanctl", "apt-get install strongswan-swanctl"},
        {"snmptrapd", FOR_LABS, try_program, "snmptrapd", "apt-get install snmptrapd"},
        {"freeradius", FOR_LABS, try_program, "freeradius", "apt-get install freeradius"},
        {"sshd", FOR_LABS, try_program, "sshd", "apt-get install openssh-server"},
        {"sftp-server", FOR_LABS, try_program, "sftp-server", "apt-get install openssh-sftp-server"},
        {"ping", FOR_LABS, try_program, "ping", "apt-get install iputils-ping"},
        {"traceroute", OPTIONAL, try_program, "traceroute", "apt-get install traceroute"},
        {"kernel ESP (XFRM), not used by Orrery", OPTIONAL, try_command, XFRM_TEST, "nothing to do"},
};

#define CHECKS (sizeof(checks) / sizeof(checks[0]))

/* Run all checks inside fresh namespaces; results[i] = 0 or -errno. */
static int run_checks(int results[CHECKS], char *why, size_t whylen)
{
	int pipefd[2], n = 0;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int out[CHECKS], null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDERR_FILENO);
		if (userns_enter(true, why, whylen))
			_exit(1);
		for (size_t i = 0; i < CHECKS; i++)
			out[i] = checks[i].test(checks[i].arg);
		_exit(write(pipefd[1], out, sizeof(out)) == sizeof(out) ? 0 : 1);
	}
	close(pipefd[1]);
	n = (int)read(pipefd[0], results, sizeof(int) * CHECKS);
	close(pipefd[0]);
	waitpid(pid, NULL, 0);
	return n == (int)(sizeof(int) * CHECKS) ? 0 : -EPERM;
}

static void print_text(const int *results, bool namespaces, const char *why)
{
	struct utsname u;

	uname(&u);
	printf("%s %s, %s\n", u.sysname, u.release,
	       geteuid() == 0 ? "root" : "not root: everything runs in a user namespace");
	if (!namespaces) {
		printf("  missing  %-40s needed: %s\n", checks[0].name, why);
		return;
	}
	for (size_t i = 0; i < CHECKS; i++) {
		const struct check *c = &checks[i];

		if (!results[i])
			printf("  ok       %s\n", c->name);
		else
			printf("  %s  %-40s %s: %s\n", c->need == OPTIONAL ? "absent " : "missing", c->name,
			       need_names[c->need], c->remedy);
	}
}

static void print_json(const int *results, bool namespaces, const char *why, bool good)
{
	json_t *root = json_object(), *list = json_array();

	for (size_t i = 0; i < (namespaces ? CHECKS : 1); i++) {
		bool ok = namespaces && !results[i];

		json_array_append_new(list, json_pack("{s:s,s:b,s:s,s:s}", "name", checks[i].name, "ok", ok,
		                                      "need", need_names[checks[i].need], "remedy",
		                                      ok  ? ""
		                                      : i ? checks[i].remedy
		                                          : why));
	}
	json_object_set_new(root, "ok", json_boolean(good));
	json_object_set_new(root, "root", json_boolean(geteuid() == 0));
	json_object_set_new(root, "checks", list);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

int doctor_main(int argc, char **argv)
{
	int results[CHECKS] = {0};
	bool json = argc == 2 && !strcmp(argv[1], "--json"), namespaces, good;
	char why[512] = "";

	if (argc > 1 && !json)
		return cmd_misused("doctor", "\"%s\" is not an option of it", argv[1]);
	namespaces = userns_works(why, sizeof(why)) && !run_checks(results, why, sizeof(why));
	good = namespaces;
	for (size_t i = 0; i < CHECKS; i++)
		good = good && (!results[i] || checks[i].need != NEEDED);
	if (json)
		print_json(results, namespaces, why, good);
	else
		print_text(results, namespaces, why);
	if (!good)
		return cmd_fail("something Orrery needs is missing on this machine");
	return CMD_OK;
}
