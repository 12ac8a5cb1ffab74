#!/usr/bin/env python3
"""A web server that behaves well and badly, for tests. usage: http_server.py PORTFILE DIRECTORY [CERTIFICATE KEY]
GET of a file of DIRECTORY; PUT makes one. /hang never answers, /stall stops in the middle, /cut ends in the middle, /big says it is
5 GB long, /endless never ends, /secret/… wants ann and Clear-Text-3, /away leads to ftp, /loop to itself, /moved/X to X. Requests are
listed in DIRECTORY/log."""
import base64
import http.server
import os
import ssl
import sys
import threading

portfile, root = sys.argv[1], sys.argv[2]
held = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        with open(root + "/log", "a") as f:
            f.write(self.command + " " + self.path + "\n")

    def answer(self, code, body=b"", **headers):
        self.send_response(code)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def allowed(self):
        want = "Basic " + base64.b64encode(b"ann:Clear-Text-3").decode()
        if not self.path.startswith("/secret/") or self.headers.get("Authorization") == want:
            return True
        self.answer(401, WWW_Authenticate='Basic realm="x"')
        return False

    def do_GET(self):
        name = os.path.basename(self.path)
        self.close_connection = True
        if self.path == "/hang":
            held.wait()
        elif self.path == "/stall":
            self.answer(200, b"half", Content_Length="1000")
            held.wait()
        elif self.path == "/cut":
            self.answer(200, b"config\n  context cut\n", Content_Length="1000")
        elif self.path == "/big":
            self.answer(200, b"x", Content_Length=str(5 << 30))
        elif self.path == "/endless":
            self.answer(200, Transfer_Encoding="chunked")
            while not held.is_set():
                self.wfile.write(b"10000\r\n" + b"# 45678901234567890123456789012\n" * 2048 + b"\r\n")
        elif self.path == "/away":
            self.answer(302, Location="ftp://127.0.0.1/etc/passwd")
        elif self.path == "/loop":
            self.answer(302, Location="/loop")
        elif self.path.startswith("/moved/"):
            self.answer(302, Location="/" + name)
        elif self.allowed():
            try:
                with open(os.path.join(root, name), "rb") as f:
                    self.answer(200, f.read())
            except OSError:
                self.answer(404, b"no such file")

    def do_PUT(self):
        self.close_connection = True
        if not self.allowed():
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(os.path.join(root, os.path.basename(self.path)), "wb") as f:
            f.write(body)
        self.answer(201)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if len(sys.argv) > 3:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
with open(portfile + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(portfile + ".new", portfile)
server.serve_forever()
