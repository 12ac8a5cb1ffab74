/* SPDX-License-Identifier: MIT */
/*
 * What this build is, for `show version`, `orrery --version` and the header of saved files.
 * version.o alone is compiled with the commit, so a new commit rebuilds one object.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

const char *version_number(void); /* "21.24.0" */
const char *version_commit(void); /* 40 hex digits, zeroes when built outside a repository */
const char *version_build_date(
        void); /* "Tue Mar  5 17:13:14 UTC 2024" from SOURCE_DATE_EPOCH or the commit's date */

#endif
