/* SPDX-License-Identifier: MIT */
/*
 * Shows of cards, hardware, tasks, CPUs and ports as text, byte by byte: fixed trees against the exact
 * columns of StarOS (values are invented). Subject: lib/render.
 */
#include "tests/unit/render_test.h"

TestSuite(render_chassis, .fini = render_done);

/* --- the machine
 * ------------------------------------------------------------------------------------------------------- */

Test(render_chassis, version)
{
	expect(render_version,
	       "{'image_version':'21.24.0','build_number':'80017','description':'Deployment_Build','date':'"
	       "Tue Feb  3 09:10:27 UTC 2026',"
	       "'boot_image':'/flash/"
	       "asr5500-21.24.0.bin.SPA','commit':'0a1b2c3d4e5f60718293a4b5c6d7e8f901234567'}",
	       NULL,
	       "Active Software:\n"
	       "  Image Version:                  21.24.0\n"
	       "  Image Build Number:             80017\n"
	       "  Image Description:              Deployment_Build\n"
	       "  Image Date:                     Tue Feb  3 09:10:27 UTC 2026\n"
	       "  Boot Image:                     /flash/asr5500-21.24.0.bin.SPA\n"
	       "  Source Commit ID:               0a1b2c3d4e5f60718293a4b5c6d7e8f901234567\n");
}

Test(render_chassis, uptime)
{
	expect(render_uptime, "{'uptime_us': 1062300000000}", NULL, "System uptime: 12D 7H 5M\n\n");
}

#define CARDS                                                                                                \
	"{'cards':[{'slot':1,'slot_type':'DPC','description':'Data Processing Card "                         \
	"2','state':'active','installed':true,"                                                              \
	"'present':true,'cpus':3,'changed':1772280674000000,'want_active':true},"                            \
	"{'slot':4,'slot_type':'DPC','description':'None','state':'','installed':false},"                    \
	"{'slot':5,'slot_type':'MMIO','description':'Management & 20x10Gb I/O "                              \
	"Card','state':'active','installed':true,'spof':true},"                                              \
	"{'slot':10,'slot_type':'DPC','description':'Data Processing Card "                                  \
	"2','state':'standby','installed':true}]}"

Test(render_chassis, card_table)
{
	expect(render_card_table, CARDS, NULL,
	       "Slot         Card Type                               Oper State     SPOF  Attach\n"
	       "-----------  --------------------------------------  -------------  ----  ------\n"
	       " 1: DPC      Data Processing Card 2                  Active         No          \n"
	       " 4: DPC      None                                    -              -           \n"
	       " 5: MMIO     Management & 20x10Gb I/O Card           Active         Yes         \n"
	       "10: DPC      Data Processing Card 2                  Standby        -           \n");
}

#define LEDS "'leds':{'run_fail':'Green','active':'Green','redundant':'Green'}"
#define CARD1                                                                                                \
	"{'slot':1,'slot_type':'DPC','type':'DPC2','description':'Data Processing Card "                     \
	"2','state':'active','installed':true,"                                                              \
	"'present':true,'usable':true,'desired':'Active','cpus':3,'changed':1772280674000000," LEDS          \
	",'sensors':{'temperature':41,'limit':101,'heat':'Normal','millivolts':12040,'supply':'Normal'},"    \
	"'hardware':{'product':'ASR55-DPC2-K9','part':'73-00001-01 A0','top_assembly':'68-0001-01 "          \
	"A0','serial':"                                                                                      \
	"'FLM00000001','socket':'Xeon E5-2648L v3 B1, 1800 MHz','chipset':'DH8920CC "                        \
	"A0','sockets':2,'memory_gb':64,"                                                                    \
	"'crypto_cores':16}}"
#define CARD2                                                                                                \
	"{'slot':2,'slot_type':'DPC','type':'DPC2','description':'Data Processing Card "                     \
	"2','state':'offline','installed':true,"                                                             \
	"'halted':true,'desired':'Active','cpus':1,'leds':{'run_fail':'Off','active':'Off','redundant':'"    \
	"Off'},"                                                                                             \
	"'sensors':{'temperature':41,'limit':101,'heat':'Normal','millivolts':12040,'supply':'Normal'}}"

