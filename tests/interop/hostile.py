#!/usr/bin/env python3
"""Sends a gateway packets that nobody should send: truncated, mutated, oversized and random IKE, garbage in ESP's clothes.
usage: hostile.py ADDRESS [SEED]"""
import random
import socket
import struct
import sys

address = sys.argv[1]
rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)


def payload(kind, body):
    return bytes([kind]), body


def ike(payloads, spi_r=b"\0" * 8, exchange=34, flags=0x08, msgid=0, length=None, version=0x20):
    """An IKE message of (type, body) payloads."""
    out = b""
    for i, (_, body) in enumerate(payloads):
        following = payloads[i + 1][0] if i + 1 < len(payloads) else 0
        out += struct.pack("!BBH", following, 0, (4 + len(body)) & 0xFFFF) + body
    first = payloads[0][0] if payloads else 0
    total = 28 + len(out) if length is None else length
    return rng.randbytes(8) + spi_r + struct.pack("!BBBBII", first, version, exchange, flags, msgid, total) + out


def transform(kind, ident, bits=None, more=3):
    attr = struct.pack("!HH", 0x800E, bits) if bits else b""
    return struct.pack("!BBHBBH", more, 0, 8 + len(attr), kind, 0, ident) + attr


sa = (33, struct.pack("!BBHBBBB", 0, 0, 48 - 4, 1, 1, 0, 4) + transform(1, 12, 128) + transform(2, 2) + transform(3, 2)
      + transform(4, 31, more=0))
ke = (34, struct.pack("!HH", 31, 0) + rng.randbytes(32))
nonce = (40, rng.randbytes(32))
good = ike([sa, ke, nonce])

packets = []
packets += [good[:n] for n in range(0, len(good), 3)]
packets += [good + b"\0" * 100, ike([sa, ke, nonce], length=0), ike([sa, ke, nonce], length=0xFFFFFFFF), ike([sa, ke, nonce], length=27)]
packets += [ike([sa, ke, nonce], version=v) for v in (0x00, 0x10, 0x21, 0x30, 0xFF)]
packets += [ike([sa, ke, nonce], exchange=x) for x in range(0, 256, 7)]
packets += [ike([sa, ke, nonce], spi_r=rng.randbytes(8), exchange=x, msgid=1) for x in (34, 35, 36, 37)]
packets += [ike([(33, rng.randbytes(n)), ke, nonce]) for n in range(0, 200, 11)]
packets += [ike([sa, (34, rng.randbytes(n)), nonce]) for n in range(0, 60, 5)]
packets += [ike([sa, ke, (40, rng.randbytes(n))]) for n in (0, 1, 15, 257, 2000)]
packets += [ike([(rng.randrange(256), rng.randbytes(rng.randrange(40))) for _ in range(rng.randrange(1, 200))]) for _ in range(50)]
packets += [ike([sa, ke, nonce] + [(41, struct.pack("!BBH", 0, 0, 16390))] * 500)]
packets += [ike([sa, ke, nonce, (43, rng.randbytes(60000))]), rng.randbytes(65000), b"\0" * 65000]
for _ in range(300):
    mutated = bytearray(good)
    for _ in range(rng.randrange(1, 8)):
        mutated[rng.randrange(len(mutated))] = rng.randrange(256)
    packets.append(bytes(mutated))

sent = 0
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)
for p in packets:
    udp.sendto(p, (address, 500))
    udp.sendto(b"\0\0\0\0" + p[:65000], (address, 4500))
    udp.sendto(p, (address, 4500))
    sent += 3
for i in range(400):
    p = struct.pack("!II", (rng.randrange(8) << 24) | rng.randrange(1 << 24), i) + rng.randbytes(rng.randrange(1400))
    udp.sendto(p, (address, 4500))
    raw.sendto(p[:rng.randrange(len(p))], (address, 0))
    sent += 2
udp.sendto(b"\xff", (address, 4500))
udp.sendto(b"", (address, 500))
print("sent %d packets" % (sent + 2))
