/* SPDX-License-Identifier: MIT */
/* Whether two policies say the same (lib/ike/ike_policy.c): every byte of every field counts, no other byte
 * does. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/ike.h"

/* All lists, names and keys as long as they can be: every byte of the struct says something, but its gaps. */
static void fill(struct ike_policy *p)
{
	memset(p, 1, sizeof(*p));
	p->n_ike = IKE_MAX_SUITES;
	p->n_payload = IKE_MAX_PAYLOADS;
	p->n_auth = IKE_MAX_AUTH_SETS;
	p->psk_len = p->psk_local_len = IKE_PSK_MAX;
	p->local_id.len = p->remote_id.len = IKE_ID_MAX;
	for (unsigned i = 0; i < IKE_MAX_PAYLOADS; i++) {
		p->payload[i].n_esp = IKE_MAX_SUITES;
		p->payload[i].n_ts_local = p->payload[i].n_ts_remote = IKE_MAX_TS;
	}
	for (unsigned i = 0; i < IKE_MAX_AUTH_SETS; i++)
		p->auth[i].psk_len = p->auth[i].psk_local_len = IKE_PSK_MAX;
}

/* A byte that does not count is in a gap before a field that has to be aligned, or behind the last one. */
Test(ike_policy, every_byte_counts_but_those_of_gaps)
{
	static struct ike_policy a, b;
	uint8_t *byte = (uint8_t *)&b;
	unsigned run = 0;

	fill(&a);
	fill(&b);
	cr_assert(ike_policy_equal(&a, &b));
	for (size_t i = 0; i < sizeof(b); i++) {
		byte[i] ^= 1;
		cr_expect_eq(ike_policy_equal(&a, &b), ike_policy_equal(&b, &a), "byte %zu", i);
		run = ike_policy_equal(&a, &b) ? run + 1 : 0;
		byte[i] ^= 1;
		cr_expect_leq(run, 4, "byte %zu", i);
	}
}

/* The text of a file of this project. */
static char *text_of(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	cr_assert(f, "%s", path);
	cr_assert_gt(getdelim(&text, &size, '\0', f), 0);
	fclose(f);
	return text;
}

/* Is it there as a word? */
static bool has_word(const char *text, const char *word, size_t len)
{
	for (const char *p = text; (p = strstr(p, word)); p++)
		if (!isalnum(p[len]) && p[len] != '_' && p > text && !isalnum(p[-1]) && p[-1] != '_')
			return true;
	return false;
}

/* Fields that would fit into a gap: each name of a declaration "type a[3], *b;" is in the comparison. */
Test(ike_policy, no_field_is_forgotten)
{
	static const char *const structs[] = {"struct ike_suite {", "struct ike_auth_set {",
	                                      "struct ike_payload {", "struct ike_policy {"};
	char *header = text_of("lib/ike/ike.h"), *code = text_of("lib/ike/ike_policy.c");

	for (size_t i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
		const char *at = strstr(header, structs[i]), *end = at ? strstr(at, "\n};") : NULL;
		unsigned n = 0;

		cr_assert(at && end, "%s", structs[i]);
		for (at += strlen(structs[i]); at < end; at++) {
			char word[64];
			size_t len;

			if (!strncmp(at, "/*", 2))
				at = strstr(at, "*/") + 1;
			if (!isalpha(*at) || isalnum(at[-1]) || at[-1] == '_')
				continue;
			len = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
			if (!strchr(",;[", at[len]) || at[-1] == '[')
				continue;
			snprintf(word, sizeof(word), "%.*s", (int)len, at);
			cr_expect(has_word(code, word, len), "%s %s", structs[i], word);
			at += len - 1;
			n++;
		}
		cr_expect_geq(n, 6, "%s", structs[i]);
	}
	free(header);
	free(code);
}

/* Behind the end of lists, names, keys and identities there is nothing. */
Test(ike_policy, what_is_behind_the_end_does_not_count)
{
	static struct ike_policy a, b;

	fill(&a);
	b = a;
	a.n_ike = b.n_ike = a.n_payload = b.n_payload = a.n_auth = b.n_auth = 1;
	b.ike[1].dh++;
	b.payload[1].family++;
	b.auth[1].local_cert = false;
	a.psk_len = b.psk_len = a.psk_local_len = b.psk_local_len = 7;
	b.psk[7]++;
	b.psk_local[7]++;
	a.auth[0].psk_len = b.auth[0].psk_len = a.auth[0].psk_local_len = b.auth[0].psk_local_len = 7;
	b.auth[0].psk[7]++;
	b.auth[0].psk_local[7]++;
	a.local_id.len = b.local_id.len = a.remote_id.len = b.remote_id.len = 7;
	b.local_id.data[7]++;
	b.remote_id.data[7]++;
	a.payload[0].n_esp = b.payload[0].n_esp = 1;
	b.payload[0].esp[1].encr++;
	a.payload[0].n_ts_local = b.payload[0].n_ts_local = 1;
	b.payload[0].ts_local[1].proto++;
	a.payload[0].n_ts_remote = b.payload[0].n_ts_remote = 0;
	b.payload[0].ts_remote[0].proto++;
	strcpy(a.name, "n");
	strcpy(b.name, "n");
	strcpy(a.own_url, "u");
	strcpy(b.own_url, "u");
	b.name[9]++;
	b.own_url[9]++;
	cr_expect(ike_policy_equal(&a, &b));
	b.psk[6]++;
	cr_expect_not(ike_policy_equal(&a, &b));
}
