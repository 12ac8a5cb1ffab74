# SPDX-License-Identifier: MIT
"""Every rule of the checker seen red: a whole history and chassis that it accepts, and one broken copy for each rule."""
import copy
import unittest

import check
import faults


def event(t, peer, op, kind, ike="a1/01a1", esp=None, reason=None):
    e = {"t": t, "peer": peer, "op": op, "type": kind, "ike_spi": ike}
    if esp:
        e["esp_spi"] = esp
    if reason:
        e["reason"] = reason
    return e


def good():
    """Two peers; the first was deleted and came again, the second rekeyed both."""
    history = [
        event(1, 1, "setup", "invoke", "a0/00"), event(2, 1, "setup", "ok", "a0/01a0", "e0/01e0"),
        event(3, 2, "setup", "invoke", "b0/00"), event(4, 2, "setup", "ok", "b0/02b0", "f0/02f0"),
        event(5, 1, "delete", "invoke", "a0/01a0"), event(6, 1, "delete", "ok", "a0/01a0", reason="deleted locally"),
        event(7, 1, "setup", "invoke", "a1/00"), event(8, 1, "setup", "fail", "a1/00", reason="no address"),
        event(9, 1, "setup", "invoke", "a1/00"), event(10, 1, "setup", "ok", "a1/01a1", "e1/01e1"),
        event(11, 2, "rekey-ike", "invoke", "b0/02b0"), event(12, 2, "rekey-ike", "ok", "b1/02b1"),
        event(13, 2, "rekey", "invoke", "b1/02b1"), event(14, 2, "rekey", "ok", "b1/02b1", "f1/02f1"),
    ]
    peers = [
        {"peer": 1, "state": "established", "ike_spi": "a1/01a1", "esp_spi": "e1/01e1", "inner": "10.0.0.1", "seq_reused": 0},
        {"peer": 2, "state": "established", "ike_spi": "b1/02b1", "esp_spi": "f1/02f1", "inner": "10.0.0.2", "seq_reused": 0},
    ]

    def ike(spi, peer_spi, n):
        return {"spi": spi, "peer_spi": peer_spi, "instance": n, "state": "ESTABLISHED", "peer_id": f"enb-{n}",
                "remote": f"100.64.0.{n}", "callid": f"c{n}"}

    def esp(spi_in, spi_out, ike_spi, n):
        return {"spi_in": spi_in, "spi_out": spi_out, "ike_spi": ike_spi, "peer_id": f"enb-{n}",
                "data": {"out": {"sequence": 7, "mark": 65536}}}

    def call(n, key):
        return {"callid": f"c{n}", "ike_key": key, "address": f"10.0.0.{n}", "sessmgr": n}

    def task(card, facility, instance, pid, state="active"):
        return {"card": card, "facility": facility, "instance": instance, "pid": pid, "state": state, "process": "S"}
    ps = [task(2, "ipsecmgr", 1, 21), task(3, "ipsecmgr", 2, 31), task(2, "sessmgr", 1, 22), task(3, "aaamgr", 1, 32),
          task(10, "sessmgr", 0, 41, "standby"), task(5, "srdb", 0, 51), task(2, "iftask", 20, 23)]
    cards = {"problem": "", "cards": [{"type": "DPC2", "state": "active"}, {"type": "DPC2", "state": "standby"}]}
    return history, peers, {
        "ike": [ike("01a1", "a1", 1), ike("02b1", "b1", 2)],
        "esp": [esp("01e1", "e1", "01a1", 1), esp("02f1", "f1", "02b1", 2)],
        "calls": [call(1, "01a1"), call(2, "02b1")], "total": 2,
        "ps": ps, "ps_before": copy.deepcopy(ps), "cards": cards, "cards_before": copy.deepcopy(cards),
        "processes": {p["pid"]: (p["facility"], "net:1") for p in ps}, "known": {p["pid"] for p in ps}, "spaces": {"net:1"},
        "recovery": {"ready": True, "moving": False}, "alarms": [],
    }


