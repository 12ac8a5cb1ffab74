#!/usr/bin/env python3
"""A device of our own bytes: IKEv2 by EAP-MD5 with the identity of its equipment (3GPP TS 24.302 section 8.2.9.2), and lies about it;
with an APN in IDr and attributes of its configuration payload by which it asks for P-CSCFs (RFC 7651).
The one suite is AES-CBC-128 (by the openssl program), HMAC-SHA2-256, MODP-2048.
usage: ue.py ADDRESS USER PASSWORD [DEVICE [when]] [apn=NAME] [ask=NUMBER,…]    DEVICE: 15 or 16 digits, 0x…: the notify's data as it is, -: none;
                                                      when: `first` tells it unasked, else it is told when it is asked for
Prints what happened; exit status 0: the tunnel is up, 1: it is not."""
import hashlib
import hmac
import ipaddress
import os
import socket
import struct
import subprocess
import sys

PRIME = int("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
            "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05"
            "98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
            "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF", 16)
SA, KE, IDI, IDR, AUTH, NONCE, NOTIFY, TSI, TSR, SK, CP, EAP = 33, 34, 35, 36, 39, 40, 41, 44, 45, 46, 47, 48
DEVICE_IDENTITY = 41101


def prf(key, *data):
    return hmac.new(key, b"".join(data), hashlib.sha256).digest()


def prf_plus(key, seed, n):
    out, last, i = b"", b"", 1
    while len(out) < n:
        last = prf(key, last, seed, bytes([i]))
        out += last
        i += 1
    return out[:n]


def aes(key, iv, data, *how):
    command = ["openssl", "enc", "-aes-128-cbc", "-nopad", "-K", key.hex(), "-iv", iv.hex(), *how]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def chain(payloads):
    out = b""
    for i, (_, body) in enumerate(payloads):
        following = payloads[i + 1][0] if i + 1 < len(payloads) else 0
        out += struct.pack("!BBH", following, 0, 4 + len(body)) + body
    return out


def unchain(first, data):
    found = []
    while first:
        following, _, n = struct.unpack("!BBH", data[:4])
        found.append((first, data[4:n]))
        first, data = following, data[n:]
    return found


def transform(kind, ident, more=3):
    return struct.pack("!BBHBBH", more, 0, 8, kind, 0, ident)


AES = struct.pack("!BBHBBHHH", 3, 0, 12, 1, 0, 12, 0x800E, 128)


def proposal(proto, spi, transforms):
    body = b"".join(transforms)
    return struct.pack("!BBHBBBB", 0, 0, 8 + len(spi) + len(body), 1, proto, len(spi), len(transforms)) + spi + body


def notify(kind, data=b""):
    return NOTIFY, struct.pack("!BBH", 0, 0, kind) + data


def device(text):
    if text.startswith("0x"):
        return bytes.fromhex(text[2:])
    digits = [int(d) for d in text] + ([15] if len(text) == 15 else [])
    value = bytes(digits[i] | digits[i + 1] << 4 for i in range(0, 16, 2))
    return struct.pack("!HB", 9, 1 if len(text) == 15 else 2) + value


class Device:
    def __init__(self, address):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("0.0.0.0", 0))
        self.sock.connect((address, 500))
        self.spi_i, self.spi_r, self.msgid = os.urandom(8), bytes(8), 0

    def header(self, first, exchange, n):
        return self.spi_i + self.spi_r + struct.pack("!BBBBII", first, 0x20, exchange, 0x08, self.msgid, 28 + n)

    def ask(self, packet):
        """The answer; a question is asked again, and what answers another one is not it."""
        for _ in range(20):
            self.sock.send(packet)
            self.sock.settimeout(1)
            try:
                while True:
                    answer = self.sock.recv(65535)
                    if struct.unpack("!I", answer[20:24])[0] == self.msgid:
                        self.msgid += 1
                        return answer
            except socket.timeout:
                pass
        sys.exit("no answer to message %d" % self.msgid)

    def init(self):
        private = int.from_bytes(os.urandom(32), "big")
        self.ni = os.urandom(32)
        body = chain([(SA, proposal(1, b"", [AES, transform(2, 5), transform(3, 12), transform(4, 14, 0)])),
                      (KE, struct.pack("!HH", 14, 0) + pow(2, private, PRIME).to_bytes(256, "big")), (NONCE, self.ni)])
        self.first = self.header(SA, 34, len(body)) + body
        self.answer = self.ask(self.first)
        self.spi_r = self.answer[8:16]
        got = dict(unchain(self.answer[16], self.answer[28:]))
        shared = pow(int.from_bytes(got[KE][4:], "big"), private, PRIME).to_bytes(256, "big")
        self.nr = got[NONCE]
        keys = prf_plus(prf(self.ni + self.nr, shared), self.ni + self.nr + self.spi_i + self.spi_r, 192)
        self.sk_ai, self.sk_ar, self.sk_ei, self.sk_er = keys[32:64], keys[64:96], keys[96:112], keys[112:128]
        self.sk_pi, self.sk_pr = keys[128:160], keys[160:]

    def auth(self, payloads):
        inner, iv = chain(payloads), os.urandom(16)
        pad = 15 - len(inner) % 16
        inner = iv + aes(self.sk_ei, iv, inner + bytes(pad) + bytes([pad]))
        head = self.header(SK, 35, 4 + len(inner) + 16) + struct.pack("!BBH", payloads[0][0], 0, 4 + len(inner) + 16)
        answer = self.ask(head + inner + prf(self.sk_ai, head, inner)[:16])
        if prf(self.sk_ar, answer[:-16])[:16] != answer[-16:]:
            sys.exit("the answer is not protected with the key")
        inner = aes(self.sk_er, answer[32:48], answer[48:-16], "-d")
        return unchain(answer[28], inner[:-1 - inner[-1]])

    def mac(self, key, message, nonce, sk_p, ident):
        return prf(prf(key, b"Key Pad for IKEv2"), message, nonce, prf(sk_p, ident))


