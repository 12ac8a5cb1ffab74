#!/bin/sh
# The chassis key: secrets are sealed with it and shown and stored in no other form; a changed key seals them anew, and what was
# saved before is refused line by line.
. "$(dirname "$0")/../lib.sh"
cat >"$WORK/A.cfg" <<'CFG'
config
  context local
    administrator admin password Clear-Text-1
    crypto template tmpl ikev2-dynamic
      authentication local pre-shared-key key Clear-Text-2
      authentication remote pre-shared-key key Clear-Text-3
    #exit
  #exit
  snmp user twice auth md5 Clear-Text-4 privacy des Clear-Text-5
end
CFG
cp "$WORK/A.cfg" "$WORK/B.cfg"
state=$WORK/s/A
cli() {
	"$ORRERY" cli --name "$1" -c 'no timestamps' -c "$2"
}
key_bytes() {
	stat -c %s "$state/chassis.key"
}
sealed() {
	cli "$1" 'show configuration' | grep -o ' +O[^ ]*'
}

up A --config "$WORK/A.cfg"
[ "$(sealed A | wc -l)" -eq 4 ] || fail "four sealed keys: $(cli A 'show configuration')"
[ "$(stat -c %a "$state/chassis.key")" = 600 ] || fail "mode of the key file"
sealed A >"$WORK/before"
cli A 'save configuration /flash/old.cfg -noconfirm'

expect 1 'was not made from this value' "$ORRERY" cli --name A -c 'chassis keycheck Key-One'
expect 1 'legal length is 1 to 16' "$ORRERY" cli --name A -c 'chassis keycheck 12345678901234567'
expect 0 '' "$ORRERY" cli --name A -c 'chassis key value Key-One -noconfirm'
expect 0 'was made from this value' "$ORRERY" cli --name A -c 'chassis keycheck Key-One'
sealed A >"$WORK/after"
[ "$(wc -l <"$WORK/after")" -eq 4 ] || fail "secrets got lost"
[ -z "$(sort "$WORK/before" "$WORK/after" | uniq -d)" ] || fail "a secret was not sealed anew"
[ "$(key_bytes)" -eq 64 ] || fail "the key before is not kept for the change"

# sct dies in the middle of the change: the next one completes it
"$ORRERY" fault --name A kill task sct 0
within 30 test "$(stat -c %s "$state/chassis.key")" -gt 0
settled() {
	[ "$(key_bytes)" -eq 32 ]
}
within 30 settled
cli A 'save configuration /flash/new.cfg -noconfirm'

# what the old key has sealed is refused, each line by its number; what the new one has sealed is taken
"$ORRERY" cli --name A -c 'configure /flash/old.cfg' >"$WORK/out"
for line in 5 6 9; do
	grep -q "line $line: .*made with another chassis key" "$WORK/out" || fail "line $line: $(cat "$WORK/out")"
done
expect 0 '' "$ORRERY" cli --name A -c 'configure /flash/new.cfg'
[ "$(sealed A | wc -l)" -eq 4 ] || fail "secrets after loading"

# another chassis with the same key takes them, one with a key of its own does not
cp "$state/flash/new.cfg" "$WORK/new.cfg"
up B --config "$WORK/B.cfg"
mkdir -p "$WORK/s/B/flash" && cp "$WORK/new.cfg" "$WORK/s/B/flash/"
expect 1 'made with another chassis key' "$ORRERY" cli --name B -c 'configure /flash/new.cfg'
cli B 'chassis key value Key-One -noconfirm'
expect 0 '' "$ORRERY" cli --name B -c 'configure /flash/new.cfg'

# who may
expect 1 'rivilege' "$ORRERY" cli --name A --privilege administrator -c 'chassis key value x -noconfirm'

# in clear text nowhere but in the file that was given at the start
if grep -rqa -e 'Clear-Text' -e 'Key-One' "$WORK/s" "$WORK/r" --exclude=system.cfg; then
	fail "in clear text: $(grep -rla -e 'Clear-Text' -e 'Key-One' "$WORK/s" "$WORK/r" --exclude=system.cfg)"
fi
