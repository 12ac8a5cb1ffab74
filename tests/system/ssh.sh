#!/bin/bash
# Logins by SSH with OpenSSH's own clients: automation's dialogue, users and what they may, keys, wrong passwords, SFTP and the ways
# out of it, clients that hang, flood or talk nonsense, a switchover of the management card.
. "$(dirname "$0")/../lib.sh"
P=$(dirname "$0")/..
command -v ssh >/dev/null && python3 -c 'import pexpect' 2>/dev/null || skip "no OpenSSH client or python3-pexpect"

cat >"$WORK/A.cfg" <<'CFG'
config
  system hostname A
  context local
    administrator admin password Clear-Text-1 ftp
    operator watcher password Clear-Text-2
    inspector looker password Clear-Text-3
    administrator filer password Clear-Text-4 nocli ftp
    administrator keyed nopassword
    operator aged password Clear-Text-1 max-age 30 exp-grace-interval 5
    administrator gone password Clear-Text-1 expiry-date 2020:01:01:00:00
  #exit
end
CFG
cat >"$WORK/askpass" <<'ASK'
#!/bin/sh
echo "$SSHPW"
ASK
chmod 700 "$WORK/askpass"
export SSH_ASKPASS=$WORK/askpass
OPTIONS="-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=$WORK/known -o LogLevel=ERROR -o NumberOfPasswordPrompts=1 -o IdentitiesOnly=yes"
PROXY="ProxyCommand=$ORRERY dial --name A"
state=$WORK/s/A

# as PASSWORD {ssh|sftp} ARG...
as() {
	pw=$1 program=$2
	shift 2
	# shellcheck disable=SC2086
	SSHPW=$pw SSH_ASKPASS_REQUIRE=force "$program" -o BatchMode=no $OPTIONS -o "$PROXY" "$@"
}
cli() {
	for line in "$@"; do echo "$line"; done >"$WORK/lines"
	"$ORRERY" cli --name A -e "$WORK/lines" >"$WORK/out" 2>&1 || fail "$*: $(cat "$WORK/out")"
}
sshd_pid() {
	"$ORRERY" ps --name A --json | jq '[.cards[].processes[] | select(.facility == "sshd" and .state == "active")][0].pid'
}
traps() {
	"$ORRERY" cli --name A -c 'show snmp trap history' | grep -c "$1"
}
now() { date +%s%N; }

up A --config "$WORK/A.cfg"

# off until configured; the RSA key, a second of the processor, is made only then: nothing else is being made now
expect 1 'refused' "$ORRERY" dial --name A
within 5 test -s "$ORRERY_STATE/A/ssh/host_ed25519"
cli 'configure' 'context local' 'ssh generate key type ed25519' 'end'
[ ! -e "$ORRERY_STATE/A/ssh/host_rsa" ] || fail "an RSA key for no server"
cli 'configure' 'context local' 'server sshd' 'subsystem sftp' 'end'
within 20 sh -c "'$ORRERY' cli --name A -c 'show ssh server' | grep -q Listening"

# what automation does
# shellcheck disable=SC2086
SSHPW=Clear-Text-1 timeout 60 "$P/ssh_session.py" clients A admin $OPTIONS -o "$PROXY" admin@A >"$WORK/session" 2>&1 ||
	fail "the clients' session: $(tail -n 5 "$WORK/session")"

# one command, its status; both ways to ask for a password
expect 0 'Image Version' as Clear-Text-1 ssh admin@A 'show version'
expect 0 'UTC' as Clear-Text-1 ssh -o PreferredAuthentications=password admin@A 'show clock'
expect 0 'UTC' as Clear-Text-1 ssh -o PreferredAuthentications=keyboard-interactive admin@A 'show clock'
expect 1 'Unknown command' as Clear-Text-1 ssh admin@A 'show nonsense'
[ "$(as Clear-Text-1 ssh -tt admin@A 'show clock' | tr -d '\r' | wc -l)" -eq 1 ] || fail "a command on a terminal"
printf 'show clock\nshow clock\n' | as Clear-Text-1 ssh -T admin@A >"$WORK/out" || fail "lines without a terminal"
[ "$(grep -c UTC "$WORK/out")" -eq 2 ] || fail "lines without a terminal: $(cat "$WORK/out")"

# who may what
expect 1 'privilege' as Clear-Text-2 ssh watcher@A 'show configuration'
expect 0 'UTC' as Clear-Text-2 ssh watcher@A 'show clock'
expect 1 'privilege' as Clear-Text-3 ssh looker@A 'show task resources'
expect 1 'may not use the command line' as Clear-Text-4 ssh filer@A 'show clock'
for user in keyed nobody gone; do
	expect 255 'denied' as Clear-Text-1 ssh -o PreferredAuthentications=password $user@A 'show clock'
done
expect 0 'UTC' as Clear-Text-1 ssh admin@A 'show clock'

# no password anywhere in clear text, nothing that others may read
if grep -rqa -e 'Clear-Text-[2-4]' "$state" "$WORK/r" --exclude=system.cfg; then
	fail "a password is stored in clear text: $(grep -rla -e 'Clear-Text-[2-4]' "$state" "$WORK/r" --exclude=system.cfg)"
