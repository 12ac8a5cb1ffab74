#!/bin/sh
# usage: left.sh MAP CHILD     prints how many IKE SAs and child SAs the chassis has of it, and its role; strongSwan's by their
# states, and whether an exchange is under way there (a child SA that is DELETED only takes late packets)
of_chassis() {
	"$ORRERY" cli --name G -c 'context wsg' -c "show crypto $1 security-associations tag $map"
}
map=$1 child=$2
ike=$(of_chassis ikev2-ikesa)
echo "G $(echo "$ike" | sed -n 's/.*Total IKEv2 SAs: *//p')" \
	"$(of_chassis ipsec | sed -n 's/.*Total IPSec SAs: *//p')" \
	"$(echo "$ike" | sed -n 's/^ *Role *: *//p')," \
	strongSwan $(swanctl --list-sas --ike "$map" | sed -n "s/^$map: #[0-9]*, \([A-Z]*\),.*/\1/p
		s/^ *\(active\|passive\|queued\): .*/\1/p; s/^ *$child: .*, reqid [0-9]*, \([A-Z]*\),.*/\1/p" | grep -v DELETED)
