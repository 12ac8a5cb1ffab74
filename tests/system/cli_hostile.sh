#!/bin/bash
# What an operator's session may be fed, and how it may end: endless lines, binary data, blocks ten thousand deep, a killed client.
. "$(dirname "$0")/../lib.sh"
trap '' HUP # as under nohup: a chassis that was started so is one as any
up t1
trap 'exit 143' HUP
cli() {
	"$ORRERY" cli --name t1 "$@"
}
(head -c 1000000 /dev/zero | tr '\0' x && printf '\nshow version\n') >"$WORK/long"
expect 1 'The line is longer than' cli "$WORK/long"
expect 1 'Image Version' cli "$WORK/long"
head -c 300000 "$ORRERY" >"$WORK/binary"
expect 1 'Failure' cli "$WORK/binary"
(echo configure && for i in $(seq 1 10000); do echo context deep && echo interface i1; done) >"$WORK/deep"
timeout 60 "$ORRERY" cli --name t1 "$WORK/deep" >"$WORK/out" 2>&1
[ $? -lt 124 ] || fail "ten thousand blocks: $(tail -n 3 "$WORK/out")"
expect 0 'context deep' cli -c 'show configuration'

# a caller that closed what every program has open; an output that takes nothing
timeout 20 "$ORRERY" cli --name t1 <&- || fail "without an input: $?"
timeout 20 "$ORRERY" cli --name t1 -c 'show version' >&- || fail "without an output: $?"
timeout 20 "$ORRERY" cli --name t1 -c 'show version' >/dev/full 2>"$WORK/err" && fail "an output that is full, and it says that all is well"
grep -q '^Failure: The output cannot be written: No space left on device' "$WORK/err" || fail "full output: $(cat "$WORK/err")"

sessions() {
	"$ORRERY" ps --name t1 --json | jq '[.cards[].processes[] | select(.facility == "cli")] | length'
}
no_session() {
	[ "$(sessions)" = 0 ]
}
one_session() {
	[ "$(sessions)" = 1 ]
}
within 5 no_session
# a client that is killed takes its session with it, whatever that one waits for
mkfifo "$WORK/fifo"
exec 9<>"$WORK/fifo"
"$ORRERY" cli --name t1 <"$WORK/fifo" >/dev/null 2>&1 &
client=$!
printf 'configure\ncontext half\ninterface i9\n' >&9
within 5 one_session
kill -9 $client
within 5 no_session
exec 9>&-
# an edit that had not been sent is nowhere
expect 0 'context deep' cli -c 'show configuration'
cli -c 'show configuration' | grep -q 'context half' && fail "half a script was carried out"
# a client whose management card dies hears of it
exec 9<>"$WORK/fifo"
"$ORRERY" cli --name t1 <"$WORK/fifo" >"$WORK/end" 2>&1 &
client=$!
within 5 one_session
"$ORRERY" fault --name t1 kill card 5 || fail "fault kill card 5"
ended() {
	! kill -0 $client 2>/dev/null
}
within 5 ended
grep -q 'management card' "$WORK/end" || fail "why it ended: $(cat "$WORK/end")"
answers() {
	cli -c 'show version'
}
within 8 answers
