#!/bin/sh
# A CA and two certificates, for strongSwan and for the gateway; then four.conf, which names one, is there to be loaded.
# usage: pki.sh SWANCTL FLASH     their directories
set -e
cd "$1"
mkdir -p "$2/certs"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=root -addext keyUsage=critical,keyCertSign,cRLSign -keyout root.key -out x509ca/root.pem
for name in swan gw; do
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" -addext basicConstraints=critical,CA:FALSE \
		-CA x509ca/root.pem -CAkey root.key -keyout "$name.key" -out "$name.pem"
done
cp swan.pem x509/
cp swan.key private/
cp x509ca/root.pem gw.pem gw.key "$2/certs/"
mv four.conf conf.d/
