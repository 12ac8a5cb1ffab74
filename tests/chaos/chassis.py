# SPDX-License-Identifier: MIT
"""One lab in a private place: a chassis, 500 simulated peers with their history. What the chaos test asks of them."""
import json
import os
import shutil
import socket
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ORRERY = os.environ.get("ORRERY") or os.path.join(HERE, "../../build/bin/orrery")
LIBEXEC = os.path.realpath(os.path.join(os.path.dirname(ORRERY), "../libexec/orrery"))
TUNNELS = 500
NAME = "G"
STATE_COMMANDS = ("show session recovery status", "show card table")


def documents(text):
    """The JSON objects in an output of several commands."""
    out, decoder, at = [], json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            j, end = decoder.raw_decode(text, at)
        except ValueError:
            break
        out.append(j)
        at = text.find("{", end)
    return out


class Lab:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="oc", dir="/tmp")
        self.env = dict(os.environ, ORRERY_RUN=self.dir + "/r", ORRERY_STATE=self.dir + "/s")
        os.mkdir(self.dir + "/r", 0o700)
        os.mkdir(self.dir + "/s", 0o700)
        self.history_file = self.dir + "/history"
        self.lab = self.dir + "/chaos.lab"
        with open(os.path.join(HERE, "chaos.lab")) as f:
            text = f.read()
        text = text.replace("CONFIG", os.path.realpath(os.path.join(HERE, "../labs/one.cfg")))
        text = text.replace("COUNT", str(TUNNELS)).replace("HISTORY", self.history_file)
        with open(self.lab, "w") as f:
            f.write(text)
        self.history, self.read_to = [], 0
        try:
            self.run("lab", "up", self.lab, check=True)
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.run("lab", "down", self.lab)
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, *args, check=False, timeout=30):
        try:
            r = subprocess.run([ORRERY, *args], capture_output=True, text=True, timeout=timeout, env=self.env)
        except subprocess.TimeoutExpired:
            if check:
                raise RuntimeError(f"orrery {' '.join(args)}: no answer within {timeout} s") from None
            return 124, "no answer within its time"
        if check and r.returncode:
            raise RuntimeError(f"orrery {' '.join(args)}: {(r.stderr or r.stdout).strip()[-400:]}")
        return r.returncode, (r.stdout if not r.returncode else r.stderr + r.stdout)

    def fault(self, *args):
        return self.run("fault", "--name", NAME, *args)

    def cli(self, *commands, timeout=20):
        args = [w for c in commands for w in ("-c", c)]
        return self.run("cli", "--name", NAME, "-e", *args, timeout=timeout)

    def shows(self, *commands):
        """One JSON object per command, or None while the chassis does not answer all of them."""
        status, text = self.cli(*(c + " | json" for c in commands))
        out = documents(text) if not status else []
        return out if len(out) == len(commands) else None

    def status(self):
        status, text = self.run("ps", "--name", NAME, "--json")
        return json.loads(text) if not status else None

    # --- the peers

    def peers(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.dir + "/r/lab-chaos/load.peers")
            s.sendall(command.encode() + b"\n")
            return json.loads(s.makefile().readline())

    def read_history(self):
        if not os.path.exists(self.history_file):
            return self.history  # no peer has said anything
        with open(self.history_file) as f:
            f.seek(self.read_to)
            for line in f:
                if not line.endswith("\n"):
                    break
                self.history.append(json.loads(line))
                self.read_to += len(line.encode())
        return self.history

    # --- the machine

    def processes(self):
        """{pid: (name, network namespace)}: cards and tasks of this chassis, wherever they hang now."""
        mark = f"ORRERY_RUN={self.dir}/r/{NAME}\0".encode()
        out = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                exe = os.readlink(f"/proc/{pid}/exe")
                if os.path.dirname(exe) == LIBEXEC and mark in open(f"/proc/{pid}/environ", "rb").read():
                    out[int(pid)] = (os.path.basename(exe), os.readlink(f"/proc/{pid}/ns/net"))
            except OSError:
                continue  # it ended, or is a kernel thread
        return out

    def calls(self, esp):
        """The sessions of these SAs, asked for one by one."""
        path = self.dir + "/commands"
        with open(path, "w") as f:
            f.writelines(f"show subscribers debug-info callid {s['callid']} | json\n" for s in esp)
        _, text = self.run("cli", "--name", NAME, path)
        return [c for d in documents(text) for c in d.get("calls", [])]

    def snapshot(self):
        """What the chassis says, for check.state_rules(); None while it does not answer."""
        j = self.shows(*STATE_COMMANDS, "show alarm outstanding", "show subscribers summary",
                       "show crypto ikev2-ikesa security-associations", "show crypto ipsec security-associations")
        status = self.status()
        if not j or not status:
            return None
        recovery, cards, alarms, total, ike, esp = j
        ps = [dict(t, card=c["slot"]) for c in status["cards"] for t in c["processes"]]
        return {"recovery": recovery, "cards": cards, "total": total["total"], "ike": ike["sas"], "esp": esp["sas"],
                "alarms": [f"{a.get('object', '')} {a.get('event') or a.get('text') or a}" for a in alarms["alarms"]],
                "ps": ps, "calls": self.calls(ike["sas"]), "processes": self.processes(),
                "known": {t["pid"] for t in ps} | {c["pid"] for c in status["cards"]}}
