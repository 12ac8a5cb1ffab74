# Shared by the scripts of tests/system, interop and chaos: sourced, not run. A private place for run and state directories,
# so that tests disturb no chassis of this machine; everything started here ends with the script.
set -u
ORRERY=${ORRERY:-$(cd "$(dirname "$0")/../.." && pwd)/build/bin/orrery}
HERE=$(cd "$(dirname "$0")" && pwd)
WORK=$(mktemp -d /tmp/otXXXXXX)
export ORRERY_RUN=$WORK/r ORRERY_STATE=$WORK/s
mkdir -p "$ORRERY_RUN" "$ORRERY_STATE"
chmod 700 "$WORK" "$ORRERY_RUN"
CHASSIS=
LAB=

# What a script itself has to end, whatever it came to: for it to define anew.
at_end() {
	:
}

# The first line takes the script's own status: nothing may stand before it in a trap. A child of bash that is killed before it has left the
# traps of the script behind comes here as well, and may not end what is the script's.
finish() {
	status=$?
	[ "${BASHPID:-$$}" = $$ ] || exit $status
	at_end
	[ -n "$LAB" ] && "$ORRERY" lab down "$LAB" >/dev/null 2>&1
	for c in $CHASSIS; do
		"$ORRERY" down --name "$c" >/dev/null 2>&1
	done
	if [ $status -ne 0 ] && [ $status -ne 77 ]; then
		for f in "$WORK"/s/*/log/orreryd.log "$WORK"/s/*/log/card-5.log; do
			[ -e "$f" ] && echo "--- $f" && tail -n 8 "$f" | cut -c 1-200
		done
	fi
	# whatever is still there, also when another user of the script started it: the lock names its process
	for l in "$ORRERY_RUN"/*/lock; do
		[ -s "$l" ] && kill -9 "$(cat "$l")" 2>/dev/null
	done
	rm -rf "$WORK"
	exit $status
}
trap finish EXIT
trap 'exit 143' HUP INT TERM

fail() {
	echo "FAILED: $*"
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

# up NAME [ARG]...: boot and remember to take down
up() {
	CHASSIS="$CHASSIS $1"
	"$ORRERY" up --name "$@" || fail "orrery up --name $*"
}

# expect STATUS PATTERN COMMAND...: exit status and a basic regular expression somewhere in its output
expect() {
	want=$1 pattern=$2
	shift 2
	out=$("$@" 2>&1)
	got=$?
	[ $got -eq "$want" ] || fail "exit $got instead of $want: $*: $out"
	printf '%s\n' "$out" | grep -q -- "$pattern" || fail "no \"$pattern\" in the output of $*: $out"
}

# within SECONDS COMMAND...: until it succeeds
within() {
	deadline=$(($(date +%s) + $1))
	shift
	until "$@" >"$WORK/last" 2>&1; do
		[ "$(date +%s)" -le $deadline ] || fail "not within its time: $*: $(tail -n 5 "$WORK/last")"
		timeout 0.05 tail -f /dev/null
	done
	return 0 # not the status of the last wait
}
# Ports of 127.0.0.1 that are free now, one for each argument: tcp or udp.
free_ports() {
	python3 -c 'import socket, sys
s = [socket.socket(type=socket.SOCK_DGRAM if a == "udp" else socket.SOCK_STREAM) for a in sys.argv[1:]]
for x in s: x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))' "$@"
}
# Real servers of $WORK/ftp and $WORK/tftp, for anybody; their numbers go to $pids. usage: serve_ftp_and_tftp FTP_PORT TFTP_PORT [writable]
serve_ftp_and_tftp() {
	mkdir -p "$WORK/empty"
	cat >"$WORK/vsftpd.conf" <<-END
		listen=YES
		listen_address=127.0.0.1
		listen_port=$1
		background=NO
		anonymous_enable=YES
		anon_root=$WORK/ftp
		secure_chroot_dir=$WORK/empty
		seccomp_sandbox=NO
	END
	[ -z "${3:-}" ] || printf '%s\n' anon_upload_enable=YES write_enable=YES >>"$WORK/vsftpd.conf"
	vsftpd "$WORK/vsftpd.conf" &
	pids="$pids $!"
	in.tftpd --foreground --address "127.0.0.1:$2" --secure ${3:+--create} --permissive --user root "$WORK/tftp" &
	pids="$pids $!"
}
