/* SPDX-License-Identifier: MIT */
/*
 * The text of show commands, byte by byte: fixed trees against the exact columns of StarOS (values are
 * invented). Subject: lib/render. Where a layout is our own the test pins what drills and scripts look for.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "cfg/cfg.h"
#include "render/render.h"

typedef void (*render_fn)(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out);

static struct cli_out_buf buf;

/* The text of a tree, given with ' for ". keyword may be NULL. Valid until the next call. */
static const char *text_of(render_fn render, const char *json, const char *keyword)
{
	static const char nothing[] = "";
	char copy[8192];
	struct cli_cmd cmd = {.args = cfg_args_new()};
	json_error_t e;
	json_t *j;

	snprintf(copy, sizeof(copy), "%s", json);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	j = json_loads(copy, 0, &e);
	cr_assert(j, "%s at %d", e.text, e.position);
	if (keyword)
		cfg_args_add(cmd.args, keyword, "");
	cli_out_buf_free(&buf);
	cli_out_buf_init(&buf);
	render(j, &cmd, &buf.out);
	json_decref(j);
	cfg_args_free(cmd.args);
	return buf.text ? buf.text : nothing;
}

static void done(void)
{
	cli_out_buf_free(&buf);
}

TestSuite(cli_render, .fini = done);

static void expect(render_fn render, const char *json, const char *keyword, const char *want)
{
	const char *got = text_of(render, json, keyword);
	size_t line = 1, i = 0;

	while (got[i] && got[i] == want[i])
		line += got[i++] == '\n';
	cr_expect_str_eq(got, want,
	                 "line %zu differs, from \"%.40s\" on; wanted \"%.40s\"\n--- got\n%s\n--- wanted\n%s",
	                 line, got + i, want + i, got, want);
}

static void contains(render_fn render, const char *json, const char *keyword, const char *want)
{
	const char *got = text_of(render, json, keyword);

	cr_expect(strstr(got, want), "no \"%s\" in\n%s", want, got);
}

/* --- the machine
 * ------------------------------------------------------------------------------------------------------- */

Test(cli_render, version)
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

Test(cli_render, uptime)
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

Test(cli_render, card_table)
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

Test(cli_render, card_info)
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

Test(cli_render, card_info_blocks_are_apart_and_a_halted_card_is_dark)
{
	contains(render_card_info, "{'cards':[" CARD1 "," CARD2 "]}", NULL, "Tasks Running\n\nCard 2:\n");
	contains(render_card_info, "{'cards':[" CARD2 "]}", NULL,
	         "  Card Lock               : Unlocked\n  Halt Issued             : Yes\n");
	contains(render_card_info, "{'cards':[" CARD2 "]}", NULL,
	         "  Single Point of Failure : No\n"
	         "  Card LEDs               : Run/Fail: Off  | Active: Off  | Redundant: Off\n"
	         "  CPU 0                   : Down\n");
}

Test(cli_render, leds)
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

Test(cli_render, temperature_fans_and_power)
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
Test(cli_render, card_hardware)
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

Test(cli_render, card_diag)
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

Test(cli_render, hd_raid)
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

Test(cli_render, fabric)
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
Test(cli_render, task_resources)
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

Test(cli_render, session_recovery)
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

Test(cli_render, cpu_table)
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

Test(cli_render, port_table)
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

/* --- contexts and services
 * ------------------------------------------------------------------------------------------------- */

Test(cli_render, context_all)
{
	expect(render_context_all,
	       "{'contexts':[{'id':1,'name':'local','state':'Active'},{'id':5,'name':'wsg_untrust_side','"
	       "state':'Active'}]}",
	       NULL,
	       "Context Name    ContextID    State     Description\n"
	       "--------------- --------- ----------   ----------------------- \n"
	       "local           1            Active    \n"
	       "wsg_untrust_side 5            Active    \n");
}

Test(cli_render, service_all)
{
	expect(render_service_all,
	       "{'services':[{'context_id':3,'id':1,'context':'wsg','name':'wsg-sec','state':'Started','max_"
	       "sessions':250000,'type':'wsg'},"
	       "{'context_id':3,'id':2,'context':'wsg','name':'wsg-s2s','state':'Initialized','max_sessions':"
	       "16000,'type':'wsg'},"
	       "{'context_id':3,'id':4,'context':'wsg','name':'wsg-remote-access','state':'Started','max_"
	       "sessions':250000,'type':'wsg'}]}",
	       NULL,
	       "ContextID   ServiceID   ContextName   ServiceName   State         Sessions   Type\n"
	       "---------   ---------   -----------   -----------   ----------    -----------   ----\n"
	       "3           1           wsg           wsg-sec       Started       250000        wsg\n"
	       "3           2           wsg           wsg-s2s       Initialized   16000         wsg\n"
	       "3           4           wsg           wsg-remote-access Started       250000        wsg\n");
}

