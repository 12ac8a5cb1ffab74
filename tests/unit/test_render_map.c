/* SPDX-License-Identifier: MIT */
/*
 * Crypto maps, ISAKMP policies, crypto groups and vendor policies as text, against the samples of the IPSec
 * Reference (chapters 4, 5, 6, 8, 20, 28) with names of our own; a size stands for a key. Subject:
 * lib/render.
 */
#include "tests/unit/render_test.h"

TestSuite(render_map, .fini = render_done);

#define SETS "'transforms':[{'name':'t1','ah':'none','esp':'md5-96','cipher':'3des-cbc','mode':'tunnel'}]"
#define IKEV1                                                                                                \
	"'mode':'main','pfs':'group2','lifetime_s':28800,'lifetime_kb':4608000," SETS ",'local_gateway':''"

Test(render_map, isakmp)
{
	cr_expect_str_eq(
	        text_of(render_crypto_map,
	                "{'maps':[{'name':'m2','type':'ipsec-isakmp','key_size':12," IKEV1
	                ",'remote_gateway':'192.0.2.9','access_lists':[{'name':'acl2','rules':['permit tcp "
	                "host 192.0.2.1 any']},{'name':'gone','rules':[]}]}]}",
	                NULL),
	        "Map Name : m2\n"
	        "=====================================\n"
	        "Payload :\n"
	        "  acl2: permit tcp host 192.0.2.1 any\n"
	        "  gone: <not configured>\n"
	        "Crypto map Type : ISAKMP\n"
	        "IKE Mode : MAIN\n"
	        "IKE pre-shared key : (Size = 12)\n"
	        "Perfect Forward Secrecy : Group2\n"
	        "Hard Lifetime :\n"
	        "    28800 seconds\n"
	        "    4608000 kilobytes\n"
	        "Number of Transforms: 1\n"
	        "Transform : t1\n"
	        "    AH : none\n"
	        "    ESP: md5 3des-cbc\n"
	        "    Encaps mode: TUNNEL\n"
	        "Local Gateway: Not Set\n"
	        "Remote Gateway: 192.0.2.9\n"
	        "\n1 Crypto map(s) configured\n");
}

Test(render_map, dynamic)
{
	const char *got =
	        text_of(render_crypto_map,
	                "{'maps':[{'name':'m3','type':'ipsec-dynamic','key_size':0," IKEV1 "}]}", NULL);

	cr_expect(strstr(got, "Crypto map Type : ISAKMP (Dynamic)\nIKE Mode : MAIN\nIKE pre-shared key :\n"),
	          "%s", got);
	cr_expect(strstr(got, "    4608000 kilobytes\nTransform : t1\n"), "%s", got);
	cr_expect(strstr(got, "Local Gateway: Not Set\nRemote Gateway: Not Set\n"), "%s", got);
}

Test(render_map, manual)
{
	cr_expect_str_eq(
	        text_of(render_crypto_map,
	                "{'maps':[{'name':'m','type':'ipsec-manual'," SETS
	                ",'remote_gateway':'192.0.2.40','flows':[{'direction':'inbound','protocol':'esp','"
	                "spi':257,"
	                "'cipher_size':17,'hmac_size':11},{'direction':'outbound','protocol':'esp','spi':258,"
	                "'cipher_size':11,'hmac_size':12}]}]}",
	                NULL),
	        "Map Name : m\n"
	        "=====================================\n"
	        "Crypto map Type : manual(static)\n"
	        "Transform : t1\n"
	        "  Encaps mode: TUNNEL\n"
	        "Transmit Flow\n"
	        "  Protocol : ESP\n"
	        "  SPI : 0x102 (258)\n"
	        "  Hmac : md5, key: (Size = 12)\n"
	        "  Cipher : 3des-cbc, key: (Size = 11)\n"
	        "Receive Flow\n"
	        "  Protocol : ESP\n"
	        "  SPI : 0x101 (257)\n"
	        "  Hmac : md5, key: (Size = 11)\n"
	        "  Cipher : 3des-cbc, key: (Size = 17)\n"
	        "Local Gateway: Not Set\n"
	        "Remote Gateway: 192.0.2.40\n"
	        "\n1 Crypto map(s) configured\n");
}

Test(render_map, ikev2_looks_like_a_template)
{
	const char *got =
	        text_of(render_crypto_map,
	                "{'maps':[{'name':'m6','type':'ikev2-ipv6','remote_gateway':'2001:db8::1'}]}", NULL);

	cr_expect(strstr(got, "Map Name: m6\n"), "%s", got);
	cr_expect(strstr(got, "Crypto Map Type: IPSEC IKEv2 over IPv6\n"), "%s", got);
	cr_expect(strstr(got, "Remote Gateway: 2001:db8::1\n"), "%s", got);
	cr_expect(!strstr(got, "Device Identity"), "%s", got);
}

