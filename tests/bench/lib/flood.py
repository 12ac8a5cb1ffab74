# SPDX-License-Identifier: MIT
"""Group flood: a hostile host floods the gateway while tunnels live on: what it costs, and how late their signs of life are."""
import os
import subprocess
import time

import chassis

COUNT = 200
SECONDS = 8
FLOODER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flooder.py")
FLOODS = (("init", 1000, "IKE_SA_INIT of ever new peers, nothing else", None),
          ("init", 1000, "the same, with a cookie challenge from 100 half-open SAs on",
           "half-open-sess-count start 100 stop 50"),
          ("auth", 1000, "IKE_SA_INIT, and junk as IKE_AUTH for every answer", None),
          ("junk", 10000, "IKE_AUTH for SPIs that do not exist", None),
          ("garbage", 10000, "random bytes", None))


def configure(*lines):
    args = []
    for line in ("configure", "context wsg", "crypto template segw ikev2-dynamic", *lines, "end"):
        args += ["-c", line]
    chassis.orrery("cli", "--name", chassis.NAME, "-e", *args)


def managers(procs):
    return [pid for facility, pid in procs if facility == "ipsecmgr"]


def one(report, peers, kind, rate, what, cookies):
    group = f"flood of {rate:,} packets a second for {SECONDS} s, {COUNT} tunnels"
    report.progress(f"{group}: {what}")
    configure(f"dos cookie-challenge notify-payload {cookies}" if cookies else "no dos cookie-challenge notify-payload")
    procs = chassis.processes()
    kb, cpu = chassis.memory_kb(procs, {"ipsecmgr"}), chassis.cpu_by_facility(procs)
    before = peers.ask("status")
    flood = subprocess.Popen([chassis.ORRERY, "lab", "exec", chassis.Peers.lab, "openssl", "python3", FLOODER, chassis.GATEWAY, kind,
                              str(rate), str(SECONDS)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    times, asked = [], 0
    try:
        time.sleep(1)
        while flood.poll() is None:
            ms, asked = chassis.liveness(peers)
            times.append(ms if ms is not None else 20000.0)
            time.sleep(0.5)
    finally:
        flood.kill()
    sent = int(flood.stdout.read().strip() or 0)
    grown = chassis.memory_kb(procs, {"ipsecmgr"}) - kb
    after = chassis.cpu_by_facility(procs)
    s = peers.ask("status")
    lost = s["downs"] - before["downs"]
    report.add(group, f"{what}: all signs of life answered", max(times), "ms",
               f"worst of {len(times)} rounds of {asked}; {sent} packets sent; {lost} tunnels lost", raw=times)
    used = {f: after[f] - cpu[f] for f in after}
    report.add(group, f"{what}: CPU, all tasks", sum(used.values()) / max(sent, 1) * 1e6, "CPU us/packet",
               ", ".join(f"{f} {v / max(sent, 1) * 1e6:.1f}" for f, v in sorted(used.items(), key=lambda x: -x[1])[:3]))
    report.add(group, f"{what}: memory of the ipsecmgrs", grown / 1024, "MB", "growth of RSS, all of them")
    if lost:
        report.fail(what, f"{lost} tunnels lost")


def run(report):
    chassis.orrery("lab", "up", chassis.Peers.lab)
    peers = None
    try:
        peers = chassis.Peers(chassis.GATEWAY, "x25519", "--ping", chassis.SERVER, "--pps", "0.5", count=COUNT)
        peers.wait_up(120)
        configure("keepalive interval 10 timeout 10 num-retry 2", "ikev2-ikesa ddos half-open-sa-timer 5")
        for flood in FLOODS:
            report.guard(flood[2], lambda f=flood: one(report, peers, *f))
    finally:
        if peers:
            peers.stop()
        subprocess.run([chassis.ORRERY, "lab", "down", chassis.Peers.lab], capture_output=True, timeout=30)
