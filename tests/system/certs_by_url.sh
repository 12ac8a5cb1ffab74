#!/bin/bash
# Certificates, CA certificates, revocation lists and private keys by file or URL (chapter 11): over HTTP, FTP, SFTP, TFTP and LDAP with real servers, and from files
# of the chassis, read when the line is committed, kept by the chassis, private keys sealed; what goes wrong is one line with the reason and changes nothing.
. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin
P=$(dirname "$0")/..
for program in in.tftpd vsftpd slapd; do
	command -v $program >/dev/null || skip "$program is not installed"
done
[ "$(id -u)" = 0 ] || skip "in.tftpd and vsftpd need root"
pids=
at_end() { kill $pids 2>/dev/null; }

# --- certificates: a CA with a list, ours, and another one that is nobody's
mkdir -p "$WORK/pki" "$WORK/www" "$WORK/tftp" "$WORK/ftp" "$WORK/empty" "$WORK/ldap/db"
ca() {
	openssl ca -batch -notext -config "$WORK/pki/ca.conf" -keyfile "$WORK/pki/ca.key" -cert "$WORK/pki/ca.pem" "$@" 2>/dev/null || fail "openssl ca $*"
}
cd "$WORK/pki" || exit 1
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=db\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\ndefault_days=2\ndefault_crl_days=2\nunique_subject=no\npolicy=p\n[p]\nCN=supplied\n' >ca.conf
: >db
echo 1000 >serial
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
for name in gw other; do
	openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name 2>/dev/null
	ca -in $name.csr -out $name.pem
done
ca -in gw.csr -out renewed.pem
ca -gencrl -out ca.crl
openssl crl -in ca.crl -outform DER -out ca.crl.der
openssl x509 -in ca.pem -outform DER -out ca.der
# 80,000 revoked certificates: a list of more than a megabyte
python3 - <<'PY'
with open("db.long", "w") as f:
    for i in range(80000):
        f.write("R\t340101000000Z\t260101000000Z\t%06X\tunknown\t/CN=x%d\n" % (0x200000 + i, i))
PY
sed 's/database=db/database=db.long/' ca.conf >long.conf
openssl ca -config long.conf -keyfile ca.key -cert ca.pem -gencrl -out long.crl 2>/dev/null && openssl crl -in long.crl -outform DER -out long.crl.der || fail "the long list"
cd "$OLDPWD" || exit 1

