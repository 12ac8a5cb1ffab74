# SPDX-License-Identifier: MIT
"""The laboratory of the benchmarks with certificates of today in it: a CA, the gateways' certificate and the peers', RSA with 2,048 bits."""
import glob
import os
import shutil
import subprocess

HERE = os.path.join("tests", "bench")
CHARON_CERTS = (("root.pem", "x509ca"), ("gw.pem", "x509"), ("gw.key", "private"))


def openssl(where, *args):
    p = subprocess.run(("openssl",) + args, cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if p.returncode:
        raise RuntimeError(f"openssl {args[0]}: {p.stdout.strip()[-300:]}")


def make_certs(pki):
    new = ("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2")
    openssl(pki, *new, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name, fqdn in (("gw", "segw.orrery.example"), ("enb", "enb.orrery.example")):
        openssl(pki, *new, "-CA", "root.pem", "-CAkey", "root.key", "-keyout", name + ".key", "-out", name + ".pem", "-subj", "/CN=" + name,
                "-addext", "subjectAltName=DNS:" + fqdn, "-addext", "basicConstraints=critical,CA:FALSE")


def folded(pki, name):
    """As a configuration line has it."""
    with open(os.path.join(pki, name)) as f:
        return f.read().replace("\n", "\\n")


def make(where):
    """The laboratory's files below `where`, made ready. Returns its lab file, and the peers' arguments for certificates."""
    lab, pki = os.path.join(where, "lab"), os.path.join(where, "pki")
    os.makedirs(pki)
    os.makedirs(lab)
    make_certs(pki)
    for name in ("bench.lab", "bench.cfg"):
        with open(os.path.join(HERE, name)) as f:
            text = f.read()
        for cert in ("gw.pem", "gw.key", "root.pem"):
            text = text.replace(f"@{cert}@", folded(pki, cert))
        with open(os.path.join(lab, name), "w") as f:
            f.write(text)
    for charon in glob.glob(os.path.join(HERE, "charon-*")):
        to = os.path.join(lab, os.path.basename(charon))
        shutil.copytree(charon, to)
        for cert, kind in CHARON_CERTS:
            os.makedirs(os.path.join(to, kind), exist_ok=True)
            shutil.copy(os.path.join(pki, cert), os.path.join(to, kind))
    mine = {o: os.path.join(pki, f) for o, f in (("--cert", "enb.pem"), ("--key", "enb.key"), ("--ca", "root.pem"))}
    return os.path.join(lab, "bench.lab"), [a for pair in mine.items() for a in pair]
