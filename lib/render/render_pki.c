/* SPDX-License-Identifier: MIT */
/*
 * Certificates and revocation lists. No public sample of StarOS's layout is known; fields, their order and
 * the dates are those of openssl's text form, one to a line.
 */
#include <time.h>
#include "render/render.h"

/* "Nov 30 02:28:03 2026 GMT", as openssl writes it. */
static const char *date(const json_t *j, const char *key, char *buf, size_t size)
{
	time_t s = (time_t)render_num(j, key);
	struct tm tm;

	if (s <= 0 || !gmtime_r(&s, &tm) || !strftime(buf, size, "%b %e %H:%M:%S %Y GMT", &tm))
		return "NONE";
	return buf;
}

static void line(struct cli_out *out, const char *label, const char *value)
{
	cli_out_printf(out, "  %-27s: %s\n", label, value);
}

static void line_if(struct cli_out *out, const char *label, const char *value)
{
	if (*value)
		line(out, label, value);
}

/* The name, and why there is nothing more to tell. */
static bool head(const json_t *j, const json_t *c, size_t i, struct cli_out *out)
{
	cli_out_printf(out, "%s%s Name: %s\n", i ? "\n" : "", render_str(j, "kind"), render_str(c, "name"));
	if (!*render_str(c, "problem"))
		return true;
	line(out, "Status", render_str(c, "problem"));
	return false;
}

static void tail(const json_t *c, struct cli_out *out)
{
	line(out, "Format", *render_str(c, "format") == 'd' ? "DER" : "PEM");
	line(out, "Source", render_str(c, "source"));
	if (json_object_get(c, "private_key"))
		line(out, "Private Key", render_flag(c, "private_key") ? "Present" : "None");
}

static void one_certificate(const json_t *c, struct cli_out *out)
{
	char buf[64];

	cli_out_printf(out, "  %-27s: %lld\n", "Version", render_num(c, "version"));
	line(out, "Serial Number", render_str(c, "serial"));
	line(out, "Signature Algorithm", render_str(c, "signature_algorithm"));
	line(out, "Issuer", render_str(c, "issuer"));
	line(out, "Validity Not Before", date(c, "not_before_s", buf, sizeof(buf)));
	line(out, "Validity Not After", date(c, "not_after_s", buf, sizeof(buf)));
	line(out, "Status", render_str(c, "status"));
	line(out, "Subject", render_str(c, "subject"));
	line_if(out, "Subject Alternative Name", render_str(c, "alternative_names"));
	line(out, "Public Key", render_str(c, "public_key"));
	line_if(out, "Key Usage", render_str(c, "key_usage"));
	line(out, "CA", render_yes(render_flag(c, "ca")));
	line(out, "SHA1 Fingerprint", render_str(c, "fingerprint_sha1"));
	line(out, "SHA256 Fingerprint", render_str(c, "fingerprint_sha256"));
	line(out, "Public Key SHA1", render_str(c, "key_id"));
	if (render_num(c, "further"))
		cli_out_printf(out, "  %-27s: %lld\n", "Further Certificates", render_num(c, "further"));
}

void render_certificates(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(render_list(j, "list"), i, c)
	{
		if (head(j, c, i, out))
			one_certificate(c, out);
		tail(c, out);
	}
}

static void one_crl(const json_t *c, struct cli_out *out)
{
	const json_t *e;
	char buf[64];
	size_t i;

	cli_out_printf(out, "  %-27s: %lld\n", "Version", render_num(c, "version"));
	line(out, "Signature Algorithm", render_str(c, "signature_algorithm"));
	line(out, "Issuer", render_str(c, "issuer"));
	line(out, "Last Update", date(c, "this_update_s", buf, sizeof(buf)));
	line(out, "Next Update", date(c, "next_update_s", buf, sizeof(buf)));
	line(out, "Status", render_str(c, "status"));
	line_if(out, "CRL Number", render_str(c, "crl_number"));
	line(out, "SHA256 Fingerprint", render_str(c, "fingerprint_sha256"));
	cli_out_printf(out, "  %-27s: %lld\n", "Revoked Certificates", render_num(c, "revoked"));
	json_array_foreach(render_list(c, "entries"), i, e)
	{
		cli_out_printf(out, "    Serial Number: %s\n", render_str(e, "serial"));
		cli_out_printf(out, "      Revocation Date: %s\n", date(e, "revoked_s", buf, sizeof(buf)));
		if (*render_str(e, "reason"))
			cli_out_printf(out, "      CRL Reason: %s\n", render_str(e, "reason"));
	}
}

void render_crls(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(render_list(j, "list"), i, c)
	{
		if (head(j, c, i, out))
			one_crl(c, out);
		tail(c, out);
	}
}