# --- servers
set -- $(free_ports tcp udp tcp tcp)
ssh_port=$1 tftp_port=$2 ftp_port=$3 ldap_port=$4
chmod 755 "$WORK" "$WORK/tftp"
cp "$WORK/pki"/*.pem "$WORK/pki"/*.key "$WORK/pki"/*.crl "$WORK/pki"/*.der "$WORK/www"
cp "$WORK/pki"/*.pem "$WORK/pki"/*.crl "$WORK/tftp"
cp "$WORK/pki"/*.pem "$WORK/pki"/*.crl "$WORK/ftp"
chmod 644 "$WORK/tftp"/* "$WORK/ftp"/*
echo 'no certificate' >"$WORK/www/garbage"
head -c 600 "$WORK/pki/ca.pem" >"$WORK/www/half.pem"
head -c 200 "$WORK/pki/ca.der" >"$WORK/www/half.der"
"$P/http_server.py" "$WORK/http" "$WORK/www" 2>/dev/null & pids="$pids $!"
"$P/ldap_server.py" "$WORK/bad" 2>/dev/null & pids="$pids $!"
serve_ftp_and_tftp "$ftp_port" "$tftp_port"
cat >"$WORK/slapd.conf" <<END
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $WORK/ldap/pid
sockbuf_max_incoming 8388608
database mdb
maxsize 104857600
suffix dc=ca
directory $WORK/ldap/db
END
slapadd -f "$WORK/slapd.conf" >"$WORK/slapadd" 2>&1 <<END || fail "slapadd: $(cat "$WORK/slapadd")"
dn: dc=ca
objectClass: dcObject
objectClass: organization
o: ca
dc: ca

dn: ou=root,dc=ca
objectClass: organizationalUnit
objectClass: pkiCA
ou: root
cACertificate;binary:: $(base64 -w0 "$WORK/pki/ca.der")

dn: cn=list,dc=ca
objectClass: cRLDistributionPoint
cn: list
certificateRevocationList;binary:: $(base64 -w0 "$WORK/pki/ca.crl.der")

dn: cn=long,dc=ca
objectClass: cRLDistributionPoint
cn: long
certificateRevocationList;binary:: $(base64 -w0 "$WORK/pki/long.crl.der")
END
slapd -f "$WORK/slapd.conf" -h "ldap://127.0.0.1:$ldap_port" -d 0 2>/dev/null & pids="$pids $!"
cat >"$WORK/A.cfg" <<'CFG'
config
  system hostname A
  context local
    administrator admin password Clear-Text-1 ftp
    server sshd
      subsystem sftp
    #exit
  #exit
  context wsg
    crypto template t ikev2-dynamic
    #exit
  #exit
end
CFG
up A --config "$WORK/A.cfg"
state=$WORK/s/A
flash=$state/flash
"$ORRERY" dial --name A --listen "$ssh_port" & pids="$pids $!"
within 10 test -s "$WORK/http" -a -s "$WORK/bad"
http=http://127.0.0.1:$(cat "$WORK/http")
bad=ldap://127.0.0.1:$(cat "$WORK/bad")
sftp=sftp://admin:Clear-Text-1@127.0.0.1:$ssh_port
tftp=tftp://127.0.0.1:$tftp_port
ftp=ftp://127.0.0.1:$ftp_port
ldap=ldap://127.0.0.1:$ldap_port
cli() {
	"$ORRERY" cli --name A -c 'no timestamps' "$@"
}
line() {
	expect 0 '^$' cli -c configure -c "$@"
}
kept() {
	expect 0 "$1" cli -c 'show configuration'
}
within 20 sh -c "'$ORRERY' cli --name A -c 'show ssh server' | grep -q Listening"
within 10 python3 -c "import socket; socket.create_connection(('127.0.0.1', $ldap_port))" 2>/dev/null

# --- every way a line may name them
cp "$WORK/pki/ca.pem" "$WORK/pki/ca.crl" "$WORK/pki/gw.pem" "$WORK/pki/gw.key" "$flash"
line "certificate name gw pem url $http/gw.pem private-key pem url http://ann:Clear-Text-3@${http#http://}/secret/gw.key"
file=$(cli -c 'show configuration' | grep -o 'certificate name gw pem url /flash/pki/[^ ]*' | cut -d' ' -f6)
cmp "$WORK/pki/gw.pem" "$state$file" || fail "the certificate that is kept: $file"
[ "$(stat -c %a "$state$file")" = 600 ] || fail "mode of $file"
[ "$(stat -c %a "$flash/pki")" = 700 ] || fail "mode of /flash/pki"
kept 'certificate name gw pem url /flash/pki/.* private-key pem encrypted data +O'
n=0
for url in "$http/ca.pem" "$ftp/ca.pem" "$sftp/flash/ca.pem" "$tftp/ca.pem" "$ldap/ou=root,dc=ca" /flash/ca.pem file:/flash/ca.pem; do
	n=$((n + 1))
	line "ca-certificate name root$n pem url $url"
	kept "ca-certificate name root$n pem url /flash/pki/ca-certificate-root$n-"
	expect 0 'Subject *: CN = ca' cli -c "show ca-certificate name root$n"
done
line "ca-certificate name derived der url $http/ca.der"
expect 0 'Subject *: CN = ca' cli -c "show ca-certificate name derived"
n=0
for url in "$http/ca.crl" "$ftp/ca.crl" "$sftp/flash/ca.crl" "$tftp/ca.crl" "$ldap/cn=list,dc=ca" /flash/ca.crl; do
	n=$((n + 1))
	line "ca-crl name list$n pem url $url"
	kept "ca-crl name list$n pem url /flash/pki/ca-crl-list$n-"
	expect 0 'Issuer *: CN = ca' cli -c "show ca-crl name list$n"
done
line "certificate name mine pem url /flash/gw.pem private-key pem url /flash/gw.key"
kept 'certificate name mine pem url /flash/pki/.* private-key pem encrypted data +O'
rm "$flash/gw.pem" "$flash/gw.key" "$flash/ca.pem" "$flash/ca.crl"
line "context wsg" -c "crypto template t ikev2-dynamic" -c "certificate gw" -c "pem url $http/renewed.pem cert-enc cert-hash-url url http://192.0.2.9/renewed.der"
kept 'pem url /flash/pki/pem-url-wsg-t-[^ ]* cert-enc cert-hash-url url http://192.0.2.9/renewed.der'
# all of it can be used, and nothing is stored only
expect 0 'Total 0 warning(s) in this section' cli -c 'show configuration errors'
expect 0 '"stored_only": \[\]' cli -c 'show configuration errors | json'

# --- what is wrong: nothing is changed
sum=$(cli -c 'show configuration checksum')
before=$(ls "$flash/pki")
refused() {
	want=$1
	shift
	expect 1 "$want" cli -c configure -c "$@"
	[ "$(printf '%s\n' "$out" | grep -c .)" -eq 1 ] || fail "more than one line: $out"
	[ "$(cli -c 'show configuration checksum')" = "$sum" ] || fail "the configuration was changed by $*"
}
refused "^Failure: $http/none: the server answers 404" "ca-certificate name root1 pem url $http/none"
refused '^Failure: http://127.0.0.1:1/x: Connection refused' 'ca-crl name list1 pem url http://127.0.0.1:1/x'
refused '^Failure: http://no.such.host.invalid/x: the name of the host is not known' 'ca-crl name list1 pem url http://no.such.host.invalid/x'
refused "^Failure: $ftp/none: there is no such file" "ca-crl name list1 pem url $ftp/none"
refused "^Failure: $tftp/none: there is no such file" "ca-crl name list1 pem url $tftp/none"
refused '^Failure: sftp://admin:\*\*\*\*@.*: the server refuses this user or password' "ca-crl name list1 pem url sftp://admin:Clear-Text-9@127.0.0.1:$ssh_port/flash/x"
refused '^Failure: /flash/none: No such file or directory' 'ca-crl name list1 pem url /flash/none'
refused '^Failure: file:/etc/hostname: not a file of /flash, /hd-raid or /usb1' 'ca-crl name list1 pem url file:/etc/hostname'
refused "^Failure: $http/garbage: not in PEM or DER form" "ca-certificate name root1 pem url $http/garbage"
refused "^Failure: $http/half.pem: not in PEM or DER form" "ca-certificate name root1 pem url $http/half.pem"
refused "^Failure: $http/half.der: not in PEM or DER form" "ca-certificate name root1 der url $http/half.der"
refused "^Failure: $http/gw.pem: issuer is not a CA" "ca-certificate name root1 pem url $http/gw.pem"
refused "^Failure: $http/gw.pem: not in PEM or DER form" "ca-crl name list1 pem url $http/gw.pem"
refused "^Failure: $http/cut: the file was cut off" "ca-crl name list1 der url $http/cut"
refused "^Failure: $http/big: it is larger than the 1048576 bytes" "ca-crl name list1 der url $http/big"
refused "^Failure: $http/endless: it is larger than the 1048576 bytes" "ca-crl name list1 der url $http/endless"
refused "^Failure: $http/endless: it is larger than the 65536 bytes" "certificate name gw der url $http/endless"
refused "^Failure: $http/gw.pem: not in PEM or DER form" "certificate name gw pem url $http/gw.pem private-key pem url $http/gw.pem"
refused '^Failure: private key does not belong to the certificate' "certificate name gw pem url $http/gw.pem private-key pem url $http/other.key"
refused '^Failure: not in PEM or DER form' 'certificate name gw pem data "-----BEGIN CERTIFICATE-----"'
refused "^Failure: ldap://.*: the server finds no such entry" "ca-crl name list1 der url $ldap/cn=none,dc=ca"
refused "^Failure: ldap://.*: the entry has no revocation list" "ca-crl name list1 der url $ldap/ou=root,dc=ca"
refused "^Failure: ldap://.*: the entry has no certificate" "ca-certificate name root1 der url $ldap/cn=list,dc=ca"
refused "^Failure: ldap://.*: it is larger than the" "ca-crl name list1 der url $ldap/cn=long,dc=ca"
refused "^Failure: $bad/cn=big: it is larger than the" "ca-crl name list1 der url $bad/cn=big"
within 10 test -s "$WORK/bad.sent"
[ "$(cat "$WORK/bad.sent")" -lt 20000000 ] || fail "$(cat "$WORK/bad.sent") bytes were taken of a directory that never ends"
refused "^Failure: $bad/cn=cut: " "ca-crl name list1 der url $bad/cn=cut"
refused "^Failure: $bad/cn=junk: " "ca-crl name list1 der url $bad/cn=junk"
refused "^Failure: ldap://127.0.0.1:1/cn=x: Connection refused" "ca-crl name list1 der url ldap://127.0.0.1:1/cn=x"
refused '^Failure: private key does not belong to the certificate' "context wsg" -c "crypto template t ikev2-dynamic" -c "pem url $http/other.pem"
# servers that hang: others go on meanwhile
hung=
for url in "$http/hang" "$http/stall" "$bad/cn=hang"; do
	cli -c configure -c "ca-crl name list1 der url $url" >"$WORK/hang-${url##*/}" 2>&1 & hung="$hung $!"
