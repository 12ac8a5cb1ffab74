#!/bin/sh
# Our trap sender against a real snmptrapd on loopback: numbers, types, order of varbinds, v1 and v2c, and every trap of the table.
# Needs no chassis and no privilege. Usage: snmp_traps.sh [path of the snmp task]; exit 0: good, 1: wrong, 77: no snmptrapd here.
set -u
cd "$(dirname "$0")/../.." || exit 1
snmp=${1:-build/libexec/orrery/snmp}
PATH=$PATH:/usr/sbin
command -v snmptrapd >/dev/null || { echo "skipped: snmptrapd is not installed"; exit 77; }
[ -x "$snmp" ] || { echo "no $snmp: build it first"; exit 1; }

dir=$(mktemp -d)
pid=
trap '[ -n "$pid" ] && kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
log=$dir/log
fails=0

# A free port: the first that snmptrapd can bind.
printf 'disableAuthorization yes\nformat2 %%V|%%v\\n\nformat1 v1 %%N %%w %%q|%%v\\n\n' >"$dir/conf"
port=$((20000 + $$ % 20000))
for try in 1 2 3 4 5; do
	: >"$log"
	MIBS='' snmptrapd -f -C -c "$dir/conf" -On -Oe -t -Lf "$log" -p "$dir/pid" "udp:127.0.0.1:$port" 2>"$dir/err" &
	pid=$!
	for i in $(seq 100); do
		[ -s "$dir/pid" ] && break 2
		kill -0 $pid 2>/dev/null || break
		sleep 0.05 # waits for a process, not for time
	done
	port=$((port + 1))
done
[ -s "$dir/pid" ] || { echo "snmptrapd does not start:"; cat "$dir/err" "$log"; exit 1; }

# wait_for PATTERN: a line of the log, within 5 s.
wait_for() {
	for i in $(seq 100); do
		grep -Eq -- "$1" "$log" && return 0
		sleep 0.05
	done
	return 1
}

expect() {
	if wait_for "$2"; then
		echo "ok   $1"
	else
		echo "FAIL $1: no line matches $2"
		fails=$((fails + 1))
	fi
}

send() {
	"$snmp" --send 127.0.0.1 "$port" "$@" >>"$dir/sent" || { echo "FAIL send $*"; fails=$((fails + 1)); }
}

E=1\\.3\\.6\\.1\\.4\\.1\\.8164
send 2c public ManagerFailure sessmgr 3 1 0
expect "73: number and facility" "\\.1\\.3\\.6\\.1\\.6\\.3\\.1\\.1\\.4\\.1\\.0 = OID: \\.$E\\.2\\.73.*\\.$E\\.1\\.20\\.1\\.1\\.3 = STRING: \"?sessmgr\"?"
expect "73: Unsigned32 is sent as Gauge32, bare column OIDs, MIB order" \
	"1\\.20\\.1\\.1\\.3 = .*1\\.20\\.1\\.1\\.2 = Gauge32: 3.*1\\.20\\.1\\.1\\.4 = Gauge32: 1.*1\\.20\\.1\\.1\\.5 = Gauge32: 0"
expect "sysUpTime first" "^[|]?\\|?.*\\.1\\.3\\.6\\.1\\.2\\.1\\.1\\.3\\.0 = Timeticks: .*\\.2\\.73"
send 2c public CardMigrateStart 2 10
expect "1256: the slot twice, from and to" "$E\\.2\\.1256.*1\\.2\\.1\\.1\\.1 = INTEGER: 2.*1\\.2\\.1\\.1\\.1 = INTEGER: 10"
send 2c public SRPConnDown srp 198.51.100.130
expect "1037: an address" "$E\\.2\\.1037.*1\\.31\\.5 = STRING: \"?srp\"?.*1\\.31\\.13 = IpAddress: 198\\.51\\.100\\.130"
send 2c public LoginFailure /dev/pts/1 1 192.0.2.10 1
expect "143: InetAddress as octets" "$E\\.2\\.143.*Hex-STRING: C0 00 02 0A"
send 1 public CardDown 2 52 FLM00000002
expect "v1: enterprise and specific number" "^v1 \\.$E\\.2 6 \\.?60\\|"
send 2c public --all
n=$(awk -F'\t' 'NR > 0' snmp/traps.def | grep -c '^TRAP')
for i in $(seq 100); do
	got=$(grep -oE "4\\.1\\.0 = OID: \\.$E\\.2\\.[0-9]+" "$log" | sort -u | wc -l)
	[ "$got" -ge "$n" ] && break
	sleep 0.05
done
if [ "$got" -ge "$n" ]; then
	echo "ok   all $n traps arrive"
else
	echo "FAIL $got of $n traps arrive"
	fails=$((fails + 1))
fi
[ $fails = 0 ] || head -n 8 "$log"
exit $((fails > 0))
