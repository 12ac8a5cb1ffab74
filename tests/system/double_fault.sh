#!/bin/bash
# Two failures at once, and failures without a standby card left: every tunnel survives on what is left.
. "$(dirname "$0")/../lib.sh"
. "$HERE/../tunnels.sh"
lab_up
gone_and_back() {
	is "$1" standby || is "$1" active
}
off() {
	! is "$1" standby && ! is "$1" active
}
fault kill card 2
fault kill card 3
within 15 ready
unharmed "cards 2 and 3 at once"
[ "$(state 10)" = active ] || fail "card 10 is $(state 10)"
# a sessmgr and the aaamgr of its number were on these two: the log says what that cost
cost_told() {
	cli -c 'show logs' | grep 'aaamgr/[0-9]* fed 0 records, [0-9]* calls come from the store alone'
}
within 5 cost_told

# the MIO first: nobody is there to see the card die
victim=$(owner ipsecmgr 1)
[ -n "$victim" ] || fail "ipsecmgr 1 does not run"
fault kill card 5
fault kill card "$victim"
moved() {
	now=$(owner ipsecmgr 1)
	[ -n "$now" ] && [ "$now" != "$victim" ]
}
within 15 moved
within 15 ready
unharmed "the active MIO and card $victim at once"
cli -c 'show snmp trap history' | grep '(CardDown)' | tail -n 3 | grep -q "card $victim " || fail "no CardDown of card $victim"

victim=$(owner ipsecmgr 2)
fault kill card "$victim"
fault kill card 6
within 15 ready
[ "$(owner ipsecmgr 2)" != "$victim" ] || fail "ipsecmgr 2 is still on card $victim"
unharmed "card $victim and the active MIO at once"

# a second failure during the recovery: the card that takes over dies while it does
begun() {
	[ "$(cli -c 'show snmp trap history' | grep -c '(MigrateStart)')" -gt "$starts" ]
}
starts=$(cli -c 'show snmp trap history' | grep -c '(MigrateStart)')
victim=$(owner ipsecmgr 1)
spare=$(for s in 1 2 3 10; do is $s standby && echo $s; done | head -n 1)
fault kill card "$victim"
within 5 begun
fault kill card "$spare"
within 15 moved
within 15 ready
unharmed "card $victim, and card $spare that took over"

# the active MIO dies while a card is emptied
victim=$(owner ipsecmgr 1)
spare=$(for s in 1 2 3 10; do is $s standby && echo $s; done | head -n 1)
mio=$(for s in 5 6; do is $s active && echo $s; done)
cli -c "card migrate from $victim to $spare -noconfirm" || fail "card migrate from $victim to $spare"
fault kill card "$mio"
within 15 moved
within 15 ready
unharmed "the active MIO while card $victim migrates"

# aaamgrs die while they feed the sessmgrs that come back, and those once more, as soon as there is a process to kill
again() {
	"$ORRERY" fault --name G kill task sessmgr "$1" 2>"$WORK/o"
}
for i in 1 2; do
	fault kill task sessmgr $i
	fault kill task aaamgr $i
	within 5 again $i
done
within 15 ready
unharmed "aaamgrs that die while they feed"

# no standby left: halt it, then kill one that is active; its tasks go to the other active cards
spare=$(for s in 1 2 3 10; do is $s standby && echo $s; done | head -n 1)
cli -c "card halt $spare -noconfirm" || fail "card halt $spare"
within 10 is "$spare" offline
victim=$(owner ipsecmgr 1)
fault kill card "$victim"
within 10 moved
unharmed "card $victim without a standby card"
