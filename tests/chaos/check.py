# SPDX-License-Identifier: MIT
"""
The checker of the chaos test: compares what every simulated peer saw with what the chassis says. Pure functions over
plain data, each returns a list of findings (empty: the rule holds); test_check.py feeds each a broken history. After
Jepsen: an operation is invoked and ends ok (it happened), fail (it did not) or unknown (it may have). Called by run.

history   the peers' events, in order: {t, peer, op, type, ike_spi, esp_spi, reason}; SPIs are "peer's/chassis'"
peers     the peers' own list at the end: {peer, state, ike_spi, esp_spi, inner, seq_reused}
ike, esp  `show crypto ikev2-ikesa | ipsec security-associations`: {spi, peer_spi, …}, {spi_in, spi_out, ike_spi, …}
calls     `show subscribers debug-info`: {callid, username, address, ike_key, sessmgr, …}
ps        the backplane's tasks: {card, facility, instance, state, pid, process}
"""
import collections

OPS = ("setup", "rekey", "rekey-ike", "delete")
# With which a set-up may be refused while something is broken; another reason is a wrong answer at any time.
REFUSALS = {None, "no address", "the peer reported an error", "checkpoint refused", "no answer", "set-up timed out",
            "no child SA"}  # the gateway had no address at that moment


def finding(rule, text, peer=None):
    return {"rule": rule, "text": text, "peer": peer}


# --- the history by itself


def well_formed(history):
    """One outcome per invocation, none without, one operation of a kind at a time."""
    found, under_way = [], set()
    for e in history:
        key = (e["peer"], e["op"])
        if e["type"] == "invoke":
            if key in under_way:
                found.append(finding("history", f"peer {e['peer']}: {e['op']} invoked twice without an outcome", e["peer"]))
            under_way.add(key)
        elif e["type"] in ("ok", "fail", "unknown"):
            if key not in under_way:
                found.append(finding("history", f"peer {e['peer']}: {e['op']} {e['type']} was never invoked", e["peer"]))
            under_way.discard(key)
        elif e["type"] != "info":
            found.append(finding("history", f"peer {e['peer']}: unknown type {e['type']}", e["peer"]))
    return found


def nothing_lost(history):
    """No established tunnel ended but by its peer's own wish."""
    return [finding("lost", f"peer {e['peer']}: the tunnel {e['ike_spi']} went down, {e.get('reason')}", e["peer"])
            for e in history if e["op"] == "down"]


def refusals_have_reasons(history):
    return [finding("refused", f"peer {e['peer']}: {e['op']} refused, {e.get('reason')}", e["peer"])
            for e in history if e["op"] == "setup" and e["type"] == "fail" and e.get("reason") not in REFUSALS]


def pending(history):
    """Operations without an outcome."""
    under_way = {}
    for e in history:
        if e["type"] == "invoke":
            under_way[e["peer"], e["op"]] = e
        else:
            under_way.pop((e["peer"], e["op"]), None)
    return list(under_way.values())


def unknown_spis(history):
    """IKE SPIs of the peers' side that the chassis may or may not still have."""
    return {e["ike_spi"].split("/")[0] for e in history if e["type"] == "unknown"} | \
        {e["ike_spi"].split("/")[0] for e in pending(history) if e["op"] in ("setup", "delete")}


# --- the peers against the history


def settled(history, peers):
    """All is answered, every peer is up, and its last words are what it has."""
    found = [finding("unsettled", f"peer {e['peer']}: {e['op']} has no outcome yet", e["peer"])
             for e in pending(history) if e["op"] != "rekey-ike"]  # one that collided is tried again at leisure
    last = {}
    for e in history:
        if e["type"] in ("ok", "info") and e["op"] in ("setup", "rekey-ike"):
            last[e["peer"]] = e["ike_spi"]
    for p in peers:
        if p["state"] != "established":
            found.append(finding("unsettled", f"peer {p['peer']} is {p['state']}, {p.get('reason')}", p["peer"]))
        elif last.get(p["peer"]) != p["ike_spi"]:
            found.append(finding("history", f"peer {p['peer']} has {p['ike_spi']}, its history says "
                                 f"{last.get(p['peer'])}", p["peer"]))
    return found


def no_number_twice(peers):
    return [finding("sequence", f"peer {p['peer']}: {p['seq_reused']} ESP sequence numbers came twice", p["peer"])
            for p in peers if p["seq_reused"]]


# --- the peers against the chassis