fi
[ -z "$(find "$state" -type f -perm /077)" ] || fail "readable for others: $(find "$state" -type f -perm /077)"

# wrong passwords: a trap each, waiting that grows, and then the right one
before=$(traps LoginFailure)
start=$(now)
for i in 1 2 3; do
	expect 255 'denied' as wrong ssh -o PreferredAuthentications=password admin@A 'show clock'
done
expect 0 'UTC' as Clear-Text-1 ssh admin@A 'show clock'
[ $((($(now) - start) / 1000000)) -ge 1500 ] || fail "wrong passwords do not have to wait"
[ "$(traps LoginFailure)" -eq $((before + 3)) ] || fail "LoginFailure: $before before, $(traps LoginFailure) after"

# a password that grows old: the grace interval, then nobody gets in with it
expect 0 'UTC' as Clear-Text-1 ssh aged@A 'show clock'
"$ORRERY" fault --name A clock +2678400 || fail "31 days"
expect 0 'has to be changed within 4 day' as Clear-Text-1 ssh -tt aged@A <<<exit
"$ORRERY" fault --name A undo clock || fail "undo clock"
"$ORRERY" fault --name A clock +3110400 || fail "36 days"
expect 255 'denied' as Clear-Text-1 ssh -o PreferredAuthentications=password aged@A 'show clock'
within 5 sh -c "'$ORRERY' cli --name A -c 'show logs' | grep -q 'aged from 127.0.0.1: wrong password: it is older than its max-age'"
"$ORRERY" fault --name A undo clock || fail "undo clock"

# where a session is from
expect 0 '^admin .* 127.0.0.1$' as Clear-Text-1 ssh admin@A 'show administrators'
expect 0 '"remote": "127.0.0.1"' as Clear-Text-1 ssh admin@A 'show administrators | json'

# keys
for type in ed25519 "rsa -b 2048"; do
	# shellcheck disable=SC2086
	ssh-keygen -q -t $type -N '' -f "$WORK/${type%% *}" || fail "ssh-keygen"
done
ssh-keygen -q -t ed25519 -N '' -f "$WORK/other" || fail "ssh-keygen"
cli 'configure' 'context local' 'server sshd' \
	"authorized-key username keyed host 0.0.0.0 type ed25519 data $(cut -d' ' -f2 "$WORK/ed25519.pub")" \
	"authorized-key username keyed host 192.0.2.7 type v2-rsa data $(cut -d' ' -f2 "$WORK/rsa.pub")" 'end'
within 5 as '' ssh -o PreferredAuthentications=publickey -i "$WORK/ed25519" keyed@A 'show clock'
expect 255 'denied' as '' ssh -o PreferredAuthentications=publickey -i "$WORK/other" keyed@A 'show clock'
expect 255 'denied' as '' ssh -o PreferredAuthentications=publickey -i "$WORK/rsa" keyed@A 'show clock'
cli 'configure' 'context local' 'server sshd' \
	"authorized-key username keyed host 127.0.0.1 type v2-rsa data $(cut -d' ' -f2 "$WORK/rsa.pub")" 'end'
within 5 as '' ssh -o PreferredAuthentications=publickey -i "$WORK/rsa" keyed@A 'show clock'
expect 255 'denied' as '' ssh -o PreferredAuthentications=publickey -i "$WORK/ed25519" admin@A 'show clock'

# algorithms and ways to log in, as configured; what nobody knows lets nobody in
offers() {
	# shellcheck disable=SC2086
	ssh -v $OPTIONS -o "$PROXY" -o BatchMode=yes "$@" admin@A true 2>&1 | tr -d '\r' | sed -n 's/.*kex: server->client cipher: \([^ ]*\) MAC: \([^ ]*\) .*/\1 \2/p; s/.*kex: algorithm: //p'
}
cli 'configure' 'context local' 'server sshd' 'ciphers aes256-ctr' 'macs hmac-sha2-512' 'kex-algorithms ecdh-sha2-nistp256' \
	'authentication methods publickey' 'end'
offered() {
	[ "$(offers | tr '\n' ' ')" = 'ecdh-sha2-nistp256 aes256-ctr hmac-sha2-512 ' ]
}
within 5 offered
expect 255 'denied' as Clear-Text-1 ssh -o PreferredAuthentications=password admin@A 'show clock'
expect 0 'UTC' as '' ssh -o PreferredAuthentications=publickey -i "$WORK/rsa" keyed@A 'show clock'
expect 255 'denied' as Clear-Text-1 ssh -o PreferredAuthentications=keyboard-interactive admin@A 'show clock'
expect 255 '' as '' ssh -c aes128-ctr -i "$WORK/rsa" keyed@A 'show clock'
cli 'configure' 'context local' 'server sshd' 'ciphers rot13' 'end'
within 5 sh -c "'$ORRERY' cli --name A -c 'show logs' | grep -q 'none of the ciphers rot13'"
expect 255 '' as '' ssh -o PreferredAuthentications=publickey -i "$WORK/rsa" keyed@A 'show clock'
cli 'configure' 'context local' 'server sshd' 'no ciphers' 'no macs' 'no kex-algorithms' 'no authentication methods' 'end'
within 5 as Clear-Text-1 ssh admin@A 'show clock'