Test(cli_render, ip_pool)
{
	expect(render_ip_pool,
	       "{'context':'wsg','count':3,'pools':["
	       "{'type_letter':'P','state':'G','priority':0,'name':'wsg-pool1','start':'198.51.100.0','mask':"
	       "'255.255.255.128','used':84,"
	       "'avail':42,'range':false},"
	       "{'type_letter':'S','state':'G','priority':0,'name':'wsg-static','start':'198.51.100.200','"
	       "end':'198.51.100.219','used':3,"
	       "'avail':17,'range':true},"
	       "{'type_letter':'R','state':'G','priority':10,'busyout':true,'name':'wsg-old','start':'192.0."
	       "2.128',"
	       "'mask':'255.255.255.192','used':0,'avail':62}]}",
	       NULL,
	       "context : wsg:\n"
	       " +-----Type:      (P) - Public      (R) - Private\n"
	       " |                (S) - Static      (E) - Resource\n"
	       " |\n"
	       " |+----State:     (G) - Good        (D) - Pending Delete    (R) - Resizing\n"
	       " ||\n"
	       " ||++--Priority:  0..10 (Highest (0) .. Lowest (10))\n"
	       " ||||\n"
	       " ||||+-Busyout:   (B) - Busyout configured\n"
	       " |||||\n"
	       " vvvvv Pool Name              Start Address   Mask/End Address    Used    Avail\n"
	       " ----- ---------------------- --------------- --------------- -------- --------\n"
	       " PG00  wsg-pool1              198.51.100.0    255.255.255.128       84       42\n"
	       " SG00  wsg-static             198.51.100.200  198.51.100.219         3       17\n"
	       " RG10B wsg-old                192.0.2.128     255.255.255.192        0       62\n"
	       "Total Pool Count: 3\n");
}

Test(cli_render, ip_route)
{
	expect(render_ip_route,
	       "{'total':7,'unique':6,'connected':4,'framed':0,'static':3,'routes':["
	       "{'best':true,'destination':'0.0.0.0/"
	       "0','nexthop':'192.0.2.1','protocol':'static','precedence':1,'cost':0,"
	       "'interface':'wsg-untrust'},"
	       "{'best':true,'destination':'192.0.2.0/"
	       "26','nexthop':'0.0.0.0','protocol':'connected','precedence':0,'cost':0,"
	       "'interface':'wsg-untrust'},"
	       "{'best':false,'destination':'198.51.100.0/"
	       "25','nexthop':'192.0.2.67','protocol':'static','precedence':10,'cost':0,"
	       "'interface':'wsg-trust'}]}",
	       NULL,
	       "\"*\" indicates the Best or Used route.  S indicates Stale.\n"
	       "\n"
	       " Destination         Nexthop          Protocol   Prec Cost Interface\n"
	       "*0.0.0.0/0           192.0.2.1        static     1    0    wsg-untrust         \n"
	       "*192.0.2.0/26        0.0.0.0          connected  0    0    wsg-untrust         \n"
	       " 198.51.100.0/25     192.0.2.67       static     10   0    wsg-trust           \n"
	       "\n"
	       "Total route count : 7\n"
	       "Unique route count: 6\n"
	       "Connected: 4 (Framed Route: 0) Static: 3\n");
}

Test(cli_render, ip_interface_says_why_it_is_down)
{
	static const char tree[] =
	        "{'interfaces':[{'name':'out','type':'broadcast','port':'5/10','state':'DOWN','reason':'No "
	        "such device',"
	        "'mtu':1500,'addresses':[{'address':'192.0.2.2','prefix_len':26,'active':false}]}]}";

	contains(render_ip_interface, tree, NULL, "IP State:        DOWN (No such device)\n");
	contains(render_ip_interface, tree, NULL, "192.0.2.2/26 (not in use)\n");
	contains(render_ip_interface, tree, "summary",
	         "out                           192.0.2.2/26         5/10   DOWN\n");
}

/* --- redundancy
 * --------------------------------------------------------------------------------------------------------------
 */

Test(cli_render, srp_info)
{
	expect(render_srp_info,
	       "{'configured':true,'context':'srp','local_address':'198.51.100.129','chassis_state':'Active',"
	       "'chassis_mode':'Primary',"
	       "'chassis_priority':1,'local_tiebreaker':'00-00-5E-00-53-05','route_modifier':3,'peer_remote_"
	       "address':'198.51.100.130',"
	       "'peer_state':'Standby','peer_mode':'Backup','peer_priority':2,'peer_tiebreaker':'00-00-5E-00-"
	       "53-15',"
	       "'peer_route_modifier':6,'last_hello_message_received':'Tue Mar  3 17:13:12 2026 (2 seconds "
	       "ago)',"
	       "'peer_configuration_validation':'Complete','last_peer_configuration_error':'None',"
	       "'last_peer_configuration_event':'Tue Mar  3 17:03:02 2026 (612 seconds ago)',"
	       "'last_validate_switchover_status':'None','connection_state':'Connected'}",
	       NULL,
	       "Service Redundancy Protocol:\n"
	       "-------------------------------------------------------------------------------\n"
	       "Context: srp\n"
	       "Local Address: 198.51.100.129\n"
	       "Chassis State: Active\n"
	       "Chassis Mode: Primary\n"
	       "Chassis Priority: 1\n"
	       "Local Tiebreaker: 00-00-5E-00-53-05\n"
	       "Route-Modifier: 3\n"
	       "Peer Remote Address: 198.51.100.130\n"
	       "Peer State: Standby\n"
	       "Peer Mode: Backup\n"
	       "Peer Priority: 2\n"
	       "Peer Tiebreaker: 00-00-5E-00-53-15\n"
	       "Peer Route-Modifier: 6\n"
	       "Last Hello Message received: Tue Mar  3 17:13:12 2026 (2 seconds ago)\n"
	       "Peer Configuration Validation: Complete\n"
	       "Last Peer Configuration Error: None\n"
	       "Last Peer Configuration Event: Tue Mar  3 17:03:02 2026 (612 seconds ago)\n"
	       "Last Validate Switchover Status: None\n"
	       "Connection State: Connected\n");
	expect(render_srp_info, "{'configured':false}", NULL,
	       "Service redundancy protocol is not configured\n");
}

