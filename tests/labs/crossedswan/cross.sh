#!/bin/sh
# Lets an exchange of the chassis and one of strongSwan cross: each end is asked while its own request is on the way.
# usage: cross.sh "CLI COMMAND" SWANCTL-ARGUMENT...      prints "crossed"
hold=$(dirname "$0")/hold.sh
seen() { # DIRECTIONS WHAT
	for _ in $(seq 200); do
		[ "$(sh "$hold" count)" -lt "$1" ] || return 0
		timeout 0.1 tail -f /dev/null
	done
	echo "$2: not seen in $1 directions"
	exit 1
}
trap 'sh "$hold" none' EXIT
sh "$hold" all
"$ORRERY" cli --name G -e -c 'cli test-commands password open-sesame' -c "$1" >/dev/null || exit 1
shift
swanctl "$@" >/dev/null 2>&1 &
seen 2 requests
sh "$hold" asked
seen 1 "the answer of the chassis"
sh "$hold" answered
case $* in
*--terminate\ --ike*) ;; # it answers nothing on an IKE SA that it deletes
*) seen 1 "the answer of strongSwan" ;;
esac
echo crossed
