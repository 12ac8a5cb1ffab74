# SPDX-License-Identifier: MIT
"""Groups boot, system, recovery and charon: real chassis, simulated peers, and charon beside them, in a private place."""
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import bench_lab
import machine

ORRERY = os.path.abspath("build/bin/orrery")
NAME = "bench"
TUNNELS = 1000
# What is set up: its name, the DH group, by certificate or by pre-shared key.
SETUPS = (("modp2048", "modp2048", False), ("x25519 and RSA-2048", "x25519", True), ("x25519", "x25519", False))
GATEWAY, GATEWAY_CERT, SERVER = "192.0.2.1", "192.0.2.2", "203.0.113.10"
CHARONS = (("openssl", "192.0.2.50", "192.0.2.60", "openssl plugin alone"),
           ("gmp", "192.0.2.51", "192.0.2.61", "gmp with dh_exponent_ansi_x9_42 = no, curve25519, aes, sha2 plugins"))
PEERS = ("--psk", "orrery-bench", "--ike", "aes128-sha256", "--esp", "aes128gcm",
         "--remote-ts", "203.0.113.0/24", "--id-prefix", "enb-")
ECHO_PPS = 10  # a second and tunnel, while something is broken: a gap is seen to the nearest 100 ms

RECOVERY = f"recovery with {TUNNELS:,} tunnels (an echo every {1000 // ECHO_PPS} ms in each; IKE repeats after 100 ms)"


@contextlib.contextmanager
def private_place():
    """Run and state directories of our own, so that no chassis of this machine is disturbed."""
    work = tempfile.mkdtemp(prefix="ob", dir="/tmp")
    os.environ["ORRERY_RUN"], os.environ["ORRERY_STATE"] = work + "/r", work + "/s"
    os.makedirs(work + "/r", mode=0o700)
    os.makedirs(work + "/s")
    try:
        Peers.lab, Peers.certs = bench_lab.make(work)
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def orrery(*args, timeout=90):
    r = subprocess.run([ORRERY, *args], capture_output=True, text=True, timeout=timeout)
    if r.returncode:
        raise RuntimeError(f"orrery {' '.join(args[:3])}: {(r.stderr or r.stdout).strip()[-300:]}")
    return r.stdout


def cli(command):
    return orrery("cli", "--name", NAME, "-c", command)


def until(what, seconds, test, every=0.05):
    """Poll until test() is true; how long it took."""
    start = time.monotonic()
    while not test():
        if time.monotonic() - start > seconds:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(every)
    return time.monotonic() - start


# --- boot ------------------------------------------------------------------------------------------------------

def boot_times(report, times=5):
    for profile in ("asr5500-lab", "vpc-si"):
        took = []
        for i in range(times):
            report.progress(f"boot of {profile}, {i + 1} of {times}")
            start = time.monotonic()
            orrery("up", "--name", NAME, "--profile", profile)
            took.append(time.monotonic() - start)
            orrery("down", "--name", NAME)
        report.add("boot", f"{profile}: power on until every card is up", statistics.median(took), "s",
                   f"median of {times}; {min(took):.2f} to {max(took):.2f}", raw=took)


def all_up():
    return json.loads(orrery("status", "--name", NAME, "--json"))["up"] and ready_for_recovery()


def full_chassis(report, times=3):
    """asr5500-full, eight packet cards of which seven are active: boot, tasks, memory."""
    up, ready, tasks, memory = [], [], 0, 0
    what = "asr5500-full (8 packet and 2 management cards, all fabric cards)"
    for i in range(times):
        report.progress(f"boot of asr5500-full, {i + 1} of {times}")
        start = time.monotonic()
        orrery("up", "--name", NAME, "--profile", "asr5500-full", "--config", os.path.join("tests", "bench", "full.cfg"))
        up.append(time.monotonic() - start)
        until("asr5500-full is ready for recovery", 60, all_up, 0.1)
        ready.append(time.monotonic() - start)
        procs = processes()
        tasks = sum(f not in ("orreryd", "orrery-card") for f, _ in procs)
        memory = sum(machine.pss_kb(p) for _, p in procs) / 1024
        orrery("down", "--name", NAME)
    report.add("boot", f"{what}: power on until every card is up", statistics.median(up), "s",
               f"median of {times}; {min(up):.2f} to {max(up):.2f}; wanted < 5", raw=up)
    report.add("boot", f"{what}: until ready for recovery", statistics.median(ready), "s",
               f"median of {times}; {min(ready):.2f} to {max(ready):.2f}", raw=ready)
    report.add("boot", f"{what}: tasks", tasks, "", "wanted > 200")
    report.add("boot", f"{what}: memory, shared pages divided", memory, "MB", "wanted < 1536")


