#!/bin/bash
# A failure's alarm ends with its recovery, wherever that is: of demux tasks that went down with their card and came up on
# another one, of a standby instance; and a rekey or an end of which a sessmgr heard nothing, as it hung, reaches it.
. "$(dirname "$0")/../lib.sh"
. "$HERE/../tunnels.sh"
json() {
	cli -c "$1 | json" | sed -n '/^{/,$p'
}
raised() {
	json 'show alarm outstanding' | jq -r '.alarms[] | "\(.object) \(.name)"'
}
quiet() {
	[ -z "$(raised)" ]
}
lab_up
within 10 quiet

spare=$("$ORRERY" ps --name G --json | jq '[.cards[] | select(.slot == 2) | .processes[] | select(.facility == "sessmgr" and .state == "standby") | .pid][0]')
kill -9 "$spare" || fail "no standby sessmgr on card 2"
failed() {
	cli -c 'show snmp trap history' | grep '(TaskFailed)' | grep -q sessmgr
}
within 5 failed
within 10 quiet

fault kill card 1
within 15 ready
within 10 quiet
unharmed "the demux card"

# every IKE SA gets a new name while a sessmgr hears nothing
fault hang task sessmgr 1
ask rekey-ike
rekeyed() {
	[ "$(peers ike_rekeys)" = 30 ]
}
within 10 rekeyed
keys() {
	json 'show crypto ikev2-ikesa security-associations' | jq -r '.sas[] | select(.state == "ESTABLISHED") | "\(.callid) \(.spi)"' | sort
}
calls() {
	keys | sed 's/ .*//;s/.*/show subscribers debug-info callid & | json/' >"$WORK/commands"
	cli "$WORK/commands" | jq -r '.calls[] | "\(.callid) \(.ike_key)"' | sort
}
agree() {
	ours=$(keys) theirs=$(calls)
	[ "$(echo "$ours" | wc -l)" = 30 ] && [ "$ours" = "$theirs" ]
}
within 15 agree
within 10 quiet
