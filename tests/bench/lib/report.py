# SPDX-License-Identifier: MIT
"""The figures of a run: collected, shown as a table, kept for the JSON file; and the progress line of a terminal."""
import subprocess
import sys
import time


class Report:
    def __init__(self, machine):
        self.start = time.monotonic()
        self.data = {"machine": machine, "figures": [], "failed": []}
        self.tty = sys.stderr.isatty()

    def add(self, group, name, value, unit, note="", **more):
        """One figure; `more` goes into the JSON only."""
        self.data["figures"].append({"group": group, "name": name, "value": value, "unit": unit, "note": note, **more})

    def value(self, group, name):
        for f in self.data["figures"]:
            if f["group"] == group and f["name"] == name:
                return f["value"]
        return None

    def progress(self, text):
        if self.tty:
            print(f"\r\033[K{time.monotonic() - self.start:4.0f} s  {text}", end="", file=sys.stderr, flush=True)

    def clear_progress(self):
        if self.tty:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def fail(self, what, why):
        self.data["failed"].append({"what": what, "why": why})

    def guard(self, what, work):
        """Do some work; what goes wrong in it is reported, and the others go on. Did it go well?"""
        try:
            work()
            return True
        except (RuntimeError, OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
            self.fail(what, f"{type(e).__name__}: {e}")
            return False

    def print_table(self):
        m = self.data["machine"]
        print(f"Orrery {m['orrery']} on {m['cpu']}, {m['cores']} cores, {m['memory_mb']} MB, Linux {m['kernel']}, {m['system']}")
        print(", ".join(f"{k} {v}" for k, v in m["versions"].items()))
        print(f"machine {m['busy_before_percent']:.0f} % busy with other things at the start; load average {m['load_before'][0]:.2f} before, {m['load_after'][0]:.2f} after;"
              f" the run took {time.monotonic() - self.start:.0f} s")
        group = None
        width = max([len(f["name"]) for f in self.data["figures"]] + [20])
        for f in self.data["figures"]:
            if f["group"] != group:
                group = f["group"]
                print(f"\n{group}")
            print(f"  {f['name']:<{width}} {number(f['value']):>12} {f['unit']:<18} {f['note']}".rstrip())
        for f in self.data["failed"]:
            print(f"\nno numbers from {f['what']}: {f['why']}")


def number(v):
    if v is None:
        return "-"
    if isinstance(v, str):
        return v
    if isinstance(v, int) or abs(v) >= 1000:
        return f"{v:,.0f}"
    return f"{v:.3g}" if abs(v) < 10 else f"{v:.1f}"