Test(cli_render, srp_checkpoints)
{
	static const char tree[] =
	        "{'configured':true,'number_of_sessmgrs':48,'sessmgrs_in_active_connected_state':48,"
	        "'number_of_call_recovery_records':18390,'rows_sent':77}";
	static const char text[] = "Number of Sessmgrs:                              48\n"
	                           "Sessmgrs in Active-Connected state:              48\n"
	                           "Sessmgrs in Standby-Connected state:             0\n"
	                           "Sessmgrs in Pending-Connected state:             0\n"
	                           "\n"
	                           "Current pre-allocated calls:                     0\n"
	                           "Number of call recovery records (CRR):           18390\n"
	                           "Number of pre-installed CRRs:                    0\n";

	expect(render_srp_checkpoints, tree, NULL, text);
	contains(render_srp_checkpoints, tree, "verbose",
	         "Rows sent:                                       77\n");
}

/* --- what happened
 * -------------------------------------------------------------------------------------------------------------
 */

Test(cli_render, trap_history)
{
	expect(render_trap_history,
	       "{'maximum':5000,'traps':["
	       "{'time':'Sun Mar 01 00:22:20 2026','number':73,'name':'ManagerFailure','text':'facility "
	       "sessmgr instance 3 card 1 cpu 0'},"
	       "{'time':'Sun Mar 01 00:47:10 2026','number':53,'name':'CLISessionEnd','text':'user admin "
	       "privilege level Security "
	       "Administrator ttyname /dev/pts/1'}]}",
	       NULL,
	       "There are 2 historical trap records (5000 maximum)\n"
	       "\n"
	       "Timestamp                Trap Information\n"
	       "------------------------ ------------------------------------------------------\n"
	       "Sun Mar 01 00:22:20 2026 Internal trap notification 73 (ManagerFailure) facility sessmgr "
	       "instance 3 card 1 cpu 0\n"
	       "Sun Mar 01 00:47:10 2026 Internal trap notification 53 (CLISessionEnd) user admin privilege "
	       "level Security Administrator "
	       "ttyname /dev/pts/1\n");
}

Test(cli_render, notifies)
{
	expect(render_notifies,
	       "{'total':813450,'last_sent':'Tuesday March 03 17:11:14 UTC 2026','sending':'enabled',"
	       "'last_disabled':'Saturday February 21 17:13:14 UTC "
	       "2026','last_cleared':null,'current_period':0,'previous_period':0,"
	       "'monitor_period':300,'total_disabled':413973,'traps':["
	       "{'name':'CardUp','generated':14,'discarded':0,'disabled':0,'last':'2026:02:28:12:11:14'},"
	       "{'name':'CLISessionStart','generated':104233,'discarded':3102,'disabled':884,'last':'2026:03:"
	       "03:17:11:14'}]}",
	       NULL,
	       "SNMP Notification Statistics:\n"
	       "  Total number of notifications   : 813450\n"
	       "  Last notification sent          : Tuesday March 03 17:11:14 UTC 2026\n"
	       "  Notification sending is         : enabled\n"
	       "  Notifications last disabled     : Saturday February 21 17:13:14 UTC 2026\n"
	       "  Notifications have never been cleared\n"
	       "  Notifications in current period : 0\n"
	       "  Notifications in previous period: 0\n"
	       "  Notification monitor period     : 300 seconds\n"
	       "\n"
	       "Trap Name                            #Gen #Disc  Disable Last Generated      \n"
	       "----------------------------------- ----- -----  ------- --------------------\n"
	       "CardUp                                 14     0       0  2026:02:28:12:11:14 \n"
	       "CLISessionStart                     104233  3102     884  2026:03:03:17:11:14 \n"
	       "\n"
	       "Total number of notifications Disabled  : 413973\n");
}

Test(cli_render, communities)
{
	expect(render_communities,
	       "{'communities':[{'community':'orrery-rw','access':'read-write'},{'community':'orrery-ro','"
	       "access':'read-only'}]}",
	       NULL,
	       "Community Name                   Access Level\n"
	       "-------------------------------- ------------\n"
	       "orrery-rw                        read-write\n"
	       "orrery-ro                        read-only\n");
}

Test(cli_render, alarm_all)
{
	expect(render_alarm_all,
	       "{'current':{'critical':0,'major':0,'minor':2},'cumulative':{'critical':1,'major':0,'minor':8}"
	       ","
	       "'last_wall_us':1772555527000000,'alarms':[{'severity':2,'object':'Card 1','text':'Something "
	       "about card 1'},"
	       "{'severity':2,'object':'Port 5/11','text':'Port link down'}]}",
	       NULL,
	       "Facility Alarm Information:\n"
	       "\n"
	       "Audible Alarm OFF\n"
	       "Note: Audible Alarm is Disabled\n"
	       "All Central Office (CO) alarms are off\n"
	       "\n"
	       "Alarm Statistics:\n"
	       "  Current Outstanding Alarms\n"
	       "    Total:    2\n"
	       "    Critical: 0\n"
	       "    Major:    0\n"
	       "    Minor:    2\n"
	       "  Cumulative Totals\n"
	       "    Total:    9\n"
	       "    Critical: 1\n"
	       "    Major:    0\n"
	       "    Minor:    8\n"
	       "  Last Alarm Received: Tuesday March 03 16:32:07 UTC 2026\n"
	       "\n"
	       "Outstanding Alarms:\n"
	       "\n"
	       "Sev Object          Event\n"
	       "--- ----------      "
	       "--------------------------------------------------------------------------------------------"
	       "\n"
	       "MN  Card 1          Something about card 1\n"
	       "MN  Port 5/11       Port link down\n");
}

