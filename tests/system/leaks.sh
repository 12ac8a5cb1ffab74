#!/bin/bash
# Twenty card losses: the backplane keeps no descriptor, no memory, no zombie of them.
. "$(dirname "$0")/../lib.sh"
sed 's/^card-reboot.*/card-reboot 50/' "$HERE/../../chassis/profiles/asr5500-lab.profile" >"$WORK/fast.profile"
up t1 --profile "$WORK/fast.profile" --config "$HERE/../labs/one.cfg"
orreryd=$("$ORRERY" status --name t1 --json | jq .pid)
up_again() {
	[ "$(card_pid)" != 0 ] && [ "$(card_pid)" != "$old" ] && "$ORRERY" status --name t1 | grep -q ': all cards up'
}
card_pid() {
	"$ORRERY" status --name t1 --json | jq --argjson s "$slot" '.cards[] | select(.slot == $s) | .pid'
}
kill_card() {
	slot=$1
	old=$(card_pid)
	"$ORRERY" fault --name t1 kill card "$slot" || fail "fault kill card $slot"
	within 10 up_again
}
figures() {
	fds=$(ls "/proc/$orreryd/fd" | wc -l)
	rss=$(awk '/VmRSS/ { print $2 }' "/proc/$orreryd/status")
	zombies=$(ps -eo ppid=,stat= | awk -v p="$orreryd" '$1 == p && $2 ~ /^Z/' | wc -l)
}
sockets() {
	cli=$("$ORRERY" cli --name t1 -c 'show session recovery status') && printf '%s' "$cli" | grep -q 'Ready For Recovery'
}
within 15 sockets
# what is opened once for each place a task can be at
for s in 2 3 10 2; do
	kill_card $s
done
within 15 sockets
figures
before=$fds
before_rss=$rss
for round in 1 2 3 4; do
	for s in 10 2 3 6 1; do
		kill_card $s
	done
done
within 15 sockets
settled() {
	figures
	[ "$fds" -le $((before + 2)) ] && [ "$zombies" = 0 ]
}
within 5 settled
echo "descriptors $before -> $fds, RSS $before_rss -> $rss kB"
[ "$rss" -le $((before_rss + 1024)) ] || fail "RSS of orreryd went from $before_rss to $rss kB"
