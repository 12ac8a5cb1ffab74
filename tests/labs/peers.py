"""Asks the simulated peers of a lab over their control socket and prints one "KEY VALUE" a line. For drills: run in a host.

usage: peers.py NAME COMMAND...          NAME as in the lab file's `peers` line; COMMAND as in `orrery peers --help`
       peers.py NAME again COMMAND...    each of them in turn, until it is killed
"silent" is the number of established peers without an answer since the last mark."""
import itertools
import json
import os
import socket
import sys

s = socket.socket(socket.AF_UNIX)
s.settimeout(3)
s.connect("%s/%s.peers" % (os.environ["LAB"], sys.argv[1]))
answers = s.makefile()


def ask(line):
    s.sendall(line.encode() + b"\n")
    return json.loads(answers.readline())


if sys.argv[2] == "again":
    for line in itertools.cycle(sys.argv[3:]):
        ask(line)
for key, value in ask(" ".join(sys.argv[2:])).items():
    print("silent" if key == "peers_unanswered" else key, value)
