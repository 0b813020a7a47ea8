#!/usr/bin/env python3
"""docs/json.md names every key that the golden reports and the schema have, and the schema every key of the reports."""

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


def named_by(schema):
    """The keys that a schema names, at any depth."""
    if isinstance(schema, dict):
        for key, inner in schema.items():
            if key == "properties":
                yield from inner
            yield from named_by(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from named_by(inner)


class Docs(unittest.TestCase):
    def setUp(self):
        self.documented = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "json.md").read_text(encoding="utf-8")))
        schema = (ROOT / "docs" / "schema" / "seep-1.schema.json").read_text(encoding="utf-8")
        self.in_schema = set(named_by(json.loads(schema)))

    def test_every_key_is_documented(self):
        reports = sorted((ROOT / "tests" / "golden").glob("report*.json"))
        self.assertTrue(reports)
        for path in reports:
            keys = set(keys_of(json.loads(path.read_text(encoding="utf-8"))))
            self.assertEqual(keys - self.documented, set(), path.name)
            self.assertEqual(keys - self.in_schema, set(), path.name)

    def test_every_key_of_the_schema_is_documented(self):
        self.assertGreater(len(self.in_schema), 50)
        self.assertEqual(self.in_schema - self.documented, set())


if __name__ == "__main__":
    unittest.main()