class Checker(unittest.TestCase):
    def setUp(self):
        self.history, self.peers, self.state = good()

    def found(self):
        return {f["rule"] for f in check.history_rules(self.history) + check.state_rules(self.history, self.peers, self.state)}

    def red(self, *rules):
        self.assertEqual(self.found(), set(rules))

    def test_whole(self):
        self.red()

    # the history

    def test_outcome_without_invocation(self):
        self.history.append(event(20, 2, "rekey", "ok", "b1/02b1", "f1/02f1"))
        self.red("history")

    def test_two_invocations(self):
        self.history += [event(20, 2, "rekey", "invoke"), event(21, 2, "rekey", "invoke"), event(22, 2, "rekey", "ok")]
        self.red("history")

    def test_unknown_type(self):
        self.history.append(event(20, 2, "rekey", "perhaps"))
        self.red("history")

    def test_last_words_differ(self):
        self.history[-3]["ike_spi"] = "b2/02b2"
        self.red("history")

    def test_went_down(self):
        self.history += [event(20, 1, "down", "info", reason="deleted by the peer"),
                         event(21, 1, "setup", "invoke"), event(22, 1, "setup", "ok")]
        self.red("lost")

    def test_refused_for_no_reason_of_a_fault(self):
        self.history[7]["reason"] = "authentication failed"
        self.red("refused")

    def test_no_outcome(self):
        self.history.append(event(20, 2, "rekey", "invoke", "b1/02b1"))
        self.red("unsettled")

    def test_not_established(self):
        self.peers[0]["state"] = "starting"
        self.red("unsettled", "ghost")

    def test_number_twice(self):
        self.peers[1]["seq_reused"] = 1
        self.red("sequence")

    # both sides

    def test_chassis_forgot_an_ike_sa(self):
        del self.state["ike"][0]
        self.red("missing")

    def test_chassis_has_an_ike_sa_of_nobody(self):
        self.state["ike"].append(dict(self.state["ike"][0], spi="01aa", peer_spi="aa"))
        self.red("ghost")

    def test_chassis_has_what_was_deleted(self):
        self.state["ike"].append(dict(self.state["ike"][0], spi="01a0", peer_spi="a0"))
        self.red("ghost")

    def test_chassis_may_have_what_nobody_knows(self):
        self.history[5].update(type="unknown", reason="no answer")
        self.state["ike"].append(dict(self.state["ike"][0], spi="01a0", peer_spi="a0"))
        self.state["esp"].append(dict(self.state["esp"][0], spi_in="01e0", ike_spi="01a0"))
        self.red()

    def test_chassis_may_not_keep_what_was_answered(self):
        self.history.append(event(20, 2, "rekey", "unknown", "b1/02b1"))
        self.red("history")

    def test_ike_sa_twice(self):
        self.state["ike"].append(dict(self.state["ike"][0]))
        self.red("twice")

    def test_chassis_forgot_a_child(self):
        del self.state["esp"][1]
        self.red("missing")

    def test_child_with_another_key_of_the_peer(self):
        self.state["esp"][1]["spi_out"] = "f0"
        self.red("missing")

    def test_child_of_another_ike_sa(self):
        self.state["esp"][1]["ike_spi"] = "01a1"
        self.red("missing")

    def test_child_of_nobody(self):
        self.state["esp"].append(dict(self.state["esp"][0], spi_in="01ee"))
        self.red("ghost")

    def test_child_twice(self):
        self.state["esp"].append(dict(self.state["esp"][0]))
        self.red("twice")

    def test_child_in_no_data_path(self):
        self.state["esp"][0]["data"] = {}
        self.red("missing")

    def test_number_above_the_mark(self):
        self.state["esp"][0]["data"]["out"]["sequence"] = 65537
        self.red("sequence")

    def test_session_missing(self):
        del self.state["calls"][0]
        self.state["total"] = 1
        self.red("missing")

    def test_session_of_nobody(self):
        self.state["total"] = 3
        self.red("ghost")

    def test_session_of_another_call(self):
        self.state["calls"][0]["callid"] = "c9"
        self.red("missing")

    def test_two_sessions_of_one_sa(self):
        self.state["calls"].append({"callid": "c3", "ike_key": "02b1", "address": "10.0.0.2", "sessmgr": 1})
        self.assertIn("twice", self.found())

    def test_address_of_two(self):
        self.state["calls"][0]["address"] = "10.0.0.2"
        self.red("twice", "address")

    # the chassis

    def test_two_owners(self):
        self.state["ps"].append(dict(self.state["ps"][0], card=10, pid=42))
        self.state["known"].add(42)
        self.red("owner")

    def test_one_process_for_two(self):
        self.state["ps"][1]["pid"] = 21
        self.state["processes"].pop(31)
        self.red("owner")

    def test_owner_is_gone(self):
        self.state["ps"][0]["process"] = ""
        self.red("owner")

    def test_nobody_runs_it(self):
        del self.state["ps"][5]
        self.state["processes"].pop(51)
        self.red("owner")

    def test_one_more_runs(self):
        self.state["ps"].append(dict(self.state["ps"][0], instance=3, pid=42))
        self.state["known"].add(42)
        self.red("owner")

    def test_pair_on_one_card(self):
        self.state["ps"][3]["card"] = 2
        self.red("placement")

    def test_stray_process(self):
        self.state["processes"][99] = ("sessmgr", "net:1")
        self.red("stray")

    def test_stray_namespace(self):
        self.state["processes"][21] = ("ipsecmgr", "net:9")
        self.red("stray")

    def test_not_ready(self):
        self.state["recovery"]["ready"] = False
        self.red("recovery")

    def test_no_spare(self):
        self.state["cards"]["cards"][1]["state"] = "booting"
        self.red("recovery")

    def test_no_home(self):
        self.state["cards"]["problem"] = "sessmgr 3 has no card"
        self.red("recovery")

    def test_alarm(self):
        self.state["alarms"] = ["card 2 SPOF"]
        self.red("alarm")

    def test_no_answer(self):
        self.assertFalse(check.answered({"received": 2, "established": 2, "peers_unanswered": 0}))
        self.assertTrue(check.answered({"received": 5, "established": 2, "peers_unanswered": 1}))
        self.assertTrue(check.answered({"received": 0, "established": 2, "peers_unanswered": 0}))

    def test_story_names_the_peer(self):
        lines = check.story(self.history, [check.finding("lost", "", 2)])
        self.assertEqual(len(lines), 6)
        self.assertTrue(all("peer 2" in line for line in lines))


