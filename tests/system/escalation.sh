#!/bin/bash
# A task that fails again and again is started ever later; its tenth failure in a minute is its card's, which is power-cycled while
# another one takes its tasks over. Nothing is lost by any of it.
. "$(dirname "$0")/../lib.sh"
. "$HERE/../tunnels.sh"
# the pauses of a profile that is in a hurry; its fabric needs three cards
mkdir "$WORK/labs" && cp -r "$HERE"/../labs/one.* "$HERE/../labs/swan" "$WORK/labs/" || fail "the lab"
sed 's/^task-restart .*/task-restart 50 400/; s/^fabric-cards .*/fabric-cards 3/' "$HERE/../../chassis/profiles/asr5500-lab.profile" >"$WORK/hurry.profile"
grep -q '^task-restart 50 400' "$WORK/hurry.profile" || fail "the profile has no task-restart"
sed -i "s,profile asr5500-lab,profile $WORK/hurry.profile," "$WORK/labs/one.lab"
LAB=$WORK/labs/one.lab
lab_up
cli -c 'card halt 14 -noconfirm' || fail "card halt 14"
within 10 is 14 offline
expect 1 'Failure: Card 15 is one of 3 active fabric cards, and the fabric needs 3' cli -c 'card halt 15 -noconfirm'
cli -c 'card reboot 14 -noconfirm' || fail "card reboot 14"
within 10 is 14 active
told() {
	cli -c 'show snmp trap history' | grep -q 'CritTaskFailed.*vpnmgr'
}
again() {
	p=$(pid vpnmgr 2)
	[ -n "$p" ] && [ "$p" != "$last" ] && last=$p && kill -9 "$p"
}
last= killed=0
until told; do
	[ $killed -lt 10 ] || fail "ten failures and no CritTaskFailed"
	within 20 again
	killed=$((killed + 1))
	[ $killed -lt 10 ] || within 5 told
done
[ $killed -eq 10 ] || fail "CritTaskFailed after $killed failures"
within 15 is 10 active
within 15 is 1 standby
within 15 ready
[ "$(owner vpnmgr 2)" = 10 ] || fail "vpnmgr 2 is on card $(owner vpnmgr 2)"
unharmed "a vpnmgr that fails ten times"