Test(render_chassis, card_info)
{
	expect(render_card_info, "{'cards':[" CARD1 "]}", NULL,
	       "Card 1:\n"
	       "  Slot Type               : DPC\n"
	       "  Card Type               : Data Processing Card 2\n"
	       "  Operational State       : Active\n"
	       "  Last State Change       : Saturday February 28 12:11:14 UTC 2026\n"
	       "  Desired Mode            : Active\n"
	       "  Administrative State    : Enabled\n"
	       "  Card Lock               : Locked\n"
	       "  Halt Issued             : No\n"
	       "  Busied Out              : No\n"
	       "  Reboot Pending          : No\n"
	       "  Upgrade In Progress     : No\n"
	       "  Card Usable             : Yes\n"
	       "  Single Point of Failure : No\n"
	       "  Temperature             : 41 C (limit 101 C)\n"
	       "  Voltages                : Good\n"
	       "  Card LEDs               : Run/Fail: Green  | Active: Green  | Redundant: Green\n"
	       "  CPU 0                   : Diags/Kernel Running, Tasks Running\n"
	       "  CPU 1                   : Diags/Kernel Running, Tasks Running\n"
	       "  CPU 2                   : Diags/Kernel Running, Tasks Running\n");
}

Test(render_chassis, card_info_blocks_are_apart_and_a_halted_card_is_dark)
{
	contains(render_card_info, "{'cards':[" CARD1 "," CARD2 "]}", NULL, "Tasks Running\n\nCard 2:\n");
	contains(render_card_info, "{'cards':[" CARD2 "]}", NULL,
	         "  Card Lock               : Unlocked\n  Halt Issued             : Yes\n");
	contains(render_card_info, "{'cards':[" CARD2 "]}", NULL,
	         "  Single Point of Failure : No\n"
	         "  Card LEDs               : Run/Fail: Off  | Active: Off  | Redundant: Off\n"
	         "  CPU 0                   : Down\n");
}

Test(render_chassis, leds)
{
	expect(render_leds,
	       "{'trouble':true,'service':true,'cards':[" CARD1
	       ",{'slot':5,'slot_type':'MMIO','management':true,'master':"
	       "true,'state':'active'," LEDS "},{'slot':11,'slot_type':'SSC','state':'active'," LEDS "}]}",
	       NULL,
	       "Slot 01: Run/Fail: Green  | Active: Green  | Redundant: Green\n"
	       "Slot 05: Run/Fail: Green  | Active: Green  | Redundant: Green  | Master: Green\n"
	       "Slot 11: Run/Fail: Green  | Active: Green  | Redundant: Green  | Status: Red  | Service: "
	       "Amber\n");
	contains(render_leds, "{'cards':[{'slot':11,'slot_type':'SSC','state':'active'," LEDS "}]}", NULL,
	         "| Status: Green  | Service: Off\n");
}

#define FANS                                                                                                 \
	"'fans':[{'tray':1,'name':'Lower Rear','state':'Normal','percent':60,'temperature':25},"             \
	"{'tray':2,'name':'Lower Front','state':'Failed','percent':0,'temperature':24},"                     \
	"{'tray':3,'name':'Upper Rear','state':'Not Present','percent':0,'temperature':29}]"

Test(render_chassis, temperature_fans_and_power)
{
	expect(render_temperature, "{'cards':[" CARD1 "," CARD2 "]," FANS "}", NULL,
	       "Card  1:   Normal\nCard  2:   Offline\nFan Lower Rear: 25 C\nFan Lower Front: 24 C\n");
	expect(render_fans, "{" FANS "}", NULL,
	       "Lower Rear   Fan Tray: State=Normal                    Speed=60% Temp=25 C\n"
	       "Lower Front  Fan Tray: State=Failed                    Speed=0% Temp=24 C\n"
	       "Upper Rear   Fan Tray: State=Not Present              \n");
	expect(render_power_chassis,
	       "{'feeds':[{'name':'A','state':'Normal'},{'name':'B','state':'Normal'}]}", NULL,
	       "All power sources are good\n");
	expect(render_power_chassis,
	       "{'feeds':[{'name':'A','state':'Normal'},{'name':'B','state':'Failed'}]}", NULL,
	       "Power Filter Unit A: Good\nPower Filter Unit B: Failed\n");
}

