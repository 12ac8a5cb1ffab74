#!/bin/bash
# Configuration files and operators at their worst: wrong lines, cut-off and binary files, endless lines and blocks, two operators in
# one block, a hung configuration task, a client that does not read.
. "$(dirname "$0")/../lib.sh"
up t1
DISK=$ORRERY_STATE/t1
cli() {
	"$ORRERY" cli --name t1 "$@"
}
has() {
	cli -c 'show configuration' | grep -q -- "$1"
}

# --- wrong lines: number and reason; the others are in force, or, if asked, what follows is not
cat >"$DISK/flash/wrong.cfg" <<'END'
config
  context one
    interface i1
      ip address 192.0.2.300 255.255.255.0
    #exit
  #exit
  frobnicate
  context two
  #exit
end
END
out=$(cli -c 'no timestamps' -c 'configure /flash/wrong.cfg')
[ $? = 1 ] || fail "a wrong line is a failure"
[ "$out" = "Failure: /flash/wrong.cfg line 4: Invalid value 192.0.2.300 for <address>; an IPv4 address is expected
Failure: /flash/wrong.cfg line 7: Unknown command - \"frobnicate\", unrecognized keyword
Failure: /flash/wrong.cfg: 2 lines were refused, the others are in force" ] || fail "wrong lines: $out"
has 'context two' || fail "what follows a wrong line is not in force"
cli -c configure -c 'no context one' -c 'no context two' -c end
expect 1 'line 4: Invalid value' cli -e -c 'configure /flash/wrong.cfg'
has 'context two' && fail "-e goes on behind a wrong line"
has 'interface i1' || fail "-e takes back what stood before the wrong line"
# more wrong lines than anybody reads
(echo config && yes 'frobnicate it' | head -n 5000 && echo end) >"$DISK/flash/many.cfg"
out=$(cli -c 'no timestamps' -c 'configure /flash/many.cfg')
[ "$(printf '%s\n' "$out" | wc -l)" -lt 30 ] || fail "5000 wrong lines: $(printf '%s\n' "$out" | wc -l) lines of output"
printf '%s\n' "$out" | grep -q '5000 lines were refused' || fail "how many: $out"

# --- a file that ends in the middle
head -c 60 "$DISK/flash/wrong.cfg" >"$DISK/flash/cut.cfg"
expect 1 'Failure: /flash/cut.cfg line 4: The file ends in the middle of this line' cli -c 'configure /flash/cut.cfg'
head -n 3 "$DISK/flash/wrong.cfg" >"$DISK/flash/cut.cfg"
expect 1 'Failure: /flash/cut.cfg line 3: The file ends without end' cli -c 'configure /flash/cut.cfg'
printf 'config\n  context half\n    interface i1\n      description 36' >"$DISK/flash/cut.cfg"
expect 1 'Failure: /flash/cut.cfg line 4: The file ends in the middle of this line' cli -c 'configure /flash/cut.cfg'
has 'description 36' && fail "half a line was taken for a whole one"
# --- no text, no file, a directory, too large
head -c 300000 "$ORRERY" >"$DISK/flash/binary.cfg"
expect 1 'Failure: /flash/binary.cfg: it is not a text file' cli -c 'configure /flash/binary.cfg'
tr -d '\000' <"$DISK/flash/binary.cfg" >"$DISK/flash/nearly.cfg"
expect 1 'lines were refused' cli -c 'configure /flash/nearly.cfg'
expect 1 'Failure: /flash/none.cfg: No such file' cli -c 'configure /flash/none.cfg'
expect 1 'Failure: /flash: Is a directory' cli -c 'configure /flash'
truncate -s 100M "$DISK/flash/large.cfg"
expect 1 'Failure: /flash/large.cfg: File too large' cli -c 'configure /flash/large.cfg'
rm "$DISK/flash/large.cfg"
mkfifo "$DISK/flash/pipe.cfg"
expect 1 'Failure: /flash/pipe.cfg: ' timeout 20 "$ORRERY" cli --name t1 -c 'configure /flash/pipe.cfg'
# --- a line of a megabyte, ten thousand blocks in blocks
(echo config && echo 'context one' && head -c 1000000 /dev/zero | tr '\0' x && printf '\ncontext three\nend\n') >"$DISK/flash/long.cfg"
expect 1 'line 3: The line is too long' cli -c 'configure /flash/long.cfg'
(echo config && for i in $(seq 1 10000); do echo "context deep" && echo "interface i$i"; done && echo end) >"$DISK/flash/deep.cfg"
expect 1 'lines were refused' timeout 60 "$ORRERY" cli --name t1 -c 'configure /flash/deep.cfg'
has 'context deep' || fail "ten thousand blocks: nothing was taken"
cli -c 'save configuration /flash/now.cfg -noconfirm' || fail "save after all that"

# --- two operators: each line takes effect by itself, the last one wins, nothing is torn, and who lost his block is told
mkfifo "$WORK/fifo"
exec 9<>"$WORK/fifo"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$HERE/.. python3 - "$ORRERY" <<'END' || exit 1
import re
import subprocess
import sys
from term import Terminal, fail

P = r"# $"
cli = [sys.argv[1], "cli", "--name", "t1"]
a, b = Terminal(cli), Terminal(cli)
for t in (a, b):
    for line in ("no timestamps", "autoconfirm", "configure", "context shared", "interface i1"):
        t.expect(P)
        t.line(line)
    t.expect(P)
a.line("ip address 192.0.2.1 255.255.255.0")
a.expect(P)
b.line("ip address 192.0.2.2 255.255.255.0")
b.expect(P)
a.line("do show configuration context shared")
text = a.expect(P)
if text.count("ip address") != 1 or "192.0.2.2" not in text:
    fail("the last writer must win: " + text)
b.line("end")
b.expect(P)
b.line("configure")
b.expect(P)
b.line("no context shared")
b.expect(P)
a.line("description lost")
if not re.search(r"Failure: context.*is not configured", a.expect(P)):
    fail("who works in a block that is gone must be told")
a.line("end")
a.expect(P)
b.line("context shared")
b.expect(P)
b.line("end")
b.expect(P)
for t in (a, b):
    t.send("\x04")
    t.gone()
# two hundred edits each, at the same time
lines = ["configure", "context shared"]
def script(n):
    body = [f"ip pool p range 10.{n}.{i}.1 10.{n}.{i}.9 private {n}" for i in range(200)]
    return "\n".join(lines + body + ["end"]) + "\n"
both = [subprocess.Popen(cli, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
for n, p in enumerate(both, 1):
    p.stdin.write(script(n))
    p.stdin.close()
for p in both:
    said = p.stdout.read()
    if p.wait() or said:
        fail("an operator of two: " + said)
shown = subprocess.run(cli + ["-c", "show configuration context shared"], capture_output=True, text=True).stdout
pools = re.findall(r"ip pool p range 10\.(\d)\.(\d+)\.1 10\.(\d)\.(\d+)\.9 private (\d)", shown)
if len(pools) != 1 or len({pools[0][0], pools[0][2], pools[0][4]}) != 1 or pools[0][1] != "199" or pools[0][3] != "199":
    fail("torn: " + shown)
END

# --- the configuration task hangs: the operator waits and then it is done, or it is not and he is told
"$ORRERY" fault --name t1 hang task sct 0 || fail "hang sct"
before=$(date +%s)
cli -c configure -c 'context patient' -c end >"$WORK/hung" 2>&1
status=$?
[ $(($(date +%s) - before)) -le 25 ] || fail "a hung sct held an operator for $(($(date +%s) - before)) s"
served() {
	cli -c configure -c 'context after' -c end
}
within 20 served
if [ $status = 0 ]; then
	has 'context patient' || fail "done, said the shell, but it is not: $(cat "$WORK/hung")"
else
	grep -q '^Failure: ' "$WORK/hung" || fail "no failure was told: $(cat "$WORK/hung")"
fi

# --- a client that asks for more and more and reads nothing: it waits, and its session stays small
yes 'show bulkstats variables' | "$ORRERY" cli --name t1 2>/dev/null | timeout 20 tail -f /dev/null &
flood=$!
session_kb() {
	for p in $("$ORRERY" ps --name t1 --json | jq '.cards[].processes[] | select(.facility == "cli").pid'); do
		awk '/VmRSS/ { print $2 }' "/proc/$p/status"
	done | sort -n | tail -n 1
}
there() {
	[ -n "$(session_kb)" ]
}
within 5 there
kb=$(session_kb)
[ "$kb" -lt 60000 ] || fail "the session of a client that does not read takes $kb kB"
expect 0 'Image Version' cli -c 'show version' # others do not notice
kill $flood 2>/dev/null # … and is gone: so is its session, in the middle of the script
gone() {
	[ -z "$(session_kb)" ]
}
within 10 gone
exec 9>&-
