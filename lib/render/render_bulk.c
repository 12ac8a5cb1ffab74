/* SPDX-License-Identifier: MIT */
/* Bulk statistics: show bulkstats, bulkstats variables (layouts/), bulkstats schemas and data (layouts of our
 * own). */
#include "render/render.h"

#include <stdio.h>

static void figure(const json_t *j, const char *indent, const char *label, const char *key, int width,
                   struct cli_out *out)
{
	cli_out_printf(out, "%s%-*s %lld\n", indent, width, label, render_num(j, key));
}

/* The eight lines that the server and each file have. */
static void figures(const json_t *j, const char *indent, struct cli_out *out)
{
	figure(j, indent, "Records awaiting transmission:", "records_awaiting", 30, out);
	figure(j, indent, "Bytes awaiting transmission:", "bytes_awaiting", 30, out);
	figure(j, indent, "Total records collected:", "records_collected", 30, out);
	figure(j, indent, "Total bytes collected:", "bytes_collected", 30, out);
	figure(j, indent, "Total records transmitted:", "records_transmitted", 30, out);
	figure(j, indent, "Total bytes transmitted:", "bytes_transmitted", 30, out);
	figure(j, indent, "Total records discarded:", "records_discarded", 30, out);
	figure(j, indent, "Total bytes discarded:", "bytes_discarded", 30, out);
}

static const char *quoted(const char *text)
{
	return *text ? text : "\"\"";
}

static void transfers(const json_t *f, struct cli_out *out)
{
	const char *success = render_str(f, "last_success"), *attempt = render_str(f, "last_attempt");

	if (*success || *attempt)
		cli_out_printf(out, "      %-30s %lld second(s)\n",
		               "Last transfer time required:", render_num(f, "last_transfer_seconds"));
	if (*success) {
		cli_out_printf(out, "      %-30s %s\n", "Last successful transfer:", success);
		figure(f, "      ", "Last successful tx recs:", "last_success_records", 30, out);
		figure(f, "      ", "Last successful tx bytes:", "last_success_bytes", 30, out);
	} else {
		cli_out_put(out, "      No successful data transfers\n");
	}
	if (*attempt)
		cli_out_printf(out, "      %-30s %s\n", "Last attempted transfer:", attempt);
	else
		cli_out_put(out, "      No attempted data transfers\n");
}

static void file_block(const json_t *f, struct cli_out *out)
{
	const json_t *r;
	size_t i;

	cli_out_printf(out, "\n  File %lld\n", render_num(f, "file"));
	cli_out_printf(out, "    %-30s %s\n",
	               "Remote File Format:", quoted(render_str(f, "remote_file_format")));
	cli_out_printf(out, "    %-30s %s\n", "File Header:", quoted(render_str(f, "header")));
	cli_out_printf(out, "    %-30s %s\n", "File Footer:", quoted(render_str(f, "footer")));
	if (*render_str(f, "local_directory")) /* ours */
		cli_out_printf(out, "    %-30s %s\n", "Local Directory:", render_str(f, "local_directory"));
	cli_out_put(out, "    Bulkstats Receivers:\n");
	json_array_foreach(render_list(f, "receivers"), i, r) cli_out_printf(
	        out, "        %s: %s using %s with username %s\n", render_str(r, "which"),
	        render_str(r, "address"), render_str(r, "mechanism"), render_str(r, "username"));
	cli_out_put(out, "    File Statistics:\n");
	figures(f, "      ", out);
	transfers(f, out);
}

void render_bulkstats(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *f;
	size_t i;

	cli_out_put(out, "Bulk Statistics Server Statistics:\n");
	figures(j, "  ", out);
	cli_out_printf(out, "  %-30s %lld second(s)\n",
	               "Last collection time required:", render_num(j, "last_collection_seconds"));
	cli_out_printf(out, "  %-30s %lld second(s)\n",
	               "Last transfer time required:", render_num(j, "last_transfer_seconds"));
	if (json_is_false(json_object_get(j, "collection"))) /* ours */
		cli_out_put(out, "  Bulk statistics collection is not enabled\n");
	json_array_foreach(render_list(j, "files"), i, f) file_block(f, out);
}

void render_bulkstats_variables(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *v;
	size_t i;
	char name[100];

	cli_out_put(out, "Index Schema    Variable Name                                               Data "
	                 "Type Key Counter Type\n"
	                 "----- --------- ----------------------------------------------------------  "
	                 "--------- --- ------------\n");
	json_array_foreach(render_list(j, "variables"), i, v)
	{
		snprintf(name, sizeof(name), "%%%s%%", render_str(v, "variable"));
		cli_out_printf(out, "%-5lld %-9s %-61s %-9s %-3lld %s\n", render_num(v, "index"),
		               render_str(v, "schema"), name, render_str(v, "type"), render_num(v, "key"),
		               render_str(v, "counter_type"));
	}
}

void render_bulkstats_schemas(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *s;
	size_t i;

	json_array_foreach(render_list(j, "schemas"), i, s)
	        cli_out_printf(out, "File %lld: %s schema %s%s format %s\n", render_num(s, "file"),
	                       render_str(s, "schema"), render_str(s, "name"),
	                       render_flag(s, "active_only") ? " active-only" : "", render_str(s, "format"));
	cli_out_printf(out, "Total schemas: %zu\n", json_array_size(render_list(j, "schemas")));
}

void render_bulkstats_data(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *r;
	size_t i;
	long long file = 0;

	json_array_foreach(render_list(j, "records"), i, r)
	{
		if (render_num(r, "file") != file)
			cli_out_printf(out, "%sFile %lld\n", i ? "\n" : "", render_num(r, "file"));
		file = render_num(r, "file");
		cli_out_printf(out, "%s\n", render_str(r, "record"));
	}
	if (!json_array_size(render_list(j, "records")))
		cli_out_put(out, "No data\n");
}