class Plan(unittest.TestCase):
    def test_seed_is_the_order(self):
        self.assertEqual(faults.plan(7), faults.plan(7))
        self.assertNotEqual(faults.plan(7), faults.plan(8))

    def test_doubles_are_promised(self):
        for seed in range(500):
            steps = faults.plan(seed)
            self.assertGreaterEqual(len(steps), faults.STEPS)
            for a, b in zip(steps, steps[1:]):
                if faults.double(b) and a.row.needs in faults.SECOND and not faults.double(a):
                    if b.wait <= 0.1:  # surely a second one, not a first that came soon
                        self.assertIn(b.row.name, faults.SECOND[a.row.needs])

    def test_every_row_is_drawn(self):
        self.assertEqual({s.row.name for seed in range(500) for s in faults.plan(seed)}, {r.name for r in faults.TABLE})

    def test_every_row_has_words(self):
        status = {"cards": [{"slot": n, "type": t, "state": s} for n, t, s in (
            (1, "DPC2", "active"), (2, "DPC2", "active"), (5, "MIO", "active"), (6, "MIO", "standby"),
            (10, "DPC2", "standby"), (11, "SSC", "active"), (14, "FSC", "active"))]}
        for r in faults.TABLE:
            words = faults.words(faults.Step(r, 0, 3, 5), status, [("sessmgr", 1), ("srdb", 0)])
            self.assertIn(words[0][0], ("fault", "cli", "kill-standby"), r.name)
            self.assertEqual(bool(words[1]), r.seconds > 0, r.name)


if __name__ == "__main__":
    unittest.main()
