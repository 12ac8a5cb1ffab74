# Shared by the failure tests of tests/system: sourced after lib.sh. The lab of tests/labs/one.lab with 30 simulated peers that send
# echoes all the time, and what must hold after every failure: the same tunnels, no sequence number twice, echoes answered.
LAB=$HERE/../labs/one.lab

cli() {
	"$ORRERY" cli --name G "$@"
}

fault() {
	"$ORRERY" fault --name G "$@" || fail "orrery fault $*"
}

# ask COMMAND FIELD...: of the simulated peers' answer; command `answered`: when every tunnel has had an answer from now on
ask() {
	python3 -S - "$ORRERY_RUN/lab-one/load.peers" "$@" <<'END'
import json, select, socket, sys, time
def ask(what):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(sys.argv[1])
    s.send(what.encode() + b"\n")
    return json.loads(s.makefile().readline())
what, fields = sys.argv[2], sys.argv[3:]
if what == "answered":
    ask("mark")
    deadline = time.monotonic() + 10
    while True:
        j = ask("status")
        if j["received"] >= 30 and j["peers_unanswered"] == 0:
            break
        if time.monotonic() > deadline:
            sys.exit("not every tunnel was answered within 10 s: %s" % j)
        select.select([], [], [], 0.05)
else:
    j = ask(what)
print(*[j[k] for k in fields])
END
}

peers() {
	ask status "$@"
}

all_up() {
	[ "$(peers established)" = 30 ]
}

all_cards() {
	"$ORRERY" status --name G | grep -q ': all cards up'
}

ready() {
	cli -c 'show session recovery status' | grep -q 'Ready For Recovery' && all_cards
}

# state SLOT: as hatsystem sees it
state() {
	cli -c 'show card table | json' | sed -n '/^{/,$p' | jq -r --argjson s "$1" '.cards[] | select(.slot == $s) | .state'
}

is() {
	[ "$(state "$1")" = "$2" ]
}

# owner FACILITY INSTANCE: the card it runs on, as the processes say
owner() {
	"$ORRERY" ps --name G --json | jq -r --arg f "$1" --argjson i "$2" \
		'.cards[] | select(any(.processes[]; .facility == $f and .instance == $i and .state == "active")) | .slot'
}

pid() {
	"$ORRERY" ps --name G --json | jq -r --arg f "$1" --argjson i "$2" \
		'.cards[].processes[] | select(.facility == $f and .instance == $i and .state == "active") | .pid'
}

lab_up() {
	"$ORRERY" lab up "$LAB" || fail "orrery lab up"
	within 20 all_up
	within 20 ready
	before=$(peers established spi_hash seq_reused downs)
}

# unharmed WHAT: nothing was lost by it, and traffic flows
unharmed() {
	now=$(ask answered established spi_hash seq_reused downs) || fail "after $1: no traffic"
	[ "$now" = "$before" ] || fail "after $1: established, SPIs, reused, downs were $before and are $now"
	echo "$1: unharmed"
}
