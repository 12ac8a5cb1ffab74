#!/bin/bash
# Every form of error of the CLI, as an operator reads it: unknown, ambiguous, incomplete, out of range, wrong type, not permitted, in
# the wrong mode, what does not exist, too many, pipes. One session in which each line must answer exactly this.
. "$(dirname "$0")/../lib.sh"
up t1
# a line of input, then after "=> " its answer ("" for silence)
cat >"$WORK/transcript" <<'END'
no timestamps
frobnicate
=> Unknown command - "frobnicate", unrecognized keyword
show frobs
=> Unknown command - "frobs", unrecognized keyword
show card table extra
=> Unknown command - "extra", unrecognized keyword
show
=> Incomplete command - "show" needs more, see ?
show card info 99
=> Failure: Invalid value 99 for <slot>; the legal range is 1 to 20
show card info abc
=> Failure: Invalid value abc for <slot>; the legal range is 1 to 20
terminal length 3
=> Failure: Invalid value 3 for <lines>; the legal range is 0, 5 to 4294967295
ping 10.0.0.300
=> Failure: Invalid value 10.0.0.300 for <host>; an IPv4 or IPv6 address is expected
show version | frob
=> Unknown command - "frob", unrecognized keyword
show version |
=> Incomplete command - grep, more or json is expected after |
show version | grep
=> Incomplete command - grep needs a pattern
show version | grep "a\
=> Failure: Unbalanced quotes
show version | grep -E "("
=> Failure: Invalid pattern "(": Unmatched ( or \(
context nowhere
=> Failure: Context "nowhere" does not exist
show configuration context nowhere
=> Failure: Context "nowhere" does not exist
interface i1
=> Unknown command - "interface", unrecognized keyword; it is a command of the mode (config-ctx)
system hostname x
=> Unknown command - "system", unrecognized keyword; it is a command of the mode (config)
delete /etc/passwd
=> Failure: /etc/passwd: not a file of /flash, /hd-raid or /usb1
directory http://192.0.2.1/x
=> Failure: http://192.0.2.1/x: not a file of /flash, /hd-raid or /usb1
configure /flash/none.cfg
=> Failure: /flash/none.cfg: No such file or directory
save configuration /flash/no/dir.cfg
=> Failure: /flash/no/dir.cfg: No such file or directory; the old file is as it was
clear administrator session id 12
=> Failure: There is no session with id 12
configure
frobnicate
=> Failure: Unknown command - "frobnicate", unrecognized keyword
show version
=> Failure: Unknown command - "show", unrecognized keyword; it is an Exec command: see do, end
do configure
=> Failure: This command can not be used with do
context c
ikev2-ikesa transform-set t
lifetime 5
=> Failure: Invalid value 5 for <seconds>; the legal range is 60 to 86400
encryption rot13
=> Failure: Unknown command - "rot13", unrecognized keyword
exit
interface
=> Failure: Incomplete command - "interface" needs more, see ?
ip route 10.0.0.0 255.0.255.0 192.0.2.1 i1
=> Failure: Invalid value 255.0.255.0 for <mask>; an IPv4 network mask is expected
no interface gone
exit
boot system priority 101 image /flash/a
=> Failure: Invalid value 101 for <priority>; the legal range is 1 to 100
end
show configuration card 9
=> Failure: card 9 is not configured
END
sed -n '/^=> /!p' "$WORK/transcript" >"$WORK/script"
sed -n 's/^=> //p' "$WORK/transcript" >"$WORK/want"
"$ORRERY" cli --name t1 "$WORK/script" >"$WORK/out" 2>&1
[ $? = 1 ] || fail "a script with failures ends with 1"
# a script's failures carry the number of their line
sed 's/^line [0-9]*: //' "$WORK/out" >"$WORK/got"
diff "$WORK/want" "$WORK/got" >"$WORK/diff" || fail "answers differ (< wanted, > given): $(cat "$WORK/diff")"
grep -q '^line 2: Unknown command - "frobnicate"' "$WORK/out" || fail "no line number: $(head -n 3 "$WORK/out")"
# too many
for i in $(seq 1 64); do echo "context many$i"; echo exit; done >"$WORK/many"
(echo configure && cat "$WORK/many") | "$ORRERY" cli --name t1 >"$WORK/out" 2>&1
grep -q '^line [0-9]*: Failure: The maximum number of 63 context is reached' "$WORK/out" || fail "a limit: $(cat "$WORK/out")"
# levels
expect 1 'Not permitted - "reload" needs the privilege level administrator, yours is operator' "$ORRERY" cli --name t1 --privilege operator -c reload
expect 1 'Not permitted - "clear" needs the privilege level administrator, yours is inspector' "$ORRERY" cli --name t1 --privilege inspector -c 'clear administrator session id 1'