#define ACTIONS                                                                                              \
	"{'actions':[{'action':'Migration','type':'Planned','from':3,'to':10,'start':1768900442118000,'"     \
	"duration_us':4106000,"                                                                              \
	"'status':'Success'},"                                                                               \
	"{'action':'Migration','type':'Unplanned','from':10,'to':3,'start':1768903364530000,'duration_us':"  \
	"4414000,'status':'Success'},"                                                                       \
	"{'action':'Switchover','type':'Planned','from':5,'to':6,'start':1770032406871000,'duration_us':"    \
	"3017000,'status':'Success'}]}"
#define RCT_SUMMARY                                                                                          \
	"\n"                                                                                                 \
	"RCT stats summary\n"                                                                                \
	"-----------------\n"                                                                                \
	"Migrations = 2\n"                                                                                   \
	"  Management Card: 0, Average time: 0.000 sec\n"                                                    \
	"  Packet Card: 2, Average time: 4.260 sec\n"                                                        \
	"Switchovers = 1, Average time: 3.017 sec\n"

Test(cli_render, rct_stats)
{
	expect(render_rct_stats, ACTIONS, NULL,
	       "\n"
	       "RCT stats details (Last 3 Actions)\n"
	       "\n"
	       "#   Action      From  To  Start Time                Duration    Status\n"
	       "--- ----------  ----  --  ------------------------  ----------  -------\n"
	       "1   Migration      3  10  2026-Jan-20+09:14:02.118   4.106 sec  Success\n"
	       "2   Migration     10   3  2026-Jan-20+10:02:44.530   4.414 sec  Success\n"
	       "3   Switchover     5   6  2026-Feb-02+11:40:06.871   3.017 sec  Success\n" RCT_SUMMARY);
}

Test(cli_render, rct_stats_verbose)
{
	expect(render_rct_stats, ACTIONS, "verbose",
	       "\n"
	       "RCT stats details (Last 3 Actions)\n"
	       "\n"
	       "#   Action      Type        From  To  Start Time                Duration    Status\n"
	       "--- ----------  ----------  ----  --  ------------------------  ----------  -------\n"
	       "1   Migration   Planned        3  10  2026-Jan-20+09:14:02.118   4.106 sec  Success\n"
	       "      Graceful: Enabled\n"
	       "2   Migration   Unplanned     10   3  2026-Jan-20+10:02:44.530   4.414 sec  Success\n"
	       "      Graceful: Enabled\n"
	       "3   Switchover  Planned        5   6  2026-Feb-02+11:40:06.871   3.017 sec  "
	       "Success\n" RCT_SUMMARY);
}

/* A migration that had to recover tasks names them. */
Test(cli_render, rct_stats_recovered)
{
	expect(render_rct_stats,
	       "{'actions':[{'action':'Migration','type':'Unplanned','from':10,'to':3,'start':"
	       "1768903364530000,'duration_us':4414000,'status':'Success','n_recovered':2,'recovered':"
	       "'sessmgr 3, aaamgr 3'}]}",
	       "verbose",
	       "\n"
	       "RCT stats details (Last 1 Actions)\n"
	       "\n"
	       "#   Action      Type        From  To  Start Time                Duration    Status\n"
	       "--- ----------  ----------  ----  --  ------------------------  ----------  -------\n"
	       "1   Migration   Unplanned     10   3  2026-Jan-20+10:02:44.530   4.414 sec  Success\n"
	       "      Graceful: Enabled\n"
	       "      Recovered[2]: sessmgr 3, aaamgr 3\n"
	       "\n"
	       "RCT stats summary\n"
	       "-----------------\n"
	       "Migrations = 1\n"
	       "  Management Card: 0, Average time: 0.000 sec\n"
	       "  Packet Card: 1, Average time: 4.414 sec\n"
	       "Switchovers = 0, Average time: 0.000 sec\n");
}

Test(cli_render, subscribers_debug_info)
{
	expect(render_subscribers_debug,
	       "{'calls':[{'username':'200001@x','callid':'01ca0a01','card':1,'cpu':0,'sessmgr':3,"
	       "'recovered':true,'state':'SMGR_STATE_CONNECTED','full':{'attempts':41,'success':41,"
	       "'last_attempt_ms':12600,'last_success_ms':12600},'micro':{'attempts':187,'success':186,"
	       "'last_attempt_ms':4100,'last_success_ms':-1},'trace':[{'state':'SMGR_STATE_OPEN','event':"
	       "'SMGR_EVT_RECOVERED'}]}]}",
	       NULL,
	       "username: 200001@x    callid: 01ca0a01         msid: 200001\n"
	       "  Card/Cpu: 1/0\n"
	       "  Sessmgr Instance: 3\n"
	       "  Primary callline:\n"
	       "  Redundancy Status: Recovered Session\n"
	       "  Checkpoints    Attempts    Success    Last-Attempt    Last-Success\n"
	       "     Full:             41         41         12600ms         12600ms\n"
	       "     Micro:           187        186          4100ms               -\n"
	       "   Current state: SMGR_STATE_CONNECTED\n"
	       "   FSM Event trace:\n"
	       "         State                            Event\n"
	       "         SMGR_STATE_OPEN                  SMGR_EVT_RECOVERED\n");
}

