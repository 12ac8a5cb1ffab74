/* SPDX-License-Identifier: MIT */
/* Fuzz what a directory answers: any bytes as an entry, looked through for a list and for a certificate. What
 * is found is not longer than what was given. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "certs/certs_ldap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + !size), *p; /* not one byte more for who reads too far */
	size_t len;

	if (!text)
		return 0;
	memcpy(text, data, size);
	for (int crl = 0; crl < 2; crl++) {
		int rc = certs_ldap_value(text, size, crl, &p, &len);

		if ((rc == 0) != (p != NULL) || len > size)
			abort();
		free(p);
	}
	free(text);
	return 0;
}
