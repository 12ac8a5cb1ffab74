#!/bin/sh
# Holds IKE back at strongSwan's end, so that two exchanges cross. usage: hold.sh WHAT
#   all        nothing passes, until each end has sent its request
#   asked      what strongSwan says passes, until the chassis has answered, which does not come through
#   answered   so does what the chassis asks, until strongSwan has answered
#   none       everything passes
#   count      in how many directions something that is waited for was seen
answers() { # CHAIN VERDICT: by the flags of the IKE header
	echo "add rule inet hold $1 udp dport 4500 @th,64,32 0 @th,248,8 & 0x20 == 0x20 $2; add rule inet hold $1 udp dport 500 @th,216,8 & 0x20 == 0x20 $2"
}
everything() { # CHAIN VERDICT
	echo "add rule inet hold $1 udp dport 4500 @th,64,32 0 $2; add rule inet hold $1 udp dport 500 $2"
}
case $1 in
all) rules=$(everything in 'counter drop' && everything out 'counter drop') ;;
asked) rules=$(answers in 'counter drop' && everything in drop) ;;
answered) rules=$(answers in drop && answers out counter) ;;
none) exec nft 'add table inet hold; delete table inet hold' ;;
count)
	nft list table inet hold | awk '/^\tchain/ { chain = $2 } / packets [1-9]/ { seen[chain] } END { for (c in seen) n++; print n + 0 }'
	exit
	;;
*) exit 2 ;;
esac
nft "add table inet hold; delete table inet hold; add table inet hold
add chain inet hold in { type filter hook input priority 0; }; add chain inet hold out { type filter hook output priority 0; }
$rules"