Test(cli_render, crash_number)
{
	expect(render_crash,
	       "{'number':2,'version':'21.24.0','similar':{'count':3,'first_wall_us':1768360971000000},"
	       "'facility':'sessmgr','instance':3,'card':1,'cpu':0,'pid':21877,'wall_us':1772324240000000,"
	       "'reason':'signal 11','core':'crash-01-0-21877-69a3b0d0-core','text':'Fatal Signal 11'}",
	       NULL,
	       "********************* CRASH #02 ***********************\n"
	       "SW Version          : 21.24.0\n"
	       "Similar Crash Count : 3\n"
	       "Time of First Crash : 2026-Jan-14+03:22:51\n"
	       "Process             : sessmgr 3  card 1 cpu 0 pid 21877\n"
	       "Crash Time          : 2026-Mar-01+00:17:20\n"
	       "Reason              : signal 11\n"
	       "Core File           : /flash/crash/crash-01-0-21877-69a3b0d0-core\n"
	       "\n"
	       "Fatal Signal 11");
}

Test(cli_render, crash_list)
{
	expect(render_crash_list,
	       "{'total':5,'crashes':[{'wall_us':1768360971000000,'facility':'sessmgr','card':1,'cpu':0,'pid'"
	       ":21877,'version':'21.24.0',"
	       "'serial':'FLM00000005/FLM00000001'},"
	       "{'wall_us':1772324240000000,'facility':'egtpinmgr','card':5,'cpu':0,'pid':9412,'version':'21."
	       "24.0'}]}",
	       NULL,
	       "=== ==================== ======== ========== =============== =======================\n"
	       "#           Time         Process  Card/CPU/        SW          HW_SER_NUM\n"
	       "                                     PID         VERSION       MIO / Crash Card\n"
	       "=== ==================== ======== ========== =============== =======================\n"
	       "\n"
	       "1   2026-Jan-14+03:22:51 sessmgr  01/0/21877 21.24.0         FLM00000005/FLM00000001\n"
	       "2   2026-Mar-01+00:17:20 egtpinmg 05/0/09412 21.24.0         NA                     \n"
	       "\n"
	       "Total Crashes : 5\n");
}

/* --- sessions
 * ----------------------------------------------------------------------------------------------------------------------
 */

Test(cli_render, subscribers_summary)
{
	static const char tree[] =
	        "{'total':18422,'active':18422,'dormant':0,'wsg_simple_ipv4':15140,'wsg_simple_ipv6':3282,"
	        "'wsg_no_address':0,'in_packet_dropped':402,'out_packet_dropped':77,'out_no_flow_dropped':0}";
	const char *got = text_of(render_subscribers_summary, tree, NULL);

	cr_expect_eq(strncmp(got,
	                     "Total Subscribers:             18422     \n"
	                     "Active:                        18422         Dormant:                       0  "
	                     "       \n"
	                     "LAPI Devices:                  0         \n",
	                     (size_t)42 + 87 + 42),
	             0, "%s", got);
	contains(
	        render_subscribers_summary, tree, NULL,
	        "\nwsg-simple-ipv4:               15140         wsg-simple-ipv6:               3282      \n");
	contains(render_subscribers_summary, tree, NULL, "\nfemto-ip:                      0             \n");
	contains(
	        render_subscribers_summary, tree, NULL,
	        "\nin packet dropped:             402           out packet dropped:            77        \n");
	/* nobody takes the counters: no line, rather than a 0 */
	cr_expect_null(
	        strstr(text_of(render_subscribers_summary, "{'total':1}", NULL), "in packet dropped: "));
}

Test(cli_render, session_progress)
{
	static const char tree[] =
	        "{'total':18422,'active':18390,'wsg_simple_ipv4':15120,'wsg_simple_ipv6':3270,"
	        "'states':{'SMGR_STATE_NEWCALL_ARRIVED':6,'SMGR_STATE_CONNECTED':18390,"
	        "'SMGR_STATE_DISCONNECTING':12}}";
	const char *got = text_of(render_session_progress, tree, NULL);
	size_t lines = 0;

	for (const char *p = got; *p; p++)
		lines += *p == '\n';
	cr_expect_eq(lines, 55);
	contains(render_session_progress, tree, NULL,
	         "   18422 In-progress calls\n   18390 In-progress active calls\n");
	contains(render_session_progress, tree, NULL,
	         "       6 In-progress calls @ ARRIVED state\n"
	         "       0 In-progress calls @ CSCF-CALL-ARRIVED state \n");
	contains(render_session_progress, tree, NULL,
	         "   15120 In-progress calls @ SIMPLE-IPv4 CONNECTED state\n"
	         "    3270 In-progress calls @ SIMPLE-IPv6 CONNECTED state\n");
	contains(render_session_progress, tree, NULL, "      12 In-progress calls @ DISCONNECTING state\n");
}

