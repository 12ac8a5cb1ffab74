#!/bin/bash
# The rules of the chaos test's checker, each on a broken history; then twenty seeds, always the same ones, on two
# chassis a processor. More: FIRST=21 make chaos SEEDS=50.
cd "$(dirname "$0")" || exit 1
python3 -B test_check.py 2>&1 | tail -n 20
[ "${PIPESTATUS[0]}" -eq 0 ] || exit 1
JOBS="" exec ./run 20 # not as many as scripts at a time