/* The layout's sample, without the lines of CPU 1 and 2, which are those of CPU 0. */
Test(render_chassis, card_hardware)
{
	contains(render_card_hardware, "{'cards':[" CARD1 "]}", NULL,
	         "Card 1:\n"
	         "  Card Type               : Data Processing Card 2 (R01)\n"
	         "  Description             : DPC2\n"
	         "  Cisco Part Number       : 73-00001-01 A0\n"
	         "  UDI Serial Number       : FLM00000001\n"
	         "  UDI Product ID          : ASR55-DPC2-K9\n"
	         "  UDI Version ID          : V01\n"
	         "  UDI Top Assem Num       : 68-0001-01 A0\n"
	         "  Card Programmables      : up to date\n"
	         "  BCF2                    : on-card 0.11.0\n"
	         "  CAF2                    : on-card 0.0.11\n"
	         "  CPU 0 Type/Memory       : Socket 0: Xeon E5-2648L v3 B1, 1800 MHz\n"
	         "                          : Socket 1: Xeon E5-2648L v3 B1, 1800 MHz\n"
	         "                          : Chipset: DH8920CC A0, 64 GB\n"
	         "  CPU 0 DIMM-N0C0D0 P/N   : 16G-DDR4-SIM01\n"
	         "  CPU 0 DIMM-N0C1D0 P/N   : 16G-DDR4-SIM01\n"
	         "  CPU 0 DIMM-N1C0D0 P/N   : 16G-DDR4-SIM01\n"
	         "  CPU 0 DIMM-N1C1D0 P/N   : 16G-DDR4-SIM01\n"
	         "  CPU 0 BIOS              : on-card-a 0.9.1, on-card-b 0.9.1\n"
	         "  CPU 0 i82599            : eeprom-a 0.0.1\n"
	         "  CPU 0 i210              : eeprom-a 0.0.1\n"
	         "  CPU 0 CFE Loaded        : on-card 3.9.0\n"
	         "  CPU 0 CFE ROM           : on-card-a 3.9.0, on-card-b 3.9.0\n"
	         "  CPU 0 DH89XXCC          : on-card 0.9.0\n"
	         "  CPU 1 Type/Memory       : Socket 0: ");
}

Test(render_chassis, card_diag)
{
	expect(render_card_diag, "{'cards':[" CARD1 "," CARD2 "]}", NULL,
	       "Card 1:\n"
	       "  Card Usable             : Yes\n"
	       "  Card Tests              : Pass\n"
	       "  Operational State       : Active\n"
	       "  Temperature             : 41 C (limit 101 C), Normal\n"
	       "  Voltage 12 V            : 12.04 V, Normal\n"
	       "\n"
	       "Card 2:\n"
	       "  Card Usable             : No\n"
	       "  Card Tests              : Not Run\n"
	       "  Operational State       : Offline\n");
}

#define RAID_CARD "'disks':1,'disk_gb':400,'serial':'FLM00000014'"
#define RAID(missing, in)                                                                                    \
	"{'raid':{'missing':" missing                                                                        \
	",'size_gb':1200,'events':7,'uuid':'2f0a51c7:7be03d18:90c4a6e2:0d5b1f34','created':"                 \
	"1768210244000000,'updated':1772557982000000,'cards':[{'slot':14,'in_sync':" in "," RAID_CARD "}]}}"

Test(render_chassis, hd_raid)
{
	expect(render_hd_raid, RAID("0", "true"), "verbose",
	       "HD RAID:\n"
	       "  State                     : Available (clean)\n"
	       "  Degraded                  : No\n"
	       "  UUID                      : 2f0a51c7:7be03d18:90c4a6e2:0d5b1f34\n"
	       "  Size                      : 1.2TB (1200000000000 bytes)\n"
	       "  Action                    : Idle\n"
	       "  Card 14\n"
	       "    State                   : In-sync card\n"
	       "    Created                 : Mon Jan 12 09:30:44 2026\n"
	       "    Updated                 : Tue Mar 03 17:13:02 2026\n"
	       "    Events                  : 7\n"
	       "    Description             : FSC14 FLM00000014\n"
	       "    Size                    : 400GB (400000000000 bytes)\n"
	       "    Disk hd14a\n"
	       "      State                 : In-sync component\n"
	       "      Model                 : ORRERY SSD-400 F001\n"
	       "      Serial Number         : SIM00000000000000014\n"
	       "      Size                  : 400GB (400000000000 bytes)\n");
	contains(render_hd_raid, RAID("1", "false"), "verbose",
	         "  State                     : Available (degraded)\n"
	         "  Degraded                  : Yes\n");
	contains(render_hd_raid, RAID("1", "false"), "verbose",
	         "  Card 14\n    State                   : Missing card\n");
	contains(render_hd_raid, RAID("2", "false"), NULL,
	         "  State                     : Not available (failed)\n");
}