Test(cli_render, session_duration)
{
	expect(render_session_duration,
	       "{'duration':{'1min':212,'2min':187,'5min':540,'15min':1498,'1hr':4120,'4hr':6377,'12hr':3902,"
	       "'24hr':1204,'more':382}}",
	       NULL,
	       "In-Progress Call Duration Statistics\n"
	       "     <1min            212\n"
	       "     <2min            187\n"
	       "     <5min            540\n"
	       "     <15min          1498\n"
	       "     <1hr            4120\n"
	       "     <4hr            6377\n"
	       "     <12hr           3902\n"
	       "     <24hr           1204\n"
	       "     >24hr            382\n");
}

Test(cli_render, disconnect_reasons)
{
	expect(render_disconnect_reasons,
	       "{'disconnect_reasons':{'Remote-disconnect':3,'Admin-disconnect':1,'Absolute-timeout':4}}",
	       NULL,
	       "Session Disconnect Statistics\n"
	       "\n"
	       "Total Disconnects: 8\n"
	       "\n"
	       "Disconnect Reason                                        Num Disc  Percentage\n"
	       "-----------------------------------------------------  ----------  ----------\n"
	       "Admin-disconnect                                                1    12.50000\n"
	       "Remote-disconnect                                               3    37.50000\n"
	       "Absolute-timeout                                                4    50.00000\n");
}

/* --- bulk statistics
 * ------------------------------------------------------------------------------------------------------------------
 */

Test(cli_render, bulkstats)
{
	expect(render_bulkstats,
	       "{'collection':true,'records_awaiting':36,'bytes_awaiting':4212,'records_collected':204848,'"
	       "bytes_collected':26922556,"
	       "'records_transmitted':204812,'bytes_transmitted':26930632,'last_collection_seconds':2,'last_"
	       "transfer_seconds':0,'files':["
	       "{'file':2,'remote_file_format':'/orrery/"
	       "%host%.csv','header':'orrery-wsg,%host%','footer':'end-of-samples','receivers':["
	       "{'which':'Primary','address':'192.0.2.81','mechanism':'SFTP','username':'admin'}],'records_"
	       "collected':204812,"
	       "'bytes_collected':26918344,'records_transmitted':204812,'bytes_transmitted':26930632,'last_"
	       "transfer_seconds':0,"
	       "'last_success':'Tuesday March 03 17:10:00 UTC "
	       "2026','last_success_records':412,'last_success_bytes':54150,"
	       "'last_attempt':'Tuesday March 03 17:10:00 UTC 2026'},"
	       "{'file':3,'remote_file_format':'/orrery/"
	       "wsg.csv','header':'','footer':'','receivers':[],'records_awaiting':36,"
	       "'bytes_awaiting':4212,'records_collected':36,'bytes_collected':4212,'last_success':null,'"
	       "last_attempt':null}]}",
	       NULL,
	       "Bulk Statistics Server Statistics:\n"
	       "  Records awaiting transmission: 36\n"
	       "  Bytes awaiting transmission:   4212\n"
	       "  Total records collected:       204848\n"
	       "  Total bytes collected:         26922556\n"
	       "  Total records transmitted:     204812\n"
	       "  Total bytes transmitted:       26930632\n"
	       "  Total records discarded:       0\n"
	       "  Total bytes discarded:         0\n"
	       "  Last collection time required: 2 second(s)\n"
	       "  Last transfer time required:   0 second(s)\n"
	       "\n"
	       "  File 2\n"
	       "    Remote File Format:            /orrery/%host%.csv\n"
	       "    File Header:                   orrery-wsg,%host%\n"
	       "    File Footer:                   end-of-samples\n"
	       "    Bulkstats Receivers:\n"
	       "        Primary: 192.0.2.81 using SFTP with username admin\n"
	       "    File Statistics:\n"
	       "      Records awaiting transmission: 0\n"
	       "      Bytes awaiting transmission:   0\n"
	       "      Total records collected:       204812\n"
	       "      Total bytes collected:         26918344\n"
	       "      Total records transmitted:     204812\n"
	       "      Total bytes transmitted:       26930632\n"
	       "      Total records discarded:       0\n"
	       "      Total bytes discarded:         0\n"
	       "      Last transfer time required:   0 second(s)\n"
	       "      Last successful transfer:      Tuesday March 03 17:10:00 UTC 2026\n"
	       "      Last successful tx recs:       412\n"
	       "      Last successful tx bytes:      54150\n"
	       "      Last attempted transfer:       Tuesday March 03 17:10:00 UTC 2026\n"
	       "\n"
	       "  File 3\n"
	       "    Remote File Format:            /orrery/wsg.csv\n"
	       "    File Header:                   \"\"\n"
	       "    File Footer:                   \"\"\n"
	       "    Bulkstats Receivers:\n"
	       "    File Statistics:\n"
	       "      Records awaiting transmission: 36\n"
	       "      Bytes awaiting transmission:   4212\n"
	       "      Total records collected:       36\n"
	       "      Total bytes collected:         4212\n"
	       "      Total records transmitted:     0\n"
	       "      Total bytes transmitted:       0\n"
	       "      Total records discarded:       0\n"
	       "      Total bytes discarded:         0\n"
	       "      No successful data transfers\n"
	       "      No attempted data transfers\n");
}

