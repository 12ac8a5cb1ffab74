#!/bin/sh
# Our uploader against a real sshd on loopback: the file arrives whole, also into new directories and under names that need escaping; a wrong key, a wrong
# password and a dead receiver are clear errors, soon. Needs no chassis. Usage: bulkstats_sftp.sh [path of the bulkstat task]; exit 0, 1, 77: no sshd here.
set -u
cd "$(dirname "$0")/../.." || exit 1
task=${1:-build/libexec/orrery/bulkstat}
PATH=$PATH:/usr/sbin
sshd=$(command -v sshd) || { echo "skipped: sshd is not installed"; exit 77; }
[ -x "$task" ] || { echo "no $task: build it first"; exit 1; }

dir=$(mktemp -d)
chmod 755 "$dir"
pid=
trap '[ -n "$pid" ] && kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
fails=0
user=$(id -un)
[ "$(id -u)" = 0 ] && mkdir -p /run/sshd

ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$dir/key" && ssh-keygen -q -t ed25519 -N '' -f "$dir/wrong"
cp "$dir/key.pub" "$dir/authorized"
mkdir "$dir/in"
port=$((21000 + $$ % 20000))
for try in 1 2 3 4 5; do
	cat >"$dir/conf" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host
PidFile $dir/pid
AuthorizedKeysFile $dir/authorized
StrictModes no
UsePAM no
PasswordAuthentication yes
PermitRootLogin yes
Subsystem sftp internal-sftp
END
	"$sshd" -D -e -f "$dir/conf" 2>"$dir/log" &
	pid=$!
	for i in $(seq 100); do
		grep -q 'Server listening' "$dir/log" && break 2
		kill -0 $pid 2>/dev/null || break
		sleep 0.05 # waits for a process, not for time
	done
	port=$((port + 1))
done
grep -q 'Server listening' "$dir/log" || { echo "sshd does not start:"; cat "$dir/log"; exit 1; }

ok() {
	echo "ok   $1"
}
fail() {
	echo "FAIL $1"
	fails=$((fails + 1))
}

seq 1 20000 >"$dir/file"
push() {
	"$task" --push sftp "127.0.0.1:$port" "$user" "$@" >"$dir/out" 2>&1
}

push key "$dir/key" "$dir/file" "$dir/in/A_bulkstats_20240305.csv" && cmp -s "$dir/file" "$dir/in/A_bulkstats_20240305.csv" &&
	ok "a file arrives whole" || { fail "upload: $(cat "$dir/out")"; tail -5 "$dir/log"; }
push key "$dir/key" "$dir/file" "$dir/in/new/deeper/x.csv" && cmp -s "$dir/file" "$dir/in/new/deeper/x.csv" &&
	ok "missing directories are made" || fail "directories: $(cat "$dir/out")"
push key "$dir/key" "$dir/file" "$dir/in/with space & 100%.csv" && cmp -s "$dir/file" "$dir/in/with space & 100%.csv" &&
	ok "names are escaped" || fail "names: $(cat "$dir/out")"
push key "$dir/wrong" "$dir/file" "$dir/in/wrong.csv" && fail "a wrong key was accepted" || ok "a wrong key: $(cat "$dir/out")"
push password no-such-password "$dir/file" "$dir/in/wrong.csv" && fail "a wrong password was accepted" || ok "a wrong password: $(cat "$dir/out")"
push key "$dir/key" "$dir/absent" "$dir/in/absent.csv" && fail "an absent file was sent" || ok "no file: $(cat "$dir/out")"
[ -e "$dir/in/wrong.csv" ] && fail "a refused upload left a file"
kill "$pid" && wait "$pid" 2>/dev/null
pid=
push key "$dir/key" "$dir/file" "$dir/in/dead.csv" && fail "a dead receiver was said to have it" || ok "a dead receiver: $(cat "$dir/out")"
exit $((fails > 0))
