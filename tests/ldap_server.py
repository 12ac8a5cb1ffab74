#!/usr/bin/env python3
"""A directory that behaves badly, for tests. usage: ldap_server.py PORTFILE
Whoever binds is let in. A search whose base says "big" is answered with an entry of 200 MB, "cut" with half an entry, "hang" never, "junk" with
bytes that are no LDAP. What was sent for "big" is written to PORTFILE.sent."""
import os
import socketserver
import sys
import threading

portfile = sys.argv[1]
held = threading.Event()


def tlv(tag, body, size=None):
    """BER, with four bytes of length; size: what it says it is."""
    return bytes([tag, 0x84]) + (len(body) if size is None else size).to_bytes(4, "big") + body


def length(data):
    """Of the message that data begins with, and of the header; None: more is to come."""
    if len(data) < 2:
        return None
    n = data[1] & 0x7f if data[1] & 0x80 else 0
    if len(data) < 2 + n:
        return None
    return 2 + n + (int.from_bytes(data[2:2 + n], "big") if n else data[1]), 2 + n


class Handler(socketserver.BaseRequestHandler):
    def big(self, number):
        sent, size = 0, 200 << 20
        value = bytes([0x04, 0x84]) + size.to_bytes(4, "big")
        entry = tlv(0x04, b"cn=big") + tlv(0x30, tlv(0x30, tlv(0x04, b"certificateRevocationList") + tlv(0x31, value, size + 6),
                                                     size + 43), size + 49)
        head = tlv(0x30, number + tlv(0x64, entry, size + 67), size + 73 + len(number))
        try:
            self.request.sendall(head)
            while sent < size:
                sent += self.request.send(bytes(65536))
        except OSError:
            pass
        with open(portfile + ".sent", "w") as f:
            f.write(str(sent))

    def handle(self):
        data = b""
        while True:
            whole = length(data)
            if not whole or len(data) < whole[0]:
                more = self.request.recv(65536)
                if not more:
                    return
                data += more
                continue
            message, data = data[whole[1]:whole[0]], data[whole[0]:]
            number, op = message[:2 + message[1]], message[2 + message[1]:]
            if op[0] == 0x60:
                self.request.sendall(tlv(0x30, number + tlv(0x61, b"\x0a\x01\x00\x04\x00\x04\x00")))
            elif op[0] != 0x63:
                return
            elif b"big" in op:
                return self.big(number)
            elif b"cut" in op:
                return self.request.sendall(tlv(0x30, number + tlv(0x64, b"half", 1000), 1010))
            elif b"junk" in op:
                return self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                held.wait()


socketserver.ThreadingTCPServer.daemon_threads = True
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
with open(portfile + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(portfile + ".new", portfile)
server.serve_forever()
