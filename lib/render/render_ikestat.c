/* SPDX-License-Identifier: MIT */
/*
 * show crypto statistics ikev2: the counters of schema ikev2 in sections, two to a line. Section and field
 * names are those of the IPSec Reference where it gives them (fragments, DDoS, MOBIKE, notify); the rest, the
 * order and the columns are Orrery's own. Counters of exchanges that this release never makes (EAP) appear
 * only when they are not zero.
 */
#include "render/render.h"

#include <stdio.h>
#include <string.h>

struct line {
	const char *label, *variable; /* without "ikev2-"; label NULL: the section ends */
};

struct section {
	const char *title;
	const struct line *lines;
};

static const struct line sas[] = {{"IKE SAs Present", "cursa"},
                                  {"IKE SAs Half Open", "curhalfsa"},
                                  {"IKE SAs Established", "curestsa"},
                                  {"Child SAs Present", "curchildsa"},
                                  {"As Initiator", "cursainit"},
                                  {"As Responder", "cursaresp"},
                                  {"Attempts", "attempt"},
                                  {"Total Established", "ttlsa"},
                                  {"Attempts as Initiator", "attemptinit"},
                                  {"Total as Initiator", "ttlsainit"},
                                  {"Attempts as Responder", "attemptresp"},
                                  {"Total as Responder", "ttlsaresp"},
                                  {"Setup Failures", "initfail"},
                                  {"Creation Failures", "misc-ikesacrefail"},
                                  {"Initiator Failed, No Response", "initfail-noresp"},
                                  {"Initiator Failed, Response", "initfail-resp"},
                                  {NULL, NULL}};
static const struct line packets[] = {{"Total Packets In", "rxpacket"},
                                      {"Total Packets Out", "txpacket"},
                                      {"Total Octets In", "rxoctet"},
                                      {"Total Octets Out", "txoctet"},
                                      {"Total Fragments In", "rx-fragments"},
                                      {"Total Fragments Out", "tx-fragments"},
                                      {"Total IKE Fragmented Packets In", "rx-fragmented-packet"},
                                      {"Total IKE Fragmented Packets out", "tx-fragmented-packet"},
                                      {"Total IKE Fragments Dropped", "rx-fragments-dropped"},
                                      {"Unknown IKE SPI", "unkxchgspi"},
                                      {"NAT-T Keepalives In", "nattkeepalive-recv"},
                                      {"NAT-T Keepalives Out", "nattkeepalive-send"},
                                      {"Congestion Rejects", "congrej"},
                                      {"Congestion Drops", "congdrop"},
                                      {NULL, NULL}};
static const struct line dpd[] = {{"Requests Sent", "dpd-send"},
                                  {"Requests Received", "dpd-recv"},
                                  {"Replies Received", "dpd-recv-reply"},
                                  {"Replies Sent", "dpd-send-reply"},
                                  {"Timeouts", "dpd-timeout"},
                                  {"Disconnects", "dpd-disconnect"},
                                  {NULL, NULL}};
static const struct line del[] = {{"IKE SAs Deleted", "ikesadel"},
                                  {"IKE SA Delete Requests Sent", "ikesadelreq-sent"},
                                  {"IKE SA Delete Requests Received", "ikesadelreq-recv"},
                                  {"IKE SA Delete Replies Sent", "ikesadelrep-sent"},
                                  {"IKE SA Delete Replies Received", "ikesadelrep-recv"},
                                  {"Child SA Deletes Sent", "csa-sngldelpldsnt"},
                                  {"Child SA Deletes Received", "csa-sngldelpldrcv"},
                                  {NULL, NULL}};
static const struct line child[] = {{"Create Requests Sent", "csa-createreqsnt"},
                                    {"Create Requests Received", "csa-createreqrcv"},
                                    {"Create Responses Sent", "csa-createrspsnt"},
                                    {"Create Responses Received", "csa-creatersprcv"},
                                    {"Created", "csa-createsucc"},
                                    {"Creation Failures", "csa-createfail"},
                                    {NULL, NULL}};