def same_ike(history, peers, ike):
    """What a peer has the chassis has, and the other way round, but for what nobody can know."""
    found, maybe = [], unknown_spis(history)
    have = collections.Counter((s["peer_spi"], s["spi"]) for s in ike)
    for p in peers:
        if p["state"] != "established":
            continue
        key = tuple(p["ike_spi"].split("/"))
        if not have.pop(key, 0):
            found.append(finding("missing", f"peer {p['peer']}: the chassis has no IKE SA {p['ike_spi']}", p["peer"]))
    by_id = {s["peer_spi"]: s for s in ike}
    for (peer_spi, spi), n in have.items():
        if peer_spi not in maybe:
            s = by_id[peer_spi]
            found.append(finding("ghost", f"ipsecmgr {s['instance']} has IKE SA {spi} ({s['state']}) of "
                                 f"{s['peer_id']}, {s['remote']}, that no peer has", peer_number(s["peer_id"])))
    for key, n in collections.Counter(s["spi"] for s in ike).items():
        if n > 1:
            found.append(finding("twice", f"IKE SA {key} is there {n} times"))
    return found


def peer_number(peer_id):
    tail = peer_id.rsplit("-", 1)[-1]
    return int(tail) if tail.isdigit() else None


def same_esp(history, peers, ike, esp):
    found, maybe = [], unknown_spis(history)
    of_maybe = {s["spi"] for s in ike if s["peer_spi"] in maybe}
    have = {}
    for s in esp:
        if s["spi_in"] in have:
            found.append(finding("twice", f"child SA {s['spi_in']} is there twice"))
        have[s["spi_in"]] = s
    for p in peers:
        if p["state"] != "established":
            continue
        own, theirs = p.get("esp_spi", "/").split("/")
        s = have.pop(theirs, None)
        if not s or s["spi_out"] != own:
            found.append(finding("missing", f"peer {p['peer']}: the chassis has no child SA {own}/{theirs}", p["peer"]))
            continue
        if s["ike_spi"] != p["ike_spi"].split("/")[1]:
            found.append(finding("missing", f"peer {p['peer']}: child SA {theirs} is of IKE SA {s['ike_spi']}", p["peer"]))
        found += in_data_path(p, s)
    for spi, s in have.items():
        if s["ike_spi"] not in of_maybe:
            found.append(finding("ghost", f"child SA {spi} of {s['peer_id']} that no peer has", peer_number(s["peer_id"])))
    return found


def in_data_path(peer, s):
    """A child SA is where it carries traffic, with its numbers below the mark that is durable."""
    data = s.get("data") or {}
    if not data.get("out"):
        return [finding("missing", f"peer {peer['peer']}: no iftask has child SA {s['spi_in']}", peer["peer"])]
    if data["out"]["sequence"] > data["out"]["mark"]:
        return [finding("sequence", f"peer {peer['peer']}: number {data['out']['sequence']} is above the mark "
                        f"{data['out']['mark']}", peer["peer"])]
    return []


def same_calls(peers, ike, calls, total):
    """Sessions, IKE SAs and addresses belong together one to one."""
    found, by_key, ids = [], {}, set()
    for c in calls:
        if c["ike_key"] in by_key:
            found.append(finding("twice", f"IKE SA {c['ike_key']} has two sessions"))
        if c["callid"] in ids:
            found.append(finding("twice", f"call {c['callid']} is there twice"))
        by_key[c["ike_key"]] = c
        ids.add(c["callid"])
    for a, n in collections.Counter(c["address"] for c in calls).items():
        if n > 1:
            found.append(finding("twice", f"address {a} is in use by {n} sessions"))
    if total != len(calls):
        found.append(finding("ghost" if total > len(calls) else "missing",
                             f"the sessmgrs have {total} sessions, {len(calls)} belong to a tunnel"))
    sas = {s["spi"]: s for s in ike}
    for p in peers:
        if p["state"] != "established":
            continue
        sa = sas.get(p["ike_spi"].split("/")[1])
        call = by_key.get(sa["spi"]) if sa else None
        if sa and (not call or call["callid"] != sa["callid"]):
            found.append(finding("missing", f"peer {p['peer']}: IKE SA {sa['spi']} has no session {sa['callid']}", p["peer"]))
        elif call and call["address"] != p["inner"]:
            found.append(finding("address", f"peer {p['peer']} has {p['inner']}, its session {call['address']}", p["peer"]))
    return found


# --- the chassis by itself


