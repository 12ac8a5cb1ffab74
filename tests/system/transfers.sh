#!/bin/bash
# Files of other machines in copy, configure, save, show, the boot and lists of peers: over HTTP, HTTPS, FTP, SFTP and TFTP with real servers; what goes wrong
# is one line with the URL and the reason, leaves everything as it was, and no password is seen or kept anywhere.
. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin
P=$(dirname "$0")/..
command -v in.tftpd >/dev/null && command -v vsftpd >/dev/null || skip "tftpd-hpa or vsftpd is not installed"
[ "$(id -u)" = 0 ] || skip "in.tftpd and vsftpd need root"
pids=
at_end() { kill $pids 2>/dev/null; }

# --- servers
mkdir -p "$WORK/www" "$WORK/tftp" "$WORK/ftp/in" "$WORK/empty"
chown ftp "$WORK/ftp/in" || skip "no user ftp"
chmod 755 "$WORK" "$WORK/tftp"
chmod 777 "$WORK/tftp"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$WORK/key.pem" -out "$WORK/ca.pem" -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
"$P/http_server.py" "$WORK/http" "$WORK/www" 2>/dev/null & pids="$pids $!"
"$P/http_server.py" "$WORK/https" "$WORK/www" "$WORK/ca.pem" "$WORK/key.pem" 2>/dev/null & pids="$pids $!"
set -- $(free_ports tcp udp tcp)
ssh_port=$1 tftp_port=$2 ftp_port=$3
serve_ftp_and_tftp "$ftp_port" "$tftp_port" writable
cat >"$WORK/A.cfg" <<'CFG'
config
  system hostname A
  context local
    administrator admin password Clear-Text-1 ftp
    server sshd
      subsystem sftp
    #exit
  #exit
end
CFG
up A --config "$WORK/A.cfg"
state=$WORK/s/A
"$ORRERY" dial --name A --listen "$ssh_port" & pids="$pids $!"
within 10 test -s "$WORK/http" -a -s "$WORK/https"
http=http://127.0.0.1:$(cat "$WORK/http")
https=https://localhost:$(cat "$WORK/https")
sftp=sftp://admin:Clear-Text-1@127.0.0.1:$ssh_port
tftp=tftp://127.0.0.1:$tftp_port
ftp=ftp://127.0.0.1:$ftp_port
cli() {
	"$ORRERY" cli --name A -c 'no timestamps' "$@"
}
# wrong PATTERN COMMAND: one line of failure, and /flash/keep and the configuration are as they were
wrong() {
	want=$1
	shift
	expect 1 "$want" cli -c "$@"
	[ "$(printf '%s\n' "$out" | grep -c .)" -eq 1 ] || fail "more than one line: $out"
	case $out in *Clear-Text*) fail "the password is told: $out" ;; esac
	cmp -s "$WORK/keep" "$state/flash/keep" || fail "/flash/keep was changed by $*"
	[ "$(cli -c 'show configuration checksum')" = "$sum" ] || fail "the configuration was changed by $*"
	[ "$(ls "$state/flash")" = "$files" ] || fail "left over on /flash: $(ls "$state/flash")"
}
within 20 sh -c "'$ORRERY' cli --name A -c 'show ssh server' | grep -q Listening"