static const struct line rekey[] = {{"IKE_SA Requests Sent", "rekey-ikesareqsent"},
                                    {"IKE_SA Requests Received", "rekey-ikesareqrcvd"},
                                    {"IKE_SA Responses Sent", "rekey-ikesarspsent"},
                                    {"IKE_SA Responses Received", "rekey-ikesarsprcvd"},
                                    {"IKE_SA Requests Ignored", "rekey-ikesaignored"},
                                    {"CHILD_SA Requests Ignored", "rekey-childsaignored"},
                                    {"CHILD_SA Requests Sent", "rekey-childsareqsent"},
                                    {"CHILD_SA Requests Received", "rekey-childsareqrecv"},
                                    {"CHILD_SA Responses Sent", "rekey-childsarspsent"},
                                    {"CHILD_SA Responses Received", "rekey-childsarsprecv"},
                                    {"IKE_SA Temp Failure Rekey Rate", "ikesa-rekey-rate-temp-failure"},
                                    {"CHILD_SA Temp Failure Rekey Rate", "childsa-rekey-rate-temp-failure"},
                                    {NULL, NULL}};
static const struct line timers[] = {{"Retransmissions", "exp-retran"},
                                     {"IKE_SA Setup", "exp-setup"},
                                     {"IKE_SA Setup (No XCHG)", "exp-setupnoxchg"},
                                     {"CHILD_SA Setup (No XCHG)", "exp-childsetupnoxchg"},
                                     {"IKE_SA Half Open", "exp-half-open-sa"},
                                     {"IKE_SA Half Open (No XCHG)", "exp-half-open-sa-noxchg"},
                                     {"IKE_SA Soft Lifetime", "exp-lifesoft"},
                                     {"IKE_SA Hard Lifetime", "exp-lifehard"},
                                     {"CHILD_SA Soft Lifetime", "exp-childlifesoft"},
                                     {"CHILD_SA Hard Lifetime", "exp-childlifehard"},
                                     {NULL, NULL}};
static const struct line auth[] = {{"Successes", "auth-p1succ"},
                                   {"Failures", "auth-p1fail"},
                                   {"Requests", "auth-p1req"},
                                   {"Responses", "auth-p1rsp"},
                                   {"Wrong Hash", "auth-failhash"},
                                   {"Wrong Signature", "auth-failsign"},
                                   {"No Shared Key", "auth-failmskmiss"},
                                   {"Invalid NAI", "auth-invalidnai"},
                                   {NULL, NULL}};
static const struct line dropped[] = {{"Message Queue Size Exceeded", "xchg-drop-msg-queuesize-exceeded"},
                                      {"Invalid Message Id", "xchg-dropinvmsgid"},
                                      {"No IKE_SA for Request", "xchg-dropnoninitnoikesa"},
                                      {"No IKE_SA for Response", "xchg-droprspnoikesa"},
                                      {"Invalid Response", "xchg-dropinvrsp"},
                                      {"Invalid Major Version", "xchg-dropinvmajver"},
                                      {"Unknown Critical Payload", "xchg-dropunkcrit"},
                                      {"Unexpected Payload", "xchg-dropunexppld"},
                                      {"IKE_SA Error", "xchg-dropikesaerr"},
                                      {"Retransmission Discarded", "xchg-dropretransdisc"},
                                      {"Retransmission Not Decodable", "xchg-drop-req-retx-decode-failure"},
                                      {"Card Migration", "xchg-dropcardmigration"},
                                      {"Request Without Key", "xchg-drop-req-no-key"},
                                      {"Response Without Key", "xchg-drop-rsp-no-key"},
                                      {NULL, NULL}};
static const struct line cookies[] = {
        {"Cookies Sent", "notif-cooksent"},     {"Cookies Received", "notif-cookrecv"},
        {"Cookies Matched", "notif-cookmatch"}, {"Cookies Not Matched", "notif-cooknotmatch"},
        {"Invalid Cookies", "invcookie"},       {NULL, NULL}};
