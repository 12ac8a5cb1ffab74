/* SPDX-License-Identifier: MIT */
/*
 * Shows of certificates, subscribers, receivers of traps and the event log as text, line by line: fixed trees
 * (values are invented). Subject: lib/render.
 */
#include "tests/unit/render_test.h"

TestSuite(render_exec, .fini = render_done);

Test(render_exec, certificates)
{
	expect(render_certificates,
	       "{'kind':'Certificate','list':[{'name':'gw','format':'pem','source':'/flash/"
	       "gw.pem','version':3,"
	       "'serial':'0A:FF','signature_algorithm':'ecdsa-with-SHA256','issuer':'CN = ca','subject':'CN "
	       "= "
	       "gw','not_before_s':1764470283,'not_after_s':1772262000,'status':'Valid','alternative_names':'"
	       "DNS:gw','public_key':'rsaEncryption (2048 bit)','key_usage':'Digital "
	       "Signature','ca':false,'fingerprint_sha1':'AA:01','fingerprint_sha256':'BB:02','key_id':'CC:"
	       "03',"
	       "'further':2,'private_key':true},{'name':'old','format':'der','source':'/flash/"
	       "x','problem':'No "
	       "such file or directory','private_key':false}]}",
	       NULL,
	       "Certificate Name: gw\n"
	       "  Version                    : 3\n"
	       "  Serial Number              : 0A:FF\n"
	       "  Signature Algorithm        : ecdsa-with-SHA256\n"
	       "  Issuer                     : CN = ca\n"
	       "  Validity Not Before        : Nov 30 02:38:03 2025 GMT\n"
	       "  Validity Not After         : Feb 28 07:00:00 2026 GMT\n"
	       "  Status                     : Valid\n"
	       "  Subject                    : CN = gw\n"
	       "  Subject Alternative Name   : DNS:gw\n"
	       "  Public Key                 : rsaEncryption (2048 bit)\n"
	       "  Key Usage                  : Digital Signature\n"
	       "  CA                         : No\n"
	       "  SHA1 Fingerprint           : AA:01\n"
	       "  SHA256 Fingerprint         : BB:02\n"
	       "  Public Key SHA1            : CC:03\n"
	       "  Further Certificates       : 2\n"
	       "  Format                     : PEM\n"
	       "  Source                     : /flash/gw.pem\n"
	       "  Private Key                : Present\n"
	       "\n"
	       "Certificate Name: old\n"
	       "  Status                     : No such file or directory\n"
	       "  Format                     : DER\n"
	       "  Source                     : /flash/x\n"
	       "  Private Key                : None\n");
}

Test(render_exec, crls)
{
	expect(render_crls,
	       "{'kind':'CA CRL','list':[{'name':'l','format':'pem','source':'/flash/l','version':2,"
	       "'signature_algorithm':'sha256WithRSAEncryption','issuer':'CN = "
	       "ca','crl_number':'03','this_update_"
	       "s':1764470283,'next_update_s':0,'status':'Valid','fingerprint_sha256':'BB:02','revoked':2,"
	       "'entries':[{'serial':'10:00','revoked_s':1772262000,'reason':'Key "
	       "Compromise'},{'serial':'11',"
	       "'revoked_s':1772262000,'reason':''}]}]}",
	       NULL,
	       "CA CRL Name: l\n"
	       "  Version                    : 2\n"
	       "  Signature Algorithm        : sha256WithRSAEncryption\n"
	       "  Issuer                     : CN = ca\n"
	       "  Last Update                : Nov 30 02:38:03 2025 GMT\n"
	       "  Next Update                : NONE\n"
	       "  Status                     : Valid\n"
	       "  CRL Number                 : 03\n"
	       "  SHA256 Fingerprint         : BB:02\n"
	       "  Revoked Certificates       : 2\n"
	       "    Serial Number: 10:00\n"
	       "      Revocation Date: Feb 28 07:00:00 2026 GMT\n"
	       "      CRL Reason: Key Compromise\n"
	       "    Serial Number: 11\n"
	       "      Revocation Date: Feb 28 07:00:00 2026 GMT\n"
	       "  Format                     : PEM\n"
	       "  Source                     : /flash/l\n");
}

#define CALL1                                                                                                \
	"{'callid':'005c6081','username':'262011234567890@nai','service':'segw','context':'wsg','pool':'ue'" \
	","                                                                                                  \
	"'address':'10.45.0.7','pool6':'ue6','address6':'2001:db8::7','peer':'100.64.0.1','ipsecmgr':2,"     \
	"'sessmgr':5,'card':3,'cpu':1,'state':'SMGR_STATE_CONNECTED','recovered':true,'connect_wall_us':"    \
	"1764470283000000,'connected_s':3725,'idle_s':2,'in_packets':30,'in_bytes':1800,'out_packets':31,"   \
	"'out_bytes':1860,'in_dropped':1,'out_dropped':4}"
