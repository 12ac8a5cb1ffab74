#!/bin/sh
# The scripted CLI: StarOS's errors, exit statuses, -e, files and pipes; configuration that is kept.
. "$(dirname "$0")/../lib.sh"
up t1
cli() {
	"$ORRERY" cli --name t1 "$@"
}
expect 1 '^Failure: \|Unknown command' cli -c 'frobnicate the chassis'
expect 1 'Failure: ' cli -c 'configure' -c 'context x' -c 'ip pool p 10.0.0.300 255.255.0.0'
expect 1 'Failure: .*60 to 86400' cli -c 'configure' -c 'context x' -c 'ikev2-ikesa transform-set t' -c 'lifetime 5'
out=$(cli -e -c 'bogus' -c 'show version' 2>&1) && fail "-e must exit 1"
printf '%s' "$out" | grep -q 'Image Version' && fail "-e must stop at the first failure"
out=$(cli -c 'configure' -c 'system hostname gw7' -c 'end' 2>&1)
[ -z "$out" ] || fail "a configuration command that succeeds prints nothing: $out"
expect 0 'system hostname gw7' cli -c 'show configuration'
printf 'configure\ncontext blue\ninterface i1\nip address 192.0.2.9 255.255.255.0\nend\n' >"$WORK/f"
cli "$WORK/f" || fail "commands of a file"
printf 'show configuration\n' | cli >"$WORK/out" || fail "commands of a pipe"
grep -q 'ip address 192.0.2.9 255.255.255.0' "$WORK/out" || fail "what the file configured: $(cat "$WORK/out")"
expect 0 '^  context blue' cli -c 'show configuration | grep -E "context blue"'
expect 0 '"slot"' cli -c 'show card table | json'
cli -c 'save configuration /flash/saved.cfg -noconfirm' || fail "save configuration"
grep -q 'context blue' "$ORRERY_STATE/t1/flash/saved.cfg" || fail "the saved file"

# every show without arguments in JSON, with something to show
{
	sed '/^end$/d' "$HERE/../labs/one.cfg"
	printf '  bulkstats mode\n    sample-interval 5\n  #exit\n  context local\n    service-redundancy-protocol\n      priority 10\n    #exit\n  #exit\nend\n'
} >"$WORK/shown.cfg"
cli "$WORK/shown.cfg" || fail "something to show"
out=$("$HERE/../shows.py" "$ORRERY" t1) || fail "shows in JSON: $out"
