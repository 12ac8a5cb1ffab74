/* SPDX-License-Identifier: MIT */
/*
 * Version texts of this build, see version.h. The Makefile gives ORRERY_VERSION to all objects and
 * ORRERY_COMMIT (and, where it can, ORRERY_BUILD_DATE) to this one only.
 */
#include "base/version.h"

#ifndef ORRERY_VERSION
#define ORRERY_VERSION "0.0.0"
#endif
#ifndef ORRERY_COMMIT
#define ORRERY_COMMIT "0000000000000000000000000000000000000000"
#endif
#ifndef ORRERY_BUILD_DATE
#define ORRERY_BUILD_DATE "Tue Mar  5 17:13:14 UTC 2024"
#endif

const char *version_number(void)
{
	return ORRERY_VERSION;
}

const char *version_commit(void)
{
	return ORRERY_COMMIT;
}

const char *version_build_date(void)
{
	return ORRERY_BUILD_DATE;
}
