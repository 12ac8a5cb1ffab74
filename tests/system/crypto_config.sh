#!/bin/sh
# Crypto configuration: every kind of map, template, set and list is stored, shown by its own command, saved and loaded again.
. "$(dirname "$0")/../lib.sh"
up k1
cli() {
	"$ORRERY" cli --name k1 "$@"
}
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$WORK/key" -out "$WORK/pem" -days 2 -subj /CN=gw 2>/dev/null || fail "openssl req"
openssl x509 -in "$WORK/pem" -outform DER -out "$ORRERY_STATE/k1/flash/root.der"
: >"$WORK/db"
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s\ndefault_md=sha256\ndefault_crl_days=2\n' "$WORK/db" >"$WORK/ca.conf"
openssl ca -config "$WORK/ca.conf" -keyfile "$WORK/key" -cert "$WORK/pem" -gencrl -out "$ORRERY_STATE/k1/flash/crl.pem" 2>/dev/null || fail "openssl ca"
# as a line of the configuration holds it
text() {
	awk '{ printf "%s\\n", $0 }' "$1"
}
{
	echo configure
	printf '%s\n' "certificate name gw pem data \"$(text "$WORK/pem")\" private-key pem data \"$(text "$WORK/key")\""
	cat <<'END'
ca-certificate name root der url /flash/root.der
ca-crl name crl pem url /flash/crl.pem
crypto remote-secret-list keys
remote-id id-type fqdn id a.example secret key topsecret
exit
context c
ip access-list acl
permit ip any any
exit
crypto ipsec transform-set t1 ah hmac none esp hmac md5-96 cipher 3des-cbc
exit
ikev1 policy 7
lifetime 120
exit
crypto-group g
match address acl
switchover auto do-not-revert
exit
crypto map one ipsec-isakmp
set peer 192.0.2.9
set isakmp preshared-key topsecret
set transform-set t1
match address acl
match crypto-group g primary
exit
crypto map two ipsec-manual
set transform-set t1
set session-key outbound esp 258 cipher topsecret authenticator topsecret
exit
crypto map three ikev2-ipv6
peer 2001:db8::9
authentication remote pre-shared-key key topsecret
ca-crl list ca-crl-name crl
exit
crypto template v ikev2-vendor
ikev2-ikesa mobike cookie-challenge
exit
crypto vendor-policy vp
precedence 2 vendor-id V2 vendor-template v
precedence 1 vendor-id V1 vendor-template v
exit
crypto template t ikev2-dynamic
authentication pre-shared-key key topsecret
remote-secret-list keys
certificate gw
vendor-policy vp
end
END
} >"$WORK/f"
out=$(cli "$WORK/f" 2>&1) || fail "the lines: $out"
[ -z "$out" ] || fail "lines that succeed print nothing: $out"
in_c() {
	cli -c 'no timestamps' -c 'context c' -c "$@"
}
expect 0 '^  c*acl: permit ip any any' in_c 'show crypto map tag one'
expect 0 'IKE pre-shared key : (Size = 9)' in_c 'show crypto map map-type ipsec-ikev1'
expect 0 'SPI : 0x102 (258)' in_c 'show crypto map type ipsec-manual'
expect 0 'Remote Gateway: 2001:db8::9' in_c 'show crypto map map-type ikev2-ipv6-cfg'
expect 1 'Failure: crypto map none does not exist in context c' in_c 'show crypto map tag none'
expect 0 'Primary Map : one' in_c 'show crypto group name g'
expect 0 'ESP : hmac md5-96, 3des-cbc' in_c 'show crypto ipsec transform-set t1'
expect 0 '1 ISAKMP Policies are configured' in_c 'show crypto isakmp policy'
expect 0 '^  VID V1 vendor template v precedence 1' in_c 'show crypto vendor-policy'
expect 0 'Attached vendor policy: vp' in_c 'show crypto template tag t'
expect 0 'IPSEC IKEv2 Vendor Template' in_c 'show crypto template map-type ikev2-vendor'
expect 1 'Failure: This command is not available yet: ' cli -c 'show cmp history'
cli -c 'show configuration' >"$WORK/one"
grep -q topsecret "$WORK/one" "$ORRERY_STATE"/k1/*.db* && fail "a key in clear"
cli -c 'save configuration /flash/k.cfg -noconfirm' || fail "save"
# nothing is left of it, and everything is there again
out=$(cli -c 'configure' -c 'no context c' -c 'no certificate name gw' -c 'no ca-certificate name root' \
	-c 'no ca-crl name crl' -c 'no crypto remote-secret-list keys' -c 'end' 2>&1)
[ -z "$out" ] || fail "what removes it: $out"
cli -c 'show configuration' | grep -q 'crypto\|certificate' && fail "something is left"
out=$(cli -c 'configure /flash/k.cfg' 2>&1 | grep Failure) && fail "loading it again: $out"
cli -c 'show configuration' >"$WORK/two"
grep -v ' UTC ' "$WORK/one" >"$WORK/a"
grep -v ' UTC ' "$WORK/two" | cmp -s - "$WORK/a" || fail "another configuration: $(diff "$WORK/one" "$WORK/two" | head -8)"
