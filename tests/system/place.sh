#!/bin/bash
# Managers of crypto maps: what `orrery plan` says is what runs, each map keeps its manager through restarts and losses of
# ipsecctrl, hatsystem, cards and the management card, and the demux card's managers follow the demux card.
. "$(dirname "$0")/../lib.sh"
cli() {
	"$ORRERY" cli --name t1 "$@"
}
managers() {
	cli -c 'show crypto managers | json' | sed -n '/^{/,$p' | jq -c "$@"
}
maps() { # N: maps with ipsec-on-demux
	for i in $(seq 1 "$1"); do
		printf '    crypto map m%s ipsec-ikev1\n      ipsec-on-demux\n    #exit\n' "$i"
		printf '    interface i%s\n      crypto-map m%s\n    #exit\n' "$i" "$i"
	done
}
{
	printf 'config\n  require session recovery\n  require demux %s-card\n' processing
	for c in 1 2 3; do
		printf '  card %s\n    mode active\n  #exit\n' "$c"
	done
	printf '  context a\n'
	maps 26
	printf '    crypto map plain ikev2-ipv4\n    #exit\n    interface p\n      crypto-map plain\n    #exit\n  #exit\nend\n'
} >"$WORK/m.cfg"
plan() {
	"$ORRERY" plan "$WORK/m.cfg" --json
}
[ "$(plan | jq -c '[.tasks[] | select(.facility=="ipsecmgr" and .instance>=80 and .card==1) | .cpu] | sort')" = '[0,1,2]' ] ||
	fail "one ipsecmgr on each CPU of the demux card"
[ "$(plan | jq -c '[.maps | group_by(.manager)[] | length]')" = '[8,8,8,2,1]' ] || fail "eight maps a manager, the rest elsewhere"
sed 's/^config$/&\n  task facility ipsecmgr ikev1 max 3/' "$WORK/m.cfg" >"$WORK/few.cfg"
[ "$("$ORRERY" plan "$WORK/few.cfg" --json 2>/dev/null | jq -c '[.maps[] | select(.manager == 0) | .name]')" = '["m25","m26"]' ] ||
	fail "the limit of the chassis: three managers of IKEv1, all on the demux card"
up t1 --config "$WORK/m.cfg"
# map -> manager and manager -> card, as the chassis has them
assigned() {
	managers '[.managers[] | select(.maps) | {i: .instance, m: ([.maps[].name] | sort)}]'
}
placed() {
	managers '[.managers[] | select(.maps and .state=="Active") | [.instance, .card]]'
}
served() {
	[ "$(placed | jq length)" = 5 ]
}
within 10 served
planned=$(plan | jq -c '[.maps | group_by(.manager)[] | {i: .[0].manager, m: ([.[].name] | sort)}]')
[ "$(assigned)" = "$planned" ] || fail "the plan: $planned, the chassis: $(assigned)"
expect 0 'Demux Card *: Yes' cli -c 'show crypto managers instance 80'
expect 0 'Demux Card *: No' cli -c 'show crypto managers instance 83'
expect 0 'Map Usable: No .*no way to authenticate' cli -c 'context a' -c 'show crypto map tag plain'
before=$(placed)
same() {
	echo "$(assigned) $(placed)"
	[ "$(assigned)" = "$planned" ] && [ "$(placed)" = "$before" ]
}
restarted() {
	[ "$(pid $1)" != "$old" ]
}
pid() {
	"$ORRERY" ps --name t1 --json | jq -r --arg f "$1" '.cards[].processes[] | select(.facility == $f and .state == "active") | .pid'
}
for task in ipsecctrl hatsystem rmctrl; do
	old=$(pid $task)
	"$ORRERY" fault --name t1 kill task $task 0 || fail "kill $task"
	within 10 restarted $task
	within 10 same
done
"$ORRERY" fault --name t1 kill card 5 || fail "kill card 5"
within 10 same
"$ORRERY" fault --name t1 kill card 1 || fail "kill card 1"
moved() {
	[ "$(placed)" = "$(jq -c 'map(if .[1] == 1 then [.[0], 10] else . end)' <<<"$before")" ]
}
within 10 moved
sameones() { [ "$(assigned)" = "$planned" ]; }
within 5 sameones
# remove and add: `no ipsec-on-demux` acts when the map comes again
config() {
	args=(-c configure -c 'context a')
	for c in "$@"; do args+=(-c "$c"); done
	cli "${args[@]}" -c end
}
manager_of() {
	assigned | jq --arg m "$1" '.[] | select(.m | index($m)) | .i'
}
config 'crypto map m1 ipsec-ikev1' 'no ipsec-on-demux' || fail "no ipsec-on-demux"
[ "$(manager_of m1)" = 80 ] || fail "m1 moved at once"
told() { cli -c 'show configuration errors' | grep -q 'crypto map m1 of context a: no ipsec-on-demux takes effect when .* ipsecmgr 80 serves it'; }
within 5 told
config 'interface i1' 'no crypto-map' || fail "no crypto-map"
gone() { [ -z "$(manager_of m1)" ]; }
within 5 gone
config 'interface i1' 'crypto-map m1' || fail "crypto-map"
off_demux() { [ "$(manager_of m1)" = 83 ]; }
within 5 off_demux
told && fail "the errors still tell of m1"
# the demux tasks on the management card, and with it no ipsec-on-demux
sed 's/require demux processing-card/require demux management-card/' "$WORK/m.cfg" >"$WORK/mio.cfg"
"$ORRERY" down --name t1 || fail down
[ "$("$ORRERY" plan "$WORK/mio.cfg" --json | jq -c '[.demux, ([.maps[].manager] | unique)]')" = '[5,[80,81]]' ] || fail "plan of demux on MIO"
up t1 --config "$WORK/mio.cfg"
on_mio() {
	"$ORRERY" ps --name t1 --json | jq -e --argjson s "$1" '[.cards[] | select(.slot==$s) | .processes[] |
		select(.facility=="vpnmgr" and .state=="active")] | length == 2' >/dev/null
}
within 20 on_mio 5
"$ORRERY" fault --name t1 kill card 5 || fail "kill card 5"
within 20 on_mio 6
