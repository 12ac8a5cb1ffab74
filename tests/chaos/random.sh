#!/bin/bash
# Random single failures, one after the other, while tunnels carry traffic: none may be lost, no ESP sequence number used twice.
# SEED and FAULTS from the environment repeat or prolong a run.
. "$(dirname "$0")/../lib.sh"
RANDOM=${SEED:=$(date +%s)}
FAULTS=${FAULTS:-12}
LAB=$HERE/../labs/one.lab
"$ORRERY" lab up "$LAB" || fail "orrery lab up"
peers() {
	python3 - "$ORRERY_RUN/lab-one/load.peers" <<'END'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
s.connect(sys.argv[1])
s.send(b"status\n")
j = json.loads(s.makefile().readline())
print(j["established"], j["spi_hash"], j["seq_reused"], j["downs"])
END
}
all_up() {
	[ "$(peers | cut -d' ' -f1)" = 30 ]
}
ready() {
	"$ORRERY" cli --name G -c 'show session recovery status' | grep -q 'Ready For Recovery' &&
		"$ORRERY" status --name G | grep -q ': all cards up'
}
within 20 all_up
within 20 ready
before=$(peers)
tasks="ipsecmgr sessmgr vpnmgr iftask srdb sct hatsystem rmctrl evlogd ipsecctrl sessctrl vpnctrl bulkstat snmp"
for ((i = 1; i <= FAULTS; i++)); do
	if ((RANDOM % 3)); then
		set -- $tasks
		shift $((RANDOM % $#))
		n=$("$ORRERY" ps --name G --json | jq -r --arg f "$1" \
			'[.cards[].processes[] | select(.facility == $f and .state == "active") | .instance] | .[]' | shuf -n 1 --random-source=<(yes $RANDOM))
		what="task $1 $n"
	else
		what="card $("$ORRERY" status --name G --json | jq -r '.cards[] | select(.type == "DPC2" or .type == "MIO") | .slot' |
			shuf -n 1 --random-source=<(yes $RANDOM))"
	fi
	verb=kill
	((RANDOM % 4)) || verb=hang
	echo "$i: $verb $what"
	"$ORRERY" fault --name G $verb $what || fail "orrery fault $verb $what (SEED=$SEED)"
	timeout 2.5 tail -f /dev/null # a hang must be noticed before "ready" means something
	within 20 ready
	now=$(peers)
	[ "$now" = "$before" ] || fail "after $verb $what (SEED=$SEED): established, SPIs, reused, downs were $before and are $now"
done
