#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Authentication by certificate with strongSwan: RSA and ECDSA, PKCS #1 and PSS, with RFC 7427 and without, a chain, auth
sets, certificates by hash and URL, and peers that must be refused (another CA, revoked, expired, somebody else's name); a tunnel that outlives its
ipsecmgr; and what a running chassis fetches by URL: another certificate for a template, another revocation list. The certificates are made with the openssl program, for two days.

usage: certs.py [-v]     exit 0: every row held, 1: not (printed), 77: something is not installed"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

from lab import ORRERY, on, ping, run, until

SERVICES = ("rsa", "ec", "pss", "sets", "url")
WEB = "192.0.2.70"
FILES = "198.51.100.70" # where the chassis itself fetches, by context local


# --- certificates ---

def openssl(work, *args):
    p = subprocess.run(("openssl",) + args, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if p.returncode:
        sys.exit("openssl %s: %s" % (" ".join(args), p.stdout))


def make_key(work, name, kind):
    kinds = {"rsa": ("RSA", "rsa_keygen_bits:2048"), "ec": ("EC", "ec_paramgen_curve:P-256"),
             "ec384": ("EC", "ec_paramgen_curve:P-384")}
    openssl(work, "genpkey", "-algorithm", kinds[kind][0], "-pkeyopt", kinds[kind][1], "-out", name + ".key")


def make_ca(work, name, kind, by=None):
    make_key(work, name, kind)
    with open(os.path.join(work, name + ".db"), "w"), open(os.path.join(work, name + ".srl"), "w") as f:
        f.write("1000\n")
    with open(os.path.join(work, name + ".conf"), "w") as f:
        f.write("[ca]\ndefault_ca = d\n[d]\ndatabase = %s.db\nserial = %s.srl\nnew_certs_dir = .\ndefault_md = sha256\n"
                "default_days = 2\ndefault_crl_days = 2\nunique_subject = no\npolicy = p\n[p]\nCN = supplied\n" % (name, name))
    if by:
        make_cert(work, name, None, by, ext="basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign")
    else:
        openssl(work, "req", "-x509", "-new", "-key", name + ".key", "-days", "2", "-subj", "/CN=" + name, "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-out", name + ".pem")


def make_cert(work, name, kind, ca, san=None, ext="", end=None):
    if kind:
        make_key(work, name, kind)
    openssl(work, "req", "-new", "-key", name + ".key", "-subj", "/CN=" + name, "-out", name + ".csr")
    with open(os.path.join(work, name + ".ext"), "w") as f:
        f.write(ext + ("\nsubjectAltName=" + san if san else "") + "\nsubjectKeyIdentifier=hash\n")
    dates = ("-startdate", "20200101000000Z", "-enddate", end) if end else ()
    openssl(work, "ca", "-batch", "-notext", "-config", ca + ".conf", "-keyfile", ca + ".key", "-cert", ca + ".pem", "-in",
            name + ".csr", "-out", name + ".pem", "-extfile", name + ".ext", *dates)


def make_all(work):
    make_ca(work, "root", "ec")
    make_ca(work, "sub", "rsa", "root")
    make_ca(work, "evil", "ec")
    for name, kind in (("gwrsa", "rsa"), ("gwec", "ec")):
        make_cert(work, name, kind, "sub" if name == "gwrsa" else "root", "DNS:segw.orrery.example")
    make_cert(work, "swanrsa", "rsa", "sub", "DNS:swan")
    make_cert(work, "swanec", "ec384", "root", "DNS:swan")
    make_cert(work, "swanrevoked", "ec", "root", "DNS:swan")
    make_cert(work, "swanevil", "ec", "evil", "DNS:swan")
    make_cert(work, "swanold", "ec", "root", "DNS:swan", end="20200201000000Z")
    revoke(work, "swanrevoked", "root.crl")
    # the same key with another certificate
    shutil.copy(os.path.join(work, "gwrsa.key"), os.path.join(work, "renewed.key"))
    make_cert(work, "renewed", None, "sub", "DNS:segw.orrery.example")


def revoke(work, name, crl):
    for args in (("-revoke", name + ".pem"), ("-gencrl", "-out", crl)):
        openssl(work, "ca", "-config", "root.conf", "-keyfile", "root.key", "-cert", "root.pem", *args)


# --- the two sides ---

BASE = """config
  system hostname C
  require session recovery
  card 1
    mode active
  #exit
  card 2
    mode active
  #exit
  card 3
    mode active
  #exit
  context local
    interface mgmt
      ip address 198.51.100.1 255.255.255.0
    #exit
  #exit
  context wsg
    interface access
      ip address 192.0.2.1 255.255.255.0
%s    #exit
    interface core
      ip address 203.0.113.1 255.255.255.0
    #exit
    ip pool ue 10.45.0.0 255.255.0.0 private 0
  #exit
  port ethernet 5/10
    no shutdown
    bind interface access wsg
  #exit
  port ethernet 5/11
    no shutdown
    bind interface core wsg
  #exit
  port ethernet 5/12
    no shutdown
    bind interface mgmt local
  #exit
end
"""

TEMPLATE = """    crypto template t{0} ikev2-dynamic
{2}      identity local id-type fqdn id segw.orrery.example
      certificate {3}
      ca-certificate list ca-cert-name root
      ca-crl list ca-crl-name root
      ikev2-ikesa cert-sign {4}
      ikev2-ikesa transform-set list ike
      payload ue match childsa match ipv4
        ip-address-allocation dynamic
        ipsec transform-set list esp
        tsr start-address 203.0.113.0 end-address 203.0.113.255
      #exit
    #exit
    wsg-service w{0}
      deployment-mode remote-access
      ip address alloc-method local
      ip address pool name ue
      bind address 192.0.2.{1} crypto-template t{0}
    #exit
"""

BY_CERT = "      authentication local certificate\n      authentication remote certificate\n"


def folded(work, name):
    with open(os.path.join(work, name)) as f:
        return f.read().replace("\n", "\\n")


def settings(work):
    """What a running chassis is told: one certificate in files with its chain, one in the configuration."""
    out = ["configure", "certificate name rsa pem url /flash/certs/gw.pem private-key pem url /flash/certs/gw.key",
           'certificate name ec pem data "%s" private-key pem data "%s"' % (folded(work, "gwec.pem"), folded(work, "gwec.key")),
           "certificate name named pem url /flash/certs/gw.pem private-key pem url /flash/certs/gw.key cert-enc cert-hash-url url "
           "http://%s/gwrsa.der" % WEB,
           "ca-certificate name root pem url /flash/certs/root.pem", "ca-crl name root pem url file:/flash/certs/root.crl",
           "context wsg",
           "    ipsec transform-set esp\n      encryption aes-cbc-128\n      hmac sha2-256-128\n    #exit",
           "    ikev2-ikesa transform-set ike\n      encryption aes-cbc-128\n      hmac sha2-256-128\n      prf sha2-256\n"
           "      group 14\n    #exit",
           "    ikev2-ikesa auth-method-set keys\n      authentication local pre-shared-key key the-secret\n"
           "      authentication remote pre-shared-key key the-secret\n    #exit",
           "    ikev2-ikesa auth-method-set certs\n" + BY_CERT + "    #exit",
           "    ikev2-ikesa auth-method-set mixed\n      authentication local certificate\n"
           "      authentication remote pre-shared-key key other-secret\n    #exit"]
    for i, s in enumerate(SERVICES):
        auth = {"sets": "      ikev2-ikesa auth-method-set list keys certs mixed\n",
                "url": BY_CERT + "      allow-cert-enc cert-hash-url\n"}.get(s, BY_CERT)
        out.append(TEMPLATE.format(s, 10 + i, auth, {"ec": "ec", "url": "named"}.get(s, "rsa"),
                                   "pkcs2.0" if s == "pss" else "pkcs1.5"))
    return "\n".join(out + ["end", ""])


def connection(name, service, cert, local=None, remote="pubkey", local_id="swan"):
    return """  {0} {{
    version = 2
    local_addrs = %any
    remote_addrs = 192.0.2.{1}
    vips = 0.0.0.0
    encap = yes
    mobike = no
    proposals = aes128-sha256-modp2048
    local {{
      auth = {2}
      id = {3}
      {4}
    }}
    remote {{
      auth = {5}
      id = segw.orrery.example
    }}
    children {{
      {0} {{
        mode = tunnel
        remote_ts = 203.0.113.0/24
        esp_proposals = aes128-sha256
      }}
    }}
  }}
""".format(name, 10 + SERVICES.index(service), local or "pubkey", local_id, "certs = %s.pem" % cert if cert else "", remote)


# name, service, certificate of the peer, auth of both sides, what its log tells of the gateway's and of its own signature
GOOD = (
    ("rsa", "rsa", "swanrsa", None, "pubkey", "RSA_EMSA_PKCS1_SHA2_256", "RSA_EMSA_PKCS1_SHA2_256"),
    ("ecdsa", "ec", "swanec", None, "pubkey", "ECDSA_WITH_SHA256_DER", "ECDSA_WITH_SHA384_DER"),
    ("crossed", "ec", "swanrsa", None, "pubkey", "ECDSA_WITH_SHA256_DER", "RSA_EMSA_PKCS1_SHA2_256"),
    ("pss", "pss", "swanrsa", "ike:rsa/pss-sha256", "ike:rsa/pss-sha256", "RSA_EMSA_PSS_SHA2_256_SALT_32", "RSA_EMSA_PSS_SHA2_256_SALT_32"),
    ("bycert", "sets", "swanec", None, "pubkey", "RSA_EMSA_PKCS1_SHA2_256", "ECDSA_WITH_SHA384_DER"),
    ("bykey", "sets", None, "psk", "psk", "pre-shared key", "pre-shared key"),
    ("mixed", "sets", None, "psk", "pubkey", "RSA_EMSA_PKCS1_SHA2_256", "pre-shared key"),
)
# the same without RFC 7427
OLD = (
    ("oldrsa", "rsa", "swanrsa", None, "pubkey", "RSA signature", "RSA signature"), # with the CA between it and the root
    ("oldec", "ec", "swanec", None, "pubkey", "ECDSA-256 signature", "ECDSA-384 signature"),
)
# hash and URL, both ways
URL = (("url", "url", "swanec", None, "pubkey", "RSA_EMSA_PKCS1_SHA2_256", "ECDSA_WITH_SHA384_DER"),)
URL_CONF = """charon {
  hash_and_url = yes
  load = random nonce aes sha1 sha2 md5 hmac kdf xcbc gmp curve25519 gcm ctr openssl gcrypt pem pkcs1 pkcs8 x509 pubkey constraints \
    curl vici kernel-libipsec kernel-netlink socket-default updown
}
"""
AUTHORITY = "authorities {\n  root {\n    cacert = root.pem\n    cert_uri_base = http://%s/by-hash/\n  }\n}\n" % WEB

# name, service, certificate, identity, what the chassis logs
BAD = (
    ("evil", "rsa", "swanevil", "swan", "certificate of an unknown CA"),
    ("revoked", "rsa", "swanrevoked", "swan", "certificate revoked"),
    ("expired", "ec", "swanold", "swan", "certificate expired"),
)


def swan(work, host, rows, bad, keys, conf="", trusts_sub=True, more=""):
    """A strongSwan's directory: its connections, certificates and CAs. Who does not trust the CA in between has to be
    sent it."""
    d = os.path.join(work, host)
    for sub in ("x509", "x509ca", "private"):
        os.makedirs(os.path.join(d, sub))
    text = "connections {\n" + "".join(connection(r[0], r[1], r[2], r[3], r[4], "mixed" if r[0] == "mixed" else "swan")
                                       for r in rows)
    text += "".join(connection(r[0], r[1], r[2], local_id=r[3]) for r in bad)
    text += (RESPONDER if bad else "") + "}\npools {\n  p {\n    addrs = 10.99.0.0/24\n  }\n}\n"
    text += "secrets {\n" + "".join("  ike-%d {\n    id-1 = %s\n    id-2 = segw.orrery.example\n    secret = %s\n  }\n" % (
        i, who, secret) for i, (who, secret) in enumerate(keys)) + "}\n" + more
    for name, content in (("swanctl.conf", text), ("strongswan.conf", conf)):
        with open(os.path.join(d, name), "w") as f:
            f.write(content)
    for c in {r[2] for r in rows + bad if r[2]}:
        shutil.copy(os.path.join(work, c + ".pem"), os.path.join(d, "x509"))
        shutil.copy(os.path.join(work, c + ".key"), os.path.join(d, "private"))
    shutil.copy(os.path.join(work, "root.pem"), os.path.join(d, "x509ca"))
    shutil.copy(os.path.join(work, "sub.pem"), os.path.join(d, "x509ca" if trusts_sub else "x509"))


LAB = """lab certs
network access
network core
network mgmt
chassis C profile asr5500-lab config C.cfg
port C 5/10 access
port C 5/11 core
port C 5/12 mgmt
host swan access 192.0.2.50/24
host oldswan access 192.0.2.51/24
host urlswan access 192.0.2.52/24
host us access 192.0.2.60/24
host web access 192.0.2.70/24
host files mgmt 198.51.100.70/24
host server core 203.0.113.10/24 gateway 203.0.113.1
server strongswan swan conf swan
server strongswan oldswan conf oldswan
server strongswan urlswan conf urlswan
"""


# --- rows ---

def try_good(lab, host, row):
    status, out = on(lab, host, "swanctl --initiate --child " + row[0])
    if status:
        return "not set up: " + " / ".join(out.strip().splitlines()[-4:])
    if "authentication of 'segw.orrery.example' with %s successful" % row[5] not in out:
        return "the gateway did not prove itself by %s: %s" % (row[5], out)
    if "(myself) with %s" % row[6] not in out:
        return "the peer did not prove itself by %s: %s" % (row[6], out)
    if not ping(lab, host):
        return "ping is not answered"
    return None


# strongSwan as responder, our engine as initiator (`orrery peers`): name, our certificate, the CA we believe, who we say
# we are, and does it come up?
TURNED = (
    ("toswan", "swanrsa", "root", "swan", True),
    ("toswan-ec", "swanec", "root", "swan", True),
    ("toswan-dn", "swanec", "root", None, True),
    ("toswan-ca", "swanec", "evil", "swan", False),
    ("toswan-who", "swanec", "root", "somebody", False),
    ("toswan-bad", "swanevil", "root", "swan", False),
)

RESPONDER = """  answer {
    version = 2
    local_addrs = 192.0.2.50
    remote_addrs = 192.0.2.60
    pools = p
    local {
      auth = pubkey
      certs = swanrsa.pem
      id = swan
    }
    remote {
      auth = pubkey
    }
    children {
      answer {
        local_ts = 0.0.0.0/0
      }
    }
  }
"""


def try_turned(lab, work, row):
    """Our engine sets up a tunnel to strongSwan and pings it."""
    args = "--cert %s/%s.chain --key %s/%s.key --ca %s/%s.pem" % (work, row[1], work, row[1], work, row[2])
    if row[3]:
        args += " --local-id " + row[3]
    status, out = on(lab, "us", "'%s' peers --count 1 --server 192.0.2.50 %s --remote-id swan --ike aes128-sha256 --dh modp2048 "
                     "--esp aes128-sha256 --encap --once --tries 1 --timeout 5" % (os.path.abspath(ORRERY), args))
    if status != (0 if row[4] else 1) or "certificates:" in out:
        return ("not set up: " if row[4] else "not refused: ") + out
    return None


def try_url(lab, work):
    """Certificates by hash and URL over HTTP, both ways; then one that is not there, and another one in its place."""
    www = os.path.join(work, "www")
    os.makedirs(www + "/by-hash")
    for cert, name in (("gwrsa", "gwrsa.der"), ("swanec", None)):
        der = os.path.join(work, cert + ".der")
        openssl(work, "x509", "-in", cert + ".pem", "-outform", "DER", "-out", der)
        with open(der, "rb") as f:
            sha1 = hashlib.sha1(f.read()).hexdigest()
        shutil.copy(der, os.path.join(www, name or "by-hash/" + sha1))
    ours = os.path.join(www, "by-hash", sha1)
    log = os.path.join(work, "www.log")
    with open(log, "w") as f:
        web = subprocess.Popen((ORRERY, "lab", "exec", lab, "web", "sh", "-c", "cd '%s' && echo $$ >pid && exec python3 -u -m http.server 80 --bind %s"
                                % (www, WEB)), stdout=f, stderr=f)
    try:
        if not until(lambda: "Serving HTTP" in open(log).read(), 10):
            return "no web server: " + open(log).read()
        problem = try_good(lab, "urlswan", URL[0])
        end(lab, "urlswan", URL[0])
        seen = open(log).read()
        for who, what in (("192.0.2.52", "/gwrsa.der"), ("192.0.2.1", "/by-hash/" + sha1)):
            if not re.search(r"%s\d* .*GET %s .* 200 " % (re.escape(who), what), seen):
                problem = problem or "%s did not fetch %s: %s" % (who, what, seen)
        os.rename(ours, ours + ".away")
        problem = problem or try_bad(lab, "urlswan", ("url", "url", "", "", "its certificate can not be fetched"))
        shutil.copy(os.path.join(work, "gwrsa.der"), ours)
        return problem or try_bad(lab, "urlswan", ("url", "url", "", "", "certificate fetched has another hash"))
    finally:
        run(ORRERY, "lab", "exec", lab, "web", "sh", "-c", "kill $(cat '%s/pid')" % www)
        web.terminate()
        web.wait()


def fetched(line, *where):
    """Types a line that names a file of the server. None or an error."""
    out = cli("no timestamps", "configure", *(where + (line,)))
    return "%s: %s" % (line, out) if out.strip() else None


def try_fetched(lab, work):
    """What a running chassis fetches by HTTP in context local: the certificate of a template for the key it has, which the peer is shown, and a
    revocation list, by which a peer is refused that was let in before. Then the server is gone and the managers die: both still count."""
    www = os.path.join(work, "files")
    os.makedirs(www)
    revoke(work, "swanec", "longer.crl")
    for name in ("renewed.pem", "gwec.pem", "longer.crl"):
        shutil.copy(os.path.join(work, name), www)
    log = os.path.join(work, "files.log")
    template = ("context wsg", "crypto template trsa ikev2-dynamic")
    with open(log, "w") as f:
        web = subprocess.Popen((ORRERY, "lab", "exec", lab, "files", "sh", "-c",
                                "cd '%s' && echo $$ >pid && exec python3 -u -m http.server 80 --bind %s" % (www, FILES)), stdout=f, stderr=f)
    try:
        if not until(lambda: "Serving HTTP" in open(log).read(), 10):
            return "no web server: " + open(log).read()
        out = fetched("pem url http://%s/gwec.pem" % FILES, *template) or ""
        if "private key does not belong to the certificate" not in out:
            return "a certificate for another key: " + out
        problem = fetched("pem url http://%s/renewed.pem" % FILES, *template) or shown_as("renewed", lab)
        problem = problem or fetched("ca-crl name root pem url http://%s/longer.crl" % FILES)
    finally:
        run(ORRERY, "lab", "exec", lab, "files", "sh", "-c", "kill $(cat '%s/pid')" % www)
        web.terminate()
        web.wait()
    problem = problem or refused_soon(lab)
    for instance in ("1", "2"):
        status, out = run(ORRERY, "fault", "--name", "C", "kill", "task", "ipsecmgr", instance)
        problem = problem or (out if status else None)
    problem = problem or shown_as("renewed", lab) or refused_soon(lab)
    problem = problem or fetched("no pem url", *template) or shown_as("gwrsa", lab)
    return problem


def refused_soon(lab):
    """The peer whose certificate is revoked now is refused, as soon as the managers have heard of it."""
    said = [""]

    def is_refused():
        status, said[0] = on(lab, "swan", "swanctl --initiate --child ecdsa")
        end(lab, "swan", ("ecdsa",))
        return status and "AUTHENTICATION_FAILED" in said[0]
    return None if until(is_refused, 30) else "who is revoked was let in: " + said[0]


def shown_as(name, lab):
    """The gateway proves itself to the first peer by the certificate of this name, as soon as it has heard of it."""
    said = [""]

    def is_shown():
        said[0] = on(lab, "swan", "swanctl --initiate --child rsa")[1]
        end(lab, "swan", GOOD[0])
        return 'received end entity cert "CN=%s"' % name in said[0] and "initiate completed successfully" in said[0]
    return None if until(is_shown, 30) else "the peer was not shown %s: %s" % (name, said[0])


def end(lab, host, row):
    on(lab, host, "swanctl --terminate --ike " + row[0])


def try_bad(lab, host, row):
    status, out = on(lab, host, "swanctl --initiate --child " + row[0])
    if not status or "AUTHENTICATION_FAILED" not in out:
        return "not refused: " + out
    want = row[4]
    if not until(lambda: want in cli("show logs"), 5):
        return "the chassis does not say %s" % want
    return None


def cli(*commands):
    args = [ORRERY, "cli", "--name", "C"]
    for c in commands:
        args += ["-c", c]
    return run(*args)[1]


def try_kill(lab):
    """The tunnel of the first row outlives its manager, and is rekeyed."""
    row = GOOD[0]
    problem = try_good(lab, "swan", row)
    for instance in ("1", "2"):
        status, out = run(ORRERY, "fault", "--name", "C", "kill", "task", "ipsecmgr", instance)
        if status:
            problem = problem or out
    if not until(lambda: ping(lab, "swan"), 10):
        problem = problem or "no traffic after the loss of ipsecmgr"
    status, out = on(lab, "swan", "swanctl --rekey --ike " + row[0])
    if status:
        problem = problem or "no rekey after the loss of ipsecmgr"
    end(lab, "swan", row)
    return problem


def try_all(lab):
    results = []
    for host, rows in (("swan", GOOD), ("oldswan", OLD)):
        for r in rows:
            results.append((r[0], try_good(lab, host, r)))
            end(lab, host, r)
    for r in TURNED:
        results.append((r[0], try_turned(lab, os.path.dirname(lab), r)))
    results.append(("url", try_url(lab, os.path.dirname(lab))))
    for r in BAD:
        results.append((r[0], try_bad(lab, "swan", r)))
    text = cli("context wsg", "show crypto statistics ikev2 service-name wrsa")
    bad = "Remote Failures: +%d" % len([r for r in BAD if r[1] == "rsa"])
    results.append(("counters", None if re.search(bad, text) else "the failures were not counted: " + text))
    results.append(("kill", try_kill(lab)))
    results.append(("shown", shown(os.path.dirname(lab))))
    results.append(("fetched", try_fetched(lab, os.path.dirname(lab))))
    return results


def install(work):
    """The files and settings of the running chassis. None or an error."""
    flash = glob.glob(os.environ["ORRERY_RUN"] + "/**/lab-certs/state/C/flash", recursive=True)
    if len(flash) != 1:
        return "the chassis' disk is not there: %s" % flash
    d = os.path.join(flash[0], "certs")
    os.mkdir(d)
    with open(os.path.join(d, "gw.pem"), "w") as f:
        for c in ("gwrsa.pem", "sub.pem"):
            f.write(open(os.path.join(work, c)).read())
    for src, dst in (("gwrsa.key", "gw.key"), ("root.pem", "root.pem"), ("root.crl", "root.crl")):
        shutil.copy(os.path.join(work, src), os.path.join(d, dst))
    with open(os.path.join(work, "settings"), "w") as f:
        f.write(settings(work))
    status, out = run(ORRERY, "cli", "--name", "C", "-e", os.path.join(work, "settings"))
    return "settings refused: " + out if status else None


def shown(work):
    """Does the chassis show of certificates what openssl does? None or what differs."""
    def said(what, *names):
        status, out = run(ORRERY, "cli", "--name", "C", "-c", "show " + what)
        lines = dict(re.findall(r"^ +([^:]+?) *: (.*)$", out, re.M))
        return out if status else None, [lines.get(n) for n in names]

    for command, name in (("certificate name rsa", "gwrsa"), ("ca-certificate name root", "root")):
        problem, got = said(command, "Serial Number", "SHA256 Fingerprint", "Validity Not After", "Subject", "Issuer")
        p = subprocess.run(("openssl", "x509", "-in", name + ".pem", "-noout", "-serial", "-fingerprint", "-sha256", "-enddate",
                            "-subject", "-issuer"), cwd=work, stdout=subprocess.PIPE, text=True)
        want = [line.split("=", 1)[1] for line in p.stdout.splitlines()]
        want[0] = ":".join(re.findall("..", want[0]))
        if problem or got != want:
            return problem or "%s: %s instead of %s" % (command, got, want)
    problem, got = said("ca-crl name root", "Revoked Certificates", "Serial Number", "Status")
    with open(os.path.join(work, "root.db")) as f:
        serial = [":".join(re.findall("..", line.split("\t")[3])) for line in f if line.startswith("R")]
    if problem or got != [str(len(serial)), serial[0], "Valid"]:
        return problem or "ca-crl: %s instead of %s" % (got, serial)
    return None


def main():
    if not shutil.which("openssl"):
        print("openssl is not installed")
        return 77
    with tempfile.TemporaryDirectory(prefix="om") as work:
        os.environ.setdefault("ORRERY_RUN", work + "/r")
        os.environ.setdefault("ORRERY_STATE", work + "/s")
        for d in (os.environ["ORRERY_RUN"], os.environ["ORRERY_STATE"]):
            os.makedirs(d, mode=0o700, exist_ok=True)
        make_all(work)
        keys = (("swan", "the-secret"), ("mixed", "other-secret"))
        for name in ("swanrsa", "swanec", "swanevil"):
            with open(os.path.join(work, name + ".chain"), "w") as f:
                f.write("".join(open(os.path.join(work, c)).read() for c in (name + ".pem", "sub.pem")))
        swan(work, "swan", GOOD, BAD, keys)
        swan(work, "urlswan", URL, (), keys, URL_CONF, False, AUTHORITY)
        swan(work, "oldswan", OLD, (), keys, "charon {\n  signature_authentication = no\n}\n", False)
        more = "".join("      ip address 192.0.2.%d 255.255.255.0 secondary\n" % (10 + i) for i in range(len(SERVICES)))
        for name, text in (("C.cfg", BASE % more), ("certs.lab", LAB)):
            with open(os.path.join(work, name), "w") as f:
                f.write(text)
        lab = work + "/certs.lab"
        status, out = run(ORRERY, "lab", "up", lab, timeout=60)
        if status:
            print(out.strip())
            return 77 if "apt-get install" in out else 1
        try:
            problem = install(work)
            results = [("settings", problem)] if problem else try_all(lab)
        finally:
            run(ORRERY, "lab", "down", lab, timeout=60)
    for name, problem in results:
        if problem or "-v" in sys.argv:
            print("%-10s %s" % (name, problem or "passed"))
    return 1 if any(problem for _, problem in results) else 0


if __name__ == "__main__":
    sys.exit(main())