# --- the chassis and its processes ----------------------------------------------------------------------------

def processes():
    """(facility, pid) of every process of the chassis: backplane, cards, tasks."""
    root = json.loads(orrery("ps", "--name", NAME, "--json"))
    out = [("orreryd", root["pid"])]
    for card in root["cards"]:
        if card.get("pid"):
            out.append(("orrery-card", card["pid"]))
        out += [(p["facility"], p["pid"]) for p in card.get("processes", [])]
    return out


def cpu_by_facility(procs):
    used = {}
    for facility, pid in procs:
        used[facility] = used.get(facility, 0.0) + machine.cpu_s(pid)
    return used


def memory_kb(procs, facilities=None):
    return sum(machine.rss_kb(pid) for f, pid in procs if not facilities or f in facilities)


def ready_for_recovery():
    return re.search(r"Overall Status +: Ready For Recovery", cli("show session recovery status"))


def rest(report, group, what, seconds):
    """CPU time of every process while nobody does anything: run time in ns, so that a busy machine changes it little."""
    procs = processes()
    before, start = cpu_by_facility(procs), time.monotonic()
    time.sleep(seconds)
    after, took = cpu_by_facility(procs), time.monotonic() - start
    used = {f: 100 * (after[f] - before[f]) / took for f in after}
    top = sorted(used.items(), key=lambda x: -x[1])[:5]
    report.add(group, f"{what}: CPU", sum(used.values()), "% of one core",
               "wanted < 3; " + ", ".join(f"{f} {v:.2f}" for f, v in top), raw=used)
    report.add(group, f"{what}: memory, shared pages divided", sum(machine.pss_kb(p) for _, p in procs) / 1024, "MB",
               f"{len(procs)} processes; RSS added up {memory_kb(procs) / 1024:.0f} MB")


def idle(report, settle_s=12, seconds=15):
    """Both chassis without sessions, when what their tasks use is measured as seldom as it ever is."""
    for profile, config in (("asr5500-lab", "idle.cfg"), ("asr5500-full", "full.cfg")):
        report.progress(f"{profile} at rest")
        orrery("up", "--name", NAME, "--profile", profile, "--config", os.path.join("tests", "bench", config))
        try:
            until(f"{profile} is ready for recovery", 60, all_up, 0.1)
            time.sleep(settle_s)
            rest(report, "chassis at rest, no sessions", profile, seconds)
        finally:
            orrery("down", "--name", NAME)


# --- simulated peers ------------------------------------------------------------------------------------------

