/* SPDX-License-Identifier: MIT */
/*
 * Shows of what happened (traps, alarms, recoveries, crashes) and of bulk statistics as text, byte by byte,
 * with invented values. Subject: lib/render.
 */
#include "tests/unit/render_test.h"

TestSuite(render_history, .fini = render_done);

/* --- what happened
 * -------------------------------------------------------------------------------------------------------------
 */

Test(render_history, trap_history)
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

Test(render_history, notifies)
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

Test(render_history, communities)
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

Test(render_history, alarm_all)
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

Test(render_history, rct_stats)
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

Test(render_history, rct_stats_verbose)
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
Test(render_history, rct_stats_recovered)
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

Test(render_history, crash_number)
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

Test(render_history, crash_list)
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

/* --- bulk statistics
 * ------------------------------------------------------------------------------------------------------------------
 */

Test(render_history, bulkstats)
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

Test(render_history, bulkstats_variables)
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
