#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Types every configuration example and command of the IPSec Reference into a CLI session (session.c) and says which
lines are refused. What the examples are is read from the manual's text (manual.py); variables are filled in by name
(VARIABLES), every alternative in braces and brackets is tried, and after each accepted line the configuration is
shown, loaded into an empty one and compared.

usage: examples.py SESSION-PROGRAM [MANUAL.txt | DIRECTORY] [-v]
Prints per refused line: chapter, line in the text, line, error. Exit status: 0 none refused, 1 some, 77 no manual.
"""
import glob
import os
import re
import subprocess
import sys

import manual

# --- tables -----------------------------------------------------------------------------------------------------

# What is typed for a variable of the manual: the first rule that matches its name. Several values: the one that fits.
VARIABLES = [
    (r"ipv4v6_address|peer_address|ip_address|IP_address|agw_ip_address|segw_ip_address", ["192.0.2.1", "2001:db8::1"]),
    (r".*_address|ip_addr", ["192.0.2.1"]),
    (r"subnetmask|ip_mask", ["255.255.255.0"]),
    (r"dscp_hex_value", ["0x23"]),
    (r"ikev2_mtu_size", ["1400"]),
    (r"size", ["1400"]),
    (r"cert_size", ["2048"]),
    (r"queue_size|failure_count|rekey_rate_value|half_open_timer_duration", ["20"]),
    (r"window_size", ["64"]),
    (r"subnet_size", ["24"]),
    (r"priority(_level)?|preference|number|numb?r?|max_value", ["3"]),
    (r"high_thresh", ["80"]),
    (r"low_thresh", ["10"]),
    (r"percent", ["80"]),
    (r"duration|interval_secs|idle_secs", ["300"]),
    (r"dur|dur_timeout|seconds|sec|time", ["60", "3600", "20"]),
    (r"msec", ["500"]),
    (r"retries", ["3"]),
    (r"integer", ["100", "50"]),
    (r"kbytes", ["5000"]),
    (r"days", ["7"]),
    (r"hours", ["24"]),
    (r"mod_type", ["2048"]),
    (r"type", ["fqdn"]),
    (r"value", ["3", "0a1b2c3d4e5f"]),
    (r"ah_spi|esp_spi", ["258"]),
    (r"ah_key|encryption_key|auth_key", ["0x000102030405060708090a0b0c0d0e0f"]),
    (r"isakmp_key|key_value|key|clear_text|.*secret", ["s3cret-w0rd"]),
    (r"pem_?data(_string)?|PKI_pem_data_string", ["-----BEGIN-CERTIFICATE-----"]),
    (r"path_name", ["/flash/cert"]),
    (r".*_url|.*path|pathname|url|url patname|patname|.*ertificate path|.*key path", ["/flash/file.pem", "http://192.0.2.9/file"]),
    (r"/mask", ["/24"]),
    (r"text", ["words"]),
    (r"id_value|id_type|fqdn_id", ["gw.example.com"]),
    (r"slot/port", ["5/10"]),
    (r"notify_value", ["16384"]),
    (r"vendor_id", ["7"]),
]

# Words that are a keyword in one place of the manual and a variable in another: both readings are tried.
EITHER = {
    "name", "number", "numbr", "num", "msec", "sec", "integer", "type", "id", "value", "secret", "time", "dur", "retries", "url", "pathname",
    "listname", "priority", "preference", "days", "hours", "key", "seconds", "duration", "kbytes", "text", "size", "pemdata", "subnetmask",
    "percent", "patname", "slot/port",
}  # fmt: skip

# Typesetting mistakes of the manual itself: line, what it says, what is meant, why.
MISTAKES = [
    (922, "ca-certificate name <gateway-name>", "certificate name <gateway-name>", "with a private key it is no CA certificate"),
    (1625, "authentication-pass-through", "authenticator-pass-through", "chapter 1 has the keyword right"),
    (1630, "ikev2 transform-set", "ikev2-ikesa transform-set", "half of the keyword is missing"),
    (1632, "crypto_template", "crypto_template ikev2-dynamic", "the type is missing"),
    (1634, "exit", "", "the lines after it belong to the template as well"),
    (1635, "transform set list", "transform-set list", "hyphen lost"),
    (1636, "match { ipv4 | ipv6 }", "match { ipv4 | ipv6 } ]", "closing bracket lost"),
    (1638, "transform-setlist", "transform-set list", "blank lost"),
    (1734, "exit", "context vpn_ctxt_name", "templates stand in a context; line 1752 names it"),
    (1743, "transform-setlist", "transform-set list", "blank lost"),
    (1810, "aes-cbc } | none }", "aes-cbc } | none } }", "closing brace lost"),
    (2419, "[ notify-status-value ]", "[ notify-status-value notify_value ]", "the value is missing"),
    (2909, "pool name pool_name", "pool name pool_name }", "closing brace lost"),
    (2910, "prefix-pool pool_name", "prefix-pool pool_name }", "closing brace lost"),
    (2911, "pre_fragment", "pre-fragment", "underscore for hyphen"),
    (2382, "ipsec transform set", "ipsec transform-set", "hyphen lost"),
    (3262, "no certificate ", "no certificate name ", "line 3249 has it in full"),
    (3631, "oosp", "ocsp", "misread letter"),
    (3641, "ocs [", "ocsp [", "letter lost"),
    (3727, "ca-crl-name", "ca-crl-name crl_name", "the name is missing"),
    (3738, "ca-crl name", "ca-crl-name crl_name", "blank for hyphen, and the name is missing"),
    (4287, "remote-secret-list", "remote-secret-list list_name", "the name is missing; chapter 8 has it"),
    (4296, "remote-secret-list", "remote-secret-list list_name", "the name is missing; chapter 8 has it"),
    (4446, "url url url", "url url", "a word is doubled"),
    (4457, "url url url", "url url", "a word is doubled"),
    (5903, "all wsg_srvc_name", "name wsg_srvc_name", "either all, or the name of one"),
    (6318, "poll crypto-cores", "poll cpu-crypto-cores", "the command is named right twice above"),
]

# What has to be there before a line is typed, and where the manual says so.
BEFORE = [
    (r"ipsec-on-demux", ["require session recovery", "require demux processing-card"], "chapter 21: mandatory before"),
    (
        r"peer-list peer_list_name$",
        [
            "context wsg_ctxt_name",
            "crypto peer-list ipv4 peer_list_name",
            "exit",
            "wsg-service wsg_service_name",
            "deployment-mode site-to-site",
            "bind address 192.0.2.1 crypto-template t1",
        ],
        "chapter 27: the list exists, the service is site-to-site and bound to an address of the list's family",
    ),
]

# Lists that name commands of a mode, often without their values: heading, how to get into the mode.
TEMPLATE = ["configure", "context c", "crypto template t ikev2-dynamic"]
LISTS = [
    (r"^## Crypto Template Parameters", TEMPLATE),
    (r"IKEv2-Dynamic Payload Parameters", TEMPLATE + ["payload p match childsa"]),
    (r"Creating a Crypto Template to Support a SecGW", TEMPLATE),
    (r"^## IKE Call Admission Control", ["configure"]),
    (r"Configuring Vendor Template for", ["configure", "context c", "crypto template t ikev2-vendor"]),
]

# So much is there to be found; less means that it is not looked for in the right way. Chapters 2 and 22 have no examples.
EXAMPLES, CHAPTERS = 109, set(range(1, 30)) - {2, 22}

# Lines of one example that exclude each other: the example is typed once without each.
EXCLUSIVE = [("blacklist", "whitelist", "chapter 8: one of them, never both")]


# --- the session ------------------------------------------------------------------------------------------------


class Session:
    def __init__(self, program):
        self.p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, request):
        self.p.stdin.write(request + "\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().rstrip("\n")

    def type(self, line):
        """Types a line. Returns the error, or None."""
        a = self.ask("line " + line)
        if a.startswith("ok "):
            self.depth = int(a.split()[1])
        return a[4:] if a.startswith("err ") else None

    def would(self, line, out=0):
        """The error that a line would give, so many modes further out, or None."""
        a = self.ask(f"try {out} {line}")
        return a[4:] if a.startswith("err ") else None

    def start(self, mode, before=()):
        self.ask("new")
        self.depth = 0
        for setup in before:
            self.type("configure")
            for line in setup:
                if self.type(line):
                    break
            self.type("end")
        if mode != "exec":
            self.type("configure")
        if mode == "context":
            self.type("context ctxt_name")


# --- variables --------------------------------------------------------------------------------------------------


def values(word):
    """What may be typed for a word; the word itself last when it may be a keyword. A keyword: itself alone."""
    name = word.strip('"')
    url = re.fullmatch(r"file:(<.*>)?", name)
    if url:
        return ["file:/flash/file.pem"] if url.group(1) else [name]
    if re.fullmatch(r"<.*>", name):
        name = name[1:-1]
    elif word not in EITHER and "_" not in name and not re.fullmatch(r"/\w+", name) and not word.startswith('"'):
        return [word]
    found = next((v for rule, v in VARIABLES if re.fullmatch(rule, name)), None)
    if not found:
        found = [re.sub(r"[^\w.-]", "-", name.strip("/"))]
    return found + ([word] if word in EITHER else [])


class Refused(Exception):
    pass


def line_of(words):
    """A word that begins with / is the end of the one before: address/mask."""
    return re.sub(r" (/\d+)(?= |$)", r"\1", " ".join(words))


def fill(session, words, out=0):
    """
    The first line with all variables filled in that the session takes, the likeliest first. Raises Refused with the
    error that got furthest. A word that has several readings is tried with what stands before it: what is no start of
    a command is not followed.
    """
    words = [w for w in words if w != "file:"]
    choice = [values(w) for w in words]
    errors = []

    def follow(done):
        i = len(done)
        if i == len(words):
            line = line_of(done)
            e = session.would(line, out)
            if e is None:
                return line
            errors.append((line, e))
            return None
        for v in choice[i]:
            if len(choice[i]) > 1 and i + 1 < len(words):
                line = line_of(done + [v])
                e = session.would(line, out)
                if e and ("Unknown" in e or "Ambiguous" in e or f"Invalid value {v}" in e):
                    errors.append((line, e))
                    continue
            line = follow(done + [v])
            if line:
                return line
        return None

    line = follow([])
    if line:
        return line
    line, e = max(errors, key=lambda le: reach(*le))
    raise Refused(f"{e}    [as: {line}]")


def reach(line, error):
    """How many words were understood before the error."""
    m = re.search(r'Unknown command - "([^"]*)"', error)
    return line.split().index(m.group(1)) if m and m.group(1) in line.split() else 1000


# --- running ----------------------------------------------------------------------------------------------------


class Run:
    def __init__(self, program, text, verbose):
        self.s = Session(program)
        self.text = text
        self.verbose = verbose
        self.typed = 0
        self.failed = {}  # (line number, statement) -> (chapter, error)

    def fail(self, example, no, statement, error):
        self.failed.setdefault((no, statement), (example.chapter, error))

    def say(self, text):
        if self.verbose:
            print(text)

    def accept(self, e, no, statement, words):
        """
        Types one line. Where the manual leaves an `exit` or a `context` line out, it is typed for it.
        Returns the error or None.
        """
        first = None
        for out in range(max(self.s.depth, 1)):
            try:
                line = fill(self.s, words, out)
            except Refused as r:
                first = first or r
                continue
            for _ in range(out):
                self.s.type("exit")
            return self.enter(e, no, line)
        if self.s.depth == 1 and e.kind != "exec" and not self.s.type("context ctxt_name"):
            try:
                return self.enter(e, no, fill(self.s, words))
            except Refused:
                self.s.type("exit")
        return str(first)

    def enter(self, e, no, line):
        self.say(f"{e.chapter:3} {no:5} {' ' * self.s.depth}{line}")
        error = self.s.type(line)
        self.typed += 1
        if not error and self.s.depth:
            a = self.s.ask("round")
            error = None if a == "ok" else "round trip: " + a[4:]
        return error

    def join(self, stmts, i):
        """Is the statement incomplete, and complete with the next line? Then the page's width parted it."""
        no, text = stmts[i]
        if i + 1 == len(stmts):
            return False
        try:
            alone = [self.tried(w) for w in manual.expand(text)]
            both = [self.tried(w) for w in manual.expand(text + " " + stmts[i + 1][1])[:8]]
        except ValueError:
            return False
        if any(a and "Incomplete" in a for a in alone) and any(b is None for b in both):
            return True
        # or the next line is nothing by itself, and something as the end of this one
        first = stmts[i + 1][1].split()[0]
        unknown = all("Unknown" in (self.s.would(first, out) or "") for out in range(max(self.s.depth, 1)))
        return unknown and any(b is None for b in both)

    def tried(self, words, out=0):
        try:
            fill(self.s, words, out)
        except Refused as r:
            return str(r)
        return None

    def statement(self, e, no, text, variant):
        """Types a statement in all its ways; one that opens a mode stays open in the way that the variant says."""
        try:
            ways = manual.expand(text)
        except ValueError as v:
            self.fail(e, no, text, f"notation: {v}")
            return 1
        opens, depth = [], self.s.depth
        for words in ways:
            before = self.s.depth
            error = self.accept(e, no, text, words)
            if error and "exists already as" in error:
                self.remove(error[error.index("[as: ") + 5 : -1].split())
                error = self.accept(e, no, text, words)
            if error:
                self.fail(e, no, text, error)
            elif self.s.depth > before or (self.s.depth > 1 and self.s.depth == depth + 1):
                opens.append(words)
                if len(ways) > 1:
                    self.s.type("exit")
        if len(ways) > 1 and opens:
            words = opens[variant % len(opens)]
            error = self.accept(e, no, text, words)
            if error and "exists already as" in error:
                self.remove(error[error.index("[as: ") + 5 : -1].split())
                self.accept(e, no, text, words)
        return max(len(opens), 1)

    def remove(self, words):
        """Takes a block away, so that it may be made in another way."""
        for n in range(len(words), 1, -1):
            if not self.s.would("no " + " ".join(words[:n])):
                self.s.type("no " + " ".join(words[:n]))
                return

    def example(self, e, variant, without):
        """One pass over an example. Returns how many variants its opening lines have."""
        stmts = manual.statements(e.lines)
        if e.kind == "command" and e.mode == "exec" and stmts[0][1].startswith("show"):
            stmts = stmts[:1]  # what follows is what it prints
        whole = " ".join(t for _, t in stmts)
        self.s.start(e.mode, [lines for rule, lines, _ in BEFORE if any(re.search(rule, t) for _, t in stmts)])
        variants, i, last = 1, 0, self.s.depth
        while i < len(stmts):
            no, text = stmts[i]
            i += 1
            if text in manual.START and self.s.depth == 1:
                continue
            if text in without or (text in ("end", "exit") and i == len(stmts)):
                continue
            while self.join(stmts, i - 1):
                text += " " + stmts[i][1]
                stmts[i] = (no, text)
                i += 1
            variants = max(variants, self.statement(e, no, text, variant))
        for no, text in e.extra:
            if variant == 0:
                self.statement(e, no, text, variant)
        return variants

    def all(self, e):
        texts = [t for _, t in manual.statements(e.lines)]
        skips = [(a,) for x in EXCLUSIVE if x[0] in texts and x[1] in texts for a in x[:2]] or [()]
        for without in skips:
            variants, v = 1, 0
            while v < variants:
                variants = max(variants, self.example(e, v, without))
                v += 1


    def list(self, heading, way):
        """Each command that a list names is known in its mode; its values may be missing."""
        chapters = sorted((no, ch) for ch, no in manual.chapter_lines(self.text).items())
        names = manual.parameters(self.text, heading)
        if not names:
            raise SystemExit(f"examples.py: nothing under the heading {heading}")
        self.s.start("exec", [])
        for line in way:
            self.s.type(line)
        for no, text in names:
            chapter = max(ch for at, ch in chapters if at < no)
            for words in manual.expand(text):
                error = self.tried(words)
                self.typed += 1
                if error and "Incomplete" not in error:
                    self.failed.setdefault((no, text), (chapter, error))


