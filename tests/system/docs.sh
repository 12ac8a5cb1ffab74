#!/bin/sh
# The references under docs/reference are what the programs print of themselves.
. "$(dirname "$0")/../lib.sh"
out=$("$HERE/../../docs/generate" --check 2>&1) || fail "$(printf '%s\n' "$out" | tail -n 30)"
# … and the table of what was proven with strongSwan names stages that are there.
out=$("$HERE/../interop/matrix/features.py" --check) || fail "$out"
# … and docs/coverage names tests that are there.
out=$("$HERE/../coverage.py") || fail "$out"
