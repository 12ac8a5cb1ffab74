#!/bin/sh
# The other profiles boot too: a single virtual card, and the full ASR 5500.
. "$(dirname "$0")/../lib.sh"
up v1 --profile vpc-si
expect 0 'Card Type' "$ORRERY" cli --name v1 -c 'show card table'
expect 1 'Failure: Invalid slot number 3; the legal range is 1 to 1' "$ORRERY" cli --name v1 -c 'card halt 3 -noconfirm'
expect 1 'Failure: This chassis has no fabric cards' "$ORRERY" cli --name v1 -c 'show fabric status'
"$ORRERY" down --name v1 || fail "down"
up d1 --profile vpc-di
expect 0 '1: CFC  *Control Function Virtual Card  *Active  *No' "$ORRERY" cli --name d1 -c 'show card table'
expect 0 '6: FC  *1-Port Service Function Virtual Card  *Standby' "$ORRERY" cli --name d1 -c 'show card table'
expect 1 'Failure: This chassis has no fan trays' "$ORRERY" cli --name d1 -c 'show fans'
"$ORRERY" down --name d1 || fail "down"
up f1 --profile asr5500-full
expect 0 'Active' "$ORRERY" cli --name f1 -c 'show card table'
expect 1 'there is no profile' "$ORRERY" up --name x1 --profile asr9000
