# SPDX-License-Identifier: MIT
"""A program on a pseudo-terminal, as an operator's hands and eyes: type keys, wait for what the screen says. Used by the scripts
of tests/system that need a real terminal; every wait has a deadline."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time


class Terminal:
    def __init__(self, argv, rows=24, columns=80):
        self.seen = ""  # since the last expect()
        self.all = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "dumb"
            os.execvp(argv[0], argv)
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys):
        os.write(self.fd, keys.encode())

    def line(self, text):
        self.send(text + "\r")

    def _read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536).decode("utf-8", "replace")
        except OSError:  # the other side is closed
            data = ""
        data = data.replace("\r\n", "\n")
        self.seen += data
        self.all += data
        return bool(data)

    def expect(self, pattern, seconds=10):
        """Waits until the pattern is on the screen; returns what stood before it."""
        end = time.monotonic() + seconds
        while True:
            m = re.search(pattern, self.seen)
            if m:
                before, self.seen = self.seen[:m.start()], self.seen[m.end():]
                return before
            if time.monotonic() > end or not self._read(max(0.0, end - time.monotonic())):
                print(f"FAILED: no {pattern!r} within {seconds} s; the screen says:\n{self.seen[-3000:]}")
                sys.exit(1)

    def gone(self, seconds=10):
        """Waits for the end of the program; its exit status."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._read(end - time.monotonic()):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def fail(text):
    print("FAILED: " + text)
    sys.exit(1)
