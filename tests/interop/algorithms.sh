#!/bin/sh
# Every algorithm strongSwan has as well, one tunnel each: matrix/matrix.py does it, matrix/algorithms.tsv says which.
exec python3 "$(dirname "$0")/matrix/matrix.py" "$@"
