# SPDX-License-Identifier: MIT
"""What the numbers were measured on, and what processes cost: CPU time, memory. All from /proc."""
import os
import re
import subprocess
import time


def read(path, default=""):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return default


def first_line(*argv):
    try:
        out = subprocess.run(argv, capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return "?"
    return out.strip().split("\n")[0] or "?"


def busy_s():
    """CPU seconds the machine has worked, all cores."""
    f = [int(x) for x in read("/proc/stat").split("\n")[0].split()[1:]]
    return (sum(f[:8]) - f[3] - f[4]) / os.sysconf("SC_CLK_TCK")


def busy_percent(seconds=1.0):
    """How busy the machine is with other things, before we begin: percent of all its cores."""
    before, start = busy_s(), time.monotonic()
    time.sleep(seconds)
    return 100 * (busy_s() - before) / (time.monotonic() - start) / (os.cpu_count() or 1)


def describe():
    cpu = re.search(r"model name\s*:\s*(.*)", read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", read("/proc/meminfo"))
    system = re.search(r'PRETTY_NAME="(.*)"', read("/etc/os-release"))
    strongswan = re.search(r"\d+\.\d+\S*", first_line("/usr/lib/ipsec/charon", "--version"))
    return {
        "cpu": cpu.group(1) if cpu else "?",
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": int(memory.group(1)) // 1024 if memory else 0,
        "kernel": os.uname().release,
        "system": system.group(1) if system else "?",
        "orrery": first_line("build/bin/orrery", "version").replace("orrery ", ""),
        "versions": {
            "gcc": first_line("gcc", "-dumpfullversion"),
            "OpenSSL": first_line("pkg-config", "--modversion", "libcrypto"),
            "ZeroMQ": first_line("pkg-config", "--modversion", "libzmq"),
            "SQLite": first_line("pkg-config", "--modversion", "sqlite3"),
            "protobuf-c": first_line("pkg-config", "--modversion", "libprotobuf-c"),
            "strongSwan": strongswan.group(0).rstrip(",") if strongswan else "?",
        },
        "busy_before_percent": busy_percent(),
        "load_before": os.getloadavg(),
        "load_after": os.getloadavg(),
    }


def cpu_s(pid):
    """CPU seconds of a process: its threads' run time in ns, or ticks where the kernel does not tell that."""
    total = 0
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            text = read(f"/proc/{pid}/task/{tid}/schedstat")
            if not text:
                break
            total += int(text.split()[0])
        else:
            return total / 1e9
    except OSError:
        return 0.0
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def rss_kb(pid):
    m = re.search(r"VmRSS:\s*(\d+)", read(f"/proc/{pid}/status"))
    return int(m.group(1)) if m else 0


def pss_kb(pid):
    """Memory with shared pages divided by those who share them; RSS where that is not told."""
    m = re.search(r"^Pss:\s*(\d+)", read(f"/proc/{pid}/smaps_rollup"), re.M)
    return int(m.group(1)) if m else rss_kb(pid)


def pids_of(executable):
    """Processes whose program is this file."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink(f"/proc/{name}/exe") == executable:
                found.append(int(name))
        except OSError:
            continue
    return found
