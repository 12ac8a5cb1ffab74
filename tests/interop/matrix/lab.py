# SPDX-License-Identifier: MIT
"""What the tables of tests against strongSwan share: commands, here and in the hosts of a lab, and waiting for what must come."""
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ORRERY = os.environ.get("ORRERY", os.path.join(HERE, "../../../build/bin/orrery"))


def run(*args, timeout=30):
    """(exit status, output)"""
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    return p.returncode, p.stdout


def on(lab, host, command):
    return run(ORRERY, "lab", "exec", lab, host, "sh", "-c", command)


def ping(lab, host, size=56):
    """Does the server behind the chassis answer both of two?"""
    status, out = on(lab, host, "ping -c 2 -i 0.2 -W 2 -s %d 203.0.113.10" % size)
    return not status and "2 received" in out


def until(what, seconds=10):
    """The first true value of what() within so many seconds, else its last one."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
