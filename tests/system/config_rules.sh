#!/bin/sh
# Rules across settings on a running chassis: the form of each kind of refusal, what is told when a block is left, show
# configuration errors, and that a configuration which breaks a rule is refused from a file as well.
. "$(dirname "$0")/../lib.sh"
up t1
cli() {
	"$ORRERY" cli --name t1 "$@"
}
cat >"$WORK/typed" <<'END'
configure
context c
crypto peer-list ipv4 peers
address 192.0.2.9
exit
crypto template t ikev2-dynamic
blacklist
whitelist
payload p match childsa match ipv4
tsr start-address 10.0.0.0 end-address 10.0.0.9
tsr start-address 10.0.0.9 end-address 10.0.0.20
tsr start-address 10.0.1.9 end-address 10.0.1.0
tsr start-address 2001:db8:: end-address 2001:db8::1
exit
exit
wsg-service w
peer-list peers
deployment-mode site-to-site
peer-list nobody
peer-list peers
bind address 2001:db8::1 crypto-template t
bind address 192.0.2.1 crypto-template t
deployment-mode remote-access
exit
crypto peer-list ipv4 peers
no address 192.0.2.9
exit
crypto map m ipsec-ikev1
ipsec-on-demux
exit
exit
threshold cpu-utilization 50 clear 60
ikesa delete on-mismatch
no ikesa delete on-mismatch
end
END
cat >"$WORK/wanted" <<'END'
line 8: Failure: blacklist is configured; only one of blacklist and whitelist is possible
line 11: Failure: 10.0.0.9 to 10.0.0.20 overlaps with 10.0.0.0 to 10.0.0.9 of payload p
line 12: Failure: Invalid end-address 10.0.1.0; the range starts at 10.0.1.9
line 13: Failure: 2001:db8:: is not possible in payload p, which matches ipv4
line 17: Failure: peer-list needs deployment-mode site-to-site; it is not configured
line 19: Failure: crypto-peer-list nobody is not configured
line 21: Failure: 2001:db8::1 can not be bound: peer-list peers is of type ipv4
line 23: Failure: peer-list peers is configured; remove it before the deployment mode changes
line 26: Failure: peer-list peers is in use by wsg-service w and can not be changed
line 29: Failure: ipsec-on-demux needs require session recovery; configure that first
line 32: Failure: Invalid value 60 for the clear value; the alarm is raised at 50 and cleared at 50 or below
line 34: Failure: ikesa delete on-mismatch can not be removed; only a reboot without it turns it off
END
cli "$WORK/typed" >"$WORK/got" 2>&1 && fail "a script with refused lines ends with 0"
grep Failure "$WORK/got" | diff "$WORK/wanted" - || fail "other refusals than wanted"

# everything that was accepted and nothing else is there, and loads again
expect 0 'deployment-mode site-to-site' cli -c 'show configuration'
expect 0 '' cli -c 'save configuration /flash/rules.cfg -noconfirm'
expect 0 '' cli -c 'configure /flash/rules.cfg'
cli -c 'configure /flash/rules.cfg' 2>&1 | grep Failure && fail "what was saved is refused"
cli -c 'show configuration' | grep -q 'whitelist\|ipsec-on-demux\|10.0.0.20' && fail "a refused line is in the configuration"

# what no single line tells
expect 0 'Error : context=c/wsg-service=w: crypto template t has no authentication local' cli -c 'show configuration errors'
expect 0 'Error : context=c/crypto-map=m: incomplete: no set peer' cli -c 'show configuration errors'
expect 0 'Warning %:  context=c/crypto-template=t/blacklist: no crypto blacklist file is configured' \
	cli -c 'show configuration errors'
cli -c configure -c 'context c' -c 'crypto group g' || fail "crypto group"
expect 0 'Orrery: context=c: crypto-group g' cli -c 'show configuration errors'
expect 0 '"stored_only"' cli -c 'show configuration errors | json'

# what is required counts from the next boot on, and one is told so until then
cat >"$WORK/require" <<'END'
configure
require session recovery
require crypto ikev2-acl software
end
END
expect 0 '' cli "$WORK/require"
for line in 'require session recovery' 'require crypto ikev2-acl software'; do
	expect 0 "Warning %:  $line takes effect at the next boot" cli -c 'show configuration errors'
done

# a person is told when the block is left
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$HERE/.. python3 - "$ORRERY" <<'END' || exit 1
import sys
from term import Terminal, fail

t = Terminal([sys.argv[1], "cli", "--name", "t1"], rows=24, columns=160)
t.expect(r"\[local\]orrery# $")
t.line("configure")
t.expect(r"\(config\)# $")
t.line("context c")
t.expect(r"\(config-ctx\)# $")
t.line("wsg-service w")
t.expect(r"\(config-wsg-service\)# $")
t.line("exit")
if "Warning: context=c/wsg-service=w: crypto template t has no authentication local" not in t.expect(r"\(config-ctx\)# $"):
    fail("the exit says nothing of a template that can not serve")
t.line("wsg-service other")
t.expect(r"\(config-wsg-service\)# $")
t.line("bind address 192.0.2.7 crypto-template nowhere")
t.expect(r"\(config-wsg-service\)# $")
t.line("end")
if "crypto-template nowhere is not configured" not in t.expect(r"\[local\]orrery# $"):
    fail("the end says nothing of an unknown template")
t.line("configure")
t.expect(r"\(config\)# $")
t.line("no require crypto ikev2-acl software")
if "Warning" in t.expect(r"\(config\)# $"):
    fail("a warning where a line was accepted: success prints nothing")
t.line("end")
said = t.expect(r"\[local\]orrery# $")
if "Warning: require session recovery takes effect at the next boot" not in said or "ikev2-acl" in said:
    fail("the end says not what waits for the next boot: " + said)
t.line("configure")
t.expect(r"\(config\)# $")
t.line("end")
if "next boot" in t.expect(r"\[local\]orrery# $"):
    fail("told again though nothing was touched")

# a line may go on in the next one
t.line("configure")
t.expect(r"\(config\)# $")
t.line("banner motd \\")
t.expect(r"> $")
t.send("never mind\x03")
t.expect(r"\(config\)# $")
t.line("boot system priority 7 \\")
t.expect(r"> $")
t.send("image /flash/x.bin con\t")
t.expect(r"config $")
t.line("/flash/rules.cfg")
t.expect(r"\(config\)# $")
t.line("end")
t.expect(r"\[local\]orrery# $")
t.line("show boot | grep -E \"priority|config|image\"")
if "priority 7 \\\n    image /flash/x.bin \\\n    config /flash/rules.cfg" not in t.expect(r"\[local\]orrery# $"):
    fail("the boot priority of two lines is not there")
END

# after the next boot it is in force, and what was removed stays until the one after
cli -c 'save configuration /flash/rules.cfg -noconfirm'
"$ORRERY" down --name t1
up t1
expect 0 'require session recovery' cli -c 'show configuration'
cli -c 'show configuration errors' | grep 'next boot' && fail "told of what is in force"
printf 'configure\nno require session recovery\nend\n' >"$WORK/require"
expect 0 '' cli "$WORK/require"
expect 0 'require session recovery stays in force until the next boot' cli -c 'show configuration errors'
