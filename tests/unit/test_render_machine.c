/* SPDX-License-Identifier: MIT */
/*
 * Shows of ports, neighbours, CPUs, crypto cores, past intervals and audits as text, byte by byte: fixed
 * trees (values are invented). Subject: lib/render.
 */
#include "tests/unit/render_test.h"

TestSuite(render_machine, .fini = render_done);

#define PORTS                                                                                                \
	"{'ports':[{'port':'5/10','role':'Srvc','type':'10G "                                                \
	"Ethernet','enabled':true,'oper':true,'link':true,"                                                  \
	"'state':'Active','pair':'6/10','description':'to the "                                              \
	"RAN','device':{'interface':'access','context':"                                                     \
	"'wsg','mac':'02-00-00-00-00-01','mtu':1500,'rx_bytes':123456,'rx_packets':789,'rx_multicast':4,"    \
	"'rx_errors':5,'rx_dropped':6,'tx_bytes':1000,'tx_packets':10,'tx_errors':2,'tx_dropped':3,'rx_now_" \
	"bps'"                                                                                               \
	":1840999999,'tx_now_bps':1792000000,'rx_5min_bps':1811000000,'tx_5min_bps':1765000000,'rx_15min_"   \
	"bps':"                                                                                              \
	"1790000000,'tx_15min_bps':1741000000}},{'port':'6/10','role':'Srvc','type':'10G "                   \
	"Ethernet','enabled':true,'oper':false,'link':true,'state':'Standby','pair':'5/10'},{'port':'5/3',"  \
	"'role':'Mgmt','type':'RS232 Serial "                                                                \
	"Console','enabled':false,'link':false,'state':'Active','pair':''}]}"

Test(render_machine, port_info)
{
	expect(render_port_info, PORTS, NULL,
	       "Port: 5/10\n"
	       "  Port Type                : 10G Ethernet\n"
	       "  Role                     : Service Port\n"
	       "  Description              : to the RAN\n"
	       "  Redundancy Mode          : Card Mode\n"
	       "  Redundant With           : 6/10\n"
	       "  Administrative State     : Enabled\n"
	       "  Interface MAC Address    : 02-00-00-00-00-01\n"
	       "  Link State               : Up\n"
	       "  Link Speed               : 10 Gb\n"
	       "  Link Aggregation Group   : None\n"
	       "  Untagged:\n"
	       "    Operational State      : Up, Active\n"
	       "    Bound Interface        : access in context wsg\n"
	       "    MTU                    : 1500\n"
	       "\n"
	       "Port: 6/10\n"
	       "  Port Type                : 10G Ethernet\n"
	       "  Role                     : Service Port\n"
	       "  Description              : (None Set)\n"
	       "  Redundancy Mode          : Card Mode\n"
	       "  Redundant With           : 5/10\n"
	       "  Administrative State     : Enabled\n"
	       "  Interface MAC Address    : n/a\n"
	       "  Link State               : Up\n"
	       "  Link Speed               : 10 Gb\n"
	       "  Link Aggregation Group   : None\n"
	       "  Untagged:\n"
	       "    Operational State      : Down, Standby\n"
	       "    Bound Interface        : None\n"
	       "\n"
	       "Port: 5/3\n"
	       "  Port Type                : RS232 Serial Console\n"
	       "  Role                     : Management Port\n"
	       "  Description              : (None Set)\n"
	       "  Redundancy Mode          : None\n"
	       "  Redundant With           : None\n"
	       "  Administrative State     : Disabled\n");
}

Test(render_machine, port_utilization)
{
	expect(render_port_utilization, PORTS, NULL,
	       "                                ------ Average Port Utilization (in mbps) ------\n"
	       "Port   Type                       Current           5min             15min    \n"
	       "                                 Rx      Tx      Rx       Tx       Rx     Tx\n"
	       "----- ------------------------  ------- -------  ------- -------  ------- -------\n"
	       " 5/10 10G Ethernet              1840    1792     1811    1765     1790    1741   \n"
	       " 6/10 10G Ethernet              0       0        0       0        0       0      \n");
}