def one_owner(ps):
    """No number of a facility active twice, no process for two, each of them alive."""
    found, owner, pids = [], {}, {}
    for t in ps:
        name = f"{t['facility']} {t['instance']}"
        if t["state"] == "active":
            if name in owner and (t["facility"], t["instance"]) != ("cli", 0):
                found.append(finding("owner", f"{name} is active on card {owner[name]} and on card {t['card']}"))
            owner[name] = t["card"]
        if t["pid"] in pids:
            found.append(finding("owner", f"process {t['pid']} is {name} and {pids[t['pid']]}"))
        pids[t["pid"]] = name
        if t["process"] not in ("R", "S", "D"):
            found.append(finding("owner", f"process {t['pid']} of {name} on card {t['card']} is {t['process'] or 'gone'}"))
    return found


def all_there(before, ps):
    """The numbers that were active before the faults are, and no others; sessmgr N and aaamgr N on different cards."""
    def active(tasks):
        return {(t["facility"], t["instance"]) for t in tasks if t["state"] == "active" and t["facility"] not in ("cli", "iftask")}
    found = [finding("owner", f"{f} {i} does not run") for f, i in sorted(active(before) - active(ps))]
    found += [finding("owner", f"{f} {i} runs, and did not before") for f, i in sorted(active(ps) - active(before))]
    card = {(t["facility"], t["instance"]): t["card"] for t in ps if t["state"] == "active"}
    found += [finding("placement", f"sessmgr {i} and its aaamgr are both on card {c}") for (f, i), c in card.items()
              if f == "sessmgr" and card.get(("aaamgr", i)) == c]
    return found


def no_strays(processes, known, spaces):
    """processes: {pid: (name, network namespace)} of this chassis on the machine; known: what the backplane says."""
    found = [finding("stray", f"process {pid} ({name}) is no part of the chassis any more")
             for pid, (name, _) in sorted(processes.items()) if pid not in known]
    found += [finding("stray", f"process {pid} ({name}) is in a namespace {ns} that was not there before")
              for pid, (name, ns) in sorted(processes.items()) if ns and ns not in spaces]
    return found


def redundant(recovery, cards, alarms, before):
    """Ready for the next failure, every card back in one of its roles, no alarm left."""
    found = []
    if not recovery["ready"] or recovery["moving"]:
        found.append(finding("recovery", f"ready {recovery['ready']}, moving {recovery['moving']}"))
    if cards["problem"]:
        found.append(finding("recovery", cards["problem"]))
    roles, were = ([(c["type"], c["state"]) for c in side["cards"]] for side in (cards, before))
    for role in sorted(set(roles) | set(were)):
        if roles.count(role) != were.count(role):
            found.append(finding("recovery", f"{roles.count(role)} {role[0]} cards are {role[1] or 'absent'}, "
                                 f"{were.count(role)} were"))
    found += [finding("alarm", f"still raised: {a}") for a in alarms]
    return found


def answered(status):
    """After the mark every tunnel had an answer."""
    if status["received"] >= status["established"] and not status["peers_unanswered"]:
        return []
    return [finding("traffic", f"{status['peers_unanswered']} tunnels have no answer to an echo")]


# --- all of it


def history_rules(history):
    """What no later event can heal."""
    return well_formed(history) + nothing_lost(history) + refusals_have_reasons(history)


def state_rules(history, peers, s):
    """s: the snapshot of the chassis after healing, by the names above."""
    return (settled(history, peers) + no_number_twice(peers) + same_ike(history, peers, s["ike"]) +
            same_esp(history, peers, s["ike"], s["esp"]) + same_calls(peers, s["ike"], s["calls"], s["total"]) +
            one_owner(s["ps"]) + all_there(s["ps_before"], s["ps"]) +
            no_strays(s["processes"], s["known"], s["spaces"]) +
            redundant(s["recovery"], s["cards"], s["alarms"], s["cards_before"]))


def story(history, found, around=12):
    """The slice of the history that belongs to the findings: the last events of each peer named."""
    lines = []
    for peer in sorted({f["peer"] for f in found if f["peer"]})[:5]:
        for e in [e for e in history if e["peer"] == peer][-around:]:
            lines.append(f"{e['t'] / 1e6:12.3f}  peer {peer:<4} {e['op']:<10} {e['type']:<8} {e['ike_spi']} "
                         f"{e.get('esp_spi', '')} {e.get('reason', '')}".rstrip())
    return lines
