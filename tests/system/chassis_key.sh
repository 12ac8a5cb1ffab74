#!/bin/sh
# The chassis key: secrets are sealed with it and shown and stored in no other form; a changed key seals them anew, and what was
# saved before is refused line by line. Communities of SNMP, which are keys of their settings, and passwords inside URLs are secrets
# too; a real snmptrapd that takes one community alone gets the traps, before and after the key was changed.
. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin
command -v snmptrapd >/dev/null || skip "snmptrapd is not installed"
mkdir "$WORK/traps"
printf 'authCommunity log Clear-Text-8\n' >"$WORK/traps/conf"
port=$((20000 + $$ % 20000))
trapd() {
	MIBS='' snmptrapd -f -C -c "$WORK/traps/conf" -On -Lf "$WORK/traps/log" -p "$WORK/traps/pid" "udp:127.0.0.1:$port" >"$WORK/traps/err" 2>&1 &
	trapd_pid=$!
	until [ -s "$WORK/traps/pid" ]; do
		kill -0 $trapd_pid 2>/dev/null || return 1
		timeout 0.05 tail -f /dev/null
	done
	return 0 # not the status of the last wait
}
for try in 1 2 3 4 5; do
	trapd && break
	port=$((port + 1))
done
[ -s "$WORK/traps/pid" ] || fail "snmptrapd does not start: $(cat "$WORK/traps/err")"
at_end() { kill $trapd_pid; }
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
  snmp community Clear-Text-6 read-write
  snmp community name Clear-Text-7
  snmp target manager 127.0.0.1 port SNMP_PORT security-name Clear-Text-8 version 2c traps
  crypto blacklist file sftp://ann:Clear-Text-9@198.51.100.1:2222/list
end
CFG
sed -i "s/SNMP_PORT/$port/" "$WORK/A.cfg"
cp "$WORK/A.cfg" "$WORK/B.cfg"
state=$WORK/s/A
cli() {
	"$ORRERY" cli --name "$1" -c 'no timestamps' -c "$2"
}
key_bytes() {
	stat -c %s "$state/chassis.key"
}
sealed() {
	cli "$1" 'show configuration' | grep -o '[ :]+O[A-Za-z0-9_-]*'
}

up A --config "$WORK/A.cfg"
[ "$(sealed A | wc -l)" -eq 8 ] || fail "eight sealed secrets: $(cli A 'show configuration')"
sealed_communities() {
	cli A 'show snmp communities' | grep -c '^+O.* read-'
}
[ "$(sealed_communities)" -eq 2 ] || fail "communities: $(cli A 'show snmp communities')"
[ "$(stat -c %a "$state/chassis.key")" = 600 ] || fail "mode of the key file"
sealed A >"$WORK/before"
cli A 'save configuration /flash/old.cfg -noconfirm'

expect 1 'was not made from this value' "$ORRERY" cli --name A -c 'chassis keycheck Key-One'
expect 1 'legal length is 1 to 16' "$ORRERY" cli --name A -c 'chassis keycheck 12345678901234567'
expect 0 '' "$ORRERY" cli --name A -c 'chassis key value Key-One -noconfirm'
expect 0 'was made from this value' "$ORRERY" cli --name A -c 'chassis keycheck Key-One'
sealed A >"$WORK/after"
[ "$(wc -l <"$WORK/after")" -eq 8 ] || fail "secrets got lost"
[ -z "$(sort "$WORK/before" "$WORK/after" | uniq -d)" ] || fail "a secret was not sealed anew"
[ "$(key_bytes)" -eq 64 ] || fail "the key before is not kept for the change"

# sct dies in the middle of the change: the next one completes it
"$ORRERY" fault --name A kill task sct 0
within 30 test "$(stat -c %s "$state/chassis.key")" -gt 0
settled() {
	[ "$(key_bytes)" -eq 32 ]
}
within 30 settled
# the trap of that failure, with the community that the new key has sealed
within 20 grep -q '8164\.2\.150' "$WORK/traps/log"
cli A 'save configuration /flash/new.cfg -noconfirm'

# what the old key has sealed is refused, each line by its number; what the new one has sealed is taken
"$ORRERY" cli --name A -c 'configure /flash/old.cfg' >"$WORK/out"
for line in $(grep -n '+O' "$state/flash/old.cfg" | cut -d: -f1); do
	grep -q "line $line: .*with another chassis key" "$WORK/out" || fail "line $line: $(cat "$WORK/out")"
done
[ "$(grep -c 'with another chassis key' "$WORK/out")" -eq 7 ] || fail "seven lines: $(cat "$WORK/out")"
expect 0 '' "$ORRERY" cli --name A -c 'configure /flash/new.cfg'
[ "$(sealed A | wc -l)" -eq 8 ] || fail "secrets after loading"

# a community is found again however it is written
names=$(cli A 'show snmp communities' | grep -o '^+O[^ ]*')
{
	echo configure
	echo "no snmp community Clear-Text-6"
	echo "no snmp community encrypted name $(cli A 'show snmp communities' | grep 'read-only' | cut -d' ' -f1)"
	echo "snmp community Clear-Text-7 read-only"
	echo "snmp community name Clear-Text-6 read-write"
	echo "snmp community Clear-Text-6 read-write"
} >"$WORK/script"
expect 0 '' "$ORRERY" cli --name A -e "$WORK/script"
[ "$(cli A 'show snmp communities' | grep -o '^+O[^ ]*' | sort)" = "$(printf '%s\n' "$names" | sort)" ] ||
	fail "communities: $names, then $(cli A 'show snmp communities')"
expect 1 'legal length is 1 to 31' "$ORRERY" cli --name A -c configure -c 'snmp community 12345678901234567890123456789012'

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