done
refused "^Failure: $http/none: the server answers 404" "ca-certificate name root1 pem url $http/none"
for pid in $hung; do
	wait "$pid" && fail "a server that hangs is a success"
done
for name in hang stall cn=hang; do
	grep -q '^Failure: .*: no answer in time' "$WORK/hang-$name" || fail "a server that hangs ($name): $(cat "$WORK/hang-$name")"
done
[ "$(cli -c 'show configuration checksum')" = "$sum" ] || fail "the configuration was changed by servers that hang"
within 40 sh -c "[ \"\$(ls '$flash/pki')\" = '$before' ]" || fail "left over in /flash/pki: $(ls "$flash/pki")"
# sixteen of each; the seventeenth is not even fetched
for i in $(seq 9 16); do
	line "ca-certificate name root$i pem url $http/ca.pem"
done
cp "$WORK/pki/ca.pem" "$WORK/www/seventeenth.pem"
expect 1 '16 ca-certificate in the system' cli -c configure -c "ca-certificate name root17 pem url $http/seventeenth.pem"
grep -q seventeenth "$WORK/www/log" && fail "a certificate that is one too many was fetched"
for i in $(seq 9 16); do
	line "no ca-certificate name root$i"
done

# --- in a file: behind the load, until it is there; meanwhile the errors say so. A text that is none is refused with its line
printf 'config\n  ca-certificate name later pem url %s/later.pem\n  ca-crl name local pem url /hd-raid/later.crl\n  ca-certificate name no pem data "x"\nend\n' "$http" >"$flash/later.cfg"
expect 1 '/flash/later.cfg line 4: not in PEM or DER form' cli -c 'configure /flash/later.cfg'
expect 0 "ca-certificate name later: $http/later.pem has not been fetched yet" cli -c 'show configuration errors'
expect 0 "ca-crl name local: /hd-raid/later.crl: No such file or directory" cli -c 'show configuration errors'
cp "$WORK/pki/ca.pem" "$WORK/www/later.pem"
cp "$WORK/pki/ca.crl" "$state/hd-raid/later.crl"
within 30 sh -c "'$ORRERY' cli --name A -c 'show configuration' | grep -q 'name later pem url /flash/pki/'"
within 30 sh -c "'$ORRERY' cli --name A -c 'show configuration' | grep -q 'name local pem url /flash/pki/'"

