/* SPDX-License-Identifier: MIT */
/*
 * The fields of show crypto statistics ikev2 that chapters 13 to 20 and 28 of the IPSec Reference name, in
 * its spelling, with the counter behind each. test_render_ikestat.c looks for them in the show,
 * test_ike_counters.c makes each one count.
 */
#ifndef TESTS_IKESTAT_FIELDS_H
#define TESTS_IKESTAT_FIELDS_H

static const struct {
	int chapter;
	const char *section, *label, *field;
} ikestat_fields[] = {
        {19, "Certificate Authentication Statistics", "Large Certificate Length",
         "cert_auth_fail_large_length"},
        {19, "Total IKEv2 Timer Expiration Statistics", "IKE_SA Half Open", "exp_half_open_sa"},
        {19, "Total IKEv2 Timer Expiration Statistics", "IKE_SA Half Open (No XCHG)",
         "exp_half_open_sa_noxchg"},
        {19, "Total IKEv2 Child_SA Rekey Statistics", "IKE_SA Temp Failure Rekey Rate",
         "ikesa_rekey_rate_temp_failure"},
        {19, "Total IKEv2 Child_SA Rekey Statistics", "CHILD_SA Temp Failure Rekey Rate",
         "childsa_rekey_rate_temp_failure"},
        {19, "Total IKEv2 Exchanges Dropped", "Message Queue Size Exceeded",
         "xchg_drop_msg_queuesize_exceeded"},
        {19, "Total IKEv2 Decrypt Failure Statistics", "Decrypt Fail Count Exceeded",
         "decryptfail_count_exceeded"},
        {17, "Detailed IKE Statistics", "Total Fragments In", "rx_fragments"},
        {17, "Detailed IKE Statistics", "Total Fragments Out", "tx_fragments"},
        {17, "Detailed IKE Statistics", "Total IKE Fragmented Packets In", "rx_fragmented_packet"},
        {17, "Detailed IKE Statistics", "Total IKE Fragmented Packets out", "tx_fragmented_packet"},
        {17, "Detailed IKE Statistics", "Total IKE Fragments Dropped", "rx_fragments_dropped"},
        {17, "Total IKEv2 Notify Payload Sent Statistics", "Fragmentation Supported Notify Sent",
         "notifpaysent_fragsupp"},
        {17, "Total IKEv2 Notify Payload Received Statistics", "Fragmentation Supported Notify Rcvd",
         "notifrecv_fragsupp"},
        {18, "Total IKEv2 Notify Message Receive Statistics", "MOBIKE Supported", "notifrecv_mobikesupp"},
        {18, "Total IKEv2 Notify Message Receive Statistics", "Additional IPv4 Address",
         "notifrecv_addip4addr"},
        {18, "Total IKEv2 Notify Message Receive Statistics", "Additional IPv6 Address",
         "notifrecv_addip6addr"},
        {18, "Total IKEv2 Notify Message Receive Statistics", "No Additional Address", "notifrecv_noaddaddr"},
        {18, "Total IKEv2 Notify Message Receive Statistics", "Update SA Addresses", "notifrecv_updsaaddr"},
        {18, "Total IKEv2 Notify Message Receive Statistics", "COOKIE2", "notifrecv_cookie2"},
        {18, "Total IKEv2 Notify Message Receive Statistics", "No NAT Allowed", "notifrecv_nonatallow"},
        {18, "Total IKEv2 MOBIKE Statistics", "MOBIKE Notify Sent", "mobike_sent"},
        {18, "Total IKEv2 MOBIKE Statistics", "MOBIKE Notify Rcvd", "mobike_recv"},
        {18, "Total IKEv2 MOBIKE Statistics", "MOBIKE Ignored", "mobike_ignored"},
        {18, "Total IKEv2 MOBIKE Statistics", "MOBIKE Unexpected NAT Sent",
         "mobike_unexpected_natt_detected_sent"},
        {18, "Total IKEv2 MOBIKE Statistics", "MOBIKE Unacceptable Address Sent", "mobike_unacceptable_sent"},
        {18, "Total IKEv2 MOBIKE Statistics", "MOBIKE Cookie2 Rcvd", "mobike_cookie2_rcvd"},
        {18, "Total IKEv2 MOBIKE Statistics", "MOBIKE Cookie2 Sent", "mobike_cookie2_sent"},
        {18, "Total IKEv2 MOBIKE Statistics", "MOBIKE COOKIE2 Mismatch", "mobike_cookie2_mismatch"},
        {20, "IKEv2 SA_INIT Vendor-ID Matching Statistics", "Total packet rcvd with Vendor ID",
         "vendor_packets"},
        {20, "IKEv2 SA_INIT Vendor-ID Matching Statistics", "Total Vendor-ID's rcvd in IKE_SA_INIT",
         "vendor_ids"},
        {20, "IKEv2 SA_INIT Vendor-ID Matching Statistics", "Rcvd Vendor-ID successful Match",
         "vendor_match"},
        {20, "IKEv2 SA_INIT Vendor-ID Matching Statistics", "Rcvd Vendor-ID no Match", "vendor_no_match"},
        {15, "Total IKEv2 Notify Payload Sent Statistics", "Temporary Failure", "notifpaysent_tempfail"},
        {15, "Total IKEv2 Notify Payload Sent Statistics", "Child SA Not Found",
         "notifpaysent_childsanotfound"},
        {15, "Total IKEv2 Notify Message Receive Statistics", "Temporary Failure", "notifrecv_tempfail"},
        {15, "Total IKEv2 Notify Message Receive Statistics", "Child SA Not Found",
         "notifrecv_childsanotfound"},
        {28, "Total IKEv2 Notify Statistics", "Device ID Req Sent", "notifpaysent_deviceid"},
        {28, "Total IKEv2 Notify Statistics", "Device ID Rsp Rcvd", "notifpayrecv_deviceid"},
        {13, "Total IKEv2 Blacklist/Whitelist Statistics", "CHILD_SA Exchanges Refused",
         "list_child_refused"},
        {13, "Total IKEv2 Blacklist/Whitelist Statistics", "SA Rekeys Refused", "list_rekey_refused"},
};
#define IKESTAT_FIELDS (sizeof(ikestat_fields) / sizeof(ikestat_fields[0]))

#endif