# files: to and fro, and no way out
head -c 3000000 /dev/urandom >"$WORK/file"
echo secret >"$WORK/outside"
echo x >"$state/outside"
cat >"$WORK/batch" <<SFTP
put $WORK/file /flash/file
get /flash/file $WORK/back
-put $WORK/outside /outside
-get $state/outside $WORK/escaped1
-get /flash/../../outside $WORK/escaped2
-get /flash/../config.db $WORK/escaped3
-get /etc/passwd $WORK/escaped4
-get /proc/self/environ $WORK/escaped5
-get /dev/null $WORK/escaped6
-symlink /flash/../config.db /flash/link
-symlink ../config.db /flash/link2
-ln /flash/file /hd-raid/link
-mkdir /new
-ls /usr
-rename /flash/file /hd-raid/../../file
ls -1 /
SFTP
as Clear-Text-1 sftp -b "$WORK/batch" admin@A >"$WORK/out" 2>&1 || fail "sftp: $(tail -n 5 "$WORK/out")"
cmp -s "$WORK/file" "$WORK/back" || fail "the file came back changed"
for f in "$WORK"/escaped*; do
	[ -e "$f" ] && fail "$f got out: $(tail -n 20 "$WORK/out")"
done
[ "$(sed -n '/^sftp> ls -1/,$p' "$WORK/out" | grep -c '^/')" -eq 3 ] || fail "more than the disks to see: $(cat "$WORK/out")"
if [ -L "$state/flash/link" ] || [ -L "$state/flash/link2" ] || [ -e "$state/hd-raid/link" ]; then
	fail "links on the disk"
fi
[ "$(cat "$state/outside")" = x ] || fail "a file outside was changed"
[ "$(stat -c %a "$state/flash/file")" = 600 ] || fail "mode of a file that was put"
expect 255 'may not transfer files' as Clear-Text-2 sftp -b /dev/null watcher@A
expect 0 '' as Clear-Text-4 sftp -b /dev/null filer@A

# clients that hang: as many as may, the next is refused, and time ends them
cli 'configure' 'context local' 'server sshd' 'orrery unauthenticated 6' 'orrery login-time 3' 'end'
pids=
mkfifo "$WORK/never"
exec 9<>"$WORK/never" # nothing ever comes out of it
for i in 1 2 3 4 5 6; do
	"$ORRERY" dial --name A <&9 >"$WORK/hang$i" 2>&1 &
	pids="$pids $!"
done
within 10 sh -c "'$ORRERY' cli --name A -c 'show ssh server' | grep -q 'Refused: [1-9]'"
within 15 as Clear-Text-1 ssh admin@A 'show clock'

# a flood and nonsense: bounded memory, the same process, and logins go on
pid=$(sshd_pid)
cli 'configure' 'context local' 'server sshd' 'no orrery unauthenticated' 'no orrery login-time' 'end'
for i in $(seq 1 60); do
	case $((i % 3)) in
	0) head -c 4000 /dev/urandom ;;
	1) printf 'SSH-2.0-%s\r\n' "$i" && head -c 4000 /dev/urandom ;;
	2) printf 'SSH-2.0-x\r\n\0\0\0\14\12\24' && head -c 3000000 /dev/zero ;;
	esac | timeout 5 "$ORRERY" dial --name A >/dev/null 2>&1 &
	pids="$pids $!"
	[ $((i % 10)) -eq 0 ] && within 20 as Clear-Text-1 ssh admin@A 'show clock'
done
for p in $pids; do
	kill "$p" 2>/dev/null
done
within 20 as Clear-Text-1 ssh admin@A 'show clock'
[ "$(sshd_pid)" = "$pid" ] || fail "sshd did not live through it"
rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")
[ "$rss" -lt 131072 ] || fail "sshd has grown to $rss kB"

# the management card dies: a session ends with it, and the next login is on the other one
# shellcheck disable=SC2086
SSHPW=Clear-Text-1 "$P/ssh_session.py" mio A admin $OPTIONS -o "$PROXY" admin@A >"$WORK/mio" 2>&1 &
session=$!
within 15 grep -q ready "$WORK/mio"
cli 'configure' 'context local' 'server sshd' 'max servers 1' 'end'
expect 255 '' as Clear-Text-2 ssh watcher@A 'show clock'
[ "$(traps GlobalCLISessionsLimit)" -eq 1 ] || fail "no trap for too many logins"
cli 'configure' 'context local' 'server sshd' 'no max servers' 'end'
"$ORRERY" fault --name A kill card 5 || fail "fault"
wait $session || fail "the session on the dead card: $(cat "$WORK/mio")"
grep -q 'ended after' "$WORK/mio" || fail "the session did not end: $(cat "$WORK/mio")"
within 20 as Clear-Text-1 ssh admin@A 'show clock'
[ "$(sort -u "$WORK/known" | cut -d' ' -f2 | sort | uniq -d)" = "" ] || fail "another host key after the switchover"
