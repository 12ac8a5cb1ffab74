#!/bin/bash
# Cards by configuration, by hand and by their hardware, with traffic: mode, shutdown, restart, upgrade, pull, insert, too hot, no
# supply. Nothing established is lost, and what cannot be is refused.
. "$(dirname "$0")/../lib.sh"
. "$HERE/../tunnels.sh"
lab_up
set_card() {
	cli -c configure -c "card $1" -c "$2" -c end >/dev/null || fail "card $1 / $2"
}
info() {
	cli -c "show card info $1" | grep -q "$2" || fail "no \"$2\" in show card info $1: $(cli -c "show card info $1")"
}
traps() {
	cli -c 'show snmp trap history' | sed -n 's/.*notification [0-9]* (\([A-Za-z]*\)) \(.*\)/\1 \2/p'
}
# story PATTERN...: traps that come in this order after the mark
mark() {
	marked=$(traps | wc -l)
}
in_order() {
	rest=$(traps | tail -n +$((marked + 1)))
	for p in "$@"; do
		printf '%s\n' "$rest" | grep -q "^$p" || {
			echo "$rest" | grep -E "^(Card|Migrate)"
			echo "no trap $p (in this order: $*), see above"
			return 1
		}
		rest=$(printf '%s\n' "$rest" | sed "0,/^$p/d")
	done
}
story() {
	within 10 in_order "$@"
}

# one more and one fewer active card: numbers stay
set_card 10 'mode active'
within 10 is 10 active
[ -n "$(owner ipsecmgr 3)" ] || within 5 eval '[ -n "$(owner ipsecmgr 3)" ]'
unharmed "card 10 mode active"
set_card 10 'mode standby'
within 15 is 10 standby
for i in 1 2 3; do
	within 10 eval "[ -n \"\$(owner ipsecmgr $i)\" ] && [ \"\$(owner ipsecmgr $i)\" != 10 ]"
done
within 15 ready
unharmed "card 10 mode standby"

mark
set_card 2 shutdown
within 15 is 2 offline
info 2 'Administrative State    : Disabled'
story 'MigrateStart from card 2 to card 10' 'MigrateComplete from card 2 to card 10' 'CardActive card 10 ' 'CardDown card 2 '
expect 1 'Failure: Card 2 is shut down by its configuration' cli -c 'card reboot 2 -noconfirm'
within 15 all_cards
unharmed "card 2 shutdown"
set_card 2 'no shutdown'
within 15 is 2 standby
[ "$(state 10)" = active ] || fail "card 10 gave its place back: $(state 10)"
within 15 ready
unharmed "card 2 no shutdown"

for verb in restart upgrade; do
	active=$(owner ipsecmgr 1)
	mark
	cli -c "card $verb $active -noconfirm" >"$WORK/out" 2>&1 || fail "card $verb $active: $(cat "$WORK/out")"
	within 15 is "$active" standby
	within 15 ready
	story 'CardRebootRequest ' 'MigrateStart ' 'MigrateComplete ' 'CardActive ' 'CardDown ' 'CardUp ' 'CardStandby '
	unharmed "card $verb $active"
done
expect 1 'Failure: Card 5 is a management card and cannot be upgraded' cli -c 'card upgrade 5 -noconfirm'

# by hand
active=$(owner ipsecmgr 1)
mark
fault pull card "$active"
within 15 eval "[ -n \"\$(owner ipsecmgr 1)\" ] && [ \"\$(owner ipsecmgr 1)\" != $active ]"
cli -c 'show card table' | grep -q "^ *$active: DPC  *None  *-" || fail "slot $active is not empty: $(cli -c 'show card table')"
expect 1 "Failure: There is no card in slot $active" cli -c "card reboot $active -noconfirm"
expect 1 'there is no card in slot' "$ORRERY" fault --name G pull card "$active"
expect 1 'there is no slot 19' "$ORRERY" fault --name G pull card 19
expect 1 'does not fit' "$ORRERY" fault --name G insert card "$active" FSC
expect 1 'there is a card in slot 5' "$ORRERY" fault --name G insert card 5
expect 2 'pull takes' "$ORRERY" fault --name G pull card x
unharmed "card $active pulled"
fault insert card "$active"
within 15 is "$active" standby
within 15 ready
story "CardDown card $active " "CardRemoved card $active " 'MigrateStart ' 'MigrateComplete ' 'CardActive ' "CardInserted card $active " \
	"CardUp card $active " "CardStandby card $active "
# a new card in a slot that was empty
fault insert card 4 DPC2
within 15 is 4 standby
fault pull card 4
within 10 is 4 ''
unharmed "cards inserted and pulled"

# hardware: an alarm, its end; at the limit the card goes by itself and comes back cooled down
active=$(owner ipsecmgr 1)
alarms() {
	cli -c 'show alarm outstanding'
}
mark
fault set sensor "$active" temperature 78
within 5 eval "alarms | grep -q \"Card $active .*CardTempOverheat\""
fault set sensor "$active" temperature 102
within 15 is "$active" offline
within 15 eval "[ \"\$(owner ipsecmgr 1)\" != $active ] && [ -n \"\$(owner ipsecmgr 1)\" ]"
unharmed "card $active too hot"
fault clear sensor "$active" temperature
within 15 is "$active" standby
story "CardTempOverheat card $active card temperature 78" "CardDown card $active " "CardTempOK card $active " "CardUp card $active "
spare=$active
fault set sensor "$spare" voltage 9000
within 10 is "$spare" offline
fault clear sensors
within 15 is "$spare" standby
within 15 ready
story "CardVoltageFailure card $spare " "CardDown card $spare " "CardUp card $spare "
within 10 eval '! alarms | grep "^..  Card $spare "'

# the only management card, the last fabric cards
cli -c 'card halt 11 -noconfirm' >/dev/null || fail "card halt 11"
within 10 is 11 offline
expect 1 'Failure: Card 12 is the last active System Status Card' cli -c 'card halt 12 -force -noconfirm'
fault pull card 6
within 10 is 6 ''
expect 1 'Failure: Card 5 is the only management card' cli -c 'card reboot 5 -noconfirm'
fault insert card 6
within 15 is 6 standby
unharmed "what was refused"
