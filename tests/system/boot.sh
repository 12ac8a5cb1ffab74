#!/bin/sh
# Boot of the lab profile: all cards up in time, one chassis of a name, a clean end, and a state directory that survives.
. "$(dirname "$0")/../lib.sh"
start=$(date +%s%N)
up t1
ms=$((($(date +%s%N) - start) / 1000000))
echo "up after $ms ms"
[ $ms -lt 10000 ] || fail "the boot took $ms ms"
expect 1 'chassis t1 is already up' "$ORRERY" up --name t1
expect 0 ': all cards up' "$ORRERY" status --name t1
[ "$("$ORRERY" status --name t1 --json | jq -r '[.cards[] | select(.type == "DPC2")] | length')" = 4 ] || fail "four DPC2"
expect 0 'hatsystem' "$ORRERY" ps --name t1
expect 0 'Management & 20x10Gb I/O Card *Active' "$ORRERY" cli --name t1 -c 'show card table'
expect 0 'Image Version' "$ORRERY" cli --name t1 -c 'show version'
"$ORRERY" down --name t1 || fail "down"
expect 1 'chassis t1 is not up' "$ORRERY" status --name t1
up t1
expect 0 'Card Type' "$ORRERY" cli --name t1 -c 'show card table'
