#!/bin/sh
# kill -9 of the chassis takes everything with it: processes, namespaces, devices; the next boot works.
. "$(dirname "$0")/../lib.sh"
up t1
pid=$("$ORRERY" status --name t1 --json | jq .pid)
pids=$("$ORRERY" ps --name t1 --json | jq '.cards[] | .pid, .processes[].pid')
[ "$(echo "$pids" | wc -w)" -gt 12 ] || fail "too few processes: $pids"
kill -9 "$pid"
gone() {
	for p in $pids; do
		[ ! -d "/proc/$p" ] || return 1
	done
}
within 5 gone
expect 1 'is not up' "$ORRERY" status --name t1
up t1
"$ORRERY" fault --name t1 kill chassis || fail "fault kill chassis"
down() {
	! "$ORRERY" status --name t1
}
within 5 down