#define FABRIC(n)                                                                                            \
	"{'fabric':{'installed':2,'serving':" #n                                                             \
	",'needed':1,'cards':[{'slot':14,'state':'active'},{'slot':15,'state':''}]}}"

Test(render_chassis, fabric)
{
	expect(render_fabric, FABRIC(1), NULL,
	       "Fabric:\n"
	       "  State                     : Degraded\n"
	       "  Cards Active              : 1 of 2 (needed: 1)\n"
	       "  Bandwidth                 : 50%\n"
	       "  Card 14                   : Active\n"
	       "  Card 15                   : None\n");
	contains(render_fabric, FABRIC(0), NULL,
	         "  State                     : Down (no packet passes between ports and packet cards)\n"
	         "  Cards Active              : 0 of 2 (needed: 1)\n"
	         "  Bandwidth                 : 0%\n");
	contains(render_fabric, FABRIC(2), NULL, "  State                     : Normal\n");
}

/* Sizes in the layout's four digits: 27.91M is 29265756 bytes, 231.8M 243059917. */
Test(render_chassis, task_resources)
{
	expect(render_task_resources,
	       "{'tasks':["
	       "{'card':1,'cpu':0,'facility':'vpnmgr','instance':2,'state':'active','cpu_percent':0.33,'rss':"
	       "59045315,'files':26,"
	       "'cpu_alloc_permille':300,'memory_alloc_tenth_mb':858,'files_alloc':2400},"
	       "{'card':1,'cpu':0,'facility':'ipsecmgr','instance':1,'state':'active','cpu_percent':4.8,'rss'"
	       ":96888422,"
	       "'files':21,'sessions':11,'cpu_alloc_permille':1000,'memory_alloc_tenth_mb':2200,'files_alloc'"
	       ":1000,"
	       "'sessions_alloc':65536},"
	       "{'card':1,'cpu':0,'facility':'sessmgr','instance':5004,'state':'standby','cpu_percent':0.18,'"
	       "rss':133483725,'files':28,"
	       "'cpu_alloc_permille':500,'memory_alloc_tenth_mb':2700,'files_alloc':500,'sessions_alloc':"
	       "12000},"
	       "{'card':1,'cpu':0,'facility':'sessmgr','instance':3,'state':'active','cpu_percent':11.2,'rss'"
	       ":243059917,'files':33,"
	       "'sessions':1450,'cpu_alloc_permille':1000,'memory_alloc_tenth_mb':9000,'files_alloc':500,'"
	       "sessions_alloc':12000},"
	       "{'card':5,'cpu':0,'facility':'cli','instance':5002014,'state':'starting','cpu_alloc_permille'"
	       ":600,"
	       "'memory_alloc_tenth_mb':650,'files_alloc':7000},"
	       "{'card':5,'cpu':0,'facility':'sitreap','instance':5000211,'state':'active','cpu_percent':0."
	       "001,'rss':53248,'files':4,"
	       "'cpu_alloc_permille':50,'memory_alloc_tenth_mb':150,'files_alloc':100}]}",
	       NULL,
	       "                   task   cputime        memory     files      sessions\n"
	       " cpu facility      inst  used  allc   used  alloc used allc  used  allc S status\n"
	       "----------------------- ----------- ------------- --------- ------------- ------\n"
	       " 1/0 vpnmgr           2 0.33%   30% 56.31M 85.80M   26 2400    --    -- -   good\n"
	       " 1/0 ipsecmgr         1 4.80%  100% 92.40M 220.0M   21 1000    --    -- -   good\n"
	       " 1/0 sessmgr       5004 0.18%   50% 127.3M 270.0M   28  500    --    -- S   good\n"
	       " 1/0 sessmgr          3   11%  100% 231.8M 900.0M   33  500  1450 12000 I   good\n"
	       " 5/0 cli        5002014   --  60%     -- 65.00M   -- 7000    --    -- -  start\n"
	       " 5/0 sitreap    5000211 0.00% 5.00%    52K 15.00M    4  100    --    -- -   good\n"
	       "Total                 6  16.51%    507.9M            112        1450\n");
}

