/* SPDX-License-Identifier: MIT */
/* What the files of the bulkstat task share. Private to tasks/bulkstat. */
#ifndef TASKS_BULKSTAT_TASK_H
#define TASKS_BULKSTAT_TASK_H

#include <jansson.h>

#include "bulkstats/bulk_format.h"
#include "net/addr.h"
#include "store/store.h"
#include "task/task.h"

struct cfg_tree;

#define BULK_LINES_MAX 256 /* schema lines of one file */

/* One `<schema> schema NAME format …`. */
struct bulk_line {
	char schema[32], name[BULK_NAME_MAX + 1];
	char *format;
	bool active_only;
};

enum bulk_mechanism { BULK_SFTP, BULK_FTP, BULK_TFTP };
struct bulk_receiver {
	bool used;
	enum bulk_mechanism mechanism;
	char address[256], login[32], password[128];
};

struct bulk_stats {
	uint64_t collected_records, collected_bytes, sent_records, sent_bytes, discarded_records,
	        discarded_bytes;
	uint64_t transfer_us;                /* duration of the last transfer */
	uint64_t success_wall, attempt_wall; /* 0: none */
	uint64_t success_records, success_bytes;
};

/* One of the four file sets. */
struct bulk_file {
	bool used;
	unsigned number;
	char remote[256];
	char *header, *footer; /* NULL: none */
	char local_dir[256];   /* under the state directory; "": none */
	struct bulk_receiver receiver[2];
	bool redundant;
	struct bulk_line *lines;
	size_t n_lines;
	unsigned schemas_before;
	bool failed; /* the last attempt */
	struct bulk_stats stats;
};

struct bulk_settings {
	bool collect, gather_on_standby;
	unsigned sample_min, transfer_min;
	uint64_t limit; /* bytes waiting for transfer */
	char host[64], ipaddr[NET_ADDR_STRLEN];
};

struct bulk_task {
	struct task *t;
	struct store_reader *store;
	struct bulk_settings set;
	struct bulk_file file[BULK_FILES_MAX];
	bool serving; /* the chassis is active or alone */
	int ns_fd;    /* of context local */
	uint64_t boot_wall;
	struct task_timer *sample_timer, *transfer_timer, *retry_timer;

	/* gathering */
	bool gathering, transfer_after;
	unsigned waiting; /* answers outstanding */
	int gather_error;
	uint64_t gather_began, sample_wall, gather_us;
	json_t *icsr, *pools, *ifs, *cards; /* answers of srp, the vpnmgrs, the cards */

	/* transferring */
	bool transferring;
	unsigned push_file, push_receiver; /* what is being pushed */
	bool push_done_one;                /* one receiver has it */
	int transfer_error;
	char transfer_text[256];
	uint64_t transfer_us;

	struct bus_from gather_from[8], transfer_from[8];
	unsigned n_gather_from, n_transfer_from;
};

/* bulk_cfg.c */
void bulk_cfg_changed(struct task *t, const struct cfg_tree *tree, void *arg);
/* bulk_gather.c */
void bulk_gather_start(struct bulk_task *b);
void bulk_gather_timer(struct task *t, void *arg);
void bulk_gather_env(const struct bulk_task *b, const struct bulk_file *f, uint64_t wall_us,
                     struct bulk_env *env);
/* bulk_source.c: the objects of a schema as an array of JSON objects {variable: value}; a new reference,
 * NULL: none. */
json_t *bulk_source_objects(struct bulk_task *b, const char *schema);
/* bulk_port.c: what the kernel counts for the ports, from the vpnmgrs' answers to "ip interface". */
json_t *bulk_port_objects(struct bulk_task *b);
bool bulk_source_get(void *object, const char *variable, struct bulk_value *out);
/* bulk_spool.c: what waits, on the disk; each returns 0 or -errno unless said otherwise */
struct bulk_waiting {
	uint64_t records, bytes; /* pending records and closed files */
	unsigned files;
};
struct bulk_outfile {
	char path[1024];  /* on the disk */
	char remote[256]; /* name at the receiver */
	uint64_t records, bytes;
};
int bulk_spool_append(struct bulk_task *b, unsigned file, const char *text, size_t len, uint64_t records);
/* Make a file of what is pending (none: -ENODATA). */
int bulk_spool_close(struct bulk_task *b, unsigned file, const char *header, const char *footer,
                     const char *remote);
/* The oldest closed file of a set; -ENODATA. */
int bulk_spool_oldest(struct bulk_task *b, unsigned file, struct bulk_outfile *out);
int bulk_spool_remove(const struct bulk_outfile *f);
void bulk_spool_waiting(struct bulk_task *b, unsigned file, struct bulk_waiting *out);
/* Discard the oldest files until all waiting bytes fit the limit; counts. */
void bulk_spool_limit(struct bulk_task *b);
/* Copy a closed file into a directory of the chassis' disk, which is kept below max bytes. */
int bulk_spool_copy(struct bulk_task *b, const struct bulk_outfile *f, const char *dir, uint64_t max);
void bulk_spool_clear(struct bulk_task *b);
/* bulk_push.c: one transfer in a thread of its own */
struct bulk_push {
	char url[1024], path[1024], login[32], password[128], key[600];
	int ns_fd; /* -1: this process's namespace */
};
typedef void (*bulk_push_cb)(void *arg, int status, const char *text, uint64_t bytes, uint64_t us);
int bulk_push_init(uv_loop_t *loop);
/* 0: cb will be called from the loop. One at a time: -EBUSY. */
int bulk_push_start(const struct bulk_push *p, bulk_push_cb cb, void *arg);
/* The URL of a file at a receiver; 0 or -ENOSPC. */
int bulk_push_url(const struct bulk_receiver *r, const char *remote, char *url, size_t size);
/* bulk_probe.c: the uploader alone, for tests. */
int bulk_probe_main(int argc, char **argv);
/* bulk_transfer.c */
void bulk_transfer_start(struct bulk_task *b);
void bulk_transfer_timer(struct task *t, void *arg);
/* bulk_show.c */
void bulk_show_handle(struct task *t, const struct bus_msg *m);

#endif
