/* SPDX-License-Identifier: MIT */
/*
 * The text of show commands on contexts, addresses, redundancy, sessions and IPsec, byte by byte: fixed trees
 * against the exact columns of StarOS (values are invented). Subject: lib/render. Where a layout is our own
 * the test pins what drills and scripts look for.
 */
#include "tests/unit/render_test.h"

TestSuite(cli_render, .fini = render_done);

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
	contains(render_subscribers_summary, "{'total':1,'managers_missing':2}", NULL,
	         "2 session manager(s) did not answer; the numbers lack theirs.\n");
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
	        "'dscp':'0x23','mobike':true,'fragmentation':true,'mtu_ipv4':1438,'mtu_ipv6':1422,"
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
	        "  IKE SA DSCP: 0x23\n",
	        "  IKEv2 Mobike: Enabled\n",
	        "  IKEv2 Fragmentation: Enabled\n",
	        "  IKEv2 MTU Size IPv4/IPv6: 1438/1422\n",
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

/* Chapter 28: whether devices are asked who they are. */
Test(cli_render, device_identity_of_a_template)
{
	contains(render_crypto_template,
	         "{'templates':[{'name':'t','device_identity':{'on':true,'default':true}}]}", NULL,
	         "IKEv2 Notify Payload:\n  Device Identity: Enabled [Default]\n");
	contains(render_crypto_template, "{'templates':[{'name':'t','device_identity':{'on':true}}]}", NULL,
	         "IKEv2 Notify Payload:\n  Device Identity: Enabled\n");
	contains(render_crypto_template, "{'templates':[{'name':'t','device_identity':{'on':false}}]}", NULL,
	         "IKEv2 Notify Payload:\n  Device Identity: Disabled\n");
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
	contains(render_crypto_statistics, "{'objects':[{'context':'wsg','counters':{}}]}", NULL,
	         "Control Statistics for Context: wsg\n");
	contains(render_crypto_statistics, tree, NULL,
	         "  IKE SAs Present:                              202   IKE SAs Half Open:                   "
	         "           0\n");
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
	contains(render_wsg_service, "{'services':[{'name':'wsg1'}]}", NULL,
	         "Duplicate-session-detection   : Disabled\n");
	contains(render_wsg_service, "{'services':[{'name':'wsg1','duplicate_session_detection':true}]}",
	         NULL, "Duplicate-session-detection   : Enabled\n");
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
