#!/usr/bin/env python3
"""Every show command of the grammar that needs no argument, through `| json`. usage: shows.py ORRERY NAME
Reads the grammar's own files, writes each pattern out (with its optional words, one group at a time), sends all in one session and
parses the answers. A command that says it is not there yet must be declared so; what is refused for another reason is a failure,
and every handler that the grammar names must be one of the program's."""
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
def tokens(pattern):
    return re.findall(r"<[^>]*>(?:\*\d+)?|[\]}]\+|[\[\]{}|]|[^\s\[\]{}|<>]+", pattern)


def parse(t, i=0):
    """A list of alternatives, each a list of words, ('opt', alts) and ('one', alts)."""
    alts, seq = [], []
    while i < len(t) and t[i] not in ("]", "}", "]+", "}+"):
        if t[i] == "|":
            alts.append(seq)
            seq = []
        elif t[i] in "[{":
            kind = "opt" if t[i] == "[" else "one"
            inner, i = parse(t, i + 1)
            seq.append((kind, inner))
            # a label, "}=what": not a word
            if i + 1 < len(t) and t[i + 1].startswith("="):
                i += 1
        else:
            seq.append(t[i])
        i += 1
    alts.append(seq)
    return alts, i


def has_value(line):
    return any(w.startswith("<") for w in line)


def lines(alts):
    """Every line of these alternatives, with each optional group once without and once with each of its branches."""
    out = []
    for seq in alts:
        here = [[]]
        for item in seq:
            if isinstance(item, str):
                here = [h + [item] for h in here]
                continue
            more = lines(item[1])
            here = [h + m for h in here for m in ([[]] if item[0] == "opt" else []) + more]
        out += here
    return [x for x in out if not has_value(x)]


def commands():
    found, sources = [], ""
    for name in glob.glob(os.path.join(ROOT, "tasks/cli/*.c")):
        with open(name) as f:
            sources += f.read()
    for name in sorted(glob.glob(os.path.join(ROOT, "cli/grammar/*.grm"))):
        with open(name) as f:
            text = re.sub(r"^\s*#.*$", "", f.read(), flags=re.M)
        mode = ""
        for m in re.finditer(r'^in ([\w,-]+)|^exec ((?:"[^"]*"\s*)+)((?:[^"\n]|"[^"]*"|\n(?!exec|conf|in |words|mode|enum))*)', text, re.M):
            if m.group(1):
                mode = m.group(1)
                continue
            pattern = "".join(re.findall(r'"([^"]*)"', m.group(2)))
            handler = re.search(r"\bhandler (\w+)", m.group(3))
            if handler and '{"%s",' % handler.group(1) not in sources:
                print("%s: there is no handler %s" % (pattern, handler.group(1)))
                found.append((pattern, None))
            if mode != "exec" or not pattern.startswith("show "):
                continue
            rest = re.sub(r'"[^"]*"', '""', m.group(3))
            if re.search(r"\b(test|hidden)\b", rest):
                continue
            for line in lines(parse(tokens(pattern))[0]):
                found.append((" ".join(line), "missing" in rest.split()))
    return found


def main():
    todo = commands()
    bad = sum(1 for _, declared in todo if declared is None)
    todo = [t for t in todo if t[1] is not None]
    script = "no timestamps\n" + "".join(c + " | json\n" for c, _ in todo)
    r = subprocess.run([sys.argv[1], "cli", "--name", sys.argv[2]], input=script, capture_output=True, text=True, timeout=300)
    text, at, parsed, missing = r.stdout, 0, 0, 0
    decoder = json.JSONDecoder()
    for command, declared in todo:
        while at < len(text) and text[at] == "\n":
            at += 1
        if text[at:at + 1] in ("{", "["):
            try:
                _, at = decoder.raw_decode(text, at)
            except ValueError as e:
                print("%s | json: %s: %s" % (command, e, text[at:at + 300]))
                return 1
            parsed += 1
            if declared:
                print("%s | json: declared as missing, and answers" % command)
                bad += 1
            continue
        end = text.find("\n", at)
        line, at = text[at:end], end + 1
        if declared and "not available yet" in line:
            missing += 1
        else:
            print("%s | json: %s" % (command, line))
            bad += 1
    if text[at:].strip():
        print("more than was asked for: " + text[at:at + 300])
        bad += 1
    print("%d commands: %d answered in JSON, %d declared as missing" % (len(todo), parsed, missing))
    return 1 if bad or parsed < 120 else 0


sys.exit(main())
