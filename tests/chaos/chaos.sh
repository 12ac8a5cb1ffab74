#!/bin/bash
# The rules of the chaos test's checker, each on a broken history; then eight seeds on two chassis. More: make chaos SEEDS=20.
cd "$(dirname "$0")" || exit 1
python3 -B test_check.py 2>&1 | tail -n 20
[ "${PIPESTATUS[0]}" -eq 0 ] || exit 1
exec ./run 8
