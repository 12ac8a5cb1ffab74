#!/bin/sh
# Without root everything runs in a user namespace; where there is none, the message says how to get one.
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || skip "runs as root, to become somebody else"
command -v setpriv >/dev/null || skip "setpriv is missing"
[ "$(cat /proc/sys/user/max_user_namespaces)" -gt 0 ] || skip "no user namespaces on this machine"
user='setpriv --reuid 65534 --regid 65534 --clear-groups'
$user test -x "$ORRERY" || skip "another user cannot read this tree"
chown -R 65534:65534 "$WORK"
cat >"$WORK/u1.cfg" <<'END'
config
  context local
    administrator admin password Not-Root-1 ftp
    server sshd
      subsystem sftp
    #exit
  #exit
end
END
$user "$ORRERY" up --name u1 --config "$WORK/u1.cfg" || fail "up without root"
out=$($user "$ORRERY" cli --name u1 -c 'show card table') || fail "cli without root: $out"
echo "$out" | grep -q Active || fail "$out"
# logins and files, with nothing but the disks to see
printf '#!/bin/sh\necho Not-Root-1\n' >"$WORK/askpass"
chmod 755 "$WORK/askpass"
ssh="-F none -o BatchMode=no -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o NumberOfPasswordPrompts=1"
login() {
	program=$1
	shift
	# shellcheck disable=SC2086
	$user env HOME="$WORK" SSH_ASKPASS="$WORK/askpass" SSH_ASKPASS_REQUIRE=force \
		"$program" $ssh -o "ProxyCommand=$ORRERY dial --name u1" "$@"
}
within 20 login ssh admin@u1 'show clock'
printf 'put %s /flash/put\nls -1 /\n-ls /usr/bin\n' "$WORK/u1.cfg" >"$WORK/batch"
login sftp -b "$WORK/batch" admin@u1 >"$WORK/out" 2>&1 || fail "sftp without root: $(cat "$WORK/out")"
[ "$(grep -c '^/' "$WORK/out")" -eq 3 ] || fail "more than the disks to see: $(cat "$WORK/out")"
cmp -s "$WORK/u1.cfg" "$WORK/s/u1/flash/put" || fail "the file did not arrive"
expect 1 'needs root' $user "$ORRERY" up --name u2 --port 5/10=eth0
$user "$ORRERY" down --name u1 || fail "down without root"
# a user namespace that allows no more of them, and somebody in it who is not its root
cat >"$WORK/none.py" <<'END'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
ready, go = os.pipe(), os.pipe()
pid = os.fork()
if pid == 0:
    if libc.unshare(0x10000000):
        os._exit(99)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os.setgroups([])
    open("/proc/sys/user/max_user_namespaces", "w").write("0")
    os.setgid(65534)
    os.setuid(65534)
    os.execvp(sys.argv[1], sys.argv[1:])
os.read(ready[0], 1)
for name in ("uid_map", "gid_map"):
    open("/proc/%d/%s" % (pid, name), "w").write("0 0 65536")
os.write(go[1], b"x")
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
expect 1 'sysctl -w user.max_user_namespaces' python3 "$WORK/none.py" "$ORRERY" up --name u3
