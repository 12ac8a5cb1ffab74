#!/bin/sh
# The drill runner: what passes, what fails and why, reports for machines, exit statuses. A drill that can't fail proves nothing.
. "$(dirname "$0")/../lib.sh"
up t1
cat >"$WORK/good.drill" <<'END'
drill "Good & quick"
stage "configure and look"
[local]t1# configure
[local]t1(config)# context blue -noconfirm
[blue]t1(config-ctx)# end
[local]t1# show configuration
...
context blue
...
within 5s
[local]t1# show card table
...
<int:5-5>: MMIO *
...
orrery: status --name t1
Chassis t1, *
...
orrery fails: up --name t1
*already up*
END
cat >"$WORK/bad.drill" <<'END'
stage "this holds"
[local]t1# show version
...
Image Version: *
...
stage "this does not"
[local]t1# show version
...
Image Version: 0.0.0
...
[local]t1# show card table
stage "and this does again"
[local]t1# show card table
...
END
"$ORRERY" drill --json "$WORK/r.json" --junit "$WORK/r.xml" "$WORK/good.drill" >"$WORK/out" || fail "$(cat "$WORK/out")"
grep -q 'Verdict: passed (1 stages' "$WORK/out" || fail "$(cat "$WORK/out")"
[ "$(jq -r '.passed, .drills[0].stages[0].checks' "$WORK/r.json" | tr '\n' ' ')" = "true 5 " ] || fail "$(cat "$WORK/r.json")"
python3 -c "import sys, xml.etree.ElementTree as e; assert e.parse(sys.argv[1]).getroot().find('testsuite').get('failures') == '0'" "$WORK/r.xml" ||
	fail "$(cat "$WORK/r.xml")"
"$ORRERY" drill --json "$WORK/r.json" --junit "$WORK/r.xml" "$WORK/good.drill" "$WORK/bad.drill" >"$WORK/out" && fail "a failing drill must exit 1"
grep -q 'bad.drill:7: expected "Image Version: 0.0.0"' "$WORK/out" || fail "the reason: $(cat "$WORK/out")"
grep -q 'Verdict: FAILED (1 of 3 stages)' "$WORK/out" || fail "the verdict: $(cat "$WORK/out")"
[ "$(jq -r '.passed, .drills[0].passed, .drills[1].passed' "$WORK/r.json" | tr '\n' ' ')" = "false true false " ] || fail "$(cat "$WORK/r.json")"
python3 -c "import sys, xml.etree.ElementTree as e; assert [s.get('failures') for s in e.parse(sys.argv[1]).getroot()] == ['0', '1']" "$WORK/r.xml" ||
	fail "$(cat "$WORK/r.xml")"
"$ORRERY" down --name t1
printf 'within 1s\n[local]t1# show version\n...\n' >"$WORK/late.drill"
expect 1 'chassis t1 is not up' "$ORRERY" drill "$WORK/late.drill"
# A host of a lab has a /run of its own, and reaches the chassis all the same where those are below /run.
if [ "$(id -u)" = 0 ]; then
	run=/run/ot$$
	printf 'lab l\nnetwork n\nchassis L profile vpc-si\nhost a n 192.0.2.9/24\n' >"$WORK/l.lab"
	printf 'lab l.lab\nstage "from a host"\nhost a: $ORRERY status --name L\nChassis L, *\n...\n' >"$WORK/l.drill"
	ORRERY_RUN=$run "$ORRERY" drill "$WORK/l.drill" >"$WORK/out"
	passed=$?
	rm -rf "$run"
	[ $passed -eq 0 ] || fail "$(cat "$WORK/out")"
fi
