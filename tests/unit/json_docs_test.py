#!/usr/bin/env python3
"""docs/json.md names every key that the golden reports have."""

import json
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Its keys are states, not names of the schema.
FREE_KEYS = {"by_state"}


def keys_of(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in FREE_KEYS:
                yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


class Docs(unittest.TestCase):
    def test_every_key_is_documented(self):
        documented = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "json.md").read_text(encoding="utf-8")))
        reports = sorted((ROOT / "tests" / "golden").glob("report*.json"))
        self.assertTrue(reports)
        for path in reports:
            keys = set(keys_of(json.loads(path.read_text(encoding="utf-8"))))
            self.assertEqual(keys - documented, set(), path.name)


if __name__ == "__main__":
    unittest.main()