# --- what works
seq 1 200000 >"$WORK/www/numbers"
printf 'config\n  context fetched\n  #exit\nend\n' >"$WORK/www/good.cfg"
expect 0 '^Transferred 1288895 bytes in [0-9.]* seconds ([0-9.]* KB/sec)' cli -c "copy $http/numbers /flash/keep"
cmp "$WORK/www/numbers" "$state/flash/keep" || fail "copy from http"
expect 0 '^Transferred' cli -c "copy /flash/keep $http/back"
cmp "$WORK/www/numbers" "$WORK/www/back" || fail "copy to http"
expect 0 '^Transferred' cli -c "copy $sftp/flash/keep /hd-raid/by-sftp" -c "copy /hd-raid/by-sftp $sftp/flash/sent"
cmp "$WORK/www/numbers" "$state/flash/sent" || fail "copy by sftp"
expect 0 '^Transferred' cli -c "copy /flash/keep $tftp/numbers" -c "copy $tftp/numbers /hd-raid/by-tftp"
cmp "$WORK/www/numbers" "$state/hd-raid/by-tftp" || fail "copy by tftp"
cp "$WORK/www/numbers" "$WORK/ftp/numbers"
expect 0 '^Transferred' cli -c "copy $ftp/numbers /hd-raid/by-ftp" -c "copy /hd-raid/by-ftp $ftp/in/sent"
cmp "$WORK/www/numbers" "$WORK/ftp/in/sent" || fail "copy by ftp"
expect 0 '^Transferred' cli -c "copy $http/moved/numbers $tftp/again"
cmp "$WORK/www/numbers" "$WORK/tftp/again" || fail "copy between two servers"
expect 0 '' cli -c "configure $http/good.cfg"
expect 0 'context fetched' cli -c 'show configuration'
expect 0 '' cli -c "save configuration $tftp/saved.cfg"
expect 0 '' cli -c "save configuration $sftp/flash/saved.cfg"
cli -c 'show configuration' | cmp - "$WORK/tftp/saved.cfg" || fail "saved by tftp"
cmp "$WORK/tftp/saved.cfg" "$state/flash/saved.cfg" || fail "saved by sftp"
expect 0 '^  context fetched' cli -c "show configuration url $tftp/saved.cfg"
expect 0 '^  context fetched' cli -c "show file url $http/good.cfg"
cli -c "show file url http://ann:Clear-Text-3@${http#http://}/secret/good.cfg | json" | jq -e '.file | contains("ann:****@")' >/dev/null || fail "show file url | json"

# --- what does not
cp "$state/flash/keep" "$WORK/keep"
sum=$(cli -c 'show configuration checksum')
files=$(ls "$state/flash")
cli -c "copy $http/stall /flash/keep -noconfirm" >"$WORK/stalled" 2>&1 & stalled=$!
wrong "^Failure: $http/none: the server answers 404, there is no such file" "copy $http/none /flash/keep -noconfirm"
wrong "^Failure: $http/cut: the file was cut off" "copy $http/cut /flash/keep -noconfirm"
wrong "^Failure: $http/cut: the file was cut off" "configure $http/cut"
wrong "^Failure: $http/big: it is larger than the 1073741824 bytes" "copy $http/big /flash/keep -noconfirm"
wrong "^Failure: $http/endless: it is larger than the 3670016 bytes" "configure $http/endless"
wrong "^Failure: $http/away: the server leads to another protocol" "copy $http/away /flash/keep -noconfirm"
wrong "^Failure: $http/loop: the server leads on and on" "copy $http/loop /flash/keep -noconfirm"
wrong '^Failure: http://127.0.0.1:1/x: Connection refused' 'copy http://127.0.0.1:1/x /flash/keep -noconfirm'
wrong '^Failure: http://no.such.host.invalid/x: the name of the host is not known' 'configure http://no.such.host.invalid/x'
wrong '^Failure: http://ann:\*\*\*\*@.*: the server answers 401, this user or password is refused' \
	"copy http://ann:Clear-Text-9@${http#http://}/secret/good.cfg /flash/keep -noconfirm"
wrong '^Failure: sftp://admin:\*\*\*\*@.*: the server refuses this user or password' "copy sftp://admin:Clear-Text-9@127.0.0.1:$ssh_port/flash/sent /flash/keep -noconfirm"
wrong '^Failure: sftp://.*: there is no such file' "copy $sftp/flash/none /flash/keep -noconfirm"
wrong '^Failure: ftp://.*: there is no such file' "copy $ftp/none /flash/keep -noconfirm"
wrong '^Failure: ftp://ann:\*\*\*\*@.*: the server refuses this user or password' "copy ftp://ann:Clear-Text-9@127.0.0.1:$ftp_port/numbers /flash/keep -noconfirm"
wrong '^Failure: ftp://.*: the server does not take this file' "copy /flash/keep $ftp/sent"
wrong '^Failure: tftp://.*: there is no such file' "copy $tftp/none /flash/keep -noconfirm"
wrong '^Failure: tftp://.*: there is no such file' "configure $tftp/none"
wrong '^Failure: https://.*: the server cannot be verified' "copy $https/numbers /flash/keep -noconfirm"
wrong '^Failure: /flash/none: No such file or directory' "copy /flash/none $http/x"
wrong '^Failure: .*: not a file of /flash, /hd-raid or /usb1' "copy $http/numbers /flash/../keep"
# a host key that is another one than it was
sed -i 's/\(.*\) [A-Za-z0-9+\/=]*$/\1 AAAAC3NzaC1lZDI1NTE5AAAAIKBgE3x8eY1Gv9tOyyEAwLTdXxbnBYpu4gS6eUjuxhhW/;s/ssh-rsa/ssh-ed25519/' "$state/ssh/known_hosts"
wrong '^Failure: sftp://.*: the server cannot be verified' "copy $sftp/flash/sent /flash/keep -noconfirm"
rm "$state/ssh/known_hosts"
cp "$WORK/ca.pem" "$state/flash/fetch-ca.pem"
expect 0 '^Transferred' cli -c "copy $https/numbers /hd-raid/by-https"
rm "$state/flash/fetch-ca.pem"

