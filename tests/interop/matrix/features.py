#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The features proven with strongSwan, as a table behind that of the algorithms: features.tsv says which stage of which drill
(or which script) proves what, the results of a run of the tests say whether it held.

usage: features.py RESULTS FILE     RESULTS: what ORRERY_RESULTS=RESULTS tests/run interop has left; the table is added to FILE
       features.py --check          does each row name a stage that is there? exit 1: no"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..")


def rows():
    with open(os.path.join(HERE, "features.tsv")) as f:
        return [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]


def stages(name):
    with open(os.path.join(TESTS, name)) as f:
        return [line[len('stage "'):].rstrip()[:-1] for line in f if line.startswith('stage "')]


def check():
    bad = []
    for r in rows():
        if len(r) != 4 or not os.path.exists(os.path.join(TESTS, r[2])):
            bad.append("no such row or test: %s" % r)
        elif r[3] != "-" and r[3] not in stages(r[2]):
            bad.append("%s has no stage \"%s\"" % (r[2], r[3]))
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


def result(where, name, stage):
    try:
        with open(os.path.join(where, name + (".status" if stage == "-" else ".json"))) as f:
            if stage == "-":
                return {"0": "passed", "77": "skipped"}.get(f.read().strip(), "FAILED")
            found = [s for d in json.load(f)["drills"] for s in d["stages"] if s["title"] == stage]
    except (OSError, ValueError):
        return "not run"
    return "passed" if found and found[0]["passed"] else "FAILED"


def main():
    if sys.argv[1:] == ["--check"]:
        return check()
    where, path = sys.argv[1:]
    with open(path, "a") as f:
        f.write("\n## Features\n\nOne row is one stage of a drill in `tests/interop`, or one script there. strongSwan begins the exchange, "
                "answers it, or both in turn.\n\n| feature | strongSwan is | proven by | result |\n|---|---|---|---|\n")
        for feature, role, name, stage in rows():
            f.write("| %s | %s | %s | %s |\n" % (feature, role, name, result(where, name, stage)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
