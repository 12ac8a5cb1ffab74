#!/bin/sh
# Every configuration example and command of the IPSec Reference is accepted, shown and loads again.
# Needs the Reference's text: ORRERY_REFERENCE, or ../shared/seed.
exec "$ORRERY_TESTS/reference/examples.py" build/asan/tests/reference/session "${ORRERY_REFERENCE:-../shared/seed}"
