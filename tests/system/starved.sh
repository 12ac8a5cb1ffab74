#!/bin/bash
# A machine with too much to do is no failure of the chassis: a task, or the crypto core of one, that does not get to run for longer than the time after which one
# counts as hung is not killed, and goes on when it may; one that is stopped meanwhile is. And a supervisor that stood still
# itself does not take its cards for hung when it goes on.
. "$(dirname "$0")/../lib.sh"
command -v chrt >/dev/null && command -v taskset >/dev/null || skip "needs chrt and taskset (util-linux)"
up t1
pid() {
	"$ORRERY" ps --name t1 --json | jq -r --arg f "$1" --argjson i "$2" '[.cards[].processes[] | select(.facility == $f and .instance == $i and .state != "standby")][0].pid'
}
LOG=$ORRERY_STATE/t1/log
one=$(pid sessmgr 1)
core=$(pid iftask 10)
[ "$one" -gt 0 ] && [ "$core" -gt 0 ] || fail "no sessmgr 1, or no iftask 10"
worker=$(grep -l crypto-0 /proc/"$core"/task/*/comm | cut -d/ -f5)
# A group of processes with its own share of CPU time; in it a thread gets what the others leave over of one CPU, and they leave nothing.
GROUP=
for d in /sys/fs/cgroup/cpu /sys/fs/cgroup; do
	[ -z "$GROUP" ] && mkdir "$d/orrery-starved-$$" 2>/dev/null && GROUP=$d/orrery-starved-$$
done
busy=
at_end() { # gives the group's processes back
	[ -z "$busy" ] || { kill $busy && wait $busy; } 2>/dev/null
	for p in $(cat "$GROUP/cgroup.procs" 2>/dev/null); do
		echo "$p" >"${GROUP%/*}/cgroup.procs"
	done
	[ -z "$GROUP" ] || rmdir "$GROUP"
}
cpu=$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')
starve() { # THREAD PROCESS
	chrt -i -p 0 "$1" && taskset -cp "$cpu" "$1" >/dev/null && echo "$2" >"$GROUP/cgroup.procs"
}
feed() {
	chrt -o -p 0 "$1" && echo "$2" >"${GROUP%/*}/cgroup.procs"
}
[ -n "$GROUP" ] && [ -e "$GROUP/cpu.shares" -o -e "$GROUP/cpu.weight" ] || skip "this machine lets a test have no group of processes with a share of CPU time"
for _ in 1 2 3 4 5 6; do
	GROUP=$GROUP nice -n -20 taskset -c "$cpu" sh -c 'echo $$ >"$GROUP/cgroup.procs"; while :; do :; done' &
	busy="$busy $!"
done
told() { # by who watches it: excused, or taken for hung
	grep -q "$1" "$LOG"/card-*.log
}
starve "$one" "$one" || skip "this machine does not let a test hold a process back"
within 60 told 'sessmgr/1 .*\(is silent for .* it waited for a CPU\|does not answer\)'
feed "$one" "$one"
[ "$(pid sessmgr 1)" = "$one" ] || fail "a task that did not get to run was taken for hung: $(grep -h 'sessmgr/1' "$LOG"/card-*.log | tail -n 3)"
starve "$worker" "$core"
within 60 told 'crypto core 0 \(is silent for .* it waited for a CPU\|does not answer\)'
feed "$worker" "$core"
[ "$(pid iftask 10)" = "$core" ] || fail "a crypto core that did not get to run was taken for hung: $(grep -h 'iftask/10' "$LOG"/card-*.log | tail -n 3)"
answers() {
	"$ORRERY" cli --name t1 -c 'show task resources facility sessmgr all' | grep -q 'sessmgr *1 '
}
within 20 answers
[ "$(pid sessmgr 1)" = "$one" ] || fail "killed after it was given a CPU again"
# one that is stopped hangs, as ever
kill -STOP "$one"
another() {
	p=$(pid sessmgr 1)
	[ "$p" -gt 0 ] && [ "$p" != "$one" ]
}
within 30 another

# the supervisor stands still for longer than a card may be silent
supervisor=$("$ORRERY" status --name t1 --json | jq .pid)
cards() {
	"$ORRERY" status --name t1 --json | jq -c '[.cards[] | [.slot, .pid]]'
}
before=$(cards)
kill -STOP "$supervisor"
long() {
	[ $(($(date +%s) - since)) -ge 4 ]
}
since=$(date +%s)
within 10 long
kill -CONT "$supervisor"
round() { # it has looked at its cards since
	"$ORRERY" fault --name t1 list && long
}
since=$(date +%s)
within 20 round
[ "$(cards)" = "$before" ] || fail "a supervisor that stood still: cards were $before and are $(cards): $(grep -h heartbeat "$LOG/orreryd.log" | tail -n 3)"
