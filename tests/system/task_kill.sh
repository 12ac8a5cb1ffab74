#!/bin/bash
# `task kill` of one task after the other while tunnels carry traffic: each comes back as a new process, nothing is lost.
. "$(dirname "$0")/../lib.sh"
. "$HERE/../tunnels.sh"
lab_up
another() {
	now=$(pid "$facility" "$instance")
	[ -n "$now" ] && [ "$now" != "$old" ]
}
while read -r facility instance; do
	old=$(pid "$facility" "$instance")
	[ -n "$old" ] || fail "$facility $instance does not run"
	cli -c "task kill facility $facility instance $instance" || fail "task kill facility $facility instance $instance"
	within 10 another
	within 10 ready
	unharmed "task kill $facility $instance"
done <<'END'
sct 0
hatsystem 0
rmctrl 0
srdb 0
vpnmgr 2
sessmgr 1
aaamgr 1
END
# the sessmgr that came back had its calls from its aaamgr, which runs on another card
expect 0 'SessMgrRecoveryComplete.*fetched from aaa mgr [1-9]' cli -c 'show snmp trap history'
[ "$(owner sessmgr 1)" != "$(owner aaamgr 1)" ] || fail "sessmgr 1 and its aaamgr are on one card"
expect 1 'Failure: No task rmctrl instance 7' cli -c 'task kill facility rmctrl instance 7'
# a hatsystem that comes back tells no old news
[ "$(cli -c 'show snmp trap history' | grep -c '(CardUp)')" -le 12 ] || fail "cards came up twice"
# an edit goes through the new sct, and the new srdb keeps traps
cli -c configure -c 'context later' -c end || fail "an edit after all that"
expect 0 'TaskRestart.*facility srdb' cli -c 'show snmp trap history'
