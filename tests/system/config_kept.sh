#!/bin/bash
# The configuration in memory is the one on the disk: through restarts of its task, an MIO switchover, loaded files and a full disk.
. "$(dirname "$0")/../lib.sh"
[ "$(id -u)" = 0 ] || skip "a small disk needs root"
mkdir "$ORRERY_STATE/t1"
mount -t tmpfs -o size=24m,mode=700 tmpfs "$ORRERY_STATE/t1" || skip "no tmpfs can be mounted here"
unmount() {
	status=$?
	"$ORRERY" down --name t1 >/dev/null 2>&1
	umount -l "$ORRERY_STATE/t1"
	(exit $status)
	finish
}
trap unmount EXIT
up t1
cli() {
	"$ORRERY" cli --name t1 "$@"
}
# what its task has in memory
config() {
	cli -c 'save configuration /flash/now.cfg -noconfirm' >/dev/null && cat "$ORRERY_STATE/t1/flash/now.cfg"
}
cli -c configure -c 'context zebra' -c exit -c 'context ant' -c exit -c 'context mole' -c end || fail "three contexts"
# entering a context again must not make it younger: numbers of contexts are their order
cli -c configure -c 'context zebra' -c 'interface i1' -c 'ip address 192.0.2.1 255.255.255.0' -c end || fail "an interface"
cli -c configure -c 'context ant' -c 'ip access-list a' -c 'permit ip any any' -c 'deny tcp any any' -c 'permit udp any any' -c end || fail "a list"
config >"$WORK/before"
[ "$(grep -o '^  context [a-z]*' "$WORK/before" | tr -s ' \n' ' ')" = " context zebra context ant context mole " ] || fail "order: $(cat "$WORK/before")"
same() {
	config >"$WORK/now" && diff "$WORK/before" "$WORK/now"
}
"$ORRERY" fault --name t1 kill task sct 0
within 5 same
cli -c configure -c 'context mole' -c 'interface i2' -c end || fail "an edit after the restart"
config >"$WORK/before"
"$ORRERY" fault --name t1 kill card 5
within 8 same

# a file of the disk: what it removes is gone, for everybody and after a restart too
printf 'config\nno context ant\ncontext zebra\nno interface i1\ninterface i3\nend\n' >"$ORRERY_STATE/t1/flash/x.cfg"
cli -c 'configure /flash/x.cfg' || fail "configure /flash/x.cfg"
config >"$WORK/before"
grep -q 'context ant\|interface i1' "$WORK/before" && fail "still there: $(cat "$WORK/before")"
grep -q 'interface i3' "$WORK/before" || fail "interface i3 is missing"
"$ORRERY" fault --name t1 kill task sct 0
within 5 same
printf 'config\nfrobnicate\nend\n' >"$ORRERY_STATE/t1/flash/y.cfg"
expect 1 'Failure: .*1 lines* w.* refused' cli -c 'configure /flash/y.cfg'

# a full disk: the operator is told, nothing changes, the saved file stays whole; later all is well again
cli -c 'save configuration /flash/saved.cfg -noconfirm' || fail "save configuration"
cp "$ORRERY_STATE/t1/flash/saved.cfg" "$WORK/saved"
cat /dev/zero >"$ORRERY_STATE/t1/filler" 2>/dev/null
expect 1 'Failure: .*No space left' cli -c 'save configuration /flash/saved.cfg -noconfirm'
cmp "$WORK/saved" "$ORRERY_STATE/t1/flash/saved.cfg" || fail "the saved file is damaged"
long=$(printf 'x%.0s' $(seq 1 70))
for i in $(seq 1 1000); do
	printf 'interface %s\nexit\n' "$i$long"
done >"$WORK/many"
(echo configure && echo context mole && cat "$WORK/many") | cli >"$WORK/out" 2>&1
grep -q 'cannot be stored: No space left' "$WORK/out" || fail "a full disk was not noticed: $(tail -n 3 "$WORK/out")"
rm "$ORRERY_STATE/t1/filler"
again() {
	cli -c configure -c 'context later' -c end
}
within 10 again
config >"$WORK/before"
"$ORRERY" fault --name t1 kill task sct 0
within 5 same