static const struct line notify_sent[] = {{"Invalid KE Payload", "notifpaysent-invke"},
                                          {"No Proposal Chosen", "notifpaysent-noprop"},
                                          {"Invalid Syntax", "notifpaysent-invsyn"},
                                          {"Invalid Major Version", "notifpaysent-invmajver"},
                                          {"Invalid Message Id", "notifpaysent-invmsgid"},
                                          {"Unsupported Critical Payload", "notifpaysent-unsuppcrit"},
                                          {"No Additional SAs", "notifpaysent-noaddsa"},
                                          {"Internal Address Failure", "notifpaysent-intfail"},
                                          {"TS Unacceptable", "notifpaysent-tsunaccept"},
                                          {"Temporary Failure", "notifpaysent_tempfail"},
                                          {"Child SA Not Found", "notifpaysent_childsanotfound"},
                                          {"Invalid SPI", "notifpaysent_invspi"},
                                          {"Invalid Selectors", "notifpaysent_invsel"},
                                          {"Fragmentation Supported Notify Sent", "notifpaysent_fragsupp"},
                                          {NULL, NULL}};
static const struct line notify_received[] = {{"Invalid KE Payload", "notifrecv-invkepay"},
                                              {"No Proposal Chosen", "notifrecv-nopropchosen"},
                                              {"Invalid Syntax", "notifrecv-invsyn"},
                                              {"Invalid Major Version", "notifrecv-invmajver"},
                                              {"Invalid Message Id", "notifrecv-invmsgid"},
                                              {"Authentication Failed", "notifrecv-authfail"},
                                              {"No Additional SAs", "notifrecv-noaddsa"},
                                              {"TS Unacceptable", "notifrecv-tsunaccept"},
                                              {"Temporary Failure", "notifrecv_tempfail"},
                                              {"Child SA Not Found", "notifrecv_childsanotfound"},
                                              {"Invalid SPI", "notifrecv-invspi"},
                                              {"Invalid Selectors", "notifrecv-invsel"},
                                              {"Initial Contact", "notifrecv-initcont"},
                                              {"Rekey SA", "notifrecv-rekeysa"},
                                              {"NAT Detection Source IP", "notifrecv-natdetsrcip"},
                                              {"NAT Detection Destination IP", "notifrecv-natdetdstip"},
                                              {"Cookie", "notifrecv-cookie"},
                                              {"Use Transport Mode", "notifrecv-usetransmode"},
                                              {"MOBIKE Supported", "notifrecv-mobikesupp"},
                                              {"Additional IPv4 Address", "notifrecv-addip4addr"},
                                              {"Additional IPv6 Address", "notifrecv-addip6addr"},
                                              {"No Additional Address", "notifrecv-noaddaddr"},
                                              {"Update SA Addresses", "notifrecv-updsaaddr"},
                                              {"COOKIE2", "notifrecv-cookie2"},
                                              {"No NAT Allowed", "notifrecv-nonatallow"},
                                              {"Other", "notifrecv-other"},
                                              {NULL, NULL}};
static const struct line mobike[] = {{"MOBIKE Notify Sent", "mobike-sent"},
                                     {"MOBIKE Notify Rcvd", "mobike-recv"},
                                     {"MOBIKE Ignored", "mobike-ignored"},
                                     {"MOBIKE Unexpected NAT Sent", "mobike-unexpected-natt-detected-sent"},
                                     {"MOBIKE Unacceptable Address Sent", "mobike_unacceptable_sent"},
                                     {"MOBIKE Cookie2 Rcvd", "mobike-cookie2-rcvd"},
                                     {"MOBIKE Cookie2 Sent", "mobike-cookie2-sent"},
                                     {"MOBIKE COOKIE2 Mismatch", "mobike-cookie2-mismatch"},
                                     {NULL, NULL}};
static const struct line decrypt[] = {{"Decryption Failures", "decryptfail"},
                                      {"Wrong HMAC", "decryptfail-hmac"},
                                      {"Wrong Padding", "decryptfail-pad"},
                                      {"Decrypt Fail Count Exceeded", "decryptfail-count-exceeded"},
                                      {NULL, NULL}};
static const struct line decode[] = {{"Packets Not Decodable", "decfail-pktfail"},
                                     {"IKE Header", "decfail-ikehdr"},
                                     {"IKE Header Length", "decfail-ikehdrlen"},
                                     {"IKE Header Exchange Type", "decfail-ikehdrxchgtyp"},
                                     {"Major Version", "decfail-ikehdrmajver"},
                                     {"Syntax", "decfail-syn"},
                                     {"Payload Syntax", "decfail-paysyn"},
                                     {"Payload Length", "decfail-paylen"},
                                     {"Too Many Payloads", "decfail-toomanypay"},
                                     {"SA Payload Length", "decfail-sapaylen"},
                                     {"KE Payload Length", "decfail-kepaylen"},
                                     {"Nonce Payload Length", "decfail-noncepaylen"},
                                     {"Notify Payload Length", "decfail-notifpaylen"},
                                     {"TS Payload Length", "decfail-tspaylen"},
                                     {NULL, NULL}};

