#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the tests that docs/coverage names exist? `test_file name` in backquotes is a test of tests/unit or tests/exchange ("…" at its
end stands for any rest), further names behind it are of the same file; NAME.drill and NAME.sh are in tests/interop or tests/system.

usage: coverage.py     exit 1: something is named that is not there (printed)"""
import glob
import os
import re
import sys

TESTS = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(TESTS, "../docs/coverage")


def tests_of(name):
    found = set()
    for path in glob.glob(os.path.join(TESTS, "*", name + ".c")):
        with open(path) as f:
            text = f.read()
        found |= set(re.findall(r"^Test\(\w+, (\w+)[,)]", text, re.M)) | set(re.findall(r'{"(\w+)"', text)) # tests, rows of tables
    return found


def wrong(cell):
    """What the last column of a row names in vain."""
    here, known = None, None
    for token in re.findall(r"`([^`]+)`", cell):
        words = token.split()
        if words[0].startswith("test_"):
            here, known = words[0], tests_of(words[0])
            if not known:
                yield "no %s" % here
            words = words[1:]
        elif re.fullmatch(r"[\w/.-]+\.(drill|sh|py)", token):
            if not glob.glob(os.path.join(TESTS, "*", os.path.basename(token))) and not os.path.exists(os.path.join(TESTS, "..", token)):
                yield "no %s" % token
            continue
        elif not known or not re.fullmatch(r"\w+…?", token) or "_" not in token:
            continue
        for w in words[:1]:
            start = w.rstrip("…")
            if not any(k == start or (w.endswith("…") and k.startswith(start)) for k in known):
                yield "%s has no test %s" % (here, w)


def main():
    bad = []
    for path in sorted(glob.glob(os.path.join(DOCS, "ch*.md"))):
        with open(path) as f:
            for n, line in enumerate(f, 1):
                if line.startswith("|"):
                    cell = line.rstrip().rstrip("|").split("|")[-1]
                    bad += ["%s:%d: %s" % (os.path.basename(path), n, w) for w in wrong(cell)]
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