# a server that hangs: Ctrl-C ends it at once, else its time
python3 - "$ORRERY" "$http" >"$WORK/hang" 2>&1 <<'PY' || fail "Ctrl-C: $(cat "$WORK/hang")"
import sys, time, pexpect
c = pexpect.spawn(sys.argv[1], ["cli", "--name", "A"], encoding="utf-8", timeout=10)
c.expect("# ")
c.sendline("copy %s/hang /flash/keep -noconfirm" % sys.argv[2])
c.expect("copy .*\r\n")
began = time.time()
c.sendintr()
c.expect("Failure: .*/hang: interrupted")
assert time.time() - began < 5
c.expect("# ")
PY
wait $stalled && fail "a transfer that stalls is a success"
grep -q "^Failure: $http/stall: no answer in time" "$WORK/stalled" || fail "a server that stalls: $(cat "$WORK/stalled")"
cmp -s "$WORK/keep" "$state/flash/keep" || fail "/flash/keep was changed by a transfer that stalled"

# a boot from another machine; the next priority when there is none
cli -c configure -c "boot system priority 1 image /flash/a config $http/none" -c "boot system priority 2 image /flash/a config http://ann:Clear-Text-3@${http#http://}/secret/good.cfg" -c end ||
	fail "boot priorities"
cli -c 'reload -noconfirm' 2>/dev/null
within 60 sh -c "'$ORRERY' cli --name A -c 'show boot initial-config' | grep -q 'ann:+O.*good.cfg'"
expect 0 'context fetched' cli -c 'show configuration'

# --- lists of peers: fetched when they are configured, and again by command; the list before it counts when that fails
printf 'fqdn "a.example"\r\n' >"$WORK/tftp/black.txt"
expect 0 '^$' cli -c configure -c "crypto blacklist file $tftp/black.txt"
within 10 sh -c "'$ORRERY' cli --name A -c 'show crypto blacklist file' | grep -q 'fqdn \"a.example\"'"
printf 'fqdn "b.example"\n' >"$WORK/tftp/black.txt"
expect 0 '^$' cli -c 'crypto blacklist file update'
expect 0 '^fqdn "b.example"' cli -c 'show crypto blacklist file'
printf 'mac "00:11"\n' >"$WORK/tftp/black.txt"
expect 1 "^Failure: $tftp/black.txt: line 1: no type of identity: \"mac\"; the list before it counts" cli -c 'crypto blacklist file update'
expect 0 '^fqdn "b.example"' cli -c 'show crypto blacklist file'
printf 'key-id "0x0102"\n' >"$WORK/www/secret-white"
expect 0 '^$' cli -c configure -c "crypto whitelist file http://ann:Clear-Text-3@${http#http://}/none"
within 10 sh -c "'$ORRERY' cli --name A -c 'show crypto whitelist file' | grep -q 'Last Update Failed : http://ann:[*]*@.*/none: the server answers 404'"
expect 0 '^$' cli -c configure -c "crypto whitelist file $http/secret-white"
within 10 sh -c "'$ORRERY' cli --name A -c 'show crypto whitelist file' | grep -q 'key-id \"0x0102\"'"

# no password anywhere
if grep -srqa 'Clear-Text' "$WORK/s" "$WORK/r" --exclude=system.cfg; then
	fail "in clear text: $(grep -rla 'Clear-Text' "$WORK/s" "$WORK/r" --exclude=system.cfg)"
fi