Test(render_map, why_a_map_can_not_be_used)
{
	const char *got = text_of(render_crypto_map,
	                          "{'maps':[{'name':'m','type':'ikev2-ipv4','unusable':'it has no payload',"
	                          "'dropped':7},{'name':'n','type':'ikev2-ipv4','unusable':'full'},"
	                          "{'name':'o','type':'ikev2-ipv4'}]}",
	                          NULL);

	cr_expect(strstr(got,
	                 "Map Usable: No (it has no payload); what its access lists permit is dropped: 7 "
	                 "seen\n"),
	          "%s", got);
	cr_expect(strstr(got, "Map Usable: No (full); what its access lists permit is dropped\n"), "%s", got);
	cr_expect_null(strstr(strstr(got, "Map Name: o"), "Usable"));
}

Test(render_map, isakmp_policy)
{
	cr_expect_str_eq(
	        text_of(render_isakmp_policy,
	                "{'policies':[{'priority':1,'authentication':'preshared-key','lifetime_s':120,"
	                "'group':'5','hash':'md5','encryption':'3des-cbc'}]}",
	                NULL),
	        "1 ISAKMP Policies are configured\n"
	        "  Priority : 1\n"
	        "  Authentication Method : preshared-key\n"
	        "  Lifetime : 120 seconds\n"
	        "  IKE group : 5\n"
	        "  hash : md5\n"
	        "  encryption : 3des-cbc\n");
}

Test(render_map, vendor_policy)
{
	cr_expect_str_eq(text_of(render_vendor_policy,
	                         "{'policies':[{'name':'vp','vendors':[{'precedence':1,'vendor_id':'IKESA1','"
	                         "template':"
	                         "'v1'},{'precedence':2,'vendor_id':'IKESA2','template':'v2'}]}]}",
	                         NULL),
	                 "Crypto Vendor Policy Name vp\n"
	                 "  VID IKESA1 vendor template v1 precedence 1\n"
	                 "  VID IKESA2 vendor template v2 precedence 2\n"
	                 "1 Crypto vendor policy are configured\n");
}

Test(render_map, group)
{
	static const char tree[] =
	        "{'groups':[{'name':'g','primary':'m1','secondary':'','revert':false,'pools':['p'],"
	        "'dpd':{'interval':20,'timeout':10,'retries':3}}]}";

	cr_expect_str_eq(text_of(render_crypto_group, tree, NULL),
	                 "Crypto Group : g\n"
	                 "Primary Map : m1\n"
	                 "Secondary Map : Not Set\n"
	                 "Switchover : auto, do-not-revert\n"
	                 "IP Pool : p\n"
	                 "DPD : interval 20, timeout 10, retries 3\n"
	                 "\n1 Crypto group(s) configured\n");
	cr_expect(!strstr(text_of(render_crypto_group, tree, "summary"), "DPD"));
}

Test(render_map, sets_of_both_versions)
{
	cr_expect_str_eq(text_of(render_ipsec_transform_set,
	                         "{'ikev1_sets':[{'name':'a','ah':'sha1-96','esp':'','cipher':'none','mode':'"
	                         "transport'}],"
	                         "'sets':[{'name':'b','encryption':'aes-cbc-128','hmac':'sha1-96','group':'"
	                         "none','mode':"
	                         "'tunnel','esn':true}]}",
	                         NULL),
	                 "Transform-Set a :\n"
	                 "AH : sha1-96\n"
	                 "ESP : none\n"
	                 "Encaps Mode : TRANSPORT\n"
	                 "\n"
	                 "IKEv2 IPsec Transform-Set b :\n"
	                 "Cipher      : aes-cbc-128\n"
	                 "HMAC        : sha1-96\n"
	                 "DH Group    : none\n"
	                 "Encaps Mode : TUNNEL\n"
	                 "ESN         : Enabled\n");
}

Test(render_map, vendor_template_and_policy_of_a_template)
{
	const char *got =
	        text_of(render_crypto_template,
	                "{'templates':[{'name':'v','type':'ikev2-vendor'},{'name':'t','type':'ikev2-dynamic',"
	                "'vendor_policy':'vp1','device_identity':{'on':true,'default':true}}]}",
	                NULL);

	cr_expect(strstr(got, "Crypto Map Type: IPSEC IKEv2 Vendor Template\n"), "%s", got);
	cr_expect(strstr(got, "Attached vendor policy: vp1\n"), "%s", got);
	cr_expect(strstr(got, "IKEv2 Notify Payload:\n  Device Identity: Enabled [Default]\n"), "%s", got);
}
