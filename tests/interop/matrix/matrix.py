#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The algorithm matrix with strongSwan: for each row of algorithms.tsv a tunnel that strongSwan sets up to a chassis, what it
reports of it, pings of two sizes, its rekeys of the child and of the IKE SA, and its end. Four rows share a service. Then the
same algorithms with the chassis as initiator: a crypto map gets them, and a packet for the net behind its peer sets its tunnel up.

usage: matrix.py [--table FILE]     exit 0: every row held, 1: not, 77: something is not installed
Writes the table of results as markdown to FILE, else prints a line per row that failed."""
import os
import re
import sys
import tempfile

from lab import HERE, ORRERY, on, ping, run, until

PER_SERVICE = 4
PEER = "192.0.2.51"  # strongSwan's end of the crypto map, and an address of the net behind it
BEHIND = "10.77.1.1"


def rows():
    with open(os.path.join(HERE, "algorithms.tsv")) as f:
        return [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]


def chassis_config(table):
    out = ["config", "  system hostname M", "  require session recovery"]
    for card in (1, 2, 3):
        out += ["  card %d" % card, "    mode active", "  #exit"]
    out += ["  context wsg", "    interface access", "      ip address 192.0.2.1 255.255.255.0",
            "      crypto-map site"]
    services = (len(table) + PER_SERVICE - 1) // PER_SERVICE
    out += ["      ip address 192.0.2.%d 255.255.255.0 secondary" % (10 + s) for s in range(services)]
    out += ["    #exit", "    interface core", "      ip address 203.0.113.1 255.255.255.0", "    #exit",
            "    ip route 10.77.0.0 255.255.0.0 %s access" % PEER, "    ip access-list site",
            "      permit ip 203.0.113.0 0.0.0.255 10.77.1.0 0.0.0.255", "    #exit",
            "    ip pool ue 10.45.0.0 255.255.0.0 private 0", "    ipsec transform-set esite", "    #exit",
            "    ikev2-ikesa transform-set isite", "    #exit", "    crypto map site ikev2-ipv4", "      match address site",
            "      peer " + PEER, "      authentication local pre-shared-key key the-secret",
            "      authentication remote pre-shared-key key the-secret", "      ikev2-ikesa transform-set list isite",
            "      payload p match ipv4", "        ipsec transform-set list esite", "      #exit", "    #exit"]
    for i, r in enumerate(table):
        out += ["    ipsec transform-set e%d" % i, "      encryption %s" % r[4], "      hmac %s" % r[5],
                "      group %s" % r[6], "    #exit"]
        out += ["    ikev2-ikesa transform-set i%d" % i, "      encryption %s" % r[0], "      hmac %s" % r[1],
                "      prf %s" % r[2], "      group %s" % r[3], "    #exit"]
    for s in range(services):
        mine = range(s * PER_SERVICE, min(len(table), (s + 1) * PER_SERVICE))
        out += ["    crypto template t%d ikev2-dynamic" % s,
                "      authentication local pre-shared-key key the-secret",
                "      authentication remote pre-shared-key key the-secret",
                "      identity local id-type fqdn id segw.orrery.example",
                "      ikev2-ikesa transform-set list %s" % " ".join("i%d" % i for i in mine),
                "      payload ue match childsa match ipv4", "        ip-address-allocation dynamic",
                "        ipsec transform-set list %s" % " ".join("e%d" % i for i in mine),
                "        tsr start-address 203.0.113.0 end-address 203.0.113.255", "      #exit", "    #exit",
                "    wsg-service w%d" % s, "      deployment-mode remote-access",
                "      ip address alloc-method local", "      ip address pool name ue",
                "      bind address 192.0.2.%d crypto-template t%d" % (10 + s, s), "    #exit"]
    out += ["  #exit"]
    for port, interface in ((10, "access"), (11, "core")):
        out += ["  port ethernet 5/%d" % port, "    no shutdown", "    bind interface %s wsg" % interface, "  #exit"]
    return "\n".join(out + ["end", ""])


def swanctl_config(table):
    out = ["connections {"]
    for i, r in enumerate(table):
        out.append("""  r%d {
    version = 2
    local_addrs = 192.0.2.50
    remote_addrs = 192.0.2.%d
    vips = 0.0.0.0
    encap = yes
    mobike = no
    proposals = %s
    local {
      auth = psk
      id = swan
    }
    remote {
      auth = psk
      id = segw.orrery.example
    }
    children {
      r%d {
        mode = tunnel
        remote_ts = 203.0.113.0/24
        esp_proposals = %s
      }
    }
  }""" % (i, 10 + i // PER_SERVICE, r[7], i, r[8]))
    return "\n".join(out) + SITE % (PEER, ",".join(sorted({r[7] for r in table})), ",".join(sorted({r[8] for r in table})), PEER)


SITE = """
  site {
    version = 2
    local_addrs = %s
    remote_addrs = 192.0.2.1
    encap = yes
    mobike = no
    proposals = %s
    local {
      auth = psk
    }
    remote {
      auth = psk
    }
    children {
      site {
        local_ts = 10.77.1.0/24
        remote_ts = 203.0.113.0/24
        esp_proposals = %s
      }
    }
  }
}
secrets {
  ike-site {
    id-1 = %s
    id-2 = 192.0.2.1
    secret = the-secret
  }
  ike-segw {
    id-1 = swan
    id-2 = segw.orrery.example
    secret = the-secret
  }
}
"""


LAB = """lab matrix
network access
network core
chassis M profile asr5500-lab config M.cfg
port M 5/10 access
port M 5/11 core
host swan access 192.0.2.50/24
host server core 203.0.113.10/24 gateway 203.0.113.1
server strongswan swan conf swan
"""


def list_sas(lab, name):
    return on(lab, "swan", "swanctl --list-sas --ike " + name)[1]


def spis(text):
    """(IKE SPIs, ESP SPIs) of the established SAs in swanctl's listing."""
    ike = re.findall(r"ESTABLISHED.*?, ([0-9a-f]{16})_i\*? ([0-9a-f]{16})_r", text)
    return ike, re.findall(r"^ +(?:in|out) +([0-9a-f]{8})", text, re.M)


