#!/bin/bash
# card migrate, halt and reboot with traffic, and the orders that are refused.
. "$(dirname "$0")/../lib.sh"
. "$HERE/../tunnels.sh"
lab_up
expect 1 'Failure: .*management card and cannot be halted' cli -c 'card halt 5 -noconfirm'
expect 1 'Failure: .*cannot be halted' cli -c 'card halt 6 -noconfirm'
expect 1 'Failure: Cannot migrate from card 2 to card 3: the destination card is not in standby' cli -c 'card migrate from 2 to 3 -noconfirm'
expect 1 'Failure: Cannot migrate from card 10 to card 2: the source card is not active' cli -c 'card migrate from 10 to 2 -noconfirm'
expect 1 'Failure: Cannot migrate.*packet processing' cli -c 'card migrate from 5 to 10 -noconfirm'
expect 1 'Failure: There is no card in slot 4' cli -c 'card halt 4 -noconfirm'
expect 1 'Failure' cli -c 'card halt 77 -noconfirm'
expect 1 'Failure: Cannot switch' cli -c 'card switch from 6 to 5 -noconfirm'
unharmed "what was refused"

card2=$("$ORRERY" status --name G --json | jq '.cards[] | select(.slot == 2) | .pid')
moved=$(owner ipsecmgr 1)
[ "$moved" = 2 ] || fail "ipsecmgr 1 was expected on card 2, it is on $moved"
cli -c 'card migrate from 2 to 10 -noconfirm' || fail "card migrate from 2 to 10"
within 15 is 10 active
within 15 is 2 standby
within 15 ready
[ "$(owner ipsecmgr 1)" = 10 ] || fail "ipsecmgr 1 is on card $(owner ipsecmgr 1) after the migration"
[ "$("$ORRERY" status --name G --json | jq '.cards[] | select(.slot == 2) | .pid')" = "$card2" ] || fail "card 2 was rebooted by its migration"
unharmed "card migrate from 2 to 10"

cli -c 'card reboot 10 -noconfirm' || fail "card reboot 10"
within 15 is 2 active
within 15 is 10 standby
within 15 ready
[ "$(owner ipsecmgr 1)" = 2 ] || fail "ipsecmgr 1 is on card $(owner ipsecmgr 1) after the reboot of card 10"
unharmed "card reboot 10"

cli -c 'card halt 2 -noconfirm' || fail "card halt 2"
within 15 is 10 active
within 15 is 2 offline
unharmed "card halt 2"
# another card reboots meanwhile: that a halted card stays off has been long enough then
cli -c 'card reboot 17 -noconfirm' || fail "card reboot 17"
within 10 is 17 offline
within 10 is 17 active
is 2 offline || fail "card 2 came back by itself: $(state 2)"
cli -c 'card reboot 2 -noconfirm' || fail "card reboot 2"
within 10 is 2 standby
within 10 ready
# the second thoughts of an operator: the newer order says what follows when the card is empty, or already off
cli -c 'card halt 10 -noconfirm' -c 'card reboot 10 -force -noconfirm' || fail "card halt 10, card reboot 10"
within 15 is 2 active
within 15 is 10 standby
within 10 ready
unharmed "a halt that became a reboot"
cli -c 'show rct stats' | grep Failure && fail "the move was given up for the newer order"
no_alarm() {
	[ "$(cli -c 'show alarm outstanding | json' | sed -n '/^{/,$p' | jq '.alarms | length')" = 0 ]
}
within 10 no_alarm || fail "alarms stay: $(cli -c 'show alarm outstanding')"

# fabric cards: the last active one stays
for s in 14 15 16; do
	cli -c "card halt $s -noconfirm" || fail "card halt $s"
	within 10 is $s offline
done
expect 1 'Failure: Card 17 is the last active' cli -c 'card halt 17 -noconfirm'
unharmed "halted fabric cards"
cli -c 'show rct stats' | grep -q 'Migration *2 *10 ' || fail "no migration in show rct stats: $(cli -c 'show rct stats')"