Test(render_machine, port_counters)
{
	contains(render_port_datalink, PORTS, NULL,
	         "Counters for port 5/10:\n"
	         "  Rx Counter                           Data | Tx Counter                           Data\n"
	         "  -------------------- -------------------- | -------------------- --------------------\n"
	         "  RX Bytes                           123456 | TX Bytes                             1000\n"
	         "  RX Frames                             789 | TX Frames                              10\n"
	         "  RX Multicast Frames                     4 | TX Multicast Frames                     -\n"
	         "  RX Error Frames                         5 | TX Error Frames                         2\n"
	         "  RX Discarded Frames                     6 | TX Discarded Frames                     3\n"
	         "\n"
	         "Counters for port 6/10:\n");
	contains(render_port_npu, PORTS, NULL,
	         "Counters for port 5/10\n"
	         "Counter                        Rx Frames           Rx Bytes        Tx Frames           Tx "
	         "Bytes\n"
	         "----------------------- ---------------- ------------------ ---------------- "
	         "------------------\n"
	         "Total                                789             123456               10               "
	         "1000\n"
	         "Multicast                              4                  -                -               "
	         "   -\n"
	         "HW error                               5                  -                2               "
	         "   -\n"
	         "Discarded                              6                  -                3               "
	         "   -\n");
	contains(render_port_npu, PORTS, NULL,
	         "Total                                  -                  -                -               "
	         "   -\n");
}

/* The lines of layouts/show_ip_arp. */
Test(render_machine, arp)
{
	expect(render_ip_arp,
	       "{'neighbours':[{'address':'192.0.2.1','link_address':'00:00:5E:00:53:01','flags':'R','"
	       "interface':'"
	       "wsg-untrust'},{'address':'198.51.100.129','link_address':'','flags':'I','interface':'srp-"
	       "link'}]}",
	       NULL,
	       "Flags codes:\n"
	       "I - Incomplete, R - Reachable, M - Permanent, S - Stale, \n"
	       "D - Delay,      P - Probe,     F - Failed\n"
	       "# Indicate vpn  and npu audit result is success \n"
	       "^ Indicate vpn  and npu audit result is failure \n"
	       "\n"
	       "  Address         Link Type Link Address      Flags  Mask            Interface\n"
	       "   192.0.2.1       ether     00:00:5E:00:53:01 R                      wsg-untrust\n"
	       "   198.51.100.129  ether                       I                      srp-link\n"
	       "Total number of arps: 2\n");
}

Test(render_machine, ipv6)
{
	expect(render_ipv6_route,
	       "{'routes':[{'destination':'2001:db8::/"
	       "64','nexthop':'::','protocol':'connected','interface':'core',"
	       "'best':true},{'destination':'::/"
	       "0','nexthop':'2001:db8::9','protocol':'static','precedence':1,"
	       "'cost':2,'interface':'core'}],'total':2,'unique':2,'connected':1,'framed':0,'static':1}",
	       NULL,
	       "\"*\" indicates the Best or Used route.  S indicates Stale.\n\n"
	       " Destination                                 Nexthop                                 "
	       "Protocol   Prec "
	       "Cost Interface\n"
	       "*2001:db8::/64                               ::                                      "
	       "connected  0    "
	       "0    core\n"
	       " ::/0                                        2001:db8::9                             static  "
	       "   1    "
	       "2    core\n"
	       "\n"
	       "Total route count : 2\nUnique route count: 2\n"
	       "Connected: 1 (Framed Route: 0) Static: 1\n");
	expect(render_ipv6_interface,
	       "{'interfaces':[{'name':'core','port':'5/"
	       "11','state':'UP','addresses':[{'address':'2001:db8:113::1',"
	       "'prefix_len':64}]}]}",
	       "summary",
	       "Interface Name                Address/Prefix                              Port   Status\n"
	       "----------------------------- ------------------------------------------- ------ ------\n"
	       "core                          2001:db8:113::1/64                          5/11   UP\n"
	       "Total interface count: 1\n");
}

#define CPU                                                                                                  \
	"{'wall_us':1000000000,'cpus':[{'card':10,'cpu':0,'state':'active','tasks':7,'files':123,'boot_"     \
	"wall_us':"                                                                                          \
	"520000000,'memory_now':104857600,'crypto_core':{'now':{'user':40.2,'system':19.8},'5min':{'user':"  \
	"3.0,"                                                                                               \
	"'system':1.0}},'use':{'max':61.04,'now':{'user':12.34,'system':5.0},'5min':{'user':10.0,'system':"  \
	"2.5,"                                                                                               \
	"'memory':94371840}}}]}"

