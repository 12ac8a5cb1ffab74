#!/bin/sh
# The product's own command: wrong use is 2, a clear no is 1, and both say why.
. "$(dirname "$0")/../lib.sh"
expect 2 'there is no command "frobnicate"' "$ORRERY" frobnicate
expect 2 'usage: orrery up' "$ORRERY" up --colour red
expect 2 'is not a chassis name' "$ORRERY" up --name ../../etc
expect 2 'is not a chassis name' "$ORRERY" down --name 'a b'
expect 1 'chassis nobody is not up' "$ORRERY" down --name nobody
expect 1 'chassis nobody is not up' "$ORRERY" cli --name nobody -c 'show version'
expect 1 'chassis nobody is not up' "$ORRERY" fault --name nobody kill chassis
expect 2 'the fault is kill, hang, resume' "$ORRERY" fault --name nobody explode card 1
expect 2 'a slot, 1 to 20' "$ORRERY" fault --name nobody kill card 99
expect 1 'no running lab has a link nobody:5/10' "$ORRERY" fault --name nobody cut link 5/10
expect 2 'an instance number' "$ORRERY" fault --name nobody kill task ipsecmgr x
expect 1 'No such file' "$ORRERY" drill /nonexistent.drill
expect 1 'No such file' "$ORRERY" lab up /nonexistent.lab
printf 'lab x\nnonsense\n' >"$WORK/bad.lab"
expect 1 'bad.lab:2: "nonsense"' "$ORRERY" lab up "$WORK/bad.lab"
printf 'stage "a"\nwithin soon\n' >"$WORK/bad.drill"
expect 1 'bad.drill:2: within takes' "$ORRERY" drill "$WORK/bad.drill"
expect 1 'cannot read' "$ORRERY" up --name t1 --config /nonexistent.cfg
expect 0 'usage: orrery COMMAND' "$ORRERY" help
expect 0 '^orrery [0-9]' "$ORRERY" version
"$ORRERY" doctor --json | jq -e '.ok' >/dev/null || fail "doctor --json"
expect 0 'ipsecmgr  *1$' "$ORRERY" plan "$HERE/../../labs/demo/A.cfg"
expect 1 'plan.cfg:2: frobnicate' sh -c "printf 'config\nfrobnicate\nend\n' >$WORK/plan.cfg; exec $ORRERY plan $WORK/plan.cfg"