def correct(text):
    """The manual without its mistakes."""
    for no, wrong, right, _ in MISTAKES:
        if wrong not in text[no - 1]:
            raise SystemExit(f"examples.py: line {no} of the manual does not say \"{wrong}\"")
        text[no - 1] = text[no - 1].replace(wrong, right)
    return text


def main():
    args = [a for a in sys.argv[1:] if not a.startswith("-")]
    where = args[1] if len(args) > 1 else os.environ.get("ORRERY_REFERENCE", "../shared/seed")
    files = sorted(glob.glob(os.path.join(where, "*.txt"))) if os.path.isdir(where) else [where]
    if not files or not os.path.exists(files[0]):
        print(f"the IPSec Reference is not there ({where}; ORRERY_REFERENCE names its place)")
        return 77
    text = correct(open(files[0], encoding="utf-8").read().split("\n"))
    run = Run(args[0], text, "-v" in sys.argv)
    found = manual.examples(text)
    for e in found:
        run.all(e)
    for heading, way in LISTS:
        run.list(heading, way)
    for (no, statement), (chapter, error) in sorted(run.failed.items()):
        print(f"chapter {chapter}, line {no}: {statement}\n    {error}")
    chapters = {e.chapter for e in found}
    print(f"{len(found)} examples of {len(chapters)} chapters: {run.typed} lines typed, {len(run.failed)} refused")
    if len(found) < EXAMPLES or chapters != CHAPTERS:
        print(f"{EXAMPLES} examples of {len(CHAPTERS)} chapters were expected")
        return 1
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
