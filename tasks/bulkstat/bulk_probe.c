/* SPDX-License-Identifier: MIT */
/*
 * The uploader without a chassis, for the interoperability test and for trying a receiver:
 *	bulkstat --push {sftp|ftp|tftp} ADDRESS[:PORT] LOGIN {password PASSWORD | key KEYFILE} FILE REMOTE
 * Exit 0: the receiver has it. Called by main.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulk_task.h"

static int result = 1;

static void pushed(void *arg, int status, const char *text, uint64_t bytes, uint64_t us)
{
	result = status != 0;
	if (status)
		fprintf(stderr, "%s\n", text);
	else
		printf("%llu bytes in %llu us\n", (unsigned long long)bytes, (unsigned long long)us);
	uv_stop(arg);
}

int bulk_probe_main(int argc, char **argv)
{
	struct bulk_receiver r = {.used = true};
	struct bulk_push p = {.ns_fd = -1};

	if (argc != 9) {
		fprintf(stderr, "usage: bulkstat --push {sftp|ftp|tftp} ADDRESS[:PORT] LOGIN {password P | "
		                "key FILE} FILE REMOTE\n");
		return 2;
	}
	r.mechanism = !strcmp(argv[2], "ftp") ? BULK_FTP : !strcmp(argv[2], "tftp") ? BULK_TFTP : BULK_SFTP;
	snprintf(r.address, sizeof(r.address), "%s", argv[3]);
	snprintf(p.login, sizeof(p.login), "%s", argv[4]);
	if (!strcmp(argv[5], "key"))
		snprintf(p.key, sizeof(p.key), "%s", argv[6]);
	else
		snprintf(p.password, sizeof(p.password), "%s", argv[6]);
	snprintf(p.path, sizeof(p.path), "%s", argv[7]);
	if (bulk_push_url(&r, argv[8], p.url, sizeof(p.url)) || bulk_push_init(uv_default_loop()) ||
	    bulk_push_start(&p, pushed, uv_default_loop()))
		return 1;
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	return result;
}