class Peers:
    """`orrery peers` in the lab's host ran, and its control socket. `lab` and `certs`: see bench_lab.make()."""

    lab, certs = None, []

    def __init__(self, server, dh, *more, count=TUNNELS, lab=None, source="100.64.0.0/16"):
        self.count = count
        self.path = os.path.join(os.environ["ORRERY_RUN"], "lab-bench", "bench.peers")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.start = time.monotonic()
        self.proc = subprocess.Popen(
            [ORRERY, "lab", "exec", lab or self.lab, "ran", ORRERY, "peers", "--count", str(count), "--server", server, "--dh", dh,
             "--source", source, "--control", self.path, "--tries", "10", *PEERS, *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def ask(self, line):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(10)
            s.connect(self.path)
            s.sendall(line.encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                got = s.recv(1 << 20)
                if not got:
                    break
                data += got
        return json.loads(data)

    def wait_up(self, seconds=60):
        def up():
            if self.proc.poll() is not None:
                raise RuntimeError(f"orrery peers ended: {self.proc.stderr.read().strip()[-300:]}")
            if not os.path.exists(self.path):
                return False
            with contextlib.suppress(ConnectionRefusedError):
                s = self.ask("status")
                return s["established"] + s["failed"] == self.count
            return False
        until("all tunnels are up", seconds, up, 0.02)
        return self.ask("status")

    def stop(self):
        if self.proc.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                self.ask("stop")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.proc.wait(15)
        if self.proc.poll() is None:
            self.proc.kill()


def set_up(report, group, procs, server, setup, what):
    """TUNNELS tunnels from nothing: CPU time of these processes for them, rate, memory. Returns the peers, still up."""
    name, dh, by_cert = setup
    report.progress(f"{what}: {TUNNELS} tunnels, {name}")
    kb = {f: memory_kb(procs, {f}) for f, _ in procs}
    before = cpu_by_facility(procs)
    peers = Peers(server, dh, "--ping", SERVER, "--pps", "0.001", *(Peers.certs if by_cert else ()))
    try:
        s = peers.wait_up()
        time.sleep(0.3)  # what is still being written belongs to them
        after = cpu_by_facility(procs)
    except BaseException:
        peers.stop()
        raise
    up = s["established"]
    if not up:
        peers.stop()
        raise RuntimeError(f"{what}, {name}: no tunnel came up")
    used = {f: after[f] - before[f] for f in after}
    total = sum(used.values())
    top = sorted(used.items(), key=lambda x: -x[1])[:5]
    shares = ", ".join(f"{f} {v / up * 1e3:.2f}" for f, v in top) if len(used) > 1 else ""
    missing = "" if up == TUNNELS else f"ONLY {up} OF {TUNNELS} CAME UP; "
    report.add(group, f"{name}: CPU per tunnel, {what}", total / up * 1e3, "CPU ms/tunnel",
               missing + (shares or "one process"), raw={"facilities": used, "peers": s})
    report.add(group, f"{name}: tunnels per CPU second, {what}", up / total if total else None, "tunnels/CPU s")
    report.add(group, f"{name}: set-up rate, {what}", s["setups"] / s["all_up_s"] if s["all_up_s"] else None, "tunnels/s",
               f"wall clock, 64 at a time; {s['setup_ms_avg']:.0f} ms mean, {s['setup_ms_max']:.0f} ms worst")
    grown = {f: memory_kb(procs, {f}) - k for f, k in kb.items()}
    return peers, grown, up


def tunnels(report):
    """Set-up figures of the chassis; leaves the last group's tunnels up."""
    peers = None
    for setup in SETUPS:
        if peers:
            peers.stop()
            until("the tunnels are gone", 30, no_tunnels, 0.2)
        procs = processes()
        first = peers is None
        peers, grown, up = set_up(report, "set-up (chassis, checkpoints on)", procs, GATEWAY_CERT if setup[2] else GATEWAY, setup,
                                  "chassis")
        if first:
            mine = {f: grown.get(f, 0) for f in ("ipsecmgr", "sessmgr", "iftask", "srdb")}
            report.add("set-up (chassis, checkpoints on)", "memory per tunnel: ipsecmgr, sessmgr, iftask, srdb",
                       sum(mine.values()) / up, "KiB/tunnel", "growth of RSS: " + ", ".join(
                           f"{f} {v / up:.2f}" for f, v in mine.items()), raw=grown)
    return peers


def no_tunnels():
    return re.search(r"^Total IKEv2 SAs: +0$", cli("show crypto ikev2-ikesa security-associations summary"), re.M)


# --- traffic --------------------------------------------------------------------------------------------------

def traffic(report, peers, seconds=3):
    for size, pps in ((1400, 15), (60, 15)):
        report.progress(f"echoes of {size} bytes")
        peers.ask(f"size {size}")
        peers.ask(f"pps {pps}")
        time.sleep(1)
        procs = processes()
        peers.ask("mark")
        before, start = cpu_by_facility(procs), time.monotonic()
        time.sleep(seconds)
        s = peers.ask("status")
        after, took = cpu_by_facility(procs), time.monotonic() - start
        used = {f: after[f] - before[f] for f in after}
        mbit = s["received"] * 2 * size * 8 / 1e6
        group = "ESP through the chassis (echoes in 1,000 tunnels, aes-128-gcm; with the kernel's way through both networks and the server's echo)"
        report.add(group, f"{size} B: inner traffic per CPU second of iftask", mbit / used["iftask"], "Mbit/CPU s",
                   f"both directions; {used['iftask'] / max(s['received'], 1) * 5e5:.2f} us a packet", raw={"peers": s, "cpu": used})
        report.add(group, f"{size} B: offered and answered", s["received"] / took, "echoes/s",
                   f"{mbit / took:.0f} Mbit/s in both directions, {s['lost']} lost of {s['sent']};"
                   f" mean {s['rtt_ms_avg']:.1f} ms; chassis {100 * sum(used.values()) / took:.0f} % of one core")
    peers.ask("size 60")


# --- recovery -------------------------------------------------------------------------------------------------

def settle(peers, seconds=30):
    """After a fault: until no gap has grown for a second. The status then."""
    start, last, since = time.monotonic(), None, time.monotonic()
    while time.monotonic() - start < seconds:
        s = peers.ask("status")
        if s["max_gap_ms"] != last:
            last, since = s["max_gap_ms"], time.monotonic()
        if time.monotonic() - since > 1.0 and time.monotonic() - start > 3:
            return s
        time.sleep(0.1)
    return peers.ask("status")


def liveness(peers, fault=None):
    """Every tunnel asks its gateway for a sign of life; ms from the fault (or the question) until all were answered."""
    have = peers.ask("status")["dpd_answers"]
    start = time.monotonic()
    if fault:
        orrery("fault", "--name", NAME, *fault)
    asked = peers.ask("dpd")["started"]
    try:
        until("answers", 20, lambda: peers.ask("status")["dpd_answers"] - have >= asked, 0.01)
    except RuntimeError:
        return None, asked
    return (time.monotonic() - start) * 1e3, asked


def wait_redundant(card=None):
    until("the chassis is ready for recovery", 60, ready_for_recovery, 0.1)
    if card:
        until(f"card {card} is up", 60, lambda: card_is_up(card), 0.1)


class Redundancy(threading.Thread):
    """Looks until the chassis says it is ready for recovery again. `seconds`: when, None before."""

    def __init__(self):
        super().__init__(daemon=True)
        self.begun = time.monotonic()
        self.seconds = None
        self.start()

    def run(self):
        lost = False
        while time.monotonic() - self.begun < 60:
            try:
                ready = ready_for_recovery()
            except (RuntimeError, subprocess.SubprocessError):
                ready = False  # nobody answers the CLI
            if ready and (lost or time.monotonic() - self.begun > 3):
                self.seconds = time.monotonic() - self.begun if lost else 0.0
                return
            lost = lost or not ready
            time.sleep(0.1)


def broken_traffic(report, peers, what, fault):
    """What the tunnels' own traffic sees of a fault."""
    hashed = peers.ask("status")["spi_hash"]
    peers.ask("mark")
    time.sleep(0.5)
    orrery("fault", "--name", NAME, *fault)
    redundancy = Redundancy()
    s = settle(peers)
    hit = [g for g in (p["max_gap_ms"] for p in peers.ask("list")["peers"]) if g > 3 * 1000 / ECHO_PPS]
    redundancy.join()
    ready = "it always said Ready For Recovery"
    if redundancy.seconds != 0.0:
        ready = "Ready For Recovery again " + (f"after {redundancy.seconds:.1f} s" if redundancy.seconds else "NOT WITHIN 60 s")
    same = "same SPIs" if s["spi_hash"] == hashed else "SPIs CHANGED"
    report.add(RECOVERY, f"{what}: longest silence of a tunnel", s["max_gap_ms"], "ms",
               f"{s['lost']} of {s['sent']} echoes lost; {len(hit)} tunnels silent for over {3000 // ECHO_PPS} ms"
               + (f" (median {statistics.median(hit):.0f})" if hit else ""), raw=s)
    report.add(RECOVERY, f"{what}: tunnels lost", s["downs"] + TUNNELS - s["established"], "tunnels",
               f"{same}, {s['seq_reused']} ESP sequence numbers used twice; {ready}")


def broken_ike(report, peers, what, fault):
    """When the IKE side of every tunnel answers again, asked at once after the fault, and again every 100 ms and later."""
    took, asked = liveness(peers, fault)
    report.add(RECOVERY, f"{what}: IKE of every tunnel has answered", took, "ms", f"{asked} liveness checks at once after the"
               " fault" + ("" if took else ": NOT ALL ANSWERED WITHIN 20 s"))


def card_is_up(card):
    for line in cli("show card table").splitlines():
        if line.lstrip().startswith(f"{card}:"):
            return " Active" in line or " Standby" in line
    return False


def evidence(what):
    """Something did not come back: keep what the chassis knows about it."""
    os.makedirs("build/bench", exist_ok=True)
    with open("build/bench/trouble.txt", "a") as f:
        f.write(f"--- {what}, {time.ctime()}\n")
        for argv in (["ps", "--name", NAME], ["cli", "--name", NAME, "-c", "show card table"],
                     ["cli", "--name", NAME, "-c", "show session recovery status verbose"]):
            r = subprocess.run([ORRERY, *argv], capture_output=True, text=True, timeout=30)
            f.write(r.stdout + r.stderr)
        state = os.path.join(os.environ["ORRERY_RUN"], "lab-bench/state/bench/log")
        for name in sorted(os.listdir(state)):
            if name == "orreryd.log" or name.startswith("card-"):
                lines = machine.read(os.path.join(state, name)).splitlines()[-25:]
                f.write(f"--- {name}\n" + "\n".join(lines) + "\n")


# What is broken: for the traffic's sake, and again (its like) for IKE's; and the card to wait for before the second.
FAULTS = (("ipsecmgr killed", ("kill", "task", "ipsecmgr", "1"), ("kill", "task", "ipsecmgr", "2"), None),
          ("iftask killed", ("kill", "task", "iftask", "20"), ("kill", "task", "iftask", "30"), None),
          ("DPC2 killed", ("kill", "card", "2"), ("kill", "card", "3"), 2),
          ("active MIO killed", ("kill", "card", "5"), ("kill", "card", "6"), 5))


def recovery(report, peers):
    peers.ask(f"pps {ECHO_PPS}")
    peers.ask("retransmit 100")
    time.sleep(2)
    peers.ask("mark")
    s = settle(peers)
    report.add(RECOVERY, "nothing broken: longest silence of a tunnel", s["max_gap_ms"], "ms",
               f"{s['lost']} of {s['sent']} echoes lost", raw=s)
    calm, asked = liveness(peers)
    report.add(RECOVERY, "nothing broken: IKE of every tunnel has answered", calm, "ms", f"{asked} liveness checks at once")
    card = None
    for what, first, second, back in FAULTS:
        def one():
            report.progress(f"recovery: {what}")
            wait_redundant(card)
            broken_traffic(report, peers, what, first)
            wait_redundant(back)
            broken_ike(report, peers, what, second)
        if not report.guard(what, one):
            evidence(what)
        card = 3 if back == 2 else None


# --- many tunnels: what the chassis itself says of a failure -------------------------------------------------------

MANY = 10000


def logged(pattern):
    """All that the pattern's groups match in the log of recoveries; nothing while nobody answers the CLI."""
    try:
        return re.findall(pattern, cli("show logs facility hat"))
    except RuntimeError:
        return []


def failure(report, what, fault, pattern, note):
    """The time of the last match of the pattern after the fault; its groups are milliseconds, and how many."""
    wait_redundant()
    time.sleep(3)
    had = len(logged(pattern))
    orrery("fault", "--name", NAME, *fault)
    until(what, 30, lambda: len(logged(pattern)) > had, 0.2)
    found = logged(pattern)[-1]
    ms = found if isinstance(found, str) else found[0]
    report.add(f"recovery with {MANY:,} tunnels, as the chassis tells it", what, float(ms), "ms",
               note if isinstance(found, str) else f"{found[1]} {note}")


def many(report):
    report.progress(f"{MANY} tunnels")
    until("the tunnels before them are gone", 30, no_tunnels, 0.2)
    peers = Peers(GATEWAY, "x25519", "--ping", SERVER, "--pps", "0.001", count=MANY)
    try:
        up = peers.wait_up(240)["established"]
        hashed = peers.ask("status")["spi_hash"]
        failure(report, "ipsecmgr killed: all of its tunnels are back", ("kill", "task", "ipsecmgr", "1"),
                r"ipsecmgr/1 on \S+ is back after (\d+) ms, (\d+) recovered", "recovered, of half of them")
        failure(report, "DPC2 killed: everything of it is active elsewhere", ("kill", "card", "2"),
                r"Migration from card \d+ to card \d+ took (\d+) ms", "ipsecmgr, iftask, sessmgrs and aaamgrs")
        failure(report, "active MIO killed: the other one has taken over", ("kill", "card", "5"),
                r"Switchover from card \d+ to card \d+ took (\d+) ms", "since the backplane saw it end")
        s = peers.ask("status")
        report.add(f"recovery with {MANY:,} tunnels, as the chassis tells it", "tunnels lost in all of it",
                   s["downs"] + up - s["established"], "tunnels",
                   "same SPIs" if s["spi_hash"] == hashed else "SPIs CHANGED")
    finally:
        peers.stop()


def storm(report, count=10000):
    """Every child SA is rekeyed at once while echoes run in all of them."""
    group = f"rekey storm: {count:,} child SAs at once, an echo every 2 s in each"
    report.progress(group)
    peers = Peers(GATEWAY, "x25519", "--ping", SERVER, "--pps", "0.5", count=count)
    try:
        up = peers.wait_up(240)["established"]
        time.sleep(2)
        procs = processes()
        peers.ask("mark")
        had = peers.ask("status")["child_rekeys"]
        before, start = cpu_by_facility(procs), time.monotonic()
        asked = peers.ask("rekey")["started"]
        until("every child SA is rekeyed", 120, lambda: peers.ask("status")["child_rekeys"] - had >= asked, 0.05)
        took = time.monotonic() - start
        after = cpu_by_facility(procs)
        time.sleep(3)  # the last echo of each has come back, or has not
        s = peers.ask("status")
        used = {f: after[f] - before[f] for f in after}
        report.add(group, "all of them rekeyed", took, "s", f"{asked} of {up} tunnels; {asked / took:.0f} rekeys/s",
                   raw={"peers": s, "cpu": used})
        report.add(group, "CPU per rekey", sum(used.values()) / asked * 1e3, "CPU ms/rekey", "with the echoes")
        report.add(group, "echoes lost", s["lost"], "packets",
                   f"of {s['sent']}; {s['downs']} tunnels lost, {s['esp_unknown_spi']} packets under an unknown SPI")
    finally:
        peers.stop()


def scale(report, count=65536, part=5000):
    """As many tunnels as there are ports, checkpoints on: how the rate and the memory hold."""
    group = f"{count:,} tunnels at once (asr5500-full, checkpoints on)"
    lab = os.path.abspath("tests/bench/scale.lab")
    orrery("lab", "up", lab)
    peers = None
    try:
        until("asr5500-full is ready for recovery", 60, ready_for_recovery, 0.1)
        procs = processes()
        kb = {f: memory_kb(procs, {f}) for f, _ in procs}
        peers = Peers(GATEWAY, "x25519", "--ping", SERVER, "--pps", "0.001", count=count, lab=lab,
                      source="100.64.0.0/14")
        marks = {}

        def reached():
            s = peers.ask("status") if os.path.exists(peers.path) else None
            if not s:
                return False
            for n in (1, part, count - part, count):
                if n not in marks and s["established"] >= n:
                    marks[n] = (s["established"], time.monotonic())
            report.progress(f"{group}: {s['established']}")
            return s["established"] + s["failed"] >= count
        peers.proc.poll()
        until("the control socket is there", 10, lambda: os.path.exists(peers.path), 0.02)
        time.sleep(0.2)
        until("all tunnels are up", 600, reached, 0.05)
        s = peers.ask("status")
        grown = {f: memory_kb(procs, {f}) - k for f, k in kb.items()}
        report.add(group, "established", s["established"], "tunnels", f"in {s['all_up_s']:.0f} s; {s['failed']} failed")
        if s["established"] == count:
            rates = [(marks[b][0] - marks[a][0]) / (marks[b][1] - marks[a][1]) for a, b in ((1, part), (count - part, count))]
            report.add(group, f"set-up rate of the last {part:,} / of the first {part:,}", rates[1] / rates[0], "times",
                       f"{rates[1]:.0f} and {rates[0]:.0f} tunnels/s by the wall clock; wanted >= 0.9", raw=rates)
        for f in ("ipsecmgr", "sessmgr", "aaamgr", "iftask", "srdb"):
            report.add(group, f"memory per tunnel, {f}", grown.get(f, 0) / max(s["established"], 1), "KiB/tunnel",
                       "growth of RSS" + ("; wanted <= 6" if f == "ipsecmgr" else ""))
    finally:
        if peers:
            peers.stop()
        subprocess.run([ORRERY, "lab", "down", lab], capture_output=True, timeout=60)


# --- charon beside it -----------------------------------------------------------------------------------------

def charon(report):
    for name, address, address_cert, plugins in CHARONS:
        exe = os.path.join(os.environ["ORRERY_RUN"], "lab-bench", name, "bin", "charon")
        procs = [("charon", pid) for pid in machine.pids_of(os.path.realpath(exe))]
        if not procs:
            raise RuntimeError(f"charon of host {name} does not run")
        group = f"charon as responder, {plugins}; kernel-libipsec, 16 threads"
        for i, setup in enumerate(SETUPS):
            peers, grown, up = set_up(report, group, procs, address_cert if setup[2] else address, setup, f"charon ({name})")
            if i == 0:
                report.add(group, f"memory per tunnel, charon ({name})", grown["charon"] / up, "KiB/tunnel", "growth of RSS")
            peers.stop()
            time.sleep(1)
            ours = report.value("set-up (chassis, checkpoints on)", f"{setup[0]}: CPU per tunnel, chassis")
            theirs = report.value(group, f"{setup[0]}: CPU per tunnel, charon ({name})")
            if ours and theirs:
                report.add(group, f"{setup[0]}: CPU of the whole chassis / CPU of charon ({name})", ours / theirs, "times",
                           "same peers, same run; charon stores nothing")


# --- all of it ------------------------------------------------------------------------------------------------

def run(report, wanted):
    report.progress("lab: a chassis, two charons")
    orrery("lab", "up", Peers.lab)
    peers = None
    try:
        if "system" in wanted:
            until("the chassis is ready for recovery", 30, ready_for_recovery, 0.2)
            report.progress("idle chassis")
            time.sleep(1)
            rest(report, "chassis at rest, no sessions", "asr5500-lab with a WSG service", 5)
        if {"system", "recovery"} & set(wanted):
            peers = tunnels(report)
        if "system" in wanted:
            report.guard("traffic", lambda: traffic(report, peers))
        if "recovery" in wanted:
            report.guard("recovery", lambda: recovery(report, peers))
            peers.stop()
            report.guard("many tunnels", lambda: many(report))
        if "storm" in wanted:
            report.guard("rekey storm", lambda: storm(report))
        if peers:
            peers.stop()
        if "charon" in wanted:
            charon(report)
    finally:
        if peers:
            peers.stop()
        subprocess.run([ORRERY, "lab", "down", Peers.lab], capture_output=True, timeout=30)
