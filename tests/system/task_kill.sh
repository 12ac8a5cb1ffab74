#!/bin/bash
# `task kill` of one task after the other while tunnels carry traffic: each comes back as a new process, nothing is lost.
. "$(dirname "$0")/../lib.sh"
. "$HERE/../tunnels.sh"
lab_up
another() {
	now=$(pid "$facility" "$instance")
	[ -n "$now" ] && [ "$now" != "$old" ]
}
# the sessmgr with most calls, and its aaamgr
busy=$(cli -c 'show subscribers all | json' | sed -n '/^{/,$p' | jq -r '[.calls[].sessmgr] | group_by(.) | max_by(length)[0]')
while read -r facility instance; do
	old=$(pid "$facility" "$instance")
	[ -n "$old" ] || fail "$facility $instance does not run"
	cli -c "task kill facility $facility instance $instance" || fail "task kill facility $facility instance $instance"
	within 10 another
	within 10 ready
	unharmed "task kill $facility $instance"
done <<END
sct 0
hatsystem 0
rmctrl 0
srdb 0
vpnmgr 2
sessmgr $busy
aaamgr $busy
END
# the sessmgr that came back had its calls from its aaamgr, which runs on another card
expect 0 'SessMgrRecoveryComplete.*fetched from aaa mgr [1-9]' cli -c 'show snmp trap history'
[ "$(owner sessmgr "$busy")" != "$(owner aaamgr "$busy")" ] || fail "sessmgr $busy and its aaamgr are on one card"
expect 1 'Failure: No task rmctrl instance 7' cli -c 'task kill facility rmctrl instance 7'
# a hatsystem that comes back tells no old news
[ "$(cli -c 'show snmp trap history' | grep -c '(CardUp)')" -le 12 ] || fail "cards came up twice"
# an edit goes through the new sct, and the new srdb keeps traps
cli -c configure -c 'context later' -c end || fail "an edit after all that"
expect 0 'TaskRestart.*facility srdb' cli -c 'show snmp trap history'

# what the kills left to be seen, and what goes on: audits, neighbours, counters of ports and cores, the way to a host
json() {
	cli -c "$1 | json" | sed -n '/^{/,$p'
}
json 'show session recovery audit' | jq -e ".sessmgrs[] | select(.instance == $busy) | .recovery.passed > 0 and .released == 0" >"$WORK/o" ||
	fail "the audit of sessmgr $busy"
json 'show port datalink counters 5/10' | jq -e '.ports | length == 1 and .[0].device.rx_bytes > 10000 and .[0].device.tx_packets > 100' \
	>"$WORK/o" || fail "counters of port 5/10"
json 'show cpu info card 2 crypto-cores' | jq -e '[.cpus[] | select(.crypto_core)] | length == 1' >"$WORK/o" || fail "the crypto core of card 2"
expect 0 '^ 02/0/01 ' cli -c 'show npu utilization table'
expect 0 '^   192.0.2.100 *ether *[0-9A-F:]\{17\} [RSDP] *access$' cli -c 'context wsg' -c 'show ip arp'
expect 0 '^\*2001:db8:113::/64 ' cli -c 'context wsg' -c 'show ipv6 route'
expect 0 '^ 1  203.0.113.10 ' cli -c 'context wsg' -c 'traceroute 203.0.113.10 count 1'
expect 0 '0% packet loss' cli -c 'context wsg' -c 'ping6 2001:db8:113::1 count 1'

# a crash with its core: copied, forgotten one by one and together
old=$(pid sessmgr 2)
kill -SEGV "$old"
facility=sessmgr instance=2
within 10 another
within 10 ready
crashes() {
	cli -c 'show crash list' | sed -n 's/^Total Crashes : //p'
}
all=$(crashes)
cli -c "crash copy number $all url /flash/core.txt" | grep -q '^Transferred [1-9]' || fail "crash copy"
expect 0 'Fatal Signal 11: SEGV' cli -c 'show file url /flash/core.txt'
expect 0 'Changed output URL to file: /flash/ssd.tar' cli -c 'show support details to file /flash/ssd -noconfirm'
tar -tf "$(find "$WORK" -name ssd.tar)" | grep -q '^crash/crash-' || fail "the archive has no core"
tar -xOf "$(find "$WORK" -name ssd.tar)" support_details.txt | grep -q '^\*\*\*\*\*\*\*\* show configuration \*\*\*' || fail "the archive"
cli -c "clear crash number $all -noconfirm" || fail "clear crash number"
[ "$(crashes)" = $((all - 1)) ] || fail "$(crashes) crashes are left of $all"
cli -c 'clear crash list -noconfirm' || fail "clear crash list"
[ "$(crashes)" = 0 ] || fail "crashes after clear crash list"
expect 1 'there is no crash 1' cli -c 'crash copy number 1 url /flash/x'

# what was counted and told before is forgotten; what comes is not
cli -c 'clear snmp trap history' -c 'clear log' -c 'clear alarm all -noconfirm' -c 'clear wsg-service statistics name segw' ||
	fail "clear"
expect 0 'There are 0 historical' cli -c 'show snmp trap history'
expect 0 'Setup Attempts:  *0$' cli -c 'show wsg-service statistics name segw'
expect 0 'Current Sessions:  *30$' cli -c 'show wsg-service statistics name segw'
expect 0 'Last Alarm Received: Never' cli -c 'show alarm statistics'
cli -c 'show logs' | grep -q 'sessmgr 2' && fail "the log after clear log"

# subscribers: those that are meant, with what they carried; those that are cleared are gone with their tunnels
subscribers() {
	cli -c "show subscribers $* | json" | sed -n '/^{/,$p' | jq -r .total
}
[ "$(subscribers all)" = 30 ] || fail "$(subscribers all) subscribers"
[ "$(subscribers username 'enb-1*')" = 11 ] || fail "those named enb-1*: $(subscribers username 'enb-1*')"
[ "$(subscribers wsg-service segw idle-time less-than 60)" = 30 ] || fail "those in use"
[ "$(subscribers connected-time less-than 1)" = 0 ] || fail "new ones"
cli -c 'show subscribers all | json' | sed -n '/^{/,$p' | jq -e 'all(.calls[]; .in_packets > 0 and .out_packets > 0)' >"$WORK/o" ||
	fail "what subscribers carried"
expect 0 'No subscribers match' cli -c 'show subscribers username nobody'
expect 0 '^Number of subscribers to be cleared: 11$' cli -c 'clear subscribers username enb-1* -noconfirm'
left() {
	[ "$(subscribers all)" = "$1" ] && [ "$(cli -c 'show crypto ikev2-ikesa security-associations summary | json' | sed -n '/^{/,$p' | jq .established)" = "$1" ]
}
within 10 left 19
expect 0 '^Admin-disconnect  *11 ' cli -c 'show session disconnect-reasons'
expect 0 '^No subscribers match' cli -c 'clear subscribers username enb-1* -noconfirm'
expect 0 '^Total Subscribers:  *19 ' cli -c 'show subscribers summary wsg-service segw'
# events come to a terminal that wants them
{
	echo 'logging active event-verbosity min'
	echo 'clear subscribers callid 1 -noconfirm'
	echo 'task kill facility rmctrl instance 0'
	within 10 grep -q 'TaskFailed.*rmctrl' "$WORK/o"
} | cli >"$WORK/o" 2>&1
grep -q 'TaskFailed.*rmctrl' "$WORK/o" || fail "no event on the terminal: $(cat "$WORK/o")"
