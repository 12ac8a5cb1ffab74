/* SPDX-License-Identifier: MIT */
/* AES-XCBC-MAC and its prf: the vectors of RFC 3566 section 4.6 and RFC 4434 section 2, whole and in parts.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "mac/xcbc.h"

static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

struct vector {
	size_t len;
	const char *mac; /* hex */
};

/* The message of each is 00 01 02 …, of the last 1,000 zeros. */
static const struct vector vectors[] = {
        {0, "75f0251d528ac01c4573dfd584d79f29"},    {3, "5b376580ae2f19afe7219ceef172756f"},
        {16, "d2a246fa349b68a79998a4394ff7a263"},   {20, "47f51b4564966215b8985c63055ed308"},
        {32, "f54f0ec8d2b9f3d36807734bd5283fd4"},   {34, "becbb3bccdb518a30677d5481fb6b4d8"},
        {1000, "f0dafee895db30253761103b5d84528f"},
};

static void hex(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", p[i]);
}

static void check(struct xcbc *x, const struct vector *v, size_t step)
{
	uint8_t data[1000], mac[XCBC_LEN];
	char text[2 * XCBC_LEN + 1];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = v->len == 1000 ? 0 : (uint8_t)i;
	xcbc_begin(x);
	for (size_t at = 0; at < v->len; at += step)
		xcbc_add(x, data + at, v->len - at < step ? v->len - at : step);
	cr_assert_eq(xcbc_end(x, mac), 0);
	hex(mac, sizeof(mac), text);
	cr_assert_str_eq(text, v->mac, "%zu bytes by %zu: %s", v->len, step, text);
}

Test(xcbc, rfc3566_vectors_whole_and_in_parts)
{
	struct xcbc *x = xcbc_new(key);
	static const size_t steps[] = {1000, 1, 7, 15, 16, 17, 33};

	cr_assert_not_null(x);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++)
			check(x, &vectors[i], steps[k]);
	xcbc_free(x);
}

Test(xcbc, rfc4434_prf_takes_keys_of_any_length)
{
	static const struct {
		size_t len;
		const char *mac;
	} t[] = {{16, "47f51b4564966215b8985c63055ed308"},
	         {10, "0fa087af7d866e7653434e602fdde835"},
	         {18, "8cd3c93ae598a9803006ffb67c40e9e4"}};
	uint8_t data[20], k[18], mac[XCBC_LEN];
	struct xcbc *x = xcbc_new(key);
	char text[2 * XCBC_LEN + 1];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	memcpy(k, key, 16);
	k[16] = 0xed;
	k[17] = 0xcb;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		cr_assert_eq(xcbc_prf_key(x, k, t[i].len), 0);
		xcbc_begin(x);
		xcbc_add(x, data, sizeof(data));
		cr_assert_eq(xcbc_end(x, mac), 0);
		hex(mac, sizeof(mac), text);
		cr_assert_str_eq(text, t[i].mac, "key of %zu: %s", t[i].len, text);
	}
	xcbc_free(x);
}
