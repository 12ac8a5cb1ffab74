#!/bin/sh
# Without root everything runs in a user namespace; where there is none, the message says how to get one.
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || skip "runs as root, to become somebody else"
command -v setpriv >/dev/null || skip "setpriv is missing"
[ "$(cat /proc/sys/user/max_user_namespaces)" -gt 0 ] || skip "no user namespaces on this machine"
user='setpriv --reuid 65534 --regid 65534 --clear-groups'
$user test -x "$ORRERY" || skip "another user cannot read this tree"
chown -R 65534:65534 "$WORK"
$user "$ORRERY" up --name u1 || fail "up without root"
out=$($user "$ORRERY" cli --name u1 -c 'show card table') || fail "cli without root: $out"
echo "$out" | grep -q Active || fail "$out"
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
