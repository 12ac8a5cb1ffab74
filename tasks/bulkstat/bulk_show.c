/* SPDX-License-Identifier: MIT */
/*
 * Shows as JSON: "bulkstats" (the server and its files), "bulkstats variables" (args: a schema; paged),
 * "bulkstats schemas", "bulkstats data". Keys are StarOS's labels in snake_case; the CLI makes the text.
 * Called by main.c.
 */
#include <string.h>

#include "base/clock.h"
#include "bulk_task.h"
#include "show/show.h"

static void set_int(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static void set_when(json_t *o, const char *key, uint64_t wall)
{
	char buf[CLOCK_TEXT_MAX];

	json_object_set_new(o, key,
	                    wall ? json_string(clock_format_exec(buf, sizeof(buf), wall, CLOCK_UTC))
	                         : json_null());
}

static uint64_t seconds(uint64_t us)
{
	return (us + US_PER_SEC / 2) / US_PER_SEC;
}

/* --- bulkstats
 * ------------------------------------------------------------------------------------------------------- */

static void add_stats(json_t *o, const struct bulk_stats *st, const struct bulk_waiting *w)
{
	set_int(o, "records_awaiting", w->records);
	set_int(o, "bytes_awaiting", w->bytes);
	set_int(o, "records_collected", st->collected_records);
	set_int(o, "bytes_collected", st->collected_bytes);
	set_int(o, "records_transmitted", st->sent_records);
	set_int(o, "bytes_transmitted", st->sent_bytes);
	set_int(o, "records_discarded", st->discarded_records);
	set_int(o, "bytes_discarded", st->discarded_bytes);
}

static json_t *receivers_json(const struct bulk_file *f)
{
	static const char *const words[] = {"SFTP", "FTP", "TFTP"};
	json_t *a = json_array();

	for (int i = 0; i < 2; i++)
		if (f->receiver[i].used) {
			json_t *o = json_object();

			json_object_set_new(o, "which", json_string(i ? "Secondary" : "Primary"));
			json_object_set_new(o, "address", show_text(f->receiver[i].address));
			json_object_set_new(o, "mechanism", json_string(words[f->receiver[i].mechanism]));
			json_object_set_new(o, "username", show_text(f->receiver[i].login));
			json_array_append_new(a, o);
		}
	return a;
}

static json_t *file_json(struct bulk_task *b, const struct bulk_file *f, struct bulk_stats *sum,
                         struct bulk_waiting *waiting)
{
	json_t *o = json_object();
	struct bulk_waiting w;

	bulk_spool_waiting(b, f->number, &w);
	set_int(o, "file", f->number);
	json_object_set_new(o, "remote_file_format", show_text(f->remote));
	json_object_set_new(o, "header", show_text(f->header ? f->header : ""));
	json_object_set_new(o, "footer", show_text(f->footer ? f->footer : ""));
	json_object_set_new(o, "local_directory",
	                    f->local_dir[0] ? show_format("/%s", f->local_dir) : json_string(""));
	json_object_set_new(o, "receivers", receivers_json(f));
	add_stats(o, &f->stats, &w);
	set_int(o, "last_transfer_seconds", seconds(f->stats.transfer_us));
	set_when(o, "last_success", f->stats.success_wall);
	set_int(o, "last_success_records", f->stats.success_records);
	set_int(o, "last_success_bytes", f->stats.success_bytes);
	set_when(o, "last_attempt", f->stats.attempt_wall);
	sum->collected_records += f->stats.collected_records;
	sum->collected_bytes += f->stats.collected_bytes;
	sum->sent_records += f->stats.sent_records;
	sum->sent_bytes += f->stats.sent_bytes;
	sum->discarded_records += f->stats.discarded_records;
	sum->discarded_bytes += f->stats.discarded_bytes;
	if (f->stats.transfer_us > sum->transfer_us)
		sum->transfer_us = f->stats.transfer_us;
	waiting->records += w.records;
	waiting->bytes += w.bytes;
	return o;
}

static json_t *show_bulkstats(struct task *t, struct show_page *page, char *err, size_t size)
{
	struct bulk_task *b = t->data;
	json_t *o = json_object(), *files = json_array();
	struct bulk_stats sum = {0};
	struct bulk_waiting waiting = {0};

	for (unsigned i = 0; i < BULK_FILES_MAX; i++)
		if (b->file[i].used)
			json_array_append_new(files, file_json(b, &b->file[i], &sum, &waiting));
	json_object_set_new(o, "collection", json_boolean(b->set.collect));
	set_int(o, "sample_interval", b->set.sample_min);
	set_int(o, "transfer_interval", b->set.transfer_min);
	set_int(o, "limit_bytes", b->set.limit);
	add_stats(o, &sum, &waiting);
	set_int(o, "last_collection_seconds", seconds(b->gather_us));
	set_int(o, "last_transfer_seconds", seconds(sum.transfer_us));
	json_object_set_new(o, "files", files);
	return o;
}

/* --- variables, schemas, data
 * ------------------------------------------------------------------------------------------- */

static json_t *show_variables(struct task *t, struct show_page *page, char *err, size_t size)
{
	json_t *o = json_object(), *rows = json_array();
	const struct bulk_schema *s;

	if (page->args[0] && !bulk_schema_find(page->args)) {
		snprintf(err, size, "Failure: schema %.31s has no variables on this chassis", page->args);
		json_decref(rows);
		json_decref(o);
		return NULL;
	}
	for (size_t i = 0; (s = bulk_schema_at(i)); i++)
		for (size_t k = 0; k < s->n && (!page->args[0] || !strcmp(page->args, s->name)); k++) {
			const struct bulk_var *v = &s->vars[k];

			if (show_wanted(page))
				json_array_append_new(
				        rows, json_pack("{s:i, s:s, s:s, s:s, s:i, s:s}", "index", (int)k,
				                        "schema", s->name, "variable", v->name, "type",
				                        bulk_schema_type_name(v->type), "key", (int)v->key,
				                        "counter_type", bulk_schema_kind_name(v->kind)));
		}
	json_object_set_new(o, "variables", rows);
	return o;
}

static json_t *show_schemas(struct task *t, struct show_page *page, char *err, size_t size)
{
	struct bulk_task *b = t->data;
	json_t *o = json_object(), *rows = json_array();

	for (unsigned i = 0; i < BULK_FILES_MAX; i++)
		for (size_t k = 0; k < b->file[i].n_lines; k++) {
			const struct bulk_line *l = &b->file[i].lines[k];
			json_t *row;

			if (!show_wanted(page))
				continue;
			row = json_object();
			set_int(row, "file", i + 1);
			json_object_set_new(row, "schema", show_text(l->schema));
			json_object_set_new(row, "name", show_text(l->name));
			json_object_set_new(row, "format", json_string(l->format));
			json_object_set_new(row, "active_only", json_boolean(l->active_only));
			json_array_append_new(rows, row);
		}
	json_object_set_new(o, "schemas", rows);
	return o;
}

/* What the configured lines would say of the newest sample. */
static json_t *show_data(struct task *t, struct show_page *page, char *err, size_t size)
{
	struct bulk_task *b = t->data;
	json_t *o = json_object(), *rows = json_array(), *objects, *x;
	char text[4096];
	struct bulk_env env;
	size_t n;

	for (unsigned i = 0; i < BULK_FILES_MAX; i++)
		for (size_t k = 0; k < b->file[i].n_lines; k++) {
			const struct bulk_line *l = &b->file[i].lines[k];

			bulk_gather_env(b, &b->file[i], b->sample_wall ? b->sample_wall : clock_wall_us(),
			                &env);
			objects = bulk_source_objects(b, l->schema);
			json_array_foreach(objects, n,
			                   x) if (show_wanted(page) &&
			                          bulk_format_expand(l->format, bulk_schema_find(l->schema),
			                                             &env, bulk_source_get, x, text,
			                                             sizeof(text)) >= 0)
			        json_array_append_new(rows, json_pack("{s:i, s:s, s:s, s:o}", "file",
			                                              (int)i + 1, "schema", l->schema, "name",
			                                              l->name, "record", show_text(text)));
			json_decref(objects);
		}
	json_object_set_new(o, "records", rows);
	return o;
}

void bulk_show_handle(struct task *t, const struct bus_msg *m)
{
	static const struct show_row rows[] = {
	        {"bulkstats", "the server, its files and their figures", show_bulkstats},
	        {"bulkstats variables", "every variable, or those of a schema", show_variables},
	        {"bulkstats schemas", "the configured lines", show_schemas},
	        {"bulkstats data", "what the configured lines say now", show_data},
	};

	show_dispatch(t, m, rows, sizeof(rows) / sizeof(rows[0]));
}