Test(render_chassis, session_recovery)
{
	static const char tree[] = "{'ready':true,'age_s':2,'cpus':["
	                           "{'card':1,'cpu':0,'state':'Active','sess_active':24,'sess_standby':1,'"
	                           "aaa_active':24,'aaa_standby':1,'demux':0,'good':true},"
	                           "{'card':5,'cpu':0,'state':'Active','sess_active':0,'sess_standby':0,'aaa_"
	                           "active':0,'aaa_standby':0,'demux':14,'good':true},"
	                           "{'card':10,'cpu':0,'state':'Standby','sess_active':0,'sess_standby':24,'"
	                           "aaa_active':0,'aaa_standby':25,'demux':0,"
	                           "'good':true}]}";

	expect(render_session_recovery, tree, NULL,
	       "Session Recovery Status:\n"
	       "  Overall Status         : Ready For Recovery\n"
	       "  Last Status Update     : 2 seconds ago\n");
	expect(render_session_recovery, tree, "verbose",
	       "Session Recovery Status:\n"
	       "  Overall Status         : Ready For Recovery\n"
	       "  Last Status Update     : 2 seconds ago\n"
	       "\n"
	       "              ----sessmgr---  ----aaamgr----  demux\n"
	       " cpu state    active standby  active standby  active  status\n"
	       "---- -------  ------ -------  ------ -------  ------  -------------------------\n"
	       " 1/0 Active   24     1        24     1        0       Good                     \n"
	       " 5/0 Active   0      0        0      0        14      Good (Demux)             \n"
	       "10/0 Standby  0      24       0      25       0       Good                     \n");
	contains(render_session_recovery, "{'ready':false}", NULL,
	         "Overall Status         : SESSMGR Not Ready For Recovery\n");
}

Test(render_chassis, cpu_table)
{
	expect(render_cpu_table,
	       "{'cpus':[{'card':1,'cpu':0,'state':'active','load_now':4.12,'load_5min':3.87,'load_15min':3."
	       "75,'usage_now':12.4,"
	       "'usage_5min':11.9,'usage_15min':11.2,'memory_now':14066253824,'memory_5min':14066253824,'"
	       "memory_15min':13958643712,"
	       "'memory_total':68719476736},"
	       "{'card':10,'cpu':0,'state':'standby','usage_now':1.3,'memory_now':9563013120}]}",
	       NULL,
	       "             --------Load--------  ------CPU-Usage-----  ---------Memory--------\n"
	       " cpu  state     now   5min  15min     now   5min  15min    now  5min 15min total\n"
	       "----  -----  ------ ------ ------  ------ ------ ------  ----- ----- ----- -----\n"
	       " 1/0  Actve    4.12   3.87   3.75   12.4%  11.9%  11.2%  13.1G 13.1G 13.0G 64.0G\n"
	       "10/0  Stnby       -      -      -    1.3%      -      -  9120M     -     -     -\n");
}

Test(render_chassis, port_table)
{
	expect(render_port_table,
	       "{'ports':[{'port':'5/1','role':'Mgmt','type':'1000 "
	       "Ethernet','enabled':true,'oper':true,'link':true,'state':'Active',"
	       "'pair':'6/1','redundant':'L2 Link'},"
	       "{'port':'6/12','role':'Srvc','type':'10G "
	       "Ethernet','enabled':true,'oper':false,'link':true,'state':'Standby',"
	       "'pair':'5/12','redundant':'L2 Link'},"
	       "{'port':'6/13','role':'Srvc','type':'10G "
	       "Ethernet','enabled':false,'oper':false,'link':false,'state':'Standby',"
	       "'pair':'5/13','redundant':'L2 Link'}]}",
	       NULL,
	       "Port  Role Type                      Admin    Oper Link State    Pair  Redundant\n"
	       "----- ---- ------------------------  -------- ---- ---- -------  ----- ---------\n"
	       " 5/1  Mgmt 1000 Ethernet             Enabled  Up   Up   Active    6/1  L2 Link  \n"
	       " 6/12 Srvc 10G Ethernet              Enabled  Down Up   Standby   5/12 L2 Link  \n"
	       " 6/13 Srvc 10G Ethernet              Disabled Down Down Standby   5/13 L2 Link  \n");
}