static const struct line large_certs[] = {{"Large Certificate Length", "cert-auth-fail-large-length"},
                                          {NULL, NULL}};
static const struct line certs[] = {{"Certificates Sent", "cert-sent"},
                                    {"Certificates Received", "cert-recv"},
                                    {"Sub-CA Certificates Sent", "subca-cert-sent"},
                                    {"Sub-CA Certificates Received", "subca-cert-recv"},
                                    {"Certificate Requests Sent", "cert-reqsent"},
                                    {"Certificate Requests Received", "cert-reqrecv"},
                                    {"Hash and URL Sent", "cert-hashurl-sent"},
                                    {"Hash and URL Received", "cert-hashurl-recv"},
                                    {"Hash and URL Requests Sent", "cert-req-hashurl-sent"},
                                    {"Hash and URL Requests Received", "cert-req-hashurl-recv"},
                                    {"Certificates Ignored", "cert-ignored"},
                                    {"Certificate Requests Ignored", "cert-req-ignored"},
                                    {"Local Attempts", "attempt-local-cert-auth-method"},
                                    {"Remote Attempts", "attempt-remote-cert-auth-method"},
                                    {"Local Successes", "success-local-cert-auth-method"},
                                    {"Remote Successes", "success-remote-cert-auth-method"},
                                    {"Local Failures", "failure-local-cert-auth-method"},
                                    {"Remote Failures", "failure-remote-cert-auth-method"},
                                    {NULL, NULL}};

static const struct line vendors[] = {{"Total packet rcvd with Vendor ID", "vendor_packets"},
                                      {"Total Vendor-ID's rcvd in IKE_SA_INIT", "vendor_ids"},
                                      {"Rcvd Vendor-ID successful Match", "vendor_match"},
                                      {"Rcvd Vendor-ID no Match", "vendor_no_match"},
                                      {NULL, NULL}};
static const struct line frag_received[] = {{"Fragmentation Supported Notify Rcvd", "notifrecv_fragsupp"},
                                            {NULL, NULL}};
static const struct line device[] = {{"Device ID Req Sent", "notifpaysent-deviceid"},
                                     {"Device ID Rsp Rcvd", "notifpayrecv-deviceid"},
                                     {NULL, NULL}};
static const struct line lists[] = {{"IKE_AUTH Refused", "list_auth_refused"},
                                    {"CHILD_SA Exchanges Refused", "list_child_refused"},
                                    {"SA Rekeys Refused", "list_rekey_refused"},
                                    {NULL, NULL}};
static const struct line duplicates[] = {{"Ended, Same IPSec Manager", "duplicates_local"},
                                         {"Ended, Other IPSec Manager", "duplicates_remote"},
                                         {NULL, NULL}};

/* Named as the IPSec Reference prints them, number first. */
static const struct line debug[] = {
        {"tot_ikev2_ikesa_half_open_sa_timer_start", "half_open_timer_start"},
        {"tot_ikev2_ikesa_half_open_sa_timer_start_ignored", "half_open_timer_ignored"},
        {"tot_ikev2_ikesa_half_open_sa_timer_stop", "half_open_timer_stop"},
        {NULL, NULL}};

