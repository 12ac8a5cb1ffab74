#!/bin/bash
# A manager moves to a card that its old one does not hear, as the fabric between the two is cut: the old data path must not go on
# with SAs that the new one has, or both use the same sequence numbers.
. "$(dirname "$0")/../lib.sh"
. "$HERE/../tunnels.sh"
lab_up
moved=$(owner ipsecmgr 1)
[ "$moved" = 2 ] || fail "ipsecmgr 1 was expected on card 2, it is on $moved"
let_go() {
	cli -c 'show logs' | grep -q 'ipsecmgr 1 left this card'
}
fault cut cards 2 10
cli -c 'card migrate from 2 to 10 -noconfirm' || fail "card migrate from 2 to 10"
within 30 is 10 active
within 15 let_go
fault heal cards 2 10
within 30 ready
[ "$(owner ipsecmgr 1)" = 10 ] || fail "ipsecmgr 1 is on card $(owner ipsecmgr 1) after the migration"
unharmed "a migration over a cut"
