# SPDX-License-Identifier: MIT
"""
What the chaos test breaks, and when it may. TABLE is the promise of docs/recovery.md as rows: a fault, how often it is
chosen, and what the chassis must say of itself before it. plan() draws the order of faults from a seed and nothing else,
so a seed is its order; a target is a role ("the second active processing card"), not a slot. Called by run.
"""
import collections
import random

# needs: what is promised to survive it
#   anything    in any state: tasks recover from the store and from each other, however many fall
#   redundancy  a processing card: the chassis says it is ready for recovery, no move is under way, a card stands by
#   both-mios   the active management card: the other one stands by
#   all-cards   a status or fabric card: every other one is there
# after: it ends by itself (kill), or is taken back after so many seconds (undo)
Row = collections.namedtuple("Row", "name weight needs seconds")
TABLE = (
    Row("kill task", 10, "anything", 0),
    Row("hang task", 3, "anything", 0),
    Row("kill standby-task", 2, "anything", 0),
    Row("slow task", 2, "anything", 2),
    Row("memory task", 2, "anything", 1),
    Row("disk full", 3, "anything", 1.5),
    Row("loss port", 3, "anything", 1.5),
    Row("clock", 1, "anything", 1),
    Row("kill card", 4, "redundancy", 0),
    Row("hang card", 2, "redundancy", 0),
    Row("pull card", 2, "redundancy", 1),
    Row("cut cards", 2, "redundancy", 1),
    Row("slow card", 1, "redundancy", 2),
    Row("migrate card", 3, "redundancy", 0),
    Row("halt card", 2, "redundancy", 1),
    Row("reboot card", 2, "redundancy", 0),
    Row("kill standby-card", 1, "redundancy", 0),
    Row("kill mio", 4, "both-mios", 0),
    Row("hang mio", 2, "both-mios", 0),
    Row("switch mio", 3, "both-mios", 0),
    Row("kill standby-mio", 1, "both-mios", 0),
    Row("kill fabric-card", 1, "all-cards", 0),
)
# The second of two within 200 ms: what docs/recovery.md, "Two failures at once", promises beside the first.
SECOND = {
    "redundancy": ("kill task", "hang task", "kill mio", "kill card"),
    "both-mios": ("kill task", "hang task", "kill card"),
    "anything": ("kill task", "hang task"),
    "all-cards": ("kill task",),
}
STEPS = 8
DOUBLES = 0.35

Step = collections.namedtuple("Step", "row wait pick value")  # wait: seconds after the last one; pick, value: random


def row(name):
    return next(r for r in TABLE if r.name == name)


def step(rng, r, wait):
    return Step(r, round(wait, 3), rng.randrange(1 << 30), rng.randrange(1 << 30))


def plan(seed, steps=STEPS):
    rng = random.Random(seed)
    out = []
    while len(out) < steps:
        r = rng.choices(TABLE, [t.weight for t in TABLE])[0]
        out.append(step(rng, r, rng.uniform(0.1, 1.2)))
        if rng.random() < DOUBLES:
            out.append(step(rng, row(rng.choice(SECOND[r.needs])), rng.uniform(0.0, 0.2)))
    return out


def double(step_):
    """It follows at once: the state the chassis was in before the first is what counts for both."""
    return step_.wait <= 0.2


def choose(items, n):
    items = sorted(items)
    return items[n % len(items)] if items else None


def cards(status, kind, state):
    return [c["slot"] for c in status["cards"] if c["type"].startswith(kind) and c["state"] == state]


def words(s, status, tasks):
    """A step in the words of `orrery fault` or of the CLI: (verb list, undo list or None); None: nobody plays that role now.
    tasks: (facility, instance) before the faults, so that a seed names the same tasks whatever happened since."""
    name = s.row.name
    verb, what = name.split(" ") if " " in name else (name, "")
    if what == "task":
        f = choose({t[0] for t in tasks}, s.pick)
        i = str(choose({t[1] for t in tasks if t[0] == f}, s.value))
        extra = {"slow": [str(5 + s.value % 40)], "memory": [str(20 + s.value % 80)]}.get(verb, [])
        return ["fault", verb, "task", f, i, *extra], ["fault", "undo", verb, "task", f, i] if extra else None
    if what == "standby-task":
        return ["kill-standby", str(s.pick)], None
    if name == "disk full":
        return ["fault", "disk", "full"], ["fault", "undo", "disk"]
    if name == "loss port":
        port = ("5/10", "5/11")[s.pick % 2]
        return ["fault", "loss", "port", port, str(5 + s.value % 30)], ["fault", "undo", "loss", "port", port]
    if name == "clock":
        return ["fault", "clock", ("+3600", "-3600", "+86400", "-60")[s.pick % 4]], ["fault", "undo", "clock"]
    return card_words(verb, what, s, status)


def card_words(verb, what, s, status):
    role = {"card": ("DPC", "active"), "standby-card": ("DPC", "standby"), "mio": ("MIO", "active"),
            "standby-mio": ("MIO", "standby"), "cards": ("DPC", "active"), "fabric-card": ("", "active")}[what]
    slots = cards(status, *role) if what != "fabric-card" else cards(status, "FSC", "active") + cards(status, "SSC", "active")
    spare = choose(cards(status, role[0], "standby"), 0)
    slot = choose(slots, s.pick)
    if slot is None or (verb in ("migrate", "switch") and spare is None):
        return None
    n = str(slot)
    if verb == "migrate":
        return ["cli", f"card migrate from {n} to {spare} -noconfirm"], None
    if verb == "switch":
        return ["cli", f"card switch from {n} to {spare} -noconfirm"], None
    if verb == "halt":
        return ["cli", f"card halt {n} -noconfirm"], ["cli", f"card reboot {n} -force -noconfirm"]
    if verb == "reboot":
        return ["cli", f"card reboot {n} -noconfirm"], None
    if verb == "pull":
        return ["fault", "pull", "card", n], ["fault", "insert", "card", n]
    if verb == "slow":
        return ["fault", "slow", "card", n, str(20 + s.value % 50)], ["fault", "undo", "slow", "card", n]
    if verb == "cut":
        other = choose({c["slot"] for c in status["cards"] if c["type"] in ("DPC2", "MIO")} - {slot}, s.value)
        return ["fault", "cut", "cards", n, str(other)], ["fault", "heal", "cards", n, str(other)]
    return ["fault", verb, "card", n], None