def try_row(lab, i, r):
    """None, or what went wrong."""
    name = "r%d" % i
    status, out = on(lab, "swan", "swanctl --initiate --child " + name)
    if status:
        return "not set up: " + out.strip().splitlines()[-1]
    first = list_sas(lab, name)
    if r[9] not in first:
        return "IKE SA is not %s" % r[9]
    if "ESP:" + r[10] not in first:
        return "child SA is not %s" % r[10]
    for size in (56, 1200):
        if not ping(lab, "swan", size):
            return "ping of %d bytes is not answered" % size
    for kind, which in (("child", 1), ("ike", 0)):
        before = spis(list_sas(lab, name))[which]
        status, out = on(lab, "swan", "swanctl --rekey --%s %s" % (kind, name))
        if status:
            return "%s rekey refused" % kind
        new = until(lambda: [x for x in spis(list_sas(lab, name))[which] if x not in before])
        if not new:
            return "%s rekey made no new SA" % kind
        if not ping(lab, "swan"):
            return "no traffic after the %s rekey" % kind
    status, out = on(lab, "swan", "swanctl --terminate --ike " + name)
    if status:
        return "not ended: " + out.strip().splitlines()[-1]
    return None


def try_map(lab, r):
    """The same with the chassis as initiator: None, or what went wrong."""
    lines = ["configure", "context wsg", "ikev2-ikesa transform-set isite", "encryption " + r[0], "hmac " + r[1], "prf " + r[2],
             "group " + r[3], "exit", "ipsec transform-set esite", "encryption " + r[4], "hmac " + r[5], "group " + r[6], "end",
             "clear crypto security-association tag site -noconfirm"]
    status, out = run(ORRERY, "cli", "--name", "M", "-e", *[x for line in lines for x in ("-c", line)])
    if status:
        return "not configured: " + out.strip().splitlines()[-1]
    if not until(lambda: not list_sas(lab, "site").strip()):
        return "the tunnel before is still there"
    if not until(lambda: on(lab, "server", "ping -c 3 -i 0.1 -W 0.2 " + BEHIND)[0] == 0):
        return "not set up, or ping is not answered"
    sas = list_sas(lab, "site")
    if r[9] not in sas:
        return "IKE SA is not %s" % r[9]
    if "ESP:" + r[10] not in sas:
        return "child SA is not %s" % r[10]
    if not re.search(r"[0-9a-f]{16}_i [0-9a-f]{16}_r\*", sas):
        return "strongSwan began"
    if on(lab, "server", "ping -c 2 -i 0.2 -W 1 -s 1200 " + BEHIND)[0]:
        return "ping of 1200 bytes is not answered"
    return None


def write_table(path, results):
    with open(path, "w") as f:
        f.write("# Proven with strongSwan\n\nWritten by `make interop`. In each row strongSwan sets up a tunnel with these algorithms, "
                "pings through it in two sizes,\nrekeys the child SA and the IKE SA, pings again and ends it. Then the chassis is the initiator: "
                "a packet for the net\nof a crypto map's peer sets the tunnel up.\n\n"
                "| IKE | ESP | group of child rekeys | strongSwan begins | the chassis begins |\n|---|---|---|---|---|\n")
        for r, first, second in results:
            f.write("| %s | %s | %s | %s | %s |\n" % (r[9], r[10], r[6], first or "passed", second or "passed"))


def main():
    table, results = rows(), []
    with tempfile.TemporaryDirectory(prefix="om") as work:
        os.environ.setdefault("ORRERY_RUN", work + "/r")
        os.environ.setdefault("ORRERY_STATE", work + "/s")
        for d in (os.environ["ORRERY_RUN"], os.environ["ORRERY_STATE"], work + "/swan"):
            os.makedirs(d, mode=0o700, exist_ok=True)
        for name, text in (("M.cfg", chassis_config(table)), ("matrix.lab", LAB), ("swan/swanctl.conf", swanctl_config(table))):
            with open(os.path.join(work, name), "w") as f:
                f.write(text)
        lab = work + "/matrix.lab"
        status, out = run(ORRERY, "lab", "up", lab, timeout=60)
        if status:
            print(out.strip())
            return 77 if "apt-get install" in out else 1
        try:
            on(lab, "swan", "ip addr add %s/24 dev eth0 && ip addr add %s/32 dev lo && ip route add 203.0.113.0/24 via 192.0.2.1 src %s"
               % (PEER, BEHIND, BEHIND))
            for i, r in enumerate(table):
                results.append((r, try_row(lab, i, r), try_map(lab, r)))
                if sys.stdout.isatty():
                    print("%-60s %s, %s" % (r[9], results[-1][1] or "passed", results[-1][2] or "passed"))
        finally:
            run(ORRERY, "lab", "down", lab, timeout=60)
    if len(sys.argv) == 3 and sys.argv[1] == "--table":
        write_table(sys.argv[2], results)
    bad = [(r, problem) for r, *problems in results for problem in problems if problem]
    for r, problem in bad:
        print("%s | %s: %s" % (r[9], r[10], problem))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
