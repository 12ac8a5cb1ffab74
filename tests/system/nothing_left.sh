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
not_running() {
	! "$ORRERY" status --name t1 && [ ! -d "/proc/$pid" ]
}
within 5 gone
expect 1 'is not up' "$ORRERY" status --name t1
# the next boot has what was saved, and nothing of what was not
up t1
"$ORRERY" cli --name t1 -c configure -c 'system location saved' -c end -c 'save configuration /flash/system.cfg -noconfirm' >/dev/null || fail "save"
"$ORRERY" cli --name t1 -c configure -c 'system location unsaved' -c 'context lost' -c end >/dev/null || fail "configure"
devices() {
	for d in /sys/class/net/*; do echo "${d##*/}"; done | sort
}
before=$(devices)
pid=$("$ORRERY" status --name t1 --json | jq .pid)
# an operator pings meanwhile; the program stands still, so that nothing but the end of its session ends it
"$ORRERY" cli --name t1 -c 'ping 127.0.0.1 count 10000' >/dev/null 2>&1 &
pings() {
	session=$("$ORRERY" ps --name t1 --json | jq '[.cards[].processes[] | select(.facility == "cli")][0].pid')
	ping=$(cat "/proc/$session"/task/*/children) && [ "$(tr '\0' ' ' <"/proc/${ping% }/cmdline" | cut -c 1-5)" = "ping " ]
}
within 10 pings
kill -STOP $ping || fail "ping"
# the namespaces are those of its vpnmgrs and its own
spaces=$(for p in $("$ORRERY" ps --name t1 --json | jq '.cards[].processes[].pid'); do readlink "/proc/$p/ns/net"; done | sort -u)
kill -9 "$pid"
within 5 not_running
# what the kernel ends with the supervisor is gone a moment after it; nothing of it stays
nobody_left() {
	left=
	for p in /proc/[0-9]*; do
		ns=$(readlink "$p/ns/net" 2>/dev/null) || continue
		[ "$ns" = "$(readlink /proc/self/ns/net)" ] && continue
		case "$spaces" in *"$ns"*) left="${p#/proc/} in $ns: $(tr '\0' ' ' <"$p/cmdline")" && return 1 ;; esac
	done
}
within 5 nobody_left || fail "left: $left"
devices_as_before() {
	[ "$(devices)" = "$before" ]
}
within 5 devices_as_before || fail "devices were $before and are $(devices)"
up t1
expect 0 'system location saved' "$ORRERY" cli --name t1 -c 'show configuration'
"$ORRERY" cli --name t1 -c 'show configuration' | grep -q 'unsaved\|context lost' && fail "what was not saved is there"
"$ORRERY" fault --name t1 kill chassis || fail "fault kill chassis"
down() {
	! "$ORRERY" status --name t1
}
within 5 down