#define CALL2                                                                                                \
	"{'callid':'00000012','username':'gw-with-a-name-that-is-long','service':'s2s','context':'c','pool'" \
	":'',"                                                                                               \
	"'address':'-','address6':'2001:db8::9','state':'SMGR_STATE_NEWCALL_ANSWERED'}"
#define CALL3                                                                                                \
	"{'callid':'00000013','username':'x','address':'-','address6':'-','state':'SMGR_STATE_"              \
	"DISCONNECTING'}"

Test(render_exec, subscribers)
{
	const char *text =
	        text_of(render_subscribers,
	                "{'total':3,'managers_missing':1,'calls':[" CALL1 "," CALL2 "," CALL3 "]}", NULL);
	const char *rows = strstr(text, "vvvvvv");

	cr_assert(rows);
	cr_expect(strncmp(text, "+-----Access       (q) - wsg-simple-ip\n|     Type:\n", 40) == 0);
	cr_expect_str_eq(
	        rows,
	        "vvvvvv CALLID   MSID            USERNAME               IP                            "
	        "TIME-IDLE\n"
	        "------ -------- --------------- ---------------------- ----------------------------- "
	        "---------\n"
	        "qQC.AS 005c6081 262011234567890 262011234567890@nai    10.45.0.7                     "
	        "00h00m02s\n"
	        "qQc.AS 00000012 n/a             gw-with-a-name-that-is-long 2001:db8::9                   "
	        "n/a\n"
	        "qQD.AS 00000013 n/a             x                      n/a                           n/a\n"
	        "\n"
	        "Total subscribers matching specified criteria: 3\n"
	        "1 session manager(s) did not answer; their sessions are not listed.\n");
	expect(render_subscribers, "{'total':0,'calls':[]}", NULL,
	       "No subscribers match the specified criteria\n");
}

Test(render_exec, subscribers_full)
{
	expect(render_subscribers, "{'total':1,'calls':[" CALL1 "]}", "full",
	       "Username: 262011234567890@nai                         Status: Online/Active\n"
	       "  Access Type: wsg-simple-ipv4v6                      Network Type: IPSEC\n"
	       "  Access Tech: WSG                                    Peer IP Address: 100.64.0.1\n"
	       "  callid: 005c6081                                    msid: 262011234567890\n"
	       "  Card/Cpu: 3/1                                       Sessmgr Instance: 5\n"
	       "  state: Connected                                    Ipsecmgr Instance: 2\n"
	       "  connect time: Sunday November 30 02:38:03 UTC 2025  call duration: 01h02m05s\n"
	       "  idle time: 00h00m02s                                idle time left: n/a\n"
	       "  session time left: n/a                              Redundancy Status: Recovered Session\n"
	       "  wsg-service name: segw                              source context: wsg\n"
	       "  ip address: 10.45.0.7                               ip pool name: ue\n"
	       "  ipv6 address: 2001:db8::7                           ipv6 pool name: ue6\n"
	       "  input pkts: 30                                      output pkts: 31\n"
	       "  input bytes: 1800                                   output bytes: 1860\n"
	       "  input pkts dropped: 1                               output pkts dropped: 4\n"
	       "\n"
	       "Total subscribers matching specified criteria: 1\n");
}

Test(render_exec, transports)
{
	expect(render_transports,
	       "{'targets':[{'name':'nms','address':'192.0.2.50','port':162,'version':'2c','sent':12,'failed'"
	       ":1,"
	       "'behind':3}]}",
	       NULL,
	       "Target Name                      IP Address                              Port  Ver   Sent "
	       "Failed Waiting\n"
	       "-------------------------------- --------------------------------------- ----- --- ------ "
	       "------ -------\n"
	       "nms                              192.0.2.50                                162 2c      12    "
	       "  1       3\n");
}

#define LOGGING                                                                                              \
	"{'active':true,'received':9,'stored':7,'waiting':2,'dropped':0,'filters':[{'facility':'ipsec','"    \
	"level':'"                                                                                           \
	"debug','source':'exec'},{'facility':'all','level':'info','source':'configuration'}]}"
#define FILTERS                                                                                              \
	"Facility             Level     Set by\n"                                                            \
	"-------------------- --------- -------------\n"                                                     \
	"ipsec                debug     exec\n"                                                              \
	"all                  info      configuration\n"

Test(render_exec, logging)
{
	expect(render_logging, LOGGING, NULL, "  Events on this terminal    : Enabled\n\n" FILTERS);
	expect(render_logging, LOGGING, "active", FILTERS);
	expect(render_logging, LOGGING, "verbose",
	       "  Events on this terminal    : Enabled\n"
	       "  Records received           : 9\n"
	       "  Records stored             : 7\n"
	       "  Records waiting            : 2\n"
	       "  Records dropped            : 0\n\n" FILTERS);
}
