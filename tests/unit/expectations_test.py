#!/usr/bin/env python3
"""How tests/run_programs.py reads expectations and compares findings with them: no program is run."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import run_programs as programs  # noqa: E402  (found by the line above)


def want(text, conditions=()):
    parsed = programs.parse_want(f"leak: {text}", "case/leak.go", 7, conditions)
    return parsed and parsed[1]


def finding(cause="substring", count=100, **details):
    report = {"cause": cause, "verdict": "proven", "count": count, **details}
    return programs.read_findings({"findings": [report]})[0]


AT_LINE_7 = {"where": {"function": "case.Leak", "file": "/src/case/leak.go", "line": 7}}
AT_LINE_8 = {"where": {"function": "case.Leak", "file": "/src/case/leak.go", "line": 8}}


class Reading(unittest.TestCase):
    def test_words_come_in_any_order(self):
        a = want("substring proven 100 wasted=5 retained=6 holder=map[int]*main.a go>=1.22 asynctimerchan=0")
        b = want("substring proven 100 go>=1.22 holder=map[int]*main.a retained=6 asynctimerchan=0 wasted=5")
        self.assertEqual(a, b)
        self.assertEqual((a.wasted, a.retained, a.holder), (5, 6, "map[int]*main.a"))

    def test_what_is_not_understood_is_refused(self):
        for rest in ("wasted=1 wasted=2", "wasted=1KiB", "go>1.22", "go>=2.0", "holder=", "sometimes", "go >=1.22"):
            self.assertIsNone(want(f"substring proven 100 {rest}"), rest)
        self.assertIsNone(want("substring proven many"))

    def test_conditions_must_all_hold(self):
        item = want("ticker proven 500 go>=1.23 go<1.26 asynctimerchan=1", [("go>=1.", 24)])
        godebug = "asynctimerchan=1"
        self.assertEqual(
            [minor for minor in range(18, 28) if item.applies(f"1.{minor}.3", godebug)], [24, 25]
        )
        self.assertFalse(item.applies("1.24.3", ""))

    def test_timer_channels_changed_in_1_23_and_for_good_in_1_27(self):
        asynchronous = programs.timer_channels_are_asynchronous
        self.assertEqual([asynchronous(minor, "") for minor in (18, 22, 23, 26, 27)], [1, 1, 0, 0, 0])
        self.assertEqual(
            [asynchronous(minor, "x=1,asynctimerchan=1") for minor in (18, 22, 23, 26, 27)], [1, 1, 1, 1, 0]
        )


class Comparing(unittest.TestCase):
    def fits(self, text, **details):
        return want(text).matches(finding(**details))

    def test_a_finding_with_a_line_stands_there(self):
        self.assertTrue(self.fits("substring proven 100", **AT_LINE_7))
        self.assertFalse(self.fits("substring proven 100", **AT_LINE_8))
        self.assertFalse(self.fits("substring proven 100 holder=main.a", holder="main.a", **AT_LINE_8))

    def test_a_finding_without_a_line_is_known_by_its_holder(self):
        self.assertTrue(self.fits("substring proven 100 holder=main.a", holder="[]main.a, .name"))
        self.assertFalse(self.fits("substring proven 100 holder=main.a", holder="[]main.b, .name"))
        self.assertFalse(self.fits("substring proven 100 holder=main.a"))
        self.assertTrue(self.fits("substring proven 100", holder="anything"))
        self.assertTrue(self.fits("substring proven 100", where={"function": "case.Leak"}))

    def test_cause_verdict_and_count_are_exact(self):
        self.assertFalse(self.fits("subslice proven 100"))
        self.assertFalse(self.fits("substring suspect 100"))
        self.assertFalse(self.fits("substring proven 99"))

    def test_bytes_may_miss_by_a_thousandth_or_four_kibibytes(self):
        for name in ("wasted", "retained"):
            for wanted, most in ((0, 4096), (100, 4096), (4096000, 4096), (100000000, 100000)):
                for sign in (-1, 1):
                    for missed, fits in ((0, True), (most, True), (most + 1, False)):
                        found = wanted + sign * missed
                        if found >= 0:
                            bytes_found = {f"{name}_bytes": found}
                            text = f"substring proven 100 {name}={wanted}"
                            self.assertEqual(self.fits(text, **bytes_found), fits, (text, found))

    def test_unknown_bytes_are_none(self):
        self.assertFalse(self.fits("substring proven 100 wasted=1000000"))

    def test_a_want_gives_way_to_one_that_fits_nothing_else(self):
        wants = [want("substring proven 100"), want("substring proven 100 holder=b")]
        found = [finding(holder="ab"), finding(holder="a")]
        self.assertEqual(programs.pair_up(wants, found), ([], []))
        self.assertEqual(programs.pair_up(wants, found[:1]), (wants[1:], []))
        self.assertEqual(programs.pair_up(wants, found[1:]), (wants[1:], []))

    def test_one_finding_serves_one_want_and_one_too_many_is_told(self):
        item, other = want("substring proven 100"), finding(cause="ticker")
        self.assertEqual(programs.pair_up([item, item], [finding()]), ([item], []))
        self.assertEqual(programs.pair_up([item], [finding(), finding()]), ([], [finding()]))
        self.assertEqual(programs.pair_up([], [other]), ([], [other]))


if __name__ == "__main__":
    unittest.main()
