#!/bin/sh
# What a user's line of the configuration says of logins and sessions: expiry, the console, idle and absolute timeouts.
. "$(dirname "$0")/../lib.sh"
cat >"$WORK/t1.cfg" <<'CFG'
config
  context local
    administrator gone password Secret-123 expiry-date 2020:01:01:00:00
    administrator here password Secret-123 expiry-date 2100:01:01:00:00:00
    administrator remote password Secret-123 noconsole
    operator idle password Secret-123 timeout-idle 1
    inspector short password Secret-123 timeout-absolute 1
    operator aged password Secret-123 max-age 30 exp-warn-interval 30
    operator older encrypted password +BDwgBAAECAwQFBgcICQoLDA0ODwJlMCO4h0pUUVy65Lousu2u_LsF7D2aZKJrxrSoBXDu max-age 30
  #exit
end
CFG
up t1 --config "$WORK/t1.cfg"
cli() {
	"$ORRERY" cli --name t1 "$@"
}
expect 1 'Failure: User gone has expired' cli --user gone -c 'show clock'
expect 0 'UTC' cli --user here -c 'show clock'
expect 1 'Failure: User remote may not log in on the console' cli --user remote -c 'show clock'
cli -c 'show configuration errors' >"$WORK/errors"
grep -q 'operator=aged' "$WORK/errors" && fail "aged: $(cat "$WORK/errors")"
grep -q 'operator=older.*is not known, so that it does not age' "$WORK/errors" || fail "older: $(cat "$WORK/errors")"
cat >"$WORK/dates" <<'END'
configure
context local
operator x password Secret-123 expiry-date 2030:02:30:00:00
operator x password Secret-123 expiry-date 2030:02:28:00:00:61
operator x password Secret-123 expiry-date 2030:02:28
operator x password Secret-123 expiry-date 2028:02:29:23:59
end
END
cli "$WORK/dates" >"$WORK/out" 2>&1 && fail "a date that is none is accepted"
[ "$(grep -c 'line [345]: Failure: Invalid expiry-date 2030' "$WORK/out")" -eq 3 ] || fail "$(cat "$WORK/out")"
expect 0 'expiry-date 2028:02:29:23:59' cli -c 'show configuration'

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$HERE/.. python3 - "$ORRERY" <<'END' || exit 1
import sys
import time
from term import Terminal, fail

for user, why in (("idle", "idle"), ("short", "absolute")):
    t = Terminal([sys.argv[1], "cli", "--name", "t1", "--user", user])
    t.expect(r"\[local\]orrery> $")
    started = time.monotonic()
    t.expect(f"This session was ended by its {why} timeout")
    if time.monotonic() - started < 0.3:
        fail(f"{user} was logged out at once")
    t.gone()

t = Terminal([sys.argv[1], "cli", "--name", "t1", "--user", "aged"])
t.expect(r"Warning: Your password expires in 30 day\(s\)")
t.expect(r"\[local\]orrery> $")
t.send("exit\n")
END
ended() {
	[ "$(cli -c 'show snmp trap history' | grep -c 'CLISessionEnd.*user \(idle\|short\)')" -eq 2 ]
}
within 5 ended