Test(render_machine, cpu_info)
{
	expect(render_cpu_info, CPU, NULL,
	       "Card 10, CPU 0:\n"
	       "  Status           : Active, Kernel Running, Tasks Running\n"
	       "  Load Average     : n/a\n"
	       "  Total Memory     : n/a\n"
	       "  Kernel Uptime    : 0D 0H 8M\n"
	       "  Last Reading:\n"
	       "    CPU Usage      : 12.3% user, 5.0% sys, 0.0% io, 0.0% irq, 82.7% idle\n"
	       "    Processes/Tasks: 7 processes / 7 tasks\n"
	       "    File Usage     : 123 open files\n"
	       "    Memory Usage   : 100M\n"
	       "  Maximum:\n"
	       "    CPU Usage      : 61.0%\n"
	       "  5-Minute Average:\n"
	       "    CPU Usage      : 10.0% user, 2.5% sys, 0.0% io, 0.0% irq, 87.5% idle\n"
	       "    Memory Usage   : 90M\n"
	       "  15-Minute Average:\n"
	       "    CPU Usage      : n/a\n"
	       "    Memory Usage   : n/a\n");
	expect(render_cpu_info, CPU, "crypto-cores",
	       "Card 10, CPU 0:\n"
	       "  Status           : Active, Kernel Running, Tasks Running\n"
	       "  Load Average     : n/a\n"
	       "  Total Memory     : n/a\n"
	       "  Kernel Uptime    : 0D 0H 8M\n"
	       "  Last Reading:\n"
	       "    CPU Usage All  : 12.3% user, 5.0% sys, 0.0% io, 0.0% irq, 82.7% idle\n"
	       "      Node 0       : 40.2% user, 19.8% sys, 0.0% io, 0.0% irq, 40.0% idle\n"
	       "        Core 0     : 40.2% user, 19.8% sys, 0.0% io, 0.0% irq, 40.0% idle\n"
	       "    5-Minute Average:\n"
	       "      CPU Usage All  : 10.0% user, 2.5% sys, 0.0% io, 0.0% irq, 87.5% idle\n"
	       "        Node 0       : 3.0% user, 1.0% sys, 0.0% io, 0.0% irq, 96.0% idle\n"
	       "          Core 0     : 3.0% user, 1.0% sys, 0.0% io, 0.0% irq, 96.0% idle\n"
	       "    15-Minute Average:\n"
	       "      CPU Usage All  : n/a\n"
	       "        Node 0       : n/a\n"
	       "          Core 0     : n/a\n");
}

Test(render_machine, npu)
{
	expect(render_npu_utilization, CPU, NULL,
	       "         ---------npu--------\n"
	       "     npu     now   5min  15min\n"
	       "--------  ------ ------ ------\n"
	       " 10/0/01     60%     4%     0%\n");
	expect(render_npu_utilization, "{'cpus':[{'card':5,'cpu':0}]}", NULL,
	       "         ---------npu--------\n"
	       "     npu     now   5min  15min\n"
	       "--------  ------ ------ ------\n");
}

/* The columns of layouts/show_session_counters_historical_all. */
Test(render_machine, historical)
{
	expect(render_session_historical,
	       "{'intervals':[{'end':'2026:03:03:17:00:00','arrived':118,'rejected':2,'connected':115,'"
	       "disconnected'"
	       ":97,'failed':1},{'end':'2026:03:03:16:45:00'}]}",
	       NULL,
	       "                          ------------------- Number of Calls ------------------             "
	       "        "
	       "        (A+R+D+F+H+R)\n"
	       "Intv  Timestamp              Arrived   Rejected  Connected    Disconn     Failed      "
	       "Handoffs      "
	       "Renewals       CallOps \n"
	       "----  ------------------- ---------- ---------- ---------- ---------- ---------- "
	       "------------- "
	       "------------- -------------\n"
	       "   1  2026:03:03:17:00:00        118          2        115         97          1             "
	       "0        "
	       "     0           218\n"
	       "   2  2026:03:03:16:45:00          0          0          0          0          0             "
	       "0        "
	       "     0             0\n");
}

Test(render_machine, audits)
{
	expect(render_session_audit,
	       "{'managers_missing':1,'sessmgrs':[{'instance':1,'card':2,'audits':3,'released':2,'last':{'"
	       "wall_us':"
	       "1764470283000000},'recovery':{'fetched':500,'prior':500,'passed':498,'ms':35}},{'instance':"
	       "12,"
	       "'card':10,'audits':0,'released':0,'last':null,'recovery':null}]}",
	       NULL,
	       "               ----------Last Recovery----------  --------------Audits--------------\n"
	       "sessmgr  Card  Fetched   Prior  Passed  Time(ms)   Number Released  Last\n"
	       "-------  ----  ------- ------- ------- ---------  ------- --------  ------------------\n"
	       "      1     2      500     500     498        35        3        2  Sunday November 30 "
	       "02:38:03 UTC "
	       "2025\n"
	       "     12    10        -       -       -         -        0        0  Never\n"
	       "1 session manager(s) did not answer.\n");
}
