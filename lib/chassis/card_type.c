/* SPDX-License-Identifier: MIT */
/* The table of card types, see card_type.h. The names are those `show card table` prints; part numbers are
 * invented. */
#include "chassis/card_type.h"

#include <string.h>

#define HASWELL  "Xeon E5-2648L v3 B1, 1800 MHz"
#define WESTMERE "Xeon L5638 B1, 2000 MHz"
#define CRYPTO   "DH8920CC A0"

/* Data cards run hotter than the ones in front; all of them shut down before their silicon does. */
#define HEAT_DPC                                                                                             \
	{                                                                                                    \
		41, 1, 0, 65, 75, 101                                                                        \
	}
#define HEAT_MIO                                                                                             \
	{                                                                                                    \
		38, 1, 0, 65, 75, 101                                                                        \
	}
#define HEAT_SSC                                                                                             \
	{                                                                                                    \
		28, 1, 0, 50, 60, 85                                                                         \
	}
#define HEAT_FSC                                                                                             \
	{                                                                                                    \
		33, 1, 0, 55, 65, 85                                                                         \
	}
#define RAIL                                                                                                 \
	{                                                                                                    \
		12000, 40, 10800, 0, 13200, 0                                                                \
	}
#define NONE                                                                                                 \
	{                                                                                                    \
		0, 0, 0, 0, 0, 0                                                                             \
	}

/*
 * mib_type is StarentCardType of STARENT-MIB: mio 34, fsc 41, dpc 42, ssc 45, cfc 47, sfc1p 48, dpc2 52, mio2
 * 53; the single virtual card has none: unknown 2. 16 crypto cores: IPSec Reference, cores 26-33 and 38-45 of
 * CPU 0 of a DPC2.
 */
static const struct card_type types[] = {
        {"DPC",
         "DPC",
         "Data Processing Card",
         2,
         false,
         true,
         42,
         false,
         "ASR55-DPC-K9",
         "73-00002-01 A0",
         "68-0002-01 A0",
         WESTMERE,
         2,
         "CN5650",
         32,
         0,
         0,
         0,
         HEAT_DPC,
         RAIL},
        {"DPC2",
         "DPC",
         "Data Processing Card 2",
         3,
         false,
         true,
         52,
         true,
         "ASR55-DPC2-K9",
         "73-00001-01 A0",
         "68-0001-01 A0",
         HASWELL,
         2,
         CRYPTO,
         64,
         16,
         0,
         0,
         HEAT_DPC,
         RAIL},
        {"UDPC",
         "DPC",
         "Univ Data Processing Card",
         2,
         false,
         true,
         42,
         false,
         "ASR55-UDPC-K9",
         "73-00003-01 A0",
         "68-0003-01 A0",
         WESTMERE,
         2,
         "CN5650",
         32,
         0,
         0,
         0,
         HEAT_DPC,
         RAIL},
        {"UDPC2",
         "DPC",
         "Univ Data Processing Card 2",
         3,
         false,
         true,
         52,
         true,
         "ASR55-UDPC2-K9",
         "73-00004-01 A0",
         "68-0004-01 A0",
         HASWELL,
         2,
         CRYPTO,
         64,
         16,
         0,
         0,
         HEAT_DPC,
         RAIL},
        {"MIO",
         "MMIO",
         "Management & 20x10Gb I/O Card",
         1,
         true,
         false,
         34,
         false,
         "ASR55-MIO-BASE",
         "73-00005-01 A0",
         "68-0005-01 A0",
         WESTMERE,
         2,
         "",
         96,
         0,
         0,
         0,
         HEAT_MIO,
         RAIL},
        {"UMIO",
         "MMIO",
         "Univ Management & 20x10Gb I/O Card",
         1,
         true,
         false,
         34,
         false,
         "ASR55-UMIO-BASE",
         "73-00006-01 A0",
         "68-0006-01 A0",
         WESTMERE,
         2,
         "",
         96,
         0,
         0,
         0,
         HEAT_MIO,
         RAIL},
        {"MIO2",
         "MMIO",
         "Management & 20x10Gb I/O Card 2",
         1,
         true,
         false,
         53,
         false,
         "ASR55-MIO2-BASE",
         "73-00007-01 A0",
         "68-0007-01 A0",
         HASWELL,
         2,
         "",
         128,
         0,
         0,
         0,
         HEAT_MIO,
         RAIL},
        {"SSC",
         "SSC",
         "System Status Card",
         0,
         false,
         false,
         45,
         false,
         "ASR55-SSC",
         "73-00008-01 A0",
         "68-0008-01 A0",
         "",
         0,
         "",
         0,
         0,
         0,
         0,
         HEAT_SSC,
         RAIL},
        {"FSC",
         "FSC",
         "Fabric & 1x400GB Storage Card",
         0,
         false,
         false,
         41,
         false,
         "ASR55-FSC-400GB",
         "73-00009-01 A0",
         "68-0009-01 A0",
         "",
         0,
         "",
         0,
         0,
         1,
         400,
         HEAT_FSC,
         RAIL},
        {"FSC200",
         "FSC",
         "Fabric & 2x200GB Storage Card",
         0,
         false,
         false,
         41,
         false,
         "ASR55-FSC-2X200GB",
         "73-00010-01 A0",
         "68-0010-01 A0",
         "",
         0,
         "",
         0,
         0,
         2,
         200,
         HEAT_FSC,
         RAIL},
        {"VC", "VC", "Virtual Card", 1, true, true, 2, false, "", "", "", "", 0, "", 0, 0, 0, 0, NONE, NONE},
        {"CFC", "CFC", "Control Function Virtual Card",
         1,     true,  false,
         47,    false, "",
         "",    "",    "",
         0,     "",    0,
         0,     0,     0,
         NONE,  NONE},
        {"SFC", "FC",  "1-Port Service Function Virtual Card",
         1,     false, true,
         48,    false, "",
         "",    "",    "",
         0,     "",    0,
         0,     0,     0,
         NONE,  NONE},
};

const struct card_type *card_types(size_t *n)
{
	*n = sizeof(types) / sizeof(types[0]);
	return types;
}

const struct card_type *card_type_find(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}