Test(cli_render, bulkstats_variables)
{
	expect(render_bulkstats_variables,
	       "{'variables':[{'index':0,'schema':'common','variable':'uptime','type':'Int32','key':0,'"
	       "counter_type':'Info'},"
	       "{'index':51,'schema':'card','variable':'cpu0-core0-coreused-crypto','type':'Float','key':0,'"
	       "counter_type':'Gauge'},"
	       "{'index':0,'schema':'radius-group','variable':'ipaddr','type':'String','key':1,'counter_type'"
	       ":'Info'}]}",
	       NULL,
	       "Index Schema    Variable Name                                               Data Type Key "
	       "Counter Type\n"
	       "----- --------- ----------------------------------------------------------  --------- --- "
	       "------------\n"
	       "0     common    %uptime%                                                      Int32     0   "
	       "Info\n"
	       "51    card      %cpu0-core0-coreused-crypto%                                  Float     0   "
	       "Gauge\n"
	       "0     radius-group %ipaddr%                                                      String    1 "
	       "  Info\n");
}

/* --- IPsec
 * ----------------------------------------------------------------------------------------------------------------------------
 */

Test(cli_render, crypto_template)
{
	static const char tree[] =
	        "{'templates':[{'name':'wsg01','complete':true,'ikesa_transforms':[{'name':'ikesa-wsg-01','"
	        "encryption':'aes-cbc-128',"
	        "'prf':'sha1','hmac':'sha1-96','group':'2'}],'ikesa_rekey':false,'nai':'92.99.99.30',"
	        "'authentication_local':[{'method':'pre-shared-key','size':3}],'max_childsa':2,'dead_peer_"
	        "detection':'Disabled',"
	        "'ddos':{'half_open_timer':{'value':30},'decrypt_fail_count':{'value':30,'default':true},'"
	        "max_cert_size':{'off':true}},"
	        "'payloads':[{'name':'wsg-sa0','rekey':true,'local':[{'start':'76.67.0.1','end':'76.67.0.9'}]"
	        ",'transforms':["
	        "{'name':'tselsa-wsg','encryption':'aes-cbc-128','hmac':'sha1-96','group':'none'}]}]}]}";
	static const char *const parts[] = {
	        "Map Name: wsg01\n=====",
	        "Map Status: Complete\n",
	        "Crypto Map Type: IPSEC IKEv2 Template\n",
	        "IKE SA Transform 1/1\n"
	        "  Transform Set: ikesa-wsg-01\n"
	        "    Encryption Cipher: aes-cbc-128\n"
	        "    Pseudo Random Function: sha1\n"
	        "    Hashed Message Authentication Code: sha1-96\n"
	        "    Diffie-Hellman Group: 2\n"
	        "  IKE SA Rekey: Disabled\n",
	        "  Blacklist/Whitelist : None\n",
	        "  IKE SA Half Open Timer: 30\n"
	        "  IKE SA Decrypt Fail Count: 30 [Default]\n",
	        "  IKE SA Max Certificate Size: Disabled\n",
	        "NAI: 92.99.99.30\n",
	        "Remote-secret-list: <not configured>\n",
	        "Authentication Local:\n  Phase 1 - Pre-Shared Key (Size = 3)\n",
	        "IPSec SA Payload 1/1 (Generic)\n  Name : wsg-sa0\n",
	        "Protocol 255 Port 0-0 Address Range 76.67.0.1-76.67.0.9\n",
	        "IPSec SA Transform 1/1\n    Transform Set: tselsa-wsg\n      Protocol: esp\n      "
	        "Encryption Cipher: aes-cbc-128\n",
	        "IPSec SA Rekey: Enabled\n",
	        "Dead Peer Detection: Disabled\n",
	        "Maximum CHILD_SA: 2 Overload Action: Ignore\n",
	        "DOS Cookie Challenge: Disabled\n",
	        "Dont Fragment: Copy bit from inner header\n",
	        "Local Gateway: Not Set\nRemote Gateway: Not Set\n",
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		contains(render_crypto_template, tree, NULL, parts[i]);
}

Test(cli_render, transform_sets)
{
	expect(render_ipsec_transform_set,
	       "{'sets':[{'name':'tselsa','encryption':'aes-cbc-128','hmac':'sha1-96','group':'none','mode':'"
	       "tunnel','esn':true}]}",
	       NULL,
	       "IKEv2 IPsec Transform-Set tselsa :\n"
	       "Cipher      : aes-cbc-128\n"
	       "HMAC        : sha1-96\n"
	       "DH Group    : none\n"
	       "Encaps Mode : TUNNEL\n"
	       "ESN         : Enabled\n");
	contains(render_ikev2_transform_set, "{'sets':[{'name':'i','prf':'sha2-256','lifetime_s':86400}]}",
	         NULL, "PRF         : sha2-256\n");
}

Test(cli_render, ike_sas)
{
	static const char one[] = "{'managers':3,'managers_missing':0,'sas':[{'state':'ESTABLISHED','role':'"
	                          "Responder','spi':'0100000000000007',"
	                          "'peer_spi':'ab','local':'192.0.2.2','local_port':500,'remote':'198.51.100."
	                          "7','remote_port':500,"
	                          "'template':'t','service':'w','context':'wsg','instance':1,'children':1}]}";
	static const char sum[] =
	        "{'managers':3,'managers_missing':1,'established':202,'half_open':3,'natt':5,'children':202,"
	        "'states':{'ESTABLISHED':202,'HALF_OPEN':3}}";

	contains(render_ike_sa, one, NULL, "IKEv2 SA: 1\n");
	contains(render_ike_sa, one, NULL, ": 0x0100000000000007\n");
	contains(render_ike_sa, one, NULL, "Total IKEv2 SAs: 1\n");
	contains(render_ike_sa, sum, "summary",
	         "Total IKEv2 SAs:           205\n  Established:             202\n");
	contains(render_ike_sa, sum, "summary", "1 IPSec manager(s) did not answer");
	cr_expect_null(strstr(text_of(render_ike_sa, one, NULL), "did not answer"));
}

Test(cli_render, ipsec_sas_say_when_packets_are_unknown)
{
	contains(render_ipsec_sa, "{'sas':[{'spi_in':'01000001'}]}", NULL, "No answer from the card\n");
	contains(render_ipsec_sa,
	         "{'sas':[{'spi_in':'01000001','data':{'in':{'packets':4,'bytes':336},'out':{'packets':5,'"
	         "bytes':420,'sequence':5},"
	         "'drops':{'replay':2}}}]}",
	         NULL, ": 4 packets, 336 bytes\n");
	contains(render_ipsec_sa, "{'children':202,'natt':1,'managers':3}", "summary",
	         "Total IPSec SAs:           202\n");
}

Test(cli_render, crypto_statistics)
{
	static const char tree[] =
	        "{'objects':[{'name':'t1','counters':{'ikev2-cursa':202,'ikev2-exp-half-open-sa':7,"
	        "'ikev2-auth-p2succ':3}}]}";

	contains(render_crypto_statistics, tree, NULL, "Control Statistics for Crypto Template: t1\n");
	contains(render_crypto_statistics, tree, NULL,
	         "  IKE SAs Present:                          202   IKE SAs Half Open:                       "
	         "   0\n");
	contains(render_crypto_statistics, tree, NULL, "Total IKEv2 Timer Expiration Statistics:\n");
	/* what no section lists is not lost */
	contains(render_crypto_statistics, tree, NULL,
	         "Other Statistics:\n  auth-p2succ                                         3\n");
}

Test(cli_render, wsg_service)
{
	contains(render_wsg_service,
	         "{'services':[{'name':'wsg1','context':'wsg','state':'Started','sessions':200,'initiator_s':"
	         "10}]}",
	         NULL, "Service name: wsg1\nContext: wsg\n");
	contains(render_wsg_service, "{'services':[{'name':'wsg1','initiator_s':10}]}", NULL,
	         "Initiator mode duration       : 10 seconds\n");
	cr_expect_null(strstr(text_of(render_wsg_service, "{'services':[{'name':'wsg1'}]}", NULL),
	                      "Current Sessions"));
}

/* --- settings --- */

Test(cli_render, threshold)
{
	expect(render_threshold,
	       "{'model':'alarm','thresholds':[{'name':'crypto-cores-utilization','threshold':80,'percent':"
	       "true,"
	       "'clear':10},{'name':'ipsec-ike-requests','threshold':5000,'percent':false}],"
	       "'polls':[{'name':'ipsec-ike-requests','seconds':300}],'groups':['ipsec']}",
	       NULL,
	       "Threshold operation model: ALARM\n"
	       "\n"
	       "Configured thresholds:\n"
	       "\n"
	       "Name:          crypto-cores-utilization\n"
	       "Config Scope:  SYSTEM\n"
	       "Threshold:     80%\n"
	       "Clear Threshold: 10%\n"
	       "\n"
	       "Name:          ipsec-ike-requests\n"
	       "Config Scope:  SYSTEM\n"
	       "Threshold:     5000\n"
	       "\n"
	       "Configured polling intervals:\n"
	       "\n"
	       "ipsec-ike-requests                       300 seconds\n"
	       "\n"
	       "Enabled threshold groups:\n"
	       "\n"
	       "ipsec\n");
}

Test(cli_render, settings)
{
	expect(render_settings,
	       "{'kind':'Service','blocks':[{'name':'fa1','context':'ingress','settings':['ip local-port "
	       "434']},"
	       "{'name':'fa2','context':'ingress','settings':[]}]}",
	       NULL,
	       "Service name: fa1\n"
	       "Context: ingress\n"
	       "  ip local-port 434\n"
	       "\n"
	       "Service name: fa2\n"
	       "Context: ingress\n");
}

Test(cli_render, access_lists)
{
	expect(render_access_lists,
	       "{'family':'ip','lists':[{'name':'a','rules':['permit any','deny ip any any']}]}", NULL,
	       "ip access list a\n"
	       "    permit any\n"
	       "    deny ip any any\n"
	       "1 ip access lists are configured.\n");
}

Test(cli_render, wsg_lookup)
{
	expect(render_wsg_lookup, "{'priorities':[{'priority':1,'source':24,'destination':128}]}", NULL,
	       "Priority  Source Netmask  Destination Netmask\n"
	       "--------  --------------  -------------------\n"
	       "1         24              128\n");
}

Test(cli_render, congestion)
{
	expect(render_congestion,
	       "{'enabled':true,'settings':['congestion-control threshold license-utilization 100']}", NULL,
	       "Congestion-control: Enabled\n"
	       "\n"
	       "  congestion-control threshold license-utilization 100\n");
}
