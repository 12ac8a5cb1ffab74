#!/bin/bash
# Standing faults without a lab: what each really does, its undo by number, by words and all, and that those of a drill end with it,
# also when it fails, is interrupted or is killed.
. "$(dirname "$0")/../lib.sh"
fault() {
	"$ORRERY" fault --name t1 "$@"
}
standing() {
	"$ORRERY" fault --name t1 --json list | jq -r '[.[].fault] | join(";")'
}
nothing_stands() {
	[ "$(standing)" = "" ]
}
pid() { # its first active instance
	"$ORRERY" ps --name t1 --json | jq -r --arg f "$1" '[.cards[].processes[] | select(.facility == $f and .instance < 5000 and .state != "standby")][0].pid'
}
expect 2 '1 to 99' "$ORRERY" fault slow card 2 100
expect 2 'MEGABYTES' "$ORRERY" fault memory task srdb 0
expect 2 'ten years' "$ORRERY" fault clock later
expect 2 'cards SLOT SLOT' "$ORRERY" fault cut cards 2 2
up t1
expect 1 'no task ipsecmgr 77' fault slow task ipsecmgr 77 50
expect 1 'no card in slot 4' fault cut cards 2 4
expect 1 'port 5/10 has no device' fault loss port 5/10 50
expect 1 'others may use' fault disk full
expect 1 'no standing fault "7"' fault undo 7

# memory: the process takes it and gives it back
p=$(pid sessmgr)
rss() { awk '/^VmRSS/ {print int($2/1024)}' "/proc/$p/status"; }
before=$(rss)
expect 0 'takes and touches 60 MB' fault memory task sessmgr 1 60
more() { [ "$(rss)" -ge $((before + 55)) ]; }
less() { [ "$(rss)" -le $((before + 10)) ]; }
within 5 more
expect 0 '' fault undo memory task sessmgr 1
within 5 less

# the number of a process is another one's after its end, who has nothing to do with the fault that is undone then
fault memory task evlogd 0 5 >/dev/null || fail memory
p=$(pid evlogd)
kill -9 "$p"
recycled() {
	echo $((p - 1)) >/proc/sys/kernel/ns_last_pid || return 1
	[ -z "$other" ] || kill "$other" 2>/dev/null
	timeout 60 tail -f /dev/null &
	other=$!
	[ $other = "$p" ]
}
other=
for _ in $(seq 200); do # others of the machine take numbers as well
	recycled 2>/dev/null && break
done
fault undo all || fail "undo all"
[ "$other" != "$p" ] || kill -0 "$other" || fail "the undoing of a fault killed a process that has nothing to do with it"
kill $other 2>/dev/null
p=$(pid sessmgr)

# slow: work of some 80 ms takes more than a second with a twentieth of a CPU
took() {
	start=$(date +%s%N)
	fault memory task sessmgr 1 300 >/dev/null || fail memory
	until [ "$(rss)" -ge $((before + 290)) ] || [ $((($(date +%s%N) - start) / 1000000000)) -gt 30 ]; do :; done
	echo $((($(date +%s%N) - start) / 1000000))
	fault undo memory
}
full=$(took)
within 5 less
expect 0 '5% of a CPU' fault slow task sessmgr 1 5
slow=$(took)
fault undo slow || fail "undo slow"
[ "$slow" -gt 1000 ] && [ "$slow" -gt "$full" ] || fail "with 5% of a CPU $slow ms, without $full ms"
# beyond its limit a task is killed, and the fault is over
fault memory task evlogd 0 300 >/dev/null || fail memory
within 10 nothing_stands
nothing_stands || fail "still there: $(standing)"
expect 0 '"memory task evlogd 0" was over: its process is gone' fault undo memory task evlogd 0
expect 1 'no standing fault "memory task evlogd 0"' fault undo memory task evlogd 0

# hang: undone by words; a task that was killed for it ends the fault by itself
fault hang task evlogd 0 || fail hang
[ "$(standing)" = "hang task evlogd 0" ] || fail "a hang is not in the list: $(standing)"
fault resume task evlogd 0 || fail resume
nothing_stands || fail "resume did not end it"
fault hang task evlogd 0 || fail hang
within 8 nothing_stands

# the clock: the date of every command; not the uptime
expect 0 '+3600 s off' fault clock 3600
hour() { "$ORRERY" cli --name t1 -c 'show system uptime' | head -n 1; }
now=$(date -u -d '+1 hour' '+%B %d %H:')
hour | grep -q "${now% *}" || fail "the date is not an hour ahead: $(hour)"
"$ORRERY" cli --name t1 -c 'show system uptime' | grep -q '0D 0H 0M' || fail "the uptime jumped"
expect 0 '' fault undo all
nothing_stands || fail "undo all"

# cut and heal between two processing cards; a card that restarts is still cut
fault cut cards 2 3 >/dev/null || fail cut
"$ORRERY" fault --name t1 heal cards 2 3 || fail heal
nothing_stands || fail heal

# a drill's faults end with it
cat >"$WORK/d.drill" <<'END'
chassis t1
fault clock 60
fault slow card 2 50
within 60s
orrery fails: status --name t1
END
two() { [ "$(standing)" = "clock 60;slow card 2 50" ]; }
for sig in TERM KILL; do
	"$ORRERY" drill "$WORK/d.drill" >"$WORK/out" 2>&1 &
	drill=$!
	within 10 two
	kill -$sig $drill
	wait $drill && fail "an interrupted drill passed"
	within 5 nothing_stands
done
sed -i 's/^within.*/within 1s/' "$WORK/d.drill"
expect 1 FAILED "$ORRERY" drill "$WORK/d.drill"
within 5 nothing_stands
# and hardware that it pulled or set is as before
cat >"$WORK/h.drill" <<'END'
chassis t1
fault pull card 10
fault set sensor 3 temperature 60
orrery fails: status --name t1
END
expect 1 FAILED "$ORRERY" drill "$WORK/h.drill"
back() {
	"$ORRERY" status --name t1 --json | jq -e '[.cards[] | select(.slot == 10 and .state == "standby")] | length == 1' &&
		! "$ORRERY" cli --name t1 -c 'show temperature' | grep -q '60 C'
}
within 15 back