static const struct section sections[] = {
        {"IKEv2 Security Associations", sas},
        {"Detailed IKE Statistics", packets},
        {"Total IKEv2 Dead Peer Detection Statistics", dpd},
        {"Total IKEv2 Authentication Statistics", auth},
        {"Certificate Authentication Statistics", large_certs},
        {"Total IKEv2 Certificate Statistics", certs},
        {"Total IKEv2 Child_SA Statistics", child},
        {"Total IKEv2 Child_SA Rekey Statistics", rekey},
        {"Total IKEv2 Delete Statistics", del},
        {"Total IKEv2 Timer Expiration Statistics", timers},
        {"Total IKEv2 Cookie Statistics", cookies},
        {"Total IKEv2 Notify Statistics", device},
        {"Total IKEv2 Notify Payload Sent Statistics", notify_sent},
        {"Total IKEv2 Notify Payload Received Statistics", frag_received},
        {"Total IKEv2 Notify Message Receive Statistics", notify_received},
        {"Total IKEv2 MOBIKE Statistics", mobike},
        {"IKEv2 SA_INIT Vendor-ID Matching Statistics", vendors},
        {"Total IKEv2 Blacklist/Whitelist Statistics", lists},
        {"Total IKEv2 Duplicate Session Statistics", duplicates},
        {"Total IKEv2 Exchanges Dropped", dropped},
        {"Total IKEv2 Decrypt Failure Statistics", decrypt},
        {"Total IKEv2 Decode Failure Statistics", decode},
};

/* A counter that is no bulk statistics variable goes by its field's name, which has underscores. */
static long long value(const json_t *counters, const char *variable)
{
	char name[80];

	if (strchr(variable, '_'))
		return render_num(counters, variable);
	snprintf(name, sizeof(name), "ikev2-%s", variable);
	return render_num(counters, name);
}

static bool all_zero(const struct section *s, const json_t *counters)
{
	for (const struct line *l = s->lines; l->label; l++)
		if (value(counters, l->variable))
			return false;
	return true;
}

static void section(const struct section *s, const json_t *counters, struct cli_out *out)
{
	char label[64];

	cli_out_printf(out, "%s:\n", s->title);
	for (size_t i = 0; s->lines[i].label; i++) {
		bool last = i % 2 || !s->lines[i + 1].label;

		snprintf(label, sizeof(label), "%s:", s->lines[i].label);
		cli_out_printf(out, "%s%-38s %10lld%s", i % 2 ? "   " : "  ", label,
		               value(counters, s->lines[i].variable), last ? "\n" : "");
	}
	cli_out_put(out, "\n");
}

static bool listed(const char *name)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		for (const struct line *l = sections[i].lines; l->label; l++)
			if (!strcmp(l->variable, name))
				return true;
	return false;
}

static void debug_section(const json_t *counters, struct cli_out *out)
{
	cli_out_put(out, "IKEv2 DEBUG Statistics:\n-----------------------\n");
	for (const struct line *l = debug; l->label; l++)
		cli_out_printf(out, "  %lld %s\n", value(counters, l->variable), l->label);
	cli_out_put(out, "\n");
}

/* What no section has, by its variable. */
static void others(const json_t *counters, struct cli_out *out)
{
	const char *name;
	const json_t *v;
	bool any = false;

	json_object_foreach((json_t *)(uintptr_t)counters, name, v)
	{
		if (strncmp(name, "ikev2-", 6) != 0 || listed(name + 6) || !json_integer_value(v))
			continue;
		if (!any)
			cli_out_put(out, "Other Statistics:\n");
		any = true;
		cli_out_printf(out, "  %-42s %10lld\n", name + 6, (long long)json_integer_value(v));
	}
	if (any)
		cli_out_put(out, "\n");
}

void render_crypto_statistics(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *o;
	size_t i;

	json_array_foreach(render_list(j, "objects"), i, o)
	{
		const json_t *counters = json_object_get(o, "counters");
		bool nobody = !strcmp(render_str(o, "name"), "unknown"); /* packets that fit no template */

		if (nobody && !json_object_size(counters))
			continue;
		if (nobody)
			cli_out_put(out, "Control Statistics for No Crypto Template:\n\n");
		else if (*render_str(o, "context"))
			cli_out_printf(out, "Control Statistics for Context: %s\n\n",
			               render_str(o, "context"));
		else
			cli_out_printf(out, "Control Statistics for Crypto Template: %s\n\n",
			               render_str(o, "name"));
		for (size_t k = 0; k < sizeof(sections) / sizeof(sections[0]); k++)
			if (!nobody || !all_zero(&sections[k], counters))
				section(&sections[k], counters, out);
		if (!nobody)
			debug_section(counters, out);
		others(counters, out);
	}
	if (!json_array_size(render_list(j, "objects")))
		cli_out_put(out, "No IKEv2 statistics yet\n");
}