# --- they outlive the configuration task, the management card and, saved, the chassis, when no server is there any more
kill $pids 2>/dev/null
pids=
shown=$(cli -c 'show configuration')
expect 0 '^$' cli -c 'save configuration /flash/system.cfg -noconfirm'
same() {
	within 60 sh -c "'$ORRERY' cli --name A -c 'show configuration' >'$WORK/now' 2>/dev/null && grep -q '^end' '$WORK/now'"
	[ "$(cli -c 'show configuration')" = "$shown" ] || fail "another configuration after $1: $(cli -c 'show configuration' | diff - <(printf '%s\n' "$shown"))"
	expect 0 'Total 0 warning(s) in this section' cli -c 'show configuration errors'
	expect 0 'Subject *: CN = gw' cli -c 'show certificate name gw'
	expect 0 'Issuer *: CN = ca' cli -c 'show ca-crl name list5'
}
"$ORRERY" fault --name A kill task sct 0 || fail "kill sct"
same "the loss of sct"
"$ORRERY" fault --name A kill card 5 || fail "kill card 5"
same "the loss of the management card"
"$ORRERY" down --name A >/dev/null || fail "down"
up A
same "the loss of the chassis"

# --- the files go with the lines
expect 0 '^$' cli -c configure -c 'no certificate name gw'
within 30 test ! -e "$state$file"
pem=$(ls "$flash/pki" | grep '^pem-url')
expect 0 '^$' cli -c configure -c 'no context wsg'
within 30 test ! -e "$flash/pki/$pem"
# no key and no password lies about
secret=$(sed -n 3p "$WORK/pki/gw.key")
grep -srqa -e "$secret" -e Clear-Text "$WORK/s" "$WORK/r" --exclude=A.cfg && fail "in clear text: $(grep -srla -e "$secret" -e Clear-Text "$WORK/s" "$WORK/r" --exclude=A.cfg)"
exit 0
