# SPDX-License-Identifier: MIT
"""Group config: a configuration of 20,000 lines in a running chassis: loaded, served by its tasks, shown, edited with ? and TAB."""
import os
import statistics
import subprocess
import sys
import time

import chassis

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
from term import Terminal  # noqa: E402

CONTEXTS = 20
GROUP = "configuration of 20,000 lines, in a running chassis (wall clock)"


def lines():
    """20 contexts with about 1,000 lines each, as show configuration prints them."""
    out = ["config"]
    for c in range(CONTEXTS):
        out.append(f"  context ctx{c}")
        for i in range(100):
            out += [f"    interface if{i} loopback", f"      ip address 192.0.{c}.{i} 255.255.255.255", "    #exit"]
        out += [f"    ip pool pool{i} range 10.{2 * c + i // 250}.{i % 250}.1 10.{2 * c + i // 250}.{i % 250}.200 private 3 srp-activate" for i in range(425)]
        for i in range(25):
            out += [f"    crypto template t{i} ikev2-dynamic", "      authentication local pre-shared-key key secret",
                    "      keepalive interval 20", "      payload p match childsa match any", "        lifetime 3600",
                    "        rekey keepalive", "        ip-address-allocation dynamic", "        ipsec transform-set list a b c",
                    "      #exit", "      natt", "    #exit"]
        out.append("  #exit")
    return out + ["end"]


def timed(*args):
    start = time.monotonic()
    text = chassis.orrery(*args)
    return time.monotonic() - start, text


def served():
    """Does the vpnmgr of the last context have its pools?"""
    r = subprocess.run([chassis.ORRERY, "cli", "--name", chassis.NAME, "-c", f"context ctx{CONTEXTS - 1}", "-c", "show ip pool"],
                       capture_output=True, text=True, timeout=60)
    return "pool424" in r.stdout


def key(t, keys, pattern):
    """From a key to its answer, in ms: the median of some, the line wiped in between."""
    took = []
    for _ in range(9):
        t.seen = ""
        start = time.monotonic()
        t.send(keys)
        t.expect(pattern)
        took.append((time.monotonic() - start) * 1000)
        t.send("\x03")
        t.expect(r"\^C\s+\S+# $")
    return statistics.median(took)


def keys(report):
    t = Terminal([chassis.ORRERY, "cli", "--name", chassis.NAME], rows=60, columns=200)
    t.expect(r"# $")
    report.add(GROUP, "? of show", key(t, "show ?", r"version +- "), "ms", "target 20")
    report.add(GROUP, "? of context, with its names", key(t, "context ?", r"ctx19 +- "), "ms", "target 20")
    t.line("configure")
    t.expect(r"# $")
    t.line("context ctx7")
    t.expect(r"# $")
    report.add(GROUP, "TAB: the 425 pools of a context", key(t, "no ip pool pool\t", r"and \d+ more"), "ms", "target 20")
    report.add(GROUP, "TAB: one word", key(t, "crypto templ\t", r"ate "), "ms", "target 20")
    t.send("\x1a")
    t.expect(r"# $")
    t.line("terminal length 0")
    t.expect(r"# $")
    t.line("no timestamps")
    t.expect(r"# $")
    t.seen = ""
    start = time.monotonic()
    t.line("show configuration")
    shown = t.expect(r"\nend\n")
    report.add(GROUP, "show configuration in a session", time.monotonic() - start, "s", f"{shown.count(chr(10)):,} lines; target 0.5")
    t.send("\x04")
    t.gone()


def run(report):
    report.progress("configuration of 20,000 lines")
    text = "\n".join(lines()) + "\n"
    chassis.orrery("up", "--name", chassis.NAME)
    try:
        path = os.path.join(os.environ["ORRERY_STATE"], chassis.NAME, "flash", "big.cfg")
        with open(path, "w") as f:
            f.write(text)
        start = time.monotonic()
        took, said = timed("cli", "--name", chassis.NAME, "-c", "no timestamps", "-c", "configure /flash/big.cfg")
        if said.strip():
            raise RuntimeError("configure /flash/big.cfg: " + said[:300])
        report.add(GROUP, "configure /flash/big.cfg", took, "s", "parsed, checked, stored, tasks told; target 2")
        chassis.until("the last context serves its pools", 120, served, 0.1)
        report.add(GROUP, "until the tasks of all 20 contexts serve it", time.monotonic() - start, "s")
        took, said = timed("cli", "--name", chassis.NAME, "-c", "show configuration")
        if said.count("\n") < len(lines()):
            raise RuntimeError(f"show configuration has {said.count(chr(10))} lines")
        report.add(GROUP, "orrery cli -c 'show configuration'", took, "s", "with the start of the session; target 0.5")
        keys(report)
        took, _ = timed("cli", "--name", chassis.NAME, "-c", "save configuration /flash/out.cfg -noconfirm")
        report.add(GROUP, "save configuration", took, "s")
        took, _ = timed("cli", "--name", chassis.NAME, "-c", "configure /flash/big.cfg")
        report.add(GROUP, "configure the same again", took, "s")
        typed = os.path.join(os.environ["ORRERY_STATE"], "typed")
        with open(typed, "w") as f:
            f.write("configure\n" + text.replace("private 3", "private 4"))
        took, _ = timed("cli", "--name", chassis.NAME, typed)
        report.add(GROUP, "orrery cli FILE: every line typed, 8,500 change", took, "s")
    finally:
        subprocess.run([chassis.ORRERY, "down", "--name", chassis.NAME], capture_output=True, timeout=30)
