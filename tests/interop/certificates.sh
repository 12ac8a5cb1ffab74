#!/bin/sh
# Certificates with strongSwan: matrix/certs.py makes them with openssl, sets up a lab and tries each row.
exec python3 "$(dirname "$0")/matrix/certs.py" "$@"