def error_of(payloads):
    for kind, body in payloads:
        if kind == NOTIFY and struct.unpack("!H", body[2:4])[0] < 16384:
            return struct.unpack("!H", body[2:4])[0]
    return 0


def show_attributes(body, asked):
    """What the gateway says in the attributes that were asked for."""
    at = 4
    while at < len(body):
        kind, n = struct.unpack("!HH", body[at:at + 4])
        value = body[at + 4:at + 4 + n]
        if kind in asked:
            print("attribute %d: %s" % (kind, ipaddress.ip_address(value) if n in (4, 16) else value.hex()))
        at += 4 + n


def main():
    named = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
    plain = [a for a in sys.argv[1:] if "=" not in a]
    address, user, password = plain[:3]
    tell = device(plain[3]) if len(plain) > 3 and plain[3] != "-" else None
    unasked = plain[4:] == ["first"]
    asked = [int(n) for n in named["ask"].split(",")] if "ask" in named else []
    ue = Device(address)
    ue.init()
    ident = struct.pack("!BBBB", 3, 0, 0, 0) + user.encode()
    anything = struct.pack("!BBBBBBHHH4s4s", 1, 0, 0, 0, 7, 0, 16, 0, 65535, bytes(4), b"\xff" * 4)
    payloads = [(IDI, ident)] + ([notify(DEVICE_IDENTITY, tell)] if tell and unasked else [])
    if "apn" in named:
        payloads.append((IDR, struct.pack("!BBBB", 2, 0, 0, 0) + named["apn"].encode()))
    payloads += [(CP, struct.pack("!BBBBHH", 1, 0, 0, 0, 1, 0) + b"".join(struct.pack("!HH", n, 0) for n in asked)),
                 (SA, proposal(3, os.urandom(4), [AES, transform(3, 12), transform(5, 0, 0)])),
                 (TSI, anything), (TSR, anything)]
    got = ue.auth(payloads)
    gateway = dict(got).get(IDR)
    for _ in range(20):
        if error_of(got):
            print("refused by notify %d" % error_of(got))
            return 1
        eap = dict(got)[EAP]
        out = []
        for kind, body in got:
            if kind == NOTIFY and struct.unpack("!H", body[2:4])[0] == DEVICE_IDENTITY:
                print("asked for the device: %s" % body[4:].hex())
                if tell and not unasked:
                    out.append(notify(DEVICE_IDENTITY, tell))
        if eap[0] == 4:
            print("EAP failed")
            return 1
        if eap[0] == 3:
            break
        if eap[4] == 1:
            data = bytes([1]) + user.encode()
        elif eap[4] == 4:
            data = b"\x04\x10" + hashlib.md5(eap[1:2] + password.encode() + eap[6:6 + eap[5]]).digest()
        else:
            data = b"\x03\x04"  # not this method but EAP-MD5
        got = ue.auth(out + [(EAP, struct.pack("!BBH", 2, eap[1], 4 + len(data)) + data)])
    # another device, now that the server has decided: not taken
    late = [notify(DEVICE_IDENTITY, device("350000000000006"))] if unasked else []
    got = ue.auth(late + [(AUTH, b"\x02\0\0\0" + ue.mac(ue.sk_pi, ue.first, ue.nr, ue.sk_pi, ident))])
    if error_of(got):
        print("refused by notify %d" % error_of(got))
        return 1
    if dict(got)[AUTH][4:] != ue.mac(ue.sk_pr, ue.answer, ue.ni, ue.sk_pr, gateway):
        sys.exit("the gateway's last proof is wrong")
    show_attributes(dict(got)[CP], asked)
    print("up as %s" % gateway[4:].decode())
    return 0


sys.exit(main())
