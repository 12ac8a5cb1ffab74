#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Floods a gateway for the bench: usage flooder.py ADDRESS KIND PER-SECOND SECONDS; prints how many packets were sent.

KIND init: good IKE_SA_INIT requests, each of another peer, no more; auth: the same, and for each answer junk in the clothes of
IKE_AUTH; garbage: random bytes; junk: IKE packets with SPIs of the gateway's instances that do not exist.
"""
import os
import random
import select
import socket
import struct
import sys
import time

rng = random.Random(1)


def transform(kind, ident, bits=None, more=3):
    attr = struct.pack("!HH", 0x800E, bits) if bits else b""
    return struct.pack("!BBHBBH", more, 0, 8 + len(attr), kind, 0, ident) + attr


TRANSFORMS = transform(1, 12, 128) + transform(2, 5) + transform(3, 12) + transform(4, 31, more=0)
SA = struct.pack("!BBHBBBB", 0, 0, 8 + len(TRANSFORMS), 1, 1, 0, 4) + TRANSFORMS
KE = struct.pack("!HH", 31, 0) + os.urandom(32)


def message(spi_i, spi_r, first, body, exchange, msgid):
    return spi_i + spi_r + struct.pack("!BBBBII", first, 0x20, exchange, 0x08, msgid, 28 + len(body)) + body


def init():
    out = b""
    for body, following in ((SA, 34), (KE, 40), (rng.randbytes(32), 0)):
        out += struct.pack("!BBH", following, 0, 4 + len(body)) + body
    return message(rng.randbytes(8), b"\0" * 8, 33, out, 34, 0)


def junk(spi_i, spi_r):
    body = struct.pack("!BBH", 35, 0, 4 + 96) + rng.randbytes(96)
    return message(spi_i, spi_r, 46, body, 35, 1)


def main(address, kind, rate, seconds):
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
    for s in socks:
        s.setblocking(False)
        s.connect((address, 500))
    make = {"init": init, "auth": init, "garbage": lambda: rng.randbytes(rng.randrange(1, 400)),
            "junk": lambda: junk(rng.randbytes(8), bytes([rng.randrange(1, 5)]) + rng.randbytes(7))}[kind]
    sent, begun = 0, time.monotonic()
    while (now := time.monotonic() - begun) < seconds:
        due = min(int(now * rate) - sent, 200)
        for _ in range(max(due, 0)):
            try:
                socks[sent % 16].send(make())
            except OSError:
                pass
            sent += 1
        for s in select.select(socks, [], [], 0 if due > 0 else 0.002)[0] if kind == "auth" else ():
            try:
                answer = s.recv(2000)
                if len(answer) > 28 and answer[8:16] != b"\0" * 8:
                    s.send(junk(answer[:8], answer[8:16]))
                    sent += 1
            except OSError:
                pass
        if kind != "auth" and due <= 0:
            time.sleep(0.001)
    print(sent)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
