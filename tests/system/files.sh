#!/bin/bash
# Files of the chassis' disk by file commands, none outside it; boot priorities and reload; who may what; who is logged in.
. "$(dirname "$0")/../lib.sh"
up t1
DISK=$ORRERY_STATE/t1
cli() {
	"$ORRERY" cli --name t1 "$@"
}
quiet() {
	out=$(cli -c 'no timestamps' "$@" 2>&1) || fail "$*: $out"
	[ -z "$out" ] || fail "$* prints: $out"
}

# --- files
printf 'config\n  context stored\n  #exit\nend\n' >"$DISK/flash/stored.cfg"
expect 0 '^Transferred 36 bytes' cli -c 'copy /flash/stored.cfg /hd-raid/copy.cfg -noconfirm'
cmp "$DISK/flash/stored.cfg" "$DISK/hd-raid/copy.cfg" || fail "the copy differs"
quiet -c 'mkdir /flash/dir' -c 'rename /hd-raid/copy.cfg /flash/dir/moved.cfg' -c 'rename /flash/dir/moved.cfg file:/flash/dir/b'
expect 0 '  36 .* b$' cli -c 'directory /flash/dir'
cli -c 'directory /flash -reverse | json' | sed -n '/^{/,$p' | jq -e '[.entries[].name] | index("stored.cfg") < index("dir")' >/dev/null || fail "directory | json"
expect 1 'Failure: /flash/dir: Directory not empty' cli -c 'rmdir /flash/dir -noconfirm'
quiet -c 'delete /flash/dir/b -noconfirm' -c 'rmdir /flash/dir -noconfirm'
quiet -c 'mkdir /flash/a' -c 'mkdir /flash/a/b' -c 'rmdir /flash/a -force -noconfirm'
[ -e "$DISK/flash/a" ] && fail "rmdir -force"
expect 1 'Failure: /flash/none: No such file' cli -c 'delete /flash/none -noconfirm'
expect 1 'Failure: /flash/none: No such file' cli -c 'copy /flash/none /flash/x -noconfirm'
expect 1 'Failure: /flash: Is a directory' cli -c 'copy /flash /flash/x -noconfirm'
expect 0 '^  context stored' cli -c 'show configuration url /flash/stored.cfg'
expect 0 '^  context stored' cli -c 'show file url /flash/stored.cfg'
# nothing of the machine can be reached, by no path and by no link
ln -s /etc/passwd "$DISK/flash/link"
ln -s "$DISK/hd-raid" "$DISK/flash/out"
ln -s ../chassis.key "$DISK/flash/key"
for url in /etc/passwd /flash/../chassis.key file:/flash/./../../x /flashy/x /flash/link /flash/key /flash/out/x /chassis.key; do
	expect 1 'not a file of /flash, /hd-raid or /usb1' cli -c "show file url $url"
	expect 1 'Failure: ' cli -c "copy $url /hd-raid/stolen -noconfirm"
done
for url in /etc/x /flash/../x /flash/out/x /flash/link /flash/key; do
	expect 1 'Failure: ' cli -c "copy /flash/stored.cfg $url -noconfirm"
	expect 1 'Failure: ' cli -c "save configuration $url -noconfirm"
done
expect 1 'Failure: ' cli -c 'configure /flash/link'
expect 1 'Failure: ' cli -c 'mkdir /flash/out/x'
[ -e "$DISK/hd-raid/stolen" ] && fail "a file of the machine was copied"
grep -q stored /etc/passwd && fail "/etc/passwd was written"
quiet -c 'delete /flash/link -noconfirm' -c 'delete /flash/out -noconfirm' -c 'delete /flash/key -noconfirm'
[ -e /etc/passwd ] && [ -d "$DISK/hd-raid" ] && [ -e "$DISK/chassis.key" ] || fail "delete followed a link"

