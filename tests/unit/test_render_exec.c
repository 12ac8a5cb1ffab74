/* SPDX-License-Identifier: MIT */
/*
 * Shows of certificates and revocation lists as text, line by line: fixed trees (values are invented).
 * Subject: lib/render/render_pki.c.
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
