# SPDX-License-Identifier: MIT
"""Groups micro and bus: the programs build/bench/bench_* and what they print, as figures."""
import json
import re
import subprocess


def output(report, name, *args, timeout=120):
    """What a benchmark prints; empty when it gave nothing."""
    report.progress(f"bench_{name}")
    try:
        r = subprocess.run([f"build/bench/bench_{name}", *args], capture_output=True, text=True, timeout=timeout)
    except (OSError, subprocess.SubprocessError) as e:
        report.fail(f"bench_{name}", str(e))
        return ""
    if not r.stdout.strip():
        report.fail(f"bench_{name}", (r.stderr.strip() or f"exit {r.returncode}").split("\n")[-1])
    return r.stdout


def rows(report, name, *args):
    return [json.loads(x) for x in output(report, name, *args).splitlines() if x.startswith("{")]


def run(report):
    esp(report)
    npu(report)
    ike(report)
    gateway(report)
    texts(report)


def esp(report):
    for r in rows(report, "esp", "0.1"):
        alg = r["encr"] + (f" {r['integ']}" if r["integ"] not in ("", "none") else "")
        report.add("ESP engine", f"{alg}, {r['bytes']} B", r["seal_mbit_per_cpu_s"] and
                   2 / (1 / r["seal_mbit_per_cpu_s"] + 1 / r["open_mbit_per_cpu_s"]), "Mbit/CPU s",
                   f"seal {r['seal_us']:.2f} us, open {r['open_us']:.2f} us a packet", raw=r)


def npu(report):
    for r in rows(report, "npu", "50000"):
        if "skipped" in r:
            report.fail("bench_npu", r["skipped"])
            continue
        report.add("packet path of a card (socket, ESP, TUN)", f"{r['suite']}, {r['bytes']} B, {r['way']}", r["mbit_per_cpu_s"],
                   "Mbit/CPU s", f"{r['us_per_packet']:.2f} us a packet", raw=r)


def ike(report):
    for r in rows(report, "ike", "5000"):
        report.add("IKE engine as responder", f"{r['group']}, IKE SA + child SA", r["responder_us_per_tunnel"], "CPU us/tunnel",
                   f"{r['heap_bytes_per_tunnel']} B of heap, row of {r['row_bytes']} B, restored in"
                   f" {r['restore_us_per_tunnel']:.1f} us", raw=r)


def gateway(report):
    out = [json.loads(x) for x in output(report, "gateway").splitlines() if x.startswith("{")]
    if len(out) == 2 and out[1]["tunnels"]:
        report.add("IKE and ESP engines behind sockets, no chassis", "x25519", out[1]["gateway_cpu_s"] / out[1]["tunnels"] * 1e6,
                   "CPU us/tunnel", f"{out[0]['tunnels_per_s']:.0f} tunnels/s on the wall clock", raw=out)


def texts(report):
    """The benchmarks that print text for people."""
    for m in re.finditer(r"^store: (batches of +\d+, .*?): +(\d+) rows/s +(\d+) rows per CPU second +(.*)$",
                         output(report, "store"), re.M):
        report.add("store (SQLite, rows of 600 B)", re.sub(" +", " ", m.group(1)), int(m.group(3)), "rows/CPU s",
                   f"{int(m.group(2)):,} rows/s on the wall clock, {re.sub(' +', ' ', m.group(4))}")
    for m in re.finditer(r"^wheel: (.*?) +([\d.]+) ns each", output(report, "wheel"), re.M):
        report.add("timer wheel, 300,000 timers", m.group(1), float(m.group(2)), "ns")
    for m in re.finditer(r"^(.*?) +([\d.]+) ms +target", output(report, "cli"), re.M):
        report.add("CLI engine", "show ?" if m.group(1) == "?" else m.group(1), float(m.group(2)), "ms")


def run_bus(report):
    for r in rows(report, "bus", "0.7"):
        cards = "one card" if r["cards"] == 1 else "two cards"
        note = f"{r['cpu_us_each']:.1f} us of CPU each, all processes"
        if r["what"] == "round-trip":
            note = f"{r['us_each']:.0f} us a round trip; " + note
        report.add("bus (212-byte messages, wall clock)", f"{r['what']}, {cards}, window {r['window']}", r["per_s"], "messages/s"
                   if r["what"] == "one-way" else "round trips/s", note, raw=r)
