#!/bin/bash
# A card process that stands still is powered off and replaced; so is the active management card, and a standby one that hangs
# when the active one dies.
. "$(dirname "$0")/../lib.sh"
. "$HERE/../tunnels.sh"
lab_up
fault hang card 2
within 15 is 10 active
within 15 ready
within 5 is 2 standby
[ "$(owner ipsecmgr 1)" = 10 ] || fail "ipsecmgr 1 is on card $(owner ipsecmgr 1)"
unharmed "hang of card 2"

mio() {
	[ "$("$ORRERY" status --name G --json | jq .active_mio)" = "$1" ]
}
fault hang card 5
within 10 mio 6
within 15 ready
unharmed "hang of the active MIO"

# the standby management card hangs, and before that is noticed the active one dies: one of them comes back
fault hang card 5
fault kill card 6
serves() {
	mio 6 && all_cards
}
within 15 serves
within 15 ready
unharmed "no management card for a time"