# --- boot priorities, in force without a save; the first that can be read is taken
expect 0 'config /flash/system.cfg' cli -c 'show boot'
expect 0 'none' cli -c 'show boot initial-config'
expect 1 'Failure: .*1 to 100' cli -c configure -c 'boot system priority 101 image /flash/a'
quiet -c configure -c 'boot system priority 20 image /flash/a.bin config /flash/stored.cfg' -c 'boot system priority 7 image /flash/a.bin config /flash/gone.cfg' -c 'context unsaved' -c end
out=$(cli -c 'no timestamps' -c 'show boot')
[ "$out" = "
boot system priority 7 \\
    image /flash/a.bin \\
    config /flash/gone.cfg

boot system priority 20 \\
    image /flash/a.bin \\
    config /flash/stored.cfg" ] || fail "show boot: $out"
before=$(cli -c 'show system uptime | json')
expect 1 'went down, and this session with it' cli -c 'reload -noconfirm'
booted() {
	cli -c 'show boot initial-config' | grep -q 'config /flash/stored.cfg'
}
within 15 booted
expect 0 '5: MMIO .* Active ' cli -c 'show card table' # the lower one, as at every boot
expect 0 'priority 20' cli -c 'show boot initial-config'
cli -c 'show configuration' >"$WORK/after"
grep -q 'context stored' "$WORK/after" || fail "the boot configuration was not loaded: $(cat "$WORK/after")"
grep -q 'context unsaved' "$WORK/after" && fail "what was not saved has survived a reload"
grep -q 'boot system priority 7 image' "$WORK/after" || fail "the boot priorities are gone"
all_up() {
	"$ORRERY" status --name t1 | grep -q ': all cards up'
}
within 30 all_up
quiet -c configure -c 'no boot system priority 7' -c 'no boot system priority 20' -c end
[ -e "$DISK/flash/boot.sys" ] && fail "boot.sys stays without priorities"

# --- privileges
printf 'configure\ncontext local\noperator op password secret-1\ninspector insp password secret-2\nconfig-administrator conf password secret-3\nend\n' >"$WORK/users"
cli "$WORK/users" || fail "users"
expect 1 'Failure: Not permitted - "configure" needs the privilege level administrator, yours is operator' cli --user op -c configure
expect 1 'Failure: Not permitted - "show configuration" needs the privilege level administrator, yours is operator' cli --user op -c 'show configuration'
expect 0 'Image Version' cli --user op -c 'show version'
expect 1 'Failure: Not permitted - "show task" needs the privilege level operator, yours is inspector' cli --user insp -c 'show task table'
expect 0 'Image Version' cli --user insp -c 'show version'
expect 0 'context stored' cli --user conf -c 'show configuration'
expect 1 'needs the privilege level security-administrator, yours is administrator' cli --user conf -c configure -c 'context local' -c 'administrator x password y'
expect 1 'yours is inspector' cli --privilege inspector -c 'configure'
expect 2 'is not inspector' "$ORRERY" cli --name t1 --privilege king
expect 0 '^  show ' cli -c '?'
expect 0 '^  configure ' cli -c '?'
cli --user op -c '?' | grep -q '^  configure ' && fail "an operator is offered configure"

# --- who is logged in; ending a session
mkfifo "$WORK/fifo"
exec 9<>"$WORK/fifo"
"$ORRERY" cli --name t1 --user op <"$WORK/fifo" >"$WORK/other" 2>&1 &
other=$!
listed() {
	cli -c 'show administrators session id' | grep '^op  .* Operator '
}
within 5 listed
id=$(cli -c 'show administrators | json' | sed -n '/^{/,$p' | jq '.sessions[] | select(.name == "op").id')
expect 1 'There is no session with id 77' cli -c 'clear administrator session id 77 -noconfirm'
quiet -c "clear administrator session id $id -noconfirm"
ended() {
	! kill -0 $other 2>/dev/null
}
within 5 ended
grep -q 'This session was ended by' "$WORK/other" || fail "the session was not told: $(cat "$WORK/other")"
exec 9>&-
# as many commands as are taken are carried out, and no fewer
args=()
for i in $(seq 1 120); do args+=(-c "show clock"); done
n=$(cli -c 'no timestamps' "${args[@]}" | wc -l)
[ "$n" = 120 ] || fail "$n of 120 commands were carried out"
